"""Nothing moves while pictures come: no layout shift of anything on the page, exactly."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.web.conftest import Opener
from tests.web.test_compare import settled
from tests.web.test_studio import FOUR

pytestmark = pytest.mark.browser
WATCH = """() => { window.moved = [];
  new PerformanceObserver(list => { for (const { value, sources } of list.getEntries())
    window.moved.push([value, ...sources.map(({ node, previousRect: p, currentRect: c }) => `${node?.parentElement?.className} ${node?.className} "${node?.textContent?.slice(0, 40)}" ${p.x},${p.y} to ${c.x},${c.y}`)]);
  }).observe({ type: 'layout-shift' }); }"""
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
EVERY_PLACE = """window.places = new Set();
  const look = () => {
    const cells = [...document.querySelectorAll('.cell')].map(cell => cell.getBoundingClientRect());
    if (cells.length) window.places.add(cells.map(at => `${at.x} ${at.y} ${at.width}`).join());
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);"""
SEVEN = [*FOUR, "openai/gpt-image-2", "demo/mosaic", "aihorde/flux-schnell"]


def watch(page: Page) -> None:
    """Every shift from now on is told by `moved`; letters are there before."""
    page.evaluate("() => document.fonts.ready")
    page.evaluate(DRAWN)
    page.evaluate(WATCH)


def moved(page: Page) -> list[Any]:
    page.evaluate(DRAWN)
    found: list[Any] = page.evaluate("window.moved")
    return found


@pytest.mark.parametrize(("motion", "touch"), [("reduce", False), ("no-preference", False), ("reduce", True)])
def test_nothing_moves_while_a_row_fills(visit: Opener, motion: str, *, touch: bool) -> None:
    """Also where there is no pointer to hover with, and what can be done with a picture stands below it."""
    page = visit(runs=[("first --ar 4:5", FOUR)], reduced_motion=motion, has_touch=touch)
    expect(page.locator(".picture.in")).to_have_count(4)
    watch(page)
    slow = {"text": "a slow one google!slow xai!slow openai!queue demo!hold --ar 2:1", "models": SEVEN}
    page.request.post("/fake", data=json.dumps({"runs": [slow]}))
    made = page.get_by_role("region", name="a slow one")
    expect(made.get_by_text("Slower than usual")).to_have_count(4)
    expect(made.get_by_role("button", name="Also try")).to_have_count(4)
    expect(made.locator("progress[value='0.6']")).to_have_count(2)
    expect(made.locator(".preview")).to_have_count(2)
    expect(made.get_by_text("38 jobs before this one")).to_be_visible()
    expect(made.locator(".picture.in")).to_have_count(2)
    page.request.post("/fake", data=json.dumps({"runs": [{"text": "a quick one xai!square --ar 2:1", "models": FOUR}]}))
    expect(page.get_by_role("region", name="a quick one").locator(".picture.in")).to_have_count(4)
    expect(page.get_by_text("1:1, not 2:1")).to_be_visible()
    assert moved(page) == []
    # The same watch tells of words that do move.
    page.locator(".facts > :first-child").last.evaluate("e => { e.style.marginRight = '40px'; }")
    page.wait_for_function("() => window.moved.length > 0")


@pytest.mark.parametrize(("size", "limit"), [((1280, 800), 0.01), ((390, 844), 0.05)])
def test_what_comes_after_the_first_drawing_has_its_place(visit: Opener, size: tuple[int, int], limit: float) -> None:
    """From the first drawing on, with what was there before anyone watched; 0.1 is what is commonly called good."""
    page = visit(runs=[(f"thing {n} --ar 4:5", FOUR) for n in range(4)], viewport={"width": size[0], "height": size[1]})
    expect(page.get_by_title("Cost of this row")).to_have_count(4)
    page.evaluate("() => document.fonts.ready")
    page.evaluate(DRAWN)
    page.evaluate(WATCH.replace("'layout-shift'", "'layout-shift', buffered: true"))
    shifts = moved(page)
    assert sum(value for value, *_ in shifts) < limit, shifts


@pytest.mark.parametrize("size", [(1280, 800), (760, 800), (390, 844)])
def test_nothing_moves_when_the_makers_of_a_blind_row_are_told(visit: Opener, size: tuple[int, int]) -> None:
    """In the row with the rows around it, and side by side; one of its tiles has more to say once it is told."""
    told = "harbour bytedance!adjust --ar 4:5 --blind"
    runs = [("before --ar 4:5", FOUR), (told, FOUR), ("after --ar 4:5", FOUR)]
    page = visit(runs=runs, viewport={"width": size[0], "height": size[1]})
    expect(page.locator(".picture")).to_have_count(12)
    row = page.get_by_role("region", name="harbour")
    row.scroll_into_view_if_needed()
    row.locator(".frame").first.hover()
    expect(row.get_by_role("toolbar").first.get_by_role("button", name="Inspector")).to_be_disabled()
    watch(page)
    row.get_by_role("button", name="Row:").click()
    page.get_by_role("menuitem", name="Show the makers").click()
    expect(row.locator(".cap .sub", has_text="ByteDance")).to_be_visible()
    expect(row.get_by_text("asked 4:5")).to_be_visible()
    expect(row.get_by_role("toolbar").first.get_by_role("button", name="Inspector")).to_be_enabled()
    assert moved(page) == []


@pytest.mark.parametrize("models", [FOUR, FOUR[:2]])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_nothing_moves_side_by_side_when_names_are_told(
    visit: Opener, size: tuple[int, int], models: list[str]
) -> None:
    page = visit(runs=[("harbour --ar 4:5 --blind", models)], viewport={"width": size[0], "height": size[1]})
    expect(page.locator(".picture.in").first).to_be_visible()
    page.locator(".frame").first.focus()
    page.keyboard.press("Enter")
    view = page.get_by_role("dialog", name="Side by side")
    expect(view.locator("figcaption .called")).to_have_text([*"ABCD"][: len(models)])
    tools = view.locator(".tools .tool[aria-label]")
    expect(tools).to_have_count(len(models) * (4 if len(models) > 2 else 3))
    settled(page)
    where = "es => es.map(e => [e.ariaLabel, e.getBoundingClientRect().x, e.getBoundingClientRect().y])"
    before = tools.evaluate_all(where)
    page.keyboard.press("1")
    expect(view.get_by_role("heading")).to_have_text(re.compile("^You picked A: "))
    expect(view.get_by_text("Seedream 5")).not_to_have_count(0)
    assert [place for place in tools.evaluate_all(where) if not place[0].startswith("Say what")] == before


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_few_pictures_stand_in_the_gallery_where_they_stay_from_the_first_drawing_on(
    visit: Opener, size: tuple[int, int]
) -> None:
    page = visit(viewport={"width": size[0], "height": size[1]})
    page.request.post("/fake", data={"gallery": 12})
    page.add_init_script(EVERY_PLACE)
    page.goto("/gallery")
    expect(page.locator(".cell")).to_have_count(12)
    page.wait_for_function("() => [...document.querySelectorAll('.cell img')].every(img => img.complete)")
    page.evaluate(DRAWN)
    (places,) = page.evaluate("[...window.places]")
    assert len({place.split()[1] for place in places.split(",")}) > 1  # more than one line
