"""What is there in every view: the palette, keys of one's own, undo, settings, and word that pictures are done."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.unit.test_comfyui import FLUX
from tests.web.conftest import Opener, intercept
from tests.web.test_gallery import cell, opened, sent
from tests.web.test_studio import PAIR, create, heard, here, tile, until
from tests.web.test_views import violations

pytestmark = pytest.mark.browser


def palette(page: Page) -> Any:
    return page.get_by_role("dialog", name="Command palette")


def found(page: Page) -> list[str]:
    return [re.sub(r"\s+", " ", t).strip() for t in palette(page).get_by_role("option").all_text_contents()]


def test_the_palette_finds_commands_models_views_and_prompts_by_keyboard(visit: Opener) -> None:
    page = visit(runs=[("harbour at dusk", PAIR), ("a red kite", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    page.get_by_label("Prompt", exact=True).focus()
    here(page, "keyboard")
    page.keyboard.press("Control+k")
    page.keyboard.type("sidsid")  # s-i-d-e- -b-y- -s-i-d-e, and no letter is lost while the palette comes
    box = palette(page).get_by_role("combobox")
    expect(box).to_have_value("sidsid")
    expect(box).to_be_focused()
    expect(palette(page).get_by_role("option", name="Put side by side C")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(palette(page)).to_have_count(0)
    expect(page.get_by_role("group", name="Side by side").get_by_role("button").first).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("seedream")
    model = palette(page).get_by_role("option", name="Seedream 5")
    expect(model).to_contain_text("off")
    page.keyboard.press("Enter")
    expect(model).to_contain_text("on")
    page.keyboard.press("Escape")
    expect(palette(page)).to_have_count(0)
    expect(page.get_by_role("checkbox", name=re.compile("Seedream 5"))).to_be_checked()
    page.keyboard.press("Control+k")
    page.keyboard.type("duskh")
    expect(palette(page)).to_contain_text("Nothing fits that.")
    page.keyboard.press("Control+a")
    page.keyboard.type("dusk")
    expect(palette(page).get_by_role("group", name="Earlier prompts").get_by_role("option")).to_have_text(
        ["harbour at dusk"]
    )
    page.keyboard.press("Enter")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("harbour at dusk")
    page.keyboard.press("Control+k")
    page.keyboard.type("router")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/router$"))


def test_what_is_typed_before_the_keys_are_there_reaches_the_palette(visit: Opener) -> None:
    page = visit(runs=[("harbour at dusk", PAIR)])
    held: list[Any] = []
    intercept(page, re.compile(r"/app/commands\.js"), lambda route: held.append(route))
    page.reload()
    frame = page.locator(".frame").first
    expect(frame).to_be_visible()
    frame.focus()
    page.keyboard.press("Control+k")
    page.keyboard.type("routex")  # r, u, t, e and x mean something on a tile, but not for a palette that is on its way
    page.keyboard.press("Backspace")
    page.keyboard.type("r")
    page.keyboard.press("Enter")
    heard(page, lambda: bool(held))
    for route in held:
        route.continue_()
    expect(page).to_have_url(re.compile("/router$"))
    expect(palette(page)).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_palette_walks_its_list_and_knows_projects(visit: Opener) -> None:
    page = opened(visit)
    cell(page, 3).click()
    page.keyboard.press("p")
    page.get_by_label("Project", exact=True).fill("spring-launch")
    page.keyboard.press("Enter")
    until(lambda: len(sent(page)) == 1)
    page.keyboard.press("Control+k")
    expect(palette(page).get_by_role("option").first).to_have_attribute("aria-selected", "true")
    expect(palette(page).get_by_role("group", name="Projects")).to_be_attached()
    before = palette(page).get_by_role("combobox").get_attribute("aria-activedescendant")
    page.keyboard.press("ArrowUp")
    expect(palette(page).get_by_role("option").last).to_have_attribute("aria-selected", "true")
    assert palette(page).get_by_role("combobox").get_attribute("aria-activedescendant") != before
    page.keyboard.type("spring")
    expect(palette(page).get_by_role("group", name="Projects").get_by_role("option")).to_have_text(["spring-launch"])
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/gallery\?q=project"))
    expect(page.get_by_label("Search the gallery")).to_have_value("project:spring-launch")
    expect(page.locator("#found")).to_have_text("1 picture")


def key_of(page: Page, name: str) -> Any:
    return page.get_by_role("dialog", name="Shortcuts").get_by_role("button", name=re.compile(f"^Key for {name}:"))


def test_a_key_is_changed_swapped_and_brought_back(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    tile(page, "Aurora").focus()
    page.keyboard.press("?")
    key_of(page, "Inspector").click()
    expect(page.get_by_text("Press the new key for “Inspector”")).to_be_visible()
    page.keyboard.press("w")
    expect(key_of(page, "Inspector")).to_have_text("W")
    expect(key_of(page, "Inspector")).to_be_focused()
    key_of(page, "Download").first.press("Enter")
    page.keyboard.press("w")
    expect(page.get_by_text("W is “Inspector” already.")).to_be_visible()
    page.get_by_role("button", name="Swap the two").click()
    expect(key_of(page, "Download").first).to_have_text("W")
    expect(key_of(page, "Inspector")).to_have_text("D")
    page.keyboard.press("Escape")
    expect(tile(page, "Aurora").get_by_role("button", name="Inspector")).to_have_attribute("title", "Inspector (D)")
    tile(page, "Aurora").focus()
    page.keyboard.press("i")
    page.keyboard.press("d")
    expect(page.get_by_role("complementary", name="Inspector")).to_be_visible()
    page.reload()
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    expect(tile(page, "Aurora").get_by_role("button", name="Inspector")).to_have_attribute("title", "Inspector (D)")
    tile(page, "Aurora").focus()
    page.keyboard.press("?")
    key_of(page, "Zoom in").click()
    page.keyboard.press("m")  # another place: `Difference` there has it
    expect(page.get_by_text("M is “Difference” already.")).to_be_visible()
    page.get_by_role("button", name="Leave it").click()
    page.get_by_role("button", name="All keys as they were").click()
    expect(key_of(page, "Inspector")).to_have_text("I")
    expect(page.get_by_role("button", name="All keys as they were")).to_have_count(0)


def test_a_chord_with_control_works_on_a_tile_and_a_menu_names_a_changed_key(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    tile(page, "Aurora").focus()
    page.keyboard.press("?")
    key_of(page, "Inspector").click()
    page.keyboard.press("Control+j")
    expect(key_of(page, "Inspector")).to_have_text("Ctrl J")
    key_of(page, "Lineage").click()
    page.keyboard.press("w")
    expect(key_of(page, "Lineage")).to_have_text("W")
    page.keyboard.press("Escape")
    tile(page, "Aurora").focus()
    page.keyboard.press("Control+j")
    expect(page.get_by_role("complementary", name="Inspector")).to_be_visible()
    tile(page, "Aurora").focus()
    page.evaluate("addEventListener('keydown', e => { window.kept = e.defaultPrevented; })")
    page.keyboard.press("Control+ArrowRight")  # bound to nothing: it is the browser's
    expect(tile(page, "Aurora")).to_be_focused()
    assert page.evaluate("window.kept") is False
    tile(page, "Aurora").get_by_role("button", name="More").click()
    expect(page.get_by_role("menuitem", name=re.compile("^Lineage"))).to_have_text("LineageW")


def test_a_key_that_a_place_needs_for_itself_is_refused_with_its_use(visit: Opener) -> None:
    page = visit()
    page.locator("#main").focus()
    page.keyboard.press("?")
    for name, key, words in (
        ("Use as reference", "3", "3 is for “Stars” and stays so."),
        ("Vary", "ArrowLeft", "← is for “Go from tile to tile” and stays so."),
        ("Blind", "4", "4 is for “Pick” and stays so."),
        ("Skip", "5", "5 is for “Stars” and stays so."),
        ("Tag", "Control+a", "Ctrl A is for “Choose all” and stays so."),
        ("Queue", "2", "2 is for “Stars” and stays so."),
        ("Flicker", "Control+j", "Side by side and in Cull a key stands alone, without Ctrl."),
    ):
        own = key_of(page, name).first
        before = own.text_content()
        own.click()
        page.keyboard.press(key)
        expect(page.get_by_text(words)).to_be_visible()
        expect(page.get_by_role("button", name="Swap the two")).to_have_count(0)
        page.get_by_role("button", name="Leave it").click()
        expect(own).to_have_text(before or "")


def test_the_keys_of_the_editor_the_lineage_and_the_queue_are_changed_like_the_rest(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    tile(page, "Aurora").focus()
    page.keyboard.press("?")
    for name, was, key, now in (
        ("Lasso", "L", "q", "Q"),  # a place of its own: outside of the editor it stays that of the queue
        ("Redo", "Ctrl ⇧ Z", "Control+y", "Ctrl Y"),
        ("Larger brush", "]", "Control+Shift+l", "Ctrl ⇧ L"),
        ("Pin, and back", "P", "w", "W"),
        ("To the front", "Home", "v", "V"),
    ):
        expect(key_of(page, name)).to_have_text(was)
        key_of(page, name).click()
        page.keyboard.press(key)
        expect(key_of(page, name)).to_have_text(now)
    for name, key, words in (
        ("Brush", "ArrowLeft", "← is for “Move the brush; Shift further” and stays so."),
        ("Eraser", "q", "Q is “Lasso” already."),
        ("Hide the branch, and back", "n", "N is “Notices” already."),
        ("Stop this one", "ArrowDown", "↓ is for “Go from one to the next” and stays so."),
    ):
        key_of(page, name).click()
        page.keyboard.press(key)
        expect(page.get_by_text(words)).to_be_visible()
        page.get_by_role("button", name="Leave it").click()
    page.get_by_role("dialog", name="Shortcuts").get_by_role("button", name="Close").click()
    tile(page, "Aurora").focus()
    page.keyboard.press("e")
    expect(page.locator("mask-canvas:not([aria-busy])")).to_be_focused()
    tools = page.get_by_role("toolbar", name="Mask")
    page.keyboard.press("l")
    page.keyboard.press("q")
    expect(tools.get_by_role("button", name="Lasso")).to_have_attribute("aria-pressed", "true")
    expect(tools.get_by_role("button", name="Lasso")).to_have_attribute("title", "Lasso (Q)")
    size = int(tools.get_by_label("Size").input_value())
    page.keyboard.press("Control+Shift+l")
    expect(tools.get_by_label("Size")).to_have_value(str(round(size * 1.25)))


def test_views_hear_the_changed_keys(visit: Opener) -> None:
    page = opened(visit)
    page.evaluate("localStorage['key.all-keep'] = 'h'; localStorage['key.side-slider'] = 'q'")
    page.reload()
    expect(page.get_by_role("option").first).to_be_visible()
    cell(page, 0).click()
    page.keyboard.press("k")
    page.keyboard.press("h")
    until(lambda: len(sent(page)) == 1)
    assert sent(page)[0]["verdict"] == "kept"
    cell(page, 1).click(modifiers=["Control"])
    page.keyboard.press("c")
    view = page.get_by_role("dialog", name="Side by side")
    expect(view.locator("figure")).to_have_count(2)
    page.keyboard.press("s")
    page.keyboard.press("q")
    expect(view.get_by_role("slider")).to_be_visible()
    expect(view.get_by_role("button", name="Slider")).to_have_attribute("title", "Slider (Q)")


def test_what_was_done_is_taken_back_one_by_one(visit: Opener) -> None:
    page = visit(runs=[("first", PAIR), ("second", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    tile(page, "Aurora").first.focus()
    page.keyboard.press("r")
    page.get_by_label("What picture 1 is for").select_option("style")
    page.get_by_role("button", name="Remove picture 1").click()
    expect(page.get_by_label("What picture 1 is for")).to_have_count(0)
    page.get_by_role("button", name="Row: second").click()
    page.get_by_role("menuitem", name="Hide this row").click()
    expect(page.get_by_role("heading", name="second")).to_have_count(0)
    page.locator(".frame").first.focus()
    page.keyboard.press("Control+z")
    expect(page.get_by_role("heading", name="second")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(page.get_by_label("What picture 1 is for")).to_have_value("style")
    page.keyboard.press("Control+z")
    expect(page.get_by_label("What picture 1 is for")).to_have_value("subject")
    page.keyboard.press("Control+z")
    expect(page.get_by_text("There is nothing to undo.")).to_be_visible()
    page.get_by_label("Prompt", exact=True).fill("abc")
    page.keyboard.press("Control+z")  # in a field it is the field's own
    expect(page.get_by_label("Prompt", exact=True)).not_to_have_value("abc")


def test_pictures_that_go_along_change_places_by_keys_and_say_so(visit: Opener) -> None:
    page = visit(runs=[("first", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    for name in ("Aurora", "Woodcut"):
        tile(page, name).focus()
        page.keyboard.press("r")
    pictures = page.get_by_role("list", name="Pictures that go along").get_by_role("img", include_hidden=True)
    expect(page.get_by_label("What picture 2 is for")).to_be_visible()
    before = [image.get_attribute("src") for image in pictures.all()]
    role = page.get_by_label("What picture 1 is for")
    role.select_option("style")
    role.focus()
    page.keyboard.press("Alt+ArrowRight")
    expect(page.get_by_label("What picture 2 is for")).to_have_value("style")
    expect(page.get_by_label("What picture 2 is for")).to_be_focused()
    expect(page.get_by_text("Picture 1 is now picture 2 of 2.")).to_be_attached()
    assert [image.get_attribute("src") for image in pictures.all()] == before[::-1]
    page.keyboard.press("Alt+ArrowRight")  # the last one stays the last
    expect(page.get_by_label("What picture 2 is for")).to_have_value("style")
    page.get_by_role("button", name="@img2: its place").press("Enter")
    expect(page.get_by_role("menuitem", name="One place back")).to_have_attribute("aria-disabled", "true")
    page.get_by_role("menuitem", name="To the front").press("Enter")
    expect(page.get_by_label("What picture 1 is for")).to_have_value("style")
    expect(page.get_by_role("button", name="@img1: its place")).to_be_focused()
    page.locator("#main").focus()
    page.keyboard.press("Control+z")
    expect(page.get_by_label("What picture 2 is for")).to_have_value("style")


HIDE = """hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
  Object.defineProperty(document, 'visibilityState', { value: hidden ? 'hidden' : 'visible', configurable: true }); document.dispatchEvent(new Event('visibilitychange')); }"""


def test_a_hidden_page_counts_what_came_in_its_title_and_notifies_where_asked(visit: Opener) -> None:
    page = visit()
    page.add_init_script("""window.told = []; window.tones = 0;
      window.Notification = class { static permission = 'default'; static requestPermission() { Notification.permission = 'granted'; return Promise.resolve('granted'); }
        constructor(title, more) { window.told.push([title, more.body]); } close() {} };
      window.AudioContext = class extends AudioContext { constructor() { super(); window.tones++; } };""")
    page.reload()
    expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
    assert page.evaluate("Notification.permission") == "default"
    page.locator("#main").focus()
    page.keyboard.press("Control+,")
    sheet = page.get_by_role("dialog", name="Settings")
    sheet.get_by_role("switch", name="A notification of the system").click()
    expect(sheet.get_by_role("switch", name="A notification of the system")).to_be_checked()
    sheet.get_by_role("switch", name="A short tone").click()
    until(lambda: page.evaluate("window.tones") == 1)
    sheet.get_by_role("button", name="Close").click()
    create(page, "harbour demo!wait")
    expect(page.locator(".tile")).to_have_count(2)
    expect(page.locator(".tile[data-state=waiting]")).to_have_count(2)
    page.evaluate(HIDE, True)
    same = {"X-Triptych-Session": "session-keys"}
    for frame in page.locator(".frame").all():  # nothing tells a hidden page, so it has to ask
        page.context.request.post(f"/api/tiles/{frame.get_attribute('id')}/retry-now", headers=same, data={})
    expect(page).to_have_title(re.compile(r"^\(2\) done · "))
    until(lambda: page.evaluate("window.told.length") == 1)
    assert page.evaluate("window.told") == [["Your pictures are done", "2 of 2 tiles have a picture."]]
    assert page.evaluate("window.tones") == 2
    page.evaluate(HIDE, False)
    expect(page).to_have_title("Studio · Triptych")


def test_keys_with_control_count_in_the_prompt_too_but_undo_is_the_fields_own(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.click()
    page.keyboard.type("a kite")
    page.keyboard.press("Control+,")
    expect(page.get_by_role("dialog", name="Settings")).to_be_visible()
    page.keyboard.press("Control+,")  # a dialog stays alone
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    prompt.click()
    page.keyboard.press("Control+z")
    expect(page.get_by_text("There is nothing to undo.")).to_have_count(0)
    page.evaluate("localStorage['key.palette'] = 'mod+j'")
    page.reload()
    here(page, "keyboard")
    expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
    prompt.click()
    page.keyboard.press("Control+j")
    expect(palette(page)).to_be_visible()
    page.keyboard.press("Control+j")
    expect(palette(page)).to_have_count(0)


def test_settings_are_kept_and_hold_from_the_first_paint(visit: Opener) -> None:
    page = visit(reduced_motion="no-preference", color_scheme="light")
    page.locator("#main").focus()
    page.keyboard.press("Control+,")
    sheet = page.get_by_role("dialog", name="Settings")
    sheet.get_by_role("button", name="Dark").click()
    sheet.get_by_role("group", name="Motion").get_by_role("button", name="None").click()
    page.reload()
    expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--calm')") == "0ms"
    page.locator("#main").focus()
    page.keyboard.press("Control+,")
    expect(sheet.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("name", ["Shortcuts", "Tastenkürzel"])
@pytest.mark.parametrize("width", [1280, 390])
def test_keys_stand_under_the_name_of_their_place(visit: Opener, name: str, width: int) -> None:
    tongue, more = ("en", "More") if name == "Shortcuts" else ("de-DE", "Mehr")
    page = visit(ready=name if width > 640 else more, locale=tongue, viewport={"width": width, "height": 800})
    page.get_by_label("Prompt", exact=True).press("Escape")
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name=name)
    expect(sheet).to_be_visible()
    parts = sheet.locator("section").evaluate_all("es => es.map(e => e.getClientRects().length)")
    assert parts == [1] * 9  # none goes on in another column
    high, seen, wide, room = sheet.evaluate("e => [e.scrollHeight, e.clientHeight, e.scrollWidth, e.clientWidth]")
    assert (seen < 800, wide) == (True, room)
    page.keyboard.press("End")
    last = sheet.get_by_role("switch")
    last.scroll_into_view_if_needed()
    assert high > seen
    expect(last).to_be_in_viewport()


@pytest.mark.parametrize("height", [900, 500])
def test_a_long_menu_takes_the_height_that_is_there_and_lies_beside_its_button(visit: Opener, height: int) -> None:
    page = visit(runs=[("harbour", PAIR)], viewport={"width": 1280, "height": height})
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    page.locator(".frame").first.focus()
    button = page.locator(".frame").first.locator("[aria-haspopup=menu]").last
    button.click()
    menu = page.get_by_role("menu")
    expect(menu.get_by_role("menuitem").first).to_be_focused()
    seen, high = menu.evaluate("e => [e.clientHeight, e.scrollHeight]")
    assert seen == high or height - seen <= 20
    assert (seen < high) == (height == 500)
    shades = menu.evaluate("e => getComputedStyle(e).backgroundAttachment.split(', ')")
    assert shades[:4] == ["local", "local", "scroll", "scroll"]  # a shadow at an edge, until what is there is reached
    box, by = menu.bounding_box(), button.bounding_box()
    assert box is not None
    assert by is not None
    apart = (box["x"] >= by["x"] + by["width"], box["x"] + box["width"] <= by["x"])
    assert any(apart) or box["y"] >= by["y"] + by["height"] or box["y"] + box["height"] <= by["y"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_what_opens_anywhere(visit: Opener, axe: str, scheme: str) -> None:
    page = visit(runs=[("harbour", PAIR)], color_scheme=scheme)
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    for keys, name in (("Control+k", "Command palette"), ("?", "Shortcuts"), ("Control+,", "Settings")):
        tile(page, "Aurora").focus()
        page.keyboard.press(keys)
        expect(page.get_by_role("dialog", name=name)).to_be_visible()
        assert violations(page, axe) == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog", name=name)).to_have_count(0)


def test_a_first_visit_finds_a_row_that_no_model_drew(visit: Opener, axe: str) -> None:
    page = visit("new")
    expect(page.locator(".tile[data-state=done]")).to_have_count(3)
    expect(page.get_by_text("A sample by the offline painters: they are not AI models.")).to_be_visible()
    expect(page.get_by_role("button", name="A product")).to_be_visible()
    for picture in page.locator(".picture").all():
        expect(picture).to_be_in_viewport(ratio=1)  # whole, without scrolling
    page.get_by_role("button", name="Look for one").click()
    expect(page.get_by_role("button", name="Add it")).to_be_visible()
    expect(page.get_by_text("It is there, but it does not speak OpenAI’s Images API")).to_be_visible()
    assert violations(page, axe) == []
    page.reload()
    expect(page.locator(".tile[data-state=done]")).to_have_count(3)  # and no second one
    create(page, "a kite")
    expect(page.locator(".tile[data-state=done]")).to_have_count(5)
    expect(page.get_by_role("button", name="A product")).to_have_count(0)


def test_an_empty_gallery_offers_briefs(visit: Opener) -> None:
    page = opened(visit, 0)
    page.get_by_role("button", name="A poster with words").click()
    prompt = page.get_by_label("Prompt", exact=True)
    expect(prompt).to_have_value(re.compile("OPEN LATE.*--ar 2:3"))
    expect(prompt).to_be_focused()


def test_what_a_picture_shows_can_be_said_and_taken_back(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    expect(tile(page, "Aurora").get_by_role("img")).to_have_attribute("alt", "harbour")
    tile(page, "Aurora").focus()
    page.keyboard.press("i")
    panel = page.get_by_role("complementary", name="Inspector")
    panel.get_by_label("What it shows").fill("Boats at a quay, seen from above")
    panel.get_by_role("button", name="Save").click()
    expect(tile(page, "Aurora").get_by_role("img")).to_have_attribute("alt", "Boats at a quay, seen from above")
    page.get_by_role("button", name="Undo").click()
    expect(tile(page, "Aurora").get_by_role("img")).to_have_attribute("alt", "harbour")
    expect(panel.get_by_label("What it shows")).to_have_value("harbour")


def test_two_pages_know_what_is_thrown_away(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    image = tile(page, "Aurora").get_attribute("data-image")
    same = {"X-Triptych-Session": "session-keys"}
    expect(tile(page, "Aurora").get_by_text("In the trash")).to_have_count(0)
    page.context.request.fetch(
        "/api/gallery", method="PATCH", headers=same, data={"pictures": [image], "trashed": True}
    )
    expect(tile(page, "Aurora").get_by_text("In the trash")).to_be_visible()
    tile(page, "Aurora").get_by_role("button", name="Take back").click()
    expect(tile(page, "Aurora").get_by_text("In the trash")).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(tile(page, "Aurora").get_by_text("In the trash")).to_be_visible()


def test_the_open_gallery_follows_what_happens_elsewhere(visit: Opener) -> None:
    page = opened(visit, 40)
    same = {"X-Triptych-Session": "session-keys"}
    page.context.request.fetch("/api/gallery", method="PATCH", headers=same, data={"pictures": ["img_g3"], "stars": 5})
    expect(cell(page, 3)).to_have_attribute("aria-label", re.compile("5 stars"))
    page.context.request.fetch(
        "/api/gallery", method="PATCH", headers=same, data={"pictures": ["img_g0"], "trashed": True}
    )
    expect(page.locator("#found")).to_have_text("39 pictures")
    cell(page, 1).click()
    page.context.request.post("/fake", data={"gallery": 41, "runs": [{"text": "new", "models": PAIR}]})
    more = page.get_by_role("button", name="Show 2 new pictures")
    expect(more).to_be_visible()
    expect(page.get_by_text("1 chosen")).to_be_visible()  # nothing moves while something is chosen
    expect(page.locator("#found")).to_have_text("39 pictures")
    more.click()
    expect(page.locator("#found")).to_have_text("40 pictures")


def test_a_workflow_of_ones_own_is_handed_in_as_a_file_by_keyboard(visit: Opener, axe: str, tmp_path: Path) -> None:
    page = visit(path="/models", expected=("400",))
    page.get_by_role("button", name="Look for one").click()
    page.get_by_text("A workflow of your own").focus()
    page.keyboard.press("Enter")
    drawn, run = tmp_path / "My flux.json", tmp_path / "My flux api.json"
    drawn.write_text('{"nodes": [], "links": []}')
    run.write_text(json.dumps(FLUX))
    page.get_by_label("File", exact=True).set_input_files(drawn)
    page.get_by_label("Its name among the models").press("Enter")
    expect(page.get_by_text("This is a workflow as it is drawn, not as it is run.")).to_be_visible()
    expect(page.get_by_text("choose Export (API), or Save (API format)")).to_be_visible()
    assert violations(page, axe) == []
    page.get_by_label("File", exact=True).set_input_files(run)
    with page.expect_request("**/workflows/**") as sent:
        page.get_by_label("Its name among the models").press("Enter")
    assert sent.value.url.endswith("/local-8188/workflows/My%20flux%20api")
    expect(
        page.get_by_text(
            "My flux api stands among the models now. Its nodes take the prompt, a negative prompt, a seed, and a size."
        )
    ).to_be_visible()
    expect(page.get_by_text("This is a workflow as it is drawn")).to_have_count(0)


def test_a_server_of_this_machine_is_added_by_a_click_and_taken_out_again(visit: Opener) -> None:
    page = visit(path="/models")
    page.get_by_role("button", name="Look for one").click()
    add = page.get_by_role("button", name="Add it")
    choices = page.get_by_role("group", name="Which of its models draw pictures? It does not say.").get_by_role(
        "checkbox"
    )
    expect(choices).to_have_count(2)
    expect(page.get_by_text("Triptych has no adapter for it yet")).to_be_visible()  # InvokeAI
    assert [box.is_checked() for box in choices.all()] == [False, False]
    choices.first.check()
    add.click()
    card = page.get_by_role("region", name="LocalAI")
    expect(card).to_contain_text("127.0.0.1:8080")
    expect(card).to_contain_text("flux-dev")
    expect(page.get_by_role("button", name="Change what is added")).to_be_visible()
    expect(choices.first).to_be_checked()
    card.get_by_role("button", name="Take out").click()
    expect(card).to_have_count(0)
    expect(add).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(card).to_contain_text("flux-dev")
