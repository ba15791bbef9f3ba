"""`piecework index`: runs the indexer, says where it stands, and compares what it has mirrored with the chain."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
import urllib3
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import Engine, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from indexer import tables
from indexer.audit import audit
from indexer.metered import stored_point
from indexer.settings import Settings, read_settings
from indexer.standing import instant
from indexer.writer import has_writer
from piecework.chain.deployment import Deployment
from piecework.chain.rpc import Rpc
from piecework.domain.errors import Invalid, PieceworkError, Unavailable
from piecework.sql import database_url, open_engine, reading
from piecework.stack.state import DEFAULT_DATA, running_stack

DIFFERENT = 1
UNSEEN = 2
"""The exit codes of --verify: the tables differ from the chain; they couldn't be compared."""
NOT_RUNNING = 3
"""The exit code of --status when no indexer runs, as service scripts have it."""
SHOWN = 20
"""Differences that are printed; --json has them all."""

DataOption = Annotated[
    Path, typer.Option("--data", help="A running 'piecework up': what PIECEWORK_… variables don't say is taken from it.")
]
StatusOption = Annotated[bool, typer.Option("--status", help="Say where the mirror stands and whether an indexer runs; run nothing.")]
VerifyOption = Annotated[
    tuple[int, int] | None,
    typer.Option(
        "--verify",
        metavar="FROM TO",
        help="Compare these blocks with the chain, one by one by their hashes; run nothing.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="With --status or --verify: print one JSON object and nothing else.")]


def index(
    status: StatusOption = False,
    verify: VerifyOption = None,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Mirror the escrow's events into SQL in the foreground, say how far that is, or check it against the chain.

    What to mirror and where comes from the environment: PIECEWORK_DATABASE_URL, PIECEWORK_RPC_URL and PIECEWORK_DEPLOYMENT, and
    PIECEWORK_INDEXER_PORT where /health, /ready, /status and /metrics are to be served. --status exits with 3 when no indexer
    runs; --verify with 0 when the tables are what the chain says, 1 when they differ, 2 when that couldn't be seen.

    Example: piecework index --verify 0 1000
    """
    if status and verify:
        raise Invalid("Say either --status or --verify, not both.")
    try:
        _take_from_stack(data)
        if verify:
            code = _verify(read_settings(), *verify, as_json)
        else:
            code = _status(read_settings(), as_json) if status else _run()
    except PieceworkError as error:
        if not verify:
            raise
        code = _unseen(error.sentence, as_json)
    except SQLAlchemyError as error:
        sentence = f"The database can't be read: {str(getattr(error, 'orig', error)).strip().splitlines()[0]}."
        if not verify:
            raise Unavailable(sentence) from error
        code = _unseen(sentence, as_json)
    raise typer.Exit(code)


def _take_from_stack(data: Path) -> None:
    """What the environment doesn't say is that of the marketplace that runs from `data`, if one does."""
    stack = running_stack(data.resolve())
    if stack:
        known = {"DATABASE_URL": stack.database_url, "RPC_URL": stack.rpc_url, "DEPLOYMENT": str(Path(stack.data) / "deployment.json")}
        for name, value in known.items():
            os.environ.setdefault(f"PIECEWORK_{name}", value)


def _run() -> int:
    from indexer.__main__ import main

    return main()


# --------------------------------------------------------------------------------------------- --status


def _status(settings: Settings, as_json: bool) -> int:
    deployment = Deployment.load(settings.deployment)
    with _database(settings) as engine:
        running, others = has_writer(engine, deployment), _everybody(engine)
        cursor = stored_point(engine, deployment)
    found = {
        "running": running,
        "chain_id": deployment.chain_id,
        "escrow": deployment.escrow,
        "cursor": cursor and asdict(cursor) | {"timestamp_at": instant(cursor.timestamp)},
        "head": (head := _head(settings)),
        "lag_blocks": None if head is None or cursor is None else max(0, head - settings.confirmations - cursor.number),
        "indexer": _own_word(settings),
        "deployments": others,
    }
    print(json.dumps(found)) if as_json else _say_status(found)
    return 0 if running else NOT_RUNNING


def _everybody(engine: Engine) -> list[dict[str, Any]]:
    """All deployments that the database mirrors."""
    table = tables.Deployment
    with reading(engine).begin() as connection:
        rows = connection.execute(select(table.chain_id, table.escrow, table.head_number)).all()  # type: ignore[call-overload]
    return [{"chain_id": chain_id, "escrow": escrow, "block": number} for chain_id, escrow, number in rows]


def _head(settings: Settings) -> int | None:
    """The chain's newest block; None where no node says."""
    for url in settings.rpc_urls:
        try:
            return int(Rpc(url, settings.rpc_timeout_seconds).call("eth_blockNumber"), 16)
        except (PieceworkError, TypeError, ValueError):
            continue
    return None


def _own_word(settings: Settings) -> dict[str, Any] | None:
    """What the running indexer says of itself; None where it has no port that is known, or doesn't answer there."""
    if not settings.indexer_port:
        return None
    url = f"http://{settings.indexer_host}:{settings.indexer_port}/status"
    try:
        answer = urllib3.PoolManager(timeout=5, retries=False).request("GET", url).json()
    except (urllib3.exceptions.HTTPError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None


def _say_status(found: dict[str, Any]) -> None:
    print(f"Escrow    {found['escrow']} on chain {found['chain_id']}")
    print(f"Indexer   {'runs' if found['running'] else 'does not run'}{_remark(found['indexer'])}")
    cursor, head = found["cursor"], found["head"]
    print("Mirror    " + (f"at block {cursor['number']} of {cursor['timestamp_at']}" if cursor else "not begun"))
    behind = "" if found["lag_blocks"] is None else f", {found['lag_blocks']} blocks ahead of the mirror"
    print("Chain     " + (f"at block {head}{behind}" if head is not None else "no node answers at PIECEWORK_RPC_URL"))
    for other in found["deployments"]:
        if (other["chain_id"], other["escrow"]) != (found["chain_id"], found["escrow"]):
            print(f"Beside it {other['escrow']} on chain {other['chain_id']}, at block {other['block']}")


def _remark(said: dict[str, Any] | None) -> str:
    if said is None:
        return ""
    wrong = said["halted"] or said["stalled"] or said["trouble"]
    return f" (process {said['pid']}): {wrong or 'all is well.'}"


# --------------------------------------------------------------------------------------------- --verify


def _verify(settings: Settings, first: int, last: int, as_json: bool) -> int:
    deployment = Deployment.load(settings.deployment)
    rpc = Rpc(settings.rpc_urls[0], settings.rpc_timeout_seconds)
    with _database(settings) as engine, _progress(last - first + 1) as step:
        found = audit(engine, deployment, rpc, first, last, step)
    if as_json:
        print(json.dumps({"equal": not found.differences, **asdict(found)}))
    elif found.differences:
        print("\n".join(found.differences[:SHOWN]))
        print(f"{len(found.differences)} differences between the tables and blocks {found.first} to {found.last} of the chain.")
    else:
        print(f"The tables are what blocks {found.first} to {found.last} of the chain say, in {found.logs} logs.")
    return DIFFERENT if found.differences else 0


def _unseen(sentence: str, as_json: bool) -> int:
    Console(stderr=True).print(sentence, markup=False, highlight=False, soft_wrap=True)
    if as_json:
        print(json.dumps({"equal": None, "detail": sentence}))
    return UNSEEN


@contextmanager
def _database(settings: Settings) -> Iterator[Engine]:
    """The mirror's database, which must be there."""
    engine = open_engine(database_url(settings.database_url))
    try:
        file = engine.url.database if engine.dialect.name == "sqlite" else None  # to look at one that isn't there would make it
        if (file and not Path(file).exists()) or not inspect(engine).has_table(str(tables.Deployment.__tablename__)):
            raise Invalid("There is no mirror in the database of PIECEWORK_DATABASE_URL yet; start one with 'piecework index'.")
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _progress(blocks: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("blocks"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("blocks", total=blocks)
        yield lambda more: progress.advance(task, more)
