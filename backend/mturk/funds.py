"""What a requester can still spend here: its ledger balance, less what is reserved for HITs that wait to be funded, and no more than
the access key's operator may spend.

Invariant: what is reserved never exceeds what the ledger holds and the operator may spend, as far as the mirror knows both; so every
HIT that was answered with an id can be funded. Reservations of one requester are made one after the other (`lock`).
"""

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, text
from sqlmodel import col

from backend.mturk.errors import RequestError
from backend.mturk.locked import Locked
from backend.store import mirror
from backend.store.tables import Posting
from backend.store.tables.mturk import MTurkHitType, MTurkPart
from indexer.tables import Funding
from piecework.chain.deployment import Deployment
from piecework.domain.terms import protocol_fee

_WAITING = (
    select(col(MTurkHitType.reward_cents), func.sum(col(MTurkPart.slots)))
    .join(MTurkHitType, col(MTurkHitType.id) == col(MTurkPart.hit_type))
    .outerjoin(Posting, col(Posting.number) == col(MTurkPart.posting))
    .where(
        col(MTurkPart.requester) == bindparam("of"),
        text("NOT mturk_part.settled"),  # in the words of the partial index
        ~select(Funding.job).where(col(Funding.job) == col(Posting.job)).correlate(Posting).exists(),
    )
    .group_by(col(MTurkHitType.reward_cents))
)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:of, 7))")


class Funds:
    """Counts a requester's money.

    Args:
        deployment: whose token HITs are paid in.
        finality_blocks: how deep a reorg may go.
    """

    def __init__(self, deployment: Deployment, finality_blocks: int) -> None:
        self._locked = Locked(deployment.token, finality_blocks)
        self._token, self._cent = deployment.token, 10 ** (deployment.token_decimals - 2)

    def lock(self, connection: Connection, requester: str) -> None:
        """Makes this transaction the only one that reserves this requester's money. SQLite has one writer anyway."""
        if connection.dialect.name == "postgresql":
            connection.execute(_LOCK, {"of": requester})

    def base_units(self, cents: int) -> int:
        """Base units of the token in an amount of cents."""
        return cents * self._cent

    def cost(self, connection: Connection, reward_cents: int, slots: int) -> int:
        """What slots of a reward cost with the protocol's fee, in base units."""
        reward = self.base_units(reward_cents)
        return slots * (reward + protocol_fee(reward, mirror.fee_bps(connection)))

    def balance(self, connection: Connection, requester: str) -> int:
        """The ledger's balance, in base units."""
        return mirror.balance(connection, requester, self._token)

    def reserved(self, connection: Connection, requester: str) -> int:
        """What HITs cost that no transaction has funded yet as far as the mirror knows, in base units."""
        return sum(self.cost(connection, cents, int(slots)) for cents, slots in connection.execute(_WAITING, {"of": requester}))

    def available(self, connection: Connection, requester: str, operator: str, now: datetime) -> int:
        """What a call with this operator can still reserve, in base units."""
        allowance, expires_at = mirror.allowance(connection, requester, operator, self._token)
        usable = allowance if expires_at > now.timestamp() else 0
        return max(0, min(self.balance(connection, requester), usable) - self.reserved(connection, requester))

    def on_hold(self, connection: Connection, requester: str) -> int:
        """What is reserved, or locked in the requester's jobs and not paid or given back, in base units."""
        return self.reserved(connection, requester) + self._locked.of(connection, requester)

    def need(self, connection: Connection, requester: str, operator: str, amount: int, now: datetime) -> None:
        """Refuses what can't be paid.

        Raises:
            RequestError: InsufficientFunds; the sentence is the one that clients know, and says what to do.
        """
        left = self.available(connection, requester, operator, now)
        if amount > left:
            raise RequestError(
                "InsufficientFunds",
                "This Requester has insufficient funds in their account to complete this transaction. "
                f"It takes {self.dollars(amount)}, and {self.dollars(left)} are left: deposit more, or raise the allowance of "
                f"the operator {operator}.",
            )

    def dollars(self, base_units: int) -> str:
        """Base units as dollars with two decimals, rounded down."""
        cents = base_units // self._cent
        return f"{cents // 100}.{cents % 100:02d}"
