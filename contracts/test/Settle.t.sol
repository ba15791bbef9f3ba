// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
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
// ├── a word of the table that is no address            WorkerInvalid
// ├── a worker who is nobody or the escrow              cancelled, the others paid
// ├── nothing free in any batch                         NothingFree
// └── else: what is free is taken, the rest skipped     BatchSettled with the bytes that were paid, WorkersPaid
// (what is paid, and how: Pay.t.sol)
contract SettleTest is Base {
    address private alice = address(0xA1);
    address private bob = address(0xB0);

    // ------------------------------------------------------------------------------------------------ the job

    function test_an_unknown_or_closed_job_does_not_settle() public {
        IBooks.Terms memory terms = termsIn(address(dollar));
        IBooks.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"01");
        bytes32 job = escrow.jobId(terms);
        refuseSettle(terms, table(alice), batch, abi.encodeWithSelector(IBooks.JobUnknown.selector, job));
        posted(1);
        vm.warp(terms.closesAt);
        escrow.close(terms);
        refuseSettle(terms, table(alice), batch, abi.encodeWithSelector(IBooks.JobIsClosed.selector, job));
    }

    function test_a_job_settles_after_its_closing_time_until_somebody_closes_it() public {
        IBooks.Terms memory terms = posted(1);
        IBooks.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"01");
        vm.warp(terms.closesAt + 1);
        settleOne(terms, table(alice), batch);
        assertEq(dollar.balanceOf(alice), REWARD, "paid");
    }

    // ------------------------------------------------------------------------------------------------ sizes

    function test_more_than_255_workers_are_too_many() public {
        IBooks.Terms memory terms = posted(1);
        address[] memory workers = workersFrom(0x1000, 256);
        IBooks.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"01");
        refuseSettle(terms, workers, batch, abi.encodeWithSelector(IBooks.BatchTooLarge.selector, 0, 256));
    }

    function test_more_than_16384_slots_are_too_many() public {
        IBooks.Terms memory terms = posted(1);
        IBooks.SignedBatch memory batch = batchOf(terms, table(alice), 0, new bytes(16_385));
        refuseSettle(terms, table(alice), batch, abi.encodeWithSelector(IBooks.BatchTooLarge.selector, 16_385, 1));
    }

    function test_a_batch_with_a_longer_table_than_the_call_is_too_large() public {
        IBooks.Terms memory terms = posted(1);
        IBooks.SignedBatch memory batch = batchOf(terms, table(alice, bob), 0, hex"01");
        refuseSettle(terms, table(alice), batch, abi.encodeWithSelector(IBooks.BatchTooLarge.selector, 1, 2));
    }

    // ------------------------------------------------------------------------------------------------ coordinator

    function test_a_batch_needs_the_coordinators_low_s_signature_of_exactly_this() public {
        IBooks.Terms memory terms = posted(3);
        bytes memory reason = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, coordinator);
        IBooks.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"01");
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
        IBooks.Terms memory elsewhere = posted(3);
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
        IBooks.Terms memory terms = posted(1);
        IBooks.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"01");
        ContractAccount denier = new ContractAccount();
        vm.etch(coordinator, address(denier).code);
        ContractAccount(payable(coordinator)).set(ContractAccount.Answer.No);
        settleOne(terms, table(alice), batch);
        assertEq(dollar.balanceOf(alice), REWARD, "paid");
    }

    function test_a_coordinator_without_a_key_signs_nothing() public {
        IBooks.Terms memory terms = termsIn(address(dollar));
        terms.coordinator = address(new ContractAccount()); // says yes to everything
        vm.prank(requester);
        escrow.post(terms, 1, IBooks.Source.Wallet);
        IBooks.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"01");
        bytes memory reason = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, terms.coordinator);
        refuseSettle(terms, table(alice), batch, reason);
    }

    // ------------------------------------------------------------------------------------------------ approval

    function test_a_batch_needs_an_approval_of_its_own_slots_and_amount() public {
        IBooks.Terms memory terms = posted(3);
        (IBooks.SignedBatch memory batch, bytes32 digest) = unapproved(terms, table(alice), 0, hex"010001");
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
        IBooks.Terms memory terms = posted(4);
        uint256[2] memory keys = [REQUESTER_KEY, OPERATOR_KEY];
        for (uint32 i; i < 4; ++i) {
            (IBooks.SignedBatch memory batch, bytes32 digest) = unapproved(terms, table(alice), i, hex"01");
            bytes32 approval = escrow.approvalDigest(digest, 1, REWARD);
            batch.approval = i < 2 ? sign(keys[i], approval) : signShort(keys[i - 2], approval);
            vm.prank(stranger);
            settleOne(terms, table(alice), batch);
        }
        assertEq(dollar.balanceOf(alice), 4 * REWARD, "paid");
    }

    function test_requester_and_operator_approve_by_calling() public {
        IBooks.Terms memory terms = posted(2);
        address[2] memory callers = [requester, operator];
        for (uint32 i; i < 2; ++i) {
            (IBooks.SignedBatch memory batch,) = unapproved(terms, table(alice), i, hex"01");
            vm.prank(coordinator);
            vm.expectRevert(abi.encodeWithSelector(IBooks.SignatureInvalid.selector, requester));
            settleOne(terms, table(alice), batch);
            vm.prank(callers[i]);
            settleOne(terms, table(alice), batch);
        }
        assertEq(dollar.balanceOf(alice), 2 * REWARD, "paid");
    }

    function test_a_job_without_operator_is_approved_by_its_requester_alone() public {
        IBooks.Terms memory terms = termsIn(address(dollar));
        terms.operator = address(0);
        vm.prank(requester);
        escrow.post(terms, 1, IBooks.Source.Wallet);
        (IBooks.SignedBatch memory batch, bytes32 digest) = unapproved(terms, table(alice), 0, hex"01");
        refuseApproval(terms, batch, new bytes(65));
        refuseApproval(terms, batch, approve(terms, digest, 1, OPERATOR_KEY));
        batch.approval = approve(terms, digest, 1, REQUESTER_KEY);
        settleOne(terms, table(alice), batch);
    }

    function test_a_receipt_is_no_approval_even_where_one_key_is_both() public {
        IBooks.Terms memory terms = termsIn(address(dollar));
        terms.coordinator = requester;
        vm.prank(requester);
        escrow.post(terms, 1, IBooks.Source.Wallet);
        (IBooks.SignedBatch memory batch, bytes32 digest) = unapproved(terms, table(alice), 0, hex"01");
        (batch.r, batch.vs) = signCompact(REQUESTER_KEY, digest);
        refuseApproval(terms, batch, abi.encodePacked(batch.r, batch.vs));
        batch.approval = approve(terms, digest, 1, REQUESTER_KEY);
        settleOne(terms, table(alice), batch);
    }

    function test_a_contract_requester_approves_as_it_answers_on_the_day() public {
        ContractAccount account = new ContractAccount();
        vm.deal(address(this), 1e18);
        IBooks.Terms memory terms = termsIn(address(0));
        terms.requester = address(account);
        bytes memory post = abi.encodeCall(IPiecework.post, (terms, 2, IBooks.Source.Wallet));
        account.act{value: price(terms, 2)}(address(escrow), post);
        (IBooks.SignedBatch memory batch, bytes32 digest) = unapproved(terms, table(alice), 0, hex"01");
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
        IBooks.Terms memory terms = posted(1);
        IBooks.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"01");
        vm.etch(requester, address(new ContractAccount()).code);
        ContractAccount(payable(requester)).set(ContractAccount.Answer.No);
        settleOne(terms, table(alice), batch);
        assertEq(dollar.balanceOf(alice), REWARD, "paid");
    }

    // ------------------------------------------------------------------------------------------------ places

    function test_a_byte_past_the_table_is_refused() public {
        IBooks.Terms memory terms = posted(3);
        bytes memory unknown = abi.encodePacked(IBooks.PlaceUnknown.selector);
        refuseSettle(terms, table(alice), batchOf(terms, table(alice), 0, hex"0102"), unknown);
        refuseSettle(terms, table(alice), batchOf(terms, table(alice), 0, hex"01ff"), unknown);
        refuseSettle(terms, new address[](0), batchOf(terms, new address[](0), 0, hex"01"), unknown);
    }

    function test_a_byte_past_its_own_table_is_refused_beside_any_longer_one() public {
        IBooks.Terms memory terms = posted(9);
        address[] memory both = table(alice, bob);
        IBooks.SignedBatch memory short = batchOf(terms, table(alice), 0, hex"02");
        IBooks.SignedBatch memory long = batchOf(terms, both, 1, hex"01");
        bytes memory unknown = abi.encodePacked(IBooks.PlaceUnknown.selector);
        refuseSettle(terms, both, short, unknown);
        IBooks.SignedBatch[] memory batches = new IBooks.SignedBatch[](2);
        (batches[0], batches[1]) = (short, long);
        refuseAll(terms, both, batches, unknown);
        (batches[0], batches[1]) = (long, short);
        refuseAll(terms, both, batches, unknown);
        batches = new IBooks.SignedBatch[](3);
        (batches[0], batches[1], batches[2]) = (long, short, batchOf(terms, both, 2, hex"02"));
        refuseAll(terms, both, batches, unknown);
        batches[0] = batchOf(terms, table(alice), 3, hex"01");
        refuseAll(terms, both, batches, unknown);
    }

    function test_batches_with_growing_tables_settle_together_and_pay_each_worker_once() public {
        IBooks.Terms memory terms = posted(6);
        address[] memory both = table(alice, bob);
        IBooks.SignedBatch[] memory batches = new IBooks.SignedBatch[](3);
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

    function test_a_slot_of_nobody_or_of_the_escrow_is_cancelled_and_the_others_are_paid() public {
        IBooks.Terms memory terms = posted(4);
        address[] memory workers = new address[](3);
        (workers[0], workers[1], workers[2]) = (address(0), alice, address(escrow));
        settleOne(terms, workers, batchOf(terms, workers, 0, hex"01020303"));
        assertEq(dollar.balanceOf(alice), REWARD, "the worker's");
        assertEq(escrow.balanceOf(requester, address(dollar)), 3 * REWARD, "the requester's");
        assertJob(escrow.jobId(terms), 4, 4, 4, false);
    }

    /// @dev An address has 20 bytes; a table with more in a word has no reader.
    function test_a_table_with_dirty_words_is_refused() public {
        IBooks.Terms memory terms = posted(1);
        bytes32 dirty = bytes32(uint256(uint160(alice)) | (1 << 160));
        bytes32 digest = keccak256(
            abi.encode(
                keccak256("Batch(bytes32 job,uint256 firstSlot,address[] workers,bytes places,bytes32 answerRoot)"),
                escrow.jobId(terms), uint256(0), keccak256(abi.encode(dirty)), keccak256(hex"01"), ROOT
            )
        );
        digest = keccak256(abi.encodePacked(hex"1901", domainSeparator(), digest));
        IBooks.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"01");
        (batch.r, batch.vs) = signCompact(COORDINATOR_KEY, digest);
        batch.approval = approve(terms, digest, 1, REQUESTER_KEY);
        bytes memory data = abi.encodeCall(escrow.settle, (terms, table(alice), one(batch), pushing()));
        (uint256 position, uint256 found) = (4 + 32, 0);
        for (; position < data.length; position += 32) {
            bytes32 word;
            assembly {
                word := mload(add(add(data, 32), position))
            }
            if (word != bytes32(uint256(uint160(alice)))) continue;
            ++found;
            assembly {
                mstore(add(add(data, 32), position), dirty)
            }
        }
        assertEq(found, 1, "one word is the worker's");
        (bool ok, bytes memory why) = address(escrow).call(data);
        assertTrue(!ok && bytes4(why) == IBooks.WorkerInvalid.selector, "refused");
    }

    // ------------------------------------------------------------------------------------------------ free or not

    function test_a_batch_settles_once() public {
        IBooks.Terms memory terms = posted(3);
        IBooks.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"0101");
        settleOne(terms, table(alice), batch);
        bytes memory reason = abi.encodeWithSelector(IBooks.NothingFree.selector, escrow.jobId(terms));
        refuseSettle(terms, table(alice), batch, reason);
        IBooks.SignedBatch[] memory twice = new IBooks.SignedBatch[](2);
        twice[0] = twice[1] = batchOf(terms, table(alice), 2, hex"01");
        escrow.settle(terms, table(alice), twice, pushing());
        assertEq(dollar.balanceOf(alice), 3 * REWARD, "paid");
        assertJob(escrow.jobId(terms), 3, 3, 3, false);
    }

    function test_nothing_to_settle_is_said() public {
        IBooks.Terms memory terms = posted(1);
        bytes memory reason = abi.encodeWithSelector(IBooks.NothingFree.selector, escrow.jobId(terms));
        refuseAll(terms, table(alice), new IBooks.SignedBatch[](0), reason);
        refuseSettle(terms, table(alice), batchOf(terms, table(alice), 0, ""), reason);
        refuseSettle(terms, table(alice), batchOf(terms, table(alice), 0, hex"0000"), reason);
        refuseSettle(terms, table(alice), batchOf(terms, table(alice), 1, hex"0101"), reason);
        refuseSettle(terms, table(alice), batchOf(terms, table(alice), type(uint32).max, hex"0101"), reason);
    }

    function test_what_is_taken_or_not_funded_is_skipped_and_reads_zero_in_the_log() public {
        IBooks.Terms memory terms = posted(4);
        bytes32 job = escrow.jobId(terms);
        settleOne(terms, table(alice), batchOf(terms, table(alice), 1, hex"01"));
        address[] memory workers = table(bob);
        IBooks.SignedBatch memory batch = batchOf(terms, workers, 0, hex"010100010101");
        bytes32 digest = escrow.batchDigest(job, 0, workers, hex"010100010101", ROOT);
        vm.expectEmit(address(escrow));
        emit IBooks.BatchSettled(job, digest, 0, 1, ROOT, hex"010000010000");
        settleOne(terms, workers, batch);
        assertEq(dollar.balanceOf(bob), 2 * REWARD, "bob");
        assertEq(escrow.takenWord(job, 0) >> 248, 0xd0, "bits 1101");
        assertJob(job, 4, 3, 3, false);
    }

    function test_the_rest_of_a_batch_settles_when_its_slots_are_funded() public {
        IBooks.Terms memory terms = posted(1);
        IBooks.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"010101");
        settleOne(terms, table(alice), batch);
        vm.prank(requester);
        escrow.fund(terms, 1, 2, ROOT, IBooks.Source.Wallet);
        settleOne(terms, table(alice), batch);
        assertEq(dollar.balanceOf(alice), 3 * REWARD, "paid");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function refuseSettle(
        IBooks.Terms memory terms,
        address[] memory workers,
        IBooks.SignedBatch memory batch,
        bytes memory reason
    ) private {
        refuseAll(terms, workers, one(batch), reason);
    }

    function refuseAll(
        IBooks.Terms memory terms,
        address[] memory workers,
        IBooks.SignedBatch[] memory batches,
        bytes memory reason
    ) private {
        vm.prank(stranger);
        vm.expectRevert(reason);
        escrow.settle{gas: 5_000_000}(terms, workers, batches, pushing()); // bounded, for who burns it all
    }

    function refuseApproval(IBooks.Terms memory terms, IBooks.SignedBatch memory batch, bytes memory approval)
        private
    {
        batch.approval = approval;
        bytes memory reason = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, terms.requester);
        refuseSettle(terms, table(alice), batch, reason);
    }
}
