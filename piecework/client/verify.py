"""Whether a job is what the chain says: its terms, its content, and any of its units, from what the coordinator hands out."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

from piecework.chain.escrow import Escrow
from piecework.chain.rpc import Rpc
from piecework.client.market import Market, Session, terms_of
from piecework.domain import merkle
from piecework.domain.content import content_hash, unit_leaf
from piecework.domain.errors import Invalid
from piecework.domain.typed_data import Domain


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found true of a job."""

    job: str
    slots: int
    """That the chain holds money for; 0 while it isn't posted."""
    units: int
    """How many were looked at."""


def verify_job(job: dict[str, Any], domain: Domain, rpc: Rpc, wanted: str) -> int:
    """Holds a job, as the API gives it, to the chain; how many slots the chain holds money for.

    Args:
        job: from `/v1/jobs/{id}`.
        domain: the escrow's; it must be the one that is trusted, not one that the coordinator named.
        rpc: a node that is trusted.
        wanted: the id that was asked for.

    Raises:
        Invalid: the sentence says what isn't as the chain has it.
    """
    terms = terms_of(job)
    if "0x" + domain.job_id(terms).hex() != wanted or job["id"] != wanted:
        raise Invalid("The terms aren't this job's: their hash is another id.")
    if content_hash(job["manifest"]) != terms.content_hash:
        raise Invalid("The manifest isn't what the terms say: its hash is another.")
    funded = Escrow(rpc, domain.escrow).job(bytes.fromhex(wanted[2:])).funded
    if funded > job["manifest"]["slots"]:
        raise Invalid(f"The chain has money for {funded} slots and the manifest has {job['manifest']['slots']}; slots were added.")
    return funded


async def verify_units(market: Market, job: dict[str, Any], session: Session, positions: Iterable[int]) -> int:
    """Holds single units to the manifest by their proofs; how many.

    Raises:
        Invalid: a unit isn't the job's.
        MarketError: the account may not see it.
    """
    root, count = bytes.fromhex(job["manifest"]["units_root"][2:]), 0
    for position in positions:
        proof = await market.get(f"/v1/jobs/{job['id']}/units/{position}/proof", session)
        siblings = [bytes.fromhex(sibling[2:]) for sibling in proof["siblings"]]
        if proof["position"] != position or not merkle.verify(unit_leaf(proof["content"], proof["slots"]), siblings, root):
            raise Invalid(f"Unit {position} isn't the job's: its proof leads to another root.")
        count += 1
    return count


async def verify_all(market: Market, job: dict[str, Any], session: Session) -> AsyncIterator[int]:
    """Holds all units to the manifest, in one pass with flat memory; yields how many were read so far, and ends with the last.

    Raises:
        Invalid: their root, their number or their slots aren't the manifest's.
    """
    forest, count, slots, manifest = merkle.Forest(), 0, 0, job["manifest"]
    async for unit in market.items(f"/v1/jobs/{job['id']}/units", session):
        if "content" not in unit:
            raise Invalid("Only the job's requester may see all of its units; name some that you hold with --unit.")
        forest.add(unit_leaf(unit["content"], unit["slots"]))
        count, slots = count + 1, slots + unit["slots"]
        yield count
    if (count, slots) != (manifest["units"], manifest["slots"]) or "0x" + forest.root().hex() != manifest["units_root"]:
        raise Invalid(f"The {count} units that the coordinator has aren't the job's: their root is another.")
