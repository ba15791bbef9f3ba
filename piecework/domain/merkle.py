"""Merkle trees over 32-byte leaves, verifiable by OpenZeppelin's `MerkleProof`.

A node is keccak256 of its two children, the smaller first; an odd node at the end of a row moves up unhashed. A tree of one leaf
is that leaf. Leaves must be hashes of something that isn't 64 bytes long, so that no node passes for a leaf.
"""

from collections.abc import Sequence

from piecework.domain.errors import Invalid
from piecework.domain.keccak import keccak256

BLOCK = 1024
"""Leaves under a node that a `Forest` keeps."""


def root(leaves: Sequence[bytes]) -> bytes:
    """The root of the tree over `leaves`, in their order.

    Raises:
        Invalid: no leaves.
    """
    return _rows(leaves)[-1][0]


def proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings on the way from leaf `index` to the root, lowest first."""
    siblings = []
    for row in _rows(leaves)[:-1]:
        sibling = index ^ 1
        if sibling < len(row):
            siblings.append(row[sibling])
        index //= 2
    return siblings


class Forest:
    """The tree over leaves that come one at a time: only the nodes ten rows up are kept, 32 bytes for 1,024 leaves.

    An odd node moves up unhashed, so the root over `BLOCK` leaves is the node that stands ten rows above them.
    """

    def __init__(self) -> None:
        self._block: list[bytes] = []
        self._nodes: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """The next leaf."""
        self._block.append(leaf)
        if len(self._block) == BLOCK:
            self._nodes.append(root(self._block))
            self._block = []

    def nodes(self) -> list[bytes]:
        """The nodes ten rows above the leaves, the last over what is left."""
        return self._nodes + ([root(self._block)] if self._block else [])

    def root(self) -> bytes:
        """The same as `root` over all leaves.

        Raises:
            Invalid: no leaves.
        """
        return root(self.nodes())


def proof_in_block(block: Sequence[bytes], nodes: Sequence[bytes], index: int) -> list[bytes]:
    """The same as `proof`, from the 1,024 leaves around `index` and the nodes ten rows up."""
    return proof(block, index % BLOCK) + proof(nodes, index // BLOCK)


def verify(leaf: bytes, siblings: Sequence[bytes], root: bytes) -> bool:
    """Whether `leaf` stands under `root`, as the proof `siblings` shows."""
    node = leaf
    for sibling in siblings:
        node = _parent(node, sibling)
    return node == root


def _rows(leaves: Sequence[bytes]) -> list[list[bytes]]:
    if not leaves:
        raise Invalid("A Merkle tree needs at least one leaf.")
    rows = [list(leaves)]
    while len(rows[-1]) > 1:
        row = rows[-1]
        parents = [_parent(a, b) for a, b in zip(row[::2], row[1::2], strict=False)]
        rows.append(parents + row[-1:] if len(row) % 2 else parents)
    return rows


def _parent(a: bytes, b: bytes) -> bytes:
    return keccak256(a + b if a <= b else b + a)
