"""fal's queue: submit, status, result and cancel at the addresses that the first answer names, without the app's sub-path; and under
`run_url` its other host, `fal.run`, which answers with the pictures at once.

Source: fal_client 1.0.3, @ai-sdk/fal 3.0.41 and fal's pages on queue and errors, as of 2026-11.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from tests.emulators.base import Call, Refuse, Reply, fit_area, from_base64, json_reply
from tests.emulators.jobs import Job, WithJobs
from tests.emulators.pictures import Format, size_of
from tests.emulators.scenario import JOB_KINDS, PICTURE_KINDS, STATUS_KINDS, URL_KINDS, Kind

FLUX = {"prompt", "image_size", "num_images", "seed", "output_format", "enable_safety_checker", "num_inference_steps",
        "guidance_scale", "sync_mode", "acceleration"}  # fmt: skip
GOOGLE = {
    "prompt",
    "num_images",
    "aspect_ratio",
    "output_format",
    "resolution",
    "seed",
    "sync_mode",
    "limit_generations",
}
APPS: dict[str, tuple[set[str], int]] = {  # what an app takes, and its price for a picture in micro-dollars
    "fal-ai/flux/schnell": (FLUX, 3_000),
    "fal-ai/flux/dev": (FLUX, 0),
    "fal-ai/flux/dev/image-to-image": (FLUX | {"image_url", "strength"}, 0),
    "fal-ai/qwen-image": (FLUX, 0),  # its price is not known here
    "fal-ai/flux-pro/v1.1": (FLUX | {"safety_tolerance"}, 40_000),
    "fal-ai/flux-pro/v1.1-ultra": ((FLUX - {"image_size"}) | {"aspect_ratio", "raw", "safety_tolerance"}, 60_000),
    "fal-ai/bytedance/seedream/v3/text-to-image": (
        {"prompt", "image_size", "num_images", "seed", "guidance_scale", "sync_mode"}, 30_000),
    "fal-ai/nano-banana": (GOOGLE - {"resolution"}, 39_000),
    "fal-ai/nano-banana/edit": ((GOOGLE - {"resolution"}) | {"image_urls"}, 39_000),
    "fal-ai/nano-banana-2": (GOOGLE, 0),
    "fal-ai/nano-banana-2/edit": (GOOGLE | {"image_urls"}, 0),
    "fal-ai/nano-banana-pro": (GOOGLE, 0),
    "fal-ai/nano-banana-pro/edit": (GOOGLE | {"image_urls"}, 0),
    "fal-ai/ideogram/v3": (
        {"prompt", "image_size", "num_images", "seed", "negative_prompt", "expand_prompt", "rendering_speed", "style"}, 60_000),
}  # fmt: skip
BY_RESOLUTION = {
    "nano-banana-2": {"0.5K": 60_000, "1K": 80_000, "2K": 120_000, "4K": 160_000},
    "nano-banana-pro": {"1K": 150_000, "2K": 150_000, "4K": 300_000},
}
RUN = "/run"
NAMED = {"square_hd": (1024, 1024), "square": (512, 512), "portrait_4_3": (768, 1024), "landscape_16_9": (1024, 576)}


@dataclass(slots=True, kw_only=True)
class Queued(Job):
    app: str
    body: dict[str, Any]
    size: tuple[int, int]


class Fal(WithJobs[Queued]):
    name = "fal"
    key = "0b2c4d6e-emulator:00112233445566778899aabbccddeeff"
    key_env = "FAL_KEY"
    base_env = "TRIPTYCH_FAL_BASE_URL"
    hue = 0.92
    kinds = (
        (STATUS_KINDS | PICTURE_KINDS | URL_KINDS | JOB_KINDS | {Kind.MODERATION_INPUT, Kind.EMPTY_DATA, Kind.PARTIAL})
        - {Kind.FORBIDDEN, Kind.JOB_IMPOSSIBLE, Kind.INVALID_BASE64}
    )  # fmt: skip

    @property
    def run_url(self) -> str:
        """Where `https://fal.run` is here."""
        return self.url + RUN

    def step(self, method: str, path: str) -> str:
        if "/requests/" in path:
            steps = {"GET": "status" if path.endswith("/status") else "result", "PUT": "cancel"}
            return steps.get(method, "")
        return "submit" if method == "POST" else ""

    def answer(self, call: Call) -> Reply:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme != "Key" or token != self.key or call.kind is Kind.WRONG_KEY:
            raise plain(401, "Cannot access application. Authentication is required to access this application.")
        self._scripted(call)
        if call.recorded.step == "submit":
            return self._submit(call)
        job = self.jobs.get(call.path.partition("/requests/")[2].partition("/")[0])
        if job is None or job.scenario.kind is Kind.JOB_LOST:
            raise plain(404, "Request not found")
        if call.recorded.step == "cancel":
            self.cancelled.append(job.id)
            return (
                json_reply({"status": "ALREADY_COMPLETED"}, 400)
                if job.done
                else json_reply({"status": "CANCELLATION_REQUESTED"}, 202)
            )
        return self._status(job) if call.recorded.step == "status" else self._result(job)

    def _scripted(self, call: Call) -> None:
        known = {
            Kind.NO_CREDIT: (
                403,
                "User is locked. Reason: Exhausted balance. Top up your balance at the billing page.",
                "",
            ),
            Kind.RATE_LIMIT: (429, "Too many concurrent requests.", "concurrent_requests_limit"),
            Kind.OVERLOADED: (503, "No runner is available.", "runner_scheduling_failure"),
            Kind.SERVER_ERROR: (500, "Internal Server Error", "internal_server_error"),
            Kind.UNKNOWN_MODEL: (404, "Application not found", ""),
        }
        if call.kind in known:
            status, text, kind = known[call.kind]
            hint = call.hint(None)
            raise plain(
                status, text, kind, {"Retry-After": f"{hint:g}"} if status == 429 and hint is not None else None
            )
        if call.kind is Kind.UNKNOWN_FIELD:
            raise model_fault(422, call.scenario.field, "extra fields not permitted", "value_error.extra")

    def _submit(self, call: Call) -> Reply:
        app, body = call.path.removeprefix(RUN).strip("/"), call.body
        if app not in APPS:
            raise plain(404, "Application not found")
        if not isinstance(body, dict) or not isinstance(body.get("prompt"), str) or not body["prompt"]:
            raise model_fault(422, "prompt", "field required", "value_error.missing")
        for name in body:
            if name not in APPS[app][0]:
                raise model_fault(422, name, "extra fields not permitted", "value_error.extra")
        given = body.get("image_urls") or ([body["image_url"]] if "image_url" in body else [])
        sizes = [picture(one) for one in given]
        if app.endswith(("/edit", "image-to-image")) and not sizes:
            raise model_fault(422, "image_urls", "field required", "value_error.missing")
        count = body.get("num_images", 1)
        if not isinstance(count, int) or not 1 <= count <= (8 if "ideogram" in app else 4):
            raise model_fault(
                422, "num_images", "ensure this value is less than or equal to 4", "value_error.number.not_le"
            )
        job = self.keep(
            Queued(id=str(uuid.UUID(call.request_id)), call=call, app=app, body=body, size=shape(body, sizes))
        )
        if call.path.startswith(f"{RUN}/"):
            return self._result(job)
        base = f"{self.url}/{'/'.join(app.split('/')[:2])}/requests/{job.id}"
        return json_reply({
            "status": "IN_QUEUE", "request_id": job.id, "response_url": base, "status_url": f"{base}/status",
            "cancel_url": f"{base}/cancel", "logs": None, "metrics": {}, "queue_position": job.scenario.queue_position,
        })  # fmt: skip

    def _status(self, job: Queued) -> Reply:
        job.asked += 1
        if job.done:
            lost = {"error": "Runner was lost", "error_type": "runner_connection_error"}
            late = {"error": "Request timed out", "error_type": "request_timeout"}
            said = late if job.scenario.variant == "timeout" else lost
            more = said if job.scenario.kind is Kind.JOB_FAULTED else {}
            return json_reply({"status": "COMPLETED", "logs": [], "metrics": {"inference_time": 1.2}, **more})
        waits = job.scenario.queue_position - job.asked
        if waits >= 0 and job.scenario.queue_position:
            return json_reply({"status": "IN_QUEUE", "queue_position": waits}, 202)
        return json_reply({"status": "IN_PROGRESS", "logs": []}, 202)

    def _result(self, job: Queued) -> Reply:
        kind = job.scenario.kind
        if kind is Kind.MODERATION_INPUT:
            raise model_fault(422, "prompt", "The content could not be processed because it contained material flagged by a content checker.",
                              "content_policy_violation")  # fmt: skip
        count = job.body.get("num_images", 1)
        each = price(job)
        job.call.charge(each * count, f"{count} x {job.app}")
        known: tuple[Format, ...] = (
            ("jpeg", "png", "webp") if APPS[job.app][0] >= (GOOGLE - {"resolution"}) else ("jpeg", "png")
        )
        form: Format = next((one for one in known if one == job.body.get("output_format", "jpeg")), "png")
        seed = job.body.get("seed", 42)
        made = [job.call.picture(job.app, job.body["prompt"], job.size, form, seed=seed, index=i) for i in range(count)]
        listed = [
            {"url": job.call.link(one), "width": job.size[0], "height": job.size[1], "content_type": one.media_type}
            for index, one in enumerate(made) if not job.call.failed(index)
        ]  # fmt: skip
        dark = kind is Kind.JOB_CENSORED
        body = {"images": [] if kind is Kind.EMPTY_DATA else listed, "timings": {"inference": 1.2}, "seed": seed,
                "has_nsfw_concepts": [dark] * count, "prompt": job.body["prompt"]}  # fmt: skip
        return Reply(200, json_reply(body).body, headers={"x-fal-request-id": job.id})


def price(job: Queued) -> int:
    """Micro-dollars for one picture."""
    tiers = BY_RESOLUTION.get(job.app.split("/")[1])
    if tiers is not None:
        return tiers[job.body.get("resolution", "1K")]
    if job.app.startswith("fal-ai/flux/dev"):
        return (25_000 * job.size[0] * job.size[1] + 500_000) // 1_000_000
    return APPS[job.app][1]


def shape(body: dict[str, Any], sizes: list[tuple[int, int]]) -> tuple[int, int]:
    wanted = body.get("image_size")
    if isinstance(wanted, dict):
        side = [wanted.get("width"), wanted.get("height")]
        if not all(isinstance(one, int) and 64 <= one <= 2048 for one in side):
            raise model_fault(422, "image_size", "ensure this value is a size", "value_error")
        return int(wanted["width"]), int(wanted["height"])
    if isinstance(wanted, str):
        return NAMED[wanted]
    ratio = body.get("aspect_ratio")
    if ratio is None:
        return sizes[0] if sizes else (1024, 1024)
    wide, _, high = str(ratio).partition(":")
    side_of = {"0.5K": 512, "2K": 2048, "4K": 4096}.get(body.get("resolution", "1K"), 1024)
    return fit_area(side_of**2, float(wide) / float(high))


def picture(value: Any) -> tuple[int, int]:
    head, _, text = str(value).partition(";base64,")
    data = from_base64(text) if head.startswith("data:image/") else None
    size = size_of(data) if data else None
    if size is None:
        raise model_fault(422, "image_url", "Failed to load the image", "image_load_error")
    return size


def plain(status: int, text: str, kind: str = "", headers: dict[str, str] | None = None) -> Refuse:
    return Refuse(json_reply({"detail": text} | ({"error_type": kind} if kind else {}), status, headers))


def model_fault(status: int, name: str, text: str, kind: str) -> Refuse:
    detail = [{"loc": ["body", name], "msg": text, "type": kind, "url": "https://docs.fal.ai/errors", "input": None}]
    return Refuse(json_reply({"detail": detail}, status))
