"""Recraft: generations as JSON, pictures to change as forms, answers as base64 with the units that they cost.

Source: the vendor's pages on models, sizes, prices, image to image and inpainting, read 2026-11-22; ComfyUI's `apis/recraft.py` at
818f49c. A mask is white where the picture changes. Models that draw vectors answer with SVG, which is not shown, and are left out.
"""

import math

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent
from triptych.imaging.mask import white_mask
from triptych.provider_kit.adapter import Auth, Done, Pending, Prepared
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.forms import fields_of, file_of, png_of
from triptych.provider_kit.options import with_options
from triptych.provider_kit.upstream import (
    Rule,
    as_list,
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
from triptych.spec.errors import BadRequestError, BillingError, BlockedError, EmptyAnswerError
from triptych.spec.image import Cost, GeneratedImage, ImageRequest, ItemFailure
from triptych.spec.json import Json
from triptych.spec.model import KeyCheck, ModelCard, Progress

_RULES = (
    Rule(pattern=r"prompt_is_improper|improper|moderat", error=BlockedError),
    Rule(pattern=r"(not_enough|insufficient).{0,20}(credit|unit|balance)", error=BillingError),
)
_MICRO_USD_PER_UNIT = 1000
_STRENGTH = 0.5  # how far a picture may move from the one it is made of: 0 hardly, 1 altogether
_REFUSED_OPTIONS = ("image", "mask", "size")


class Recraft:
    """Synchronous. Every answer names what it cost, in units of a tenth of a cent."""

    provider = "recraft"
    base_url = "https://external.api.recraft.ai/v1"
    auth = Auth(env=("RECRAFT_API_TOKEN", "RECRAFT_API_KEY"), sign_up="https://app.recraft.ai/profile/api")
    trusted_hosts: frozenset[str] = frozenset()

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        """Raises BadRequestError for a mask without its picture, or options that overrule the request."""
        fit, caps = Fit(request, card), card.capabilities
        body: dict[str, Json] = {
            "prompt": fit.prompt(), "model": card.provider_model_id, "n": fit.count(), "response_format": "b64_json",
        }  # fmt: skip
        negative, seed = fit.negative_prompt(), fit.seed()
        body |= {} if negative is None else {"negative_prompt": negative}
        body |= {} if seed is None else {"random_seed": seed}
        images, mask = fit.images(), fit.mask()
        if mask is not None and not images:
            raise BadRequestError("A mask needs the picture that it is for.", param="mask", provider=self.provider)
        if not images:
            size = fit.size()
            body["size"] = caps.sizes[0] if size is None else str(size)
            body = with_options(body, request, self.provider, refused=_REFUSED_OPTIONS)
            return Prepared(http=HttpRequest(url="/images/generations", json=body), adjustments=fit.done())
        for feature in request.features() & {"size", "aspect_ratio"}:
            fit.record(feature, "unsupported", "an edit keeps the shape of its picture")
        defaults: dict[str, Json] = {} if mask is not None else {"strength": _STRENGTH}
        fields = with_options(body, request, self.provider, open_defaults=defaults, refused=_REFUSED_OPTIONS)
        parts = [*fields_of(fields), file_of("image", images[0])]
        parts += [] if mask is None else [png_of("mask", white_mask(mask.data))]
        path = "/images/imageToImage" if mask is None else "/images/inpaint"
        return Prepared(http=HttpRequest(url=path, parts=tuple(parts)), adjustments=fit.done())

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        """Pictures as base64, and what all of them cost together."""
        body = as_object(read_json(response))
        if not 200 <= response.status < 300:
            raise error_from(read_fault(response, self.provider), _RULES)
        listed = as_list(body.get("data")) or ([body["image"]] if body.get("image") else [])
        images: list[GeneratedImage] = []
        failures: list[ItemFailure] = []
        for index, item in enumerate(listed):
            data = picture_bytes(dig(item, "b64_json"))
            if data is None:
                failures.append(ItemFailure(index=index, code="no_image", message="No readable picture in this item."))
            else:
                images.append(GeneratedImage(data=data))
        if not images:
            raise EmptyAnswerError(f"{self.provider} answered without a picture that can be read.", provider=self.provider, status=200,
                                   hint="Try again, or choose another model.")  # fmt: skip
        return Done(images=tuple(images), failures=tuple(failures), cost=_units(body.get("credits")),
                    provider_request_id=as_text(dig(listed[0], "image_id")))  # fmt: skip

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        """Has no streams."""
        return None

    def check_request(self) -> HttpRequest:
        """Who has this key, and how many units are left: free."""
        return HttpRequest(method="GET", url="/users/me", step="check")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        check = key_check(response, self.provider, _RULES, works="The key works.")
        return credits_left(check, dig(read_json(response), "credits"))


def _units(value: Json) -> Cost | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e7:
        return None
    return Cost(math.ceil(round(value * _MICRO_USD_PER_UNIT, 6)), "provider")


ADAPTER = Recraft()
