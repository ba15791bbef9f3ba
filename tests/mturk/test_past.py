"""Workers of Mechanical Turk claim what a requester's files say of them, by assignments that only the two know of."""

from backend.mturk.ids import worker_id
from tests.backend.workshop import call, new_key, sign_in
from tests.mturk.conftest import Turk, turk
from tests.mturk.test_life import refused
from tests.mturk.test_people import qualification

DID = [f"3{letter * 29}" for letter in "ABCDE"]


def test_an_old_id_is_claimed_with_proof_and_is_its_accounts_from_then_on(asker: Turk) -> None:
    running, client = asker.running, asker.client()
    birds = qualification(client, "Birds of old")
    other = turk(running, 1)
    theirs = qualification(other.client(), "Theirs")

    def leave(by: Turk, *workers: dict[str, object]) -> tuple[int, str]:
        answer = call(running, "PUT", "/v1/mturk-workers", {"workers": list(workers)}, by.token)
        return answer.status, answer.body["detail"] if answer.status != 204 else ""

    me, she = {"worker_id": "A1ME", "assignments": DID, "qualifications": {birds: 7}}, {"worker_id": "A2SHE", "assignments": DID[:1], "block": "Rude."}
    nothing = {"worker_id": "A3IT", "block": "Spam."}
    assert leave(asker, me, she, nothing) == (204, "") and leave(asker, me, she, nothing) == (204, ""), "said again"
    assert leave(other, {"worker_id": "A1ME", "assignments": ["3" + "Z" * 29]})[0] == 204
    for wrong, status in (([], 422), ([me, me], 422), ([me | {"worker_id": "bob"}], 422), ([me | {"assignments": ["3-"]}], 422), ([she | {"block": " "}], 422),
                          ([me | {"qualifications": {theirs: 1}}], 403), ([me | {"qualifications": {"3NONE": 1}}], 404), ([me | {"qualifications": {birds: -1}}], 422)):  # fmt: skip
        assert leave(asker, *wrong)[0] == status, wrong

    worker, stranger = new_key(), new_key()
    token, third = sign_in(running, worker), sign_in(running, stranger)

    def claim(by: str, old: str, named: list[str]) -> tuple[int, object]:
        answer = call(running, "POST", "/v1/mturk-workers/claims", {"worker_id": old, "assignments": named}, by)
        return answer.status, answer.body["items"] if answer.status == 200 else answer.body["detail"]

    for old, named in (("A1ME", DID[:2]), ("A1ME", [DID[0]] * 3), ("A1ME", []), ("A9NONE", DID), ("A3IT", []), ("A3IT", DID)):
        status, why = claim(third, old, named)
        assert status == 404 and "No requester here knows" in str(why), (old, named)
    refused("WorkerDoesNotExist", "does not exist", client.get_qualification_score, QualificationTypeId=birds, WorkerId="A1ME")
    granted = (200, [{"requester": asker.requester.address, "blocked": False, "qualifications": 1}])
    assert claim(token, "A1ME", DID[1:4]) == granted, "the other requester's assignment wasn't named"
    assert claim(token, "A1ME", DID[1:4]) == granted, "again"
    assert claim(third, "A1ME", DID[:3]) == (409, "Worker A1ME is claimed by another account.")
    assert claim(token, "A2SHE", DID[:1]) == (409, "Your account is worker A1ME to the same requester already.")
    assert claim(third, "A2SHE", DID[:1]) == (200, [{"requester": asker.requester.address, "blocked": True, "qualifications": 0}])
    for id in ("A1ME", worker_id(worker.address)):
        assert client.get_qualification_score(QualificationTypeId=birds, WorkerId=id)["Qualification"]["IntegerValue"] == 7
    assert {"WorkerId": worker_id(stranger.address), "Reason": "Rude."} in client.list_worker_blocks(MaxResults=100)["WorkerBlocks"]
    client.delete_worker_block(WorkerId="A2SHE")
    assert client.list_worker_blocks(MaxResults=100)["NumResults"] == 0
    assert leave(asker, me) == (204, "") and leave(asker, me | {"qualifications": {}})[0] == 409, "claimed"
    shown = call(running, "GET", "/v1/mturk-workers", token=asker.token).body["items"]
    assert [(one["worker_id"], one["assignments"], one["blocked"], one["account"]) for one in shown] == [
        ("A1ME", 5, False, worker.address), ("A2SHE", 1, True, stranger.address), ("A3IT", 0, True, None),
    ]  # fmt: skip
    (elsewhere,) = call(running, "GET", "/v1/mturk-workers", token=other.token).body["items"]
    assert (elsewhere["worker_id"], elsewhere["account"]) == ("A1ME", None)
