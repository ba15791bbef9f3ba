"""Anvil with a chain that outlives it."""

import shutil
from pathlib import Path

from piecework.chain.build import ROOT
from piecework.chain.rpc import Rpc, RpcRefused, RpcUnavailable
from piecework.domain.errors import Unavailable
from piecework.stack.accounts import MNEMONIC
from piecework.stack.gate import Gate
from piecework.stack.journal import Journal
from piecework.stack.process import Program, wait_until
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
    """Anvil on a port of its own, and before it the gate on the port that others know.

    Args:
        folder: where its chain is kept.
        port: where others find it.
        logs: folder for the log.
    """

    def __init__(self, folder: Path, port: int, logs: Path) -> None:
        super().__init__("devnet", [devnet_program("anvil")], logs)
        self.rpc = Rpc(f"http://{HOST}:{port}")
        self.remark: str | None = None
        self._journal = Journal(folder)
        self._program, self._port = self.command[0], port
        self._behind = self.rpc
        self._gate: Gate | None = None

    def start(self) -> None:
        self._close()
        port = free_port()
        self._behind = Rpc(f"http://{HOST}:{port}")
        self.command = [self._program, "--host", HOST, "--port", str(port), "--mnemonic", MNEMONIC, "--quiet"]
        if self._journal.snapshot.exists():
            self.command += ["--load-state", str(self._journal.snapshot)]
        super().start()

    def prepare(self) -> None:
        """Brings the chain to the last block that anybody was told of, and only then lets others in."""
        wait_for_chain(self, self._behind)
        restored = self._journal.restore(self._behind)
        if not restored.same:
            self.remark = (
                f"its last {restored.blocks} blocks came back with other hashes ({restored.refused} transactions were refused): "
                "something had changed the chain without a transaction"
            )
        elif restored.blocks:
            self.remark = f"its last {restored.blocks} blocks mined again"
        self._gate = Gate(self._port, self._behind.url, lambda: self._journal.catch_up(self._behind))
        self._gate.open()

    def stop(self) -> None:
        if self._close() and self.exit_code() is None:
            try:
                self._journal.checkpoint(self._behind)
            except (RpcUnavailable, RpcRefused) as error:
                self.remark = error.sentence  # it is going already: the journal has its blocks
        super().stop()

    def _close(self) -> bool:
        """Whether others could come in until now."""
        gate, self._gate = self._gate, None
        if gate:
            gate.close()
        return gate is not None
