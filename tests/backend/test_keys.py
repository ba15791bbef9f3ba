"""API keys do what their scopes say and nothing else, and sessions are listed and ended by their account alone."""

from typing import Any

from backend.services.keys import SCOPES
from tests.backend.workshop import Works, call, new_key, sign_in

ID = "0x" + "0" * 32


def key(market: Works, token: str, *scopes: str, **changed: Any) -> dict[str, Any]:
    answer = call(market, "POST", "/v1/keys", {"name": "loader", "scopes": list(scopes)} | changed, token)
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.body
    return made


def routes(market: Works) -> list[tuple[str, str, dict[str, Any]]]:
    paths = call(market, "GET", "/openapi.json").body["paths"]
    return [(method.upper(), path, said) for path, methods in paths.items() for method, said in methods.items()]


def filled(path: str) -> str:
    return "/".join(ID if part.startswith("{") else part for part in path.split("/"))


def test_a_key_speaks_for_its_account_until_it_is_revoked(market: Works) -> None:
    token = sign_in(market, new_key())
    made = key(market, token, "assignments", "webhooks")
    assert call(market, "GET", "/v1/assignments", token=made["secret"]).status == 200
    listed = call(market, "GET", "/v1/keys", token=token).body["items"]
    assert listed == [made["key"]] and made["key"]["scopes"] == ["assignments", "webhooks"]
    assert call(market, "DELETE", f"/v1/keys/{made['key']['id']}", token=token).status == 204
    assert call(market, "GET", "/v1/assignments", token=made["secret"]).status == 401
    assert call(market, "DELETE", f"/v1/keys/{made['key']['id']}", token=token).status == 404


def test_only_the_hash_of_a_key_is_kept(market: Works) -> None:
    made = key(market, sign_in(market, new_key()), "review")
    row = market.rows("SELECT * FROM api_key WHERE id = :id", id=made["key"]["id"])[0]
    assert made["secret"] not in map(str, row)


def test_a_key_without_a_routes_scope_is_refused_at_every_route(market: Works) -> None:
    """Each signed-in route: no key where it states no scope, only one with the scope where it does."""
    token = sign_in(market, new_key())
    checked = 0
    for method, path, said in routes(market):
        if "security" not in said or {} in said["security"]:  # to those open to all, a key without the scope is a passer-by
            continue
        scope = said.get("x-scope")
        assert scope is None or scope in SCOPES, (method, path)
        others = key(market, token, *[one for one in SCOPES if one != scope])
        body = None if method == "GET" else {}
        answer = call(market, method, filled(path), body, others["secret"])
        if answer.status == 403:
            assert "API key" in answer.body["detail"]
        else:  # some read the body, or find the thing, before they ask who it is
            assert answer.status in (404, 422), (method, path, answer)
        checked += answer.status == 403
        call(market, "DELETE", f"/v1/keys/{others['key']['id']}", token=token)
    assert checked >= 25


def test_a_route_that_needs_an_account_says_so_and_refuses_nobody(market: Works) -> None:
    for method, path, said in routes(market):
        answer = call(market, method, filled(path), None if method == "GET" else {})
        if "security" in said and {} not in said["security"]:
            assert answer.status in (401, 404, 422), (method, path, answer)
        else:
            assert answer.status not in (401, 403), (method, path, answer)


def test_a_key_never_makes_keys_or_ends_sessions(market: Works) -> None:
    secret = key(market, sign_in(market, new_key()), *SCOPES)["secret"]
    new = {"name": "more", "scopes": ["review"]}
    assert call(market, "POST", "/v1/keys", new, secret).status == 403
    assert call(market, "GET", "/v1/keys", token=secret).status == 403
    assert call(market, "GET", "/v1/session/all", token=secret).status == 403
    assert call(market, "DELETE", "/v1/session/others", token=secret).status == 403


def test_a_key_that_makes_no_sense_is_refused_in_a_sentence(market: Works) -> None:
    token = sign_in(market, new_key())
    for wrong in ({"scopes": []}, {"scopes": ["root"]}, {"name": ""}, {"days": 0}, {"days": 400}):
        answer = call(market, "POST", "/v1/keys", {"name": "a", "scopes": ["review"]} | wrong, token)
        assert (answer.status, next(iter(wrong)) in answer.body["detail"]) == (422, True)


def test_a_stranger_neither_sees_nor_revokes_a_key(market: Works) -> None:
    made, stranger = key(market, sign_in(market, new_key()), "assignments"), sign_in(market, new_key())
    assert call(market, "GET", "/v1/keys", token=stranger).body["items"] == []
    assert call(market, "DELETE", f"/v1/keys/{made['key']['id']}", token=stranger).status == 404
    assert call(market, "GET", "/v1/assignments", token=made["secret"]).status == 200


def test_an_account_lists_its_sessions_and_ends_one_or_all_others(market: Works) -> None:
    account, stranger = new_key(), sign_in(market, new_key())
    first, second, third = (sign_in(market, account) for _ in range(3))
    listed = call(market, "GET", "/v1/session/all", token=first).body["items"]
    assert len(listed) == 3 and sum(item["current"] for item in listed) == 1
    theirs = next(item for item in call(market, "GET", "/v1/session/all", token=second).body["items"] if item["current"])
    assert call(market, "DELETE", f"/v1/session/all/{theirs['id']}", token=stranger).status == 404
    assert call(market, "DELETE", f"/v1/session/all/{theirs['id']}", token=first).status == 204
    assert call(market, "GET", "/v1/session", token=second).status == 401
    assert call(market, "DELETE", "/v1/session/others", token=first).status == 204
    assert call(market, "GET", "/v1/session", token=third).status == 401
    assert call(market, "GET", "/v1/session", token=first).status == 200
    assert call(market, "GET", "/v1/session", token=stranger).status == 200
