"""ape as somebody uses it who deploys: a home of its own with a keystore account and a network in it."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from piecework.chain.build import ROOT
from piecework.chain.rpc import Rpc
from piecework.domain.typed_data import Key

ACCOUNT, NETWORK, PASSPHRASE = "deployer", "ethereum:piecenet:node", "correct horse"
CONFIG = """\
networks:
  custom:
    - name: piecenet
      chain_id: {chain_id}
      ecosystem: ethereum
      default_provider: node
node:
  ethereum:
    piecenet:
      uri: {url}
"""


def install() -> None:
    """Makes ape's environment where it isn't made yet."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    subprocess.run(["make", ".venv-ape/installed"], cwd=ROOT, env=plain, check=True, capture_output=True)


@dataclass(frozen=True)
class Shop:
    """ape in a home of its own, with `key` in its keystore and the chain behind `rpc` as its network."""

    home: Path
    rpc: Rpc
    key: Key

    @property
    def out(self) -> Path:
        """Where deployments are written."""
        return self.home / "deployments"

    @property
    def file(self) -> Path:
        """The arguments."""
        return self.home / "deploy.toml"

    def open(self) -> "Shop":
        """Imports the account, as its owner does."""
        settings = self.home / ".ape" / "ape-config.yaml"
        settings.parent.mkdir(parents=True)
        settings.write_text(CONFIG.format(chain_id=int(self.rpc.call("eth_chainId"), 16), url=self.rpc.url))
        typed = f"{self.key.secret.hex()}\n{PASSPHRASE}\n{PASSPHRASE}\n"
        done = self.ape("accounts", "import", ACCOUNT, typed=typed)
        assert done.returncode == 0, done.stdout + done.stderr
        return self

    def ape(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """An ape command; away from a terminal it reads what is typed from its standard input."""
        environment = os.environ | {"HOME": str(self.home), f"APE_ACCOUNTS_{ACCOUNT}_PASSPHRASE": PASSPHRASE}
        return subprocess.run(
            [ROOT / ".venv-ape" / "bin" / "ape", *arguments], cwd=ROOT, env=environment, input=typed, text=True,
            capture_output=True, timeout=250, check=False, start_new_session=True,
        )  # fmt: skip

    def deploy(self, *arguments: str, typed: str = "y\n" * 9) -> subprocess.CompletedProcess[str]:
        """`ape run deploy` into our own folder; every transaction is agreed to unless `typed` says otherwise."""
        return self.ape("run", "deploy", "--arguments", str(self.file), "--out", str(self.out), *arguments, typed=typed)

    def deploy_live(self) -> str:
        """The same on the live network; what it said."""
        done = self.deploy("--network", NETWORK, "--account", ACCOUNT)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr
