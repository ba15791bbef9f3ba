"""What an account is told, what passes between a worker and its requesters, and where it is signed in."""

import json
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import Row

from backend.api import views
from backend.api.requests import account, coordinator, cursor_id, cursor_number, hex_text, session
from backend.api.schema import JSON
from backend.api.session import open_sessions
from backend.services.mail import SCHEME
from backend.services.wording import said
from backend.web.page import page, readable

router = APIRouter(include_in_schema=False)
SHOWN, MESSAGES = 50, 200
NEWEST = 2**62
PLACES = {
    "message.received": "/messages",
    "block.set": "/messages",
    "block.lifted": "/work",
    "qualification.granted": "/work",
    "qualification.refused": "/work",
    "answers.submitted": "/hire/jobs/{job}/review",
    "answers.approved": "/history?state=approved",
    "answers.rejected": "/history?state=rejected",
    "answers.undone": "/history",
    "job.opened": "/hire/jobs/{job}",
    "job.closing": "/jobs/{job}",
    "job.closed": "/hire/jobs/{job}",
    "batch.settled": "/hire/jobs/{job}",
    "payment.made": "/earnings",
    "bonus.received": "/earnings",
    "funds.low": "/hire/access",
    "allowance.low": "/hire/money",
    "allowance.ending": "/hire/access",
    "slots.opened": "/jobs/{job}",
    "slots.contested": "/history?state=contested",
    "slots.reclaimed": "/history",
    "deadline.near": "/jobs/{job}",
    "appeal.made": "/explore/disputes",
    "appeal.defended": "/explore/disputes",
    "appeal.ruled": "/explore/disputes",
    "appeal.ended": "/explore/disputes",
}
"""Where one sees more of what each kind of notice says."""
MAILED = (
    ("your answers and what they earn", ("answers.approved", "answers.rejected", "answers.undone", "payment.made", "bonus.received")),
    ("your jobs and their answers", ("answers.submitted", "job.opened", "job.closed", "batch.settled", "funds.low", "allowance.low", "allowance.ending")),
    ("messages, qualifications and blocks", ("message.received", "qualification.granted", "qualification.refused", "block.set", "block.lifted")),
    (
        "disputes, and steps that will soon be too late",
        (
            *("deadline.near", "job.closing", "slots.opened", "slots.contested", "slots.reclaimed"),
            *("appeal.made", "appeal.defended", "appeal.ruled", "appeal.ended"),
        ),
    ),
)
"""What one can have mailed, and the kinds of notices that it is."""


@router.get("/notices.json")
def notices_json(request: Request) -> Response:
    """What one was told, the newest first."""
    return JSON(_notices(request))


@router.get("/notices")
@readable
def notices(request: Request) -> Response:
    """The same as a page."""
    return page(request, "notices.html", "/notices.json", _notices(request))


@router.get("/messages.json")
def messages_json(request: Request) -> Response:
    """A worker's threads, and whom it has muted."""
    return JSON(_messages(request))


@router.get("/messages")
@readable
def messages(request: Request) -> Response:
    """The same as a page, with a form that writes to a job's requester."""
    asked = {"job": request.query_params.get("job", "")[:66]}
    return page(request, "messages.html", f"/messages.json?{request.url.query}", _messages(request) | asked)


@router.get("/messages/{thread}.json")
def thread_json(request: Request, thread: str) -> Response:
    """One thread."""
    return JSON(_thread(request, thread))


@router.get("/messages/{thread}")
@readable
def thread(request: Request, thread: str) -> Response:
    """The same as a page."""
    return page(request, "thread.html", f"/messages/{thread}.json", _thread(request, thread))


@router.get("/settings.json")
def settings_json(request: Request) -> Response:
    """Where one is signed in, and what one shares."""
    return JSON(_settings(request))


@router.get("/settings")
@readable
def settings(request: Request) -> Response:
    """The same as a page."""
    return page(request, "settings.html", "/settings.json", _settings(request) | {"mailed": MAILED})


def _notices(request: Request) -> dict[str, Any]:
    own, services = account(request), coordinator(request)
    found = services.notices.latest(own, cursor_number(request, NEWEST), SHOWN + 1)
    rows, following = views.cut(found, SHOWN, lambda row: row.number)
    return {"account": own, "notices": [_notice(row) for row in rows], "next": following}


def _notice(row: Row[Any]) -> dict[str, Any]:
    subject = json.loads(row.subject)
    place = PLACES.get(row.kind, "/notices")
    where = f"/messages/{subject['thread']}" if "thread" in subject else place.format(job=subject.get("job", ""))
    return {"number": str(row.number), "kind": row.kind, "said": said(row.kind, subject), "where": where, "subject": subject, "created_at": row.created_at}


def _messages(request: Request) -> dict[str, Any]:
    own, services = account(request), coordinator(request)
    rows, following = views.cut(services.messages.threads_as(own, True, cursor_id(request), SHOWN + 1), SHOWN, lambda row: row.id)
    threads = [
        {"id": row.id, "job": row.job, "requester": row.requester, "unread": row.worker_unread, "created_at": row.created_at}
        for row in rows
    ]
    return {"account": own, "threads": threads, "next": following, "muted": list(services.messages.muted(own))}


def _thread(request: Request, id: str) -> dict[str, Any]:
    own, services = account(request), coordinator(request)
    row = services.messages.thread(hex_text("The thread's id", id, 16), own)
    found = services.messages.page(row.id, cursor_number(request, 0), MESSAGES + 1)
    rows, following = views.cut(found, MESSAGES, lambda one: one.number)
    said = [
        {"number": str(one.number), "sender": "worker" if one.sender == row.worker else "requester", "text": one.text, "created_at": one.created_at}
        for one in rows
    ]
    return {
        "account": own, "id": row.id, "job": row.job, "requester": row.requester, "messages": said,
        "is_muted": row.requester in services.messages.muted(own), "next": following,
    }


def _settings(request: Request) -> dict[str, Any]:
    own, services = session(request).account, coordinator(request)
    mail = [_address(row) for row in services.webhooks.mine(own) if row.url.startswith(SCHEME)]
    return {
        "account": own, "sessions": open_sessions(request), "shares": services.findings.shares(own),
        "mail": mail, "sends_mail": services.webhooks.sends_mail,
    }


def _address(row: Row[Any]) -> dict[str, Any]:
    kinds = set(json.loads(row.kinds))
    return {
        "id": row.id, "address": row.url.removeprefix(SCHEME), "kinds": sorted(kinds), "confirmed": row.wrong_codes is None,
        "about": [words for words, of in MAILED if kinds & set(of)], "disabled": row.disabled, "created_at": row.created_at,
    }
