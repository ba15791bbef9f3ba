"""The loop: keeps the mirror level with the chain. Backfill is following from far behind."""

import logging

from indexer.chain import AnswerRefused, Forked, Header
from indexer.mirror import Mirror
from indexer.reorg import find_ancestor
from indexer.source import Source

log = logging.getLogger("indexer")

WEIGHT = 200_000
"""Characters of log data that one transaction writes at most, but whole blocks: six settlements of 16,384 slots or so."""


class Follower:
    """One mirror behind one node.

    Args:
        confirmations: how many blocks must stand on a block before it is mirrored.
        window: how deep a reorg may be.
    """

    def __init__(self, source: Source, mirror: Mirror, confirmations: int, window: int) -> None:
        self._source, self._mirror = source, mirror
        self._confirmations, self._window = confirmations, window
        self._cursor = mirror.cursor()

    def step(self) -> bool:
        """Mirrors the next blocks, if there are any.

        Returns:
            Whether there may be more to do at once.

        Raises:
            Unavailable, RpcRefused: the node doesn't answer, or not with the truth.
            TooDeep: a reorg that the mirror can't follow.
            Conflict: another indexer writes.
        """
        tip = self._source.tip(self._confirmations)
        if tip.number <= self._cursor.head_number:
            return self._stand(tip)
        last = min(tip.number, self._cursor.head_number + self._source.reach)
        try:
            self._append(last)
        except Forked:
            self._reorganise(tip)
        return self._cursor.head_number < tip.number

    def _append(self, last: int) -> None:
        span = self._source.read(self._cursor.head_number + 1, last, self._cursor.head_hash)
        for piece in span.pieces(WEIGHT):
            self._cursor = self._mirror.write(piece, self._cursor)

    def _stand(self, tip: Header) -> bool:
        """No new height. A lower tip alone is no reorg: only another hash at a height that the mirror has is one."""
        if tip.hash == self._cursor.head_hash:
            return False
        if tip.number < self._cursor.head_number:
            self._source.identify()
            if self._mirror.hashes(tip.number).get(tip.number, tip.hash) == tip.hash:
                return False
        self._reorganise(tip)
        return False

    def _reorganise(self, tip: Header) -> None:
        """Puts the chain's blocks into the place of the mirror's. They are read before anything is deleted."""
        before = self._cursor
        ancestor = find_ancestor(self._source, self._mirror, before, tip, self._window)
        if ancestor.number == before.head_number:
            raise AnswerRefused("The node contradicted itself about the newest mirrored block.")
        last = min(tip.number, max(before.head_number, ancestor.number + self._source.reach))
        if last == ancestor.number:
            return
        span = self._source.read(ancestor.number + 1, last, ancestor.hash)
        self._cursor = self._mirror.write(span, before)
        depth = before.head_number - ancestor.number
        log.warning("reorg: %d blocks replaced from block %d on; now at block %d", depth, span.first, last)
