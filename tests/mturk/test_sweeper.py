"""What happens to HITs by itself reaches every HIT: what can't be done hides nothing behind it, and isn't tried again and again."""

import asyncio
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from backend.mturk.policies import KNOWN
from backend.mturk.rounds import AT_ONCE
from backend.services.fairness import LEAST_REVIEWS
from piecework.client import Market, Worker
from piecework.sql import open_engine
from tests.backend.workshop import call, new_key, sign_in
from tests.mturk.conftest import HIT, Turk
from tests.mturk.test_people import policy

COPIES = AT_ONCE + 1
_COLUMNS = "requester, access_key_id, hit_type, question, most_assignments, reviewing, offered, reviewed, expires_at, created_at, policies, policies_due"
_PARTS = "requester, hit_type, slots, operator, posting, position, settled, withdrawn, cancelled, created_at"


@contextmanager
def copies(asker: Turk, hit: str) -> Iterator[str]:
    """So many more HITs just like one, down to its assignments; a pattern for their ids."""
    mark, running = secrets.token_hex(4).upper(), asker.running
    ids = f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {COPIES - 1}) SELECT '3COPY{mark}N' || i"
    running.write(f"INSERT INTO mturk_hit (id, {_COLUMNS}) {ids}, {_COLUMNS} FROM n, mturk_hit WHERE id = :hit", hit=hit)
    running.write(f"INSERT INTO mturk_part (hit, {_PARTS}) {ids}, {_PARTS} FROM n, mturk_part WHERE hit = :hit", hit=hit)
    try:
        yield f"3COPY{mark}N%"
    finally:
        for table, name in (("mturk_part", "hit"), ("mturk_hit", "id")):
            running.write(f"DELETE FROM {table} WHERE {name} LIKE :like", like=f"3COPY{mark}N%")


def end(asker: Turk, hit: str, days: int) -> None:
    """Sets a HIT's end to so many days ago, in the form in which the database has times."""
    at = f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d %H:%M:%S.%f}"
    zone = "" if asker.running.database_url.startswith("sqlite") else "+00:00"
    asker.running.write("UPDATE mturk_hit SET expires_at = :at WHERE id = :hit", at=at + zone, hit=hit)


def known_answer(**parameters: str) -> dict[str, Any]:
    """Known answers: the question q is answered with yes."""
    given = policy(KNOWN, **parameters)
    given["Parameters"].append({"Key": "AnswerKey", "MapEntries": [{"Key": "q", "Values": ["yes"]}]})
    return given


def statuses(asker: Turk, hit: str) -> list[str]:
    found = asker.client().list_assignments_for_hit(HITId=hit, MaxResults=100)["Assignments"]
    return sorted(one["AssignmentStatus"] for one in found)


def test_hits_that_cannot_be_disposed_of_yet_hide_none(asker: Turk) -> None:
    client, running = asker.client(), asker.running
    waits, ends = (client.create_hit(**HIT)["HIT"]["HITId"] for _ in range(2))
    asker.do(waits, new_key())
    for hit in (waits, ends):
        asker.job_of(hit)
        client.update_expiration_for_hit(HITId=hit, ExpireAt=0)
    end(asker, waits, 130)
    with copies(asker, waits):
        end(asker, ends, 121)
        asker.until(lambda: client.get_hit(HITId=ends)["HIT"]["HITStatus"] == "Disposed", 90)
        assert client.get_hit(HITId=waits)["HIT"]["HITStatus"] == "Reviewable", "its answer isn't reviewed yet"


def test_review_policies_that_fail_hide_none_and_pause(asker: Turk) -> None:
    client, running = asker.client(), asker.running
    broken = client.create_hit(**HIT, AssignmentReviewPolicy=known_answer())["HIT"]["HITId"]
    asker.do(broken, new_key())
    running.until("SELECT 1 FROM mturk_hit WHERE id = :hit AND NOT policies_due", hit=broken)
    unreadable = '{"AssignmentReviewPolicy": {"PolicyName": "of another time"}}'
    running.write("UPDATE mturk_hit SET policies = :policies WHERE id = :hit", policies=unreadable, hit=broken)
    with copies(asker, broken) as like:
        running.write("UPDATE mturk_hit SET policies_due = true WHERE id LIKE :like", like=like)
        good = client.create_hit(**HIT, AssignmentReviewPolicy=known_answer(ApproveIfKnownAnswerScoreIsAtLeast="100"))["HIT"]["HITId"]
        asker.do(good, new_key())
        asker.until(lambda: statuses(asker, good) == ["Approved"], 90)
        first = like.replace("%", "0")
        asker.until(lambda: first in running.log)
        asyncio.run(asyncio.sleep(3))  # half a dozen looks
        assert running.log.count(first) == 1, "what failed is left alone for a while"
        assert "Traceback" not in running.log


def test_a_policy_that_would_reject_too_much_says_so_and_stops_no_other(asker: Turk) -> None:
    """Rejections of more than half of a job's reviews wait until somebody has looked: the policy's action fails, and is shown as failed."""
    client, people = asker.client(), [new_key() for _ in range(LEAST_REVIEWS)]
    strict = known_answer(RejectIfKnownAnswerScoreIsLessThan="50", RejectReason="Wrong")
    hit = client.create_hit(**HIT | {"Title": "Hard"}, MaxAssignments=len(people), AssignmentReviewPolicy=strict)["HIT"]["HITId"]
    job, position = asker.job_of(hit), asker.position_of(hit)

    async def answer() -> None:
        async with Market(asker.running.url) as market:
            view = await market.get(f"/v1/jobs/{job}")
            for key in people:
                person = await Worker.sign_in(market, key)
                await person.answer(view, await person.take(job, position), {"fields": [["q", "no"]]}, secrets.token_bytes(32))

    asyncio.run(answer())

    def actions() -> list[tuple[str, str]]:
        found: list[Any] = []
        for kind in client.list_review_policy_results_for_hit(HITId=hit, MaxResults=100, RetrieveResults=False)["AssignmentReviewReport"]["ReviewActions"]:
            found.append((kind["Status"], kind.get("ErrorCode", "")))
        return found

    asker.until(lambda: len(actions()) == LEAST_REVIEWS, 90)
    done = [("Succeeded", "")] * (LEAST_REVIEWS - 1)
    assert sorted(actions(), reverse=True) == [*done, ("Failed", "AWS.MechanicalTurk.InvalidAssignmentState")]
    assert statuses(asker, hit) == ["Rejected"] * (LEAST_REVIEWS - 1) + ["Submitted"]
    assert "Traceback" not in asker.running.log


def test_a_slot_that_is_returned_while_its_hit_is_offered_again_is_offered(asker: Turk) -> None:
    """Two processes: one moves the HIT's end while the other takes a slot back that it believes to be nobody's any more."""
    running, client = asker.running, asker.client()
    if running.database_url.startswith("sqlite"):
        return  # where one writes at a time
    holder = new_key()
    hit = client.create_hit(**HIT)["HIT"]["HITId"]
    taken = asker.accept(hit, holder)
    client.update_expiration_for_hit(HITId=hit, ExpireAt=0)
    token, engine = sign_in(running, holder), open_engine(running.database_url)
    with ThreadPoolExecutor(1) as aside:
        with engine.begin() as other:
            other.execute(text("SELECT 1 FROM mturk_part WHERE hit = :hit FOR UPDATE"), {"hit": hit})
            returned = aside.submit(call, running, "POST", f"/v1/assignments/{taken}/return", {}, token)
            running.until("SELECT 1 FROM pg_locks WHERE NOT granted", 10)
            again = text("UPDATE mturk_hit SET offered = true, expires_at = expires_at + interval '1 hour' WHERE id = :hit")
            other.execute(again, {"hit": hit})
        assert returned.result().status == 200
    engine.dispose()
    assert running.rows("SELECT withdrawn, cancelled FROM mturk_part WHERE hit = :hit", hit=hit)[0] == (0, 0)
    assert client.get_hit(HITId=hit)["HIT"]["HITStatus"] == "Assignable"
    asker.do(hit, new_key())
