"""What the indexer reads from a chain: headers and logs, as plain values."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from piecework.domain.errors import Unavailable

if TYPE_CHECKING:
    Quantity = int
else:
    Quantity = int | str  # hex text while `indexer.wire` takes an answer apart; an int for everybody else


class AnswerRefused(Unavailable):
    """The node's answer contradicts itself, so nothing of it is written; the next answer may be right.

    Attributes:
        kind: a short word for what is wrong, to count it by.
    """

    def __init__(self, sentence: str, kind: str = "nonsense") -> None:
        super().__init__(sentence)
        self.kind = kind


class Forked(AnswerRefused):
    """The node's blocks don't follow the last block that is mirrored."""


class Header(msgspec.Struct, frozen=True, gc=False):
    """A block without its content.

    Attributes:
        number, timestamp: height and Unix seconds.
        hash, parent_hash: 0x hex, lower case.
        bloom: the 2048 bits of logsBloom as one integer.
    """

    number: int
    hash: str
    parent_hash: str
    timestamp: int
    bloom: int


class Log(msgspec.Struct, gc=False, rename="camel"):
    """One log; `data` is 0x hex, everything else as in `Header`. Parsed in place, so it isn't frozen; nobody changes it later."""

    block_number: Quantity
    log_index: Quantity
    block_hash: str
    transaction_hash: str
    address: str
    topics: tuple[str, ...]
    data: str
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring blocks, lowest first and at least one, with all the escrow's logs in them in the order of the chain."""

    headers: tuple[Header, ...]
    logs: tuple[Log, ...]

    @property
    def first(self) -> int:
        return self.headers[0].number

    @property
    def head(self) -> Header:
        return self.headers[-1]

    @property
    def weight(self) -> int:
        """Characters of log data, which is what a span costs in memory and time."""
        return sum([len(log.data) for log in self.logs])

    def joined(self, following: "Span") -> "Span":
        """This span and the one behind it as one."""
        return Span(self.headers + following.headers, self.logs + following.logs)

    def pieces(self, cost: int) -> Iterator["Span"]:
        """The same blocks in spans that cost about `cost` at most to write; a block is never torn apart."""
        logs = {number: list(own) for number, own in groupby(self.logs, attrgetter("block_number"))}
        headers: list[Header] = []
        held: list[Log] = []
        heavy = 0
        for header in self.headers:
            own = logs.get(header.number, [])
            more = sum([len(log.data) for log in own])
            if headers and own and heavy + more > cost:
                yield Span(tuple(headers), tuple(held))
                headers, held, heavy = [], [], 0
            headers.append(header)
            held += own
            heavy += more
        yield Span(tuple(headers), tuple(held))
