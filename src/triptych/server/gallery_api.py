"""The gallery, as docs/reference/studio-api.md has it: looked for, marked, undone."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.studio_api import reply
from triptych.spec.errors import BadRequestError
from triptych.spec.gallery import Marks, Verdict
from triptych.spec.json import JsonObject
from triptych.studio.gallery import MOST_PAGE, MarkChange
from triptych.studio.search import FIELDS

MAX_BODY = 4 << 20
_MOST_DIGITS = 19
_MOST_TOLD = 500  # pictures in one event; after more a page asks again
Handler = Callable[[Request], Awaitable[Response]]


class GalleryApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [
            Route("/api/gallery", self.page, methods=["GET"]),
            Route("/api/gallery", self._change(self.change), methods=["PATCH"]),
            Route("/api/gallery/undo", self._change(self.restore), methods=["POST"]),
            Route("/api/gallery/count", self.count),
            Route("/api/gallery/ids", self.ids),
            Route("/api/gallery/fields", self.fields),
            Route("/api/gallery/similar/{id}", self.similar),
            Route("/api/gallery/marks", self.marks),
        ]

    def _change(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            require_session(request, self._app.session)
            return await handler(request)

        return guarded

    async def page(self, request: Request) -> Response:
        limit = _number(request, "limit", 100) or 0
        if not 1 <= limit <= MOST_PAGE:
            raise BadRequestError(f"limit is {limit}; it takes 1 to {MOST_PAGE}.", param="limit")
        return reply(
            await self._app.gallery.page(
                _query(request), start=_number(request, "cursor"), skip=_number(request, "skip", 0) or 0, limit=limit
            )
        )

    async def count(self, request: Request) -> Response:
        return reply({"count": await self._app.gallery.count(_query(request), start=_number(request, "cursor"))})

    async def ids(self, request: Request) -> Response:
        return reply({"pictures": await self._app.gallery.ids(_query(request))})

    async def fields(self, _: Request) -> Response:
        """What a query may name, with examples, and the tags and projects that there are."""
        return reply({"fields": [{"name": name, "example": example} for name, example in FIELDS.items()],
                      "tags": await self._app.gallery.tags(), "projects": await self._app.gallery.projects()})  # fmt: skip

    async def similar(self, request: Request) -> Response:
        return reply(await self._app.gallery.similar(request.path_params["id"]))

    async def marks(self, request: Request) -> Response:
        names = request.query_params.get("pictures", "").split(",")
        return reply({"pictures": await self._app.gallery.marks(names)})

    async def change(self, request: Request) -> Response:
        body = json_object(await whole_body(request, MAX_BODY))
        return self._told(await self._app.gallery.change(_names(body, "pictures"), change_of(body)))

    def _told(self, answer: JsonObject) -> Response:
        """The answer, which every page hears of: a picture shows in other views, too."""
        pictures = answer["pictures"]
        if isinstance(pictures, Mapping) and len(pictures) <= _MOST_TOLD:
            self._app.bus.publish("marks", {"pictures": pictures})
        else:
            self._app.bus.publish("marks", {"pictures": {}})
        return reply(answer)

    async def restore(self, request: Request) -> Response:
        body = json_object(await whole_body(request, MAX_BODY))
        before = body.get("before")
        if not isinstance(before, dict):
            raise BadRequestError("before must be what a change answered.", param="before")
        return self._told(await self._app.gallery.restore({str(id_): marks_of(state) for id_, state in before.items()}))


def change_of(body: Mapping[str, Any]) -> MarkChange:
    """The body of a change. Raises BadRequestError naming the field."""
    trashed, project = body.get("trashed"), body.get("project")
    if trashed is not None and not isinstance(trashed, bool):
        raise BadRequestError("trashed must be true or false.", param="trashed")
    if project is not None and not isinstance(project, str):
        raise BadRequestError("project must be a name, or the empty text for none.", param="project")
    alt = body.get("alt")
    if alt is not None and not isinstance(alt, str):
        raise BadRequestError("alt must be a text, or the empty text for the prompt.", param="alt")
    change = MarkChange(
        stars=_stars(body.get("stars")), verdict=_verdict(body.get("verdict")), add_tags=_names(body, "add_tags"),
        remove_tags=_names(body, "remove_tags"), project=project, trashed=trashed, alt=alt,
    )  # fmt: skip
    if change == MarkChange():
        raise BadRequestError("Nothing is to be changed.", hint="Give stars, verdict, add_tags, remove_tags, project, alt or trashed.",
                              param="stars")  # fmt: skip
    return change


def marks_of(state: Any) -> Marks:
    """Marks as a change answered them. Raises BadRequestError."""
    if not isinstance(state, dict):
        raise BadRequestError("before must give each picture its marks.", param="before")
    trashed, project, alt = state.get("trashed_ms"), state.get("project"), state.get("alt")
    if (
        not (trashed is None or _is_whole(trashed))
        or not (project is None or isinstance(project, str))
        or not (alt is None or isinstance(alt, str))
    ):
        raise BadRequestError("before has marks that a change did not answer.", param="before")
    return Marks(stars=_stars(state.get("stars")) or 0, verdict=_verdict(state.get("verdict")) or "open",
                 tags=_names(state, "tags"), project=project, trashed_ms=trashed, alt=alt)  # fmt: skip


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _stars(value: Any) -> int | None:
    if value is None or (_is_whole(value) and 0 <= value <= 5):
        found: int | None = value
        return found
    raise BadRequestError(f"stars is {value!r}; it takes 0 to 5.", param="stars")


def _verdict(value: Any) -> Verdict | None:
    if value is None or value in get_args(Verdict):
        found: Verdict | None = value
        return found
    raise BadRequestError(f"verdict is {value!r}; it takes {', '.join(get_args(Verdict))}.", param="verdict")


def _names(body: Mapping[str, Any], field: str) -> tuple[str, ...]:
    value = body.get(field, [])
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise BadRequestError(f"{field} must be a list of texts.", param=field)
    return tuple(value)


def _query(request: Request) -> str:
    return request.query_params.get("q", "")


def _number(request: Request, field: str, default: int | None = None) -> int | None:
    text = request.query_params.get(field)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS) or int(text) >= 2**63:
        raise BadRequestError(f"{field} is {text[:40]!r}; it takes a number.", param=field)
    return int(text)
