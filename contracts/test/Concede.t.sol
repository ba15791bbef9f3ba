// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Disputes} from "./Disputes.sol";

// concede
// ├── no such opening                                   OpeningUnknown
// ├── nothing contested, or all answered                NothingFree
// ├── fewer slots approved than the opening took        SlotsTooMany, even if no more were contested
// ├── a stranger without an approval                    SignatureInvalid
// ├── an approval of another batch                      SignatureInvalid
// ├── the requester, the operator, anyone with an approval of either
// │                                                     reward and deposit to each worker, fee, events
// ├── slots of the requester and of nobody              back to the requester, with their deposits
// ├── before, in and after the windows, after finalize  the same
// ├── after an appeal of some                           the others only
// └── again, or appeal or reclaim behind it             nothing is left
// conclude by the requester or the terms' operator
// ├── pending or defended                               the worker wins at once
// ├── ruled                                             as ruled
// └── done                                              PhaseWrong
contract ConcedeTest is Disputes {
    address private carol = address(0xCA401);
    IBooks.Terms private terms;
    IBooks.Opening private opening;
    bytes32 private job;

    function setUp() public override {
        super.setUp();
        setFee(100);
        terms = contestable(6);
        job = escrow.jobId(terms);
        address[] memory workers = new address[](4);
        (workers[0], workers[1], workers[2], workers[3]) = (alice, bob, requester, address(0));
        opening = opened(terms, workers, 0, hex"010102020304");
    }

    // ------------------------------------------------------------------------------------------------ refused

    function test_concede_of_an_unknown_opening_is_refused() public {
        IBooks.Opening memory unknown = opening;
        unknown.firstSlot = 1;
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.OpeningUnknown.selector, idOf(terms, unknown)));
        escrow.concede(terms, unknown, 6, "");
    }

    function test_concede_of_what_is_not_contested_is_refused() public {
        refuseNothing();
        contested(terms, opening, hex"010000000000");
        conceded("");
        refuseNothing();
    }

    /// @dev Three are contested, and an approval of the other three, so that they are paid early, is nobody's word for these.
    function test_concede_of_more_than_was_approved_is_refused() public {
        contested(terms, opening, hex"010102000000");
        for (uint256 slots = 2; slots < 6; ++slots) {
            bytes memory approval = approve(terms, opening.batch, slots, REQUESTER_KEY);
            vm.expectRevert(abi.encodeWithSelector(IBooks.SlotsTooMany.selector, slots));
            escrow.concede(terms, opening, slots, approval);
            vm.prank(requester);
            vm.expectRevert(abi.encodeWithSelector(IBooks.SlotsTooMany.selector, slots));
            escrow.concede(terms, opening, slots, "");
        }
        conceded(approve(terms, opening.batch, 6, REQUESTER_KEY));
    }

    function test_concede_by_strangers_is_refused() public {
        contested(terms, opening, hex"010000000000");
        bytes memory reason = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, requester);
        vm.prank(stranger);
        vm.expectRevert(reason);
        escrow.concede(terms, opening, 6, "");
        bytes memory another = approve(terms, keccak256("another batch"), 6, REQUESTER_KEY);
        vm.expectRevert(reason);
        escrow.concede(terms, opening, 6, another);
        bytes memory coordinators = approve(terms, opening.batch, 6, COORDINATOR_KEY);
        vm.expectRevert(reason);
        escrow.concede(terms, opening, 6, coordinators);
        bytes memory fewer = approve(terms, opening.batch, 1, REQUESTER_KEY);
        vm.expectRevert(reason);
        escrow.concede(terms, opening, 6, fewer);
    }

    // ------------------------------------------------------------------------------------------------ paid

    function test_concede_pays_rewards_and_deposits_and_the_fee() public {
        contested(terms, opening, hex"010002000000");
        vm.expectEmit(address(escrow));
        emit IBooks.ContestConceded(job, idOf(terms, opening), hex"010002000000");
        vm.expectEmit(address(escrow));
        emit IBooks.WorkersPaid(job, 6, opening.workers);
        vm.expectEmit(address(escrow));
        emit IBooks.FeePaid(job, governor, address(dollar), 2 * terms.fee);
        conceded("");
        assertEq(held(alice), PURSE + REWARD + DEPOSIT, "alice");
        assertEq(held(bob), PURSE + REWARD + DEPOSIT, "bob");
        assertEq(held(requester), PURSE - 2 * DEPOSIT, "requester");
        assertEq(held(governor), 2 * terms.fee, "treasury");
        assertJob(job, 6, 6, 2, false);
    }

    function test_concede_by_operator_and_by_approvals_of_both() public {
        bytes[3] memory approvals;
        approvals[1] = approve(terms, opening.batch, 6, REQUESTER_KEY);
        approvals[2] = approve(terms, opening.batch, 6, OPERATOR_KEY);
        bytes[3] memory places = [bytes(hex"010000000000"), hex"000100000000", hex"000002000000"];
        for (uint256 i; i < 3; ++i) {
            contested(terms, opening, places[i]);
            vm.prank(i == 0 ? operator : stranger);
            escrow.concede(terms, opening, 6, approvals[i]);
        }
        assertEq(held(alice), PURSE + 2 * (REWARD + DEPOSIT), "alice");
        assertEq(held(bob), PURSE + REWARD + DEPOSIT, "bob");
    }

    function test_concede_gives_cancelled_slots_back() public {
        contested(terms, opening, hex"000000000304");
        conceded("");
        assertEq(held(requester), PURSE + 2 * (REWARD + terms.fee), "requester");
        assertEq(held(governor), 0, "treasury");
        assertJob(job, 6, 6, 2, false);
    }

    /// @dev The approval that a requester signed before it contested.
    function test_an_approval_is_worth_as_much_after_a_contest() public {
        bytes memory approval = approve(terms, opening.batch, 6, REQUESTER_KEY);
        contested(terms, opening, opening.places);
        conceded(approval);
        assertEq(held(alice), PURSE + 2 * (REWARD + DEPOSIT), "alice");
        assertJob(job, 6, 6, 6, false);
    }

    function test_concede_at_any_time_and_never_twice(uint32 wait, bool finalizeFirst) public {
        contested(terms, opening, hex"010000000000");
        vm.warp(block.timestamp + wait % 400 days);
        if (finalizeFirst && wait % 400 days >= terms.reviewWindow) finalized(terms, opening);
        uint256 before = held(alice);
        conceded("");
        assertEq(held(alice), before + REWARD + DEPOSIT, "alice");
        refuseNothing();
        vm.warp(block.timestamp + 3 days);
        vm.expectRevert(abi.encodeWithSelector(IBooks.NothingFree.selector, job));
        escrow.reclaim(terms, opening);
    }

    function test_concede_leaves_what_was_appealed() public {
        contested(terms, opening, hex"010002000000");
        vm.warp(block.timestamp + terms.reviewWindow);
        appealed(terms, opening, 1);
        conceded("");
        assertEq(held(alice), PURSE - STAKE, "alice waits");
        assertEq(held(bob), PURSE + REWARD + DEPOSIT, "bob");
    }

    // ------------------------------------------------------------------------------------------------ conclude

    function test_the_requester_and_the_operator_give_in_to_an_appeal() public {
        for (uint256 i; i < 4; ++i) {
            IBooks.Appeal memory entry = appealOf(i < 2 ? bytes(hex"010000000000") : bytes(hex"000002000000"), i < 2 ? 1 : 2);
            if (i % 2 == 1) defended(terms, entry);
            vm.prank(stranger);
            vm.expectRevert();
            escrow.conclude(terms, entry);
            vm.prank(i < 2 ? requester : operator);
            escrow.conclude(terms, entry);
            vm.prank(requester);
            vm.expectRevert(abi.encodeWithSelector(IBooks.PhaseWrong.selector, IBooks.Phase.Done));
            escrow.conclude(terms, entry);
            address winner = i < 2 ? alice : bob;
            assertEq(held(winner), PURSE + REWARD + DEPOSIT, "reward and deposit, and the stake back");
            setUp();
        }
    }

    function test_the_requester_does_not_overrule_a_ruling() public {
        IBooks.Appeal memory entry = appealOf(hex"010000000000", 1);
        uint256 dispute = defended(terms, entry);
        court.rule(dispute, FOR_REQUESTER);
        vm.prank(operator);
        escrow.conclude(terms, entry);
        assertEq(held(alice), PURSE - STAKE, "alice lost");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function appealOf(bytes memory places, uint256 place) private returns (IBooks.Appeal memory) {
        contested(terms, opening, places);
        vm.warp(block.timestamp + terms.reviewWindow);
        return appealed(terms, opening, place);
    }

    /// @dev By the requester, or by a stranger with an approval.
    function conceded(bytes memory approval) private {
        vm.prank(approval.length == 0 ? requester : stranger);
        escrow.concede(terms, opening, 6, approval);
    }

    function refuseNothing() private {
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.NothingFree.selector, job));
        escrow.concede(terms, opening, 6, "");
    }

    function held(address account) private view returns (uint256) {
        return escrow.balanceOf(account, address(dollar));
    }
}
