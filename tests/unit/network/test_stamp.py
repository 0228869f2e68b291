"""Stamps: made with work, checked with one look, for one node and one hour."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.network import stamp
from triptych.network.stamp import FRESH_MS, SKEW_MS, Stamp, StampError

NOW = 1_800_000_000_000
MADE = stamp.make("node", NOW, 4) or Stamp(0, 0)


def test_scrypt_as_its_rfc_has_it() -> None:
    """RFC 7914 section 12, second vector: the function below the stamp is the one that is meant."""
    found = hashlib.scrypt(b"password", salt=b"NaCl", n=1024, r=8, p=16, dklen=64)
    assert found.hex().startswith("fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162")


def test_a_stamp_counts_for_its_subject_and_hour() -> None:
    for now in (NOW - SKEW_MS, NOW, NOW + FRESH_MS):
        stamp.check(MADE, "node", now, 4)


@pytest.mark.parametrize(
    ("now", "bits", "reason"),
    [(NOW - SKEW_MS - 1, 4, "early"), (NOW + FRESH_MS + 1, 4, "old"), (NOW, 24, "too_easy")],
)
def test_a_stamp_that_does_not_count(now: int, bits: int, reason: str) -> None:
    with pytest.raises(StampError) as told:
        stamp.check(MADE, "node", now, bits)
    assert told.value.reason == reason


def test_the_work_is_for_one_subject_and_one_moment() -> None:
    found = stamp.work("node", MADE)
    for other in (stamp.work("other", MADE), stamp.work("node", Stamp(MADE.made_ms + 1, MADE.counter)),
                  stamp.work("node", Stamp(MADE.made_ms, MADE.counter + 1))):  # fmt: skip
        assert other != found
    assert stamp.zeros(found) >= 4


def test_nothing_before_the_stamp_would_have_counted() -> None:
    assert stamp.make("node", NOW, 4, tries=MADE.counter) is None
    assert stamp.make("node", NOW, 4, start=MADE.counter, tries=1) == MADE


@settings(max_examples=10, deadline=None)
@given(bits=st.integers(1, 3), subject=st.text(max_size=20), made_ms=st.integers(0, 2**53 - 1))
def test_what_is_made_counts(bits: int, subject: str, made_ms: int) -> None:
    found = stamp.make(subject, made_ms, bits)
    assert found is not None
    stamp.check(found, subject, made_ms, bits)


@pytest.mark.parametrize(
    ("made", "bits"), [(Stamp(-1, 0), 4), (Stamp(0, -1), 4), (Stamp(0, 2**53), 4), (MADE, 0), (MADE, 25)]
)
def test_numbers_that_make_no_stamp(made: Stamp, bits: int) -> None:
    with pytest.raises(StampError) as told:
        stamp.check(made, "node", NOW, bits)
    assert told.value.reason == "malformed"
    with pytest.raises(StampError):
        stamp.make("node", made.made_ms, bits, start=made.counter, tries=1)


@settings(deadline=None)
@given(data=st.binary(max_size=40))
def test_zero_bits_are_counted_from_the_front(data: bytes) -> None:
    text = "".join(f"{byte:08b}" for byte in data)
    assert stamp.zeros(data) == len(text) - len(text.lstrip("0"))
