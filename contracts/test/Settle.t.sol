// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {Base} from "./Base.sol";
import {ContractAccount} from "./hostile/Accounts.sol";

// settle: who may, and what is taken
// ├── job unknown or closed                             JobUnknown / JobIsClosed
// ├── over 255 workers, over 16,384 slots, or a table
// │   longer than the one beside it                     BatchTooLarge
// ├── batch not signed by the coordinator's key:
// │   another's, high s, another batch, table, slot     SignatureInvalid(coordinator)
// │   ├── coordinator has code by now                   still good
// │   └── coordinator answers EIP-1271 only             SignatureInvalid
// ├── not approved:
// │   ├── empty, and the caller is neither of the two   SignatureInvalid(requester)
// │   ├── other slots or amount, another's, high s      SignatureInvalid
// │   ├── the coordinator's word again                  SignatureInvalid, even where both are one key
// │   ├── a contract requester that says no             SignatureInvalid
// │   └── requester's or operator's: call, 65, 64 bytes,
// │       EIP-1271                                      good
// ├── a byte past its own table                         PlaceUnknown, whatever stands beside it
// ├── a worker who is nobody or the escrow              WorkerInvalid
// ├── nothing free in any batch                         NothingFree
// └── else: what is free is taken, the rest skipped     BatchSettled with the bytes that were paid, WorkersPaid
// (what is paid, and how: Pay.t.sol)
contract SettleTest is Base {
    address private alice = address(0xA1);
    address private bob = address(0xB0);

    // ------------------------------------------------------------------------------------------------ the job

    function test_an_unknown_or_closed_job_does_not_settle() public {
        IPiecework.Terms memory terms = termsIn(address(dollar));
        IPiecework.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"01");
        bytes32 job = escrow.jobId(terms);
        refuseSettle(terms, table(alice), batch, abi.encodeWithSelector(IPiecework.JobUnknown.selector, job));
        posted(1);
        vm.warp(terms.closesAt);
        escrow.close(terms);
        refuseSettle(terms, table(alice), batch, abi.encodeWithSelector(IPiecework.JobIsClosed.selector, job));
    }

    function test_a_job_settles_after_its_closing_time_until_somebody_closes_it() public {
        IPiecework.Terms memory terms = posted(1);
        IPiecework.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"01");
        vm.warp(terms.closesAt + 1);
        settleOne(terms, table(alice), batch);
        assertEq(dollar.balanceOf(alice), REWARD, "paid");
    }

    // ------------------------------------------------------------------------------------------------ sizes

    function test_more_than_255_workers_are_too_many() public {
        IPiecework.Terms memory terms = posted(1);
        address[] memory workers = workersFrom(0x1000, 256);
        IPiecework.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"01");
        refuseSettle(terms, workers, batch, abi.encodeWithSelector(IPiecework.BatchTooLarge.selector, 0, 256));
    }

    function test_more_than_16384_slots_are_too_many() public {
        IPiecework.Terms memory terms = posted(1);
        IPiecework.SignedBatch memory batch = batchOf(terms, table(alice), 0, new bytes(16_385));
        refuseSettle(terms, table(alice), batch, abi.encodeWithSelector(IPiecework.BatchTooLarge.selector, 16_385, 1));
    }

    function test_a_batch_with_a_longer_table_than_the_call_is_too_large() public {
        IPiecework.Terms memory terms = posted(1);
        IPiecework.SignedBatch memory batch = batchOf(terms, table(alice, bob), 0, hex"01");
        refuseSettle(terms, table(alice), batch, abi.encodeWithSelector(IPiecework.BatchTooLarge.selector, 1, 2));
    }

    // ------------------------------------------------------------------------------------------------ coordinator

    function test_a_batch_needs_the_coordinators_low_s_signature_of_exactly_this() public {
        IPiecework.Terms memory terms = posted(3);
        bytes memory reason = abi.encodeWithSelector(IPiecework.SignatureInvalid.selector, coordinator);
        IPiecework.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"01");
        refuseSettle(terms, table(bob), batch, reason);
        batch.firstSlot = 1;
        refuseSettle(terms, table(alice), batch, reason);
        batch.firstSlot = 0;
        batch.places = hex"0100";
        refuseSettle(terms, table(alice), batch, reason);
        batch.places = hex"01";
        batch.answerRoot = 0;
        refuseSettle(terms, table(alice), batch, reason);
        batch.answerRoot = ROOT;
        batch.workerCount = 0;
        refuseSettle(terms, table(alice), batch, reason);
        batch.workerCount = 1;
        vm.chainId(99);
        IPiecework.Terms memory elsewhere = posted(3);
        refuseSettle(elsewhere, table(alice), batch, reason);
        vm.chainId(31337);

        bytes32 digest = escrow.batchDigest(escrow.jobId(terms), 0, table(alice), hex"01", ROOT);
        (bytes32 r, bytes32 vs) = (batch.r, batch.vs);
        (batch.r, batch.vs) = signCompact(REQUESTER_KEY, digest);
        refuseSettle(terms, table(alice), batch, reason);
        (batch.r, batch.vs) = (bytes32(0), bytes32(0));
        refuseSettle(terms, table(alice), batch, reason);
        (batch.r, batch.vs) = (r, vs);
        settleOne(terms, table(alice), batch);
    }

    function test_a_coordinator_that_gets_code_later_cannot_take_its_signature_back() public {
        IPiecework.Terms memory terms = posted(1);
        IPiecework.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"01");
        ContractAccount denier = new ContractAccount();
        vm.etch(coordinator, address(denier).code);
        ContractAccount(payable(coordinator)).set(ContractAccount.Answer.No);
        settleOne(terms, table(alice), batch);
        assertEq(dollar.balanceOf(alice), REWARD, "paid");
    }

    function test_a_coordinator_without_a_key_signs_nothing() public {
        IPiecework.Terms memory terms = termsIn(address(dollar));
        terms.coordinator = address(new ContractAccount()); // says yes to everything
        vm.prank(requester);
        escrow.post(terms, 1, IPiecework.Source.Wallet);
        IPiecework.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"01");
        bytes memory reason = abi.encodeWithSelector(IPiecework.SignatureInvalid.selector, terms.coordinator);
        refuseSettle(terms, table(alice), batch, reason);
    }

    // ------------------------------------------------------------------------------------------------ approval

    function test_a_batch_needs_an_approval_of_its_own_slots_and_amount() public {
        IPiecework.Terms memory terms = posted(3);
        (IPiecework.SignedBatch memory batch, bytes32 digest) = unapproved(terms, table(alice), 0, hex"010001");
        bytes[6] memory wrong = [
            approve(terms, digest, 1, REQUESTER_KEY),
            approve(terms, digest, 3, REQUESTER_KEY),
            sign(REQUESTER_KEY, escrow.approvalDigest(digest, 2, price(terms, 2) - 1)),
            sign(REQUESTER_KEY, digest),
            approve(terms, digest, 2, COORDINATOR_KEY),
            signHigh(REQUESTER_KEY, escrow.approvalDigest(digest, 2, price(terms, 2)))
        ];
        for (uint256 i; i < wrong.length; ++i) {
            refuseApproval(terms, batch, wrong[i]);
        }
        refuseApproval(terms, batch, approve(terms, keccak256("another batch"), 2, REQUESTER_KEY));
        refuseApproval(terms, batch, new bytes(64));
        refuseApproval(terms, batch, new bytes(65));
        refuseApproval(terms, batch, new bytes(1));
        refuseApproval(terms, batch, "");
        assertJob(escrow.jobId(terms), 3, 0, 0, false);
    }

    function test_requester_and_operator_approve_in_64_and_65_bytes() public {
        IPiecework.Terms memory terms = posted(4);
        uint256[2] memory keys = [REQUESTER_KEY, OPERATOR_KEY];
        for (uint32 i; i < 4; ++i) {
            (IPiecework.SignedBatch memory batch, bytes32 digest) = unapproved(terms, table(alice), i, hex"01");
            bytes32 approval = escrow.approvalDigest(digest, 1, REWARD);
            batch.approval = i < 2 ? sign(keys[i], approval) : signShort(keys[i - 2], approval);
            vm.prank(stranger);
            settleOne(terms, table(alice), batch);
        }
        assertEq(dollar.balanceOf(alice), 4 * REWARD, "paid");
    }

    function test_requester_and_operator_approve_by_calling() public {
        IPiecework.Terms memory terms = posted(2);
        address[2] memory callers = [requester, operator];
        for (uint32 i; i < 2; ++i) {
            (IPiecework.SignedBatch memory batch,) = unapproved(terms, table(alice), i, hex"01");
            vm.prank(coordinator);
            vm.expectRevert(abi.encodeWithSelector(IPiecework.SignatureInvalid.selector, requester));
            settleOne(terms, table(alice), batch);
            vm.prank(callers[i]);
            settleOne(terms, table(alice), batch);
        }
        assertEq(dollar.balanceOf(alice), 2 * REWARD, "paid");
    }

    function test_a_job_without_operator_is_approved_by_its_requester_alone() public {
        IPiecework.Terms memory terms = termsIn(address(dollar));
        terms.operator = address(0);
        vm.prank(requester);
        escrow.post(terms, 1, IPiecework.Source.Wallet);
        (IPiecework.SignedBatch memory batch, bytes32 digest) = unapproved(terms, table(alice), 0, hex"01");
        refuseApproval(terms, batch, new bytes(65));
        refuseApproval(terms, batch, approve(terms, digest, 1, OPERATOR_KEY));
        batch.approval = approve(terms, digest, 1, REQUESTER_KEY);
        settleOne(terms, table(alice), batch);
    }

    function test_a_receipt_is_no_approval_even_where_one_key_is_both() public {
        IPiecework.Terms memory terms = termsIn(address(dollar));
        terms.coordinator = requester;
        vm.prank(requester);
        escrow.post(terms, 1, IPiecework.Source.Wallet);
        (IPiecework.SignedBatch memory batch, bytes32 digest) = unapproved(terms, table(alice), 0, hex"01");
        (batch.r, batch.vs) = signCompact(REQUESTER_KEY, digest);
        refuseApproval(terms, batch, abi.encodePacked(batch.r, batch.vs));
        batch.approval = approve(terms, digest, 1, REQUESTER_KEY);
        settleOne(terms, table(alice), batch);
    }

    function test_a_contract_requester_approves_as_it_answers_on_the_day() public {
        ContractAccount account = new ContractAccount();
        vm.deal(address(this), 1e18);
        IPiecework.Terms memory terms = termsIn(address(0));
        terms.requester = address(account);
        bytes memory post = abi.encodeCall(IPiecework.post, (terms, 2, IPiecework.Source.Wallet));
        account.act{value: price(terms, 2)}(address(escrow), post);
        (IPiecework.SignedBatch memory batch, bytes32 digest) = unapproved(terms, table(alice), 0, hex"01");
        for (uint8 i = 1; i <= uint8(ContractAccount.Answer.Burns); ++i) {
            account.set(ContractAccount.Answer(i));
            refuseApproval(terms, batch, "whatever");
        }
        batch.approval = approve(terms, digest, 1, OPERATOR_KEY); // the operator's word stands beside a silent account
        settleOne(terms, table(alice), batch);
        account.set(ContractAccount.Answer.Yes);
        (batch,) = unapproved(terms, table(bob), 1, hex"01");
        batch.approval = "whatever";
        settleOne(terms, table(bob), batch);
        assertEq(bob.balance, REWARD, "paid");
    }

    function test_a_requester_with_delegated_code_still_signs_by_its_key() public {
        IPiecework.Terms memory terms = posted(1);
        IPiecework.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"01");
        vm.etch(requester, address(new ContractAccount()).code);
        ContractAccount(payable(requester)).set(ContractAccount.Answer.No);
        settleOne(terms, table(alice), batch);
        assertEq(dollar.balanceOf(alice), REWARD, "paid");
    }

    // ------------------------------------------------------------------------------------------------ places

    function test_a_byte_past_the_table_is_refused() public {
        IPiecework.Terms memory terms = posted(3);
        bytes memory unknown = abi.encodePacked(IPiecework.PlaceUnknown.selector);
        refuseSettle(terms, table(alice), batchOf(terms, table(alice), 0, hex"0102"), unknown);
        refuseSettle(terms, table(alice), batchOf(terms, table(alice), 0, hex"01ff"), unknown);
        refuseSettle(terms, new address[](0), batchOf(terms, new address[](0), 0, hex"01"), unknown);
    }

    function test_a_byte_past_its_own_table_is_refused_beside_any_longer_one() public {
        IPiecework.Terms memory terms = posted(9);
        address[] memory both = table(alice, bob);
        IPiecework.SignedBatch memory short = batchOf(terms, table(alice), 0, hex"02");
        IPiecework.SignedBatch memory long = batchOf(terms, both, 1, hex"01");
        bytes memory unknown = abi.encodePacked(IPiecework.PlaceUnknown.selector);
        refuseSettle(terms, both, short, unknown);
        IPiecework.SignedBatch[] memory batches = new IPiecework.SignedBatch[](2);
        (batches[0], batches[1]) = (short, long);
        refuseAll(terms, both, batches, unknown);
        (batches[0], batches[1]) = (long, short);
        refuseAll(terms, both, batches, unknown);
        batches = new IPiecework.SignedBatch[](3);
        (batches[0], batches[1], batches[2]) = (long, short, batchOf(terms, both, 2, hex"02"));
        refuseAll(terms, both, batches, unknown);
        batches[0] = batchOf(terms, table(alice), 3, hex"01");
        refuseAll(terms, both, batches, unknown);
    }

    function test_batches_with_growing_tables_settle_together_and_pay_each_worker_once() public {
        IPiecework.Terms memory terms = posted(6);
        address[] memory both = table(alice, bob);
        IPiecework.SignedBatch[] memory batches = new IPiecework.SignedBatch[](3);
        batches[0] = batchOf(terms, table(alice), 0, hex"0101");
        batches[1] = batchOf(terms, table(alice), 2, hex"01");
        batches[2] = batchOf(terms, both, 3, hex"020102");
        vm.recordLogs();
        escrow.settle(terms, both, batches, pushing());
        assertEq(dollar.balanceOf(alice), 4 * REWARD, "alice");
        assertEq(dollar.balanceOf(bob), 2 * REWARD, "bob");
        // three batches, two transfers, one word on who was paid
        assertEq(vm.getRecordedLogs().length, 6, "logs");
    }

    function test_a_worker_who_is_nobody_or_the_escrow_is_refused() public {
        IPiecework.Terms memory terms = posted(1);
        address[2] memory wrong = [address(0), address(escrow)];
        for (uint256 i; i < wrong.length; ++i) {
            address[] memory workers = table(wrong[i]);
            bytes memory reason = abi.encodeWithSelector(IPiecework.WorkerInvalid.selector, wrong[i]);
            refuseSettle(terms, workers, batchOf(terms, workers, 0, hex"01"), reason);
        }
    }

    // ------------------------------------------------------------------------------------------------ free or not

    function test_a_batch_settles_once() public {
        IPiecework.Terms memory terms = posted(3);
        IPiecework.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"0101");
        settleOne(terms, table(alice), batch);
        bytes memory reason = abi.encodeWithSelector(IPiecework.NothingFree.selector, escrow.jobId(terms));
        refuseSettle(terms, table(alice), batch, reason);
        IPiecework.SignedBatch[] memory twice = new IPiecework.SignedBatch[](2);
        twice[0] = twice[1] = batchOf(terms, table(alice), 2, hex"01");
        escrow.settle(terms, table(alice), twice, pushing());
        assertEq(dollar.balanceOf(alice), 3 * REWARD, "paid");
        assertJob(escrow.jobId(terms), 3, 3, 3, false);
    }

    function test_nothing_to_settle_is_said() public {
        IPiecework.Terms memory terms = posted(1);
        bytes memory reason = abi.encodeWithSelector(IPiecework.NothingFree.selector, escrow.jobId(terms));
        refuseAll(terms, table(alice), new IPiecework.SignedBatch[](0), reason);
        refuseSettle(terms, table(alice), batchOf(terms, table(alice), 0, ""), reason);
        refuseSettle(terms, table(alice), batchOf(terms, table(alice), 0, hex"0000"), reason);
        refuseSettle(terms, table(alice), batchOf(terms, table(alice), 1, hex"0101"), reason);
        refuseSettle(terms, table(alice), batchOf(terms, table(alice), type(uint32).max, hex"0101"), reason);
    }

    function test_what_is_taken_or_not_funded_is_skipped_and_reads_zero_in_the_log() public {
        IPiecework.Terms memory terms = posted(4);
        bytes32 job = escrow.jobId(terms);
        settleOne(terms, table(alice), batchOf(terms, table(alice), 1, hex"01"));
        address[] memory workers = table(bob);
        IPiecework.SignedBatch memory batch = batchOf(terms, workers, 0, hex"010100010101");
        bytes32 digest = escrow.batchDigest(job, 0, workers, hex"010100010101", ROOT);
        vm.expectEmit(address(escrow));
        emit IPiecework.BatchSettled(job, digest, 0, 1, ROOT, hex"010000010000");
        settleOne(terms, workers, batch);
        assertEq(dollar.balanceOf(bob), 2 * REWARD, "bob");
        assertEq(escrow.takenWord(job, 0) >> 248, 0xd0, "bits 1101");
        assertJob(job, 4, 3, 3, false);
    }

    function test_the_rest_of_a_batch_settles_when_its_slots_are_funded() public {
        IPiecework.Terms memory terms = posted(1);
        IPiecework.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"010101");
        settleOne(terms, table(alice), batch);
        vm.prank(requester);
        escrow.fund(terms, 1, 2, ROOT, IPiecework.Source.Wallet);
        settleOne(terms, table(alice), batch);
        assertEq(dollar.balanceOf(alice), 3 * REWARD, "paid");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function refuseSettle(
        IPiecework.Terms memory terms,
        address[] memory workers,
        IPiecework.SignedBatch memory batch,
        bytes memory reason
    ) private {
        refuseAll(terms, workers, one(batch), reason);
    }

    function refuseAll(
        IPiecework.Terms memory terms,
        address[] memory workers,
        IPiecework.SignedBatch[] memory batches,
        bytes memory reason
    ) private {
        vm.prank(stranger);
        vm.expectRevert(reason);
        escrow.settle{gas: 5_000_000}(terms, workers, batches, pushing()); // bounded, for who burns it all
    }

    function refuseApproval(IPiecework.Terms memory terms, IPiecework.SignedBatch memory batch, bytes memory approval)
        private
    {
        batch.approval = approval;
        bytes memory reason = abi.encodeWithSelector(IPiecework.SignatureInvalid.selector, terms.requester);
        refuseSettle(terms, table(alice), batch, reason);
    }
}
