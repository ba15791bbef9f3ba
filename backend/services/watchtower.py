"""The watchtower: what a silent requester leaves undone is done by the coordinator, as far as it is worth the gas.

It opens answers that nobody approved before their job closes, finalizes what has matured, reclaims for the requester what a worker
didn't appeal, and concludes appeals whose time is over. It only decides; what it decides is an intent in the coordinator's lane of
the outbox, which a settler carries like every other: once, through crashes and reorgs. What isn't worth the gas is left, and said.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from threading import Event, Thread
from typing import Any

from sqlalchemy import Connection, Row
from sqlalchemy.exc import SQLAlchemyError

from backend.services.tower_cargo import KINDS
from backend.store import disputes, lookouts, mirror, outbox, watch
from backend.store.database import Store
from piecework.chain.deployment import Deployment
from piecework.chain.rpc import Rpc
from piecework.domain.errors import PieceworkError

log = logging.getLogger(__name__)

GAS = {"open": (95_000, 400), "finalize": (75_000, 60), "reclaim": (90_000, 60), "conclude": (110_000, 0)}
"""Gas of a call and of each slot in it, a little more than `python -m scripts.bench gas` measures; a payment to a worker that never
held the token comes on top."""
GAS_WORKER = 36_000
MOST_FAILURES = 3
SAYS = {
    "open": "open {slots} answers that nobody approved, before the job closes",
    "finalize": "finalize {slots} slots that nobody contested in time",
    "reclaim": "reclaim {slots} contested slots for the requester, which nobody appealed in time",
    "conclude": "conclude an appeal of {slots} slots whose time is over, or that was ruled on",
}


@dataclass(frozen=True, slots=True)
class Call:
    """Something that is due: `amount` base units of `token` move by it, and it costs about `gas`, with what must follow it."""

    kind: str
    subject: str
    job: str
    token: str
    slots: int
    amount: int
    gas: int


@dataclass(frozen=True, slots=True)
class Frugality:
    """When gas is worth spending.

    Attributes:
        multiple: a call's slots must be worth as many times its gas.
        coin_price: whole tokens of the deployment that one whole coin of the chain costs.
    """

    multiple: Decimal
    coin_price: Decimal

    def refusal(self, call: Call, deployment: Deployment, gas_price: int) -> str | None:
        """Why a call isn't worth its gas at `gas_price` wei; None if it is."""
        if self.multiple == 0:
            return None
        if call.token != deployment.token:
            return f"what {call.token} is worth isn't known here"
        cost = Decimal(call.gas * gas_price) / 10**18 * self.coin_price
        worth = Decimal(call.amount) / 10**deployment.token_decimals
        if worth >= cost * self.multiple:
            return None
        return f"{worth.normalize():f} {deployment.token_symbol} are at stake, less than {self.multiple.normalize():f} times the gas ({call.gas:,})"


class Watchtower:
    """Looks every few seconds, and decides.

    Args:
        store: where mirror, outbox and notes are.
        rpc: asked for the gas price.
        deployment: whose token is worth something here.
        coordinator: the account whose jobs it watches.
        frugality: when gas is worth spending.
        margin_seconds: how long before a job's `closesAt` answers are opened.
        clock: the time, aware.
        wake: tells the settler of the coordinator's lane.
        seconds: between two looks.
        finality_blocks: how deep a reorg may go.
    """

    def __init__(
        self,
        store: Store,
        rpc: Rpc,
        deployment: Deployment,
        coordinator: str,
        frugality: Frugality,
        margin_seconds: int,
        clock: Callable[[], datetime],
        wake: Callable[[], None],
        seconds: float,
        finality_blocks: int,
    ) -> None:
        self._store, self._rpc, self._deployment, self._coordinator = store, rpc, deployment, coordinator
        self._frugality, self._margin, self._clock = frugality, margin_seconds, clock
        self._wake, self._seconds, self._finality_blocks = wake, seconds, finality_blocks
        self._found_to = ""
        self._ending = Event()
        self._thread = Thread(target=self._run, name="lookout", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the look at hand."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        silent = ""
        while not self._ending.wait(self._seconds):
            try:
                self.look()
                silent = ""
            except (PieceworkError, SQLAlchemyError) as error:
                if str(error) != silent:
                    log.warning("the watchtower waits: %s", error)
                silent = str(error)

    def look(self) -> int:
        """Queues what is due and worth it, and writes down what it leaves; returns how many calls it queued.

        Raises:
            Unavailable: the chain or the database doesn't answer.
        """
        with self._store.read() as connection:
            head = mirror.head(connection)
        if head is None:
            return 0
        self._find(head)
        now = int(max(head.timestamp_at, self._clock()).timestamp())
        with self._store.read() as connection:
            closing = list(self._closing(connection, int(head.timestamp_at.timestamp()), now))
        queued = self._decide(closing)
        self._replan(now)
        while True:
            with self._store.read() as connection:
                looked = lookouts.at(connection, now)
                calls = list(self._due(connection, looked, now))
            queued += self._decide(calls)
            if looked:
                waiting = {(call.kind, call.subject) for call in calls}
                self._store.write_now(lambda c, of=looked, on=waiting: lookouts.later(c, of, on, now))
            if len(looked) < disputes.MOST_DUE:
                break
        if queued:
            self._wake()
        return queued

    def _find(self, head: mirror.Head) -> None:
        """Whatever new blocks brought gets its time; a block that was replaced is new, too."""
        if head.hash == self._found_to:
            return
        while self._store.write_now(lambda c: lookouts.find(c, head.number, self._finality_blocks)):
            pass
        self._found_to = head.hash

    def _replan(self, now: int) -> None:
        """What was planned by a clock that has been set back is planned by the one there is."""
        with self._store.read() as connection:
            seen = lookouts.looked_at(connection)
        if seen - now > lookouts.FIRST_PAUSE:
            self._store.write_now(lambda c: lookouts.replan(c, now))

    def _closing(self, connection: Connection, chain: int, now: int) -> Iterator[Call]:
        """By the chain's own time a job is open: ours may have run ahead."""
        for row in disputes.closing(connection, self._coordinator, chain, now + self._margin):
            gas = gas_of("open", row.slots) + gas_of("finalize", row.slots) + row.workers * GAS_WORKER
            yield Call("open", str(row.number), row.job, row.token, row.slots, row.slots * row.reward, gas)

    def _due(self, connection: Connection, looked: Sequence[Row[Any]], now: int) -> Iterator[Call]:
        for kind in KINDS[1:]:
            subjects = [row.subject for row in looked if row.kind == kind]
            for row in disputes.due(connection, kind, subjects, now) if subjects else ():
                yield _call(kind, row)

    def _decide(self, calls: Sequence[Call]) -> int:
        """Queues what is worth its gas and writes down the rest; how many were queued."""
        if not calls:
            return 0
        price, queued = int(self._rpc.call("eth_gasPrice"), 16), 0
        for at in range(0, len(calls), disputes.MOST_DUE):
            lot = calls[at : at + disputes.MOST_DUE]
            refusals = [self._frugality.refusal(call, self._deployment, price) for call in lot]
            said = self._store.write_now(lambda c, of=lot, by=refusals: [self._note(c, *pair) for pair in zip(of, by, strict=True)])
            for call, line in zip(lot, said, strict=True):
                if line is not None:
                    log.info("job %s: %s", call.job, line[1])
            queued += sum(line is not None and line[0] for line in said)
        return queued

    def _note(self, connection: Connection, call: Call, refusal: str | None) -> tuple[bool, str] | None:
        """Whether a call is queued, and what is written down of it; None where that is known already."""
        if watch.under_way(connection, call.kind, call.subject):
            return None
        note: dict[str, Any] = {name: getattr(call, name) for name in ("kind", "subject", "job", "slots", "amount", "gas")}
        note |= {"said": SAYS[call.kind].format(slots=call.slots), "created_at": self._clock()}
        if _failures(connection, call) >= MOST_FAILURES:
            refusal = "the chain refused it again and again"
        if refusal:
            note["said"] = f"Left: {note['said']}; {refusal}."
            return (False, note["said"]) if watch.left(connection, note) else None
        id = outbox.queue(connection, call.kind, call.subject, self._clock())
        watch.did(connection, note | {"outbox": id})
        return True, note["said"]


def _failures(connection: Connection, call: Call) -> int:
    """How often the chain refused a call. What is tried before its time, by a clock that ran ahead, comes to be due; a job that has
    ended doesn't begin again."""
    return (outbox.failures if call.kind == "open" else outbox.lasting_failures)(connection, call.kind, call.subject)


def gas_of(kind: str, slots: int) -> int:
    """About what a call of so many slots costs."""
    base, each = GAS[kind]
    return base + each * slots


def _call(kind: str, row: Row[Any]) -> Call:
    workers = min(row.workers.count("0x"), row.slots) if kind == "finalize" else 0
    return Call(kind, row.subject, row.job, row.token, row.slots, row.slots * row.worth, gas_of(kind, row.slots) + workers * GAS_WORKER)
