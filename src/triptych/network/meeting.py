"""Calls to a hub, as a studio or a node makes them. Outbound only, and every answer of the hub is looked at as a stranger's.

What a hub says that went wrong becomes one of our errors: `NotSentError` where the message did not reach the node, so that it may be
sent again; `AmbiguousError` where it did and nothing came back.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import quote

import msgspec

from triptych.http.message import HttpRequest, HttpResponse, StreamHead
from triptych.http.transport import AnswerLostError, EncodedBody, MadeBody, PieceTransport, Transport
from triptych.network import presence
from triptych.network.card import MEDIA_TYPE, Work
from triptych.network.ended import Page as EndedPage
from triptych.network.jose import decode_url64
from triptych.network.ohttp.chunks import REQUEST_TYPE as CHUNKED_REQUEST
from triptych.network.ohttp.chunks import RESPONSE_TYPE as CHUNKED_RESPONSE
from triptych.network.ohttp.padding import MAX_REQUEST, MAX_RESPONSE
from triptych.network.renewal import Renewal
from triptych.network.tokens import IssuerKey, TokenError
from triptych.spec.clock import Clock
from triptych.spec.errors import (
    AmbiguousError,
    HostileContentError,
    NotSentError,
    OverloadedError,
    ProviderFailedError,
    RateLimitedError,
    RejectedError,
    TriptychError,
)
from triptych.tlog.note import Signer

BASE = "/hub/v1"
REQUEST, RESPONSE = "message/ohttp-req", "message/ohttp-res"
CALL_S = 15.0  # for calls that do not wait for a node
RELAY_S = 90.0  # for a sealed message and its answer
WATCH_S = 170.0  # for an answer in pieces; a node ends it before that
IDLE_S = 50.0  # between two of them; a node says something sooner
_SMALL, _PAGE, MOST_BYTES = 1 << 20, 8 << 20, 64 << 20  # of an answer
MOST_LISTED = 50_000  # nodes in a list
T = TypeVar("T")


class SupersededError(RejectedError):
    """A younger process with the same key fetches the messages now."""

    code = "superseded"


class TokenRefusedError(RejectedError):
    """The hub does not take the token that came with a message: nothing was handed on."""

    code = "token_refused"


class About(msgspec.Struct, frozen=True):
    """What a hub says of itself; times in milliseconds since 1970. `log_key` signs the checkpoints of its log. Where a node earns tokens, it
    is one for each `answers_per_token` answers, `tokens_earned` a day at most; 0 where it earns none."""

    hub: str
    now_ms: int
    nodes: int
    stamp_bits: int
    token_bits: int
    tokens_each_day: int
    poll_s: float
    log: str
    log_key: str = ""
    answers_per_token: int = 0
    tokens_earned: int = 0


class Seen(msgspec.Struct, frozen=True):
    """A card as a hub lists it, with what that hub says it has seen: hearsay, all but the card. `network` is the same for all nodes
    of one network at this hub; None where it does not know. `via` is the hub that it heard of the node from, and by whose hubs alone the
    node can be reached; empty for one that is registered here."""

    card: str
    first_ms: int
    jobs: int
    probation: bool
    here: bool
    waiting: int
    network: str | None = None
    via: str = ""


class Shown(msgspec.Struct, frozen=True):
    """A card as a hub shows it to another, with the stamp of the node's first one."""

    card: str
    work: Work | None = None


class SeenLog(msgspec.Struct, frozen=True):
    """The latest signed checkpoint that somebody saw of a hub's log, and the key that they know the log by."""

    hub: Annotated[str, msgspec.Meta(max_length=200)]
    key: Annotated[str, msgspec.Meta(max_length=400)]
    checkpoint: Annotated[str, msgspec.Meta(max_length=16 * 1024)]


class Page(msgspec.Struct, frozen=True):
    """What a hub has listed since `cursor` was another one; with `more`, there is more to ask for."""

    cards: Annotated[list[Shown], msgspec.Meta(max_length=1000)]
    cursor: Annotated[str, msgspec.Meta(max_length=100)]
    more: bool


_Names = Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(max_length=MOST_LISTED)]


class Listed(msgspec.Struct, frozen=True):
    """A hub's list as of a `minute`, counted from 1970; None at a hub that tells none. Where it is not `whole` it is what has changed
    since the minute that was asked from: `cards` that are new, those that were only signed anew, nodes that are `gone`; and, of all that are
    listed, those that are registered there and do not fetch their messages now."""

    now_ms: int
    cards: Annotated[list[Seen], msgspec.Meta(max_length=MOST_LISTED)]
    minute: int | None = None
    whole: bool = True
    renewed: Annotated[list[Renewal], msgspec.Meta(max_length=MOST_LISTED)] = []
    gone: _Names = []
    away: _Names = []


class _SeenLogs(msgspec.Struct, frozen=True):
    logs: list[SeenLog]


class _Key(msgspec.Struct, frozen=True):
    epoch: int
    key: str


class _Signed(msgspec.Struct, frozen=True):
    signed: list[str]


@dataclass(frozen=True, slots=True)
class Message:
    """A sealed message that a node has fetched. `kind` is its media type."""

    id: str
    kind: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing came. `why` is what the hub says of it."""

    why: Mapping[str, Any]


class Meeting:
    """One hub, by its origin. `private` lets it be on this machine or at home, for one that the user named."""

    def __init__(self, origin: str, transport: Transport, clock: Clock, *, private: bool = False) -> None:
        self.origin = origin
        self._transport, self._clock, self._private = transport, clock, private

    async def about(self) -> About:
        """What the hub is, and its clock. Raises TriptychError."""
        return _read(await self._call("GET", ""), About)

    async def listed(self, since: int | None = None) -> Listed:
        """The cards that the hub lists, none of them believed yet; what has changed `since` a minute where it knows that. Raises
        TriptychError."""
        query = "" if since is None else f"?minute={since}"
        return _read(await self._call("GET", f"/cards{query}", most=MOST_BYTES), Listed)

    async def page(self, cursor: str) -> Page:
        """What the hub has listed of its own nodes since that cursor; all with an empty one. Raises TriptychError."""
        return _read(await self._call("GET", f"/cards?since={quote(cursor, safe='')}", most=_PAGE), Page)

    async def seen(self) -> tuple[SeenLog, ...]:
        """What the hub has seen of other hubs' logs. Raises TriptychError."""
        return tuple(_read(await self._call("GET", "/seen"), _SeenLogs).logs)

    async def publish(self, card: str) -> Seen:
        """Publishes a node's card; what the hub says of it. Raises RejectedError with the hub's words for one that it does
        not take, RateLimitedError, TriptychError."""
        return _read(await self._call("PUT", "/cards", EncodedBody(card.encode("ascii"), MEDIA_TYPE)), Seen)

    async def revoke(self, bond: str) -> None:
        """Hands in a revocation. Raises TriptychError."""
        await self._call("POST", "/revocations", EncodedBody(bond.encode("ascii"), MEDIA_TYPE))

    async def ended(self, since: int) -> EndedPage:
        """The hub's list of what was revoked, from a number on; believed no further than it proves itself. Raises TriptychError."""
        return _read(await self._call("GET", f"/revocations?since={since}", most=_PAGE), EndedPage)

    async def relay(
        self, node: str, sealed: bytes, token: str | None = None, *, kind: str = REQUEST, seconds: float = RELAY_S
    ) -> bytes:
        """The node's sealed answer to a sealed message of at most 32 MiB, within so many `seconds`. Raises NotSentError where the node did not get it,
        AmbiguousError where it may have, RateLimitedError, OverloadedError, TriptychError."""
        if len(sealed) > MAX_REQUEST:
            raise RejectedError("The message is larger than a hub carries.", hint="Send smaller pictures.")
        headers = {} if token is None else {"triptych-token": token}
        found = await self._call("POST", f"/relay/{node}", EncodedBody(sealed, kind), headers=headers, seconds=seconds,
                                 most=MAX_RESPONSE)  # fmt: skip
        return found.body

    @property
    def streams(self) -> bool:
        """Whether an answer of this hub can be read while it comes."""
        return isinstance(self._transport, PieceTransport)

    async def watch(self, node: str, sealed: bytes, token: str | None = None) -> AsyncGenerator[bytes, None]:
        """As `relay`, for a message whose answer comes in pieces: what has come of it, as it comes. Raises as `relay` does,
        HostileContentError where the answer is of another kind."""
        headers = {} if token is None else {"triptych-token": token}
        asked = self._asked("POST", f"/relay/{node}", headers)
        body = EncodedBody(sealed, CHUNKED_REQUEST)
        async with aclosing(self._pieces(asked, body, IDLE_S, MAX_RESPONSE)) as found:
            async for one in found:
                if isinstance(one, bytes):
                    yield one
                elif one.headers.get("content-type") != CHUNKED_RESPONSE:
                    raise HostileContentError("The node's answer does not come in pieces.")

    async def tell(
        self, signer: Signer, start_ms: int, delivery: str, pieces: AsyncIterator[bytes], account: str | None = None
    ) -> None:
        """Answers a message with what is made while it is sent, for an account at this hub. Raises TriptychError, also when nobody waits any
        more."""
        asked = self._asked("PUT", f"/mailbox/{delivery}", self._shown(signer, start_ms, account))
        async with aclosing(self._pieces(asked, MadeBody(pieces, CHUNKED_RESPONSE), WATCH_S, _SMALL)) as found:
            async for _ in found:
                continue

    async def _pieces(
        self, asked: HttpRequest, body: EncodedBody | MadeBody, idle_s: float, most: int
    ) -> AsyncGenerator[StreamHead | bytes, None]:
        if not isinstance(self._transport, PieceTransport):
            raise NotSentError(f"{self.origin} cannot be asked for an answer in pieces.")
        until = self._clock.monotonic() + WATCH_S
        found = self._transport.pieces(
            asked, deadline=until, idle_s=idle_s, allow_private=self._private, max_bytes=most, body=body
        )
        try:
            async with aclosing(found):
                async for one in found:
                    if not isinstance(one, HttpResponse):
                        yield one
                    elif one.status != 204:
                        raise self._refused(one)
        except AnswerLostError as error:
            raise AmbiguousError(f"The hub {self.origin} did not answer: {error.message}") from None

    async def fetch(self, signer: Signer, start_ms: int, wait_s: float) -> Message | Idle:
        """The next message for the node of `signer`, waiting for it. Raises SupersededError, TriptychError."""
        found = await self._call("GET", f"/mailbox?wait_s={wait_s:g}", headers=self._shown(signer, start_ms),
                                 seconds=wait_s + CALL_S, most=MAX_REQUEST)  # fmt: skip
        if found.status == 204:
            return Idle(_why(found.headers.get("triptych-idle", "")))
        return Message(found.headers.get("triptych-delivery", ""), found.headers.get("content-type", ""), found.body)

    async def answer(
        self, signer: Signer, start_ms: int, delivery: str, sealed: bytes, *, kind: str = RESPONSE, account: str | None = None
    ) -> None:  # fmt: skip
        """Answers a message, for an account at this hub. Raises TriptychError, also when nobody waits any more."""
        await self._call("PUT", f"/mailbox/{delivery}", EncodedBody(sealed, kind),
                         headers=self._shown(signer, start_ms, account), seconds=RELAY_S)  # fmt: skip

    async def token_key(self, epoch: int | None = None) -> IssuerKey:
        """The key that signs tokens of a day. Raises TriptychError."""
        found = _read(await self._call("GET", "/tokens" if epoch is None else f"/tokens?epoch={epoch}"), _Key)
        try:
            return IssuerKey.read(found.epoch, decode_url64(found.key) or b"")
        except TokenError as error:
            raise HostileContentError(f"{self.origin} gives a key that is none: {error}") from None

    async def tokens(self, order: str) -> list[bytes]:
        """What the hub has signed of an order. Raises RateLimitedError, RejectedError, TriptychError."""
        body = EncodedBody(msgspec.json.encode({"order": order}), "application/json")
        signed = _read(await self._call("POST", "/tokens", body), _Signed).signed
        return [decode_url64(one) or b"" for one in signed]

    async def log_file(self, path: str) -> bytes:
        """A file of the hub's log (C2SP tlog-tiles). Raises TriptychError."""
        return (await self._call("GET", f"/log/{path}", most=MOST_BYTES)).body

    def _shown(self, signer: Signer, start_ms: int, account: str | None = None) -> dict[str, str]:
        line = presence.present(signer, self.origin, start_ms, self._clock.now_ms(), account)
        return {"Authorization": f"{presence.SCHEME} {line}"}

    async def _call(
        self, method: Literal["GET", "POST", "PUT"], path: str, body: EncodedBody | None = None, *, headers: Mapping[str, str] | None = None,
        seconds: float = CALL_S, most: int = _SMALL,
    ) -> HttpResponse:  # fmt: skip
        asked = self._asked(method, path, headers or {})
        try:
            found = await self._transport.send(
                asked,
                deadline=self._clock.monotonic() + seconds,
                allow_private=self._private,
                max_bytes=most,
                body=body,
            )
        except AnswerLostError as error:
            raise AmbiguousError(f"The hub {self.origin} did not answer: {error.message}") from None
        if found.status in {200, 204}:
            return found
        raise self._refused(found)

    def _asked(self, method: Literal["GET", "POST", "PUT"], path: str, headers: Mapping[str, str]) -> HttpRequest:
        return HttpRequest(method=method, url=f"{self.origin}{BASE}{path}", headers=dict(headers), step="submit")

    def _refused(self, found: HttpResponse) -> TriptychError:
        """What the hub said, as one of our errors; its words are kept apart from ours."""
        try:
            said = msgspec.json.decode(found.body, type=_Envelope).error
        except msgspec.DecodeError:
            said = _Said(message=f"status {found.status}", code="")
        kind = _BY_CODE.get(said.code, ProviderFailedError if found.status >= 500 else RejectedError)
        retry = found.headers.get("retry-after", "")
        words, _, hint = said.message[:400].partition(" hint: ")
        return kind(f"The hub {self.origin}: {words}", hint=hint or None, status=found.status, param=said.param,
                    retry_after_s=float(retry) if retry.isdigit() else None, billed="no" if kind is not AmbiguousError else None)  # fmt: skip


class _Said(msgspec.Struct):
    message: str
    code: str
    param: str | None = None


class _Envelope(msgspec.Struct):
    error: _Said


_BY_CODE: Mapping[str, type[TriptychError]] = {
    "node_away": NotSentError, "not_found": NotSentError, "node_silent": AmbiguousError, "superseded": SupersededError,
    "token_refused": TokenRefusedError,
    "rate_limited": RateLimitedError, "capacity": OverloadedError,
}  # fmt: skip


def _read(found: HttpResponse, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(found.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise HostileContentError(f"The hub's answer cannot be read: {error}.") from None


def _why(text: str) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}
