"""Looking at pictures side by side: one moved alone, two over each other, what differs and why, picks and rejections."""

import io
import json
import re
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Response, Route, expect
from tests.web.conftest import Opener, intercept
from tests.web.test_studio import FOUR, HOLD, PAIR, heard, tile, until
from tests.web.test_views import scales, violations

pytestmark = pytest.mark.browser
NAMES = ("aurora", "woodcut", "seedream", "bytedance", "gemini", "google", "grok", "xai", "gpt", "openai", "triptych/")


def opened(page: Page, count: int) -> Locator:
    """The view on the first row, the focus on its first picture; one that was open before is gone."""
    expect(page.locator("dialog.compare")).to_have_count(0)
    expect(page.locator(".tile[data-state=done]")).to_have_count(count)
    page.locator(".tile[data-state=done] .frame").first.focus()
    page.keyboard.press("Enter")
    view = page.get_by_role("dialog", name="Side by side")
    expect(view).to_be_visible()
    settled(page)
    return view


SETTLED = """() => {
  const all = [...document.querySelectorAll('dialog.compare[open] .pic')].map(e => [e.getBoundingClientRect().width, e.querySelector('img')]);
  if (!all.length || !all.every(([, e]) => e.complete && e.naturalWidth > 0)) return false;
  const large = all.map(([width, e]) => Math.round(width * devicePixelRatio / e.naturalWidth * 100)), least = Math.min(...large), most = Math.max(...large);
  return document.querySelector('dialog.compare[open] output').textContent === (least === most ? `${least} %` : `${least}–${most} %`);
}"""


def settled(page: Page) -> None:
    """What is measured side by side is there: every picture, and the line above them that says how large they are."""
    page.evaluate("() => document.fonts.ready")
    page.wait_for_function(SETTLED)


def kept(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.request.get("/api/picks").json()["picks"]
    return found


PLACES_OF_PICTURES = """all => all.map(e => {
  const at = e.getBoundingClientRect(), plate = e.closest('.pic').getBoundingClientRect();
  return [(at.x + at.width / 2 - plate.x - plate.width / 2) / at.width * 100, (at.y + at.height / 2 - plate.y - plate.height / 2) / at.height * 100,
          at.width / plate.width];
})"""


def places(view: Locator) -> list[tuple[float, float, float]]:
    """How far the middle of each picture is from that of its plate, in percent of it as it is seen; and how large it is."""
    return [tuple(one) for one in view.locator(".pic img").evaluate_all(PLACES_OF_PICTURES)]


def middle(view: Locator, index: int) -> tuple[float, float]:
    box = view.locator("figure .window").nth(index).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_one_is_moved_alone_and_stays_at_its_place_at_every_zoom(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR)])
    view = opened(page, 4)
    for _ in range(4):
        page.keyboard.press("+")
    x, y = middle(view, 1)
    page.keyboard.down("Alt")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=3)
    page.mouse.up()
    page.keyboard.up("Alt")
    near = places(view)
    width = view.locator(".pic").nth(1).evaluate("e => e.getBoundingClientRect().width")
    assert near[1] == pytest.approx((60 / width / 1.5**4 * 100, 30 / width / 1.5**4 * 100, 1.5**4), abs=0.05)
    assert [near[n] for n in (0, 2, 3)] == [pytest.approx((0, 0, 1.5**4), abs=0.01)] * 3  # the others stay
    for _ in range(4):
        page.keyboard.press("-")
    far = places(view)
    assert far[1] == pytest.approx((*near[1][:2], 1), abs=0.05)  # the same part of the picture, not of the plate
    assert [far[n] for n in (0, 2, 3)] == [pytest.approx((0, 0, 1), abs=0.01)] * 3
    page.keyboard.press("0")
    assert places(view) == [pytest.approx((0, 0, 1), abs=0.01)] * 4


def test_one_is_zoomed_alone_with_the_wheel_and_by_keys_and_put_back(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR)])
    view = opened(page, 4)
    x, y = middle(view, 2)
    page.keyboard.down("Alt")
    page.mouse.move(x, y)
    page.mouse.wheel(0, -200)
    page.keyboard.up("Alt")
    until(lambda: places(view)[2][2] > 1.5)
    assert [k for _, _, k in places(view)][:2] == [1, 1]
    view.locator("figure").nth(3).focus()
    page.keyboard.press("Alt+Equal")
    page.keyboard.press("Alt+ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    right, down, larger = places(view)[3]
    assert (right > 0, down > 0, 1 < larger < 1.2) == (True, True, True)
    page.keyboard.press("Alt+Digit0")
    assert places(view)[3] == pytest.approx((0, 0, 1), abs=0.01)
    assert places(view)[2][2] > 1.5  # only that one went back


def test_one_alone_cannot_be_lost_and_keeps_its_place_in_another_way_of_looking(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    view = opened(page, 2)
    for _ in range(80):
        page.keyboard.press("Alt+ArrowRight")
    assert places(view) == [pytest.approx((50, 0, 1), abs=0.01), pytest.approx((0, 0, 1), abs=0.01)]
    page.keyboard.press("o")
    expect(view.locator(".layer")).to_have_count(2)
    settled(page)
    assert places(view) == [pytest.approx((50, 0, 1), abs=0.01), pytest.approx((0, 0, 1), abs=0.01)]


def test_one_to_one_and_fit_by_key_and_button(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR)], viewport={"width": 700, "height": 500})
    view = opened(page, 4)
    zoom = view.locator("output")
    fit = percent(view)
    assert fit < 100
    expect(zoom).to_have_text(f"{fit} %")
    page.keyboard.press("z")
    shown, natural = view.locator("img").first.evaluate("e => [e.getBoundingClientRect().width, e.naturalWidth]")
    assert abs(shown * page.evaluate("devicePixelRatio") - natural) < 2
    expect(zoom).to_have_text("100 %")  # of its pixels
    page.keyboard.press("z")
    expect(zoom).to_have_text(f"{fit} %")
    view.get_by_role("button", name="1:1").click()
    expect(zoom).to_have_text("100 %")  # of its pixels
    expect(view.get_by_role("button", name="1:1")).to_have_attribute("aria-pressed", "true")
    view.get_by_role("button", name="Fit").click()
    expect(zoom).to_have_text(f"{fit} %")


def percent(view: Locator, index: int = 0) -> int:
    """How large a picture is shown, in percent of its own pixels."""
    shown = "e => e.getBoundingClientRect().width * devicePixelRatio / e.naturalWidth * 100"
    return round(float(view.locator(".pic img").nth(index).evaluate(shown)))


def smaller(page: Page, image: str, side: int) -> None:
    """A picture of the fake, as a model of fewer pixels would have drawn it."""
    out = io.BytesIO()
    Image.new("RGB", (side, side), "teal").save(out, "PNG")
    intercept(
        page, f"**/api/images/{image}", lambda route: route.fulfill(body=out.getvalue(), content_type="image/png")
    )


def test_pictures_of_several_resolutions_say_how_large_each_is_and_each_has_its_real_size(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    second = page.locator(".tile[data-state=done] .frame").nth(1).get_attribute("data-image")
    assert second is not None
    smaller(page, second, 96)
    view = opened(page, 4)
    fit = [percent(view, n) for n in range(4)]
    assert fit[1] > 100 > fit[0]  # smaller than its plate
    expect(view.locator("output")).to_have_text(f"{fit[0]}–{fit[1]} %")
    expect(view.locator("figcaption .percent")).to_have_text([f"{each} %" for each in fit])
    page.keyboard.press("z")
    expect(view.locator("output")).to_have_text("100 %")
    expect(view.locator("figcaption .percent")).to_have_count(0)
    assert [percent(view, n) for n in range(4)] == [100] * 4
    assert view.locator(".pic img").nth(1).evaluate(
        "e => e.getBoundingClientRect().width * devicePixelRatio"
    ) == pytest.approx(96, abs=0.5)
    page.keyboard.press("+")
    expect(view.locator("output")).to_have_text("150 %")
    assert [percent(view, n) for n in range(4)] == [150] * 4
    page.keyboard.press("0")
    expect(view.locator("output")).to_have_text(f"{fit[0]}–{fit[1]} %")


def test_a_key_before_the_first_frame_is_heard_and_told(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR)])
    opened(page, 4)
    page.keyboard.press("Escape")
    view = page.get_by_role("dialog", name="Side by side")
    expect(view).to_have_count(0)
    page.evaluate(HOLD)
    page.locator(".frame").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("+")
    until(lambda: [k for k, _, _ in scales(page)] == [1.5] * 4)


def test_two_fingers_zoom_all_pictures(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)], has_touch=True)
    view = opened(page, 2)
    box = view.locator("figure .window").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, spread: float) -> None:
        points = [{"x": x - spread, "y": y, "id": 1}, {"x": x + spread, "y": y, "id": 2}] if spread else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 15)
    for spread in (25, 35, 45):
        fingers("touchMove", spread)
    fingers("touchEnd", 0)
    until(lambda: {k for k, _, _ in scales(page)} == {3})
    assert page.evaluate("visualViewport.scale") == 1


def test_two_lie_over_each_other_with_an_opacity_and_as_their_difference(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    view = opened(page, 2)
    upper = view.locator(".layer").nth(1)
    page.keyboard.press("o")
    expect(view.get_by_role("button", name="Overlay")).to_have_attribute("aria-pressed", "true")
    expect(upper).to_have_css("opacity", "0.5")
    slider = view.get_by_role("slider", name="How much of Woodcut shows over Aurora")
    slider.focus()
    page.keyboard.press("End")
    expect(upper).to_have_css("opacity", "1")
    page.keyboard.press("Home")
    expect(upper).to_have_css("opacity", "0")
    page.keyboard.press("m")
    expect(upper).to_have_css("mix-blend-mode", "difference")
    expect(upper).to_have_css("opacity", "1")
    view.get_by_role("slider", name="How strongly the difference shows").fill("100")
    expect(view.locator(".pile")).to_have_css("filter", "brightness(7)")
    page.keyboard.press("f")
    expect(view.get_by_role("button", name="Flicker")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("s")
    expect(view.locator("compare-slider")).to_be_visible()
    page.keyboard.press("g")
    expect(view.locator("figure")).to_have_count(2)


def test_it_can_be_opened_in_the_moment_in_which_it_closes(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR)])
    view = opened(page, 4)
    page.evaluate("""async () => {
      document.querySelector('dialog.compare [aria-label="Close"]').click();
      await Promise.resolve().then(() => 0).then(() => 0);
      document.querySelector('.tile .frame').focus();
      document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
      await new Promise(done => setTimeout(done, 100));
    }""")
    expect(view).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog.compare")).to_have_count(0)
    expect(page.locator(".tile .frame").first).to_be_focused()


def test_the_same_picture_has_no_difference(visit: Opener) -> None:
    """Two copies of one picture, laid over each other, are black but for rounding; two pictures are not."""
    page = visit(runs=[("harbour", ["demo/aurora", "demo/aurora", "demo/woodcut"])])
    view = opened(page, 3)
    view.get_by_role("button", name="Take C out of the view").click()
    page.keyboard.press("m")
    view.get_by_role("slider").fill("0")
    pile = view.locator(".pile")
    expect(pile.locator("img")).to_have_count(2)
    page.mouse.move(2, 2)
    until(lambda: brightest(drawn(pile)) <= 3)
    page.keyboard.press("Escape")
    opened(page, 3).get_by_role("button", name="Take B out of the view").click()
    page.keyboard.press("m")
    view.get_by_role("slider").fill("0")
    until(lambda: brightest(drawn(pile)) > 60)


def drawn(pile: Locator) -> bytes:
    """How a pile of pictures looks, once each of them is there."""
    pile.evaluate("e => Promise.all([...e.querySelectorAll('img')].map(one => one.decode()))")
    return pile.screenshot(animations="disabled")


def brightest(png: bytes) -> int:
    """The highest value in the middle of a picture."""
    with Image.open(io.BytesIO(png)) as image:
        w, h = image.size
        middle = image.convert("RGB").crop((w // 4, h // 4, 3 * w // 4, 3 * h // 4))
        return max(middle.tobytes())


def test_only_what_differs_is_listed_and_with_its_reason(visit: Opener) -> None:
    page = visit(runs=[("harbour bytedance!adjust --ar 4:5", FOUR)])
    view = opened(page, 4)
    rows = view.get_by_role("region", name="What differs").get_by_role("row")
    size = rows.filter(has=page.get_by_role("rowheader", name="Size"))
    expect(size.get_by_text("asked 4:5, this model offers 3:4")).to_have_count(1)
    cost = rows.filter(has=page.get_by_role("rowheader", name="Cost"))
    expect(cost.get_by_text("from the price table").first).to_be_visible()
    expect(page.get_by_role("rowheader", name="Prompt")).to_have_count(0)  # the same for all
    expect(page.get_by_role("rowheader", name="Rewritten")).to_have_count(0)
    for caption in ("Model", "Time"):  # below each picture
        expect(page.get_by_role("rowheader", name=caption)).to_have_count(0)
    expect(view.locator("figcaption .took").first).to_have_text(re.compile(r"\d s$"))
    cells = view.get_by_role("region", name="What differs").get_by_role("cell")
    assert cells.count() == cells.filter(has=page.locator(".why", has_text=re.compile(r"\w"))).count() > 0


def test_what_was_asked_for_differs_though_every_picture_is_as_asked(visit: Opener) -> None:
    aurora = ["demo/aurora"]
    page = visit(runs=[("harbour --s 50", aurora), ("harbour --s 250 --no birds", aurora), ("harbour --s 50", aurora)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(3)
    for shown in page.locator(".tile .frame").all():
        shown.focus()
        page.keyboard.press("c")
    page.keyboard.press("Enter")
    view = page.get_by_role("dialog", name="Side by side")
    table = view.get_by_role("region", name="What differs")
    stylize, negative = (
        table.get_by_role("row", name=re.compile(f"^{name}")) for name in ("Stylize", "Negative prompt")
    )
    expect(stylize.get_by_role("cell")).to_have_text(["50as asked", "250as asked", "50as asked"])
    unset = "not setnot asked for"
    expect(negative.get_by_role("cell")).to_have_text([unset, "birdsas asked", unset])
    for name in ("Draft or final", "Made from", "Mask"):  # the same for all
        expect(table.get_by_role("rowheader", name=name, exact=True)).to_have_count(0)
    view.locator("figure").nth(1).focus()
    page.keyboard.press("Delete")
    expect(view.locator("figure")).to_have_count(2)
    expect(view.get_by_text("Every setting is the same.")).to_be_visible()


def test_a_pick_is_told_and_can_be_taken_back(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR)])
    view = opened(page, 4)
    heading = view.get_by_role("heading")
    page.keyboard.press("2")
    expect(heading).to_have_text("You picked B: Seedream 5, the prettier one.")
    expect(view.locator("figcaption").nth(1).get_by_text("prettier")).to_be_visible()
    page.keyboard.press("3")  # another mind: only the last one counts
    expect(heading).to_have_text("You picked C: Gemini 3.1 Flash Image, the prettier one.")
    view.get_by_role("button", name="Closer to the brief").click()
    view.get_by_role("button", name="Pick D").click()
    expect(heading).to_have_text("You picked D: Grok Imagine, closer to the brief.")
    assert [(p["winner"], p["question"], p["blind"]) for p in kept(page)] == [
        (2, "prettier", False),
        (3, "closer", False),
    ]
    view.get_by_role("button", name="Undo").click()
    expect(heading).to_have_text("4 side by side")
    assert [(p["winner"], p["question"]) for p in kept(page)] == [(2, "prettier")]
    expect(view.locator(".mark")).to_have_text(["prettier"])


def test_a_pick_is_found_again_on_the_tile_and_in_the_view_and_replaced_there(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR)])
    view = opened(page, 4)
    for number in (1, 2, 3, 4):
        expect(view.get_by_role("button", name=re.compile("^Pick [A-D]")).nth(number - 1)).to_have_text(str(number))
    page.keyboard.press("2")
    expect(view.get_by_role("heading")).to_have_text("You picked B: Seedream 5, the prettier one.")
    page.keyboard.press("Escape")
    second = page.locator(".tile").nth(1)
    expect(second.get_by_role("img", name="Picked: prettier")).to_be_visible()
    page.reload()
    expect(second.get_by_role("img", name="Picked: prettier")).to_be_visible()
    assert page.get_by_role("img", name=re.compile("^Picked")).count() == 1
    second.locator(".frame").focus()
    page.keyboard.press("i")
    expect(page.get_by_role("complementary", name="Inspector").get_by_text("prettier")).to_be_visible()
    page.keyboard.press("i")

    opened(page, 4)
    expect(view.get_by_role("heading")).to_have_text("You picked B: Seedream 5")
    expect(view.locator("figure").nth(1).locator(".mark")).to_have_text(["prettier"])
    page.keyboard.press("3")  # another mind on another day
    expect(view.locator("figure").nth(2).locator(".mark")).to_have_text(["prettier"])
    expect(view.locator(".mark")).to_have_count(1)
    assert [p["winner"] for p in kept(page)] == [2]
    body = {
        "pictures": [p["picture_id"] for p in kept(page)[0]["shown"]],
        "winner": 0,
        "question": "closer",
        "blind": False,
    }
    page.request.post("/api/picks", data=json.dumps(body), headers={"X-Triptych-Session": "session-keys"})
    expect(view.locator("figure").first.locator(".mark")).to_have_text(["closer to the brief"])  # on another page
    view.get_by_role("button", name="Blind").click()  # who judges blind sees no earlier answer
    expect(view.get_by_role("heading")).to_have_text("Pick one")
    expect(view.locator(".mark")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator(".tile").nth(2).get_by_role("img", name="Picked: prettier")).to_be_visible()
    expect(page.locator(".tile").first.get_by_role("img", name="Picked: closer to the brief")).to_be_visible()


def test_what_can_be_done_with_a_tile_can_be_done_side_by_side(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR)])
    view = opened(page, 4)
    second = view.locator("figure").nth(1)
    second.focus()
    page.keyboard.press("k")
    expect(second.locator(".mark")).to_have_text(["kept"])
    page.keyboard.press("Shift+Digit4")
    expect(second.locator(".mark")).to_have_text(["kept", "4 stars"])
    assert kept(page) == []  # stars are no pick
    with page.expect_download() as file:
        page.keyboard.press("d")
    assert file.value.suggested_filename
    second.get_by_role("button", name="More with B").click()
    expect(page.get_by_role("menuitem").first).to_be_focused()
    names = page.get_by_role("menuitem").evaluate_all("es => es.map(e => e.textContent)")
    assert names[0] == "Keep no longerK"
    assert {"Stars…Shift 1–5", "Edit…E", "Inspector and recipeI", "DownloadD"} <= set(names)
    page.get_by_role("menuitem", name="Stars…").click()
    page.get_by_role("menuitem", name="★★", exact=False).last.click()
    expect(second.locator(".mark")).to_have_text(["kept", "2 stars"])
    second.focus()
    page.keyboard.press("i")
    expect(view).to_have_count(0)
    inspector = page.get_by_role("complementary", name="Inspector")
    expect(inspector.get_by_role("heading", name="Seedream 5")).to_be_visible()
    page.get_by_role("button", name="Close the inspector").click()
    expect(page.locator(".tile").nth(1).get_by_role("img", name="Kept, 2 stars")).to_be_visible()
    opened(page, 4).locator("figure").nth(1).focus()
    page.keyboard.press("e")
    expect(page.get_by_role("heading", name="Edit Seedream 5’s picture")).to_be_visible()
    expect(view).to_have_count(0)


# Where everything stands that a hand may be on its way to.
PLACES = """view => [...view.querySelectorAll('header .seg, header .zooms, header > .tool, header [data-hold], .tools .tool:not(:last-child), .pic')].map(e => {
  const b = e.getBoundingClientRect(); return [e.className, b.x, b.y, b.width, b.height].map(v => typeof v === 'number' ? Math.round(v) : v).join(' ');
})"""


@pytest.mark.parametrize("words", ["harbour", "harbour --blind"])
@pytest.mark.parametrize("options", [{}, {"locale": "de-DE"}, {"viewport": {"width": 390, "height": 844}}])
def test_an_answer_moves_nothing(visit: Opener, words: str, options: dict[str, Any]) -> None:
    page = visit(runs=[(words, FOUR)], ready="Tastenkürzel" if "locale" in options else "Shortcuts", **options)
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    page.locator(".tile[data-state=done] .frame").first.focus()
    page.keyboard.press("Enter")
    view = page.locator("dialog.compare")
    expect(view.locator("figure")).to_have_count(4)
    settled(page)
    before, title = view.evaluate(PLACES), view.get_by_role("heading").inner_text()
    page.keyboard.press("2")
    expect(view.get_by_role("heading")).not_to_have_text(title)
    expect(view.locator(".mark")).to_have_count(1)
    expect(view.locator("figcaption", has_text="Seedream 5")).to_be_visible()  # told, and so is what differs
    expect(view.locator("details.differences")).to_be_visible()
    assert view.evaluate(PLACES) == before
    close, header = (view.locator(e).bounding_box() for e in ("header > .tool", "header"))
    assert close is not None
    assert header is not None
    assert close["y"] + close["height"] <= header["y"] + 48  # in its first line
    if "--blind" in words:
        view.locator("details.differences summary").click()
        expect(view.locator("details.differences table")).to_be_visible()
        assert view.evaluate(PLACES) == before


def test_one_is_rejected_or_taken_out_of_the_view(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR)])
    view = opened(page, 4)
    view.locator("figure").nth(1).focus()
    page.keyboard.press("x")
    expect(view.get_by_role("heading")).to_have_text("You rejected B: Seedream 5.")
    expect(view.get_by_role("figure", name="B, Seedream 5, rejected")).to_be_visible()
    until(lambda: [(p["winner"], p["rejected"]) for p in kept(page)] == [(None, [1])])
    rejected = view.locator("figure").nth(1).get_attribute("data-image")
    verdict = f"/api/gallery/marks?pictures={rejected}"
    assert page.request.get(verdict).json()["pictures"][rejected]["verdict"] == "rejected"  # as everywhere
    expect(view.locator("figure").nth(1).locator(".mark")).to_have_text(["rejected"])
    page.keyboard.press("x")  # and back
    expect(view.get_by_role("button", name="Reject B")).to_have_attribute("aria-pressed", "false")
    assert page.request.get(verdict).json()["pictures"][rejected]["verdict"] == "open"
    expect(view.locator("figure")).to_have_count(4)
    page.keyboard.press("Delete")
    expect(view.locator("figure")).to_have_count(3)
    view.get_by_role("button", name="Take A out of the view").click()
    expect(view.locator("figure")).to_have_count(2)
    page.keyboard.press("1")
    expect(view.get_by_role("heading")).to_have_text(re.compile("^You picked"))
    assert [len(p["shown"]) for p in kept(page) if p["winner"] is not None] == [2]


def test_what_is_answered_while_another_answer_is_on_its_way_is_kept_too(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR)])
    view = opened(page, 4)
    held: list[Route] = []
    intercept(page, "**/api/picks", lambda route: held.append(route), times=1)
    view.locator("figure").nth(1).focus()
    page.keyboard.press("x")
    view.locator("figure").nth(2).focus()
    page.keyboard.press("x")
    page.keyboard.press("4")
    heard(page, lambda: len(held) == 1)
    held[0].continue_()
    expect(view.get_by_role("heading")).to_have_text("You picked D: Grok Imagine, the prettier one.")
    assert [(p["winner"], p["rejected"]) for p in kept(page)] == [(None, [1]), (None, [2]), (3, [])]


def test_pictures_of_several_rows_are_picked_among(visit: Opener) -> None:
    page = visit(runs=[("first", PAIR), ("second", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    for n in (0, 3):
        page.locator(".frame").nth(n).focus()
        page.keyboard.press("c")
    page.keyboard.press("Enter")
    view = page.get_by_role("dialog", name="Side by side")
    expect(view.locator("figure")).to_have_count(2)
    page.keyboard.press("2")
    expect(view.get_by_role("heading")).to_have_text("You picked B: Woodcut, the prettier one.")
    assert [(p["run_id"], p["winner"]) for p in kept(page)] == [(None, 1)]


def test_nothing_that_the_page_receives_tells_the_makers_of_a_blind_row(visit: Opener) -> None:
    page = visit(expected=("409",))
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer) if "/api/" in answer.url else None)
    page.add_init_script(
        """const Old = EventSource; window.heard = [];
        window.EventSource = class extends Old { addEventListener(n, f) { super.addEventListener(n, e => { window.heard.push([n, e.data]); f(e); }); } };"""
    )
    page.reload()
    expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
    words = "harbour openai!failed xai!adjust --blind"
    page.request.post("/fake", data=json.dumps({"runs": [{"text": words, "models": [*FOUR, "openai/gpt-image-2"]}]}))
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    expect(page.locator(".tile .picture.in")).to_have_count(4)
    page.locator(".tile[data-state=done] .frame").first.focus()
    page.keyboard.press("i")
    page.get_by_role("button", name="Close the inspector").click()
    page.keyboard.press("Enter")
    view = page.get_by_role("dialog", name="Side by side")
    expect(view.locator("figure")).to_have_count(4)
    page.keyboard.press("x")
    expect(view.get_by_role("heading")).to_have_text(re.compile(r"^You rejected [A-E]\.$"))

    run = page.request.get("/api/state").json()["runs"][0]
    heard = [data for kind, data in page.evaluate("window.heard") if kind in {"run", "tile"}]
    assert len(heard) >= 6  # the row, and its five tiles, which are told together
    dom = page.locator(".tiles").evaluate_all("es => es.map(e => e.outerHTML).join()") + view.evaluate(
        "e => e.outerHTML"
    )
    about = [a for a in answers if re.search("/api/(tiles|images|picks|runs)", a.url)]
    assert len(about) >= 6  # four pictures, the inspector, the rejection
    bodies = [a.text() for a in about if "json" in a.headers.get("content-type", "")]
    received = [*heard, *bodies, *(f"{a.url} {a.headers}" for a in about), json.dumps(run), dom]
    for text in received:
        stripped = text.replace(json.dumps(run["settings"]["models"])[1:-1], "").replace(json.dumps(words), "")
        found = [name for name in NAMES if name in re.sub(r"[a-z]+!\w+", "", stripped.lower())]
        assert found == [], (found, text[:400])
    tiles = [t for data in map(json.loads, heard) for t in data.get("tiles", [data])]
    for field in (
        "endpoint",
        "lane",
        "cost",
        "estimate",
        "started_ms",
        "ended_ms",
        "preview",
        "typical_seconds",
        "progress",
    ):
        assert {json.dumps(t[field]) for t in tiles if field in t} <= {"null"}, field
    assert {t["position"] for t in tiles if "position" in t} == {0}
    page.keyboard.press("1")
    expect(view.get_by_role("heading")).to_have_text(re.compile("^You picked [A-E]: (Aurora|Seedream|Gemini|Grok)"))


def test_a_blind_row_is_opened_without_a_pick(visit: Opener) -> None:
    page = visit(runs=[("harbour --blind", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    expect(page.get_by_text("cost hidden")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Row:")).click()
    page.get_by_role("menuitem", name="Show the makers").click()
    expect(tile(page, "Aurora")).to_be_visible()
    expect(page.get_by_text("cost hidden")).to_have_count(0)
    assert kept(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("way", ["o", "m", "s", "f"])
def test_axe_finds_nothing_in_any_way_of_looking(visit: Opener, axe: str, scheme: str, way: str) -> None:
    page = visit(runs=[("harbour", PAIR)], color_scheme=scheme)
    view = opened(page, 2)
    page.keyboard.press("1")
    expect(view.get_by_role("heading")).to_have_text(re.compile("^You picked"))
    page.keyboard.press(way)
    assert violations(page, axe) == []


@pytest.mark.parametrize("language", ["en-GB", "de-DE"])
def test_two_have_one_line_above_them(visit: Opener, language: str) -> None:
    """In a window of 1280 pixels, also once one is picked and the title is a sentence."""
    page = visit(
        runs=[("harbour", PAIR)], locale=language, ready="Tastenkürzel" if language == "de-DE" else "Shortcuts"
    )
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    page.locator(".frame").first.focus()
    page.keyboard.press("Enter")
    view = page.locator("dialog.compare")
    expect(view.locator("figure")).to_have_count(2)
    settled(page)
    assert view.locator("header").evaluate("e => e.offsetHeight") < 56
    page.keyboard.press("1")
    title = view.get_by_role("heading")
    expect(title).to_have_text(re.compile("Aurora"))
    assert view.locator("header").evaluate("e => e.offsetHeight") < 56
    assert title.evaluate("e => e.scrollHeight <= e.clientHeight + 1"), title.inner_text()


def test_the_surround_is_chosen_from_a_menu(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    view = opened(page, 2)
    view.get_by_role("button", name="Surround: As the page").click()
    page.get_by_role("menuitem", name="Middle grey").click()
    expect(view).to_have_attribute("data-surround", "grey")
    expect(view.get_by_role("button", name="Surround: Middle grey")).to_be_focused()
