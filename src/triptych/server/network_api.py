"""The open network over HTTP, as docs/reference/network-api.md has it. Every change needs the page's session token and answers with all
of it as it is then."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.app.floor import read_reach
from triptych.app.neighbour import Neighbour
from triptych.app.network import CONSENT
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.studio_api import reply
from triptych.spec.errors import BadRequestError
from triptych.spec.json import JsonObject

MAX_BODY = 16 * 1024
Changed = Callable[[Request, Mapping[str, Any]], Awaitable[None]]


class NetworkApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [
            Route("/api/network", self.shown),
            Route("/api/network/pull", self._change(self.pull), methods=["POST"]),
            Route("/api/network/reach", self.how_far),
            Route("/api/network/reach", self._change(self.reach), methods=["PUT"]),
            Route("/api/network/community", self._change(self.community), methods=["PUT"]),
            Route("/api/network/hubs", self._change(self.add_hub), methods=["POST"]),
            Route("/api/network/hubs", self._change(self.remove_hub), methods=["DELETE"]),
            Route("/api/network/invites", self._change(self.accept), methods=["POST"]),
            Route("/api/network/invites/{node}", self._change(self.leave), methods=["DELETE"]),
            Route("/api/network/receipts/{sha256}.jws", self.receipt_file),
            Route("/api/network/receipts/{sha256}", self.receipt),
        ]

    def _change(self, change: Changed) -> Callable[[Request], Awaitable[Response]]:
        async def changed(request: Request) -> Response:
            require_session(request, self._app.session)
            body = await whole_body(request, MAX_BODY)
            await change(request, json_object(body) if body else {})
            return await self.shown(request)

        return changed

    async def shown(self, _: Request) -> Response:
        """The hubs, the nodes, the invites, and how far prompts go."""
        known, now = self._app.neighbours, self._app.clock.now_ms()
        states, invited = known.states(), known.invited()
        consent = bool(await self._app.store.get_setting(f"consent:{CONSENT}"))
        return reply({
            "now_ms": now, **self._bounds(), "community": consent, "fault": known.fault,
            "hubs": [{"origin": origin, "source": source, **states[origin]} for origin, source in known.hubs().items()],
            "nodes": [self._node(one, now, states) for one in known.nodes()],
            "invites": [{"node": node, **told} for node, told in invited.items()],
        })  # fmt: skip

    def _node(self, one: Neighbour, now: int, hubs: Mapping[str, JsonObject]) -> JsonObject:
        said, kept = one.card.body, one.kept
        return {
            "id": one.id, "name": one.name, "lane": one.lane, "reason": self._app.neighbours.away(one, now) or _unheard(one, hubs), "owner": one.card.owner, "evidence": _evidence(one),
            "region": said.region, "nsfw": said.policy.nsfw, "terms_url": said.policy.terms_url, "queue": said.load.queue,
            "p50_ms": said.load.p50_ms, "hubs": list(kept.hubs), "heard_ms": kept.heard_ms, "expires_ms": said.expires_ms,
            "jobs": kept.jobs, "refused": kept.refused, "wrong": kept.wrong, "endpoints": list(self._app.neighbours.endpoints(one.id)),
            "models": [{"id": m.id, "family": m.family, "engine": m.engine, "precision": m.precision, "digest": m.digest,
                        "max_px": m.max_px, "caps": list(m.caps)} for m in said.models],
        }  # fmt: skip

    async def pull(self, _: Request, __: Mapping[str, Any]) -> None:
        """Asks every hub now."""
        await self._app.neighbours.pull()

    async def reach(self, _: Request, body: Mapping[str, Any]) -> None:
        """How far prompts may go, and whether anybody may learn from them: `{"reach": "anywhere" | "no_community" | "known" | "here"}`,
        `{"no_training": true}`, or both."""
        no_training = body.get("no_training", self._app.models.no_training)
        if not isinstance(no_training, bool):
            raise BadRequestError("no_training must be true or false.", param="no_training")
        reach = read_reach(body.get("reach", self._app.models.reach if "no_training" in body else None))
        if no_training != self._app.models.no_training:
            await self._app.models.set_no_training(on=no_training)
        if reach != self._app.models.reach:
            await self._app.models.set_reach(reach)

    async def how_far(self, _: Request) -> Response:
        return reply(self._bounds())

    def _bounds(self) -> JsonObject:
        return {"reach": self._app.models.reach, "no_training": self._app.models.no_training}

    async def community(self, _: Request, body: Mapping[str, Any]) -> None:
        """Switches on, or off, all nodes whose operators nobody here knows: `{"given": true}`."""
        given = body.get("given")
        if not isinstance(given, bool):
            raise BadRequestError("given must be true or false.", param="given")
        await self._app.models.set_shared_consent(CONSENT, given=given)

    async def add_hub(self, _: Request, body: Mapping[str, Any]) -> None:
        await self._app.neighbours.add_hub(_text(body, "hub"))

    async def remove_hub(self, _: Request, body: Mapping[str, Any]) -> None:
        await self._app.neighbours.remove_hub(_text(body, "hub"))

    async def accept(self, _: Request, body: Mapping[str, Any]) -> None:
        await self._app.neighbours.accept(_text(body, "link"))

    async def leave(self, request: Request, _: Mapping[str, Any]) -> None:
        await self._app.neighbours.leave(request.path_params["node"])

    async def receipt(self, request: Request) -> Response:
        """What a node signed of a job, by its SHA-256: one line, as `network.node_receipt` reads it."""
        found = await self._app.neighbours.receipt(request.path_params["sha256"])
        return reply({"receipt": found})

    async def receipt_file(self, request: Request) -> Response:
        """The same line alone, as a file: a JWS in compact form (RFC 7515), which `triptych verify` reads."""
        found = await self._app.neighbours.receipt(request.path_params["sha256"])
        return Response(found, 200, {"Cache-Control": "private, max-age=31536000, immutable"}, "application/jose")


def _unheard(one: Neighbour, hubs: Mapping[str, JsonObject]) -> str | None:
    """Why a node may not be reached though its card still counts: no hub that lists it answered last."""
    faults = [hubs[hub]["fault"] for hub in one.kept.hubs if hub in hubs]
    return f"Its hub does not answer, so it may be switched off: {faults[0]}" if faults and all(faults) else None


def _evidence(one: Neighbour) -> JsonObject | None:
    """What came of checking the evidence of a node's hardware; None for a node that shows none."""
    found = one.evidence
    return None if found is None or not found.checked else {"why": found.why, "program": found.program}


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BadRequestError(f"{name} is missing.", param=name)
    return value
