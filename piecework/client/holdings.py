"""What a worker holds: all that it needs to be paid without the service that it worked through.

A holdings file is one or more JSON documents, one a line, each of format `piecework-holdings` (docs/recourse.md shows it). They are
read in order and merged by key: a receipt is its job's slot, a batch its digest, and a later line only adds what was missing or
says it anew. So what the service hands out is a file as it is, and a client that goes on working appends lines.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from piecework.client.market import terms_of
from piecework.domain.content import commitment as commitment_of
from piecework.domain.errors import Invalid
from piecework.domain.holdings import FORMAT, VERSION, head
from piecework.domain.terms import Batch, Terms, receipt_batch
from piecework.domain.typed_data import Domain, recover

@dataclass(slots=True)
class Receipt:
    """A commitment to an answer and, once the coordinator gave it, its signature of the batch of one.

    Attributes:
        job: 32 bytes; `slot` is a slot of it.
        commitment: 32 bytes; `signature` 65, None until the receipt came.
        salt, answer: what the commitment is made of; salt is None where this file doesn't know them.
        assignment: the service's name for it.
    """

    job: bytes
    slot: int
    commitment: bytes
    signature: bytes | None = None
    salt: bytes | None = None
    answer: Any = None
    assignment: str | None = None


@dataclass(frozen=True, slots=True)
class HeldBatch:
    """A batch that the coordinator signed, and the requester's approval of `slots` slots and `amount` base units once there is one."""

    digest: bytes
    batch: Batch
    signature: bytes
    slots: int
    amount: int
    approval: bytes | None


@dataclass(slots=True)
class Holdings:
    """Everything of one worker at one escrow.

    Attributes:
        since_block: job → a block before which the chain has nothing of it.
        cursor: where the service goes on when it is asked for what is new.
        wrong: what was left out, and why, in sentences.
    """

    chain_id: int
    escrow: str
    worker: str
    terms: dict[bytes, Terms] = field(default_factory=dict)
    since_block: dict[bytes, int] = field(default_factory=dict)
    receipts: dict[tuple[bytes, int], Receipt] = field(default_factory=dict)
    batches: dict[bytes, HeldBatch] = field(default_factory=dict)
    cursor: str | None = None
    wrong: list[str] = field(default_factory=list)

    @property
    def domain(self) -> Domain:
        return Domain(self.chain_id, self.escrow)

    def merge(self, document: Any) -> dict[str, Any]:
        """Adds a document's jobs, receipts and batches; what isn't what it says it is goes to `wrong` instead.

        Returns:
            The document with only what was added.

        Raises:
            Invalid: it is no holdings document, or another worker's or escrow's.
        """
        check_head(document)
        if (document["chain_id"], document["escrow"], document["worker"]) != (self.chain_id, self.escrow, self.worker):
            raise Invalid("The file holds documents of different workers or escrows; keep one file for each.")
        added = head(self.chain_id, self.escrow, self.worker) | {"cursor": document.get("cursor")}
        for add, name in ((self._job, "jobs"), (self._receipt, "receipts"), (self._batch, "batches")):
            added[name] = [entry for entry in document.get(name, ()) if self._added(add, name, entry)]
        self.cursor = document.get("cursor") or self.cursor
        return added

    def _added(self, add: Callable[[Any], None], name: str, entry: Any) -> bool:
        try:
            add(entry)
        except (Invalid, KeyError, ValueError, TypeError, OverflowError) as error:
            self.wrong.append(f"One of the {name} is left out: {getattr(error, 'sentence', None) or repr(error)}")
            return False
        return True

    def _job(self, entry: dict[str, Any]) -> None:
        job, terms = bytes.fromhex(entry["id"][2:]), terms_of(entry)
        if self.domain.job_id(terms) != job:
            raise Invalid(f"the terms of job {entry['id']} aren't those that its id is the hash of.")
        self.terms[job] = terms
        if entry.get("since_block") is not None:
            self.since_block[job] = int(entry["since_block"])

    def _receipt(self, entry: dict[str, Any]) -> None:
        job, slot = bytes.fromhex(entry["job"][2:]), int(entry["slot"])
        new = Receipt(
            job,
            slot,
            bytes.fromhex(entry["commitment"][2:]),
            _bytes(entry.get("signature")),
            _bytes(entry.get("salt")),
            entry.get("answer"),
            entry.get("assignment"),
        )
        terms = self._terms(job)
        if new.signature and recover(self.domain.batch_digest(self.batch_of(new)), new.signature) != terms.coordinator:
            raise Invalid(f"the receipt for slot {slot} of job {entry['job']} isn't signed by the job's coordinator.")
        if new.salt and commitment_of(job, slot, self.worker, new.salt, new.answer) != new.commitment:
            raise Invalid(f"the answer for slot {slot} of job {entry['job']} isn't the one that was committed to.")
        self._keep(new)

    def _keep(self, new: Receipt) -> None:
        """A signed receipt is never given up for an unsigned one of another answer, nor salt and answer for nothing."""
        old = self.receipts.get((new.job, new.slot))
        if old and old.commitment != new.commitment:
            if old.signature and not new.signature:
                return
        elif old:
            new.signature, new.assignment = new.signature or old.signature, new.assignment or old.assignment
            if new.salt is None:
                new.salt, new.answer = old.salt, old.answer
        self.receipts[new.job, new.slot] = new

    def _batch(self, entry: dict[str, Any]) -> None:
        batch, signature = batch_of(entry), bytes.fromhex(entry["signature"][2:])
        digest, terms = self.domain.batch_digest(batch), self._terms(batch.job)
        if recover(digest, signature) != terms.coordinator:
            raise Invalid(f"batch {entry['digest']} isn't signed by the job's coordinator.")
        known = self.batches.get(digest)
        approval = _bytes(entry.get("approval")) or (known and known.approval)
        self.batches[digest] = HeldBatch(digest, batch, signature, batch.named, batch.named * terms.price, approval)

    def _terms(self, job: bytes) -> Terms:
        if job not in self.terms:
            raise Invalid(f"the terms of job 0x{job.hex()} aren't in the file.")
        return self.terms[job]

    def batch_of(self, receipt: Receipt) -> Batch:
        """A receipt's batch of one."""
        return receipt_batch(receipt.job, receipt.slot, self.worker, receipt.commitment)

    def document(self) -> dict[str, Any]:
        """All of it as one document."""
        return head(self.chain_id, self.escrow, self.worker) | {
            "jobs": [job_entry(job, terms, self.since_block.get(job)) for job, terms in self.terms.items()],
            "receipts": [receipt_entry(receipt) for receipt in self.receipts.values()],
            "batches": [_batch_entry(held) for held in self.batches.values()],
            "cursor": self.cursor,
        }


def check_head(document: Any) -> None:
    """Refuses what isn't a holdings document of this version.

    Raises:
        Invalid: see there.
    """
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise Invalid(f'This is no holdings file: a document in it doesn\'t say "format": "{FORMAT}".')
    if document.get("version") != VERSION:
        raise Invalid(f"The file is of version {document.get('version')}; this Piecework reads version {VERSION}.")
    if any(not isinstance(document.get(name), kind) for name, kind in (("chain_id", int), ("escrow", str), ("worker", str))):
        raise Invalid("A holdings document must name chain_id, escrow and worker.")


def parse(text: str) -> Holdings:
    """A whole file's text; a last line that was cut off while it was written is left out.

    Raises:
        Invalid: it isn't a holdings file.
    """
    found = None
    for document in _documents(text):
        if found is None:
            check_head(document)
            found = Holdings(document["chain_id"], document["escrow"], document["worker"])
        found.merge(document)
    if found is None:
        raise Invalid("The file is empty.")
    return found


def _documents(text: str) -> list[Any]:
    """One a line; or one alone, laid out over many lines."""
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        lines = text.split("\n")
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found += [json.loads(line)] if line.strip() else []
        except json.JSONDecodeError:
            if number < len(lines) or not found:  # else it was cut off while it was written
                raise Invalid(f"Line {number} of the file is not JSON.") from None
    return found


def batch_of(entry: dict[str, Any]) -> Batch:
    """A batch out of its JSON."""
    places, root = bytes.fromhex(entry["places"][2:]), bytes.fromhex(entry["answer_root"][2:])
    return Batch(bytes.fromhex(entry["job"][2:]), int(entry["first_slot"]), tuple(entry["workers"]), places, root)


def job_entry(job: bytes, terms: Terms, since_block: int | None) -> dict[str, Any]:
    """A job as a document has it."""
    return {"id": "0x" + job.hex(), "terms": terms.as_json(), "since_block": since_block}


def receipt_entry(receipt: Receipt) -> dict[str, Any]:
    """A receipt as a document has it."""
    return {
        "job": "0x" + receipt.job.hex(),
        "slot": receipt.slot,
        "commitment": "0x" + receipt.commitment.hex(),
        "signature": _hex(receipt.signature),
        "salt": _hex(receipt.salt),
        "answer": receipt.answer,
        "assignment": receipt.assignment,
    }


def _batch_entry(held: HeldBatch) -> dict[str, Any]:
    batch = held.batch
    return {
        "digest": "0x" + held.digest.hex(),
        "job": "0x" + batch.job.hex(),
        "first_slot": batch.first_slot,
        "workers": list(batch.workers),
        "places": "0x" + batch.places.hex(),
        "answer_root": "0x" + batch.answer_root.hex(),
        "signature": "0x" + held.signature.hex(),
        "slots": held.slots,
        "amount": str(held.amount),
        "approval": _hex(held.approval),
    }


def _hex(value: bytes | None) -> str | None:
    return None if value is None else "0x" + value.hex()


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else bytes.fromhex(value[2:])
