"""Takes the picture of the README anew: `python tools/screenshot.py`; `--to FILE` puts it elsewhere.

A real `triptych serve` on a free port with a temporary data folder, no key and no network; the three offline painters;
Chromium through Playwright (`--browser` names another one). Nothing in the picture is drawn by hand.
"""

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "images" / "studio.png"
SIZE = (1440, 900)
MOST_BYTES = 400_000
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
PROMPTS = (
    "A small house by a lake at sunrise, mountains behind it, two pine trees on the right --ar 2:1 --seed 4",
    "A lighthouse on a cliff at dusk, warm light, calm teal sea, several small boats --ar 2:1 --seed 11",
)


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


def picture(page: Page, address: str) -> bytes:
    """Two rows of three finished pictures, as PNG."""
    page.goto(address)
    expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
    for name in ("Aurora", "Mosaic", "Woodcut"):
        page.get_by_role("checkbox", name=re.compile(f"^{name}")).set_checked(True, force=True)
    for number, prompt in enumerate(PROMPTS, 1):
        page.get_by_label("Prompt", exact=True).fill(prompt)
        expect(page.locator("#plan")).to_contain_text("3 images")
        page.keyboard.press("Control+Enter")
        expect(page.locator(".tile[data-state=done] .picture.in")).to_have_count(3 * number, timeout=120_000)
    page.mouse.move(SIZE[0] / 2, 10)
    page.wait_for_timeout(1500)  # the last transitions
    return page.screenshot()


def small(png: bytes) -> bytes:
    """The same picture in as many colours as fit into the file's limit."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (None, 256, 192, 128):
        out = io.BytesIO()
        shown = image
        if colours is not None:
            chosen = image.quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=1)  # keeps the few pixels of an accent
            shown = image.quantize(palette=chosen, dither=Image.Dither.FLOYDSTEINBERG)
        shown.save(out, "PNG", optimize=True)
        if out.tell() <= MOST_BYTES:
            return out.getvalue()
    sys.exit(f"the picture stays over {MOST_BYTES:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=TARGET, help="the file to write")
    parser.add_argument("--browser", default=shutil.which("chromium") or shutil.which("chromium-browser"))
    chosen = parser.parse_args()
    target: Path = chosen.to
    if not chosen.browser:
        sys.exit("no Chromium: install Debian's package chromium, or name another with --browser")
    with studio() as address, sync_playwright() as play:
        started = play.chromium.launch(executable_path=chosen.browser, args=["--no-sandbox", "--disable-gpu"])
        context = started.new_context(viewport={"width": SIZE[0], "height": SIZE[1]}, color_scheme="light")
        png = small(picture(context.new_page(), address))
        started.close()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(png)
    sys.stdout.write(f"{target}: {len(png):,} bytes\n")


if __name__ == "__main__":
    main()
