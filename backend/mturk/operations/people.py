"""Workers: bonuses, blocks, messages."""

import hashlib
import secrets
from asyncio import to_thread
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select
from sqlmodel import col

from backend.mturk import hits, work
from backend.mturk.calls import Answer, Call
from backend.mturk.errors import RequestError, invalid, missing
from backend.mturk.ids import account_of, assignment_id, worker_id
from backend.mturk.past import account_of_past
from backend.mturk.service import MTurk
from backend.store import bonuses, notices, people
from backend.store.tables import Assignment, Block, Bonus, Posting
from backend.store.tables.mturk import MTurkPart

PAGE = 10
LONGEST_REASON = 10_000

_BLOCKS = (
    select(Block.worker, Block.reason)
    .where(col(Block.requester) == bindparam("by"), col(Block.worker) > bindparam("after"))
    .order_by(col(Block.worker))
    .limit(bindparam("most"))
)
_BONUSES = (
    select(Bonus.note, Bonus.worker, Bonus.amount, Bonus.assignment, Bonus.reason, Bonus.created_at)
    .join(Assignment, col(Assignment.id) == col(Bonus.assignment))
    .join(MTurkPart, (col(MTurkPart.posting) == col(Assignment.posting)) & (col(MTurkPart.position) == col(Assignment.unit)))
    .where(col(Bonus.requester) == bindparam("by"), col(Bonus.note) > bindparam("after"))
    .order_by(col(Bonus.note))
    .limit(bindparam("most"))
)
_OF_BOTH = (
    select(Posting.number)
    .join(Assignment, col(Posting.number) == col(Assignment.posting))
    .where(col(Posting.requester) == bindparam("by"), col(Assignment.worker) == bindparam("worker"))
    .limit(1)
)
"""What one worker did for one requester."""
_WORKED = _OF_BOTH.where(col(Assignment.state).in_(("approved", "batched", "rejected"))).order_by(col(Assignment.id).desc())
_RECENT = _OF_BOTH.where(col(Assignment.revealed_at) > bindparam("since"))


# ------------------------------------------------------------------------------------------------ bonuses

BONUS_WITHIN = timedelta(days=183)
"""Of an answer of the worker's: about six months."""


async def send_bonus(service: MTurk, call: Call) -> Answer:
    """Pays a worker more for an answer, within the operator's allowance."""
    given, cents = call.given, hits.cents("BonusAmount", call.given["BonusAmount"])
    if cents < 1:
        raise invalid("BonusAmount is at least 0.01.")
    if not given["Reason"].strip() or len(given["Reason"]) > LONGEST_REASON:
        raise invalid(f"Reason has 1 to {LONGEST_REASON} characters; the worker reads it.")
    note = _note(call)
    answer: Answer = await call.change(service.store, lambda connection: _pay(service, connection, call, cents, note))
    service.coordinator.errands.wake()
    return answer


def _note(call: Call) -> str:
    """32 bytes for the chain: of the requester's own word for this bonus, or else of this call."""
    word = call.given.get("UniqueRequestToken") or f"{call.operation} {call.mark}"
    return "0x" + hashlib.sha256(f"bonus\0{call.requester}\0{word}".encode()).hexdigest()


def _pay(service: MTurk, connection: Connection, call: Call, cents: int, note: str) -> Answer:
    service.funds.lock(connection, call.requester)
    token = call.given.get("UniqueRequestToken")
    if connection.execute(select(Bonus.note).where(col(Bonus.note) == note)).scalar() is not None:
        raise RequestError("InvalidParameterValue", f"A bonus with the idempotency token {token} was paid already, by request {note}.")
    row = work.submitted(connection, call.requester, call.given["AssignmentId"])
    if worker_id(row.worker) != call.given["WorkerId"]:
        raise invalid(f"The assignment {call.given['AssignmentId']} is not of worker {call.given['WorkerId']}.")
    _check_recent(connection, call, row.worker, row.revealed_at)
    amount = service.funds.base_units(cents)
    service.funds.need(connection, call.requester, call.caller.operator, amount, call.now)
    deployment = service.coordinator.deployment
    bonus = {
        "note": note,
        "requester": call.requester,
        "worker": row.worker,
        "assignment": row.id,
        "token": deployment.token,
        "amount": amount,
        "reason": call.given["Reason"],
        "created_at": call.now,
    }
    connection.execute(insert(Bonus), bonus)
    bonuses.give(connection, SimpleNamespace(**bonus), call.caller.operator, call.now)
    return {}


def _check_recent(connection: Connection, call: Call, worker: str, answered_at: datetime) -> None:
    """Refuses a bonus to somebody who has long done nothing for the requester, as Amazon did."""
    since = call.now - BONUS_WITHIN
    values = {"by": call.requester, "worker": worker, "since": since}
    if answered_at <= since and connection.execute(_RECENT, values).first() is None:
        raise invalid(
            f"Worker {call.given['WorkerId']} has submitted no assignment of yours within six months, so a bonus can't be granted. Pay a "
            "tip on the marketplace instead."
        )


async def list_bonus_payments(service: MTurk, call: Call) -> Answer:
    """Bonuses for one assignment, or for all of a HIT."""
    if ("HITId" in call.given) == ("AssignmentId" in call.given):
        raise invalid("Give either a HITId or an AssignmentId.")
    return await to_thread(_bonuses, service, call)


def _bonuses(service: MTurk, call: Call) -> Answer:
    most = call.given.get("MaxResults", PAGE)
    question = {name: call.given[name] for name in ("HITId", "AssignmentId") if name in call.given}
    token = service.tokens.read(call.requester, call.operation, question, call.given.get("NextToken"))
    with service.store.read() as connection:
        if "HITId" in call.given:
            wanted = col(MTurkPart.hit) == hits.one(connection, call.requester, call.given["HITId"], call.now).id
        else:
            wanted = col(Bonus.assignment) == work.one(connection, call.requester, call.given["AssignmentId"]).id
        values = {"by": call.requester, "after": token or "", "most": most + 1}
        rows = connection.execute(_BONUSES.where(wanted), values).all()
    payments = [_payment(service, row) for row in rows[:most]]
    answer: Answer = {"NumResults": len(payments), "BonusPayments": payments}
    if rows:
        answer["NextToken"] = service.tokens.make(call.requester, call.operation, question, rows[:most][-1].note)
    return answer


def _payment(service: MTurk, row: Any) -> dict[str, Any]:
    return {
        "WorkerId": worker_id(row.worker),
        "BonusAmount": service.funds.dollars(row.amount),
        "AssignmentId": assignment_id(row.assignment),
        "Reason": row.reason,
        "GrantTime": row.created_at.timestamp(),
    }


# ------------------------------------------------------------------------------------------------ blocks


async def create_worker_block(service: MTurk, call: Call) -> Answer:
    """Gives a worker none of the requester's work any more. It reads the reason."""
    worker, reason = await to_thread(account, service, call), call.given["Reason"]
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise invalid(f"Reason has 1 to {LONGEST_REASON} characters; the worker reads it.")
    if worker == call.requester:
        raise invalid("A requester can't block itself.")

    def change(connection: Connection) -> Answer:
        if people.block(connection, call.requester, worker, reason, call.now):
            notices.tell(connection, worker, "block.set", {"requester": call.requester, "reason": reason}, call.now)
        return {}

    return await call.change(service.store, change)


async def delete_worker_block(service: MTurk, call: Call) -> Answer:
    """Lets a worker take work again; one that isn't blocked is fine, too."""
    worker = await to_thread(account, service, call)

    def change(connection: Connection) -> Answer:
        if people.unblock(connection, call.requester, worker):
            notices.tell(connection, worker, "block.lifted", {"requester": call.requester}, call.now)
        return {}

    return await call.change(service.store, change)


async def list_worker_blocks(service: MTurk, call: Call) -> Answer:
    """Blocked workers with the reasons."""
    return await to_thread(_blocks, service, call)


def _blocks(service: MTurk, call: Call) -> Answer:
    most = call.given.get("MaxResults", PAGE)
    token = service.tokens.read(call.requester, call.operation, {}, call.given.get("NextToken"))
    with service.store.read() as connection:
        rows = connection.execute(_BLOCKS, {"by": call.requester, "after": token or "", "most": most + 1}).all()
    shown = [{"WorkerId": worker_id(row.worker), "Reason": row.reason} for row in rows[:most]]
    answer: Answer = {"NumResults": len(shown), "WorkerBlocks": shown}
    if rows:
        answer["NextToken"] = service.tokens.make(call.requester, call.operation, {}, rows[:most][-1].worker)
    return answer


def account(service: MTurk, call: Call) -> str:
    """The account of a call's WorkerId: an id here, or one of Mechanical Turk that its worker has claimed.

    Raises:
        RequestError: it is nobody's.
    """
    worker = call.given["WorkerId"]
    found = account_of(worker)
    if found is None:
        with service.store.read() as connection:
            found = account_of_past(connection, call.requester, worker)
    if found is None:
        raise missing("Worker", worker)
    return found


# ------------------------------------------------------------------------------------------------ messages

LONGEST_SUBJECT, LONGEST_TEXT, MOST_WORKERS = 200, 4_096, 100


async def notify_workers(service: MTurk, call: Call) -> Answer:
    """Writes to workers whose answers the requester has approved or rejected; says whom it couldn't write to."""
    given = call.given
    if not 1 <= len(given["Subject"]) <= LONGEST_SUBJECT or not 1 <= len(given["MessageText"]) <= LONGEST_TEXT:
        raise invalid(f"Subject has 1 to {LONGEST_SUBJECT} characters, MessageText 1 to {LONGEST_TEXT}.")
    if not 1 <= len(given["WorkerIds"]) <= MOST_WORKERS:
        raise invalid(f"Write to 1 to {MOST_WORKERS} workers at once.")
    text = f"{given['Subject']}\n\n{given['MessageText']}"

    def change(connection: Connection) -> Answer:
        failed = [failure for id in dict.fromkeys(given["WorkerIds"]) if (failure := _write(connection, call, id, text))]
        return {"NotifyWorkersFailureStatuses": failed}

    return await call.change(service.store, change)


def _write(connection: Connection, call: Call, id: str, text: str) -> dict[str, Any] | None:
    worker = account_of(id) or account_of_past(connection, call.requester, id)
    posting = worker and connection.execute(_WORKED, {"by": call.requester, "worker": worker}).scalar()
    if not worker or posting is None:
        return {
            "NotifyWorkersFailureCode": "HardFailure",
            "NotifyWorkersFailureMessage": "This worker has no answer that you approved or rejected.",
            "WorkerId": id,
        }
    if people.is_muted(connection, worker, call.requester):
        return {
            "NotifyWorkersFailureCode": "HardFailure",
            "NotifyWorkersFailureMessage": "This worker takes no messages of yours.",
            "WorkerId": id,
        }
    row = {"id": "0x" + secrets.token_hex(16), "posting": posting, "requester": call.requester, "worker": worker}
    thread = people.thread_of(connection, row | {"created_at": call.now, "requester_read": 0, "worker_read": 0})
    message = {"thread": thread, "sender": call.requester, "assignment": None, "text": text, "created_at": call.now}
    number = people.add_message(connection, message)
    notices.tell(connection, worker, "message.received", {"thread": thread, "message": str(number)}, call.now)
    return None


OPERATIONS = {
    "SendBonus": send_bonus,
    "ListBonusPayments": list_bonus_payments,
    "CreateWorkerBlock": create_worker_block,
    "DeleteWorkerBlock": delete_worker_block,
    "ListWorkerBlocks": list_worker_blocks,
    "NotifyWorkers": notify_workers,
}
