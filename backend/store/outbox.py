"""The outbox in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, exists, func, insert, select, update
from sqlmodel import col

from backend.store.tables import AccountPreference, OperatorTip, Outbox, Posting, SignedBatch, SignedFunding, SignedGrant, Withdrawal
from indexer.tables import Close, SettledBatch

LANES = dict.fromkeys(("settlement", "withdrawal", "grant", "funding", "gas"), "relayer") | dict.fromkeys(
    ("open", "finalize", "reclaim", "conclude"), "coordinator"
)
"""Whose key sends what; an operator's lane is its address."""

_QUEUED = select(Outbox.id).where(
    col(Outbox.kind) == bindparam("of_kind"), col(Outbox.subject) == bindparam("of"), col(Outbox.state) == "queued"
)
_UNDER_WAY = select(Outbox.id).where(
    col(Outbox.kind) == bindparam("of_kind"), col(Outbox.subject) == bindparam("of"), col(Outbox.state).in_(("queued", "signed"))
)
_in_lanes = col(Outbox.lane).in_(bindparam("lanes", expanding=True))
_IN_STATE = (
    select(Outbox).where(col(Outbox.state) == bindparam("in_state"), _in_lanes).order_by(col(Outbox.nonce), col(Outbox.id))
)
_RECENT = select(Outbox).where(
    col(Outbox.state) == "confirmed", col(Outbox.block_number) >= bindparam("since"), _in_lanes
).order_by(col(Outbox.nonce))
_LAST_NONCE = select(func.max(col(Outbox.nonce))).where(col(Outbox.state).in_(("signed", "confirmed")), _in_lanes)
_MOVE = update(Outbox).where(col(Outbox.id) == bindparam("b_id"), col(Outbox.state) == bindparam("b_from"))
_PREFERENCES = select(AccountPreference.account).where(col(AccountPreference.payout) == "ledger")
_ROSTER = (
    select(SignedBatch, Posting.job)
    .join(Posting, col(Posting.number) == col(SignedBatch.posting))
    .where(
        col(SignedBatch.posting) == bindparam("of"),
        col(SignedBatch.roster) == bindparam("in_roster"),
        col(SignedBatch.approval).is_not(None),
        col(SignedBatch.outbox).is_(None),
    )
    .order_by(col(SignedBatch.number))
)
_LEFT = (
    select(col(SignedBatch.posting), col(SignedBatch.roster))
    .where(
        col(SignedBatch.approval).is_not(None),
        col(SignedBatch.outbox).is_(None),
        ~exists().where(col(SettledBatch.batch) == col(SignedBatch.digest)),
        ~exists().where(col(Posting.number) == col(SignedBatch.posting), col(Close.job) == col(Posting.job)),
    )
    .distinct()
)
_LINK = update(SignedBatch).where(col(SignedBatch.digest).in_(bindparam("digests", expanding=True))).values(
    outbox=bindparam("by")
)
_UNLINK = update(SignedBatch).where(col(SignedBatch.outbox) == bindparam("by")).values(outbox=None)
_CARRIED = select(SignedBatch.digest).where(col(SignedBatch.outbox) == bindparam("by"))
_FAILURES = select(func.count()).where(
    col(Outbox.kind) == bindparam("of_kind"), col(Outbox.subject) == bindparam("of"), col(Outbox.state) == "failed"
)
_LASTING = _FAILURES.where(func.coalesce(col(Outbox.error), "").not_like("%NotNow%"))
_OWNERS: dict[str, Any] = {"withdrawal": Withdrawal, "grant": SignedGrant, "funding": SignedFunding, "tip": OperatorTip}
"""Rows that name the transaction that carries them."""
_WITHDRAWAL = select(Withdrawal).where(col(Withdrawal.id) == bindparam("wanted"))
_REPLACE = (
    update(Outbox)
    .where(
        col(Outbox.id) == bindparam("b_id"),
        col(Outbox.state) == "signed",
        col(Outbox.transaction_hash) == bindparam("b_before"),
    )
    .values(transaction_hash=bindparam("b_hash"), raw=bindparam("b_raw"))
)
_AT_NONCE = select(func.count()).where(
    col(Outbox.nonce) == bindparam("at"), col(Outbox.state).in_(("signed", "confirmed")), _in_lanes
)
_FINAL = select(func.max(col(Outbox.nonce))).where(
    col(Outbox.state) == "confirmed", col(Outbox.block_number) < bindparam("before"), _in_lanes
)
_GRANT = select(SignedGrant).where(col(SignedGrant.id) == bindparam("wanted"))
_FUNDING = select(SignedFunding).where(col(SignedFunding.id) == bindparam("wanted"))
_FUNDED_BY = (
    select(SignedFunding, Outbox.state, Outbox.transaction_hash, Outbox.error)  # type: ignore[call-overload]  # four are fine
    .join(Outbox, col(Outbox.id) == col(SignedFunding.outbox))
    .where(col(SignedFunding.id) == bindparam("wanted"))
)
_TIP = select(OperatorTip).where(col(OperatorTip.id) == bindparam("wanted"))
_BUSY = select(col(Outbox.lane)).where(col(Outbox.state).in_(("queued", "signed")), col(Outbox.lane).like("0x%")).distinct()


def queue(connection: Connection, kind: str, subject: str, now: datetime, operator: str | None = None) -> int:
    """Queues an intent unless the same one waits already; returns its id. `operator` sends it where it isn't a service's own."""
    waiting = connection.execute(_QUEUED, {"of_kind": kind, "of": subject}).scalar()
    if waiting is not None:
        return int(waiting)
    row = {"lane": operator or LANES[kind], "kind": kind, "subject": subject, "state": "queued", "created_at": now}
    key = connection.execute(insert(Outbox), row).inserted_primary_key
    assert key is not None
    return int(key[0])


def is_under_way(connection: Connection, kind: str, subject: str) -> bool:
    """Whether an intent is queued, or sent and not yet confirmed."""
    return connection.execute(_UNDER_WAY, {"of_kind": kind, "of": subject}).first() is not None


def in_state(connection: Connection, state: str, lanes: Sequence[str]) -> Sequence[Row[Any]]:
    """Rows of some lanes in a state, by nonce, then by age."""
    return connection.execute(_IN_STATE, {"in_state": state, "lanes": lanes}).all()


def recent(connection: Connection, since_block: int, lanes: Sequence[str]) -> Sequence[Row[Any]]:
    """Confirmed rows whose block a reorg could still undo."""
    return connection.execute(_RECENT, {"since": since_block, "lanes": lanes}).all()


def last_nonce(connection: Connection, lanes: Sequence[str]) -> int:
    """The highest nonce that a transaction of the lanes' key carries; -1 for none."""
    nonce = connection.execute(_LAST_NONCE, {"lanes": lanes}).scalar()
    return -1 if nonce is None else int(nonce)


def move(connection: Connection, id: int, before: str, after: str, **values: Any) -> bool:
    """Moves a row from one state to another with more values; False if it wasn't in the first one."""
    return connection.execute(_MOVE.values(state=after, **values), {"b_id": id, "b_from": before}).rowcount == 1


def approved_batches(connection: Connection, posting: int, roster: int) -> Sequence[Row[Any]]:
    """Approved batches of one worker table that no transaction carries."""
    return connection.execute(_ROSTER, {"of": posting, "in_roster": roster}).all()


def left(connection: Connection) -> list[str]:
    """Settlements of which a batch is approved, neither carried nor settled, and whose job is open."""
    return [f"{posting}:{roster}" for posting, roster in connection.execute(_LEFT)]


def link(connection: Connection, id: int, digests: Sequence[str]) -> None:
    """Says that the transaction carries these batches."""
    connection.execute(_LINK, {"digests": list(digests), "by": id})


def unlink(connection: Connection, id: int) -> None:
    """Says that the transaction carries no batch after all."""
    connection.execute(_UNLINK, {"by": id})


def carried(connection: Connection, id: int) -> list[str]:
    """The digests of the batches in the transaction."""
    return list(connection.execute(_CARRIED, {"by": id}).scalars())


def withdrawal(connection: Connection, id: str) -> Row[Any]:
    """A signed withdrawal."""
    return connection.execute(_WITHDRAWAL, {"wanted": id}).one()


def signed_grant(connection: Connection, id: str) -> Row[Any]:
    """A signed allowance."""
    return connection.execute(_GRANT, {"wanted": id}).one()


def signed_funding(connection: Connection, job: str) -> Row[Any]:
    """A job's signed authorization."""
    return connection.execute(_FUNDING, {"wanted": job}).one()


def funding(connection: Connection, job: str) -> Row[Any] | None:
    """A job's signed authorization with state, transaction_hash and error of what carries it."""
    return connection.execute(_FUNDED_BY, {"wanted": job}).one_or_none()


def add_funding(connection: Connection, row: dict[str, Any]) -> None:
    """Keeps a signed authorization, instead of one for the same job that came to nothing."""
    connection.execute(delete(SignedFunding).where(col(SignedFunding.id) == row["id"]))
    connection.execute(insert(SignedFunding), row)


def tip(connection: Connection, id: str) -> Row[Any]:
    """A tip that an operator is to send."""
    return connection.execute(_TIP, {"wanted": id}).one()


def busy_operators(connection: Connection) -> list[str]:
    """The operators whose lanes have something to carry, or sent something that a reorg could undo."""
    return list(connection.execute(_BUSY).scalars())


def credit_only(connection: Connection) -> frozenset[str]:
    """Accounts that take their money in the ledger."""
    return frozenset(connection.execute(_PREFERENCES).scalars())


def replace(connection: Connection, id: int, before: str, hash_: str, raw: str) -> bool:
    """Puts a newer version of a signed transaction in the place of the one with hash `before`; False if that isn't it any more."""
    values = {"b_id": id, "b_before": before, "b_hash": hash_, "b_raw": raw}
    return connection.execute(_REPLACE, values).rowcount == 1


def add_signed(connection: Connection, row: dict[str, Any]) -> int:
    """Writes a row that is signed from its first moment; returns its id."""
    key = connection.execute(insert(Outbox), row | {"state": "signed"}).inserted_primary_key
    assert key is not None
    return int(key[0])


def has_nonce(connection: Connection, nonce: int, lanes: Sequence[str]) -> bool:
    """Whether a transaction of the lanes' key that isn't given up has that nonce."""
    return bool(connection.execute(_AT_NONCE, {"at": nonce, "lanes": lanes}).scalar_one())


def final_nonce(connection: Connection, before_block: int, lanes: Sequence[str]) -> int:
    """The highest nonce that was mined before a block; -1 for none."""
    nonce = connection.execute(_FINAL, {"before": before_block, "lanes": lanes}).scalar()
    return -1 if nonce is None else int(nonce)


def failures(connection: Connection, kind: str, subject: str) -> int:
    """How often the chain refused this intent."""
    return int(connection.execute(_FAILURES, {"of_kind": kind, "of": subject}).scalar_one())


def lasting_failures(connection: Connection, kind: str, subject: str) -> int:
    """How often it did for another reason than that the time for it wasn't there."""
    return int(connection.execute(_LASTING, {"of_kind": kind, "of": subject}).scalar_one())


def carry_again(connection: Connection, row: Row[Any], now: datetime) -> None:
    """Queues the intent of a transaction that came to nothing."""
    unlink(connection, row.id)
    again = queue(connection, row.kind, row.subject, now, row.lane)
    if row.kind in _OWNERS:
        table = _OWNERS[row.kind]
        connection.execute(update(table).where(col(table.id) == row.subject).values(outbox=again))
