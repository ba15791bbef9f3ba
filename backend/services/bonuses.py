"""Bonuses: a requester's tips to workers for answers, by the escrow's `tip`, from its ledger balance: by its own wallet, for which the
transaction is prepared, or by an operator of its, within the allowance.

One bonus goes one of the two ways and is sent once: an operator's has no transaction for the wallet, and one that was prepared for the
wallet is never given to an operator. `note` binds requester, worker, amount and the requester's own word for
it; a bonus counts as given when the mirror has a tip with all four, so neither the coordinator nor a copied note can claim one.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.operators import Operators
from backend.store import assignments, bonuses, mirror
from backend.store.database import Store
from piecework.chain.deployment import Deployment
from piecework.chain.escrow_recourse import encode_tip
from piecework.domain.content import canonical_json
from piecework.domain.errors import Conflict, Invalid, NotFound
from piecework.domain.keccak import keccak256

LONGEST_REASON = 500
LONGEST_REQUEST = 64


class Bonuses:
    """Prepares bonuses and reads what became of them.

    Args:
        store: where they are kept.
        deployment: the escrow.
        operators: know whose operator is whose.
        clock: the time, aware.
        wake: tells whoever carries operators' lanes.
    """

    def __init__(
        self, store: Store, deployment: Deployment, operators: Operators, clock: Callable[[], datetime], wake: Callable[[], None]
    ) -> None:
        self._store, self._deployment, self._operators, self._clock, self._wake = store, deployment, operators, clock, wake

    async def prepare(
        self, requester: str, request: str, assignment: str, amount: int, reason: str, operator: str | None = None
    ) -> Row[Any]:
        """A bonus for the worker of an assignment, in the token of its job; the same request again is the same bonus.

        Args:
            request: the requester's own word for it, so that asking twice gives once.
            amount: base units.
            operator: who sends it; None for the requester's own wallet.

        Raises:
            Invalid: a number or text out of bounds.
            NotFound: no such assignment in a job of the requester's, or no answer in it.
            Conflict: the request was used for another bonus, or for this one by another way; or the operator can't pay it.
        """
        reason = reason.strip()
        if not 1 <= len(request) <= LONGEST_REQUEST:
            raise Invalid(f"request has 1 to {LONGEST_REQUEST} characters.")
        if not 1 <= len(reason) <= LONGEST_REASON:
            raise Invalid(f"Give a reason of 1 to {LONGEST_REASON} characters; the worker sees it.")
        if not 0 < amount < 2**192:
            raise Invalid("A bonus is more than nothing, and less than 2^192 base units.")
        row: Row[Any] = await self._store.write(
            lambda c: self._prepare(c, requester, request, assignment, amount, reason, operator)
        )
        if operator is not None:
            self._wake()
        return row

    def _prepare(
        self, connection: Connection, requester: str, request: str, assignment: str, amount: int, reason: str, operator: str | None
    ) -> Row[Any]:
        about = assignments.one(connection, assignment)
        if about is None or about.requester != requester or about.commitment is None:
            raise NotFound("There is no such answer to a job of yours.")
        note = "0x" + keccak256(canonical_json({"requester": requester, "request": request})).hex()
        values = {"worker": about.worker, "assignment": assignment, "amount": amount, "reason": reason}
        known = bonuses.one(connection, note)
        if known is not None:
            if any(getattr(known, name) != value for name, value in values.items()):
                raise Conflict("That request was used for another bonus; choose a new word for this one.")
            if known.operator != operator:
                way = "your wallet" if known.operator is None else f"the operator {known.operator}"
                raise Conflict(f"This bonus is for {way} to send, and is never sent twice; choose a new word for another one.")
            return self._again(connection, known)
        token = bonuses.token_of(connection, about.posting)
        more = {"note": note, "requester": requester, "token": token, "created_at": self._clock()}
        bonuses.add(connection, values | more)
        row = _found(connection, note)
        if operator is not None:
            self._require_means(connection, row, operator)
            bonuses.give(connection, row, operator, self._clock())
        return _found(connection, note)

    def _again(self, connection: Connection, known: Row[Any]) -> Row[Any]:
        """The same bonus; queued again if the chain had refused its operator's transaction."""
        if known.carried == "failed" and known.transaction_hash is None:
            self._require_means(connection, known, known.operator)
            bonuses.give(connection, known, known.operator, self._clock(), again=True)
        return _found(connection, known.note)

    def _require_means(self, connection: Connection, row: Row[Any], operator: str) -> None:
        """What waits to be sent counts as spent."""
        if self._operators.key(operator, row.requester) is None:
            raise Conflict("That is no operator of yours; leave it out to send the bonus from your wallet.")
        waiting = bonuses.under_way(connection, row.requester, row.token)
        balance = mirror.balance(connection, row.requester, row.token) - waiting
        allowance, expires_at = mirror.allowance(connection, row.requester, operator, row.token)
        if balance < row.amount:
            raise Conflict(f"The bonus is {row.amount} base units, but {max(0, balance)} of the ledger are free; deposit more.")
        if allowance - waiting < row.amount or expires_at <= self._clock().timestamp():
            raise Conflict(f"The bonus is {row.amount} base units, but the operator may spend {max(0, allowance - waiting)}; sign a larger allowance.")

    def page(self, account: str, as_worker: bool, cursor: str, limit: int) -> Sequence[Row[Any]]:
        """Bonuses that an account has prepared; or that it was given, once the mirror has them."""
        with self._store.read() as connection:
            return bonuses.page(connection, account, as_worker, cursor, limit)

    def newest(self, requester: str, before: str | None, limit: int) -> Sequence[Row[Any]]:
        """Bonuses that a requester has prepared, the newest first; those before the one with the note `before`."""
        with self._store.read() as connection:
            return bonuses.newest(connection, requester, before, limit)

    def find(self, note: str, account: str) -> Row[Any]:
        """A bonus, for its requester; for its worker once it is given.

        Raises:
            NotFound: there is none for this account.
        """
        with self._store.read() as connection:
            row = bonuses.one(connection, note)
        if row is None or not (row.requester == account or (row.worker == account and row.transaction_hash)):
            raise NotFound("There is no such bonus of yours.")
        return row

    def transaction(self, row: Row[Any]) -> dict[str, str] | None:
        """What the requester's wallet sends; None once the bonus is given, and for one that an operator sends: it would be given twice."""
        if row.transaction_hash or row.operator:
            return None
        data = encode_tip(row.requester, row.token, [(row.worker, row.amount)], bytes.fromhex(row.note[2:]))
        fields = {"from": row.requester, "to": self._deployment.escrow, "value": "0x0", "data": data}
        return fields | {"chainId": hex(self._deployment.chain_id)}


def _found(connection: Connection, note: str) -> Row[Any]:
    row = bonuses.one(connection, note)
    assert row is not None
    return row
