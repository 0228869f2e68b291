"""Whether OpenGradient is offered here: only where the user has named an enclave and its keys."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from triptych.http.transport import Transport
from triptych.network.opengradient import ProofError, Tee, read_tee
from triptych.providers.opengradient import SealedTransport
from triptych.spec.errors import SettingsError

PROVIDER: Final = "opengradient"
FILE: Final = "opengradient.json"
_MOST: Final = 16 * 1024

Over = Callable[[Transport], Transport]
"""Makes a transport out of another."""


def find_tee(data: Path) -> Tee | None:
    """The enclave that `opengradient.json` in the data folder names; None without the file. Raises SettingsError for a wrong one."""
    path = data / FILE
    try:
        if not path.is_file():
            return None
        found = path.read_bytes()[:_MOST]
        return read_tee(found)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror or type(error).__name__}.", param=FILE) from error
    except ProofError as error:
        raise SettingsError(f"{path} names no enclave. {error}", param=FILE,
                            hint='It has {"signing_key": PEM, "ohttp_key": hex, "tee_id": "0x…"}.') from None  # fmt: skip


def sealing(tee: Tee) -> Over:
    """The way to this enclave over another transport."""
    return lambda inner: SealedTransport(inner, tee)
