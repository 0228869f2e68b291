"""What snapshots say of endpoints, derived from a real log: receipts and statements, over two starts of the program."""

from typing import Any

import openai
import pytest
from tests.emulators import Emulators
from tests.emulators.scenario import Kind
from tests.integration.place import Place

from triptych.network.jws import peek
from triptych.router.derive import derive_all, outcomes_in
from triptych.router.sealed import unseal
from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.client import Tree
from triptych.tlog.note import Note
from triptych.tlog.tiles import CHECKPOINT_PATH

MODEL = "google/gemini-2.5-flash-image"
OTHER = "openai/gpt-image-1-mini"


def serve(place: Place) -> None:
    place.open()
    place.do(place.app.receipts.start())


def load(place: Place, emulators: Emulators) -> None:
    for _ in range(3):
        place.sdk.images.generate(model=OTHER, prompt="a kettle", quality="low")
    emulators.openai.play(Kind.MODERATION_INPUT)
    with pytest.raises(openai.BadRequestError):
        place.sdk.images.generate(model=OTHER, prompt="a kettle")
    emulators.google.play(Kind.WRONG_KEY)
    with pytest.raises(openai.APIStatusError):
        place.sdk.with_options(max_retries=0).images.generate(model=MODEL, prompt="a kettle")
    place.fresh()
    place.sdk.images.generate(model=MODEL, prompt="a kettle")
    place.sdk.images.generate(model="auto", prompt="a kettle", n=2)


async def payloads(place: Place) -> list[dict[str, Any]]:
    """Of every entry, from the public files of the log."""
    note = await place.app.receipts.file(CHECKPOINT_PATH)
    assert note is not None
    tree = Tree(note, Checkpoint.parse(Note.parse(note).text), place.app.receipts.file)
    return [dict(found[1]) async for _, entry in tree.entries() if (found := peek(entry)) is not None]


def test_every_snapshot_is_derived_from_the_log_alone(own_place: Place, emulators: Emulators) -> None:
    place = own_place
    for _ in range(2):
        serve(place)
        load(place, emulators)
        place.close()
    serve(place)
    told = place.do(payloads(place))
    ids = {one["decision"]["snapshot_id"] for one in told if "decision" in one}
    bodies = {name: place.get(f"/.well-known/triptych/snapshot/{name}").content for name in ids}
    snapshots = {name: unseal(body) for name, body in bodies.items()}
    found = derive_all(outcomes_in(told), snapshots)
    assert {
        name: (one.differences, one.missing, one.why) for name, one in found.items() if one.verdict != "proved"
    } == {}
    assert len({one.epoch for one in snapshots.values()}) == 2
    assert {one.get("act") for one in told if one.get("kind") == "health"} >= {"seeded", "forgiven"}
    assert any(state.latency_from == "endpoint" for one in snapshots.values() for state in one.endpoints)
    seen = place.get("/v1/router/health").json()
    assert (seen["epoch"].startswith("epo_"), seen["events"]) == (True, len(seen["endpoints"]))  # seeds alone so far
