// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {Everyday} from "./harness/Everyday.sol";
import {SlowAccount} from "./harness/SlowAccount.sol";
import {ContractAccount} from "./hostile/Accounts.sol";
import {GasBurner, GasMeter, Reentrant, ReturnBomb, Reverter} from "./hostile/Receivers.sol";
import {FickleToken, HookedToken} from "./hostile/Tokens.sol";

// withdrawMany, and who makes trouble on the way
// ├── receiver reverts, or burns its gas            skipped: balance, nonce and the caller's fee as before
// ├── receiver returns a mountain of bytes          carried
// ├── receiver comes back in                        Locked, inside; carried once
// ├── token says no, answers junk, burns, has gone  skipped
// ├── token that the caller can't hold more of      skipped
// ├── contract owner says yes                       carried
// ├── it says no, answers junk, reverts             skipped
// ├── it burns its gas                              skipped: it gets as much as a push, and the others are carried
// └── less gas left than that                       GasTooLow: nothing happens
contract WithdrawManyHostileTest is Everyday {
    uint256 private constant PUSH_GAS = 100_000;

    GasMeter private meter = new GasMeter(); // made before the test, so that it is cold
    FickleToken private fickle;
    ContractAccount private account;

    function setUp() public override {
        super.setUp();
        (fickle, account) = (new FickleToken(), new ContractAccount());
        deposited(requester, address(0), 100);
        deposited(requester, address(fickle), 100);
        deposited(address(account), address(dollar), 100);
        deposited(operator, address(dollar), 100);
    }

    // ------------------------------------------------------------------------------------------------ receivers

    function test_a_receiver_that_refuses_keeps_its_withdrawal_valid() public {
        IBooks.Withdrawal memory w = inCoin(address(new Reverter()));
        assertSkipped(w, "");
        vm.etch(w.receiver, "");
        escrow.withdrawWithSignature(w, 5, signed(w, REQUESTER_KEY));
        assertEq(w.receiver.balance, 60, "received later");
    }

    function test_a_receiver_that_burns_its_gas_is_skipped() public {
        assertSkipped(inCoin(address(new GasBurner())), "");
    }

    function test_a_receiver_gets_the_gas_of_a_push_and_no_more() public {
        assertCarried(inCoin(address(meter)), "");
        assertTrue(meter.got() <= PUSH_GAS && meter.got() > PUSH_GAS - 500, "got");
    }

    function test_a_mountain_of_bytes_costs_the_others_nothing() public {
        assertCarried(inCoin(address(new ReturnBomb())), "");
    }

    function test_a_receiver_that_comes_back_in_is_paid_once() public {
        Reentrant thief = new Reentrant();
        IBooks.Withdrawal memory w = inCoin(address(thief));
        bytes memory call =
            abi.encodeCall(IPiecework.withdrawWithSignature, (w, 0, signed(w, REQUESTER_KEY)));
        thief.plan(address(escrow), call, 0);
        vm.prank(stranger);
        escrow.withdrawMany(list(w), new uint256[](1), words(signed(w, REQUESTER_KEY)), 1_000_000);
        assertTrue(thief.tried() && bytes4(thief.answer()) == IBooks.Locked.selector, "locked");
        assertEq(address(thief).balance, 60, "received");
        assertEq(escrow.nonceOf(requester, address(0)), 1, "nonce");
    }

    // ------------------------------------------------------------------------------------------------ tokens

    function test_a_token_that_does_not_move_is_skipped() public {
        IBooks.Withdrawal memory w = withdrawal();
        w.token = address(fickle);
        FickleToken.Way[5] memory ways = [
            FickleToken.Way.False,
            FickleToken.Way.Reverts,
            FickleToken.Way.Two,
            FickleToken.Way.Short,
            FickleToken.Way.Burns
        ];
        for (uint256 i; i < ways.length; ++i) {
            fickle.set(ways[i]);
            assertSkipped(w, "");
        }
        vm.etch(address(fickle), "");
        assertSkipped(w, "");
    }

    function test_a_token_hook_that_comes_back_in_finds_the_door_locked() public {
        HookedToken hooked = new HookedToken();
        Reentrant thief = new Reentrant();
        deposited(requester, address(hooked), 100);
        IBooks.Withdrawal memory w = withdrawal();
        (w.token, w.receiver) = (address(hooked), address(thief));
        thief.plan(address(escrow), abi.encodeCall(IPiecework.deposit, (address(hooked), 1)), 0);
        escrow.withdrawMany(list(w), new uint256[](1), words(signed(w, REQUESTER_KEY)), 1_000_000);
        assertTrue(thief.tried() && bytes4(thief.answer()) == IBooks.Locked.selector, "locked");
        assertEq(escrow.balanceOf(requester, address(hooked)), 40, "left");
    }

    /// @dev Whoever fills the caller's balance in a token of its own making stops that token's withdrawals alone.
    function test_a_fee_that_the_caller_cannot_hold_is_skipped() public {
        deposited(stranger, address(fickle), type(uint192).max - 4);
        IBooks.Withdrawal memory w = withdrawal();
        w.token = address(fickle);
        assertSkipped(w, "");
    }

    // ------------------------------------------------------------------------------------------------ contract owners

    function test_a_contract_owner_is_carried_as_it_answers() public {
        IBooks.Withdrawal memory w = withdrawal();
        w.owner = address(account);
        for (uint8 i = 1; i <= uint8(ContractAccount.Answer.Reverts); ++i) {
            account.set(ContractAccount.Answer(i));
            assertSkipped(w, "whatever");
        }
        account.set(ContractAccount.Answer.Yes);
        assertCarried(w, "whatever");
    }

    function test_a_contract_owner_that_burns_its_gas_holds_up_nobody() public {
        IBooks.Withdrawal memory w = withdrawal();
        w.owner = address(account);
        account.set(ContractAccount.Answer.Burns);
        assertSkipped(w, "whatever");
    }

    function test_many_contract_owners_that_burn_cost_a_push_each() public {
        account.set(ContractAccount.Answer.Burns);
        uint256 many = 20;
        IBooks.Withdrawal[] memory ws = new IBooks.Withdrawal[](many + 1);
        bytes[] memory signatures = new bytes[](many + 1);
        for (uint256 i; i < many; ++i) {
            (ws[i], signatures[i]) = (withdrawal(), "whatever");
            ws[i].owner = address(account);
        }
        ws[many] = withdrawal();
        ws[many].owner = operator;
        signatures[many] = signed(ws[many], OPERATOR_KEY);
        uint256 carried = escrow.withdrawMany{gas: (many + 2) * (PUSH_GAS + 20_000)}(
            ws, new uint256[](many + 1), signatures, PUSH_GAS
        );
        assertEq(carried, 1, "carried");
    }

    // ------------------------------------------------------------------------------------------------ gas

    /// @dev With any gas, either who can be paid is, or the call is undone: nobody is starved into being skipped.
    function testFuzz_no_amount_of_gas_skips_a_receiver(uint256 gas) public {
        IBooks.Withdrawal memory w = inCoin(address(meter));
        carriedOrUndone(w, signed(w, REQUESTER_KEY), PUSH_GAS, gas % 400_000);
    }

    function testFuzz_no_amount_of_gas_skips_a_contract_owner(uint256 gas) public {
        IBooks.Withdrawal memory w = withdrawal();
        w.owner = address(new SlowAccount(480_000));
        deposited(w.owner, address(dollar), 100);
        carriedOrUndone(w, "whatever", 500_000, 300_000 + gas % 1_000_000);
    }

    function carriedOrUndone(IBooks.Withdrawal memory w, bytes memory signature, uint256 pushGas, uint256 gas)
        private
    {
        (IBooks.Withdrawal[] memory ws, bytes[] memory signatures) = (list(w), words(signature));
        try escrow.withdrawMany{gas: gas}(ws, new uint256[](1), signatures, pushGas) returns (uint256 carried) {
            assertEq(carried, 1, "carried");
        } catch {
            assertEq(escrow.nonceOf(w.owner, w.token), 0, "nonce");
            assertEq(escrow.balanceOf(w.owner, w.token), 100, "balance");
        }
    }

    function test_too_little_gas_for_a_push_is_said() public {
        IBooks.Withdrawal memory w = inCoin(receiver);
        bytes memory signature = signed(w, REQUESTER_KEY);
        uint256 needed = PUSH_GAS + PUSH_GAS / 63 + 40_000;
        vm.expectRevert(abi.encodeWithSelector(IBooks.GasTooLow.selector, needed));
        escrow.withdrawMany{gas: needed}(list(w), new uint256[](1), words(signature), PUSH_GAS);
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function inCoin(address to) private view returns (IBooks.Withdrawal memory w) {
        w = withdrawal();
        (w.token, w.receiver) = (address(0), to);
    }

    /// @dev The requester's (or a contract's, with its word) is left as it was, and the operator's behind it is carried.
    function assertSkipped(IBooks.Withdrawal memory w, bytes memory signature) private {
        uint256 balance = escrow.balanceOf(w.owner, w.token);
        uint256 fees = escrow.balanceOf(stranger, w.token);
        assertEq(carryWith(w, signature), 1, "carried");
        assertEq(escrow.balanceOf(w.owner, w.token), balance, "balance");
        assertEq(escrow.balanceOf(stranger, w.token), fees, "fees");
        assertEq(escrow.nonceOf(w.owner, w.token), w.nonce, "nonce");
    }

    function assertCarried(IBooks.Withdrawal memory w, bytes memory signature) private {
        assertEq(carryWith(w, signature), 2, "carried");
        assertEq(escrow.balanceOf(w.owner, w.token), 35, "balance");
        assertEq(escrow.nonceOf(w.owner, w.token), w.nonce + 1, "nonce");
    }

    function carryWith(IBooks.Withdrawal memory w, bytes memory signature) private returns (uint256) {
        IBooks.Withdrawal[] memory ws = new IBooks.Withdrawal[](2);
        (ws[0], ws[1]) = (w, withdrawal());
        (ws[1].owner, ws[1].amount) = (operator, 1);
        ws[1].nonce = escrow.nonceOf(operator, address(dollar));
        bytes[] memory signatures = new bytes[](2);
        signatures[0] = signature.length == 0 ? signed(w, REQUESTER_KEY) : signature;
        signatures[1] = signed(ws[1], OPERATOR_KEY);
        uint256[] memory fees = new uint256[](2);
        fees[0] = 5;
        vm.prank(stranger);
        return escrow.withdrawMany{gas: 1_500_000}(ws, fees, signatures, PUSH_GAS);
    }

    function list(IBooks.Withdrawal memory w) private pure returns (IBooks.Withdrawal[] memory ws) {
        ws = new IBooks.Withdrawal[](1);
        ws[0] = w;
    }

    function words(bytes memory signature) private pure returns (bytes[] memory signatures) {
        signatures = new bytes[](1);
        signatures[0] = signature;
    }
}
