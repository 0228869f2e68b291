"""Sealed mailboxes: what is sent to a node waits here until the node fetches it, and its answer goes back the same way.

A node has no open port: it asks the hub for its messages and is kept waiting until there is one (a long poll). The hub sees
who asks, for which node, when, and how many bytes; all it carries is sealed (RFC 9458). It is the relay of that text.

Every wait has an end. A message that no node has taken is given back as `NodeAwayError`, which is safe to send again; one
that was taken and not answered ends as `NodeSilentError`.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from triptych.hub.errors import NodeAwayError, NodeSilentError, SupersededError
from triptych.hub.spool import Purse, Spool
from triptych.spec.clock import Clock
from triptych.spec.errors import NotFoundError, OverloadedError, TriptychError

_AGAIN = "Ask again for the same job: the node draws it once."


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one hub takes in; times in seconds, sizes in bytes."""

    depth: int = 16  # messages that wait for one node
    in_hand: int = 64  # messages that one node has taken and not answered
    away_s: float = 1.5  # a node that has not asked for this long is away: what waits for it goes back
    lost_s: float = 6.0  # and after this long what it has taken is not answered any more
    take_s: float = 20.0  # a message that nobody has taken by then goes back
    answer_s: float = 60.0  # the first byte of an answer is there by then
    whole_s: float = 180.0  # and all of it by then
    poll_s: float = 25.0  # the longest that a node is kept waiting
    request_bytes: int = 32 << 20
    answer_bytes: int = 64 << 20
    room_bytes: int = 1 << 30  # all messages together
    new_bytes: int = 1 << 28  # and of these, those of all nodes together that are new: another key costs a few seconds


@dataclass(slots=True, eq=False)
class Delivery:
    """One message to a node and the answer to it. `kind` is the media type that the sender named, `earner` the account that the node answers
    for."""

    id: str
    kind: str
    request: Spool
    answer: Spool
    answer_kind: str = ""
    earner: str | None = None
    taken: asyncio.Event = field(default_factory=asyncio.Event)

    def give_back(self, error: TriptychError) -> None:
        """Whoever sent it hears at once that nothing comes of it."""
        self.answer.fail(error)
        self.taken.set()

    def close(self) -> None:
        self.request.close()
        self.answer.close()


@dataclass(slots=True, eq=False)
class _Box:
    """The mailbox of one node; `new` while it is on probation. `start_ms` is when the process that fetches began, `seen` the monotonic
    time of its last call."""

    waiting: list[Delivery] = field(default_factory=list)
    in_hand: dict[str, Delivery] = field(default_factory=dict)
    new: bool = False
    start_ms: int = 0
    seen: float = 0.0
    polls: int = 0
    sleeping: tuple[asyncio.Timeout, ...] = ()
    alarms: tuple[asyncio.TimerHandle, ...] = ()

    def wake(self) -> None:
        """There is something to look at: whoever waits here looks."""
        now = asyncio.get_running_loop().time()
        for one in self.sleeping:
            if not one.expired():
                one.reschedule(now)


async def _stays() -> None:
    """For a node whose connection nobody watches."""
    await asyncio.get_running_loop().create_future()


class Mailboxes:
    """The mailboxes of the nodes that are registered here; nothing goes anywhere else."""

    def __init__(self, clock: Clock, limits: Limits | None = None, folder: Path | None = None) -> None:
        self.limits = limits or Limits()
        self._clock, self._folder = clock, folder
        self._purse = Purse(self.limits.room_bytes)
        self._of_new = Purse(self.limits.new_bytes, within=self._purse, of=" for new nodes")
        self._boxes: dict[str, _Box] = {}
        self._resting: set[str] = set()  # all nodes without a connection, as far as somebody has asked about them

    def register(self, node: str, *, new: bool = False) -> None:
        """Makes a mailbox; one that is there stays. What goes through those that are `new` has a part of the room, so that nobody takes all of it
        with keys made for that."""
        box = self._boxes.setdefault(node, _Box())
        box.new = new
        if not box.polls:
            self._resting.add(node)

    def remove(self, node: str) -> None:
        """Ends a mailbox: what waits in it goes back to its senders."""
        box = self._boxes.pop(node, None)
        self._resting.discard(node)
        if box is None:
            return
        self._calm(box)
        for delivery in (*box.waiting, *box.in_hand.values()):
            delivery.give_back(NodeAwayError("The node has left this hub."))
        box.wake()

    def depth(self, node: str) -> int:
        """How many messages wait for a node or are in its hand."""
        box = self._boxes.get(node)
        return 0 if box is None else len(box.waiting) + len(box.in_hand)

    def here(self, node: str) -> bool:
        """Whether a node fetches its messages now."""
        box = self._boxes.get(node)
        return box is not None and self._present(box)

    def away(self, listed: Callable[[Iterable[str]], set[str]]) -> list[str]:
        """The nodes that do not fetch their messages now, in the order of their ids, of those that are `listed`. The others are not asked
        about again before they fetch something or are registered anew."""
        self._resting = listed(self._resting)
        return sorted(node for node in self._resting if not self._present(self._boxes[node]))

    def _present(self, box: _Box) -> bool:
        busy = len(box.in_hand) >= self.limits.in_hand  # it asks for more when its hands are free again
        return box.polls > 0 or busy or (box.seen > 0 and self._clock.monotonic() - box.seen < self.limits.away_s)

    @contextmanager
    def _at_the_hub(self, node: str, box: _Box) -> Iterator[None]:
        """While the node has a connection on which it fetches something. Without one for a while it is away, and then lost."""
        self._calm(box)
        box.polls += 1
        self._resting.discard(node)
        try:
            yield
        finally:
            box.polls -= 1
            box.seen = self._clock.monotonic()
            if not box.polls:
                if self._boxes.get(node) is box:
                    self._resting.add(node)
                later = asyncio.get_running_loop().call_later
                box.alarms = (later(self.limits.away_s, self._away, box), later(self.limits.lost_s, self._lost, box))

    @staticmethod
    def _calm(box: _Box) -> None:
        for alarm in box.alarms:
            alarm.cancel()
        box.alarms = ()

    def _away(self, box: _Box) -> None:
        if len(box.in_hand) < self.limits.in_hand:
            for delivery in box.waiting:
                delivery.give_back(_gone())

    def _lost(self, box: _Box) -> None:
        if len(box.in_hand) < self.limits.in_hand:
            for delivery in box.in_hand.values():
                delivery.give_back(NodeSilentError("The node took the message and went away.", hint=_AGAIN))

    def spool(self, limit: int, node: str) -> Spool:
        """An empty message to a node, or of it, that counts against the room of this hub. A node that is not here is as good as new."""
        box = self._boxes.get(node)
        return Spool(self._of_new if box is None or box.new else self._purse, limit, self._folder)

    async def send(self, node: str, kind: str, request: Spool) -> Delivery:
        """Hands a whole message to a node; returns when the first byte of its answer is there. The caller reads the answer
        and calls `finish`, also after an error of its own.

        Raises NotFoundError for a node that is not registered here, NodeAwayError, NodeSilentError, OverloadedError.
        """
        box = self._boxes.get(node)
        if box is None:
            request.close()
            raise NotFoundError("No such node is registered at this hub.",
                                hint="Its card names the hubs where it can be reached.", param="node")  # fmt: skip
        delivery = Delivery(secrets.token_urlsafe(12), kind, request, self.spool(self.limits.answer_bytes, node))
        with ExitStack() as undo:
            undo.callback(self.finish, node, delivery)
            self._queue(box, delivery)
            await self._taken(delivery)
            await self._begun(delivery)
            undo.pop_all()
        return delivery

    def _queue(self, box: _Box, delivery: Delivery) -> None:
        if not self._present(box):
            raise _gone()
        if len(box.waiting) >= self.limits.depth:
            raise OverloadedError(f"{self.limits.depth} messages wait for this node already.", retry_after_s=10,
                                  hint="Choose another node, or wait.")  # fmt: skip
        box.waiting.append(delivery)
        box.wake()

    async def _taken(self, delivery: Delivery) -> None:
        try:
            async with asyncio.timeout(self.limits.take_s):
                await delivery.taken.wait()
        except TimeoutError:
            raise NodeAwayError("The node did not fetch the message in time.", hint="Choose another node.") from None

    async def _begun(self, delivery: Delivery) -> None:
        try:
            async with asyncio.timeout(self.limits.answer_s):
                await delivery.answer.wait()
        except TimeoutError:
            raise _silent() from None

    async def body(self, delivery: Delivery) -> AsyncIterator[bytes]:
        """The answer, piece by piece. Raises NodeSilentError when it stops before its end."""
        until = self._clock.monotonic() + self.limits.whole_s
        pieces = delivery.answer.read()
        while True:
            try:
                async with asyncio.timeout(max(0.0, until - self._clock.monotonic())):
                    piece = await anext(pieces, None)
            except TimeoutError:
                raise _silent() from None
            if piece is None:
                return
            yield piece

    def finish(self, node: str, delivery: Delivery) -> None:
        """Forgets a message. A node that answers it later is told that nobody waits."""
        box = self._boxes.get(node)
        if box is not None:
            box.in_hand.pop(delivery.id, None)
            if delivery in box.waiting:
                box.waiting.remove(delivery)
            box.wake()
        delivery.close()

    async def fetch(
        self, node: str, start_ms: int, wait_s: float, gone: Callable[[], Awaitable[None]] = _stays
    ) -> Delivery | None:
        """The next message for a node, None when none came in `wait_s` seconds, or before `gone` returned: the node is not there any
        more. `start_ms` is when the node's process began: of two processes with one key the younger one gets the messages.

        Raises NotFoundError, and SupersededError for the older process.
        """
        box, loop = self._box(node, start_ms), asyncio.get_running_loop()
        until = loop.time() + min(wait_s, self.limits.poll_s)
        with self._at_the_hub(node, box):
            while (delivery := self._next(node, box, start_ms)) is None and loop.time() < until:
                # A thousand nodes wait here: each is one task, with one timer, that a message interrupts.
                try:
                    async with asyncio.timeout_at(until) as alarm:
                        box.sleeping += (alarm,)
                        await gone()
                        return None
                except TimeoutError:
                    continue
                finally:
                    box.sleeping = tuple(one for one in box.sleeping if one is not alarm)
            return delivery

    async def handed(self, node: str, delivery: Delivery) -> AsyncGenerator[bytes, None]:
        """The message in pieces, for the node that has fetched it."""
        with self._at_the_hub(node, self._boxes.get(node) or _Box()):
            async for piece in delivery.request.read():
                yield piece

    def _next(self, node: str, box: _Box, start_ms: int) -> Delivery | None:
        if self._boxes.get(node) is not box:
            raise _unknown()
        if box.start_ms > start_ms:
            raise _superseded()
        if not box.waiting or len(box.in_hand) >= self.limits.in_hand:
            return None
        delivery = box.waiting.pop(0)
        box.in_hand[delivery.id] = delivery
        delivery.taken.set()
        return delivery

    def put_back(self, node: str, delivery: Delivery) -> None:
        """For a message whose node went away before it had it: it waits again, first of all."""
        box = self._boxes.get(node)
        if box is not None and box.in_hand.pop(delivery.id, None) is not None:
            delivery.taken.clear()
            box.waiting.insert(0, delivery)
            box.wake()

    def _box(self, node: str, start_ms: int) -> _Box:
        box = self._boxes.get(node)
        if box is None:
            raise _unknown()
        if start_ms < box.start_ms and self._present(box):
            raise _superseded()
        if start_ms != box.start_ms:
            box.start_ms = start_ms
            box.wake()  # the older one learns it now, not at the end of its wait
        box.seen = self._clock.monotonic()
        return box

    def answering(
        self, node: str, start_ms: int, delivery_id: str, kind: str, earner: str | None = None
    ) -> Spool:  # fmt: skip
        """Where a node writes its answer; `kind` is its media type, `earner` the account it is given for. The caller ends or fails it.

        Raises NotFoundError when nobody waits for it any more, SupersededError.
        """
        box = self._box(node, start_ms)
        delivery = box.in_hand.pop(delivery_id, None)
        if delivery is None:
            raise NotFoundError("Nobody waits for this answer any more.", hint="It may have taken too long.")
        delivery.answer_kind, delivery.earner = kind, earner
        return delivery.answer

    @staticmethod
    def broken(answer: Spool, error: TriptychError | None = None) -> None:
        """The node's answer broke off."""
        answer.fail(error or _silent())


def _silent() -> NodeSilentError:
    return NodeSilentError("The node took the message and did not answer in time.",
                           hint=_AGAIN)  # fmt: skip


def _gone() -> NodeAwayError:
    return NodeAwayError("The node does not fetch its messages now.", hint="Choose another node.")


def _unknown() -> NotFoundError:
    return NotFoundError("This node is not registered here.", hint="Publish its card first.", param="node")


def _superseded() -> SupersededError:
    return SupersededError("A newer start of this node fetches its messages now.",
                           hint="Stop one of the two, or give each a key of its own.")  # fmt: skip
