"""What stands before every request: cookies and what protects them, origins, limits, headers, tags, and keys for repeating."""

import asyncio
import secrets
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import pytest
import urllib3

from tests.backend.workshop import Works, call, new_key, posting, quick_job, sign_in, sign_in_message, signature_of, works
from tests.conftest import Chain


@pytest.fixture(scope="module")
def market(shared_chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A marketplace behind this machine as its proxy, with limits that are soon reached."""
    folder = tmp_path_factory.mktemp("guard")
    more = {"PIECEWORK_TRUSTED_PROXIES": "127.0.0.1", "PIECEWORK_RATE_ADDRESS": "2", "PIECEWORK_RATE_ACCOUNT": "1"}
    more["PIECEWORK_RATE_SIGN_INS"] = "6"
    with works(shared_chain, f"sqlite:///{folder}/piecework.db", folder, **more) as shared:
        yield shared


def ask(market: Works, method: str, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
    """A request whose answer's headers matter; none retried, no redirect followed."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return urllib3.request(method, market.url + path, headers=named, retries=False, timeout=30)


def by_cookie(market: Works, key: Any) -> tuple[SimpleCookie, str]:
    """Signs in as a page does; the cookies and what X-CSRF-Token must say."""
    message = sign_in_message(key.address, call(market, "POST", "/v1/session/nonce").body)
    body = {"message": message, "signature": signature_of(key, message), "cookie": True}
    answer = urllib3.request("POST", market.url + "/v1/session", json=body, timeout=30)
    assert answer.status == 201
    cookies = SimpleCookie()
    for line in answer.headers.getlist("set-cookie"):
        cookies.load(line)
    told = answer.json()
    assert told["token"] is None and told["csrf"] == cookies[f"piecework_csrf_{market.port}"].value
    return cookies, told["csrf"]


def sent(cookies: SimpleCookie) -> str:
    """The Cookie header of a browser that has them."""
    return "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())


def test_a_page_signs_in_with_a_cookie_that_no_script_reads(market: Works) -> None:
    key = new_key()
    cookies, csrf = by_cookie(market, key)
    hidden, readable = cookies[f"piecework_session_{market.port}"], cookies[f"piecework_csrf_{market.port}"]
    assert hidden["httponly"] and not readable["httponly"]
    assert (hidden["samesite"], hidden["path"]) == ("lax", "/") and hidden["expires"]
    assert ask(market, "GET", "/v1/session", cookie=sent(cookies)).json()["account"] == key.address

    refused = call(market, "PUT", "/v1/session/payout", {"payout": "ledger"}, cookie=sent(cookies))
    assert refused.status == 403 and "X-CSRF-Token" in refused.body["detail"]
    other, foreign = by_cookie(market, new_key())
    for wrong in ("", foreign, csrf[:-1], "é"):
        headers = {"cookie": sent(cookies), "x-csrf-token": wrong}
        assert call(market, "PUT", "/v1/session/payout", {"payout": "ledger"}, **headers).status == 403, wrong
    headers = {"cookie": sent(cookies), "x-csrf-token": csrf}
    elsewhere = headers | {"origin": "https://evil.example"}
    assert call(market, "PUT", "/v1/session/payout", {"payout": "ledger"}, **elsewhere).status == 403
    assert call(market, "GET", "/v1/session", cookie=sent(cookies)).body["payout"] == "wallet", "nothing was changed"
    assert call(market, "PUT", "/v1/session/payout", {"payout": "ledger"}, **headers, origin=market.url).status == 200

    ended = ask(market, "DELETE", "/v1/session", cookie=sent(cookies), x_csrf_token=csrf)
    assert ended.status == 204 and all("Max-Age=0" in line for line in ended.headers.getlist("set-cookie"))
    assert ask(market, "GET", "/v1/session", cookie=sent(cookies)).status == 401
    assert ask(market, "GET", "/v1/session", cookie=sent(other)).status == 200


def test_a_bearer_needs_no_proof_of_a_page(market: Works) -> None:
    token = sign_in(market, new_key())
    assert call(market, "PUT", "/v1/session/payout", {"payout": "ledger"}, token).status == 200


def test_pages_of_other_origins_may_call_without_cookies(market: Works) -> None:
    preflight = ask(
        *(market, "OPTIONS", "/v1/jobs"),
        origin="https://lab.example",
        access_control_request_method="POST",
        access_control_request_headers="authorization",
    )
    assert preflight.status == 204 and preflight.headers["access-control-allow-origin"] == "*"
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    answer = ask(market, "GET", "/v1/jobs", origin="https://lab.example")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert "access-control-allow-origin" not in ask(market, "GET", "/", origin="https://lab.example").headers


def test_every_answer_says_what_a_browser_may_do_with_it(market: Works) -> None:
    for path in ("/v1/jobs", "/v1/nothing", "/health", "/", "/static/style.css", "/openapi.json"):
        headers = ask(market, "GET", path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] in ("no-referrer", "same-origin"), path
        assert "frame-ancestors" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"], path
    assert "default-src 'none'" in ask(market, "GET", "/v1/jobs").headers["content-security-policy"]


def test_what_the_caller_has_already_is_not_sent_again(market: Works) -> None:
    first = ask(market, "GET", "/v1/jobs")
    again = ask(market, "GET", "/v1/jobs", if_none_match=first.headers["etag"])
    assert (again.status, again.data, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert ask(market, "GET", "/v1/jobs", if_none_match='"other"').status == 200
    one, other = (ask(market, "GET", "/v1/session", authorization=f"Bearer {sign_in(market, new_key())}") for _ in range(2))
    assert one.headers["etag"] != other.headers["etag"] and "authorization" in one.headers["vary"]
    assert one.headers["cache-control"] == "private, no-cache"


def test_an_address_that_asks_too_often_waits(market: Works) -> None:
    answers = [ask(market, "GET", "/v1/jobs", x_forwarded_for="203.0.113.1") for _ in range(25)]
    assert [answer.status for answer in answers[:20]] == [200] * 20
    refused = [answer for answer in answers if answer.status == 429]
    assert refused and int(refused[0].headers["retry-after"]) >= 1
    assert refused[0].headers["content-type"] == "application/problem+json"
    assert "203.0.113.1" in refused[0].json()["detail"]
    assert ask(market, "GET", "/v1/jobs", x_forwarded_for="203.0.113.2").status == 200, "another address"
    forged = [ask(market, "GET", "/v1/jobs", x_forwarded_for=f"198.51.100.{n}, 203.0.113.1").status for n in range(25)]
    assert 429 in forged, "what a client says of itself doesn't count"


def test_signing_in_is_limited_more(market: Works) -> None:
    tried = [ask(market, "POST", "/v1/session/nonce", x_forwarded_for="203.0.113.9").status for _ in range(3)]
    assert tried[0] == 201 and tried[-1] == 429
    assert ask(market, "GET", "/v1/jobs", x_forwarded_for="203.0.113.9").status == 200


def test_an_account_that_asks_too_often_from_many_addresses_waits(market: Works) -> None:
    headers = {"authorization": f"Bearer {sign_in(market, new_key())}"}
    answers = [ask(market, "GET", "/v1/session", x_forwarded_for=f"203.0.113.{100 + n}", **headers) for n in range(12)]
    assert answers[0].status == 200 and answers[-1].status == 429 and "retry-after" in answers[-1].headers
    assert "account" in answers[-1].json()["detail"]


def test_a_request_with_a_key_is_carried_out_once(market: Works) -> None:
    token, key = sign_in(market, new_key()), secrets.token_hex(8)
    job = posting([("a", 1)])
    first = call(market, "POST", "/v1/jobs", job, token, **{"idempotency-key": key})
    again = call(market, "POST", "/v1/jobs", job, token, **{"idempotency-key": key})
    assert (first.status, again.status) == (201, 201) and first.body == again.body
    repeated = ask(market, "POST", "/v1/jobs", authorization=f"Bearer {token}", idempotency_key=key)
    assert repeated.status == 422 and "another request" in repeated.json()["detail"]
    stranger = call(market, "POST", "/v1/jobs", job, sign_in(market, new_key()), **{"idempotency-key": key})
    assert stranger.status == 201 and stranger.body["id"] != first.body["id"], "a key is its account's alone"


def test_a_refusal_is_given_again_and_a_passing_one_is_not(market: Works) -> None:
    token = sign_in(market, new_key())
    wrong = call(market, "POST", "/v1/jobs", {}, token, **{"idempotency-key": "w"})
    assert wrong.status == 422
    assert call(market, "POST", "/v1/jobs", {}, token, **{"idempotency-key": "w"}) == wrong
    nobody = call(market, "POST", "/v1/jobs", {}, **{"idempotency-key": "w"})
    assert nobody.status == 401
    for key in ("", "x" * 101):
        assert call(market, "POST", "/v1/jobs", posting([("a", 1)]), token, **{"idempotency-key": key}).status == 422
    secret = call(market, "POST", "/v1/keys", {"name": "a", "scopes": ["review"]}, token, **{"idempotency-key": "s"})
    assert secret.status == 422 and "secret" in secret.body["detail"]


def test_two_at_once_with_one_key_take_one_slot(market: Works) -> None:
    """A reservation is what a repeated request would take twice."""
    _, job = quick_job(market, [(f"u{n}", 1) for n in range(8)])
    token = sign_in(market, new_key())

    async def run() -> list[tuple[int, Any]]:
        async def take() -> tuple[int, Any]:
            headers = {"idempotency-key": "one"}
            answer = await asyncio.to_thread(call, market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, token, **headers)
            return answer.status, answer.body

        return await asyncio.gather(*(take() for _ in range(8)))

    answers = asyncio.run(run())
    taken = {body["id"] for status, body in answers if status == 201}
    assert len(taken) == 1 and {status for status, _ in answers} <= {201, 409}
    assert len(market.rows("SELECT a.id FROM assignment a JOIN posting p ON p.number = a.posting WHERE p.job = :job", job=job["id"])) == 1
    assert call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, token, **{"idempotency-key": "one"}).body["id"] in taken


def test_what_was_done_and_never_answered_is_not_done_again(market: Works) -> None:
    """As after a kill between the commit and the answer: the key stands, its answer doesn't."""
    token, key = sign_in(market, new_key()), secrets.token_hex(8)
    assert call(market, "POST", "/v1/jobs", posting([("a", 1)]), token, **{"idempotency-key": key}).status == 201
    market.write("UPDATE idempotency_key SET status = NULL, answer = NULL WHERE key = :key", key=key)
    before = market.rows("SELECT count(*) FROM posting")
    again = call(market, "POST", "/v1/jobs", posting([("a", 1)]), token, **{"idempotency-key": key})
    assert again.status in (409, 422)
    assert market.rows("SELECT count(*) FROM posting") == before
