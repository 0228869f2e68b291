"""Whether a job is drawn twice, by whom, and what is learned of it.

Two ways: a *canary* is a job of our own that looks like any other, whose right picture a node of our own or of a friend has drawn
first; *redundant* is the user's own job, drawn by a second node, which doubles who reads the prompt and so needs consent. A
mismatch is evidence and no proof: a third opinion that is trusted is asked, and two strangers who disagree accuse nobody. Nothing here
reads a clock or makes chance of its own.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal, TypeVar

from PIL import Image

from triptych.imaging.apart import LEAST_SIDE, Difference, Gap, gap
from triptych.network.card import CardModel
from triptych.network.compare import OTHER_CLASS, Comparison, DrawnBy, Outcome, Thresholds, compare, compare_roughly
from triptych.network.job import Job
from triptych.network.node_receipt import NodeReceipt, ReceiptBody, Verdict
from triptych.network.reputation import (
    AUDIT_NORMAL,
    AUDIT_PROBATION,
    AUDIT_TRUSTED,
    About,
    Opinion,
    Standing,
)
from triptych.spec.model import LANES, Lane

KNOWN_LANES = frozenset[Lane]({"local", "pinned"})  # whose node makes the right picture of a canary
TRUSTED_LANES = frozenset[Lane]({"local", "pinned", "attested"})  # who is asked when two disagree
STRANGERS = "strangers"
"""In the place of an owner, where only strangers saw it: however many agree, they are one reference, and put nobody aside."""
T = TypeVar("T")

Kind = Literal["none", "canary", "redundant"]
Wrong = Literal["nobody", "suspect", "reference", "open"]
Role = Literal["suspect", "reference", "third"]
Looks = Literal["fully", "roughly", "unstated", "alone"]
"""How pictures can be compared now: held against what is measured; for a plainly other motif alone; not at all, because the weights are not
stated, or because nobody who may be asked draws the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The share of jobs that are drawn twice, each 0 to 1: of an owner's first 50, later, and after a hundred good ones."""

    probation: float = AUDIT_PROBATION
    normal: float = AUDIT_NORMAL
    trusted: float = AUDIT_TRUSTED

    def of(self, standing: Standing) -> float:
        """The rate of one who stands so; who has been put aside gets no jobs, and none to look at."""
        return 0.0 if standing == "quarantine" else float(getattr(self, standing))


RATES = Rates()


def drawn_by(said: CardModel | ReceiptBody) -> DrawnBy:
    """What pictures can be compared with, by what a card or a receipt says of them."""
    return DrawnBy(said.digest, said.engine, said.precision, said.sampler)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A node that could draw a job with one of its models. `owner` is its owner's key, or its own id where it has none; `network` is
    how its hub tells networks apart, None where nobody says; `opinion` is the observer's, of that owner with that model."""

    node: str
    owner: str
    network: str | None
    lane: Lane
    model: CardModel
    opinion: Opinion

    @property
    def by(self) -> DrawnBy:
        """What its pictures can be compared with."""
        return drawn_by(self.model)

    @property
    def about(self) -> About:
        """Whom an opinion of it is about."""
        return About(self.owner, self.model.digest or self.model.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A job that is done. `floor` is the least of the lanes that its prompt may go to, `consent` whether its user lets a second
    node read it, `verdict` what the receipt says became of it. `rough` is for a class that nobody has measured: there only a plainly
    other motif is seen, also between two precisions."""

    seat: Seat
    job: Job
    verdict: Verdict
    floor: Lane = "community"
    consent: bool = False
    rough: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """How a job is looked at, by which node, and in a sentence why so. `by` is None where it is not."""

    kind: Kind
    by: Seat | None
    why: str


def due(seat: Seat, now_ms: int, draw: Random, rates: Rates = RATES) -> bool:
    """Whether a job that this node has just finished is one of those that are looked at. Decided afterwards, so that the node
    cannot know. One's own nodes are not audited."""
    return seat.lane != "local" and draw.random() < rates.of(seat.opinion.standing(now_ms))


def plan(done: Finished, seats: Sequence[Seat], now_ms: int, draw: Random) -> Plan:
    """How a job that is `due` is looked at. Where both ways are open, chance takes one: a canary finds who cheats in all jobs,
    only the user's own job finds who cheats in some kinds of them."""
    if done.seat.model.digest is None:
        return Plan("none", None, "The node does not say which weights it runs: no other picture can be compared.")
    known = None if done.rough else reference_for(done.seat, done.job, seats, now_ms, draw)
    partner = partner_for(done, seats, now_ms, draw)
    ways = [
        Plan("canary", known, "A job of our own, whose right picture a node of ours or of a friend draws first."),
        Plan("redundant", partner, "The same job, drawn by another owner's node in another network."),
    ]
    open_ways = [one for one in ways if one.by is not None]
    if not open_ways:
        return Plan("none", None, f"Nobody can draw it again: {_why_not(done)}")
    return draw.choice(open_ways)


def reference_for(suspect: Seat, job: Job, seats: Iterable[Seat], now_ms: int, draw: Random) -> Seat | None:
    """A node of one's own or of a friend that can draw what the suspect draws; one whose pictures the suspect has not missed yet
    where there is one, since two mismatches have to be with two references."""
    found = [one for one in seats if one.lane in KNOWN_LANES and _comparable(one, suspect, job, now_ms)]
    fresh = [one for one in found if one.owner not in suspect.opinion.against]
    return _one_of(fresh or found, draw)


def partner_for(done: Finished, seats: Iterable[Seat], now_ms: int, draw: Random) -> Seat | None:
    """A second node for the user's own job: another owner's, in another network, in a lane that the prompt may go to. Those that are
    past probation come first: newcomers are cheap to make."""
    if _kept_in(done):
        return None
    found = [
        one
        for one in seats
        if _comparable(one, done.seat, done.job, now_ms, rough=done.rough) and _elsewhere(one, done)
    ]
    proven = [one for one in found if one.opinion.standing(now_ms) != "probation"]
    fresh = [one for one in proven or found if one.owner not in done.seat.opinion.against]
    return _one_of(fresh or proven or found, draw)


def looks_at(done: Finished, seats: Iterable[Seat], now_ms: int) -> Looks:
    """How such a job of this node could be looked at now."""
    if done.seat.model.digest is None:
        return "unstated"
    there, chance = tuple(seats), Random(0)  # noqa: S311 - whether there is one, not which
    if partner_for(done, there, now_ms, chance) is not None:
        return "roughly" if done.rough else "fully"
    known = not done.rough and reference_for(done.seat, done.job, there, now_ms, chance) is not None
    return "fully" if known else "alone"


def third_for(
    kind: Kind, done: Finished, reference: Seat, seats: Iterable[Seat], now_ms: int, draw: Random,
    far: Collection[str] = (),
) -> Seat | None:  # fmt: skip
    """Who decides where the two disagree: a node of one's own, of a friend, or an attested one, of neither of the two owners; where
    it is compared roughly, else a third stranger. `far` are nodes in another network than the reference's: a stranger is to be one of
    them. The user's own job goes only where it may."""
    found = [
        one
        for one in seats
        if (one.lane in TRUSTED_LANES or (done.rough and one.node in far and _elsewhere(one, done)))
        and one.owner != reference.owner
        and _comparable(one, done.seat, done.job, now_ms, rough=done.rough)
        and (kind == "canary" or (not _kept_in(done) and _allowed(one, done.floor)))
    ]
    nearest = min((LANES.index(one.lane) for one in found), default=0)
    return _one_of([one for one in found if LANES.index(one.lane) == nearest], draw)


def _elsewhere(one: Seat, done: Finished) -> bool:
    """Whether a node is in another network than the one that drew first, and may be shown the job."""
    home = done.seat.network
    return home is not None and one.network not in {None, home} and _allowed(one, done.floor)


def _kept_in(done: Finished) -> bool:
    """Whether the user's job may not be shown to a second node."""
    return not done.consent or done.seat.lane == "pinned" or done.verdict != "ok" or done.job.guest is not None


def _why_not(done: Finished) -> str:
    if not done.consent:
        return "no node of yours or of a friend runs this model, and your prompts are not shown to a second node."
    return "no other node runs this model with the same weights, engine and precision where your prompt may go."


def _comparable(one: Seat, suspect: Seat, job: Job, now_ms: int, *, rough: bool = False) -> bool:
    return (
        one.owner != suspect.owner
        and one.node != suspect.node
        and (one.by.akin(suspect.by) if rough else one.by.comparable(suspect.by))
        and can_draw(one.model, job)
        and one.opinion.standing(now_ms) != "quarantine"
    )


def can_draw(model: CardModel, job: Job) -> bool:
    """Whether a node with this model takes such a job."""
    width, _, height = (job.size or "0x0").partition("x")
    roles = {one.role for one in job.images}
    needed = "inpaint" if "mask" in roles else "i2i" if roles else "t2i"
    return int(width) * int(height) <= model.max_px and (job.steps or 0) <= model.steps_max and needed in model.caps


def _allowed(one: Seat, floor: Lane) -> bool:
    return LANES.index(one.lane) <= LANES.index(floor)


def _one_of(found: Sequence[Seat], draw: Random) -> Seat | None:
    """An owner by chance, and then one of its nodes: who has a thousand nodes is not asked a thousand times as often."""
    by_owner: dict[str, list[Seat]] = {}
    for one in found:
        by_owner.setdefault(one.owner, []).append(one)
    return draw.choice(by_owner[draw.choice(sorted(by_owner))]) if by_owner else None


@dataclass(frozen=True, slots=True)
class Finding:
    """Who was wrong, and who says so: `witnesses` are the others whose picture the wrong one did not match. `rough` is for pictures
    that were compared by their motif alone, which is to nobody's credit."""

    wrong: Wrong
    witnesses: tuple[Role, ...] = ()
    rough: bool = False


_OPEN = Finding("open")
_ROUGHLY: Mapping[tuple[Outcome, Outcome] | None, Finding] = {
    ("match", "mismatch"): Finding("suspect", ("reference",), rough=True),
    ("mismatch", "match"): Finding("reference", ("suspect",), rough=True),
}
"""By what the third is to the reference and to the suspect: two have to agree on a motif that is plainly not the other's."""
_BY_THIRD: Mapping[tuple[Outcome, Outcome, bool], Finding] = {
    ("match", "mismatch", True): Finding("suspect", ("reference", "third")),
    ("match", "mismatch", False): Finding("suspect", ("reference", "third")),
    ("match", "inconclusive", True): Finding("suspect", ("reference",)),
    ("match", "inconclusive", False): Finding("suspect", ("reference",)),
    ("mismatch", "match", True): Finding("reference", ("suspect", "third")),
    ("mismatch", "match", False): Finding("reference", ("suspect", "third")),
    ("inconclusive", "match", False): Finding("reference", ("suspect",)),
    ("inconclusive", "mismatch", True): Finding("suspect", ("reference",)),
    ("inconclusive", "mismatch", False): Finding("suspect", ("third",)),
    ("mismatch", "inconclusive", False): Finding("reference", ("third",)),
}
"""By what the third is to the reference, what it is to the suspect, and whether the reference is trusted."""


def conclude(
    first: Outcome, by_third: tuple[Outcome, Outcome] | None, *, trusted: bool, rough: bool = False
) -> Finding:
    """Who was wrong. `first` compares the suspect with the reference, `by_third` each of these two with the third, the reference
    first; `trusted` is whether the reference is a node of one's own or of a friend. Where it was compared roughly, nobody is right or wrong
    by the word of one."""
    if rough:
        return _ROUGHLY.get(by_third if first == "mismatch" else None, Finding("open", rough=True))
    if first == "match":
        return Finding("nobody")
    if first == "inconclusive":
        return _OPEN
    if by_third is None:
        return Finding("suspect", ("reference",)) if trusted else _OPEN
    return _BY_THIRD.get((*by_third, trusted), _OPEN)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the opinion `about` somebody is to count. `again` is for a second count of one job, `moot` for a look that could
    have said nothing good of anybody."""

    about: About
    outcome: Outcome
    reference: str
    again: bool = False
    moot: bool = False


def lessons(found: Finding, suspect: Seat, reference: Seat, third: Seat | None = None) -> tuple[Lesson, ...]:
    """What is learned of the suspect and of the reference. One's own nodes are not counted, and neither is the third."""
    who: dict[Role, Seat] = {"suspect": suspect, "reference": reference}
    if third is not None:
        who["third"] = third
    sides: tuple[tuple[Role, Seat, Seat], ...] = (("suspect", suspect, reference), ("reference", reference, suspect))
    return tuple(
        lesson for role, seat, other in sides if seat.lane != "local" for lesson in _of(found, role, seat, other, who)
    )


def _of(found: Finding, role: Role, seat: Seat, other: Seat, who: Mapping[Role, Seat]) -> tuple[Lesson, ...]:
    if found.wrong == role:
        return tuple(
            Lesson(seat.about, "mismatch", _named(found, one, who), again=at > 0)
            for at, one in enumerate(found.witnesses)
        )
    if found.wrong == "nobody":
        return (Lesson(seat.about, "match", other.owner),)
    if found.wrong != "open" and "third" in who and role in found.witnesses and not found.rough:
        return (Lesson(seat.about, "match", who["third"].owner),)  # the third has drawn the same
    return (Lesson(seat.about, "inconclusive", other.owner, moot=found.rough),)


def _named(found: Finding, witness: Role, who: Mapping[Role, Seat]) -> str:
    seen_by = {who[witness].lane, who["third"].lane if "third" in who else who[witness].lane}
    return STRANGERS if found.rough and not seen_by & TRUSTED_LANES else who[witness].owner


def learn(opinion: Opinion, lesson: Lesson, now_ms: int) -> Opinion:
    """An opinion after a lesson; a job is one job, however many pictures it was compared with."""
    if lesson.moot:
        return opinion.worked(now_ms)
    found = opinion.audited(lesson.outcome, lesson.reference, now_ms)
    return replace(found, jobs=opinion.jobs) if lesson.again else found


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one node made of the job: its receipt, checked, and the pictures: decoded, or none where they are measured elsewhere."""

    seat: Seat
    receipt: NodeReceipt
    pictures: tuple[Image.Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """One node's part of the evidence: its receipt as it signed it, and the SHA-256 of its pictures and of its weights, in hex."""

    node: str
    owner: str
    lane: Lane
    receipt: str
    pictures: tuple[str, ...]
    digest: str | None
    engine: str
    precision: str


@dataclass(frozen=True, slots=True)
class Measured:
    """One comparison: of `suspect` with `reference`, as roles. `differences` has one for each picture that could be measured."""

    reference: Role
    suspect: Role
    outcome: Outcome
    why: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """The evidence of one audit, to be kept and shown: it has no word of the prompt in it. `limits` are those that were held against
    it; `at_ms` is the observer's clock, in milliseconds since 1970."""

    kind: Kind
    finding: Finding
    suspect: Side
    reference: Side
    third: Side | None
    measured: tuple[Measured, ...]
    limits: Thresholds | None
    at_ms: int

    @property
    def wants_third(self) -> bool:
        """Whether the two disagree and nobody else was asked yet."""
        return self.third is None and self.measured[0].outcome == "mismatch"


Gaps = Mapping[tuple[Role, Role], Sequence[Gap]]
"""How far the pictures of two are apart, one for each picture; the first of the two is what the other is held against."""


def measured_here(reference: Drawn, suspect: Drawn, third: Drawn | None = None) -> Gaps:
    """Of pictures that are decoded in this process."""
    pairs: list[tuple[Role, Drawn, Role, Drawn]] = [("reference", reference, "suspect", suspect)]
    if third is not None:
        pairs += [("third", third, "reference", reference), ("third", third, "suspect", suspect)]
    return {
        (one, other): [gap(a, b) for a, b in zip(by.pictures, of.pictures, strict=False)]
        for one, by, other, of in pairs
    }


def examine(
    kind: Kind, reference: Drawn, suspect: Drawn, limits: Thresholds | None, now_ms: int, third: Drawn | None = None,
    gaps: Gaps | None = None,
) -> Record:  # fmt: skip
    """Compares what the nodes made of one job, by `gaps` where they were measured elsewhere; roughly, where there are no `limits`. Asked
    again with a third where `wants_third`."""
    gaps = measured_here(reference, suspect, third) if gaps is None else gaps
    first = _judged("reference", "suspect", reference, suspect, limits, gaps)
    measured: tuple[Measured, ...] = (first,)
    by_third: tuple[Outcome, Outcome] | None = None
    if third is not None:
        others = (
            _judged("third", "reference", third, reference, limits, gaps),
            _judged("third", "suspect", third, suspect, limits, gaps),
        )
        measured, by_third = (first, *others), (others[0].outcome, others[1].outcome)
    found = conclude(first.outcome, by_third, trusted=reference.seat.lane in KNOWN_LANES, rough=limits is None)
    return Record(
        kind, found, _side(suspect), _side(reference), None if third is None else _side(third), measured, limits, now_ms
    )


def _judged(
    role: Role, other: Role, reference: Drawn, suspect: Drawn, limits: Thresholds | None, gaps: Gaps
) -> Measured:
    one, two = reference.receipt.body, suspect.receipt.body
    if (one.policy, two.policy) != ("ok", "ok") or len(one.outputs) != len(two.outputs):
        return _unsaid(role, other, "One of the two did not draw all of it.")
    if (one.seed, one.steps) != (two.seed, two.steps):
        return _unsaid(role, other, "They say themselves that they drew it with another seed or other steps.")
    pairs = [(_pair(reference, suspect, found, limits), found.found) for found in gaps.get((role, other), ())]
    if len(pairs) != len(one.outputs):
        return _unsaid(role, other, "The pictures could not be compared.")
    worst = _first(pairs, lambda pair: pair[0].outcome == "mismatch") or _first(
        pairs, lambda pair: pair[0].outcome == "inconclusive"
    )
    said = (worst or pairs[0])[0] if pairs else Comparison("inconclusive", "There are no pictures.")
    return Measured(role, other, said.outcome, said.why, tuple(found for _, found in pairs if found is not None))


def _pair(reference: Drawn, suspect: Drawn, found: Gap, limits: Thresholds | None) -> Comparison:
    by, other = _by(reference), _by(suspect)
    if min(*found.reference, *found.suspect) < LEAST_SIDE:
        return Comparison("inconclusive", "The pictures are too small to compare.")
    if found.found is not None:
        return compare_roughly(by, other, found.found) if limits is None else compare(by, other, found.found, limits)
    if not (by.akin(other) if limits is None else by.comparable(other)):
        return Comparison("inconclusive", OTHER_CLASS)
    (wide, high), (width, height) = found.reference, found.suspect
    return Comparison("mismatch", f"It has {width}x{height} pixels, and the reference {wide}x{high}.")


def _unsaid(role: Role, other: Role, why: str) -> Measured:
    return Measured(role, other, "inconclusive", why, ())


def _first(found: Iterable[T], fits: Callable[[T], bool]) -> T | None:
    return next((one for one in found if fits(one)), None)


def _by(drawn: Drawn) -> DrawnBy:
    body = drawn.receipt.body
    return drawn_by(body)


def _side(drawn: Drawn) -> Side:
    body, seat = drawn.receipt.body, drawn.seat
    return Side(
        seat.node, seat.owner, seat.lane, drawn.receipt.line.text, tuple(one.sha256 for one in body.outputs), body.digest,
        body.engine, body.precision,
    )  # fmt: skip
