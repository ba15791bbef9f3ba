// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBond} from "./harness/Bonds.sol";
import {IBooks} from "../src/interfaces/IBooks.sol";
import {IRecourse} from "../src/interfaces/IRecourse.sol";
import {Disputes} from "./Disputes.sol";
import {Vm} from "./Base.sol";
import {ContractAccount} from "./hostile/Accounts.sol";

/// @dev The review's findings about receipts, batches and slots: each attack as it was found, and what comes of it here.
contract FindingsReceiptsTest is Disputes {
    function test_finding_01_who_opens_first_is_never_overtaken() public {
        IBooks.Terms memory terms = contestable(2);
        IBooks.SignedBatch memory ofSock = batchOf(terms, table(bob), 0, hex"01");
        IBooks.OpenedBatch memory ofAlice = receipt(terms, alice, 0);
        vm.prank(alice);
        escrow.open(terms, one(ofAlice), "");
        vm.expectRevert(abi.encodeWithSelector(IBooks.NothingFree.selector, escrow.jobId(terms)));
        settleOne(terms, table(bob), ofSock);

        // What no chain can cure: before the opening the receipt is the coordinator's word.
        ofAlice = receipt(terms, alice, 1);
        settleOne(terms, table(bob), batchOf(terms, table(bob), 1, hex"01"));
        refuseOpening(terms, ofAlice, alice);
    }

    function test_finding_02_a_settlement_skips_opened_slots_and_an_opening_owns_what_it_took() public {
        IBooks.Terms memory terms = contestable(4);
        IBooks.Opening memory first = opened(terms, table(alice), 0, hex"0101");
        IBooks.Opening memory second = opened(terms, table(bob), 1, hex"0101");
        assertEq(keccak256(second.places), keccak256(hex"0001"), "what was left");
        settleOne(terms, table(stranger), batchOf(terms, table(stranger), 0, hex"01010101"));
        assertEq(dollar.balanceOf(stranger), REWARD, "the one free slot");
        vm.warp(reviewEnd(terms, first));
        finalized(terms, first);
        finalized(terms, second);
        assertLedger(alice, address(dollar), PURSE + 2 * REWARD, "alice");
        assertLedger(bob, address(dollar), PURSE + REWARD, "bob");
        assertJob(escrow.jobId(terms), 4, 4, 4, false);
    }

    function test_finding_03_a_slot_opened_for_a_sock_is_gone_and_the_bond_pays_the_receipts_holder() public {
        IBooks.Terms memory terms = contestable(1);
        IBond bond = bonded(10 * REWARD);
        IBooks.OpenedBatch memory ofAlice = receipt(terms, alice, 0);
        IBooks.OpenedBatch memory ofSock = receipt(terms, stranger, 0);
        vm.prank(coordinator);
        escrow.open(terms, one(ofSock), "");
        refuseOpening(terms, ofAlice, alice);
        assertEq(bond.claim(terms, 0, word(ofAlice), word(ofSock)), REWARD, "paid");
        assertEq(dollar.balanceOf(alice), REWARD, "alice");
        assertEq(dollar.balanceOf(bond.FURNACE()), REWARD, "as much again is burnt");
    }

    function test_finding_04_a_cancellation_takes_no_opened_slot_and_is_proof_against_its_coordinator() public {
        IBooks.Terms memory terms = contestable(2);
        IBond bond = bonded(10 * REWARD);
        IBooks.SignedBatch memory cancellation = batchOf(terms, table(requester), 0, hex"0101");
        IBooks.OpenedBatch memory ofAlice = receipt(terms, alice, 1);
        opened(terms, table(alice), 0, hex"01");
        settleOne(terms, table(requester), cancellation);
        assertLedger(requester, address(dollar), PURSE + REWARD, "only what was free came back");
        IBond.SignedWord memory cancelled =
            IBond.SignedWord(0, table(requester), hex"0101", ROOT, cancellation.r, cancellation.vs);
        assertEq(bond.claim(terms, 1, word(ofAlice), cancelled), REWARD, "for the receipt that it broke");
    }

    function test_finding_05_a_coordinator_that_delegates_can_not_take_its_receipts_back() public {
        vm.setEvmVersion("prague"); // the first with EIP-7702
        IBooks.Terms memory terms = contestable(2);
        IBooks.OpenedBatch memory ofAlice = receipt(terms, alice, 0);
        IBooks.SignedBatch memory ofBob = batchOf(terms, table(bob), 1, hex"01");
        ContractAccount denier = new ContractAccount();
        vm.etch(coordinator, abi.encodePacked(hex"ef0100", denier));
        ContractAccount(payable(coordinator)).set(ContractAccount.Answer.No);
        vm.prank(alice);
        escrow.open(terms, one(ofAlice), "");
        settleOne(terms, table(bob), ofBob);
        assertJob(escrow.jobId(terms), 2, 2, 1, false);
    }

    function test_finding_06_nothing_is_approved_or_opened_that_does_not_fit_a_block() public {
        IBooks.Terms memory terms = contestable(16_385);
        bytes memory tooLarge = abi.encodeWithSelector(IBooks.BatchTooLarge.selector, 1_025, 1);
        IBooks.OpenedBatch memory batch = openable(terms, table(alice), 0, new bytes(1_025));
        vm.prank(coordinator);
        vm.expectRevert(tooLarge);
        escrow.open(terms, one(batch), "");
        batch = openable(terms, workersFrom(0x1000, 256), 0, hex"01");
        vm.prank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IBooks.BatchTooLarge.selector, 1, 256));
        escrow.open(terms, one(batch), "");
        IBooks.SignedBatch memory approved = batchOf(terms, table(alice), 0, new bytes(16_385));
        vm.expectRevert(abi.encodeWithSelector(IBooks.BatchTooLarge.selector, 16_385, 1));
        settleOne(terms, table(alice), approved);
    }

    function test_finding_12_a_slot_appealed_or_reclaimed_is_never_paid_a_second_time() public {
        IBooks.Terms memory terms = contestable(2);
        IBooks.Opening memory opening = opened(terms, table(alice, bob), 0, hex"0102");
        contested(terms, opening, hex"0102");
        vm.warp(reviewEnd(terms, opening));
        IBooks.Appeal memory entry = appealed(terms, opening, 1);
        finalized(terms, opening); // pays nothing
        vm.warp(appealEnd(terms, opening));
        reclaimed(terms, opening); // bob's alone
        concluded(terms, entry);
        bytes memory nothing = abi.encodeWithSelector(IBooks.NothingFree.selector, escrow.jobId(terms));
        vm.expectRevert(nothing);
        escrow.reclaim(terms, opening);
        vm.expectRevert(abi.encodeWithSelector(IBooks.OpeningFinal.selector, idOf(terms, opening)));
        escrow.finalize(terms, opening, 0, "", crediting());
        vm.expectRevert(abi.encodeWithSelector(IBooks.PhaseWrong.selector, IBooks.Phase.Done));
        escrow.conclude(terms, entry);
        assertLedger(alice, address(dollar), PURSE + REWARD + DEPOSIT, "alice once");
        assertLedger(bob, address(dollar), PURSE, "bob never");
        assertJob(escrow.jobId(terms), 2, 2, 2, false);
    }

    function test_finding_15_one_key_as_requester_and_coordinator_makes_no_receipt_an_approval() public {
        IBooks.Terms memory terms = contestableIn(address(dollar));
        terms.coordinator = requester;
        post(terms, 1);
        (IBooks.SignedBatch memory batch, bytes32 digest) = unapproved(terms, table(alice), 0, hex"01");
        (batch.r, batch.vs) = signCompact(REQUESTER_KEY, digest);
        batch.approval = abi.encodePacked(batch.r, batch.vs);
        vm.expectRevert(abi.encodeWithSelector(IBooks.SignatureInvalid.selector, requester));
        settleOne(terms, table(alice), batch);
    }

    function test_finding_16_no_date_on_a_receipt_opens_it_too_late_or_bars_it_in_time() public {
        IBooks.Terms memory terms = contestable(2);
        IBooks.OpenedBatch memory early = receipt(terms, alice, 0);
        vm.warp(terms.closesAt - 1);
        IBooks.OpenedBatch memory late = receipt(terms, alice, 1); // signed in the last second
        vm.prank(alice);
        escrow.open(terms, one(late), "");
        vm.warp(terms.closesAt);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IBooks.NotNow.selector, 0, terms.closesAt));
        escrow.open(terms, one(early), ""); // signed days ago
    }

    function test_finding_17_a_close_refunds_free_slots_and_waits_for_no_opening() public {
        IBooks.Terms memory terms = contestable(3);
        vm.warp(terms.closesAt - 1);
        IBooks.Opening memory opening = opened(terms, table(alice), 0, hex"01");
        vm.warp(terms.closesAt);
        escrow.close(terms);
        assertLedger(requester, address(dollar), PURSE + 2 * REWARD, "the free slots");
        vm.warp(reviewEnd(terms, opening));
        finalized(terms, opening);
        assertLedger(alice, address(dollar), PURSE + REWARD, "with its own money");
        assertJob(escrow.jobId(terms), 3, 3, 3, true);
    }

    function test_finding_25_nobody_opens_anothers_receipt_and_an_approval_finalizes_an_opening_at_once() public {
        IBooks.Terms memory terms = contestable(1);
        IBooks.OpenedBatch memory batch = receipt(terms, alice, 0);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IBooks.SignatureInvalid.selector, alice));
        escrow.open(terms, one(batch), "");
        vm.prank(alice);
        escrow.open(terms, one(batch), "");
        IBooks.Opening memory opening = IBooks.Opening(digestOf(terms, batch), 0, table(alice), hex"01");
        vm.expectRevert(abi.encodeWithSelector(IBooks.SignatureInvalid.selector, requester));
        escrow.finalize(terms, opening, 1, "", pushing());
        escrow.finalize(terms, opening, 1, approve(terms, opening.batch, 1, REQUESTER_KEY), pushing());
        assertEq(dollar.balanceOf(alice), REWARD, "without waiting");
    }

    function test_finding_34_a_worker_alone_opens_its_receipt_in_a_job_of_ten_thousand_slots() public {
        IBooks.Terms memory terms = contestable(10_000);
        IBooks.OpenedBatch memory batch = receipt(terms, alice, 9_999);
        bytes memory call = abi.encodeCall(IRecourse.open, (terms, one(batch), ""));
        uint256 before = gasleft();
        vm.prank(alice);
        (bool ok,) = address(escrow).call(call);
        uint256 used = before - gasleft();
        assertTrue(ok && call.length < 1_400 && used < 100_000, "small, whatever the job's size");
    }

    function test_finding_37_nobody_the_escrow_and_twins_in_a_table_lose_no_money() public {
        IBooks.Terms memory terms = contestable(4);
        address[] memory workers = workersFrom(0, 4); // the first is the zero address
        (workers[1], workers[2], workers[3]) = (address(escrow), alice, alice);
        settleOne(terms, workers, batchOf(terms, workers, 0, hex"01020304"));
        assertEq(dollar.balanceOf(alice), 2 * REWARD, "both of hers");
        assertLedger(requester, address(dollar), PURSE + 2 * REWARD, "what was nobody's");
        assertLedger(address(0), address(dollar), 0, "nobody");
        assertLedger(address(escrow), address(dollar), 0, "escrow");
    }

    function test_finding_38_another_root_in_the_batch_than_in_the_receipt_shows_in_the_openings_event() public {
        IBooks.Terms memory terms = contestable(1);
        IBooks.OpenedBatch memory promised = receipt(terms, alice, 0);
        IBooks.OpenedBatch memory other = receipt(terms, alice, 0);
        other.answerRoot = keccak256("an answer that alice never gave");
        (other.r, other.vs) = signCompact(COORDINATOR_KEY, digestOf(terms, other));
        vm.recordLogs();
        vm.prank(coordinator);
        escrow.open(terms, one(other), "");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        (,, bytes32 root,) = abi.decode(logs[0].data, (uint32, address[], bytes32, bytes));
        assertEq(root, other.answerRoot, "for all to see");
        assertTrue(digestOf(terms, promised) != digestOf(terms, other), "two signed words that contradict each other");
        IBooks.Opening memory opening = IBooks.Opening(digestOf(terms, other), 0, table(alice), hex"01");
        vm.warp(reviewEnd(terms, opening));
        finalized(terms, opening); // and silence pays her all the same
        assertLedger(alice, address(dollar), PURSE + REWARD, "paid");
    }

    function test_finding_39_a_reorg_of_openings_matters_only_where_a_slot_was_given_twice() public {
        IBooks.Terms memory terms = contestable(1);
        IBooks.OpenedBatch memory batch = receipt(terms, alice, 0);
        uint256 snapshot = vm.snapshotState();
        vm.prank(alice);
        bytes32 id = escrow.open(terms, one(batch), "")[0];
        vm.revertToState(snapshot); // the chain forgets the opening
        vm.warp(block.timestamp + 12);
        vm.prank(alice);
        assertEq(escrow.open(terms, one(batch), "")[0], id, "the same receipt, the same opening");
        vm.revertToState(snapshot); // and once more, with the coordinator's other word first
        opened(terms, table(bob), 0, hex"01");
        refuseOpening(terms, batch, alice);
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function receipt(IBooks.Terms memory terms, address worker, uint32 slot)
        private
        view
        returns (IBooks.OpenedBatch memory batch)
    {
        batch = openable(terms, table(worker), slot, hex"01");
        batch.place = 1;
    }

    function refuseOpening(IBooks.Terms memory terms, IBooks.OpenedBatch memory batch, address worker) private {
        bytes memory nothing = abi.encodeWithSelector(IBooks.NothingFree.selector, escrow.jobId(terms));
        vm.prank(worker);
        vm.expectRevert(nothing);
        escrow.open(terms, one(batch), "");
    }

    function bonded(uint256 amount) private returns (IBond bond) {
        bond = IBond(vm.deployCode("CoordinatorBond.sol:CoordinatorBond", abi.encode(escrow)));
        vm.prank(requester);
        dollar.approve(address(bond), amount);
        vm.prank(requester);
        bond.bond(coordinator, address(dollar), amount);
    }

    function word(IBooks.OpenedBatch memory batch) private pure returns (IBond.SignedWord memory) {
        return
            IBond.SignedWord(
                batch.firstSlot, batch.workers, batch.places, batch.answerRoot, batch.r, batch.vs
            );
    }
}
