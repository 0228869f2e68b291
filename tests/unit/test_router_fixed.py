"""Powers of two in whole numbers, against a second way of computing them."""

from decimal import MAX_EMAX, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.router.draw import log2_fixed
from triptych.router.fixed import exp2_fixed, halved
from triptych.router.latency import HALF_LIFE_MS, Latency

DAY_MS = 86_400_000


def power(exponent: int) -> Decimal:
    """2^(exponent / 2^32) to sixty digits."""
    with localcontext(prec=60, Emax=MAX_EMAX):
        return Decimal(2) ** (Decimal(exponent) / (1 << 32))


@given(st.integers(0, 40 << 32))
def test_a_power_is_the_nearest_whole_number(exponent: int) -> None:
    assert abs(exp2_fixed(exponent) - power(exponent)) <= Decimal("0.5001")


@given(st.integers(1, DAY_MS))
def test_a_power_is_the_way_back_from_a_logarithm(value: int) -> None:
    assert exp2_fixed(log2_fixed(value)) == value


@given(st.integers(0, DAY_MS), st.integers(0, DAY_MS), st.integers(1, DAY_MS))
def test_what_is_left_halves_and_never_grows(value: int, elapsed: int, half_life: int) -> None:
    left = halved(value, elapsed, half_life)
    exact = value / power((elapsed << 32) // half_life)
    assert exact - 1 <= left <= exact + Decimal("1e-9") * value
    assert halved(value, elapsed + half_life, half_life) <= left // 2 + 1


@pytest.mark.parametrize(("exponent", "expected"), [
    (0, 1), (1 << 32, 2), (43_209_876_543, 1068), (56_789_012_345, 9556), (87_654_321_098, 1_391_888), (40 << 32, 1 << 40),
])  # fmt: skip
def test_powers_for_whoever_writes_them_in_another_language(exponent: int, expected: int) -> None:
    assert exp2_fixed(exponent) == expected


def test_durations_for_whoever_counts_them_in_another_language() -> None:
    latency = Latency(50, 30)
    told = []
    for number, took in enumerate((900, 60_000, 1, 0, 7777, 7778, 250, 3_600_000, 1234)):
        latency.add(took, 1000 * number * number)
        seen = latency.measured(1000 * number * number + 500)
        assert seen is not None
        told.append((seen.usual_ms, seen.p95_ms, seen.peak_ms))
    assert told == GOLDEN
    assert halved(100_000, HALF_LIFE_MS, HALF_LIFE_MS) == 50_000


GOLDEN = [
    (900, 900, 900), (3173, 60_000, 59_509), (282, 60_000, 56_484), (52, 60_000, 51_798), (233, 60_000, 45_909),
    (668, 60_000, 39_379), (498, 60_000, 32_629), (7157, 3_600_000, 3_569_004), (4224, 3_600_000, 2_753_025),
]  # fmt: skip
