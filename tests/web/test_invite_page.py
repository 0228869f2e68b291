"""From page to page: one studio gives out a link, another draws with it, checks what the node signed, and sees why nothing comes any more."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.emulators import Emulators
from tests.web.conftest import watched
from tests.web.test_sharing_page import press
from tests.web.test_whole_way import Studio, chip, create, done

from triptych.network.verify_node import verify_node

pytestmark = pytest.mark.browser
DRAWS = "aurora on A friend's models"


@pytest.fixture
def pages(tmp_path: Path, emulators: Emulators, browser: Browser) -> Iterator[tuple[Page, Page]]:
    """Mira's page, who shares, and Ada's, who is her friend: two studios that know nothing of each other."""
    mira, ada = Studio(tmp_path / "mira", emulators), Studio(tmp_path / "ada", emulators)
    mira.environment |= {"TRIPTYCH_SHARE_HOST": "127.0.0.1", "TRIPTYCH_SHARE_PORT": "0"}
    mira.start()
    ada.start()
    with watched(browser, mira.url) as hers, watched(browser, ada.url) as theirs:
        yield hers, theirs
    ada.stop()
    mira.stop()


def link_for(page: Page, guest: str) -> str:
    expect(page.get_by_label("the painters")).to_be_checked()  # what draws here was found
    page.get_by_label("Who is it for?").fill(guest)
    page.keyboard.press("Enter")
    link = page.get_by_label(f"The link for {guest}").input_value()
    expect(page.get_by_text("waiting · 0 jobs")).to_be_visible(timeout=60_000)  # its hub lists it
    return link


def invited(mira: Page, ada: Page) -> None:
    """Ada has pasted Mira's link, and has chosen one of Mira's models alone."""
    for page in (mira, ada):
        page.get_by_role("link", name="Network", exact=True).click()
    ada.get_by_label("The link that a friend sent you").fill(link_for(mira, "Ada"))
    ada.keyboard.press("Enter")
    expect(ada.get_by_text("You know who runs it: they invited you. It can be asked.")).to_be_visible()
    ada.get_by_role("link", name="Studio", exact=True).click()
    for name, chosen in ((DRAWS, True), ("Aurora", False), ("Mosaic", False)):
        box = chip(ada, name)
        box.focus()
        ada.keyboard.press("Space")
        expect(box).to_be_checked(checked=chosen)


def test_a_friend_draws_with_a_link_and_checks_what_the_node_signed(pages: tuple[Page, Page]) -> None:
    mira, ada = pages
    invited(mira, ada)
    create(ada, "a heron --size 256x320")
    done(ada, 1)
    ada.get_by_role("group", name=re.compile(f"^A, {DRAWS}, done")).focus()
    ada.keyboard.press("i")
    inspector = ada.get_by_role("complementary", name="Inspector")
    inspector.get_by_role("tab", name="Route").click()
    file = inspector.get_by_role("link", name="Receipt file of the node")
    expect(file).to_have_attribute("href", re.compile(r"^/api/network/receipts/[0-9a-f]{64}\.jws$"))
    beside = str(file.get_attribute("download"))
    expect(inspector.locator("code").filter(has_text=f"triptych verify {beside} ")).to_be_visible()
    (shown,) = ada.request.get("/api/runs").json()["runs"][0]["tiles"][0]["images"]
    picture, signed = ada.request.get(shown["url"]).body(), ada.request.get(str(file.get_attribute("href"))).body()
    report = verify_node(signed, {"heron.png": picture}, ())
    proved = {line.what for line in report.lines if line.verdict == "proved"}
    assert proved == {"signature", "image heron.png", "outcome"}
    assert report.ok


def test_who_stops_sharing_is_asked_for_nothing_more_and_the_friend_reads_why(pages: tuple[Page, Page]) -> None:
    mira, ada = pages
    invited(mira, ada)
    create(ada, "a heron --size 256x320")
    done(ada, 1)
    expect(mira.get_by_text("Ada since")).to_contain_text("1 job")
    press(mira, "Done")
    press(mira, "Stop sharing")
    expect(mira.get_by_text("Nothing listens then, and no link works any more.")).to_be_visible()
    mira.keyboard.press("Enter")
    expect(mira.get_by_text("not shared", exact=True)).to_be_visible()
    create(ada, "another heron --size 256x320")
    failed = ada.locator(".tile[data-state=failed]")
    expect(failed).to_contain_text("A friend's models cannot be reached: Nothing listens at 127.0.0.1")
    expect(failed).to_contain_text("Its owner may have stopped sharing, or switched it off.")
    expect(failed).to_contain_text("Not billed.")
    expect(failed).not_to_contain_text("own words")
    ada.get_by_role("link", name="Network", exact=True).click()
    press(ada, "Ask all hubs now")
    expect(
        ada.get_by_text("Its hub does not answer, so it may be switched off: Nothing listens at 127.0.0.1")
    ).to_be_visible()
    expect(ada.get_by_text("It can be asked.")).to_have_count(0)
    press(ada, "Forget the invite of A friend's models")
    expect(ada.get_by_text("they invited you")).to_have_count(0)
