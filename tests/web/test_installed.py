"""The page as an installed one: its manifest, its icons, and the worker that only ever says that the server is not there."""

import json
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect
from tests.web.conftest import Opener
from tests.web.fake_api import app

from triptych.web import Assets, assets

TREE = Assets().tree
MOST_BYTES = 4_000


def test_the_manifest_names_icons_that_are_there_at_their_sizes() -> None:
    html, headers = Assets().page({"session": "s", "models": [], "selected": [], "runs": []})
    (link,) = re.findall(r'<link rel="manifest" href="/web/[^/]+/([^"]+)"', html)
    found = Assets().asset(link)
    assert found is not None
    assert found.headers["Content-Type"] == "application/manifest+json"
    manifest = json.loads(found.body)
    assert {"id", "name", "short_name", "start_url", "scope", "display", "icons"} <= set(manifest)
    assert (manifest["start_url"], manifest["scope"]) == ("/", "/")
    sizes = set()
    for icon in manifest["icons"]:
        data = TREE.files[icon["src"]]
        if icon["src"].endswith(".png"):
            with Image.open(assets.ROOT / icon["src"]) as drawn:
                width, height = drawn.size
            assert icon["sizes"] == f"{width}x{height}"
            assert len(data) < MOST_BYTES
            sizes.add((width, icon["purpose"]))
    assert {(192, "any"), (512, "any"), (512, "maskable")} <= sizes
    assert len(re.findall(r'<meta name="theme-color"', html)) == 2
    assert "worker-src 'self'" in headers["Content-Security-Policy"]


def test_the_worker_names_its_release_and_keeps_one_page() -> None:
    found = Assets().worker()
    assert f"/web/{TREE.version}/".encode() in found.body
    assert b"VERSION" not in found.body
    assert found.headers["Cache-Control"] == "no-cache"
    kept = re.search(rb"KEPT = \[(.*?)\]", found.body)
    assert kept is not None
    names = re.findall(rb"'([^']+)'", kept.group(1))
    assert all(name.decode() in TREE.files for name in names)
    assert not [name for name in names if name.endswith(b".js")]


class Served:
    """A server that can be stopped and started again with another release of the page on the same port."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        config = uvicorn.Config(app(Assets(self.root)), port=self.port, log_level="critical", ws="none", lifespan="off",
                                timeout_graceful_shutdown=1)  # fmt: skip
        self.running = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.running.run, daemon=True)
        self.thread.start()
        for _ in range(3000):
            if self.running.started:
                return
            self.thread.join(0.02)

    def stop(self) -> None:
        self.running.should_exit = True
        self.thread.join(60)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    shutil.copytree(assets.ROOT, tmp_path / "web", ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    mine = Served(tmp_path / "web")
    mine.start()
    yield mine
    mine.stop()


def kept(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        "async () => (await Promise.all((await caches.keys()).map(async n => (await (await caches.open(n)).keys()).map(r => new URL(r.url).pathname)))).flat()"
    )
    return found


def renewed(context: BrowserContext) -> Page:
    """A page under the new worker; one that came before the old worker had heard of its last page's end is closed again."""
    while True:
        page = context.new_page()
        page.goto("/", wait_until="commit")  # whether all of it loads is another test's
        page.wait_for_function(
            "navigator.serviceWorker.getRegistration().then(r => r.waiting || r.active?.state === 'activated')"
        )
        if not page.evaluate("navigator.serviceWorker.getRegistration().then(r => Boolean(r.waiting))"):
            return page
        page.close()


@pytest.mark.browser
def test_without_its_server_the_page_says_so_and_a_new_release_is_new_at_once(visit: Opener, served: Served) -> None:
    page = visit(base_url=served.url, service_workers="allow", expected=("Failed to load", "ERR_", "net::", "503"))
    context = page.context
    page.evaluate("navigator.serviceWorker.ready.then(() => 1)")
    page.reload()
    expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
    assert page.evaluate("navigator.serviceWorker.controller !== null")
    before = kept(page)
    assert len(before) == 3
    assert not [path for path in before if path.endswith(".js") or path.startswith("/api/")]
    served.stop()
    page.goto("/gallery")
    expect(page.get_by_role("heading", name="Triptych’s server is not there")).to_be_visible()
    assert (
        page.evaluate("getComputedStyle(document.body).display") == "grid"
    )  # with its own sheet, under a strict policy
    help_sheet = served.root / "app" / "help.js"
    help_sheet.write_text(help_sheet.read_text("utf-8").replace("say('Shortcuts')", "'Keys anew'"), "utf-8")
    served.start()
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
    page.get_by_role("button", name="Shortcuts").click()
    expect(page.get_by_role("heading", name="Keys anew")).to_be_visible()
    page.evaluate("navigator.serviceWorker.getRegistration().then(r => r.update())")
    page.wait_for_function("navigator.serviceWorker.getRegistration().then(r => r.waiting?.state === 'installed')")
    page.close()  # the last page of the old release: the new worker takes its place, and the old files go
    after = kept(renewed(context))
    assert len(after) == 3
    assert not set(after) & set(before)
