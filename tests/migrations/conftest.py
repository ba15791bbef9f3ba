"""Fixtures of the migrations' tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from piecework.migrations.lines import COORDINATOR, MIRROR, Line
from piecework.sql import open_engine
from tests.support.databases import database_url  # noqa: F401  # a fixture

LINES = [MIRROR, COORDINATOR]

FIRST = '''"""Pots."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None


def upgrade() -> None:
    op.create_table(
        "pot",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("owner", sa.String(42), nullable=False, unique=True),
        sa.Column("amount", sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite"), nullable=False),
    )
    op.create_index("pot_rich", "pot", ["amount"], sqlite_where=sa.text("number > 5"), postgresql_where=sa.text("number > 5"))
'''


@pytest.fixture(params=LINES, ids=lambda line: line.name)
def line(request: pytest.FixtureRequest) -> Line:
    """Each of the project's lines of revisions."""
    found: Line = request.param
    return found


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:  # noqa: F811
    """An empty database of either kind."""
    opened = open_engine(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def pots(tmp_path: Path) -> Line:
    """A line of one small revision, to add faults to."""
    folder = tmp_path / "pots"
    folder.mkdir()
    (folder / "0001_pots.py").write_text(FIRST)
    return Line("pots", folder)
