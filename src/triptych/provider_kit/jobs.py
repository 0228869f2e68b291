"""A provider's job as plain values, so that it can be stored and picked up again after a restart."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

import msgspec

from triptych.http.message import HttpRequest, Step
from triptych.provider_kit.adapter import Pending
from triptych.spec.errors import ExpiredError
from triptych.spec.image import Cost
from triptych.spec.json import Json
from triptych.spec.model import JobHandle, ModelCard


class _Stored(msgspec.Struct, frozen=True):
    """A request of a job: no body in parts, because polls and cancels have none."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    url: str
    headers: dict[str, str]
    json: Any
    step: Step
    from_response: bool


class _State(msgspec.Struct, frozen=True):
    poll: _Stored
    cancel: _Stored | None = None
    micro_usd: int | None = None  # the provider's own figure


def handle_of(pending: Pending, card: ModelCard) -> JobHandle:
    """What is stored before the first poll."""
    state: dict[str, Json] = {
        "poll": _plain(pending.poll),
        "cancel": _plain(pending.cancel) if pending.cancel is not None else None,
    }
    if pending.cost is not None and pending.cost.source == "provider":
        state["micro_usd"] = pending.cost.amount_micro_usd
    return JobHandle(provider=card.provider, endpoint=card.id, job_id=pending.job_id, state=state)


def pending_of(job: JobHandle) -> Pending:
    """The job as it was when it was accepted, to be asked about at once. Raises ExpiredError when the stored values
    cannot be read."""
    try:
        state = msgspec.convert(job.state, _State)
        poll = _request(state.poll)
        cancel = _request(state.cancel) if state.cancel is not None else None
    except msgspec.ValidationError as error:
        raise ExpiredError(
            f"The stored job {job.job_id} cannot be picked up again.", provider=job.provider, detail=f"job {job.job_id}",
            hint="Look at the provider's own list before making it again; it may have been billed.",
        ) from error  # fmt: skip
    cost = Cost(state.micro_usd, "provider") if state.micro_usd is not None else None
    return Pending(job_id=job.job_id, poll=poll, after=0.0, cancel=cancel, cost=cost)


def _plain(request: HttpRequest) -> Mapping[str, Json]:
    values = asdict(request)
    return {name: values[name] for name in _Stored.__struct_fields__}


def _request(stored: _Stored) -> HttpRequest:
    return HttpRequest(**msgspec.structs.asdict(stored))
