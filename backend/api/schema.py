"""What OpenAPI says of a route, taken from the very types that read its body and write its answer."""

from collections.abc import Iterable
from typing import Any, get_args, get_origin

import msgspec
from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi

from backend.api.problems import Problem

SCOPE = "x-scope"
"""Where a route says which scope an API key needs for it."""
_REFERENCE = "#/components/schemas/{name}"
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
        "responses": {str(status): _answer(answers), "default": _content("What is wrong.", Problem, "problem+json")}
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
        extra["parameters"] = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in query]
    return {"status_code": status, "response_class": Response, "response_model": None, "openapi_extra": extra}


def install(app: FastAPI) -> None:
    """Makes the app's OpenAPI document hold the types of the routes."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            _, components = msgspec.json.schema_components(_Spec.types, ref_template=_REFERENCE)
            section = document.setdefault("components", {})
            section.setdefault("schemas", {}).update(components)
            section["securitySchemes"] = {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A session's token."},
                "key": {"type": "http", "scheme": "bearer", "description": "An API key's secret."},
            }
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # how FastAPI documents replacing it


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
