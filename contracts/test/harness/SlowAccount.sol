// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title A contract account (EIP-1271) that says yes, and takes its time
contract SlowAccount {
    uint256 private immutable work;

    /// @param work_ gas that it takes to say yes
    constructor(uint256 work_) {
        work = work_;
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        uint256 until = gasleft() - work;
        while (gasleft() > until) {}
        return this.isValidSignature.selector;
    }
}
