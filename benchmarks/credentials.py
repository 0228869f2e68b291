"""What content credentials cost: `python -m benchmarks.credentials`. Prints the time and processor time of making and
reading them, for pictures of about 1.5 MB in the guarded process, medians of 30."""

import asyncio
import io
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from triptych.imaging.workshop import Workshop
from triptych.network.credentials import load_or_create

ROUNDS = 30
MANIFEST = {
    "claim_generator_info": [{"name": "Triptych", "version": "0"}],
    "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [{
        "action": "c2pa.created",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    }]}}],
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {"PNG": {}, "JPEG": {"quality": 97}, "WEBP": {"lossless": True}}


def picture(kind: str) -> bytes:
    """Noise, which no format makes smaller: a side that gives about 1.5 MB."""
    side = 1000 if kind == "JPEG" else 720
    out = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(noise).save(out, kind, **KINDS[kind])
    return out.getvalue()


def child_ticks() -> float:
    """Processor seconds of the processes below this one that are still there."""
    spent = 0.0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == os.getpid():
                spent += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return spent


async def measured(what: str, work: Callable[[], Awaitable[object]]) -> None:
    await work()
    times = []
    own, below = resource.getrusage(resource.RUSAGE_SELF), child_ticks()
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await work()
        times.append(time.perf_counter() - began)
    now = resource.getrusage(resource.RUSAGE_SELF)
    here = now.ru_utime + now.ru_stime - own.ru_utime - own.ru_stime
    print(
        f"{what:<28} {statistics.median(times) * 1000:6.2f} ms   "
        f"CPU here {here / ROUNDS * 1000:5.2f} ms, in the guarded process {(child_ticks() - below) / ROUNDS * 1000:5.2f} ms"
    )


async def main() -> None:
    workshop = Workshop(processes=1)
    with tempfile.TemporaryDirectory() as folder:
        key = load_or_create(Path(folder))
        for kind in KINDS:
            data = picture(kind)

            async def embed(data: bytes = data, parent: bytes = b"") -> bytes:
                return await workshop.embed_credentials(data, MANIFEST, chain=key.chain, sign=key.sign, parent=parent)

            signed = await embed()
            print(f"{kind}: {len(data)} bytes, {len(signed) - len(data)} added")
            await measured("  made", embed)
            await measured("  read", lambda signed=signed: workshop.read_credentials(signed))  # type: ignore[misc]
    await workshop.close()


if __name__ == "__main__":
    asyncio.run(main())
