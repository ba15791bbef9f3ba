// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Disputes} from "./Disputes.sol";

// contest
// ├── the caller is neither requester nor operator      CallerNotRequester(requester)
// ├── the terms name no arbitrator                      ArbitratorZero
// ├── no such opening                                   OpeningUnknown(id)
// ├── finalized before                                  OpeningFinal(id)
// ├── openedAt + reviewWindow reached                   NotNow(openedAt, that)
// ├── bytes that aren't the opening's, or other length  PlaceUnknown
// ├── no bytes, or all contested before                 NothingFree(job)
// ├── less in the requester's ledger than the deposits  BalanceTooLow
// ├── an operator without that allowance                CallerNotAuthorized
// └── else                                              SlotsContested with the bytes that are new, a deposit for each
//     ├── by the operator                               OperatorSpent; from the requester's ledger
//     ├── without deposits                              at no cost, and no allowance is asked for
//     ├── again                                         only what wasn't contested before
//     └── slots of other openings in the same word      stay as they were
contract ContestTest is Disputes {
    IBooks.Terms private terms;
    IBooks.Opening private opening;

    function setUp() public override {
        super.setUp();
        terms = contestable(8);
        opening = opened(terms, table(alice, bob), 0, hex"01000102");
    }

    // ------------------------------------------------------------------------------------------------ who and when

    function test_only_requester_and_operator_contest() public {
        address[4] memory others = [stranger, coordinator, alice, governor];
        for (uint256 i; i < others.length; ++i) {
            refuse(others[i], hex"01000000", abi.encodeWithSelector(IBooks.CallerNotRequester.selector, requester));
        }
    }

    function test_a_job_without_arbitrator_has_no_contests() public {
        terms = termsIn(address(dollar));
        post(terms, 1);
        opening = opened(terms, table(alice), 0, hex"01");
        refuse(requester, hex"01", abi.encodePacked(IBooks.ArbitratorZero.selector));
    }

    function test_only_an_opening_as_it_was_made_is_contested() public {
        opening.places = hex"01000101";
        refuse(
            requester, hex"01000000", abi.encodeWithSelector(IBooks.OpeningUnknown.selector, idOf(terms, opening))
        );
    }

    function test_a_paid_opening_is_not_contested() public {
        vm.prank(operator);
        escrow.finalize(terms, opening, 3, "", crediting());
        bytes memory reason = abi.encodeWithSelector(IBooks.OpeningFinal.selector, idOf(terms, opening));
        refuse(requester, hex"01000000", reason);
        refuse(requester, hex"00000000", reason);
    }

    function test_slots_are_contested_until_the_second_before_the_window_ends() public {
        uint256 end = reviewEnd(terms, opening);
        bytes memory late = abi.encodeWithSelector(IBooks.NotNow.selector, block.timestamp, end);
        vm.warp(end);
        refuse(requester, hex"01000000", late);
        vm.warp(end + 1);
        refuse(requester, hex"01000000", late);
        vm.warp(end - 1);
        contested(terms, opening, hex"01000000");
        vm.warp(end);
        refuse(requester, hex"00000100", late);
    }

    function test_slots_are_contested_in_the_block_that_opened_them_and_after_the_close() public {
        contested(terms, opening, hex"01000000");
        vm.warp(terms.closesAt - 1);
        opening = opened(terms, table(alice), 4, hex"01");
        vm.warp(terms.closesAt);
        escrow.close(terms);
        contested(terms, opening, hex"01");
        assertLedger(requester, address(dollar), PURSE + 4 * REWARD - 2 * DEPOSIT, "requester");
    }

    function test_an_opening_without_a_window_is_not_contested() public {
        terms.reviewWindow = 0;
        post(terms, 1);
        opening = opened(terms, table(alice), 0, hex"01");
        bytes memory late = abi.encodeWithSelector(IBooks.NotNow.selector, block.timestamp, block.timestamp);
        refuse(requester, hex"01", late);
    }

    // ------------------------------------------------------------------------------------------------ which slots

    function test_the_bytes_must_be_the_openings_own() public {
        bytes memory unknown = abi.encodePacked(IBooks.PlaceUnknown.selector);
        bytes[6] memory wrong =
            [bytes(hex"02000000"), hex"01010000", hex"010001", hex"0100010200", hex"", hex"01000103"];
        for (uint256 i; i < wrong.length; ++i) {
            refuse(requester, wrong[i], unknown);
        }
    }

    function test_nothing_to_contest_is_said() public {
        bytes memory nothing = abi.encodeWithSelector(IBooks.NothingFree.selector, escrow.jobId(terms));
        refuse(requester, hex"00000000", nothing);
        contested(terms, opening, hex"01000002");
        refuse(requester, hex"01000000", nothing);
        refuse(requester, hex"01000002", nothing);
    }

    function test_contesting_twice_takes_only_what_is_new() public {
        contested(terms, opening, hex"01000000");
        expectContested(requester, keccak256("why"), hex"00000102");
        vm.prank(requester);
        escrow.contest(terms, opening, hex"01000102", keccak256("why"));
        assertLedger(requester, address(dollar), PURSE - 3 * DEPOSIT, "requester");
    }

    function test_slots_of_another_opening_in_the_same_word_stay() public {
        IBooks.Opening memory other = opened(terms, table(bob), 0, hex"010101010101");
        contested(terms, opening, hex"01000102");
        vm.warp(reviewEnd(terms, other));
        finalized(terms, other);
        finalized(terms, opening);
        assertLedger(bob, address(dollar), PURSE + 3 * REWARD, "bob");
        assertLedger(alice, address(dollar), PURSE, "alice");
    }

    // ------------------------------------------------------------------------------------------------ deposits

    function test_each_slot_takes_its_deposit_from_the_requesters_ledger() public {
        expectContested(requester, keccak256("why"), hex"01000002");
        vm.recordLogs();
        vm.prank(requester);
        escrow.contest(terms, opening, hex"01000002", keccak256("why"));
        assertEq(vm.getRecordedLogs().length, 1, "logs");
        assertLedger(requester, address(dollar), PURSE - 2 * DEPOSIT, "requester");
        assertLedger(requester, address(0), PURSE, "requester's coins");
        assertJob(escrow.jobId(terms), 8, 3, 0, false);
    }

    function test_a_job_in_coins_takes_its_deposits_in_coins() public {
        terms = contestableIn(address(0));
        post(terms, 2);
        opening = opened(terms, table(alice), 0, hex"0101");
        contested(terms, opening, hex"0100");
        assertLedger(requester, address(0), PURSE - DEPOSIT, "requester");
        assertLedger(requester, address(dollar), PURSE, "requester's dollars");
    }

    function test_a_requester_that_has_less_than_the_deposits_contests_fewer() public {
        vm.prank(requester);
        escrow.withdraw(address(dollar), PURSE - 3 * DEPOSIT + 1, requester);
        uint256 left = 3 * uint256(DEPOSIT) - 1;
        bytes memory reason = abi.encodeWithSelector(
            IBooks.BalanceTooLow.selector, requester, address(dollar), left, 3 * uint256(DEPOSIT)
        );
        refuse(requester, hex"01000102", reason);
        contested(terms, opening, hex"01000100");
        assertLedger(requester, address(dollar), DEPOSIT - 1, "requester");
    }

    // ------------------------------------------------------------------------------------------------ the operator

    function test_an_operator_contests_within_its_allowance() public {
        refuse(operator, hex"01000000", abi.encodeWithSelector(IBooks.CallerNotAuthorized.selector, requester, 0));
        allow(2 * uint192(DEPOSIT) - 1, block.timestamp + 1);
        bytes memory reason =
            abi.encodeWithSelector(IBooks.CallerNotAuthorized.selector, requester, 2 * uint256(DEPOSIT) - 1);
        refuse(operator, hex"01000002", reason);
        vm.expectEmit(address(escrow));
        emit IBooks.OperatorSpent(requester, operator, address(dollar), DEPOSIT);
        expectContested(operator, 0, hex"01000000");
        vm.prank(operator);
        escrow.contest(terms, opening, hex"01000000", 0);
        (uint192 left,) = escrow.operatorOf(requester, operator, address(dollar));
        assertEq(left, DEPOSIT - 1, "left of the allowance");
        assertLedger(requester, address(dollar), PURSE - DEPOSIT, "requester");
        assertLedger(operator, address(dollar), 0, "operator");
    }

    function test_an_allowance_ends_in_the_second_that_it_names() public {
        allow(8 * uint192(DEPOSIT), block.timestamp + 10);
        vm.warp(block.timestamp + 10);
        refuse(operator, hex"01000000", abi.encodeWithSelector(IBooks.CallerNotAuthorized.selector, requester, 0));
        vm.warp(block.timestamp - 1);
        vm.prank(operator);
        escrow.contest(terms, opening, hex"01000000", 0);
    }

    function test_an_operator_that_the_terms_do_not_name_contests_nothing() public {
        vm.prank(requester);
        escrow.setOperator(stranger, address(dollar), type(uint192).max, type(uint64).max);
        refuse(stranger, hex"01000000", abi.encodeWithSelector(IBooks.CallerNotRequester.selector, requester));
    }

    function test_without_deposits_contests_cost_nothing_and_need_no_allowance() public {
        terms.contestDeposit = 0;
        post(terms, 2);
        opening = opened(terms, table(alice), 0, hex"0101");
        vm.recordLogs();
        contested(terms, opening, hex"0100");
        vm.prank(operator);
        escrow.contest(terms, opening, hex"0101", 0);
        assertEq(vm.getRecordedLogs().length, 2, "logs");
        assertLedger(requester, address(dollar), PURSE, "requester");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function allow(uint192 allowance, uint256 expiresAt) private {
        vm.prank(requester);
        escrow.setOperator(operator, address(dollar), allowance, uint64(expiresAt));
    }

    function expectContested(address by, bytes32 reason, bytes memory places) private {
        (bytes32 job, bytes32 id) = (escrow.jobId(terms), idOf(terms, opening));
        vm.expectEmit(address(escrow));
        emit IBooks.SlotsContested(job, id, by, reason, places);
    }

    function refuse(address caller, bytes memory places, bytes memory reason) private {
        vm.prank(caller);
        vm.expectRevert(reason);
        escrow.contest(terms, opening, places, 0);
    }
}
