"""A browser, a server with the fake API, and a page that fails its test on any console or script error."""

import json
import os
import re
import shutil
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Playwright,
    Route,
    expect,
    sync_playwright,
)
from tests.integration.launching import LAUNCHER
from tests.web.fake_api import app


def browser_named(*names: str) -> str | None:
    """The first of these programs that is here, or the one that `CHROMIUM` names."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


WHOLE = ("chromium", "chromium-browser")
CHROMIUM = browser_named("chromium-headless-shell", *WHOLE)
"""The one without windows first: a page costs it a quarter of the time. It lets nobody notify; a file that needs that says
`WHOLE_BROWSER = True`."""
ARGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
expect.set_options(timeout=20_000)  # the longest wait, on a machine that has much else to do

Opener = Callable[..., Page]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as held:  # a call waits in it from here on, and its port is taken
        config = uvicorn.Config(app(), log_level="warning", ws="none", lifespan="off", timeout_graceful_shutdown=1)
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, args=([held],), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{held.getsockname()[1]}"
        running.should_exit = True
        thread.join(5)


class Browsers:
    """The browsers of this process: each is started once, for all files of this folder."""

    def __init__(self) -> None:
        self._stop = ExitStack()
        self._play: Playwright | None = None
        self._started: dict[str, Browser] = {}

    def take(self, program: str) -> Browser:
        if self._play is None:
            self._play = self._stop.enter_context(sync_playwright())
        if program not in self._started:
            launched = self._play.chromium.launch(executable_path=program, args=ARGS)
            self._started[program] = launched
            self._stop.callback(launched.close)
        return self._started[program]

    def stop(self) -> None:
        self._play = None
        self._started = {}
        self._stop.close()


BROWSERS = Browsers()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """Playwright's own event loop must be gone before another folder's asynchronous tests begin, and the process that starts
    servers before one that looks whether it has left any."""
    try:
        return (yield)
    finally:
        if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
            BROWSERS.stop()
            LAUNCHER.end()


def pytest_sessionfinish() -> None:
    """A run that was cut short has no last test."""
    BROWSERS.stop()
    LAUNCHER.end()


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Browser:
    program = browser_named(*WHOLE) if getattr(request.module, "WHOLE_BROWSER", False) else CHROMIUM
    if not program:
        words = "no Chromium: install Debian's package chromium, or set CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    return BROWSERS.take(program)


def standing(page: Page, name: str) -> Locator:
    """A button of the rail that only the script adds: the one of this name, or a phone's menu."""
    rail = page.locator(".rail")
    return rail.get_by_role("button", name=name).or_(rail.get_by_role("button", name="More"))


@pytest.fixture
def visit(server: str, browser: Browser) -> Iterator[Opener]:
    """Opens the page on a scene of the fake, with rows that are there already; `expected` are error texts to allow,
    `prices` other prices than the fake's, in micro-dollars by model, `says` what chips say beside a model's name, by model."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []
    allowed: list[str] = []

    def open_page(
        scene: str = "keys",
        runs: Any = (),
        path: str = "/",
        expected: tuple[str, ...] = (),
        ready: str = "Shortcuts",
        prices: Any = (),
        says: Any = (),
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
            "/fake",
            data=json.dumps(
                {
                    "scene": scene,
                    "prices": dict(prices),
                    "says": dict(says),
                    "runs": [{"text": t, "models": m} for t, m in runs],
                }
            ),
        )
        page = context.new_page()
        page.on("pageerror", lambda e: errors.append(str(e)))
        page.on("console", lambda m: note(m))
        # Catching of file choosers is switched on here and not at the key that opens one: the switch is not waited for,
        # and a headless browser takes back a chooser that nobody catches.
        page.on("filechooser", lambda _: None)
        page.goto(path)
        expect(standing(page, ready)).to_be_visible()
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


def with_axe(page: Page, axe: str) -> None:
    """Half a megabyte of script: once for a document."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe)


def intercept(
    page: Page, what: str | re.Pattern[str], answer: Callable[[Route], Any], times: int | None = None
) -> None:
    """Lets a test answer what the page asks there. A page that is busy may send a request past it until it has heard of it,
    so it is asked something."""
    page.route(what, answer, times=times)
    page.evaluate("0")


@contextmanager
def watched(
    browser: Browser, url: str, expected: tuple[str, ...] = (), ready: str = "Shortcuts", **options: Any
) -> Iterator[Page]:
    """The page of a real server, which fails its test on any error of a script or of the console; `expected` are texts of
    errors to allow, `ready` is a button that the script adds, `options` are those of a browser's context. What goes through the
    page's service worker cannot be held by a test, so there is none."""
    plain = {
        "base_url": url,
        "viewport": {"width": 1280, "height": 800},
        "reduced_motion": "reduce",
        "service_workers": "block",
    }
    context = browser.new_context(**{**plain, **options})
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda said: errors.append(f"{said.text} {said.location}") if said.type == "error" else None)
    opened.on("filechooser", lambda _: None)  # as in `visit`
    opened.goto("/")
    expect(standing(opened, ready)).to_be_visible()
    yield opened
    context.close()
    assert [e for e in errors if not any(words in e for words in expected)] == []


def provider(page: Page, name: str) -> Locator:
    """A provider on the page of models: its card with every part open, or what its line holds, which is opened for that."""
    place = page.get_by_role("region", name=name, exact=True)
    closed = page.locator(".lines > details:not([open])").filter(
        has=page.locator("summary b", has_text=re.compile(f"^{re.escape(name)}$"))
    )
    expect(place.or_(closed)).to_be_visible()
    if closed.count():
        closed.locator("> summary").click()
    expect(place).to_be_visible()
    shut = place.locator("details.flap:not([open]) > summary")
    for _ in range(shut.count()):
        shut.first.click()
    return place
