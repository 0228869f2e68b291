"""Tokens of a hub: so many messages a day for each account, and no way to tell whose message it is.

An account is a key. Its first order carries a stamp of work, so that accounts are not made by the
million. The hub signs the tokens blind (`network.tokens`, RFC 9474): it counts what it gives out by account and what comes in by token,
and cannot link the two.

A node says, in the signed call that brings an answer, which account it earns for (`network.presence`). What it earns is always less than
what the answer has cost whoever asked, so that nobody makes tokens by asking a node of their own.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

import msgspec

from triptych.hub.stamps import Stamps
from triptych.network import stamp
from triptych.network.jose import decode_url64, encode_url64, kid_of
from triptych.network.jws import JwsError, read_line, sign_line
from triptych.network.stamp import Stamp, StampError
from triptych.network.tokens import GRACE_EPOCHS, Issuer, IssuerKey, Token, TokenError, check, epoch_at
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, RateLimitedError, StorageError
from triptych.store.durable import write_private
from triptych.store.faults import at
from triptych.tlog.note import Signer

TYPE = "triptych-token-order"
SKEW_MS = 60_000
MOST_AT_ONCE = 100  # tokens in one order
_TIDIED = 14  # days that are looked through for what is over
_log = logging.getLogger("triptych.hub")


class TicketError(BadRequestError):
    """An order or a token that this hub does not take."""

    code = "token_refused"


class Memory(Protocol):
    """Where the desk remembers; `store.network.NetworkMemory` is one."""

    async def save(self, scope: str, bodies: Mapping[str, str], now_ms: int) -> None: ...
    async def once(self, scope: str, name: str, body: str, now_ms: int) -> bool: ...
    async def get(self, scope: str, name: str) -> str | None: ...
    async def all(self, scope: str) -> dict[str, str]: ...
    async def forget(self, scope: str, *names: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Tokens a day: `each_day` for every account, and one more for each `answers_per_token` answers that nodes gave for the account on that
    day, up to `most_earned`. An answer that counts was asked for with a token; two of them at least are asked for one."""

    each_day: int = 500
    answers_per_token: int = 2
    most_earned: int = 500
    bits: int = stamp.BITS

    def __post_init__(self) -> None:
        if self.answers_per_token < 2:
            raise ValueError("Who asks a node of their own would have the tokens back.")

    def earned(self, answers: int) -> int:
        """The tokens of a day for so many answers on it."""
        return min(self.most_earned, answers // self.answers_per_token)


class _Order(msgspec.Struct, forbid_unknown_fields=True):
    hub: str
    issued_ms: int
    epoch: int
    blinded: Annotated[list[str], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]
    made_ms: int = 0
    counter: int = -1


def order(  # the client's half of `Tickets.issue`
    signer: Signer, hub: str, epoch: int, blinded: list[bytes], now_ms: int, work: Stamp | None = None
) -> str:
    """An order for tokens as one line; a first one has a stamp for the account's key, `kid_of(signer.key.public)`."""
    worked = {} if work is None else {"made_ms": work.made_ms, "counter": work.counter}
    sent = [encode_url64(one) for one in blinded]
    return sign_line({"hub": hub, "issued_ms": now_ms, "epoch": epoch, "blinded": sent, **worked}, signer, TYPE)


class Tickets:
    """The tokens of one hub. `enter` writes an entry into its log; `folder` keeps the day's secret key."""

    def __init__(
        self,
        hub: str,
        clock: Clock,
        memory: Memory,
        enter: Callable[[bytes], Awaitable[int]],
        folder: Path,
        share: Share | None = None,
        stamps: Stamps | None = None,
    ) -> None:
        self._hub, self._clock, self._memory, self._enter, self._folder = hub, clock, memory, enter, folder
        self.share, self._stamps = share or Share(), stamps or Stamps()
        self._issuers: dict[int, Issuer] = {}
        self._lock, self._signing = asyncio.Lock(), asyncio.Lock()
        self._earned: dict[tuple[int, str], int] = {}  # answers by day and account
        self._unkept: set[tuple[int, str]] = set()  # of those, what is not on the disk yet
        self._keeping: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Reads what was earned today. Raises StorageError."""
        today = epoch_at(self._clock.now_ms())
        for account, count in (await self._memory.all(f"earned {today}")).items():
            self._earned[today, account] = int(count)

    async def close(self) -> None:
        """Waits for what is being written down."""
        if self._keeping is not None:
            await asyncio.wait({self._keeping})

    async def key(self, epoch: int | None = None) -> IssuerKey:
        """The public key of today, or of yesterday. Raises TicketError for another day, StorageError."""
        today = epoch_at(self._clock.now_ms())
        wanted = today if epoch is None else epoch
        if not today - GRACE_EPOCHS <= wanted <= today:
            raise TicketError("There are keys of today and yesterday only.", param="epoch",
                              hint="Ask for new tokens.")  # fmt: skip
        if (known := self._issuers.get(wanted)) is not None:
            return known.key
        async with self._lock:
            if (found := self._issuers.get(wanted)) is None:
                found = await asyncio.to_thread(self._opened, wanted)
                await self._enter(found.key.leaf)
                await self._tidy(today)
                self._issuers[wanted] = found
        return found.key

    def _opened(self, epoch: int) -> Issuer:
        path = self._folder / f"tokens-{epoch}.key"
        with at(f"The key {path}"):
            if not path.exists():
                write_private(path, Issuer.generate(epoch).secret(), replace=False)
            for old in self._folder.glob("tokens-*.key"):
                if int(old.stem.removeprefix("tokens-")) < epoch - GRACE_EPOCHS:
                    old.unlink(missing_ok=True)
            return Issuer.read(epoch, path.read_bytes())

    async def _tidy(self, today: int) -> None:
        oldest = today - GRACE_EPOCHS
        self._issuers = {epoch: one for epoch, one in self._issuers.items() if epoch >= oldest}
        for epoch in range(oldest - _TIDIED, oldest):  # also what a hub that was off for some days has left
            await self._memory.forget(f"spent {epoch}")
            await self._memory.forget(f"given {epoch}")
            await self._memory.forget(f"earned {epoch}")
        self._earned = {key: count for key, count in self._earned.items() if key[0] >= today}

    async def issue(self, text: str) -> list[bytes]:
        """Signs what an account has blinded, the first of it as far as its tokens of the day go; an order counts when it is admitted, also
        where it then cannot be signed. Raises TicketError for an order that does not hold, RateLimitedError when the account has had all its
        tokens of the day, OverloadedError, StorageError."""
        account, found = self._read(text)
        now = self._clock.now_ms()
        today = epoch_at(now)
        if found.epoch != today:
            raise TicketError("Tokens are given out for today.", param="epoch", hint="Ask for today's key first.")
        await self._admit(account, found, now)
        await self.key()
        async with self._lock:
            given = int(await self._memory.get(f"given {today}", account) or 0)
            allowed = self.share.each_day + self.share.earned(self._earned.get((today, account), 0))
            admitted = found.blinded[: max(0, allowed - given)]
            if not admitted:
                raise RateLimitedError(f"{allowed} messages are yours today, and none is left.", retry_after_s=3600,
                                       hint="A node of yours that draws for others earns more.")  # fmt: skip
            await self._memory.save(f"given {today}", {account: str(given + len(admitted))}, now)
        async with self._signing:  # one order at a time, beside whatever else the hub does
            return [await asyncio.to_thread(_signed, self._issuers[today], one) for one in admitted]

    def _read(self, text: str) -> tuple[str, _Order]:
        try:
            line = read_line(text.encode("ascii", "replace"), TYPE, "order")
            found = msgspec.convert(dict(line.payload), _Order)
        except (JwsError, msgspec.ValidationError) as error:
            raise TicketError(f"It is no order for tokens: {error}", param="body") from None
        if found.hub != self._hub or abs(found.issued_ms - self._clock.now_ms()) > SKEW_MS:
            raise TicketError(f"The order is for {found.hub[:100]!r} and this is {self._hub!r}, or its time is not now.",
                              param="body", hint="Set the clock, and sign the order for this hub.")  # fmt: skip
        return kid_of(line.public), found

    async def _admit(self, account: str, found: _Order, now: int) -> None:
        if await self._memory.get("accounts", account) is not None:
            return
        try:
            await self._stamps.check(Stamp(found.made_ms, found.counter), account, now, self.share.bits)
        except StampError as error:
            raise TicketError(f"A first order needs a stamp of {self.share.bits} bits. {error}", param="counter",
                              hint="Make a stamp for the name of the key.") from None  # fmt: skip
        await self._memory.save("accounts", {account: ""}, now)

    async def spend(self, data: str) -> None:
        """Takes one token, once. Raises TicketError, StorageError."""
        try:
            token = Token.decode(decode_url64(data) or b"")
            check(token, await self.key(token.epoch))
        except TokenError as error:
            raise TicketError(str(error), param="token", hint="Ask for new tokens.") from None
        now = self._clock.now_ms()
        if not await self._memory.once(f"spent {token.epoch}", token.nonce.hex(), "", now):
            raise TicketError("The token has been used before.", param="token", hint="Use another one.")

    def earn(self, account: str) -> None:
        """Counts an answer that was asked for with a token and that a node gave for this account. It is written down beside, so that whoever
        reads the answer does not wait for the disk."""
        key = (epoch_at(self._clock.now_ms()), account)
        self._earned[key] = self._earned.get(key, 0) + 1
        self._unkept.add(key)
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while self._unkept:
            keys, self._unkept = self._unkept, set()
            for day in {day for day, _ in keys}:
                counts = {
                    account: str(self._earned[day, account]) for _, account in keys if (day, account) in self._earned
                }
                try:
                    await self._memory.save(f"earned {day}", counts, self._clock.now_ms())
                except StorageError as error:  # they count until this hub ends
                    _log.warning("what was earned cannot be kept", extra={"about": {"why": error.message}})


def _signed(issuer: Issuer, blinded: str) -> bytes:
    try:
        return issuer.sign(decode_url64(blinded) or b"")
    except TokenError as error:
        raise TicketError(f"It cannot be signed: {error}", param="blinded") from None
