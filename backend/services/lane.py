"""A lane of the outbox: one key, and everything that its transactions are carried with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.leadership import Leadership
from backend.store import attempts, outbox
from backend.store.database import Store
from piecework.chain.deployment import Deployment
from piecework.chain.rpc import Rpc, RpcRefused
from piecework.chain.wallet import base_fee_of, fees_of
from piecework.domain.errors import Unavailable
from piecework.domain.typed_data import Key
from piecework.operation.exposition import Histogram

GWEI = 10**9
CARRY_SECONDS = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
"""Upper bounds of how long an intent takes until it is confirmed."""


class Held(Unavailable):
    """One transaction can't go on for now; the others may."""


class Poor(Held):
    """The lane's key can't pay for it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The chain as it was a moment ago: its newest block's number, time and gas price (wei), and how many transactions of the lane's
    key are mined."""

    block: int
    at: datetime
    base_fee: int
    mined: int


@dataclass(frozen=True, slots=True)
class Lane:
    """What a settler works with.

    Attributes:
        names: the lanes whose rows are carried, all with `key`; nobody else should send from its account.
        leadership: the lease that makes this process the only one to do so.
        push_gas: gas each push to a worker's wallet may use.
        settle_gas: most gas that one settlement should take.
        finality_blocks: how long a confirmed transaction is looked at again.
        most_fee: wei that a gas may cost at most.
        bump_seconds: after how long without being mined a transaction is replaced by one that offers more.
        carried: seconds from an intent's queueing to its confirmation, by its kind, as this process saw them.
    """

    store: Store
    rpc: Rpc
    deployment: Deployment
    key: Key
    clock: Callable[[], datetime]
    names: tuple[str, ...]
    leadership: Leadership
    push_gas: int
    settle_gas: int
    finality_blocks: int
    most_fee: int
    bump_seconds: float
    carried: dict[str, Histogram] = field(default_factory=dict)

    def moment(self) -> Moment:
        """Asks the chain.

        Raises:
            RpcUnavailable: it doesn't answer.
        """
        block, mined = self.rpc.batch(
            [("eth_getBlockByNumber", ["latest", False]), ("eth_getTransactionCount", [self.key.address, "latest"])]
        )
        at = datetime.fromtimestamp(int(block["timestamp"], 16), UTC)
        return Moment(int(block["number"], 16), at, base_fee_of(block), int(mined, 16))

    def balance(self) -> int:
        """Wei that the key has for gas."""
        return int(self.rpc.call("eth_getBalance", self.key.address, "latest"), 16)

    def send(self, raw: str) -> str:
        """Sends signed bytes; in a word what the chain says: "taken" (also if it knows them already), "spent" (another transaction had
        their nonce) or "underpriced" (it wants a higher fee).

        Raises:
            Held: it doesn't take them now, in its words.
        """
        try:
            self.rpc.call("eth_sendRawTransaction", raw)
        except RpcRefused as refused:
            return self._refused(refused)
        return "taken"

    def _refused(self, refused: RpcRefused) -> str:
        words = refused.message.lower()
        if "nonce" in words and "low" in words:
            return "spent"
        if any(known in words for known in ("already known", "already imported", "already exists", "known transaction")):
            return "taken"
        if "underpriced" in words or ("fee" in words and ("less than" in words or "too low" in words)):
            return "underpriced"
        if "insufficient" in words and "fund" in words:
            raise Poor(self.poverty()) from refused
        raise Held(f"The chain doesn't take a transaction now: {refused.message}") from refused

    def poverty(self) -> str:
        """What to say when the key can't pay for gas."""
        balance = self.balance()
        return f"The account {self.key.address} has {balance / 10**18:g} ether left, which doesn't pay for the next transaction: send it some."

    def move(self, row: Row[Any], before: str, after: str, **values: Any) -> None:
        """Moves a row from one state to another, if it is still in the first."""
        self.store.write_now(lambda c: outbox.move(c, row.id, before, after, **values))

    def keep(self, connection: Connection, id: int, hash_: str, raw: str) -> None:
        """Keeps a version of a transaction, in the transaction that makes it the row's own."""
        fees = fees_of(raw)
        attempts.add(connection, id, hash_, raw, (fees.max_fee, fees.max_tip), self.clock())
