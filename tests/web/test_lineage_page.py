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
        for _ in range(600):
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
    options = getattr(request, "param", {})
    context = browser.new_context(**{"base_url": studio.url, "viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce", **options})  # fmt: skip
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    yield opened
    context.close()
    assert errors == []


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


def test_the_key_visual_is_marked_in_the_tree_on_the_tile_and_in_the_gallery(page: Page, family: Any) -> None:
    first, warm, *_ = family
    page.goto(f"/lineage/{warm['id']}")
    expect(item(page, warm)).to_be_focused()
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
    expect(page.locator(".card img").first).to_be_visible()
    assert violations(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
