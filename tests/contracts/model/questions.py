"""What the chain is asked after every call, with the answers that the model expects."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from piecework.chain.abi import Abi
from piecework.chain.escrow import PHASES, escrow_abi, token_abi
from piecework.domain.units import NATIVE
from tests.contracts.model.jobs import Job
from tests.contracts.model.recourse import Model

TAKEN_WORDS = 3
"""How many words of a job's taken bits are looked at: those of the widest jobs that the machine makes."""


@dataclass(frozen=True)
class Question:
    """One JSON-RPC call, and the words that should come back."""

    method: str
    params: list[Any]
    expected: list[int]
    label: str

    def __str__(self) -> str:
        return f"{self.label} should be {self.expected}"


def words(answer: str) -> list[int]:
    """An answer as numbers: a quantity, or a word each."""
    digits = answer[2:]
    return [int(digits[at : at + 64], 16) for at in range(0, len(digits), 64)]


@cache
def calldata(abi: Abi, name: str, *arguments: object) -> str:
    """Most questions are asked again after every call."""
    return abi.encode(name, *arguments)


def view(abi: Abi, address: str, name: str, *arguments: object, expected: list[int]) -> Question:
    """A question to a contract."""
    call = {"to": address, "data": calldata(abi, name, *arguments)}
    return Question("eth_call", [call, "latest"], expected, f"{name}{arguments}")


def money(model: Model, accounts: list[str]) -> Iterator[Question]:
    """Balances, nonces and wallets of everybody; allowances; the fee."""
    escrow, dollar = model.escrow, model.dollar
    for account in accounts:
        for token in (NATIVE, dollar):
            balance, nonce = model.ledger[account, token], model.nonces[account, token]
            yield view(escrow_abi(), escrow, "balanceOf", account, token, expected=[balance])
            yield view(escrow_abi(), escrow, "nonceOf", account, token, expected=[nonce])
        yield view(token_abi(), dollar, "balanceOf", account, expected=[model.wallets[account, dollar]])
        coins = [model.wallets[account, NATIVE]]
        yield Question("eth_getBalance", [account, "latest"], coins, f"coins of {account}")
    for owner in model.allowances:
        yield view(token_abi(), dollar, "allowance", owner, escrow, expected=[model.allowances[owner]])
    for (requester, operator, token), entry in model.operators.items():
        yield view(escrow_abi(), escrow, "operatorOf", requester, operator, token, expected=list(entry))
    yield view(escrow_abi(), escrow, "feeBps", expected=[model.fee_bps])
    yield view(escrow_abi(), escrow, "treasury", expected=[int(model.treasury, 16)])


def jobs(model: Model) -> Iterator[Question]:
    """The words, bits, openings and appeals of every job."""
    for key, job in model.jobs.items():
        yield view(escrow_abi(), model.escrow, "jobOf", key, expected=[int(count) for count in job.counts()])
        for index in range(TAKEN_WORDS):
            yield view(escrow_abi(), model.escrow, "takenWord", key, index, expected=[taken_word(job, index)])
        for opening, opened in job.openings.items():
            state = [opened.at, int(opened.finalized)]
            yield view(escrow_abi(), model.escrow, "openingOf", opening, expected=state)
        for appeal, appealed in job.appeals.items():
            state = [PHASES.index(appealed.phase), appealed.since, appealed.ruling]
            yield view(escrow_abi(), model.escrow, "appealOf", appeal, expected=state)


def taken_word(job: Job, index: int) -> int:
    """256 bits, the first slot's highest. Closing counts what was free as taken, but sets no bits."""
    fates = job.fates[256 * index : 256 * (index + 1)]
    return sum(1 << (255 - at) for at, fate in enumerate(fates) if fate != "free" and 256 * index + at not in job.unused)
