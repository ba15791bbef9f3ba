// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Disputes} from "./Disputes.sol";

// finalize: who may, and when (what is paid: FinalizePay.t.sol)
// ├── no such opening: another job, batch, slot, table,
// │   bytes                                             OpeningUnknown(id)
// ├── finalized before                                  OpeningFinal(id)
// ├── before openedAt + reviewWindow
// │   ├── fewer `slots` than are paid now               SlotsTooMany(slots)
// │   ├── no approval, and the caller is neither of
// │   │   the two                                       SignatureInvalid(requester)
// │   ├── an approval of other slots, another amount or
// │   │   batch, or another's                           SignatureInvalid(requester)
// │   └── approved by requester or operator, here or by
// │       signature                                     paid at once, and no more contests
// └── from that second on                               paid, whoever calls with whatever slots and approval
contract FinalizeTest is Disputes {
    IBooks.Terms private terms;
    IBooks.Opening private opening;

    function setUp() public override {
        super.setUp();
        terms = contestable(8);
        opening = opened(terms, table(alice, bob), 0, hex"01000102");
    }

    // ------------------------------------------------------------------------------------------------ the opening

    function test_only_an_opening_as_it_was_made_is_finalized() public {
        vm.warp(reviewEnd(terms, opening));
        for (uint256 i; i < 6; ++i) {
            IBooks.Opening memory other = opening;
            if (i == 0) other.batch = keccak256("another");
            if (i == 1) other.firstSlot = 1;
            if (i == 2) other.workers = table(bob, alice);
            if (i == 3) other.places = hex"01000101";
            if (i == 4) other.places = hex"0100010200";
            if (i == 5) other.workers = table(alice);
            refuse(stranger, other, 4, "", abi.encodeWithSelector(IBooks.OpeningUnknown.selector, idOf(terms, other)));
        }
        IBooks.Opening memory same = opening;
        terms.salt = keccak256("another job");
        post(terms, 8);
        refuse(stranger, same, 4, "", abi.encodeWithSelector(IBooks.OpeningUnknown.selector, idOf(terms, same)));
    }

    function test_an_opening_is_finalized_once() public {
        vm.warp(reviewEnd(terms, opening));
        finalized(terms, opening);
        bytes memory reason = abi.encodeWithSelector(IBooks.OpeningFinal.selector, idOf(terms, opening));
        refuse(stranger, opening, 0, "", reason);
        refuse(requester, opening, 3, "", reason);
        (, bool final_) = escrow.openingOf(idOf(terms, opening));
        assertTrue(final_, "final");
        assertLedger(alice, address(dollar), PURSE + 2 * REWARD, "alice");
        assertJob(escrow.jobId(terms), 8, 3, 3, false);
    }

    // ------------------------------------------------------------------------------------------------ silence

    function test_silence_pays_from_the_second_in_which_the_window_ends() public {
        uint256 end = reviewEnd(terms, opening);
        vm.warp(end - 1);
        refuse(stranger, opening, 3, "", abi.encodeWithSelector(IBooks.SignatureInvalid.selector, requester));
        vm.warp(end);
        vm.prank(stranger);
        escrow.finalize(terms, opening, 0, "neither is read", crediting());
        assertLedger(bob, address(dollar), PURSE + REWARD, "bob");
    }

    function test_an_opening_without_a_window_is_paid_at_once() public {
        terms.reviewWindow = 0;
        post(terms, 1);
        IBooks.Opening memory quick = opened(terms, table(alice), 0, hex"01");
        finalized(terms, quick);
        assertLedger(alice, address(dollar), PURSE + REWARD, "alice");
    }

    function test_an_opening_is_paid_however_late_and_after_the_close() public {
        vm.warp(terms.closesAt + 700 days);
        escrow.close(terms);
        finalized(terms, opening);
        assertLedger(alice, address(dollar), PURSE + 2 * REWARD, "alice");
        assertLedger(requester, address(dollar), PURSE + 5 * REWARD, "what was free");
        assertJob(escrow.jobId(terms), 8, 8, 8, true);
    }

    // ------------------------------------------------------------------------------------------------ approval

    function test_an_approval_bounds_what_is_paid_by_it() public {
        bytes memory approval = approve(terms, opening.batch, 2, REQUESTER_KEY);
        refuse(stranger, opening, 2, approval, abi.encodeWithSelector(IBooks.SlotsTooMany.selector, 2));
        refuse(requester, opening, 2, "", abi.encodeWithSelector(IBooks.SlotsTooMany.selector, 2));
        contested(terms, opening, hex"01000000");
        vm.prank(stranger);
        escrow.finalize(terms, opening, 2, approval, crediting());
        assertLedger(alice, address(dollar), PURSE + REWARD, "alice");
        assertJob(escrow.jobId(terms), 8, 3, 2, false);
    }

    /// @dev The requester contests one slot and approves the others: that is no word for the one.
    function test_the_approval_of_what_is_not_contested_concedes_nothing() public {
        contested(terms, opening, hex"01000000");
        bytes memory approval = approve(terms, opening.batch, 2, REQUESTER_KEY);
        vm.prank(stranger);
        escrow.finalize(terms, opening, 2, approval, crediting());
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IBooks.SlotsTooMany.selector, 2));
        escrow.concede(terms, opening, 2, approval);
        assertLedger(requester, address(dollar), PURSE - DEPOSIT, "requester");
    }

    function test_an_early_opening_needs_an_approval_of_these_slots_of_its_batch() public {
        bytes memory reason = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, requester);
        bytes32 batch = opening.batch;
        bytes[7] memory wrong = [
            approve(terms, batch, 4, REQUESTER_KEY),
            sign(REQUESTER_KEY, escrow.approvalDigest(batch, 3, price(terms, 3) - 1)),
            approve(terms, keccak256("another"), 3, REQUESTER_KEY),
            approve(terms, idOf(terms, opening), 3, REQUESTER_KEY),
            approve(terms, batch, 3, COORDINATOR_KEY),
            approve(terms, batch, 3, ALICE_KEY),
            signHigh(REQUESTER_KEY, escrow.approvalDigest(batch, 3, price(terms, 3)))
        ];
        for (uint256 i; i < wrong.length; ++i) {
            refuse(stranger, opening, 3, wrong[i], reason);
            refuse(requester, opening, 3, wrong[i], reason);
        }
        address[3] memory callers = [stranger, coordinator, alice];
        for (uint256 i; i < callers.length; ++i) {
            refuse(callers[i], opening, 3, "", reason);
        }
    }

    function test_requester_and_operator_finalize_early_by_calling() public {
        vm.prank(requester);
        escrow.finalize(terms, opening, 3, "", crediting());
        IBooks.Opening memory next = opened(terms, table(bob), 4, hex"0101");
        vm.prank(operator);
        escrow.finalize(terms, next, 2, "", crediting());
        assertLedger(bob, address(dollar), PURSE + 3 * REWARD, "bob");
    }

    function test_the_approval_of_a_batch_pays_its_opening_too() public {
        bytes memory requesters = approve(terms, opening.batch, 3, REQUESTER_KEY);
        vm.prank(stranger);
        escrow.finalize(terms, opening, 3, requesters, crediting());
        IBooks.Opening memory next = opened(terms, table(bob), 4, hex"0101");
        // The operator approved four slots of a batch that got two.
        bytes memory operators =
            signShort(OPERATOR_KEY, escrow.approvalDigest(next.batch, 4, price(terms, 4)));
        vm.prank(stranger);
        escrow.finalize(terms, next, 4, operators, crediting());
        assertLedger(alice, address(dollar), PURSE + 2 * REWARD, "alice");
        assertLedger(bob, address(dollar), PURSE + 3 * REWARD, "bob");
    }

    function test_one_approval_pays_every_opening_of_its_batch() public {
        IBooks.Opening memory first = opened(terms, table(bob), 6, hex"01010101");
        bytes memory approval = approve(terms, first.batch, 4, REQUESTER_KEY);
        escrow.finalize(terms, first, 4, approval, crediting());
        vm.prank(requester);
        escrow.fund(terms, 8, 2, ROOT, IBooks.Source.Wallet);
        IBooks.Opening memory second = opened(terms, table(bob), 6, hex"01010101");
        escrow.finalize(terms, second, 4, approval, crediting());
        assertLedger(bob, address(dollar), PURSE + 4 * REWARD, "bob");
    }

    function test_nothing_is_contested_after_an_early_payment() public {
        vm.prank(requester);
        escrow.finalize(terms, opening, 3, "", crediting());
        bytes memory reason = abi.encodeWithSelector(IBooks.OpeningFinal.selector, idOf(terms, opening));
        vm.prank(requester);
        vm.expectRevert(reason);
        escrow.contest(terms, opening, hex"01000000", 0);
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function refuse(
        address caller,
        IBooks.Opening memory what,
        uint256 slots,
        bytes memory approval,
        bytes memory reason
    ) private {
        vm.prank(caller);
        vm.expectRevert(reason);
        escrow.finalize(terms, what, slots, approval, crediting());
    }
}
