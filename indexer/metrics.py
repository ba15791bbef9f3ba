"""The standing as Prometheus reads it: text format 0.0.4, every sample with the deployment's chain_id and escrow."""

from collections.abc import Iterator
from typing import Any

from indexer.standing import Standing
from piecework.operation.exposition import Family, by, exposition


def render(standing: Standing) -> str:
    """All metrics at one moment."""
    counted = standing.counts.snapshot()
    own = {"chain_id": str(standing.deployment.chain_id), "escrow": standing.deployment.escrow}
    return exposition("piecework_indexer_", own, [*_gauges(standing, counted), *_counters(standing, counted)])


def _gauges(standing: Standing, counted: dict[str, Any]) -> Iterator[Family]:
    cursor = standing.cursor
    values = {
        "up": (1, "The process answers."),
        "ready": (int(standing.unready() is None), "Level with the chain, within the blocks that were set."),
        "halted": (int(standing.halted is not None), "Nothing is mirrored until somebody looks and starts it again."),
        "stalled": (int(standing.stalled is not None), "The chain moves and the mirror doesn't."),
        "cursor_block": (cursor and cursor.number, "The last mirrored block."),
        "head_block": (standing.head(counted), "The chain's newest block."),
        "lag_blocks": (standing.lag_blocks(counted), "Blocks that could be mirrored and aren't."),
        "lag_seconds": (standing.lag_seconds(counted), "Age of the last mirrored block while there is a newer one."),
        "queue_blocks": (standing.queue(), "Blocks that are fetched and wait to be written."),
        "indexes_left": (standing.indexes_left, "Indexes that a first backfill has still to make."),
    }
    for name, (value, words) in values.items():
        yield Family(name, "gauge", words, [] if value is None else [({}, value)])
    yield Family("endpoint_head_block", "gauge", "The newest block that an endpoint has spoken of.", by("endpoint", counted["heads"]))
    is_open = {name: int(state == "open") for name, state in counted["breakers"].items()}
    yield Family("endpoint_open", "gauge", "The endpoint's circuit breaker is open: it isn't asked.", by("endpoint", is_open))


def _counters(standing: Standing, counted: dict[str, Any]) -> Iterator[Family]:
    errors = [
        ({"endpoint": name, "class": kind}, times) for name, kinds in counted["errors"].items() for kind, times in kinds.items()
    ]
    endpoint = {
        "rpc_requests_total": ("requests", "HTTP requests that were answered."),
        "rpc_received_bytes_total": ("received_bytes", "Bytes of their answers."),
        "rechecks_total": ("rechecks", "Blocks asked for a second time, by their hash."),
        "bisects_total": ("bisects", "Ranges that had to be asked for in pieces."),
        "failovers_total": ("failovers", "Changes to this endpoint from one that fails, lags or lies."),
    }
    yield Family("events_total", "counter", "Logs of the escrow that were written.", [({}, standing.events)])
    yield Family("blocks_total", "counter", "Blocks that were written.", [({}, standing.blocks)])
    yield Family("reorgs_total", "counter", "Reorgs by the number of replaced blocks.", by("depth", counted["reorgs"]))
    yield Family("rpc_errors_total", "counter", "No answers, refusals and lies, by class.", errors)
    for name, (key, words) in endpoint.items():
        yield Family(name, "counter", words, by("endpoint", counted[key]))
    yield Family("disagreements_total", "counter", "Reorgs that one endpoint spoke of and others denied.", [({}, counted["disagreements"])])
    yield Family("wakes_total", "counter", "Blocks that a subscription announced.", [({}, counted["wakes"])])
    words = "How long a transaction took, from its begin to its commit."
    yield Family("commit_seconds", "histogram", words, [({}, standing.commits)])
