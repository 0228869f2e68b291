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
        expect(page.locator(".frame").nth(n).locator(".plate")).to_have_attribute("data-marked", "true")
    page.keyboard.press("Enter")
    view = page.get_by_role("dialog", name="Side by side")
    expect(view.locator("figcaption .called")).to_have_text(["B Woodcut · red", "D Woodcut · green"])


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
    view.get_by_text("What differs").click()
    expect(view.get_by_role("row", name=re.compile("^Cost"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(view).to_have_count(0)
    expect(page.locator(".tile[data-state=done] .frame").first).to_be_focused()
    expect(rows.get_by_text("ByteDance")).to_be_visible()
    assert rows.locator(".frame").evaluate_all("es => es.map(e => e.id)") == before
    page.reload()
    expect(rows.get_by_text("ByteDance")).to_be_visible()


def test_the_tiles_of_a_blind_row_are_told_together(visit: Opener) -> None:
    page = visit(runs=[("harbour xai!wait --blind", FOUR)])
    row = page.get_by_role("region", name="harbour")
    expect(row.get_by_text("3 of 4 are over")).to_be_visible()
    expect(row.locator(".tile[data-state=working]")).to_have_count(4)
    page.reload()
    expect(row.get_by_text("3 of 4 are over")).to_be_visible()
    same = {"X-Triptych-Session": "session-keys"}
    page.request.post("/api/tiles/tile_0002/cancel", headers=same, data={})
    expect(row.get_by_text("cost hidden")).to_be_visible()  # the number would tell whether that one was over
    expect(row.locator(".tile[data-state=working]")).to_have_count(4)
    page.request.post("/api/tiles/tile_0005/retry-now", headers=same, data={})
    expect(row.locator(".tile[data-state=done]")).to_have_count(4)
    assert not re.search("Aurora|Seedream|Grok|Gemini", row.inner_text())


def test_a_row_hidden_elsewhere_goes_away(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR), ("forest", PAIR)])
    expect(page.locator(".row")).to_have_count(2)
    page.request.delete("/api/runs/run_0001", headers={"X-Triptych-Session": "session-keys"})
    expect(page.locator(".row")).to_have_count(1)
    expect(page.get_by_role("heading", name="forest")).to_be_visible()


def test_pictures_that_were_seen_are_judged_without_their_makers(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    page.locator(".tile[data-state=done] .frame").first.focus()
    page.keyboard.press("Enter")
    view = page.get_by_role("dialog", name="Side by side")
    expect(view.locator("figcaption")).to_have_count(4)
    known = [re.sub(r"^\w+ ", "", text) for text in view.locator("figcaption .called").all_inner_texts()]
    page.evaluate("Math.random = () => 0")
    page.keyboard.press("b")
    expect(view.locator("figcaption .called")).to_have_text(["A", "B", "C", "D"])
    expect(view.get_by_role("button", name="Blind")).to_have_attribute("aria-pressed", "true")
    assert not [name for name in known if name in view.inner_html()]
    page.keyboard.press("2")
    expect(view.get_by_role("heading")).to_have_text(re.compile(r"^You picked [A-D]: \w"))
    assert page.request.get("/api/picks").json()["picks"][0]["blind"] is True
    assert [re.sub(r"^\w+ ", "", text) for text in view.locator("figcaption .called").all_inner_texts()] != [
        "A",
        "B",
        "C",
        "D",
    ]
    page.keyboard.press("b")
    page.keyboard.press("b")
    expect(view.get_by_role("button", name="Blind")).to_have_attribute("aria-pressed", "false")
