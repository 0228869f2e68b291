"""fal: many makers' models behind one queue. A request is queued, asked about and fetched at the addresses its answer names.

Source: fal_client 1.0.3, @ai-sdk/fal 3.0.41 and fal's pages on its queue, read 2026-11-20.
What a card has in `extra`: `shape` is `image_size` (width and height) or `aspect_ratio`; `resolutions` are the app's own words
for size classes; `edit` is the path of the app that takes pictures and `pictures` the name of its field, `image_url` or
`image_urls`.
"""

import re

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent
from triptych.provider_kit.adapter import Auth, Done, Pending, Prepared, RemoteImage
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.options import with_options
from triptych.provider_kit.upstream import (
    Fault,
    Rule,
    as_count,
    as_list,
    as_object,
    as_text,
    data_uri,
    dig,
    error_from,
    fault_of,
    key_check,
    picture_bytes,
    read_fault,
    read_json,
)
from triptych.spec.errors import (
    AuthError,
    BillingError,
    BlockedError,
    EmptyAnswerError,
    ExpiredError,
    OverloadedError,
    ProviderFailedError,
    TriptychError,
)
from triptych.spec.image import GeneratedImage, ImageRequest, ItemFailure, Size
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import KeyCheck, ModelCard, Progress
from triptych.spec.replacing import replace

_RULES = (
    Rule(pattern=r"content_policy_violation|nsfw|safety", error=BlockedError),
    Rule(pattern=r"exhausted.{0,20}balance|user is locked|insufficient.{0,20}(balance|credit)", error=BillingError),
    Rule(pattern=r"no_media_generated", error=EmptyAnswerError),
    Rule(pattern=r"startup_timeout|runner_scheduling_failure", error=OverloadedError),
    # What fails at its end is not charged: its own FAQ. A request that timed out was worked on (its page on request errors).
    Rule(pattern=r"request_timeout|runner_", error=ProviderFailedError, billed="no"),
    Rule(pattern=r"invalid.{0,20}key|no user found|unauthori[sz]ed|authentication", error=AuthError, status=401),
)
_HEADERS = {"X-Fal-No-Retry": "1", "X-Fal-Object-Lifecycle-Preference": '{"expiration_duration_seconds":86400}'}
"""A job that the queue began anew by itself could be paid for twice. Pictures lie at public addresses: one day is enough to fetch
them, after a restart too."""
_ASK_AFTER_S = 0.5
_SIZE = Size(1024, 1024)
_REFUSED_OPTIONS = ("image_url", "image_urls", "mask_url", "sync_mode")
_JOB = re.compile(r"/requests/([A-Za-z0-9-]{1,80})")
_QUEUED, _RUNNING, _OVER = "IN_QUEUE", "IN_PROGRESS", "COMPLETED"


class Fal:
    """Queue, position, pictures at addresses. `COMPLETED` also means failed: the answer itself says which."""

    provider = "fal"
    base_url = "https://queue.fal.run"
    auth = Auth(prefix="Key ", env=("FAL_KEY", "FAL_API_KEY"), sign_up="https://fal.ai/dashboard/keys")
    trusted_hosts: frozenset[str] = frozenset()

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        """Raises BadRequestError for options that overrule the request."""
        fit = Fit(request, card)
        body: dict[str, Json] = {"prompt": fit.prompt(), "num_images": fit.count()}
        self._shape(fit, body)
        seed, negative = fit.seed(), fit.negative_prompt()
        form = fit.choice("output_format", card.capabilities.output_formats)
        body |= {} if seed is None else {"seed": seed}
        body |= {} if negative is None else {"negative_prompt": negative}
        if card.capabilities.output_formats:
            body["output_format"] = form or "png"
        images, path = fit.images(), card.provider_model_id
        if images:
            path = as_text(card.extra.get("edit")) or path
            uris: list[Json] = [data_uri(image) for image in images]
            several = card.extra.get("pictures") == "image_urls"
            body |= {"image_urls": uris} if several else {"image_url": uris[0]}
        fit.mask()
        body = with_options(body, request, self.provider, open_defaults=as_object(card.extra.get("constants")),
                            refused=_REFUSED_OPTIONS)  # fmt: skip
        return Prepared(http=HttpRequest(url=f"/{path}", json=body, headers=_HEADERS), adjustments=fit.done())

    @staticmethod
    def _shape(fit: Fit, body: dict[str, Json]) -> None:
        """The shape, always sent: as fitted, else a square; an edit follows its picture."""
        caps = fit.card.capabilities
        if fit.card.extra.get("shape") == "image_size":
            size = fit.size(default=None if fit.request.images else _SIZE)
            body |= {} if size is None else {"image_size": {"width": size.width, "height": size.height}}
            return
        ratio, resolution = fit.aspect_ratio(), fit.resolution() or caps.default_resolution
        if ratio is not None or not fit.request.images:
            body["aspect_ratio"] = str(ratio) if ratio is not None else caps.aspect_ratios[0]
        if resolution is not None:
            body["resolution"] = as_text(dig(fit.card.extra, "resolutions", resolution)) or resolution

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        """The answers to a submit, to `status`, and to the request's own address, where the pictures are."""
        body = as_object(read_json(response))
        state = as_text(body.get("status"))
        if not 200 <= response.status < 300:
            error = error_from(_fault(read_fault(response, self.provider), body), _RULES)
            if response.status == 404 and response.step != "submit":
                error = ExpiredError(f"{self.provider} no longer has this job.", provider=self.provider, status=404)
            raise error
        if state in {_QUEUED, _RUNNING, _OVER}:
            return self._followed(state, body, response)
        return self._finished(body, response)

    def _followed(self, state: str, body: JsonObject, response: HttpResponse) -> Pending:
        """Each answer names the addresses again; where one does not, they follow from the address that was asked."""
        here = response.url.partition("?")[0].removesuffix("/status")
        result = as_text(body.get("response_url")) or (here if _JOB.search(here) else None)
        asked = as_text(body.get("status_url")) or (f"{result}/status" if result else None)
        found = _JOB.search(result or "")
        job = as_text(body.get("request_id")) or (found[1] if found else None)
        if result is None or asked is None or job is None:
            raise ProviderFailedError(f"{self.provider} took the request without saying where it can be asked about.",
                                      provider=self.provider, status=response.status, billed="unknown")  # fmt: skip
        if state == _OVER and body.get("error"):
            # As an answer that was given: after a status of the 500s one would ask again.
            raise error_from(_fault(fault_of(body, self.provider, 200), body), _RULES)
        cancel = as_text(body.get("cancel_url")) or f"{result}/cancel"
        position = as_count(body.get("queue_position"))
        return Pending(
            job_id=job, poll=_get(result if state == _OVER else asked), after=0.0 if state == _OVER else _ASK_AFTER_S,
            cancel=HttpRequest(method="PUT", url=cancel, step="cancel", from_response=True),
            progress=Progress(queue_position=position if state == _QUEUED else None, note=_note(state)),
        )  # fmt: skip

    def _finished(self, body: JsonObject, response: HttpResponse) -> Done:
        listed = as_list(body.get("images")) or ([body["image"]] if body.get("image") else [])
        flags, seed = as_list(body.get("has_nsfw_concepts")), as_count(body.get("seed"))
        images: list[GeneratedImage | RemoteImage] = []
        failures: list[ItemFailure] = []
        for index, item in enumerate(listed):
            made = _picture(as_object(item), seed)
            if index < len(flags) and flags[index] is True:
                failures.append(ItemFailure(index=index, code=BlockedError.code,
                                            message="Its safety check replaced the picture by a black one."))  # fmt: skip
            elif made is None:
                failures.append(ItemFailure(index=index, code="no_image", message="No readable picture in this item."))
            else:
                images.append(made)
        if not images:
            raise self._without(failures, response)
        return Done(images=tuple(images), failures=tuple(failures),
                    provider_request_id=response.headers.get("x-fal-request-id"))  # fmt: skip

    def _without(self, failures: list[ItemFailure], response: HttpResponse) -> TriptychError:
        blocked = next((failure for failure in failures if failure.code == BlockedError.code), None)
        said = blocked or (failures[0] if failures else None)
        kind = BlockedError if blocked else EmptyAnswerError
        return kind(
            f"{self.provider} answered without a picture: {said.message if said else 'the list is empty.'}",
            hint="Reword the prompt, or try another model.", provider=self.provider, status=response.status,
            upstream=said.message if said else None,
        )  # fmt: skip

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        """Streams are not asked for."""
        return None

    def check_request(self) -> HttpRequest:
        """Asks about a request that is nobody's: a key that is accepted is told that there is none."""
        return HttpRequest(
            method="GET", url=f"/fal-ai/flux/requests/{'0' * 8}-0000-0000-0000-{'0' * 12}/status", step="check"
        )

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        if response.status == 404:
            return KeyCheck(ok=True, message="The key works.")
        return key_check(response, self.provider, _RULES, works="The key works.")


def _get(address: str) -> HttpRequest:
    return HttpRequest(method="GET", url=address, step="poll", from_response=True)


def _fault(fault: Fault, body: JsonObject) -> Fault:
    """With the machine words of a model's own list of faults, and of fal's infrastructure."""
    kinds = [as_text(dig(item, "type")) for item in as_list(body.get("detail"))] + [as_text(body.get("error_type"))]
    return replace(fault, codes=" ".join(dict.fromkeys([*fault.codes.split(), *filter(None, kinds)])))


def _note(state: str) -> str:
    return {_QUEUED: "waiting in the queue", _RUNNING: "a runner is drawing"}.get(state, "fetching")


def _picture(item: JsonObject, seed: int | None) -> GeneratedImage | RemoteImage | None:
    address, claimed = as_text(item.get("url")), as_text(item.get("content_type"))
    if address is None:
        return None
    if address.startswith("data:"):
        data = picture_bytes(address)
        return GeneratedImage(data=data, media_type=claimed, seed=seed) if data else None
    return RemoteImage(url=address, media_type=claimed, seed=seed)


ADAPTER = Fal()
