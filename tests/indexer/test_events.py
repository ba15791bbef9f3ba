"""Every kind of event becomes its rows."""

from datetime import UTC, datetime

from indexer import tables
from piecework.domain.keccak import keccak256
from piecework.domain.units import NATIVE
from tests.indexer.bench import Bench, bench, require_balances
from tests.indexer.workshop import Workshop, worker


def entries(mirror: Bench) -> list[tuple[str, str, int, int, int]]:
    return [
        (row.account, row.reason, row.credit, row.debit, row.balance) for row in mirror.rows(tables.LedgerEntry)
    ]


def test_a_deposit_is_a_ledger_credit(workshop: Workshop, database_url: str) -> None:
    receipt = workshop.deposit(workshop.chain.requester, 500)
    with bench(database_url, workshop) as mirror:
        (row,) = mirror.catch_up().rows(tables.LedgerEntry)
        assert row.block_number == receipt.block_number
        assert (row.chain_id, row.escrow) == (31337, workshop.deployment.escrow)
        assert (row.token, row.job, row.sequence) == (workshop.token, None, 0)
        assert entries(mirror) == [(workshop.chain.requester.address, "deposited", 500, 0, 500)]


def test_a_withdrawal_is_a_row_and_a_ledger_debit(workshop: Workshop, database_url: str) -> None:
    requester, receiver = workshop.chain.requester, worker(1).address
    workshop.deposit(requester, 500)
    workshop.withdraw(requester, 200, receiver)
    with bench(database_url, workshop) as mirror:
        (row,) = mirror.catch_up().rows(tables.LedgerWithdrawal)
        assert (row.owner, row.receiver, row.amount) == (requester.address, receiver, 200)
        assert (row.relayer, row.relay_fee, row.token) == (requester.address, 0, workshop.token)
        assert entries(mirror)[1:] == [(requester.address, "withdrawn", 0, 200, 300)]


def test_a_relayed_withdrawal_moves_its_fee_to_the_relayer(workshop: Workshop, database_url: str) -> None:
    owner, relayer = workshop.chain.requester, workshop.chain.relayer.address
    workshop.deposit(owner, 500)
    workshop.relay(owner, 200, 7, worker(1).address)
    with bench(database_url, workshop) as mirror:
        (row,) = mirror.catch_up().rows(tables.LedgerWithdrawal)
        assert (row.relayer, row.relay_fee) == (relayer, 7)
        assert entries(mirror)[1:] == [
            (owner.address, "withdrawn", 0, 200, 300),
            (owner.address, "relay_fee", 0, 7, 293),
            (relayer, "relay_fee", 7, 0, 7),
        ]
        assert [entry.sequence for entry in mirror.rows(tables.LedgerEntry)] == [0, 0, 1, 2]


def test_who_relays_its_own_withdrawal_pays_the_fee_to_itself(workshop: Workshop, database_url: str) -> None:
    owner = workshop.chain.requester
    workshop.deposit(owner, 500)
    workshop.relay(owner, 200, 7, worker(1).address, relayer=owner)
    with bench(database_url, workshop) as mirror:
        mirror.catch_up()
        require_balances(mirror.engine, workshop)
        assert entries(mirror)[-1] == (owner.address, "relay_fee", 7, 0, 300)
        workshop.deposit(owner, 1)
        require_balances(mirror.catch_up().engine, workshop)


def test_a_job_posted_from_the_ledger_locks_reward_and_fee(workshop: Workshop, database_url: str) -> None:
    requester = workshop.chain.requester.address
    workshop.set_fee(200, worker(9).address)
    workshop.deposit(workshop.chain.requester, 100_000)
    terms = workshop.terms(reward=1_000)
    job = "0x" + workshop.post(terms, 30, "ledger").hex()
    workshop.fund(terms, 30, 4, "wallet")
    workshop.fund(terms, 34, 6, "ledger")
    with bench(database_url, workshop) as mirror:
        (row,) = mirror.catch_up().rows(tables.Job)
        expected = {name: getattr(terms, name) for name in terms.__slots__} | {
            "arbitrator_extra_data": "0x0102",
            "content_hash": "0x" + terms.content_hash.hex(),
            "salt": "0x" + terms.salt.hex(),
        }
        assert {name: getattr(row, name) for name in expected} == expected
        assert (row.job, row.fee) == (job, 20)
        more = "0x" + keccak256(b"more").hex()
        assert [
            (funding.job, funding.first_slot, funding.slots, funding.content_hash, funding.source)
            for funding in mirror.rows(tables.Funding)
        ] == [
            (job, 0, 30, expected["content_hash"], "ledger"),
            (job, 30, 4, more, "wallet"),
            (job, 34, 6, more, "ledger"),
        ]
        assert entries(mirror)[1:] == [
            (requester, "locked", 0, 30 * 1_020, 100_000 - 30 * 1_020),
            (requester, "locked", 0, 6 * 1_020, 100_000 - 36 * 1_020),
        ]
        assert {entry.job for entry in mirror.rows(tables.LedgerEntry)[1:]} == {job}


def test_a_settlement_says_who_was_paid_for_which_slot(workshop: Workshop, database_url: str) -> None:
    terms = workshop.terms()
    job = "0x" + workshop.post(terms, 10).hex()
    pushed, credited = worker(1).address, worker(2).address
    batch = workshop.batch(terms, 2, [pushed, credited], bytes([2, 0, 1, 1]))
    receipt = workshop.settle(terms, batch, credit_only=frozenset({credited}))
    with bench(database_url, workshop) as mirror:
        (settled,) = mirror.catch_up().rows(tables.SettledBatch)
        digest = "0x" + workshop.domain.batch_digest(batch).hex()
        assert (settled.job, settled.batch, settled.first_slot, settled.worker_count) == (job, digest, 2, 2)
        assert (settled.places, settled.answer_root) == (batch.places, "0x" + batch.answer_root.hex())
        slots = mirror.rows(tables.SlotPayment)
        assert [(row.slot, row.worker, row.amount, row.outcome) for row in slots] == [
            (2, credited, 1_000, "credited"),
            (4, pushed, 1_000, "pushed"),
            (5, pushed, 1_000, "pushed"),
        ]
        (said_at,) = {(row.block_number, row.log_index) for row in mirror.rows(tables.WorkerPayment)}
        assert {(row.job, row.block_number, row.log_index, row.transaction_hash) for row in slots} == {
            (job, *said_at, receipt.transaction_hash)
        }
        assert [
            (row.place, row.worker, row.token, row.slots, row.amount, row.outcome)
            for row in mirror.rows(tables.WorkerPayment)
        ] == [(1, pushed, workshop.token, 2, 2_000, "pushed"), (2, credited, workshop.token, 1, 1_000, "credited")]
        assert entries(mirror) == [(credited, "earned", 1_000, 0, 1_000)]


def test_a_slot_that_two_batches_name_is_paid_once(workshop: Workshop, database_url: str) -> None:
    terms = workshop.terms()
    workshop.post(terms, 10)
    a, b = worker(1).address, worker(2).address
    together = (workshop.batch(terms, 0, [a], b"\x01\x01\x01"), workshop.batch(terms, 2, [a, b], b"\x02\x02"))
    workshop.settle(terms, *together)
    workshop.settle(terms, workshop.batch(terms, 3, [b], b"\x01\x01"))
    with bench(database_url, workshop) as mirror:
        mirror.catch_up()
        assert [row.places for row in mirror.rows(tables.SettledBatch)] == [b"\x01\x01\x01", b"\x00\x02", b"\x00\x01"]
        assert sorted((row.slot, row.worker) for row in mirror.rows(tables.SlotPayment)) == [
            (0, a), (1, a), (2, a), (3, b), (4, b),
        ]  # fmt: skip
        assert [(row.worker, row.slots) for row in mirror.rows(tables.WorkerPayment)] == [(a, 3), (b, 1), (b, 1)]


def test_a_slot_given_to_the_requester_is_cancelled_and_its_fee_comes_back(
    workshop: Workshop, database_url: str
) -> None:
    requester, treasury = workshop.chain.requester.address, worker(9).address
    workshop.set_fee(200, treasury)
    terms = workshop.terms(reward=1_000)
    workshop.post(terms, 3)
    workshop.settle(terms, workshop.batch(terms, 0, [requester, worker(1).address], b"\x01\x01\x02"))
    with bench(database_url, workshop) as mirror:
        mirror.catch_up()
        assert [(row.worker, row.amount, row.outcome) for row in mirror.rows(tables.SlotPayment)] == [
            (requester, 1_020, "cancelled"),
            (requester, 1_020, "cancelled"),
            (worker(1).address, 1_000, "pushed"),
        ]
        assert [(row.slots, row.amount, row.outcome) for row in mirror.rows(tables.WorkerPayment)] == [
            (2, 2_040, "cancelled"),
            (1, 1_000, "pushed"),
        ]
        assert entries(mirror) == [(requester, "cancelled", 2_040, 0, 2_040), (treasury, "fee", 20, 0, 20)]


def test_a_worker_who_stands_twice_in_the_table_is_paid_at_both_places(workshop: Workshop, database_url: str) -> None:
    terms, account = workshop.terms(), worker(1).address
    workshop.post(terms, 3)
    workshop.settle(terms, workshop.batch(terms, 0, [account, account], b"\x01\x02\x02"), push_gas=0)
    with bench(database_url, workshop) as mirror:
        mirror.catch_up()
        require_balances(mirror.engine, workshop)
        assert [(row.place, row.slots) for row in mirror.rows(tables.WorkerPayment)] == [(1, 1), (2, 2)]
        assert entries(mirror) == [(account, "earned", 1_000, 0, 1_000), (account, "earned", 2_000, 0, 3_000)]


def test_a_close_refunds_what_was_free(workshop: Workshop, database_url: str) -> None:
    requester = workshop.chain.requester.address
    terms = workshop.terms(reward=1_000)
    job = "0x" + workshop.post(terms, 10).hex()
    workshop.settle(terms, workshop.batch(terms, 0, [worker(1).address], b"\x01\x01"))
    workshop.close(terms)
    with bench(database_url, workshop) as mirror:
        (row,) = mirror.catch_up().rows(tables.Close)
        assert (row.job, row.slots_refunded) == (job, 8)
        assert entries(mirror) == [(requester, "refunded", 8_000, 0, 8_000)]


def test_a_close_with_nothing_free_moves_no_money(workshop: Workshop, database_url: str) -> None:
    terms = workshop.terms()
    workshop.post(terms, 1)
    workshop.settle(terms, workshop.batch(terms, 0, [worker(1).address], b"\x01"))
    workshop.close(terms)
    with bench(database_url, workshop) as mirror:
        (row,) = mirror.catch_up().rows(tables.Close)
        assert (row.slots_refunded, entries(mirror)) == (0, [])


def test_the_protocols_fee_and_its_receiver_are_kept(workshop: Workshop, database_url: str) -> None:
    workshop.set_fee(100, worker(8).address)
    workshop.set_fee(0, worker(9).address)
    with bench(database_url, workshop) as mirror:
        found = [(row.fee_bps, row.treasury) for row in mirror.catch_up().rows(tables.ProtocolFee)]
        assert found == [(100, worker(8).address), (0, worker(9).address)]


def test_a_job_in_the_chains_own_coin_pays_in_it(workshop: Workshop, database_url: str) -> None:
    workshop.deposit(workshop.chain.requester, 10**18, NATIVE)
    terms = workshop.terms(reward=10**17, token=NATIVE)
    workshop.post(terms, 3, "ledger")
    workshop.settle(terms, workshop.batch(terms, 0, [worker(1).address, worker(2).address], b"\x01\x02"), push_gas=0)
    with bench(database_url, workshop) as mirror:
        mirror.catch_up()
        require_balances(mirror.engine, workshop)
        assert {row.token for row in mirror.rows(tables.LedgerEntry)} == {NATIVE}
        assert [row.balance for row in mirror.rows(tables.LedgerEntry)] == [10**18, 7 * 10**17, 10**17, 10**17]


def test_a_table_of_255_workers_and_16384_slots_comes_through_whole(workshop: Workshop, database_url: str) -> None:
    terms = workshop.terms(reward=1)
    workshop.post(terms, 16_384)
    table = [worker(number).address for number in range(255)]
    places = bytes(1 + number % 255 for number in range(16_384))
    workshop.settle(terms, workshop.batch(terms, 0, table, places), push_gas=0)
    with bench(database_url, workshop) as mirror:
        mirror.catch_up()
        require_balances(mirror.engine, workshop)
        found = [(row.slot, row.worker) for row in mirror.rows(tables.SlotPayment)]
        assert found == [(slot, table[place - 1]) for slot, place in enumerate(places)]


def test_blocks_within_the_window_keep_their_hashes_and_others_only_with_events(
    workshop: Workshop, database_url: str
) -> None:
    receipt = workshop.deposit(workshop.chain.requester, 5)
    workshop.mine(40)
    with bench(database_url, workshop, window=8) as mirror:
        for _ in range(3):
            mirror.catch_up()
            workshop.mine(1)
        found = {row.number: row for row in mirror.catch_up().rows(tables.Block)}
        head = workshop.head()
        assert sorted(found) == [receipt.block_number, *range(head - 8, head + 1)]
        for number, row in found.items():
            block = workshop.rpc.call("eth_getBlockByNumber", hex(number), False)
            assert (row.hash, row.parent_hash) == (block["hash"], block["parentHash"])
            assert row.timestamp_at == datetime.fromtimestamp(int(block["timestamp"], 16), UTC)
        assert found[receipt.block_number].log_count == 1
