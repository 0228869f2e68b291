"""How a node stands, in words: one line, and why nothing comes while nothing comes."""

from collections.abc import Sequence
from dataclasses import dataclass

from triptych.node.admission import Limits
from triptych.node.fees import Fees
from triptych.node.jobs import Jobs
from triptych.node.worker import HubState

_ASKED = {
    "no_model": "for a model that is not here", "bad_request": "for something that is not done here", "busy": "while it was busy or closed",
    "clock": "with a clock that is off", "draining": "while it was stopping", "nonce_used": "for a job that was here before",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """`state` in a word or two, the counts, and `why` nothing comes: empty while something does. `fees` knows what a picture costs and what
    was paid since the start."""

    state: str
    served: int
    refused: int
    failed: int
    queue: int
    why: tuple[str, ...]
    fees: Fees

    def __str__(self) -> str:
        paid = f" · {self.fees}" if self.fees.price else ""
        failed = f" · {self.failed} failed" if self.failed else ""
        return f"{self.state} · {self.served} served · {self.refused} refused{failed} · {self.queue} in the queue{paid}"


def standing(
    jobs: Jobs, hubs: Sequence[HubState], limits: Limits, now_ms: int, alarms: Sequence[str] = (), fees: Fees | None = None
) -> Standing:  # fmt: skip
    """How a node stands now; `alarms` are told first, whatever it does."""
    counts, fees = jobs.counts, fees or Fees()
    why = (*alarms, *(() if jobs.queue else (*_why(jobs, hubs, limits, now_ms), *_of_price(fees))))
    return Standing(_state(jobs, hubs), counts.served, counts.refused, counts.failed, jobs.queue, why, fees)


def _of_price(fees: Fees) -> tuple[str, ...]:
    if not fees.price:
        return ()
    return (
        f"It asks {fees.price} for a picture: only studios that allow payments ask it, and nobody draws its pictures again to check them.",
    )


def _state(jobs: Jobs, hubs: Sequence[HubState]) -> str:
    if jobs.draining:
        return "finishing"
    if jobs.paused:
        return "paused"
    there = sum(one.state == "open" for one in hubs)
    if not there:
        return "joining" if any(one.state == "joining" for one in hubs) else "not connected"
    if jobs.queue:
        return "drawing"
    return "waiting" if there == len(hubs) else f"waiting at {there} of {len(hubs)} hubs"


def _why(jobs: Jobs, hubs: Sequence[HubState], limits: Limits, now_ms: int) -> list[str]:
    said = [f"{one.origin}: {one.detail}" for one in hubs if one.state != "open" and one.detail]
    if limits.hours is not None and limits.hours.wait_ms(now_ms):
        said.append(f"It draws for others from {limits.hours}.")
    if not limits.strangers:
        said.append("It draws for those with an invite alone.")
    for one in hubs:
        if one.state == "open":
            said += _of_hub(one)
    turned = [f"{count} asked {_ASKED.get(code, code)}" for code, count in sorted(jobs.counts.turned_away.items())]
    return said + ([f"Turned away: {', '.join(turned)}."] if turned else [])


def _of_hub(one: HubState) -> list[str]:
    """What a hub says; it is a stranger, so only what has the right shape is told."""
    said: list[str] = []
    if one.why.get("listed") is False:
        said.append(f"{one.origin} does not list this node now.")
    if one.why.get("probation") is True:
        said.append(f"{one.origin} lists it as new: studios send less to new nodes.")
    same = one.why.get("same_models")
    if isinstance(same, int) and not isinstance(same, bool) and same > 0:
        said.append(f"{one.origin} lists {same} more with the same models.")
    return said
