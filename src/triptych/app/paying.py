"""What this studio pays nodes with, and how much it may: a wallet in the vault, and the most that its owner allows for one picture and for 24
hours. Without both no node that asks a price is asked for anything."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from triptych.app.pricing import TRANSFER_S, has_extra
from triptych.network.card import Price
from triptych.network.x402.payer import Caps, Paid, Payer
from triptych.network.x402.sign import USDC, Token, Wallet
from triptych.network.x402.wire import PaymentError, Required, Settled, decode, encode
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, BillingError, NotConfiguredError
from triptych.spec.json import Json
from triptych.spec.words import usd
from triptych.store.base import RecordStore, Vault
from triptych.store.network import NetworkMemory

SCOPE = "payments"
WALLET = "wallet.x402"
"""The name of the wallet's key in the vault; no provider has such a name."""
_ALLOWED = "wallet.allowed"
_KEY_DIGITS: Final = 64


@dataclass(frozen=True, slots=True)
class Signed:
    """A payment for one job as it goes out, and what it is worth in micro-dollars."""

    header: str = field(repr=False)
    micro_usd: int


@dataclass(slots=True)
class Paying:
    """Pays nodes. `load` once before use, and now and then: another process may have set something. `tokens` are those that it pays in;
    `checks` is how much of a day looks at nodes may cost, in micro-dollars."""

    vault: Vault
    store: RecordStore
    memory: NetworkMemory
    clock: Clock
    tokens: tuple[Token, ...] = USDC
    allowed: Caps = Caps(0, 0)  # noqa: RUF009 - frozen
    checks: int = 0
    _wallet: Wallet | None = field(default=None, repr=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def load(self) -> None:
        """Raises StorageError."""
        kept = await self.store.get_setting(_ALLOWED)
        each, day, self.checks = (_amount(kept, name) for name in ("each", "day", "checks"))
        self.allowed = Caps(each, day)
        secret = await self.vault.get(WALLET)
        self._wallet = None if secret is None else Wallet(bytes.fromhex(secret))

    @property
    def address(self) -> str | None:
        """The wallet's; None without one. Raises NotConfiguredError without the extra."""
        if self._wallet is None:
            return None
        _need_extra()
        return self._wallet.address

    async def set_wallet(self, key: str) -> str:
        """Keeps the key of a wallet, 32 bytes in hex; its address. Raises BadRequestError, NotConfiguredError, StorageError."""
        _need_extra()
        digits = key.strip().removeprefix("0x").lower()
        try:
            wallet = Wallet(bytes.fromhex(digits) if len(digits) == _KEY_DIGITS else b"")
            address = wallet.address
        except ValueError:
            raise BadRequestError("That is no key of a wallet.", hint="It is 64 digits in hex.", param="key") from None
        await self.vault.put(WALLET, digits)
        self._wallet = wallet
        return address

    async def forget_wallet(self) -> bool:
        """Whether there was one. Raises StorageError."""
        self._wallet = None
        return await self.vault.remove(WALLET)

    async def allow(self, each: int, day: int, checks: int = 0) -> None:
        """The most that is paid, in micro-dollars, and of it for looks in a day (UTC); 0 for nothing. Raises StorageError."""
        kept: dict[str, Json] = {"each": each, "day": day, "checks": checks}
        await self.store.put_setting(_ALLOWED, kept)
        self.allowed, self.checks = Caps(each, day), checks

    async def allow_checks(self, checks: int) -> None:
        """How much of it looks at nodes may cost in a day (UTC). Raises StorageError."""
        await self.load()
        await self.allow(self.allowed.per_request, self.allowed.per_day, checks)

    def why_not(self, name: str, price: Price) -> str | None:
        """Why a node of that name is not asked, in a sentence; None when its price is paid."""
        asks, most = usd(price.per_image_micro_usd), self.allowed.per_request
        if not most:
            return f"{name} asks {asks} for a picture, and paying nodes is not allowed here: `triptych wallet allow` does that."
        if price.per_image_micro_usd > most:
            return f"{name} asks {asks} for a picture, and {usd(most)} are allowed at most."
        if self._wallet is None:
            return f"{name} asks {asks} for a picture, and there is no wallet to pay with: `triptych wallet set` keeps one."
        if not has_extra():
            return f"{name} asks {asks} for a picture, and paying needs an extra: install triptych[x402]."
        if price.pay_to is None or self._token(price) is None:
            return f"{name} asks to be paid in a way that is not known here."
        return None

    async def pay(self, name: str, price: Price, purpose: str) -> Signed:
        """A payment of that price, kept before it is given out; the same again for the same purpose. Raises BillingError, with nothing paid,
        and StorageError."""
        async with self._lock:  # what is spent is counted before the next is signed
            await self.load()
            token, why = self._token(price), self.why_not(name, price)
            if why is not None or token is None or price.pay_to is None:
                raise BillingError(f"{why} Nothing was sent.", billed="no", hint="Choose another model.")
            terms = token.terms(price.pay_to, price.per_image_micro_usd, TRANSFER_S)
            try:
                payment = await self._payer().pay(Required(x402_version=2, accepts=(terms,)), purpose)
            except PaymentError as error:
                raise BillingError(f"{name} was not paid, and nothing was sent: {error}", billed="no", detail=error.reason,
                                   hint="`triptych wallet allow` raises what may be paid in a day.") from None  # fmt: skip
        return Signed(encode(payment), price.per_image_micro_usd)

    async def paid(self, purpose: str) -> Signed | None:
        """The payment for a purpose that was given out before. Raises StorageError."""
        kept = next((one for one in await self.payments() if one.purpose == purpose), None)
        return None if kept is None else Signed(encode(kept.payment), kept.micro_usd)

    async def told(self, purpose: str, said: str | None) -> Settled | None:
        """Keeps what the node says became of a payment; None where it says nothing that can be read. Raises StorageError."""
        if said is None:
            return None
        try:
            found = decode(said, Settled, "settlement")
        except PaymentError:
            return None
        await self._payer().settled(purpose, found)
        return found

    async def payments(self) -> tuple[Paid, ...]:
        """Every payment, the oldest first. Raises StorageError."""
        return await self._payer().receipts()

    def _payer(self) -> Payer:
        return Payer(self._wallet or Wallet(b""), self.allowed, _Book(self.memory, self.clock), self.clock, self.tokens)

    def _token(self, price: Price) -> Token | None:
        named = ((price.asset or "").lower(), price.network)
        return next((one for one in self.tokens if (one.address.lower(), one.network) == named), None)


@dataclass(frozen=True, slots=True)
class _Book:
    """Implements `payer.Memory` over the store."""

    memory: NetworkMemory
    clock: Clock

    async def all(self) -> Mapping[str, str]:
        return await self.memory.all(SCOPE)

    async def save(self, key: str, body: str) -> None:
        await self.memory.save(SCOPE, {key: body}, self.clock.now_ms())


def _amount(kept: Json, name: str) -> int:
    found = kept.get(name) if isinstance(kept, Mapping) else None
    return found if isinstance(found, int) and found > 0 else 0


def _need_extra() -> None:
    if not has_extra():
        raise NotConfiguredError("Paying nodes needs an extra.", hint="Install triptych[x402].")
