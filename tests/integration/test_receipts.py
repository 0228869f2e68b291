"""Receipts of the whole program: in every answer, in the log, and checked by `triptych verify` with nothing but files."""

import asyncio
import base64
import json
import shutil
import stat
from collections.abc import Awaitable, Callable
from typing import Any

import openai
import pytest
from sqlalchemy import Connection, update
from tests.emulators import Emulators
from tests.emulators.scenario import Kind
from tests.integration.place import Place
from tests.unit.cli_tools import Program

from triptych.app.container import open_app
from triptych.app.log_set_up import create_log
from triptych.cli.verify import keys_in, redecide
from triptych.config.settings import load
from triptych.network.receipt import read
from triptych.network.verify import Evidence, verify
from triptych.spec.clock import SystemClock
from triptych.spec.errors import ConflictError, StorageError
from triptych.spec.image import ImageRequest, Size
from triptych.store import tables
from triptych.tlog.client import LogClient
from triptych.tlog.disk import LogRefusedError
from triptych.tlog.policy import TrustPolicy

OPENAI = "openai/gpt-image-1-mini"
DEMO, FOX = "demo/woodcut", "a fox --size 64x64"  # a large picture is of no use here, and takes seconds


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await reached():
            await asyncio.sleep(0.005)


async def none_waits(place: Place) -> None:
    async def reached() -> bool:
        return await place.app.store.leaves.waiting() == 0

    await until(reached)


def serving(place: Place) -> Place:
    """A server that writes its log, as `triptych serve` does."""
    place.open()
    place.do(place.app.receipts.start())
    return place


def payload(jws: str) -> dict[str, Any]:
    return dict(read(jws.encode()).payload)


def proof_of(place: Place, receipt: str) -> bytes:
    """The proof, once there is a checkpoint: a few hurried seconds."""

    async def reached() -> bool:
        found, state = await place.app.store.receipts.get(receipt), await place.app.receipts.state()
        return found is not None and found.log_index is not None and found.log_index < (state.size or 0)

    place.do(until(reached))
    answer = place.get(f"/v1/receipts/{receipt}/proof")
    assert answer.status_code == 200, answer.text
    return answer.content


def entries_in(place: Place) -> list[bytes]:
    """Every entry under the checkpoint, read from the log's public files."""

    async def read_all() -> list[bytes]:
        desk = place.app.receipts
        tree = await LogClient(desk.file, TrustPolicy.parse(desk.trust())).latest()
        return [entry async for _, entry in tree.entries()]

    return place.do(read_all())


def test_from_the_answer_to_a_proof_offline(own_place: Place) -> None:
    place = serving(own_place)
    raw = place.sdk.images.with_raw_response.generate(model=OPENAI, prompt="a kettle", size="1024x1024", quality="low")
    receipt = raw.parse().triptych["receipt"]  # type: ignore[attr-defined]
    assert raw.headers["x-triptych-receipt"] == receipt["id"]
    said = payload(receipt["jws"])
    image = base64.b64decode(raw.parse().data[0].b64_json)  # type: ignore[index,arg-type]
    decision = said["decision"]
    evidence = Evidence(
        receipt=place.get(f"/v1/receipts/{receipt['id']}").content,
        images={"kettle.png": image},
        keys=keys_in(place.get("/.well-known/triptych/keys").content),
        proof=proof_of(place, receipt["id"]),
        trust=TrustPolicy.parse(place.get("/.well-known/triptych/log-policy").text),
        policy=place.get(f"/.well-known/triptych/policy/{decision['policy_id']}").content,
        snapshot=place.get(f"/.well-known/triptych/snapshot/{decision['snapshot_id']}").content,
        opening=place.get(f"/v1/receipts/{receipt['id']}/opening").content,
        redecide=redecide,
    )
    verdicts = {line.what: (line.verdict, line.detail) for line in verify(evidence).lines}
    assert {what for what, (verdict, _) in verdicts.items() if verdict != "proved"} == {
        "witnesses", "price", "policy in force", "outcomes", "candidates"
    }, verdicts  # fmt: skip
    assert said["attempts"][0]["sent"][0]["host"].startswith("hmac:")  # an address in one's own network
    assert "a kettle" not in json.dumps(said)
    assert json.loads(evidence.opening or b"")["request"].find("a kettle") > 0


def test_a_stream_and_a_failure_bring_theirs(own_place: Place, emulators: Emulators) -> None:
    place = serving(own_place)
    *_, last = list(place.sdk.images.generate(model=OPENAI, prompt="a kettle", stream=True))
    assert payload(last.triptych["receipt"]["jws"])["state"] == "done"  # type: ignore[union-attr]
    emulators.openai.play(Kind.MODERATION_INPUT)
    with pytest.raises(openai.BadRequestError) as refused:
        place.sdk.images.generate(model=OPENAI, prompt="a kettle")
    body: Any = refused.value.body
    signed = body["triptych"]["receipt"]
    assert refused.value.response.headers["x-triptych-receipt"] == signed["id"]
    said = payload(signed["jws"])
    assert (said["state"], said["error"]["class"], said["outputs"]) == ("blocked", "blocked", [])


def test_the_inspector_gets_it_and_every_tile_has_one_of_its_own(own_place: Place) -> None:
    place = serving(own_place)
    run = place.start("a fox --size 64x64@woodcut", DEMO, OPENAI)
    receipts = []
    for tile in run["tiles"]:
        place.ended(tile["id"])
        receipts.append(place.get(f"/api/tiles/{tile['id']}").json()["receipt"])
    assert sorted(payload(one["jws"])["seq"] for one in receipts) == [0, 1]
    assert {payload(one["jws"])["tile"] for one in receipts} == {tile["id"] for tile in run["tiles"]}
    assert place.get(receipts[0]["url"]).text == receipts[0]["jws"]
    assert place.get(receipts[0]["url"]).headers["content-type"] == "application/jose"
    none = place.get("/v1/receipts/rcpt_gone")
    assert none.status_code == 404
    beginning = receipts[0]["id"].partition("_")[0]
    assert f"begin with {beginning}_;" in none.json()["error"]["triptych"]["hint"]
    assert place.get("/log/../identity.key").status_code == 404
    assert place.get("/log/lock").status_code == 404


def test_the_key_is_its_owners_alone_and_the_same_after_a_restart(own_place: Place) -> None:
    place = serving(own_place)
    path = place.data / "identity.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = place.get("/.well-known/triptych/keys").json()
    assert path.read_text() not in json.dumps(before)
    place.close()
    assert serving(place).get("/.well-known/triptych/keys").json() == before


def test_receipts_of_a_process_beside_the_server_are_taken_in(own_place: Place) -> None:
    """As `triptych generate` does it: signed there, logged by the server. Also what was made before any server ran."""
    place = own_place.open()
    first = place.make(FOX, DEMO)
    proof = place.get(f"{place.get('/api/tiles/' + first['id']).json()['receipt']['proof']}")
    assert (proof.status_code, "retry-after" in proof.headers) == (503, True)
    assert place.do(place.app.store.leaves.waiting()) == 1
    place.close()

    serving(place)
    place.do(none_waits(place))

    async def beside() -> str:
        settings = load({"data": place.data}, environ=place.environ)
        app = await open_app(settings, place.clock)
        run = await app.studio.start_single(ImageRequest(prompt="a wolf", size=Size(64, 64)), model=DEMO)
        await app.studio.wait(run.tiles[0].record.id)
        await app.close()
        return run.tiles[0].record.id

    tile = place.do(beside())
    place.do(none_waits(place))
    receipt = place.get(f"/api/tiles/{tile}").json()["receipt"]
    assert receipt["log_index"] > 0
    assert payload(receipt["jws"])["seq"] == 1
    assert proof_of(place, receipt["id"])


def test_a_second_server_waits_for_the_log_and_takes_over(own_place: Place) -> None:
    place = serving(own_place)

    async def second() -> int | None:
        app = await open_app(load({"data": place.data}, environ=place.environ), place.clock)
        await app.receipts.start()  # the log is busy: no error
        size = (await app.receipts.state()).size
        await app.close()
        return size

    assert place.do(second()) is not None


def test_what_was_logged_and_not_written_down_is_not_logged_twice(own_place: Place) -> None:
    place = serving(own_place)
    tile = place.make(FOX, DEMO)
    place.do(none_waits(place))
    name = place.get(f"/api/tiles/{tile['id']}").json()["receipt"]["id"]
    was = place.do(place.app.store.receipts.get(name))
    assert was is not None
    place.close()

    place.open()

    async def forget() -> None:
        def undo(db: Connection) -> None:
            db.execute(update(tables.receipts).values(log_index=None, log_origin=None))
            db.execute(update(tables.statements).values(log_index=None, log_origin=None))

        await place.app.store._writer.call(undo)
        await place.app.receipts.start()

    place.do(forget())
    place.do(none_waits(place))
    found = place.do(place.app.store.receipts.get(name))
    assert found is not None
    assert found.log_index == was.log_index
    assert entries_in(place).count(found.body.encode()) == 1


@pytest.mark.parametrize("lost", ["tlog", "tlog.head", "both", "old copy"])
def test_a_log_that_is_missing_or_shorter_is_refused_and_told_what_to_do(own_place: Place, lost: str) -> None:
    place = serving(own_place)
    log, head = place.data / "tlog", place.data / "tlog.head"
    shutil.copytree(log, place.data / "copy", ignore=shutil.ignore_patterns("incoming"))
    place.make(FOX, DEMO)
    place.do(none_waits(place))
    place.close()
    if lost in {"tlog", "both", "old copy"}:
        shutil.rmtree(log)
    if lost in {"tlog.head", "both"}:
        head.unlink()
    if lost == "old copy":
        (place.data / "copy").rename(log)
    place.open()
    with pytest.raises(LogRefusedError, match="not as it was left") as refused:
        place.do(place.app.receipts.start())
    assert "triptych log create --begin-new" in (refused.value.hint or "")
    assert place.get("/healthz").status_code == 200


def test_a_lost_key_is_refused_and_a_new_log_begins_only_on_purpose(own_place: Place) -> None:
    place = serving(own_place)
    place.make(FOX, DEMO)
    place.do(none_waits(place))
    old = place.get("/.well-known/triptych/keys").json()["keys"]
    settings = place.app.settings
    with pytest.raises(ConflictError, match="has a log"):
        place.do(create_log(settings, place.app.store, SystemClock()))
    place.close()
    kept = (place.data / "identity.key").read_text()
    (place.data / "identity.key").unlink()
    with pytest.raises(StorageError, match=r"signing key .* is missing"):
        place.open()
    (place.data / "identity.key").write_text(kept)
    with Program("log", "create", "--begin-new", environment={"TRIPTYCH_DATA": str(place.data)}) as program:
        assert program.end().code == 0
    serving(place)
    keys = place.get("/.well-known/triptych/keys").json()["keys"]
    assert keys[1:] == old
    assert keys[0] != old[0]
    tile = place.make(FOX, DEMO)
    assert proof_of(place, place.get(f"/api/tiles/{tile['id']}").json()["receipt"]["id"])
