"""Mechanical Turk's interface measured: calls a second beside 1,000 HITs and beside 100,000, and gas an assignment beside a native job.

Two marketplaces run side by side, one with the few and one with the many, and are asked in turn: what else the machine does slows both
alike. A figure is the median over the turns, and so is the growth, turn by turn. The HITs beside are written into the database as they would stand there after a life: funded, answered, approved. The calls go over real
HTTP, signed, by botocore.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import botocore.session
from botocore.config import Config
from sqlalchemy import Connection, func, insert, select
from sqlmodel import SQLModel, col

from backend.mturk.ids import new_id
from backend.store.tables import Assignment, Outbox, Posting, Unit
from backend.store.tables.mturk import MTurkHit, MTurkPart
from indexer.tables import JobWord
from piecework.chain.rpc import Rpc
from piecework.client import Market, Requester, Worker
from piecework.crowd.profiles import read_profile
from piecework.crowd.workers import Crowd, Habits, Until
from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import Key
from piecework.sql import open_engine
from piecework.stack.accounts import dev_key
from scripts.bench.replay import marketplace
from scripts.bench.rows import Row

FEW, MANY = 1_000, 100_000
CALLS, TURNS, THREADS = 480, 12, 4
HITS, SLOTS = 40, 10
"""Answered HITs and their assignments, of which the gas is counted; those of the rates are as many."""
A_JOB = 1_000
"""HITs that share a job, of those beside."""
QUIET_SECONDS, MINED = 180, 100
MOST_GROWTH, MOST_GAS = 1.25, 1.10
OPERATIONS = ("CreateHIT", "ListAssignmentsForHIT", "ApproveAssignment", "GetAccountBalance")
HTML = (
    '<HTMLQuestion xmlns="http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2011-11-11/HTMLQuestion.xsd">'
    "<HTMLContent><![CDATA[<form><input type=radio name=q value=yes></form>]]></HTMLContent><FrameHeight>0</FrameHeight></HTMLQuestion>"
)
HIT = {
    "Title": "Bench", "Description": "Measured.", "Keywords": "bench", "Reward": "0.05", "AssignmentDurationInSeconds": 600,
    "LifetimeInSeconds": 36_000, "Question": HTML,
}  # fmt: skip


def measure(few: int = FEW, many: int = MANY) -> list[Row]:
    """Every figure."""
    with tempfile.TemporaryDirectory() as folder, marketplace(Path(folder) / "few") as small, marketplace(Path(folder) / "many") as large:
        benches = [Bench(small), Bench(large)]
        native = benches[0].native_gas()
        turk = benches[0].turk_gas(benches[0].answered("gas", HITS))
        for bench, count in zip(benches, (few, many), strict=True):
            bench.prepare(bench.answered("rates", HITS), count)
        rates = {name: [[bench.turn(name, number) for bench in benches] for number in range(TURNS)] for name in OPERATIONS}
    rows = []
    for name, turns in rates.items():
        for count, of in zip((few, many), zip(*turns, strict=True), strict=True):
            rows.append(Row(f"{name}, {count:,} HITs beside", median(of), "a second"))
        rows.append(Row(f"{name}: how much slower beside the many", median(one / other for one, other in turns), "times", MOST_GROWTH))
    rows.append(Row("gas an assignment, a native job from post to pay", native, "gas"))
    rows.append(Row("gas an assignment, HITs from post to pay", turk, "gas"))
    rows.append(Row("the HITs' beside the native job's", turk / native, "times", MOST_GAS))
    return rows


class Bench:
    """One running marketplace.

    Args:
        up: what `piecework up --json` said.
    """

    def __init__(self, up: dict[str, Any]) -> None:
        self._up, key = up, up["mturk"]
        self.clients = [
            botocore.session.get_session().create_client(
                "mturk", endpoint_url=key["endpoint_url"], region_name=key["region_name"], aws_access_key_id=key["access_key_id"],
                aws_secret_access_key=key["secret_access_key"], config=Config(retries={"max_attempts": 1}),
            )
            for _ in range(THREADS)
        ]  # fmt: skip
        self._engine = open_engine(up["database_url"])

    # -------------------------------------------------------------------------------------------- rates

    def prepare(self, hits: Sequence[str], beside: int) -> None:
        """Makes ready for `turn`: answered HITs, of which the assignments are approved in the turns, and others beside them."""
        client = self.clients[0]
        self._hits = hits
        self._ids = [one["AssignmentId"] for hit in hits for one in client.list_assignments_for_hit(HITId=hit, MaxResults=100)["Assignments"]]
        self.beside(beside)

    def turn(self, operation: str, number: int) -> float:
        """Calls a second of an operation in one of the turns; approving uses up the answers."""
        hits, ids = self._hits, self._ids
        calls: dict[str, Callable[[Any, int], Any]] = {
            "CreateHIT": lambda c, n: c.create_hit(**HIT | {"Title": "Bench made"}),
            "ListAssignmentsForHIT": lambda c, n: c.list_assignments_for_hit(HITId=hits[n % len(hits)], MaxResults=100),
            "ApproveAssignment": lambda c, n: c.approve_assignment(AssignmentId=ids[n]),
            "GetAccountBalance": lambda c, n: c.get_account_balance(),
        }
        call, count = calls[operation], len(ids) if operation == "ApproveAssignment" else CALLS

        def some(thread: int, numbers: range) -> None:
            for one in numbers:
                call(self.clients[thread], one)

        part = range(number * count // TURNS, (number + 1) * count // TURNS)
        began = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(some, range(THREADS), [part[thread::THREADS] for thread in range(THREADS)]))
        return len(part) / (time.perf_counter() - began)

    # -------------------------------------------------------------------------------------------- what stands beside

    def answered(self, seed: str, count: int) -> list[str]:
        """HITs with all their assignments submitted."""
        given = HIT | {"Title": f"Bench {seed}", "MaxAssignments": SLOTS}
        hits = [str(self.clients[0].create_hit(**given)["HIT"]["HITId"]) for _ in range(count)]

        async def run() -> None:
            async with Market(self._up["url"]) as market:
                crowd = Crowd(market, [read_profile("rule:yes")], SLOTS, seed, Habits(), Until(count * SLOTS, 30), text=f"Bench {seed}")
                await crowd.run()

        asyncio.run(run())
        return hits

    def beside(self, count: int) -> None:
        """Writes HITs that were answered and approved, copies of a real one, until there are `count`."""
        with self._engine.begin() as connection:
            lacking = count - int(connection.execute(select(func.count()).select_from(MTurkHit)).scalar_one())
        for start in range(0, max(0, lacking), A_JOB):
            with self._engine.begin() as connection:
                _copy(connection, min(A_JOB, lacking - start))
        Rpc(self._up["rpc_url"]).call("anvil_mine", hex(MINED))  # so that what is over is final, as it would be by then
        self._settle_down()

    def _settle_down(self) -> None:
        """Waits until the backend has looked at what was written past it, and is as idle as it gets; three minutes at most."""
        stat, deadline = Path(f"/proc/{self._up['pids']['backend']}/stat"), time.monotonic() + QUIET_SECONDS
        while time.monotonic() < deadline:
            before = _ticks(stat)
            time.sleep(3)
            if _ticks(stat) - before < 3 * os.sysconf("SC_CLK_TCK") // 5:
                return

    # -------------------------------------------------------------------------------------------- gas

    def native_gas(self) -> float:
        """Gas an assignment of a native job of the same shape, by wallets that never held the token."""

        async def run() -> int:
            async with Market(self._up["url"]) as market:
                asker = await Requester.sign_in(market, dev_key("requester"))
                job = await asker.draft(_posting())
                await asker.mint(market.info["token"]["address"], int(job["amount"]))
                posted = await asker.fund(job)
                job = await asker.wait_open(job["id"])
                for number in range(SLOTS):
                    worker = await Worker.sign_in(market, Key(keccak256(f"native {number}".encode())))
                    for unit in range(HITS):
                        await worker.answer(job, await worker.take(job["id"], unit), {"q": "yes"}, bytes(32))
                found = await asker.submissions(job["id"])
                await asker.approve(job["id"], [one["id"] for one in found])
                approved = {one["slot"]: (one["worker"], bytes.fromhex(one["commitment"][2:])) for one in found}
                for entry in await asker.batches(job["id"]):
                    await asker.approve_batch(job, entry, approved)
                while (await market.get(f"/v1/jobs/{job['id']}"))["slot_counts"]["paid"] < HITS * SLOTS:
                    await asyncio.sleep(0.1)
                assert posted is not None
                return int(posted.gas_used)

        before = self._gas(("settlement",))
        posted = asyncio.run(run())
        while self._waits():
            time.sleep(0.2)
        return (posted + self._gas(("settlement",)) - before) / (HITS * SLOTS)

    def turk_gas(self, hits: Sequence[str]) -> float:
        """Gas an assignment of answered HITs, from their posting by the operator to their pay; approves them."""
        ids = [one["AssignmentId"] for hit in hits for one in self.clients[0].list_assignments_for_hit(HITId=hit, MaxResults=100)["Assignments"]]
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda n: self.clients[n % THREADS].approve_assignment(AssignmentId=ids[n]), range(len(ids))))
        while self._waits():
            time.sleep(0.2)
        with self._engine.begin() as connection:
            of = select(col(MTurkPart.posting)).where(col(MTurkPart.hit).in_(hits))
            numbers = {str(number) for number in connection.execute(of).scalars()}
        gas = self._gas(("post",), numbers) + self._gas(("settlement",), {f"{number}:0" for number in numbers})
        return gas / len(ids)

    def _gas(self, kinds: Sequence[str], subjects: set[str] | None = None) -> int:
        with self._engine.begin() as connection:
            rows: Any = connection.execute(select(Outbox.subject, Outbox.gas_used).where(col(Outbox.kind).in_(kinds))).all()
        return sum(row.gas_used or 0 for row in rows if subjects is None or row.subject in subjects)

    def _waits(self) -> bool:
        under_way = select(Outbox.id).where(col(Outbox.state).in_(("queued", "signed"))).limit(1)
        unsettled = select(Assignment.id).where(col(Assignment.state) == "approved").limit(1)
        with self._engine.begin() as connection:
            return any(connection.execute(statement).first() is not None for statement in (under_way, unsettled))


def _ticks(stat: Path) -> int:
    """Clock ticks that a process has used; 0 where the system doesn't say."""
    return sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13])) if stat.exists() else 0


def _posting() -> dict[str, Any]:
    return {
        "title": "Bench", "instructions": "Measured.", "template": "label", "labels": None, "reward": "50000",
        "units": [{"content": {"n": number}, "slots": SLOTS} for number in range(HITS)], "answers_per_worker": 1,
        "assignment_seconds": 3_600, "closes_at": int(time.time()) + 30 * 86_400, "review_window_seconds": 86_400,
        "appeal_window_seconds": 86_400, "salt": "0x" + keccak256(str(time.time_ns()).encode()).hex(),
    }  # fmt: skip


def _copy(connection: Connection, count: int) -> None:
    """A job of `count` HITs, each with an approved and settled answer."""
    hit, part = (dict(_one(connection, table)) for table in (MTurkHit, MTurkPart))
    posting = dict(connection.execute(select(Posting).where(col(Posting.number) == part["posting"])).one()._mapping)
    unit = dict(connection.execute(select(Unit).where(col(Unit.posting) == part["posting"]).limit(1)).one()._mapping)
    answer = dict(connection.execute(select(Assignment).where(col(Assignment.answer).is_not(None)).limit(1)).one()._mapping)
    number = int(connection.execute(select(func.max(col(Posting.number)))).scalar_one()) + 1
    mark, at = keccak256(f"bench {number}".encode()).hex(), datetime.now(UTC)
    connection.execute(insert(Posting), posting | {"number": number, "job": "0x" + mark, "salt": "0x" + mark, "units": count, "slots": count})
    word = connection.execute(select(JobWord).where(col(JobWord.job) == posting["job"]).limit(1)).one()._mapping
    emptied = {"job": "0x" + mark, "locked": 0, "block_number": 0, "log_index": number, "funded": count}
    connection.execute(insert(JobWord), dict(word) | emptied)
    ids = [new_id() for _ in range(count)]
    done = {"disposed_at": None, "offered": False, "expires_at": at, "token": None, "most_assignments": 1, "policies": None}
    _fill(connection, MTurkHit, [_without(hit, "number") | done | {"id": id} for id in ids])
    places = [{"hit": id, "posting": number, "position": at_, "slots": 1, "settled": True, "withdrawn": 0, "cancelled": 0} for at_, id in enumerate(ids)]
    _fill(connection, MTurkPart, [_without(part, "id") | place for place in places])
    _fill(connection, Unit, [unit | {"posting": number, "position": at_, "first_slot": at_, "slots": 1, "free": 0, "handed": 1} for at_ in range(count)])
    made = {"posting": number, "state": "batched", "batch": None, "reviewed_at": at}
    _fill(connection, Assignment, [answer | made | {"id": "0x" + keccak256(id.encode()).hex()[:32], "unit": at_, "slot": at_} for at_, id in enumerate(ids)])


def _one(connection: Connection, table: type[SQLModel]) -> Any:
    return connection.execute(select(table).where(col(table.requester).is_not(None)).order_by(table.__table__.c[0]).limit(1)).one()._mapping  # type: ignore[attr-defined]


def _fill(connection: Connection, table: type[SQLModel], rows: list[dict[str, Any]]) -> None:
    connection.execute(insert(table), rows)


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}
