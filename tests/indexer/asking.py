"""Asks a running indexer's own port."""

import json
import re
from typing import Any

import urllib3
from prometheus_client.parser import text_string_to_metric_families

from tests.indexer.bench import Process, eventually

_pool = urllib3.PoolManager(maxsize=4, retries=False, timeout=10)


class Asker:
    """Knows where an indexer listens from what it has logged; it was started with `indexer_port=0`."""

    def __init__(self, running: Process) -> None:
        eventually(lambda: "listening on" in running.said, running)
        found = re.search(r"listening on (http://[\d.:]+)", running.said)
        assert found
        self.url = found.group(1)

    def ask(self, path: str) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        answer = _pool.request("GET", self.url + path)
        return answer.status, json.loads(answer.data)

    def ready(self) -> bool:
        return self.ask("/ready")[0] == 200

    def status(self) -> dict[str, Any]:
        code, said = self.ask("/status")
        assert code == 200
        return dict(said)

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Every sample by its name and its labels, without the deployment's, as Prometheus' own parser reads them."""
        answer = _pool.request("GET", self.url + "/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        samples = [sample for family in text_string_to_metric_families(answer.data.decode()) for sample in family.samples]
        assert all({"chain_id", "escrow"} <= sample.labels.keys() for sample in samples)
        return {(sample.name.removeprefix("piecework_indexer_"), _rest(sample.labels)): sample.value for sample in samples}


def _rest(labels: dict[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((key, value) for key, value in labels.items() if key not in ("chain_id", "escrow"))
