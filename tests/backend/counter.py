"""A job in the store alone, without a chain: described, handed out and answered by the functions that the services call."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, update
from sqlmodel import col

from backend.services.aggregator import Aggregator
from backend.services.leadership import Leadership
from backend.store import consensus, holding, listings, postings
from backend.store.database import Store
from backend.store.tables import Assignment

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADDRESS = "0x" + "11" * 20


def worker(number: int) -> str:
    return f"0x{number:040x}"


def listed(connection: Connection, posting: int, template: str = "classifier") -> None:
    """Lists a job, as who describes it does; one of an older version is listed when the lister comes to it."""
    listings.add(connection, {"posting": posting, "template": template, "ai_policy": "", "reward": 1, "estimated_hourly": None}, (), NOW)


def job(
    connection: Connection, number: int, slots: list[int], overlap: str | None = None, least: int = 1, template: str = "classifier", **more: Any
) -> int:
    """A job with a unit for each of `slots`, listed if it has a template; its number."""
    digest = f"0x{number:064x}"
    row: dict[str, Any] = dict.fromkeys(("requester", "operator", "token", "coordinator", "arbitrator"), ADDRESS)
    row |= dict.fromkeys(("reward", "fee", "contest_deposit", "appeal_stake", "closes_at", "review_window", "appeal_window"), 1)
    row |= {"job": digest, "content_hash": digest, "salt": digest, "content": "x", "arbitrator_extra_data": "0x", "created_at": NOW}
    row |= {"manifest_length": 2, "units": len(slots), "slots": sum(slots), "answers_per_worker": 1, "assignment_seconds": 60}
    unit = {"leaf": digest, "content_offset": 0, "content_length": 2, "handed": 0}
    units = [unit | {"position": n, "first_slot": sum(slots[:n]), "slots": of, "free": of} for n, of in enumerate(slots)]
    made = postings.add(connection, row | {"overlap": overlap} | more, units)
    if overlap is not None:
        consensus.withhold(connection, made, least)
    if template:
        listed(connection, made, template)
    return made


class Counter:
    """Hands out slots of one job and takes labels.

    Args:
        store: where the job is.
        posting: its number.
        ranked: whether it asks where an answer is worth most.
    """

    def __init__(self, store: Store, posting: int, ranked: bool) -> None:
        self.store, self.posting, self.ranked = store, posting, ranked
        self.given = 0
        self.aggregator = Aggregator(store, self.clock)
        self.leadership = Leadership(store, f"desk{posting}", lambda: datetime.now(UTC))
        self.now = NOW

    def clock(self) -> datetime:
        return self.now

    def take(self, who: str, state: str = "reserved") -> dict[str, Any] | None:
        """Reserves the next unit; None if there is none."""

        def work(connection: Connection) -> dict[str, Any] | None:
            claim = holding.claim(connection, self.posting, who, None)
            assert claim is not None
            unit = holding.next_unit(connection, claim, 1, self.ranked)
            if unit is None:
                holding_lost(connection, self.posting, who)
                return None
            self.given += 1
            row: dict[str, Any] = {"id": f"0x{self.posting:08x}{self.given:024x}", "posting": self.posting, "unit": unit.position, "worker": who}
            row |= {"state": state, "created_at": NOW, "expires_at": NOW + timedelta(days=1)}
            assert holding.hold(connection, unit, row)
            return row

        found: dict[str, Any] | None = self.store.write_now(work)
        return found

    def give_back(self, row: dict[str, Any]) -> None:
        def work(connection: Connection) -> None:
            of = connection.execute(Assignment.__table__.select().where(col(Assignment.id) == row["id"])).one()  # type: ignore[attr-defined]
            assert holding.give_back(connection, of, "returned", NOW)

        self.store.write_now(work)

    def say(self, row: dict[str, Any], label: str) -> None:
        """Reveals an answer."""

        def work(connection: Connection) -> None:
            statement = update(Assignment).where(col(Assignment.id) == row["id"]).values(state="revealed", answer=f'"{label}"')
            of = connection.execute(statement.returning(Assignment.__table__)).one()  # type: ignore[attr-defined]
            consensus.say(connection, of, label)

        self.store.write_now(work)

    def step(self, seconds: float = 0) -> None:
        """Lets time pass, and the aggregator work until it has nothing to do."""
        self.now += timedelta(seconds=seconds)
        assert self.leadership.acquire()
        while self.aggregator.step_once(self.leadership):
            pass


def holding_lost(connection: Connection, posting: int, who: str) -> None:
    """Takes back a claim that found nothing, as a failed request's transaction does."""
    connection.exec_driver_sql(f"UPDATE job_worker SET held = held - 1 WHERE posting = {posting} AND worker = '{who}'")
