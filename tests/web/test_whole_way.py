"""The whole way in a real browser on the real server: what a newcomer does, with the emulators as the providers."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.emulators import Emulators
from tests.emulators.scenario import Kind, Scenario
from tests.integration.launching import LAUNCHER
from tests.web.conftest import standing, watched
from tests.web.test_studio import until

pytestmark = pytest.mark.browser
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
KETTLE = "a steel kettle on basalt, dawn --size 256x320"


class Studio:
    """`triptych serve` as a process of its own, over one data folder; on any free port while `port` is 0."""

    def __init__(self, data: Path, emulators: Emulators) -> None:
        self.data = data
        self.url = ""
        self.port = 0
        providers = {"GOOGLE": emulators.google, "BYTEDANCE": emulators.ark, "XAI": emulators.xai, "OPENAI": emulators.openai,
                     "AIHORDE": emulators.aihorde}  # fmt: skip
        kept = {n: v for n, v in os.environ.items() if not n.endswith("_API_KEY") and not n.startswith("TRIPTYCH_")}
        self.environment = (
            kept
            | {"TRIPTYCH_SAMPLE": "false"}
            | {f"TRIPTYCH_{name}_BASE_URL": one.url for name, one in providers.items()}
        )
        self._said = data.with_name(f"{data.name}-said")
        self._process = 0
        self._lines: TextIO | None = None

    def start(self) -> None:
        self._said.unlink(missing_ok=True)
        os.mkfifo(self._said)
        command = ["serve", "--port", str(self.port), "--no-browser", "--data", str(self.data)]
        self._process = LAUNCHER.start(self._said, command, self.environment)
        self._lines = self._said.open()
        for line in self._lines:
            if found := ADDRESS.search(line):
                self.url = found.group()
                return
        pytest.fail("the server ended before it was up")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        assert self._lines is not None
        os.kill(self._process, how)
        with self._lines:
            self._lines.read()  # to its end, so that it can end
        LAUNCHER.wait(self._process)


@pytest.fixture
def studio(tmp_path: Path, emulators: Emulators) -> Iterator[Studio]:
    made = Studio(tmp_path / "data", emulators)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def page(browser: Browser, studio: Studio) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, reduced_motion="reduce", service_workers="block"
    )
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    visit(opened, studio)
    yield opened
    context.close()
    assert errors == []


def visit(page: Page, studio: Studio) -> None:
    page.goto(studio.url)
    expect(standing(page, "Shortcuts")).to_be_visible()


def create(page: Page, text: str) -> None:
    page.get_by_label("Prompt", exact=True).fill(text)
    # The row before shows before its answer is there.
    expect(page.get_by_role("button", name="Sending")).to_have_count(0)
    page.keyboard.press("Control+Enter")


def done(page: Page, count: int) -> None:
    expect(page.locator(".tile[data-state=done]")).to_have_count(count, timeout=60_000)  # paintings on a busy machine


def sent(provider: Any) -> int:
    return len(provider.submits)


def chip(page: Page, name: str) -> Any:
    return page.get_by_role("checkbox", name=re.compile(f"^{re.escape(name)}"))


def test_from_nothing_to_the_first_pictures_and_to_a_key(page: Page, studio: Studio, emulators: Emulators) -> None:
    create(page, KETTLE)
    done(page, 2)
    expect(page.get_by_text("procedural, not an AI model").first).to_be_visible()
    assert len(emulators.google.requests) == 0

    page.get_by_role("link", name="Models", exact=True).click()
    field = page.get_by_label(re.compile("key", re.IGNORECASE)).first
    field.fill(emulators.google.key)
    page.get_by_role("button", name="Use for Google").click()
    expect(page.get_by_text(f"…{emulators.google.key[-4:]}").first).to_be_visible()
    assert sent(emulators.google) == 0

    page.get_by_role("link", name="Studio", exact=True).click()
    gemini = chip(page, "Gemini 3.1 Flash Image")
    expect(gemini).to_be_attached()
    gemini.check(force=True)
    create(page, KETTLE)
    done(page, 5)
    assert sent(emulators.google) == 1
    expect(page.get_by_text("$0.045").first).to_be_visible()

    page.reload()
    done(page, 5)
    page.goto("about:blank")
    studio.stop(signal.SIGKILL)
    studio.start()
    visit(page, studio)
    done(page, 5)
    assert sent(emulators.google) == 1


def test_a_key_that_does_not_work_is_refused_in_words(page: Page, emulators: Emulators) -> None:
    page.get_by_role("link", name="Models", exact=True).click()
    field = page.get_by_label(re.compile("key", re.IGNORECASE)).first
    field.fill(emulators.google.key[:-4] + "XXXX")
    page.get_by_role("button", name="Use for Google").click()
    expect(page.get_by_text(re.compile("not accept|not valid|refused", re.IGNORECASE)).first).to_be_visible()
    assert sent(emulators.google) == 0


def test_the_community_lane_needs_one_click_under_its_sentence(page: Page, emulators: Emulators) -> None:
    expect(page.get_by_text(re.compile("can read the prompt")).first).to_be_visible()
    assert len(emulators.aihorde.requests) == 0
    page.get_by_role("switch", name="Switch on AI Horde").click()
    emulators.aihorde.play(Scenario(Kind.JOB_ENDLESS, queue_position=3))
    create(page, "a lantern --m aihorde/flux.1-schnell")
    expect(page.locator(".tile")).to_contain_text(re.compile("in queue|waiting for a worker", re.IGNORECASE))
    page.get_by_role("button", name=re.compile("^(Cancel|Stop)")).first.click()
    expect(page.locator(".tile[data-state=cancelled]")).to_have_count(1)
    assert sent(emulators.aihorde) == 1
    until(lambda: emulators.aihorde.requests[-1].method == "DELETE")
    assert emulators.aihorde.requests[0].headers["apikey"] == "0000000000"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory, emulator_servers: Emulators, browser: Browser) -> Iterator[Studio]:
    """A server with one row of two pictures by one painter, of which the tests after this look at one or both."""
    studio = Studio(tmp_path_factory.mktemp("drawn") / "data", emulator_servers)
    studio.start()
    with watched(browser, studio.url) as page:
        create(page, "a steel kettle on basalt, dawn --size 256x320 --s 250 --seed 5 --m demo/aurora --n 2")
        done(page, 2)
    yield studio
    studio.stop()


@pytest.fixture
def seen(browser: Browser, drawn: Studio) -> Iterator[Page]:
    with watched(browser, drawn.url) as page:
        done(page, 2)
        yield page


def test_a_receipt_is_checked_in_the_page_down_to_the_decision(seen: Page, drawn: Studio) -> None:
    page = seen
    page.get_by_role("group", name=re.compile("^A, Aurora")).focus()
    page.keyboard.press("i")
    inspector = page.get_by_role("complementary", name="Inspector")
    inspector.get_by_role("tab", name="Route").click()
    expect(inspector).to_contain_text("You chose this endpoint.")
    receipt = str(inspector.get_by_text(re.compile("^rcpt_")).text_content()).split(",")[0]
    until(lambda: page.request.get(f"{drawn.url}/v1/receipts/{receipt}/proof").ok, seconds=30)
    verdicts = inspector.locator(".verdicts li")
    inspector.get_by_role("button", name="Verify").click()
    said = {"signature": "Every byte is as it was signed", "request": "The opening is what the receipt is committed to", "image": "byte for byte",
            "decision": "Computed again it is the same: demo/aurora is first", "catalogue": "that the policy names",
            "candidates": "are those of the catalogue", "price": "$0.00 is the catalogue's price"}  # fmt: skip
    for what, words in said.items():
        line = verdicts.filter(has=page.locator("b", has_text=re.compile(f"^{what}"))).filter(has_text=words)
        expect(line.locator(".verdict")).to_have_text("proved")
    expect(inspector.locator("[data-verdict=FALSE]")).to_have_count(0)
    signer = verdicts.filter(has=page.locator("b", has_text=re.compile("^signer")))
    expect(signer).to_contain_text("It is the key that this server publishes; keep it to compare.")
    expect(signer.locator(".verdict")).to_have_text("not checked")
    expect(inspector).not_to_contain_text("you trust.")
    expect(inspector.get_by_text("Nothing is FALSE: ")).to_be_visible()  # all of them stand
    proved = verdicts.locator("[data-verdict=proved]").count()
    unchecked = verdicts.locator("[data-verdict='not checked']").count()
    expect(inspector.get_by_text(f"Nothing is FALSE: {proved} proved, {unchecked} not checked.")).to_be_in_viewport()
    expect(inspector).to_contain_text("Whose key this is was not checked: this shows only that the files agree.")
    command = inspector.locator(".code pre").filter(has_text="triptych verify")
    expect(command).to_have_text(
        re.compile(rf"triptych verify \S+\.receipt\.jws \S+\.png --log {re.escape(drawn.url)}/log")
    )
    link = inspector.get_by_role("link", name="Receipt file")
    assert re.fullmatch(r"/api/images/\w+/receipt", link.get_attribute("href") or "")
    named = page.request.get(f"{drawn.url}{link.get_attribute('href')}").headers["content-disposition"]
    assert str(link.get_attribute("download")) in named


def test_there_is_no_call_to_make_elsewhere_for_a_painter(seen: Page) -> None:
    page = seen
    page.get_by_role("group", name=re.compile("^A, Aurora")).focus()
    page.keyboard.press("i")
    inspector = page.get_by_role("complementary", name="Inspector")
    inspector.get_by_role("tab", name="Route").click()
    inspector.get_by_role("button", name="Go direct").click()
    said = inspector.get_by_text("This was drawn on your machine; there is no call to make elsewhere.")
    expect(said).to_be_in_viewport()
    expect(inspector.locator(".scores .bar")).to_have_count(0)  # one alone is measured against nobody


def test_the_inspector_shows_what_was_really_sent(seen: Page) -> None:
    page = seen
    tile = page.get_by_role("group", name=re.compile("^A, Aurora"))
    tile.focus()
    page.keyboard.press("i")
    inspector = page.get_by_role("complementary", name="Inspector")
    went = inspector.get_by_text(re.compile("^As asked: "))
    for name in ("size", "stylize", "seed"):
        expect(went).to_have_text(re.compile(rf"[ ]{name}[,.]"))
    inspector.get_by_role("tab", name="Sent request").click()
    expect(inspector).to_contain_text("PAINT")
    expect(inspector).to_contain_text("a steel kettle on basalt, dawn")
    page.keyboard.press("Escape")
    for name in ("A", "B"):
        page.get_by_role("group", name=re.compile(f"^{name}, Aurora")).focus()
        page.keyboard.press("c")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Side by side")).to_be_visible()
