"""Your own ranking: from the first pick to a leaning, a separation, switches, export and forgetting."""

import json
import re

import pytest
from playwright.sync_api import Page, expect
from tests.web.conftest import Opener
from tests.web.test_studio import PAIR
from tests.web.test_views import violations

pytestmark = pytest.mark.browser
WIDE = "() => Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll('main, .scroll')].map(e => e.scrollWidth))"


def pick(page: Page, rows: int, key: str = "2") -> None:
    """Picks once in each row; each is answered before the next."""
    expect(page.locator(".tile[data-state=done]")).to_have_count(2 * page.locator(".row").count())
    for n in range(rows):
        page.locator(".row").nth(n).locator(".frame").first.focus()
        page.keyboard.press("Enter")
        view = page.get_by_role("dialog", name="Side by side")
        expect(view).to_be_visible()
        with page.expect_response("**/api/picks") as kept:
            page.keyboard.press(key)
        assert kept.value.ok
        expect(view.get_by_role("heading")).to_have_text(re.compile("^You picked"))
        page.keyboard.press("Escape")
        expect(view).to_have_count(0)


def test_it_says_how_to_make_the_first_pick_and_is_found_from_the_models(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    page.get_by_role("link", name="Models", exact=True).click()
    page.get_by_role("link", name="Your ranking").click()
    expect(page).to_have_url(re.compile("/ranking$"))
    expect(page.get_by_role("heading", name="Nothing picked yet")).to_be_visible()
    page.get_by_role("link", name="To the studio").click()
    pick(page, 1)
    page.goto("/ranking")
    expect(page.get_by_role("heading", name="Woodcut is leaning ahead")).to_be_visible()


def test_it_leans_until_it_separates(visit: Opener) -> None:
    page = visit(runs=[(f"harbour {n}", PAIR) for n in range(4)])
    pick(page, 4)
    pick(page, 1)  # the same look again: it counts once
    page.locator(".frame").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("^You picked B"))).to_be_visible()
    page.get_by_role("link", name="Your ranking").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    first = page.get_by_role("row").nth(1)
    expect(first).to_contain_text("Woodcut")
    expect(first).to_contain_text("4 of 4")
    expect(first).to_contain_text("leaning")
    expect(page.get_by_text("6 models never compared")).to_be_visible()
    tiles = [row["tiles"] for row in page.request.get("/api/state").json()["runs"]]
    for one in tiles:
        for other in tiles:  # sixteen looks, each at other pictures
            pictures = [one[0]["images"][0]["id"], other[1]["images"][0]["id"]]
            body = {"pictures": pictures, "winner": 1, "question": "prettier", "blind": False}
            page.request.post("/api/picks", data=json.dumps(body), headers={"X-Triptych-Session": "session-keys"})
    page.reload()
    expect(page.get_by_role("heading", name="Woodcut is ahead of Aurora by more than chance explains.")).to_be_visible()
    expect(first).to_contain_text("16 of 16")
    expect(first).to_contain_text("ahead of the next")
    dots = page.locator(".track .dot").evaluate_all("es => es.map(e => parseFloat(e.style.insetInlineStart))")
    assert dots[0] > 50 > dots[1]
    question = page.get_by_role("group", name="Question")
    expect(question.get_by_role("button", name="Prettier")).to_have_attribute("aria-pressed", "true")  # one, never both
    question.get_by_role("button", name="Closer to the brief").click()
    expect(page.get_by_role("heading", name="No pick of this kind yet.")).to_be_visible()


def test_it_says_which_question_counts_and_lets_it_be_chosen(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    pick(page, 1)
    page.goto("/ranking")
    counts = page.get_by_role("group", name="Both go by")
    expect(counts.get_by_role("button", name="Prettier")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("switch", name="Show the models in their order").press("Space")
    expect(page.get_by_text("Order of models everywhere now: your own picks of the prettier picture")).to_be_visible()
    counts.get_by_role("button", name="Closer to the brief").click()
    expect(page.get_by_text("everywhere now: your own picks of the picture closer to the brief")).to_be_visible()
    expect(page.get_by_role("heading", name="No pick of this kind yet.")).to_be_visible()
    page.reload()
    expect(counts.get_by_role("button", name="Closer to the brief")).to_have_attribute("aria-pressed", "true")


def test_switches_export_and_forgetting(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR), ("forest", PAIR)])
    pick(page, 2)
    page.goto("/ranking")
    learn = page.get_by_role("switch", name="Let the router learn from them")
    order = page.get_by_role("switch", name="Show the models in their order")
    expect(learn).to_be_checked()
    expect(order).not_to_be_checked()
    for switch in (learn, order):
        with page.expect_response("**/api/picks/learning"):
            switch.press("Space")
    expect(page.get_by_text("Order of models everywhere now: your own picks")).to_be_visible()
    page.reload()
    expect(learn).not_to_be_checked()
    expect(order).to_be_checked()
    page.goto("/models")
    expect(page.get_by_text("Order of models everywhere: your own picks")).to_be_visible()
    page.goto("/ranking")
    with page.expect_download() as file:
        page.get_by_role("link", name="Export").click()
    assert file.value.suggested_filename == "triptych-picks.jsonl"
    lines = file.value.path().read_text("utf-8").splitlines()
    assert [json.loads(line)["winner"] for line in lines] == [1, 1]
    page.get_by_role("button", name=re.compile("^Forget the pick of")).first.click()
    expect(page.get_by_role("heading", name="1 pick", exact=True)).to_be_visible()
    page.get_by_role("button", name="Forget all…").click()
    page.get_by_role("button", name="Keep them").click()
    expect(page.get_by_role("heading", name="1 pick", exact=True)).to_be_visible()
    page.get_by_role("button", name="Forget all…").click()
    expect(page.get_by_role("button", name="Forget all 1")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Nothing picked yet")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_for_everybody_and_fits_a_phone(visit: Opener, axe: str, scheme: str) -> None:
    page = visit(runs=[("harbour", PAIR)], color_scheme=scheme)
    pick(page, 1)
    page.goto("/ranking")
    expect(page.get_by_role("region", name="Strengths")).to_be_visible()
    assert violations(page, axe) == []
    page.set_viewport_size({"width": 320, "height": 640})
    page.wait_for_function(f"({WIDE})() <= 320")  # once the page has heard that it is narrow
