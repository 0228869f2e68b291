"""Every receipt of a server that does its work honestly holds: checked with all that is kept, at the end of its life."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from triptych.cli.log_source import with_log
from triptych.cli.verify import reclaim, redecide, rederive
from triptych.network.receipt import read
from triptych.network.verify import Evidence, verify
from triptych.spec.clock import SystemClock

OF_THE_LOG = ("log", "omission", "numbers")
"""Lines that are false in tests that lose a log on purpose."""


def false_lines(data: Path) -> list[str]:
    """What is FALSE of the receipts in a data folder whose server has stopped."""
    found = ((name, said) for name, verdict, said in every_line(data) if verdict == "FALSE")
    return [f"{name} {said}" for name, said in found if said.partition(":")[0] not in OF_THE_LOG]


def every_line(data: Path) -> list[tuple[str, str, str]]:
    """The receipt, the verdict, and what was looked at with the words, for every line of every receipt."""
    database, log = data / "triptych.db", data / "tlog" / "public"
    if not database.exists():
        return []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        receipts = db.execute("select id, body, private from receipts order by seq").fetchall()
        policies, snapshots = (
            dict(db.execute(f"select id, body from {name}").fetchall()) for name in ("policies", "snapshots")
        )
        settings = dict(db.execute("select name, value from settings where name like 'catalogue %'").fetchall())
    catalogues = {name.removeprefix("catalogue "): msgspec.json.decode(value) for name, value in settings.items()}
    found: list[tuple[str, str, str]] = []
    for name, body, private in receipts:
        stated = read(body.encode()).payload.get("decision") or {}
        policy, snapshot = policies.get(stated.get("policy_id")), snapshots.get(stated.get("snapshot_id"))
        catalogue = catalogues.get(msgspec.json.decode(policy).get("catalogue")) if policy else None
        evidence = Evidence(
            receipt=body.encode(), opening=private.encode(), redecide=redecide, rederive=rederive, reclaim=reclaim,
            policy=policy.encode() if policy else None, snapshot=snapshot.encode() if snapshot else None,
            catalogue=catalogue.encode() if catalogue else None,
        )  # fmt: skip
        if (log / "checkpoint").exists():
            evidence = asyncio.run(with_log(evidence, str(log), SystemClock()))
        found += [
            (name, line.verdict, f"{line.what}: {line.detail} {body if line.verdict == 'FALSE' else ''}")
            for line in verify(evidence).lines
        ]
    return found
