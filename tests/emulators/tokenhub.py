"""Tencent TokenHub's Seedream: one picture a call at an address of its own, pictures to start from as addresses in JSON, tokens counted beside.

Source: Tencent Cloud's pages 1823/136609 (the call) and 1823/131595 (the errors), stored copies of 2026-11; litellm 1.109.1 for the
international address, the answer and the rate of a token. What it says of a model that it does not have is not on them.
"""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from tests.emulators.base import EPOCH, Call, Emulator, Refuse, Reply, fit_area, from_base64, json_reply
from tests.emulators.pictures import Format, size_of
from tests.emulators.scenario import PICTURE_KINDS, URL_KINDS, Kind

DATA_URI = re.compile(r"data:image/([a-z]+);base64,(.+)", re.DOTALL)
SIDES = {"1K": 1024, "1.5K": 1536, "2K": 2048, "3K": 3072, "4K": 4096}
MOST_WORDS, MOST_BYTES = 600, 30 << 20


@dataclass(frozen=True)
class Offered:
    tiers: tuple[str, ...]
    least: int
    most: int
    pictures: int
    group: bool = False


class TokenHub(Emulator):
    """No `n`: a field that it does not know is refused. Errors say where they come from: the request, the gateway, or the company behind it."""

    name = "tokenhub"
    base_path = "/v1"
    key = "sk-tokenhub-emulator-0123456789abcdef"
    key_env = "TENCENT_TOKENHUB_API_KEY"
    base_env = "TRIPTYCH_TOKENHUB_BASE_URL"
    hue = 0.55
    kinds = PICTURE_KINDS | URL_KINDS | {
        Kind.WRONG_KEY, Kind.FORBIDDEN, Kind.NO_CREDIT, Kind.RATE_LIMIT, Kind.SERVER_ERROR, Kind.UNKNOWN_MODEL, Kind.UNKNOWN_FIELD,
        Kind.MODERATION_INPUT, Kind.EMPTY_DATA,
    }  # fmt: skip
    models: ClassVar[dict[str, Offered]] = {
        "seedream-image-v5.0-pro": Offered(("1K", "1.5K", "2K"), 921_600, 4_624_220, 10),
        "seedream-image-v5.0-lite": Offered(("2K", "3K", "4K"), 3_686_400, 4096 * 4096, 14, group=True),
        "seedream-image-v5.0-flash": Offered(("1K", "1.5K", "2K"), 921_600, 4_624_220, 10),
    }
    fields = frozenset({
        "model", "prompt", "images", "size", "response_format", "output_format", "watermark", "background", "layer_decomposition",
        "sequential_image_generation", "sequential_image_generation_options",
    })  # fmt: skip

    def step(self, method: str, path: str) -> str:
        known = {("POST", "/v1/wand/si-image/generation"): "submit", ("GET", "/v1/models"): "models"}
        return known.get((method, path), "")

    def answer(self, call: Call) -> Reply:
        if call.bearer() != self.key or call.kind is Kind.WRONG_KEY:
            raise said(call, 401, "authentication_error", "401002", "invalid api key", "gateway")
        if call.recorded.step == "models":
            return json_reply({"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]})
        self._scripted(call)
        values = call.body if isinstance(call.body, dict) else {}
        for name in values:
            if name not in self.fields:
                raise wrong(call, name, "unknown field")
        model = values.get("model")
        offered = self.models.get(str(model))
        if offered is None or call.kind is Kind.UNKNOWN_MODEL:
            raise wrong(call, "model", f"{model} is not available")
        prompt = values.get("prompt")
        if not isinstance(prompt, str) or not 1 <= len(prompt) <= MOST_WORDS:
            raise wrong(call, "prompt", f"length must be from 1 to {MOST_WORDS}")
        self._check(call, offered, values)
        return self._drawn(call, str(model), prompt, values, self._size(call, offered, values.get("size", "2K")))

    def _drawn(self, call: Call, model: str, prompt: str, values: dict[str, Any], size: tuple[int, int]) -> Reply:
        form: Format = "png" if values.get("output_format") == "png" else "jpeg"
        mark = " marked" if values.get("watermark", True) else ""
        made = call.picture(model, prompt, size, form, seed=mark)
        item = {"b64_json": call.b64(made)} if values.get("response_format") == "b64_json" else {"url": call.link(made)}
        tokens = size[0] * size[1] // 256
        call.charge(round(tokens * 1.6), f"1 x {model} {size[0]}x{size[1]}")
        data = [] if call.kind is Kind.EMPTY_DATA else [{**item, "size": f"{size[0]}x{size[1]}", "output_format": form}]
        return json_reply({
            "created": EPOCH + call.recorded.number, "data": data, "tokenhub_usage": {"total_tokens": tokens}, "request_id": call.request_id,
        })  # fmt: skip

    def _scripted(self, call: Call) -> None:
        known = {
            Kind.FORBIDDEN: (403, "permission_error", "403001", "access denied: client IP 127.0.0.1 is not allowed", "gateway"),
            Kind.NO_CREDIT: (402, "permission_error", "401007", "endpoint is inactive: FREE_QUOTA_EXHAUSTED", "gateway"),
            Kind.RATE_LIMIT: (429, "rate_limit_error", "429001", "rate limit exceeded on dimension: rpm", "gateway"),
            Kind.MODERATION_INPUT: (451, "content_filter_error", "451001", "content was filtered by safety policy", "gateway"),
            Kind.SERVER_ERROR: (502, "upstream_error", "502001", "provider returned an error", "upstream"),
        }  # fmt: skip
        if call.kind in known:
            raise said(call, *known[call.kind])
        if call.kind is Kind.UNKNOWN_FIELD:
            raise wrong(call, call.scenario.field, "unknown field")

    def _check(self, call: Call, offered: Offered, values: dict[str, Any]) -> None:
        words = {"response_format": ("url", "b64_json"), "output_format": ("png", "jpeg"), "watermark": (True, False),
                 "sequential_image_generation": ("disabled", "auto") if offered.group else ()}  # fmt: skip
        for name, allowed in words.items():
            if name in values and values[name] not in allowed:
                raise wrong(call, name, f"must be one of {', '.join(map(str, allowed))}")
        given = values.get("images", [])
        if not isinstance(given, list) or len(given) > offered.pictures:
            raise wrong(call, "images", f"at most {offered.pictures}")
        for one in given:
            found = DATA_URI.fullmatch(str(one))
            data = from_base64(found[2]) if found else None
            if not str(one).startswith("http") and (not data or len(data) > MOST_BYTES or size_of(data) is None):
                raise wrong(call, "images", "must be an address or data:image/<lower-case format>;base64,<data>")

    def _size(self, call: Call, offered: Offered, size: Any) -> tuple[int, int]:
        """A tier leaves the shape to the model: a square here."""
        if size in offered.tiers:
            return fit_area(SIDES[size] ** 2, 1.0)
        found = re.fullmatch(r"(\d+)x(\d+)", str(size))
        sides = (int(found[1]), int(found[2])) if found else (0, 1)
        if not offered.least <= sides[0] * sides[1] <= offered.most or not 1 / 16 <= sides[0] / sides[1] <= 16:
            raise wrong(call, "size", f"must be one of {', '.join(offered.tiers)} or WIDTHxHEIGHT within the limits")
        return sides


def wrong(call: Call, name: str, why: str) -> Refuse:
    return said(call, 400, "invalid_request_error", "400001", f"invalid parameter '{name}': {why}", "client")


def said(call: Call, status: int, kind: str, code: str, message: str, source: str) -> Refuse:
    behind = {"upstream_code": "InternalServiceError", "upstream_status": 500} if source == "upstream" else {}
    fault = {"type": kind, "code": code, "message": message, "source": source, **behind, "request_id": call.request_id}
    return Refuse(json_reply({"error": fault}, status))
