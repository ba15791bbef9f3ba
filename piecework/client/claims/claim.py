"""Carries a plan to the chain, one transaction after the other, and looks again: whatever is done is done for good, by whomever."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from piecework.chain.escrow import Escrow, encode_relayed_withdrawal, encode_withdraw, escrow_abi
from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Receipt as Mined
from piecework.chain.wallet import Wallet
from piecework.client.claims.plan import Carrier, JobClaim, Patience, Plan, Step, in_order
from piecework.client.claims.trail import trail
from piecework.client.holdings import Holdings
from piecework.domain.errors import Conflict, Invalid, Unavailable
from piecework.domain.typed_data import Key, Withdrawal

PENDING_SECONDS = 120
ROUNDS = 4
"""How often the chain is looked at anew; each round needs something that has changed."""
HOUR = 3_600


@dataclass(slots=True)
class Outcome:
    """What a claim came to: steps with what they cost in gas, steps that failed with the reason, and what is left."""

    done: list[tuple[Step, Mined]] = field(default_factory=list)
    failed: list[tuple[Step, str]] = field(default_factory=list)
    left: Plan = field(default_factory=Plan)


class Claim:
    """One worker's file against one chain.

    Args:
        holdings: the file.
        rpc: the chain.
        worker: the worker's key; None only to look.
        carrier: who pays the gas; the worker itself where there is nobody else.
        appealing: whether contested slots are to be appealed.
        credit_only: whether the worker's pay shall stay in the ledger.
        patience: how far receipts are trusted before they are opened; None opens all.

    Raises:
        Invalid: another chain, no escrow there, or a key that isn't the file's worker's.
    """

    def __init__(
        self,
        holdings: Holdings,
        rpc: Rpc,
        worker: Key | None = None,
        carrier: Key | None = None,
        appealing: bool = False,
        credit_only: bool = False,
        patience: Patience | None = None,
    ) -> None:
        self.holdings, self.rpc, self.worker = holdings, rpc, worker
        self.sender = carrier or worker
        self.appealing, self.patience = appealing, patience
        self.escrow = Escrow(rpc, holdings.escrow)
        if worker and worker.address != holdings.worker:
            raise Invalid(f"The file is {holdings.worker}'s, but the key is {worker.address}'s.")
        self._check_chain()
        self._carrier = Carrier(worker, self.sender.address if self.sender else holdings.worker, credit_only)

    def _check_chain(self) -> None:
        chain_id, mine = int(self.rpc.call("eth_chainId"), 16), self.holdings
        if chain_id != mine.chain_id:
            raise Invalid(f"The file is about chain {mine.chain_id}, but {self.rpc.place} is chain {chain_id}.")
        if self.rpc.call("eth_getCode", mine.escrow, "latest") in ("0x", None):
            raise Invalid(f"There is no escrow at {mine.escrow} on the chain at {self.rpc.place}.")

    # ------------------------------------------------------------------------------------------- looking

    def plan(self) -> Plan:
        """What is to be done now, as the newest block says."""
        block, plan = self.rpc.call("eth_getBlockByNumber", "latest", False), Plan()
        number, now = int(block["number"], 16), int(block["timestamp"], 16)
        for job in {job for job, _ in self.holdings.receipts}:
            self._job(job, number, now).add_to(plan)
        if self.patience:
            self.patience.put_off(plan, now)
        plan.steps = list(in_order(plan.steps))
        plan.steps += self._withdrawals(now)
        return plan

    def _job(self, job: bytes, number: int, now: int) -> JobClaim:
        terms, found = self.holdings.terms[job], trail(
            self.rpc, self.holdings.escrow, job, self.holdings.since_block.get(job, 0), number
        )
        running = [appeal for appeal in found.appeals if appeal not in found.ended]
        states = {appeal: self.escrow.appeal(appeal) for appeal in running}
        return JobClaim(
            self.holdings,
            job,
            found,
            {appeal: (state.phase, state.since, state.ruling) for appeal, state in states.items()},
            self._taken(job, found.closed),
            now,
            self._carrier,
            self.appealing,
            self.escrow.balance_of(self._carrier.sender, terms.token) if self.appealing else 0,
        )

    def _taken(self, job: bytes, closed: bool) -> set[int]:
        """The worker's slots that aren't free any more; of a closed job only those that were taken before."""
        return self.escrow.taken(job, [slot for of, slot in self.holdings.receipts if of == job])

    def _withdrawals(self, now: int) -> Iterator[Step]:
        """What lies in the ledger, token by token."""
        for token in {terms.token for terms in self.holdings.terms.values()}:
            balance = self.escrow.balance_of(self.holdings.worker, token)
            if balance and not self._kept(token):
                yield self._withdrawal(token, balance, now)

    def _kept(self, token: str) -> bool:
        """Whether the ledger's balance is to stay: for stakes, or because the worker takes its pay there."""
        return self._carrier.credit_only

    def _withdrawal(self, token: str, amount: int, now: int) -> Step:
        mine, nonce = self.holdings.worker, self.escrow.nonce_of(self.holdings.worker, token)
        if self.worker and self._carrier.sender != mine:
            signed = Withdrawal(mine, token, mine, amount, 0, nonce, now + HOUR)
            digest = self.holdings.domain.withdrawal_digest(signed)
            data = encode_relayed_withdrawal(signed, 0, self.worker.sign(digest))
        else:
            data = encode_withdraw(token, amount, mine)
        return Step(("withdraw", token, str(amount)), "withdraw what is in the ledger", data, token, 0, amount)

    def gas(self, step: Step) -> int:
        """What a step would cost now, in gas.

        Raises:
            Conflict: it would fail; the sentence says why.
        """
        return self.escrow.gas(self._carrier.sender, step.data)

    # ------------------------------------------------------------------------------------------- doing

    def carry(self, say: Callable[[Step, Mined | str], None] = lambda step, mined: None) -> Outcome:
        """Carries what is due and looks again until nothing more is.

        Args:
            say: hears of each step with what came of it, or why it failed.

        Raises:
            Invalid: there is no key to send with.
            Unavailable: the chain doesn't answer; run it again, nothing is done twice.
        """
        if self.sender is None:
            raise Invalid("There is no key to sign with.")
        outcome, tried = Outcome(), dict[tuple[str, ...], int]()
        wallet = Wallet(self.rpc, self.sender, escrow_abi())
        for _ in range(ROUNDS):
            self._let_pending_through()
            outcome.left = self.plan()
            due = [step for step in outcome.left.steps if tried.get(step.key, 0) < 2]
            still = {step.key for step in outcome.left.steps}
            outcome.failed = [(step, why) for step, why in outcome.failed if step.key in still]
            if not due:
                break
            for step in due:
                tried[step.key] = tried.get(step.key, 0) + 1
                self._carry(wallet, step, outcome, say)
        return outcome

    def _carry(self, wallet: Wallet, step: Step, outcome: Outcome, say: Callable[[Step, Mined | str], None]) -> None:
        try:
            mined = wallet.send(self.holdings.escrow, step.data)
        except Conflict as conflict:  # somebody else was quicker, or it can't be done: the next look tells
            outcome.failed.append((step, conflict.sentence))
            say(step, conflict.sentence)
        else:
            outcome.done.append((step, mined))
            say(step, mined)

    def _let_pending_through(self) -> None:
        """A run before this one may have been killed with a transaction on its way: nothing is sent beside it."""
        assert self.sender
        deadline, pause = time.monotonic() + PENDING_SECONDS, 0.05
        while self._count("pending") > self._count("latest"):
            if time.monotonic() > deadline:
                raise Unavailable("An earlier transaction of this account isn't mined yet; run the command again later.")
            time.sleep(pause)
            pause = min(pause * 2, 2)

    def _count(self, block: str) -> int:
        assert self.sender
        answer: Any = self.rpc.call("eth_getTransactionCount", self.sender.address, block)
        return int(answer, 16)
