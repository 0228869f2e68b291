"""What leaves the studio and what comes back, on the real server: a key visual and its kit in two tabs, a client in the
ranking, a grid as one file that opens from disk, a row again without its makers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.emulators import Emulators
from tests.web.conftest import watched, with_axe
from tests.web.test_late import Held
from tests.web.test_studio import until
from tests.web.test_whole_way import Studio, create, done

pytestmark = pytest.mark.browser
POSTER = 'a poster that says "Tea at Dawn" --size 256x256'
PAINTERS = ("demo/aurora", "demo/mosaic")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, emulator_servers: Emulators) -> Iterator[Studio]:
    """One server for this file."""
    made = Studio(tmp_path_factory.mktemp("delivery") / "data", emulator_servers)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def page(browser: Browser, studio: Studio) -> Iterator[Page]:
    with watched(browser, studio.url) as opened:
        yield opened


def ask(page: Page, method: str, path: str, body: Any = None) -> Any:
    headers = {"X-Triptych-Session": page.request.get("/api/state").json()["session"]}
    answer = page.request.fetch(path, method=method, headers=headers, data=None if body is None else json.dumps(body))
    assert answer.ok, answer.text()
    return answer.json()


@pytest.mark.timeout(240)
def test_a_key_visual_offers_its_kit_which_two_tabs_share_and_a_client_is_counted(page: Page, axe: str) -> None:
    create(page, POSTER)
    done(page, 2)
    first = page.locator(".tile[data-state=done]").first
    first.get_by_role("button", name=re.compile("^More")).click()
    page.get_by_role("menuitem", name="This is the key visual").click()
    expect(first).to_contain_text("◆ Key visual")
    first.get_by_role("button", name="Make the kit").click()
    expect(page.locator(".formats .card")).to_have_count(4)
    way = page.locator(".kit-way")
    expect(way).to_contain_text("◆ Key visual of its family · the first of its family")
    expect(way.get_by_role("list", name="Place in the lineage").get_by_role("link")).to_have_count(1)
    headline = page.locator(".card").first.get_by_role("list", name="Headlines")
    expect(headline).to_have_text(re.compile("^Headline “Tea at Dawn”: (not checked|not found|found)"), timeout=90_000)

    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator(".formats .card")).to_have_count(4)
    page.bring_to_front()
    page.get_by_label("Name of the kit").fill("Harbour")
    page.get_by_label("Name of the kit").press("Tab")
    page.get_by_role("group", name="Add a format").get_by_role("button", name="A4").click()
    expect(page.locator(".formats .card")).to_have_count(5)
    other.bring_to_front()
    expect(other.get_by_label("Name of the kit")).to_have_value("Harbour")
    expect(other.locator(".formats .card")).to_have_count(5)

    kit = page.url.rpartition("/")[2]
    sheet = ask(page, "POST", f"/api/kits/{kit}/sheets", {"of": "row"})
    answers = [{"letter": "A", "vote": "yes"}, {"letter": "B", "vote": "no"}]
    votes = {"triptych": "votes/1", "sheet": sheet["id"], "ballot": "ab" * 8, "client": "Ada", "pictures": answers}
    ask(page, "POST", "/api/votes", votes)
    take = other.get_by_role("button", name="Take Ada into your ranking")  # it came by the stream
    take.click()
    other.get_by_role("group", name="What did Ada answer?").get_by_role("button", name="Closer to the brief").click()
    other.get_by_role("button", name="Undo").focus()  # the word at the edge stays as long as it has the focus
    expect(other.get_by_text("Ada counts in your ranking now: 1 pick.")).to_be_visible()
    expect(other.get_by_role("button", name="Take Ada out of your ranking")).to_be_visible()
    page.bring_to_front()
    expect(page.get_by_text("counts in your ranking", exact=True)).to_be_visible()
    with_axe(page, axe)
    found = page.evaluate("axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'] })")
    assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == []

    page.goto("/ranking")
    page.get_by_role("group", name="Whose picks").get_by_role("button", name="Of clients").click()
    expect(page.get_by_role("heading", name="1 pick")).to_be_visible()
    expect(page.get_by_text(re.compile("closer to the brief · of a client"))).to_be_visible()
    assert page.get_by_role("link", name="Export").get_attribute("href") == "/api/picks?download=1&source=client"
    other.bring_to_front()
    other.get_by_role("button", name="Undo").click()
    expect(other.get_by_role("button", name="Take Ada into your ranking")).to_be_visible()
    assert page.request.get("/api/picks").json()["picks"] == []
    late = Held(other, "**/picks", answered=True, method="POST")
    take.click()
    other.get_by_role("group", name="What did Ada answer?").get_by_role("button", name="Prettier").click()
    late.until()
    other.keyboard.press("Control+z")
    with other.expect_response(lambda told: told.request.method == "DELETE"):  # undo has waited for the answer
        late.let_go()
    assert page.request.get("/api/picks").json()["picks"] == []

    page.bring_to_front()
    page.goto("/gallery?q=keyvisual:yes")
    expect(page.get_by_role("option")).to_have_count(1)
    expect(page.get_by_role("option")).to_have_accessible_name(re.compile("key visual"))


@pytest.mark.timeout(240)
def test_a_grid_opens_from_disk_and_its_pictures_grow(page: Page, browser: Browser, tmp_path: Path, axe: str) -> None:
    axes = [
        {"kind": "model", "values": list(PAINTERS)},
        {"kind": "parameter", "name": "size", "values": ["192x192", "320x180"]},
    ]
    ask(page, "POST", "/api/grids", {"text": "a kettle, dawn", "models": [PAINTERS[0]], "axes": axes})
    row = page.locator(".row").last
    expect(row.locator(".tile[data-state=done]")).to_have_count(4, timeout=90_000)
    kept = {}
    for name, label in (("html", "one page"), ("csv", "as CSV"), ("json", "as JSON")):
        with page.expect_download() as got:
            row.get_by_role("link", name=label).click()
        assert got.value.suggested_filename.endswith(f".{name}")
        kept[name] = tmp_path / got.value.suggested_filename
        got.value.save_as(kept[name])
    assert len(json.loads(kept["json"].read_text("utf-8"))["cells"]) == 4
    assert len(kept["csv"].read_text("utf-8").splitlines()) == 5

    context = browser.new_context(offline=True, reduced_motion="reduce", viewport={"width": 1100, "height": 800})
    sheet, asked, errors = context.new_page(), list[str](), list[str]()
    sheet.on("request", lambda request: asked.append(request.url.partition(":")[0]))
    sheet.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    sheet.goto(kept["html"].as_uri())
    expect(sheet.get_by_role("columnheader", name="Aurora")).to_be_visible()
    expect(sheet.get_by_role("rowheader", name="320x180")).to_be_visible()
    shots = sheet.get_by_role("button", name=re.compile("^Enlarge"))
    expect(shots).to_have_count(4)
    shots.first.focus()
    sheet.keyboard.press("Enter")
    big = sheet.get_by_role("dialog")
    expect(big.get_by_role("heading")).to_have_text("Aurora · 192x192")
    sheet.keyboard.press("ArrowDown")
    expect(big.get_by_role("heading")).to_have_text("Aurora · 320x180")
    sheet.keyboard.press("ArrowRight")
    expect(big.get_by_role("heading")).to_have_text("Mosaic · 320x180")
    expect(big.locator("#facts")).to_contain_text("free")
    sheet.keyboard.press("Escape")
    expect(shots.nth(3)).to_be_focused()
    until(lambda: sheet.evaluate("[...document.images].every(i => i.naturalWidth > 0 || !i.getAttribute('src'))"))
    sheet.evaluate(axe)
    found = sheet.evaluate("axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'] })")
    assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == []
    context.close()
    assert set(asked) <= {"file", "data"}
    assert errors == []


@pytest.mark.timeout(240)
def test_a_row_is_made_again_without_its_makers(page: Page) -> None:
    before = page.locator(".row").count()
    create(page, "a brass bell --size 256x256")
    expect(page.locator(".row")).to_have_count(before + 1)
    row = page.locator(".row").last
    expect(row.locator(".tile[data-state=done]")).to_have_count(2, timeout=90_000)
    row.get_by_role("button", name=re.compile("^Row: a brass bell")).click()
    page.get_by_role("menuitem", name="Run again, blind").click()
    expect(page.locator(".row")).to_have_count(before + 2)
    blind = page.locator(".row").last
    expect(blind.locator(".tile[data-state=done]")).to_have_count(2, timeout=90_000)
    expect(blind.get_by_text("Hidden until one is picked").first).to_be_visible()
    blind.get_by_role("button", name=re.compile("^Row: a brass bell")).click()
    expect(page.get_by_role("menuitem", name="Run again", exact=False).first).to_be_visible()
    expect(page.get_by_role("menuitem", name="Run again, blind")).to_have_count(0)
    page.keyboard.press("Escape")
    blind.locator(".frame").first.focus()
    page.keyboard.press("Enter")
    view = page.get_by_role("dialog", name="Side by side")
    pick = view.get_by_role("button", name="Pick A: the prettier one")
    expect(view.get_by_role("button", name="Reject A, in the gallery too")).to_be_visible()
    pick.click()
    expect(view.get_by_role("heading", name=re.compile("^You picked A"))).to_be_visible()
    expect(pick).to_have_attribute("aria-pressed", "true")
