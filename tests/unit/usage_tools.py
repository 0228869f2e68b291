"""Logs of receipts as somebody might have copied them, made without a server."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from triptych.network import receipt, statement
from triptych.network.usage.entry import DAY_MS
from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.note import Note, Signer
from triptych.tlog.policy import TrustPolicy
from triptych.tlog.tiles import CHECKPOINT_PATH, Edge, grow

SIGNER = Signer.from_seed("example.com/log", bytes(range(32)))
OTHER = Signer.from_seed("example.com/log", bytes(32))
TRUST = TrustPolicy.parse(f"log {SIGNER.key}\nquorum none\n")
DAY_ONE = 20_758  # 2026-11-01


def payload(seq: int, model: str, day: int = DAY_ONE, **more: Any) -> dict[str, Any]:
    """What the receipt of a request says that was served at once, in 100 ms and for a cent."""
    served = {"endpoint": model, "lane": "commercial", "model": "m"} if model else None
    said = {
        "format": receipt.FORMAT, "id": f"rcpt_{seq}", "seq": seq, "issued_ms": day * DAY_MS + seq, "state": "done",
        "billed": "yes", "fee_micro_usd": 0, "commitments": {}, "inputs": [], "outputs": [],
        "cost": {"amount_micro_usd": 10_000, "source": "table"}, "served": served, "attempts_in_all": 1,
        "attempts": [{"number": 1, "endpoint": model, "outcome": "done", "ms": 100}], "decision": {"picked": model},
    }  # fmt: skip
    return {name: value for name, value in {**said, **more}.items() if value is not None}


def entry(said: Mapping[str, Any], signer: Signer = SIGNER) -> bytes:
    return receipt.sign(dict(said), signer).encode()


def pick(number: int, better: str, *worse: str) -> bytes:
    said: Any = {"shown": [{"family": name} for name in (better, *worse)], "winner": 0}
    return statement.sign("pick", said, SIGNER, name=f"pick_{number}", issued_ms=DAY_ONE * DAY_MS).encode()


def files(entries: Iterable[bytes], signer: Signer = SIGNER) -> dict[str, bytes]:
    """The public files of a log."""
    growth = grow(Edge(), list(entries))
    text = Checkpoint(signer.key.name, growth.edge.size, growth.edge.root).text
    return {**growth.files, CHECKPOINT_PATH: Note.signed(text, signer).encode()}


def put(folder: Path, found: Mapping[str, bytes]) -> Path:
    for name, data in found.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder
