"""Open models in a real browser on the real server: seen while it draws, stopped at once, and the next one drawn by the same process."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.emulators import Emulators
from tests.integration.tiny_models import CALM, models_folder, needed
from tests.web.conftest import watched
from tests.web.test_whole_way import Studio, create, done

pytestmark = [pytest.mark.browser, needed]


@pytest.fixture
def page(browser: Browser, tmp_path: Path, emulators: Emulators) -> Iterator[Page]:
    for name, steps in (("Quick", 3), ("Slow", 150)):
        place = tmp_path / "models" / name.lower()
        shutil.copytree(models_folder() / "tiny", place)
        (place / "triptych.json").write_text(json.dumps({"name": f"{name} One", "license": "MIT", "steps": steps}))
    studio = Studio(tmp_path / "data", emulators)
    studio.environment |= CALM | {"TRIPTYCH_LOCAL_MODELS": str(tmp_path / "models")}
    studio.start()
    with watched(browser, studio.url) as opened:
        yield opened
    studio.stop()


def test_a_picture_is_seen_while_it_comes_about_and_stopped(page: Page) -> None:
    create(page, "a fox --m local/slow --seed 7")
    slow = page.locator(".tile", has_text="Slow One")
    expect(slow.locator("img.preview")).to_be_visible(timeout=60_000)
    preview = slow.locator("img.preview").get_attribute("src") or ""
    slow.get_by_role("button", name="Stop Slow One").click()
    expect(slow).to_contain_text("Stopped. It was not billed.")
    assert page.request.get(preview).status == 204  # a page that asks late is told of no fault
    create(page, "a fox --m local/quick --seed 7")
    done(page, 1)
    expect(page.locator(".tile", has_text="Quick One").locator("img").first).to_be_visible()
