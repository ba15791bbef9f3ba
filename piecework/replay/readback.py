"""Reads a replay back from where it was written down: payments from SQL, money and gas from the chain."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select

from indexer.tables import SlotPayment
from piecework.chain.escrow import escrow_abi, token_abi
from piecework.chain.rpc import Rpc
from piecework.client import Market
from piecework.client.market import terms_of
from piecework.replay.plan import Plan

CALLS_A_BATCH = 100


@dataclass(frozen=True, slots=True)
class Payment:
    """One slot's payment as the mirror has it; `amount` in base units."""

    slot: int
    worker: str
    amount: int
    outcome: str
    transaction_hash: str


@dataclass(frozen=True)
class Readback:
    """What SQL and the chain say of a job.

    Attributes:
        source: "SQL" where the database itself was read, "the API's SQL" where only the API could be asked.
        payments: every slot's payment.
        faults: in words, everything that isn't as the answers earned it; empty when all is exact.
        gas: step → gas of all its transactions.
    """

    source: str
    payments: list[Payment]
    faults: list[str]
    gas: dict[str, int]

    @property
    def total(self) -> int:
        """Base units paid to workers."""
        return sum(payment.amount for payment in self.payments)


async def read_back(plan: Plan, market: Market, job: dict[str, Any], rpc: Rpc, database: Engine | None) -> Readback:
    """Compares what was paid with what was earned, to the last base unit.

    Args:
        plan: what each worker did.
        market: an open connection.
        job: the job as the API gives it.
        rpc: the chain.
        database: the marketplace's own database, where this machine has it.
    """
    payments = from_sql(database, job["id"]) if database else await _from_api(market, job["id"])
    terms = terms_of(job)
    faults = _slot_faults(plan, payments, terms.reward) + _balance_faults(plan, rpc, terms.token, market.info["escrow"])
    return Readback("SQL" if database else "the API's SQL", payments, faults, _gas(plan, rpc, market, job, payments))


def from_sql(database: Engine, job: str) -> list[Payment]:
    """A job's payments out of the mirror's table, in the order of the slots."""
    p = SlotPayment
    columns = (p.slot, p.worker, p.amount, p.outcome, p.transaction_hash)
    with database.connect() as connection:
        rows = connection.execute(select(*columns).where(p.job == job).order_by(p.slot))  # type: ignore[arg-type]
        return [Payment(*row) for row in rows]


async def _from_api(market: Market, job: str) -> list[Payment]:
    return [
        Payment(item["slot"], item["worker"], int(item["amount"]), item["outcome"], item["transaction_hash"])
        async for item in market.items("/v1/payments", job=job)
    ]


def _slot_faults(plan: Plan, payments: Sequence[Payment], reward: int) -> list[str]:
    faults = []
    if len({p.slot for p in payments}) != len(payments):
        faults.append("a slot is paid twice")
    if len(payments) != len(plan.answers.rows):
        faults.append(f"{len(plan.answers.rows)} answers, but {len(payments)} payments")
    if any(p.amount != reward for p in payments):
        faults.append("a slot is paid something else than the reward")
    paid = Counter(p.worker for p in payments)
    for name, key in plan.keys.items():
        if paid[key.address] != len(plan.by_worker[name]):
            faults.append(f"worker {name} gave {len(plan.by_worker[name])} answers and is paid for {paid[key.address]}")
    return faults


def _balance_faults(plan: Plan, rpc: Rpc, token: str, escrow: str) -> list[str]:
    """Wallet and ledger together must hold what the answers earned, and the ledger nothing that was withdrawn."""
    names = list(plan.keys)
    accounts = [plan.keys[name].address for name in names]
    wallets = _view_each(rpc, token, [token_abi().encode("balanceOf", account) for account in accounts])
    ledgers = _view_each(rpc, escrow, [escrow_abi().encode("balanceOf", account, token) for account in accounts])
    faults = []
    for name, wallet, ledger in zip(names, wallets, ledgers, strict=True):
        earned = len(plan.by_worker[name]) * plan.reward
        if wallet + ledger != earned:
            faults.append(f"worker {name} earned {earned} and holds {wallet} in the wallet and {ledger} in the ledger")
    return faults


def _view_each(rpc: Rpc, to: str, calls: Sequence[str]) -> list[int]:
    answers: list[str] = []
    for start in range(0, len(calls), CALLS_A_BATCH):
        part = calls[start : start + CALLS_A_BATCH]
        answers += rpc.batch([("eth_call", [{"to": to, "data": data}, "latest"]) for data in part])
    return [int(answer, 16) for answer in answers]


def _gas(plan: Plan, rpc: Rpc, market: Market, job: dict[str, Any], payments: Sequence[Payment]) -> dict[str, int]:
    """Gas by step, from the receipts of the transactions whose events name the job or its workers."""
    escrow = market.info["escrow"]
    owners = ["0x" + key.address[2:].rjust(64, "0") for key in plan.keys.values()]
    return {
        "post": _gas_of(rpc, _transactions(rpc, escrow, [_topic("JobPosted"), job["id"]])),
        "settle": _gas_of(rpc, {p.transaction_hash for p in payments}),
        "withdraw": _gas_of(rpc, _transactions(rpc, escrow, [_topic("Withdrawn"), owners])),
    }


def _transactions(rpc: Rpc, escrow: str, topics: list[Any]) -> set[str]:
    query = {"address": escrow, "topics": topics, "fromBlock": "0x0", "toBlock": "latest"}
    return {log["transactionHash"] for log in rpc.call("eth_getLogs", query)}


def _gas_of(rpc: Rpc, transactions: set[str]) -> int:
    receipts = rpc.batch([("eth_getTransactionReceipt", [transaction]) for transaction in sorted(transactions)])
    return sum(int(receipt["gasUsed"], 16) for receipt in receipts)


def _topic(event: str) -> str:
    topics = escrow_abi().topics
    return next(topic for topic, name in topics.items() if name == event)

