"""Edited rows show what they are made from, pictures of the prompt bar are painted on there, and a recipe is taken in parts."""

import io
import re
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from tests.web.conftest import Opener, intercept
from tests.web.test_edit import alpha, drag, launch, sent_mask
from tests.web.test_keyboard import tab_to
from tests.web.test_still import SEVEN
from tests.web.test_studio import PAIR, called, tile, until
from tests.web.test_views import violations

pytestmark = pytest.mark.browser


def photo(colour: str = "teal", size: tuple[int, int] = (240, 160)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def given(page: Page, role: str = "edit", name: str = "beach.png") -> None:
    """A photo of one's own in the prompt bar, for this."""
    page.get_by_label("Add pictures").set_input_files({"name": name, "mimeType": "image/png", "buffer": photo()})
    page.get_by_label("What picture 1 is for").select_option(role)


def painted(page: Page) -> Any:
    """The editor, opened from the prompt bar, and where its picture stands."""
    page.get_by_role("button", name="Paint what is to change in picture 1").click()
    expect(page.locator("mask-canvas:not([aria-busy])")).to_be_visible()
    expect(page.locator("mask-canvas")).to_be_focused()
    box = page.locator("mask-canvas img").bounding_box()
    assert box is not None
    return box


def edited(visit: Opener, **options: Any) -> Page:
    """A row that is an edit of a photo with a mask, and a picture for its style."""
    page = visit(**options)
    given(page)
    page.get_by_label("Add pictures").set_input_files(
        {"name": "paper.png", "mimeType": "image/png", "buffer": photo("wheat", (90, 90))}
    )
    page.get_by_label("What picture 2 is for").select_option("style")
    expect(page.locator(".ref img")).to_have_count(2)  # both have arrived
    drag(page, painted(page), (0.2, 0.2), (0.6, 0.6))
    expect(page.get_by_text("% to be changed")).to_be_visible()
    launch(page, "make it dusk --seed 7")
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    return page


def sight(page: Page, name: str) -> Locator:
    return page.get_by_role("dialog", name=name)


def loaded(images: Locator) -> None:
    """Every one of these pictures has come."""
    until(lambda: images.evaluate_all("all => all.length > 0 && all.every(i => i.complete && i.naturalWidth > 0)"))


def test_an_edited_row_shows_its_source_which_opens_by_keys_too(visit: Opener) -> None:
    page = edited(visit)
    source = page.get_by_role("button", name="Source of the row: make it dusk")
    loaded(source.locator("img"))
    source.focus()
    page.keyboard.press("Enter")
    shown = sight(page, "Source")
    expect(shown).to_be_visible()
    expect(shown).to_contain_text("make it dusk")
    expect(shown.get_by_role("img", name="Source")).to_be_visible()
    expect(shown.get_by_role("button", name="Go to its row")).to_have_count(0)  # nobody drew it here
    page.keyboard.press("Escape")
    expect(shown).to_have_count(0)
    expect(source).to_be_focused()


def test_a_row_that_is_no_edit_shows_none(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    expect(page.get_by_title("Cost of this row")).to_be_visible()
    expect(page.locator(".source")).to_have_count(0)
    tile(page, "Aurora").focus()
    page.keyboard.press("i")
    expect(page.get_by_role("heading", name="Recipe")).to_be_visible()
    expect(page.get_by_text("Made from")).to_have_count(0)
    for name in ("Refs only", "All but seed"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()


def test_from_the_source_it_goes_to_the_row_that_drew_it(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    first = tile(page, "Aurora")
    place = first.get_attribute("id")
    first.focus()
    page.keyboard.press("e")
    expect(page.locator("mask-canvas:not([aria-busy])")).to_be_visible()
    launch(page)
    page.get_by_role("button", name="Source of the row: make it dusk").click()
    sight(page, "Source").get_by_role("button", name="Go to its row").click()
    expect(page.locator(f"#{place}")).to_be_focused()


def test_a_source_that_is_gone_says_so(visit: Opener) -> None:
    page = visit(expected=("404",))
    intercept(
        page,
        "**/api/uploads/*",
        lambda route: route.continue_() if route.request.method == "POST" else route.fulfill(status=404),
    )
    intercept(page, "**/api/uploads/*/thumb", lambda route: route.fulfill(status=404))
    given(page)
    expect(page.get_by_role("button", name="Paint what is to change in picture 1")).to_be_visible()  # it has arrived
    page.get_by_label("Prompt", exact=True).fill("make it dusk")
    page.keyboard.press("Control+Enter")
    source = page.get_by_role("button", name="Source of the row: make it dusk")
    expect(source.locator("svg")).to_be_visible()
    source.click()
    expect(sight(page, "Source")).to_contain_text("This picture is not here any more.")


def test_the_inspector_shows_what_a_picture_was_made_from(visit: Opener) -> None:
    page = edited(visit)
    tile(page, "Aurora").focus()
    page.keyboard.press("i")
    panel = page.get_by_role("complementary", name="Inspector")
    for name in ("@img1 Source: open it", "@img2 Style: open it", "Mask: open it"):
        expect(panel.get_by_role("button", name=name)).to_be_visible()
    panel.get_by_role("button", name="@img2 Style: open it").click()
    expect(sight(page, "Style").get_by_role("img", name="Style")).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel.get_by_role("button", name="@img2 Style: open it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(sight(page, "Style")).to_be_visible()
    sight(page, "Style").get_by_role("button", name="Close").click()
    panel.get_by_role("button", name="Mask: open it").click()
    expect(sight(page, "Mask")).to_contain_text("What is bright was to be changed.")
    loaded(sight(page, "Mask").locator("img"))
    page.keyboard.press("Escape")
    expect(panel).to_be_visible()


def test_before_and_after_by_holding_and_by_a_line(visit: Opener) -> None:
    page = edited(visit)
    tile(page, "Aurora").focus()
    page.keyboard.press("i")
    panel = page.get_by_role("complementary", name="Inspector")
    hold, now = panel.get_by_role("button", name="Hold to see the source"), panel.locator(".before figcaption")
    expect(now).to_have_text("Result")
    hold.focus()
    page.keyboard.down(" ")
    expect(now).to_have_text("Source")
    expect(panel.locator(".before").get_by_role("img", name="Source")).to_be_visible()
    page.keyboard.up(" ")
    expect(now).to_have_text("Result")
    hold.hover()
    page.mouse.down()
    expect(now).to_have_text("Source")
    page.mouse.move(4, 4)
    page.mouse.up()
    expect(now).to_have_text("Result")
    panel.get_by_role("button", name="Before and after").click()
    line = sight(page, "Before and after").get_by_role("slider", name="Reveal the result over the source")
    expect(line).to_be_focused()
    page.keyboard.press("Home")
    expect(line).to_have_value("0")
    page.keyboard.press("Escape")
    expect(panel.get_by_role("button", name="Before and after")).to_be_focused()


def test_a_photo_is_painted_on_in_the_prompt_bar_by_keys_alone(visit: Opener) -> None:
    page = visit()
    given(page)
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("make it dusk")
    expect(page.get_by_role("button", name="Paint what is to change in picture 1")).to_be_visible()  # it has arrived
    tab_to(page, "Paint what is to change in picture 1", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("mask-canvas:not([aria-busy])")).to_be_visible()
    expect(page.locator("mask-canvas")).to_be_focused()
    page.keyboard.press(" ")
    expect(page.get_by_text("% to be changed")).to_be_visible()
    expect(page.get_by_label("What should change")).to_have_value("make it dusk")
    expect(page.get_by_role("heading", name="Edit a picture")).to_be_visible()
    page.locator(".editor").get_by_role("checkbox", name="Gemini").check(force=True)
    expect(page.locator(".editor .chip", has_text="Gemini")).to_contain_text("restored after")
    page.get_by_label("What should change").focus()
    page.keyboard.press("Control+Enter")
    until(lambda: bool(called(page, "/api/runs")))
    body = called(page, "/api/runs")[-1][2]
    assert "parent" not in body
    assert [i["role"] for i in body["images"]] == ["edit"]
    assert len(body["models"]) == 3
    mask = sent_mask(page)
    assert mask.size == (240, 160)
    assert (alpha(mask, 0.5, 0.5), alpha(mask, 0.05, 0.05)) == (0, 255)
    expect(page.locator(".frame").first).to_be_focused()
    expect(page.get_by_label("Pictures that go along")).to_have_count(0)


def test_a_pasted_photo_keeps_its_mask_between_the_bar_and_the_editor(visit: Opener) -> None:
    page = visit()
    page.get_by_label("Prompt", exact=True).evaluate(
        """(e, bytes) => { const data = new DataTransfer(); data.items.add(new File([new Uint8Array(bytes)], 'pasted.png', { type: 'image/png' }));
          e.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })); }""",
        list(photo()),
    )
    page.get_by_label("What picture 1 is for").select_option("edit")
    drag(page, painted(page), (0.2, 0.5), (0.4, 0.5))
    expect(page.get_by_text("% to be changed")).to_be_visible()
    page.get_by_label("What should change").fill("a boat")
    page.get_by_role("button", name="To the prompt bar").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a boat")
    expect(page.get_by_text("Its transparent part is changed")).to_be_visible()
    painted(page)
    expect(page.get_by_text("% to be changed")).to_be_visible()  # what was painted stands there again
    box = page.locator("mask-canvas img").bounding_box()
    assert box is not None
    drag(page, box, (0.8, 0.5), (0.9, 0.5))
    page.get_by_role("button", name="Make the edit").click()
    until(lambda: bool(called(page, "/api/runs")))
    expect(page.get_by_role("dialog")).to_have_count(0)
    mask = sent_mask(page)
    assert (alpha(mask, 0.3, 0.5), alpha(mask, 0.85, 0.5), alpha(mask, 0.6, 0.1)) == (0, 0, 255)
    expect(page.get_by_label("Pictures that go along")).to_have_count(0)


def test_a_recipe_is_taken_in_parts(visit: Opener) -> None:
    page = edited(visit)
    prompt = page.get_by_label("Prompt", exact=True)
    tile(page, "Aurora").focus()
    page.keyboard.press("i")
    panel = page.get_by_role("complementary", name="Inspector")
    prompt.fill("my own words")
    panel.get_by_role("button", name="Refs only").press("Enter")
    expect(page.get_by_label("What picture 2 is for")).to_have_value("style")
    expect(page.get_by_text("Its transparent part is changed")).to_be_visible()
    expect(prompt).to_have_value("my own words")
    page.get_by_role("button", name="Remove picture 2").click()
    panel.get_by_role("button", name="All but seed").press("Enter")
    expect(prompt).to_have_value("make it dusk")
    expect(page.get_by_label("What picture 2 is for")).to_have_value("style")
    panel.get_by_role("button", name="Use all").click()
    expect(prompt).to_have_value("make it dusk --seed 7")


SEEDLESS = [
    ("a kite --seed 7 --ar 4:5", "a kite --ar 4:5"),
    ("a kite --ar 4:5 —sameseed random", "a kite --ar 4:5"),
    ("a kite --seed {1, 2, 3} --tile", "a kite --tile"),
    ("--seed 7@flux a kite", "a kite"),
    ('poster "now --seed 7" --seed 8', 'poster "now --seed 7"'),
    ("a sunflower--seed 5 bag", "a sunflower--seed 5 bag"),
    ("a kite --seedling 5", "a kite --seedling 5"),
]


def test_a_prompt_without_its_seed(visit: Opener) -> None:
    page = visit()
    found = page.evaluate(
        """texts => import(document.querySelector('script[type=module]').src.replace('main.js', 'deeds.js'))
          .then(m => texts.map(m.seedless))""",
        [text for text, _ in SEEDLESS],
    )
    assert found == [wanted for _, wanted in SEEDLESS]


def test_vary_stands_among_what_a_tile_offers(visit: Opener) -> None:
    page = visit(runs=[("harbour --ar 9:16", SEVEN)], expected=("404",), viewport={"width": 1170, "height": 800})
    expect(page.locator(".tile[data-state=done]")).to_have_count(7)
    frame = tile(page, "Aurora")
    frame.hover()
    bar = frame.get_by_role("toolbar")
    expect(
        bar.get_by_role(
            "button", name=re.compile("^(Keep|Compare|Use as reference|Edit with this|Vary|Inspector|More)$")
        )
    ).to_have_count(7)
    sizes = bar.locator(".tool").evaluate_all("all => all.map(e => e.getBoundingClientRect().width)")
    assert min(sizes) >= 24
    inside, around = bar.bounding_box(), frame.bounding_box()
    assert inside is not None
    assert around is not None
    assert around["width"] < 204
    assert inside["x"] >= around["x"]
    bar.get_by_role("button", name="Vary").press("Enter")  # the fake has no texts to propose: 404
    expect(page.get_by_role("heading", name="Vary Aurora’s picture")).to_be_visible()


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_what_shows_the_source_is_accessible_and_fits(visit: Opener, axe: str, size: tuple[int, int]) -> None:
    page = edited(visit, viewport={"width": size[0], "height": size[1]})
    tile(page, "Aurora").focus()
    page.keyboard.press("i")
    expect(page.get_by_role("button", name="Mask: open it")).to_be_visible()
    expect(page.get_by_role("button", name="Hold to see the source")).to_be_visible()
    assert violations(page, axe) == []
    page.get_by_role("button", name="Before and after").click()
    expect(page.get_by_role("slider", name="Reveal the result over the source")).to_be_focused()
    assert violations(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_a_picture_that_is_pressed_shows_what_it_was_made_from(visit: Opener) -> None:
    page = edited(visit, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    tile(page, "Aurora").get_by_role("button", name="Inspector").tap()
    shown = page.locator(".before")
    shown.scroll_into_view_if_needed()
    expect(shown.locator("figcaption")).to_have_text("Result")
    shown.get_by_role("img", name="Result").hover()
    page.mouse.down()
    expect(shown.locator("figcaption")).to_have_text("Source")
    page.mouse.up()
    expect(shown.locator("figcaption")).to_have_text("Result")
    page.get_by_role("button", name="Before and after").dblclick()
    expect(sight(page, "Before and after")).to_have_count(1)


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_no_row_moves_when_the_source_comes_into_its_head(visit: Opener, size: tuple[int, int]) -> None:
    page = edited(
        visit, viewport={"width": size[0], "height": size[1]}, is_mobile=size[0] < 400, has_touch=size[0] < 400
    )
    source = page.get_by_role("button", name="Source of the row: make it dusk")
    heights = "e => [e.offsetHeight, [...e.querySelectorAll('.tally, .params')].map(p => Math.round(p.getBoundingClientRect().top - e.getBoundingClientRect().top))]"
    head = page.locator(".row > header")
    expect(source).to_be_visible()
    loaded(source.locator("img"))
    having = head.evaluate(heights)
    source.evaluate("e => e.remove()")
    assert head.evaluate(heights) == having
