"""Runs review policies: known answers at each submission, plurality each time that a HIT becomes reviewable. What they found and did is
kept as ListReviewPolicyResultsForHIT shows it. An answer that was reviewed by its requester first is left alone."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, text, update
from sqlmodel import col

from backend.mturk import events, hits, reviews, work
from backend.mturk.errors import PREFIX, RequestError
from backend.mturk.ids import assignment_id, new_id
from backend.mturk.policies import KnownAnswers, Plurality, PluralityResult, plurality, read_known, read_plurality
from backend.mturk.rounds import Waiting
from backend.mturk.service import MTurk
from backend.store.tables.mturk import MTurkHit, MTurkPart, MTurkReviewRun

DUE = Waiting(
    "the review of HIT",
    select(MTurkHit.id, MTurkHit.requester, MTurkHit.policies, MTurkHit.reviewed, MTurkHit.number)
    .where(text("mturk_hit.policies_due")),  # the words of its partial index
    col(MTurkHit.number),
)
"""HITs to which something has happened."""
_LOOKED_AT = update(MTurkHit).where(col(MTurkHit.id) == bindparam("b_id")).values(policies_due=False)
_SEEN = select(MTurkReviewRun.entry).where(
    col(MTurkReviewRun.hit) == bindparam("hit"),
    col(MTurkReviewRun.level) == bindparam("level"),
    col(MTurkReviewRun.kind) == "result",
)


def _is_reviewable(hit: hits.Hit) -> bool:
    return hit.status in ("Reviewable", "Reviewing")


def review(service: MTurk, connection: Connection, row: Row[Any], now: datetime) -> None:
    """Runs a HIT's policies: known answers score what they haven't scored, and plurality looks at what it hasn't seen of a HIT that is
    reviewable.

    Raises:
        RequestError: this version can't read them.
    """
    connection.execute(_LOOKED_AT, {"b_id": row.id})  # first: what happens from here on waits for this row, and makes it due again
    hit = hits.one(connection, row.requester, row.id, now)
    if hit.status == "Disposed":
        return
    submitted = work.of_hit(connection, row.id, list(work.STATES), None, 10_000)
    policies = json.loads(row.policies)
    known = read_known(policies["AssignmentReviewPolicy"]) if "AssignmentReviewPolicy" in policies else None
    scores = _score_known(service, connection, hit, known, submitted, now) if known else {}
    hit = hits.one(connection, row.requester, row.id, now)
    if len(submitted) == hit.row.reviewed or not _is_reviewable(hit):
        return
    hits.change(connection, row.id, reviewed=len(submitted), policies_due=False)
    if "HITReviewPolicy" in policies:
        _run_plurality(service, connection, hit, read_plurality(policies["HITReviewPolicy"]), scores, now)


# ------------------------------------------------------------------------------------------------ known answers


def _score_known(
    service: MTurk, connection: Connection, hit: hits.Hit, policy: KnownAnswers, submitted: Sequence[Row[Any]], now: datetime
) -> dict[str, int]:
    """Scores what isn't scored yet, and acts on it; the score of every assignment."""
    seen = {json.loads(entry)["SubjectId"] for entry in connection.execute(_SEEN, {"hit": hit.id, "level": "Assignment"}).scalars()}
    scores = {}
    for row in submitted:
        answers, subject = work.values(row.answer), assignment_id(row.id)
        scores[row.id] = policy.score(answers)
        if subject not in seen:
            _note_known(connection, hit.id, policy, answers, subject, scores[row.id], now)
            _act_on_known(service, connection, hit, policy, row, scores[row.id], now)
    return scores


def _note_known(
    connection: Connection, hit: str, policy: KnownAnswers, answers: Mapping[str, frozenset[str]], subject: str, score: int, now: datetime
) -> None:
    for question in policy.key:
        right = "1" if policy.is_right(question, answers) else "0"
        _result(connection, hit, "Assignment", subject, "Assignment", "KnownAnswerCorrect", right, now, question)
    _result(connection, hit, "Assignment", subject, "Assignment", "KnownAnswerScore", str(score), now)


def _act_on_known(
    service: MTurk, connection: Connection, hit: hits.Hit, policy: KnownAnswers, row: Row[Any], score: int, now: datetime
) -> None:
    approve, reject, extend = policy.verdict(score)
    if approve:
        _decide(connection, hit, "Assignment", row, "approve", policy.approve_reason, now)
    if reject:
        _decide(connection, hit, "Assignment", row, "reject", policy.reject_reason, now)
    if extend and policy.extension is not None:
        _extend(service, connection, hit, "Assignment", policy.extension.most, policy.extension.seconds, now)


# ------------------------------------------------------------------------------------------------ plurality


def _run_plurality(
    service: MTurk, connection: Connection, hit: hits.Hit, policy: Plurality, scores: Mapping[str, int], now: datetime
) -> None:
    rows = {assignment_id(row.id): row for row in work.of_hit(connection, hit.id, list(work.STATES), None, 10_000) if _counts(policy, row, scores)}
    result = plurality(policy, {id: work.values(row.answer) for id, row in rows.items()})
    _note_plurality(connection, hit.id, result, now)
    for id, (score, _, _) in result.workers.items():
        if score is None:
            continue
        if policy.approve_at is not None and score >= policy.approve_at:
            _decide(connection, hit, "HIT", rows[id], "approve", "", now)
        elif policy.reject_below is not None and score < policy.reject_below:
            _decide(connection, hit, "HIT", rows[id], "reject", policy.reject_reason, now)
    low = policy.extend_below is not None and result.hit_score is not None and result.hit_score < policy.extend_below
    if low and policy.extension is not None:
        _extend(service, connection, hit, "HIT", policy.extension.most, policy.extension.seconds, now)


def _counts(policy: Plurality, row: Row[Any], scores: Mapping[str, int]) -> bool:
    if policy.disregard_rejected and row.state == "rejected":
        return False
    least = policy.disregard_known_below
    return least is None or scores.get(row.id, 100) >= least


def _note_plurality(connection: Connection, hit: str, result: PluralityResult, now: datetime) -> None:
    for question, one in result.questions.items():
        if one.answer is None:
            continue
        found = {
            "AgreedAnswerFound": "true" if one.agreed else "false",
            "AnswerAgreementScore": str(one.score),
        } | ({"AgreedAnswer": "|".join(sorted(one.answer))} if one.agreed else {})
        for key, value in found.items():
            _result(connection, hit, "HIT", hit, "HIT", key, value, now, question)
    if result.hit_score is not None:
        _result(connection, hit, "HIT", hit, "HIT", "HitAgreementScore", str(result.hit_score), now)
    for id, (score, right, wrong) in result.workers.items():
        if score is not None:
            _result(connection, hit, "HIT", id, "Assignment", "WorkerAgreementScore", str(score), now)
            _result(connection, hit, "HIT", id, "Assignment", "PluralityAnswersCorrect", str(right), now)
            _result(connection, hit, "HIT", id, "Assignment", "PluralityAnswersIncorrect", str(wrong), now)


# ------------------------------------------------------------------------------------------------ acting


def _decide(
    connection: Connection, hit: hits.Hit, level: str, row: Row[Any], action: str, reason: str, now: datetime
) -> None:
    """Approves or rejects, if the answer still waits for it; approving what is approved succeeds, other ways fail and are noted."""
    done = {"approve": ("approved", "batched"), "reject": ("rejected",)}[action]
    status, code = "Succeeded", None
    if row.state == "revealed":
        try:
            with connection.begin_nested():  # a decision that isn't allowed leaves nothing, and is shown as failed
                (reviews.approve if action == "approve" else reviews.reject)(connection, row, reason, now, hit.row.requester)
        except RequestError as error:
            _action(connection, hit.id, level, action, assignment_id(row.id), "Assignment", "Failed", f"{PREFIX}{error.code}", now)
            return
        kind = "AssignmentApproved" if action == "approve" else "AssignmentRejected"
        events.hit(connection, kind, hit.id, hit.row.hit_type, now, assignment_id(row.id))
    elif row.state not in done:
        status, code = "Failed", f"{PREFIX}InvalidAssignmentState"
    _action(connection, hit.id, level, action, assignment_id(row.id), "Assignment", status, code, now)


def _extend(
    service: MTurk, connection: Connection, hit: hits.Hit, level: str, most: int, seconds: int, now: datetime
) -> None:
    """One more assignment, if the cap and the money allow it."""
    current = hits.one(connection, hit.row.requester, hit.id, now)
    if current.row.most_assignments >= most:
        return
    status, code = "Succeeded", None
    try:
        if current.row.most_assignments + 1 == 10:
            raise RequestError("InvalidMaximumAssignmentsIncrease", "HITs of fewer than 10 assignments can't grow to 10.")
        cost = service.funds.cost(connection, current.row.reward_cents, 1)
        operator = _operator(connection, hit.id)
        service.funds.need(connection, hit.row.requester, operator, cost, now)
        until = max(current.row.expires_at, now + timedelta(seconds=seconds))
        hits.change(connection, hit.id, most_assignments=current.row.most_assignments + 1, expires_at=until, offered=until > now)
        hits.add_part(connection, current.row, 1, operator, now)
        hits.mark_anew(connection, hit.id, now)
        events.hit(connection, "HITExtended", hit.id, current.row.hit_type, now)
    except RequestError as error:
        status, code = "Failed", f"{PREFIX}{error.code}"
    _action(connection, hit.id, level, "extend", hit.id, "HIT", status, code, now)


def _operator(connection: Connection, hit: str) -> str:
    statement = select(MTurkPart.operator).where(col(MTurkPart.hit) == hit).order_by(col(MTurkPart.id).desc()).limit(1)
    return str(connection.execute(statement).scalar_one())


def _result(
    connection: Connection, hit: str, level: str, subject: str, kind: str, key: str, value: str, now: datetime, question: str | None = None
) -> None:
    entry = {"ActionId": new_id(), "SubjectId": subject, "SubjectType": kind, "Key": key, "Value": value}
    if question is not None:
        entry["QuestionId"] = question
    _keep(connection, hit, level, "result", entry, now)


def _action(
    connection: Connection, hit: str, level: str, name: str, target: str, kind: str, status: str, code: str | None, now: datetime
) -> None:
    entry = {
        "ActionId": new_id(),
        "ActionName": name,
        "TargetId": target,
        "TargetType": kind,
        "Status": status,
        "CompleteTime": now.timestamp(),
    } | ({"ErrorCode": code} if code else {})
    _keep(connection, hit, level, "action", entry, now)


def _keep(connection: Connection, hit: str, level: str, kind: str, entry: dict[str, Any], now: datetime) -> None:
    row = {"hit": hit, "level": level, "kind": kind, "entry": json.dumps(entry), "created_at": now}
    connection.execute(insert(MTurkReviewRun), row)
