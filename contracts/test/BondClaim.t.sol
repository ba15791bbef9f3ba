// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Bonds, IBond} from "./harness/Bonds.sol";
import {ContractAccount} from "./hostile/Accounts.sol";
import {Reentrant, Reverter} from "./hostile/Receivers.sol";

// claim
// ├── a batch not signed by the coordinator's key: another's,
// │   of another job, slot, table, places or root         NotSignedByCoordinator
// ├── the slot outside a batch, of nobody there, or of a
// │   place past the table                                NotNamed(0)
// ├── both give the slot to one account                   SameHolder, whatever tables and places they have
// ├── the worker is the requester, nobody, the escrow     NotNamed(worker)
// ├── claimed by this worker for this slot                ClaimedAlready
// ├── nothing to share in the job's token                 BondTooLow
// ├── the worker refuses its coins                        undone; the other one claims
// ├── the worker comes back in                            Reentered, inside
// ├── less than twice the reward                          half of what there is, the other half burnt
// └── else, whoever carries it                            the reward to the worker, as much burnt, EquivocationPaid
//     ├── a receipt and a cancellation (to the requester, nobody or the escrow)
//     ├── job not posted, settled or closed; lock over
//     ├── the coordinator has code by now
//     └── the coordinator's own puppets                   half is lost
contract BondClaimTest is Bonds {
    uint256 private constant BOND = 10 * uint256(REWARD);

    IBooks.Terms private terms;
    address private alice = address(0xA1);
    address private bob = address(0xB0);

    function setUp() public override {
        super.setUp();
        terms = termsIn(address(dollar));
        bonded(address(dollar), BOND);
    }

    // ------------------------------------------------------------------------------------------------ paid

    function test_each_worker_named_gets_the_reward_once_and_as_much_is_burnt() public {
        (IBond.SignedWord memory one, IBond.SignedWord memory other) = (word(alice, 7), word(bob, 7));
        vm.prank(stranger);
        vm.expectEmit(address(bonds));
        emit IBond.EquivocationPaid(escrow.jobId(terms), coordinator, alice, address(dollar), 7, REWARD, REWARD);
        assertEq(bonds.claim(terms, 7, one, other), REWARD, "paid");
        assertShares(1, 0, 1);
        bonds.claim(terms, 7, other, one);
        assertShares(1, 1, 2);
        bytes memory reason = abi.encodeWithSelector(IBond.ClaimedAlready.selector, escrow.jobId(terms), 7, alice);
        refuseClaim(7, one, other, reason);
        refuseClaim(7, one, word(address(0xCA), 7), reason);
    }

    function test_each_slot_and_each_job_is_claimed_for_itself() public {
        bonds.claim(terms, 7, word(alice, 7), word(bob, 7));
        bonds.claim(terms, 8, word(alice, 8), word(bob, 8));
        terms.salt = 0;
        bonds.claim(terms, 7, word(alice, 7), word(bob, 7));
        assertShares(3, 0, 3);
    }

    function test_batches_of_many_slots_prove_it_wherever_they_overlap() public {
        IBond.SignedWord memory one = word(table(alice, bob), 5, hex"010201");
        IBond.SignedWord memory other = word(table(bob, alice), 6, hex"01000201");
        bonds.claim(terms, 7, one, word(table(bob, alice), 6, hex"0101"));
        assertShares(1, 0, 1);
        refuseClaim(6, one, other, abi.encodePacked(IBond.SameHolder.selector));
        refuseClaim(7, other, one, abi.encodeWithSelector(IBond.NotNamed.selector, 0));
    }

    function test_a_cancellation_against_a_receipt_is_two_words() public {
        IBond.SignedWord memory receipt = word(alice, 7);
        address[3] memory cancelled = [requester, address(0), address(escrow)];
        for (uint256 i; i < cancelled.length; ++i) {
            terms.salt = bytes32(i);
            receipt = word(alice, 7);
            IBond.SignedWord memory cancellation = word(cancelled[i], 7);
            refuseClaim(7, cancellation, receipt, abi.encodeWithSelector(IBond.NotNamed.selector, cancelled[i]));
            bonds.claim(terms, 7, receipt, cancellation);
        }
        assertShares(3, 0, 3);
        assertEq(dollar.balanceOf(address(escrow)), 0, "the escrow's");
    }

    function test_a_bond_in_coins_pays_jobs_in_coins() public {
        bonded(address(0), BOND);
        terms.token = address(0);
        bonds.claim(terms, 7, word(alice, 7), word(bob, 7));
        assertEq(alice.balance, REWARD, "paid");
        assertEq(furnace.balance, REWARD, "burnt");
        assertBond(address(0), BOND - 2 * REWARD, "left");
        assertShares(0, 0, 0);
    }

    function test_a_low_bond_is_shared_to_the_last_pair() public {
        IBond.SignedWord memory one = word(alice, 7);
        IBond.SignedWord memory other = word(bob, 7);
        vm.prank(coordinator);
        bonds.withdraw(address(dollar), BOND - 2 * REWARD + 1, receiver);
        assertEq(bonds.claim(terms, 7, one, other), REWARD - 1, "half, rounded down");
        assertBond(address(dollar), 1, "left");
        refuseClaim(7, other, one, abi.encodeWithSelector(IBond.BondTooLow.selector, 1));
        bonded(address(dollar), 1);
        assertEq(bonds.claim(terms, 7, other, one), 1, "one of two");
        assertBond(address(dollar), 0, "left");
        assertEq(dollar.balanceOf(furnace), REWARD, "burnt");
    }

    function test_a_job_in_another_token_has_another_bond() public {
        terms.token = address(0);
        refuseClaim(7, word(alice, 7), word(bob, 7), abi.encodeWithSelector(IBond.BondTooLow.selector, 0));
    }

    function test_neither_the_jobs_state_nor_the_end_of_the_lock_ends_a_proof() public {
        IBond.SignedWord memory one = word(alice, 0);
        posted(1);
        settleOne(terms, table(bob), batchOf(terms, table(bob), 0, hex"01"));
        vm.warp(terms.closesAt + 365 days);
        escrow.close(terms);
        bonds.claim(terms, 0, one, word(bob, 0));
        assertEq(dollar.balanceOf(alice), REWARD, "paid");
    }

    function test_a_coordinator_that_gets_code_later_cannot_take_its_words_back() public {
        (IBond.SignedWord memory one, IBond.SignedWord memory other) = (word(alice, 7), word(bob, 7));
        vm.etch(coordinator, address(new ContractAccount()).code);
        ContractAccount(payable(coordinator)).set(ContractAccount.Answer.No);
        bonds.claim(terms, 7, one, other);
        assertShares(1, 0, 1);
    }

    function testFuzz_a_coordinator_that_claims_with_puppets_loses_half(uint96 held, uint128 reward, uint8 puppets)
        public
    {
        vm.assume(reward != 0);
        vm.prank(coordinator);
        bonds.withdraw(address(dollar), BOND, stranger);
        dollar.mint(requester, uint256(held) + 2);
        bonded(address(dollar), uint256(held) + 2);
        terms.reward = reward;
        uint256 got;
        for (uint160 i; i < 1 + puppets % 8; ++i) {
            (IBond.SignedWord memory one, IBond.SignedWord memory other) = (word(address(0xF00 + i), i), word(bob, i));
            (uint192 left,) = bonds.bondOf(coordinator, address(dollar));
            if (left < 2) vm.expectRevert(abi.encodeWithSelector(IBond.BondTooLow.selector, left));
            bonds.claim(terms, uint32(i), one, other);
            got += dollar.balanceOf(address(0xF00 + i));
        }
        assertEq(dollar.balanceOf(furnace), got, "as much is burnt");
        assertBond(address(dollar), uint256(held) + 2 - 2 * got, "left");
        assertEq(dollar.balanceOf(address(bonds)), uint256(held) + 2 - 2 * got, "held");
    }

    // ------------------------------------------------------------------------------------------------ no proof

    function test_words_of_another_key_prove_nothing() public {
        IBond.SignedWord memory one = word(alice, 7);
        IBond.SignedWord memory forged = word(bob, 7);
        (forged.r, forged.vs) = signCompact(STRANGER_KEY, digestOf(forged));
        notSigned(one, forged);
        notSigned(forged, one);
        (forged.r, forged.vs) = (0, 0);
        notSigned(one, forged);
        terms.coordinator = address(0);
        notSigned(one, forged);
    }

    function test_changed_words_prove_nothing() public {
        IBond.SignedWord memory one = word(alice, 7);
        IBond.SignedWord memory other = word(bob, 7);
        other.workers = table(stranger);
        notSigned(one, other);
        other = word(bob, 7);
        other.places = hex"0101";
        notSigned(one, other);
        other = word(bob, 6);
        other.firstSlot = 7;
        notSigned(one, other);
        other = word(bob, 7);
        other.answerRoot = 0;
        notSigned(one, other);
        other = word(bob, 7);
        terms.salt = 0;
        notSigned(word(alice, 7), other);
    }

    function test_words_for_another_escrow_or_chain_prove_nothing() public {
        IBond.SignedWord memory one = word(alice, 7);
        IBond.SignedWord memory other = word(bob, 7);
        vm.chainId(99);
        notSigned(one, other);
        vm.chainId(31337);
        bonds.claim(terms, 7, one, other);
    }

    function test_a_slot_outside_a_batch_or_of_nobody_is_nobodys() public {
        IBond.SignedWord memory one = word(alice, 7);
        bytes memory nobody = abi.encodeWithSelector(IBond.NotNamed.selector, 0);
        refuseClaim(6, one, word(bob, 6), nobody);
        refuseClaim(8, one, word(bob, 8), nobody);
        refuseClaim(7, one, word(bob, 8), nobody);
        refuseClaim(7, one, word(table(bob), 7, hex"00"), nobody);
        refuseClaim(7, one, word(table(bob), 7, hex"02"), nobody);
        refuseClaim(7, one, word(table(bob), 7, hex"ff"), nobody);
        refuseClaim(7, one, word(table(bob), 7, ""), nobody);
        refuseClaim(7, word(new address[](0), 7, hex"01"), one, nobody);
        refuseClaim(type(uint32).max, one, word(bob, type(uint32).max), nobody);
    }

    function test_one_holder_under_two_words_is_no_equivocation() public {
        bytes memory reason = abi.encodePacked(IBond.SameHolder.selector);
        refuseClaim(7, word(alice, 7), word(alice, 7), reason);
        refuseClaim(7, word(alice, 7), word(table(bob, alice), 6, hex"0102"), reason);
        refuseClaim(7, word(requester, 7), word(requester, 7), reason);
    }

    function test_two_ways_to_cancel_pay_nobody() public {
        bytes memory reason = abi.encodeWithSelector(IBond.NotNamed.selector, requester);
        refuseClaim(7, word(requester, 7), word(address(0), 7), reason);
        refuseClaim(7, word(address(0), 7), word(requester, 7), abi.encodeWithSelector(IBond.NotNamed.selector, 0));
    }

    // ------------------------------------------------------------------------------------------------ trouble

    function test_a_worker_that_refuses_its_coins_holds_up_its_own_claim_only() public {
        bonded(address(0), BOND);
        terms.token = address(0);
        address reverter = address(new Reverter());
        (IBond.SignedWord memory one, IBond.SignedWord memory other) = (word(reverter, 7), word(bob, 7));
        refuseClaim(7, one, other, abi.encodeWithSignature("ETHTransferFailed()"));
        bonds.claim(terms, 7, other, one);
        assertEq(bob.balance, REWARD, "paid");
    }

    function test_a_worker_that_comes_back_in_is_paid_once() public {
        bonded(address(0), BOND);
        terms.token = address(0);
        Reentrant thief = new Reentrant();
        (IBond.SignedWord memory one, IBond.SignedWord memory other) = (word(address(thief), 7), word(bob, 7));
        thief.plan(address(bonds), abi.encodeCall(IBond.claim, (terms, 7, other, one)), 0);
        bonds.claim(terms, 7, one, other);
        assertEq(bytes32(thief.answer()), bytes32(IBond.Reentered.selector), "why");
        assertEq(address(thief).balance, REWARD, "paid");
        assertBond(address(0), BOND - 2 * REWARD, "left");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    /// @dev The coordinator's word of one slot.
    function word(address worker, uint256 slot) private view returns (IBond.SignedWord memory) {
        return word(table(worker), uint32(slot), hex"01");
    }

    function word(address[] memory workers, uint32 firstSlot, bytes memory places)
        private
        view
        returns (IBond.SignedWord memory said)
    {
        said = IBond.SignedWord(firstSlot, workers, places, ROOT, 0, 0);
        (said.r, said.vs) = signCompact(COORDINATOR_KEY, digestOf(said));
    }

    function digestOf(IBond.SignedWord memory said) private view returns (bytes32) {
        return escrow.batchDigest(escrow.jobId(terms), said.firstSlot, said.workers, said.places, said.answerRoot);
    }

    function notSigned(IBond.SignedWord memory one, IBond.SignedWord memory other) private {
        refuseClaim(7, one, other, abi.encodePacked(IBond.NotSignedByCoordinator.selector));
    }

    function refuseClaim(
        uint32 slot,
        IBond.SignedWord memory one,
        IBond.SignedWord memory other,
        bytes memory reason
    ) private {
        (uint192 before,) = bonds.bondOf(coordinator, terms.token);
        vm.expectRevert(reason);
        bonds.claim(terms, slot, one, other);
        assertBond(terms.token, before, "untouched");
    }

    /// @dev What Alice, Bob and the furnace have, in rewards, and what is left of the bond.
    function assertShares(uint256 alices, uint256 bobs, uint256 burnt) private view {
        assertEq(dollar.balanceOf(alice), alices * REWARD, "Alice's");
        assertEq(dollar.balanceOf(bob), bobs * REWARD, "Bob's");
        assertEq(dollar.balanceOf(furnace), burnt * REWARD, "burnt");
        assertBond(address(dollar), BOND - (alices + bobs + burnt) * REWARD, "left");
    }
}
