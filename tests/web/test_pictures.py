"""Pictures that go along and pictures made from one: references, variations, larger frames, conversations; in a real browser on
the real server, with the emulators as providers."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect
from tests.emulators import Emulators
from tests.web.test_late import Held
from tests.web.test_studio import until
from tests.web.test_views import violations
from tests.web.test_whole_way import Studio, create, visit

pytestmark = pytest.mark.browser
COLOURS = ("red", "green", "blue", "gold", "teal")
GROK, GEMINI = "xai/grok-imagine-image", "google/gemini-3-pro-image"
DRAGGED_OUT = """picture => {
  const dataTransfer = new DataTransfer();
  picture.dispatchEvent(new DragEvent('dragstart', { dataTransfer, bubbles: true }));
  return dataTransfer.getData('DownloadURL');
}"""


@pytest.fixture(scope="module")
def served(emulator_servers: Emulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    made = Studio(tmp_path_factory.mktemp("data"), emulator_servers)
    keys = {
        "GEMINI": emulator_servers.google.key,
        "XAI": emulator_servers.xai.key,
        "OPENAI": emulator_servers.openai.key,
    }
    made.environment |= {f"{name}_API_KEY": key for name, key in keys.items()}
    made.start()
    yield made
    made.stop()


@pytest.fixture
def page(browser: Browser, served: Studio, emulators: Emulators) -> Iterator[Page]:
    context = browser.new_context(
        base_url=served.url, viewport={"width": 1280, "height": 900}, reduced_motion="reduce", service_workers="block"
    )  # fmt: skip
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    visit(opened, served)
    yield opened
    context.close()
    assert errors == []


def png(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (96, 96), colour).save(out, "PNG")
    return out.getvalue()


def attach(page: Page, count: int) -> None:
    files: Any = [{"name": f"{c}.png", "mimeType": "image/png", "buffer": png(c)} for c in COLOURS[:count]]
    page.get_by_label("Add pictures").set_input_files(files)
    expect(page.locator(".ref img")).to_have_count(count)


def newest(page: Page) -> Any:
    """The row made last, as the server has it."""
    return page.request.get("/api/runs").json()["runs"][0]


def draw(page: Page, text: str, model: str = GEMINI) -> Locator:
    """A tile of a new row, with its picture."""
    with page.expect_response("**/api/runs") as answer:
        create(page, f"{text} --m {model}")
    return shown(page, answer.value.json()["tiles"][0]["id"])


def shown(page: Page, tile: str) -> Locator:
    frame = page.locator(f"[id='{tile}']")
    expect(frame.locator("img.picture.in")).to_be_visible(timeout=20_000)
    return frame


def started(page: Page, press: Any) -> Any:
    """What the page asked for when this was pressed, and the run that came of it."""
    with page.expect_response(lambda r: r.url.endswith("/api/runs") and r.request.method == "POST") as answer:
        press()
    assert answer.value.status == 202, answer.value.text()
    return answer.value.request.post_data_json, answer.value.json()


def choose(page: Page, frame: Locator, item: str) -> None:
    frame.hover()
    frame.get_by_role("button", name="More").first.click()
    page.get_by_role("menuitem", name=item).click()


def test_before_a_run_it_is_said_who_gets_which_and_decided(page: Page, axe: str) -> None:
    page.fill("#prompt", f"a poster --m {GROK},{GEMINI}")
    attach(page, 5)
    page.get_by_label("What picture 2 is for").select_option("style")
    who = page.get_by_role("list", name="Which model gets which picture")
    expect(who).to_contain_text("takes 14: gets all.")
    expect(who).to_contain_text("takes 3: gets @img1, @img3, @img4, not @img2, @img5.")
    expect(page.locator("#plan")).to_contain_text("Decide about the pictures above.")
    expect(page.get_by_role("button", name="Create")).to_be_disabled()
    page.wait_for_load_state("networkidle")
    assert violations(page, axe) == []
    who.get_by_role("button", name="Run without @img2, @img5").click()
    expect(page.get_by_role("button", name="Create")).to_be_enabled()
    asked, run = started(page, lambda: page.get_by_role("button", name="Create").click())
    assert asked["fewer"] == [GROK]
    tile = next(one for one in run["tiles"] if one["model"] == GROK)
    shown(page, tile["id"])
    notes = {note["feature"]: note["detail"] for note in newest(page)["tiles"][0]["adjustments"]}
    assert notes["images"] == "3 of 5 pictures sent; left out: @img2 (style), @img5 (subject)"
    assert "@img3 (subject)" in notes["roles"]


def test_what_no_field_says_is_written_by_the_person_alone(page: Page) -> None:
    page.fill("#prompt", f"a poster --m {GEMINI} --ar 4:5")
    attach(page, 2)
    page.get_by_label("What picture 1 is for").select_option("style")
    page.get_by_role("button", name="Say it in the prompt").click()
    said = "a poster The first picture shows the subject. The second picture shows the style."
    expect(page.locator("#prompt")).to_have_value(f"{said} --m {GEMINI} --ar 4:5")
    _, run = started(page, lambda: page.keyboard.press("Control+Enter"))
    assert run["tiles"][0]["prompt"] == said


def test_the_words_wait_for_the_plan_of_what_a_picture_is_for_now(page: Page) -> None:
    page.fill("#prompt", f"a poster --m {GEMINI}")
    attach(page, 2)
    say = page.get_by_role("button", name="Say it in the prompt")
    expect(say).to_be_enabled()
    plans = Held(page, "**/api/plan")
    page.get_by_label("What picture 1 is for").select_option("layout")
    plans.until()
    expect(say).to_be_disabled()
    plans.let_go()
    expect(say).to_be_enabled()
    say.click()
    said = "a poster The first picture shows the subject. The second picture shows the layout."
    expect(page.locator("#prompt")).to_have_value(f"{said} --m {GEMINI}")
    page.unroute("**/api/plan")


def test_pictures_come_from_the_gallery_by_keys_and_once(page: Page, axe: str) -> None:
    draw(page, "a lighthouse at noon")
    page.get_by_role("button", name="Pictures from the gallery").click()
    sheet = page.get_by_role("dialog", name="Pictures from the gallery")
    sheet.get_by_role("searchbox").fill("lighthouse")
    expect(sheet.locator(".thumb")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press(" ")
    expect(sheet.get_by_role("status")).to_have_text("1 picture")
    assert violations(page, axe) == []
    sheet.get_by_role("button", name="Add").click()
    expect(page.locator(".ref img")).to_have_count(1)
    expect(page.locator("#prompt")).to_be_focused()


def test_a_tile_and_a_gallery_picture_are_dragged_into_the_bar(page: Page) -> None:
    expect(page.get_by_label("Add pictures")).to_be_attached()  # what hears of a drag has come with it
    frame = draw(page, "a heron in reeds")
    kind, name, whole = frame.locator("img.picture").evaluate(DRAGGED_OUT).split(":", 2)
    answer = page.request.get(whole)  # what falls on a desktop is the file, not the small copy that is shown
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    frame.locator("img.picture").drag_to(page.locator("#prompt"))
    expect(page.locator(".ref img")).to_have_count(1)
    frame.locator("img.picture").drag_to(page.locator("#prompt"))
    expect(page.locator(".toasts")).to_contain_text("goes along already")
    page.get_by_label("Remove picture 1").click()
    small = page.locator(".ref img, .tray img")
    frame.locator("img.picture").drag_to(page.locator("#prompt"))
    expect(small).to_have_count(1)
    assert small.evaluate(DRAGGED_OUT).split(":", 2) == [kind, name, whole]
    page.get_by_label("Remove picture 1").click()
    expect(small).to_have_count(0)
    frame.focus()
    page.keyboard.press("c")
    expect(small).to_have_count(1)
    assert small.evaluate(DRAGGED_OUT).split(":", 2) == [kind, name, whole]
    page.keyboard.press("l")
    twig = page.locator(".twig img")
    expect(twig).to_be_visible()
    assert twig.evaluate(DRAGGED_OUT).split(":", 2) == [kind, name, whole]
    pad = page.locator(".droppad")
    expect(pad).to_be_visible()
    page.goto("/gallery?q=heron")
    expect(page.locator("#found")).to_have_text("1 picture")
    cell = page.locator(".cell img").first
    expect(cell).to_be_visible()
    assert cell.evaluate(DRAGGED_OUT).split(":", 2) == [kind, name, whole]
    expect(pad).to_be_visible()
    cell.dispatch_event("dragend")
    expect(pad).to_have_count(0)
    box = cell.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 60, steps=4)
    expect(pad).to_be_visible()
    place = pad.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + 40, place["y"] + 20, steps=6)
    page.mouse.up()
    expect(page.locator(".ref img")).to_have_count(1)
    expect(pad).to_have_count(0)
    _, run = started(page, lambda: create(page, f"the same bird asleep --m {GEMINI}"))
    assert run["settings"]["parent"]["tile"] == frame.get_attribute("id")


def test_reuse_brings_pictures_roles_and_parent_back(page: Page) -> None:
    frame = draw(page, "a fox in snow")
    frame.focus()
    page.keyboard.press("r")
    attach_more = page.locator(".ref img")
    expect(attach_more).to_have_count(1)
    page.get_by_label("What picture 1 is for").select_option("layout")
    asked, run = started(page, lambda: create(page, f"an owl --m {GEMINI}"))
    for one in page.get_by_label("Remove picture 1").all():
        one.click()
    shown(page, run["tiles"][0]["id"])
    row = page.locator(".row", has=page.locator(f"[id='{run['tiles'][0]['id']}']"))
    row.get_by_role("button", name="Row: ").click()
    page.get_by_role("menuitem", name="Put into the prompt bar").click()
    expect(page.get_by_label("What picture 1 is for")).to_have_value("layout")
    again, _ = started(page, lambda: page.keyboard.press("Control+Enter"))
    assert (again["images"], again["parent"], again["text"]) == (asked["images"], asked["parent"], asked["text"])


def test_variations_by_keys_send_what_is_shown_and_nothing_else(page: Page, axe: str) -> None:
    frame = draw(page, "a brass lamp")
    frame.focus()
    page.keyboard.press("v")
    form = page.get_by_role("dialog", name="Vary")
    text = form.get_by_label("How it should vary")
    expect(text).to_have_value(
        "Make a subtle variation of this picture: the same subject, composition and style, with small changes in the details."
    )
    expect(form.get_by_role("button", name="Subtle")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(text).to_have_value(
        "Make a strong variation of this picture: the same subject and mood, with a new composition, viewpoint and details."
    )
    assert violations(page, axe) == []
    text.fill("The same lamp, lit.")
    asked, run = started(page, lambda: page.keyboard.press("Control+Enter"))
    expect(form).to_have_count(0)
    assert (asked["text"], asked["models"], asked["n"], asked["images"][0]["role"]) == (
        "The same lamp, lit.",
        [GEMINI],
        2,
        "edit",
    )
    assert run["settings"]["parent"]["tile"] == frame.get_attribute("id")
    assert [tile["prompt"] for tile in run["tiles"]] == ["The same lamp, lit."] * 2


def test_a_picture_is_extended_with_keys_and_keeps_its_own_pixels(page: Page, axe: str) -> None:
    choose(page, draw(page, "a boat on a lake"), "Extend to another shape")
    form = page.get_by_role("dialog", name="Extend")
    stage = form.get_by_role("application")
    expect(stage).to_be_focused()
    expect(form.get_by_label("What should be drawn")).to_have_value(
        "Continue this picture into the plain grey area around it, seamlessly: the same scene, light, colours and style. Keep the rest as it is."
    )
    form.get_by_role("button", name="16:9", exact=True).click()
    expect(form.get_by_role("status")).to_have_text("44 % is new, sent with --ar 16:9")
    stage.focus()
    for key in ("ArrowLeft", "Shift+ArrowLeft", "-"):
        page.keyboard.press(key)
    expect(form.get_by_text("95 %", exact=True)).to_be_visible()
    assert violations(page, axe) == []
    with page.expect_request("**/api/outpaint") as framed:
        asked, run = started(page, lambda: form.get_by_role("button", name="Extend").click())
    place: Any = framed.value.post_data_json
    assert (place["ratio"], round(place["x"], 2), place["y"], place["share"]) == ("16:9", 0.38, 0.5, 0.95)
    assert asked["text"].endswith("Keep the rest as it is. --ar 16:9")
    shown(page, run["tiles"][0]["id"])
    assert newest(page)["tiles"][0]["images"][0]["restored"] is not None


def test_the_picture_is_moved_in_its_frame_by_the_pointer_and_a_shape_of_ones_own_is_checked(page: Page) -> None:
    choose(page, draw(page, "a red door"), "Extend to another shape")
    form = page.get_by_role("dialog", name="Extend")
    expect(form.get_by_role("button", name="16:9", exact=True)).to_be_visible()  # all shapes stand, and nothing moves
    form.get_by_role("button", name="Own").click()
    shape = form.get_by_label("Shape", exact=True).locator("visible=true").last
    expect(form.get_by_text("Write a shape like 3:2")).to_be_visible()
    shape.fill("3:1")
    picture, frame = form.locator(".new img"), form.locator(".new")
    box, around = picture.bounding_box(), frame.bounding_box()
    assert box is not None
    assert around is not None
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(around["x"] - 300, box["y"] + 20, steps=5)
    page.mouse.up()
    until(lambda: abs((picture.bounding_box() or box)["x"] - around["x"]) < 2)
    page.keyboard.press("Escape")
    expect(form).to_have_count(0)


def test_a_conversation_shows_its_turns_and_goes_on(page: Page, axe: str, emulators: Emulators) -> None:
    first = draw(page, "a clay jug")
    before = len(emulators.google.submits)
    choose(page, first, "Continue")
    form = page.get_by_role("dialog", name="Continue with")
    turns = form.get_by_role("list", name="The conversation so far")
    expect(turns.get_by_role("listitem")).to_have_count(1)
    expect(form.get_by_label("What should change")).to_be_focused()
    expect(form.locator(".chip", has_text="Gemini 3 Pro Image").first).to_contain_text("remembers the turns")
    assert violations(page, axe) == []
    page.keyboard.type("fill it with poppies")
    asked, run = started(page, lambda: page.keyboard.press("Control+Enter"))
    assert asked["continues"] is True
    second = shown(page, run["tiles"][0]["id"])
    until(lambda: len(emulators.google.submits) > before)
    assert len(emulators.google.submits[-1].body["contents"]) == 3
    choose(page, second, "Continue")
    expect(turns.get_by_role("listitem")).to_have_count(2)
    expect(turns).to_contain_text("a clay jug")
    expect(turns).to_contain_text("fill it with poppies")


def test_the_outside_is_kept_exactly_also_where_a_model_takes_masks(page: Page) -> None:
    frame = draw(page, "a green bottle")
    frame.focus()
    page.keyboard.press("e")
    form = page.get_by_role("dialog", name="Edit")
    expect(form.locator("mask-canvas:not([aria-busy]) canvas")).to_be_visible()
    page.keyboard.press(" ")
    form.locator(".chip", has_text="GPT Image 2").get_by_role("checkbox").first.check(force=True)
    form.get_by_label("Keep the outside exactly").check(force=True)
    form.get_by_label("What should change").fill("a cork")
    asked, _ = started(page, lambda: form.get_by_role("button", name="Make the edit").click())
    assert (asked["restore"], asked["continues"], bool(asked["mask"])) == (True, False, True)


def test_a_picture_found_in_the_gallery_is_edited_there_and_its_row_is_gone_to(page: Page) -> None:
    frame = draw(page, "a yellow tram")
    page.goto("/gallery?q=tram")
    cell = page.locator("#cell-0")
    expect(cell.locator("img")).to_be_visible()
    cell.click()
    expect(page.get_by_role("button", name="Open", exact=True)).to_be_visible()
    page.keyboard.press("e")
    form = page.get_by_role("dialog", name="Edit")
    expect(form.locator("mask-canvas:not([aria-busy]) canvas")).to_be_visible()
    chips = form.get_by_role("group", name="Models for this edit").get_by_role("checkbox")
    for chip in chips.all():
        chip.uncheck(force=True)
    form.locator(".chip", has_text="Gemini 3 Pro Image").get_by_role("checkbox").first.check(force=True)
    form.get_by_label("What should change").fill("make it blue")
    asked, run = started(page, lambda: form.get_by_role("button", name="Make the edit").click())
    assert (asked["text"], asked["images"][0]["role"]) == ("make it blue", "edit")
    assert asked["parent"]["tile"] == frame.get_attribute("id")
    expect(form).to_have_count(0)
    made = shown(page, run["tiles"][0]["id"])
    expect(made).to_be_focused()
    expect(made).to_be_in_viewport()
    for number in range(9):  # further back than the page has rows at first
        draw(page, f"a bus, number {number}")
    page.goto("/gallery?q=tram")
    expect(page.locator("#found")).to_have_text("1 picture")
    cell.click()
    expect(page.get_by_role("button", name="Open", exact=True)).to_be_visible()
    page.keyboard.press("w")
    expect(frame).to_be_focused()
    expect(frame).to_be_in_viewport()
    page.goto("/gallery?q=tram")
    expect(page.locator("#found")).to_have_text("1 picture")
    cell.click()
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("menuitem", name="Inspector").click()
    expect(page.get_by_role("complementary")).to_contain_text("a yellow tram")
    page.goto("/gallery?q=tram")
    expect(page.locator("#found")).to_have_text("1 picture")
    cell.click()
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("menuitem", name="Use the prompt").click()
    expect(page.locator("#prompt")).to_have_value(f"a yellow tram --m {GEMINI}")
