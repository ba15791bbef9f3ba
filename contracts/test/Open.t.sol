// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Disputes} from "./Disputes.sol";
import {ContractAccount} from "./hostile/Accounts.sol";

// open: who may, and when (what is taken: OpenSlots.t.sol)
// ├── job unknown or closed                             JobUnknown / JobIsClosed
// ├── closesAt reached                                  NotNow(0, closesAt)
// ├── over 1,024 slots or 255 workers                   BatchTooLarge
// ├── batch not signed by the coordinator's key:
// │   another's, high s, another batch, table, slot     SignatureInvalid(coordinator)
// ├── the caller is the coordinator                     good, whatever the places say
// ├── the caller is a worker
// │   ├── a batch whose place is 0, past the table or
// │   │   somebody else's; or no batches                CallerNotNamed
// │   ├── no free slot of its own in a batch that has
// │   │   free ones                                     left out; NothingFree where all are
// │   └── a free slot in each batch that has any        good
// └── the caller is somebody else
//     ├── without the worker's signature of these
//     │   batches in this order                         SignatureInvalid(worker)
//     ├── for nobody or the escrow                      SignatureInvalid(that)
//     └── with it: 65 or 64 bytes, EIP-1271             good
contract OpenTest is Disputes {
    // ------------------------------------------------------------------------------------------------ the job

    function test_an_unknown_or_closed_job_opens_nothing() public {
        IBooks.Terms memory terms = contestableIn(address(dollar));
        IBooks.OpenedBatch[] memory batches = one(openable(terms, table(alice), 0, hex"01"));
        bytes32 job = escrow.jobId(terms);
        refuseOpen(coordinator, terms, batches, "", abi.encodeWithSelector(IBooks.JobUnknown.selector, job));
        post(terms, 1);
        vm.warp(terms.closesAt);
        escrow.close(terms);
        refuseOpen(coordinator, terms, batches, "", abi.encodeWithSelector(IBooks.JobIsClosed.selector, job));
    }

    function test_a_batch_is_opened_until_the_second_before_the_job_may_close() public {
        IBooks.Terms memory terms = contestable(2);
        IBooks.OpenedBatch[] memory batches = one(openable(terms, table(alice), 0, hex"01"));
        bytes memory late = abi.encodeWithSelector(IBooks.NotNow.selector, 0, terms.closesAt);
        vm.warp(terms.closesAt);
        refuseOpen(coordinator, terms, batches, "", late);
        vm.warp(terms.closesAt + 1);
        refuseOpen(coordinator, terms, batches, "", late);
        vm.warp(terms.closesAt - 1);
        opened(terms, table(alice), 0, hex"01");
    }

    function test_more_than_1024_slots_or_255_workers_are_too_many() public {
        IBooks.Terms memory terms = contestable(1);
        IBooks.OpenedBatch memory batch = openable(terms, table(alice), 0, new bytes(1_025));
        bytes memory reason = abi.encodeWithSelector(IBooks.BatchTooLarge.selector, 1_025, 1);
        refuseOpen(coordinator, terms, one(batch), "", reason);
        batch = openable(terms, workersFrom(0x1000, 256), 0, hex"01");
        reason = abi.encodeWithSelector(IBooks.BatchTooLarge.selector, 1, 256);
        refuseOpen(coordinator, terms, one(batch), "", reason);
    }

    // ------------------------------------------------------------------------------------------------ the coordinator

    function test_a_batch_needs_the_coordinators_low_s_signature_of_exactly_this() public {
        IBooks.Terms memory terms = contestable(3);
        IBooks.OpenedBatch memory good = openable(terms, table(alice), 0, hex"0101");
        for (uint256 i; i < 7; ++i) {
            IBooks.OpenedBatch memory batch = openable(terms, table(alice), 0, hex"0101");
            if (i == 0) batch.workers = table(bob);
            if (i == 1) batch.firstSlot = 1;
            if (i == 2) batch.places = hex"0100";
            if (i == 3) batch.answerRoot = 0;
            if (i == 4) (batch.r, batch.vs) = signCompact(ALICE_KEY, digestOf(terms, batch));
            if (i == 5) (batch.r, batch.vs) = (0, 0);
            if (i == 6) batch.vs ^= bytes32(uint256(1) << 255); // another key's
            bytes memory reason = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, coordinator);
            refuseOpen(coordinator, terms, one(batch), "", reason);
        }
        vm.prank(coordinator);
        escrow.open(terms, one(good), "");
    }

    function test_a_coordinator_that_gets_code_later_cannot_take_its_signature_back() public {
        IBooks.Terms memory terms = contestable(1);
        IBooks.OpenedBatch memory batch = openable(terms, table(alice), 0, hex"01");
        batch.place = 1;
        vm.etch(coordinator, address(new ContractAccount()).code);
        ContractAccount(payable(coordinator)).set(ContractAccount.Answer.No);
        vm.prank(alice);
        escrow.open(terms, one(batch), "");
    }

    function test_the_coordinator_opens_whatever_the_places_say() public {
        IBooks.Terms memory terms = contestable(3);
        IBooks.OpenedBatch[] memory batches = new IBooks.OpenedBatch[](3);
        for (uint8 i; i < 3; ++i) {
            batches[i] = openable(terms, table(alice, bob), i, hex"01");
            batches[i].place = i == 2 ? 255 : i;
        }
        vm.prank(coordinator);
        escrow.open(terms, batches, "ignored");
        assertJob(escrow.jobId(terms), 3, 3, 0, false);
    }

    // ------------------------------------------------------------------------------------------------ the worker

    function test_a_worker_opens_every_batch_that_gives_it_a_slot() public {
        IBooks.Terms memory terms = contestable(4);
        IBooks.OpenedBatch[] memory batches = new IBooks.OpenedBatch[](2);
        batches[0] = openable(terms, table(alice, bob), 0, hex"0102");
        batches[1] = openable(terms, table(bob, alice), 2, hex"0102");
        (batches[0].place, batches[1].place) = (2, 1);
        vm.prank(bob);
        bytes32[] memory ids = escrow.open(terms, batches, "");
        assertTrue(ids[0] != 0 && ids[1] != 0, "both");
        assertJob(escrow.jobId(terms), 4, 4, 0, false);
    }

    function test_a_worker_that_a_batch_does_not_name_at_its_place_opens_nothing() public {
        IBooks.Terms memory terms = contestable(4);
        bytes memory reason = abi.encodePacked(IBooks.CallerNotNamed.selector);
        refuseOpen(alice, terms, new IBooks.OpenedBatch[](0), "", reason);
        uint8[3] memory wrong = [0, 3, 255];
        for (uint256 i; i < wrong.length; ++i) {
            IBooks.OpenedBatch memory batch = openable(terms, table(alice, bob), 0, hex"0102");
            batch.place = wrong[i];
            refuseOpen(alice, terms, one(batch), "", reason);
        }
        IBooks.OpenedBatch[] memory batches = new IBooks.OpenedBatch[](2);
        batches[0] = openable(terms, table(alice, bob), 0, hex"0102");
        batches[1] = openable(terms, table(alice, bob), 2, hex"0102");
        (batches[0].place, batches[1].place) = (1, 2);
        refuseOpen(alice, terms, batches, "", reason);
        batches[1].place = 0;
        refuseOpen(alice, terms, batches, "", reason);
    }

    function test_a_worker_without_a_free_slot_in_the_batch_does_not_open_the_others() public {
        IBooks.Terms memory terms = contestable(3);
        bytes memory reason = abi.encodeWithSelector(IBooks.NothingFree.selector, escrow.jobId(terms));
        IBooks.OpenedBatch memory batch = openable(terms, table(alice, bob), 0, hex"0101");
        batch.place = 2; // bob is in the table, and no byte names him
        refuseOpen(bob, terms, one(batch), "", reason);
        settleOne(terms, table(stranger), batchOf(terms, table(stranger), 1, hex"01"));
        batch = openable(terms, table(alice, bob), 0, hex"010201");
        batch.place = 2; // the one slot that he had is gone
        refuseOpen(bob, terms, one(batch), "", reason);
        batch.place = 1;
        vm.prank(alice);
        escrow.open(terms, one(batch), "");
        assertJob(escrow.jobId(terms), 3, 3, 1, false);
    }

    /// @dev Somebody opened the batch first, as far as it was funded, and more was funded since: the rest is not bob's to open, and
    /// keeps him from nothing.
    function test_a_batch_with_nothing_left_for_the_worker_is_left_out_of_several() public {
        IBooks.Terms memory terms = contestable(1);
        IBooks.OpenedBatch[] memory batches = new IBooks.OpenedBatch[](2);
        batches[0] = openable(terms, table(alice, bob), 0, hex"0201");
        batches[1] = openable(terms, table(bob), 2, hex"01");
        (batches[0].place, batches[1].place) = (2, 1);
        bytes memory signature = signOpening(terms, batches, BOB_KEY);
        vm.prank(coordinator);
        escrow.open(terms, one(batches[0]), "");
        vm.prank(requester);
        escrow.fund(terms, 1, 2, ROOT, IBooks.Source.Wallet);
        bytes32 second = idOf(terms, openingOf(terms, batches[1]));
        vm.prank(stranger);
        bytes32[] memory ids = escrow.open(terms, batches, signature);
        assertEq(ids[0], 0, "left out");
        assertEq(ids[1], second, "opened");
        assertJob(escrow.jobId(terms), 3, 2, 0, false);
    }

    function test_the_requester_opens_where_it_is_the_worker() public {
        IBooks.Terms memory terms = contestable(1);
        IBooks.OpenedBatch memory batch = openable(terms, table(requester), 0, hex"01");
        bytes memory reason = abi.encodePacked(IBooks.CallerNotNamed.selector);
        refuseOpen(requester, terms, one(batch), "", reason);
        batch.place = 1;
        vm.prank(requester);
        escrow.open(terms, one(batch), "");
    }

    // ------------------------------------------------------------------------------------------------ relayers

    function test_a_relayer_opens_with_the_workers_signature_of_all_batches_in_order() public {
        IBooks.Terms memory terms = contestable(8);
        IBooks.OpenedBatch[] memory batches = pair(terms, 0);
        bytes memory reason = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, alice);
        refuseOpen(stranger, terms, batches, "", reason);
        refuseOpen(stranger, terms, batches, new bytes(64), reason);
        refuseOpen(stranger, terms, batches, new bytes(65), reason);
        refuseOpen(stranger, terms, batches, signOpening(terms, batches, BOB_KEY), reason);
        refuseOpen(stranger, terms, batches, signOpening(terms, one(batches[0]), ALICE_KEY), reason);
        refuseOpen(stranger, terms, batches, sign(ALICE_KEY, digestOf(terms, batches[0])), reason);
        bytes memory signature = signOpening(terms, batches, ALICE_KEY);
        (batches[0], batches[1]) = (batches[1], batches[0]);
        refuseOpen(stranger, terms, batches, signature, reason);
        refuseOpen(stranger, terms, one(batches[0]), signature, reason);
        refuseOpen(requester, terms, batches, signature, reason);
        (batches[0], batches[1]) = (batches[1], batches[0]);
        vm.prank(stranger);
        escrow.open(terms, batches, signature);
        batches = pair(terms, 4);
        signature = signShort(ALICE_KEY, openRequest(terms, batches));
        vm.prank(requester);
        escrow.open(terms, batches, signature);
        assertJob(escrow.jobId(terms), 8, 8, 0, false);
    }

    function test_a_signature_with_high_s_opens_nothing() public {
        IBooks.Terms memory terms = contestable(1);
        IBooks.OpenedBatch memory batch = openable(terms, table(alice), 0, hex"01");
        batch.place = 1;
        bytes memory reason = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, alice);
        refuseOpen(stranger, terms, one(batch), signHigh(ALICE_KEY, openRequest(terms, one(batch))), reason);
    }

    function test_a_contract_worker_says_who_opens_for_it() public {
        IBooks.Terms memory terms = contestable(1);
        ContractAccount account = new ContractAccount();
        IBooks.OpenedBatch memory batch = openable(terms, table(address(account)), 0, hex"01");
        batch.place = 1;
        account.set(ContractAccount.Answer.No);
        bytes memory reason = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, address(account));
        refuseOpen(stranger, terms, one(batch), "whatever", reason);
        account.set(ContractAccount.Answer.Yes);
        vm.prank(stranger);
        escrow.open(terms, one(batch), "whatever");
    }

    function test_nobody_and_the_escrow_have_nothing_opened_for_them() public {
        IBooks.Terms memory terms = contestable(1);
        address[2] memory nobodies = [address(0), address(escrow)];
        for (uint256 i; i < 2; ++i) {
            IBooks.OpenedBatch memory batch = openable(terms, table(nobodies[i]), 0, hex"01");
            batch.place = 1;
            bytes memory reason = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, nobodies[i]);
            refuseOpen(stranger, terms, one(batch), "", reason);
            refuseOpen(stranger, terms, one(batch), new bytes(65), reason);
        }
    }

    /// @dev Where the coordinator works too, its receipt is still no request.
    function test_a_relayer_needs_the_request_of_a_coordinator_that_is_the_worker() public {
        IBooks.Terms memory terms = contestable(1);
        IBooks.OpenedBatch memory batch = openable(terms, table(coordinator), 0, hex"01");
        batch.place = 1;
        bytes memory reason = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, coordinator);
        refuseOpen(stranger, terms, one(batch), abi.encodePacked(batch.r, batch.vs), reason);
        bytes memory signature = signOpening(terms, one(batch), COORDINATOR_KEY);
        vm.prank(stranger);
        escrow.open(terms, one(batch), signature);
    }

    function test_the_request_is_typed_data_over_the_batches() public view {
        bytes32 batches = keccak256(abi.encodePacked(keccak256("one"), keccak256("two")));
        bytes32 hash = keccak256(abi.encode(keccak256("OpenRequest(bytes32[] batches)"), batches));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domainSeparator(), hash));
        assertEq(escrow.openRequestDigest(batches), digest, "digest");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    /// @dev Two batches that give alice a slot each, to be opened by her.
    function pair(IBooks.Terms memory terms, uint32 first)
        private
        view
        returns (IBooks.OpenedBatch[] memory batches)
    {
        batches = new IBooks.OpenedBatch[](2);
        batches[0] = openable(terms, table(alice, bob), first, hex"0102");
        batches[1] = openable(terms, table(bob, alice), first + 2, hex"0102");
        (batches[0].place, batches[1].place) = (1, 2);
    }

    function refuseOpen(
        address caller,
        IBooks.Terms memory terms,
        IBooks.OpenedBatch[] memory batches,
        bytes memory signature,
        bytes memory reason
    ) private {
        vm.prank(caller);
        vm.expectRevert(reason);
        escrow.open(terms, batches, signature);
    }
}
