"""Every documented limit, default and refusal through real boto3, as tables: on both sides of each limit, with the code and the words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.config import Config

from backend.mturk import model
from backend.mturk.ids import worker_id
from piecework.domain.typed_data import Key
from tests.backend.workshop import new_key
from tests.mturk.conftest import HIT, HTML, Turk
from tests.mturk.test_life import refused
from tests.mturk.test_people import TEST, qualification
from tests.mturk.test_scoring import KEY

TYPE = {name: HIT[name] for name in ("Title", "Description", "Reward", "AssignmentDurationInSeconds")}
NOBODY, NOTHING = "A" + "A" * 32, "3" + "A" * 29
NEEDED = {"QualificationTypeId": "00000000000000000040", "Comparator": "GreaterThan", "IntegerValues": [1]}
YEAR, MONTH = 31_536_000, 2_592_000


def needed(count: int) -> list[dict[str, Any]]:
    """So many requirements, each of another type."""
    return [NEEDED | {"QualificationTypeId": f"3T{number}"} for number in range(count)]


def asking(size: int) -> str:
    """A question of so many bytes, a few more of them than characters."""
    return HTML.replace("<form>", "é" * 100 + "x" * (size - len(HTML) - 200) + "<form>")


LIMITS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Title": ({"Title": "x" * 128}, {"Title": "x" * 129}),
    "Description": ({"Description": "x" * 2_000}, {"Description": "x" * 2_001}),
    "Keywords": ({"Keywords": "x" * 1_000}, {"Keywords": "x" * 1_001}),
    "RequesterAnnotation": ({"RequesterAnnotation": "x" * 255}, {"RequesterAnnotation": "x" * 256}),
    "LifetimeInSeconds": ({"LifetimeInSeconds": YEAR}, {"LifetimeInSeconds": YEAR + 1}),
    "LifetimeInSeconds, least": ({"LifetimeInSeconds": 30}, {"LifetimeInSeconds": 29}),
    "AssignmentDurationInSeconds": ({"AssignmentDurationInSeconds": YEAR}, {"AssignmentDurationInSeconds": YEAR + 1}),
    "AssignmentDurationInSeconds, least": ({"AssignmentDurationInSeconds": 30}, {"AssignmentDurationInSeconds": 29}),
    "AutoApprovalDelayInSeconds": ({"AutoApprovalDelayInSeconds": MONTH}, {"AutoApprovalDelayInSeconds": MONTH + 1}),
    "AutoApprovalDelayInSeconds, least": ({"AutoApprovalDelayInSeconds": 0}, {"AutoApprovalDelayInSeconds": -1}),
    "MaxAssignments": ({"MaxAssignments": 100}, {"MaxAssignments": 1_000_000_001}),
    "MaxAssignments, least": ({"MaxAssignments": 1}, {"MaxAssignments": 0}),
    "Reward": ({"Reward": "0.05"}, {"Reward": "0.005"}),
    "Question": ({"Question": asking(65_535)}, {"Question": asking(65_536)}),
    "QualificationRequirements": ({"QualificationRequirements": needed(10)}, {"QualificationRequirements": needed(11)}),
    "UniqueRequestToken": ({"UniqueRequestToken": "x" * 64}, {"UniqueRequestToken": "y" * 65}),
}
"""What a HIT just may have, and what it may not."""


@pytest.mark.parametrize("member", LIMITS)
def test_a_hit_has_its_documented_limits(asker: Turk, member: str) -> None:
    may, may_not = LIMITS[member]
    client = asker.client()
    hit = client.create_hit(**HIT | {"Reward": "0.00"} | may)["HIT"]
    assert hit["HITStatus"] == "Assignable"
    code, words = ("XMLParseError", "at most 65535 bytes") if member == "Question" else ("InvalidParameterValue", member.partition(",")[0])
    refused(code, words, client.create_hit, **HIT | {"Reward": "0.00"} | may_not)


def test_what_is_left_out_has_its_documented_default(asker: Turk, worker: Key) -> None:
    client = asker.client()
    given = {name: value for name, value in HIT.items() if name != "Keywords"}
    hit = client.create_hit(**given)["HIT"]
    assert (hit["MaxAssignments"], hit["AutoApprovalDelayInSeconds"], hit["HITReviewStatus"]) == (1, MONTH, "NotReviewed")
    assert (hit["NumberOfAssignmentsPending"], hit["NumberOfAssignmentsAvailable"], hit["NumberOfAssignmentsCompleted"]) == (0, 1, 0)
    assert hit["QualificationRequirements"] == [] and abs(hit["Expiration"] - hit["CreationTime"] - timedelta(seconds=3_600)) < timedelta(seconds=1)
    guarded = client.create_hit(**HIT, QualificationRequirements=[NEEDED])["HIT"]["QualificationRequirements"][0]
    assert (guarded["ActionsGuarded"], guarded["RequiredToPreview"]) == ("Accept", False)
    shown = client.create_qualification_type(Name="Defaults", Description="d", QualificationTypeStatus="Active", AutoGranted=True)
    assert (shown["QualificationType"]["IsRequestable"], shown["QualificationType"]["AutoGrantedValue"]) == (True, 1)
    kind = shown["QualificationType"]["QualificationTypeId"]
    client.associate_qualification_with_worker(QualificationTypeId=kind, WorkerId=worker_id(worker.address))
    assert client.get_qualification_score(QualificationTypeId=kind, WorkerId=worker_id(worker.address))["Qualification"]["IntegerValue"] == 1
    made = [client.create_hit(**HIT | {"Title": "Ten a page", "Reward": "0.00"})["HIT"]["HITId"] for _ in range(11)]
    first = client.list_hits()
    assert (first["NumResults"], len(first["HITs"]), first["HITs"][0]["HITId"]) == (10, 10, made[-1])


REFUSED: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "a HIT that isn't": ("get_hit", {"HITId": NOTHING}, "HITDoesNotExist", "does not exist"),
    "to delete one": ("delete_hit", {"HITId": NOTHING}, "HITDoesNotExist", "does not exist"),
    "to end one": ("update_expiration_for_hit", {"HITId": NOTHING, "ExpireAt": 0}, "HITDoesNotExist", "does not exist"),
    "to extend one": ("create_additional_assignments_for_hit", {"HITId": NOTHING, "NumberOfAdditionalAssignments": 1}, "HITDoesNotExist", "does not exist"),
    "its assignments": ("list_assignments_for_hit", {"HITId": NOTHING}, "HITDoesNotExist", "does not exist"),
    "its bonuses": ("list_bonus_payments", {"HITId": NOTHING}, "HITDoesNotExist", "does not exist"),
    "its policies' results": ("list_review_policy_results_for_hit", {"HITId": NOTHING}, "HITDoesNotExist", "does not exist"),
    "an assignment that isn't": ("get_assignment", {"AssignmentId": NOTHING}, "AssignmentDoesNotExist", "does not exist"),
    "to approve one": ("approve_assignment", {"AssignmentId": NOTHING}, "AssignmentDoesNotExist", "does not exist"),
    "to reject one": ("reject_assignment", {"AssignmentId": NOTHING, "RequesterFeedback": ""}, "AssignmentDoesNotExist", "does not exist"),
    "a file of one": ("get_file_upload_url", {"AssignmentId": NOTHING, "QuestionIdentifier": "q"}, "InvalidParameterValue", "deprecated 2017-12-12"),
    "a type of HITs that isn't": ("update_notification_settings", {"HITTypeId": NOTHING, "Active": True}, "HITTypeDoesNotExist", "does not exist"),
    "a layout that isn't": ("create_hit", {**{k: v for k, v in HIT.items() if k != "Question"}, "HITLayoutId": NOTHING}, "HITLayoutDoesNotExist", "does not exist"),
    "a question and a layout": ("create_hit", {**HIT, "HITLayoutId": NOTHING}, "InvalidParameterValue", "either a Question or a HITLayoutId"),
    "a question that is no XML": ("create_hit", {**HIT, "Question": "<a"}, "XMLParseError", "There was an error parsing the XML question or answer data"),
    "a qualification type that isn't": ("get_qualification_type", {"QualificationTypeId": NOTHING}, "QualificationTypeDoesNotExist", "does not exist"),
    "to delete it": ("delete_qualification_type", {"QualificationTypeId": NOTHING}, "QualificationTypeDoesNotExist", "does not exist"),
    "to give it": ("associate_qualification_with_worker", {"QualificationTypeId": NOTHING, "WorkerId": NOBODY}, "QualificationTypeDoesNotExist", "does not exist"),
    "who has it": ("list_workers_with_qualification_type", {"QualificationTypeId": NOTHING}, "QualificationTypeDoesNotExist", "does not exist"),
    "a request that isn't": ("accept_qualification_request", {"QualificationRequestId": NOTHING}, "QualificationRequestDoesNotExist", "does not exist"),
    "to refuse it": ("reject_qualification_request", {"QualificationRequestId": NOTHING}, "QualificationRequestDoesNotExist", "does not exist"),
    "an end in two years": ("update_expiration_for_hit", {"HITId": NOTHING, "ExpireAt": datetime.now(UTC) + timedelta(days=366)}, "InvalidParameterValue", "365 days"),
    "a page of 101": ("list_hits", {"MaxResults": 101}, "InvalidParameterValue", "MaxResults"),
    "an id in small letters": ("get_hit", {"HITId": "3abc"}, "InvalidParameterValue", "HITId"),
    "a worker's id that is none": ("create_worker_block", {"WorkerId": "B1", "Reason": "r"}, "InvalidParameterValue", "WorkerId"),
    "a status that isn't": ("list_reviewable_hits", {"Status": "Gone"}, "InvalidParameterValue", "Status"),
    "money in letters": ("create_hit", {**HIT, "Reward": "abc"}, "InvalidParameterValue", "Reward"),
    "a subject of 201": ("notify_workers", {"Subject": "x" * 201, "MessageText": "m", "WorkerIds": [NOBODY]}, "InvalidParameterValue", "Subject"),
    "a text of 4,097": ("notify_workers", {"Subject": "s", "MessageText": "x" * 4_097, "WorkerIds": [NOBODY]}, "InvalidParameterValue", "MessageText"),
    "101 workers": ("notify_workers", {"Subject": "s", "MessageText": "m", "WorkerIds": [NOBODY] * 101}, "InvalidParameterValue", "100 workers"),
    "a token of somebody's": ("list_hits", {"NextToken": "x" * 40}, "InvalidParameterValue", "NextToken"),
    "a token of 256": ("list_hits", {"NextToken": "x" * 256}, "InvalidParameterValue", "NextToken"),
    "both of a bonus list": ("list_bonus_payments", {"HITId": NOTHING, "AssignmentId": NOTHING}, "InvalidParameterValue", "either a HITId or an AssignmentId"),
    "an answer key alone": ("create_qualification_type", {"Name": "n", "Description": "d", "QualificationTypeStatus": "Active", "AnswerKey": KEY % ""}, "InvalidParameterValue", "needs a Test"),
    "a test without a time": ("create_qualification_type", {"Name": "n", "Description": "d", "QualificationTypeStatus": "Active", "Test": TEST}, "InvalidParameterValue", "TestDurationInSeconds"),
}  # fmt: skip
"""Calls that are refused: the method, what it is given, and the code and words of the refusal."""


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_says_so_in_the_documented_words(asker: Turk, what: str) -> None:
    method, given, code, words = REFUSED[what]
    message = refused(code, words, getattr(asker.client(), method), **given)
    assert message.rpartition(" (")[2].removesuffix(")").isdigit(), "it ends with the time in milliseconds"


@pytest.mark.parametrize(
    ("feedback", "taken"),
    [("", True), ("x" * 1_024, True), ("a\tb\nc\rd", True), ("é" * 1_024, True), ("x" * 1_025, False), ("a\x08b", False), ("a\x0bb", False), ("a\x1fb", False)],
)
def test_feedback_has_its_documented_characters(asker: Turk, feedback: str, taken: bool) -> None:
    client = asker.client()
    given = {"AssignmentId": NOTHING, "RequesterFeedback": feedback}
    for method in (client.approve_assignment, client.reject_assignment):
        refused("AssignmentDoesNotExist" if taken else "InvalidParameterValue", "does not exist" if taken else "RequesterFeedback", method, **given)


def test_every_list_ends_its_pages(asker: Turk, worker: Key) -> None:
    """Every paginator of botocore, page by page of one: all that there is, each once, and an end."""
    client, someone = asker.client(), worker_id(worker.address)
    title = f"Paged {someone[:8]}"
    kind = qualification(client, title)
    qualification(client, title + " too")
    others = [worker_id(new_key().address) for _ in range(2)]
    asked = [{"QualificationTypeId": kind, "Comparator": "DoesNotExist"}]
    hit = client.create_hit(**HIT | {"Title": title}, MaxAssignments=2, QualificationRequirements=asked)["HIT"]
    done = [asker.do(hit["HITId"], one) for one in (worker, new_key())]
    assert len(done) == 2
    for one in (someone, *others):
        client.associate_qualification_with_worker(QualificationTypeId=kind, WorkerId=one)
        client.create_worker_block(WorkerId=one, Reason="for its pages")
    work = client.list_assignments_for_hit(HITId=hit["HITId"])["Assignments"]
    for number in range(3):
        client.send_bonus(WorkerId=work[0]["WorkerId"], AssignmentId=work[0]["AssignmentId"], BonusAmount="0.01", Reason=f"{number}")
    lists: dict[str, tuple[dict[str, Any], str, int | None]] = {
        "list_assignments_for_hit": ({"HITId": hit["HITId"]}, "Assignments", 2),
        "list_bonus_payments": ({"HITId": hit["HITId"]}, "BonusPayments", 3),
        "list_hits": ({}, "HITs", None),
        "list_hits_for_qualification_type": ({"QualificationTypeId": kind}, "HITs", 1),
        "list_qualification_requests": ({"QualificationTypeId": kind}, "QualificationRequests", 0),
        "list_qualification_types": ({"MustBeRequestable": True, "MustBeOwnedByCaller": True, "Query": title.upper()}, "QualificationTypes", 2),
        "list_reviewable_hits": ({"HITTypeId": hit["HITTypeId"]}, "HITs", 1),
        "list_worker_blocks": ({}, "WorkerBlocks", None),
        "list_workers_with_qualification_type": ({"QualificationTypeId": kind}, "Qualifications", 3),
    }
    known = {name for name in dir(client) if name.startswith("list_") and client.can_paginate(name)}
    assert known == set(lists), "every paginator that botocore has"
    for name, (given, member, count) in lists.items():
        pages = list(client.get_paginator(name).paginate(**given, PaginationConfig={"PageSize": 1}))
        found = [str(one) for page in pages for one in page.get(member, ())]
        assert len(set(found)) == len(found) and (count is None or len(found) == count), (name, found)
        assert all(page["NumResults"] == len(page.get(member, ())) for page in pages), name
    for one in (someone, *others):
        client.delete_worker_block(WorkerId=one)


def test_a_token_of_a_hit_lives_a_day(asker: Turk) -> None:
    client, running = asker.client(), asker.running
    hit = client.create_hit(**HIT, UniqueRequestToken="a day")["HIT"]["HITId"]
    message = refused("HitAlreadyExists", "already exists", client.create_hit, **HIT, UniqueRequestToken="a day")
    assert message.startswith(f'The HIT with ID "{hit}" already exists.')
    running.write("UPDATE mturk_hit SET created_at = '2026-01-02 03:04:05.000000' WHERE id = :hit", hit=hit)
    assert client.create_hit(**HIT, UniqueRequestToken="a day")["HIT"]["HITId"] != hit


@pytest.mark.parametrize("name", sorted(model.operations()))
def test_an_empty_request_is_told_what_it_lacks(asker: Turk, name: str) -> None:
    """Past boto3's own checks."""
    client = asker.client(config=Config(retries={"max_attempts": 1}, parameter_validation=False))
    needed = list(model.service().operation_model(name).input_shape.required_members)
    if needed:
        refused("ParameterMissing", f"{needed[0]} is required", client._make_api_call, operation_name=name, api_params={})
    elif name in ("ListBonusPayments",):
        refused("InvalidParameterValue", "Give", client._make_api_call, operation_name=name, api_params={})
    else:
        assert client._make_api_call(name, {})["ResponseMetadata"]["HTTPStatusCode"] == 200
