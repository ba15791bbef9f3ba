"""What is due is found by its time: whoever looks every few seconds pays for what is due, and not for all that ever was."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Select, event, select
from sqlmodel import col

from backend.mturk import locked
from backend.store import assignments, deadlines, disputes, listings, lookouts, recounts, spendable, stewardship
from backend.store.database import Store
from backend.store.tables import Assignment

NOW = 1_800_000_000
AT = {"now": datetime.fromtimestamp(NOW, UTC)}
HERALD = deadlines.near(NOW, NOW + 86_400)
SUBJECTS = {"subjects": ["0x1", "0x2"], "now": NOW}
BEGINS: dict[str, tuple[Select[Any], dict[str, Any], str]] = {
    "steward": (stewardship.DUE, AT, "assignment_unreviewed (review_until<?)"),
    "steward after a registration": (stewardship.MISSED, {"operators": ["0x1", "0x2"]}, "posting_operator (operator=?)"),
    "sweep of reservations of a time to come": (assignments.HELD_AHEAD, {"latest": AT["now"]}, "assignment_due (expires_at>?)"),
    "sweep of answers of a time to come": (assignments.REVEALED_AHEAD, {"latest": AT["now"]}, "assignment_revealed (revealed_at>?)"),
    "approver": (stewardship.UNSIGNED, {}, "batch_unapproved"),
    "lister": (listings.DUE, AT, "job_pace_due (due_at<?)"),
    "herald of contests": (HERALD["contest"], {}, "mirror_opening_opened (opened_at>?)"),
    "herald of appeals": (HERALD["appeal"], {}, "mirror_opening_opened (opened_at>?)"),
    "herald of defences": (HERALD["defend"], {}, "mirror_appeal_phase_pending (since_at>?)"),
    "herald of reviews": (HERALD["review"], {}, "assignment_unreviewed (review_until>? AND review_until<?)"),
    "herald of allowances": (spendable.ENDING, {"now": NOW, "by": NOW + 86_400}, "operator_key_ends (ends_at>? AND ends_at<?)"),
    "herald of ends": (HERALD["close"], {}, "posting_closes (closes_at>? AND closes_at<?)"),
    "postman of contests that are gone": (recounts.REMEMBERED, {"first": 7}, "job_consensus_disputed (disputed>?)"),
    "watchtower": (lookouts.DUE, {"now": NOW}, "lookout_look_at (look_at<?)"),
    "watchtower of ends": (
        disputes.CLOSING, {"coordinator": "0x1", "since": NOW, "by": NOW + 86_400, "after": -1}, "posting_closes (closes_at>? AND closes_at<?)",
    ),
    "what can be finalized": (disputes.DUE["finalize"], SUBJECTS, "mirror_opening_opening (opening=?)"),
    "what can be reclaimed": (disputes.DUE["reclaim"], SUBJECTS, "mirror_opening_opening (opening=?)"),
    "what can be concluded": (disputes.DUE["conclude"], SUBJECTS, "mirror_appeal_phase_newest (chain_id=? AND appeal=?)"),
}
"""Each look, its values, and the index by whose range it begins."""
BLOCKS: dict[str, tuple[Select[Any], dict[str, Any]]] = {
    "registrations": (stewardship.REGISTERED, {"since": 7}),
    "spendable": (spendable.TOUCHED, {"first": 7, "last": 9}),
    "recounts": (recounts.DISPUTED, {"first": 7, "last": 9}),
    "locked": (locked.CHANGED, {"by": "0x1", "after": 7, "until": 9, "token": "0x2"}),
}
SMALL = ("operator_key", "home", "batch_unapproved", "anon_")
"""What may be gone through whole: as many rows as there are operators, one, what waits for its requester's signature, and what a statement
has found already."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path_factory.mktemp('due')}/piecework.db")
    yield opened
    opened.close()


def plan(store: Store, statement: Select[Any], values: dict[str, Any]) -> list[str]:
    """The steps of a statement as it is sent; on SQLite, which plans without knowing the tables."""
    sent: list[tuple[str, Any]] = []
    with store.read() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: sent.append((given[2], given[3])))
        connection.execute(statement, values)
        query, bound = sent[0]
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", bound).all()]


def walks(steps: list[str]) -> list[str]:
    """Steps that go through all rows of a table that grows."""
    return [step for step in steps if re.match(r"SCAN (?!CONSTANT|\()", step) and not any(name in step for name in SMALL)]


@pytest.mark.parametrize("who", BEGINS)
def test_a_look_begins_where_something_is_due(store: Store, who: str) -> None:
    statement, values, begins = BEGINS[who]
    steps = plan(store, statement, values)
    assert begins in " ".join(steps[:3]) and walks(steps) == [], steps


@pytest.mark.parametrize("what", BLOCKS)
def test_what_the_chain_says_is_looked_for_in_its_newest_blocks(store: Store, what: str) -> None:
    steps = plan(store, *BLOCKS[what])
    assert walks(steps) == [] and "block_number>?" in " ".join(steps), steps


def test_a_look_through_everything_is_noticed(store: Store) -> None:
    everything = select(Assignment.id).where(col(Assignment.reason).is_not(None))
    assert walks(plan(store, everything, {})) == ["SCAN assignment"]
