"""The studio's own calls, as docs/reference/studio-api.md has them. Every change needs the page's session token."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any, get_args
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych import __version__
from triptych.app.container import App
from triptych.app.credentials import RECEIPT_SUFFIX, hand_over, name_of
from triptych.app.model_views import (
    FIRST_CHOICE_RULE,
    first_choice,
    listed,
    provider_view,
)
from triptych.app.onboarding import sample_state
from triptych.imaging.header import header
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.errors import as_json
from triptych.server.idempotency import Idempotency
from triptych.server.openai_answer import RECEIPT_HEADER
from triptych.server.openai_fields import nonce_header
from triptych.server.receipts_api import receipt_json
from triptych.spec.errors import BadRequestError, ConflictError, HostileContentError, NotFoundError
from triptych.spec.image import Role
from triptych.spec.model import LANES, Lane
from triptych.spec.records import Parent
from triptych.store.base import IdempotencyRecord
from triptych.studio.planning import Asked, PictureRef
from triptych.studio.terms import read_project
from triptych.studio.tiers import Tier
from triptych.studio.veil import PLAIN_TYPE
from triptych.studio.views import RunView, TileView

MAX_JSON = 1 << 20
MAX_UPLOAD = 50 << 20
FIRST_RUNS = 20
_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_SAFE = {"image/png", "image/jpeg", "image/webp", "image/gif"}
_SANDBOX = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "same-origin"}  # fmt: skip
Handler = Callable[[Request], Awaitable[Response]]


def reply(value: Any, status: int = 200) -> Response:
    """JSON that no cache keeps and no other site can load."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
               "Cross-Origin-Resource-Policy": "same-origin"}  # fmt: skip
    return Response(as_json(value), status, headers, "application/json")


class StudioApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._idempotency = Idempotency(app.store, app.clock, app.owners.name, app.owners.alive)

    def routes(self) -> list[Route]:
        """Every call of the page but the event stream."""
        return [
            Route("/api/state", self.state),
            Route("/api/plan", self._change(self.plan), methods=["POST"]),
            Route("/api/runs", self.runs, methods=["GET"]),
            Route("/api/runs", self._change(self.start), methods=["POST"]),
            Route("/api/runs/{id}", self.run, methods=["GET"]),
            Route("/api/runs/{id}", self._change(self.hide), methods=["DELETE"]),
            Route("/api/runs/{id}/restore", self._change(self.restore), methods=["POST"]),
            Route("/api/runs/{id}/tiles", self._change(self.add_model), methods=["POST"]),
            Route("/api/tiles/{id}", self.tile, methods=["GET"]),
            Route("/api/tiles/{id}/retry", self._change(self.retry), methods=["POST"]),
            Route("/api/tiles/{id}/retry-now", self._change(self.retry_now), methods=["POST"]),
            Route("/api/tiles/{id}/cancel", self._change(self.cancel), methods=["POST"]),
            Route("/api/images/{id}", self.image),
            Route("/api/images/{id}/thumb", self.thumb),
            Route("/api/images/{id}/view", self.view),
            Route("/api/images/{id}/receipt", self.image_receipt),
            Route("/api/images/{id}/heat", self.heat),
            Route("/api/images/{id}/restored", self._change(self.use), methods=["PUT"]),
            Route("/api/previews/{id}", self.preview),
            Route("/api/uploads", self._change(self.upload), methods=["POST"]),
            Route("/api/uploads/{sha256}", self.uploaded),
            Route("/api/uploads/{sha256}/thumb", self.uploaded_thumb),
            Route("/api/models", self.models),
            Route("/api/selection", self._change(self.select), methods=["PUT"]),
            Route("/api/providers/{id}/key", self._change(self.set_key), methods=["PUT"]),
            Route("/api/providers/{id}/key", self._change(self.remove_key), methods=["DELETE"]),
            Route("/api/providers/{id}/check", self._change(self.check), methods=["POST"]),
            Route("/api/providers/{id}/consent", self._change(self.consent), methods=["PUT"]),
            Route("/api/keys/recognise", self._change(self.recognise), methods=["POST"]),
            Route("/api/caps", self._change(self.set_caps), methods=["PUT"]),
            Route("/api/spend", self.spend),
        ]

    def _change(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            require_session(request, self._app.session)
            return await handler(request)

        return guarded

    # The page as a whole.

    async def boot(self) -> Mapping[str, Any]:
        """What the page starts from."""
        since = self._app.bus.last_id()
        runs = await self._app.studio.runs(limit=FIRST_RUNS)
        known = listed(self._app.models, self._app.router, self._app.picks)
        selected = await self._app.store.get_setting("selected")
        return {
            "version": __version__, "session": self._app.session, "since": since, **known, **runs.page,
            "selected": selected if isinstance(selected, list) else first_choice(known["models"], self._app.models.today),
            "spend": await self._app.studio.spend(), "first_visit": not runs.runs, "sample": await sample_state(self._app),
            "first_choice_rule": FIRST_CHOICE_RULE,
        }  # fmt: skip

    async def state(self, _: Request) -> Response:
        return reply(await self.boot())

    async def models(self, _: Request) -> Response:
        return reply(listed(self._app.models, self._app.router, self._app.picks))

    async def select(self, request: Request) -> Response:
        models = _names("models", (await _json(request)).get("models"))
        await self._app.store.put_setting("selected", list(models))
        return reply({"models": models})

    # Runs and tiles.

    async def plan(self, request: Request) -> Response:
        return reply((await self._app.studio.plan(asked_of(await _json(request)))).json)

    async def start(self, request: Request) -> Response:
        body, studio = await whole_body(request, MAX_JSON), self._app.studio
        asked, nonce = asked_of(json_object(body) if body else {}), nonce_header(request)

        async def again(tile: str) -> RunView:
            return await studio.run((await studio.tile(tile)).record.run_id)

        run = await self._idempotency.once(
            request, body, lambda claim: studio.start(asked, nonce=nonce, claim=claim), again
        )
        return _created(run.value.page, replayed=run.replayed)

    async def runs(self, request: Request) -> Response:
        query = request.query_params
        limit = query.get("limit", str(FIRST_RUNS))
        if not (limit.isascii() and limit.isdigit()) or not 0 < int(limit[:6]) <= 100:
            raise BadRequestError(f"limit is {limit!r}; it takes 1 to 100.", param="limit")
        page = await self._app.studio.runs(before=query.get("before"), limit=int(limit), text=query.get("text"))
        return reply(page.page)

    async def run(self, request: Request) -> Response:
        return reply((await self._app.studio.run(request.path_params["id"])).page)

    async def hide(self, request: Request) -> Response:
        await self._app.studio.hide(request.path_params["id"])
        return Response(status_code=204)

    async def restore(self, request: Request) -> Response:
        return reply((await self._app.studio.restore(request.path_params["id"])).page)

    async def add_model(self, request: Request) -> Response:
        body, studio, row = await whole_body(request, MAX_JSON), self._app.studio, request.path_params["id"]
        model, nonce = (json_object(body) if body else {}).get("model"), nonce_header(request)
        if not isinstance(model, str):
            raise BadRequestError("model is missing.", hint="Name the model to add.", param="model")

        async def add(claim: IdempotencyRecord | None) -> TileView:
            return (await studio.add_model(row, model, nonce, claim))[0]

        with _about_one_model():
            tile = await self._idempotency.once(request, body, add, studio.tile)
        return _created(tile.value.page, replayed=tile.replayed)

    async def tile(self, request: Request) -> Response:
        detail = await self._app.studio.detail(request.path_params["id"])
        receipt = await self._app.store.receipts.of_tile(detail.tile.record.id)
        told = None if receipt is None or detail.tile.veiled else receipt_json(receipt)
        return reply({**detail.page, "receipt": told})

    async def retry(self, request: Request) -> Response:
        body, studio, old = await whole_body(request, MAX_JSON), self._app.studio, request.path_params["id"]
        said, nonce = json_object(body) if body else {}, nonce_header(request)
        model, confirm = said.get("model"), said.get("confirm") is True
        if model is not None and not isinstance(model, str):
            raise BadRequestError("model must be a name.", param="model")
        if (await studio.tile(old)).held:  # over or not
            raise ConflictError("This tile is still at work.", hint="Stop it first.", param="id")
        with _about_one_model():
            tile = await self._idempotency.once(
                request, body,
                lambda claim: studio.retry(old, model, confirm=confirm, nonce=nonce, claim=claim), studio.tile,
            )  # fmt: skip
        return _created(tile.value.page, replayed=tile.replayed)

    async def retry_now(self, request: Request) -> Response:
        if (await self._app.studio.tile(request.path_params["id"])).held:  # waiting or not
            raise ConflictError("Nothing is told of this tile yet.",
                                hint="Wait for the others of its row, or show the makers.", param="id")  # fmt: skip
        return reply((await self._app.studio.retry_now(request.path_params["id"])).page)

    async def cancel(self, request: Request) -> Response:
        return reply((await self._app.studio.cancel(request.path_params["id"])).page, 202)

    async def spend(self, _: Request) -> Response:
        return reply(await self._app.studio.spend())

    async def set_caps(self, request: Request) -> Response:
        await self._app.caps.set(await _json(request))
        spend = await self._app.studio.spend()
        self._app.bus.publish("spend", spend)
        return reply(spend)

    # Pictures.

    async def image(self, request: Request) -> Response:
        pictures = self._app.studio.pictures
        record = await pictures.record(request.path_params["id"])
        if await self._app.studio.veils(record):
            if request.query_params.get("download"):
                raise hidden_maker()
            headers = {"Cache-Control": "no-store", **_SANDBOX}  # the same address brings the file itself later
            return Response(await pictures.plain(record.sha256), 200, headers, PLAIN_TYPE)
        if request.query_params.get("download"):
            given = await hand_over(self._app.studio, self._app.store.receipts, record.id)
            headers = {"Cache-Control": "no-store", **_SANDBOX, "Content-Disposition": attachment(given.name),
                       "X-Triptych-Content-Credentials": given.file.credentials,
                       "X-Triptych-Recipe": "embedded" if given.file.recipe else "none"}  # fmt: skip
            if given.receipt is not None:
                headers[RECEIPT_HEADER] = given.receipt.id
            return Response(given.file.data, 200, headers, record.media_type)
        if record.media_type in _SAFE:
            return Response(await pictures.bytes_of(record.sha256), 200, {**_FOREVER, **_SANDBOX}, record.media_type)
        data, kind = await pictures.shown(record.sha256)
        return Response(data, 200, {**_FOREVER, **_SANDBOX}, kind)

    async def image_receipt(self, request: Request) -> Response:
        """The receipt of a picture, as the file that goes beside it."""
        picture = await self._app.studio.pictures.record(request.path_params["id"])
        if await self._app.studio.veils(picture):
            raise hidden_maker()
        found = await self._app.store.receipts.of_tile(picture.tile_id)
        if found is None:
            raise NotFoundError("This picture has no receipt yet.", param="id")
        name = PurePath(await name_of(self._app.studio, picture)).stem + RECEIPT_SUFFIX
        headers = {"Cache-Control": "no-store", **_SANDBOX, "Content-Disposition": attachment(name)}
        return Response(f"{found.body}\n", 200, headers, "application/jose")

    async def thumb(self, request: Request) -> Response:
        data = await self._app.studio.pictures.thumb(request.path_params["id"])
        return Response(data, 200, {**_FOREVER, **_SANDBOX}, "image/webp")

    async def view(self, request: Request) -> Response:
        """A picture as rows show it; what cannot be made smaller is shown as it is."""
        try:
            data = await self._app.studio.pictures.view(request.path_params["id"])
        except HostileContentError:
            return await self.image(request)
        return Response(data, 200, {**_FOREVER, **_SANDBOX}, "image/webp")

    async def heat(self, request: Request) -> Response:
        """The map of what an edit had changed outside of its mask."""
        record = await self._app.studio.pictures.record(request.path_params["id"])
        if await self._app.studio.veils(record):
            raise hidden_maker()
        if record.restored is None or record.restored.heat_sha256 is None:
            raise NotFoundError("There is no map for this picture.", param="id")
        data = await self._app.studio.pictures.bytes_of(record.restored.heat_sha256)
        return Response(data, 200, {**_FOREVER, **_SANDBOX}, "image/png")

    async def use(self, request: Request) -> Response:
        unrestored = (await _json(request)).get("unrestored")
        if not isinstance(unrestored, bool):
            raise BadRequestError("unrestored must be true or false.", param="unrestored")
        studio, picture = self._app.studio, request.path_params["id"]
        if await studio.veils(await studio.pictures.record(picture)):  # only a model that takes no mask has two files
            raise hidden_maker()
        return reply((await studio.use(picture, unrestored=unrestored)).page)

    async def preview(self, request: Request) -> Response:
        data = self._app.studio.preview(request.path_params["id"])
        if data is None:  # a page asks for what it was told of, and the picture itself may have come since
            await self._app.studio.tile(request.path_params["id"])
            return Response(None, 204, {"Cache-Control": "no-store"})
        kind = header(data).media_type
        if kind not in _SAFE:
            raise NotFoundError("The preview of this tile cannot be shown.", param="id")
        return Response(data, 200, {"Cache-Control": "no-store", **_SANDBOX}, kind)

    async def upload(self, request: Request) -> Response:
        return reply((await self._app.studio.upload(await whole_body(request, MAX_UPLOAD))).json, 201)

    async def uploaded(self, request: Request) -> Response:
        """A picture by the hash of its bytes; one of a blind row, that is to be started from, without what tells its
        maker."""
        sha256, studio = request.path_params["sha256"], self._app.studio
        made = (await self._app.store.lineage.made([sha256])).get(sha256)
        if made is not None and (await studio.tile(made[0])).veiled:
            headers = {"Cache-Control": "no-store", **_SANDBOX}
            return Response(await studio.pictures.plain(sha256), 200, headers, PLAIN_TYPE)
        data, kind = await studio.pictures.shown(sha256)
        return Response(data, 200, {**_FOREVER, **_SANDBOX}, kind)

    async def uploaded_thumb(self, request: Request) -> Response:
        """The thumbnail of a picture by the hash of its bytes: pixels only, so that it tells nothing of a maker."""
        data = await self._app.studio.pictures.thumb_of(request.path_params["sha256"])
        return Response(data, 200, {**_FOREVER, **_SANDBOX}, "image/webp")

    # Keys and consents.

    async def set_key(self, request: Request) -> Response:
        body = await _json(request)
        key = body.get("key")
        if not isinstance(key, str):
            raise BadRequestError("key is missing.", param="key")
        provider = request.path_params["id"]
        check = await self._app.models.set_key(provider, key, keep=body.get("keep") is True)
        return reply({"provider": provider_view(self._app.models.provider(provider)), "check": check})

    async def remove_key(self, request: Request) -> Response:
        await self._app.models.remove_key(request.path_params["id"])
        return reply({"provider": provider_view(self._app.models.provider(request.path_params["id"]))})

    async def check(self, request: Request) -> Response:
        check = await self._app.models.check(request.path_params["id"])
        return reply({"provider": provider_view(self._app.models.provider(request.path_params["id"])), "check": check})

    async def consent(self, request: Request) -> Response:
        given = (await _json(request)).get("given")
        if not isinstance(given, bool):
            raise BadRequestError("given must be true or false.", param="given")
        await self._app.models.set_consent(request.path_params["id"], given)
        return reply({"provider": provider_view(self._app.models.provider(request.path_params["id"]))})

    async def recognise(self, request: Request) -> Response:
        key = (await _json(request)).get("key")
        return reply({"providers": self._app.models.recognise(key) if isinstance(key, str) else ()})


NEVER_OPENED = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
"""Headers of a file that is kept by whoever asked for it, and never shown on this origin."""


def attachment(name: str) -> str:
    """`Content-Disposition` for a download (RFC 6266 section 4.3): plain letters for old clients, the true name beside
    them when it has others."""
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in name)
    more = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{more}'


def hidden_maker() -> ConflictError:
    """Why a picture of a row that is blind still is not handed over."""
    return ConflictError("It is hidden who made this picture, and the file would tell.",
                         hint="Pick one of its row first, or show the makers.", param="id")  # fmt: skip


def _created(value: Any, *, replayed: bool) -> Response:
    """What was started; `replayed` when it was started by an earlier call with the same key."""
    answer = reply(value, 202)
    if replayed:
        answer.headers["Idempotent-Replayed"] = "true"
    return answer


async def _json(request: Request) -> dict[str, Any]:
    body = await whole_body(request, MAX_JSON)
    return json_object(body) if body else {}


@contextmanager
def _about_one_model() -> Iterator[None]:
    """Errors about `models` name the field `model` of a call that takes one."""
    try:
        yield
    except BadRequestError as error:
        error.param = "model" if error.param == "models" else error.param
        raise


def _names(field: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise BadRequestError(f"{field} must be a list of names.", param=field)
    return tuple(value)


def asked_of(body: Mapping[str, Any]) -> Asked:
    """A plan's or a run's body. Raises BadRequestError naming the field."""
    text, n, mask, budget, project = (body.get(name) for name in ("text", "n", "mask", "budget_micro_usd", "project"))
    if not isinstance(text, str):
        raise BadRequestError("text is missing.", hint="Say what the picture should show.", param="text")
    if n is not None and (not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= 40):
        raise BadRequestError(f"n is {n!r}; it takes 1 to 40.", param="n")
    if mask is not None and not isinstance(mask, str):
        raise BadRequestError("mask must be the hash of an uploaded picture.", param="mask")
    if budget is not None and (not isinstance(budget, int) or isinstance(budget, bool) or budget < 0):
        raise BadRequestError("budget_micro_usd must be whole micro-dollars.", param="budget_micro_usd")
    fewer = body.get("fewer")
    return Asked(text=text, models=_names("models", body.get("models", [])), n=n, images=_images(body.get("images", [])),
                 mask=mask, budget_micro_usd=budget, parent=_parent(body.get("parent")),
                 fewer=None if fewer is None else _names("fewer", fewer), continues=_flag(body, "continues"),
                 restore=_flag(body, "restore"), tier=_tier(body.get("tier", "final")), lane_floor=_lane(body.get("lane_floor")),
                 no_community=_flag(body, "no_community"),
                 project=None if project is None else read_project("project", project))  # fmt: skip


def _flag(body: Mapping[str, Any], field: str) -> bool:
    if not isinstance(body.get(field, False), bool):
        raise BadRequestError(f"{field} must be true or false.", param=field)
    return body.get(field) is True


def _tier(value: Any) -> Tier:
    if value not in get_args(Tier):
        raise BadRequestError(f"tier is {value!r}; it takes draft or final.", param="tier")
    found: Tier = value
    return found


def _lane(value: Any) -> Lane | None:
    if value is not None and value not in LANES:
        raise BadRequestError(f"lane_floor is {str(value)[:40]!r}; it takes {', '.join(LANES)}.", param="lane_floor")
    found: Lane | None = value
    return found


def _parent(value: Any) -> Parent | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not all(isinstance(value.get(name), str) for name in ("tile", "picture")):
        raise BadRequestError("parent must be {tile, picture}, the ids of both.", param="parent")
    return Parent(tile=value["tile"], picture=value["picture"])


def _images(value: Any) -> tuple[PictureRef, ...]:
    if not isinstance(value, list) or not all(isinstance(i, dict) and isinstance(i.get("sha256"), str) for i in value):
        raise BadRequestError("images must be a list of {sha256, role}.", param="images")
    for image in value:
        if image.get("role", "edit") not in get_args(Role):
            raise BadRequestError(f"role is {image['role']!r}; it takes {', '.join(get_args(Role))}.", param="images")
    return tuple(PictureRef(sha256=image["sha256"], role=image.get("role", "edit")) for image in value)
