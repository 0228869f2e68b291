"""Enlarging and cutting out in the page: who does it, at which size, what is still to be had, and what comes of it."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect
from tests.web.conftest import Opener, intercept
from tests.web.test_studio import PAIR, tile
from tests.web.test_views import violations

pytestmark = pytest.mark.browser
FREE = {"amount_micro_usd": 0, "source": "free"}
PAID = {"amount_micro_usd": 4000, "source": "table"}


def way(factor: int | None, *, ok: bool = True, cost: Any = FREE, reason: str | None = None) -> dict[str, Any]:
    sides = {"width": 96 * factor, "height": 64 * factor} if factor else {"width": None, "height": None}
    return {"factor": factor, **sides, "ok": ok, "reason": reason, "cost": cost, "notes": []}


def offer(task: str, name: str, lane: str = "local", weights: Any = None, **more: Any) -> dict[str, Any]:
    factors = (2, 4) if task == "upscale" else (None,)
    return {
        "task": task, "model": f"tools/{name.lower()}", "name": name, "maker": "Acme", "provider": "tools", "lane": lane, "is_ai": True,
        "note": "Of this kind.", "license": "Apache-2.0", "typical_seconds": [1, 5], "weights": weights,
        "ways": [way(factor, **more) for factor in factors],
    }  # fmt: skip


class Server:
    """What the server says of tasks, and what it is asked for."""

    def __init__(self, page: Page) -> None:
        self.weights: dict[str, Any] = {
            "state": "missing",
            "fetched": 0,
            "total": 4_574_861,
            "reason": None,
            "url": "https://a.example/w",
        }
        self.asked: list[tuple[str, str, Any]] = []
        intercept(page, "**/api/images/*/tasks", self.tasks)
        intercept(page, "**/api/tools/*/weights", self.tools)

    def offers(self) -> list[dict[str, Any]]:
        here = self.weights["state"] == "here"
        reason = None if here else "The weights of Finder are not here yet."
        return [offer("upscale", "Plain"), offer("upscale", "Distant", "commercial", cost=PAID),
                offer("remove_background", "Finder", weights=self.weights, ok=here, reason=reason)]  # fmt: skip

    def tasks(self, route: Route) -> None:
        request = route.request
        if request.method == "GET":
            route.fulfill(json={"offers": self.offers(), "order_rule": "nearest first"})
            return
        body = json.loads(request.post_data or "")
        self.asked.append((request.method, request.url, body))
        route.fulfill(status=400, json={"error": {"message": "Not today.", "hint": "", "code": "bad_request"}})

    def tools(self, route: Route) -> None:
        self.asked.append((route.request.method, route.request.url, None))
        self.weights |= {"state": "fetching", "fetched": 1_000_000}
        route.fulfill(json=self.weights)


def opened(visit: Opener, key: str, **options: Any) -> tuple[Page, Server]:
    page = visit(runs=[("harbour", PAIR)], **options)
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    server = Server(page)
    tile(page, "Aurora").focus()
    page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_be_visible()
    return page, server


def test_by_keys_alone_the_size_is_seen_before_and_the_request_says_it(visit: Opener, axe: str) -> None:
    page, server = opened(visit, "z", expected=("400",))
    form = page.get_by_role("dialog", name="Enlarge Aurora’s picture")
    expect(form.get_by_role("button", name="Enlarge", exact=True).first).to_be_focused()
    expect(form.get_by_role("radio", name="Plain")).to_be_checked()
    size = form.get_by_role("status")
    before = size.inner_text()
    for key in ("Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    expect(form.get_by_role("button", name="2×")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(form.get_by_role("button", name="4×")).to_have_attribute("aria-pressed", "true")
    assert size.inner_text() != before
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    expect(form.get_by_role("radio", name="Distant")).to_be_checked()
    expect(form.get_by_text("The picture goes to Acme.")).to_be_visible()
    assert violations(page, axe) == []
    page.keyboard.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("Not today.")
    method, url, body = server.asked[-1]
    assert (method, url.rpartition("/")[2]) == ("POST", "tasks")
    assert body == {"task": "upscale", "model": "tools/distant", "factor": 4}
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(tile(page, "Aurora")).to_be_focused()


def test_weights_are_got_from_there(visit: Opener, axe: str) -> None:
    page, server = opened(visit, "o", color_scheme="dark")
    form = page.get_by_role("dialog", name="Remove the background of Aurora’s picture")
    expect(form.get_by_text("The weights of Finder are not here yet.")).to_be_visible()
    expect(form.get_by_role("radio", name="Finder")).to_be_disabled()
    go = form.get_by_role("button", name="Remove the background").last
    expect(go).to_be_disabled()
    form.get_by_role("button", name="Get 4.6 MB").click()
    expect(form.get_by_role("progressbar", name="Weights of Finder")).to_have_attribute("value", "1000000")
    assert [(method, url.rpartition("/api/")[2]) for method, url, _ in server.asked] == [
        ("POST", "tools/finder/weights")
    ]
    assert violations(page, axe) == []
    server.weights["state"] = "here"
    expect(form.get_by_role("radio", name="Finder")).to_be_checked()
    expect(go).to_be_enabled()


def test_the_menu_offers_both(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    tile(page, "Aurora").hover()
    tile(page, "Aurora").get_by_role("button", name="More").click()
    expect(page.get_by_role("menuitem", name="Enlarge…")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Remove the background…")).to_be_visible()
