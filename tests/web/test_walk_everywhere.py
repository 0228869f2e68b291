"""What is there in every view, on the real server: the first visit, the palette, keys of one's own, undo, the other language, and
the same rows on a phone."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.emulators import Emulators
from tests.web.conftest import provider, watched
from tests.web.test_phone import PHONE, WIDE
from tests.web.test_studio import here
from tests.web.test_whole_way import Studio, create

from triptych.web import assets

pytestmark = pytest.mark.browser
LONG = 60_000  # milliseconds for a painting on a busy machine
GERMAN = json.loads((assets.ROOT / "lang" / "de.json").read_text("utf-8"))
NANO, GPT = "google/gemini-3.1-flash-image", "openai/gpt-image-2"


@pytest.fixture(scope="module")
def studio(emulator_servers: Emulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A server that nobody has visited yet; the tests of this file are one visitor's, in their order."""
    made = Studio(tmp_path_factory.mktemp("everywhere") / "data", emulator_servers)
    made.environment |= {"TRIPTYCH_SAMPLE": "true", "OPENAI_API_KEY": emulator_servers.openai.key}
    made.start()
    yield made
    made.stop()


def row(page: Page, text: str) -> Locator:
    return page.get_by_role("region", name=re.compile(f"^{text}"))


def command(page: Page, words: str) -> None:
    here(page, "keyboard")
    page.keyboard.press("Control+k")
    page.keyboard.type(words)
    expect(page.get_by_role("dialog", name="Command palette").get_by_role("option").first).to_be_visible()
    page.keyboard.press("Enter")


def test_a_first_visit_has_a_sample_a_brief_and_room_for_a_key(
    browser: Browser, studio: Studio, emulators: Emulators
) -> None:
    with watched(browser, studio.url) as page:
        expect(page.get_by_text("A sample by the offline painters: they are not AI models.")).to_be_visible()
        expect(page.locator(".tile")).to_have_count(3)
        with watched(browser, studio.url) as other:  # and no second sample for a second tab
            expect(other.locator(".tile")).to_have_count(3)
        page.get_by_role("button", name="A poster with words").click()
        prompt = page.get_by_label("Prompt", exact=True)
        expect(prompt).to_have_value(re.compile("OPEN LATE.*--ar 2:3"))
        expect(prompt).to_be_focused()
        page.get_by_role("link", name="Models", exact=True).click()
        card = provider(page, "Google")
        card.get_by_label(re.compile("key", re.IGNORECASE)).first.fill(emulators.google.key)
        card.get_by_role("button", name=re.compile("^(Use|Save|Try)")).first.click()
        expect(page.get_by_text(f"…{emulators.google.key[-4:]}").first).to_be_visible()
        page.get_by_role("link", name="Studio", exact=True).click()
        create(page, f"a paper kite over dunes --m {NANO},{GPT}")
        expect(row(page, "a paper kite").locator("img.picture.in")).to_have_count(2, timeout=LONG)
        expect(page.get_by_role("button", name="A poster with words")).to_have_count(0)
    assert len(emulators.google.submits) == 1


def test_commands_keys_of_ones_own_and_undo_work_by_keyboard_and_survive_a_reload(
    browser: Browser, studio: Studio, emulators: Emulators
) -> None:
    with watched(browser, studio.url) as page:
        first = row(page, "a paper kite").locator(".frame").first
        first.focus()
        command(page, "queue")
        expect(page).to_have_url(re.compile("/queue$"))
        command(page, "studio")
        expect(row(page, "a paper kite")).to_be_visible()
        first.focus()
        page.keyboard.press("?")
        keys = page.get_by_role("dialog", name="Shortcuts")
        keys.get_by_role("button", name=re.compile("Inspector")).first.click()
        page.keyboard.press("w")
        expect(keys.get_by_role("button", name=re.compile("Inspector")).first).to_contain_text("W")
        page.keyboard.press("Escape")
        page.reload()
        first.focus()
        page.keyboard.press("w")
        panel = page.get_by_role("complementary", name="Inspector")
        expect(panel).to_be_visible()
        panel.get_by_label("What it shows").fill("A kite over sand")
        panel.get_by_role("button", name="Save").click()
        picture = row(page, "a paper kite").locator("img.picture").first
        expect(picture).to_have_attribute("alt", "A kite over sand")
        first.focus()
        page.keyboard.press("Control+z")
        expect(picture).to_have_attribute("alt", "a paper kite over dunes")
        with watched(browser, studio.url) as other:
            row(page, "a paper kite").get_by_role("button", name=re.compile("^Row:")).click()
            page.get_by_role("menuitem", name=re.compile("^(Hide|Delete|Remove)")).click()
            for each in (page, other):
                expect(row(each, "a paper kite")).to_have_count(0)
            page.locator("#main").focus()
            page.keyboard.press("Control+z")
            for each in (page, other):
                expect(row(each, "a paper kite")).to_be_visible()


def test_the_page_speaks_german_where_the_browser_does_and_english_when_told(
    browser: Browser, studio: Studio, emulators: Emulators
) -> None:
    with watched(browser, studio.url, ready="Tastenkürzel", locale="de-DE") as page:
        expect(page.get_by_role("button", name="Erzeugen")).to_be_visible()
        for name in ("Gallery", "Models", "Queue"):
            page.goto(f"/{name.lower()}")
            expect(page.get_by_role("button", name="Tastenkürzel")).to_be_visible()
            expect(page.locator("main").get_by_role("heading", level=1)).to_have_text(GERMAN[name])
        page.goto("/")
        page.get_by_role("button", name="Einstellungen").click()
        page.get_by_label("Sprache").select_option("en")
        expect(page.get_by_role("button", name="Create")).to_be_visible()
        page.reload()
        expect(page.get_by_role("button", name="Create")).to_be_visible()


def test_on_a_phone_a_row_is_a_deck_and_a_long_press_flickers(
    browser: Browser, studio: Studio, emulators: Emulators
) -> None:
    with watched(browser, studio.url, **PHONE) as page:
        shown = row(page, "a paper kite")
        film = shown.get_by_role("group", name="Tiles of this row")
        expect(film.get_by_role("button")).to_have_count(2)
        film.get_by_role("button", name="B, GPT").tap()
        expect(shown.get_by_role("group", name=re.compile("^B, GPT"))).to_be_in_viewport(ratio=0.5)
        shown.locator("img.picture").nth(1).tap()
        view = page.get_by_role("dialog", name="Side by side")
        expect(view.locator("figure")).to_have_count(2)
        view.get_by_role("button", name="Flicker").tap()
        stage, caption = view.locator("zoom-stage"), view.locator("figcaption .called")
        expect(caption).to_have_count(1)
        before = caption.inner_text()
        finger = {"pointerType": "touch", "isPrimary": True, "clientX": 90, "clientY": 300, "bubbles": True}
        stage.dispatch_event("pointerdown", finger)
        expect(caption).not_to_have_text(before)
        stage.dispatch_event("pointerup", finger)
        expect(caption).to_have_text(before)
        assert page.evaluate(WIDE) <= 360
