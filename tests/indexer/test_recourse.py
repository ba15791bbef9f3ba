"""Whole lives of slots that somebody opened. After each step the mirror is what the escrow's views say; each step happens twice,
because a reorg takes the first one back, and the mirror is then as if it had never been."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from indexer import tables
from piecework.chain.escrow import encode_post
from piecework.chain.escrow_recourse import SignedWithdrawal, encode_withdraw_many
from piecework.domain.errors import Conflict
from piecework.domain.keccak import keccak256
from piecework.domain.recourse import FOR_REQUESTER
from piecework.domain.terms import DAY
from piecework.domain.typed_data import Withdrawal
from piecework.domain.units import NATIVE
from tests.indexer.bench import WINDOW, Bench, bench, require_books, slot_states
from tests.indexer.court import COURT_FEE, DEPOSIT, FOR_WORKER, STAKE, Court
from tests.indexer.test_reorg import require_canonical
from tests.indexer.workshop import Workshop, worker

Step = Callable[[], object]
PLACES = b"\x01\x02\x00\x01\x02\x01"
A, B = worker(1), worker(2)


class Life:
    """One job with an opening, from one step to the next.

    Attributes:
        job: its id.
        contested: the bytes of what was contested.
    """

    def __init__(self, workshop: Workshop, mirror: Bench, folder: Path) -> None:
        self.workshop, self.mirror, self.folder = workshop, mirror, folder
        self.court = Court(workshop, mirror)
        workshop.set_fee(150, worker(99).address)
        workshop.deposit(workshop.chain.requester, 1_000_000)
        self.workshop.mine(3)
        self.terms = self.court.terms(reward=10_000)
        self.job = "0x" + workshop.post(self.terms, 8, "ledger").hex()
        self.contested = b"\x00\x02\x00\x01\x00\x01"
        self.check()

    def check(self) -> None:
        require_books(self.mirror.catch_up(), self.workshop)

    def live(self, *steps: Step) -> "Life":
        """Does each step, sees a reorg take it back, and does it again."""
        for step in steps:
            before = self.workshop.head()
            step()
            self.check()
            self.workshop.rpc.call("anvil_reorg", self.workshop.head() - before, [])
            require_canonical(self.mirror.catch_up(), self.workshop, self.folder)
            self.check()
            step()
            self.check()
        return self

    @property
    def opening(self) -> str:
        """The newest opening's id; a reorg may have given it another."""
        return str(self.court.rows(tables.Opening)[-1].opening)

    @property
    def appealed(self) -> str:
        return str(self.court.rows(tables.Appeal)[-1].appeal)

    @property
    def dispute(self) -> int:
        return int(self.court.rows(tables.AppealPhase, phase="defended")[-1].dispute_id)

    @property
    def opened_at(self) -> int:
        return int(self.court.rows(tables.Opening)[-1].opened_at)

    # -------------------------------------------------------------------------------------------- steps

    def open(self) -> None:
        self.court.open(self.terms, self.workshop.batch(self.terms, 1, [A.address, B.address], PLACES))

    def contest(self) -> None:
        self.court.contest(self.opening, self.contested)

    def finalize(self) -> None:
        self.workshop.wait_until(self.opened_at + DAY)
        self.court.finalize(self.opening, credit_only=frozenset({A.address}))

    def reclaim(self) -> None:
        self.workshop.wait_until(self.opened_at + 2 * DAY)
        self.court.reclaim(self.opening)

    def appeal(self) -> None:
        """The bystander stakes for worker A, who has no coins."""
        self.workshop.deposit(self.workshop.chain.bystander, STAKE)
        self.workshop.wait_until(self.opened_at + DAY)
        self.court.appeal(A, [(self.opening, 1)], self.workshop.chain.bystander)

    def defend(self) -> None:
        self.court.defend(self.appealed, surplus=77)

    def conclude(self) -> None:
        self.court.conclude(self.appealed)

    def wait(self, seconds: int) -> None:
        self.workshop.wait_until(self.workshop.now() + seconds)

    def states(self) -> str:
        """The states of slots 1 to 6; 0 and 7 are in no batch."""
        found = slot_states(self.mirror, self.job)
        assert found.keys() <= set(range(1, 7))
        return " ".join(found.get(slot, "free") for slot in range(1, 7))

    def reasons(self, account: str) -> list[tuple[str, int]]:
        """An account's ledger entries since the job was posted: credits and, below zero, debits."""
        rows = [row for row in self.mirror.rows(tables.LedgerEntry) if row.account == account]
        return [(row.reason, row.credit - row.debit) for row in rows if row.job == self.job and row.reason != "locked"]


@pytest.fixture
def life(workshop: Workshop, database_url: str, tmp_path: Path) -> Iterator[Life]:
    with bench(database_url, workshop) as mirror:
        yield Life(workshop, mirror, tmp_path)


def test_silence_pays(life: Life) -> None:
    life.live(life.open)
    assert life.states() == "opened opened free opened opened opened"
    life.live(life.finalize)
    assert life.states() == "credited pushed free credited pushed credited"
    assert life.reasons(A.address) == [("earned", 30_000)]
    assert life.reasons(worker(99).address) == [("fee", 5 * 150)]
    paid = {row.transaction_hash for row in life.mirror.rows(tables.SlotPayment)}
    assert paid == {row.transaction_hash for row in life.mirror.rows(tables.Finalization)}


def test_an_approval_pays_before_the_window_is_over(life: Life) -> None:
    life.live(life.open, lambda: life.court.finalize(life.opening, approved=True))
    assert life.states() == "pushed pushed free pushed pushed pushed"


def test_what_is_contested_and_not_appealed_is_reclaimed(life: Life) -> None:
    life.live(life.open, life.contest)
    assert life.states() == "opened contested free contested opened contested"
    assert life.reasons(life.terms.requester) == [("contest_deposit", -3 * DEPOSIT)]
    life.live(life.finalize, life.reclaim)
    assert life.states() == "credited refunded free refunded pushed refunded"
    assert life.reasons(life.terms.requester)[1:] == [("refunded", 3 * 10_150), ("contest_deposit", 3 * DEPOSIT)]


def test_an_opening_that_was_contested_as_a_whole_pays_nobody(life: Life) -> None:
    life.contested = PLACES
    life.live(life.open, life.contest, life.finalize, life.reclaim)
    assert life.states() == "refunded refunded free refunded refunded refunded"
    assert not life.mirror.rows(tables.WorkerPayment)


def test_who_doesnt_defend_an_appeal_pays(life: Life) -> None:
    life.live(life.open, life.contest, life.appeal)
    assert life.states() == "opened contested free appealed opened appealed"
    life.live(lambda: (life.wait(DAY), life.conclude()), life.reclaim, life.finalize)
    assert life.states() == "credited refunded free credited pushed credited"
    assert life.reasons(A.address)[:2] == [("earned", 20_000), ("contest_deposit", 2 * DEPOSIT)]
    assert life.reasons(life.workshop.chain.bystander.address) == [("appeal_stake", -STAKE), ("appeal_stake", STAKE)]
    (ended,) = [row for row in life.mirror.rows(tables.Event) if row.name == "AppealEnded"]
    (won,) = [row for row in life.mirror.rows(tables.WorkerPayment) if (row.block_number, row.log_index) == (ended.block_number, ended.log_index)]
    assert (won.worker, won.slots, won.amount, won.outcome) == (A.address, 2, 20_000, "credited")


@pytest.mark.parametrize("ruling", [FOR_REQUESTER, FOR_WORKER, 0])
def test_a_ruling_is_carried_out(ruling: int, life: Life) -> None:
    life.live(life.open, life.contest, life.appeal, life.defend)
    life.live(lambda: life.court.rule(life.dispute, ruling), life.conclude)
    won = "refunded" if ruling == FOR_REQUESTER else "credited"
    assert life.states() == f"opened contested free {won} opened {won}"
    steps = [(row.phase, row.ruling, row.winner) for row in life.mirror.rows(tables.AppealPhase)]
    winner = "requester" if ruling == FOR_REQUESTER else "worker"
    assert steps == [
        ("pending", None, None),
        ("defended", None, None),
        ("ruled", ruling, None),
        ("done", ruling, winner),
    ]
    last = life.mirror.rows(tables.AppealPhase)[-1]
    assert (last.arbitrator, last.cost) == (life.court.council, COURT_FEE)
    if winner == "requester":
        earned = [("refunded", 2 * 10_150), ("contest_deposit", 2 * DEPOSIT), ("appeal_stake", STAKE)]
        assert life.reasons(life.terms.requester)[1:] == earned


def test_a_court_that_never_rules_leaves_it_to_the_worker(life: Life) -> None:
    life.live(life.open, life.contest, life.appeal, life.defend, lambda: (life.wait(180 * DAY), life.conclude()))
    assert life.states() == "opened contested free credited opened credited"


def test_openings_and_settlements_share_a_job(life: Life) -> None:
    """Slots that are settled are left out of an opening, and those that are opened out of a settlement."""
    workshop, terms = life.workshop, life.terms
    first = workshop.batch(terms, 0, [A.address, B.address], b"\x01\x02")
    whole = workshop.batch(terms, 0, [A.address, B.address], b"\x01" * 8)
    life.live(lambda: workshop.settle(terms, first), life.open, lambda: workshop.settle(terms, whole))
    found = slot_states(life.mirror, life.job)
    assert [found[slot] for slot in range(8)] == ["pushed"] * 2 + ["opened", "pushed"] + ["opened"] * 3 + ["pushed"]
    (opened,) = life.mirror.rows(tables.Opening)
    assert (opened.places, opened.slots) == (b"\x00\x02\x00\x01\x02\x01", 4)


def test_a_job_closes_around_its_openings(life: Life) -> None:
    life.live(life.open, life.contest, lambda: life.workshop.close(life.terms), life.reclaim, life.finalize)
    assert life.states() == "credited refunded free refunded pushed refunded"
    (word,) = [row for row in life.mirror.rows(tables.JobWord) if row.closed][-1:]
    assert (word.funded, word.taken, word.resolved) == (8, 8, 8)


def test_slots_of_nobody_are_cancelled_whoever_pays_them(life: Life) -> None:
    """The requester, the zero address and the escrow hold slots of a settlement and of an opening."""
    workshop, terms = life.workshop, life.terms
    nobodies = [terms.requester, NATIVE, workshop.escrow.address, A.address]
    batches = [workshop.batch(terms, first, nobodies, b"\x01\x02\x03\x04") for first in (0, 4)]
    life.live(
        lambda: workshop.settle(terms, batches[0]),
        lambda: life.court.open(terms, batches[1]),
        lambda: life.court.contest(life.opening, b"\x01\x02\x00\x04"),
        lambda: life.court.finalize(life.opening, approved=True),
        lambda: life.court.concede(life.opening),
    )
    payments = [(row.slot, row.worker, row.outcome) for row in life.mirror.rows(tables.SlotPayment)]
    outcomes = ["cancelled"] * 3 + ["pushed"] + ["cancelled"] * 3 + ["credited"]
    assert sorted(payments) == [(slot, nobodies[slot % 4], outcome) for slot, outcome in enumerate(outcomes)]
    back = [("cancelled", 10_150), ("contest_deposit", DEPOSIT)]
    assert life.reasons(terms.requester) == [*back[:1] * 3, ("contest_deposit", -3 * DEPOSIT), back[0], *back * 2]


def test_one_stake_covers_many_openings(life: Life) -> None:
    """A worker opens two batches with one signature and appeals what is contested in them with another."""
    workshop, terms = life.workshop, life.terms
    batches = [
        workshop.batch(terms, 0, [A.address], b"\x01\x01"),
        workshop.batch(terms, 4, [A.address, B.address], PLACES[:3]),
    ]

    def both() -> list[str]:
        return [row.opening for row in life.court.rows(tables.Opening)]

    def contest() -> None:
        for opening, places in zip(both(), (b"\x00\x01", b"\x01\x02\x00"), strict=True):
            life.court.contest(opening, places)

    def appeal() -> None:
        workshop.deposit(workshop.chain.bystander, STAKE)
        workshop.wait_until(life.opened_at + DAY)
        life.court.appeal(A, [(opening, 1) for opening in both()], workshop.chain.bystander)

    life.live(lambda: life.court.open_for(A, terms, *batches), contest, appeal)
    assert [row.slots for row in life.mirror.rows(tables.Appeal)] == [2]
    life.live(lambda: (life.wait(DAY), life.conclude()))
    assert slot_states(life.mirror, life.job) == {0: "opened", 1: "credited", 4: "credited", 5: "contested"}


def test_an_appeal_can_be_concluded_by_who_has_read_the_logs_alone(life: Life) -> None:
    """Its worker holds slots of the second opening at two places, and none of them is contested: the bytes don't tell which place
    it signed."""
    workshop, terms, bystander = life.workshop, life.terms, life.workshop.chain.bystander
    table = [A.address] * 3
    openings = life.court.open(terms, *(workshop.batch(terms, first, table, b"\x03\x02") for first in (0, 2)))
    life.court.contest(openings[0], b"\x03\x00")
    workshop.deposit(bystander, STAKE)
    workshop.wait_until(life.opened_at + DAY)
    appeal = life.court.appeal(A, [(openings[0], 3), (openings[1], 2)], bystander)
    life.wait(DAY)
    life.court.conclude(appeal)
    life.check()
    assert slot_states(life.mirror, life.job) == {0: "credited", 1: "opened", 2: "opened", 3: "opened"}


def test_a_requester_may_give_in(life: Life) -> None:
    """Before an appeal it concedes, after one it concludes; an approval does the first for it."""
    life.live(life.open, life.contest, lambda: life.court.concede(life.opening))
    assert life.states() == "opened credited free credited opened credited"
    assert life.reasons(A.address) == [("earned", 20_000), ("contest_deposit", 2 * DEPOSIT)]
    assert [row.slots for row in life.mirror.rows(tables.Concession)] == [3]
    life.live(lambda: life.court.contest(life.opening, b"\x01" + b"\x00" * 5), life.appeal)
    life.live(lambda: life.court.conclude(life.appealed, life.workshop.chain.requester), life.finalize)
    assert life.states() == "credited credited free credited pushed credited"


def test_an_approval_is_worth_as_much_after_a_contest(life: Life) -> None:
    relayer = life.workshop.chain.relayer
    life.live(life.open, life.contest, lambda: life.court.concede(life.opening, relayer, approved=True))
    assert life.reasons(life.terms.requester) == [("contest_deposit", -3 * DEPOSIT)]


def test_a_reorg_of_a_whole_life_leaves_nothing_of_it(life: Life) -> None:
    before = life.workshop.head()
    life.open(), life.contest(), life.appeal(), life.defend()
    life.court.rule(life.dispute, FOR_REQUESTER)
    life.conclude()
    life.check()
    depth = life.workshop.head() - before
    assert 5 <= depth <= WINDOW
    life.workshop.rpc.call("anvil_reorg", depth, [])
    require_canonical(life.mirror.catch_up(), life.workshop, life.folder)
    assert not any(life.mirror.rows(table) for table in (tables.Opening, tables.AppealPhase, tables.SlotStep))
    life.check()


def test_evidence_may_be_any_bytes(life: Life) -> None:
    """Whoever shows it pays for it, and an indexer that stopped at it would stop for ever."""
    odd = [b"\xff\xfe no text \x80", b"a\x00b", b"", bytes(range(256)) * 100]
    life.live(life.open, life.contest, life.appeal, lambda: life.court.defend(life.appealed, evidence=odd[0]))
    life.live(lambda: [life.court.show(life.appealed, evidence) for evidence in odd])
    rows = life.mirror.rows(tables.Evidence)
    assert {row.appeal for row in rows} == {life.appealed}
    assert [(row.kind, row.content) for row in rows] == [("meta", odd[0]), *(("evidence", content) for content in odd)]
    assert {row.party for row in rows} == {None, life.workshop.chain.bystander.address}


def test_an_operator_spends_no_more_than_it_may(life: Life) -> None:
    workshop, court, operator = life.workshop, life.court, life.workshop.chain.relayer
    for_ever = 2**64 - 1
    theirs = court.terms(operator=operator.address)

    def spend() -> None:
        data = encode_post(theirs, 3, "ledger")
        workshop.call(operator, data)
        workshop.accounts.add((theirs.requester, theirs.token))

    def contest() -> None:
        (opening,) = court.open(theirs, workshop.batch(theirs, 0, [A.address], b"\x01\x01"))
        court.contest(opening, b"\x01\x01", by=operator)

    life.live(lambda: court.allow(operator, 2**192 - 1, for_ever), lambda: court.allow(operator, 10_000, for_ever))
    life.live(spend, contest)
    life.live(lambda: court.tip(operator, {A.address: 40, B.address: 2}, b"\x07" * 32, theirs.requester))
    spent = [3 * theirs.price, 2 * DEPOSIT, 42]
    changes = [(row.spent, row.allowance, row.expires_at) for row in life.mirror.rows(tables.OperatorAllowance)]
    left = [2**192 - 1, 10_000, *(10_000 - sum(spent[: count + 1]) for count in range(3))]
    assert changes == [(paid, amount, for_ever) for paid, amount in zip([0, 0, *spent], left, strict=True)]
    life.live(lambda: court.allow(operator, 0, 0))
    with pytest.raises(Conflict, match="CallerNotAuthorized"):
        court.tip(operator, {A.address: 1}, bytes(32), theirs.requester)


def test_a_tip_moves_money_from_one_balance_to_others(life: Life) -> None:
    requester, note = life.terms.requester, keccak256(b"thanks")
    amounts = {A.address: 100, B.address: 0, requester: 7}
    life.live(lambda: life.court.tip(life.workshop.chain.requester, amounts, note))
    tips = [(row.sender, row.receiver, row.amount, row.note) for row in life.mirror.rows(tables.Tip)]
    assert tips == [(requester, receiver, amount, "0x" + note.hex()) for receiver, amount in amounts.items()]
    moves = [(row.account, row.credit - row.debit) for row in life.mirror.rows(tables.LedgerEntry) if row.reason == "tip"]
    assert moves == [(requester, -107), (A.address, 100), (requester, 7)]


def test_many_withdrawals_are_mirrored_as_each_went(life: Life) -> None:
    """The second one asks for more than there is and is left out."""
    workshop, owner = life.workshop, life.workshop.chain.requester

    def carry() -> None:
        nonce = workshop.escrow.nonce_of(owner.address, workshop.token)
        orders = [
            Withdrawal(owner.address, workshop.token, A.address, amount, 5, number, workshop.now() + DAY)
            for amount, number in [(500, nonce), (2**100, nonce + 1), (9, nonce + 1)]
        ]
        signed = [SignedWithdrawal(order, 3, owner.sign(workshop.domain.withdrawal_digest(order))) for order in orders]
        workshop.accounts.add((workshop.chain.relayer.address, workshop.token))
        workshop.call(workshop.chain.relayer, encode_withdraw_many(signed, 60_000))

    life.live(carry)
    assert [(row.amount, row.relay_fee) for row in life.mirror.rows(tables.LedgerWithdrawal)] == [(500, 3), (9, 3)]
