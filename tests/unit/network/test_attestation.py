"""Evidence of hardware: real documents hold as of their time, and each way in which evidence is not believed."""

import hashlib
import random
from datetime import timedelta
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.network.attestation_tools import (
    INTEL_MS,
    PCRS,
    REAL,
    REAL_DEBUG,
    REAL_DEBUG_MS,
    REAL_MS,
    SGX,
    SGX_COLLATERAL,
    TDX,
    TDX_COLLATERAL,
    vendor,
)
from tests.unit.network.card_tools import FIRST, NODE, NOW, SECOND, body, made

from triptych.network import card
from triptych.network.attestation import nitro, quote
from triptych.network.attestation.errors import AttestationError
from triptych.network.attestation.standing import Standing, Trust, standing
from triptych.network.card import Attest, Card
from triptych.network.jose import decode_url64, encode_url64

REAL_USER_DATA = bytes.fromhex("69553adc61d6e9fcdecbe1ea49bb2b52a60238e0")
BOUND = hashlib.sha256(b"keys").digest()
HOUR = 3_600_000
ENCODED = Encoding.DER
OURS = vendor(NOW)


def why(reason: str, check: Any) -> str:
    with pytest.raises(AttestationError) as told:
        check()
    assert told.value.reason == reason, told.value
    assert str(told.value).endswith(".")
    return str(told.value)


def checked(data: bytes, *, now_ms: int = NOW, bound: bytes = BOUND, nonce: bytes | None = None) -> nitro.NitroDocument:
    found = nitro.read(data)
    nitro.verify(found, now_ms, bound=bound, nonce=nonce, root_sha256=OURS.root_sha256)
    return found


# Real documents of AWS.


def test_a_real_document_holds_as_of_its_time() -> None:
    found = nitro.read(REAL)
    nitro.verify(found, REAL_MS + HOUR, bound=REAL_USER_DATA)
    assert (found.module, found.time_ms, found.debug) == ("i-0368fa67e156d6d23-enc019b8596b1a9dad6", REAL_MS, False)
    assert found.pcrs[0].hex().startswith("4b8d4cf2a99e05ce1b5bddaf9d21cb44")
    assert found.program == hashlib.sha256(found.pcrs[0] + found.pcrs[1] + found.pcrs[2]).hexdigest()


def test_a_real_document_ends_after_three_hours_and_is_for_one_key() -> None:
    found = nitro.read(REAL)
    why("time", lambda: nitro.verify(found, REAL_MS + 3 * HOUR + 1, bound=REAL_USER_DATA))
    why("time", lambda: nitro.verify(found, REAL_MS - 60_001, bound=REAL_USER_DATA))
    why("keys", lambda: nitro.verify(found, REAL_MS, bound=BOUND))
    why("nonce", lambda: nitro.verify(found, REAL_MS, bound=REAL_USER_DATA, nonce=b"n"))
    why("chain", lambda: nitro.verify(found, REAL_MS, bound=REAL_USER_DATA, root_sha256=OURS.root_sha256))


def test_a_real_document_of_debug_mode_is_refused_although_all_else_holds() -> None:
    found = nitro.read(REAL_DEBUG)
    assert found.user_data is not None
    assert found.nonce == bytes(19) + b"\1"
    told = why("debug", lambda: nitro.verify(found, REAL_DEBUG_MS, bound=found.user_data or b""))
    assert "look into it" in told


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, len(REAL) - 1), bit=st.integers(0, 7))
def test_no_bit_of_a_real_document_can_be_changed(at: int, bit: int) -> None:
    broken = bytearray(REAL)
    broken[at] ^= 1 << bit
    with pytest.raises(AttestationError):
        nitro.verify(nitro.read(bytes(broken)), REAL_MS, bound=REAL_USER_DATA)


# Documents of our own vendor.


def test_our_own_chain_holds_and_answers_a_nonce() -> None:
    found = checked(OURS.document(BOUND, nonce=b"asked"), nonce=b"asked")
    assert not found.debug
    tagged = cbor2.dumps(cbor2.CBORTag(18, cbor2.loads(OURS.document(BOUND))))
    checked(tagged)


@pytest.mark.parametrize("zero", [0, 1, 2])
def test_a_register_of_zeros_is_debug_mode(zero: int) -> None:
    data = OURS.document(BOUND, pcrs={**PCRS, zero: bytes(48)})
    why("debug", lambda: checked(data))
    without = {number: value for number, value in PCRS.items() if number != zero}
    why("debug", lambda: checked(OURS.document(BOUND, pcrs=without)))


@pytest.mark.parametrize(("field", "value"), [
    ("module_id", ""), ("module_id", ...), ("module_id", 5), ("digest", "SHA256"), ("digest", ...), ("timestamp", 0),
    ("timestamp", -1), ("timestamp", "now"), ("timestamp", 1.5), ("timestamp", ...), ("pcrs", {}), ("pcrs", {0: b"\1" * 32}),
    ("pcrs", {32: b"\1" * 48}), ("pcrs", {"0": b"\1" * 48}), ("pcrs", [b"\1" * 48]), ("pcrs", ...), ("certificate", b""),
    ("certificate", b"\1" * 1025), ("certificate", "text"), ("certificate", ...), ("cabundle", []), ("cabundle", [b""]),
    ("cabundle", [b"\1"] * 9), ("cabundle", b"\1"), ("cabundle", ...), ("public_key", b""), ("public_key", b"\1" * 1025),
    ("user_data", b"\1" * 513), ("user_data", "text"), ("nonce", b"\1" * 513), ("nonce", 5),
])  # fmt: skip
def test_every_malformed_field_is_said(field: str, value: Any) -> None:
    told = why("malformed", lambda: nitro.read(OURS.document(BOUND, **{field: value})))
    assert field in told


@pytest.mark.parametrize(("data", "says"), [
    (b"", "no CBOR"), (b"\xff", "no CBOR"), (b"\x01", "four parts"), (b"\x80", "four parts"), (b"\x84\x01\x02\x03\x04", "not bytes"),
    (b"\x81" * 50, "no CBOR"), (b"\xd1\x80", "tag"), (OURS.document(BOUND) + b"\0", "stands behind"),
    (b"\0" * 20_000, "KiB"), (OURS.document(BOUND, header={1: -7}), "ES384"), (OURS.document(BOUND, header={}), "ES384"),
    (OURS.document(BOUND, header=[]), "ES384"), (cbor2.dumps([b"\xa1\x01\x38\x22", {}, b"\xa0", b"short"]), "96"),
    (cbor2.dumps([b"\xa1\x01\x38\x22", {1: 2}, b"\xa0", bytes(96)]), "ES384"),
    (cbor2.dumps([b"\xa1\x01\x38\x22", {}, b"\xa2\x01\x02\x01\x03", bytes(96)]), "CBOR"),
])  # fmt: skip
def test_what_is_no_document_is_said(data: bytes, says: str) -> None:
    assert says in why("malformed", lambda: nitro.read(data))


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=80).map(lambda some: b"\x84\x44\xa1\x01\x38\x22\xa0" + some))
def test_garbage_is_malformed_and_nothing_else(data: bytes) -> None:
    why("malformed", lambda: nitro.read(data))


def test_a_chain_that_leads_elsewhere_is_refused() -> None:
    other = vendor(NOW - 1)
    why("chain", lambda: checked(other.document(BOUND)))
    bundle = [one.public_bytes(ENCODED) for one in (OURS.chain[0], *other.chain[1:])]
    assert "root" in why("chain", lambda: checked(other.document(BOUND, cabundle=bundle)))
    short = [one.public_bytes(ENCODED) for one in OURS.chain[:-1]]
    why("chain", lambda: checked(OURS.document(BOUND, cabundle=short)))


@pytest.mark.parametrize("leaf", [
    {"ca": True, "path": 0}, {"ca": False, "signs": False}, {"ca": False, "life": timedelta(seconds=-30)},
])  # fmt: skip
def test_a_leaf_that_may_not_sign_or_had_ended_is_refused(leaf: dict[str, Any]) -> None:
    why("chain", lambda: checked(OURS.document(BOUND, leaf=OURS.certificate(4, **leaf))))


def test_a_document_dated_out_of_its_certificates_life_is_refused() -> None:
    why("chain", lambda: checked(OURS.document(BOUND, timestamp=NOW + 4 * HOUR), now_ms=NOW + 4 * HOUR))
    why("malformed", lambda: checked(OURS.document(BOUND, timestamp=2**53 - 1)))


def test_a_certificate_that_is_none_is_malformed() -> None:
    junk = OURS.document(BOUND, cabundle=[OURS.chain[0].public_bytes(ENCODED), b"junk"])
    assert "certificate" in why("malformed", lambda: checked(junk))


def test_a_signature_of_another_key_is_refused() -> None:
    parts = cbor2.loads(OURS.document(BOUND))
    parts[3] = bytes(95) + b"\1"
    why("signature", lambda: checked(cbor2.dumps(parts)))


# Real quotes of Intel.


def test_a_real_quote_of_tdx_holds_as_of_its_collateral() -> None:
    found = quote.read(TDX)
    assert (found.kind, found.debug, found.raw) == ("tdx", False, TDX)
    quote.verify(found, TDX_COLLATERAL, INTEL_MS, bound=found.report_data)
    why("keys", lambda: quote.verify(found, TDX_COLLATERAL, INTEL_MS, bound=BOUND))


def test_a_real_quote_of_sgx_whose_machine_needs_care_is_refused_with_the_vendors_words() -> None:
    found = quote.read(SGX)
    assert (found.kind, len(found.program), found.report_data[:13]) == ("sgx", 64, b"Hello, world!")
    told = why("platform", lambda: quote.verify(found, SGX_COLLATERAL, INTEL_MS, bound=b"Hello, world!"))
    assert "ConfigurationAndSWHardeningNeeded" in told
    assert "INTEL-SA-00615" in told


def test_what_intel_says_ends_and_must_be_of_this_machine() -> None:
    found = quote.read(TDX)
    late = INTEL_MS + 90 * 24 * HOUR
    why("collateral", lambda: quote.verify(found, TDX_COLLATERAL, late, bound=found.report_data))
    why("collateral", lambda: quote.verify(found, "{}", INTEL_MS, bound=found.report_data))
    why("signature", lambda: quote.verify(found, SGX_COLLATERAL, INTEL_MS, bound=found.report_data))


def test_debug_mode_is_refused_before_anything_else_of_a_quote() -> None:
    tdx, sgx = bytearray(TDX), bytearray(SGX)
    tdx[48 + 120] |= 1  # the header, then TDATTRIBUTES in the body of a TD quote
    sgx[48 + 48] |= 2  # the header, then ATTRIBUTES in the report of an enclave
    for data, collateral in ((tdx, TDX_COLLATERAL), (sgx, SGX_COLLATERAL)):
        found = quote.read(bytes(data))
        assert found.debug
        why("debug", lambda found=found, collateral=collateral: quote.verify(found, collateral, INTEL_MS, bound=BOUND))


def test_no_measured_byte_of_a_real_quote_can_be_changed() -> None:
    draw = random.Random(5)
    for at in (draw.randrange(48, 632) for _ in range(25)):
        broken = bytearray(TDX)
        broken[at] ^= 0x80
        with pytest.raises(AttestationError):
            changed = quote.read(bytes(broken))
            quote.verify(changed, TDX_COLLATERAL, INTEL_MS, bound=changed.report_data)


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300) | st.integers(0, len(TDX)).map(lambda size: TDX[:size]))
def test_what_is_no_quote_is_said_or_read(data: bytes) -> None:
    try:
        quote.read(data)
    except AttestationError as error:
        assert error.reason == "malformed"


# Cards.

PROGRAM = "nitro:" + hashlib.sha256(PCRS[0] + PCRS[1] + PCRS[2]).hexdigest()
TRUST = Trust(programs=frozenset({PROGRAM}), root_sha256=OURS.root_sha256)


def carded(evidence: bytes, kind: Any = "nitro", **changed: Any) -> Card:
    hpke = decode_url64(body().hpke) or b""
    binds = card.binding(NODE.key.public, hpke)
    return made(attest=Attest(type=kind, evidence=encode_url64(evidence), binds=binds), **changed)


def binds() -> bytes:
    return bytes.fromhex(card.binding(NODE.key.public, decode_url64(body().hpke) or b""))


def test_a_card_with_evidence_that_holds_is_attested() -> None:
    found = standing(carded(OURS.document(binds())), NOW + 1000, TRUST)
    assert (found.lane, found.program) == ("attested", PROGRAM)


def test_a_card_without_evidence_is_of_the_community() -> None:
    assert standing(made(), NOW, TRUST) == Standing("community", "It shows no evidence of its hardware.", checked=False)


def test_evidence_is_for_both_keys_of_the_card() -> None:
    found = standing(carded(OURS.document(BOUND)), NOW, TRUST)
    assert found.lane == "community"
    assert "not for the keys" in found.why
    with pytest.raises(card.CardError) as told:  # the same evidence on a card with another key to seal to
        made(SECOND, attest=carded(OURS.document(binds())).body.attest)
    assert told.value.reason == "attest"
    assert FIRST != SECOND


@pytest.mark.parametrize(("evidence", "kind", "says"), [
    (lambda: OURS.document(binds(), pcrs={**PCRS, 0: bytes(48)}), "nitro", "debug mode"),
    (lambda: OURS.document(binds(), pcrs={**PCRS, 0: b"\x09" * 48}), "nitro", "nobody here has said"),
    (lambda: vendor(NOW - 1).document(binds()), "nitro", "root"),
    (lambda: b"junk", "nitro", "no CBOR"),
    (lambda: b"junk", "snp", "cannot check it yet"),
    (lambda: b"junk", "tdx", "no quote"),
    (lambda: TDX, "sgx", "the quote is of tdx"),
    (lambda: TDX, "tdx", "not at hand"),
])  # fmt: skip
def test_evidence_that_does_not_hold_earns_nothing_and_says_why(evidence: Any, kind: str, says: str) -> None:
    found = standing(carded(evidence(), kind), NOW, TRUST)
    assert found.lane == "community"
    assert says in found.why


def test_old_evidence_drops_to_the_community() -> None:
    late = NOW + 3 * HOUR + 1
    fresh = carded(OURS.document(binds()), issued_ms=late, expires_ms=late + 600_000)
    assert standing(fresh, NOW + HOUR, TRUST).lane == "attested"
    found = standing(fresh, late, TRUST)
    assert found.lane == "community"
    assert "180 minutes old" in found.why


def test_a_quote_is_checked_with_what_is_handed_in() -> None:
    program = f"tdx:{quote.read(TDX).program}"
    trust = Trust(frozenset({program}), collateral=lambda kind: TDX_COLLATERAL if kind == "tdx" else None)
    found = standing(carded(TDX, "tdx"), INTEL_MS, trust)
    assert found.program == program
    assert "not for the keys" in found.why


def test_without_the_packages_nothing_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triptych.network.attestation.errors.find_spec", lambda _: None)
    found = standing(carded(OURS.document(binds())), NOW, TRUST)
    assert found.lane == "community"
    assert "triptych[attest]" in found.why
