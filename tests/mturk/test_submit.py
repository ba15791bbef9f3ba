"""A HIT's page sends its answer as pages always did, and the worker holds a receipt for it."""

import urllib.parse
from typing import Any

import urllib3

from backend.mturk.ids import assignment_id
from piecework.domain.typed_data import Key
from tests.backend.workshop import call, new_key, sign_in
from tests.mturk.conftest import HIT, Turk
from tests.mturk.test_people import TEST

NS = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/"
EXTERNAL = (
    f'<ExternalQuestion xmlns="{NS}2006-07-14/ExternalQuestion.xsd"><ExternalURL>https://lab.example/t?a=1</ExternalURL>'
    "<FrameHeight>400</FrameHeight></ExternalQuestion>"
)
HTML = (
    f'<HTMLQuestion xmlns="{NS}2011-11-11/HTMLQuestion.xsd"><HTMLContent><![CDATA['
    '<form action="https://www.mturk.com/mturk/externalSubmit" method="post"><input name="q"></form>]]></HTMLContent>'
    "<FrameHeight>0</FrameHeight></HTMLQuestion>"
)


def task(asker: Turk, id: str, worker: Key) -> dict[str, Any]:
    found = call(asker.running, "GET", f"/v1/assignments/{id}/hit", token=sign_in(asker.running, worker))
    assert found.status == 200, found
    return dict(found.body)


def send(method: str, url: str, **fields: str) -> tuple[int, str]:
    text = urllib.parse.urlencode(fields)
    headers = {"content-type": "application/x-www-form-urlencoded"}
    if method == "GET":
        answer = urllib3.request("GET", f"{url}?{text}")
    else:
        answer = urllib3.request("POST", url, body=text, headers=headers)
    return answer.status, answer.data.decode()


def test_an_external_page_is_told_who_it_is_for_and_submits(asker: Turk, worker: Key) -> None:
    client = asker.client()
    hit = client.create_hit(**HIT | {"Question": EXTERNAL})["HIT"]["HITId"]
    id = asker.accept(hit, worker)
    shown = task(asker, id, worker)
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(shown["url"]).query))
    assert asked == {"a": "1", "assignmentId": assignment_id(id), "hitId": hit, "workerId": shown["worker_id"], "turkSubmitTo": shown["submit_to"]}
    where = asked["turkSubmitTo"] + "/mturk/externalSubmit"
    assert send("POST", where, assignmentId="ASSIGNMENT_ID_NOT_AVAILABLE", q="x")[0] == 422
    assert send("POST", where, assignmentId="3OTHER", q="x")[0] == 422
    assert send("POST", where[:-30] + "0" * 6 + where[-24:], assignmentId=asked["assignmentId"], q="x")[0] in (403, 404)
    status, page = send("GET", where, assignmentId=asked["assignmentId"], q="a & b", other="")
    assert status == 200 and "submitted" in page
    assert send("GET", where, assignmentId=asked["assignmentId"], q="a & b", other="")[0] == 200, "again is fine"
    assert send("POST", where, assignmentId=asked["assignmentId"], q="another")[0] == 422
    (one,) = client.list_assignments_for_hit(HITId=hit)["Assignments"]
    assert "<QuestionIdentifier>q</QuestionIdentifier><FreeText>a &amp; b</FreeText>" in one["Answer"]
    assert "assignmentId" not in one["Answer"]
    holdings = call(asker.running, "GET", "/v1/holdings", token=sign_in(asker.running, worker)).body
    assert [held["assignment"] for held in holdings["receipts"]] == [id], "the worker holds the receipt"


def test_a_page_that_came_along_posts_to_where_amazon_was(asker: Turk, worker: Key) -> None:
    client = asker.client()
    hit = client.create_hit(**HIT | {"Question": HTML})["HIT"]["HITId"]
    id = asker.accept(hit, worker)
    shown = task(asker, id, worker)
    assert f'action="{shown["submit_to"]}/mturk/externalSubmit"' in shown["html"]
    assert call(asker.running, "GET", f"/v1/assignments/{id}/hit", token=sign_in(asker.running, new_key())).status == 404
    answer = urllib3.request("POST", shown["submit_to"] + "/mturk/externalSubmit", fields={"assignmentId": shown["assignment_id"], "q": "ünï"})
    assert answer.status == 200
    (one,) = client.list_assignments_for_hit(HITId=hit)["Assignments"]
    assert "<FreeText>&#252;n&#239;</FreeText>" in one["Answer"]


def test_a_form_is_kept_to(asker: Turk, worker: Key) -> None:
    client = asker.client()
    hit = client.create_hit(**HIT | {"Question": TEST})["HIT"]["HITId"]
    id = asker.accept(hit, worker)
    shown = task(asker, id, worker)
    assert (shown["kind"], shown["questions"]) == ("form", ["one", "two"])
    where = shown["submit_to"] + "/mturk/externalSubmit"
    status, page = send("POST", where, one="z")
    assert status == 422 and "Choose among the selections" in page and 'action="' + where in page, "the form comes again, and says it"
    assert send("POST", where, one="a", two="x")[0] == 200
    (one,) = client.list_assignments_for_hit(HITId=hit)["Assignments"]
    assert "<QuestionIdentifier>one</QuestionIdentifier><SelectionIdentifier>a</SelectionIdentifier>" in one["Answer"]
