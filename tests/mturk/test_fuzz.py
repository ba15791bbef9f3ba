"""Calls made of chance from the interface's own model, signed and sent past boto3's checks: no 5xx, no hang, and no cent appears or is lost.

PIECEWORK_FUZZ_CALLS and PIECEWORK_FUZZ_SEED make it longer, or another one.
"""

import json
import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.model import ListShape, Shape, StructureShape
from sqlalchemy import select
from sqlmodel import col

from backend.mturk import model
from backend.mturk.ids import assignment_id, worker_id
from indexer.tables import Job, LedgerEntry, SlotPayment, Tip
from piecework.chain.escrow import Escrow
from piecework.sql import open_engine, reading
from tests.backend.workshop import Works, new_key
from tests.mturk.conftest import DOLLAR, HIT, HTML, Turk, turk
from tests.mturk.test_people import TEST, qualification
from tests.mturk.test_scoring import KEY

CALLS = int(os.environ.get("PIECEWORK_FUZZ_CALLS", "400"))
SEED = int(os.environ.get("PIECEWORK_FUZZ_SEED", "20260930"))
SECONDS = 10.0
"""The longest that any call may take."""
JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf"), "", " ", "0", "x" * 70_000, "💥", "\ud800",
    "\0", "a\u202eb", "' OR 1=1 --", "%s%n", "../..", [], {}, [[]], [None], {"a": 1}, [{}] * 1_000, "<a/>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
)  # fmt: skip
XML = (HTML, TEST, KEY % "", "<a>", HTML.replace("2011-11-11", "1999-01-01"), TEST.replace("ab", ""), "<x>" * 100, HTML[:-5])
TEXTS = ("Birds", "a" * 129, "ü", "line\nbreak", "${name}", "<b>", "key, words", "0.05", "2026-01-01", "A1B2")


@dataclass
class Fuzzer:
    """Makes calls and sends them.

    Attributes:
        known: ids of what exists, by the member that takes them.
    """

    asker: Turk
    chance: random.Random
    known: dict[str, list[str]]
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, timeout=SECONDS))
    seen: Counter[str] = field(default_factory=Counter)

    def request(self, operation: str) -> Any:
        """A request's JSON, mostly of the right shape."""
        shape = model.service().operation_model(operation).input_shape
        return {} if shape is None else self.chance.choice(JUNK) if self.chance.random() < 0.01 else self.value(shape, "")

    def value(self, shape: Shape, name: str) -> Any:
        """A value for a shape; one in twenty is junk."""
        if self.chance.random() < 0.05:
            return self.chance.choice(JUNK)
        if isinstance(shape, StructureShape):
            chosen = [name for name in shape.members if name in shape.required_members or self.chance.random() < 0.35]
            return {member: self.value(shape.members[member], member) for member in chosen if self.chance.random() < 0.98}
        if isinstance(shape, ListShape):
            return [self.value(shape.member, name) for _ in range(self.chance.choice((0, 1, 1, 1, 2, 3)))]
        return {"string": self.text, "boolean": self.boolean, "timestamp": self.instant}.get(shape.type_name, self.number)(shape, name)

    def text(self, shape: Shape, name: str) -> Any:
        if name in self.known and self.chance.random() < 0.9:
            return self.chance.choice(self.known[name])
        if "enum" in shape.metadata:
            return self.chance.choice(shape.metadata["enum"])
        if name in ("Question", "Test", "AnswerKey"):
            return self.chance.choice(XML)
        if shape.name == "CurrencyAmount":
            return self.chance.choice(("0.05", "0", "0.00", "1", "1.5", "99999999999999", "0.001", "-1", "1e3"))
        return self.chance.choice(TEXTS)

    def number(self, shape: Shape, name: str) -> Any:
        return self.chance.choice((0, 1, 1, 2, 5, 10, 60, 600, 3_600, 100_000, 2**31 - 1, -1))

    def boolean(self, shape: Shape, name: str) -> Any:
        return self.chance.random() < 0.5

    def instant(self, shape: Shape, name: str) -> Any:
        return self.chance.choice((0, 1_420_070_400, time.time() + 600, time.time() - 1, time.time() + 10**9, 10**14))

    def send(self, operation: str, body: Any) -> tuple[int, Any]:
        """The status and the JSON that came back."""
        target = f"{model.TARGET}.{operation}"
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": target}
        sent = json.dumps(body).encode()
        request = AWSRequest("POST", self.asker.running.url + "/", headers, sent)
        issued = self.asker.issued
        SigV4Auth(Credentials(issued["access_key_id"], issued["secret_access_key"]), "mturk-requester", "us-east-1").add_auth(request)
        answer = self.pool.request("POST", request.url, body=sent, headers=dict(request.headers.items()))
        return answer.status, json.loads(answer.data)

    def learn(self, answer: Any) -> None:
        """Remembers ids that an answer brings."""
        if isinstance(answer, dict):
            for name, value in answer.items():
                if name in self.known and isinstance(value, str):
                    self.known[name] = [*self.known[name][-30:], value]
                else:
                    self.learn(value)
        elif isinstance(answer, list):
            for one in answer:
                self.learn(one)


def start(running: Works) -> Fuzzer:
    """With HITs that are answered, approved and rejected, for ids that lead somewhere."""
    asker, people = turk(running), [new_key() for _ in range(3)]
    client = asker.client()
    hits = [client.create_hit(**HIT, MaxAssignments=3)["HIT"] for _ in range(3)]
    done = [assignment_id(asker.do(hit["HITId"], person)) for hit in hits for person in people]
    client.approve_assignment(AssignmentId=done[0])
    client.reject_assignment(AssignmentId=done[1], RequesterFeedback="no")
    kind = qualification(client, f"Fuzz {asker.requester.address}")
    workers = [worker_id(person.address) for person in people]
    known = {
        "HITId": [hit["HITId"] for hit in hits],
        "HITTypeId": [hits[0]["HITTypeId"]],
        "AssignmentId": done,
        "WorkerId": workers,
        "WorkerIds": workers,
        "QualificationTypeId": [kind, "000000000000000000L0", "00000000000000000040", "00000000000000000071"],
        "QualificationRequestId": [assignment_id("0x" + "12" * 16)],
        "NextToken": ["bm90IG1pbmU"],
        "HITLayoutId": ["3LAYOUT"],
    }
    return Fuzzer(asker, random.Random(SEED), known)


def amounts(running: Works, statement: Any) -> list[int]:
    """Base units that a query of one column finds."""
    engine = open_engine(running.database_url)
    try:
        with reading(engine).begin() as connection:
            return [int(amount) for amount in connection.execute(statement).scalars()]
    finally:
        engine.dispose()


def paid(running: Works, requester: str) -> int:
    """Base units that left the requester for workers: rewards and bonuses."""
    rewards = select(SlotPayment.amount).join(Job, col(Job.job) == col(SlotPayment.job))
    rewards = rewards.where(col(Job.requester) == requester, col(SlotPayment.outcome) != "cancelled")
    tips = select(Tip.amount).where(col(Tip.sender) == requester)
    return sum(amounts(running, rewards)) + sum(amounts(running, tips))


def test_nothing_breaks_and_no_money_is_lost(running: Works) -> None:
    fuzzer = start(running)
    asker, names = fuzzer.asker, sorted(model.operations())
    for number in range(CALLS):
        operation = names[number % len(names)] if number < len(names) else fuzzer.chance.choice(names)
        body, began = fuzzer.request(operation), time.monotonic()
        status, answer = fuzzer.send(operation, body)
        said = f"call {number} of seed {SEED}: {operation} {json.dumps(body)[:2000]} → {status} {json.dumps(answer)[:1000]}\n{running.log[-2000:]}"
        assert status in (200, 400), said
        assert time.monotonic() - began < SECONDS, said
        assert status == 200 or answer["__type"] in ("RequestError", "SerializationException"), said
        fuzzer.seen[f"{operation} {status}"] += 1
        if status == 200:
            fuzzer.learn(answer)
    good = {name for name in names if fuzzer.seen[f"{name} 200"]}
    assert len(good) > len(names) * 2 // 3 or CALLS < 400, f"too little came through: {sorted(set(names) - good)}"
    escrow, token = Escrow(running.chain.rpc, running.chain.deployment.escrow), running.chain.deployment.token

    def accounts() -> tuple[int, int, list[Any]]:
        """What is held, what was paid, and the parts that no money is locked for yet."""
        balance, of = asker.client().get_account_balance(), asker.requester.address
        held = sum(round(float(balance[name]) * DOLLAR) for name in ("AvailableBalance", "OnHoldBalance"))
        waiting = running.rows("SELECT hit, slots, posting FROM mturk_part WHERE requester = :of AND NOT settled", of=of)
        return held, paid(running, of), list(waiting)

    deadline = time.monotonic() + 40
    while (now := accounts())[0] + now[1] != 100 * DOLLAR or now[2]:
        assert time.monotonic() < deadline, f"{now}\n{running.log[-3000:]}"
        time.sleep(0.2)
    newest = (col(LedgerEntry.block_number).desc(), col(LedgerEntry.log_index).desc(), col(LedgerEntry.sequence).desc())
    mirrored = select(LedgerEntry.balance).where(col(LedgerEntry.account) == asker.requester.address).order_by(*newest).limit(1)
    assert amounts(running, mirrored) == [escrow.balance_of(asker.requester.address, token)]
    assert "Traceback" not in running.log, running.log[-4000:]
