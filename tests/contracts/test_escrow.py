"""The escrow through piecework.chain, as the product calls it, on Anvil and on Ganache."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from piecework.chain.abi import Abi
from piecework.chain.build import contract
from piecework.chain.deploy import create
from piecework.chain.escrow import (
    AppealState,
    Authorization,
    Escrow,
    OpeningState,
    OperatorState,
    SignedBatch,
    encode_close,
    encode_deposit,
    encode_fund,
    encode_post,
    encode_post_with_authorization,
    encode_post_with_permit,
    encode_relayed_withdrawal,
    encode_settle,
    encode_withdraw,
    escrow_abi,
    token_abi,
    token_balance,
    view,
)
from piecework.chain.escrow_recourse import (
    OpenedBatch,
    encode_appeal,
    encode_conclude,
    encode_contest,
    encode_defend,
    encode_open,
    encode_set_operator_with_signature,
    encode_tip,
)
from piecework.chain.wallet import Receipt, Wallet
from piecework.domain.errors import Conflict
from piecework.domain.keccak import keccak256
from piecework.domain.recourse import Appeal, Opening
from piecework.domain.terms import DAY, Batch, Terms, cut_batch
from piecework.domain.typed_data import Funding, Key, OperatorGrant, Withdrawal, appeal_request
from piecework.domain.units import NATIVE
from tests.conftest import Chain, deployed
from tests.contracts.dollar import DollarMessages
from tests.support.devnet import anvil, ganache

REWARD = 50_000
ANSWER = keccak256(b"answer")


@pytest.fixture(scope="module", params=[anvil, ganache], ids=["anvil", "ganache"])
def devnet(request: pytest.FixtureRequest) -> Iterator[Chain]:
    """Both devnets in turn, each with a rich requester."""
    with request.param() as rpc:
        chain = deployed(rpc)
        mint = token_abi().encode("mint", chain.requester.address, 10**15)
        Wallet(rpc, chain.requester).send(chain.deployment.token, mint)
        yield chain


@pytest.fixture
def escrow(devnet: Chain) -> Escrow:
    return Escrow(devnet.rpc, devnet.deployment.escrow)


def now(chain: Chain) -> int:
    return int(chain.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)


def terms(chain: Chain, name: str, token: str | None = None) -> Terms:
    """A job of its own for each test: the name makes the salt."""
    return Terms(
        requester=chain.requester.address,
        operator=NATIVE,
        token=token or chain.deployment.token,
        reward=REWARD,
        fee=0,
        coordinator=chain.coordinator.address,
        arbitrator=NATIVE,
        arbitrator_extra_data=b"",
        contest_deposit=0,
        appeal_stake=0,
        closes_at=now(chain) + 7 * DAY,
        review_window=DAY,
        appeal_window=DAY,
        content_hash=keccak256(b"content"),
        salt=keccak256(name.encode()),
    )


def send(chain: Chain, key: Key, data: str, value: int = 0) -> Receipt:
    return Wallet(chain.rpc, key, escrow_abi()).send(chain.deployment.escrow, data, value)


def posted(chain: Chain, name: str, slots: int) -> Terms:
    """A job paid out of the requester's wallet by an allowance."""
    job = terms(chain, name)
    allow(chain, slots * REWARD)
    send(chain, chain.requester, encode_post(job, slots, "wallet"))
    return job


def allow(chain: Chain, amount: int) -> None:
    approve = token_abi().encode("approve", chain.deployment.escrow, amount)
    Wallet(chain.rpc, chain.requester).send(chain.deployment.token, approve)


def permit(chain: Chain, amount: int, deadline: int) -> bytes:
    nonce = view(chain.rpc, token_abi(), chain.deployment.token, "nonces", chain.requester.address)
    assert isinstance(nonce, int)
    messages = DollarMessages(chain.rpc, chain.deployment.token)
    return chain.requester.sign(
        messages.permit(chain.requester.address, chain.deployment.escrow, amount, nonce, deadline)
    )


def signed(chain: Chain, job: Terms, batch: Batch) -> SignedBatch:
    """Both parties' words on a batch."""
    domain = chain.deployment.domain
    digest = domain.batch_digest(batch)
    approval = domain.approval_digest(digest, batch.named, batch.named * job.price)
    return SignedBatch(batch, chain.coordinator.sign(digest), chain.requester.sign(approval))


def logs(chain: Chain, receipt: Receipt) -> list[tuple[str, dict[str, object]]]:
    """The escrow's own events of a transaction, decoded."""
    raw = chain.rpc.call("eth_getTransactionReceipt", receipt.transaction_hash)["logs"]
    own = [log for log in raw if log["address"] == chain.deployment.escrow]
    return [escrow_abi().decode_event(log["topics"], log["data"]) for log in own]


def new_key(name: str) -> Key:
    """A key that owns nothing, not even gas money."""
    return Key(keccak256(name.encode()))


def test_a_job_is_posted_by_permit(devnet: Chain, escrow: Escrow) -> None:
    job, before = terms(devnet, "permit"), token_balance(devnet.rpc, devnet.deployment.token, escrow.address)
    deadline = now(devnet) + 3600
    receipt = send(
        devnet, devnet.requester, encode_post_with_permit(job, 3, deadline, permit(devnet, 3 * REWARD, deadline))
    )
    assert token_balance(devnet.rpc, devnet.deployment.token, escrow.address) - before == 3 * REWARD
    state = escrow.job(devnet.deployment.domain.job_id(job))
    assert (state.funded, state.taken, state.resolved, state.closed) == (3, 0, 0, False)
    [(name, event)] = logs(devnet, receipt)
    assert name == "JobPosted"
    assert event["job"] == devnet.deployment.domain.job_id(job)
    assert event["terms"] == job.as_tuple()
    assert event["slots"] == 3


def test_anyone_carries_a_job_that_its_requester_authorized(devnet: Chain, escrow: Escrow) -> None:
    job = terms(devnet, "authorization")
    requester = new_key("requester without gas money")
    job = Terms(**{name: getattr(job, name) for name in Terms.__slots__} | {"requester": requester.address})
    mint = token_abi().encode("mint", requester.address, 5 * REWARD)
    Wallet(devnet.rpc, devnet.relayer).send(devnet.deployment.token, mint)
    job_id = devnet.deployment.domain.job_id(job)
    messages = DollarMessages(devnet.rpc, devnet.deployment.token)
    digest = messages.authorization(requester.address, escrow.address, 5 * REWARD, (0, 2**64), job_id)
    authorization = Authorization(0, 2**64, requester.sign(digest))
    with pytest.raises(Conflict):
        send(devnet, devnet.relayer, encode_post_with_authorization(job, 4, authorization))
    send(devnet, devnet.relayer, encode_post_with_authorization(job, 5, authorization))
    assert escrow.job(job_id).funded == 5
    assert token_balance(devnet.rpc, devnet.deployment.token, requester.address) == 0


def test_an_open_job_is_funded_from_the_ledger(devnet: Chain, escrow: Escrow) -> None:
    job, token = posted(devnet, "fund", 2), devnet.deployment.token
    before = escrow.balance_of(job.requester, token)
    deposit = encode_deposit(token, 3 * REWARD)
    with pytest.raises(Conflict, match="TransferFailed"):
        send(devnet, devnet.requester, deposit)
    allow(devnet, 3 * REWARD)
    send(devnet, devnet.requester, deposit)
    assert escrow.balance_of(job.requester, token) - before == 3 * REWARD
    funding = Funding(devnet.deployment.domain.job_id(job), 2, 3, keccak256(b"more"))
    fund = encode_fund(job, funding, "ledger")
    [(name, event)] = logs(devnet, send(devnet, devnet.requester, fund))
    assert (name, event["firstSlot"], event["slots"], event["contentHash"]) == ("JobFunded", 2, 3, keccak256(b"more"))
    assert escrow.job(devnet.deployment.domain.job_id(job)).funded == 5
    with pytest.raises(Conflict, match="FirstSlotMoved"):
        send(devnet, devnet.requester, fund)


def test_two_batches_with_a_growing_table_settle_in_one_transaction(devnet: Chain, escrow: Escrow) -> None:
    job, token = posted(devnet, "settle", 9), devnet.deployment.token
    job_id = devnet.deployment.domain.job_id(job)
    ada, ben, cleo = (new_key(f"{name} of the settlement").address for name in ("ada", "ben", "cleo"))
    first = cut_batch(job_id, [(0, ada, ANSWER), (1, ben, ANSWER), (3, ada, ANSWER)])
    second = cut_batch(job_id, [(4, ada, ANSWER), (6, cleo, ANSWER)], first.workers)
    batches = [signed(devnet, job, first), signed(devnet, job, second)]
    receipt = send(devnet, devnet.bystander, encode_settle(job, batches, frozenset({ben}), 60_000))
    assert [token_balance(devnet.rpc, token, who) for who in (ada, ben, cleo)] == [3 * REWARD, 0, REWARD]
    assert [escrow.balance_of(who, token) for who in (ada, ben, cleo)] == [0, REWARD, 0]
    events = logs(devnet, receipt)
    assert [name for name, _ in events] == ["BatchSettled", "BatchSettled", "WorkersPaid"]
    assert [event["batch"] for _, event in events[:2]] == [devnet.deployment.domain.batch_digest(b) for b in (first, second)]
    assert [event["places"] for _, event in events[:2]] == [b"\x01\x02\x00\x01", b"\x01\x00\x03"]
    assert events[2][1] == {"job": job_id, "credited": 1 << 2, "workers": (ada, ben, cleo)}
    state = escrow.job(job_id)
    assert (state.funded, state.taken, state.resolved) == (9, 5, 5)
    with pytest.raises(Conflict, match="NothingFree"):
        send(devnet, devnet.bystander, encode_settle(job, batches, frozenset(), 0))


def test_the_contracts_digests_are_ours(devnet: Chain, escrow: Escrow) -> None:
    job, domain = terms(devnet, "digests"), devnet.deployment.domain
    batch = cut_batch(domain.job_id(job), [(5, new_key("ada").address, ANSWER)])
    digest = domain.batch_digest(batch)
    withdrawal = Withdrawal(job.requester, job.token, job.coordinator, 5, 1, 0, 2**40)
    fields = batch.job, batch.first_slot, batch.workers, batch.places, batch.answer_root

    def ask(name: str, *arguments: object) -> object:
        return view(devnet.rpc, escrow_abi(), escrow.address, name, *arguments)

    assert ask("jobId", job.as_tuple()) == domain.job_id(job)
    assert ask("batchDigest", *fields) == digest
    assert ask("approvalDigest", digest, 1, REWARD) == domain.approval_digest(digest, 1, REWARD)
    assert ask("withdrawalDigest", withdrawal.as_tuple()) == domain.withdrawal_digest(withdrawal)


def test_batches_of_different_tables_are_not_settled_together(devnet: Chain) -> None:
    job = terms(devnet, "tables")
    job_id = devnet.deployment.domain.job_id(job)
    batches = [signed(devnet, job, cut_batch(job_id, [(0, new_key(name).address, ANSWER)])) for name in ("ada", "ben")]
    with pytest.raises(ValueError, match="share one worker table"):
        encode_settle(job, batches, frozenset(), 0)


def test_a_batch_of_another_coordinator_is_refused_in_words(devnet: Chain, escrow: Escrow) -> None:
    job = posted(devnet, "refused", 1)
    job_id = devnet.deployment.domain.job_id(job)
    good = signed(devnet, job, cut_batch(job_id, [(0, new_key("ada").address, ANSWER)]))
    forged = SignedBatch(good.batch, devnet.bystander.sign(b"\x01" * 32), good.approval)
    with pytest.raises(Conflict, match="SignatureInvalid"):
        send(devnet, devnet.bystander, encode_settle(job, [forged], frozenset(), 0))
    assert escrow.job(job_id).taken == 0


def test_a_worker_without_gas_money_withdraws_by_a_signature(devnet: Chain, escrow: Escrow) -> None:
    job, token, worker = posted(devnet, "withdrawal", 2), devnet.deployment.token, new_key("worker without gas money")
    batch = cut_batch(devnet.deployment.domain.job_id(job), [(slot, worker.address, ANSWER) for slot in range(2)])
    send(devnet, devnet.relayer, encode_settle(job, [signed(devnet, job, batch)], frozenset(), 0))
    assert escrow.balance_of(worker.address, token) == 2 * REWARD
    nonce, receiver = escrow.nonce_of(worker.address, token), new_key("the worker's other wallet").address
    withdrawal = Withdrawal(worker.address, token, receiver, 2 * REWARD - 100, 100, nonce, now(devnet) + 3600)
    signature = worker.sign(devnet.deployment.domain.withdrawal_digest(withdrawal))
    fee_before = escrow.balance_of(devnet.relayer.address, token)
    with pytest.raises(Conflict, match="FeeTooHigh"):
        send(devnet, devnet.relayer, encode_relayed_withdrawal(withdrawal, 101, signature))
    send(devnet, devnet.relayer, encode_relayed_withdrawal(withdrawal, 100, signature))
    assert token_balance(devnet.rpc, token, receiver) == 2 * REWARD - 100
    assert escrow.balance_of(devnet.relayer.address, token) - fee_before == 100
    assert escrow.balance_of(worker.address, token) == 0
    assert escrow.nonce_of(worker.address, token) == nonce + 1
    with pytest.raises(Conflict, match="NonceWrong"):
        send(devnet, devnet.relayer, encode_relayed_withdrawal(withdrawal, 100, signature))


def test_a_job_in_coins_pays_in_coins(devnet: Chain, escrow: Escrow) -> None:
    job, worker = terms(devnet, "coins", NATIVE), new_key("worker for coins").address
    send(devnet, devnet.requester, encode_post(job, 2, "wallet"), 2 * REWARD)
    batch = cut_batch(devnet.deployment.domain.job_id(job), [(1, worker, ANSWER)])
    send(devnet, devnet.relayer, encode_settle(job, [signed(devnet, job, batch)], frozenset(), 60_000))
    assert int(devnet.rpc.call("eth_getBalance", worker, "latest"), 16) == REWARD
    assert escrow.balance_of(worker, NATIVE) == 0


def test_a_closed_job_gives_back_what_is_free_and_the_requester_withdraws_it(devnet: Chain, escrow: Escrow) -> None:
    job, token = posted(devnet, "close", 5), devnet.deployment.token
    job_id = devnet.deployment.domain.job_id(job)
    batch = cut_batch(job_id, [(2, new_key("ada").address, ANSWER)])
    send(devnet, devnet.relayer, encode_settle(job, [signed(devnet, job, batch)], frozenset(), 0))
    with pytest.raises(Conflict, match="ClosesLater"):
        send(devnet, devnet.bystander, encode_close(job))
    devnet.rpc.call("evm_increaseTime", 8 * DAY)
    devnet.rpc.call("evm_mine")
    before = escrow.balance_of(job.requester, token)
    [(name, event)] = logs(devnet, send(devnet, devnet.bystander, encode_close(job)))
    assert (name, event) == ("JobClosed", {"job": job_id, "slotsRefunded": 4})
    assert escrow.balance_of(job.requester, token) - before == 4 * REWARD
    assert escrow.job(job_id).closed
    receiver = new_key("the requester's other wallet").address
    send(devnet, devnet.requester, encode_withdraw(token, 4 * REWARD, receiver))
    assert token_balance(devnet.rpc, token, receiver) == 4 * REWARD


def test_a_contested_answer_goes_all_the_way_to_a_ruling(devnet: Chain, escrow: Escrow) -> None:
    domain, token, worker = devnet.deployment.domain, devnet.deployment.token, new_key("worker with a sponsor")
    council = create(Wallet(devnet.rpc, devnet.deployer), "CouncilArbitrator", [devnet.bystander.address], 1_000).contract
    assert council
    job = replace(terms(devnet, "ruling"), arbitrator=council, contest_deposit=7, appeal_stake=11)
    job_id = domain.job_id(job)
    allow(devnet, 2 * REWARD + 7 + 11)
    send(devnet, devnet.requester, encode_post(job, 2, "wallet"))
    send(devnet, devnet.requester, encode_deposit(token, 7 + 11))
    send(devnet, devnet.requester, encode_tip(job.requester, token, [(devnet.relayer.address, 11)], ANSWER))

    batch = cut_batch(job_id, [(1, worker.address, ANSWER)])
    digest = domain.batch_digest(batch)
    opened = OpenedBatch(batch, devnet.coordinator.sign(digest), place=1)
    request = worker.sign(domain.open_request_digest([digest]))
    send(devnet, devnet.relayer, encode_open(job, [opened], request))
    opening = Opening(digest, 1, batch.workers, batch.places)
    assert escrow.opening(opening.id(job_id)) == OpeningState(now(devnet), finalized=False)
    assert escrow.taken_word(job_id, 0) == 1 << 254
    send(devnet, devnet.requester, encode_contest(job, opening, opening.places, ANSWER))

    devnet.rpc.call("evm_increaseTime", DAY + 60)
    devnet.rpc.call("evm_mine")
    wanted = worker.sign(domain.appeal_request_digest([opening.id(job_id)], [1]))
    send(devnet, devnet.relayer, encode_appeal(job, [opening], [1], wanted))
    request_hash = appeal_request([opening.id(job_id)], [1])
    appeal = Appeal(worker.address, devnet.relayer.address, 1, now(devnet), request_hash)
    assert escrow.appeal(appeal.id(job_id)).phase == "pending"
    send(devnet, devnet.requester, encode_defend(job, appeal, ""), 1_000)
    defended_at = now(devnet)
    vote = Abi(contract("CouncilArbitrator").abi).encode("vote", 0, 1, "the answer is there")
    Wallet(devnet.rpc, devnet.bystander).send(council, vote)
    assert escrow.appeal(appeal.id(job_id)) == AppealState("ruled", defended_at, 0)

    before = escrow.balance_of(devnet.relayer.address, token)
    send(devnet, devnet.bystander, encode_conclude(job, appeal))
    assert escrow.balance_of(worker.address, token) == REWARD + 7
    assert escrow.balance_of(devnet.relayer.address, token) - before == 11
    assert escrow.appeal(appeal.id(job_id)).phase == "done"


def test_an_operator_spends_what_it_was_granted(devnet: Chain, escrow: Escrow) -> None:
    token, requester, operator = devnet.deployment.token, devnet.requester, devnet.bystander
    allow(devnet, 100)
    send(devnet, requester, encode_deposit(token, 100))
    nonce, until = escrow.nonce_of(requester.address, token), now(devnet) + DAY
    grant = OperatorGrant(requester.address, operator.address, token, 60, until, nonce, until)
    signature = requester.sign(devnet.deployment.domain.operator_digest(grant))
    send(devnet, devnet.relayer, encode_set_operator_with_signature(grant, signature))
    receiver = new_key("receiver of a tip").address
    tip = encode_tip(requester.address, token, [(receiver, 40)], ANSWER)
    send(devnet, operator, tip)
    assert escrow.operator(requester.address, operator.address, token) == OperatorState(20, until)
    assert escrow.balance_of(receiver, token) == 40
    with pytest.raises(Conflict, match="CallerNotAuthorized"):
        send(devnet, operator, tip)
