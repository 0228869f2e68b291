"""What is kept for an `Idempotency-Key` with the tiles that were started under it: their state says the rest."""

from collections.abc import Sequence
from dataclasses import replace

from triptych.spec.records import TileRecord
from triptych.store.base import IdempotencyRecord

STARTED = 102
"""The status kept with a key under which something was started."""


def answered(claim: IdempotencyRecord | None, tiles: Sequence[TileRecord]) -> IdempotencyRecord | None:
    """The claimed key with the names of the tiles, to be stored together with them; None without a key."""
    names = ",".join(tile.id for tile in tiles)
    return None if claim is None else replace(claim, status=STARTED, response=names)
