"""The hub over HTTP: cards in and out, sealed messages there and back, tokens, the hub's log.

    GET  /hub/v1                    what this hub is, and its clock
    GET  /hub/v1/cards              the nodes that are here; ?model= those that run it; ?minute= what has changed
                                    since then, for studios; ?since= for other hubs
    PUT  /hub/v1/cards              a node publishes its card
    GET  /hub/v1/seen               the latest checkpoint of each peer's log, as it was seen here
    POST /hub/v1/revocations        a node or its owner ends it
    GET  /hub/v1/revocations        all nodes that were ended, as a list that the hub signs; ?since= those after so many
    POST /hub/v1/relay/{node}       a sealed message to a node (RFC 9458); the answer is the node's, sealed
    GET  /hub/v1/mailbox            a node fetches its next message, waiting for it
    PUT  /hub/v1/mailbox/{id}       a node answers one
    GET  /hub/v1/tokens             the key of the day; POST signs what an account has blinded
    GET  /hub/v1/log/{path}         the log (C2SP tlog-tiles)

Nothing here can be read by a page of another site, and nothing here reads a prompt: all that passes is sealed.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from typing import Any

from msgspec import Raw, to_builtins
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.hub.errors import NodeSilentError
from triptych.hub.here import Listing
from triptych.hub.hub import Hub
from triptych.hub.quota import network_of
from triptych.hub.spool import Spool
from triptych.network import card
from triptych.network.jose import encode_url64
from triptych.server.body import json_object, whole_body
from triptych.server.errors import as_json
from triptych.server.hub_mailbox import MAILBOX, PREFIX, Carried, MailboxCall, caller_of
from triptych.spec.errors import BadRequestError, NotFoundError, TooLargeError, TriptychError
from triptych.tlog.tiles import CHECKPOINT_PATH, is_log_path

__all__ = ["PREFIX", "HubApi"]

SEALED = {"message/ohttp-req": "message/ohttp-res", "message/ohttp-chunked-req": "message/ohttp-chunked-res"}
_HEADER = "triptych-token"  # of a message
_MAX_ORDER = 256 * 1024
PAGE = 200  # cards for another hub at once


class HubApi:
    """Handlers over one hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub, self.waits = hub, MailboxCall(hub)
        self._start = secrets.token_urlsafe(9)

    def routes(self) -> list[Route]:
        """Every call; all of them are public."""
        return [
            Route(PREFIX, self.about),
            Route(f"{PREFIX}/cards", self.cards),
            Route(f"{PREFIX}/cards", self.publish, methods=["PUT"]),
            Route(f"{PREFIX}/seen", self.seen),
            Route(f"{PREFIX}/revocations", self.revocations),
            Route(f"{PREFIX}/revocations", self.revoke, methods=["POST"]),
            Route(f"{PREFIX}/relay/{{node}}", self.relay, methods=["POST"]),
            Route(MAILBOX, self.waits, methods=["GET"]),
            Route(f"{MAILBOX}/{{id}}", self.answer, methods=["PUT"]),
            Route(f"{PREFIX}/tokens", self.token_key),
            Route(f"{PREFIX}/tokens", self.tokens, methods=["POST"]),
            Route(f"{PREFIX}/log/{{path:path}}", self.log),
        ]

    async def about(self, _: Request) -> Response:
        """What this hub is. `now_ms` lets a node see that its clock is wrong."""
        hub = self._hub
        return _json({
            "hub": hub.url, "now_ms": hub.clock.now_ms(), "nodes": hub.directory.counted()[0],
            "stamp_bits": hub.directory.rules.bits, "token_bits": hub.tickets.share.bits,
            "tokens_each_day": hub.tickets.share.each_day, "answers_per_token": hub.tickets.share.answers_per_token,
            "tokens_earned": hub.tickets.share.most_earned, "poll_s": hub.boxes.limits.poll_s,
            "request_bytes": hub.boxes.limits.request_bytes, "answer_bytes": hub.boxes.limits.answer_bytes,
            "log": str(hub.log.origin), "log_key": hub.log_key, "peers": self._peers(),
        })  # fmt: skip

    def _peers(self) -> list[dict[str, Any]]:
        """The hubs whose cards are taken over here, and how asking each went last."""
        _, listed = self._hub.directory.counted()
        return [
            {"hub": one.origin, "nodes": listed.get(one.origin, 0), "heard_ms": one.heard_ms, "fault": one.fault, "refused": one.refused,
             "refusal": one.refusal, **self._doubted(one.origin)}
            for one in (self._hub.peers.states if self._hub.peers is not None else ())
        ]  # fmt: skip

    def _doubted(self, peer: str) -> dict[str, Any]:
        """What is wrong with the log of a peer, and the two checkpoints that prove it where it is proven."""
        if self._hub.peers is None:
            return {}
        gossip = self._hub.peers.gossip
        split = gossip.splits.get(peer)
        return {"doubt": gossip.doubts.get(peer), "split": None if split is None else to_builtins(split)}

    async def seen(self, _: Request) -> Response:
        """The latest checkpoint that this hub has seen of each peer's log, as the peer signed it."""
        peers = self._hub.peers
        return _json({"logs": [to_builtins(one) for one in (() if peers is None else peers.gossip.seen())]})

    async def cards(self, request: Request) -> Response:
        """The cards as their nodes signed them, with what this hub has seen of each. With `since`, what another hub takes over."""
        if (since := request.query_params.get("since")) is not None:
            return _json(self._page(since))
        directory, model, named = self._hub.directory, request.query_params.get("model"), _minute(request)
        # As of this minute, or later: what changes while it is written is told again.
        told = {"now_ms": self._hub.clock.now_ms(), "minute": directory.changes.minute}
        changed = None if named is None else directory.changed(named)
        if changed is None:
            return _json({**told, "whole": True, "cards": [self._seen(one) for one in directory.listed(model)]})
        renewed = b",".join([one.renewal for one in changed.renewed])
        return _json({
            **told, "whole": False, "cards": [self._seen(one) for one in changed.fresh], "renewed": Raw(b"[%b]" % renewed),
            "gone": changed.gone, "away": self._hub.away(),
        })  # fmt: skip

    def _page(self, since: str) -> dict[str, Any]:
        """The next cards of nodes that are registered here, and where to go on. A cursor of another start means all of them."""
        start, _, number = since.rpartition(".")
        after = (
            int(number) if start == self._start and number.isascii() and number.isdigit() and len(number) < 16 else 0
        )
        found = self._hub.directory.since(after, PAGE + 1)
        page = found[:PAGE]
        return {
            "cards": [{"card": one.card.line.text, "work": None if one.work is None else to_builtins(one.work)} for one in page],
            "cursor": f"{self._start}.{page[-1].number if page else after}", "more": len(found) > PAGE,
        }  # fmt: skip

    def _seen(self, one: Listing) -> dict[str, Any]:
        boxes = self._hub.boxes
        return {"card": one.card.line.text, "first_ms": one.first_ms, "jobs": one.jobs, "probation": one.probation,
                "here": not one.via and boxes.here(one.card.id), "waiting": boxes.depth(one.card.id), "network": self._hub.label(one),
                "via": one.via}  # fmt: skip

    async def publish(self, request: Request) -> Response:
        """A node's card; the answer says what is known of it."""
        self._hub.quotas.write(_network(request))
        data = await whole_body(request, card.MAX_BYTES)
        found = await self._hub.publish(data, _network(request))
        return _json({"now_ms": self._hub.clock.now_ms(), "node": found.card.id, **self._seen(found)})

    async def revoke(self, request: Request) -> Response:
        self._hub.quotas.write(_network(request))
        return _json({"node": await self._hub.revoke(await whole_body(request, card.MAX_BYTES))})

    async def revocations(self, request: Request) -> Response:
        """The nodes of which nothing more is to be believed, each with the word that ended it."""
        since = request.query_params.get("since", "0")
        if not (since.isascii() and since.isdigit() and len(since) < 10):
            raise BadRequestError("`since` is a whole number.", param="since")
        return _json(to_builtins(self._hub.revocations(int(since))))

    async def relay(self, request: Request) -> Response:
        """Carries one sealed message to a node and its answer back, as it comes."""
        hub, node, token = self._hub, request.path_params["node"], request.headers.get(_HEADER)
        kind = request.headers.get("content-type", "")
        if kind not in SEALED:
            raise BadRequestError(f"Only sealed messages are carried: {', '.join(SEALED)}.", param="content-type")
        with ExitStack() as held:
            held.enter_context(await hub.admit(token, _network(request)))
            spool = hub.boxes.spool(hub.boxes.limits.request_bytes, node)
            held.callback(spool.close)
            await _taken_in(request, spool, hub.boxes.limits.whole_s)
            delivery = await hub.send(node, kind, spool)
            place = held.pop_all()  # until the answer has gone out

        async def pieces() -> AsyncGenerator[bytes, None]:
            with place:
                async for piece in hub.answer(node, delivery, paid=token is not None):
                    yield piece

        return Carried(pieces(), delivery.answer_kind or SEALED[kind], {}, 2 * hub.boxes.limits.whole_s)

    async def answer(self, request: Request) -> Response:
        """The answer of a node to one message, passed on while it comes."""
        caller = caller_of(self._hub, request)
        kind = request.headers.get("content-type", "")
        if kind not in SEALED.values():
            raise BadRequestError(
                f"Only sealed answers are carried: {', '.join(SEALED.values())}.", param="content-type"
            )
        spool = self._hub.boxes.answering(caller.node, caller.start_ms, request.path_params["id"], kind, caller.account)
        try:
            if _length(request) > self._hub.boxes.limits.answer_bytes:  # told before the other side gets any of it
                raise _too_large(self._hub.boxes.limits.answer_bytes)
            await _taken_in(request, spool, self._hub.boxes.limits.whole_s)
        except (TriptychError, ClientDisconnect) as error:
            self._hub.boxes.broken(spool, error if isinstance(error, TriptychError) else _broke_off())
            raise
        return Response(status_code=204)

    async def token_key(self, request: Request) -> Response:
        """The public key that signs tokens of a day; it is in the log."""
        epoch = request.query_params.get("epoch")
        if epoch is not None and not (epoch.isascii() and epoch.isdigit() and len(epoch) < 10):
            raise BadRequestError("`epoch` is the number of a day since 1970.", param="epoch")
        key = await self._hub.tickets.key(None if epoch is None else int(epoch))
        return _json({"epoch": key.epoch, "key": encode_url64(key.der)})

    async def tokens(self, request: Request) -> Response:
        """Signs what an account has blinded: `{"order": line}`."""
        self._hub.quotas.write(_network(request))
        text = json_object(await whole_body(request, _MAX_ORDER)).get("order")
        if not isinstance(text, str):
            raise BadRequestError("`order` must be a signed line.", param="order")
        return _json({"signed": [encode_url64(one) for one in await self._hub.tickets.issue(text)]})

    async def log(self, request: Request) -> Response:
        """A file of the hub's log. All but the checkpoint never change."""
        path = request.path_params["path"]
        data: bytes | None = None
        if path == CHECKPOINT_PATH:
            data = self._hub.log.checkpoint()
        elif is_log_path(path):
            data = await asyncio.to_thread(lambda: self._hub.files.read(path))
        if data is None:
            raise NotFoundError(f"The log has no {path[:100]}.", hint=f"Begin with {PREFIX}/log/checkpoint.")
        kept = "no-cache" if path == CHECKPOINT_PATH else "public, max-age=31536000, immutable"
        return Response(data, 200, {"cache-control": kept}, "application/octet-stream")


async def _taken_in(request: Request, spool: Spool, seconds: float) -> None:
    """The body into a spool. Raises TooLargeError, OverloadedError, BadRequestError for one that takes longer than so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.stream():
                if piece:
                    await spool.write(piece)
    except TimeoutError:
        raise BadRequestError(f"The message did not come in {seconds:g} s.", param="body") from None
    spool.end()


def _minute(request: Request) -> int | None:
    """The minute, counted from 1970, since which a studio asks what has changed. Raises BadRequestError."""
    named = request.query_params.get("minute")
    if named is None:
        return None
    if not (named.isascii() and named.isdigit() and len(named) < 10) or "model" in request.query_params:
        raise BadRequestError("`minute` is a whole number, and counts for the list of all models.", param="minute")
    return int(named)


def _length(request: Request) -> int:
    stated = request.headers.get("content-length", "")
    return int(stated) if stated.isascii() and stated.isdigit() else 0


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"The node's answer is larger than the {limit >> 20} MiB that are carried. It was stopped.",
                         hint="Choose another node.")  # fmt: skip


def _broke_off() -> NodeSilentError:
    return NodeSilentError("The node's answer broke off.", hint="Ask again for the same job: the node draws it once.")


def _network(request: Request) -> str:
    return network_of(request.client.host if request.client else "")


def _json(value: Any) -> Response:
    return Response(as_json(value), 200, {"cache-control": "no-store"}, "application/json")
