"""How many requests may be under way at one endpoint and operation at a time: grows while all goes well, shrinks when
the endpoint says that it is too much (additive increase, multiplicative decrease, as TCP has it; Chiu and Jain 1989).

At a newcomer that is on probation there is room for one, whichever of its endpoints it is for.

Whoever finds no room waits in the order of arrival, and no longer than its own deadline.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from triptych.spec.clock import Clock
from triptych.spec.errors import OverloadedError, TriptychError
from triptych.spec.image import Operation

_Key = tuple[str, Operation | Literal["newcomer"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRules:
    """Requests at a time. Shares in a hundred: what is left of a limit after it was too much."""

    first: int = 128
    least: int = 1
    most: int = 1024
    left_per_cent: int = 70


_ALONE = LimitRules(first=1, most=1)


@dataclass(frozen=True, slots=True)
class LimitView:
    """One limit now: how many may be under way, are under way, and are waiting for their turn."""

    limit: int
    under_way: int
    waiting: int


class _Gate:
    """The limit of one endpoint and operation, in thousandths so that it can grow by parts of one."""

    def __init__(self, rules: LimitRules) -> None:
        self.thousandths, self.most = rules.first * 1000, rules.most * 1000
        self.under_way = 0
        self.queue: deque[asyncio.Future[None]] = deque()
        self.shrunk_at = -1  # the number of the newest request when it last shrank
        self.number = 0

    @property
    def limit(self) -> int:
        return self.thousandths // 1000


@dataclass(frozen=True, slots=True)
class Pass:
    """A place among those under way; to be given back once."""

    key: _Key
    number: int


class Limits:
    """All limits. One per process and event loop."""

    def __init__(self, clock: Clock, rules: LimitRules | None = None) -> None:
        self._clock = clock
        self._rules = rules or LimitRules()
        self._gates: dict[_Key, _Gate] = {}

    async def enter(self, endpoint: str, operation: Operation, deadline: float, newcomer: str = "") -> Pass:
        """Takes a place, after waiting for one if it must; `newcomer` is that of the endpoint, empty for none. `deadline` is monotonic
        seconds. Raises OverloadedError, with nothing sent, when it passes first."""
        key = _key(endpoint, operation, newcomer)
        gate = self._gates.setdefault(key, _Gate(_ALONE if newcomer else self._rules))
        if _full(gate):
            await self._wait(gate, endpoint, deadline)
        else:
            gate.under_way += 1
        gate.number += 1
        return Pass(key, gate.number)

    def leave(self, place: Pass, error: TriptychError | None, *, worked: bool) -> None:
        """Gives a place back and learns from how it went: `worked` with a picture, or with an error."""
        gate = self._gates[place.key]
        crowded = gate.under_way * 2 >= gate.limit
        gate.under_way -= 1
        if worked and crowded:
            # One more for each full round: where it was not made use of, growth would say nothing.
            gate.thousandths = min(gate.most, gate.thousandths + 1_000_000 // gate.thousandths)
        elif error is not None and error.failure == "overloaded" and place.number > gate.shrunk_at:
            gate.thousandths = max(self._rules.least * 1000, gate.thousandths * self._rules.left_per_cent // 100)
            # Those that went out before are refused for the same reason: they shrink nothing further.
            gate.shrunk_at = gate.number
        self._admit(gate)

    def crowded(self, endpoint: str, operation: Operation, newcomer: str = "") -> bool:
        """Whether who enters now has to wait for its turn."""
        gate = self._gates.get(_key(endpoint, operation, newcomer))
        return gate is not None and _full(gate)

    def waiting(self, endpoint: str, operation: Operation) -> int:
        """How many wait for their turn."""
        gate = self._gates.get((endpoint, operation))
        return len(gate.queue) if gate else 0

    def view(self) -> Mapping[_Key, LimitView]:
        """Every limit that was ever used."""
        return {key: LimitView(g.limit, g.under_way, len(g.queue)) for key, g in sorted(self._gates.items())}

    async def _wait(self, gate: _Gate, endpoint: str, deadline: float) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        gate.queue.append(turn)
        timer = asyncio.ensure_future(self._clock.sleep(deadline - self._clock.monotonic()))
        try:
            await asyncio.wait({turn, timer}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if turn.done():  # the place came in the same moment: it goes to the next
                gate.under_way -= 1
            raise
        finally:
            timer.cancel()
            with suppress(ValueError):
                gate.queue.remove(turn)
            self._admit(gate)
        if not turn.done():
            raise OverloadedError(
                f"{endpoint} is busy: its turn did not come within the time this request has.",
                hint="Nothing was sent. Try again later, or choose another model.",
            )

    @staticmethod
    def _admit(gate: _Gate) -> None:
        while gate.queue and gate.under_way < gate.limit:
            turn = gate.queue.popleft()
            if not turn.done():
                gate.under_way += 1
                turn.set_result(None)


def _key(endpoint: str, operation: Operation, newcomer: str) -> _Key:
    return (newcomer, "newcomer") if newcomer else (endpoint, operation)


def _full(gate: _Gate) -> bool:
    return gate.under_way >= gate.limit or bool(gate.queue)
