"""Hugging Face Inference Providers: one router and one token, behind it machines of several companies, each with its own words.

Source: huggingface_hub 2.4.0 (`inference/_providers`), the vendor's pages on Inference Providers, read 2026-11-22. Which company
draws is the card's choice and never the router's: `extra.through` names it, and `provider_model_id` is the model by its name there.
`extra.hub` is the model's name at the hub, where its company calls it otherwise. Only the companies whose call ends with its picture
are taken; a task that is asked about goes to them by their own adapters.
"""

from collections.abc import Mapping

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent
from triptych.imaging.sniff import sniff
from triptych.provider_kit.adapter import Auth, Done, Pending, Prepared, RemoteImage
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.options import with_options
from triptych.provider_kit.upstream import (
    Rule,
    as_count,
    as_list,
    as_object,
    as_text,
    dig,
    error_from,
    fault_of,
    key_check,
    picture_bytes,
    read_json,
    retry_after,
)
from triptych.spec.errors import (
    BillingError,
    BlockedError,
    EmptyAnswerError,
    ModelUnavailableError,
    SettingsError,
    TriptychError,
)
from triptych.spec.image import GeneratedImage, ImageRequest, Size
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import KeyCheck, ModelCard, Progress
from triptych.spec.replacing import replace

_RULES = (
    Rule(pattern=r"not supported by provider|is not supported by any provider", error=ModelUnavailableError),
    Rule(pattern=r"monthly (included|usage)|included credits|exceeded your .{0,30}credits", error=BillingError),
    Rule(pattern=r"content_policy_violation|nsfw|flagged", error=BlockedError),
)
_COMPANIES = ("hf-inference", "fal-ai", "nscale", "together")
_HUB = "https://huggingface.co/api/models"
_SIZE = Size(1024, 1024)
_LONGEST_LOAD_S = 120.0
_REFUSED_OPTIONS = ("n", "num_images", "image_url", "image_urls", "sync_mode")


class HuggingFace:
    """One picture a call: its bytes, base64 in JSON, or an address, as the company behind it has it."""

    provider = "huggingface"
    base_url = "https://router.huggingface.co"
    auth = Auth(env=("HF_TOKEN",), key_pattern=r"hf_", sign_up="https://huggingface.co/settings/tokens")
    trusted_hosts: frozenset[str] = frozenset()

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        """Raises BadRequestError for pictures, or options that overrule the request, SettingsError for a card that names no company
        whose words are known here."""
        fit, name, through = Fit(request, card), card.provider_model_id, str(card.extra.get("through", ""))
        if through not in _COMPANIES:
            raise SettingsError(
                f"The card of {card.id} has {through!r} in `extra.through`; known are {', '.join(_COMPANIES)}.",
                param="extra.through", provider=self.provider,
            )  # fmt: skip
        prompt, size = fit.prompt(), fit.size(default=_SIZE) or _SIZE
        fit.count(), fit.images(), fit.mask()
        wanted: dict[str, Json] = {"negative_prompt": fit.negative_prompt(), "seed": fit.seed()}
        wanted = {word: value for word, value in wanted.items() if value is not None}
        sides: dict[str, Json] = {"width": size.width, "height": size.height}
        body: dict[str, Json]
        if through == "hf-inference":
            path, body = f"/models/{name}", {"inputs": prompt, "parameters": {**sides, **wanted}}
        elif through == "fal-ai":
            path, body = f"/{name}", {"prompt": prompt, "num_images": 1, "image_size": sides, **wanted}
        else:
            path, body = "/v1/images/generations", {"prompt": prompt, "model": name, **wanted}
            own: Mapping[str, Json] = {"response_format": "b64_json", "size": str(size)}
            body |= {"response_format": "base64", **sides} if through == "together" else own
        body = with_options(body, request, self.provider, open_defaults=as_object(card.extra.get("constants")),
                            refused=_REFUSED_OPTIONS)  # fmt: skip
        headers = {"Accept": "image/png"} if through == "hf-inference" else {}
        return Prepared(http=HttpRequest(url=f"/{through}{path}", json=body, headers=headers), adjustments=fit.done())

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        """A picture as it is, in `data` as base64, or in `images` at an address."""
        named = response.headers.get("x-request-id")
        good = 200 <= response.status < 300
        if good and (sniff(response.body) or "").startswith("image/"):
            return Done(images=(GeneratedImage(data=response.body),), provider_request_id=named)
        body = as_object(read_json(response))
        if not good or body.get("error"):
            raise self._error(response, body)
        first = as_object(next(iter(as_list(body.get("data")) or as_list(body.get("images"))), None))
        data, url = picture_bytes(first.get("b64_json")), as_text(first.get("url"))
        if True in as_list(body.get("has_nsfw_concepts")):
            raise BlockedError(f"{self.provider} answered with a black picture: a safety check replaced it.", provider=self.provider,
                               status=response.status, hint="Reword the prompt, or try another model.")  # fmt: skip
        if data is None and url is None:
            raise EmptyAnswerError(f"{self.provider} answered without a picture that can be read.", provider=self.provider,
                                   status=response.status, hint="Try again, or choose another model.")  # fmt: skip
        seed = as_count(body.get("seed"))
        picture = RemoteImage(url=str(url), seed=seed) if data is None else GeneratedImage(data=data, seed=seed)
        return Done(images=(picture,), provider_request_id=named)

    def _error(self, response: HttpResponse, body: JsonObject) -> TriptychError:
        """A text, a list of texts, or what the company behind it says; a model that is being loaded says how long that takes."""
        listed = as_list(body.get("error"))
        wait = retry_after(response, body)
        loading = dig(body, "estimated_time")
        if wait is None and isinstance(loading, int | float) and loading >= 0:
            wait = min(float(loading), _LONGEST_LOAD_S)
        said: JsonObject = {"errors": listed} if listed else body
        return error_from(fault_of(said, self.provider, response.status, wait, raw=response.body), _RULES)

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        """Has no streams."""
        return None

    def check_request(self) -> HttpRequest:
        """The list of models: free. A token that is wrong is refused there too; one that may not draw is not."""
        return HttpRequest(method="GET", url="/v1/models", step="check")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        return key_check(
            response,
            self.provider,
            _RULES,
            works="The token was taken. Whether it may draw shows with the first picture.",
        )

    def look_request(self, card: ModelCard) -> HttpRequest:
        """Which companies draw with the model, by its page at the hub, where `extra.hub` is its name if its company calls it otherwise."""
        name = as_text(card.extra.get("hub")) or card.provider_model_id
        return HttpRequest(method="GET", url=f"{_HUB}/{name}?expand[]=inferenceProviderMapping", step="check")

    def parse_look(self, response: HttpResponse, card: ModelCard) -> KeyCheck:
        """`{"inferenceProviderMapping": {company: {"providerId", "status", "task"}}}`; 404 for a model that the hub does not have."""
        if response.status == 404:
            return KeyCheck(ok=True, message="The hub answers.", detail={"there": False})
        check = key_check(response, self.provider, _RULES, works="The hub answers.")
        companies = dig(read_json(response), "inferenceProviderMapping")
        if not check.ok or not isinstance(companies, Mapping):
            return check
        found = dig(companies, str(card.extra.get("through", "")), "providerId")
        return replace(check, detail={"there": found == card.provider_model_id})


ADAPTER = HuggingFace()
