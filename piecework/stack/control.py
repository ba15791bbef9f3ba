"""What can be asked of a stack from outside: is it there, and end it."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import urllib3

from piecework.domain.errors import Unavailable
from piecework.stack.process import wait_until
from piecework.stack.report import Report
from piecework.stack.state import Lock, Stack, State
from piecework.stack.supervisor import stop_leftovers

STOP_SECONDS = 60

Condition = Literal["running", "starting", "orphaned", "stopped"]
"""orphaned: the supervisor was killed, but some of its pieces still run."""


@dataclass(frozen=True, slots=True)
class Health:
    """A data directory's stack at this moment; `ready` is the backend's own word, None when it doesn't answer."""

    condition: Condition
    stack: Stack | None
    alive: dict[str, int]
    ready: dict[str, Any] | None


def health(data: Path) -> Health:
    """Looks, and changes nothing."""
    state, held = State.load(data), Lock(data).held()
    if state is None:
        return Health("starting" if held else "stopped", None, {}, None)
    alive = {name: trace.pid for name, trace in state.leftovers().items()}
    if not held:
        return Health("orphaned" if alive else "stopped", None, alive, None)
    if state.stack is None:
        return Health("starting", None, alive, None)
    return Health("running", state.stack, alive, _ready(state.stack.url))


def stop(data: Path, report: Report) -> bool:
    """Ends what runs from a data directory, in order.

    Returns:
        Whether there was anything to end.

    Raises:
        Unavailable: it doesn't end.
    """
    lock, state = Lock(data), State.load(data)
    if lock.held():
        _end_supervisor(lock, data)
        return True
    if state is None or not state.leftovers():
        return False
    stop_leftovers(state, report)
    return True


def _end_supervisor(lock: Lock, data: Path) -> None:
    supervisor = lock.holder()
    if supervisor:
        supervisor.signal(signal.SIGTERM)
    if not wait_until(lambda: not lock.held() and not (supervisor and supervisor.alive()), STOP_SECONDS):
        raise Unavailable(f"The stack in {data} didn't stop within {STOP_SECONDS} s: end process {supervisor and supervisor.pid} by hand.")


def _ready(url: str) -> dict[str, Any] | None:
    try:
        answer = urllib3.PoolManager(timeout=5, retries=False).request("GET", f"{url}/ready").json()
    except (urllib3.exceptions.HTTPError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None
