// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title A requester that does many things in one transaction, so that a chain with a million events is made in minutes
/// @dev It approves its batches by being the caller. Whoever calls it, calls as it: for devnets only.
contract Busy {
    struct Call {
        uint256 value;
        bytes data;
    }

    receive() external payable {}

    /// @notice Makes the calls in their order, all of them or none.
    function run(address target, Call[] calldata calls) external {
        for (uint256 i; i < calls.length; ++i) {
            (bool done, bytes memory answer) = target.call{value: calls[i].value}(calls[i].data);
            if (done) continue;
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }
}
