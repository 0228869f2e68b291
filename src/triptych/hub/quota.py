"""How much of a hub one sender may use, counted without knowing who it is.

Who has tokens spends one for each message (RFC 9474: the hub that gave it out cannot tell it from any other). Who has none is
a guest: guests of one network (/24 of IPv4, /48 of IPv6) share a small allowance. A node's own calls need neither.

What anybody may hand in that the hub itself has to look at, a card, an order for tokens, a revocation, has an allowance of its own, so that neither
takes from the other. A node fetches and answers on its signature, which costs as little as to refuse it.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from triptych.spec.clock import Clock
from triptych.spec.errors import RateLimitedError

V4_PREFIX, V6_PREFIX = 24, 48
_MOST_NETWORKS = 20_000  # that are remembered; the one asked about longest ago is forgotten first


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What guests of one network may do: `burst` messages at once and `per_minute` on the long run; `at_once` at the same
    time. Holders of tokens have only `token_at_once`, together. `writes` are the cards, orders and revocations of one network in a minute, and at
    once."""

    burst: int = 60
    per_minute: int = 60
    at_once: int = 8
    token_at_once: int = 512
    writes: int = 240


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float
    now: int = 0


class _Buckets:
    """One for each network: `burst` at once, `per_minute` on the long run."""

    def __init__(self, clock: Clock, burst: int, per_minute: int) -> None:
        self._clock, self._burst, self._per_minute = clock, burst, per_minute
        self._kept: OrderedDict[str, _Bucket] = OrderedDict()

    def of(self, network: str) -> _Bucket:
        """The bucket of a network as it is now."""
        now = self._clock.monotonic()
        found = self._kept.pop(network, None) or _Bucket(self._burst, now)
        found.left, found.at = min(self._burst, found.left + (now - found.at) * self._per_minute / 60), now
        self._kept[network] = found
        if len(self._kept) > _MOST_NETWORKS:
            self._kept.popitem(last=False)
        return found

    def take(self, found: _Bucket, message: str, hint: str) -> None:
        """One out of it. Raises RateLimitedError, which says when there is one again."""
        if found.left < 1:
            raise RateLimitedError(message, retry_after_s=(1 - found.left) * 60 / self._per_minute, hint=hint)
        found.left -= 1


class Quotas:
    """Who may hand in a message now."""

    def __init__(self, clock: Clock, allowance: Allowance | None = None) -> None:
        self.allowance = found = allowance or Allowance()
        self._guests = _Buckets(clock, found.burst, found.per_minute)
        self._writes = _Buckets(clock, found.writes, found.writes)
        self._with_token = 0

    @contextmanager
    def guest(self, network: str) -> Iterator[None]:
        """A place for one message of a guest. Raises RateLimitedError, which says when there is one again."""
        found = self._guests.of(network)
        if found.now >= self.allowance.at_once:
            raise RateLimitedError(f"Guests of one network may ask for {self.allowance.at_once} things at the same time.",
                                   retry_after_s=5, hint="Wait for one of them, or use tokens of this hub.")  # fmt: skip
        self._guests.take(found, f"Guests of one network may send {self.allowance.per_minute} messages a minute.",
                          "Wait, or use tokens of this hub.")  # fmt: skip
        found.now += 1
        try:
            yield
        finally:
            found.now -= 1

    def write(self, network: str) -> None:
        """Counts a card, an order or a revocation, before anything of it is read. Raises RateLimitedError, which says when there is room again."""
        self._writes.take(
            self._writes.of(network),
            f"From one network {self.allowance.writes} cards, orders and revocations a minute are looked at.",
            "Wait, and send it again.",
        )

    @contextmanager
    def holder(self) -> Iterator[None]:
        """A place for one message that came with a token. Raises RateLimitedError."""
        if self._with_token >= self.allowance.token_at_once:
            raise RateLimitedError("This hub carries as many messages as it can.", retry_after_s=2,
                                   hint="Try again in a moment, or through another hub.")  # fmt: skip
        self._with_token += 1
        try:
            yield
        finally:
            self._with_token -= 1


def network_of(address: str) -> str:
    """The network that an address belongs to, for counting: `192.0.2.0/24`, `2001:db8::/48`. What is no address, such as the
    name of a socket, counts as one network of its own."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "local"
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    prefix = V4_PREFIX if found.version == 4 else V6_PREFIX
    return str(ipaddress.ip_network(f"{found}/{prefix}", strict=False))
