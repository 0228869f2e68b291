"""Receipts that a dishonest signer makes up: each is signed, and each says one thing that is not so."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.unit.receipt_tools import FACTS, FEATURES, POLICY, RUN, SIGNER, SNAPSHOT, TAKEN, TILE, made

from triptych.network.receipt import read, sign
from triptych.router.decide import decide
from triptych.router.sealed import seal
from triptych.spec.routing import EndpointState
from triptych.store.receipts import ReceiptRecord

Change = Callable[[dict[str, Any]], None]


def elsewhere(one: dict[str, Any]) -> None:
    for attempt in one["attempts"]:
        attempt["endpoint"] = "two/kettle"
    one["served"] = {"endpoint": "openai/gpt-image-2", "lane": "commercial", "model": "x"}


def at_the_second(one: dict[str, Any]) -> None:
    one["attempts"][0]["endpoint"] = one["served"]["endpoint"] = "two/kettle"


def volunteered(one: dict[str, Any]) -> None:
    one["decision"]["features"]["no_community"] = True
    one["served"]["lane"] = "community"


def backwards(one: dict[str, Any]) -> None:
    first = one["attempts"][0]
    one["attempts"] = [{**first, "outcome": "failed"}, {**first, "number": 2, "endpoint": "two/kettle", "outcome": "failed"},
                       {**first, "number": 3}]  # fmt: skip
    one["attempts_in_all"] = 3


def a_second_request(one: dict[str, Any]) -> None:
    one["attempts"].append({**one["attempts"][0], "number": 2, "endpoint": "two/kettle", "events": {"hedge": True}})
    one["attempts_in_all"] = 2


LIES: dict[str, tuple[str, Change]] = {
    "asked elsewhere, and served by a third": ("way", elsewhere),
    "the second was asked first": ("way", at_the_second),
    "back to the first": ("way", backwards),
    "a second request that no policy has": ("way", a_second_request),
    "no candidate": ("way", lambda one: one["attempts"][0].update(endpoint="zero/kettle")),
    "left out, and asked": ("way", lambda one: one["attempts"][0].update(endpoint="three/kettle")),
    "no attempt at all": ("way", lambda one: one.update(attempts=[], attempts_in_all=0)),
    "attempts that nobody sees": ("way", lambda one: one.update(attempts_in_all=10**6)),
    "another lane": ("way", lambda one: one["served"].update(lane="local")),
    "by a volunteer, and none was to be asked": ("way", volunteered),
    "below the floor": ("way", lambda one: one["decision"]["features"].update(lane_floor="pinned")),
    "no decision": ("way", lambda one: one.pop("decision")),
    "failed, with a picture": ("way", lambda one: one.update(state="failed")),
    "done, without a picture": ("way", lambda one: one.update(outputs=[])),
    "a picture twice": ("way", lambda one: one.update(outputs=one["outputs"] * 2)),
    "over before it was asked": ("way", lambda one: one.update(ended_ms=1)),
    "another model": ("asked", lambda one: one["asked"].update(model="fox")),
    "another size": ("asked", lambda one: one["asked"].update(size="64x64")),
    "another number": ("asked", lambda one: one["decision"]["features"].update(n=7)),
    "a mask that was not given": ("asked", lambda one: one["decision"]["features"].update(mask=True)),
    "another moment": ("decision", lambda one: one["decision"].update(taken_ms=TAKEN + 5)),
    "another name": ("decision", lambda one: one["decision"].update(policy="fair")),
    "not billed, and a cost": ("price", lambda one: one.update(billed="no")),
    "free, and a cost": ("price", lambda one: one["cost"].update(source="free")),
    "dearer than the catalogue": ("price", lambda one: one["cost"].update(amount_micro_usd=40_001)),
    "cheaper than the catalogue": ("price", lambda one: one["cost"].update(amount_micro_usd=39_999)),
    "free where the catalogue has a price": ("price", lambda one: one["cost"].update(amount_micro_usd=0)),
    "a fee that no policy declares": ("fee", lambda one: one.update(fee_micro_usd=1)),
    "another quality than was committed to": ("request", lambda one: one["asked"].update(quality="high")),
    "a condition more than was committed to": ("request", lambda one: one["decision"]["features"].update(no_training=True)),
}  # fmt: skip
"""What is told otherwise, and the line that says so."""


def given(name: str, role: str = "edit") -> dict[str, Any]:
    """A picture of a request, as a tile keeps it."""
    return {"sha256": name * 32, "bytes": 12, "media_type": "image/png", "width": 2, "height": 3, "role": role}


TALKED = replace(TILE, request={**TILE.request, "mask": given("ef"), "turns": [
    {"prompt": "a kettle", "picture": "img_1", "endpoint": "one/kettle", "images": [given("01"), given("02", "reference")],
     "answer": given("03")},
    {"prompt": "by night", "picture": "img_2", "endpoint": "one/kettle", "images": [given("03"), given("02")],
     "answer": given("ab")},
]})  # fmt: skip
"""The third turn of a conversation: of five pictures that went before, three are among no others."""


def talked() -> ReceiptRecord:
    """Its honest receipt."""
    decision = replace(decide(POLICY, SNAPSHOT, replace(FEATURES, mask=True), "00ff"), id="dec_1")
    return made(TALKED, replace(FACTS, decisions=(decision,)))


Inputs = list[dict[str, Any]]
INPUT_LIES: dict[str, Callable[[Inputs], Inputs]] = {
    "pictures of earlier turns that are left out": lambda inputs: [one for one in inputs if one["role"] != "turn"],
    "one picture of an earlier turn that is left out": lambda inputs: inputs[:-1],
    "another picture of an earlier turn": lambda inputs: [*inputs[:-1], {**inputs[-1], "sha256": "04" * 32}],
    "a picture that is said to be of an earlier turn": lambda inputs: [{**inputs[0], "role": "turn"}, *inputs[1:]],
}
"""What a signer tells otherwise of the pictures of a conversation; its opening says so."""


def lies() -> dict[str, tuple[str, str]]:
    """Each receipt with its opening."""
    honest = made()
    payload = read(honest.body.encode()).payload
    found = {}
    for name, (_, change) in LIES.items():
        said = copy.deepcopy(dict(payload))
        change(said)
        found[name] = (sign(said, SIGNER), honest.private)
    honest = talked()
    payload = read(honest.body.encode()).payload
    found |= {name: (sign({**payload, "inputs": change(payload["inputs"])}, SIGNER), honest.private)
              for name, change in INPUT_LIES.items()}  # fmt: skip
    run = replace(RUN, settings={**RUN.settings, "lane_floor": "pinned", "hedge": True, "nonce": "77"})
    dropped = made(replace(TILE, nonce="77"), replace(FACTS, run=run))
    return found | {"a floor that was dropped": (dropped.body, dropped.private)}


Changed = Callable[[tuple[EndpointState, ...]], tuple[EndpointState, ...]]


def changed(at: int, **values: Any) -> Changed:
    return lambda states: (*states[:at], replace(states[at], **values), *states[at + 1 :])


SNAPSHOT_LIES: dict[str, Changed] = {
    "a price that is not the catalogue's": changed(0, price_micro_usd=5),
    "a price where the catalogue has none": changed(2, ready=True, price_micro_usd=1),
    "a lane that is not the catalogue's": changed(1, lane="local"),
    "a promise that the catalogue does not make": changed(1, training="no", retention_days=0, region="EU"),
    "a job that its card does": changed(1, supports=("operation_unsupported",), price_micro_usd=None),
    "a model that is not retired": changed(1, supports=("retired",), price_micro_usd=None),
    "no AI": changed(1, is_ai=False),
    "a time that its card does not say": changed(1, latency_ms=9000, latency_from="card"),
    "an endpoint that is left out": lambda states: states[:3],
    "an endpoint that is made up": lambda states: (*states, replace(states[3], endpoint="five/fox")),
}
"""How a signer changes what it saw, so that the decision comes out as it likes."""


def snapshot_lies() -> dict[str, tuple[str, str, str]]:
    """Each receipt with its opening and the snapshot that it names; the decision follows from that."""
    found = {}
    for name, change in SNAPSHOT_LIES.items():
        seen = replace(SNAPSHOT, endpoints=change(SNAPSHOT.endpoints))
        decision = replace(decide(POLICY, seen, FEATURES, "00ff"), id="dec_1")
        record = made(facts=replace(FACTS, decisions=(decision,)))
        found[name] = (record.body, record.private, seal(seen).body.decode())
    return found
