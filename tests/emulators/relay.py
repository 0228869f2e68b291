"""Hosts that speak the OpenAI images format in their own way: a plain relay, and Together.

Source: public measurements of relays and together-python 3.1 types, as of 2026-11.
"""

import re
from typing import Any

from tests.emulators.base import EPOCH, Call, Emulator, Form, Refuse, Reply, from_base64, json_reply, mask_key
from tests.emulators.pictures import Format, size_of
from tests.emulators.scenario import PICTURE_KINDS, STATUS_KINDS, URL_KINDS, Kind

COMMON_KINDS = (
    STATUS_KINDS | PICTURE_KINDS | URL_KINDS
    | {Kind.PARTIAL, Kind.REFUSAL, Kind.MODERATION_INPUT, Kind.MODERATION_FREE, Kind.EMPTY_DATA}
)  # fmt: skip


class OpenAILike(Emulator):
    """What both have in common: Bearer keys, the error envelope, the model list."""

    models: tuple[str, ...] = ()
    price_micro_usd = 0

    def step(self, method: str, path: str) -> str:
        if method == "POST" and path in ("/v1/images/generations", "/v1/images/edits"):
            return "submit"
        return "models" if method == "GET" and path == "/v1/models" else ""

    def answer(self, call: Call) -> Reply:
        token = call.bearer()
        if token != self.key or call.kind is Kind.WRONG_KEY:
            raise error(
                call,
                401,
                f"Invalid API key provided: {mask_key(token or '')}",
                "invalid_request_error",
                "invalid_api_key",
            )
        self.scripted(call)
        if call.recorded.step == "models":
            return self.listing()
        if call.recorded.step != "submit":
            raise error(call, 404, f"Invalid URL ({call.method} {call.path})", "invalid_request_error", None)
        return self.make(call)

    def listing(self) -> Reply:
        rows = [{"id": name, "object": "model", "created": EPOCH, "owned_by": self.name} for name in self.models]
        return json_reply({"object": "list", "data": rows})

    def make(self, call: Call) -> Reply:
        raise LookupError(f"{self.name} draws nothing for {call.path}")

    def scripted(self, call: Call) -> None:
        known = {
            Kind.RATE_LIMIT: (429, "Rate limit reached.", "rate_limit", "rate_limit_exceeded"),
            Kind.OVERLOADED: (503, "No available channel for this model.", "server_error", "overloaded"),
            Kind.SERVER_ERROR: (500, "Internal server error.", "server_error", "internal_error"),
            Kind.NO_CREDIT: (402, "Credit limit exceeded, please add credits.", "credit_limit", "insufficient_credits"),
            Kind.FORBIDDEN: (403, "This key may not use this model.", "invalid_request_error", "permission_denied"),
            Kind.MODERATION_INPUT: (400, "The prompt was flagged.", "invalid_request_error", "content_policy_violation"),
            Kind.MODERATION_FREE: (422, "The generated image was flagged as NSFW.", "invalid_request_error", "nsfw"),
        }  # fmt: skip
        if call.kind in known:
            status, text, kind, code = known[call.kind]
            wait = call.hint(5)
            headers = (
                {"Retry-After": f"{wait:g}", "x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{wait:g}"}
                if status == 429
                else {}
            )
            raise error(call, status, text, kind, code, headers=headers)
        if call.kind is Kind.UNKNOWN_FIELD:
            raise unknown(call, call.scenario.field)
        if call.kind is Kind.REFUSAL:
            body = {
                "error": {
                    "message": "upstream refused to draw this",
                    "type": "upstream_error",
                    "param": None,
                    "code": "refused",
                }
            }
            raise Refuse(json_reply(body))

    def model_of(self, call: Call, values: dict[str, Any]) -> str:
        model = values.get("model")
        if model not in self.models or call.kind is Kind.UNKNOWN_MODEL:
            raise error(
                call,
                404,
                f"The model `{model}` does not exist.",
                "invalid_request_error",
                "model_not_found",
                param="model",
            )
        return str(model)

    def prompt_of(self, call: Call, values: dict[str, Any]) -> str:
        prompt = values.get("prompt")
        if not isinstance(prompt, str) or not prompt:
            raise error(
                call, 400, "prompt is required", "invalid_request_error", "missing_required_parameter", param="prompt"
            )
        return prompt

    def count_of(self, call: Call, values: dict[str, Any], most: int) -> int:
        n = values.get("n", 1)
        if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= most:
            raise error(call, 400, f"n must be from 1 to {most}", "invalid_request_error", "invalid_value", param="n")
        return n

    def kept(self, call: Call, count: int) -> list[int]:
        """The indexes of the pictures that come out."""
        return [] if call.kind is Kind.EMPTY_DATA else [index for index in range(count) if not call.failed(index)]

    def bill(self, call: Call, count: int, model: str) -> None:
        call.charge(count * self.price_micro_usd, f"{count} x {model}")


class Relay(OpenAILike):
    """Knows `model`, `prompt`, `n`, `size` and `response_format`, and refuses the rest. The model `relay/only-url`
    answers addresses whatever is asked for; `relay/only-b64` base64."""

    name = "relay"
    base_path = "/v1"
    key = "sk-relay-emulator-0123456789abcdef"
    key_env = "RELAY_API_KEY"
    base_env = "TRIPTYCH_RELAY_BASE_URL"
    hue = 0.12
    kinds = COMMON_KINDS
    models = ("relay/picture", "relay/only-url", "relay/only-b64")
    price_micro_usd = 10_000

    def make(self, call: Call) -> Reply:
        values = self._values(call)
        model, prompt, n = self.model_of(call, values), self.prompt_of(call, values), self.count_of(call, values, 10)
        size = self._size(call, values.get("size", "1024x1024"))
        wanted = values.get("response_format", "url")
        if wanted not in ("url", "b64_json"):
            raise error(
                call,
                400,
                "response_format must be url or b64_json",
                "invalid_request_error",
                "invalid_value",
                param="response_format",
            )
        b64 = model == "relay/only-b64" or (wanted == "b64_json" and model != "relay/only-url")
        data = []
        for index in self.kept(call, n):
            made = call.picture(model, prompt, size, "png", index=index)
            data.append({"b64_json": call.b64(made)} if b64 else {"url": call.link(made)})
        self.bill(call, len(data), model)
        return json_reply({"created": EPOCH + call.recorded.number, "data": data})

    def _values(self, call: Call) -> dict[str, Any]:
        allowed = {"model", "prompt", "n", "size", "response_format", "user"}
        if call.path.endswith("/edits"):
            values = self._form(call)
        elif isinstance(call.body, dict):
            values = call.body
        else:
            raise error(call, 400, "invalid JSON", "invalid_request_error", "invalid_json")
        for name in values:
            if name not in allowed:
                raise unknown(call, name)
        return values

    def _form(self, call: Call) -> dict[str, Any]:
        if not isinstance(call.body, Form):
            raise error(call, 400, "expected multipart/form-data", "invalid_request_error", "invalid_content_type")
        images = [one for one in call.body.files if one.name in ("image", "image[]")]
        if len(images) == 1 and images[0].name == "image[]":
            raise error(
                call, 400, "image is required", "invalid_request_error", "missing_required_parameter", param="image"
            )
        for one in call.body.files:
            if one not in images and one.name != "mask":
                raise unknown(call, one.name)
            if one.content_type not in ("image/png", "image/jpeg", "image/webp") or size_of(one.data) is None:
                raise error(
                    call,
                    400,
                    f"unsupported file type {one.content_type}",
                    "invalid_request_error",
                    "invalid_image",
                    param=one.name,
                )
        if not images:
            raise error(
                call, 400, "image is required", "invalid_request_error", "missing_required_parameter", param="image"
            )
        values: dict[str, Any] = dict(call.body.fields)
        if str(values.get("n", "")).isdecimal():
            values["n"] = int(values["n"])
        return values

    def _size(self, call: Call, text: Any) -> tuple[int, int]:
        found = re.fullmatch(r"(\d+)x(\d+)", str(text))
        if found is None or not all(64 <= int(side) <= 4096 for side in found.groups()):
            raise error(
                call,
                400,
                "size must be WIDTHxHEIGHT from 64 to 4096",
                "invalid_request_error",
                "invalid_value",
                param="size",
            )
        return int(found[1]), int(found[2])


class Together(OpenAILike):
    """The dialect with width, height, steps and `base64`."""

    name = "together"
    base_path = "/v1"
    key = "tgp_v1_emulator0123456789abcdefghij"
    key_env = "TOGETHER_API_KEY"
    base_env = "TRIPTYCH_TOGETHER_BASE_URL"
    hue = 0.9
    kinds = COMMON_KINDS
    models = (
        "black-forest-labs/FLUX.1-schnell",
        "black-forest-labs/FLUX.1-kontext-dev",
        "black-forest-labs/FLUX.2-dev",
    )
    price_micro_usd = 3_000
    fields = frozenset(
        {
            "model", "prompt", "steps", "n", "seed", "width", "height", "negative_prompt", "guidance_scale", "image_url",
            "reference_images", "image_loras", "output_format", "response_format", "disable_safety_checker",
        }
    )  # fmt: skip

    def step(self, method: str, path: str) -> str:
        return "" if path.endswith("/edits") else super().step(method, path)

    def make(self, call: Call) -> Reply:
        values = call.body
        if not isinstance(values, dict):
            raise error(call, 400, "invalid JSON", "invalid_request_error", "invalid_json")
        for name in values:
            if name not in self.fields:
                raise unknown(call, name)
        model, prompt, n = self.model_of(call, values), self.prompt_of(call, values), self.count_of(call, values, 4)
        self._check(call, values)
        form: Format = "png" if values.get("output_format") == "png" else "jpeg"
        size = (values.get("width", 1024), values.get("height", 1024))
        b64 = values.get("response_format", "url") == "base64"
        data: list[dict[str, Any]] = []
        for index in self.kept(call, n):
            made = call.picture(model, prompt, size, form, seed=values.get("seed", ""), index=index)
            carried = (
                {"type": "b64_json", "b64_json": call.b64(made)} if b64 else {"type": "url", "url": call.link(made)}
            )
            data.append({"index": index, **carried})
        self.bill(call, len(data), model)
        return json_reply({"id": f"o-{call.request_id[:12]}", "model": model, "object": "list", "data": data})

    def _check(self, call: Call, values: dict[str, Any]) -> None:
        for name in ("width", "height"):
            side = values.get(name, 1024)
            if not isinstance(side, int) or not 64 <= side <= 2048 or side % 16:
                raise invalid(call, name, "must be a multiple of 16 from 64 to 2048")
        if values.get("response_format", "url") not in ("url", "base64"):
            raise invalid(call, "response_format", "must be one of: base64, url")
        if values.get("output_format", "jpeg") not in ("jpeg", "png"):
            raise invalid(call, "output_format", "must be one of: jpeg, png")
        for name in ("seed", "steps"):
            if name in values and not isinstance(values[name], int):
                raise invalid(call, name, "must be an integer")
        inputs = [values["image_url"]] if "image_url" in values else list(values.get("reference_images", []))
        for one in inputs:
            inside = from_base64(one.partition(";base64,")[2]) if str(one).startswith("data:image/") else b""
            if (
                inside is None
                or (inside and size_of(inside) is None)
                or not str(one).startswith(("data:image/", "http"))
            ):
                raise invalid(call, "image_url", "must be an http/https address or an image data URI")


def invalid(call: Call, name: str, text: str) -> Refuse:
    return error(call, 400, f"{name} {text}", "invalid_request_error", "invalid_value", param=name)


def unknown(call: Call, name: str) -> Refuse:
    return error(call, 400, f"Unknown parameter: '{name}'.", "invalid_request_error", "unknown_parameter", param=name)


def error(
    call: Call,
    status: int,
    message: str,
    kind: str,
    code: str | None,
    *,
    param: str | None = None,
    headers: dict[str, str] | None = None,
) -> Refuse:
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return Refuse(json_reply(body, status, {"x-request-id": call.request_id, **(headers or {})}))
