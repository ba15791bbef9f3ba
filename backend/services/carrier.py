"""From queued to signed: an intent becomes a transaction, stored with its nonce before it is sent."""

import logging
import time
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.cargo import Cargo, load, more_waits
from backend.services.lane import Lane, Poor
from backend.services.tower_cargo import KINDS, TowerCargo
from backend.store import mirror, outbox
from piecework.chain.escrow import escrow_abi
from piecework.chain.rpc import RpcRefused
from piecework.chain.wallet import fields_of, sign_transaction
from piecework.domain.errors import Conflict, Unavailable

log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 10.0
MOST_PUT_OFF = {"withdrawal": 10, "grant": 10}
"""Settlements wait for as long as it takes; whoever sent a withdrawal or an allowance can send it again."""
NOT_YET = ("JobUnknown", "NothingFree", "OpeningFinal", "OpeningUnknown", "PhaseWrong", "NotNow")
"""Reverts that may pass when the chain or the mirror has gone on."""


class Carrier:
    """Signs what is queued in a lane."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._later: dict[int, tuple[int, float]] = {}

    def carry(self, row: Row[Any]) -> None:
        """Signs, stores and sends one queued intent, or calls it done where nothing is left of it.

        Raises:
            Poor, Held: the key can't pay for it, or the chain doesn't take it.
            Unavailable: the chain or the database doesn't answer, or another process leads.
        """
        if self._later.get(row.id, (0, 0.0))[1] > time.monotonic():
            return
        cargo = self._load(row)
        if cargo is None:
            self._lane.move(row, "queued", "confirmed", confirmed_at=self._lane.clock())
            return
        try:
            raw = self._sign(row, cargo)
        except Conflict as conflict:
            self._refused(row, conflict)
        else:
            self._lane.send(raw)

    def _load(self, row: Row[Any]) -> Cargo | None:
        lane = self._lane
        with lane.store.read() as connection:
            if row.kind in KINDS:
                return TowerCargo(lane.deployment.domain, lane.key, lane.push_gas).load(connection, row)
            return load(connection, row, lane.push_gas, lane.settle_gas)

    def _sign(self, row: Row[Any], cargo: Cargo) -> str:
        """Signs and stores a transaction; returns its raw bytes, which may be sent from then on."""
        lane, nonce = self._lane, self._next_nonce()
        hash_, raw = sign_transaction(
            lane.rpc, lane.key, cargo.to or lane.deployment.escrow, cargo.data, cargo.value, nonce, escrow_abi(), lane.most_fee
        )
        self._require_money(raw)
        values = {"nonce": nonce, "raw": raw, "transaction_hash": hash_, "signed_at": lane.clock()}

        def work(connection: Connection) -> None:
            lane.leadership.require(connection)
            if not outbox.move(connection, row.id, "queued", "signed", **values):
                raise Unavailable("the outbox has changed meanwhile")
            lane.keep(connection, row.id, hash_, raw)
            outbox.link(connection, row.id, cargo.digests)
            # Batches that didn't fit, and those approved since the cargo was loaded: they found this row queued and queued none.
            if more_waits(connection, row):
                outbox.queue(connection, row.kind, row.subject, lane.clock())

        lane.store.write_now(work)
        self._later.pop(row.id, None)
        log.info(
            "%s %s signed as %s with nonce %d", row.kind, row.subject, hash_, nonce,
            extra={"event": "signed", "kind": row.kind, "subject": row.subject, "transaction": hash_, "nonce": nonce},
        )
        return raw

    def _require_money(self, raw: str) -> None:
        """Nothing is signed that the key couldn't pay: it would hold up all that come after it."""
        fields = fields_of(raw)
        if self._lane.balance() < fields["gas"] * fields["maxFeePerGas"] + fields["value"]:
            raise Poor(self._lane.poverty())

    def _next_nonce(self) -> int:
        """After everything that is stored, and after everything that the chain knows of the lane's key."""
        lane = self._lane
        with lane.store.read() as connection:
            stored = outbox.last_nonce(connection, lane.names)
        return max(stored + 1, int(lane.rpc.call("eth_getTransactionCount", lane.key.address, "pending"), 16))

    def _refused(self, row: Row[Any], conflict: Conflict) -> None:
        """The chain says that it would fail. Only a revert of the escrow that time can't mend is final."""
        cause = conflict.__cause__
        reverted = isinstance(cause, RpcRefused) and len(cause.data or "") >= 10
        passing = not reverted or (any(name in conflict.sentence for name in NOT_YET) and self._mirror_lags())
        told = {"kind": row.kind, "subject": row.subject, "error": conflict.sentence}
        if passing and self._put_off(row) < MOST_PUT_OFF.get(row.kind, 1_000_000):
            log.warning("%s %s waits: %s", row.kind, row.subject, conflict.sentence, extra={"event": "put off"} | told)
        elif self._load(row) is None:  # somebody else carried it while the chain was being asked
            self._lane.move(row, "queued", "confirmed", confirmed_at=self._lane.clock())
        else:
            log.error("%s %s failed: %s", row.kind, row.subject, conflict.sentence, extra={"event": "failed"} | told)
            self._lane.move(row, "queued", "failed", error=conflict.sentence)

    def _put_off(self, row: Row[Any]) -> int:
        """Leaves a row for later, so that it doesn't hold up the others; returns how often that was."""
        times = self._later.get(row.id, (0, 0.0))[0] + 1
        self._later[row.id] = times, time.monotonic() + min(0.25 * 2 ** min(times, 10), LONGEST_PAUSE_SECONDS)
        return times

    def _mirror_lags(self) -> bool:
        """Whether blocks are missing that might say that it is done already."""
        with self._lane.store.read() as connection:
            head = mirror.head(connection)
        return head is None or head.next_block <= int(self._lane.rpc.call("eth_blockNumber"), 16)
