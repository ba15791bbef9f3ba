// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Disputes} from "./Disputes.sol";

// reclaim
// ├── no such opening                                   OpeningUnknown(id)
// ├── before openedAt + reviewWindow + appealWindow     NotNow(that, for ever)
// ├── nothing contested, all appealed, or reclaimed     NothingFree(job)
// └── else, whoever calls                               SlotsReclaimed; reward, fee and deposit of each to the requester
//     ├── some were appealed                            only the others
//     ├── finalized before or after                     the same sums
//     └── job closed, native coin                       the same
contract ReclaimTest is Disputes {
    IBooks.Terms private terms;
    IBooks.Opening private opening;

    function setUp() public override {
        super.setUp();
        setFee(200);
        terms = contestable(8);
        opening = opened(terms, table(alice, bob), 0, hex"0100010202");
    }

    function test_only_an_opening_as_it_was_made_is_reclaimed() public {
        contested(terms, opening, hex"0100000000");
        vm.warp(appealEnd(terms, opening));
        opening.workers = table(bob, alice);
        refuse(abi.encodeWithSelector(IBooks.OpeningUnknown.selector, idOf(terms, opening)));
    }

    function test_slots_are_reclaimed_from_the_second_in_which_the_appeal_window_ends() public {
        contested(terms, opening, hex"0100000000");
        uint256 end = appealEnd(terms, opening);
        bytes memory early = abi.encodeWithSelector(IBooks.NotNow.selector, end, type(uint256).max);
        refuse(early);
        vm.warp(reviewEnd(terms, opening));
        refuse(early);
        vm.warp(end - 1);
        refuse(early);
        vm.warp(end);
        reclaimed(terms, opening);
    }

    function test_nothing_to_reclaim_is_said() public {
        vm.warp(appealEnd(terms, opening));
        bytes memory nothing = abi.encodeWithSelector(IBooks.NothingFree.selector, escrow.jobId(terms));
        refuse(nothing);
        opening = opened(terms, table(alice), 5, hex"010101");
        contested(terms, opening, hex"010100");
        vm.warp(appealEnd(terms, opening));
        reclaimed(terms, opening);
        refuse(nothing);
        IBooks.Opening memory other = opened(terms, table(alice), 1, hex"01");
        contested(terms, other, hex"01");
        vm.warp(reviewEnd(terms, other));
        appealed(terms, other, 1);
        vm.warp(appealEnd(terms, other));
        opening = other;
        refuse(nothing);
    }

    function test_the_requester_gets_reward_fee_and_deposit_of_each_whoever_calls() public {
        contested(terms, opening, hex"0100010200");
        vm.warp(appealEnd(terms, opening));
        (bytes32 job, bytes32 id) = (escrow.jobId(terms), idOf(terms, opening));
        vm.expectEmit(address(escrow));
        emit IBooks.SlotsReclaimed(job, id, 3, hex"0100010200");
        vm.recordLogs();
        vm.prank(alice);
        escrow.reclaim(terms, opening);
        assertEq(vm.getRecordedLogs().length, 1, "logs");
        assertLedger(requester, address(dollar), PURSE + price(terms, 3), "requester");
        assertLedger(governor, address(dollar), 0, "treasury");
        assertJob(job, 8, 4, 3, false);
    }

    function test_what_was_appealed_is_not_reclaimed() public {
        contested(terms, opening, hex"0100010202");
        vm.warp(reviewEnd(terms, opening));
        IBooks.Appeal memory entry = appealed(terms, opening, 1);
        vm.warp(appealEnd(terms, opening));
        bytes32 id = idOf(terms, opening);
        vm.expectEmit(address(escrow));
        emit IBooks.SlotsReclaimed(escrow.jobId(terms), id, 2, hex"0000000202");
        reclaimed(terms, opening);
        assertLedger(requester, address(dollar), PURSE - 2 * DEPOSIT + price(terms, 2), "requester");
        concluded(terms, entry);
        assertLedger(alice, address(dollar), PURSE + 2 * REWARD + 2 * DEPOSIT, "alice");
        assertJob(escrow.jobId(terms), 8, 4, 4, false);
    }

    function test_finalized_before_or_after_the_sums_are_the_same() public {
        contested(terms, opening, hex"0100000200");
        IBooks.Opening memory second = opened(terms, table(alice), 5, hex"0101");
        contested(terms, second, hex"0100");
        vm.warp(appealEnd(terms, opening));
        finalized(terms, opening);
        reclaimed(terms, opening);
        reclaimed(terms, second);
        finalized(terms, second);
        assertLedger(requester, address(dollar), PURSE + price(terms, 3), "requester");
        assertLedger(alice, address(dollar), PURSE + 2 * REWARD, "alice");
        assertLedger(bob, address(dollar), PURSE + REWARD, "bob");
        assertLedger(governor, address(dollar), 3 * terms.fee, "treasury");
        assertJob(escrow.jobId(terms), 8, 6, 6, false);
    }

    function test_slots_are_reclaimed_after_the_close_and_in_coins() public {
        terms = contestableIn(address(0));
        post(terms, 3);
        opening = opened(terms, table(alice), 0, hex"0101");
        contested(terms, opening, hex"0101");
        vm.warp(terms.closesAt);
        escrow.close(terms);
        reclaimed(terms, opening);
        assertLedger(requester, address(0), PURSE + price(terms, 3), "requester");
        assertJob(escrow.jobId(terms), 3, 3, 3, true);
    }

    function test_without_deposits_only_the_price_comes_back() public {
        terms.contestDeposit = 0;
        post(terms, 1);
        opening = opened(terms, table(alice), 0, hex"01");
        contested(terms, opening, hex"01");
        vm.warp(appealEnd(terms, opening));
        reclaimed(terms, opening);
        assertLedger(requester, address(dollar), PURSE + price(terms, 1), "requester");
    }

    function refuse(bytes memory reason) private {
        vm.prank(requester);
        vm.expectRevert(reason);
        escrow.reclaim(terms, opening);
    }
}
