"""The settler: empties a lane of the outbox onto the chain, with one key, and never pays twice for one intent.

A transaction is signed and stored, with its nonce, in one database transaction, and sent after that. Whatever happens in between,
what is stored is what is sent again: the same bytes have the same nonce and hash, so the chain takes them once. One that isn't mined
is replaced by a version that offers more, stored first too. It counts as done when a version has a receipt and the mirror shows what
it did; until the chain's finality it is looked at again, because a reorg may undo it.
"""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Event, Thread
from typing import Any

from sqlalchemy import Connection, Row
from sqlalchemy.exc import SQLAlchemyError

from backend.services.cargo import settlement
from backend.services.carrier import LONGEST_PAUSE_SECONDS, Carrier
from backend.services.follower import REVISIT_SECONDS, Follower
from backend.services.lane import GWEI, Held, Lane, Poor
from backend.services.leadership import Leadership
from backend.store import lanes as lane_states
from backend.store import mirror, notices, outbox
from backend.store.database import Store
from piecework.chain.deployment import Deployment
from piecework.chain.failover import AnotherChain
from piecework.chain.rpc import Rpc, RpcUnavailable
from piecework.domain.errors import Invalid, PieceworkError
from piecework.domain.typed_data import Key
from piecework.operation.exposition import Histogram

log = logging.getLogger(__name__)

LEASES = {"relayer": "settler", "coordinator": "watchtower"}
BUSY_SECONDS, PATIENT_SECONDS, IDLE_SECONDS = 0.05, 0.5, 1.0
"""Between two looks at what is under way: at first, and after a while; and between two looks at an empty outbox."""
CHECK_SECONDS, IDLE_CHECK_SECONDS = 2, 5
REPORT_SECONDS = 10


class Settler:
    """One thread that carries what a lane of the outbox holds.

    Args:
        store: where outbox and mirror are.
        rpc, deployment: the chain and the escrow.
        key: the lane's; nobody else should send from its account.
        push_gas: gas each push to a worker's wallet may use.
        settle_gas: most gas that one settlement should take.
        finality_blocks: how long a confirmed transaction is looked at again.
        clock: the time, aware.
        lanes: whose rows it carries, all with this key; the first one's lease makes it the only one to do so.
        most_fee: wei that a gas may cost at most.
        bump_seconds: after how long without being mined a transaction is replaced by one that offers more.
        leadership: another lease than the first lane's own; for lanes that one process carries together.
    """

    def __init__(
        self,
        store: Store,
        rpc: Rpc,
        deployment: Deployment,
        key: Key,
        push_gas: int,
        settle_gas: int,
        finality_blocks: int,
        clock: Callable[[], datetime],
        lanes: tuple[str, ...] = ("relayer",),
        most_fee: int = 500 * GWEI,
        bump_seconds: float = 60,
        leadership: Leadership | None = None,
    ) -> None:
        self._leadership = leadership = leadership or Leadership(store, LEASES[lanes[0]], clock)
        self._lane = Lane(
            *(store, rpc, deployment, key, clock, lanes, leadership, push_gas, settle_gas, finality_blocks, most_fee, bump_seconds)
        )
        self._carrier, self._follower = Carrier(self._lane), Follower(self._lane)
        self._work, self._ending = Event(), Event()
        self._thread = Thread(target=self._run, name=leadership.name, daemon=True)
        self._checked = self._requeued = self._reported = float("-inf")
        self._said, self._warned = ("", ""), -1
        self._under_way: Sequence[int] = ()

    def start(self) -> None:
        """Begins to carry."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the step at hand, and lets another process lead."""
        self._ending.set()
        self._work.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def wake(self) -> None:
        """Says that something was queued."""
        self._work.set()

    @property
    def alive(self) -> bool:
        """Whether the thread is still there."""
        return self._thread.is_alive()

    @property
    def leads(self) -> bool:
        """Whether this process carries the lane's rows."""
        return self._leadership.held

    @property
    def carried(self) -> dict[str, Histogram]:
        """How long what it carried took, by kind."""
        return self._lane.carried

    def _run(self) -> None:
        pause, silent = IDLE_SECONDS, ""
        while not self._ending.is_set():
            try:
                pause = self._pause(pause) if self.step() else IDLE_SECONDS
                silent = ""
            except (PieceworkError, SQLAlchemyError) as error:
                pause = min(max(pause * 2, IDLE_SECONDS / 4), LONGEST_PAUSE_SECONDS)
                self._checked = float("-inf")
                if str(error) != silent:
                    log.warning("settling waits: %s", error, extra={"event": "waiting", "error": str(error)})
                silent = str(error)
            if self._work.wait(pause):
                pause = BUSY_SECONDS
            self._work.clear()
        self._resign()

    def _pause(self, before: float) -> float:
        """Longer and longer while the same transactions are under way: a slow chain isn't asked twenty times a second."""
        with self._lane.store.read() as connection:
            now = [row.id for row in outbox.in_state(connection, "signed", self._lane.names)]
        same, self._under_way = now == self._under_way, now
        return min(before * 1.2, PATIENT_SECONDS) if same else BUSY_SECONDS

    def _resign(self) -> None:
        try:
            self._leadership.resign()
        except (PieceworkError, SQLAlchemyError) as error:
            log.warning("the lease runs out by itself: %s", error)

    def step(self) -> bool:
        """Does what can be done now; whether there is more to do soon.

        Raises:
            Unavailable: the chain or the database doesn't answer, or the chain isn't the one that it was.
        """
        if not self._leadership.acquire():
            return False
        with self._lane.store.read() as connection:
            signed, queued = (outbox.in_state(connection, state, self._lane.names) for state in ("signed", "queued"))
        try:
            self._check_chain(CHECK_SECONDS if signed or queued else IDLE_CHECK_SECONDS)
            remarks = self._step(signed, queued)
        except AnotherChain as error:
            self._report("halted", error.sentence)
            raise
        except RpcUnavailable as error:
            self._report("waiting", error.sentence)
            raise
        self._report("waiting" if remarks else "working", " ".join(dict.fromkeys(remarks)) or "All is well.")
        return bool(signed or queued)

    def _step(self, signed: Sequence[Row[Any]], queued: Sequence[Row[Any]]) -> list[str]:
        """Follows what is signed and carries what is queued; what waits for something, in sentences."""
        self._follower.remarks = []
        held = self._follow(signed) if signed else []
        if not held:  # a later nonce couldn't go before them
            held += self._each(queued, self._carrier.carry)
        if self._follower.revisit():
            self._work.set()
        self._requeue()
        return held + self._follower.remarks

    def _follow(self, signed: Sequence[Row[Any]]) -> list[str]:
        moment = self._lane.moment()
        held = self._each(signed, lambda row: self._follower.follow(row, moment))
        lowest = min(signed, key=lambda row: int(row.nonce))
        return held + self._each([lowest], lambda row: self._follower.fill_gap(row.nonce, moment))

    def _each(self, rows: Sequence[Row[Any]], work: Callable[[Row[Any]], None]) -> list[str]:
        """Does the work for each row; what held one up doesn't hold up the others."""
        held = []
        for row in rows:
            try:
                work(row)
            except Held as error:
                held.append(error.sentence)
                if isinstance(error, Poor):
                    self._warn(error.sentence)
        return held

    def _warn(self, sentence: str) -> None:
        """Tells an operator's owner that its account can't pay: once for each transaction that waits for money."""
        operator, store = self._lane.names[0], self._lane.store
        with store.read() as connection:
            owner, nonce = lane_states.owner(connection, operator), outbox.last_nonce(connection, self._lane.names) + 1
        if owner is None or self._warned == nonce:
            return
        self._warned, subject = nonce, {"operator": operator, "detail": sentence}
        notice = {"account": owner, "kind": "funds.low", "subject": subject, "fact": f"poor:{operator}:{nonce}"}
        store.write_now(lambda c: notices.tell_once(c, [notice], self._lane.clock()))

    def _check_chain(self, every_seconds: float) -> None:
        """It must be the chain that it was: a devnet that was started anew would take a signature for another's money.

        Raises:
            AnotherChain: it isn't; somebody must look.
        """
        if time.monotonic() - self._checked < every_seconds:
            return
        lane = self._lane
        try:
            lane.deployment.check(lane.rpc)
        except Invalid as error:
            raise AnotherChain(error.sentence) from error
        with lane.store.read() as connection:
            head = mirror.head(connection)
            final = outbox.final_nonce(connection, head.number - lane.finality_blocks, lane.names) if head else -1
        mined = int(lane.rpc.call("eth_getTransactionCount", lane.key.address, "latest"), 16)
        if mined <= final:
            raise AnotherChain(
                f"The chain knows {mined} transactions of {lane.key.address}, but {final + 1} were final: it was set back, or is not the "
                "chain that it was. Nothing is sent until it is."
            )
        self._checked = time.monotonic()

    def _requeue(self) -> None:
        """What somebody else settled or opened may be free again: then it is left to carry. One that failed stays so."""
        if "relayer" not in self._lane.names or time.monotonic() - self._requeued < REVISIT_SECONDS:
            return
        self._requeued = time.monotonic()
        with self._lane.store.read() as connection:
            left = [subject for subject in outbox.left(connection) if self._is_due(connection, subject)]
        for subject in left:
            self._lane.store.write_now(lambda c, of=subject: outbox.queue(c, "settlement", of, self._lane.clock()))

    def _is_due(self, connection: Connection, subject: str) -> bool:
        if outbox.failures(connection, "settlement", subject):
            return False
        return settlement(connection, subject, self._lane.push_gas, self._lane.settle_gas) is not None

    def _report(self, state: str, detail: str) -> None:
        """Says how the lane is doing, where every process can read it."""
        if self._said == (state, detail) and time.monotonic() - self._reported < REPORT_SECONDS:
            return
        lane = self._lane
        balance = None if state == "halted" else self._balance()
        row = {"state": state, "detail": detail, "account": lane.key.address, "balance": balance}
        row |= {"holder": self._leadership.me, "updated_at": lane.clock()}
        lane.store.write_now(lambda c: lane_states.say(c, lane.names[0], row))
        if self._said[0] != state:
            level = {"halted": logging.ERROR, "waiting": logging.WARNING}.get(state, logging.INFO)
            log.log(level, "the %s lane is %s: %s", lane.names[0], state, detail, extra={"event": state, "lane": lane.names[0]})
        self._said, self._reported = (state, detail), time.monotonic()

    def _balance(self) -> int | None:
        try:
            return self._lane.balance()
        except RpcUnavailable:
            return None
