"""Asks witnesses for their cosignatures: the log's side of C2SP tlog-witness."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from triptych.tlog.client import Tree
from triptych.tlog.errors import TrustError
from triptych.tlog.note import Note, Signature, VerifierKey, parse_signatures
from triptych.tlog.text import decimal
from triptych.tlog.witness import AddCheckpoint

Post = Callable[[bytes], Awaitable[tuple[int, bytes]]]
"""Posts a body to a witness's `add-checkpoint` and gives the status and body of its answer."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The verified cosignatures of one witness on a tree, and the size it now knows: where to begin the next time."""

    size: int
    signatures: tuple[Signature, ...]


async def ask_witness(tree: Tree, witness: VerifierKey, known: int, post: Post) -> Cosigned:
    """Has the checkpoint of `tree` cosigned. `known` is the size the witness cosigned last, 0 when that is not known.

    Raises TrustError (`inconsistent` when the witness knows another tree, `rollback` when it knows a larger one,
    `unsigned` when it refuses), NoteError, TileError, and what `post` raises.
    """
    status, body = await _send(tree, known, post)
    if status == 409:  # it says where it is; once, because an honest log meets no second conflict
        said = decimal(body.decode("ascii", errors="replace").removesuffix("\n"))
        if said is None or said > tree.size:
            raise TrustError("rollback", f"{witness.name} knows {said or 'another size'}, this tree has {tree.size}.")
        if said == known:
            raise TrustError("inconsistent", f"{witness.name} knows another tree of {said} entries.")
        status, body = await _send(tree, said, post)
    if status in {409, 422}:
        raise TrustError("inconsistent", f"{witness.name} does not find this tree consistent with the one it knows.")
    if status != 200:
        words = body[:200].decode("utf-8", errors="replace").strip()
        raise TrustError("unsigned", f"{witness.name} answers {status}: {words}")
    mine = (witness.name, witness.key_id)
    signatures = parse_signatures(body.decode("utf-8", errors="replace"))
    own = tuple(s for s in signatures if (s.name, s.key_id) == mine)
    Note(Note.parse(tree.note).text, own).verified([witness])
    return Cosigned(tree.size, own)


async def _send(tree: Tree, old: int, post: Post) -> tuple[int, bytes]:
    return await post(AddCheckpoint(old, await tree.consistency(old), tree.note).encode())
