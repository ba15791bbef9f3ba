"""Deploys with ape, on any network that it knows: ape run deploy --network ethereum:mainnet:node --account ALIAS

What the contracts are created with stands in contracts/deploy.toml. Their addresses follow from it, so what is deployed already is
found: run it again to see that nothing is missing, or to finish a run that was cut off. Writes the deployment file that indexer
and backend start from (`piecework.chain.deployment`), and beside it what explorers verify the sources with.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ape
import click
from ape.cli import ConnectedProviderCommand
from ape.exceptions import ApeException
from eth_tester.exceptions import TransactionFailed, ValidationError
from hexbytes import HexBytes
from web3.exceptions import Web3Exception

from piecework.chain.arguments import Arguments
from piecework.chain.build import ROOT, compile_contracts, verification_input
from piecework.chain.deploy import Deployer
from piecework.chain.deployment import Deployment
from piecework.chain.rpc import Rpc, RpcRefused
from piecework.chain.wallet import Receipt
from piecework.domain.errors import Conflict, Invalid, PieceworkError
from piecework.stack.accounts import dev_accounts


class ApeRpc(Rpc):
    """JSON-RPC through the provider that ape is connected with."""

    def __init__(self, provider: Any) -> None:
        super().__init__("http://ape")  # never asked: ape's own connection may be a socket, a file or no address at all
        self.place, self._provider = str(provider.name), provider

    def call(self, method: str, *params: Any) -> Any:
        try:
            return _json(self._provider.web3.manager.request_blocking(method, list(params)))
        except (Web3Exception, ValidationError, TransactionFailed) as error:
            raise RpcRefused(method, 0, str(error), None) from error


class ApeSender:
    """One of ape's accounts; a live one asks before each transaction."""

    def __init__(self, rpc: Rpc, account: Any) -> None:
        self.rpc, self._account = rpc, account

    def send(self, to: str | None, data: str, value: int = 0) -> Receipt:
        try:
            if to is None:
                ecosystem = ape.networks.active_provider.network.ecosystem
                receipt = self._account.call(ecosystem.create_transaction(sender=self._account.address, data=data))
            else:
                receipt = self._account.transfer(to, value, data=data if data != "0x" else None)
        except ApeException as error:
            raise Conflict(f"ape didn't send a transaction: {error}") from error
        created = receipt.contract_address
        return Receipt(receipt.txn_hash, receipt.block_number, receipt.gas_used, created.lower() if created else None)


def _json(value: Any) -> Any:
    """A value as it is in JSON-RPC; ape's own chain gives numbers and bytes."""
    if isinstance(value, Mapping):
        return {name: _json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json(inner) for inner in value]
    if isinstance(value, bytes):
        return HexBytes(value).to_0x_hex()
    return hex(value) if isinstance(value, int) and not isinstance(value, bool) else value


@contextmanager
def _sentences() -> Iterator[None]:
    """What goes wrong is said without a traceback."""
    try:
        yield
    except PieceworkError as error:
        raise click.ClickException(error.sentence) from None
    except ApeException as error:
        raise click.ClickException(str(error)) from None


def _account(alias: str | None, local: bool) -> Any:
    """The account that pays for the deployment: one of ape's, or a local network's first."""
    if alias is not None and alias not in ape.accounts.aliases:
        raise click.UsageError(f"ape knows no account '{alias}'; 'ape accounts list' shows those it knows.")
    if alias is not None:
        account = ape.accounts.load(alias)
        if hasattr(account, "unlock"):  # a keystore: its passphrase is asked for once, a Ledger's not at all
            account.unlock()
        return account
    if not local:
        raise click.UsageError("On a live network say who deploys: --account ALIAS (see 'ape accounts list').")
    return ape.accounts.test_accounts[0]


def _require_own(arguments: Arguments, file: Path) -> None:
    """On a live network nobody gets a power by a key that everybody has."""
    known = {account.address for account in dev_accounts()} & arguments.accounts
    if known:
        raise Invalid(f"{file} gives powers to {', '.join(sorted(known))}, whose keys everybody knows; write your own accounts there.")


def _token(arguments: Arguments, chain_id: int, local: bool, file: Path) -> str | None:
    token = arguments.tokens.get(chain_id)
    if token is None and not local:
        raise Invalid(f"{file} doesn't say what jobs pay in on chain {chain_id}: write {chain_id} = \"0x…\" under [tokens].")
    return token


def _before(path: Path | None, rpc: Rpc, local: bool) -> Deployment | None:
    """What an earlier run wrote; a local network that was started anew has no earlier run."""
    if path is None or not path.exists():
        return None
    before = Deployment.load(path)
    if local and before.genesis_hash != rpc.call("eth_getBlockByNumber", "0x0", False)["hash"]:
        return None
    before.check(rpc)
    return before


def _save(deployment: Deployment, path: Path) -> None:
    """The deployment file, and beside it a standard-JSON input for each contract that we created."""
    deployment.save(path)
    for name in deployment.contracts:
        if name != "DevnetDollar" or deployment.devnet:
            text = json.dumps(verification_input(name), indent=1) + "\n"
            path.with_name(f"{path.stem}.{name}.input.json").write_text(text)


@click.command(cls=ConnectedProviderCommand, help=__doc__)
@click.option("--account", help="An account of ape's that pays; on a local network its first one by default.")
@click.option("--arguments", "file", type=click.Path(path_type=Path), default=ROOT / "contracts" / "deploy.toml",
              help="What the contracts are created with; contracts/deploy.toml by default.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False),
              help="Folder for the files; contracts/deployments by default, and nowhere for a local network.")  # fmt: skip
def cli(account: str | None, file: Path, out: Path | None) -> None:
    """Creates the contracts that aren't there yet and says where they are."""
    provider = ape.networks.active_provider
    local, rpc = provider.network.is_dev, ApeRpc(provider)
    folder = out or (None if local else ROOT / "contracts" / "deployments")
    with _sentences():
        arguments = Arguments.load(file)
        if not local:
            _require_own(arguments, file)
        token = _token(arguments, provider.chain_id, local, file)
        path = folder / f"{provider.chain_id}.json" if folder else None
        before = _before(path, rpc, local)
        sender = ApeSender(rpc, _account(account, local))
        compile_contracts()
        deployment = Deployer(sender, arguments, before, lambda sentence: click.echo(sentence, err=True)).deploy(token)
        if path and deployment != before:
            _save(deployment, path)
    click.echo(deployment.text(), nl=False)
