"""Merkle trees against the published test vectors of RFC 6962 implementations, and by property."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.audit.domain import merkle

# The eight inputs and roots of the Certificate Transparency reference implementation.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOT_8 = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
ROOT_1 = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def test_the_roots_are_those_of_the_reference_implementation():
    subtree = merkle.subtree_of([merkle.leaf_hash(item) for item in INPUTS])
    assert merkle.root(1, subtree).hex() == ROOT_1
    assert merkle.root(8, subtree).hex() == ROOT_8


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70), st.data())
def test_proofs_hold_and_do_not_hold_for_anything_else(size, data):
    leaves = [merkle.leaf_hash(bytes([number])) for number in range(size)]
    subtree = merkle.subtree_of(leaves)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    root, old_root = merkle.root(size, subtree), merkle.root(old, subtree)
    proof = merkle.inclusion_proof(index, size, subtree)
    assert merkle.verify_inclusion(leaves[index], index, size, proof, root)
    assert not merkle.verify_inclusion(merkle.leaf_hash(b"x" * 9), index, size, proof, root)
    grown = merkle.consistency_proof(old, size, subtree)
    assert merkle.verify_consistency(old, size, old_root, root, grown)
    assert not merkle.verify_consistency(old, size, bytes(32), root, grown)
