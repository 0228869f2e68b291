"""Ideogram 3.0: always a form, pictures at addresses that expire.

Source: the vendor's pages on generate, remix and inpaint of Ideogram 3.0, read 2026-11-22; ComfyUI's `apis/ideogram.py` at 607a19c.
Four services behind one card: words alone, and pictures whose style is wanted, are generated, on no background where one is asked to
be transparent; a picture without a mask is remixed; one with a mask is inpainted, where black is what changes. References of a character cost more than a table by quality can tell and
are not sent. What a card has in `extra`: `speeds`, the vendor's word for each quality.
"""

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent
from triptych.imaging.mask import black_mask
from triptych.provider_kit.adapter import Auth, Done, Pending, Prepared, RemoteImage
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.forms import fields_of, file_of, png_of
from triptych.provider_kit.options import with_options
from triptych.provider_kit.upstream import (
    Rule,
    as_count,
    as_list,
    as_object,
    as_text,
    dig,
    error_from,
    key_check,
    read_fault,
    read_json,
)
from triptych.spec.errors import BadRequestError, BillingError, BlockedError, EmptyAnswerError
from triptych.spec.image import ImageRequest, ItemFailure
from triptych.spec.json import Json
from triptych.spec.model import KeyCheck, ModelCard, Progress
from triptych.spec.references import chosen_first, names_of

_RULES = (
    Rule(pattern=r"safety check|moderat", error=BlockedError),
    Rule(pattern=r"insufficient.{0,20}(credit|balance|fund)|not enough credit", error=BillingError),
)
_SEEDS = 2**31
_STYLES = 3
_TRANSPARENT = "generate-transparent"
_UNSAFE = "The picture was held back: it is not safe by the provider's rules."
_REFUSED_OPTIONS = ("image", "mask", "resolution", "aspect_ratio", "style_reference_images", "character_reference_images",
                    "character_reference_images_mask")  # fmt: skip


class Ideogram:
    """Synchronous. A refusal is a 422, or an item without an address that says it is not safe."""

    provider = "ideogram"
    base_url = "https://api.ideogram.ai"
    auth = Auth(header="Api-Key", prefix="", env=("IDEOGRAM_API_KEY",), sign_up="https://ideogram.ai/manage-api")
    trusted_hosts: frozenset[str] = frozenset()

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        """Raises BadRequestError for a mask without its picture, or options that overrule the request."""
        fit, caps = Fit(request, card), card.capabilities
        source, styles = self._chosen(fit)
        mask = fit.mask()
        if mask is not None and source is None:
            raise BadRequestError("A mask needs the picture that it is for.", param="mask", provider=self.provider)
        service = "generate" if source is None else "remix" if mask is None else "inpaint"
        if request.background == "transparent" and request.images:
            fit.record("background", "unsupported", "only a picture made of words alone can have none")
        elif fit.choice("background", caps.backgrounds) is not None:
            service = _TRANSPARENT
        fields: dict[str, Json] = {
            "prompt": fit.prompt(), "num_images": fit.count(), "rendering_speed": self._speed(fit),
        }  # fmt: skip
        seed, negative = fit.seed(_SEEDS), fit.negative_prompt()
        fields |= {} if seed is None else {"seed": seed}
        if service == _TRANSPARENT:
            fields |= {"upscale_factor": "X1", "aspect_ratio": _ratio(fit)}
            fields |= {} if negative is None else {"negative_prompt": negative}
        elif service == "inpaint":
            for feature in request.features() & {"negative_prompt", "size", "aspect_ratio"}:
                fit.record(
                    feature, "unsupported", "a picture with a mask is changed as it is: this service has no such field"
                )
        else:
            fields |= {} if negative is None else {"negative_prompt": negative}
            fields |= self._shape(fit, source)
        fields = with_options(
            fields, request, self.provider, open_defaults={"magic_prompt": "OFF"}, refused=_REFUSED_OPTIONS
        )
        parts = fields_of(fields)
        parts += [] if source is None else [file_of("image", request.images[source])]
        parts += [] if mask is None else [png_of("mask", black_mask(mask.data))]
        parts += [file_of("style_reference_images", request.images[index]) for index in styles]
        http = HttpRequest(url=f"/v1/{card.provider_model_id}/{service}", parts=tuple(parts))
        return Prepared(http=http, adjustments=fit.done())

    @staticmethod
    def _speed(fit: Fit) -> Json:
        """The vendor's word for the quality that was asked for, else for its usual one."""
        asked, caps = fit.request.quality, fit.card.capabilities
        if asked is None or asked not in caps.qualities:
            fit.choice("quality", caps.qualities)
            return dig(fit.card.extra, "speeds", caps.default_quality or "")
        speed = dig(fit.card.extra, "speeds", asked)
        fit.record("quality", "emulated", f"{asked} is the rendering speed {speed} here")
        return speed

    @staticmethod
    def _chosen(fit: Fit) -> tuple[int | None, tuple[int, ...]]:
        """The picture that is made anew or changed, and those whose style is taken."""
        images = fit.request.images
        fit.images()
        order = chosen_first(images, fit.card.capabilities.max_input_images)[0]
        source = next((index for index in order if images[index].role != "style"), None)
        styles = tuple(index for index in order if images[index].role == "style")[:_STYLES]
        left = [index for index in range(len(images)) if index != source and index not in styles]
        if left:
            fit.record(
                "images",
                "adjusted",
                f"one picture and {_STYLES} for their style are sent; left out: {names_of(images, left)}",
            )
        if styles and (source is None or images[source].role == "edit"):
            fit.record("roles", "native", "sent as asked")
        return source, styles

    @staticmethod
    def _shape(fit: Fit, source: int | None) -> dict[str, Json]:
        """Always sent: pixels where pixels are asked for, else a ratio. A picture made anew is cut to what is sent: the nearest to it."""
        request = fit.request
        if request.size is not None:
            return {"resolution": str(fit.size())}
        if source is not None and request.aspect_ratio is None:
            return {"resolution": str(fit.follow(request.images[source]))}
        return {"aspect_ratio": _ratio(fit)}

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        """Pictures at addresses, each with the seed it was drawn from."""
        body = as_object(read_json(response))
        if not 200 <= response.status < 300:
            raise error_from(read_fault(response, self.provider), _RULES)
        images: list[RemoteImage] = []
        failures: list[ItemFailure] = []
        for index, entry in enumerate(as_list(body.get("data"))):
            item = as_object(entry)
            address, drawn = as_text(item.get("url")), as_text(item.get("prompt"))
            if address is not None:
                images.append(RemoteImage(url=address, seed=as_count(item.get("seed")),
                                          revised_prompt=drawn if drawn != request.prompt else None))  # fmt: skip
            elif item.get("is_image_safe") is False:
                failures.append(ItemFailure(index=index, code=BlockedError.code, message=_UNSAFE))
            else:
                failures.append(ItemFailure(index=index, code="no_image", message="No readable picture in this item."))
        if images:
            return Done(images=tuple(images), failures=tuple(failures))
        if any(failure.code == BlockedError.code for failure in failures):
            raise BlockedError(f"{self.provider} held the picture back by its content rules.", provider=self.provider, status=200,
                               upstream="is_image_safe: false", hint="Reword the prompt, or try another model.")  # fmt: skip
        raise EmptyAnswerError(f"{self.provider} answered without a picture that can be read.", provider=self.provider, status=200,
                               hint="Try again, or choose another model.")  # fmt: skip

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        """Has no streams."""
        return None

    def check_request(self) -> HttpRequest:
        """The user's own models: free, and needs the key."""
        return HttpRequest(method="GET", url="/models?scope=owned", step="check")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        return key_check(response, self.provider, _RULES, works="The key works.")


def _ratio(fit: Fit) -> str:
    """As fitted, else a square."""
    ratio = fit.aspect_ratio()
    return (fit.card.capabilities.aspect_ratios[0] if ratio is None else str(ratio)).replace(":", "x")


ADAPTER = Ideogram()
