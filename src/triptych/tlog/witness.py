"""A witness: cosigns what a log shows, and never two stories of it (C2SP tlog-witness).

All that it keeps is the latest checkpoint of each log that it watches. It cosigns a checkpoint only if the log proves that
the tree it cosigned before is a beginning of the new one.
"""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from triptych.spec.clock import Clock
from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.disk import FolderFiles, FolderLock, LogFiles, LogRefusedError
from triptych.tlog.errors import NoteError, ProofError, TlogError
from triptych.tlog.merkle import EMPTY_ROOT, check_consistency
from triptych.tlog.note import COSIGNATURE_V1, Note, Signer, VerifierKey
from triptych.tlog.proof import hash_lines, read_hashes
from triptych.tlog.text import decimal

SIZE_TYPE = "text/x.tlog.size"
TEXT_TYPE = "text/plain; charset=utf-8"
MAX_REQUEST = 64 * 1024  # bytes: 63 hashes, and a checkpoint with many signatures


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered to `add-checkpoint`: 200 with cosignatures, 409 with the size it should have begun from; 400,
    403, 404 and 422 with a sentence."""

    status: int
    body: str
    content_type: str = TEXT_TYPE


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request: the size that the proof begins from, the consistency proof, and the new checkpoint's note."""

    old: int
    hashes: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        return f"old {self.old}\n{hash_lines(self.hashes)}\n".encode() + self.note

    @classmethod
    def parse(cls, body: bytes) -> "AddCheckpoint":
        """Raises ProofError. The note is not looked at."""
        head, separator, note = body.partition(b"\n\n")
        lines = head.decode("ascii", errors="replace").split("\n")
        old = decimal(lines[0].removeprefix("old ")) if lines[0].startswith("old ") else None
        if old is None or not separator:
            raise ProofError("malformed", "A request begins with `old <size>`, a proof and an empty line.")
        return cls(old, read_hashes(lines[1:]), note)


class _RefusedError(Exception):
    def __init__(self, status: int, body: str, content_type: str = TEXT_TYPE) -> None:
        super().__init__(body)
        self.answer = Answer(status, body, content_type)


@dataclass(frozen=True, slots=True)
class _Memory:
    """The latest checkpoint of each log, and the first proof that a log has told two stories."""

    files: LogFiles
    mutex: threading.Lock = field(default_factory=threading.Lock)

    def latest(self, origin: str) -> Checkpoint:
        data = self.files.read(_path(origin))
        if data is None:
            raise LogRefusedError(
                "missing", f"{self.files.name} remembers nothing of {origin}.",
                "Restore it. Watch the log anew only if this witness has never cosigned it.",
            )  # fmt: skip
        return Checkpoint.parse(data.decode().partition("\n\n")[0] + "\n")

    def keep(self, note: Note) -> None:
        self.files.write(_path(Checkpoint.parse(note.text).origin), note.encode())

    def accuse(self, origin: str, note: Note) -> None:
        path = f"forks/{_path(origin)}"
        if self.files.read(path) is None:
            known = self.files.read(_path(origin)) or b""
            self.files.write(path, known + b"\n" + note.encode())


class Witness:
    """Watches logs by origin and key. May be asked from many tasks at once."""

    def __init__(
        self,
        signer: Signer,
        logs: Mapping[str, Sequence[VerifierKey]],
        memory: LogFiles,
        lock: FolderLock,
        clock: Clock,
    ) -> None:
        self._signer, self._logs, self._lock, self._clock = signer, logs, lock, clock
        self._memory = _Memory(memory)

    @classmethod
    async def open(
        cls, folder: Path, signer: Signer, logs: Mapping[str, Sequence[VerifierKey]], clock: Clock,
        *, memory: LogFiles | None = None,
    ) -> "Witness":  # fmt: skip
        """A witness with its memory in `folder`. Raises StorageError, LogRefusedError (`busy`), and NoteError when the
        key is not one for cosignatures."""
        if signer.key.algorithm != COSIGNATURE_V1:
            raise NoteError("malformed", f"{signer.key.name} is no key for cosignatures.")

        def work() -> tuple[LogFiles, FolderLock]:
            return memory or FolderFiles(folder.absolute()), FolderLock(folder)

        return cls(signer, logs, *await asyncio.to_thread(work), clock)

    @property
    def key(self) -> VerifierKey:
        return self._signer.key

    async def watch(self, origin: str) -> None:
        """Begins to watch a log, deliberately: from no entries at all. Raises StorageError, and LogRefusedError
        (`exists`) when it is watched already."""

        def work() -> None:
            with self._memory.mutex:
                if self._memory.files.read(_path(origin)) is not None:
                    raise LogRefusedError("exists", f"{origin} is watched already.", "Nothing needs to be done.")
                self._memory.files.write(_path(origin), Checkpoint(origin, 0, EMPTY_ROOT).text.encode() + b"\n")

        await asyncio.to_thread(work)

    async def latest(self, origin: str) -> Checkpoint:
        """The latest checkpoint that was cosigned. Raises StorageError."""
        return await asyncio.to_thread(self._memory.latest, origin)

    async def add_checkpoint(self, body: bytes) -> Answer:
        """Answers one request (tlog-witness, add-checkpoint). Raises StorageError: then nothing was cosigned."""

        def work() -> Answer:
            try:
                return self._add(body)
            except _RefusedError as refused:
                return refused.answer

        return await asyncio.to_thread(work)

    async def close(self) -> None:
        await asyncio.to_thread(self._lock.release)

    def _add(self, body: bytes) -> Answer:
        request, note, new = _read(body)
        keys = self._logs.get(new.origin)
        if not keys:
            raise _RefusedError(404, f"This witness does not watch {new.origin}.\n")
        try:
            note.verified(keys)
        except NoteError as error:
            raise _RefusedError(403, f"{error}\n") from None
        if request.old > new.size:
            raise _RefusedError(400, "The old size is greater than the new one.\n")
        with self._memory.mutex:
            self._check(request, note, new, self._memory.latest(new.origin))
            known = {(k.name, k.key_id) for k in keys}
            signatures = tuple(s for s in note.signatures if (s.name, s.key_id) in known)
            # Kept before it is cosigned, and as one with the check, so that no two requests can both begin from here.
            self._memory.keep(Note(note.text, signatures))
            return Answer(200, self._signer.sign(note.text, self._clock.now_ms() // 1000).line())

    def _check(self, request: AddCheckpoint, note: Note, new: Checkpoint, latest: Checkpoint) -> None:
        if new.size == latest.size and new.root != latest.root:
            self._memory.accuse(new.origin, note)
        if request.old != latest.size or (new.size == latest.size and new.root != latest.root):
            raise _RefusedError(409, f"{latest.size}\n", SIZE_TYPE)
        try:
            check_consistency(latest.size, new.size, request.hashes, latest.root, new.root)
        except ProofError as error:
            raise _RefusedError(422, f"{error}\n") from None


def _read(body: bytes) -> tuple[AddCheckpoint, Note, Checkpoint]:
    if len(body) > MAX_REQUEST:
        raise _RefusedError(400, f"A request has at most {MAX_REQUEST} bytes.\n")
    try:
        request = AddCheckpoint.parse(body)
        note = Note.parse(request.note)
        return request, note, Checkpoint.parse(note.text)
    except TlogError as error:
        raise _RefusedError(400, f"{error}\n") from None


def _path(origin: str) -> str:
    return sha256(origin.encode()).hexdigest()
