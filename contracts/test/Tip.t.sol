// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Everyday} from "./harness/Everyday.sol";
import {FickleToken} from "./hostile/Tokens.sol";

// tip
// ├── as many amounts as receivers? no                LengthsDiffer
// ├── nobody, or nothing for anybody                  AmountZero
// ├── the sum overflows                               refused
// ├── from another's balance without leave            CallerNotAuthorized
// ├── more than the balance                           BalanceTooLow
// ├── to nobody or to the escrow                      AddressInvalid, and nobody gets anything
// ├── a receiver's balance over 2^192 - 1             BalanceTooHigh
// └── else, to itself and twice to one too            moved without a fee, Tipped
// (an operator's allowance: OperatorSpends.t.sol)
contract TipTest is Everyday {
    address[] private receivers;
    uint256[] private amounts;

    function setUp() public override {
        super.setUp();
        deposited(requester, address(dollar), 100);
        (receivers, amounts) = (table(address(0xA1), address(0xB0)), new uint256[](2));
        (amounts[0], amounts[1]) = (30, 12);
    }

    // ------------------------------------------------------------------------------------------------ moved

    function test_a_tip_moves_from_one_balance_to_others_without_a_fee() public {
        vm.prank(governor);
        escrow.setProtocolFee(200, governor);
        vm.prank(requester);
        vm.expectEmit(address(escrow));
        emit IBooks.Tipped(requester, address(dollar), ROOT, receivers, amounts);
        escrow.tip(requester, address(dollar), receivers, amounts, ROOT);
        assertBalances(58, 30, 12);
        assertEq(escrow.balanceOf(governor, address(dollar)), 0, "fee");
    }

    function test_a_tip_in_coins_moves_in_the_ledger_only() public {
        deposited(requester, address(0), 42);
        vm.prank(requester);
        escrow.tip(requester, address(0), receivers, amounts, ROOT);
        assertEq(escrow.balanceOf(receivers[0], address(0)), 30, "credited");
        assertEq(receivers[0].balance, 0, "wallet");
        assertBalances(100, 0, 0);
    }

    function test_an_operator_tips_itself_within_its_allowance() public {
        granted(42);
        receivers[1] = operator;
        vm.prank(operator);
        escrow.tip(requester, address(dollar), receivers, amounts, ROOT);
        assertEq(escrow.balanceOf(operator, address(dollar)), 12, "the operator's");
        assertAllowance(0, "allowance");
    }

    function test_a_tip_to_oneself_or_twice_to_one_changes_nothing_else() public {
        receivers = table(requester, requester);
        amounts[0] = 88;
        vm.prank(requester);
        escrow.tip(requester, address(dollar), receivers, amounts, ROOT);
        assertBalances(100, 0, 0);
        receivers = table(address(0xA1), address(0xA1));
        amounts[0] = 30;
        vm.prank(requester);
        escrow.tip(requester, address(dollar), receivers, amounts, ROOT);
        assertEq(escrow.balanceOf(address(0xA1), address(dollar)), 42, "both");
    }

    function test_one_may_get_nothing_where_another_gets_something() public {
        amounts[0] = 0;
        vm.prank(requester);
        escrow.tip(requester, address(dollar), receivers, amounts, ROOT);
        assertBalances(88, 0, 12);
    }

    function testFuzz_tips_move_and_make_nothing(uint64[5] memory shares, uint8[5] memory to, uint128 held) public {
        deposited(requester, address(dollar), uint256(held) + 1);
        (receivers, amounts) = (new address[](5), new uint256[](5));
        (uint256 total, uint256 kept) = (0, 0);
        for (uint256 i; i < 5; ++i) {
            (receivers[i], amounts[i]) = (to[i] % 4 == 0 ? requester : address(uint160(0xF0 + to[i] % 4)), shares[i]);
            total += shares[i];
            if (receivers[i] == requester) kept += shares[i];
        }
        uint256 before = uint256(held) + 101;
        bool moves = total != 0 && total <= before;
        if (!moves) vm.expectRevert();
        vm.prank(requester);
        escrow.tip(requester, address(dollar), receivers, amounts, ROOT);
        uint256 sum = escrow.balanceOf(requester, address(dollar));
        assertEq(sum, moves ? before - total + kept : before, "the requester's");
        for (uint160 i = 1; i < 4; ++i) {
            sum += escrow.balanceOf(address(0xF0 + i), address(dollar));
        }
        assertEq(sum, before, "all together");
    }

    // ------------------------------------------------------------------------------------------------ refused

    function test_receivers_and_amounts_are_as_many() public {
        bytes memory reason = abi.encodePacked(IBooks.LengthsDiffer.selector);
        amounts.push(1);
        refuseTip(reason);
        amounts = new uint256[](1);
        refuseTip(reason);
    }

    function test_a_tip_of_nothing_is_refused() public {
        bytes memory reason = abi.encodePacked(IBooks.AmountZero.selector);
        amounts = new uint256[](2);
        refuseTip(reason);
        (receivers, amounts) = (new address[](0), new uint256[](0));
        refuseTip(reason);
    }

    function test_an_operator_tips_nothing_either() public {
        granted(100);
        amounts = new uint256[](2);
        vm.prank(operator);
        refuse(IBooks.AmountZero.selector);
        escrow.tip(requester, address(dollar), receivers, amounts, ROOT);
    }

    function test_a_sum_that_overflows_is_refused() public {
        (amounts[0], amounts[1]) = (type(uint256).max, 2);
        refuseTip(abi.encodeWithSignature("Panic(uint256)", 0x11));
        (amounts[0], amounts[1]) = (1 << 192, 1);
        granted(type(uint192).max);
        vm.prank(operator);
        vm.expectRevert(notAuthorized(type(uint192).max));
        escrow.tip(requester, address(dollar), receivers, amounts, ROOT);
    }

    function test_more_than_the_balance_is_refused() public {
        amounts[0] = 89;
        refuseTip(abi.encodeWithSelector(IBooks.BalanceTooLow.selector, requester, dollar, 100, 101));
    }

    function test_nobody_tips_from_anothers_balance() public {
        vm.prank(stranger);
        vm.expectRevert(notAuthorized(0));
        escrow.tip(requester, address(dollar), receivers, amounts, ROOT);
        assertBalances(100, 0, 0);
    }

    function test_a_tip_to_nobody_or_to_the_escrow_moves_nothing() public {
        receivers[1] = address(0);
        refuseTip(abi.encodeWithSelector(IBooks.AddressInvalid.selector, 0));
        receivers[1] = address(escrow);
        refuseTip(abi.encodeWithSelector(IBooks.AddressInvalid.selector, escrow));
    }

    function test_a_balance_does_not_wrap() public {
        address fickle = address(new FickleToken());
        deposited(receivers[1], fickle, type(uint192).max);
        deposited(requester, fickle, 42);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.BalanceTooHigh.selector, receivers[1], fickle));
        escrow.tip(requester, fickle, receivers, amounts, ROOT);
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function refuseTip(bytes memory reason) private {
        vm.prank(requester);
        vm.expectRevert(reason);
        escrow.tip(requester, address(dollar), receivers, amounts, ROOT);
        assertBalances(100, 0, 0);
    }

    function assertBalances(uint256 requesters, uint256 first, uint256 second) private view {
        assertEq(escrow.balanceOf(requester, address(dollar)), requesters, "the requester's");
        assertEq(escrow.balanceOf(address(0xA1), address(dollar)), first, "the first's");
        assertEq(escrow.balanceOf(address(0xB0), address(dollar)), second, "the second's");
    }
}
