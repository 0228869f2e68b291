"""Fireworks: FLUX.1 by its workflows, one call a picture, the picture as it is; what its filter held back has a header that says so.

Source: @ai-sdk/fireworks 3.0.62, the vendor's pages on `text_to_image` and on error codes, stored copies, read 2026-11-22. Kontext, whose jobs are asked about,
goes to its maker by the adapter of that name.
"""

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent
from triptych.imaging.sniff import sniff
from triptych.provider_kit.adapter import Auth, Done, Pending, Prepared
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.options import with_options
from triptych.provider_kit.upstream import (
    Rule,
    as_count,
    as_list,
    as_object,
    as_text,
    error_from,
    key_check,
    picture_bytes,
    read_fault,
    read_json,
)
from triptych.spec.errors import BillingError, BlockedError, EmptyAnswerError
from triptych.spec.image import GeneratedImage, ImageRequest
from triptych.spec.json import Json
from triptych.spec.model import KeyCheck, ModelCard, Progress

_RULES = (
    Rule(pattern=r"", error=BillingError, status=412, said="has suspended this account",
         hint="Look at its Billing page: a bill may be open, or the month's limit reached."),
)  # fmt: skip


class Fireworks:
    """Synchronous. A PNG is asked for by a header; another format is made here."""

    provider = "fireworks"
    base_url = "https://api.fireworks.ai/inference/v1"
    auth = Auth(
        env=("FIREWORKS_API_KEY",), key_pattern=r"fw_", sign_up="https://app.fireworks.ai/settings/users/api-keys"
    )
    trusted_hosts: frozenset[str] = frozenset()

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        """Raises BadRequestError for pictures, or options that overrule the request."""
        fit = Fit(request, card)
        body: dict[str, Json] = {"prompt": fit.prompt()}
        fit.count(), fit.images(), fit.mask()
        body["aspect_ratio"] = str(fit.aspect_ratio() or card.capabilities.aspect_ratios[0])
        seed = fit.seed(zero_is_any=True)
        body |= {} if seed is None else {"seed": seed}
        body = with_options(body, request, self.provider, open_defaults=as_object(card.extra.get("constants")))
        http = HttpRequest(url=f"/workflows/{card.provider_model_id}/text_to_image", json=body,
                           headers={"Accept": "image/png"})  # fmt: skip
        return Prepared(http=http, adjustments=fit.done())

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        """A picture as it is, or in a list as base64."""
        body = as_object(read_json(response))
        if not 200 <= response.status < 300:
            raise error_from(read_fault(response, self.provider), _RULES)
        reason = response.headers.get("finish-reason") or as_text(body.get("finishReason")) or "SUCCESS"
        if reason.upper() == "CONTENT_FILTERED":
            raise BlockedError(f"{self.provider} held the picture back by its content rules.", provider=self.provider, status=200,
                               upstream=reason, hint="Reword the prompt, or try another model.")  # fmt: skip
        raw = response.body if (sniff(response.body) or "").startswith("image/") else None
        data = raw or picture_bytes(next(iter(as_list(body.get("base64"))), None))
        if data is None:
            raise EmptyAnswerError(f"{self.provider} answered without a picture that can be read.", provider=self.provider, status=200,
                                   hint="Try again, or choose another model.")  # fmt: skip
        drawn = response.headers.get("seed", "")
        seed = int(drawn) if drawn.isascii() and drawn.isdigit() and len(drawn) < 20 else as_count(body.get("seed"))
        return Done(
            images=(GeneratedImage(data=data, seed=seed),), provider_request_id=response.headers.get("x-request-id")
        )

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        """Has no streams."""
        return None

    def check_request(self) -> HttpRequest:
        """The list of models: free, and needs the key."""
        return HttpRequest(method="GET", url="/models", step="check")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        return key_check(response, self.provider, _RULES, works="The key works.")


ADAPTER = Fireworks()
