"""Pictures made elsewhere in a real browser on the real server; and what the inspector says of what was really sent."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect
from tests.emulators import Emulators
from tests.unit.test_provenance import JOB, PROMPT, WEBUI, png
from tests.web.conftest import Opener, watched
from tests.web.test_studio import create
from tests.web.test_views import violations
from tests.web.test_whole_way import Studio

pytestmark = pytest.mark.browser
DONE = ".tile[data-state=done]"
DROP = """([selector, name, bytes]) => {
  const to = document.querySelector(selector), data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name, { type: 'image/png' }));
  for (const type of ['dragenter', 'dragover', 'drop']) to.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, emulator_servers: Emulators) -> Iterator[Studio]:
    made = Studio(Path(tmp_path_factory.mktemp("imports")) / "data", emulator_servers)
    made.start()
    yield made
    made.stop(signal.SIGTERM)


@pytest.fixture
def page(studio: Studio, browser: Browser) -> Iterator[Page]:
    with watched(browser, studio.url) as opened:
        yield opened


def choose(page: Page, press: Any, *files: tuple[str, bytes]) -> None:
    with page.expect_file_chooser() as chosen:
        press()
    payloads: list[FilePayload] = [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in files]
    chosen.value.set_files(payloads)


def test_a_download_is_imported_beside_others_and_says_what_it_is(page: Page, axe: str) -> None:
    kettle = png(Description=f"{PROMPT} Job ID: {JOB}")
    before = page.locator(".row").count()
    choose(page, page.get_by_role("button", name="Import as results").click, ("kettle.png", kettle))
    row = page.locator(".row").last
    expect(page.locator(".row")).to_have_count(before + 1)
    tile = row.locator(DONE)
    expect(tile).to_contain_text("Midjourney")
    expect(tile).to_contain_text("imported, not made here: no receipt")
    expect(row.locator("h2")).to_have_text("a steel kettle on basalt, dawn")
    expect(row.locator(".params")).to_contain_text("ar 3:2")
    row.get_by_role("button", name=re.compile("^Row:")).click()
    choose(
        page,
        page.get_by_role("menuitem", name=re.compile("Import results here")).click,
        ("other.png", png(parameters=WEBUI)),
    )
    expect(row.locator(DONE)).to_have_count(2)
    expect(row.locator(DONE).nth(1)).to_contain_text("Stable Diffusion web UI")
    expect(row.locator(DONE).nth(1).locator(".frame")).to_be_focused()
    frame = tile.first.locator(".frame")
    frame.focus()
    page.keyboard.press("i")
    panel = page.get_by_role("complementary", name="Inspector")
    expect(panel.get_by_role("heading", name="Imported")).to_be_visible()
    expect(panel).to_contain_text(JOB)
    expect(panel).to_contain_text("nobody has checked")
    assert violations(page, axe) == []
    frame.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Side by side").locator("figure")).to_have_count(2)


def test_dropped_between_the_rows_it_is_a_result_and_on_the_prompt_bar_a_reference(page: Page) -> None:
    expect(page.locator(".row").first).to_be_visible()
    rows = page.locator(".row").count()
    expect(page.get_by_role("button", name="Import as results")).to_be_visible()
    page.evaluate(DROP, [".row:first-of-type", "dropped.png", list(png())])
    expect(page.locator(".row").first.locator(DONE).last).to_contain_text("Made elsewhere")
    expect(page.locator(".row")).to_have_count(rows)
    page.evaluate(DROP, [".composer", "reference.png", list(png())])
    expect(page.get_by_role("list", name="Pictures that go along").get_by_role("listitem")).to_have_count(1)
    expect(page.locator(".row")).to_have_count(rows)


def test_an_imagine_line_is_taken_as_it_stands(page: Page) -> None:
    page.get_by_label("Prompt", exact=True).fill("/imagine prompt: a paper kite --ar 3:2 --size 256x256 --m aurora")
    expect(page.locator("#plan")).to_contain_text("1 image")
    page.get_by_label("Prompt", exact=True).press("Control+Enter")
    row = page.locator(".row", has=page.get_by_role("heading", name="/imagine prompt"))
    expect(row.locator(DONE)).to_have_count(1, timeout=60_000)
    expect(row.locator(f"{DONE} img.picture")).to_have_attribute("alt", "a paper kite")


def test_a_rewritten_prompt_is_told_word_by_word(visit: Opener, axe: str) -> None:
    page = visit()
    create(page, "a harbour at dawn --m gpt-image-2")
    frame = page.locator(f"{DONE} .frame")
    expect(frame).to_have_count(1)
    frame.focus()
    page.keyboard.press("i")
    panel = page.get_by_role("complementary", name="Inspector")
    expect(panel.get_by_text("100 % of your words are in it still")).to_be_visible()
    expect(panel.locator(".rewrite ins")).to_have_text("put in: , cinematic")
    expect(panel.locator(".rewrite del")).to_have_count(0)
    lines = panel.locator("ins, del").evaluate_all("es => es.map(e => getComputedStyle(e).textDecorationLine)")
    assert set(lines) == {"underline", "line-through"}  # readable without colour
    assert violations(page, axe) == []
    told = page.evaluate(
        """async () => { const m = await import(document.querySelector('script[type=module]').src.replace('main.js', 'rewrite.js'));
        return [m.difference('a red kite, over the sea', 'a kite over the cold sea'), m.difference('', 'new words'), m.difference('same', 'same')]; }"""
    )
    assert [(part["kind"], part["text"]) for part in told[0]] == [
        ("same", "a "), ("out", "red "), ("same", "kite "), ("out", ", "), ("same", "over the "), ("in", "cold "), ("same", "sea"),
    ]  # fmt: skip
    assert [part["kind"] for part in told[1]] == ["in"]
    assert [part["kind"] for part in told[2]] == ["same"]
