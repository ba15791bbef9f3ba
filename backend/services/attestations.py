"""Qualifications that a worker carries along, and those that it brings: EAS's off-chain attestations, ours and others'."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from backend.store import gold, qualifications
from backend.store.database import Store
from piecework.domain.content import canonical_json
from piecework.domain.errors import Conflict, Forbidden, Invalid, NotFound
from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import Key
from piecework.quality.attestation import Qualification, Registry, attest, read

MOST_ATTESTERS = 20
MOST_VALUE = 100


class Attestations:
    """Signs and reads them.

    Args:
        store: where grants are.
        key: the coordinator's.
        registry: the EAS contract that ours are bound to.
        clock: the time, aware.
    """

    def __init__(self, store: Store, key: Key, registry: Registry, clock: Callable[[], datetime]) -> None:
        self._store, self._key, self._registry, self._clock = store, key, registry, clock

    def of(self, id: str, account: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The attestation that an account has a qualification, and the evidence whose hash it holds; the same one at each asking.

        Raises:
            NotFound: the account hasn't got it.
            Conflict: it was granted a locale, which the schema has no place for.
        """
        with self._store.read() as connection:
            kind, grant = qualifications.one(connection, id), qualifications.granted(connection, id, account)
        if kind is None or grant is None or grant.revoked_at is not None:
            raise NotFound("You haven't got this qualification.")
        if grant.value is None:
            raise Conflict("A locale can't be attested, only a value.")
        granted_at = int(grant.granted_at.timestamp())
        evidence = {"qualification": id, "owner": kind.owner, "account": account, "value": grant.value, "granted_at": granted_at}
        mark = keccak256(canonical_json(evidence))
        said = Qualification(account, f"{kind.owner}/{kind.name}", grant.value, mark, granted_at)
        return attest(self._key, self._registry, said, keccak256(b"piecework attestation" + self._key.secret + mark)), evidence

    async def trust(self, id: str, owner: str, attesters: Sequence[dict[str, Any]]) -> None:
        """Says whose attestations a qualification is granted by (attester, chain_id, eas, version).

        Raises:
            NotFound, Forbidden: no such qualification of the owner's.
            Invalid: too many, or one twice.
        """
        if len(attesters) > MOST_ATTESTERS or len({one["attester"] for one in attesters}) < len(attesters):
            raise Invalid(f"Name at most {MOST_ATTESTERS} attesters, each once.")

        def work(connection: Connection) -> None:
            kind = qualifications.one(connection, id)
            if kind is None:
                raise NotFound("There is no such qualification.")
            if kind.owner != owner:
                raise Forbidden("Only the qualification's owner may do this.")
            gold.put_attesters(connection, id, attesters)

        await self._store.write(work)

    def trusted(self, id: str) -> Sequence[Row[Any]]:
        """Whose attestations a qualification is granted by."""
        with self._store.read() as connection:
            return gold.attesters(connection, id)

    async def bring(self, id: str, account: str, attested: Mapping[str, Any]) -> int:
        """Grants a qualification by an attestation that the account brings; returns the value. Its evidence is the attester's number for the
        person, so that one person has the qualification under one account.

        Raises:
            Conflict: nobody's attestations count here, or the person has it under another account.
            Forbidden: it is about another account.
            Invalid: it can't be believed.
        """
        signer = str(attested.get("signer")).lower()
        one = next((row for row in self.trusted(id) if row.attester == signer), None)
        if one is None:
            raise Conflict(f"The owner of this qualification doesn't grant it by attestations of {signer}.")
        registry = Registry(one.chain_id, one.eas, one.version)
        said = read(attested, registry, frozenset({one.attester}), int(self._clock().timestamp()))
        if said.worker != account:
            raise Forbidden("The attestation is about another account.")
        if not 0 <= said.value <= MOST_VALUE:
            raise Invalid(f"A qualification's value is 0 to {MOST_VALUE}.")

        def work(connection: Connection) -> None:
            number = "0x" + said.evidence.hex()
            holder = gold.nullifier(connection, id, number)
            if holder is None:
                gold.nullify(connection, id, number, account)
            elif holder != account:
                raise Conflict("This person has the qualification under another account.")
            before = qualifications.granted(connection, id, account)
            if before is not None and before.revoked_at is not None:
                raise Forbidden("The owner took this qualification back from you; an attestation doesn't bring it again.")
            qualifications.grant(connection, id, account, said.value, None, self._clock())

        await self._store.write(work)
        return said.value
