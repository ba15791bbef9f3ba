"""The subscription to new blocks: it shortens the wait, and nothing is lost when it is silent, breaks or lies."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web

from indexer.counts import Counts
from indexer.wake import PAUSE_SECONDS, Wake
from tests.indexer.bench import eventually, is_level, process
from tests.indexer.workshop import Workshop
from tests.support.devnet import free_port

NEWS = '{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"0x1","result":{"number":"0xffffff"}}}'
Talk = Callable[[web.WebSocketResponse], Awaitable[None]]


@contextmanager
def node(talk: Talk) -> Iterator[str]:
    """A WebSocket at which a node talks like that after every subscription."""
    loop, started = asyncio.new_event_loop(), threading.Event()
    port = free_port()

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        await talk(socket)
        return socket

    async def run() -> None:
        app = web.Application()
        app.router.add_get("/", serve)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    def main() -> None:
        asyncio.set_event_loop(loop)
        task.append(loop.create_task(run()))
        try:
            loop.run_until_complete(task[0])
        except asyncio.CancelledError:
            pass
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    task: list[asyncio.Task[None]] = []
    thread = threading.Thread(target=main)
    thread.start()
    assert started.wait(10)
    try:
        yield f"ws://127.0.0.1:{port}/"
    finally:
        loop.call_soon_threadsafe(task[0].cancel)
        thread.join(10)


async def silent(socket: web.WebSocketResponse) -> None:
    async for _ in socket:
        pass


async def raving(socket: web.WebSocketResponse) -> None:
    """Everything that isn't news, and then news without end."""
    for text in ("", "{", "[]", "null", '{"id":1,"error":{"code":-32601}}', "x" * 100_000):
        await socket.send_str(text)
    await socket.send_bytes(b"\x00\xff")
    while not socket.closed:
        await socket.send_str(NEWS)
        await asyncio.sleep(0)


async def once(socket: web.WebSocketResponse) -> None:
    await socket.send_str(NEWS)
    await socket.close()


async def hiccuping(socket: web.WebSocketResponse) -> None:
    await socket.close()


def test_without_a_subscription_it_waits_and_can_be_woken() -> None:
    with Wake(None, Counts()) as wake:
        assert wake.wait(0.01) is False
        wake.ring()
        assert wake.wait(60) is True
        assert wake.wait(0.01) is False


def test_an_announcement_ends_the_wait_and_after_a_break_the_next_one_does() -> None:
    counts = Counts()
    with node(once) as url, Wake(url, counts) as wake:
        for _ in range(3):
            assert wake.wait(60)
        assert counts.snapshot()["wakes"] >= 3


def test_however_much_is_announced_nobody_looks_all_the_time() -> None:
    counts = Counts()
    with node(raving) as url, Wake(url, counts) as wake:
        assert wake.wait(60)
        began = time.monotonic()
        for _ in range(10):
            assert wake.wait(60)
        assert time.monotonic() - began >= 9 * PAUSE_SECONDS


def test_nobody_there_is_no_more_than_a_wait() -> None:
    with Wake(f"ws://127.0.0.1:{free_port()}", Counts()) as wake:
        assert wake.wait(0.3) is False


def test_a_block_is_mirrored_as_soon_as_it_is_announced(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    """The next look would come after this test."""
    settings = {"poll_seconds": 600, "websocket_url": workshop.rpc.url.replace("http", "ws", 1)}
    workshop.everything()
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, **settings) as running:
        eventually(lambda: "level with the chain" in running.said, running)
        deadline = time.monotonic() + 30
        while not is_level(database_url, workshop) or workshop.head() < 30:
            assert time.monotonic() < deadline, running.said
            workshop.mine(1)  # the first may come before the subscription
            time.sleep(0.1)
        assert running.stop() == 0


@pytest.mark.parametrize("talk", [silent, raving, hiccuping, once])
def test_whatever_is_announced_nothing_is_lost(
    talk: Talk, workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    with (
        node(talk) as url,
        process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, websocket_url=url) as running,
    ):
        for _ in range(2):
            workshop.everything()
            eventually(lambda: is_level(database_url, workshop), running)
        assert running.stop() == 0
        assert "Traceback" not in running.said and "Unclosed" not in running.said
