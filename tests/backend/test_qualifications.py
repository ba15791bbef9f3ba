"""Qualifications: who grants them, who asks for them, and whom a job lets in."""

import json
from typing import Any

import pytest

from piecework.domain.typed_data import Key
from piecework.sql import open_engine
from tests.backend.workshop import Works, call, new_key, quick_job, sign_in

MINE = {"name": "Knows birds", "description": "Tells a jay from a bluebird."}


def made(market: Works, owner: str, **changed: Any) -> str:
    """A kind of qualification of its own name; its id."""
    body = MINE | {"name": f"Knows birds {new_key().address}"} | changed
    answer = call(market, "POST", "/v1/qualifications", body, owner)
    assert answer.status == 201, answer
    return str(answer.body["id"])


def asking(market: Works, job: str, **requirement: Any) -> None:
    """Has a job ask for a qualification, as its row does."""
    engine = open_engine(market.database_url)
    with engine.begin() as connection:
        values = (json.dumps([requirement]), job)
        connection.exec_driver_sql("UPDATE posting SET qualifications = ? WHERE job = ?", values)
    engine.dispose()


def granted(market: Works, owner: str, kind: str, key: Key, **value: Any) -> int:
    return call(market, "PUT", f"/v1/qualifications/{kind}/grants/{key.address}", value, owner).status


@pytest.mark.parametrize(
    ("comparator", "values", "low", "high"), [("GreaterThanOrEqualTo", [90], 403, 201), ("LessThan", [90], 201, 403)]
)
def test_a_job_lets_in_whose_value_fits(market: Works, comparator: str, values: list[int], low: int, high: int) -> None:
    owner, job = quick_job(market, [("x", 5)])
    kind, (bad, good, none) = made(market, owner), [new_key() for _ in range(3)]
    asking(market, job["id"], qualification=kind, comparator=comparator, values=values)
    assert [granted(market, owner, kind, bad, value=89), granted(market, owner, kind, good, value=90)] == [204, 204]
    path = f"/v1/jobs/{job['id']}/assignments"
    answers = [call(market, "POST", path, {}, sign_in(market, key)) for key in (bad, good, none)]
    assert [answer.status for answer in answers] == [low, high, 403]
    assert kind in answers[2].body["detail"], "the sentence names what is lacking"


def test_what_was_revoked_opens_no_door_and_its_worker_sees_why(market: Works) -> None:
    owner, job = quick_job(market, [("x", 5), ("y", 5)])
    kind, key = made(market, owner), new_key()
    asking(market, job["id"], qualification=kind, comparator="Exists", guards="preview")
    token = sign_in(market, key)
    assert call(market, "GET", f"/v1/jobs/{job['id']}/preview", token=token).status == 403
    granted(market, owner, kind, key, locale="US-PA")
    assert call(market, "GET", f"/v1/jobs/{job['id']}/preview", token=token).status == 200
    assert call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, token).status == 201
    gone = call(market, "DELETE", f"/v1/qualifications/{kind}/grants/{key.address}?reason=asleep", token=owner)
    assert gone.status == 204
    assert call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, token).status == 403
    (held,) = call(market, "GET", "/v1/qualifications/held", token=token).body["items"]
    assert (held["qualification"], held["reason"], held["locale"]) == (kind, "asleep", "US-PA") and held["revoked_at"]


def test_nobody_but_the_owner_grants_revokes_lists_refuses_or_retires(market: Works) -> None:
    owner, stranger, key = sign_in(market, new_key()), sign_in(market, new_key()), new_key()
    kind = made(market, owner)
    path = f"/v1/qualifications/{kind}"
    for method, rest, body in (
        ("PUT", f"/grants/{key.address}", {"value": 1}),
        ("DELETE", f"/grants/{key.address}", None),
        ("GET", "/grants", None),
        ("GET", "/requests", None),
        ("POST", f"/requests/{key.address}/refuse", {}),
        ("DELETE", "", None),
    ):
        assert call(market, method, path + rest, body, stranger).status == 403, (method, rest)
        assert call(market, method, path + rest, body).status == 401, (method, rest)


def test_a_request_waits_is_refused_once_and_granted(market: Works) -> None:
    owner, key = sign_in(market, new_key()), new_key()
    token, kind = sign_in(market, key), made(market, owner, retry_seconds=0)
    path = f"/v1/qualifications/{kind}/requests"
    for _ in range(2):
        assert call(market, "POST", path, {"answer": "I watch birds."}, token).body == {"state": "pending"}
    assert [item["answer"] for item in call(market, "GET", path, token=owner).body["items"]] == ["I watch birds."]
    assert call(market, "POST", f"{path}/{key.address}/refuse", {"reason": "Which?"}, owner).status == 204
    assert call(market, "GET", path, token=owner).body["items"] == []
    assert call(market, "POST", path, {"answer": "Jays."}, token).body == {"state": "pending"}
    assert granted(market, owner, kind, key, value=50) == 204
    assert call(market, "GET", path, token=owner).body["items"] == []
    assert call(market, "POST", path, {}, token).body == {"state": "granted"}
    once = made(market, owner)
    call(market, "POST", f"/v1/qualifications/{once}/requests", {}, token)
    call(market, "POST", f"/v1/qualifications/{once}/requests/{key.address}/refuse", {}, owner)
    assert call(market, "POST", f"/v1/qualifications/{once}/requests", {}, token).status == 409


def test_who_asks_for_an_automatic_one_has_it_at_once(market: Works) -> None:
    owner, key = sign_in(market, new_key()), new_key()
    kind = made(market, owner, auto_value=70)
    assert call(market, "POST", f"/v1/qualifications/{kind}/requests", {}, sign_in(market, key)).body == {"state": "granted"}
    (grant,) = call(market, "GET", f"/v1/qualifications/{kind}/grants", token=owner).body["items"]
    assert (grant["account"], grant["value"]) == (key.address, 70)


def test_a_name_is_its_owners_once_and_free_when_it_is_retired(market: Works) -> None:
    owner = sign_in(market, new_key())
    kind = made(market, owner, name="Twice")
    assert call(market, "POST", "/v1/qualifications", MINE | {"name": "Twice"}, owner).status == 409
    assert call(market, "DELETE", f"/v1/qualifications/{kind}", token=owner).status == 204
    assert call(market, "GET", f"/v1/qualifications/{kind}").status == 404
    assert made(market, owner, name="Twice") != kind


@pytest.mark.parametrize("body", [{}, {"value": 101}, {"value": -1}, {"value": 1, "locale": "US"}, {"locale": "usa"}])
def test_a_grant_is_a_value_or_a_locale(market: Works, body: dict[str, Any]) -> None:
    owner = sign_in(market, new_key())
    assert granted(market, owner, made(market, owner), new_key(), **body) == 422


def test_the_chain_says_how_much_a_worker_was_paid_for(market: Works) -> None:
    _, job = quick_job(market, [("x", 5)])
    asking(market, job["id"], qualification="settled", comparator="GreaterThan", values=[0])
    refused = call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, sign_in(market, new_key()))
    assert refused.status == 403 and "settled GreaterThan 0" in refused.body["detail"]
    _, other = quick_job(market, [("x", 5)])
    asking(market, other["id"], qualification="approval_rate", comparator="EqualTo", values=[100])
    assert call(market, "POST", f"/v1/jobs/{other['id']}/assignments", {}, sign_in(market, new_key())).status == 201
