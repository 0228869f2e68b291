"""Rows of several prompts, and rows whose makers stay hidden until a picture is picked."""

import re

import pytest
from playwright.sync_api import expect
from tests.web.conftest import Opener
from tests.web.test_studio import FOUR, PAIR

pytestmark = pytest.mark.browser


def test_a_tile_says_which_prompt_it_is(visit: Opener) -> None:
    page = visit(runs=[("a {red, green} kettle", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    expect(page.locator(".cap .own")).to_have_text(["red", "red", "green", "green"])
    expect(page.get_by_role("group", name="C, Aurora, green, done")).to_be_visible()
    for n in (1, 3):
        page.locator(".frame").nth(n).focus()
        page.keyboard.press("c")
    page.keyboard.press("Enter")
    view = page.get_by_role("dialog", name="Side by side")
    expect(view.locator("figcaption")).to_have_text(["B Woodcut · red", "D Woodcut · green"])


def test_a_blind_row_hides_its_makers_until_one_is_picked(visit: Opener) -> None:
    page = visit(runs=[("harbour google!failed --blind", [*FOUR, "openai/gpt-image-2"])])
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    rows = page.locator(".rows")
    expect(rows.locator(".tile[data-state=done] .picture")).to_have_count(4)
    for name in ("Aurora", "Seedream", "ByteDance", "Google", "Grok", "xAI", "$0.03", "commercial"):
        assert name not in rows.locator(".tiles").inner_html(), name
    page.locator(".tile[data-state=done] .frame").first.focus()
    page.keyboard.press("i")
    panel = page.get_by_role("complementary", name="Inspector")
    expect(panel).to_contain_text("Hidden until one of this row is picked")
    expect(panel.get_by_text("SHA-256")).to_have_count(0)
    page.get_by_role("button", name="Close the inspector").click()
    before = rows.locator(".frame").evaluate_all("es => es.map(e => e.id)")
    page.keyboard.press("Enter")
    view = page.get_by_role("dialog", name="Side by side")
    expect(view.get_by_role("button", name=re.compile("^Pick "))).to_have_count(4)
    assert not re.search("Aurora|Seedream|Grok|GPT|free", view.inner_text())
    page.keyboard.press("2")
    expect(view.get_by_role("heading")).to_have_text(re.compile(r"^You picked [A-E]: \w"))
    expect(view.locator("figure", has_text="Seedream 5")).to_be_visible()
    expect(view.get_by_role("row", name=re.compile("^Cost"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(view).to_have_count(0)
    expect(page.locator(".tile[data-state=done] .frame").first).to_be_focused()
    expect(rows.get_by_text("ByteDance")).to_be_visible()
    assert rows.locator(".frame").evaluate_all("es => es.map(e => e.id)") == before
    page.reload()
    expect(rows.get_by_text("ByteDance")).to_be_visible()


def test_a_row_hidden_elsewhere_goes_away(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR), ("forest", PAIR)])
    expect(page.locator(".row")).to_have_count(2)
    page.request.delete("/api/runs/run_0001", headers={"X-Triptych-Session": "session-keys"})
    expect(page.locator(".row")).to_have_count(1)
    expect(page.get_by_role("heading", name="forest")).to_be_visible()
