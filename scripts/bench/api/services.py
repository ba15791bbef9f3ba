"""What is measured: the coordinator as its processes, and the handlers that it is compared with, each behind the same three paths."""

import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from piecework.chain.build import ROOT
from piecework.domain.errors import Unavailable
from piecework.domain.typed_data import Key
from scripts.bench.api.load import Hand
from scripts.bench.api.places import Place
from scripts.bench.indexer.process import cpu_seconds, resident_mb
from tests.backend.workshop import Works, new_key, sign_in
from tests.conftest import Chain
from tests.support.devnet import free_port

HANDS = 32
BARE = "scripts.bench.api.bare"
USUAL = "scripts.bench.api.usual"


@dataclass(frozen=True)
class Service:
    """Processes that serve a place, and the workers that are signed in to them."""

    place: Place
    pids: list[int]
    hands: list[Hand]

    def cpu_seconds(self) -> float:
        """Processor time of the processes and the database until now."""
        return sum(map(cpu_seconds, self.pids)) + self.place.cpu_seconds()

    def resident_mb(self) -> float:
        """Resident memory of the processes."""
        return sum(map(resident_mb, self.pids))


@contextmanager
def coordinator(chain: Chain, place: Place, processes: int) -> Iterator[Service]:
    """The coordinator itself, with 32 workers that signed in as everybody does."""
    with ExitStack() as stack:
        running = [stack.enter_context(_backend(chain, place)) for _ in range(processes)]
        keys = [new_key() for _ in range(HANDS)]
        hands = [
            Hand(key.address, sign_in(works, key), works.port)
            for key, works in zip(keys, running * (HANDS // processes), strict=True)
        ]
        yield Service(place, [works.processes["backend"].pid for works in running], hands)


@contextmanager
def _backend(chain: Chain, place: Place) -> Iterator[Works]:
    works = Works(chain, place.url, place.data, chain.rpc.url, forked=False)
    try:
        works.start("backend")
        yield works
    finally:
        works.stop("backend")


@contextmanager
def handlers(module: str, place: Place, key: Key, processes: int) -> Iterator[Service]:
    """Handlers that take a token for the worker's address."""
    ports, running = [free_port() for _ in range(processes)], []
    try:
        for port in ports:
            command = [sys.executable, "-m", module, place.url, place.job, str(port)]
            running.append(subprocess.Popen(command, cwd=ROOT, env=os.environ | {"BENCH_KEY": "0x" + key.secret.hex()}))
            _wait(port, running[-1])
        tokens = ["0x" + secrets.token_hex(20) for _ in range(HANDS)]
        hands = [Hand(token, token, ports[at % processes]) for at, token in enumerate(tokens)]
        yield Service(place, [process.pid for process in running], hands)
    finally:
        for process in running:
            process.terminate()
            process.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json", timeout=1):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Unavailable("The handlers didn't begin to serve.") from None
            time.sleep(0.05)
