"""Signatures of transfers: EIP-712 (2017-09-12) over EIP-3009 (2020-09-28), by secp256k1 of the package coincurve."""

from dataclasses import dataclass, field
from importlib.util import find_spec
from types import ModuleType
from typing import Final

from triptych.network.keccak import keccak256
from triptych.network.x402.wire import EXACT, Authorization, PaymentError, Terms

_DOMAIN: Final = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_TRANSFER: Final = keccak256(
    b"TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)
_ORDER: Final = (
    0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of secp256k1 (SEC 2, section 2.4.1)
)
_V: Final = 27  # what Ethereum adds to the number of the point


@dataclass(frozen=True, slots=True)
class Token:
    """A token of dollars with six places, so that its smallest part is a micro-dollar; `name` and `version` are its EIP-712
    domain's."""

    network: str
    address: str
    name: str
    version: str

    @property
    def chain(self) -> int:
        return int(self.network.partition(":")[2])

    def terms(self, pay_to: str, micro_usd: int, seconds: int) -> Terms:
        """So many micro-dollars to that address, by a transfer that counts for so many seconds at most."""
        return Terms(scheme=EXACT, network=self.network, asset=self.address, amount=str(micro_usd), pay_to=pay_to,
                     max_timeout_seconds=seconds, extra={"name": self.name, "version": self.version})  # fmt: skip


USDC: Final = (
    Token("eip155:8453", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "USD Coin", "2"),
    Token("eip155:84532", "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "USDC", "2"),
)
"""USDC on Base and on its test network, as x402 2.25.0 has them (`mechanisms/evm/default_assets.py`)."""


def digest(token: Token, told: Authorization) -> bytes:
    """What is signed: `0x1901 || domain || struct` (EIP-712)."""
    domain = keccak256(
        _DOMAIN
        + keccak256(token.name.encode())
        + keccak256(token.version.encode())
        + _word(token.chain)
        + _address(token.address)
    )
    struct = keccak256(
        _TRANSFER + _address(told.payer) + _address(told.to) + _word(int(told.value)) + _word(int(told.valid_after))
        + _word(int(told.valid_before)) + bytes.fromhex(told.nonce[2:])
    )  # fmt: skip
    return keccak256(b"\x19\x01" + domain + struct)


@dataclass(frozen=True, slots=True)
class Wallet:
    """A key that pays: 32 secret bytes. Raises PaymentError, `missing`, without the extra."""

    secret: bytes = field(repr=False)

    @property
    def address(self) -> str:
        """As EIP-55 writes it."""
        return _checksummed(_of(_coincurve().PrivateKey(self.secret).public_key.format(compressed=False)))

    def sign(self, hashed: bytes) -> str:
        """The signature as 65 bytes in hex: r, s, v."""
        raw = _coincurve().PrivateKey(self.secret).sign_recoverable(hashed, hasher=None)
        return f"0x{(raw[:64] + bytes([raw[64] + _V])).hex()}"


def signer_of(hashed: bytes, signature: str) -> str:
    """The address, in lower case, whose key signed. Raises PaymentError, `signature` or `missing`."""
    raw = bytes.fromhex(signature[2:])
    if raw[64] not in {_V, _V + 1} or int.from_bytes(raw[32:64], "big") > _ORDER // 2:
        raise PaymentError("signature", "The signature is of a form that no token takes.")
    curve = _coincurve()
    try:
        found = curve.PublicKey.from_signature_and_message(raw[:64] + bytes([raw[64] - _V]), hashed, hasher=None)
    except ValueError:
        raise PaymentError("signature", "The signature belongs to no key.") from None
    return f"0x{_of(found.format(compressed=False)).hex()}"


def _coincurve() -> ModuleType:
    if find_spec("coincurve") is None:
        raise PaymentError("missing", "Payment by x402 needs an extra: install triptych[x402].")
    import coincurve

    return coincurve


def _of(point: bytes) -> bytes:
    """The 20 bytes of an address, from an uncompressed point."""
    return keccak256(point[1:])[-20:]


def _word(number: int) -> bytes:
    try:
        return number.to_bytes(32, "big")
    except OverflowError:
        raise PaymentError("malformed", "A number is too large.") from None


def _address(text: str) -> bytes:
    return bytes.fromhex(text[2:]).rjust(32, b"\0")


def _checksummed(raw: bytes) -> str:
    text = raw.hex()
    marks = keccak256(text.encode()).hex()
    return "0x" + "".join(
        char.upper() if int(mark, 16) > 7 else char for char, mark in zip(text, marks[:40], strict=True)
    )
