// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Disputes} from "./Disputes.sol";
import {ContractAccount} from "./hostile/Accounts.sol";

// appeal: who may, and when (which slots, at what stake: AppealStake.t.sol)
// ├── as many places as openings are missing            LengthsDiffer
// ├── place 0 or past the table                         CallerNotNamed
// ├── another worker at a later place                   WorkerInvalid(that worker)
// ├── no such opening                                   OpeningUnknown(id)
// ├── before openedAt + reviewWindow, or from there
// │   + appealWindow on, of any of them                 NotNow(from, until)
// ├── no openings; nothing of the worker's contested,
// │   or all appealed or reclaimed                      NothingFree(job)
// ├── the caller is somebody else
// │   ├── without the worker's signature of these
// │   │   openings and places in this order             SignatureInvalid(worker)
// │   ├── for nobody or the escrow                      SignatureInvalid(that)
// │   └── with it: 65 or 64 bytes, EIP-1271             good, at the caller's stake
// └── the caller is the worker                          good
contract AppealTest is Disputes {
    IBooks.Terms private terms;
    IBooks.Opening private opening;

    function setUp() public override {
        super.setUp();
        terms = contestable(20);
        opening = opened(terms, table(alice, bob), 0, hex"01000102");
        contested(terms, opening, hex"01000002");
        vm.warp(reviewEnd(terms, opening));
    }

    // ------------------------------------------------------------------------------------------------ which openings

    function test_each_opening_needs_its_place() public {
        bytes memory reason = abi.encodePacked(IBooks.LengthsDiffer.selector);
        refuse(alice, one(opening), new uint256[](0), "", reason);
        refuse(alice, one(opening), new uint256[](2), "", reason);
        refuse(alice, new IBooks.Opening[](0), one(uint256(1)), "", reason);
    }

    function test_a_place_outside_the_table_is_nobodys() public {
        bytes memory reason = abi.encodePacked(IBooks.CallerNotNamed.selector);
        refuse(alice, one(opening), one(uint256(0)), "", reason);
        refuse(alice, one(opening), one(uint256(3)), "", reason);
        refuse(alice, one(opening), one(type(uint256).max), "", reason);
    }

    function test_one_appeal_is_one_workers() public {
        (IBooks.Opening[] memory openings, uint256[] memory placeOf) = twice(1, 2);
        refuse(alice, openings, placeOf, "", abi.encodeWithSelector(IBooks.WorkerInvalid.selector, bob));
        refuse(bob, openings, placeOf, "", abi.encodeWithSelector(IBooks.WorkerInvalid.selector, bob));
    }

    function test_only_openings_as_they_were_made_are_appealed() public {
        IBooks.Opening memory other = opening;
        other.batch = keccak256("another");
        bytes memory reason = abi.encodeWithSelector(IBooks.OpeningUnknown.selector, idOf(terms, other));
        refuse(alice, one(other), one(uint256(1)), "", reason);
        (IBooks.Opening[] memory openings, uint256[] memory placeOf) = twice(1, 1);
        openings[1] = other;
        refuse(alice, openings, placeOf, "", reason);
        terms.salt = keccak256("another job");
        post(terms, 20);
        reason = abi.encodeWithSelector(IBooks.OpeningUnknown.selector, idOf(terms, opening));
        refuse(alice, one(opening), one(uint256(1)), "", reason);
    }

    function test_nothing_to_appeal_is_said() public {
        bytes memory nothing = abi.encodeWithSelector(IBooks.NothingFree.selector, escrow.jobId(terms));
        refuse(alice, new IBooks.Opening[](0), new uint256[](0), "", nothing);
        appealed(terms, opening, 1);
        refuse(alice, one(opening), one(uint256(1)), "", nothing);
        IBooks.Opening memory silent = opened(terms, table(alice, bob, requester), 4, hex"0102");
        contested(terms, silent, hex"0002");
        vm.warp(reviewEnd(terms, silent));
        refuse(alice, one(silent), one(uint256(1)), "", nothing);
        refuse(requester, one(silent), one(uint256(3)), "", nothing); // in the table, without a slot
    }

    // ------------------------------------------------------------------------------------------------ when

    function test_slots_are_appealed_from_the_windows_first_second_to_its_last() public {
        IBooks.Opening memory next = opened(terms, table(alice), 4, hex"01010101");
        contested(terms, next, hex"01010101");
        (uint256 from, uint256 until) = (reviewEnd(terms, next), appealEnd(terms, next));
        bytes memory reason = abi.encodeWithSelector(IBooks.NotNow.selector, from, until);
        refuse(alice, one(next), one(uint256(1)), "", reason);
        vm.warp(from - 1);
        refuse(alice, one(next), one(uint256(1)), "", reason);
        vm.warp(until);
        refuse(alice, one(next), one(uint256(1)), "", reason);
        vm.warp(until - 1);
        appealed(terms, next, 1);
    }

    function test_the_windows_first_second_is_for_appeals() public {
        assertEq(block.timestamp, reviewEnd(terms, opening), "the first");
        appealed(terms, opening, 1);
    }

    function test_all_openings_of_an_appeal_are_in_their_windows() public {
        IBooks.Opening memory late = opened(terms, table(alice), 4, hex"01");
        contested(terms, late, hex"01");
        (IBooks.Opening[] memory openings, uint256[] memory placeOf) = twice(1, 1);
        openings[1] = late;
        (uint256 from, uint256 until) = (reviewEnd(terms, late), appealEnd(terms, late));
        refuse(alice, openings, placeOf, "", abi.encodeWithSelector(IBooks.NotNow.selector, from, until));
        vm.warp(from);
        until = appealEnd(terms, opening);
        refuse(
            alice, openings, placeOf, "", abi.encodeWithSelector(IBooks.NotNow.selector, until - 1 days, until)
        );
    }

    // ------------------------------------------------------------------------------------------------ who

    function test_others_appeal_only_what_the_worker_signed() public {
        (IBooks.Opening[] memory openings, uint256[] memory placeOf) = twice(1, 1);
        openings[1] = opened(terms, table(bob, alice), 4, hex"02");
        contested(terms, openings[1], hex"02");
        placeOf[1] = 2;
        bytes memory reason = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, alice);
        bytes32 digest = escrow.appealRequestDigest(idsOf(terms, one(opening)), one(uint256(1)));
        bytes[6] memory wrong = [
            bytes(""),
            new bytes(65),
            signAppeal(terms, openings, placeOf, ALICE_KEY),
            signAppeal(terms, one(opening), one(uint256(2)), ALICE_KEY),
            signAppeal(terms, one(opening), one(uint256(1)), BOB_KEY),
            signHigh(ALICE_KEY, digest)
        ];
        for (uint256 i; i < wrong.length; ++i) {
            refuse(stranger, one(opening), one(uint256(1)), wrong[i], reason);
        }
        refuse(bob, one(opening), one(uint256(1)), "", reason);
        refuse(requester, one(opening), one(uint256(1)), "", reason);
        appealedBy(stranger, terms, one(opening), one(uint256(1)), sign(ALICE_KEY, digest));
    }

    function test_64_bytes_are_a_signature_too() public {
        bytes32 digest = escrow.appealRequestDigest(idsOf(terms, one(opening)), one(uint256(2)));
        appealedBy(alice, terms, one(opening), one(uint256(2)), signShort(BOB_KEY, digest));
    }

    function test_a_contract_worker_says_who_appeals_for_it() public {
        ContractAccount account = new ContractAccount();
        opening = opened(terms, table(address(account)), 4, hex"01");
        contested(terms, opening, hex"01");
        vm.warp(reviewEnd(terms, opening));
        account.set(ContractAccount.Answer.No);
        bytes memory reason = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, address(account));
        refuse(stranger, one(opening), one(uint256(1)), "whatever", reason);
        account.set(ContractAccount.Answer.Yes);
        appealedBy(stranger, terms, one(opening), one(uint256(1)), "whatever");
    }

    function test_for_nobody_and_for_the_escrow_nothing_is_appealed() public {
        opening = opened(terms, table(address(0), address(escrow)), 4, hex"0102");
        contested(terms, opening, hex"0102");
        vm.warp(reviewEnd(terms, opening));
        bytes memory reason = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, address(0));
        refuse(stranger, one(opening), one(uint256(1)), "", reason);
        refuse(stranger, one(opening), one(uint256(1)), new bytes(65), reason);
        reason = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, address(escrow));
        refuse(stranger, one(opening), one(uint256(2)), "", reason);
        vm.warp(appealEnd(terms, opening));
        reclaimed(terms, opening);
    }

    function test_the_request_is_typed_data_over_openings_and_places() public view {
        bytes32 digest =
            keccak256(abi.encodePacked(hex"1901", domainSeparator(), requestHash(terms, one(opening), one(uint256(7)))));
        assertEq(escrow.appealRequestDigest(idsOf(terms, one(opening)), one(uint256(7))), digest, "digest");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    /// @dev The same opening twice, at two places of its table.
    function twice(uint256 first, uint256 second)
        private
        view
        returns (IBooks.Opening[] memory openings, uint256[] memory placeOf)
    {
        (openings, placeOf) = (new IBooks.Opening[](2), new uint256[](2));
        (openings[0], openings[1]) = (opening, opening);
        (placeOf[0], placeOf[1]) = (first, second);
    }

    function table(address a, address b, address c) private pure returns (address[] memory workers) {
        workers = new address[](3);
        (workers[0], workers[1], workers[2]) = (a, b, c);
    }

    function refuse(
        address caller,
        IBooks.Opening[] memory openings,
        uint256[] memory placeOf,
        bytes memory signature,
        bytes memory reason
    ) private {
        vm.prank(caller);
        vm.expectRevert(reason);
        escrow.appeal(terms, openings, placeOf, signature);
    }
}
