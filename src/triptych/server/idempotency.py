"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): one key, one deed, one answer.

A key is claimed before anything is started, and kept with the tiles that it started in the same transaction as these. The
same key with another body is a conflict. With the same body it gets the answer of those tiles, made anew from what is
stored, or is told that the first call is still at work: also after a restart, and although the first caller did not
wait. A key whose process died before it started anything is free again.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.requests import Request

from triptych.router.shielded import finish
from triptych.server.auth import caller_key
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, ConflictError
from triptych.spec.records import FINAL_STATES
from triptych.store.base import IdempotencyRecord, RecordStore
from triptych.studio.views import TileView

MAX_KEY = 255
_MEANT = ("x-triptych-project", "x-triptych-nonce")  # headers that change what is asked for, as the body does


@dataclass(frozen=True, slots=True)
class Claim:
    """What a key brought: `tiles` of an earlier call, or `record`, which is to be handed to the studio with what it
    starts. Neither without a key."""

    tiles: tuple[str, ...] = ()
    record: IdempotencyRecord | None = None


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What a call got, and whether that was started by an earlier one with the same key."""

    value: T
    replayed: bool


class Idempotency:
    """Keys of one server. `owner` names this process, `alive` says whether another one is at work still."""

    def __init__(self, store: RecordStore, clock: Clock, owner: str, alive: Callable[[str], bool]) -> None:
        self._store = store
        self._clock = clock
        self._owner = owner
        self._alive = alive
        self._settling: set[asyncio.Task[TileView]] = set()

    async def begin(self, request: Request, digest: str) -> Claim:
        """Claims the request's key, if it has one. Raises ConflictError."""
        key = request.headers.get("idempotency-key")
        if key is None:
            return Claim()
        if not 0 < len(key) <= MAX_KEY:
            raise BadRequestError(f"Idempotency-Key has {len(key)} characters; it takes 1 to {MAX_KEY}.",
                                  param="Idempotency-Key")  # fmt: skip
        scope = f"{request.url.path} {caller_key(request) or ''}"
        meant = [f"{name}: {request.headers[name]}" for name in _MEANT if name in request.headers]
        digest = hashlib.sha256("\n".join([digest, *meant]).encode()).hexdigest() if meant else digest
        record = IdempotencyRecord(key=key, scope=scope, body_sha256=digest, created_ms=self._clock.now_ms(),
                                   response=self._owner)  # fmt: skip
        known = await self._store.begin_idempotent(record)
        if known is not None and self._abandoned(known):
            known = await self._store.begin_idempotent(record, instead_of=known)
        return Claim(record=record) if known is None else Claim(tiles=_tiles_of(known, digest))

    async def once(
        self,
        request: Request,
        body: bytes,
        start: Callable[[IdempotencyRecord | None], Awaitable[T]],
        again: Callable[[str], Awaitable[T]],
    ) -> Answer[T]:
        """Starts something under the request's key, or looks `again` at what an earlier call with the same key and body
        has started, by its first tile. In one go, so that a client that goes away leaves no key without its tiles.
        Raises ConflictError."""
        digest = hashlib.sha256(body).hexdigest()
        return await finish(self._once(request, digest, start, again))

    async def _once(
        self,
        request: Request,
        digest: str,
        start: Callable[[IdempotencyRecord | None], Awaitable[T]],
        again: Callable[[str], Awaitable[T]],
    ) -> Answer[T]:
        claim = await self.begin(request, digest)
        if claim.tiles:
            return Answer(await again(claim.tiles[0]), replayed=True)
        started = False
        try:
            made = await start(claim.record)
            started = True
        finally:
            if not started:
                await self.free(claim)
        return Answer(made, replayed=False)

    def _abandoned(self, known: IdempotencyRecord) -> bool:
        """What a key starts is written together with its answer: without one, nothing was started."""
        mine = known.response == self._owner
        return known.status is None and known.response is not None and not mine and not self._alive(known.response)

    async def free(self, claim: Claim) -> None:
        """Gives a key back under which nothing was started, or what was started cost nothing."""
        if claim.record is not None:
            await self._store.finish_idempotent(claim.record.key, claim.record.scope, None, None)

    def settle(self, claim: Claim, ended: Awaitable[TileView]) -> "asyncio.Task[TileView]":
        """Waits for the tile of a claim in the background, whoever goes away meanwhile. A key whose call cost nothing
        and brought nothing is free again: the same request may be tried anew."""

        async def wait() -> TileView:
            tile = await ended
            record = tile.record
            if record.state in FINAL_STATES and record.state != "done" and record.billed == "no":
                await self.free(claim)
            return tile

        task = asyncio.ensure_future(wait())
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        return task


def still_at_work() -> ConflictError:
    """What a key gets whose first call has not ended."""
    return ConflictError("The first request with this Idempotency-Key is still at work, or was cut off.",
                         hint="Ask again later with the same key; nothing is sent twice.", param="Idempotency-Key",
                         billed="unknown", retry_after_s=5)  # fmt: skip


def _tiles_of(known: IdempotencyRecord, digest: str) -> tuple[str, ...]:
    if known.body_sha256 != digest:
        raise ConflictError("This Idempotency-Key was used with another request.", hint="Use a new key for a new request.",
                            param="Idempotency-Key")  # fmt: skip
    if known.status is None or known.response is None:
        raise still_at_work()
    return tuple(known.response.split(","))
