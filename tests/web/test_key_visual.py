"""The guide *Make a key visual in ten minutes*, step by step, on a real server with the offline painters."""

import base64
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Locator, Page, expect
from pypdf import PdfReader
from tests.web.conftest import watched
from tests.web.test_pictures import started
from tests.web.test_studio import until
from tests.web.test_views import scales
from tests.web.test_whole_way import Studio, create, done
from tests.web.test_whole_way import studio as studio  # noqa: PLC0414 - fixtures are found by their names

pytestmark = pytest.mark.browser
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "key-visual.md"


@pytest.fixture
def page(browser: Browser, studio: Studio) -> Iterator[Page]:
    with watched(browser, studio.url) as opened:
        yield opened


class Walk:
    """What a step leaves for the next."""

    def __init__(self, page: Page, browser: Browser, folder: Path) -> None:
        self.page, self.browser, self.folder = page, browser, folder


def say(walk: Walk) -> None:
    prompt = re.search(r"^    (\S.*)$", GUIDE.read_text("utf-8"), re.MULTILINE)
    assert prompt is not None
    create(walk.page, prompt[1])
    done(walk.page, 2)


def compare(walk: Walk) -> None:
    page = walk.page
    page.keyboard.press("Escape")
    expect(page.locator(".frame").first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".frame").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    view = page.get_by_role("dialog", name="Side by side")
    expect(view.locator("figure")).to_have_count(2)
    page.wait_for_function(
        "() => [...document.querySelectorAll('dialog img')].every(e => e.complete && e.naturalWidth > 0)"
    )
    page.keyboard.press("+")
    until(lambda: scales(page) == [(1.5, 0, 0)] * 2)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    first, second = scales(page)
    assert first == second
    assert (first[0], first[1] < 0, first[2] < 0) == (1.5, True, True)
    page.keyboard.press("-")
    until(lambda: scales(page) == [(1, 0, 0)] * 2)


def pick(walk: Walk) -> None:
    page = walk.page
    with page.expect_response("**/api/picks") as kept:
        page.keyboard.press("1")
    assert kept.value.status == 201
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".tile").get_by_role("img", name=re.compile("^Picked: "))).to_have_text("picked")


def edit(walk: Walk) -> None:
    """The mask by mouse and by keys; outside of it the pictures that come are the one they came of."""
    page = walk.page
    expect(page.locator(".frame").nth(1)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".frame").first).to_be_focused()
    page.keyboard.press("e")
    editor = page.get_by_role("dialog", name=re.compile("^Edit"))
    canvas = editor.locator("mask-canvas:not([aria-busy])")
    expect(canvas).to_be_focused()
    box = canvas.locator("img").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.35 * box["width"], box["y"] + 0.55 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.65 * box["width"], box["y"] + 0.65 * box["height"], steps=4)
    page.mouse.up()
    share = editor.get_by_text("% to be changed")
    painted = str(share.text_content())
    for key in ("Shift+ArrowUp", "Shift+ArrowUp", " "):
        page.keyboard.press(key)
    expect(share).not_to_have_text(painted)
    editor.get_by_label("What should change").fill("a brass kettle on basalt, dawn")
    editor.get_by_role("switch", name="Keep the outside exactly").check()
    for chip in editor.get_by_role("checkbox").all():
        chip.set_checked(bool(re.match("Aurora|Mosaic", str(chip.locator("xpath=..").text_content()))), force=True)
    asked, _ = started(page, lambda: editor.get_by_role("button", name="Make the edit").click())
    expect(editor).to_have_count(0)
    done(page, 4)
    mask = np.asarray(picture(page, f"/api/uploads/{asked['mask']}").getchannel("A"))
    assert 0.01 < (mask < 255).mean() < 0.5
    edited, drawn = page.request.get("/api/runs").json()["runs"][:2]
    source = picture(page, drawn["tiles"][0]["images"][0]["url"])
    for tile in edited["tiles"]:
        by = np.asarray(ImageChops.difference(source, picture(page, tile["images"][0]["url"]))).max(axis=2)
        assert (by[mask == 0] > 0).mean() > 0.5
        assert by[mask == 255].max() == 0
        assert (
            tile["images"][0]["restored"]["words"]
            == "This model changed nothing outside your mask before it was restored"
        )


def picture(page: Page, path: str) -> Image.Image:
    """As the server has it."""
    image = Image.open(io.BytesIO(page.request.get(path).body()))
    return image if image.mode == "RGBA" else image.convert("RGB")


def formats(walk: Walk) -> None:
    page = walk.page
    expect(page.locator(".frame").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".frame").nth(2)).to_be_focused()
    page.keyboard.press("f")
    expect(page.locator(".formats .card")).to_have_count(4)
    page.get_by_role("group", name="Add a format").get_by_role("button", name="A4").click()
    wide = page.get_by_role("application", name=re.compile("^16:9"))
    wide.focus()
    with page.expect_response(re.compile("/takes/")) as moved:
        page.keyboard.press("ArrowDown")
    assert moved.value.ok
    expect(page.locator(".formats .card")).to_have_count(5)
    expect(page.get_by_text("Story controls")).to_be_visible()


def make(walk: Walk) -> None:
    page = walk.page
    page.get_by_role("button", name="Make 9:16 with a model").click()
    dialog = page.get_by_role("dialog", name="Make formats")
    for chip in dialog.get_by_role("group", name="Models to make them").get_by_role("checkbox").all():
        chip.set_checked("Aurora" in str(chip.locator("xpath=..").text_content()), force=True)
    expect(dialog.get_by_role("status")).to_have_text("1 picture, free")
    dialog.get_by_role("button", name="Make", exact=True).click()
    expect(dialog).to_have_count(0)
    takes = page.get_by_role("group", name="Takes of 9:16").get_by_role("button")
    take = takes.filter(has=page.locator("img")).nth(1)
    expect(take).to_be_visible(timeout=60_000)
    take.click()
    expect(take).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".card").filter(has_text="9:16").locator(".name")).to_contain_text("aurora_v2")


def deliver(walk: Walk) -> None:
    page = walk.page
    page.get_by_role("button", name="JPEG").click()
    with page.expect_download() as got:
        page.get_by_role("link", name="Export ZIP").click()
    path = walk.folder / got.value.suggested_filename
    got.value.save_as(path)
    with zipfile.ZipFile(path) as archive:
        side = json.loads(archive.read("kit.json"))
        sizes = [Image.open(io.BytesIO(archive.read(each["file"]))).size for each in side["files"]]
        assert sizes == [(1080, 1080), (1080, 1350), (1080, 1920), (1920, 1080), (2480, 3508)]
        assert all(each["receipt"]["file"] in archive.namelist() for each in side["files"])
        assert {each["way"] for each in side["files"]} == {"crop", "outpaint"}


def sheet(walk: Walk) -> None:
    page = walk.page
    kept(walk, "sheet.html", page.get_by_role("button", name="Make a sheet"))
    paper = PdfReader(kept(walk, "sheet.pdf", page.get_by_role("link", name="Contact sheet, PDF")))
    assert [len(each.images) for each in paper.pages] == [5]
    said = paper.pages[0].extract_text()
    assert all(
        words in said
        for words in ("A 1:1, 1080 × 1080", "E A4, 2480 × 3508", "Aurora", "a brass kettle on basalt, dawn")
    )
    page.get_by_role("button", name="All of the row").click()
    page.get_by_role("switch", name="Letters only").check()
    blind = kept(walk, "letters.html", page.get_by_role("button", name="Make a sheet")).read_text("utf-8")
    shown = re.findall(r'src="data:image/webp;base64,([^"]+)"', blind)
    assert len(shown) == 2
    for part in (re.sub(r'base64,[^"]+', "", blind).encode(), *map(base64.b64decode, shown)):
        assert not re.search(rb"aurora|mosaic|demo/|painter", part, re.IGNORECASE)
    with at_the_client(walk, "sheet.html") as client:
        cards = client.locator(".card")
        expect(cards).to_have_count(5)
        cards.nth(0).get_by_label("Yes").focus()
        client.keyboard.press("Space")
        cards.nth(0).get_by_label("About A").fill("This one, a little warmer <b>please</b>")
        cards.nth(0).get_by_label(re.compile("^Place of A")).select_option("1")
        cards.nth(1).get_by_label("No", exact=True).check(force=True)
        client.get_by_label("Your name").fill("Ada")
        expect(client.get_by_role("status")).to_have_text("2 of 5 answered")
    with at_the_client(walk, "letters.html") as client:
        cards = client.locator(".card")
        expect(cards).to_have_count(2)
        for card, place in ((0, "2"), (1, "1")):
            cards.nth(card).get_by_label(re.compile("^Place of")).select_option(place)
        client.get_by_label("Your name").fill("Grace")


def kept(walk: Walk, name: str, press: Locator) -> Path:
    """The file that comes when this is pressed."""
    with walk.page.expect_download() as got:
        press.click()
    path = walk.folder / name
    got.value.save_as(path)
    return path


@contextmanager
def at_the_client(walk: Walk, name: str) -> Iterator[Page]:
    """A client's telephone with this sheet, offline; at last the answers are saved beside it."""
    context = walk.browser.new_context(offline=True, reduced_motion="reduce", viewport={"width": 390, "height": 844})
    client, asked = context.new_page(), list[str]()
    client.on("request", lambda request: asked.append(request.url.partition(":")[0]))
    client.goto((walk.folder / name).as_uri())
    yield client
    with client.expect_download() as saved:
        client.get_by_role("button", name="Save my answers").click()
    saved.value.save_as(walk.folder / name.replace(".html", ".votes.json"))
    assert set(asked) <= {"file", "data", "blob"}
    context.close()


def back(walk: Walk) -> None:
    page = walk.page
    field = page.get_by_label(re.compile("^Votes from a client"))
    field.set_input_files([walk.folder / "sheet.votes.json", walk.folder / "letters.votes.json"])
    expect(page.get_by_role("heading", name="2 clients answered")).to_be_visible()
    card = page.locator(".card").filter(has_text="1:1")
    expect(card).to_contain_text("1 yes, place 1")
    expect(card.get_by_text("This one, a little warmer <b>please</b>")).to_be_visible()
    expect(page.locator(".card").filter(has_text="4:5")).to_contain_text("1 no")
    expect(page.get_by_text("This sheet showed formats")).to_be_visible()
    into = page.get_by_role("button", name="Take Grace into your ranking")
    into.click()
    page.get_by_role("group", name="What did Grace answer?").get_by_role("button", name="Prettier").click()
    out = page.get_by_role("button", name="Take Grace out of your ranking")
    expect(out).to_be_visible()
    expect(page.get_by_text("counts in your ranking", exact=True)).to_be_visible()
    assert sorted(each["source"] for each in page.request.get("/api/picks").json()["picks"]) == ["client", "own"]
    out.click()
    expect(into).to_be_visible()
    assert [each["source"] for each in page.request.get("/api/picks").json()["picks"]] == ["own"]


STEPS: dict[str, Callable[[Walk], Any]] = {
    "Say what you want": say, "Compare": compare, "Pick": pick, "Edit": edit, "Choose the formats": formats,
    "Make what a crop cannot give": make, "Deliver": deliver, "Send a sheet": sheet, "Take the votes back": back,
}  # fmt: skip


@pytest.mark.timeout(240)
def test_the_guide_can_be_walked_from_its_first_step_to_its_last(page: Page, browser: Browser, tmp_path: Path) -> None:
    written = re.findall(r"^## (\d+)\. (.+)$", GUIDE.read_text("utf-8"), re.MULTILINE)
    assert [name for _, name in written] == list(STEPS)
    assert [int(number) for number, _ in written] == list(range(1, len(STEPS) + 1))
    walk = Walk(page, browser, tmp_path)
    for step in STEPS.values():
        step(walk)
