"""Lineage in a real browser on the real server: the tree walked by keys, marks on it, and the key visual shown everywhere."""

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.emulators import Emulators
from tests.web.conftest import watched
from tests.web.test_late import Held
from tests.web.test_studio import heard
from tests.web.test_views import violations
from tests.web.test_whole_way import Studio

pytestmark = pytest.mark.browser
FINAL = {"done", "blocked", "failed", "cancelled", "lost"}


class Maker:
    """Makes pictures by the studio's own calls, small ones."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def call(self, method: str, path: str, body: Any = None) -> Any:
        state = self._page.request.get("/api/state").json()
        answer = self._page.request.fetch(path, method=method, headers={"X-Triptych-Session": state["session"]},
                                          data=json.dumps(body) if body is not None else None)  # fmt: skip
        assert answer.ok, answer.text()
        return answer.json()

    def make(self, text: str, model: str, of: Any = None) -> Any:
        body: dict[str, Any] = {"text": f"{text} --size 256x256", "models": [f"demo/{model}"]}
        if of is not None:
            image = of["images"][0]
            body |= {
                "images": [{"sha256": image["sha256"], "role": "edit"}],
                "parent": {"tile": of["id"], "picture": image["id"]},
            }
        tile = self.call("POST", "/api/runs", body)["tiles"][0]["id"]
        return self.ended(tile)

    def ended(self, tile: str) -> Any:
        for _ in range(1200):  # paintings on a busy machine
            found = self._page.request.get(f"/api/tiles/{tile}").json()["tile"]
            if found["state"] in FINAL:
                assert found["state"] == "done", found["error"]
                return found
            time.sleep(0.05)
        pytest.fail("a picture did not come")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, emulator_servers: Emulators) -> Iterator[Studio]:
    made = Studio(Path(tmp_path_factory.mktemp("lineage")) / "data", emulator_servers)
    made.start()
    yield made
    made.stop(signal.SIGTERM)


@pytest.fixture(scope="module")
def family(studio: Studio, browser: Browser) -> Any:
    """A first picture, two that were made from it, and one made from the second of these."""
    context = browser.new_context(base_url=studio.url)
    maker = Maker(context.new_page())
    first = maker.make("a steel kettle on basalt", "aurora")
    warm = maker.make("warmer light from the left", "woodcut", first)
    night = maker.make("at night", "mosaic", first)
    rain = maker.make("rain on the window behind it", "aurora", night)
    context.close()
    return first, warm, night, rain


@pytest.fixture
def page(studio: Studio, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    with watched(browser, studio.url, **getattr(request, "param", {})) as opened:
        yield opened


def item(page: Page, tile: Any) -> Any:
    return page.locator(f"#node-{tile['id']}")


def test_arrows_walk_the_tree_and_enter_opens(page: Page, family: Any) -> None:
    first, warm, night, rain = family
    page.goto("/")
    frame = page.locator(f"#{night['id']}")
    frame.focus()
    expect(frame).to_be_focused()
    page.keyboard.press("l")
    expect(page).to_have_url(re.compile(f"/lineage/{night['id']}$"))
    expect(page.get_by_role("heading", name="Lineage")).to_be_visible()
    expect(item(page, night)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(item(page, rain)).to_be_focused()
    page.keyboard.press("Home")
    expect(item(page, first)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(item(page, warm)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(item(page, first)).to_be_focused()
    expect(item(page, warm)).to_have_attribute("aria-level", "2")
    expect(item(page, warm).locator(".prompt").first).to_have_text("warmer light from the left")
    expect(item(page, warm).locator(".sub").first).to_have_text("changed · Woodcut")
    expect(item(page, rain)).to_have_attribute("aria-level", "3")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Side by side").locator("img").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Side by side")).to_have_count(0)


def test_a_picture_of_which_nothing_was_made_says_what_comes_next(page: Page, family: Any) -> None:
    first, _, _, rain = family
    page.goto(f"/lineage/{rain['id']}")
    ways = page.get_by_role("group", name="What next")
    expect(ways).to_contain_text("Nothing was made from this picture yet.")
    expect(ways.get_by_role("button")).to_have_text(["Edit…", "Vary…"])  # it is a final already
    ways.get_by_role("button", name="Vary…").click()
    expect(page.get_by_role("dialog", name="Vary ")).to_be_visible()
    page.keyboard.press("Escape")
    ways.get_by_role("button", name="Edit…").click()
    expect(page.get_by_role("dialog", name="Edit ")).to_be_visible()
    page.keyboard.press("Escape")
    item(page, first).click()
    expect(ways).to_have_count(0)
    maker = Maker(page)
    drawn = {"text": "a draft of a kite", "models": ["demo/woodcut"], "tier": "draft"}
    draft = maker.ended(maker.call("POST", "/api/runs", drawn)["tiles"][0]["id"])
    page.goto(f"/lineage/{draft['id']}")
    ways.get_by_role("button", name="Make final").click()
    expect(page).to_have_url(re.compile(r"/$"))  # in its row, where the final comes
    page.goto(f"/lineage/{draft['id']}")
    expect(page.get_by_role("treeitem")).to_have_count(2)


def test_a_branch_is_hidden_and_comes_back_and_one_is_pinned(page: Page, family: Any) -> None:
    first, warm, night, rain = family
    page.goto(f"/lineage/{first['id']}")
    expect(item(page, first)).to_be_focused()
    page.keyboard.press("End")
    expect(item(page, rain)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Delete")
    expect(item(page, night)).to_have_count(0)
    expect(item(page, rain)).to_have_count(0)
    expect(page.get_by_role("button", name="Show 1 hidden branch")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(item(page, rain)).to_be_visible()
    item(page, night).click()
    expect(item(page, night)).to_be_focused()
    page.keyboard.press("p")
    expect(item(page, night)).to_contain_text("pinned")
    nodes = page.get_by_role("treeitem")
    expect(nodes.nth(1)).to_have_id(f"node-{night['id']}")  # before the other one now
    page.keyboard.press("p")
    expect(nodes.nth(1)).to_have_id(f"node-{warm['id']}")


def test_undo_waits_for_a_mark_that_shows_already_but_is_not_answered(page: Page, family: Any) -> None:
    first, _, _, rain = family
    page.goto(f"/lineage/{first['id']}")
    item(page, rain).click()
    expect(item(page, rain)).to_be_focused()
    late = Held(page, "**/api/lineage/*", answered=True, method="PATCH")
    page.keyboard.press("p")
    late.until()
    expect(item(page, rain)).to_contain_text("pinned")  # the stream told it
    page.keyboard.press("Control+z")
    late.let_go()
    late.until()
    late.let_go()
    expect(item(page, rain)).not_to_contain_text("pinned")
    page.keyboard.press("Control+z")
    expect(page.get_by_text("There is nothing to undo.")).to_be_visible()  # what is taken back is no step of its own


def test_an_older_tree_does_not_take_the_place_of_a_newer_one(page: Page, family: Any) -> None:
    first, _, _, rain = family
    maker = Maker(page)
    page.goto(f"/lineage/{first['id']}")
    expect(item(page, rain)).to_be_visible()
    trees = Held(page, "**/api/lineage/*", answered=True, method="GET")

    def pinned() -> list[bool]:  # what each answer says that is held; there may be more of them than changes
        return [one["pinned"] for told in trees.answers() for one in told["nodes"] if one["tile"] == rain["id"]]

    maker.call("PATCH", f"/api/lineage/{rain['id']}", {"pinned": True})
    heard(page, lambda: True in pinned())
    maker.call("PATCH", f"/api/lineage/{rain['id']}", {"pinned": False})
    heard(page, lambda: not pinned()[-1])
    trees.let_go(last_first=True)
    page.unroute("**/api/lineage/*")
    expect(item(page, rain)).not_to_contain_text("pinned")


def test_a_changed_key_pins(page: Page, family: Any) -> None:
    first, _, night, _ = family
    page.goto(f"/lineage/{first['id']}")
    page.evaluate("localStorage['key.lineage-pin'] = 'w'")
    page.reload()
    expect(item(page, first)).to_be_focused()
    item(page, night).click()
    expect(item(page, night)).to_be_focused()
    expect(page.get_by_role("toolbar", name="With this picture").get_by_role("button", name="Pin")).to_have_text(
        "Pin W"
    )
    page.keyboard.press("p")  # means nothing any more
    page.keyboard.press("w")
    expect(item(page, night)).to_contain_text("pinned")


def test_the_key_visual_is_marked_in_the_tree_on_the_tile_and_in_the_gallery(page: Page, family: Any) -> None:
    first, warm, *_ = family
    page.goto(f"/lineage/{warm['id']}")
    expect(item(page, warm)).to_be_focused()
    page.keyboard.press("k")
    expect(item(page, warm)).to_contain_text("Key visual")
    page.keyboard.press("Control+z")
    expect(item(page, warm)).not_to_contain_text("Key visual")
    page.keyboard.press("Control+z")
    expect(page.get_by_text("There is nothing to undo.")).to_be_visible()  # what is taken back is no step of its own
    page.keyboard.press("k")
    expect(item(page, warm)).to_contain_text("Key visual")
    page.keyboard.press("ArrowLeft")
    page.get_by_role("toolbar", name="With this picture").get_by_role("button", name="Key visual").click()
    expect(page.get_by_text("Now the key visual of its family, in place of another.")).to_be_visible()
    expect(item(page, warm).locator(".signs")).to_have_count(0)
    page.goto("/")
    expect(page.locator(f"#{first['id']}")).to_contain_text("Key visual")
    expect(page.locator(f"#{warm['id']}")).not_to_contain_text("Key visual")
    page.goto("/gallery")
    expect(page.get_by_role("option", name=re.compile("key visual"))).to_have_count(1)


@pytest.mark.parametrize("page", [{"color_scheme": "light"}, {"color_scheme": "dark", "viewport": {"width": 390, "height": 780}, "has_touch": True}], indirect=True)  # fmt: skip
def test_axe_finds_nothing_and_nothing_is_wider_than_the_page(page: Page, family: Any, axe: str) -> None:
    page.goto(f"/lineage/{family[2]['id']}")
    expect(item(page, family[3])).to_be_visible()
    expect(page.locator(".twig img").first).to_be_visible()
    assert violations(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
