"""A policy that takes a fee, through the whole program: said before, held under the caps, booked apart, stated and proved."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.emulators import Gate, Kind, Scenario
from tests.integration.honest import every_line
from tests.integration.place import Place
from tests.unit.receipt_tools import SIGNER

from triptych.network.receipt import read, sign
from triptych.network.verify import Evidence, verify
from triptych.router.bundle import policy_bytes, policy_json
from triptych.router.policy import CHEAPEST

XAI = "xai/grok-imagine-image"  # 20,000 a picture
OPENAI = "openai/gpt-image-1-mini"
FEES = {"per_mille": 25, "per_request_micro_usd": 300}
FEE = 800  # of 20,000: 500 and 300
Money = dict[str, int]


@pytest.fixture
def dear(own_place: Place) -> Place:
    """A server whose policy takes a fee."""
    policy = {**policy_json(CHEAPEST), "name": "dear", "fees": FEES}
    (own_place.data / "dear.json").write_bytes(msgspec.json.encode(policy))
    own_place.overrides = {"policy": "dear.json"}
    return own_place.open()


def books(place: Place) -> Money:
    """What is in the ledger: charges and fees by how certain they are, and what is held still."""

    async def look() -> Money:
        entries = await place.app.store.ledger()
        closed = {one.reservation for one in entries if one.kind != "reserve"}
        found = dict.fromkeys(("charges", "fees", "guessed", "guessed fees", "held"), 0)
        for one in entries:
            if one.kind == "reserve" and one.reservation not in closed:
                found["held"] += one.amount_micro_usd
            elif one.kind == "settle":
                found[f"{'' if one.known else 'guessed '}{'fees' if one.fee_of else 'charges'}"
                      if one.known or one.fee_of else "guessed"] += one.amount_micro_usd  # fmt: skip
        return found

    return place.do(look())


def receipt_of(place: Place, tile: str) -> dict[str, Any]:
    async def find() -> str:
        found = await place.app.store.receipts.of_tile(tile)
        assert found is not None
        return found.body

    return dict(read(place.do(find()).encode()).payload)


def fee_lines(data: Path) -> list[tuple[str, str]]:
    """Verdict and words about the fee, of every receipt."""
    return [(verdict, words) for _, verdict, words in every_line(data) if words.startswith("fee:")]


def test_a_fee_is_said_before_booked_apart_and_proved(dear: Place) -> None:
    plan = dear.post("/api/plan", {"text": "a kettle", "models": [XAI, "demo/woodcut"], "n": 2}).json()
    assert (plan["total"]["amount_micro_usd"], plan["fee_micro_usd"]) == (41_600, 2 * FEE)
    assert (plan["per_model"][XAI]["fee_micro_usd"], plan["per_model"]["demo/woodcut"]["fee_micro_usd"]) == (1_600, 0)
    words = dear.get("/v1/router/policy").json()
    assert "A fee is taken for each call that is billed: $0.0003 and 25 thousandths" in str(words)
    gate = Gate()
    dear.emulators.xai.play(Scenario(gate=gate))
    tile = dear.start("a kettle", XAI)["tiles"][0]
    gate.wait_reached()
    assert books(dear)["held"] == 20_000 + FEE
    assert dear.tile(tile["id"])["fee_estimate_micro_usd"] == FEE
    gate.release()
    ended = dear.ended(tile["id"])
    assert (ended["state"], ended["cost"]["amount_micro_usd"], ended["fee_micro_usd"]) == ("done", 20_000, FEE)
    assert dear.emulators.xai.charged_micro_usd == 20_000
    assert books(dear) == {"charges": 20_000, "fees": FEE, "guessed": 0, "guessed fees": 0, "held": 0}
    whole = dear.get("/v1/router/budget").json()["all"]
    assert (whole["spent_micro_usd"], whole["fee_micro_usd"], whole["reserved_micro_usd"]) == (20_800, FEE, 0)
    said = receipt_of(dear, tile["id"])
    assert (said["fee_micro_usd"], said["attempts"][0]["fee_micro_usd"]) == (FEE, FEE)
    free = dear.make("a kettle --size 64x64", "demo/woodcut")
    assert (free["fee_micro_usd"], books(dear)["fees"]) == (0, FEE)
    dear.close()
    assert fee_lines(dear.data) == [
        ("proved", "fee: $0.0008 is the fee that the policy declares. "),
        ("proved", "fee: $0.00 is the fee that the policy declares. "),
    ]


def test_a_program_is_told_the_fee(dear: Place) -> None:
    order = {"model": XAI, "prompt": "a kettle"}
    answer = dear.http.post(f"{dear.url}/v1/images/generations", json=order).json()["triptych"]
    assert (answer["cost"]["amount_micro_usd"], answer["fee_micro_usd"]) == (20_000, FEE)
    assert answer["attempts"][0]["fee_micro_usd"] == FEE


@pytest.mark.parametrize("stated", [0, FEE - 1, FEE + 1, 20_000])
def test_another_fee_than_the_declared_one_is_false(dear: Place, stated: int) -> None:
    said = receipt_of(dear, dear.make("a kettle", XAI)["id"])
    said["fee_micro_usd"] = said["attempts"][0]["fee_micro_usd"] = stated
    policy = policy_bytes(dear.app.router.policies.active)
    found = {line.what: line for line in verify(Evidence(receipt=sign(said, SIGNER).encode(), policy=policy)).lines}
    assert found["policy"].verdict == "proved"
    assert found["fee"].verdict == "FALSE"
    assert "the policy declares $0.0008" in found["fee"].detail


def test_nothing_billed_no_fee_and_on_an_unknown_bill_that_of_the_estimate(dear: Place) -> None:
    dear.emulators.xai.play(Scenario(Kind.FORBIDDEN))
    blocked = dear.make("a kettle", XAI)
    assert (blocked["billed"], blocked["fee_micro_usd"]) == ("no", 0)
    assert books(dear) == dict.fromkeys(("charges", "fees", "guessed", "guessed fees", "held"), 0)
    dear.emulators.xai.play(Scenario(Kind.MODERATION_BILLED))
    billed = dear.make("a kettle", XAI)
    assert (billed["state"], billed["billed"]) == ("blocked", "yes")
    charge = billed["cost"]["amount_micro_usd"]
    assert billed["fee_micro_usd"] == charge * 25 // 1000 + 300
    dear.emulators.xai.play(Scenario(Kind.CUT_AFTER_READ))
    lost = dear.make("a kettle", XAI)
    assert (lost["billed"], lost["fee_micro_usd"]) == ("unknown", FEE)
    assert books(dear) == {"charges": charge, "fees": billed["fee_micro_usd"], "guessed": 20_000,
                           "guessed fees": FEE, "held": 0}  # fmt: skip
    dear.close()
    verdicts = [verdict for verdict, _ in fee_lines(dear.data)]
    assert verdicts == ["proved", "proved", "not checked"]
    assert "follows the estimate" in fee_lines(dear.data)[2][1]


def test_caps_hold_with_the_fee_in_them(dear: Place) -> None:
    assert dear.send("PUT", "/api/caps", {"day": 2 * 20_800 - 1}).status_code == 200
    assert dear.make("a kettle", XAI)["state"] == "done"
    asked = {"text": "a kettle", "models": [XAI]}
    assert dear.post("/api/plan", asked).json()["allowed"] is False
    assert dear.post("/api/runs", asked).status_code == 402
    order = {"model": XAI, "prompt": "x"}
    refused = dear.http.post(f"{dear.url}/v1/images/generations", json=order)
    assert refused.status_code == 402
    assert "$0.0208, of it a fee of $0.0008" in refused.json()["error"]["message"]
    assert len(dear.emulators.xai.submits) == 1
    dear.send("PUT", "/api/caps", {"day": 2 * 20_800})
    assert dear.http.post(f"{dear.url}/v1/images/generations", json=order).status_code == 200
    assert dear.get("/api/spend").json()["today"]["amount_micro_usd"] == 2 * 20_800


def test_a_call_that_is_lost_keeps_the_fee_that_was_held_for_it(dear: Place) -> None:
    gate = Gate()
    dear.emulators.openai.play(Scenario(gate=gate))
    tile = dear.start("a kettle", OPENAI)["tiles"][0]
    gate.wait_reached()
    held = books(dear)["held"]
    before = dear.tile(tile["id"])
    assert before["fee_estimate_micro_usd"] == before["estimate"]["amount_micro_usd"] * 25 // 1000 + 300
    dear.vanish()
    gate.release()
    dear.overrides = {}
    dear.open()  # with another policy
    lost = dear.ended(tile["id"])
    assert (lost["state"], lost["billed"]) == ("lost", "unknown")
    found = books(dear)
    assert found["guessed"] + found["guessed fees"] == held
    assert lost["fee_micro_usd"] == found["guessed fees"] == found["guessed"] * 25 // 1000 + 300
    dear.close()
    assert [verdict for verdict, _ in fee_lines(dear.data)] == ["not checked"]
