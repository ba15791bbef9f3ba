"""Keeps a follower at work: sets it up, and sets it up again after whatever trouble time may mend."""

import logging
import threading
from urllib.parse import urlsplit

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from indexer.backoff import Backoff
from indexer.endpoints import Endpoints
from indexer.follow import Follower
from indexer.http import served
from indexer.interruption import Interrupted, Interruption
from indexer.metered import MeteredMirror
from indexer.prepare import prepare_tables, register_deployment
from indexer.reorg import TooDeep
from indexer.sessions import Sessions
from indexer.settings import Settings
from indexer.source import Source
from indexer.standing import Standing
from indexer.wake import Wake
from indexer.watchdog import Watchdog
from indexer.writer import sole_writer
from piecework.chain.deployment import Deployment
from piecework.chain.rpc import RpcRefused
from piecework.domain.errors import Invalid, NotFound, PieceworkError, Unavailable

log = logging.getLogger("indexer")

TRANSIENT = (Unavailable, RpcRefused, OperationalError, InterfaceError)
"""What trying again may mend."""
FINAL = (Invalid, NotFound, TooDeep)
"""What is wrong with the chain, the database or the deployment file, until a person has looked."""
REMIND_SECONDS = 60


class Trouble:
    """Says once what is wrong and once that it is over, and how long to wait in between."""

    def __init__(self, standing: Standing) -> None:
        self._backoff, self._sentence, self._standing = Backoff(), "", standing

    def met(self, error: Exception) -> float:
        """Seconds to wait after `error`."""
        sentence = error.sentence if isinstance(error, PieceworkError) else f"The database doesn't answer: {error}"
        if sentence != self._sentence:
            log.warning("%s Trying again.", sentence, extra={"event": "trouble", "error": type(error).__name__})
        self._sentence = self._standing.trouble = sentence
        return self._backoff.failed()

    def over(self) -> None:
        """Something worked."""
        if self._sentence:
            log.info("it works again", extra={"event": "recovered"})
        self._sentence = ""
        self._backoff.succeeded()


def serve(settings: Settings, stopping: threading.Event) -> None:
    """Mirrors until `stopping` is set.

    After every trouble chain, database and cursor are looked at anew: a node that comes back may be another one.

    What no waiting mends (a reorg deeper than the window, a changed genesis, another version's tables) halts it, and nothing is
    written any more. Where somebody listens, at PIECEWORK_INDEXER_PORT, it stays up to say so: /ready is 503 and /status has
    the reason, which a process that ends again and again under its supervisor couldn't be asked for. Where nobody does, it ends,
    and its exit code and last words are what a supervisor has. Another indexer's lock always ends it: that one is at work.

    Raises:
        Invalid, Conflict, NotFound: what waiting doesn't mend, in one sentence.
    """
    deployment = Deployment.load(settings.deployment)
    standing = _standing(settings, deployment)
    if settings.indexer_port is None:
        return _mirror(settings, deployment, standing, stopping)
    with served(standing, settings.indexer_host, settings.indexer_port) as url:
        log.info("listening on %s", url, extra={"event": "listening", "url": url})
        try:
            _mirror(settings, deployment, standing, stopping)
        except FINAL as error:
            _halt(standing, error, stopping)


def _halt(standing: Standing, error: PieceworkError, stopping: threading.Event) -> None:
    """Says it, and again every minute, until somebody ends the process."""
    standing.halted = error.sentence
    while not stopping.is_set():
        log.error("halted: %s", error.sentence, extra={"event": "halted", "error": type(error).__name__})
        stopping.wait(REMIND_SECONDS)


def _standing(settings: Settings, deployment: Deployment) -> Standing:
    return Standing(
        deployment,
        [_name(url) for url in settings.rpc_urls],
        settings.confirmations,
        settings.finality_blocks,
        settings.ready_blocks,
        settings.health_seconds,
    )


def _name(url: str) -> str:
    """An endpoint's name: its address may hold a secret."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _mirror(settings: Settings, deployment: Deployment, standing: Standing, stopping: threading.Event) -> None:
    """One life of the loop after another."""
    trouble, interruption, sessions = Trouble(standing), Interruption(), Sessions(settings.database_url)
    Watchdog(standing, settings.rpc_urls, settings.stall_seconds, interruption.fire).start()
    with Wake(settings.websocket_url, standing.counts) as wake:
        loop = _Loop(settings, deployment, standing, trouble, stopping, wake)
        while not stopping.is_set():
            try:
                with interruption.possible(), sessions.opened() as engine, sole_writer(engine, deployment):
                    loop.run(engine)
            except TRANSIENT as error:
                standing.beat()
                stopping.wait(trouble.met(error))
            except Interrupted:  # the watchdog has said why
                loop.renew()


class _Loop:
    """What goes on while the lock is held; its nodes outlive a trouble, with what is known of them."""

    def __init__(
        self,
        settings: Settings,
        deployment: Deployment,
        standing: Standing,
        trouble: Trouble,
        stopping: threading.Event,
        wake: Wake,
    ) -> None:
        self._settings, self._deployment, self._standing = settings, deployment, standing
        self._trouble, self._stopping, self._wake = trouble, stopping, wake
        self.renew()

    def renew(self) -> None:
        """Nodes are asked over new connections from now on."""
        self._endpoints = Endpoints.of(self._settings.rpc_url, self._settings.rpc_timeout_seconds, self._standing.counts)

    def run(self, engine: Engine) -> None:
        """Mirrors until it is told to stop.

        Raises:
            what trying again may mend, and what not; see `TRANSIENT` and `FINAL`.
        """
        follower, level = self._begin(engine), False
        while not self._stopping.is_set():
            busy = follower.step()
            self._standing.stepped()
            self._trouble.over()
            if not busy:
                if not level:
                    number = self._standing.cursor.number if self._standing.cursor else 0
                    log.info("level with the chain at block %d", number, extra={"event": "level", "block": number})
                level = True
                self._wake.wait(self._settings.poll_seconds)

    def _begin(self, engine: Engine) -> Follower:
        """Looks at chain, database and cursor anew."""
        settings, deployment, standing = self._settings, self._deployment, self._standing
        source = Source(self._endpoints, deployment)
        prepare_tables(engine)
        register_deployment(engine, deployment, source)
        mirror = MeteredMirror(engine, deployment, settings.finality_blocks, standing)
        first = mirror.cursor().head_number + 1
        values = {"event": "mirroring", "escrow": deployment.escrow, "chain_id": deployment.chain_id, "block": first}
        log.info("mirroring %s on chain %d, from block %d on", deployment.escrow, deployment.chain_id, first, extra=values)
        follower = Follower(source, mirror, settings.confirmations, settings.finality_blocks, settings.bulk_blocks)
        standing.queue = follower.waiting_blocks
        return follower
