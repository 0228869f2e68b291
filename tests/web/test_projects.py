"""The project of now: chosen beside the money, sent with what the page starts, and found again in the gallery; and tags."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.emulators import Emulators
from tests.web.conftest import Opener, intercept, watched
from tests.web.test_gallery import cell, opened, sent
from tests.web.test_studio import FOUR, called, create, until
from tests.web.test_whole_way import Studio, done

pytestmark = pytest.mark.browser


def choose(page: Page, name: str) -> None:
    page.locator(".spend").click()
    page.get_by_role("dialog", name="Spending caps").get_by_label("Project", exact=True).fill(name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Spending caps")).to_have_count(0)


def started(page: Page) -> list[Any]:
    return [body.get("project") for method, path, body in called(page, "/api/runs") if (method, path) == ("POST", "/api/runs")]  # fmt: skip


def test_what_is_started_belongs_to_the_project_of_now_until_there_is_none(visit: Opener) -> None:
    page = visit(runs=[("a pier", FOUR[2:])])
    intercept(
        page, "**/api/instructions", lambda route: route.fulfill(json={"instructions": {"vary_subtle": "at dusk"}})
    )
    create(page, "a kettle")
    until(lambda: started(page) == [None])
    choose(page, "spring-launch")
    expect(page.locator(".spend .for")).to_have_text("spring-launch")
    page.reload()
    expect(page.locator(".spend .for")).to_have_text("spring-launch")
    create(page, "a harbour")
    until(lambda: started(page) == [None, "spring-launch"])
    page.get_by_role("button", name="Row: a pier").click()
    page.get_by_role("menuitem", name="Run again").first.click()
    until(lambda: started(page) == [None, *["spring-launch"] * 2])
    picture = page.get_by_role("region", name="a pier").first.locator(".tile[data-state=done] .frame").first
    expect(picture).to_be_visible()
    picture.focus()
    page.keyboard.press("v")
    expect(page.get_by_label("How it should vary")).to_have_value("at dusk")
    page.get_by_role("button", name="Make variations").click()
    until(lambda: started(page) == [None, *["spring-launch"] * 3])
    choose(page, "")
    expect(page.locator(".spend .for")).to_have_count(0)
    create(page, "a lamp")
    until(lambda: started(page)[-1:] == [None])


def test_a_name_that_no_project_has_is_refused_and_known_ones_are_offered(visit: Opener) -> None:
    page = opened(visit)
    cell(page, 0).click()
    page.keyboard.press("p")
    page.get_by_label("Project", exact=True).fill("spring")
    page.keyboard.press("Enter")
    until(lambda: len(sent(page)) == 1)
    page.locator(".spend").click()
    sheet = page.get_by_role("dialog", name="Spending caps")
    expect(sheet.locator("#known-projects option[value=spring]")).to_have_count(1)
    sheet.get_by_label("Project", exact=True).fill("two words")
    page.keyboard.press("Enter")
    expect(sheet.locator("input:invalid")).to_have_count(1)
    expect(sheet).to_be_visible()
    assert page.evaluate("localStorage.project") is None


def test_projects_are_offered_where_they_are_given_and_where_they_are_looked_for(visit: Opener) -> None:
    page = opened(visit)
    cell(page, 0).click()
    page.keyboard.press("p")
    page.get_by_label("Project", exact=True).fill("spring")
    page.keyboard.press("Enter")
    until(lambda: len(sent(page)) == 1)
    cell(page, 1).click()
    page.keyboard.press("p")
    expect(page.locator("#tags option")).to_have_attribute("value", "spring")
    page.keyboard.press("Escape")
    box = page.get_by_label("Search the gallery")
    box.fill("fox project:s")
    page.get_by_role("button", name="project:spring").click()
    expect(box).to_have_value("fox project:spring ")
    expect(page.locator("#found")).to_have_text("1 picture")


def test_tags_are_taken_away_where_they_are_given_and_come_back(visit: Opener) -> None:
    page = opened(visit)
    for number, tag in ((0, "sea"), (1, "sky")):
        cell(page, number).click()
        page.keyboard.press("t")
        page.get_by_label("Tag", exact=True).fill(tag)
        page.keyboard.press("Enter")
        expect(cell(page, number)).to_have_attribute("aria-label", re.compile(f"tagged {tag}"))
    cell(page, 0).click(modifiers=["Control"])
    expect(page.get_by_text("2 chosen")).to_be_visible()
    page.get_by_role("button", name="Tag", exact=True).click()
    expect(page.get_by_label("Tag", exact=True)).to_be_focused()
    expect(page.get_by_role("button", name="Take the tag")).to_have_count(2)
    page.get_by_role("button", name="Take the tag sea away").click()
    expect(page.get_by_role("button", name="Take the tag")).to_have_count(1)
    expect(page.get_by_role("button", name="Take the tag")).to_have_accessible_name("Take the tag sky away")
    expect(cell(page, 0)).not_to_have_attribute("aria-label", re.compile("tagged"))
    assert sorted(sent(page)[-1]["pictures"]) == ["img_g0", "img_g1"]
    assert sent(page)[-1]["remove_tags"] == ["sea"]
    page.get_by_role("button", name="Undo").last.click()
    expect(cell(page, 0)).to_have_attribute("aria-label", re.compile("tagged sea"))
    expect(page.get_by_role("button", name="Take the tag")).to_have_count(2)


def test_a_run_of_the_page_carries_its_project_and_is_found_by_it(
    browser: Browser, tmp_path: Path, emulators: Emulators
) -> None:
    studio = Studio(tmp_path / "data", emulators)
    studio.start()
    with watched(browser, studio.url) as page:
        create(page, "a pot --m aurora --size 256x256")
        done(page, 1)
        choose(page, "spring-launch")
        create(page, "a pan --m aurora --size 256x256")
        done(page, 2)
        newest = page.request.get("/api/runs").json()["runs"][0]
        assert (newest["text"].split(" --")[0], newest["settings"]["project"]) == ("a pan", "spring-launch")
        page.goto("/gallery?q=project:spring-launch")
        expect(page.locator("#found")).to_have_text("1 picture")
    studio.stop()
