"""Columns on which both databases agree."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, LargeBinary, MetaData, Table, Text, insert, select
from sqlalchemy.exc import StatementError

from indexer.bulk import insert_rows
from piecework.domain.errors import Invalid
from piecework.domain.units import UINT256_MAX
from piecework.sql import Instant, Uint256, open_engine, reading
from piecework.sql import database_url as url_of
from tests.support import postgres

sample = Table(
    "sample",
    MetaData(),
    Column("id", BigInteger, primary_key=True),
    Column("amount", Uint256),
    Column("seen_at", Instant),
    Column("words", Text),
    Column("raw", LargeBinary),
    Column("few", Integer),
)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    opened = open_engine(database_url)
    with opened.begin() as connection:
        sample.metadata.create_all(connection)
    yield opened
    opened.dispose()


def amounts(connection: Connection) -> list[int]:
    return list(connection.execute(select(sample.c.amount).order_by(sample.c.amount)).scalars())


def test_a_uint256_is_exact_and_sorts_as_a_number(engine: Engine) -> None:
    values = [0, 1, 9, 10, 2**53 + 1, 2**63, 2**64 - 1, 10**77, UINT256_MAX - 1, UINT256_MAX]
    with engine.begin() as connection:
        connection.execute(insert(sample), [{"id": at, "amount": value} for at, value in enumerate(reversed(values))])
        found = amounts(connection)
        assert found == values
        assert all(type(value) is int for value in found)
        above = select(sample.c.amount).where(sample.c.amount > 2**64 - 1).order_by(sample.c.amount)
        assert list(connection.execute(above).scalars()) == values[7:]


@pytest.mark.parametrize("value", [-1, UINT256_MAX + 1])
def test_what_is_no_uint256_is_refused(value: int, engine: Engine) -> None:
    with pytest.raises((Invalid, StatementError)), engine.begin() as connection:
        connection.execute(insert(sample), {"id": 1, "amount": value})


def test_an_instant_comes_back_in_utc(engine: Engine) -> None:
    noon = datetime(2026, 3, 1, 12, 0, 0, 123456, timezone(timedelta(hours=5)))
    with engine.begin() as connection:
        connection.execute(insert(sample), {"id": 1, "seen_at": noon})
        found = connection.execute(select(sample.c.seen_at)).scalar_one()
    assert found == noon
    assert found.tzinfo is UTC
    with pytest.raises((Invalid, StatementError)), engine.begin() as connection:
        connection.execute(insert(sample), {"id": 2, "seen_at": datetime(2026, 3, 1)})


def test_a_reader_sees_one_state_while_somebody_writes(engine: Engine) -> None:
    """On SQLite that is so for a whole transaction; PostgreSQL's default shows what is committed at each statement."""
    with reading(engine).begin() as reader, engine.begin() as writer:
        assert amounts(reader) == []
        writer.execute(insert(sample), {"id": 1, "amount": 5})
        assert amounts(reader) == []


def test_bulk_rows_read_as_any_others(engine: Engine) -> None:
    awkward = "tab\t, line\nbreak, back\\slash, \\N, quote' and ünïcode"
    rows = [
        {"id": 2**62, "amount": UINT256_MAX, "seen_at": datetime.now(UTC), "words": awkward, "raw": bytes(range(256)), "few": 2**31 - 1},
        {"id": 2, "amount": 0, "seen_at": datetime(1970, 1, 1, tzinfo=UTC), "words": None, "raw": b"", "few": -(2**31)},
    ]
    with engine.begin() as connection:
        insert_rows(connection, sample, [tuple(row.values()) for row in rows])
        insert_rows(connection, sample, [])
        found = [dict(row) for row in connection.execute(select(sample).order_by(sample.c.id.desc())).mappings()]
    assert found == rows


@pytest.mark.parametrize("wide", [{"id": 2**63}, {"few": 2**31}, {"few": -(2**31) - 1}, {"few": 2**32 + 5}], ids=str)
def test_a_number_that_a_column_of_postgresql_cannot_hold_is_refused_and_never_cut_off(
    wide: dict[str, int]
) -> None:
    engine = open_engine(postgres.server().database())
    row = {"id": 1, "amount": 1, "seen_at": datetime.now(UTC), "words": "", "raw": b"", "few": 1}
    with engine.begin() as connection:
        sample.metadata.create_all(connection)
    with pytest.raises(OverflowError), engine.begin() as connection:
        insert_rows(connection, sample, [tuple(row.values()), tuple((row | wide).values())])
    with engine.connect() as connection:
        assert amounts(connection) == []
    engine.dispose()


def test_a_path_is_a_sqlite_file_and_other_databases_are_refused(tmp_path: Path) -> None:
    assert url_of(f"{tmp_path}/a.db") == f"sqlite:///{tmp_path}/a.db"
    assert url_of("postgres://u:p@h/d") == "postgresql+psycopg://u:p@h/d"
    with pytest.raises(Invalid, match="'mysql' is not a database"):
        url_of("mysql://h/d")
