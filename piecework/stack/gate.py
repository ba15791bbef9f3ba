"""The door to an Anvil: an answer leaves only when every block that it may speak of is on disk.

So whatever a wallet, the mirror or the backend was told survives kill -9. A gate that only listened for new blocks noted them a
few milliseconds late (12 ms when busy, measured), and those were the payments that somebody had just seen confirmed.
"""

import asyncio
import threading
from collections.abc import Callable

import aiohttp
from aiohttp import web

from piecework.domain.errors import PieceworkError, Unavailable
from piecework.stack.settings import HOST

PASSED = ("content-type", "origin", "access-control-request-method", "access-control-request-headers")
ANSWERED = ("content-type", "access-control-", "vary", "allow")
LARGEST_BYTES = 256 * 1024 * 1024


class Gate(threading.Thread):
    """Listens on a port for as long as it isn't closed.

    Args:
        port: where others find the chain.
        upstream: http:// address of the Anvil behind.
        note: writes new blocks down; called before each answer, never twice at once.
    """

    def __init__(self, port: int, upstream: str, note: Callable[[], None]) -> None:
        super().__init__(name="gate", daemon=True)
        self._port, self._upstream, self._note = port, upstream, note
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._listening = threading.Event()
        self._failure: OSError | None = None

    def open(self) -> None:
        """Raises:
        Unavailable: the port is taken.
        """
        self.start()
        self._listening.wait()
        if self._failure:
            raise Unavailable(f"The devnet can't listen on port {self._port}: {self._failure.strerror}.")

    def close(self) -> None:
        """After this no answer leaves any more."""
        if self.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
        self.join()

    def run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()
            self._listening.set()

    async def _serve(self) -> None:
        application = web.Application(client_max_size=LARGEST_BYTES)
        application.router.add_route("*", "/{path:.*}", self._pass)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await runner.setup()
        async with aiohttp.ClientSession(self._upstream, timeout=aiohttp.ClientTimeout(total=None)) as self._session:
            try:
                await web.TCPSite(runner, HOST, self._port, reuse_address=True).start()
                self._listening.set()
                await self._closing.wait()
            except OSError as error:
                self._failure = error
            finally:
                await runner.cleanup()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        try:
            if request.headers.get("upgrade", "").lower() == "websocket":
                return await self._talk(request)
            headers = {name: request.headers[name] for name in PASSED if name in request.headers}
            async with self._session.request(request.method, "/", data=await request.read(), headers=headers) as answer:
                body = await answer.read()
            self._note()
        except (aiohttp.ClientError, PieceworkError) as error:
            return web.Response(status=502, text=f"The devnet doesn't answer: {error}")
        kept = {name: value for name, value in answer.headers.items() if name.lower().startswith(ANSWERED)}
        return web.Response(status=answer.status, body=body, headers=kept)

    async def _talk(self, request: web.Request) -> web.WebSocketResponse:
        """A WebSocket: both directions until one side leaves."""
        near = web.WebSocketResponse(max_msg_size=LARGEST_BYTES)
        await near.prepare(request)
        async with self._session.ws_connect("/", max_msg_size=LARGEST_BYTES) as far:
            asked = asyncio.create_task(_carry(near, far))
            answered = asyncio.create_task(_carry(far, near, self._note))
            await asyncio.wait((asked, answered), return_when=asyncio.FIRST_COMPLETED)
            await near.close()
        await asyncio.gather(asked, answered, return_exceptions=True)
        return near


Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def _carry(source: Socket, target: Socket, first: Callable[[], None] = lambda: None) -> None:
    """Passes messages on until the source closes; calls `first` before each."""
    async for message in source:
        first()
        if message.type is aiohttp.WSMsgType.TEXT:
            await target.send_str(message.data)
        elif message.type is aiohttp.WSMsgType.BINARY:
            await target.send_bytes(message.data)
