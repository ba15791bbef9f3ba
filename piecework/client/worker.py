"""A worker's side: take work, commit, check the receipt, reveal, be paid."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from piecework.client.claims.opener import Opener
from piecework.client.holdings import Receipt, receipt_entry
from piecework.client.holdings_file import HoldingsFile
from piecework.client.market import Market, Session, terms_of
from piecework.domain.answers import AnswerCheck
from piecework.domain.content import commitment, content_hash
from piecework.domain.errors import Conflict, Invalid
from piecework.domain.reports import Report
from piecework.domain.terms import receipt_batch
from piecework.domain.typed_data import Key, Withdrawal, recover


class Worker:
    """One worker's account at a marketplace.

    It trusts nothing that it can check: a job's id must be the digest of its terms, and an answer is shown only against a
    receipt that the coordinator named in those terms has signed. With a file it keeps what it holds on the disk, each step before
    anything relies on it. With an `opener` it opens receipts that are worth the gas before it shows their answers.
    """

    def __init__(self, market: Market, session: Session, file: HoldingsFile | None = None) -> None:
        self.market, self.session, self.file = market, session, file
        self.opener: Opener | None = None
        self._answer_checks: dict[str, AnswerCheck] = {}

    @classmethod
    async def sign_in(cls, market: Market, key: Key, path: Path | None = None) -> "Worker":
        """Signs in with Ethereum; what the worker holds is kept in the file at `path`, which is its own from then on."""
        file = HoldingsFile(path, market.info["chain_id"], market.info["escrow"], key.address) if path else None
        return cls(market, await market.sign_in(key), file)

    async def update_file(self) -> list[str]:
        """Fetches what is new (batches, approvals) into the file; returns what the service said that isn't true, in sentences."""
        assert self.file, "use Worker.sign_in with a path"
        before, more = len(self.file.holdings.wrong), True
        while more:
            page = await self.market.get("/v1/holdings", self.session, cursor=self.file.holdings.cursor, limit=1000)
            await asyncio.to_thread(self.file.put_document, page)
            more = page["more"]
        return self.file.holdings.wrong[before:]

    @property
    def address(self) -> str:
        return self.session.key.address

    async def take_payouts_as(self, payout: str) -> None:
        """How settlements should pay this account: "wallet" or "ledger"."""
        await self.market.put("/v1/session/payout", {"payout": payout}, self.session)

    async def assignments(self, job: str) -> list[dict[str, Any]]:
        """This worker's assignments of a job, in every state."""
        return [item async for item in self.market.items("/v1/assignments", self.session, job=job)]

    async def take(self, job: str, unit: int | None = None) -> dict[str, Any]:
        """Reserves a slot of a unit, or of the next one that this worker may do."""
        return await self.market.post(f"/v1/jobs/{job}/assignments", {"unit": unit}, self.session)

    async def answer(self, job: dict[str, Any], assignment: dict[str, Any], answer: Any, salt: bytes) -> dict[str, Any]:
        """Commits to an answer, checks the receipt, and reveals it. May be repeated with the same salt and answer.

        Args:
            job: the job as the API gives it.
            assignment: a reserved or committed assignment of this worker.
            answer: any JSON value.
            salt: 32 bytes; keep them with the receipt until paid.

        Returns:
            The receipt.

        Raises:
            Invalid: the answer isn't what the job asks for, and nothing was promised; or the receipt isn't what the coordinator
                owes, and the answer has not been shown.
            Conflict: the receipt can't be opened, and the answer has not been shown.
        """
        self.check_answer(job, answer)
        job_id, slot = bytes.fromhex(job["id"][2:]), int(assignment["slot"])
        promised = commitment(job_id, slot, self.address, salt, answer)
        path = f"/v1/assignments/{assignment['id']}"
        kept = Receipt(job_id, slot, promised, None, salt, answer, assignment["id"])
        if self.file:
            await asyncio.to_thread(self.file.promise, job_id, terms_of(job), kept)
        receipt = await self.market.post(f"{path}/commit", {"commitment": "0x" + promised.hex()}, self.session)
        self.check_receipt(job, slot, promised, receipt)
        signed = replace(kept, signature=bytes.fromhex(receipt["signature"][2:]))
        if self.file:
            await asyncio.to_thread(self.file.put, receipts=[receipt_entry(signed)])
        if self.opener:
            since = self.file.holdings.since_block.get(job_id, 0) if self.file else 0
            await asyncio.to_thread(self.opener.open, terms_of(job), signed, since)
        await self.market.post(f"{path}/reveal", {"answer": answer, "salt": "0x" + salt.hex()}, self.session)
        return receipt

    async def report(self, job: dict[str, Any], assignment: dict[str, Any], report: Report, salt: bytes) -> dict[str, Any]:
        """Answers that the task is broken, or that one doesn't qualify for it, which is paid as an answer is; as `answer` otherwise.

        Raises:
            Conflict: the job pays no more reports of this worker, and nothing was promised.
            Invalid: as for an answer; also a report that the job doesn't take.
        """
        now = await self.market.get(f"/v1/assignments/{assignment['id']}", self.session)
        if now["state"] == "reserved":
            leave = await self.market.get(f"/v1/me/jobs/{job['id']}/reports", self.session)
            if leave["kinds"] and not leave["left"]:
                raise Conflict("The job pays no more reports of you; return the task instead.")
        return await self.answer(job, assignment, report.answer(), salt)

    def check_answer(self, job: dict[str, Any], answer: Any) -> None:
        """Refuses an answer that the coordinator couldn't take at the reveal, by the schema that the chain's hash covers."""
        check = self._answer_checks.get(job["id"])
        if check is None:
            if content_hash(job["manifest"]) != terms_of(job).content_hash:
                raise Invalid("The job's content isn't what its terms commit to; don't work for it.")
            check = self._answer_checks[job["id"]] = AnswerCheck(job["manifest"])
        check(answer)

    def check_receipt(self, job: dict[str, Any], slot: int, promised: bytes, receipt: dict[str, Any]) -> None:
        """Refuses a receipt that would not be paid by the escrow."""
        domain, terms = self.market.domain, terms_of(job)
        if domain.job_id(terms).hex() != job["id"][2:]:
            raise Invalid("The job's id isn't the hash of its terms; don't work for it.")
        digest = domain.batch_digest(receipt_batch(bytes.fromhex(job["id"][2:]), slot, self.address, promised))
        if recover(digest, bytes.fromhex(receipt["signature"][2:])) != terms.coordinator:
            raise Invalid("The receipt isn't signed by the job's coordinator; keep the answer.")

    async def withdraw(self, token: str, amount: int, nonce: int, deadline: int) -> dict[str, Any]:
        """Has `amount` base units of the ledger sent to this worker's own wallet by the relayer, for no fee and no gas."""
        withdrawal = Withdrawal(self.address, token, self.address, amount, 0, nonce, deadline)
        signature = self.session.key.sign(self.market.domain.withdrawal_digest(withdrawal))
        return await self.market.post(
            "/v1/withdrawals",
            {
                "owner": self.address,
                "token": token,
                "receiver": self.address,
                "amount": str(amount),
                "max_fee": "0",
                "nonce": nonce,
                "deadline": deadline,
                "signature": "0x" + signature.hex(),
            },
        )
