"""A process that fills in Liquid pages, which are programs that strangers wrote.

Liquid's own limits count loops and what is written, and neither its filters nor how its pages are read: a few words of a page can ask for
more time or memory than there is. So it runs by itself, the kernel ends it after a while, and memory is all that it can't have more of.
`backend/services/press.py` starts it, asks it, and starts the next one.

It reads and writes frames, 4 bytes of length (the highest first) and as many of JSON: a page and its values, then what came of them as
`{"page": …}` or `{"wrong": …}`.
"""

import json
import resource
import signal
import sys
from typing import Any, BinaryIO

from liquid import Environment
from liquid.exceptions import LiquidError
from markupsafe import Markup

from backend.services.filling import MOST_CHARACTERS, to_json
from backend.services.press import SECONDS

LOOPS = 10_000
MEMORY_BYTES = 512 << 20


class _Limited(Environment):
    """Liquid that says where a page loops, nests or writes too much. It reads no files."""

    loop_iteration_limit = LOOPS
    output_stream_limit = MOST_CHARACTERS
    local_namespace_limit = 100_000
    context_depth_limit = 20


def _trusted(value: Any) -> Markup:
    return Markup(value if isinstance(value, str) else to_json(value))


def _environment() -> Environment:
    environment = _Limited(autoescape=True)
    environment.add_filter("to_json", to_json)
    environment.add_filter("grant_read_access", lambda value: value)  # whatever a unit names is readable by its worker already
    environment.add_filter("skip_autoescape", _trusted)
    return environment


def _filled(environment: Environment, page: str, values: dict[str, Any]) -> dict[str, str]:
    try:
        return {"page": environment.from_string(page).render(values)}
    except MemoryError:
        return {"wrong": "it needs too much memory"}
    except (LiquidError, RecursionError, ArithmeticError, TypeError, ValueError) as error:
        return {"wrong": str(error).splitlines()[0] if str(error) else type(error).__name__}


def _serve(asked: BinaryIO, answers: BinaryIO) -> None:
    environment = _environment()
    while head := asked.read(4):
        page, values = json.loads(asked.read(int.from_bytes(head)))
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of its own processor time; nobody handles its signal, so it ends the process
        answer = json.dumps(_filled(environment, page, values)).encode()
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(len(answer).to_bytes(4) + answer)
        answers.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for whoever asks; without them the questions end
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _serve(sys.stdin.buffer, sys.stdout.buffer)
