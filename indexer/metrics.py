"""The standing as Prometheus reads it: text format 0.0.4, every sample with the deployment's chain_id and escrow."""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

from indexer.standing import COMMIT_SECONDS, Standing

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Samples = list[tuple[dict[str, str], float]]
"""Labels and value of each."""


def render(standing: Standing) -> str:
    """All metrics at one moment."""
    counted = standing.counts.snapshot()
    own = {"chain_id": str(standing.deployment.chain_id), "escrow": standing.deployment.escrow}
    lines = [line for family in (*_gauges(standing, counted), *_counters(standing, counted)) for line in _lines(own, *family)]
    return "\n".join([*lines, *_commits(own, standing)]) + "\n"


Family = tuple[str, str, str, Samples]
"""Name, type, help, samples."""


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
    }
    for name, (value, words) in values.items():
        yield name, "gauge", words, [] if value is None else [({}, value)]
    yield "endpoint_head_block", "gauge", "The newest block that an endpoint has spoken of.", _by("endpoint", counted["heads"])
    is_open = {name: int(state == "open") for name, state in counted["breakers"].items()}
    yield "endpoint_open", "gauge", "The endpoint's circuit breaker is open: it isn't asked.", _by("endpoint", is_open)


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
    yield "events_total", "counter", "Logs of the escrow that were written.", [({}, standing.events)]
    yield "blocks_total", "counter", "Blocks that were written.", [({}, standing.blocks)]
    yield "reorgs_total", "counter", "Reorgs by the number of replaced blocks.", _by("depth", counted["reorgs"])
    yield "rpc_errors_total", "counter", "No answers, refusals and lies, by class.", errors
    for name, (key, words) in endpoint.items():
        yield name, "counter", words, _by("endpoint", counted[key])
    yield "disagreements_total", "counter", "Reorgs that one endpoint spoke of and others denied.", [({}, counted["disagreements"])]
    yield "wakes_total", "counter", "Blocks that a subscription announced.", [({}, counted["wakes"])]


def _by(label: str, values: Mapping[Any, float]) -> Samples:
    return [({label: str(key)}, value) for key, value in values.items()]


def _commits(own: dict[str, str], standing: Standing) -> Iterator[str]:
    """The histogram of the transactions' times."""
    name = "piecework_indexer_commit_seconds"
    reached = list(accumulate(list(standing.commits)))
    yield f"# HELP {name} How long a transaction took, from its begin to its commit."
    yield f"# TYPE {name} histogram"
    for bound, times in zip((*COMMIT_SECONDS, "+Inf"), reached, strict=True):
        yield _sample(f"{name}_bucket", own | {"le": str(bound)}, times)
    yield _sample(f"{name}_sum", own, standing.commit_seconds)
    yield _sample(f"{name}_count", own, reached[-1])


def _lines(own: dict[str, str], name: str, kind: str, words: str, samples: Samples) -> Iterator[str]:
    if samples:
        yield f"# HELP piecework_indexer_{name} {words}"
        yield f"# TYPE piecework_indexer_{name} {kind}"
        for labels, value in samples:
            yield _sample(f"piecework_indexer_{name}", own | labels, value)


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{pairs}}} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
