"""What the watchtower has to look at, and when, in SQL: found once, as the mirror grows, and from then on by its time.

Something that is left because it isn't worth its gas, or that the chain refused, is looked at again after a minute, then two, and so on
up to a day: it hides nothing behind it, and costs less the longer it lies there. Those minutes are counted by a clock that may run ahead;
when it is set back, all that it planned is planned anew.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, func, or_, select, text, update
from sqlmodel import col

from backend.store import mirror, notices
from backend.store.disputes import MOST_DUE
from backend.store.tables import Lookout
from indexer.tables import Opening
from piecework.domain.recourse import RULING_LIMIT

CURSOR, LOOKED_AT = "lookouts", "lookouts looked"
MOST_BLOCKS = 100_000
"""That are looked through in one transaction."""
FIRST_PAUSE, LONGEST_PAUSE = 60, 86_400
"""Seconds."""
MOST_LOOKS = 12
"""After so many, a day and more after it was due, what has nothing to be done is over: no reorg brings it back."""

_OURS = "chain_id = (SELECT chain_id FROM coordinator_home) AND {0}.escrow = (SELECT escrow FROM coordinator_home) AND {0}.block_number BETWEEN :first AND :last"
_ADD = """
    INSERT INTO lookout (kind, subject, due_at, look_at, looks)
    SELECT {kind}, {subject}, {due_at}, {due_at}, 0 FROM {rows} JOIN mirror_job j ON j.job = {of}.job JOIN posting p ON p.job = {of}.job
     WHERE {of}.""" + _OURS.format("{of}") + """ {only}
        ON CONFLICT (kind, subject) DO UPDATE SET due_at = excluded.due_at, look_at = excluded.look_at, looks = 0
     WHERE lookout.due_at <> excluded.due_at"""


def _opened(kind: str, due_at: str) -> str:
    return _ADD.format(kind=f"'{kind}'", subject="o.opening", due_at=due_at, rows="mirror_opening o", of="o", only="")


_ADDS = [
    text(_opened("finalize", "o.opened_at + j.review_window")),
    text(_opened("reclaim", "o.opened_at + j.review_window + j.appeal_window")),
    text(
        _ADD.format(
            kind="'conclude'",
            subject="a.appeal",
            due_at=f"a.since_at + CASE a.phase WHEN 'pending' THEN j.appeal_window WHEN 'defended' THEN {RULING_LIMIT} ELSE 0 END",
            rows="mirror_appeal_phase a",
            of="a",
            only="""AND NOT EXISTS (SELECT 1 FROM mirror_appeal_phase later WHERE later.chain_id = a.chain_id AND later.appeal = a.appeal
                     AND (later.block_number, later.log_index) > (a.block_number, a.log_index))""",
        )
    ),
]
_FIRST = select(func.min(col(Opening.block_number))).where(*mirror.own(Opening))
DUE = (
    select(Lookout.kind, Lookout.subject, Lookout.looks)
    .where(col(Lookout.look_at) <= bindparam("now"))
    .order_by(col(Lookout.look_at))
    .limit(MOST_DUE)
)
_is_ahead = col(Lookout.due_at) > bindparam("now")
_REPLAN = (
    update(Lookout)
    .where(col(Lookout.looks) > 0, or_(col(Lookout.look_at) > bindparam("now"), _is_ahead))
    .values(
        look_at=case((_is_ahead, col(Lookout.due_at)), else_=bindparam("now")), looks=case((_is_ahead, 0), else_=col(Lookout.looks))
    )
)
_LATER = (
    update(Lookout)
    .where(col(Lookout.kind) == bindparam("b_kind"), col(Lookout.subject) == bindparam("b_subject"))
    .values(look_at=bindparam("b_look_at"), looks=bindparam("b_looks"))
)


def find(connection: Connection, head: int, finality_blocks: int) -> bool:
    """Writes down what blocks up to `head` brought, and whether there are more of them. What a reorg changed is found again."""
    cursor = notices.cursor(connection, CURSOR)
    if cursor is None:
        first = connection.execute(_FIRST).scalar()
        cursor = head if first is None else first - 1
    behind = min(cursor, head)
    last = min(head, behind + MOST_BLOCKS)
    for add in _ADDS:
        connection.execute(add, {"first": behind - finality_blocks, "last": last})
    notices.move_cursor(connection, last, CURSOR)
    return last < head


def at(connection: Connection, now: int) -> Sequence[Row[Any]]:
    """What is to be looked at by now, at most MOST_DUE: kind, subject, looks."""
    return connection.execute(DUE, {"now": now}).all()


def later(connection: Connection, looked: Sequence[Row[Any]], waiting: Collection[tuple[str, str]], now: int) -> None:
    """Says when to look again at what was looked at now; `waiting` are those of which something is still to be done."""
    rows = []
    for kind, subject, looks in looked:
        over = (kind, subject) not in waiting and looks + 1 >= MOST_LOOKS
        look_at = None if over else now + min(FIRST_PAUSE << min(looks, MOST_LOOKS), LONGEST_PAUSE)
        rows.append({"b_kind": kind, "b_subject": subject, "b_look_at": look_at, "b_looks": looks + 1})
    connection.execute(_LATER, rows)
    notices.move_cursor(connection, now, LOOKED_AT)


def looked_at(connection: Connection) -> int:
    """Unix seconds of the last look that planned others; 0 before the first one."""
    return notices.cursor(connection, LOOKED_AT) or 0


def replan(connection: Connection, now: int) -> None:
    """Plans anew what was planned by a time that was never true: it is looked at now; what isn't due yet at its time, as if it hadn't been
    looked at."""
    connection.execute(_REPLAN, {"now": now})
    notices.move_cursor(connection, now, LOOKED_AT)
