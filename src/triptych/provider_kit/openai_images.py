"""The OpenAI Images API as a dialect: OpenAI's own service and every host that speaks like it.

What differs between hosts is data (`Quirks`), so that another host is a row and no code.
Source: openai-python 3.52.0 (types of `images.generate` and `images.edit`, events), read 2026-11-20.
"""

# ruff: noqa: ARG002 - the interface hands over more than every wire format needs

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, urlencode

import msgspec

from triptych.http.message import HttpRequest, HttpResponse, Part, ServerSentEvent
from triptych.imaging.mask import white_mask
from triptych.provider_kit.adapter import Auth, Done, Pending, Prepared, RemoteImage
from triptych.provider_kit.chat_images import by_chat, chat_pictures, chat_request
from triptych.provider_kit.direct import DirectCall
from triptych.provider_kit.fit import Fit, resolution_side
from triptych.provider_kit.forms import png_of
from triptych.provider_kit.openai_sdk import openai_sdk
from triptych.provider_kit.options import with_options
from triptych.provider_kit.signs import Words, behind_bar, with_extra_args
from triptych.provider_kit.upstream import (
    Rule,
    as_count,
    as_list,
    as_object,
    as_text,
    base64_of,
    data_uri,
    dig,
    error_from,
    fault_of,
    key_check,
    models_told,
    picture_bytes,
    read_fault,
    read_json,
)
from triptych.spec.errors import (
    AuthError,
    BadRequestError,
    BillingError,
    BlockedError,
    EmptyAnswerError,
    ModelUnavailableError,
    OverloadedError,
    TriptychError,
)
from triptych.spec.image import (
    AdjustmentKind,
    Cost,
    GeneratedImage,
    ImageRequest,
    InputImage,
    ItemFailure,
    Size,
    Usage,
)
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import KeyCheck, ModelCard, Progress
from triptych.spec.replacing import replace

RULES = (
    Rule(pattern=r"moderation_blocked|content_policy_violation|content_?filter|ResponsibleAIPolicyViolation", error=BlockedError),
    Rule(pattern=r"flagged|safety (system|check|filter)|nsfw", error=BlockedError, status=400),
    Rule(pattern=r"flagged|safety|nsfw|moderat", error=BlockedError, status=403),
    Rule(pattern=r"flagged|safety|nsfw|moderat", error=BlockedError, status=422),
    Rule(pattern=r"insufficient_quota|billing_hard_limit|billing_not_active|insufficient.{0,20}(credit|balance)"
                 r"|(spend|usage)_limit_exceeded|credit_balance_exhausted",
         error=BillingError),
    Rule(pattern=r"unsupported_country|country, region,? or territory not supported", error=ModelUnavailableError,
         said="does not serve this region", hint="The provider's page “Supported countries and territories” lists them. Another "
                                                 "provider, or a model on this machine, works from here."),
    Rule(pattern=r"invalid_api_key|incorrect api key", error=AuthError),
    Rule(pattern=r"model_not_found|model not found", error=ModelUnavailableError),
    Rule(pattern=r"overloaded|queue (is )?full", error=OverloadedError, status=429),
)  # fmt: skip

QUALITY = {"draft": "low", "standard": "medium", "hd": "high", "xhigh": "high", "max": "high"}
_MAX_PARTIALS = 3
_IN_FORMS = ("brackets", "repeated")
_INSIDE: Mapping[Words, frozenset[str]] = {
    "plain": frozenset(), "bar": frozenset({"negative_prompt"}), "extra_args": frozenset({"seed", "negative_prompt"}),
}  # fmt: skip
Unread = Literal["mask", "seed", "negative_prompt"]
Edits = Literal["brackets", "repeated", "image_url", "reference_images", "images", "input_references", "ref_images"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """How a host differs from OpenAI.

    `fields` are the request's settings it takes beyond prompt, model, n and size, by OpenAI's names; `seed`,
    `negative_prompt` and `user` are common additions. `response_format` is the word that asks for base64, None where
    the field is not to be sent. `edits` says how pictures go in: a multipart form with `image[]` for several
    (`brackets`) or `image` repeated (`repeated`), or addresses in the JSON body (`image_url` for one,
    `reference_images` or `images` for a list, `input_references` for a list of parts as in a chat, `ref_images` for a list of base64);
    in JSON there is no room for a mask. `size` is one text, two sides, or a shape and a size class (`ratio`). `paths` puts
    `generations`, `edits`, `chat`, `check` (tries the key) and `list` (the image models; empty where there is none) elsewhere;
    `{model}` in one is the model's name there. `query` goes behind each. `cost_usd` is where the answer names its price in dollars.
    `mask` is how a mask says what changes: by transparency as at OpenAI, or by white. `unread` are the fields that the host lets fall
    without a word (`mask`, `seed`, `negative_prompt`): no model there has them, whatever its card says. `count` is whether `n` is sent.
    `words` is what the host takes apart in a prompt (see `signs`): what goes in that way, every model there has.
    `tokens` is where the answer tells the number of tokens that it charges for, all at the price of those of pictures.
    """

    fields: frozenset[str] = frozenset()
    response_format: str | None = "b64_json"
    size: Literal["size", "width_height", "ratio"] = "size"
    edits: Edits = "repeated"
    user_field: str = "user"
    paths: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Json] = field(default_factory=dict)
    refused_options: tuple[str, ...] = ("stream", "partial_images", "image", "mask")
    cost_usd: tuple[str, ...] = ()
    mask: Literal["transparent", "white"] = "transparent"
    unread: frozenset[Unread] = frozenset()
    count: bool = True
    words: Words = "plain"
    tokens: tuple[str, ...] = ()


class OpenAIImages:
    """One host that speaks the OpenAI Images API. Prices come from `usage` where the host sends it."""

    def __init__(
        self,
        *,
        provider: str,
        base_url: str,
        auth: Auth,
        quirks: Quirks | None = None,
        rules: tuple[Rule, ...] = (),
        trusted_hosts: frozenset[str] = frozenset(),
    ) -> None:
        self.provider = provider
        self.base_url = base_url
        self.auth = auth
        self.trusted_hosts = trusted_hosts
        self.quirks = quirks or Quirks()
        self.rules = (*rules, *RULES)

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        """Raises BadRequestError for what the card does not offer and cannot be left out, or for options that
        overrule the request."""
        if by_chat(card):
            return chat_request(request, card, self._path("chat", card.provider_model_id))
        in_json, card = self.quirks.edits not in _IN_FORMS, self.as_read(card)
        fit = Fit(request, card)
        body: dict[str, Json] = {"model": card.provider_model_id, "prompt": self._prompt(fit)}
        count = fit.count()
        body |= {"n": count} if self.quirks.count else {}
        self._size(fit, body)
        self._settings(fit, body)
        stream = self._stream(fit, body)
        images, mask = fit.images(), fit.mask()
        if mask is not None and not images:
            raise BadRequestError("A mask needs the picture that it is for.", param="mask", provider=self.provider)
        constants = {**self.quirks.constants, **as_object(card.extra.get("constants"))}
        if images and in_json:
            body[self.quirks.edits] = self._written(images)
        body = with_options(body, request, self.provider, open_defaults=constants, refused=self.quirks.refused_options)
        named = self._path("edits" if images and not in_json else "generations", card.provider_model_id)
        if images and not in_json:
            http = HttpRequest(url=named, parts=self._form(body, images, mask), stream=stream)
        else:
            http = HttpRequest(url=named, json=body, stream=stream)
        return Prepared(http=http, adjustments=fit.done())

    def as_read(self, card: ModelCard) -> ModelCard:
        """The card without the features that this host does not read, and with those that it reads inside of the prompt."""
        inside = frozenset[str]() if by_chat(card) else _INSIDE[self.quirks.words]
        unread = self.quirks.unread if self.quirks.edits in _IN_FORMS else self.quirks.unread | {"mask"}
        caps = card.capabilities
        return replace(card, capabilities=replace(
            caps, mask=caps.mask and "mask" not in unread, seed="seed" in inside or (caps.seed and "seed" not in unread),
            negative_prompt="negative_prompt" in inside or (caps.negative_prompt and "negative_prompt" not in unread),
        ))  # fmt: skip

    def _prompt(self, fit: Fit) -> str:
        text = fit.prompt()
        if self.quirks.words == "extra_args":
            return with_extra_args(fit, text)
        return behind_bar(fit, text) if self.quirks.words == "bar" else text

    def _written(self, images: tuple[InputImage, ...]) -> Json:
        """Pictures in the JSON body, as this host has them."""
        if self.quirks.edits == "ref_images":
            return [base64_of(image.data) for image in images]
        uris = [data_uri(image) for image in images]
        if self.quirks.edits == "input_references":
            return [{"type": "image_url", "image_url": {"url": uri}} for uri in uris]
        return uris[0] if self.quirks.edits == "image_url" else uris

    def _path(self, name: str, model: str = "") -> str:
        standard = {
            "generations": "/images/generations",
            "edits": "/images/edits",
            "chat": "/chat/completions",
            "check": "/models",
            "list": "/models",
        }
        path = self.quirks.paths.get(name, standard[name]).replace("{model}", quote(model, safe=""))
        return f"{path}?{urlencode(self.quirks.query)}" if path and self.quirks.query else path

    def _size(self, fit: Fit, body: dict[str, Json]) -> None:
        """The size, always sent: as fitted, else the card's default; an edit follows its picture, by the host's own word for that
        (`extra.edit_size`) or by the nearest size."""
        caps = fit.card.capabilities
        if self.quirks.size == "ratio":
            ratio, resolution = fit.aspect_ratio(), fit.resolution() or caps.default_resolution
            if ratio is not None or (caps.aspect_ratios and not fit.request.images):
                body["aspect_ratio"] = str(ratio) if ratio is not None else caps.aspect_ratios[0]
            body |= {} if resolution is None else {"resolution": resolution.upper()}
            return
        side = resolution_side(caps.default_resolution or "1k")
        default = Size.parse(caps.sizes[0]) if caps.sizes else Size(side, side) if caps.size_rule else None
        size = fit.size(default=None if fit.request.images else default)
        follow = as_text(fit.card.extra.get("edit_size"))
        if size is None and fit.request.images and follow is None:
            size = fit.followed() or default
        if self.quirks.size == "width_height":
            body |= {} if size is None else {"width": size.width, "height": size.height}
        elif size is not None or follow is not None:
            body["size"] = str(size) if size is not None else follow

    def _settings(self, fit: Fit, body: dict[str, Json]) -> None:
        caps, request, fields = fit.card.capabilities, fit.request, self.quirks.fields
        if self.quirks.response_format is not None:
            body["response_format"] = self.quirks.response_format
        inside = _INSIDE[self.quirks.words]
        chosen: dict[str, Json] = {
            "seed": None if "seed" in inside else fit.seed(),
            "negative_prompt": None if "negative_prompt" in inside else fit.negative_prompt(),
            "quality": fit.choice("quality", caps.qualities, QUALITY) or caps.default_quality,
            "background": fit.choice("background", caps.backgrounds),
            "output_format": fit.choice("output_format", caps.output_formats),
        }
        for name in ("moderation", "user"):
            if name in fields and getattr(request, name) is not None:
                fit.native(name)
                chosen[self.quirks.user_field if name == "user" else name] = getattr(request, name)
        fidelity = tuple(str(word) for word in as_list(fit.card.extra.get("input_fidelity")))
        if request.images:
            chosen["input_fidelity"] = fit.choice("input_fidelity", fidelity)
        if "output_compression" in fields and chosen["output_format"] in {"jpeg", "webp"}:
            fit.native("output_compression")
            chosen["output_compression"] = request.output_compression
        if chosen["background"] == "transparent" and chosen["output_format"] == "jpeg":
            raise BadRequestError("A transparent background needs png or webp, not jpeg.", param="background",
                                  hint="Choose png or webp.", provider=self.provider)  # fmt: skip
        body |= {name: value for name, value in chosen.items() if value is not None}

    @staticmethod
    def _stream(fit: Fit, body: dict[str, Json]) -> bool:
        """Asks for previews. Only for one picture: with several, a stream says more than once that it is complete."""
        wanted = fit.request.previews
        if wanted <= 0 or not fit.card.capabilities.previews:
            return False
        if fit.request.n > 1:
            fit.record("previews", "unsupported", "previews come only when one picture is asked for at a time")
            return False
        sent = min(wanted, _MAX_PARTIALS)
        kind: AdjustmentKind = "native" if sent == wanted else "adjusted"
        fit.record("previews", kind, "sent as asked" if sent == wanted else f"asked for {wanted}, sent {sent}")
        body |= {"stream": True, "partial_images": sent}
        return True

    def _form(
        self, body: Mapping[str, Json], images: tuple[InputImage, ...], mask: InputImage | None
    ) -> tuple[Part, ...]:
        several = len(images) > 1 and self.quirks.edits == "brackets"
        parts = [part for name, value in body.items() for part in _fields(name, value)]
        for number, image in enumerate(images, 1):
            parts.append(_file("image[]" if several else "image", f"image-{number}", image))
        if mask is not None:
            white = self.quirks.mask == "white"
            parts.append(png_of("mask", white_mask(mask.data)) if white else _file("mask", "mask", mask))
        return tuple(parts)

    def sdk(self, call: DirectCall) -> str | None:
        """The call in the words of the `openai` package."""
        return openai_sdk(call)

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        """Pictures as base64 or addresses, token counts, and the host's own price where it names one."""
        body = read_json(response)
        if response.status != 200 or as_object(body).get("error"):
            raise error_from(read_fault(response, self.provider), self.rules)
        top = as_object(body)
        if by_chat(card):
            return self._drawn_in_chat(top, response)
        images: list[GeneratedImage | RemoteImage] = []
        failures: list[ItemFailure] = []
        for index, item in enumerate(as_list(top.get("data"))):
            picture = _picture(as_object(item), top)
            if picture is not None:
                images.append(picture)
            else:
                failures.append(self._item_failure(index, as_object(item)))
        if not images:
            raise self._without_picture(failures, response.status)
        return Done(
            images=tuple(images), failures=tuple(failures), usage=self._tokens(top) or _usage(top), cost=self._cost(top),
            model_served=as_text(top.get("model")), metadata=_echo(top),
            provider_request_id=response.headers.get("x-request-id") or as_text(top.get("id")),
        )  # fmt: skip

    def _drawn_in_chat(self, top: JsonObject, response: HttpResponse) -> Done:
        fault = as_object(dig(next(iter(as_list(top.get("choices"))), None), "error"))
        if fault:
            raise error_from(fault_of({"error": fault}, self.provider, 200), self.rules)
        usage = as_object(top.get("usage"))
        return Done(
            images=chat_pictures(top, self.provider, response), cost=self._cost(top), model_served=as_text(top.get("model")),
            provider_request_id=response.headers.get("x-request-id") or as_text(top.get("id")),
            usage=Usage(input_tokens=as_count(usage.get("prompt_tokens")), output_tokens=as_count(usage.get("completion_tokens")),
                        total_tokens=as_count(usage.get("total_tokens"))),
        )  # fmt: skip

    def _item_failure(self, index: int, item: JsonObject) -> ItemFailure:
        if not as_object(item.get("error")):
            return ItemFailure(index=index, code="no_image", message="No readable picture in this item.")
        error = error_from(fault_of(item, self.provider, 200), self.rules)
        return ItemFailure(index=index, code=error.code, message=error.upstream or error.message)

    def _without_picture(self, failures: list[ItemFailure], status: int) -> TriptychError:
        blocked = next((failure for failure in failures if failure.code == BlockedError.code), None)
        said = blocked or (failures[0] if failures else None)
        kind = BlockedError if blocked else EmptyAnswerError
        return kind(
            f"{self.provider} answered without a picture: {said.message if said else 'the list is empty.'}",
            hint="Try again, or choose another model.", provider=self.provider, status=status,
            upstream=said.message if said else None,
        )  # fmt: skip

    def _cost(self, top: JsonObject) -> Cost | None:
        amount = dig(top, *self.quirks.cost_usd) if self.quirks.cost_usd else None
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount < 1e6:
            return None
        return Cost(math.ceil(round(amount * 1_000_000, 6)), "provider")

    def _tokens(self, top: JsonObject) -> Usage | None:
        told = as_count(dig(top, *self.quirks.tokens)) if self.quirks.tokens else None
        if told is None:
            return None
        return Usage(input_text_tokens=0, input_image_tokens=0, output_image_tokens=told, total_tokens=told)

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        """`image_generation.*` and `image_edit.*` events: previews, then the picture with its usage."""
        top = as_object(read_json(HttpResponse(status=200, body=event.data.encode("utf-8", "replace"))))
        name = as_text(top.get("type")) or event.event
        if name == "error" or as_object(top.get("error")):
            raise error_from(fault_of(top, self.provider, 200), self.rules)
        if name.endswith(".partial_image"):
            preview = picture_bytes(top.get("b64_json"))
            return Progress(preview=preview) if preview is not None else None
        if not name.endswith(".completed"):
            return None
        picture = _picture(top, top)
        if picture is None:
            raise self._without_picture([], 200)
        return Done(images=(picture,), usage=_usage(top), cost=self._cost(top), metadata=_echo(top),
                    model_served=as_text(top.get("model")))  # fmt: skip

    def check_request(self) -> HttpRequest:
        """The list of models: free, and needs the key."""
        return HttpRequest(method="GET", url=self._path("check"), step="check")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        works = "The key works." if self.auth.required else "The server answers."
        return key_check(response, self.provider, self.rules, works=works)

    def list_request(self) -> HttpRequest | None:
        """Where this host tells its image models: mostly with all its others."""
        path = self._path("list")
        return HttpRequest(method="GET", url=path, step="check") if path else None

    def parse_list(self, response: HttpResponse) -> KeyCheck:
        """`{"data": [{"id", "shutdown_date"}]}`, or the rows alone. The day is OpenAI's (openai-python 3.52.0, `Model`): null where no end is
        announced; other hosts have no such field."""
        body = read_json(response)
        rows = body if isinstance(body, list) else dig(body, "data")
        return models_told(self.parse_check(response), rows, ends="shutdown_date")


def _fields(name: str, value: Json) -> list[Part]:
    """One form field, or several for an object: `svg[model]`."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [part for key, inner in value.items() for part in _fields(f"{name}[{key}]", inner)]
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return [Part(name=name, data=text.encode())]


def _file(name: str, stem: str, image: InputImage) -> Part:
    media_type = image.media_type.lower()
    ending = "jpg" if media_type == "image/jpeg" else media_type.rpartition("/")[2]
    return Part(name=name, data=image.data, filename=f"{stem}.{ending}", media_type=media_type)


def _picture(item: JsonObject, top: JsonObject) -> GeneratedImage | RemoteImage | None:
    claimed = as_text(item.get("media_type")) or as_text(item.get("mime_type"))
    output = as_text(top.get("output_format"))
    claimed = claimed or (f"image/{output}" if output else None)
    revised, url = as_text(item.get("revised_prompt")), as_text(item.get("url"))
    data = picture_bytes(item.get("b64_json"))
    if data is None and url is not None and url.startswith("data:"):
        data = picture_bytes(url)
    if data is not None:
        return GeneratedImage(data=data, media_type=claimed, revised_prompt=revised, seed=as_count(item.get("seed")))
    if url is None or url.startswith("data:"):
        return None
    return RemoteImage(url=url, media_type=claimed, revised_prompt=revised, seed=as_count(item.get("seed")))


def _echo(top: JsonObject) -> dict[str, Json]:
    """The settings as the host resolved them."""
    names = ("size", "quality", "background", "output_format")
    return {name: text for name in names if (text := as_text(top.get(name))) is not None}


def _usage(top: JsonObject) -> Usage:
    usage = as_object(top.get("usage"))
    output = as_count(usage.get("output_tokens"))
    detailed = "output_tokens_details" in usage
    return Usage(
        input_tokens=as_count(usage.get("input_tokens")),
        input_text_tokens=as_count(dig(usage, "input_tokens_details", "text_tokens")),
        input_image_tokens=as_count(dig(usage, "input_tokens_details", "image_tokens")),
        output_tokens=output,
        output_image_tokens=as_count(dig(usage, "output_tokens_details", "image_tokens")) if detailed else output,
        total_tokens=as_count(usage.get("total_tokens")),
    )
