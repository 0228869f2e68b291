"""What an observer thinks of an owner's nodes with one model: counts that fade, and how often to look.

Each studio counts for itself, and may take in what hubs that it chose have signed; there is no score for everybody, and nothing that
could be bought. A count is what fits (`good`) and what does not (`bad`), as in a Beta distribution; both halve every 30 days. An
outcome that proves nothing (`unclear`) speaks neither for nor against anybody, but who has only such stays on probation.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

from triptych.network.compare import Outcome

HALF_LIFE_MS = 30 * 86_400_000
PROBATION_JOBS = 50  # the first of an owner with a model
PROVEN_GOOD = 2.0  # good ones, faded: less than that is what anybody could be
VAGUE = 3  # looks that said nothing for each good one, both faded: somebody sees to it that they say nothing
TRUSTED_GOOD = 100  # good ones, faded, and none bad of late
AUDIT_PROBATION, AUDIT_NORMAL, AUDIT_TRUSTED = 0.20, 0.05, 0.01
POWER = 0.95  # how surely one look at a bad picture finds it
_PRIOR_GOOD, _PRIOR_BAD = 1.0, 1.0
_NAMED = 8  # references that are remembered
_WATCHED = 0.5  # bad, faded: a month after one mismatch
_FORGIVEN = 0.05  # bad, faded: what is less is as good as forgotten

Standing = Literal["probation", "normal", "trusted", "quarantine"]


@dataclass(frozen=True, slots=True)
class About:
    """Whom an opinion is about: the owner's key, or the node's where it has no owner, and a model's digest or name."""

    owner: str
    model: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one observer has counted. `good`, `bad` and `unclear`, looks that proved nothing, are as of `at_ms`, in milliseconds since
    1970; `jobs` is every job that was ever done, looked at or not; `against` names whose pictures it did not match, each once, the
    first eight."""

    good: float = 0.0
    bad: float = 0.0
    jobs: int = 0
    at_ms: int = 0
    against: tuple[str, ...] = ()
    unclear: float = 0.0

    def faded(self, now_ms: int) -> "Opinion":
        """The same as of now. A clock that went back fades nothing."""
        passed = max(0, now_ms - self.at_ms)
        kept = 0.5 ** (passed / HALF_LIFE_MS)
        now = max(now_ms, self.at_ms)  # `replace` takes five times as long, and a decision asks this of every node
        return Opinion(self.good * kept, self.bad * kept, self.jobs, now, self.against, self.unclear * kept)

    def worked(self, now_ms: int) -> "Opinion":
        """After a job that nobody looked at twice."""
        return replace(self.faded(now_ms), jobs=self.jobs + 1)

    def audited(self, outcome: Outcome, reference: str, now_ms: int) -> "Opinion":
        """After a job that was drawn again by `reference`, the owner of another node."""
        found = self.worked(now_ms)
        if outcome == "match":
            return replace(found, good=found.good + 1)
        if outcome == "mismatch":
            return replace(found, bad=found.bad + 1, against=tuple(dict.fromkeys((*self.against, reference)))[:_NAMED])
        return replace(found, unclear=found.unclear + 1)

    def pardoned(self) -> "Opinion":
        """After a person has looked: as new, on probation."""
        return Opinion(at_ms=self.at_ms)

    @property
    def score(self) -> float:
        """The chance that the next picture is good, 0 to 1: the mean of Beta(good + 1, bad + 1)."""
        return (self.good + _PRIOR_GOOD) / (self.good + self.bad + _PRIOR_GOOD + _PRIOR_BAD)

    def standing(self, now_ms: int) -> Standing:
        """How it stands now. Two mismatches with two different references put it into quarantine, until a person pardons it:
        one alone may be the reference's own. Jobs alone take nobody off probation: some of its pictures must have matched, and
        those looks that said nothing must not be many times more. So whose pictures can never be compared stays on it."""
        now = self.faded(now_ms)
        if len(set(self.against)) > 1:
            return "quarantine"
        proven = now.good >= PROVEN_GOOD and now.unclear <= VAGUE * now.good
        if self.jobs < PROBATION_JOBS or now.bad > _WATCHED or not proven:
            return "probation"
        return "trusted" if now.good >= TRUSTED_GOOD and now.bad < _FORGIVEN else "normal"

    def audit_rate(self, now_ms: int) -> float:
        """The share of its jobs that are to be drawn twice; none where it gets none."""
        rates: dict[Standing, float] = {
            "probation": AUDIT_PROBATION, "normal": AUDIT_NORMAL, "trusted": AUDIT_TRUSTED, "quarantine": 0.0,
        }  # fmt: skip
        return rates[self.standing(now_ms)]


def jobs_until_caught(rate: float, cheated: float, sure: float = 0.95) -> int:
    """How many jobs until somebody who cheats in a share of them is found with that chance, at an audit rate: the arithmetic
    that simulations are held against. Raises ValueError for shares that are none."""
    chance = POWER * rate * cheated
    if not 0 < chance < 1 or not 0 < sure < 1:
        raise ValueError("A rate, a share and a chance are each above 0 and below 1.")
    return math.ceil(math.log(1 - sure) / math.log(1 - chance))
