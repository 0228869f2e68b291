"""MiniMax image-01: one call, pictures as base64; faults come as answers of status 200 with a code of their own.

Source: the vendor's pages on image generation, error codes and the list of models, read 2026-11-22. Its one kind of input picture is the
likeness of a person, which changes no picture: it goes in by the option `subject_reference`, and the card takes no pictures.
"""

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent
from triptych.provider_kit.adapter import Auth, Done, Pending, Prepared, RemoteImage
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.options import with_options
from triptych.provider_kit.upstream import (
    Fault,
    Rule,
    as_list,
    as_object,
    as_text,
    dig,
    error_from,
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
    RateLimitedError,
    RejectedError,
)
from triptych.spec.image import GeneratedImage, ImageRequest
from triptych.spec.json import Json
from triptych.spec.model import KeyCheck, ModelCard, Progress

_RULES = (
    Rule(pattern=r"\A(1002|2045)\b", error=RateLimitedError),
    Rule(pattern=r"\A(1004|2049)\b", error=AuthError),
    Rule(pattern=r"\A1008\b", error=BillingError),
    Rule(pattern=r"\A(1026|1027)\b|sensitive", error=BlockedError),
    Rule(pattern=r"\A2013\b", error=RejectedError),
)
_REFUSED_OPTIONS = ("width", "height", "aspect_ratio")


class MiniMax:
    """Synchronous. `base_resp` says whether a call succeeded, and the counts beside it whether its pictures did."""

    provider = "minimax"
    base_url = "https://api.minimax.io/v1"
    auth = Auth(
        env=("MINIMAX_API_KEY",), sign_up="https://platform.minimax.io/user-center/basic-information/interface-key"
    )
    trusted_hosts: frozenset[str] = frozenset()

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        """Raises BadRequestError for pictures, or options that overrule the request."""
        fit, caps = Fit(request, card), card.capabilities
        body: dict[str, Json] = {
            "model": card.provider_model_id, "prompt": fit.prompt(), "n": fit.count(), "response_format": "base64",
        }  # fmt: skip
        fit.images()
        fit.mask()
        ratio = request.aspect_ratio
        if request.size or request.resolution or (ratio is not None and str(ratio) not in caps.aspect_ratios):
            size = fit.size()
            body |= {} if size is None else {"width": size.width, "height": size.height}
        else:
            body["aspect_ratio"] = str(fit.aspect_ratio() or caps.aspect_ratios[0])
        seed = fit.seed()
        body |= {} if seed is None else {"seed": seed}
        body = with_options(body, request, self.provider, open_defaults=as_object(card.extra.get("constants")),
                            refused=_REFUSED_OPTIONS)  # fmt: skip
        return Prepared(http=HttpRequest(url="/image_generation", json=body), adjustments=fit.done())

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        """Pictures as base64, or at addresses where an option asks for them."""
        body = as_object(read_json(response))
        if not 200 <= response.status < 300:
            raise error_from(read_fault(response, self.provider), _RULES)
        fault = self._fault(body)
        if fault is not None:
            raise error_from(fault, _RULES)
        images: list[GeneratedImage | RemoteImage] = []
        for text in as_list(dig(body, "data", "image_base64")):
            data = picture_bytes(text)
            images += [] if data is None else [GeneratedImage(data=data)]
        images += [RemoteImage(url=url) for text in as_list(dig(body, "data", "image_urls")) if (url := as_text(text))]
        if not images:
            raise EmptyAnswerError(f"{self.provider} answered without a picture that can be read.", provider=self.provider, status=200,
                                   hint="Try again, or choose another model.")  # fmt: skip
        return Done(images=tuple(images), provider_request_id=as_text(body.get("id")))

    def _fault(self, body: Json) -> Fault | None:
        """What `base_resp` says when it is not 0."""
        code = dig(body, "base_resp", "status_code")
        if code is None or code in {0, "0"}:
            return None
        said = as_text(dig(body, "base_resp", "status_msg")) or ""
        return Fault(provider=self.provider, status=200, codes=str(code), message=said, body=body)

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        """Has no streams."""
        return None

    def check_request(self) -> HttpRequest:
        """The list of models: free, and needs the key."""
        return HttpRequest(method="GET", url="/models", step="check")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        fault = self._fault(read_json(response))
        if fault is not None:
            error = error_from(fault, _RULES)
            return KeyCheck(ok=False, message=error.message, code=error.code)
        return key_check(response, self.provider, _RULES, works="The key works.")


ADAPTER = MiniMax()
