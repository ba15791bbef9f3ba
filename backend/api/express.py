"""An express lane for the three requests of every answer, and nothing else.

They are most of what a coordinator does, and the framework's way to them (nested routers, dependency solving, exit stacks) costs
more than the work itself. The same functions stand behind the routes, so OpenAPI, errors and answers are the same.
"""

import logging
import re
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from sqlalchemy.exc import DBAPIError
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from backend.api import assignments
from backend.api.meter import ROUTE
from backend.api.problems import of_nobody, of_ours, of_the_database, too_deep
from piecework.domain.errors import PieceworkError

log = logging.getLogger(__name__)

Handler = Callable[[Request, str], Awaitable[Response]]

_LANE = re.compile(r"/v1/(?:jobs/([^/]+)/(assignments)|assignments/([^/]+)/(commit|reveal))")
_HANDLERS: dict[str, Handler] = {
    "assignments": assignments.reserve,
    "commit": assignments.commit,
    "reveal": assignments.reveal,
}
_ROUTES = {
    "assignments": "/v1/jobs/{job}/assignments",
    "commit": "/v1/assignments/{id}/commit",
    "reveal": "/v1/assignments/{id}/reveal",
}
"""As their routers call them."""


class ExpressLane:
    """An ASGI application before another that answers those three by itself.

    Args:
        app: answers everything else, and holds the coordinator in its state.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = _LANE.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if match is None:
            await self._app(scope, receive, send)
            return
        subject, name = match[1] or match[3], match[2] or match[4]
        scope["app"] = self._app
        scope["piecework.scope"] = "assignments"
        scope[ROUTE] = _ROUTES[name]
        request = Request(scope, receive)
        response = await _answer(_HANDLERS[name], request, subject)
        await response(scope, receive, send)


async def _answer(handler: Handler, request: Request, subject: str) -> Response:
    """The handler's answer, or the problem that it met: the same as the application's own error handlers give."""
    try:
        return await handler(request, subject)
    except PieceworkError as error:
        return of_ours(request, error)
    except DBAPIError as error:
        return of_the_database(error)
    except RecursionError as error:
        return too_deep(request, error)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    except Exception as error:  # a fault of ours: logged with its trace, and the connection lives on
        log.exception("an answer failed")
        return of_nobody(request, error)
