"""Operators: keys by which the coordinator acts for a requester, and the allowances that bound what they can do.

A requester makes an operator here and gives it an allowance on the chain, by a signature that the relayer carries. From then on the
coordinator can approve in its name at any time, and post, contest and tip within the allowance. A leaked database holds no key.
"""

import secrets
from asyncio import to_thread
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, Row, bindparam, insert, select, update
from sqlmodel import col

from backend.services.postings import Job
from backend.services.signatures import signed_by
from backend.store import mirror, outbox
from backend.store.database import Store
from backend.store.tables import OperatorKey, Outbox, SignedGrant
from piecework.chain.escrow import Escrow
from piecework.chain.rpc import Rpc, RpcUnavailable
from piecework.domain.errors import Conflict, Invalid, NotFound
from piecework.domain.typed_data import Domain, Key, OperatorGrant

MOST = 100
LONGEST_NAME = 100
MOST_ALLOWANCE = 2**192 - 1
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

_FIND = select(OperatorKey).where(col(OperatorKey.address) == bindparam("wanted"))
_OF = select(OperatorKey).where(col(OperatorKey.account) == bindparam("by")).order_by(col(OperatorKey.created_at))
_REVOKE = (
    update(OperatorKey)
    .where(col(OperatorKey.address) == bindparam("wanted"), col(OperatorKey.account) == bindparam("by"))
    .where(col(OperatorKey.revoked_at).is_(None))
    .values(revoked_at=bindparam("now"))
)
_GRANT = (
    select(SignedGrant, Outbox.state, Outbox.transaction_hash, Outbox.error)  # type: ignore[call-overload]  # four are fine
    .join(Outbox, col(Outbox.id) == col(SignedGrant.outbox))
    .where(col(SignedGrant.id) == bindparam("wanted"))
)
_AGAIN = update(SignedGrant).where(col(SignedGrant.id) == bindparam("b_id")).values(outbox=bindparam("b_outbox"))


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator as its owner sees it. `allowance` in base units and `expires_at` in Unix seconds are the mirror's."""

    address: str
    account: str
    name: str
    created_at: datetime
    revoked_at: datetime | None
    allowance: int
    expires_at: int


class Operators:
    """Makes operators, relays allowances, and has the keys.

    Args:
        store: where they are kept.
        rpc: asked about nonces and contract accounts.
        domain: the escrow's signing domain.
        token: what allowances are in.
        service_key: 32 secret bytes, the same in every process of this service.
        clock: the time, aware.
        wake: tells the settler that there is something to carry.
    """

    def __init__(
        self,
        store: Store,
        rpc: Rpc,
        domain: Domain,
        token: str,
        service_key: bytes,
        clock: Callable[[], datetime],
        wake: Callable[[], None],
    ) -> None:
        self._store, self._rpc, self._domain, self._token = store, rpc, domain, token
        self._service_key, self._clock, self._wake = service_key, clock, wake
        self._escrow = Escrow(rpc, domain.escrow)
        self._derived = lru_cache(maxsize=1024)(self._derive)

    async def make(self, account: str, name: str) -> Operator:
        """A new operator, which can spend nothing yet.

        Raises:
            Invalid: no name, or too many operators.
        """
        made: Operator = await self._store.write(lambda connection: self.add(connection, account, name))
        return made

    def add(self, connection: Connection, account: str, name: str) -> Operator:
        """The same within a transaction of the caller's."""
        if not name.strip() or len(name) > LONGEST_NAME or "\0" in name:
            raise Invalid(f"Name the operator, in 1 to {LONGEST_NAME} characters.")
        if len(connection.execute(_OF, {"by": account}).all()) >= MOST:
            raise Invalid(f"An account has at most {MOST} operators.")
        seed, now = secrets.token_hex(32), self._clock()
        address = self._derived(seed).address
        row = {"address": address, "account": account, "name": name, "seed": seed, "created_at": now}
        connection.execute(insert(OperatorKey), row)
        return Operator(address, account, name, now, None, 0, 0)

    def of(self, account: str) -> list[Operator]:
        """An account's operators, the oldest first, each with what the mirror says it may spend."""
        with self._store.read() as connection:
            rows = connection.execute(_OF, {"by": account}).all()
            return [self._shown(connection, row) for row in rows]

    async def revoke(self, account: str, address: str) -> None:
        """Ends an operator here; again is fine. Its allowance on the chain stays until the account takes it back.

        Raises:
            NotFound: the account has no such operator.
        """
        values = {"by": account, "wanted": address, "now": self._clock()}

        def work(connection: Connection) -> None:
            row = connection.execute(_FIND, {"wanted": address}).one_or_none()
            if row is None or row.account != account:
                raise NotFound("You have no such operator.")
            connection.execute(_REVOKE, values)

        await self._store.write(work)

    def key(self, address: str, account: str) -> Key | None:
        """The key of an account's operator; None if it isn't one here, or was revoked."""
        with self._store.read() as connection:
            row = connection.execute(_FIND, {"wanted": address}).one_or_none()
        return None if row is None or row.account != account or row.revoked_at is not None else self._derived(row.seed)

    def may_approve(self, connection: Connection, job: Row[Any], now: datetime) -> bool:
        """Whether we may approve in the name of a job's requester: it made the job's operator here, and registered it on the chain until
        some later time. Approving spends nothing of the allowance.

        Args:
            job: a row of `posting`.
        """
        row = connection.execute(_FIND, {"wanted": job.operator}).one_or_none()
        if row is None or row.account != job.requester or row.revoked_at is not None:
            return False
        return mirror.allowance(connection, job.requester, job.operator, job.token)[1] > now.timestamp()

    def sender(self, address: str) -> Key | None:
        """The key that sends an operator's transactions: also a revoked one's, for what it has signed must be followed."""
        with self._store.read() as connection:
            row = connection.execute(_FIND, {"wanted": address}).one_or_none()
        return None if row is None else self._derived(row.seed)

    async def post(self, job: Job) -> None:
        """Queues the posting of a job by its operator, from the requester's ledger; again is fine.

        Raises:
            Conflict: the job names no operator of ours, or the money or the allowance isn't there.
        """
        await self._store.write(lambda connection: self.queue_post(connection, job))

    def queue_post(self, connection: Connection, job: Job) -> int:
        """The same within a transaction of the caller's; returns the outbox's row."""
        if self.key(job.operator, job.requester) is None:
            raise Conflict("The job's terms name no operator of yours here; post it from your wallet.")
        cost, now = job.slots * job.price, self._clock()
        balance = mirror.balance(connection, job.requester, job.token)
        allowance, expires_at = mirror.allowance(connection, job.requester, job.operator, job.token)
        if balance < cost:
            raise Conflict(f"The job costs {cost} base units, but the ledger holds {balance}; deposit more.")
        if allowance < cost or expires_at <= now.timestamp():
            raise Conflict(f"The job costs {cost} base units, but the operator may spend {allowance}; sign a larger allowance.")
        return outbox.queue(connection, "post", str(job.number), now, job.operator)

    # -------------------------------------------------------------------------------------------- allowances

    async def grant(self, grant: OperatorGrant, signature: bytes) -> str:
        """Queues a signed allowance and returns its id; the same one again is the same row, queued again if it had failed.

        Raises:
            Invalid: not the requester's signature, or something the escrow would refuse for ever.
            Conflict: the nonce doesn't allow it now.
        """
        digest = self._domain.operator_digest(grant)
        id = "0x" + digest.hex()
        await to_thread(self._check, grant, digest, signature)
        await self._store.write(lambda connection: self._queue(connection, id, grant, signature))
        self._wake()
        return id

    def find_grant(self, id: str) -> Row[Any]:
        """A signed allowance and its transaction.

        Raises:
            NotFound: there is none of that id.
        """
        with self._store.read() as connection:
            row = connection.execute(_GRANT, {"wanted": id}).first()
        if row is None:
            raise NotFound(f"There is no signed allowance {id} here.")
        return row

    def next_nonce(self, account: str) -> int:
        """The nonce that the account's next signed allowance must carry, from the chain."""
        return self._escrow.nonce_of(account, self._token)

    def message(self, grant: OperatorGrant) -> dict[str, Any]:
        """What a wallet shows and signs."""
        g = grant
        return self._domain.message(
            "OperatorGrant",
            {
                "requester": g.requester,
                "operator": g.operator,
                "token": g.token,
                "allowance": str(g.allowance),
                "expiresAt": str(g.expires_at),
                "nonce": str(g.nonce),
                "deadline": str(g.deadline),
            },
        )

    def _check(self, grant: OperatorGrant, digest: bytes, signature: bytes) -> None:
        now = int(self._clock().timestamp())
        if not 0 <= grant.allowance <= MOST_ALLOWANCE or not all(0 <= one < 2**64 for one in (grant.expires_at, grant.nonce, grant.deadline)):
            raise Invalid("A number in the allowance is too large.")
        if grant.deadline < now or (grant.allowance and grant.expires_at <= now):
            raise Invalid("The allowance's deadline or its end has passed; sign one that begins and ends later.")
        if not signed_by(self._rpc, grant.requester, digest, signature):
            raise Invalid("The signature is not the requester's over this allowance.")
        try:
            nonce = self._escrow.nonce_of(grant.requester, grant.token)
        except RpcUnavailable:
            return  # the settler will ask again when it carries it
        if grant.nonce != nonce and not self._is_known("0x" + digest.hex()):
            raise Conflict(f"The next signature of this account and token carries nonce {nonce}, not {grant.nonce}.")

    def _is_known(self, id: str) -> bool:
        with self._store.read() as connection:
            return connection.execute(_GRANT, {"wanted": id}).first() is not None

    def _queue(self, connection: Connection, id: str, grant: OperatorGrant, signature: bytes) -> None:
        row, now = connection.execute(_GRANT, {"wanted": id}).first(), self._clock()
        if row is not None and row.state != "failed":
            return
        carrier = outbox.queue(connection, "grant", id, now)
        if row is not None:
            connection.execute(_AGAIN, {"b_id": id, "b_outbox": carrier})
            return
        values = {"id": id, "signature": "0x" + signature.hex(), "outbox": carrier, "created_at": now}
        connection.execute(insert(SignedGrant), asdict(grant) | values)

    # -------------------------------------------------------------------------------------------- keys

    def _shown(self, connection: Connection, row: Row[Any]) -> Operator:
        allowance, expires_at = mirror.allowance(connection, row.account, row.address, self._token)
        return Operator(row.address, row.account, row.name, row.created_at, row.revoked_at, allowance, expires_at)

    def _derive(self, seed: str) -> Key:
        number = int.from_bytes(derive(self._service_key, f"operator {seed}", 48)) % (_ORDER - 1) + 1
        return Key(number.to_bytes(32))


def service_key(coordinator_key: bytes) -> bytes:
    """32 secret bytes for keys that are derived rather than kept, from the one key that every process of the service has."""
    return HKDF(SHA256(), 32, salt=None, info=b"piecework service key").derive(coordinator_key)


def derive(key: bytes, purpose: str, length: int) -> bytes:
    """Secret bytes for one purpose (HKDF, RFC 5869)."""
    return HKDF(SHA256(), length, salt=None, info=purpose.encode()).derive(key)
