"""Anvil with a chain that outlives it."""

import asyncio
import shutil
import signal
import threading
from pathlib import Path

import aiohttp

from piecework.chain.build import ROOT
from piecework.chain.rpc import Rpc, RpcRefused, RpcUnavailable
from piecework.domain.errors import Unavailable
from piecework.stack.accounts import MNEMONIC
from piecework.stack.journal import Journal
from piecework.stack.process import Program, Trace, wait_until
from piecework.stack.settings import HOST, free_port

START_SECONDS = 60
"""A devnet answers within a second; on a machine that is busy with other things it may take long."""


def devnet_program(name: str) -> str:
    """Where a devnet's program is: one on PATH is used before npm's, so that machines without a prebuilt package work too.

    Raises:
        Unavailable: nowhere.
    """
    local = ROOT / "node_modules" / ".bin" / name
    found = shutil.which(name) or (str(local) if local.exists() else None)
    if found is None:
        raise Unavailable(f"There is no {name} on this machine: run 'make setup', which installs it from npm (Node.js 20 or newer).")
    return found


def wait_for_chain(program: Program, rpc: Rpc) -> None:
    """Returns when a devnet answers.

    Raises:
        Unavailable: it ended, or didn't answer in time.
    """

    def answers() -> bool:
        program.require_alive()
        try:
            return bool(rpc.call("eth_chainId"))
        except RpcUnavailable:
            return False

    if not wait_until(answers, START_SECONDS):
        raise Unavailable(f"The {program.name} didn't answer within {START_SECONDS} s; its log is {program.log}.")


class Anvil(Program):
    """Anvil on a port, whose blocks are noted as they come.

    Args:
        folder: where its chain is kept.
        port: where it listens.
        logs: folder for the log.
    """

    def __init__(self, folder: Path, port: int, logs: Path) -> None:
        self.journal = Journal(folder)
        self.rpc = Rpc(f"http://{HOST}:{port}")
        self.remark: str | None = None
        self._follower: _Follower | None = None
        self._fresh = _command(port)
        super().__init__("devnet", self._fresh, logs)

    def start(self) -> None:
        """Starts it with the chain of the last time, to the last block that anybody was told of."""
        self._unfollow()
        if self.journal.snapshot.exists():
            if self.journal.unsaved():
                self._restore()
            self.command = [*self._fresh, "--load-state", str(self.journal.snapshot)]
        super().start()

    def prepare(self) -> None:
        wait_for_chain(self, self.rpc)
        if self.journal.snapshot.exists():
            self.journal.resume(self.rpc)
        else:
            self.journal.checkpoint(self.rpc)  # keeps block 0, whose hash is the moment of the first start
        self._follower = _Follower(self.journal, self.rpc)
        self._follower.start()
        if not self._follower.listening.wait(START_SECONDS):
            raise Unavailable(f"The {self.name} doesn't announce its blocks; its log is {self.log}.")

    def stop(self) -> None:
        if self._unfollow() and self.exit_code() is None:
            try:
                self.journal.catch_up(self.rpc)
                self.journal.checkpoint(self.rpc)
            except (RpcUnavailable, RpcRefused) as error:
                self.remark = error.sentence  # it is going already: the journal has its blocks
        super().stop()

    def _unfollow(self) -> bool:
        follower, self._follower = self._follower, None
        if follower:
            follower.stop()
        return follower is not None

    def _restore(self) -> None:
        """Mines the unsaved blocks again on a port that nobody knows, so that no new transaction gets in between."""
        port = free_port()
        command = [*_command(port), "--load-state", str(self.journal.snapshot)]
        private = Program("devnet", command, self.log.parent)
        rpc = Rpc(f"http://{HOST}:{port}")
        try:
            private.start()
            wait_for_chain(private, rpc)
            restored = self.journal.restore(rpc)
        finally:
            private.stop()
        if not restored.same:
            self.remark = (
                f"the last {restored.blocks} blocks came back with other hashes ({restored.refused} transactions were refused): "
                "something had changed the chain without a transaction"
            )
        elif restored.blocks:
            self.remark = f"its last {restored.blocks} blocks mined again"


def save_orphan(folder: Path, rpc_url: str, trace: Trace) -> None:
    """Saves the chain of an Anvil whose supervisor was killed, and ends it."""
    try:
        Journal(folder).save_orphan(Rpc(rpc_url, timeout_seconds=10))
    except RpcUnavailable:
        trace.signal(signal.SIGKILL)  # it hangs, and the journal has what it had said before
    trace.stop()


def _command(port: int) -> list[str]:
    return [devnet_program("anvil"), "--host", HOST, "--port", str(port), "--mnemonic", MNEMONIC, "--quiet"]


class _Follower(threading.Thread):
    """Notes each block when Anvil announces it, a few milliseconds after it was mined."""

    def __init__(self, journal: Journal, rpc: Rpc) -> None:
        super().__init__(name="journal", daemon=True)
        self._journal, self._rpc = journal, rpc
        self._stopping, self.listening = threading.Event(), threading.Event()

    def stop(self) -> None:
        self._stopping.set()
        self.join(10)

    def run(self) -> None:
        asyncio.run(self._follow())

    async def _follow(self) -> None:
        async with aiohttp.ClientSession() as session:
            while not self._stopping.is_set():
                try:
                    async with session.ws_connect(self._rpc.url.replace("http", "ws", 1)) as heads:
                        await self._listen(heads)
                except (aiohttp.ClientError, RpcUnavailable, RpcRefused, OSError):
                    await asyncio.sleep(0.05)  # Anvil ended, which the supervisor sees too

    async def _listen(self, heads: aiohttp.ClientWebSocketResponse) -> None:
        await heads.send_json({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
        while not self._stopping.is_set():
            try:
                message = await heads.receive(timeout=0.2)
            except TimeoutError:
                continue
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            await heads.pong()  # carries the acknowledgement that Anvil's next announcement would else wait 40 ms for
            self._journal.catch_up(self._rpc)  # nothing else runs in this loop that it could hold up
            self.listening.set()
