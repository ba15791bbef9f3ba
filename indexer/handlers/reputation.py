"""What became of the slots of each worker that were contested. Its payments have its earnings, and `mirror_job_word` has what is
known of requesters."""

from collections import Counter
from collections.abc import Iterable

from indexer import tables
from indexer.books import Grievances
from indexer.events import Appealed, AppealEnded, ContestConceded, Position, SlotsContested, SlotsReclaimed, WorkersPaid
from indexer.handlers.dispatch import handles
from indexer.recall import newest
from indexer.store import Store

_NEWEST = newest(tables.WorkerGrievance, Grievances.__struct_fields__, ("worker",))


@handles(SlotsContested)
def slots_contested(event: SlotsContested, store: Store) -> None:
    _count(event.at, "contested", _by_worker(event.at, event.opening, event.places, store), store)


@handles(SlotsReclaimed)
def slots_reclaimed(event: SlotsReclaimed, store: Store) -> None:
    _count(event.at, "reclaimed", _by_worker(event.at, event.opening, event.places, store), store)


@handles(WorkersPaid)
def workers_paid(event: WorkersPaid, store: Store) -> None:
    conceded = event.paid[0]
    if isinstance(conceded, ContestConceded):
        _count(event.at, "conceded", _by_worker(event.at, conceded.opening, conceded.places, store), store)


@handles(Appealed)
def appealed(event: Appealed, store: Store) -> None:
    _count(event.at, "appealed", [(event.worker, event.slots)], store)


@handles(AppealEnded)
def appeal_ended(event: AppealEnded, store: Store) -> None:
    worker = store.appealed(event.at, event.appeal).worker
    _count(event.at, "won" if event.worker_won else "lost", [(worker, event.slots)], store)


def _by_worker(at: Position, opening: str, places: bytes, store: Store) -> Iterable[tuple[str, int]]:
    """How many of the slots that the bytes name are whose."""
    return Counter(worker for _, worker in store.opening(at, opening).slots(places)).items()


def _count(at: Position, column: str, slots: Iterable[tuple[str, int]], store: Store) -> None:
    known = store.known("grievances", _NEWEST, ("worker",), lambda rows: Grievances(*rows[0]))
    for worker, more in slots:
        after = (known.get(worker) or Grievances()).more(column, more)
        known.put(after, worker)
        store.add(tables.WorkerGrievance, at, worker=worker, **{name: getattr(after, name) for name in after.__struct_fields__})
