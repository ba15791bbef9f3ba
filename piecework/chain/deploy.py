"""Deploys the escrow and, on a devnet, the dollar that jobs pay in there."""

from piecework.chain.abi import Abi
from piecework.chain.build import contract
from piecework.chain.deployment import Deployment
from piecework.chain.escrow import view
from piecework.chain.wallet import Receipt, Wallet


def deploy(wallet: Wallet, governor: str, token: str | None = None) -> Deployment:
    """Creates the escrow.

    Args:
        wallet: pays the gas.
        governor: may set the fee of new jobs, and nothing else.
        token: the ERC-20 that jobs pay in; None deploys a dollar that anyone may mint, for a devnet.
    """
    created = create(wallet, "Piecework", governor)
    devnet = token is None
    if token is None:
        token = create(wallet, "DevnetDollar").contract
    assert created.contract and token
    rpc, abi = wallet.rpc, Abi(contract("DevnetDollar").abi)
    return Deployment(
        chain_id=int(rpc.call("eth_chainId"), 16),
        genesis_hash=rpc.call("eth_getBlockByNumber", "0x0", False)["hash"],
        escrow=created.contract,
        token=token.lower(),
        token_symbol=str(view(rpc, abi, token, "symbol")),
        token_decimals=int(view(rpc, abi, token, "decimals")),  # type: ignore[call-overload]
        start_block=created.block_number,
        devnet=devnet,
    )


def create(wallet: Wallet, name: str, *arguments: object) -> Receipt:
    """Creates one compiled contract with its constructor's arguments."""
    compiled = contract(name)
    return wallet.send(None, compiled.bytecode + Abi(compiled.abi).encode_arguments(*arguments))
