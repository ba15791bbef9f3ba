"""Keeps a follower at work: sets it up, and sets it up again after whatever trouble time may mend."""

import logging
import threading

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from indexer.backoff import Backoff
from indexer.follow import Follower
from indexer.mirror import Mirror
from indexer.prepare import open_database, prepare_tables, register_deployment
from indexer.settings import Settings
from indexer.source import Source
from indexer.writer import sole_writer
from piecework.chain.deployment import Deployment
from piecework.chain.rpc import Rpc, RpcRefused
from piecework.domain.errors import PieceworkError, Unavailable

log = logging.getLogger("indexer")

TRANSIENT = (Unavailable, RpcRefused, OperationalError, InterfaceError)
"""What trying again may mend."""


class Trouble:
    """Says once what is wrong and once that it is over, and how long to wait in between."""

    def __init__(self) -> None:
        self._backoff, self._sentence = Backoff(), ""

    def met(self, error: Exception) -> float:
        """Seconds to wait after `error`."""
        sentence = error.sentence if isinstance(error, PieceworkError) else f"The database doesn't answer: {error}"
        if sentence != self._sentence:
            log.warning("%s Trying again.", sentence)
        self._sentence = sentence
        return self._backoff.failed()

    def over(self) -> None:
        """Something worked."""
        if self._sentence:
            log.info("it works again")
        self._sentence = ""
        self._backoff.succeeded()


def serve(settings: Settings, stopping: threading.Event) -> None:
    """Mirrors until `stopping` is set.

    After every trouble chain, database and cursor are looked at anew: a node that comes back may be another one.

    Raises:
        Invalid, Conflict, NotFound: what waiting doesn't mend, in one sentence.
    """
    deployment = Deployment.load(settings.deployment)
    engine = open_database(settings.database_url)
    source = Source(Rpc(settings.rpc_url, settings.rpc_timeout_seconds), deployment)
    trouble = Trouble()
    while not stopping.is_set():
        try:
            with sole_writer(engine, deployment):
                _follow(settings, deployment, engine, source, trouble, stopping)
        except TRANSIENT as error:
            stopping.wait(trouble.met(error))


def _follow(
    settings: Settings, deployment: Deployment, engine: Engine, source: Source, trouble: Trouble, stopping: threading.Event
) -> None:
    prepare_tables(engine)
    register_deployment(engine, deployment, source)
    mirror = Mirror(engine, deployment, settings.finality_blocks)
    first = mirror.cursor().head_number + 1
    log.info("mirroring %s on chain %d, from block %d on", deployment.escrow, deployment.chain_id, first)
    follower, level = Follower(source, mirror, settings.confirmations, settings.finality_blocks), False
    while not stopping.is_set():
        busy = follower.step()
        trouble.over()
        if not busy:
            if not level:
                log.info("level with the chain at block %d", mirror.cursor().head_number)
            level = True
            stopping.wait(settings.poll_seconds)
