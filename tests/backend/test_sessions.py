"""Signing in: what is accepted, and every way of cheating that is not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from piecework.sql import open_engine
from tests.backend.workshop import Works, call, new_key, sign_in, sign_in_message, signature_of


def attempt(market: Works, signer: Any = None, **changed: Any) -> tuple[int, str]:
    """A sign-in whose message is changed before it is signed."""
    key = new_key()
    challenge = call(market, "POST", "/v1/session/nonce").body
    message = sign_in_message(key.address, challenge, **changed)
    signature = signature_of(signer or key, message)
    answer = call(market, "POST", "/v1/session", {"message": message, "signature": signature})
    return answer.status, answer.body.get("detail", "")


def test_a_signed_message_opens_a_session_and_signing_out_ends_it(market: Works) -> None:
    key = new_key()
    token = sign_in(market, key)
    answer = call(market, "GET", "/v1/session", token=token)
    assert (answer.body["account"], answer.body["payout"]) == (key.address, "wallet")
    assert call(market, "PUT", "/v1/session/payout", {"payout": "ledger"}, token).body == {"payout": "ledger"}
    assert call(market, "GET", "/v1/session", token=token).body["payout"] == "ledger"
    assert call(market, "DELETE", "/v1/session", token=token).status == 204
    assert call(market, "GET", "/v1/session", token=token).status == 401


def test_a_nonce_works_once(market: Works) -> None:
    key = new_key()
    message = sign_in_message(key.address, call(market, "POST", "/v1/session/nonce").body)
    body = {"message": message, "signature": signature_of(key, message)}
    assert call(market, "POST", "/v1/session", body).status == 201
    again = call(market, "POST", "/v1/session", body)
    assert again.status == 422 and "nonce" in again.body["detail"]


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"domain": "evil.example"}, "evil.example"),
        ({"uri": "http://evil.example"}, "signs in to"),
        ({"chain_id": 1}, "chain 1"),
        ({"nonce": "a" * 24}, "nonce"),
        ({"expires_at": (datetime.now(UTC) - timedelta(seconds=1)).isoformat()}, "expired"),
        ({"issued_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}, "not valid yet"),
        ({"as_account": "0x" + "ab" * 20}, "EIP-4361"),
        ({"statement": "line\nbreak"}, "EIP-4361"),
        ({"chain_id": "x"}, "EIP-4361"),
        ({"issued_at": "2026-02-31T00:00:00Z"}, "EIP-4361"),
        ({"statement": "x" * 5000}, "at most"),
    ],
)
def test_a_message_for_another_place_or_time_is_refused(market: Works, changed: dict[str, Any], word: str) -> None:
    status, sentence = attempt(market, **changed)
    assert status == 422 and word in sentence


def test_a_message_signed_by_another_key_is_refused(market: Works) -> None:
    status, sentence = attempt(market, signer=new_key())
    assert status == 422 and "signature" in sentence


def test_a_refused_attempt_leaves_the_nonce_for_its_owner(market: Works) -> None:
    key, thief = new_key(), new_key()
    message = sign_in_message(key.address, call(market, "POST", "/v1/session/nonce").body)
    body = {"message": message, "signature": signature_of(thief, message)}
    assert call(market, "POST", "/v1/session", body).status == 422
    body["signature"] = signature_of(key, message)
    assert call(market, "POST", "/v1/session", body).status == 201


def test_a_nonce_that_is_too_old_is_refused(market: Works) -> None:
    challenge = call(market, "POST", "/v1/session/nonce").body
    engine = open_engine(market.database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE siwe_nonce SET expires_at = '2020-01-01 00:00:00.000000'"))
    engine.dispose()
    key = new_key()
    message = sign_in_message(key.address, challenge)
    answer = call(market, "POST", "/v1/session", {"message": message, "signature": signature_of(key, message)})
    assert answer.status == 422 and "nonce" in answer.body["detail"]


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer nonsense", "Basic eDp5", "Bearer \xff"])
def test_without_a_valid_token_nobody_is_signed_in(market: Works, authorization: str) -> None:
    answer = call(market, "GET", "/v1/assignments", authorization=authorization)
    assert (answer.status, answer.media) == (401, "application/problem+json")


def test_a_contract_account_signs_in_by_what_its_code_says(market: Works) -> None:
    says_yes, says_no = "0x" + "c0de" * 10, "0x" + "dead" * 10
    magic = "0x631626ba7e60e01b5f5260205ff3"
    market.chain.rpc.call("anvil_setCode", says_yes, magic)
    market.chain.rpc.call("anvil_setCode", says_no, magic.replace("1626ba7e", "ffffffff"))
    for account, expected in ((says_yes, 201), (says_no, 422)):
        message = sign_in_message(account, call(market, "POST", "/v1/session/nonce").body)
        answer = call(market, "POST", "/v1/session", {"message": message, "signature": "0x1234"})
        assert answer.status == expected, answer


def test_only_hashes_of_tokens_are_kept(market: Works) -> None:
    token = sign_in(market, new_key())
    assert not market.rows("SELECT 1 FROM account_session WHERE token_hash LIKE :part", part=f"%{token[:20]}%")
