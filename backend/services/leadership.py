"""Who may do what only one process may do: a lease that is renewed, and taken over from whoever stopped renewing it.

Neither clock decides alone. A lease is over when its time is, and also when nobody has renewed it for as long as it lasts by the
monotonic clock of the one who waits: a holder whose clock ran ahead, and who died, would else lock everybody out. A holder whose
lease was taken too early notices in its next transaction, where `require` looks.
"""

import secrets
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from backend.store import leases
from backend.store.database import Store
from piecework.domain.errors import Unavailable


class Leadership:
    """One process's claim to a lease.

    Args:
        store: where leases are kept.
        name: of the lease.
        clock: the time, aware.
    """

    def __init__(self, store: Store, name: str, clock: Callable[[], datetime]) -> None:
        self._store, self.name, self._clock = store, name, clock
        self.me = secrets.token_hex(16)
        self._renewed = float("-inf")
        self._seen: tuple[Any, float] = (None, 0.0)
        self.held = False

    def acquire(self) -> bool:
        """Whether the lease is this process's now; renews it where that is due.

        Raises:
            Unavailable: the database doesn't answer.
        """
        if self.held and time.monotonic() - self._renewed < self._store.lease_seconds / 3:
            return True
        begun, held = time.monotonic(), False
        try:
            held = bool(self._store.write_now(self._take))
        finally:
            self.held = held  # until then it is what it was: who asks while it is renewed hears that it is held
        self._renewed = begun
        return held

    def require(self, connection: Connection) -> None:
        """Goes on only while the lease is this process's; it stays so until the transaction ends.

        Raises:
            Unavailable: another process has it.
        """
        if leases.holder(connection, self.name) != self.me:
            self.held = False
            raise Unavailable(f"another process has become the {self.name}")

    def resign(self) -> None:
        """Leaves the lease to whoever wants it."""
        if self.held:
            self.held = False
            self._store.write_now(lambda c: leases.give_up(c, self.name, self.me, self._clock()))

    def _take(self, connection: Connection) -> bool:
        row = leases.look(connection, self.name)
        mark = None if row is None else (row.holder, row.expires_at)
        if mark != self._seen[0]:
            self._seen = mark, time.monotonic()
        silent = time.monotonic() - self._seen[1] >= self._store.lease_seconds
        now = self._clock()
        if row is not None and row.holder != self.me and row.expires_at > now and not silent:
            return False
        leases.take(connection, self.name, self.me, now, self._store.lease_seconds, row is None)
        return True
