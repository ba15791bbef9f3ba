"""A stack in a folder of its own, driven by the commands that people type."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from piecework.chain.escrow import token_abi
from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Wallet
from piecework.stack.process import Trace, wait_until
from piecework.stack.state import Lock, State
from tests.support.devnet import keys

PIECEWORK = str(Path(sys.executable).with_name("piecework"))


def piecework(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the command line to its end."""
    return subprocess.run(
        [PIECEWORK, *arguments], capture_output=True, text=True, timeout=200, check=False, env=os.environ | dict(environment or {})
    )


@dataclass(frozen=True)
class Place:
    """A data directory."""

    data: Path

    def up(self, *arguments: str) -> dict[str, Any]:
        """`up --detach --json`; what it printed."""
        done = piecework("up", "--detach", "--json", "--data", str(self.data), *arguments)
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def down(self) -> subprocess.CompletedProcess[str]:
        return piecework("down", "--data", str(self.data))

    def status(self) -> tuple[int, dict[str, Any]]:
        """Exit code and what it printed."""
        done = piecework("status", "--json", "--data", str(self.data))
        return done.returncode, json.loads(done.stdout)

    def traces(self) -> dict[str, Trace]:
        """Everything of this stack that was started last, the supervisor first."""
        state, supervisor = State.load(self.data), Lock(self.data).holder()
        assert state and supervisor
        return {"supervisor": supervisor} | state.programs

    def kill(self, *names: str) -> None:
        """kill -9, at once, of the named ones or of all."""
        traces = self.traces()
        victims = [traces[name] for name in names or traces]
        for victim in victims:
            os.kill(victim.pid, signal.SIGKILL)
        assert wait_until(lambda: not any(victim.alive() for victim in victims), 10)


@contextmanager
def place(data: Path) -> Iterator[Place]:
    """A data directory from which nothing runs afterwards, whatever the test did."""
    here = Place(data)
    try:
        yield here
    finally:
        here.down()


def mint(said: Mapping[str, Any], receiver: str, amount: int) -> int:
    """Mints devnet dollars; returns the block as soon as the receipt is there."""
    wallet = Wallet(Rpc(said["rpc_url"]), keys()[4])
    return wallet.send(said["token"]["address"], token_abi().encode("mint", receiver, amount)).block_number


def dollars(said: Mapping[str, Any], account: str) -> int:
    """A wallet's devnet dollars in base units."""
    rpc = Rpc(said["rpc_url"])
    call = {"to": said["token"]["address"], "data": token_abi().encode("balanceOf", account)}
    return int(token_abi().decode_result("balanceOf", rpc.call("eth_call", call, "latest")))


def block(said: Mapping[str, Any], number: int | str = "latest") -> dict[str, Any]:
    """A block of a stack's chain."""
    found: dict[str, Any] = Rpc(said["rpc_url"]).call("eth_getBlockByNumber", hex(number) if isinstance(number, int) else number, False)
    return found
