"""Counts every request by its route, the class of its answer, and how long that took to begin."""

import time
from collections import Counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from piecework.operation.exposition import Histogram

ROUTE = "piecework.route"
"""In a request's scope: its route's path, where no router says it."""
REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Meter:
    """An ASGI application before all others, the guard too: what that refuses counts as well, as of no route.

    A route is named by its pattern, never by an address, so there are as many numbers as there are routes.

    Args:
        app: answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.seconds = dict[tuple[str, str], Histogram]()
        """By method and route; until the first byte of the answer, so that a stream counts as what it took to open it."""
        self.answers = Counter[tuple[str, str, str]]()
        """By method, route and class (2xx)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(scope, message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, counted)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        key = scope["method"], scope.get(ROUTE) or getattr(scope.get("route"), "path", "none")
        self.answers[*key, f"{status // 100}xx"] += 1
        histogram = self.seconds.get(key)
        if histogram is None:
            histogram = self.seconds[key] = Histogram(REQUEST_SECONDS)
        histogram.observe(seconds)
