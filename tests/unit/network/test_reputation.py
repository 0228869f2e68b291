"""Opinions: counted, fading, never bought; and how often one looks."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.network import reputation
from triptych.network.compare import Outcome
from triptych.network.reputation import HALF_LIFE_MS, PROBATION_JOBS, Opinion, jobs_until_caught

NOW = 1_800_000_000_000


def after(good: int, bad: int = 0, jobs: int = 0, start: Opinion | None = None) -> Opinion:
    found = start or Opinion(at_ms=NOW)
    for _ in range(good):
        found = found.audited("match", "a", NOW)
    for _ in range(bad):
        found = found.audited("mismatch", "a", NOW)
    for _ in range(jobs):
        found = found.worked(NOW)
    return found


def test_nobody_is_known_at_first() -> None:
    new = Opinion()
    assert (new.score, new.standing(NOW), new.audit_rate(NOW)) == (0.5, "probation", 0.2)


def test_the_way_from_probation_to_trust() -> None:
    found = after(10, jobs=PROBATION_JOBS - 11)
    assert (found.standing(NOW), found.jobs) == ("probation", 49)
    found = found.worked(NOW)
    assert (found.standing(NOW), found.audit_rate(NOW)) == ("normal", 0.05)
    found = after(89, start=found)
    assert found.standing(NOW) == "normal"
    found = after(1, start=found)
    assert (found.standing(NOW), found.audit_rate(NOW)) == ("trusted", 0.01)
    assert found.score == 101 / 102


def test_trust_fades_without_proof() -> None:
    found = after(100)
    assert found.standing(NOW) == "trusted"
    assert found.faded(NOW + HALF_LIFE_MS).good == pytest.approx(50)
    assert found.standing(NOW + HALF_LIFE_MS) == "normal"
    assert found.faded(NOW - 5) == found


def test_one_mismatch_is_evidence_and_two_references_are_a_quarantine() -> None:
    found = after(100, bad=1)
    assert (found.standing(NOW), found.audit_rate(NOW)) == ("probation", 0.2)
    assert (
        after(0, bad=1, start=found).standing(NOW) == "probation"
    )  # the same reference, which may itself be the bad one
    caught = found.audited("mismatch", "b", NOW)
    assert (caught.standing(NOW), caught.audit_rate(NOW)) == ("quarantine", 0)
    assert caught.standing(NOW + 100 * HALF_LIFE_MS) == "quarantine"
    assert caught.pardoned().standing(NOW) == "probation"


def test_a_mismatch_is_forgotten_in_the_end() -> None:
    later = NOW + 2 * HALF_LIFE_MS
    found = after(0, start=after(60, bad=1).faded(later))
    assert found.standing(later) == "normal"
    assert found.bad == pytest.approx(0.25)


def test_what_proves_nothing_speaks_for_and_against_nobody() -> None:
    found = Opinion(at_ms=NOW).audited("inconclusive", "a", NOW)
    assert (found.good, found.bad, found.jobs, found.against, found.unclear) == (0, 0, 1, (), 1)
    assert found.score == Opinion().score
    assert found.faded(NOW + HALF_LIFE_MS).unclear == pytest.approx(0.5)


def test_jobs_that_nobody_looked_at_take_nobody_off_probation() -> None:
    never = after(0, jobs=5000)
    assert (never.standing(NOW), never.audit_rate(NOW)) == ("probation", 0.2)
    once = never.audited("match", "a", NOW)
    assert once.standing(NOW) == "probation"
    assert once.audited("match", "a", NOW).standing(NOW) == "normal"


def test_proof_fades_and_then_it_is_looked_at_more_often_again() -> None:
    found = after(3, jobs=PROBATION_JOBS)
    assert found.standing(NOW) == "normal"
    assert found.standing(NOW + HALF_LIFE_MS // 2) == "normal"
    assert found.standing(NOW + HALF_LIFE_MS) == "probation"


def test_who_sees_to_it_that_looks_say_nothing_is_on_probation() -> None:
    found = after(3, jobs=PROBATION_JOBS)
    for _ in range(9):
        found = found.audited("inconclusive", "a", NOW)
    assert found.standing(NOW) == "normal"
    found = found.audited("inconclusive", "a", NOW)
    assert (found.standing(NOW), found.audit_rate(NOW), found.against) == ("probation", 0.2, ())
    assert found.audited("match", "a", NOW).standing(NOW) == "normal"
    trusted = after(100)
    for _ in range(301):
        trusted = trusted.audited("inconclusive", "a", NOW)
    assert trusted.standing(NOW) == "probation"


def test_an_honest_machine_is_not_held_back_by_looks_that_say_nothing() -> None:
    """A third of the looks at honest machines say nothing (benchmarks/network_sim.json)."""
    draw, held = random.Random(5), 0
    for _ in range(1000):
        found = Opinion(at_ms=NOW)
        for number in range(150):
            looked = draw.random() < (0.2 if found.standing(NOW) == "probation" else 0.05)
            outcome: Outcome = "match" if draw.random() < 0.675 else "inconclusive"
            found = found.audited(outcome, "a", NOW) if looked else found.worked(NOW)
            held += number >= 100 and found.standing(NOW) == "probation"
    assert held / 50_000 < 0.01


@settings(deadline=None)
@given(good=st.floats(0, 1e6), bad=st.floats(0, 1e6), passed=st.integers(0, 10 * HALF_LIFE_MS))
def test_a_score_is_a_chance_and_time_brings_it_to_the_middle(good: float, bad: float, passed: int) -> None:
    found = Opinion(good, bad, at_ms=NOW)
    later = found.faded(NOW + passed)
    assert 0 < found.score < 1
    assert abs(later.score - 0.5) <= abs(found.score - 0.5) + 1e-12
    assert later.faded(NOW + passed) == later


class TestArithmetic:
    @pytest.mark.parametrize(
        ("rate", "wanted"),
        [
            (0.01, (314, 630, 1576, 6306)),
            (0.05, (62, 125, 314, 1260)),
            (0.10, (31, 62, 157, 630)),
            (0.20, (15, 31, 78, 314)),
        ],
    )
    def test_how_long_until_somebody_is_caught(self, rate: float, wanted: tuple[int, ...]) -> None:
        assert tuple(jobs_until_caught(rate, share) for share in (1, 0.5, 0.2, 0.05)) == wanted

    def test_the_arithmetic_holds_when_it_is_played_through(self) -> None:
        draw, jobs = random.Random(1), jobs_until_caught(0.2, 0.5)
        caught = sum(any(draw.random() < 0.95 * 0.2 * 0.5 for _ in range(jobs)) for _ in range(2000))
        assert 0.94 <= caught / 2000 <= 0.96 + 0.005

    @pytest.mark.parametrize(
        ("rate", "cheated", "sure"), [(0, 1, 0.95), (0.2, 0, 0.95), (0.2, 1, 1), (0.2, 1, 0), (2, 1, 0.95)]
    )
    def test_shares_that_are_none(self, rate: float, cheated: float, sure: float) -> None:
        with pytest.raises(ValueError, match="above 0"):
            jobs_until_caught(rate, cheated, sure)

    def test_the_rates(self) -> None:
        assert (reputation.AUDIT_PROBATION, reputation.AUDIT_NORMAL, reputation.AUDIT_TRUSTED) == (0.2, 0.05, 0.01)
