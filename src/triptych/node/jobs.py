"""The jobs of a node: taken once, queued, drawn, signed, and kept until whoever asked has had time to fetch them.

The same job, over whatever hub and however often, is one job with one name. What it says of a job are the values of `network.job`.
Nothing of a job is written to the disk or to a log: a node that was stopped knows none of its jobs any more, and says so.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median

import structlog

from triptych.network import job, node_receipt
from triptych.network.card import CardModel
from triptych.network.job import (
    Accepted,
    Cancel,
    Code,
    Done,
    Poll,
    Problem,
    Question,
    Refused,
    Reply,
    Submit,
    Watch,
    Working,
)
from triptych.network.node_receipt import NodeReceiptError, Output, ReceiptBody, Verdict
from triptych.network.ohttp.padding import MAX_RESPONSE
from triptych.network.ohttp.seal import Random
from triptych.network.replay import WINDOW_MS, Window
from triptych.node.admission import STRANGER_RANK, Days, Guests, Limits
from triptych.node.backends.base import Backend, Drawn, Glimpse
from triptych.node.fees import Fees
from triptych.node.policy import PictureCheck, Words
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, BlockedError, ProviderFailedError, TriptychError
from triptych.spec.image import Size
from triptych.tlog.note import Signer

WATCH_S, BEAT_S, PACE_S = 120.0, 15.0, 0.25  # of an answer that stays open; a hub gives it three minutes
PREVIEW_BYTES = 8 << 20  # of all previews in one such answer
_STRANGERS = ""
_MOST_BYTES = MAX_RESPONSE - (1 << 20)  # of all pictures of an answer, with room for what is around them
_RECENT = 50
_log = structlog.get_logger("triptych.node")


class _TurnedAwayError(Exception):
    """A job that is not taken now; nothing is remembered of it, so that it may be sent again."""

    def __init__(self, code: Code, title: str, *, retry_ms: int | None = None) -> None:
        super().__init__(title)
        self.problem = Problem(code=code, title=title[:400], retry_ms=retry_ms)


@dataclass(slots=True, eq=False)
class _Entry:
    """A job that was taken. `count` are the pieces of news so far, `reply` is the last of them."""

    name: str
    asked: Submit
    shown: CardModel
    backend: Backend
    who: str
    rank: int
    received_ms: int
    order: int
    started_ms: int = 0
    count: int = 0
    glimpse: Glimpse | None = None
    reply: Reply | None = None
    ended_ms: int = 0
    told: bool = False  # somebody has heard how it ended
    task: "asyncio.Task[Reply] | None" = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def turn(self) -> tuple[int, int]:
        """Who is lower comes first."""
        return self.rank, self.order

    async def wait(self, seconds: float, seen: int | None = None) -> None:
        """Until it has ended, or there is more than `seen`; so long at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.reply is None and (seen is None or self.count <= seen):
                    await self.changed.wait()

    def tell(self) -> None:
        """One more piece of news: whoever waits for one is woken."""
        self.count += 1
        before, self.changed = self.changed, asyncio.Event()
        before.set()


@dataclass(slots=True)
class Used:
    """What somebody with an invite had: jobs that were drawn, and when the last was asked for, in milliseconds since 1970."""

    served: int = 0
    last_ms: int = 0


@dataclass(slots=True)
class Counts:
    """Jobs by how they ended since the node was started, and those that were turned away, by the code. `guests` are by the
    word of their invite."""

    served: int = 0
    refused: int = 0
    failed: int = 0
    cancelled: int = 0
    turned_away: dict[str, int] = field(default_factory=dict)
    guests: dict[str, Used] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the jobs of a node need of it. `number` gives the number of its latest card."""

    signer: Signer
    node: str
    number: Callable[[], int]
    clock: Clock
    guests: Guests
    words: Words = Words()  # noqa: RUF009 - frozen
    checks: Sequence[PictureCheck] = ()
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    random: Random = secrets.token_bytes
    fees: Fees = Fees()  # noqa: RUF009 - without a desk it takes nothing


class Jobs:
    """All jobs of a node; `run` draws them, `answer` speaks of them."""

    def __init__(self, house: House, models: Mapping[str, tuple[CardModel, Backend]]) -> None:
        self.counts = Counts()
        self.draining, self.paused, self._days = False, False, Days()
        self._house, self._models = house, models
        self._window = Window()
        self._entries: dict[str, _Entry] = {}
        self._names: dict[str, str] = {}  # of jobs, by their nonce
        self._waiting: asyncio.PriorityQueue[tuple[int, int, str]] = asyncio.PriorityQueue()
        self._order = 0
        self._took: deque[int] = deque(maxlen=_RECENT)
        self._idle, self._told = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._told.set()

    @property
    def queue(self) -> int:
        """Jobs that wait or are being drawn."""
        return sum(one.reply is None for one in self._entries.values())

    @property
    def p50_ms(self) -> int:
        """How long half of the latest jobs took at most."""
        return round(median(self._took)) if self._took else 0

    async def idle(self) -> None:
        """Returns when every job that was taken has ended."""
        await self._idle.wait()

    async def told(self) -> None:
        """Returns when every job that was taken has ended and whoever asked has heard of it."""
        await self._told.wait()

    def measured(self, took_ms: int) -> None:
        """How long a picture took that was no job's, so that the first card can say how long one takes."""
        self._took.append(took_ms)

    async def run(self) -> None:
        """Draws what is queued until it is cancelled; then what is being drawn is stopped, too."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._house.limits.at_once):
                group.create_task(self._draw_all())

    async def answer(self, question: Question) -> Reply:
        """What the node says to a question; a poll waits for news."""
        match question:
            case Submit():
                return await self._house.fees.handed_in(question, self._submit, self._house.clock.now_ms())
            case Poll():
                return await self._poll(question)
            case Cancel():
                return self._cancel(question)
            case Watch():
                return await self._poll(Poll(job=question.job, seen=question.seen))

    # Taking a job.

    def _submit(self, asked: Submit) -> Reply:
        now = self._house.clock.now_ms()
        self._forget(now)
        try:
            if (name := self._names.get(asked.job.nonce)) is None:
                name = self._take(asked, now)
        except _TurnedAwayError as error:
            self._turned_away(error.problem.code)
            return Reply(error.problem)
        entry = self._entries[name]
        if entry.asked.hash != asked.hash:
            return _problem("nonce_used", "Another job has this nonce.")
        return Reply(Accepted(job=name, queue=self._before(entry)))

    def _take(self, asked: Submit, now: int) -> str:
        shown, backend = self._fitting(asked)
        who, rank = self._guest(asked, now)
        match self._window.admit(asked.job.nonce, asked.hash, asked.job.sent_ms, now):
            case "clock":
                raise _ClockError(now)
            case "full":
                raise _TurnedAwayError("busy", "Too many jobs came in the last quarter of an hour.", retry_ms=60_000)
            case "conflict":
                raise _TurnedAwayError("nonce_used", "Another job has this nonce.")
            case "again":
                raise _TurnedAwayError("nonce_used", "This job was here, and its pictures are not kept any more.")
            case "new":
                pass
        name = job.capability(self._house.random)
        self._order += 1
        entry = _Entry(name, asked, shown, backend, who, rank, now, self._order)
        self._entries[name], self._names[asked.job.nonce] = entry, name
        if who != _STRANGERS:
            self.counts.guests.setdefault(who, Used()).last_ms = now
        self._look_around()
        if (rule := self._house.words.refuses(asked.job.prompt)) is not None:
            _log.info("a job is refused by its words", rule=rule)
            self._end(entry, self._refusal(entry, "refused"))
            return name
        self._waiting.put_nowait((*entry.turn, name))
        return name

    def _fitting(self, asked: Submit) -> tuple[CardModel, Backend]:
        wanted = asked.job
        if self.draining or self.paused:
            raise _TurnedAwayError(
                "draining", "The node is about to stop." if self.draining else "The node is being looked after."
            )
        if (found := self._models.get(wanted.model)) is None:
            raise _TurnedAwayError("no_model", "This node does not run that model.")
        shown, backend = found
        roles = {one.role for one in wanted.images}
        needed = "inpaint" if "mask" in roles else "i2i" if roles else "t2i"
        if needed not in shown.caps:
            raise _TurnedAwayError("bad_request", f"{wanted.model} does not do {needed} here.")
        limit = min(shown.max_px, self._house.limits.max_px)
        if wanted.size is not None and Size.parse(wanted.size).pixels > limit:
            raise _TurnedAwayError("bad_request", f"size: {limit} pixels at most here.")
        if wanted.steps is not None and wanted.steps > shown.steps_max:
            raise _TurnedAwayError("bad_request", f"steps: {shown.steps_max} at most here.")
        try:
            backend.check(asked)
        except BadRequestError as error:
            raise _TurnedAwayError("bad_request", error.message) from None
        return shown, backend

    def _guest(self, asked: Submit, now: int) -> tuple[str, int]:
        """Whose job it is, and how far in front it comes."""
        limits, word = self._house.limits, asked.job.guest
        guest = None if word is None else self._house.guests.known.get(word)
        if word is not None and guest is None:
            raise _TurnedAwayError("bad_request", "guest: the invite was taken back. Ask for a new one.")
        if guest is None and not limits.strangers:
            raise _TurnedAwayError("bad_request", "guest: this node draws for those with an invite alone.")
        owner = guest is not None and guest.owner
        if limits.hours is not None and not owner and (wait := limits.hours.wait_ms(now)):
            raise _TurnedAwayError("busy", f"The node draws from {limits.hours}, by its own clock.", retry_ms=wait)
        who = _STRANGERS if word is None else word
        mine = sum(one.reply is None and one.who == who for one in self._entries.values())
        most = limits.queue if owner else limits.strangers if guest is None else limits.each_guest
        if self.queue >= limits.queue or mine >= most:
            raise _TurnedAwayError("busy", "The queue is full.", retry_ms=max(1000, self.p50_ms))
        if not owner and (wait := self._days.take(who, limits.each_day, now)):
            raise _TurnedAwayError("busy", "That was all for today.", retry_ms=wait)
        return who, STRANGER_RANK if guest is None else guest.rank

    def _turned_away(self, code: str) -> None:
        self.counts.turned_away[code] = self.counts.turned_away.get(code, 0) + 1

    # Speaking of a job.

    async def _poll(self, asked: Poll) -> Reply:
        if (entry := self._entries.get(asked.job)) is None:
            return _unknown()
        await entry.wait(asked.wait_ms / 1000, asked.seen)
        if entry.reply is None:
            return self._working(entry, asked.seen)
        entry.told = True
        self._look_around()
        return entry.reply

    async def watch(self, asked: Watch) -> AsyncIterator[Reply]:
        """All news of a job as they come, and how it ended; or the news of some minutes, after which it is to be asked again. Says something
        every quarter of a minute, and no more than four times a second: what comes between is told together. Previews that are too much for
        one answer are left out."""
        if (entry := self._entries.get(asked.job)) is None:
            yield _unknown()
            return
        clock, seen, room = self._house.clock, asked.seen, PREVIEW_BYTES
        until = clock.monotonic() + WATCH_S
        while entry.reply is None and clock.monotonic() < until:
            room -= len(entry.glimpse.preview or b"") if entry.glimpse is not None else 0
            reply = self._working(entry, seen if room >= 0 else entry.count)
            seen = entry.count
            yield reply
            await entry.wait(PACE_S)
            await entry.wait(BEAT_S, seen)
        if entry.reply is not None:
            yield entry.reply
            entry.told = True  # whoever reads has taken it
            self._look_around()

    def _working(self, entry: _Entry, seen: int) -> Reply:
        glimpse = entry.glimpse or Glimpse(0, 0)
        preview = glimpse.preview if entry.count > seen and entry.asked.job.previews else None
        news = Working(seen=entry.count, queue=self._before(entry), step=glimpse.step, steps=glimpse.steps,
                       preview=None if preview is None else _described(preview))  # fmt: skip
        return Reply(news, () if preview is None else (preview,))

    def _cancel(self, asked: Cancel) -> Reply:
        if (entry := self._entries.get(asked.job)) is None:
            return _unknown()
        if entry.reply is None:
            entry.told = True
            self._end(entry, _problem("cancelled", "The job was cancelled."))
            if entry.task is not None:
                entry.task.cancel()
        return entry.reply or _unknown()

    def _before(self, entry: _Entry) -> int:
        """How many jobs come before one that waits."""
        if entry.reply is not None or entry.started_ms:
            return 0
        others = (one for one in self._entries.values() if one.reply is None)
        return sum(bool(one.started_ms) or one.turn < entry.turn for one in others)

    # Drawing.

    async def _draw_all(self) -> None:
        while True:
            _, _, name = await self._waiting.get()
            entry = self._entries.get(name)
            if entry is None or entry.reply is not None:
                continue
            entry.started_ms = max(entry.received_ms, self._house.clock.now_ms())
            for one in self._entries.values():
                if one.reply is None:
                    one.tell()
            entry.task = asyncio.create_task(self._draw(entry))
            try:
                await asyncio.wait({entry.task})
            finally:
                entry.task.cancel()
            self._settle(entry, entry.task)

    def _settle(self, entry: _Entry, task: "asyncio.Task[Reply]") -> None:
        if entry.reply is not None:  # it was cancelled
            return
        fault = None if task.cancelled() else task.exception()
        if task.cancelled() or fault is not None:
            if fault is not None:
                _log.error("a job ended in a fault of the program", exc_info=fault)
            self._end(entry, _problem("failed", "The node failed."))
            return
        self._took.append(max(0, self._house.clock.now_ms() - entry.started_ms))
        self._end(entry, task.result())

    async def _draw(self, entry: _Entry) -> Reply:
        async def tell(glimpse: Glimpse) -> None:
            if glimpse.preview is not None:
                _output(glimpse.preview)  # what is no picture ends the job, and does not go out
            entry.glimpse = glimpse
            entry.tell()

        try:
            drawn = await entry.backend.draw(entry.asked, tell)
            return await self._house.fees.settled(entry.asked, await self._handed_out(entry, drawn))
        except BlockedError:
            return self._refusal(entry, "refused")
        except BadRequestError as error:
            return _problem("bad_request", error.message)
        except TriptychError as error:
            _log.warning("a job failed", code=error.code, engine=entry.backend.name)
            return _problem("failed", f"The engine failed ({error.code}).")

    async def _handed_out(self, entry: _Entry, drawn: Drawn) -> Reply:
        """The pictures with a receipt over them, less those that are kept back. Raises ProviderFailedError for pictures that are not
        those that were asked for."""
        pictures = drawn.pictures
        outputs = [_output(one) for one in pictures]
        if len(pictures) != entry.asked.job.n or len({one.sha256 for one in outputs}) != len(outputs):
            raise ProviderFailedError("The engine drew another number of pictures.")
        if any(entry.asked.job.size not in {None, f"{one.width}x{one.height}"} for one in outputs):
            raise ProviderFailedError("The engine drew another size.")
        if sum(map(len, pictures)) > _MOST_BYTES:
            raise ProviderFailedError("The pictures are too large to be carried.")
        kept = [index for index, one in enumerate(pictures) if not await self._kept_back(one)]
        verdict: Verdict = "ok" if len(kept) == len(pictures) else "censored"
        if not kept:
            return self._refusal(entry, "censored", drawn)
        line = self._receipt(entry, verdict, [outputs[index] for index in kept], drawn)
        handed = tuple(pictures[index] for index in kept)
        return Reply(Done(receipt=line, images=tuple(_listed(outputs[index]) for index in kept)), handed)

    async def _kept_back(self, data: bytes) -> bool:
        for check in self._house.checks:
            if (why := await check.look(data)) is not None:
                _log.info("a picture is kept back", why=why)
                return True
        return False

    def _refusal(self, entry: _Entry, verdict: Verdict, drawn: Drawn | None = None) -> Reply:
        return Reply(Refused(receipt=self._receipt(entry, verdict, [], drawn)))

    def _receipt(self, entry: _Entry, verdict: Verdict, outputs: Sequence[Output], drawn: Drawn | None) -> str:
        asked, shown, house = entry.asked, entry.shown, self._house
        started = entry.started_ms or entry.received_ms
        steps = drawn.steps if drawn is not None else asked.job.steps or 0
        body = ReceiptBody(
            node=house.node, card_seq=house.number(), req=asked.hash, nonce=node_receipt.nonce_hash(asked.job.nonce),
            inputs=tuple(one.sha256 for one in asked.job.images), outputs=tuple(outputs), model=shown.id, digest=shown.digest,
            engine=shown.engine, precision=shown.precision, seed=asked.job.seed, steps=steps, policy=verdict,
            sampler=None if drawn is None else drawn.sampler, received_ms=entry.received_ms, started_ms=started,
            ended_ms=max(started, house.clock.now_ms()),
        )  # fmt: skip
        return node_receipt.sign(body, house.signer)

    # Ending.

    def _end(self, entry: _Entry, reply: Reply) -> None:
        entry.reply, entry.ended_ms = reply, self._house.clock.now_ms()
        self._house.fees.give_back(entry.asked)  # unless it was taken
        match reply.news:
            case Done():
                self.counts.served += 1
                if (used := self.counts.guests.get(entry.who)) is not None:
                    used.served += 1
            case Refused():
                self.counts.refused += 1
            case Problem(code="cancelled"):
                self.counts.cancelled += 1
            case _:
                self.counts.failed += 1
        entry.tell()
        self._forget(entry.ended_ms)
        self._look_around()

    def _look_around(self) -> None:
        """Whether there is anything left to draw, or to be fetched."""
        all_told = all(one.told for one in self._entries.values())
        for event, over in ((self._idle, not self.queue), (self._told, all_told)):
            (event.set if over else event.clear)()

    def _forget(self, now: int) -> None:
        """Lets go of what ended long ago, and of the oldest results when there is too much of them."""
        ended = [one for one in self._entries.values() if one.reply is not None]
        room = self._house.limits.kept_bytes
        for entry in sorted(ended, key=lambda one: one.ended_ms, reverse=True):
            room -= sum(map(len, entry.reply.pictures)) if entry.reply is not None else 0
            if room < 0 or now - entry.ended_ms > WINDOW_MS:
                del self._entries[entry.name]
                del self._names[entry.asked.job.nonce]


class _ClockError(_TurnedAwayError):
    """The studio's clock is too far off."""

    def __init__(self, now_ms: int) -> None:
        super().__init__("clock", "clock")
        self.problem = job.clock_problem(now_ms)


def _output(data: bytes) -> Output:
    try:
        return node_receipt.output(data)
    except NodeReceiptError as error:
        raise ProviderFailedError(f"The engine drew something else: {error}") from None


def _listed(one: Output) -> job.Picture:
    return job.Picture(bytes=one.bytes, sha256=one.sha256, media_type=one.media_type)


def _described(data: bytes) -> job.Picture:
    return _listed(_output(data))


def _problem(code: Code, title: str) -> Reply:
    return Reply(Problem(code=code, title=title[:400]))


def _unknown() -> Reply:
    return _problem("unknown_job", "The node knows no such job: it may have been started anew.")
