"""What the usual way of writing an indexer makes of the same chain."""

import subprocess
import sys
import tempfile
from pathlib import Path

from piecework.chain.build import ROOT
from scripts.bench.indexer.chain import Chain
from scripts.bench.indexer.database import empty_database
from scripts.bench.indexer.process import Speed


def usual(chain: Chain, kind: str, seconds: float) -> Speed:
    """Its speed, in a process of its own whose start isn't counted; it stops after so many seconds."""
    with tempfile.TemporaryDirectory() as name, empty_database(kind, folder := Path(name)) as database:
        chain.deployment.save(folder / "deployment.json")
        arguments = [chain.rpc.url, str(folder / "deployment.json"), database.url, str(seconds)]
        command = [sys.executable, "-m", "scripts.bench.indexer.usual_way", *arguments]
        before = database.cpu_seconds()
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        events, took, cpu = done.stdout.split()
        return Speed(int(events), float(took), float(cpu) + database.cpu_seconds() - before)
