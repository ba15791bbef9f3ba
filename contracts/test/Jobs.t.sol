// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Everyday} from "./harness/Everyday.sol";

// close
// ├── too early                                    ClosesLater
// ├── job unknown or closed                        JobUnknown / JobIsClosed
// └── else, by anyone                              what is free goes back with its fee, JobClosed
contract JobsTest is Everyday {
    function test_a_job_closes_at_its_time_and_not_before() public {
        IBooks.Terms memory terms = posted(3);
        vm.warp(terms.closesAt - 1);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.ClosesLater.selector, terms.closesAt));
        escrow.close(terms);
        vm.warp(terms.closesAt);
        bytes32 job = escrow.jobId(terms);
        vm.prank(stranger);
        vm.expectEmit(address(escrow));
        emit IBooks.JobClosed(job, 3);
        escrow.close(terms);
        assertJob(job, 3, 3, 3, true);
        assertEq(escrow.balanceOf(requester, address(dollar)), 150_000, "back");
        vm.expectRevert(abi.encodeWithSelector(IBooks.JobIsClosed.selector, job));
        escrow.close(terms);
    }

    function test_a_job_that_nobody_posted_does_not_close() public {
        IBooks.Terms memory terms = termsIn(address(dollar));
        vm.warp(terms.closesAt);
        vm.expectRevert(abi.encodeWithSelector(IBooks.JobUnknown.selector, escrow.jobId(terms)));
        escrow.close(terms);
    }

    function test_a_close_gives_back_the_free_slots_with_their_fee_and_no_more() public {
        vm.prank(governor);
        escrow.setProtocolFee(200, governor);
        IBooks.Terms memory terms = posted(5);
        address[] memory workers = table(address(0xAAA));
        settleOne(terms, workers, batchOf(terms, workers, 1, hex"010001"));
        vm.warp(terms.closesAt);
        escrow.close(terms);
        assertJob(escrow.jobId(terms), 5, 5, 5, true);
        assertEq(escrow.balanceOf(requester, address(dollar)), 3 * 51_000, "back");
        assertEq(escrow.balanceOf(governor, address(dollar)), 2 * 1_000, "fee");
        assertEq(dollar.balanceOf(address(0xAAA)), 100_000, "earned");
        assertEq(dollar.balanceOf(address(escrow)), 155_000, "what the ledger owes");
    }

    function test_a_close_of_a_job_without_free_slots_gives_nothing_back() public {
        IBooks.Terms memory terms = posted(1);
        address[] memory workers = table(address(0xAAA));
        settleOne(terms, workers, batchOf(terms, workers, 0, hex"01"));
        vm.warp(terms.closesAt);
        escrow.close(terms);
        assertEq(escrow.balanceOf(requester, address(dollar)), 0, "back");
        assertJob(escrow.jobId(terms), 1, 1, 1, true);
    }

    function testFuzz_a_close_gives_back_what_nobody_took(uint8 slots, bytes32 names, uint8 bps, bool coins) public {
        vm.assume(slots != 0);
        vm.prank(governor);
        escrow.setProtocolFee(bps % 201, governor);
        IBooks.Terms memory terms = coins ? postedInCoin(slots) : posted(slots);
        bytes memory places = abi.encodePacked(names);
        uint256 took;
        for (uint256 i; i < 32; ++i) {
            places[i] = bytes1(uint8(names[i]) & 1);
            if (places[i] != 0 && i < slots) ++took;
        }
        address[] memory workers = table(address(0xAAA));
        IBooks.SignedBatch memory batch = batchOf(terms, workers, 0, places);
        if (took != 0) settleOne(terms, workers, batch);
        vm.warp(terms.closesAt);
        vm.prank(stranger);
        escrow.close(terms);
        assertJob(escrow.jobId(terms), slots, slots, slots, true);
        assertEq(escrow.balanceOf(requester, terms.token), price(terms, slots - took), "back");
        vm.expectRevert(abi.encodeWithSelector(IBooks.JobIsClosed.selector, escrow.jobId(terms)));
        settleOne(terms, workers, batch);
    }
}
