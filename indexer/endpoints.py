"""Several nodes of one chain: who is asked, and who is asked instead when that one fails, lags or lies."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from indexer.chain import AnswerRefused, Forked
from indexer.counts import Counts
from indexer.endpoint import Endpoint, Resting
from piecework.chain.rpc import Rpc, RpcRefused
from piecework.domain.errors import Invalid, Unavailable

log = logging.getLogger("indexer")
Given = TypeVar("Given")

DISTRUST_SECONDS = 30.0
"""For so long after a wrong answer a node is asked last."""
STRANGER_SECONDS = 60.0
"""For so long a node of another chain isn't looked at again."""


class Endpoints:
    """The nodes of one chain, one of which is asked until it fails.

    Args:
        known: at least one.
        counts: shared with the nodes.

    Attributes:
        current: who is asked first.
    """

    def __init__(self, known: Sequence[Endpoint], counts: Counts) -> None:
        if not known:
            raise Invalid("No chain's address is given; set PIECEWORK_RPC_URL to one or several, separated by commas.")
        self.known, self.counts, self.current = tuple(known), counts, known[0]
        self._strangers: dict[Endpoint, tuple[float, Invalid]] = {}

    @classmethod
    def of(cls, urls: str, timeout_seconds: float, counts: Counts | None = None) -> "Endpoints":
        """The nodes whose addresses are in a text, separated by commas."""
        counts = counts or Counts()
        named: dict[str, Endpoint] = {}
        for url in filter(None, map(str.strip, urls.split(","))):
            endpoint = Endpoint(url, timeout_seconds, counts)
            if endpoint.name in named:
                endpoint = Endpoint(url, timeout_seconds, counts, f"{endpoint.name}#{len(named) + 1}")
            named[endpoint.name] = endpoint
        return cls(list(named.values()), counts)

    @classmethod
    def around(cls, rpc: Rpc) -> "Endpoints":
        """One node by its plain address."""
        return cls.of(rpc.url, rpc.timeout_seconds)

    @property
    def others(self) -> list[Endpoint]:
        """Everybody but the one who is asked first, as far as they may be asked."""
        return [endpoint for endpoint in self._by_trust() if endpoint is not self.current and self._is_ours(endpoint)]

    def ask(self, question: Callable[[Endpoint], Given], identify: Callable[[Endpoint], None]) -> Given:
        """The first good answer, of the current node or of one of the others.

        Args:
            identify: refuses (Invalid) a node of another chain; asked before a node's first answer is trusted.

        Raises:
            Invalid: every node is of another chain.
            Forked: the first who answered has another chain than we; the others aren't asked.
            Unavailable, RpcRefused: nobody answered well; what the first of them said.
        """
        trouble: Exception | None = None
        for endpoint in self._order():
            try:
                self._greet(endpoint, identify)
                answer = question(endpoint)
            except Forked:
                self._turn_to(endpoint)
                raise
            except (Unavailable, RpcRefused) as error:
                self._note(endpoint, error)
                trouble = trouble if trouble and not isinstance(trouble, Resting) else error
            except Invalid as error:
                self._leave_out(endpoint, error)
            else:
                self._turn_to(endpoint)
                return answer
        raise trouble or self._all_strangers()

    def identify(self, endpoint: Endpoint, identify: Callable[[Endpoint], None]) -> bool:
        """Whether a node is of our chain."""
        try:
            self._greet(endpoint, identify)
        except RpcRefused:
            return False
        except Invalid as error:
            self._leave_out(endpoint, error)
            return False
        return True

    def turn_to(self, endpoint: Endpoint) -> None:
        """From now on this one is asked first."""
        self._turn_to(endpoint)

    def distrust(self, endpoint: Endpoint) -> None:
        """For a while everybody else is asked before this one."""
        endpoint.doubted_at = time.monotonic()

    def _order(self) -> Iterator[Endpoint]:
        """The current one first, unless it was wrong a moment ago."""
        order = self._by_trust()
        if not self._is_doubted(self.current):
            order = [self.current, *(endpoint for endpoint in order if endpoint is not self.current)]
        return (endpoint for endpoint in order if self._is_ours(endpoint))

    def _by_trust(self) -> list[Endpoint]:
        doubts = {endpoint: endpoint.doubted_at if self._is_doubted(endpoint) else 0.0 for endpoint in self.known}
        return sorted(self.known, key=lambda endpoint: doubts[endpoint])

    def _is_doubted(self, endpoint: Endpoint) -> bool:
        return time.monotonic() - endpoint.doubted_at < DISTRUST_SECONDS

    def _is_ours(self, endpoint: Endpoint) -> bool:
        since, _ = self._strangers.get(endpoint, (None, None))
        if since is not None and time.monotonic() - since >= STRANGER_SECONDS:
            del self._strangers[endpoint]
        return endpoint not in self._strangers or len(self.known) == 1

    def _greet(self, endpoint: Endpoint, identify: Callable[[Endpoint], None]) -> None:
        if not endpoint.identified:
            identify(endpoint)
            endpoint.identified = True

    def _note(self, endpoint: Endpoint, error: Exception) -> None:
        """A lie is counted here; that no answer came is counted where that is found out."""
        if isinstance(error, AnswerRefused):
            self.counts.failed(endpoint.name, error.kind)
            if endpoint is self.current or error.kind != "lacking":  # who lacks blocks of which only others spoke is no liar
                self.distrust(endpoint)
        elif isinstance(error, RpcRefused):
            self.counts.failed(endpoint.name, "refused")

    def _leave_out(self, endpoint: Endpoint, error: Invalid) -> None:
        """A node of another chain: the only one there is ends everything, one of several is left out."""
        self.counts.failed(endpoint.name, "another chain")
        if len(self.known) == 1:
            raise error
        self._strangers[endpoint] = (time.monotonic(), error)
        log.error("%s It isn't asked.", error.sentence)

    def _all_strangers(self) -> Exception:
        if len(self._strangers) == len(self.known):
            return next(error for _, error in self._strangers.values())
        return Resting("None of the chain's nodes may be asked at the moment.", "resting")

    def _turn_to(self, endpoint: Endpoint) -> None:
        if endpoint is not self.current:
            log.warning("asking the node %s now instead of %s", endpoint.name, self.current.name)
            self.current = endpoint
            self.counts.failed_over(endpoint.name)
