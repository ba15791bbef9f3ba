"""When the chain has other blocks than the mirror: finds where they part."""

from collections.abc import Mapping
from dataclasses import dataclass

from indexer.chain import AnswerRefused, Header
from indexer.mirror import Cursor, Mirror
from indexer.source import Source
from piecework.domain.errors import Conflict


class TooDeep(Conflict):
    """The chain has replaced blocks that were taken for final; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Ancestor:
    """The highest block that mirror and chain have in common."""

    number: int
    hash: str


class Disputed(AnswerRefused):
    """One node speaks of a reorg that nobody confirms; nothing was changed."""


def find_ancestor(source: Source, mirror: Mirror, cursor: Cursor, tip: Header, window: int) -> Ancestor:
    """Where the chain left the mirror's blocks, within `window` blocks below the mirror's head, by the word of two nodes if there are.

    Raises:
        TooDeep: further down; seen twice, so that one wrong answer halts nobody.
        Disputed: nobody else says so.
        AnswerRefused: the chain ends below the window, as a node's does that is still syncing.
    """
    oldest = cursor.head_number - window
    if tip.number < oldest:
        raise AnswerRefused(
            f"The node is at block {tip.number}, far behind block {cursor.head_number}, which is mirrored.", "behind"
        )
    stored = {number: block for number, block in mirror.hashes(oldest).items() if number <= tip.number}
    for _ in range(2):
        ancestor = highest_common(stored, source.headers(sorted(stored)))
        if ancestor is not None:
            _confirm(source, stored, ancestor.number + 1)
            return ancestor
    source.identify()
    _confirm(source, stored, min(stored, default=-1))
    raise TooDeep(
        f"The chain was reorganised deeper than {window} blocks below block {cursor.head_number}, which counted as final. "
        "Nothing was changed; if this is the right chain, mirror it into a new database."
    )


def _confirm(source: Source, stored: Mapping[int, str], number: int) -> None:
    """Asks once more, and the other nodes too, whether the chain really has another block than the mirror at a height.

    Raises:
        Disputed: it hasn't, or the others deny it, or nobody confirms it of a node that was denied before.
    """
    if number not in stored:
        return  # the chain ends there: nothing is replaced, or what replaces it is read and verified anyway
    again, named = source.header(number).hash, source.endpoints.current
    if again == stored[number]:
        raise Disputed(f"The node {named.name} has two minds about block {number}.", "flapping")
    votes = source.votes(number)
    confirmed, denied = votes.count(again), votes.count(stored[number])
    if (votes and confirmed == 0) or confirmed + 1 <= denied or (not votes and named.astray):
        source.dispute(named, number, stored[number])
        raise Disputed(
            f"The node {named.name} has replaced block {number}, but no other node says so; nothing is changed until they agree.",
            "disputed",
        )


def highest_common(stored: Mapping[int, str], chain: list[Header]) -> Ancestor | None:
    """The highest block of `chain` that is `stored` with the same hash."""
    common = [header for header in chain if stored.get(header.number) == header.hash]
    return max((Ancestor(header.number, header.hash) for header in common), key=lambda block: block.number, default=None)
