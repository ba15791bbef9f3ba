"""A requester's side: post a job, fund it from the wallet, look at the answers, approve."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

from piecework.chain.abi import Abi
from piecework.chain.escrow import Escrow, encode_post_with_permit, escrow_abi, token_abi, token_balance, view
from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Receipt, Wallet
from piecework.client.market import Market, Session, terms_of
from piecework.domain import merkle
from piecework.domain.content import content_hash
from piecework.domain.errors import Conflict, Invalid
from piecework.domain.terms import Batch
from piecework.domain.token_data import PERMIT, token_digest
from piecework.domain.typed_data import Key, recover

CHUNK = 1000
"""Assignments per review request."""


class Requester:
    """One requester's account at a marketplace, with the wallet that funds its jobs.

    What it signs it has computed itself from what it saw: the price from the terms, a batch from the answers it fetched.
    """

    def __init__(self, market: Market, session: Session, rpc: Rpc) -> None:
        self.market, self.session, self.rpc = market, session, rpc

    @classmethod
    async def sign_in(cls, market: Market, key: Key, rpc_url: str | None = None) -> "Requester":
        """Signs in with Ethereum; transactions go to `rpc_url` or the marketplace's own."""
        return cls(market, await market.sign_in(key), Rpc(rpc_url or market.info["rpc_url"]))

    @property
    def address(self) -> str:
        return self.session.key.address

    async def jobs(self) -> AsyncIterator[dict[str, Any]]:
        """Every job of this requester, drafts included."""
        async for job in self.market.items("/v1/jobs", self.session, requester=self.address):
            yield job

    async def draft(self, posting: dict[str, Any]) -> dict[str, Any]:
        """Hands a job's content to the coordinator; the same posting again gives the same job.

        Raises:
            Invalid: the terms that came back aren't what was asked for, so they must not be funded.
        """
        job = await self.market.post("/v1/jobs", posting, self.session)
        terms = terms_of(job)
        if self.market.domain.job_id(terms).hex() != job["id"][2:]:
            raise Invalid("The coordinator's job id isn't the hash of its terms.")
        if content_hash(job["manifest"]) != terms.content_hash:
            raise Invalid("The coordinator's content hash isn't that of its content.")
        asked = (self.address, int(posting["reward"]), posting["closes_at"], posting["salt"])
        if (terms.requester, terms.reward, terms.closes_at, "0x" + terms.salt.hex()) != asked:
            raise Invalid("The coordinator changed the terms.")
        return job

    async def fund(self, job: dict[str, Any]) -> Receipt | None:
        """Posts a job on the chain, its money taken from the wallet by a permit of exactly the price.

        Returns:
            The transaction, or None if the job is posted already.
        """
        return await asyncio.to_thread(self._fund, job)

    def _fund(self, job: dict[str, Any]) -> Receipt | None:
        terms, slots = terms_of(job), int(job["slots"])
        escrow = Escrow(self.rpc, self.market.info["escrow"])
        if escrow.job(bytes.fromhex(job["id"][2:])).funded:
            return None
        amount = slots * terms.price
        held = token_balance(self.rpc, terms.token, self.address)
        if held < amount:
            raise Conflict(f"The job costs {amount} base units of {terms.token}, but the wallet holds {held}.")
        deadline = terms.closes_at
        signature = self.session.key.sign(
            permit_digest(self.rpc, terms.token, self.address, escrow.address, amount, deadline)
        )
        wallet = Wallet(self.rpc, self.session.key, escrow_abi())
        return wallet.send(escrow.address, encode_post_with_permit(terms, slots, deadline, signature))

    async def mint(self, token: str, amount: int) -> None:
        """On a devnet: makes sure that the wallet holds at least `amount` base units of the dollar that anyone may mint."""

        def run() -> None:
            missing = amount - token_balance(self.rpc, token, self.address)
            if missing > 0:
                Wallet(self.rpc, self.session.key).send(token, token_abi().encode("mint", self.address, missing))

        await asyncio.to_thread(run)

    async def wait_open(self, job_id: str, timeout_seconds: float = 60) -> dict[str, Any]:
        """The job, once the coordinator has seen its money on the chain."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            job = await self.market.get(f"/v1/jobs/{job_id}", self.session)
            if job["state"] != "draft":
                return job
            if time.monotonic() > deadline:
                raise Conflict("The job was funded, but the coordinator hasn't seen it; is its indexer running?")
            await asyncio.sleep(0.05)

    async def submissions(self, job_id: str, state: str | None = None) -> list[dict[str, Any]]:
        """A job's answers."""
        path = f"/v1/jobs/{job_id}/submissions"
        return [item async for item in self.market.items(path, self.session, state=state)]

    async def approve(self, job_id: str, assignments: Iterable[str]) -> int:
        """Approves revealed answers; returns how many weren't approved before."""
        ids, approved = list(assignments), 0
        for start in range(0, len(ids), CHUNK):
            body = {"approve": ids[start : start + CHUNK], "reject": []}
            approved += (await self.market.post(f"/v1/jobs/{job_id}/reviews", body, self.session))["approved"]
        return approved

    async def batches(self, job_id: str) -> list[dict[str, Any]]:
        """Has the coordinator cut what is approved into signed batches; those that wait for an approval."""
        return (await self.market.post(f"/v1/jobs/{job_id}/batches", {}, self.session))["items"]

    async def approve_batch(
        self, job: dict[str, Any], entry: dict[str, Any], approved: dict[int, tuple[str, bytes]]
    ) -> dict[str, Any]:
        """Signs the approval of a batch, after checking that it gives each slot to the worker whose answer was approved.

        Args:
            job: the job as the API gives it.
            entry: a batch as the API gives it.
            approved: slot → (worker, commitment), from the answers that this requester approved.

        Raises:
            Invalid: the batch isn't what was approved; nothing was signed.
        """
        batch, terms = batch_of(entry), terms_of(job)
        named = [slot for slot, place in enumerate(batch.places, batch.first_slot) if place]
        for slot in named:
            if approved.get(slot, ("", b""))[0] != batch.holder(slot):
                raise Invalid(f"The batch gives slot {slot} to somebody whose answer wasn't approved.")
        if merkle.root([approved[slot][1] for slot in named]) != batch.answer_root:
            raise Invalid("The batch is signed over other answers than the approved ones.")
        digest = self.market.domain.batch_digest(batch)
        if recover(digest, bytes.fromhex(entry["signature"][2:])) != terms.coordinator:
            raise Invalid("The batch isn't signed by the job's coordinator.")
        amount = batch.named * terms.price
        signature = self.session.key.sign(self.market.domain.approval_digest(digest, batch.named, amount))
        return await self.market.post(
            f"/v1/batches/0x{digest.hex()}/approval", {"signature": "0x" + signature.hex()}, self.session
        )


def batch_of(entry: dict[str, Any]) -> Batch:
    """A batch out of the API's JSON."""
    return Batch(
        bytes.fromhex(entry["job"][2:]),
        entry["first_slot"],
        tuple(entry["workers"]),
        bytes.fromhex(entry["places"][2:]),
        bytes.fromhex(entry["answer_root"][2:]),
    )


def permit_digest(rpc: Rpc, token: str, owner: str, spender: str, amount: int, deadline: int) -> bytes:
    """What an ERC-2612 permit signs, for a token that tells its domain separator."""
    abi: Abi = token_abi()
    separator = view(rpc, abi, token, "DOMAIN_SEPARATOR")
    nonce = int(view(rpc, abi, token, "nonces", owner))  # type: ignore[call-overload]
    values = {"owner": owner, "spender": spender, "value": str(amount), "nonce": str(nonce), "deadline": str(deadline)}
    return token_digest(bytes(separator), PERMIT, values)  # type: ignore[call-overload]

