"""Cutting batches: every answer in exactly one, few worker tables, none too large."""

import random
from types import SimpleNamespace

import pytest

from backend.services.batches import cut
from backend.services.cargo import fitting
from piecework.domain.terms import MAX_SLOTS, MAX_WORKERS

JOB = b"\1" * 32


def worker(n: int) -> str:
    return "0x" + n.to_bytes(20).hex()


def holders(slots: int, workers: int, seed: int = 1, spread: int = 1) -> list[tuple[int, str, bytes]]:
    """Slots held by random workers; `spread` leaves gaps between them."""
    rng = random.Random(seed)
    return [(slot * spread, worker(rng.randrange(workers) + 1), slot.to_bytes(32)) for slot in range(slots)]


@pytest.mark.parametrize(
    ("slots", "workers", "spread", "batches", "tables"),
    [
        (1, 1, 1, 1, 1),
        (25_000, 176, 1, 2, 1),
        (1_000, 255, 1, 1, 1),
        (20_000, 1_000, 1, 8, 4),
        (16_384, 1, 1, 1, 1),
        (16_385, 1, 1, 2, 1),
        (3, 1, 20_000, 3, 1),
    ],
)
def test_every_answer_is_in_one_batch_and_tables_are_few(
    slots: int, workers: int, spread: int, batches: int, tables: int
) -> None:
    given = holders(slots, workers, spread=spread)
    cuts = cut(JOB, given, 0, [])
    assert (len(cuts), len({one.roster for one in cuts})) == (batches, tables)
    found = {}
    for one in cuts:
        assert len(one.batch.workers) <= MAX_WORKERS and len(one.batch.places) <= MAX_SLOTS
        for at, place in enumerate(one.batch.places):
            if place:
                slot = one.batch.first_slot + at
                assert slot not in found
                found[slot] = one.batch.workers[place - 1]
    assert found == {slot: who for slot, who, _ in given}


def test_a_later_cut_goes_on_with_the_newest_table_while_it_has_room() -> None:
    first = cut(JOB, [(n, worker(n), bytes(32)) for n in range(250)], 0, [])
    table = first[-1].batch.workers
    later = [(1_000 + n, worker(245 + n), bytes(32)) for n in range(20)]
    second = cut(JOB, later, 0, table)
    assert [one.roster for one in second] == [0, 1]
    assert second[0].batch.workers[: len(table)] == table and len(second[0].batch.workers) == MAX_WORKERS
    full = second[0].batch.workers
    assert [one.roster for one in cut(JOB, [(2_000, worker(999), bytes(32))], 0, full)] == [1]


def test_a_settlement_takes_what_fits_its_gas_and_at_least_one_batch() -> None:
    batch = SimpleNamespace(places=bytes(10_000), workers='["0x1"]')
    assert fitting([batch] * 10, 12_000_000) == 7  # 7 * 10,000 slots of 160 gas, 7 batches of 80,000, and the rest
    assert fitting([batch] * 10, 1_000_000) == 1
    assert fitting([batch] * 2, 12_000_000) == 2
