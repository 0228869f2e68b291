"""How long searches of a gallery of 100,000 pictures take: `python benchmarks/gallery.py`; `--pictures N` for another size.

Makes a SQLite database of that size in a temporary folder (or `--database postgresql://…`, which must be empty), then
asks each query in each order 20 times for its first 100 and prints the median and the slowest, in milliseconds, with the count.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from triptych.spec.clock import SystemClock
from triptych.spec.gallery import GallerySearch, Marks, Order
from triptych.spec.image import Cost
from triptych.spec.records import PictureRecord, RunRecord, TileRecord
from triptych.store.records import SqlRecordStore
from triptych.studio.search import read_query

WORDS = [
    "fox",
    "kettle",
    "poster",
    "lamp",
    "paper",
    "kite",
    "harbour",
    "glass",
    "city",
    "forest",
    "portrait",
    "shoe",
    "watch",
    "bottle",
    "house",
    "rain",
    "night",
]
MODELS = ("google/gemini-3.1-flash-image", "bytedance/seedream-5", "openai/gpt-image-2", "aihorde/flux-schnell")
QUERIES = (
    "", "fox", "fox kettle", "needle", "a", "fo", "model:seedream", "model:seedream fox", "stars:5", "stars:5 fox",
    "kept:yes cost:>0.03", "cost:>0.9", "ar:9:16 lamp", "ar:21:9", "project:rare", "after:2026-02 before:2026-03",
    "tag:final", "failed:yes", "failed:no needle", "ref:yes fox", "trash:yes",
    "cost:>0.9 fox", "failed:yes fox", "failed:no fox", "trash:yes fox",
)  # fmt: skip
ORDERS: tuple[Order, ...] = ("newest", "oldest", "stars", "cost")
ROUNDS = 20
_START = 1_770_000_000_000
_GAP_MS = 60_000


def _made(rng: random.Random, number: int) -> tuple[RunRecord, TileRecord, PictureRecord]:
    at, model = _START + number * _GAP_MS, rng.choice(MODELS)
    prompt = "a picture of " + " ".join(rng.choices(WORDS, k=12)) + (" needle" if number % 20_000 == 7 else "")
    run = RunRecord(id=f"run_{number:07}", created_ms=at, text=prompt, source="studio",
                    settings={"project": "rare" if number % 25_000 == 9 else "spring"})  # fmt: skip
    images = [{"sha256": f"{rng.getrandbits(256):064x}", "role": "edit"}] if number % 50 == 0 else []
    tile = TileRecord(
        id=f"tile_{number:07}", run_id=run.id, position=0, model=model, endpoint=model, ratio=1.0, created_ms=at, updated_ms=at,
        state="failed" if number % 1000 == 0 else "done", request={"prompt": prompt, "images": images},
    )  # fmt: skip
    width, height = rng.choice(((1024, 1024), (1080, 1920), (1920, 1080), (1024, 1280)))
    picture = PictureRecord(
        id=f"img_{number:07}", tile_id=tile.id, position=0, sha256=f"{rng.getrandbits(256):064x}", media_type="image/png",
        width=width, height=height, bytes=1_500_000, created_ms=at, cost=Cost(rng.choice((0, 30_000, 39_000, 67_000)), "table"),
    )  # fmt: skip
    return run, tile, picture


async def fill(store: SqlRecordStore, pictures: int) -> None:
    rng = random.Random(7)  # noqa: S311 - made data, the same each time
    for start in range(0, pictures, 500):
        made = [_made(rng, number) for number in range(start, min(start + 500, pictures))]
        await asyncio.gather(*(store.save_run(run, [tile]) for run, tile, _ in made))
        await asyncio.gather(*(store.save_tile(tile, [picture]) for _, tile, picture in made))
    marked = (Marks(stars=5), Marks(verdict="kept"), Marks(tags=("final",)))
    for first, marks in enumerate(marked):
        names = [f"img_{number:07}" for number in range(first, pictures, 1_000)]
        await store.gallery.restore(dict.fromkeys(names, marks))


async def _measure(store: SqlRecordStore, query: str, order: Order) -> dict[str, object]:
    search = replace(read_query(query).search, order=order)
    took, counted = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        page = await store.gallery.page(search)
        took.append((time.perf_counter() - start) * 1000)
        start = time.perf_counter()
        total = await store.gallery.count(search, start=page.start)
        counted.append((time.perf_counter() - start) * 1000)
    return {
        "query": query, "order": order, "found": total, "page": len(page.entries), "median_ms": round(statistics.median(took), 1),
        "slowest_ms": round(max(took), 1), "count_median_ms": round(statistics.median(counted), 1),
    }  # fmt: skip


async def _run(database: str, pictures: int) -> None:
    store = await SqlRecordStore.open(database, SystemClock())
    try:
        start = time.perf_counter()
        await fill(store, pictures)
        sys.stdout.write(f"{pictures:,} pictures written in {time.perf_counter() - start:.0f} s\n")
        for query in QUERIES:
            for order in ORDERS:
                sys.stdout.write(json.dumps(await _measure(store, query, order)) + "\n")
        for order in ORDERS:
            search = GallerySearch(order=order)
            top = (await store.gallery.page(search)).start
            start = time.perf_counter()
            await store.gallery.page(search, start=top, skip=pictures - 50)
            sys.stdout.write(f"jump to the end, {order} first: {(time.perf_counter() - start) * 1000:.1f} ms\n")
    finally:
        await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--database", help="another database, empty, by its address")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_run(chosen.database or f"sqlite:///{Path(folder) / 'gallery.db'}", chosen.pictures))


if __name__ == "__main__":
    main()
