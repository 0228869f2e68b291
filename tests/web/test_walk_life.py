"""A run and what can come in its way, on the real server: a second tab, a hidden one, a reload, a kill, a stop, and the
troubles of one model beside others that have none."""

import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.emulators import Emulators
from tests.emulators.scenario import Gate, Kind, Scenario
from tests.web.conftest import watched
from tests.web.test_everywhere import HIDE
from tests.web.test_studio import until
from tests.web.test_whole_way import Studio, create, sent

pytestmark = pytest.mark.browser
NANO, GROK, GPT, AURORA = "google/gemini-3.1-flash-image", "xai/grok-imagine-image", "openai/gpt-image-2", "demo/aurora"
AWAY = (
    "ERR_",
    "net::",
    "403 (Forbidden)",
)  # what a browser says while its server is gone, and of the first call with a session that has ended
NOTICES = """window.told = [];
  window.Notification = class { static permission = 'granted'; static requestPermission() { return Promise.resolve('granted'); }
    constructor(title, more) { window.told.push([title, more.body]); } close() {} };"""


@pytest.fixture(scope="module")
def studio(emulator_servers: Emulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One server for this file; started anew it is at the same address, so that open pages find it."""
    made = Studio(tmp_path_factory.mktemp("life") / "data", emulator_servers)
    keys = {"GEMINI": emulator_servers.google, "XAI": emulator_servers.xai, "OPENAI": emulator_servers.openai}
    made.environment |= {f"{name}_API_KEY": one.key for name, one in keys.items()}
    made.start()
    made.port = int(made.url.rpartition(":")[2])
    yield made
    made.stop()


def row(page: Page, text: str) -> Any:
    return page.get_by_role("region", name=re.compile(f"^{text}"))


def of(page: Page, text: str, model: str) -> Any:
    """The tile of one model in one row."""
    return row(page, text).get_by_role("group", name=re.compile(rf"^[A-Z], {model}\b"))


def test_a_run_is_seen_by_another_tab_after_a_reload_and_by_a_hidden_one(
    browser: Browser, studio: Studio, emulators: Emulators
) -> None:
    gate = Gate()
    emulators.google.play(Scenario(gate=gate))
    with watched(browser, studio.url) as one, watched(browser, studio.url) as two:
        two.add_init_script(NOTICES)
        two.reload()
        two.get_by_role("button", name="Settings").first.click()
        sheet = two.get_by_role("dialog", name="Settings")
        sheet.get_by_role("switch", name="A notification of the system").click()
        expect(sheet.get_by_role("switch", name="A notification of the system")).to_be_checked()
        sheet.get_by_role("button", name="Close").click()

        create(one, f"a heron in reeds --m {NANO},{GROK},{GPT}")
        gate.wait_reached()
        for page in (one, two):  # a second tab needs no reload
            expect(row(page, "a heron").locator(".tile[data-state=done]")).to_have_count(2, timeout=30_000)
        waiting = of(one, "a heron", "Gemini")
        before = waiting.get_attribute("id")
        one.reload()
        expect(row(one, "a heron").locator(".tile[data-state=done]")).to_have_count(2)
        expect(waiting).to_have_id(str(before))
        expect(waiting.locator("xpath=ancestor-or-self::*[@data-state]").last).not_to_have_attribute(
            "data-state", "done"
        )

        two.evaluate(HIDE, True)
        gate.release()
        expect(row(one, "a heron").locator(".tile[data-state=done]")).to_have_count(3)
        expect(two).to_have_title(re.compile(r"^\(1\) done · "), timeout=20_000)
        until(lambda: two.evaluate("window.told.length") == 1)
        assert two.evaluate("window.told")[0][0] == "Your pictures are done"
        two.evaluate(HIDE, False)
        expect(two).to_have_title("Studio · Triptych")
        expect(row(two, "a heron").locator(".tile[data-state=done]")).to_have_count(3)
    assert (sent(emulators.google), sent(emulators.xai), sent(emulators.openai)) == (1, 1, 1)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_ends_in_the_middle_loses_no_tile_and_sends_none_twice(
    browser: Browser, studio: Studio, emulators: Emulators, how: signal.Signals
) -> None:
    gate, text = Gate(), f"a lantern {how.name}"
    emulators.google.play(Scenario(gate=gate))
    with watched(browser, studio.url, expected=AWAY) as page, watched(browser, studio.url, expected=AWAY) as other:
        create(page, f"{text} --size 512x512 --m {NANO},{GROK},{AURORA}")
        gate.wait_reached()
        expect(of(page, text, "Grok").locator("img.picture")).to_be_visible()
        studio.stop(how)
        gate.release()
        studio.start()
        for each in (page, other):  # both come back by themselves
            expect(row(each, text).locator(".tile[data-state=done]")).to_have_count(2, timeout=60_000)
            expect(of(each, text, "Gemini")).to_contain_text("It may have been billed.", timeout=30_000)
        assert (sent(emulators.google), sent(emulators.xai)) == (1, 1)
        lost = of(page, text, "Gemini")
        lost.get_by_role("button", name="Retry").click()
        assert sent(emulators.google) == 1  # it asks first
        lost.get_by_role("button", name="Send again", exact=True).click()
        done_here = row(page, text).locator(".tile[data-state=done]")
        expect(done_here).to_have_count(3, timeout=30_000)
        expect(row(other, text).locator(".tile[data-state=done]")).to_have_count(3)
    assert (sent(emulators.google), sent(emulators.xai)) == (2, 1)


def test_the_trouble_of_one_model_is_its_own_and_says_what_is_next(
    browser: Browser, studio: Studio, emulators: Emulators
) -> None:
    text = "a clock in fog"
    emulators.google.play(Scenario(Kind.RATE_LIMIT, times=1, retry_after_s=50))
    emulators.openai.play(Kind.EMPTY_DATA)
    emulators.xai.play(Kind.MODERATION_INPUT)
    with watched(browser, studio.url) as page:
        create(page, f"{text} --size 256x256 --m {NANO},{GROK},{GPT},{AURORA}")
        expect(of(page, text, "Gemini")).to_contain_text("by itself in")
        of(page, text, "Gemini").get_by_role("button", name="Try now").click()  # first of all: its minute runs out
        expect(of(page, text, "Gemini").locator("img.picture")).to_be_visible(timeout=20_000)
        expect(of(page, text, "Aurora").locator("img.picture")).to_be_visible(timeout=30_000)
        expect(of(page, text, "Grok")).to_contain_text("Refused")
        expect(of(page, text, "Grok").get_by_role("button", name="Edit prompt")).to_be_attached()
        expect(of(page, text, "GPT")).to_contain_text("without a picture")
        before = {name: sent(getattr(emulators, name)) for name in ("google", "openai", "xai")}
        empty = of(page, text, "GPT")
        mine = empty.get_attribute("id")
        empty.get_by_role("button", name="Retry").click()
        empty.get_by_role("button", name="Send again", exact=True).click()
        expect(empty.locator("img.picture")).to_be_visible(timeout=20_000)
        assert empty.get_attribute("id") != mine
        after = {name: sent(getattr(emulators, name)) for name in ("google", "openai", "xai")}
        assert after == before | {"openai": before["openai"] + 1}  # that tile alone, with its own model


def test_an_explosion_is_told_with_its_number_and_cannot_be_started(
    browser: Browser, studio: Studio, emulators: Emulators
) -> None:
    tones = ", ".join(f"tone{n}" for n in range(68))
    with watched(browser, studio.url) as page:
        page.get_by_label("Prompt", exact=True).fill(f"a {{{tones}}} kettle --n 8 --m {NANO},{GROK}")
        expect(page.locator("#plan")).to_contain_text("1,088 images")
        expect(page.get_by_role("button", name="Create")).to_be_disabled()
        page.get_by_label("Prompt", exact=True).fill(
            f"a {{{{red, dark red}}, green}} cat —sitting on a wall --m {NANO}"
        )
        expect(page.locator("#plan")).to_contain_text("3 images")
    assert sent(emulators.google) == 0
