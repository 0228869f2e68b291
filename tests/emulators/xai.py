"""Grok Imagine at xAI: generations and edits, both JSON, and the price list.

Source: @ai-sdk/xai 5.0 and the vendor's API reference with public measurements, as of 2026-09.
"""

from dataclasses import dataclass
from typing import Any

from tests.emulators.base import Call, Emulator, Refuse, Reply, fit_area, from_base64, json_reply, mask_key
from tests.emulators.pictures import size_of
from tests.emulators.scenario import PICTURE_KINDS, STATUS_KINDS, URL_KINDS, Kind

RATIOS = (
    "1:1", "3:4", "4:3", "9:16", "16:9", "2:3", "3:2", "9:19.5", "19.5:9", "9:20", "20:9", "1:2", "2:1", "auto",
)  # fmt: skip
SIDES = {"1k": 1024, "1.5k": 1536, "2k": 2048}
TICKS_PER_MICRO_USD = 10_000  # one tick is 1e-10 dollars


@dataclass(frozen=True, slots=True)
class Card:
    """Prices in micro-dollars by (quality, resolution)."""

    prices: dict[tuple[str, str], int]
    input_price: int = 10_000  # each input picture, once for a request
    second_generation: bool = False


NEW = Card(
    {
        ("low", "1k"): 40_000, ("low", "1.5k"): 50_000, ("low", "2k"): 60_000,
        ("medium", "1k"): 60_000, ("medium", "1.5k"): 70_000, ("medium", "2k"): 80_000,
    },
    second_generation=True,
)  # fmt: skip
OLD = Card({("medium", "1k"): 20_000, ("medium", "2k"): 20_000}, input_price=0)
MODELS: dict[str, Card] = {
    "grok-imagine-image-2.0": NEW,
    "grok-imagine-image": OLD,
    "grok-imagine-image-2026-03-02": OLD,
}
FIELDS = {
    "model", "prompt", "n", "response_format", "aspect_ratio", "resolution", "quality", "user", "output_format",
    "sync_mode", "storage_options",
}  # fmt: skip
EDIT_FIELDS = FIELDS | {"image", "images"}
MOST_INPUTS = 5


@dataclass(frozen=True, slots=True)
class Order:
    model: str
    prompt: str
    n: int
    size: tuple[int, int]
    b64: bool
    micro_usd: int


class XAI(Emulator):
    name = "xai"
    base_path = "/v1"
    key = "xai-emulator-0123456789abcdefghijklmnopqrstuvwxyz"
    key_env = "XAI_API_KEY"
    base_env = "TRIPTYCH_XAI_BASE_URL"
    hue = 0.78
    kinds = (
        STATUS_KINDS | PICTURE_KINDS | URL_KINDS
        | {
            Kind.PARTIAL, Kind.REFUSAL, Kind.MODERATION_INPUT, Kind.MODERATION_FREE, Kind.MODERATION_BILLED,
            Kind.EMPTY_DATA,
        }
    )  # fmt: skip

    def step(self, method: str, path: str) -> str:
        if method == "POST" and path in ("/v1/images/generations", "/v1/images/edits"):
            return "submit"
        listing = path in ("/v1/models", "/v1/image-generation-models") or path.startswith(
            "/v1/image-generation-models/"
        )
        return "models" if method == "GET" and listing else ""

    def answer(self, call: Call) -> Reply:
        self._authenticate(call)
        self._scripted(call)
        if call.recorded.step == "models":
            return self._models(call)
        if call.recorded.step != "submit":
            raise plain(404, "The requested resource was not found. Please check the URL and try again.")
        order = self._read(call)
        self._moderate(call, order)
        return self._make(call, order)

    # Refusals

    def _authenticate(self, call: Call) -> None:
        token = call.bearer()
        if token is None:
            raise coded(
                401,
                "unauthenticated:no-credentials",
                "No credentials were provided. Send an Authorization header with a Bearer token.",
            )
        if token != self.key or call.kind is Kind.WRONG_KEY:
            text = (
                f"Incorrect API key provided: {mask_key(token)}. You can obtain an API key from https://console.x.ai."
            )
            raise coded(400, "invalid-argument", text)

    def _scripted(self, call: Call) -> None:
        known = {
            Kind.RATE_LIMIT: (429, "Some resource has been exhausted", "Too many requests. Your team has reached its rate limit of 6 requests per second."),
            Kind.OVERLOADED: (503, "The service is currently unavailable", "The model is at capacity. Please try again later."),
            Kind.SERVER_ERROR: (500, "Internal error", "The service encountered an internal error."),
            Kind.NO_CREDIT: (403, "The caller does not have permission to execute the specified operation", "Your team has either used all available credits or reached its monthly spending limit."),
            Kind.FORBIDDEN: (403, "The caller does not have permission to execute the specified operation", "The API key is blocked or lacks permission for this endpoint."),
        }  # fmt: skip
        if call.kind in known:
            status, code, text = known[call.kind]
            hint = call.hint(None)
            headers = {"Retry-After": f"{hint:g}"} if status == 429 and hint is not None else {}
            raise coded(status, code, text, headers=headers, variant=call.scenario.variant)
        if call.kind is Kind.UNKNOWN_FIELD:
            raise unsupported(call.scenario.field)

    def _moderate(self, call: Call, order: Order) -> None:
        if call.kind not in (Kind.MODERATION_INPUT, Kind.MODERATION_FREE, Kind.MODERATION_BILLED):
            return
        what = "Prompt" if call.kind is Kind.MODERATION_INPUT else "Generated image"
        more: dict[str, Any] = {}
        if call.kind is Kind.MODERATION_BILLED:
            call.charge(order.micro_usd, "rejected after it was drawn")
            more = {"usage": {"cost_in_usd_ticks": order.micro_usd * TICKS_PER_MICRO_USD}}
        raise coded(400, "imagine:content-moderated", f"{what} rejected by content moderation.", more=more)

    # Reading

    def _read(self, call: Call) -> Order:
        edit = call.path.endswith("/edits")
        if not isinstance(call.body, dict):
            raise plain(415 if edit else 400, "Expected request with `Content-Type: application/json`")
        values = {name: value for name, value in call.body.items() if value is not None}
        model = values.get("model")
        if not isinstance(model, str):
            raise plain(422, "Failed to deserialize the JSON body into the target type: missing field `model`")
        card = MODELS.get(model)
        if card is None or call.kind is Kind.UNKNOWN_MODEL:
            text = f"The model {model} does not exist or your team does not have access to it."
            raise coded(404, "Some requested entity was not found", text)
        for name in values:
            if name not in (EDIT_FIELDS if edit else FIELDS):
                raise unsupported(name)
        prompt = values.get("prompt")
        if not isinstance(prompt, str) or not prompt:
            raise plain(422, "Failed to deserialize the JSON body into the target type: missing field `prompt`")
        inputs = self._inputs(values) if edit else []
        n = values.get("n", 1)
        if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= 10:
            raise coded(400, "invalid-argument", f"n must be between 1 and 10, but was {n}.")
        size, each = self._size(card, values, inputs)
        cost = n * each + card.input_price * len(inputs)
        return Order(
            model,
            prompt,
            n,
            size,
            enumerated(values, "response_format", ("url", "b64_json"), "url") == "b64_json",
            cost,
        )

    def _size(
        self, card: Card, values: dict[str, Any], inputs: list[tuple[int, int] | None]
    ) -> tuple[tuple[int, int], int]:
        ratio = enumerated(values, "aspect_ratio", RATIOS, "auto")
        resolution = enumerated(values, "resolution", tuple(SIDES), "1k")
        quality = enumerated(values, "quality", ("low", "medium", "high", "auto"), "medium")
        if not card.second_generation:
            quality = "medium"
            if resolution == "1.5k":
                raise coded(400, "invalid-argument", "1.5K resolution is not supported for this model.")
        elif quality == "high":
            raise coded(
                400, "invalid-argument", "This model only supports the following quality value(s): low, medium, auto."
            )
        wide, high = (inputs[0] if inputs and inputs[0] else (1, 1)) if ratio == "auto" else split(ratio)
        quality = "medium" if quality == "auto" else quality
        return fit_area(SIDES[resolution] ** 2, wide / high), card.prices[(quality, resolution)]

    def _inputs(self, values: dict[str, Any]) -> list[tuple[int, int] | None]:
        """The sizes of the input pictures; None for one that lies behind an address."""
        if ("image" in values) == ("images" in values):
            raise coded(400, "invalid-argument", "Exactly one of `image` and `images` must be given.")
        listed = values["images"] if "images" in values else [values["image"]]
        if not isinstance(listed, list) or not listed:
            raise plain(422, "Failed to deserialize the JSON body into the target type: images: expected a sequence")
        if len(listed) > MOST_INPUTS:
            raise coded(400, "invalid-argument", f"At most {MOST_INPUTS} input images are supported.")
        return [self._input(one) for one in listed]

    def _input(self, value: Any) -> tuple[int, int] | None:
        url = value.get("url") if isinstance(value, dict) else None
        if not isinstance(url, str) or value.get("type", "image_url") != "image_url":
            raise plain(
                422, "Failed to deserialize the JSON body into the target type: image: expected {url, type: image_url}"
            )
        if url.startswith(("http://", "https://")):
            return None
        head, _, text = url.partition(";base64,")
        data = from_base64(text) if head.startswith("data:image/") else None
        size = size_of(data) if data else None
        if size is None:
            raise coded(400, "invalid-argument", "The input image could not be decoded.")
        return size

    # Answering

    def _make(self, call: Call, order: Order) -> Reply:
        call.charge(order.micro_usd, f"{order.n} x {order.model}")
        count = 0 if call.kind is Kind.EMPTY_DATA else order.n
        refused = call.kind is Kind.REFUSAL
        data = [self._item(call, order, index, refused=refused or call.failed(index)) for index in range(count)]
        return json_reply({"data": data, "usage": {"cost_in_usd_ticks": order.micro_usd * TICKS_PER_MICRO_USD}})

    def _item(self, call: Call, order: Order, index: int, *, refused: bool) -> dict[str, Any]:
        item: dict[str, Any] = {
            "url": None, "b64_json": None, "revised_prompt": "", "respect_moderation": not refused, "mime_type": "image/jpeg",
        }  # fmt: skip
        if refused:
            return item
        made = call.picture(order.model, order.prompt, order.size, "jpeg", index=index)
        item["b64_json" if order.b64 else "url"] = call.b64(made) if order.b64 else call.link(made)
        item["mime_type"] = made.media_type
        return item

    def _models(self, call: Call) -> Reply:
        if call.path == "/v1/models":
            rows = [{"id": name, "object": "model", "created": 1_760_000_000, "owned_by": "xai"} for name in MODELS]
            return json_reply({"object": "list", "data": rows})
        if call.path == "/v1/image-generation-models":
            return json_reply({"models": [priced(name, card) for name, card in MODELS.items()]})
        name = call.path.rpartition("/")[2]
        if name not in MODELS:
            raise coded(404, "Some requested entity was not found", f"The model {name} does not exist.")
        return json_reply(priced(name, MODELS[name]))


def priced(name: str, card: Card) -> dict[str, Any]:
    rows = [
        {"quality": quality, "resolution": resolution, "price_per_image": price * TICKS_PER_MICRO_USD}
        for (quality, resolution), price in card.prices.items()
    ]
    return {
        "id": name,
        "object": "model",
        "owned_by": "xai",
        "image_price": rows[0]["price_per_image"],
        "pricing": rows,
    }


def split(ratio: str) -> tuple[float, float]:
    wide, _, high = ratio.partition(":")
    return float(wide), float(high)


def enumerated(values: dict[str, Any], name: str, allowed: tuple[str, ...], usual: str) -> str:
    value = values.get(name, usual)
    if value not in allowed:
        listed = ", ".join(f"`{one}`" for one in allowed)
        raise plain(
            422,
            f"Failed to deserialize the JSON body into the target type: {name}: unknown variant `{value}`, expected one of {listed}",
        )
    return str(value)


def coded(
    status: int,
    code: str,
    text: str,
    *,
    more: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    variant: str = "",
) -> Refuse:
    """The usual envelope; the variant "openai" gives the other one that this vendor's own client reads."""
    if variant == "openai":
        body: dict[str, Any] = {"error": {"message": text, "type": "error", "param": None, "code": code}}
    else:
        body = {"code": code, "error": text, **(more or {})}
    return Refuse(json_reply(body, status, headers))


def plain(status: int, text: str) -> Refuse:
    return Refuse(json_reply({"error": text}, status))


def unsupported(name: str) -> Refuse:
    return coded(400, "Client specified an invalid argument", f"Argument not supported on this model: {name}")
