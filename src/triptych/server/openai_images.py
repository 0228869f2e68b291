"""`/v1/images/generations`, `/v1/images/edits` and `/v1/models` as OpenAI's API stands (types of the `openai` package
3.52.0, read 2026-11-20), on every back-end, with our extension object `triptych` in the answer."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec
import pybase64
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from triptych.imaging.header import header
from triptych.server.body import json_object, limited, sha256_of, whole_body
from triptych.server.errors import as_json
from triptych.server.image_jobs import ImageJobs, Preview
from triptych.server.openai_answer import Answer
from triptych.server.openai_fields import ImageCall, read_call
from triptych.server.pictures_in import MAX_INPUT_BYTES, MAX_INPUTS, at_most, input_image
from triptych.spec.errors import BadRequestError
from triptych.spec.image import InputImage

MAX_JSON_BYTES = 80 << 20
MAX_FORM_BYTES = 400 << 20
_OUR_NAMES = MappingProxyType({"text": "prompt", "models": "model"})
"""Fields of the studio's calls, as this API names them."""


class ImagesApi:
    """The two creating calls."""

    def __init__(self, jobs: ImageJobs) -> None:
        self._jobs = jobs

    async def generations(self, request: Request) -> Response:
        """`POST /v1/images/generations`."""
        body = await whole_body(request, MAX_JSON_BYTES)
        call = read_call(json_object(body))
        return await self._jobs.run(request, call, await sha256_of(body), Images(call))

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
        at_most(len(read), "image")
        _check_mask(mask, read[0])
        call = read_call(_nested(text))
        digest = hashlib.sha256(as_json([text, [i.sha256 for i in read], mask.sha256 if mask else None])).hexdigest()
        call = call.with_images(tuple(read), mask)
        return await self._jobs.run(request, call, digest, Images(call))


@dataclass(frozen=True, slots=True)
class Images:
    """What the two calls say of a job."""

    call: ImageCall

    @property
    def words(self) -> Mapping[str, str]:
        """See `Dialect.words`."""
        return _OUR_NAMES

    def whole(self, answer: Answer, headers: Mapping[str, str]) -> Response:
        """See `Dialect.whole`."""
        return answer.response(headers)

    def preview(self, preview: Preview, /) -> bytes:
        """See `Dialect.preview`."""
        return _event(f"{_kind(self.call)}.partial_image", _partial(preview, self.call))

    def last(self, answer: Answer) -> Iterator[bytes]:
        """See `Dialect.last`."""
        for name, data in answer.events():
            yield _event(name if name == "error" else f"{_kind(self.call)}.{name}", data)
        yield b"data: [DONE]\n\n"


def _kind(call: ImageCall) -> str:
    return "image_edit" if call.request.images else "image_generation"


def _event(name: str, data: Mapping[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), as_json({**data, "type": name}))


def _partial(preview: Preview, call: ImageCall) -> dict[str, Any]:
    info = header(preview.data)
    return {
        "b64_json": pybase64.b64encode(preview.data).decode(), "partial_image_index": preview.index, "created_at": preview.created,
        "size": f"{info.width}x{info.height}", "quality": call.request.quality or "auto",
        "background": call.request.background or "auto", "output_format": info.media_type.rpartition("/")[2],
    }  # fmt: skip


async def _picture(name: str, file: UploadFile) -> InputImage:
    return await input_image(name, await file.read(MAX_INPUT_BYTES + 1))


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
    if not header(mask.data).has_alpha:  # as OpenAI: 400 invalid_mask_image_format, "mask image missing alpha channel"
        raise BadRequestError("mask has no alpha channel; its transparent pixels are what is to be changed.", param="mask",
                              hint="Save it with transparency. POST /api/runs takes masks in black and white: there white is changed.")  # fmt: skip


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
