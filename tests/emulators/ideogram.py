"""Ideogram 3.0: forms in, addresses out; refusals as 422 or as an item that is not safe.

Source: ComfyUI's `apis/ideogram.py` and `nodes_ideogram.py`, the vendor's pages on generate, remix and inpaint, as of 2026-11.
"""

import json
from dataclasses import dataclass
from typing import Any

from tests.emulators.base import Call, Emulator, Form, Refuse, Reply, fit_area, json_reply
from tests.emulators.pictures import size_of
from tests.emulators.scenario import PICTURE_KINDS, STATUS_KINDS, URL_KINDS, Kind

HEIGHTS = {
    512: "1536", 576: "1408 1472 1536", 640: "1344 1408 1472 1536", 704: "1152 1216 1280 1344 1408 1472", 736: "1312",
    768: "1088 1216 1280 1344", 800: "1280", 832: "960 1024 1088 1152 1216 1248", 864: "1152", 896: "960 1024 1088 1120 1152",
    960: "832 896 1024 1088", 1024: "832 896 960 1024", 1088: "768 832 896 960", 1120: "896", 1152: "704 832 864 896",
    1216: "704 768 832", 1248: "832", 1280: "704 768 800", 1312: "736", 1344: "640 704 768", 1408: "576 640 704",
    1472: "576 640 704", 1536: "512 576 640",
}  # fmt: skip
RESOLUTIONS = {f"{width}x{height}": (width, int(height)) for width, row in HEIGHTS.items() for height in row.split()}
RATIOS = ["1x1", "16x9", "9x16", "4x3", "3x4", "3x2", "2x3", "4x5", "5x4", "10x16", "16x10", "1x2", "2x1", "1x3", "3x1"]
SPEEDS = {"TURBO": 30_000, "DEFAULT": 60_000, "QUALITY": 90_000}
STYLE = {"style_type", "style_codes", "style_reference_images", "color_palette"}
COMMON = {"prompt", "seed", "rendering_speed", "magic_prompt", "num_images"} | STYLE
SERVICES = {
    "generate": COMMON | {"resolution", "aspect_ratio", "negative_prompt"},
    "remix": COMMON | {"resolution", "aspect_ratio", "negative_prompt", "image", "image_weight"},
    "inpaint": COMMON | {"image", "mask"},
    "generate-transparent": (COMMON - STYLE) | {"aspect_ratio", "negative_prompt", "upscale_factor"},
}
PREFIX = "/v1/ideogram-v3/"


@dataclass(frozen=True, slots=True)
class Asked:
    prompt: str
    size: tuple[int, int]
    count: int
    seed: int
    speed: str
    bare: bool

    @property
    def micro_usd(self) -> int:
        """A picture without a background costs a cent more."""
        return SPEEDS[self.speed] + 10_000 * self.bare


class Ideogram(Emulator):
    name = "ideogram"
    key = "ideogram-emulator-0123456789abcdef"
    key_env = "IDEOGRAM_API_KEY"
    base_env = "TRIPTYCH_IDEOGRAM_BASE_URL"
    hue = 0.52
    kinds = (
        (STATUS_KINDS | PICTURE_KINDS | URL_KINDS | {Kind.MODERATION_INPUT, Kind.REFUSAL, Kind.EMPTY_DATA, Kind.PARTIAL})
        - {Kind.FORBIDDEN, Kind.UNKNOWN_MODEL, Kind.INVALID_BASE64}
    )  # fmt: skip

    def step(self, method: str, path: str) -> str:
        if method == "POST" and path.startswith(PREFIX):
            return "submit"
        return "models" if (method, path) == ("GET", "/models") else ""

    def answer(self, call: Call) -> Reply:
        if call.headers.get("api-key") != self.key or call.kind is Kind.WRONG_KEY:
            raise fault(401, "Not authorized to generate an image.")
        if call.recorded.step == "models":
            return json_reply({"models": []})
        self._scripted(call)
        asked = read(call)
        items = [self._item(call, asked, index) for index in range(asked.count)]
        call.charge(asked.micro_usd * sum(bool(item["url"]) for item in items), f"{asked.count} x {asked.speed}")
        data = [] if call.kind is Kind.EMPTY_DATA else items
        return json_reply({"created": "2026-11-20T04:56:07+00:00", "data": data})

    @staticmethod
    def _item(call: Call, asked: Asked, index: int) -> dict[str, Any]:
        seed = asked.seed + index
        item = {
            "prompt": asked.prompt,
            "resolution": f"{asked.size[0]}x{asked.size[1]}",
            "seed": seed,
            "style_type": "GENERAL",
        }
        if call.kind is Kind.REFUSAL or call.failed(index):
            return {**item, "url": None, "is_image_safe": False}
        made = call.picture("ideogram-v3", asked.prompt, asked.size, seed=seed, index=index, alpha=asked.bare)
        return {**item, "url": call.link(made), "is_image_safe": True}

    @staticmethod
    def _scripted(call: Call) -> None:
        known = {
            Kind.NO_CREDIT: (402, "Insufficient credits: add funds to your API account."),
            Kind.RATE_LIMIT: (429, "Too many requests: 10 are in flight."),
            Kind.OVERLOADED: (503, "Service unavailable."),
            Kind.SERVER_ERROR: (500, "Internal server error."),
            Kind.UNKNOWN_FIELD: (400, f"Unknown field {call.scenario.field}"),
            Kind.MODERATION_INPUT: (
                422,
                "Prompt provided failed safety check due to the inclusion of prohibited content.",
            ),
        }
        if call.kind in known:
            status, text = known[call.kind]
            hint = call.hint(None)
            raise fault(status, text, {"Retry-After": f"{hint:g}"} if status == 429 and hint is not None else None)


def read(call: Call) -> Asked:
    """Raises Refuse for what the service does not take."""
    service, form = call.path.removeprefix(PREFIX), call.body
    if service not in SERVICES:
        raise fault(404, "Not found")
    if not isinstance(form, Form):
        raise fault(400, "Expected multipart/form-data")
    for name in [name for name, _ in form.fields] + [one.name for one in form.files]:
        if name not in SERVICES[service]:
            raise fault(400, f"Unknown field {name}")
    prompt, speed, magic = (
        form.get("prompt"),
        form.get("rendering_speed") or "DEFAULT",
        form.get("magic_prompt") or "AUTO",
    )
    if not prompt or speed not in SPEEDS or magic not in {"AUTO", "ON", "OFF"}:
        raise fault(400, "Invalid prompt, rendering_speed or magic_prompt")
    count, seed = number(form, "num_images", 1, 1, 8), number(form, "seed", 4242, 0, 2**31 - 1)
    number(form, "image_weight", 50, 1, 100)
    palette = form.get("color_palette")
    if palette is not None and not isinstance(json.loads(palette), dict):
        raise fault(400, "color_palette must be an object")
    if len([one for one in form.files if one.name == "style_reference_images"]) > 3:
        raise fault(400, "At most 3 style reference images")
    bare = service == "generate-transparent"
    if (form.get("upscale_factor") or "X1") != "X1":
        raise fault(400, "upscale_factor: X1 alone is played here")
    return Asked(prompt, shape(service, form), count, seed, speed, bare)


def shape(service: str, form: Form) -> tuple[int, int]:
    resolution, ratio, own = form.get("resolution"), form.get("aspect_ratio"), None
    if not service.startswith("generate"):
        image, mask = form.file("image"), form.file("mask")
        own = size_of(image.data) if image is not None else None
        if own is None:
            raise fault(400, "image is required")
        if service == "inpaint" and (mask is None or size_of(mask.data) != own):
            raise fault(400, "mask must have the same size as image")
    if resolution and ratio:
        raise fault(400, "resolution and aspect_ratio cannot be used together")
    if (resolution and resolution not in RESOLUTIONS) or (ratio and ratio not in RATIOS):
        raise fault(400, "resolution or aspect_ratio is not one that is offered")
    if service == "inpaint" and own is not None:
        return own
    if resolution:
        return RESOLUTIONS[resolution]
    wide, _, high = (ratio or "1x1").partition("x")
    return fit_area(1 << 20, int(wide) / int(high), 32)


def number(form: Form, name: str, usual: int, low: int, high: int) -> int:
    text = form.get(name)
    if text is None:
        return usual
    if not text.isdigit() or not low <= int(text) <= high:
        raise fault(400, f"{name} must be between {low} and {high}")
    return int(text)


def fault(status: int, text: str, headers: dict[str, str] | None = None) -> Refuse:
    return Refuse(json_reply({"error": text}, status, headers))
