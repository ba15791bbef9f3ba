"""Ponder on the same chain: a handler for every event of the escrow, one row each, on PostgreSQL, where it is quickest.

npm installs it once, outside of the repository. Its limit of requests is lifted, which is meant for nodes that one pays for.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import urllib3
from sqlalchemy.engine import make_url

from piecework.chain.escrow import escrow_abi
from piecework.domain.errors import Unavailable
from scripts.bench.indexer.chain import Chain
from scripts.bench.indexer.database import Database, empty_database
from scripts.bench.indexer.process import Speed, cpu_seconds
from tests.support.devnet import free_port

VERSIONS = ("0.16.x", "1.0.0")
"""The newest of its old numbering that the bench knows to configure, and what npm has as 1.0.0, which is 0.10."""
EVENTS = 200_000
MOST_SECONDS = 300
PAUSE_SECONDS = 0.2
ROWS = "SELECT count(*) FROM ponder.event"

SCHEMA = """
import { onchainTable } from "ponder";
export const event = onchainTable("event", (t) => ({
  id: t.bigint().primaryKey(), name: t.text().notNull(), transactionHash: t.hex().notNull(), args: t.text().notNull(),
}));
"""
HANDLERS = """
import { ponder } from "ponder:registry";
import { event as table } from "ponder:schema";
import { names } from "../escrow";
const text = (args) => JSON.stringify(args, (_, value) => (typeof value === "bigint" ? value.toString() : value));
for (const name of names) {
  ponder.on(`Escrow:${name}`, async ({ event, context }) => {
    const id = event.block.number * 1000000n + BigInt(event.log.logIndex);
    await context.db.insert(table).values({ id, name, transactionHash: event.transaction.hash, args: text(event.args) });
  });
}
"""
API = """
import { Hono } from "hono";
export default new Hono();
"""
CONFIG = """
import { createConfig } from "ponder";
import { http } from "viem";
import { abi } from "./escrow";
const url = process.env.BENCH_RPC;
const limit = { maxRequestsPerSecond: 10000 };
const chain = { address: process.env.BENCH_ESCROW, abi, startBlock: 0, endBlock: Number(process.env.BENCH_END) };
const database = { kind: "postgres", connectionString: process.env.BENCH_DATABASE };
export default createConfig(process.env.BENCH_OLD
  ? { database, networks: { dev: { chainId: 31337, transport: http(url), ...limit } },
      contracts: { Escrow: { ...chain, network: "dev" } } }
  : { database, chains: { dev: { id: 31337, rpc: url, ...limit } }, contracts: { Escrow: { ...chain, chain: "dev" } } });
"""


def installed(version: str, folder: Path) -> Path:
    """A folder where it is installed, by npm if nobody did before.

    Raises:
        Unavailable: npm isn't there, or can't.
    """
    home = folder / f"ponder-{version}"
    if (home / "whole").exists():
        return home
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("There is no npm to install it.")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "package.json").write_text('{"private": true, "type": "module"}')
    command = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error", f"ponder@{version}", "viem@2", "hono@4"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"npm can't install it: {done.stderr[-300:]}")
    (home / "whole").touch()
    return home


def ponder(chain: Chain, home: Path, most_seconds: float = MOST_SECONDS) -> tuple[str, Speed]:
    """Its name with its version, and its speed over the chain's first events, its start included; where the time is up, over as many
    as it has written by then.

    Raises:
        Unavailable: it ended by itself, or wrote nothing.
    """
    name = f"Ponder {json.loads((home / 'node_modules' / 'ponder' / 'package.json').read_text())['version']}"
    end = min(chain.head, chain.head * EVENTS // chain.events)
    with TemporaryDirectory() as folder, empty_database("postgresql", Path(folder)) as database:
        before, began = database.cpu_seconds(), time.perf_counter()
        with _running(chain, home, database, end, old=name == "Ponder 1.0.0") as (process, port):
            while not _is_ready(port) and time.perf_counter() - began < most_seconds:
                if process.poll() is not None:
                    raise Unavailable(f"It ended by itself: {(home / 'log').read_text()[-500:]}")
                time.sleep(PAUSE_SECONDS)
            seconds = time.perf_counter() - began
            cpu = cpu_seconds(process.pid) + database.cpu_seconds() - before
            with database.reading() as integer:
                events = integer(ROWS)
        if not events:
            raise Unavailable(f"It wrote nothing in {seconds:.0f} s.")
        return name, Speed(events, seconds, cpu)


@contextmanager
def _running(
    chain: Chain, home: Path, database: Database, end: int, old: bool
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    _write(home)
    url, port = make_url(database.url), free_port()
    environment = os.environ | {
        "BENCH_RPC": chain.rpc.url,
        "BENCH_ESCROW": chain.deployment.escrow,
        "BENCH_END": str(end),
        "BENCH_DATABASE": f"postgresql://{url.username}@localhost/{url.database}?host={url.query['host']}",
        "BENCH_OLD": "yes" if old else "",
        "PONDER_TELEMETRY_DISABLED": "true",
    }
    program = [str(home / "node_modules" / ".bin" / "ponder"), "start", "--schema", "ponder", "--port", str(port)]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(program, cwd=home, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process, port
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def _write(home: Path) -> None:
    """Its project: configuration, table, handlers."""
    events = escrow_abi().events
    shutil.rmtree(home / ".ponder", ignore_errors=True)
    (home / "src" / "api").mkdir(parents=True, exist_ok=True)
    (home / "ponder.config.ts").write_text(CONFIG)
    (home / "ponder.schema.ts").write_text(SCHEMA)
    (home / "src" / "index.ts").write_text(HANDLERS)
    (home / "src" / "api" / "index.ts").write_text(API)
    names, abi = json.dumps(list(events)), json.dumps(list(events.values()))
    (home / "escrow.ts").write_text(f"export const names = {names};\nexport const abi = {abi};\n")


def _is_ready(port: int) -> bool:
    """Whether it says that it has read the whole past."""
    try:
        return urllib3.request("GET", f"http://127.0.0.1:{port}/ready", retries=False, timeout=5).status == 200
    except urllib3.exceptions.HTTPError:
        return False
