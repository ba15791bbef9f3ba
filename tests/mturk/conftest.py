"""A marketplace with an access key whose requester has money, and boto3 beside it."""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from piecework.chain.escrow import escrow_abi, token_abi
from piecework.chain.wallet import Wallet
from piecework.client import Market, Worker
from piecework.domain.typed_data import Key, OperatorGrant
from tests.backend.workshop import DAY, Works, call, new_key, sign_in, works
from tests.conftest import Chain
from tests.support import postgres

DOLLAR = 10**6
HTML = (
    '<HTMLQuestion xmlns="http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2011-11-11/HTMLQuestion.xsd">'
    "<HTMLContent><![CDATA[<form><input name='q'></form>]]></HTMLContent><FrameHeight>0</FrameHeight></HTMLQuestion>"
)
HIT = {
    "Title": "Is it a bird?",
    "Description": "Look and say.",
    "Keywords": "bird, image",
    "Reward": "0.05",
    "AssignmentDurationInSeconds": 600,
    "LifetimeInSeconds": 3600,
    "Question": HTML,
}


@dataclass
class Turk:
    """A requester who came from Mechanical Turk."""

    running: Works
    requester: Key
    token: str
    issued: dict[str, Any]

    def client(self, **changed: Any) -> Any:
        """boto3's client, as scripts make it."""
        options = {
            "endpoint_url": self.running.url,
            "region_name": self.issued["region_name"],
            "aws_access_key_id": self.issued["access_key_id"],
            "aws_secret_access_key": self.issued["secret_access_key"],
            "config": Config(retries={"max_attempts": 1}),
        } | changed
        return boto3.client("mturk", **options)  # of the one session that scripts have too: it reads the model once

    def until(self, check: Callable[[], Any], seconds: float = 20) -> Any:
        """The first true answer of a check."""
        deadline = time.monotonic() + seconds
        while True:
            found = check()
            if found:
                return found
            assert time.monotonic() < deadline, f"never true\n{self.running.log[-3000:]}"
            time.sleep(0.05)

    def job_of(self, hit: str) -> str:
        """The id of the funded job that a HIT's newest slots are in."""
        statement = (
            "SELECT p.job FROM mturk_part m JOIN posting p ON p.number = m.posting"
            " WHERE m.settled AND m.id = (SELECT max(id) FROM mturk_part WHERE hit = :hit)"
        )
        return str(self.running.until(statement, hit=hit)[0][0])

    def position_of(self, hit: str) -> int:
        """The unit that a HIT's newest slots are."""
        return int(self.running.rows("SELECT position FROM mturk_part WHERE hit = :hit ORDER BY id DESC", hit=hit)[0][0])

    def accept(self, hit: str, worker: Key) -> str:
        """A reserved assignment's id here."""
        job, position = self.job_of(hit), self.position_of(hit)

        async def run() -> str:
            async with Market(self.running.url) as market:
                return str((await (await Worker.sign_in(market, worker)).take(job, position))["id"])

        return asyncio.run(run())

    def do(self, hit: str, worker: Key, fields: dict[str, str] | None = None) -> str:
        """A worker's whole answer; returns its assignment's id here."""
        job, position = self.job_of(hit), self.position_of(hit)

        async def run() -> str:
            async with Market(self.running.url) as market:
                person = await Worker.sign_in(market, worker)
                taken = await person.take(job, position)
                said = {"fields": list((fields or {"q": "yes"}).items())}
                await person.answer(await market.get(f"/v1/jobs/{job}"), taken, said, secrets.token_bytes(32))
                return str(taken["id"])

        return asyncio.run(run())


def turk(running: Works, dollars: int = 100) -> Turk:
    """A requester with dollars in its ledger, and an access key that may spend them all, ten times over."""
    chain, requester = running.chain, new_key()
    deployment, amount = chain.deployment, dollars * DOLLAR
    chain.rpc.call("anvil_setBalance", requester.address, hex(10**18))
    Wallet(chain.rpc, requester).send(deployment.token, token_abi().encode("mint", requester.address, amount))
    Wallet(chain.rpc, requester).send(deployment.token, token_abi().encode("approve", deployment.escrow, amount))
    deposit = escrow_abi().encode("deposit", deployment.token, amount)
    Wallet(chain.rpc, requester, escrow_abi()).send(deployment.escrow, deposit)
    token = sign_in(running, requester)
    body = {"name": "scripts", "expires_at": int(time.time()) + DAY}
    issued = call(running, "POST", "/v1/mturk-keys", body, token)
    assert issued.status == 201, issued
    allow(running, requester, token, issued.body["operator"], 10 * amount)  # what comes back from a job doesn't come back to the allowance
    running.until("SELECT 1 FROM mirror_operator_allowance WHERE operator = :of", of=issued.body["operator"])
    return Turk(running, requester, token, issued.body)


def allow(running: Works, requester: Key, token: str, operator: str, allowance: int) -> None:
    """Signs an allowance and has it carried."""
    now = int(time.time())
    terms = {"allowance": str(allowance), "expires_at": now + DAY, "deadline": now + DAY}
    m = call(running, "POST", f"/v1/operators/{operator}/message", terms, token).body["typed_data"]["message"]
    grant = OperatorGrant(
        m["requester"], m["operator"], m["token"], int(m["allowance"]), int(m["expiresAt"]), int(m["nonce"]), int(m["deadline"])
    )
    signature = "0x" + requester.sign(running.chain.deployment.domain.operator_digest(grant)).hex()
    taken = call(running, "POST", f"/v1/operators/{operator}/grants", terms | {"nonce": grant.nonce, "signature": signature}, token)
    assert taken.status == 202, taken


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def running(request: pytest.FixtureRequest, shared_chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A marketplace that the tests of a module share, once on each database."""
    folder = tmp_path_factory.mktemp("turk")
    url = f"sqlite:///{folder}/piecework.db" if request.param == "sqlite" else postgres.server().database()
    options = {"PIECEWORK_OPERATOR_GAS": str(10**16), "PIECEWORK_BATCH_SECONDS": "0.1"}
    with works(shared_chain, url, folder, **options) as both:
        yield both


@pytest.fixture(scope="module")
def asker(running: Works) -> Turk:
    """A requester with 100 dollars."""
    return turk(running)


@pytest.fixture
def worker() -> Key:
    """A worker that nobody knows yet."""
    return new_key()
