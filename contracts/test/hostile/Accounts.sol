// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title A contract account (EIP-1271) that answers as it is told
contract ContractAccount {
    enum Answer {
        Yes,
        No,
        FourBytes, // the magic value, but not a whole word of it
        Dirty, // the magic value with something behind it
        Nothing,
        Reverts,
        Burns
    }

    Answer public answers;

    function set(Answer answers_) external {
        answers = answers_;
    }

    function act(address to, bytes calldata data) external payable {
        (bool ok, bytes memory result) = to.call{value: msg.value}(data);
        if (!ok) {
            assembly {
                revert(add(result, 32), mload(result))
            }
        }
    }

    function isValidSignature(bytes32, bytes calldata) external view {
        if (answers == Answer.Reverts) revert("no");
        if (answers == Answer.Burns) while (true) {}
        uint256 size = answers == Answer.Nothing ? 0 : answers == Answer.FourBytes ? 4 : 32;
        uint256 word = answers == Answer.No ? 0 : uint256(0x1626ba7e) << 224;
        if (answers == Answer.Dirty) word |= 1;
        assembly {
            mstore(0, word)
            return(0, size)
        }
    }

    receive() external payable {}
}
