"""What is asked and answered inside OpenGradient's seal: a chat completion whose answer has pictures.

Source: opengradient 1.1.4 and OpenGradient/tee-gateway at cb95a5c, read 2026-11-22. Experimental: no answer of the service itself was
ever seen here. It takes no size, shape, number or seed.
"""

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
    key_check,
    picture_bytes,
    read_fault,
    read_json,
)
from triptych.spec.errors import BillingError, EmptyAnswerError
from triptych.spec.image import GeneratedImage, ImageRequest
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import KeyCheck, ModelCard, Progress

VERIFIED = "x-triptych-verified"  # set on an answer by the transport that checked it; see `sealed`
PATH = "/api/v1/chat/ohttp"
_RULES = (Rule(pattern=r"credits|quota|balance", error=BillingError, status=403),)
_SIGNED = ("tee_id", "tee_timestamp", "tee_request_hash", "tee_output_hash", "tee_signature")


class OpenGradient:
    """One picture or more by one chat request. Who pays is the relay, out of the account behind the key."""

    provider = "opengradient"
    base_url = "https://chat-api.opengradient.ai"
    auth = Auth(env=("OPENGRADIENT_ACCESS_TOKEN",), sign_up="https://chat.opengradient.ai")
    trusted_hosts: frozenset[str] = frozenset()

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        """Raises BadRequestError for options that overrule the request."""
        fit = Fit(request, card)
        fit.mask()
        fit.count()
        prompt, images = fit.prompt(), fit.images()
        content: Json = prompt
        if images:
            pictures: list[Json] = [{"type": "image_url", "image_url": {"url": data_uri(image)}} for image in images]
            content = [{"type": "text", "text": prompt}, *pictures]
        body: dict[str, Json] = {"model": card.provider_model_id, "messages": [{"role": "user", "content": content}]}
        # The temperature is in what the enclave signs; its own client always sends this one.
        body = with_options(body, request, self.provider, open_defaults={"temperature": 0.0},
                            refused=("stream", "tools", "tool_choice"))  # fmt: skip
        return Prepared(http=HttpRequest(url=PATH, json=body, headers={"Accept": "message/ohttp-res"}),
                        adjustments=fit.done())  # fmt: skip

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        """An answer that was inside the seal, or what the relay says instead."""
        if response.status != 200:
            raise error_from(read_fault(response, self.provider), _RULES)
        body = as_object(read_json(response))
        message = as_object(dig(as_object(next(iter(as_list(body.get("choices"))), None)), "message"))
        signed = _signed(body, response)
        images = [found for one in as_list(message.get("images")) if (found := _picture(one, signed)) is not None]
        if not images:
            said = as_text(message.get("content"))
            raise EmptyAnswerError(f"{self.provider} answered without a picture{f': {said[:300]}' if said else '.'}",
                                   provider=self.provider, status=response.status, upstream=said,
                                   hint="Say in the prompt that a picture is wanted, or choose another model.")  # fmt: skip
        return Done(images=tuple(images), model_served=as_text(body.get("model")),
                    provider_request_id=as_text(body.get("id")), metadata=signed)  # fmt: skip

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        """Its streams are not asked for: a picture comes whole, and is checked before it is shown."""
        return None

    def check_request(self) -> HttpRequest:
        """No call is known that needs the key and costs nothing: this shows that the relay is there."""
        return HttpRequest(method="GET", url="/health", step="check")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        found = key_check(
            response, self.provider, _RULES, works="The relay answers; the key is tried with the first picture."
        )
        return KeyCheck(ok=True, message=found.message, code="unverified") if found.ok else found


def _signed(body: JsonObject, response: HttpResponse) -> dict[str, Json]:
    """What an enclave signed of the request and of the text, and whether that was checked. It signs no picture."""
    found: dict[str, Json] = {name: body[name] for name in _SIGNED if isinstance(body.get(name), str | int)}
    return {**found, "verified": response.headers.get(VERIFIED) is not None} if found else {}


def _picture(value: Json, signed: JsonObject) -> GeneratedImage | RemoteImage | None:
    text = as_text(value)
    if text is not None and text.startswith("https://"):
        return RemoteImage(url=text, metadata=signed)
    data = picture_bytes(text) if text is not None and text.startswith("data:image/") else None
    if text is None or data is None:
        return None
    return GeneratedImage(data=data, media_type=text.partition(";")[0].removeprefix("data:"), metadata=signed)


ADAPTER = OpenGradient()
