"""Deploys the escrow with ape: ape run deploy --network ethereum:local:foundry --account ALIAS --token 0x…

Writes the deployment file that indexer and backend start from (`piecework.chain.deployment.Deployment`).
"""

import json
from pathlib import Path
from typing import Any

import ape
import click
from ape.cli import ConnectedProviderCommand


def signer(alias: str | None, local: bool) -> Any:
    """The account that pays for the deployment: one of ape's, or a local network's first."""
    if alias is not None and alias not in ape.accounts.aliases:
        raise click.UsageError(f"ape knows no account '{alias}'; 'ape accounts list' shows those it knows.")
    if alias is not None:
        return ape.accounts.load(alias)
    if not local:
        raise click.UsageError("On a live network say who deploys: --account ALIAS (see 'ape accounts list').")
    return ape.accounts.test_accounts[0]


@click.command(cls=ConnectedProviderCommand, help="Deploys the escrow, and on a local network a dollar to pay in.")
@click.option("--account", help="An account of ape's that pays; on a local network its first one by default.")
@click.option("--governor", help="May set the fee of new jobs, and nothing else; the deployer by default.")
@click.option("--token", help="The ERC-20 that jobs pay in; without it a local network gets a dollar that anyone may mint.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the deployment file.")
def cli(account: str | None, governor: str | None, token: str | None, out: Path | None) -> None:
    """Creates the contracts and says where they are."""
    network = ape.networks.active_provider.network
    local = network.is_dev
    if token is None and not local:
        raise click.UsageError("On a live network say what jobs pay in: --token 0x….")
    deployer = signer(account, local)
    escrow = deployer.deploy(ape.project.Piecework, governor or deployer.address)
    dollar = ape.project.DevnetDollar.at(token) if token else deployer.deploy(ape.project.DevnetDollar)
    deployment = {
        "chain_id": ape.chain.chain_id,
        "genesis_hash": "0x" + bytes(ape.chain.blocks[0].hash).hex(),
        "escrow": escrow.address.lower(),
        "token": dollar.address.lower(),
        "token_symbol": dollar.symbol(),
        "token_decimals": dollar.decimals(),
        "start_block": escrow.creation_metadata.block,
        "devnet": token is None,
    }
    text = json.dumps(deployment, indent=2) + "\n"
    if out is not None:
        out.write_text(text)
    click.echo(text, nl=False)
