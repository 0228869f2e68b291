"""Six pictures side by side, which is the most there are: linked by every way of zooming, and the last of them picked by its key."""

import re

import pytest
from playwright.sync_api import expect
from tests.web.conftest import Opener
from tests.web.test_compare import kept, opened
from tests.web.test_studio import FOUR, until
from tests.web.test_views import scales

pytestmark = pytest.mark.browser
SIX = [*FOUR, "openai/gpt-image-2", "demo/woodcut"]


def test_six_zoom_as_one_by_buttons_keys_and_wheel_and_the_sixth_is_picked(visit: Opener) -> None:
    page = visit(runs=[("harbour", SIX)])
    view = opened(page, 6)
    expect(view.locator("figure")).to_have_count(6)
    zooms = view.get_by_role("group", name="Zoom")
    seen = [scales(page)[0][0]]
    zooms.get_by_role("button", name="Zoom in").click()
    zooms.get_by_role("button", name="Zoom in").click()
    seen.append(scales(page)[0][0])
    zooms.get_by_role("button", name="Zoom out").click()
    seen.append(scales(page)[0][0])
    assert seen == [1, 2.25, 1.5]
    page.keyboard.press("+")
    assert set(scales(page)) == {(2.25, *scales(page)[0][1:])}  # all six, and where they are
    box = view.locator("figure").nth(5).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -200)
    until(lambda: scales(page)[0][0] > 2.25)
    assert len(set(scales(page))) == 1
    page.keyboard.press("0")
    assert set(scales(page)) == {(1, 0, 0)}
    page.keyboard.press("6")
    expect(view.get_by_role("heading")).to_have_text(re.compile("^You picked F: "))
    (pick,) = kept(page)
    assert (pick["winner"], len(pick["shown"])) == (5, 6)
