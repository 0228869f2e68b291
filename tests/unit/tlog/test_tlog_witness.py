"""A witness cosigns one story of each log, and remembers it."""

import asyncio
from pathlib import Path

import pytest
from tests.unit.tlog import reference
from tests.unit.tlog.test_tlog_tiles import Fetcher, built
from tests.unit.tlog.tools import LOG, W1, Clock, Faults, Files, World, leaves

from triptych.spec.errors import StorageError
from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.client import Tree
from triptych.tlog.cosign import ask_witness
from triptych.tlog.disk import LogRefusedError
from triptych.tlog.errors import NoteError, ProofError, TrustError
from triptych.tlog.note import Note, Signer, parse_signatures
from triptych.tlog.witness import AddCheckpoint, Answer, Witness

ENTRIES = leaves(40)
FORK = [b"rewritten", *leaves(40)[1:]]


def note(entries: list[bytes], signer: Signer = LOG, origin: str = "example.com/log") -> bytes:
    return Note.signed(Checkpoint(origin, len(entries), reference.mth(entries)).text, signer).encode()


def request(old: int, entries: list[bytes]) -> bytes:
    hashes = reference.proof(old, entries) if 0 < old < len(entries) else []
    return AddCheckpoint(old, tuple(hashes), note(entries)).encode()


async def opened(folder: Path, world: World | None = None, faults: Faults | None = None) -> Witness:
    memory = Files(world, faults or Faults()) if world else None
    return await Witness.open(folder, W1, {"example.com/log": [LOG.key]}, Clock(), memory=memory)


@pytest.fixture
async def witness(tmp_path: Path) -> Witness:
    found = await opened(tmp_path / "w")
    await found.watch("example.com/log")
    return found


def cosigned(answer: Answer, entries: list[bytes]) -> int:
    assert answer.status == 200
    text = Note.parse(note(entries)).text
    (signed,) = Note(text, parse_signatures(answer.body)).verified([W1.key])
    assert signed.time is not None
    return signed.time


async def test_it_cosigns_what_grows(witness: Witness, tmp_path: Path) -> None:
    assert cosigned(await witness.add_checkpoint(request(0, ENTRIES[:10])), ENTRIES[:10]) == 1_790_000_000
    cosigned(await witness.add_checkpoint(request(10, ENTRIES[:11])), ENTRIES[:11])
    cosigned(await witness.add_checkpoint(request(11, ENTRIES[:11])), ENTRIES[:11])  # the same again
    await witness.close()
    again = await opened(tmp_path / "w")
    assert (await again.latest("example.com/log")).size == 11
    cosigned(await again.add_checkpoint(request(11, ENTRIES)), ENTRIES)
    await again.close()


async def test_it_refuses_forks_and_rollbacks_and_keeps_the_evidence(witness: Witness, tmp_path: Path) -> None:
    cosigned(await witness.add_checkpoint(request(0, ENTRIES[:30])), ENTRIES[:30])
    for body, status, words in [
        (request(30, FORK[:30]), 409, "30\n"),  # one size, two roots
        (request(30, FORK), 422, "does not begin"),
        (request(0, ENTRIES), 409, "30\n"),
        (request(20, ENTRIES[:25]), 409, "30\n"),
        (request(30, ENTRIES[:25]), 400, "greater"),
        (AddCheckpoint(30, (b"x" * 32,), note(ENTRIES)).encode(), 422, "hashes"),
    ]:
        answer = await witness.add_checkpoint(body)
        assert (answer.status, words in answer.body) == (status, True)
        assert (answer.content_type == "text/x.tlog.size") is (status == 409)
    assert (await witness.latest("example.com/log")).root == reference.mth(ENTRIES[:30])
    (evidence,) = (tmp_path / "w" / "forks").iterdir()
    assert evidence.read_bytes() == note(ENTRIES[:30]) + b"\n" + note(FORK[:30])
    await witness.close()


async def test_it_speaks_for_known_logs_only(witness: Witness) -> None:
    unknown = AddCheckpoint(0, (), note(ENTRIES, origin="example.com/other")).encode()
    assert (await witness.add_checkpoint(unknown)).status == 404
    stranger = AddCheckpoint(0, (), note(ENTRIES, Signer.generate("example.com/log"))).encode()
    assert (await witness.add_checkpoint(stranger)).status == 403
    await witness.close()


@pytest.mark.parametrize("body", [
    b"", b"old 0\n", b"old 00\n\n" + note(ENTRIES), b"new 0\n\n" + note(ENTRIES), b"old 0\nAAAA\n\n" + note(ENTRIES),
    b"old 0\n\nnothing\n", b"old \xff\n\n" + note(ENTRIES), b"old 0\n\n" + Note.signed("a\nb\n", LOG).encode(),
    b"old 0\n" + (b"A" * 43 + b"=\n") * 64 + b"\n" + note(ENTRIES), b"x" * 70_000,
])  # fmt: skip
async def test_malformed_requests(witness: Witness, body: bytes) -> None:
    assert (await witness.add_checkpoint(body)).status == 400
    await witness.close()


def test_text_of_a_request() -> None:
    body = AddCheckpoint(3, (b"\0" * 32,), b"note\n")
    assert body.encode() == b"old 3\n" + b"A" * 43 + b"=\n\nnote\n"
    assert AddCheckpoint.parse(body.encode()) == body
    with pytest.raises(ProofError):
        AddCheckpoint.parse(b"old 3\nnote\n")


async def test_of_many_at_once_only_one_story_is_cosigned(witness: Witness) -> None:
    cosigned(await witness.add_checkpoint(request(0, ENTRIES[:10])), ENTRIES[:10])
    bodies = [request(10, [*ENTRIES[:10], b"story %d" % i]) for i in range(20)]
    answers = await asyncio.gather(*map(witness.add_checkpoint, bodies))
    assert sorted(a.status for a in answers) == [200] + [409] * 19
    await witness.close()


async def test_it_does_not_cosign_without_its_memory(tmp_path: Path) -> None:
    world = World()
    witness = await opened(tmp_path, world)
    with pytest.raises(LogRefusedError, match="remembers nothing"):
        await witness.add_checkpoint(request(0, ENTRIES))
    await witness.watch("example.com/log")
    with pytest.raises(LogRefusedError, match="already"):
        await witness.watch("example.com/log")
    with pytest.raises(LogRefusedError) as caught:
        await opened(tmp_path, world)
    assert caught.value.reason == "busy"
    await witness.close()


@pytest.mark.parametrize("persisted", [False, True])
async def test_a_failed_write_never_leads_to_two_stories(tmp_path: Path, persisted: bool) -> None:
    world, faults = World(), Faults()
    witness = await opened(tmp_path, world, faults)
    await witness.watch("example.com/log")
    faults.at, faults.persisted = 2, persisted
    with pytest.raises(StorageError):
        await witness.add_checkpoint(request(0, ENTRIES[:10]))
    answer = await witness.add_checkpoint(request(0, FORK[:10]))
    assert answer.status == (409 if persisted else 200)
    await witness.close()


async def test_it_needs_a_key_for_cosignatures(tmp_path: Path) -> None:
    with pytest.raises(NoteError):
        await Witness.open(tmp_path, LOG, {}, Clock())


def tree(entries: list[bytes]) -> Tree:
    _, files = built([len(entries)], entries)
    head = Checkpoint("example.com/log", len(entries), reference.mth(entries))
    return Tree(note(entries), head, Fetcher(files))


async def test_a_log_asks_for_cosignatures(witness: Witness) -> None:
    async def post(body: bytes) -> tuple[int, bytes]:
        answer = await witness.add_checkpoint(body)
        return answer.status, answer.body.encode()

    first = await ask_witness(tree(ENTRIES[:10]), W1.key, 0, post)
    assert first.size == 10
    # It has forgotten how far the witness is, and is told.
    second = await ask_witness(tree(ENTRIES[:20]), W1.key, 0, post)
    assert Note(Note.parse(note(ENTRIES[:20])).text, second.signatures).verified([W1.key])
    for entries, known, reason in [
        (FORK[:20], 20, "inconsistent"), (FORK, 20, "inconsistent"), (FORK, 0, "inconsistent"), (ENTRIES[:15], 0, "rollback"),
    ]:  # fmt: skip
        with pytest.raises(TrustError) as caught:
            await ask_witness(tree(entries), W1.key, known, post)
        assert caught.value.reason == reason
    await witness.close()


@pytest.mark.parametrize(("status", "body", "kind"), [
    (500, b"broken", TrustError), (409, b"many\n", TrustError), (200, b"", NoteError), (200, b"\xff\n", NoteError),
    (200, LOG.sign("another\n").line().encode(), NoteError), (200, W1.sign("another\n", 5).line().encode(), NoteError),
])  # fmt: skip
async def test_answers_that_are_none(status: int, body: bytes, kind: type[Exception]) -> None:
    async def post(_: bytes) -> tuple[int, bytes]:
        return status, body

    with pytest.raises(kind):
        await ask_witness(tree(ENTRIES), W1.key, 0, post)
