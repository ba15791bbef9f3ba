"""Makes a database fit to be a mirror, and refuses one that is another's."""

from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select

from indexer import tables
from indexer.chain import Header
from indexer.mirror import block_row, instant
from indexer.source import Source
from piecework.chain.deployment import Deployment
from piecework.domain.errors import Invalid
from piecework.migrations.lines import MIRROR
from piecework.migrations.upgrade import upgrade
from piecework.sql import database_url, open_engine


def prepare_database(url: str) -> Engine:
    """Opens a database and brings the mirror's tables up to this version; safe to call again and from several processes at once.

    Raises:
        Invalid: no database that Piecework knows, or tables of another version.
    """
    engine = open_database(url)
    prepare_tables(engine)
    return engine


def open_database(url: str) -> Engine:
    """An engine for what a person wrote; makes the folder of a SQLite file."""
    engine = open_engine(database_url(url), derived=True)
    if engine.dialect.name == "sqlite" and engine.url.database:
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
    return engine


def prepare_tables(engine: Engine) -> None:
    """Brings the mirror's tables up to this version, and refuses those of one that isn't known; a look where there is nothing to do."""
    upgrade(engine, MIRROR)


def register_deployment(engine: Engine, deployment: Deployment, source: Source) -> None:
    """Gives `deployment` a cursor of its own in a prepared database, beside those of others; does nothing if it has one.

    Raises:
        Invalid: the node is on another chain or has no escrow there, or the database mirrors a chain with that id but another
            genesis, as a devnet that was started anew is.
        Unavailable: the node doesn't answer.
    """
    source.identify()
    if _registered(engine, deployment):
        return
    before = source.header(deployment.start_block - 1)
    with engine.begin() as connection:
        if not _is_registered(connection, deployment):
            _register(connection, deployment, before)


def _registered(engine: Engine, deployment: Deployment) -> bool:
    with engine.begin() as connection:
        return _is_registered(connection, deployment)


def _is_registered(connection: Connection, deployment: Deployment) -> bool:
    table = tables.Deployment
    query = select(table.escrow, table.genesis_hash, table.start_block)  # type: ignore[call-overload]
    found = connection.execute(query.where(table.chain_id == deployment.chain_id)).all()  # type: ignore[arg-type]
    for escrow, genesis_hash, start_block in found:
        if genesis_hash != deployment.genesis_hash:
            raise Invalid(
                f"The database mirrors the escrow {escrow} on another chain with the id {deployment.chain_id} (its first block "
                "differs), as that of a devnet from before it was started anew; use another database or data directory."
            )
        if escrow == deployment.escrow and start_block != deployment.start_block:
            raise Invalid(
                f"The database mirrors the escrow {escrow} from block {start_block} on, not from {deployment.start_block}; "
                "use the deployment file that it was made with, or another database."
            )
    return any(escrow == deployment.escrow for escrow, *_ in found)


def _register(connection: Connection, deployment: Deployment, before: Header) -> None:
    """The mirror starts with the block before the escrow's, which holds nothing of it."""
    key = {"chain_id": deployment.chain_id, "escrow": deployment.escrow}
    cursor = {
        "genesis_hash": deployment.genesis_hash,
        "start_block": deployment.start_block,
        "next_block": deployment.start_block,
        "head_number": before.number,
        "head_hash": before.hash,
        "head_timestamp_at": instant(before),
    }
    connection.execute(insert(tables.Deployment), [key | cursor])
    connection.execute(insert(tables.Block), [key | block_row(before, 0)])
