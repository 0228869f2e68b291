"""Multipart forms: settings and pictures as parts."""

import json
from collections.abc import Mapping

from triptych.http.message import Part
from triptych.spec.image import InputImage
from triptych.spec.json import Json


def fields_of(values: Mapping[str, Json]) -> list[Part]:
    """A part for each value: text as it is, anything else as JSON writes it."""
    return [Part(name=name, data=_written(value).encode()) for name, value in values.items()]


def _written(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def file_of(name: str, image: InputImage) -> Part:
    """A picture as a file of its own kind."""
    ending = image.media_type.rpartition("/")[2]
    return Part(name=name, data=image.data, filename=f"{name}.{ending}", media_type=image.media_type)


def png_of(name: str, data: bytes) -> Part:
    """Bytes of a PNG as a file."""
    return Part(name=name, data=data, filename=f"{name}.png", media_type="image/png")
