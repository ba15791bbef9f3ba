"""Reads verified spans of blocks from a chain's nodes."""

import time
from collections.abc import Iterator, Sequence

from indexer import bloom, verify, wire
from indexer.bonds import watched
from indexer.chain import AnswerRefused, Forked, Header, Log, Span
from indexer.counts import Counts
from indexer.endpoint import Endpoint
from indexer.endpoints import Endpoints
from indexer.limits import shorter
from indexer.wire import NoAnswer
from piecework.chain.deployment import Deployment
from piecework.chain.rpc import Rpc, RpcNonsense, RpcRefused
from piecework.domain.errors import Unavailable

MOST_BLOCKS = 512
HOLD_SPANS = 16
"""So many spans of one length are read after a refusal before a longer one is tried."""
LIGHT_BYTES, HEAVY_BYTES = 1_000_000, 3_000_000
"""Sizes of an answer below and above which the next span is longer or shorter."""
BEHIND_BLOCKS = 3
"""A node that is further behind what was mirrored isn't only a little late."""
STALE_SECONDS = 5.0
"""After so long without a new block the other nodes are asked for theirs."""
SURVEY_PATIENCE_SECONDS = 1.0
ATTEMPTS_WITHOUT_RANGE = ("connection", "not http", "resting", "busy", "http 429", "http 503")
"""Failures that a shorter range wouldn't have spared us."""


class Source:
    """A chain's nodes, asked for the logs of one deployment: its escrow's, and its bond's.

    Args:
        nodes: one or several; a plain `Rpc` is one.

    Attributes:
        verified: the highest block that was found to be whole and right; a node below it lags.
    """

    def __init__(self, nodes: Rpc | Endpoints, deployment: Deployment) -> None:
        self.endpoints = nodes if isinstance(nodes, Endpoints) else Endpoints.around(nodes)
        self._deployment, self._contracts = deployment, watched(deployment)
        self._topics = tuple(topic for topics in self._contracts.values() for topic in topics)
        self.verified, self._newest = -1, (-1, time.monotonic())

    @property
    def counts(self) -> Counts:
        """What happened between us and the nodes."""
        return self.endpoints.counts

    @property
    def reach(self) -> int:
        """How many blocks are asked for at once, for now."""
        return self.endpoints.current.reach

    def identify(self) -> None:
        """Refuses another chain than the deployment's; of several nodes, leaves out those of another chain.

        Raises:
            Invalid: another chain id or genesis, or no escrow there.
        """
        self.endpoints.current.identified = False
        self.endpoints.ask(lambda endpoint: None, self.check)

    def check(self, endpoint: Endpoint) -> None:
        """Refuses a node of another chain than the deployment's (Invalid)."""
        try:
            self._deployment.check(endpoint)
        except RpcNonsense as error:
            raise AnswerRefused(error.sentence) from error

    def tip(self, confirmations: int = 0) -> Header:
        """The newest block that `confirmations` blocks stand on (block 0 where the chain is shorter)."""
        newest = self.endpoints.ask(lambda endpoint: endpoint.newest(), self.check)
        if len(self.endpoints.known) > 1 and self._is_late(newest):
            newest = self._newest_of_all(newest)
        return self.header(max(newest.number - confirmations, 0)) if confirmations else newest

    def header(self, number: int) -> Header:
        """The block of that height."""
        return self.headers([number])[0]

    def headers(self, numbers: Sequence[int]) -> list[Header]:
        """The blocks of those heights, in their order; no links are checked."""
        return self.endpoints.ask(lambda endpoint: endpoint.headers(numbers), self.check) if numbers else []

    def read(self, first: int, last: int, parent_hash: str) -> Span:
        """Blocks `first` to `last` on top of `parent_hash` with the deployment's logs, whole and verified.

        Raises:
            Forked: the node's chain has another block below `first`.
            AnswerRefused: the answer contradicts itself.
            RpcRefused: the node refuses even one block.
            RpcUnavailable: no answer.
        """
        span = self.read_some(first, last, parent_hash)
        while span.head.number < last:
            span = span.joined(self.read_some(span.head.number + 1, last, span.head.hash))
        return span

    def read_some(self, first: int, last: int, parent_hash: str) -> Span:
        """As many of the blocks as a node gives at once, all from the same one; otherwise as `read`."""
        span = self.endpoints.ask(lambda endpoint: self._granted(endpoint, first, last, parent_hash), self.check)
        self.verified = max(self.verified, span.head.number)
        self.endpoints.current.astray = False
        return span

    def votes(self, number: int) -> list[str]:
        """The hashes that the other nodes have at a height, as far as they answer and have got there."""
        return [header.hash for _, header in self._testimonies(number)]

    def dispute(self, accused: Endpoint, number: int, stored_hash: str) -> None:
        """Counts a reorg that nobody confirms, and asks one who has the block that we have, if there is one, from now on."""
        accused.astray = True
        self.counts.disagreed()
        for endpoint, header in self._testimonies(number):
            if header.hash == stored_hash:
                self.endpoints.distrust(accused)
                return self.endpoints.turn_to(endpoint)

    def _testimonies(self, number: int) -> Iterator[tuple[Endpoint, Header]]:
        for endpoint in self.endpoints.others:
            try:
                if self.endpoints.identify(endpoint, self.check):
                    yield endpoint, endpoint.headers([number])[0]
            except (Unavailable, RpcRefused):
                continue

    def _granted(self, endpoint: Endpoint, first: int, last: int, parent_hash: str) -> Span:
        """After a refusal fewer blocks are asked for; after any other failure too, but not before somebody has waited."""
        blocks, may_trust = min(last - first + 1, endpoint.reach), True
        while True:
            try:
                span, size = self._read(endpoint, first, first + blocks - 1, parent_hash)
            except NoAnswer as error:
                if error.kind not in ATTEMPTS_WITHOUT_RANGE:
                    endpoint.reach = max(1, blocks // 2)
                raise
            except RpcRefused as error:
                self.counts.bisected(endpoint.name)
                if blocks == 1:
                    return self._read_by_topic(endpoint, first, parent_hash)
                blocks, hinted = shorter(first, blocks, error.message, may_trust)
                endpoint.reach, endpoint.hold, may_trust = blocks, HOLD_SPANS, not hinted and may_trust
            else:
                _adapt(endpoint, blocks, size)
                return span

    def _read(self, endpoint: Endpoint, first: int, last: int, parent_hash: str) -> tuple[Span, int]:
        """Headers and logs in one request, so that the same node answers both; and the answer's bytes."""
        questions = [wire.header_of(number) for number in range(first, last + 1)]
        (*blocks, found), size = endpoint.ask(*questions, wire.logs_of([*self._contracts], first, last))
        span = Span(wire.headers(blocks), wire.logs(found))
        verify.headers(span.headers, first, last, parent_hash)
        verify.logs(span, self._contracts)
        short = len(span.headers) <= verify.YOUNG_BLOCKS and size < LIGHT_BYTES
        young = first if short else max(endpoint.tip, self.verified, last) - verify.YOUNG_BLOCKS + 1
        doubtful = verify.doubtful(span, self._contracts, young)
        for header in doubtful or ([verify.sample(span)] if span.logs and size < HEAVY_BYTES else []):
            verify.whole_block(header, endpoint.whole_block(header), span, self._contracts)
        return span, size

    def _read_by_topic(self, endpoint: Endpoint, number: int, parent_hash: str) -> Span:
        """One block that the node doesn't give whole, a few kinds of events at a time.

        The rest of the block can't be had, so the bloom is all that the pieces are held against: where it speaks of an event that
        isn't there, that kind is asked for a second time.

        Raises:
            RpcRefused: not even one kind of event is given.
        """
        (header,) = endpoint.headers([number])
        verify.headers([header], number, number, parent_hash)
        span = Span((header,), self._by_topic(endpoint, header, self._topics))
        verify.logs(span, self._contracts)
        held = {log.topics[0] for log in span.logs if log.topics}
        absent = [topic for topic in self._topics if topic not in held and bloom.holds(header.bloom, topic)]
        if absent and self._by_topic(endpoint, header, absent):
            raise AnswerRefused(f"The node left out logs of block {number}.", "incomplete")
        return span

    def _by_topic(self, endpoint: Endpoint, header: Header, topics: Sequence[str]) -> tuple[Log, ...]:
        """Those of the block's logs that are of these topics, in their order."""
        try:
            (given,), _ = endpoint.ask(wire.logs_in(header.hash, [*self._contracts], topics))
            return wire.logs(given)
        except RpcRefused:
            if len(topics) == 1:
                raise
        self.counts.bisected(endpoint.name)
        middle = len(topics) // 2
        found = self._by_topic(endpoint, header, topics[:middle]) + self._by_topic(endpoint, header, topics[middle:])
        return tuple(sorted(found, key=lambda log: log.log_index))

    def _is_late(self, newest: Header) -> bool:
        """Whether the current node lags behind what was mirrored, or hasn't had a new block for a while."""
        number, since = self._newest
        if newest.number > number:
            self._newest = (newest.number, time.monotonic())
        behind = newest.number < self.verified - BEHIND_BLOCKS
        stale = newest.number <= number and time.monotonic() - since >= STALE_SECONDS
        if behind or stale:
            self._newest = (number, time.monotonic())
        return behind or stale

    def _newest_of_all(self, newest: Header) -> Header:
        """The newest block of whoever is ahead of the current node, and that one is asked from now on."""
        late, best = self.endpoints.current, newest
        for endpoint in self.endpoints.others:
            try:
                if not self.endpoints.identify(endpoint, self.check):
                    continue
                other = endpoint.newest(SURVEY_PATIENCE_SECONDS)
            except Unavailable:
                continue
            if other.number > best.number:
                best = other
                self.endpoints.turn_to(endpoint)
        if best is not newest and late is not self.endpoints.current:
            self.counts.failed(late.name, "behind")
        return best


def _adapt(endpoint: Endpoint, blocks: int, size: int) -> None:
    """A span of middling size is best: one request's overhead is small by then, and so is what has to be held at once.

    After a refusal it takes a while until longer ones are tried again.
    """
    endpoint.hold = max(0, endpoint.hold - 1)
    if size > HEAVY_BYTES:
        endpoint.reach = max(1, blocks * (HEAVY_BYTES + LIGHT_BYTES) // 2 // size)
    elif size < LIGHT_BYTES and blocks >= endpoint.reach and not endpoint.hold:
        endpoint.reach = min(MOST_BLOCKS, endpoint.reach * 2)
