"""What of a request is still to come after a restart, and what has ended before it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from triptych.router.parts import Part, split
from triptych.router.registry import Endpoint
from triptych.spec.image import ImageRequest, later_seed
from triptych.spec.records import AttemptRecord
from triptych.spec.routing import Attempt, Leg


def leg_part(leg: Leg, request: ImageRequest, endpoints: Mapping[str, Endpoint]) -> Part:
    """The share of the request that a job is to make."""
    if leg.count:
        return _part(request, leg.offset, leg.count)
    endpoint = endpoints.get(leg.job.endpoint)
    return split(Part(0, request), endpoint.model.card)[0] if endpoint is not None else Part(0, request)


def left_out(request: ImageRequest, parts: Sequence[Part], made: Sequence[AttemptRecord]) -> list[Part]:
    """The pictures that no job is to make and no earlier attempt has made, one by one."""
    spans = [(part.offset, part.request.n) for part in parts]
    spans += [(one.offset, one.count) for one in made if one.outcome == "done"]
    known = {place for first, count in spans for place in range(first, first + count)}
    return [_part(request, place, 1) for place in range(request.n) if place not in known]


def ended_before(made: Sequence[AttemptRecord]) -> tuple[Attempt, ...]:
    """The attempts of an earlier process as far as money goes. What records do not say their share of is left out."""
    return tuple(
        Attempt(id=one.id, number=one.number, endpoint=one.endpoint, started_ms=one.started_ms, ended_ms=one.ended_ms,
                outcome=one.outcome, billed=one.billed, cost=one.cost, fee_micro_usd=one.fee_micro_usd)
        for one in made
        if one.count and one.outcome != "running"
    )  # fmt: skip


def _part(request: ImageRequest, offset: int, count: int) -> Part:
    seed = None if request.seed is None else later_seed(request.seed, offset)
    return Part(offset, replace(request, n=count, seed=seed), one_of_many=count < request.n)
