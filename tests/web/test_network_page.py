"""The network page on a real server: how far prompts go, what is wrong with an invite or a hub, all of it by keyboard."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.emulators import Emulators
from tests.unit.network.remote_tools import png
from tests.web.conftest import intercept
from tests.web.test_studio import here
from tests.web.test_views import violations
from tests.web.test_whole_way import Studio

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, emulator_servers: Emulators, browser: Browser) -> Iterator[Page]:
    studio = Studio(tmp_path_factory.mktemp("network") / "data", emulator_servers)
    studio.environment |= {"GEMINI_API_KEY": emulator_servers.google.key, "OPENAI_API_KEY": emulator_servers.openai.key}
    studio.start()
    made = browser.new_context(service_workers="block", reduced_motion="reduce").new_page()
    made.goto(f"{studio.url}/network")
    yield made
    made.context.close()
    studio.stop()


def anywhere_again(page: Page) -> None:
    """What the next page chooses by itself depends on it, so it has been stored."""
    with page.expect_response("**/api/network/reach") as told:
        page.get_by_label("Anywhere").check()
    assert told.value.json()["reach"] == "anywhere"


def test_how_far_prompts_go_is_one_switch_that_is_kept(page: Page) -> None:
    anywhere, here = page.get_by_label("Anywhere"), page.get_by_label("Only this machine")
    expect(anywhere).to_be_checked()
    with page.expect_response("**/api/network/reach") as told:
        here.focus()
        page.keyboard.press("Space")
    assert told.value.json()["reach"] == "here"
    page.reload()
    expect(page.get_by_label("Only this machine")).to_be_checked()
    with page.expect_response("**/api/network/community"):
        page.get_by_label("Use nodes of people whom I do not know").focus()
        page.keyboard.press("Space")
    expect(page.get_by_label("Use nodes of people whom I do not know")).to_be_checked()
    anywhere_again(page)


def test_that_nobody_may_learn_from_it_is_one_switch_here_and_in_the_prompt_bar(page: Page) -> None:
    page.goto(page.url.replace("/network", "/"))
    here(page, "foot")
    says, silent = (page.locator("label.chip", has_text=name).first for name in ("GPT Image 2", "Gemini"))
    expect(says).to_have_attribute("title", re.compile(r"Nobody learns from what is sent\."))
    expect(silent).to_have_attribute("title", re.compile("Whether what is sent is learnt from is not known"))
    page.get_by_role("button", name=re.compile("How far prompts may go")).click()
    page.get_by_role("menuitem", name=re.compile("Nobody may learn from it")).click()
    expect(page.get_by_role("button", name=re.compile("How far .* Nobody may learn from it"))).to_be_visible()
    expect(silent).to_have_attribute("data-state", "off")
    expect(silent).to_contain_text("Whether Gemini")
    expect(says).to_have_attribute("data-state", "ready")
    page.goto(page.url.rstrip("/") + "/network")
    box = page.get_by_label("Nobody may learn from it")
    expect(box).to_be_checked()
    with page.expect_response("**/api/network/reach") as told:
        box.focus()
        page.keyboard.press("Space")
    assert told.value.json()["no_training"] is False
    expect(box).not_to_be_checked()


def test_a_link_that_is_no_invite_and_a_hub_that_is_not_there_are_said(page: Page) -> None:
    page.get_by_label("The link that a friend sent you").fill("hello")
    page.keyboard.press("Enter")
    expect(page.get_by_text("That is not an invite")).to_be_visible()
    expect(page.get_by_label("The link that a friend sent you")).to_have_value("hello")
    page.get_by_label("Address of a hub").fill("https://127.0.0.1:9/x")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The address of a hub ends with its host")).to_be_visible()


def test_pictures_are_drawn_twice_only_where_the_user_says_so_and_what_differs_stands_side_by_side(
    page: Page, axe: str
) -> None:
    twice = page.get_by_label("Check pictures of the open network by drawing some of them twice")
    expect(twice).not_to_be_checked()
    with page.expect_response("**/api/network/checks/twice") as told:
        twice.focus()
        page.keyboard.press("Space")
    assert told.value.json()["twice"] is True
    sides = [{"role": role, "url": f"/api/network/checks/c1/{role}/0", "lane": "community", "name": name}
             for role, name in (("suspect", "Node A"), ("reference", "Node B"))]  # fmt: skip
    found = {
        "twice": True, "due": 0, "least_runs": 20, "paid": {"day_micro_usd": 200_000, "spent_micro_usd": 80_000, "unknown": 1}, "classes": [{"model": "sdxl", "engine": "comfyui/0.3", "precision": "fp16", "measured": False, "runs": 3}],
        "owners": [{"owner": "o1", "names": ["Node A"], "nodes": ["a"], "models": [
            {"model": "sdxl", "compared": "fully", "standing": "quarantine", "rate": 0, "jobs": 9, "checks": 3, "matches": 1, "mismatches": 2, "unclear": 0, "faults": 0},
            *({"model": way, "compared": way, "standing": "probation", "rate": 0, "jobs": 9, "checks": 0, "matches": 0, "mismatches": 0,
               "unclear": 0, "faults": 0} for way in ("alone", "priced", "roughly", "away")),
            {"model": "aurora", "compared": "unstated", "standing": "probation", "rate": 0, "jobs": 4, "checks": 0, "matches": 0, "mismatches": 0, "unclear": 0, "faults": 0}]}],
        "checks": [{"id": "c1", "what": "redundant", "at_ms": 1_795_302_690_364, "owner": "o1", "node": "a", "model": "sdxl", "name": "Node A",
                    "outcome": "mismatch", "wrong": "suspect", "why": "It is another picture: 120 of 256 bits differ.", "accused": "suspect",
                    "pictures": sides}],
    }  # fmt: skip
    intercept(page, "**/api/network/checks", lambda route: route.fulfill(json=found))
    intercept(
        page, "**/api/network/checks/c1/**", lambda route: route.fulfill(body=png(160, 112), content_type="image/png")
    )
    page.reload()
    expect(twice).to_be_checked()
    expect(page.get_by_text("has been measured 3 of 20 times")).to_be_visible()
    expect(page.get_by_text("a price: $0.08 of $0.20 today, and not more. Of 1 check it is not known")).to_be_visible()
    expect(page.get_by_text("9 pictures · 3 checks · 1 the same · 2 different")).to_be_visible()
    expect(
        page.get_by_text("aurora: it does not say which weights it runs, so its pictures cannot be compared")
    ).to_be_visible()
    expect(page.get_by_text("alone: nothing can be compared: nobody who may be asked draws the same")).to_be_visible()
    expect(page.get_by_text("priced: nothing can be compared: it asks for money")).to_be_visible()
    expect(page.get_by_text("roughly: only a plainly other picture would be noticed")).to_be_visible()
    expect(page.get_by_text("away: nothing is looked at while it cannot be asked")).to_be_visible()
    expect(page.get_by_text("picture is looked at")).to_have_count(0)
    page.get_by_text("your own job, drawn twice").click()
    expect(page.get_by_alt_text("drawn first, by Node A")).to_be_visible()
    expect(page.get_by_alt_text("drawn again, by Node B")).to_be_visible()
    expect(page.get_by_text("It is another picture: 120 of 256 bits differ.")).to_be_visible()
    assert violations(page, axe) == []
    with page.expect_request("**/api/network/checks/pardon") as asked:
        page.get_by_role("button", name="I have looked: ask Node A again").click()
    assert asked.value.post_data_json == {"owner": "o1"}


def test_the_switch_beside_the_prompt_is_the_same_one(page: Page) -> None:
    page.get_by_role("link", name="Studio").click()
    switch = page.get_by_role("button", name="How far prompts may go")
    expect(switch).to_have_accessible_name("How far prompts may go: Anywhere")
    switch.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="✓ Anywhere")).to_be_focused()
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    expect(switch).to_have_text("No community")
    expect(switch).to_be_focused()
    page.goto(page.url.rstrip("/") + "/network")
    expect(page.get_by_label("No community")).to_be_checked()
    anywhere_again(page)


def test_workers_are_off_until_the_studio_is_started_for_them(page: Page) -> None:
    shown = page.get_by_role("region", name="Workers made for AI Horde")
    expect(shown).to_contain_text("start it with --workers")
    expect(shown.get_by_role("button")).to_have_count(0)


def test_what_is_left_of_a_hubs_tokens_is_shown_and_why_there_are_no_more(page: Page) -> None:
    plain = {
        "source": "added",
        "heard_ms": 1_795_302_690_000,
        "fault": None,
        "split": None,
        "nodes": 3,
        "tokens": 0,
        "tokens_fault": None,
        "account": None,
    }
    why = "https://third.example does not take the tokens that it gave out."
    hubs = [
        {**plain, "origin": "https://first.example", "tokens": 98, "account": "a" * 43},
        {**plain, "origin": "https://second.example", "tokens": 1, "account": "a" * 43},
        {**plain, "origin": "https://third.example", "account": "a" * 43, "tokens_fault": why},
        {**plain, "origin": "https://fourth.example"},
    ]
    page.get_by_role("link", name="Network", exact=True).click()
    told = page.evaluate("fetch('/api/network').then(answer => answer.json())")
    intercept(page, "**/api/network", lambda route: route.fulfill(json={**told, "hubs": hubs}))
    page.reload()
    for name, words in (
        ("first", "added here · 3 nodes · 98 tokens left"), ("second", "1 token left"),
        ("third", f"no token left, so it is asked as a guest · {why}"),
    ):  # fmt: skip
        expect(page.get_by_role("listitem").filter(has_text=f"https://{name}.example")).to_contain_text(words)
    expect(page.get_by_role("listitem").filter(has_text="https://fourth.example")).not_to_contain_text("token")
    page.unroute("**/api/network")
