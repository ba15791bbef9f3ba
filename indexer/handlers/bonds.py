"""Coordinators' bonds: paid in, locked, taken out, and claimed by workers whose slot was given away twice."""

from dataclasses import dataclass

from indexer import tables
from indexer.chain import AnswerRefused
from indexer.events import Bonded, BondWithdrawn, EquivocationPaid, LockMoved, Position
from indexer.handlers.dispatch import handles
from indexer.recall import newest
from indexer.store import Store

_KEY = ("coordinator", "token")
_NEWEST_BOND = newest(tables.BondEntry, ("bond", "locked_until"), _KEY)


@dataclass(frozen=True, slots=True)
class Bond:
    """Base units behind a coordinator's word, and until when they can't be taken out (Unix seconds)."""

    bond: int = 0
    locked_until: int = 0


@handles(Bonded)
def bonded(event: Bonded, store: Store) -> None:
    _move(event.at, (event.coordinator, event.token), "bonded", event.payer, event.amount, 0, store)


@handles(LockMoved)
def lock_moved(event: LockMoved, store: Store) -> None:
    key = (event.coordinator, event.token)
    _move(event.at, key, "locked", event.coordinator, 0, 0, store, event.locked_until)


@handles(BondWithdrawn)
def withdrawn(event: BondWithdrawn, store: Store) -> None:
    _move(event.at, (event.coordinator, event.token), "withdrawn", event.receiver, 0, event.amount, store)


@handles(EquivocationPaid)
def equivocation_paid(event: EquivocationPaid, store: Store) -> None:
    store.add(
        tables.BondClaim,
        event.at,
        job=event.job,
        coordinator=event.coordinator,
        worker=event.worker,
        token=event.token,
        slot=event.slot,
        paid=event.paid,
        burnt=event.burnt,
    )
    _move(event.at, (event.coordinator, event.token), "claimed", event.worker, 0, event.paid + event.burnt, store)


def _move(
    at: Position,
    key: tuple[str, str],
    reason: str,
    account: str,
    credit: int,
    debit: int,
    store: Store,
    locked_until: int | None = None,
) -> None:
    """The bond after a change.

    Raises:
        AnswerRefused: there is less in it, so the node must have kept an event from us.
    """
    bonds = store.known("bond", _NEWEST_BOND, _KEY, lambda rows: Bond(*rows[0]))
    before = bonds.get(*key) or Bond()
    after = Bond(before.bond + credit - debit, before.locked_until if locked_until is None else locked_until)
    if after.bond < 0 or after.locked_until < before.locked_until:
        raise AnswerRefused(f"Block {at.block_number} takes more from the bond of {key[0]} than there was.")
    bonds.put(after, *key)
    moved = {"reason": reason, "account": account, "credit": credit, "debit": debit}
    store.add(
        tables.BondEntry,
        at,
        coordinator=key[0],
        token=key[1],
        bond=after.bond,
        locked_until=after.locked_until,
        **moved,
    )
