"""Replicate: predictions of official models and of versions by their ids, questions, cancel, files, account.

Source: replicate 1.0.7, the recorded exchanges of replicate-python at 0110c2c, and the vendor's reference, as of 2026-11.
"""

import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.emulators.base import Call, FilePart, Form, Refuse, Reply, fit_area, from_base64, json_reply
from tests.emulators.jobs import Job, WithJobs
from tests.emulators.pictures import Format, size_of
from tests.emulators.scenario import JOB_KINDS, PICTURE_KINDS, STATUS_KINDS, URL_KINDS, Kind

COMMON = {"prompt", "aspect_ratio", "seed", "output_format", "output_quality", "disable_safety_checker"}
MODELS: dict[str, tuple[set[str], int]] = {  # what a model takes, and its price for a picture in micro-dollars
    "black-forest-labs/flux-schnell": (COMMON | {"num_outputs", "num_inference_steps", "go_fast", "megapixels"}, 3_000),
    "black-forest-labs/flux-dev": (COMMON | {"num_outputs", "image", "prompt_strength", "guidance", "go_fast"}, 25_000),
    "black-forest-labs/flux-1.1-pro": (COMMON | {"prompt_upsampling", "safety_tolerance", "image_prompt"}, 40_000),
    "black-forest-labs/flux-2-pro": (COMMON | {"input_images", "safety_tolerance", "resolution"}, 30_000),
    "black-forest-labs/flux-kontext-pro": (COMMON | {"input_image", "prompt_upsampling", "safety_tolerance"}, 40_000),
}
FILES = "/v1/files"
VERSIONS = {hashlib.sha256(name.encode()).hexdigest(): name for name in MODELS}
"""The model of each version; here every model has one."""
FORMATS: dict[str, Format] = {"png": "png", "jpg": "jpeg", "webp": "webp"}


@dataclass(slots=True, kw_only=True)
class Prediction(Job):
    model: str
    given: dict[str, Any]
    size: tuple[int, int]
    version: str
    cancelled: bool = False
    links: tuple[str, ...] | None = None


class Replicate(WithJobs[Prediction]):
    """`uploads` are the files that came in at `/v1/files`, by id."""

    name = "replicate"
    base_path = "/v1"
    key = "r8_emulator0123456789abcdefghijklmnopqrst"
    key_env = "REPLICATE_API_TOKEN"
    base_env = "TRIPTYCH_REPLICATE_BASE_URL"
    hue = 0.02
    kinds = (
        (STATUS_KINDS | PICTURE_KINDS | URL_KINDS | JOB_KINDS | {Kind.MODERATION_INPUT, Kind.EMPTY_DATA, Kind.PARTIAL})
        - {Kind.FORBIDDEN, Kind.JOB_IMPOSSIBLE, Kind.INVALID_BASE64}
    )  # fmt: skip

    def __init__(self, files: Any = None) -> None:
        super().__init__(files)
        self.uploads: dict[str, FilePart] = {}

    def reset(self) -> None:
        super().reset()
        self.uploads = {}

    def step(self, method: str, path: str) -> str:
        if path == FILES or path.startswith(f"{FILES}/"):
            return "file"
        if method == "GET" and path.startswith("/v1/models/"):
            return "models"
        if method == "POST" and path.endswith("/cancel"):
            return "cancel"
        if method == "POST" and path.endswith("/predictions"):
            return "submit"
        return (
            {"/v1/account": "account"}.get(path, "poll" if "/predictions/" in path else "") if method == "GET" else ""
        )

    def answer(self, call: Call) -> Reply:
        if call.bearer() != self.key or call.kind is Kind.WRONG_KEY:
            raise problem(401, "Unauthenticated", "You did not pass a valid authentication token")
        self._scripted(call)
        if call.recorded.step == "submit":
            return self._create(call)
        if call.recorded.step == "file":
            return self._file(call)
        if call.recorded.step == "models":
            return self._version(call) if "/versions/" in call.path else self._model(call)
        if call.recorded.step == "account":
            return json_reply({"type": "organization", "username": "tester", "name": "Tester"})
        job = self.jobs.get(call.path.removeprefix("/v1/predictions/").removesuffix("/cancel"))
        if job is None or job.scenario.kind is Kind.JOB_LOST:
            raise problem(404, "", "The requested resource could not be found.")
        if call.recorded.step == "cancel":
            job.cancelled = True
            self.cancelled.append(job.id)
        else:
            job.asked += 1
        return json_reply(self._told(job))

    def _scripted(self, call: Call) -> None:
        known = {
            Kind.NO_CREDIT: (402, "Insufficient credit", "You have insufficient credit to run this model."),
            Kind.OVERLOADED: (503, "Service unavailable", "Service unavailable"),
            Kind.SERVER_ERROR: (500, "Internal server error", "An internal server error occurred"),
            Kind.UNKNOWN_MODEL: (404, "", "The requested resource could not be found."),
        }
        if call.kind in known:
            raise problem(*known[call.kind])
        if call.kind is Kind.RATE_LIMIT:
            wait = call.hint(8)
            raise problem(429, "Too many requests", "Request was throttled.", {"retry_after": wait})
        if call.kind is Kind.UNKNOWN_FIELD:
            raise wrong(call.scenario.field, "Additional property is not allowed")

    def _create(self, call: Call) -> Reply:
        body = call.body if isinstance(call.body, dict) else {}
        model = call.path.removeprefix("/v1/models/").removesuffix("/predictions")
        version = None if call.path != "/v1/predictions" else str(body.get("version", ""))
        if version is not None and version not in VERSIONS:
            text = "The specified version does not exist (or perhaps you don't have permission to use it?)"
            raise problem(422, "Invalid version or not permitted", text)
        model = VERSIONS[version] if version is not None else model
        if model not in MODELS:
            raise problem(404, "", "The requested resource could not be found.")
        given = body.get("input")
        if not isinstance(given, dict) or not isinstance(given.get("prompt"), str):
            raise wrong("prompt", "prompt is required")
        for name in given:
            if name not in MODELS[model][0]:
                raise wrong(name, "Additional property is not allowed")
        if given.get("output_format", "webp") not in FORMATS:
            raise wrong("output_format", "must be one of the following: webp, jpg, png")
        letters = string.ascii_lowercase + string.digits
        digest = hashlib.sha256(call.request_id.encode()).digest()
        name = "".join(letters[one % len(letters)] for one in digest[:26])
        size = shape(given, {self._address(one): part.data for one, part in self.uploads.items()})
        job = self.keep(
            Prediction(id=name, call=call, model=model, given=given, size=size, version=version or "hidden")
        )
        return json_reply(self._told(job), 201)

    # Files and versions

    def _address(self, name: str) -> str:
        return f"{self.url}{FILES}/{name}"

    def _file(self, call: Call) -> Reply:
        name = call.path.removeprefix(FILES).strip("/")
        if call.method == "POST" and not name:
            part = call.body.file("content") if isinstance(call.body, Form) else None
            if part is None:
                raise problem(400, "", "Missing content")
            name = call.request_id
            self.uploads[name] = part
            return json_reply(self._told_file(name), 201)
        if not name:
            return json_reply(
                {"previous": None, "next": None, "results": [self._told_file(one) for one in self.uploads]}
            )
        if name not in self.uploads:
            raise problem(404, "", "The requested resource could not be found.")
        if call.method == "DELETE":
            del self.uploads[name]
            return Reply(204)
        return json_reply(self._told_file(name))

    def _told_file(self, name: str) -> dict[str, Any]:
        part = self.uploads[name]
        digest = hashlib.sha256(part.data).hexdigest()
        return {
            "id": name, "name": part.filename, "content_type": part.content_type, "size": len(part.data), "etag": digest[:32],
            "checksums": {"sha256": digest}, "metadata": {}, "created_at": "2026-11-20T18:07:33.396Z",
            "expires_at": "2026-11-21T18:07:33.396Z", "urls": {"get": self._address(name)},
        }  # fmt: skip

    @staticmethod
    def _model(call: Call) -> Reply:
        owner, _, name = (model := call.path.removeprefix("/v1/models/")).partition("/")
        if model not in MODELS:
            raise problem(404, "", "The requested resource could not be found.")
        return json_reply({
            "url": f"https://replicate.com/{model}", "owner": owner, "name": name, "description": None, "visibility": "public",
            "github_url": None, "paper_url": None, "license_url": None, "run_count": 17, "cover_image_url": None,
            "default_example": None, "latest_version": None,
        })  # fmt: skip

    @staticmethod
    def _version(call: Call) -> Reply:
        model, _, version = call.path.removeprefix("/v1/models/").partition("/versions/")
        if VERSIONS.get(version) != model:
            raise problem(404, "", "The requested resource could not be found.")
        output = {"type": "array", "items": {"type": "string", "format": "uri"}, "title": "Output"}
        schemas = {
            "Input": {"type": "object", "properties": {name: {} for name in sorted(MODELS[model][0])}},
            "Output": output,
        }
        return json_reply({
            "id": version, "created_at": "2026-10-04T18:07:33.396Z", "cog_version": "0.16.8",
            "openapi_schema": {"openapi": "3.0.2", "components": {"schemas": schemas}},
        })  # fmt: skip

    def _told(self, job: Prediction) -> dict[str, Any]:
        kind, address = job.scenario.kind, f"{self.base_url}/predictions/{job.id}"
        told: dict[str, Any] = {
            "id": job.id, "model": job.model, "version": job.version, "input": job.given, "logs": "", "output": None,
            "data_removed": False, "error": None, "status": "starting", "created_at": "2026-11-20T18:07:33.396Z",
            "started_at": None, "completed_at": None, "metrics": {},
            "urls": {"get": address, "cancel": f"{address}/cancel", "stream": f"{address}/stream"},
        }  # fmt: skip
        if job.cancelled:
            return told | {"status": "canceled"}
        if not job.done:
            first = list(self._made(job))[:1] if kind is Kind.PARTIAL and job.asked else None  # as each is drawn
            return told | ({"status": "processing", "output": first} if job.asked > 1 or first else {})
        if kind in (Kind.MODERATION_INPUT, Kind.JOB_CENSORED):
            return told | {
                "status": "failed",
                "error": job.scenario.reason
                or "NSFW content detected. Try running it again, or try a different prompt.",
            }
        if kind is Kind.JOB_FAULTED:
            return told | {"status": "failed", "error": "CUDA out of memory"}
        output = [] if kind is Kind.EMPTY_DATA else list(self._made(job))
        return told | {"status": "succeeded", "output": output, "metrics": {"predict_time": 1.2}}

    def _made(self, job: Prediction) -> tuple[str, ...]:
        if job.links is None:
            given, count = job.given, job.given.get("num_outputs", 1)
            job.call.charge(MODELS[job.model][1] * count, f"{count} x {job.model}")
            form = FORMATS[given.get("output_format", "webp")]
            made = [
                job.call.picture(job.model, given["prompt"], job.size, form, seed=given.get("seed", ""), index=i)
                for i in range(count)
            ]
            job.links = tuple(job.call.link(one) for one in made)
        return job.links


def shape(given: dict[str, Any], uploads: Mapping[str, bytes]) -> tuple[int, int]:
    """Raises Refuse for an input that is neither a picture in an address of its own nor one of the files that came in."""
    pictures = given.get("input_images") or [given[name] for name in ("image", "input_image") if name in given]
    for one in pictures:
        head, _, text = str(one).partition(";base64,")
        data = from_base64(text) if head.startswith("data:image/") else uploads.get(str(one))
        if data is None or size_of(data) is None:
            raise wrong("image", "Does not match format 'uri'")
    wide, _, high = str(given.get("aspect_ratio", "1:1")).partition(":")
    return fit_area(1 << 20, float(wide) / float(high))


def problem(status: int, title: str, detail: str, more: dict[str, Any] | None = None) -> Refuse:
    """RFC 7807."""
    body = {"title": title, "detail": detail, "status": status, **(more or {})}
    reply = json_reply({name: value for name, value in body.items() if value != ""}, status)
    return Refuse(Reply(status, reply.body, media_type="application/problem+json"))


def wrong(name: str, text: str) -> Refuse:
    fields = [{"type": "unknown", "field": f"input.{name}", "description": text}]
    return problem(422, "Input validation failed", f"- input.{name}: {text}\n", {"invalid_fields": fields})
