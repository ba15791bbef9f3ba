// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Wallets that make trouble when coins arrive
contract Reverter {
    receive() external payable {
        revert("no");
    }
}

/// @notice Uses every bit of gas it gets.
contract GasBurner {
    receive() external payable {
        while (true) {}
    }

    function tokensReceived() external pure {
        while (true) {}
    }
}

/// @notice Returns as many bytes as its gas can make.
contract ReturnBomb {
    receive() external payable {
        assembly {
            return(0, 60000)
        }
    }
}

/// @notice Writes down how much gas it got.
contract GasMeter {
    uint256 public got;

    receive() external payable {
        got = gasleft();
    }
}

/// @notice Makes one call of its own while coins or tokens arrive at it or leave it, and remembers how that went.
contract Reentrant {
    address public target;
    bytes public call;
    uint256 public value;
    bool public tried;
    bool public succeeded;
    bytes public answer;

    function plan(address target_, bytes calldata call_, uint256 value_) external payable {
        (target, call, value) = (target_, call_, value_);
    }

    /// @notice Calls as this account.
    function act(address to, bytes calldata data, uint256 value_) external payable {
        (bool ok, bytes memory result) = to.call{value: value_}(data);
        if (!ok) {
            assembly {
                revert(add(result, 32), mload(result))
            }
        }
    }

    receive() external payable {
        again();
    }

    function tokensToSend() external {
        again();
    }

    function tokensReceived() external {
        again();
    }

    function again() private {
        if (target == address(0) || tried) return;
        tried = true;
        (succeeded, answer) = target.call{value: value}(call);
    }
}
