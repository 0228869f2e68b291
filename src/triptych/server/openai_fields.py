"""The fields of OpenAI's image calls as they stand (API reference as typed by the `openai` package 3.52.0, read
2026-11-20), and how each becomes part of our request.

A value outside a field's range is an error that names the field and the allowed values. A field nobody knows is
accepted, not sent, and reported.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from starlette.requests import Request

from triptych.spec.errors import BadRequestError
from triptych.spec.image import Adjustment, AspectRatio, ImageRequest, InputImage, Size
from triptych.spec.model import Lane
from triptych.spec.records import Parent
from triptych.spec.routing import NO_FLOORS, Floors
from triptych.studio.terms import read_project

QUALITIES = ("auto", "low", "medium", "high", "xhigh", "max", "standard", "hd", "draft")
MAX_PROMPT = 32_000
NONCE_HEADER = "X-Triptych-Nonce"
_TRUE, _FALSE = ("true", "1"), ("false", "0")
_PICTURES = (
    "image",
    "image[]",
    "images",
    "image_url",
    "input_image",
    "input_images",
    "input_references",
    "reference_images",
    "mask",
)
"""Fields by which clients of other hosts send pictures among the text fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCall:
    """One call, understood. `notes` say what was taken in but means nothing here."""

    request: ImageRequest
    model: str
    stream: bool = False
    as_url: bool = False
    lane_floor: Lane | None = None
    allow_model_failover: bool = False
    hedge: bool = False
    floors: Floors = NO_FLOORS
    nonce: str | None = None
    project: str | None = None
    parent: Parent | None = None
    notes: tuple[Adjustment, ...] = ()

    def with_images(self, images: tuple[InputImage, ...], mask: InputImage | None) -> "ImageCall":
        """The same call with the pictures of an edit."""
        return replace(self, request=replace(self.request, images=images, mask=mask))


def _wrong(name: str, value: Any, allowed: str) -> BadRequestError:
    shown = value if isinstance(value, int | float | bool) else repr(value)
    return BadRequestError(f"{name} is {shown}; it takes {allowed}.", param=name)


def _text(name: str, value: Any, *, limit: int = MAX_PROMPT) -> str:
    if not isinstance(value, str):
        raise _wrong(name, value, "text")
    if len(value) > limit:
        raise BadRequestError(f"{name} has {len(value)} characters; at most {limit} are taken.", param=name)
    return value


def _integer(low: int, high: int) -> Callable[[str, Any], int]:
    def read(name: str, value: Any) -> int:
        if isinstance(value, str) and value.lstrip("-").isascii() and value.lstrip("-").isdigit() and len(value) < 20:
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise _wrong(name, value, f"a whole number from {low} to {high}")
        return value

    return read


def _word(*allowed: str) -> Callable[[str, Any], str]:
    def read(name: str, value: Any) -> str:
        if value not in allowed:
            raise _wrong(name, value, ", ".join(allowed))
        return str(value)

    return read


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in (*_TRUE, *_FALSE):
        return value.lower() in _TRUE
    raise _wrong(name, value, "true or false")


def _size(name: str, value: Any) -> Size | None:
    if value == "auto":
        return None
    try:
        size = Size.parse(_text(name, value))
    except ValueError:
        raise _wrong(name, value, "`auto` or WIDTHxHEIGHT in pixels, e.g. 1024x1536") from None
    if max(size.width, size.height) > 8192:
        raise _wrong(name, value, "sides of at most 8192 pixels")
    return size


def _ratio(name: str, value: Any) -> AspectRatio:
    try:
        return AspectRatio.parse(_text(name, value))
    except ValueError:
        raise _wrong(name, value, "a ratio of whole numbers, e.g. 4:5") from None


def _options(name: str, value: Any) -> Mapping[str, Mapping[str, Any]]:
    if not isinstance(value, Mapping) or not all(isinstance(entry, Mapping) for entry in value.values()):
        raise _wrong(name, value, "an object of objects by provider")
    return value


def _regions(name: str, value: Any) -> tuple[str, ...]:
    names = value if isinstance(value, list) else [value]
    if not 1 <= len(names) <= 50:
        raise _wrong(name, value, "a list of 1 to 50 names of regions")
    return tuple(_text(name, item, limit=64) for item in names)


def read_nonce(name: str, value: Any) -> str:
    """The client's own number for the router's draws. Raises BadRequestError."""
    if not isinstance(value, str) or not 1 <= len(value) <= 128 or not value.isascii() or not value.isprintable():
        raise _wrong(name, value, "1 to 128 printable ASCII characters, best 32 random hex digits")
    return value


def nonce_header(request: Request) -> str | None:
    """The nonce in the headers of a call, None without one. Raises BadRequestError."""
    value = request.headers.get(NONCE_HEADER)
    return None if value is None else read_nonce(NONCE_HEADER, value)


_REQUEST: Mapping[str, Callable[[str, Any], Any]] = {
    "n": _integer(1, 10),
    "size": _size,
    "quality": _word(*QUALITIES),
    "background": _word("transparent", "opaque", "auto"),
    "output_format": _word("png", "jpeg", "webp"),
    "output_compression": _integer(0, 100),
    "moderation": _word("auto", "low"),
    "input_fidelity": _word("high", "low"),
    "seed": _integer(0, 2**32 - 1),
    "negative_prompt": _text,
    "aspect_ratio": _ratio,
    "resolution": _word("512", "768", "1k", "1.5k", "2k", "3k", "4k"),
    "options": _options,
}
"""Fields that become a field of ImageRequest of the same name. The last five are ours, as gateways write them."""

_CALL: Mapping[str, Callable[[str, Any], Any]] = {
    "stream": _flag,
    "partial_images": _integer(0, 3),
    "response_format": _word("b64_json", "url"),
    "lane_floor": _word(*get_args(Lane)),
    "allow_model_failover": _flag,
    "hedge": _flag,
    "no_training": _flag,
    "no_community": _flag,
    "max_retention_days": _integer(0, 36_500),
    "regions": _regions,
    "nonce": read_nonce,
    "project": read_project,
}
_AUTO_IS_UNSET = {"quality", "background", "moderation"}


@dataclass(slots=True)
class _Reader:
    body: Mapping[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    notes: list[Adjustment] = field(default_factory=list)

    def take(self, name: str, reader: Callable[[str, Any], Any]) -> Any:
        value = self.body.get(name)
        return None if value is None else reader(name, value)


def read_call(body: Mapping[str, Any]) -> ImageCall:
    """A generation or the text fields of an edit as a call. Our own fields may also stand in an object `triptych`.

    Raises BadRequestError with `param` set; also for a picture among these fields, because what would be drawn without it
    costs money and is not what was asked for.
    """
    if isinstance(body.get("triptych"), Mapping):
        body = {**body, **body["triptych"]}
    reader = _Reader(body)
    _no_pictures(body)
    if body.get("prompt") is None:
        raise BadRequestError("prompt is missing.", hint="Say what the picture should show.", param="prompt")
    prompt = _text("prompt", body["prompt"])
    if not prompt.strip():
        raise BadRequestError("prompt is empty.", hint="Say what the picture should show.", param="prompt")
    request = ImageRequest(prompt=prompt)
    for name, take in _REQUEST.items():
        value = reader.take(name, take)
        if value is not None and not (value == "auto" and name in _AUTO_IS_UNSET):
            request = replace(request, **{name: value})
    for name in ("user", "safety_identifier"):  # the second is the newer name of the first, and wins
        if body.get(name) is not None:
            request = replace(request, user=_text(name, body[name], limit=512))
    call = {name: reader.take(name, take) for name, take in _CALL.items()}
    if call["stream"] and call["partial_images"]:
        request = replace(request, previews=call["partial_images"])
    return ImageCall(
        request=request,
        model=_text("model", body.get("model") or "auto", limit=256),
        stream=bool(call["stream"]),
        as_url=call["response_format"] == "url",
        lane_floor=call["lane_floor"],
        allow_model_failover=bool(call["allow_model_failover"]),
        hedge=bool(call["hedge"]),
        floors=Floors(
            no_training=bool(call["no_training"]),
            max_retention_days=call["max_retention_days"],
            regions=call["regions"] or (),
            no_community=bool(call["no_community"]),
        ),
        nonce=call["nonce"],
        project=call["project"],
        notes=(*_unknown(body), *_without_stream(call)),
    )


def _no_pictures(body: Mapping[str, Any]) -> None:
    for name in _PICTURES:
        if body.get(name) not in (None, "", []):
            raise BadRequestError(
                f"{name} is not read here: pictures are sent as files.",
                hint="Send them to POST /v1/images/edits as multipart/form-data: pictures in parts named image, a mask in a part "
                     "named mask, each with a filename.",
                param=name,
            )  # fmt: skip


def read_here(fields: Mapping[str, Any], words: Mapping[str, str]) -> ImageCall:
    """The same of a wire that has other names for these fields: an error has them by `words`."""
    try:
        return read_call(fields)
    except BadRequestError as error:
        error.param = words.get(error.param or "", error.param)
        raise


def side(value: Any) -> Any:
    """A `resolution` as other wires write it: `2K`, `0.5K`."""
    return {"0.5k": "512"}.get(value.lower(), value.lower()) if isinstance(value, str) else value


def unknown(name: str) -> Adjustment:
    """What is said of a field that was taken in and means nothing."""
    return Adjustment(name, "unsupported", "this field is not known here; it was not sent")


def _without_stream(call: Mapping[str, Any]) -> tuple[Adjustment, ...]:
    if call["stream"] or not call["partial_images"]:
        return ()
    return (Adjustment("partial_images", "unsupported", "previews come only with stream: true"),)


def _unknown(body: Mapping[str, Any]) -> tuple[Adjustment, ...]:
    known = {*_REQUEST, *_CALL, "prompt", "model", "user", "safety_identifier", "triptych", *_PICTURES}
    return tuple(unknown(name) for name in sorted(set(body) - known) if body[name] is not None)
