"""One seed, from the first block to the verdict."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from scripts.simulate import oracle
from scripts.simulate.disturbance import Disturbance
from scripts.simulate.player import Player
from scripts.simulate.rows import Tables
from scripts.simulate.weather import Weather
from scripts.simulate.world import WINDOW, World
from scripts.simulate.zygote import Forked
from tests.indexer.bench import Process

LEVEL_SECONDS = 30
MOMENT_SECONDS = 0.3
"""How long anything is waited for while things happen."""
REAL = 10
"""Of so many seeds one starts `python -m indexer` itself each time; the others fork it, which saves a second a start."""


@dataclass
class Report:
    """What became of a seed.

    Attributes:
        happened: how often each thing befell it.
        flaw: what was wrong in the end, or None.
    """

    seed: int
    database: str
    seconds: float = 0
    happened: Counter[str] = field(default_factory=Counter)
    flaw: str | None = None


class Run:
    """A seed at work in a world."""

    def __init__(self, world: World, seed: int, database: str) -> None:
        self.world, self.seed, self.report = world, seed, Report(seed, database)
        self.random = random.Random(f"{seed}/{database}")
        court = world.court()
        self.workshop, self.rpc = court.workshop, court.workshop.rpc
        self.player = Player(court, self.random)
        self.nodes = world.nodes[: self.random.choice([1, 1, 2])]
        self.weathers = [Weather(node, self.rpc, random.Random(f"weather {seed} {at}")) for at, node in enumerate(self.nodes)]
        self.url = world.database(database)
        self.tables = Tables(self.url)
        self.indexes = self.tables.indexes()
        self.trouble = Disturbance(self.url, self.random)
        self.top = self.workshop.head()
        self.running: Forked | Process | None = None
        self.settings = {
            "confirmations": self.random.choice([0, 0, 0, 2]),
            "poll_seconds": self.random.choice([0.002, 0.01, 0.03]),
            "bulk_blocks": self.random.choice([1, 1, 1_000]),
        }
        self.events: dict[str, tuple[int, Callable[[], None]]] = {
            "acts": (14, self.act),
            "reorg": (5, self.reorganise),
            "two reorgs": (1, self.reorganise_twice),
            "rollback": (2, self.roll_back),
            "jump": (1, self.jump),
            "weather": (9, self.turn),
            "kill": (4, self.kill),
            "stop": (1, self.stop),
            "freeze": (1, self.freeze),
            "database": (3, lambda: self.count(self.trouble.strike())),
        }

    def go(self) -> Report:
        """Everything, in order; a flaw is reported, not raised."""
        began = time.monotonic()
        try:
            self.count(f"{len(self.nodes)} nodes")
            self.start()
            for _ in range(self.random.randint(8, 20)):
                self.step()
            self.quieten()
            self.judge()
            if self.random.random() < 0.05:
                self.reorganise_too_deep()
        except AssertionError as flaw:
            said = self.running.said[-3_000:] if self.running else ""
            self.report.flaw = f"{flaw}\nThe indexer said:\n{said}"
        finally:
            self.end()
        self.report.seconds = time.monotonic() - began
        return self.report

    def step(self) -> None:
        """One thing happens, and the indexer gets a moment for it."""
        names = list(self.events)
        name = self.random.choices(names, [self.events[name][0] for name in names])[0]
        self.events[name][1]()
        self.count(name)
        self.top = max(self.top, self.workshop.head())
        time.sleep(self.random.choice([0, 0, 0.01, 0.05]))
        if self.random.random() < 0.3:
            self.wait(lambda: self.is_level(self.tables))
        self.revive()

    def count(self, what: str) -> None:
        self.report.happened[what] += 1

    # -------------------------------------------------------------------------------------------- the chain

    def act(self) -> None:
        for _ in range(self.random.randint(1, 5)):
            self.player.go()

    def deepest(self) -> int:
        """How many blocks may go, so that the indexer is never further from the fork than its window, wherever it is now."""
        head = self.workshop.head()
        return min(head - self.world.devnet.base, WINDOW - (self.top - head))

    def reorganise(self, share: float = 1) -> None:
        """Blocks are replaced by empty ones, or by ones that hold another deposit at the same place."""
        deepest = self.deepest()
        if deepest < 1:
            return
        depth = min(deepest, self.random.choice([1, 1, 2, 3, 5, 8, WINDOW]))
        filled = []
        if self.random.random() < 0.5:
            self.rpc.call("anvil_rollback", depth)
            raw = self.workshop.raw_deposit(self.workshop.chain.requester, self.random.randrange(1, 10**5))
            self.rpc.call("anvil_mine", hex(depth))
            filled = [[raw, self.random.randrange(depth)]]
        self.rpc.call("anvil_reorg", depth, filled)

    def reorganise_twice(self) -> None:
        self.reorganise()
        self.reorganise()

    def roll_back(self) -> None:
        """The head goes down, and other blocks come, at once or after a while."""
        deepest = self.deepest()
        if deepest < 1:
            return
        self.rpc.call("anvil_rollback", self.random.randint(1, min(5, deepest)))
        time.sleep(self.random.choice([0, 0.03]))
        if self.random.random() < 0.7:
            self.act()

    def turn(self) -> None:
        """Other weather, and something that it changes."""
        self.wait(lambda: "mirroring" in self.said())
        weather = self.random.choice(self.weathers)
        weather.change()
        self.act()
        self.wait(lambda: weather.struck() or self.is_level(self.tables))

    def jump(self) -> None:
        self.workshop.mine(self.random.choice([20, 70]))

    # -------------------------------------------------------------------------------------------- the process

    def start(self) -> None:
        settings = {"finality_blocks": WINDOW, "rpc_timeout_seconds": 0.5} | self.settings
        self.running = self.launch(self.url, ",".join(node.url for node in self.nodes), settings)

    def launch(self, url: str, rpc_url: str, settings: dict[str, object]) -> "Forked | Process":
        """An indexer on a database: one that is forked, or one that is started."""
        if self.seed % REAL == 0:
            return Process(self.world.folder, url, self.workshop.deployment, rpc_url, **settings)
        path = self.world.folder / "deployment.json"
        self.workshop.deployment.save(path)
        given = {"database_url": url, "rpc_url": rpc_url, "deployment": path} | settings
        environment = {f"PIECEWORK_{name.upper()}": str(value) for name, value in given.items()}
        return self.world.zygote.fork(environment, self.world.folder / f"{time.monotonic_ns()}.log")

    def kill(self) -> None:
        """kill -9 after a moment of work; what is left is whole."""
        time.sleep(self.random.uniform(0, 0.06))
        assert self.running
        self.running.kill()
        oracle.require_whole(self.tables)
        if self.random.random() < 0.3:
            self.act()
        self.start()

    def stop(self) -> None:
        assert self.running
        early = -signal.SIGTERM  # before it listens to the signal
        assert (code := self.running.stop()) in (0, 1, early), f"it ended with {code} when it was told to stop"
        self.start()

    def freeze(self) -> None:
        """It sleeps while the chain goes on, and wakes up into another one."""
        self.signal(signal.SIGSTOP)
        self.act()
        self.reorganise()
        self.signal(signal.SIGCONT)

    def signal(self, number: int) -> None:
        assert self.running
        if isinstance(self.running, Forked):
            self.running.signal(number)
        else:
            self.running.process.send_signal(number)

    def ended(self) -> int | None:
        assert self.running
        return self.running.poll() if isinstance(self.running, Forked) else self.running.process.poll()

    def revive(self) -> None:
        """It may give up with a sentence while it is lied to; somebody starts it again."""
        code = self.ended()
        if code is None:
            return
        assert self.running
        assert code == 1 and "Traceback" not in self.running.said, f"it ended with {code}"
        self.count("gave up")
        self.start()

    def said(self) -> str:
        assert self.running
        return self.running.said

    def wait(self, what: Callable[[], bool]) -> None:
        """A moment, or until it holds."""
        deadline = time.monotonic() + MOMENT_SECONDS
        while time.monotonic() < deadline and not what():
            time.sleep(0.005)

    # -------------------------------------------------------------------------------------------- the end

    def quieten(self) -> None:
        """The nodes are honest and the chain goes a little further than it ever was; its newest blocks hold nothing."""
        for weather in self.weathers:
            weather.clear()
        self.signal(signal.SIGCONT)
        if self.random.random() < 0.7:
            self.kill()  # who waits for its next try may do so for seconds
        confirmations = int(str(self.settings["confirmations"]))
        self.workshop.mine(max(1, self.top - self.workshop.head() + 1))
        self.workshop.deposit(self.workshop.chain.requester, 7)
        self.workshop.mine(confirmations)
        self.until(lambda: self.is_done(self.tables))

    def is_done(self, tables: Tables) -> bool:
        """Level, with nothing left to do."""
        return self.is_level(tables) and not tables.lacks_indexes()

    def is_level(self, tables: Tables) -> bool:
        number = self.workshop.head() - int(str(self.settings["confirmations"]))
        block = self.rpc.call("eth_getBlockByNumber", hex(number), False)
        return tables.cursor() == (number, block["hash"])

    def until(self, what: Callable[[], bool]) -> None:
        """The indexer, alive and with nothing in its way, must get there."""
        deadline = time.monotonic() + LEVEL_SECONDS
        while not what():
            assert time.monotonic() < deadline, f"it isn't level with the chain after {LEVEL_SECONDS} s of quiet"
            self.revive()
            time.sleep(0.01)

    def judge(self) -> None:
        """Beside it a mirror is made of the chain as it is in the end."""
        url = self.world.database(self.report.database)
        fresh = Tables(url)
        settings = self.settings | {"finality_blocks": WINDOW, "poll_seconds": 0.01}
        other = self.launch(url, self.rpc.url, settings)
        try:
            self.until(lambda: self.is_done(fresh))
            chain = oracle.walk(self.rpc, self.workshop.deployment.start_block)
            oracle.require_canonical(self.tables, fresh, chain, self.workshop)
            oracle.require_indexes(self.tables, self.indexes)
        finally:
            other.kill()
            fresh.close()
            self.world.drop(url)

    def reorganise_too_deep(self) -> None:
        """It ends with a sentence and has changed nothing."""
        self.workshop.mine(WINDOW)
        self.until(lambda: self.is_level(self.tables))
        before = self.tables.dump()
        self.rpc.call("anvil_reorg", WINDOW + 3, [])
        assert self.running
        assert self.running.ended(20) == 1, "it went on after a reorg deeper than its window"
        assert "deeper than" in self.running.said, "it didn't say why it ended"
        assert self.tables.dump() == before, "it changed rows though the reorg was too deep"
        self.count("too deep")

    def end(self) -> None:
        if self.running:
            self.running.kill()
        self.tables.close()
        self.world.drop(self.url)
        for path in Path(self.world.folder).glob("*.log"):
            path.unlink()
        for weather, node in zip(self.weathers, self.nodes, strict=True):
            self.report.happened.update({f"lie: {name}": times for name, times in weather.told.items()})
            self.report.happened.update({f"outage: {name}": times for name, times in node.met.items()})
        self.report.happened.update({f"did: {name}": times for name, times in self.player.done.items()})
