"""Blocks, messages and bonuses between a requester and its workers."""

import asyncio
import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from backend.services.aliases import Aliases
from backend.store.database import Store
from backend.store.tables import Block, Bonus
from piecework.chain.escrow import encode_deposit, token_abi
from piecework.chain.wallet import Wallet
from piecework.client import Market, Worker
from piecework.domain.typed_data import Key
from tests.backend.workshop import Answer, Works, answer, call, new_key, quick_job, sign_in, works
from tests.conftest import Chain
from tests.support import postgres


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def market(
    request: pytest.FixtureRequest, shared_chain: Chain, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Works]:
    """A marketplace on each database that the module's tests share."""
    folder: Path = tmp_path_factory.mktemp("people")
    url = f"sqlite:///{folder}/piecework.db" if request.param == "sqlite" else postgres.server().database()
    with works(shared_chain, url, folder) as shared:
        yield shared


@pytest.fixture
def open_job(market: Works) -> tuple[str, dict[str, Any]]:
    """The requester's token, and a job of it with free slots."""
    return quick_job(market, [(f"unit {number}", 2) for number in range(4)])


def answered(market: Works, key: Key, job: dict[str, Any]) -> dict[str, Any]:
    """An assignment that the worker has answered."""

    async def run() -> dict[str, Any]:
        async with Market(market.url) as connected:
            return await answer(await Worker.sign_in(connected, key), job)

    return asyncio.run(run())


def accept(market: Works, job: dict[str, Any], token: str) -> Answer:
    return call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, token)


def alias_of(market: Works, requester: str, worker: str) -> str:
    return Aliases(market.chain.coordinator.secret).of(requester, worker)


# ------------------------------------------------------------------------------------------------ blocks


def test_a_blocked_worker_gets_no_more_slots_and_hears_why(market: Works, open_job: tuple[str, dict[str, Any]]) -> None:
    asker, job = open_job
    key = new_key()
    worker = sign_in(market, key)
    held = accept(market, job, worker).body
    assert call(market, "PUT", f"/v1/blocks/{key.address}", {"reason": "Answers at random."}, asker).status == 204
    refused = accept(market, job, worker)
    assert refused.status == 403 and "Answers at random." in refused.body["detail"]
    under = call(market, "GET", "/v1/blocks?role=worker", token=worker).body["items"]
    assert [(entry["requester"], entry["reason"]) for entry in under] == [(job["requester"], "Answers at random.")]
    given = call(market, "POST", f"/v1/assignments/{held['id']}/commit", {"commitment": "0x" + "ab" * 32}, worker)
    assert given.status == 200 and given.body["signature"]
    assert call(market, "DELETE", f"/v1/blocks/{key.address}", token=asker).status == 204
    assert accept(market, job, worker).status == 201


def test_a_block_is_of_one_requesters_jobs_only(market: Works, open_job: tuple[str, dict[str, Any]]) -> None:
    _, job = open_job
    key, other = new_key(), sign_in(market, new_key())
    assert call(market, "PUT", f"/v1/blocks/{key.address}", {"reason": "No."}, other).status == 204
    assert accept(market, job, sign_in(market, key)).status == 201


def test_a_worker_is_blocked_by_its_alias_and_listed_with_it(market: Works, open_job: tuple[str, dict[str, Any]]) -> None:
    asker, job = open_job
    key = new_key()
    accept(market, job, sign_in(market, key))
    alias = alias_of(market, job["requester"], key.address)
    assert call(market, "PUT", f"/v1/blocks/{alias}", {"reason": "One."}, asker).status == 204
    assert call(market, "PUT", f"/v1/blocks/{alias}", {"reason": "Two."}, asker).status == 204
    listed = call(market, "GET", "/v1/blocks", token=asker).body["items"]
    assert [entry["reason"] for entry in listed if entry["alias"] == alias] == ["Two."]
    assert call(market, "PUT", "/v1/blocks/w-0123456789abcdef", {"reason": "Who?"}, asker).status == 404


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_block_needs_a_reason(market: Works, open_job: tuple[str, dict[str, Any]], reason: str) -> None:
    address = new_key().address
    assert call(market, "PUT", f"/v1/blocks/{address}", {"reason": reason}, open_job[0]).status == 422
    assert not market.rows("SELECT 1 FROM block WHERE worker = :worker", worker=address)


def test_a_worker_has_another_name_for_every_requester() -> None:
    aliases = Aliases(b"k" * 32)
    one, two, worker = ("0x" + character * 40 for character in "abc")
    assert aliases.of(one, worker) == Aliases(b"k" * 32).of(one, worker) != aliases.of(two, worker)
    assert Aliases(b"l" * 32).of(one, worker) != aliases.of(one, worker)


# ------------------------------------------------------------------------------------------------ messages


def test_a_conversation_has_one_thread_names_and_read_marks(market: Works, open_job: tuple[str, dict[str, Any]]) -> None:
    asker, job = open_job
    key = new_key()
    worker = sign_in(market, key)
    accept(market, job, worker)
    alias = alias_of(market, job["requester"], key.address)
    body = {"job": job["id"], "text": " Which\r\nlanguage? ", "workers": [alias]}
    sent = call(market, "POST", "/v1/messages", body, asker)
    assert sent.status == 201 and sent.body["items"][0]["worker"] == alias
    thread = sent.body["items"][0]["thread"]
    back = call(market, "POST", "/v1/messages", {"job": job["id"], "text": "German."}, worker)
    assert back.body["items"] == [{"worker": None, "thread": thread}]
    seen = call(market, "GET", f"/v1/threads/{thread}", token=asker).body
    assert (seen["worker"], seen["unread"]) == (alias, 1)
    assert key.address not in json.dumps(seen)
    lines = call(market, "GET", f"/v1/threads/{thread}/messages", token=worker).body["items"]
    assert [(line["sender"], line["text"]) for line in lines] == [("requester", "Which\nlanguage?"), ("worker", "German.")]
    assert call(market, "PUT", f"/v1/threads/{thread}/read", {"number": lines[-1]["number"]}, asker).status == 204
    assert call(market, "PUT", f"/v1/threads/{thread}/read", {"number": lines[0]["number"]}, asker).status == 204
    assert call(market, "GET", f"/v1/threads/{thread}", token=asker).body["unread"] == 0
    stranger = sign_in(market, new_key())
    assert call(market, "GET", f"/v1/threads/{thread}", token=stranger).status == 404
    assert call(market, "GET", f"/v1/threads/{thread}/messages", token=stranger).status == 404


def test_a_message_to_many_goes_to_all_or_none(market: Works, open_job: tuple[str, dict[str, Any]]) -> None:
    asker, job = open_job
    keys = [new_key() for _ in range(3)]
    for key in keys[:2]:
        accept(market, job, sign_in(market, key))
    body = {"job": job["id"], "text": "Thanks to all.", "workers": [key.address for key in keys]}
    assert call(market, "POST", "/v1/messages", body, asker).status == 404
    assert not market.rows("SELECT 1 FROM message WHERE text = 'Thanks to all.'")
    sent = call(market, "POST", "/v1/messages", body | {"workers": body["workers"][:2]}, asker)
    assert len({entry["thread"] for entry in sent.body["items"]}) == 2
    assert call(market, "POST", "/v1/messages", body | {"workers": body["workers"][:1] * 101}, asker).status == 201
    many = [new_key().address for _ in range(101)]
    assert call(market, "POST", "/v1/messages", body | {"workers": many}, asker).status == 422


def test_who_is_muted_is_heard_about_given_answers_only(market: Works, open_job: tuple[str, dict[str, Any]]) -> None:
    asker, job = open_job
    key = new_key()
    worker = sign_in(market, key)
    given, held = answered(market, key, job), accept(market, job, worker).body
    assert call(market, "PUT", f"/v1/mutes/{job['requester']}", token=worker).status == 204
    body = {"job": job["id"], "text": "More work?", "workers": [key.address]}
    for about, arrives in ((None, False), (held["id"], False), (given["id"], True)):
        sent = call(market, "POST", "/v1/messages", body | {"assignment": about}, asker).body["items"]
        assert (sent[0]["thread"] is not None) is arrives
    assert call(market, "GET", "/v1/mutes", token=worker).body["items"] == [{"requester": job["requester"]}]
    call(market, "DELETE", f"/v1/mutes/{job['requester']}", token=worker)
    assert call(market, "POST", "/v1/messages", body, asker).body["items"][0]["thread"]


@pytest.mark.parametrize("text", ["", " \n ", "x" * 4001, "bell \u0007", "escape \u001b[2J"])
def test_what_is_no_plain_text_is_refused(market: Works, open_job: tuple[str, dict[str, Any]], text: str) -> None:
    token = sign_in(market, new_key())
    assert call(market, "POST", "/v1/messages", {"job": open_job[1]["id"], "text": text}, token).status == 422


def test_a_worker_writes_sixty_messages_an_hour(market: Works, open_job: tuple[str, dict[str, Any]]) -> None:
    token, body = sign_in(market, new_key()), {"job": open_job[1]["id"], "text": "Hello?"}
    statuses = [call(market, "POST", "/v1/messages", body, token).status for _ in range(61)]
    assert statuses == [201] * 60 + [429]


# ------------------------------------------------------------------------------------------------ bonuses


def test_a_bonus_is_the_workers_once_the_chain_has_it(market: Works, open_job: tuple[str, dict[str, Any]]) -> None:
    asker, job = open_job
    key = new_key()
    worker, given = sign_in(market, key), answered(market, key, job)
    body = {"request": secrets.token_hex(8), "assignment": given["id"], "amount": "70000", "reason": "Best of all."}
    bonus = call(market, "POST", "/v1/bonuses", body, asker)
    assert bonus.status == 201 and bonus.body["decimals"] == 6 and bonus.body["transaction_hash"] is None
    assert call(market, "POST", "/v1/bonuses", body, asker).body == bonus.body
    assert call(market, "POST", "/v1/bonuses", body | {"amount": "80000"}, asker).status == 409
    assert call(market, "POST", "/v1/bonuses", body, worker).status == 404
    assert call(market, "GET", "/v1/bonuses?role=worker", token=worker).body["items"] == []
    hash_ = _send(market, job, bonus.body["transaction"], 70_000)
    market.until("SELECT 1 FROM mirror_tip WHERE note = :note", note=bonus.body["note"])
    received = call(market, "GET", "/v1/bonuses?role=worker", token=worker).body["items"]
    assert [(entry["transaction_hash"], entry["amount"], entry["reason"]) for entry in received] == [(hash_, "70000", "Best of all.")]
    again = call(market, "POST", "/v1/bonuses", body, asker).body
    assert again["transaction"] is None and again["transaction_hash"] == hash_


def _send(market: Works, job: dict[str, Any], transaction: dict[str, str], amount: int) -> str:
    """Fills the requester's ledger and sends what was prepared, as its wallet would."""
    chain, token = market.chain, job["terms"]["token"]
    wallet = Wallet(chain.rpc, chain.requester)
    wallet.send(token, token_abi().encode("mint", chain.requester.address, amount))
    wallet.send(token, token_abi().encode("approve", chain.deployment.escrow, amount))
    wallet.send(chain.deployment.escrow, encode_deposit(token, amount))
    return str(wallet.send(transaction["to"], transaction["data"]).transaction_hash)


def test_a_tip_with_a_copied_note_is_no_bonus(market: Works, open_job: tuple[str, dict[str, Any]]) -> None:
    """The amount, too, must be what was said."""
    asker, job = open_job
    key = new_key()
    worker, given = sign_in(market, key), answered(market, key, job)
    body = {"request": secrets.token_hex(8), "assignment": given["id"], "amount": "500", "reason": "Well done."}
    bonus = call(market, "POST", "/v1/bonuses", body, asker).body
    fake = dict(bonus["transaction"])
    fake["data"] = fake["data"].replace(f"{500:064x}", f"{1:064x}")
    _send(market, job, fake, 500)
    market.until("SELECT 1 FROM mirror_tip WHERE note = :note", note=bonus["note"])
    assert call(market, "GET", "/v1/bonuses?role=worker", token=worker).body["items"] == []


def test_the_settings_say_plainly_that_there_is_no_mail_server(market: Works) -> None:
    token = sign_in(market, new_key())
    assert b"This marketplace sends no mail" in call(market, "GET", "/settings", token=token).body
    assert call(market, "GET", "/settings.json", token=token).body["sends_mail"] is False


@pytest.mark.parametrize("changed", [{"amount": "0"}, {"amount": "1.5"}, {"reason": " "}, {"request": ""}])
def test_a_bonus_out_of_bounds_is_refused(
    market: Works, open_job: tuple[str, dict[str, Any]], changed: dict[str, str]
) -> None:
    body = {"request": "a", "assignment": "0x" + "00" * 16, "amount": "5", "reason": "Good."} | changed
    assert call(market, "POST", "/v1/bonuses", body, open_job[0]).status == 422


def test_all_of_many_bonuses_and_blocks_are_on_the_page_the_newest_first(market: Works) -> None:
    own = new_key()
    token, at = sign_in(market, own), datetime(2030, 1, 1, tzinfo=UTC)
    notes = ["0x" + secrets.token_hex(32) for _ in range(120)]
    workers = ["0x" + secrets.token_hex(20) for _ in range(120)]
    same = {"requester": own.address, "reason": "Fine.", "worker": workers[0], "assignment": "0x" + "00" * 16, "token": "0x" + "11" * 20, "amount": 7}
    store = Store(market.database_url)
    for place, (note, worker) in enumerate(zip(notes, workers, strict=True)):
        when = {"created_at": at + timedelta(seconds=place // 7)}  # some at one moment
        store.write_now(lambda c, row=same | when | {"note": note}: c.execute(insert(Bonus), row))
        store.write_now(lambda c, who=worker, when=when: c.execute(insert(Block), {"requester": own.address, "worker": who, "reason": "No."} | when))
    store.close()
    found: dict[str, list[Any]] = {"bonuses": [], "blocks": []}
    for what, entries in found.items():
        query: str | None = ""
        while query is not None:
            page = call(market, "GET", f"/hire/people.json?{query}", token=token).body
            entries += page[what]
            following = page[f"next_{what}"]
            query = following and f"{what}={following}"
    assert sorted(one["note"] for one in found["bonuses"]) == sorted(notes) and len(found["blocks"]) == 120
    for entries in found.values():
        times = [one["created_at"] for one in entries]
        assert times == sorted(times, reverse=True)
    oldest = next(one for one in found["bonuses"] if one["note"] == notes[0])
    one = call(market, "GET", f"/v1/bonuses/{notes[0]}", token=token)
    assert one.status == 200 and one.body["transaction"] == oldest["transaction"] and one.body["amount"] == "7"
    assert call(market, "GET", f"/v1/bonuses/{notes[0]}", token=sign_in(market, new_key())).status == 404
    html = market.page("/hire/people", token)
    assert "Older bonuses" in html and "Older blocks" in html
    assert call(market, "GET", "/hire/people.json?bonuses=x", token=token).status == 422
    assert call(market, "GET", f"/hire/people.json?bonuses=0x{'00' * 32}", token=token).body["bonuses"] == []
