"""Peer review: the texts that people wrote in one job are looked at by other people in a job of its own, paid as any work is.

Its units are the answers, its labels what can be said of one. Whoever wrote any of them has the requester's qualification that says so, and the
job takes nobody who has it: so nobody reviews its own text, and nobody that of somebody who may be reviewing its own.
"""

import json
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.canaries import TEXTS
from backend.services.postings import Draft, Job, Postings
from backend.services.qualifications import Qualifications
from backend.store import fairness
from backend.store.database import Store
from piecework.domain.errors import Conflict, Invalid

MOST_TEXTS, MOST_REVIEWS = 10_000, 100
COUNTING = ("revealed", "approved", "batched")
"""States of answers that are reviewed: not those that are rejected."""


class PeerReviews:
    """Chains jobs.

    Args:
        store: where answers are.
        jobs, qualifications: describe the review, and keep who wrote what away from it.
    """

    def __init__(self, store: Store, jobs: Postings, qualifications: Qualifications) -> None:
        self._store, self._jobs, self._qualifications = store, jobs, qualifications

    async def describe(self, job: Job, each: int, draft: Draft) -> tuple[str, bool]:
        """Describes the job that reviews the texts of another one as they are now; returns its id and whether it is new.

        Args:
            job: whose answers are texts; the caller has checked that it is the requester's.
            each: reviews a text.
            draft: the review's terms; its units and its qualifications come from here.

        Raises:
            Conflict: the job's answers are no texts, there are none, or too many.
            Invalid: the draft breaks a rule.
        """
        if not 1 <= each <= MOST_REVIEWS:
            raise Invalid(f"reviews is how many people look at each text, 1 to {MOST_REVIEWS}.")
        if self._jobs.manifest(self._jobs.row(job.id))["template"] not in TEXTS:
            raise Conflict(f"Peers review texts: answers to jobs of the templates {', '.join(TEXTS)}.")
        with self._store.read() as connection:
            answers = _answers(connection, job.number)
        if not answers:
            raise Conflict("Nobody has written anything in this job yet.")
        units = [({"source": json.loads(row.answer), "prompt": draft.instructions, "answer": row.id}, each) for row in answers]
        draft = replace(draft, units=units)
        for _, sentence in await self._jobs.all_faults(draft):  # before anybody is given anything
            raise Invalid(sentence)
        kind = await self._qualifications.hold(job.requester, f"Wrote in job {job.id}", sorted({row.worker for row in answers}))
        stranger = {"qualification": kind, "comparator": "DoesNotExist", "values": [], "guards": "preview"}
        policies = replace(draft.policies, qualifications=[*draft.policies.qualifications, stranger])
        return await self._jobs.describe(job.requester, replace(draft, policies=policies))


def _answers(connection: Connection, posting: int) -> list[Row[Any]]:
    found: list[Row[Any]] = []
    for state in COUNTING:
        cursor = ""
        while rows := fairness.texts(connection, posting, state, cursor):
            found += rows
            cursor = rows[-1].id
            if len(found) > MOST_TEXTS:
                raise Conflict(f"At most {MOST_TEXTS:,} texts are reviewed at once; this job has more.")
    return sorted((row for row in found if isinstance(json.loads(row.answer), str)), key=lambda row: str(row.id))
