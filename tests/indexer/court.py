"""Plays coordinator, requester, workers and council where somebody stays silent or disagrees.

Whatever a call hands in again (terms, openings, appeals) is read from the mirror: so the logs alone are enough for anyone to act.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from eth_abi.abi import encode
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector

from indexer import tables
from piecework.chain.abi import Abi
from piecework.chain.build import contract
from piecework.chain.deploy import create
from piecework.chain.escrow import escrow_abi
from piecework.chain.escrow_recourse import (
    OpenedBatch,
    encode_appeal,
    encode_conclude,
    encode_contest,
    encode_finalize,
    encode_open,
    encode_reclaim,
    encode_set_operator,
    encode_tip,
)
from piecework.chain.wallet import Receipt, Wallet
from piecework.domain.keccak import keccak256
from piecework.domain.recourse import FOR_REQUESTER, Appeal, Opening
from piecework.domain.terms import DAY, Batch, Terms
from piecework.domain.typed_data import Key
from piecework.domain.units import NATIVE
from tests.indexer.bench import Bench
from tests.indexer.workshop import PUSH_GAS, Workshop, worker

COURT_FEE = 10**15
FOR_WORKER = 1
DEPOSIT, STAKE = 300, 7_000


class Court:
    """A council of one, the bystander, and everything that openings and appeals are done with."""

    def __init__(self, workshop: Workshop, mirror: Bench) -> None:
        self.workshop, self.mirror, self.chain = workshop, mirror, workshop.chain
        deployer = Wallet(workshop.rpc, self.chain.deployer)
        self.council = str(create(deployer, "CouncilArbitrator", [self.chain.bystander.address], COURT_FEE).contract)

    # -------------------------------------------------------------------------------------------- what the mirror says

    def rows(self, table: Any, **wanted: Any) -> list[Any]:
        """A table's rows with these values, after the mirror has caught up."""
        found = self.mirror.catch_up().rows(table)
        return [row for row in found if all(getattr(row, name) == value for name, value in wanted.items())]

    def terms_of(self, job: str) -> Terms:
        (row,) = self.rows(tables.Job, job=job)
        values = {name: getattr(row, name) for name in Terms.__slots__}
        hexed = ("arbitrator_extra_data", "content_hash", "salt")
        return Terms(**values | {name: bytes.fromhex(values[name][2:]) for name in hexed})

    def opening(self, opening: str) -> tuple[Terms, Opening]:
        """An opening as a call takes it, with its job's terms."""
        (row,) = self.rows(tables.Opening, opening=opening)
        handed = Opening(bytes.fromhex(row.batch[2:]), row.first_slot, tuple(json.loads(row.workers)), row.places)
        assert handed.id(bytes.fromhex(row.job[2:])).hex() == opening[2:]
        return self.terms_of(row.job), handed

    def appeal_of(self, appeal: str) -> tuple[Terms, Appeal]:
        """An appeal as a call takes it, with its job's terms."""
        (row,) = self.rows(tables.Appeal, appeal=appeal)
        handed = Appeal(row.worker, row.sponsor, row.slots, row.appealed_at, bytes.fromhex(row.request[2:]))
        assert handed.id(bytes.fromhex(row.job[2:])).hex() == appeal[2:]
        return self.terms_of(row.job), handed

    # -------------------------------------------------------------------------------------------- acts

    def terms(self, **changed: Any) -> Terms:
        """Terms with a council, windows of a day, a deposit and a stake."""
        windows = {"review_window": DAY, "appeal_window": DAY}
        stakes = {"contest_deposit": DEPOSIT, "appeal_stake": STAKE}
        given = {"arbitrator": self.council} | windows | stakes | changed
        return replace(self.workshop.terms(given.pop("reward", 1_000), given.pop("token", None)), **given)

    def open(
        self, terms: Terms, *batches: Batch, by: Key | None = None, place: int = 0, signature: bytes = b""
    ) -> list[str]:
        """Opens as the coordinator, or as the worker at `place` of each, or with its signature; returns the openings' ids."""
        sign, digest = self.chain.coordinator.sign, self.workshop.domain.batch_digest
        opened = [OpenedBatch(batch, sign(digest(batch)), place) for batch in batches]
        receipt = self.workshop.call(by or self.chain.coordinator, encode_open(terms, opened, signature))
        return [row.opening for row in self.rows(tables.Opening, transaction_hash=receipt.transaction_hash)]

    def open_for(self, who: Key, terms: Terms, *batches: Batch) -> list[str]:
        """The relayer opens what `who`, at the first place of each table, has signed for."""
        domain = self.workshop.domain
        request = domain.open_request_digest([domain.batch_digest(batch) for batch in batches])
        return self.open(terms, *batches, by=self.chain.relayer, place=1, signature=who.sign(request))

    def finalize(
        self, opening: str, push_gas: int = PUSH_GAS, credit_only: frozenset[str] = frozenset(), approved: bool = False
    ) -> Receipt:
        terms, handed = self.opening(opening)
        approval = self.approval(terms, handed) if approved else b""
        data = encode_finalize(terms, handed, credit_only, push_gas, named(handed.places), approval)
        return self.workshop.call(self.chain.relayer, data)

    def contest(self, opening: str, places: bytes, by: Key | None = None, reason: bytes = b"") -> Receipt:
        data = encode_contest(*self.opening(opening), places, keccak256(reason))
        return self.workshop.call(by or self.chain.requester, data)

    def concede(self, opening: str, by: Key | None = None, approved: bool = False) -> Receipt:
        terms, handed = self.opening(opening)
        approval = self.approval(terms, handed) if approved else b""
        arguments = (terms.as_tuple(), handed.as_tuple(), named(handed.places), approval)
        return self.workshop.call(by or self.chain.requester, escrow_abi().encode("concede", *arguments))

    def approval(self, terms: Terms, opening: Opening) -> bytes:
        """The requester's signature of the opening's batch, over as many slots as were opened."""
        slots = named(opening.places)
        return self.chain.requester.sign(self.workshop.domain.approval_digest(opening.batch, slots, slots * terms.price))

    def reclaim(self, opening: str) -> Receipt:
        return self.workshop.call(self.chain.relayer, encode_reclaim(*self.opening(opening)))

    def appeal(self, who: Key, parts: Sequence[tuple[str, int]], sponsor: Key | None = None) -> str:
        """The worker at each opening's place appeals, at its own stake or at the one of a sponsor that carries its signature."""
        openings, places = [self.opening(opening) for opening, _ in parts], [place for _, place in parts]
        terms, ids = openings[0][0], [bytes.fromhex(opening[2:]) for opening, _ in parts]
        signature = who.sign(self.workshop.domain.appeal_request_digest(ids, places)) if sponsor else b""
        self.workshop.accounts |= {(account.address, terms.token) for account in (who, sponsor) if account}
        data = encode_appeal(terms, [handed for _, handed in openings], places, signature)
        receipt = self.workshop.call(sponsor or who, data)
        (row,) = self.rows(tables.Appeal, transaction_hash=receipt.transaction_hash)
        return str(row.appeal)

    def defend(self, appeal: str, surplus: int = 0, evidence: bytes = b"ipfs://first") -> int:
        """The requester pays the council and something over it; returns the id of the dispute."""
        terms, handed = self.appeal_of(appeal)
        self.workshop.accounts.add((terms.requester, NATIVE))
        data = raw_call("defend", terms.as_tuple(), handed.as_tuple(), evidence)
        receipt = self.workshop.call(self.chain.requester, data, COURT_FEE + surplus)
        (row,) = self.rows(tables.AppealPhase, transaction_hash=receipt.transaction_hash)
        return int(row.dispute_id)

    def rule(self, dispute_id: int, ruling: int) -> Receipt:
        data = Abi(contract("CouncilArbitrator").abi).encode("vote", dispute_id, ruling, "")
        return self.workshop.send(self.chain.bystander, self.council, data)

    def conclude(self, appeal: str, by: Key | None = None) -> Receipt:
        return self.workshop.call(by or self.chain.relayer, encode_conclude(*self.appeal_of(appeal)))

    def show(self, appeal: str, evidence: bytes) -> Receipt:
        return self.workshop.call(self.chain.bystander, raw_call("submitEvidence", bytes.fromhex(appeal[2:]), evidence))

    def allow(self, operator: Key, allowance: int, expires_at: int) -> Receipt:
        data = encode_set_operator(operator.address, self.workshop.token, allowance, expires_at)
        return self.workshop.call(self.chain.requester, data)

    def tip(self, by: Key, amounts: dict[str, int], note: bytes, giver: str | None = None) -> Receipt:
        self.workshop.accounts |= {(account, self.workshop.token) for account in amounts}
        return self.workshop.call(by, encode_tip(giver or by.address, self.workshop.token, list(amounts.items()), note))


def raw_call(name: str, *arguments: Any) -> str:
    """Calldata of which a string may be any bytes."""
    entry: Any = escrow_abi().functions[name]
    types = [collapse_if_tuple(argument).replace("string", "bytes") for argument in entry["inputs"]]
    return "0x" + (function_abi_to_4byte_selector(entry) + encode(types, arguments)).hex()


def named(places: bytes) -> int:
    """How many slots the bytes name."""
    return len(places) - places.count(0)


def everything(court: Court) -> None:
    """Every event that `Workshop.everything` hasn't, at least once."""
    workshop, chain, (a, b) = court.workshop, court.chain, (worker(1), worker(2))
    workshop.deposit(chain.requester, 1_000_000)
    terms = court.terms(reward=10_000, operator=chain.relayer.address)
    workshop.post(terms, 12, "ledger")
    table = [a.address, b.address]
    given_in, fought = court.open(terms, *(workshop.batch(terms, first, table, b"\x01\x02\x02\x01") for first in (0, 4)))
    court.allow(chain.relayer, 10 * DEPOSIT, 2**64 - 1)
    court.contest(given_in, b"\x01\x00\x00\x01", by=chain.relayer)
    court.concede(given_in)
    court.contest(fought, b"\x01\x02\x02\x00")
    workshop.wait_until(workshop.now() + DAY)
    workshop.deposit(chain.bystander, 2 * STAKE)
    lost, won = (court.appeal(who, [(fought, place)], chain.bystander) for place, who in ((1, a), (2, b)))
    dispute = court.defend(lost, surplus=5)
    court.show(lost, b"ipfs://photograph")
    court.rule(dispute, FOR_REQUESTER)
    court.conclude(lost)
    court.conclude(won, by=chain.requester)
    court.finalize(fought)
    (last,) = court.open_for(a, terms, workshop.batch(terms, 9, table, b"\x01\x02"))
    court.contest(last, b"\x00\x02")
    workshop.wait_until(workshop.now() + 2 * DAY)
    court.reclaim(last)
    court.tip(chain.requester, {a.address: 5, b.address: 6}, b"\x09" * 32)
