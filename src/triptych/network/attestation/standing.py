"""Which lane a card's evidence earns its node, and in words why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from triptych.network.attestation import nitro, quote
from triptych.network.attestation.errors import AttestationError
from triptych.network.card import Attest, Card
from triptych.network.jose import decode_url64

Collateral = Callable[[str], str | None]
"""What a vendor says of its machines, as JSON, for evidence of one type; None where it is not at hand."""
VENDORS: Final = {"nitro": "AWS Nitro Enclaves", "tdx": "Intel TDX", "sgx": "Intel SGX", "snp": "AMD SEV-SNP"}


@dataclass(frozen=True, slots=True)
class Trust:
    """What is believed of evidence. `programs` are names of programs that somebody has looked at, as `type:hex`, so
    `nitro:9f86d0…`; a machine that is real and runs another program may do with a prompt what it likes. `root_sha256` is another root
    only in tests."""

    programs: frozenset[str] = frozenset()
    collateral: Collateral = lambda _: None
    root_sha256: str = nitro.ROOT_SHA256


@dataclass(frozen=True, slots=True)
class Standing:
    """What came of a card's evidence: the lane that it earns, why in a sentence, and the program where it could be read. `checked` is
    whether there was evidence at all."""

    lane: Literal["attested", "community"]
    why: str
    program: str | None = None
    checked: bool = True


def standing(card: Card, now_ms: int, trust: Trust) -> Standing:
    """What a card's evidence is worth at this time. Never raises: evidence that does not hold earns what no evidence does."""
    found = card.body.attest
    if found is None:
        return Standing("community", "It shows no evidence of its hardware.", checked=False)
    program: str | None = None
    try:
        program, check = _read(found)
        check(bytes.fromhex(found.binds), now_ms, trust)
        _known(program, trust)
    except AttestationError as error:
        return Standing("community", f"Its evidence of {VENDORS[found.type]} does not count: {error}", program)
    return Standing("attested", f"{VENDORS[found.type]} showed just now that it runs {program}.", program)


_Check = Callable[[bytes, int, Trust], None]


def _read(found: Attest) -> tuple[str, _Check]:
    """The program of evidence, and what checks it."""
    data = decode_url64(found.evidence)
    if data is None:
        raise AttestationError("malformed", "It is not base64url.")
    if found.type == "nitro":
        document = nitro.read(data)
        return f"nitro:{document.program}", lambda bound, now_ms, trust: nitro.verify(
            document, now_ms, bound=bound, root_sha256=trust.root_sha256
        )
    if found.type == "snp":
        raise AttestationError("missing", "Triptych cannot check it yet.")
    told = quote.read(data)
    if told.kind != found.type:
        raise AttestationError("malformed", f"The card says {found.type} and the quote is of {told.kind}.")
    return f"{told.kind}:{told.program}", lambda bound, now_ms, trust: _quote(told, bound, now_ms, trust)


def _quote(told: quote.Quote, bound: bytes, now_ms: int, trust: Trust) -> None:
    handed = trust.collateral(told.kind)
    if handed is None:
        raise AttestationError("collateral", "What the vendor says of its machines is not at hand here.")
    quote.verify(told, handed, now_ms, bound=bound)


def _known(program: str, trust: Trust) -> None:
    if program not in trust.programs:
        raise AttestationError("program", f"It runs {program}, and nobody here has said that this program is trusted.")
