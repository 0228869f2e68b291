"""Hosts that pass on, or run, other people's models: OpenRouter's Images API and its chat with pictures, vLLM-Omni and SGLang Diffusion on one's own machine.

Source: the types of openrouter 1.3.84 and @openrouter/ai-sdk-provider 3.1.0; `docs/serving` of vllm-project/vllm-omni and
`docs/diffusion` of sgl-project/sglang, as of 2026-11.
"""

from typing import Any, ClassVar

from tests.emulators.base import EPOCH, Call, Emulator, Form, Refuse, Reply, fit_area, from_base64, json_reply
from tests.emulators.pictures import Format, size_of
from tests.emulators.scenario import PICTURE_KINDS, STATUS_KINDS, Kind

SIDES = {"512": 512, "1K": 1024, "1.5K": 1536, "2K": 2048, "4K": 4096}
FORMATS: dict[str, Format] = {"png": "png", "jpeg": "jpeg", "webp": "webp"}


def listed(name: str) -> dict[str, Any]:
    """A row of its image models (`ImageModelListItem` of openrouter 1.3.84)."""
    return {
        "id": name,
        "name": name,
        "created": 1_760_000_000,
        "description": "",
        "endpoints": f"/api/v1/images/models/{name}/endpoints",
        "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["image"]},
        "supported_parameters": {"n": {"type": "range", "min": 1, "max": 1}},
        "supports_streaming": False,
    }


class OpenRouter(Emulator):
    """Codes are numbers; a refusal says which rules; an error of the company behind it may come inside of a 200."""

    name = "openrouter"
    base_path = "/api/v1"
    key = "sk-or-v1-emulator0123456789abcdef0123456789abcdef"
    key_env = "OPENROUTER_API_KEY"
    base_env = "TRIPTYCH_OPENROUTER_BASE_URL"
    hue = 0.7
    kinds = STATUS_KINDS | PICTURE_KINDS | {Kind.MODERATION_INPUT, Kind.REFUSAL, Kind.EMPTY_DATA}
    fields = frozenset(
        {
            "model", "prompt", "aspect_ratio", "background", "input_references", "n", "output_compression", "output_format", "provider",
            "quality", "resolution", "seed", "session_id", "size", "stream", "trace", "user",
        }
    )  # fmt: skip
    chat_fields = frozenset(
        {"model", "messages", "modalities", "image_config", "seed", "stream", "temperature", "provider", "user"}
    )
    chats: ClassVar[dict[str, bool]] = {"google/gemini-2.5-flash-image": False, "google/gemini-3.1-flash-image": True}
    """Whether each takes a size class."""
    models: ClassVar[dict[str, int]] = {
        "openai/gpt-image-2": 53_000,
        "bytedance-seed/seedream-4.5": 40_000,
        "black-forest-labs/flux.2-pro": 30_000,
    }

    def step(self, method: str, path: str) -> str:
        known = {
            ("POST", "/images"): "submit",
            ("POST", "/chat/completions"): "submit",
            ("GET", "/key"): "account",
            ("GET", "/images/models"): "models",
        }
        return known.get((method, path.removeprefix("/api/v1")), "")

    def answer(self, call: Call) -> Reply:
        if call.bearer() != self.key or call.kind is Kind.WRONG_KEY:
            raise numbered(401, "User not found.")
        if call.recorded.step == "account":
            return json_reply(
                {"data": {"label": "sk-or-v1-emu...def", "usage": 0.5, "limit": None, "is_free_tier": False}}
            )
        if call.recorded.step == "models":
            return json_reply({"data": [listed(name) for name in self.models]})
        self._scripted(call)
        body = call.body if isinstance(call.body, dict) else {}
        if call.path.endswith("/chat/completions"):
            return self._chat(call, body)
        for name in body:
            if name not in self.fields:
                raise numbered(400, f"Unrecognized key: {name}")
        model, prompt = body.get("model"), body.get("prompt")
        if model not in self.models:
            raise numbered(404, f"No endpoints found for {model}.")
        if not isinstance(prompt, str) or not prompt:
            raise numbered(400, "prompt: Required")
        if body.get("n", 1) != 1:
            raise numbered(400, "This provider supports n = 1 only")
        size, form = self._size(body), FORMATS.get(body.get("output_format", "png"))
        if form is None:
            raise numbered(400, "output_format: Invalid option")
        micro_usd = self.models[model]
        call.charge(micro_usd, f"1 x {model}")
        made = call.picture(model, prompt, size, form, seed=body.get("seed", ""))
        data = [] if call.kind is Kind.EMPTY_DATA else [{"b64_json": call.b64(made), "media_type": made.media_type}]
        usage = {"prompt_tokens": 10, "completion_tokens": 1290, "total_tokens": 1300, "cost": micro_usd / 1_000_000}
        return json_reply({"created": EPOCH + call.recorded.number, "data": data, "usage": usage})

    def _chat(self, call: Call, body: dict[str, Any]) -> Reply:
        """A model that draws only where `modalities` ask for it; without them, and with `empty_data`, it writes."""
        for name in body:
            if name not in self.chat_fields:
                raise numbered(400, f"Unrecognized key: {name}")
        model, messages = body.get("model"), body.get("messages")
        if model not in self.chats:
            raise numbered(404, f"No endpoints found for {model}.")
        if not isinstance(messages, list) or not messages:
            raise numbered(400, "messages: Required")
        content = messages[-1].get("content", "")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        prompt = "".join(part["text"] for part in parts if part.get("type") == "text")
        shape = dict(body.get("image_config", {}))
        if set(shape) - {"aspect_ratio", "image_size"} or ("image_size" in shape and not self.chats[model]):
            raise numbered(400, f"image_config: {sorted(shape)} is not supported by {model}")
        given = [part for part in parts if part.get("type") == "image_url"]
        size = self._size({
            "input_references": given, "resolution": shape.get("image_size", "1K"), "aspect_ratio": shape.get("aspect_ratio"),
        })  # fmt: skip
        message: dict[str, Any] = {"role": "assistant", "content": "Here is your picture.", "refusal": None}
        micro_usd = 0
        if "image" in body.get("modalities", ()) and call.kind is not Kind.EMPTY_DATA:
            made = call.picture(model, prompt, size, "png", seed=body.get("seed", ""))
            url = f"data:{made.media_type};base64,{call.b64(made)}"
            message["images"] = [{"type": "image_url", "image_url": {"url": url}, "index": 0}]
            micro_usd = 39_000
        call.charge(micro_usd, f"1 x {model}")
        return json_reply({
            "id": f"gen-{call.request_id[:12]}", "object": "chat.completion", "created": EPOCH, "model": model, "system_fingerprint": None,
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 1290, "total_tokens": 1300, "cost": micro_usd / 1_000_000},
        })  # fmt: skip

    @staticmethod
    def _size(body: dict[str, Any]) -> tuple[int, int]:
        given = [dict(one.get("image_url", {})).get("url", "") for one in body.get("input_references", [])]
        sizes = [size_of(from_base64(url.partition(";base64,")[2]) or b"") for url in given]
        if None in sizes:
            raise numbered(400, "input_references: Invalid image")
        ratio, resolution = body.get("aspect_ratio"), body.get("resolution", "1K")
        if resolution not in SIDES:
            raise numbered(400, "resolution: Invalid option")
        if ratio is None:
            return next((size for size in sizes if size), (1024, 1024))
        wide, _, high = str(ratio).partition(":")
        return fit_area(SIDES[resolution] ** 2, float(wide) / float(high))

    @staticmethod
    def _scripted(call: Call) -> None:
        known = {
            Kind.FORBIDDEN: (403, "This API key is not allowed to use this model."),
            Kind.NO_CREDIT: (402, "Insufficient credits. Add more using https://openrouter.ai/settings/credits"),
            Kind.OVERLOADED: (503, "No provider is available that meets your routing requirements."),
            Kind.SERVER_ERROR: (502, "Provider returned error"),
            Kind.UNKNOWN_MODEL: (404, "No endpoints found that support image output."),
            Kind.UNKNOWN_FIELD: (400, f"Unrecognized key: {call.scenario.field}"),
        }
        if call.kind in known:
            raise numbered(*known[call.kind])
        if call.kind is Kind.RATE_LIMIT:
            wait = call.hint(5)
            raise numbered(429, "Rate limit exceeded", headers={"Retry-After": f"{wait:g}"})
        if call.kind is Kind.MODERATION_INPUT:
            more = {"reasons": ["violence"], "flagged_input": "a kettle", "provider_name": "OpenAI"}
            raise numbered(403, "Your chosen model requires moderation and your input was flagged.", more)
        if call.kind is Kind.REFUSAL:
            raise Refuse(
                json_reply(
                    {"error": {"code": 502, "message": "Provider returned error", "metadata": {"provider_name": "x"}}}
                )
            )


def numbered(
    status: int, text: str, metadata: dict[str, Any] | None = None, headers: dict[str, str] | None = None
) -> Refuse:
    said = {"code": status, "message": text} | ({"metadata": metadata} if metadata else {})
    return Refuse(json_reply({"error": said, "user_id": "user_emulator"}, status, headers))


class OwnServer(Emulator):
    """What both have in common: no key, one model, pictures as base64, forms for edits, faults under `detail`."""

    model = "Qwen/Qwen-Image"
    kinds = frozenset({Kind.OVERLOADED, Kind.SERVER_ERROR, Kind.UNKNOWN_FIELD, Kind.EMPTY_DATA}) | PICTURE_KINDS
    known = frozenset({"prompt", "model", "n", "size", "response_format", "user", "negative_prompt", "seed", "num_inference_steps",
                       "guidance_scale", "output_format"})  # fmt: skip
    listing: ClassVar[Any] = None
    list_path = "/v1/models"

    def step(self, method: str, path: str) -> str:
        made = {"/v1/images/generations", "/v1/images/edits"}
        return (
            "submit"
            if method == "POST" and path in made
            else "models"
            if (method, path) == ("GET", self.list_path)
            else ""
        )

    def answer(self, call: Call) -> Reply:
        if call.recorded.step == "models":
            return json_reply(self.listing)
        self.scripted(call)
        edit = call.path.endswith("/edits")
        if edit != isinstance(call.body, Form):
            raise detail(422, [{"loc": ["body"], "msg": "field required", "type": "value_error.missing"}])
        values: dict[str, Any] = dict(call.body.fields) if isinstance(call.body, Form) else dict(call.body or {})
        for name in values:
            if name not in self.known:
                raise detail(
                    422, [{"loc": ["body", name], "msg": "extra fields not permitted", "type": "value_error.extra"}]
                )
        if edit and not any(one.name == "image" for one in call.body.files):
            raise detail(422, "Field 'image' or 'url' is required")
        wide, _, high = str(values.get("size", "1024x1024")).partition("x")
        if not (wide.isdigit() and high.isdigit()):
            raise detail(
                400, f"Invalid size format: '{values['size']}'. Expected format: 'WIDTHxHEIGHT' (e.g., '1024x1024')."
            )
        if values.get("response_format", "b64_json") != "b64_json":
            raise detail(400, "response_format must be b64_json")
        count = 0 if call.kind is Kind.EMPTY_DATA else int(values.get("n", 1))
        data = []
        for index in range(count):
            made = call.picture(
                self.model, values["prompt"], (int(wide), int(high)), "png", seed=values.get("seed", ""), index=index
            )
            data.append({"b64_json": call.b64(made), "url": None, "revised_prompt": None})
        return json_reply({"created": EPOCH, "data": data})

    def scripted(self, call: Call) -> None:
        if call.kind is Kind.OVERLOADED:
            raise detail(503, "Diffusion engine not initialized. Start server with a diffusion model.")
        if call.kind is Kind.SERVER_ERROR:
            raise detail(500, "CUDA out of memory.")
        if call.kind is Kind.UNKNOWN_FIELD:
            raise detail(
                422,
                [
                    {
                        "loc": ["body", call.scenario.field],
                        "msg": "extra fields not permitted",
                        "type": "value_error.extra",
                    }
                ],
            )


class VllmOmni(OwnServer):
    name = "vllm-omni"
    base_path = "/v1"
    key = "no-key-vllm-omni"
    hue = 0.25
    listing: ClassVar[Any] = {
        "object": "list",
        "data": [{"id": OwnServer.model, "object": "model", "owned_by": "vllm"}],
    }


class SGLang(OwnServer):
    name = "sglang"
    key = "no-key-sglang"
    hue = 0.3
    list_path = "/models"
    listing: ClassVar[Any] = {"model_path": OwnServer.model, "task_type": "T2I", "num_gpus": 1}


def detail(status: int, said: Any) -> Refuse:
    return Refuse(json_reply({"detail": said}, status))
