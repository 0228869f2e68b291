"""What a node asks for its pictures. A payment is held before the job is drawn, taken before the pictures are handed out, and given back
where there are none; who has an invite pays nothing. How it is paid is not known here: see `Desk`."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec

from triptych.network.job import Accepted, Done, Problem, Reply, Submit
from triptych.network.replay import WINDOW_MS
from triptych.spec.words import usd


class UnpaidError(Exception):
    """A payment that is not taken; the text says why."""


class Held(Protocol):
    """A payment that nobody else can use now."""

    async def settle(self) -> str:
        """Takes the money; what became of it, for whoever paid. Raises UnpaidError."""
        ...

    def let_go(self) -> None:
        """Leaves the money where it is."""
        ...


class Desk(Protocol):
    """Where payments are looked at."""

    async def take(self, payment: str, micro_usd: int) -> Held:
        """Holds a payment of exactly so many micro-dollars. Raises UnpaidError."""
        ...


@dataclass(slots=True, eq=False)
class _Payment:
    """That of one job. It is forgotten at `until_ms`, when the job could not be sent again anyway."""

    until_ms: int
    taking: "asyncio.Task[Held]"
    settling: "asyncio.Task[str] | None" = None


class Fees:
    """The payments of a node's jobs, by the job's hash. Without a desk nothing is asked for. `taken_micro_usd` came in since the start, and
    `unsure` are payments that were to be taken and of which nobody could say that they were."""

    def __init__(self, desk: Desk | None = None, micro_usd: int = 0) -> None:
        """`micro_usd` is for one picture."""
        self._desk, self._micro_usd = desk, micro_usd
        self._payments: dict[str, _Payment] = {}
        self.taken_micro_usd = self.unsure = 0

    @property
    def price(self) -> str:
        """What a picture costs, in words; empty where it costs nothing."""
        return "" if self._desk is None else usd(self._micro_usd)

    @property
    def paid(self) -> str:
        """What came in since the start, in words."""
        return usd(self.taken_micro_usd)

    def __str__(self) -> str:
        """For the node's status line; empty where nothing is asked for."""
        if self._desk is None:
            return ""
        unsure = f", {self.unsure} not known to be paid" if self.unsure else ""
        return f"{self.price} a picture, {self.paid} paid{unsure}"

    async def handed_in(self, asked: Submit, submit: Callable[[Submit], Reply], now_ms: int) -> Reply:
        """Takes a job by `submit` once it is paid for. The same job sent again is paid for already."""
        if self._desk is None or asked.job.guest is not None:
            return submit(asked)
        self._payments = {name: one for name, one in self._payments.items() if one.until_ms > now_ms}
        if (held := self._payments.get(asked.hash)) is None:
            if asked.payment is None:
                return _unpaid(f"A picture costs {usd(self._micro_usd)} here, and nothing was paid.")
            taking = asyncio.ensure_future(self._desk.take(asked.payment, self._micro_usd * asked.job.n))
            held = self._payments[asked.hash] = _Payment(now_ms + 2 * WINDOW_MS, taking)
        try:
            await asyncio.shield(held.taking)
        except UnpaidError as error:
            self._payments.pop(asked.hash, None)
            return _unpaid(str(error))
        reply = submit(asked)
        if not isinstance(reply.news, Accepted):
            self.give_back(asked)
        return reply

    async def settled(self, asked: Submit, reply: Reply) -> Reply:
        """Pictures once their money is taken. Where fewer came than were paid for, no money is taken."""
        held = self._payments.get(asked.hash)
        if held is None or not isinstance(reply.news, Done) or len(reply.pictures) < asked.job.n:
            return reply
        held.settling = asyncio.ensure_future(held.taking.result().settle())
        try:
            told = await asyncio.shield(held.settling)  # a job that is cancelled now does not stop it half-way
        except UnpaidError as error:
            self.unsure += 1
            return _unpaid(str(error))
        self.taken_micro_usd += self._micro_usd * asked.job.n
        return replace(reply, news=msgspec.structs.replace(reply.news, paid=told))

    def give_back(self, asked: Submit) -> None:
        """There are no pictures for a payment. One that was taken stays so."""
        held = self._payments.get(asked.hash)
        if held is not None and held.settling is None:
            del self._payments[asked.hash]
            held.taking.result().let_go()


def _unpaid(why: str) -> Reply:
    return Reply(Problem(code="unpaid", title=why[:400]))
