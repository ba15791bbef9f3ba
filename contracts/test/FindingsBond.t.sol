// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBond} from "./harness/Bonds.sol";
import {IBooks} from "../src/interfaces/IBooks.sol";
import {Disputes} from "./Disputes.sol";

/// @dev The review's findings about the bond and about whose an answer is: each attack as it was found, and what comes of it.
contract FindingsBondTest is Disputes {
    IBond private bond;
    IBooks.Terms private bondedTerms;

    function setUp() public override {
        super.setUp();
        bond = IBond(vm.deployCode("CoordinatorBond.sol:CoordinatorBond", abi.encode(escrow)));
        bondedTerms = contestableIn(address(dollar));
        dollar.mint(coordinator, 8 * REWARD);
        vm.startPrank(coordinator);
        dollar.approve(address(bond), type(uint256).max);
        bond.bond(coordinator, address(dollar), 8 * REWARD);
        bond.moveLock(address(dollar), uint64(block.timestamp + 60 days));
        vm.stopPrank();
    }

    /// @dev Its own job, never even posted, and its own puppets: the quickest way to its own money.
    function test_finding_26_a_coordinator_that_empties_its_bond_to_puppets_loses_half() public {
        IBooks.Terms memory terms = bondedTerms;
        (terms.requester, terms.reward) = (coordinator, 4 * REWARD);
        bond.claim(terms, 0, word(terms, alice, 0, ROOT), word(terms, bob, 0, ROOT));
        assertEq(dollar.balanceOf(alice), 4 * REWARD, "half");
        assertEq(dollar.balanceOf(bond.FURNACE()), 4 * REWARD, "burnt");
        IBond.SignedWord memory second = word(terms, bob, 0, ROOT);
        IBond.SignedWord memory first = word(terms, alice, 0, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IBond.BondTooLow.selector, 0));
        bond.claim(terms, 0, second, first);
    }

    function test_finding_26_no_bond_is_gone_before_the_proof() public {
        uint64 until = uint64(block.timestamp + 60 days);
        vm.startPrank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBond.LockedUntil.selector, until));
        bond.withdraw(address(dollar), 1, coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBond.LockOnlyForward.selector, until));
        bond.moveLock(address(dollar), until - 1);
        vm.warp(until);
        bond.withdraw(address(dollar), 8 * REWARD, coordinator);
        vm.stopPrank();
        assertEq(dollar.balanceOf(coordinator), 8 * REWARD, "back");
    }

    function test_finding_27_each_worker_named_claims_a_slot_once_and_the_requester_never() public {
        IBooks.Terms memory terms = bondedTerms;
        IBond.SignedWord memory ofAlice = word(terms, alice, 0, ROOT);
        IBond.SignedWord memory ofBob = word(terms, bob, 0, ROOT);
        IBond.SignedWord memory ofRequester = word(terms, requester, 0, ROOT);
        bytes32 job = escrow.jobId(terms);
        bond.claim(terms, 0, ofAlice, ofBob);
        bond.claim(terms, 0, ofBob, ofAlice);
        vm.expectRevert(abi.encodeWithSelector(IBond.ClaimedAlready.selector, job, 0, alice));
        bond.claim(terms, 0, ofAlice, ofRequester);
        vm.expectRevert(abi.encodeWithSelector(IBond.NotNamed.selector, requester));
        bond.claim(terms, 0, ofRequester, ofAlice);
        assertEq(dollar.balanceOf(alice), REWARD, "alice");
        assertEq(dollar.balanceOf(bob), REWARD, "bob");
        (uint192 left,) = bond.bondOf(coordinator, address(dollar));
        assertEq(left, 4 * REWARD, "twice each");
    }

    /// @dev A commitment names slot and worker, and so does the receipt: whoever copies one holds nothing.
    function test_finding_29_a_copied_commitment_or_receipt_is_worth_nothing_to_another() public {
        IBooks.Terms memory terms = contestable(2);
        bytes32 job = escrow.jobId(terms);
        bytes32 salt = keccak256("32 random bytes");
        bytes32 ofAlice = keccak256(abi.encode(job, 0, alice, salt, "yes"));
        assertTrue(ofAlice != keccak256(abi.encode(job, 0, bob, salt, "yes")), "another worker");
        assertTrue(ofAlice != keccak256(abi.encode(job, 1, alice, salt, "yes")), "another slot");
        IBooks.OpenedBatch memory batch = openable(terms, table(alice), 0, hex"01");
        (batch.workers, batch.place) = (table(bob), 1);
        bytes memory invalid = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, coordinator);
        vm.prank(bob);
        vm.expectRevert(invalid);
        escrow.open(terms, one(batch), "");
        (batch.workers, batch.answerRoot) = (table(alice), ofAlice);
        vm.prank(alice);
        vm.expectRevert(invalid); // nor does another answer go by the same receipt
        escrow.open(terms, one(batch), "");
    }

    function test_finding_35_a_receipt_issued_again_to_the_same_worker_is_no_equivocation_and_to_another_it_is()
        public
    {
        IBooks.Terms memory terms = bondedTerms;
        IBond.SignedWord memory before = word(terms, alice, 0, ROOT);
        IBond.SignedWord memory afterBackup = word(terms, alice, 0, keccak256("a longer batch"));
        vm.expectRevert(abi.encodePacked(IBond.SameHolder.selector));
        bond.claim(terms, 0, before, afterBackup);
        afterBackup = word(terms, bob, 0, ROOT);
        assertEq(bond.claim(terms, 0, before, afterBackup), REWARD, "which is why it persists before it signs");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function word(IBooks.Terms memory terms, address worker, uint32 slot, bytes32 root)
        private
        view
        returns (IBond.SignedWord memory signed)
    {
        (signed.firstSlot, signed.workers, signed.places, signed.answerRoot) = (slot, table(worker), hex"01", root);
        bytes32 digest = escrow.batchDigest(escrow.jobId(terms), slot, signed.workers, signed.places, root);
        (signed.r, signed.vs) = signCompact(COORDINATOR_KEY, digest);
    }
}
