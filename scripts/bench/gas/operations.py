"""What each other call costs: openings, contests, appeals, rulings, withdrawals, tips."""

from collections.abc import Iterator, Sequence

from piecework.chain.escrow import (
    SignedBatch,
    encode_close,
    encode_deposit,
    encode_fund,
    encode_post,
    encode_relayed_withdrawal,
    encode_settle,
    encode_withdraw,
)
from piecework.chain.escrow_recourse import (
    OpenedBatch,
    SignedWithdrawal,
    encode_appeal,
    encode_concede,
    encode_conclude,
    encode_contest,
    encode_defend,
    encode_finalize,
    encode_open,
    encode_reclaim,
    encode_tip,
    encode_withdraw_many,
)
from piecework.domain.keccak import keccak256
from piecework.domain.recourse import Appeal, Opening
from piecework.domain.terms import DAY, Batch, Terms
from piecework.domain.typed_data import Funding, Key, Withdrawal, appeal_request
from piecework.domain.units import NATIVE
from scripts.bench.gas.workload import PUSH_GAS, ROOT, batch_of, posted
from scripts.bench.gas.world import COURT_PRICE, FOREVER, REWARD, World

BURNER = "0x5b5f56"
"""An account's code that jumps to itself until its gas is gone."""
NOBODY: frozenset[str] = frozenset()


def openings(world: World) -> Iterator[tuple[str, int]]:
    """Opening and finalizing, by size."""
    for slots, crowd in ((1, 1), (100, 100), (1_000, 100), (1_024, 255)):
        terms, _ = posted(world, world.requester(), slots)
        batch = batch_of(world, terms, world.workers(crowd), 0, slots)
        yield f"open {slots:,} of {crowd}", opened(world, terms, [batch])
        world.wait(DAY)
        data = encode_finalize(terms, opening(world, batch), NOBODY, PUSH_GAS)
        yield f"finalize {slots:,} of {crowd}", world.escrow(world.relayer, data).gas_used


def disputes(world: World) -> Iterator[tuple[str, int]]:
    """Three openings of 100 slots by 100 workers, contested, and each way that this can end."""
    requester, worker = world.requester(), world.person()
    fund(world, requester, 200 * REWARD)
    fund(world, worker, 10 * REWARD)
    terms, _ = posted(world, requester, 400)
    workers = (worker.address, *world.workers(99))
    batches = [batch_of(world, terms, workers, first, 100) for first in (0, 100, 200)]
    opened(world, terms, batches)
    handed = [opening(world, batch) for batch in batches]

    def contest(of: Opening, places: bytes) -> int:
        return world.escrow(requester, encode_contest(terms, of, places, keccak256(b"reason"))).gas_used

    yield "contest a slot, the first of its word", contest(handed[0], b"\1" + bytes(99))
    yield "contest the next slot", contest(handed[0], b"\0\2" + bytes(98))
    yield "contest 10 slots", contest(handed[0], bytes(90) + bytes(range(91, 101)))
    for of in handed[1:]:
        contest(of, b"\1\2" + bytes(98))
    world.wait(DAY)
    first = appeal(world, worker, terms, handed[:1])
    yield "appeal in 1 opening", first[1]
    second = appeal(world, worker, terms, handed[1:])
    yield "appeal in 2 openings", second[1]
    yield "concede 1 slot", world.escrow(requester, encode_concede(terms, handed[1], 100)).gas_used
    for number, (appealed, ruling, winner) in enumerate(((first[0], 1, "worker"), (second[0], 2, "requester"))):
        yield f"defend, the {winner} right", world.escrow(requester, encode_defend(terms, appealed, ""), COURT_PRICE).gas_used
        yield f"rule for the {winner}, a council's last vote", world.vote(number, ruling).gas_used
        yield f"conclude for the {winner}", world.escrow(world.relayer, encode_conclude(terms, appealed)).gas_used
    world.wait(DAY)
    yield "reclaim 11 slots", world.escrow(world.relayer, encode_reclaim(terms, handed[0])).gas_used
    world.wait(7 * DAY)
    yield "close", world.escrow(world.relayer, encode_close(terms)).gas_used


def money(world: World) -> Iterator[tuple[str, int]]:
    """In and out, and from one to another."""
    requester, token = world.requester(), world.deployment.token
    world.token(requester, "approve", world.deployment.escrow, FOREVER)
    yield "deposit, a new account", world.escrow(requester, encode_deposit(token, 1_000 * REWARD)).gas_used
    yield "deposit", world.escrow(requester, encode_deposit(token, REWARD)).gas_used
    terms = world.terms(requester)
    yield "post from the ledger", world.escrow(requester, encode_post(terms, 10, "ledger")).gas_used
    more = Funding(world.deployment.domain.job_id(terms), 10, 10, ROOT)
    yield "fund more from the ledger", world.escrow(requester, encode_fund(terms, more, "ledger")).gas_used
    terms = world.terms(requester)
    yield "post from the wallet, standing allowance", world.escrow(requester, encode_post(terms, 10, "wallet")).gas_used
    yield "withdraw", world.escrow(requester, encode_withdraw(token, REWARD, requester.address)).gas_used
    yield "withdraw, a new wallet", world.escrow(requester, encode_withdraw(token, REWARD, world.workers(1)[0])).gas_used
    receivers = world.workers(100)
    for name, number in (("1, a new account", 1), ("100, new accounts", 100), ("100", 100)):
        tips = [(receiver, REWARD) for receiver in receivers[:number]]
        yield f"tip {name}", world.escrow(requester, encode_tip(requester.address, token, tips, ROOT)).gas_used
    carried = relayed(world, requester, world.workers(1)[0], REWARD)
    data = encode_relayed_withdrawal(carried.withdrawal, carried.fee, carried.signature)
    yield "a signed withdrawal to a new wallet", world.escrow(world.relayer, data).gas_used
    yield "100 signed withdrawals, each", many_withdrawals(world) // 100


def many_withdrawals(world: World) -> int:
    """The gas of a hundred owners' withdrawals in one call, to wallets that hold the token."""
    owners, requester = [world.person() for _ in range(100)], world.requester()
    fund(world, requester, 100 * REWARD)
    tips = [(owner.address, REWARD) for owner in owners]
    world.escrow(requester, encode_tip(requester.address, world.deployment.token, tips, ROOT))
    for owner in owners:
        world.token(world.deployer, "mint", owner.address, 1)
    each = [relayed(world, owner, owner.address, REWARD // 2) for owner in owners]
    return world.escrow(world.relayer, encode_withdraw_many(each, PUSH_GAS)).gas_used


def hostile(world: World) -> Iterator[tuple[str, int]]:
    """The dearest table there can be: 255 receivers that burn every push, over 1,024 slots in the native coin."""
    requester = world.requester()
    for name in ("settle", "finalize"):
        workers = world.workers(255)
        for worker in workers:
            world.rpc.call("anvil_setCode", worker, BURNER)
        terms = world.terms(requester, NATIVE)
        world.escrow(requester, encode_post(terms, 1_024, "wallet"), 1_024 * terms.price)
        batch, domain = batch_of(world, terms, workers, 0, 1_024), world.deployment.domain
        digest = domain.batch_digest(batch)
        if name == "settle":
            approval = requester.sign(domain.approval_digest(digest, 1_024, 1_024 * terms.price))
            signed = SignedBatch(batch, world.coordinator.sign(digest), approval)
            data = encode_settle(terms, [signed], NOBODY, PUSH_GAS // 2)
        else:
            opened(world, terms, [batch])
            world.wait(DAY)
            data = encode_finalize(terms, opening(world, batch), NOBODY, PUSH_GAS // 2)
        yield f"{name} 1,024 of 255 gas burners", world.escrow(world.relayer, data).gas_used


def opened(world: World, terms: Terms, batches: Sequence[Batch]) -> int:
    """Has the coordinator open batches; the gas."""
    domain = world.deployment.domain
    entries = [OpenedBatch(batch, world.coordinator.sign(domain.batch_digest(batch))) for batch in batches]
    return world.escrow(world.coordinator, encode_open(terms, entries)).gas_used


def opening(world: World, batch: Batch) -> Opening:
    """A batch that was opened whole."""
    return Opening(world.deployment.domain.batch_digest(batch), batch.first_slot, batch.workers, batch.places)


def appeal(world: World, worker: Key, terms: Terms, handed: Sequence[Opening]) -> tuple[Appeal, int]:
    """Appeals the one contested slot of each opening's first worker; the appeal and the gas."""
    places = [1] * len(handed)
    gas = world.escrow(worker, encode_appeal(terms, handed, places)).gas_used
    job = world.deployment.domain.job_id(terms)
    request = appeal_request([of.id(job) for of in handed], places)
    return Appeal(worker.address, worker.address, len(handed), world.now(), request), gas


def fund(world: World, owner: Key, amount: int) -> None:
    """Gives somebody a ledger balance."""
    world.token(world.deployer, "mint", owner.address, amount)
    world.token(owner, "approve", world.deployment.escrow, amount)
    world.escrow(owner, encode_deposit(world.deployment.token, amount))


def relayed(world: World, owner: Key, receiver: str, amount: int) -> SignedWithdrawal:
    """An owner's first signed withdrawal."""
    fee = 10
    withdrawal = Withdrawal(owner.address, world.deployment.token, receiver, amount, fee, 0, 2**63)
    return SignedWithdrawal(withdrawal, fee, owner.sign(world.deployment.domain.withdrawal_digest(withdrawal)))
