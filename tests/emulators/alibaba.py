"""Alibaba Model Studio: pictures at once, or as a task that is asked about.

Source: dashscope 2.0.2 (paths, states, list of tasks), the vendor's pages on Qwen-Image and Wan 2.7, as of 2026-10.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from tests.emulators.base import Call, Refuse, Reply, from_base64, json_reply
from tests.emulators.jobs import Job, WithJobs
from tests.emulators.pictures import size_of
from tests.emulators.scenario import JOB_KINDS, PICTURE_KINDS, STATUS_KINDS, URL_KINDS, Kind

QWEN = {"qwen-image-3.0": 30_000, "qwen-image-3.0-pro": 50_000, "qwen-image-2.0": 35_000, "qwen-image-2.0-pro": 75_000}
WAN = {"wan2.7-image": 28_000, "wan2.7-image-pro": 70_000}
QWEN_FIELDS = {"size", "n", "negative_prompt", "seed", "prompt_extend", "watermark", "is_async"}
WAN_FIELDS = {
    "size",
    "n",
    "seed",
    "watermark",
    "enable_sequential",
    "thinking_mode",
    "bbox_list",
    "color_palette",
    "is_async",
}
NAMED = {"1K": (1024, 1024), "2K": (2048, 2048), "4K": (4096, 4096)}
CALL, TASK = (
    "/api/v1/services/aigc/multimodal-generation/generation",
    "/api/v1/services/aigc/image-generation/generation",
)
TASKS = "/api/v1/tasks"


@dataclass(frozen=True, slots=True)
class Asked:
    model: str
    prompt: str
    size: tuple[int, int]
    count: int
    seed: int

    @property
    def micro_usd(self) -> int:
        return {**QWEN, **WAN}[self.model] * self.count


@dataclass(slots=True, kw_only=True)
class Task(Job):
    wish: Asked


class Alibaba(WithJobs[Task]):
    name = "alibaba"
    base_path = "/api/v1"
    key = "sk-alibaba-emulator-0123456789abcdef"
    key_env = "DASHSCOPE_API_KEY"
    base_env = "TRIPTYCH_ALIBABA_BASE_URL"
    hue = 0.03
    kinds = (
        (STATUS_KINDS | PICTURE_KINDS | URL_KINDS | JOB_KINDS | {Kind.MODERATION_INPUT, Kind.EMPTY_DATA})
        - {Kind.JOB_IMPOSSIBLE, Kind.INVALID_BASE64}
    )  # fmt: skip

    def step(self, method: str, path: str) -> str:
        if method == "POST":
            return "submit" if path in (CALL, TASK) else "cancel" if path.endswith("/cancel") else ""
        return "account" if path == TASKS else "poll" if path.startswith(f"{TASKS}/") else ""

    def answer(self, call: Call) -> Reply:
        if call.bearer() != self.key or call.kind is Kind.WRONG_KEY:
            raise fault(call, 401, "InvalidApiKey", "Invalid API-key provided.")
        if call.recorded.step == "account":
            return json_reply({"request_id": call.request_id, "data": [], "total": 0, "page_no": 1, "page_size": 1})
        if call.recorded.step == "poll":
            return self._poll(call)
        if call.recorded.step == "cancel":
            self.cancelled.append(call.path.removeprefix(f"{TASKS}/").removesuffix("/cancel"))
            return json_reply({"request_id": call.request_id})
        self._scripted(call)
        if call.path == TASK and call.headers.get("x-dashscope-async") != "enable":
            raise fault(call, 403, "AccessDenied", "current user api does not support synchronous calls.")
        if call.path == CALL and call.headers.get("x-dashscope-async"):
            raise fault(call, 403, "AccessDenied", "current user api does not support asynchronous calls.")
        asked = read(call)
        if call.path == TASK:
            task = self.keep(Task(id=str(uuid.UUID(call.request_id)), call=call, wish=asked))
            return json_reply({"output": {"task_id": task.id, "task_status": "PENDING"}, "request_id": call.request_id})
        if call.kind is Kind.MODERATION_INPUT:
            code = call.scenario.reason or "DataInspectionFailed"
            raise fault(call, 400, code, "Input data may contain inappropriate content.")
        call.charge(asked.micro_usd, f"{asked.count} x {asked.model}")
        usage = {"output_width": asked.size[0], "output_height": asked.size[1], "output_image_count": asked.count}
        return json_reply({"output": self._made(call, asked), "usage": usage, "request_id": call.request_id})

    @staticmethod
    def _scripted(call: Call) -> None:
        known = {
            Kind.NO_CREDIT: (400, "Arrearage", "Access denied, please make sure your account is in good standing."),
            Kind.FORBIDDEN: (403, "AccessDenied", "Access denied."),
            Kind.RATE_LIMIT: (429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."),
            Kind.OVERLOADED: (503, "ServiceUnavailable", "The service is temporarily unavailable."),
            Kind.SERVER_ERROR: (500, "InternalError", "An internal error has occured."),
            Kind.UNKNOWN_MODEL: (404, "ModelNotFound", "The model does not exist."),
            Kind.UNKNOWN_FIELD: (400, "InvalidParameter", f"Unknown parameter: {call.scenario.field}"),
        }
        if call.kind in known:
            status, code, text = known[call.kind]
            hint = call.hint(None)
            raise fault(
                call, status, code, text, {"Retry-After": f"{hint:g}"} if status == 429 and hint is not None else None
            )

    @staticmethod
    def _made(call: Call, asked: Asked) -> dict[str, Any]:
        choices = []
        for index in range(0 if call.kind is Kind.EMPTY_DATA else asked.count):
            made = call.picture(asked.model, asked.prompt, asked.size, seed=asked.seed, index=index)
            item = {"image": call.link(made), **({"type": "image"} if asked.model in WAN else {})}
            choices.append({"finish_reason": "stop", "message": {"role": "assistant", "content": [item]}})
        return {"choices": choices}

    def _poll(self, call: Call) -> Reply:
        task = self.jobs.get(call.path.removeprefix(f"{TASKS}/"))
        if task is None or task.scenario.kind is Kind.JOB_LOST:
            lost = {"task_id": call.path.removeprefix(f"{TASKS}/"), "task_status": "UNKNOWN"}
            return json_reply({"request_id": call.request_id, "output": lost})
        task.asked += 1
        output: dict[str, Any] = {"task_id": task.id, "task_status": "RUNNING"}
        if not task.done:
            output["task_status"] = "PENDING" if task.asked == 1 else "RUNNING"
            return json_reply({"request_id": call.request_id, "output": output})
        failed = {
            Kind.MODERATION_INPUT: ("DataInspectionFailed", "Input data may contain inappropriate content."),
            Kind.JOB_CENSORED: ("DataInspectionFailed", "Output data may contain inappropriate content."),
            Kind.JOB_FAULTED: ("InternalError.Algo", "The worker was lost."),
        }.get(task.scenario.kind)
        if failed is not None:
            output |= {"task_status": "FAILED", "code": failed[0], "message": failed[1]}
            return json_reply({"request_id": call.request_id, "output": output})
        task.call.charge(task.wish.micro_usd, f"{task.wish.count} x {task.wish.model}")
        output |= {"task_status": "SUCCEEDED", **self._made(task.call, task.wish)}
        usage = {"image_count": task.wish.count, "size": f"{task.wish.size[0]}*{task.wish.size[1]}"}
        return json_reply({"request_id": call.request_id, "output": output, "usage": usage})


def read(call: Call) -> Asked:
    """Raises Refuse for what the model does not take."""
    body = call.body if isinstance(call.body, dict) else {}
    model, parameters = body.get("model"), body.get("parameters") or {}
    messages = (body.get("input") or {}).get("messages")
    if not isinstance(messages, list) or len(messages) != 1:
        raise fault(call, 400, "InvalidParameter", "Field required: input.messages")
    if model not in {**QWEN, **WAN} or (model in QWEN and call.path == TASK):
        raise fault(call, 404, "ModelNotFound", f"Model {model} does not exist.")
    wan = model in WAN
    for name in parameters:
        if name not in (WAN_FIELDS if wan else QWEN_FIELDS):
            raise fault(call, 400, "InvalidParameter", f"Unknown parameter: {name}")
    content = messages[0].get("content", [])
    texts = [part["text"] for part in content if "text" in part]
    pictures = [picture(call, part["image"]) for part in content if "image" in part]
    if len(texts) != 1 or not texts[0] or len(pictures) > (9 if wan else 3):
        raise fault(call, 400, "InvalidParameter", "One text, and as many images as the model takes")
    if pictures and ("text" in content[0]) is not wan:
        raise fault(call, 400, "InvalidParameter", "The content is in the wrong order")
    if len(parameters.get("negative_prompt") or "") > 500:
        raise fault(call, 400, "InvalidParameter", "negative_prompt is too long")
    count, seed = parameters.get("n", 4 if wan else 1), parameters.get("seed", 11)
    if not 1 <= count <= (4 if wan else 6) or not 0 <= seed < 2**31:
        raise fault(call, 400, "InvalidParameter", "n or seed is out of range")
    size = shape(call, str(model), parameters.get("size"), edits=bool(pictures))
    return Asked(str(model), texts[0], size, count, seed)


def shape(call: Call, model: str, size: Any, *, edits: bool) -> tuple[int, int]:
    wan = model in WAN
    if size is None:
        return 2048, 2048
    if wan and size in NAMED:
        return NAMED[size]
    wide, star, high = str(size).partition("*")
    if not star or not wide.isdigit() or not high.isdigit():
        raise fault(call, 400, "InvalidParameter", "size: Expected format: '<width>*<height>'")
    width, height = int(wide), int(high)
    most = 4096 if model == "wan2.7-image-pro" and not edits else 2048
    if not (768 if wan else 512) ** 2 <= width * height <= most**2 or not 1 / 8 <= width / height <= 8:
        raise fault(call, 400, "InvalidParameter", "size: the total pixels or the ratio are out of range")
    return width, height


def picture(call: Call, value: Any) -> tuple[int, int]:
    head, _, text = str(value).partition("base64,")
    data = from_base64(text) if head.startswith("data:image/") else None
    size = size_of(data) if data else None
    if size is None:
        raise fault(call, 400, "InvalidParameter", "The image could not be read")
    return size


def fault(call: Call, status: int, code: str, text: str, headers: dict[str, str] | None = None) -> Refuse:
    return Refuse(json_reply({"code": code, "message": text, "request_id": call.request_id}, status, headers))
