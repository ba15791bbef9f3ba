"""What an outbox row becomes on the chain: calldata for the escrow, made from what is in the database at that moment."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.contester import about, reason_of, text_of
from backend.services.postings import terms_of
from backend.store import contests, disputes, mirror, outbox, postings, slots
from piecework.chain.escrow import (
    Authorization,
    SignedBatch,
    encode_post,
    encode_post_with_authorization,
    encode_relayed_withdrawal,
    encode_settle,
)
from piecework.chain.escrow_recourse import encode_contest, encode_set_operator_with_signature, encode_tip
from piecework.domain.terms import Batch
from piecework.domain.typed_data import OperatorGrant, Withdrawal

GAS_BASE, GAS_BATCH, GAS_SLOT, GAS_WORKER = 60_000, 80_000, 160, 36_000
"""Upper bounds by which batches are put into one settlement; the real gas is estimated by the chain (tests/bench has figures)."""
BY_RECEIPT = ("grant", "tip", "gas")
"""What is done when its transaction succeeded: the mirror has nothing that names it."""
RELAY_FEE = 0
"""Base units that the relayer asks for a withdrawal."""


@dataclass(frozen=True, slots=True)
class Cargo:
    """Calldata for the escrow, or for `to`, with `value` wei, and the digests of the batches in it."""

    data: str
    digests: tuple[str, ...] = ()
    to: str | None = None
    value: int = 0


def load(connection: Connection, row: Row[Any], push_gas: int, most_gas: int) -> Cargo | None:
    """The cargo of an intent; None if there is nothing left to carry."""
    if row.kind == "settlement":
        return settlement(connection, row.subject, push_gas, most_gas)
    return _LOADERS[row.kind](connection, row.subject)


def mirrored(connection: Connection, row: Row[Any], transaction_hash: str, block: int | None = None) -> bool:
    """Whether the mirror shows what an intent's transaction did.

    Args:
        block: where the chain has its receipt. Of what the mirror keeps nothing that names the transaction, it has shown it when it
            has come to that block; without one that is as good as unseen, and the chain must be asked.
    """
    if row.kind == "filler":
        return True  # it did nothing
    if outbox.LANES.get(row.kind) == "coordinator":
        return disputes.carried(connection, row.kind, row.subject, transaction_hash)
    if row.kind == "withdrawal":
        return mirror.withdrawn(connection, transaction_hash)
    if row.kind == "post":
        return mirror.is_funded(connection, postings.numbered(connection, int(row.subject)).job)
    if row.kind == "contest":
        return contests.is_contested(connection, about(contests.document(connection, row.subject)), row.subject)
    if row.kind == "funding":
        return mirror.is_funded(connection, row.subject)
    if row.kind in BY_RECEIPT:
        head = mirror.head(connection)
        return block is not None and head is not None and head.number >= block
    digests = outbox.carried(connection, row.id)
    return len(mirror.settled(connection, digests)) == len(digests)


def settlement(connection: Connection, subject: str, push_gas: int, most_gas: int) -> Cargo | None:
    """Approved batches of one worker table (`subject` is posting:roster) that nobody has settled; None if there are none."""
    posting, roster = map(int, subject.split(":"))
    waiting = outbox.approved_batches(connection, posting, roster)
    done = mirror.settled(connection, [batch.digest for batch in waiting])
    waiting = [batch for batch in waiting if batch.digest not in done and _is_due(connection, batch)]
    if not waiting:
        return None
    job = postings.one(connection, waiting[0].job)
    assert job is not None
    taken = waiting[: fitting(waiting, most_gas)]
    data = encode_settle(terms_of(job), [_signed(batch) for batch in taken], outbox.credit_only(connection), push_gas)
    return Cargo(data, tuple(batch.digest for batch in taken))


def _is_due(connection: Connection, batch: Row[Any]) -> bool:
    """Whether a slot of the batch is still free: openings and other batches may have taken all, and then nothing is left to pay."""
    return slots.has_free(connection, batch.job, batch.first_slot, batch.places)


def more_waits(connection: Connection, row: Row[Any]) -> bool:
    """Whether batches wait for the chain that no transaction carries, of the same worker table as the intent's."""
    return row.kind == "settlement" and bool(outbox.approved_batches(connection, *map(int, row.subject.split(":"))))


def fitting(batches: Sequence[Row[Any]], most_gas: int) -> int:
    """How many of the batches, from the first on, go into one settlement of at most `most_gas`; at least one."""
    width = 0
    for count, batch in enumerate(batches, 1):
        width += len(batch.places)
        gas = GAS_BASE + count * GAS_BATCH + width * GAS_SLOT + len(json.loads(batch.workers)) * GAS_WORKER
        if gas > most_gas and count > 1:
            return count - 1
    return len(batches)


def _signed(row: Row[Any]) -> SignedBatch:
    batch = Batch(
        bytes.fromhex(row.job[2:]),
        row.first_slot,
        tuple(json.loads(row.workers)),
        row.places,
        bytes.fromhex(row.answer_root[2:]),
    )
    return SignedBatch(batch, bytes.fromhex(row.signature[2:]), bytes.fromhex(row.approval[2:]))


def _withdrawal(connection: Connection, subject: str) -> Cargo:
    row = outbox.withdrawal(connection, subject)
    withdrawal = Withdrawal(row.owner, row.token, row.receiver, row.amount, row.max_fee, row.nonce, row.deadline)
    return Cargo(encode_relayed_withdrawal(withdrawal, RELAY_FEE, bytes.fromhex(row.signature[2:])))


def _grant(connection: Connection, subject: str) -> Cargo:
    g = outbox.signed_grant(connection, subject)
    grant = OperatorGrant(g.requester, g.operator, g.token, g.allowance, g.expires_at, g.nonce, g.deadline)
    return Cargo(encode_set_operator_with_signature(grant, bytes.fromhex(g.signature[2:])))


def _post(connection: Connection, subject: str) -> Cargo | None:
    row = postings.numbered(connection, int(subject))
    if mirror.is_funded(connection, row.job):
        return None
    return Cargo(encode_post(terms_of(row), row.slots, "ledger"))


def _funding(connection: Connection, subject: str) -> Cargo | None:
    row, signed = postings.one(connection, subject), outbox.signed_funding(connection, subject)
    if row is None or mirror.is_funded(connection, subject):
        return None
    authorization = Authorization(0, signed.valid_before, bytes.fromhex(signed.signature[2:]))
    return Cargo(encode_post_with_authorization(terms_of(row), row.slots, authorization))


def _tip(connection: Connection, subject: str) -> Cargo:
    row = outbox.tip(connection, subject)
    return Cargo(encode_tip(row.giver, row.token, [(row.receiver, row.amount)], bytes.fromhex(row.id[2:])))


def _gas(connection: Connection, subject: str) -> Cargo:
    operator, _, wei = subject.partition(":")
    return Cargo("0x", to=operator, value=int(wei))


def _contest(connection: Connection, subject: str) -> Cargo | None:
    """What of an opening is rejected for the reason that the subject is the hash of."""
    document = contests.document(connection, subject)
    found, said = disputes.standing(connection, about(document)), text_of(document)
    if found is None or found.finalized:
        return None
    (posting,) = disputes.postings_of(connection, found.row.job)
    named = {row.slot for row in contests.rejected(connection, posting, found.id) if reason_of(row) == said}
    if not named:
        return None
    places = bytes(place if slot in named else 0 for slot, place in enumerate(found.handed.places, found.row.first_slot))
    return Cargo(encode_contest(found.terms, found.handed, places, bytes.fromhex(subject[2:])))


_LOADERS = {"withdrawal": _withdrawal, "grant": _grant, "funding": _funding, "post": _post, "tip": _tip, "gas": _gas, "contest": _contest}
