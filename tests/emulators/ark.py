"""Seedream at Volcengine Ark and BytePlus ModelArk: one address for generation, references and groups.

Source: volcengine-ark-runtime 5.0 types and the vendors' API reference with public measurements, as of 2026-10.
"""

import re
from dataclasses import dataclass
from typing import Any

from tests.emulators.base import EPOCH, Call, Emulator, Refuse, Reply, fit_area, from_base64, json_reply, sse
from tests.emulators.pictures import Format, size_of
from tests.emulators.scenario import PICTURE_KINDS, STATUS_KINDS, STREAM_KINDS, URL_KINDS, Kind

SIDES = {"1K": 1024, "1.5K": 1536, "2K": 2048, "3K": 3072, "4K": 4096}


@dataclass(frozen=True, slots=True)
class Card:
    tiers: tuple[str, ...]
    least: int
    most: int
    refs: int = 14
    price: int = 40_000  # micro-dollars for one picture
    group: bool = True
    stream: bool = True
    search: bool = False
    formats: tuple[str, ...] = ()  # what `output_format` may say; empty: the field is refused
    modes: tuple[str, ...] = ("standard",)
    seed: bool = False


FIVE = ("png", "jpeg")
PRO = Card(
    ("1K", "1.5K", "2K"), 921_600, 4_624_220, refs=10, price=45_000, group=False, stream=False, formats=FIVE,
    modes=("standard", "fast"),
)  # fmt: skip
FLASH = Card(("1K", "1.5K", "2K"), 921_600, 4_624_220, refs=10, price=18_000, group=False, stream=False, formats=FIVE)
LITE = Card(("2K", "3K", "4K"), 3_686_400, 16_777_216, price=35_000, search=True, formats=FIVE)
MODELS: dict[str, Card] = {
    "doubao-seedream-5-0-pro-260628": PRO,
    "dola-seedream-5-0-pro-260628": PRO,
    "doubao-seedream-5-0-flash-260915": FLASH,
    "dola-seedream-5-0-flash-260915": FLASH,
    "doubao-seedream-5-0-lite-260128": LITE,
    "seedream-5-0-260128": LITE,
    "doubao-seedream-4-5-251128": Card(("2K", "4K"), 3_686_400, 16_777_216),
    "seedream-4-5-251128": Card(("2K", "4K"), 3_686_400, 16_777_216),
    "doubao-seedream-4-0-250828": Card(
        ("1K", "2K", "4K"), 921_600, 16_777_216, price=30_000, modes=("standard", "fast")
    ),
    "seedream-4-0-250828": Card(("1K", "2K", "4K"), 921_600, 16_777_216, price=30_000, modes=("standard", "fast")),
    "doubao-seedream-3-0-t2i-250415": Card(
        (), 262_144, 4_194_304, refs=0, price=30_000, group=False, stream=False, seed=True
    ),
}
FIELDS = {
    "model", "prompt", "image", "size", "response_format", "watermark", "output_format", "sequential_image_generation",
    "sequential_image_generation_options", "optimize_prompt", "optimize_prompt_options", "tools", "stream",
    "layer_decomposition", "background", "seed", "guidance_scale",
}  # fmt: skip
DATA_URI = re.compile(r"^data:image/([A-Za-z0-9.+-]+);base64,(.*)$", re.DOTALL)
DATA_FORMATS = ("jpeg", "jpg", "png", "webp", "bmp", "tiff", "gif")
PATH = "/api/v3/images/generations"


@dataclass(frozen=True, slots=True)
class Order:
    model: str
    card: Card
    prompt: str
    size: tuple[int, int]
    count: int
    group: bool
    form: Format
    b64: bool
    refs: int
    stream: bool
    watermark: bool
    seed: int | None


class Ark(Emulator):
    name = "ark"
    base_path = "/api/v3"
    key = "3f1c2d4e-0000-4aaa-9bbb-emulatorark01"
    key_env = "ARK_API_KEY"
    base_env = "TRIPTYCH_BYTEDANCE_BASE_URL"
    hue = 0.03
    kinds = (
        STATUS_KINDS | PICTURE_KINDS | URL_KINDS | STREAM_KINDS
        | {Kind.PARTIAL, Kind.REFUSAL, Kind.MODERATION_INPUT, Kind.MODERATION_FREE, Kind.QUOTA, Kind.EMPTY_DATA}
    )  # fmt: skip

    def step(self, method: str, path: str) -> str:
        return "submit" if method == "POST" and path == PATH else ""

    def answer(self, call: Call) -> Reply:
        if call.recorded.step != "submit":
            return Reply(404, b"404 page not found", "text/plain")
        self._authenticate(call)
        self._scripted(call)
        order = self._read(call)
        self._moderate(call)
        return self._make(call, order)

    # Refusals

    def _authenticate(self, call: Call) -> None:
        if call.bearer() != self.key or call.kind is Kind.WRONG_KEY:
            text = "The API key or AK/SK in the request is missing or invalid."
            raise error(call, 401, "AuthenticationError", text, kind="Unauthorized")

    def _scripted(self, call: Call) -> None:
        limit = "The requests per minute (RPM) limit of the associated endpoint for your account has been exceeded."
        plain = {
            Kind.RATE_LIMIT: (429, "RateLimitExceeded.EndpointRPMExceeded", limit, "TooManyRequests"),
            Kind.QUOTA: (429, "QuotaExceeded", "Your account has reached the image generation limit.", "TooManyRequests"),
            Kind.OVERLOADED: (503, "InternalServiceError", "The service is temporarily overloaded.", "ServiceUnavailable"),
            Kind.SERVER_ERROR: (500, "InternalServiceError", "The service encountered an unexpected internal error.", "InternalServerError"),
            Kind.NO_CREDIT: (403, "AccountOverdueError", "The account has an overdue balance.", "Forbidden"),
            Kind.FORBIDDEN: (403, "AccessDenied", "You are not authorized to perform this operation.", "Forbidden"),
        }  # fmt: skip
        if call.kind in plain:
            raise error(call, *plain[call.kind][:3], kind=plain[call.kind][3])
        if call.kind is Kind.UNKNOWN_FIELD:
            raise unsupported(call, call.scenario.field)

    def _moderate(self, call: Call) -> None:
        usual = {
            Kind.MODERATION_INPUT: ("InputTextSensitiveContentDetected", "The request failed because the input text may contain sensitive information."),
            Kind.MODERATION_FREE: ("OutputImageSensitiveContentDetected", "The request failed because the output image may contain sensitive information."),
        }  # fmt: skip
        if call.kind in usual:
            code, text = usual[call.kind]
            raise error(call, 400, call.scenario.reason or code, text, kind="BadRequest")

    # Reading

    def _read(self, call: Call) -> Order:
        if not isinstance(call.body, dict):
            raise error(call, 400, "InvalidParameter", "The request body is not valid JSON.", kind="BadRequest")
        values = {name: value for name, value in call.body.items() if value is not None}
        model = values.get("model")
        if not isinstance(model, str):
            raise absent(call, "model")
        card = MODELS.get(model)
        if call.kind is Kind.UNKNOWN_MODEL and call.scenario.variant == "not_open":
            raise error(
                call, 404, "ModelNotOpen", f"Your account has not activated the model {model}.", kind="NotFound"
            )
        if card is None or call.kind is Kind.UNKNOWN_MODEL:
            text = f"The model or endpoint {model} does not exist or you do not have access to it."
            raise error(call, 404, "InvalidEndpointOrModel.NotFound", text, kind="NotFound")
        for name in values:
            if name not in FIELDS:
                raise unsupported(call, name)
        prompt = values.get("prompt")
        if not isinstance(prompt, str) or not prompt:
            raise absent(call, "prompt")
        self._features(call, card, values)
        refs = self._references(call, card, values.get("image"))
        count, group = self._group(call, card, values, refs)
        size = self._size(call, card, values.get("size"), prompt)
        form = values.get("output_format", "jpeg")
        return Order(
            model=model, card=card, prompt=prompt, size=size, count=count, group=group,
            form="png" if form == "png" else "jpeg",
            b64=one_of(call, values, "response_format", ("url", "b64_json"), "url") == "b64_json",
            refs=refs, stream=values.get("stream") is True, watermark=values.get("watermark", True), seed=values.get("seed"),
        )  # fmt: skip

    def _features(self, call: Call, card: Card, values: dict[str, Any]) -> None:
        """Fields that only some models have: refused, never ignored."""
        if values.get("stream") and not card.stream:
            raise unsupported(call, "stream")
        if "output_format" in values and not card.formats:
            raise unsupported(call, "output_format")
        if "output_format" in values and values["output_format"] not in card.formats:
            raise wrong(call, "output_format", "The parameter `output_format` must be one of: jpeg, png.")
        if not isinstance(values.get("watermark", True), bool):
            raise wrong(call, "watermark", "The parameter `watermark` must be a boolean.")
        for name in ("seed", "guidance_scale"):
            if name in values and not card.seed:
                raise unsupported(call, name)
        if "seed" in values and not (isinstance(values["seed"], int) and -1 <= values["seed"] <= 2_147_483_647):
            raise wrong(call, "seed", "The parameter `seed` must be in [-1, 2147483647].")
        if "tools" in values and not (card.search and values["tools"] == [{"type": "web_search"}]):
            raise unsupported(call, "tools")
        for name in ("layer_decomposition", "background"):
            if values.get(name):  # layers and cut-outs are not played here
                raise unsupported(call, name)
        mode = values.get("optimize_prompt_options", {}).get("mode", "standard")
        if mode not in card.modes:
            raise wrong(call, "optimize_prompt_options.mode", "The parameter `mode` must be 'standard'.")

    def _references(self, call: Call, card: Card, image: Any) -> int:
        if image is None:
            return 0
        listed = [image] if isinstance(image, str) else image
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise wrong(call, "image", "The parameter `image` must be a string or an array of strings.")
        if card.refs == 0:
            raise unsupported(call, "image")
        if len(listed) > card.refs:
            raise wrong(call, "image", f"The number of reference images cannot exceed {card.refs}.")
        for one in listed:
            self._reference(call, one)
        return len(listed)

    def _reference(self, call: Call, text: str) -> None:
        if text.startswith(("http://", "https://")):
            return
        found = DATA_URI.match(text)
        if found is None or found[1] not in DATA_FORMATS:
            raise wrong(
                call,
                "image",
                "The parameter `image` must be an http/https URL or data:image/<lower-case format>;base64,<data>.",
            )
        data = from_base64(found[2])
        size = size_of(data) if data else None
        if data is None or size is None:
            raise wrong(call, "image", "The image cannot be decoded.")
        width, height = size
        if len(data) > 10 * 1024 * 1024 or min(size) <= 14 or width * height > 36_000_000 or max(size) > 16 * min(size):
            raise wrong(
                call, "image", "The image must be at most 10 MB and 36 MP, sides above 14 px, ratio within [1/16, 16]."
            )

    def _group(self, call: Call, card: Card, values: dict[str, Any], refs: int) -> tuple[int, bool]:
        mode = one_of(call, values, "sequential_image_generation", ("disabled", "auto"), "disabled")
        options = values.get("sequential_image_generation_options", {})
        if not card.group and (mode == "auto" or options):
            raise unsupported(call, "sequential_image_generation")
        if mode == "disabled":
            return 1, False
        most = options.get("max_images", 15)
        if not isinstance(most, int) or not 1 <= most <= 15:
            raise wrong(
                call, "sequential_image_generation_options.max_images", "The parameter `max_images` must be in [1, 15]."
            )
        if refs + most > 15:
            if "max_images" in options:
                raise wrong(
                    call,
                    "sequential_image_generation_options.max_images",
                    "Input and output images together cannot exceed 15.",
                )
            most = 15 - refs
        return most, True

    def _size(self, call: Call, card: Card, size: Any, prompt: str) -> tuple[int, int]:
        """A tier lets the model choose the ratio: this one takes what the prompt spells out, else a square."""
        text = str(size if size is not None else (card.tiers[0] if card.tiers else "1024x1024"))
        if text in card.tiers:
            said = re.search(r"\b(\d{1,2}):(\d{1,2})\b", prompt)
            ratio = int(said[1]) / int(said[2]) if said and int(said[1]) and int(said[2]) else 1.0
            return fit_area(SIDES[text] ** 2, min(16.0, max(1 / 16, ratio)))
        found = re.fullmatch(r"(\d+)x(\d+)", text)
        if found is None:
            tiers = ", ".join(card.tiers)
            raise wrong(call, "size", f"The parameter `size` must be one of {tiers} or WIDTHxHEIGHT.")
        width, height = int(found[1]), int(found[2])
        if not card.least <= width * height <= card.most:
            text = f"The parameter `size` is not valid: image size must be at least {card.least} pixels and at most {card.most} pixels."
            raise wrong(call, "size", text)
        if max(width, height) > 16 * min(width, height):
            raise wrong(call, "size", "The parameter `size` is not valid: the ratio must be within [1/16, 16].")
        return width, height

    # Answering

    def _make(self, call: Call, order: Order) -> Reply:
        items: list[dict[str, Any]] = []
        stop = call.scenario.variant == "server"
        for index in range(order.count if call.kind not in (Kind.REFUSAL, Kind.EMPTY_DATA) else 0):
            if call.failed(index if order.group else call.scenario.fail_indexes[0]):
                items.append({"error": item_error(call, server=stop)})
                if stop:
                    break
                continue
            items.append(self._item(call, order, index))
        good = sum(1 for one in items if "error" not in one)
        each = order.card.price * (2 if order.card is PRO and order.size[0] * order.size[1] > 2_610_000 else 1)
        extra = 3_000 * max(0, order.refs - 1) if order.card is PRO and good else 0
        call.charge(good * each + extra, f"{good} x {order.model} {order.size[0]}x{order.size[1]}")
        tokens = good * order.size[0] * order.size[1] // 256
        usage: dict[str, Any] = {"generated_images": good, "output_tokens": tokens, "total_tokens": tokens}
        if order.refs:
            usage["input_images"] = order.refs
        if order.stream:
            return self._stream(call, order, items, usage)
        answer: dict[str, Any] = {
            "model": re.sub(r"-\d{6}$", "", order.model),
            "created": EPOCH + call.recorded.number,
            "data": items if good else [],
            "usage": usage,
        }
        if not good and call.kind is not Kind.EMPTY_DATA:
            answer["error"] = item_error(call, server=stop)
        return json_reply(answer, 200, {"X-Request-Id": call.request_id})

    def _item(self, call: Call, order: Order, index: int) -> dict[str, Any]:
        seed = f"{'' if order.seed is None else order.seed}{' marked' if order.watermark else ''}"
        made = call.picture(order.model, order.prompt, order.size, order.form, seed=seed, index=index)
        item: dict[str, Any] = {"b64_json": call.b64(made)} if order.b64 else {"url": call.link(made)}
        item["size"] = f"{order.size[0]}x{order.size[1]}"
        if order.card.formats:
            item["output_format"] = order.form
        return item

    def _stream(self, call: Call, order: Order, items: list[dict[str, Any]], usage: dict[str, Any]) -> Reply:
        """Each finished picture of a group is one event."""

        def named(kind: str, value: dict[str, Any]) -> bytes:
            full = f"image_generation.{kind}"
            return sse(full, {"type": full, "model": order.model, "created": EPOCH + call.recorded.number, **value})

        events = [
            named("partial_failed" if "error" in item else "partial_succeeded", {"image_index": index, **item})
            for index, item in enumerate(items)
        ]
        final = [named("completed", {"usage": usage})]
        failure = [
            sse(
                None,
                {
                    "error": {
                        "code": "InternalServiceError",
                        "message": f"The service failed. Request ID: {call.request_id}",
                    }
                },
            )
        ]
        orders = {
            Kind.STREAM_ERROR: [*events[:1], *failure],
            Kind.STREAM_NO_FINAL: events,
            Kind.STREAM_FINAL_FIRST: [*final, *events],
        }
        sent = orders.get(call.kind, [*events, *final, sse(None, "[DONE]")])
        return Reply(200, b"", "text/event-stream", {}, tuple(sent) or (b"\n",))


def item_error(call: Call, *, server: bool) -> dict[str, str]:
    if server:
        return {"code": "InternalServiceError", "message": f"The service failed. Request id: {call.request_id}"}
    code = call.scenario.reason or "OutputImageSensitiveContentDetected"
    text = f"The output image may contain sensitive information. Request id: {call.request_id}"
    return {"code": code, "message": text}


def error(call: Call, status: int, code: str, message: str, *, kind: str, param: str = "") -> Refuse:
    text = f"{message} Request id: {call.request_id}"
    headers = {"X-Request-Id": call.request_id}
    hint = call.hint(None)
    if status == 429 and hint is not None:
        headers["Retry-After"] = f"{hint:g}"
    return Refuse(json_reply({"error": {"code": code, "message": text, "param": param, "type": kind}}, status, headers))


def wrong(call: Call, name: str, message: str) -> Refuse:
    return error(call, 400, "InvalidParameter", message, kind="BadRequest", param=name)


def unsupported(call: Call, name: str) -> Refuse:
    return wrong(call, name, f"The parameter `{name}` specified in the request is not supported by the current model.")


def absent(call: Call, name: str) -> Refuse:
    text = f"The request is missing `{name}`, which is required."
    return error(call, 400, "MissingParameter", text, kind="BadRequest", param=name)


def one_of(call: Call, values: dict[str, Any], name: str, allowed: tuple[str, ...], usual: str) -> str:
    value = values.get(name, usual)
    if value not in allowed:
        raise wrong(call, name, f"The parameter `{name}` must be one of: {', '.join(allowed)}.")
    return str(value)
