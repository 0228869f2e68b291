"""What opens over the rows, by keyboard and pointer; accessibility; small screens."""

import re

import pytest
from playwright.sync_api import Page, expect
from tests.web.conftest import Opener, provider, with_axe
from tests.web.test_studio import FOUR, PAIR, create, here, hide, tile, until

pytestmark = pytest.mark.browser
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MIXED = ("harbour google!auth xai!blocked bytedance!adjust openai!hold --ar 4:5", [*FOUR, "openai/gpt-image-2"])


def scales(page: Page) -> list[tuple[float, float, float]]:
    found = page.locator("zoom-stage img").evaluate_all(
        "es => es.map(e => { const m = new DOMMatrix(getComputedStyle(e).transform); return [m.a, m.e / e.offsetWidth, m.f / e.offsetHeight].map(v => Math.round(v * 1000) / 1000) })"
    )
    return [tuple(f) for f in found]


def test_side_by_side_zooms_and_pans_as_one(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    tile(page, "Seedream 5").locator(".plate").dblclick()
    view = page.get_by_role("dialog", name="Side by side")
    expect(view.locator("figure")).to_have_count(4)
    until(lambda: bool(view.locator("img").evaluate_all("es => es.every(e => e.complete && e.naturalWidth > 0)")))
    page.keyboard.press("+")
    until(lambda: scales(page) == [(1.5, 0, 0)] * 4)
    page.keyboard.press("ArrowRight")
    until(lambda: len(set(scales(page))) == 1 and scales(page)[0][0] == 1.5 and scales(page)[0][1] < 0)
    box = view.locator("figure").nth(2).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -300)
    until(lambda: scales(page)[0][0] > 2)  # nobody waits for a wheel
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + box["height"] / 2, steps=3)
    page.mouse.up()
    until(lambda: len(set(scales(page))) == 1 and scales(page)[0][0] > 2)
    page.keyboard.press("0")
    until(lambda: scales(page) == [(1, 0, 0)] * 4)
    expect(view.get_by_role("row", name=re.compile("Cost free"))).to_be_visible()
    expect(view.get_by_role("row", name=re.compile("^Size"))).to_have_count(0)  # the same for all
    names = view.locator("figcaption .called")
    until(lambda: names.all_text_contents()[2:] == ["C Gemini 3.1 Flash Image", "D Grok Imagine"])
    shown = "es => es.map(e => [e.getBoundingClientRect().y, e.getBoundingClientRect().x, e.getAttribute('aria-label')[0]]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(e => e[2]).join('')"
    figures = view.locator("figure")
    until(lambda: figures.evaluate_all(shown) == "ABCD")
    figures.nth(3).focus()
    figures.nth(1).focus()
    expect(view.locator("header")).to_contain_text("B ⇄ D")  # which two is said
    page.keyboard.down("Space")
    until(lambda: figures.evaluate_all(shown) == "ADCB")
    expect(figures.nth(1)).to_be_focused()
    page.keyboard.up("Space")
    until(lambda: figures.evaluate_all(shown) == "ABCD")
    view.get_by_role("button", name="Flicker").click()
    expect(names).to_contain_text("B Seedream 5")
    view.locator("figure").focus()
    page.keyboard.down("Space")
    expect(names).to_contain_text("D Grok Imagine")
    page.keyboard.up("Space")
    page.keyboard.press("ArrowRight")  # on to the next, against the one before
    expect(names).to_contain_text("C Gemini 3.1 Flash Image")
    expect(view.locator("header")).to_contain_text("C ⇄ B")
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    expect(view).to_have_count(0)


def test_two_marked_pictures_open_in_a_slider_that_keys_move(visit: Opener) -> None:
    page = visit(runs=[("first", PAIR), ("second", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    page.locator(".frame").first.focus()
    page.keyboard.press("c")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("c")
    page.keyboard.press("Enter")
    view = page.get_by_role("dialog", name="Side by side")
    expect(view.get_by_role("row", name=re.compile("Prompt first as asked second as asked"))).to_be_visible()
    view.get_by_role("button", name="Slider").click()
    slider = view.get_by_role("slider", name="Reveal Woodcut over Aurora")
    slider.focus()
    page.keyboard.press("Home")
    until(lambda: page.locator("compare-slider").evaluate("e => e.style.getPropertyValue('--at')") == "0")
    view.get_by_role("button", name="Flicker").click()
    expect(view.locator("figcaption .called")).to_have_text("B Woodcut")
    view.locator("figure").focus()
    page.keyboard.down("Space")
    expect(view.locator("figcaption .called")).to_have_text("A Aurora")
    page.keyboard.up("Space")
    page.keyboard.press("Escape")
    expect(page.locator(".frame").nth(3)).to_be_focused()


def test_the_inspector_tells_what_was_sent_and_leaves_the_prompt_alone(visit: Opener) -> None:
    page = visit(runs=[("harbour bytedance!adjust --ar 4:5", FOUR)])
    page.get_by_label("Prompt", exact=True).fill("my own words")
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    tile(page, "Seedream 5").focus()
    page.keyboard.press("i")
    panel = page.get_by_role("complementary", name="Inspector")
    for words in ("asked 4:5, this model offers 3:4", "from the price table", "Billed."):
        expect(panel).to_contain_text(words)
    panel.get_by_role("tab", name="Sent request").click()
    for words in ('"prompt": "harbour"', "authorization: redacted"):
        expect(panel).to_contain_text(words)
    panel.get_by_role("tab", name="Sent request").press("ArrowLeft")
    expect(panel.get_by_role("tab", name="Route")).to_be_focused()
    expect(panel).to_contain_text("You chose this endpoint.")
    expect(panel.locator(".scores > div")).to_contain_text("picked · $0.03 · about 4.0 s")
    expect(panel.get_by_role("listitem").filter(has_text="1. Seedream 5")).to_contain_text("brought the picture")
    panel.get_by_role("tab", name="Picture").click()
    tile(page, "Seedream 5").focus()
    page.keyboard.press("ArrowRight")
    expect(panel.get_by_role("heading", name="Gemini 3.1 Flash Image")).to_be_visible()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("my own words")
    panel.get_by_role("button", name="Use all").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("harbour bytedance!adjust --ar 4:5")
    expect(page.get_by_role("checkbox", name="Grok Imagine")).to_be_checked()
    page.get_by_role("button", name="Close the inspector").click()
    expect(panel).to_have_count(0)


def test_a_try_before_this_one_can_be_looked_at(visit: Opener) -> None:
    page = visit(runs=[("harbour google!rate", ["demo/aurora", "google/gemini-3.1-flash-image"])])
    page.get_by_label("Prompt", exact=True).fill("my own words")
    expect(tile(page, "Gemini 3.1 Flash Image")).to_contain_text("You can retry after ")
    tile(page, "Gemini 3.1 Flash Image").get_by_role("button", name="Retry").click()
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    expect(tile(page, "Gemini 3.1 Flash Image")).to_be_focused()
    page.get_by_role("button", name="1 earlier try").click()
    panel = page.get_by_role("complementary", name="Inspector")
    expect(panel).to_contain_text("Too many requests, after 3 tries.")
    expect(panel.get_by_role("button", name="Try 1: failed")).to_have_attribute("aria-pressed", "true")
    panel.get_by_role("button", name="Try 2: picture").click()
    expect(panel).to_contain_text("SHA-256")
    expect(panel.get_by_text("Too many requests")).to_have_count(0)
    page.get_by_role("button", name="Close the inspector").click()
    expect(tile(page, "Gemini 3.1 Flash Image")).to_be_focused()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("my own words")


def test_a_picture_in_doubt_says_so_under_it_and_the_inspector_says_why(visit: Opener, axe: str) -> None:
    page = visit(runs=[("a heron", ["demo/aurora"])])
    expect(page.locator(".tile[data-state=done]")).to_have_count(1)
    why = "Drawn again elsewhere, it came out otherwise. It is another picture: 120 of 256 bits differ."
    page.evaluate(
        """async why => {
          const s = await import(document.querySelector('script[type=module]').src.replace('main.js', 'state.js')), tile = s.rows.value[0].tiles.value[0];
          tile.value = { ...tile.value, doubt: { message: why, hint: 'The Network page shows the pictures beside each other.', check: 'c1' } };
        }""",
        why,
    )
    page.get_by_role("button", name=f"In doubt: {why}").click()
    panel = page.get_by_role("complementary", name="Inspector")
    expect(panel.get_by_role("heading", name="In doubt")).to_be_visible()
    expect(panel).to_contain_text("The Network page shows the pictures beside each other.")
    assert violations(page, axe) == []
    expect(panel.get_by_role("link", name="Network")).to_have_attribute("href", "/network")


def test_the_inspector_follows_a_click_and_its_button_closes_it(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    panel = page.get_by_role("complementary", name="Inspector")
    tile(page, "Aurora").get_by_role("button", name="Inspector").click()
    expect(panel.get_by_role("heading", name="Aurora")).to_be_visible()
    tile(page, "Woodcut").locator(".plate").click(position={"x": 20, "y": 20})
    expect(panel.get_by_role("heading", name="Woodcut")).to_be_visible()
    tile(page, "Woodcut").get_by_role("button", name="Inspector").click()
    expect(panel).to_have_count(0)


def boxes(page: Page) -> list[tuple[float, float, float, float]]:
    found = page.locator("zoom-stage .pic").evaluate_all(
        "es => es.map(e => { const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height].map(Math.round) })"
    )
    return [tuple(f) for f in found]


def test_pictures_side_by_side_are_as_large_as_they_can_be(visit: Opener) -> None:
    models = [*FOUR, "openai/gpt-image-2", "demo/woodcut"]
    page = visit(runs=[("harbour --ar 4:5", models)], viewport={"width": 1600, "height": 700})
    expect(page.locator(".tile[data-state=done]")).to_have_count(6)
    tile(page, "Aurora").focus()
    page.keyboard.press("Enter")
    strip = page.locator("details.differences")
    strip.locator("summary").click()
    expect(strip).not_to_have_attribute("open", "")
    expect(page.locator("zoom-stage .pic")).to_have_count(6)
    # Six portraits in one line of a wide window.
    until(lambda: len({y for _, y, _, _ in boxes(page)}) == 1 and boxes(page)[0][2] > 240)
    for box, name in zip(boxes(page), page.locator("zoom-stage figcaption").all(), strict=True):
        label = name.bounding_box()
        assert label is not None
        assert label["y"] >= box[1] + box[3] - 1  # beside, never on the picture
    page.set_viewport_size({"width": 900, "height": 1000})
    until(lambda: len({y for _, y, _, _ in boxes(page)}) == 2)
    page.keyboard.press("Escape")
    expect(tile(page, "Aurora")).to_be_focused()
    page.keyboard.press("Enter")
    expect(strip).to_be_visible()
    expect(strip).not_to_have_attribute("open", "")  # as it was left


def test_letters_are_keys_only_outside_fields_and_can_be_switched_off(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    page.keyboard.press("Escape")  # the page opens with the prompt in focus
    page.keyboard.press("/")
    page.keyboard.type("c?/")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("c?/")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Shortcuts")
    sheet.get_by_role("switch", name="Single-key shortcuts").click()
    page.keyboard.press("Escape")
    tile(page, "Aurora").focus()
    page.keyboard.press("c")
    page.keyboard.press("?")
    expect(page.get_by_role("group", name="Side by side")).to_have_count(0)
    expect(sheet).to_have_count(0)


def test_endings_are_announced_together(visit: Opener) -> None:
    page = visit()
    here(page, "live", "spoken")
    hide(page, True)  # what happened meanwhile is told at once to a page that comes back
    create(page, "harbour")
    until(
        lambda: [t["state"] for r in page.request.get("/api/runs").json()["runs"] for t in r["tiles"]] == ["done"] * 2
    )
    hide(page, False)
    expect(page.locator("p[role=status].vh")).to_have_text(
        re.compile(r"(Aurora|Woodcut) finished, 0\.4 s, free\..*(Aurora|Woodcut) finished")
    )


def violations(page: Page, axe: str) -> list[object]:
    with_axe(page, axe)
    found = page.evaluate("tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", TAGS)["violations"]
    return [(v["id"], [(n["html"][:120], n["failureSummary"][:200]) for n in v["nodes"][:3]]) for v in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit: Opener, axe: str, scheme: str) -> None:
    page = visit("first", color_scheme=scheme)
    expect(page.get_by_role("button", name="A product")).to_be_visible()
    assert violations(page, axe) == []
    page.goto("/models")
    expect(provider(page, "Google").get_by_label("Key for Google")).to_be_visible()
    assert violations(page, axe) == []
    page.goto("/router")
    expect(page.get_by_role("region", name="The log")).to_be_visible()
    assert violations(page, axe) == []
    page = visit(runs=[MIXED], color_scheme=scheme)
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    expect(tile(page, "Grok Imagine")).to_contain_text("Refused")
    page.get_by_label("Prompt", exact=True).fill("a kite --ar 4:5 --stlye --s")
    page.get_by_label("Prompt", exact=True).press("e")
    expect(page.get_by_role("option").first).to_be_visible()
    tile(page, "Seedream 5").hover()
    assert violations(page, axe) == []
    tile(page, "Seedream 5").focus()
    page.keyboard.press("i")
    page.get_by_role("tab", name="Route").click()
    expect(page.get_by_role("heading", name="Attempts")).to_be_visible()
    assert violations(page, axe) == []
    page.get_by_role("tab", name="Sent request").click()
    expect(page.get_by_text("SHA-256 of the body")).to_be_visible()
    page.keyboard.press("r")
    page.get_by_role("button", name=re.compile("^Row:")).click()
    assert violations(page, axe) == []
    page.keyboard.press("Escape")
    tile(page, "Seedream 5").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("img").nth(1)).to_be_visible()
    assert violations(page, axe) == []


def test_a_narrow_screen_never_scrolls_sideways(visit: Opener) -> None:
    wide = "() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth, ...[...document.querySelectorAll('main, .scroll, .composer')].map(e => e.scrollWidth))"
    small = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
    page = visit("first", **small)
    expect(page.get_by_role("button", name="A product")).to_be_visible()
    assert page.evaluate(wide) <= 320
    page.goto("/models")
    expect(provider(page, "Google").get_by_label("Key for Google")).to_be_visible()
    assert page.evaluate(wide) <= 320
    page = visit(runs=[MIXED], **small)
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    page.get_by_label("Prompt", exact=True).fill("a kite --ar 4:5 --stlye raw")
    expect(page.get_by_text("Did you mean")).to_be_visible()
    assert page.evaluate(wide) <= 320
    box = page.locator(".composer").bounding_box()
    assert box is not None
    assert abs(box["y"] + box["height"] - 640) < 1
    targets = page.locator("button:visible, a:visible, label.chip:visible").evaluate_all(
        "es => es.map(e => [e.ariaLabel ?? e.textContent, Math.round(e.getBoundingClientRect().height)])"
    )
    assert [t for t in targets if t[1] < 24] == []
    tile(page, "Aurora").locator(".picture").tap()
    expect(page.get_by_role("dialog", name="Side by side")).to_be_visible()
    assert page.evaluate(wide) <= 320
