"""On a phone: nothing scrolls sideways, fingers find their targets, a row is a deck with a strip, a long press flickers."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.web.conftest import Opener
from tests.web.test_gallery import opened
from tests.web.test_still import DRAWN
from tests.web.test_studio import FOUR, PAIR, tile, until
from tests.web.test_views import violations

pytestmark = pytest.mark.browser
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
WIDE = """() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth,
  ...[...document.querySelectorAll('main, .scroll, .composer, dialog[open]')].map(e => e.scrollWidth))"""
LEAST = 40
SMALL = """least => [...document.querySelectorAll('button, a[href], select, summary, label.chip, label.tool, label.switch')]
  .filter(e => e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && !e.closest('.skip, .vh, p.sub, p.rule, .toasts, [popover]'))
  .map(e => [e.ariaLabel || e.textContent.trim().slice(0, 40), e.getBoundingClientRect()]).filter(([, b]) => b.width && b.height < least - .5)
  .map(([name, b]) => `${name}: ${Math.round(b.width)}x${Math.round(b.height)}`)"""


def whole(page: Page, rows: int) -> None:
    """Every part of the rows has its place: what comes with a module of its own, and the letters."""
    expect(page.get_by_title(re.compile("^(Cost of this row|Kosten dieser Reihe)"))).to_have_count(rows)
    expect(page.locator(".film")).to_have_count(rows)
    page.evaluate("() => document.fonts.ready")
    page.evaluate(DRAWN)


def fits(page: Page) -> None:
    assert page.evaluate(WIDE) <= 360
    assert page.evaluate(SMALL, LEAST) == []


def test_a_row_is_swiped_and_its_strip_leads_to_each_tile(visit: Opener) -> None:
    page = visit(runs=[("harbour --ar 4:5", FOUR)], **PHONE)
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    film = page.get_by_role("group", name="Tiles of this row")
    expect(film.get_by_role("button")).to_have_count(4)
    expect(film.get_by_role("button").first).to_have_attribute("aria-current", "true")
    whole(page, 1)
    fits(page)
    film.get_by_role("button", name="C, Gemini").tap()
    expect(tile(page, "Gemini 3.1 Flash Image")).to_be_in_viewport(ratio=0.9)
    expect(film.get_by_role("button", name="C, Gemini")).to_have_attribute("aria-current", "true")
    assert page.locator(".tiles").evaluate("e => getComputedStyle(e).scrollSnapType") == "x mandatory"


@pytest.mark.parametrize("path", ["/gallery", "/models", "/router", "/ranking"])
def test_views_fit(visit: Opener, path: str) -> None:
    page = opened(visit, 30, **PHONE) if path == "/gallery" else visit(path=path, **PHONE)
    expect(page.locator("main > :nth-child(2)")).to_be_visible()
    assert page.evaluate(WIDE) <= 360


def press(page: Page, kind: str, place: Any) -> None:
    place.dispatch_event(
        kind, {"pointerType": "touch", "isPrimary": True, "clientX": 90, "clientY": 300, "bubbles": True}
    )


def test_a_long_press_flickers_between_two(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)], **PHONE)
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    tile(page, "Aurora").locator(".picture").tap()
    view = page.get_by_role("dialog", name="Side by side")
    assert page.evaluate(WIDE) <= 360
    view.get_by_role("button", name="Flicker").tap()
    expect(view.locator("figcaption")).to_have_count(1)
    expect(view.locator("figcaption")).to_contain_text("B Woodcut")
    stage = view.locator("zoom-stage")
    press(page, "pointerdown", stage)
    expect(view.locator("figcaption")).to_contain_text("A Aurora")
    press(page, "pointerup", stage)
    expect(view.locator("figcaption")).to_contain_text("B Woodcut")


def test_a_picture_is_shared_by_the_system(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)], **PHONE)
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    page.evaluate(
        """() => { window.shared = []; navigator.canShare = () => true; navigator.share = async d => { window.shared.push(d.files.map(f => [f.type, f.size > 100])); }; }"""
    )
    tile(page, "Aurora").get_by_role("button", name="More").tap()
    page.get_by_role("menuitem", name="Share…").tap()
    until(lambda: page.evaluate("window.shared.length") == 1)
    assert page.evaluate("window.shared") == [[["image/png", True]]]


def test_the_rail_has_one_menu_for_what_has_no_place_on_it(visit: Opener, axe: str) -> None:
    page = visit(runs=[("harbour", PAIR)], color_scheme="light", expected=("lineage",), **PHONE)
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    expect(page.get_by_role("link", name="Queue")).to_be_visible()
    more = page.get_by_role("navigation").get_by_role("button", name="More")
    for name, there in (("Ranking", "/ranking"), ("Lineage", "/lineage/")):
        more.tap()
        if name == "Ranking":
            assert violations(page, axe) == []
            assert page.evaluate(WIDE) <= 360
        page.get_by_role("menuitem", name=name, exact=True).tap()
        expect(page).to_have_url(re.compile(there))
    more.tap()
    page.get_by_role("menuitem", name="Switch light and dark").tap()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    more.tap()
    page.get_by_role("menuitem", name="Settings").tap()
    expect(page.get_by_role("dialog", name="Settings")).to_be_visible()


def test_the_prompt_bar_folds_and_moves_no_row(visit: Opener, axe: str) -> None:
    page = visit(runs=[("harbour --ar 1:1", PAIR), ("kites --ar 1:1", PAIR)], **PHONE)
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    whole(page, 2)
    bar, models, prompt = page.locator(".composer"), page.get_by_role("group", name="Models"), page.locator("#prompt")
    place = page.locator(".row").last
    expect(page.get_by_role("button", name="Models and settings")).to_have_attribute("aria-expanded", "false")
    folded, before = height(page), place.bounding_box()
    assert folded < 0.16 * 740
    expect(models).to_be_hidden()
    assert violations(page, axe) == []
    prompt.tap()
    expect(models).to_be_visible()
    until(lambda: height(page) > folded)
    assert place.bounding_box() == before
    prompt.fill(f"a kite --m {','.join(FOUR[:3])} --seed {7 * 10**60}")
    chips = bar.locator(".params li")
    expect(chips).to_have_count(4)
    for chip in chips.all():
        box = chip.get_by_role("button").bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 360
    assert page.evaluate(WIDE) <= 360
    bar.get_by_role("button", name="Remove --m bytedance/seedream-5").tap()
    expect(prompt).to_have_value(re.compile(r"^a kite --m demo/aurora,google/gemini-3.1-flash-image --seed 70+$"))
    place.locator("h2").tap()
    expect(models).to_be_hidden()
    until(lambda: height(page) == folded)
    until(lambda: place.bounding_box() == before)
    summary = page.get_by_role("button", name="Models and settings: 2 models · Final")
    expect(summary.locator(".price")).to_have_text(re.compile(r"^about \$0\.\d+ · 12–20 s$"))
    expect(summary.locator(".price")).to_be_in_viewport(ratio=1)
    summary.tap()
    expect(models).to_be_visible()
    expect(prompt).not_to_be_focused()
    page.get_by_role("link", name="Models", exact=True).first.tap()
    page.get_by_role("link", name="Studio").tap()
    expect(models).to_be_hidden()
    expect(bar).to_be_in_viewport(ratio=1)


def height(page: Page) -> float:
    box = page.locator(".composer").bounding_box()
    assert box is not None
    return box["height"]


CUT = "e => [...e.querySelectorAll('*')].filter(x => x.scrollWidth > x.clientWidth + 1 && !x.matches('.vh, svg, use, b')).map(x => x.textContent)"


@pytest.mark.parametrize("options", [{}, {"locale": "de-DE"}])
def test_how_many_models_and_how_much_stand_beside_create(visit: Opener, axe: str, options: dict[str, Any]) -> None:
    german = bool(options)
    page = visit(
        runs=[("harbour --ar 1:1", PAIR)], ready="Mehr" if german else "More", color_scheme="light", **PHONE, **options
    )
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    bar = page.locator(".composer")
    summary = bar.get_by_role("button", name="Modelle und Einstellungen" if german else "Models and settings")
    told = summary.locator("span:not(.vh)")
    expect(told).to_have_text(["2 Modelle · Endfassung", "kostenlos"] if german else ["2 models · Final", "free"])
    whole(page, 1)
    assert summary.evaluate(CUT) == []
    expect(summary).to_be_in_viewport(ratio=1)
    film = page.locator(".film")
    row, line = film.bounding_box(), bar.bounding_box()
    assert row is not None
    assert line is not None
    assert row["y"] + row["height"] <= line["y"]  # it lies beside the row, not over it
    assert page.evaluate(SMALL, LEAST) == []
    assert violations(page, axe) == []
    summary.tap()
    expect(summary).to_have_attribute("aria-expanded", "true")
    bar.get_by_role("checkbox", name=re.compile("^GPT Image 2")).check(force=True)
    bar.get_by_role("button", name="Entwurf" if german else "Draft").tap()
    summary.tap()
    expect(told).to_have_text(
        ["3 Modelle · Entwurf", "bis zu 0,042 $"] if german else ["3 models · Draft", "up to $0.042"]
    )
    summary.tap()
    page.locator("#prompt").fill("a kite")
    summary.tap()
    expect(told).to_have_text(
        ["3 Modelle · Entwurf", re.compile(r"0,\d+\s\$ · 12–20 s$")]
        if german
        else ["3 models · Draft", re.compile(r"^about \$0\.\d+ · 12–20 s$")]
    )
    assert summary.evaluate(CUT) == []
    summary.tap()
    for name in ("Aurora", "Woodcut", "GPT Image 2"):
        bar.get_by_role("checkbox", name=re.compile(f"^{name}")).uncheck(force=True)
    summary.tap()
    expect(told.first).to_have_text("Modelle wählen · Entwurf" if german else "Choose models · Draft")


def test_why_create_is_off_stands_there_too(visit: Opener) -> None:
    page = visit(**PHONE)
    page.locator("#prompt").fill(f"a {{{','.join('abcdefghijklmnopqrstuvw')}}} kite --m {','.join(FOUR)}")
    page.locator(".top").tap()
    summary = page.get_by_role("button", name="Models and settings")
    expect(summary).to_have_attribute("aria-expanded", "false")
    expect(summary.locator(".stop")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name=re.compile("^Create"))).to_be_disabled()
