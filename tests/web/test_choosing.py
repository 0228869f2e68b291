"""Which models run: the chips, many of them, and the models that the text chooses. There is one truth on the screen."""

import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.unit.adapter_kit import CARDS
from tests.web.conftest import Opener
from tests.web.test_studio import called, until
from tests.web.test_views import violations

from triptych.app.model_views import word_of

pytestmark = pytest.mark.browser
GEMINI = "google/gemini-3.1-flash-image"


def checked(page: Page) -> list[str]:
    names: list[str] = page.locator(".chip:has(:checked) .name").all_text_contents()
    return names


def press(page: Page, name: str) -> None:
    page.locator(".chip", has_text=name).click()


def test_the_models_that_the_text_chooses_are_the_ones_that_show(visit: Opener) -> None:
    page = visit()
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("a kite --m grok,mosaic --ar 4:5")
    mark = page.get_by_role("button", name="Chosen in the text")
    expect(mark).to_be_visible()
    expect(page.locator("#plan")).to_contain_text("2 images")
    assert checked(page) == ["Grok Imagine", "Mosaic"]
    press(page, "Aurora")  # edits the text
    expect(prompt).to_have_value("a kite --ar 4:5 --m xai/grok-imagine,demo/mosaic,demo/aurora")
    expect(page.locator("#plan")).to_contain_text("3 images")
    assert checked(page) == ["Aurora", "Grok Imagine", "Mosaic"]
    page.keyboard.press("Control+Enter")
    until(lambda: bool(called(page, "/api/runs")))
    expect(page.locator(".tile")).to_have_count(3)
    press(page, "Mosaic")
    expect(prompt).to_have_value("a kite --ar 4:5 --m xai/grok-imagine,demo/aurora")
    mark.click()
    expect(prompt).to_have_value("a kite --ar 4:5")
    expect(mark).to_have_count(0)
    assert checked(page) == ["Aurora", "Woodcut"]  # the choice by hand was kept
    assert called(page, "/api/selection") == []


def test_a_model_named_in_the_words_can_be_taken_out_by_its_chip(visit: Opener) -> None:
    page = visit()
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("a kite @mosaic over @img1 dunes")
    expect(page.get_by_role("button", name="Chosen in the text")).to_be_visible()
    assert checked(page) == ["Mosaic"]
    page.keyboard.press("Escape")
    press(page, "Mosaic")
    expect(prompt).to_have_value("a kite over @img1 dunes")
    expect(page.get_by_role("button", name="Chosen in the text")).to_have_count(0)
    assert checked(page) == ["Aurora", "Woodcut"]


def test_what_cannot_draw_is_named_with_its_reason_and_is_in_no_sum(visit: Opener) -> None:
    """Neither before anything is written nor after, on a phone too."""
    page = visit("first")
    expect(page.locator(".chip")).not_to_have_count(0)
    prompt = page.get_by_role("textbox", name="Prompt", exact=True)
    prompt.fill("a {red, blue} kite --m mosaic,grok")
    plan = page.locator("#plan")
    expect(plan).to_contain_text("2 prompts × 1 model = 2 images")
    expect(plan.locator(".num").first).to_have_text("free")
    expect(plan).to_contain_text("stays on this machine")
    expect(page.locator(".reading")).to_contain_text("Grok Imagine does not draw, and is not counted: No key yet.")
    page.set_viewport_size({"width": 390, "height": 800})
    fold = page.locator("button.fold")
    expect(fold).to_contain_text("1 of 2 models")
    expect(fold.locator(".price")).to_contain_text("free")
    prompt.fill("a kite --m grok")
    expect(page.locator("#plan .stop")).to_have_text("No key yet.")
    expect(plan).not_to_contain_text("image")
    expect(page.get_by_role("button", name="Create")).to_be_disabled()
    expect(page.get_by_text("is not counted")).to_have_count(0)


@pytest.mark.parametrize(
    ("locale", "ready", "more", "says"),
    [("en-US", "Shortcuts", "More", "ends on 1 Dec"), ("de-DE", "Tastenkürzel", "Mehr", "endet am 1. Dez.")],
)
@pytest.mark.parametrize("phone", [False, True])
def test_a_chip_says_when_its_model_ends_and_leads_to_what_is_known_of_it(
    visit: Opener, axe: str, locale: str, ready: str, more: str, says: str, *, phone: bool
) -> None:
    word = word_of(replace(CARDS[GEMINI], retires="2026-12-01"), None, date(2026, 11, 22))
    touch: dict[str, Any] = (
        {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True} if phone else {}
    )
    page = visit(says={GEMINI: word}, locale=locale, ready=more if phone else ready, color_scheme="light", **touch)
    served = page.request.get("/", headers={"Accept-Language": locale}).text()
    assert f'<a class="word" href="/models#google">{says}</a>' in served  # nothing moves when the script draws it
    page.locator("#prompt").click()
    chip = page.locator(".models .chip", has_text="Gemini 3.1 Flash Image")
    chip.scroll_into_view_if_needed()
    ends = chip.get_by_role("link", name=says)
    expect(ends).to_be_in_viewport(ratio=1)
    expect(page.locator(".models .chip", has_text=says)).to_have_count(1)
    assert violations(page, axe) == []
    ends.click()
    expect(page).to_have_url(re.compile("/models#google$"))
    expect(page.locator("#provider-google")).to_be_in_viewport()


def test_models_chosen_in_the_text_need_no_chip(visit: Opener) -> None:
    page = visit()
    for name in ("Aurora", "Woodcut"):
        page.get_by_role("checkbox", name=name).uncheck(force=True)
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("a kite")
    expect(page.get_by_text("Choose at least one model.")).to_be_visible()
    prompt.fill("a kite --m mosaic")
    expect(page.locator("#plan")).to_contain_text("1 image")
    expect(page.get_by_role("button", name="Create")).to_be_enabled()


def test_many_models_take_one_line_until_all_are_asked_for(visit: Opener) -> None:
    page = visit("many")
    every = page.get_by_role("button", name="All 27")
    expect(page.locator(".models label:visible")).to_have_text([re.compile("^Aurora"), re.compile("^Woodcut")])
    height = page.locator(".models").bounding_box()
    assert height is not None
    assert height["height"] < 50
    page.get_by_role("checkbox", name="Woodcut").uncheck(force=True)
    expect(page.locator(".models label:visible")).to_have_count(2)  # nothing goes away under the pointer
    every.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".models label:visible")).to_have_count(27)
    names = page.locator(".models .name").all_text_contents()
    assert names[:6] == ["Aurora", "Seedream 5", "Gemini 3.1 Flash Image", "GPT Image 2", "GPT Image 3", "GPT Image 4"]
    sizes = page.locator(".models label").evaluate_all("es => new Set(es.map(e => e.offsetHeight)).size")
    assert sizes == 1
    page.reload()
    expect(page.get_by_role("button", name="Only the chosen")).to_have_attribute("aria-expanded", "true")
    page.get_by_role("button", name="Only the chosen").click()
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.press_sequentially("@image-2")
    expect(page.get_by_role("option")).to_have_count(4)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("checkbox", name="GPT Image 20")).to_be_checked()
    expect(page.locator(".models label:visible")).to_contain_text(["Aurora", "GPT Image 20"])


def test_many_models_stay_one_scrollable_row_on_a_phone(visit: Opener) -> None:
    page = visit("many", viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Models and settings").click()
    expect(page.locator(".models label:visible")).to_have_count(27)
    tops = page.locator(".models label").evaluate_all("es => new Set(es.map(e => e.offsetTop)).size")
    assert tops == 1
    expect(page.get_by_role("button", name="All 27")).to_have_count(0)
