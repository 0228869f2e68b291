"""The page of usage in a browser: readable to everybody, without a script, on a phone, under its strict headers."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect
from tests.unit.usage_tools import DAY_ONE, TRUST, entry, files, payload, pick
from tests.web.conftest import intercept
from tests.web.test_views import violations

from triptych.network.usage.reading import usage
from triptych.web import assets
from triptych.web.usage import page as usage_page

pytestmark = pytest.mark.browser
A, B = "openai/gpt-image-2", "aihorde/z-image-turbo"


def document() -> str:
    entries = [entry(payload(seq, A, DAY_ONE + seq % 40)) for seq in range(480)]
    entries += [entry(payload(seq, B, DAY_ONE + 3, state="failed", billed="no")) for seq in range(480, 500)]
    entries += [pick(number, A, B) for number in range(12)]
    found = files(entries)

    async def read() -> str:
        async def fetch(name: str) -> bytes | None:
            return found.get(name)

        return usage_page(await usage(fetch, TRUST), "http://127.0.0.1:8700")

    return asyncio.run(read())


@pytest.fixture(scope="module")
def html() -> str:
    with ThreadPoolExecutor(1) as beside:  # Playwright has an event loop of its own in this thread
        return beside.submit(document).result()


@pytest.mark.parametrize(
    ("scheme", "width", "script"), [("light", 1280, True), ("dark", 1280, True), ("light", 390, False)]
)
def test_the_page(
    browser: Browser, server: str, html: str, axe: str, scheme: Literal["light", "dark"], width: int, script: bool
) -> None:
    context = browser.new_context(
        base_url=server, viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script
    )
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": assets.CSP}
    intercept(page, "**/usage", lambda route: route.fulfill(body=html, headers=headers))
    page.goto("/usage")
    expect(page).to_have_title("Usage · Triptych")
    expect(page.get_by_role("row", name=A).first).to_be_visible()
    expect(page.locator("svg.days g")).to_have_count(30)
    box = page.locator(".usage").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    for panel in page.locator(".usage .panel").all():
        inner = panel.bounding_box()
        assert inner is not None
        assert inner["x"] + inner["width"] <= width
    if script:
        assert violations(page, axe) == []
    assert said == []
    context.close()
