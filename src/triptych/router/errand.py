"""One routed request on its way: what stays the same for all its calls, and the list of its attempts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from triptych.router.budget import Payer
from triptych.router.fold import HealthEvent
from triptych.router.registry import Endpoint
from triptych.spec.image import Billed, Cost, Operation
from triptych.spec.replacing import replace
from triptych.spec.routing import Attempt, AttemptEnded, Hedge, Policy, Tell

DETACH = "detach"
"""The message of a cancellation (`task.cancel(DETACH)`) that means: this process ends. A call whose job the provider has
accepted is then left as it is, its reservation open and its attempt running, so that `resume` can take it up."""


class Journal:
    """The attempts of one request, told as they begin and end."""

    def __init__(self, tell: Tell, first_number: int = 1) -> None:
        self._tell = tell
        self._next = first_number
        self._attempts: dict[str, Attempt] = {}

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """In the order in which they began."""
        return tuple(self._attempts.values())

    def number(self, new: Attempt) -> Attempt:
        """A new attempt with its number, and in the list."""
        attempt = replace(new, number=self._next)
        self._next += 1
        self._attempts[attempt.id] = attempt
        return attempt

    async def end(
        self,
        attempt: Attempt,
        *,
        event: HealthEvent,
        billed: Billed,
        cost: Cost | None,
        fee_micro_usd: int = 0,
        error_code: str | None,
        error_message: str | None,
    ) -> None:
        """Notes and tells what it came to, and the event that counts it."""
        ended = replace(
            attempt,
            ended_ms=event.at_ms,
            outcome="failed" if error_code else "done",
            error_code=error_code,
            error_message=error_message,
            billed=billed,
            cost=cost,
            fee_micro_usd=fee_micro_usd,
            ended=event.number,
            sign=event.sign,
            took_ms=event.took_ms,
            retry_after_ms=event.retry_after_ms,
        )
        self._attempts[attempt.id] = ended
        await self._tell(AttemptEnded(ended))


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What all calls for one request share. `deadline` is in monotonic seconds."""

    payer: Payer
    endpoints: Mapping[str, Endpoint]
    operation: Operation
    share: str  # the size and quality that its latency is measured under
    policy: Policy
    other_models: bool
    nonce: str
    deadline: float
    tell: Tell
    journal: Journal = field(repr=False)
    hedge: Hedge | None = None  # as the policy has it, where the user asked for it
    hedged: list[int] = field(default_factory=list)  # what each second request costs, in micro-dollars
    in_vain: set[str] = field(default_factory=set)  # endpoints of second requests that brought nothing
