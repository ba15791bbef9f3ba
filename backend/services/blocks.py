"""Blocks: a requester hands a worker no more of its jobs' slots. Nothing else changes: what is held can be answered, what is earned
is paid."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.aliases import Aliases
from backend.store import notices, people
from backend.store.database import Store
from piecework.domain.errors import Forbidden, Invalid

LONGEST_REASON = 500


class Blocked(Forbidden):
    """The requester gives this worker no more work."""


class Blocks:
    """Blocks and lifts blocks.

    Args:
        store: where they are kept.
        aliases: the workers' names.
        clock: the time, aware.
    """

    def __init__(self, store: Store, aliases: Aliases, clock: Callable[[], datetime]) -> None:
        self._store, self._aliases, self._clock = store, aliases, clock

    def whom(self, requester: str, name: str) -> str:
        """The address of a worker by its alias; an address is itself.

        Raises:
            NotFound: nobody who worked for the requester is called so.
        """
        if not name.startswith("w-"):
            return name
        with self._store.read() as connection:
            return self._aliases.worker(requester, name, people.workers_of(connection, requester))

    async def block(self, requester: str, worker: str, reason: str) -> None:
        """Blocks from now on; again with another reason changes that.

        Raises:
            Invalid: no reason, too long a one, or oneself.
        """
        reason = reason.strip()
        if not 1 <= len(reason) <= LONGEST_REASON:
            raise Invalid(f"Give a reason of 1 to {LONGEST_REASON} characters; the worker sees it.")
        if worker == requester:
            raise Invalid("A requester can't block itself.")

        def work(connection: Connection) -> None:
            now = self._clock()
            if people.block(connection, requester, worker, reason, now):
                notices.tell(connection, worker, "block.set", {"requester": requester, "reason": reason}, now)

        await self._store.write(work)

    async def lift(self, requester: str, worker: str) -> None:
        """Ends a block; nothing happens where there is none."""

        def work(connection: Connection) -> None:
            if people.unblock(connection, requester, worker):
                notices.tell(connection, worker, "block.lifted", {"requester": requester}, self._clock())

        await self._store.write(work)

    def page(self, account: str, as_worker: bool, cursor: str, limit: int) -> Sequence[Row[Any]]:
        """Blocks by an account, or of it."""
        with self._store.read() as connection:
            return people.blocks(connection, account, as_worker, cursor, limit)

    def newest(self, requester: str, before: str | None, limit: int) -> Sequence[Row[Any]]:
        """Blocks by a requester, the newest first; those before the one of the worker `before`."""
        with self._store.read() as connection:
            return people.newest_blocks(connection, requester, before, limit)


def require_unblocked(connection: Connection, requester: str, worker: str) -> None:
    """Asked at the accept.

    Raises:
        Blocked: with the requester's reason.
    """
    reason = people.block_reason(connection, requester, worker)
    if reason is not None:
        raise Blocked(f"This requester gives you no more work: {reason} What you have earned is yours all the same.")
