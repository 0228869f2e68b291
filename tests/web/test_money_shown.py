"""Money as it is shown: what is known, up to what, and about what; and where it stands on a small screen."""

import re

import pytest
from playwright.sync_api import Route, expect
from tests.web.conftest import Opener, intercept

pytestmark = pytest.mark.browser
GOOGLE, XAI = "google/gemini-3.1-flash-image", "xai/grok-imagine"


def test_unknown_charges_make_an_upper_bound(visit: Opener) -> None:
    page = visit(runs=[("a kettle google!lost", [XAI, GOOGLE])])
    row = page.get_by_role("region", name="a kettle")
    expect(row.locator(".tally")).to_contain_text("$0.02, up to $0.087")
    page.context.request.post("/fake", data={"money": [600_000, 210_000]})
    expect(page.locator(".spend")).to_contain_text("$0.39, up to $0.60")
    page.context.request.post("/fake", data={"money": [390_000, 0]})
    expect(page.locator(".spend b")).to_have_text("$0.39")
    expect(page.get_by_text("at least")).to_have_count(0)
    page.locator(".spend").click()
    sheet = page.get_by_role("dialog", name="Spending caps")
    expect(sheet).to_contain_text("Spent today: $0.39.")
    expect(sheet).not_to_contain_text("fee")
    page.context.request.post("/fake", data={"money": [390_000, 0, 7_800]})
    expect(sheet).to_contain_text("$0.0078 of it is the fee of this server")


def test_what_only_waits_costs_about_so_much(visit: Opener) -> None:
    page = visit(runs=[("a kettle google!hold", [XAI, GOOGLE])])
    expect(page.get_by_role("region", name="a kettle").locator(".tally")).to_contain_text("about $0.087")


def test_the_price_before_says_what_of_it_is_a_fee(visit: Opener) -> None:
    def with_fee(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "fee_micro_usd": 1_600})

    page = visit()
    prompt = page.get_by_role("textbox", name="Prompt")
    prompt.fill("a kettle")
    expect(page.locator("#plan")).to_contain_text("image")
    expect(page.locator("#plan")).not_to_contain_text("fee")
    intercept(page, "**/api/plan", with_fee)
    prompt.fill("two kettles")
    expect(page.locator("#plan")).to_contain_text(", of it a fee of $0.0016")


@pytest.mark.parametrize("width", [320, 390, 600])
def test_a_long_amount_covers_no_link(visit: Opener, width: int) -> None:
    page = visit(viewport={"width": width, "height": 700})
    page.context.request.post("/fake", data={"money": [12_345_600_000, 345_600_000]})
    expect(page.locator(".spend")).to_contain_text("$12,000.00, up to $12,345.60")
    for name in ("Models", "Router", "Studio"):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("link", name=name, exact=True)).to_have_attribute("aria-current", "page")
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("menuitem", name="Shortcuts").click()
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator(".spend").click()
    expect(page.get_by_role("dialog", name="Spending caps")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("micro", "said"), [(400, "$0.0004"), (20, "<$0.0001")])
def test_a_tiny_price_never_reads_as_nothing(visit: Opener, micro: int, said: str) -> None:
    exact = re.compile(rf"(?<!<){re.escape(said)}(?!\d)")
    page = visit(prices={GOOGLE: micro}, runs=[("a kettle", [GOOGLE])])
    row = page.get_by_role("region", name="a kettle")
    expect(row.locator(".picture.in")).to_have_count(1)
    for place in (".facts", ".tally"):
        expect(row.locator(place)).to_contain_text(exact)
    page.get_by_role("textbox", name="Prompt").fill("another --m gemini-3.1-flash-image")
    expect(page.locator("#plan")).to_contain_text(exact)
    row.locator(".frame").focus()
    page.keyboard.press("i")
    panel = page.get_by_role("complementary", name="Inspector")
    for label in ("Before", "After"):
        expect(panel.locator("dl div").filter(has_text=re.compile(f"^{label}"))).to_contain_text(exact)
    page.context.request.post("/fake", data={"money": [micro, 0]})
    expect(page.locator(".spend b")).to_have_text(said)
    page.locator(".spend").click()
    expect(page.get_by_role("dialog", name="Spending caps")).to_contain_text(f"Spent today: {said}.")
    assert "$0.00 " not in page.locator("body").inner_text().replace("\n", " ")
