"""Whether the escrow has what it owes: its balance at a block, asked of the chain, against the sum of its own events up to there."""

import threading
from dataclasses import dataclass
from datetime import datetime

from backend.store import mirror, owed
from backend.store.database import Store
from backend.store.owed import Owed
from piecework.chain.escrow import token_abi
from piecework.chain.rpc import Rpc, RpcRefused, RpcUnavailable
from piecework.domain.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Solvency:
    """What the escrow holds and owes of a token at a block, in base units. `balance` is None where the chain didn't say."""

    block_number: int
    block_hash: str
    at: datetime
    owed: Owed
    balance: int | None


class Auditor:
    """Adds up what is owed. Blocks that no reorg reaches any more are added once, the others anew for every head.

    Args:
        store: where the mirror is.
        rpc, escrow, token: whose balance is asked for.
        finality_blocks: how deep a reorg may go.
    """

    def __init__(self, store: Store, rpc: Rpc, escrow: str, token: str, finality_blocks: int) -> None:
        self._store, self._rpc, self._escrow, self._token, self._finality = store, rpc, escrow, token, finality_blocks
        self._lock = threading.Lock()
        self._through, self._settled = -1, Owed()
        self._newest: Solvency | None = None

    def look(self) -> Solvency:
        """The present state; the same block is looked at once.

        Raises:
            Unavailable: the mirror hasn't begun.
        """
        with self._lock:
            with self._store.read() as connection:
                head = mirror.head(connection)
                if head is None:
                    raise Unavailable("The indexer has mirrored nothing yet.")
                if self._newest is not None and self._newest.block_hash == head.hash and self._newest.balance is not None:
                    return self._newest
                final = head.number - self._finality
                if final > self._through:
                    self._settled += owed.between(connection, self._token, self._through, final)
                    self._through = final
                total = self._settled + owed.between(connection, self._token, self._through, head.number)
            self._newest = Solvency(head.number, head.hash, head.timestamp_at, total, self._balance(head.hash))
            return self._newest

    def _balance(self, block_hash: str) -> int | None:
        call = {"to": self._token, "data": token_abi().encode("balanceOf", self._escrow)}
        try:
            return int(self._rpc.call("eth_call", call, {"blockHash": block_hash}), 16)
        except (RpcRefused, RpcUnavailable):
            return None
