// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {Base, Vm} from "./Base.sol";
import {GasBurner, GasMeter, Reentrant, ReturnBomb, Reverter} from "./hostile/Receivers.sol";
import {FickleToken, HookedToken} from "./hostile/Tokens.sol";

// settle: what is paid, and how (who may: Settle.t.sol)
// ├── the requester's own slot             cancelled: reward and fee to its ledger, no protocol fee
// ├── a worker in the table twice          paid for both places
// ├── pushGas 0, or the worker's bit set   credited
// ├── less gas left than a push may use    GasTooLow: nothing happens
// ├── push fails: receiver reverts, burns,
// │   comes back in; token says no         credited
// └── else                                 in the wallet; the bits of `credited` are those who were credited
contract PayTest is Base {
    address private alice = address(0xA1);
    address private bob = address(0xB0);
    GasMeter private meter = new GasMeter(); // made before the test, so that it is cold

    function test_workers_are_paid_in_the_wallet_and_the_treasury_in_the_ledger() public {
        vm.prank(governor);
        escrow.setProtocolFee(200, governor);
        IBooks.Terms memory terms = posted(3);
        address[] memory workers = table(alice, bob);
        IBooks.SignedBatch memory batch = batchOf(terms, workers, 0, hex"010201");
        bytes32 job = escrow.jobId(terms);
        vm.prank(governor);
        escrow.setProtocolFee(100, stranger); // the terms' fee stays, whoever receives it
        vm.recordLogs();
        settleOne(terms, workers, batch);
        Logs memory logs = read();
        assertEq(logs.credited, 0, "credited");
        assertEq(logs.fee, 3_000, "fee logged");
        assertEq(dollar.balanceOf(alice), 2 * REWARD, "alice");
        assertEq(dollar.balanceOf(bob), REWARD, "bob");
        assertEq(escrow.balanceOf(stranger, address(dollar)), 3_000, "fee");
        assertEq(dollar.balanceOf(address(escrow)), 3_000, "left");
        assertJob(job, 3, 3, 3, false);
    }

    function test_a_slot_given_to_the_requester_is_cancelled_with_its_fee() public {
        vm.prank(governor);
        escrow.setProtocolFee(200, governor);
        IBooks.Terms memory terms = posted(3);
        address[] memory workers = table(alice, requester);
        vm.recordLogs();
        settleOne(terms, workers, batchOf(terms, workers, 0, hex"020102"));
        Logs memory logs = read();
        assertEq(logs.credited, 4, "credited");
        assertEq(logs.fee, 1_000, "fee logged");
        assertEq(escrow.balanceOf(requester, address(dollar)), 102_000, "back");
        assertEq(dollar.balanceOf(alice), REWARD, "alice");
        assertEq(dollar.balanceOf(address(escrow)), 103_000, "what the ledger owes");
    }

    function test_a_worker_at_two_places_is_paid_for_both() public {
        IBooks.Terms memory terms = posted(3);
        address[] memory workers = table(alice, alice);
        settleOne(terms, workers, batchOf(terms, workers, 0, hex"010202"));
        assertEq(dollar.balanceOf(alice), 3 * REWARD, "paid");
    }

    function test_the_caller_may_have_everybody_credited() public {
        IBooks.Terms memory terms = posted(3);
        address[] memory workers = table(alice, bob);
        IBooks.SignedBatch memory batch = batchOf(terms, workers, 0, hex"010201");
        vm.recordLogs();
        escrow.settle(terms, workers, one(batch), crediting());
        assertEq(read().credited, 6, "credited");
        assertEq(escrow.balanceOf(alice, address(dollar)), 2 * REWARD, "alice");
        assertEq(escrow.balanceOf(bob, address(dollar)), REWARD, "bob");
        assertEq(dollar.balanceOf(alice), 0, "alice's wallet");
    }

    function test_the_caller_may_have_some_credited() public {
        IBooks.Terms memory terms = posted(3);
        address[] memory workers = table(alice, bob);
        IBooks.SignedBatch memory batch = batchOf(terms, workers, 0, hex"010201");
        vm.recordLogs();
        escrow.settle(terms, workers, one(batch), IBooks.Payout(1 << 2, 60_000));
        assertEq(read().credited, 4, "credited");
        assertEq(dollar.balanceOf(alice), 2 * REWARD, "alice");
        assertEq(escrow.balanceOf(bob, address(dollar)), REWARD, "bob");
    }

    function test_the_log_names_as_credited_only_who_was() public {
        IBooks.Terms memory terms = posted(2);
        address[] memory workers = table(alice, bob);
        IBooks.SignedBatch memory batch = batchOf(terms, workers, 0, hex"01");
        vm.recordLogs();
        escrow.settle(terms, workers, one(batch), IBooks.Payout(type(uint256).max, 60_000));
        assertEq(read().credited, 2, "credited");
    }

    function test_the_last_place_of_a_full_table_is_paid() public {
        IBooks.Terms memory terms = posted(2);
        address[] memory workers = workersFrom(0x1000, 255);
        IBooks.SignedBatch memory batch = batchOf(terms, workers, 0, hex"ff01");
        vm.recordLogs();
        escrow.settle(terms, workers, one(batch), IBooks.Payout(1 << 255, 60_000));
        assertEq(read().credited, 1 << 255, "credited");
        assertEq(escrow.balanceOf(workers[254], address(dollar)), REWARD, "last");
        assertEq(dollar.balanceOf(workers[0]), REWARD, "first");
    }

    // ------------------------------------------------------------------------------------------------ hostile receivers

    function test_receivers_that_refuse_or_burn_coins_are_credited_and_hold_up_nobody() public {
        IBooks.Terms memory terms = postedInCoin(4);
        address[] memory workers = workersFrom(0x1000, 4);
        workers[0] = address(new Reverter());
        workers[1] = address(new GasBurner());
        workers[2] = address(new ReturnBomb());
        IBooks.SignedBatch memory batch = batchOf(terms, workers, 0, hex"01020304");
        vm.recordLogs();
        settleOne(terms, workers, batch);
        assertEq(read().credited, 6, "credited");
        assertEq(escrow.balanceOf(workers[0], address(0)), REWARD, "reverter");
        assertEq(escrow.balanceOf(workers[1], address(0)), REWARD, "burner");
        assertEq(workers[2].balance, REWARD, "bomb");
        assertEq(workers[3].balance, REWARD, "honest");
        assertEq(address(escrow).balance, 2 * REWARD, "what the ledger owes");
    }

    function test_a_receiver_that_comes_back_in_gets_its_pay_and_nothing_else() public {
        IBooks.Terms memory terms = postedInCoin(4);
        Reentrant thief = new Reentrant();
        address[] memory workers = table(address(thief), bob);
        IBooks.SignedBatch memory batch = batchOf(terms, workers, 0, hex"0102");
        IBooks.SignedBatch memory next = batchOf(terms, workers, 2, hex"0101");
        thief.plan(address(escrow), abi.encodeCall(IPiecework.settle, (terms, workers, one(next), crediting())), 0);
        escrow.settle(terms, workers, one(batch), IBooks.Payout(0, 500_000));
        assertTrue(thief.tried() && !thief.succeeded(), "came back");
        assertEq(bytes32(thief.answer()), bytes32(IBooks.Locked.selector), "why");
        assertEq(address(thief).balance, REWARD, "paid");
        assertEq(bob.balance, REWARD, "bob");
        assertJob(escrow.jobId(terms), 4, 2, 2, false);
    }

    function test_a_hook_that_burns_its_gas_costs_only_its_own_account() public {
        HookedToken hooked = new HookedToken();
        hooked.mint(address(this), 1e9);
        IBooks.Terms memory terms = termsIn(address(hooked));
        terms.requester = address(this);
        hooked.mint(address(this), price(terms, 2));
        escrow.post(terms, 2, IBooks.Source.Wallet);
        address[] memory workers = table(address(new GasBurner()), bob);
        (IBooks.SignedBatch memory batch,) = unapproved(terms, workers, 0, hex"0102");
        escrow.settle(terms, workers, one(batch), pushing());
        assertEq(escrow.balanceOf(workers[0], address(hooked)), REWARD, "burner");
        assertEq(hooked.balanceOf(bob), REWARD, "bob");
        assertEq(hooked.balanceOf(address(escrow)), REWARD, "what the ledger owes");
    }

    function tokensToSend() external {} // this contract is a holder of the hooked token

    // ------------------------------------------------------------------------------------------------ starving

    function testFuzz_a_push_gets_the_gas_it_was_promised_or_nothing_happens(uint256 gas_) public {
        gas_ = 120_000 + gas_ % 80_000;
        IBooks.Terms memory terms = postedInCoin(1);
        address[] memory workers = table(address(meter));
        IBooks.SignedBatch memory batch = batchOf(terms, workers, 0, hex"01");
        bytes memory call =
            abi.encodeCall(IPiecework.settle, (terms, workers, one(batch), IBooks.Payout(0, 60_000)));
        (bool ok,) = address(escrow).call{gas: gas_}(call);
        if (ok) assertTrue(meter.got() > 59_800 && meter.got() <= 60_000, "as promised, less what asking costs");
        else assertJob(escrow.jobId(terms), 1, 0, 0, false);
    }

    function testFuzz_a_token_push_cannot_be_starved_into_a_credit(uint256 gas_) public {
        gas_ = 50_000 + gas_ % 200_000;
        IBooks.Terms memory terms = posted(1);
        address[] memory workers = table(alice);
        IBooks.SignedBatch memory batch = batchOf(terms, workers, 0, hex"01");
        bytes memory call = abi.encodeCall(IPiecework.settle, (terms, workers, one(batch), pushing()));
        (bool ok,) = address(escrow).call{gas: gas_}(call);
        assertEq(dollar.balanceOf(alice), ok ? REWARD : 0, "paid");
        assertEq(escrow.balanceOf(alice, address(dollar)), 0, "credited");
    }

    function test_too_little_gas_for_a_push_is_said() public {
        IBooks.Terms memory terms = posted(1);
        IBooks.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"01");
        vm.expectRevert();
        escrow.settle{gas: 100_000}(terms, table(alice), one(batch), IBooks.Payout(0, 90_000));
        vm.expectRevert();
        escrow.settle(terms, table(alice), one(batch), IBooks.Payout(0, type(uint256).max));
    }

    // ------------------------------------------------------------------------------------------------ hostile tokens

    function test_a_token_that_does_not_say_true_leaves_a_credit() public {
        FickleToken fickle = new FickleToken();
        fickle.mint(requester, 1e9);
        IBooks.Terms memory terms = termsIn(address(fickle));
        vm.prank(requester);
        escrow.post(terms, 8, IBooks.Source.Wallet);
        FickleToken.Way[5] memory ways = [
            FickleToken.Way.False,
            FickleToken.Way.Reverts,
            FickleToken.Way.Two,
            FickleToken.Way.Short,
            FickleToken.Way.Burns
        ];
        for (uint32 i; i < ways.length; ++i) {
            fickle.set(ways[i]);
            settleOne(terms, table(alice), batchOf(terms, table(alice), i, hex"01"));
            assertEq(escrow.balanceOf(alice, address(fickle)), (i + 1) * REWARD, "credited");
        }
        fickle.set(FickleToken.Way.Silent);
        settleOne(terms, table(bob), batchOf(terms, table(bob), 5, hex"01"));
        assertEq(fickle.balanceOf(bob), REWARD, "pushed");
        vm.etch(address(fickle), "");
        settleOne(terms, table(bob), batchOf(terms, table(bob), 6, hex"01"));
        assertEq(escrow.balanceOf(bob, address(fickle)), REWARD, "credited by a token that is gone");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    struct Logs {
        uint256 credited;
        uint256 fee;
    }

    /// @dev What the last settlement said of itself.
    function read() private returns (Logs memory found) {
        found.credited = type(uint256).max;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] == IBooks.WorkersPaid.selector) {
                (found.credited,) = abi.decode(logs[i].data, (uint256, address[]));
            } else if (logs[i].topics[0] == IBooks.FeePaid.selector) {
                found.fee = abi.decode(logs[i].data, (uint256));
            }
        }
    }
}
