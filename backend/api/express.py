"""An express lane for the three requests of every answer, and nothing else.

They are most of what a coordinator does, and the framework's way to them (nested routers, dependency solving, exit stacks) costs
more than the work itself. The same functions stand behind the routes, so OpenAPI, errors and answers are the same.
"""

import re
from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.api import assignments
from backend.api.problems import of_ours, too_deep
from piecework.domain.errors import PieceworkError

Handler = Callable[[Request, str], Awaitable[Response]]

_LANE = re.compile(r"/v1/(?:jobs/([^/]+)/(assignments)|assignments/([^/]+)/(commit|reveal))")
_HANDLERS: dict[str, Handler] = {
    "assignments": assignments.reserve,
    "commit": assignments.commit,
    "reveal": assignments.reveal,
}


class ExpressLane:
    """ASGI middleware that answers those three by itself.

    Args:
        app: answers everything else.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = _LANE.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if match is None:
            await self._app(scope, receive, send)
            return
        subject, name = match[1] or match[3], match[2] or match[4]
        request = Request(scope, receive)
        try:
            response = await _HANDLERS[name](request, subject)
        except PieceworkError as error:
            response = of_ours(request, error)
        except RecursionError as error:
            response = too_deep(request, error)
        await response(scope, receive, send)
