"""The Gemini API's image models: generateContent, streamGenerateContent and the model list, under /v1 and /v1beta; Vertex AI's, by a key of
its express mode or at the address of a project.

Source: google-genai 3.4 type definitions and the vendor's API reference, as of 2026-11.
"""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from tests.emulators.base import Call, Emulator, Refuse, Reply, fit_area, from_base64, json_reply, sse
from tests.emulators.pictures import Picture, size_of
from tests.emulators.scenario import PICTURE_KINDS, STATUS_KINDS, STREAM_KINDS, Kind

RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
MORE_RATIOS = (*RATIOS, "1:4", "4:1", "1:8", "8:1")
SIDES = {"512": 512, "1K": 1024, "2K": 2048, "4K": 4096}


@dataclass(frozen=True, slots=True)
class Card:
    """Image tokens by size, and rates in dollars for a million tokens, which are micro-dollars for one."""

    tokens: dict[str, int]
    image_out: float
    text_in: float
    refs: int = 14
    ratios: tuple[str, ...] = RATIOS
    tiers: bool = True
    image_tokens_in: int = 560
    signs: bool = True  # whether its turns carry thought signatures


PRO = Card({"1K": 1120, "2K": 1120, "4K": 2000}, 120.0, 2.0)
MODELS: dict[str, Card] = {
    "gemini-2.5-flash-image": Card({"1K": 1290}, 30.0, 0.3, refs=3, tiers=False, image_tokens_in=258, signs=False),
    "gemini-3-pro-image": PRO,
    "nano-banana-pro-preview": PRO,
    "gemini-3.1-flash-image": Card(
        {"512": 747, "1K": 1120, "2K": 1680, "4K": 2520}, 60.0, 0.5, ratios=MORE_RATIOS, image_tokens_in=1120
    ),
    "gemini-3.1-flash-lite-image": Card({"1K": 1120}, 30.0, 0.25, image_tokens_in=1120),
    "gemini-nano-banana-2.1": Card(
        {"1K": 1120, "2K": 1680, "4K": 2520}, 30.0, 1.5, ratios=MORE_RATIOS, image_tokens_in=1120
    ),
}
ADDRESS = re.compile(r"^/(?:v1|v1beta)/models/([^/:]+):(generateContent|streamGenerateContent)$")
AT_VERTEX = re.compile(
    r"^/v1(?:beta1)?(/projects/[^/]+/locations/[^/]+)?/publishers/google/models/([^/:]+):(generateContent|streamGenerateContent)$"
)
LISTING = re.compile(r"^/(?:v1|v1beta)/models(?:/([^/:]+))?$")
INPUT_TYPES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")
TOP = {
    "contents", "generationConfig", "safetySettings", "tools", "toolConfig", "systemInstruction", "cachedContent", "model",
}  # fmt: skip
CONFIG = {
    "responseModalities", "imageConfig", "seed", "temperature", "topP", "topK", "maxOutputTokens", "stopSequences",
    "candidateCount", "thinkingConfig", "presencePenalty", "frequencyPenalty", "mediaResolution", "responseMimeType",
}  # fmt: skip
PART = {"text", "inlineData", "fileData", "thoughtSignature", "thought"}
THRESHOLDS = ("BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF")
TYPE = "type.googleapis.com/google.rpc."


@dataclass(frozen=True, slots=True)
class Order:
    model: str
    card: Card
    prompt: str
    size: tuple[int, int]
    tier: str
    seed: int | None
    refs: int
    pictures: bool
    texts: bool
    unsigned: bool  # a picture of an earlier turn came back without its signature


class Google(Emulator):
    name = "google"
    base_path = "/v1beta"
    key = "AIzaSyEmulatorGoogle0123456789abcdefghi"
    key_env = "GEMINI_API_KEY"
    base_env = "TRIPTYCH_GOOGLE_BASE_URL"
    hue = 0.6
    shapes: ClassVar[set[str]] = {"aspectRatio", "imageSize"}
    kinds = (
        STATUS_KINDS | PICTURE_KINDS | (STREAM_KINDS - {Kind.STREAM_FINAL_FIRST})
        | {Kind.REFUSAL, Kind.MODERATION_INPUT, Kind.MODERATION_FREE, Kind.QUOTA, Kind.WRONG_REGION, Kind.EMPTY_DATA}
    )  # fmt: skip

    def step(self, method: str, path: str) -> str:
        if method == "POST" and ADDRESS.match(path):
            return "submit"
        return "models" if method == "GET" and LISTING.match(path) else ""

    def answer(self, call: Call) -> Reply:
        self._authenticate(call)
        self._scripted(call)
        if call.recorded.step == "models":
            return self._models(call)
        found = ADDRESS.match(call.path)
        if call.recorded.step != "submit" or found is None:
            raise error(call, 404, "NOT_FOUND", "Requested entity was not found.")
        return self._make(call, self._read(call, found[1]))

    # Refusals

    def _authenticate(self, call: Call) -> None:
        key = call.headers.get("x-goog-api-key") or call.recorded.query.get("key")
        if not key:
            text = "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API."
            raise error(call, 403, "PERMISSION_DENIED", text)
        if key != self.key or call.kind is Kind.WRONG_KEY:
            details: list[dict[str, Any]] = [
                {"@type": TYPE + "ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com", "metadata": {"service": "generativelanguage.googleapis.com"}},
                {"@type": TYPE + "LocalizedMessage", "locale": "en-US", "message": "API key not valid. Please pass a valid API key."},
            ]  # fmt: skip
            raise error(call, 400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", details)

    def _scripted(self, call: Call) -> None:
        kind = call.kind
        if kind in (Kind.RATE_LIMIT, Kind.QUOTA):
            raise too_many(call, daily=kind is Kind.QUOTA)
        plain = {
            Kind.FORBIDDEN: (403, "PERMISSION_DENIED", "Your API key was reported as leaked. Please use another API key."),
            Kind.NO_CREDIT: (400, "FAILED_PRECONDITION", "Billing is not enabled for this project. Enable billing to use this model."),
            Kind.WRONG_REGION: (400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
            Kind.OVERLOADED: (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
            Kind.SERVER_ERROR: (500, "INTERNAL", "An internal error has occurred. Please retry or report it."),
        }  # fmt: skip
        if kind in plain:
            raise error(call, *plain[kind])
        if kind is Kind.UNKNOWN_FIELD:
            raise unknown_name(call, call.scenario.field, "generation_config")

    # Reading

    def _read(self, call: Call, model: str) -> Order:
        card = MODELS.get(model)
        if card is None or call.kind is Kind.UNKNOWN_MODEL:
            text = f"models/{model} is not found for API version v1beta, or is not supported for generateContent. Call ListModels to see the list of available models and their supported methods."
            raise error(call, 404, "NOT_FOUND", text)
        body = camel(call.body) if isinstance(call.body, dict) else None
        if body is None:
            raise error(call, 400, "INVALID_ARGUMENT", "Invalid JSON payload received.")
        known(call, body, TOP, "")
        config = body.get("generationConfig") or {}
        known(call, config, CONFIG, "generation_config")
        for one in body.get("safetySettings") or []:
            if one.get("threshold") not in THRESHOLDS or not str(one.get("category", "")).startswith("HARM_CATEGORY_"):
                raise error(call, 400, "INVALID_ARGUMENT", f"Invalid value at 'safety_settings': {one}")
        return self._order(call, model, card, body, config)

    def _order(self, call: Call, model: str, card: Card, body: dict[str, Any], config: dict[str, Any]) -> Order:
        texts, images, unsigned = self._contents(call, card, body.get("contents"))
        modalities = config.get("responseModalities") or (["TEXT", "IMAGE"] if card.signs else ["TEXT"])
        if not set(modalities) <= {"TEXT", "IMAGE"}:
            raise error(
                call, 400, "INVALID_ARGUMENT", f"Invalid value at 'generation_config.response_modalities': {modalities}"
            )
        if config.get("candidateCount") not in (None, 1):
            raise error(call, 400, "INVALID_ARGUMENT", "Multiple candidates is not enabled for this model")
        seed = config.get("seed")
        if seed is not None and not (isinstance(seed, int) and -(2**31) <= seed < 2**31):
            raise error(
                call, 400, "INVALID_ARGUMENT", f"Invalid value at 'generation_config.seed' (TYPE_INT32), {seed}"
            )
        thinking = config.get("thinkingConfig") or {}
        known(
            call, thinking, {"thinkingLevel", "includeThoughts", "thinkingBudget"}, "generation_config.thinking_config"
        )
        size, tier = self._size(call, card, config.get("imageConfig") or {}, images)
        return Order(
            model, card, texts, size, tier, seed, len(images), "IMAGE" in modalities, "TEXT" in modalities, unsigned
        )

    def _contents(self, call: Call, card: Card, contents: Any) -> tuple[str, list[bytes], bool]:
        """The text, the pictures, and whether a picture of the model's own came back unsigned."""
        if not isinstance(contents, list) or not contents:
            raise error(call, 400, "INVALID_ARGUMENT", "* GenerateContentRequest.contents: contents is not specified\n")
        texts, images, unsigned = [], [], False
        for turn in contents:
            known(call, turn, {"role", "parts"}, "contents")
            if turn.get("role", "user") not in ("user", "model"):
                raise error(call, 400, "INVALID_ARGUMENT", "Please use a valid role: user, model.")
            for part in turn.get("parts") or []:
                known(call, part, PART, "contents.parts")
                if len(set(part) & {"text", "inlineData", "fileData"}) != 1:
                    raise error(
                        call,
                        400,
                        "INVALID_ARGUMENT",
                        "* GenerateContentRequest.contents.parts.data: required oneof field 'data' must have one initialized field\n",
                    )
                if "text" in part:
                    texts.append(str(part["text"]))
                elif "inlineData" in part:
                    images.append(self._inline(call, part["inlineData"]))
                    unsigned |= turn.get("role") == "model" and card.signs and not part.get("thoughtSignature")
        if not texts and not images:
            raise error(call, 400, "INVALID_ARGUMENT", "* GenerateContentRequest.contents.parts: must not be empty.\n")
        if len(images) > card.refs:
            raise error(
                call,
                400,
                "INVALID_ARGUMENT",
                f"The number of input images exceeds the limit of {card.refs} for this model.",
            )
        return "\n".join(texts), images, unsigned

    def _inline(self, call: Call, value: Any) -> bytes:
        known(call, value, {"mimeType", "data", "displayName"}, "contents.parts.inline_data")
        if value.get("mimeType") not in INPUT_TYPES:
            raise error(call, 400, "INVALID_ARGUMENT", f"Unsupported MIME type: {value.get('mimeType')}")
        data = from_base64(str(value.get("data", "")))
        if data is None:
            raise error(
                call,
                400,
                "INVALID_ARGUMENT",
                "Invalid value at 'contents[0].parts[0].inline_data.data' (TYPE_BYTES), Base64 decoding failed",
            )
        if value["mimeType"] in INPUT_TYPES[:3] and size_of(data) is None:
            raise error(
                call,
                400,
                "INVALID_ARGUMENT",
                "Unable to process input image. Please retry or report in the support forum.",
            )
        return data

    def _size(self, call: Call, card: Card, config: dict[str, Any], images: list[bytes]) -> tuple[tuple[int, int], str]:
        known(call, config, self.shapes, "generation_config.image_config")
        ratio, tier = config.get("aspectRatio"), config.get("imageSize")
        if ratio is not None and ratio not in card.ratios:
            listed = ", ".join(f"'{one}'" for one in card.ratios)
            raise error(call, 400, "INVALID_ARGUMENT", f"aspect_ratio must be one of {listed}")
        if tier is not None and (not card.tiers or tier not in card.tokens):
            listed = ", ".join(f"'{one}'" for one in card.tokens)
            raise error(
                call, 400, "INVALID_ARGUMENT", f"image_size '{tier}' is not supported by this model; it takes: {listed}"
            )
        side = SIDES[tier or "1K"]
        if call.scenario.variant == "own_shape":
            return fit_area(side * side, 16 / 9), tier or "1K"
        if ratio is None:
            last = size_of(images[-1]) if images else None
            wide, high = last or (1, 1)
            return fit_area(side * side, min(8.0, max(0.125, wide / high))), tier or "1K"
        wide_text, _, high_text = ratio.partition(":")
        return fit_area(side * side, int(wide_text) / int(high_text)), tier or "1K"

    # Answering

    def _make(self, call: Call, order: Order) -> Reply:
        if call.kind in (Kind.REFUSAL, Kind.MODERATION_INPUT, Kind.MODERATION_FREE, Kind.EMPTY_DATA) or order.unsigned:
            return self._send(call, [self._refusal(call, order)])
        if not order.pictures:
            text = {"text": "I can describe that picture for you: " + order.prompt}
            return self._send(call, [self._chunk(call, order, [text], "STOP", images=0)])
        parts = self._parts(call, order)
        count = sum(1 for one in parts if "inlineData" in one and not one.get("thought"))
        rate = order.card
        prompt_tokens = max(1, len(order.prompt) // 4) + order.refs * rate.image_tokens_in
        cost = rate.tokens[order.tier] * count * rate.image_out + prompt_tokens * rate.text_in
        call.charge(int(cost + 0.5), f"{count} x {order.model} {order.tier}")
        if call.path.endswith(":streamGenerateContent"):
            first = self._chunk(call, order, parts[:-1], None, images=0)
            return self._send(call, [first, self._chunk(call, order, parts[-1:], "STOP", images=count)])
        return self._send(call, [self._chunk(call, order, parts, "STOP", images=count)])

    def _parts(self, call: Call, order: Order) -> list[dict[str, Any]]:
        def drawn(index: int, seed: object) -> dict[str, Any]:
            made = call.picture(order.model, order.prompt, order.size, "png", seed=seed, index=index)
            return inline(call, made, signed=order.card.signs)

        seed = "" if order.seed is None else order.seed
        parts: list[dict[str, Any]] = [{"text": "Here is your image."}] if order.texts else []
        if call.scenario.variant == "thought":
            parts.append({**drawn(0, "draft"), "thought": True})
        parts.append(drawn(0, seed))
        if call.scenario.variant == "two_images":
            parts.append(drawn(1, seed))
        return parts

    def _refusal(self, call: Call, order: Order) -> dict[str, Any]:
        """HTTP 200 without a picture, in the shapes that are known; nothing is charged."""
        reason, variant = call.scenario.reason, call.scenario.variant
        usage = usage_of(order, 0)
        tail = {"usageMetadata": usage, "modelVersion": order.model, "responseId": call.request_id}
        if call.kind is Kind.MODERATION_INPUT or variant == "prompt_block":
            block = {"blockReason": reason or "PROHIBITED_CONTENT", "blockReasonMessage": "The prompt was blocked."}
            return {"promptFeedback": block, **tail}
        if call.kind is Kind.EMPTY_DATA or variant == "text_only":
            content = {"role": "model", "parts": [{"text": "I would rather talk about it."}]}
            if call.kind is Kind.EMPTY_DATA:
                content = {"role": "model", "parts": []}
            return {"candidates": [{"content": content, "finishReason": reason or "STOP", "index": 0}], **tail}
        usual = "IMAGE_SAFETY" if call.kind is Kind.MODERATION_FREE else "IMAGE_OTHER"
        if order.unsigned:
            usual = "MISSING_THOUGHT_SIGNATURE"
        shapes: dict[str, Any] = {"role_only": {"role": "model"}, "null_parts": {"role": "model", "parts": None}}
        candidate = {
            "content": shapes.get(variant, {}),
            "finishReason": reason or usual,
            "index": 0,
            "finishMessage": "Unable to show the generated image. You will not be charged for this request.",
        }
        return {"candidates": [candidate], **tail}

    def _chunk(
        self, call: Call, order: Order, parts: list[dict[str, Any]], finish: str | None, *, images: int
    ) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        return {
            "candidates": [candidate],
            "usageMetadata": usage_of(order, images),
            "modelVersion": order.model,
            "responseId": call.request_id,
        }

    def _send(self, call: Call, chunks: list[dict[str, Any]]) -> Reply:
        if not call.path.endswith(":streamGenerateContent"):
            return json_reply(chunks[0])
        failure = {
            "error": {
                "code": 503,
                "message": "The model is overloaded. Please try again later.",
                "status": "UNAVAILABLE",
            }
        }
        if call.kind is Kind.STREAM_NO_FINAL:
            chunks = chunks[:-1]
        if call.recorded.query.get("alt") != "sse":
            return json_reply(chunks)
        events = [sse(None, one) for one in chunks]
        if call.kind is Kind.STREAM_ERROR:
            events = [*events[:-1], sse(None, [failure])]
        return Reply(200, b"", "text/event-stream", {}, tuple(events) or (b"\n",))

    def _models(self, call: Call) -> Reply:
        rows = [describe(name, card) for name, card in MODELS.items()]
        found = LISTING.match(call.path)
        if found is not None and found[1]:
            one = [row for row in rows if row["name"] == f"models/{found[1]}"]
            if not one:
                raise error(call, 404, "NOT_FOUND", f"models/{found[1]} is not found for API version v1beta.")
            return json_reply(one[0])
        size = int(call.recorded.query.get("pageSize") or 50)
        start = int(call.recorded.query.get("pageToken") or 0)
        page: dict[str, Any] = {"models": rows[start : start + size]}
        if start + size < len(rows):
            page["nextPageToken"] = str(start + size)
        return json_reply(page)


class Vertex(Google):
    """`express` needs the key, `project_url` the access token; the one is nothing at the other's address. There is no list of models."""

    name = "vertex"
    base_path = "/v1/publishers/google"
    key = "AQ.EmulatorVertex0123456789abcdefghi"
    key_env = "GOOGLE_VERTEX_API_KEY"
    base_env = "TRIPTYCH_VERTEX_BASE_URL"
    token = "ya29.emulator-vertex-0123456789abcdefghi"
    shapes: ClassVar[set[str]] = Google.shapes | {"personGeneration", "prominentPeople", "imageOutputOptions"}
    kinds = Google.kinds - {Kind.WRONG_REGION}

    @property
    def project_url(self) -> str:
        return f"{self.url}/v1/projects/sunny-hill-1/locations/global/publishers/google"

    def step(self, method: str, path: str) -> str:
        return "submit" if method == "POST" and AT_VERTEX.match(path) else ""

    def answer(self, call: Call) -> Reply:
        found = AT_VERTEX.match(call.path)
        if call.recorded.step != "submit" or found is None:
            return Reply(404, b"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>", "text/html")
        if found[1] is None:
            self._authenticate(call)
        elif call.bearer() != self.token or call.kind is Kind.WRONG_KEY:
            text = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential."
            raise error(call, 401, "UNAUTHENTICATED", text)
        self._scripted(call)
        return self._make(call, self._read(call, found[2]))


def camel(value: Any) -> Any:
    """Both spellings of protobuf JSON as the camel-case one."""
    if isinstance(value, list):
        return [camel(one) for one in value]
    if isinstance(value, dict):
        return {re.sub(r"_([a-z])", lambda hit: hit[1].upper(), name): camel(one) for name, one in value.items()}
    return value


def known(call: Call, value: Any, names: set[str], where: str) -> None:
    if not isinstance(value, dict):
        raise error(call, 400, "INVALID_ARGUMENT", f"Invalid value at '{where}': expected an object")
    for name in value:
        if name not in names:
            raise unknown_name(call, name, where)


def error(call: Call, code: int, status: str, message: str, details: list[dict[str, Any]] | None = None) -> Refuse:
    body: dict[str, Any] = {"error": {"code": code, "message": message, "status": status}}
    if details:
        body["error"]["details"] = details
    listed = call.path.endswith(":streamGenerateContent") or call.scenario.variant == "list"
    return Refuse(json_reply([body] if listed else body, code))


def unknown_name(call: Call, name: str, where: str) -> Refuse:
    at = f" at '{where}'" if where else ""
    text = f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'
    violation = {"description": text, **({"field": where} if where else {})}
    return error(call, 400, "INVALID_ARGUMENT", text, [{"@type": TYPE + "BadRequest", "fieldViolations": [violation]}])


def too_many(call: Call, *, daily: bool) -> Refuse:
    """The wait stands in the body: google.rpc.RetryInfo, seconds with an `s`."""
    wait = call.hint(34.4)
    period = "PerDay" if daily else "PerMinute"
    violation = {
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
        "quotaId": f"GenerateRequests{period}PerProjectPerModel-FreeTier",
        "quotaValue": "10",
    }
    details: list[dict[str, Any]] = [
        {"@type": TYPE + "QuotaFailure", "violations": [violation]},
        {"@type": TYPE + "RetryInfo", "retryDelay": f"{wait:g}s"},
    ]
    text = "You exceeded your current quota, please check your plan and billing details."
    return error(call, 429, "RESOURCE_EXHAUSTED", text, details)


def inline(call: Call, made: Picture, *, signed: bool) -> dict[str, Any]:
    part: dict[str, Any] = {"inlineData": {"mimeType": made.media_type, "data": call.b64(made)}}
    if signed:
        part["thoughtSignature"] = "c2lnbmF0dXJl" + call.request_id
    return part


def usage_of(order: Order, images: int) -> dict[str, Any]:
    text = max(1, len(order.prompt) // 4)
    inputs = order.refs * order.card.image_tokens_in
    out = order.card.tokens[order.tier] * images
    details = [{"modality": "TEXT", "tokenCount": text}]
    if inputs:
        details.append({"modality": "IMAGE", "tokenCount": inputs})
    usage: dict[str, Any] = {
        "promptTokenCount": text + inputs,
        "totalTokenCount": text + inputs + out,
        "promptTokensDetails": details,
    }
    if out:
        usage["candidatesTokenCount"] = out
        usage["candidatesTokensDetails"] = [{"modality": "IMAGE", "tokenCount": out}]
    return usage


def describe(name: str, card: Card) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name.replace("-", " ").title(),
        "inputTokenLimit": 65536 if card.signs else 32768,
        "outputTokenLimit": 32768,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }
