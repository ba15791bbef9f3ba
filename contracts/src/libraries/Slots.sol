// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Taking slots, 32 at a time
/// @notice A slot is one bit: bit 255 - s % 256 of word s / 256 of a map. Bits go from 0 to 1 and never back.
///
/// A batch says with one byte a slot whose it is. `take` walks those bytes a memory word at a time, sets the bits of the
/// slots that were free, counts them per worker, and writes a 0 over the byte of every slot that was not. The bit order
/// follows the byte order, so that 32 bytes fold into 32 neighbouring bits without turning around.
///
/// A word that goes from empty to full at once isn't stored: one bit in a word of full words says so. A bit is thus set where its
/// word has it or its word's mark is set, and as neither is ever cleared, none goes back.
library Slots {
    uint256 private constant LOW_SEVEN = 0x7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f;
    uint256 private constant HIGH_BIT = 0x8080808080808080808080808080808080808080808080808080808080808080;

    /// @dev Where a map keeps the marks of full words: mark i % 256 of word FULL + i / 256.
    uint256 private constant FULL = 1 << 128;

    /// @dev The word of a map that is being filled; written when another is needed, and by `finish`.
    struct Cursor {
        uint256 index;
        uint256 before;
        uint256 word;
    }

    /// @notice A cursor on no word.
    function begin() internal pure returns (Cursor memory cursor) {
        cursor.index = type(uint256).max;
    }

    /// @notice Takes what is free of the slots that `places` names. What was taken is only stored by `finish`.
    /// @param bits the map of taken bits
    /// @param cursor carried from one call to the next
    /// @param first the slot that the first byte speaks of
    /// @param end slots from here on are not free
    /// @param places one byte a slot; overwritten with 0 where the slot wasn't free
    /// @param counts 256 words: slots taken per place, added to (place 0 is scratch)
    /// @return named how many slots the bytes named
    /// @return took how many of them were free and are taken now
    function take(
        mapping(uint256 => uint256) storage bits,
        Cursor memory cursor,
        uint256 first,
        uint256 end,
        bytes memory places,
        uint256[256] memory counts
    ) internal returns (uint256 named, uint256 took) {
        unchecked {
            // Sizes are bounded by the caller: places.length <= 16,384, first < 2^33.
            turn(bits, cursor, first >> 8);
            uint256 word = cursor.word;
            for (uint256 i; i < places.length; i += 32) {
                uint256 slot = first + i;
                uint256 offset = slot & 255;
                if (offset < 32 && slot >> 8 != cursor.index) {
                    cursor.word = word;
                    turn(bits, cursor, slot >> 8);
                    word = cursor.word;
                }
                uint256 chunk = keepFirst(load(places, i), places.length - i);
                uint256 marks = marksOf(chunk);
                named += popCount(marks);
                uint256 free = slot + 32 > end ? marksOf(keepFirst(chunk, slot < end ? end - slot : 0)) : marks;

                free &= ~((word << offset) >> 224);
                if (offset > 224 && places.length - i > 256 - offset) {
                    // The last bits of these 32 lie in the next word: leave this one behind and go on there.
                    uint256 next = read(bits, cursor.index + 1);
                    free &= ~(next >> (480 - offset));
                    cursor.word = word | ((free << 224) >> offset);
                    finish(bits, cursor);
                    (cursor.index, cursor.before) = (cursor.index + 1, next);
                    word = next | (free << (480 - offset));
                } else {
                    word |= (free << 224) >> offset;
                }
                if (free != marks) {
                    chunk = keepMarked(chunk, free);
                    store(places, i, chunk);
                }
                took += popCount(free);
                count(chunk, counts);
            }
            cursor.word = word;
        }
    }

    /// @notice Stores the word that the cursor is on.
    function finish(mapping(uint256 => uint256) storage bits, Cursor memory cursor) internal {
        unchecked {
            (uint256 index, uint256 word) = (cursor.index, cursor.word);
            if (word == cursor.before) return;
            if (word == type(uint256).max && cursor.before == 0) bits[FULL + (index >> 8)] |= 1 << (index & 255);
            else bits[index] = word;
            cursor.before = word;
        }
    }

    /// @notice 256 bits of a map.
    function read(mapping(uint256 => uint256) storage bits, uint256 index) internal view returns (uint256 word) {
        unchecked {
            word = bits[index];
            if (word == 0 && (bits[FULL + (index >> 8)] >> (index & 255)) & 1 != 0) word = type(uint256).max;
        }
    }

    /// @dev Moves the cursor to another word.
    function turn(mapping(uint256 => uint256) storage bits, Cursor memory cursor, uint256 index) private {
        if (index == cursor.index) return;
        finish(bits, cursor);
        uint256 word = read(bits, index);
        (cursor.index, cursor.before, cursor.word) = (index, word, word);
    }

    /// @notice Counts the bytes that name somebody, per place.
    /// @param counts 256 words, added to (place 0 is scratch)
    /// @return named how many there are
    function tally(bytes memory places, uint256[256] memory counts) internal pure returns (uint256 named) {
        unchecked {
            for (uint256 i; i < places.length; i += 32) {
                uint256 chunk = keepFirst(load(places, i), places.length - i);
                named += popCount(marksOf(chunk));
                count(chunk, counts);
            }
        }
    }

    /// @notice Writes 0 over every byte whose slot's bit isn't `wanted`.
    function keepWhere(mapping(uint256 => uint256) storage bits, uint256 first, bytes memory places, bool wanted)
        internal
        view
    {
        unchecked {
            for (uint256 i; i < places.length; i += 32) {
                uint256 slot = first + i;
                uint256 offset = slot & 255;
                uint256 set = (read(bits, slot >> 8) << offset) >> 224;
                if (offset > 224) set |= read(bits, (slot >> 8) + 1) >> (480 - offset);
                if (!wanted) set = ~set & 0xffffffff;
                store(places, i, keepMarked(load(places, i), set));
            }
        }
    }

    /// @notice Writes 0 over every byte that isn't `place`.
    function keepPlace(bytes memory places, uint256 place) internal pure {
        unchecked {
            uint256 all = place * 0x0101010101010101010101010101010101010101010101010101010101010101;
            for (uint256 i; i < places.length; i += 32) {
                uint256 chunk = load(places, i);
                store(places, i, keepMarked(chunk, ~marksOf(chunk ^ all) & 0xffffffff));
            }
        }
    }

    /// @notice Whether each byte of `part` is 0 or the one of `whole`.
    function isWithin(bytes memory part, bytes memory whole) internal pure returns (bool) {
        unchecked {
            if (part.length != whole.length) return false;
            for (uint256 i; i < part.length; i += 32) {
                uint256 chunk = keepFirst(load(part, i), part.length - i);
                if (chunk != keepMarked(keepFirst(load(whole, i), part.length - i), marksOf(chunk))) return false;
            }
            return true;
        }
    }

    /// @dev 32 bits, the first byte's highest: which bytes are not zero.
    function marksOf(uint256 chunk) internal pure returns (uint256 marks) {
        unchecked {
            uint256 high = (((chunk & LOW_SEVEN) + LOW_SEVEN) | chunk) & HIGH_BIT;
            if (high == HIGH_BIT) return 0xffffffff;
            marks = high >> 7;
            marks = (marks | (marks >> 7)) & 0x0003000300030003000300030003000300030003000300030003000300030003;
            marks = (marks | (marks >> 14)) & 0x0000000f0000000f0000000f0000000f0000000f0000000f0000000f0000000f;
            marks = (marks | (marks >> 28)) & 0x00000000000000ff00000000000000ff00000000000000ff00000000000000ff;
            marks = (marks | (marks >> 56)) & 0x0000000000000000000000000000ffff0000000000000000000000000000ffff;
            marks = (marks | (marks >> 112)) & 0xffffffff;
        }
    }

    /// @dev How many of 32 bits are set.
    function popCount(uint256 marks) internal pure returns (uint256) {
        unchecked {
            if (marks == 0xffffffff) return 32;
            marks -= (marks >> 1) & 0x55555555;
            marks = (marks & 0x33333333) + ((marks >> 2) & 0x33333333);
            marks = (marks + (marks >> 4)) & 0x0f0f0f0f;
            return ((marks * 0x01010101) & 0xffffffff) >> 24;
        }
    }

    /// @dev The first `n` bytes of a word, the others zero.
    function keepFirst(uint256 chunk, uint256 n) private pure returns (uint256) {
        unchecked {
            return n >= 32 ? chunk : chunk & ~(type(uint256).max >> (8 * n));
        }
    }

    /// @dev The bytes whose mark is set, the others zero.
    function keepMarked(uint256 chunk, uint256 marks) private pure returns (uint256 kept) {
        unchecked {
            if (marks == 0xffffffff) return chunk;
            if (marks == 0) return 0;
            for (uint256 i; i < 32; ++i) {
                if ((marks >> (31 - i)) & 1 != 0) kept |= chunk & ((255 << 248) >> (8 * i));
            }
        }
    }

    function load(bytes memory data, uint256 position) private pure returns (uint256 chunk) {
        assembly ("memory-safe") {
            chunk := mload(add(add(data, 32), position))
        }
    }

    /// @dev A memory array of bytes is padded to whole words, so the last chunk is the array's own.
    function store(bytes memory data, uint256 position, uint256 chunk) private pure {
        assembly ("memory-safe") {
            mstore(add(add(data, 32), position), chunk)
        }
    }

    /// @dev One more for the place of each of 32 bytes. Unrolled: this line is most of what a slot costs.
    function count(uint256 chunk, uint256[256] memory counts) private pure {
        assembly ("memory-safe") {
            function one(base, place) {
                let counter := add(base, shl(5, place))
                mstore(counter, add(mload(counter), 1))
            }
            one(counts, byte(0, chunk))
            one(counts, byte(1, chunk))
            one(counts, byte(2, chunk))
            one(counts, byte(3, chunk))
            one(counts, byte(4, chunk))
            one(counts, byte(5, chunk))
            one(counts, byte(6, chunk))
            one(counts, byte(7, chunk))
            one(counts, byte(8, chunk))
            one(counts, byte(9, chunk))
            one(counts, byte(10, chunk))
            one(counts, byte(11, chunk))
            one(counts, byte(12, chunk))
            one(counts, byte(13, chunk))
            one(counts, byte(14, chunk))
            one(counts, byte(15, chunk))
            one(counts, byte(16, chunk))
            one(counts, byte(17, chunk))
            one(counts, byte(18, chunk))
            one(counts, byte(19, chunk))
            one(counts, byte(20, chunk))
            one(counts, byte(21, chunk))
            one(counts, byte(22, chunk))
            one(counts, byte(23, chunk))
            one(counts, byte(24, chunk))
            one(counts, byte(25, chunk))
            one(counts, byte(26, chunk))
            one(counts, byte(27, chunk))
            one(counts, byte(28, chunk))
            one(counts, byte(29, chunk))
            one(counts, byte(30, chunk))
            one(counts, byte(31, chunk))
        }
    }
}
