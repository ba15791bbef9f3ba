// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Slots} from "../../src/libraries/Slots.sol";

/// @title `Slots` behind functions, compiled as the escrow is
contract SlotsHarness {
    uint256 private constant CANARY = uint256(keccak256("canary"));

    mapping(uint256 index => uint256) public bits;

    function set(uint256 index, uint256 word) external {
        bits[index] = word;
    }

    /// @return named how many slots the bytes named
    /// @return took how many of them were free
    /// @return counts what it counted, from zero
    /// @return paid the bytes that it left
    function take(uint256 first, uint256 funded, bytes memory places)
        external
        returns (uint256 named, uint256 took, uint256[256] memory counts, bytes memory paid)
    {
        // With dirt behind the last byte, which must not count.
        paid = bytes.concat(places, bytes32(type(uint256).max));
        uint256 length = places.length;
        assembly ("memory-safe") {
            mstore(paid, length)
        }
        // Whatever is written past the bytes lands here.
        uint256[2] memory behind = [CANARY, CANARY];
        uint256[256] memory fresh;
        uint256[2] memory last = [CANARY, CANARY];
        (named, took) = Slots.take(bits, first, funded, paid, fresh);
        require(behind[0] == CANARY && behind[1] == CANARY && last[0] == CANARY && last[1] == CANARY, "wrote outside");
        counts = fresh;
    }

    function marksOf(uint256 chunk) external pure returns (uint256) {
        return Slots.marksOf(chunk);
    }

    function popCount(uint256 marks) external pure returns (uint256) {
        return Slots.popCount(marks);
    }
}
