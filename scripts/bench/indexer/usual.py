"""What the usual way of writing an indexer makes of the same chain."""

import subprocess
import sys
import tempfile
from pathlib import Path

from piecework.chain.build import ROOT
from scripts.bench.indexer.chain import Chain
from scripts.bench.indexer.database import empty_database


def usual_rate(chain: Chain, kind: str, seconds: float) -> float:
    """Events a second of the usual way, in a process of its own."""
    with tempfile.TemporaryDirectory() as name, empty_database(kind, folder := Path(name)) as database:
        chain.deployment.save(folder / "deployment.json")
        arguments = [chain.rpc.url, str(folder / "deployment.json"), database.url, str(seconds)]
        command = [sys.executable, "-m", "scripts.bench.indexer.usual_way", *arguments]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        events, took = map(float, done.stdout.split())
        return events / took
