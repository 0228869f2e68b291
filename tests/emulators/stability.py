"""Stability AI, v2beta: forms in, JSON with base64 out; refusals as 403 or as a blurred picture.

Source: litellm 1.109.1, ComfyUI's `stability_api.py` and the vendor's REST reference, as of 2026-11.
"""

from dataclasses import dataclass

from tests.emulators.base import Call, Emulator, Form, Refuse, Reply, fit_area, json_reply
from tests.emulators.pictures import Format, size_of
from tests.emulators.scenario import PICTURE_KINDS, STATUS_KINDS, Kind

RATIOS = ("16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
COMMON = {"prompt", "seed", "output_format", "negative_prompt"}
MODELS = {"sd3.5-large": 65_000, "sd3.5-large-turbo": 40_000, "sd3.5-medium": 35_000}
SERVICES: dict[str, tuple[set[str], int]] = {  # what a service takes, and its price for a picture in micro-dollars
    "generate/core": (COMMON | {"aspect_ratio", "style_preset"}, 30_000),
    "generate/ultra": (COMMON | {"aspect_ratio", "style_preset", "image", "strength"}, 80_000),
    "generate/sd3": (COMMON | {"aspect_ratio", "style_preset", "image", "strength", "mode", "model", "cfg_scale"}, 0),
    "edit/inpaint": (COMMON | {"image", "mask", "grow_mask", "style_preset"}, 50_000),
}
PREFIX = "/v2beta/stable-image/"
FORMATS: dict[str, Format] = {"png": "png", "jpeg": "jpeg", "webp": "webp"}


@dataclass(frozen=True, slots=True)
class Asked:
    service: str
    prompt: str
    size: tuple[int, int]
    form: Format
    seed: int
    micro_usd: int


class Stability(Emulator):
    name = "stability"
    key = "sk-emulatorAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    key_env = "STABILITY_API_KEY"
    base_env = "TRIPTYCH_STABILITY_BASE_URL"
    hue = 0.45
    kinds = (
        (STATUS_KINDS | PICTURE_KINDS | {Kind.MODERATION_INPUT, Kind.REFUSAL, Kind.EMPTY_DATA}) - {Kind.FORBIDDEN, Kind.UNKNOWN_MODEL}
    )  # fmt: skip

    def step(self, method: str, path: str) -> str:
        if method == "POST" and path.startswith(PREFIX):
            return "submit"
        return "account" if (method, path) == ("GET", "/v1/user/balance") else ""

    def answer(self, call: Call) -> Reply:
        if call.bearer() != self.key or call.kind is Kind.WRONG_KEY:
            raise fault(call, 401, "unauthorized", "authorization: invalid or missing header value")
        if call.recorded.step == "account":
            return json_reply({"credits": 250.5})
        self._scripted(call)
        asked = self._read(call)
        if call.kind is Kind.MODERATION_INPUT:
            text = "Your request was flagged by our content moderation system, as a result your request was denied and you were not charged."
            raise fault(call, 403, "content_moderation", text)
        call.charge(asked.micro_usd, f"1 x {asked.service}")
        if call.kind is Kind.EMPTY_DATA:
            return json_reply({"finish_reason": "SUCCESS", "seed": asked.seed})
        made = call.picture(asked.service, asked.prompt, asked.size, asked.form, seed=asked.seed)
        if call.headers.get("accept") == "image/*":
            return Reply(200, made.data, made.media_type, {"finish-reason": "SUCCESS", "seed": str(asked.seed)})
        reason = "CONTENT_FILTERED" if call.kind is Kind.REFUSAL else "SUCCESS"
        return json_reply({"image": call.b64(made), "finish_reason": reason, "seed": asked.seed})

    def _scripted(self, call: Call) -> None:
        known = {
            Kind.NO_CREDIT: (402, "payment_required", "You lack sufficient credits to make this request. Please purchase more credits."),
            Kind.RATE_LIMIT: (429, "rate_limit_exceeded", "You have exceeded the rate limit of 150 requests within a 10 second period."),
            Kind.OVERLOADED: (503, "service_unavailable", "The service is at capacity."),
            Kind.SERVER_ERROR: (500, "internal_error", "An unexpected server error has occurred, please try again later."),
        }  # fmt: skip
        if call.kind in known:
            status, name, text = known[call.kind]
            hint = call.hint(None)
            raise fault(
                call, status, name, text, {"Retry-After": f"{hint:g}"} if status == 429 and hint is not None else None
            )
        if call.kind is Kind.UNKNOWN_FIELD:
            raise fault(call, 400, "bad_request", f"{call.scenario.field}: is not a known field")

    def _read(self, call: Call) -> Asked:
        service, form = call.path.removeprefix(PREFIX), call.body
        if service not in SERVICES:
            raise fault(call, 404, "not_found", "Not found")
        if not isinstance(form, Form):
            raise fault(call, 400, "bad_request", "content-type: must be multipart/form-data")
        known, price = SERVICES[service]
        names = [name for name, _ in form.fields] + [one.name for one in form.files]
        for name in names:
            if name not in known:
                raise fault(call, 400, "bad_request", f"{name}: is not a known field")
        prompt, image = form.get("prompt"), form.file("image")
        if not prompt or len(prompt) > 10_000:
            raise fault(call, 400, "bad_request", "prompt: must have between 1 and 10000 characters")
        if service == "generate/sd3":
            price = self._sd3(call, form, with_image=image is not None)
        if (image is None) != ("image" not in known) and (service == "edit/inpaint" or form.get("strength")):
            raise fault(call, 400, "bad_request", "image: is required")
        ratio = form.get("aspect_ratio")
        if ratio is not None and ratio not in RATIOS:
            raise fault(call, 400, "bad_request", f"aspect_ratio: must be one of {', '.join(RATIOS)}")
        wide, _, high = (ratio or "1:1").partition(":")
        size = size_of(image.data) if image is not None else fit_area(1 << 20, float(wide) / float(high), 64)
        shape = FORMATS.get(form.get("output_format") or "png")
        if size is None or shape is None:
            raise fault(
                call,
                400,
                "bad_request",
                "image: could not be read" if size is None else "output_format: is not offered",
            )
        seed = form.get("seed") or "0"
        if not seed.isdigit() or int(seed) > 4_294_967_294:
            raise fault(call, 400, "bad_request", "seed: must be between 0 and 4294967294")
        return Asked(service, prompt, size, shape, int(seed) or 343940597, price)

    @staticmethod
    def _sd3(call: Call, form: Form, *, with_image: bool) -> int:
        model = form.get("model") or "sd3.5-large"
        if model not in MODELS:
            raise fault(call, 400, "bad_request", f"model: must be one of {', '.join(MODELS)}")
        if model.endswith("turbo") and form.get("negative_prompt"):
            raise fault(call, 400, "bad_request", "negative_prompt: is not supported by this model")
        if form.get("output_format") == "webp":
            raise fault(call, 400, "bad_request", "output_format: must be one of jpeg, png")
        if with_image != (form.get("mode") == "image-to-image") or (with_image and not form.get("strength")):
            raise fault(call, 400, "bad_request", "mode: image-to-image needs an image and a strength")
        if with_image and form.get("aspect_ratio"):
            raise fault(call, 400, "bad_request", "aspect_ratio: is for text-to-image only")
        return MODELS[model]


def fault(call: Call, status: int, name: str, text: str, headers: dict[str, str] | None = None) -> Refuse:
    return Refuse(json_reply({"id": call.request_id, "name": name, "errors": [text]}, status, headers))
