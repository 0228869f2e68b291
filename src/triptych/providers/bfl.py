"""Black Forest Labs: FLUX. A task is submitted, asked about at the address its answer names, and its picture fetched.

Source: @ai-sdk/black-forest-labs 2.0.41, black-forest-labs/skills at d0793c8 (2026-02-03), the FLUX.3 page of 2026-10-01.
What a card has in `extra`: `shape` is `aspect_ratio` or `width_height`; `pictures` is how input pictures go in, `numbered`
(`input_image`, `input_image_2` …), `list` (`images`), `prompt` (`image_prompt`) or `source` (`image`, with `mask`);
`least_input_side` is the shortest side of a picture that it takes.
"""

import math
from urllib.parse import urlsplit

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent
from triptych.imaging.mask import white_mask
from triptych.provider_kit.adapter import Auth, Done, Pending, Prepared, RemoteImage
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.options import with_options
from triptych.provider_kit.upstream import (
    Rule,
    as_count,
    as_list,
    as_object,
    as_text,
    base64_of,
    credits_left,
    dig,
    error_from,
    key_check,
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
    ProviderFailedError,
    RateLimitedError,
    TriptychError,
)
from triptych.spec.image import Cost, ImageRequest, Size
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import KeyCheck, ModelCard, Progress

_RULES = (
    Rule(pattern=r"insufficient.{0,20}credit", error=BillingError),
    Rule(pattern=r"not authenticated|invalid.{0,12}key", error=AuthError),
    Rule(pattern=r"moderat", error=BlockedError, billed="no"),
    Rule(pattern=r"", error=RateLimitedError, status=429),
)
_MICRO_USD_PER_CREDIT = 10_000
_SIZE = Size(1024, 1024)
_ASK_AFTER_S = 0.5
_REFUSED_OPTIONS = ("webhook_url", "webhook_secret", "images", "input_image", "image_prompt", "image", "mask")
_NOT_YET = {"task not found", "tasknotfound"}


def _clusters() -> frozenset[str]:
    """The hosts that get the key: the global one, the regions, and their numbered clusters, which answers name. Pictures
    lie on other names of the same domain and get none."""
    regions = ("", ".us", ".eu", *(f".{region}{n}" for region in ("us", "eu") for n in range(1, 10)))
    return frozenset(f"api{region}.bfl.ai" for region in regions)


class BlackForestLabs:
    """Submit, poll at the address named, fetch without the key. One picture a task; its price is in the first answer."""

    provider = "bfl"
    base_url = "https://api.bfl.ai"
    auth = Auth(header="x-key", prefix="", env=("BFL_API_KEY",), sign_up="https://dashboard.bfl.ai/")
    trusted_hosts = _clusters()

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        """Raises BadRequestError for a mask without its picture, or options that overrule the request."""
        fit = Fit(request, card)
        body: dict[str, Json] = {"prompt": fit.prompt()}
        fit.count()
        self._shape(fit, body)
        seed, form = fit.seed(), fit.choice("output_format", card.capabilities.output_formats)
        body |= {} if seed is None else {"seed": seed}
        if card.capabilities.output_formats:
            body["output_format"] = form or "png"
        if request.knobs.get("raw") and "raw" in card.capabilities.knobs:
            fit.native("raw")
            body["raw"] = True
        self._pictures(fit, body)
        body = with_options(body, request, self.provider, open_defaults=as_object(card.extra.get("constants")),
                            refused=_REFUSED_OPTIONS)  # fmt: skip
        return Prepared(http=HttpRequest(url=f"/v1/{card.provider_model_id}", json=body), adjustments=fit.done())

    @staticmethod
    def _shape(fit: Fit, body: dict[str, Json]) -> None:
        """The shape, always sent: as fitted, else the card's first; an edit follows its picture."""
        caps = fit.card.capabilities
        if fit.card.extra.get("shape") == "width_height":
            size = fit.size(default=_SIZE if caps.size_rule and not fit.request.images else None)
            body |= {} if size is None else {"width": size.width, "height": size.height}
            return
        ratio, resolution = fit.aspect_ratio(), fit.resolution() or caps.default_resolution
        if ratio is not None or (caps.aspect_ratios and not fit.request.images):
            body["aspect_ratio"] = str(ratio) if ratio is not None else caps.aspect_ratios[0]
        if resolution is not None:
            names = as_object(fit.card.extra.get("resolutions"))
            body["resolution"] = as_text(names.get(resolution)) or resolution

    def _pictures(self, fit: Fit, body: dict[str, Json]) -> None:
        images, mask, way = fit.images(), fit.mask(), fit.card.extra.get("pictures")
        data = [base64_of(image.data) for image in images]
        if way == "list" and data:
            body["images"] = data
        elif way == "numbered":
            body |= {"input_image" if n == 1 else f"input_image_{n}": text for n, text in enumerate(data, 1)}
        elif data:
            body["image" if way == "source" else "image_prompt"] = data[0]
        if mask is not None:
            if not data:
                raise BadRequestError("A mask needs the picture that it is for.", param="mask", provider=self.provider)
            body["mask"] = base64_of(white_mask(mask.data))

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        """The answer to a submit, and the answers to `get_result`."""
        body = as_object(read_json(response))
        state = _state(body)
        if not 200 <= response.status < 300 and not (response.step == "poll" and state):
            raise error_from(read_fault(response, self.provider), _RULES)
        if response.step == "submit":
            return self._accepted(body, response)
        if state == "ready":
            return self._ready(body, response, request)
        if "moderated" in state:
            raise self._moderated(state, body, response)
        if state in {"error", "failed"}:
            said = _details(body) or "no reason is named"
            # The verdict may come with a status of the 500s, after which one would ask again: the body is what counts.
            raise ProviderFailedError(f"{self.provider} gave the task up: {said}", status=200,
                                      provider=self.provider, upstream=said, hint="Try again, or choose another model.")  # fmt: skip
        if state in _NOT_YET:
            # As a status of its own: a new task may be unknown for its first moments, and is asked about again.
            raise ExpiredError(f"{self.provider} no longer has this task.", provider=self.provider, status=404)
        if not state:
            raise ProviderFailedError(f"{self.provider} gave an answer that says nothing about the task.", provider=self.provider,
                                      status=response.status, billed="unknown")  # fmt: skip
        return self._waiting(body, response)

    def _accepted(self, body: JsonObject, response: HttpResponse) -> Pending:
        job, address = as_text(body.get("id")), as_text(body.get("polling_url"))
        if job is None or address is None:
            raise ProviderFailedError(f"{self.provider} accepted the task without an id or an address to ask at.",
                                      provider=self.provider, status=response.status, billed="unknown")  # fmt: skip
        return Pending(job_id=job, poll=_ask(address), after=_ASK_AFTER_S, cost=_credits(body.get("cost")))

    @staticmethod
    def _waiting(body: JsonObject, response: HttpResponse) -> Pending:
        share = body.get("progress")
        done = (
            float(share) if isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1 else None
        )
        said = as_text(body.get("status")) or as_text(body.get("state")) or "waiting"
        job = as_text(body.get("id")) or urlsplit(response.url).query.rpartition("id=")[2] or "unknown"
        return Pending(job_id=job, poll=_ask(response.url), after=_ASK_AFTER_S,
                       progress=Progress(fraction=done, note=said.lower()))  # fmt: skip

    def _ready(self, body: JsonObject, response: HttpResponse, request: ImageRequest) -> Done:
        result = as_object(body.get("result"))
        address = as_text(result.get("sample"))
        if address is None:
            raise EmptyAnswerError(f"{self.provider} finished the task without a picture.", provider=self.provider,
                                   status=response.status)  # fmt: skip
        drawn = as_text(result.get("prompt"))
        picture = RemoteImage(url=address, seed=as_count(result.get("seed")),
                              revised_prompt=drawn if drawn != request.prompt else None)  # fmt: skip
        return Done(images=(picture,), provider_request_id=as_text(body.get("id")))

    def _moderated(self, state: str, body: JsonObject, response: HttpResponse) -> TriptychError:
        """A refused request is not charged; of a picture that is held back nobody says."""
        asked, said = state.startswith("request"), _details(body) or state
        words = f"{self.provider} refused the prompt or its pictures by its content rules: {said}"
        if not asked:
            words = f"{self.provider} held the picture back by its content rules: {said}"
        return BlockedError(words, status=response.status, provider=self.provider, upstream=said,
                            billed="no" if asked else "unknown", hint="Reword the prompt, or try another model.")  # fmt: skip

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        """Has no streams."""
        return None

    def check_request(self) -> HttpRequest:
        """How many credits are left: free, and needs the key."""
        return HttpRequest(method="GET", url="/v1/credits", step="check")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        check = key_check(response, self.provider, _RULES, works="The key works.")
        return credits_left(check, dig(read_json(response), "credits"))


def _ask(address: str) -> HttpRequest:
    return HttpRequest(method="GET", url=address, step="poll", from_response=True)


def _state(body: JsonObject) -> str:
    return (as_text(body.get("status")) or as_text(body.get("state")) or "").lower()


def _credits(value: Json) -> Cost | None:
    """What a task costs, in credits of one cent."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        return None
    return Cost(math.ceil(round(value * _MICRO_USD_PER_CREDIT, 6)), "provider")


def _details(body: JsonObject) -> str | None:
    """The reasons that an ended task names."""
    details = as_object(body.get("details"))
    found = [text for value in details.values() for item in (as_list(value) or [value]) if (text := as_text(item))]
    return ", ".join(found)[:300] or None


ADAPTER = BlackForestLabs()
