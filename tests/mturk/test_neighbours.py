"""Whatever one requester does with its money or its operator, nobody else's HITs wait for it; and looking for work costs the same
however many HITs there are."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Executable

from backend.mturk import deliveries, funder, hits, reviewing, sweeper
from backend.services import approver
from piecework.domain.typed_data import Key
from piecework.migrations.lines import COORDINATOR, MIRROR
from piecework.migrations.upgrade import upgrade
from piecework.sql import open_engine
from tests.backend.workshop import call
from tests.mturk.conftest import HIT, Turk, turk


def test_a_requester_that_ends_its_operator_holds_up_nobody(asker: Turk, worker: Key) -> None:
    other = turk(asker.running, 1)
    hit = other.client().create_hit(**HIT)["HIT"]["HITId"]
    ended = call(asker.running, "DELETE", f"/v1/operators/{other.issued['operator']}", token=other.token)
    assert ended.status == 204
    mine = asker.client().create_hit(**HIT)["HIT"]["HITId"]
    asker.do(mine, worker)
    asker.client().update_expiration_for_hit(HITId=mine, ExpireAt=0)
    postings = "SELECT count(*) FROM posting WHERE requester = :by"
    assert asker.running.rows(postings, by=other.requester.address)[0][0] <= 1, "it isn't described again and again"
    (part,) = asker.running.rows("SELECT posting FROM mturk_part WHERE hit = :hit", hit=hit)
    assert part.posting is None


AT = datetime(2026, 1, 1, tzinfo=UTC)
PLANS = {
    "what waits to be funded": (funder._GROUPS, "mturk_part_unit"),
    "what waits for its money": (funder._UNSETTLED, "mturk_part_unsettled"),
    "what is to be delivered": (deliveries._DUE, "mturk_event_due"),
    "what is to be approved": (approver._DUE, "assignment_approved"),
} | {
    f"what may be reviewable {words}": (hits.candidates("0x1", False, kind, cursor, 10, AT), index)
    for words, kind, cursor, index in (
        ("of a requester", None, None, "mturk_hit_reviewable (requester=? AND reviewing=?)"),
        ("of a requester, on", None, 7, "mturk_hit_reviewable (requester=? AND reviewing=? AND number<?)"),
        ("of a type", "3T", 7, "mturk_hit_reviewable_of_type (hit_type=? AND reviewing=? AND number<?)"),
        ("and has ended a moment ago", None, None, "mturk_hit_expiring (expires_at<?)"),
    )
} | {
    f"{waiting.what}, {page}": (getattr(waiting, page), index)
    for waiting, index in (
        (sweeper._EXPIRED, "mturk_hit_expiring"),
        (sweeper._OLD, "mturk_hit_living"),
        (sweeper._WITHDRAWN, "mturk_part_withdrawn"),
        (reviewing.DUE, "mturk_hit_policies_due"),
    )
    for page in ("first", "next")
}


@pytest.mark.parametrize(("statement", "index"), PLANS.values(), ids=list(PLANS))
def test_the_clockwork_finds_its_work_by_an_index(statement: Executable, index: str, tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/plans.db")
    upgrade(engine, MIRROR, COORDINATOR)
    if "but" in statement.compile().params:  # type: ignore[attr-defined]
        statement = statement.params(now=AT, but=["0x1"], most=10)  # type: ignore[attr-defined]
    compiled = statement.compile(dialect=engine.dialect, compile_kwargs={"render_postcompile": True})  # type: ignore[attr-defined]
    given = tuple("x" for _ in range(str(compiled).count("?")))
    with engine.begin() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", given)]
    engine.dispose()
    assert any(index in line for line in plan), plan
    walked = [line for line in plan if line.startswith("SCAN") and index not in line and "anon_" not in line]
    assert walked == [], plan
    sorts = [line for line in plan if "FOR ORDER BY" in line]
    assert sorts == [] or "LIST SUBQUERY" in " ".join(plan), plan  # a page that was found so may be sorted
