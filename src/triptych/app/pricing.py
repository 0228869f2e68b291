"""What a node asks for a picture, and the desk where it is paid: x402 by a facilitator. It stands in `price.toml` in the node's folder; see
docs/guides/payment.md."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import msgspec

from triptych.http.transport import Transport
from triptych.network.card import Price
from triptych.network.x402.sign import USDC, Token
from triptych.network.x402.till import Facilitator, HttpFacilitator, Till
from triptych.network.x402.wire import Payment, PaymentError, encode
from triptych.node.fees import Held, UnpaidError
from triptych.spec.clock import Clock
from triptych.spec.errors import NotConfiguredError, SettingsError, TriptychError
from triptych.store.faults import at

FILE = "price.toml"
EXTRA = "coincurve"  # the package that the extra brings
CHAINS = {"base": USDC[0], "base-sepolia": USDC[1]}
TRANSFER_S = 600  # that a transfer counts: as long as a picture may take, waiting for its turn included
_OPTIONS = {"micro_usd": "--price", "pay_to": "--pay-to", "facilitator": "--facilitator", "chain": "--chain"}
MOST_MICRO_USD = 100_000_000  # what is more is a mistake in the unit


def has_extra() -> bool:
    """Whether payments can be signed and looked at here."""
    return find_spec(EXTRA) is not None


@dataclass(frozen=True, slots=True)
class Pricing:
    """So many micro-dollars for a picture, in one token, to one address."""

    micro_usd: int
    pay_to: str
    token: Token
    facilitator: Facilitator

    @property
    def card(self) -> Price:
        """As the node's card says it."""
        return Price(
            per_image_micro_usd=self.micro_usd, pay_to=self.pay_to, asset=self.token.address, network=self.token.network
        )

    def desk(self, clock: Clock) -> "TillDesk":
        """Where it is paid."""
        return TillDesk(Till(self.pay_to, self.token, self.facilitator, clock, TRANSFER_S))


class _Stated(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As the file has it."""

    micro_usd: int
    pay_to: str
    facilitator: str
    chain: str


def read_pricing(
    folder: Path, client: Transport, clock: Clock, asks: Mapping[str, str | int] = MappingProxyType({})
) -> Pricing | None:
    """What stands in a node's folder, with the lines in `asks` in place of its own; None where there is neither, and where a price of nothing
    is asked. Raises SettingsError for what is wrong in it, NotConfiguredError without the extra, StorageError."""
    path = folder / FILE
    with at(f"The file {path}"):
        if not path.exists() and not asks:
            return None
        text = path.read_text("utf-8", "replace") if path.exists() else ""
    if asks.get("micro_usd") == 0:
        return None
    try:
        stated = tomllib.loads(text) | dict(asks)
        if missing := [_OPTIONS[name] for name in _OPTIONS if asks and name not in stated]:
            raise SettingsError(f"A price needs {' and '.join(missing)}, too.", param="price",
                                hint=f"Give it here, or write it into {path}.")  # fmt: skip
        said = msgspec.convert(stated, _Stated)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(
            f"{path} cannot be used: {error}.", hint="It takes micro_usd, pay_to, facilitator and chain."
        ) from None
    if not re.fullmatch("0x[0-9a-fA-F]{40}", said.pay_to):
        raise SettingsError(f"{path}: pay_to is no address.", hint="It is 0x and 40 digits in hex.", param="pay_to")
    if not said.facilitator.startswith("https://"):
        raise SettingsError(f"{path}: facilitator has to begin with https://.", param="facilitator")
    if said.chain not in CHAINS:
        raise SettingsError(f"{path}: {said.chain!r} is no chain that is known here.",
                            hint=f"Take {' or '.join(CHAINS)}.", param="chain")  # fmt: skip
    if not 0 < said.micro_usd <= MOST_MICRO_USD:
        raise SettingsError(
            f"{path}: micro_usd is between 1 and {MOST_MICRO_USD}.", hint="40000 are 4 cents.", param="micro_usd"
        )
    if not has_extra():
        raise NotConfiguredError("Being paid needs an extra.", hint="Install triptych[x402], or take price.toml away.")
    return Pricing(said.micro_usd, said.pay_to, CHAINS[said.chain], HttpFacilitator(said.facilitator, client, clock))


@dataclass(frozen=True, slots=True)
class TillDesk:
    """Implements `node.fees.Desk` over a till."""

    till: Till

    async def take(self, payment: str, micro_usd: int) -> Held:
        """Raises UnpaidError."""
        try:
            return _InTill(self.till, await self.till.take(payment, micro_usd))
        except (PaymentError, TriptychError) as error:
            raise UnpaidError(str(error)) from None


@dataclass(frozen=True, slots=True)
class _InTill:
    till: Till
    payment: Payment

    async def settle(self) -> str:
        try:
            found = await self.till.settle(self.payment)
        except (PaymentError, TriptychError) as error:
            raise UnpaidError(f"Nobody knows whether the payment went through: {error}") from None
        if not found.success:
            raise UnpaidError(f"The payment did not go through: {found.error_reason or 'nobody says why'}.")
        return encode(found)

    def let_go(self) -> None:
        self.till.let_go(self.payment)
