// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {Everyday} from "./harness/Everyday.sol";
import {Reentrant} from "./hostile/Receivers.sol";
import {FickleToken, HookedToken} from "./hostile/Tokens.sol";

// deposit
// ├── nothing                                    AmountZero
// ├── coin: value unlike the amount              ValueWrong
// ├── token: coin sent along                     ValueWrong
// ├── token moves more, less or nothing          ArrivalWrong; or refuses: TransferFailed
// ├── token without code                         refused
// ├── token hook comes back in                   Locked
// ├── over 2^192 - 1                             BalanceTooHigh
// └── else                                       the caller's balance grows, Deposited
// setProtocolFee
// ├── caller not the governor                    CallerNotGovernor
// ├── over 2 %                                   FeeTooHigh
// ├── treasury nobody or the escrow              AddressInvalid
// └── else                                       ProtocolFeeSet
contract LedgerTest is Everyday {
    FickleToken private fickle;

    function setUp() public override {
        super.setUp();
        fickle = new FickleToken();
        fickle.mint(requester, 1e9);
        fickle.mint(address(escrow), 1e9); // somebody else's, which no liar may claim
    }

    // ------------------------------------------------------------------------------------------------ deposit

    function test_deposit_of_nothing_is_refused() public {
        refuse(IBooks.AmountZero.selector);
        escrow.deposit(address(0), 0);
    }

    function test_deposit_of_coins_must_bring_exactly_the_amount() public {
        vm.expectRevert(abi.encodeWithSelector(IBooks.ValueWrong.selector, 5, 4));
        escrow.deposit{value: 4}(address(0), 5);
        vm.expectRevert(abi.encodeWithSelector(IBooks.ValueWrong.selector, 5, 6));
        escrow.deposit{value: 6}(address(0), 5);
    }

    function test_deposit_of_tokens_takes_no_coins() public {
        vm.deal(requester, 1);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.ValueWrong.selector, 0, 1));
        escrow.deposit{value: 1}(address(dollar), 5);
    }

    function test_deposit_is_the_callers_and_nobody_elses() public {
        vm.prank(requester);
        vm.expectEmit(address(escrow));
        emit IBooks.Deposited(requester, address(dollar), 7);
        escrow.deposit(address(dollar), 7);
        assertEq(escrow.balanceOf(requester, address(dollar)), 7, "dollars");
        assertEq(escrow.balanceOf(requester, address(0)), 0, "coins");
        assertEq(escrow.balanceOf(stranger, address(dollar)), 0, "stranger");
        vm.prank(requester);
        escrow.deposit{value: 3}(address(0), 3);
        assertEq(escrow.balanceOf(requester, address(0)), 3, "coins");
    }

    function test_deposit_without_allowance_is_refused() public {
        dollar.mint(stranger, 5);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IBooks.TransferFailed.selector, dollar, escrow, 5));
        escrow.deposit(address(dollar), 5);
    }

    function test_deposit_of_a_token_that_moves_another_amount_is_refused() public {
        refuseDeposit(FickleToken.Way.Fee, abi.encodeWithSelector(IBooks.ArrivalWrong.selector, 100, 99));
        refuseDeposit(FickleToken.Way.Bonus, abi.encodeWithSelector(IBooks.ArrivalWrong.selector, 100, 101));
        refuseDeposit(FickleToken.Way.Liar, abi.encodeWithSelector(IBooks.ArrivalWrong.selector, 100, 0));
        bytes memory failed = abi.encodeWithSelector(IBooks.TransferFailed.selector, fickle, escrow, 100);
        refuseDeposit(FickleToken.Way.False, failed);
        refuseDeposit(FickleToken.Way.Reverts, failed);
    }

    function refuseDeposit(FickleToken.Way way, bytes memory reason) private {
        fickle.set(way);
        vm.prank(requester);
        vm.expectRevert(reason);
        escrow.deposit(address(fickle), 100);
        assertEq(escrow.balanceOf(requester, address(fickle)), 0, "balance");
    }

    function test_deposit_of_a_token_that_returns_nothing_works() public {
        fickle.set(FickleToken.Way.Silent);
        vm.prank(requester);
        escrow.deposit(address(fickle), 100);
        assertEq(escrow.balanceOf(requester, address(fickle)), 100, "balance");
    }

    function test_deposit_of_a_token_without_code_is_refused() public {
        vm.expectRevert();
        escrow.deposit(address(0xdead), 5);
    }

    function test_deposit_over_what_the_ledger_counts_is_refused() public {
        uint256 most = type(uint192).max;
        fickle = new FickleToken();
        fickle.mint(requester, most + 1);
        vm.prank(requester);
        escrow.deposit(address(fickle), most);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.BalanceTooHigh.selector, requester, fickle));
        escrow.deposit(address(fickle), 1);
    }

    function test_deposit_counts_the_same_coins_once_when_a_hook_comes_back_in() public {
        HookedToken hooked = new HookedToken();
        Reentrant thief = new Reentrant();
        hooked.mint(address(thief), 100);
        bytes memory call = abi.encodeCall(IPiecework.deposit, (address(hooked), 50));
        thief.plan(address(escrow), call, 0);
        thief.act(address(escrow), call, 0);
        assertTrue(thief.tried() && !thief.succeeded(), "came back");
        assertEq(bytes32(thief.answer()), bytes32(IBooks.Locked.selector), "why");
        assertEq(escrow.balanceOf(address(thief), address(hooked)), 50, "balance");
    }

    function test_deposit_with_a_gift_inside_the_hook_is_refused() public {
        HookedToken hooked = new HookedToken();
        Reentrant giver = new Reentrant();
        hooked.mint(address(giver), 100);
        giver.plan(address(hooked), abi.encodeCall(HookedToken.mint, (address(escrow), 10)), 0);
        vm.expectRevert(abi.encodeWithSelector(IBooks.ArrivalWrong.selector, 50, 60));
        giver.act(address(escrow), abi.encodeCall(IPiecework.deposit, (address(hooked), 50)), 0);
    }

    // ------------------------------------------------------------------------------------------------ protocol fee

    function test_only_the_governor_sets_the_fee() public {
        vm.expectRevert(abi.encodeWithSelector(IBooks.CallerNotGovernor.selector, governor));
        escrow.setProtocolFee(1, stranger);
    }

    function test_the_fee_is_at_most_two_percent() public {
        vm.prank(governor);
        vm.expectRevert(abi.encodeWithSelector(IBooks.FeeTooHigh.selector, 200, 201));
        escrow.setProtocolFee(201, stranger);
    }

    function test_the_treasury_is_somebody_else() public {
        vm.prank(governor);
        vm.expectRevert(abi.encodeWithSelector(IBooks.AddressInvalid.selector, 0));
        escrow.setProtocolFee(1, address(0));
        vm.prank(governor);
        vm.expectRevert(abi.encodeWithSelector(IBooks.AddressInvalid.selector, escrow));
        escrow.setProtocolFee(1, address(escrow));
    }

    function test_the_governor_sets_fee_and_treasury() public {
        assertTrue(escrow.governor() == governor && escrow.treasury() == governor && escrow.feeBps() == 0, "at first");
        vm.prank(governor);
        vm.expectEmit(address(escrow));
        emit IBooks.ProtocolFeeSet(200, stranger);
        escrow.setProtocolFee(200, stranger);
        assertTrue(escrow.treasury() == stranger && escrow.feeBps() == 200, "then");
    }
}
