"""What a receipt says, what it keeps to itself, and that not one byte of it can be changed."""

import base64
import json
import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.receipt_tools import ATTEMPT, FACTS, IMAGE, OTHER, PROMPT, SIGNER, TILE, WIRE, made, receipt

from triptych.network.jose import decode_url64, encode_url64, kid_of
from triptych.network.receipt import MAX_BYTES, ReceiptError, canonical, commitment, read, sign
from triptych.spec.image import Adjustment
from triptych.spec.model import JobHandle
from triptych.spec.records import TileError
from triptych.spec.routing import Candidate
from triptych.studio.receipts import _host, _job_id


def payload(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "=="))
    return found


def test_a_second_implementation_accepts_it() -> None:
    """RFC 7515 section 5.2 and RFC 8037 section 3.1, by hand."""
    header, body, signature = made().body.split(".")
    head = json.loads(base64.urlsafe_b64decode(header + "=="))
    key = base64.urlsafe_b64decode(head["jwk"]["x"] + "==")
    Ed25519PublicKey.from_public_bytes(key).verify(
        base64.urlsafe_b64decode(signature + "=="), f"{header}.{body}".encode()
    )
    assert (head["alg"], head["typ"], key) == ("EdDSA", "triptych-receipt", SIGNER.key.public)
    assert head["kid"] == kid_of(key)
    raw = base64.urlsafe_b64decode(body + "==")
    assert rfc8785.dumps(json.loads(raw)) == raw


def test_the_thumbprint_of_the_rfc() -> None:
    """RFC 8037 appendix A.3."""
    key = decode_url64("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    assert key is not None
    assert kid_of(key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("api.example.com", True), ("api.example.com:8443", True), ("1.1.1.1", True), ("[2606:4700::1111]:443", True),
        ("192.168.1.20:8080", False), ("127.0.0.1:9000", False), ("[::1]:9000", False), ("[fd00::1]", False),
        ("gpu-box", False), ("gpu-box:7860", False), ("studio.local", False), ("nas.home.arpa:80", False),
    ],
)  # fmt: skip
def test_a_host_of_ones_own_network_is_not_told_to_everybody(host: str, public: bool) -> None:
    said = _host(host, b"s" * 32)
    assert (said == host) is public
    assert public or re.fullmatch("hmac:[0-9a-f]{64}", said)
    assert public or said != _host(host, b"t" * 32)


def test_the_number_of_a_job_is_told_only_where_it_opens_nothing() -> None:
    job = JobHandle(provider="one", endpoint="one/kettle", job_id="job-77", state={})
    assert _job_id(job, "commercial", b"s" * 32) == ("one/kettle", "job-77")
    for lane in ("community", None):
        endpoint, said = _job_id(job, lane, b"s" * 32) or ("", "")
        assert endpoint == "one/kettle"
        assert re.fullmatch("hmac:[0-9a-f]{64}", said)
    assert _job_id(None, "community", b"s" * 32) is None


def test_what_it_says() -> None:
    said = payload(made().body)
    assert said["seq"] == 3
    assert said["served"] == {"endpoint": "one/kettle", "lane": "commercial", "model": "kettle-1"}
    assert said["cost"] == {"amount_micro_usd": 40_000, "source": "table"}
    assert (said["billed"], said["fee_micro_usd"], said["usage"]) == ("yes", 0, {"output_tokens": 7})
    assert said["outputs"][0]["bytes"] == len(IMAGE)
    assert said["inputs"] == [{"sha256": "ab" * 32, "bytes": 12, "media_type": "image/png", "width": 2, "height": 3,
                               "role": "edit"}]  # fmt: skip
    (attempt,) = said["attempts"]
    assert (attempt["upstream_id"], attempt["ms"], attempt["outcome"]) == ("job-77", 6, "done")
    (call,) = attempt["sent"]
    assert (call["host"], call["step"], call["status"], call["ms"]) == ("api.example.com", "submit", 200, 41)
    assert (call["request_id"], attempt["calls_in_all"]) == ("req_8", 1)
    decision = said["decision"]
    assert decision["picked"] == "one/kettle"
    assert [(c["endpoint"], c["reason"]) for c in decision["candidates"]] == [
        ("one/kettle", "picked"), ("two/kettle", "ranked_lower"), ("three/kettle", "no_key")]  # fmt: skip
    assert (decision["other_models"], decision["not_listed"]) == (1, 0)
    assert said["asked"] == {"model": "kettle", "n": 1, "quality": "low", "knobs": ["chaos"]}


def test_nothing_that_was_written_is_in_it() -> None:
    noted = Adjustment("negative_prompt", "unsupported", "'no secret lid' was not sent")
    error = TileError(
        code="blocked", failure="blocked", message=PROMPT, hint=PROMPT, billed="no", upstream=PROMPT, status=400
    )
    tile = replace(TILE, state="blocked", adjustments=(noted,), error=error)
    facts = replace(FACTS, attempts=(replace(ATTEMPT, outcome="failed", error=error),))
    text = json.dumps(payload(made(tile, facts).body))
    for secret in (PROMPT, "secret lid", "key_0123456789abcdef", "user:pw", "key=1", WIRE.body_sha256 or ""):
        assert secret not in text
    said = payload(made(tile, facts).body)
    assert said["error"] == {"code": "blocked", "class": "blocked", "status": 400}
    assert said["adjustments"] == [{"feature": "negative_prompt", "kind": "unsupported"}]


def test_the_commitments_open_with_their_salts_and_differ_each_time() -> None:
    one, two = made(), made()
    private = json.loads(one.private)
    salt = bytes.fromhex(private["salt"])
    said = payload(one.body)
    assert said["commitments"]["request"] == commitment(salt, "request", private["request"].encode())
    assert json.loads(private["request"])["prompt"] == PROMPT
    caller = commitment(bytes.fromhex(private["caller_salt"]), "caller", b"key_0123456789abcdef")
    assert said["commitments"]["caller"] == caller
    assert said["attempts"][0]["sent"][0]["body"] == commitment(salt, "body", b"cd" * 32)
    assert payload(two.body)["commitments"] != said["commitments"]


def test_cancelled_before_anything_was_sent_has_none_and_after_it_has_one() -> None:
    stopped = replace(TILE, state="cancelled")
    assert receipt(stopped, replace(FACTS, attempts=(replace(ATTEMPT, wires=()),))) is None
    assert receipt(stopped, replace(FACTS, attempts=())) is None
    assert receipt(stopped) is not None
    assert receipt(replace(TILE, state="failed"), replace(FACTS, attempts=(), decisions=())) is not None


def test_the_largest_one_fits_into_an_entry_of_the_log() -> None:
    crowd = tuple(
        Candidate(endpoint=f"provider-{i}/{'m' * 40}", rank=i, reason="ranked_lower", price_micro_usd=2**40,
                  latency_ms=2**31, points=2**50) for i in range(400)
    )  # fmt: skip
    decision = replace(FACTS.decisions[0], candidates=crowd)
    tries = tuple(replace(ATTEMPT, number=i, wires=(WIRE,) * 6, error=TileError(code="rate_limited", failure="overloaded", message="m", hint=None,
                  billed="no", status=429)) for i in range(100))  # fmt: skip
    tile = replace(TILE, adjustments=tuple(Adjustment("size", "adjusted", "x" * 500) for _ in range(20)))
    record = made(tile, replace(FACTS, decisions=(decision,), attempts=tries))
    assert len(record.body) <= MAX_BYTES
    assert read(record.body.encode()).payload["decision"]["not_listed"] == 360


def test_every_byte_counts() -> None:
    """Each position, each with two other values: it is a receipt no more, or one by another key, which nobody trusts."""
    data = made().body.encode()
    read(data)
    for place in range(len(data)):
        for flip in (1, 0x20):
            changed = bytearray(data)
            changed[place] ^= flip
            with pytest.raises(ReceiptError):
                read(bytes(changed))
        with pytest.raises(ReceiptError):
            read(data[:place] + data[place + 1 :])


@pytest.mark.parametrize(
    "spoilt",
    [
        b"", b"...", b"a.b", b"\xff.a.b", b"a.b.c.d", "é.a.b".encode(), b" " + made().body.encode(),
        made().body.encode() + b"\n\n", made().body.encode() + b"\r\n", made().body.encode() + b"=",
    ],
)  # fmt: skip
def test_what_is_no_receipt(spoilt: bytes) -> None:
    with pytest.raises(ReceiptError):
        read(spoilt)


def test_one_line_break_at_its_end_is_allowed() -> None:
    text = made().body
    assert read(text.encode() + b"\n").text == text


def signed(body: bytes, header: dict[str, Any] | None = None) -> bytes:
    """Something else under a signature that is good."""
    made_header = json.loads(base64.urlsafe_b64decode(made().body.split(".")[0] + "=="))
    text = f"{encode_url64(canonical(header or made_header))}.{encode_url64(body)}"
    return f"{text}.{encode_url64(SIGNER.sign(text).raw)}".encode()


@pytest.mark.parametrize(
    "body",
    [
        b'{"format":"triptych-receipt/2"}', b'{"format": "triptych-receipt/1"}', b"[]", b"1", b"{", b'{"a":1.5}',
        b'{"b":1,"a":2}', b'{"a":9007199254740993}', b'{"a":1,"a":1}', '{"é":1}'.encode(), b"\xff",
        b'{"format":"triptych-receipt/1"}', b"[" * 2000 + b"]" * 2000,
    ],
)  # fmt: skip
def test_what_is_signed_and_no_receipt_all_the_same(body: bytes) -> None:
    with pytest.raises(ReceiptError):
        read(signed(body))


def test_a_header_that_asks_for_something_else_is_refused() -> None:
    body = base64.urlsafe_b64decode(made().body.split(".")[1] + "==")
    header = json.loads(base64.urlsafe_b64decode(made().body.split(".")[0] + "=="))
    read(signed(body, header))
    changes: list[dict[str, Any]] = [
        {"alg": "none"},
        {"crit": ["b64"], "b64": False},
        {"kid": "other"},
        {"typ": "JWT"},
        {"jwk": {}},
    ]
    for change in changes:
        with pytest.raises(ReceiptError):
            read(signed(body, header | change))


def test_another_key_makes_another_receipt() -> None:
    assert read(made(signer=OTHER).body.encode()).public == OTHER.key.public != SIGNER.key.public


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(max_codepoint=127)), inner, max_size=4)
    ),
)


@given(plain)
def test_canonical_is_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(st.dictionaries(st.sampled_from("abc"), plain))
def test_what_is_signed_can_be_read_back(extra: dict[str, Any]) -> None:
    body = msgspec.json.decode(base64.urlsafe_b64decode(made().body.split(".")[1] + "=="))
    assert read(sign({**body, "extra": extra}, SIGNER).encode()).payload["extra"] == extra
