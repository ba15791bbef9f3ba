// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IRecourse} from "../src/interfaces/IRecourse.sol";
import {Gallery} from "./hostile/Gallery.sol";

// a coordinator that signs what it shouldn't
// ├── a table with a word that is no address      can't be opened: it could never be paid
// ├── a byte past the table                       PlaceUnknown
// ├── the same slots twice, in two batches        the first has them; a worker's other receipts are opened all the same
// └── one worker's slots in openings of a slot    one stake covers them all
contract HostileCoordinatorsTest is Gallery {
    uint256 private constant SOILED = (1 << 160) | 0xB0;

    function test_a_table_with_a_word_that_is_no_address_is_never_opened() public {
        IBooks.Terms memory terms = contestable(1);
        IBooks.OpenedBatch memory batch = IBooks.OpenedBatch(0, table(alice, bob), hex"01", ROOT, 0, 0, 0);
        (batch.r, batch.vs) = signCompact(COORDINATOR_KEY, soiledDigest(terms));
        bytes memory call = soiled(abi.encodeCall(IRecourse.open, (terms, one(batch), "")));
        vm.prank(coordinator);
        (bool ok, bytes memory why) = address(escrow).call(call);
        assertTrue(!ok && why.length == 0, "refused where it is read");
        assertJob(escrow.jobId(terms), 1, 0, 0, false);
    }

    function test_a_byte_past_the_table_is_never_opened() public {
        IBooks.Terms memory terms = contestable(2);
        IBooks.OpenedBatch memory batch = openable(terms, table(alice), 0, hex"0102");
        vm.prank(coordinator);
        refuse(IBooks.PlaceUnknown.selector);
        escrow.open(terms, one(batch), "");
    }

    /// @dev The coordinator gives one of alice's slots away before she opens her receipts, all in one signed call.
    function test_a_slot_given_twice_costs_its_worker_that_slot_and_no_other() public {
        IBooks.Terms memory terms = contestable(3);
        IBooks.OpenedBatch[] memory batches = new IBooks.OpenedBatch[](2);
        batches[0] = openable(terms, table(alice), 0, hex"01");
        batches[1] = openable(terms, table(alice, bob), 1, hex"0102");
        (batches[0].place, batches[1].place) = (1, 1);
        bytes memory signature = signOpening(terms, batches, ALICE_KEY);
        opened(terms, table(stranger), 1, hex"01");
        vm.prank(stranger);
        bytes32[] memory ids = escrow.open(terms, batches, signature);
        assertTrue(ids[0] != 0, "her other slot is opened");
        assertTrue(ids[1] == 0, "where nothing is left to her, she opens nothing of bob's");
        assertJob(escrow.jobId(terms), 3, 2, 0, false);
    }

    function test_a_worker_opens_nothing_by_slots_that_are_not_funded() public {
        IBooks.Terms memory terms = contestable(1);
        IBooks.OpenedBatch memory batch = openable(terms, table(alice, bob), 0, hex"0201");
        batch.place = 1;
        bytes memory nothing = abi.encodeWithSelector(IBooks.NothingFree.selector, escrow.jobId(terms));
        vm.prank(alice);
        vm.expectRevert(nothing);
        escrow.open(terms, one(batch), "");
        batch.firstSlot = 7;
        (batch.r, batch.vs) = signCompact(COORDINATOR_KEY, digestOf(terms, batch));
        vm.prank(alice);
        vm.expectRevert(nothing);
        escrow.open(terms, one(batch), "");
    }

    function test_openings_of_a_slot_each_are_appealed_at_one_stake() public {
        IBooks.Terms memory terms = contestable(40);
        IBooks.Opening[] memory openings = new IBooks.Opening[](40);
        uint256[] memory placeOf = new uint256[](40);
        for (uint32 i; i < 40; ++i) {
            (openings[i], placeOf[i]) = (opened(terms, table(carol), i, hex"01"), 1);
            contested(terms, openings[i], hex"01");
        }
        vm.warp(reviewEnd(terms, openings[0]));
        IBooks.Appeal memory entry = appealedBy(carol, terms, openings, placeOf, "");
        assertEq(entry.slots, 40, "all of them");
        assertLedger(carol, address(dollar), 0, "one stake, all that she had");
        vm.warp(defenceEnd(terms, entry));
        concluded(terms, entry);
        assertLedger(carol, address(dollar), STAKE + 40 * (REWARD + DEPOSIT), "slots, deposits and stake");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    /// @dev The digest of a batch over alice and a word that is no address.
    function soiledDigest(IBooks.Terms memory terms) private view returns (bytes32) {
        bytes32 words = keccak256(abi.encode(alice, SOILED));
        bytes32 kind =
            keccak256("Batch(bytes32 job,uint256 firstSlot,address[] workers,bytes places,bytes32 answerRoot)");
        bytes32 batch = keccak256(abi.encode(kind, escrow.jobId(terms), uint256(0), words, keccak256(hex"01"), ROOT));
        return keccak256(abi.encodePacked(hex"1901", domainSeparator(), batch));
    }

    /// @dev The call with bob's word soiled.
    function soiled(bytes memory data) private view returns (bytes memory) {
        uint256 wanted = uint160(bob);
        for (uint256 i = 4; i + 32 <= data.length; i += 32) {
            uint256 word;
            assembly {
                word := mload(add(add(data, 32), i))
            }
            if (word != wanted) continue;
            assembly {
                mstore(add(add(data, 32), i), SOILED)
            }
            return data;
        }
        revert Untrue("bob is in the call");
    }
}
