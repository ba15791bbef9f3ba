"""What review policies found and did."""

import json
from asyncio import to_thread
from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel import col

from backend.mturk import hits
from backend.mturk.calls import Answer, Call
from backend.mturk.service import MTurk
from backend.store.tables.mturk import MTurkReviewRun

PAGE = 10
_POLICIES = {"Assignment": "AssignmentReviewPolicy", "HIT": "HITReviewPolicy"}
_RUNS = (
    select(MTurkReviewRun)
    .where(
        col(MTurkReviewRun.hit) == bindparam("of"),
        col(MTurkReviewRun.number) > bindparam("after"),
        col(MTurkReviewRun.level).in_(bindparam("levels", expanding=True)),
        col(MTurkReviewRun.kind).in_(bindparam("kinds", expanding=True)),
    )
    .order_by(col(MTurkReviewRun.number))
    .limit(bindparam("most"))
)


async def list_results(service: MTurk, call: Call) -> Answer:
    """Results and actions of a HIT's review policies, in the order in which they came."""
    return await to_thread(_list, service, call)


def _list(service: MTurk, call: Call) -> Answer:
    given, most = call.given, call.given.get("MaxResults", PAGE)
    levels = given.get("PolicyLevels") or list(_POLICIES)
    kinds = [kind for kind, name in (("action", "RetrieveActions"), ("result", "RetrieveResults")) if given.get(name, True)]
    question = {"HITId": given["HITId"], "levels": sorted(levels), "kinds": kinds}
    token = service.tokens.read(call.requester, call.operation, question, given.get("NextToken"))
    with service.store.read() as connection:
        hit = hits.one(connection, call.requester, given["HITId"], call.now)
        values = {"of": hit.id, "after": int(token or 0), "levels": levels, "kinds": kinds, "most": most + 1}
        rows = connection.execute(_RUNS, values).all() if kinds else []
    answer: Answer = {"HITId": hit.id}
    for level in levels:
        policy = json.loads(hit.row.policies or "{}").get(_POLICIES[level])
        if policy is not None:
            answer[_POLICIES[level]] = policy
            answer[_POLICIES[level].replace("Policy", "Report")] = _report([row for row in rows[:most] if row.level == level])
    if rows:
        answer["NextToken"] = service.tokens.make(call.requester, call.operation, question, str(rows[:most][-1].number))
    return answer


def _report(rows: list[Any]) -> dict[str, Any]:
    return {
        "ReviewResults": [json.loads(row.entry) for row in rows if row.kind == "result"],
        "ReviewActions": [json.loads(row.entry) for row in rows if row.kind == "action"],
    }


OPERATIONS = {"ListReviewPolicyResultsForHIT": list_results}
