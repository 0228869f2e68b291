"""What it costs a stranger to read a whole log: `triptych verify --log` and `triptych stats --from`.

`python benchmarks/whole_log.py [ENTRIES]` makes a log of that many receipts (100,000 unless told) with what lies beside it, runs
each command in a process of its own, and prints wall and CPU seconds and the most memory it took. It is no test: nothing
fails here.
"""

import asyncio
import hashlib
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from triptych.network import statement
from triptych.network.beside import catalogue_path, pack, pack_path, policy_path
from triptych.network.receipt import sign
from triptych.router.bundle import policy_bytes, policy_id
from triptych.router.decide import decide
from triptych.router.policy import CHEAPEST, catalogue_body, with_catalogue
from triptych.router.sealed import seal
from triptych.spec.clock import SystemClock
from triptych.spec.json import JsonObject
from triptych.spec.model import Capabilities, ModelCard, PriceLine
from triptych.spec.routing import EndpointState, Features, Snapshot
from triptych.tlog.log import Log
from triptych.tlog.note import Signer

SIGNER = Signer.from_seed("example.com/benchmark", bytes(range(32)))
BEGAN = 1_800_000_000_000
EPOCH = "epo_benchmark"
CARDS = tuple(
    ModelCard(
        id=f"provider-{i}/family-{i % 9}", provider=f"provider-{i}", provider_model_id="m", family=f"family-{i % 9}", name="m",
        maker="m", lane="commercial", capabilities=Capabilities(),
        prices=(PriceLine(unit="image", micro_usd_per_million=(40_000 + i) * 10**6, source="https://example.com", as_of="2026-11-01"),),
    ) for i in range(36)
)  # fmt: skip
FEATURES = Features(model="family-3", operation="generate", megapixels_x100=104)
CATALOGUE = catalogue_body(CARDS)
POLICY = with_catalogue(CHEAPEST, hashlib.sha256(CATALOGUE).hexdigest())


def snapshot(at_ms: int, events: int) -> Snapshot:
    """What is seen before the first event; later ones would have measurements, which cost nothing more to read."""
    there = [card for card in CARDS if card.family == FEATURES.model]
    states = [EndpointState(endpoint=one.id, family=one.family, lane=one.lane, ready=one in there,
                            price_micro_usd=one.prices[0].micro_usd_per_million // 10**6 if one in there else None)
              for one in CARDS]  # fmt: skip
    return Snapshot(taken_ms=at_ms, endpoints=tuple(states), operation="generate", epoch=EPOCH, events=events)


FIRST = snapshot(BEGAN, 0)
DECISION = decide(POLICY, FIRST, FEATURES, "00ff", snapshot_id=seal(FIRST).id)


def payload(seq: int) -> JsonObject:
    """A receipt as a server makes them, of a picture that took nine seconds."""
    at = BEGAN + seq * 10_000
    events: dict[str, Any] = {"epoch": EPOCH, "operation": "generate", "began": 2 * seq + 1, "began_ms": at, "ended": 2 * seq + 2,
                              "ended_ms": at + 9000, "sign": "worked", "took_ms": 9000}  # fmt: skip
    picked = DECISION.order[0]
    candidates: list[Any] = [
        {"endpoint": one.endpoint, "rank": one.rank, "reason": one.reason, "price_micro_usd": one.price_micro_usd,
         "points": one.points} for one in DECISION.candidates if one.rank >= 0
    ]  # fmt: skip
    decision = {
        "candidates": candidates, "picked": picked, "policy": POLICY.name, "policy_id": policy_id(POLICY), "nonce": "00ff",
        "snapshot_id": DECISION.snapshot_id, "taken_ms": BEGAN, "nonce_from": "client", "not_listed": 0,
        "features": {"model": "family-3", "operation": "generate", "megapixels_x100": 104}, "other_models": len(CARDS) - len(candidates),
    }  # fmt: skip
    attempt = {"number": 1, "endpoint": picked, "outcome": "done", "billed": "yes", "events": events, "calls": [
        {"host": "api.example.com", "step": "submit", "status": 200, "ms": 8_900, "request_id": f"req_{seq:032x}", "body": "cd" * 32},
    ], "cost": {"amount_micro_usd": 40_003, "source": "table"}}  # fmt: skip
    said: dict[str, Any] = {
        "format": "triptych-receipt/1", "id": f"rcpt_{seq:024x}", "seq": seq, "issued_ms": at + 9001, "asked_ms": BEGAN, "ended_ms": at + 9000,
        "state": "done", "billed": "yes", "fee_micro_usd": 0, "commitments": {"request": "ab" * 32, "caller": "cd" * 32},
        "inputs": [], "outputs": [{"sha256": f"{seq:064x}", "media_type": "image/png", "width": 1024, "height": 1024, "bytes": 1_500_000}],
        "attempts": [attempt], "attempts_in_all": 1, "decision": decision, "decisions": 1, "asked": {"model": "family-3", "n": 1},
        "served": {"endpoint": picked, "lane": "commercial", "model": "m"}, "cost": {"amount_micro_usd": 40_003, "source": "table"},
        "adjustments": [], "warnings": [],
    }  # fmt: skip
    return said


def entries(count: int) -> Iterator[bytes]:
    """The policy, the receipts, and where their snapshot is."""
    active: JsonObject = {"policy_id": policy_id(POLICY), "active_ms": BEGAN - 5}
    yield statement.sign("policy", active, SIGNER, name="stmt_policy", issued_ms=BEGAN - 5).encode()
    for seq in range(count):
        yield sign(payload(seq), SIGNER).encode()
    name, _ = pack([seal(FIRST).body])
    where: JsonObject = {"ids": [seal(FIRST).id], "pack": name, "first": 1, "end": count + 1}
    last = BEGAN + count * 10_000 + 10
    yield statement.sign("snapshots", where, SIGNER, name="stmt_snapshots", issued_ms=last).encode()


async def make(folder: Path, count: int) -> Path:
    """The public folder of a log."""
    log = await Log.create(folder / "log", SIGNER, SystemClock())
    group: list[bytes] = []
    for entry in entries(count):
        group.append(entry)
        if len(group) == 512:
            await asyncio.gather(*map(log.append, group))
            group.clear()
    await asyncio.gather(*map(log.append, group))
    await log.close()
    name, data = pack([seal(FIRST).body])
    public = folder / "log" / "public"
    for path, body in (
        (policy_path(policy_id(POLICY)), policy_bytes(POLICY)), (catalogue_path(str(POLICY.catalogue)), CATALOGUE),
        (pack_path(name), data),
    ):  # fmt: skip
        (public / path).parent.mkdir(parents=True, exist_ok=True)
        (public / path).write_bytes(body)
    return public


def measured(command: Sequence[str]) -> tuple[float, float, int, str]:
    """Wall and CPU seconds, the most memory in MB, and the last line that was said."""
    start = time.perf_counter()
    with subprocess.Popen([sys.executable, "-m", "triptych", *command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read().strip().splitlines()
        _, _, used = os.wait4(process.pid, 0)
    took = time.perf_counter() - start
    return took, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024, said[-1] if said else ""


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    if len(sys.argv) > 2:
        asyncio.run(make(Path(sys.argv[2]), count))
        return
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {platform.machine()}, load {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: the memory that one takes counts for those that it starts, too.
        subprocess.run([sys.executable, __file__, str(count), name], check=True)
        public = folder / "log" / "public"
        size = sum(path.stat().st_size for path in public.rglob("*") if path.is_file())
        print(f"{count} receipts, {size / 1e6:.0f} MB")
        receipt, key = folder / "r.jws", folder / "key"
        receipt.write_bytes(sign(payload(count // 2), SIGNER).encode())
        key.write_text(f"{SIGNER.key}\n")
        for command in (["verify", str(receipt)], ["verify", str(receipt), "--key", str(key), "--log", str(public)],
                        ["stats", "--from", str(public)]):  # fmt: skip
            took, cpu, most, said = measured(command)
            short = " ".join(word for word in command if not word.startswith(name))
            print(f"{short:24}{took:8.1f} s wall{cpu:8.1f} s CPU{most:7} MB   {said}")


if __name__ == "__main__":
    main()
