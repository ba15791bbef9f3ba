// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../interfaces/IBooks.sol";

/// @title EIP-712 struct hashes of what crosses the chain boundary
/// @dev piecework/domain/typed_data.py has the same types; tests/vectors/typed_data.json holds both to one table.
library TypedData {
    bytes32 internal constant TERMS = keccak256(
        "Terms(address requester,address operator,address token,uint128 reward,uint128 fee,address coordinator,address arbitrator,bytes arbitratorExtraData,uint128 contestDeposit,uint128 appealStake,uint64 closesAt,uint32 reviewWindow,uint32 appealWindow,bytes32 contentHash,bytes32 salt)"
    );
    bytes32 internal constant BATCH =
        keccak256("Batch(bytes32 job,uint256 firstSlot,address[] workers,bytes places,bytes32 answerRoot)");
    bytes32 internal constant APPROVAL = keccak256("Approval(bytes32 batch,uint256 slots,uint256 amount)");
    bytes32 internal constant WITHDRAWAL = keccak256(
        "Withdrawal(address owner,address token,address receiver,uint256 amount,uint256 maxFee,uint64 nonce,uint64 deadline)"
    );

    bytes32 internal constant OPEN_REQUEST = keccak256("OpenRequest(bytes32[] batches)");
    bytes32 internal constant APPEAL_REQUEST = keccak256("AppealRequest(bytes32[] openings,uint256[] places)");
    bytes32 internal constant FUNDING =
        keccak256("Funding(bytes32 job,uint32 firstSlot,uint32 slots,bytes32 contentHash)");
    bytes32 internal constant OPERATOR_GRANT = keccak256(
        "OperatorGrant(address requester,address operator,address token,uint192 allowance,uint64 expiresAt,uint64 nonce,uint64 deadline)"
    );

    function hash(IBooks.Terms calldata terms) internal pure returns (bytes32) {
        // Two halves, because one abi.encode of sixteen values is too deep for the stack.
        return keccak256(
            bytes.concat(
                abi.encode(
                    TERMS,
                    terms.requester,
                    terms.operator,
                    terms.token,
                    terms.reward,
                    terms.fee,
                    terms.coordinator,
                    terms.arbitrator
                ),
                abi.encode(
                    keccak256(terms.arbitratorExtraData),
                    terms.contestDeposit,
                    terms.appealStake,
                    terms.closesAt,
                    terms.reviewWindow,
                    terms.appealWindow,
                    terms.contentHash,
                    terms.salt
                )
            )
        );
    }

    /// @param workers keccak256 of the worker table, each address padded to a word
    /// @param places keccak256 of the bytes
    function hashBatch(bytes32 job, uint256 firstSlot, bytes32 workers, bytes32 places, bytes32 answerRoot)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(BATCH, job, firstSlot, workers, places, answerRoot));
    }

    function hashApproval(bytes32 batch, uint256 slots, uint256 amount) internal pure returns (bytes32) {
        return keccak256(abi.encode(APPROVAL, batch, slots, amount));
    }

    function hash(IBooks.Withdrawal calldata withdrawal) internal pure returns (bytes32) {
        return keccak256(abi.encode(WITHDRAWAL, withdrawal));
    }

    function hash(IBooks.OperatorGrant calldata grant) internal pure returns (bytes32) {
        return keccak256(abi.encode(OPERATOR_GRANT, grant));
    }

    /// @notice An opening's id: the job, the batch, and what it took.
    function openingId(bytes32 job, bytes32 batch, uint32 firstSlot, address[] calldata workers, bytes memory places)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(job, batch, firstSlot, hashTable(workers, workers.length), keccak256(places))
        );
    }

    /// @notice Which openings an appeal is about, and at which places of their tables its worker stands.
    function hashAppealRequest(bytes32[] memory openings, uint256[] memory places) internal pure returns (bytes32) {
        bytes32 ids = keccak256(abi.encodePacked(openings));
        return keccak256(abi.encode(APPEAL_REQUEST, ids, keccak256(abi.encodePacked(places))));
    }

    /// @notice An appeal's id.
    function appealId(bytes32 job, IBooks.Appeal memory appeal) internal pure returns (bytes32) {
        return keccak256(abi.encode(job, appeal));
    }

    /// @notice keccak256 of the first `count` words of a worker table.
    function hashTable(address[] calldata workers, uint256 count) internal pure returns (bytes32 table) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, workers.offset, shl(5, count))
            table := keccak256(free, shl(5, count))
        }
    }
}
