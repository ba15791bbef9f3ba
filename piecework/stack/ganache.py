"""Ganache, which keeps its chain in a LevelDB of its own: what it has acknowledged survives kill -9."""

import shutil
from pathlib import Path

from piecework.chain.rpc import Rpc
from piecework.domain.errors import Unavailable
from piecework.stack.accounts import MNEMONIC
from piecework.stack.anvil import devnet_program, wait_for_chain
from piecework.stack.process import Program
from piecework.stack.settings import HOST


class Ganache(Program):
    """Ganache on a port; its chain id is 1337.

    Args:
        folder: where its chain is kept.
        port: where it listens.
        logs: folder for the log.
    """

    remark: str | None = None

    def __init__(self, folder: Path, port: int, logs: Path) -> None:
        if shutil.which("node") is None:
            raise Unavailable("Ganache runs on Node.js, and there is no 'node' on this machine: install Node.js 20 or newer.")
        self.rpc = Rpc(f"http://{HOST}:{port}")
        folder.mkdir(parents=True, exist_ok=True)
        where = ["--server.host", HOST, "--server.port", str(port), "--database.dbPath", str(folder)]
        wallets = ["--wallet.mnemonic", MNEMONIC, "--wallet.defaultBalance", "10000"]
        super().__init__("devnet", [devnet_program("ganache"), *where, *wallets, "--logging.quiet"], logs)

    def prepare(self) -> None:
        wait_for_chain(self, self.rpc)
