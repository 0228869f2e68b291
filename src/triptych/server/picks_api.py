"""Picks among pictures and the ranking made of them, as docs/reference/studio-api.md has them."""

from collections.abc import Mapping
from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.app.model_views import listed
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.errors import as_json
from triptych.server.studio_api import attachment, reply
from triptych.spec.errors import BadRequestError
from triptych.spec.records import Question
from triptych.studio.picks import AskedPick

MAX_PICK = 1 << 16
_MOST_LETTERS = 64


class PicksApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [
            Route("/api/picks", self.picks, methods=["GET"]),
            Route("/api/picks", self.save, methods=["POST"]),
            Route("/api/picks", self.forget_all, methods=["DELETE"]),
            Route("/api/picks/learning", self.learn, methods=["PUT"]),
            Route("/api/runs/{id}/open", self.open, methods=["POST"]),
            Route("/api/picks/{id}", self.forget, methods=["DELETE"]),
            Route("/api/ranking", self.ranking, methods=["GET"]),
        ]

    async def save(self, request: Request) -> Response:
        """Keeps a pick, and shows every page who made the pictures of a blind row that has one."""
        require_session(request, self._app.session)
        pick = await self._app.picks.save(pick_of(json_object(await whole_body(request, MAX_PICK))))
        if pick.winner is not None:
            for run_id in await self._app.picks.blind_runs(pick):
                await self._app.studio.open(run_id)
        self._tell_order()
        return reply(await self._app.picks.page(pick), 201)

    def _tell_order(self) -> None:
        """Every page has the models in the order of the picks, where that is switched on."""
        if self._app.picks.switches["ordering"]:
            self._app.bus.publish("models", listed(self._app.models, self._app.router, self._app.picks))

    async def open(self, request: Request) -> Response:
        """Shows who made the pictures of a blind row without a pick."""
        require_session(request, self._app.session)
        return reply((await self._app.studio.open(request.path_params["id"])).page)

    async def learn(self, request: Request) -> Response:
        """Switches learning on or off, and whether the models stand in the order of the picks."""
        require_session(request, self._app.session)
        body = json_object(await whole_body(request, MAX_PICK))
        known = {"learning", "ordering"}
        for name, value in body.items():
            if name not in known:
                raise BadRequestError(f"There is no switch named {name!r}.", hint="They are learning and ordering.",
                                      param=name[:64])  # fmt: skip
            if not isinstance(value, bool):
                raise BadRequestError(f"{name} must be true or false.", param=name)
        await self._app.picks.switch(**body)
        self._app.bus.publish("models", listed(self._app.models, self._app.router, self._app.picks))
        return reply(self._app.picks.switches)

    async def picks(self, request: Request) -> Response:
        """All picks, oldest first; with `?download=1` a file with one on each line."""
        picks = await self._app.picks.all()
        if not request.query_params.get("download"):
            return reply({"picks": [await self._app.picks.page(pick) for pick in picks]})
        lines = b"".join(as_json(pick) + b"\n" for pick in picks)
        headers = {"Content-Disposition": attachment("triptych-picks.jsonl"), "Cache-Control": "no-store",
                   "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}  # fmt: skip
        return Response(lines, 200, headers, "application/jsonl")

    async def forget_all(self, request: Request) -> Response:
        require_session(request, self._app.session)
        forgotten = await self._app.picks.forget_all()
        self._tell_order()
        return reply({"forgotten": forgotten})

    async def forget(self, request: Request) -> Response:
        require_session(request, self._app.session)
        await self._app.picks.forget(request.path_params["id"])
        self._tell_order()
        return Response(status_code=204)

    async def ranking(self, request: Request) -> Response:
        query = request.query_params
        question = query.get("question")
        view = await self._app.picks.ranking(
            _task("task", query.get("task", "generate")), None if question is None else _question(question)
        )
        return reply(view.json)


def pick_of(body: Mapping[str, Any]) -> AskedPick:
    """The body of a pick. Raises BadRequestError naming the field."""
    pictures, winner, rejected = body.get("pictures"), body.get("winner"), body.get("rejected", [])
    task, blind = body.get("task"), body.get("blind", False)
    if not isinstance(pictures, list) or not all(isinstance(name, str) for name in pictures):
        raise BadRequestError("pictures must be a list of ids of pictures.", param="pictures")
    if winner is not None and not _is_index(winner):
        raise BadRequestError("winner must be an index into pictures, or null.", param="winner")
    if not isinstance(rejected, list) or not all(map(_is_index, rejected)):
        raise BadRequestError("rejected must be a list of indexes into pictures.", param="rejected")
    if not isinstance(blind, bool):
        raise BadRequestError("blind must be true or false.", param="blind")
    return AskedPick(
        pictures=tuple(pictures), winner=winner, rejected=tuple(sorted(rejected)), blind=blind,
        question=_question(body.get("question", "prettier")), task=None if task is None else _task("task", task),
    )  # fmt: skip


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _question(value: Any) -> Question:
    if value not in get_args(Question):
        raise BadRequestError(f"question is {value!r}; it takes {' or '.join(get_args(Question))}.", param="question")
    found: Question = value
    return found


def _task(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _MOST_LETTERS:
        raise BadRequestError(f"{name} must be 1 to {_MOST_LETTERS} letters.", hint="For example generate or edit.",
                              param=name)  # fmt: skip
    return value.strip()
