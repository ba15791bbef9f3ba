"""Deposits, withdrawals, tips, and what operators may spend."""

from indexer import tables
from indexer.events import Deposited, OperatorSet, OperatorSpent, Tipped, Withdrawn
from indexer.handlers.dispatch import handles
from indexer.recall import Allowance
from indexer.store import Store


@handles(Deposited)
def deposited(event: Deposited, store: Store) -> None:
    store.credit(event.at, event.account, event.token, event.amount, "deposited")


@handles(Withdrawn)
def withdrawn(event: Withdrawn, store: Store) -> None:
    at, owner, token = event.at, event.owner, event.token
    store.add(
        tables.LedgerWithdrawal,
        at,
        owner=owner,
        token=token,
        receiver=event.receiver,
        amount=event.amount,
        relayer=event.relayer,
        relay_fee=event.fee,
    )
    store.debit(at, owner, token, event.amount, "withdrawn")
    store.debit(at, owner, token, event.fee, "relay_fee")
    store.credit(at, event.relayer, token, event.fee, "relay_fee")


@handles(Tipped)
def tipped(event: Tipped, store: Store) -> None:
    at, common = event.at, {"sender": event.sender, "token": event.token, "note": event.note}
    store.debit(at, event.sender, event.token, sum(event.amounts), "tip")
    for position, (receiver, amount) in enumerate(zip(event.receivers, event.amounts, strict=True)):
        store.add(tables.Tip, at, position=position, receiver=receiver, amount=amount, **common)
        store.credit(at, receiver, event.token, amount, "tip")


@handles(OperatorSet)
def operator_set(event: OperatorSet, store: Store) -> None:
    key = (event.requester, event.operator, event.token)
    store.allow(event.at, key, Allowance(event.allowance, event.expires_at))


@handles(OperatorSpent)
def operator_spent(event: OperatorSpent, store: Store) -> None:
    store.spend(event.at, (event.requester, event.operator, event.token), event.amount)
