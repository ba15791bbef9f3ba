// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Disputes} from "./Disputes.sol";

// open: what is taken (who may: Open.t.sol)
// ├── a byte past the table at a free slot              PlaceUnknown
// ├── a byte past the table elsewhere                   skipped like the slot
// ├── nothing free: no batches, no bytes, settled,
// │   opened, not funded                                NothingFree, whoever calls
// ├── nothing free in one of several batches            left out, id 0, without a log
// └── else: what is free is taken, the rest skipped     BatchOpened with the bytes that were taken; no money moves
//     ├── two batches of the call overlap               the first has the slot
//     ├── a later settlement or opening                 skips the slot
//     ├── slots funded later                            the same batch opens again, as another opening
//     ├── a job that nobody can contest, a native coin  all the same
//     └── 1,024 slots of 255 workers                    all the same, and each later step fits a transaction
// openingOf: when, and whether final; nothing of an opening that is none
contract OpenSlotsTest is Disputes {
    /// @dev Of the 2^24 gas that a transaction may use (EIP-7825), what is left after the largest calldata here.
    uint256 private constant FITS = (1 << 24) - 500_000;

    // ------------------------------------------------------------------------------------------------ places

    function test_a_byte_past_the_table_is_refused_where_its_slot_is_free() public {
        IBooks.Terms memory terms = contestable(2);
        bytes memory unknown = abi.encodePacked(IBooks.PlaceUnknown.selector);
        refuseOpen(terms, openable(terms, table(alice), 0, hex"0102"), unknown);
        refuseOpen(terms, openable(terms, table(alice), 0, hex"01ff"), unknown);
        refuseOpen(terms, openable(terms, new address[](0), 0, hex"01"), unknown);
        settleOne(terms, table(bob), batchOf(terms, table(bob), 1, hex"01"));
        IBooks.Opening memory opening = opened(terms, table(alice), 0, hex"0102ff"); // settled, and not funded
        assertEq(bytes32(opening.places), bytes32(hex"010000"), "what was taken");
        assertJob(escrow.jobId(terms), 2, 2, 1, false);
    }

    // ------------------------------------------------------------------------------------------------ nothing free

    function test_nothing_to_open_is_said() public {
        IBooks.Terms memory terms = contestable(3);
        bytes memory nothing = abi.encodeWithSelector(IBooks.NothingFree.selector, escrow.jobId(terms));
        vm.prank(coordinator);
        vm.expectRevert(nothing);
        escrow.open(terms, new IBooks.OpenedBatch[](0), "");
        refuseOpen(terms, openable(terms, table(alice), 0, ""), nothing);
        refuseOpen(terms, openable(terms, table(alice), 0, hex"0000"), nothing);
        refuseOpen(terms, openable(terms, table(alice), 3, hex"0101"), nothing);
        refuseOpen(terms, openable(terms, table(alice), type(uint32).max, hex"0101"), nothing);
        opened(terms, table(alice), 0, hex"01");
        settleOne(terms, table(bob), batchOf(terms, table(bob), 1, hex"01"));
        IBooks.OpenedBatch memory batch = openable(terms, table(alice), 0, hex"0101");
        batch.place = 1;
        refuseOpen(terms, batch, nothing);
        vm.prank(alice);
        vm.expectRevert(nothing);
        escrow.open(terms, one(batch), "");
    }

    function test_a_batch_of_which_nothing_is_free_is_left_out_of_several() public {
        IBooks.Terms memory terms = contestable(5);
        settleOne(terms, table(bob), batchOf(terms, table(bob), 1, hex"0101"));
        IBooks.OpenedBatch[] memory batches = new IBooks.OpenedBatch[](4);
        batches[0] = openable(terms, table(alice), 1, hex"0101");
        batches[1] = openable(terms, table(alice), 2, hex"0101");
        batches[2] = openable(terms, table(alice), 9, hex"01");
        batches[3] = openable(terms, table(alice), 4, hex"01");
        for (uint256 i; i < 4; ++i) {
            batches[i].place = 1;
        }
        bytes32 second = idOf(terms, openingOf(terms, batches[1]));
        bytes32 fourth = idOf(terms, openingOf(terms, batches[3]));
        vm.recordLogs();
        vm.prank(alice);
        bytes32[] memory ids = escrow.open(terms, batches, "");
        assertEq(vm.getRecordedLogs().length, 2, "logs");
        assertTrue(ids[0] == 0 && ids[2] == 0, "left out");
        assertEq(ids[1], second, "second");
        assertEq(ids[3], fourth, "fourth");
        assertJob(escrow.jobId(terms), 5, 4, 2, false);
    }

    // ------------------------------------------------------------------------------------------------ what is taken

    function test_what_is_free_is_taken_and_no_money_moves() public {
        setFee(150);
        takes(contestableIn(address(dollar)));
    }

    function test_a_job_in_coins_is_opened_all_the_same() public {
        takes(contestableIn(address(0)));
    }

    function test_a_job_that_nobody_can_contest_is_opened_all_the_same() public {
        takes(termsIn(address(dollar)));
    }

    function takes(IBooks.Terms memory terms) private {
        post(terms, 4);
        bytes32 job = escrow.jobId(terms);
        settleOne(terms, table(stranger), batchOf(terms, table(stranger), 1, hex"01"));
        (uint256 coins, uint256 dollars) = (address(escrow).balance, dollar.balanceOf(address(escrow)));
        IBooks.OpenedBatch memory batch = openable(terms, table(alice, bob), 0, hex"010200020101");
        bytes32 digest = digestOf(terms, batch);
        bytes memory took = hex"010000020000";
        bytes32 id = keccak256(
            abi.encode(job, digest, uint32(0), keccak256(abi.encode(alice, bob)), keccak256(took))
        );
        vm.expectEmit(address(escrow));
        emit IBooks.BatchOpened(job, id, digest, 0, table(alice, bob), ROOT, took);
        vm.recordLogs();
        vm.prank(coordinator);
        bytes32[] memory ids = escrow.open(terms, one(batch), "");
        assertEq(vm.getRecordedLogs().length, 1, "logs");
        assertEq(ids.length, 1, "ids");
        assertEq(ids[0], id, "id");
        assertEq(idOf(terms, IBooks.Opening(digest, 0, table(alice, bob), took)), id, "the view");
        assertJob(job, 4, 3, 1, false);
        assertEq(escrow.takenWord(job, 0) >> 248, 0xd0, "bits 1101");
        assertEq(address(escrow).balance, coins, "coins");
        assertEq(dollar.balanceOf(address(escrow)), dollars, "dollars");
        assertLedger(requester, terms.token, PURSE, "requester");
        assertLedger(alice, terms.token, PURSE, "alice");
        isOpenSince(id, block.timestamp);
    }

    function test_two_batches_of_a_call_overlap_and_the_first_has_the_slot() public {
        IBooks.Terms memory terms = contestable(4);
        IBooks.OpenedBatch[] memory batches = new IBooks.OpenedBatch[](2);
        batches[0] = openable(terms, table(alice), 0, hex"0101");
        batches[1] = openable(terms, table(bob), 0, hex"010101");
        vm.prank(coordinator);
        bytes32[] memory ids = escrow.open(terms, batches, "");
        IBooks.Opening memory second = IBooks.Opening(digestOf(terms, batches[1]), 0, table(bob), hex"000001");
        assertEq(ids[1], idOf(terms, second), "second");
        assertJob(escrow.jobId(terms), 4, 3, 0, false);
    }

    function test_settlements_and_openings_skip_what_is_open() public {
        IBooks.Terms memory terms = contestable(4);
        opened(terms, table(alice), 0, hex"01");
        settleOne(terms, table(bob), batchOf(terms, table(bob), 0, hex"0101"));
        assertEq(dollar.balanceOf(bob), REWARD, "one slot of two");
        IBooks.Opening memory opening = opened(terms, table(bob), 0, hex"01010101");
        assertEq(bytes32(opening.places), bytes32(hex"00000101"), "the rest");
        assertJob(escrow.jobId(terms), 4, 4, 1, false);
    }

    function test_the_rest_of_a_batch_opens_when_its_slots_are_funded() public {
        IBooks.Terms memory terms = contestable(1);
        bytes32 first = idOf(terms, opened(terms, table(alice), 0, hex"010101"));
        uint256 then = block.timestamp;
        vm.warp(then + 100);
        vm.prank(requester);
        escrow.fund(terms, 1, 2, ROOT, IBooks.Source.Wallet);
        bytes32 second = idOf(terms, opened(terms, table(alice), 0, hex"010101"));
        isOpenSince(first, then);
        isOpenSince(second, then + 100);
        assertJob(escrow.jobId(terms), 3, 3, 0, false);
    }

    function test_an_opening_that_is_none_has_no_time() public {
        isOpenSince(keccak256("none"), 0);
        IBooks.Terms memory terms = contestable(2);
        IBooks.Opening memory opening = opened(terms, table(alice), 0, hex"01");
        opening.firstSlot = 1;
        isOpenSince(idOf(terms, opening), 0);
    }

    /// @dev The last of 1,024 slots is the last worker's. Four words are full at once, and kept as marks.
    function test_the_largest_opening_there_can_be() public {
        (IBooks.Terms memory terms, IBooks.Opening memory opening) = largest();
        bytes32 job = escrow.jobId(terms);
        assertJob(job, 1_151, 1_024, 0, false);
        for (uint256 slot; slot < 1_151; ++slot) {
            assertTrue(isTaken(job, slot) == (slot > 126), "bit");
        }
        vm.warp(reviewEnd(terms, opening));
        finalized(terms, opening);
        assertLedger(address(0x1000 + 254), address(dollar), 5 * REWARD, "the last worker");
        assertJob(job, 1_151, 1_024, 1_024, false);
    }

    /// @dev However broken the words are.
    function test_every_step_of_the_largest_opening_fits_a_transaction() public {
        (IBooks.Terms memory terms, IBooks.Opening memory opening) = largest();
        (bytes memory odd, bytes memory rest) = (bytes.concat(opening.places), bytes.concat(opening.places));
        for (uint256 i; i < 1_024; ++i) {
            if (i % 2 == 0) odd[i] = 0;
            if (i % 4 != 0) rest[i] = 0;
        }
        vm.prank(requester);
        escrow.contest{gas: FITS}(terms, opening, odd, 0);
        vm.prank(requester);
        escrow.contest{gas: FITS}(terms, opening, rest, 0);
        vm.warp(reviewEnd(terms, opening));
        escrow.finalize{gas: FITS}(terms, opening, 0, "", crediting());
        assertJob(escrow.jobId(terms), 1_151, 1_024, 256, false);
        enrich(opening.workers[1], address(dollar), STAKE);
        assertEq(appealed(terms, opening, 2).slots, 4, "appealed"); // bytes 1, 256, 511 and 1,021, not 766
        vm.warp(appealEnd(terms, opening));
        escrow.reclaim{gas: FITS}(terms, opening);
        assertJob(escrow.jobId(terms), 1_151, 1_024, 1_020, false);
    }

    function test_a_thousand_slots_contested_at_once_come_back_at_once() public {
        (IBooks.Terms memory terms, IBooks.Opening memory opening) = largest();
        contested(terms, opening, opening.places);
        vm.warp(appealEnd(terms, opening));
        finalized(terms, opening);
        assertJob(escrow.jobId(terms), 1_151, 1_024, 0, false);
        reclaimed(terms, opening);
        assertJob(escrow.jobId(terms), 1_151, 1_024, 1_024, false);
        assertLedger(requester, address(dollar), PURSE + price(terms, 1_024), "requester");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    /// @dev 1,024 slots of 255 workers, from slot 127 on.
    function largest() private returns (IBooks.Terms memory terms, IBooks.Opening memory opening) {
        terms = contestable(1_024 + 127);
        bytes memory places = new bytes(1_024);
        for (uint256 i; i < 1_024; ++i) {
            places[i] = bytes1(uint8(1 + i % 255));
        }
        places[1_023] = 0xff;
        opening = opened(terms, workersFrom(0x1000, 255), 127, places);
    }

    function isOpenSince(bytes32 id, uint256 expected) private view {
        (uint64 openedAt, bool final_) = escrow.openingOf(id);
        assertEq(openedAt, expected, "opened at");
        assertTrue(!final_, "not final");
    }

    function refuseOpen(IBooks.Terms memory terms, IBooks.OpenedBatch memory batch, bytes memory reason) private {
        vm.prank(coordinator);
        vm.expectRevert(reason);
        escrow.open(terms, one(batch), "");
    }
}
