"""What the tests of the log share: keys that are always the same, a clock in the test's hand, and places in memory whose
writes can fail."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from triptych.spec.errors import StorageError
from triptych.tlog.disk import LogRefusedError
from triptych.tlog.log import Log, LogPlaces
from triptych.tlog.note import COSIGNATURE_V1, Signer
from triptych.tlog.policy import TrustPolicy

LOG = Signer.from_seed("example.com/log", bytes(range(32)))
W1 = Signer.from_seed("witness.example/w1", bytes(range(1, 33)), COSIGNATURE_V1)
W2 = Signer.from_seed("witness.example/w2", bytes(range(2, 34)), COSIGNATURE_V1)
POLICY = TrustPolicy(logs=(LOG.key,))


def leaves(count: int, start: int = 0) -> list[bytes]:
    return [b"entry %d " % i + b"." * (i % 7) for i in range(start, start + count)]


def flips(data: bytes, masks: tuple[int, ...] = (0x01, 0x04, 0x20, 0x80)) -> Iterator[bytes]:
    """`data` with one bit changed, at every position."""
    for at in range(len(data)):
        for mask in masks:
            yield data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


class Clock:
    """Time moves when the test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        return 1_790_000_000_000 + round(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.seconds + seconds, future))
        self.advance(0)
        await future

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
        for until, future in self._sleepers:
            if until <= self.seconds and not future.done():
                future.set_result(None)
        self._sleepers = [s for s in self._sleepers if not s[1].done()]


async def grown(log: Log, clock: Clock, size: int) -> None:
    """Lets time pass until the log's checkpoint has `size` entries."""
    async with asyncio.timeout(60):
        while log.size < size:
            clock.advance(10)
            await asyncio.sleep(0.001)


@dataclass
class Faults:
    """Lets the `at`-th write fail. `persisted`: it is done all the same. `kill`: nothing works after it.
    `always`: every write fails as long as it is set."""

    at: int = 0
    persisted: bool = False
    kill: bool = False
    always: bool = False
    count: int = 0

    def write(self, do: Callable[[], None], torn: Callable[[], None] | None = None) -> None:
        self.count += 1
        dead = self.kill and self.at and self.count > self.at
        if self.count == self.at and self.persisted:
            do()
        elif self.count == self.at and torn:
            torn()
        if self.count == self.at or dead or self.always:
            raise StorageError(f"write {self.count} fails", hint="It is a test.")
        do()


@dataclass
class World:
    """All that outlives a program: the public files, the journal, the head. `shown` is every checkpoint ever public."""

    public: dict[str, bytes] = field(default_factory=dict)
    journal: dict[str, bytes] = field(default_factory=dict)
    head: list[bytes] = field(default_factory=list)
    shown: list[bytes] = field(default_factory=list)

    def places(self, folder: Path, faults: Faults | None = None) -> LogPlaces:
        faults = faults or Faults()
        return LogPlaces(
            folder=folder,
            files=Files(self, faults),
            journal=JournalInMemory(self, faults),
            head=HeadInMemory(self, faults),
        )


@dataclass
class Files:
    world: World
    faults: Faults
    name: str = "The log in memory"

    def read(self, path: str) -> bytes | None:
        return self.world.public.get(path)

    def write(self, path: str, data: bytes) -> None:
        def do() -> None:
            self.world.public[path] = data
            if path == "checkpoint":
                self.world.shown.append(data)

        self.faults.write(do)

    def clear(self, folder: str) -> None:
        def do() -> None:
            for path in [p for p in self.world.public if p.startswith(folder)]:
                del self.world.public[path]

        self.faults.write(do)


@dataclass
class JournalInMemory:
    world: World
    faults: Faults
    name: str = "The journal in memory"

    def names(self) -> list[str]:
        return list(self.world.journal)

    def read(self, name: str) -> bytes:
        return self.world.journal[name]

    def append(self, name: str, data: bytes) -> None:
        def do(much: bytes = data) -> None:
            self.world.journal[name] = self.world.journal.get(name, b"") + much

        self.faults.write(do, (lambda: do(data[: len(data) // 2])) if data else None)

    def remove(self, name: str) -> None:
        def do() -> None:
            self.world.journal.pop(name, None)

        self.faults.write(do)

    def close(self) -> None:
        pass


@dataclass
class HeadInMemory:
    world: World
    faults: Faults
    name: str = "The head in memory"

    def load(self) -> bytes | None:
        return self.world.head[-1] if self.world.head else None

    def swap(self, expected: Collection[bytes | None], new: bytes) -> None:
        if self.load() not in expected:
            raise LogRefusedError("busy", "another writer", "stop it")
        self.faults.write(lambda: self.world.head.append(new))
