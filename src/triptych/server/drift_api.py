"""Drift watch, as docs/reference/studio-api.md has it. Every change needs the page's session token."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.idempotency import Idempotency
from triptych.server.studio_api import MAX_JSON, reply
from triptych.spec.drift import CheckRecord, Schedule, WatchRecord
from triptych.spec.errors import BadRequestError
from triptych.spec.ids import new_id
from triptych.spec.json import JsonObject
from triptych.store.base import IdempotencyRecord
from triptych.studio.drift import Price
from triptych.studio.drifting import RULE

CHECKS_SHOWN = 20
Changed = Callable[[Request, dict[str, Any]], Awaitable[None]]


class DriftApi:
    """Handlers over one application. Each change answers with all watches as they are then."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._idempotency = Idempotency(app.store, app.clock, app.owners.name, app.owners.alive)

    def routes(self) -> list[Route]:
        return [
            Route("/api/drift", self.watches, methods=["GET"]),
            Route("/api/drift", self._change(self.save), methods=["POST"]),
            Route("/api/drift/plan", self.plan, methods=["POST"]),
            Route("/api/drift/{id}", self._change(self.remove), methods=["DELETE"]),
            Route("/api/drift/{id}/check", self.check, methods=["POST"]),
            Route("/api/drift/{id}/schedule", self._change(self.schedule), methods=["PUT"]),
            Route("/api/drift/{id}/good", self._change(self.good), methods=["PUT"]),
        ]

    def _change(self, change: Changed) -> Callable[[Request], Awaitable[Response]]:
        async def changed(request: Request) -> Response:
            require_session(request, self._app.session)
            body = await whole_body(request, MAX_JSON)
            await change(request, json_object(body) if body else {})
            return await self.watches(request)

        return changed

    async def watches(self, _: Request) -> Response:
        """Every watch with its price now, its newest checks and what they say."""
        found = [await self._shown(watch) for watch in await self._app.drift.watches()]
        return reply({"watches": found, "rule": RULE})

    async def _shown(self, watch: WatchRecord) -> JsonObject:
        drift = self._app.drift
        price, checks = await drift.price(watch), (await drift.checks(watch.id))[:CHECKS_SHOWN]
        return {
            **msgspec.to_builtins(watch), **_price(price), "spent_micro_usd": await drift.spent(watch.id),
            "checks": [await self._check(watch, check) for check in checks],
        }  # fmt: skip

    async def _check(self, watch: WatchRecord, check: CheckRecord) -> JsonObject:
        cells = [
            {"text": cell.text, "model": cell.model, "served": cell.served, "missing": cell.missing,
             "samples": [{"tile": one.tile_id, "picture": one.picture_id} for one in cell.samples]}
            for cell in check.cells
        ]  # fmt: skip
        return {"id": check.id, "created_ms": check.created_ms, "state": check.state, "cells": cells,
                "verdict": await self._app.drift.verdicts(watch, check)}  # fmt: skip

    async def plan(self, request: Request) -> Response:
        """What one check of a watch that is not saved yet would cost."""
        require_session(request, self._app.session)
        drift = self._app.drift
        watch = await drift.checked(self._watch(json_object(await whole_body(request, MAX_JSON))))
        return reply(_price(await drift.price(watch)))

    async def save(self, _: Request, body: dict[str, Any]) -> None:
        await self._app.drift.save(self._watch(body))

    async def remove(self, request: Request, _: dict[str, Any]) -> None:
        await self._app.drift.remove(request.path_params["id"])

    async def check(self, request: Request) -> Response:
        """Starts a check, once for each `Idempotency-Key`."""
        require_session(request, self._app.session)
        body, drift, watch = await whole_body(request, MAX_JSON), self._app.drift, request.path_params["id"]
        agreed = _amount(json_object(body) if body else {}, "agreed_micro_usd")

        async def start(claim: IdempotencyRecord | None) -> None:
            await drift.check_now(watch, agreed, claim)

        async def again(_: str) -> None:
            await drift.watch(watch)

        made = await self._idempotency.once(request, body, start, again)
        answer = await self.watches(request)
        if made.replayed:
            answer.headers["Idempotent-Replayed"] = "true"
        return answer

    async def schedule(self, request: Request, body: dict[str, Any]) -> None:
        wanted: Any = body.get("schedule")
        if wanted not in get_args(Schedule):
            raise BadRequestError(f"schedule takes {', '.join(get_args(Schedule))}.", param="schedule")
        await self._app.drift.schedule(
            request.path_params["id"], wanted, agreed_micro_usd=_amount(body, "agreed_micro_usd"),
            cap_micro_usd=_amount(body, "cap_micro_usd"),
        )  # fmt: skip

    async def good(self, request: Request, body: dict[str, Any]) -> None:
        check = body.get("check")
        if not isinstance(check, str):
            raise BadRequestError("check must be the id of a check.", param="check")
        await self._app.drift.mark_good(request.path_params["id"], check)

    def _watch(self, body: Mapping[str, Any]) -> WatchRecord:
        now = self._app.clock.now_ms()
        name, settings = body.get("name", ""), body.get("settings", "")
        if not isinstance(name, str) or not isinstance(settings, str):
            raise BadRequestError("name and settings must be texts.", param="name")
        seed, samples = _whole(body, "seed", 1), _whole(body, "samples", 4)
        return WatchRecord(id=new_id("wat", now), name=name, created_ms=now, texts=_texts(body, "texts"),
                           models=_texts(body, "models"), settings=settings.strip(), seed=seed, samples=samples)  # fmt: skip


def _price(price: Price) -> JsonObject:
    reasons = [{"text": text, "model": model, "reason": reason} for (text, model), reason in price.reasons.items()]
    return {"images": len(price.made), "total": msgspec.to_builtins(price.total), "reasons": [*reasons]}


def _texts(body: Mapping[str, Any], field: str) -> tuple[str, ...]:
    value = body.get(field)
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise BadRequestError(f"{field} must be a list of texts.", param=field)
    return tuple(value)


def _whole(body: Mapping[str, Any], field: str, default: int) -> int:
    value = body.get(field, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**32:
        raise BadRequestError(f"{field} must be a whole number.", param=field)
    return value


def _amount(body: Mapping[str, Any], field: str) -> int | None:
    value = body.get(field)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise BadRequestError(f"{field} must be whole micro-dollars.", param=field)
    return value
