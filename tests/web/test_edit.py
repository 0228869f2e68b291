"""The edit view: a mask painted by mouse, by touch and by keys, and the request that follows."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import FloatRect, Page, Route, expect
from tests.web.conftest import Opener
from tests.web.test_studio import PAIR, called, tile, until
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
    expect(canvas.locator("img")).to_have_js_property("complete", value=True)
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
    image = tile(page, "Aurora").first.locator("img").first.get_attribute("src")
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

    page.route("**/restored", answer)
    frame.focus()
    page.keyboard.press("i")
    expect(page.get_by_text("This model changed 11 % outside your mask before it was restored.")).to_be_visible()
    expect(page.get_by_alt_text("Where it had changed")).to_have_count(0)
    page.get_by_role("button", name="Heat map").click()
    expect(page.get_by_alt_text("Where it had changed")).to_be_visible()
    page.get_by_role("button", name="Use unrestored").click()
    until(lambda: bool(asked))
    assert asked == [{"unrestored": True}]
