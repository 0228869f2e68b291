"""Sharing over HTTP, as docs/reference/network-api.md has it. Every change needs the page's session token and answers with all of it as
it is then."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.app.shared import Chosen, Engine, unshared
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.qr import qr_path
from triptych.server.studio_api import reply
from triptych.spec.errors import BadRequestError, SettingsError
from triptych.spec.json import Json, JsonObject

MAX_BODY = 16 * 1024
Changed = Callable[[Request, Mapping[str, Any]], Awaitable[JsonObject | None]]


class ShareApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [
            Route("/api/network/share", self.shown),
            Route("/api/network/share", self._change(self.start), methods=["POST"]),
            Route("/api/network/share", self._change(self.pause), methods=["PUT"]),
            Route("/api/network/share", self._change(self.stop), methods=["DELETE"]),
            Route("/api/network/nearby", self.nearby, methods=["POST"]),
            Route("/api/network/share/look", self._change(self.look), methods=["POST"]),
            Route("/api/network/share/invites", self._change(self.invite), methods=["POST"]),
            Route("/api/network/share/invites", self._change(self.withdraw), methods=["DELETE"]),
        ]

    def _change(self, change: Changed) -> Callable[[Request], Awaitable[Response]]:
        async def changed(request: Request) -> Response:
            require_session(request, self._app.session)
            body = await whole_body(request, MAX_BODY)
            try:
                more = await change(request, json_object(body) if body else {})
            except SettingsError as error:  # of the page's own words here, not of the server's settings
                raise BadRequestError(error.message, hint=error.hint, param=error.param) from None
            return reply({**await self._all(), **(more or {})})

        return changed

    async def shown(self, _: Request) -> Response:
        """What is shared, how it stands, what came of it, and who has an invite."""
        return reply(await self._all())

    async def _all(self) -> JsonObject:
        sharing = self._app.sharing
        made, stands, totals = sharing.now, sharing.standing(), sharing.totals()
        hubs: list[Json] = []
        if made is not None and made.node is not None:
            hubs = [{"origin": one.origin, "state": one.state, "detail": one.detail} for one in made.node.worker.hubs]
        shared = {one.name for one in made.engines} if made is not None else set[str]()
        found = sharing.found
        return {
            "state": sharing.state, "fault": None if made is None else made.fault, "url": None if made is None else made.url,
            "listens": None if made is None else made.listens, "node": None if made is None or made.node is None else made.node.keys.id,
            "standing": None if stands is None else {"state": stands.state, "queue": stands.queue, "why": list(stands.why), "price": stands.fees.price, "paid": stands.fees.paid},
            "totals": {"served": totals.served, "refused": totals.refused, "failed": totals.failed},
            "hubs": hubs, "chosen": dict(msgspec.to_builtins(sharing.chosen)), "unshared": list(unshared(self._app.models)),
            "engines": None if found is None else [_engine(one, shared=one.name in shared) for one in found],
            "invites": await self._invites(totals.guests),
        }  # fmt: skip

    async def _invites(self, used: Mapping[str, tuple[int, int]]) -> list[Json]:
        """Those who have an invite, the latest first, each name once."""
        found: dict[str, JsonObject] = {}
        for one in (await self._app.sharing.guests()).known.values():
            jobs, last_ms = used.get(one.name, (0, 0))
            found[one.name] = {
                "name": one.name, "mine": one.owner, "made_ms": one.made_ms or None, "jobs": jobs, "last_ms": last_ms or None,
            }  # fmt: skip
        return list(reversed(found.values()))

    async def look(self, _: Request, __: Mapping[str, Any]) -> None:
        """Looks for what draws on this machine."""
        await self._app.sharing.look()

    async def nearby(self, request: Request) -> Response:
        """Those that share in this network. Friends among them are asked at the address where they are now."""
        require_session(request, self._app.session)
        found = await self._app.lan.look()
        known = [await self._app.neighbours.found_at(one.node, one.hub) for one in found]
        if any(known):
            await self._app.neighbours.pull()
        return reply({"found": [{"name": one.name, "node": one.node, "hub": one.hub, "known": mine}
                                for one, mine in zip(found, known, strict=True)]})  # fmt: skip

    async def start(self, _: Request, body: Mapping[str, Any]) -> None:
        """Begins to share what was chosen; what is left out stays as it was."""
        before: dict[str, Any] = msgspec.to_builtins(self._app.sharing.chosen)
        unknown = sorted(set(body) - set(before))
        if unknown:
            raise BadRequestError(f"{unknown[0][:40]} is not known here.", param=unknown[0][:40])
        try:
            chosen = msgspec.convert({**before, **body}, Chosen)
        except msgspec.ValidationError as error:
            raise BadRequestError(f"What is to be shared cannot be read: {error}", param="body") from None
        await self._app.sharing.start(chosen)

    async def pause(self, _: Request, body: Mapping[str, Any]) -> None:
        """`{"paused": true}` takes no more jobs, false takes them again."""
        paused = body.get("paused")
        if not isinstance(paused, bool):
            raise BadRequestError("paused must be true or false.", param="paused")
        self._app.sharing.pause(paused=paused)

    async def stop(self, _: Request, __: Mapping[str, Any]) -> JsonObject:
        """Ends it, and takes every invite back."""
        return {"withdrawn": await self._app.sharing.stop()}

    async def invite(self, _: Request, body: Mapping[str, Any]) -> JsonObject:
        """A link for `{"name": …}`, with its QR code as a path of squares; with `mine`, for one's own other machine."""
        link = await self._app.sharing.invite(_name(body), owner=body.get("mine") is True)
        path, side = qr_path(link)
        return {"link": link, "qr": path, "qr_side": side}

    async def withdraw(self, _: Request, body: Mapping[str, Any]) -> None:
        """Takes back all that somebody has."""
        await self._app.sharing.withdraw(_name(body))


def _engine(one: Engine, *, shared: bool) -> JsonObject:
    return {"name": one.name, "models": list(one.models), "painters": one.painters, "shared": shared}


def _name(body: Mapping[str, Any]) -> str:
    value = body.get("name")
    if not isinstance(value, str) or not value.strip():
        raise BadRequestError("name is missing.", hint="Say who it is for.", param="name")
    return value
