"""Qualifications by rule: what is known of a job's worker grants its requester's qualifications, or takes them back."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.postings import Job
from backend.store import consensus, gold, qualifications
from backend.store.database import Store
from piecework.domain.errors import Forbidden, Invalid, NotFound
from piecework.quality import gold as known
from piecework.quality.grants import Condition, Rule, grants

FACTS = ("gold_asked", "gold_right", "gold_right_share", "gold_doubt", "answers", "skill", "skill_low")
"""What is known of a worker in a job: known units asked and right, the share, P(accuracy < 0.7); answers, skill and its lower bound by the
last fit."""
MOST_RULES, MOST_CONDITIONS, MOST_VALUE = 20, 10, 100


class Rules:
    """Keeps jobs' rules.

    Args:
        store: where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def set(self, job: Job, said: Sequence[dict[str, Any]]) -> None:
        """Sets a job's rules; they hold for what comes in from now on.

        Raises:
            Invalid: a rule that can't be one; the sentence says why.
            Forbidden: a qualification is somebody else's.
            NotFound: there is no such qualification.
        """
        if len(said) > MOST_RULES:
            raise Invalid(f"A job has at most {MOST_RULES} rules.")
        for one in said:
            _rule(one)
            if not 0 <= one["value"] <= MOST_VALUE:
                raise Invalid(f"A qualification's value is 0 to {MOST_VALUE}.")

        def work(connection: Connection) -> None:
            for one in said:
                kind = qualifications.one(connection, one["qualification"])
                if kind is None:
                    raise NotFound(f"There is no qualification {one['qualification']}.")
                if kind.owner != job.requester:
                    raise Forbidden("Only a qualification's owner may have it granted.")
            gold.put_rules(connection, {"posting": job.number, "requester": job.requester, "rules": json.dumps(list(said))})

        await self._store.write(work)

    def of(self, job: Job) -> list[dict[str, Any]]:
        """A job's rules."""
        with self._store.read() as connection:
            row = gold.rules(connection, job.number)
        return [] if row is None else list(json.loads(row.rules))


def apply(connection: Connection, posting: int, workers: Iterable[str], now: datetime) -> None:
    """Grants and takes back what the job's rules say of these workers. What a person took back stays so."""
    row = gold.rules(connection, posting)
    if row is None:
        return
    rules = [_rule(one) for one in json.loads(row.rules)]
    for worker in sorted(set(workers)):
        for grant in grants(facts(connection, posting, worker), rules, int(now.timestamp())):
            _grant(connection, grant.qualification, worker, grant.value, grant.why, now)


def facts(connection: Connection, posting: int, worker: str) -> dict[str, float]:
    """What is known of a worker in a job; what nobody has measured isn't there."""
    rows = [row for row in gold.standing(connection, posting, worker) if row.said is not None]
    found = known.standing(sum(row.said == row.label for row in rows), len(rows))
    said = {"gold_asked": float(found.asked), "gold_right": float(found.right), "gold_doubt": found.doubt}
    if found.asked:
        said["gold_right_share"] = found.right / found.asked
    skill = consensus.skills(connection, posting, [worker]).get(worker)
    if skill is not None:
        said |= {"answers": float(skill.answers), "skill": skill.right, "skill_low": skill.low}
    return said


def _grant(connection: Connection, id: str, worker: str, value: int | None, why: str, now: datetime) -> None:
    before: Row[Any] | None = qualifications.granted(connection, id, worker)
    if value is None:
        if before is not None and before.revoked_at is None:
            qualifications.revoke(connection, id, worker, why, now)
    elif before is None or (before.revoked_at is None and before.value != value):
        qualifications.grant(connection, id, worker, value, None, now)


def _rule(said: dict[str, Any]) -> Rule:
    for one in said["conditions"]:
        if one["fact"] not in FACTS:
            raise Invalid(f"'{one['fact']}' is no fact about a worker; use one of {', '.join(FACTS)}.")
    if len(said["conditions"]) > MOST_CONDITIONS:
        raise Invalid(f"A rule has at most {MOST_CONDITIONS} conditions.")
    conditions = tuple(Condition(one["fact"], one["compare"], one["value"]) for one in said["conditions"])
    return Rule(said["name"], conditions, said["qualification"], said["value"], 0, said["revoke"])
