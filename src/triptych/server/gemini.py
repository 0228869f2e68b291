"""`generateContent` of the Gemini API, for clients that speak it (types of the `google-genai` package 3.4.0, read 2026-11-22):
`POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`, `GET /v1beta/models`, and the same under `/v1`, which is
what that package asks by itself.

A picture in an answer has a signature that names it here. A client that hands its turns back has them recognised by it, or by the
picture's bytes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from triptych.app.container import App
from triptych.app.model_views import model_views
from triptych.imaging.header import header
from triptych.provider_kit.upstream import base64_of
from triptych.server.auth import GOOG_KEY
from triptych.server.body import json_object, sha256_of, whole_body
from triptych.server.errors import as_json
from triptych.server.gemini_errors import HANDLERS, blocked, error_body, error_response, told_again
from triptych.server.history import Said, Speaker, mark_of, understand
from triptych.server.image_jobs import ImageJobs, Preview, no_pictures, renamed
from triptych.server.openai_answer import Answer, new_mark
from triptych.server.openai_fields import read_here, side, unknown
from triptych.server.openai_images import MAX_JSON_BYTES
from triptych.server.pictures_in import from_base64
from triptych.spec.errors import BadRequestError, BlockedError, UnknownModelError
from triptych.spec.image import Adjustment, InputImage

_MAKE, _STREAM = ":generateContent", ":streamGenerateContent"
_WORDS = MappingProxyType({
    "text": "contents", "prompt": "contents", "images": "contents", "models": "model",
    "aspect_ratio": "generationConfig.imageConfig.aspectRatio", "resolution": "generationConfig.imageConfig.imageSize",
    "n": "generationConfig.candidateCount", "seed": "generationConfig.seed",
})  # fmt: skip
_TOP = frozenset({"contents", "generationConfig", "systemInstruction", "triptych", "model"})
_CONFIG = frozenset({"responseModalities", "imageConfig", "candidateCount", "seed", "thinkingConfig"})
_SHAPE = frozenset({"aspectRatio", "imageSize"})
_PAGE, _MOST = 50, 1000


class GeminiApi:
    """The calls of this wire."""

    def __init__(self, app: App, jobs: ImageJobs) -> None:
        self._app = app
        self._jobs = jobs

    def routes(self) -> list[Route]:
        return [
            route
            for version in ("v1beta", "v1")
            for route in (
                Route(f"/{version}/models/{{model:path}}{_MAKE}", self.make, methods=["POST"]),
                Route(f"/{version}/models/{{model:path}}{_STREAM}", self.stream, methods=["POST"]),
                Route(f"/{version}/models", self.models),
                Route(f"/{version}/models/{{model:path}}", self.model),
            )
        ]

    async def make(self, request: Request) -> Response:
        """`:generateContent`."""
        return await self._run(request, "whole")

    async def stream(self, request: Request) -> Response:
        """`:streamGenerateContent`: events with `alt=sse`, else a list of one answer."""
        return await self._run(request, "events" if request.query_params.get("alt") == "sse" else "list")

    async def _run(self, request: Request, form: str) -> Response:
        body = await whole_body(request, MAX_JSON_BYTES)
        said = _camel(json_object(body))
        texts, fields, thoughts = _fields(said, streams=form == "events")
        asked = await understand(self._app, await _contents(said), "contents")
        call = read_here({**fields, "prompt": asked.prompt, "model": request.path_params["model"]}, _WORDS)
        if thoughts and not call.request.previews:
            call = replace(call, request=replace(call.request, previews=1))
        drawn = replace(call.request, images=asked.images, turns=asked.turns)
        notes = (*call.notes, *_unread(said), *asked.notes)
        call = replace(call, request=drawn, parent=asked.parent, notes=notes)
        dialect = Gemini(n=call.request.n, texts=texts, listed=form == "list")
        return await self._jobs.run(request, call, await sha256_of(body), dialect)

    async def models(self, request: Request) -> Response:
        """`GET …/models`: what can be used now. Raises BadRequestError for a page that is none."""
        rows = [
            _model(view)
            for view in model_views(self._app.models, self._app.router)
            if view["state"] in {"ready", "limited"}
        ]
        size, start = _number(request, "pageSize", _PAGE), _number(request, "pageToken", 0)
        page: dict[str, Any] = {"models": rows[start : start + min(size or _PAGE, _MOST)]}
        end = start + len(page["models"])
        return _json({**page, "nextPageToken": str(end)} if end < len(rows) else page)

    async def model(self, request: Request) -> Response:
        """`GET …/models/{model}`. Raises UnknownModelError."""
        name = request.path_params["model"]
        found = next((view for view in model_views(self._app.models, self._app.router) if view["id"] == name), None)
        if found is None:
            raise UnknownModelError(
                f"There is no model named {name[:80]!r}.", hint="See GET /v1beta/models.", param="model"
            )
        return _json(_model(found))


class Gateway:
    """Gives the calls of this wire to it: by their path, and where the images API has the same one by the header of the key."""

    def __init__(self, app: App, jobs: ImageJobs, other: ASGIApp) -> None:
        self._own = Starlette(routes=GeminiApi(app, jobs).routes(), exception_handlers=HANDLERS)
        self._other = other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        own = path.startswith("/v1beta/") or (path.startswith("/v1/models") and (
            path.endswith((_MAKE, _STREAM)) or any(name == GOOG_KEY.encode() for name, _ in scope["headers"])))  # fmt: skip
        await (self._own if own else self._other)(scope, receive, send)


def _json(value: Mapping[str, Any]) -> Response:
    return Response(as_json(value), 200, {"Cache-Control": "no-store"}, "application/json")


def _model(view: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": f"models/{view['id']}", "baseModelId": view["id"], "version": "", "displayName": view["name"],
        "supportedGenerationMethods": [_MAKE[1:], _STREAM[1:]], "triptych": view,
    }  # fmt: skip


def _number(request: Request, name: str, otherwise: int) -> int:
    text = request.query_params.get(name) or str(otherwise)
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise BadRequestError(f"{name} is {text[:40]!r}; it takes a whole number.", param=name)
    return int(text)


# What is asked.


def _camel(value: Any) -> Any:
    """Names in the spelling of the wire, which takes `inline_data` for `inlineData`. What is ours stays as it is."""
    if isinstance(value, list):
        return [_camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {_camel_name(name): one if name == "triptych" else _camel(one) for name, one in value.items()}


def _camel_name(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(one[:1].upper() + one[1:] for one in others)


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise BadRequestError(f"{name} must be an object.", param=name)
    return value or {}


def _fields(said: Mapping[str, Any], *, streams: bool) -> tuple[bool, dict[str, Any], bool]:
    """Whether words are wanted besides, the fields as the images API names them, and whether drafts are wanted.

    Raises BadRequestError when no picture is.
    """
    config = _object(said.get("generationConfig"), "generationConfig")
    shape = _object(config.get("imageConfig"), "generationConfig.imageConfig")
    wanted = config.get("responseModalities") or ["TEXT", "IMAGE"]
    kinds = {str(one).upper() for one in wanted} if isinstance(wanted, list) else set[str]()
    if "IMAGE" not in kinds:
        raise no_pictures(
            'Let responseModalities have "IMAGE"; GET /v1beta/models lists what draws.',
            "generationConfig.responseModalities",
        )  # fmt: skip
    given = {
        "aspect_ratio": shape.get("aspectRatio"),
        "resolution": side(shape.get("imageSize")),
        "n": config.get("candidateCount"), "seed": config.get("seed"), "stream": streams or None,
        "triptych": said.get("triptych"),
    }  # fmt: skip
    thinking = _object(config.get("thinkingConfig"), "generationConfig.thinkingConfig")
    drafts = streams and thinking.get("includeThoughts") is True
    return "TEXT" in kinds, {name: value for name, value in given.items() if value is not None}, drafts


def _unread(said: Mapping[str, Any]) -> tuple[Adjustment, ...]:
    """What was sent and has no meaning for a picture."""
    config = said.get("generationConfig") or {}
    shape = config.get("imageConfig") or {}
    names = [name for name in said if name not in _TOP]
    names += [f"generationConfig.{name}" for name in config if name not in _CONFIG]
    names += [f"generationConfig.imageConfig.{name}" for name in shape if name not in _SHAPE]
    names += [
        f"generationConfig.thinkingConfig.{name}"
        for name in config.get("thinkingConfig") or {}
        if name != "includeThoughts"
    ]
    return tuple(unknown(name) for name in sorted(names))


async def _contents(said: Mapping[str, Any]) -> list[Said]:
    contents = said.get("contents")
    contents = [contents] if isinstance(contents, Mapping) else contents
    if not isinstance(contents, list) or not contents:
        raise BadRequestError("contents must be a list of at least one content.", param="contents")
    found = [await _content(f"contents[{place}]", one) for place, one in enumerate(contents)]
    return [Said(who="system"), *found] if said.get("systemInstruction") else found


async def _content(name: str, value: Any) -> Said:
    role = value.get("role") or "user" if isinstance(value, Mapping) else None
    if role not in {"user", "model"}:
        raise BadRequestError(f"{name}.role is {str(role)[:40]!r}; it takes user, model.", param="contents")
    parts = value.get("parts") or []
    parts = [parts] if isinstance(parts, Mapping) else parts
    if not isinstance(parts, list):
        raise BadRequestError(f"{name}.parts must be a list.", param="contents")
    texts, images, marks = list[str](), list[InputImage](), list[str | None]()
    for place, part in enumerate(parts):
        if not isinstance(part, Mapping) or not isinstance(part.get("text"), str | None):
            raise BadRequestError(f"{name}.parts[{place}] must be an object with text or inlineData.", param="contents")
        if part.get("thought") is True:
            continue
        if part.get("inlineData") is not None:
            images.append(await _inline(f"{name}.parts[{place}].inlineData", part["inlineData"]))
            marks.append(part["thoughtSignature"] if isinstance(part.get("thoughtSignature"), str) else None)
        elif part.get("text") is None:
            raise BadRequestError(f"{name}.parts[{place}] has neither text nor inlineData.", param="contents",
                                  hint="Send pictures in inlineData: nothing is fetched from an address, and no file is kept.")  # fmt: skip
        elif part["text"]:
            texts.append(part["text"])
    who: Speaker = "user" if role == "user" else "model"
    return Said(who=who, texts=tuple(texts), images=tuple(images), marks=tuple(marks))


async def _inline(name: str, value: Any) -> InputImage:
    return await from_base64(name, value.get("data") if isinstance(value, Mapping) else None, "contents")


# What is answered.


@dataclass(frozen=True, slots=True)
class Gemini:
    """What this wire says of a job. `n` candidates were asked for; `texts`: words were wanted too; `listed`: a list is answered, as of a stream."""

    n: int = 1
    texts: bool = True
    listed: bool = False

    @property
    def words(self) -> Mapping[str, str]:
        """See `Dialect.words`."""
        return _WORDS

    def whole(self, answer: Answer, headers: Mapping[str, str]) -> Response:
        """See `Dialect.whole`."""
        headers = answer.with_receipt(headers)
        if isinstance(answer.error, BlockedError):
            return answer.laid_out(self._form(blocked(answer.error, answer.about)), "", headers)
        if answer.error is not None:
            return error_response(renamed(answer.error, _WORDS), answer.about, headers, listed=self.listed)
        mark = new_mark()
        content = {"candidates": self._candidates(answer, [mark] * len(answer.base64)), **_tail(answer)}
        return answer.laid_out(self._form(content), mark, headers)

    def preview(self, preview: Preview, /) -> bytes:
        """See `Dialect.preview`: a draft, as models that think show theirs."""
        inline = {"mimeType": header(preview.data).media_type, "data": base64_of(preview.data)}
        content = {"role": "model", "parts": [{"inlineData": inline, "thought": True}]}
        return _event({"candidates": [{"content": content, "index": 0}]})

    def last(self, answer: Answer) -> Iterator[bytes]:
        """See `Dialect.last`: a chunk for each picture, the last with the tokens and with what only we say."""
        if isinstance(answer.error, BlockedError):
            yield _event(blocked(answer.error, answer.about))
            return
        if answer.error is not None:
            yield _event(error_body(renamed(answer.error, _WORDS), answer.about))
            return
        candidates = self._candidates(answer, [text.decode() for text in answer.base64])
        for place, candidate in enumerate(candidates, 1):
            yield _event({"candidates": [candidate], **(_tail(answer) if place == len(candidates) else {})})
        if (error := answer.content["triptych"]["error"]) is not None:
            yield _event(told_again(error))

    def _form(self, content: dict[str, Any]) -> Any:
        return [content] if self.listed else content

    def _candidates(self, answer: Answer, texts: list[str]) -> list[dict[str, Any]]:
        """One picture a candidate; what came beyond the number asked for is with the last."""
        tile, most = answer.content["triptych"]["tile"], self.n - 1
        found: list[dict[str, Any]] = []
        for place, item in enumerate(answer.content["data"]):
            parts = [{"text": item["revised_prompt"]}] if self.texts and item["revised_prompt"] else []
            facts = item["triptych"]
            given = {"inlineData": {"mimeType": facts["media_type"], "data": texts[place]}} if texts else {
                "fileData": {"mimeType": facts["media_type"], "fileUri": item["url"]}}  # fmt: skip
            parts.append({**given, "thoughtSignature": mark_of(tile, facts["image"])})
            if place <= most:
                found.append({"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": place})
            else:
                found[-1]["content"]["parts"] += parts
        return found


def _tail(answer: Answer) -> dict[str, Any]:
    facts, used = answer.content["triptych"], answer.content["usage"]
    made: dict[str, Any] = {"modelVersion": facts["model_served"] or facts["endpoint"], "responseId": facts["tile"]}
    if used is not None:
        inputs, outputs = used["input_tokens_details"], used["output_tokens_details"]
        counts = {
            "promptTokenCount": used["input_tokens"], "candidatesTokenCount": used["output_tokens"],
            "totalTokenCount": used["total_tokens"],
            "promptTokensDetails": _details(inputs["text_tokens"], inputs["image_tokens"]),
            "candidatesTokensDetails": _details(outputs["text_tokens"], outputs["image_tokens"]),
        }  # fmt: skip
        made["usageMetadata"] = {name: count for name, count in counts.items() if count}
    return {**made, "triptych": facts}


def _details(text: int | None, image: int | None) -> list[dict[str, Any]]:
    return [
        {"modality": kind, "tokenCount": count}
        for kind, count in (("TEXT", text), ("IMAGE", image))
        if count is not None
    ]


def _event(value: Mapping[str, Any]) -> bytes:
    return b"data: %s\r\n\r\n" % as_json(value)
