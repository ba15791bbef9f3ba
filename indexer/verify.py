"""What a node's answer must satisfy before a row of it is written. Pure: an answer goes in, a refusal comes out or nothing."""

from collections.abc import Collection, Mapping, Sequence
from itertools import chain, groupby
from operator import attrgetter, lt

from indexer import bloom
from indexer.chain import AnswerRefused, Forked, Header, Log, Span

YOUNG_BLOCKS = 4
"""So many of the newest blocks are asked for a second time, by their hash, where they hold events."""


def headers(given: Sequence[Header], first: int, last: int, parent_hash: str) -> None:
    """Refuses headers that aren't exactly the blocks `first` to `last`, each the child of the one before.

    Raises:
        Forked: they are a chain, but not on top of `parent_hash`.
        AnswerRefused: they are no chain.
    """
    if [header.number for header in given] != list(range(first, last + 1)):
        raise AnswerRefused(f"The node gave other blocks than {first} to {last}, which were asked for.", "headers")
    for parent, child in zip(given, given[1:], strict=False):
        if child.parent_hash != parent.hash:
            raise AnswerRefused(f"The node's block {child.number} isn't the child of its block {parent.number}.", "parent")
    if given[0].parent_hash != parent_hash:
        raise Forked(f"The node's block {first} doesn't follow block {first - 1} as it is mirrored.", "fork")


def logs(span: Span, contracts: Collection[str]) -> None:
    """Refuses logs that are foreign, out of range or order, doubled, of another fork, or unknown to their block's bloom.

    Raises:
        AnswerRefused: with the first thing that is wrong.
    """
    headers_by_number = {header.number: header for header in span.headers}
    before = -1
    for number, run in groupby(span.logs, attrgetter("block_number")):
        own = list(run)
        header = headers_by_number.get(number)
        if header is None or number <= before or not _belong(own, header, contracts):
            raise _first_fault(span, contracts)
        before = number


def _belong(own: Sequence[Log], header: Header, contracts: Collection[str]) -> bool:
    """Whether logs can be all of one block and of these contracts, looked at all together, which is quick."""
    indexes = [log.log_index for log in own]
    addresses = {log.address for log in own}
    return (
        addresses.issubset(contracts)
        and [log.block_hash for log in own].count(header.hash) == len(own)
        and all(map(lt, indexes, indexes[1:]))
        and _is_held(header, addresses.union(chain.from_iterable([log.topics for log in own])))
    )


def _is_held(header: Header, values: Collection[str]) -> bool:
    bits = bloom.union(values)
    return header.bloom & bits == bits


def _first_fault(span: Span, contracts: Collection[str]) -> AnswerRefused:
    """What is wrong with logs of which something is, looked at one by one."""
    headers_by_number = {header.number: header for header in span.headers}
    before = (-1, -1)
    for log in span.logs:
        position = (log.block_number, log.log_index)
        header = headers_by_number.get(log.block_number)
        named = f"log {log.log_index} of block {log.block_number}"
        if log.address not in contracts:
            return AnswerRefused(f"The node's {named} is another contract's.", "foreign")
        if header is None:
            return AnswerRefused(f"The node's {named} is outside blocks {span.first} to {span.head.number}.", "range")
        if position <= before:
            return AnswerRefused(f"The node's {named} is doubled or out of order.", "order")
        if log.block_hash != header.hash:
            return AnswerRefused(f"The node's {named} is of another block than the header with that number.", "fork")
        if not _is_held(header, (log.address, *log.topics)):
            return AnswerRefused(f"The node's {named} isn't in its block's bloom.", "bloom")
        before = position
    return AnswerRefused("The node's logs contradict one another.", "order")


def doubtful(span: Span, contracts: Mapping[str, Collection[str]], young: int) -> list[Header]:
    """The blocks of which somebody must look at all logs; `contracts` are ours by address, each with its topics.

    That is where the bloom speaks of an event of ours that isn't among the logs. And from block `young` on, at the head, it is
    every block with an event: there a node most often gives a block before it has all its logs, and the bloom doesn't tell two
    deposits from one.
    """
    held: dict[int, set[str]] = {
        number: {log.topics[0] for log in run if log.topics} for number, run in groupby(span.logs, attrgetter("block_number"))
    }
    masks = [
        (bloom.mask(address), [(topic, bloom.mask(topic)) for topic in topics]) for address, topics in contracts.items()
    ]
    return [
        header
        for header in span.headers
        if (header.number >= young and header.number in held)
        or any(
            header.bloom & own == own and _speaks_of_more(header.bloom, topics, held.get(header.number, set()))
            for own, topics in masks
        )
    ]


def _speaks_of_more(bits: int, masks: Sequence[tuple[str, int]], held: Collection[str]) -> bool:
    return any(bits & mask == mask and topic not in held for topic, mask in masks)


def sample(span: Span) -> Header:
    """One of the blocks with events, as the newest block's hash has it: a lie that runs through a span, as of shifted log indexes,
    is seen in any block, but only in a whole one."""
    numbers = sorted({log.block_number for log in span.logs})
    chosen = numbers[int(span.head.hash, 16) % len(numbers)]
    return span.headers[chosen - span.first]


def whole_block(header: Header, everything: Sequence[Log], span: Span, contracts: Collection[str]) -> None:
    """Refuses `span` if a whole block's logs, whose bloom can be computed, say otherwise of it.

    Raises:
        AnswerRefused: logs are missing from the block, or from the span.
    """
    if any(log.block_hash != header.hash for log in everything) or bloom.of(everything) != header.bloom:
        raise AnswerRefused(
            f"The node doesn't give all logs of block {header.number}: they don't make its bloom.", "incomplete"
        )
    own = [log for log in everything if log.address in contracts]
    if own != [log for log in span.logs if log.block_number == header.number]:
        raise AnswerRefused(f"The node left out logs of block {header.number}.", "incomplete")
