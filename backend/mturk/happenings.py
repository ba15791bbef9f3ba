"""What workers do with HITs' assignments, and what is decided about them outside of this interface, becomes events for the HIT type's owner, in the transaction in which it happens."""

from typing import Any

from sqlalchemy import Connection, and_, bindparam, select
from sqlmodel import col

from backend.mturk import events, hits, slots
from backend.mturk.ids import assignment_id
from backend.services.assignments import Happening
from backend.services.reviews import Judged
from backend.store.reviews import chunks
from backend.store.tables import Assignment
from backend.store.tables.mturk import MTurkHit, MTurkPart

KINDS = {
    "accepted": "AssignmentAccepted",
    "submitted": "AssignmentSubmitted",
    "returned": "AssignmentReturned",
    "abandoned": "AssignmentAbandoned",
}
VERDICTS = {"approved": "AssignmentApproved", "rejected": "AssignmentRejected"}
ENDS = ("submitted", "returned", "abandoned")
"""After these a HIT may be reviewable."""
FREED = ("returned", "abandoned")
REMEMBERED = 10_000
_PART = (
    select(MTurkPart.hit, MTurkPart.hit_type, MTurkPart.requester, MTurkHit.offered, col(MTurkHit.policies).is_not(None).label("has_policies"))
    .join(MTurkHit, col(MTurkHit.id) == col(MTurkPart.hit))
    .where(col(MTurkPart.posting) == bindparam("posting"), col(MTurkPart.position) == bindparam("unit"))
    .limit(1)
)
_JUDGED = (
    select(Assignment.id, MTurkPart.hit, MTurkPart.hit_type)
    .join(MTurkPart, and_(col(MTurkPart.posting) == col(Assignment.posting), col(MTurkPart.position) == col(Assignment.unit)))
    .where(col(Assignment.id).in_(bindparam("ids", expanding=True)))
    .order_by(col(Assignment.id))
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
        if happened.what in FREED and not part.offered:  # its slot is free again, but the HIT is over
            slots.withdraw(connection, part.hit, if_over=True)
        if happened.what == "submitted":
            hits.mark_taken(connection, part.hit)
        if happened.what in ENDS and part.has_policies:
            hits.stir(connection, part.hit)
        shown = assignment_id(happened.assignment)
        events.hit(connection, KINDS[happened.what], part.hit, part.hit_type, happened.at, shown)
        if happened.what in ENDS and events.is_wanted(connection, "HITReviewable", part.hit_type):
            reviewable(connection, hits.one(connection, part.requester, part.hit, happened.at))

    def judged(self, connection: Connection, judged: Judged) -> None:
        """Keeps the events of decisions on the requester's pages, and of the steward's where nobody decided."""
        kind = VERDICTS.get(judged.verdict)
        if kind is None or not judged.assignments or not self._is_hit(connection, judged.posting):
            return
        for ids in chunks(judged.assignments):
            rows: Any = connection.execute(_JUDGED, {"ids": ids}).all()
            for row in rows:
                events.hit(connection, kind, row.hit, row.hit_type, judged.at, assignment_id(row.id))

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
