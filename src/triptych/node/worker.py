"""A node at its hubs: it shows its card, fetches what is sealed for it, answers sealed. Outbound connections alone.

Each hub is a line of its own with its own back-off, so that one that is down takes nothing from the others. What ends a node
by itself: a younger process with the same key. What ends one line: a hub that says that the key is used twice, or was revoked.
"""

import asyncio
import random as _chance
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import structlog

from triptych.network import job, news, stamp
from triptych.network.aside import aside
from triptych.network.job import JobError, Problem, Reply, Watch
from triptych.network.meeting import REQUEST, Idle, Meeting, Message, SupersededError
from triptych.network.ohttp import chunks, seal
from triptych.network.ohttp.errors import SealError
from triptych.network.stamp import Stamp
from triptych.node.cards import Cards
from triptych.node.jobs import Jobs
from triptych.node.key_watch import KeyWatch
from triptych.node.keys import NodeKeys
from triptych.spec.clock import Clock
from triptych.spec.errors import RejectedError, TriptychError

POLL_S = 25.0
SKEW_MS = 60_000
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
GRACE_S = 30.0  # for pictures that are ready when a node drains, to be fetched
_AT_ONCE = 64  # messages in hand of one hub; it gives out no more
_TOGETHER = 16  # sealed pieces in one write: the first are on their way while the others are sealed
_TRIES = 256  # of a stamp in one go, so that it can be cancelled between
_FATAL: Final[Mapping[str, str]] = {
    "card.twice": "Another machine uses the key of this node. Stop one, or give each a folder of its own.",
    "card.revoked": "The key of this node was revoked. Begin anew with another folder.",
    "card.owner": "The hub does not take the owner of this node: the owner's word has ended, or the hub knew the node with another one. "
    "Start it with --owner FILE.",
}
_log = structlog.get_logger("triptych.node")

State = Literal["joining", "open", "away", "clock", "stopped"]


@dataclass(slots=True)
class HubState:
    """How a node stands with one hub. `why` is what the hub says when nothing came."""

    origin: str
    state: State = "joining"
    detail: str = ""
    why: Mapping[str, Any] = field(default_factory=dict)
    fetched: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What the lines of a node share. `start_ms` is when its process began; `jitter` gives a number from 0 to 1; `earns` gives the account
    at a hub, by its origin, for which the node draws there."""

    keys: NodeKeys
    cards: Cards
    jobs: Jobs
    clock: Clock
    start_ms: int
    jitter: Callable[[], float] = _chance.random
    earns: Callable[[str], str | None] = lambda _: None


class _StoppedError(Exception):
    """This line has no more to do; the text says why."""


class _Line:
    """A node at one hub."""

    def __init__(self, post: Post, meeting: Meeting) -> None:
        self.seen = HubState(meeting.origin)
        self._post, self._meeting = post, meeting
        self._hands = asyncio.Semaphore(_AT_ONCE)
        self._shown = 0  # the number of the card that the hub has
        self._bits = stamp.BITS
        self._pays = False  # whether this hub counts what is drawn for an account: one that does not is told of none
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serves until it is cancelled. Returns when this hub takes nothing of this node any more; raises SupersededError."""
        failures = 0
        while True:
            try:
                await self._join()
                while True:
                    await self._once()
                    failures = 0
            except SupersededError as error:
                self._is("stopped", error.message)
                raise
            except _StoppedError as error:
                self._is("stopped", str(error))
                return
            except TriptychError as error:
                if self.seen.state != "clock":
                    self._is("away", error.message)
                _log.warning("a hub is away", hub=self.seen.origin, code=error.code)
            wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**failures)
            failures = min(failures + 1, 10)
            await self._post.clock.sleep(wait * (0.5 + self._post.jitter() / 2))

    async def settled(self) -> None:
        """Returns when what was fetched has been answered."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _is(self, state: State, detail: str = "") -> None:
        self.seen.state, self.seen.detail = state, detail

    async def _join(self) -> None:
        self._shown = 0
        about = await self._meeting.about()
        away = self._post.clock.now_ms() - about.now_ms
        if abs(away) > SKEW_MS:
            which = "ahead of" if away > 0 else "behind"
            self._is(
                "clock",
                f"This machine's clock is {abs(away) / 1000:.0f} s {which} the hub's; a minute is allowed. Set it.",
            )
            raise RejectedError(self.seen.detail)
        self._is("joining")
        self._bits, self._pays = about.stamp_bits, about.answers_per_token > 0
        await self._show()
        self._is("open")

    async def _show(self) -> None:
        """Shows the card of now, with a stamp where the hub does not know this node. Raises TriptychError, _StoppedError."""
        for stamped in (False, True):
            signed = self._post.cards.current(self._post.clock.now_ms())
            try:
                await self._meeting.publish(signed.text)
            except RejectedError as error:
                if (why := _FATAL.get(error.param or "")) is not None:
                    raise _StoppedError(why) from None
                if stamped or error.param != "card.stamp":
                    raise
                self._is("joining", "It asks for a little work before a first card: some seconds.")
                self._post.cards.stamped(await make_stamp(self._post.keys.id, self._post.clock.now_ms(), self._bits))
            else:
                self._shown = signed.seq
                return

    async def _once(self) -> None:
        if self._post.cards.current(self._post.clock.now_ms()).seq != self._shown:
            await self._show()
        await self._hands.acquire()
        with ExitStack() as held:
            held.callback(self._hands.release)
            found = await self._meeting.fetch(self._post.keys.signer, self._post.start_ms, POLL_S)
            if isinstance(found, Idle):
                self.seen.why = found.why
                return
            held.pop_all()  # it is free again when the message has been answered
        self.seen.fetched += 1
        task = asyncio.create_task(self._serve(found))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, message: Message) -> None:
        try:
            await self._answered(message)
        except TriptychError as error:  # whoever asked asks again, here or at another hub
            _log.info("an answer did not get through", hub=self.seen.origin, code=error.code)
            if error.status is None:  # the hub has not said that it knows, and would wait for a minute
                with suppress(TriptychError):
                    await self._answer(message, b"")
        finally:
            self._hands.release()

    async def _answered(self, message: Message) -> None:
        streams = self._meeting.streams and message.kind == chunks.REQUEST_TYPE
        pieces = await self._streamed(message) if streams else None
        if pieces is None:
            await self._answer(message, await self._sealed(message))
        else:
            await self._meeting.tell(self._post.keys.signer, self._post.start_ms, message.id, pieces, self._account())

    async def _answer(self, message: Message, sealed: bytes) -> None:
        await self._meeting.answer(
            self._post.keys.signer, self._post.start_ms, message.id, sealed, account=self._account()
        )

    def _account(self) -> str | None:
        return self._post.earns(self.seen.origin) if self._pays else None

    async def _streamed(self, message: Message) -> AsyncIterator[bytes] | None:
        """The answer to a question about a job that stays open, sealed piece by piece; None for what cannot be opened or is something
        else."""
        opener = chunks.RequestOpener(self._post.keys.sealing(self._post.clock.now_ms()))
        try:
            question = job.decode_question(b"".join([*opener.feed(message.data), opener.finish()]))
            return self._told(question, opener.reply()) if isinstance(question, Watch) else None
        except (SealError, JobError):
            return None

    async def _told(self, question: Watch, sealer: chunks.ReplySealer) -> AsyncIterator[bytes]:
        yield sealer.header + sealer.seal(news.begin())
        async for reply in self._post.jobs.watch(question):
            parts = tuple(news.tell(reply))
            for at in range(0, len(parts), _TOGETHER):
                yield b"".join(map(sealer.seal, parts[at : at + _TOGETHER]))
        yield sealer.finish(news.end())

    async def _sealed(self, message: Message) -> bytes:
        """The sealed answer to a sealed message; nothing for what cannot be opened, or be told so, which the sender notices at once."""
        if message.kind != REQUEST:
            return b""
        keys = self._post.keys.sealing(self._post.clock.now_ms())
        try:
            data, reply = await aside(len(message.data), lambda: seal.open_request(keys, message.data))
        except SealError:
            return b""
        try:
            question = await aside(len(data), lambda: job.decode_question(data))
        except JobError as error:
            said = Reply(Problem(code="bad_request", title=str(error)[:400]))
        else:
            said = await self._post.jobs.answer(question)
        try:
            return await aside(sum(map(len, said.pictures)), lambda: reply.seal(job.encode_reply(said)))
        except JobError as error:
            _log.error("an answer cannot be sealed", reason=error.reason)
            return b""


async def make_stamp(subject: str, now_ms: int, bits: int) -> Stamp:
    """A stamp of work, made in a thread; some seconds for a first card. Raises StampError."""
    start = 0
    while (found := await asyncio.to_thread(stamp.make, subject, now_ms, bits, start=start, tries=_TRIES)) is None:
        start += _TRIES
    return found


class Worker:
    """A node at work: its jobs, a line to each of its hubs, and its watch over their logs."""

    def __init__(self, post: Post, hubs: Sequence[Meeting], watch: KeyWatch | None = None) -> None:
        self._post, self._watch = post, watch
        self._lines = [_Line(post, one) for one in hubs]
        self._leaving = asyncio.Event()

    @property
    def jobs(self) -> Jobs:
        return self._post.jobs

    @property
    def hubs(self) -> tuple[HubState, ...]:
        """How it stands with each of its hubs."""
        return tuple(line.seen for line in self._lines)

    @property
    def alarms(self) -> tuple[str, ...]:
        """What its operator has to know at once."""
        owner = self._post.keys.owner_fault(self._post.clock.now_ms())
        return (*(() if self._watch is None else self._watch.alarms), *(() if owner is None else (owner,)))

    def drain(self) -> None:
        """Takes no more jobs; `run` returns when those that there are have been drawn and fetched."""
        self._post.jobs.draining = True
        self._leaving.set()

    async def run(self) -> str:
        """Works until it is drained or cancelled, or until nothing is left to do; returns why it ended, empty after a drain."""
        drawing = asyncio.create_task(self._post.jobs.run())
        leaving = asyncio.create_task(self._left())
        lines = [asyncio.create_task(line.run()) for line in self._lines]
        watching = [] if self._watch is None else [asyncio.create_task(self._watch.keep())]
        waiting = {drawing, leaving, *lines}
        try:
            while not leaving.done() and any(not line.done() for line in lines):
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        except SupersededError as error:
            return error.message
        finally:
            for line in lines:
                line.cancel()
            if leaving.done():
                for one in self._lines:
                    await one.settled()
            for one in self._lines:
                one.stop()
            for task in (drawing, leaving, *watching, *lines):
                task.cancel()
                with suppress(asyncio.CancelledError, SupersededError):
                    await task
        return (
            ""
            if leaving.done() and not leaving.cancelled()
            else "; ".join(f"{one.origin}: {one.detail}" for one in self.hubs)
        )

    async def _left(self) -> None:
        await self._leaving.wait()
        await self._post.jobs.idle()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await self._post.jobs.told()
