"""The edit view: a mask painted by mouse, by touch and by keys, and the request that follows."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, FloatRect, Page, Route, expect
from tests.web.conftest import Opener, intercept
from tests.web.test_studio import PAIR, called, heard, tile, until
from tests.web.test_views import violations

pytestmark = pytest.mark.browser


def editing(visit: Opener, **options: Any) -> tuple[Page, FloatRect]:
    """The page with the editor open on a picture, and where that stands."""
    page = visit(runs=[("harbour", PAIR)], **options)
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    tile(page, "Aurora").focus()
    page.keyboard.press("e")
    canvas = page.locator("mask-canvas")
    expect(canvas).to_be_focused()
    expect(canvas.locator("canvas")).to_be_visible()
    expect(page.locator("mask-canvas:not([aria-busy])")).to_be_visible()
    expect(page.get_by_text("Nothing painted")).to_be_visible()
    box = canvas.locator("img").bounding_box()
    assert box is not None
    return page, box


def drag(page: Page, box: FloatRect, *points: tuple[float, float]) -> None:
    """Along points given in parts of the picture."""
    for index, (x, y) in enumerate(points):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        if index == 0:
            page.mouse.down()
    page.mouse.up()


def sent_mask(page: Page) -> Image.Image:
    """The mask of the last run, as the server has it."""
    body = called(page, "/api/runs")[-1][2]
    answer = page.request.get(f"/api/uploads/{body['mask']}")
    return Image.open(io.BytesIO(answer.body()))


def alpha(mask: Image.Image, x: float, y: float) -> int:
    found = mask.getpixel((int(x * (mask.width - 1)), int(y * (mask.height - 1))))
    assert isinstance(found, tuple)
    return int(found[3])


def launch(page: Page, text: str = "make it dusk") -> dict[str, Any]:
    before = len(called(page, "/api/runs"))
    page.get_by_label("What should change").fill(text)
    page.get_by_role("button", name="Make the edit").click()
    until(lambda: len(called(page, "/api/runs")) > before)
    expect(page.get_by_role("dialog")).to_have_count(0)
    body: dict[str, Any] = called(page, "/api/runs")[-1][2]
    return body


def test_a_mask_is_painted_with_the_mouse_and_sent_with_the_parent(visit: Opener) -> None:
    page, box = editing(visit)
    drag(page, box, (0.3, 0.3), (0.5, 0.5), (0.6, 0.3))
    expect(page.get_by_text("% to be changed")).to_be_visible()
    page.locator(".editor").get_by_role("checkbox", name="Gemini").check(force=True)
    expect(page.locator(".editor .chip", has_text="Gemini")).to_contain_text("restored after")
    body = launch(page)
    image = tile(page, "Aurora").first.locator("img.picture").get_attribute("src")
    assert body["parent"]["tile"] == tile(page, "Aurora").first.get_attribute("id")
    assert body["parent"]["picture"] in str(image)
    assert [one["role"] for one in body["images"]] == ["edit"]
    assert body["text"] == "make it dusk"
    assert "google/gemini-3.1-flash-image" in body["models"]
    mask = sent_mask(page)
    assert (alpha(mask, 0.5, 0.5), alpha(mask, 0.05, 0.05), alpha(mask, 0.95, 0.9)) == (0, 255, 255)
    expect(page.get_by_label("Pictures that go along")).to_have_count(0)


def test_shapes_eraser_invert_and_undo(visit: Opener) -> None:
    page, box = editing(visit)
    page.get_by_role("button", name="Rectangle").click()
    drag(page, box, (0.1, 0.1), (0.6, 0.6))
    page.keyboard.press("e")
    drag(page, box, (0.3, 0.3), (0.32, 0.32))
    page.keyboard.press("l")
    drag(page, box, (0.7, 0.7), (0.9, 0.7), (0.9, 0.9), (0.7, 0.9))
    page.get_by_role("button", name="Invert").click()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+Shift+z")
    launch(page)
    mask = sent_mask(page)
    assert (alpha(mask, 0.15, 0.15), alpha(mask, 0.31, 0.31), alpha(mask, 0.8, 0.8), alpha(mask, 0.95, 0.1)) == (
        255, 0, 255, 0,
    )  # fmt: skip


def test_by_keys_alone(visit: Opener) -> None:
    page, _ = editing(visit)
    page.keyboard.press("]")
    page.keyboard.press(" ")
    expect(page.get_by_text("% to be changed")).to_be_visible()
    page.keyboard.press("r")
    for key in ["ArrowLeft"] * 20 + ["ArrowUp"] * 20 + ["Enter"] + ["ArrowRight"] * 6 + ["ArrowDown"] * 6 + ["Enter"]:
        page.keyboard.press(key)
    launch(page)
    mask = sent_mask(page)
    assert (alpha(mask, 0.5, 0.5), alpha(mask, 0.14, 0.14), alpha(mask, 0.9, 0.1)) == (0, 0, 255)


def test_import_export_feather_and_the_way_to_the_prompt_bar(visit: Opener, tmp_path: Path) -> None:
    page, box = editing(visit)
    page.get_by_role("button", name="Rectangle").click()
    drag(page, box, (0.25, 0.25), (0.75, 0.75))
    page.get_by_role("slider", name="Feather").fill("12")
    with page.expect_download() as given:
        page.get_by_role("button", name="Export").click()
    file = tmp_path / "mask.png"
    given.value.save_as(file)
    mask = Image.open(file)
    across = [alpha(mask, x / 100, 0.5) for x in range(15, 36)]
    assert across[0] == 255
    assert across[-1] == 0
    assert any(0 < value < 255 for value in across)
    page.get_by_role("slider", name="Feather").fill("0")
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("Nothing painted")).to_be_visible()
    page.get_by_label("Import a mask").set_input_files(str(file))
    expect(page.get_by_text("% to be changed")).to_be_visible()
    page.get_by_role("button", name="To the prompt bar").click()
    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()
    expect(page.get_by_text("Its transparent part is changed")).to_be_visible()
    page.get_by_label("Prompt", exact=True).fill("make it dusk")
    page.keyboard.press("Control+Enter")
    until(lambda: bool(called(page, "/api/runs")))
    body = called(page, "/api/runs")[-1][2]
    assert body["parent"]["tile"] == tile(page, "Aurora").first.get_attribute("id")
    assert alpha(sent_mask(page), 0.5, 0.5) == 0


def png(image: Image.Image, name: str = "mask.png") -> FilePayload:
    """A picture as a file of a form."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": out.getvalue()}


def square(mode: str, background: Any, middle: Any) -> Image.Image:
    """A square with another one in its middle."""
    image = Image.new(mode, (720, 720), background)
    image.paste(middle, (180, 180, 540, 540))
    return image


@pytest.mark.parametrize("mode", ["L", "RGB", "1"])
def test_a_mask_in_black_and_white_is_painted_where_it_is_white(visit: Opener, mode: str) -> None:
    page, box = editing(visit)
    drag(page, box, (0.02, 0.02), (0.1, 0.02))
    white = (255, 255, 255) if mode == "RGB" else 255
    page.get_by_label("Import a mask").set_input_files(png(square(mode, 0, white)))
    expect(page.get_by_text("The mask has no transparency: what is white in it is painted.")).to_be_visible()
    expect(page.get_by_text("25 % to be changed")).to_be_visible()
    launch(page)
    mask = sent_mask(page)
    assert (alpha(mask, 0.5, 0.5), alpha(mask, 0.06, 0.02), alpha(mask, 0.9, 0.5)) == (0, 255, 255)


@pytest.mark.parametrize(
    ("image", "said"),
    [(Image.new("RGBA", (720, 720), "black"), "The mask is transparent nowhere"), (Image.new("L", (720, 720)), "The mask is black all over")],
    ids=["opaque", "black"],
)  # fmt: skip
def test_a_mask_that_changes_nothing_is_not_taken_and_what_was_painted_stays(
    visit: Opener, image: Image.Image, said: str
) -> None:
    page, box = editing(visit)
    page.get_by_role("button", name="Rectangle").click()
    drag(page, box, (0.25, 0.25), (0.75, 0.75))
    expect(page.get_by_text("25 % to be changed")).to_be_visible()
    page.get_by_label("Import a mask").set_input_files(png(image))
    expect(page.get_by_role("alert")).to_contain_text(said)
    expect(page.get_by_text("25 % to be changed")).to_be_visible()
    launch(page)
    assert alpha(sent_mask(page), 0.5, 0.5) == 0


def test_a_mask_in_the_prompt_bar_says_which_part_is_changed_and_that_it_changes_nothing(visit: Opener) -> None:
    page = visit()
    page.get_by_label("Add pictures").set_input_files(png(Image.new("RGB", (720, 720), "teal"), "beach.png"))
    page.get_by_label("What picture 1 is for").select_option("edit")
    page.get_by_label("Prompt", exact=True).fill("make it dusk")
    page.get_by_label("Attach a mask").set_input_files(png(square("L", 0, 255)))
    expect(page.get_by_text("Its white part is changed")).to_be_visible()
    expect(page.get_by_text("what is white in it is changed, what is black is kept")).to_be_visible()
    page.get_by_role("button", name="Paint what is to change in picture 1").click()
    expect(page.get_by_text("The mask has no transparency: what is white in it is painted.")).to_be_visible()
    expect(page.get_by_text("25 % to be changed")).to_be_visible()
    page.get_by_role("button", name="Close the editor").click()
    page.get_by_role("button", name="Remove the mask").click()
    page.get_by_label("Attach a mask").set_input_files(png(Image.new("RGBA", (720, 720), "white")))
    expect(
        page.get_by_text("The mask is transparent nowhere, so nothing of the picture would be changed.")
    ).to_be_visible()
    expect(page.locator("#prompt ~ .foot .btn.go")).to_be_disabled()


def test_zoomed_in_the_brush_still_lands_where_it_is_put(visit: Opener) -> None:
    page, box = editing(visit)
    for _ in range(4):
        page.get_by_role("button", name="Zoom in").click()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.up()
    for _ in range(12):
        page.keyboard.press("[")
    launch(page)
    mask = sent_mask(page)
    assert (alpha(mask, 0.5, 0.5), alpha(mask, 0.2, 0.5)) == (0, 255)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_view_is_accessible_and_fits_a_phone(visit: Opener, axe: str, scheme: str) -> None:
    page, box = editing(visit, color_scheme=scheme)
    drag(page, box, (0.3, 0.3), (0.5, 0.5))
    assert violations(page, axe) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert violations(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_what_was_put_back_is_told_with_a_map_and_a_way_back(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    frame = tile(page, "Aurora")
    told = {"state": "restored", "words": "This model changed 11 % outside your mask before it was restored",
            "changed_permille": 110, "shift_px": [0, 0], "unrestored": False, "choice": True}  # fmt: skip
    image = frame.get_attribute("data-image")
    page.evaluate(
        """async ([id, told, heat]) => {
          const s = await import(document.querySelector('script[type=module]').src.replace('main.js', 'state.js'));
          const tile = s.findTile(id), [first, ...rest] = tile.value.images;
          tile.value = { ...tile.value, images: [{ ...first, restored: { ...told, heat } }, ...rest] };
        }""",
        [frame.get_attribute("id"), told, f"/api/images/{image}"],
    )
    asked: list[Any] = []

    def answer(route: Route) -> None:
        asked.append(route.request.post_data_json)
        route.fulfill(json={})

    intercept(page, "**/restored", answer)
    frame.focus()
    page.keyboard.press("i")
    expect(page.get_by_text("This model changed 11 % outside your mask before it was restored.")).to_be_visible()
    expect(page.get_by_alt_text("Where it had changed")).to_have_count(0)
    page.get_by_role("button", name="Heat map").click()
    expect(page.get_by_alt_text("Where it had changed")).to_be_visible()
    page.get_by_role("button", name="Use unrestored").click()
    heard(page, lambda: bool(asked))
    assert asked == [{"unrestored": True}]


REPLAY = """async ([steps, size, feather]) => {
  const el = document.querySelector('mask-canvas'), picture = await createImageBitmap(await el.png());
  const canvas = () => { const c = document.createElement('canvas'); c.width = el.width; c.height = el.height; return c; };
  const painted = canvas(), p = painted.getContext('2d'), whole = canvas(), w = whole.getContext('2d'), had = canvas().getContext('2d');
  for (const { points, erase, area } of steps) {
    p.globalCompositeOperation = erase ? 'destination-out' : 'source-over';
    p.beginPath();
    points.forEach(([x, y], i) => i ? p.lineTo(x * el.width, y * el.height) : p.moveTo(x * el.width, y * el.height));
    Object.assign(p, { lineWidth: size, lineCap: 'round', lineJoin: 'round' });
    if (area) { p.closePath(); p.fill(); } else p.stroke();
  }
  w.fillRect(0, 0, el.width, el.height);
  w.globalCompositeOperation = 'destination-out';
  if (feather) w.filter = `blur(${feather / 2}px)`;
  w.drawImage(painted, 0, 0);
  had.drawImage(picture, 0, 0);
  const [a, b] = [w, had].map(c => c.getImageData(0, 0, el.width, el.height).data);
  let apart = 0, changed = 0;
  for (let i = 3; i < a.length; i += 4) { apart = Math.max(apart, Math.abs(a[i] - b[i])); changed += a[i] < 255; }
  return [apart, changed];
}"""
STROKE = """([points, erase, area]) => {
  const el = document.querySelector('mask-canvas'), box = el.querySelector('canvas').getBoundingClientRect();
  el.tool = area ? 'lasso' : erase ? 'eraser' : 'brush';
  el.setPointerCapture = () => {};
  const at = (type, [x, y]) => el.dispatchEvent(new PointerEvent(type, { clientX: box.left + x * box.width, clientY: box.top + y * box.height, pointerId: 7, button: 0, buttons: 1 }));
  at('pointerdown', points[0]);
  for (const point of points.slice(1)) at('pointermove', point);
  at('pointerup', points.at(-1));
}"""


@pytest.mark.parametrize("feather", [0, 12])
def test_what_is_baked_stroke_by_stroke_is_what_all_strokes_drawn_anew_would_be(visit: Opener, feather: int) -> None:
    page, _ = editing(visit)
    size = page.locator("mask-canvas").evaluate("e => e.size")
    steps = [
        {"points": [[0.2, 0.2], [0.31, 0.44], [0.5, 0.33]], "erase": False, "area": False},
        {"points": [[0.1, 0.6], [0.7, 0.62], [0.6, 0.9]], "erase": False, "area": True},
        {"points": [[0.3, 0.1], [0.33, 0.8]], "erase": True, "area": False},
        {"points": [[0.8, 0.1], [0.85, 0.15], [0.83, 0.3], [0.7, 0.2]], "erase": False, "area": False},
    ]
    gone = {"points": [[0.5, 0.05], [0.95, 0.95]], "erase": False, "area": False}
    for step in (*steps[:2], gone):
        page.evaluate(STROKE, [step["points"], step["erase"], step["area"]])
    page.locator("mask-canvas").evaluate("e => { e.undo(); e.undo(); e.redo(); }")
    for step in steps[2:]:
        page.evaluate(STROKE, [step["points"], step["erase"], step["area"]])
    page.get_by_role("slider", name="Feather").fill(str(feather))
    apart, changed = page.evaluate(REPLAY, [steps, size, feather])
    assert changed > 10_000
    assert apart <= 1  # an edge's shade is rounded


def test_a_dot_of_a_few_pixels_is_a_mask_too(visit: Opener) -> None:
    page, _ = editing(visit)
    page.get_by_role("slider", name="Size").fill("2")
    page.locator("mask-canvas").focus()
    page.keyboard.press(" ")
    expect(page.get_by_text("< 1 % to be changed")).to_be_visible()
    launch(page)
    assert "mask" in called(page, "/api/runs")[-1][2]


def test_a_photo_in_the_prompt_bar_is_painted_on_with_one_click(visit: Opener) -> None:
    page = visit()
    page.get_by_label("Add pictures").set_input_files(png(Image.new("RGB", (720, 720), "teal"), "beach.png"))
    expect(page.get_by_label("What picture 1 is for")).to_have_value("subject")
    page.get_by_role("button", name="Paint what is to change in picture 1").click()
    expect(page.locator("mask-canvas:not([aria-busy])")).to_be_visible()
    box = page.locator("mask-canvas img").bounding_box()
    assert box is not None
    drag(page, box, (0.3, 0.3), (0.6, 0.6))
    expect(page.get_by_text("% to be changed")).to_be_visible()
    page.get_by_role("button", name="To the prompt bar").click()
    expect(page.get_by_label("What picture 1 is for")).to_have_value("edit")  # what a mask is for
    expect(page.get_by_text("Its transparent part is changed")).to_be_visible()
