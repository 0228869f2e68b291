"""Stability AI, v2beta: one call a picture, always a form, the picture as base64 in JSON.

Source: litellm 1.109.1 (types and transformation for Stability), ComfyUI's `stability_api.py`, the vendor's REST reference, read
2026-11-20. What a card has in `extra`: `path` of its service; `model` for the service that has several; `edit` names the service
that takes a picture and a mask, or is `image-to-image` for one that takes a picture beside the prompt, with `strength`.
"""

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent
from triptych.imaging.mask import white_mask
from triptych.provider_kit.adapter import Auth, Done, Pending, Prepared
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.forms import fields_of, file_of, png_of
from triptych.provider_kit.options import with_options
from triptych.provider_kit.upstream import (
    Rule,
    as_count,
    as_object,
    as_text,
    credits_left,
    dig,
    error_from,
    key_check,
    picture_bytes,
    read_fault,
    read_json,
)
from triptych.spec.errors import (
    BadRequestError,
    BillingError,
    BlockedError,
    EmptyAnswerError,
    RateLimitedError,
)
from triptych.spec.image import GeneratedImage, ImageRequest
from triptych.spec.json import Json
from triptych.spec.model import KeyCheck, ModelCard, Progress

_RULES = (
    Rule(pattern=r"content.moderation", error=BlockedError, status=403, billed="no"),
    Rule(pattern=r"insufficient.{0,20}(credit|balance)", error=BillingError),
    Rule(
        pattern=r"", error=RateLimitedError, status=429, retry_after_s=60.0
    ),  # a minute's pause after 150 in ten seconds
)
_STRENGTH = 0.75
_SEEDS = 2**32 - 1  # 4294967294 is the last; 0 draws any
_REFUSED_OPTIONS = ("image", "mask", "mode")


class Stability:
    """Synchronous. A refusal is a 403, or a 200 with a blurred picture that says so."""

    provider = "stability"
    base_url = "https://api.stability.ai"
    auth = Auth(env=("STABILITY_API_KEY",), key_pattern=r"sk-[A-Za-z0-9]{48}$",
                sign_up="https://platform.stability.ai/account/keys")  # fmt: skip
    trusted_hosts: frozenset[str] = frozenset()

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        """Raises BadRequestError for a mask without its picture, or options that overrule the request."""
        fit, caps, extra = Fit(request, card), card.capabilities, card.extra
        fields: dict[str, Json] = {"prompt": fit.prompt()}
        fit.count()
        negative, seed = fit.negative_prompt(), fit.seed(_SEEDS, zero_is_any=True)
        fields |= {} if negative is None else {"negative_prompt": negative}
        fields |= {} if seed is None else {"seed": seed}
        fields["output_format"] = fit.choice("output_format", caps.output_formats) or "png"
        images, mask = fit.images(), fit.mask()
        if mask is not None and not images:
            raise BadRequestError("A mask needs the picture that it is for.", param="mask", provider=self.provider)
        model, edit, path = as_text(extra.get("model")), as_text(extra.get("edit")), str(extra["path"])
        fields |= {} if model is None else {"model": model}
        ratio = fit.aspect_ratio()
        defaults: dict[str, Json] = {}
        if images and edit == "image-to-image":
            fields |= {"mode": edit} if model is not None else {}  # only the service with several models has it
            defaults["strength"] = _STRENGTH
        elif images and edit is not None:
            path = edit
        elif caps.aspect_ratios:
            fields["aspect_ratio"] = str(ratio) if ratio is not None else caps.aspect_ratios[0]
        if images and ratio is not None:
            fit.record("aspect_ratio", "unsupported", "an edit keeps the shape of its picture")
        fields = with_options(fields, request, self.provider, open_defaults=defaults, refused=_REFUSED_OPTIONS)
        parts = fields_of(fields)
        parts += [file_of("image", images[0])] if images else []
        parts += [png_of("mask", white_mask(mask.data))] if mask else []
        http = HttpRequest(url=path, parts=tuple(parts), headers={"Accept": "application/json"})
        return Prepared(http=http, adjustments=fit.done())

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        """One picture as base64, with the seed that was drawn."""
        body = as_object(read_json(response))
        if not 200 <= response.status < 300:
            raise error_from(read_fault(response, self.provider), _RULES)
        reason = as_text(body.get("finish_reason")) or ""
        if reason == "CONTENT_FILTERED":
            raise BlockedError(f"{self.provider} answered with a blurred picture: its content rules.", provider=self.provider,
                               status=200, upstream=reason, hint="Reword the prompt, or try another model.")  # fmt: skip
        data = picture_bytes(body.get("image"))
        if data is None:
            raise EmptyAnswerError(f"{self.provider} answered without a picture that can be read.", provider=self.provider, status=200,
                                   upstream=reason or None, hint="Try again, or choose another model.")  # fmt: skip
        picture = GeneratedImage(data=data, seed=as_count(body.get("seed")))
        return Done(images=(picture,), provider_request_id=response.headers.get("x-request-id"))

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        """Has no streams."""
        return None

    def check_request(self) -> HttpRequest:
        """How many credits are left: free, and needs the key."""
        return HttpRequest(method="GET", url="/v1/user/balance", step="check")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        check = key_check(response, self.provider, _RULES, works="The key works.")
        return credits_left(check, dig(read_json(response), "credits"))


ADAPTER = Stability()
