"""Evidence in disputes."""

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api.bodies import Body
from backend.api.requests import choice, coordinator, hex_text, read, session
from backend.api.schema import JSON, spec

router = APIRouter(prefix="/v1/evidence", tags=["recourse"])
KINDS = ("job", "opening", "appeal")


class Subject(Body):
    """What evidence is about: kind is job, opening or appeal."""

    kind: str
    id: str


class NewEvidence(Body):
    """What one says, and the keccak256 of each file that belongs to it."""

    about: Subject
    text: str
    attachments: list[str] = []


class EvidenceHashView(msgspec.Struct):
    """keccak256 of the document, which is canonical JSON."""

    hash: str


class EvidenceView(msgspec.Struct):
    """The document that the hash is of, once its keys are in order and its blanks gone."""

    about: Subject
    attachments: list[str]
    author: str
    text: str


@router.post("", **spec(EvidenceHashView, 201, NewEvidence, auth=True))
async def submit(request: Request) -> Response:
    """Keeps evidence about a job, an opening or an appeal; its hash can go on the chain."""
    found, body = session(request), await read(request, NewEvidence)
    choice("about.kind", body.about.kind, KINDS)
    id = hex_text("about.id", body.about.id, 32)
    attachments = [hex_text("An attachment", hash, 32) for hash in body.attachments]
    hash = await coordinator(request).evidence.submit(found.account, body.about.kind, id, body.text, attachments)
    return JSON(EvidenceHashView(hash), 201)


@router.get("/{hash}", **spec(EvidenceView, auth=True))
def one(request: Request, hash: str) -> Response:
    """Evidence by its hash, for its author and the other side."""
    account = session(request).account
    return JSON(coordinator(request).evidence.one(account, hex_text("The hash", hash, 32)))
