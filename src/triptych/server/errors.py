"""Our errors as HTTP: the one mapping, and OpenAI's envelope around it."""

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from triptych.spec.errors import BadRequestError, NotFoundError, TriptychError

log = logging.getLogger("triptych.server")
_NOTHING: Mapping[str, Any] = MappingProxyType({})

STATUS: Mapping[str, int] = {
    "bad_request": 400,
    "unknown_model": 404,
    "too_large": 413,
    "not_configured": 424,
    "auth": 424,
    "billing": 424,
    "rate_limited": 429,
    "capacity": 503,
    "blocked": 400,
    "model_unavailable": 424,
    "rejected": 400,
    "no_image": 502,
    "provider_failed": 502,
    "not_sent": 502,
    "ambiguous": 504,
    "expired": 502,
    "lost": 504,
    "budget_exceeded": 402,
    "cancelled": 409,
    "hostile_content": 400,
    "conflict": 409,
    "not_found": 404,
    "storage": 507,
    "settings": 500,
    "unauthorised": 401,
    "forbidden": 403,
    "card_refused": 400,
    "token_refused": 400,
    "node_away": 503,
    "node_silent": 504,
    "superseded": 409,
}
"""HTTP status by error code. A key that a *provider* refuses is 424 (RFC 4918 section 11.4), because 401 would tell
clients that their key to this server is wrong."""

TYPES = {400: "invalid_request_error", 401: "authentication_error", 402: "budget_error", 403: "permission_error",
         404: "invalid_request_error", 409: "conflict_error", 413: "invalid_request_error", 424: "provider_error",
         429: "rate_limit_error"}  # fmt: skip


def as_json(value: Any) -> bytes:
    """JSON of any of our values."""
    return msgspec.json.encode(value)


def envelope(error: TriptychError, about: Mapping[str, Any] = _NOTHING) -> dict[str, Any]:
    """OpenAI's error object with our extension; `about` are further facts for it, e.g. the attempts made."""
    status = STATUS.get(error.code, 500)
    return {
        "error": {
            "message": str(error),
            "type": TYPES.get(status, "server_error"),
            "code": "moderation_blocked" if error.code == "blocked" else error.code,
            "param": error.param,
            "triptych": {
                "provider": error.provider,
                "class": error.failure,
                "billed": error.billed,
                "amount_micro_usd": error.amount_micro_usd,
                "retry_after_s": error.retry_after_s,
                "hint": error.hint,
                "upstream": error.upstream,
                "attempts": [],
                **about,
            },
        }
    }


def error_response(
    error: TriptychError, about: Mapping[str, Any] = _NOTHING, headers: Mapping[str, str] = _NOTHING
) -> Response:
    """The answer for an error. `x-should-retry: false` keeps SDKs from sending again what may have been billed."""
    more = {"x-should-retry": "true" if error.retryable and error.billed == "no" else "false", **headers}
    if error.retry_after_s is not None:
        more["retry-after"] = str(max(1, round(error.retry_after_s)))
    return _json(envelope(error, about), STATUS.get(error.code, 500), more)


def _json(body: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> Response:
    kept = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **headers}
    return Response(as_json(body), status, kept, "application/json")


async def ours(_: Request, error: Exception) -> Response:
    """The answer to an error that was raised on purpose."""
    return error_response(cast("TriptychError", error))


async def not_ours(request: Request, error: Exception) -> Response:
    """The answer to a bug: nothing of its inside leaks out. The one place where any exception ends."""
    log.error("internal error", extra={"about": {"path": request.url.path}}, exc_info=error)
    body: dict[str, Any] = {
        "error": {
            "message": "Something broke inside Triptych; the server's log has the details.",
            "type": "server_error",
            "code": "internal",
            "param": None,
            "triptych": {
                "provider": None,
                "class": "failed",
                "billed": "unknown",
                "retry_after_s": None,
                "hint": "Look at the server's log.",
                "attempts": [],
            },
        }
    }
    return _json(body, 500, {"x-should-retry": "false"})


async def nowhere(request: Request, _: Exception) -> Response:
    """The answer to an address that does not exist."""
    return error_response(NotFoundError(f"There is nothing at {request.url.path}.", hint="See docs/reference."))


async def of_the_framework(request: Request, error: Exception) -> Response:
    """The answer to what the framework itself refuses: a method, or a form that cannot be read."""
    refused = cast("HTTPException", error)
    if refused.status_code == 405:
        problem = BadRequestError(f"{request.url.path} does not take {request.method}.", param="method")
    else:
        problem = BadRequestError(f"The request cannot be read: {str(refused.detail).rstrip('.')}.", param="body")
    headers = {"x-should-retry": "false", **(refused.headers or {})}
    return _json(envelope(problem), refused.status_code, headers)


async def gone(_: Request, __: Exception) -> Response:
    """For a client that went away while it was sending: nobody reads this."""
    return Response(status_code=400)


HANDLERS = {
    TriptychError: ours,
    Exception: not_ours,
    HTTPException: of_the_framework,
    ClientDisconnect: gone,
    404: nowhere,
}
