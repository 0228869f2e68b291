"""What the studio's page costs in a real Chromium on a real server: `python -m benchmarks.studio`; `--pictures N` and `--tiles N` for less.

Prints one line of JSON for each job: three runs of 64 tiles with 16 previews each, told by a stand-in within a second or two; such a run on a
real server, whose painters take minutes (what it took of the page's main thread by the browser's own metrics, in
seconds by the clock and, where it says cpu, of the processor; how many events came, how many times the page was laid out; the time from the
click to 64 placeholders on the screen; the layout shift while they fill: of places, and with the words in them), six pictures of 2048 × 2048
side by side while they are zoomed, and a gallery of 100,000 while it is scrolled (its pictures are not on the disk: cells, no decoding).
Whether a run is over is asked of the server: asking the page would count as its work.
Frames are the times between two animation frames; Chromium draws without a graphics card here. Set CHROMIUM for another browser.
"""

import argparse
import asyncio
import io
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.gallery import fill
from benchmarks.restore import scene
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from triptych.spec.clock import SystemClock
from triptych.store.records import SqlRecordStore

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
SIDE = 2048
_PATIENCE_MS = 1_200_000  # painting 64 pictures takes minutes
_TURNS, _TOLD_MS = 3, 8_000  # of what is told at once, and longer than it takes on a busy machine
_PLACED_MS = 2_000  # after the click: more than any run has needed to be placed
_WATCH = """() => {
  const told = window.told = { shift: 0, places: 0, clicked: 0, shown: 0 };
  new PerformanceObserver(l => { for (const e of l.getEntries()) {
    told.shift += e.value;
    if (e.sources.some(s => s.node?.matches?.('.row, .tile, .frame, .plate, .picture'))) told.places += e.value;
  } }).observe({ type: 'layout-shift' });
  addEventListener('keydown', e => { if (e.key === 'Enter' && e.ctrlKey) told.clicked = performance.now(); }, true);
  new MutationObserver(() => {
    if (!told.shown && document.querySelectorAll('.tile').length >= 1 && told.clicked) requestAnimationFrame(() =>
      requestAnimationFrame(now => { told.shown ||= now; told.tiles = document.querySelectorAll('.tile').length; }));
  }).observe(document.body, { childList: true, subtree: true });
}"""
_FRAMES = """() => {
  const frames = window.frames_ = []; let last = performance.now(); window.most = 0;
  const next = now => { frames.push(now - last); last = now; window.most = Math.max(window.most, document.querySelectorAll('.cell').length);
    window.going = requestAnimationFrame(next); };
  window.going = requestAnimationFrame(next);
}"""
_STOP = "() => { cancelAnimationFrame(window.going); return window.frames_.slice(1); }"


def told(what: str, **figures: Any) -> None:
    sys.stdout.write(json.dumps({"what": what, **figures}) + "\n")
    sys.stdout.flush()


def frames(taken: list[float]) -> dict[str, Any]:
    ordered = sorted(taken)
    return {
        "frames": len(ordered),
        "median_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[int(len(ordered) * 0.95)], 1),
        "slowest_ms": round(ordered[-1], 1),
    }


@contextmanager
def served(data: Path) -> Iterator[str]:
    """A studio without keys, and so with the demo painters alone, over this data folder."""
    command = [sys.executable, "-m", "triptych", "serve", "--port", "0", "--no-browser", "--data", str(data)]
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    with subprocess.Popen(
        command, env=kept | {"TRIPTYCH_SAMPLE": "false"}, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            yield next(found.group() for line in server.stderr or () if (found := ADDRESS.search(line)))
        finally:
            server.terminate()


@contextmanager
def page_of(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto("/")
    expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
    yield page
    context.close()


class Watched:
    """What the page's main thread spends from now on: by the clock, and of the processor, which other programs do not add to."""

    def __init__(self, page: Page) -> None:
        self._sessions = {}
        for name, domain in (("", "timeTicks"), ("cpu_", "threadTicks")):
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable", {"timeDomain": domain})
            self._sessions[name] = session
        self.events: Counter[str] = Counter()
        network = self._sessions[""]
        network.send("Network.enable")
        network.on("Network.eventSourceMessageReceived", lambda told: self.events.update([told["eventName"]]))
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        asked = {name: session.send("Performance.getMetrics")["metrics"] for name, session in self._sessions.items()}
        return {name + one["name"]: one["value"] for name, metrics in asked.items() for one in metrics}

    def spent(self) -> dict[str, float]:
        """Seconds of script, layout, style and of all tasks, and how often the page was laid out and styled."""
        now = self._now()
        since = {name: now[name] - self._before[name] for name in now}
        parts = {
            "script": "ScriptDuration",
            "layout": "LayoutDuration",
            "style": "RecalcStyleDuration",
            "tasks": "TaskDuration",
        }
        found = {
            f"{part}_{name}s": round(since[name + metric], 3)
            for part, metric in parts.items()
            for name in self._sessions
        }
        return found | {"layouts": int(since["LayoutCount"]), "styles": int(since["RecalcStyleCount"])}


def tiles_over(page: Page, url: str) -> int:
    """How many tiles of the newest row are done, as the server says."""
    page.wait_for_timeout(500)  # nothing in the page waits
    with urllib.request.urlopen(f"{url}/api/runs?limit=1") as answer:
        runs = json.load(answer)["runs"]
    return sum(tile["state"] == "done" for run in runs for tile in run["tiles"])


def wait_for(page: Page, url: str, tiles: int) -> None:
    """Until so many tiles of the newest row are done. Raises RuntimeError when they never are."""
    end = time.monotonic() + _PATIENCE_MS / 1000
    while tiles_over(page, url) < tiles:
        if time.monotonic() > end:
            raise RuntimeError(f"{tiles} tiles were not done in {_PATIENCE_MS // 1000} s.")


def run_of_many(page: Page, url: str, tiles: int) -> None:
    """Tiles of two painters, half of each: the prompt is filled in before the clock starts."""
    for name in ("Aurora", "Mosaic", "Woodcut"):
        page.get_by_role("checkbox", name=re.compile(f"^{name}")).set_checked(name != "Woodcut", force=True)
    page.get_by_label("Prompt", exact=True).fill(f"a kettle on basalt --repeat {tiles // 2}")
    expect(page.locator("#plan")).to_contain_text(f"{tiles} images")
    page.evaluate(_WATCH)
    watched, began = Watched(page), time.perf_counter()
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(_PLACED_MS)
    placed, placed_shift = watched.spent(), page.evaluate("window.told")
    wait_for(page, url, tiles)
    after, took, load = watched.spent(), time.perf_counter() - began, os.getloadavg()[0]
    expect(page.locator(".tile[data-state=done]")).to_have_count(tiles)
    seen = page.evaluate("window.told")
    told(
        f"run of {tiles}",
        seconds=round(took),
        load_then=round(load, 1),
        events=sum(watched.events.values()),
        **after,
        script_s_until_placed=placed["script_s"],
        click_to_placeholders_ms=round(seen["shown"] - seen["clicked"], 1),
        placeholders_then=seen.get("tiles"),
        shift_of_places_while_filling=seen["places"] - placed_shift["places"],
        shift_of_words_too=round(seen["shift"] - placed_shift["shift"], 6),
    )


@contextmanager
def stand_in() -> Iterator[str]:
    """The tests' stand-in for the server, in a process of its own: it tells a page what is to be told, and paints nearly nothing."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "tests.web.fake_api:app",
        "--factory",
        "--port",
        str(port),
        "--log-level",
        "error",
    ]
    with subprocess.Popen([*command, "--timeout-graceful-shutdown", "1"], cwd=Path(__file__).parents[1]) as server:
        try:
            while True:
                with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/"):
                    break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def told_at_once(browser: Browser, tiles: int) -> None:
    """All that is told of a run of so many tiles, within a second or two: 20 events for each, 16 of them with a preview."""
    with stand_in() as url:
        for turn in range(_TURNS):
            with page_of(browser, url) as page:
                watched = Watched(page)
                body = {"steps": [n / 19 for n in range(1, 17)], "step_s": 0.07,
                        "runs": [{"text": f"a kettle {turn}", "models": ["demo/aurora", "demo/mosaic"] * (tiles // 2)}]}  # fmt: skip
                page.context.request.post("/fake", data=json.dumps(body))
                page.wait_for_timeout(_TOLD_MS)
                after = watched.spent()
                expect(page.locator(".tile[data-state=done]")).to_have_count(tiles)
                told(f"{tiles} tiles told at once", load_then=round(os.getloadavg()[0], 1),
                     events=sum(watched.events.values()), **after)  # fmt: skip
                page.context.request.post("/fake", data=json.dumps({"scene": "keys"}))


def side_by_side(page: Page, url: str) -> None:
    """Six pictures of the run, each of them answered with one of six files of 2048 × 2048."""
    large = []
    for turn in range(6):
        out = io.BytesIO()
        scene(SIDE).rotate(turn * 60).save(out, "JPEG", quality=90)
        large.append(out.getvalue())
    given: dict[str, bytes] = {}

    def answer(route: Route) -> None:
        if route.request.resource_type != "image":
            route.continue_()
            return
        path = route.request.url.split("?")[0]
        route.fulfill(body=given.setdefault(path, large[len(given) % 6]), content_type="image/jpeg")

    page.get_by_label("Prompt", exact=True).fill("a kettle on basalt --repeat 3")
    expect(page.locator("#plan")).to_contain_text("6 images")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".row").last.locator(".tile")).to_have_count(6)
    wait_for(page, url, 6)
    page.route("**/*", answer)
    page.locator(".row").last.locator(".tile .frame").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Side by side")).to_be_visible()
    page.wait_for_function(
        "() => [...document.querySelectorAll('dialog[open] img')].every(e => e.complete && e.naturalWidth > 0)"
    )
    shown = page.locator("dialog[open] img").evaluate_all("es => es.map(e => e.naturalWidth)")
    box = page.locator("dialog[open] figure .window").first.bounding_box() or {"x": 0, "y": 0, "width": 2, "height": 2}
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.evaluate(_FRAMES)
    for turn in range(60):
        page.mouse.wheel(0, -120 if turn % 30 < 15 else 120)
        page.wait_for_timeout(16)
    told("six side by side, zoomed", widths=shown, **frames(page.evaluate(_STOP)))
    page.keyboard.press("Escape")


def long_gallery(page: Page, pictures: int) -> None:
    page.goto("/gallery")
    expect(page.locator("#found")).to_contain_text("pictures", timeout=_PATIENCE_MS)
    expect(page.locator(".cell").first).to_be_visible()
    page.mouse.move(640, 500)
    page.evaluate(_FRAMES)
    for _ in range(120):
        page.mouse.wheel(0, 900)
        page.wait_for_timeout(16)
    for key in ("End", "Home"):
        page.keyboard.press(key)
        page.wait_for_timeout(300)
    taken = page.evaluate(_STOP)
    told(f"gallery of {pictures:,}, scrolled", most_cells=page.evaluate("window.most"), **frames(taken))


async def _filled(data: Path, pictures: int) -> None:
    store = await SqlRecordStore.open(f"sqlite:///{data / 'triptych.db'}", SystemClock())
    await fill(store, pictures)
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=100_000, help="0: no gallery")
    parser.add_argument("--tiles", type=int, default=64, help="of the run, an even number; 0: no run")
    chosen = parser.parse_args()
    pictures, tiles = chosen.pictures, chosen.tiles
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        raise SystemExit("There is no Chromium: install it, or set CHROMIUM.")
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small", Path(folder) / "large"
        if pictures:  # before the browser, whose driver keeps the thread's event loop
            large.mkdir()
            began = time.perf_counter()
            asyncio.run(_filled(large, pictures))
            told("written", pictures=pictures, seconds=round(time.perf_counter() - began))
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            told("machine", at=f"{datetime.now(UTC):%Y-%m-%d %H:%M}", cores=os.cpu_count(), load=round(os.getloadavg()[0], 1),
                 chromium=browser.version)  # fmt: skip
            if tiles:
                told_at_once(browser, tiles)
                with served(small) as url, page_of(browser, url) as page:
                    run_of_many(page, url, tiles)
                    side_by_side(page, url)
            if pictures:
                with served(large) as url, page_of(browser, url) as page:
                    long_gallery(page, pictures)
            browser.close()


if __name__ == "__main__":
    main()
