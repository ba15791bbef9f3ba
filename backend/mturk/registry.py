"""Every operation by its name."""

from collections.abc import Mapping

from backend.mturk.operations import account, assignments, hit_types, hits, notifications, people, qualifications, reviewing
from backend.mturk.wire import Operation

OPERATIONS: Mapping[str, Operation] = {
    **account.OPERATIONS,
    **hit_types.OPERATIONS,
    **hits.OPERATIONS,
    **reviewing.OPERATIONS,
    **assignments.OPERATIONS,
    **people.OPERATIONS,
    **qualifications.OPERATIONS,
    **notifications.OPERATIONS,
}
