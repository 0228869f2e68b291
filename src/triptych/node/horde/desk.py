"""The desk where workers fetch work: who is there, which pictures wait, who has which in hand, and until when.

A job is given to the first worker that asks and can do it, the oldest first. Who has one in hand and says nothing until its time is over
loses it to the next; nobody is given the same job twice. Everything is in memory: jobs end with the process, and workers ask anew.
"""

import asyncio
import uuid
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from triptych.node.horde.uploads import checked
from triptych.node.horde.wire import Asked, Change, HordeError, Note, Pop, Submit
from triptych.spec.clock import Clock
from triptych.spec.errors import BlockedError, NotSentError, OverloadedError, ProviderFailedError, TriptychError

HERE_S = 60.0  # since a worker last asked, for it to be called there
LOOK_S = 2.0  # between two looks whether anybody is left who could do a job
TTL_S = (60.0, 900.0)
SPARE_S = 5.0  # of the caller's time that no worker is given
TRIES = 3
MOST_WAITING, MOST_IN_HAND, MOST_WORKERS, MOST_ENDED = 256, 16, 256, 1024


@dataclass(slots=True, kw_only=True, eq=False)
class Worker:
    """A worker as it described itself last. `owner` is the name of the key that it came with."""

    id: str
    name: str
    owner: str
    said: Pop
    seen: float
    joined_ms: int
    served: int = 0
    failed: int = 0
    kudos: float = 0.0
    maintenance: bool = False
    message: str | None = None
    info: str | None = None

    def cannot(self, asked: Asked) -> str | None:
        """Why it cannot do a job, in the word that the Horde has for it; None when it can."""
        said, words = self.said, asked.prompt.casefold()
        reasons = {
            "models": asked.model not in said.models,
            "max_pixels": asked.width * asked.height > said.max_pixels,
            "img2img": asked.source is not None and said.allow_img2img is False,
            "painting": asked.mask is not None and not said.allow_painting,
            "blacklist": any(word and word.casefold() in words for word in said.blacklist or ()),
        }
        return next((reason for reason, holds in reasons.items() if holds), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A picture, by whom it was drawn, with which seed, and what the worker noted."""

    picture: bytes = field(repr=False)
    seed: int
    worker: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """A job for a worker, under an id of its own, and how many seconds there are for it."""

    job: str
    asked: Asked
    seconds: float


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing for a worker: how many jobs wait that it cannot do, by reason, and a word to it."""

    skipped: Mapping[str, int] = field(default_factory=dict)
    message: str | None = None


Loss = Literal["faulted", "late"]


@dataclass(slots=True, eq=False)
class _Hand:
    """A job in a worker's hand."""

    id: str
    worker: Worker
    until: float
    picture: bytes | None = field(default=None, repr=False)


@dataclass(slots=True, eq=False)
class _Job:
    asked: Asked
    deadline: float
    news: asyncio.Event = field(default_factory=asyncio.Event)
    hand: _Hand | None = None
    lost_by: dict[str, tuple[str, Loss]] = field(default_factory=dict)  # by worker id, its name and how
    given: list[str] = field(default_factory=list)  # names of all who had it in hand, in order
    made: Made | None = None
    error: TriptychError | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """How a job stands: its place in the queue from 1 on, or who has it in hand."""

    place: int | None = None
    worker: str | None = None


Hear = Callable[[Step], Awaitable[None]]


def worker_id(owner: str, name: str) -> str:
    """The id of a worker: the same each time it comes with this key and this name."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{owner}\n{name}"))


def time_for(asked: Asked, left: float) -> float:
    """Seconds that a worker is given for a job, of which the caller has `left`: as the Horde counts, a second and a half for a step of
    512x512 at the slowest, and no more than the caller can wait."""
    most = 30.0 + 1.5 * asked.steps * asked.width * asked.height / (512 * 512)
    return min(max(TTL_S[0], most), TTL_S[1], max(1.0, left - SPARE_S))


class Desk:
    """Work for the workers of one owner. `changed` is called when a worker comes, goes, or offers something else."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._workers: dict[str, Worker] = {}
        self._jobs: list[_Job] = []
        self._hands: dict[str, _Job] = {}
        self._ended: OrderedDict[str, str] = OrderedDict()  # hand id -> the code that a late word about it gets
        self.changed: Callable[[], None] = lambda: None

    # Workers.

    def workers(self) -> tuple[Worker, ...]:
        """Everyone who came since the start, by name."""
        return tuple(sorted(self._workers.values(), key=lambda one: (one.name.casefold(), one.id)))

    def here(self, worker: Worker) -> bool:
        """Whether it asked lately, or has something in hand."""
        return self._clock.monotonic() - worker.seen < HERE_S or self.in_hand(worker) > 0

    def in_hand(self, worker: Worker) -> int:
        return sum(job.hand is not None and job.hand.worker is worker for job in self._jobs)

    def worker(self, id_: str, owner: str | None = None) -> Worker:
        """Raises HordeError: 404 for one that never came, 403 for one of another key."""
        found = self._workers.get(id_)
        if found is None:
            raise HordeError(404, "WorkerNotFound", "No such worker came here.")
        if owner is not None and found.owner != owner:
            raise HordeError(403, "WrongCredentials", "This worker came with another key.")
        return found

    def change(self, worker: Worker, change: Change) -> None:
        """What its owner sets: in maintenance, or paused, it gets nothing new."""
        wanted = change.maintenance if change.maintenance is not None else change.paused
        if wanted is not None:
            worker.maintenance = wanted
            worker.message = change.maintenance_msg if wanted else None
        worker.info = worker.info if change.info is None else change.info
        self.changed()

    def forget(self, worker: Worker) -> None:
        """Lets a worker go; what it has in hand goes to the next."""
        del self._workers[worker.id]
        for job in [one for one in self._jobs if one.hand is not None and one.hand.worker is worker]:
            self._take_back(job, "late")
        self.changed()

    def _greet(self, owner: str, said: Pop) -> Worker:
        id_ = worker_id(owner, said.name)
        known = self._workers.get(id_)
        if known is None:
            if len(self._workers) >= MOST_WORKERS:
                raise HordeError(403, "TooManySameIPs", f"{MOST_WORKERS} workers came here already.")
            known = self._workers[id_] = Worker(id=id_, name=said.name, owner=owner, said=said, seen=float("-inf"),
                                                joined_ms=self._clock.now_ms())  # fmt: skip
        was_here, before = self.here(known), known.said
        known.said, known.seen = said, self._clock.monotonic()
        if not was_here or before != said:
            self.changed()
        return known

    # What workers ask and bring.

    def pop(self, owner: str, said: Pop) -> Given | Idle:
        """The next job for a worker, or why there is none. Raises HordeError."""
        worker = self._greet(owner, said)
        if worker.maintenance:
            raise HordeError(
                403, "WorkerMaintenance", worker.message or "This worker is set to maintenance by its owner."
            )
        skipped: Counter[str] = Counter()
        if self.in_hand(worker) >= MOST_IN_HAND:
            return Idle(message=f"It has {MOST_IN_HAND} jobs in hand: they come first.")
        for job in self._jobs:
            if job.hand is not None or job.made is not None or job.error is not None:
                continue
            why = "worker_id" if worker.id in job.lost_by else worker.cannot(job.asked)
            if why is None:
                return self._give(job, worker)
            skipped[why] += 1
        return Idle(dict(skipped))

    def _give(self, job: _Job, worker: Worker) -> Given:
        now = self._clock.monotonic()
        seconds = time_for(job.asked, job.deadline - now)
        job.hand = _Hand(str(uuid.uuid4()), worker, now + seconds)
        job.given.append(worker.name)
        self._hands[job.hand.id] = job
        job.news.set()
        return Given(job.hand.id, job.asked, seconds)

    def wanted(self, hand: str) -> Asked:
        """What is drawn under an id that was given out. Raises HordeError where nobody waits for it any more."""
        return self._held(hand)[0].asked

    def bring(self, hand: str, picture: bytes) -> None:
        """Takes the picture of a job; it counts once its worker says that it is the one. Raises HordeError."""
        job, held = self._held(hand)
        checked(picture, job.asked)
        held.picture = picture

    def submit(self, owner: str, said: Submit, picture: bytes | None = None) -> float:
        """A worker says how its job ended; `picture` is one that came along. Returns the kudos that the Horde would count. Raises
        HordeError."""
        job, hand = self._held(said.id, owner)
        if said.state == "faulted":
            self._take_back(job, "faulted")
            return 0.0
        refused = next((note.value for note in said.gen_metadata or () if note.type == "censorship"), None)
        if said.censored or said.state in {"censored", "csam"} or refused:
            self._finish(job, error=BlockedError(f"The worker censored the picture ({refused or said.state or 'censored'}).",
                                                 hint="Reword the prompt, or try another model.", billed="no"))  # fmt: skip
            hand.worker.served += 1
            return job.asked.kudos
        if picture is not None:
            checked(picture, job.asked)
        found = picture or hand.picture
        if found is None:
            raise HordeError(400, "ImageValidationFailed", "No picture was uploaded for this job.")
        worker, reward = hand.worker, job.asked.kudos
        worker.served, worker.kudos = worker.served + 1, worker.kudos + reward
        notes = tuple(f"{one.type}: {one.value}" for one in _spoken(said.gen_metadata))
        self._finish(
            job, made=Made(picture=found, seed=_seed(said.seed, job.asked.seed), worker=worker.name, notes=notes)
        )
        return reward

    def _held(self, hand: str, owner: str | None = None) -> tuple[_Job, _Hand]:
        job = self._hands.get(hand)
        if job is None or job.hand is None or job.hand.id != hand:
            code = self._ended.get(hand, "InvalidJobID")
            words = {"DuplicateGen": "This job is done already.", "AbortedGen": "Nobody waits for this job any more."}
            raise HordeError(404 if code == "InvalidJobID" else 400, code, words.get(code, "There is no such job."))
        if owner is not None and job.hand.worker.owner != owner:
            raise HordeError(403, "WrongCredentials", "This job was given to a worker with another key.")
        return job, job.hand

    # What is wanted.

    def why_nobody(self, asked: Asked, lost_by: frozenset[str] = frozenset()) -> str | None:
        """Why no worker that is here would get a job, in a sentence; None when one would."""
        there = [one for one in self._workers.values() if self.here(one) and asked.model in one.said.models]
        if not there:
            return f"No worker with {asked.model} is connected now."
        awake = [one for one in there if not one.maintenance]
        if not awake:
            return f"Every worker with {asked.model} is in maintenance."
        reasons = {one.cannot(asked) for one in awake if one.id not in lost_by}
        if None in reasons:
            return None
        return (
            _WORDS.get(next(iter(reasons)) or "", "")
            if len(reasons) == 1
            else "No worker that is connected can do this."
        )

    async def draw(self, asked: Asked, deadline: float, hear: Hear) -> Made:
        """Waits until a worker has drawn it; who stops waiting takes it off the desk. `deadline` is in `Clock.monotonic()` seconds.

        Raises NotSentError where no worker could do it or none took it in time, OverloadedError where too many wait, BlockedError for a
        picture that a worker censored, ProviderFailedError where nobody brought one.
        """
        job = _Job(asked, deadline)
        if (why := self.why_nobody(asked)) is not None:
            raise NotSentError(why, hint="Start a worker with it, or choose another model.")
        if len(self._jobs) >= MOST_WAITING:
            raise OverloadedError(
                f"{MOST_WAITING} pictures wait for your workers already.", hint="Wait, or choose another model."
            )
        self._jobs.append(job)
        try:
            return await self._until_made(job, hear)
        finally:
            self._forget_hand(job, "DuplicateGen" if job.made is not None or job.error is not None else "AbortedGen")
            self._jobs.remove(job)

    async def _until_made(self, job: _Job, hear: Hear) -> Made:
        place, heard = 0, 0
        while True:
            if heard < len(job.given):  # whoever had it is told, however short that was
                await hear(Step(worker=job.given[heard]))
                place, heard = 0, heard + 1
                continue
            if job.made is not None:
                return job.made
            if (error := job.error or self._hopeless(job)) is not None:
                raise error
            if job.hand is None and place != (place := self._place(job)):
                await hear(Step(place=place))
                continue  # something may have come meanwhile
            job.news.clear()
            await self._news(job)
            self._overdue(job)

    def _place(self, job: _Job) -> int:
        """In the queue, from 1 on."""
        return [one for one in self._jobs if one.hand is None].index(job) + 1

    def _hopeless(self, job: _Job) -> TriptychError | None:
        if job.hand is not None:
            return None
        left = job.deadline - self._clock.monotonic()
        if not job.lost_by:
            why = self.why_nobody(job.asked) if left > 0 else "No worker took it in time."
            return None if why is None else NotSentError(why, hint="Start another worker, or choose another model.")
        if left > SPARE_S and len(job.lost_by) < TRIES and self.why_nobody(job.asked, frozenset(job.lost_by)) is None:
            return None
        return _lost(job.lost_by)

    async def _news(self, job: _Job) -> None:
        """Until something happened to a job, or it is time to look."""
        end = job.deadline if job.hand is None else min(job.hand.until, job.deadline)
        left = max(0.0, end - self._clock.monotonic())
        timer = asyncio.ensure_future(self._clock.sleep(left if job.hand is not None else min(left, LOOK_S)))
        rung = asyncio.ensure_future(job.news.wait())
        try:
            await asyncio.wait({timer, rung}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            rung.cancel()

    def _overdue(self, job: _Job) -> None:
        if (
            job.hand is not None
            and job.made is None
            and job.error is None
            and self._clock.monotonic() >= job.hand.until
        ):
            self._take_back(job, "late")

    def _take_back(self, job: _Job, how: Loss) -> None:
        if job.hand is None:
            return
        worker = job.hand.worker
        worker.failed += 1
        job.lost_by[worker.id] = (worker.name, how)
        self._forget_hand(job, "DuplicateGen" if how == "faulted" else "AbortedGen")
        job.hand = None
        job.news.set()

    def _finish(self, job: _Job, *, made: Made | None = None, error: TriptychError | None = None) -> None:
        job.made, job.error = made, error
        self._forget_hand(job, "DuplicateGen")
        job.news.set()

    def _forget_hand(self, job: _Job, code: str) -> None:
        if job.hand is not None and self._hands.pop(job.hand.id, None) is not None:
            self._ended[job.hand.id] = code
            if len(self._ended) > MOST_ENDED:
                self._ended.popitem(last=False)


_WORDS = {
    "max_pixels": "It is larger than any worker that is connected draws.",
    "img2img": "No worker that is connected takes pictures.",
    "painting": "No worker that is connected takes masks.",
    "blacklist": "Every worker that is connected has a word of it on its list of words that it does not draw.",
}


def _lost(by: Mapping[str, tuple[str, Loss]]) -> ProviderFailedError:
    """Those who had it in hand, and that none of them drew it."""
    names, ways = ", ".join(name for name, _ in by.values()), {how for _, how in by.values()}
    said = f"{names} did not draw it."
    if ways == {"faulted"}:
        said = f"{names} could not draw it."
    elif ways == {"late"}:
        said = f"{names} had it in hand and did not bring it in time."
    return ProviderFailedError(said, hint="Look at the worker’s own log, or choose another model.", billed="no")


def _spoken(notes: list[Note] | None) -> list[Note]:
    return [one for one in (notes or ())[:16] if one.type]


def _seed(said: int | str | None, asked: int) -> int:
    """The seed that a worker says it took."""
    try:
        return asked if said is None else int(said)
    except ValueError:
        return asked
