"""Errors as a tile keeps them: what happened, whether it was billed, what to do next."""

import re
from collections.abc import Sequence

from triptych.router.price import usd
from triptych.spec import errors
from triptych.spec.errors import FailureClass, TriptychError
from triptych.spec.image import UNKNOWN_COST, Billed, Cost
from triptych.spec.records import PictureRecord, TileError, TileRecord, TileState
from triptych.spec.routing import Attempt

_NEXT_STEP = {
    "not_configured": "Add a key for this provider under Models, or try another model.",
    "auth": "Check the key under Models, or try another model.",
    "billing": "Add credit or lift the limit at the provider, or try another model.",
    "rate_limited": "Wait a little and retry, or try another model.",
    "capacity": "Retry in a while, or try another model.",
    "blocked": "Change the words, or try another model: rules differ.",
    "model_unavailable": "Choose another model.",
    "no_image": "Retry, or try another model.",
    "provider_failed": "Retry, or try another model.",
    "not_sent": "Check the connection and retry; nothing was sent.",
    "ambiguous": "Look at the provider's own page before you retry: it may have been billed.",
    "expired": "Retry: the provider no longer has the result.",
    "hostile_content": "Retry, or try another model.",
    "storage": "Free some space on the disk, then retry.",
}
_NOT_BILLED = "Nothing was billed: it costs nothing here. Retry, or try another model."
_WARNING = re.compile(r"^It may have been billed\. |[:;,] (?:and )?(?:it )?may have been billed(?=\.)")
_CLASSES: dict[str, FailureClass] = {
    kind.code: kind.failure
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, TriptychError)
}


def tile_error(error: TriptychError, *, billed: Billed | None = None) -> TileError:
    """The record of an error; `billed` when the caller knows better than the error."""
    billed = billed or error.billed
    return TileError(
        code=error.code,
        failure=error.failure,
        message=error.message,
        hint=_next_step(error.code, error.hint, billed, error.message),
        billed=billed,
        provider=error.provider,
        status=error.status,
        upstream=error.upstream,
        retry_after_s=error.retry_after_s,
        param=error.param,
    )


def _next_step(code: str, hint: str | None, billed: Billed, message: str) -> str | None:
    """The error's own hint before the usual one. Neither warns of a bill where it is known that there is none, or where
    the message does."""
    found = hint or _NEXT_STEP.get(code)
    if found is None or "been billed" not in found:
        return found
    if billed == "no":
        return _NOT_BILLED
    return _WARNING.sub("", found) if "been billed" in message else found


def attempt_error(attempt: Attempt) -> TileError | None:
    """The record of what went wrong in an attempt; None when nothing did."""
    if attempt.error_code is None:
        return None
    return TileError(
        code=attempt.error_code,
        failure=_CLASSES.get(attempt.error_code, "failed"),
        message=attempt.error_message or "It did not work.",
        hint=_next_step(attempt.error_code, None, attempt.billed, attempt.error_message or ""),
        billed=attempt.billed,
    )


def internal_error(*, billed: Billed) -> TileError:
    """The record of a bug of ours."""
    return TileError(
        code="internal",
        failure="failed",
        message="Something broke inside Triptych while this picture was made.",
        hint="The log of the server has the details. Retry, or try another model.",
        billed=billed,
    )


def bill_words(billed: Billed, cost: Cost | None = None, fee: int = 0) -> str:
    """What was billed, as a sentence; `fee` is the router's own."""
    if billed == "yes" and cost is not None and cost.amount_micro_usd is not None:
        return f"Billed {usd(cost.amount_micro_usd)}{f', and a fee of {usd(fee)}' if fee else ''}."
    return {"no": "It was not billed.", "yes": "It was billed.", "unknown": "It may have been billed."}[billed]


def came_words(pictures: Sequence[PictureRecord], tile: TileRecord) -> str:
    """How many of the pictures asked for are here, as a sentence."""
    asked = tile.request.get("n")
    of = max(len(pictures), asked if isinstance(asked, int) else 1)
    return f"{len(pictures)} of {of} arrived before that and {'is' if len(pictures) == 1 else 'are'} kept."


def state_after(error: TriptychError) -> TileState:
    """The final state that an error leads to."""
    states: dict[str, TileState] = {"blocked": "blocked", "cancelled": "cancelled"}
    return states.get(error.code, "failed")


def cost_after(error: TriptychError) -> Cost | None:
    """What a failed tile cost: None when it was not billed."""
    if error.billed == "no":
        return None
    return Cost(error.amount_micro_usd, "provider") if error.amount_micro_usd is not None else UNKNOWN_COST
