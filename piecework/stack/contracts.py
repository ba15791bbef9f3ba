"""The escrow that a stack works with, and whose keys act on it: deployed once on a devnet, or somebody else's."""

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from piecework.chain.deploy import deploy
from piecework.chain.deployment import Deployment
from piecework.chain.escrow import token_abi
from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Wallet
from piecework.domain.errors import Invalid
from piecework.domain.typed_data import Key
from piecework.stack.accounts import Account, dev_accounts, dev_key

FIRST_DOLLARS = 1_000_000
"""What a devnet's requester starts with."""

ONE_COIN = 10**18


class Foreign(BaseSettings):
    """Who acts on a chain that isn't ours, from the environment."""

    model_config = SettingsConfigDict(env_prefix="PIECEWORK_")

    deployment: Path | None = None
    coordinator_key: SecretStr | None = None
    relayer_key: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Escrow:
    """A deployment, the file that holds it, the keys that the backend acts with, and the wallets to show."""

    deployment: Deployment
    path: Path
    coordinator: Key
    relayer: Key
    accounts: tuple[Account, ...]


def own_escrow(rpc: Rpc, data: Path) -> Escrow:
    """The escrow on a devnet, deployed at its first start.

    Raises:
        Invalid: the chain is not the one that it was deployed to.
    """
    path = data / "deployment.json"
    if path.exists():
        deployment = Deployment.load(path)
        deployment.check(rpc)
    else:
        deployment = _deploy(rpc)
        deployment.save(path)
    return Escrow(deployment, path, dev_key("coordinator"), dev_key("relayer"), dev_accounts())


def foreign_escrow(rpc: Rpc, data: Path) -> Escrow:
    """The escrow on a chain that somebody else runs: named in the environment, or deployed where that chain is a devnet.

    Raises:
        Invalid: it is neither, or not what the environment says.
    """
    given = Foreign()
    if given.deployment is None:
        if not (data / "deployment.json").exists() and not is_devnet(rpc):
            raise Invalid(
                f"The chain at {rpc.url} is no devnet (its known accounts hold nothing): set PIECEWORK_DEPLOYMENT to the file of "
                "an escrow there, and PIECEWORK_COORDINATOR_KEY and PIECEWORK_RELAYER_KEY."
            )
        return own_escrow(rpc, data)
    deployment = Deployment.load(given.deployment)
    deployment.check(rpc)
    coordinator = _key("PIECEWORK_COORDINATOR_KEY", given.coordinator_key)
    relayer = _key("PIECEWORK_RELAYER_KEY", given.relayer_key)
    accounts = (Account("coordinator", coordinator.address, None), Account("relayer", relayer.address, None))
    return Escrow(deployment, given.deployment.resolve(), coordinator, relayer, accounts)


def _deploy(rpc: Rpc) -> Deployment:
    """Puts escrow and dollar on a devnet, and some dollars into the requester's wallet."""
    wallet = Wallet(rpc, dev_key("deployer"))
    deployment = deploy(wallet, wallet.address)
    dollars = FIRST_DOLLARS * 10**deployment.token_decimals
    wallet.send(deployment.token, token_abi().encode("mint", dev_key("requester").address, dollars))
    return deployment


def is_devnet(rpc: Rpc) -> bool:
    """Whether the accounts whose keys everybody knows are rich there."""
    return int(rpc.call("eth_getBalance", dev_key("deployer").address, "latest"), 16) > ONE_COIN


def _key(name: str, secret: SecretStr | None) -> Key:
    if secret is None:
        raise Invalid(f"On a chain that isn't ours the backend needs a key of its own: set {name}.")
    if not re.fullmatch("(0x)?[0-9a-fA-F]{64}", secret.get_secret_value()):
        raise Invalid(f"{name} is no key: it should be 0x and 64 hex digits.")
    return Key(secret.get_secret_value())
