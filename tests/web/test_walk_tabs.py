"""What is done on one page of the real server is seen on another that is open beside it, without a reload."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.emulators import Emulators
from tests.emulators.scenario import Gate, Scenario
from tests.web.conftest import provider, watched
from tests.web.test_lineage_page import Maker
from tests.web.test_whole_way import Studio, create

pytestmark = pytest.mark.browser
NANO, GROK = "google/gemini-3.1-flash-image", "xai/grok-imagine-image"


@pytest.fixture(scope="module")
def studio(emulator_servers: Emulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    made = Studio(tmp_path_factory.mktemp("tabs") / "data", emulator_servers)
    made.environment |= {"GEMINI_API_KEY": emulator_servers.google.key}
    made.start()
    yield made
    made.stop()


@pytest.fixture
def pages(browser: Browser, studio: Studio, emulators: Emulators) -> Iterator[tuple[Page, Page]]:
    with watched(browser, studio.url) as one, watched(browser, studio.url) as two:
        yield one, two


def edited(maker: Maker, of: Any, text: str) -> Any:
    """A run that makes another picture from this one."""
    image = of["images"][0]
    return maker.call("POST", "/api/runs", {"text": text, "models": [NANO], "images": [{"sha256": image["sha256"], "role": "edit"}],
                                            "parent": {"tile": of["id"], "picture": image["id"]}})  # fmt: skip


def test_a_key_and_a_cap_given_on_one_page_hold_on_the_other(pages: tuple[Page, Page], emulators: Emulators) -> None:
    one, two = pages
    grok = two.get_by_role("checkbox", name=re.compile("^Grok Imagine Image"))
    expect(two.get_by_role("group", name="Models")).to_be_visible()
    one.get_by_role("link", name="Models", exact=True).click()
    card = provider(one, "xAI")
    card.get_by_label(re.compile("key", re.IGNORECASE)).first.fill(emulators.xai.key)
    card.get_by_role("button", name=re.compile("^(Use|Save|Try)")).first.click()
    expect(one.get_by_text(f"…{emulators.xai.key[-4:]}").first).to_be_visible()
    expect(grok.first).to_be_attached()
    Maker(one).call("PUT", "/api/caps", {"run": None, "day": 7_000_000})
    for page in pages:
        expect(page.locator(".spend")).to_contain_text("of $7.00")


def test_a_tree_that_is_open_grows_and_is_marked_with_what_another_page_does(
    pages: tuple[Page, Page], emulators: Emulators
) -> None:
    one, two = pages
    maker, gate = Maker(one), Gate()
    first = maker.ended(
        maker.call("POST", "/api/runs", {"text": "a bell on a rope", "models": [NANO]})["tiles"][0]["id"]
    )
    two.goto(f"/lineage/{first['id']}")
    items = two.get_by_role("treeitem")
    expect(items).to_have_count(1)
    emulators.google.play(Scenario(gate=gate))
    child = edited(maker, first, "at night")["tiles"][0]["id"]
    expect(items).to_have_count(2)
    expect(items.nth(1)).to_contain_text("under way")
    gate.release()
    expect(items.nth(1).locator("img")).to_be_visible()
    one.goto(f"/lineage/{child}")
    expect(one.locator(f"#node-{child}")).to_be_focused()
    one.keyboard.press("p")
    for page in pages:
        expect(page.locator(f"#node-{child}")).to_contain_text("pinned")
    one.keyboard.press("k")
    for page in pages:
        expect(page.locator(f"#node-{child}")).to_contain_text("Key visual")
    one.goto(f"/lineage/{first['id']}")
    expect(one.locator(f"#node-{first['id']}")).to_be_focused()
    one.keyboard.press("ArrowRight")
    one.keyboard.press("Delete")
    for page in pages:
        expect(page.locator(f"#node-{child}")).to_have_count(0)
    one.get_by_role("button", name="Undo").last.click()
    expect(two.locator(f"#node-{child}")).to_be_visible()


def test_a_batch_paused_and_a_pick_made_on_one_page_show_on_the_other(
    pages: tuple[Page, Page], emulators: Emulators
) -> None:
    one, two = pages
    gate = Gate()
    emulators.google.play(Scenario(gate=gate, times=0))
    create(one, f"a {{{', '.join(f'tone{n}' for n in range(12))}}} vase --m {NANO}")
    gate.wait_reached()
    for page in pages:
        page.get_by_role("link", name="Queue").click()
        expect(page.locator(".batch")).to_be_visible()
    one.locator(".batch").get_by_role("button", name="Pause").click()
    for page in pages:
        expect(page.locator(".batch").get_by_role("alert")).to_contain_text("Paused.")
    one.locator(".batch").get_by_role("button", name="Resume").click()
    expect(two.locator(".batch").get_by_role("button", name="Pause")).to_be_visible()
    emulators.google.reset()
    gate.release()
    for page in pages:
        expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible(timeout=60_000)

    for page in pages:
        page.get_by_role("link", name="Studio", exact=True).click()
    create(one, f"a chess piece --blind --m {NANO},{GROK}")
    for page in pages:
        row = page.get_by_role("region", name=re.compile("^a chess piece"))
        expect(row.locator("img.picture.in")).to_have_count(2, timeout=30_000)
        expect(row.get_by_role("group", name=re.compile("Gemini"))).to_have_count(0)
    two.goto("/ranking")
    row = one.get_by_role("region", name=re.compile("^a chess piece"))
    row.locator(".frame").first.focus()
    one.keyboard.press("Enter")
    expect(one.get_by_role("dialog", name="Side by side").locator("figure")).to_have_count(2)
    one.keyboard.press("1")
    expect(two.get_by_role("heading", name=re.compile("is leaning ahead"))).to_be_visible()
    two.get_by_role("link", name="Studio", exact=True).click()
    expect(
        two.get_by_role("region", name=re.compile("^a chess piece")).get_by_role("group", name=re.compile("Gemini"))
    ).to_be_visible()
