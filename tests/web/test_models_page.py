"""The page of models: what is in use as cards, each other provider as a line that opens, and one field that looks through them."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.web.conftest import Opener, provider
from tests.web.test_views import violations

pytestmark = pytest.mark.browser
SOUGHT = "Find a provider or a model"
SCROLLED = "() => [document.body, document.documentElement, document.querySelector('main')].map(e => e.scrollTop)"


def used(page: Page) -> Locator:
    """The names of the cards."""
    return page.get_by_role("region", name="In use").locator(".card h3")


def line(page: Page, name: str) -> Locator:
    return page.locator(".lines > details").filter(has=page.locator("summary b", has_text=re.compile(f"^{name}$")))


def lines(page: Page) -> Locator:
    return page.locator(".lines > details > summary b").filter(visible=True)


def give(page: Page, name: str) -> None:
    """A key from elsewhere, which the page hears of."""
    headers = {"X-Triptych-Session": "session-first"}
    assert page.request.put(f"/api/providers/{name}/key", headers=headers, data={"key": "good-key-4f2a"}).ok


def test_what_can_be_drawn_with_comes_first_and_each_other_provider_is_a_line(visit: Opener) -> None:
    page = visit("first", path="/models")
    expect(used(page)).to_have_text(["Offline painters"])
    expect(lines(page)).to_have_text(["ByteDance", "Google", "OpenAI", "xAI", "AI Horde"])
    expect(page.locator(".lines details[open]")).to_have_count(0)
    expect(line(page, "Google").locator("> summary")).to_contain_text("1 model, from $0.02 an image")
    expect(line(page, "Google").locator("> summary")).to_contain_text("data policy")
    expect(line(page, "AI Horde").locator("> summary")).not_to_contain_text("data policy")
    google = provider(page, "Google")
    expect(google).to_contain_text("Gemini 3.1 Flash Image$0.067 an image")
    expect(google.get_by_text("What happens to your prompt")).to_be_visible()
    expect(google.get_by_label("Key for Google")).to_be_visible()
    page = visit("keys", path="/models")
    expect(used(page)).to_have_text(["ByteDance", "Google", "OpenAI", "xAI", "Offline painters"])
    expect(lines(page)).to_have_text(["AI Horde"])


def test_one_field_looks_through_the_names_of_providers_and_of_models(visit: Opener) -> None:
    page = visit("first", path="/models")
    field = page.get_by_label(SOUGHT)
    page.get_by_label("Any provider’s key").fill("half a ke")
    field.fill("gpt-IMAGE 2")  # a model's name, as people write it
    expect(lines(page)).to_have_text(["OpenAI"])
    expect(line(page, "OpenAI").locator(".named")).to_have_text("GPT Image 2")
    expect(page.get_by_role("heading", name="In use")).to_be_hidden()
    expect(page.get_by_label("Any provider’s key")).to_be_hidden()
    expect(page.get_by_role("status").filter(has_text="1 found")).to_be_visible()
    field.fill("wood")
    expect(used(page).filter(visible=True)).to_have_text(["Offline painters"])
    expect(page.get_by_role("heading", name="Add a model")).to_be_hidden()
    field.fill("no such thing")
    expect(page.get_by_text("No provider and no model has that in its name here.")).to_be_visible()
    page.get_by_role("button", name="Show all of them").click()
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    field.fill("xai")
    expect(lines(page)).to_have_text(["xAI"])
    field.press("Escape")
    expect(field).to_have_value("")
    expect(field).to_be_focused()
    expect(lines(page)).to_have_count(5)
    expect(page.get_by_label("Any provider’s key")).to_have_value("half a ke")


def test_a_line_is_opened_read_and_closed_by_keys(visit: Opener) -> None:
    page = visit("first", path="/models")
    summary = line(page, "OpenAI").locator("> summary")
    line(page, "Google").locator("> summary").focus()
    page.keyboard.press("Tab")
    expect(summary).to_be_focused()
    page.keyboard.press("Enter")
    field = page.get_by_label("Key for OpenAI")
    expect(field).to_be_visible()
    page.keyboard.press("Tab")
    expect(field).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(field).to_be_hidden()
    expect(summary).to_be_focused()


def test_what_is_open_and_typed_stays_whatever_is_heard_meanwhile(visit: Opener) -> None:
    page = visit("first", path="/models")
    field = provider(page, "Google").get_by_label("Key for Google")
    field.press_sequentially("half a ke")
    give(page, "xai")
    expect(used(page)).to_have_text(["xAI", "Offline painters"])
    expect(field).to_be_focused()
    give(page, "google")  # by another page
    expect(line(page, "Google").locator(".state")).to_have_text("Ready")
    expect(used(page)).to_have_text(["xAI", "Offline painters"])
    expect(field).to_be_focused()
    field.press_sequentially("y")
    expect(field).to_have_value("half a key")
    page.reload()
    expect(used(page)).to_have_text(["Google", "xAI", "Offline painters"])


def test_a_key_is_given_in_its_line_and_taken_back_on_its_card(visit: Opener) -> None:
    page = visit("first", path="/models")
    google = provider(page, "Google")
    google.get_by_label("Key for Google").fill("good-key-9f3c")
    google.get_by_role("button", name="Save and test").click()
    expect(google.get_by_text("The key works. 1 model is ready.")).to_be_visible()
    expect(google.get_by_text("…9f3c")).to_be_visible()
    page.get_by_role("link", name="Studio").click()
    expect(page.get_by_label("Prompt", exact=True)).to_be_visible()
    page.get_by_role("link", name="Models", exact=True).click()
    expect(used(page)).to_have_text(["Google", "Offline painters"])
    provider(page, "Google").get_by_role("button", name="Remove").click()
    expect(google.locator(".state")).to_have_text("No key yet")
    expect(google.get_by_label("Key for Google")).to_be_visible()
    expect(used(page)).to_have_text(["Google", "Offline painters"])


def closed(card: Locator) -> Locator:
    return card.locator("details:not([open]) > summary")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_a_card_is_lines_that_open(visit: Opener, axe: str, scheme: str) -> None:
    page = visit("keys", path="/models", color_scheme=scheme, **{**PHONE, "viewport": {"width": 390, "height": 844}})
    cards = page.get_by_role("region", name="In use").locator(".card")
    expect(cards).to_have_count(5)
    for card in cards.all():
        expect(card.locator("details[open]")).to_have_count(0)
        box = card.bounding_box()
        assert box is not None
        assert box["height"] < 200
    google = page.get_by_role("region", name="Google", exact=True)
    lines_of = closed(google)
    expect(lines_of).to_have_text(
        ["Key…4f2a", re.compile("^1 model, from .*Gemini 3.1 Flash Image$"), "What happens to your prompt"]
    )
    assert [round(box["height"]) >= 44 for one in lines_of.all() if (box := one.bounding_box())] == [True] * 3
    assert violations(page, axe) == []
    lines_of.first.tap()
    expect(google.get_by_role("button", name="Test again")).to_be_visible()
    lines_of.first.tap()
    expect(google.get_by_text("$0.067 an image")).to_be_visible()
    lines_of.first.tap()
    expect(google.get_by_text("Not used for training on the paid tier.")).to_be_visible()
    assert violations(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    google.get_by_role("button", name="Remove").tap()  # nothing shuts under a finger
    expect(google.locator(".state")).to_have_text("No key yet")
    expect(google.get_by_label("Key for Google")).to_be_visible()


def test_a_link_opens_the_lines_of_a_card_and_a_search_names_what_it_found_there(visit: Opener) -> None:
    page = visit("keys", path="/models#google", **PHONE)
    google = page.get_by_role("region", name="Google", exact=True)
    expect(google.get_by_label("Key for Google")).to_be_focused()
    expect(google.get_by_text("$0.067 an image")).to_be_visible()
    page.get_by_label(SOUGHT).fill("mosaic")
    painters = page.get_by_role("region", name="Offline painters", exact=True)
    expect(painters.locator(".named")).to_have_text("Mosaic")
    page.get_by_label(SOUGHT).fill("")
    expect(painters.locator(".named")).to_have_text("Aurora, Mosaic, Woodcut")


PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 500}, "has_touch": True, "is_mobile": True}


@pytest.mark.parametrize("size", [{"viewport": {"width": 1280, "height": 500}}, PHONE], ids=["desktop", "phone"])
def test_a_link_to_a_provider_opens_its_line_and_moves_nothing_but_the_list(visit: Opener, size: Any) -> None:
    page = visit("first", path="/models#xai", **size)
    field = page.get_by_label("Key for xAI")
    expect(field).to_be_focused()
    expect(field).to_be_in_viewport()
    expect(line(page, "xAI").locator("> summary")).to_be_in_viewport(ratio=1)
    expect(page.locator(".lines details[open]")).to_have_count(1)
    assert page.evaluate(SCROLLED) == [0, 0, 0]
    page.get_by_label(SOUGHT).fill("grok")
    expect(lines(page)).to_have_text(["xAI"])
    page.evaluate("() => { location.hash = 'google'; }")
    expect(page.get_by_label("Key for Google")).to_be_focused()
    expect(page.get_by_label("Key for Google")).to_be_in_viewport()
    expect(page.get_by_label(SOUGHT)).to_have_value("")
    assert page.evaluate(SCROLLED) == [0, 0, 0]


def test_a_link_to_a_lane_leads_to_its_switch(visit: Opener) -> None:
    page = visit("first", path="/models#aihorde")
    switch = line(page, "AI Horde").get_by_role("switch", name="Switch on AI Horde")
    expect(switch).to_be_focused()
    page.keyboard.press("Space")
    expect(line(page, "AI Horde").get_by_role("switch", name="On")).to_be_checked()
    expect(line(page, "AI Horde").locator(".state")).to_have_text("Slow or limited now")


def test_a_line_is_a_line_on_a_phone_too(visit: Opener) -> None:
    page = visit("first", path="/models", **PHONE)
    expect(lines(page)).to_have_count(5)
    heights = page.locator(".lines > details").evaluate_all("es => es.map(e => e.offsetHeight)")
    assert max(heights) <= 56
