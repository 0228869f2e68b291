"""Quotes of Intel TDX and SGX (DCAP), checked by the package `dcap-qvl`.

A quote says nothing of when it was made: what dates it are the keys that are bound into it, and what the vendor says of its machines
(the *collateral*: TCB info, identity of the quoting enclave, lists of what is revoked), which is handed in and ends after a month. Read
2026-11-22: Intel TDX Module Architecture Specification, TDATTRIBUTES; Intel SDM volume 3D, ATTRIBUTES; the stubs of dcap-qvl 0.7.0.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from triptych.network.attestation.errors import AttestationError, need

MAX_BYTES: Final = 16 * 1024
BOUND_BYTES: Final = 64  # of report data
UP_TO_DATE: Final = "UpToDate"
_SGX_DEBUG: Final = 0x02  # in the first byte of ATTRIBUTES.FLAGS

Kind = Literal["tdx", "sgx"]


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote as it was read; nothing of it is checked. `program` names what runs: for SGX it is MRENCLAVE, for TDX the SHA-256 of
    MRTD and RTMR0 to RTMR3 one after another, in hex. `debug` says that it can be looked into."""

    kind: Kind
    debug: bool
    program: str
    report_data: bytes
    raw: bytes = field(repr=False)


def read(data: bytes) -> Quote:
    """Reads a quote and checks its form only. Raises AttestationError, `missing` or `malformed`."""
    need("dcap_qvl")
    import dcap_qvl

    if len(data) > MAX_BYTES:
        raise AttestationError("malformed", f"A quote has at most {MAX_BYTES // 1024} KiB.")
    try:
        found = dcap_qvl.parse_quote(data)
    except ValueError as error:
        raise AttestationError("malformed", f"It is no quote of Intel TDX or SGX: {error}.") from None
    report = found.report
    if found.is_tdx():
        return Quote("tdx", report.td_attributes[0] != 0, _tdx_program(report), bytes(report.report_data), data)
    debug = bool(report.attributes[0] & _SGX_DEBUG)
    return Quote("sgx", debug, bytes(report.mr_enclave).hex(), bytes(report.report_data), data)


def verify(quote: Quote, collateral: str, now_ms: int, *, bound: bytes) -> None:
    """Checks a quote: that it is no debug mode's, that the vendor stands behind it and its machine as of `now_ms` by the
    `collateral` (JSON as Intel's PCS and the PCCS have it), that its platform is up to date, and that its report data are `bound`, with
    zeros behind. Raises AttestationError."""
    import dcap_qvl

    if quote.debug:
        raise AttestationError("debug", "The machine was started in debug mode: its operator can look into it.")
    try:
        handed = dcap_qvl.QuoteCollateralV3.from_json(collateral)
    except ValueError as error:
        raise AttestationError("collateral", f"What the vendor says of its machines cannot be read: {error}.") from None
    try:
        told = dcap_qvl.verify(quote.raw, handed, now_ms // 1000)
    except ValueError as error:
        raise _refused(str(error)) from None
    if told.status != UP_TO_DATE:
        advisories = f" ({', '.join(told.advisory_ids)})" if told.advisory_ids else ""
        raise AttestationError("platform", f"The vendor says of this machine: {told.status}{advisories}.")
    if quote.report_data != bound.ljust(BOUND_BYTES, b"\0"):
        raise AttestationError("keys", "The quote is not for the keys of this card.")


def _tdx_program(report: Any) -> str:
    parts = (report.mr_td, report.rt_mr0, report.rt_mr1, report.rt_mr2, report.rt_mr3)
    return hashlib.sha256(b"".join(bytes(one) for one in parts)).hexdigest()


def _refused(said: str) -> AttestationError:
    """The library tells all by one kind of error; what is out of date is told apart by its words."""
    words = said.removeprefix("Verification failed: ")
    if "expired" in words.lower():
        return AttestationError("collateral", f"What the vendor says of its machines is out of date: {words}.")
    return AttestationError("signature", f"The vendor does not stand behind the quote: {words}.")
