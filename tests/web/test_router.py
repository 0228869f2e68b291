"""The router's page: rules beside their source, breakers with their timers, traffic against what the rules predict."""

import re

import pytest
from playwright.sync_api import expect
from tests.web.conftest import Opener

pytestmark = pytest.mark.browser


def test_the_rules_are_read_in_words_beside_their_source(visit: Opener) -> None:
    page = visit()
    page.get_by_role("link", name="Router").click()
    expect(page).to_have_title("Router · Triptych")
    expect(page.get_by_role("heading", name="Router", level=1)).to_be_visible()
    rules = page.get_by_role("region", name="The rules: balanced")
    expect(rules.get_by_role("listitem").filter(has_text="No fee is taken.")).to_be_visible()
    expect(rules.get_by_label("The policy as data")).to_contain_text('"strategy": "draw"')
    expect(rules.get_by_role("link", name="the published file")).to_have_attribute(
        "href", "/.well-known/triptych/policy/" + "5d" * 32
    )
    rules.get_by_text("1 earlier policy").click()
    expect(rules.get_by_text("7e" * 32)).to_be_visible()


def test_breakers_and_waits_count_down(visit: Opener) -> None:
    page = visit(path="/router")
    rows = page.get_by_role("region", name="Endpoints").get_by_role("row")
    failing = rows.filter(has_text="GPT Image 2, edits")
    expect(failing).to_contain_text("The key was not accepted (401).")
    expect(failing).to_contain_text(re.compile(r"paused for 2\d s"))  # the server said 30
    expect(failing).to_contain_text("Not called for now after failures.")  # one clock a row
    expect(failing).to_contain_text("no retries for now")
    expect(failing).to_contain_text("0 of 1, 2 wait")
    slow = rows.filter(has_text="Grok Imagine")
    expect(slow).to_contain_text(re.compile(r"asked to wait for (?:[2-9]|1[01]) s"))  # and 12 here
    expect(rows.filter(has_text="Grok Imagine")).to_contain_text("Asked us to slow down.")
    expect(rows.filter(has_text="Gemini")).to_contain_text("100 %")


def test_traffic_that_chance_does_not_explain_is_named(visit: Opener) -> None:
    page = visit(path="/router")
    traffic = page.get_by_role("region", name="Whom the traffic went to")
    expect(traffic).to_contain_text("Gemini 3.1 Flash Image, Grok Imagine: chance alone does not explain it.")
    grok = traffic.locator("dl > div").filter(has_text="Grok Imagine")
    expect(grok).to_contain_text("67 first")
    expect(grok).to_contain_text("39.7 predicted")
    expect(grok).to_contain_text("more than predicted")
    expect(traffic).to_contain_text("31 without one")


def test_the_log_says_how_to_be_a_witness(visit: Opener) -> None:
    page = visit(path="/router")
    log = page.get_by_role("region", name="The log")
    expect(log).to_contain_text("1,204 entries")
    expect(log).to_contain_text("2 receipts wait")
    expect(log.locator("pre")).to_have_text(
        re.compile(r'triptych log witness http://127.0.0.1:\d+/log --key "studio\.example/log\+5e1f0c3a\+\w+"')
    )
    expect(log).to_contain_text("public_port")


def test_the_log_says_who_witnessed_it_and_how_far(visit: Opener) -> None:
    page = visit()
    seen = [{"name": "friend/witness", "size": 9, "at_ms": 1_790_000_000_000}]
    page.context.request.post("/fake", data={"router": {"log": {"size": 16, "witnesses": seen}}})
    page.get_by_role("link", name="Router").click()
    log = page.get_by_role("region", name="The log")
    expect(log).to_contain_text(re.compile("Last witnessed: entry 9 of 16, at .*, by friend/witness"))
    expect(log.locator("pre")).to_have_count(0)


def test_the_budget_has_caps_what_is_held_and_what_was_charged_otherwise(visit: Opener) -> None:
    page = visit(path="/router")
    budget = page.get_by_role("region", name="Budget")
    today = budget.locator("dl > div").filter(has_text="Today")
    expect(today).to_contain_text("about $1.77, up to $1.84")
    amount, cap = today.get_by_text("about $1.77").bounding_box(), today.get_by_text("of $5.00").bounding_box()
    assert amount is not None
    assert cap is not None
    assert amount["x"] + amount["width"] <= cap["x"]
    expect(today).to_contain_text("$0.067 held for what is under way; 1 charge not known: the estimate stands in")
    expect(budget.locator("dl > div").filter(has_text="Project spring-launch")).to_contain_text("of $20.00")
    budget.get_by_text("Charged against estimated").click()
    expect(budget.get_by_role("row").filter(has_text="Grok Imagine")).to_contain_text("+$0.031")
