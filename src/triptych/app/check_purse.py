"""What looking at nodes that ask a price may cost: an agreement of its own, with a cap of its own, booked as what it is.

A look is paid like any call, by the wallet and within what it may pay, and of a day (UTC) only so much as was agreed to for looks: nothing by
default. It is reserved in the ledger before anything is signed, in a run of that day's looks, so that no two of them pass the cap together; for the
caps on all spending it counts, too. A look for which somebody was paid is not made again, whatever became of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from triptych.app.paying import Paying
from triptych.network import remote
from triptych.network.card import Price
from triptych.network.job import Accepted, Submit, Working
from triptych.network.remote import Line, Result
from triptych.router.budget import Budget, Caps, Hold, Payer
from triptych.spec.clock import Clock
from triptych.spec.errors import BillingError, NotSentError, RateLimitedError
from triptych.spec.image import FREE, Billed, Cost
from triptych.store.base import RecordStore, Spend

DRAW_S = 900.0
_RUN = "checks/"


@dataclass(slots=True)
class CheckPurse:
    """Pays for looks. `load` once before use; the cap is read with all else that the wallet may pay. `caps` are those on all spending."""

    paying: Paying
    store: RecordStore
    clock: Clock
    caps: Callable[[], Caps]
    _spent: tuple[str, int] = ("", 0)

    async def load(self) -> None:
        """Reads what was spent today; what a process that ended still holds is charged, since nobody knows. Raises StorageError."""
        for entry in await self.store.open_reservations():
            if entry.tile_id is not None and (entry.run_id or "").startswith(_RUN):
                await Budget(self.store, self.clock).reconcile(entry.tile_id)
        await self.today()

    async def today(self) -> Spend:
        """What looks of today cost, with what is held for those under way. Raises StorageError."""
        day = self._day()
        found = await self.store.spend(run_id=_RUN + day)
        self._spent = (day, found.amount_micro_usd)
        return found

    def allows(self, price: Price | None) -> bool:
        """Whether a node with such a price may be looked at now."""
        day, spent = self._spent
        left = self.paying.checks - (spent if day == self._day() else 0)
        return price is None or price.per_image_micro_usd <= left

    async def paid_for(self, check: str) -> bool:
        """Whether somebody was given a payment for that check. Raises StorageError."""
        return any(one.purpose.startswith(_purpose(check)) for one in await self.paying.payments())

    async def ask(self, line: Line, asked: Submit, endpoint: str, price: Price | None, check: str) -> Result:
        """One job that is no tile's: nothing of it is shown. Where the node asks a price, it is paid for the check of that name. Raises
        what `remote.follow` raises, BillingError and BudgetError before anything was sent, StorageError."""
        if price is None:
            return await _drawn(line, asked, self.clock)
        purpose = f"{_purpose(check)}{line.card.id}"
        hold = await self._held(line, asked, endpoint, price, purpose)
        ended: tuple[Billed, Cost] = ("no", FREE)
        try:
            signed = await self.paying.pay(line.name, price, purpose)
            ended = ("unknown", Cost(signed.micro_usd, "table"))  # the node can have it carried out until it ends
            found = await _drawn(line, replace(asked, payment=signed.header), self.clock)
            told = await self.paying.told(purpose, found.paid)
            if told is not None and told.success:
                ended = ("yes", Cost(signed.micro_usd, "provider"))
        except (NotSentError, RateLimitedError):
            ended = ("no", FREE)
            raise
        finally:
            await Budget(self.store, self.clock).close(hold, *ended)
            await self.today()
        return found

    async def _held(self, line: Line, asked: Submit, endpoint: str, price: Price, purpose: str) -> Hold:
        """Room in all caps for what this costs. Raises BudgetError, BillingError, NotSentError, StorageError."""
        if line.card.body.price != price or asked.job.n != 1:
            raise NotSentError(f"{line.name} asks another price than a moment ago. Nothing was sent, and nothing paid.")
        if await self.paying.paid(purpose) is not None:
            raise BillingError("A node is paid once for a look. Nothing was sent.", billed="no")
        caps = replace(self.caps(), run=self.paying.checks)
        payer = Payer(run_id=_RUN + self._day(), tile_id=purpose, caps=caps)
        return await Budget(self.store, self.clock).reserve(payer, endpoint, Cost(price.per_image_micro_usd, "table"))

    def _day(self) -> str:
        return datetime.fromtimestamp(self.clock.now_ms() // 1000, UTC).date().isoformat()


def _purpose(check: str) -> str:
    return f"check/{check}/"


async def _drawn(line: Line, asked: Submit, clock: Clock) -> Result:
    async def told(news: Working | Accepted, preview: bytes | None) -> None:
        del news, preview

    capability = await remote.submit(line, asked)
    return await remote.follow(line, asked, capability, clock.monotonic() + DRAW_S, told)
