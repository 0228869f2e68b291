"""Draws the icons of the installed page from the mark: `python tools/icons.py`; `--browser` names another Chromium.

Each is `web/mark.svg` on the dark ground of the page; in the maskable one it keeps within the circle that no shape cuts.
"""

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

WEB = Path(__file__).parents[1] / "src" / "triptych" / "web"
GROUND = "#101010"
ICONS = {
    "192.png": (192, 0.66, 0.18),
    "512.png": (512, 0.66, 0.18),
    "maskable.png": (512, 0.5, 0.0),
    "apple.png": (180, 0.62, 0.0),
}
"""File: pixels, the mark's share of the width, and the corners' radius as a share of it."""


def page_of(mark: str, size: int, share: float, corner: float) -> str:
    """A page that is the icon."""
    inner = round(size * share)
    body = mark.replace("<svg ", f'<svg width="{inner}" height="{inner}" ')
    return (
        f'<body style="margin:0"><div style="display:grid;place-items:center;width:{size}px;height:{size}px;'
        f'background:{GROUND};border-radius:{round(size * corner)}px">{body}</div>'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--browser", default=shutil.which("chromium"))
    mark = (WEB / "mark.svg").read_text("utf-8")
    (WEB / "icons").mkdir(exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=parser.parse_args().browser, args=["--no-sandbox"])
        for name, (size, share, corner) in ICONS.items():
            page = browser.new_page(viewport={"width": size, "height": size})
            page.set_content(page_of(mark, size, share, corner))
            drawn = Image.open(io.BytesIO(page.screenshot(omit_background=True)))
            drawn.quantize(64, Image.Quantize.FASTOCTREE).save(WEB / "icons" / name, optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
