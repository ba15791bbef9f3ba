"""A requester's pages read without a browser: progress, results and the files, by a bearer's session."""

import asyncio
import base64
import csv
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sqlalchemy import Connection, insert, select, update
from sqlmodel import col

from backend.store.tables import Assignment, JobConsensus, Posting, Thread
from piecework.client import Market, Worker
from piecework.quality import manifest
from piecework.sql import open_engine
from tests.backend.workshop import Works, answer, call, new_key, open_job, quick_job, sign_in

UNITS = [({"source": f"Text {at}", "note": "=1+1"}, 3) for at in range(4)]
AT_REST = "SELECT 1 FROM job_consensus JOIN posting ON number = posting WHERE job = :job AND refit_at IS NULL"
SAID = (("yes", "yes", "no", "yes"), ("yes", "no", "no", "yes"), ("yes", "yes", "no", "no"))


@pytest.fixture(scope="module")
def done(market: Works) -> tuple[str, dict[str, Any]]:
    """A requester's token, and its job with three workers' answers: one rejected."""

    async def run() -> tuple[str, dict[str, Any]]:
        async with Market(market.url) as api:
            criteria = [{"code": "wrong", "text": "The answer contradicts the text."}]
            changed = {"template": "classifier", "labels": ["yes", "no"], "criteria": criteria, "title": "Yes or no"}
            asker, job = await open_job(api, market.chain.requester, UNITS, **changed)
            for said in SAID:
                worker = await Worker.sign_in(api, new_key())
                for unit, label in enumerate(said):
                    await answer(worker, job, unit, {"label": label})
            last = (await asker.submissions(job["id"]))[-1]
            body = {"reject": [{"assignment": last["id"], "code": "wrong", "reason": "=cmd|x"}]}
            await api.post(f"/v1/jobs/{job['id']}/reviews", body, asker.session)
            return asker.session.token, job

    token, job = asyncio.run(run())
    market.until(f"{AT_REST} AND rejected = 1 AND fitted = 12", job=job["id"])
    return token, job


@contextmanager
def writing(market: Works) -> Iterator[Connection]:
    """Where the coordinator keeps rows, for those that it would take minutes to make."""
    engine = open_engine(market.database_url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def read(market: Works, path: str, token: str | None) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers."""
    request = urllib.request.Request(market.url + path, headers={"authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read(), dict(refused.headers)


def test_a_stranger_is_asked_to_sign_in_and_another_requester_is_refused(market: Works, done: tuple[str, dict[str, Any]]) -> None:
    other = sign_in(market, new_key())
    for path in ("/hire", f"/hire/jobs/{done[1]['id']}", f"/hire/jobs/{done[1]['id']}/results"):
        status, html, _ = read(market, path, None)
        assert status == 401 and b"Sign in" in html
    assert read(market, f"/hire/jobs/{done[1]['id']}", other)[0] == 403
    assert read(market, f"/hire/jobs/{done[1]['id']}/results.csv", other)[0] == 403
    assert json.loads(read(market, "/hire.json", other)[1])["jobs"] == []
    assert b"You have no job yet" in read(market, "/hire", other)[1]


def test_my_jobs_and_their_twin_say_the_same(market: Works, done: tuple[str, dict[str, Any]]) -> None:
    token, job = done
    status, html, headers = read(market, "/hire", token)
    assert status == 200 and b"Yes or no" in html and b"12 of 12" in html and "unsafe" not in headers["content-security-policy"]
    twin = json.loads(read(market, "/hire.json", token)[1])
    assert [one["id"] for one in twin["jobs"]] == [job["id"]] and twin["answered"] == {job["id"]: 12}


def test_progress_shows_agreement_cost_and_workers(market: Works, done: tuple[str, dict[str, Any]]) -> None:
    token, job = done
    html = read(market, f"/hire/jobs/{job['id']}", token)[1].decode()
    assert html.count("<svg") >= 6 and "11 answers wait" in html and "<script>" not in html and "style=" not in html
    twin = json.loads(read(market, f"/hire/jobs/{job['id']}.json", token)[1])
    assert twin["answers"] == 12 and twin["rejected"] == 1 and len(twin["revealed_at"]) == 12
    assert twin["agreement"] | {"alpha": 0} == {"unanimous": 3, "most": 1, "split": 0, "alpha": 0}
    assert {one["answers"] for one in twin["workers"]} == {4, 3} and all(0 < one["low"] < one["right"] < one["high"] < 1 for one in twin["workers"])


def test_progress_comes_by_itself_as_answers_do(market: Works, done: tuple[str, dict[str, Any]]) -> None:
    token, job = done
    request = urllib.request.Request(f"{market.url}/hire/jobs/{job['id']}/live", headers={"authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=20) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        first = b"".join(stream.readline() for _ in range(3))
    assert first.startswith(b"event: progress\ndata: ") and "answers wait" in json.loads(first.split(b"data: ")[1])


def test_results_decide_each_unit_with_a_confidence(market: Works, done: tuple[str, dict[str, Any]]) -> None:
    token, job = done
    for by in ("ds", "majority"):
        twin = json.loads(read(market, f"/hire/jobs/{job['id']}/results.json?by={by}", token)[1])
        assert [unit["label"] for unit in twin["units"]] == ["yes", "yes", "no", "yes"] and twin["used"] == by
        assert all(0.5 < unit["confidence"] <= 1 for unit in twin["units"]) and [unit["votes"] for unit in twin["units"]] == [3, 3, 3, 2]
        assert {name: twin[name] for name in ("answers", "rejected", "reported", "decided", "fitted", "behind")} == {
            "answers": 12, "rejected": 1, "reported": 0, "decided": 4, "fitted": 12, "behind": False,
        }  # fmt: skip
    stands = call(market, "GET", f"/v1/jobs/{job['id']}/consensus", token=token).body
    twin = json.loads(read(market, f"/hire/jobs/{job['id']}/results.json", token)[1])
    assert twin["alpha"] == stands["alpha"] and [one["confidence"] for one in twin["units"]] == [one["confidence"] for one in stands["items"]]
    assert b"is as of" not in read(market, f"/hire/jobs/{job['id']}/results", token)[1]
    assert b"Dawid-Skene" in read(market, f"/hire/jobs/{job['id']}/results", token)[1]
    assert read(market, f"/hire/jobs/{job['id']}/results?by=dice", token)[0] == 422


def test_csv_has_the_columns_of_mechanical_turk_and_no_formula(market: Works, done: tuple[str, dict[str, Any]]) -> None:
    token, job = done
    status, body, headers = read(market, f"/hire/jobs/{job['id']}/results.csv", token)
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    assert status == 200 and "attachment" in headers["content-disposition"] and len(rows) == 12
    assert list(rows[0])[:4] == ["HITId", "HITTypeId", "Title", "Description"] and list(rows[0])[-5:] == ["Input.note", "Input.source", "Answer.label", "Approve", "Reject"]
    assert [row["Answer.label"] for row in rows[:3]] == ["yes", "yes", "yes"] and rows[0]["Input.source"] == "Text 0"
    assert rows[0]["Input.note"] == "'=1+1" and rows[0]["Reward"] == "0.05 USDC" or rows[0]["Reward"].startswith("0.05 ")
    rejected = [row for row in rows if row["AssignmentStatus"] == "Rejected"]
    assert len(rejected) == 1 and rejected[0]["RequesterFeedback"] == "'=cmd|x" and rejected[0]["RejectionTime"]


def test_json_lines_parquet_and_manifest_say_the_same(market: Works, done: tuple[str, dict[str, Any]]) -> None:
    token, job = done
    path = f"/hire/jobs/{job['id']}/results"
    lines = [json.loads(line) for line in read(market, path + ".jsonl", token)[1].splitlines()]
    assert [line["label"] for line in lines] == ["yes", "yes", "no", "yes"] and [len(line["answers"]) for line in lines] == [3] * 4
    table = pq.read_table(io.BytesIO(read(market, path + ".parquet", token)[1])).to_pylist()
    assert len(table) == 12 and [row["unit"] for row in table] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert {row["assignment"] for row in table} == {one["assignment"] for line in lines for one in line["answers"]}
    assert table[0]["label"] == "yes" and table[0]["submitted_at"].tzinfo is not None and json.loads(table[0]["answer"]) == {"label": "yes"}
    marked = list(manifest.read(read(market, path + ".manifest?name=answer", token)[1].splitlines(), "answer"))
    assert [one.label for one in marked] == ["yes", "yes", "no", "yes"] and marked[0].line["source"] == "Text 0" and marked[0].human
    assert read(market, path + ".xlsx", token)[0] == 404 and read(market, path + ".manifest?name=a%20b", token)[0] in (400, 422)


def test_a_rejected_answer_counts_for_nothing_in_its_unit_and_a_unit_of_very_many_answers_is_decided_once(market: Works) -> None:
    token, job = quick_job(market, [({"source": "large"}, 2_001), ({"source": "small"}, 2)], template="classifier", labels=["yes", "no"])
    (posting,) = market.rows("SELECT number FROM posting WHERE job = :job", job=job["id"])
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    common = {"posting": posting.number, "created_at": at, "expires_at": at, "committed_at": at, "revealed_at": at}
    said = [(slot, "no" if slot in (1_999, 2_001) else "yes", "rejected" if slot in (0, 2_002) else "revealed") for slot in range(2_003)]
    rows = [
        common | {"id": f"0x{slot:032x}", "unit": slot // 2_001, "slot": slot, "worker": f"0x{slot:040x}", "state": state}
        | {"answer": json.dumps({"label": label}), "reason": "No." if state == "rejected" else None}
        for slot, label, state in said
    ]  # fmt: skip
    with writing(market) as connection:
        connection.execute(insert(Assignment), rows)
    path = f"/hire/jobs/{job['id']}/results"
    for by in ("ds", "majority"):
        large, small = json.loads(read(market, f"{path}.json?by={by}", token)[1])["units"]
        assert (large["label"], large["votes"], round(large["confidence"], 4), len(large["answers"])) == ("yes", 2_000, 0.9995, 12)
        assert (small["label"], small["votes"], small["confidence"]) == ("no", 1, 1)
    twin = json.loads(read(market, path + ".json", token)[1])
    assert (twin["answers"], twin["rejected"], twin["decided"], twin["used"], twin["behind"]) == (2_003, 2, 2, "majority", False)
    lines = [json.loads(line) for line in read(market, path + ".jsonl", token)[1].splitlines()]
    assert [(line["unit"], line["label"], len(line["answers"])) for line in lines] == [(0, "yes", 2_000), (0, "yes", 1), (1, "no", 2)]
    table = list(csv.DictReader(io.StringIO(read(market, path + ".csv", token)[1].decode())))
    assert len(table) == 2_003 and table[0]["SubmitTime"] == "Fri Jan 02 03:04:05 UTC 2026" and table[0]["AssignmentStatus"] == "Rejected"
    marked = list(manifest.read(read(market, path + ".manifest", token)[1].splitlines(), "label"))
    assert [one.label for one in marked] == ["yes", "no"]
    units = json.loads(read(market, f"/hire/jobs/{job['id']}/review.json?state=all&unit=1", token)[1])["units"]
    assert [(unit["label"], unit["votes"]) for unit in units] == [("no", 1)]


def test_a_page_that_waits_for_a_fit_says_as_of_when_it_is(market: Works, done: tuple[str, dict[str, Any]]) -> None:
    token, job = done
    (posting,) = market.rows("SELECT number FROM posting WHERE job = :job", job=job["id"])
    path, far, of = f"/hire/jobs/{job['id']}/results", datetime(2100, 1, 1, tzinfo=UTC), col(JobConsensus.posting) == posting.number
    with writing(market) as connection:
        row = connection.execute(select(JobConsensus).where(of)).one()
        connection.execute(update(JobConsensus).where(of).values(refit_at=far))
    html = read(market, path, token)[1].decode()
    assert f'is as of <time datetime="{row.fitted_at.isoformat()}">' in html and "from 12 answers" in html
    assert json.loads(read(market, path + ".json", token)[1])["behind"] is True
    with writing(market) as connection:
        connection.execute(update(JobConsensus).where(of).values(refit_at=far, fitted_at=None))
    assert "so the votes are counted" in read(market, path, token)[1].decode()
    with writing(market) as connection:
        connection.execute(update(JobConsensus).where(of).values(refit_at=None, fitted_at=row.fitted_at))


def test_a_job_without_answers_has_empty_files_and_says_so(market: Works) -> None:
    token, job = quick_job(market, [("a", 1)])
    path = f"/hire/jobs/{job['id']}"
    assert b"No answer yet" in read(market, path, token)[1] and b"no answers yet" in read(market, path + "/results", token)[1]
    assert len(read(market, path + "/results.csv", token)[1].splitlines()) == 1 and read(market, path + "/results.manifest", token)[1] == b""
    assert pq.read_table(io.BytesIO(read(market, path + "/results.parquet", token)[1])).num_rows == 0
    assert call(market, "GET", path + ".json", token=token).body["agreement"]["alpha"] is None


def test_review_shows_what_waits_beside_its_siblings(market: Works, done: tuple[str, dict[str, Any]]) -> None:
    token, job = done
    path = f"/hire/jobs/{job['id']}/review"
    shown = json.loads(read(market, path + ".json", token)[1])
    assert [unit["unit"] for unit in shown["units"]] == [0, 1, 2, 3] and all(len(unit["answers"]) == 3 for unit in shown["units"])
    assert [one["matched"] for unit in shown["units"] for one in unit["answers"]].count(False) == 1
    assert [one["agrees"] for one in shown["units"][1]["answers"]] == [True, False, True]
    assert read(market, path, token)[1].decode().count("data-answer=") == 12
    rejected = json.loads(read(market, path + ".json?state=rejected", token)[1])["units"]
    assert [unit["unit"] for unit in rejected] == [3] and sum(one["matched"] for one in rejected[0]["answers"]) == 1
    assert len(json.loads(read(market, path + ".json?state=all&unit=2", token)[1])["units"]) == 1
    for wrong in ("state=lost", "unit=x", "worker=me"):
        assert read(market, f"{path}?{wrong}", token)[0] == 422
    page = read(market, f"/hire/jobs/{job['id']}/units/1.html", token)
    assert page[0] == 200 and b"crowd-classifier" in page[1] and page[2]["content-type"].startswith("text/plain")
    assert read(market, f"/hire/jobs/{job['id']}/units/9.html", token)[0] == 404


def test_conversations_come_a_page_at_a_time_the_newest_first_and_each_side_on_its_own_page(market: Works) -> None:
    key, stranger = new_key(), new_key().address
    (posting,), at = market.rows("SELECT min(number) AS number FROM posting"), datetime(2026, 1, 2, tzinfo=UTC)
    sides = [("requester", "worker"), ("worker", "requester")]
    threads = [
        {"id": f"0x{120 * number + turn:032x}", "posting": -number, own: key.address, other: new_key().address, "created_at": at}
        for number in range(1, 61)
        for turn, (own, other) in enumerate(sides)
    ]
    with writing(market) as connection:
        job = connection.execute(select(Posting).where(col(Posting.number) == posting.number)).one()._asdict() | {"requester": stranger}
        connection.execute(insert(Posting), [job | {"number": -one, "job": f"0x{one:064x}"} for one in range(1, 61)])
        connection.execute(insert(Thread), [one | {"requester_read": 0, "worker_read": 0} for one in threads])
    token = sign_in(market, key)
    for turn, path in enumerate(("/hire/people", "/messages")):
        first = json.loads(read(market, path + ".json", token)[1])
        second = json.loads(read(market, f"{path}.json?cursor={first['next']}", token)[1])
        mine = [one["id"] for one in threads[turn::2]]
        assert [one["id"] for one in first["threads"] + second["threads"]] == mine[::-1] and second["next"] is None
        assert len(first["threads"]) == 50 and f'href="?cursor={first["next"]}"' in read(market, path, token)[1].decode()
        assert read(market, f"{path}?cursor=x", token)[0] == 422


def test_money_is_said_and_what_is_signed_is_prepared(market: Works, done: tuple[str, dict[str, Any]]) -> None:
    token, job = done
    assert b"locked in your jobs" in read(market, "/hire/money", token)[1]
    twin = json.loads(read(market, "/hire/money.json", token)[1])
    assert int(twin["locked"]) >= 12 * 50_000
    assert call(market, "GET", f"/hire/jobs/{job['id']}/funding.json", token=token).body == {"done": True}
    early = call(market, "GET", f"/hire/jobs/{job['id']}/close.json", token=token)
    assert early.status == 409 and "promised" in early.body["detail"]
    assert call(market, "POST", "/hire/money/deposit.json", {"amount": "0"}, token).status == 422
    assert call(market, "POST", "/hire/money/deposit.json", {"amount": str(10**30)}, token).status == 409


def test_what_workers_and_units_say_is_never_markup(market: Works) -> None:
    evil = '</script><img src=x onerror="alert(1)">'

    async def run() -> tuple[str, str]:
        async with Market(market.url) as api:
            asker, job = await open_job(api, market.chain.requester, [({"source": evil}, 1)], title=evil, template="text", instructions=evil)
            worker = await Worker.sign_in(api, new_key())
            await answer(worker, job, 0, evil)
            return asker.session.token, str(job["id"])

    token, job = asyncio.run(run())
    for path in ("/hire", f"/hire/jobs/{job}", f"/hire/jobs/{job}/review", f"/hire/jobs/{job}/results"):
        status, html, _ = read(market, path, token)
        assert status == 200 and b"<img src=x" not in html, path


def test_nobody_else_funds_reads_or_watches_a_job(market: Works, done: tuple[str, dict[str, Any]]) -> None:
    other, job = sign_in(market, new_key()), f"/hire/jobs/{done[1]['id']}"
    for path in ("/live", "/funding.json", "/close.json", "/units/0.html", "/review.json", "/results.jsonl", "/units.jsonl", "/more.json", ".json"):
        assert read(market, job + path, other)[0] == 403, path
        assert read(market, job + path, None)[0] == 401, path
    assert call(market, "POST", job + "/funding.json", {"signature": "0x", "deadline": "1"}, other).status == 403
    assert call(market, "POST", job + "/more.json", {}, other).status == 403


def test_a_results_file_that_comes_back_decides_all_or_nothing(market: Works, done: tuple[str, dict[str, Any]]) -> None:
    token, job = done
    rows = list(csv.DictReader(io.StringIO(read(market, f"/hire/jobs/{job['id']}/results.csv", token)[1].decode())))
    rejected, *waiting = sorted(rows, key=lambda row: row["AssignmentStatus"] != "Rejected")

    def upload(*marked: dict[str, str], text: bytes | None = None) -> tuple[int, Any]:
        written = io.StringIO()
        lines = csv.DictWriter(written, list(rows[0]))
        lines.writeheader()
        lines.writerows(marked)
        headers = {"authorization": f"Bearer {token}", "content-type": "text/csv"}
        path, body = f"{market.url}/v1/jobs/{job['id']}/reviews/file", written.getvalue().encode() if text is None else text
        try:
            with urllib.request.urlopen(urllib.request.Request(path, body, headers)) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)["detail"]

    one, other, third = waiting[:3]
    approve = one | {"Approve": "x"}
    for wrong, says in (
        (other | {"Reject": "It is wrong."}, "Row 2: The job rejects by its criteria"),
        (other | {"Approve": "x", "Reject": "wrong: no"}, "Row 2: It both"),
        (approve, "Row 2: Its assignment stands"),
        (other | {"Approve": "x", "AssignmentId": ""}, "names no assignment"),
        (other | {"Approve": "x", "AssignmentId": "3ABC"}, "AssignmentId must be 0x hex"),
        (other | {"Approve": "x", "AssignmentId": "0x" + "11" * 16}, "no assignment"),
    ):
        status, detail = upload(approve, wrong)
        assert status in (404, 422) and says in detail, detail
    for text in (b"", b"AssignmentId,Approve\n1,x\n", b"\xff\xfe", b"AssignmentId,Approve,Reject\n"):
        assert upload(text=text)[0] == 422, text
    assert upload(approve, other | {"Reject": "wrong: It contradicts: see above."}, third, rejected | {"Approve": "yes"}) == (
        200, {"approved": 2, "rejected": 1, "undone": 0},
    )  # fmt: skip
    assert upload(approve)[1] == {"approved": 0, "rejected": 0, "undone": 0}, "it was so already"
    shown = {row["AssignmentId"]: row for row in csv.DictReader(io.StringIO(read(market, f"/hire/jobs/{job['id']}/results.csv", token)[1].decode()))}
    assert [shown[row["AssignmentId"]]["AssignmentStatus"] for row in (one, other, third, rejected)] == ["Approved", "Rejected", "Submitted", "Approved"]
    assert shown[other["AssignmentId"]]["RequesterFeedback"].endswith("It contradicts: see above.")


def test_a_manifest_says_what_people_adjusted(market: Works) -> None:
    """Two entities of each unit were shown; one worker each leaves the first unit as it is and mends the second."""
    entity = {"label": "name", "startOffset": 0, "endOffset": 3}
    metadata = {"confidence": 0.5, "type": "groundtruth/text-span"}
    old = {"annotations": {"labels": [{"label": "name"}], "entities": [entity]}}
    units = [({"source": text, "old": old, "old-metadata": metadata, "initial-value": [entity]}, 1) for text in ("Ada wrote.", "Adam wrote.")]
    token, job = quick_job(market, units, template="entity-annotation", labels=["name"])

    async def work() -> None:
        async with Market(market.url) as api:
            worker = await Worker.sign_in(api, new_key())
            for unit, end in enumerate((3, 4)):
                await answer(worker, job, unit, {"entities": [entity | {"endOffset": end}]})

    asyncio.run(work())
    shown = json.loads(read(market, f"/hire/jobs/{job['id']}/review.json", token)[1])
    assert [one["agrees"] for unit in shown["units"] for one in unit["answers"]] == [None, None], "nobody stands apart by a letter more"
    path = f"/hire/jobs/{job['id']}/results.manifest?name=new"
    lines = [json.loads(line) for line in read(market, path + "&adjusts=old", token)[1].splitlines()]
    assert [line["new-metadata"]["adjustment-status"] for line in lines] == ["unadjusted", "adjusted"]
    assert lines[1]["new"]["annotations"]["entities"][0]["endOffset"] == 4 and lines[1]["old"] == old and "initial-value" not in lines[1]
    status, body, _ = read(market, path + "&adjusts=none", token)
    assert status == 422 and b"no boxes, entities or mask under 'none'" in body
    plain, other = quick_job(market, [("x", 1)])
    assert read(market, f"/hire/jobs/{other['id']}/results.manifest?adjusts=old", plain)[0] == 422


def painted(rows: list[str], modified: bool | None = None) -> dict[str, Any]:
    """An answer of crowd-semantic-segmentation: a picture of letters, c for a car, d for a dog."""
    ink = {"c": (31, 119, 180, 255), "d": (255, 127, 14, 255), ".": (255, 255, 255, 0)}
    sink = io.BytesIO()
    image = Image.new("RGBA", (len(rows[0]), len(rows)))
    image.putdata([ink[letter] for row in rows for letter in row])
    image.save(sink, "PNG")
    said = {"labeledImage": {"pngImageData": base64.b64encode(sink.getvalue()).decode()}, "inputImageProperties": {"width": 4, "height": 2}}
    said |= {"labelMappings": {"car": {"color": "#1F77B4"}, "dog": {"color": "#ff7f0e"}}}
    return said | ({} if modified is None else {"initialValueModified": modified})


def test_masks_go_out_behind_an_address_and_come_in_to_be_mended(market: Works) -> None:
    """Ground Truth's form for semantic segmentation: NAME-ref is the mask's address, NAME-ref-metadata has the colour and confidence of each class."""
    said = [painted(rows) for rows in (["cc..", "cc.d"], ["cc..", "c..d"], ["c...", "cc.."])]
    token, job = quick_job(market, [({"source-ref": "https://example.org/1.png"}, 3)], template="semantic-segmentation", labels=["bird", "car", "dog"])

    async def work(job: dict[str, Any], answers: list[dict[str, Any]]) -> None:
        async with Market(market.url) as api:
            for one in answers:
                await answer(await Worker.sign_in(api, new_key()), job, 0, one)

    asyncio.run(work(job, said))
    (line,) = [json.loads(line) for line in read(market, f"/hire/jobs/{job['id']}/results.manifest?name=seg", token)[1].splitlines()]
    metadata = line["seg-ref-metadata"]
    assert metadata["type"] == "groundtruth/semantic-segmentation" and line["source-ref"] == "https://example.org/1.png"
    assert {at: one["class-name"] for at, one in metadata["internal-color-map"].items()} == {"0": "BACKGROUND", "1": "car", "2": "dog"}
    assert [one["hex-color"] for one in metadata["internal-color-map"].values()] == ["#ffffff", "#1f77b4", "#ff7f0e"]
    assert metadata["internal-color-map"]["1"]["confidence"] == round((1 + 3 / 4 + 3 / 4) / 3, 2)
    assert line["seg-ref"].startswith(f"{market.url}/masks/")
    status, data, headers = read(market, line["seg-ref"].removeprefix(market.url), None)
    mask = Image.open(io.BytesIO(data))
    assert (status, headers["access-control-allow-origin"], headers["content-type"]) == (200, "*", "image/png")
    assert mask.size == (4, 2) and np.asarray(mask).ravel().tolist() == [1, 1, 0, 0, 1, 1, 0, 2]
    other = line["seg-ref"].replace("/0/", "/1/")
    for wrong in (other, line["seg-ref"][:-5] + ("0" if line["seg-ref"][-5] != "0" else "1") + ".png"):
        assert read(market, wrong.removeprefix(market.url), None)[0] == 404

    mend = {"src": line["seg-ref"], "labelMappings": {"car": {"color": "#1f77b4"}, "dog": {"color": "#ff7f0e"}}}
    assert manifest.initial_value(line, "seg-ref") == mend
    token, again = quick_job(market, [(line | {"initial-value": mend}, 1)], template="semantic-segmentation", labels=["bird", "car", "dog"])
    asyncio.run(work(again, [painted(["cccc", "cc.d"], True)]))
    (mended,) = [json.loads(line) for line in read(market, f"/hire/jobs/{again['id']}/results.manifest?name=new-ref&adjusts=seg-ref", token)[1].splitlines()]
    assert mended["seg-ref"] == line["seg-ref"] and mended["new-ref-metadata"]["adjustment-status"] == "adjusted"
    assert mended["new-ref-metadata"]["internal-color-map"]["1"]["confidence"] == 0.0, "one worker"
