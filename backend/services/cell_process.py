"""A process that runs what strangers wrote: pages of Liquid, which is a language, and answers held to a JSON Schema of the requester's.

A few words of either can ask for more time or memory than there is. Liquid's own limits count loops and what is written, and neither its
filters nor how its pages are read; a schema whose parts each refer twice to the next one is looked at 2^n times. So it runs by itself, the
kernel ends it after a while, and memory is all that it can't have more of. `backend/services/cell.py` starts it, asks it, and starts the next
one.

It reads and writes frames, 4 bytes of length (the highest first) and as many of JSON: a kind of question and what is given to it, then
what came of it as an object, with `wrong` where something is.
"""

import json
import resource
import signal
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any, BinaryIO

from jsonschema_rs import Validator
from liquid import Environment
from liquid.exceptions import LiquidError
from markupsafe import Markup

from backend.services.cell import SECONDS
from backend.services.filling import MOST_CHARACTERS, to_json
from piecework.domain.answers import compiled, first_error, sentence_of
from piecework.domain.errors import Invalid

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


_LIQUID = _environment()


def _page(page: str, values: dict[str, Any]) -> dict[str, str]:
    """A page with its values in it."""
    try:
        return {"page": _LIQUID.from_string(page).render(values)}
    except (LiquidError, RecursionError, ArithmeticError, TypeError, ValueError) as error:
        return {"wrong": str(error).splitlines()[0] if str(error) else type(error).__name__}


def _schema(schema: Any) -> dict[str, str]:
    """What is wrong with a schema, if anything is."""
    try:
        compiled(schema)
    except Invalid as error:
        return {"wrong": error.sentence}
    return {}


def _answer(schema: str, value: Any) -> dict[str, str]:
    """What is wrong with an answer, if anything is; the schema as JSON."""
    error = first_error(_validator(schema), value)
    return {} if error is None else {"wrong": sentence_of(error)}


@lru_cache(maxsize=16)
def _validator(schema: str) -> Validator:
    return compiled(json.loads(schema))


_KINDS: dict[str, Callable[..., dict[str, str]]] = {"page": _page, "schema": _schema, "answer": _answer}


def _serve(asked: BinaryIO, answers: BinaryIO) -> None:
    while head := asked.read(4):
        kind, *given = json.loads(asked.read(int.from_bytes(head)))
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of its own processor time; nobody handles its signal, so it ends the process
        try:
            found = _KINDS[kind](*given)
        except MemoryError:
            found = {"wrong": "it needs too much memory"}
        answer = json.dumps(found).encode()
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(len(answer).to_bytes(4) + answer)
        answers.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for whoever asks; without them the questions end
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _serve(sys.stdin.buffer, sys.stdout.buffer)
