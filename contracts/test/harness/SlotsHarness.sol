// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Slots} from "../../src/libraries/Slots.sol";

/// @title `Slots` behind functions, compiled as the escrow is
contract SlotsHarness {
    uint256 private constant CANARY = uint256(keccak256("canary"));

    mapping(uint256 index => uint256) private map;

    function set(uint256 index, uint256 word) external {
        map[index] = word;
    }

    function bits(uint256 index) external view returns (uint256) {
        return Slots.read(map, index);
    }

    /// @notice The word itself, whatever its mark says.
    function stored(uint256 index) external view returns (uint256) {
        return map[index];
    }

    /// @return named how many slots the bytes named
    /// @return took how many of them were free
    /// @return counts what it counted, from zero
    /// @return paid the bytes that it left
    function take(uint256 first, uint256 funded, bytes memory places)
        external
        returns (uint256 named, uint256 took, uint256[256] memory counts, bytes memory paid)
    {
        paid = dirty(places);
        // Whatever is written past the bytes lands here.
        Slots.Cursor memory cursor = Slots.begin();
        uint256[2] memory behind = [CANARY, CANARY];
        uint256[256] memory fresh;
        uint256[2] memory last = [CANARY, CANARY];
        (named, took) = Slots.take(map, cursor, first, funded, paid, fresh);
        Slots.finish(map, cursor);
        require(behind[0] == CANARY && behind[1] == CANARY && last[0] == CANARY && last[1] == CANARY, "wrote outside");
        counts = fresh;
    }

    /// @notice Several takes through one cursor, counted together.
    function takeAll(uint256[] calldata firsts, uint256 funded, bytes[] memory places)
        external
        returns (uint256[] memory named, uint256[] memory took, uint256[256] memory counts, bytes[] memory paid)
    {
        (named, took, paid) = (new uint256[](places.length), new uint256[](places.length), places);
        Slots.Cursor memory cursor = Slots.begin();
        for (uint256 i; i < places.length; ++i) {
            (named[i], took[i]) = Slots.take(map, cursor, firsts[i], funded, paid[i], counts);
        }
        Slots.finish(map, cursor);
    }

    function tally(bytes memory places) external pure returns (uint256 named, uint256[256] memory counts) {
        named = Slots.tally(dirty(places), counts);
    }

    function keepWhere(uint256 first, bytes memory places, bool wanted) external view returns (bytes memory kept) {
        kept = places;
        Slots.keepWhere(map, first, kept, wanted);
    }

    function keepPlace(bytes memory places, uint256 place) external pure returns (bytes memory kept) {
        kept = places;
        Slots.keepPlace(kept, place);
    }

    function isWithin(bytes memory part, bytes memory whole) external pure returns (bool) {
        return Slots.isWithin(dirty(part), whole);
    }

    /// @dev The bytes with dirt behind the last one, which must not count.
    function dirty(bytes memory places) private pure returns (bytes memory copy) {
        copy = bytes.concat(places, bytes32(type(uint256).max));
        uint256 length = places.length;
        assembly ("memory-safe") {
            mstore(copy, length)
        }
    }

    function marksOf(uint256 chunk) external pure returns (uint256) {
        return Slots.marksOf(chunk);
    }

    function popCount(uint256 marks) external pure returns (uint256) {
        return Slots.popCount(marks);
    }
}
