"""From signed to confirmed, and until the chain's finality back again where a reorg undid it.

A transaction may exist in several versions, each offering more than the one before; all have one nonce, so one is mined at most, and
each one's hash is looked for. A version is stored before it is sent, so whatever happens in between, the stored one is sent again.
"""

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.cargo import mirrored
from backend.services.lane import CARRY_SECONDS, GWEI, Lane, Moment
from backend.store import attempts, mirror, outbox
from piecework.chain.fees import raised
from piecework.chain.wallet import fees_of, sign_again, sign_transaction
from piecework.domain.errors import Unavailable
from piecework.operation.exposition import Histogram

log = logging.getLogger(__name__)

RESEND_SECONDS, REVISIT_SECONDS = 2, 2
LOST_SECONDS = 5
"""How long a nonce must be spent by somebody else, or be missing, before that is believed: one of several nodes may lag."""
MOST_FAILURES = 5


@dataclass(frozen=True, slots=True)
class Version:
    """One of a transaction's versions."""

    hash: str
    raw: str
    created_at: datetime


class Follower:
    """Sees to it that what is signed is mined, and stays so.

    Attributes:
        remarks: what doesn't go as it should and mends itself or doesn't, in sentences; of the step at hand.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._sent: dict[int, float] = {}
        self._spent: dict[int, float] = {}
        self._missing: tuple[int, float] = (-1, 0.0)
        self._revisited = float("-inf")
        self.remarks: list[str] = []

    def follow(self, row: Row[Any], moment: Moment) -> None:
        """Looks what became of a signed transaction: confirms it, or sends it again, or one that offers more.

        Raises:
            Held: the chain doesn't take it.
        """
        versions = self._versions(row)
        asked = [("eth_getTransactionReceipt", [version.hash]) for version in versions]
        for version, receipt in zip(versions, self._lane.rpc.batch(asked), strict=True):
            if receipt is not None:
                self._mined(row, version, receipt)
                return
        if row.nonce < moment.mined:
            self._overtaken(row)
        else:
            self._spent.pop(row.id, None)
            self._resend(row, versions[0], moment)

    def _versions(self, row: Row[Any]) -> list[Version]:
        """The newest first: the row's own, then those that it took the place of."""
        with self._lane.store.read() as connection:
            kept = attempts.of(connection, row.id)
        others = [Version(one.transaction_hash, one.raw, one.created_at) for one in kept if one.transaction_hash != row.transaction_hash]
        since = next((one.created_at for one in kept if one.transaction_hash == row.transaction_hash), row.signed_at)
        return [Version(row.transaction_hash, row.raw, since), *others]

    # -------------------------------------------------------------------------------------------- not mined yet

    def _resend(self, row: Row[Any], newest: Version, moment: Moment) -> None:
        if time.monotonic() - self._sent.get(row.id, float("-inf")) >= RESEND_SECONDS:
            self._sent[row.id] = time.monotonic()
            known = self._lane.rpc.call("eth_getTransactionByHash", newest.hash) is not None
            if not known and self._lane.send(newest.raw) == "underpriced":
                self._raise_fees(row, newest, moment)
                return
        if self._is_stuck(row, newest, moment):
            self._raise_fees(row, newest, moment)

    def _is_stuck(self, row: Row[Any], newest: Version, moment: Moment) -> bool:
        """Whether the chain has gone on without it for too long, though nothing was before it or it offers too little by now. While
        the chain stands still, more money wouldn't move it."""
        patience = timedelta(seconds=self._lane.bump_seconds)
        if min(moment.at, self._lane.clock()) < newest.created_at + patience:
            return False
        return bool(row.nonce == moment.mined) or fees_of(newest.raw).max_fee < moment.base_fee

    def _raise_fees(self, row: Row[Any], newest: Version, moment: Moment) -> None:
        """Another version in its place, stored and then sent."""
        lane, old = self._lane, fees_of(newest.raw)
        fees = raised(old, moment.base_fee, lane.most_fee)
        if fees is None:
            self.remarks.append(
                f"Transaction {newest.hash} isn't mined, and an eighth more than its {old.max_fee / GWEI:g} gwei a gas would be above "
                f"PIECEWORK_MAX_FEE_GWEI ({lane.most_fee / GWEI:g}): raise that, or wait for cheaper gas."
            )
            return
        hash_, raw = sign_again(newest.raw, lane.key, fees)

        def work(connection: Connection) -> None:
            lane.leadership.require(connection)
            if not outbox.replace(connection, row.id, row.transaction_hash, hash_, raw):
                raise Unavailable("the outbox has changed meanwhile")
            lane.keep(connection, row.id, hash_, raw)

        lane.store.write_now(work)
        log.warning(
            "%s %s isn't mined: replaced %s by %s, which offers %g gwei a gas", row.kind, row.subject, newest.hash, hash_,
            fees.max_fee / GWEI,
            extra={"event": "replaced", "kind": row.kind, "subject": row.subject, "transaction": hash_, "before": newest.hash},
        )
        lane.send(raw)

    def _overtaken(self, row: Row[Any]) -> None:
        """The nonce is spent and none of the versions was mined; so it stays, unless a node is behind the others."""
        if time.monotonic() - self._spent.setdefault(row.id, time.monotonic()) >= LOST_SECONDS:
            self._failed(row, "Another transaction of the same account took the nonce.")

    def _failed(self, row: Row[Any], sentence: str, **values: Any) -> None:
        """The nonce is spent and nothing came of it: carried again with another, unless that goes on and on."""
        told = {"event": "failed", "kind": row.kind, "subject": row.subject, "transaction": row.transaction_hash}
        log.error("%s %s: %s", row.kind, row.subject, sentence, extra=told)

        def work(connection: Connection) -> None:
            if outbox.move(connection, row.id, "signed", "failed", error=sentence, **values) and row.kind != "filler":
                if outbox.failures(connection, row.kind, row.subject) < MOST_FAILURES:
                    outbox.carry_again(connection, row, self._lane.clock())

        self._lane.store.write_now(work)
        self._forget(row)

    # -------------------------------------------------------------------------------------------- mined

    def _mined(self, row: Row[Any], version: Version, receipt: dict[str, Any]) -> None:
        block, gas = int(receipt["blockNumber"], 16), int(receipt["gasUsed"], 16)
        if int(receipt["status"], 16) != 1:
            self._failed(row, "The transaction failed on the chain.", gas_used=gas, transaction_hash=version.hash)
            return
        with self._lane.store.read() as connection:
            if not mirrored(connection, row, version.hash, block):
                return
        values = {"transaction_hash": version.hash, "raw": version.raw, "block_number": block, "gas_used": gas}
        now = self._lane.clock()
        self._lane.move(row, "signed", "confirmed", confirmed_at=now, **values)
        self._lane.carried.setdefault(row.kind, Histogram(CARRY_SECONDS)).observe((now - row.created_at).total_seconds())
        self._forget(row)
        log.info(
            "%s %s confirmed in block %d for %d gas", row.kind, row.subject, block, gas,
            extra={
                "event": "confirmed", "kind": row.kind, "subject": row.subject, "transaction": version.hash, "block": block, "gas": gas
            },
        )

    def _forget(self, row: Row[Any]) -> None:
        self._sent.pop(row.id, None)
        self._spent.pop(row.id, None)

    def revisit(self) -> bool:
        """Looks again at what was confirmed not long ago: a reorg may have dropped it, and then the same bytes are sent again. Whether
        there was such."""
        if time.monotonic() - self._revisited < REVISIT_SECONDS:
            return False
        self._revisited, lane, undone = time.monotonic(), self._lane, False
        for row in self._recent():
            if lane.rpc.call("eth_getTransactionReceipt", row.transaction_hash) is None:
                told = {"event": "undone", "kind": row.kind, "subject": row.subject, "transaction": row.transaction_hash}
                log.warning("%s %s was undone by a reorg; sending it again", row.kind, row.subject, extra=told)
                lane.move(row, "confirmed", "signed")
                undone = True
        return undone

    def _recent(self) -> list[Row[Any]]:
        """What is confirmed, not final, and not in the mirror any more."""
        lane = self._lane
        with lane.store.read() as connection:
            head = mirror.head(connection)
            rows = outbox.recent(connection, head.number - lane.finality_blocks, lane.names) if head else []
            return [row for row in rows if row.kind == "filler" or not mirrored(connection, row, row.transaction_hash)]

    # -------------------------------------------------------------------------------------------- a missing nonce

    def fill_gap(self, lowest: int, moment: Moment) -> None:
        """A nonce that nobody has a transaction for holds up all that come after it: an empty one to ourselves takes it.

        Args:
            lowest: the lowest nonce that is signed and not mined.
        """
        lane, nonce = self._lane, moment.mined
        if nonce >= lowest or self._is_taken(nonce):
            self._missing = (-1, 0.0)
            return
        if self._missing[0] != nonce:
            self._missing = (nonce, time.monotonic())
        if time.monotonic() - self._missing[1] < LOST_SECONDS:
            return
        hash_, raw = sign_transaction(lane.rpc, lane.key, lane.key.address, "0x", 0, nonce, most_fee=lane.most_fee)
        row = {"lane": lane.names[0], "kind": "filler", "subject": str(nonce), "nonce": nonce, "raw": raw, "transaction_hash": hash_}

        def work(connection: Connection) -> None:
            lane.leadership.require(connection)
            id = outbox.add_signed(connection, row | {"created_at": lane.clock(), "signed_at": lane.clock()})
            lane.keep(connection, id, hash_, raw)

        lane.store.write_now(work)
        log.warning("nobody has a transaction with nonce %d: an empty one takes it", nonce, extra={"event": "filled", "nonce": nonce})
        lane.send(raw)

    def _is_taken(self, nonce: int) -> bool:
        lane = self._lane
        with lane.store.read() as connection:
            if outbox.has_nonce(connection, nonce, lane.names):
                return True
        return int(lane.rpc.call("eth_getTransactionCount", lane.key.address, "pending"), 16) > nonce
