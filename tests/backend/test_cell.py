"""What strangers wrote runs by itself: it is ended where it takes too long, and nobody else waits for it long."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator

import pytest
from anyio.to_thread import run_sync

from backend.services.cell import MOST, Cell, TooLong
from backend.services.turns import Turns
from piecework.domain.errors import Unavailable

ENDLESS = "page", "{{ task }}" + "{{" * 100_000, {"task": 1}


@pytest.fixture
def cell() -> Iterator[Cell]:
    made = Cell()
    yield made
    made.close()


def said(cell: Cell, number: object) -> str:
    return cell.ask("page", "[{{ task }}]", {"task": number})["page"]


def doubled(kind: str, depth: int) -> dict[str, object]:
    """A schema that is looked at 2^depth times."""
    parts = {f"part{at}": {kind: [{"$ref": f"#/$defs/part{at + 1}"}] * 2} for at in range(depth)}
    return {"$ref": "#/$defs/part0", "$defs": parts | {f"part{depth}": {"type": "integer"}}}


def test_what_takes_too_long_is_ended_and_not_tried_again(cell: Cell) -> None:
    with pytest.raises(TooLong):
        cell.ask(*ENDLESS)
    assert said(cell, 1) == "[1]"
    child = cell._child
    for _ in range(10):
        with pytest.raises(TooLong):
            cell.ask(*ENDLESS)
    assert cell._child is child and said(cell, 2) == "[2]"


def test_many_threads_ask_and_the_process_may_be_killed_in_between(cell: Cell) -> None:
    for _ in range(2):
        came = dict[int, str]()
        threads = [threading.Thread(target=lambda n=n: came.update({n: said(cell, n)})) for n in range(MOST)]  # type: ignore[misc]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert came == {number: f"[{number}]" for number in range(MOST)}
        assert cell._child is not None
        cell._child.kill()
        cell._child.wait()


def test_a_process_that_somebody_kills_is_nobodys_fault(cell: Cell) -> None:
    assert said(cell, 1) == "[1]" and cell._child is not None
    killed = threading.Timer(0.3, cell._child.kill)
    killed.start()
    with pytest.raises(Unavailable, match="ended the process"):
        cell.ask(*ENDLESS)
    killed.join()
    with pytest.raises(TooLong):
        cell.ask(*ENDLESS)


def test_whoever_comes_when_many_wait_is_told_so(cell: Cell) -> None:
    with cell._lock:
        waiting = [threading.Thread(target=said, args=(cell, number)) for number in range(MOST)]
        for thread in waiting:
            thread.start()
        while cell._places._value:
            time.sleep(0.001)
        with pytest.raises(Unavailable, match="try again"):
            said(cell, "last")
    for thread in waiting:
        thread.join()
    assert said(cell, "now") == "[now]"


def test_who_waits_for_a_turn_takes_no_thread_and_when_many_do_the_next_is_told_so() -> None:
    async def run() -> None:
        turns, at_once, most = Turns(most=20), 0, 0

        def work(number: int) -> int:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            time.sleep(0.01)
            at_once -= 1
            return number

        waiting = [asyncio.ensure_future(turns.run(work, number)) for number in range(21)]
        await asyncio.sleep(0)
        assert await run_sync(lambda: "at once") == "at once"
        assert sum(not one.done() for one in waiting) > 10
        with pytest.raises(Unavailable, match="try again"):
            await turns.run(work, 21)
        assert await asyncio.gather(*waiting) == list(range(21)) and most == 1

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["allOf", "anyOf", "oneOf"])
def test_a_schema_that_is_looked_at_for_ever_is_ended(cell: Cell, kind: str) -> None:
    with pytest.raises(TooLong):
        cell.ask("answer", json.dumps(doubled(kind, 40)), 1 if kind == "allOf" else "no number")
    assert cell.ask("answer", json.dumps(doubled("allOf", 4)), 1) == {}
    assert "integer" in cell.ask("answer", json.dumps(doubled("allOf", 4)), "x")["wrong"]


def test_a_schema_whose_patterns_take_for_ever_to_read_is_refused(cell: Cell) -> None:
    with pytest.raises(TooLong):
        cell.ask("schema", {"allOf": [{"pattern": f"^[a-z{chr(1000 + at)}]{{900}}$"} for at in range(20_000)]})
    assert "can't be used" in cell.ask("schema", {"type": "duck"})["wrong"] and cell.ask("schema", {}) == {}
