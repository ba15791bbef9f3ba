"""Jobs of before there were drafts keep their content and get the policies that they had: none."""

from sqlalchemy import Engine, insert, select, text

from piecework.migrations.lines import COORDINATOR
from piecework.migrations.revise import advance
from piecework.migrations.upgrade import upgrade
from tests.migrations.walk import fill, tables


def test_an_old_jobs_content_is_still_the_file_of_its_hash(engine: Engine) -> None:
    digest = "ab" * 32
    with engine.begin() as connection:
        advance(connection, COORDINATOR, "0005")
        fill(connection, found := tables(connection, COORDINATOR), 0)
        old = next(table for table in found if table.name == "posting")
        row = connection.execute(select(old)).mappings().first()
        assert row is not None
        connection.execute(insert(old), dict(row) | {"number": 77, "job": "0x1", "content_hash": f"0x{digest}"})
    upgrade(engine, COORDINATOR)
    wanted = text("SELECT content, manifest, criteria, qualifications, ai_policy, per_worker_limit FROM posting WHERE number = 77")
    with engine.begin() as connection:
        assert tuple(connection.execute(wanted).one()) == (f"ab/{digest}.jsonl", None, "[]", "[]", "allowed", None)
