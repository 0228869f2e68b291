"""What `verify` proves, what it does not, and that it sees every change. All offline."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.cli_tools import Cli, cli_on
from tests.unit.receipt_tools import (
    FACTS,
    IMAGE,
    OTHER,
    SIGNER,
    SNAPSHOT,
    TILE,
    TRUST,
    Whole,
    made,
    picture_bytes,
    whole,
)

from triptych.cli.verify import reclaim, redecide
from triptych.network.jose import jwk_of
from triptych.network.verify import Evidence, Report, verify
from triptych.router.sealed import seal
from triptych.tlog.policy import TrustPolicy


@pytest.fixture
async def all_of_it(tmp_path: Path) -> Whole:
    found = await whole(tmp_path)
    return replace(found, evidence=replace(found.evidence, redecide=redecide, reclaim=reclaim))


def verdicts(report: Report) -> dict[str, str]:
    return {line.what: line.verdict for line in report.lines}


def false(report: Report) -> set[str]:
    return {line.what for line in report.lines if line.verdict == "FALSE"}


async def test_with_everything_but_the_log_all_else_is_proved(all_of_it: Whole) -> None:
    report = verify(all_of_it.evidence)
    assert report.ok
    not_checked = {"witnesses", "policy in force", "outcomes"}  # those take a witness, and the whole log
    assert {what for what, verdict in verdicts(report).items() if verdict == "not checked"} == not_checked
    proved = {"signature", "signer", "image a.png", "log", "policy", "snapshot", "decision", "candidates", "way", "asked",
              "catalogue", "price", "fee", "request"}  # fmt: skip
    assert {what for what, verdict in verdicts(report).items() if verdict == "proved"} == proved


def test_with_nothing_but_the_receipt_only_its_signature_and_that_its_words_agree_is_proved() -> None:
    report = verify(Evidence(receipt=made().body.encode()))
    assert report.ok
    assert {what for what, verdict in verdicts(report).items() if verdict == "proved"} == {"signature", "way", "asked"}


async def test_any_changed_byte_of_the_receipt_is_seen(all_of_it: Whole) -> None:
    data = all_of_it.evidence.receipt
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert not verify(replace(all_of_it.evidence, receipt=changed)).ok, place


async def test_any_changed_byte_of_image_proof_policy_snapshot_catalogue_or_opening_is_seen(all_of_it: Whole) -> None:
    draw = random.Random(7)
    whole_thing = all_of_it.evidence
    for name in ("proof", "policy", "snapshot", "catalogue", "opening"):
        data: bytes = getattr(whole_thing, name)
        for place in range(len(data)) if name == "proof" else draw.sample(range(len(data)), min(len(data), 150)):
            changed = data[:place] + bytes([data[place] ^ (1 << draw.randrange(7))]) + data[place + 1 :]
            # Of the opening only the salt and the request count: the other fields are the caller's.
            if name == "opening" and changed_only_elsewhere(data, changed):
                continue
            assert not verify(replace(whole_thing, **{name: changed})).ok, (name, place)  # type: ignore[arg-type]
    for place in draw.sample(range(len(IMAGE)), 60):
        changed = IMAGE[:place] + bytes([IMAGE[place] ^ 1]) + IMAGE[place + 1 :]
        assert false(verify(replace(whole_thing, images={"a.png": changed}))) == {"image a.png"}


def changed_only_elsewhere(data: bytes, changed: bytes) -> bool:
    try:
        one, two = json.loads(data), json.loads(changed)
    except ValueError:
        return False
    return bool(one["salt"] == two.get("salt", "").lower() and one["request"] == two.get("request"))


async def test_what_does_not_belong_to_the_receipt_is_false(all_of_it: Whole) -> None:
    whole_thing = all_of_it.evidence
    other_trust = TrustPolicy.parse(f"log {OTHER.key}\nquorum none\n")
    other = made().body.encode()  # the same facts, another receipt
    for change, wrong in (
        ({"images": {"b.png": picture_bytes("red")}}, "image b.png"),
        ({"images": {"b.png": b"no picture"}}, "image b.png"),
        ({"keys": (OTHER.key.public,), "trust": None}, "signer"),
        ({"trust": other_trust}, "log"),
        ({"receipt": other}, "log"),
        ({"policy": b'{"format":"triptych-policy/1","name":"mine"}'}, "policy"),
        ({"snapshot": seal(replace(SNAPSHOT, taken_ms=1)).body}, "snapshot"),
        ({"opening": made().private.encode()}, "request"),
    ):
        assert wrong in false(verify(replace(whole_thing, **change))), wrong


async def test_the_log_of_the_receipts_own_key_needs_no_policy_to_be_followed(all_of_it: Whole) -> None:
    assert verdicts(verify(replace(all_of_it.evidence, trust=None)))["log"] == "proved"


@pytest.mark.parametrize("wrong", ["picked", "reason", "counted"])
async def test_a_decision_that_the_rules_do_not_give_is_false(all_of_it: Whole, wrong: str) -> None:
    """The signer lies about its own decision."""
    decision = FACTS.decisions[0]
    first, second, *rest = decision.candidates
    lies = {
        "picked": (replace(second, rank=0, reason="picked"), replace(first, rank=1, reason="ranked_lower"), *rest),
        "reason": (first, replace(second, rank=-1, reason="unhealthy"), *rest),
        "counted": (first, second, *rest[:-1]),
    }
    lie = replace(decision, candidates=lies[wrong])
    receipt = made(facts=replace(FACTS, decisions=(lie,))).body.encode()
    assert "decision" in false(verify(replace(all_of_it.evidence, receipt=receipt, proof=None, opening=None)))


def test_a_tile_that_failed_before_any_decision_has_a_receipt_too() -> None:
    body = made(
        replace(TILE, state="failed", decision_id=None, endpoint=None, cost=None),
        replace(FACTS, attempts=(), decisions=()),
    ).body
    assert verify(Evidence(receipt=body.encode())).ok
    assert false(verify(Evidence(receipt=body.encode(), policy=b"{}"))) == {"policy"}


# The command.


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    with cli_on(tmp_path / "data", monkeypatch, capsys) as made_cli:
        return made_cli


def written(folder: Path, found: Whole) -> dict[str, str]:
    evidence = found.evidence
    files = {
        "receipt": evidence.receipt + b"\n", "a.png": IMAGE, "proof": evidence.proof, "policy.json": evidence.policy,
        "trust": f"log {SIGNER.key}\nquorum none\n".encode(), "snapshot": evidence.snapshot, "opening": evidence.opening,
        "jwk": json.dumps({"keys": [jwk_of(SIGNER.key.public)]}).encode(), "vkey": f"{SIGNER.key}\n".encode(),
    }  # fmt: skip
    for name, data in files.items():
        assert data is not None
        (folder / name).write_bytes(data)
    return {name: str(folder / name) for name in files}


async def test_the_command_says_each_line_and_what_cannot_be_proved(cli: Cli, tmp_path: Path, all_of_it: Whole) -> None:
    at = written(tmp_path, all_of_it)
    said = cli("verify", at["receipt"], at["a.png"], "--proof", at["proof"], "--policy", at["trust"], "--policy",
               at["policy.json"], "--snapshot", at["snapshot"], "--key", at["jwk"], "--opening", at["opening"])  # fmt: skip
    assert said.code == 0, said.err
    assert said.out.count("proved ") >= 8
    assert not [line for line in said.out.splitlines() if line.startswith("FALSE")]
    assert "\nNothing is FALSE: 11 proved, 5 not checked.\n" in said.out
    assert "No receipt can prove:" in said.out
    nobodys = cli("verify", at["receipt"], at["a.png"])
    assert nobodys.code == 0
    assert nobodys.out.endswith(" Whose key this is was not checked: this shows only that the files agree.\n")
    assert "\nNothing is FALSE: " in nobodys.out
    assert not (tmp_path / "data").exists(), "a check needs no data folder"


async def test_the_command_fails_with_one_when_something_is_false(cli: Cli, tmp_path: Path, all_of_it: Whole) -> None:
    at = written(tmp_path, all_of_it)
    (tmp_path / "a.png").write_bytes(IMAGE + b"\0")
    said = cli("verify", at["receipt"], at["a.png"], "--key", at["vkey"], "--json")
    report = json.loads(said.out)
    assert (said.code, report["ok"]) == (1, False)
    assert [line["what"] for line in report["lines"] if line["verdict"] == "FALSE"] == [f"image {at['a.png']}"]
    assert report["cannot_be_proved"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "gone"), ("verify", "receipt", "gone.png"), ("verify", "receipt", "--key", "a.png"),
        ("verify", "receipt", "--policy", "a.png"), ("verify", "receipt", "--proof", "gone"), ("verify",),
    ],
)  # fmt: skip
async def test_a_wrong_call_is_two(cli: Cli, tmp_path: Path, all_of_it: Whole, arguments: tuple[str, ...]) -> None:
    at = written(tmp_path, all_of_it)
    said = cli(arguments[0], *(at.get(argument, argument) for argument in arguments[1:]))
    assert said.code == 2
    assert said.err


def test_trust_is_read_from_the_log_policy() -> None:
    assert TRUST.logs == (SIGNER.key,)
