"""Merkle trees as RFC 6962 section 2.1: roots, inclusion and consistency proofs, verification.

Pure and small on purpose: the stand-alone verifier carries the same rules. Hashes are 32 bytes.
``Subtree`` answers the hash of the perfect subtree of ``2**height`` leaves that starts at leaf
``index * 2**height``; what stores the tree decides how (tiles, a list).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

Subtree = Callable[[int, int], bytes]
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two below ``size`` (size >= 2)."""
    return 1 << (size - 1).bit_length() - 1


class Frontier:
    """The roots of the perfect subtrees of a growing tree: one hash a level, and the root after
    every leaf."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append a leaf hash. As many trailing ones as the size has, so many peaks merge."""
        self.add_perfect(leaf, 0)

    def add_perfect(self, root: bytes, height: int) -> None:
        """Append ``2**height`` leaves with that root; the size must be a multiple of as many."""
        size, peaks = self.size >> height, self._peaks
        while size & 1:
            root = sha256(b"\x01" + peaks.pop() + root).digest()
            size >>= 1
        peaks.append(root)
        self.size += 1 << height

    def root(self) -> bytes:
        if not self._peaks:
            return EMPTY_ROOT
        value = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            value = node_hash(peak, value)
        return value


def subtree_of(leaves: Sequence[bytes]) -> Subtree:
    """A Subtree over leaf hashes held in memory."""

    def subtree(height: int, index: int) -> bytes:
        if height == 0:
            return leaves[index]
        return node_hash(subtree(height - 1, 2 * index), subtree(height - 1, 2 * index + 1))

    return subtree


def root(size: int, subtree: Subtree) -> bytes:
    """The tree head over the first ``size`` leaves; SHA-256 of nothing for an empty tree."""
    return EMPTY_ROOT if size == 0 else _range(0, size, subtree)


def _range(start: int, size: int, subtree: Subtree) -> bytes:
    if size & (size - 1) == 0 and start % size == 0:
        height = size.bit_length() - 1
        return subtree(height, start >> height)
    k = _split(size)
    return node_hash(_range(start, k, subtree), _range(start + k, size - k, subtree))


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """PATH(index, D[size]) of section 2.1.1, leaf side first. Raises ValueError out of range."""
    if not 0 <= index < size:
        raise ValueError("leaf index outside the tree")

    def path(start: int, count: int, at: int) -> list[bytes]:
        if count == 1:
            return []
        k = _split(count)
        if at < k:
            return [*path(start, k, at), _range(start + k, count - k, subtree)]
        return [*path(start + k, count - k, at - k), _range(start, k, subtree)]

    return path(0, size, index)


def consistency_proof(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """PROOF(old, D[new]) of section 2.1.2. Raises ValueError unless 0 < old <= new."""
    if not 0 < old <= new:
        raise ValueError("a proof needs 0 < old size <= new size")

    def proof(start: int, count: int, m: int, whole: bool) -> list[bytes]:
        if m == count:
            return [] if whole else [_range(start, count, subtree)]
        k = _split(count)
        if m <= k:
            return [*proof(start, k, m, whole), _range(start + k, count - k, subtree)]
        return [*proof(start + k, count - k, m - k, False), _range(start, k, subtree)]

    return proof(0, new, old, True)


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes
) -> bool:
    """RFC 9162 section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    fn, sn, value = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            value = node_hash(sibling, value)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            value = node_hash(value, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and value == expected_root


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """RFC 9162 section 2.1.4.2: the tree of ``new`` leaves begins with the tree of ``old``."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    path = list(proof)
    if old & (old - 1) == 0:
        path = [old_root, *path]
    if not path:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = path[0]
    for value in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            first, second = node_hash(value, first), node_hash(value, second)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = node_hash(second, value)
        fn, sn = fn >> 1, sn >> 1
    return first == old_root and second == new_root and sn == 0
