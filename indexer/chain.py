"""What the indexer reads from a chain: headers and logs, as plain values."""

from collections.abc import Iterator
from dataclasses import dataclass

from piecework.domain.errors import Unavailable


class AnswerRefused(Unavailable):
    """The node's answer contradicts itself, so nothing of it is written; the next answer may be right."""


class Forked(AnswerRefused):
    """The node's blocks don't follow the last block that is mirrored."""


@dataclass(frozen=True, slots=True)
class Header:
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


@dataclass(frozen=True, slots=True)
class Log:
    """One log; `data` is 0x hex, everything else as in `Header`."""

    block_number: int
    log_index: int
    block_hash: str
    transaction_hash: str
    address: str
    topics: tuple[str, ...]
    data: str


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
        return sum(len(log.data) for log in self.logs)

    def joined(self, following: "Span") -> "Span":
        """This span and the one behind it as one."""
        return Span(self.headers + following.headers, self.logs + following.logs)

    def pieces(self, weight: int) -> Iterator["Span"]:
        """The same blocks in spans of about `weight` at most; a block is never torn apart."""
        logs: dict[int, list[Log]] = {}
        for log in self.logs:
            logs.setdefault(log.block_number, []).append(log)
        headers: list[Header] = []
        held: list[Log] = []
        for header in self.headers:
            own = logs.get(header.number, [])
            if headers and own and sum(len(log.data) for log in [*held, *own]) > weight:
                yield Span(tuple(headers), tuple(held))
                headers, held = [], []
            headers.append(header)
            held += own
        yield Span(tuple(headers), tuple(held))
