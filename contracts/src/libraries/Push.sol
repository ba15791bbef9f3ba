// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../interfaces/IBooks.sol";

/// @title Sending coins without being held up
/// @notice A receiver or token that reverts, burns its gas or returns a mountain of bytes gets `false` and nothing else.
library Push {
    /// @notice The gas that must be left before a push of `gasLimit`.
    function gasFor(uint256 gasLimit) internal pure returns (uint256) {
        // A call passes on at most 63/64 of what is left (EIP-150) after its own price, which 40,000 covers: at most 9,000
        // for carrying coins, 25,000 for a new account, and 2,600 each for a cold account and the code it delegates to.
        return gasLimit + gasLimit / 63 + 40_000;
    }

    /// @dev What every push of a table has in common.
    struct Common {
        address token;
        /// whose slots, like those of the zero address and of the escrow, aren't paid
        address requester;
        uint256 reward;
        /// gas that a call is given, and that must be left before it
        uint256 gasLimit;
        uint256 needed;
    }

    /// @notice Pushes to every worker of a table what its slots are worth, each once.
    /// @dev By hand, because this loop is most of what a settlement costs that isn't the token's own.
    /// @param workers a table of at most 255, of which the first `workerCount` are meant
    /// @param counts slots of each place; place 0 is nobody's
    /// @param skip bit i set: the worker at place i is sent nothing
    /// @return unsent bit i set: the worker at place i has slots and was sent nothing
    /// @return counted all their slots
    function pushAll(
        Common memory common,
        address[] calldata workers,
        uint256 workerCount,
        uint256[256] memory counts,
        uint256 skip
    ) internal returns (uint256 unsent, uint256 counted) {
        uint256 dirt;
        bytes4 starved = IBooks.GasTooLow.selector;
        assembly ("memory-safe") {
            // What is called with, behind all that is in memory: transfer(address,uint256).
            let data := mload(0x40)
            mstore(data, shl(224, 0xa9059cbb))
            for { let place := 1 } iszero(gt(place, workerCount)) { place := add(place, 1) } {
                let worker := calldataload(add(workers.offset, shl(5, sub(place, 1))))
                dirt := or(dirt, worker)
                let slots := mload(add(counts, shl(5, place)))
                if iszero(slots) { continue }
                counted := add(counted, slots)
                if or(
                    and(shr(place, skip), 1),
                    or(iszero(worker), or(eq(worker, mload(add(common, 0x20))), eq(worker, address())))
                ) {
                    unsent := or(unsent, shl(place, 1))
                    continue
                }
                if lt(gas(), mload(add(common, 0x80))) {
                    mstore(0x00, starved)
                    mstore(0x04, mload(add(common, 0x80)))
                    revert(0x00, 0x24)
                }
                let amount := mul(slots, mload(add(common, 0x40)))
                let sent := 0
                switch mload(common)
                case 0 { sent := call(mload(add(common, 0x60)), worker, amount, 0, 0, 0, 0) }
                default {
                    mstore(add(data, 0x04), worker)
                    mstore(add(data, 0x24), amount)
                    if call(mload(add(common, 0x60)), mload(common), 0, data, 0x44, 0x00, 0x20) {
                        switch returndatasize()
                        case 0 { sent := gt(extcodesize(mload(common)), 0) }
                        default { sent := and(gt(returndatasize(), 0x1f), eq(mload(0x00), 1)) }
                    }
                }
                if iszero(sent) { unsent := or(unsent, shl(place, 1)) }
            }
        }
        if (dirt >> 160 != 0) revert IBooks.WorkerInvalid(address(uint160(dirt >> 160)));
    }

    /// @dev A call that carries coins gives the receiver 2,300 gas on top: they are part of its limit.
    function withoutStipend(uint256 gasLimit) internal pure returns (uint256) {
        return gasLimit > 2_300 ? gasLimit - 2_300 : 0;
    }

    /// @notice `trySend`, but reverts where less than `needed` gas is left: nobody can starve a push into a credit.
    function tryPush(address token, address receiver, uint256 amount, uint256 gasLimit, uint256 needed)
        internal
        returns (bool)
    {
        if (gasleft() < needed) revert IBooks.GasTooLow(needed);
        return trySend(token, receiver, amount, gasLimit);
    }

    /// @notice Sends native coin or an ERC-20, with at most `gasLimit` gas, copying no return data.
    /// @return sent false if the call failed, or the token answered anything but nothing or true
    function trySend(address token, address receiver, uint256 amount, uint256 gasLimit) internal returns (bool sent) {
        if (token == address(0)) {
            uint256 asked = withoutStipend(gasLimit);
            assembly ("memory-safe") {
                sent := call(asked, receiver, amount, 0, 0, 0, 0)
            }
            return sent;
        }
        assembly ("memory-safe") {
            // transfer(address,uint256), in scratch space and over the free memory pointer, which comes back behind the call.
            let free := mload(0x40)
            mstore(0x14, receiver)
            mstore(0x34, amount)
            mstore(0x00, 0xa9059cbb000000000000000000000000)
            sent := call(gasLimit, token, 0, 0x10, 0x44, 0x00, 0x20)
            mstore(0x40, free)
            if sent {
                switch returndatasize()
                case 0 { sent := gt(extcodesize(token), 0) }
                default { sent := and(gt(returndatasize(), 0x1f), eq(mload(0x00), 1)) }
            }
        }
    }
}
