"""The herald: tells requesters of new answers, and everybody of what will soon be too late. One process does it for all.

New answers of a job are told together, at most once a look. A deadline is told once, a day before it (`remind_seconds`) or at half of
the time that there is, whichever is later; the end of an operator's allowance a day before it.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.leadership import Leadership
from backend.services.rounds import Rounds
from backend.store import deadlines, mirror, notices, spendable, submissions
from backend.store.assignments import SKEW
from backend.store.database import Store
from backend.store.deadlines import Deadline

SETTLED = timedelta(seconds=2)
"""How old a reveal must be before it is told: by then whatever was revealed before it is visible, too."""
MISSED = timedelta(minutes=10)
"""How long nobody may have looked when a clock is found to have been set back."""
DAY_SECONDS = 86_400
CURSOR = "answers"


class Herald(Rounds):
    """Looks every few seconds.

    Args:
        store: where answers, mirror and notices are.
        token: that operators spend.
        seconds: between two looks.
        remind_seconds: how long before a deadline it is told.
        clock: the time, aware.
    """

    def __init__(self, store: Store, token: str, seconds: float, remind_seconds: int, clock: Callable[[], datetime]) -> None:
        super().__init__(store, "herald", self._step_once, clock, seconds)
        self._store, self._token, self._remind, self._clock = store, token, remind_seconds, clock

    def _step_once(self, leadership: Leadership) -> bool:
        with self._store.read() as connection:
            due, (known, fresh) = self._near(connection), self._fresh(connection)
        if due or fresh or not known:
            self._store.write_now(lambda c: self._tell(c, leadership, due))
        return False

    def _tell(self, connection: Connection, leadership: Leadership, due: list[dict[str, Any]]) -> None:
        leadership.require(connection)
        now = self._clock()
        notices.tell_once(connection, due, now)
        _, fresh = self._fresh(connection)
        for row in fresh:
            subject = {"job": row.job, "count": row.count, "newest_at": row.newest.isoformat()}
            notices.tell(connection, row.requester, "answers.submitted", subject, now)
        newest = max((row.newest for row in fresh), default=now - SETTLED)
        notices.move_cursor(connection, int(newest.timestamp() * 1_000_000), CURSOR)

    def _fresh(self, connection: Connection) -> tuple[bool, Sequence[Row[Any]]]:
        """Whether there was a look before, and what was answered since, by job. The cursor is an instant in microseconds; one that is
        still to come is of a clock that ran ahead: what was answered since that was set back is told, and a little of before again."""
        until, before = self._clock() - SETTLED, notices.cursor(connection, CURSOR)
        if before is None:
            return False, []
        since = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=before)
        if since - until > SKEW:
            return False, submissions.revealed_between(connection, until - MISSED, until)
        return True, submissions.revealed_between(connection, min(since, until), until)

    def _near(self, connection: Connection) -> list[dict[str, Any]]:
        """Reminders of what is near and wasn't told yet."""
        now = mirror.now(connection, self._clock().timestamp())
        found = [_reminder(one) for one in deadlines.before(connection, now, now + self._remind) if _is_near(one, now)]
        return [*notices.untold(connection, found), *spendable.ending(connection, self._token, now, now + self._remind)]


def _is_near(one: Deadline, now: int) -> bool:
    return one.until is not None and one.until - now <= (one.until - one.since) / 2


def _reminder(one: Deadline) -> dict[str, Any]:
    """A review's end moves with the oldest answer, so it is told once a day."""
    subject = {"job": one.job, "step": one.step, "slots": one.slots, "until": one.until}
    if one.subject != one.job:
        subject["appeal" if one.step == "defend" else "opening"] = one.subject
    turn = f":{(one.until or 0) // DAY_SECONDS}" if one.step == "review" else ""
    kind = "job.closing" if one.step == "close" else "deadline.near"
    return {"account": one.account, "kind": kind, "subject": subject, "fact": f"near:{one.step}:{one.subject}:{one.account}{turn}"}
