"""AI Horde v2: submit, check, status, cancel, account and discovery. Payment is in kudos, never in money.

Source: the server's API models at version 5.1.5 (API 2.5), as of 2026-08.
"""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.emulators.base import Call, Emulator, Refuse, Reply, from_base64, json_reply
from tests.emulators.horde_rules import MODELS, SchemaError, check_params, check_payload, kudos_for, upfront_reason
from tests.emulators.pictures import size_of
from tests.emulators.scenario import JOB_KINDS, PICTURE_KINDS, STATUS_KINDS, URL_KINDS, Kind, Scenario

ANONYMOUS = "0000000000"
BANNED_AGENT = "My-Project:v0.0.1:My-Contact"
BASE = "/api/v2"


@dataclass(slots=True)
class Job:
    """One request on the server. It changes with every check."""

    id: str
    call: Call
    model: str
    prompt: str
    size: tuple[int, int]
    n: int
    seed: str
    r2: bool
    kudos: float
    scenario: Scenario
    born: float = field(default_factory=time.monotonic)
    checks: int = 0
    paid: bool = False

    @property
    def endless(self) -> bool:
        return self.scenario.kind in (Kind.JOB_ENDLESS, Kind.JOB_IMPOSSIBLE)

    @property
    def done(self) -> bool:
        if self.endless or self.scenario.kind is Kind.JOB_FAULTED:
            return False
        gate = self.scenario.final_gate
        if gate is not None:
            return gate.released
        return self.checks > self.scenario.polls and time.monotonic() - self.born >= self.scenario.delay_s


class Horde(Emulator):
    name = "aihorde"
    base_path = BASE
    key = "emulatorHordeKey0123456"
    key_env = "AI_HORDE_API_KEY"
    base_env = "TRIPTYCH_AIHORDE_BASE_URL"
    hue = 0.33
    delays_jobs = True
    kinds = (
        (STATUS_KINDS | PICTURE_KINDS | URL_KINDS | JOB_KINDS | {Kind.PARTIAL, Kind.MODERATION_INPUT, Kind.EMPTY_DATA})
        - {Kind.FORBIDDEN}
    )  # fmt: skip

    def __init__(self, files: Any = None) -> None:
        super().__init__(files)
        self.jobs: dict[str, Job] = {}
        self.charged_kudos = 0.0
        self.cancelled: list[str] = []

    def reset(self) -> None:
        for job in self.jobs.values():
            if job.scenario.final_gate is not None:
                job.scenario.final_gate.release()
        super().reset()
        self.jobs = {}
        self.charged_kudos = 0.0
        self.cancelled = []

    def step(self, method: str, path: str) -> str:
        rest = path.removeprefix(BASE)
        plain = {
            ("POST", "/generate/async"): "submit",
            ("GET", "/find_user"): "account",
            ("GET", "/status/models"): "models",
            ("GET", "/status/performance"): "models",
            ("GET", "/status/heartbeat"): "models",
            ("GET", "/workers"): "models",
        }
        if (method, rest) in plain:
            return plain[(method, rest)]
        if rest.startswith("/generate/check/") and method == "GET":
            return "check"
        if rest.startswith("/generate/status/"):
            return {"GET": "status", "DELETE": "cancel"}.get(method, "")
        return "models" if method == "GET" and rest.startswith("/status/models/") else ""

    def answer(self, call: Call) -> Reply:
        if call.headers.get("client-agent") == BANNED_AGENT:
            raise error(403, "BannedClientAgent", "This Client-Agent is a placeholder. Please name your own project.")
        self._scripted(call)
        step = call.recorded.step
        if step == "submit":
            return self._submit(call)
        if step in ("check", "status", "cancel"):
            return self._job(call, step)
        if step == "account":
            return self._account(call)
        return self._discovery(call)

    # Refusals

    def _scripted(self, call: Call) -> None:
        if call.kind is Kind.WRONG_KEY:
            raise no_such_key()
        if call.kind is Kind.RATE_LIMIT and call.scenario.variant == "concurrency":
            raise error(
                429,
                "TooManyPrompts",
                "Parallel requests exceeded user limit (30). Please try again later or request to increase your concurrency.",
            )
        if call.kind is Kind.RATE_LIMIT:
            wait = call.hint(6)
            headers = {
                "Retry-After": f"{wait:g}",
                "X-RateLimit-Limit": "90",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": f"{wait:g}",
            }
            raise Refuse(json_reply({"message": "90 per 1 minute"}, 429, headers))
        if call.kind is Kind.NO_CREDIT:
            raise upfront("requested this many steps and this resolution")
        if call.kind is Kind.OVERLOADED:
            raise error(400, "MaintenanceMode", "The horde has entered maintenance mode. Please try again later.")
        if call.kind is Kind.SERVER_ERROR:
            raise Refuse(json_reply({"message": "Internal Server Error"}, 500))
        if call.kind is Kind.UNKNOWN_MODEL:
            raise error(400, "UnsupportedModel", "This model is not supported in this mode.")
        if call.kind is Kind.MODERATION_INPUT:
            raise error(
                400, "CorruptPrompt", "This prompt appears to violate our terms of service and will be reported."
            )
        if call.kind is Kind.UNKNOWN_FIELD:
            name = f"params.{call.scenario.field}"
            raise Refuse(schema_reply(SchemaError(name, "Additional properties are not allowed")))

    # Jobs

    def _submit(self, call: Call) -> Reply:
        key = call.headers.get("apikey")
        if key is None:
            raise Refuse(schema_reply(SchemaError("apikey", "Missing required parameter in the HTTP headers")))
        if key not in (self.key, ANONYMOUS):
            raise no_such_key()
        body = call.body
        if not isinstance(body, dict):
            raise Refuse(
                json_reply(
                    {"message": "The browser (or proxy) sent a request that this server could not understand."}, 400
                )
            )
        params = body.get("params") or {}
        try:
            check_payload(body)
            check_params(params)
        except SchemaError as problem:
            raise Refuse(schema_reply(problem)) from problem
        self._sources(body)
        kudos = kudos_for(params)
        reason = upfront_reason(body, params) if key == ANONYMOUS else ""
        if reason:
            raise upfront(reason)
        if body.get("dry_run"):
            return json_reply({"kudos": kudos})
        job = self._new_job(call, body, params, kudos)
        answer: dict[str, Any] = {"id": job.id, "kudos": kudos}
        if job.model not in MODELS or job.scenario.kind is Kind.JOB_IMPOSSIBLE:
            text = (
                "No available workers can fulfill this request. It will expire in 20 minutes unless a worker appears."
            )
            answer["message"] = text
            answer["warnings"] = [{"code": "NoAvailableWorker", "message": text}]
        return json_reply(answer, 202)

    def _new_job(self, call: Call, body: dict[str, Any], params: dict[str, Any], kudos: float) -> Job:
        models = body.get("models") or ["stable_diffusion"]
        job = Job(
            id=str(uuid.UUID(call.request_id)),
            call=call,
            model=models[0],
            prompt=body["prompt"],
            size=(params.get("width", 512), params.get("height", 512)),
            n=params.get("n", 1),
            seed=str(params.get("seed", "")),
            r2=body.get("r2", True),
            kudos=kudos,
            scenario=call.scenario,
        )
        self.jobs[job.id] = job
        self.begin(call.scenario)
        return job

    def _sources(self, body: dict[str, Any]) -> None:
        for name in ("source_image", "source_mask"):
            text = body.get(name)
            if text is None or str(text).startswith("https://"):
                continue
            data = from_base64(str(text))
            if data is None or size_of(data) is None:
                raise error(
                    400, "ImageValidationFailed", "Image validation failed. Please ensure it is a base64 image."
                )
        if body.get("source_mask") and not body.get("source_image"):
            raise error(
                400,
                "SourceMaskUnnecessary",
                "Please do not pass a source_mask unless you are also passing a source_image",
            )
        if body.get("source_processing") == "inpainting" and body.get("source_image") and not body.get("source_mask"):
            raise error(400, "InpaintingMissingMask", "Inpainting requires a mask or an image with an alpha channel.")

    def _job(self, call: Call, step: str) -> Reply:
        job = self.jobs.get(call.path.rpartition("/")[2])
        lost = call.kind is Kind.JOB_LOST or (job is not None and job.scenario.kind is Kind.JOB_LOST)
        if job is None or lost:
            raise error(404, "RequestNotFound", "Request with this ID was not found. It may have expired.")
        if step == "cancel":
            del self.jobs[job.id]
            self.cancelled.append(job.id)
            return json_reply({**self._progress(job), "generations": self._generations(job), "shared": False})
        job.checks += 1
        if step == "check":
            return json_reply(self._progress(job))
        return json_reply({**self._progress(job), "generations": self._generations(job), "shared": False})

    def _progress(self, job: Job) -> dict[str, Any]:
        kind, done = job.scenario.kind, job.done
        waits = max(0, job.scenario.queue_position - max(0, job.checks - 1))
        queued = not done and waits > 0
        left = max(1, job.scenario.wait_time_s - 10 * max(0, job.checks - 1))
        return {
            "finished": job.n if done else 0,
            "processing": 0 if done or queued or kind is Kind.JOB_FAULTED else job.n,
            "restarted": 0,
            "waiting": job.n if queued else 0,
            "done": done,
            "faulted": kind is Kind.JOB_FAULTED,
            "wait_time": 0 if done else left,
            "queue_position": waits if queued else 0,
            "kudos": job.kudos,
            "is_possible": kind is not Kind.JOB_IMPOSSIBLE,
        }

    def _generations(self, job: Job) -> list[dict[str, Any]]:
        if not job.done or job.scenario.kind is Kind.EMPTY_DATA:
            return []
        if not job.paid:
            job.paid = True
            self.charged_kudos += job.kudos
        return [self._generation(job, index) for index in range(job.n) if not job.call.failed(index)]

    def _generation(self, job: Job, index: int) -> dict[str, Any]:
        censored = job.scenario.kind is Kind.JOB_CENSORED
        reason = job.scenario.reason or "nsfw"
        made = job.call.picture(
            job.model, job.prompt, job.size, "webp", seed="censored" if censored else job.seed, index=index
        )
        state = "csam" if censored and reason == "csam" else "censored" if censored else "ok"
        return {
            "img": job.call.link(made) if job.r2 else job.call.b64(made),
            "seed": job.seed or str(1000 + index),
            "id": str(uuid.uuid5(uuid.UUID(job.id), str(index))),
            "censored": censored,
            "gen_metadata": [{"type": "censorship", "value": reason}] if censored else [],
            "worker_id": "6f6ae3f4-0000-4000-8000-000000000001",
            "worker_name": "Emulated Worker",
            "model": job.model,
            "state": state,
        }

    # Account and discovery

    def _account(self, call: Call) -> Reply:
        key = call.headers.get("apikey")
        if key not in (self.key, ANONYMOUS):
            raise error(404, "UserNotFound", "No user matching sent API Key. Have you remembered to register?")
        anonymous = key == ANONYMOUS
        user = {
            "username": "Anonymous#0" if anonymous else "tester#1",
            "id": 0 if anonymous else 1,
            "kudos": 0.0 if anonymous else 5000.0 - self.charged_kudos,
            "concurrency": 30,
            "worker_count": 0,
            "trusted": False,
            "moderator": False,
            "pseudonymous": anonymous,
            "account_age": 86400,
            "records": {"request": {"image": 12}, "fulfillment": {"image": 0}, "usage": {"megapixelsteps": 100.0}},
        }
        return json_reply(user)

    def _discovery(self, call: Call) -> Reply:
        rows = [
            {
                "name": name,
                "count": count,
                "performance": 1_000_000.0,
                "queued": 2_000_000.0,
                "jobs": 3.0,
                "eta": 12,
                "type": "image",
            }
            for name, count in MODELS.items()
        ]
        path = call.path.removeprefix(BASE)
        answers: dict[str, Any] = {
            "/status/models": rows,
            "/status/performance": {
                "queued_requests": 100, "queued_text_requests": 0, "worker_count": 10, "text_worker_count": 0, "thread_count": 12,
                "queued_megapixelsteps": 900.5, "past_minute_megapixelsteps": 700.25,
            },
            "/status/heartbeat": {"message": "OK", "version": "5.1.5"},
            "/workers": [
                {
                    "name": "Emulated Worker", "id": "6f6ae3f4-0000-4000-8000-000000000001", "online": True, "type": "image",
                    "models": list(MODELS), "nsfw": False, "trusted": True, "max_pixels": 4194304, "threads": 1,
                    "requests_fulfilled": 10, "uptime": 1000, "maintenance_mode": False,
                }
            ],
        }  # fmt: skip
        if path in answers:
            return json_reply(answers[path])
        named = [row for row in rows if path == f"/status/models/{row['name']}"]
        if not named:
            raise Refuse(json_reply({"message": "The requested URL was not found on the server."}, 404))
        return json_reply(named)


def error(status: int, rc: str, message: str) -> Refuse:
    return Refuse(json_reply({"message": message, "rc": rc}, status))


def no_such_key() -> Refuse:
    return error(
        401,
        "InvalidAPIKey",
        "No user matching sent API Key. Have you remembered to register at https://aihorde.net/register ?",
    )


def upfront(reason: str) -> Refuse:
    text = f"Due to heavy demand, for requests that have {reason}, the client needs to already have the required kudos. This request requires 12.5 kudos to fulfil."
    return error(403, "KudosUpfront", text)


def schema_reply(problem: SchemaError) -> Reply:
    return json_reply({"errors": {problem.field: problem.text}, "message": "Input payload validation failed"}, 400)
