"""The guide *Make a key visual in ten minutes*, step by step, on a real server with the offline painters."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from tests.web.test_whole_way import create, done
from tests.web.test_whole_way import page as page  # noqa: PLC0414 - fixtures are found by their names
from tests.web.test_whole_way import studio as studio  # noqa: PLC0414

pytestmark = pytest.mark.browser
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "key-visual.md"


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
    walk.page.locator(".frame").first.focus()
    walk.page.keyboard.press("Enter")
    expect(walk.page.get_by_role("dialog", name="Side by side").locator("figure")).to_have_count(2)
    walk.page.keyboard.press("+")


def pick(walk: Walk) -> None:
    with walk.page.expect_response("**/api/picks") as kept:
        walk.page.keyboard.press("1")
    assert kept.value.status == 201
    walk.page.keyboard.press("Escape")
    expect(walk.page.get_by_role("dialog")).to_have_count(0)


def edit(walk: Walk) -> None:
    walk.page.locator(".frame").first.focus()
    walk.page.keyboard.press("e")
    editor = walk.page.get_by_role("dialog", name=re.compile("^Edit"))
    editor.get_by_label("What should change").fill("a brass kettle on basalt, dawn")
    for chip in editor.get_by_role("checkbox").all():
        chip.set_checked("Aurora" in str(chip.locator("xpath=..").text_content()), force=True)
    editor.get_by_role("button", name="Make the edit").click()
    expect(editor).to_have_count(0)
    done(walk.page, 3)


def formats(walk: Walk) -> None:
    page = walk.page
    page.locator(".frame").last.focus()
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
    with walk.page.expect_download() as got:
        walk.page.get_by_role("button", name="Make a sheet").click()
    path = walk.folder / "sheet.html"
    got.value.save_as(path)
    context = walk.browser.new_context(offline=True, reduced_motion="reduce")
    client = context.new_page()
    asked: list[str] = []
    client.on("request", lambda request: asked.append(request.url.partition(":")[0]))
    client.goto(path.as_uri())
    cards = client.locator(".card")
    expect(cards).to_have_count(5)
    cards.nth(0).get_by_label("Yes").focus()
    client.keyboard.press("Space")
    cards.nth(0).get_by_label("About A").fill("This one, a little warmer <b>please</b>")
    cards.nth(0).get_by_label(re.compile("^Place of A")).select_option("1")
    cards.nth(1).get_by_label("No", exact=True).check(force=True)
    client.get_by_label("Your name").fill("Ada")
    expect(client.get_by_role("status")).to_have_text("2 of 5 answered")
    with client.expect_download() as saved:
        client.get_by_role("button", name="Save my answers").click()
    saved.value.save_as(walk.folder / "ada.votes.json")
    assert set(asked) <= {"file", "data", "blob"}
    context.close()


def back(walk: Walk) -> None:
    page = walk.page
    page.get_by_label(re.compile("^Votes from a client")).set_input_files(walk.folder / "ada.votes.json")
    card = page.locator(".card").filter(has_text="1:1")
    expect(card).to_contain_text("1 yes, place 1")
    expect(card.get_by_text("This one, a little warmer <b>please</b>")).to_be_visible()
    expect(page.locator(".card").filter(has_text="4:5")).to_contain_text("1 no")
    expect(page.get_by_role("heading", name="1 client answered")).to_be_visible()


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
