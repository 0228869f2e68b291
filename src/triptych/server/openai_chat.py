"""`POST /v1/chat/completions` with pictures in the answer, as gateways to many models have it: `modalities`, `image_config`, and
`choices[].message.images[].image_url.url` (types of the `openrouter` package 1.3.84 and of `opengradient` 1.1.4, read 2026-11-22).

Only what draws is offered. All fields of the images API are taken besides, and its object `triptych` is in the answer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from triptych.app.container import App
from triptych.server.body import json_object, sha256_of, whole_body
from triptych.server.errors import as_json, envelope, error_response
from triptych.server.history import Said, Speaker, understand
from triptych.server.image_jobs import ImageJobs, Preview, no_pictures, renamed
from triptych.server.openai_answer import Answer, new_mark
from triptych.server.openai_fields import ImageCall, read_here, side, unknown
from triptych.server.openai_images import MAX_JSON_BYTES
from triptych.server.pictures_in import from_base64
from triptych.spec.errors import BadRequestError
from triptych.spec.image import Adjustment, InputImage

_ROLES: Mapping[str, Speaker] = MappingProxyType(
    {"user": "user", "assistant": "model", "system": "system", "developer": "system"}
)
_WORDS = MappingProxyType({
    "text": "messages", "prompt": "messages", "images": "messages", "models": "model",
    "aspect_ratio": "image_config.aspect_ratio", "resolution": "image_config.image_size",
})  # fmt: skip
_READ_HERE = frozenset(
    {"messages", "modalities", "image_config", "stream_options", "prompt", "image", "image[]", "mask"}
)
_NO_PICTURES = frozenset({"prompt", "image", "image[]", "mask"})
"""Fields of the images API that have no place in a conversation."""
SETTLEMENT = "x-settlement-type"
"""A client that sends this header knows no `modalities`, and reads the addresses of pictures as plain texts."""


class ChatApi:
    """The one call."""

    def __init__(self, app: App, jobs: ImageJobs) -> None:
        self._app = app
        self._jobs = jobs

    async def completions(self, request: Request) -> Response:
        """`POST /v1/chat/completions`."""
        body = await whole_body(request, MAX_JSON_BYTES)
        said = json_object(body)
        plain = SETTLEMENT in request.headers
        _want_pictures(["image"] if plain and said.get("modalities") is None else said.get("modalities"))
        asked = await understand(self._app, await _messages(said.get("messages")), "messages")
        call = read_here({**_fields(said), "prompt": asked.prompt}, _WORDS)
        drawn = replace(call.request, images=asked.images, turns=asked.turns, previews=0)
        notes = (*call.notes, *_unread(said, call), *asked.notes)
        call = replace(call, request=drawn, parent=asked.parent, notes=notes)
        options = said.get("stream_options")
        dialect = Chat(
            n=call.request.n, plain=plain, counted=isinstance(options, Mapping) and options.get("include_usage") is True
        )
        return await self._jobs.run(request, call, await sha256_of(body), dialect)


def _want_pictures(modalities: Any) -> None:
    if not isinstance(modalities, list) or "image" not in modalities:
        raise no_pictures('Send "modalities": ["image", "text"]; GET /v1/models lists what draws.', "modalities")


def _fields(said: Mapping[str, Any]) -> dict[str, Any]:
    """The request's fields as the images API names them."""
    fields = {name: value for name, value in said.items() if name not in _READ_HERE}
    if isinstance(fields.get("response_format"), Mapping):
        del fields["response_format"]
    config = said.get("image_config") or {}
    if not isinstance(config, Mapping):
        raise BadRequestError("image_config must be an object.", param="image_config")
    given = {"aspect_ratio": config.get("aspect_ratio"), "resolution": side(config.get("image_size"))}
    return {**fields, **{name: value for name, value in given.items() if value is not None}}


def _unread(said: Mapping[str, Any], call: ImageCall) -> tuple[Adjustment, ...]:
    """What was sent and has no meaning for a picture that is talked about."""
    names = [name for name in sorted(_NO_PICTURES) if said.get(name) is not None]
    names += [
        f"image_config.{name}"
        for name in sorted(said.get("image_config") or {})
        if name not in {"aspect_ratio", "image_size"}
    ]
    names += ["response_format"] if isinstance(said.get("response_format"), Mapping) else []
    notes = [unknown(name) for name in names]
    if call.request.previews:
        notes.append(Adjustment("partial_images", "unsupported", "an answer of this kind has no place for previews"))
    return tuple(notes)


# Messages.


async def _messages(value: Any) -> list[Said]:
    if not isinstance(value, list) or not value:
        raise BadRequestError("messages must be a list of at least one message.", param="messages")
    return [await _message(f"messages[{place}]", one) for place, one in enumerate(value)]


async def _message(name: str, value: Any) -> Said:
    role = value.get("role") if isinstance(value, Mapping) else None
    who = _ROLES.get(role) if isinstance(role, str) else None
    if who is None:
        raise BadRequestError(f"{name}.role is {str(role)[:40]!r}; it takes {', '.join(_ROLES)}.", param="messages")
    content, texts, images = value.get("content"), list[str](), list[InputImage]()
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    sent_back = value.get("images") or []
    if not isinstance(parts, list) or not isinstance(sent_back, list):
        raise BadRequestError(f"{name}.content must be text or a list of parts, and images a list.", param="messages")
    for place, part in enumerate(parts):
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind == "text" and isinstance(part.get("text"), str):
            texts += [part["text"]] if part["text"] else []
        elif kind == "image_url":
            images.append(await _picture(f"{name}.content[{place}]", part))
        else:
            raise BadRequestError(
                f"{name}.content[{place}].type is {str(kind)[:40]!r}; it takes text and image_url.", param="messages"
            )
    images += [await _picture(f"{name}.images[{place}]", one) for place, one in enumerate(sent_back)]
    return Said(who=who, texts=tuple(texts), images=tuple(images), marks=(None,) * len(images))


async def _picture(name: str, part: Any) -> InputImage:
    given = part.get("image_url") if isinstance(part, Mapping) else part
    url = given.get("url") if isinstance(given, Mapping) else given
    if not isinstance(url, str) or not url.startswith("data:"):
        raise BadRequestError(f"{name} is no data: address; this server fetches nothing from an address that it is sent.",
                              hint="Send the picture itself, as data:image/png;base64,…", param="messages")  # fmt: skip
    return await from_base64(name, url, "messages")


# Answers.


@dataclass(frozen=True, slots=True)
class Chat:
    """What this wire says of a job. `n` choices were asked for; `plain`: pictures as texts; `counted`: the tokens once more in a
    chunk of their own."""

    n: int = 1
    plain: bool = False
    counted: bool = False

    @property
    def words(self) -> Mapping[str, str]:
        """See `Dialect.words`."""
        return _WORDS

    def whole(self, answer: Answer, headers: Mapping[str, str]) -> Response:
        """See `Dialect.whole`."""
        headers = answer.with_receipt(headers)
        if answer.error is not None:
            return error_response(renamed(answer.error, _WORDS), answer.about, headers)
        mark = new_mark()
        made = self._pictures(answer, [mark] * len(answer.base64))
        choices = []
        for index, items in enumerate(_by_choice(made, self.n)):
            message = {"role": "assistant", "content": _words(items), "refusal": None,
                       "images": [self._shown(item, place) for place, item in enumerate(items)]}  # fmt: skip
            choices.append({"index": index, "message": message, "finish_reason": "stop", "logprobs": None})
        content = {**_head(answer, "chat.completion"), "choices": choices, **_tail(answer)}
        return answer.laid_out(content, mark, headers)

    def preview(self, _: Preview, /) -> bytes:
        """See `Dialect.preview`."""
        return b""

    def last(self, answer: Answer) -> Iterator[bytes]:
        """See `Dialect.last`: a chunk for each picture, and one that ends them all."""
        if answer.error is not None:
            yield _chunk(envelope(renamed(answer.error, _WORDS), answer.about))
        else:
            yield from self._chunks(answer)
        yield b"data: [DONE]\n\n"

    def _chunks(self, answer: Answer) -> Iterator[bytes]:
        head = _head(answer, "chat.completion.chunk")
        made = self._pictures(answer, [text.decode() for text in answer.base64])
        every = _by_choice(made, self.n)
        for index, items in enumerate(every):
            for place, item in enumerate(items):
                delta = {"role": "assistant", "content": _words([item])}
                shown = {} if self.plain else {"images": [self._shown(item, place)]}
                yield _chunk(
                    {**head, "choices": [{"index": index, "delta": {**delta, **shown}, "finish_reason": None}]}
                )
        ends = [{"index": index, "delta": {}, "finish_reason": "stop"} for index in range(len(every))]
        tail = {name: value for name, value in _tail(answer).items() if value is not None}
        addresses = {"images": [item["url"] for item in made]} if self.plain else {}
        if (error := answer.content["triptych"]["error"]) is not None:
            yield _chunk({**head, "choices": ends, **tail, **addresses})
            yield _chunk({"error": error})
            return
        yield _chunk({**head, "choices": ends, **tail, **addresses})
        if self.counted and "usage" in tail:
            yield _chunk({**head, "choices": [], "usage": tail["usage"]})

    def _pictures(self, answer: Answer, texts: list[str]) -> list[dict[str, Any]]:
        """The pictures with their addresses."""
        items: list[dict[str, Any]] = answer.content["data"]
        if not texts:
            return items
        return [
            {**item, "url": f"data:{item['triptych']['media_type']};base64,{text}"}
            for item, text in zip(items, texts, strict=True)
        ]

    def _shown(self, item: Mapping[str, Any], index: int) -> Any:
        if self.plain:
            return item["url"]
        return {"type": "image_url", "index": index, "image_url": {"url": item["url"]}, "triptych": item["triptych"]}


def _by_choice(items: list[dict[str, Any]], n: int) -> list[list[dict[str, Any]]]:
    """One picture a choice; what came beyond the number asked for is with the last."""
    asked = min(n, len(items))
    return [*([item] for item in items[: asked - 1]), items[asked - 1 :]]


def _words(items: list[dict[str, Any]]) -> str:
    """What its maker says that it drew, where it says so."""
    return "\n".join(item["revised_prompt"] for item in items if item["revised_prompt"])


def _head(answer: Answer, kind: str) -> dict[str, Any]:
    facts = answer.content["triptych"]
    return {"id": facts["tile"], "object": kind, "created": answer.content["created"],
            "model": facts["endpoint"], "system_fingerprint": None}  # fmt: skip


def _tail(answer: Answer) -> dict[str, Any]:
    """Tokens, where all of them are known, and what only we say."""
    used, cost = answer.content["usage"], answer.content["triptych"]["cost"]
    usage = None
    if used is not None and None not in {used["input_tokens"], used["total_tokens"]}:
        amount = cost["amount_micro_usd"]
        usage = {
            "prompt_tokens": used["input_tokens"], "completion_tokens": used["output_tokens"],
            "total_tokens": used["total_tokens"], "cost": None if amount is None else amount / 1_000_000,
            "completion_tokens_details": {"image_tokens": used["output_tokens_details"]["image_tokens"]},
        }  # fmt: skip
    return {"usage": usage, "triptych": answer.content["triptych"]}


def _chunk(value: Mapping[str, Any]) -> bytes:
    return b"data: %s\n\n" % as_json(value)
