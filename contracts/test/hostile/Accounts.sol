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
        Burns,
        Mountain, // the magic value with 100,000 bytes behind it
        ComesIn // yes, if the planned call succeeded
    }

    Answer public answers;
    address private target;
    bytes private planned;

    function set(Answer answers_) external {
        answers = answers_;
    }

    function plan(address target_, bytes calldata call_) external {
        (target, planned) = (target_, call_);
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
        if (answers == Answer.Mountain) size = 100_000;
        uint256 word = answers == Answer.No ? 0 : uint256(0x1626ba7e) << 224;
        if (answers == Answer.ComesIn && !comesIn()) word = 0;
        if (answers == Answer.Dirty) word |= 1;
        assembly {
            mstore(0, word)
            return(0, size)
        }
    }

    /// @dev In a call that may write nothing, but would like to.
    function comesIn() private view returns (bool ok) {
        (ok,) = target.staticcall(planned);
    }

    receive() external payable {}
}
