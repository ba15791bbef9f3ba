"""What the chain says of accounts and payments, read from the mirror."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, select, tuple_
from sqlmodel import col

from backend.store import mirror
from backend.store.database import Store
from indexer.tables import SlotPayment
from piecework.chain.escrow import Escrow
from piecework.chain.rpc import Rpc, RpcUnavailable

_ORDER = (col(SlotPayment.block_number), col(SlotPayment.log_index), col(SlotPayment.slot))
_PAGE = (
    select(SlotPayment)
    .where(*mirror.own(SlotPayment), tuple_(*_ORDER) > tuple_(bindparam("block"), bindparam("log"), bindparam("after_slot")))
    .order_by(*_ORDER)
    .limit(bindparam("most"))
)


class Payments:
    """Reads balances, earnings and payments.

    Args:
        store: where the mirror is.
        rpc, escrow: asked for withdrawal nonces.
        token: the token that earnings are counted in.
    """

    def __init__(self, store: Store, rpc: Rpc, escrow: str, token: str) -> None:
        self._store, self._escrow, self._token = store, Escrow(rpc, escrow), token

    def account(self, address: str) -> dict[str, Any]:
        """An account's ledger balances with the nonces of their next relayed withdrawals, and what it earned."""
        with self._store.read() as connection:
            balances = {self._token: 0} | mirror.balances(connection, address)
            relayed = mirror.relayed(connection, address)
            slots, earned = mirror.earned(connection, address, self._token)
        return {
            "address": address,
            "balances": [
                {"token": token, "balance": str(balance), "nonce": self._nonce(address, token, relayed)}
                for token, balance in balances.items()
            ],
            "earned": str(earned),
            "slots_paid": slots,
        }

    def _nonce(self, address: str, token: str, relayed: dict[str, int]) -> int:
        """The chain's word; while it doesn't answer, how many withdrawals others carried."""
        try:
            return self._escrow.nonce_of(address, token)
        except RpcUnavailable:
            return relayed.get(token, 0)

    def page(
        self, worker: str | None, job: str | None, cursor: tuple[int, int, int], limit: int
    ) -> Sequence[Row[Any]]:
        """Slots that the chain paid, in its order, after the one at (block, log, slot) `cursor`."""
        statement = _PAGE
        if worker is not None:
            statement = statement.where(col(SlotPayment.worker) == worker)
        if job is not None:
            statement = statement.where(col(SlotPayment.job) == job)
        block, log, slot = cursor
        with self._store.read() as connection:
            values = {"block": block, "log": log, "after_slot": slot, "most": limit}
            return connection.execute(statement, values).all()
