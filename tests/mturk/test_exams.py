"""Qualification tests are taken through /v1 and scored by their keys; layouts are made there and used by HITs."""

from typing import Any

from backend.mturk.ids import id_of_assignment, worker_id
from piecework.domain.typed_data import Key
from tests.backend.workshop import Answer, call, new_key, sign_in
from tests.mturk.conftest import HIT, Turk
from tests.mturk.test_life import refused
from tests.mturk.test_people import TEST, qualification
from tests.mturk.test_scoring import KEY


def path(id: str) -> str:
    return f"/v1/qualifications/{id_of_assignment(id)}/test"


def take(asker: Turk, id: str, token: str, opened: str, **answers: list[str]) -> Answer:
    given = {name: {"selections": chosen} for name, chosen in answers.items()}
    return call(asker.running, "POST", path(id), {"opened": opened, "answers": given}, token)


def test_a_test_is_scored_by_its_key(asker: Turk, worker: Key) -> None:
    client, token = asker.client(), sign_in(asker.running, worker)
    id = qualification(client, "Scored", Test=TEST, AnswerKey=KEY % "", TestDurationInSeconds=60)
    shown: dict[str, Any] = call(asker.running, "GET", path(id), token=token).body
    assert [one["name"] for one in shown["questions"]] == ["one", "two"] and shown["seconds"] == 60 and "AnswerKey" not in str(shown)
    assert [name for name, _ in shown["questions"][0]["selections"]] == ["a", "b"]
    wrong = take(asker, id, token, shown["opened"], one=["z"])
    assert wrong.status == 422 and "one: Choose among the selections" in wrong.body["detail"]
    forged = take(asker, id, sign_in(asker.running, new_key()), shown["opened"], one=["a"], two=["x"])
    assert forged.status == 403 and "open it again" in forged.body["detail"]
    done = take(asker, id, token, shown["opened"], one=["a"], two=["x"])
    score = client.get_qualification_score(QualificationTypeId=id, WorkerId=worker_id(worker.address))["Qualification"]["IntegerValue"]
    assert done.status == 201 and done.body == {"state": "granted", "value": score} and score
    again = call(asker.running, "GET", path(id), token=token)
    assert again.status == 409 and "taken once" in again.body["detail"]
    required = [{"QualificationTypeId": id, "Comparator": "EqualTo", "IntegerValues": [score]}]
    hit = client.create_hit(**HIT, QualificationRequirements=required)["HIT"]["HITId"]
    asker.do(hit, worker)


def test_a_test_without_a_key_waits_for_its_owner(asker: Turk, worker: Key) -> None:
    client, token = asker.client(), sign_in(asker.running, worker)
    id = qualification(client, "Read", Test=TEST, TestDurationInSeconds=60, RetryDelayInSeconds=3600)
    opened = call(asker.running, "GET", path(id), token=token).body["opened"]
    assert take(asker, id, token, opened, one=["b"]).body == {"state": "pending", "value": None}
    assert "wait for the owner" in take(asker, id, token, opened, one=["b"]).body["detail"]
    (waiting,) = client.list_qualification_requests(QualificationTypeId=id)["QualificationRequests"]
    assert waiting["Test"] == TEST and "<SelectionIdentifier>b</SelectionIdentifier>" in waiting["Answer"]
    client.reject_qualification_request(QualificationRequestId=waiting["QualificationRequestId"], Reason="no")
    assert "again after" in call(asker.running, "GET", path(id), token=token).body["detail"]


def test_the_time_of_a_test_is_kept_to(asker: Turk, worker: Key) -> None:
    client, token = asker.client(), sign_in(asker.running, worker)
    id = qualification(client, "Short", Test=TEST, AnswerKey=KEY % "", TestDurationInSeconds=1)
    opened = call(asker.running, "GET", path(id), token=token).body["opened"]
    asker.running.write("UPDATE qualification SET test_seconds = -100 WHERE name = 'Short'")
    late = take(asker, id, token, opened, one=["a"])
    assert late.status == 409 and "is over" in late.body["detail"]
    assert call(asker.running, "GET", path(qualification(client, "No test")), token=token).status == 404


def test_a_layout_is_made_and_filled_in(asker: Turk) -> None:
    client, page = asker.client(), "<form><p>${what}</p><input name=q></form>"
    made = call(asker.running, "POST", "/v1/mturk-layouts", {"name": "Birds", "html": page}, asker.token)
    assert made.status == 201 and made.body["variables"] == ["what"]
    assert call(asker.running, "POST", "/v1/mturk-layouts", {"name": "Birds", "html": page}, asker.token).body["id"] == made.body["id"]
    assert [one["id"] for one in call(asker.running, "GET", "/v1/mturk-layouts", token=asker.token).body["items"]] == [made.body["id"]]
    given = {name: value for name, value in HIT.items() if name != "Question"}
    filled = [{"Name": "what", "Value": "a bird"}]
    hit = client.create_hit(**given, HITLayoutId=made.body["id"], HITLayoutParameters=filled)["HIT"]
    assert "<p>a bird</p>" in hit["Question"] and hit["HITLayoutId"] == made.body["id"]
    stranger = sign_in(asker.running, new_key())
    assert call(asker.running, "GET", f"/v1/mturk-layouts/{made.body['id']}", token=stranger).status == 404
    refused("HITLayoutDoesNotExist", "does not exist", client.create_hit, **given, HITLayoutId="3NONE")
    for body, words in (({"name": "", "html": page}, "Name the layout"), ({"name": "x", "html": " "}, "page has 1 to"), ({"name": "x", "html": page, "frame_height": -1}, "from 0 to")):
        wrong = call(asker.running, "POST", "/v1/mturk-layouts", body, asker.token)
        assert wrong.status == 422 and words in wrong.body["detail"], wrong
