"""What OpenGradient's enclaves sign, held against its own client's functions; and Keccak-256 against hashlib's sponge."""

import copy
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.network.attestation_tools import REAL_DEBUG, vendor
from tests.unit.network.card_tools import NOW

from triptych.network import opengradient
from triptych.network.attestation import nitro
from triptych.network.attestation.errors import AttestationError
from triptych.network.keccak import keccak256, sponge
from triptych.network.ohttp.keys import CHACHA20_POLY1305, HKDF_SHA256, NodeKey, Suite
from triptych.network.ohttp.seal import open_request
from triptych.network.opengradient import ProofError, read_tee, request_bytes, verify

VECTORS: Any = json.loads((Path(__file__).parents[2] / "vectors" / "opengradient.json").read_text("utf-8"))
FILE = {"signing_key": VECTORS["signing_key"], "ohttp_key": "07" * 32, "tee_id": VECTORS["tee_id"]}
TEE = read_tee(json.dumps(FILE).encode())
CASES = pytest.mark.parametrize("case", VECTORS["cases"], ids=["text", "parts"])


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300))
def test_the_sponge_is_that_of_sha3(data: bytes) -> None:
    assert sponge(data, 0x06) == hashlib.sha3_256(data).digest()


def test_keccak_is_not_sha3() -> None:
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak256(b"abc").hex() == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"


@CASES
def test_a_request_is_hashed_as_its_own_client_hashes_it(case: Any) -> None:
    assert request_bytes(case["asked"]).decode() == case["canonical"]
    assert request_bytes(case["wire"]).decode() == case["canonical"]


@CASES
def test_an_answer_proves_where_it_is_from(case: Any) -> None:
    proof = verify(TEE, case["asked"], case["answered"])
    assert proof.tee_id == VECTORS["tee_id"]
    assert proof.signed_s == case["answered"]["tee_timestamp"]
    assert verify(TEE, case["asked"], {**case["answered"], "tee_timestamp": str(proof.signed_s)}) == proof


def test_a_proof_that_was_kept_holds_by_itself() -> None:
    proof = verify(TEE, VECTORS["cases"][0]["asked"], VECTORS["cases"][0]["answered"])
    opengradient.holds(TEE, proof)
    for change in (
        {"signed_s": 1},
        {"signed_s": -1},
        {"request_hash": "00" * 32},
        {"output_hash": "no hex"},
        {"tee_id": "0x00"},
    ):
        with pytest.raises(ProofError):
            opengradient.holds(TEE, replace(proof, **change))


def lied(case: Any, change: Any) -> ProofError:
    asked, answered = copy.deepcopy((case["asked"], case["answered"]))
    change(asked, answered)
    with pytest.raises(ProofError) as told:
        verify(TEE, asked, answered)
    return told.value


@pytest.mark.parametrize(("reason", "change"), [
    ("request", lambda asked, _: asked.update(model="another")),
    ("request", lambda asked, _: asked["messages"][0].update(content="another")),
    ("request", lambda asked, _: asked.update(temperature=0.5)),
    ("output", lambda _, answered: answered["choices"][0]["message"].update(content="another")),
    ("output", lambda _, answered: answered.update(choices=[])),
    ("tee", lambda _, answered: answered.update(tee_id="0x" + "0" * 64)),
    ("signature", lambda _, answered: answered.update(tee_timestamp=1)),
    ("signature", lambda _, answered: answered.update(tee_signature="AAAA")),
    ("signature", lambda _, answered: answered.update(tee_signature="no base64")),
    ("malformed", lambda _, answered: answered.pop("tee_signature")),
    ("malformed", lambda _, answered: answered.update(tee_timestamp=True)),
    ("malformed", lambda _, answered: answered.update(tee_timestamp="soon")),
    ("malformed", lambda _, answered: answered.update(tee_timestamp=-1)),
    ("malformed", lambda asked, _: asked.update(messages=[])),
    ("malformed", lambda asked, _: asked.update(messages=[{"role": "tool"}])),
    ("malformed", lambda asked, _: asked.update(messages=["hello"])),
])  # fmt: skip
def test_whatever_is_signed_cannot_be_changed(reason: str, change: Any) -> None:
    assert lied(VECTORS["cases"][0], change).reason == reason


def test_pictures_are_not_signed_and_that_is_why_our_own_receipt_has_their_bytes() -> None:
    case = copy.deepcopy(VECTORS["cases"][1])
    case["answered"]["choices"][0]["message"]["images"] = ["data:image/png;base64,AAAA"]
    case["asked"]["messages"][1]["content"][1]["image_url"]["url"] = "data:image/png;base64,BBBB"
    verify(TEE, case["asked"], case["answered"])


def test_what_its_client_seals_is_opened_and_what_is_sealed_here_its_client_has_opened() -> None:
    told = VECTORS["sealed"]
    key = NodeKey.from_private(told["key_id"], bytes.fromhex(told["private"]), (Suite(HKDF_SHA256, CHACHA20_POLY1305),))
    opened, reply = open_request((key,), bytes.fromhex(told["request"]))
    assert opened.decode() == told["plain"]
    nonce = bytes.fromhex(told["answer_nonce"])
    assert reply.seal(told["answer_plain"].encode(), random=lambda size: nonce[:size]).hex() == told["answer"]


@pytest.mark.parametrize("change", [
    {"signing_key": "no key"}, {"ohttp_key": "07"}, {"tee_id": "0x" + "1" * 64}, {"ohttp_key_id": 256}, {"more": 1},
    {"signing_key": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"},
])  # fmt: skip
def test_a_file_that_names_no_enclave_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ProofError):
        read_tee(json.dumps({**FILE, **change}).encode())


def test_an_enclave_holds_the_key_that_its_document_has_the_hash_of() -> None:
    ours, der = vendor(NOW), opengradient._der(TEE.key)
    tls, key = hashlib.sha256(b"certificate").digest(), hashlib.sha256(der).digest()
    good = nitro.read(ours.document(b"\x12\x20" + tls + b"\x12\x20" + key))
    opengradient.enclave_holds(good, TEE, NOW, root_sha256=ours.root_sha256)
    for bound in (b"\x12\x20" + tls + b"\x12\x20" + tls, key, b""):
        with pytest.raises(AttestationError) as told:
            document = nitro.read(ours.document(bound))
            opengradient.enclave_holds(document, TEE, NOW, root_sha256=ours.root_sha256)
        assert told.value.reason == "keys"
    real = nitro.read(REAL_DEBUG)  # of an enclave behind nitriding: the same form, with no key in it
    assert real.user_data is not None
    assert (real.user_data[:2], real.user_data[34:36], len(real.user_data)) == (b"\x12\x20", b"\x12\x20", 68)
