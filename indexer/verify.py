"""What a node's answer must satisfy before a row of it is written. Pure: an answer goes in, a refusal comes out or nothing."""

from collections.abc import Collection, Sequence

from indexer import bloom
from indexer.chain import AnswerRefused, Forked, Header, Log, Span

SHORT = 4
"""Up to so many blocks every block with events is asked for a second time, by its hash."""


def headers(given: Sequence[Header], first: int, last: int, parent_hash: str) -> None:
    """Refuses headers that aren't exactly the blocks `first` to `last`, each the child of the one before.

    Raises:
        Forked: they are a chain, but not on top of `parent_hash`.
        AnswerRefused: they are no chain.
    """
    if [header.number for header in given] != list(range(first, last + 1)):
        raise AnswerRefused(f"The node gave other blocks than {first} to {last}, which were asked for.")
    for parent, child in zip(given, given[1:], strict=False):
        if child.parent_hash != parent.hash:
            raise AnswerRefused(f"The node's block {child.number} isn't the child of its block {parent.number}.")
    if given[0].parent_hash != parent_hash:
        raise Forked(f"The node's block {first} doesn't follow block {first - 1} as it is mirrored.")


def logs(span: Span, escrow: str) -> None:
    """Refuses logs that are foreign, out of range or order, doubled, of another fork, or unknown to their block's bloom.

    Raises:
        AnswerRefused: with the first thing that is wrong.
    """
    headers_by_number = {header.number: header for header in span.headers}
    before = (-1, -1)
    for log in span.logs:
        position = (log.block_number, log.log_index)
        header = headers_by_number.get(log.block_number)
        named = f"log {log.log_index} of block {log.block_number}"
        if log.address != escrow:
            raise AnswerRefused(f"The node's {named} is another contract's.")
        if header is None:
            raise AnswerRefused(f"The node's {named} is outside blocks {span.first} to {span.head.number}.")
        if position <= before:
            raise AnswerRefused(f"The node's {named} is doubled or out of order.")
        if log.block_hash != header.hash:
            raise AnswerRefused(f"The node's {named} is of another block than the header with that number.")
        if not all(bloom.holds(header.bloom, value) for value in (log.address, *log.topics)):
            raise AnswerRefused(f"The node's {named} isn't in its block's bloom.")
        before = position


def doubtful(span: Span, escrow: str, topics: Collection[str]) -> list[Header]:
    """The blocks of which somebody must look at all logs.

    That is where the bloom speaks of an event of ours that isn't among the logs. And in a short span, as at the head, it is every
    block with an event: there a node most often gives a block before it has all its logs, and the bloom doesn't tell two
    deposits from one.
    """
    held = {(log.block_number, log.topics[0]) for log in span.logs if log.topics}
    numbers = {number for number, _ in held} if len(span.headers) <= SHORT else set()
    return [
        header
        for header in span.headers
        if bloom.holds(header.bloom, escrow)
        and (
            header.number in numbers
            or any(bloom.holds(header.bloom, topic) and (header.number, topic) not in held for topic in topics)
        )
    ]


def whole_block(header: Header, everything: Sequence[Log], span: Span, escrow: str) -> None:
    """Refuses `span` if a whole block's logs, whose bloom can be computed, say otherwise of it.

    Raises:
        AnswerRefused: logs are missing from the block, or from the span.
    """
    if any(log.block_hash != header.hash for log in everything) or bloom.of(everything) != header.bloom:
        raise AnswerRefused(f"The node doesn't give all logs of block {header.number}: they don't make its bloom.")
    own = [log for log in everything if log.address == escrow]
    if own != [log for log in span.logs if log.block_number == header.number]:
        raise AnswerRefused(f"The node left out logs of block {header.number}.")
