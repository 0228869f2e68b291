"""The asking side of a job: sealed to one node, carried by one of its hubs, followed until its end, checked before it is shown.

Whatever is asked may be asked again through another hub: a node draws the same job once, known by its nonce, and a question
about a job changes nothing. So a hub that is down, full or silent, or that changes an answer, is passed over for the next one.
A hub that says nothing is not waited for alone: the next one is asked as well, and the first answer counts.
Only when no hub is left is there an error, and it says whether the node may have the job. Nothing here has words of the job in it.
"""

import asyncio
import hashlib
import secrets
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Protocol

from triptych.network import job, node_receipt
from triptych.network.aside import aside
from triptych.network.card import Card
from triptych.network.job import (
    Accepted,
    Cancel,
    Done,
    JobError,
    Poll,
    Problem,
    Question,
    Refused,
    Reply,
    Submit,
    Watch,
    Working,
)
from triptych.network.meeting import RELAY_S, Meeting, TokenRefusedError
from triptych.network.news import NewsReader
from triptych.network.node_receipt import NodeReceiptError
from triptych.network.ohttp.chunks import RequestSealer
from triptych.network.ohttp.errors import OhttpError
from triptych.network.ohttp.seal import Random, seal_request
from triptych.spec.clock import Clock
from triptych.spec.errors import (
    AmbiguousError,
    BillingError,
    BlockedError,
    ExpiredError,
    HostileContentError,
    ModelUnavailableError,
    NotSentError,
    OverloadedError,
    ProviderFailedError,
    RateLimitedError,
    RejectedError,
    TriptychError,
)

PACE_S = 1.0  # between two questions about one job
MOST_BREAKS = 3  # answers that were cut off or brought nothing; after so many a job is only asked after
BACK_S = 30.0  # a node that has a job and cannot be reached has so long to come back
RESEND_MS = 14 * 60_000  # a node takes a job for 15 minutes after it was sent; one is for the clocks
HEDGE_S = 1.0  # a node acknowledges a job at once: after so long without a word the next hub is asked as well
SUBMIT_S = 25.0  # for that word through one hub, which gives back after 20 s what no node took
CANCEL_S = 8.0
_NEWS_S = 10.0  # for an answer with pictures, beyond what the node may wait before it
_SLOW = 128 * 1024  # bytes a second of a slow line
_END_S = 1.0
_WAIT_MOST_S = 15.0  # after a hub has said to wait

Told = Callable[[Working | Accepted, bytes | None], Awaitable[None]]
"""Hears how a job goes: the news, and the preview that came with it."""


class Tokens(Protocol):
    """Where a studio has its tokens of hubs, each of which goes out once."""

    async def take(self, origin: str) -> str | None: ...
    def taken(self, origin: str) -> None: ...
    async def refused(self, origin: str) -> None: ...
    def guest_because(self, origin: str) -> str: ...


@dataclass(slots=True)
class Line:
    """The way to one node. `card` is the one that is sealed to, `hubs` are asked in this order; one that failed goes to the
    end. `name` is what the node is called in messages. Without `tokens` every message is a guest's."""

    card: Card
    hubs: list[Meeting]
    name: str
    clock: Clock
    tokens: Tokens | None = field(default=None, repr=False)
    random: Random = field(default=secrets.token_bytes, repr=False)

    async def ask(self, question: Question) -> Reply:
        """What the node says to one question. Raises AmbiguousError where it may have it and nothing whole came back,
        HostileContentError where what came is no answer of this node, NotSentError, OverloadedError, RateLimitedError,
        RejectedError."""
        size = sum(map(len, question.pictures)) if isinstance(question, Submit) else 0
        message = await aside(size, lambda: job.encode_question(question))
        pace, left, faults = _pace(question, len(message)), list(self.hubs), list[TriptychError]()
        asked: dict[asyncio.Task[Reply], Meeting] = {}
        try:
            while left or asked:
                if left:
                    hub = left.pop(0)
                    asked[asyncio.ensure_future(self._through(hub, message, pace.most_s))] = hub
                await asyncio.wait(asked, timeout=pace.alone_s if left else None, return_when=FIRST_COMPLETED)
                for one in [one for one in asked if one.done()]:
                    hub = asked.pop(one)
                    try:
                        reply = one.result()
                    except TriptychError as error:
                        faults.append(error)
                        self._passed_over(hub)
                    else:
                        for silent in asked.values():
                            self._passed_over(silent)
                        return reply
        finally:
            for one in asked:
                one.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        raise self._worst(faults)

    def _passed_over(self, hub: Meeting) -> None:
        """It is asked last from now on."""
        self.hubs.remove(hub)
        self.hubs.append(hub)

    async def _through(self, hub: Meeting, message: bytes, seconds: float) -> Reply:
        try:
            sealed, answer = seal_request(self.card.keys, message, random=self.random)
        except OhttpError as error:
            raise RejectedError(f"Nothing can be sealed to {self.name}: {error}", billed="no") from None
        data = await self._relayed(hub, sealed, seconds)
        if not data:
            raise ProviderFailedError(f"{self.name} failed: it gives no answer to this.", billed="no",
                                      hint="Try again, or choose another model.")  # fmt: skip
        try:
            return await aside(len(data), lambda: job.decode_reply(answer.open(data)))
        except (OhttpError, JobError) as error:
            raise HostileContentError(f"What came back from {self.name} is no answer of it: {error}",
                                      hint="Nothing of it is shown. Try again, or choose another model.") from None  # fmt: skip

    @property
    def streams(self) -> bool:
        """Whether news can be read while they come."""
        return bool(self.hubs) and self.hubs[0].streams

    async def watch(self, question: Watch) -> AsyncGenerator[Reply, None]:
        """All news of a job as they come, through the first hub. Ends where the node has ended its answer. Raises what `ask` raises: what had
        come before is true all the same."""
        hub = self.hubs[0]
        try:
            sealer = RequestSealer(self.card.keys, random=self.random)
            sealed = sealer.header + sealer.finish(job.encode_question(question))
            opener, reader = sealer.answer(), NewsReader()
            async with aclosing(self._pieces(hub, sealed)) as pieces:
                async for data in pieces:
                    for reply in reader.feed(b"".join(opener.feed(data))):
                        yield reply
            for reply in reader.feed(opener.finish()):
                yield reply
            reader.finish()
        except (OhttpError, JobError) as error:
            raise HostileContentError(f"What came back from {self.name} is no answer of it: {error}",
                                      hint="Nothing of it is shown. Try again, or choose another model.") from None  # fmt: skip

    async def _pieces(self, hub: Meeting, sealed: bytes) -> AsyncGenerator[bytes, None]:
        """As `_relayed`, piece by piece."""
        token = None if self.tokens is None else await self.tokens.take(hub.origin)
        try:
            async with aclosing(hub.watch(self.card.id, sealed, token)) as found:
                async for data in found:
                    yield data
        except TokenRefusedError:
            if self.tokens is not None:
                await self.tokens.refused(hub.origin)
            raise
        if self.tokens is not None and token is not None:
            self.tokens.taken(hub.origin)

    async def _relayed(self, hub: Meeting, sealed: bytes, seconds: float) -> bytes:
        """What comes back for one message, which has a token where there is one. What a hub refuses it has not handed on, so the
        same message goes once more as a guest's."""
        tokens = self.tokens
        if tokens is not None and (token := await tokens.take(hub.origin)) is not None:
            try:
                data = await hub.relay(self.card.id, sealed, token, seconds=seconds)
            except TokenRefusedError:
                await tokens.refused(hub.origin)
            else:
                tokens.taken(hub.origin)
                return data
        try:
            return await hub.relay(self.card.id, sealed, seconds=seconds)
        except RateLimitedError as error:
            if tokens is not None:
                error.hint = f"{tokens.guest_because(hub.origin)} Wait, or choose another model."
            raise

    def _worst(self, faults: Sequence[TriptychError]) -> TriptychError:
        """Of what went wrong at each hub, what leaves the most open."""
        if not faults:
            return NotSentError(f"No hub leads to {self.name} now. Nothing was sent.",
                                hint="Choose another model, or look at the Network page.")  # fmt: skip
        open_first = (AmbiguousError, HostileContentError, ProviderFailedError)
        kinds = (*open_first, RateLimitedError, OverloadedError, NotSentError)
        worst = next((one for kind in kinds for one in faults if isinstance(one, kind)), faults[0])
        if isinstance(worst, AmbiguousError):
            tried = "its hub" if len(faults) == 1 else f"{len(faults)} hubs"
            return AmbiguousError(
                f"{self.name} may have the job, and no answer came through {tried}.", upstream=worst.message,
                hint="It may still be drawn, and nobody will see it. Make it again when you like.",
            )  # fmt: skip
        if isinstance(worst, NotSentError):
            return NotSentError(f"{self.name} cannot be reached: {worst.message}",
                                hint="Its owner may have stopped sharing, or switched it off. Ask them, or choose another model.")  # fmt: skip
        return worst


@dataclass(frozen=True, slots=True)
class _Pace:
    """How long one hub is waited for before the next one is asked as well, and how long at all; in seconds."""

    alone_s: float
    most_s: float


def _pace(question: Question, size: int) -> _Pace:
    up = size / _SLOW
    if isinstance(question, Submit):
        return _Pace(HEDGE_S + up, min(RELAY_S, SUBMIT_S + up))
    if isinstance(question, Cancel):
        return _Pace(HEDGE_S, CANCEL_S)
    return _Pace(_NEWS_S + (question.wait_ms / 1000 if isinstance(question, Poll) else 0.0), RELAY_S)


@dataclass(frozen=True, slots=True)
class Result:
    """A picture or more, checked: `receipt` is the node's signed line over every byte of them, `paid` what it says became of a payment."""

    pictures: tuple[bytes, ...] = field(repr=False)
    receipt: str
    paid: str | None = None


async def submit(line: Line, asked: Submit) -> str:
    """Hands a job in and returns the capability by which it is asked after. Raises what `Line.ask` raises, BlockedError for one
    that the node does not draw, and what became of it where the node says so."""
    reply = await line.ask(asked)
    if isinstance(reply.news, Accepted):
        return reply.news.job
    raise _ended(line, asked, reply)


async def follow(line: Line, asked: Submit, capability: str, deadline: float, told: Told) -> Result:
    """Waits for a job and checks what came of it; `deadline` is in `Clock.monotonic()` seconds. Its news come in one answer that stays open;
    where that is cut off, the job is asked after by question and answer, which may go through another hub, and then watched again. A node
    that has forgotten the job is given it once more. Raises BlockedError with the receipt, HostileContentError for what fails the check,
    AmbiguousError at the deadline and where every hub is lost, ProviderFailedError, ExpiredError, …"""
    followed = _Followed(line, asked, capability, told)
    breaks = 0
    while (left := deadline - line.clock.monotonic()) > 0:
        began, reply = line.clock.monotonic(), None
        if line.streams and breaks < MOST_BREAKS:
            reply = await followed.watched(left)
            breaks += reply is None and followed.broken
        if reply is None:
            question = Poll(
                job=followed.capability, seen=followed.seen, wait_ms=_wait_ms(deadline - line.clock.monotonic())
            )
            reply = await _asked_after(line, question, deadline)
        if (found := await followed.heard(reply)) is not None:
            return found
        if (rest := PACE_S - (line.clock.monotonic() - began)) > 0:
            await line.clock.sleep(min(rest, max(0.0, deadline - line.clock.monotonic())))
    raise _late(line)


@dataclass(slots=True)
class _Followed:
    """A job that is followed, with what was heard of it so far. `broken` says that the last answer that stayed open was cut off, or brought
    nothing."""

    line: Line
    asked: Submit
    capability: str
    told: Told
    seen: int = 0
    again: bool = True
    broken: bool = False

    async def watched(self, seconds: float) -> Reply | None:
        """Reads news as they come; how the job ended, or None where more is to be asked for. Raises AmbiguousError when the time is up."""
        self.broken = True
        try:
            async with (
                asyncio.timeout(seconds),
                aclosing(self.line.watch(Watch(job=self.capability, seen=self.seen))) as news,
            ):
                while (reply := await self._next(news)) is not None:
                    if not isinstance(reply.news, Working | Accepted):
                        with suppress(TimeoutError):  # the end behind it, so that the answer was carried whole
                            async with asyncio.timeout(_END_S):
                                await self._next(news)
                        return reply
                    await self.heard(reply)
        except TimeoutError:
            raise _late(self.line) from None
        return None

    async def _next(self, news: AsyncGenerator[Reply, None]) -> Reply | None:
        try:
            reply = await anext(news, None)
        except TriptychError:
            self.broken = True
            self.line.hubs.append(self.line.hubs.pop(0))
            return None
        self.broken = self.broken and reply is None
        return reply

    async def heard(self, reply: Reply) -> Result | None:
        """Takes a piece of news; the pictures, when that is what it is. A node that has forgotten the job is given it once more. Raises what
        the job ended with."""
        news = reply.news
        if isinstance(news, Done):
            return await asyncio.to_thread(checked, self.line, self.asked, reply)
        if isinstance(news, Working | Accepted):
            self.seen = max(self.seen, news.seen) if isinstance(news, Working) else self.seen
            await self.told(news, reply.pictures[0] if reply.pictures else None)
        elif isinstance(news, Problem) and news.code == "unknown_job" and self.again and _fresh(self.line, self.asked):
            self.capability, self.again = await submit(self.line, self.asked), False
        else:
            raise _ended(self.line, self.asked, reply)
        return None


def _late(line: Line) -> AmbiguousError:
    return AmbiguousError(f"{line.name} took the job and did not finish it in time.",
                          hint="It may still be drawn. Allow more time, or choose another model.")  # fmt: skip


async def cancel(line: Line, capability: str) -> bool:
    """Says that a job is not wanted any more; whether the node agreed. Raises what `Line.ask` raises."""
    news = (await line.ask(Cancel(job=capability))).news
    return isinstance(news, Problem) and news.code == "cancelled"


def checked(line: Line, asked: Submit, reply: Reply) -> Result:
    """The pictures of an answer whose receipt fits the job, the node, and every byte. Raises HostileContentError; then nothing of
    it is to be shown."""
    news = reply.news
    if not isinstance(news, Done):
        raise _ended(line, asked, reply)
    verdict = _verdict(line, asked, news.receipt, reply.pictures)
    if verdict != "ok":
        raise _refused(line, news.receipt, after=verdict == "censored")
    return Result(reply.pictures, news.receipt, news.paid)


def receipt_id(receipt: str) -> str:
    """The name of a node's receipt: the SHA-256 of its line in hex."""
    return hashlib.sha256(receipt.encode()).hexdigest()


def _wait_ms(left: float) -> int:
    return max(0, min(job.MAX_WAIT_MS, int(left * 1000)))


def _fresh(line: Line, asked: Submit) -> bool:
    return line.clock.now_ms() - asked.job.sent_ms < RESEND_MS


async def _asked_after(line: Line, question: Poll, deadline: float) -> Reply:
    """Asks until there is an answer or the time is up: the job is out, a hub that is full now may not be so later, and a node that is
    gone, or all hubs with it, may be back in a moment: half a minute is waited for that."""
    gone: float | None = None
    while True:
        try:
            return await line.ask(question)
        except (RateLimitedError, OverloadedError) as error:
            wait, lost = min(_WAIT_MOST_S, error.retry_after_s or PACE_S), _lost(line, error)
        except (NotSentError, AmbiguousError, ProviderFailedError) as error:
            gone = line.clock.monotonic() if gone is None else gone
            lost = error if isinstance(error, AmbiguousError) else _lost(line, error)
            if line.clock.monotonic() - gone >= BACK_S:
                raise lost from None
            wait = 2 * PACE_S
        if line.clock.monotonic() + wait >= deadline:
            raise lost
        await line.clock.sleep(wait)


def _lost(line: Line, error: TriptychError) -> AmbiguousError:
    return AmbiguousError(f"{line.name} has the job and cannot be reached any more.", upstream=error.message,
                          hint="Nobody will see what it draws. Make it again when you like.")  # fmt: skip


def _verdict(line: Line, asked: Submit, text: str, pictures: Sequence[bytes]) -> str:
    try:
        found = node_receipt.read(text.encode())
        return node_receipt.check(found, asked, line.card, pictures, line.clock.now_ms())
    except NodeReceiptError as error:
        raise HostileContentError(
            f"What {line.name} sent is not shown, because its receipt does not hold: {error}", detail=error.reason,
            hint="Choose another model. The Network page counts what was wrong here.",
        ) from None  # fmt: skip


def _refused(line: Line, receipt: str, *, after: bool) -> BlockedError:
    what = "drew it and does not hand it out" if after else "does not draw this"
    return BlockedError(f"{line.name} {what}: its owner's rules are against it. It signed that.", billed="no",
                        hint="Word it differently, or choose another model.",
                        detail=f"receipt sha256:{receipt_id(receipt)}", upstream=receipt)  # fmt: skip


def _ended(line: Line, asked: Submit, reply: Reply) -> TriptychError:
    """What a node says instead of pictures, as one of our errors."""
    news = reply.news
    if isinstance(news, Refused):
        verdict = _verdict(line, asked, news.receipt, ())
        return _refused(line, news.receipt, after=verdict == "censored")
    if not isinstance(news, Problem):
        return HostileContentError(f"{line.name} answers something else than it was asked.", billed="no")
    make, words = _PROBLEMS[news.code]
    wait = None if news.retry_ms is None else min(news.retry_ms / 1000, 3600.0)
    return make(f"{line.name} {words}", billed="no", retry_after_s=wait, upstream=_harmless(news.title, asked),
                hint=_clock_hint(line, news))  # fmt: skip


def _harmless(words: str, asked: Submit) -> str | None:
    """A node's own words, unless it repeats some of the prompt in them."""
    said = words.casefold()
    secret = {one for one in asked.job.prompt.casefold().split() if len(one) > 3}
    return None if any(one in said for one in secret) else words


def _clock_hint(line: Line, news: Problem) -> str | None:
    if news.code != "clock" or news.now_ms is None:
        return None
    apart = round((line.clock.now_ms() - news.now_ms) / 60_000)
    return f"The two clocks are {abs(apart)} minutes apart: set the clock of this machine, or choose another model."


_PROBLEMS: dict[str, tuple[type[TriptychError], str]] = {
    "bad_request": (RejectedError, "does not take a job like this one."),
    "clock": (RejectedError, "has another time than this machine, and takes no job of it."),
    "unknown_job": (ExpiredError, "does not know the job any more."),
    "nonce_used": (ProviderFailedError, "had this job before and has nothing of it any more."),
    "no_model": (ModelUnavailableError, "does not run this model any more."),
    "busy": (OverloadedError, "has more to do than it can."),
    "draining": (OverloadedError, "is about to stop and takes no more jobs."),
    "cancelled": (ProviderFailedError, "has stopped the job."),
    "failed": (ProviderFailedError, "could not draw it."),
    "unpaid": (BillingError, "does not take the payment."),
}
