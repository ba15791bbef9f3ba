"""Jobs are found by what they say, pay and ask for, and only by whom they may be found; pages cost the same wherever they are."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert

from backend.services.lister import measured
from backend.services.listing import words
from backend.store import listings, postings
from backend.store.database import Store
from backend.store.listings import Wanted
from backend.store.tables import Assignment
from tests.backend.workshop import Works, call, new_key, posting, quick_job, sign_in

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADDRESS = "0x" + "11" * 20


def _job(connection: Connection, number: int, title: str = "", reward: int = 1) -> int:
    """A job that is listed, without anything on the chain."""
    digest = f"0x{number:064x}"
    row: dict[str, Any] = dict.fromkeys(("requester", "operator", "token", "coordinator", "arbitrator"), ADDRESS)
    row |= dict.fromkeys(("fee", "contest_deposit", "appeal_stake", "closes_at", "review_window", "appeal_window"), 1)
    row |= {"job": digest, "content_hash": digest, "salt": digest, "content": "x", "arbitrator_extra_data": "0x", "created_at": NOW}
    row |= {"manifest_length": 2, "units": 1, "slots": 1, "answers_per_worker": 1, "assignment_seconds": 60, "reward": reward}
    unit = {"position": 0, "first_slot": 0, "slots": 1, "leaf": digest, "content_offset": 0, "content_length": 2, "handed": 0, "free": 1}
    made = postings.add(connection, row, [unit])
    listed = {"posting": made, "template": "label", "ai_policy": "allowed", "reward": reward, "estimated_hourly": None}
    listings.add(connection, listed, words(title), NOW)
    return made


def _walk(store: Store, wanted: Wanted, lot: int) -> list[int]:
    """The numbers that all pages together show."""
    found, after = [], None
    while True:
        with store.read() as connection:
            rows = listings.page(connection, wanted, after, lot)
        if not rows:
            return found
        found += [row.number for row in rows]
        after = listings.place(rows[-1], wanted.sort)


def test_pages_in_every_order_show_each_job_once(store: Store) -> None:
    rewards = [10**30, 5, 5, 40, 5, 2**200, 7]
    numbers = [store.write_now(lambda c, n=n, r=r: _job(c, n, reward=r)) for n, r in enumerate(rewards)]
    store.write_now(lambda c: [listings.measure(c, n, {"hourly": 100 - r % 9}) for n, r in zip(numbers, rewards, strict=True)])
    by_reward = sorted(zip(rewards, numbers, strict=True), reverse=True)
    by_hourly = sorted(((100 - r % 9, n) for r, n in zip(rewards, numbers, strict=True)), reverse=True)
    for lot in (1, 2, 100):
        assert _walk(store, Wanted(), lot) == numbers
        assert _walk(store, Wanted(sort="newest"), lot) == numbers[::-1]
        assert _walk(store, Wanted(sort="reward"), lot) == [n for _, n in by_reward]
        assert _walk(store, Wanted(sort="hourly"), lot) == [n for _, n in by_hourly]
    assert _walk(store, Wanted(reward_min=7, reward_max=40), 2) == [numbers[3], numbers[6]]


def test_every_word_must_be_there_whatever_its_case(store: Store) -> None:
    first, second = (store.write_now(lambda c, at=at: _job(c, *at)) for at in ((1, "Straße: label BIRDS"), (2, "label cats")))
    for sort in (None, "newest", "reward", "hourly"):
        assert sorted(_walk(store, Wanted(words=words("Label"), sort=sort), 1)) == [first, second]
        assert _walk(store, Wanted(words=words("birds LABEL strasse"), sort=sort), 1) == [first]
        assert _walk(store, Wanted(words=words("bird"), sort=sort), 1) == []


def test_pages_far_behind_are_found_by_an_index(store: Store) -> None:
    store.write_now(lambda c: [_job(c, n, reward=n) for n in range(300)])
    for sort in ("newest", "reward", "hourly"):
        with store.read() as connection:
            statement, values = _statement(connection, sort)
            plans = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # so few rows would be sorted sooner than looked up
            plan = [row[-1] for row in connection.exec_driver_sql(plans + statement, values)]
            assert not [step for step in plan if "FOR ORDER BY" in step or "Sort " in step], (sort, plan)


def _statement(connection: Connection, sort: str) -> tuple[str, Any]:
    """What a page executes, as the driver is given it."""
    seen: list[tuple[str, Any]] = []

    def look(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        seen.append((statement, values))

    event.listen(connection.engine, "before_cursor_execute", look)
    try:
        listings.page(connection, Wanted(sort=sort), (5,) if sort == "newest" else (5, 5), 10)
    finally:
        event.remove(connection.engine, "before_cursor_execute", look)
    return seen[-1]


def test_the_pace_is_the_median_of_the_newest_answers(store: Store) -> None:
    made = store.write_now(lambda c: _job(c, 1, reward=50))

    def fill(connection: Connection) -> None:
        for n in range(300):
            began = NOW + timedelta(hours=n)
            took = timedelta(seconds=3_000 if n < 100 else 18 + n % 3)
            row = {"id": f"0x{n:032x}", "posting": made, "unit": 0, "slot": n, "worker": ADDRESS, "expires_at": began}
            state = ("committed", "revealed", "approved")[n % 3]
            connection.execute(insert(Assignment), row | {"state": state, "created_at": began, "committed_at": began + took})

    store.write_now(fill)
    with store.read() as connection:
        seconds = listings.newest_seconds(connection, made)
        due = listings.due(connection, NOW + timedelta(minutes=2))
    assert len(seconds) == 200 and max(seconds) == 20, "the slow ones are older"
    assert [row.number for row in due] == [made]
    pace = measured(seconds, due[0], NOW)
    assert (pace["answers"], pace["median_seconds"], pace["hourly"]) == (200, 19, 50 * 3_600 // 19)
    store.write_now(lambda c: listings.measure(c, made, pace))
    with store.read() as connection:
        assert not listings.due(connection, NOW + timedelta(minutes=59)) and listings.due(connection, NOW + timedelta(hours=1))
    closed = measured(seconds, SimpleNamespace(reward=50, estimated_hourly=None, closed=True), NOW)
    store.write_now(lambda c: listings.measure(c, made, closed))
    with store.read() as connection:
        assert not listings.due(connection, NOW + timedelta(days=900)), "a closed job isn't looked at again"


def test_a_worker_finds_what_it_may_take_and_nothing_that_is_hidden_from_it(running: Works) -> None:
    token, job = quick_job(running, [("x", 2)], title="Find the walrus")
    draft = call(running, "POST", "/v1/jobs", posting([("y", 1)], title="A walrus of nobody"), token).body
    stranger = sign_in(running, new_key())

    def ids(query: str, asker: str | None = None) -> list[str]:
        answer = call(running, "GET", f"/v1/jobs?{query}", token=asker)
        assert answer.status == 200, answer
        return [one["id"] for one in answer.body["items"]]

    assert ids("text=WALRUS") == [job["id"], draft["id"]] and ids("text=walrus%20nobody") == [draft["id"]]
    assert ids("text=walrus&state=open&reward_min=50000&ai_policy=allowed&template=label&sort=reward") == [job["id"]]
    assert ids("reward_min=50001") == [] and ids("hourly_min=1") == []
    assert ids("qualified=true", stranger) == [job["id"]] and ids("qualified=true", token) == []
    assert call(running, "GET", "/v1/jobs?qualified=true").status == 401
    assert call(running, "POST", f"/v1/jobs/{job['id']}/assignments", {}, stranger).status == 201
    assert ids("qualified=true", stranger) == [], "it has done the only unit"

    rule = {"qualification": "settled", "comparator": "GreaterThan", "values": [5], "guards": "discover"}
    running.write("UPDATE posting SET qualifications = :of WHERE job = :job", of=json.dumps([rule]), job=job["id"])
    assert ids("text=find") == [] == ids("text=find", stranger) and ids("text=find", token) == [job["id"]]
    rule["guards"] = "accept"
    running.write("UPDATE posting SET qualifications = :of WHERE job = :job", of=json.dumps([rule]), job=job["id"])
    assert ids("text=find") == [job["id"]] and ids("qualified=true", sign_in(running, new_key())) == []


def test_jobs_of_before_there_was_a_search_are_listed(running: Works) -> None:
    _, job = quick_job(running, [("x", 1)], title="Ancient")
    assert running.rows("SELECT 1 FROM job_word WHERE word = 'ancient'"), "listed with its description"
    running.stop("backend")
    for table in ("job_listing", "job_word", "job_pace"):
        running.write(f"DELETE FROM {table}")
    running.start("backend")
    running.until("SELECT 1 FROM job_word WHERE word = 'ancient'")
    view = call(running, "GET", f"/v1/jobs/{job['id']}").body
    assert (view["measured_answers"], view["median_seconds"], view["hourly"]) == (0, None, None)
    assert view["requester_record"]["paid"] >= 0


@pytest.mark.parametrize(
    "query",
    ["sort=best", "reward_min=1.5", "qualified=maybe", "text=%20%21", "cursor=5&sort=reward", "cursor=5-5", "ai_policy=x", "token=me"],
)
def test_a_search_that_cant_be_read_is_refused_in_a_sentence(market: Works, query: str) -> None:
    answer = call(market, "GET", f"/v1/jobs?{query}")
    assert answer.status == 422 and answer.body["detail"].endswith("."), answer
