"""What seeds share: a devnet with everything deployed, put back to its first state for each, and a place for databases."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from indexer.prepare import prepare_database
from piecework.domain.units import NATIVE
from piecework.migrations.lines import MIRROR
from scripts.simulate.notes import NotedCourt
from scripts.simulate.zygote import Zygote
from tests.conftest import deployed
from tests.indexer.court import Court
from tests.indexer.workshop import Workshop
from tests.support import postgres
from tests.support.devnet import anvil
from tests.support.proxy import Proxy, proxy

WINDOW = 16
"""How deep a reorg may be, in blocks."""
QUIET = WINDOW + 8
"""Blocks without events before a seed's first: the deepest reorg leaves the contracts alone."""
SEEDS_A_DEVNET = 8
"""Anvil 1.7.1 loses the state of blocks once it has had a thousand or so, those that were put back counted in."""


class Devnet:
    """A chain with everybody on it, and money in the ledger; `base` is the last block that all seeds have in common."""

    def __init__(self, stack: ExitStack) -> None:
        rpc = stack.enter_context(anvil())
        self.workshop = Workshop(deployed(rpc))
        self._council = Court(self.workshop, None).council  # type: ignore[arg-type]  # deploying it takes no mirror
        for key in (self.workshop.chain.requester, self.workshop.chain.bystander):
            for token in (self.workshop.token, NATIVE):
                self.workshop.deposit(key, 10**9, token)
        self.workshop.mine(QUIET)
        self.base, self._accounts = self.workshop.head(), set(self.workshop.accounts)
        self._snapshot = rpc.call("evm_snapshot")

    def court(self) -> NotedCourt:
        """The chain as it was at first, and a court without a memory."""
        rpc = self.workshop.rpc
        assert rpc.call("evm_revert", self._snapshot) is True
        self._snapshot = rpc.call("evm_snapshot")
        self.workshop.accounts = set(self._accounts)
        return NotedCourt(self.workshop, self._council)


class World:
    """Devnets one after the other with proxies before them, and databases.

    Attributes:
        devnet: the one of now.
        nodes: two proxies before it.
        folder: for whatever a seed needs.
    """

    def __init__(self, stack: ExitStack) -> None:
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="piecework-simulate-", dir=_quick_disk())))
        self.zygote = Zygote()
        stack.callback(self.zygote.close)
        self._devnets = stack.enter_context(ExitStack())
        self.devnet = Devnet(self._devnets)
        self.nodes: list[Proxy] = [stack.enter_context(proxy(self.devnet.workshop.rpc.url)) for _ in range(2)]
        self._served, self._numbers = 0, itertools.count(1)
        self._idle: list[str] = []

    def court(self) -> NotedCourt:
        """A chain at its beginning, with honest nodes before it."""
        if self._served == SEEDS_A_DEVNET:
            self._devnets.close()
            self.devnet, self._served = Devnet(self._devnets), 0
        self._served += 1
        for node in self.nodes:
            node.fault = node.tamper = None
            node.met.clear()
            node.upstream = self.devnet.workshop.rpc.url
        return self.devnet.court()

    def database(self, kind: str) -> str:
        """The URL of a database with the mirror's tables in it, all empty."""
        if kind == "postgresql":
            return self._idle.pop() if self._idle else _postgres()
        path = self.folder / f"{next(self._numbers)}.db"
        shutil.copy(_sqlite(self.folder), path)
        return f"sqlite:///{path}"

    def drop(self, url: str) -> None:
        """Throws a database's content away."""
        if url.startswith("sqlite"):
            for path in self.folder.glob(f"{Path(url.removeprefix('sqlite:///')).name}*"):
                path.unlink()
        else:
            if _empty(url):
                self._idle.append(url)


def _sqlite(folder: Path) -> Path:
    path = folder / "template.sqlite"
    if not path.exists():
        prepare_database(f"sqlite:///{path}").dispose()  # the last connection leaves no log beside the file
    return path


def _postgres() -> str:
    url = postgres.server().database()
    prepare_database(url).dispose()
    return url


def _empty(url: str) -> bool:
    """Deletes all rows: a hundred times quicker than another database, or than TRUNCATE; False for tables that lack indexes."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        connection.execute("SET session_replication_role = replica")  # foreign keys ask for no order
        if connection.execute("SELECT 1 FROM mirror_deferred_index").fetchone():
            return False
        query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'mirror%%' AND tablename <> %s"
        for (name,) in connection.execute(query, [MIRROR.version_table]).fetchall():
            connection.execute(f"DELETE FROM {name}")
    return True


@contextmanager
def world() -> Iterator[World]:
    """A world for as long as the block runs."""
    with ExitStack() as stack:
        yield World(stack)


def _quick_disk() -> str | None:
    """A disk in memory, where there is one: a process that is killed loses nothing of it."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
