"""Black Forest Labs: submit, ask at the address that the answer names, fetch the sample elsewhere.

Source: @ai-sdk/black-forest-labs 2.0.41, black-forest-labs/skills at d0793c8, and the vendor's FLUX.3 page, as of 2026-10.
"""

import math
import uuid
from dataclasses import dataclass
from typing import Any

from tests.emulators.base import Call, Refuse, Reply, fit_area, from_base64, json_reply
from tests.emulators.jobs import Job, WithJobs
from tests.emulators.pictures import Format, size_of
from tests.emulators.scenario import JOB_KINDS, PICTURE_KINDS, STATUS_KINDS, URL_KINDS, Kind

MOST_PIXELS = 4 << 20
SIDES = {"768sq": 768, "1k": 1024, "1.5k": 1536, "2k": 2048, "4k": 4096}
FLUX3_RATIOS = (
    "auto", "21:9", "2:1", "16:9", "3:2", "7:5", "4:3", "5:4", "1:1", "4:5", "3:4", "5:7", "2:3", "9:16", "1:2", "9:21",
)  # fmt: skip
FLUX3_CREDITS = {"768sq": 4.1, "1k": 4.8, "1.5k": 7.0, "2k": 10.0, "4k": 60.7}
PER_MEGAPIXEL = {  # credits for the first megapixel and for each further one
    "flux-2-pro": (3.0, 1.5), "flux-2-max": (7.0, 3.0), "flux-2-flex": (5.0, 5.0), "flux-2-klein-4b": (1.4, 0.1),
    "flux-2-klein-9b": (1.5, 0.2),
}  # fmt: skip
EACH = {
    "flux-kontext-pro": 4.0, "flux-kontext-max": 8.0, "flux-pro-1.1": 4.0, "flux-pro-1.1-ultra": 6.0, "flux-pro-1.0-fill": 5.0,
}  # fmt: skip
COMMON = {"prompt", "seed", "safety_tolerance", "output_format", "webhook_url", "webhook_secret"}
FIELDS = {
    "flux-3-image": {"prompt", "images", "aspect_ratio", "resolution", "grounding", "safety_tolerance"},
    "flux-kontext": COMMON | {"aspect_ratio", "prompt_upsampling"},
    "flux-2": COMMON | {"width", "height"},
    "flux-2-flex": COMMON | {"width", "height", "steps", "guidance", "prompt_upsampling"},
    "flux-pro-1.1": COMMON | {"width", "height", "prompt_upsampling", "image_prompt"},
    "flux-pro-1.1-ultra": COMMON
    | {"aspect_ratio", "raw", "image_prompt", "image_prompt_strength", "prompt_upsampling"},
    "flux-pro-1.0-fill": COMMON | {"image", "mask", "steps", "guidance", "prompt_upsampling"},
}


@dataclass(slots=True, kw_only=True)
class Task(Job):
    model: str
    prompt: str
    size: tuple[int, int]
    form: Format
    seed: int


class BlackForestLabs(WithJobs[Task]):
    name = "bfl"
    key = "bfl-emulator-0123456789abcdef"
    key_env = "BFL_API_KEY"
    base_env = "TRIPTYCH_BFL_BASE_URL"
    hue = 0.12
    kinds = (
        (STATUS_KINDS | PICTURE_KINDS | URL_KINDS | JOB_KINDS | {Kind.MODERATION_INPUT, Kind.EMPTY_DATA})
        - {Kind.FORBIDDEN, Kind.JOB_IMPOSSIBLE, Kind.INVALID_BASE64}
    )  # fmt: skip

    def step(self, method: str, path: str) -> str:
        if method == "POST" and path.startswith("/v1/"):
            return "submit"
        return {"/v1/get_result": "poll", "/v1/credits": "account"}.get(path, "") if method == "GET" else ""

    def answer(self, call: Call) -> Reply:
        if call.headers.get("x-key") != self.key or call.kind is Kind.WRONG_KEY:
            raise detail(403, "Not authenticated")
        self._scripted(call)
        if call.recorded.step == "submit":
            return self._submit(call)
        if call.recorded.step == "poll":
            return self._poll(call)
        if call.recorded.step == "account":
            return json_reply({"credits": 1000.0})
        raise detail(404, "Not Found")

    # Refusals

    def _scripted(self, call: Call) -> None:
        known = {
            Kind.NO_CREDIT: (402, "Insufficient credits. Please add credits to your account."),
            Kind.RATE_LIMIT: (429, "Rate limit exceeded: too many active tasks."),
            Kind.OVERLOADED: (503, "Service is temporarily unavailable."),
            Kind.SERVER_ERROR: (500, "Internal Server Error"),
            Kind.UNKNOWN_MODEL: (404, "Not Found"),
        }
        if call.kind in known:
            status, text = known[call.kind]
            hint = call.hint(None)
            raise detail(status, text, {"Retry-After": f"{hint:g}"} if status == 429 and hint is not None else None)
        if call.kind is Kind.UNKNOWN_FIELD:
            raise invalid(call.scenario.field, "Extra inputs are not permitted", "extra_forbidden")

    # Tasks

    def _submit(self, call: Call) -> Reply:
        model, body = call.path.removeprefix("/v1/"), call.body
        if model not in {"flux-3-image", *PER_MEGAPIXEL, *EACH}:
            raise detail(404, "Not Found")
        if not isinstance(body, dict):
            raise invalid(
                "", "Input should be a valid dictionary or object to extract fields from", "model_attributes_type"
            )
        pictures = self._fields(model, body)
        prompt = body.get("prompt", "")
        if not isinstance(prompt, str) or (not prompt and model != "flux-pro-1.0-fill"):
            raise invalid("prompt", "Field required", "missing")
        size = pictures[0] if pictures and "width" not in body and "aspect_ratio" not in body else shape(model, body)
        credit = price(model, body, size, pictures)
        task = self.keep(Task(
            id=str(uuid.UUID(call.request_id)), call=call, model=model, prompt=prompt, size=size,
            form="jpeg" if body.get("output_format", "jpeg") == "jpeg" else "png", seed=body.get("seed") or 42,
        ))  # fmt: skip
        if call.kind is not Kind.MODERATION_INPUT:
            call.charge(round(credit * 10_000), f"1 x {model}")
        answer = {"id": task.id, "polling_url": f"{self.url}/v1/get_result?id={task.id}", "cost": credit}
        return json_reply({**answer, "input_mp": sum(map(megapixels, pictures)), "output_mp": megapixels(size)})

    def _fields(self, model: str, body: dict[str, Any]) -> list[tuple[int, int]]:
        """Refuses what a model does not take; the sizes of its input pictures."""
        most = 4 if "klein" in model or "kontext" in model else 8
        numbered = {"input_image", *(f"input_image_{n}" for n in range(2, most + 1))}
        known = FIELDS.get(model) or FIELDS["flux-kontext" if "kontext" in model else "flux-2"]
        known = known | (numbered if model.startswith(("flux-2", "flux-kontext")) else set())
        for name in body:
            if name not in known:
                raise invalid(name, "Extra inputs are not permitted", "extra_forbidden")
        listed = body.get("images", [])
        if not isinstance(listed, list) or len(listed) > 10:
            raise invalid("images", "List should have at most 10 items after validation", "too_long")
        given = [body[name] for name in sorted(numbered | {"image", "image_prompt"}) if name in body]
        sizes = [picture(one) for one in (*given, *listed)]
        if model == "flux-3-image" and any(min(size) < 256 for size in sizes):
            raise invalid("images", "Image must be at least 256x256 pixels", "value_error")
        if model == "flux-pro-1.0-fill" and "image" not in body:
            raise invalid("image", "Field required", "missing")
        if "mask" in body and picture(body["mask"]) != sizes[0]:
            raise invalid("mask", "The mask must have the size of the image", "value_error")
        return sizes

    def _poll(self, call: Call) -> Reply:
        task = self.jobs.get(call.recorded.query.get("id", ""))
        if task is None or task.scenario.kind is Kind.JOB_LOST:
            return json_reply({"id": call.recorded.query.get("id"), "status": "Task not found", "result": None}, 404)
        task.asked += 1
        kind = task.scenario.kind
        if kind is Kind.MODERATION_INPUT:
            return self._told(
                task, "Request Moderated", details={"Moderation Reasons": [task.scenario.reason or "Violence"]}
            )
        if not task.done:
            first = "Queued" if task.asked == 1 else "Pending"
            return self._told(task, first, progress=round(min(0.9, task.asked / 10), 2))
        if kind is Kind.JOB_CENSORED:
            return self._told(task, "Content Moderated", details={"Moderation Reasons": ["Derivative Works Filter"]})
        if kind is Kind.JOB_FAULTED:
            return self._told(task, "Error", status=503, details={"error": "worker lost"})
        result: dict[str, Any] = {"prompt": task.prompt, "seed": task.seed, "start_time": 1750000000.0, "duration": 4.2}
        if kind is not Kind.EMPTY_DATA:
            made = task.call.picture(task.model, task.prompt, task.size, task.form, seed=task.seed)
            result["sample"] = task.call.link(made)
        return self._told(task, "Ready", result=result)

    @staticmethod
    def _told(task: Task, state: str, *, status: int = 200, **more: Any) -> Reply:
        return json_reply(
            {"id": task.id, "status": state, "result": None, "progress": None, "details": None, **more}, status
        )


def shape(model: str, body: dict[str, Any]) -> tuple[int, int]:
    if model == "flux-3-image":
        ratio, resolution = body.get("aspect_ratio", "auto"), body.get("resolution", "1k")
        if ratio not in FLUX3_RATIOS:
            raise invalid("aspect_ratio", "Input should be one of the offered ratios", "enum")
        if resolution not in SIDES:
            raise invalid("resolution", "Input should be '768sq', '1k', '1.5k', '2k' or '4k'", "enum")
        return fit_area(SIDES[resolution] ** 2, split(ratio) if ratio != "auto" else 1.0)
    if "kontext" in model or "ultra" in model:
        text = body.get("aspect_ratio", "16:9" if "ultra" in model else "1:1")
        ratio = split(text) if isinstance(text, str) and ":" in text else 0.0
        low = 9 / 21 if "ultra" in model else 3 / 7
        if not low - 0.01 <= ratio <= 1 / low + 0.01:
            raise invalid("aspect_ratio", "Aspect ratio out of range", "value_error")
        return fit_area(MOST_PIXELS if "ultra" in model else 1 << 20, ratio)
    step, low, high = (32, 256, 1440) if model == "flux-pro-1.1" else (16, 64, 4096)
    size = body.get("width", 1024), body.get("height", 1024)
    for name, side in zip(("width", "height"), size, strict=True):
        if not isinstance(side, int) or side % step or not low <= side <= high:
            raise invalid(name, f"Input should be a multiple of {step} from {low} to {high}", "multiple_of")
    if size[0] * size[1] > MOST_PIXELS:
        raise invalid("width", "At most 4 megapixels", "value_error")
    return size


def price(model: str, body: dict[str, Any], size: tuple[int, int], pictures: list[tuple[int, int]]) -> float:
    """In credits of one cent."""
    if model == "flux-3-image":
        return FLUX3_CREDITS[body.get("resolution", "1k")]
    if model in EACH:
        return EACH[model]
    first, further = PER_MEGAPIXEL[model]
    extra = max(0.0, megapixels(size) - 1) + sum(map(megapixels, pictures))
    return round(first + extra * further, 3)


def megapixels(size: tuple[int, int]) -> float:
    return math.ceil(size[0] * size[1] / 10_000) / 100


def split(ratio: str) -> float:
    wide, _, high = ratio.partition(":")
    return float(wide) / float(high)


def picture(value: Any) -> tuple[int, int]:
    data = from_base64(value.partition("base64,")[2] or value) if isinstance(value, str) else None
    size = size_of(data) if data else None
    if size is None:
        raise invalid("input_image", "The image could not be read", "value_error")
    return size


def detail(status: int, text: str, headers: dict[str, str] | None = None) -> Refuse:
    return Refuse(json_reply({"detail": text}, status, headers))


def invalid(name: str, text: str, kind: str) -> Refuse:
    return Refuse(json_reply({"detail": [{"loc": ["body", name], "msg": f"{name}: {text}", "type": kind}]}, 422))
