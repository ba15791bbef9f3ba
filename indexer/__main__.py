"""`python -m indexer`: mirrors the escrow's events into SQL until it is told to stop.

Settings come from the environment (`indexer.settings`). Ends with 0 on SIGTERM or SIGINT, and with 1 and one sentence on what no
waiting mends: a wrong chain, another deployment's database, a second indexer, a reorg deeper than the window.
"""

import logging
import signal
import sys
import threading
from types import FrameType

from pydantic import ValidationError

from indexer.service import serve
from indexer.settings import Settings
from piecework.domain.errors import Invalid, PieceworkError

log = logging.getLogger("indexer")


class Stopped(BaseException):
    """Somebody asked the process to end; nothing may catch it on the way."""


def main() -> int:
    """Runs the indexer; returns the exit code."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s indexer %(levelname)s %(message)s")
    stopping = threading.Event()
    _listen(stopping)
    try:
        serve(_settings(), stopping)
    except Stopped:
        pass
    except PieceworkError as error:
        log.error(error.sentence)
        return 1
    log.info("stopped")
    return 0


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        wrong = ", ".join(f"PIECEWORK_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise Invalid(f"The indexer's settings are incomplete or wrong ({wrong}).") from None


def _listen(stopping: threading.Event) -> None:
    """A signal ends whatever is waiting; a transaction that is cut off leaves nothing behind."""

    def stop(number: int, frame: FrameType | None) -> None:
        if not stopping.is_set():
            stopping.set()
            raise Stopped

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


if __name__ == "__main__":
    sys.exit(main())
