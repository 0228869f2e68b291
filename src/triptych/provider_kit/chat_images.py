"""Pictures out of a chat: `POST /chat/completions` with `modalities`, answered by `message.images`. For cards with `wire = "chat"` at a
host that speaks OpenAI's formats.

Source: types of the `openrouter` package 1.3.84 (`ChatRequest`, `ChatAssistantImages`), and how relays answer, read 2026-11-22.
"""

import hashlib
import re

from triptych.http.message import HttpRequest, HttpResponse
from triptych.provider_kit.adapter import Prepared, RemoteImage
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.options import with_options
from triptych.provider_kit.upstream import as_list, as_object, as_text, data_uri, dig, picture_bytes
from triptych.spec.errors import BlockedError, EmptyAnswerError, TriptychError
from triptych.spec.image import GeneratedImage, ImageRequest
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import ModelCard
from triptych.spec.replacing import replace

_REFUSED = ("stream", "messages", "modalities", "n", "tools", "tool_choice")
_LINK = re.compile(r"!\[[^\]]*\]\(\s*(data:image/[a-z+]+;base64,[A-Za-z0-9+/=]+|https?://[^\s)]+)")


def by_chat(card: ModelCard) -> bool:
    """Whether a model is asked in a chat."""
    return card.extra.get("wire") == "chat"


def chat_request(request: ImageRequest, card: ModelCard, path: str) -> Prepared:
    """One question with its pictures behind the words. Raises BadRequestError for more pictures than one call makes, or options that
    overrule the request."""
    fit = Fit(request, replace(card, capabilities=replace(card.capabilities, mask=False)))
    fit.mask(), fit.count()
    parts: list[Json] = [{"type": "text", "text": fit.prompt()}]
    parts += [{"type": "image_url", "image_url": {"url": data_uri(image)}} for image in fit.images()]
    body: dict[str, Json] = {
        "model": card.provider_model_id, "messages": [{"role": "user", "content": parts}], "modalities": ["image", "text"],
    }  # fmt: skip
    if shape := _shape(fit):
        body["image_config"] = shape
    seed = fit.seed()
    body |= {} if seed is None else {"seed": seed}
    body = with_options(
        body, request, card.provider, open_defaults=as_object(card.extra.get("constants")), refused=_REFUSED
    )
    return Prepared(http=HttpRequest(url=path, json=body), adjustments=fit.done())


def _shape(fit: Fit) -> dict[str, Json]:
    """The size class is always sent where a model has one, because it decides the price."""
    ratio, size = fit.aspect_ratio(), fit.resolution() or fit.card.capabilities.default_resolution
    shape: dict[str, Json] = {} if ratio is None else {"aspect_ratio": str(ratio)}
    return shape if size is None else {**shape, "image_size": size.upper()}


def chat_pictures(top: JsonObject, provider: str, response: HttpResponse) -> tuple[GeneratedImage | RemoteImage, ...]:
    """The pictures of an answer, each once, however often it stands there. Raises BlockedError and EmptyAnswerError."""
    choice = as_object(next(iter(as_list(top.get("choices"))), None))
    message = as_object(choice.get("message"))
    found: dict[str, GeneratedImage | RemoteImage] = {}
    for address in _addresses(message):
        made = _picture(address)
        if isinstance(made, RemoteImage):
            found.setdefault(made.url, made)
        elif made is not None:
            found.setdefault(hashlib.sha256(made.data).hexdigest(), made)
    if not found:
        raise _without(choice, message, provider, response)
    return tuple(found.values())


def _addresses(message: JsonObject) -> list[str]:
    """Everything that may be a picture: `images` in all of its forms, parts of the content, links in its words."""
    content = message.get("content")
    named: list[Json] = [*as_list(message.get("images")), *as_list(content), message.get("image_b64_json")]
    found = [
        as_text(one) or as_text(dig(one, "image_url", "url")) or as_text(dig(one, "image_url"))
        or as_text(dig(one, "b64_json")) or as_text(dig(one, "url"))
        for one in named
    ]  # fmt: skip
    return [one for one in found if one] + _LINK.findall(content if isinstance(content, str) else "")


def _picture(address: str) -> GeneratedImage | RemoteImage | None:
    if address.startswith(("https://", "http://")):
        return RemoteImage(url=address)
    data = picture_bytes(address)
    if data is None:
        return None
    claimed = address.partition(";")[0].removeprefix("data:") if address.startswith("data:image/") else None
    return GeneratedImage(data=data, media_type=claimed)


def _without(choice: JsonObject, message: JsonObject, provider: str, response: HttpResponse) -> TriptychError:
    said = as_text(message.get("refusal")) or as_text(message.get("content"))
    words = f": {said[:300]}" if said else "."
    if as_text(choice.get("finish_reason")) == "content_filter" or as_text(message.get("refusal")):
        return BlockedError(f"{provider} refused the prompt or its pictures by its content rules{words}", provider=provider, status=response.status,
                            upstream=said, hint="Reword the prompt, or try another model.")  # fmt: skip
    return EmptyAnswerError(f"{provider} answered without a picture{words}", provider=provider, status=response.status,
                            upstream=said, hint="Say in the prompt that a picture is wanted, or choose another model.")  # fmt: skip
