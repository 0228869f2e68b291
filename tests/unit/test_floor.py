"""How far prompts may go, as the settings that a run keeps."""

from typing import Literal, cast

import pytest
from tests.unit.router_doubles import card

from triptych.app.floor import ALLOWED, Reach, bounded, learnt_from
from triptych.app.model_views import data_words
from triptych.router.data_policy import data_policy
from triptych.router.decide import exclusion
from triptych.spec.json import JsonObject
from triptych.spec.model import LANES, Lane, ModelCard, PolicyFact
from triptych.spec.routing import EndpointState, Features

REACHES: tuple[Reach, ...] = ("anywhere", "no_community", "known", "here")


@pytest.mark.parametrize("reach", REACHES)
def test_what_a_run_keeps_lets_in_the_lanes_of_the_switch_and_no_other(reach: Reach) -> None:
    kept = bounded(reach, {"models": ["auto"]})
    assert kept["models"] == ["auto"]
    features = Features(
        model="auto",
        operation="generate",
        lane_floor=cast("Lane | None", kept.get("lane_floor")),
        no_community=kept.get("no_community") is True,
    )
    states = [EndpointState(endpoint=f"x/{lane}", family="a", lane=lane, ready=True) for lane in LANES]
    assert {one.lane for one in states if exclusion(one, features) is None} == ALLOWED[reach]


@pytest.mark.parametrize(
    ("reach", "asked", "floor"),
    [("known", "commercial", "pinned"), ("known", "local", "local"), ("here", "pinned", "local"), ("anywhere", "community", "community")],
)  # fmt: skip
def test_a_run_that_goes_less_far_stays_so(reach: Reach, asked: str, floor: str) -> None:
    settings: JsonObject = {"lane_floor": asked}
    assert bounded(reach, settings)["lane_floor"] == floor
    assert settings == {"lane_floor": asked}


def says(*facts: tuple[Literal["training", "retention"], str | None], lane: Lane = "commercial") -> ModelCard:
    known = (
        PolicyFact(topic=topic, statement="x", value=value, source="y", as_of="2026-11-20") for topic, value in facts
    )
    return card("a/one", lane=lane, policy=tuple(known))


@pytest.mark.parametrize(
    ("found", "code", "words"),
    [
        (says(("training", "no"), ("retention", "30")), None, ["Nobody learns from what is sent.", "It is kept for 30 days."]),
        (says(("training", "yes"), ("retention", "0")), "training", ["What is sent may be learnt from.", "It is not kept."]),
        (says(), "training", ["Whether what is sent is learnt from is not known."]),
        (says(("training", "no"), ("training", "yes")), "training", ["Whether what is sent is learnt from is not known."]),
        (says(lane="local"), None, []),
    ],
)  # fmt: skip
def test_only_who_says_that_nobody_learns_is_asked_where_nobody_may(
    found: ModelCard, code: str | None, words: list[str]
) -> None:
    why = learnt_from(found)
    assert (why and why[0]) == code
    assert data_words(found) == words
    kept = bounded("anywhere", {}, no_training=True)
    features = Features(model="auto", operation="generate", no_training=kept["no_training"] is True)
    state = EndpointState(
        endpoint="a/one", family="a", lane=found.lane, ready=True, training=data_policy(found).training
    )
    assert (exclusion(state, features) is None) == (code is None), "the switch and the router agree"
