"""Withdrawals that their owners signed and the coordinator's relayer carries, for accounts without gas money."""

from asyncio import to_thread
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update
from sqlmodel import col

from backend.services.signatures import signed_by
from backend.store import mirror, outbox
from backend.store.database import Store
from backend.store.tables import Outbox
from backend.store.tables import Withdrawal as Row_
from piecework.chain.escrow import Escrow
from piecework.chain.rpc import Rpc, RpcUnavailable
from piecework.domain.errors import Conflict, Invalid, NotFound
from piecework.domain.typed_data import Domain, Withdrawal
from piecework.domain.units import NATIVE, UINT256_MAX

_ONE = (
    select(Row_, Outbox.state, Outbox.transaction_hash, Outbox.error)  # type: ignore[call-overload]  # four are fine
    .join(Outbox, col(Outbox.id) == col(Row_.outbox))
    .where(col(Row_.id) == bindparam("wanted"))
)
_RIVAL = (
    select(Row_.id)
    .join(Outbox, col(Outbox.id) == col(Row_.outbox))
    .where(
        col(Row_.owner) == bindparam("by"),
        col(Row_.token) == bindparam("of"),
        col(Row_.nonce) == bindparam("with_nonce"),
        col(Row_.id) != bindparam("wanted"),
        col(Outbox.state) != "failed",
    )
)
_AGAIN = update(Row_).where(col(Row_.id) == bindparam("b_id")).values(outbox=bindparam("b_outbox"))


class Withdrawals:
    """Takes signed withdrawals and tells what became of them.

    Args:
        store: where they are kept.
        rpc, escrow: asked about nonces and contract accounts.
        domain: the escrow's signing domain.
        clock: the time, aware.
        wake: tells the settler that there is something to carry.
    """

    def __init__(
        self, store: Store, rpc: Rpc, domain: Domain, clock: Callable[[], datetime], wake: Callable[[], None]
    ) -> None:
        self._store, self._rpc, self._domain, self._clock, self._wake = store, rpc, domain, clock, wake
        self._escrow = Escrow(rpc, domain.escrow)

    async def relay(self, withdrawal: Withdrawal, signature: bytes) -> str:
        """Queues a withdrawal and returns its id; the same one again is the same row, queued again if it had failed.

        Raises:
            Invalid: not the owner's signature, or something the escrow would refuse for ever.
            Conflict: the nonce or the balance doesn't allow it now.
        """
        digest = self._domain.withdrawal_digest(withdrawal)
        id = "0x" + digest.hex()
        if self._known(id):
            return id
        await to_thread(self._check, withdrawal, digest, signature)
        await self._store.write(lambda c: self._queue(c, id, withdrawal, signature))
        self._wake()
        return id

    def find(self, id: str) -> Row[Any]:
        """A withdrawal and its transaction.

        Raises:
            NotFound: no such withdrawal.
        """
        with self._store.read() as connection:
            row = connection.execute(_ONE, {"wanted": id}).first()
        if row is None:
            raise NotFound(f"There is no withdrawal {id} here.")
        return row

    def _known(self, id: str) -> bool:
        """Whether the withdrawal is under way or done."""
        try:
            return bool(self.find(id).state != "failed")
        except NotFound:
            return False

    def _check(self, withdrawal: Withdrawal, digest: bytes, signature: bytes) -> None:
        _check_fields(withdrawal, int(self._clock().timestamp()), self._domain.escrow)
        if not signed_by(self._rpc, withdrawal.owner, digest, signature):
            raise Invalid("The signature is not the owner's over this withdrawal.")
        try:
            nonce = self._escrow.nonce_of(withdrawal.owner, withdrawal.token)
        except RpcUnavailable:
            return  # the settler will ask again when it carries it
        if withdrawal.nonce != nonce:
            raise Conflict(f"The next withdrawal of this account and token carries nonce {nonce}, not {withdrawal.nonce}.")

    def _queue(self, connection: Connection, id: str, withdrawal: Withdrawal, signature: bytes) -> None:
        w, row = withdrawal, connection.execute(_ONE, {"wanted": id}).first()
        if row is not None and row.state != "failed":
            return
        balance = mirror.balance(connection, w.owner, w.token)
        if balance < w.amount:
            raise Conflict(f"The account's balance is {balance} base units, less than the {w.amount} to withdraw.")
        rival = {"by": w.owner, "of": w.token, "with_nonce": w.nonce, "wanted": id}
        if connection.execute(_RIVAL, rival).first() is not None:
            raise Conflict("Another withdrawal with this nonce is on its way; wait for it.")
        now = self._clock()
        carrier = outbox.queue(connection, "withdrawal", id, now)
        if row is not None:
            connection.execute(_AGAIN, {"b_id": id, "b_outbox": carrier})
            return
        values = {"id": id, "signature": "0x" + signature.hex(), "outbox": carrier, "created_at": now}
        connection.execute(insert(Row_), asdict(w) | values)


def _check_fields(withdrawal: Withdrawal, now: int, escrow: str) -> None:
    w = withdrawal
    if w.amount <= 0:
        raise Invalid("A withdrawal moves more than nothing.")
    if max(w.amount, w.max_fee) > UINT256_MAX or max(w.nonce, w.deadline) >= 2**64:
        raise Invalid("A number in the withdrawal is too large.")
    if w.receiver in (NATIVE, escrow):
        raise Invalid("Neither the zero address nor the escrow can receive a withdrawal.")
    if w.deadline < now:
        raise Invalid("The withdrawal's deadline has passed; sign one with a later deadline.")
