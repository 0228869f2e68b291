"""A second implementation, by other people and in a package used nowhere else, gives the same roots and the same
inclusion proofs (RFC 6962 section 2.1), and finds the same trees consistent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, InvalidProof, verify_consistency
from tests.unit.tlog.test_tlog_merkle import Plain
from tests.unit.tlog.tools import leaves

from triptych.tlog.errors import ProofError
from triptych.tlog.merkle import check_consistency, check_inclusion, leaf_hash, tree_root

MOST = 48


def theirs(entries: list[bytes]) -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for entry in entries:
        tree.append_entry(entry)
    return tree


ENTRIES = leaves(MOST)
OURS, THEIRS = Plain(ENTRIES), theirs(ENTRIES)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=70))
def test_leaves_and_roots_are_equal(entries: list[bytes]) -> None:
    tree = theirs(entries)
    assert tree.get_leaf(1) == leaf_hash(entries[0])
    assert tree.get_root() == tree_root(len(entries), Plain(entries))


def test_every_inclusion_proof_is_equal_and_holds() -> None:
    for size in range(1, MOST + 1):
        root = THEIRS.get_root(size)
        for index in range(size):
            own, *siblings = THEIRS.prove_inclusion(index + 1, size).path  # theirs begins with the leaf itself
            assert tuple(siblings) == OURS.inclusion(index, size)
            check_inclusion(own, index, size, siblings, root)


def test_both_find_the_same_trees_consistent_and_the_same_ones_not() -> None:
    """Their consistency proofs have other hashes than RFC 6962 asks for. So each checks its own, between their roots."""
    for new in range(2, MOST + 1):
        for old in range(1, new):
            roots = THEIRS.get_root(old), THEIRS.get_root(new)
            verify_consistency(*roots, THEIRS.prove_consistency(old, new))
            check_consistency(old, new, OURS.consistency(old, new), *roots)
            for wrong in ((THEIRS.get_root(new), roots[1]), (roots[0], THEIRS.get_root(old))):
                with pytest.raises(InvalidProof):
                    verify_consistency(*wrong, THEIRS.prove_consistency(old, new))
                with pytest.raises(ProofError):
                    check_consistency(old, new, OURS.consistency(old, new), *wrong)
