"""The counters between the indexer and its nodes."""

import json
import threading

from indexer.counts import Counts


def test_everything_that_happens_is_counted_under_its_endpoint() -> None:
    counts = Counts()
    counts.requested("a:1", 100)
    counts.requested("a:1", 20)
    counts.failed("a:1", "timeout")
    counts.failed("b:2", "bloom")
    counts.rechecked("a:1")
    counts.bisected("a:1")
    counts.reorganised(3)
    counts.failed_over("b:2")
    counts.breaker("a:1", "open")
    counts.head("b:2", 7)
    counts.disagreed()
    counts.woken()
    assert counts.snapshot() == {
        "requests": {"a:1": 2},
        "received_bytes": {"a:1": 120},
        "errors": {"a:1": {"timeout": 1}, "b:2": {"bloom": 1}},
        "rechecks": {"a:1": 1},
        "bisects": {"a:1": 1},
        "reorgs": {3: 1},
        "failovers": {"b:2": 1},
        "breakers": {"a:1": "open"},
        "heads": {"b:2": 7},
        "disagreements": 1,
        "wakes": 1,
    }


def test_a_snapshot_stays_as_it_was_and_is_fit_for_json() -> None:
    counts = Counts()
    counts.failed("a:1", "refused")
    before = counts.snapshot()
    counts.failed("a:1", "refused")
    assert before["errors"] == {"a:1": {"refused": 1}}
    assert json.loads(json.dumps(before))["errors"] == before["errors"]


def test_no_count_is_lost_between_threads() -> None:
    counts = Counts()
    threads = [threading.Thread(target=lambda: [counts.requested("a:1", 1) for _ in range(2_000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts.snapshot()["requests"] == {"a:1": 8_000} == counts.snapshot()["received_bytes"]
