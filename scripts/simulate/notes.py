"""What an actor must remember to act again: read from receipts, so that nothing of the indexer's has a say in it."""

from types import SimpleNamespace
from typing import Any

from indexer import tables
from piecework.chain.escrow import escrow_abi
from piecework.domain.recourse import Appeal, Opening
from piecework.domain.terms import Terms
from tests.indexer.court import Court
from tests.indexer.workshop import Workshop

SAID_BY = {tables.Opening: "BatchOpened", tables.Appeal: "Appealed", tables.AppealPhase: "Defended"}


class NotedCourt(Court):
    """A court whose memory is the receipts of its own calls. After a reorg some of what it knows never was: then it acts in vain.

    Attributes:
        jobs, openings, contests, appeals, disputes: what there is to act on, newest last.
    """

    def __init__(self, workshop: Workshop, council: str) -> None:
        self.workshop, self.chain, self.council = workshop, workshop.chain, council
        self.jobs: dict[str, Terms] = {}
        self.openings: dict[str, tuple[str, Opening]] = {}
        self.contests: list[str] = []
        self.appeals: dict[str, tuple[str, Appeal]] = {}
        self.disputes: list[int] = []

    def note_job(self, terms: Terms) -> None:
        self.jobs["0x" + self.workshop.domain.job_id(terms).hex()] = terms

    def terms_of(self, job: str) -> Terms:
        return self.jobs[job]

    def opening(self, opening: str) -> tuple[Terms, Opening]:
        job, handed = self.openings[opening]
        return self.jobs[job], handed

    def appeal_of(self, appeal: str) -> tuple[Terms, Appeal]:
        job, handed = self.appeals[appeal]
        return self.jobs[job], handed

    def rows(self, table: Any, **wanted: Any) -> list[Any]:
        """What one transaction did, by its receipt; the court asks for nothing else."""
        receipt = self.workshop.rpc.call("eth_getTransactionReceipt", wanted["transaction_hash"])
        own = [log for log in receipt["logs"] if log["address"] == self.workshop.deployment.escrow]
        said = [escrow_abi().decode_event(log["topics"], log["data"]) for log in own]
        return [self._noted(name, values, receipt) for name, values in said if name == SAID_BY[table]]

    def _noted(self, name: str, values: dict[str, Any], receipt: dict[str, Any]) -> SimpleNamespace:
        job = _hex(values["job"])
        if name == "BatchOpened":
            opening = _hex(values["opening"])
            fields = values["batch"], values["firstSlot"], tuple(values["workers"]), values["places"]
            self.openings[opening] = job, Opening(*fields)
            return SimpleNamespace(opening=opening)
        if name == "Appealed":
            appeal = _hex(values["appeal"])
            block = self.workshop.rpc.call("eth_getBlockByHash", receipt["blockHash"], False)
            fields = values["worker"], values["sponsor"], values["slots"], int(block["timestamp"], 16), values["request"]
            self.appeals[appeal] = job, Appeal(*fields)
            return SimpleNamespace(appeal=appeal)
        self.disputes.append(values["disputeId"])
        return SimpleNamespace(dispute_id=values["disputeId"])


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
