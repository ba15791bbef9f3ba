"""What OpenAPI says of a route, taken from the very types that read its body and write its answer."""

from collections.abc import Iterable
from typing import Any, get_args, get_origin

import msgspec
from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi

from backend.api.answer_examples import example
from backend.api.examples import EXAMPLES, PROBLEM
from backend.api.problems import Problem

SCOPE = "x-scope"
"""Where a route says which scope an API key needs for it."""
ERRORS = {
    "401": "Nobody is signed in.",
    "403": "This account, or this key, may not.",
    "404": "There is no such thing, or not for this account.",
    "409": "Not as things are now; the sentence says what is in the way.",
    "412": "It was changed meanwhile.",
    "413": "The body is too large.",
    "422": "Something in the request is wrong; the sentence says what.",
    "429": "Too often; Retry-After says for how long to wait.",
    "503": "The chain, the database or the content store doesn't answer; try again.",
}
"""What may go wrong anywhere, each a problem (RFC 9457) with one sentence."""
HASH, ADDRESS, ID = "^0x[0-9a-f]{64}$", "^0x[0-9a-f]{40}$", "^0x([0-9a-f]{2}){4,32}$"
IN_PATH = {
    **dict.fromkeys(("job", "digest", "hash", "opening", "appeal"), HASH),
    "step": "^[a-z]{4,10}$",
    **dict.fromkeys(("account", "worker", "requester", "operator", "holder", "asker"), ADDRESS),
    "position": "^[0-9]{1,9}$",
    "key": "^[0-9A-Za-z]{1,64}$",
    "sha256": "^[0-9a-f]{64}$",
}
"""What stands in a path's braces, by name; the others are ids."""
_REFERENCE = "#/components/schemas/{name}"
QUERY: dict[str, dict[str, Any]] = {"limit": {"type": "integer", "minimum": 1, "maximum": 1_000, "default": 100}}
"""Query parameters that aren't any text."""
_encode = msgspec.json.Encoder(decimal_format="string").encode


class JSON(Response):
    """A JSON answer, encoded once."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return _encode(content)


class _Spec:
    """The types that appeared in routes, for the components section."""

    types: list[Any] = [Problem]


def spec(
    answers: Any = None,
    status: int = 200,
    reads: type[msgspec.Struct] | None = None,
    auth: bool | str = False,
    open_to_all: bool = False,
    query: Iterable[str] = (),
) -> dict[str, Any]:
    """Arguments for a route's decorator.

    Args:
        answers: the struct that it answers with, `list[struct]` for a page of them, None for no body.
        status: of the answer.
        reads: the struct that its body is read as.
        auth: whether it needs a session; a string is the scope with which an API key will do as well.
        open_to_all: whether nobody in particular may ask, too, and is shown less.
        query: the names of its query parameters.
    """
    extra: dict[str, Any] = {
        "responses": {str(status): _answer(answers)} | {code: _content(why, Problem, "problem+json") for code, why in ERRORS.items()}
    }
    if reads is not None:
        extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": _reference(reads)}}}
    if auth:
        extra["security"] = [{"bearer": []}] + ([{"key": [auth]}] if isinstance(auth, str) else [])
    if open_to_all:
        extra["security"] = [{}, *extra.get("security", ())]
    if isinstance(auth, str):
        extra[SCOPE] = auth
    if query:
        extra["parameters"] = [{"name": name, "in": "query", "schema": QUERY.get(name, {"type": "string"})} for name in query]
    return {"status_code": status, "response_class": Response, "response_model": None, "openapi_extra": extra}


def install(app: FastAPI) -> None:
    """Makes the app's OpenAPI document hold the types of the routes."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            kinds = {kind.__name__: kind for kind in _Spec.types}
            _, components = msgspec.json.schema_components(_Spec.types, ref_template=_REFERENCE)
            for name, schema in components.items():
                if name in EXAMPLES or name in kinds:
                    schema["examples"] = [EXAMPLES[name] if name in EXAMPLES else example(kinds[name])]
            components["Problem"]["examples"] = [PROBLEM]
            for path in document["paths"].values():
                for about in path.values():
                    _tidy(about)
            section = document.setdefault("components", {})
            section["schemas"] = components
            section["securitySchemes"] = {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A session's token."},
                "key": {"type": "http", "scheme": "bearer", "description": "An API key's secret."},
            }
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # how FastAPI documents replacing it


def _tidy(about: dict[str, Any]) -> None:
    """Says of a route's path what the framework can't know: what its parts look like. And a problem's shape is ours."""
    for code, why in ERRORS.items():
        if code in about["responses"]:
            about["responses"][code] = _content(why, Problem, "problem+json")
    for parameter in about.get("parameters", ()):
        if parameter["in"] == "path":
            parameter["schema"] = {"type": "string", "pattern": IN_PATH.get(parameter["name"], ID)}


def _answer(answers: Any) -> dict[str, Any]:
    if answers is None:
        return {"description": "Done."}
    if get_origin(answers) is list:
        page = {
            "type": "object",
            "required": ["items", "next"],
            "properties": {
                "items": {"type": "array", "items": _reference(get_args(answers)[0])},
                "next": {"type": ["string", "null"]},
            },
        }
        return {"description": "A page.", "content": {"application/json": {"schema": page}}}
    return _content("Done.", answers, "json")


def _content(description: str, kind: Any, suffix: str) -> dict[str, Any]:
    return {"description": description, "content": {f"application/{suffix}": {"schema": _reference(kind)}}}


def _reference(kind: Any) -> dict[str, str]:
    if kind not in _Spec.types:
        _Spec.types.append(kind)
    return {"$ref": _REFERENCE.format(name=kind.__name__)}
