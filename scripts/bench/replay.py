"""The main job measured: a marketplace in a temporary folder, a crowd's answers through it, and what that took."""

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.bench.rows import Row

PIECEWORK = str(Path(sys.executable).with_name("piecework"))
BLUEBIRDS = (108, 39, 4_212)
PRODUCTS = (8_300, 176, 25_000)
"""Tasks, workers, answers: the shapes of two well-known data sets."""


def measure(answers: Path | None, truth: Path | None) -> list[Row]:
    """Every figure of the main job."""
    with tempfile.TemporaryDirectory() as folder, marketplace(Path(folder) / "data") as up:
        first = answers or made(Path(folder) / "bluebirds.csv", *BLUEBIRDS)
        result = replayed(up, first, truth)
        before = memory(up)
        large = replayed(up, made(Path(folder) / "products.csv", *PRODUCTS), None)
        after = memory(up)
    rows = [
        Row("4,212 answers by 39 workers, whole replay", sum(result["seconds"].values()), "s", 60),
        Row("settling them into wallets, an assignment", result["gas_per_assignment"]["settle"], "gas", 600),
        Row("25,000 answers by 176 workers, whole replay", sum(large["seconds"].values()), "s", 600),
        Row("settling those, an assignment", large["gas_per_assignment"]["settle"], "gas"),
        Row("memory of the replay's own process at most", large["peak_mib"], "MiB"),
    ]
    for name in before:
        rows.append(Row(f"memory of the {name} after 4,212 answers", before[name], "MiB"))
        rows.append(Row(f"memory of the {name} after 29,212 answers", after[name], "MiB"))
    if result["accuracy"]:
        rows += [Row(f"accuracy, {method}", value, "") for method, value in result["accuracy"].items()]
    return rows


@contextmanager
def marketplace(data: Path) -> Iterator[dict[str, Any]]:
    """Up for as long as the block runs; what `up --json` said, and the folder under "folder"."""
    up = subprocess.run(
        [PIECEWORK, "up", "--detach", "--json", "--port", "0", "--data", str(data)], stdout=subprocess.PIPE, check=True
    )
    try:
        yield json.loads(up.stdout) | {"folder": str(data)}
    finally:
        subprocess.run([PIECEWORK, "down", "--data", str(data)], check=True, stdout=subprocess.DEVNULL)


def replayed(up: dict[str, Any], answers: Path, truth: Path | None) -> dict[str, Any]:
    """A replay's JSON, with the peak memory of its process."""
    command = [PIECEWORK, "replay", str(answers), "--json", "--data", up["folder"]]
    command += ["--truth", str(truth)] if truth else []
    wrapper = (
        "import resource, subprocess, sys; "
        "code = subprocess.run(sys.argv[1:]).returncode; "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", wrapper, *command], stdout=subprocess.PIPE, text=True, check=True)
    said, peak = done.stdout.strip().rsplit("\n", 1)
    result: dict[str, Any] = json.loads(said)
    assert result["exact"], result["faults"]
    return result | {"peak_mib": int(peak) / 1024}


def memory(up: dict[str, Any]) -> dict[str, float]:
    """Resident MiB of the marketplace's own processes (Linux)."""
    found = {}
    for name in ("backend", "indexer"):
        status = Path(f"/proc/{up['pids'][name]}/status")
        if status.exists():
            line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
            found[name] = int(line.split()[1]) / 1024
    return found


def made(path: Path, tasks: int, workers: int, answers: int) -> Path:
    """A made crowd: each worker is right with a skill of its own."""
    rng = random.Random(1979)
    skills = [rng.uniform(0.55, 0.95) for _ in range(workers)]
    truth = [rng.randrange(2) for _ in range(tasks)]
    pairs = [(at % tasks, (at // tasks + at % tasks) % workers) for at in range(answers)]
    lines = [f"t{t},w{w},{truth[t] if rng.random() < skills[w] else 1 - truth[t]}" for t, w in pairs]
    path.write_text("task,worker,label\n" + "\n".join(lines) + "\n")
    return path
