"""Reads verified spans of blocks from a node."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from indexer import verify
from indexer.chain import AnswerRefused, Forked, Header, Log, Span
from piecework.chain.deployment import Deployment
from piecework.chain.escrow import escrow_abi
from piecework.chain.rpc import Rpc, RpcRefused
from piecework.domain.errors import Unavailable

MOST_BLOCKS = 512
LIGHT, HEAVY = 500_000, 4_000_000
"""Characters of log data below and above which the next span is longer or shorter."""


class Source:
    """One node, asked for one escrow's logs.

    Attributes:
        reach: how many blocks to ask for at once; adapts to what the node grants and to how much is in them.
    """

    def __init__(self, rpc: Rpc, deployment: Deployment) -> None:
        self._rpc, self._deployment = rpc, deployment
        self._escrow = deployment.escrow
        self._topics = tuple(escrow_abi().topics)
        self.reach = 64

    def identify(self) -> None:
        """Refuses another chain than the deployment's.

        Raises:
            Invalid: another chain id or genesis, or no escrow there.
        """
        with _sense("what chain it is"):
            self._deployment.check(self._rpc)

    def tip(self, confirmations: int = 0) -> Header:
        """The newest block that `confirmations` blocks stand on (block 0 where the chain is shorter)."""
        with _sense("its newest block"):
            newest = _header(self._rpc.call("eth_getBlockByNumber", "latest", False))
        return self.header(max(newest.number - confirmations, 0)) if confirmations else newest

    def header(self, number: int) -> Header:
        """The block of that height."""
        return self.headers([number])[0]

    def headers(self, numbers: Sequence[int]) -> list[Header]:
        """The blocks of those heights, in their order; no links are checked."""
        with _sense("its headers"):
            found = [_header(block) for block in self._rpc.batch(_header_calls(numbers))]
        if [header.number for header in found] != list(numbers):
            raise AnswerRefused("The node gave other blocks than were asked for.")
        return found

    def read(self, first: int, last: int, parent_hash: str) -> Span:
        """Blocks `first` to `last` on top of `parent_hash` with the escrow's logs, whole and verified.

        Raises:
            Forked: the node's chain has another block below `first`.
            AnswerRefused: the answer contradicts itself.
            RpcRefused: the node refuses even one block.
            RpcUnavailable: no answer.
        """
        span = self._granted(first, last, parent_hash)
        while span.head.number < last:
            span = span.joined(self._granted(span.head.number + 1, last, span.head.hash))
        return span

    def _granted(self, first: int, last: int, parent_hash: str) -> Span:
        """As many of the blocks as the node gives at once.

        After a refusal half as many are asked for, whatever the node says of its limits; after any other failure too, but not
        before somebody has waited.
        """
        while True:
            end = min(last, first + self.reach - 1)
            try:
                span = self._read(first, end, parent_hash)
            except Forked:
                raise
            except (Unavailable, RpcRefused) as error:
                self.reach = max(1, (end - first + 1) // 2)
                if first == end or isinstance(error, Unavailable):
                    raise
            else:
                self._adapt(span)
                return span

    def _read(self, first: int, last: int, parent_hash: str) -> Span:
        """Headers and logs in one request, so that the same node answers both."""
        query = {"address": self._escrow, "fromBlock": hex(first), "toBlock": hex(last)}
        with _sense(f"blocks {first} to {last}"):
            *blocks, found = self._rpc.batch([*_header_calls(range(first, last + 1)), ("eth_getLogs", [query])])
            span = Span(tuple(_header(block) for block in blocks), tuple(_log(log) for log in found))
        verify.headers(span.headers, first, last, parent_hash)
        verify.logs(span, self._escrow)
        for header in verify.doubtful(span, self._escrow, self._topics):
            verify.whole_block(header, self._block_logs(header), span, self._escrow)
        return span

    def _block_logs(self, header: Header) -> list[Log]:
        """All logs of one block, everybody's."""
        with _sense(f"the logs of block {header.number}"):
            return [_log(log) for log in self._rpc.call("eth_getLogs", {"blockHash": header.hash})]

    def _adapt(self, span: Span) -> None:
        if span.weight > HEAVY:
            self.reach = max(1, len(span.headers) // 2)
        elif span.weight < LIGHT and len(span.headers) >= self.reach:
            self.reach = min(MOST_BLOCKS, self.reach * 2)


@contextmanager
def _sense(asked: str) -> Iterator[None]:
    """Turns an answer of the wrong shape into a refusal."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise AnswerRefused(f"The node's answer about {asked} makes no sense ({type(error).__name__}: {error}).") from error


def _header_calls(numbers: Sequence[int]) -> list[tuple[str, Sequence[Any]]]:
    return [("eth_getBlockByNumber", [hex(number), False]) for number in numbers]


def _header(block: dict[str, Any]) -> Header:
    return Header(
        number=int(block["number"], 16),
        hash=_hex(block["hash"], 32),
        parent_hash=_hex(block["parentHash"], 32),
        timestamp=int(block["timestamp"], 16),
        bloom=int(_hex(block["logsBloom"], 256), 16),
    )


def _log(log: dict[str, Any]) -> Log:
    if log.get("removed"):
        raise ValueError("a removed log")
    return Log(
        block_number=int(log["blockNumber"], 16),
        log_index=int(log["logIndex"], 16),
        block_hash=_hex(log["blockHash"], 32),
        transaction_hash=_hex(log["transactionHash"], 32),
        address=_hex(log["address"], 20),
        topics=tuple(_hex(topic, 32) for topic in log["topics"]),
        data=_hex(log["data"]),
    )


def _hex(text: str, size: int | None = None) -> str:
    """Lower-case 0x hex of `size` bytes."""
    raw = bytes.fromhex(text.removeprefix("0x"))
    if not text.startswith("0x") or size not in (None, len(raw)):
        raise ValueError(f"not {size} bytes of hex")
    return text.lower()
