"""Requests: from a prompt as read, and to and from JSON with their pictures by hash."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from triptych.spec.errors import NotFoundError
from triptych.spec.image import AspectRatio, ImageRequest, InputImage, Role, Size, Turn, WeightedPart
from triptych.spec.json import Json, JsonObject
from triptych.store.base import BlobStore
from triptych.studio.prompt import PromptSpec, Value

_PLAIN = ("resolution", "quality", "seed", "negative_prompt", "background", "output_format", "output_compression",
          "moderation", "input_fidelity", "user")  # fmt: skip
_FIELDS = frozenset({*_PLAIN, "size", "aspect_ratio"})
Contexts = Callable[[str, str], Awaitable[str | None]]
"""What an endpoint may see again of a picture that it made, by the picture's id and the endpoint's."""


def build_request(
    spec: PromptSpec,
    *,
    images: Sequence[InputImage] = (),
    mask: InputImage | None = None,
    applies: Callable[[str], bool] = lambda _: False,
    previews: int = 0,
    turns: Sequence[Turn] = (),
    restore: bool = False,
) -> ImageRequest:
    """The request for one picture of one prompt by one model. `applies` says whether the name after an `@` in
    `--s 250@flux` means this model."""
    settings = dict(spec.settings)
    for override in spec.overrides:
        if applies(override.model):
            settings[override.name] = override.value
            other = {"size": "aspect_ratio", "aspect_ratio": "size"}.get(override.name)
            settings.pop(other or "", None)
    if settings.get("seed") == "random":
        del settings["seed"]
    fields: dict[str, Any] = {name: value for name, value in settings.items() if name in _FIELDS}
    knobs = {name: _knob(value) for name, value in settings.items() if name not in _FIELDS}
    roles = {reference.index: reference.role for reference in spec.references if reference.role is not None}
    given = tuple(
        replace(image, role=roles[place]) if place in roles else image for place, image in enumerate(images, start=1)
    )
    return ImageRequest(
        prompt=spec.text, parts=spec.parts, images=given, mask=mask, knobs=knobs, previews=previews,
        turns=tuple(turns), restore=restore, **fields,
    )  # fmt: skip


def _knob(value: Value) -> int | float | str | bool:
    return str(value) if isinstance(value, AspectRatio | Size) else value


def ratio_of(request: ImageRequest) -> float:
    """Width / height to reserve for a picture before it is there: what was asked for, else the shape of the picture to
    edit, else a square."""
    if request.size is not None:
        return request.size.width / request.size.height
    if request.aspect_ratio is not None:
        return request.aspect_ratio.value
    source = next((image for image in request.images if image.role == "edit"), None)
    return source.width / source.height if source is not None and source.height else 1.0


def request_json(request: ImageRequest) -> JsonObject:
    """The request without bytes: what a tile keeps, and what the inspector shows. Only what was asked for is in it."""
    body: dict[str, Json] = {"prompt": request.prompt, "n": request.n}
    body |= {name: getattr(request, name) for name in _PLAIN if getattr(request, name) is not None}
    body |= {name: str(value) for name in ("size", "aspect_ratio") if (value := getattr(request, name)) is not None}
    if request.parts:
        body["parts"] = [{"text": part.text, "weight": part.weight} for part in request.parts]
    if request.previews:
        body["previews"] = request.previews
    if request.images:
        body["images"] = [_picture_json(image) for image in request.images]
    if request.mask is not None:
        body["mask"] = _picture_json(request.mask)
    if request.restore:
        body["restore"] = True
    if request.task is not None:
        body["task"] = request.task
    if request.turns:
        body["turns"] = [_turn_json(turn) for turn in request.turns]
    if request.knobs:
        body["knobs"] = dict(request.knobs)
    if request.options:
        body["options"] = {name: dict(value) for name, value in request.options.items()}
    return body


def asked_json(request: Mapping[str, Any], but: Collection[str] = ()) -> JsonObject:
    """What a kept request asks for beyond its words, by the names that adjustments have for it and without what is in `but`:
    the settings as they are, of pictures and of the mask only which they are and what for, of earlier turns their instructions."""
    names = (*_PLAIN, "size", "aspect_ratio")
    asked: dict[str, Json] = {name: request[name] for name in names if name in request and name not in {"user", *but}}
    if parts := request.get("parts"):
        asked["parts"] = " ".join(f"{part['text']}::{part['weight']:g}" for part in parts)
    if images := request.get("images"):
        asked["images"] = [{"sha256": image["sha256"], "role": image["role"]} for image in images]
    if mask := request.get("mask"):
        asked["mask"] = mask["sha256"]
    if turns := request.get("turns"):
        asked["turns"] = [{"prompt": turn["prompt"], "picture": turn["picture"]} for turn in turns]
    asked |= {name: request[name] for name in ("restore", "options") if name in request}
    return asked | dict(request.get("knobs", {}))


def _turn_json(turn: Turn) -> JsonObject:
    """Without its context, which stays with the picture's own record."""
    return {"prompt": turn.prompt, "picture": turn.picture, "endpoint": turn.endpoint,
            "answer": _picture_json(turn.answer), "images": [_picture_json(image) for image in turn.images]}  # fmt: skip


def _picture_json(image: InputImage) -> JsonObject:
    return {"sha256": image.sha256, "bytes": len(image.data), "media_type": image.media_type, "width": image.width, "height": image.height,
            "role": image.role}  # fmt: skip


async def request_from_json(
    body: Mapping[str, Any], blobs: BlobStore, contexts: Contexts | None = None
) -> ImageRequest:
    """The request again, with the bytes of its pictures, and with what `contexts` has for its turns. Raises NotFoundError
    when a picture is gone."""
    plain = (*_PLAIN, "previews", "knobs", "options", "restore", "task")
    fields: dict[str, Any] = {name: body[name] for name in plain if name in body}
    if "size" in body:
        fields["size"] = Size.parse(body["size"])
    if "aspect_ratio" in body:
        fields["aspect_ratio"] = AspectRatio.parse(body["aspect_ratio"])
    if "mask" in body:
        fields["mask"] = await _picture(body["mask"], blobs)
    return ImageRequest(
        prompt=str(body["prompt"]),
        n=int(body.get("n", 1)),
        parts=tuple(WeightedPart(str(part["text"]), float(part["weight"])) for part in body.get("parts", ())),
        images=tuple([await _picture(image, blobs) for image in body.get("images", ())]),
        turns=tuple([await _turn(turn, blobs, contexts) for turn in body.get("turns", ())]),
        **fields,
    )


async def _turn(body: Mapping[str, Any], blobs: BlobStore, contexts: Contexts | None) -> Turn:
    picture, endpoint = str(body["picture"]), str(body["endpoint"])
    return Turn(
        prompt=str(body["prompt"]), picture=picture, endpoint=endpoint, answer=await _picture(body["answer"], blobs),
        images=tuple([await _picture(image, blobs) for image in body["images"]]),
        context=await contexts(picture, endpoint) if contexts is not None else None,
    )  # fmt: skip


async def _picture(body: Mapping[str, Any], blobs: BlobStore) -> InputImage:
    data = await blobs.get(str(body["sha256"]))
    if data is None:
        raise NotFoundError("A picture that this request starts from is no longer kept.",
                            hint="Add the picture again and start anew.", param="images")  # fmt: skip
    role: Role = body["role"] if body["role"] in get_args(Role) else "edit"
    return InputImage(data=data, media_type=str(body["media_type"]), sha256=str(body["sha256"]),
                      width=int(body["width"]), height=int(body["height"]), role=role)  # fmt: skip
