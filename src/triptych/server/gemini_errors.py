"""Our errors in the shape of the Gemini API: `google.rpc.Status` with its details (google/rpc/error_details.proto).

Its clients may send a request again by themselves after 408, 429, 500, 502, 503 and 504 (`google-genai` 3.4.0), and heed no header
that forbids it. So none of these is said of what was billed or may have been: that is a 409.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from triptych.server import errors
from triptych.server.errors import as_json, envelope
from triptych.spec.errors import BlockedError, TriptychError

_TYPE = "type.googleapis.com/google.rpc."
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_SENT_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_NAMES = MappingProxyType({
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ABORTED",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
})  # fmt: skip
_NEAREST = MappingProxyType({402: 400, 405: 400, 413: 400, 424: 400, 502: 503, 507: 500})
"""Statuses that the wire does not have, by the nearest that it has."""
_MET = frozenset({402, 424})
"""Not the request is wrong, but what it met."""


def error_body(error: TriptychError, about: Mapping[str, Any] = _NOTHING) -> dict[str, Any]:
    """The error object; `about` as in `errors.envelope`."""
    return _status(envelope(error, about)["error"], errors.STATUS.get(error.code, 500))


def told_again(told: Mapping[str, Any]) -> dict[str, Any]:
    """The same of an error as OpenAI's API has it, out of an answer that was made before."""
    code = "blocked" if told["code"] == "moderation_blocked" else told["code"]
    return _status(told, errors.STATUS.get(code, 500))


def error_response(
    error: TriptychError,
    about: Mapping[str, Any] = _NOTHING,
    headers: Mapping[str, str] = _NOTHING,
    *,
    listed: bool = False,
) -> Response:
    """The answer for an error, in a list where a list was asked for."""
    return _shaped(errors.error_response(error, about, headers), listed=listed)


def blocked(error: BlockedError, about: Mapping[str, Any]) -> dict[str, Any]:
    """What this wire says of a request that a content rule refused: an answer without candidates. Whose rule it was is not known."""
    told = envelope(error, about)["error"]
    return {"promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": told["message"]},
            "triptych": {**told["triptych"], "error": told}}  # fmt: skip


def _status(told: Mapping[str, Any], found: int) -> dict[str, Any]:
    facts = told["triptych"]
    status = _NEAREST.get(found, found)
    if status in _SENT_AGAIN and facts["billed"] != "no":
        status = 409
    name = "FAILED_PRECONDITION" if found in _MET else _NAMES.get(status, "UNKNOWN")
    more = {name: str(facts[name]) for name in ("provider", "class", "billed") if facts[name] is not None}
    details: list[dict[str, Any]] = [{
        "@type": f"{_TYPE}ErrorInfo", "reason": told["code"].upper(), "domain": "triptych",
        "metadata": {**more, **({"param": told["param"]} if told["param"] else {})},
    }]  # fmt: skip
    if facts["retry_after_s"] is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{facts['retry_after_s']:g}s"})
    return {
        "error": {"code": status, "message": told["message"], "status": name, "details": details, "triptych": facts}
    }


def _shaped(response: Response, *, listed: bool = False) -> Response:
    """An answer of ours in this shape."""
    body = _status(msgspec.json.decode(response.body)["error"], response.status_code)
    kept = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(as_json([body] if listed else body), body["error"]["code"], kept)


Handler = Callable[[Request, Exception], Awaitable[Response]]


def _in_shape(handler: Handler) -> Handler:
    async def handled(request: Request, error: Exception) -> Response:
        return _shaped(await handler(request, error))

    return handled


HANDLERS = {
    kind: handler if handler is errors.gone else _in_shape(handler) for kind, handler in errors.HANDLERS.items()
}
"""What becomes of an error that ends a call."""
