"""One node of a chain, and how it has been doing."""

import email.utils
import json
import math
import time
from collections.abc import Sequence
from typing import Any

from indexer import wire
from indexer.backoff import Backoff
from indexer.breaker import Breaker
from indexer.chain import AnswerRefused, Header, Log
from indexer.counts import Counts
from indexer.wire import NoAnswer, Question
from piecework.chain.rpc import Rpc, RpcRefused
from piecework.chain.transport import NoReply, Reply

FIRST_REACH = 64
DEFAULT_WAIT_SECONDS = 1.0
"""How long to leave a node alone that has too much to do and doesn't say for how long."""


class Resting(NoAnswer):
    """The node is left alone for now; nothing was sent."""


class Endpoint(Rpc):
    """A node that is asked in batches, with a circuit breaker before it, and counted.

    Args:
        name: what it is called in counters and sentences; its address may hold a key.

    Attributes:
        reach: how many blocks to ask for at once; adapts to what the node grants and to how much is in them.
        hold: how many spans are still to be read before the reach may grow again.
        identified: whether it was found to be on the right chain since it last failed.
        astray: whether another node denied its last reorg, and it hasn't come back since.
        doubted_at: when it last gave a wrong answer, on the monotonic clock.
        tip: the newest block that it spoke of.
    """

    def __init__(self, url: str, timeout_seconds: float, counts: Counts, name: str | None = None) -> None:
        super().__init__(url, timeout_seconds)
        self.counts, self.name = counts, name or self.place.partition("//")[2]
        self.breaker = Breaker(Backoff(0.25, 5), time.monotonic)
        self.reach, self.hold, self.identified, self.astray = FIRST_REACH, 0, False, False
        self.doubted_at, self.tip = -math.inf, -1
        counts.breaker(self.name, self.breaker.state)

    def ask(self, *questions: Question, patience_seconds: float | None = None) -> tuple[list[Any], int]:
        """What `wire.results` makes of the answer, and how many bytes it had.

        Raises:
            NoAnswer, RpcRefused, AnswerRefused: see there; each is counted.
        """
        first_id = next(self._ids) * 1_000
        reply = self._exchange(wire.encode(questions, first_id), patience_seconds)
        try:
            found = wire.results(reply.body, questions, first_id, self.place, reply.status)
        except NoAnswer as error:
            raise self._counted(error)
        except (RpcRefused, AnswerRefused):
            self._worked()
            raise
        self._worked()
        return found, len(reply.body)

    def newest(self, patience_seconds: float | None = None) -> Header:
        """The newest block."""
        (block,), _ = self.ask(wire.header_of("latest"), patience_seconds=patience_seconds)
        (header,) = wire.headers([block])
        self.tip = header.number
        self.counts.head(self.name, header.number)
        return header

    def headers(self, numbers: Sequence[int]) -> list[Header]:
        """The blocks of those heights, in their order; no links are checked."""
        blocks, _ = self.ask(*map(wire.header_of, numbers))
        found = wire.headers(blocks)
        if [header.number for header in found] != list(numbers):
            raise AnswerRefused("The node gave other blocks than were asked for.", "headers")
        return list(found)

    def whole_block(self, header: Header) -> tuple[Log, ...]:
        """All logs of one block, everybody's."""
        self.counts.rechecked(self.name)
        (found,), _ = self.ask(wire.logs_in(header.hash))
        return wire.logs(found)

    def _post(self, body: Any) -> Any:
        """How `Rpc` asks its own questions."""
        reply = self._exchange(json.dumps(body).encode(), None)
        try:
            answer = json.loads(reply.body)
        except ValueError:
            raise self._counted(NoAnswer(f"What answers at {self.place} is not a chain (HTTP {reply.status}).", "not json")) from None
        self._worked()
        return answer

    def _exchange(self, body: bytes, patience_seconds: float | None) -> Reply:
        if not self.breaker.admits():
            raise Resting(f"The node at {self.place} is left alone for a while, because it failed.", "resting")
        try:
            reply = self._transport.post(body, patience_seconds)
        except NoReply as error:
            raise self._counted(NoAnswer(error.sentence, error.kind)) from error
        except BaseException:  # somebody ends the process; a trial mustn't stay open
            self.breaker.failed()
            raise
        self.counts.requested(self.name, len(reply.body))
        if reply.status in (429, 503) or (reply.status >= 500 and reply.retry_after):
            raise self._counted(
                NoAnswer(
                    f"The node at {self.place} has too much to do (HTTP {reply.status}).",
                    f"http {reply.status}",
                    seconds_of(reply.retry_after, time.time()),
                )
            )
        return reply

    def _counted(self, error: NoAnswer) -> NoAnswer:
        self.identified = False
        self.counts.failed(self.name, error.kind)
        if error.kind == "unanswered":  # it lives; it was asked for too much
            self.breaker.succeeded()
        else:
            waits = error.wait_seconds is None and error.kind == "busy"
            self.breaker.failed(DEFAULT_WAIT_SECONDS if waits else error.wait_seconds)
        self.counts.breaker(self.name, self.breaker.state)
        return error

    def _worked(self) -> None:
        if self.breaker.state != "closed":
            self.counts.breaker(self.name, "closed")
        self.breaker.succeeded()


def seconds_of(retry_after: str | None, now: float) -> float | None:
    """What a Retry-After header means: seconds, or a date (RFC 9110, 10.2.3); None if it means nothing.

    Args:
        now: Unix seconds, which a date is taken from.
    """
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - now)
    except (TypeError, ValueError, OverflowError):
        return None
