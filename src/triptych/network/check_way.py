"""Whether what a receipt says was done is what had been decided: who was asked, in which order, who brought the pictures.

All of it is the signer's word about its own doings; what is checked is that its words hold together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import msgspec

from triptych.network.evidence import Line
from triptych.network.named import Files, rules
from triptych.spec.model import LANES, Lane
from triptych.spec.words import counted

_LISTED = 20  # attempts that a receipt lists at most
_LEEWAY_MS = 60_000  # a clock that is set back meanwhile


class _Error(msgspec.Struct):
    code: str | None = None
    failure: str | None = msgspec.field(name="class", default=None)


class _Events(msgspec.Struct):
    began_ms: int | None = None
    hedge: bool = False


class _Try(msgspec.Struct):
    number: int
    endpoint: str
    outcome: Literal["running", "done", "failed"]
    upstream_id: str | None = None
    error: _Error | None = None
    events: _Events | None = None

    @property
    def hedge(self) -> bool:
        return self.events is not None and self.events.hedge

    @property
    def lost(self) -> bool:
        """Whether its end was not written down: it may have brought pictures all the same."""
        return self.outcome == "running" or (self.error is not None and self.error.code == "lost")


class _Candidate(msgspec.Struct):
    endpoint: str
    rank: int
    reason: str


class _Features(msgspec.Struct):
    n: int = 1
    lane_floor: Lane | None = None
    no_community: bool = False


class _Decision(msgspec.Struct):
    taken_ms: int
    candidates: tuple[_Candidate, ...]
    features: _Features = msgspec.field(default_factory=_Features)
    picked: str | None = None
    not_listed: int = 0

    @property
    def order(self) -> list[str]:
        """Whom to try, best first."""
        return [one.endpoint for one in sorted(self.candidates, key=lambda one: one.rank) if one.rank >= 0]


class _Served(msgspec.Struct):
    endpoint: str
    lane: Lane | None = None


class _Picture(msgspec.Struct):
    sha256: str


class _Told(msgspec.Struct):
    """What a receipt says of how it went."""

    state: str
    attempts: tuple[_Try, ...]
    attempts_in_all: int
    outputs: tuple[_Picture, ...]
    asked_ms: int | None = None
    ended_ms: int | None = None
    decisions: int = 1
    decision: _Decision | None = None
    served: _Served | None = None

    @property
    def hidden(self) -> int:
        """How many attempts are counted and not listed."""
        return self.attempts_in_all - len(self.attempts)

    @property
    def n(self) -> int:
        return self.decision.features.n if self.decision else 1

    @property
    def own(self) -> list[_Try]:
        """The attempts of the decision that is stated, in their order; with several decisions those that began after it."""
        given = self.decision
        if given is None:
            return []
        mine = [one for one in self.attempts if self.decisions <= 1 or _since(one, given.taken_ms)]
        return sorted(mine, key=lambda one: one.number)

    @property
    def brought(self) -> list[str]:
        """Where pictures came from, or may have."""
        return [one.endpoint for one in self.attempts if one.outcome == "done" or one.lost]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the policy and the snapshot add, where they are those of the receipt."""

    lanes: Mapping[str, str]
    families: Mapping[str, str]
    hedges: bool | None  # None: not known


def _since(one: _Try, taken_ms: int) -> bool:
    return one.events is not None and one.events.began_ms is not None and one.events.began_ms >= taken_ms


def way_line(payload: Mapping[str, Any], files: Files) -> Line:
    """What was decided against what was done."""
    try:
        told = msgspec.convert(payload, _Told)
    except msgspec.ValidationError:
        return Line("way", "FALSE", "What it says of its decision and its attempts cannot be read.")
    known = _known(files)
    wrong = [*_counted(told), *_timed(told), *_served(told, known), *_walked(told, known)]
    if wrong:
        return Line("way", "FALSE", f"What was done is not what was decided: {'; '.join(wrong)}.")
    unsure = _unsure(told)
    if unsure:
        return Line("way", "not checked", f"Nothing in it is against what was decided; but {'; '.join(unsure)}.")
    own = told.own
    end = (
        f"{told.served.endpoint} brought the pictures"
        if told.state == "done" and told.served
        else f"it ended as {told.state}"
    )
    said = f"What it says was done is what was decided: {counted(len(own), 'attempt')}, the first at {own[0].endpoint}; {end}."
    return Line("way", "proved", said)


def _known(known: Files) -> _Known:
    policy, snapshot = rules(known.policy), rules(known.snapshot) or {}
    seen = snapshot.get("endpoints")
    states = [one for one in (seen if isinstance(seen, list) else []) if isinstance(one, dict)]
    return _Known(
        {str(one.get("endpoint")): str(one.get("lane")) for one in states},
        {str(one.get("endpoint")): str(one.get("family")) for one in states},
        None if policy is None else policy.get("hedge") is not None,
    )


def _counted(told: _Told) -> list[str]:
    """Whether the state fits the pictures and the attempts."""
    wrong = []
    if told.hidden < 0 or (told.hidden > 0 and len(told.attempts) < _LISTED):
        wrong.append(f"it counts {counted(told.attempts_in_all, 'attempt')} and lists {len(told.attempts)}")
    if told.state == "done":
        lacks = (
            ("picture", told.outputs),
            ("attempt", told.attempts),
            ("decision", told.decision),
            ("endpoint", told.served),
        )
        wrong += [f"it is done, and there is no {what}" for what, there in lacks if not there]
    elif told.outputs and told.hidden <= 0:
        # Pictures that came before another call failed, or the server stopped, are kept.
        alone = told.n == 1 and len(told.attempts) <= 1 and told.state != "lost"
        if alone or not told.brought:
            wrong.append(f"it ended as {told.state}, and has pictures")
    if len(told.outputs) > max(1, told.n) and _twice(told):
        wrong.append("it lists a picture twice, and more than were asked for")
    return wrong


def _twice(told: _Told) -> bool:
    return len({one.sha256 for one in told.outputs}) < len(told.outputs)


def _timed(told: _Told) -> list[str]:
    steps = (
        ("asked for", told.asked_ms),
        ("decided", told.decision.taken_ms if told.decision else None),
        ("over", told.ended_ms),
    )
    known = [(what, ms) for what, ms in steps if ms is not None]
    pairs = pairwise(known)
    return [f"it was {later} before it was {what}" for (what, ms), (later, then) in pairs if then < ms - _LEEWAY_MS]


def _served(told: _Told, known: _Known) -> list[str]:
    """Whether who is said to have served it did, in the lane that it is in."""
    served, wrong = told.served, []
    if served is None:
        return []
    there = told.brought if told.state == "done" else [one.endpoint for one in told.attempts]
    if served.endpoint not in there and told.hidden <= 0:
        what = "brought a picture" if told.state == "done" else "was made"
        wrong.append(f"{served.endpoint} is said to have served it, and no attempt there {what}")
    floor = told.decision.features.lane_floor if told.decision else None
    if floor is not None and served.lane is not None and LANES.index(served.lane) > LANES.index(floor):
        wrong.append(f"it was served in the lane {served.lane}, below the floor {floor}")
    if served.lane == "community" and told.decision and told.decision.features.no_community:
        wrong.append("it was served in the lane community, which was left out")
    lane = known.lanes.get(served.endpoint)
    if served.lane is not None and lane is not None and told.decisions <= 1:
        # Of several endpoints the lane is that of the one with the most readers.
        all_of = [lane, *(one for name in told.brought if (one := known.lanes.get(name)) is not None)]
        if served.lane not in {lane, max(all_of, key=_place)}:
            wrong.append(f"the lane of {served.endpoint} is {lane} and not {served.lane}")
    return wrong


def _place(lane: str) -> int:
    return next((place for place, name in enumerate(LANES) if name == lane), len(LANES))


def _walked(told: _Told, known: _Known) -> list[str]:
    """Whether the attempts of the decision follow its order."""
    decision, own = told.decision, told.own
    if decision is None:
        return []
    order, wrong = decision.order, []
    first = order[0] if order else None
    if first != decision.picked:
        wrong.append(f"{decision.picked or 'nobody'} is said to be picked, and {first or 'nobody'} is first")
    complete = decision.not_listed == 0 or any(one.rank < 0 for one in decision.candidates)
    out = {one.endpoint: one.reason for one in decision.candidates if one.rank < 0}
    strange = dict.fromkeys(one.endpoint for one in own if one.endpoint not in order) if complete else {}
    wrong += [f"{name} was asked, which is {out.get(name) or 'no candidate'}" for name in strange]
    if told.hidden > 0 or strange or not own:
        return wrong
    if own[0].endpoint != first:
        wrong.append(f"{own[0].endpoint} was asked first, and {first} was picked")
    return [*wrong, *_steps(own, order, told.n, known)]


def _steps(own: Sequence[_Try], order: Sequence[str], n: int, known: _Known) -> list[str]:
    """Whether each attempt after the first may follow those before it. Of several calls each goes its own way."""
    wrong = []
    hedges = sum(one.hedge for one in own)
    if hedges > 1 or (hedges and known.hedges is False):
        wrong.append(
            f"{counted(hedges, 'request was', 'requests were')} sent beside another, and the policy has "
            f"{'one' if known.hedges else 'none'}"
        )
    for at in range(1, len(own)):
        one, before = own[at], own[:at]
        walkers = [p for p in before if not p.hedge]
        if one.hedge:
            fits = any(_place_in(order, p.endpoint) < _place_in(order, one.endpoint) for p in walkers)
        elif n > 1:
            fits = one.endpoint == order[0] or any(_leads(p, one, before, order, known) for p in before)
        else:
            last = walkers[-1:] + [p for p in before if p.endpoint == one.endpoint and (p.hedge or p.lost)]
            fits = any(_leads(p, one, before, order, known) for p in last)
        if not fits:
            wrong.append(f"attempt {one.number} at {one.endpoint} does not follow from those before it")
    return wrong


def _leads(one: _Try, after: _Try, before: Sequence[_Try], order: Sequence[str], known: _Known) -> bool:
    """Whether one attempt may be followed by another: again there, or at the next that is left."""
    here, there = _place_in(order, one.endpoint), _place_in(order, after.endpoint)
    if one.outcome == "done":
        # A job that is taken up again because the server stopped before its pictures were kept.
        return here == there and after.upstream_id is not None
    tried = {p.endpoint for p in before if p.hedge}
    refused = {known.families.get(p.endpoint) for p in before if p.error is not None and p.error.failure == "blocked"}
    between = order[here + 1 : there]
    return here <= there and all(
        name in tried or (bool(refused) and (not known.families or known.families.get(name) in refused))
        for name in between
    )


def _place_in(order: Sequence[str], endpoint: str) -> int:
    return order.index(endpoint) if endpoint in order else len(order)


def _unsure(told: _Told) -> list[str]:
    """What keeps the way from being known."""
    own, said = told.own, []
    if told.hidden > 0:
        said.append(f"{counted(told.hidden, 'attempt is', 'attempts are')} counted and not listed")
    if told.decision is None and told.attempts:
        said.append("the decision is not stated")
    elif len(own) < len(told.attempts):
        earlier = counted(len(told.attempts) - len(own), "attempt was", "attempts were")
        said.append(f"{earlier} made by an earlier decision, which is not stated")
    elif not own and not said:
        said.append("nobody was asked")
    decision = told.decision
    if decision is not None and any(one.endpoint not in decision.order for one in own):
        said.append("not every candidate is listed")
    done = {one.endpoint for one in told.attempts if one.outcome == "done"}
    if told.state == "done" and told.served is not None and told.served.endpoint not in done and told.hidden <= 0:
        said.append("the end of the attempt that brought the pictures was not written down")
    if _twice(told):
        said.append("a picture is listed twice")
    return said
