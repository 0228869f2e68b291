"""Sharing from the page, by keyboard alone: where it is found, a link for a friend, who has one, hold, stop."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.emulators import Emulators
from tests.web.test_late import Held
from tests.web.test_whole_way import Studio

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def mira(tmp_path_factory: pytest.TempPathFactory, emulator_servers: Emulators, browser: Browser) -> Iterator[Page]:
    studio = Studio(tmp_path_factory.mktemp("mira") / "data", emulator_servers)
    studio.environment |= {"TRIPTYCH_SHARE_HOST": "127.0.0.1", "TRIPTYCH_SHARE_PORT": "0", "XAI_API_KEY": "xai-1"}
    studio.start()
    page = browser.new_context(service_workers="block", reduced_motion="reduce").new_page()
    page.goto(studio.url)
    yield page
    page.context.close()
    studio.stop()


def press(page: Page, name: str) -> None:
    button = page.get_by_role("button", name=name)
    expect(button).to_be_enabled()
    button.focus()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")


def test_a_newcomer_shares_and_stops_sharing(mira: Page) -> None:
    mira.get_by_role("link", name="Network").focus()
    mira.keyboard.press("Enter")
    expect(mira.get_by_text("Never shared, because each picture is paid for with your key: xAI.")).to_be_visible()
    expect(mira.get_by_label("the painters")).to_be_checked()
    mira.get_by_label("Who is it for?").fill("Ada")
    mira.keyboard.press("Enter")
    link = mira.get_by_label("The link for Ada")
    expect(link).to_be_focused()
    expect(mira.get_by_role("img", name="The link as a QR code")).to_be_visible()
    expect(mira.get_by_text("It draws for those with an invite alone.")).to_be_visible(timeout=60_000)
    press(mira, "Done")
    expect(link).to_have_count(0)
    late = Held(mira, "**/api/network/share", answered=True, method="GET")
    late.until()
    press(mira, "Put on hold")
    expect(mira.get_by_text("shared, on hold")).to_be_visible()
    late.let_go()  # it says how things stood before
    expect(mira.get_by_text("shared, on hold")).to_be_visible()
    goes_on = Held(mira, "**/api/network/share", method="PUT")
    press(mira, "Go on")
    mira.get_by_label("Who else?").fill("Bob")
    mira.keyboard.press("Enter")  # counts, although that is not answered yet
    press(mira, "Done")
    goes_on.until()
    goes_on.let_go()
    answers = Held(mira, "**/api/network/share/invites", answered=True)
    press(mira, "Withdraw the invite of Ada")
    answers.until()
    press(mira, "Withdraw the invite of Bob")
    answers.until(2)
    answers.let_go(last_first=True)  # the other one still knows of Bob
    expect(mira.get_by_text("Nobody.")).to_be_visible()
    mira.unroute("**/api/network/share")
    late.let_go()
    press(mira, "Stop sharing")
    expect(mira.get_by_text("Nothing listens then")).to_be_visible()
    mira.keyboard.press("Enter")
    expect(mira.get_by_text("not shared", exact=True)).to_be_visible()
