"""The tokens of this studio: bought at its hubs ahead of need, kept sealed, and each handed in once.

A hub signs tokens blind (RFC 9474), so that it can count what an account had and cannot tell whose message it carries. That is worth
something only where the two are apart in time as well: tokens are bought in lots of one size, in the background, at a moment that has
nothing to do with any job, and they rest before the first of them is used. Each hub knows another account of this studio; a node of this
studio's earns for the one of the hub where it draws.

Who has no token asks as a guest, and is told so where the hub then has no place for guests.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import msgspec
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from triptych.hub.tickets import MOST_AT_ONCE, order
from triptych.network import stamp
from triptych.network.jose import decode_url64, encode_url64, kid_of
from triptych.network.meeting import Meeting
from triptych.network.stamp import Stamp
from triptych.network.tokens import GRACE_EPOCHS, IssuerKey, Order, Token, TokenError, epoch_at
from triptych.node.worker import make_stamp
from triptych.spec.clock import Clock
from triptych.spec.errors import (
    HostileContentError,
    RateLimitedError,
    RejectedError,
    StorageError,
    TriptychError,
)
from triptych.store.base import Vault
from triptych.store.network import NetworkMemory
from triptych.tlog.errors import NoteError
from triptych.tlog.note import Signer

LOW = 60  # of the day's tokens: more are bought when fewer are left
REST_MS = 60_000  # between buying and using, so that the two are not one event
LATER_MS = 600_000  # the latest moment of a purchase after tokens have become few
MOST_BITS = stamp.BITS + 3  # of work for a first order; more would take minutes
LOOK_S = 20.0
PROOF_S = 12.0  # a hub puts an entry into its tree within ten seconds of taking it
_AGAIN_MS = 300_000  # after an order that failed
_FULL_MS = 3_600_000  # after a hub has said that the day's tokens are given out
_REFUSALS = 3  # after so many in a row the tokens are thrown away
_NONCE = 12  # bytes (NIST SP 800-38D section 8.2)
_log = structlog.get_logger("triptych.app")

InLog = Callable[[Meeting, tuple[bytes, ...], float], Awaitable[bool]]
"""Whether entries are in a hub's log; see `HubProofs.has`."""


class _Secret(msgspec.Struct, frozen=True):
    """What the vault keeps for one hub: the key of the account there, and the 32 bytes that tokens are sealed with."""

    account: str
    seal: str


@dataclass(slots=True)
class _Till:
    """The tokens of one hub. `kept` gives the moment from which each may be used; `next_ms` is when to buy more."""

    scope: str
    signer: Signer
    seal: AESGCM = field(repr=False)
    kept: dict[str, int] = field(default_factory=dict)
    next_ms: int | None = None
    refused: int = 0
    fault: str | None = None


class Purse:
    """All tokens of this studio. `random` gives bytes, `chance` a number from 0 to 1, as when to buy."""

    def __init__(
        self, memory: NetworkMemory, vault: Vault, clock: Clock, in_log: InLog, *, chance: Callable[[], float] | None = None
    ) -> None:  # fmt: skip
        self._memory, self._vault, self._clock, self._in_log = memory, vault, clock, in_log
        self._chance = chance or (lambda: secrets.randbelow(1 << 20) / (1 << 20))
        self._tills: dict[str, _Till] = {}
        self._lock = asyncio.Lock()

    def left(self, origin: str) -> int:
        """How many tokens of a hub there are that still count."""
        till = self._tills.get(origin)
        oldest = epoch_at(self._clock.now_ms()) - GRACE_EPOCHS
        return 0 if till is None else sum(_epoch(name) >= oldest for name in till.kept)

    def account(self, origin: str) -> str | None:
        """The name of the account at a hub, for which nodes can earn: the thumbprint (RFC 7638) of its key. None while there is none."""
        till = self._tills.get(origin)
        return None if till is None else kid_of(till.signer.key.public)

    def fault(self, origin: str) -> str | None:
        """Why there are no more tokens of a hub, in a sentence; None while nothing went wrong."""
        till = self._tills.get(origin)
        return None if till is None else till.fault

    def guest_because(self, origin: str) -> str:
        """Why a message went to a hub as a guest's, in words."""
        fault = self.fault(origin)
        return f"This studio has no token of {origin} to use now, so it asked as a guest." + (
            f" {fault}" if fault else ""
        )

    async def take(self, origin: str) -> str | None:
        """A token of a hub, which is gone from the store when this returns; None when there is none to use."""
        try:
            till = await self._till(origin, make=False)
            now = self._clock.now_ms()
            while till is not None and (name := _ready(till, now)) is not None:
                del till.kept[name]
                body = await self._memory.take(till.scope, name)
                if body is not None and (token := _opened(till, name, body)) is not None:
                    return encode_url64(token)
        except StorageError as error:
            _log.warning("tokens cannot be read", reason=str(error))
        return None

    async def refused(self, origin: str) -> None:
        """Hears that a hub did not take a token. After some in a row the others are not tried. Raises StorageError."""
        if (till := self._tills.get(origin)) is None:
            return
        till.refused += 1
        if till.refused >= _REFUSALS:
            till.kept.clear()
            till.refused, till.next_ms = 0, None
            till.fault = f"{origin} does not take the tokens that it gave out."
            await self._memory.forget(till.scope)

    def taken(self, origin: str) -> None:
        """Hears that a hub took a token."""
        if (till := self._tills.get(origin)) is not None:
            till.refused = 0

    async def forget(self, origin: str) -> None:
        """Forgets a hub: its tokens and the account there. Raises StorageError."""
        self._tills.pop(origin, None)
        await self._memory.forget(_scope(origin))
        await self._vault.remove(_vaulted(origin))

    async def keep(self, meetings: Callable[[], Mapping[str, Meeting]]) -> None:
        """Buys ahead of need at those hubs, until it is cancelled."""
        while True:
            for meeting in meetings().values():
                try:
                    await self.look(meeting)
                except StorageError as error:
                    _log.warning("tokens cannot be kept", reason=str(error))
            await self._clock.sleep(LOOK_S)

    async def look(self, meeting: Meeting) -> None:
        """Buys tokens of a hub when they are few and the moment has come. Raises StorageError; what else goes wrong is noted."""
        async with self._lock:
            till = await self._till(meeting.origin, make=True)
            now = self._clock.now_ms()
            today = epoch_at(now)
            if till is None or sum(_epoch(name) == today for name in till.kept) >= LOW:
                return
            if till.next_ms is None:  # who has some left can wait for a moment that says nothing
                till.next_ms = now + int(self._chance() * LATER_MS) if self.left(meeting.origin) else now
            if now < till.next_ms:
                return
            try:
                await self._buy(meeting, till)
                till.next_ms, till.fault = None, None
            except RateLimitedError as error:
                till.next_ms, till.fault = now + _FULL_MS, error.message
            except TriptychError as error:
                till.next_ms, till.fault = now + _AGAIN_MS, error.message
                if isinstance(error, StorageError):
                    raise

    async def _buy(self, meeting: Meeting, till: _Till) -> None:
        about = await meeting.about()
        key = await meeting.token_key()
        if key.epoch != epoch_at(about.now_ms) or abs(about.now_ms - self._clock.now_ms()) > 60_000:
            raise HostileContentError(
                f"{meeting.origin} gives tokens for another day, or one of the two clocks is wrong."
            )
        if not await self._in_log(meeting, (key.leaf,), PROOF_S):
            raise HostileContentError(
                f"The key that signs tokens is not in the log of {meeting.origin}, which has to have it."
            )
        count = max(1, min(MOST_AT_ONCE, about.tokens_each_day))
        orders = await asyncio.to_thread(lambda: [Order.new(key) for _ in range(count)])
        answers = await self._ordered(meeting, till, key, [one.sent for one in orders], about.token_bits)
        tokens = await asyncio.to_thread(_finished, meeting.origin, orders, answers)
        now = self._clock.now_ms()
        bodies = dict(_sealed(till, token) for token in tokens)
        await self._memory.save(till.scope, bodies, now + REST_MS)
        till.kept |= dict.fromkeys(bodies, now + REST_MS)
        await self._tidy(till, now)

    async def _ordered(
        self, meeting: Meeting, till: _Till, key: IssuerKey, blinded: list[bytes], bits: int
    ) -> list[bytes]:
        """What the hub signs; with a stamp of work where it does not know the account yet. Raises TriptychError."""

        def spelled(work: Stamp | None) -> str:
            return order(till.signer, meeting.origin, key.epoch, blinded, self._clock.now_ms(), work)

        try:
            return await meeting.tokens(spelled(None))
        except RejectedError as error:
            if error.param != "counter":
                raise
        if bits > MOST_BITS:
            raise RejectedError(f"{meeting.origin} asks for more work before it gives out tokens than is done here.")
        work = await make_stamp(kid_of(till.signer.key.public), self._clock.now_ms(), bits)
        return await meeting.tokens(spelled(work))

    async def _tidy(self, till: _Till, now: int) -> None:
        """Forgets tokens that do not count any more."""
        oldest = epoch_at(now) - GRACE_EPOCHS
        over = [name for name in till.kept if _epoch(name) < oldest]
        for name in over:
            del till.kept[name]
        if over:
            await self._memory.forget(till.scope, *over)

    async def _till(self, origin: str, *, make: bool) -> _Till | None:
        if (known := self._tills.get(origin)) is not None:
            return known
        kept = await self._vault.get(_vaulted(origin))
        if kept is None and make:
            fresh = _Secret(Signer.generate(f"triptych-account/{secrets.token_hex(8)}").secret(), secrets.token_hex(32))
            kept = msgspec.json.encode(fresh).decode()
            await self._vault.put(_vaulted(origin), kept)
        if kept is None:
            return None
        try:
            secret = msgspec.json.decode(kept, type=_Secret)
            till = _Till(_scope(origin), Signer.parse(secret.account), AESGCM(bytes.fromhex(secret.seal)))
        except (msgspec.MsgspecError, NoteError, ValueError):
            raise StorageError(
                f"What is kept of {origin} cannot be read.", hint="Remove the hub and add it again."
            ) from None
        # A token is kept under the moment from which it may be used.
        till.kept = await self._memory.times(till.scope)
        return self._tills.setdefault(origin, till)


def _scope(origin: str) -> str:
    return f"tokens {origin}"


def _vaulted(origin: str) -> str:
    """The name of a hub's secrets in the vault; no provider has such a name."""
    return f"hub.{hashlib.sha256(origin.encode()).hexdigest()[:32]}"


def _epoch(name: str) -> int:
    day, _, _ = name.partition(".")
    return int(day) if day.isascii() and day.isdigit() else 0


def _ready(till: _Till, now: int) -> str | None:
    """A token to use: of the oldest day that still counts. Names are random, so it is none that could be guessed."""
    oldest = epoch_at(now) - GRACE_EPOCHS
    return min((name for name, from_ms in till.kept.items() if from_ms <= now and _epoch(name) >= oldest), default=None)


def _sealed(till: _Till, token: Token) -> tuple[str, str]:
    name = f"{token.epoch}.{secrets.token_hex(12)}"
    nonce = secrets.token_bytes(_NONCE)
    return name, encode_url64(nonce + till.seal.encrypt(nonce, token.encode(), _aad(till, name)))


def _opened(till: _Till, name: str, body: str) -> bytes | None:
    data = decode_url64(body) or b""
    try:
        return till.seal.decrypt(data[:_NONCE], data[_NONCE:], _aad(till, name))
    except (InvalidTag, ValueError):
        return None  # sealed with a key that is gone: as good as spent


def _aad(till: _Till, name: str) -> bytes:
    return f"{till.scope}\n{name}".encode()


def _finished(origin: str, orders: list[Order], answers: list[bytes]) -> list[Token]:
    """The tokens. A hub signs fewer than were asked for where that is all that is left of the day."""
    if not 0 < len(answers) <= len(orders):
        raise HostileContentError(f"{origin} signed {len(answers)} tokens of {len(orders)} that it was asked for.")
    try:
        return [one.finish(answer) for one, answer in zip(orders, answers, strict=False)]
    except TokenError as error:
        raise HostileContentError(f"{origin} did not sign the tokens that it was asked for: {error}") from None
