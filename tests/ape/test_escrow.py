"""One payment from wallet to wallet through ape's own API: posted, settled by both signatures, withdrawn by another."""

import ape
import pytest
from eth_account.messages import encode_typed_data

REWARD = 50_000
DAY = 86_400
ZERO = "0x" + "00" * 20
ROOT = b"\x05" * 32
APPROVAL = {"batch": "bytes32", "slots": "uint256", "amount": "uint256"}
BATCH = {"job": "bytes32", "firstSlot": "uint256", "workers": "address[]", "places": "bytes", "answerRoot": "bytes32"}
WITHDRAWAL = {
    "owner": "address",
    "token": "address",
    "receiver": "address",
    "amount": "uint256",
    "maxFee": "uint256",
    "nonce": "uint64",
    "deadline": "uint64",
}


@pytest.fixture
def terms(chain, dollar, requester, coordinator):
    closes_at = chain.pending_timestamp + 7 * DAY
    return (
        requester.address, ZERO, dollar.address, REWARD, 0, coordinator.address, ZERO, b"", 0, 0, closes_at, DAY, DAY,
        b"\x01" * 32, b"\x02" * 32,
    )  # fmt: skip


@pytest.fixture
def job(escrow, terms, requester):
    """Three slots, posted from the requester's wallet."""
    escrow.post(terms, 3, 1, sender=requester)
    return escrow.jobId(terms)


def sign(chain, escrow, account, name, fields, values):
    """An account's word on a typed message, as its wallet makes it."""
    domain = {"name": "Piecework", "version": "1", "chainId": chain.chain_id, "verifyingContract": escrow.address}
    members = [{"name": field, "type": kind} for field, kind in fields.items()]
    message = encode_typed_data(domain, {name: members}, dict(zip(fields, values, strict=True)))
    return account.sign_message(message)


def signed_batch(chain, escrow, job, requester, coordinator, workers, places):
    """A batch from slot 0 on with both signatures."""
    batch = sign(chain, escrow, coordinator, "Batch", BATCH, (job, 0, workers, places, ROOT))
    named = len(places) - places.count(0)
    digest = escrow.batchDigest(job, 0, workers, places, ROOT)
    approval = sign(chain, escrow, requester, "Approval", APPROVAL, (digest, named, named * REWARD))
    s = int.from_bytes(batch.s) | (batch.v - 27) << 255
    return (0, len(workers), places, ROOT, batch.r, s.to_bytes(32), approval.encode_rsv())


def test_a_job_is_posted_with_its_money(escrow, dollar, job):
    state = escrow.jobOf(job)
    assert (state.funded, state.taken, state.resolved, state.closed) == (3, 0, 0, False)
    assert dollar.balanceOf(escrow) == 3 * REWARD


def test_an_approved_batch_pays_into_the_wallet(
    chain, escrow, dollar, job, terms, requester, coordinator, worker, stranger
):
    batch = signed_batch(chain, escrow, job, requester, coordinator, [worker.address], b"\x01\x00\x01")
    receipt = escrow.settle(terms, [worker], [batch], (0, 60_000), sender=stranger)
    assert dollar.balanceOf(worker) == 2 * REWARD
    [settled] = receipt.decode_logs(escrow.BatchSettled)
    assert bytes(settled.places) == b"\x01\x00\x01"
    with ape.reverts(escrow.NothingFree):
        escrow.settle(terms, [worker], [batch], (0, 60_000), sender=stranger)


def test_a_batch_without_the_requesters_word_is_refused(
    chain, escrow, job, terms, requester, coordinator, worker, stranger
):
    *batch, _ = signed_batch(chain, escrow, job, requester, coordinator, [worker.address], b"\x01")
    with ape.reverts(escrow.SignatureInvalid):
        escrow.settle(terms, [worker], [(*batch, b"")], (0, 0), sender=stranger)


def test_a_credit_leaves_by_a_relayed_signature(
    chain, escrow, dollar, job, terms, requester, coordinator, worker, stranger
):
    batch = signed_batch(chain, escrow, job, requester, coordinator, [worker.address], b"\x01\x01\x01")
    escrow.settle(terms, [worker], [batch], (0, 0), sender=stranger)
    assert escrow.balanceOf(worker, dollar) == 3 * REWARD
    values = (worker.address, dollar.address, worker.address, 3 * REWARD - 10, 10, 0, chain.pending_timestamp + 3600)
    signature = sign(chain, escrow, worker, "Withdrawal", WITHDRAWAL, values).encode_rsv()
    escrow.withdrawWithSignature(values, 10, signature, sender=stranger)
    assert dollar.balanceOf(worker) == 3 * REWARD - 10
    assert escrow.balanceOf(stranger, dollar) == 10


def test_a_closed_job_gives_back_what_is_free(chain, escrow, dollar, job, terms, requester, stranger):
    with ape.reverts(escrow.ClosesLater):
        escrow.close(terms, sender=stranger)
    chain.mine(timestamp=chain.pending_timestamp + 8 * DAY)
    escrow.close(terms, sender=stranger)
    assert escrow.balanceOf(requester, dollar) == 3 * REWARD
