"""Two servers that witness each other, a witness beside them, and logs that no witness cosigns."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.emulators import Emulators
from tests.integration.conftest import make_place
from tests.integration.place import Loop, Place, TlsFront
from tests.integration.test_receipts import DEMO, FOX, proof_of, serving, until
from tests.unit.cli_tools import Program

from triptych.app.witness_desk import WitnessDesk, logs_of
from triptych.config.settings import load
from triptych.network.identity import keep_key
from triptych.network.usage.reading import folder
from triptych.spec.clock import SystemClock
from triptych.spec.errors import SettingsError
from triptych.store.records import open_store
from triptych.tlog.disk import LogRefusedError
from triptych.tlog.errors import CheckpointError
from triptych.tlog.log import Log
from triptych.tlog.note import COSIGNATURE_V1, Note, Signer
from triptych.tlog.policy import TrustPolicy
from triptych.tlog.proof import verify_proof

A_LOG = Signer.from_seed("triptych/a", bytes(range(32)))
B_LOG = Signer.from_seed("triptych/b", bytes(range(1, 33)))
A_WITNESS = Signer.from_seed("triptych/a/witness", bytes(range(2, 34)), COSIGNATURE_V1)
B_WITNESS = Signer.from_seed("triptych/b/witness", bytes(range(3, 35)), COSIGNATURE_V1)


@pytest.fixture
def two(emulators: Emulators, other_loop: Loop, front: TlsFront, tmp_path: Path) -> Iterator[tuple[Place, Place]]:
    places = []
    for name, log, witness in (("a", A_LOG, A_WITNESS), ("b", B_LOG, B_WITNESS)):
        place = make_place(tmp_path / name, emulators, other_loop, front)
        keep_key(place.data / "identity.key", log)
        keep_key(place.data / "witness.key", witness)
        places.append(place)
    yield places[0], places[1]
    for place in places:
        place.done()


def set_up(place: Place, text: str) -> None:
    """Settings on top: what is no table goes first."""
    path = place.data / "triptych.toml"
    path.write_text(text + path.read_text())


def cosigners(place: Place) -> set[str]:
    """Who has signed the checkpoint that is served."""
    return {one.name for one in Note.parse(place.get("/log/checkpoint").content).signatures}


def test_two_servers_witness_each_other(two: tuple[Place, Place]) -> None:
    a, b = two
    set_up(a, f'witness_for = ["{B_LOG.key}"]\n[witnesses.b]\nkey = "{B_WITNESS.key}"\n')
    serving(a)
    set_up(b, f'witness_for = ["{A_LOG.key}"]\n[witnesses.a]\nkey = "{A_WITNESS.key}"\nurl = "{a.url}/witness"\n')
    serving(b)
    assert a.get("/.well-known/triptych/witness").text == f"witness {A_WITNESS.key.name} {A_WITNESS.key}\n"

    # b asks a for every checkpoint, and serves what it gets.
    tile = b.make(FOX, DEMO)
    receipt = b.get(f"/api/tiles/{tile['id']}").json()["receipt"]["id"]
    proof_of(b, receipt)

    async def cosigned() -> bool:
        note = await b.app.receipts.file("checkpoint")
        return note is not None and A_WITNESS.key.name.encode() in note

    b.do(until(cosigned))
    (seen,) = b.get("/v1/router/log").json()["witnesses"]
    assert (seen["name"], seen["size"] > 0) == (A_WITNESS.key.name, True)
    assert abs(seen["at_ms"] - b.app.clock.now_ms()) < 600_000
    assert a.get("/v1/router/log").json()["witnesses"] == []
    trust = TrustPolicy.parse(f"log {B_LOG.key}\nwitness a {A_WITNESS.key}\nquorum a\n")
    record = b.do(b.app.store.receipts.get(receipt))
    assert record is not None
    found = verify_proof(b.get(f"/v1/receipts/{receipt}/proof").content, record.body.encode(), trust)
    assert [one.key for one in found.cosigned] == [A_WITNESS.key]
    assert f"witness {A_WITNESS.key.name} {A_WITNESS.key}" in b.get("/.well-known/triptych/log-policy").text

    # b looks at a's log by itself, as `triptych log witness` does, and hands its cosignature in.
    a.make(FOX, DEMO)
    seen, line = b.do(b.app.witness.visit(folder(a.data / "tlog")))
    assert seen.origin == A_LOG.key.name
    answer = a.http.post(f"{a.url}/log/cosignatures", content=line)
    assert answer.status_code in {200, 409}  # 409 when the log has grown in between
    if answer.status_code == 200:
        assert B_WITNESS.key.name in cosigners(a)


def test_the_command_witnesses_a_server(two: tuple[Place, Place], tmp_path: Path) -> None:
    a, b = two
    set_up(a, f'[witnesses.b]\nkey = "{B_WITNESS.key}"\n')
    serving(a)

    async def begun() -> bool:
        return ((await a.app.receipts.state()).size or 0) > 0

    a.do(until(begun))
    environment = {"TRIPTYCH_DATA": str(b.data)}
    with Program("log", "witness", a.url, "--once", environment=environment) as program:
        ended = program.end()
    assert (ended.code, "no key of it is known" in ended.err) == (2, True), ended.err
    for more in (["--key", str(A_LOG.key)], []):  # it is given once
        with Program("log", "witness", a.url, "--once", *more, environment=environment) as program:
            ended = program.end()
        assert ended.code == 0, ended.err
        assert B_WITNESS.key.name in cosigners(a)


def test_whoever_is_no_witness_hands_nothing_in(two: tuple[Place, Place]) -> None:
    a, _ = two
    set_up(a, f'[witnesses.b]\nkey = "{B_WITNESS.key}"\n')
    serving(a)

    async def begun() -> bool:
        return ((await a.app.receipts.state()).size or 0) > 0

    a.do(until(begun))
    text = Note.parse(a.get("/log/checkpoint").content).text
    stranger = Signer.from_seed("triptych/c/witness", bytes(32), COSIGNATURE_V1)
    for body, status in (
        (stranger.sign(text, 1_800_000_000).line().encode(), 409),
        (B_WITNESS.sign("another\n", 1_800_000_000).line().encode(), 409),
        (b"no signature\n", 400),
        (B_WITNESS.sign(text, 1_800_000_000).line().encode(), 200),
    ):
        assert a.http.post(f"{a.url}/log/cosignatures", content=body).status_code == status
    assert cosigners(a) == {A_LOG.key.name, B_WITNESS.key.name}
    assert a.get("/.well-known/triptych/witness").status_code == 404
    assert a.http.post(f"{a.url}/witness/add-checkpoint", content=b"old 0\n\nx").status_code == 404


async def fork(where: Path, *entries: bytes) -> Path:
    log = await Log.create(where, A_LOG, SystemClock())
    for entry in entries:
        await log.append(entry)
    await log.close()
    return where


@pytest.mark.parametrize(
    ("second", "reason", "words"),
    [
        ((b"one", b"TWO", b"three"), "inconsistent", "tells two stories"),  # as long as before, with another root
        ((b"ONE", b"two", b"three", b"four"), "inconsistent", "tells two stories"),
        ((b"one", b"two"), "rollback", "had 3 entries"),
    ],
)
async def test_a_log_that_tells_two_stories_or_is_shorter_is_not_cosigned(
    tmp_path: Path, second: tuple[bytes, ...], reason: str, words: str
) -> None:
    first = await fork(tmp_path / "first", b"one", b"two", b"three")
    other = await fork(tmp_path / "second", *second)
    store = await open_store(f"sqlite:///{tmp_path}/t.db", SystemClock())
    desk = WitnessDesk(tmp_path / "w", "triptych/w", logs_of([str(A_LOG.key)]), store, SystemClock())
    (tmp_path / "w").mkdir()
    seen, _ = await desk.visit(folder(first))
    assert seen.size == 3
    with pytest.raises(CheckpointError, match=words) as refused:
        await desk.visit(folder(other))
    assert refused.value.reason == reason
    await desk.close()
    # Its memory is on the disk, and a witness that has lost it does not begin anew.
    again = WitnessDesk(tmp_path / "w", "triptych/w", logs_of([str(A_LOG.key)]), store, SystemClock())
    with pytest.raises(CheckpointError, match=words):
        await again.visit(folder(other))
    assert (await again.visit(folder(first)))[0].size == 3
    await again.close()
    for path in (tmp_path / "w" / "witness").iterdir():
        if path.is_file() and path.name != "lock":
            path.unlink()
    lost = WitnessDesk(tmp_path / "w", "triptych/w", logs_of([str(A_LOG.key)]), store, SystemClock())
    with pytest.raises(LogRefusedError, match="remembers nothing"):
        await lost.visit(folder(first))
    await lost.close()
    await store.close()


@contextmanager
def served(where: Path) -> Iterator[str]:
    """A folder on a port of this machine, as any web server would serve a log."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(where)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/public"
    server.shutdown()
    server.server_close()
    thread.join()


async def test_the_command_ends_with_one_for_a_log_that_tells_two_stories(tmp_path: Path) -> None:
    first = await fork(tmp_path / "first", b"one", b"two")
    second = await fork(tmp_path / "second", b"one", b"TWO")
    environment = {"TRIPTYCH_DATA": str(tmp_path / "data")}
    said = []
    for where in (first, second):
        with served(where) as address, Program(
            "log", "witness", address, "--once", "--key", str(A_LOG.key), environment=environment
        ) as program:  # fmt: skip
            said.append(program.end())
    # The first server takes no cosignatures: it is only files. The line is printed, so that it can be handed over.
    assert (said[0].code, "— " in said[0].out) == (0, True), said[0].err
    assert said[1].code == 1
    assert "tells two stories" in said[1].err


def test_keys_of_the_wrong_kind_are_refused(tmp_path: Path) -> None:
    (tmp_path / "triptych.toml").write_text(f'[witnesses.x]\nkey = "{A_LOG.key}"\n')
    with pytest.raises(SettingsError, match=r"witnesses\.x\.key is a key of another kind"):
        load({"data": tmp_path}, environ={})
    (tmp_path / "triptych.toml").unlink()
    with pytest.raises(SettingsError, match="witness_for is no verifier key"):
        load({"data": tmp_path}, environ={"TRIPTYCH_WITNESS_FOR": "x"})
    both = f"{A_LOG.key} {B_LOG.key}"
    assert load({"data": tmp_path}, environ={"TRIPTYCH_WITNESS_FOR": both}).witness_for == tuple(both.split())
