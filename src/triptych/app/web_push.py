"""Web push: a message sealed for one browser, and the token by which a push service knows who sends it.

Message encryption for web push (RFC 8291, November 2017) over the `aes128gcm` content coding (RFC 8188), and voluntary
identification of application servers, VAPID (RFC 8292, November 2017). No I/O and no clock; randomness is passed in. That
this is sixty lines over `cryptography` and no library: docs/decisions/0025-web-push.md.
"""

from dataclasses import dataclass, field

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from triptych.network.jose import encode_url64
from triptych.spec.errors import BadRequestError

POINT, AUTH, SALT, SCALAR = 65, 16, 16, 32
"""Bytes of an uncompressed point of P-256, of an authentication secret, of a salt, of a private key or half a signature."""
MOST_PLAIN = 3993
"""Bytes of plain text that fit into the 4096 which every push service takes (RFC 8291 section 4)."""
_RECORD = 4096  # the record size of RFC 8188; there is only one record
_LAST = b"\x02"  # the delimiter of the last record, with padding after it (RFC 8188 section 2)
_CURVE = ec.SECP256R1()


@dataclass(frozen=True, slots=True)
class Browser:
    """Whom a message is for: the public key and the secret that a browser made for its subscription."""

    point: bytes
    auth: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Raises BadRequestError, naming the field as the Push API does, for what is no key."""
        if len(self.auth) != AUTH:
            raise BadRequestError(f"keys.auth must be {AUTH} bytes in base64url.", param="keys.auth")
        point_of(self.point)


def point_of(data: bytes) -> ec.EllipticCurvePublicKey:
    """An uncompressed point of P-256 as a key. Raises BadRequestError."""
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, data if len(data) == POINT else b"")
    except ValueError:
        raise BadRequestError(f"keys.p256dh must be a point of P-256: {POINT} bytes in base64url.",
                              param="keys.p256dh") from None  # fmt: skip


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh key of P-256, for a message or for a server's name."""
    return ec.generate_private_key(_CURVE)


def key_of(scalar: bytes) -> ec.EllipticCurvePrivateKey:
    """A key from its 32 bytes, big-endian. Raises ValueError for what is none."""
    return ec.derive_private_key(int.from_bytes(scalar), _CURVE)


def scalar_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A key as 32 bytes, big-endian."""
    return key.private_numbers().private_value.to_bytes(SCALAR)


def public_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half as an uncompressed point, 65 bytes."""
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )  # fmt: skip


def seal(plain: bytes, to: Browser, key: ec.EllipticCurvePrivateKey, salt: bytes, *, size: int = 0) -> bytes:
    """The body of a push message (RFC 8291 section 4). `key` is made for this message alone, `salt` is 16 random bytes;
    padding brings every text up to `size` bytes, so that its length tells nothing. Raises ValueError for one that is too
    long or a salt of another length."""
    room = max(size, len(plain))
    if room > MOST_PLAIN or len(salt) != SALT:
        raise ValueError("a push message takes up to 3993 bytes and a salt of 16")
    mine = public_of(key)
    shared = key.exchange(ec.ECDH(), point_of(to.point))
    secret = _derive(shared, to.auth, b"WebPush: info\0" + to.point + mine, 32)
    content_key = _derive(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(secret, salt, b"Content-Encoding: nonce\0", 12)
    padded = plain + _LAST + bytes(room - len(plain))
    head = salt + _RECORD.to_bytes(4) + bytes([len(mine)]) + mine
    return head + AESGCM(content_key).encrypt(nonce, padded, None)


def _derive(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(key)


def token(key: ec.EllipticCurvePrivateKey, *, audience: str, until_s: int, contact: str | None = None) -> str:
    """The `Authorization` of a push (RFC 8292 sections 2 and 3). `audience` is the origin of the push service, `until_s`
    when it ends, in seconds since 1970 and at most a day away; `contact` is a `mailto:` or `https:` address."""
    claims: dict[str, str | int] = {"aud": audience, "exp": until_s}
    if contact:
        claims["sub"] = contact
    head = encode_url64(b'{"alg":"ES256","typ":"JWT"}')
    signed = f"{head}.{encode_url64(msgspec.json.encode(claims))}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    signature = encode_url64(r.to_bytes(SCALAR) + s.to_bytes(SCALAR))
    return f"vapid t={signed}.{signature}, k={encode_url64(public_of(key))}"
