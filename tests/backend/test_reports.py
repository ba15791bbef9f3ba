"""A broken task and a screen-out are reported in an answer's place, paid like it, rejected only as false, and decide nothing."""

import asyncio
import csv
import io
import json
import secrets
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from backend.services import reports
from backend.services.gold import GoldPolicy, _judged
from backend.store import holding
from backend.store.database import Store
from piecework.client import Market, Worker
from piecework.client.market import MarketError
from piecework.domain.errors import Conflict, Invalid
from piecework.domain.reports import Report
from tests.backend.counter import Counter, job, worker
from tests.backend.workshop import Works, answer, approve_all, call, new_key, open_job, promised, sign_in
from tests.conftest import Chain

BROKEN, SCREENED = Report("broken", "The picture doesn't load."), Report("screened_out", "I don't speak Finnish.")
CRITERIA = [{"code": "wrong", "text": "It is another class."}, {"code": "false-report", "text": "It isn't so."}]
TAKES = {"template": "classifier", "labels": ["a", "b"], "criteria": CRITERIA, "reports": {"screened_out": True, "each": 2}}


def test_reports_are_paid_bounded_rejected_only_as_false_and_left_out(market: Works, shared_chain: Chain) -> None:
    keys = [new_key(), new_key()]
    units = [({"source": name}, 2 if at else 1) for at, name in enumerate("uvwx")]

    async def run() -> None:
        async with Market(market.url) as client:
            asker, job = await open_job(client, shared_chain.requester, units, **TAKES)
            reporter, other = [await Worker.sign_in(client, key) for key in keys]
            assert job["manifest"]["reports"] == {"broken": True, "screened_out": True, "each": 2}
            leave = f"/v1/me/jobs/{job['id']}/reports"
            assert await client.get(leave, reporter.session) == {"kinds": ["broken", "screened_out"], "left": 2}
            said: list[dict[str, Any]] = []
            for unit, report in enumerate((BROKEN, SCREENED)):
                said.append(await reporter.take(job["id"], unit))
                salt = secrets.token_bytes(32)
                await reporter.report(job, said[-1], report, salt)
                await reporter.report(job, said[-1], report, salt)  # whose answer was lost on the way
            assert await client.get(leave, reporter.session) == {"kinds": ["broken", "screened_out"], "left": 0}
            third = await reporter.take(job["id"], 2)
            with pytest.raises(Conflict, match="return the task instead"):
                await reporter.report(job, third, BROKEN, bytes(32))
            assert (await client.get(f"/v1/assignments/{third['id']}", reporter.session))["state"] == "reserved", "nothing was promised"
            unasked(market, sign_in(market, keys[0]), third, keys[0].address)
            for unit in (1, 2):
                await answer(other, job, unit, {"label": "a"})

            found = [item async for item in client.items(f"/v1/jobs/{job['id']}/reports", asker.session)]
            assert [(one["unit"], one["kind"], one["why"], one["state"]) for one in found] == [
                (0, "broken", BROKEN.why, "revealed"), (1, "screened_out", SCREENED.why, "revealed")]
            review = f"/v1/jobs/{job['id']}/reviews"
            ids = [one["assignment"] for one in found]
            with pytest.raises(MarketError, match="rejected by the criterion false-report"):
                await client.post(review, {"reject": [{"assignment": ids[0], "code": "wrong", "reason": "no"}]}, asker.session)
            assert (await asker.submissions(job["id"], "rejected")) == []
            told = await client.post(review, {"reject": [{"assignment": ids[0], "code": "false-report", "reason": "It loads."}]}, asker.session)
            assert told["rejected"] == 1
            await client.post(review, {"undo": ids[:1]}, asker.session)

            page = await client.get(f"/hire/jobs/{job['id']}/results.json", asker.session)
            assert (page["answers"], page["reported"], page["units"][0]["label"], page["units"][1]["label"]) == (2, 2, None, "a")
            files(market, asker.session.token, job["id"], said)
            await approve_all(asker, job)
            paid = "SELECT worker FROM mirror_slot_payment WHERE job = :job AND worker = :worker GROUP BY worker HAVING count(*) = 2"
            market.until(paid, job=job["id"], worker=keys[0].address)

    asyncio.run(run())


def unasked(market: Works, token: str, taken: dict[str, Any], who: str) -> None:
    """A program that doesn't ask how many are left is told when it reveals; the limit holds."""
    salt, said = bytes(32), BROKEN.answer()
    body = {"commitment": promised(taken["job"], taken["slot"], who, salt, said)}
    assert call(market, "POST", f"/v1/assignments/{taken['id']}/commit", body, token).status == 200
    refused = call(market, "POST", f"/v1/assignments/{taken['id']}/reveal", {"answer": said, "salt": "0x" + salt.hex()}, token)
    assert refused.status == 409 and "at most 2 reports" in refused.body["detail"]


def files(market: Works, token: str, job: str, said: list[dict[str, Any]]) -> None:
    """CSV and JSON Lines show reports as such; a manifest and the consensus have none of them."""
    rows = {row["AssignmentId"]: row for row in csv.DictReader(io.StringIO(market.page(f"/hire/jobs/{job}/results.csv", token)))}
    assert (rows[said[0]["id"]]["Answer.$report"], rows[said[0]["id"]]["Answer.why"]) == ("broken", BROKEN.why)
    lines = [json.loads(line) for line in market.page(f"/hire/jobs/{job}/results.jsonl", token).splitlines()]
    assert [one["report"] for line in lines for one in line["answers"]] == ["broken", "screened_out", None, None]
    manifest = [json.loads(line) for line in market.page(f"/hire/jobs/{job}/results.manifest?name=kind", token).splitlines()]
    assert [(line["source"], line["kind"]) for line in manifest] == [("v", 0), ("w", 0)]
    review = market.page(f"/hire/jobs/{job}/review?state=all", token)
    assert "Reports the task as broken" in review and "doesn’t qualify" in review
    ((labels,),) = market.rows("SELECT count(*) FROM answer_label AS l JOIN posting AS p ON p.number = l.posting WHERE p.job = :job", job=job)
    assert labels == 2


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"criteria": [CRITERIA[0]]}, "needs the criterion false-report"),
        ({"reports": {"broken": False}}, "at least one of broken and screened_out"),
        ({"reports": {"each": 0}}, "how many reports of one worker are paid"),
    ],
)
def test_a_job_whose_reports_cant_be_is_refused(market: Works, changed: dict[str, Any], why: str) -> None:
    token = sign_in(market, market.chain.requester)
    body = {"title": "t", "instructions": "i", "reward": "1", "units": [{"content": {"source": "u"}, "slots": 1}], "salt": "0x" + "00" * 32}
    body |= {"closes_at": 2**31, "review_window_seconds": 86_400, "appeal_window_seconds": 86_400}
    said = call(market, "POST", "/v1/jobs/check", body | TAKES | changed, token)
    assert said.status == 200 and any(why in one["sentence"] for one in said.body["faults"]), said.body


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"$report": "boring", "why": "w"}, "takes reports of broken and screened_out"),
        ({"$report": ["broken"], "why": "w"}, "takes reports of"),
        ({"$report": "broken"}, "says in 'why' why"),
        ({"$report": "broken", "why": "  "}, "says in 'why' why"),
        ({"$report": "broken", "why": "w" * 2_001}, "says in 'why' why"),
        ({"$report": "broken", "why": "w", "label": "a"}, "says in 'why' why"),
    ],
)
def test_a_report_that_isnt_one_is_refused_in_a_sentence(said: Any, why: str) -> None:
    from piecework.domain.answers import AnswerCheck

    taking = {"template": "classifier", "labels": ["a"], "reports": {"broken": True, "screened_out": True, "each": 1}}
    with pytest.raises(Invalid, match=why):
        AnswerCheck(taking)(said)
    AnswerCheck(taking)(BROKEN.answer())
    with pytest.raises(Invalid, match="isn't what the job asks for"):
        AnswerCheck(taking | {"reports": None})(BROKEN.answer())


def test_where_a_unit_is_asked_until_it_is_sure_another_is_asked_in_a_reports_place(store: Store) -> None:
    overlap = json.dumps({"least": 2, "confidence_bps": 5_000})
    desk = Counter(store, store.write_now(lambda c: job(c, 1, [4], overlap, 2)), True)

    def report(who: str) -> None:
        row = desk.take(who)
        assert row is not None
        store.write_now(lambda c: reports.take(c, SimpleNamespace(**row), BROKEN, 1))

    report(worker(0))
    with pytest.raises(Conflict, match="at most 1"):
        store.write_now(lambda c: reports.take(c, SimpleNamespace(id="0x1", posting=1, slot=9, unit=0, worker=worker(0)), BROKEN, 1))
    for n in (1, 2):
        row = desk.take(worker(n))
        assert row is not None, "two are asked whatever was reported"
        desk.say(row, "a")
    assert desk.take(worker(3)) is None
    desk.step(60)
    assert desk.take(worker(3)) is None, "two who agree are enough, and the report is no answer"
    with store.read() as connection:
        unit = connection.execute(text("SELECT free, withheld, wanted FROM unit")).one()
        assert tuple(unit) == (0, 1, 3) and holding.held(connection, 1, 0, worker(0))


def test_reporting_a_known_unit_passes_no_entry_test() -> None:
    rows = [SimpleNamespace(said=None, kind="broken", label="a"), SimpleNamespace(said="a", kind=None, label="a"), SimpleNamespace(said=None, kind=None, label="a")]
    said = GoldPolicy(first=2, pass_right=2)
    assert _judged(said, rows)[0].asked == 2  # type: ignore[arg-type]
    assert "2 must be right, and 1 were" in str(_judged(said, rows)[1])  # type: ignore[arg-type]
