"""The calls of Recourse.sol as calldata: openings, contests, appeals; operators, tips, withdrawals of many."""

from collections.abc import Sequence
from dataclasses import dataclass

from piecework.chain.escrow import escrow_abi, payout
from piecework.domain.recourse import Appeal, Opening
from piecework.domain.terms import Batch, Terms
from piecework.domain.typed_data import OperatorGrant, Withdrawal, compact


@dataclass(frozen=True, slots=True)
class OpenedBatch:
    """A batch with the coordinator's signature (65 bytes), and the place of the worker who opens it; 0 if the coordinator does."""

    batch: Batch
    signature: bytes
    place: int = 0

    def as_tuple(self) -> tuple[object, ...]:
        """The fields in ABI order."""
        batch = self.batch
        fields = batch.first_slot, batch.workers, batch.places, batch.answer_root
        return *fields, *compact(self.signature), self.place


@dataclass(frozen=True, slots=True)
class SignedWithdrawal:
    """A withdrawal with its owner's signature, and the fee in base units that the relayer asks."""

    withdrawal: Withdrawal
    fee: int
    signature: bytes


def encode_open(terms: Terms, batches: Sequence[OpenedBatch], signature: bytes = b"") -> str:
    """Opens batches of one job; `signature` is the worker's open request where somebody else sends it."""
    return escrow_abi().encode("open", terms.as_tuple(), [entry.as_tuple() for entry in batches], signature)


def encode_finalize(
    terms: Terms, opening: Opening, credit_only: frozenset[str], push_gas: int, slots: int = 0, approval: bytes = b""
) -> str:
    """Pays what of an opening isn't contested.

    Args:
        terms: the job's terms.
        opening: the opening.
        credit_only: workers who take their money as a ledger balance.
        push_gas: gas that each transfer may use; 0 credits everybody.
        slots: how many slots the approval names; needed, like the approval, before the review window has ended.
        approval: the requester's or the operator's signature; empty if one of them sends it.
    """
    paid = payout(opening.workers, credit_only, push_gas)
    return escrow_abi().encode("finalize", terms.as_tuple(), opening.as_tuple(), slots, approval, paid)


def encode_contest(terms: Terms, opening: Opening, places: bytes, reason: bytes) -> str:
    """Contests the slots that `places` names, a copy of the opening's with 0 elsewhere; `reason` is a hash."""
    return escrow_abi().encode("contest", terms.as_tuple(), opening.as_tuple(), places, reason)


def encode_appeal(terms: Terms, openings: Sequence[Opening], places: Sequence[int], signature: bytes = b"") -> str:
    """Appeals what the worker at `places[i]` of `openings[i]` lost by contests; `signature` is the worker's appeal request
    where a sponsor sends it."""
    entries = [opening.as_tuple() for opening in openings]
    return escrow_abi().encode("appeal", terms.as_tuple(), entries, list(places), signature)


def encode_reclaim(terms: Terms, opening: Opening) -> str:
    """Gives contested slots that nobody appealed back to the requester."""
    return escrow_abi().encode("reclaim", terms.as_tuple(), opening.as_tuple())


def encode_concede(terms: Terms, opening: Opening, slots: int = 0, approval: bytes = b"") -> str:
    """Gives in: pays the contested slots of an opening, with their deposits. `slots` and `approval` as in `encode_finalize`; the
    number must be at least that of the slots paid now."""
    return escrow_abi().encode("concede", terms.as_tuple(), opening.as_tuple(), slots, approval)


def encode_defend(terms: Terms, appeal: Appeal, meta_evidence: str) -> str:
    """Begins the dispute; the arbitrator's price is sent along in native coin."""
    return escrow_abi().encode("defend", terms.as_tuple(), appeal.as_tuple(), meta_evidence)


def encode_conclude(terms: Terms, appeal: Appeal) -> str:
    """Ends an appeal as ruled, or for the worker where its time has run out."""
    return escrow_abi().encode("conclude", terms.as_tuple(), appeal.as_tuple())


def encode_submit_evidence(appeal: bytes, evidence: str) -> str:
    """Shows evidence, as an address of its content, in a defended appeal."""
    return escrow_abi().encode("submitEvidence", appeal, evidence)


def encode_set_operator(operator: str, token: str, allowance: int, expires_at: int) -> str:
    """Sets what an operator may spend of the caller's balance, in base units, until an instant in Unix seconds."""
    return escrow_abi().encode("setOperator", operator, token, allowance, expires_at)


def encode_set_operator_with_signature(grant: OperatorGrant, signature: bytes) -> str:
    """Carries a grant that its requester signed."""
    return escrow_abi().encode("setOperatorWithSignature", grant.as_tuple(), signature)


def encode_tip(giver: str, token: str, tips: Sequence[tuple[str, int]], note: bytes) -> str:
    """Moves base units from one ledger balance to others; `giver` is the caller, or gave the caller an allowance."""
    receivers, amounts = [receiver for receiver, _ in tips], [amount for _, amount in tips]
    return escrow_abi().encode("tip", giver, token, receivers, amounts, note)


def encode_withdraw_many(entries: Sequence[SignedWithdrawal], push_gas: int) -> str:
    """Carries many signed withdrawals, each by a transfer of at most `push_gas`; what can't be sent is left out."""
    withdrawals = [entry.withdrawal.as_tuple() for entry in entries]
    fees, signatures = [entry.fee for entry in entries], [entry.signature for entry in entries]
    return escrow_abi().encode("withdrawMany", withdrawals, fees, signatures, push_gas)
