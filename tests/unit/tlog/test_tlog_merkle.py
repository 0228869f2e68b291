"""RFC 6962 roots and proofs: golden values, a second implementation, and proofs that must not hold."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.tlog import reference
from tests.unit.tlog.tools import leaves

from triptych.tlog.errors import ProofError
from triptych.tlog.merkle import (
    EMPTY_ROOT,
    check_consistency,
    check_inclusion,
    consistency_ranges,
    hashes_of,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    tree_root,
)

# The reference tree of the certificate-transparency projects (merkle_tree_test, testonly/constants).
INPUTS = [
    bytes.fromhex(h)
    for h in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
H01 = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
H1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
H23 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
H4567 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
H4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
H67 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
H0123 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
H45 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
INCLUSION = [
    (0, 1, []),
    (0, 8, [H1, H23, H4567]),
    (5, 8, [H4, H67, H0123]),
    (2, 3, [H01]),
    (1, 5, ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", H23, H4]),
]
CONSISTENCY = [(1, 1, []), (1, 8, [H1, H23, H4567]), (6, 8, [H45, H67, H0123]), (2, 5, [H23, H4])]


class Plain:
    """All nodes of a tree, made from its leaves each time."""

    def __init__(self, entries: list[bytes]) -> None:
        self.entries = entries

    def __call__(self, height: int, index: int) -> bytes:
        return reference.mth(self.entries[index << height : (index + 1) << height])

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        return hashes_of(inclusion_ranges(index, size), self)

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        return hashes_of(consistency_ranges(old, new), self)


def unhex(hashes: list[str]) -> tuple[bytes, ...]:
    return tuple(map(bytes.fromhex, hashes))


@pytest.mark.parametrize("size", range(9))
def test_golden_roots(size: int) -> None:
    assert tree_root(size, Plain(INPUTS)).hex() == ROOTS[size] == reference.mth(INPUTS[:size]).hex()


@pytest.mark.parametrize(("index", "size", "hashes"), INCLUSION)
def test_golden_inclusion(index: int, size: int, hashes: list[str]) -> None:
    assert Plain(INPUTS).inclusion(index, size) == unhex(hashes)
    check_inclusion(leaf_hash(INPUTS[index]), index, size, unhex(hashes), bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("old", "new", "hashes"), CONSISTENCY)
def test_golden_consistency(old: int, new: int, hashes: list[str]) -> None:
    assert Plain(INPUTS).consistency(old, new) == unhex(hashes)
    check_consistency(old, new, unhex(hashes), bytes.fromhex(ROOTS[old]), bytes.fromhex(ROOTS[new]))


def test_every_inclusion_proof_up_to_200_entries() -> None:
    entries = leaves(200)
    hashes = [leaf_hash(e) for e in entries]
    known: dict[tuple[int, int], bytes] = {}

    def node(height: int, index: int) -> bytes:
        if height == 0:
            return hashes[index]
        if (height, index) not in known:
            known[height, index] = node_hash(node(height - 1, 2 * index), node(height - 1, 2 * index + 1))
        return known[height, index]

    for size in range(1, 201):
        root = tree_root(size, node)
        assert size % 40 or root == reference.mth(entries[:size])
        for index in range(size):
            proof = hashes_of(inclusion_ranges(index, size), node)
            check_inclusion(hashes[index], index, size, proof, root)
            assert reference.inclusion_holds(hashes[index], index, size, proof, root)


def test_every_proof_is_the_one_of_the_recursive_definition() -> None:
    entries = leaves(40)
    tree = Plain(entries)
    for size in range(1, 41):
        for index in range(size):
            assert list(tree.inclusion(index, size)) == reference.path(index, entries[:size])
            if index:
                assert list(tree.consistency(index, size)) == reference.proof(index, entries[:size])


def test_every_consistency_proof_up_to_70_entries() -> None:
    entries = leaves(70)
    tree = Plain(entries)
    roots = [reference.mth(entries[:size]) for size in range(71)]
    for new in range(71):
        for old in range(new + 1):
            proof = tree.consistency(old, new)
            check_consistency(old, new, proof, roots[old], roots[new])
            if 0 < old < new:
                assert reference.consistency_holds(old, new, proof, roots[old], roots[new])


@settings(deadline=None)
@given(st.integers(1, 300), st.data())
def test_a_changed_inclusion_proof_never_holds(size: int, data: st.DataObject) -> None:
    entries = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    root, leaf, proof = reference.mth(entries), leaf_hash(entries[index]), list(Plain(entries).inclusion(index, size))
    other = data.draw(st.integers(0, size - 1).filter(lambda i: i != index)) if size > 1 else None
    wrong = [(leaf_hash(b"another"), index, size, proof, root), (leaf, index, size, [*proof, root], root),
             (leaf, index, size, proof, leaf_hash(b""))]  # fmt: skip
    if other is not None:
        at, bit = data.draw(st.integers(0, len(proof) * 32 - 1)), data.draw(st.integers(0, 7))
        changed = bytearray(b"".join(proof))
        changed[at] ^= 1 << bit
        flipped = [bytes(changed[i : i + 32]) for i in range(0, len(changed), 32)]
        wrong += [(leaf, other, size, proof, root), (leaf, index, size, flipped, root),
                  (leaf, index, size, proof[:-1], root)]  # fmt: skip
    for case in wrong:
        with pytest.raises(ProofError):
            check_inclusion(*case)
        assert not reference.inclusion_holds(*case)


@settings(deadline=None)
@given(st.integers(2, 300), st.data())
def test_a_changed_consistency_proof_never_holds(new: int, data: st.DataObject) -> None:
    entries = leaves(new)
    old = data.draw(st.integers(1, new - 1))
    before, after = reference.mth(entries[:old]), reference.mth(entries)
    proof = Plain(entries).consistency(old, new)
    at, bit = data.draw(st.integers(0, len(proof) * 32 - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(b"".join(proof))
    changed[at] ^= 1 << bit
    flipped = tuple(bytes(changed[i : i + 32]) for i in range(0, len(changed), 32))
    forked = reference.mth([b"another", *entries[1:old]])
    for hashes, first, second in [
        (flipped, before, after), (proof[:-1], before, after), ((*proof, after), before, after),
        (proof, forked, after), (proof, before, forked), (proof, after, before),
    ]:  # fmt: skip
        with pytest.raises(ProofError):
            check_consistency(old, new, hashes, first, second)


def test_what_is_out_of_range_or_malformed_says_so() -> None:
    for index, size in [(0, 0), (5, 5), (-1, 3)]:
        with pytest.raises(ProofError) as caught:
            inclusion_ranges(index, size)
        assert caught.value.reason == "out_of_range"
    with pytest.raises(ProofError, match="does not extend"):
        consistency_ranges(3, 2)
    with pytest.raises(ProofError, match="not 32 bytes"):
        check_inclusion(leaf_hash(b""), 0, 2, [b"short"], EMPTY_ROOT)
    with pytest.raises(ProofError) as caught:
        check_consistency(0, 1, [], leaf_hash(b""), leaf_hash(b""))
    assert caught.value.reason == "inconsistent"
    check_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    with pytest.raises(ProofError):
        check_consistency(3, 3, [], leaf_hash(b"a"), leaf_hash(b"b"))
