"""What comes late, and in whatever order: no key and no letter is lost, and what is older never takes the place of what is newer."""

import re
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect
from tests.web.conftest import Opener, intercept
from tests.web.test_gallery import cell, opened, sent
from tests.web.test_studio import PAIR, heard, tile

pytestmark = pytest.mark.browser


class Held:
    """Calls that wait until they are let go: before they reach the server, or with `answered` on the way back."""

    def __init__(self, page: Page, what: str | re.Pattern[str], *, answered: bool = False, method: str = "") -> None:
        self.page, self.answered, self.method = page, answered, method
        self._held: list[tuple[Route, APIResponse | None]] = []
        intercept(page, what, self._hold)

    def _hold(self, route: Route) -> None:
        if self.method and route.request.method != self.method:
            route.fallback()
        else:
            self._held.append((route, route.fetch() if self.answered else None))

    def until(self, count: int = 1) -> None:
        heard(self.page, lambda: len(self._held) >= count)

    def answers(self) -> list[Any]:
        """What those say that are held with their answers, the oldest first."""
        return [answer.json() for _, answer in self._held if answer is not None]

    def let_go(self, *, last_first: bool = False) -> None:
        """What came first goes first, or last; the page has heard each before the next one."""
        while self._held:
            route, answer = self._held.pop(-1 if last_first else 0)
            with self.page.expect_response(lambda found, of=route: found.request == of.request):  # type: ignore[misc]
                route.fulfill(response=answer) if answer else route.continue_()
        self.page.evaluate("new Promise(done => setTimeout(done))")


def test_who_writes_before_the_first_pictures_goes_on_writing(visit: Opener) -> None:
    page = visit()
    page.context.request.post("/fake", data={"gallery": 40})
    first = Held(page, re.compile(r"/api/gallery\?"))
    page.goto("/gallery")
    box = page.get_by_label("Search the gallery")
    box.focus()
    first.until()
    first.let_go()
    expect(page.get_by_role("option").first).to_be_visible()
    expect(box).to_be_focused()
    page.unroute(re.compile(r"/api/gallery\?"))
    page.keyboard.type("fox")  # its x would reject a picture
    expect(box).to_have_value("fox")
    expect(page.locator("#found")).to_have_text("10 pictures")
    assert sent(page) == []


def test_what_was_asked_before_does_not_take_the_place_of_what_is_looked_for_now(visit: Opener) -> None:
    page = opened(visit, 40)
    cell(page, 1).click()
    late = Held(page, "**/api/gallery/similar/**", answered=True)
    page.keyboard.press("s")
    late.until()
    page.get_by_label("Search the gallery").fill("fox")
    expect(page.locator("#found")).to_have_text("10 pictures")
    late.let_go()
    expect(page).to_have_url(re.compile(r"/gallery\?q=fox$"))
    expect(page.locator("#found")).to_have_text("10 pictures")
    expect(page.get_by_text("Looks like this one")).to_have_count(0)


@pytest.mark.parametrize("key", ["Backspace", "s"])
def test_an_answer_that_comes_late_does_not_lead_back_to_the_gallery(visit: Opener, key: str) -> None:
    page = opened(visit, 40)
    cell(page, 1).click()
    late = Held(page, re.compile(r"/api/gallery(/similar/.*)?$|/similar/"), answered=True)
    page.keyboard.press(key)
    late.until()
    page.get_by_role("link", name="Models", exact=True).click()
    expect(page).to_have_url(re.compile("/models$"))
    late.let_go()
    expect(page.get_by_role("link", name="Models", exact=True)).to_have_attribute("aria-current", "page")
    expect(page).to_have_url(re.compile("/models$"))


def test_pictures_that_come_late_have_the_marks_of_now(visit: Opener) -> None:
    page = opened(visit, 4_000)
    late = Held(page, re.compile(r"/api/gallery\?.*skip=3900"), answered=True)
    page.keyboard.press("End")
    late.until()
    page.keyboard.press("Shift+Home")
    expect(page.get_by_text("4,000 chosen", exact=True)).to_be_visible()
    page.keyboard.press("x")
    expect(cell(page, 0)).to_have_attribute("data-verdict", "rejected")
    late.let_go()
    page.keyboard.press("End")
    expect(cell(page, 3_999)).to_have_attribute("data-verdict", "rejected")


def test_a_decision_that_was_taken_back_late_does_not_undo_the_next(visit: Opener) -> None:
    page = opened(visit, 3)
    late = Held(page, "**/api/gallery", answered=True, method="PATCH")
    page.keyboard.press("u")
    told = page.locator("dialog.cull header [role=status]")
    expect(told).to_have_text("3 left")
    page.keyboard.press("2")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("5")
    expect(told).to_have_text("2 left")
    late.until()
    late.let_go()
    late.until()
    late.let_go()
    page.get_by_role("button", name="Stop culling").click()
    expect(cell(page, 0)).to_have_attribute("aria-label", re.compile("5 stars"))


def test_a_key_that_waits_for_the_keyboard_is_for_what_it_was_pressed_on(visit: Opener) -> None:
    page = visit(runs=[("harbour", [*PAIR, "demo/mosaic"])])
    late = Held(page, re.compile(r"/app/keyboard\.js"))
    page.reload()
    expect(page.locator(".tile[data-state=done]")).to_have_count(3)
    tile(page, "Aurora").focus()
    page.keyboard.press("c")
    tile(page, "Woodcut").focus()
    page.keyboard.press("c")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("i")
    late.until()
    late.let_go()
    expect(page.get_by_role("button", name="Compare 2")).to_be_visible()
    expect(tile(page, "Mosaic")).to_be_focused()
    expect(page.get_by_role("complementary", name="Inspector").get_by_role("heading", name="Mosaic")).to_be_visible()


def thrown_away(page: Page, image: str | None) -> None:
    page.context.request.fetch("/api/gallery", method="PATCH", headers={"X-Triptych-Session": "session-keys"},
                               data={"pictures": [image], "trashed": True})  # fmt: skip


def test_undo_waits_for_what_shows_already_but_is_not_answered(visit: Opener) -> None:
    page = visit(runs=[("first", PAIR), ("second", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    one = tile(page, "Aurora").first
    thrown_away(page, one.get_attribute("data-image"))
    late: Any = Held(page, "**/api/gallery", answered=True, method="PATCH")
    one.get_by_role("button", name="Take back").click()
    expect(one.get_by_text("In the trash")).to_have_count(0)  # the stream told it
    page.keyboard.press("Control+z")
    late.until()
    late.let_go()
    expect(one.get_by_text("In the trash")).to_be_visible()
    late = Held(page, "**/api/runs/*", answered=True, method="DELETE")
    page.get_by_role("button", name="Row: second").click()
    page.get_by_role("menuitem", name="Hide this row").click()
    expect(page.get_by_role("heading", name="second")).to_have_count(0)
    page.locator(".frame").first.focus()
    page.keyboard.press("Control+z")
    late.until()
    late.let_go()
    expect(page.get_by_role("heading", name="second")).to_be_visible()
    expect(one.get_by_text("In the trash")).to_be_visible()


def test_undo_waits_for_a_server_that_is_being_taken_out(visit: Opener) -> None:
    page = visit(path="/models")
    page.get_by_role("button", name="Look for one").click()
    page.get_by_role("checkbox", name="flux-dev").check()
    page.get_by_role("button", name="Add it").click()
    late = Held(page, "**/api/local-servers/*", answered=True)
    page.get_by_role("region", name="LocalAI").get_by_role("button", name="Take out").click()
    late.until()
    page.keyboard.press("Control+z")
    late.let_go()
    late.until()  # it is added again
    late.let_go()
    expect(page.get_by_role("region", name="LocalAI")).to_contain_text("flux-dev")


def test_what_is_typed_while_the_pages_language_comes_is_kept(visit: Opener) -> None:
    page = visit(locale="de-DE", ready="Tastenkürzel")
    late = Held(page, re.compile(r"/lang/de\.json"))
    page.evaluate("sessionStorage.clear()")
    page.goto("/", wait_until="commit")
    late.until()
    page.locator("#prompt").focus()
    page.keyboard.type("ein Drachen")
    late.let_go()
    expect(page.get_by_role("button", name="Tastenkürzel")).to_be_visible()
    expect(page.locator("#prompt")).to_have_value("ein Drachen")
    expect(page.locator("#prompt")).to_be_focused()
    expect(page.locator("#plan")).to_contain_text("2 Bilder")


def test_a_key_right_after_the_palette_is_closed_is_heard(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    page.locator(".frame").first.focus()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Command palette")).to_be_visible()
    page.keyboard.press("Shift")
    # A browser tells of the end of a dialog only after what was pressed meanwhile.
    page.evaluate("""() => { document.querySelector('dialog[open]').close();
        document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: '?', bubbles: true, cancelable: true })); }""")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    page.evaluate("new Promise(done => setTimeout(done, 100))")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()


def test_the_palette_opens_again_right_after_it_is_closed(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    page.locator(".frame").first.focus()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Command palette")).to_be_visible()
    # The next key comes before the browser has told of the end.
    page.evaluate("""async () => { document.querySelector('dialog[open]').close(); await null;
        document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true, bubbles: true, cancelable: true })); }""")
    expect(page.get_by_role("dialog", name="Command palette")).to_be_visible()
    page.evaluate("new Promise(done => setTimeout(done, 100))")
    expect(page.get_by_role("dialog", name="Command palette")).to_be_visible()
    page.keyboard.type("settings")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Settings")).to_be_visible()
