"""Everything in order: devnet, contracts, database, indexer, backend; and the other way round to stop."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import urllib3
from sqlalchemy.exc import SQLAlchemyError

from piecework.chain.build import compile_contracts
from piecework.chain.rpc import Rpc
from piecework.domain.errors import Invalid, Unavailable
from piecework.stack.accounts import dev_key
from piecework.stack.anvil import Anvil
from piecework.stack.contracts import Escrow, foreign_escrow, own_escrow
from piecework.stack.ganache import Ganache
from piecework.stack.process import Program, Trace, wait_until
from piecework.stack.report import Report
from piecework.stack.settings import HOST, Options, Settings, settle
from piecework.stack.signals import Stopped, signals
from piecework.stack.state import Lock, Stack, State, require_folder

RESTARTS = 5
"""A piece that ends is started again, after 0.5 s, 1 s, 2 s, …; after so many times in a row everything stops."""
STEADY_SECONDS = 60
"""A piece that ran this long has a clean slate."""
READY_SECONDS = 120
OPERATOR_GAS = 10**16
"""Wei that the relayer keeps on each operator of a devnet."""


class Supervisor:
    """One stack, from its start to its end, in this process.

    Args:
        options: what the command line said.
        report: hears what happens.
    """

    def __init__(self, options: Options, report: Report) -> None:
        self.data, self._options, self._report = options.data, options, report
        self._programs: list[Program] = []
        self._fell: dict[str, list[float]] = {}
        self._lock = Lock(options.data)

    def run(self, ready: Callable[[Stack], None]) -> None:
        """Starts everything, calls `ready`, and watches until somebody asks to stop; whatever happens, nothing is left running.

        Raises:
            PieceworkError: it didn't start, or one piece didn't stay up.
        """
        require_folder(self.data)
        self._lock.take()
        try:
            signals.listen()
            stack = self._start()
            ready(stack)
            self._watch()
        except Stopped:
            self._report.say("Stopping …")
        finally:
            signals.ignore()
            self._stop()

    def _start(self) -> Stack:
        before = State.load(self.data)
        if before:
            stop_leftovers(before, self._report)
        known = before.settings if before else None
        self._settings = settle(self._options, known)
        self._state = State(known)
        rpc = self._devnet()
        escrow = self._contracts(rpc)
        self._database(escrow)
        self._services(rpc, escrow)
        described = replace(self._describe(rpc, escrow), mturk=self._access_key(rpc, escrow))
        self._state.stack, self._state.settings = described, self._settings
        self._save()
        return self._state.stack

    def _devnet(self) -> Rpc:
        settings = self._settings
        if settings.rpc_port is None:
            return self._foreign_chain()
        with self._report.step("Devnet") as step:
            kind: type[Anvil] | type[Ganache] = Anvil if settings.devnet == "anvil" else Ganache
            devnet = kind(self.data / settings.devnet, settings.rpc_port, self.data / "logs")
            self._add(devnet)
            step.detail = f"{settings.devnet} at {devnet.rpc.url}" + (f", {devnet.remark}" if devnet.remark else "")
        return devnet.rpc

    def _foreign_chain(self) -> Rpc:
        rpc = Rpc(self._settings.devnet)
        with self._report.step("Chain") as step:
            try:
                step.detail = f"id {int(rpc.call('eth_chainId'), 16)} at {rpc.url}"
            except Unavailable as error:
                raise Unavailable(f"{error.sentence} Start a chain there, or say --devnet anvil to have one started.") from error
        return rpc

    def _contracts(self, rpc: Rpc) -> Escrow:
        with self._report.step("Contracts") as step:
            step.detail = "compiled" if compile_contracts() else "compiled before"
        with self._report.step("Escrow") as step:
            escrow = own_escrow(rpc, self.data) if self._settings.own_devnet else foreign_escrow(rpc, self.data)
            step.detail = f"at {escrow.deployment.escrow}"
        return escrow

    def _database(self, escrow: Escrow) -> None:
        """Creates the tables, so that a database that can't be used is said before anything is started on it."""
        # The rooms that own the tables, imported when they are needed: `piecework --help` shouldn't wait for them.
        from indexer.prepare import prepare_database

        url = self._settings.database_url
        with self._report.step("Database") as step:
            try:
                prepare_database(url).dispose()
            except (SQLAlchemyError, OSError) as error:
                reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
                raise Unavailable(f"The database doesn't open ({reason}): is it running, and --database right?") from error
            step.detail = _without_password(url)

    def _services(self, rpc: Rpc, escrow: Escrow) -> None:
        environment = self._environment(rpc, escrow)
        for name in ("indexer", "backend"):
            with self._report.step(name.capitalize()):
                self._add(Program(name, [sys.executable, "-m", name], self.data / "logs", environment))
        with self._report.step("Ready") as step:
            self._wait_until_ready()
            step.detail = self._url

    def _access_key(self, rpc: Rpc, escrow: Escrow) -> dict[str, str] | None:
        """On a devnet of ours: programs for Mechanical Turk have a key and money from the start."""
        if not self._settings.own_devnet:
            return None
        from piecework.stack.turk import access_key  # the client's packages, imported when they are needed

        with self._report.step("MTurk key") as step:
            found = access_key(self._url, rpc, escrow.deployment, dev_key("requester"), self.data)
            step.detail = found["access_key_id"]
        return found

    def _environment(self, rpc: Rpc, escrow: Escrow) -> dict[str, str]:
        return {
            "PIECEWORK_DATABASE_URL": self._settings.database_url,
            "PIECEWORK_RPC_URL": rpc.url,
            "PIECEWORK_DEPLOYMENT": str(escrow.path),
            "PIECEWORK_DATA": str(self.data / "content"),
            "PIECEWORK_HOST": HOST,
            "PIECEWORK_PORT": str(self._settings.port),
            "PIECEWORK_COORDINATOR_KEY": "0x" + escrow.coordinator.secret.hex(),
            "PIECEWORK_RELAYER_KEY": "0x" + escrow.relayer.secret.hex(),
            "PYTHONUNBUFFERED": "1",
            **({"PIECEWORK_OPERATOR_GAS": str(OPERATOR_GAS)} if self._settings.own_devnet else {}),
        }

    @property
    def _url(self) -> str:
        return f"http://{HOST}:{self._settings.port}"

    def _wait_until_ready(self) -> None:
        pool = urllib3.PoolManager(timeout=2, retries=False)

        def ready() -> bool:
            for program in self._programs:
                program.require_alive()
            try:
                return pool.request("GET", f"{self._url}/ready").status == 200
            except urllib3.exceptions.HTTPError:
                return False

        if not wait_until(ready, READY_SECONDS, 0.05):
            raise Unavailable(f"The marketplace wasn't ready within {READY_SECONDS} s; the logs are in {self.data / 'logs'}.")

    def _describe(self, rpc: Rpc, escrow: Escrow) -> Stack:
        deployment = escrow.deployment
        token = {"address": deployment.token, "symbol": deployment.token_symbol, "decimals": deployment.token_decimals}
        pids = {"supervisor": os.getpid()} | {name: trace.pid for name, trace in self._traces().items()}
        return Stack(
            url=self._url,
            rpc_url=rpc.url,
            chain_id=deployment.chain_id,
            escrow=deployment.escrow,
            token=token,
            coordinator=escrow.coordinator.address,
            relayer=escrow.relayer.address,
            database_url=self._settings.database_url,
            data=str(self.data),
            devnet=self._settings.devnet,
            accounts=[asdict(account) for account in escrow.accounts],
            pids=pids,
        )

    def _add(self, program: Program) -> None:
        """Starts a program and remembers it before it is used."""
        self._programs.append(program)
        self._launch(program)

    def _launch(self, program: Program) -> None:
        program.start()
        self._save()
        program.prepare()

    def _traces(self) -> dict[str, Trace]:
        return {program.name: trace for program in self._programs if (trace := program.trace)}

    def _save(self) -> None:
        self._state.programs = self._traces()
        if self._state.stack:
            self._state.stack.pids.update({name: trace.pid for name, trace in self._state.programs.items()})
        self._state.save(self.data)

    def _watch(self) -> None:
        """Looks after the programs until somebody asks to stop."""
        while True:
            time.sleep(0.1)
            for program in self._programs:
                if (code := program.exit_code()) is not None:
                    self._revive(program, code)

    def _revive(self, program: Program, code: int) -> None:
        """Starts a piece again: each is made to go on where it was. One that falls again and again needs a person.

        Raises:
            Unavailable: it fell once too often.
        """
        now = time.monotonic()
        falls = [*(at for at in self._fell.get(program.name, []) if at > now - STEADY_SECONDS), now]
        self._fell[program.name] = falls
        words = program.last_words() if code > 0 else ""
        if len(falls) > RESTARTS:
            why = f": {words}" if words else f"; its log is {program.log}."
            raise Unavailable(f"The {program.name} ended {len(falls)} times within {STEADY_SECONDS} s, so everything stops{why}")
        pause = 0.5 * 2 ** (len(falls) - 1)
        self._report.say(f"The {program.name} ended (code {code}); starting it again in {pause:g} s. {words}".rstrip())
        time.sleep(pause)
        self._launch(program)

    def _stop(self) -> None:
        """Backend, indexer, then the devnet, so that what the first two still send is on the saved chain."""
        for program in reversed(self._programs):
            program.stop()
        if self._programs:
            self._programs.clear()
            self._state.stack = None
            self._save()
        self._lock.release()


def stop_leftovers(state: State, report: Report) -> None:
    """Ends what a killed supervisor left behind; what the chain had told anybody is on disk."""
    for name, trace in reversed(state.leftovers().items()):
        trace.stop()
        report.say(f"Stopped the {name} that an earlier run had left behind.")


def _without_password(url: str) -> str:
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)
