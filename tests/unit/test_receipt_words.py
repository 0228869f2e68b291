"""What a check says to somebody who reads it for the first time: nothing computed on what is not named, each file told by
what it is, and a last line that sums it up."""

import asyncio
import copy
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli_tools import Cli, cli_on
from tests.unit.receipt_tools import CATALOGUE, IMAGE, OTHER, POLICY, SIGNED, SIGNER, SNAPSHOT, Whole, made, whole
from tests.unit.test_receipt_log import ISSUED, RECEIPT, active, again, lines, logged

from triptych.cli.evidence_files import kind_of
from triptych.cli.verify import reclaim, redecide
from triptych.network.history import MERGE_DELAY_MS
from triptych.network.jose import jwk_of
from triptych.network.receipt import read, sign
from triptych.network.verify import Evidence, verify
from triptych.router.bundle import policy_bytes
from triptych.router.sealed import seal
from triptych.spec.words import counted, usd, utc
from triptych.tlog.log import Log
from triptych.tlog.policy import TrustPolicy

OTHER_SNAPSHOT = seal(replace(SNAPSHOT, taken_ms=1)).body
OTHER_POLICY = policy_bytes(replace(POLICY, name="mine"))
OTHER_CATALOGUE = CATALOGUE.replace(b"40000", b"40001")


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    with cli_on(tmp_path / "data", monkeypatch, capsys) as made_one:
        yield made_one


@pytest.fixture
def all_of_it(tmp_path: Path) -> Whole:
    found = asyncio.run(whole(tmp_path))
    return replace(found, evidence=replace(found.evidence, redecide=redecide, reclaim=reclaim))


@pytest.mark.parametrize(
    ("brought", "wrong", "open_"),
    [
        ({"snapshot": OTHER_SNAPSHOT}, "snapshot", {"decision", "candidates", "outcomes"}),
        ({"policy": OTHER_POLICY}, "policy", {"decision", "candidates", "catalogue", "price", "fee"}),
        ({"catalogue": OTHER_CATALOGUE}, "catalogue", {"candidates", "price"}),
    ],
)
def test_what_is_computed_on_a_file_that_is_not_named_is_not_checked(
    all_of_it: Whole, brought: dict[str, bytes], wrong: str, open_: set[str]
) -> None:
    found = {one.what: one for one in verify(replace(all_of_it.evidence, **brought)).lines}  # type: ignore[arg-type]
    assert [one.what for one in found.values() if one.verdict == "FALSE"] == [wrong]
    for what in open_:
        assert found[what].verdict == "not checked"
        assert "not the one that is named" in found[what].detail, found[what]


async def test_another_signers_log_is_named_as_that_and_leaves_nothing_out(tmp_path: Path) -> None:
    log = await Log.create(tmp_path / "log", OTHER, SIGNED)
    for entry in (active(1, signer=OTHER), again(OTHER, issued_ms=ISSUED + MERGE_DELAY_MS + 5)):
        await log.append(entry)
    await log.close()
    found = await lines(tmp_path / "log" / "public", trust=None)
    assert found["omission"][0] == "not checked"
    assert "it is not the log of the receipt's signer" in found["omission"][1]
    assert "FALSE" not in {verdict for verdict, _ in found.values()}
    # But where the reader's own trust says that both are keys of this log, it must have the receipt.
    both = TrustPolicy.parse(f"log {SIGNER.key}\nlog {OTHER.key}\nquorum none\n")
    assert (await lines(tmp_path / "log" / "public", trust=both))["omission"][0] == "FALSE"


async def test_moments_are_dates_and_places_are_counted_from_nought(tmp_path: Path) -> None:
    later = again(issued_ms=ISSUED + MERGE_DELAY_MS + 1, seq=1)
    found = await lines(await logged(tmp_path / "a", active(1), later))
    assert (
        f"it was due on {utc(ISSUED + MERGE_DELAY_MS)}, and on {utc(ISSUED + MERGE_DELAY_MS + 1)} its entry 1"
        in found["omission"][1]
    )
    found = await lines(await logged(tmp_path / "b", RECEIPT))
    assert (
        "It is entry 0, counted from 0, of a log that you trust, example.com/log, which has 2 entries."
        in found["log"][1]
    )
    assert found["numbers"][1] == "None is missing: the log has 1 receipt of this key, numbered from 0 on."


# Files in each other's place.


@pytest.fixture
def files(tmp_path: Path, all_of_it: Whole) -> dict[str, str]:
    evidence = all_of_it.evidence
    error = {"error": {"message": "not yet", "type": "server_error"}}
    answer = {"data": [], "triptych": {"receipt": {"id": "x", "jws": evidence.receipt.decode()}}}
    bodies = {
        "receipt": evidence.receipt, "picture": IMAGE, "proof": evidence.proof, "policy": evidence.policy,
        "trust": f"# ours\nlog {SIGNER.key}\nquorum none\n".encode(), "snapshot": evidence.snapshot,
        "catalogue": evidence.catalogue, "opening": evidence.opening,
        "key": json.dumps({"keys": [jwk_of(SIGNER.key.public)]}).encode(), "vkey": f"{SIGNER.key}\n".encode(),
        "statement": active(1), "error": json.dumps(error).encode(), "answer": json.dumps(answer).encode(),
        "checkpoint": (tmp_path / "log" / "public" / "checkpoint").read_bytes(), "empty": b"\n",
    }  # fmt: skip
    for name, data in bodies.items():
        assert data is not None
        (tmp_path / name).write_bytes(data)
    return {name: str(tmp_path / name) for name in bodies}


def test_each_file_is_told_by_what_is_in_it(files: dict[str, str]) -> None:
    told = {name: kind_of(Path(path).read_bytes()) for name, path in files.items()}
    assert told == {name: {"vkey": "key", "empty": None}.get(name, name) for name in files}


PLACES = {"--proof": {"proof"}, "--policy": {"policy", "trust"}, "--snapshot": {"snapshot"}, "--catalogue": {"catalogue"},
          "--opening": {"opening"}, "--key": {"key", "vkey"}, "": {"picture"}}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_file_in_anothers_place_is_a_wrong_call_that_says_what_it_is(
    cli: Cli, files: dict[str, str], place: str
) -> None:
    for name, path in files.items():
        if name in PLACES[place]:
            continue
        said = cli("verify", files["receipt"], *([place] if place else []), path)
        assert said.code == 2, (name, said.out)
        assert f"{path} is " in said.err
        assert "FALSE" not in said.out


def test_a_receipt_and_a_picture_that_changed_places_are_told_so(cli: Cli, files: dict[str, str]) -> None:
    said = cli("verify", files["picture"], files["receipt"])
    assert (said.code, said.out) == (2, "")
    assert "is a picture; it comes after the receipt, without an option." in said.err
    twice = cli("verify", files["receipt"], "--policy", files["policy"], "--policy", files["policy"])
    assert (twice.code, "another routing policy; one is taken" in twice.err) == (2, True)


def test_what_is_damaged_is_false_and_no_wrong_call(cli: Cli, files: dict[str, str]) -> None:
    for name, what in (("receipt", "signature"), ("snapshot", "snapshot"), ("policy", "policy")):
        path = Path(files[name])
        data = path.read_bytes()
        path.write_bytes(data[:20] + bytes([data[20] ^ 1]) + data[21:])
        option = [] if name == "receipt" else [f"--{name}", files[name]]
        said = cli("verify", files["receipt"], *option)
        path.write_bytes(data)
        assert said.code == 1, said.err
        assert f"FALSE       {what} " in said.out
        assert said.out.endswith("\nFALSE: 1 line. Do not rely on this receipt.\n")


def test_counts_amounts_and_moments_in_words() -> None:
    assert [counted(number, "entry", "entries") for number in (0, 1, 2)] == ["0 entries", "1 entry", "2 entries"]
    assert [usd(one) for one in (0, 1, 40_000, 1_500_000)] == ["$0.00", "$0.000001", "$0.04", "$1.50"]
    assert utc(1_795_286_572_977) == "2026-11-21 18:42:52.977 UTC"
    assert utc(0) == "1970-01-01 00:00:00 UTC"
    assert utc(253_402_300_799_999) == "9999-12-31 23:59:59.999 UTC"
    assert [utc(one) for one in (-1, 2**53)] == ["-1 milliseconds after 1970", f"{2**53} milliseconds after 1970"]


# Whatever a signer signs, a check ends with lines.

STRANGE: tuple[Any, ...] = (None, True, -1, 2**53 - 1, "", "x", [], [None], {}, {"x": None})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value in a payload."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield (*path, name)
        yield from places(child, (*path, name))


def strange_receipts() -> Iterator[tuple[tuple[Any, ...], str]]:
    """The receipt with one value replaced by another of any kind, signed again."""
    payload: Any = dict(read(made().body.encode()).payload)
    for at, path in enumerate(places(payload)):
        for strange in STRANGE[at % 2 :: 2]:
            changed = copy.deepcopy(payload)
            inner = changed
            for name in path[:-1]:
                inner = inner[name]
            inner[path[-1]] = strange
            yield (*path, strange), sign(changed, SIGNER)


def test_no_receipt_that_anybody_signs_breaks_the_check(all_of_it: Whole) -> None:
    tried = 0
    for where, body in strange_receipts():
        report = verify(replace(all_of_it.evidence, receipt=body.encode()))
        assert not report.ok, where  # it is not the receipt that the log has
        tried += 1
    assert tried > 500


def test_no_catalogue_that_anybody_publishes_breaks_the_check(all_of_it: Whole) -> None:
    cards = json.loads(CATALOGUE)
    rule = {
        "multiple": 1,
        "min_side": 64,
        "max_side": 4096,
        "min_pixels": 0,
        "max_pixels": 1 << 26,
        "min_ratio": 0.0625,
        "max_ratio": 16.0,
    }
    cards[1]["capabilities"]["size_rule"] = rule
    payload = dict(read(all_of_it.evidence.receipt).payload)
    for path in places(cards):
        for strange in (*STRANGE, 0, 10**12, 0.5, "0x0", "9" * 400):
            changed = copy.deepcopy(cards)
            inner = changed
            for name in path[:-1]:
                inner = inner[name]
            inner[path[-1]] = strange
            body = json.dumps(changed).encode()
            policy = policy_bytes(replace(POLICY, catalogue=None)).replace(
                b'"catalogue":null', b'"catalogue":"%s"' % sha(body)
            )
            named = {**payload, "decision": {**payload["decision"], "policy_id": sha(policy).decode()}}
            evidence = Evidence(receipt=sign(named, SIGNER).encode(), policy=policy, snapshot=all_of_it.evidence.snapshot,
                                catalogue=body, reclaim=reclaim)  # fmt: skip
            found = {one.what: one.verdict for one in verify(evidence).lines}
            assert (found["policy"], found["catalogue"]) == ("proved", "proved"), path


def sha(data: bytes) -> bytes:

    return hashlib.sha256(data).hexdigest().encode()
