"""Checkpoints: signed tree heads (C2SP tlog-checkpoint)."""

from dataclasses import dataclass

from triptych.tlog.errors import CheckpointError
from triptych.tlog.merkle import EMPTY_ROOT, HASH_SIZE
from triptych.tlog.text import decimal, decode64, encode64


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Which log, how many entries, and the root over them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Reads the text of a checkpoint's note. Raises CheckpointError."""
        *lines, end = text.split("\n")
        if len(lines) < 3 or end or not all(lines):
            raise CheckpointError("malformed", "A checkpoint is three or more lines of text: origin, size, root.")
        origin, size, root = lines[0], decimal(lines[1]), decode64(lines[2])
        if size is None:
            raise CheckpointError("malformed", "The second line of a checkpoint is its size, a plain decimal.")
        if root is None or len(root) != HASH_SIZE:
            raise CheckpointError("malformed", "The third line of a checkpoint is base64 of a SHA-256 root.")
        if size == 0 and root != EMPTY_ROOT:
            raise CheckpointError("malformed", "The root of no entries at all is another one.")
        return cls(origin, size, root, tuple(lines[3:]))

    @property
    def text(self) -> str:
        """The text that is signed."""
        return "".join(f"{line}\n" for line in (self.origin, str(self.size), encode64(self.root), *self.extensions))
