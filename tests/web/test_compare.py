"""Looking at pictures side by side: one moved alone, two over each other, what differs and why, picks and rejections."""

import io
import json
import re
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Response, expect
from tests.web.conftest import Opener
from tests.web.test_studio import FOUR, PAIR, tile
from tests.web.test_views import scales, violations

pytestmark = pytest.mark.browser
NAMES = ("aurora", "woodcut", "seedream", "bytedance", "gemini", "google", "grok", "xai", "gpt", "openai", "triptych/")


def opened(page: Page, count: int) -> Locator:
    """The view on the first row, the focus on its first picture."""
    expect(page.locator(".tile[data-state=done]")).to_have_count(count)
    page.locator(".tile[data-state=done] .frame").first.focus()
    page.keyboard.press("Enter")
    view = page.get_by_role("dialog", name="Side by side")
    expect(view).to_be_visible()
    page.wait_for_function(  # what is measured has to be there
        "() => [...document.querySelectorAll('dialog[open] img')].every(e => e.complete && e.naturalWidth > 0)"
    )
    return view


def kept(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.request.get("/api/picks").json()["picks"]
    return found


def alone(view: Locator) -> list[str]:
    found: list[str] = view.locator(".pic").evaluate_all("es => es.map(e => e.style.getPropertyValue('--alone'))")
    return found


def test_one_is_moved_alone_by_hand_and_by_keys(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR)])
    view = opened(page, 4)
    box = view.locator("figure .window").nth(1).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.keyboard.down("Alt")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 12, steps=3)
    page.mouse.up()
    page.keyboard.up("Alt")
    moved = alone(view)
    assert [bool(each) for each in moved] == [False, True, False, False]
    assert len(set(scales(page))) == 1  # the view that all share stays
    view.locator("figure").nth(2).focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Alt+ArrowDown")
    assert alone(view) == ["", moved[1], "1% 1%", ""]
    page.keyboard.press("0")
    assert alone(view) == [""] * 4


def test_one_to_one_and_fit_by_key_and_button(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR)], viewport={"width": 700, "height": 500})
    view = opened(page, 4)
    zoom = view.locator("output")
    page.keyboard.press("z")
    shown, natural = view.locator("img").first.evaluate("e => [e.getBoundingClientRect().width, e.naturalWidth]")
    assert abs(shown * page.evaluate("devicePixelRatio") - natural) < 2
    expect(zoom).not_to_have_text("100 %")
    page.keyboard.press("z")
    expect(zoom).to_have_text("100 %")
    view.get_by_role("button", name="1:1").click()
    expect(zoom).not_to_have_text("100 %")
    view.get_by_role("button", name="Fit").click()
    expect(zoom).to_have_text("100 %")


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
    expect(view.locator("output")).to_have_text("300 %")
    assert len({k for k, _, _ in scales(page)}) == 1
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
    page.keyboard.press("d")
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


def test_the_same_picture_has_no_difference(visit: Opener) -> None:
    """Two copies of one picture, laid over each other, are black but for rounding; two pictures are not."""
    page = visit(runs=[("harbour", ["demo/aurora", "demo/aurora", "demo/woodcut"])])
    view = opened(page, 3)
    view.get_by_role("button", name="Take C out of the view").click()
    page.keyboard.press("d")
    view.get_by_role("slider").fill("0")
    pile = view.locator(".pile")
    expect(pile.locator("img")).to_have_count(2)
    page.mouse.move(2, 2)
    assert brightest(pile.screenshot(animations="disabled")) <= 3
    page.keyboard.press("Escape")
    opened(page, 3).get_by_role("button", name="Take B out of the view").click()
    page.keyboard.press("d")
    view.get_by_role("slider").fill("0")
    assert brightest(pile.screenshot(animations="disabled")) > 60


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


def test_one_is_rejected_or_taken_out_of_the_view(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR)])
    view = opened(page, 4)
    view.locator("figure").nth(1).focus()
    page.keyboard.press("x")
    expect(view.get_by_role("heading")).to_have_text("You rejected B: Seedream 5.")
    expect(view.get_by_role("figure", name="B, Seedream 5, rejected")).to_be_visible()
    assert [(p["winner"], p["rejected"]) for p in kept(page)] == [(None, [1])]
    page.keyboard.press("x")  # and back
    expect(view.get_by_role("button", name="Reject B")).to_have_attribute("aria-pressed", "false")
    assert kept(page) == []
    expect(view.locator("figure")).to_have_count(4)
    page.keyboard.press("Delete")
    expect(view.locator("figure")).to_have_count(3)
    view.get_by_role("button", name="Take A out of the view").click()
    expect(view.locator("figure")).to_have_count(2)
    page.keyboard.press("1")
    expect(view.get_by_role("heading")).to_have_text(re.compile("^You picked"))
    assert [len(p["pictures"]) for p in kept(page)] == [2]


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
    assert len(heard) > 10
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
@pytest.mark.parametrize("way", ["o", "d", "s", "f"])
def test_axe_finds_nothing_in_any_way_of_looking(visit: Opener, axe: str, scheme: str, way: str) -> None:
    page = visit(runs=[("harbour", PAIR)], color_scheme=scheme)
    view = opened(page, 2)
    page.keyboard.press("1")
    expect(view.get_by_role("heading")).to_have_text(re.compile("^You picked"))
    page.keyboard.press(way)
    assert violations(page, axe) == []
