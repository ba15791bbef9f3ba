"""Transactions that the chain doesn't mine: too cheap, dropped, behind a gap, unaffordable; and a chain that isn't the one it was."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from piecework.chain.escrow import token_balance
from piecework.chain.failover import AnotherChain, Failover
from piecework.chain.fees import Fees, quote, raised
from piecework.chain.rpc import Rpc, RpcRefused, RpcUnavailable
from piecework.chain.wallet import fees_of, sign_again, sign_transaction
from piecework.domain.typed_data import Key
from tests.backend.gatekeeper import Gate, gate
from tests.backend.test_settler import PAID, REWARD, answered_job, nonce_of, paid
from tests.backend.workshop import Works, call, works
from tests.conftest import Chain, deployed
from tests.support.devnet import anvil

GWEI = 10**9
DEAR = 400 * GWEI
HASTY = {"PIECEWORK_BUMP_SECONDS": "1", "PIECEWORK_MAX_FEE_GWEI": "2000"}
SIGNED = "SELECT * FROM outbox WHERE state = 'signed'"
DONE = "SELECT 1 FROM outbox WHERE kind = 'settlement' AND state = 'confirmed'"


@contextmanager
def still(chain: Chain, folder: Path, **more: str) -> Iterator[tuple[Gate, Works, dict[str, Any], list[Key]]]:
    """A settlement that is signed and sent, on a chain that mines nothing by itself any more."""
    with gate(chain.rpc.url) as door, works(chain, f"sqlite:///{folder}/piecework.db", folder, Rpc(door.url), **HASTY | more) as market:
        door.stop_at("eth_estimateGas", sent=False)
        job, workers, _ = answered_job(market)
        assert door.reached.wait(30)
        chain.rpc.call("evm_setAutomine", False)
        door.open(forward=True)
        market.until(SIGNED)
        yield door, market, job, workers


def mine(chain: Chain, base_fee: int | None = None) -> None:
    if base_fee is not None:
        chain.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(base_fee))
    chain.rpc.call("evm_mine")


def mine_until(market: Works, statement: str, base_fee: int | None = None, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not market.rows(statement):
        assert time.monotonic() < deadline, f"never true: {statement}\n{market.log[-3000:]}"
        mine(market.chain, base_fee)
        time.sleep(0.3)


def paid_once(market: Works, job: dict[str, Any], workers: list[Key]) -> None:
    assert paid(market, job) == [(slot, key.address) for slot, key in enumerate(workers)]
    token = market.chain.deployment.token
    assert [token_balance(market.chain.rpc, token, key.address) for key in workers] == [REWARD] * len(workers)


def lane(market: Works) -> Any:
    return market.rows("SELECT * FROM lane_state WHERE lane = 'relayer'")[0]


def test_a_transaction_that_has_become_too_cheap_is_replaced_until_it_is_mined(chain: Chain, tmp_path: Path) -> None:
    with still(chain, tmp_path) as (_, market, job, workers):
        first = market.rows(SIGNED)[0]
        mine_until(market, DONE, DEAR)
        assert nonce_of(chain) == first.nonce + 1, "one nonce, one transaction"
        paid_once(market, job, workers)
        versions = market.rows("SELECT * FROM attempt ORDER BY CAST(substr(max_fee, 3) AS INTEGER)")
        assert len(versions) >= 2 and versions[0].transaction_hash == first.transaction_hash
        fees = [fees_of(version.raw) for version in versions]
        assert all(8 * new.max_fee >= 9 * old.max_fee and 8 * new.max_tip >= 9 * old.max_tip for old, new in zip(fees, fees[1:], strict=False))
        assert market.rows("SELECT transaction_hash FROM outbox")[0][0] in {version.transaction_hash for version in versions}


def test_an_older_version_that_is_mined_after_all_is_recognised(chain: Chain, tmp_path: Path) -> None:
    with still(chain, tmp_path) as (_, market, job, workers):
        first = market.rows(SIGNED)[0]
        chain.rpc.call("anvil_dropTransaction", first.transaction_hash)
        mine_until(market, "SELECT 1 FROM attempt LIMIT 1 OFFSET 1", DEAR)
        for row in market.rows("SELECT transaction_hash FROM attempt"):
            chain.rpc.call("anvil_dropTransaction", row.transaction_hash)
        market.kill("backend")
        chain.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
        chain.rpc.call("evm_mine")
        chain.rpc.call("eth_sendRawTransaction", first.raw)
        mine(chain, GWEI)
        market.start("backend")
        market.until(DONE)
        assert market.rows("SELECT transaction_hash FROM outbox")[0][0] == first.transaction_hash
        assert nonce_of(chain) == first.nonce + 1
        paid_once(market, job, workers)


@pytest.mark.parametrize("sent", [False, True], ids=["before it is sent", "when it is sent and nobody knows"])
def test_killed_while_it_replaces_a_transaction_it_pays_once(chain: Chain, tmp_path: Path, sent: bool) -> None:
    with still(chain, tmp_path) as (door, market, job, workers):
        door.stop_at("eth_sendRawTransaction", sent)
        for _ in range(12):
            mine(chain, DEAR)
            if door.reached.wait(0.3):
                break
        assert door.reached.is_set()
        market.kill("backend")
        door.open()
        market.start("backend")
        mine_until(market, DONE, DEAR)
        paid_once(market, job, workers)


def test_a_fee_above_the_limit_is_never_offered_and_that_is_said(chain: Chain, tmp_path: Path) -> None:
    with still(chain, tmp_path, PIECEWORK_MAX_FEE_GWEI="5") as (_, market, job, workers):
        said = "SELECT 1 FROM lane_state WHERE state = 'waiting' AND detail LIKE '%PIECEWORK_MAX_FEE_GWEI%'"
        mine_until(market, said, DEAR)
        assert all(fees_of(row.raw).max_fee <= 5 * GWEI for row in market.rows("SELECT raw FROM attempt"))
        mine_until(market, DONE, GWEI)
        paid_once(market, job, workers)


def test_while_the_chain_stands_still_no_more_is_offered(chain: Chain, tmp_path: Path) -> None:
    with still(chain, tmp_path) as (_, market, job, workers):
        time.sleep(4)
        assert len(market.rows("SELECT 1 FROM attempt")) == 1
        mine_until(market, DONE)
        paid_once(market, job, workers)


def test_a_transaction_that_the_nodes_forgot_is_sent_again(chain: Chain, tmp_path: Path) -> None:
    with still(chain, tmp_path) as (door, market, job, workers):
        hash_ = market.rows(SIGNED)[0].transaction_hash
        assert chain.rpc.call("anvil_dropTransaction", hash_) == hash_
        deadline = time.monotonic() + 20
        while chain.rpc.call("eth_getTransactionByHash", hash_) is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        mine_until(market, DONE)
        paid_once(market, job, workers)


def test_a_nonce_that_nobody_has_is_filled(chain: Chain, tmp_path: Path) -> None:
    """Somebody else's transaction of the relayer was pending when ours was signed, and then the nodes forgot it."""
    with gate(chain.rpc.url) as door, works(chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path, Rpc(door.url), **HASTY) as market:
        door.stop_at("eth_estimateGas", sent=False)
        job, workers, _ = answered_job(market)
        assert door.reached.wait(30)
        chain.rpc.call("evm_setAutomine", False)
        nonce = nonce_of(chain)
        foreign, raw = sign_transaction(chain.rpc, chain.relayer, chain.bystander.address, "0x", 1, nonce)
        market.kill("backend")
        chain.rpc.call("eth_sendRawTransaction", raw)
        door.open()
        market.start("backend")
        assert market.until(SIGNED)[0].nonce == nonce + 1
        chain.rpc.call("anvil_dropTransaction", foreign)
        mine_until(market, DONE)
        assert market.rows("SELECT nonce, state FROM outbox WHERE kind = 'filler'")[0].nonce == nonce
        assert nonce_of(chain) == nonce + 2
        paid_once(market, job, workers)


def test_a_relayer_without_ether_says_so_and_goes_on_when_it_has_some(chain: Chain, tmp_path: Path) -> None:
    with works(chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path) as market:
        chain.rpc.call("anvil_setBalance", chain.relayer.address, hex(10**12))
        job, workers, _ = answered_job(market)
        said = market.until("SELECT * FROM lane_state WHERE state = 'waiting'")[0]
        assert chain.relayer.address in said.detail and "1e-06 ether" in said.detail and "send it some" in said.detail
        assert not market.rows("SELECT 1 FROM outbox WHERE nonce IS NOT NULL"), "nothing was signed that can't be paid"
        shown = call(market, "GET", "/v1/settlement").body
        (relayers,) = [lane for lane in shown["lanes"] if lane["lane"] == "relayer"]
        assert shown["leads"] and relayers["state"] == "waiting" and relayers["balance"] == str(10**12)
        assert [(one["lane"], one["state"], one["count"]) for one in shown["outbox"]] == [("relayer", "queued", 1)]
        chain.rpc.call("anvil_setBalance", chain.relayer.address, hex(10**20))
        market.until(DONE)
        paid_once(market, job, workers)
        market.until("SELECT 1 FROM lane_state WHERE state = 'working'")


def test_a_chain_that_was_started_anew_halts_the_lane_until_the_old_one_is_back(chain: Chain, tmp_path: Path) -> None:
    with gate(chain.rpc.url) as door, works(chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path, Rpc(door.url)) as market:
        market.kill("indexer")
        with anvil("--timestamp", "1600000000") as other:
            deployed(other)
            door.upstream = other.url
            market.kill("backend")
            market.data.joinpath("backend.log").unlink()
            with pytest.raises(AssertionError, match="a devnet was started anew"):
                market.start("backend")
            market.processes.pop("backend")
            door.upstream = chain.rpc.url
            market.start("backend")
            market.start("indexer")
            door.stop_at("eth_estimateGas", sent=False)
            job, workers, _ = answered_job(market)
            assert door.reached.wait(30)
            market.kill("indexer")  # it ends by itself on a chain that isn't its own
            door.upstream = other.url
            door.open()
            halted = market.until("SELECT * FROM lane_state WHERE state = 'halted'")[0]
            assert "started anew" in halted.detail
            assert not market.rows(SIGNED) and other.call("eth_getTransactionCount", chain.relayer.address, "latest") == "0x0"
            door.upstream = chain.rpc.url
            market.start("indexer")
            market.until(DONE)
            paid_once(market, job, workers)


def test_a_relayer_whose_final_transactions_are_gone_halts_the_lane(chain: Chain, tmp_path: Path) -> None:
    """The same first block, but an older state."""
    more = {"PIECEWORK_FINALITY_BLOCKS": "2"}
    with works(chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path, **more) as market:
        answered_job(market)
        market.until(DONE)
        chain.rpc.call("anvil_mine", "0x4")
        market.until("SELECT 1 FROM mirror_deployment, outbox WHERE head_number > block_number + 3")
        chain.rpc.call("anvil_setNonce", chain.relayer.address, "0x0")
        halted = market.until("SELECT * FROM lane_state WHERE state = 'halted'", 40)[0]
        assert "knows 0 transactions" in halted.detail and "1 were final" in halted.detail
        ready = call(market, "GET", "/ready")
        assert (ready.status, ready.body["detail"]) == (503, f"The relayer lane is halted: {halted.detail}")
        assert call(market, "GET", "/health").status == 200


# ------------------------------------------------------------------------------------------------ several nodes


def test_when_a_node_is_gone_another_one_is_asked(shared_chain: Chain, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/piecework.db"
    with gate(shared_chain.rpc.url) as first, gate(shared_chain.rpc.url) as second:
        both = Rpc(first.url)
        both.url = f"{first.url},{second.url}"
        with works(shared_chain, database, tmp_path, both) as market:
            first.away = True
            job, workers, _ = answered_job(market)
            market.until(PAID, job=job["id"])
            market.until(DONE)
            assert "eth_sendRawTransaction" in second.calls
            paid_once(market, job, workers)


def test_a_node_of_another_chain_is_not_asked(shared_chain: Chain) -> None:
    with anvil("--timestamp", "1600000000") as other:
        rpc = Failover(f"{other.url},{shared_chain.rpc.url}", 5, shared_chain.deployment.check)
        genesis = rpc.call("eth_getBlockByNumber", "0x0", False)["hash"]
        assert genesis == shared_chain.deployment.genesis_hash and rpc.asked == shared_chain.rpc.place
        with pytest.raises(AnotherChain, match="first block differs"):
            Failover(other.url, 5, shared_chain.deployment.check).call("eth_chainId")


def test_what_a_node_refuses_is_not_asked_of_the_next(shared_chain: Chain) -> None:
    with gate(shared_chain.rpc.url) as first, gate(shared_chain.rpc.url) as second:
        rpc = Failover(f"{first.url}, {second.url}", 5)
        with pytest.raises(RpcRefused):
            rpc.call("eth_nonsense")
        assert second.calls == []
        first.away = second.away = True
        with pytest.raises(RpcUnavailable):
            rpc.call("eth_chainId")
        second.away = False
        assert rpc.call("eth_chainId") and rpc.asked == Rpc(second.url).place


# ------------------------------------------------------------------------------------------------ what is offered


def test_a_second_version_offers_an_eighth_more_of_both_and_stays_below_the_limit() -> None:
    for base_fee in (0, 1, 7, GWEI, 300 * GWEI):
        fees: Fees | None = quote(base_fee, 1_000 * GWEI)
        while fees is not None:
            assert fees.max_tip <= fees.max_fee <= 1_000 * GWEI
            more = raised(fees, base_fee, 1_000 * GWEI)
            assert more is None or (8 * more.max_fee >= 9 * fees.max_fee and 8 * more.max_tip >= 9 * fees.max_tip)
            fees = more
    assert quote(600 * GWEI, 500 * GWEI) == Fees(500 * GWEI, GWEI)
    assert quote(GWEI, 1) == Fees(1, 1)
    assert raised(Fees(0, 0), 0, 10**12) == Fees(GWEI, GWEI)


def test_versions_differ_in_their_fees_alone(shared_chain: Chain) -> None:
    key = Key(b"\1" * 32)
    hash_, raw = sign_transaction(shared_chain.rpc, key, shared_chain.bystander.address, "0xabcd", 0, 5)
    other_hash, other = sign_again(raw, key, Fees(10**12, 10**10))
    assert other_hash != hash_ and fees_of(other) == Fees(10**12, 10**10)
    assert sign_again(other, key, fees_of(raw)) == (hash_, raw)
