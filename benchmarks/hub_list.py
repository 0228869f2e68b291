"""What a hub's list costs a studio each minute: the whole of it, the whole packed, and what has changed.

`python -m benchmarks.hub_list [--nodes N] [--minutes N]`. The nodes have one to four models, half of them an owner, and sign their cards anew
every five minutes (idle) or every minute (busy: each begins or ceases to work in it). The clock is set by hand; the bytes are those of the hub's
answers, the times are processor time of this process, for the hub's answer and for the studio's reading of it.
"""

import argparse
import asyncio
import gzip
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import msgspec
from starlette.requests import Request

from triptych.app.hub import HubRules, open_hub
from triptych.app.neighbour import read_once, readable
from triptych.hub.directory import Rules
from triptych.network import bond, card, stamp
from triptych.network.card import CardBody, CardModel, Load, Policy, Work
from triptych.network.jose import kid_of
from triptych.network.listing import Listing
from triptych.network.meeting import Listed
from triptych.network.ohttp.keys import NodeKey
from triptych.server.hub_api import HubApi
from triptych.tlog.note import Signer

MINUTE = 60_000


@dataclass
class Hand:
    """A clock that is set by hand."""

    ms: int = 1_800_000_000_001

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0 * seconds)


@dataclass
class Node:
    """One that signs cards."""

    signer: Signer
    body: CardBody

    def signed(self, now_ms: int, queue: int) -> bytes:
        first = self.body.seq == 0
        done = stamp.make(self.body.id, now_ms, 1) if first else None
        work = None if done is None else Work(made_ms=done.made_ms, counter=done.counter)
        self.body = msgspec.structs.replace(self.body, seq=now_ms, issued_ms=now_ms, expires_ms=now_ms + 600_000, load=Load(queue=queue, p50_ms=9_000 + queue),
                                            pow=work)  # fmt: skip
        return card.sign(self.body, self.signer).encode()


def made(count: int, now_ms: int, chance: Random) -> list[Node]:
    """So many nodes."""
    models = [CardModel(id=f"model-{number}", family="sdxl", engine="comfyui/0.3", precision="fp16", max_px=1 << 20, steps_max=50, caps=("t2i", "i2i"),
                        digest=chance.randbytes(32).hex(), steps=20, sampler="euler") for number in range(30)]  # fmt: skip
    found = []
    for number in range(count):
        signer, owner = Signer.generate("node"), Signer.generate("owner")
        name = kid_of(signer.key.public)
        word = bond.sign("owner", name, owner, issued_ms=now_ms, expires_ms=now_ms + 10**10) if number % 2 else None
        body = CardBody(id=name, hpke=card.encode_keys([NodeKey.from_private(1, os.urandom(32)).config]), hubs=("https://hub.example", "https://other.example"),
                        models=tuple(chance.sample(models, chance.choice((1, 1, 2, 4)))), load=Load(queue=0, p50_ms=0), policy=Policy(nsfw=False), price=None,
                        seq=0, issued_ms=0, expires_ms=1, owner=word)  # fmt: skip
        found.append(Node(signer, body))
    return found


async def answered(api: HubApi, minute: int | None) -> tuple[bytes, float]:
    """The hub's answer, and the milliseconds that it took."""
    query = b"" if minute is None else f"minute={minute}".encode()
    began = time.process_time()
    found = await api.cards(Request({"type": "http", "method": "GET", "query_string": query, "headers": []}))
    return bytes(found.body), 1000 * (time.process_time() - began)


def read(before: Listing, data: bytes, asked: int | None, now_ms: int) -> tuple[Listing, float]:
    """What the studio has then, and the milliseconds until all signatures in it are checked."""
    began = time.process_time()
    fresh = before.after(msgspec.json.decode(data, type=Listed), asked, now_ms)
    readable(list(fresh.seen.values()))
    return fresh, 1000 * (time.process_time() - began)


def told(name: str, rows: Sequence[tuple[float, ...]]) -> None:
    """The medians of what was measured."""
    size, hub, studio = (statistics.median(one) for one in zip(*rows, strict=True))
    print(f"{name:42} {size:11,.0f} bytes, hub {hub:6.1f} ms, studio {studio:7.1f} ms")


async def main(asked: argparse.Namespace) -> None:
    """Both ways, minute by minute."""
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {asked.nodes} nodes, load {os.getloadavg()[0]:.1f}")
    chance, clock = Random(1), Hand()  # noqa: S311 - a benchmark
    with tempfile.TemporaryDirectory() as folder:
        hub = await open_hub(Path(folder), "https://hub.example", clock, HubRules(nodes=Rules(bits=1)))
        api, nodes = HubApi(hub), made(asked.nodes, clock.ms, chance)
        for one in nodes:
            await hub.publish(one.signed(clock.ms, 0), "127.0.0.0/24")
        for name, every in (("idle", 5), ("busy", 1)):
            listing, whole, packed, part = Listing(), [], [], []
            for minute in range(asked.minutes + 1):
                clock.ms += MINUTE
                for number, one in enumerate(nodes):
                    if number % every == minute % every:
                        await hub.publish(one.signed(clock.ms, minute % 2), "127.0.0.0/24")
                clock.ms += 1_000
                for one in nodes:
                    await hub.boxes.fetch(one.body.id, 1, 0)
                data, spent = await answered(api, None)
                began = time.process_time()
                pressed = gzip.compress(data, 1)
                pressing = 1000 * (time.process_time() - began)
                read_once.cache_clear()
                fresh, reading = read(Listing(), data, None, clock.ms)
                whole.append((len(data), spent, reading))
                packed.append((len(pressed), spent + pressing, reading))
                read_once.cache_clear()
                readable(list(listing.seen.values()))  # what it had read the minute before
                since = listing.since(clock.ms)
                data, spent = await answered(api, since)
                listing, reading = read(listing, data, since, clock.ms)
                if since is not None:
                    part.append((len(data), spent, reading))
                if {one.card for one in listing.seen.values()} != {one.card for one in fresh.seen.values()}:
                    raise SystemExit("two lists")
            for way, rows in (("whole", whole), ("whole, gzip", packed), ("what has changed", part)):
                told(f"{name}: {way}", rows)
        await hub.close()


if __name__ == "__main__":
    reader = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    reader.add_argument("--nodes", type=int, default=1000)
    reader.add_argument("--minutes", type=int, default=11)
    asyncio.run(main(reader.parse_args()))
