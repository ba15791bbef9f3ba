"""The loop: keeps the mirror level with the chain. Backfill is following from far behind."""

import logging

from indexer.ahead import Ahead
from indexer.chain import AnswerRefused, Forked, Header, Span
from indexer.mirror import Mirror
from indexer.reorg import find_ancestor
from indexer.settings import BULK_BLOCKS
from indexer.source import Source
from piecework.domain.errors import Conflict

log = logging.getLogger("indexer")

COST = 2_000_000
"""What one transaction writes at most (`Span.pieces`), but whole blocks: 3,000 small events or 60 settlements of 16,384 slots or so.
Larger ones hold up others who write into the same SQLite file; smaller ones write the same pages of its indexes again and again."""
FAR_BLOCKS = 16
"""From so far behind on, blocks are read ahead of the writer."""


class Follower:
    """One mirror behind one chain.

    Args:
        confirmations: how many blocks must stand on a block before it is mirrored.
        window: how deep a reorg may be.
        bulk_blocks: from so far behind on an empty mirror does without indexes until it is level.
    """

    def __init__(
        self, source: Source, mirror: Mirror, confirmations: int, window: int, bulk_blocks: int = BULK_BLOCKS
    ) -> None:
        self._source, self._mirror, self._bulk_blocks = source, mirror, bulk_blocks
        self._confirmations, self._window = confirmations, window
        self._cursor = mirror.cursor()
        source.verified = max(source.verified, self._cursor.head_number)
        self._ahead: Ahead | None = None

    def step(self) -> bool:
        """Mirrors the next blocks, if there are any.

        Returns:
            Whether there may be more to do at once.

        Raises:
            Unavailable, RpcRefused: the node doesn't answer, or not with the truth.
            TooDeep: a reorg that the mirror can't follow.
            Conflict: another indexer writes.
        """
        try:
            return self._take() if self._ahead else self._look()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Gives up what was read ahead; the next step begins where the mirror stands."""
        if self._ahead:
            self._ahead.close()
        self._ahead = None

    def waiting_blocks(self) -> int:
        """How many blocks are read and wait to be written; may be asked from any thread."""
        ahead = self._ahead
        return ahead.waiting_blocks() if ahead else 0

    def _look(self) -> bool:
        """Asks for the newest block and mirrors up to it, or begins to read ahead where that is far."""
        tip = self._source.tip(self._confirmations)
        behind = tip.number - self._cursor.head_number
        if behind <= self._bulk_blocks:
            self._mirror.make_indexes()
        else:
            self._mirror.defer_indexes(self._cursor)
        if behind <= 0:
            return self._stand(tip)
        if behind > FAR_BLOCKS:
            first, parent_hash = self._cursor.head_number + 1, self._cursor.head_hash
            self._ahead = Ahead(self._source.read_some, first, tip.number, parent_hash)
            return self._take()
        try:
            self._write(self._source.read_some(self._cursor.head_number + 1, tip.number, self._cursor.head_hash))
        except Forked:
            self._reorganise(tip)
        return self._cursor.head_number < tip.number

    def _take(self) -> bool:
        """Mirrors what was read ahead."""
        assert self._ahead is not None
        try:
            span = self._ahead.take()
        except Forked:
            self.close()
            self._reorganise(self._source.tip(self._confirmations))
            return True
        if span is None:
            self.close()
        else:
            self._write(span)
        return True

    def _write(self, span: Span) -> None:
        for piece in span.pieces(COST):
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
        if ancestor.number > before.head_number:
            raise Conflict("Another indexer has moved this database's cursor; only one may write. This one stops.")
        if ancestor.number == before.head_number:
            raise AnswerRefused("The node contradicted itself about the newest mirrored block.", "flapping")
        last = min(tip.number, max(before.head_number, ancestor.number + self._source.reach))
        if last == ancestor.number:
            return
        span = self._source.read(ancestor.number + 1, last, ancestor.hash)
        self._cursor = self._mirror.write(span, before)
        depth = before.head_number - ancestor.number
        self._source.counts.reorganised(depth)
        log.warning("reorg: %d blocks replaced from block %d on; now at block %d", depth, span.first, last)
