"""How long an edit takes to be brought back into its source: `python benchmarks/restore.py`; `--side N` for another size.

Prints, for answers of several kinds, the median and the slowest of the turns and the processor time, in milliseconds: of the composite
alone, of restoring the pictures, and of all of it from files to a file. `--against FILE` takes an earlier restore.py
(`git show REVISION:src/triptych/imaging/restore.py > FILE`) in turn with this one and adds the ratio, turn by turn.
"""

import argparse
import importlib.util
import io
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from triptych.imaging.restore import composite, restore
from triptych.imaging.restoring import restored_bytes

Took = tuple[float, float]
"""Milliseconds by the clock, and of the processor, which other programs do not add to."""


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


def answers(source: Image.Image) -> dict[str, Image.Image]:
    """In its place; a little off it; drawn anew with two fifths of another picture in it; and drawn 5 % larger."""
    plain = source.filter(ImageFilter.GaussianBlur(0.6))
    moved = plain.copy()
    moved.paste(plain, (9, -6))
    redrawn = Image.blend(source, source.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 0.4)
    wide, high = source.size
    larger = source.transform(
        source.size, Image.Transform.EXTENT, (wide / 42, high / 42, wide * 41 / 42, high * 41 / 42)
    )
    return {"in place": plain, "moved": moved, "redrawn": redrawn, "larger": larger}


def timed(work: Callable[[], object]) -> Took:
    began, worked = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - began) * 1000, (time.process_time() - worked) * 1000


def figures(turns: list[Took]) -> dict[str, float]:
    clock, busy = zip(*turns, strict=True)
    return {
        "median_ms": round(statistics.median(clock), 1),
        "slowest_ms": round(max(clock), 1),
        "cpu_ms": round(statistics.median(busy), 1),
    }


def measured(rounds: int, new: Callable[[], object], old: Callable[[], object] | None) -> dict[str, Any]:
    """With the other one in turn, the ratio of the processor's time for each pair: median, least and most."""
    new()
    turns, others = [], []
    for _ in range(rounds):
        if old is not None:
            others.append(timed(old))
        turns.append(timed(new))
    if not others:
        return figures(turns)
    ratios = sorted(mine[1] / other[1] for mine, other in zip(turns, others, strict=True))
    shown = [round(value, 2) for value in (statistics.median(ratios), ratios[0], ratios[-1])]
    return {**figures(turns), "other": figures(others), "cpu_ratio": shown}


def loaded(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("other_restore", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no module.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def file(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--against", metavar="FILE", help="an earlier restore.py")
    chosen = parser.parse_args()
    side, other = chosen.side, loaded(chosen.against) if chosen.against else None
    source, mask = scene(side), Image.new("L", (side, side), 0)
    ImageDraw.Draw(mask).ellipse((side // 4, side // 4, side * 3 // 4, side * 3 // 4), fill=255)
    made = answers(source)
    head = {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "side": side,
    }
    sys.stdout.write(json.dumps(head) + "\n")

    def told(name: str, new: Callable[[], object], old: Callable[[], object] | None = None) -> None:
        sys.stdout.write(json.dumps({"what": name, **measured(chosen.rounds, new, old)}) + "\n")

    plain = made["in place"]
    told("composite", lambda: composite(source, mask, plain), other and (lambda: other.composite(source, mask, plain)))
    for name, answer in made.items():
        old = None if other is None else lambda answer=answer: other.restore(source, mask, answer)
        told(name, lambda answer=answer: restore(source, mask, answer), old)  # type: ignore[misc]
    hole = Image.new("RGBA", source.size)
    hole.putalpha(mask.point(lambda value: 255 - value))
    files = [file(image) for image in (plain, source, hole)]
    told("files", lambda: restored_bytes(files[0], files[1], files[2]))


if __name__ == "__main__":
    main()
