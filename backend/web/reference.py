"""The API's reference: what `/openapi.json` says, as a page that needs no script."""

import json
from typing import Any

from fastapi import APIRouter, Request, Response

from backend.web.page import page, readable

router = APIRouter(include_in_schema=False)


@router.get("/docs")
@readable
def reference(request: Request) -> Response:
    """Every address of the API."""
    document = request.app.openapi()
    schemas = document["components"]["schemas"]
    rooms: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            rooms.setdefault((about.get("tags") or ["service"])[0], []).append(_address(path, method.upper(), about, schemas))
    return page(request, "reference.html", "/openapi.json", {"rooms": rooms})


def _address(path: str, method: str, about: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    security = about.get("security")
    body = next(iter(about.get("requestBody", {}).get("content", {}).values()), {}).get("schema", {})
    name = body.get("$ref", "").rpartition("/")[2]
    example = schemas.get(name, {}).get("examples", [None])[0]
    return {
        "method": method,
        "path": path,
        "id": f"{method}-{path}".replace("/", "-").replace("{", "").replace("}", "").lower(),
        "summary": (about.get("description") or about.get("summary", "")).strip(),
        "open": not security or {} in security,
        "scopes": [scope for entry in security or () for scope in entry.get("key", ())],
        "query": [parameter["name"] for parameter in about.get("parameters", ()) if parameter["in"] == "query"],
        "body": name,
        "about_body": schemas.get(name, {}).get("description", ""),
        "example": None if example is None else json.dumps(example, indent=2, ensure_ascii=False),
        "answers": [code for code in about["responses"] if code.startswith("2")],
        "returns": _returned(about),
    }


def _returned(about: dict[str, Any]) -> str:
    """The name of the struct that a route answers with."""
    good = next((answer for code, answer in about["responses"].items() if code.startswith("2")), {})
    schema = next(iter(good.get("content", {}).values()), {}).get("schema", {})
    items = schema.get("properties", {}).get("items", {}).get("items", {})
    return str((schema.get("$ref") or items.get("$ref") or "").rpartition("/")[2]) + (" list" if items else "")
