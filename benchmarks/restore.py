"""How long an edit takes to be brought back into its source: `python benchmarks/restore.py`; `--side N` for another size.

Prints the median and the slowest of 20 turns and the processor time, in milliseconds, for the composite alone, the count of changes, the look for
a shift, all of it together, and all of it from files to a file.
"""

import argparse
import io
import json
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from triptych.imaging.restore import changes, composite, restore, shift_of
from triptych.imaging.restoring import restored_bytes

TURNS = 20
"""Of each."""


def scene(side: int) -> Image.Image:
    """Noise with edges: no better to compress or to compare than a photograph."""
    draw = np.random.default_rng(1)
    small = Image.fromarray(draw.integers(0, 255, (side // 16, side // 16, 3), dtype=np.uint8))
    image = small.resize((side, side), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    for _ in range(60):
        x, y, *colour = (int(value) for value in draw.integers(0, (side, side, 255, 255, 255)))
        pen.ellipse((x, y, x + side // 12, y + side // 14), fill=(colour[0], colour[1], colour[2]))
    return image


def timed(work: Callable[[], object]) -> tuple[float, float, float]:
    """Median and slowest, and the median of the processor's time, which other programs do not add to; in milliseconds."""
    took, busy = [], []
    for _ in range(TURNS):
        began, worked = time.perf_counter(), time.process_time()
        work()
        took.append((time.perf_counter() - began) * 1000)
        busy.append((time.process_time() - worked) * 1000)
    return round(statistics.median(took), 1), round(max(took), 1), round(statistics.median(busy), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2048)
    side = parser.parse_args().side
    source, mask = scene(side), Image.new("L", (side, side), 0)
    ImageDraw.Draw(mask).ellipse((side // 4, side // 4, side * 3 // 4, side * 3 // 4), fill=255)
    answer = source.filter(ImageFilter.GaussianBlur(0.6))
    hole = Image.new("RGBA", source.size)
    hole.putalpha(mask.point(lambda value: 255 - value))
    files = []
    for image in (answer, source, hole):
        out = io.BytesIO()
        image.save(out, "PNG", compress_level=1)
        files.append(out.getvalue())
    found = {
        "composite": timed(lambda: composite(source, mask, answer)),
        "changes": timed(lambda: changes(source, answer, mask)),
        "shift": timed(lambda: shift_of(source, answer, mask)),
        "all": timed(lambda: restore(source, mask, answer)),
        "files": timed(lambda: restored_bytes(files[0], files[1], files[2])),
    }
    named = {name: dict(zip(("median_ms", "slowest_ms", "cpu_ms"), took, strict=True)) for name, took in found.items()}
    sys.stdout.write(json.dumps({"side": side, **named}, indent=1) + "\n")


if __name__ == "__main__":
    main()
