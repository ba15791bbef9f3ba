"""Carries a plan through a marketplace. Interrupted anywhere and run again, it goes on where it stopped."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from piecework.client import Market, MarketError, Requester, Worker
from piecework.client.market import terms_of
from piecework.domain.content import commitment
from piecework.domain.errors import Conflict, Invalid, Unavailable
from piecework.domain.typed_data import Key
from piecework.replay.answers import Answer
from piecework.replay.plan import Plan

OPEN_SECONDS = 30 * 86_400
LIVE = ("reserved", "committed", "revealed", "approved", "rejected", "batched", "paid")
SETTLE_TIMEOUT_SECONDS = 300

Step = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Opens a step of so many parts; what it gives is called with how many more are done."""


@dataclass
class Outcome:
    """What happened: the job, and how long each step took."""

    job: dict[str, Any]
    answers_sent: int
    seconds: dict[str, float] = field(default_factory=dict)
    submissions: list[dict[str, Any]] = field(default_factory=list)


class Replay:
    """One plan at one marketplace.

    Args:
        plan: what to do.
        market: an open connection.
        requester: the account that posts, funds and approves.
        step: shows progress; see `Step`.
    """

    def __init__(self, plan: Plan, market: Market, requester: Requester, step: Step) -> None:
        self.plan, self.market, self.requester, self._step = plan, market, requester, step
        self._seconds: dict[str, float] = {}

    async def run(self) -> Outcome:
        """Everything from the posting to the last withdrawal."""
        job = await self._timed("post", 1, self._post)
        workers = await self._timed("sign in", len(self.plan.keys), self._sign_in)
        sent = await self._timed("answer", len(self.plan.answers.rows), lambda done: self._answer(job, workers, done))
        submissions = await self._timed("review", len(self.plan.answers.rows), lambda done: self._review(job, done))
        await self._timed("settle", len(submissions), lambda done: self._settle(job, submissions, done))
        await self._timed("withdraw", len(self.plan.ledger_workers), lambda done: self._withdraw(job, workers, done))
        outcome = Outcome(job, sent, self._seconds)
        outcome.submissions = await self.requester.submissions(job["id"])
        return outcome

    async def _timed(self, name: str, parts: int, work: Callable[[Callable[[int], None]], Any]) -> Any:
        started = time.monotonic()
        with self._step(name, parts) as done:
            result = await work(done)
        self._seconds[name] = round(time.monotonic() - started, 3)
        return result

    async def _post(self, done: Callable[[int], None]) -> dict[str, Any]:
        salt = "0x" + self.plan.salt.hex()
        job = None
        async for known in self.requester.jobs():
            if known["terms"]["salt"] == salt:
                job = known
        if job is None:
            job = await self.requester.draft(self.plan.posting(closes_at(time.time())))
        if job["state"] == "draft":
            if self.market.info["devnet"]:
                await self.requester.mint(job["terms"]["token"], int(job["amount"]))
            await self.requester.fund(job)
            job = await self.requester.wait_open(job["id"])
        done(1)
        return job

    async def _sign_in(self, done: Callable[[int], None]) -> dict[str, Worker]:
        async def one(name: str, key: Key) -> tuple[str, Worker]:
            worker = await Worker.sign_in(self.market, key)
            if name in ledger:
                await worker.take_payouts_as("ledger")
            done(1)
            return name, worker

        ledger = set(self.plan.ledger_workers)
        return dict(await asyncio.gather(*(one(name, key) for name, key in self.plan.keys.items())))

    async def _answer(self, job: dict[str, Any], workers: dict[str, Worker], done: Callable[[int], None]) -> int:
        counts = await asyncio.gather(
            *(self._answer_all(job, workers[name], rows, done) for name, rows in self.plan.by_worker.items())
        )
        return sum(counts)

    async def _answer_all(
        self, job: dict[str, Any], worker: Worker, rows: list[Answer], done: Callable[[int], None]
    ) -> int:
        """One worker's answers, one after the other; returns how many were sent now."""
        begun = Begun(self.plan, job, worker, await worker.assignments(job["id"]))
        sent = 0
        for row in rows:
            assignment = begun.of(row) or begun.spare(row) or await self._take(job, worker, row)
            if assignment["state"] in ("reserved", "committed"):
                await worker.answer(job, assignment, {"label": row.label}, self.plan.answer_salt(row))
                sent += 1
            done(1)
        return sent

    async def _take(self, job: dict[str, Any], worker: Worker, row: Answer) -> dict[str, Any]:
        """Reserves a slot for a row. Where the answer to an earlier try was lost, the slot is there already."""
        try:
            return await worker.take(job["id"], self.plan.unit_of[row.task])
        except MarketError as refused:
            spare = Begun(self.plan, job, worker, await worker.assignments(job["id"])).spare(row)
            if refused.status != 409 or spare is None:
                raise
            return spare

    async def _review(self, job: dict[str, Any], done: Callable[[int], None]) -> list[dict[str, Any]]:
        """Looks at every answer, checks it against its commitment, and approves it."""
        submissions = [s for s in await self.requester.submissions(job["id"]) if s["state"] in LIVE[2:]]
        if len(submissions) != len(self.plan.answers.rows):
            raise Conflict(f"{len(self.plan.answers.rows)} answers were sent, but {len(submissions)} came in.")
        job_id = bytes.fromhex(job["id"][2:])
        for entry in submissions:
            salt = bytes.fromhex(entry["salt"][2:])
            if commitment(job_id, entry["slot"], entry["worker"], salt, entry["answer"]).hex() != entry["commitment"][2:]:
                raise Invalid(f"The answer to slot {entry['slot']} isn't the one that was committed to.")
        done(len(submissions))
        await self.requester.approve(job["id"], (s["id"] for s in submissions if s["state"] == "revealed"))
        return submissions

    async def _settle(
        self, job: dict[str, Any], submissions: list[dict[str, Any]], done: Callable[[int], None]
    ) -> None:
        """Approves the batches and waits until the mirror shows every slot as paid."""
        approved = {s["slot"]: (s["worker"], bytes.fromhex(s["commitment"][2:])) for s in submissions}
        for entry in await self.requester.batches(job["id"]):
            if entry["state"] == "signed":
                await self.requester.approve_batch(job, entry, approved)
        shown, deadline = 0, time.monotonic() + SETTLE_TIMEOUT_SECONDS
        while shown < len(submissions):
            counts = (await self.market.get(f"/v1/jobs/{job['id']}", self.requester.session))["slot_counts"]
            done(counts["paid"] - shown)
            shown = counts["paid"]
            if time.monotonic() > deadline:
                raise Unavailable(f"{shown} of {len(submissions)} answers are paid so far; run it again to go on waiting.")
            await asyncio.sleep(0.1)

    async def _withdraw(self, job: dict[str, Any], workers: dict[str, Worker], done: Callable[[int], None]) -> None:
        """Every worker that took the ledger has its balance sent to its wallet, without gas money of its own."""
        terms = terms_of(job)

        async def one(worker: Worker) -> None:
            account = await self.market.get(f"/v1/accounts/{worker.address}")
            for balance in account["balances"]:
                if balance["token"] == terms.token and int(balance["balance"]):
                    asked = await worker.withdraw(
                        terms.token, int(balance["balance"]), int(balance["nonce"]), terms.closes_at
                    )
                    await self._confirmed(asked)
            done(1)

        await asyncio.gather(*(one(workers[name]) for name in self.plan.ledger_workers))

    async def _confirmed(self, withdrawal: dict[str, Any]) -> None:
        deadline = time.monotonic() + SETTLE_TIMEOUT_SECONDS
        while withdrawal["state"] != "confirmed":
            if withdrawal["state"] == "failed":
                raise Conflict(f"A withdrawal failed: {withdrawal['error']}")
            if time.monotonic() > deadline:
                raise Unavailable("A withdrawal isn't confirmed yet; run it again to go on waiting.")
            await asyncio.sleep(0.1)
            withdrawal = await self.market.get(f"/v1/withdrawals/{withdrawal['id']}")


def closes_at(now: float) -> int:
    """The end of the next whole period, so that two runs begun together name the same job; Unix seconds."""
    return (int(now) // OPEN_SECONDS + 2) * OPEN_SECONDS


class Begun:
    """A worker's assignments from an earlier run, found again by what was committed."""

    def __init__(self, plan: Plan, job: dict[str, Any], worker: Worker, assignments: list[dict[str, Any]]) -> None:
        self._plan, self._job, self._address = plan, bytes.fromhex(job["id"][2:]), worker.address
        self._committed: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self._reserved: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for entry in assignments:
            if entry["state"] == "reserved":
                self._reserved[entry["unit"]].append(entry)
            elif entry["state"] in LIVE:
                self._committed[entry["unit"]].append(entry)

    def of(self, row: Answer) -> dict[str, Any] | None:
        """The assignment in which this very answer was committed to."""
        for entry in self._committed[self._plan.unit_of[row.task]]:
            promised = commitment(
                self._job, entry["slot"], self._address, self._plan.answer_salt(row), {"label": row.label}
            )
            if entry["commitment"] == "0x" + promised.hex():
                return entry
        return None

    def spare(self, row: Answer) -> dict[str, Any] | None:
        """A slot that was reserved for the unit and not used yet."""
        reserved = self._reserved[self._plan.unit_of[row.task]]
        return reserved.pop() if reserved else None
