// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Base} from "./Base.sol";

interface ISlotsHarness {
    function bits(uint256 index) external view returns (uint256);
    function stored(uint256 index) external view returns (uint256);
    function set(uint256 index, uint256 word) external;
    function take(uint256 first, uint256 funded, bytes calldata places)
        external
        returns (uint256 named, uint256 took, uint256[256] memory counts, bytes memory paid);
    function takeAll(uint256[] calldata firsts, uint256 funded, bytes[] calldata places)
        external
        returns (uint256[] memory named, uint256[] memory took, uint256[256] memory counts, bytes[] memory paid);
    function tally(bytes calldata places) external view returns (uint256 named, uint256[256] memory counts);
    function keepWhere(uint256 first, bytes calldata places, bool wanted) external view returns (bytes memory);
    function keepPlace(bytes calldata places, uint256 place) external view returns (bytes memory);
    function isWithin(bytes calldata part, bytes calldata whole) external view returns (bool);
    function marksOf(uint256 chunk) external view returns (uint256);
    function popCount(uint256 marks) external view returns (uint256);
}

/// @dev `Slots` works on 32 slots at a time; here is a model that works on one, and both must agree on everything.
contract SlotsTest is Base {
    uint256 private constant FULL = 1 << 128; // where the marks of full words begin
    uint256 private constant WORDS = 8;

    ISlotsHarness private slots;
    uint256[WORDS] private model;

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
        for (uint256 i; i < WORDS; ++i) {
            model[i] = before % 4 == 0 ? 0 : before % 4 == 1 ? type(uint256).max : random(seed, i);
            if (before % 4 == 3) model[i] &= random(seed, i + 100) & random(seed, i + 200);
            slots.set(i, model[i]);
        }
        bytes memory places = drawn(length, holes, seed);
        check(start, funded, places);
    }

    function test_take_agrees_at_every_alignment_of_a_full_batch() public {
        bytes memory places = drawn(97, 0, "full");
        for (uint256 start; start < 257; ++start) {
            for (uint256 i; i < WORDS; ++i) {
                model[i] = 0;
                slots.set(i, 0);
            }
            check(start, 5000, places);
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

    // ------------------------------------------------------------------------------------------------ cursors and marks

    /// @dev Up to six takes, ahead and back over the same words, some of which begin full, marked, or partly taken.
    function testFuzz_several_takes_through_one_cursor_agree_with_one_slot_at_a_time(bytes32 seed, uint256 count)
        public
    {
        draw(seed);
        count = 1 + count % 6;
        uint256[] memory firsts = new uint256[](count);
        bytes[] memory places = new bytes[](count);
        for (uint256 i; i < count; ++i) {
            uint256 word = random(seed, 50 + i);
            firsts[i] = word % 3 == 0 ? 256 * ((word >> 8) % 5) : (word >> 8) % 1_200;
            uint256 length = word % 2 == 0 ? (word >> 32) % 600 : 256 * (1 + (word >> 32) % 2);
            places[i] = drawn(length, uint8(word >> 64), bytes32(word));
        }
        uint256 funded = random(seed, 99) % 3 == 0 ? random(seed, 98) % 1_400 : 5_000;
        checkAll(firsts, funded, places);
    }

    function test_a_word_that_fills_at_once_is_one_mark() public {
        uint256[3] memory indices = [uint256(0), 255, 256];
        for (uint256 i; i < 3; ++i) {
            (uint256 index, bytes memory all) = (indices[i], drawn(256, 0, "all"));
            slots.take(index * 256, type(uint256).max, all);
            assertEq(slots.stored(index), 0, "not stored");
            assertEq((slots.stored(FULL + index / 256) >> (index % 256)) & 1, 1, "marked");
            assertEq(slots.bits(index), type(uint256).max, "read");
            assertEq(slots.bits(index + 2), 0, "no other");
            (, uint256 took,,) = slots.take(index * 256, type(uint256).max, all);
            assertEq(took, 0, "taken");
        }
        assertEq(slots.stored(FULL), 1 | 1 << 255, "first marks");
        assertEq(slots.stored(FULL + 1), 1, "next marks");
    }

    function test_a_word_that_fills_by_and_by_is_stored() public {
        slots.take(256, type(uint256).max, drawn(100, 0, "some"));
        slots.take(356, type(uint256).max, drawn(156, 0, "rest"));
        assertEq(slots.stored(1), type(uint256).max, "stored");
        assertEq(slots.stored(FULL), 0, "no mark");
    }

    function test_a_word_that_one_cursor_fills_in_two_takes_is_one_mark() public {
        uint256[] memory firsts = new uint256[](2);
        bytes[] memory places = new bytes[](2);
        (firsts[0], places[0]) = (256, drawn(44, 0, "begin"));
        (firsts[1], places[1]) = (300, drawn(212, 0, "end"));
        slots.takeAll(firsts, type(uint256).max, places);
        assertEq(slots.stored(1), 0, "not stored");
        assertEq(slots.stored(FULL), 2, "marked");
    }

    // ------------------------------------------------------------------------------------------------ bytes

    function testFuzz_tally_counts_each_place(uint256 length, uint8 holes, bytes32 seed) public view {
        bytes memory places = drawn(length % 1_025, holes, seed);
        (uint256 found, uint256[256] memory counts) = slots.tally(places);
        assertEq(found, named(places), "named");
        for (uint256 i; i < places.length; ++i) {
            if (places[i] != 0) --counts[uint8(places[i])];
        }
        checkCounted(counts);
    }

    function testFuzz_keepWhere_keeps_the_bytes_whose_bit_is_as_wanted(uint256 first, uint256 length, bytes32 seed)
        public
    {
        draw(seed);
        first %= 1_100;
        bytes memory places = drawn(length % 600, uint8(uint256(seed)), seed);
        bytes memory kept = slots.keepWhere(first, places, true);
        bytes memory others = slots.keepWhere(first, places, false);
        assertEq(kept.length, places.length, "length");
        assertEq(others.length, places.length, "others' length");
        for (uint256 i; i < places.length; ++i) {
            bool set = isTaken(first + i);
            if (kept[i] != (set ? places[i] : bytes1(0))) assertTrue(false, "set");
            if (others[i] != (set ? bytes1(0) : places[i])) assertTrue(false, "not set");
        }
        checkWords();
    }

    function testFuzz_keepPlace_keeps_the_bytes_of_one_place(uint256 length, uint8 place, uint8 few, bytes32 seed)
        public
        view
    {
        bytes memory places = drawn(length % 600, uint8(uint256(seed)), seed);
        if (place == 0) place = 255;
        for (uint256 i; i < places.length; ++i) {
            // Neighbours of the place, so that no bit of a byte is missed.
            if (random(seed, 5_000 + i) % (2 + few % 8) != 0) continue;
            places[i] = bytes1(uint8(place ^ (1 << random(seed, i) % 9)));
        }
        bytes memory kept = slots.keepPlace(places, place);
        assertEq(kept.length, places.length, "length");
        for (uint256 i; i < places.length; ++i) {
            if (kept[i] != (uint8(places[i]) == place ? bytes1(place) : bytes1(0))) assertTrue(false, "byte");
        }
    }

    function testFuzz_isWithin_wants_every_byte_to_be_zero_or_the_other_ones(uint256 length, uint8 holes, bytes32 seed)
        public
        view
    {
        bytes memory whole = drawn(1 + length % 200, holes, seed);
        bytes memory part = bytes.concat(whole);
        for (uint256 i; i < part.length; ++i) {
            if (random(seed, i) % 3 == 0) part[i] = 0;
        }
        assertTrue(slots.isWithin(part, whole), "a part");
        assertTrue(slots.isWithin(whole, whole), "the whole");
        assertTrue(!slots.isWithin(bytes.concat(part, hex"00"), whole), "longer");
        assertTrue(!slots.isWithin(part, bytes.concat(whole, hex"00")), "shorter");
        uint256 wrong = random(seed, 999) % part.length;
        bytes1 byte_ = bytes1(uint8(1 << random(seed, 998) % 8)) ^ whole[wrong];
        part[wrong] = byte_;
        assertTrue(slots.isWithin(part, whole) == (byte_ == 0), "one bit differs");
    }

    function test_nothing_is_within_nothing() public view {
        assertTrue(slots.isWithin("", ""), "nothing");
        assertTrue(!slots.isWithin("", hex"00"), "less");
    }

    // ------------------------------------------------------------------------------------------------ the model

    /// @dev Words that are empty, full by themselves, full by their mark, or something between.
    function draw(bytes32 seed) private {
        uint256 marks;
        for (uint256 i; i < WORDS; ++i) {
            uint256 kind = random(seed, i) % 5;
            uint256 word = kind == 0 || kind == 4 ? 0 : kind == 1 ? type(uint256).max : random(seed, i + 10);
            slots.set(i, word);
            if (kind == 4) (marks, word) = (marks | 1 << i, type(uint256).max);
            model[i] = word;
        }
        slots.set(FULL, marks);
    }

    function check(uint256 first, uint256 funded, bytes memory places) private {
        (uint256 found, uint256 took, uint256[256] memory counts, bytes memory paid) = slots.take(first, funded, places);
        assertEq(found, named(places), "named");
        assertEq(took, takeInModel(first, funded, places, paid, counts), "took");
        checkCounted(counts);
        checkWords();
    }

    function checkAll(uint256[] memory firsts, uint256 funded, bytes[] memory places) private {
        (uint256[] memory found, uint256[] memory took, uint256[256] memory counts, bytes[] memory paid) =
            slots.takeAll(firsts, funded, places);
        for (uint256 i; i < firsts.length; ++i) {
            assertEq(found[i], named(places[i]), "named");
            assertEq(took[i], takeInModel(firsts[i], funded, places[i], paid[i], counts), "took");
        }
        checkCounted(counts);
        checkWords();
    }

    /// @dev Takes slot by slot, and counts down what was counted.
    function takeInModel(
        uint256 first,
        uint256 funded,
        bytes memory places,
        bytes memory paid,
        uint256[256] memory counts
    ) private returns (uint256 took) {
        assertEq(paid.length, places.length, "length");
        for (uint256 i; i < places.length; ++i) {
            uint256 slot = first + i;
            bytes1 place = slot < funded && !isTaken(slot) ? places[i] : bytes1(0);
            if (paid[i] != place) assertTrue(false, "byte");
            if (place == 0) continue;
            model[slot / 256] |= bitOf(slot);
            --counts[uint8(place)];
            ++took;
        }
    }

    function checkCounted(uint256[256] memory counts) private pure {
        for (uint256 place = 1; place < 256; ++place) {
            if (counts[place] != 0) assertTrue(false, "count");
        }
    }

    /// @dev A word that is marked is not stored.
    function checkWords() private view {
        for (uint256 i; i < WORDS; ++i) {
            assertEq(slots.bits(i), model[i], "word");
            bool marked = (slots.stored(FULL) >> i) & 1 != 0;
            assertEq(slots.stored(i), marked ? 0 : model[i], "stored");
        }
        assertEq(slots.stored(FULL) >> WORDS, 0, "no other marks");
    }

    function isTaken(uint256 slot) private view returns (bool) {
        return model[slot / 256] & bitOf(slot) != 0;
    }

    function bitOf(uint256 slot) private pure returns (uint256) {
        return 1 << (255 - slot % 256);
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
