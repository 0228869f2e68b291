"""Grids and the queue in a real browser on the real server, with the painters as the models and the keyboard as the hand."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from tests.emulators import Emulators
from tests.emulators.scenario import Gate, Scenario, open_gates
from tests.web.conftest import standing, with_axe
from tests.web.test_studio import until
from tests.web.test_whole_way import Studio, visit

pytestmark = pytest.mark.browser
KETTLE = "a steel kettle on basalt"
NANO, GROK = "google/gemini-3.1-flash-image", "xai/grok-imagine-image"
COLOURS = [f"tone{number}" for number in range(20)]
BATCH = f"a {{{', '.join(COLOURS)}}} kettle --m {NANO}"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, emulator_servers: Emulators) -> Iterator[Studio]:
    """One server for this file, with two providers that answer after a moment."""
    made = Studio(tmp_path_factory.mktemp("batches") / "data", emulator_servers)
    made.environment |= {"GEMINI_API_KEY": emulator_servers.google.key, "XAI_API_KEY": emulator_servers.xai.key}
    made.start()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def slowly(emulator_servers: Emulators) -> Iterator[None]:
    emulator_servers.reset()
    before = emulator_servers.google.default
    emulator_servers.google.default = Scenario(delay_s=1.0)
    yield
    open_gates(emulator_servers.google.default)
    emulator_servers.google.default = before


def opened(browser: Browser, studio: Studio, **more: Any) -> tuple[BrowserContext, Page, list[str]]:
    context = browser.new_context(**{"base_url": studio.url, "viewport": {"width": 1280, "height": 860},
                                     "reduced_motion": "reduce", "service_workers": "block", **more})  # fmt: skip
    page, errors = context.new_page(), list[str]()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    visit(page, studio)
    return context, page, errors


@pytest.fixture
def page(browser: Browser, studio: Studio) -> Iterator[Page]:
    context, made, errors = opened(browser, studio)
    yield made
    context.close()
    assert errors == []


def get(page: Page, path: str) -> Any:
    return page.request.get(path).json()


def clean(page: Page, axe: str, name: str) -> None:
    """No finding of axe in what is shown."""
    with_axe(page, axe)
    found = page.evaluate("axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'] })")
    assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == [], name


def choose(page: Page, *models: str) -> None:
    """Ticks these models, and opens the page anew."""
    headers = {"X-Triptych-Session": get(page, "/api/state")["session"]}
    assert page.request.put("/api/selection", data=json.dumps({"models": models}), headers=headers).ok
    page.reload()
    expect(standing(page, "Shortcuts")).to_be_visible()


def leave_the_field(page: Page) -> None:
    page.get_by_label("Prompt", exact=True).press("Escape")


def test_a_grid_is_priced_started_and_walked_by_keys(page: Page, axe: str) -> None:
    choose(page, NANO)
    page.get_by_label("Prompt", exact=True).fill(KETTLE)
    leave_the_field(page)
    page.keyboard.press("g")
    sheet = page.get_by_role("dialog", name="X/Y grid")
    expect(sheet).to_be_visible()
    expect(sheet.get_by_label("Across: what changes")).to_be_focused()
    for name in ("Grok Imagine Image", "Aurora"):
        sheet.get_by_label("Across: models").get_by_text(name, exact=True).click()
    expect(sheet.get_by_label("Across: models").locator("input:checked")).to_have_count(3)
    sheet.get_by_label("Down: values").fill("1:1, 4:5")
    region = sheet.get_by_role("region", name="Every cell with its price")
    expect(region.locator("td")).to_have_count(6)
    expect(region.locator("td.out")).to_have_count(0)
    expect(sheet.get_by_role("button", name="Create 6")).to_be_enabled()

    sheet.get_by_label("Down: values").fill("1:1, banana")
    expect(region.locator("td.out")).to_have_count(3)
    expect(region.locator("td.out").first).to_contain_text("--ar")
    expect(sheet.get_by_role("button", name="Create 3")).to_be_enabled()
    sheet.get_by_label("Down: values").fill("1:1, 4:5")
    expect(sheet.get_by_role("button", name="Create 6")).to_be_enabled()
    clean(page, axe, "grid sheet")
    page.keyboard.press("Control+Enter")
    expect(sheet).to_be_hidden()

    matrix = page.get_by_role("region", name=re.compile("^Grid: Model and --ar"))
    expect(matrix.get_by_role("columnheader", name="Aurora")).to_be_visible()
    frames = matrix.locator(".frame")
    expect(frames).to_have_count(6)
    expect(matrix.locator("[data-state=done]")).to_have_count(6, timeout=40_000)
    first = matrix.locator("tbody tr").nth(0).locator(".frame").nth(0)
    first.focus()
    page.keyboard.press("ArrowRight")
    expect(matrix.locator("tbody tr").nth(0).locator(".frame").nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    below = matrix.locator("tbody tr").nth(1).locator(".frame").nth(1)
    expect(below).to_be_focused()
    page.keyboard.press("c")
    expect(below.locator(".plate")).to_have_attribute("data-marked", "true")
    page.keyboard.press("i")
    expect(page.get_by_role("complementary")).to_be_visible()
    page.keyboard.press("Escape")
    clean(page, axe, "matrix")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Export as one PNG").click()
    assert Path(saved.value.path()).read_bytes().startswith(b"\x89PNG")
    run = get(page, "/api/runs")["runs"][0]
    assert {re.sub(r".*--seed (\d+)$", "seed", run["text"])} == {"seed"}
    seeds = {tile["images"][0]["seed"] for tile in run["tiles"] if tile["model"] == "demo/aurora"}
    assert seeds == {int(run["text"].split()[-1])}

    page.reload()
    expect(page.get_by_role("region", name=re.compile("^Grid: Model")).locator(".frame")).to_have_count(6)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_sheet_shows_its_prompt_below_its_title_or_the_way_to_one(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("")
    leave_the_field(page)
    page.keyboard.press("g")
    sheet = page.get_by_role("dialog", name="X/Y grid")
    expect(sheet.get_by_text("The prompt bar is empty.")).to_be_visible()
    sheet.get_by_role("button", name="Write the prompt").click()
    expect(sheet).to_have_count(0)
    expect(prompt).to_be_focused()
    prompt.fill(KETTLE)
    leave_the_field(page)
    page.keyboard.press("g")
    expect(sheet.get_by_role("button", name=re.compile(r"^Create \d"))).to_be_enabled()
    words, header = (sheet.locator(e).bounding_box() for e in ("header + p", "header"))
    assert words is not None
    assert header is not None
    assert words["y"] >= header["y"] + header["height"]
    expect(sheet.locator(".stop")).to_have_count(0)


def test_the_matrix_scrolls_both_ways_on_a_phone_and_its_heads_stay(
    browser: Browser, studio: Studio, page: Page
) -> None:
    asked = {"text": KETTLE, "models": [NANO], "axes": [
        {"kind": "parameter", "name": "seed", "values": ["1", "2", "3"]},
        {"kind": "parameter", "name": "ar", "values": ["1:1", "4:5", "16:9"]}]}  # fmt: skip
    token = get(page, "/api/state")["session"]
    answer = page.request.post("/api/grids", data=json.dumps(asked), headers={"X-Triptych-Session": token})
    assert answer.status == 202
    context, phone, errors = opened(browser, studio, viewport={"width": 390, "height": 844}, has_touch=True)
    matrix = phone.get_by_role("region", name="Grid: --seed and --ar")
    expect(matrix.locator(".frame")).to_have_count(9)
    expect(matrix.locator("[data-state=done]")).to_have_count(9, timeout=60_000)
    matrix.evaluate("box => { box.scrollLeft = 200; box.scrollTop = 300; }")
    left, top = matrix.evaluate("box => [box.scrollLeft, box.scrollTop]")
    assert left > 100
    assert top > 100
    box = matrix.bounding_box()
    assert box is not None
    head = matrix.get_by_role("rowheader").nth(1).bounding_box()
    column = matrix.get_by_role("columnheader", name="2", exact=True).bounding_box()
    assert head is not None
    assert column is not None
    assert abs(head["x"] - box["x"]) < 3
    assert abs(column["y"] - box["y"]) < 3
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
    assert errors == []


def test_the_queue_is_paused_ordered_and_emptied_by_keys(
    page: Page, studio: Studio, axe: str, emulator_servers: Emulators
) -> None:
    gate = Gate()
    emulator_servers.google.default = Scenario(gate=gate)
    page.get_by_label("Prompt", exact=True).fill(BATCH)
    expect(page.locator("#plan")).to_contain_text("20 prompts × 1 model = 20 images")
    page.keyboard.press("Control+Enter")
    until(lambda: len(get(page, "/api/queue")["batches"]) == 1)
    leave_the_field(page)
    page.keyboard.press("q")
    expect(page.get_by_role("heading", name="Queue", level=1)).to_be_visible()
    batch = page.locator(".batch")
    batch.get_by_role("button", name="Pause").click()
    expect(batch.get_by_role("alert")).to_contain_text("Paused. Resume when you want the rest of it.")
    gate.release()
    waiting = batch.locator("ol li")
    expect(waiting).not_to_have_count(0)
    before = [tile["id"] for tile in get(page, "/api/queue")["batches"][0]["waiting"]]
    count = len(before)
    assert count >= 2
    page.locator(f"#q-{before[0]}").focus()
    page.keyboard.press("Alt+ArrowDown")
    expect(waiting.nth(1)).to_have_id(f"q-{before[0]}")
    expect(page.locator(f"#q-{before[0]}")).to_be_focused()
    page.keyboard.press("Home")
    expect(waiting.nth(0)).to_have_id(f"q-{before[0]}")
    page.evaluate("localStorage['key.queue-front'] = 'v'")
    page.locator(f"#q-{before[1]}").focus()
    page.keyboard.press("v")
    expect(waiting.nth(0)).to_have_id(f"q-{before[1]}")
    waiting.nth(count - 1).drag_to(waiting.nth(0))
    expect(waiting.nth(0)).to_have_id(f"q-{before[-1]}")
    clean(page, axe, "queue")

    until(lambda: not get(page, "/api/queue")["batches"][0]["running"])
    page.goto("about:blank")  # nothing is asked for while nobody answers
    studio.stop()
    studio.start()
    visit(page, studio)  # on another port
    (left,) = get(page, f"{studio.url}/api/queue")["batches"]
    assert left["pause"]["reason"] == "Paused."
    assert left["waiting"][0]["id"] == before[-1]
    page.goto(f"{studio.url}/queue")
    batch.get_by_role("button", name="More: place 1", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("Stop all but this")).click()
    expect(waiting).to_have_count(1)
    batch.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible(timeout=30_000)
    run = get(page, f"{studio.url}/api/runs")["runs"][0]
    by_state = [tile["state"] for tile in run["tiles"]]
    assert by_state.count("cancelled") == count - 1
    assert by_state.count("done") == 20 - count + 1
    assert {tile["billed"] for tile in run["tiles"] if tile["state"] == "cancelled"} == {"no"}
