// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Disputes} from "./Disputes.sol";

// appeal: which slots, at what stake (who may: Appeal.t.sol)
// ├── less in the caller's ledger than the stake        BalanceTooLow(caller)
// └── else: one stake, whatever the number of openings  Appealed with the openings and their slots; pending since now
//     ├── one opening twice                             its slots count once
//     ├── a worker at two places of a table             both, where the call names both
//     ├── an opening without a contested slot of its
//     │   own beside one that has some                  named, with nothing in it
//     ├── by a sponsor                                  the sponsor's stake, in the appeal's id
//     ├── the stake is zero                             nothing is taken, even from an empty balance
//     ├── the requester, of its own slot                like any worker
//     └── native coin, job closed                       the same
// appealOf: nothing of an appeal that is none
contract AppealStakeTest is Disputes {
    IBooks.Terms private terms;

    function setUp() public override {
        super.setUp();
        terms = contestable(20);
    }

    function test_one_stake_is_for_all_slots_of_all_openings() public {
        IBooks.Opening[] memory openings = new IBooks.Opening[](3);
        openings[0] = lost(0, hex"01020001", hex"01020001");
        openings[1] = lost(4, hex"0202", hex"0200");
        openings[2] = lost(6, hex"010101", hex"000101");
        uint256[] memory placeOf = new uint256[](3);
        (placeOf[0], placeOf[1], placeOf[2]) = (1, 1, 1);
        vm.warp(reviewEnd(terms, openings[2]));
        IBooks.Appeal memory entry = expected(alice, alice, 4, openings, placeOf);
        bytes[] memory slots = new bytes[](3);
        (slots[0], slots[1], slots[2]) = (bytes(hex"01000001"), hex"0000", hex"000101");
        bytes32 id = expectAppealed(entry, openings, slots);
        vm.recordLogs();
        vm.prank(alice);
        bytes32 returned = escrow.appeal(terms, openings, placeOf, "");
        assertEq(vm.getRecordedLogs().length, 1, "logs");
        assertEq(returned, id, "id");
        assertLedger(alice, address(dollar), PURSE - STAKE, "alice");
        assertLedger(requester, address(dollar), PURSE - 6 * DEPOSIT, "requester");
        isPending(id);
        assertJob(escrow.jobId(terms), 20, 8, 0, false);
    }

    function test_an_opening_named_twice_counts_once() public {
        IBooks.Opening[] memory openings = new IBooks.Opening[](2);
        openings[0] = openings[1] = lost(0, hex"0101", hex"0101");
        uint256[] memory placeOf = new uint256[](2);
        (placeOf[0], placeOf[1]) = (1, 1);
        vm.warp(reviewEnd(terms, openings[0]));
        bytes[] memory slots = new bytes[](2);
        (slots[0], slots[1]) = (bytes(hex"0101"), hex"0000");
        expectAppealed(expected(alice, alice, 2, openings, placeOf), openings, slots);
        vm.prank(alice);
        escrow.appeal(terms, openings, placeOf, "");
        vm.warp(block.timestamp + terms.appealWindow);
        concluded(terms, expected(alice, alice, 2, openings, placeOf, block.timestamp - terms.appealWindow));
        assertLedger(alice, address(dollar), PURSE + 2 * REWARD + 2 * DEPOSIT, "alice");
    }

    function test_a_worker_at_two_places_appeals_both_where_it_names_both() public {
        IBooks.Opening[] memory openings = new IBooks.Opening[](2);
        openings[0] = openings[1] = opened(terms, table(alice, alice), 0, hex"010202");
        contested(terms, openings[0], hex"010202");
        IBooks.Opening memory other = opened(terms, table(alice, alice), 3, hex"010202");
        contested(terms, other, hex"010202");
        uint256[] memory placeOf = new uint256[](2);
        (placeOf[0], placeOf[1]) = (1, 2);
        vm.warp(reviewEnd(terms, other));
        IBooks.Appeal memory both = appealedBy(alice, terms, openings, placeOf, "");
        assertEq(both.slots, 3, "both places");
        assertEq(appealed(terms, other, 2).slots, 2, "the second place");
        assertEq(appealed(terms, other, 1).slots, 1, "the first place");
        assertLedger(alice, address(dollar), PURSE - 3 * STAKE, "three stakes");
    }

    function test_a_sponsor_stakes_for_a_worker_that_signed() public {
        IBooks.Opening memory opening = lost(0, hex"0102", hex"0102");
        vm.warp(reviewEnd(terms, opening));
        bytes memory signature = signAppeal(terms, one(opening), one(uint256(2)), BOB_KEY);
        IBooks.Appeal memory entry = expected(bob, stranger, 1, one(opening), one(uint256(2)));
        bytes[] memory slots = new bytes[](1);
        slots[0] = hex"0002";
        bytes32 id = expectAppealed(entry, one(opening), slots);
        vm.prank(stranger);
        escrow.appeal(terms, one(opening), one(uint256(2)), signature);
        assertLedger(stranger, address(dollar), PURSE - STAKE, "sponsor");
        assertLedger(bob, address(dollar), PURSE, "bob");
        isPending(id);
        entry.sponsor = bob;
        (IBooks.Phase phase,,) = escrow.appealOf(idOf(terms, entry));
        assertEq(uint256(phase), 0, "another sponsor's would be another appeal");
    }

    function test_a_stake_that_the_caller_does_not_have_is_refused() public {
        IBooks.Opening memory opening = lost(0, hex"01", hex"01");
        vm.warp(reviewEnd(terms, opening));
        vm.prank(alice);
        escrow.withdraw(address(dollar), PURSE - STAKE + 1, alice);
        bytes memory reason = abi.encodeWithSelector(
            IBooks.BalanceTooLow.selector, alice, address(dollar), uint256(STAKE) - 1, uint256(STAKE)
        );
        vm.prank(alice);
        vm.expectRevert(reason);
        escrow.appeal(terms, one(opening), one(uint256(1)), "");
        bytes memory signature = signAppeal(terms, one(opening), one(uint256(1)), ALICE_KEY);
        reason = abi.encodeWithSelector(IBooks.BalanceTooLow.selector, operator, address(dollar), 0, uint256(STAKE));
        vm.prank(operator);
        vm.expectRevert(reason);
        escrow.appeal(terms, one(opening), one(uint256(1)), signature);
        appealedBy(stranger, terms, one(opening), one(uint256(1)), signature);
    }

    function test_a_stake_of_nothing_is_taken_from_nobody() public {
        terms.appealStake = 0;
        post(terms, 20);
        IBooks.Opening memory opening = opened(terms, table(coordinator), 0, hex"01");
        contested(terms, opening, hex"01");
        vm.warp(reviewEnd(terms, opening));
        IBooks.Appeal memory entry = appealed(terms, opening, 1); // the coordinator has no balance
        vm.warp(defenceEnd(terms, entry));
        concluded(terms, entry);
        assertLedger(coordinator, address(dollar), REWARD + DEPOSIT, "coordinator");
    }

    function test_the_requester_appeals_its_own_slot_like_any_worker() public {
        setFee(200);
        terms = contestableIn(address(dollar));
        post(terms, 1);
        IBooks.Opening memory opening = opened(terms, table(requester), 0, hex"01");
        contested(terms, opening, hex"01");
        vm.warp(reviewEnd(terms, opening));
        IBooks.Appeal memory entry = appealed(terms, opening, 1);
        assertLedger(requester, address(dollar), PURSE - DEPOSIT - STAKE, "requester");
        vm.warp(defenceEnd(terms, entry));
        concluded(terms, entry);
        assertLedger(requester, address(dollar), PURSE + REWARD, "requester");
        assertLedger(governor, address(dollar), terms.fee, "treasury");
    }

    function test_a_closed_job_in_coins_is_appealed_all_the_same() public {
        terms = contestableIn(address(0));
        post(terms, 2);
        vm.warp(terms.closesAt - 1);
        IBooks.Opening memory opening = lost(0, hex"01", hex"01");
        vm.warp(reviewEnd(terms, opening));
        escrow.close(terms);
        appealed(terms, opening, 1);
        assertLedger(alice, address(0), PURSE - STAKE, "alice");
        assertLedger(alice, address(dollar), PURSE, "alice's dollars");
    }

    function test_an_appeal_that_is_none_stands_nowhere() public view {
        (IBooks.Phase phase, uint64 since, uint8 ruling) = escrow.appealOf(keccak256("none"));
        assertTrue(phase == IBooks.Phase.None && since == 0 && ruling == 0, "nothing");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    /// @dev An opening of alice's (1) and bob's (2), contested.
    function lost(uint32 firstSlot, bytes memory places, bytes memory chosen)
        private
        returns (IBooks.Opening memory opening)
    {
        opening = opened(terms, table(alice, bob), firstSlot, places);
        contested(terms, opening, chosen);
    }

    function expected(
        address worker,
        address sponsor,
        uint32 slots,
        IBooks.Opening[] memory openings,
        uint256[] memory placeOf
    ) private view returns (IBooks.Appeal memory) {
        return expected(worker, sponsor, slots, openings, placeOf, block.timestamp);
    }

    function expected(
        address worker,
        address sponsor,
        uint32 slots,
        IBooks.Opening[] memory openings,
        uint256[] memory placeOf,
        uint256 appealedAt
    ) private view returns (IBooks.Appeal memory) {
        return IBooks.Appeal(worker, sponsor, slots, uint64(appealedAt), requestHash(terms, openings, placeOf));
    }

    function expectAppealed(IBooks.Appeal memory entry, IBooks.Opening[] memory openings, bytes[] memory slots)
        private
        returns (bytes32 id)
    {
        bytes32 job = escrow.jobId(terms);
        id = keccak256(
            abi.encode(job, entry.worker, entry.sponsor, entry.slots, entry.appealedAt, entry.request)
        );
        assertEq(idOf(terms, entry), id, "the view");
        bytes32[] memory ids = idsOf(terms, openings);
        vm.expectEmit(address(escrow));
        emit IBooks.Appealed(job, id, entry.worker, entry.sponsor, entry.slots, entry.request, ids, slots);
    }

    function isPending(bytes32 id) private view {
        (IBooks.Phase phase, uint64 since, uint8 ruling) = escrow.appealOf(id);
        assertTrue(phase == IBooks.Phase.Pending && ruling == 0, "pending");
        assertEq(since, block.timestamp, "since");
    }
}
