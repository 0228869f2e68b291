"""What the whole log shows of a receipt: its place, what is left out, which rules and which keys were in force. Offline."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.receipt_tools import (
    CATALOGUE,
    DECISION,
    FACTS,
    OTHER,
    POLICY,
    SIGNED,
    SIGNER,
    SNAPSHOT,
    TRUST,
    At,
    made,
)

from triptych.cli.log_source import log_address, open_log, with_log
from triptych.cli.verify import reclaim, redecide, rederive
from triptych.network.beside import (
    PackError,
    catalogue_path,
    is_beside_path,
    pack,
    pack_path,
    policy_path,
    unpack,
)
from triptych.network.evidence import Evidence, Verdict
from triptych.network.history import MERGE_DELAY_MS
from triptych.network.jose import decode_url64, encode_url64
from triptych.network.receipt import canonical, read
from triptych.network.receipt import sign as sign_receipt
from triptych.network.statement import hand_over
from triptych.network.statement import sign as sign_statement
from triptych.network.verify import verify
from triptych.router.bundle import policy_bytes, policy_id
from triptych.router.sealed import seal
from triptych.spec.errors import NotFoundError
from triptych.spec.json import JsonObject
from triptych.spec.words import utc
from triptych.tlog.log import Log
from triptych.tlog.note import COSIGNATURE_V1, Signer
from triptych.tlog.policy import TrustPolicy

TAKEN = DECISION.taken_ms
NEXT = Signer.from_seed(SIGNER.key.name, bytes(range(1, 33)))
WITNESS = Signer.from_seed("example.com/witness", bytes(range(2, 34)), COSIGNATURE_V1)
RECEIPT = made(facts=replace(FACTS, seq=0)).body.encode()
ISSUED = int(read(RECEIPT).payload["issued_ms"])
LATE = ISSUED + MERGE_DELAY_MS + 5_000  # when the time of what was issued then is over


def again(signer: Signer = SIGNER, **changes: Any) -> bytes:
    """The same receipt with other facts."""
    payload: JsonObject = {**read(RECEIPT).payload, **changes}
    return sign_receipt(payload, signer).encode()


def stated(kind: str, payload: Mapping[str, Any], signer: Signer = SIGNER, issued_ms: int = ISSUED) -> bytes:
    return sign_statement(kind, dict(payload), signer, name=f"stmt_{kind}", issued_ms=issued_ms).encode()


def active(since: int, policy: str = policy_id(POLICY), signer: Signer = SIGNER) -> bytes:
    return stated("policy", {"policy_id": policy, "active_ms": since}, signer, issued_ms=since)


async def logged(folder: Path, *entries: bytes, cosigned_s: int | None = None) -> Path:
    """A log with these entries, and what lies beside it."""
    name, data = pack([seal(SNAPSHOT).body])
    where = {"ids": [seal(SNAPSHOT).id], "pack": name, "first": 0, "end": 1}
    log = await Log.create(folder / "log", SIGNER, SIGNED)
    for entry in (*entries, stated("snapshots", where)):
        await log.append(entry)
    await log.close()
    if cosigned_s is not None:
        log = await Log.open(folder / "log", SIGNER, SIGNED)
        text = log.checkpoint().decode().partition("\n\n")[0] + "\n"
        assert await log.cosign([WITNESS.sign(text, cosigned_s)], [WITNESS.key])
        await log.close()
    public = folder / "log" / "public"
    for path, body in (
        (policy_path(policy_id(POLICY)), policy_bytes(POLICY)),
        (catalogue_path(str(POLICY.catalogue)), CATALOGUE),
        (pack_path(name), data),
    ):
        (public / path).parent.mkdir(parents=True)
        (public / path).write_bytes(body)
    return public


async def lines(
    log: Path,
    receipt: bytes = RECEIPT,
    trust: TrustPolicy | None = TRUST,
    read_ms: int = ISSUED + 86_400_000,
    **more: Any,
) -> dict[str, tuple[str, str]]:
    evidence = Evidence(receipt=receipt, trust=trust, redecide=redecide, rederive=rederive, reclaim=reclaim, **more)
    report = verify(await with_log(evidence, str(log), At(read_ms)))
    return {line.what: (line.verdict, line.detail) for line in report.lines}


async def test_a_bare_folder_of_a_log_proves_everything_but_the_image(tmp_path: Path) -> None:
    public = await logged(tmp_path, active(1), RECEIPT)
    found = await lines(public)
    assert {what for what, (verdict, _) in found.items() if verdict == "proved"} == {
        "signature", "signer", "log", "omission", "numbers", "policy", "snapshot", "policy in force", "decision",
        "candidates", "way", "asked", "catalogue", "price", "fee",
    }, found  # fmt: skip
    assert "FALSE" not in {verdict for verdict, _ in found.values()}
    assert "3 others" in found["decision"][1]
    assert await lines(public.parent) == found, "a log's own folder is read through its public half"
    with pytest.raises(NotFoundError):
        await lines(tmp_path / "elsewhere")


async def test_without_trust_the_log_is_followed_and_said_to_be_nobodys(tmp_path: Path) -> None:
    found = await lines(await logged(tmp_path, active(1), RECEIPT), trust=None)
    assert found["signer"][0] == "not checked"
    assert found["log"][0] == "proved"
    assert "whose key you were not given" in found["log"][1]


# What the log leaves out.


async def test_a_receipt_that_is_left_out_past_the_merge_delay_is_false_by_a_later_entry(tmp_path: Path) -> None:
    later = again(issued_ms=ISSUED + MERGE_DELAY_MS + 1, seq=1)
    found = await lines(await logged(tmp_path, active(1), later))
    assert found["omission"][0] == "FALSE"
    assert "entry 1 was signed" in found["omission"][1]
    assert found["numbers"][0] == "not checked"


async def test_before_the_merge_delay_is_over_nothing_is_said(tmp_path: Path) -> None:
    soon = again(issued_ms=ISSUED + MERGE_DELAY_MS, seq=1)
    found = await lines(await logged(tmp_path, soon))
    assert found["omission"][0] == "not checked"
    assert "FALSE" not in {verdict for verdict, _ in found.values()}


async def test_a_witness_proves_that_the_time_was_over(tmp_path: Path) -> None:
    trust = TrustPolicy.parse(f"log {SIGNER.key}\nwitness w {WITNESS.key}\nquorum none\n")
    due_s = (ISSUED + MERGE_DELAY_MS) // 1000
    late = await logged(tmp_path / "late", active(1), cosigned_s=due_s + 1)
    found = await lines(late, trust=trust)
    assert found["omission"][0] == "FALSE"
    assert "example.com/witness cosigned" in found["omission"][1]
    early = await logged(tmp_path / "early", active(1), cosigned_s=due_s - 1)
    assert (await lines(early, trust=trust))["omission"][0] == "not checked"


async def test_a_missing_number_is_named_and_a_number_twice_is_false(tmp_path: Path) -> None:
    later = [again(seq=2, id="b", issued_ms=ISSUED + 1), again(seq=4, id="c", issued_ms=ISSUED + 1)]
    end = stated("health", {"act": "enabled"}, issued_ms=ISSUED + MERGE_DELAY_MS + 2)
    found = await lines(await logged(tmp_path / "missing", RECEIPT, *later, end))
    assert found["numbers"][0] == "FALSE"
    assert "2 receipts of this key: number 1, 3" in found["numbers"][1]
    assert f"when its entry 3 was signed, on {utc(ISSUED + MERGE_DELAY_MS + 2)}" in found["numbers"][1]
    found = await lines(await logged(tmp_path / "soon", RECEIPT, *later))
    assert found["numbers"][0] == "not checked"
    same = await lines(await logged(tmp_path / "same", active(1), RECEIPT, RECEIPT))
    assert same["numbers"][0] == "proved", "handed in twice, byte for byte, is one receipt"
    found = await lines(await logged(tmp_path / "twice", RECEIPT, again(id="b")))
    assert found["numbers"][0] == "FALSE"
    assert "entries 0 and 1" in found["numbers"][1]


# What only looks as if the key had signed it, and a log that is not the signer's.


def forged(entry: bytes, signature: str = "AAAA", **changes: Any) -> bytes:
    """An entry with the header of the signer's key, words of somebody else's, and a signature that is not of them."""
    header, body, mine = entry.decode().split(".")
    payload = {**json.loads(decode_url64(body) or b""), **changes}
    return ".".join((header, encode_url64(canonical(payload)), signature or mine)).encode()


@pytest.mark.parametrize("signature", ["AAAA", "", "A" * 86])
async def test_what_the_key_has_not_signed_neither_accuses_nor_acquits(tmp_path: Path, signature: str) -> None:
    twice = await lines(await logged(tmp_path / "twice", RECEIPT, forged(RECEIPT, signature, id="b")))
    assert twice["numbers"] == ("proved", "None is missing: the log has 1 receipt of this key, numbered from 0 on.")
    filled = (
        RECEIPT, forged(RECEIPT, signature, seq=1), again(seq=2, id="c"), stated("health", {"act": "enabled"}, issued_ms=LATE)
    )  # fmt: skip
    found = await lines(await logged(tmp_path / "filled", *filled))
    assert found["numbers"][0] == "FALSE"
    assert "leaves out 1 receipt of this key: number 1." in found["numbers"][1]
    nobody = await lines(await logged(tmp_path / "nobody", active(1), forged(RECEIPT, signature, id="b")))
    assert nobody["numbers"] == ("not checked", "The log has no receipt of this key.")


async def test_no_moment_is_taken_from_what_nobody_has_signed(tmp_path: Path) -> None:
    late = forged(RECEIPT, issued_ms=LATE, id="b"), forged(active(1), issued_ms=LATE)
    assert (await lines(await logged(tmp_path, *late)))["omission"][0] == "not checked"


def told(entry: int, sign: str = "worked") -> dict[str, Any]:
    """The attempt of a receipt, with the event that it was."""
    events = {"epoch": "epo_1", "operation": "edit", "began": 2 * entry + 1, "began_ms": 5, "ended": 2 * entry + 2, "ended_ms": 9,
              "sign": sign, "took_ms": 4}  # fmt: skip
    return {"endpoint": "one/kettle", "outcome": "done", "events": events}


async def test_outcomes_are_those_that_the_keys_of_the_signer_have_signed(tmp_path: Path) -> None:
    key = hand_over(SIGNER, NEXT, name="stmt_key", issued_ms=ISSUED + 5).encode()
    entries = (again(attempts=[told(0)]), again(OTHER, attempts=[told(1)], id="other"), key,
               forged(RECEIPT, attempts=[told(2)], id="forged"), again(NEXT, attempts=[told(3)], id="next"))  # fmt: skip
    counted: list[list[object]] = []

    def rederived(_: bytes, payloads: Iterable[Mapping[str, Any]]) -> tuple[Verdict, str]:
        counted.append([one.get("id") for one in payloads])
        return "not checked", ""

    log = await logged(tmp_path, *entries)
    evidence = Evidence(receipt=RECEIPT, trust=TRUST, rederive=rederived)
    verify(await with_log(evidence, str(log), At(ISSUED + 9)))
    assert counted == [[read(RECEIPT).payload["id"], "next"]]


async def test_in_a_log_of_somebody_else_nothing_is_missing_or_twice_and_no_policy_in_force(tmp_path: Path) -> None:
    copied = (again(OTHER, issued_ms=LATE), active(1), RECEIPT, again(id="b"), again(seq=5, id="c"))
    log = await Log.create(tmp_path / "log", OTHER, SIGNED)
    for entry in copied:
        await log.append(entry)
    await log.close()
    found = await lines(tmp_path / "log" / "public", trust=None)
    for what in ("numbers", "policy in force"):
        assert found[what][0] == "not checked"
        assert "is not that of the receipt's signer" in found[what][1]
    both = TrustPolicy.parse(f"log {SIGNER.key}\nlog {OTHER.key}\nquorum none\n")
    found = await lines(tmp_path / "log" / "public", trust=both)
    assert (found["numbers"][0], found["policy in force"][0]) == ("FALSE", "proved")


# A clock in the future.


async def test_an_entry_later_than_the_readers_clock_shows_no_time_to_be_over(tmp_path: Path) -> None:
    ahead = stated("health", {"act": "enabled"}, issued_ms=LATE)
    log = await logged(tmp_path / "omitted", ahead)
    now = await lines(log, read_ms=LATE - 1)
    assert now["omission"][0] == "not checked"
    assert f"Entry 0 says that it was signed on {utc(LATE)}, later than your own clock" in now["omission"][1]
    assert (await lines(log, read_ms=LATE))["omission"][0] == "FALSE"
    log = await logged(tmp_path / "missing", RECEIPT, again(seq=2, id="b"), ahead)
    now = await lines(log, read_ms=LATE - 1)
    assert now["numbers"][0] == "not checked"
    assert "Entry 2 says that it was signed on" in now["numbers"][1]
    assert (await lines(log, read_ms=LATE))["numbers"][0] == "FALSE"


async def test_an_entry_later_than_the_cosignature_over_it_shows_no_time_to_be_over(tmp_path: Path) -> None:
    trust = TrustPolicy.parse(f"log {SIGNER.key}\nwitness w {WITNESS.key}\nquorum none\n")
    ahead = stated("health", {"act": "enabled"}, issued_ms=LATE)
    entries = RECEIPT, again(seq=2, id="b"), ahead
    for cosigned_s, verdict in ((LATE // 1000 - 1, "not checked"), (LATE // 1000, "FALSE")):
        log = await logged(tmp_path / verdict, *entries, cosigned_s=cosigned_s)
        assert (await lines(log, trust=trust))["numbers"][0] == verdict
    early = await logged(tmp_path / "omitted", ahead, cosigned_s=ISSUED // 1000)
    found = await lines(early, trust=trust)
    assert found["omission"][0] == "not checked"
    assert "or a cosignature: it is not believed." in found["omission"][1]


# The rules that were in force.


@pytest.mark.parametrize(
    ("entries", "verdict"),
    [
        ((active(TAKEN),), "proved"),
        ((active(1, "ab" * 32), active(TAKEN - 5)), "proved"),
        ((active(1), active(TAKEN - 999, "ab" * 32)), "proved"),
        ((active(1), active(TAKEN - 1000, "ab" * 32)), "FALSE"),
        ((active(1, "ab" * 32),), "FALSE"),
        ((active(1, "ab" * 32), active(TAKEN + 1)), "FALSE"),
        ((active(TAKEN + 1),), "not checked"),
        ((), "not checked"),
        ((active(1, signer=OTHER),), "not checked"),
    ],
)
async def test_the_policy_must_be_the_one_that_was_active(
    tmp_path: Path, entries: tuple[bytes, ...], verdict: str
) -> None:
    assert (await lines(await logged(tmp_path, *entries, RECEIPT)))["policy in force"][0] == verdict


# Keys.


async def test_a_receipt_of_an_earlier_key_is_proved_by_the_hand_over(tmp_path: Path) -> None:
    key = hand_over(SIGNER, NEXT, name="stmt_key", issued_ms=ISSUED + 5).encode()
    public = await logged(tmp_path, active(1), RECEIPT, key, again(NEXT, issued_ms=ISSUED + 9))
    found = await lines(public, keys=(SIGNER.key.public, NEXT.key.public), trust=None)
    assert found["signer"][0] == "proved"
    assert f"in use until {utc(ISSUED + 5)}" in found["signer"][1]
    both = TrustPolicy.parse(f"log {NEXT.key}\nlog {SIGNER.key}\nquorum none\n")
    assert (await lines(public, trust=both))["signer"][0] == "proved"
    new = await lines(public, again(NEXT, issued_ms=ISSUED + 9), trust=both)
    assert (new["signer"][0], new["policy in force"][0]) == ("proved", "proved")


async def test_a_key_may_not_sign_after_it_has_handed_over(tmp_path: Path) -> None:
    key = hand_over(SIGNER, NEXT, name="stmt_key", issued_ms=ISSUED - 1).encode()
    found = await lines(await logged(tmp_path, key, RECEIPT))
    assert found["signer"][0] == "FALSE"
    assert "handed over" in found["signer"][1]


# A log that cannot be believed, and what lies beside it.


async def test_a_log_of_another_key_is_false_and_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    public = await logged(tmp_path, RECEIPT)
    other = TrustPolicy.parse(f"log {OTHER.key}\nquorum none\n")
    found = await lines(public, trust=other, keys=(SIGNER.key.public,))
    assert found["log"][0] == "FALSE"
    with pytest.raises(NotFoundError):
        await lines(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError):
        await lines(tmp_path / "empty")


async def test_any_changed_byte_of_a_log_is_false(tmp_path: Path) -> None:
    public = await logged(tmp_path, active(1), RECEIPT)
    wrong = 0
    for path in sorted((public / "tile").rglob("000.p/3")):  # the tree has three entries
        data = path.read_bytes()
        for place in range(0, len(data), 97):
            path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            assert (await lines(public))["log"][0] == "FALSE", (path, place)
            wrong += 1
        path.write_bytes(data)
    assert wrong > 10
    assert (await lines(public))["log"][0] == "proved"


async def test_what_lies_beside_the_log_is_believed_only_by_its_hash(tmp_path: Path) -> None:
    public = await logged(tmp_path, active(1), RECEIPT)
    for path in sorted(p for p in (public / "triptych").rglob("*") if p.is_file()):
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        verdicts = {verdict for verdict, _ in (await lines(public)).values()}
        # A pack that is damaged is no pack, so that the snapshot is missing; the others are what the receipt names.
        assert ("FALSE" in verdicts) != path.name.endswith(".gz"), path
        path.write_bytes(data)


def test_a_pack_gives_back_what_went_in() -> None:
    bodies = [b'{"a":1}', b'{"b":2}']
    name, data = pack(bodies)
    assert (name, data) == pack(bodies)
    assert sorted(unpack(name, data).values()) == bodies
    for bad in (data[:-1], data + b"x", b""):
        with pytest.raises(PackError):
            unpack(name, bad)
    assert is_beside_path(pack_path(name))
    assert is_beside_path(policy_path("ab" * 32))
    assert not is_beside_path(f"triptych/snapshots/00/{'ab' * 32}.jsonl.gz")
    assert not is_beside_path("triptych/policy/../../identity.key")


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("http://127.0.0.1:8700", "http://127.0.0.1:8700/log"),
        ("http://127.0.0.1:8700/", "http://127.0.0.1:8700/log"),
        ("https://example.com/a/log/", "https://example.com/a/log"),
    ],
)
def test_the_log_of_a_server_is_under_log(source: str, address: str) -> None:
    assert log_address(source) == address


async def test_a_log_is_opened_from_a_folder(tmp_path: Path) -> None:
    public = await logged(tmp_path, RECEIPT)
    async with AsyncExitStack() as stack:
        assert await asyncio.ensure_future(open_log(stack, str(public), SIGNED)("checkpoint"))
