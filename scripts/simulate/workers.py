"""Runs seeds, in one world or in several side by side."""

import multiprocessing
import multiprocessing.process
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from queue import Empty
from types import FrameType

from scripts.simulate.seed import Report, Run
from scripts.simulate.world import world

DATABASES = ("sqlite", "postgresql")


def databases(choice: str, seed: int) -> tuple[str, ...]:
    """Where one seed runs."""
    if choice == "turns":
        return (DATABASES[seed % 2],)
    return DATABASES if choice == "both" else (choice,)


def simulate(todo: list[tuple[int, str]], at_once: int) -> Iterator[Report]:
    """Runs them, each worker in a world of its own; reports come as they are done."""
    if at_once == 1:
        yield from _in_one_world(todo)
        return
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=_worker, args=(todo[at::at_once], queue)) for at in range(at_once)]
    for worker in workers:
        worker.start()
    try:
        for _ in todo:
            yield _next(queue, workers)
    except BaseException:
        for worker in workers:
            worker.terminate()
        raise
    finally:
        for worker in workers:
            worker.join()


def _next(queue: "multiprocessing.Queue[Report]", workers: "Sequence[multiprocessing.process.BaseProcess]") -> Report:
    """The next report; fails when a worker has died of something that isn't its indexer's fault."""
    while True:
        try:
            return queue.get(timeout=1)
        except Empty:
            dead = [worker.exitcode for worker in workers if worker.exitcode]
            if dead:
                raise RuntimeError(f"A worker of the simulation ended with {dead[0]}; what it said stands above.") from None


def leave(number: int, frame: FrameType | None) -> None:
    """What a signal does: everything that was started is ended on the way out."""
    raise SystemExit(128 + number)


def _worker(todo: list[tuple[int, str]], queue: "multiprocessing.Queue[Report]") -> None:
    signal.signal(signal.SIGTERM, leave)
    threading.Thread(target=_outlive_nobody, daemon=True).start()
    for report in _in_one_world(todo):
        queue.put(report)


def _outlive_nobody() -> None:
    """Whoever started this worker may be killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _in_one_world(todo: list[tuple[int, str]]) -> Iterator[Report]:
    if not todo:
        return
    with world() as shared:
        for seed, database in todo:
            yield Run(shared, seed, database).go()
