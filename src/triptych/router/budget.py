"""Money: held before anything is sent, settled by what it cost, released when it cost nothing.

A reservation is closed exactly once. One that was never closed, because the process died, goes on counting against its
caps until `reconcile` settles it as unknown. All amounts are micro-dollars.

The provider decides what a call costs, so one single call may end above its estimate, and so above a cap; after that no cap
lets anything through. Where an endpoint did that lately, the difference is held beside the estimate: the margin, a
reservation without an endpoint, released when its call is closed (see `overrun`).

What the router takes for itself, by the policy's fee schedule, is held with the estimate, and booked with the charge as an
entry of its own: nothing where nothing was billed, what was held for it where nobody knows the charge.

A price that nobody knows is held as zero with `known=False`: it shows as unknown in every total. Zero would be no limit
at all, so a call with an unknown price is refused under any cap, unless the caps say `allow_unknown_price`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from triptych.router.overrun import SURPRISE, Overruns
from triptych.router.price import usd
from triptych.router.shielded import finish, start
from triptych.spec.clock import Clock
from triptych.spec.errors import BudgetError, StorageError
from triptych.spec.ids import new_id
from triptych.spec.image import Billed, Cost
from triptych.spec.records import LedgerEntry, LedgerKind
from triptych.spec.routing import NO_FEES, Fees
from triptych.store.base import RecordStore, Spend

_log = structlog.get_logger(__name__)

_CAP_NAMES = {"run": "this run", "day": "the day", "key": "this API key", "project": "this project"}
_CAP_HINTS = {
    "run": "Raise the cap of the run, ask for fewer pictures, or choose a cheaper model.",
    "day": "Raise the day's cap in the settings or on the page, or wait for the next day (UTC).",
    "key": "Raise the cap of this API key, or use another key.",
    "project": "Raise the cap of projects in the settings, or use another project.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Limits in micro-dollars, None for none. `key` and `project` are over all that one of them ever spent."""

    run: int | None = None
    day: int | None = None
    key: int | None = None
    project: int | None = None
    allow_unknown_price: bool = False

    def limits(self) -> dict[str, int]:
        """The caps that are set, by the names the store knows."""
        named = {"run": self.run, "day": self.day, "key": self.key, "project": self.project}
        return {name: limit for name, limit in named.items() if limit is not None}


NO_CAPS = Caps()


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """On whose account a call goes."""

    run_id: str
    tile_id: str
    api_key: str | None = None
    project: str | None = None
    caps: Caps = NO_CAPS


@dataclass(frozen=True, slots=True)
class Hold:
    """An open reservation, the estimate it was made for, what is held beside it for a charge above that, and the fee."""

    entry: LedgerEntry
    estimate: Cost
    margin: LedgerEntry | None = None
    fees: Fees = NO_FEES
    fee: LedgerEntry | None = None

    @property
    def fee_micro_usd(self) -> int:
        """What is held as fee."""
        return self.fee.amount_micro_usd if self.fee is not None else 0


class Budget:
    """The ledger as the router uses it."""

    def __init__(self, store: RecordStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._overruns = Overruns(store, clock)
        self._late: list[tuple[LedgerEntry, LedgerEntry | None]] = []  # ends that could not be written, oldest first

    async def check(self, payer: Payer, endpoint: str, estimate: Cost, fee: int = 0) -> None:
        """Raises BudgetError when a cap has no room for all of this and its fee. For a request of several calls, each of
        which is reserved by itself: it is refused as a whole before its first call."""
        limits = self._limits(payer, estimate)
        bound = await self._bound(endpoint, estimate, limits)
        refused = await self._refusing(payer, limits, bound + fee, self._today())
        if refused is not None:
            raise _over(*refused, limits, estimate, bound, fee)

    async def roomy(self, payer: Payer, endpoint: str, estimate: Cost, fee: int = 0) -> bool:
        """Whether the calls of this estimate may go out side by side: every cap could hold it if all of them, and their
        fees, cost far more. Else they go one after another, so that after a surprise no further one is sent."""
        limits = self._caps_of(payer)
        if not limits or estimate.amount_micro_usd == 0:
            return True
        if estimate.amount_micro_usd is None:
            return False
        try:
            amount = estimate.amount_micro_usd
            most = max(await self._bound(endpoint, estimate, limits) + fee, SURPRISE * (amount + fee))
            return await self._refusing(payer, limits, most, self._today()) is None
        except StorageError as error:
            _log.warning("spending not read", endpoint=endpoint, error=error.message)
            return False

    async def reserve(self, payer: Payer, endpoint: str, estimate: Cost, fees: Fees = NO_FEES) -> Hold:
        """Holds the estimate and its fee, and a margin where this endpoint charged more lately. Raises BudgetError, with
        nothing held, when a cap would be passed; it says which cap, what is spent, what this costs, and how to raise it."""
        limits = self._limits(payer, estimate)
        bound = await self._bound(endpoint, estimate, limits)
        entry = self._reservation(payer, endpoint, estimate.amount_micro_usd)
        hold = Hold(entry, estimate, fees=fees, fee=_fee_entry(entry, fees.on(estimate.amount_micro_usd)))
        most_fee = fees.on(bound if estimate.amount_micro_usd is not None else None)
        over = bound + most_fee - entry.amount_micro_usd - hold.fee_micro_usd
        spent = await self._write_reservation(hold, {name: limit - over for name, limit in limits.items()})
        if spent is None and over:
            margin = self._reservation(payer, None, over)
            spent = await self._write_margin(hold, Hold(margin, estimate), limits)
            hold = replace(hold, margin=margin)
        if spent is not None:
            refused = await self._refusing(payer, limits, bound + most_fee, entry.day)
            cap, now_spent = refused or (min(limits, key=lambda name: limits[name]), spent)
            raise _over(cap, now_spent, limits, estimate, bound, hold.fee_micro_usd)
        return hold

    def _reservation(self, payer: Payer, endpoint: str | None, amount: int | None) -> LedgerEntry:
        now = self._clock.now_ms()
        return LedgerEntry(
            id=new_id("led", now),
            reservation=new_id("rsv", now),
            kind="reserve",
            amount_micro_usd=amount or 0,
            known=amount is not None,
            created_ms=now,
            day=self._today(),
            run_id=payer.run_id,
            tile_id=payer.tile_id,
            api_key=payer.api_key,
            project=payer.project,
            endpoint=endpoint,
        )

    async def _bound(self, endpoint: str, estimate: Cost, limits: Mapping[str, int]) -> int:
        amount = estimate.amount_micro_usd or 0
        return max(amount, await self._overruns.bound(endpoint, amount)) if limits and amount else amount

    async def adopt(self, tile_id: str, endpoint: str, reservation: str = "", fees: Fees = NO_FEES) -> Hold | None:
        """The open reservation of a tile from before a restart, the one at the endpoint where it is not named; None when
        it was closed meanwhile. `fees` are those it was made under."""
        held = await self._held(tile_id)
        for entry in held:
            if entry.reservation == reservation or (not reservation and entry.endpoint == endpoint):
                estimate = Cost(entry.amount_micro_usd, "table") if entry.known else Cost(None, "unknown")
                fee = next((one for one in held if one.fee_of == entry.reservation), None)
                return Hold(entry, estimate, fees=fees, fee=fee)
        return None

    async def close(self, hold: Hold, billed: Billed, cost: Cost) -> int:
        """Settles or releases. Not billed: released. Billed with a known amount: settled at it. Else settled at what is
        known or estimated, marked as unknown. The fee goes with it. Returns the fee.

        When the ledger cannot be written the reservation stays open, which is the safe side; that is logged, and tried
        again by `settle_late`.
        """
        kind: LedgerKind = "release" if billed == "no" else "settle"
        known = billed == "no" or (billed == "yes" and cost.amount_micro_usd is not None)
        amount = cost.amount_micro_usd if cost.amount_micro_usd is not None else hold.entry.amount_micro_usd
        entry = self._closing(hold.entry, kind, 0 if kind == "release" else amount, known=known)
        if billed == "yes" and known and hold.entry.known:
            self._overruns.learn(hold.entry.endpoint, hold.entry.amount_micro_usd, amount)
        taken = 0 if billed == "no" else hold.fee_micro_usd if cost.amount_micro_usd is None else hold.fees.on(amount)
        fee = self._closing_fee(hold, entry, taken)
        ends = [(entry, fee)]
        if hold.margin is not None:
            ends.append((self._closing(hold.margin, "release", 0, known=True), None))
        await self._end(ends)
        return taken

    async def settle_late(self) -> None:
        """Writes the ends of reservations that could not be written when they came."""
        late, self._late = self._late, []
        await self._end(late)

    async def _end(self, ends: Sequence[tuple[LedgerEntry, LedgerEntry | None]]) -> None:
        for place, (entry, fee) in enumerate(ends):
            try:
                await self._store.close_reservation(entry, fee)
            except StorageError as error:
                self._late += ends[place:]
                _log.warning("reservation left open", reservation=entry.reservation, error=error.message)
                return

    def _closing_fee(self, hold: Hold, closing: LedgerEntry, amount: int) -> LedgerEntry | None:
        """The end of the fee's reservation, as certain as that of the charge."""
        if hold.fee is None and not amount:
            return None
        fee = hold.fee or _fee_entry(hold.entry, amount)
        if fee is None:
            return None
        return self._closing(fee, "settle" if amount else "release", amount, known=closing.known)

    async def fees_of(self, tile_id: str) -> Mapping[str, int]:
        """What is booked, or held, as fee of each call of a tile, by the call's reservation."""
        return {one.fee_of: one.amount_micro_usd for one in await self._store.ledger(tile_id=tile_id) if one.fee_of}

    async def reconcile(self, tile_id: str, *, kept: Sequence[Hold | None] = ()) -> tuple[str, ...]:
        """Settles as unknown what a lost tile still holds, all but `kept`, and releases its margins. Returns the
        reservations it closed."""
        there = [hold for hold in kept if hold is not None]
        left_open = {one.reservation for hold in there for one in (hold.entry, hold.fee) if one is not None}
        closed = [
            entry.reservation
            for entry in await self._held(tile_id)
            if entry.reservation not in left_open and await self._store.close_reservation(self._lost(entry))
        ]
        return tuple(closed)

    def _lost(self, entry: LedgerEntry) -> LedgerEntry:
        if entry.endpoint is None and entry.fee_of is None:  # a margin: nobody can be charged on it
            return self._closing(entry, "release", 0, known=True)
        return self._closing(entry, "settle", entry.amount_micro_usd, known=False)

    async def give_back(self, tile_id: str) -> None:
        """Releases what a tile holds that is known not to have been billed."""
        for entry in await self._held(tile_id):
            await self._store.close_reservation(self._closing(entry, "release", 0, known=True))

    async def _held(self, tile_id: str) -> tuple[LedgerEntry, ...]:
        """The open reservations of a tile."""
        entries = await self._store.ledger(tile_id=tile_id)
        closed = {entry.reservation for entry in entries if entry.kind != "reserve"}
        return tuple(entry for entry in entries if entry.reservation not in closed)

    def _closing(self, held: LedgerEntry, kind: LedgerKind, amount: int, *, known: bool) -> LedgerEntry:
        """The day stays that of the reservation, so that a charge counts where its cap was checked."""
        now = self._clock.now_ms()
        return replace(
            held, id=new_id("led", now), kind=kind, amount_micro_usd=amount, known=known, created_ms=now
        )  # fmt: skip

    def _limits(self, payer: Payer, estimate: Cost) -> dict[str, int]:
        """The caps to hold this against: none for what is free."""
        limits = self._caps_of(payer)
        if (refused := unpriced(limits, estimate, allowed=payer.caps.allow_unknown_price)) is not None:
            raise refused
        return {} if estimate.amount_micro_usd == 0 else limits

    def _caps_of(self, payer: Payer) -> dict[str, int]:
        limits = payer.caps.limits()
        if payer.api_key is None:
            limits.pop("key", None)
        if payer.project is None:
            limits.pop("project", None)
        return limits

    async def _write_margin(self, hold: Hold, margin: Hold, limits: Mapping[str, int]) -> Spend | None:
        """The margin beside what is held already. Without it nothing stays held."""
        refused: Spend | None = None
        written = False
        try:
            refused = await self._write_reservation(margin, limits)
            written = refused is None
        finally:
            if not written:
                await finish(self.close(hold, "no", Cost(0, "unknown")))
        return refused

    async def _write_reservation(self, hold: Hold, limits: Mapping[str, int]) -> Spend | None:
        """One write that ends as a whole: stopped meanwhile, what was reserved is released again."""
        writing = start(self._store.reserve(hold.entry, limits, hold.fee))
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            await finish(self._take_back(writing, hold))
            raise

    async def _take_back(self, writing: "asyncio.Task[Spend | None]", hold: Hold) -> None:
        try:
            refused = await writing
        except StorageError as error:
            _log.warning("reservation not written", reservation=hold.entry.reservation, error=error.message)
            return
        if refused is None:
            await self.close(hold, "no", Cost(0, "unknown"))

    async def _refusing(
        self, payer: Payer, limits: Mapping[str, int], amount: int, day: str
    ) -> tuple[str, Spend] | None:
        """The first cap without room for an amount, and what is spent under it."""
        for name, limit in limits.items():
            spent = await self._store.spend(
                run_id=payer.run_id if name == "run" else None,
                day=day if name == "day" else None,
                api_key=payer.api_key if name == "key" else None,
                project=payer.project if name == "project" else None,
            )
            if spent.amount_micro_usd + amount > limit:
                return name, spent
        return None

    def _today(self) -> str:
        return datetime.fromtimestamp(self._clock.now_ms() // 1000, UTC).date().isoformat()


def _fee_entry(call: LedgerEntry, amount: int) -> LedgerEntry | None:
    """The fee of a call that is reserved, as a reservation beside it; None where none is taken."""
    if not amount:
        return None
    now = call.created_ms
    return replace(call, id=new_id("led", now), reservation=new_id("rsv", now), amount_micro_usd=amount, endpoint=None,
                   fee_of=call.reservation)  # fmt: skip


def unpriced(limits: Mapping[str, int], estimate: Cost, *, allowed: bool) -> BudgetError | None:
    """What caps have against a price that nobody knows; None where it is known, there is no cap, or it is allowed."""
    if estimate.amount_micro_usd is not None or not limits or allowed:
        return None
    names = " and ".join(_CAP_NAMES[name] for name in limits)
    return BudgetError(f"Nobody knows what this costs here, and there is a spending cap for {names}.",
                       hint="Choose a model with a known price, allow unknown prices, or remove the cap.", param="model")  # fmt: skip


def _over(cap: str, spent: Spend, limits: Mapping[str, int], estimate: Cost, bound: int, fee: int = 0) -> BudgetError:
    amount = (estimate.amount_micro_usd or 0) + fee
    bound += fee
    of_it = f", of it a fee of {usd(fee)}" if fee else ""
    unknown = f" ({spent.unknown} of the charges are not known)" if spent.unknown else ""
    most = f", or up to {usd(bound)} by what was charged here lately" if bound > amount else ""
    passed = (
        " A charge was above its estimate, for the provider decides it; nothing more is sent under this cap."
        if spent.amount_micro_usd > limits[cap]
        else ""
    )
    return BudgetError(
        f"The spending cap for {_CAP_NAMES[cap]} is {usd(limits[cap])}: {usd(spent.amount_micro_usd)} is spent or "
        f"held{unknown}, and this would cost {usd(amount)}{of_it}{most}.{passed} Nothing was sent.",
        hint=_CAP_HINTS[cap],
        amount_micro_usd=amount,
        detail=cap,
    )
