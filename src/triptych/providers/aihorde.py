"""AI Horde: open models on volunteers' machines, usable without an account.

A request is submitted, asked about with the light `check` call, and fetched with `status` once it is done.
Source: Haidra-Org/AI-Horde at commit fbd5ed4 (API 2.5), read 2026-11-20.
"""

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent, Step
from triptych.imaging.mask import white_mask
from triptych.provider_kit.adapter import Auth, Done, Pending, Prepared, RemoteImage
from triptych.provider_kit.fit import Fit, resolution_side
from triptych.provider_kit.options import with_options
from triptych.provider_kit.signs import EMBEDDING, ROUND, tell
from triptych.provider_kit.upstream import (
    Rule,
    as_count,
    as_list,
    as_object,
    as_text,
    base64_of,
    dig,
    error_from,
    key_check,
    models_told,
    picture_bytes,
    read_fault,
    read_json,
)
from triptych.spec.errors import (
    AuthError,
    BadRequestError,
    BillingError,
    BlockedError,
    EmptyAnswerError,
    ExpiredError,
    ModelUnavailableError,
    OverloadedError,
    ProviderFailedError,
    RateLimitedError,
    RejectedError,
    TriptychError,
)
from triptych.spec.image import FREE, GeneratedImage, ImageRequest, ItemFailure, Size
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import KeyCheck, ModelCard, Progress

_RULES = (
    Rule(pattern=r"CorruptPrompt", error=BlockedError),
    Rule(pattern=r"NoValidWorkers", error=OverloadedError, retry_after_s=600.0),
    Rule(pattern=r"MaintenanceMode", error=OverloadedError, retry_after_s=60.0),
    Rule(pattern=r"UnsupportedModel", error=ModelUnavailableError),
    Rule(pattern=r"Kudos|SharedKeyEmpty", error=BillingError, status=403,
         hint="Ask for a smaller or a single picture, or use a key with kudos."),
    Rule(pattern=r"TimeoutIP|TooManySameIPs|UnsafeIP|UntrustedUnsafeIP", error=OverloadedError, status=403,
         hint="The Horde holds back requests from this network address; wait, or use a key of your own."),
    Rule(pattern=r"BannedClientAgent|NotTrusted|WorkerMaintenance", error=RejectedError, status=403),
    Rule(pattern=r"InvalidAPIKey|AnonForbidden|DeletedUser|WrongCredentials", error=AuthError),
    Rule(pattern=r"RequestNotFound|InvalidJobID", error=ExpiredError, status=404),
    Rule(pattern=r"RequestExpired", error=ExpiredError, status=410),
    Rule(pattern=r"", error=RateLimitedError, status=429),
    Rule(pattern=r"", error=ProviderFailedError, status=500),
    Rule(pattern=r"", error=OverloadedError, status=502),
)  # fmt: skip
_NO_WORKER = "No worker of the AI Horde can serve this request now."
_AGENT = {"Client-Agent": "triptych:0.1.0:self-hosted"}
_OPEN: dict[str, Json] = {
    "nsfw": False, "censor_nsfw": True, "trusted_workers": False, "validated_backends": True, "slow_workers": True,
    "extra_slow_workers": False, "replacement_filter": False, "shared": True,
}  # fmt: skip
"""What a user may change by options. `replacement_filter` is off, so that nobody rewrites the prompt; `shared` is what
the anonymous key is held to anyway."""


class AIHorde:
    """Submit, wait with queue position, fetch. Free: it runs on kudos."""

    provider = "aihorde"
    base_url = "https://aihorde.net/api/v2"
    auth = Auth(header="apikey", prefix="", env=("AIHORDE_API_KEY", "AI_HORDE_API_KEY", "HORDE_API_KEY"), anonymous="0000000000",
                required=False, sign_up="https://aihorde.net/register")  # fmt: skip
    trusted_hosts: frozenset[str] = frozenset()

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        """Raises BadRequestError for a prompt with the Horde's own `###`, or options that overrule the request."""
        fit = Fit(request, card)
        prompt, negative = fit.prompt(), fit.negative_prompt()
        if "###" in prompt:
            raise BadRequestError("AI Horde takes what follows ### for the negative prompt.", param="prompt",
                                  provider=self.provider, hint="Leave ### out; use --no for it.")  # fmt: skip
        tell(fit, (ROUND, EMBEDDING))  # its workers draw by ComfyUI
        side = resolution_side(card.capabilities.default_resolution or "1k")
        size = fit.size(default=Size(side, side)) or Size(side, side)
        params: dict[str, Json] = {"width": size.width, "height": size.height, "n": fit.count()}
        seed = fit.seed()
        if seed is not None:
            params["seed"] = str(seed)
        if request.knobs.get("tile"):
            fit.native("tile")
            params["tiling"] = True
        body: dict[str, Json] = {
            "prompt": prompt if negative is None else f"{prompt} ### {negative}",
            "models": [card.provider_model_id], "r2": True, "allow_downgrade": False, "dry_run": False,
        }  # fmt: skip
        self._pictures(fit, body)
        tuned = {"params": dict(as_object(card.extra.get("params")))}
        body["params"] = params
        body = with_options(body, request, self.provider, open_defaults={**_OPEN, **tuned},
                            refused=("source_image", "source_mask", "source_processing", "webhook"))  # fmt: skip
        http = HttpRequest(url="/generate/async", json=body, headers=_AGENT)
        return Prepared(http=http, adjustments=fit.done())

    def _pictures(self, fit: Fit, body: dict[str, Json]) -> None:
        images, mask = fit.images(), fit.mask()
        if images:
            body |= {"source_image": base64_of(images[0].data), "source_processing": "img2img"}
        if mask is not None:
            if not images:
                raise BadRequestError("A mask needs the picture that it is for.", param="mask", provider=self.provider)
            body |= {"source_processing": "inpainting", "source_mask": base64_of(white_mask(mask.data))}

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        """The answers to submit, check, status and cancel."""
        if not 200 <= response.status < 300:
            error = error_from(read_fault(response, self.provider), _RULES)
            error.billed = "no"
            raise error
        body = as_object(read_json(response))
        if response.step == "submit":
            return self._accepted(body, response)
        if "generations" in body and (body.get("done") is True or as_list(body["generations"])):
            return self._finished(body, response)
        job = response.url.partition("?")[0].rstrip("/").rpartition("/")[2]
        if response.step == "cancel" or ("generations" in body and body.get("is_possible") is False):
            raise self._error(OverloadedError, _NO_WORKER, "is_possible: false", response.status)
        return self._waiting(job, body, response)

    def _accepted(self, body: JsonObject, response: HttpResponse) -> Pending:
        job = as_text(body.get("id"))
        if job is None or not all(char.isalnum() or char in "-_" for char in job):
            raise self._error(ProviderFailedError, "aihorde accepted the request without an id.", None, response.status)
        warnings = [as_object(warning) for warning in as_list(body.get("warnings"))]
        if any(warning.get("code") == "NoAvailableWorker" for warning in warnings):
            return _give_up(job)
        said = as_text(body.get("message")) or next((t for w in warnings if (t := as_text(w.get("message")))), None)
        return _ask(job, 1.0, Progress(note=said) if said else None)

    def _waiting(self, job: str, body: JsonObject, response: HttpResponse) -> Pending:
        if not job or ("done" not in body and "queue_position" not in body):
            raise self._error(ProviderFailedError, "aihorde gave an answer that says nothing about the job.", None,
                              response.status)  # fmt: skip
        if body.get("faulted") is True:
            raise self._error(ProviderFailedError, "The AI Horde gave this job up: its worker failed.", "faulted: true",
                              response.status)  # fmt: skip
        if body.get("done") is True:
            return Pending(job_id=job, poll=_get(f"/generate/status/{job}"), after=0.0,
                           cancel=_cancel(job), progress=Progress(note="fetching"))  # fmt: skip
        if body.get("is_possible") is False:
            return _give_up(job)
        position, wait = as_count(body.get("queue_position")), as_count(body.get("wait_time"))
        note = "a worker is drawing" if as_count(body.get("processing")) else "waiting for a worker"
        progress = Progress(queue_position=position, eta_s=None if wait is None else float(wait), note=note)
        return _ask(job, min(max(1.0, (wait or 0) / 3), 10.0), progress)

    def _finished(self, body: JsonObject, response: HttpResponse) -> Done:
        images: list[GeneratedImage | RemoteImage] = []
        failures: list[ItemFailure] = []
        models: list[str] = []
        for index, generation in enumerate(as_list(body.get("generations"))):
            item = as_object(generation)
            picture = _refused(index, item) or _picture(item)
            if isinstance(picture, ItemFailure):
                failures.append(picture)
            elif picture is None:
                failures.append(ItemFailure(index=index, code="no_image", message="No picture came back.", billed="no"))
            else:
                images.append(picture)
                models += [name] if (name := as_text(item.get("model"))) else []
        if images:
            return Done(images=tuple(images), failures=tuple(failures), cost=FREE, billed="no",
                        model_served=models[0] if models else None)  # fmt: skip
        blocked = next((failure for failure in failures if failure.code == BlockedError.code), None)
        if blocked is not None:
            raise self._error(BlockedError, blocked.message, blocked.message, response.status)
        if body.get("faulted") is True:
            raise self._error(ProviderFailedError, "The AI Horde gave this job up: its worker failed.", "faulted: true",
                              response.status)  # fmt: skip
        raise self._error(EmptyAnswerError, "aihorde finished the job without a picture.", None, response.status)

    def _error(self, kind: type[TriptychError], message: str, upstream: str | None, status: int) -> TriptychError:
        hint = "Reword the prompt, or try another model." if kind is BlockedError else "Choose another model."
        return kind(message, hint=hint, provider=self.provider, status=status, billed="no", upstream=upstream)

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        """Has no streams."""
        return None

    def check_request(self) -> HttpRequest:
        """Whose key this is, with its kudos: free, and needs the key."""
        return _get("/find_user", "check")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        check = key_check(response, self.provider, (*_RULES, Rule(pattern="UserNotFound", error=AuthError)),
                          works="The AI Horde answers.")  # fmt: skip
        body = as_object(read_json(response))
        kudos, name = as_count(body.get("kudos")), as_text(body.get("username"))
        if not check.ok or name is None:
            return check
        detail: dict[str, Json] = {"username": name} | ({} if kudos is None else {"kudos": kudos})
        return KeyCheck(ok=True, message=f"The AI Horde answers; this is {name}.", detail=detail)

    def list_request(self) -> HttpRequest:
        """What the workers of this moment draw; it needs no account."""
        return _get("/status/models?type=image", "check")

    def parse_list(self, response: HttpResponse) -> KeyCheck:
        """`[{"name", "count"}]`, where `count` is how many workers have the model now."""
        check = key_check(response, self.provider, _RULES, works="The AI Horde answers.")
        rows: list[Json] = [row for row in as_list(read_json(response)) if as_count(dig(row, "count"))]
        return models_told(check, rows, key="name")


def _get(url: str, step: Step = "poll") -> HttpRequest:
    return HttpRequest(method="GET", url=url, headers=_AGENT, step=step)


def _cancel(job: str) -> HttpRequest:
    return HttpRequest(method="DELETE", url=f"/generate/status/{job}", headers=_AGENT, step="cancel")


def _ask(job: str, after: float, progress: Progress | None) -> Pending:
    return Pending(job_id=job, poll=_get(f"/generate/check/{job}"), after=after, cancel=_cancel(job),
                   progress=progress)  # fmt: skip


def _give_up(job: str) -> Pending:
    """No worker can serve it: the next call takes the job out of the queue, and its answer is told as the error."""
    return Pending(job_id=job, poll=_cancel(job), after=0.0, progress=Progress(note=_NO_WORKER))


def _refused(index: int, item: JsonObject) -> ItemFailure | None:
    """A censored result is a placeholder picture with a mark."""
    marks = [as_text(dig(mark, "value")) for mark in as_list(item.get("gen_metadata"))
             if dig(mark, "type") == "censorship"]  # fmt: skip
    state = as_text(item.get("state"))
    if item.get("censored") is True or state in {"censored", "csam"} or marks:
        why = next((mark for mark in marks if mark), None) or state or "censored"
        return ItemFailure(index=index, code=BlockedError.code, billed="no",
                           message=f"The worker censored the picture ({why}).")  # fmt: skip
    return None


def _picture(item: JsonObject) -> GeneratedImage | RemoteImage | None:
    text = as_text(item.get("img"))
    if text is None or text == "N/A":
        return None
    said = as_text(item.get("seed")) or ""
    seed = int(said) if said.isascii() and said.isdigit() and len(said) < 20 else None
    worker: dict[str, Json] = {"worker": name} if (name := as_text(item.get("worker_name"))) else {}
    if text.startswith(("https://", "http://")):
        return RemoteImage(url=text, media_type="image/webp", seed=seed, metadata=worker)
    data = picture_bytes(text)
    return GeneratedImage(data=data, media_type="image/webp", seed=seed, metadata=worker) if data else None


ADAPTER = AIHorde()
