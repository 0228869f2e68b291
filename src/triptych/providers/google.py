"""Google's Gemini image models by `generateContent`: the Generative Language API (`v1beta`), and Vertex AI with the same bodies.

Source: google-genai 3.4.0 types and the AI SDK's Google provider 4.0.121, read 2026-11-20; for Vertex AI the vendor's page "Vertex AI in
express mode REST API reference", stored copy, read 2026-11-22.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent
from triptych.provider_kit.adapter import Auth, Done, Pending, Prepared
from triptych.provider_kit.direct import DirectCall, script
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.options import with_options
from triptych.provider_kit.upstream import (
    Rule,
    as_count,
    as_list,
    as_object,
    as_text,
    base64_of,
    dig,
    error_from,
    key_check,
    models_told,
    picture_bytes,
    read_fault,
    read_json,
)
from triptych.spec.errors import (
    AuthError,
    BillingError,
    BlockedError,
    EmptyAnswerError,
    ModelUnavailableError,
    ProviderFailedError,
    RateLimitedError,
    RejectedError,
    TriptychError,
)
from triptych.spec.image import Billed, GeneratedImage, ImageRequest, InputImage, ItemFailure, Turn, Usage
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import KeyCheck, ModelCard, Progress

_RULES = (
    Rule(pattern=r"API_KEY_INVALID|API key not valid|API key expired", error=AuthError),
    Rule(pattern=r"location is not supported", error=ModelUnavailableError, said="does not serve this region",
         hint="Its page “Available regions for Google AI Studio and Gemini API” lists them. Another provider, or a model "
              "on this machine, works from here."),
    Rule(pattern=r"FAILED_PRECONDITION", error=BillingError, status=400,
         hint="Enable billing for this key's project: its page is “Billing” of the Gemini API."),
    Rule(pattern=r"PerDay", error=RateLimitedError, status=429, retry_after_s=86_400.0),
    Rule(pattern=r"spending (cap|limit)|spend cap|prepay", error=BillingError, status=429),
)  # fmt: skip
_NO_BILLING = Rule(pattern=r"FAILED_PRECONDITION", error=BillingError, status=400,
                   hint="Enable billing for this key's project: its page is “Billing” of the Google Cloud console.")  # fmt: skip
"""At Vertex AI, before the others."""
_BLOCKED = frozenset({
    "SAFETY", "IMAGE_SAFETY", "PROHIBITED_CONTENT", "IMAGE_PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "MODEL_ARMOR",
    "ESCALATION", "RECITATION", "IMAGE_RECITATION", "JAILBREAK",
})  # fmt: skip
_SEEDS = 2**31  # a signed number of 32 bits
_FAILED = frozenset({"IMAGE_OTHER", "OTHER", "MALFORMED_RESPONSE", "LANGUAGE", "MAX_TOKENS", "CONTINUATION"})
_WRONG = frozenset({
    "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE",
})  # fmt: skip

_UNTRIED = "This address has no call that costs nothing, so the key could not be tried; the first picture will tell."


class Google:
    """One call makes one picture. Inputs are parts after the text, in the request's order of roles. A conversation is sent
    as it went, with the signatures of the model's own turns (`thoughtSignature`)."""

    provider = "google"
    base_url = "https://generativelanguage.googleapis.com/v1beta"
    auth = Auth(
        header="x-goog-api-key", prefix="", env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        key_pattern=r"AIza", sign_up="https://aistudio.google.com/apikey",
    )  # fmt: skip
    trusted_hosts: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = _RULES

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        """Raises BadRequestError for more pictures than one, or options that overrule the request."""
        fit = Fit(request, card)
        fit.count()
        fit.mask()
        text, images = fit.prompt(), fit.images()
        turns = fit.turns(lambda turn: bool(_said_before(turn)))
        answers = [turn.answer.sha256 for turn in turns]
        contents: list[Json] = []
        for place, turn in enumerate(turns):
            contents += [_asked(turn.prompt, turn.images, answers[:place]), _answered(turn)]
        contents.append(_asked(text, images, answers))
        config: dict[str, Json] = {"responseModalities": ["IMAGE"]}
        seed = fit.seed(_SEEDS)
        if seed is not None:
            config["seed"] = seed
        shape = self._shape(fit)
        if shape:
            config["imageConfig"] = shape
        body: dict[str, Json] = {"contents": contents, "generationConfig": config}
        body = with_options(body, request, self.provider, refused=("generationConfig.candidateCount",))
        path = f"/models/{card.provider_model_id}:generateContent"
        return Prepared(http=HttpRequest(url=path, json=body), adjustments=fit.done())

    @staticmethod
    def _shape(fit: Fit) -> dict[str, Json]:
        """`imageConfig`; the size is always sent where the model has one, because it decides the price."""
        shape: dict[str, Json] = {}
        ratio, size = fit.aspect_ratio(), fit.resolution()
        if ratio is not None:
            shape["aspectRatio"] = str(ratio)
        size = size or fit.card.capabilities.default_resolution
        if size is not None:
            shape["imageSize"] = size.upper()
        if fit.request.size is not None and ratio is not None and size is not None:
            fit.record("size", "adjusted", f"asked for {fit.request.size}; sent the shape {ratio} at {size.upper()}")
        return shape

    def sdk(self, call: DirectCall) -> str | None:
        """The call in the words of the `google-genai` package (3.4.0, `models.generate_content`)."""
        found = re.fullmatch(r"(?P<base>.+)/(?P<version>v1\w*)/models/(?P<model>[^/:]+):generateContent", call.url)
        if found is None or not isinstance(call.body, Mapping):
            return None
        more = {name: value for name, value in call.body.items() if name not in {"contents", "generationConfig"}}
        config = call.python({**as_object(call.body.get("generationConfig")), **more}, raw=True)
        options = f"{{'base_url': {found['base']!r}, 'api_version': {found['version']!r}}}"
        return script(["from google import genai", "from google.genai import types"], [
            f"client = genai.Client(api_key={call.key}, http_options={options})",
            f"contents = [types.Content.model_validate(one) for one in {call.python(call.body.get('contents'), raw=True)}]",
            f"answer = client.models.generate_content(model={found['model']!r}, contents=contents, config={config})",
            "print(answer)",
        ])  # fmt: skip

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        """Pictures of all candidates; draft pictures of the thinking phase are left out."""
        if response.status != 200:
            raise error_from(read_fault(response, self.provider), self.rules)
        body = read_json(response)
        top = as_object(body[0] if isinstance(body, list) and body else body)
        if as_object(top.get("error")):
            raise error_from(read_fault(response, self.provider), self.rules)
        images: list[GeneratedImage] = []
        failures: list[ItemFailure] = []
        for part, context in _parts(top):
            picture = picture_bytes(dig(part, "inlineData", "data"), urlsafe=True)
            if picture is None:
                failures.append(ItemFailure(index=len(images) + len(failures), code="no_image",
                                            message="A part of the answer holds no readable picture."))  # fmt: skip
                continue
            media_type = as_text(dig(part, "inlineData", "mimeType"))
            images.append(GeneratedImage(data=picture, media_type=media_type, context=context))
        if not images:
            raise self._without_picture(top, response.status)
        return Done(
            images=tuple(images), failures=tuple(failures), usage=_usage(top),
            model_served=as_text(top.get("modelVersion")), provider_request_id=as_text(top.get("responseId")),
        )  # fmt: skip

    def _without_picture(self, top: JsonObject, status: int) -> TriptychError:
        """Which error an answer without a picture is (the enums `BlockedReason` and `FinishReason`)."""
        feedback = as_object(top.get("promptFeedback"))
        reason, words = as_text(feedback.get("blockReason")), as_text(feedback.get("blockReasonMessage"))
        if reason is not None:
            billed: Billed = "no" if reason in _BLOCKED or reason == "OTHER" else "unknown"
            return self._error(_Verdict(BlockedError, "refused the prompt", billed), reason, words, status)
        candidates = [as_object(candidate) for candidate in as_list(top.get("candidates"))]
        reasons = [as_text(candidate.get("finishReason")) for candidate in candidates]
        reason = next((word for word in reasons if word and word != "STOP"), None)
        words = next((text for c in candidates if (text := as_text(c.get("finishMessage")))), None) or _said(top)
        return self._error(_verdict(reason, words), reason, words, status)

    def _error(self, verdict: "_Verdict", reason: str | None, words: str | None, status: int) -> TriptychError:
        what = f"{verdict.what} ({reason})" if reason else verdict.what
        upstream = ": ".join(text for text in (reason, words) if text)[:600]
        return verdict.kind(
            (f"{self.provider} {what}: {words}" if words else f"{self.provider} {what}.")[:600], provider=self.provider, status=status,
            hint="Reword the prompt, or try another model.", billed=verdict.billed, upstream=upstream or None,
        )  # fmt: skip

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        """Never asked for a stream: it has whole pictures only."""
        return None

    def check_request(self) -> HttpRequest:
        """The list of models: free, and needs the key."""
        return HttpRequest(method="GET", url="/models?pageSize=1000", step="check")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        return key_check(response, self.provider, self.rules, works="The key works.")

    def list_request(self) -> HttpRequest | None:
        """All that this key sees."""
        return self.check_request()

    def parse_list(self, response: HttpResponse) -> KeyCheck:
        """`{"models": [{"name": "models/…"}]}`."""
        rows = dig(read_json(response), "models")
        return models_told(self.parse_check(response), rows, key="name", prefix="models/")


class Vertex(Google):
    """The same models at Vertex AI. A key of its express mode goes to `base_url`. The address of a project,
    `…/v1/projects/P/locations/global/publishers/google`, comes from the settings and wants an access token in place of a key."""

    provider = "vertex"
    base_url = "https://aiplatform.googleapis.com/v1/publishers/google"
    auth = Auth(header="x-goog-api-key", prefix="", env=("GOOGLE_VERTEX_API_KEY",), bearer_pattern=r"ya29\.")
    rules = (_NO_BILLING, *_RULES)

    def check_request(self) -> HttpRequest:
        """A list of models, which is not there: express mode has calls that generate or count, and no other."""
        return HttpRequest(method="GET", url="/models", step="check")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        return key_check(response, self.provider, self.rules, works="The key works.", untried=_UNTRIED)

    def list_request(self) -> HttpRequest | None:
        """It tells none."""
        return None


@dataclass(frozen=True, slots=True)
class _Verdict:
    kind: type[TriptychError]
    what: str
    billed: Billed | None


def _verdict(reason: str | None, words: str | None) -> _Verdict:
    """What a reason to finish means. Google says of refusals that they are not charged."""
    if reason in _BLOCKED:
        return _Verdict(BlockedError, "refused the picture", "no")
    if reason == "PUP_LIMITED_DISABLED":
        return _Verdict(AuthError, "has blocked this account", "no")
    if reason in _WRONG:
        return _Verdict(RejectedError, "could not use the request", "unknown")
    billed: Billed | None = "no" if words and "not be charged" in words else None
    if reason in _FAILED:
        return _Verdict(ProviderFailedError, "made no picture", billed)
    return _Verdict(EmptyAnswerError, "answered without a picture", billed)


def _parts(top: JsonObject) -> list[tuple[JsonObject, str]]:
    """All parts with data in them that are not thoughts, each with what a later turn says again of its answer."""
    found: list[tuple[JsonObject, str]] = []
    for candidate in as_list(top.get("candidates")):
        parts = [as_object(part) for part in as_list(dig(candidate, "content", "parts"))]
        parts = [part for part in parts if part.get("thought") is not True]
        for one in parts:
            if "inlineData" in one:
                turn = [_kept(part) for part in parts if part is one or as_text(part.get("text"))]
                found.append((one, msgspec.json.encode(turn).decode()))
    return found


def _kept(part: JsonObject) -> JsonObject:
    """A part of an answer without its picture, which is kept elsewhere."""
    return {name: part[name] for name in ("text", "thoughtSignature") if as_text(part.get(name))}


def _said_before(turn: Turn) -> list[JsonObject]:
    """The parts of an answer as they were kept; none for what is no such text."""
    try:
        kept = [as_object(part) for part in as_list(msgspec.json.decode(turn.context or "[]"))]
    except msgspec.MsgspecError:
        return []
    return kept if sum("text" not in part for part in kept) == 1 else []


def _answered(turn: Turn) -> JsonObject:
    """An earlier answer, its picture in its place and each part with the signature that it came with."""
    parts = [part if "text" in part else {**_picture(turn.answer), **part} for part in _said_before(turn)]
    return {"role": "model", "parts": parts}


def _asked(text: str, images: Sequence[InputImage], known: Sequence[str]) -> JsonObject:
    """What a user's turn says, with the pictures that are not in the conversation already."""
    parts: list[Json] = [{"text": text}, *(_picture(image) for image in images if image.sha256 not in known)]
    return {"role": "user", "parts": parts}


def _picture(image: InputImage) -> JsonObject:
    return {"inlineData": {"mimeType": image.media_type, "data": base64_of(image.data)}}


def _said(top: JsonObject) -> str | None:
    """What the model wrote in place of a picture."""
    for candidate in as_list(top.get("candidates")):
        for part in as_list(dig(candidate, "content", "parts")):
            text = as_text(dig(part, "text"))
            if text and as_object(part).get("thought") is not True:
                return text
    return None


def _usage(top: JsonObject) -> Usage:
    """Token counts; picture tokens are what the rates are for."""
    usage = as_object(top.get("usageMetadata"))

    def of(details: str, modality: str) -> int | None:
        found = [as_count(dig(line, "tokenCount")) for line in as_list(usage.get(details))
                 if dig(line, "modality") == modality]  # fmt: skip
        return sum(count or 0 for count in found) if found else None

    drawn, thought = as_count(usage.get("candidatesTokenCount")), as_count(usage.get("thoughtsTokenCount"))
    return Usage(
        input_tokens=as_count(usage.get("promptTokenCount")),
        input_text_tokens=of("promptTokensDetails", "TEXT"),
        input_image_tokens=of("promptTokensDetails", "IMAGE"),
        output_tokens=None if drawn is None else drawn + (thought or 0),  # thoughts are billed as text
        output_image_tokens=of("candidatesTokensDetails", "IMAGE") or drawn,
        total_tokens=as_count(usage.get("totalTokenCount")),
    )


ADAPTER = Google()
VERTEX = Vertex()
