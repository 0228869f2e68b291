"""What this studio has counted of nodes, and its evidence: opinions, checks that are due, checks that were made, and how far apart honest
machines draw. All of it survives a restart; there is no word of a prompt in it but in the checks that are still due.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import msgspec
import structlog

from triptych.imaging.apart import Difference
from triptych.network import audit
from triptych.network.audit import Lesson, Record, Role, Wrong
from triptych.network.canary import Shape
from triptych.network.compare import LEAST_RUNS, UNKNOWN, DrawnBy, Outcome, Thresholds, calibrate
from triptych.network.job import Job
from triptych.network.reputation import About, Opinion
from triptych.store.blobs import FolderObjects
from triptych.store.faults import at

OPINIONS, DUE, CHECKS, SHAPES, RUNS = "opinions", "checks-due", "checks", "job-shapes", "honest-runs"
MEASURED = "measured.json"
"""Thresholds that somebody else has measured, in the folder of the checks; see docs/concepts/checking.md."""
MOST_CHECKS, MOST_SHAPES, MOST_RUNS, MOST_DUE = 300, 64, 60, 64
INPUT = "input"  # pictures that a job brought
OWN_WORD = "its own receipt"  # in the place of another owner, where what a node signed does not fit what it sent
What = Literal["canary", "redundant", "honest", "receipt"]
T = TypeVar("T")
_log = structlog.get_logger("triptych.app")


class Tally(msgspec.Struct, frozen=True):
    """What was counted of one owner with one model. `faults` are answers that did not fit their own receipt, or could not be opened."""

    about: About
    opinion: Opinion
    checks: int = 0
    matches: int = 0
    mismatches: int = 0
    faults: int = 0


class Due(msgspec.Struct, frozen=True):
    """A check that is to be made, from `at_ms` on. `honest` measures how far apart two nodes of people known here are. For
    `redundant` there is the job and what the node made of it, whose pictures are in the folder."""

    id: str
    what: What
    node: str
    model: str
    at_ms: int
    job: Job | None = None
    call: str | None = None
    receipt: str = ""
    pictures: int = 0
    tries: int = 0


class Check(msgspec.Struct, frozen=True):
    """A check that was made. `wrong` says who was, `why` in a sentence how that is known; `pictures` is how many of each are kept.
    `about`, `node` and `model` are those of `accused`, which is the one that was looked at, or else the other. `call` is the attempt whose
    pictures it was about."""

    id: str
    what: What
    at_ms: int
    about: About
    node: str
    model: str
    outcome: Outcome
    wrong: Wrong
    why: str
    call: str | None = None
    accused: Role = "suspect"
    record: Record | None = None
    pictures: dict[Role, int] = {}


class Memory(Protocol):
    """Where it is kept; `store.network.NetworkMemory` is one."""

    async def save(self, scope: str, bodies: Mapping[str, str], now_ms: int) -> None: ...
    async def all(self, scope: str) -> dict[str, str]: ...
    async def forget(self, scope: str, *names: str) -> None: ...


class Book:
    """The counts and the evidence. Methods that change something raise StorageError."""

    def __init__(self, memory: Memory, folder: Path) -> None:
        self._memory, self._folder = memory, folder
        self._files: FolderObjects | None = None
        self._tallies: dict[About, Tally] = {}
        self._shapes: dict[str, list[Shape]] = {}
        self._runs: dict[str, list[Difference]] = {}
        self._given: dict[str, Thresholds] = {}
        self._limits: dict[str, Thresholds] = {}
        self.due: dict[str, Due] = {}
        self.checks: dict[str, Check] = {}

    async def load(self) -> None:
        """Reads what was kept."""
        for body in (await self._memory.all(OPINIONS)).values():
            found = msgspec.json.decode(body, type=Tally)
            self._tallies[found.about] = found
        self.due = {name: msgspec.json.decode(body, type=Due) for name, body in (await self._memory.all(DUE)).items()}
        made = [msgspec.json.decode(body, type=Check) for body in (await self._memory.all(CHECKS)).values()]
        self.checks = {one.id: one for one in sorted(made, key=lambda one: one.at_ms)}
        for name, body in (await self._memory.all(SHAPES)).items():
            self._shapes[name] = msgspec.json.decode(body, type=list[Shape])
        for name, body in (await self._memory.all(RUNS)).items():
            self._runs[name] = msgspec.json.decode(body, type=list[Difference])
        self._given = await asyncio.to_thread(_given, self._folder / MEASURED)

    # Who is thought what of.

    def tally(self, about: About) -> Tally:
        return self._tallies.get(about) or Tally(about, Opinion())

    def tallies(self, owner: str | None = None) -> tuple[Tally, ...]:
        """Of one owner, or of all."""
        return tuple(one for one in self._tallies.values() if owner in {None, one.about.owner})

    async def worked(self, about: About, now_ms: int) -> None:
        """Counts a job that nobody looks at."""
        await self._keep(_with(self.tally(about), self.tally(about).opinion.worked(now_ms)), now_ms)

    async def learn(self, lessons: Iterable[Lesson], now_ms: int) -> None:
        """Counts what a check has shown of each."""
        for lesson in lessons:
            before = self.tally(lesson.about)
            fresh = _with(before, audit.learn(before.opinion, lesson, now_ms))
            if not lesson.again:
                fresh = msgspec.structs.replace(
                    fresh, checks=fresh.checks + 1, matches=fresh.matches + (lesson.outcome == "match"),
                    mismatches=fresh.mismatches + (lesson.outcome == "mismatch"),
                )  # fmt: skip
            await self._keep(fresh, now_ms)

    async def fault(self, about: About, now_ms: int) -> None:
        """Counts an answer that does not fit what the node itself signed: no other node is needed to see that, so two are enough."""
        before = self.tally(about)
        word = OWN_WORD if OWN_WORD not in before.opinion.against else f"{OWN_WORD}, again"
        fresh = _with(before, before.opinion.audited("mismatch", word, now_ms))
        await self._keep(msgspec.structs.replace(fresh, faults=before.faults + 1), now_ms)

    async def pardon(self, owner: str, now_ms: int) -> bool:
        """After a person has looked: all models of an owner begin anew. Whether anything was known of it."""
        found = self.tallies(owner)
        for one in found:
            await self._keep(_with(one, replace(one.opinion.pardoned(), at_ms=now_ms)), now_ms)
        return bool(found)

    async def _keep(self, fresh: Tally, now_ms: int) -> None:
        self._tallies[fresh.about] = fresh
        name = f"{fresh.about.owner}/{fresh.about.model}"
        await self._memory.save(OPINIONS, {name: msgspec.json.encode(fresh).decode()}, now_ms)

    # What real jobs look like.

    def shapes(self, by: DrawnBy) -> Sequence[Shape]:
        """Of the latest jobs for models of one class."""
        return self._shapes.get(by.kind, ())

    async def shape(self, by: DrawnBy, seen: Shape, now_ms: int) -> None:
        """Remembers one, where it says something new."""
        known = self._shapes.setdefault(by.kind, [])
        if seen not in known:
            known.append(seen)
            del known[:-MOST_SHAPES]
            await self._memory.save(SHAPES, {by.kind: msgspec.json.encode(known).decode()}, now_ms)

    # How far apart honest machines are.

    def limits(self, by: DrawnBy) -> Thresholds | None:
        """Those of a class; None before they are measured, and for a class whose precision nobody knows: it may be several."""
        if by.precision == UNKNOWN:
            return None
        if by.kind not in self._limits and self.runs(by) >= LEAST_RUNS:
            self._limits[by.kind] = calibrate(self._runs[by.kind])
        return self._limits.get(by.kind) or self._given.get(by.kind)

    def runs(self, by: DrawnBy) -> int:
        """How often honest machines of a class were compared."""
        return len(self._runs.get(by.kind, ()))

    async def honest(self, by: DrawnBy, found: Iterable[Difference], now_ms: int) -> None:
        """Takes in how far two honest machines were apart."""
        known = self._runs.setdefault(by.kind, [])
        known += found
        del known[:-MOST_RUNS]
        self._limits.pop(by.kind, None)
        await self._memory.save(RUNS, {by.kind: msgspec.json.encode(known).decode()}, now_ms)

    # Checks.

    async def put(self, due: Due) -> None:
        self.due[due.id] = due
        await self._memory.save(DUE, {due.id: msgspec.json.encode(due).decode()}, due.at_ms)

    async def drop(self, due: Due) -> None:
        """It is not to be made any more; its pictures are forgotten."""
        if self.due.pop(due.id, None) is not None:
            await self._memory.forget(DUE, due.id)
        shown = due.id in self.checks and self.checks[due.id].pictures
        await self._remove(
            due.id, {"suspect": 0 if shown else due.pictures, INPUT: len(due.job.images) if due.job else 0}
        )

    async def made(self, check: Check, pictures: Mapping[Role, Sequence[bytes]]) -> None:
        """Keeps a check, with its pictures where there are any to show. The oldest goes when there are too many."""
        for role, all_of in pictures.items():
            await self.keep_pictures(check.id, role, all_of)
        kept = msgspec.structs.replace(check, pictures={role: len(all_of) for role, all_of in pictures.items()})
        self.checks[check.id] = kept
        await self._memory.save(CHECKS, {check.id: msgspec.json.encode(kept).decode()}, check.at_ms)
        for old in list(self.checks.values())[:-MOST_CHECKS]:
            del self.checks[old.id]
            await self._memory.forget(CHECKS, old.id)
            await self._remove(old.id, old.pictures)

    # Pictures of checks: none of the studio's, and never among them.

    async def keep_pictures(self, name: str, role: str, pictures: Sequence[bytes]) -> None:
        """Keeps them until the check is made, or longer where there is something to show."""
        for place, data in enumerate(pictures):
            await self._disk(partial(_write, path=_file(name, role, place), data=data))

    async def pictures(self, name: str, role: str, count: int) -> tuple[bytes, ...]:
        """Those that are still there."""
        found = [await self._disk(partial(_read, path=_file(name, role, place))) for place in range(count)]
        return tuple(one for one in found if one is not None)

    async def _remove(self, name: str, pictures: Mapping[Any, int]) -> None:
        for role, count in pictures.items():
            for place in range(count):
                await self._disk(partial(_gone, path=_file(name, role, place)))

    async def _disk(self, act: Callable[[FolderObjects], T]) -> T:
        def work() -> T:
            with at(f"The folder {self._folder}"):
                self._files = self._files or FolderObjects(self._folder)
                return act(self._files)

        return await asyncio.to_thread(work)


def _file(name: str, role: str, place: int) -> str:
    return f"{name}-{role}-{place}"


def _write(files: FolderObjects, path: str, data: bytes) -> None:
    files.write(path, data)


def _read(files: FolderObjects, path: str) -> bytes | None:
    return files.read(path)


def _gone(files: FolderObjects, path: str) -> None:
    files.remove(path)


def _with(tally: Tally, opinion: Opinion) -> Tally:
    return msgspec.structs.replace(tally, opinion=opinion)


class _Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    digest: str
    engine: str
    precision: str
    pdq_bits: float
    detail: float
    likeness: float
    runs: int
    sampler: str | None = None


def _given(path: Path) -> dict[str, Thresholds]:
    """Thresholds from a file, by the name of their class. One that cannot be read is told and left out."""
    try:
        rows = msgspec.json.decode(path.read_bytes(), type=list[_Given])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        _log.warning("measured thresholds cannot be read", file=str(path), reason=str(error))
        return {}
    return {
        DrawnBy(one.digest, one.engine, one.precision, one.sampler).kind: Thresholds(
            one.pdq_bits, one.detail, one.likeness, one.runs
        )
        for one in rows
    }
