"""Logs of `CoordinatorBond` as values. It stands beside the escrow at an address of its own, and the two share no topic."""

from collections.abc import Callable
from functools import cache
from typing import Any

from indexer.chain import Log
from indexer.events import Bonded, BondWithdrawn, EquivocationPaid, Event, LockMoved, Position
from piecework.chain.abi import Abi
from piecework.chain.build import contract
from piecework.chain.deployment import Deployment
from piecework.chain.escrow import escrow_abi


@cache
def bond_abi() -> Abi:
    """The bond contract's."""
    return Abi(contract("CoordinatorBond").abi)


def watched(deployment: Deployment) -> dict[str, tuple[str, ...]]:
    """The contracts whose events are mirrored, each with the topics of what it says."""
    topics = {deployment.escrow: tuple(escrow_abi().topics)}
    return topics | ({deployment.bond: tuple(bond_abi().topics)} if deployment.bond else {})


def decoded(at: Position, log: Log) -> Event:
    """The event of a log of the bond contract.

    Raises:
        Invalid, DecodingError, ValueError: it can't be one.
    """
    name, values = bond_abi().decode_event(log.topics, log.data)
    return _DECODERS[name](at, values)


def _equivocation(at: Position, values: dict[str, Any]) -> EquivocationPaid:
    named = (values[name] for name in ("coordinator", "worker", "token", "slot", "paid", "burnt"))
    return EquivocationPaid(at, "0x" + values["job"].hex(), *named)


_DECODERS: dict[str, Callable[[Position, dict[str, Any]], Event]] = {
    "Bonded": lambda at, values: Bonded(at, values["coordinator"], values["token"], values["from"], values["amount"]),
    "LockMoved": lambda at, values: LockMoved(at, values["coordinator"], values["token"], values["lockedUntil"]),
    "Withdrawn": lambda at, values: BondWithdrawn(
        at, values["coordinator"], values["token"], values["receiver"], values["amount"]
    ),
    "EquivocationPaid": _equivocation,
}
