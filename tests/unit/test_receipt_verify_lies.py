"""What a dishonest signer makes up is FALSE, in the line that is about it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.receipt_lies import LIES, SNAPSHOT_LIES, given, lies, snapshot_lies, talked
from tests.unit.receipt_tools import (
    CARDS,
    CATALOGUE,
    FACTS,
    FEATURES,
    POLICY,
    RUN,
    SNAPSHOT,
    TAKEN,
    TILE,
    card,
    made,
    whole,
)
from tests.unit.test_receipt_log import ISSUED, RECEIPT, active, again, lines, logged, stated

from triptych.cli.verify import reclaim, redecide
from triptych.network.check_price import request_for
from triptych.network.history import MERGE_DELAY_MS
from triptych.network.receipt import read
from triptych.network.verify import Evidence, verify
from triptych.router.bundle import policy_id
from triptych.router.claims import claims
from triptych.router.policy import catalogue_body
from triptych.spec.price import estimate

FORGED = lies()


@pytest.mark.parametrize("name", FORGED)
async def test_each_lie_is_false_where_it_is_told(tmp_path: Path, name: str) -> None:
    body, opening = FORGED[name]
    evidence = replace((await whole(tmp_path)).evidence, receipt=body.encode(), opening=opening.encode(), proof=None,
                       redecide=redecide, reclaim=reclaim)  # fmt: skip
    found = {line.what: line.verdict for line in verify(evidence).lines}
    assert found[LIES[name][0] if name in LIES else "request"] == "FALSE"


@pytest.mark.parametrize("name", SNAPSHOT_LIES)
async def test_a_snapshot_that_the_catalogue_contradicts_is_false(tmp_path: Path, name: str) -> None:
    body, opening, snapshot = snapshot_lies()[name]
    evidence = replace((await whole(tmp_path)).evidence, receipt=body.encode(), opening=opening.encode(), proof=None,
                       snapshot=snapshot.encode(), redecide=redecide, reclaim=reclaim)  # fmt: skip
    found = {line.what: line.verdict for line in verify(evidence).lines}
    assert (found["snapshot"], found["decision"], found["candidates"]) == ("proved", "proved", "FALSE")


def test_the_pictures_of_earlier_turns_are_inputs_that_count_for_nothing_else() -> None:
    found = talked()
    inputs = read(found.body.encode()).payload["inputs"]
    assert [(one["sha256"][:2], one["role"]) for one in inputs] == [
        ("ab", "edit"), ("ef", "mask"), ("01", "turn"), ("02", "turn"), ("03", "turn"),
    ]  # fmt: skip
    report = verify(Evidence(receipt=found.body.encode(), opening=found.private.encode()))
    verdicts = {line.what: line.verdict for line in report.lines}
    assert (verdicts["asked"], verdicts["request"]) == ("proved", "proved")
    asked = request_for(read(found.body.encode()).payload, None)(CARDS[0])
    assert asked is not None
    assert len(asked.images) == 1


def test_turns_of_many_pictures_hide_nothing_of_the_request_itself() -> None:
    turns: list[Any] = [{"prompt": "x", "answer": given("ab"), "images": [given(f"{at:02x}") for at in range(60)]}]
    found = made(replace(TILE, request={**TILE.request, "turns": turns}))
    payload = read(found.body.encode()).payload
    assert [one["role"] for one in payload["inputs"]] == ["edit", *["turn"] * 39]
    report = verify(Evidence(receipt=found.body.encode(), opening=found.private.encode()))
    assert {line.verdict for line in report.lines if line.what in {"asked", "request"}} == {"proved"}
    decision = payload["decision"]
    more = {**payload, "decision": {**decision, "features": {**decision["features"], "input_images": 2}}}
    lied = verify(Evidence(receipt=again(**more)))
    assert next(line.verdict for line in lied.lines if line.what == "asked") == "FALSE"
    assert request_for(payload, None)(CARDS[0]) is not None


@pytest.mark.parametrize("turns", ["x", 5, [1], [{}], [{"images": 5, "answer": "x"}], [{"images": [1]}]])
def test_turns_that_are_none_do_no_harm(turns: Any) -> None:
    found = made(replace(TILE, request={**TILE.request, "turns": turns}))
    report = verify(Evidence(receipt=found.body.encode(), opening=found.private.encode()))
    assert next(line.verdict for line in report.lines if line.what == "request") == "proved"


def test_an_opening_from_before_conditions_were_committed_to_is_still_read() -> None:
    found = made()
    report = verify(Evidence(receipt=found.body.encode(), opening=found.private.encode()))
    assert "Conditions in it: none." in report.lines[-1].detail


def test_conditions_that_were_kept_are_told_to_their_owner() -> None:
    run = replace(RUN, settings={"no_training": True, "hedge": True})
    decision = replace(FACTS.decisions[0], features=replace(FEATURES, no_training=True))
    found = made(facts=replace(FACTS, run=run, decisions=(decision,)))
    said = verify(Evidence(receipt=found.body.encode(), opening=found.private.encode())).lines[-1]
    assert (said.what, said.verdict) == ("request", "proved")
    assert "no_training yes, hedge yes" in said.detail


# The snapshot against the catalogue.


@pytest.mark.parametrize(
    ("at", "change", "words"),
    [
        (0, {"price_micro_usd": 5}, "the price of one/kettle is $0.04 and not $0.000005"),
        (1, {"lane": "local"}, "lane of two/kettle is commercial and not local"),
        (1, {"training": "no"}, "training of two/kettle is unknown and not no"),
        (
            1,
            {"supports": ("operation_unsupported",), "price_micro_usd": None},
            "two/kettle is not operation_unsupported",
        ),
        (1, {"supports": ("retired",), "price_micro_usd": None}, "two/kettle is not retired"),
        (3, {"endpoint": "five/fox"}, "four/fox is left out; the catalogue has no five/fox"),
    ],
)
def test_an_endpoint_that_is_not_as_its_card_says_is_named(at: int, change: dict[str, Any], words: str) -> None:
    states = [*SNAPSHOT.endpoints]
    states[at] = replace(states[at], **change)
    ask = request_for(read(made().body.encode()).payload, None)
    found = claims(replace(SNAPSHOT, endpoints=tuple(states)), CATALOGUE, FEATURES, ask, estimate)
    assert "; ".join(found.wrong) == words


def test_what_a_card_does_not_take_must_be_said_and_a_models_own_word_is_its_own() -> None:
    first = card("one/kettle", "commercial", 40_000)
    caps = replace(first.capabilities, operations=("generate",), max_input_images=0)
    body = catalogue_body([replace(first, capabilities=caps), *CARDS[1:]])
    ask = request_for(read(made().body.encode()).payload, None)
    wrong = claims(SNAPSHOT, body, FEATURES, ask, estimate).wrong
    assert wrong == (
        "one/kettle is operation_unsupported, and not said to be",
        "one/kettle is too_many_inputs, and not said to be",
    )
    refused = replace(SNAPSHOT.endpoints[0], supports=("size_unsupported",), price_micro_usd=None)
    assert (
        claims(
            replace(SNAPSHOT, endpoints=(refused, *SNAPSHOT.endpoints[1:])), CATALOGUE, FEATURES, ask, estimate
        ).wrong
        == ()
    )


# Which policy was in force.


async def test_a_policy_that_is_stated_after_the_receipt_proves_nothing(tmp_path: Path) -> None:
    other = "ab" * 32
    at_once = stated("policy", {"policy_id": policy_id(POLICY), "active_ms": TAKEN - 5}, issued_ms=TAKEN)
    found = await lines(await logged(tmp_path / "a", active(1, other), RECEIPT, at_once, active(TAKEN + 5, other)))
    assert found["policy in force"][0] == "not checked"
    late = stated("policy", {"policy_id": policy_id(POLICY), "active_ms": TAKEN - 5}, issued_ms=TAKEN + MERGE_DELAY_MS)
    found = await lines(await logged(tmp_path / "b", active(1, other), RECEIPT, late, active(TAKEN + 5, other)))
    assert found["policy in force"][0] == "FALSE"
    found = await lines(await logged(tmp_path / "c", late, RECEIPT))
    assert found["policy in force"][0] == "not checked"
    found = await lines(await logged(tmp_path / "d", active(1)))
    assert found["policy in force"][0] == "not checked"


# What honest ways look like.


def way(**changes: Any) -> str:
    payload = {**read(RECEIPT).payload, **changes}
    assert ISSUED
    return next(one.verdict for one in verify(Evidence(receipt=again(**payload))).lines if one.what == "way")


FIRST = read(RECEIPT).payload["attempts"][0]
FAILED = {**FIRST, "outcome": "failed", "error": {"code": "busy", "class": "overloaded"}}
LOST = {**FIRST, "outcome": "failed", "error": {"code": "lost", "class": "ambiguous"}}
SECOND = {**FIRST, "endpoint": "two/kettle"}


@pytest.mark.parametrize(
    ("attempts", "served", "verdict"),
    [
        ([FAILED, FIRST], "one/kettle", "proved"),
        ([FAILED, FAILED, SECOND], "two/kettle", "proved"),
        ([LOST, FIRST], "one/kettle", "proved"),
        ([LOST], "one/kettle", "not checked"),
        ([{**FIRST, "outcome": "running"}], "one/kettle", "not checked"),
        ([FAILED, {**SECOND, "events": {"hedge": True}}], "two/kettle", "proved"),
        ([FIRST, SECOND], "one/kettle", "FALSE"),
        ([SECOND, FIRST], "one/kettle", "FALSE"),
    ],
)
def test_retries_failover_resumption_and_a_second_request(attempts: list[Any], served: str, verdict: str) -> None:
    numbered = [{**one, "number": number} for number, one in enumerate(attempts, 1)]
    found = way(attempts=numbered, attempts_in_all=len(numbered),
                served={"endpoint": served, "lane": "commercial", "model": None})  # fmt: skip
    assert found == verdict


def test_a_way_that_is_hidden_or_decided_earlier_is_not_checked() -> None:
    assert way(attempts=[FIRST] * 20, attempts_in_all=25) == "not checked"
    earlier = {**FAILED, "events": {"began_ms": TAKEN - 9}}
    later = {**FIRST, "events": {"began_ms": TAKEN + 1}}
    assert way(attempts=[earlier, later], attempts_in_all=2, decisions=2) == "not checked"
    assert way(state="cancelled", attempts=[], attempts_in_all=0, outputs=[], served=None) == "not checked"
    assert TILE.state == "done"
