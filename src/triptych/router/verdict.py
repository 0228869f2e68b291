"""What the end of a call means for the money."""

from dataclasses import dataclass

from triptych.spec.errors import (
    AmbiguousError,
    NotSentError,
    OverloadedError,
    RateLimitedError,
    StorageError,
    TriptychError,
)
from triptych.spec.image import FREE, UNKNOWN_COST, Billed, Cost, ImageResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an attempt ended: with a result, with an error, or interrupted (neither)."""

    billed: Billed
    cost: Cost
    result: ImageResult | None = None
    error: TriptychError | None = None
    code: str | None = None
    message: str | None = None


def ended_with_result(result: ImageResult, *, free: bool) -> Ending:
    """A model that costs nothing cannot have billed; everything else is as the result says."""
    nothing_said = result.billed == "unknown" and result.cost.amount_micro_usd is None
    if free and nothing_said:
        return Ending(billed="no", cost=FREE, result=result)
    return Ending(billed=result.billed, cost=result.cost, result=result)


def ended_with_error(raw: TriptychError, *, sent: bool, accepted: bool, free: bool) -> Ending:
    """The error as it is passed on, with `billed` as far as it can be known.

    Once the provider has accepted a job, not reaching it or being told to slow down says nothing about that job: it is
    ambiguous. Nor does any other error that is not about the job's end.
    """
    error = raw
    if accepted and isinstance(raw, NotSentError | RateLimitedError):
        error = AmbiguousError(
            f"The job was accepted, and then could not be asked about: {raw.message}",
            provider=raw.provider,
            status=raw.status,
            upstream=raw.upstream,
            hint="It may have been billed. Look at the provider's own list before trying again.",
        )
        error.__cause__ = raw
    about_its_end = error.failure in {"failed", "blocked", "ambiguous"} or isinstance(error, OverloadedError)
    if (accepted and not about_its_end) or (sent and isinstance(error, StorageError)):
        error.billed = "yes" if error.billed == "yes" else "unknown"
    if free and error.billed == "unknown":
        error.billed = "no"
    return Ending(billed=error.billed, cost=_charge(error), error=error, code=error.code, message=error.message)


def interrupted(*, sent: bool, free: bool, confirmed: bool, stopped: bool) -> Ending:
    """Stopped by the caller, or by a fault in the model. A provider that confirms a stop does not thereby say that it
    bills nothing, so what was sent to one that costs money stays unknown."""
    billed: Billed = "no" if free or not sent else "unknown"
    message = "Stopped by a fault in the model." if not stopped else "Stopped."
    if confirmed:
        message = "Stopped; the provider confirmed it."
    return Ending(
        billed=billed,
        cost=Cost(0, "provider") if billed == "no" else UNKNOWN_COST,
        code="cancelled" if stopped else "internal",
        message=message,
    )


def _charge(error: TriptychError) -> Cost:
    if error.billed == "no":
        return Cost(0, "provider")
    if error.billed == "yes" and error.amount_micro_usd is not None:
        return Cost(error.amount_micro_usd, "provider")
    return UNKNOWN_COST
