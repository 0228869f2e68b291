"""What the adapter tests share: pictures, cards, requests and answers as values."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pybase64
from PIL import Image

from triptych.catalog.load import load_cards
from triptych.http.message import HttpResponse, Step
from triptych.provider_kit.adapter import Done, ImageAdapter
from triptych.providers import row_cards
from triptych.spec.errors import TriptychError
from triptych.spec.image import ImageRequest, InputImage, Role
from triptych.spec.model import ModelCard

CARDS: Mapping[str, ModelCard] = {card.id: card for card in (*load_cards(), *row_cards())}


def png(mode: str = "RGB", colour: Any = "teal", size: tuple[int, int] = (8, 6)) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, format="PNG")
    return out.getvalue()


PNG = png()
B64 = pybase64.b64encode(PNG).decode()


def picture(data: bytes = PNG, role: Role = "edit", media_type: str = "image/png") -> InputImage:
    return InputImage(data, media_type, hashlib.sha256(data).hexdigest(), 8, 6, role)


def large(data: bytes = PNG, role: Role = "edit") -> InputImage:
    """The same, said to be of a size that every model takes."""
    return replace(picture(data, role), width=512, height=384)


def request(prompt: str = "a steel kettle", **fields: Any) -> ImageRequest:
    return ImageRequest(prompt=prompt, **fields)


def answer(
    body: Any, status: int = 200, headers: Mapping[str, str] | None = None, step: Step = "submit", url: str = ""
) -> HttpResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status=status, headers=headers or {}, body=data, step=step, url=url)


def done(adapter: ImageAdapter, response: HttpResponse, model: str, asked: ImageRequest | None = None) -> Done:
    result = adapter.parse(response, asked or request(), CARDS[model])
    assert isinstance(result, Done)
    return result


def failure(adapter: ImageAdapter, response: HttpResponse, model: str) -> TriptychError:
    """The error that an answer becomes; fails when it becomes anything else."""
    try:
        adapter.parse(response, request(), CARDS[model])
    except TriptychError as error:
        return error
    raise AssertionError("the answer was taken for a success")


def kinds(prepared: Any) -> dict[str, str]:
    return {adjustment.feature: adjustment.kind for adjustment in prepared.adjustments}
