"""Evidence of a node's hardware, out of a file that whatever stands next to the hardware keeps fresh.

Only that can ask the hardware for it. What the evidence has to have in it is written beside it; see docs/concepts/attestation.md.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from triptych.network.card import Attest

FOLDER: Final = "attestation"
BINDS: Final = "binds"
EVIDENCE: Final = "evidence.json"
_MOST: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class EvidenceFolder:
    """Gives the evidence for the keys of now. Without the folder nothing is written and nothing is shown."""

    folder: Path

    def of(self, binds: str) -> Attest | None:
        """The evidence that is for `binds`, which is `network.card.binding`; None where there is none, or only for other keys."""
        try:
            if not self.folder.is_dir():
                return None
            asked = self.folder / BINDS
            if not asked.is_file() or asked.read_text("ascii") != f"{binds}\n":
                asked.write_text(f"{binds}\n", "ascii")
            found = msgspec.json.decode((self.folder / EVIDENCE).read_bytes()[:_MOST], type=Attest)
        except (OSError, ValueError):
            # A node without evidence is a node of the community; one that stops for want of it is none at all.
            return None
        return found if found.binds == binds else None
