"""What workers do with HITs' assignments becomes events for the HIT type's owner, in the transaction in which it happens."""

from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlmodel import col

from backend.mturk import events, hits
from backend.mturk.ids import assignment_id
from backend.services.assignments import Happening
from backend.store.tables.mturk import MTurkPart

KINDS = {
    "accepted": "AssignmentAccepted",
    "submitted": "AssignmentSubmitted",
    "returned": "AssignmentReturned",
    "abandoned": "AssignmentAbandoned",
}
ENDS = ("submitted", "returned", "abandoned")
"""After these a HIT may be reviewable."""
REMEMBERED = 10_000
_PART = (
    select(MTurkPart.hit, MTurkPart.hit_type, MTurkPart.requester)
    .where(col(MTurkPart.posting) == bindparam("posting"), col(MTurkPart.position) == bindparam("unit"))
    .limit(1)
)
_IS_HIT = select(MTurkPart.id).where(col(MTurkPart.posting) == bindparam("posting")).limit(1)


class Happenings:
    """Listens to assignments."""

    def __init__(self) -> None:
        self._are_hits: dict[int, bool] = {}

    def __call__(self, connection: Connection, happened: Happening) -> None:
        """Keeps the events that somebody wants to hear of. Other jobs' assignments cost one look at a dictionary."""
        if not self._is_hit(connection, happened.posting):
            return
        part: Any = connection.execute(_PART, {"posting": happened.posting, "unit": happened.unit}).one_or_none()
        if part is None:
            return
        shown = assignment_id(happened.assignment)
        events.hit(connection, KINDS[happened.what], part.hit, part.hit_type, happened.at, shown)
        if happened.what in ENDS and events.is_wanted(connection, "HITReviewable", part.hit_type):
            reviewable(connection, hits.one(connection, part.requester, part.hit, happened.at))

    def _is_hit(self, connection: Connection, posting: int) -> bool:
        """Whether a posting is HITs; workers see a posting only when that is decided."""
        known = self._are_hits.get(posting)
        if known is None:
            if len(self._are_hits) >= REMEMBERED:
                self._are_hits.clear()
            known = connection.execute(_IS_HIT, {"posting": posting}).first() is not None
            self._are_hits[posting] = known
        return known


def reviewable(connection: Connection, hit: hits.Hit) -> None:
    """Keeps the event that a HIT can be reviewed, if it can."""
    if hit.status == "Reviewable":
        events.hit(connection, "HITReviewable", hit.id, hit.row.hit_type, hit.now)
