"""What operators send: one thread that carries the lanes of all of them, each with its own key.

An operator's account needs a little of the chain's coin for gas. The relayer tops it up from what the service may spend on that
(`operator_gas`); with 0 the requester sends it.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from threading import Event, Thread

from sqlalchemy.exc import SQLAlchemyError

from backend.services.carrier import LONGEST_PAUSE_SECONDS
from backend.services.lane import GWEI
from backend.services.leadership import Leadership
from backend.services.operators import Operators
from backend.services.settler import BUSY_SECONDS, IDLE_SECONDS, Settler
from backend.settings import Settings
from backend.store import outbox
from backend.store.database import Store
from piecework.chain.deployment import Deployment
from piecework.chain.rpc import Rpc
from piecework.domain.errors import PieceworkError

log = logging.getLogger(__name__)

LEASE = "operators"


class Errands:
    """Carries operators' lanes.

    Args:
        store: where outbox and mirror are.
        rpc, deployment: the chain and the escrow.
        operators: have the keys.
        settings: gas and finality, as for the settler.
        clock: the time, aware.
        wake_relayer: tells the settler that an operator needs gas.
    """

    def __init__(
        self,
        store: Store,
        rpc: Rpc,
        deployment: Deployment,
        operators: Operators,
        settings: Settings,
        clock: Callable[[], datetime],
        wake_relayer: Callable[[], None],
    ) -> None:
        self._store, self._rpc, self._deployment, self._operators = store, rpc, deployment, operators
        self._settings, self._clock, self._wake_relayer = settings, clock, wake_relayer
        self._leadership = Leadership(store, LEASE, clock)
        self._settlers: dict[str, Settler] = {}
        self._work, self._ending = Event(), Event()
        self._thread = Thread(target=self._run, name="errands", daemon=True)

    def start(self) -> None:
        """Begins to carry."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the step at hand."""
        self._ending.set()
        self._work.set()
        self._thread.join(5)

    def wake(self) -> None:
        """Says that something was queued."""
        self._work.set()

    def _run(self) -> None:
        pause, silent = IDLE_SECONDS, ""
        while not self._ending.is_set():
            try:
                pause, silent = (BUSY_SECONDS if self.step() else IDLE_SECONDS), ""
            except (PieceworkError, SQLAlchemyError) as error:
                pause = min(max(pause * 2, IDLE_SECONDS / 4), LONGEST_PAUSE_SECONDS)
                if str(error) != silent:
                    log.warning("operators wait: %s", error)
                silent = str(error)
            self._work.wait(pause)
            self._work.clear()
        self._resign()

    def _resign(self) -> None:
        try:
            self._leadership.resign()
        except (PieceworkError, SQLAlchemyError) as error:
            log.warning("the lease runs out by itself: %s", error)

    def step(self) -> bool:
        """Does what can be done now for each operator that has something; whether there is more to do soon.

        Raises:
            Unavailable: the chain or the database doesn't answer.
        """
        with self._store.read() as connection:
            busy = outbox.busy_operators(connection)
        more = False
        for operator in busy:
            settler = self._settler(operator)
            if settler is not None and self._has_gas(operator):
                more = settler.step() or more
        return more

    def _settler(self, operator: str) -> Settler | None:
        if operator not in self._settlers:
            key = self._operators.sender(operator)
            if key is None:
                log.error("the outbox has a lane of %s, which is no operator here", operator)
                return None
            s = self._settings
            self._settlers[operator] = Settler(
                *(self._store, self._rpc, self._deployment, key, s.push_gas, s.settle_gas, s.finality_blocks, self._clock, (operator,)),
                *(int(s.max_fee_gwei * GWEI), s.bump_seconds),
                leadership=self._leadership,
            )
        return self._settlers[operator]

    def _has_gas(self, operator: str) -> bool:
        """Whether the operator can send; asks the relayer for gas where it can't."""
        most = self._settings.operator_gas
        if not most:
            return True
        if int(self._rpc.call("eth_getBalance", operator, "latest"), 16) >= most // 4:
            return True
        subject = f"{operator}:{most}"
        with self._store.read() as connection:
            if outbox.is_under_way(connection, "gas", subject):
                return False
        self._store.write_now(lambda c: outbox.queue(c, "gas", subject, self._clock()))
        self._wake_relayer()
        return False
