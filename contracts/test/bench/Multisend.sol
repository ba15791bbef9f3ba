// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Paying many at once with no record and no promise: what the escrow's gas is measured against
contract Multisend {
    /// @notice Takes the sum from the caller, by allowance, and hands it out.
    function disperse(IERC20 token, address[] calldata receivers, uint256[] calldata amounts) external {
        uint256 total;
        for (uint256 i; i < amounts.length; ++i) total += amounts[i];
        require(token.transferFrom(msg.sender, address(this), total));
        push(token, receivers, amounts);
    }

    /// @notice Hands out what it holds: the floor under any contract that pushes.
    function push(IERC20 token, address[] calldata receivers, uint256[] calldata amounts) public {
        unchecked {
            for (uint256 i; i < receivers.length; ++i) require(token.transfer(receivers[i], amounts[i]));
        }
    }
}
