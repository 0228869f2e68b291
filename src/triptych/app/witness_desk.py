"""This installation as a witness of other logs: its key for cosignatures, its memory, and which logs it watches."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from triptych.network.identity import keep_key, read_key
from triptych.spec.clock import Clock
from triptych.spec.errors import NotFoundError, StorageError
from triptych.store.records import SqlRecordStore
from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.client import Fetch, Tree
from triptych.tlog.disk import LogRefusedError
from triptych.tlog.errors import CheckpointError, TileError
from triptych.tlog.note import COSIGNATURE_V1, Note, Signer, VerifierKey
from triptych.tlog.policy import TrustPolicy
from triptych.tlog.tiles import CHECKPOINT_PATH
from triptych.tlog.witness import AddCheckpoint, Answer, Witness

FOLDER = "witness"
KEY_NAME = "witness.key"


def logs_of(keys: Sequence[str]) -> Mapping[str, tuple[VerifierKey, ...]]:
    """Verifier keys by the log that they sign. Raises NoteError."""
    found: dict[str, tuple[VerifierKey, ...]] = {}
    for text in keys:
        key = VerifierKey.parse(text)
        found[key.name] = (*found.get(key.name, ()), key)
    return found


class WitnessDesk:
    """Opened when it is first asked, so that a server that witnesses nobody leaves no trace of it."""

    def __init__(
        self, data: Path, name: str, logs: Mapping[str, tuple[VerifierKey, ...]], store: SqlRecordStore, clock: Clock
    ) -> None:
        """`name` is that of this installation's own log."""
        self._data, self._name, self._logs, self._store, self._clock = data, f"{name}/witness", logs, store, clock
        self._witness: Witness | None = None
        self._opening = asyncio.Lock()

    async def key(self) -> VerifierKey:
        """The key that cosigns. Raises NotFoundError when no log is watched, StorageError."""
        return (await self._opened()).key

    async def add_checkpoint(self, body: bytes) -> Answer:
        """Answers one request (C2SP tlog-witness). Raises NotFoundError when no log is watched, StorageError: then
        nothing was cosigned."""
        return await (await self._opened()).add_checkpoint(body)

    async def visit(self, fetch: Fetch) -> tuple[Checkpoint, bytes]:
        """Looks at a log by itself and cosigns what it shows; returns the checkpoint and the signature line.

        Raises CheckpointError (`rollback` for a shorter log, `inconsistent` for another one), other TlogErrors,
        StorageError, and what `fetch` raises."""
        note = await fetch(CHECKPOINT_PATH)
        if note is None:
            raise TileError("missing", "There is no log: it has no checkpoint.")
        origin = Checkpoint.parse(Note.parse(note).text).origin
        now = TrustPolicy(logs=self._logs.get(origin, ())).check(note).checkpoint
        witness = await self._opened()
        known = await witness.latest(origin)
        if now.size < known.size:
            raise CheckpointError("rollback", f"{origin} had {known.size} entries when it was cosigned, and now shows "
                                  f"{now.size}. It is not cosigned.")  # fmt: skip
        hashes = await Tree(note, now, fetch).consistency(known.size)
        answer = await witness.add_checkpoint(AddCheckpoint(known.size, hashes, note).encode())
        if answer.status in {409, 422}:
            raise CheckpointError("inconsistent", f"{origin} shows a tree of {now.size} entries that does not go on from "
                                  f"the {known.size} that were cosigned: it tells two stories. It is not cosigned.")  # fmt: skip
        if answer.status != 200:
            raise CheckpointError("unsigned", f"The checkpoint of {origin} is not cosigned: {answer.body.strip()}")
        return now, answer.body.encode()

    async def close(self) -> None:
        """May be called twice."""
        if self._witness is not None:
            witness, self._witness = self._witness, None
            await witness.close()

    async def _opened(self) -> Witness:
        async with self._opening:
            if self._witness is None:
                if not self._logs:
                    raise NotFoundError("This server witnesses no log.", hint="See the setting witness_for.")
                self._witness = await self._open()
            return self._witness

    async def _open(self) -> Witness:
        signer = await asyncio.to_thread(self._signer)
        async with AsyncExitStack() as on_failure:
            witness = await Witness.open(self._data / FOLDER, signer, self._logs, self._clock)
            on_failure.push_async_callback(witness.close)
            for origin in self._logs:
                await self._watch(witness, origin)
            on_failure.pop_all()
        return witness

    async def _watch(self, witness: Witness, origin: str) -> None:
        """Begins to watch a log that was never watched; one whose memory is lost is refused."""
        mark = f"witness {origin}"
        if await self._store.get_setting(mark) is not None:
            await witness.latest(origin)
            return
        try:
            await witness.watch(origin)
        except LogRefusedError as error:
            if error.reason != "exists":  # a stop came between the two steps
                raise
        await self._store.put_setting(mark, {"since_ms": self._clock.now_ms()})

    def _signer(self) -> Signer:
        path = self._data / KEY_NAME
        if read_key(path) is None:
            keep_key(path, Signer.generate(self._name, COSIGNATURE_V1))
        signer = read_key(path)
        if signer is None or signer.key.algorithm != COSIGNATURE_V1:
            raise StorageError(f"{path} is no key for cosignatures.", hint="Restore the file from a backup.")
        return signer
