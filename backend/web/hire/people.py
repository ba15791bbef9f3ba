"""A requester's dealings with workers: messages, bonuses and blocks, each with its reason."""

from typing import Any

from fastapi import APIRouter, Request, Response

from backend.api import views
from backend.api.requests import account, coordinator, cursor_id, cursor_number, hex_text
from backend.api.schema import JSON
from backend.web.hire.shell import show
from backend.web.page import readable

router = APIRouter(prefix="/hire")
SHOWN = 50
MESSAGES = 200


@router.get("/people.json")
def people_json(request: Request) -> Response:
    """Threads, bonuses and blocks as JSON."""
    return JSON(_people(request))


@router.get("/people")
@readable
def people(request: Request) -> Response:
    """Threads, bonuses and blocks."""
    query = request.query_params
    given = {name: query.get(name, "")[:80] for name in ("job", "assignment", "worker")}
    return show(request, "people.html", f"/hire/people.json?{request.url.query}", _people(request) | {"given": given})


@router.get("/people/{thread}.json")
def thread_json(request: Request, thread: str) -> Response:
    """One thread as JSON."""
    return JSON(_thread(request, thread))


@router.get("/people/{thread}")
@readable
def thread(request: Request, thread: str) -> Response:
    """One thread."""
    return show(request, "thread.html", f"/hire/people/{thread}.json", _thread(request, thread))


def _people(request: Request) -> dict[str, Any]:
    own, services = account(request), coordinator(request)
    name = services.aliases.of
    mine, following = views.cut(services.messages.threads_as(own, False, cursor_id(request), SHOWN + 1), SHOWN, lambda row: row.id)
    given, more_bonuses = views.cut(services.bonuses.newest(own, _before(request, "bonuses", 32), SHOWN + 1), SHOWN, lambda row: row.note)
    blocked, more_blocks = views.cut(services.blocks.newest(own, _before(request, "blocks", 20), SHOWN + 1), SHOWN, lambda row: row.worker)
    threads = [
        {"id": row.id, "job": row.job, "worker": name(own, row.worker), "unread": row.requester_unread, "created_at": row.created_at}
        for row in mine
    ]
    bonuses = [
        {
            "note": row.note, "worker": name(own, row.worker), "assignment": row.assignment, "amount": str(row.amount), "reason": row.reason,
            "created_at": row.created_at, "transaction_hash": row.transaction_hash,
            "transaction": services.bonuses.transaction(row), "operator": row.operator, "carried": row.carried,
        }
        for row in given
    ]
    blocks = [{"worker": name(own, row.worker), "reason": row.reason, "created_at": row.created_at} for row in blocked]
    return {
        "account": own, "threads": threads, "next": following,
        "bonuses": bonuses, "next_bonuses": more_bonuses,
        "blocks": blocks, "next_blocks": more_blocks,
    }


def _before(request: Request, name: str, length: int) -> str | None:
    """The cursor of one of the page's lists: the key of the last entry that was shown."""
    text = request.query_params.get(name)
    return None if text is None else hex_text(name, text, length)


def _thread(request: Request, id: str) -> dict[str, Any]:
    own, services = account(request), coordinator(request)
    row = services.messages.thread(hex_text("The thread's id", id, 16), own)
    found = services.messages.page(row.id, cursor_number(request, 0), MESSAGES + 1)
    rows, following = views.cut(found, MESSAGES, lambda one: one.number)
    messages = [
        {
            "number": str(one.number), "sender": "worker" if one.sender == row.worker else "requester", "assignment": one.assignment,
            "text": one.text, "created_at": one.created_at,
        }
        for one in rows
    ]
    return {
        "account": own, "id": row.id, "job": row.job, "worker": services.aliases.of(row.requester, row.worker), "messages": messages,
        "next": following,
    }
