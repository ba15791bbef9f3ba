"""The settler: empties the outbox onto the chain, one relayer key, never a second transaction for one intent.

A transaction is signed and stored, with its nonce, in one database transaction, and sent after that. Whatever happens in between,
what is stored is what is sent again: the same bytes have the same nonce and hash, so the chain takes them once. It counts as done
when it has a receipt and the mirror shows what it did; until the chain's finality it is looked at again, because a reorg may undo it.
"""

import logging
import secrets
import time
from collections.abc import Callable
from datetime import datetime
from threading import Event, Thread
from typing import Any

from sqlalchemy import Connection, Row
from sqlalchemy.exc import SQLAlchemyError

from backend.services.cargo import Cargo, load, more_waits, settlement
from backend.store import mirror, outbox
from backend.store.database import Store
from piecework.chain.deployment import Deployment
from piecework.chain.escrow import escrow_abi
from piecework.chain.rpc import Rpc, RpcRefused
from piecework.chain.wallet import sign_transaction
from piecework.domain.errors import Conflict, PieceworkError, Unavailable
from piecework.domain.typed_data import Key

log = logging.getLogger(__name__)

LEASES = {"relayer": "settler", "coordinator": "watchtower"}
LEASE_SECONDS, RENEW_SECONDS = 6, 2
BUSY_SECONDS, IDLE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 1.0, 10.0
RESEND_SECONDS = 2
REVISIT_SECONDS = 2
MOST_FAILURES = 5
MOST_PUT_OFF = {"settlement": 1_000_000, "withdrawal": 10}
"""Settlements wait for as long as it takes; whoever sent a withdrawal can send it again."""
NOT_YET = ("JobUnknown", "NothingFree")
"""Reverts that may pass when the chain or the mirror has gone on."""
SENT_BEFORE = ("already known", "already imported", "already exists", "known transaction", "nonce too low", "nonce is too low")


class Settler:
    """One thread that carries what the outbox holds.

    Args:
        store: where outbox and mirror are.
        rpc, deployment: the chain and the escrow.
        key: the relayer's; nobody else should send from its account.
        push_gas: gas each push to a worker's wallet may use.
        settle_gas: most gas that one settlement should take.
        finality_blocks: how long a confirmed transaction is looked at again.
        clock: the time, aware.
        lanes: whose rows it carries, all with this key; the first one's lease makes it the only one to do so.
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
    ) -> None:
        self._store, self._rpc, self._deployment, self._key, self._clock = store, rpc, deployment, key, clock
        self._push_gas, self._settle_gas, self._finality_blocks = push_gas, settle_gas, finality_blocks
        self._lanes, self._lease = lanes, LEASES[lanes[0]]
        self._me = secrets.token_hex(16)
        self._work, self._ending = Event(), Event()
        self._thread = Thread(target=self._run, name=self._lease, daemon=True)
        self._sent: dict[int, float] = {}
        self._later: dict[int, tuple[int, float]] = {}
        self._renewed = self._revisited = float("-inf")
        self._checked = False

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

    @property
    def alive(self) -> bool:
        """Whether the thread is still there."""
        return self._thread.is_alive()

    def _run(self) -> None:
        pause, silent = IDLE_SECONDS, ""
        while not self._ending.is_set():
            try:
                pause = BUSY_SECONDS if self.step() else IDLE_SECONDS
                silent = ""
            except (PieceworkError, SQLAlchemyError) as error:
                pause = min(max(pause * 2, IDLE_SECONDS / 4), LONGEST_PAUSE_SECONDS)
                if str(error) != silent:
                    log.warning("settling waits: %s", error)
                silent = str(error)
            self._work.wait(pause)
            self._work.clear()

    def step(self) -> bool:
        """Does what can be done now; whether there is more to do soon.

        Raises:
            Unavailable: the chain or the database doesn't answer.
        """
        if not self._leading():
            return False
        with self._store.read() as connection:
            signed, queued = (outbox.in_state(connection, state, self._lanes) for state in ("signed", "queued"))
        if signed or queued:
            self._check_chain()
        for row in signed:
            self._follow(row)
        for row in queued:
            if self._later.get(row.id, (0, 0.0))[1] <= time.monotonic():
                self._carry(row)
        self._revisit()
        return bool(signed or queued)

    # -------------------------------------------------------------------------------------------- leading

    def _leading(self) -> bool:
        if time.monotonic() - self._renewed < RENEW_SECONDS:
            return True
        begun = time.monotonic()
        held = self._store.write_now(lambda c: outbox.acquire(c, self._lease, self._me, self._clock(), LEASE_SECONDS))
        self._renewed = begun if held else float("-inf")
        return bool(held)

    def _check_chain(self) -> None:
        if not self._checked:
            self._deployment.check(self._rpc)
            self._checked = True

    # -------------------------------------------------------------------------------------------- queued → signed

    def _carry(self, row: Row[Any]) -> None:
        cargo = self._load(row)
        if cargo is None:
            self._move(row, "queued", "confirmed", confirmed_at=self._clock())
            return
        try:
            raw = self._sign(row, cargo)
        except Conflict as conflict:
            self._refused(row, conflict)
        else:
            self._send(row.id, raw)

    def _load(self, row: Row[Any]) -> Cargo | None:
        with self._store.read() as connection:
            return load(connection, row, self._push_gas, self._settle_gas)

    def _sign(self, row: Row[Any], cargo: Cargo) -> str:
        """Signs and stores a transaction; returns its raw bytes, which may be sent from then on."""
        nonce = self._next_nonce()
        hash_, raw = sign_transaction(
            self._rpc, self._key, self._deployment.escrow, cargo.data, 0, nonce, escrow_abi()
        )
        values = {"nonce": nonce, "raw": raw, "transaction_hash": hash_, "signed_at": self._clock()}

        def work(connection: Connection) -> None:
            if not outbox.holds(connection, self._lease, self._me):
                raise Unavailable(f"another process has become the {self._lease}")
            if not outbox.move(connection, row.id, "queued", "signed", **values):
                raise Unavailable("the outbox has changed meanwhile")
            outbox.link(connection, row.id, cargo.digests)
            # Batches that didn't fit, and those approved since the cargo was loaded: they found this row queued and queued none.
            if more_waits(connection, row):
                outbox.queue(connection, row.kind, row.subject, self._clock())

        self._store.write_now(work)
        self._later.pop(row.id, None)
        log.info("%s %s signed as %s with nonce %d", row.kind, row.subject, hash_, nonce)
        return raw

    def _next_nonce(self) -> int:
        """After everything that is stored, and after everything that the chain knows of the relayer."""
        with self._store.read() as connection:
            stored = outbox.last_nonce(connection, self._lanes)
        return max(stored + 1, int(self._rpc.call("eth_getTransactionCount", self._key.address, "pending"), 16))

    def _refused(self, row: Row[Any], conflict: Conflict) -> None:
        """The chain says that it would fail. Only a revert of the escrow that time can't mend is final."""
        cause = conflict.__cause__
        reverted = isinstance(cause, RpcRefused) and len(cause.data or "") >= 10
        passing = not reverted or (any(name in conflict.sentence for name in NOT_YET) and self._mirror_lags())
        if passing and self._put_off(row) < MOST_PUT_OFF[row.kind]:
            log.warning("%s %s waits: %s", row.kind, row.subject, conflict.sentence)
        elif self._load(row) is None:  # somebody else carried it while the chain was being asked
            self._move(row, "queued", "confirmed", confirmed_at=self._clock())
        else:
            self._give_up(row, conflict)

    def _give_up(self, row: Row[Any], conflict: Conflict) -> None:
        log.error("%s %s failed: %s", row.kind, row.subject, conflict.sentence)
        self._move(row, "queued", "failed", error=conflict.sentence)

    def _put_off(self, row: Row[Any]) -> int:
        """Leaves a row for later, so that it doesn't hold up the others; returns how often that was."""
        times = self._later.get(row.id, (0, 0.0))[0] + 1
        self._later[row.id] = times, time.monotonic() + min(0.25 * 2**times, LONGEST_PAUSE_SECONDS)
        return times

    def _mirror_lags(self) -> bool:
        """Whether blocks are missing that might say that it is done already."""
        with self._store.read() as connection:
            head = mirror.head(connection)
        return head is None or head.next_block <= int(self._rpc.call("eth_blockNumber"), 16)

    # -------------------------------------------------------------------------------------------- signed → confirmed

    def _send(self, id: int, raw: str) -> bool:
        """Sends stored bytes; False if the chain says that another transaction had their nonce."""
        self._sent[id] = time.monotonic()
        try:
            self._rpc.call("eth_sendRawTransaction", raw)
        except RpcRefused as refused:
            words = refused.message.lower()
            if "nonce" in words and "low" in words:
                return False
            if not any(known in words for known in SENT_BEFORE):
                raise Unavailable(f"the chain doesn't take transaction {id} now: {refused.message}") from refused
        return True

    def _follow(self, row: Row[Any]) -> None:
        receipt = self._rpc.call("eth_getTransactionReceipt", row.transaction_hash)
        if receipt is None:
            self._resend(row)
        elif int(receipt["status"], 16) == 1:
            self._confirm(row, receipt)
        else:
            self._failed(row, "The transaction failed on the chain.", gas_used=int(receipt["gasUsed"], 16))

    def _resend(self, row: Row[Any]) -> None:
        if time.monotonic() - self._sent.get(row.id, float("-inf")) < RESEND_SECONDS:
            return
        if self._rpc.call("eth_getTransactionByHash", row.transaction_hash) is not None:
            self._sent[row.id] = time.monotonic()
            return
        if not self._send(row.id, row.raw):
            if self._rpc.call("eth_getTransactionReceipt", row.transaction_hash) is None:
                self._failed(row, "Another transaction of the relayer took the nonce.")

    def _failed(self, row: Row[Any], sentence: str, **values: Any) -> None:
        """The nonce is spent and nothing came of it: carried again with another, unless that goes on and on."""
        log.error("%s %s: %s", row.kind, row.subject, sentence)

        def work(connection: Connection) -> None:
            if outbox.move(connection, row.id, "signed", "failed", error=sentence, **values):
                if outbox.failures(connection, row.kind, row.subject) < MOST_FAILURES:
                    outbox.carry_again(connection, row, self._clock())

        self._store.write_now(work)

    def _confirm(self, row: Row[Any], receipt: dict[str, Any]) -> None:
        if not self._mirrored(row):
            return
        block, gas = int(receipt["blockNumber"], 16), int(receipt["gasUsed"], 16)
        self._move(row, "signed", "confirmed", block_number=block, gas_used=gas, confirmed_at=self._clock())
        self._sent.pop(row.id, None)
        log.info("%s %s confirmed in block %d for %d gas", row.kind, row.subject, block, gas)

    def _mirrored(self, row: Row[Any]) -> bool:
        """Whether the mirror shows what the transaction did."""
        with self._store.read() as connection:
            if row.kind == "withdrawal":
                return mirror.withdrawn(connection, row.transaction_hash)
            digests = outbox.carried(connection, row.id)
            return len(mirror.settled(connection, digests)) == len(digests)

    # -------------------------------------------------------------------------------------------- confirmed, until final

    def _revisit(self) -> None:
        """A reorg may have dropped what was confirmed: then the same bytes are sent again. And what others had done may be undone."""
        if time.monotonic() - self._revisited < REVISIT_SECONDS:
            return
        self._revisited = time.monotonic()
        with self._store.read() as connection:
            head = mirror.head(connection)
            rows = outbox.recent(connection, head.number - self._finality_blocks, self._lanes) if head else []
            waiting = outbox.left(connection) if "relayer" in self._lanes else []
            left = [subject for subject in waiting if self._is_due(connection, subject)]
        for row in rows:
            if not self._mirrored(row) and self._rpc.call("eth_getTransactionReceipt", row.transaction_hash) is None:
                log.warning("%s %s was undone by a reorg; sending it again", row.kind, row.subject)
                self._move(row, "confirmed", "signed")
                self._work.set()
        for subject in left:
            self._store.write_now(lambda c, of=subject: outbox.queue(c, "settlement", of, self._clock()))

    def _is_due(self, connection: Connection, subject: str) -> bool:
        """Whether a settlement is left to carry: what somebody else settled or opened may be free again. One that failed stays so."""
        if outbox.failures(connection, "settlement", subject):
            return False
        return settlement(connection, subject, self._push_gas, self._settle_gas) is not None

    def _move(self, row: Row[Any], before: str, after: str, **values: Any) -> None:
        self._store.write_now(lambda c: outbox.move(c, row.id, before, after, **values))
