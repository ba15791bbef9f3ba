"""What detectors say never withholds pay; many rejections wait until somebody has looked; a job pays what it must an hour; requesters have
a record."""

import random
import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from piecework.domain.typed_data import Key
from tests.backend.workshop import Works, call, new_key, posting, promised, quick_job, sign_in, works
from tests.conftest import Chain

LABELS = ["a", "b", "c"]
CRITERIA = [{"code": "machine", "text": "A machine answered."}, {"code": "wrong", "text": "It is wrong."}]
TRUSTEE = Key(b"\x21" * 32)
UNITS, WORKERS = 40, 12
NORMAL = {"seconds": 30.0, "letters": 0, "pasted_share": 0.0, "focus_losses": 0, "rhythm": None}


@pytest.fixture(scope="module")
def bench(shared_chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A marketplace with a trustee and a floor of two dollars an hour, which the tests of the module share."""
    folder = tmp_path_factory.mktemp("bench")
    more = {"PIECEWORK_TRUSTEES": TRUSTEE.address, "PIECEWORK_HOURLY_FLOOR": "2000000"}
    with works(shared_chain, f"sqlite:///{folder}/piecework.db", folder, **more) as shared:
        yield shared


def answered(market: Works, job: dict[str, Any], key: Key, said: Any = "a") -> str:
    """One whole answer; the assignment's id."""
    token = sign_in(market, key)
    taken = call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, token)
    assert taken.status == 201, taken
    salt, path = secrets.token_bytes(32), f"/v1/assignments/{taken.body['id']}"
    commitment = promised(job["id"], taken.body["slot"], key.address, salt, said)
    assert call(market, "POST", f"{path}/commit", {"commitment": commitment}, token).status == 200
    assert call(market, "POST", f"{path}/reveal", {"answer": said, "salt": "0x" + salt.hex()}, token).status == 200
    return str(taken.body["id"])


def crowd(market: Works, job: dict[str, Any], copy: Key, other: Key) -> None:
    """Labels and signals of a crowd, as reveals write them: honest people who err in a tenth, and two who make each other's mistakes, of whom
    `copy` answers in a second."""
    (row,) = market.rows("SELECT number FROM posting WHERE job = :job", job=job["id"])
    chance = random.Random(1)
    workers = [f"0x{n:040x}" for n in range(WORKERS - 2)] + [copy.address, other.address]
    labels, signals = list[dict[str, Any]](), list[dict[str, Any]]()
    for unit in range(UNITS):
        truth = LABELS[unit % 3]
        theirs = LABELS[(unit + 1) % 3] if unit % 3 == 1 else truth
        for at, worker in enumerate(workers):
            slot = unit * (WORKERS + 2) + 2 + at
            honest = truth if chance.random() > 0.1 else chance.choice([one for one in LABELS if one != truth])
            said = theirs if at >= WORKERS - 2 else honest
            values = {"posting": row.number, "slot": slot, "worker": worker}
            labels.append(values | {"unit": unit, "label": said})
            if unit < 6:
                signals.append(values | {"seconds": 1.0 if worker == copy.address else chance.uniform(20, 40)})
    market.write("INSERT INTO answer_label (posting, slot, unit, worker, label) VALUES (:posting, :slot, :unit, :worker, :label)", *labels)
    market.write(
        "INSERT INTO answer_signal (posting, slot, worker, seconds, letters, pasted_share, focus_losses) "
        "VALUES (:posting, :slot, :worker, :seconds, 0, 0, 0)",
        *signals,
    )
    at_rest = "SELECT 1 FROM job_consensus WHERE posting = :of AND fitted >= :all AND fitted = answers AND refit_at IS NULL"
    market.until(at_rest, of=row.number, all=UNITS * WORKERS)  # what detectors say has numbers in it that each fit moves


def test_a_word_of_a_detector_withholds_nothing_and_two_with_a_persons_review_only_allow_what_can_be_appealed(running: Works) -> None:
    terms = {"labels": LABELS, "signals": True, "criteria": CRITERIA}
    token, job = quick_job(running, [(n, WORKERS + 2) for n in range(UNITS)], **terms)
    copy, other = new_key(), new_key()
    mine, theirs = answered(running, job, copy), answered(running, job, other)
    crowd(running, job, copy, other)
    path = f"/v1/jobs/{job['id']}/signals"
    assert call(running, "POST", f"{path}/run", {}, token).status == 202
    running.until("SELECT 1 FROM detection WHERE ran_at IS NOT NULL")
    view = call(running, "GET", path, token=token).body
    found = {one["worker"]: one for one in view["items"]}
    assert {copy.address, other.address} <= found.keys() and view["ran_at"] and view["due_at"] is None
    assert {s["detector"] for s in found[copy.address]["signals"]} == {"collusion", "interaction"}
    assert {s["detector"] for s in found[other.address]["signals"]} == {"collusion"}
    for one in view["items"]:
        assert not one["withholds_pay"] and one["advice"] == "a person should look"
        assert all(0 <= s["false_positive_rate"] < 0.1 for s in one["signals"])

    own = call(running, "GET", "/v1/me/signals", token=sign_in(running, copy)).body["items"]
    assert [one["job"] for one in own] == [job["id"]] and other.address not in str(own) and "another worker" in str(own)
    assert all("false_positive_rate" in s for s in own[0]["signals"])

    def reject(id: str) -> int:
        body = {"reject": [{"assignment": id, "code": "machine", "reason": "A machine."}]}
        return call(running, "POST", f"/v1/jobs/{job['id']}/reviews", body, token).status

    def review(worker: Key, verdict: str, reason: str = "I compared the answers.") -> int:
        return call(running, "PUT", f"{path}/{worker.address}/review", {"verdict": verdict, "reason": reason}, token).status

    assert (reject(mine), reject(theirs)) == (409, 409), "nobody has looked"
    assert review(copy, "cleared") == 204 and reject(mine) == 409
    assert [review(copy, "confirmed"), review(other, "confirmed")] == [204, 204]
    assert reject(theirs) == 409, "one signal only, whatever a person says"
    assert reject(mine) == 200
    (shown,) = call(running, "GET", "/v1/me/signals", token=sign_in(running, copy)).body["items"]
    assert shown["review"]["reason"] == "I compared the answers." and "appeal" in shown["advice"] and not shown["withholds_pay"]
    assert shown["review"]["moved"] is False
    assert (review(new_key(), "cleared"), review(copy, "guilty"), review(copy, "cleared", " ")) == (404, 422, 422)
    stranger = sign_in(running, new_key())
    assert [call(running, "GET", path, token=stranger).status, call(running, "POST", f"{path}/run", {}, stranger).status] == [403, 403]

    running.write("UPDATE finding SET evidence = evidence || ' And more.' WHERE worker = :who", who=copy.address)  # as each fit moves numbers
    (shown,) = call(running, "GET", "/v1/me/signals", token=sign_in(running, copy)).body["items"]
    assert shown["review"]["verdict"] == "confirmed" and shown["review"]["moved"] and "appeal" in shown["advice"], "it is the same claim"
    call(running, "PUT", "/v1/me/sharing", {"share": False}, sign_in(running, copy))
    assert call(running, "POST", f"{path}/run", {}, token).status == 202
    running.until("SELECT 1 FROM finding WHERE NOT EXISTS (SELECT 1 FROM finding WHERE detector = 'interaction')")
    again = {one["worker"]: one for one in call(running, "GET", path, token=token).body["items"]}
    assert again[copy.address]["review"]["moved"] and again[copy.address]["advice"] == "a person should look", "one of two signals is left"
    assert again[other.address]["review"]["verdict"] == "confirmed"


def test_a_word_that_only_a_machine_reads_is_a_signal_where_the_job_looks(market: Works) -> None:
    token, job = quick_job(market, [({"source": "Hello"}, 3)], template="translation", signals=True, ai_policy="forbidden")
    machine, person, words = new_key(), new_key(), []
    for key in (machine, person):
        own = sign_in(market, key)
        taken = call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, own).body
        page = market.page(f"/work/assignments/{taken['id']}/task.html", own)
        hidden = re.search(r'<div hidden aria-hidden="true" data-canary>[^<]* the word ([a-z]{14}) ', page)
        assert hidden is not None, page
        words.append(hidden[1])
        said = f"Hallo, {words[0].upper()}!" if key is machine else "Hallo"
        salt, path = secrets.token_bytes(32), f"/v1/assignments/{taken['id']}"
        commitment = promised(job["id"], taken["slot"], key.address, salt, said)
        assert call(market, "POST", f"{path}/commit", {"commitment": commitment}, own).status == 200
        assert call(market, "POST", f"{path}/reveal", {"answer": said, "salt": "0x" + salt.hex()}, own).status == 200
    assert words[0] == words[1], "a unit's own"
    path = f"/v1/jobs/{job['id']}/signals"
    assert call(market, "POST", f"{path}/run", {}, token).status == 202
    market.until("SELECT 1 FROM detection WHERE ran_at IS NOT NULL AND posting = (SELECT max(number) FROM posting)")
    (found,) = call(market, "GET", path, token=token).body["items"]
    assert found["worker"] == machine.address and [one["detector"] for one in found["signals"]] == ["canary"] and not found["withholds_pay"]
    for other in ({"ai_policy": "allowed", "signals": True}, {"ai_policy": "forbidden"}):
        _, plain = quick_job(market, [({"source": "Hello"}, 3)], template="translation", **other)
        own = sign_in(market, person)
        taken = call(market, "POST", f"/v1/jobs/{plain['id']}/assignments", {}, own).body
        assert "canary" not in market.page(f"/work/assignments/{taken['id']}/task.html", own)


def test_signals_are_the_workers_to_give_and_the_jobs_to_ask_for(market: Works) -> None:
    _, job = quick_job(market, [("x", 9)], labels=LABELS, signals=True)
    _, plain = quick_job(market, [("x", 9)], labels=LABELS)
    key = new_key()
    token = sign_in(market, key)
    taken = call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, token).body
    path = f"/v1/assignments/{taken['id']}/signals"
    assert call(market, "POST", path, NORMAL, token).status == 409, "before it is committed to"
    commitment = promised(job["id"], taken["slot"], key.address, b"\0" * 32, "a")
    call(market, "POST", f"/v1/assignments/{taken['id']}/commit", {"commitment": commitment}, token)
    for wrong in ({"seconds": -1}, {"pasted_share": 1.1}, {"letters": 2**60}, {"rhythm": -0.1}, {"seconds": "1"}, {"keys": "abc"}):
        assert call(market, "POST", path, NORMAL | wrong, token).status == 422, wrong
    assert call(market, "POST", path, NORMAL, sign_in(market, new_key())).status == 404
    assert call(market, "POST", path, NORMAL, token).body == {"kept": True}
    count = "SELECT 1 FROM answer_signal WHERE worker = :who"
    assert len(market.rows(count, who=key.address)) == 1
    assert call(market, "GET", "/v1/me/sharing", token=token).body == {"share": True}
    assert call(market, "PUT", "/v1/me/sharing", {"share": False}, token).body == {"share": False}
    assert call(market, "POST", path, NORMAL, token).body == {"kept": False}
    assert market.rows(count, who=key.address) == [], "what was shared is taken back"
    other = answered(market, plain, key)
    assert call(market, "POST", f"/v1/assignments/{other}/signals", NORMAL, token).status == 409


def test_more_rejections_than_half_wait_until_somebody_has_looked(bench: Works) -> None:
    token, job = quick_job(bench, [("x", 24)], labels=LABELS, estimated_seconds=60)
    ids = [answered(bench, job, new_key()) for _ in range(24)]
    path = f"/v1/jobs/{job['id']}"

    def reject(some: list[str]) -> int:
        return call(bench, "POST", f"{path}/reviews", {"reject": [{"assignment": id, "reason": "no"} for id in some]}, token).status

    assert call(bench, "POST", f"{path}/reviews", {"approve": ids[:9]}, token).status == 200
    assert reject(ids[9:18]) == 200
    assert reject(ids[18:]) == 409
    assert reject(ids[18:19]) == 200, "nineteen reviews are too few to judge by"
    bulk = {"verdict": "rejected", "filter": {}, "reason": "no"}
    preview = call(bench, "POST", f"{path}/reviews/bulk", bulk, token).body
    refused = call(bench, "POST", f"{path}/reviews/bulk", bulk | {"token": preview["token"]}, token)
    assert refused.status == 409 and "somebody has looked" in refused.body["detail"], refused
    standing = call(bench, "GET", f"{path}/rejections", token=token).body
    assert (standing["approved"], standing["rejected"], standing["released"]) == (9, 10, False), "nothing of the refused was kept"

    trustee, stranger = sign_in(bench, TRUSTEE), sign_in(bench, new_key())
    assert call(bench, "POST", f"{path}/rejections", {"reason": "They are all empty."}, stranger).status == 403
    assert call(bench, "POST", f"{path}/rejections", {"reason": "They are all empty."}, token).status == 202
    assert call(bench, "POST", f"{path}/rejections", {"reason": "Once more."}, token).status == 409
    assert call(bench, "GET", "/v1/rejections", token=token).status == 403
    (waiting,) = call(bench, "GET", "/v1/rejections", token=trustee).body["items"]
    assert (waiting["job"], waiting["why"]) == (job["id"], "They are all empty.")
    look = {"released": False, "said": "They are not."}
    assert call(bench, "PUT", f"/v1/rejections/{job['id']}", look, token).status == 403
    assert call(bench, "PUT", f"/v1/rejections/{job['id']}", look, trustee).status == 204
    assert reject(ids[19:]) == 409
    assert call(bench, "POST", f"{path}/rejections", {"reason": "Look again."}, token).status == 202
    assert call(bench, "PUT", f"/v1/rejections/{job['id']}", look | {"released": True}, trustee).status == 204
    assert reject(ids[19:]) == 200
    assert call(bench, "PUT", f"/v1/rejections/{job['id']}", look, trustee).status == 404
    _the_owner_looks_in_a_trustees_place(bench, token, job["id"])

    seen = call(bench, "GET", f"/v1/requesters/{bench.chain.requester.address}").body
    assert (seen["approved"], seen["rejected"]) == (9, 15) and seen["record"]["contested"] >= 0
    assert call(bench, "POST", f"{path}/reviews", {"undo": ids[9:11]}, token).status == 200
    assert call(bench, "POST", f"{path}/reviews", {"approve": ids[11:12]}, token).status == 200
    seen = call(bench, "GET", f"/v1/requesters/{bench.chain.requester.address}").body
    assert (seen["approved"], seen["rejected"]) == (10, 12)
    unknown = call(bench, "GET", f"/v1/requesters/{new_key().address}").body
    assert (unknown["approved"], unknown["rejected"], unknown["record"]["paid"], unknown["tips"]) == (0, 0, 0, [])
    assert call(bench, "GET", "/v1/requesters/me").status == 422


def _the_owner_looks_in_a_trustees_place(bench: Works, token: str, job: str) -> None:
    """With the command that works where there are no trustees, beside the running service."""
    bench.write("UPDATE rejection_release SET released = 0, decided_at = NULL, decided_by = NULL, why = 'Really empty.'")

    def owner(*said: str) -> tuple[int, str]:
        done = bench.command("backend.rejections", *said)
        return done.returncode, done.stdout + done.stderr

    assert owner() == (0, f"{job}  {bench.chain.requester.address}  Really empty.\n")
    assert owner(job, "maybe", "I looked.")[0] == owner(job, "released", " ")[0] == owner("0x12", "released", "I looked.")[0] == 2
    assert owner(job, "released", "I looked.") == (0, "")
    standing = call(bench, "GET", f"/v1/jobs/{job}/rejections", token=token).body
    assert (standing["released"], standing["said"]) == (True, "I looked.")
    assert owner(job, "refused", "Once more.") == (2, "Nothing of this job waits for a look.\n")


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [
        ({}, "estimated_seconds", "how long"),
        ({"estimated_seconds": 91}, "reward", "pay at least 50556"),
        ({"estimated_seconds": 90}, None, ""),
        ({"estimated_seconds": 60, "hourly_floor": "3000001"}, "reward", "3000001"),
        ({"estimated_seconds": 0}, "estimated_seconds", "one second"),
        ({"token": "0x" + "11" * 20}, None, ""),
        ({"token": "0x" + "11" * 20, "hourly_floor": "1"}, "estimated_seconds", "how long"),
    ],
)  # fmt: skip
def test_a_job_that_pays_too_little_an_hour_is_refused_before_it_is_funded(
    bench: Works, changed: dict[str, Any], field: str | None, says: str
) -> None:
    token, body = sign_in(bench, bench.chain.requester), posting([("x", 1)], **changed)
    faults = call(bench, "POST", "/v1/jobs/check", body, token).body["faults"]
    made = call(bench, "POST", "/v1/jobs", body, token)
    if field is None:
        assert faults == [] and made.status == 201, (faults, made)
    else:
        assert [one["field"] for one in faults] == [field] and says in faults[0]["sentence"]
        assert made.status == 422 and says in made.body["detail"]


def test_a_job_without_a_floor_is_described_as_before(market: Works) -> None:
    token = sign_in(market, market.chain.requester)
    manifest = call(market, "POST", "/v1/jobs", posting([("x", 1)]), token).body["manifest"]
    assert not {"signals", "estimated_seconds", "hourly_floor", "overlap", "gold"} & manifest.keys()
