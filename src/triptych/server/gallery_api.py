"""The gallery, as docs/reference/studio-api.md has it: looked for, marked, undone."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from triptych.app.container import App
from triptych.app.credentials import RECEIPT_SUFFIX, hand_over
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.picks_api import tell_order
from triptych.server.studio_api import attachment, hidden_maker, reply
from triptych.spec.errors import BadRequestError
from triptych.spec.gallery import Marks, Order, Verdict
from triptych.spec.json import JsonObject
from triptych.studio.archive import Archive
from triptych.studio.gallery import MOST_AT_ONCE, MOST_PAGE, Ask, MarkChange, read_cursor
from triptych.studio.search import FIELDS

MAX_BODY = 4 << 20
MOST_FILES = 500
"""Pictures that one download may have."""
ORDERS: Mapping[str, Order] = {"newest": "newest", "oldest": "oldest", "stars": "stars", "cost": "cost"}
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
            Route("/api/gallery/download", self.download),
            Route("/api/gallery/embedder", self.embedder, methods=["GET", "POST", "DELETE"]),
            Route("/api/gallery/marks", self.marks),
            Route("/api/gallery/pictures", self.pictures),
            Route("/api/tiles/{id}/trash", self._change(self.trash), methods=["POST"]),
        ]

    def _change(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            require_session(request, self._app.session)
            return await handler(request)

        return guarded

    async def page(self, request: Request) -> Response:
        limit = _number(request, "limit", 100)
        if not 1 <= limit <= MOST_PAGE:
            raise BadRequestError(f"limit is {limit}; it takes 1 to {MOST_PAGE}.", param="limit")
        return reply(await self._app.gallery.page(_ask(request), limit=limit))

    async def count(self, request: Request) -> Response:
        return reply({"count": await self._app.gallery.count(_ask(request))})

    async def ids(self, request: Request) -> Response:
        limit = _number(request, "limit", MOST_AT_ONCE)
        if not 1 <= limit <= MOST_AT_ONCE:
            raise BadRequestError(f"limit is {limit}; it takes 1 to {MOST_AT_ONCE:,}.", param="limit")
        return reply({"pictures": await self._app.gallery.ids(_ask(request), limit)})

    async def fields(self, _: Request) -> Response:
        """What a query may name, with examples, and the values that there are."""
        fields = [{"name": name, "example": example} for name, example in FIELDS.items()]
        return reply({"fields": fields, **await self._app.gallery.values()})

    async def pictures(self, request: Request) -> Response:
        names = list(filter(None, request.query_params.get("pictures", "").split(",")))
        return reply(await self._app.gallery.pictures(names))

    async def similar(self, request: Request) -> Response:
        """By what pictures look like, or, with `by=shows`, by what they show."""
        by = request.query_params.get("by", "looks")
        if by not in {"looks", "shows"}:
            raise BadRequestError(f"by is {by[:40]!r}; it takes looks or shows.", param="by")
        find = self._app.gallery.similar if by == "looks" else self._app.gallery.showing_the_like
        return reply({**await find(request.path_params["id"]), "embedder": self._app.embedder.state()})

    async def embedder(self, request: Request) -> Response:
        """Says how the network that sees pictures stands, starts the fetch of its weights, or ends it."""
        if request.method == "GET":
            return reply(self._app.embedder.state())
        require_session(request, self._app.session)
        if request.method == "POST":
            return reply(self._app.embedder.begin(), 202)
        return reply(await self._app.embedder.stop())

    async def download(self, request: Request) -> Response:
        """Pictures as they are downloaded one by one, with their receipts, in a ZIP file that is sent while it is made."""
        names = list(dict.fromkeys(filter(None, request.query_params.get("pictures", "").split(","))))
        if not 1 <= len(names) <= MOST_FILES:
            raise BadRequestError(
                f"{len(names)} pictures are named; a download takes 1 to {MOST_FILES}.", param="pictures"
            )
        studio = self._app.studio
        for name in names:  # all are looked at before the first byte is sent
            if await studio.veils(await studio.pictures.record(name)):
                raise hidden_maker()
        headers = {"Cache-Control": "no-store", "Content-Disposition": attachment("triptych.zip")}
        return StreamingResponse(self._zip(names), 200, headers, "application/zip")

    async def _zip(self, names: Sequence[str]) -> AsyncIterator[bytes]:
        archive, taken = Archive(self._app.clock.now_ms()), set[str]()
        for name in names:
            given = await hand_over(self._app.studio, self._app.store.receipts, name)
            file = _free(given.name, taken)
            yield archive.put(file, given.file.data)
            if given.receipt is not None:
                yield archive.put(
                    PurePath(file).stem + RECEIPT_SUFFIX, f"{given.receipt.body}\n".encode(), deflated=True
                )
        yield archive.end()

    async def marks(self, request: Request) -> Response:
        names = request.query_params.get("pictures", "").split(",")
        return reply({"pictures": await self._app.gallery.marks(names)})

    async def change(self, request: Request) -> Response:
        body = json_object(await whole_body(request, MAX_BODY))
        change = change_of(body)
        answer = await self._app.gallery.change(_names(body, "pictures"), change)
        return self._told(answer if change.verdict is None else await self._let_go(answer))

    async def trash(self, request: Request) -> Response:
        """A tile without a picture, thrown away or taken back."""
        trashed = json_object(await whole_body(request, MAX_BODY)).get("trashed")
        if not isinstance(trashed, bool):
            raise BadRequestError("trashed must be true or false.", param="trashed")
        tile = await self._app.studio.tile(request.path_params["id"])
        changed = await self._app.gallery.throw_tile(tile, trashed=trashed)
        self._app.bus.publish("tile", changed)
        return reply(changed)

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
        answer = await self._app.gallery.restore({str(id_): marks_of(state) for id_, state in before.items()})
        return self._told(await self._let_go(answer))

    async def _let_go(self, answer: JsonObject) -> JsonObject:
        """What is not rejected any more does not count as rejected side by side either."""
        pictures: Any = answer["pictures"]
        if await self._app.picks.let_go([id_ for id_, state in pictures.items() if state["verdict"] != "rejected"]):
            tell_order(self._app)
        return answer


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


def _ask(request: Request) -> Ask:
    asked = request.query_params
    order = asked.get("order", "newest")
    if order not in ORDERS:
        raise BadRequestError(f"order is {order[:40]!r}; it takes {', '.join(ORDERS)}.", param="order")
    start, skip = asked.get("cursor"), _number(request, "skip", 0)
    place = None if start is None else read_cursor(start, ORDERS[order])
    return Ask(text=asked.get("q", ""), zone=asked.get("zone", "UTC"), order=ORDERS[order], start=place, skip=skip)


def _number(request: Request, field: str, default: int) -> int:
    text = request.query_params.get(field)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS) or int(text) >= 2**63:
        raise BadRequestError(f"{field} is {text[:40]!r}; it takes a number.", param=field)
    return int(text)


def _free(name: str, taken: set[str]) -> str:
    """A name that no other file of the archive has: pictures of one prompt, model and seed are called the same."""
    path, number = PurePath(name), 1
    while name.casefold() in taken:
        number += 1
        name = f"{path.stem}-{number}{path.suffix}"
    taken.add(name.casefold())
    return name
