"""Attestation documents of AWS Nitro Enclaves.

A COSE_Sign1 (RFC 9052 section 4.2) with ES384 (RFC 9053 section 2.1) over a CBOR map, signed by a certificate that lives three hours and
whose chain ends at the vendor's root. Read 2026-11-22: "Verifying the root of trust" of the AWS Nitro Enclaves user guide, and
`docs/attestation_process.md` of aws/aws-nitro-enclaves-nsm-api, whose section 3.2 has the fields and their bounds.
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.x509 import verification

from triptych.network.attestation.errors import AttestationError, need

ROOT_SHA256: Final = "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"
"""Fingerprint of the root certificate `CN=aws.nitro-enclaves`, as the user guide publishes it."""
MAX_BYTES: Final = 16 * 1024
MAX_AGE_MS: Final = 3 * 3_600_000  # what a leaf certificate lives: nobody has to believe a document for longer
SKEW_MS: Final = 60_000  # how far two clocks may be apart
PROGRAM_PCRS: Final = (0, 1, 2)  # the image, the kernel and its boot, the application
_ES384: Final = -35  # RFC 9053 table 1
_COSE_SIGN1: Final = 18  # the CBOR tag, which may be left out
_SIDE: Final = 48  # bytes of r and of s
_MAX_PATH: Final = 4  # certificates between the root and the leaf, and one to spare

_Bytes512 = Annotated[bytes, msgspec.Meta(max_length=512)]
_Bytes1024 = Annotated[bytes, msgspec.Meta(min_length=1, max_length=1024)]
_Pcr = Annotated[bytes, msgspec.Meta(min_length=_SIDE, max_length=_SIDE)]
_Index = Annotated[int, msgspec.Meta(ge=0, le=31)]


class _Payload(msgspec.Struct, frozen=True):
    module_id: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    digest: Literal["SHA384"]
    timestamp: Annotated[int, msgspec.Meta(gt=0, lt=2**53)]
    pcrs: Annotated[dict[_Index, _Pcr], msgspec.Meta(min_length=1, max_length=32)]
    certificate: _Bytes1024
    cabundle: Annotated[tuple[_Bytes1024, ...], msgspec.Meta(min_length=1, max_length=8)]
    public_key: _Bytes1024 | None = None
    user_data: _Bytes512 | None = None
    nonce: _Bytes512 | None = None


@dataclass(frozen=True, slots=True)
class NitroDocument:
    """A document as it was read; nothing of it is checked. `time_ms` is the hypervisor's, since 1970; `pcrs` are SHA-384 measurements
    by number."""

    module: str
    time_ms: int
    pcrs: Mapping[int, bytes]
    certificate: bytes = field(repr=False)
    bundle: tuple[bytes, ...] = field(repr=False)
    public_key: bytes | None
    user_data: bytes | None
    nonce: bytes | None
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def debug(self) -> bool:
        """Whether the enclave was started so that its operator can look into it: then what it runs is not measured. Zero is what
        PCR0 to PCR2 are in debug mode."""
        return any(not any(self.pcrs.get(one, b"")) for one in PROGRAM_PCRS)

    @property
    def program(self) -> str:
        """The name of what runs: the SHA-256, in hex, of PCR0, PCR1 and PCR2 one after another."""
        return hashlib.sha256(b"".join(self.pcrs.get(one, b"") for one in PROGRAM_PCRS)).hexdigest()


def read(data: bytes) -> NitroDocument:
    """Reads a document and checks its form only. Raises AttestationError, `missing` or `malformed`."""
    need("cbor2")
    if len(data) > MAX_BYTES:
        raise _malformed(f"it has more than {MAX_BYTES // 1024} KiB")
    protected, payload, signature = _sign1(data)
    try:
        found = msgspec.convert(_decoded(payload, "payload"), _Payload, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise _malformed(str(error)) from None
    return NitroDocument(found.module_id, found.timestamp, found.pcrs, found.certificate, found.cabundle, found.public_key,
                         found.user_data, found.nonce, _to_be_signed(protected, payload), signature)  # fmt: skip


def verify(
    document: NitroDocument, now_ms: int, *, bound: bytes, nonce: bytes | None = None, root_sha256: str = ROOT_SHA256
) -> None:
    """Checks a document: that it is no debug mode's, that the vendor's root stands behind it as of the time it was made, that it was
    made within three hours before `now_ms`, that its `user_data` are `bound`, and its nonce is `nonce` where one is given. `root_sha256`
    is another root only in tests. Raises AttestationError."""
    if document.debug:
        raise AttestationError("debug", "The enclave was started in debug mode: its operator can look into it.")
    leaf = _leaf(document, root_sha256)
    _signed(document, leaf)
    _in_time(document, now_ms)
    if document.user_data != bound:
        raise AttestationError("keys", "The document is not for the keys of this card.")
    if nonce is not None and document.nonce != nonce:
        raise AttestationError("nonce", "The document is not the answer to this question: its nonce is another one.")


def _sign1(data: bytes) -> tuple[bytes, bytes, bytes]:
    """The protected header, the payload and the signature of a COSE_Sign1."""
    import cbor2

    found = _decoded(data, "document")
    if isinstance(found, cbor2.CBORTag):
        if found.tag != _COSE_SIGN1:
            raise _malformed(f"its tag is {found.tag}, and {_COSE_SIGN1} is COSE_Sign1")
        found = found.value
    if not isinstance(found, Sequence) or len(found) != 4:
        raise _malformed("it is not the four parts of a COSE_Sign1")
    protected, unprotected, payload, signature = found
    if not (isinstance(protected, bytes) and isinstance(payload, bytes) and isinstance(signature, bytes)):
        raise _malformed("a part of its COSE_Sign1 is not bytes")
    header = _decoded(protected, "header")
    if not isinstance(header, Mapping) or dict(header) != {1: _ES384} or unprotected != {}:
        raise _malformed("its header says something else than ES384")
    if len(signature) != 2 * _SIDE:
        raise _malformed(f"its signature has {len(signature)} bytes and not {2 * _SIDE}")
    return protected, payload, signature


def _decoded(data: bytes, what: str) -> Any:
    import cbor2

    stream = io.BytesIO(data)
    try:
        found = cbor2.load(stream, max_depth=8, allow_duplicate_keys=False, read_size=1)
    except (cbor2.CBORDecodeError, ValueError, OverflowError) as error:
        raise _malformed(f"its {what} is no CBOR: {error}") from None
    if stream.tell() != len(data):
        raise _malformed(f"something stands behind its {what}")
    return found


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """The Sig_structure (RFC 9052 section 4.4)."""
    import cbor2

    return cbor2.dumps(["Signature1", protected, b"", payload])


def _leaf(document: NitroDocument, root_sha256: str) -> x509.Certificate:
    """The certificate that signed, once its chain leads to the vendor's root as of the document's own time."""
    first, *between = document.bundle
    if hashlib.sha256(first).hexdigest() != root_sha256:
        raise AttestationError("chain", "The document's root certificate is not that of AWS Nitro Enclaves.")
    try:
        root, leaf = x509.load_der_x509_certificate(first), x509.load_der_x509_certificate(document.certificate)
        middle = [x509.load_der_x509_certificate(one) for one in between]
        when = datetime.fromtimestamp(document.time_ms / 1000, UTC)
        _path(root, when).verify(leaf, middle)
    except (ValueError, OverflowError, UnsupportedAlgorithm) as error:
        raise _malformed(f"a certificate of it cannot be read: {error}") from None
    except verification.VerificationError as error:
        why = str(error).partition(" (encountered")[0].removeprefix("validation failed: ")
        raise AttestationError(
            "chain", f"The document's certificates do not lead to the vendor's root: {why}."
        ) from None
    return leaf


def _path(root: x509.Certificate, when: datetime) -> verification.ClientVerifier:
    """Paths as RFC 5280 section 6 has them. The leaf has no name that a server would have, so only what says that it is no authority
    is asked of it."""
    leaf = (
        verification.ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, verification.Criticality.AGNOSTIC, _no_authority)
        .require_present(x509.KeyUsage, verification.Criticality.AGNOSTIC, _signs)
    )
    authorities = verification.ExtensionPolicy.webpki_defaults_ca()
    builder = verification.PolicyBuilder().store(verification.Store([root])).time(when).max_chain_depth(_MAX_PATH)
    return builder.extension_policies(ca_policy=authorities, ee_policy=leaf).build_client_verifier()


def _no_authority(_: verification.Policy, __: x509.Certificate, found: x509.BasicConstraints) -> None:
    if found.ca:
        raise ValueError("The leaf is an authority.")


def _signs(_: verification.Policy, __: x509.Certificate, found: x509.KeyUsage) -> None:
    if not found.digital_signature:
        raise ValueError("The leaf is not for signatures.")


def _signed(document: NitroDocument, leaf: x509.Certificate) -> None:
    key, raw = leaf.public_key(), document.signature
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise AttestationError("signature", "The key that signed the document is not of P-384.")
    both = encode_dss_signature(int.from_bytes(raw[:_SIDE], "big"), int.from_bytes(raw[_SIDE:], "big"))
    try:
        key.verify(both, document.signed, ec.ECDSA(SHA384()))
    except InvalidSignature:
        raise AttestationError("signature", "The document was changed after it was signed.") from None


def _in_time(document: NitroDocument, now_ms: int) -> None:
    age = now_ms - document.time_ms
    if age < -SKEW_MS:
        raise AttestationError("time", "The document is from the future: one of the two clocks is wrong.")
    if age > MAX_AGE_MS:
        raise AttestationError(
            "time", f"The document is {age // 60_000} minutes old, and counts for {MAX_AGE_MS // 60_000}."
        )


def _malformed(why: str) -> AttestationError:
    return AttestationError("malformed", f"It is no document of AWS Nitro Enclaves: {why}.")
