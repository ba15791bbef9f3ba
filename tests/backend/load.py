"""How many whole answers a second the coordinator takes: `python -m tests.backend.load URL JOB_UNITS WORKERS`.

Accept, commit (checked for a receipt) and reveal, by workers that each keep one connection. Prints cycles a second and latencies.
"""

import asyncio
import json
import os
import secrets
import statistics
import sys
import time
from pathlib import Path

import aiohttp

from piecework.client import Market, Worker
from piecework.domain.content import commitment
from tests.backend.workshop import Works, new_key, open_job, works
from tests.conftest import deployed
from tests.support.devnet import anvil


async def cycles(running: Works, units: int, workers: int, seconds: float) -> dict[str, float]:
    """Runs the load; units × 1 slot must outlast it."""
    async with Market(running.url) as market:
        _, job = await open_job(market, running.chain.requester, [({"n": n}, 1) for n in range(units)])
        signed_in = [await Worker.sign_in(market, new_key()) for _ in range(workers)]
    until, times = time.monotonic() + seconds, []
    before = _cpu(running)
    await asyncio.gather(*(_work(running.url, job["id"], worker, until, times) for worker in signed_in))
    used = _cpu(running) - before
    times.sort()
    return {
        "cycles_per_second": round(len(times) / seconds, 1),
        "p50_ms": round(statistics.median(times) * 1000, 1),
        "p99_ms": round(times[int(len(times) * 0.99)] * 1000, 1),
        "backend_cpu_ms_per_cycle": round(used / len(times) * 1000, 3),
    }


def _cpu(running: Works) -> float:
    fields = Path(f"/proc/{running.processes['backend'].pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _work(url: str, job: str, worker: Worker, until: float, times: list[float]) -> None:
    headers = {"authorization": f"Bearer {worker.session.token}"}
    job_id = bytes.fromhex(job[2:])
    async with aiohttp.ClientSession(url, headers=headers) as http:
        while time.monotonic() < until:
            begun, salt = time.monotonic(), secrets.token_bytes(32)
            taken = await _post(http, f"/v1/jobs/{job}/assignments", {})
            hashed = commitment(job_id, taken["slot"], worker.address, salt, "a")
            receipt = await _post(http, f"/v1/assignments/{taken['id']}/commit", {"commitment": "0x" + hashed.hex()})
            assert receipt["signature"]
            await _post(http, f"/v1/assignments/{taken['id']}/reveal", {"answer": "a", "salt": "0x" + salt.hex()})
            times.append(time.monotonic() - begun)


async def _post(http: aiohttp.ClientSession, path: str, body: object) -> dict[str, object]:
    async with http.post(path, json=body) as response:
        answer = await response.json(content_type=None)
        assert response.status in (200, 201), answer
        return answer


def main() -> None:
    """Own devnet, own database (the URL in argv[1], or SQLite in a folder given there), 32 workers, ten seconds."""
    folder = Path(sys.argv[1])
    url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{folder}/piecework.db"
    with anvil() as rpc, works(deployed(rpc), url, folder) as running:
        print(json.dumps(asyncio.run(cycles(running, 10_000, 32, 10))))


if __name__ == "__main__":
    main()
