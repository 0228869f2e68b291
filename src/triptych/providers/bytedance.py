"""ByteDance's Seedream on Ark: Volcengine Ark and BytePlus ModelArk speak the same `images/generations`.

Source: volcengine-ark-runtime 5.0.54 and the AI SDK's ByteDance provider, read 2026-11-20; measurements published
2026-09-23. The default address is BytePlus ModelArk (international); a key of Volcengine Ark needs its own base URL.
"""

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent
from triptych.provider_kit.adapter import Auth, Done, Pending, Prepared, RemoteImage
from triptych.provider_kit.direct import DirectCall
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.openai_sdk import openai_sdk
from triptych.provider_kit.options import with_options
from triptych.provider_kit.upstream import (
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
    BadRequestError,
    BillingError,
    BlockedError,
    EmptyAnswerError,
    ModelUnavailableError,
    OverloadedError,
    RateLimitedError,
    TriptychError,
)
from triptych.spec.image import GeneratedImage, ImageRequest, ItemFailure, Usage
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import KeyCheck, ModelCard, Progress

_RULES = (
    Rule(pattern=r"SensitiveContent|RiskDetection", error=BlockedError, billed="no"),
    Rule(pattern=r"AuthenticationError", error=AuthError),
    Rule(pattern=r"AccountOverdue|InsufficientBalance", error=BillingError),
    Rule(pattern=r"ClosedEndpoint|ModelNotOpen|InvalidEndpointOrModel|UnsupportedModel", error=ModelUnavailableError),
    Rule(pattern=r"ServerOverloaded", error=OverloadedError),
    Rule(pattern=r"QuotaExceeded|RateLimitExceeded", error=RateLimitedError),
)
_MAX_GROUP = 15  # references and results together

_UNTRIED = "This address has no call that costs nothing, so the key could not be tried; the first picture will tell."


class ByteDance:
    """One picture a call, or a group of related ones when the option `sequential_image_generation` is `auto`."""

    provider = "bytedance"
    base_url = "https://ark.ap-southeast.bytepluses.com/api/v3"
    auth = Auth(env=("ARK_API_KEY", "BYTEPLUS_API_KEY"), sign_up="https://console.byteplus.com/ark")
    trusted_hosts: frozenset[str] = frozenset()

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        """Raises BadRequestError for more pictures than one, or a group without its size."""
        fit = Fit(request, card)
        fit.count()
        fit.mask()
        body: dict[str, Json] = {
            "model": card.provider_model_id, "prompt": fit.prompt(), "size": self._size(fit),
            "response_format": "b64_json",
        }  # fmt: skip
        output = fit.choice("output_format", card.capabilities.output_formats)
        if output is not None:
            body["output_format"] = output
        elif request.output_format is not None:
            fit.record("output_format", "emulated", f"converted to {request.output_format} after it arrived")
        images = [data_uri(image) for image in fit.images()]
        if images:
            body["image"] = images[0] if len(images) == 1 else images
        self._check_group(request, card, len(images))
        defaults: dict[str, Json] = {"watermark": False}
        if card.capabilities.pictures_option is not None:
            defaults["sequential_image_generation"] = "disabled"
        body = with_options(body, request, self.provider, open_defaults=defaults, refused=("stream", "image"))
        return Prepared(http=HttpRequest(url="/images/generations", json=body), adjustments=fit.done())

    @staticmethod
    def _size(fit: Fit) -> str:
        """`WxH` when a shape or a size is asked for, else the size class; never both, and never left out."""
        request, caps = fit.request, fit.card.capabilities
        if request.size is None and request.aspect_ratio is None:
            return (fit.resolution() or caps.default_resolution or "2k").upper()
        size = fit.size()
        return str(size) if size is not None else (caps.default_resolution or "2k").upper()

    def _check_group(self, request: ImageRequest, card: ModelCard, references: int) -> None:
        options = request.options.get(self.provider, {})
        if options.get("sequential_image_generation") != "auto":
            return
        option = card.capabilities.pictures_option
        if option is None:
            raise BadRequestError(f"{card.name} makes no groups of pictures.", provider=self.provider,
                                  param=f"options.{self.provider}.sequential_image_generation",
                                  hint="Choose Seedream 5.0 lite, 4.5 or 4.0.")  # fmt: skip
        name, wanted = f"options.{self.provider}.{option}", as_count(dig(options, *option.split(".")))
        if wanted is None or not 1 <= wanted <= _MAX_GROUP - references:
            raise BadRequestError(
                f"A group needs its largest number of pictures, 1 to {_MAX_GROUP - references}: each one is billed.",
                hint=f"Set {name}.", param=name, provider=self.provider,
            )  # fmt: skip

    def sdk(self, call: DirectCall) -> str | None:
        """The call in the words of the `openai` package, which the provider's own pages use."""
        return openai_sdk(call)

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        """Pictures; an item of a group that was refused or failed is told beside the others."""
        if response.status != 200:
            raise error_from(read_fault(response, self.provider), _RULES)
        body = as_object(read_json(response))
        images: list[GeneratedImage | RemoteImage] = []
        failures: list[ItemFailure] = []
        for index, item in enumerate(as_list(body.get("data"))):
            picture = _picture(as_object(item))
            if picture is None:
                failures.append(self._item_failure(index, as_object(item)))
            else:
                images.append(picture)
        if not images:
            raise self._without_picture(body, response)
        usage = Usage(
            output_tokens=as_count(dig(body, "usage", "output_tokens")),
            total_tokens=as_count(dig(body, "usage", "total_tokens")),
        )
        counted = as_count(dig(body, "usage", "generated_images"))
        return Done(
            images=tuple(images), failures=tuple(failures), usage=usage, model_served=as_text(body.get("model")),
            metadata={} if counted is None else {"generated_images": counted},
        )  # fmt: skip

    def _item_failure(self, index: int, item: JsonObject) -> ItemFailure:
        """Failed pictures are not billed (vendor documentation, revision 265)."""
        if not as_object(item.get("error")):
            return ItemFailure(index=index, code="no_image", message="No readable picture in this item.")
        error = error_from(fault_of(item, self.provider, 200), _RULES)
        return ItemFailure(index=index, code=error.code, message=error.upstream or error.message, billed="no")

    def _without_picture(self, body: JsonObject, response: HttpResponse) -> TriptychError:
        if as_object(body.get("error")):
            return error_from(fault_of(body, self.provider, response.status), _RULES)
        items = [as_object(item) for item in as_list(body.get("data"))]
        failed = next((item for item in items if as_object(item.get("error"))), None)
        if failed is not None:
            error = error_from(fault_of(failed, self.provider, response.status), _RULES)
            # Only where every picture is said to have failed is it known that none is billed.
            error.billed = "no" if all(as_object(item.get("error")) for item in items) else error.billed
            return error
        return EmptyAnswerError(
            "bytedance answered without a picture.", hint="Try again, or choose another model.",
            provider=self.provider, status=response.status,
        )  # fmt: skip

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        """Never asked for a stream: its parts are whole pictures of a group."""
        return None

    def check_request(self) -> HttpRequest:
        """The list of models. The subscription address of Volcengine has none; its 404 is no verdict on the key."""
        return HttpRequest(method="GET", url="/models", step="check")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        return key_check(response, self.provider, _RULES, works="The key works.", untried=_UNTRIED)


def _picture(item: JsonObject) -> GeneratedImage | RemoteImage | None:
    said: dict[str, Json] = {"size": item["size"]} if as_text(item.get("size")) else {}
    picture = picture_bytes(item.get("b64_json"))
    claimed = as_text(item.get("output_format"))
    media_type = f"image/{claimed}" if claimed else None
    if picture is not None:
        return GeneratedImage(data=picture, media_type=media_type, metadata=said)
    url = as_text(item.get("url"))
    return RemoteImage(url=url, media_type=media_type, metadata=said) if url else None


ADAPTER = ByteDance()
