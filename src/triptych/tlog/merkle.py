"""The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1 says the same): roots, proofs, and their checks.

Everything here is a pure function of hashes. A *node* is a perfect subtree, named by its height and its index at that
height: node (0, 5) is the hash of leaf 5, node (3, 1) is the root over leaves 8 to 15.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

from triptych.tlog.errors import ProofError

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()
MAX_SIZE = 1 << 63
Node = tuple[int, int]
ReadNode = Callable[[int, int], bytes]
Range = tuple[int, int]


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry: SHA-256(0x00 || entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two neighbours: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The root over 1, 2, 4, 8, … neighbouring hashes."""
    level = hashes
    while len(level) > 1:
        level = [sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level), 2)]
    return level[0]


def fold(roots: Iterable[bytes]) -> bytes:
    """The root over perfect subtrees that stand side by side, each smaller than the one to its left."""
    right: bytes | None = None
    for left in reversed(list(roots)):
        right = left if right is None else node_hash(left, right)
    return EMPTY_ROOT if right is None else right


def nodes_of(start: int, end: int) -> Iterator[Node]:
    """The perfect subtrees that leaves `start` to `end` are made of, from the left. `start` must be a multiple of a
    power of two that is not smaller than their number, as it is in every proof."""
    while start < end:
        height = (end - start).bit_length() - 1
        yield height, start >> height
        start += 1 << height


def tree_root(size: int, node: ReadNode) -> bytes:
    """The root of the first `size` leaves (section 2.1)."""
    return fold(node(*n) for n in nodes_of(0, size))


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Which leaves each hash of an inclusion proof stands for: PATH(index, D[size]) of section 2.1.1, leaf's sibling
    first. Raises ProofError when the tree has no such leaf."""
    if not 0 <= index < size <= MAX_SIZE:
        raise ProofError("out_of_range", f"A tree of {size} entries has no entry {index}.")
    path: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """Which leaves each hash of a consistency proof stands for: PROOF(old, D[new]) of section 2.1.2.

    Nothing has to be proved from the empty tree, nor between equal sizes. Raises ProofError for sizes in wrong order.
    """
    if not 0 <= old <= new <= MAX_SIZE:
        raise ProofError("out_of_range", f"A tree of {new} entries does not extend one of {old}.")
    if old in {0, new}:
        return []
    path: list[Range] = []
    start, end, whole = 0, new, True  # `whole`: the old tree ends here exactly, and its root is known already
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start, whole = middle, False
    if not whole:
        path.append((start, end))
    return path[::-1]


def hashes_of(ranges: Iterable[Range], node: ReadNode) -> tuple[bytes, ...]:
    """The hashes of a proof, made from the nodes of a tree."""
    return tuple(fold(node(*n) for n in nodes_of(start, end)) for start, end in ranges)


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raises ProofError unless `proof` leads from the leaf hash at `index` to `root` (RFC 9162 section 2.1.3.2)."""
    ranges = inclusion_ranges(index, size)
    _check_hashes(proof, len(ranges))
    top = leaf
    for (start, _), sibling in zip(ranges, proof, strict=True):
        top = node_hash(sibling, top) if start < index else node_hash(top, sibling)
    if top != root:
        raise ProofError("not_included", f"The proof does not lead from entry {index} to the root of {size} entries.")


def check_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Raises ProofError unless `proof` shows that the tree of `new` leaves begins with the tree of `old` leaves
    (RFC 9162 section 2.1.4.2)."""
    ranges = consistency_ranges(old, new)
    _check_hashes(proof, len(ranges))
    if old == 0:
        if old_root != EMPTY_ROOT or (new == 0 and new_root != EMPTY_ROOT):
            raise ProofError("inconsistent", "The root of no entries at all is another one.")
        return
    hashes = list(zip(ranges, proof, strict=True))
    if hashes and hashes[0][0][1] == old:  # the proof begins with the last part of the old tree
        before = after = hashes.pop(0)[1]
    else:
        before = after = old_root
    for (start, _), sibling in hashes:
        if start >= old:
            after = node_hash(after, sibling)
        else:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
    if before != old_root or after != new_root:
        raise ProofError("inconsistent", f"The tree of {new} entries does not begin with the known one of {old}.")


def _check_hashes(proof: Sequence[bytes], wanted: int) -> None:
    if len(proof) != wanted:
        raise ProofError("malformed", f"The proof has {len(proof)} hashes where {wanted} belong.")
    if any(len(h) != HASH_SIZE for h in proof):
        raise ProofError("malformed", f"A hash of the proof is not {HASH_SIZE} bytes long.")
