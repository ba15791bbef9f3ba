"""Settlements of 10,000 slots by 100 workers and nothing else: how many slots a second become rows that can be asked for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scripts.bench.indexer.chain import Chain, build
from scripts.bench.indexer.node import node
from scripts.bench.indexer.requester import LARGE_SLOTS
from scripts.bench.indexer.run import run
from scripts.bench.indexer.street import Block, Street

ROWS = "SELECT sum((SELECT count(*) FROM mirror_slot_payment AS paid WHERE paid.job = own.job)) FROM mirror_job AS own"


@contextmanager
def large_settlements(number: int, tell: Callable[[int], None]) -> Iterator[Chain]:
    """A chain of its own, one settlement a block."""

    def blocks(street: Street) -> Iterator[Block]:
        yield street.deposits()
        for at in range(number):
            yield street.large(at)

    with node() as rpc:
        yield build(rpc, blocks, tell)


def slots_rate(chain: Chain, kind: str, number: int) -> float:
    """Slots a second of one life of the indexer, from its cursor's being in the database until it is level; all rows are counted."""
    slots = number * LARGE_SLOTS
    return slots / run(chain, kind, {ROWS: slots}).reading_seconds
