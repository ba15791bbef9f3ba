// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Vm} from "./Base.sol";
import {Disputes} from "./Disputes.sol";
import {GasBurner, Reverter} from "./hostile/Receivers.sol";

/// @dev What went wrong at other systems, one row of the protocol's table a test, done here with the same intent.
contract PeersTest is Disputes {
    // ------------------------------------------------------------------------------------------------ Human Protocol

    function test_peer_human_protocol_the_launcher_takes_back_finished_work_after_it_expired() public {
        IBooks.Terms memory terms = contestable(2);
        IBooks.Opening memory opening = opened(terms, table(alice), 0, hex"01");
        vm.warp(block.timestamp + 100 days);
        vm.prank(requester);
        escrow.close(terms);
        assertLedger(requester, address(dollar), PURSE + REWARD, "the slot that nobody worked for");
        uint256 until = reviewEnd(terms, opening);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.NotNow.selector, until - terms.reviewWindow, until));
        escrow.contest(terms, opening, hex"01", 0);
        finalized(terms, opening);
        assertLedger(alice, address(dollar), PURSE + REWARD, "expiry favours the worker");
    }

    function test_peer_human_protocol_an_admin_stores_results_and_pays_itself() public {
        IBooks.Terms memory terms = contestable(1);
        address[4] memory alone = [governor, coordinator, requester, operator];
        uint256[4] memory keys = [STRANGER_KEY, COORDINATOR_KEY, REQUESTER_KEY, OPERATOR_KEY];
        for (uint256 i; i < 4; ++i) {
            (IBooks.SignedBatch memory batch, bytes32 digest) = unapproved(terms, table(alone[i]), 0, hex"01");
            (batch.r, batch.vs) = signCompact(keys[i], digest);
            batch.approval = approve(terms, digest, 1, keys[i]);
            vm.prank(alone[i]);
            vm.expectRevert(abi.encodeWithSelector(IBooks.SignatureInvalid.selector, i == 1 ? requester : coordinator));
            settleOne(terms, table(alone[i]), batch);
        }
        assertJob(escrow.jobId(terms), 1, 0, 0, false);
    }

    function test_peer_human_protocol_one_unpayable_recipient_reverts_a_payout_of_at_most_a_hundred() public {
        IBooks.Terms memory terms = contestableIn(address(0));
        post(terms, 255);
        address[] memory workers = workersFrom(0x1000, 255);
        bytes memory places = new bytes(255);
        for (uint256 i; i < 255; ++i) {
            places[i] = bytes1(uint8(i + 1));
        }
        workers[0] = address(new Reverter());
        workers[254] = address(new GasBurner());
        settleOne(terms, workers, batchOf(terms, workers, 0, places));
        for (uint256 i; i < 255; ++i) {
            bool unpayable = i == 0 || i == 254;
            assertEq(workers[i].balance, unpayable ? 0 : REWARD, "wallet");
            assertLedger(workers[i], address(0), unpayable ? REWARD : 0, "ledger");
        }
    }

    function test_peer_human_protocol_a_contract_is_deployed_for_each_job() public {
        IBooks.Terms memory terms = contestableIn(address(dollar));
        bytes memory call = abi.encodeCall(escrow.post, (terms, 1_000, IBooks.Source.Wallet));
        vm.prank(requester);
        uint256 before = gasleft();
        (bool ok,) = address(escrow).call(call);
        uint256 used = before - gasleft();
        assertTrue(ok && used < 100_000, "a twenty-sixth of 2.6 million");
        assertJob(escrow.jobId(terms), 1_000, 0, 0, false);
    }

    // ------------------------------------------------------------------------------------------------ StandardBounties, Gitcoin

    function test_peer_standard_bounties_the_issuer_drains_a_bounty_with_a_submission_on_chain() public {
        IBooks.Terms memory terms = contestableIn(address(dollar));
        terms.arbitrator = address(0);
        post(terms, 2);
        IBooks.Opening memory opening = opened(terms, table(alice), 0, hex"01"); // the submission on chain
        vm.startPrank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.ClosesLater.selector, terms.closesAt));
        escrow.close(terms);
        vm.expectRevert(abi.encodePacked(IBooks.ArbitratorZero.selector));
        escrow.contest(terms, opening, hex"01", 0);
        (IBooks.SignedBatch memory own, bytes32 digest) = unapproved(terms, table(requester), 0, hex"0101");
        (own.r, own.vs) = signCompact(REQUESTER_KEY, digest);
        vm.expectRevert(abi.encodeWithSelector(IBooks.SignatureInvalid.selector, coordinator));
        settleOne(terms, table(requester), own);
        uint256 end = reviewEnd(terms, opening);
        uint256 later = end + terms.appealWindow;
        vm.expectRevert(abi.encodeWithSelector(IBooks.NotNow.selector, later, type(uint256).max));
        escrow.reclaim(terms, opening);
        vm.stopPrank();
        vm.warp(end);
        finalized(terms, opening);
        assertLedger(alice, address(dollar), PURSE + REWARD, "paid");
    }

    function test_peer_standard_bounties_gitcoin_a_worker_without_gas_money_can_not_submit() public {
        IBooks.Terms memory terms = contestable(1);
        address worker = address(0x90047); // never makes a call
        settleOne(terms, table(worker), batchOf(terms, table(worker), 0, hex"01"));
        assertEq(dollar.balanceOf(worker), REWARD, "in its wallet");
        assertEq(worker.balance, 0, "without a coin");
    }

    // ------------------------------------------------------------------------------------------------ owners, servers, deadlines

    function test_peer_morpho_urd_an_owner_bypasses_its_own_timelock() public {
        IBooks.Terms memory terms = contestable(1);
        bytes4[6] memory powers = [
            bytes4(keccak256("setRoot(bytes32,bytes32)")),
            bytes4(keccak256("transferOwnership(address)")),
            bytes4(keccak256("upgradeToAndCall(address,bytes)")),
            bytes4(keccak256("pause()")),
            bytes4(keccak256("sweep(address)")),
            bytes4(keccak256("rescueTokens(address,address,uint256)"))
        ];
        for (uint256 i; i < powers.length; ++i) {
            vm.prank(governor);
            (bool ok,) = address(escrow).call(abi.encodePacked(powers[i], new bytes(96)));
            assertTrue(!ok, "no such power");
        }
        setFee(200); // all that it has, and for jobs to come
        settleOne(terms, table(alice), batchOf(terms, table(alice), 0, hex"01"));
        assertEq(dollar.balanceOf(alice), REWARD, "paid as agreed");
        assertLedger(governor, address(dollar), 0, "no fee of a job from before");
    }

    /// @dev Whoever has the chain's logs and the terms of the worker's file needs no server to have the worker paid.
    function test_peer_1inch_the_proof_server_goes_away_and_claims_are_unreachable() public {
        IBooks.Terms memory terms = contestable(3);
        vm.recordLogs();
        opened(terms, table(bob, alice), 0, hex"020102");
        IBooks.Opening memory opening = fromLogs();
        vm.warp(reviewEnd(terms, opening));
        finalized(terms, opening);
        assertLedger(alice, address(dollar), PURSE + 2 * REWARD, "alice");
        assertLedger(bob, address(dollar), PURSE + REWARD, "bob");
    }

    function fromLogs() private returns (IBooks.Opening memory opening) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != IBooks.BatchOpened.selector) continue;
            opening.batch = logs[i].topics[3];
            (opening.firstSlot, opening.workers,, opening.places) =
                abi.decode(logs[i].data, (uint32, address[], bytes32, bytes));
        }
    }

    function test_peer_sapien_a_signed_claim_lives_five_minutes() public {
        IBooks.Terms memory terms = contestableIn(address(dollar));
        terms.closesAt = uint64(block.timestamp + 730 days);
        post(terms, 2);
        IBooks.SignedBatch memory first = batchOf(terms, table(alice), 0, hex"01");
        IBooks.SignedBatch memory second = batchOf(terms, table(alice), 1, hex"01");
        vm.warp(block.timestamp + 302);
        settleOne(terms, table(alice), first);
        vm.warp(terms.closesAt + 365 days); // as long as nobody closes the job
        settleOne(terms, table(alice), second);
        assertEq(dollar.balanceOf(alice), 2 * REWARD, "paid");
    }

    function test_peer_execution_market_the_payer_reclaims_and_the_worker_can_not_claim() public {
        IBooks.Terms memory terms = contestable(1);
        IBooks.OpenedBatch memory batch = openable(terms, table(alice), 0, hex"01");
        batch.place = 1;
        IBooks.Opening memory opening = openingOf(terms, batch);
        vm.prank(alice); // the worker itself, without the facilitator
        escrow.open(terms, one(batch), "");
        vm.warp(terms.closesAt + 1);
        vm.startPrank(requester);
        escrow.close(terms);
        vm.expectRevert(abi.encodeWithSelector(IBooks.NothingFree.selector, escrow.jobId(terms)));
        escrow.reclaim(terms, opening);
        vm.stopPrank();
        assertLedger(requester, address(dollar), PURSE, "nothing to reclaim");
        vm.prank(stranger);
        escrow.finalize(terms, opening, 0, "", pushing());
        assertEq(dollar.balanceOf(alice), REWARD, "by anyone");
    }

    function test_peer_kleros_escrow_every_payment_is_a_deal_of_its_own() public {
        IBooks.Terms memory terms = contestable(1_000);
        address[] memory workers = workersFrom(0x1000, 100);
        bytes memory places = new bytes(1_000);
        for (uint256 i; i < 1_000; ++i) {
            places[i] = bytes1(uint8(1 + i % 100));
        }
        IBooks.SignedBatch memory batch = batchOf(terms, workers, 0, places);
        uint256 before = gasleft();
        settleOne(terms, workers, batch);
        assertTrue((before - gasleft()) / 1_000 < 5_000, "gas a payment, where 56,000 is the least elsewhere");
        assertEq(dollar.balanceOf(workers[99]), 10 * REWARD, "the last");
    }
}
