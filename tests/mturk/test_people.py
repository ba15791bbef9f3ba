"""Qualifications, blocks, messages, review policies and notifications through real boto3."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from backend.mturk.ids import worker_id
from backend.mturk.policies import KNOWN, PLURALITY
from backend.services.courier import signature
from piecework.client.market import MarketError
from piecework.domain.typed_data import Key
from tests.backend.workshop import Works, call, new_key, sign_in, works
from tests.conftest import Chain
from tests.mturk.conftest import HIT, Turk, turk
from tests.mturk.test_life import refused
from tests.mturk.test_scoring import KEY

FORM = """<QuestionForm xmlns="http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2005-10-01/QuestionForm.xsd">%s</QuestionForm>"""
QUESTION = """<Question><QuestionIdentifier>%s</QuestionIdentifier><QuestionContent><Text>?</Text></QuestionContent><AnswerSpecification>
<SelectionAnswer><Selections>%s</Selections></SelectionAnswer></AnswerSpecification></Question>"""
SELECTION = "<Selection><SelectionIdentifier>%s</SelectionIdentifier><Text>it</Text></Selection>"
TEST = FORM % "".join(QUESTION % (name, "".join(SELECTION % one for one in given)) for name, given in (("one", "ab"), ("two", "xy")))


def qualification(client: Any, name: str, **given: Any) -> str:
    described = {"Name": name, "Description": "d", "QualificationTypeStatus": "Active"} | given
    return str(client.create_qualification_type(**described)["QualificationType"]["QualificationTypeId"])


def test_a_qualification_is_given_scored_taken_and_given_again(asker: Turk, worker: Key) -> None:
    client, someone = asker.client(), worker_id(worker.address)
    id = qualification(client, "Birds", Keywords="bird")
    message = refused("QualificationTypeAlreadyExists", "", client.create_qualification_type, Name="Birds", Description="d", QualificationTypeStatus="Active")
    assert message.startswith("You have already created a QualificationType with this name.")
    shown = client.get_qualification_type(QualificationTypeId=id)["QualificationType"]
    assert shown["IsRequestable"] is True and shown["AutoGranted"] is False
    found = client.list_qualification_types(Query="BIRD", MustBeRequestable=True, MustBeOwnedByCaller=True)
    assert [one["QualificationTypeId"] for one in found["QualificationTypes"]] == [id]
    refused("QualificationDoesNotExist", "does not exist", client.get_qualification_score, QualificationTypeId=id, WorkerId=someone)
    client.associate_qualification_with_worker(QualificationTypeId=id, WorkerId=someone, IntegerValue=7)
    assert client.get_qualification_score(QualificationTypeId=id, WorkerId=someone)["Qualification"]["IntegerValue"] == 7
    assert client.list_workers_with_qualification_type(QualificationTypeId=id)["Qualifications"][0]["WorkerId"] == someone
    client.disassociate_qualification_from_worker(QualificationTypeId=id, WorkerId=someone, Reason="none")
    refused("InvalidQualificationState", "operation can be called with a status of: Granted", client.get_qualification_score, QualificationTypeId=id, WorkerId=someone)
    assert client.list_workers_with_qualification_type(QualificationTypeId=id, Status="Revoked")["NumResults"] == 1
    client.associate_qualification_with_worker(QualificationTypeId=id, WorkerId=someone)
    assert client.get_qualification_score(QualificationTypeId=id, WorkerId=someone)["Qualification"]["Status"] == "Granted"
    client.delete_qualification_type(QualificationTypeId=id)
    refused("QualificationTypeDoesNotExist", "does not exist", client.get_qualification_type, QualificationTypeId=id)
    qualification(client, "Birds")


def test_a_test_and_its_key_must_fit(asker: Turk) -> None:
    client = asker.client()
    id = qualification(client, "Tested", Test=TEST, AnswerKey=KEY % "", TestDurationInSeconds=60)
    assert client.get_qualification_type(QualificationTypeId=id)["QualificationType"]["AnswerKey"]
    other = turk(asker.running, 1).client()
    assert "AnswerKey" not in other.get_qualification_type(QualificationTypeId=id)["QualificationType"]
    refused("PermissionDeniedException", "not yours", other.delete_qualification_type, QualificationTypeId=id)
    refused(None, "needs a Test", qualification, client=client, name="x", AnswerKey=KEY % "")
    refused(None, "TestDurationInSeconds", qualification, client=client, name="x", Test=TEST)
    refused(None, "AutoGranted", qualification, client=client, name="x", Test=TEST, TestDurationInSeconds=60, AutoGranted=True)
    refused("XMLParseError", "error parsing the XML", qualification, client=client, name="x", Test="<a/>", TestDurationInSeconds=60)
    given = qualification(client, "Given to all", AutoGranted=True, AutoGrantedValue=7)
    ended = client.update_qualification_type(QualificationTypeId=given, AutoGranted=False)["QualificationType"]
    assert ended["AutoGranted"] is False and "AutoGrantedValue" not in ended
    updated = client.update_qualification_type(QualificationTypeId=id, Test=TEST, TestDurationInSeconds=90)["QualificationType"]
    assert updated["TestDurationInSeconds"] == 90 and "AnswerKey" not in updated  # a new test drops the old one's key


def test_a_request_waits_for_its_owner(asker: Turk, worker: Key) -> None:
    client, token = asker.client(), sign_in(asker.running, worker)
    id = qualification(client, "Asked for")
    kept = asker.running.rows("SELECT id FROM qualification WHERE name = 'Asked for'")[0][0]
    asked = call(asker.running, "POST", f"/v1/qualifications/{kept}/requests", {"answer": "please"}, token)
    assert asked.status in (200, 201, 202), asked
    (waiting,) = client.list_qualification_requests(QualificationTypeId=id)["QualificationRequests"]
    assert waiting["WorkerId"] == worker_id(worker.address) and waiting["Answer"] == "please"
    client.accept_qualification_request(QualificationRequestId=waiting["QualificationRequestId"], IntegerValue=3)
    assert client.list_qualification_requests(QualificationTypeId=id)["NumResults"] == 0
    assert client.get_qualification_score(QualificationTypeId=id, WorkerId=worker_id(worker.address))["Qualification"]["IntegerValue"] == 3
    refused("QualificationRequestDoesNotExist", "does not exist", client.reject_qualification_request, QualificationRequestId=waiting["QualificationRequestId"])


def test_only_who_is_qualified_and_not_blocked_gets_the_work(asker: Turk, worker: Key) -> None:
    client, someone = asker.client(), worker_id(worker.address)
    id = qualification(client, "Needed")
    asked = [{"QualificationTypeId": id, "Comparator": "GreaterThan", "IntegerValues": [5], "ActionsGuarded": "Accept"}]
    hit = client.create_hit(**HIT, QualificationRequirements=asked, MaxAssignments=2)["HIT"]
    assert hit["QualificationRequirements"][0]["ActionsGuarded"] == "Accept"
    with pytest.raises(MarketError, match="qualification"):
        asker.do(hit["HITId"], worker)
    client.associate_qualification_with_worker(QualificationTypeId=id, WorkerId=someone, IntegerValue=6)
    client.create_worker_block(WorkerId=someone, Reason="for a test")
    assert {"WorkerId": someone, "Reason": "for a test"} in client.list_worker_blocks()["WorkerBlocks"]
    with pytest.raises(MarketError, match="for a test"):
        asker.do(hit["HITId"], worker)
    client.delete_worker_block(WorkerId=someone)
    client.delete_worker_block(WorkerId=someone)
    asker.do(hit["HITId"], worker)
    assert client.list_hits_for_qualification_type(QualificationTypeId=id)["HITs"][0]["HITId"] == hit["HITId"]
    (one,) = client.list_assignments_for_hit(HITId=hit["HITId"])["Assignments"]
    failed = client.notify_workers(Subject="Hello", MessageText="Thanks", WorkerIds=[someone])["NotifyWorkersFailureStatuses"]
    assert failed[0]["NotifyWorkersFailureCode"] == "HardFailure"
    client.approve_assignment(AssignmentId=one["AssignmentId"])
    assert client.notify_workers(Subject="Hello", MessageText="Thanks", WorkerIds=[someone]).get("NotifyWorkersFailureStatuses", []) == []


def test_two_requirements_of_one_type_are_an_interval(asker: Turk, worker: Key) -> None:
    """Both hold, wherever they are asked; and they are read back as they were given."""
    client, someone, token = asker.client(), worker_id(worker.address), sign_in(asker.running, worker)
    id = qualification(client, "Score")
    more = {"RequiredToPreview": True, "ActionsGuarded": "DiscoverPreviewAndAccept"}
    asked = [
        {"QualificationTypeId": id, "Comparator": comparator, "IntegerValues": [value]} | more
        for comparator, value in (("LessThan", 8), ("GreaterThan", 5), ("NotEqualTo", 6))
    ]
    hit = client.create_hit(**HIT, QualificationRequirements=asked)["HIT"]
    assert hit["QualificationRequirements"] == asked == client.get_hit(HITId=hit["HITId"])["HIT"]["QualificationRequirements"]
    described = {name: HIT[name] for name in ("Title", "Description", "Keywords", "Reward", "AssignmentDurationInSeconds")}
    assert client.create_hit_type(**described, QualificationRequirements=asked[::-1])["HITTypeId"] == hit["HITTypeId"]
    assert [one["HITId"] for one in client.list_hits_for_qualification_type(QualificationTypeId=id)["HITs"]] == [hit["HITId"]]
    job = asker.job_of(hit["HITId"])

    def finds() -> bool:
        return job in [one["id"] for one in call(asker.running, "GET", f"/v1/jobs?requester={asker.requester.address}", token=token).body["items"]]

    for value in (5, 6, 8):
        client.associate_qualification_with_worker(QualificationTypeId=id, WorkerId=someone, IntegerValue=value)
        assert not finds()
        with pytest.raises(MarketError, match="qualification"):
            asker.do(hit["HITId"], worker)
    client.associate_qualification_with_worker(QualificationTypeId=id, WorkerId=someone, IntegerValue=7)
    assert finds()
    asker.do(hit["HITId"], worker)


def policy(name: str, **parameters: str) -> dict[str, Any]:
    return {"PolicyName": name, "Parameters": [{"Key": key, "Values": [value]} for key, value in parameters.items()]}


def test_review_policies_approve_reject_and_report(asker: Turk) -> None:
    client = asker.client()
    known = policy(KNOWN, ApproveIfKnownAnswerScoreIsAtLeast="100", RejectIfKnownAnswerScoreIsLessThan="50", RejectReason="Wrong")
    known["Parameters"].append({"Key": "AnswerKey", "MapEntries": [{"Key": "q", "Values": ["yes"]}]})
    plural = policy(PLURALITY, QuestionIds="q", QuestionAgreementThreshold="50", DisregardAssignmentIfRejected="false")
    hit = client.create_hit(**HIT, MaxAssignments=2, AssignmentReviewPolicy=known, HITReviewPolicy=plural)["HIT"]["HITId"]
    asker.do(hit, new_key(), {"q": "yes"})
    asker.do(hit, new_key(), {"q": "no"})

    def reviewed() -> bool:
        statuses = sorted(one["AssignmentStatus"] for one in client.list_assignments_for_hit(HITId=hit)["Assignments"])
        return statuses == ["Approved", "Rejected"]

    asker.until(reviewed)
    (rejected,) = client.list_assignments_for_hit(HITId=hit, AssignmentStatuses=["Rejected"])["Assignments"]
    assert rejected["RequesterFeedback"] == "Wrong"
    report = asker.until(
        lambda: (found := client.list_review_policy_results_for_hit(HITId=hit, MaxResults=100)).get("HITReviewReport", {}).get("ReviewResults") and found
    )
    scores = [one["Value"] for one in report["AssignmentReviewReport"]["ReviewResults"] if one["Key"] == "KnownAnswerScore"]
    assert sorted(scores) == ["0", "100"]
    assert {one["ActionName"] for one in report["AssignmentReviewReport"]["ReviewActions"]} == {"approve", "reject"}
    keys = {one["Key"]: one["Value"] for one in report["HITReviewReport"]["ReviewResults"]}
    assert (keys["AgreedAnswerFound"], keys["AnswerAgreementScore"], keys["HitAgreementScore"]) == ("false", "50", "0")


def test_policies_look_at_a_hit_once_whatever_makes_it_reviewable(asker: Turk) -> None:
    client, running = asker.client(), asker.running
    plural = policy(PLURALITY, QuestionIds="q", QuestionAgreementThreshold="50", DisregardAssignmentIfRejected="false")
    hits = [client.create_hit(**HIT, MaxAssignments=3, HITReviewPolicy=plural)["HIT"]["HITId"] for _ in range(2)]
    for hit in hits:
        asker.do(hit, new_key(), {"q": "yes"})

    def quiet() -> bool:
        return not running.rows("SELECT 1 FROM mturk_hit WHERE policies_due")

    def report(hit: str) -> list[dict[str, Any]]:
        found = client.list_review_policy_results_for_hit(HITId=hit, MaxResults=100).get("HITReviewReport", {})
        return list(found.get("ReviewResults", []))

    asker.until(quiet)
    assert not report(hits[0]) and not report(hits[1]), "neither is reviewable"
    holder = new_key()
    held = asker.accept(hits[0], holder)
    client.update_expiration_for_hit(HITId=hits[0], ExpireAt=0)
    asker.until(quiet)
    assert not report(hits[0]), "somebody still works on it"
    assert call(running, "POST", f"/v1/assignments/{held}/return", {}, sign_in(running, holder)).status in (200, 204)
    running.write("UPDATE mturk_hit SET expires_at = created_at WHERE id = :hit", hit=hits[1])  # its time is over
    for hit in hits:
        asker.until(lambda hit=hit: report(hit))
    asker.until(quiet)


def test_an_answer_that_nobody_reviews_is_approved_after_its_delay(asker: Turk, worker: Key) -> None:
    client = asker.client()
    hit = client.create_hit(**HIT, AutoApprovalDelayInSeconds=0)["HIT"]["HITId"]
    asker.do(hit, worker)
    asker.until(lambda: client.list_assignments_for_hit(HITId=hit, AssignmentStatuses=["Approved"])["NumResults"] == 1)


class Listener(BaseHTTPRequestHandler):
    """Keeps what is posted."""

    heard: list[dict[str, Any]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        signed = {name: self.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")}
        self.heard.append(json.loads(body) | {"signed": signed, "body": body})
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def listening(handler: type[Listener]) -> Iterator[str]:
    """The address of a listener of that kind."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/heard"
        server.shutdown()
        thread.join()


@pytest.fixture
def address() -> Iterator[str]:
    """Where webhooks may go."""
    Listener.heard.clear()
    with listening(Listener) as url:
        yield url


@pytest.fixture
def loose(shared_chain: Chain, tmp_path: Path) -> Iterator[Works]:
    """A marketplace that posts to private addresses, too."""
    options = {"PIECEWORK_OPERATOR_GAS": str(10**16), "PIECEWORK_WEBHOOKS_ANYWHERE": "true"}
    with works(shared_chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path, **options) as both:
        yield both


class Slow(Listener):
    """Takes its time."""

    heard: list[dict[str, Any]] = []

    def do_POST(self) -> None:
        time.sleep(3)
        super().do_POST()


@pytest.fixture
def slow_address() -> Iterator[str]:
    """Where webhooks may go, and are read after three seconds."""
    with listening(Slow) as url:
        yield url


def test_a_slow_address_holds_up_nobody_else(loose: Works, address: str, slow_address: str) -> None:
    askers = (turk(loose), slow_address, 60), (turk(loose), address, 1)
    given = {name: HIT[name] for name in ("Title", "Description", "Keywords", "Reward", "AssignmentDurationInSeconds")}
    for asker, url, count in askers:
        client = asker.client()
        kind = client.create_hit_type(**given)["HITTypeId"]
        wanted = {"Destination": url, "Transport": "SNS", "Version": "2014-08-15", "EventTypes": ["HITCreated"]}
        client.update_notification_settings(HITTypeId=kind, Notification=wanted, Active=True)
        for _ in range(count):
            client.create_hit_with_hit_type(HITTypeId=kind, LifetimeInSeconds=600, Question=HIT["Question"])
    began = time.monotonic()
    asker.until(lambda: Listener.heard)
    assert time.monotonic() - began < 2.5, "it waited for another's address"


def test_events_reach_their_owner(loose: Works, address: str, worker: Key) -> None:
    asker = turk(loose)
    client = asker.client()
    given = {name: HIT[name] for name in ("Title", "Description", "Keywords", "Reward", "AssignmentDurationInSeconds")}
    kind = client.create_hit_type(**given)["HITTypeId"]
    wanted = {"Destination": address, "Transport": "SNS", "Version": "2014-08-15", "EventTypes": ["HITCreated", "HITExpired"]}
    client.update_notification_settings(HITTypeId=kind, Notification=wanted, Active=True)
    client.send_test_event_notification(Notification=wanted, TestEventType="Ping")
    hit = client.create_hit_with_hit_type(HITTypeId=kind, LifetimeInSeconds=600, Question=HIT["Question"])["HIT"]["HITId"]
    client.update_expiration_for_hit(HITId=hit, ExpireAt=0)
    asker.until(lambda: len(Listener.heard) >= 3)
    messages = [json.loads(one["Message"]) for one in Listener.heard]
    assert sorted(one["Events"][0]["EventType"] for one in messages) == ["HITCreated", "HITExpired", "Ping"]
    secret = call(loose, "GET", "/v1/mturk-keys/webhook-secret", token=asker.token).body["secret"]
    for one in Listener.heard:
        said = one["signed"]
        assert said["signature"] == signature(secret, said["id"], int(said["timestamp"]), one["body"])
    created = next(one for one in messages if one["Events"][0]["EventType"] == "HITCreated")
    assert created["Events"][0]["HITId"] == hit and created["CustomerId"] == worker_id(asker.requester.address)
    refused("InvalidTransportEndpoint", "e-mail", client.send_test_event_notification, Notification=wanted | {"Transport": "Email"}, TestEventType="Ping")
    refused(None, "Version", client.send_test_event_notification, Notification=wanted | {"Version": "2001-01-01"}, TestEventType="Ping")
    refused(None, "Give a Notification", client.update_notification_settings, HITTypeId=kind)


def test_what_workers_do_reaches_the_owner(loose: Works, address: str, worker: Key) -> None:
    """Accepted, returned, submitted, abandoned, reviewable, decided elsewhere: each in the envelope, with the assignment it is about."""
    asker = turk(loose)
    client = asker.client()
    given = {name: HIT[name] for name in ("Title", "Description", "Keywords", "Reward", "AssignmentDurationInSeconds")}
    kind = client.create_hit_type(**given)["HITTypeId"]
    kinds = ["AssignmentAccepted", "AssignmentReturned", "AssignmentSubmitted", "AssignmentAbandoned", "HITReviewable", "AssignmentApproved", "AssignmentRejected"]
    wanted = {"Destination": address, "Transport": "SQS", "Version": "2006-05-05", "EventTypes": kinds}
    client.update_notification_settings(HITTypeId=kind, Notification=wanted, Active=True)
    hits = [client.create_hit_with_hit_type(HITTypeId=kind, LifetimeInSeconds=600, Question=HIT["Question"])["HIT"]["HITId"] for _ in range(3)]

    def heard() -> list[tuple[str, str]]:
        found = [json.loads(one["Message"])["Events"][0] for one in Listener.heard]
        assert all(bool(one.get("AssignmentId")) == one["EventType"].startswith("Assignment") for one in found)
        return sorted((one["EventType"], one["HITId"]) for one in found)

    returned = take(asker, hits[0], worker)
    assert call(loose, "POST", f"/v1/assignments/{returned}/return", {}, sign_in(loose, worker)).status == 200
    abandoned = take(asker, hits[1], worker)
    loose.write("UPDATE assignment SET expires_at = created_at WHERE id = :id", id=abandoned)
    loose.until("SELECT 1 FROM assignment WHERE id = :id AND state = 'expired'", id=abandoned)
    asker.do(hits[2], worker)
    expected = [("AssignmentAccepted", hit) for hit in hits] + [
        ("AssignmentReturned", hits[0]), ("AssignmentAbandoned", hits[1]), ("AssignmentSubmitted", hits[2]), ("HITReviewable", hits[2]),
    ]
    asker.until(lambda: len(heard()) >= len(expected))
    assert heard() == sorted(expected)
    client.update_expiration_for_hit(HITId=hits[0], ExpireAt=0)
    asker.until(lambda: ("HITReviewable", hits[0]) in heard())
    (answer,) = loose.rows("SELECT a.id FROM assignment a WHERE a.state = 'revealed'")[0]
    rejected = {"approve": [], "reject": [{"assignment": answer, "reason": "It is no bird."}]}
    path = f"/v1/jobs/{asker.job_of(hits[2])}/reviews"
    assert call(loose, "POST", path, rejected, asker.token).status == 200
    assert call(loose, "POST", path, {"approve": [answer]}, asker.token).status == 200
    asker.until(lambda: {("AssignmentRejected", hits[2]), ("AssignmentApproved", hits[2])} <= set(heard()))
    silent = client.create_hit_type(**given, AutoApprovalDelayInSeconds=0)["HITTypeId"]
    client.update_notification_settings(HITTypeId=silent, Notification=wanted, Active=True)
    hit = client.create_hit_with_hit_type(HITTypeId=silent, LifetimeInSeconds=600, Question=HIT["Question"])["HIT"]["HITId"]
    asker.do(hit, worker)
    asker.until(lambda: ("AssignmentApproved", hit) in heard())
    assert [kind for kind, _ in heard()].count("AssignmentApproved") == 2


def test_a_slot_that_is_returned_after_the_end_goes_to_nobody(asker: Turk, worker: Key) -> None:
    client, running = asker.client(), asker.running
    hit = client.create_hit(**HIT)["HIT"]["HITId"]
    taken = take(asker, hit, worker)
    client.update_expiration_for_hit(HITId=hit, ExpireAt=0)
    shown = client.get_hit(HITId=hit)["HIT"]
    assert (shown["HITStatus"], shown["NumberOfAssignmentsAvailable"], shown["NumberOfAssignmentsPending"]) == ("Unassignable", 0, 1)
    assert call(running, "POST", f"/v1/assignments/{taken}/return", {}, sign_in(running, worker)).status == 200
    shown = client.get_hit(HITId=hit)["HIT"]
    assert (shown["HITStatus"], shown["NumberOfAssignmentsAvailable"], shown["NumberOfAssignmentsPending"]) == ("Reviewable", 0, 0)
    late = call(running, "POST", f"/v1/jobs/{asker.job_of(hit)}/assignments", {"unit": asker.position_of(hit)}, sign_in(running, new_key()))
    assert late.status == 409, late
    running.until("SELECT 1 FROM mturk_part WHERE hit = :hit AND cancelled = 1 AND withdrawn = 0", hit=hit)


def take(asker: Turk, hit: str, worker: Key) -> str:
    """A reserved assignment's id here."""
    job, position = asker.job_of(hit), asker.position_of(hit)
    taken = call(asker.running, "POST", f"/v1/jobs/{job}/assignments", {"unit": position}, sign_in(asker.running, worker))
    assert taken.status == 201, taken
    return str(taken.body["id"])
