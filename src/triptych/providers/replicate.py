"""Replicate: a prediction is created, asked about at the address its answer names, and its pictures fetched.

Source: replicate 1.0.7 and the recorded exchanges of replicate-python at 0110c2c, @ai-sdk/replicate 3.0.46, read 2026-11-20.
The create call is not held open (`Prefer: wait`): the sooner a prediction has a name, the less can be lost or paid twice.
What a card has in `extra`: `version` for a model that is run by a version's id, unless the id stands behind the model's name, as in
`owner/name:version`; an official one has none. `count` is its field for how many pictures, where it has one; `pictures` is
`input_images` (a list), `input_image` or `image`.
"""

from collections.abc import Sequence

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent
from triptych.provider_kit.adapter import Auth, Done, Pending, Prepared, RemoteImage
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.options import with_options
from triptych.provider_kit.upstream import (
    Rule,
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
    BillingError,
    BlockedError,
    EmptyAnswerError,
    ExpiredError,
    ProviderFailedError,
    RateLimitedError,
)
from triptych.spec.image import GeneratedImage, ImageRequest
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import KeyCheck, ModelCard, Progress
from triptych.spec.replacing import replace

_RULES = (
    Rule(pattern=r"insufficient credit|monthly spend limit", error=BillingError),
    Rule(
        pattern=r"nsfw|flagged as sensitive|\(E005\)|safety (check|system|filter)|content policy|\bmoderat(ed|ion)",
        error=BlockedError,
    ),
    Rule(pattern=r"", error=RateLimitedError, status=429),
)
_ASK_AFTER_S = 0.5
_REFUSED_OPTIONS = ("image", "input_image", "input_images", "mask")
_FORMATS = {"jpeg": "jpg"}
_WAITS = {"starting": "waiting for a machine", "processing": "drawing"}


class Replicate:
    """Create, ask, fetch; a prediction can be cancelled."""

    provider = "replicate"
    base_url = "https://api.replicate.com/v1"
    auth = Auth(env=("REPLICATE_API_TOKEN",), key_pattern=r"r8_", sign_up="https://replicate.com/account/api-tokens")
    trusted_hosts: frozenset[str] = frozenset()

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        """Raises BadRequestError for options that overrule the request."""
        fit, caps = Fit(request, card), card.capabilities
        given: dict[str, Json] = {"prompt": fit.prompt()}
        count, named = fit.count(), as_text(card.extra.get("count"))
        given |= {named: count} if named else {}
        ratio = fit.aspect_ratio()
        if ratio is not None or (caps.aspect_ratios and not request.images):
            given["aspect_ratio"] = str(ratio) if ratio is not None else caps.aspect_ratios[0]
        seed, form = fit.seed(), fit.choice("output_format", caps.output_formats)
        given |= {} if seed is None else {"seed": seed}
        if caps.output_formats:
            given["output_format"] = _FORMATS.get(form or "png", form or "png")
        images, way = fit.images(), as_text(card.extra.get("pictures")) or "image"
        uris: list[Json] = [data_uri(image) for image in images]
        given |= {} if not uris else {way: uris if way == "input_images" else uris[0]}
        fit.mask()
        given = with_options(given, request, self.provider, open_defaults=as_object(card.extra.get("constants")),
                             refused=_REFUSED_OPTIONS)  # fmt: skip
        name, version = _version(card)
        path = "/predictions" if version else f"/models/{name}/predictions"
        body: dict[str, Json] = {"version": version, "input": given} if version else {"input": given}
        return Prepared(http=HttpRequest(url=path, json=body), adjustments=fit.done())

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        """A prediction as it stands. A status that is not known counts as on its way. An output counts whatever the status, but that a
        prediction which goes on may have some of its pictures only."""
        body = as_object(read_json(response))
        if not 200 <= response.status < 300:
            fault = read_fault(response, self.provider)
            if response.status == 404 and response.step != "submit":
                raise ExpiredError(
                    f"{self.provider} no longer has this prediction.", provider=self.provider, status=404
                )
            if fault.retry_after_s is None and isinstance(body.get("retry_after"), int | float):
                fault = replace(fault, retry_after_s=min(3600.0, max(0.0, float(str(body["retry_after"])))))
            raise error_from(fault, _RULES)
        state, job = as_text(body.get("status")), as_text(body.get("id"))
        output = body.get("output")
        goes_on = state in _WAITS and response.step == "poll" and len(_listed(output)) < request.n
        if output and not goes_on and state not in {"failed", "canceled", "aborted"}:
            return self._finished(output, body, response)
        if state in {"failed", "canceled", "aborted"}:
            said: JsonObject = {"message": as_text(body.get("error")) or f"the prediction ended as {state}"}
            raise error_from(fault_of(said, self.provider, 200), _RULES)
        if state == "succeeded":
            if body.get("data_removed") is True:
                raise ExpiredError(f"{self.provider} no longer has the pictures of this prediction.", provider=self.provider,
                                   status=response.status)  # fmt: skip
            raise EmptyAnswerError(f"{self.provider} finished this prediction without a picture.", provider=self.provider,
                                   status=response.status)  # fmt: skip
        asked = as_text(dig(body, "urls", "get"))
        if job is None or state is None or asked is None:
            raise ProviderFailedError(f"{self.provider} gave an answer that says nothing about the prediction.", billed="unknown",
                                      provider=self.provider, status=response.status)  # fmt: skip
        stop = as_text(dig(body, "urls", "cancel")) or f"{asked}/cancel"
        return Pending(
            job_id=job, after=_ASK_AFTER_S, poll=HttpRequest(method="GET", url=asked, step="poll", from_response=True),
            cancel=HttpRequest(method="POST", url=stop, step="cancel", from_response=True),
            progress=Progress(note=_WAITS.get(state, state[:40])),
        )  # fmt: skip

    def _finished(self, output: Json, body: JsonObject, response: HttpResponse) -> Done:
        images = tuple(made for item in _listed(output) if (made := _picture(as_text(item))) is not None)
        if not images:
            raise EmptyAnswerError(f"{self.provider} answered without a picture that can be read.", provider=self.provider,
                                   status=response.status, hint="Try again, or choose another model.")  # fmt: skip
        return Done(images=images, model_served=as_text(body.get("model")), provider_request_id=as_text(body.get("id")))

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        """Streams are not asked for."""
        return None

    def check_request(self) -> HttpRequest:
        """Whose token this is: free, and needs it."""
        return HttpRequest(method="GET", url="/account", step="check")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        check = key_check(response, self.provider, _RULES, works="The key works.")
        name = as_text(dig(read_json(response), "username"))
        return (
            KeyCheck(ok=True, message=f"The key works; this is {name}.", detail={"username": name})
            if check.ok and name
            else check
        )

    def look_request(self, card: ModelCard) -> HttpRequest:
        """The model's own page, or that of the version that the card runs."""
        name, version = _version(card)
        return HttpRequest(
            method="GET", url=f"/models/{name}" + (f"/versions/{version}" if version else ""), step="check"
        )

    def parse_look(self, response: HttpResponse, card: ModelCard) -> KeyCheck:
        """404 for a model that is not there, or not any more."""
        if response.status == 404:
            return KeyCheck(ok=True, message="The key works.", detail={"there": False})
        check = key_check(response, self.provider, _RULES, works="The key works.")
        return replace(check, detail={"there": True}) if check.ok else check


def _listed(output: Json) -> Sequence[Json]:
    return [output] if isinstance(output, str) else as_list(output)


def _version(card: ModelCard) -> tuple[str, str]:
    """The model's name, and the id of the version that is run; empty for an official model."""
    name, _, version = card.provider_model_id.partition(":")
    return name, as_text(card.extra.get("version")) or version


def _picture(address: str | None) -> GeneratedImage | RemoteImage | None:
    if address is None:
        return None
    if address.startswith("data:"):
        data = picture_bytes(address)
        return GeneratedImage(data=data) if data else None
    return RemoteImage(url=address)


ADAPTER = Replicate()
