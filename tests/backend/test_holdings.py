"""The worker's file: what the service hands out, and what the client keeps on the disk before it relies on it."""

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from piecework.client import Market, Worker
from piecework.client.holdings_file import MOST_LINES, HoldingsFile, load
from piecework.domain.errors import Conflict, Invalid
from tests.backend.workshop import Works, answer, approve_all, call, new_key, open_job, quick_job, sign_in


async def worked(running: Works, path: Path, slots: int = 3, approved: bool = True) -> tuple[Worker, dict[str, Any]]:
    """A worker that has answered every slot of a job, with a file."""
    async with Market(running.url) as client:
        asker, job = await open_job(client, running.chain.requester, [(f"{n}", 1) for n in range(slots)])
        worker = await Worker.sign_in(client, new_key(), path)
        assert worker.file
        for _ in range(slots):
            await answer(worker, job)
        if approved:
            await approve_all(asker, job)
        await worker.update_file()
        worker.file.close()
        return worker, job


def test_receipts_batches_and_approvals_come_page_by_page_and_then_only_what_is_new(running: Works, tmp_path: Path) -> None:
    worker, job = asyncio.run(worked(running, tmp_path / "mine.jsonl"))
    token = worker.session.token
    pages, cursor = [], None
    while not pages or pages[-1]["more"]:
        path = "/v1/holdings?limit=1" + (f"&cursor={cursor}" if cursor else "")
        pages.append(call(running, "GET", path, token=token).body)
        cursor = pages[-1]["cursor"]
    receipts = [receipt for page in pages for receipt in page["receipts"]]
    batches = [batch for page in pages for batch in page["batches"]]
    assert [receipt["slot"] for receipt in receipts] == [0, 1, 2]
    assert all(receipt["answer"] == "a" and receipt["salt"] and receipt["signature"] for receipt in receipts)
    (batch,) = batches
    assert batch["approval"] and batch["workers"] == [worker.address] and batch["slots"] == 3
    file = tmp_path / "typed.jsonl"
    file.write_text("\n".join(map(json.dumps, pages)) + "\n")
    held = load(file)
    assert not held.wrong and len(held.receipts) == 3 and len(held.batches) == 1 and held.cursor == cursor
    stranger = sign_in(running, new_key())
    assert call(running, "GET", "/v1/holdings", token=stranger).body["receipts"] == []
    assert call(running, "GET", "/v1/holdings").status == 401
    assert call(running, "GET", "/v1/holdings?cursor=x", token=token).status == 422


def test_an_answer_is_on_the_disk_before_the_commitment_leaves_and_its_receipt_before_it_is_revealed(
    market: Works, tmp_path: Path
) -> None:
    path = tmp_path / "mine.jsonl"

    async def run() -> None:
        async with Market(market.url) as client:
            _, job = await open_job(client, market.chain.requester, [("x", 1)])
            worker = await Worker.sign_in(client, new_key(), path)
            post, seen = client.post, []

            async def watched(where: str, body: Any, session: Any = None) -> Any:
                seen.append((where.rpartition("/")[2], list(load(path).receipts.values())))
                return await post(where, body, session)

            client.post = watched  # type: ignore[method-assign]
            await answer(worker, job)
            (_, _), (commit, promised), (reveal, signed) = seen
            assert (commit, reveal) == ("commit", "reveal")
            assert promised[0].salt and promised[0].answer == "a" and promised[0].signature is None
            assert signed[0].signature and signed[0].commitment == promised[0].commitment
            assert worker.file
            worker.file.close()

    asyncio.run(run())
    assert path.stat().st_mode & 0o077 == 0, "nobody else reads it"


def test_a_half_line_of_a_crash_is_left_out_and_the_work_goes_on(market: Works, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    worker, job = asyncio.run(worked(market, path, 2, approved=False))
    whole = load(path)
    with path.open("a") as file:
        file.write('{"format":"piecework-holdings","version":1,"chain')
    assert load(path).receipts == whole.receipts
    own = HoldingsFile(path, whole.chain_id, whole.escrow, whole.worker)
    with pytest.raises(Conflict, match="Another process"):
        HoldingsFile(path, whole.chain_id, whole.escrow, whole.worker)
    own.put(cursor="0.0.r.")
    own.close()
    assert load(path).receipts == whole.receipts and load(path).cursor == "0.0.r."
    assert path.read_text().count("\n") == 2, "written anew as one line, and one more"
    with pytest.raises(Invalid, match="use another file"):
        HoldingsFile(path, whole.chain_id, whole.escrow, new_key().address)


def test_many_lines_become_one(market: Works, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    asyncio.run(worked(market, path, 1, approved=False))
    whole = load(path)
    path.write_text((path.read_text().splitlines()[0] + "\n") * (MOST_LINES + 1) + path.read_text())
    HoldingsFile(path, whole.chain_id, whole.escrow, whole.worker).close()
    assert path.read_text().count("\n") == 1 and load(path).receipts == whole.receipts


def test_what_a_service_says_wrongly_is_left_out_and_said(market: Works, tmp_path: Path) -> None:
    """Another answer's receipt, another coordinator's batch, other terms: nothing of it replaces what is right."""
    path = tmp_path / "mine.jsonl"
    asyncio.run(worked(market, path, 2))
    held = load(path)
    document = held.document()
    job, receipt, batch = document["jobs"][0], document["receipts"][0], document["batches"][0]
    lies = {
        "jobs": [job | {"terms": job["terms"] | {"reward": "1"}}],
        "receipts": [
            receipt | {"commitment": "0x" + "11" * 32},
            receipt | {"salt": "0x" + secrets.token_hex(32)},
            receipt | {"job": "0x" + "22" * 32},
            receipt | {"slot": "x"},
            {},
        ],
        "batches": [batch | {"places": "0x0000"}, batch | {"signature": "0x00"}, batch | {"workers": []}],
    }
    own = HoldingsFile(path, held.chain_id, held.escrow, held.worker)
    own.put_document(document | lies)
    own.close()
    assert len(own.holdings.wrong) == 9
    again = load(path)
    assert not again.wrong and again.document()["receipts"] == document["receipts"] and again.batches == held.batches


def test_a_receipt_that_was_given_after_the_last_look_is_in_the_next_one(market: Works) -> None:
    key = new_key()
    token = sign_in(market, key)
    first = call(market, "GET", "/v1/holdings", token=token).body

    async def run() -> None:
        async with Market(market.url) as client:
            worker = await Worker.sign_in(client, key)
            _, made = await asyncio.to_thread(quick_job, market, [("x", 1)])
            await answer(worker, made)

    asyncio.run(run())
    second = call(market, "GET", f"/v1/holdings?cursor={first['cursor']}", token=token).body
    assert len(second["receipts"]) == 1 and not first["receipts"]


def test_a_client_without_the_marketplaces_word_keeps_nothing_of_it(market: Works, tmp_path: Path) -> None:
    """A document of another worker is refused whole."""
    path = tmp_path / "mine.jsonl"
    asyncio.run(worked(market, path, 1, approved=False))
    held = load(path)
    own = HoldingsFile(path, held.chain_id, held.escrow, held.worker)
    with pytest.raises(Invalid, match="different workers"):
        own.put_document(held.document() | {"worker": new_key().address})
    own.close()
    assert load(path).receipts == held.receipts
