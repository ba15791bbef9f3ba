// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {Everyday} from "./harness/Everyday.sol";
import {Reentrant, ReturnBomb, Reverter} from "./hostile/Receivers.sol";
import {FickleToken} from "./hostile/Tokens.sol";

// withdraw
// ├── nothing / more than there is               AmountZero / BalanceTooLow
// ├── to nobody or to the escrow                 AddressInvalid
// ├── coin: receiver refuses                     TransferFailed
// ├── token: reverts, or answers other than true TransferFailed
// ├── receiver comes back in                     Locked, inside; the withdrawal stands
// └── else                                       it arrives, Withdrawn
contract WithdrawTest is Everyday {
    FickleToken private fickle;

    function setUp() public override {
        super.setUp();
        fickle = new FickleToken();
        fickle.mint(address(escrow), 1e9); // somebody else's, which no liar may claim
    }

    function test_withdraw_of_nothing_is_refused() public {
        refuse(IBooks.AmountZero.selector);
        escrow.withdraw(address(0), 0, receiver);
    }

    function test_withdraw_of_more_than_there_is_is_refused() public {
        deposited(requester, address(dollar), 10);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.BalanceTooLow.selector, requester, dollar, 10, 11));
        escrow.withdraw(address(dollar), 11, receiver);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IBooks.BalanceTooLow.selector, stranger, dollar, 0, 1));
        escrow.withdraw(address(dollar), 1, receiver);
    }

    function test_withdraw_to_nobody_or_to_the_escrow_is_refused() public {
        deposited(requester, address(dollar), 10);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.AddressInvalid.selector, 0));
        escrow.withdraw(address(dollar), 1, address(0));
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.AddressInvalid.selector, escrow));
        escrow.withdraw(address(dollar), 1, address(escrow));
    }

    function test_withdraw_sends_tokens_and_coins_to_the_receiver() public {
        deposited(requester, address(dollar), 10);
        deposited(requester, address(0), 10);
        vm.prank(requester);
        vm.expectEmit(address(escrow));
        emit IBooks.Withdrawn(requester, address(dollar), receiver, 4, requester, 0);
        escrow.withdraw(address(dollar), 4, receiver);
        vm.prank(requester);
        escrow.withdraw(address(0), 10, receiver);
        assertEq(dollar.balanceOf(receiver), 4, "dollars");
        assertEq(receiver.balance, 10, "coins");
        assertEq(escrow.balanceOf(requester, address(dollar)), 6, "left");
        assertEq(escrow.balanceOf(requester, address(0)), 0, "coins left");
    }

    function test_withdraw_that_the_receiver_refuses_is_undone() public {
        deposited(requester, address(0), 10);
        address reverter = address(new Reverter());
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.TransferFailed.selector, address(0), reverter, 10));
        escrow.withdraw(address(0), 10, reverter);
        assertEq(escrow.balanceOf(requester, address(0)), 10, "left");
    }

    function test_withdraw_of_a_token_that_does_not_say_true_is_undone() public {
        deposited(requester, address(fickle), 100);
        FickleToken.Way[4] memory ways =
            [FickleToken.Way.False, FickleToken.Way.Reverts, FickleToken.Way.Two, FickleToken.Way.Short];
        for (uint256 i; i < ways.length; ++i) {
            fickle.set(ways[i]);
            vm.prank(requester);
            vm.expectRevert(abi.encodeWithSelector(IBooks.TransferFailed.selector, fickle, receiver, 10));
            escrow.withdraw(address(fickle), 10, receiver);
        }
        assertEq(escrow.balanceOf(requester, address(fickle)), 100, "left");
    }

    function test_withdraw_of_a_token_whose_code_is_gone_is_undone() public {
        deposited(requester, address(fickle), 100);
        vm.etch(address(fickle), "");
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.TransferFailed.selector, fickle, receiver, 10));
        escrow.withdraw(address(fickle), 10, receiver);
    }

    function test_withdraw_survives_silence_and_mountains_of_bytes() public {
        deposited(requester, address(fickle), 100);
        deposited(requester, address(0), 10);
        fickle.set(FickleToken.Way.Silent);
        vm.prank(requester);
        escrow.withdraw(address(fickle), 10, receiver);
        fickle.set(FickleToken.Way.Bomb);
        vm.prank(requester);
        escrow.withdraw(address(fickle), 10, receiver);
        assertEq(fickle.balanceOf(receiver), 20, "received");
        address bomb = address(new ReturnBomb());
        vm.prank(requester);
        escrow.withdraw(address(0), 10, bomb);
        assertEq(bomb.balance, 10, "bomb");
    }

    function test_withdraw_pays_once_though_the_receiver_comes_back_in() public {
        Reentrant thief = new Reentrant();
        vm.deal(address(thief), 10);
        thief.act(address(escrow), abi.encodeCall(IPiecework.deposit, (address(0), 10)), 10);
        deposited(requester, address(0), 90);
        bytes memory call = abi.encodeCall(IPiecework.withdraw, (address(0), 5, address(thief)));
        thief.plan(address(escrow), call, 0);
        thief.act(address(escrow), call, 0);
        assertTrue(thief.tried() && !thief.succeeded(), "came back");
        assertEq(address(thief).balance, 5, "received");
        assertEq(escrow.balanceOf(address(thief), address(0)), 5, "left");
    }
}
