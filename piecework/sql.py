"""Column types and engines on which SQLite and PostgreSQL agree.

A uint256 doesn't fit any SQL integer and a float would round it, so it is NUMERIC(78, 0) on PostgreSQL and text on SQLite: its
digits behind their count in two digits ("03700" is 700), which makes the order of the text the order of the numbers. SQL can't add
the latter up: sums of money are kept as running balances, never computed by SUM.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Dialect, Engine, Numeric, String, create_engine, event
from sqlalchemy import DateTime as _DateTime
from sqlalchemy.engine import make_url
from sqlalchemy.types import TypeDecorator, TypeEngine

from piecework.domain.errors import Invalid
from piecework.domain.units import UINT256_MAX


class Uint256(TypeDecorator[int]):
    """An exact unsigned 256-bit integer; sorts and compares as a number on both databases."""

    impl = Numeric(78, 0)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String(80) if dialect.name == "sqlite" else Numeric(78, 0))

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if not 0 <= value <= UINT256_MAX:
            raise Invalid(f"{value} is not a uint256.")
        return sortable(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        if isinstance(value, str):
            return int(value[2:])
        return None if value is None else int(value)


_COUNTS = tuple(f"{count:02d}" for count in range(100))


def sortable(value: int) -> str:
    """A number from 0 to 10^99 as text that sorts as the number does."""
    digits = str(value)
    return _COUNTS[len(digits)] + digits


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant; SQLite stores it without the zone, so it is put back."""

    impl = _DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise Invalid("An instant without a time zone can't be stored.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def database_url(text: str) -> str:
    """The SQLAlchemy URL for what a person wrote: a file's path, sqlite:///…, or postgresql://….

    Raises:
        Invalid: another database than SQLite or PostgreSQL.
    """
    if "://" not in text:
        return f"sqlite:///{Path(text).resolve()}"
    url = make_url(text)
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    if url.drivername == "sqlite":
        return text
    raise Invalid(f"'{url.drivername}' is not a database that Piecework knows; use sqlite:/// or postgresql://.")


_ALWAYS = ("page_size=8192", "journal_mode=WAL", "foreign_keys=ON", "busy_timeout=30000")
"""Pages of 8 KiB, because rows of hashes and addresses are long; it holds for a file that is made, not for one that is there."""
_DURABLE = ("synchronous=FULL",)
_DERIVED = ("synchronous=NORMAL", "cache_size=-16384", "wal_autocheckpoint=32768", "journal_size_limit=67108864")
"""A mirror's transaction touches a page of an index for nearly every worker in it, the same ones again and again: the log may hold
256 MiB of them (64 stay on the disk afterwards) before they go to their places, which spares a quarter of all writing. A larger cache
brings nothing."""


def open_engine(url: str, derived: bool = False) -> Engine:
    """An engine whose SQLite transactions begin IMMEDIATE (a writer waits for the other, instead of failing at commit) and
    are durable before they are acknowledged (WAL with synchronous FULL).

    Args:
        url: SQLAlchemy URL.
        derived: everything that is written can be made again, so that a power cut may take the last transactions with it (whole
            ones, the newest first), and much is written at a time.
    """
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing on its own: the listener below does
        for pragma in (*_ALWAYS, *(_DERIVED if derived else _DURABLE)):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        mode = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
        connection.exec_driver_sql(f"BEGIN {mode}")

    return engine


def reading(engine: Engine) -> Engine:
    """The same database for readers: on SQLite they take no lock and see one state for a whole transaction."""
    return engine.execution_options(sqlite_begin="DEFERRED")
