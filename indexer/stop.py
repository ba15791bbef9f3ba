"""How the process ends when somebody asks it to: at once where it can, and within seconds whatever it is doing.

A transaction that is cut off leaves nothing behind, and a commit whose answer nobody hears is found by the next start: ending in
the middle is as safe as kill -9. So a signal ends whatever Python waits for, and where a driver or a disk doesn't let Python hear
of the signal (SQLite waiting for another writer, a server that doesn't answer a rollback), the process ends after a grace.
What libraries log of being cut off so, before they raise it again, `indexer.journal` leaves out.
"""

import logging
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import NoReturn

GRACE_SECONDS = 2.0
AGAIN_SECONDS = 0.01
ASKS = (signal.SIGTERM, signal.SIGINT)


class Stopped(BaseException):
    """Somebody asked the process to end; nothing may catch it on the way."""


def listen(stopping: threading.Event, grace_seconds: float = GRACE_SECONDS) -> None:
    """From now on SIGTERM and SIGINT set `stopping` and raise `Stopped` in the main thread; after the grace the process is gone,
    with exit code 0."""

    heard = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()
        if not heard.is_set():
            heard.set()
            raise Stopped

    def unraisable(lost: "sys.UnraisableHookArgs") -> None:
        if not isinstance(lost.exc_value, Stopped):
            sys.__unraisablehook__(lost)
            return
        heard.clear()  # it was raised where Python drops it (while something was collected), so it is raised again, a little later
        threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), signal.SIGTERM)).start()

    sys.unraisablehook = unraisable

    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    signal.set_wakeup_fd(writes, warn_on_full_buffer=False)  # told by the system, however busy the main thread is
    threading.Thread(target=_end, args=(reads, grace_seconds), name="stop", daemon=True).start()
    for number in ASKS:
        signal.signal(number, stop)


def _end(reads: int, grace_seconds: float) -> None:
    while os.read(reads, 1)[0] not in ASKS:
        pass
    time.sleep(grace_seconds)
    os._exit(0)


def leave(code: int) -> NoReturn:
    """Ends the process now: to take the interpreter down module by module takes longer than all that came before, on a busy
    machine seconds."""
    logging.shutdown()
    os._exit(code)
