// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Everyday} from "./harness/Everyday.sol";

// withdrawMany
// ├── fees or signatures not as many                LengthsDiffer
// ├── skipped, the others are carried:
// │   ├── a second too late, more fee than signed, nonce not the next, amount 0,
// │   │   amount and fee over the balance (also where their sum overflows)
// │   ├── to nobody, to the escrow
// │   ├── not signed by its owner
// │   └── twice in one call                         the second
// ├── nonces of one owner, in order / out of order  all / those in order
// └── else                                          sent, the fee to the caller, nonce one up, Withdrawn, counted
// (who makes trouble on the way: WithdrawManyHostile.t.sol)
contract WithdrawManyTest is Everyday {
    uint256 private constant PUSH_GAS = 60_000;

    function setUp() public override {
        super.setUp();
        deposited(requester, address(dollar), 200);
        deposited(operator, address(dollar), 100);
    }

    // ------------------------------------------------------------------------------------------------ carried

    function test_withdrawals_of_many_owners_are_carried_with_their_fees() public {
        IBooks.Withdrawal[] memory ws = both();
        bytes[] memory signatures = signedBoth(ws);
        vm.expectEmit(address(escrow));
        emit IBooks.Withdrawn(requester, address(dollar), receiver, 60, stranger, 3);
        vm.expectEmit(address(escrow));
        emit IBooks.Withdrawn(operator, address(dollar), receiver, 60, stranger, 5);
        vm.prank(stranger);
        assertEq(escrow.withdrawMany(ws, fees(3, 5), signatures, PUSH_GAS), 2, "carried");
        assertEq(dollar.balanceOf(receiver), 120, "received");
        assertOwner(requester, 137, 1);
        assertOwner(operator, 35, 1);
        assertEq(escrow.balanceOf(stranger, address(dollar)), 8, "fees");
    }

    function test_tokens_and_coins_are_carried_together() public {
        deposited(operator, address(0), 60);
        IBooks.Withdrawal[] memory ws = both();
        ws[1].token = address(0);
        assertEq(escrow.withdrawMany(ws, fees(0, 0), signedBoth(ws), PUSH_GAS), 2, "carried");
        assertEq(dollar.balanceOf(receiver), 60, "dollars");
        assertEq(receiver.balance, 60, "coins");
        assertEq(escrow.nonceOf(operator, address(0)), 1, "nonce in coins");
        assertOwner(operator, 100, 0);
    }

    function test_an_owner_may_carry_its_own_and_keeps_the_fee() public {
        IBooks.Withdrawal[] memory ws = both();
        bytes[] memory signatures = signedBoth(ws);
        vm.prank(requester);
        assertEq(escrow.withdrawMany(ws, fees(5, 5), signatures, PUSH_GAS), 2, "carried");
        assertOwner(requester, 145, 1);
        assertOwner(operator, 35, 1);
    }

    function test_nothing_to_carry_is_no_error() public {
        uint256 carried =
            escrow.withdrawMany(new IBooks.Withdrawal[](0), new uint256[](0), new bytes[](0), PUSH_GAS);
        assertEq(carried, 0, "carried");
    }

    function test_two_nonces_of_one_owner_are_carried_in_order() public {
        IBooks.Withdrawal[] memory ws = both();
        (ws[1].owner, ws[1].nonce) = (requester, 1);
        bytes[] memory signatures = new bytes[](2);
        (signatures[0], signatures[1]) = (signed(ws[0], REQUESTER_KEY), signed(ws[1], REQUESTER_KEY));
        assertEq(escrow.withdrawMany(ws, fees(0, 5), signatures, PUSH_GAS), 2, "carried");
        assertOwner(requester, 75, 2);
    }

    function test_two_nonces_of_one_owner_out_of_order_carry_one() public {
        IBooks.Withdrawal[] memory ws = both();
        (ws[0].nonce, ws[1].owner) = (1, requester);
        bytes[] memory signatures = new bytes[](2);
        (signatures[0], signatures[1]) = (signed(ws[0], REQUESTER_KEY), signed(ws[1], REQUESTER_KEY));
        assertEq(escrow.withdrawMany(ws, fees(0, 0), signatures, PUSH_GAS), 1, "carried");
        assertOwner(requester, 140, 1);
        escrow.withdrawWithSignature(ws[0], 0, signatures[0]);
        assertOwner(requester, 80, 2);
    }

    function test_one_withdrawal_twice_in_a_call_is_carried_once() public {
        IBooks.Withdrawal[] memory ws = both();
        ws[1] = ws[0];
        bytes[] memory signatures = signedBoth(ws);
        signatures[1] = signatures[0];
        assertEq(escrow.withdrawMany(ws, fees(0, 0), signatures, PUSH_GAS), 1, "carried");
        assertOwner(requester, 140, 1);
        assertEq(escrow.withdrawMany(ws, fees(0, 0), signatures, PUSH_GAS), 0, "again");
        assertEq(dollar.balanceOf(receiver), 60, "received");
    }

    function test_the_whole_balance_goes_and_not_a_unit_more() public {
        IBooks.Withdrawal[] memory ws = both();
        (ws[0].amount, ws[1].amount) = (195, 96);
        assertEq(escrow.withdrawMany(ws, fees(5, 5), signedBoth(ws), PUSH_GAS), 1, "carried");
        assertOwner(requester, 0, 1);
        assertOwner(operator, 100, 0);
    }

    // ------------------------------------------------------------------------------------------------ skipped

    function test_lengths_that_differ_are_refused() public {
        IBooks.Withdrawal[] memory ws = both();
        bytes[] memory signatures = signedBoth(ws);
        refuse(IBooks.LengthsDiffer.selector);
        escrow.withdrawMany(ws, new uint256[](1), signatures, PUSH_GAS);
        refuse(IBooks.LengthsDiffer.selector);
        escrow.withdrawMany(ws, fees(0, 0), new bytes[](3), PUSH_GAS);
    }

    function test_one_past_its_deadline_is_skipped_and_one_in_its_last_second_is_not() public {
        IBooks.Withdrawal[] memory ws = both();
        (ws[0].deadline, ws[1].deadline) = (uint64(block.timestamp - 1), uint64(block.timestamp));
        onlyTheSecond(ws, signedBoth(ws));
    }

    function test_one_with_another_nonce_is_skipped() public {
        IBooks.Withdrawal[] memory ws = both();
        ws[0].nonce = 1;
        onlyTheSecond(ws, signedBoth(ws));
    }

    function test_one_that_costs_more_than_was_signed_is_skipped() public {
        IBooks.Withdrawal[] memory ws = both();
        assertEq(escrow.withdrawMany(ws, fees(6, 5), signedBoth(ws), PUSH_GAS), 1, "carried");
        assertOwner(requester, 200, 0);
        assertOwner(operator, 35, 1);
    }

    function test_one_of_nothing_is_skipped() public {
        IBooks.Withdrawal[] memory ws = both();
        ws[0].amount = 0;
        onlyTheSecond(ws, signedBoth(ws));
    }

    function test_one_over_the_balance_is_skipped_even_where_amount_and_fee_overflow() public {
        IBooks.Withdrawal[] memory ws = both();
        ws[0].amount = 201;
        onlyTheSecond(ws, signedBoth(ws));
        (ws[0].amount, ws[0].maxFee) = (type(uint256).max, type(uint256).max);
        ws[1].nonce = 1;
        ws[1].amount = 1;
        assertEq(escrow.withdrawMany(ws, fees(type(uint256).max, 0), signedBoth(ws), PUSH_GAS), 1, "carried");
        (ws[0].amount, ws[1].nonce) = (200, 2);
        assertEq(escrow.withdrawMany(ws, fees(type(uint256).max, 0), signedBoth(ws), PUSH_GAS), 1, "carried");
        assertOwner(requester, 200, 0);
    }

    function test_one_to_nobody_or_to_the_escrow_is_skipped() public {
        IBooks.Withdrawal[] memory ws = both();
        ws[0].receiver = address(0);
        onlyTheSecond(ws, signedBoth(ws));
        ws[0].receiver = address(escrow);
        (ws[1].nonce, ws[1].amount) = (1, 1);
        assertEq(escrow.withdrawMany(ws, fees(0, 0), signedBoth(ws), PUSH_GAS), 1, "carried");
        assertOwner(requester, 200, 0);
    }

    function test_one_that_its_owner_did_not_sign_is_skipped() public {
        IBooks.Withdrawal[] memory ws = both();
        bytes[] memory signatures = signedBoth(ws);
        bytes32 digest = escrow.withdrawalDigest(ws[0]);
        bytes[5] memory wrong =
            [sign(STRANGER_KEY, digest), signHigh(REQUESTER_KEY, digest), bytes(""), new bytes(64), new bytes(65)];
        for (uint256 i; i < wrong.length; ++i) {
            signatures[0] = wrong[i];
            escrow.withdrawMany(ws, fees(0, 0), signatures, PUSH_GAS);
            assertOwner(requester, 200, 0);
            assertOwner(operator, 40, 1);
        }
        ws[0].owner = address(0);
        assertEq(escrow.withdrawMany(ws, fees(0, 0), signatures, PUSH_GAS), 0, "nobody's");
    }

    /// @dev Which of them go is which of them fit one behind the other, and money is neither made nor lost.
    function testFuzz_what_fits_is_carried(uint8[4] memory amounts, uint8[4] memory costs, uint8 late) public {
        IBooks.Withdrawal[] memory ws = new IBooks.Withdrawal[](4);
        (uint256[] memory fee, bytes[] memory signatures) = (new uint256[](4), new bytes[](4));
        (uint256 left, uint256 sent, uint64 nonce) = (200, 0, 0);
        for (uint256 i; i < 4; ++i) {
            (ws[i], fee[i]) = (withdrawal(), costs[i]);
            (ws[i].amount, ws[i].maxFee, ws[i].nonce) = (amounts[i], costs[i], nonce);
            if (late >> i & 1 != 0) ws[i].deadline = uint64(block.timestamp - 1);
            signatures[i] = signed(ws[i], REQUESTER_KEY);
            if (late >> i & 1 != 0 || amounts[i] == 0 || uint256(amounts[i]) + costs[i] > left) continue;
            (left, sent, nonce) = (left - amounts[i] - costs[i], sent + amounts[i], nonce + 1);
        }
        vm.prank(stranger);
        assertEq(escrow.withdrawMany(ws, fee, signatures, PUSH_GAS), nonce, "carried");
        assertOwner(requester, left, nonce);
        assertEq(dollar.balanceOf(receiver), sent, "received");
        assertEq(escrow.balanceOf(stranger, address(dollar)), 200 - left - sent, "fees");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    /// @dev One withdrawal of the requester and one of the operator.
    function both() private view returns (IBooks.Withdrawal[] memory ws) {
        ws = new IBooks.Withdrawal[](2);
        (ws[0], ws[1]) = (withdrawal(), withdrawal());
        ws[1].owner = operator;
    }

    function signedBoth(IBooks.Withdrawal[] memory ws) private view returns (bytes[] memory signatures) {
        signatures = new bytes[](2);
        (signatures[0], signatures[1]) = (signed(ws[0], REQUESTER_KEY), signed(ws[1], OPERATOR_KEY));
    }

    function fees(uint256 first, uint256 second) private pure returns (uint256[] memory both_) {
        both_ = new uint256[](2);
        (both_[0], both_[1]) = (first, second);
    }

    function onlyTheSecond(IBooks.Withdrawal[] memory ws, bytes[] memory signatures) private {
        assertEq(escrow.withdrawMany(ws, fees(0, 0), signatures, PUSH_GAS), 1, "carried");
        assertOwner(requester, 200, 0);
        assertOwner(operator, 40, 1);
    }

    function assertOwner(address owner, uint256 balance, uint64 nonce) private view {
        assertEq(escrow.balanceOf(owner, address(dollar)), balance, "balance");
        assertEq(escrow.nonceOf(owner, address(dollar)), nonce, "nonce");
    }
}
