// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {ContractAccount} from "./hostile/Accounts.sol";
import {Calls} from "./hostile/Calls.sol";
import {Gallery} from "./hostile/Gallery.sol";
import {GasBurner, Reentrant, ReturnBomb, Reverter} from "./hostile/Receivers.sol";
import {HookedToken} from "./hostile/Tokens.sol";

// a receiver
// ├── reverts, or burns its gas (by itself, or by the code its key delegates to)   credited, the others are paid
// ├── returns a mountain, dies, or has delegated to a quiet wallet                 paid
// └── comes in while coins or tokens arrive or leave (push, withdrawal, relayed
//     withdrawals, an arrival's hook)                                              Locked, in every call that writes
contract HostileReceiversTest is Gallery {
    /// @dev Functions that write nothing the lock guards: what reads, and `submitEvidence`, which only logs.
    uint256 private constant UNLOCKED_OF_PIECEWORK = 22;
    uint256 private constant UNLOCKED_OF_RECOURSE = 17;

    address private heir = address(0x4E14);
    address[] private workers;

    // ------------------------------------------------------------------------------------------------ what they do with coins

    function test_hostile_wallets_hold_up_no_settlement() public {
        IBooks.Terms memory terms = postedToWallets();
        settleOne(terms, workers, batchOf(terms, workers, 0, hex"01020304050607"));
        assertPaidOrCredited();
    }

    function test_hostile_wallets_hold_up_no_finalizing() public {
        IBooks.Terms memory terms = postedToWallets();
        IBooks.Opening memory opening = opened(terms, workers, 0, hex"01020304050607");
        vm.warp(reviewEnd(terms, opening));
        escrow.finalize(terms, opening, 0, "", pushing());
        assertPaidOrCredited();
    }

    /// @dev Their own withdrawals to such wallets are skipped or carried, and the honest one among them is carried.
    function test_hostile_wallets_hold_up_no_relayed_withdrawals() public {
        postedToWallets();
        IBooks.Withdrawal[] memory withdrawals = new IBooks.Withdrawal[](7);
        bytes[] memory signatures = new bytes[](7);
        uint64 never = type(uint64).max;
        for (uint64 i; i < 7; ++i) {
            uint256 key = 0x7000 + i;
            enrich(vm.addr(key), address(0), REWARD);
            withdrawals[i] = IBooks.Withdrawal(vm.addr(key), address(0), workers[i], REWARD, 0, 0, never);
            signatures[i] = sign(key, escrow.withdrawalDigest(withdrawals[i]));
        }
        uint256 carried = escrow.withdrawMany(withdrawals, new uint256[](7), signatures, 60_000);
        assertEq(carried, 4, "carried");
        for (uint256 i; i < 7; ++i) {
            assertLedger(withdrawals[i].owner, address(0), i < 3 ? REWARD : 0, "left");
            assertEq(escrow.nonceOf(withdrawals[i].owner, address(0)), i < 3 ? 0 : 1, "nonce");
        }
        assertEq(bob.balance, REWARD, "honest");
        assertElsewhere();
    }

    /// @dev Three that can't be paid, and four that can: a bomb, a mortal, an account that delegates to a wallet, and bob.
    function postedToWallets() private returns (IBooks.Terms memory terms) {
        vm.setEvmVersion("prague"); // the first with EIP-7702
        workers = [
            address(new Reverter()),
            address(new GasBurner()),
            vm.addr(0x7702),
            address(new ReturnBomb()),
            address(0x3037A1),
            vm.addr(0x7703),
            bob
        ];
        vm.etch(workers[4], abi.encodePacked(hex"73", heir, hex"ff")); // selfdestruct(heir)
        delegate(workers[2], address(new GasBurner()));
        delegate(workers[5], address(new ContractAccount()));
        vm.deal(bob, 0);
        terms = contestableIn(address(0));
        post(terms, 7);
    }

    function delegate(address account, address code) private {
        vm.etch(account, abi.encodePacked(hex"ef0100", code));
    }

    function assertPaidOrCredited() private {
        for (uint256 i; i < 7; ++i) {
            assertLedger(workers[i], address(0), i < 3 ? REWARD : i == 6 ? PURSE : 0, "ledger");
            address holder = i == 4 ? heir : workers[i];
            assertEq(holder.balance, i < 3 ? 0 : REWARD, "wallet");
        }
        assertEq(address(escrow).balance, 4 * PURSE + 3 * REWARD, "what the ledgers owe");
        assertElsewhere();
    }

    // ------------------------------------------------------------------------------------------------ coming in

    function test_nobody_comes_in_by_a_settlements_push() public {
        bytes[26] memory calls = Calls.locked(termsIn(address(0)));
        IBooks.Terms memory terms = coins(26);
        for (uint32 i; i < 26; ++i) {
            Reentrant thief = thiefWith(calls[i]);
            address[] memory one_ = table(address(thief));
            escrow.settle(terms, one_, one(batchOf(terms, one_, i, hex"01")), deepPush());
            assertLockedOut(thief);
            assertEq(address(thief).balance, REWARD, "paid");
        }
        assertEq(address(escrow).balance, 4 * PURSE, "coins");
        assertElsewhere();
    }

    function test_nobody_comes_in_by_a_finalized_openings_push() public {
        bytes[26] memory calls = Calls.locked(termsIn(address(0)));
        IBooks.Terms memory terms = coins(26);
        for (uint32 i; i < 26; ++i) {
            Reentrant thief = thiefWith(calls[i]);
            IBooks.Opening memory opening = opened(terms, table(address(thief)), i, hex"01");
            bytes memory approval = approve(terms, opening.batch, 1, REQUESTER_KEY);
            escrow.finalize(terms, opening, 1, approval, deepPush());
            assertLockedOut(thief);
            assertEq(address(thief).balance, REWARD, "paid");
        }
        assertEq(address(escrow).balance, 4 * PURSE, "coins");
        assertElsewhere();
    }

    function test_nobody_comes_in_by_a_withdrawal() public {
        bytes[26] memory calls = Calls.locked(termsIn(address(0)));
        for (uint64 i; i < 26; ++i) {
            Reentrant thief = thiefWith(calls[i]);
            vm.prank(alice);
            escrow.withdraw(address(0), 1, address(thief));
            assertLockedOut(thief);
            thief = thiefWith(calls[i]);
            relayedTo(address(thief), i);
            assertLockedOut(thief);
        }
        assertLedger(alice, address(0), PURSE - 52, "alice");
        assertEq(address(escrow).balance, 4 * PURSE - 52, "coins");
        assertElsewhere();
    }

    /// @dev While the arrival is measured: the second deposit would count the same tokens twice.
    function test_nobody_comes_in_by_the_hook_of_an_arrival() public {
        HookedToken token = new HookedToken();
        token.mint(alice, PURSE);
        bytes[26] memory calls = Calls.locked(termsIn(address(token)));
        for (uint256 i; i < 26; ++i) {
            Reentrant thief = thiefWith(calls[i]);
            vm.prank(alice);
            token.register(address(thief));
            vm.prank(alice);
            escrow.deposit(address(token), 10);
            assertLockedOut(thief);
        }
        assertLedger(alice, address(token), 260, "counted once each");
        assertEq(token.balanceOf(address(escrow)), 260, "held");
        assertElsewhere();
    }

    function test_nobody_comes_in_by_the_hook_of_a_push() public {
        HookedToken token = new HookedToken();
        enrich(requester, address(token), PURSE);
        bytes[26] memory calls = Calls.locked(termsIn(address(token)));
        IBooks.Terms memory terms = termsIn(address(token));
        vm.prank(requester);
        escrow.post(terms, 26, IBooks.Source.Ledger);
        for (uint32 i; i < 26; ++i) {
            Reentrant thief = thiefWith(calls[i]);
            vm.prank(alice);
            token.register(address(thief));
            escrow.settle(terms, table(alice), one(batchOf(terms, table(alice), i, hex"01")), deepPush());
            assertLockedOut(thief);
        }
        assertEq(token.balanceOf(alice), 26 * REWARD, "paid once each");
        assertEq(token.balanceOf(address(escrow)), PURSE - 26 * REWARD, "held");
        assertElsewhere();
    }

    /// @dev A function that isn't in `Calls` must be one of those that write nothing: whoever adds one decides here.
    function test_every_function_that_writes_is_tried() public view {
        assertEq(functionsOf("Piecework"), 13 + UNLOCKED_OF_PIECEWORK, "Piecework");
        assertEq(functionsOf("Recourse"), 13 + UNLOCKED_OF_RECOURSE, "Recourse");
    }

    function functionsOf(string memory name) private view returns (uint256) {
        string memory path = string.concat("contracts/forge-out/", name, ".sol/", name, ".json");
        return vm.parseJsonKeys(vm.readFile(path), ".methodIdentifiers").length;
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function coins(uint32 slots) private returns (IBooks.Terms memory terms) {
        terms = contestableIn(address(0));
        post(terms, slots);
    }

    function thiefWith(bytes memory call) private returns (Reentrant thief) {
        thief = new Reentrant();
        thief.plan(address(escrow), call, 0);
    }

    function deepPush() private pure returns (IBooks.Payout memory) {
        return IBooks.Payout(0, 1_000_000);
    }

    function relayedTo(address receiver, uint64 nonce) private {
        IBooks.Withdrawal[] memory withdrawals = new IBooks.Withdrawal[](1);
        withdrawals[0] = IBooks.Withdrawal(alice, address(0), receiver, 1, 0, nonce, type(uint64).max);
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = sign(ALICE_KEY, escrow.withdrawalDigest(withdrawals[0]));
        escrow.withdrawMany(withdrawals, new uint256[](1), signatures, 1_000_000);
    }

    function assertLockedOut(Reentrant thief) private view {
        assertTrue(thief.tried() && !thief.succeeded(), "came in");
        assertEq(bytes32(thief.answer()), bytes32(IBooks.Locked.selector), "why");
    }
}
