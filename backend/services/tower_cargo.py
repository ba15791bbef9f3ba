"""What the watchtower's intents become on the chain: calls that anyone may make, and openings that the coordinator may."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.cargo import Cargo
from backend.services.postings import terms_of
from backend.store import disputes, outbox
from piecework.chain.escrow_recourse import OpenedBatch, encode_conclude, encode_finalize, encode_open, encode_reclaim
from piecework.domain.terms import MAX_OPENED, MAX_WORKERS, cut_batch
from piecework.domain.typed_data import Domain, Key

KINDS = ("open", "finalize", "reclaim", "conclude")


class TowerCargo:
    """Loads the coordinator's lane of the outbox.

    Args:
        domain, key: what batches are signed with; the key sends them, too.
        push_gas: gas each push to a worker's wallet may use.
    """

    def __init__(self, domain: Domain, key: Key, push_gas: int) -> None:
        self._domain, self._key, self._push_gas = domain, key, push_gas

    def load(self, connection: Connection, row: Row[Any]) -> Cargo | None:
        """The cargo of an intent as things stand now; None if there is nothing left to do."""
        if row.kind == "open":
            return self._open(connection, int(row.subject))
        if row.kind == "conclude":
            return self._conclude(connection, row.subject)
        found = disputes.standing(connection, row.subject)
        if found is None:
            return None
        if row.kind == "reclaim":
            return Cargo(encode_reclaim(found.terms, found.handed)) if found.unanswered else None
        if found.finalized or not found.slots.keys() - found.contested.keys():
            return None
        return Cargo(encode_finalize(found.terms, found.handed, outbox.credit_only(connection), self._push_gas))

    def _open(self, connection: Connection, posting: int) -> Cargo | None:
        """One batch of at most 1,024 slots and 255 workers; what is left over is another intent."""
        (row,) = disputes.posting(connection, posting)
        holders = first_batch(disputes.unopened(connection, posting))
        if not holders:
            return None
        batch = cut_batch(bytes.fromhex(row.job[2:]), holders)
        signature = self._key.sign(self._domain.batch_digest(batch))
        return Cargo(encode_open(terms_of(row), [OpenedBatch(batch, signature)]))

    def _conclude(self, connection: Connection, appeal: str) -> Cargo | None:
        found = disputes.appeal(connection, appeal)
        if found is None or found.phase == "done":
            return None
        return Cargo(encode_conclude(found.terms, found.handed))


def first_batch(holders: Sequence[tuple[int, str, bytes]]) -> list[tuple[int, str, bytes]]:
    """Those holders, in the order of their slots, that fit one opening."""
    workers: set[str] = set()
    taken = []
    for holder in holders:
        if holder[0] - holders[0][0] >= MAX_OPENED:
            break
        if holder[1] not in workers and len(workers) == MAX_WORKERS:
            continue
        workers.add(holder[1])
        taken.append(holder)
    return taken
