// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Slots} from "../src/libraries/Slots.sol";
import {Proof} from "./Proof.sol";

/// @dev Single payment, at the library: whatever the words held before, what was set stays set, and bytes are marked and counted as
/// what they are.
contract SlotsProof is Proof {
    mapping(uint256 => uint256) private map;

    uint256 private constant FULL = 1 << 128;

    /// @dev All chunks: a mark for each byte that isn't zero, the first byte's highest.
    function check_marks_of_any_chunk(uint256 chunk, uint256 i) external pure {
        vm.assume(i < 32);
        bool named = (chunk >> (248 - 8 * i)) & 0xff != 0;
        uint256 marks = Slots.marksOf(chunk);
        assert(((marks >> (31 - i)) & 1 != 0) == named);
        assert(marks >> 32 == 0);
    }

    /// @dev All marks: halves add up, down to single bits, so it counts bits.
    function check_count_of_any_marks(uint32 marks) external pure {
        uint256 counted;
        for (uint256 i; i < 32; ++i) counted += (marks >> i) & 1;
        assert(Slots.popCount(marks) == counted);
    }

    /// @dev Any word in a map's word and any word of marks: `finish` after any further bits leaves every bit that was set, sets what
    /// was asked for, and touches no other word and no other mark.
    function check_finish_keeps_and_sets(uint256 stored, uint256 marks, uint256 more, uint256 other, uint256 elsewhere) external {
        uint256 index = 5;
        vm.assume(other != index && other < FULL);
        (map[index], map[FULL], map[other]) = (stored, marks, elsewhere);
        uint256 before = Slots.read(map, index);
        uint256 beside = Slots.read(map, other);
        Slots.Cursor memory cursor = Slots.Cursor(index, before, before | more);
        Slots.finish(map, cursor);
        assert(Slots.read(map, index) == before | more);
        assert(Slots.read(map, other) == beside);
    }
}
