"""Canonical JSON as RFC 8785 has it, and what of it is signed here. The browser runs the same vectors in tests/web."""

import json
import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest
import rfc8785

from triptych.network.jose import encode_url64, jwk_of, kid_of
from triptych.network.receipt import TYPE, ReceiptError, read
from triptych.router.canonical import canonical, canonical_with_fractions
from triptych.tlog.note import Signer

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "canonical.json").read_text("utf-8"))
SIGNER = Signer.from_seed("example.com/log", bytes(range(32)))


def signed(payload: str) -> bytes:
    """A line with a right signature over any payload."""
    public = SIGNER.key.public
    header = canonical({"alg": "EdDSA", "jwk": jwk_of(public), "kid": kid_of(public), "typ": TYPE})
    body = f"{encode_url64(header)}.{encode_url64(payload.encode())}"
    return f"{body}.{encode_url64(SIGNER.sign(body).raw)}".encode()


@pytest.mark.parametrize("case", VECTORS["texts"], ids=lambda case: case["from"])
def test_the_texts_of_the_rfc(case: dict[str, Any]) -> None:
    value = json.loads(case["input"])
    assert canonical_with_fractions(value) == case["canonical"].encode()
    if "hex" in case:
        assert case["canonical"].encode().hex() == case["hex"]
    if case["ours"] and (not isinstance(value, dict) or all(map(str.isascii, value))):
        assert canonical(value) == case["canonical"].encode()


@pytest.mark.parametrize(("ieee", "written"), VECTORS["numbers"])
def test_the_numbers_of_the_rfc(ieee: str, written: str | None) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(ieee))
    if written is None:
        with pytest.raises(rfc8785.FloatDomainError):
            canonical_with_fractions(number)
    else:
        assert canonical_with_fractions(number) == written.encode()


@pytest.mark.parametrize("text", VECTORS["refused"])
def test_no_receipt_holds_a_number_that_readers_write_differently(text: str) -> None:
    with pytest.raises(ReceiptError, match="payload is not canonical JSON"):
        read(signed(f'{{"a":{text}}}'))
    with pytest.raises(ReceiptError, match="format"):  # it comes as far as that without such a number
        read(signed('{"a":1}'))


def test_the_vectors_are_text_that_every_reader_takes() -> None:
    assert msgspec.json.decode(json.dumps(VECTORS)) == VECTORS
