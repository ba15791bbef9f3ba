"""A coordinator with its indexer as the processes that users run, on a chain and database of the test's."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import urllib3
from eth_utils.address import to_checksum_address
from sqlalchemy import Row, text

from piecework.chain.rpc import Rpc
from piecework.client import Market, Requester, Worker
from piecework.domain.content import commitment
from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import Key
from piecework.sql import open_engine, reading
from tests.conftest import Chain
from tests.support.databases import prepare
from tests.support.devnet import free_port
from tests.support.nursery import Started, nursery

DAY = 86_400


@dataclass
class Works:
    """The settings of one marketplace, and its processes while they run."""

    chain: Chain
    database_url: str
    data: Path
    rpc_url: str
    port: int = field(default_factory=free_port)
    more: dict[str, str] = field(default_factory=dict)
    processes: dict[str, Started | subprocess.Popen[bytes]] = field(default_factory=dict)
    forked: bool = True
    """Whether its processes come from the nursery; a bench measures what begins with nothing."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What the backend has said so far."""
        return (self.data / "backend.log").read_text()

    def start(self, name: str) -> None:
        """Starts backend or indexer and, for the backend, waits until it answers."""
        log = self.data / f"{name}.log"
        if self.forked:
            self.processes[name] = nursery().start(name, self._environment(), log)
        else:
            with log.open("ab") as errors:
                self.processes[name] = subprocess.Popen([sys.executable, "-m", name], env=self._environment(), stderr=errors)
        if name == "backend":
            self._wait()

    def command(self, module: str, *said: str) -> subprocess.CompletedProcess[str]:
        """Runs a module with the settings of the processes until it ends: where nothing is said, as a process that begins with nothing."""
        if said:
            return nursery().run(module, *said, environment=self._environment())
        command = [sys.executable, "-W", "ignore", "-m", module]
        return subprocess.run(command, env=self._environment(), capture_output=True, text=True, timeout=120)

    def _environment(self) -> dict[str, str]:
        deployment = self.data / "deployment.json"
        self.chain.deployment.save(deployment)
        return os.environ | {
            "PIECEWORK_DATABASE_URL": self.database_url,
            "PIECEWORK_RPC_URL": self.rpc_url,
            "PIECEWORK_DEPLOYMENT": str(deployment),
            "PIECEWORK_DATA": str(self.data),
            "PIECEWORK_HOST": "127.0.0.1",
            "PIECEWORK_PORT": str(self.port),
            "PIECEWORK_COORDINATOR_KEY": "0x" + self.chain.coordinator.secret.hex(),
            "PIECEWORK_RELAYER_KEY": "0x" + self.chain.relayer.secret.hex(),
            "PIECEWORK_LEASE_SECONDS": "2",  # many are killed here, and whoever comes next waits for the end of their leases
            **self.more,
        }

    def page(self, path: str, token: str) -> str:
        """What stands at an address that isn't the API's, for whoever is signed in."""
        with urllib.request.urlopen(urllib.request.Request(self.url + path, headers={"authorization": f"Bearer {token}"})) as answer:
            return str(answer.read().decode())

    def kill(self, name: str) -> None:
        """kill -9."""
        self.processes[name].kill()
        self.processes.pop(name).wait(10)

    def stop(self, name: str) -> int:
        """Asks it to end and returns its exit code."""
        self.processes[name].terminate()
        return self.processes.pop(name).wait(10)

    def rows(self, statement: str, **values: Any) -> Sequence[Row[Any]]:
        """What stands in the database, read past the processes."""
        with self._read() as look:
            return look(statement, values)

    @contextmanager
    def _read(self) -> Iterator[Callable[[str, dict[str, Any]], Sequence[Row[Any]]]]:
        """Reads the database for as long as the block runs: connecting takes ten times as long as a look."""
        engine = open_engine(self.database_url)

        def look(statement: str, values: dict[str, Any]) -> Sequence[Row[Any]]:
            with reading(engine).begin() as connection:
                return connection.execute(text(statement), values).all()

        try:
            yield look
        finally:
            engine.dispose()

    def write(self, statement: str, *rows: dict[str, Any], **values: Any) -> None:
        """Changes what stands in the database, past the processes; in one transaction for each of `rows`, where there are any."""
        engine = open_engine(self.database_url)
        try:
            with engine.begin() as connection:
                connection.execute(text(statement), rows or values)
        finally:
            engine.dispose()

    def until(self, statement: str, seconds: float = 90, **values: Any) -> Sequence[Row[Any]]:
        """The rows of a query, as soon as there are any."""
        deadline = time.monotonic() + seconds
        with self._read() as look:
            while not (rows := look(statement, values)):
                assert time.monotonic() < deadline, f"never true: {statement}\n{self.log[-3000:]}"
                time.sleep(0.01)
        return rows

    def _wait(self) -> None:
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=1):
                    return
            except OSError:
                assert self.processes["backend"].poll() is None, self.log
                assert time.monotonic() < deadline, self.log
                time.sleep(0.01)


@contextmanager
def works(chain: Chain, database_url: str, data: Path, rpc: Rpc | None = None, **more: str) -> Iterator[Works]:
    """Backend and indexer for as long as the block runs."""
    prepare(database_url)
    running = Works(chain, database_url, data, (rpc or chain.rpc).url, more=more)
    try:
        running.start("backend")
        running.start("indexer")
        yield running
    finally:
        for name in list(running.processes):
            running.kill(name)


def posting(units: Sequence[tuple[Any, int]], **changed: Any) -> dict[str, Any]:
    """A job as the API takes it, of (content, slots)."""
    return {
        "title": "A test's job",
        "instructions": "Say what it is.",
        "template": "label",
        "labels": None,
        "reward": "50000",
        "units": [{"content": content, "slots": slots} for content, slots in units],
        "answers_per_worker": 1,
        "assignment_seconds": 3600,
        "closes_at": int(time.time()) + 30 * DAY,
        "review_window_seconds": DAY,
        "appeal_window_seconds": DAY,
        "salt": "0x" + secrets.token_hex(32),
    } | changed


def new_key() -> Key:
    """An account that nobody knows and that holds no gas money."""
    return Key(secrets.token_bytes(32))


async def open_job(
    market: Market, requester: Key, units: Sequence[tuple[Any, int]], rpc_url: str | None = None, **changed: Any
) -> tuple[Requester, dict[str, Any]]:
    """A job that is posted, funded (through `rpc_url`, else the marketplace's own) and seen by the mirror."""
    asker = await Requester.sign_in(market, requester, rpc_url)
    job = await asker.draft(posting(units, **changed))
    await asker.mint(market.info["token"]["address"], int(job["amount"]))
    await asker.fund(job)
    return asker, await asker.wait_open(job["id"])


async def answer(worker: Worker, job: dict[str, Any], unit: int | None = None, said: Any = "a") -> dict[str, Any]:
    """One whole answer; returns the assignment as it was reserved."""
    taken = await worker.take(job["id"], unit)
    await worker.answer(job, taken, said, secrets.token_bytes(32))
    return taken


async def approve_all(asker: Requester, job: dict[str, Any]) -> list[dict[str, Any]]:
    """Reviews, batches and approves whatever is revealed; returns the batches."""
    waiting = await asker.submissions(job["id"])
    await asker.approve(job["id"], [item["id"] for item in waiting if item["state"] == "revealed"])
    approved = {item["slot"]: (item["worker"], bytes.fromhex(item["commitment"][2:])) for item in waiting}
    return [await asker.approve_batch(job, entry, approved) for entry in await asker.batches(job["id"])]


async def eventually(check: Any, seconds: float = 30) -> Any:
    """The first true answer of an async check."""
    deadline = time.monotonic() + seconds
    while True:
        found = await check()
        if found:
            return found
        assert time.monotonic() < deadline, "never true"
        await asyncio.sleep(0.05)


def promised(job: str, slot: int, worker: str, salt: bytes, said: Any) -> str:
    """The commitment to an answer as the API takes it."""
    return "0x" + commitment(bytes.fromhex(job[2:]), slot, worker, salt, said).hex()


class Answer(NamedTuple):
    """What came back: HTTP status, media type, and the JSON."""

    status: int
    media: str
    body: Any


_pool = urllib3.PoolManager(maxsize=4, retries=False, timeout=30)


def call(
    running: Works, method: str, path: str, body: Any = None, token: str | None = None, raw: bytes | None = None, **headers: str
) -> Answer:
    """One HTTP request, as plain as can be; `raw` sends bytes that needn't be JSON."""
    sent = raw if raw is not None else None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"} | headers
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    response = _pool.request(method, running.url + path, body=sent, headers=headers)
    media = response.headers.get("content-type", "")
    return Answer(response.status, media, json.loads(response.data) if media.endswith("json") else response.data)


def sign_in(running: Works, key: Key) -> str:
    """A token for the account."""
    challenge = call(running, "POST", "/v1/session/nonce").body
    message = sign_in_message(key.address, challenge)
    answer = call(running, "POST", "/v1/session", {"message": message, "signature": signature_of(key, message)})
    assert answer.status == 201, answer
    return str(answer.body["token"])


def sign_in_message(address: str, challenge: dict[str, Any], **changed: Any) -> str:
    """An EIP-4361 message, with fields changed at will."""
    c = challenge | changed
    lines = [
        f"{c['domain']} wants you to sign in with your Ethereum account:",
        c.get("as_account", to_checksum_address(address)),
        "",
        c["statement"],
        "",
        f"URI: {c['uri']}",
        "Version: 1",
        f"Chain ID: {c['chain_id']}",
        f"Nonce: {c['nonce']}",
        f"Issued At: {c['issued_at']}",
        f"Expiration Time: {c['expires_at']}",
    ]
    return "\n".join(lines)


def signature_of(key: Key, message: str) -> str:
    """EIP-191, as a wallet's personal_sign."""
    text = message.encode()
    digest = keccak256(b"\x19Ethereum Signed Message:\n" + str(len(text)).encode() + text)
    return "0x" + key.sign(digest).hex()


def quick_job(running: Works, units: Sequence[tuple[Any, int]], **changed: Any) -> tuple[str, dict[str, Any]]:
    """An open job of the chain's requester; its token and the job."""

    async def run() -> tuple[str, dict[str, Any]]:
        async with Market(running.url) as market:
            asker, job = await open_job(market, running.chain.requester, units, **changed)
            return asker.session.token, job

    return asyncio.run(run())
