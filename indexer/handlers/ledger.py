"""Deposits, withdrawals, tips, and what operators may spend."""

from indexer import tables
from indexer.events import Deposited, OperatorSet, OperatorSpent, Tipped, Withdrawn
from indexer.handlers.dispatch import handles
from indexer.recall import Allowance, newest
from indexer.store import Store

_NEWEST_TIP = newest(tables.Tip, ("sent_count", "sent_total"), ("sender", "token"), ("position",))


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
    known = store.known("tips", _NEWEST_TIP, ("sender", "token"), lambda rows: tuple(rows[0]))
    count, total = known.get(event.sender, event.token) or (0, 0)
    store.debit(at, event.sender, event.token, sum(event.amounts), "tip")
    for position, (receiver, amount) in enumerate(zip(event.receivers, event.amounts, strict=True)):
        count, total = count + 1, total + amount
        sent = {"sent_count": count, "sent_total": total}
        store.add(tables.Tip, at, position=position, receiver=receiver, amount=amount, **common, **sent)
        store.credit(at, receiver, event.token, amount, "tip")
    known.put((count, total), event.sender, event.token)


@handles(OperatorSet)
def operator_set(event: OperatorSet, store: Store) -> None:
    key = (event.requester, event.operator, event.token)
    store.allow(event.at, key, Allowance(event.allowance, event.expires_at))


@handles(OperatorSpent)
def operator_spent(event: OperatorSpent, store: Store) -> None:
    store.spend(event.at, (event.requester, event.operator, event.token), event.amount)
