"""Hosts that speak OpenAI's images format with words of their own: DeepInfra; LocalAI and stable-diffusion.cpp's `sd-server` at home.

Source: @ai-sdk/deepinfra 3.0.57; mudler/LocalAI at 82c191a; leejet/stable-diffusion.cpp at 97d2990; as of 2026-11.
"""

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar

from tests.emulators.base import EPOCH, Call, Emulator, Form, Refuse, Reply, from_base64, json_reply
from tests.emulators.gateways import FORMATS
from tests.emulators.pictures import Format, repainted, size_of
from tests.emulators.scenario import PICTURE_KINDS, STATUS_KINDS, URL_KINDS, Kind

if TYPE_CHECKING:
    from tests.emulators.files import Files

SIZE = re.compile(r"(\d+)x(\d+)")
BY_SIZE = frozenset({"black-forest-labs/FLUX-2-klein-4b"})
"""Of DeepInfra: priced by (width / 1024) x (height / 1024)."""
EXTRA_ARGS = re.compile(r"<sd_cpp_extra_args>(.*?)</sd_cpp_extra_args>")


def size_in(text: Any) -> tuple[int, int] | None:
    found = SIZE.fullmatch(str(text))
    return (int(found[1]), int(found[2])) if found else None


class DeepInfra(Emulator):
    """Its clone of OpenAI's API: one picture a call, as base64; errors lie two levels deep."""

    name = "deepinfra"
    base_path = "/v1/openai"
    key = "di_emulator0123456789abcdef"
    key_env = "DEEPINFRA_API_KEY"
    base_env = "TRIPTYCH_DEEPINFRA_BASE_URL"
    hue = 0.15
    kinds = STATUS_KINDS | PICTURE_KINDS | {Kind.MODERATION_INPUT, Kind.EMPTY_DATA}
    fields = frozenset({"model", "prompt", "n", "size", "response_format", "quality", "style", "user"})
    models: ClassVar[dict[str, int]] = {
        "black-forest-labs/FLUX-2-max": 70_000,
        "black-forest-labs/FLUX-2-klein-4b": 14_000,
        "black-forest-labs/FLUX-1.1-pro": 40_000,
    }

    def step(self, method: str, path: str) -> str:
        known = {
            ("POST", "/images/generations"): "submit",
            ("POST", "/images/edits"): "submit",
            ("GET", "/models"): "models",
        }
        return known.get((method, path.removeprefix(self.base_path)), "")

    def answer(self, call: Call) -> Reply:
        if call.bearer() != self.key or call.kind is Kind.WRONG_KEY:
            raise nested(401, "User is not authenticated")
        if call.recorded.step == "models":
            return json_reply({"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]})
        scripted(call)
        values = dict(call.body.fields) if isinstance(call.body, Form) else dict(call.body or {})
        for name in values:
            if name not in self.fields:
                raise nested(422, f"Extra inputs are not permitted: {name}")
        model, size = values.get("model"), size_in(values.get("size", "1024x1024"))
        if model not in self.models:
            raise nested(404, f"Model {model} is not available")
        if size is None or not values.get("prompt") or str(values.get("n", 1)) != "1":
            raise nested(422, "Input should be a valid request")
        if values.get("response_format", "b64_json") != "b64_json":
            raise nested(422, "response_format: Input should be 'b64_json'")
        share = size[0] * size[1] / 1024**2 if model in BY_SIZE else 1
        call.charge(round(self.models[str(model)] * share), f"1 x {model} {size[0]}x{size[1]}")
        made = call.picture(str(model), values["prompt"], size, "png")
        data = [] if call.kind is Kind.EMPTY_DATA else [{"b64_json": call.b64(made)}]
        return json_reply({"created": EPOCH, "data": data})


def scripted(call: Call) -> None:
    known = {
        Kind.FORBIDDEN: (403, "You have no access to this model"),
        Kind.NO_CREDIT: (402, "Insufficient balance: top up your account"),
        Kind.RATE_LIMIT: (429, "Rate limited"),
        Kind.OVERLOADED: (429, "Model is overloaded"),
        Kind.SERVER_ERROR: (500, "Inference failed"),
        Kind.UNKNOWN_MODEL: (404, "Model is not available"),
        Kind.UNKNOWN_FIELD: (422, f"Extra inputs are not permitted: {call.scenario.field}"),
        Kind.MODERATION_INPUT: (400, "The prompt was flagged by the safety checker"),
    }
    if call.kind in known:
        raise nested(*known[call.kind])


def nested(status: int, said: str) -> Refuse:
    return Refuse(json_reply({"detail": {"error": said}}, status))


class Splitting(Emulator):
    """One that takes a prompt apart: `understood` has, by request, the words, what is to be left out, and the seed."""

    def __init__(self, files: "Files | None" = None) -> None:
        super().__init__(files)
        self.understood: list[tuple[str, str, Any]] = []

    def reset(self) -> None:
        super().reset()
        self.understood = []


class LocalAI(Splitting):
    """No key. A size that cannot be read is 512 by 512 without a word; pictures that are to be changed go in as plain base64. Of a prompt the
    first part before a `|` is drawn and the second left out; there is no third."""

    name = "localai"
    base_path = "/v1"
    key = "no-key-localai"
    hue = 0.35
    model = "flux.1-dev"
    kinds = PICTURE_KINDS | URL_KINDS | {Kind.SERVER_ERROR, Kind.UNKNOWN_MODEL, Kind.EMPTY_DATA}

    def step(self, method: str, path: str) -> str:
        known = {("POST", "/v1/images/generations"): "submit", ("GET", "/v1/models"): "models"}
        return known.get((method, path), "")

    def answer(self, call: Call) -> Reply:
        if call.recorded.step == "models":
            names = (self.model, "gpt-oss-20b", "whisper-1")
            return json_reply({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})
        values = dict(call.body or {})
        if call.kind is Kind.SERVER_ERROR:
            raise coded(500, "rpc error: code = Unknown desc = failed to allocate memory")
        if values.get("model") != self.model or call.kind is Kind.UNKNOWN_MODEL:
            raise coded(404, f"model {values.get('model')!r} is not known")
        given = [values["file"]] if "file" in values else [*values.get("files", []), *values.get("ref_images", [])]
        if any(size_of(from_base64(str(one)) or b"") is None for one in given):
            raise coded(500, "failed decoding base64 file")
        wide, high = size_in(values.get("size")) or (512, 512)
        words, *more = str(values.get("prompt", "")).split("|")
        self.understood.append((words, more[0] if more else "", values.get("seed")))
        count = 0 if call.kind is Kind.EMPTY_DATA else int(values.get("n", 1))
        data: list[dict[str, str]] = []
        for index in range(count):
            made = call.picture(self.model, words, (wide, high), "png", seed=values.get("seed", ""), index=index)
            data.append(
                {"b64_json": call.b64(made)}
                if values.get("response_format") == "b64_json"
                else {"url": call.link(made)}
            )
        return json_reply({"id": call.request_id, "created": EPOCH, "data": data, "usage": {"total_tokens": 0}})


def coded(status: int, said: str) -> Refuse:
    return Refuse(json_reply({"error": {"code": status, "message": said, "type": ""}}, status))


class SdServer(Splitting):
    """No key, one model whatever its name; what it does not know, a seed too, it leaves out. Its queue may be full. A mask is read as
    one channel: white is changed, black is kept, transparency says nothing. Settings of its own stand between tags in the prompt."""

    name = "sd-server"
    base_path = "/v1"
    key = "no-key-sd-server"
    hue = 0.4
    model = "sd-cpp-local"
    kinds = PICTURE_KINDS | {Kind.RATE_LIMIT, Kind.SERVER_ERROR, Kind.EMPTY_DATA}

    def step(self, method: str, path: str) -> str:
        known = {
            ("POST", "/v1/images/generations"): "submit",
            ("POST", "/v1/images/edits"): "submit",
            ("GET", "/v1/models"): "models",
        }
        return known.get((method, path), "")

    def answer(self, call: Call) -> Reply:
        if call.recorded.step == "models":
            return json_reply({"object": "list", "data": [{"id": self.model, "object": "model", "owned_by": "local"}]})
        if call.kind is Kind.RATE_LIMIT:
            raise worded(429, "job queue is full")
        if call.kind is Kind.SERVER_ERROR:
            raise worded(500, "generate_image failed")
        edit = call.path.endswith("/edits")
        if edit != isinstance(call.body, Form):
            raise worded(400, "expected multipart/form-data" if edit else "invalid json")
        values = dict(call.body.fields) if isinstance(call.body, Form) else dict(call.body or {})
        if not values.get("prompt"):
            raise worded(400, "prompt required")
        images = (
            [one for one in call.body.files if one.name in ("image", "image[]")] if isinstance(call.body, Form) else []
        )
        if edit and not images:
            raise worded(400, "at least one image[] required")
        form: Format = FORMATS.get(str(values.get("output_format", "png")), "png")
        own = size_of(images[0].data) if images else None
        size, count = size_in(values["size"]) if "size" in values else own or (512, 512), int(values.get("n", 1))
        if size is None:
            raise worded(400, "invalid size")
        kept = range(0 if call.kind is Kind.EMPTY_DATA else count)
        found = EXTRA_ARGS.search(values["prompt"])
        extra = self._extra(found[1]) if found else {}
        words = EXTRA_ARGS.sub("", values["prompt"])
        self.understood.append((words, str(extra.get("negative_prompt", "")), extra.get("seed")))
        made = [call.picture(self.model, words, size, form, seed=extra.get("seed", ""), index=index) for index in kept]
        mask = call.body.file("mask") if isinstance(call.body, Form) else None
        if mask is not None:
            made = [repainted(images[0].data, one, mask.data) for one in made]
        data = [{"b64_json": call.b64(one)} for one in made]
        return json_reply({"created": EPOCH, "output_format": form, "data": data})

    def _extra(self, text: str) -> dict[str, Any]:
        try:
            found = json.loads(text)
        except ValueError:
            raise worded(400, "invalid sd_cpp_extra_args") from None
        return found if isinstance(found, dict) else {}


def worded(status: int, said: str) -> Refuse:
    return Refuse(json_reply({"error": said}, status))
