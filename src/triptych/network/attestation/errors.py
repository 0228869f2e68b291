"""Why evidence of hardware is not believed."""

from importlib.util import find_spec
from typing import Literal

Reason = Literal[
    "missing", "malformed", "chain", "signature", "debug", "time", "nonce", "keys", "program", "collateral", "platform"
]
"""In one word: `missing` a package or the evidence itself · `malformed` it cannot be read · `chain` its certificates do not lead to the
vendor · `signature` it was changed · `debug` the machine can be looked into · `time` too old, or of the future · `nonce`, `keys`,
`program` it is for others · `collateral` what the vendor says of its machines is not at hand, or out of date · `platform` the vendor
says that this machine is not safe as it is."""


class AttestationError(Exception):
    """Evidence that is not to be believed. `reason` says why in one word; the text says more."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def need(*packages: str) -> None:
    """Raises AttestationError where one of the packages is not installed; asks without loading it."""
    if any(find_spec(one) is None for one in packages):
        raise AttestationError("missing", "This cannot be checked here: install triptych[attest].")
