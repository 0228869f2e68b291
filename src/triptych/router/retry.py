"""What may be done after a failed attempt: wait and try again here, go on elsewhere, or stop."""

import hashlib
from collections.abc import Mapping

from triptych.router.parts import Outcome
from triptych.router.registry import Endpoint
from triptych.spec.errors import EmptyAnswerError, TriptychError
from triptych.spec.routing import Policy

_FIRST_WAIT_S = {"not_sent": 0.5, "overloaded": 2.0, "failed": 0.5}


def retry_wait_s(
    outcome: Outcome,
    *,
    tries: int,
    policy: Policy,
    nonce: str,
    time_left_s: float,
    not_before_s: float = 0.0,
    paused: bool = False,
) -> float | None:
    """Seconds to wait before the same endpoint is tried again, None when it must not be.

    `tries` is how often it was tried so far. A provider's own hint and `not_before_s` (an open breaker) are kept; waits
    grow twofold, with up to a fifth more by chance out of the nonce, so that many requests do not come back at once.
    `paused`: so much failed there lately that trying again would only add to it.
    """
    error = outcome.error
    if error is None or tries >= policy.retry.max_attempts or not _may_repeat(outcome, error, tries):
        return None
    if paused and error.failure != "not_sent":
        return None
    grown: float = _FIRST_WAIT_S[error.failure] * 2 ** (tries - 1)
    asked = max(error.retry_after_s or 0.0, not_before_s)
    base = asked or min(grown, policy.retry.wait_limit_s)
    wait = base * (1 + _chance(nonce, outcome, tries) / 5000)
    if asked > policy.retry.wait_limit_s or wait >= time_left_s:
        return None
    return wait


def onward(
    outcome: Outcome, rest: tuple[str, ...], endpoints: Mapping[str, Endpoint], *, other_models: bool
) -> tuple[str, ...]:
    """The endpoints that may be tried after a failure, best first. Empty when the failure is final, which every one is
    that was billed or may have been: a paid request is never sent a second time by itself."""
    error = outcome.error
    if error is None or not outcome.tried or error.billed != "no":
        return ()
    if error.failure == "blocked":
        # Another model only, and only when the user allowed one: a refusal is not an outage.
        if not other_models:
            return ()
        family = endpoints[outcome.endpoint].model.card.family
        return tuple(name for name in rest if endpoints[name].model.card.family != family)
    return rest if error.failover else ()


def _may_repeat(outcome: Outcome, error: TriptychError, tries: int) -> bool:
    if not outcome.tried or outcome.accepted:
        return False
    if isinstance(error, EmptyAnswerError):
        return error.billed == "no" and tries == 1
    return error.failure in {"not_sent", "overloaded"} and error.billed == "no"


def _chance(nonce: str, outcome: Outcome, tries: int) -> int:
    text = f"wait/1\n{nonce}\n{outcome.endpoint}\n{outcome.part.offset}\n{tries}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) % 1000
