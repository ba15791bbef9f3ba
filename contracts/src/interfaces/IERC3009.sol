// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The part of EIP-3009 that a receiver uses
interface IERC3009 {
    /// @notice Moves `value` from `from` to the caller, who must be `to`, as `from` signed it. Each nonce works once.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;
}
