"""xAI's Grok Imagine: generations and edits, both as JSON.

Source: the AI SDK's xAI provider 5.0.12 and xai-sdk 1.21.0, read 2026-11-20; measurements published 2026-09-22.
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
    key_check,
    models_told,
    picture_bytes,
    read_fault,
    read_json,
)
from triptych.spec.errors import AuthError, BillingError, BlockedError, EmptyAnswerError, ModelUnavailableError
from triptych.spec.image import Billed, Cost, GeneratedImage, ImageRequest, ItemFailure
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import KeyCheck, ModelCard, Progress

_RULES = (
    Rule(pattern=r"content-moderated|content moderation", error=BlockedError),
    Rule(pattern=r"Incorrect API key", error=AuthError),
    Rule(pattern=r"credits|spending limit|billing", error=BillingError, status=403),
    Rule(pattern=r"credits|spending limit|billing", error=BillingError, status=429),
    Rule(pattern=r"model.{0,40}(not found|does not exist)", error=ModelUnavailableError, status=400),
)
_QUALITY = {"draft": "low", "standard": "medium", "high": "medium", "hd": "medium", "xhigh": "medium", "max": "medium"}
_TICKS_PER_MICRO_USD = 10_000  # 1 tick is 1e-10 USD


class XAI:
    """Up to ten pictures a call; the answer carries the final charge of the whole call."""

    provider = "xai"
    base_url = "https://api.x.ai/v1"
    auth = Auth(env=("XAI_API_KEY",), key_pattern=r"xai-", sign_up="https://console.x.ai")
    trusted_hosts: frozenset[str] = frozenset()

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        """Raises BadRequestError for options that overrule the request."""
        fit = Fit(request, card)
        fit.mask()
        body: dict[str, Json] = {
            "model": card.provider_model_id, "prompt": fit.prompt(), "n": fit.count(), "response_format": "b64_json",
        }  # fmt: skip
        self._shape(fit, body)
        if card.capabilities.qualities:
            body["quality"] = fit.choice("quality", card.capabilities.qualities, _QUALITY) or (
                card.capabilities.default_quality
            )
        if request.user is not None:
            fit.native("user")
            body["user"] = request.user
        images: list[Json] = [{"url": data_uri(image), "type": "image_url"} for image in fit.images()]
        if len(images) == 1:
            body["image"] = images[0]
        elif images:
            body["images"] = images
        url = "/images/edits" if images else "/images/generations"
        body = with_options(body, request, self.provider, refused=("size", "image", "images", "stream"))
        return Prepared(http=HttpRequest(url=url, json=body), adjustments=fit.done())

    @staticmethod
    def _shape(fit: Fit, body: dict[str, Json]) -> None:
        ratio, size = fit.aspect_ratio(), fit.resolution()
        if ratio is not None:
            body["aspect_ratio"] = str(ratio)
        size = size or fit.card.capabilities.default_resolution
        if size is not None:
            body["resolution"] = size
        if fit.request.size is not None and ratio is not None and size is not None:
            fit.record("size", "adjusted", f"asked for {fit.request.size}; sent the shape {ratio} at {size}")

    def sdk(self, call: DirectCall) -> str | None:
        """The call in the words of the `openai` package, which the provider's own pages use."""
        return openai_sdk(call)

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        """Pictures and the charge. A refusal is an error that carries its charge."""
        body = as_object(read_json(response))
        cost = _charge(body)
        if response.status != 200 or body.get("error"):
            error = error_from(read_fault(response, self.provider), _RULES)
            if cost is not None and cost.amount_micro_usd is not None:
                error.billed = "yes" if cost.amount_micro_usd else "no"
                error.amount_micro_usd = cost.amount_micro_usd
            raise error
        images: list[GeneratedImage | RemoteImage] = []
        failures: list[ItemFailure] = []
        for index, item in enumerate(as_list(body.get("data"))):
            picture = _picture(as_object(item))
            if picture is None:
                failures.append(_failure(index, as_object(item), cost))
            else:
                images.append(picture)
        if not images:
            raise self._without_picture(failures, cost, response.status)
        return Done(images=tuple(images), failures=tuple(failures), cost=cost, model_served=as_text(body.get("model")))

    def _without_picture(
        self, failures: list[ItemFailure], cost: Cost | None, status: int
    ) -> BlockedError | EmptyAnswerError:
        amount = cost.amount_micro_usd if cost is not None else None
        blocked = any(failure.code == "blocked" for failure in failures)
        billed: Billed = "yes" if amount else "no" if blocked and amount == 0 else "unknown"
        kind = BlockedError if blocked else EmptyAnswerError
        said = failures[0].message if failures else "The answer holds no picture."
        return kind(
            f"xai answered without a picture: {said}", hint="Reword the prompt, or try another model.",
            provider=self.provider, status=status, billed=billed, amount_micro_usd=amount,
            upstream="respect_moderation: false" if blocked else None,
        )  # fmt: skip

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        """Never asked for a stream."""
        return None

    def check_request(self) -> HttpRequest:
        """The list of models: free, and needs the key."""
        return HttpRequest(method="GET", url="/models", step="check")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        return key_check(response, self.provider, _RULES, works="The key works.")

    def list_request(self) -> HttpRequest:
        """The image models that this key sees."""
        return HttpRequest(method="GET", url="/image-generation-models", step="check")

    def parse_list(self, response: HttpResponse) -> KeyCheck:
        """`{"models": [{"id"}]}`."""
        return models_told(self.parse_check(response), dig(read_json(response), "models"))


def _picture(item: JsonObject) -> GeneratedImage | RemoteImage | None:
    claimed, revised = as_text(item.get("mime_type")), as_text(item.get("revised_prompt"))
    if item.get("respect_moderation") is False:
        return None
    picture = picture_bytes(item.get("b64_json"))
    if picture is not None:
        return GeneratedImage(data=picture, media_type=claimed, revised_prompt=revised)
    url = as_text(item.get("url"))
    return RemoteImage(url=url, media_type=claimed, revised_prompt=revised) if url else None


def _failure(index: int, item: JsonObject, cost: Cost | None) -> ItemFailure:
    billed: Billed = "yes" if cost is not None and cost.amount_micro_usd else "unknown"
    if item.get("respect_moderation") is False:
        return ItemFailure(
            index=index, code="blocked", message="The picture was refused by a content rule.", billed=billed
        )
    return ItemFailure(index=index, code="no_image", message="No readable picture in this item.", billed=billed)


def _charge(body: JsonObject) -> Cost | None:
    """The final charge for the whole call, inputs included; rounded up to a whole micro-dollar."""
    ticks = as_count(dig(body, "usage", "cost_in_usd_ticks"))
    return None if ticks is None else Cost(-(-ticks // _TICKS_PER_MICRO_USD), "provider")


ADAPTER = XAI()
