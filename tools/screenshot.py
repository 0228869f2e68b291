"""Takes the pictures of the README and the guides anew: `python tools/screenshot.py`; `--to FOLDER` puts them elsewhere,
and names after it (`studio compare edit kit sheet gallery lineage phone`) keep only those.

A real `triptych serve` on a free port with a temporary data folder, no key and no network; the three offline painters;
Chromium through Playwright (`--browser` names another one). Nothing in the pictures is drawn by hand.
"""

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "images"
SIZE = (1440, 900)
SMALL = (1200, 750)
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
MOST_BYTES = {"studio": 400_000}  # the README's picture is a PNG; every other one is a guide's, as WebP
SURFACES = 8  # colours that fill the most of a page
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
PAINTERS = ("Aurora", "Mosaic", "Woodcut")
PROMPTS = (
    "A small house by a lake at sunrise, mountains behind it, two pine trees on the right --ar 2:1 --seed 4",
    "A lighthouse on a cliff at dusk, warm light, calm teal sea, several small boats --ar 2:1 --seed 11",
)
expect.set_options(timeout=30_000)
CHANGE = "A red balloon over a calm sea at dusk, warm light, violet sky"


@contextmanager
def studio() -> Iterator[str]:
    """The address of a server that knows no keys and nothing of this machine's settings."""
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "triptych", "serve", "--port", "0", "--no-browser", "--data", data]
        with subprocess.Popen(command, env={"TRIPTYCH_SAMPLE": "false"}, stderr=subprocess.PIPE, text=True) as process:
            try:
                lines = iter(process.stderr or ())
                yield next(found.group() for line in lines if (found := ADDRESS.search(line)))
            finally:
                process.terminate()


def settled(page: Page) -> bytes:
    """The page as PNG when its pictures are there and the last transitions are over."""
    page.wait_for_timeout(1500)
    return page.screenshot()


def finished(page: Page, count: int) -> None:
    expect(page.locator(".tile[data-state=done] .picture.in")).to_have_count(count, timeout=120_000)


def choose(chips: Locator, *names: str) -> None:
    """These chips on, all others off."""
    for chip in chips.all():
        named = str(chip.locator("xpath=..").text_content()).strip()
        chip.set_checked(named.startswith(names), force=True)


def rows(page: Page) -> bytes:
    """Two rows of three finished pictures."""
    for name in PAINTERS:
        page.get_by_role("checkbox", name=re.compile(f"^{name}")).set_checked(True, force=True)
    for number, prompt in enumerate(PROMPTS, 1):
        page.get_by_label("Prompt", exact=True).fill(prompt)
        expect(page.locator("#plan")).to_contain_text("3 images")
        page.keyboard.press("Control+Enter")
        finished(page, 3 * number)
    page.mouse.move(SIZE[0] / 2, 10)
    return settled(page)


def compare(page: Page) -> bytes:
    """The second row side by side, zoomed in together."""
    page.locator(".frame").nth(3).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Side by side").locator("figure")).to_have_count(3)
    page.keyboard.press("+")
    taken = settled(page)
    page.keyboard.press("Escape")
    return taken


def edit(page: Page) -> bytes:
    """A part of a picture painted over, and what should change there; then the edit is made."""
    page.locator(".frame").nth(3).focus()
    page.keyboard.press("e")
    editor = page.get_by_role("dialog", name=re.compile("^Edit"))
    box = editor.locator("mask-canvas").bounding_box()
    if box is None:
        sys.exit("the mask has no place on the page")
    x, y, wide, high = box["x"], box["y"], box["width"], box["height"]
    page.mouse.move(x + wide * 0.7, y + high * 0.15)
    page.mouse.down()
    for step in range(1, 7):
        page.mouse.move(x + wide * (0.7 + 0.07 * (step % 2)), y + high * (0.15 + 0.035 * step))
    page.mouse.up()
    editor.get_by_role("slider", name="Feather").fill("28")
    editor.get_by_label("What should change").fill(CHANGE)
    choose(editor.get_by_role("checkbox"), "Aurora", "Woodcut")
    page.mouse.move(SIZE[0] / 2, 10)
    taken = settled(page)
    editor.get_by_role("button", name="Make the edit").click()
    finished(page, 8)
    return taken


def lineage(page: Page) -> bytes:
    """The picture and the two edits that were made of it."""
    page.locator(".frame").nth(3).focus()
    page.keyboard.press("l")
    expect(page.get_by_role("treeitem")).to_have_count(3)
    return settled(page)


def kit(page: Page) -> bytes:
    """Four formats of one picture, with the safe areas."""
    page.go_back()
    finished(page, 8)
    page.locator(".frame").nth(3).focus()
    page.keyboard.press("f")
    expect(page.locator(".formats .card")).to_have_count(4)
    return settled(page)


def sheet(page: Page) -> bytes:
    """A client's sheet of the four formats, opened from disk on a telephone and half answered."""
    browser = page.context.browser
    if browser is None:
        sys.exit("the page has no browser")
    with tempfile.TemporaryDirectory() as folder:
        with page.expect_download() as got:
            page.get_by_role("button", name="Make a sheet").click()
        path = Path(folder) / "sheet.html"
        got.value.save_as(path)
        context = browser.new_context(**PHONE, color_scheme="light", offline=True)
        client = context.new_page()
        client.goto(path.as_uri())
        first = client.locator(".card").first
        first.get_by_label("Yes").check(force=True)
        first.get_by_label(re.compile("^Place of")).select_option("1")
        client.evaluate("document.querySelector('.card').scrollIntoView()")
        taken = settled(client)
        context.close()
    return taken


def gallery(page: Page) -> bytes:
    """Everything that was made, newest first."""
    page.get_by_role("link", name="Gallery", exact=True).click()
    expect(page.locator("#found")).to_have_text("8 pictures")
    return settled(page)


STEPS: dict[str, Callable[[Page], bytes]] = {
    "studio": rows, "compare": compare, "edit": edit, "lineage": lineage, "kit": kit, "sheet": sheet,
    "gallery": gallery,
}  # fmt: skip


def take(browser: Browser, address: str) -> Iterator[tuple[str, bytes]]:
    """Each picture's name and PNG: one visit in light, then a telephone in the dark."""
    context = browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]}, color_scheme="light")
    page = context.new_page()
    page.goto(address)
    expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
    for name, step in STEPS.items():
        yield name, step(page)
    context.close()
    context = browser.new_context(**PHONE, color_scheme="dark")
    page = context.new_page()
    page.goto(address)
    expect(page.locator(".tile[data-state=done] .picture.in").last).to_be_visible(timeout=120_000)
    yield "phone", settled(page)
    context.close()


def palette(image: Image.Image, colours: int) -> Image.Image:
    """So many colours for a picture: exactly those of the page's surfaces, which stay smooth, and the best of the others."""
    found = sorted(image.getcolors(image.width * image.height) or [], reverse=True)
    flat = [part for _, colour in found[:SURFACES] for part in (colour if isinstance(colour, tuple) else ())]
    chosen = image.quantize(
        colours - SURFACES, Image.Quantize.MAXCOVERAGE, kmeans=1
    )  # keeps the few pixels of an accent
    made = Image.new("P", (1, 1))
    made.putpalette([*flat, *(chosen.getpalette() or [])][: 3 * colours])
    return made


def small(name: str, png: bytes) -> bytes:
    """The README's picture in as many colours as fit into its limit; a guide's, smaller, as WebP."""
    image, most = Image.open(io.BytesIO(png)).convert("RGB"), MOST_BYTES.get(name, 0)
    if image.size == SIZE and name not in MOST_BYTES:
        image = image.resize(SMALL, Image.Resampling.LANCZOS)
    if name not in MOST_BYTES:
        out = io.BytesIO()
        image.save(out, "WEBP", quality=86, method=6)
        return out.getvalue()
    for colours in (None, 256, 192, 128, 96, 64):
        out = io.BytesIO()
        shown = image
        if colours is not None:
            shown = image.quantize(palette=palette(image, colours), dither=Image.Dither.FLOYDSTEINBERG)
        shown.save(out, "PNG", optimize=True)
        if out.tell() <= most:
            return out.getvalue()
    sys.exit(f"{name} stays over {most:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*STEPS, "phone", []], help="the pictures to keep; all without")
    parser.add_argument("--to", type=Path, default=TARGET, help="the folder to write to")
    parser.add_argument("--browser", default=shutil.which("chromium") or shutil.which("chromium-browser"))
    chosen = parser.parse_args()
    if not chosen.browser:
        sys.exit("no Chromium: install Debian's package chromium, or name another with --browser")
    chosen.to.mkdir(parents=True, exist_ok=True)
    with studio() as address, sync_playwright() as play:
        started = play.chromium.launch(executable_path=chosen.browser, args=["--no-sandbox", "--disable-gpu"])
        for name, png in take(started, address):
            if name in (chosen.names or [*STEPS, "phone"]):
                kind = "png" if name in MOST_BYTES else "webp"
                target, data = chosen.to / f"{name}.{kind}", small(name, png)
                target.write_bytes(data)
                sys.stdout.write(f"{target}: {len(data):,} bytes\n")
        started.close()


if __name__ == "__main__":
    main()
