"""`/v1/images/generations`, `/v1/images/edits` and `/v1/models` as OpenAI's API stands (types of the `openai` package
3.52.0, read 2026-11-20), on every back-end, with our extension object `triptych` in the answer."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pybase64
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from triptych.app.container import App
from triptych.imaging.header import header
from triptych.router.shielded import finish
from triptych.server.auth import caller_key
from triptych.server.body import json_object, limited, sha256_of, whole_body
from triptych.server.errors import as_json
from triptych.server.idempotency import Claim, Idempotency, still_at_work
from triptych.server.openai_answer import Answer, answer_of, has_pictures
from triptych.server.openai_fields import ImageCall, nonce_header, read_call
from triptych.spec.errors import BadRequestError, HostileContentError, TooLargeError, TriptychError
from triptych.spec.image import Adjustment, InputImage
from triptych.spec.records import FINAL_STATES
from triptych.studio.terms import read_project
from triptych.studio.views import TileNews, TileView

MAX_INPUTS = 16
MAX_INPUT_BYTES = 50 << 20
MAX_JSON_BYTES = 80 << 20
MAX_FORM_BYTES = 400 << 20
_PICTURES = {"image/png", "image/jpeg", "image/webp"}
_OUR_NAMES = {"text": "prompt", "models": "model"}
"""Fields of the studio's calls, as this API names them."""
_NO_HEDGE = Adjustment("hedge", "unsupported", "the active policy has no hedge, so nobody is asked a second time")
PROJECT_HEADER = "X-Triptych-Project"
_REPLAYED = {"idempotent-replayed": "true"}


class ImagesApi:
    """The two creating calls. `Idempotency-Key` is honoured on both."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._idempotency = Idempotency(app.store, app.clock, app.owners.name, app.owners.alive)

    async def generations(self, request: Request) -> Response:
        """`POST /v1/images/generations`."""
        body = await whole_body(request, MAX_JSON_BYTES)
        call = read_call(json_object(body))
        return await self._run(request, call, await sha256_of(body))

    async def edits(self, request: Request) -> Response:
        """`POST /v1/images/edits`, multipart as OpenAI has it."""
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise BadRequestError("An edit is sent as multipart/form-data.", hint="Send the picture in a part named image.",
                                  param="image")  # fmt: skip
        async with limited(request, MAX_FORM_BYTES).form(
            max_files=MAX_INPUTS + 1, max_fields=64, max_part_size=1 << 20
        ) as form:
            text: dict[str, Any] = {name: value for name, value in form.items() if isinstance(value, str)}
            files = [v for name in ("image", "image[]") for v in form.getlist(name) if isinstance(v, UploadFile)]
            mask_file = form.get("mask")
            read = [await _picture("image", file) for file in files]
            mask = await _picture("mask", mask_file) if isinstance(mask_file, UploadFile) else None
        if not read:
            raise BadRequestError(
                "image is missing.", hint="Send 1 to 16 pictures in parts named image.", param="image"
            )
        if len(read) > MAX_INPUTS:
            raise BadRequestError(f"{len(read)} pictures were sent; at most {MAX_INPUTS} are taken.", param="image")
        _check_mask(mask, read[0])
        call = read_call(_nested(text))
        digest = hashlib.sha256(as_json([text, [i.sha256 for i in read], mask.sha256 if mask else None])).hexdigest()
        return await self._run(request, call.with_images(tuple(read), mask), digest)

    async def _run(self, request: Request, call: ImageCall, digest: str) -> Response:
        base = str(request.base_url).rstrip("/")
        self._app.caps.require_names(caller_key(request), project_of(request, call.project))
        if call.hedge and self._app.router.policies.active.hedge is None:
            call = replace(call, notes=(*call.notes, _NO_HEDGE))
        begun = await finish(self._begin(request, call, digest))
        if isinstance(begun, str):
            return await self._again(await self._app.studio.tile(begun), call, base)
        news, ended = begun
        if news is not None:
            return _event_stream(self._stream(news, ended, call, base), {})
        return (await self._answer(await asyncio.shield(ended), call, base)).response({})

    async def _begin(
        self, request: Request, call: ImageCall, digest: str
    ) -> "str | tuple[AsyncIterator[TileNews] | None, asyncio.Task[TileView]]":
        """The tile of an earlier call with this key, else the news and the end of the one that is started now. In one go,
        so that a client that goes away leaves no key without its tile and no tile without its key."""
        claim = await self._idempotency.begin(request, digest)
        if claim.tiles:
            return claim.tiles[0]
        tile = await self._start(request, call, claim)
        news = self._app.studio.follow(tile.record.id) if call.stream else None
        # The work belongs to the studio: a client that goes away does not stop it, and finds it under its key.
        return news, self._idempotency.settle(claim, self._app.studio.wait(tile.record.id))

    async def _start(self, request: Request, call: ImageCall, claim: Claim) -> TileView:
        """The tile, begun. Whatever stands in its way frees the key, and names the fields of this API."""
        started = False
        try:
            run = await self._app.studio.start_single(
                call.request,
                model=call.model,
                lane_floor=call.lane_floor,
                allow_model_failover=call.allow_model_failover,
                hedge=call.hedge,
                floors=call.floors,
                nonce=nonce_header(request) or call.nonce,
                api_key=caller_key(request),
                project=project_of(request, call.project),
                claim=claim.record,
            )
            started = True
        except TriptychError as error:
            error.param = _OUR_NAMES.get(error.param or "", error.param)
            raise
        finally:
            if not started:
                await self._idempotency.free(claim)
        return run.tiles[0]

    async def _again(self, tile: TileView, call: ImageCall, base: str) -> Response:
        """The answer of an earlier call with the same key."""
        if tile.record.state not in FINAL_STATES:
            raise still_at_work()
        answer = await self._answer(tile, call, base)
        if call.stream:
            return _event_stream(_last_events(answer, call), _REPLAYED)
        return answer.response({**_REPLAYED, "x-should-retry": "false"})

    async def _answer(self, tile: TileView, call: ImageCall, base: str) -> Answer:
        receipt, attempts = await self._app.store.receipts.with_attempts(tile.record.id)
        pictures = self._app.studio.pictures
        wanted = tile.pictures if has_pictures(tile) and not call.as_url else ()
        return answer_of(tile, attempts, call, [await pictures.bytes_of(p.sha256) for p in wanted], base, receipt)

    async def _stream(
        self, news: AsyncIterator[TileNews], ended: "asyncio.Task[TileView]", call: ImageCall, base: str
    ) -> AsyncIterator[bytes]:
        sent = 0
        async for item in news:
            if item.preview is not None and sent < call.request.previews:
                created = self._app.clock.now_ms() // 1000
                yield _event(f"{_kind(call)}.partial_image", _partial(item.preview, sent, created, call))
                sent += 1
        answer = await self._answer(await asyncio.shield(ended), call, base)
        async for event in _last_events(answer, call):
            yield event


def project_of(request: Request, named: str | None) -> str | None:
    """The project that a call is for: the header's, else the one that its body names. Raises BadRequestError."""
    header_value = request.headers.get(PROJECT_HEADER)
    return named if header_value is None else read_project(PROJECT_HEADER, header_value)


def _kind(call: ImageCall) -> str:
    return "image_edit" if call.request.images else "image_generation"


def _event_stream(events: AsyncIterator[bytes], headers: Mapping[str, str]) -> StreamingResponse:
    return StreamingResponse(events, 200, {"Cache-Control": "no-store", **headers}, "text/event-stream")


async def _last_events(answer: Answer, call: ImageCall) -> AsyncIterator[bytes]:
    for name, data in answer.events():
        yield _event(name if name == "error" else f"{_kind(call)}.{name}", data)
    yield b"data: [DONE]\n\n"


def _event(name: str, data: Mapping[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), as_json({**data, "type": name}))


def _partial(preview: bytes, index: int, created: int, call: ImageCall) -> dict[str, Any]:
    info = header(preview)
    return {
        "b64_json": pybase64.b64encode(preview).decode(), "partial_image_index": index, "created_at": created,
        "size": f"{info.width}x{info.height}", "quality": call.request.quality or "auto",
        "background": call.request.background or "auto", "output_format": info.media_type.rpartition("/")[2],
    }  # fmt: skip


async def _picture(name: str, file: UploadFile) -> InputImage:
    data = await file.read(MAX_INPUT_BYTES + 1)
    if len(data) > MAX_INPUT_BYTES:
        raise TooLargeError(
            f"{name} is larger than {MAX_INPUT_BYTES >> 20} MB.", hint="Send a smaller picture.", param=name
        )
    try:
        info = header(data)
    except HostileContentError as error:
        raise BadRequestError(
            f"{name} cannot be used: {error.message}", hint="Send a PNG, JPEG or WebP.", param=name
        ) from error
    if info.media_type not in _PICTURES:
        raise BadRequestError(f"{name} is {info.media_type}; it takes PNG, JPEG or WebP.", param=name)
    return InputImage(
        data=data,
        media_type=info.media_type,
        sha256=await sha256_of(data),
        width=info.width,
        height=info.height,
    )


def _check_mask(mask: InputImage | None, image: InputImage) -> None:
    if mask is None:
        return
    if mask.media_type != "image/png":
        raise BadRequestError("mask must be a PNG whose transparent pixels are to be changed.", param="mask")
    if (mask.width, mask.height) != (image.width, image.height):
        raise BadRequestError(
            f"mask is {mask.width}x{mask.height}, the picture is {image.width}x{image.height}; they must be the same size.",
            param="mask",
        )


def _nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A form's `options` and `triptych` fields are JSON texts."""
    made = dict(fields)
    for name in ("options", "triptych"):
        if isinstance(text := made.get(name), str):
            try:
                made[name] = msgspec.json.decode(text)
            except msgspec.DecodeError:
                raise BadRequestError(f"{name} is not JSON.", param=name) from None
    return made
