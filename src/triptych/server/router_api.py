"""What the router publishes: its policies, snapshots and decisions, and how every endpoint is doing."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.budget import budget_json
from triptych.app.container import App
from triptych.router.bundle import policy_id, policy_json
from triptych.router.policy import in_words
from triptych.router.shares import Forecast
from triptych.server.studio_api import reply
from triptych.spec.errors import BadRequestError, NotFoundError

_BY_HASH = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
WELL_KNOWN = "/.well-known/triptych"


class RouterApi:
    """Handlers over one application. Everything here is read only."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._forecast = Forecast(app.store)

    def routes(self) -> list[Route]:
        """Every call of this part."""
        return [
            *self.public_routes(),
            Route("/v1/router/policy", self.policy),
            Route("/v1/router/health", self.health),
            Route("/v1/router/budget", self.budget),
            Route("/v1/router/traffic", self.traffic),
            Route("/v1/router/log", self.log),
            Route("/v1/router/decisions/{id}", self.decision),
        ]

    def public_routes(self) -> list[Route]:
        """What everybody may read: the rules, and what decisions were made on."""
        return [
            Route(WELL_KNOWN + "/policy/{id}", self.policy_body),
            Route(WELL_KNOWN + "/snapshot/{id}", self.snapshot_body),
        ]

    async def policy_body(self, request: Request) -> Response:
        """A policy that decides or once decided here, to the byte: the SHA-256 of the answer is its id."""
        body = await self._app.store.policy(request.path_params["id"])
        if body is None:
            raise NotFoundError("No policy with this id decided here.", hint="See GET /v1/router/policy.", param="id")
        return Response(body, headers=_BY_HASH, media_type="application/json")

    async def snapshot_body(self, request: Request) -> Response:
        """A snapshot that a decision was made on, to the byte."""
        body = await self._app.store.snapshot(request.path_params["id"])
        if body is None:
            raise NotFoundError("No decision here was made on this snapshot.", param="id")
        return Response(body, headers=_BY_HASH, media_type="application/json")

    async def policy(self, _: Request) -> Response:
        """The active policy in plain words and as it is published, and which were active since when, newest first."""
        active = self._app.router.policies.active
        past = await self._app.store.policy_activations()
        return reply({
            "id": policy_id(active), "name": active.name, "words": in_words(active), "policy": policy_json(active),
            "source": f"{WELL_KNOWN}/policy/{policy_id(active)}",
            "activations": [{"id": a.policy_id, "active_ms": a.active_ms} for a in past],
        })  # fmt: skip

    async def health(self, _: Request) -> Response:
        """Each endpoint and operation that was used: light, reason and until when, breaker, limit and queue, tokens.
        The numbers are those after the last of `events` in `epoch`."""
        health, limits = self._app.router.health, self._app.router.limits.view()
        data = []
        for view in self._app.router.health_view():
            plain: Mapping[str, Any] = msgspec.to_builtins(view)
            limit = limits.get((view.endpoint, view.operation))
            data.append({**plain, "limit": limit.limit if limit else None, "waiting": limit.waiting if limit else 0,
                         "under_way": limit.under_way if limit else 0})  # fmt: skip
        return reply({"now_ms": health.now_ms(), "epoch": health.epoch, "events": health.events, "endpoints": data})

    async def budget(self, request: Request) -> Response:
        """Spent, reserved, unknown and cap for each day, key and project; estimates against charges of `days` days."""
        days = request.query_params.get("days", "30")
        if not (days.isascii() and days.isdigit()) or not 1 <= int(days[:6]) <= 3660:
            raise BadRequestError(f"days is {days!r}; it takes 1 to 3660.", param="days",
                                  hint="Give a whole number of days, or leave it out for 30.")  # fmt: skip
        app = self._app
        return reply(await budget_json(app.store, app.caps.current(), app.clock, int(days)))

    async def traffic(self, _: Request) -> Response:
        """How often each endpoint came first in the last decisions, against what the rules predict."""
        return reply(msgspec.to_builtins(await self._forecast.traffic()))

    async def log(self, _: Request) -> Response:
        """The transparency log in short: whose it is, how long, what waits for it, and who cosigned last at which size."""
        state = await self._app.receipts.state()
        return reply({"origin": state.origin, "key": state.key, "size": state.size, "waiting": state.waiting,
                      "witnesses": state.witnesses})  # fmt: skip

    async def decision(self, request: Request) -> Response:
        """A decision with everything that it takes to make it again."""
        found = await self._app.store.decision(request.path_params["id"])
        if found is None:
            raise NotFoundError(
                f"There is no decision {request.path_params['id']!r}.", param="id",
                hint="Ids of decisions begin with dec_; GET /api/tiles/{id} lists those of a tile.",
            )  # fmt: skip
        return reply(msgspec.to_builtins(found))
