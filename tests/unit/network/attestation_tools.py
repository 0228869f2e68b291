"""A vendor of enclaves of our own: a root, a chain as AWS has it, and documents of whatever is asked for. And the real ones."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding

_VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "attestation.json").read_text("utf-8"))
REAL = base64.b64decode(_VECTORS["nitro"]["production"]["document"])
REAL_MS = 1_767_472_867_402  # 2026-01-03 20:41:07 UTC
REAL_DEBUG = base64.b64decode(_VECTORS["nitro"]["debug"]["document"])
REAL_DEBUG_MS = 1_725_597_192_729
TDX, SGX = (base64.b64decode(_VECTORS["intel"][name]["quote"]) for name in ("tdx_quote", "sgx_quote"))
TDX_COLLATERAL, SGX_COLLATERAL = (json.dumps(_VECTORS["intel"][n]["collateral"]) for n in ("tdx_quote", "sgx_quote"))
INTEL_MS = 1_750_417_000_000  # 2025-06-20: the day after both collaterals were issued
PCRS = {0: b"\x01" * 48, 1: b"\x02" * 48, 2: b"\x03" * 48, 3: bytes(48)}
_ALGORITHM = {1: -35}


class Vendor:
    """A root and three authorities under it, as of one day."""

    def __init__(self, day: datetime) -> None:
        self.day = day
        self.keys = [ec.generate_private_key(ec.SECP384R1()) for _ in range(5)]
        self.chain: list[x509.Certificate] = []
        for at in range(4):
            self.chain.append(self.certificate(at, path=None if at == 0 else 3 - at))

    @property
    def root_sha256(self) -> str:
        return hashlib.sha256(self.chain[0].public_bytes(Encoding.DER)).hexdigest()

    def certificate(self, at: int, *, path: int | None = None, ca: bool = True, life: timedelta = timedelta(days=20),
                    issuer: int | None = None, signs: bool = True) -> x509.Certificate:  # fmt: skip
        above = max(0, at - 1) if issuer is None else issuer
        public, signer = self.keys[at].public_key(), self.keys[above]
        usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False)  # fmt: skip
        usage |= {"key_cert_sign": ca, "crl_sign": ca, "digital_signature": signs}
        made = (
            x509.CertificateBuilder()
            .subject_name(_name(at)).issuer_name(_name(above)).public_key(public).serial_number(x509.random_serial_number())
            .not_valid_before(self.day - timedelta(minutes=1)).not_valid_after(self.day + life)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=path if ca else None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )  # fmt: skip
        if at:
            key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
            made = made.add_extension(key_id, critical=False)
        return made.sign(signer, SHA384())

    def document(self, bound: bytes, **changed: Any) -> bytes:
        """A document of this vendor; `leaf` is its certificate, `header` its protected header, the rest fields of its payload."""
        leaf = changed.pop("leaf", None) or self.certificate(4, ca=False, life=timedelta(hours=3))
        protected = cbor2.dumps(changed.pop("header", _ALGORITHM))
        payload: dict[str, Any] = {
            "module_id": "i-0123-enc0123", "digest": "SHA384", "timestamp": round(self.day.timestamp() * 1000), "pcrs": PCRS,
            "certificate": leaf.public_bytes(Encoding.DER), "cabundle": [one.public_bytes(Encoding.DER) for one in self.chain],
            "public_key": None, "user_data": bound, "nonce": None, **changed,
        }  # fmt: skip
        body = cbor2.dumps({name: one for name, one in payload.items() if one is not ...})
        raw = self.keys[4].sign(cbor2.dumps(["Signature1", protected, b"", body]), ec.ECDSA(SHA384()))
        both = b"".join(part.to_bytes(48, "big") for part in decode_dss_signature(raw))
        return cbor2.dumps([protected, {}, body, both])


def _name(at: int) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"vendor {at}")])


@cache
def vendor(day_ms: int) -> Vendor:
    return Vendor(datetime.fromtimestamp(day_ms / 1000, UTC))
