"""Every error Triptych raises on purpose.

TriptychError
├── BadRequestError          the request names something impossible; nothing was sent
│   ├── UnknownModelError    no such model; carries the near names
│   └── TooLargeError        an upload over its limit
├── NotConfiguredError       no key for this provider; names the variable, the command and the page
├── AuthError                the provider does not accept the key
├── BillingError             no credit, spending cap at the provider, billing not enabled
├── RateLimitedError         slow down; `retry_after_s` when the provider says
├── OverloadedError          busy, queue full, no worker; no work was begun
├── BlockedError             refused by a content rule, before or after drawing
├── ModelUnavailableError    retired, not opened for this account or region
├── RejectedError            the provider says that the request is wrong
├── EmptyAnswerError         success without a picture
├── ProviderFailedError      the provider says that the job failed
├── NotSentError             no connection; nothing left this machine
├── AmbiguousError           sent, and no verdict: it may have been billed
├── ExpiredError             the job or its result is gone at the provider
├── BudgetError              a cap would be passed; nothing was sent
├── CancelledByUserError     stopped on request
├── HostileContentError      an answer or upload that must not be opened (bomb, SVG, private address, …)
├── ConflictError            the same idempotency key with another body
├── NotFoundError            no such run, tile, picture
├── StorageError             disk full, database locked or newer than this program
└── SettingsError            triptych.toml or a TRIPTYCH_ variable is wrong
"""

from typing import ClassVar, Literal

from triptych.spec.image import Billed

FailureClass = Literal["not_sent", "rejected", "blocked", "overloaded", "ambiguous", "failed"]
"""What may be done next: `not_sent` retry freely; `rejected` never; `blocked` never, offer another model;
`overloaded` retry within the budget; `ambiguous` never re-sent by itself; `failed` not here again. Whatever the class: what
was billed, or may have been, is not sent again by itself, neither here nor elsewhere."""


class TriptychError(Exception):
    """An error with everything its reader needs.

    `message` says what happened, `hint` what to do next; `param` names the field of the request; `upstream` keeps the
    provider's own words; `billed` is yes, no or unknown. Secrets are in none of them.
    """

    code: ClassVar[str] = "error"
    failure: ClassVar[FailureClass] = "rejected"
    retryable: ClassVar[bool] = False
    failover: ClassVar[bool] = False
    default_billed: ClassVar[Billed] = "no"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        provider: str | None = None,
        status: int | None = None,
        param: str | None = None,
        billed: Billed | None = None,
        amount_micro_usd: int | None = None,
        retry_after_s: float | None = None,
        upstream: str | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.provider = provider
        self.status = status
        self.param = param
        self.billed: Billed = billed or self.default_billed
        self.amount_micro_usd = amount_micro_usd
        self.retry_after_s = retry_after_s
        self.upstream = upstream
        self.detail = detail
        self.attempts: tuple[object, ...] = ()  # spec.routing.Attempt values, set by the router when it gives up

    def __str__(self) -> str:
        return f"{self.message} hint: {self.hint}" if self.hint else self.message


class BadRequestError(TriptychError):
    code = "bad_request"


class UnknownModelError(BadRequestError):
    code = "unknown_model"


class TooLargeError(BadRequestError):
    code = "too_large"


class NotConfiguredError(TriptychError):
    code = "not_configured"
    failover = True


class AuthError(TriptychError):
    code = "auth"
    failover = True


class BillingError(TriptychError):
    code = "billing"
    failover = True


class RateLimitedError(TriptychError):
    code = "rate_limited"
    failure = "overloaded"
    retryable = True
    failover = True


class OverloadedError(TriptychError):
    code = "capacity"
    failure = "overloaded"
    retryable = True
    failover = True


class BlockedError(TriptychError):
    code = "blocked"
    failure = "blocked"
    default_billed = "unknown"


class ModelUnavailableError(TriptychError):
    code = "model_unavailable"
    failover = True


class RejectedError(TriptychError):
    code = "rejected"


class EmptyAnswerError(TriptychError):
    code = "no_image"
    failure = "failed"
    failover = True
    default_billed = "unknown"


class ProviderFailedError(TriptychError):
    code = "provider_failed"
    failure = "failed"
    failover = True
    default_billed = "unknown"


class NotSentError(TriptychError):
    code = "not_sent"
    failure = "not_sent"
    retryable = True
    failover = True


class AmbiguousError(TriptychError):
    code = "ambiguous"
    failure = "ambiguous"
    default_billed = "unknown"


class ExpiredError(TriptychError):
    code = "expired"
    failure = "ambiguous"
    default_billed = "unknown"


class BudgetError(TriptychError):
    code = "budget_exceeded"


class CancelledByUserError(TriptychError):
    code = "cancelled"


class HostileContentError(TriptychError):
    code = "hostile_content"
    failure = "failed"
    default_billed = "unknown"


class ConflictError(TriptychError):
    code = "conflict"


class NotFoundError(TriptychError):
    code = "not_found"


class StorageError(TriptychError):
    code = "storage"
    failure = "failed"


class SettingsError(TriptychError):
    code = "settings"
