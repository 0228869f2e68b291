"""A browser, a server with the fake API, and a page that fails its test on any console or script error."""

import json
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from tests.web.fake_api import app

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
expect.set_options(timeout=8000)

Opener = Callable[..., Page]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = uvicorn.Server(
        uvicorn.Config(app(), port=port, log_level="warning", ws="none", lifespan="off", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    for _ in range(200):
        if running.started:
            break
        thread.join(0.02)
    yield f"http://127.0.0.1:{port}"
    running.should_exit = True
    thread.join(5)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for each file: Playwright's own event loop must be gone before another file's asynchronous tests begin."""
    if not CHROMIUM:
        words = "no Chromium: install Debian's package chromium, or set CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield started
        started.close()


@pytest.fixture
def visit(server: str, browser: Browser) -> Iterator[Opener]:
    """Opens the page on a scene of the fake, with rows that are there already; `expected` are error texts to allow."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []
    allowed: list[str] = []

    def open_page(
        scene: str = "keys",
        runs: Any = (),
        path: str = "/",
        expected: tuple[str, ...] = (),
        ready: str = "Shortcuts",
        **options: Any,
    ) -> Page:
        context = browser.new_context(
            **{
                "base_url": server,
                "viewport": {"width": 1280, "height": 800},
                "reduced_motion": "reduce",
                "service_workers": "block",
                **options,
            }
        )
        contexts.append(context)
        allowed.extend(expected)
        context.request.post(
            "/fake", data=json.dumps({"scene": scene, "runs": [{"text": t, "models": m} for t, m in runs]})
        )
        page = context.new_page()
        page.on("pageerror", lambda e: errors.append(str(e)))
        page.on("console", lambda m: note(m))
        # Catching of file choosers is switched on here and not at the key that opens one: the switch is not waited for,
        # and a headless browser takes back a chooser that nobody catches.
        page.on("filechooser", lambda _: None)
        page.goto(path)
        expect(page.get_by_role("button", name=ready)).to_be_visible()  # only the script adds it
        return page

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(f"{message.text} {message.location}")

    yield open_page
    for context in contexts:
        context.close()
    assert [e for e in errors if not any(a in e for a in allowed)] == []


@pytest.fixture(scope="session")
def axe() -> str:
    return (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")


@contextmanager
def watched(browser: Browser, url: str) -> Iterator[Page]:
    """The page of a real server, which fails its test on any error of a script or of the console."""
    context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    opened.goto("/")
    expect(opened.get_by_role("button", name="Shortcuts")).to_be_visible()
    yield opened
    context.close()
    assert errors == []
