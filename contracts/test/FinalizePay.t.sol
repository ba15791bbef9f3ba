// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IRecourse} from "../src/interfaces/IRecourse.sol";
import {Disputes} from "./Disputes.sol";
import {Reentrant, Reverter} from "./hostile/Receivers.sol";

// finalize: what is paid (who may: Finalize.t.sol)
// ├── slots that were contested                         stay, whatever became of them
// ├── all slots were contested                          nothing is paid, and the opening is final
// ├── slots of the requester, of nobody, of the escrow  cancelled: reward and fee to the requester, no protocol fee
// ├── a worker at two places                            paid for both
// ├── pushGas 0, the worker's bit set, or a push fails  credited
// ├── less gas left than a push may use                 GasTooLow: nothing happens
// └── else                                              in the wallet; OpeningFinalized, WorkersPaid, FeePaid
contract FinalizePayTest is Disputes {
    function test_workers_are_paid_in_the_wallet_and_the_treasury_in_the_ledger() public {
        setFee(200);
        pays(contestableIn(address(dollar)));
        assertEq(dollar.balanceOf(alice), 2 * REWARD, "alice's wallet");
        assertEq(dollar.balanceOf(bob), REWARD, "bob's wallet");
    }

    function test_a_job_in_coins_pays_coins() public {
        setFee(200);
        (uint256 alices, uint256 bobs) = (alice.balance, bob.balance);
        pays(contestableIn(address(0)));
        assertEq(alice.balance - alices, 2 * REWARD, "alice's wallet");
        assertEq(bob.balance - bobs, REWARD, "bob's wallet");
    }

    function test_a_job_without_a_fee_owes_the_treasury_nothing() public {
        IBooks.Terms memory terms = contestable(2);
        IBooks.Opening memory opening = opened(terms, table(alice), 0, hex"0101");
        vm.warp(reviewEnd(terms, opening));
        vm.recordLogs();
        finalized(terms, opening);
        assertEq(vm.getRecordedLogs().length, 2, "logs");
        assertLedger(governor, address(dollar), 0, "treasury");
    }

    function pays(IBooks.Terms memory terms) private {
        post(terms, 4);
        bytes32 job = escrow.jobId(terms);
        IBooks.Opening memory opening = opened(terms, table(alice, bob), 0, hex"01020100");
        vm.warp(reviewEnd(terms, opening));
        uint256 held = heldIn(terms.token);
        vm.expectEmit(address(escrow));
        emit IBooks.OpeningFinalized(job, idOf(terms, opening), hex"01020100");
        if (terms.token != address(0)) vm.expectEmit(address(dollar));
        if (terms.token != address(0)) emit Transfer(address(escrow), alice, 2 * REWARD);
        vm.expectEmit(address(escrow));
        emit IBooks.WorkersPaid(job, 0, table(alice, bob));
        vm.expectEmit(address(escrow));
        emit IBooks.FeePaid(job, governor, terms.token, 3 * terms.fee);
        vm.prank(stranger);
        escrow.finalize(terms, opening, 0, "", pushing());
        assertEq(held - heldIn(terms.token), 3 * REWARD, "left the escrow");
        assertLedger(governor, terms.token, 3 * terms.fee, "treasury");
        assertLedger(alice, terms.token, PURSE, "alice's ledger");
        assertJob(job, 4, 3, 3, false);
    }

    event Transfer(address indexed from, address indexed to, uint256 value);

    function test_the_fee_goes_to_the_treasury_of_the_day_at_the_rate_of_the_terms() public {
        setFee(200);
        IBooks.Terms memory terms = contestable(2);
        IBooks.Opening memory opening = opened(terms, table(alice), 0, hex"0101");
        vm.warp(reviewEnd(terms, opening));
        vm.prank(governor);
        escrow.setProtocolFee(0, bob);
        finalized(terms, opening);
        assertLedger(bob, address(dollar), PURSE + 2 * terms.fee, "treasury");
    }

    // ------------------------------------------------------------------------------------------------ pushed or not

    function test_the_caller_may_have_some_credited() public {
        IBooks.Terms memory terms = contestable(3);
        IBooks.Opening memory opening = opened(terms, table(alice, bob), 0, hex"010201");
        vm.warp(reviewEnd(terms, opening));
        vm.expectEmit(address(escrow));
        emit IBooks.WorkersPaid(escrow.jobId(terms), 1 << 2, table(alice, bob));
        escrow.finalize(terms, opening, 0, "", IBooks.Payout(1 << 2 | 1 << 3, 60_000));
        assertEq(dollar.balanceOf(alice), 2 * REWARD, "alice's wallet");
        assertLedger(alice, address(dollar), PURSE, "alice's ledger");
        assertLedger(bob, address(dollar), PURSE + REWARD, "bob's ledger");
    }

    function test_a_receiver_that_refuses_coins_is_credited() public {
        IBooks.Terms memory terms = contestableIn(address(0));
        post(terms, 2);
        address refuser = address(new Reverter());
        IBooks.Opening memory opening = opened(terms, table(refuser), 0, hex"0101");
        vm.warp(reviewEnd(terms, opening));
        escrow.finalize(terms, opening, 0, "", pushing());
        assertLedger(refuser, address(0), 2 * REWARD, "credited");
    }

    function test_a_receiver_that_comes_back_in_is_paid_once() public {
        IBooks.Terms memory terms = contestableIn(address(0));
        post(terms, 4);
        Reentrant thief = new Reentrant();
        IBooks.Opening memory opening = opened(terms, table(address(thief)), 0, hex"01");
        IBooks.Opening memory other = opened(terms, table(address(thief)), 1, hex"01");
        vm.warp(reviewEnd(terms, opening));
        thief.plan(
            address(escrow), abi.encodeCall(IRecourse.finalize, (terms, other, 0, "", crediting())), 0
        );
        escrow.finalize(terms, opening, 0, "", IBooks.Payout(0, 500_000));
        assertTrue(thief.tried() && !thief.succeeded(), "came back");
        assertEq(bytes32(thief.answer()), bytes32(IBooks.Locked.selector), "why");
        assertEq(address(thief).balance, REWARD, "paid");
        assertJob(escrow.jobId(terms), 4, 2, 1, false);
    }

    function test_too_little_gas_for_a_push_is_said() public {
        IBooks.Terms memory terms = contestable(1);
        IBooks.Opening memory opening = opened(terms, table(alice), 0, hex"01");
        vm.warp(reviewEnd(terms, opening));
        uint256 needed = uint256(9e8) + uint256(9e8) / 63 + 40_000;
        vm.expectRevert(abi.encodeWithSelector(IBooks.GasTooLow.selector, needed));
        escrow.finalize{gas: 5e6}(terms, opening, 0, "", IBooks.Payout(0, 9e8));
        finalized(terms, opening);
    }

    // ------------------------------------------------------------------------------------------------ what is left out

    function test_what_is_contested_is_not_paid_whatever_becomes_of_it() public {
        IBooks.Terms memory terms = contestable(5);
        IBooks.Opening memory opening = opened(terms, table(alice, bob), 0, hex"0102010201");
        contested(terms, opening, hex"0102010000");
        vm.warp(reviewEnd(terms, opening));
        IBooks.Appeal memory entry = appealed(terms, opening, 1);
        vm.warp(appealEnd(terms, opening));
        reclaimed(terms, opening);
        concluded(terms, entry);
        vm.expectEmit(address(escrow));
        emit IBooks.OpeningFinalized(escrow.jobId(terms), idOf(terms, opening), hex"0000000201");
        finalized(terms, opening);
        assertLedger(alice, address(dollar), PURSE + 3 * REWARD + 2 * DEPOSIT, "alice");
        assertLedger(bob, address(dollar), PURSE + REWARD, "bob");
        assertLedger(requester, address(dollar), PURSE - 2 * DEPOSIT + REWARD, "requester");
        assertJob(escrow.jobId(terms), 5, 5, 5, false);
    }

    function test_an_opening_of_which_all_is_contested_ends_with_nobody_paid() public {
        setFee(200);
        IBooks.Terms memory terms = contestable(2);
        IBooks.Opening memory opening = opened(terms, table(alice), 0, hex"0101");
        contested(terms, opening, hex"0101");
        vm.warp(reviewEnd(terms, opening));
        vm.expectEmit(address(escrow));
        emit IBooks.OpeningFinalized(escrow.jobId(terms), idOf(terms, opening), hex"0000");
        vm.expectEmit(address(escrow));
        emit IBooks.WorkersPaid(escrow.jobId(terms), 0, table(alice));
        vm.recordLogs();
        escrow.finalize(terms, opening, 0, "", pushing());
        assertEq(vm.getRecordedLogs().length, 2, "logs");
        assertEq(dollar.balanceOf(alice), 0, "alice");
        assertJob(escrow.jobId(terms), 2, 2, 0, false);
        appealed(terms, opening, 1);
    }

    function test_slots_of_the_requester_of_nobody_and_of_the_escrow_are_cancelled() public {
        setFee(200);
        IBooks.Terms memory terms = contestable(5);
        address[] memory workers = new address[](4);
        (workers[0], workers[1], workers[2], workers[3]) = (requester, address(0), alice, address(escrow));
        IBooks.Opening memory opening = opened(terms, workers, 0, hex"0102030401");
        vm.warp(reviewEnd(terms, opening));
        vm.expectEmit(address(escrow));
        emit IBooks.WorkersPaid(escrow.jobId(terms), 1 << 1 | 1 << 2 | 1 << 4, workers);
        vm.expectEmit(address(escrow));
        emit IBooks.FeePaid(escrow.jobId(terms), governor, address(dollar), terms.fee);
        escrow.finalize(terms, opening, 0, "", pushing());
        assertLedger(requester, address(dollar), PURSE + 4 * (REWARD + terms.fee), "requester");
        assertLedger(governor, address(dollar), terms.fee, "treasury");
        assertLedger(address(0), address(dollar), 0, "nobody");
        assertLedger(address(escrow), address(dollar), 0, "escrow");
        assertEq(dollar.balanceOf(alice), REWARD, "alice");
        assertJob(escrow.jobId(terms), 5, 5, 5, false);
    }

    function test_a_worker_at_two_places_is_paid_for_both() public {
        IBooks.Terms memory terms = contestable(3);
        IBooks.Opening memory opening = opened(terms, table(alice, alice), 0, hex"010202");
        vm.warp(reviewEnd(terms, opening));
        finalized(terms, opening);
        assertLedger(alice, address(dollar), PURSE + 3 * REWARD, "alice");
    }

    function heldIn(address token) private view returns (uint256) {
        return token == address(0) ? address(escrow).balance : dollar.balanceOf(address(escrow));
    }
}
