"""JSON 1.1 over HTTP: one address, the operation in a header, errors in the body. Everything botocore lets through is checked here."""

import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import DBAPIError

from backend.mturk import model
from backend.mturk.access import mark_of
from backend.mturk.calls import Answer, Call, body_hash
from backend.mturk.errors import MTurkError, Refused, RequestError, ServiceFault
from backend.mturk.service import MTurk
from backend.mturk.sigv4 import Signed, authorization, verify
from piecework.domain.errors import PieceworkError, Unavailable

log = logging.getLogger(__name__)

MOST_BYTES = 1 << 20
MEDIA = "application/x-amz-json-1.1"
Operation = Callable[[MTurk, Call], Awaitable[Answer]]


def router(service: MTurk, operations: Mapping[str, Operation]) -> APIRouter:
    """The route of all operations.

    Args:
        service: what they work on.
        operations: every operation of the model by its name.
    """
    missing = model.operations() ^ set(operations)
    assert not missing, f"operations and model differ: {sorted(missing)}"
    routes = APIRouter(include_in_schema=False)

    @routes.post("/")
    async def call(request: Request) -> Response:
        """One call of the requester interface."""
        try:
            return _json(await _answer(service, operations, request))
        except MTurkError as error:
            return _json(error.body(time.time_ns() // 1_000_000), error.status)

    return routes


async def _answer(service: MTurk, operations: Mapping[str, Operation], request: Request) -> Answer:
    try:
        call = _call(service, await _signed(request))
        service.throttle.take(call.caller.access_key_id)
        return await operations[call.operation](service, call)
    except MTurkError:
        raise
    except Unavailable as error:
        raise ServiceFault(error.sentence) from error
    except PieceworkError as error:
        raise RequestError("InvalidParameterValue", error.sentence) from error
    except DBAPIError as error:
        log.error("the database refused: %s", error)
        raise ServiceFault("The database doesn't answer at the moment; try again.") from error
    except Exception as error:  # a fault of ours: logged with its trace, and the SDK hears of it in its own form
        log.exception("a call failed")
        raise ServiceFault("Something went wrong here; it is in the log.") from error


async def _signed(request: Request) -> Signed:
    parts: list[bytes] = []
    length = 0
    async for part in request.stream():
        length += len(part)
        if length > MOST_BYTES:
            raise Refused("RequestEntityTooLargeException", f"A call has at most {MOST_BYTES} bytes.")
        parts.append(part)
    headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers.raw]
    path = (request.scope.get("raw_path") or b"/").decode("latin-1")
    return Signed(request.method, path, request.scope["query_string"].decode("latin-1"), headers, b"".join(parts))


def _call(service: MTurk, signed: Signed) -> Call:
    now = service.clock()
    given = authorization(signed)
    caller, secret = service.access.find(given.access_key_id)
    verify(signed, given, secret, now)
    operation = _operation(signed)
    mark = mark_of(operation, signed.header("amz-sdk-invocation-id") or given.signature)
    return Call(caller, operation, model.read(operation, _body(signed.body)), mark, body_hash(signed.body), now)


def _operation(signed: Signed) -> str:
    prefix, _, name = signed.header("x-amz-target").partition(".")
    if prefix != model.TARGET or name not in model.operations():
        raise Refused("UnknownOperationException", f"X-Amz-Target must be {model.TARGET} and one of its operations.")
    return name


def _body(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise Refused("SerializationException", "The body is not JSON.") from None


def _json(body: Mapping[str, Any], status: int = 200) -> Response:
    headers = {"x-amzn-requestid": str(uuid.uuid4())}
    return Response(json.dumps(body), status, headers, MEDIA)
