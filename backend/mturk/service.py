"""What the operations work on: the coordinator's services, and what this interface adds."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select
from sqlmodel import col

from backend.mturk.access import Access
from backend.mturk.funds import Funds
from backend.mturk.throttle import Throttle
from backend.mturk.tokens import Tokens
from backend.services.coordinator import Coordinator
from backend.store.database import Store
from backend.store.tables import Assignment

_WORKER = select(Assignment.worker).where(col(Assignment.id) == bindparam("id"))


@dataclass(frozen=True, slots=True)
class MTurk:
    """The interface's own services beside the coordinator's.

    Attributes:
        coordinator: jobs, assignments, reviews and what is under them.
        access: the access keys.
        funds: what a requester can still spend.
        throttle: calls an access key may send.
        tokens: pagination.
        url: where users reach the service, without a slash at the end.
    """

    coordinator: Coordinator
    access: Access
    funds: Funds
    throttle: Throttle
    tokens: Tokens
    url: str

    def worker_of(self, connection: Connection, assignment: str) -> str | None:
        """Who holds an assignment."""
        return connection.execute(_WORKER, {"id": assignment}).scalar()

    @property
    def store(self) -> Store:
        return self.coordinator.store

    @property
    def clock(self) -> Callable[[], datetime]:
        return self.coordinator.clock


def mturk(coordinator: Coordinator, url: str) -> MTurk:
    """The interface over a coordinator."""
    access = Access(coordinator.store, coordinator.operators, coordinator.service_key, coordinator.clock)
    return MTurk(
        coordinator,
        access,
        Funds(coordinator.deployment, coordinator.settings.finality_blocks),
        Throttle(coordinator.settings.mturk_calls, coordinator.settings.mturk_burst),
        Tokens(access.token_key()),
        url.rstrip("/"),
    )
