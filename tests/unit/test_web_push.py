"""Web push by the published vectors: RFC 8291 section 5 and appendix A, RFC 8292 section 2.4; and read back by a browser's half."""

import json

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.app.web_push import MOST_PLAIN, Browser, key_of, new_key, point_of, public_of, scalar_of, seal, token
from triptych.network.jose import decode_url64
from triptych.spec.errors import BadRequestError


def b64(text: str) -> bytes:
    found = decode_url64(text)
    assert found is not None
    return found


UA_PRIVATE = key_of(b64("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"))
UA_PUBLIC = b64("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4")
AUTH = b64("BTBZMqHH6r4Tts7J_aSIgg")
AS_PRIVATE = key_of(b64("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
SALT = b64("DGv6ra1nlYgDCS1FRnbzlw")
PLAIN = b"When I grow up, I want to be a watermelon"
SEALED = b64(
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
RFC_8292 = (
    "vapid t=eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1"
    "YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSH"
    "zvoD1oA, k=BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"
)


def opened(body: bytes, key: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """What a browser does, written down apart from what seals: RFC 8291 section 3.4, RFC 8188 section 2."""
    salt, length = body[:16], body[20]
    sender, sealed = body[21 : 21 + length], body[21 + length :]
    info = b"WebPush: info\0" + public_of(key) + sender
    secret = HKDF(hashes.SHA256(), 32, auth, info).derive(key.exchange(ec.ECDH(), point_of(sender)))
    content = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(secret)
    nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(secret)
    plain, mark, _ = AESGCM(content).decrypt(nonce, sealed, None).rpartition(b"\2")
    assert mark == b"\2"
    return plain


def signed_by(header: str) -> dict[str, object]:
    """The claims of an `Authorization`, once its signature is checked by the key beside it."""
    jwt, key = header.removeprefix("vapid t=").split(", k=")
    head, claims, signature = jwt.split(".")
    raw = b64(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    point_of(b64(key)).verify(der, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    assert json.loads(b64(head)) == {"typ": "JWT", "alg": "ES256"}
    found: dict[str, object] = json.loads(b64(claims))
    return found


def test_the_example_of_rfc_8291() -> None:
    assert public_of(UA_PRIVATE) == UA_PUBLIC
    assert seal(PLAIN, Browser(UA_PUBLIC, AUTH), AS_PRIVATE, SALT) == SEALED
    assert opened(SEALED, UA_PRIVATE, AUTH) == PLAIN


def test_the_example_of_rfc_8292_is_read_as_ours_are() -> None:
    claims = {"aud": "https://push.example.net", "exp": 1453523768, "sub": "mailto:push@example.com"}
    assert signed_by(RFC_8292) == claims
    key = new_key()
    ours = token(key, audience="https://push.example.net", until_s=1453523768, contact="mailto:push@example.com")
    assert signed_by(ours) == claims
    assert b64(ours.split(", k=")[1]) == public_of(key)
    with pytest.raises(InvalidSignature):
        signed_by(ours.replace(", k=", ", k=" + RFC_8292.split(", k=")[1] + "#").split("#")[0])
    assert "sub" not in signed_by(token(key, audience="https://a.example", until_s=1))


@given(st.binary(max_size=300), st.integers(0, 400))
@settings(max_examples=50)
def test_whatever_is_sealed_one_browser_reads_and_its_length_tells_nothing(plain: bytes, size: int) -> None:
    browser, other, auth = new_key(), new_key(), b"a" * 16
    body = seal(plain, Browser(public_of(browser), auth), new_key(), b"s" * 16, size=size)
    assert opened(body, browser, auth) == plain
    assert len(body) == 21 + 65 + max(size, len(plain)) + 1 + 16
    with pytest.raises(InvalidTag):
        opened(body, other, auth)


def test_keys_are_kept_as_bytes_and_junk_is_none() -> None:
    key = new_key()
    assert public_of(key_of(scalar_of(key))) == public_of(key)
    for point in (b"", b"\4" + bytes(64), UA_PUBLIC[:-1], b"\2" + UA_PUBLIC[1:33]):
        with pytest.raises(BadRequestError, match=r"p256dh"):
            Browser(point, AUTH)
    with pytest.raises(BadRequestError, match=r"keys\.auth"):
        Browser(UA_PUBLIC, AUTH[:-1])
    with pytest.raises(ValueError, match="3993"):
        seal(bytes(MOST_PLAIN + 1), Browser(UA_PUBLIC, AUTH), AS_PRIVATE, SALT)
