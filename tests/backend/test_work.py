"""Beside answering: previews, drafts, the next unit with the answer to the last, limits, and what was given back."""

from piecework.sql import open_engine
from tests.backend.test_answers import SALT, taken
from tests.backend.workshop import Works, call, new_key, promised, quick_job, sign_in


def test_a_preview_shows_what_accepting_would_give_and_reserves_nothing(market: Works) -> None:
    _, job = quick_job(market, [("x", 1), ("y", 1)])
    path, token = f"/v1/jobs/{job['id']}", sign_in(market, new_key())
    for _ in range(2):
        shown = call(market, "GET", f"{path}/preview", token=token).body
        assert (shown["unit"], shown["content"]) == (0, "x")
    assert call(market, "GET", path).body["slot_counts"]["free"] == 2
    first = call(market, "POST", f"{path}/assignments", {}, token).body
    assert (first["unit"], first["content"]) == (0, "x")
    assert call(market, "GET", f"{path}/preview", token=token).body["unit"] == 1
    assert call(market, "GET", f"{path}/preview").status == 401


def test_a_draft_is_its_workers_alone_and_gone_after_the_reveal(market: Works) -> None:
    asker, job = quick_job(market, [("x", 1)])
    key = new_key()
    token, item = taken(market, job, key)
    path = f"/v1/assignments/{item['id']}"
    assert call(market, "GET", f"{path}/draft", token=token).status == 404
    for draft in ({"label": "a"}, {"label": "b", "n": 1.5}):
        assert call(market, "PUT", f"{path}/draft", {"draft": draft}, token).status == 200
        assert call(market, "GET", f"{path}/draft", token=token).body["draft"] == draft
    for other in (asker, sign_in(market, new_key())):
        assert call(market, "GET", f"{path}/draft", token=other).status == 404
        assert call(market, "PUT", f"{path}/draft", {"draft": 1}, other).status == 404
    large = call(market, "PUT", f"{path}/draft", {"draft": "x" * 262_144}, token)
    assert large.status == 422 and "262144 bytes" in large.body["detail"]
    hashed = promised(job["id"], item["slot"], key.address, SALT, "a")
    call(market, "POST", f"{path}/commit", {"commitment": hashed}, token)
    assert call(market, "GET", f"{path}/draft", token=token).status == 200
    assert call(market, "POST", f"{path}/reveal", {"answer": "a", "salt": "0x" + SALT.hex()}, token).status == 200
    assert call(market, "GET", f"{path}/draft", token=token).status == 404
    assert call(market, "PUT", f"{path}/draft", {"draft": 1}, token).status == 409
    assert market.rows("SELECT 1 FROM answer_draft WHERE assignment = :id", id=item["id"]) == []


def test_an_answer_brings_the_next_assignment_or_says_why_none(market: Works) -> None:
    _, job = quick_job(market, [("x", 1), ("y", 1)])
    key = new_key()
    token, item = taken(market, job, key)
    for following in (1, None):
        hashed = promised(job["id"], item["slot"], key.address, SALT, "a")
        call(market, "POST", f"/v1/assignments/{item['id']}/commit", {"commitment": hashed}, token)
        body = {"answer": "a", "salt": "0x" + SALT.hex(), "next": True}
        answer = call(market, "POST", f"/v1/assignments/{item['id']}/reveal", body, token).body
        assert answer["state"] == "revealed" and (answer["next"] and answer["next"]["unit"]) == following
        item = answer["next"]
    assert "no unit left" in answer["nothing_next"]


def test_what_is_returned_or_abandoned_is_counted_and_goes_first_to_the_next(market: Works) -> None:
    _, job = quick_job(market, [("x", 1), ("y", 1), ("z", 1)], assignment_seconds=2)
    token, second = (sign_in(market, new_key()) for _ in range(2))  # before the clock runs
    item, ahead = (call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, of).body for of in (token, second))
    market.until("SELECT 1 FROM assignment WHERE id = :id AND state = 'expired'", seconds=20, id=item["id"])
    record = call(market, "GET", f"/v1/record?job={job['id']}", token=token).body
    assert (record["held"], record["returned"], record["abandoned"]) == (0, 0, 1) and 2 <= record["lost_seconds"] <= 5
    again = call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, token).body
    assert again["unit"] == 0, "what was given back lacks least"
    assert call(market, "POST", f"/v1/assignments/{again['id']}/return", token=token).body["state"] == "returned"
    assert call(market, "GET", "/v1/record", token=token).body["returned"] == 1
    other, next_one = taken(market, job, new_key())
    assert next_one["unit"] == 0 and ahead["unit"] == 1


def test_a_worker_takes_no_more_than_the_jobs_limit_and_what_it_returns_counts_no_more(running: Works) -> None:
    _, job = quick_job(running, [(n, 2) for n in range(4)])
    engine = open_engine(running.database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE posting SET per_worker_limit = 2")
    engine.dispose()
    token, path = sign_in(running, new_key()), f"/v1/jobs/{job['id']}/assignments"
    first, second, third = (call(running, "POST", path, {}, token) for _ in range(3))
    assert [first.status, second.status, third.status] == [201, 201, 409] and "at most 2" in third.body["detail"]
    call(running, "POST", f"/v1/assignments/{first.body['id']}/return", token=token)
    assert call(running, "POST", path, {}, token).status == 201
    assert call(running, "POST", path, {}, sign_in(running, new_key())).status == 201
