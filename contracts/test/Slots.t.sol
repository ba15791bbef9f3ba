// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Base} from "./Base.sol";

interface ISlotsHarness {
    function bits(uint256 index) external view returns (uint256);
    function set(uint256 index, uint256 word) external;
    function take(uint256 first, uint256 funded, bytes calldata places)
        external
        returns (uint256 named, uint256 took, uint256[256] memory counts, bytes memory paid);
    function marksOf(uint256 chunk) external view returns (uint256);
    function popCount(uint256 marks) external view returns (uint256);
}

/// @dev `Slots.take` works on 32 slots at a time; here is a model that works on one, and both must agree on everything.
contract SlotsTest is Base {
    ISlotsHarness private slots;

    struct Seen {
        uint256 named;
        uint256 took;
        uint256[256] counts;
        bytes paid;
    }

    function setUp() public override {
        slots = ISlotsHarness(vm.deployCode("SlotsHarness.sol:SlotsHarness"));
    }

    /// @param start anywhere in the first three words, so that every alignment and straddle comes up
    /// @param funded from nothing to past the end
    /// @param before how many of the slots are taken already: none, some, or all (0, 1, 2 of 4)
    /// @param holes how many of the bytes name nobody: none, half, most
    function testFuzz_take_agrees_with_one_slot_at_a_time(
        uint256 start,
        uint256 funded,
        uint256 length,
        uint8 before,
        uint8 holes,
        bytes32 seed
    ) public {
        start %= 700;
        length %= 601;
        funded = funded % 3 == 0 ? 5000 : funded % (start + length + 40);
        uint256[6] memory words;
        for (uint256 i; i < 6; ++i) {
            words[i] = before % 4 == 0 ? 0 : before % 4 == 1 ? type(uint256).max : random(seed, i);
            if (before % 4 == 3) words[i] &= random(seed, i + 100) & random(seed, i + 200);
            slots.set(i, words[i]);
        }
        bytes memory places = drawn(length, holes, seed);
        check(start, funded, places, words);
    }

    function test_take_agrees_at_every_alignment_of_a_full_batch() public {
        uint256[6] memory words;
        bytes memory places = drawn(97, 0, "full");
        for (uint256 start; start < 257; ++start) {
            for (uint256 i; i < 6; ++i) {
                (words[i]) = 0;
                slots.set(i, 0);
            }
            check(start, 5000, places, words);
        }
    }

    function test_take_at_the_last_slots_there_can_be() public {
        uint256 first = type(uint32).max - 10;
        (uint256 named_, uint256 took,, bytes memory paid) = slots.take(first, type(uint32).max, hex"0101010101010101010101010101");
        assertEq(named_, 14, "named");
        assertEq(took, 10, "took");
        assertEq(keccak256(paid), keccak256(hex"0101010101010101010100000000"), "paid");
    }

    function testFuzz_marks_are_the_bytes_that_are_not_zero(uint256 chunk, uint256 mask) public view {
        bytes memory one = abi.encodePacked(chunk & mask & random(bytes32(mask), chunk));
        uint256 marks;
        uint256 count;
        for (uint256 i; i < 32; ++i) {
            if (one[i] == 0) continue;
            marks |= 1 << (31 - i);
            ++count;
        }
        assertEq(slots.marksOf(uint256(bytes32(one))), marks, "marks");
        assertEq(slots.popCount(marks), count, "count");
    }

    function testFuzz_marks_of_sparse_bytes(bytes32 seed) public view {
        uint256 chunk = random(seed, 0);
        uint256 expected;
        for (uint256 i; i < 32; ++i) {
            if (random(seed, 1) >> i & 1 == 0) chunk &= ~(uint256(255) << (8 * i));
            if (chunk >> (8 * i) & 255 != 0) expected |= 1 << i;
        }
        assertEq(slots.marksOf(chunk), expected, "marks");
    }

    // ------------------------------------------------------------------------------------------------ the model

    function check(uint256 start, uint256 funded, bytes memory places, uint256[6] memory words) private {
        Seen memory seen;
        (seen.named, seen.took, seen.counts, seen.paid) = slots.take(start, funded, places);
        uint256[256] memory counts;
        uint256 took;
        for (uint256 i; i < places.length; ++i) {
            uint256 slot = start + i;
            uint256 bit = 1 << (255 - slot % 256);
            bool free = slot < funded && words[slot / 256] & bit == 0;
            uint8 place = free ? uint8(places[i]) : 0;
            assertEq(uint8(seen.paid[i]), place, "byte");
            if (place == 0) continue;
            words[slot / 256] |= bit;
            ++counts[place];
            ++took;
        }
        assertEq(seen.paid.length, places.length, "length");
        assertEq(seen.named, named(places), "named");
        assertEq(seen.took, took, "took");
        for (uint256 place = 1; place < 256; ++place) {
            if (seen.counts[place] != counts[place]) assertEq(seen.counts[place], counts[place], "count");
        }
        for (uint256 i; i < 6; ++i) {
            assertEq(slots.bits(i), words[i], "word");
        }
    }

    function drawn(uint256 length, uint8 holes, bytes32 seed) private pure returns (bytes memory places) {
        places = new bytes(length);
        uint256 word;
        for (uint256 i; i < length; ++i) {
            if (i % 16 == 0) word = random(seed, i + 1000);
            (uint8 place, uint8 dice) = (uint8(word), uint8(word >> 8));
            word >>= 16;
            if (holes % 3 == 1 && dice < 128 || holes % 3 == 2 && dice < 250) continue;
            places[i] = bytes1(place == 0 ? 1 : place);
        }
    }

    function random(bytes32 seed, uint256 salt) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, salt)));
    }
}
