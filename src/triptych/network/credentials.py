"""The key that signs content credentials: an Ed25519 key with a chain of two X.509 certificates, in one file beside the
identity, made when it is first needed.

C2PA wants certificates (specification 2.2, section 14.5) and refuses a single one that vouches for itself, so there is a
root made here and thrown away, and a signer's certificate under it. Nobody else knows that root: a reader of content
credentials says "untrusted signer", unless its user adds the root. The identity key is not used: what signs receipts
signs nothing that a decoder of hostile pictures asks for.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from triptych.spec.errors import StorageError
from triptych.store.durable import write_private
from triptych.store.faults import at

FILE_NAME = "credentials.key"
# Fixed dates, so that no wrong clock makes a certificate that is not valid yet. Its end protects nobody: the key is
# replaced by removing the file.
_FROM, _UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC)
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class CredentialKey:
    """`chain` is PEM, the signer's certificate first, then the `root` that may be given to readers."""

    chain: str
    root: str
    sign: Callable[[bytes], bytes] = field(repr=False)


def load_or_create(folder: Path) -> CredentialKey:
    """The key in a data folder, made if there is none: mode 0600, on the disk before it is used. When two processes
    start together, both get the same one. Raises StorageError."""
    path = folder / FILE_NAME
    with at(f"The key for content credentials {path}"):
        if not path.exists():
            write_private(path, _made(), replace=False)
        text = path.read_bytes()
    try:
        key = serialization.load_pem_private_key(text, None)
        signer, root = x509.load_pem_x509_certificates(text)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey) or key.public_key() != signer.public_key():
        raise StorageError(
            f"{path} is not a key for content credentials.", hint="Restore it, or remove it to get a new one."
        )
    pem = [one.public_bytes(_PEM).decode() for one in (signer, root)]
    return CredentialKey("".join(pem), pem[1], key.sign)


def _made() -> bytes:
    """A key and its certificates as the C2PA profile wants them."""
    above, key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    tag = secrets.token_hex(4)
    root_name, name = _name(f"Triptych {tag} root"), _name(f"Triptych {tag}")
    root = (
        _certificate(root_name, root_name, above)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(above, None)
    )
    signer = (
        _certificate(name, root_name, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), critical=False)
        .sign(above, None)
    )
    secret = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return secret + signer.public_bytes(_PEM) + root.public_bytes(_PEM)


def _name(common: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Triptych, self-signed")
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common), organisation])


def _certificate(subject: x509.Name, issuer: x509.Name, key: Ed25519PrivateKey) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=signs_certificates, crl_sign=signs_certificates, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
