"""A unit with the proof that it is a job's, and keys of sealed content."""

import base64
import binascii
from asyncio import to_thread

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api.bodies import Body
from backend.api.requests import account, coordinator, hex_text, unit_position
from backend.api.requests import read as read_body
from backend.api.schema import JSON, spec
from piecework.domain.errors import Forbidden, Invalid

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


class ProofView(msgspec.Struct):
    """A unit of a job, how many answers it asks for, its Merkle leaf, and the siblings on the way to the manifest's `units_root`."""

    position: int
    content: msgspec.Raw
    slots: int
    leaf: str
    siblings: list[str]
    units_root: str


class ContentKeyBody(Body):
    """32 bytes in base64."""

    key: str


@router.get("/{job}/units/{position}/proof", **spec(ProofView, auth="jobs:read"))
def proof(request: Request, job: str, position: str) -> Response:
    """A unit with its proof, for the job's requester and for workers who hold or held it."""
    services, asker = coordinator(request), account(request)
    found = services.postings.find(hex_text("The job's id", job, 32))
    row, siblings = services.postings.proof(found, unit_position(position))
    if asker != found.requester and not services.assignments.held(found, row.position, asker):
        raise Forbidden("Only the requester and who holds or held the unit may see it.")
    root = services.postings.manifest(services.postings.row(found.id))["units_root"]
    content = msgspec.Raw(services.assignments.unit(found, row))
    hashes = ["0x" + sibling.hex() for sibling in siblings]
    return JSON(ProofView(row.position, content, row.slots, row.leaf, hashes, root))


@router.put("/{job}/content-key", **spec(None, 204, ContentKeyBody, auth="jobs:write"))
async def give_key(request: Request, job: str) -> Response:
    """Gives the key of a job's sealed units back."""
    own, body = account(request), await read_body(request, ContentKeyBody)
    services = coordinator(request)
    found = await to_thread(services.postings.owned, hex_text("The job's id", job, 32), own)
    try:
        key = base64.b64decode(body.key, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("key is 32 bytes in base64.") from None
    await services.content_keys.give(found.number, key)
    return Response(status_code=204)


@router.delete("/{job}/content-key", **spec(None, 204, auth="jobs:write"))
async def take_key(request: Request, job: str) -> Response:
    """Takes the key of a job's sealed units back: nobody is shown them until it is given again."""
    services = coordinator(request)
    found = await to_thread(services.postings.owned, hex_text("The job's id", job, 32), account(request))
    await services.content_keys.take_back(found.number)
    return Response(status_code=204)
