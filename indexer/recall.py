"""What earlier events said, for the handlers of later ones: from the rows that wait to be written, else from the tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Row, Select, bindparam, select
from sqlmodel import SQLModel

Known = TypeVar("Known")


@dataclass(frozen=True, slots=True)
class JobTerms:
    """What handlers must know of a job: base units of `token` that a slot pays its worker, owes the protocol and costs to
    contest, and that an appeal locks."""

    requester: str
    token: str
    reward: int
    fee: int
    contest_deposit: int
    appeal_stake: int

    @property
    def slot(self) -> int:
        """Base units that a slot locks."""
        return self.reward + self.fee


@dataclass(frozen=True, slots=True)
class Opened:
    """What an opening's bytes mean: the first one's slot, and the workers by place from 1; and when it was made (Unix seconds)."""

    first_slot: int
    workers: tuple[str, ...]
    opened_at: int

    def slots(self, places: bytes) -> list[tuple[int, str]]:
        """Each slot that the bytes name, with its worker."""
        return [(slot, self.workers[place - 1]) for slot, place in enumerate(places, self.first_slot) if place]


@dataclass(frozen=True, slots=True)
class AppealFacts:
    """What an appeal was begun with; `parts` are its openings' ids with the slots in them."""

    worker: str
    sponsor: str
    parts: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Stand:
    """Where an appeal stands, as the columns of `mirror_appeal_phase`."""

    phase: str
    arbitrator: str | None = None
    dispute_id: int | None = None
    cost: int | None = None
    ruling: int | None = None
    winner: str | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an operator may spend, in base units, until when."""

    allowance: int
    expires_at: int


def newest(
    table: type[SQLModel], columns: tuple[str, ...], key: tuple[str, ...], order: tuple[str, ...] = ()
) -> Select[*tuple[Any, ...]]:
    """The `columns` of the newest row with a `key`. Built once: a settlement asks one for every worker that it credits."""
    of = table.__table__.columns  # type: ignore[attr-defined]
    return (
        select(*(of[name] for name in columns))
        .where(*(of[name] == bindparam(name) for name in ("chain_id", "escrow", *key)))
        .order_by(*(of[name].desc() for name in ("block_number", "log_index", *order)))
        .limit(1)
    )


class Recall(Generic[Known]):
    """One kind of fact by its key: remembered, or else looked up.

    Args:
        connection: the transaction's.
        owner: chain_id and escrow.
        facts: everything that is remembered, by kind.
        is_whole: what isn't remembered never was, so the tables aren't asked.
        kind: this one.
        statement: finds a fact's rows; its parameters are those of `owner` and of `key`.
        build: makes the fact of its rows, of which there is at least one.
    """

    def __init__(
        self,
        connection: Connection,
        owner: dict[str, Any],
        facts: dict[str, dict[tuple[Any, ...], Any]],
        is_whole: bool,
        kind: str,
        statement: Select[*tuple[Any, ...]],
        key: tuple[str, ...],
        build: Callable[[Sequence[Row[*tuple[Any, ...]]]], Known],
    ) -> None:
        self._connection, self._owner, self._is_whole = connection, owner, is_whole
        self._statement, self._key, self._build = statement, key, build
        self._known: dict[tuple[Any, ...], Known] = facts[kind]

    def put(self, fact: Known, *key: Any) -> None:
        """Remembers a fact whose row isn't written yet."""
        self._known[key] = fact

    def get(self, *key: Any) -> Known | None:
        """The newest fact of that key; None if there never was one."""
        known = self._known.get(key)
        if known is None and not self._is_whole:
            values = self._owner | dict(zip(self._key, key, strict=True))
            rows = self._connection.execute(self._statement, values).all()
            if not rows:
                return None
            known = self._known[key] = self._build(rows)
        return known
