// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPiecework} from "../interfaces/IPiecework.sol";

/// @title Sending coins without being held up
/// @notice A receiver or token that reverts, burns its gas or returns a mountain of bytes gets `false` and nothing else.
library Push {
    /// @notice `trySend`, but reverts where less gas is left than promised: nobody can starve a push into a credit.
    function tryPush(address token, address receiver, uint256 amount, uint256 gasLimit) internal returns (bool) {
        // A call passes on at most 63/64 of what is left (EIP-150) after its own price, which 40,000 covers: at most 9,000
        // for carrying coins, 25,000 for a new account, and 2,600 each for a cold account and the code it delegates to.
        uint256 needed = gasLimit + gasLimit / 63 + 40_000;
        if (gasleft() < needed) revert IPiecework.GasTooLow(needed);
        return trySend(token, receiver, amount, gasLimit);
    }

    /// @notice Sends native coin or an ERC-20, with at most `gasLimit` gas, copying no return data.
    /// @return sent false if the call failed, or the token answered anything but nothing or true
    function trySend(address token, address receiver, uint256 amount, uint256 gasLimit) internal returns (bool sent) {
        if (token == address(0)) {
            // A call that carries coins gives the receiver 2,300 gas on top: they are part of its limit.
            uint256 asked = gasLimit > 2_300 ? gasLimit - 2_300 : 0;
            assembly ("memory-safe") {
                sent := call(asked, receiver, amount, 0, 0, 0, 0)
            }
            return sent;
        }
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(0x14, receiver)
            mstore(0x34, amount)
            mstore(0x00, 0xa9059cbb000000000000000000000000) // transfer(address,uint256)
            let called := call(gasLimit, token, 0, 0x10, 0x44, 0x00, 0x20)
            // The call first, the word it wrote second: Yul evaluates arguments from right to left.
            let answer := mload(0x00)
            switch returndatasize()
            case 0 { sent := and(called, gt(extcodesize(token), 0)) }
            default { sent := and(called, and(gt(returndatasize(), 0x1f), eq(answer, 1))) }
            mstore(0x40, free)
        }
    }
}
