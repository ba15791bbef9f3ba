"""`python -m indexer`: mirrors the escrow's events into SQL until it is told to stop.

Settings come from the environment (`indexer.settings`). Ends with 0 on SIGTERM or SIGINT, within seconds whatever it is doing
(`indexer.stop`), and with 1 and one sentence on what no waiting mends: a wrong chain, a second indexer, a reorg deeper than the
window. Where it is asked to listen, it stays up to say so instead (`indexer.service.serve`).
"""

import gc

if __name__ == "__main__":
    gc.disable()  # until it begins: looking through the modules over and over while they come is a fifth of the start

import logging
import os
import threading

from indexer import journal
from indexer.service import serve
from indexer.settings import read_settings
from indexer.stop import Stopped, leave, listen
from piecework.domain.errors import PieceworkError

log = logging.getLogger("indexer")

GARBAGE = 50_000
"""After so many new objects cycles are looked for: rows are objects that make none, and there are as many in a transaction."""


def main() -> int:
    """Runs the indexer; returns the exit code."""
    journal.start(os.environ.get("PIECEWORK_LOG_FORMAT", "text"))  # settings that are wrong are said in the same format
    gc.freeze()  # what was imported stays
    gc.set_threshold(GARBAGE)
    gc.enable()
    stopping = threading.Event()
    try:
        listen(stopping)
        serve(read_settings(), stopping)
    except Stopped:
        pass
    except Exception as error:
        if not stopping.is_set():  # else it is only how something complained that was cut off in the middle
            return _failed(error)
    log.info("stopped", extra={"event": "stopped"})
    return 0


def _failed(error: Exception) -> int:
    if not isinstance(error, PieceworkError):
        raise error
    log.error(error.sentence, extra={"event": "ended", "error": type(error).__name__})
    return 1


if __name__ == "__main__":
    leave(main())
