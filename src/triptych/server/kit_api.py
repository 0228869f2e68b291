"""Key-visual kits, as docs/reference/studio-api.md has them: formats, takes, names, delivery."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from triptych.app.container import App
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.idempotency import Idempotency
from triptych.server.openai_fields import nonce_header
from triptych.server.studio_api import attachment, reply
from triptych.spec.errors import BadRequestError
from triptych.spec.kit import KitRecord, Way
from triptych.store.base import IdempotencyRecord
from triptych.studio.kit_files import Export
from triptych.studio.kit_formats import FORMATS, format_json
from triptych.studio.kit_look import FileType, kit_json, look, summary_json
from triptych.studio.kit_names import FIELDS, TEMPLATE, check_template, slug
from triptych.studio.kit_zip import kit_zip
from triptych.studio.kits import FIRST_FORMATS, Kits, Wish
from triptych.studio.views import RunView

MAX_BODY = 1 << 16
Handler = Callable[[Request], Awaitable[Response]]
_NO_STORE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class KitApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._idempotency = Idempotency(app.store, app.clock, app.owners.name, app.owners.alive)

    def routes(self) -> list[Route]:
        change = self._change
        return [
            Route("/api/kits", self.all, methods=["GET"]),
            Route("/api/kits", change(self.create), methods=["POST"]),
            Route("/api/kits/formats", self.formats, methods=["GET"]),
            Route("/api/kits/{id}", self.one, methods=["GET"]),
            Route("/api/kits/{id}", change(self.describe), methods=["PATCH"]),
            Route("/api/kits/{id}", change(self.delete), methods=["DELETE"]),
            Route("/api/kits/{id}/formats", change(self.add_format), methods=["POST"]),
            Route("/api/kits/{id}/formats/{format}", change(self.choose), methods=["PATCH"]),
            Route("/api/kits/{id}/formats/{format}", change(self.remove_format), methods=["DELETE"]),
            Route("/api/kits/{id}/formats/{format}/takes/{take}", change(self.aim), methods=["PATCH"]),
            Route("/api/kits/{id}/plan", self.plan, methods=["POST"]),
            Route("/api/kits/{id}/takes", change(self.make), methods=["POST"]),
            Route("/api/kits/{id}/names", self.names, methods=["GET"]),
            Route("/api/kits/{id}/export", self.export, methods=["GET"]),
        ]

    def _change(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            require_session(request, self._app.session)
            return await handler(request)

        return guarded

    @property
    def _kits(self) -> Kits:
        return self._app.kits.kits

    async def _told(self, kit: KitRecord, status: int = 200) -> Response:
        looked = await look(self._app.studio, kit)
        proposed = await self._kits.proposed(kit) if looked.picture is not None else {}
        return reply(kit_json(looked, proposed), status)

    # Kits.

    async def formats(self, _: Request) -> Response:
        """The table of formats, and what names are made of."""
        return reply({"formats": [format_json(row) for row in FORMATS.values()], "first": FIRST_FORMATS,
                      "template": TEMPLATE, "fields": dict(FIELDS)})  # fmt: skip

    async def all(self, request: Request) -> Response:
        found = await self._kits.store.all(request.query_params.get("picture"))
        return reply({"kits": [summary_json(await look(self._app.studio, kit)) for kit in found]})

    async def create(self, request: Request) -> Response:
        body = await _body(request)
        formats = body.get("formats", list(FIRST_FORMATS))
        if not isinstance(formats, list) or not all(isinstance(each, str) for each in formats):
            raise BadRequestError("formats must be a list of names.", param="formats")
        kit = await self._kits.create(
            _text(body, "picture"),
            name=_maybe(body, "name") or "",
            project=_maybe(body, "project") or None,
            formats=formats,
        )
        return await self._told(kit, 201)

    async def one(self, request: Request) -> Response:
        return await self._told(await self._kits.get(request.path_params["id"]))

    async def describe(self, request: Request) -> Response:
        body = await _body(request)
        said = {name: _maybe(body, name) for name in ("name", "project", "template")}
        return await self._told(await self._kits.describe(request.path_params["id"], **said))

    async def delete(self, request: Request) -> Response:
        await self._app.kits.picks.forget_kit(request.path_params["id"])
        await self._kits.delete(request.path_params["id"])
        return Response(status_code=204)

    # Formats and takes.

    async def add_format(self, request: Request) -> Response:
        text = _text(await _body(request), "format")
        return await self._told(await self._kits.add_format(request.path_params["id"], text), 201)

    async def remove_format(self, request: Request) -> Response:
        return await self._told(
            await self._kits.remove_format(request.path_params["id"], request.path_params["format"])
        )

    async def choose(self, request: Request) -> Response:
        take = _text(await _body(request), "chosen")
        return await self._told(await self._kits.choose(request.path_params["id"], request.path_params["format"], take))

    async def aim(self, request: Request) -> Response:
        focus = (await _body(request)).get("focus")
        if not isinstance(focus, list) or [type(place) for place in focus] != [int, int]:
            raise BadRequestError("focus takes two whole numbers from 0 to 1000.", param="focus")
        path = request.path_params
        return await self._told(await self._kits.aim(path["id"], path["format"], path["take"], (focus[0], focus[1])))

    async def plan(self, request: Request) -> Response:
        """What a take would cost; nothing is started."""
        return reply((await self._kits.plan(request.path_params["id"], _wish(await _body(request)))).json)

    async def make(self, request: Request) -> Response:
        """Starts a run whose tiles are takes of a format. The same key starts it once."""
        body, kit = await whole_body(request, MAX_BODY), request.path_params["id"]
        wish, nonce = _wish(json_object(body) if body else {}), nonce_header(request)

        async def start(claim: IdempotencyRecord | None) -> RunView:
            return await self._kits.make(kit, wish, nonce=nonce, claim=claim)

        async def again(tile: str) -> RunView:
            run = await self._app.studio.run((await self._app.studio.tile(tile)).record.run_id)
            await self._kits.attach(kit, wish, run)
            return run

        run = await self._idempotency.once(request, body, start, again)
        return reply(run.value.page, 202)

    # Delivery.

    async def names(self, request: Request) -> Response:
        """What the files would be called by a template, with what is wrong."""
        looked = await look(self._app.studio, await self._kits.get(request.path_params["id"]))
        template = check_template(request.query_params.get("template", looked.kit.template))
        named = looked.named(_kind(request.query_params), template)
        told = [
            {"format": each.made.id, "name": name.name, "problem": name.problem}
            for each, name in zip(looked.formats, named, strict=True)
        ]
        return reply({"template": template, "names": told})

    async def export(self, request: Request) -> Response:
        """The kit as a ZIP file, sent while it is made."""
        desk, said = self._app.kits, request.query_params
        looked = await look(self._app.studio, await desk.kits.get(request.path_params["id"]))
        quality = said.get("quality", "90")
        if not (quality.isascii() and quality.isdigit()) or not 1 <= int(quality[:4]) <= 100:
            raise BadRequestError(f"quality is {quality[:20]!r}; it takes 1 to 100.", param="quality")
        export = Export(kind=_kind(said), quality=int(quality), recipe=_on(said, "recipe"),
                        credentials=_on(said, "credentials"), originals=_on(said, "originals"))  # fmt: skip
        wanted = await desk.files.check(looked, export)
        pieces: AsyncIterator[bytes] = kit_zip(desk.files, looked, wanted, export, self._app.clock.now_ms())
        headers = {**_NO_STORE, "Content-Disposition": attachment(f"{slug(looked.kit.name)}.zip")}
        return StreamingResponse(pieces, 200, headers, "application/zip")


async def _body(request: Request) -> dict[str, Any]:
    body = await whole_body(request, MAX_BODY)
    return json_object(body) if body else {}


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise BadRequestError(f"{name} is missing.", param=name)
    return value


def _maybe(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise BadRequestError(f"{name} must be a text.", param=name)
    return value


def _wish(body: Mapping[str, Any]) -> Wish:
    models = body.get("models", [])
    way: Way | None = next((each for each in get_args(Way) if each == body.get("way")), None)
    if way is None:
        raise BadRequestError(f"way takes {', '.join(get_args(Way))}.", param="way")
    if not isinstance(models, list) or not all(isinstance(each, str) for each in models):
        raise BadRequestError("models must be a list of names.", param="models")
    at = body.get("at", 500)
    if type(at) is not int or not 0 <= at <= 1000:
        raise BadRequestError("at takes a whole number from 0 to 1000.", param="at")
    return Wish(format=_text(body, "format"), way=way, models=tuple(models), text=_maybe(body, "text"), at=at)


def _kind(said: Mapping[str, str]) -> FileType:
    kind = said.get("type", "png")
    found: FileType | None = next((each for each in get_args(FileType) if each == kind), None)
    if found is None:
        raise BadRequestError(f"type is {kind[:20]!r}; it takes {', '.join(get_args(FileType))}.", param="type")
    return found


def _on(said: Mapping[str, str], name: str) -> bool:
    value = said.get(name, "1")
    if value not in {"0", "1"}:
        raise BadRequestError(f"{name} is {value[:20]!r}; it takes 0 or 1.", param=name)
    return value == "1"
