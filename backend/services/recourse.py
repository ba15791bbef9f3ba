"""Openings, contests and appeals as those see them whom they concern: what may be done now, by whom, until when, and at what price.

Every step is a transaction that the account's own wallet sends; the coordinator prepares it and needn't be asked. Amounts are base
units of the job's token out of the escrow's ledger; an arbitrator's price is wei.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eth_abi.exceptions import DecodingError

from backend.store import disputes, mirror, outbox
from backend.store.database import Store
from backend.store.disputes import AppealStanding, Standing
from piecework.chain.deployment import Deployment
from piecework.chain.escrow import council_abi, view
from piecework.chain.escrow_recourse import (
    encode_appeal,
    encode_concede,
    encode_conclude,
    encode_contest,
    encode_defend,
    encode_finalize,
    encode_reclaim,
)
from piecework.chain.failover import Failover
from piecework.chain.rpc import RpcRefused
from piecework.domain.errors import Conflict, Forbidden, Invalid, NotFound
from piecework.domain.units import NATIVE

LONGEST_META = 500


@dataclass(frozen=True, slots=True)
class Step:
    """What an account may do with an opening or an appeal now: until when (Unix seconds; None for as long as it likes), on which
    slots, and what it takes: base units from the ledger, wei along with the transaction."""

    name: str
    until: int | None
    slots: Sequence[int] = ()
    ledger: int = 0
    value: int = 0


class Recourse:
    """Reads disputes from the mirror and prepares what comes next.

    Args:
        store: where the mirror is.
        rpc: the chain, asked for an arbitrator's price.
        deployment: the escrow.
        push_gas: gas that each push to a worker's wallet may use.
        clock: the time, aware.
    """

    def __init__(
        self, store: Store, rpc: Failover, deployment: Deployment, push_gas: int, clock: Callable[[], datetime]
    ) -> None:
        self._store, self._rpc, self._deployment, self._push_gas, self._clock = store, rpc, deployment, push_gas, clock

    def opening(self, id: str) -> Standing:
        """An opening and all that has happened to it.

        Raises:
            NotFound: the mirror has none.
        """
        with self._store.read() as connection:
            found = disputes.standing(connection, id)
        if found is None:
            raise NotFound("The chain has no such opening, or it isn't mirrored yet.")
        return found

    def appeal(self, id: str) -> AppealStanding:
        """An appeal.

        Raises:
            NotFound: the mirror has none.
        """
        with self._store.read() as connection:
            found = disputes.appeal(connection, id)
        if found is None:
            raise NotFound("The chain has no such appeal, or it isn't mirrored yet.")
        return found

    def now(self) -> int:
        """Unix seconds by the chain, or by ours if its last block is older."""
        with self._store.read() as connection:
            return mirror.now(connection, self._clock().timestamp())

    def steps(self, found: Standing, account: str) -> list[Step]:
        """What the account may do with an opening now."""
        now, terms, steps = self.now(), found.terms, list[Step]()
        contested = found.contested
        free = sorted(found.slots.keys() - contested.keys())
        speaks = account in (terms.requester, terms.operator)
        unanswered = sorted(found.unanswered)
        if now < found.contest_until:
            if speaks and free and not found.finalized:
                steps.append(Step("contest", found.contest_until, free, terms.contest_deposit))
        elif free and not found.finalized:
            steps.append(Step("finalize", None, free))
        if speaks and unanswered:
            steps.append(Step("concede", None, unanswered))
        own = [slot for slot in unanswered if found.slots[slot] == account]
        if own and found.contest_until <= now < found.appeal_until and terms.arbitrator != NATIVE:
            steps.append(Step("appeal", found.appeal_until, own, terms.appeal_stake))
        if unanswered and now >= found.appeal_until:
            steps.append(Step("reclaim", None, unanswered))
        return steps

    def appeal_steps(self, found: AppealStanding, account: str) -> list[Step]:
        """What the account may do with an appeal now. Asks the arbitrator's price where it matters: who names none can't be paid, so the
        appeal can't be defended.

        Raises:
            Unavailable: the chain doesn't answer.
        """
        now, until = self.now(), found.until
        if found.phase == "pending" and until is not None and now < until:
            if account in (found.terms.requester, found.terms.operator):
                price = self._price(found)
                return [] if price is None else [Step("defend", until, value=price)]
        elif found.phase == "ruled" or (until is not None and now >= until):
            return [Step("conclude", None)]
        return []

    def prepare(self, found: Standing, account: str, name: str, slots: Sequence[int], reason: bytes) -> dict[str, str]:
        """The transaction of a step.

        Args:
            slots: which, for a contest; all of the step's for an empty list.
            reason: the hash of the evidence, for a contest.

        Raises:
            Forbidden: the step isn't this account's.
            Conflict: it isn't possible now.
            Invalid: a slot that isn't the step's.
        """
        step = _step(self.steps(found, account), name)
        terms, handed = found.terms, found.handed
        if name == "contest":
            named = set(slots or step.slots)
            if not named <= set(step.slots):
                raise Invalid(f"Slot {min(named - set(step.slots))} can't be contested in this opening.")
            places = bytes(place if slot in named else 0 for slot, place in enumerate(handed.places, handed.first_slot))
            return self._transaction(account, encode_contest(terms, handed, places, reason))
        if name == "appeal":
            place = handed.places[step.slots[0] - handed.first_slot]
            return self._transaction(account, encode_appeal(terms, [handed], [place]))
        if name == "concede":
            return self._transaction(account, encode_concede(terms, handed, len(found.slots)))
        if name == "reclaim":
            return self._transaction(account, encode_reclaim(terms, handed))
        with self._store.read() as connection:
            credit_only = outbox.credit_only(connection)
        return self._transaction(account, encode_finalize(terms, handed, credit_only, self._push_gas))

    def prepare_appeal(self, found: AppealStanding, account: str, name: str, meta_evidence: str) -> dict[str, str]:
        """The same for a step of an appeal; `meta_evidence` says what the dispute is about, for `defend`."""
        steps = self.appeal_steps(found, account)
        if name == "defend" and not steps and found.phase == "pending" and account in (found.terms.requester, found.terms.operator):
            raise Conflict(f"The arbitrator {found.terms.arbitrator} doesn't say what it costs, so this appeal can't be defended; its worker wins.")
        step = _step(steps, name)
        if len(meta_evidence) > LONGEST_META:
            raise Invalid(f"meta_evidence has at most {LONGEST_META} characters.")
        if name == "defend":
            return self._transaction(account, encode_defend(found.terms, found.handed, meta_evidence), step.value)
        return self._transaction(account, encode_conclude(found.terms, found.handed))

    def openings(self, job: str, cursor: tuple[int, int], limit: int) -> Sequence[Any]:
        """A job's openings, oldest first."""
        with self._store.read() as connection:
            return disputes.openings(connection, job, cursor, limit)

    def _price(self, found: AppealStanding) -> int | None:
        """Wei; None where the arbitrator refuses to say, or is no court at all."""
        rpc: Any = self._rpc
        try:
            price: Any = view(rpc, council_abi(), found.terms.arbitrator, "arbitrationCost", found.terms.arbitrator_extra_data)
        except (RpcRefused, DecodingError):
            return None
        return int(price)

    def _transaction(self, account: str, data: str, value: int = 0) -> dict[str, str]:
        fields = {"from": account, "to": self._deployment.escrow, "value": hex(value), "data": data}
        return fields | {"chainId": hex(self._deployment.chain_id)}


STEPS = ("contest", "concede", "appeal", "finalize", "reclaim")
APPEAL_STEPS = ("defend", "conclude")
_WHOSE = {
    "contest": "the requester, until the review window is over",
    "concede": "the requester, for what is contested and not answered",
    "appeal": "the worker whose slots were contested, from the end of the review window to that of the appeal window",
    "finalize": "anybody, once the review window is over",
    "reclaim": "anybody, once the appeal window is over",
    "defend": "the requester, until the appeal window after the appeal is over",
    "conclude": "anybody, once it is ruled or its time is over",
}


def _step(steps: Sequence[Step], name: str) -> Step:
    found = next((step for step in steps if step.name == name), None)
    if found is None:
        kind = Forbidden if name in ("contest", "concede", "appeal", "defend") and not steps else Conflict
        raise kind(f"You can't {name} this now; that is for {_WHOSE[name]}.")
    return found
