"""The life of a HIT through real boto3: made, answered, reviewed, paid on the chain; extended, expired, deleted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backend.mturk import hits
from backend.store.database import Store
from piecework.chain.escrow import Escrow
from piecework.domain.typed_data import Key
from tests.backend.workshop import new_key
from tests.mturk.conftest import DOLLAR, HIT, HTML, Turk, turk


def refused(code: str | None, words: str, call: Any, **given: Any) -> str:
    """The message of a call that must be refused."""
    with pytest.raises(ClientError) as error:
        call(**given)
    response = error.value.response
    assert words in response["Error"]["Message"], response
    if code is not None:
        assert response["TurkErrorCode"] == f"AWS.MechanicalTurk.{code}", response
        assert response["Message"] == response["Error"]["Message"]
    assert response["ResponseMetadata"]["RequestId"]
    return str(response["Error"]["Message"])


def test_a_hit_is_made_answered_approved_and_paid(asker: Turk, worker: Key) -> None:
    client, chain = asker.client(), asker.running.chain
    before = client.get_account_balance()
    hit = client.create_hit(**HIT, MaxAssignments=2, RequesterAnnotation="mine")["HIT"]
    assert (hit["HITStatus"], hit["MaxAssignments"], hit["Reward"], hit["RequesterAnnotation"]) == ("Assignable", 2, "0.05", "mine")
    assert hit["QualificationRequirements"] == [] and hit["NumberOfAssignmentsAvailable"] == 2 and hit["Question"] == HTML
    after = client.get_account_balance()
    assert float(before["AvailableBalance"]) - float(after["AvailableBalance"]) == pytest.approx(0.1)
    assert float(after["OnHoldBalance"]) - float(before["OnHoldBalance"]) == pytest.approx(0.1)

    asker.do(hit["HITId"], worker, {"q": "a bird <é>"})
    (one,) = client.list_assignments_for_hit(HITId=hit["HITId"])["Assignments"]
    assert one["AssignmentStatus"] == "Submitted" and "<FreeText>a bird &lt;&#233;&gt;</FreeText>" in one["Answer"]
    assert "RequesterFeedback" not in one and "ApprovalTime" not in one
    assert client.get_assignment(AssignmentId=one["AssignmentId"])["HIT"]["HITId"] == hit["HITId"]
    found = client.get_hit(HITId=hit["HITId"])["HIT"]
    assert (found["HITStatus"], found["NumberOfAssignmentsAvailable"], found["NumberOfAssignmentsPending"]) == ("Assignable", 1, 0)
    assert found["NumberOfAssignmentsCompleted"] == 0

    assert set(client.approve_assignment(AssignmentId=one["AssignmentId"], RequesterFeedback="Thanks")) == {"ResponseMetadata"}
    refused("InvalidAssignmentState", "This operation can be called with a status of: Submitted", client.approve_assignment, AssignmentId=one["AssignmentId"])
    approved = client.get_assignment(AssignmentId=one["AssignmentId"])["Assignment"]
    assert (approved["AssignmentStatus"], approved["RequesterFeedback"]) == ("Approved", "Thanks") and approved["ApprovalTime"]
    escrow, token = Escrow(chain.rpc, chain.deployment.escrow), chain.deployment.token
    wallet = "SELECT 1 FROM mirror_slot_payment WHERE worker = :of"
    asker.running.until(wallet, of=worker.address)
    assert escrow.balance_of(asker.requester.address, token) >= 0

    refused("InvalidHITState", "This HIT is currently in the state 'Assignable'", client.delete_hit, HITId=hit["HITId"])
    client.update_expiration_for_hit(HITId=hit["HITId"], ExpireAt=datetime(2015, 1, 1, tzinfo=UTC))
    assert client.get_hit(HITId=hit["HITId"])["HIT"]["HITStatus"] == "Reviewable"
    client.delete_hit(HITId=hit["HITId"])
    refused("InvalidHITState", "currently in the state 'Disposed'", client.delete_hit, HITId=hit["HITId"])

    def money_is_back() -> bool:
        now = client.get_account_balance()
        return float(now["OnHoldBalance"]) == pytest.approx(float(before["OnHoldBalance"]))

    asker.until(money_is_back)  # the slot that nobody took was cancelled on the chain
    assert float(client.get_account_balance()["AvailableBalance"]) == pytest.approx(float(before["AvailableBalance"]) - 0.05)


def test_a_rejection_can_be_overridden(asker: Turk, worker: Key) -> None:
    client = asker.client()
    hit = client.create_hit(**HIT)["HIT"]["HITId"]
    asker.do(hit, worker)
    (one,) = client.list_assignments_for_hit(HITId=hit, AssignmentStatuses=["Submitted"])["Assignments"]
    client.reject_assignment(AssignmentId=one["AssignmentId"], RequesterFeedback="")
    assert client.list_assignments_for_hit(HITId=hit, AssignmentStatuses=["Submitted"])["NumResults"] == 0
    (rejected,) = client.list_assignments_for_hit(HITId=hit, AssignmentStatuses=["Rejected"])["Assignments"]
    assert rejected["AssignmentStatus"] == "Rejected" and rejected["RejectionTime"]
    refused("InvalidAssignmentState", "status of: Submitted", client.approve_assignment, AssignmentId=one["AssignmentId"])
    client.approve_assignment(AssignmentId=one["AssignmentId"], OverrideRejection=True, RequesterFeedback="Sorry")
    assert client.get_assignment(AssignmentId=one["AssignmentId"])["Assignment"]["AssignmentStatus"] == "Approved"
    client.delete_hit(HITId=hit)


def test_a_bonus_is_paid_once(asker: Turk, worker: Key) -> None:
    client = asker.client()
    hit = client.create_hit(**HIT)["HIT"]["HITId"]
    asker.do(hit, worker)
    (one,) = client.list_assignments_for_hit(HITId=hit)["Assignments"]
    client.approve_assignment(AssignmentId=one["AssignmentId"])
    bonus = {"WorkerId": one["WorkerId"], "AssignmentId": one["AssignmentId"], "BonusAmount": "1.5", "Reason": "Well done", "UniqueRequestToken": hit}
    client.send_bonus(**bonus)
    refused(None, "idempotency", client.send_bonus, **bonus)
    refused(None, "is not of worker", client.send_bonus, **bonus | {"WorkerId": "A" + "A" * 32, "UniqueRequestToken": "other"})
    (paid,) = client.list_bonus_payments(HITId=hit)["BonusPayments"]
    assert (paid["BonusAmount"], paid["WorkerId"], paid["Reason"]) == ("1.50", one["WorkerId"], "Well done")
    assert client.list_bonus_payments(AssignmentId=one["AssignmentId"])["NumResults"] == 1
    asker.running.until("SELECT 1 FROM mirror_tip WHERE receiver = :of", of=worker.address)
    refused(None, "either a HITId or an AssignmentId", client.list_bonus_payments)


def test_a_bonus_is_for_who_did_something_within_six_months(asker: Turk, worker: Key) -> None:
    client = asker.client()
    hit = client.create_hit(**HIT)["HIT"]["HITId"]
    old = asker.do(hit, worker)
    (one,) = client.list_assignments_for_hit(HITId=hit)["Assignments"]
    asker.running.write("UPDATE assignment SET revealed_at = '2026-01-02 03:04:05.000000' WHERE id = :id", id=old)
    bonus = {"WorkerId": one["WorkerId"], "AssignmentId": one["AssignmentId"], "BonusAmount": "0.01", "Reason": "Late thanks"}
    refused("InvalidParameterValue", "within six months", client.send_bonus, **bonus)
    assert client.list_bonus_payments(HITId=hit)["NumResults"] == 0
    asker.do(client.create_hit(**HIT)["HIT"]["HITId"], worker)
    client.send_bonus(**bonus)
    assert client.list_bonus_payments(HITId=hit)["NumResults"] == 1


def test_a_type_is_the_same_for_the_same_values(asker: Turk) -> None:
    client = asker.client()
    given = {name: HIT[name] for name in ("Title", "Description", "Keywords", "Reward", "AssignmentDurationInSeconds")}
    first = client.create_hit_type(**given)["HITTypeId"]
    assert client.create_hit_type(**given | {"Reward": "0.050"[:4]})["HITTypeId"] == first
    assert client.create_hit_type(**given | {"Reward": "0.06"})["HITTypeId"] != first
    hit = client.create_hit_with_hit_type(HITTypeId=first, LifetimeInSeconds=60, Question=HTML)["HIT"]
    assert hit["HITTypeId"] == first and hit["Title"] == HIT["Title"]
    refused("HITTypeDoesNotExist", "does not exist", client.create_hit_with_hit_type, HITTypeId="3NONE", LifetimeInSeconds=60, Question=HTML)


def test_a_hit_of_another_type_is_offered_again_at_that_types_reward(asker: Turk) -> None:
    client, running = asker.client(), asker.running
    hit = client.create_hit(**HIT)["HIT"]["HITId"]
    asker.job_of(hit)
    given = {name: HIT[name] for name in ("Title", "Description", "Keywords", "AssignmentDurationInSeconds")}
    other = client.create_hit_type(**given, Reward="0.07")["HITTypeId"]
    client.update_hit_type_of_hit(HITId=hit, HITTypeId=other)
    client.update_expiration_for_hit(HITId=hit, ExpireAt=0)
    client.update_expiration_for_hit(HITId=hit, ExpireAt=datetime.now(UTC) + timedelta(hours=1))
    waits = "SELECT 1 FROM mturk_part WHERE hit = :hit AND posting IS NULL"
    asker.until(lambda: not running.rows(waits, hit=hit))
    rows = running.rows(
        "SELECT m.hit_type, u.free FROM mturk_part m JOIN unit u ON u.posting = m.posting AND u.position = m.position WHERE m.hit = :hit AND u.free > 0", hit=hit
    )
    assert [tuple(row) for row in rows] == [(other, 1)]


def test_an_expired_hit_can_be_offered_again_and_extended(asker: Turk, worker: Key) -> None:
    client = asker.client()
    hit = client.create_hit(**HIT)["HIT"]["HITId"]
    asker.job_of(hit)
    client.update_expiration_for_hit(HITId=hit, ExpireAt=0)
    assert client.get_hit(HITId=hit)["HIT"]["NumberOfAssignmentsAvailable"] == 0
    client.update_expiration_for_hit(HITId=hit, ExpireAt=datetime.now(UTC) + timedelta(hours=1))
    assert client.get_hit(HITId=hit)["HIT"]["HITStatus"] == "Assignable"
    asker.until(lambda: not asker.running.rows("SELECT 1 FROM mturk_part WHERE hit = :hit AND posting IS NULL", hit=hit))
    asker.do(hit, worker)
    assert client.get_hit(HITId=hit)["HIT"]["HITStatus"] == "Reviewable"
    client.create_additional_assignments_for_hit(HITId=hit, NumberOfAdditionalAssignments=8, UniqueRequestToken="more")
    assert client.get_hit(HITId=hit)["HIT"]["NumberOfAssignmentsAvailable"] == 8
    more = {"HITId": hit, "NumberOfAdditionalAssignments": 1}
    refused(None, "idempotency", client.create_additional_assignments_for_hit, **more, UniqueRequestToken="more")
    refused("InvalidMaximumAssignmentsIncrease", "fewer than 10", client.create_additional_assignments_for_hit, **more)
    refused("HITDoesNotExist", "does not exist", client.get_hit, HITId="3" + "X" * 29)


def test_what_can_be_reviewed_is_listed_by_what_is_free_of_it(asker: Turk, worker: Key) -> None:
    client, given = asker.client(), HIT | {"Title": "Listed by what is free"}
    free, taken, answered, ended, looked_at = (client.create_hit(**given)["HIT"]["HITId"] for _ in range(5))
    kind = client.get_hit(HITId=free)["HIT"]["HITTypeId"]

    def listed(status: str = "Reviewable") -> set[str]:
        return {hit["HITId"] for hit in client.list_reviewable_hits(HITTypeId=kind, Status=status, MaxResults=100)["HITs"]}

    assert listed() == set(), "they wait for their money"
    asker.accept(taken, worker)
    for hit in (answered, looked_at):
        asker.do(hit, new_key())
    client.update_expiration_for_hit(HITId=ended, ExpireAt=0)
    client.update_hit_review_status(HITId=looked_at)
    assert listed() == {answered, ended} and listed("Reviewing") == {looked_at}
    store = Store(asker.running.database_url)
    with store.read() as connection:
        now = datetime.now(UTC)
        rows = [hit for on in (True, False) for hit in hits.reviewable_page(connection, asker.requester.address, on, kind, None, 100, now)]
    store.close()
    assert {hit.id for hit in rows} == {answered, ended, looked_at}, "what somebody can take or has taken isn't even read"
    later = {"ExpireAt": datetime.now(UTC) + timedelta(hours=1)}
    client.create_additional_assignments_for_hit(HITId=answered, NumberOfAdditionalAssignments=1)
    assert listed() == {ended}
    client.update_expiration_for_hit(HITId=answered, ExpireAt=0)
    client.update_expiration_for_hit(HITId=ended, **later)
    client.update_expiration_for_hit(HITId=looked_at, **later)
    assert listed() == {answered} and listed("Reviewing") == {looked_at}, "an end that is moved brings back only what has a free slot"
    client.update_expiration_for_hit(HITId=answered, **later)
    asker.until(lambda: not asker.running.rows("SELECT 1 FROM mturk_part WHERE hit = :hit AND posting IS NULL", hit=answered))
    asker.do(answered, new_key())
    assert listed() == {answered}
    pages = client.get_paginator("list_reviewable_hits").paginate(HITTypeId=kind, PaginationConfig={"PageSize": 1})
    assert [hit["HITId"] for page in pages for hit in page["HITs"]] == [answered]
    asker.running.write("UPDATE mturk_hit SET expires_at = created_at WHERE id = :hit", hit=free)
    assert listed() == {free, answered}, "at once, whether or not anybody has swept"


def test_a_hit_is_disposed_of_120_days_after_its_end_once_it_is_reviewed(asker: Turk, worker: Key) -> None:
    client, running = asker.client(), asker.running
    waits, ends, young = (client.create_hit(**HIT, MaxAssignments=2)["HIT"]["HITId"] for _ in range(3))
    asker.do(waits, worker)
    for hit, days in ((waits, 121), (ends, 121), (young, 119)):
        asker.job_of(hit)
        client.update_expiration_for_hit(HITId=hit, ExpireAt=0)
        at = (datetime.now(UTC) - timedelta(days=days)).isoformat(" ")
        running.write("UPDATE mturk_hit SET expires_at = :at WHERE id = :hit", at=at, hit=hit)

    def state(hit: str) -> str:
        return str(client.get_hit(HITId=hit)["HIT"]["HITStatus"])

    asker.until(lambda: state(ends) == "Disposed")
    assert state(waits) == state(young) == "Reviewable", "one has an answer that nobody reviewed, one is younger"
    (one,) = client.list_assignments_for_hit(HITId=waits)["Assignments"]
    client.approve_assignment(AssignmentId=one["AssignmentId"])
    asker.until(lambda: state(waits) == "Disposed")


def test_money_that_is_not_there_is_not_reserved(asker: Turk) -> None:
    client = asker.client()
    refused("InsufficientFunds", "This Requester has insufficient funds in their account to complete this transaction.", client.create_hit, **HIT | {"Reward": "60.00"}, MaxAssignments=2)
    refused("HitAlreadyExists", "The HIT with ID", lambda: [client.create_hit(**HIT, UniqueRequestToken="once") for _ in range(2)])


def test_others_see_nothing_of_it(asker: Turk) -> None:
    stranger = turk(asker.running, 1).client()
    hit = asker.client().create_hit(**HIT)["HIT"]["HITId"]
    refused("HITDoesNotExist", "does not exist", stranger.get_hit, HITId=hit)
    refused("HITDoesNotExist", "does not exist", stranger.list_assignments_for_hit, HITId=hit)
    assert all(one["HITId"] != hit for one in stranger.list_hits()["HITs"])


def test_every_list_has_its_pages(asker: Turk) -> None:
    client = asker.client()
    made = [client.create_hit(**HIT | {"Title": f"Page {number}"})["HIT"]["HITId"] for number in range(5)]
    pages = list(client.get_paginator("list_hits").paginate(PaginationConfig={"PageSize": 2}))
    seen = [one["HITId"] for page in pages for one in page["HITs"]]
    assert [id for id in seen if id in made] == made[::-1] and len(set(seen)) == len(seen)
    refused(None, "NextToken", client.list_hits, NextToken="bm90IG1pbmU")
    first = client.list_hits(MaxResults=1)["NextToken"]
    refused(None, "NextToken", client.list_reviewable_hits, NextToken=first)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"aws_secret_access_key": "x" * 40}, "InvalidSignatureException"),
        ({"aws_access_key_id": "PKIA" + "A" * 16}, "UnrecognizedClientException"),
    ],
)
def test_only_who_has_the_secret_gets_in(asker: Turk, changed: dict[str, str], code: str) -> None:
    with pytest.raises(ClientError) as error:
        asker.client(**changed).get_account_balance()
    assert error.value.response["Error"]["Code"] == code


def test_dollars_are_the_ledgers(asker: Turk) -> None:
    fresh = turk(asker.running, 7)
    assert fresh.client().get_account_balance()["AvailableBalance"] == "7.00"
    assert Escrow(asker.running.chain.rpc, asker.running.chain.deployment.escrow).balance_of(
        fresh.requester.address, asker.running.chain.deployment.token
    ) == 7 * DOLLAR
    assert new_key().address != fresh.requester.address
