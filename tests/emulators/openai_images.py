"""The OpenAI Images API: generations, edits as multipart forms, streams with partial pictures, models.

Source: openai-python 3.52 type definitions and the vendor's API reference, as of 2026-11.
"""

from dataclasses import dataclass
from typing import Any

from tests.emulators.base import EPOCH, Call, Emulator, FilePart, Form, Refuse, Reply, json_reply, mask_key, sse
from tests.emulators.pictures import Format, Picture, format_of, has_alpha, size_of
from tests.emulators.scenario import PICTURE_KINDS, STATUS_KINDS, STREAM_KINDS, Kind

BASE_QUALITIES = ("low", "medium", "high", "auto")
TOKENS_25 = {"low": 196, "medium": 439, "high": 1756, "xhigh": 3122, "max": 7024}
TOKENS_2 = {"low": 196, "medium": 1756, "high": 7024}
TOKENS_15 = {"low": 272, "medium": 1056, "high": 4160}
TOKENS_MINI = {"low": 625, "medium": 1375, "high": 5460}
PORTRAIT_25 = {"low": 158, "medium": 343, "high": 1372, "xhigh": 2459, "max": 5488}


@dataclass(frozen=True, slots=True)
class Card:
    """What a model takes, and its rates in dollars for a million tokens, which are micro-dollars for one."""

    family: str
    tokens: dict[str, int]
    free_size: bool = True
    text_in: float = 5.0
    image_in: float = 8.0
    image_out: float = 30.0


SUNBURST = Card("2.5", TOKENS_25)
MODELS: dict[str, Card] = {
    "gpt-image-2.6-sunburst": Card("2.6", TOKENS_25),
    "gpt-image-2.6-flare": Card("2.6", TOKENS_25),
    "gpt-image-2.5-sunburst": SUNBURST,
    "gpt-image-2.5-sunburst-2026-09-08": SUNBURST,
    "gpt-image-2.5-flare": SUNBURST,
    "gpt-image-2.5-flare-2026-09-08": SUNBURST,
    "gpt-image-2": Card("2", TOKENS_2),
    "gpt-image-2-2026-04-21": Card("2", TOKENS_2),
    "gpt-image-1.5": Card("1.5", TOKENS_15, free_size=False, image_out=32.0),
    "chatgpt-image-latest": Card("1.5", TOKENS_15, free_size=False, image_out=32.0),
    "gpt-image-1-mini": Card("mini", TOKENS_MINI, free_size=False, text_in=2.0, image_in=2.5, image_out=8.0),
}
ENDS = dict.fromkeys(("gpt-image-1.5", "chatgpt-image-latest", "gpt-image-1-mini"), "2026-12-01")
"""What `GET /v1/models` tells as `shutdown_date`: null for the others (OpenAI's page of deprecations)."""
FIXED_SIZES = ("1024x1024", "1536x1024", "1024x1536")
COMMON = {
    "prompt", "model", "n", "size", "quality", "background", "moderation", "output_format", "output_compression",
    "stream", "partial_images", "user", "safety_identifier", "complexity",
}  # fmt: skip
EDIT_ONLY = {"input_fidelity"}
INTEGERS = {"n", "output_compression", "partial_images"}


@dataclass(frozen=True, slots=True)
class Order:
    """A request that has passed every check."""

    model: str
    card: Card
    prompt: str
    n: int
    size: tuple[int, int]
    quality: str
    background: str
    form: Format
    stream: bool
    partial_images: int
    edit: bool
    images: tuple[FilePart, ...] = ()

    @property
    def size_text(self) -> str:
        return f"{self.size[0]}x{self.size[1]}"


class OpenAI(Emulator):
    name = "openai"
    base_path = "/v1"
    key = "sk-proj-emulator-openai-0123456789abcdefghijklmn"
    key_env = "OPENAI_API_KEY"
    base_env = "TRIPTYCH_OPENAI_BASE_URL"
    hue = 0.45
    kinds = (
        STATUS_KINDS | PICTURE_KINDS | STREAM_KINDS
        | {Kind.PARTIAL, Kind.REFUSAL, Kind.MODERATION_INPUT, Kind.MODERATION_FREE, Kind.WRONG_REGION, Kind.QUOTA, Kind.EMPTY_DATA}
    )  # fmt: skip

    def step(self, method: str, path: str) -> str:
        if method == "POST" and path in ("/v1/images/generations", "/v1/images/edits"):
            return "submit"
        return "models" if method == "GET" and (path == "/v1/models" or path.startswith("/v1/models/")) else ""

    def answer(self, call: Call) -> Reply:
        self._authenticate(call)
        self._scripted(call)
        if call.recorded.step == "models":
            return self._models(call)
        if call.recorded.step != "submit":
            raise error(call, 404, f"Invalid URL ({call.method} {call.path})", code=None)
        order = self._read(call)
        self._moderate(call)
        return self._make(call, order)

    # Refusals

    def _authenticate(self, call: Call) -> None:
        token = call.bearer()
        if token is None:
            raise error(
                call, 401,
                "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
                "auth (i.e. Authorization: Bearer YOUR_KEY).", code=None,
            )  # fmt: skip
        if token != self.key or call.kind is Kind.WRONG_KEY:
            text = f"Incorrect API key provided: {mask_key(token)}. You can find your API key at https://platform.openai.com/account/api-keys."
            raise error(call, 401, text, code="invalid_api_key")

    def _scripted(self, call: Call) -> None:
        kind = call.kind
        if kind is Kind.RATE_LIMIT:
            wait = call.hint(12) or 0
            headers = {
                "retry-after": f"{max(1, round(wait))}", "retry-after-ms": f"{round(wait * 1000)}",
                "x-ratelimit-limit-requests": "5", "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": f"{wait:g}s",
            }  # fmt: skip
            text = (
                f"Rate limit reached for images per min. Limit 5, Used 5, Requested 1. Please try again in {wait:g}s."
            )
            raise error(call, 429, text, code="rate_limit_exceeded", kind="requests", headers=headers)
        if kind is Kind.NO_CREDIT and call.scenario.variant == "hard_limit":
            raise error(
                call,
                400,
                "Billing hard limit has been reached.",
                code="billing_hard_limit_reached",
                kind="image_generation_user_error",
            )
        if kind in (Kind.NO_CREDIT, Kind.QUOTA):
            text = "You exceeded your current quota, please check your plan and billing details."
            raise error(
                call, 429, text, code=call.scenario.reason or "insufficient_quota",
                kind="insufficient_quota" if not call.scenario.reason else "invalid_request_error",
            )  # fmt: skip
        if kind is Kind.WRONG_REGION:
            text = "Country, region, or territory not supported"
            raise error(call, 403, text, code="unsupported_country_region_territory", kind="request_forbidden")
        if kind is Kind.FORBIDDEN:
            text = "Your organization must be verified to use this model. Please go to the organization settings and click on Verify Organization."
            raise error(call, 403, text, code=None)
        if kind is Kind.OVERLOADED:
            raise error(
                call, 503, "The engine is currently overloaded, please try again later", code=None, kind="server_error"
            )
        if kind is Kind.SERVER_ERROR:
            text = f"The server had an error while processing your request. Please include the request ID {call.request_id}."
            raise error(call, 500, text, code=None, kind="server_error")
        if kind is Kind.UNKNOWN_FIELD:
            raise unknown_parameter(call, call.scenario.field)

    def _moderate(self, call: Call) -> None:
        if call.kind not in (Kind.MODERATION_INPUT, Kind.MODERATION_FREE):
            return
        stage = "input" if call.kind is Kind.MODERATION_INPUT else "output"
        text = f"Your request was rejected by the safety system. If you believe this is an error, contact us with the request ID {call.request_id}. safety_violations=[violence]."
        details = {"moderation_stage": stage, "categories": ["violence"]}
        code = call.scenario.reason or "moderation_blocked"
        raise error(
            call, 400, text, code=code, kind="image_generation_user_error", more={"moderation_details": details}
        )

    # Reading

    def _read(self, call: Call) -> Order:
        edit = call.path.endswith("/edits")
        values, files = form_values(call) if edit else (json_values(call), ())
        for name in values:
            if name not in COMMON | (EDIT_ONLY if edit else set()):
                raise unknown_parameter(call, name)
        model = values.get("model")
        if not isinstance(model, str):
            raise missing(call, "model")
        card = MODELS.get(model)
        if card is None or call.kind is Kind.UNKNOWN_MODEL:
            text = f"The model `{model}` does not exist or you do not have access to it."
            raise error(call, 404, text, code="model_not_found")
        return self._order(call, model, card, values, edit=edit, files=files)

    def _order(
        self, call: Call, model: str, card: Card, values: dict[str, Any], *, edit: bool, files: tuple[FilePart, ...]
    ) -> Order:
        prompt = values.get("prompt")
        if not isinstance(prompt, str) or not prompt:
            raise missing(call, "prompt")
        if len(prompt) > 32000:
            raise invalid(call, "prompt", "string_above_max_length", "Expected a string with maximum length 32000.")
        whole(call, values, "n", 1, 10)
        whole(call, values, "partial_images", 0, 3)
        whole(call, values, "output_compression", 0, 100)
        form = choice(call, values, "output_format", ("png", "jpeg", "webp"), "png")
        background = choice(call, values, "background", ("transparent", "opaque", "auto"), "auto")
        choice(call, values, "moderation", ("auto", "low"), "auto")
        qualities = BASE_QUALITIES + (("xhigh", "max") if card.family in ("2.5", "2.6") else ())
        quality = choice(call, values, "quality", qualities, "auto")
        if background == "transparent" and form == "jpeg":
            raise invalid(
                call,
                "background",
                "invalid_value",
                "Transparent background is not supported with the jpeg output format.",
            )
        if "output_compression" in values and form == "png" and values["output_compression"] != 100:
            raise invalid(
                call,
                "output_compression",
                "invalid_value",
                "Compression less than 100 is not supported for PNG output format.",
            )
        if values.get("partial_images") is not None and not values.get("stream"):
            raise invalid(call, "partial_images", "invalid_value", "partial_images is only supported with stream=true.")
        if "complexity" in values and card.family != "2.6":
            raise unknown_parameter(call, "complexity")
        images = self._inputs(call, card, values, files) if edit else ()
        return Order(
            model=model,
            card=card,
            prompt=prompt,
            n=values.get("n") or 1,
            size=self._size(call, card, values.get("size"), images),
            quality="medium" if quality == "auto" else quality,
            background="opaque" if background == "auto" else background,
            form=form,  # type: ignore[arg-type]
            stream=bool(values.get("stream")),
            partial_images=values.get("partial_images") or 0,
            edit=edit,
            images=images,
        )

    def _size(self, call: Call, card: Card, size: Any, images: tuple[FilePart, ...]) -> tuple[int, int]:
        if size in (None, "auto"):
            return nearest_fixed(images)
        if size in FIXED_SIZES:
            width, _, height = str(size).partition("x")
            return int(width), int(height)
        width, cross, height = str(size).partition("x")
        if not (card.free_size and cross and width.isdecimal() and height.isdecimal()):
            allowed = ", ".join(f"'{one}'" for one in FIXED_SIZES)
            raise invalid(
                call, "size", "invalid_value", f"Invalid value: '{size}'. Supported values are: {allowed}, and 'auto'."
            )
        w, h = int(width), int(height)
        wrong = w % 16 or h % 16 or max(w, h) > 3840 or min(w, h) > 2160 or w > 3 * h or h > 3 * w
        if wrong or not 655_360 <= w * h <= 8_294_400:
            text = f"Invalid size '{size}': both sides must be multiples of 16, the ratio between 1:3 and 3:1, at most 3840x2160."
            raise invalid(call, "size", "invalid_value", text)
        return w, h

    def _inputs(
        self, call: Call, card: Card, values: dict[str, Any], files: tuple[FilePart, ...]
    ) -> tuple[FilePart, ...]:
        for one in files:
            if one.name not in ("image", "image[]", "mask", "markup"):
                raise unknown_parameter(call, one.name)
            if one.content_type not in ("image/png", "image/jpeg", "image/webp"):
                text = f"Invalid file '{one.name}': unsupported mimetype ('{one.content_type or 'application/octet-stream'}'). Supported file formats are 'image/jpeg', 'image/png', and 'image/webp'."
                raise invalid(call, one.name, "unsupported_file_mimetype", text)
        single = [one for one in files if one.name == "image"]
        if len(single) > 1:
            raise invalid(
                call, "image", "duplicate_parameter", "Duplicate parameter: 'image'. To send several, use 'image[]'."
            )
        images = tuple(one for one in files if one.name in ("image", "image[]"))
        if not images:
            raise missing(call, "image")
        if len(images) > 16:
            raise invalid(call, "image", "array_above_max_length", "At most 16 images are allowed.")
        if any(len(one.data) >= 50 * 1024 * 1024 or size_of(one.data) is None for one in images):
            raise invalid(
                call, "image", "invalid_image_file", "Invalid image file or mode, please check your image file."
            )
        self._mask(call, card, files, images[0])
        fidelity = values.get("input_fidelity")
        if fidelity is not None and fidelity not in {"1.5": ("high", "low"), "mini": ("low",)}.get(card.family, ()):
            raise invalid(
                call, "input_fidelity", "invalid_value", "The model does not support this input_fidelity value."
            )
        return images

    def _mask(self, call: Call, card: Card, files: tuple[FilePart, ...], first: FilePart) -> None:
        named = {one.name: one for one in files}
        mask, markup = named.get("mask"), named.get("markup")
        if markup is not None and (card.family != "2.5" or mask is not None):
            raise invalid(
                call, "markup", "invalid_value", "markup is not supported here, and never together with a mask."
            )
        if mask is None:
            return
        if format_of(mask.data) != "png" or len(mask.data) >= 4 * 1024 * 1024:
            raise invalid(call, "mask", "invalid_image_file", "The mask must be a PNG of less than 4MB.")
        if size_of(mask.data) != size_of(first.data):
            raise invalid(
                call, "mask", "invalid_value", "Invalid mask image format - mask size does not match image size."
            )
        if not has_alpha(mask.data):
            raise invalid(
                call, "mask", "invalid_value", "Invalid mask image format - mask image missing alpha channel."
            )

    # Answering

    def _make(self, call: Call, order: Order) -> Reply:
        made = [
            call.picture(
                order.model, order.prompt, order.size, order.form, index=index, alpha=order.background == "transparent"
            )
            for index in range(order.n)
            if not call.failed(index) and call.kind not in (Kind.EMPTY_DATA, Kind.REFUSAL)
        ]
        usage = usage_of(order, len(made))
        rate = order.card
        cost = usage["output_tokens"] * rate.image_out
        cost += usage["input_tokens_details"]["text_tokens"] * rate.text_in
        cost += usage["input_tokens_details"]["image_tokens"] * rate.image_in
        call.charge(int(cost + 0.5) if made else 0, f"{len(made)} x {order.model} {order.size_text} {order.quality}")
        if order.stream:
            return stream(call, order, made)
        answer = {
            "created": EPOCH + call.recorded.number,
            "background": order.background,
            "data": [{"b64_json": call.b64(one)} for one in made],
            "output_format": order.form,
            "quality": order.quality,
            "size": order.size_text,
            "usage": usage,
        }
        return json_reply(answer, headers=headers_of(call))

    def _models(self, call: Call) -> Reply:
        rows = [
            {"id": name, "object": "model", "created": EPOCH, "owned_by": "system", "shutdown_date": ENDS.get(name)}
            for name in MODELS
        ]
        if call.path == "/v1/models":
            return json_reply({"object": "list", "data": rows}, headers=headers_of(call))
        name = call.path.removeprefix("/v1/models/")
        found = [row for row in rows if row["id"] == name]
        if not found:
            raise error(call, 404, f"The model '{name}' does not exist", code="model_not_found", param="model")
        return json_reply(found[0], headers=headers_of(call))


def headers_of(call: Call) -> dict[str, str]:
    return {"x-request-id": f"req_{call.request_id}", "openai-version": "2020-10-01", "openai-processing-ms": "17"}


def error(
    call: Call,
    status: int,
    message: str,
    *,
    code: str | None,
    kind: str = "invalid_request_error",
    param: str | None = None,
    headers: dict[str, str] | None = None,
    more: dict[str, Any] | None = None,
) -> Refuse:
    body = {"message": message, "type": kind, "param": param, "code": code, **(more or {})}
    return Refuse(json_reply({"error": body}, status, {**headers_of(call), **(headers or {})}))


def unknown_parameter(call: Call, name: str) -> Refuse:
    return error(call, 400, f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)


def missing(call: Call, name: str) -> Refuse:
    return error(call, 400, f"Missing required parameter: '{name}'.", code="missing_required_parameter", param=name)


def invalid(call: Call, name: str, code: str, message: str) -> Refuse:
    return error(call, 400, message, code=code, param=name)


def json_values(call: Call) -> dict[str, Any]:
    """The members of a JSON body; null says the same as nothing."""
    if not isinstance(call.body, dict):
        raise error(call, 400, "We could not parse the JSON body of your request.", code=None)
    return {name: value for name, value in call.body.items() if value is not None}


def form_values(call: Call) -> tuple[dict[str, Any], tuple[FilePart, ...]]:
    if not isinstance(call.body, Form):
        sent = call.headers.get("content-type", "")
        raise error(call, 400, f"Invalid Content-Type header ({sent}), expected multipart/form-data.", code=None)
    values: dict[str, Any] = {}
    for name, text in call.body.fields:
        if name in values:
            raise invalid(call, name, "duplicate_parameter", f"Duplicate parameter: '{name}'.")
        values[name] = text
        if name in INTEGERS and text.lstrip("-").isdecimal():
            values[name] = int(text)
        if name == "stream":
            values[name] = text == "true"
    return values, call.body.files


def whole(call: Call, values: dict[str, Any], name: str, low: int, high: int) -> None:
    value = values.get(name)
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(call, name, "invalid_type", f"Invalid type for '{name}': expected an integer.")
    if not low <= value <= high:
        code = "integer_above_max_value" if value > high else "integer_below_min_value"
        raise invalid(
            call, name, code, f"Invalid '{name}': expected a value from {low} to {high}, but got {value} instead."
        )


def choice(call: Call, values: dict[str, Any], name: str, allowed: tuple[str, ...], usual: str) -> str:
    value = values.get(name, usual)
    if value not in allowed:
        listed = ", ".join(f"'{one}'" for one in allowed)
        raise invalid(call, name, "invalid_value", f"Invalid value: '{value}'. Supported values are: {listed}.")
    return str(value)


def nearest_fixed(images: tuple[FilePart, ...]) -> tuple[int, int]:
    size = size_of(images[0].data) if images else None
    if size is None or size[0] == size[1]:
        return 1024, 1024
    return (1536, 1024) if size[0] > size[1] else (1024, 1536)


def usage_of(order: Order, count: int, *, first: bool = True) -> dict[str, Any]:
    base = order.card.tokens[order.quality]
    if order.card.family in ("2.5", "2.6") and order.size in ((1024, 1536), (1536, 1024)):
        base = PORTRAIT_25[order.quality]
    elif order.size != (1024, 1024):
        base = max(1, round(base * order.size[0] * order.size[1] / (1024 * 1024)))
    text = max(1, len(order.prompt) // 4) if first else 0
    pictures = 272 * len(order.images) if first else 0
    out = base * count
    return {
        "input_tokens": text + pictures,
        "input_tokens_details": {"text_tokens": text, "image_tokens": pictures},
        "output_tokens": out,
        "output_tokens_details": {"image_tokens": out, "text_tokens": 0},
        "total_tokens": text + pictures + out,
    }


def stream(call: Call, order: Order, made: list[Picture]) -> Reply:
    """One final event for each picture, each with its own share of the usage."""
    family = "image_edit" if order.edit else "image_generation"
    common = {
        "created_at": EPOCH + call.recorded.number,
        "size": order.size_text,
        "quality": order.quality,
        "background": order.background,
        "output_format": order.form,
    }

    def named(kind: str, value: dict[str, Any]) -> bytes:
        return sse(f"{family}.{kind}", {"type": f"{family}.{kind}", **value, **common})

    partials = [
        named("partial_image", {"b64_json": call.b64(draft), "partial_image_index": index})
        for index in range(order.partial_images if made else 0)
        for draft in [call.picture(order.model, order.prompt, order.size, order.form, draft=index + 1)]
    ]
    shares = [usage_of(order, 1, first=index == 0) for index in range(len(made))]
    finals = [
        named("completed", {"b64_json": call.b64(one), "usage": usage}) for one, usage in zip(made, shares, strict=True)
    ]
    failure = {
        "type": "error",
        "error": {
            "type": "server_error",
            "code": "server_error",
            "message": "The server had an error while drawing.",
            "param": None,
        },
    }
    orders = {
        Kind.STREAM_ERROR: [*partials, sse("error", failure)],
        Kind.STREAM_NO_FINAL: partials or [b": nothing\n\n"],
        Kind.STREAM_FINAL_FIRST: [*finals, *partials],
    }
    events = orders.get(call.kind, [*partials, *finals]) or [b": nothing\n\n"]
    return Reply(200, b"", "text/event-stream; charset=utf-8", headers_of(call), tuple(events))
