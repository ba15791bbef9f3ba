// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Bonds, IBond} from "./harness/Bonds.sol";
import {Reentrant, Reverter} from "./hostile/Receivers.sol";
import {FickleToken, HookedToken} from "./hostile/Tokens.sol";

// bond
// ├── nothing                                     AmountZero
// ├── coin: value unlike the amount               ValueWrong
// ├── token: coin sent along                      ValueWrong
// ├── token moves more, less or nothing           ArrivalWrong; or refuses: refused
// ├── token without code                          refused
// ├── over 2^192 - 1                              BondTooHigh
// ├── token hook comes back in                    Reentered
// └── else, for any coordinator                   Bonded; the lock stays where it is
// moveLock
// ├── back, or where it is                        LockOnlyForward
// └── else                                        the caller's own, in one token, LockMoved
// withdraw
// ├── a second too early                          LockedUntil
// ├── nothing / more than there is                AmountZero / BondTooLow
// ├── another's                                   BondTooLow
// ├── receiver or token refuses                   undone
// ├── receiver comes back in                      Reentered, inside
// └── else                                        it arrives, Withdrawn
// (claim: BondClaim.t.sol)
contract BondTest is Bonds {
    // ------------------------------------------------------------------------------------------------ bond

    function test_the_bond_stands_beside_its_escrow() public view {
        assertTrue(bonds.escrow() == address(escrow), "escrow");
    }

    function test_a_bond_of_nothing_is_refused() public {
        refuse(IBond.AmountZero.selector);
        bonds.bond(coordinator, address(dollar), 0);
    }

    function test_anybody_bonds_for_a_coordinator() public {
        vm.prank(requester);
        vm.expectEmit(address(bonds));
        emit IBond.Bonded(coordinator, address(dollar), requester, 70);
        bonds.bond(coordinator, address(dollar), 70);
        bonded(address(dollar), 30);
        assertBond(address(dollar), 100, "bond");
        assertBond(address(0), 0, "in coins");
        assertEq(dollar.balanceOf(address(bonds)), 100, "held");
        bonded(address(0), 5);
        assertBond(address(0), 5, "in coins");
        assertEq(address(bonds).balance, 5, "coins held");
    }

    function test_a_bond_in_coins_brings_exactly_the_amount() public {
        for (uint256 value = 4; value <= 6; value += 2) {
            vm.prank(requester);
            vm.expectRevert(abi.encodeWithSelector(IBond.ValueWrong.selector, 5, value));
            bonds.bond{value: value}(coordinator, address(0), 5);
        }
    }

    function test_a_bond_in_tokens_takes_no_coins() public {
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBond.ValueWrong.selector, 0, 1));
        bonds.bond{value: 1}(coordinator, address(dollar), 5);
    }

    function test_plain_coins_stay_out() public {
        vm.prank(requester);
        (bool ok,) = address(bonds).call{value: 1}("");
        assertTrue(!ok, "refused");
    }

    function test_tokens_that_move_another_amount_are_refused() public {
        FickleToken fickle = new FickleToken();
        fickle.mint(address(bonds), 1_000); // somebody else's, which no liar may claim
        fickle.mint(requester, 1_000);
        refuseBond(fickle, FickleToken.Way.Fee, abi.encodeWithSelector(IBond.ArrivalWrong.selector, 100, 99));
        refuseBond(fickle, FickleToken.Way.Bonus, abi.encodeWithSelector(IBond.ArrivalWrong.selector, 100, 101));
        refuseBond(fickle, FickleToken.Way.Liar, abi.encodeWithSelector(IBond.ArrivalWrong.selector, 100, 0));
        bytes memory failed = abi.encodeWithSignature("TransferFromFailed()");
        refuseBond(fickle, FickleToken.Way.False, failed);
        refuseBond(fickle, FickleToken.Way.Reverts, failed);
        fickle.set(FickleToken.Way.Silent);
        bonded(address(fickle), 100);
        assertBond(address(fickle), 100, "bond");
    }

    function test_a_token_without_code_is_no_bond() public {
        vm.expectRevert();
        bonds.bond(coordinator, address(0xdead), 5);
    }

    function test_a_bond_does_not_wrap() public {
        FickleToken fickle = new FickleToken();
        fickle.mint(requester, 1 << 192);
        bonded(address(fickle), type(uint192).max);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBond.BondTooHigh.selector, type(uint192).max));
        bonds.bond(coordinator, address(fickle), 1);
    }

    function test_a_hook_counts_the_same_tokens_once() public {
        HookedToken hooked = new HookedToken();
        Reentrant thief = new Reentrant();
        hooked.mint(address(thief), 100);
        bytes memory call = abi.encodeCall(IBond.bond, (coordinator, address(hooked), 50));
        thief.plan(address(bonds), call, 0);
        thief.act(address(bonds), call, 0);
        assertReentered(thief);
        assertBond(address(hooked), 50, "bond");
    }

    // ------------------------------------------------------------------------------------------------ moveLock

    function test_a_lock_moves_forward_only() public {
        vm.prank(coordinator);
        vm.expectEmit(address(bonds));
        emit IBond.LockMoved(coordinator, address(dollar), 1_000);
        bonds.moveLock(address(dollar), 1_000);
        for (uint64 until = 999; until <= 1_000; ++until) {
            vm.prank(coordinator);
            vm.expectRevert(abi.encodeWithSelector(IBond.LockOnlyForward.selector, 1_000));
            bonds.moveLock(address(dollar), until);
        }
        vm.prank(coordinator);
        bonds.moveLock(address(dollar), 1_001);
        assertLock(address(dollar), 1_001);
        assertLock(address(0), 0);
    }

    function test_nobody_moves_another_lock() public {
        vm.prank(stranger);
        bonds.moveLock(address(dollar), type(uint64).max);
        assertLock(address(dollar), 0);
    }

    function test_a_lock_stays_where_more_is_bonded() public {
        locked(10);
        bonded(address(dollar), 10);
        assertLock(address(dollar), uint64(block.timestamp + 10));
    }

    // ------------------------------------------------------------------------------------------------ withdraw

    function test_a_bond_is_out_from_the_end_of_its_lock_on() public {
        bonded(address(dollar), 100);
        locked(10);
        uint64 until = uint64(block.timestamp + 10);
        vm.warp(until - 1);
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBond.LockedUntil.selector, until));
        bonds.withdraw(address(dollar), 1, receiver);
        vm.warp(until);
        vm.prank(coordinator);
        vm.expectEmit(address(bonds));
        emit IBond.Withdrawn(coordinator, address(dollar), receiver, 60);
        bonds.withdraw(address(dollar), 60, receiver);
        assertBond(address(dollar), 40, "left");
        assertEq(dollar.balanceOf(receiver), 60, "received");
    }

    function test_a_lock_holds_its_own_token_only() public {
        bonded(address(0), 100);
        locked(10);
        vm.prank(coordinator);
        bonds.withdraw(address(0), 100, receiver);
        assertEq(receiver.balance, 100, "received");
        assertBond(address(0), 0, "left");
    }

    function test_nothing_more_than_there_is_and_nobody_elses_comes_out() public {
        bonded(address(dollar), 100);
        vm.prank(coordinator);
        refuse(IBond.AmountZero.selector);
        bonds.withdraw(address(dollar), 0, receiver);
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBond.BondTooLow.selector, 100));
        bonds.withdraw(address(dollar), 101, receiver);
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBond.BondTooLow.selector, 100));
        bonds.withdraw(address(dollar), (1 << 192) + 1, receiver);
        vm.prank(requester); // who brought it
        vm.expectRevert(abi.encodeWithSelector(IBond.BondTooLow.selector, 0));
        bonds.withdraw(address(dollar), 1, receiver);
    }

    function test_a_withdrawal_that_fails_is_undone() public {
        bonded(address(0), 100);
        address reverter = address(new Reverter());
        vm.prank(coordinator);
        vm.expectRevert();
        bonds.withdraw(address(0), 100, reverter);
        assertBond(address(0), 100, "left");
        FickleToken fickle = new FickleToken();
        fickle.mint(requester, 100);
        bonded(address(fickle), 100);
        fickle.set(FickleToken.Way.False);
        vm.prank(coordinator);
        vm.expectRevert();
        bonds.withdraw(address(fickle), 100, receiver);
        assertBond(address(fickle), 100, "left");
    }

    function test_a_receiver_that_comes_back_in_gets_its_bond_once() public {
        Reentrant thief = new Reentrant();
        vm.prank(requester);
        bonds.bond{value: 100}(address(thief), address(0), 100);
        bonded(address(0), 100);
        bytes memory call = abi.encodeCall(IBond.withdraw, (address(0), 50, address(thief)));
        thief.plan(address(bonds), call, 0);
        thief.act(address(bonds), call, 0);
        assertReentered(thief);
        assertEq(address(thief).balance, 50, "received");
    }

    function testFuzz_bonds_add_up(uint64[4] memory more, uint64[4] memory less) public {
        (uint256 held, uint256 out) = (0, 0);
        for (uint256 i; i < 4; ++i) {
            dollar.mint(requester, more[i]);
            if (more[i] == 0) refuse(IBond.AmountZero.selector);
            bonded(address(dollar), more[i]);
            held += more[i];
            bool fits = less[i] != 0 && less[i] <= held;
            if (!fits) vm.expectRevert();
            vm.prank(coordinator);
            bonds.withdraw(address(dollar), less[i], receiver);
            if (fits) (held, out) = (held - less[i], out + less[i]);
        }
        assertBond(address(dollar), held, "bond");
        assertEq(dollar.balanceOf(address(bonds)), held, "held");
        assertEq(dollar.balanceOf(receiver), out, "out");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function locked(uint256 howLong) private {
        vm.prank(coordinator);
        bonds.moveLock(address(dollar), uint64(block.timestamp + howLong));
    }

    function refuseBond(FickleToken fickle, FickleToken.Way way, bytes memory reason) private {
        fickle.set(way);
        vm.prank(requester);
        vm.expectRevert(reason);
        bonds.bond(coordinator, address(fickle), 100);
    }

    function assertReentered(Reentrant thief) private view {
        assertTrue(thief.tried() && !thief.succeeded(), "came back");
        assertEq(bytes32(thief.answer()), bytes32(IBond.Reentered.selector), "why");
    }

    function assertLock(address token, uint64 until) private view {
        (, uint64 lockedUntil) = bonds.bondOf(coordinator, token);
        assertEq(lockedUntil, until, "locked until");
    }
}
