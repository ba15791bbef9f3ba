"""Fairness: how much of a job may be rejected before somebody looks, and how a requester treats people."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.postings import Job
from backend.store import fairness as rows_of
from backend.store.database import Store
from backend.store.records import Records, RequesterRecord, Tips
from piecework.domain.errors import Conflict, Forbidden, Invalid, NotFound
from piecework.quality import fairness

LIMIT_BPS, LEAST_REVIEWS = 5_000, 20
"""More rejections than this share (1/10,000) of at least so many reviews of a job wait until somebody has looked."""
MOST_AT_ONCE = 1
"""A requester who rejects a hundred answers of a worker in a night has said one thing about it, not a hundred."""
LONGEST_TEXT = 2_000


def require_fair(connection: Connection, posting: int) -> None:
    """Lets a transaction that rejected pass while few enough of the job's reviews are rejections, or somebody has looked.

    Raises:
        Conflict: too many; nothing of the transaction is kept.
    """
    approved, rejected = rows_of.counts_of(connection, posting)
    if not fairness.frozen(approved, rejected, LIMIT_BPS, LEAST_REVIEWS):
        return
    release = rows_of.release(connection, posting)
    if release is None or not release.released:
        raise Conflict(
            f"{rejected} of this job's {approved + rejected} reviews would be rejections, more than {LIMIT_BPS // 100} %. Approve what is good "
            "first; more rejections wait until somebody has looked: ask with POST /v1/jobs/{id}/rejections."
        )


def lost_slots(records: Records, worker: str) -> int:
    """How many of a worker's lost slots count in public: of one requester at most `MOST_AT_ONCE` within a day, whatever it reclaimed."""
    losses = records.losses(worker)
    each = [(one, min(one.slots, MOST_AT_ONCE)) for one in losses]
    counted = [fairness.Rejection(one.requester, int(one.at.timestamp())) for one, slots in each for _ in range(slots)]
    return fairness.counted_rejections(counted, MOST_AT_ONCE)


class Fairness:
    """Keeps requesters' records, and who asks to reject much.

    Args:
        store: where they are.
        chain_id, escrow: whose mirror says what was paid.
        trustees: accounts that look at jobs that reject much.
        clock: the time, aware.
    """

    def __init__(self, store: Store, chain_id: int, escrow: str, trustees: frozenset[str], clock: Callable[[], datetime]) -> None:
        self._store, self._chain_id, self._escrow = store, chain_id, escrow
        self._trustees, self._clock = trustees, clock

    def requester(self, account: str) -> tuple[RequesterRecord, dict[str, Tips], tuple[int, int]]:
        """A requester's record on the chain, its tips by token, and how many answers of its jobs are approved and rejected here."""
        with self._store.read() as connection:
            records = Records(connection, self._chain_id, self._escrow)
            return records.requester(account), records.tips(account), rows_of.counts(connection, account)

    async def ask(self, job: Job, why: str) -> None:
        """Asks, as the job's requester, to reject more of it than goes without a look.

        Raises:
            Invalid: no reason, or too long a one.
            Conflict: it waits already, or was released.
        """
        _check(why)

        def work(connection: Connection) -> None:
            before = rows_of.release(connection, job.number)
            if before is not None and (before.decided_at is None or before.released):
                raise Conflict("This was asked already" + ("." if before.decided_at is None else ", and released."))
            rows_of.ask_release(connection, job.number, why, self._clock())

        await self._store.write(work)

    def standing(self, job: Job) -> tuple[tuple[int, int], Row[Any] | None]:
        """A job's approved and rejected answers, and what was asked and said about more."""
        with self._store.read() as connection:
            return rows_of.counts_of(connection, job.number), rows_of.release(connection, job.number)

    def waiting(self, trustee: str) -> Sequence[Row[Any]]:
        """Jobs that wait for a look.

        Raises:
            Forbidden: the account is no trustee.
        """
        self._require(trustee)
        with self._store.read() as connection:
            return rows_of.releases(connection)

    async def decide(self, job: Job, trustee: str, released: bool, said: str) -> None:
        """Lets a job reject more, or not.

        Raises:
            Forbidden: the account is no trustee, or the job is its own.
            NotFound: nothing waits.
        """
        self._require(trustee)
        await self._store.write(lambda c: self._decide(c, job, trustee, released, said))

    def decide_as_owner(self, job: Job, owner: str, released: bool, said: str) -> None:
        """The same, for whoever runs the coordinator (`python -m backend.rejections`): where there are no trustees nobody else can.

        Args:
            owner: the coordinator's address.
        """
        self._store.write_now(lambda c: self._decide(c, job, owner, released, said))

    def waiting_for_owner(self) -> Sequence[Row[Any]]:
        """Jobs that wait for a look, for whoever runs the coordinator."""
        with self._store.read() as connection:
            return rows_of.releases(connection)

    def _decide(self, connection: Connection, job: Job, by: str, released: bool, said: str) -> None:
        _check(said)
        if job.requester == by:
            raise Forbidden("Nobody looks at its own job.")
        if not rows_of.decide_release(connection, job.number, by, released, said, self._clock()):
            raise NotFound("Nothing of this job waits for a look.")

    def _require(self, account: str) -> None:
        if account not in self._trustees:
            raise Forbidden("Only the coordinator's trustees look at jobs that reject much.")


def _check(text: str) -> None:
    if not text.strip() or len(text) > LONGEST_TEXT or "\0" in text:
        raise Invalid(f"Say why, in 1 to {LONGEST_TEXT} characters.")
