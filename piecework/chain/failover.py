"""Several nodes of one chain behind the face of one: asked in turn until one answers, and none that is of another chain."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from piecework.chain.rpc import Rpc, RpcRefused, RpcUnavailable
from piecework.domain.errors import Invalid, Unavailable

log = logging.getLogger(__name__)
Given = TypeVar("Given")

REST_SECONDS = 5.0
"""How long a node that didn't answer is asked last."""
STRANGER_SECONDS = 60.0
"""How long a node of another chain isn't asked at all, if there are others."""
TOO_MUCH = -32005
"""What nodes call "limit exceeded": another one may have time."""


class AnotherChain(Unavailable):
    """Whoever answers is of another chain; somebody must look."""


class Failover(Rpc):
    """The nodes whose addresses are in a text, separated by commas. Safe to share between threads.

    Args:
        urls: at least one.
        timeout_seconds: how long one answer of one node may take.
        check: refuses (Invalid) a node of another chain; asked before a node is trusted, at first and after each failure.
    """

    def __init__(self, urls: str, timeout_seconds: float = 30, check: Callable[[Rpc], None] | None = None) -> None:
        addresses = [part.strip() for part in urls.split(",") if part.strip()]
        super().__init__(addresses[0] if addresses else "", timeout_seconds)
        self._nodes = [Rpc(address, timeout_seconds) for address in addresses]
        self._check = check
        self._known: set[Rpc] = set()
        self._rests: dict[Rpc, float] = {}
        self._strangers: dict[Rpc, tuple[float, str]] = {}
        self._current = self._nodes[0]

    def call(self, method: str, *params: Any) -> Any:
        return self._ask(lambda node: node.call(method, *params))

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        return self._ask(lambda node: node.batch(calls))

    @property
    def asked(self) -> str:
        """The place of the node that is asked first."""
        return self._current.place

    def _ask(self, question: Callable[[Rpc], Given]) -> Given:
        """The first answer.

        Raises:
            RpcRefused: a node understood and said no.
            AnotherChain: every node is of another chain.
            RpcUnavailable: no node answered; what the last one said.
        """
        trouble: Unavailable | None = None
        for node in self._order():
            try:
                self._greet(node)
                answer = question(node)
            except RpcUnavailable as error:
                trouble = self._rest(node, error)
            except RpcRefused as error:
                if error.code != TOO_MUCH:
                    self._turn_to(node)
                    raise
                trouble = self._rest(node, RpcUnavailable(f"{node.place} has too much to do: {error.message}"))
            except AnotherChain as error:
                trouble = trouble or error
            else:
                self._turn_to(node)
                return answer
        raise trouble or AnotherChain(" ".join(sentence for _, sentence in self._strangers.values()))

    def _order(self) -> list[Rpc]:
        """Who didn't fail just now first, of those the one that answered last."""
        now = time.monotonic()
        nodes = [node for node in self._nodes if len(self._nodes) == 1 or self._strangers.get(node, (0.0, ""))[0] <= now]
        return sorted(nodes, key=lambda node: (self._rests.get(node, 0.0) > now, node is not self._current))

    def _greet(self, node: Rpc) -> None:
        if self._check is None or node in self._known:
            return
        try:
            self._check(node)
        except RpcRefused as refused:
            raise RpcUnavailable(f"{node.place} doesn't say what chain it is of: {refused.message}") from refused
        except Invalid as error:
            self._strangers[node] = (time.monotonic() + STRANGER_SECONDS, error.sentence)
            raise AnotherChain(error.sentence) from error
        self._strangers.pop(node, None)
        self._known.add(node)

    def _rest(self, node: Rpc, error: RpcUnavailable) -> RpcUnavailable:
        self._known.discard(node)
        self._rests[node] = time.monotonic() + REST_SECONDS
        return error

    def _turn_to(self, node: Rpc) -> None:
        self._rests.pop(node, None)
        if node is not self._current:
            log.warning(
                "asking the node at %s now instead of %s", node.place, self._current.place,
                extra={"event": "failover", "endpoint": node.place},
            )
            self._current = node
