"""Recraft: generations as JSON, image to image and inpainting as forms; units in every answer.

Source: the vendor's pages on models, sizes, prices and errors, ComfyUI's `apis/recraft.py`, as of 2026-11.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.emulators.base import Call, Emulator, Form, Refuse, Reply, json_reply
from tests.emulators.pictures import size_of
from tests.emulators.scenario import PICTURE_KINDS, STATUS_KINDS, URL_KINDS, Kind

SMALL = ("1024x1024", "1536x768", "768x1536", "1280x832", "832x1280", "1216x896", "896x1216", "1152x896", "896x1152",
         "832x1344", "1280x896", "896x1280", "1344x768", "768x1344")  # fmt: skip
LARGE = ("2048x2048", "3072x1536", "1536x3072", "2560x1664", "1664x2560", "2432x1792", "1792x2432", "2304x1792",
         "1792x2304", "1664x2688", "2560x1792", "1792x2560", "2688x1536", "1536x2688")  # fmt: skip
OLD = ("1024x1024", "2048x1024", "1024x2048", "1536x1024", "1024x1536", "1365x1024", "1024x1365", "1280x1024",
       "1024x1280", "1024x1707", "1434x1024", "1024x1434", "1820x1024", "1024x1820")  # fmt: skip
MODELS: dict[str, tuple[int, tuple[str, ...]]] = {  # units for a picture, and the sizes there are
    "recraftv4_1": (35, SMALL), "recraftv4_1_pro": (210, LARGE), "recraftv4_1_flash": (7, SMALL), "recraftv4": (40, SMALL),
    "recraftv4_pro": (250, LARGE), "recraftv3": (40, OLD), "recraftv2": (22, OLD),
}  # fmt: skip
COMMON = {
    "prompt",
    "model",
    "n",
    "response_format",
    "random_seed",
    "style",
    "substyle",
    "style_id",
    "controls",
    "negative_prompt",
}
SERVICES = {
    "/images/generations": COMMON | {"size"},
    "/images/imageToImage": COMMON | {"image", "strength"},
    "/images/inpaint": COMMON | {"image", "mask"},
}


@dataclass(frozen=True, slots=True)
class Asked:
    model: str
    prompt: str
    size: tuple[int, int]
    count: int
    seed: int
    inline: bool


class Recraft(Emulator):
    name = "recraft"
    base_path = "/v1"
    key = "recraft-emulator-0123456789abcdef"
    key_env = "RECRAFT_API_TOKEN"
    base_env = "TRIPTYCH_RECRAFT_BASE_URL"
    hue = 0.94
    kinds = (
        (STATUS_KINDS | PICTURE_KINDS | URL_KINDS | {Kind.MODERATION_INPUT, Kind.EMPTY_DATA})
        - {Kind.FORBIDDEN, Kind.UNKNOWN_MODEL}
    )  # fmt: skip

    def step(self, method: str, path: str) -> str:
        if method == "POST" and path.removeprefix("/v1") in SERVICES:
            return "submit"
        return "account" if (method, path) == ("GET", "/v1/users/me") else ""

    def answer(self, call: Call) -> Reply:
        if call.bearer() != self.key or call.kind is Kind.WRONG_KEY:
            raise Refuse(Reply(401, b"request unauthorized", "text/plain"))
        if call.recorded.step == "account":
            return json_reply({"credits": 1000, "email": "someone@example.com", "id": "u1", "name": "Someone"})
        self._scripted(call)
        asked = read(call)
        if call.kind is Kind.MODERATION_INPUT:
            raise fault(400, "prompt_is_improper", "Your prompt has been flagged as improper.")
        units = MODELS[asked.model][0] * asked.count
        call.charge(units * 1000, f"{asked.count} x {asked.model}")
        data = [] if call.kind is Kind.EMPTY_DATA else [self._item(call, asked, index) for index in range(asked.count)]
        return json_reply({"created": 1_770_000_000, "credits": units, "data": data})

    @staticmethod
    def _item(call: Call, asked: Asked, index: int) -> dict[str, Any]:
        made = call.picture(asked.model, asked.prompt, asked.size, "webp", seed=asked.seed, index=index)
        item = {"image_id": f"{call.request_id[:8]}-{index}"}
        return {**item, "b64_json": call.b64(made)} if asked.inline else {**item, "url": call.link(made)}

    @staticmethod
    def _scripted(call: Call) -> None:
        known = {
            Kind.NO_CREDIT: (402, "not_enough_credits", "Not enough API units."),
            Kind.RATE_LIMIT: (
                429,
                "rate_limit_exceeded",
                "Too many requests: 100 images a minute, 5 requests a second.",
            ),
            Kind.OVERLOADED: (503, "service_unavailable", "Service unavailable."),
            Kind.SERVER_ERROR: (500, "internal_error", "Internal server error."),
            Kind.UNKNOWN_FIELD: (400, "invalid_request", f"unknown field {call.scenario.field}"),
        }
        if call.kind in known:
            status, code, text = known[call.kind]
            hint = call.hint(None)
            raise fault(
                status, code, text, {"Retry-After": f"{hint:g}"} if status == 429 and hint is not None else None
            )


def read(call: Call) -> Asked:
    """Raises Refuse for what the service does not take."""
    path, body = call.path.removeprefix("/v1"), call.body
    fields = values(path, body)
    for name in fields:
        if name not in SERVICES[path]:
            raise fault(400, "invalid_request", f"unknown field {name}")
    model, prompt = fields.get("model", "recraftv4_1"), fields.get("prompt")
    if model not in MODELS:
        raise fault(400, "invalid_model", f"unknown model {model}")
    old = model in {"recraftv2", "recraftv3"}
    if not isinstance(prompt, str) or not 0 < len(prompt) <= (1000 if old else 10_000):
        raise fault(400, "invalid_prompt_length", "the prompt is empty or too long")
    if "negative_prompt" in fields and not old:
        raise fault(400, "invalid_request", "negative_prompt is not supported by this model")
    count, seed = int(fields.get("n", 1)), int(fields.get("random_seed", 7))
    if not 1 <= count <= 6:
        raise fault(400, "invalid_request", "n must be between 1 and 6")
    size = (
        own_size(path, model, fields)
        if isinstance(body, Form)
        else offered(model, fields.get("size", MODELS[model][1][0]))
    )
    return Asked(model, prompt, size, count, seed, fields.get("response_format") == "b64_json")


def values(path: str, body: Any) -> Mapping[str, Any]:
    if path == "/images/generations":
        if not isinstance(body, dict):
            raise fault(400, "invalid_request", "expected JSON")
        return body
    if not isinstance(body, Form):
        raise fault(400, "invalid_request", "expected a form")
    return {**dict(body.fields), **{one.name: one.data for one in body.files}}


def own_size(path: str, model: str, fields: Mapping[str, Any]) -> tuple[int, int]:
    own = size_of(fields.get("image", b""))
    if own is None or model in {"recraftv2", "recraftv4_1_flash"}:
        raise fault(400, "invalid_image", "the image is missing, or this model takes none")
    if path == "/images/inpaint" and (model != "recraftv3" or size_of(fields.get("mask", b"")) != own):
        raise fault(400, "invalid_mask", "the mask must have the size of the image, and the model must be recraftv3")
    if path == "/images/imageToImage" and not 0 <= float(fields.get("strength", -1)) <= 1:
        raise fault(400, "invalid_request", "strength must lie between 0 and 1")
    return own


def offered(model: str, size: Any) -> tuple[int, int]:
    if size not in MODELS[model][1]:
        raise fault(400, "invalid_image_size", f"size must be one of {', '.join(MODELS[model][1])}")
    wide, _, high = size.partition("x")
    return int(wide), int(high)


def fault(status: int, code: str, text: str, headers: dict[str, str] | None = None) -> Refuse:
    return Refuse(json_reply({"code": code, "message": text}, status, headers))
