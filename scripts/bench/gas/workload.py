"""The table's workload: N assignments by W workers, posted with a permit, settled, paid."""

from dataclasses import dataclass

from piecework.chain.escrow import SignedBatch, encode_post_with_permit, encode_settle
from piecework.chain.wallet import Receipt
from piecework.domain.terms import Batch, Terms
from piecework.domain.typed_data import Key
from scripts.bench.gas.world import FOREVER, REWARD, World

PUSH_GAS = 60_000
TABLE = 250
"""Workers of one settlement where they don't all fit one table."""
ROOT = bytes(31) + b"\1"


@dataclass(frozen=True)
class Settled:
    """The transactions of one workload."""

    posted: Receipt
    settled: list[Receipt]
    assignments: int

    @property
    def gas(self) -> float:
        """Gas of all parties, an assignment."""
        return (self.posted.gas_used + sum(receipt.gas_used for receipt in self.settled)) / self.assignments

    @property
    def largest(self) -> int:
        """The dearest transaction's gas."""
        return max(receipt.gas_used for receipt in [self.posted, *self.settled])


def posted(world: World, requester: Key, slots: int, fee: int = 0) -> tuple[Terms, Receipt]:
    """A job, posted from the wallet with the requester's first permit."""
    terms = world.terms(requester, fee=fee)
    permit = world.permit(requester, slots * terms.price)
    return terms, world.escrow(requester, encode_post_with_permit(terms, slots, FOREVER, permit))


def run(world: World, assignments: int, crowd: int, warm: bool = False, parts: int = 1, fee: int = 0) -> Settled:
    """Posts and settles; a stranger carries every settlement.

    Args:
        world: the chain.
        assignments: N.
        crowd: W; above 255 they are paid in several transactions.
        warm: whether the workers held the token before.
        parts: batches that each settlement is approved in.
        fee: the protocol's, base units a slot.
    """
    requester, workers = world.requester(), world.workers(crowd, warm)
    terms, receipt = posted(world, requester, assignments, fee)
    tables = [workers] if crowd <= 255 else [workers[at : at + TABLE] for at in range(0, crowd, TABLE)]
    settled, first = [], 0
    for table in tables:
        slots = assignments // len(tables)
        batches = [
            signed(world, requester, terms, table, first + part * slots // parts, slots // parts) for part in range(parts)
        ]
        data = encode_settle(terms, batches, frozenset(), PUSH_GAS)
        settled.append(world.escrow(world.relayer, data))
        first += slots
    return Settled(receipt, settled, assignments)


def batch_of(world: World, terms: Terms, workers: tuple[str, ...], first: int, slots: int) -> Batch:
    """Slot after slot to worker after worker in turn."""
    places = bytes((first + at) % len(workers) + 1 for at in range(slots))
    return Batch(world.deployment.domain.job_id(terms), first, workers, places, ROOT)


def signed(world: World, requester: Key, terms: Terms, workers: tuple[str, ...], first: int, slots: int) -> SignedBatch:
    """A batch with both signatures."""
    batch, domain = batch_of(world, terms, workers, first, slots), world.deployment.domain
    digest = domain.batch_digest(batch)
    approval = requester.sign(domain.approval_digest(digest, slots, slots * (REWARD + terms.fee)))
    return SignedBatch(batch, world.coordinator.sign(digest), approval)
