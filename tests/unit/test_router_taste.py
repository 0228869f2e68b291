"""The user's taste on its way into decisions: by family and operation, as it is at that moment."""

import json
from pathlib import Path
from typing import Any, cast

from tests.unit.router_doubles import FakeModel, Stage, card

from triptych.router.execute import Router
from triptych.router.policy import find_policy
from triptych.router.snapshot import Liking
from triptych.spec.image import ImageRequest, InputImage, Operation
from triptych.store.base import RecordStore

PICTURE = InputImage(data=b"x", media_type="image/png", sha256="0" * 64, width=8, height=8)


class Liked(Stage):
    """A stage whose router asks for a taste that the test sets."""

    tastes: dict[Operation, Liking]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.tastes = {}
        self.router = Router(self.registry, cast(RecordStore, self.store), self.clock, self.price,
                             nonce=lambda: self.nonce, taste=lambda operation: self.tastes.get(operation, {}))  # fmt: skip

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """What the last decision was made on, by endpoint."""
        kept: dict[str, Any] = json.loads(self.store.snapshots[self.store.decisions[-1][1].snapshot_id])
        return {state["endpoint"]: state for state in kept["endpoints"]}


def stage() -> Liked:
    names = (("one/a", "a"), ("two/a", "a"), ("one/b", "b"))
    return Liked([FakeModel(card(name, family=family)) for name, family in names])


async def test_every_endpoint_of_a_family_has_its_taste_and_others_have_none() -> None:
    made, best = stage(), find_policy("best-for-me", Path())
    made.tastes = {"generate": {"a": (700, 250), "gone": (9, 9)}, "edit": {"b": (-40, 90)}}
    await made.run(model="auto", policy=best)
    states = made.snapshot()
    assert [(states[name]["taste"], states[name]["taste_sd"]) for name in ("one/a", "two/a")] == [(700, 250)] * 2
    assert (states["one/b"].get("taste"), states["one/b"].get("taste_sd")) == (None, None)
    await made.run(ImageRequest(prompt="p", images=(PICTURE,)), model="auto", policy=best)
    assert made.snapshot()["one/b"]["taste"] == -40
    assert made.snapshot()["one/a"].get("taste") is None


async def test_the_next_decision_goes_by_the_taste_of_that_moment() -> None:
    made = stage()
    best = find_policy("best-for-me", Path())
    made.tastes = {"generate": {"a": (-3000, 50), "b": (3000, 50)}}
    assert (await made.run(model="auto", policy=best)).endpoint == "one/b"
    made.tastes = {"generate": {"a": (3000, 50), "b": (-3000, 50)}}
    assert (await made.run(model="auto", policy=best)).endpoint in {"one/a", "two/a"}
    made.tastes = {}
    await made.run(model="auto", policy=best)
    assert all(state.get("taste") is None for state in made.snapshot().values())


async def test_a_taste_is_in_no_snapshot_of_a_policy_that_does_not_ask_for_it() -> None:
    made = stage()
    made.tastes = {"generate": {"a": (700, 250)}}
    await made.run(model="auto", policy=find_policy("balanced", Path()))
    assert all(state.get("taste") is None for state in made.snapshot().values())
