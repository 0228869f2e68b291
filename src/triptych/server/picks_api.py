"""Picks among pictures and the ranking made of them, as docs/reference/studio-api.md has them."""

from collections.abc import Iterable, Mapping
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
from triptych.spec.records import PickRecord, PickSource, Question
from triptych.studio.picks import MOST_SHOWN, AskedPick
from triptych.studio.views import RunView

MAX_PICK = 1 << 16
_MOST_LETTERS = 64
_MOST_PICTURES = 100


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
            Route("/api/picks/pictures", self.pictures, methods=["GET"]),
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
                await self._open(run_id)
        tell_order(self._app)
        await self._tell([pick])
        (told,) = await self._app.picks.pages([pick])
        return reply(told, 201)

    async def open(self, request: Request) -> Response:
        """Shows who made the pictures of a blind row without a pick."""
        require_session(request, self._app.session)
        opened = await self._open(request.path_params["id"])
        tell_order(self._app)
        return reply(opened.page)

    async def _open(self, run_id: str) -> RunView:
        """Opened, a row's picks count."""
        opened = await self._app.studio.open(run_id)
        await self._app.picks.load()
        return opened

    async def learn(self, request: Request) -> Response:
        """Switches learning on or off, whether the models stand in the order of the picks, and the question both go by."""
        require_session(request, self._app.session)
        body = json_object(await whole_body(request, MAX_PICK))
        known = {"learning", "ordering", "question"}
        for name, value in body.items():
            if name not in known:
                raise BadRequestError(f"There is no switch named {name!r}.", hint="They are learning, ordering and question.",
                                      param=name[:64])  # fmt: skip
            if name == "question":
                question_of(value)
            elif not isinstance(value, bool):
                raise BadRequestError(f"{name} must be true or false.", param=name)
        await self._app.picks.switch(**body)
        self._app.bus.publish("models", listed(self._app.models, self._app.router, self._app.picks))
        return reply(self._app.picks.switches)

    async def picks(self, request: Request) -> Response:
        """All picks, or with `?source=` those of one source, oldest first, or with `?pictures=` the user's own among just these;
        with `?download=1` a file with one on each line."""
        names = request.query_params.get("pictures")
        picks = await self._app.picks.all(_source(request)) if names is None else await self._among(names)
        told = await self._app.picks.pages(picks)
        if not request.query_params.get("download"):
            return reply({"picks": told})
        lines = b"".join(as_json(pick) + b"\n" for pick in told)
        headers = {"Content-Disposition": attachment("triptych-picks.jsonl"), "Cache-Control": "no-store",
                   "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}  # fmt: skip
        return Response(lines, 200, headers, "application/jsonl")

    async def _among(self, names: str) -> tuple[PickRecord, ...]:
        asked = names.split(",")
        if len(asked) > MOST_SHOWN:
            raise BadRequestError(
                f"pictures takes up to {MOST_SHOWN} ids, with a comma between them.", param="pictures"
            )
        return await self._app.picks.answered(asked)

    async def pictures(self, request: Request) -> Response:
        """What was picked of pictures, as their tiles show it: for each the questions for which it stands in front."""
        names = request.query_params.get("pictures", "").split(",")
        if len(names) > _MOST_PICTURES:
            raise BadRequestError(
                f"pictures takes up to {_MOST_PICTURES} ids, with a comma between them.", param="pictures"
            )
        return reply({"picked": await self._app.picks.picked(names)})

    async def _tell(self, picks: Iterable[PickRecord]) -> None:
        """Every page hears what is picked of the pictures of these picks now. A rejection shows by the mark of the picture."""
        about = {each.picture_id for pick in picks if pick.winner is not None for each in pick.shown}
        if about:
            self._app.bus.publish("picks", {"picked": await self._app.picks.picked(about)})

    async def forget_all(self, request: Request) -> Response:
        require_session(request, self._app.session)
        forgotten = await self._app.picks.forget_all(_source(request))
        tell_order(self._app)
        self._app.bus.publish("picks", {"picked": {}})  # of all that a page shows it asks anew
        return reply({"forgotten": forgotten})

    async def forget(self, request: Request) -> Response:
        require_session(request, self._app.session)
        forgotten = await self._app.picks.forget(request.path_params["id"])
        tell_order(self._app)
        await self._tell([forgotten])
        return Response(status_code=204)

    async def ranking(self, request: Request) -> Response:
        query = request.query_params
        question = query.get("question")
        view = await self._app.picks.ranking(
            _task("task", query.get("task", "generate")),
            None if question is None else question_of(question),
            _source(request),
        )
        return reply(view.json)


def tell_order(app: App) -> None:
    """Every page has the models in the order of the picks, where that is switched on."""
    if app.picks.switches["ordering"]:
        app.bus.publish("models", listed(app.models, app.router, app.picks))


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
        question=question_of(body.get("question", "prettier")), task=None if task is None else _task("task", task),
    )  # fmt: skip


def _source(request: Request) -> PickSource | None:
    asked = request.query_params.get("source")
    found: PickSource | None = next((each for each in get_args(PickSource) if each == asked), None)
    if asked is not None and found is None:
        raise BadRequestError(
            f"source is {asked[:20]!r}; it takes {' or '.join(get_args(PickSource))}.", param="source"
        )
    return found


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def question_of(value: Any) -> Question:
    if value not in get_args(Question):
        raise BadRequestError(f"question is {value!r}; it takes {' or '.join(get_args(Question))}.", param="question")
    found: Question = value
    return found


def _task(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _MOST_LETTERS:
        raise BadRequestError(f"{name} must be 1 to {_MOST_LETTERS} letters.", hint="For example generate or edit.",
                              param=name)  # fmt: skip
    return value.strip()
