"""Receipts that a dishonest signer makes up: each is signed, and each says one thing that is not so."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.unit.receipt_tools import FACTS, RUN, SIGNER, TAKEN, TILE, made

from triptych.network.receipt import read, sign

Change = Callable[[dict[str, Any]], None]


def elsewhere(one: dict[str, Any]) -> None:
    for attempt in one["attempts"]:
        attempt["endpoint"] = "two/kettle"
    one["served"] = {"endpoint": "openai/gpt-image-2", "lane": "commercial", "model": "x"}


def at_the_second(one: dict[str, Any]) -> None:
    one["attempts"][0]["endpoint"] = one["served"]["endpoint"] = "two/kettle"


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
    "another quality than was committed to": ("request", lambda one: one["asked"].update(quality="high")),
    "a condition more than was committed to": ("request", lambda one: one["decision"]["features"].update(no_training=True)),
}  # fmt: skip
"""What is told otherwise, and the line that says so."""


def lies() -> dict[str, tuple[str, str]]:
    """Each receipt with its opening."""
    honest = made()
    payload = read(honest.body.encode()).payload
    found = {}
    for name, (_, change) in LIES.items():
        said = copy.deepcopy(dict(payload))
        change(said)
        found[name] = (sign(said, SIGNER), honest.private)
    run = replace(RUN, settings={**RUN.settings, "lane_floor": "pinned", "hedge": True, "nonce": "77"})
    dropped = made(replace(TILE, nonce="77"), replace(FACTS, run=run))
    return found | {"a floor that was dropped": (dropped.body, dropped.private)}
