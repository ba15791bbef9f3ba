// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The part of an ERC-792 arbitrator that the escrow uses
interface IArbitrator {
    /// @notice Begins a dispute between `choices` choices; must be sent at least the cost.
    function createDispute(uint256 choices, bytes calldata extraData) external payable returns (uint256 disputeId);

    /// @notice What a dispute costs now, in wei.
    function arbitrationCost(bytes calldata extraData) external view returns (uint256);
}

/// @title What an arbitrator calls (ERC-792) and what it and people read (ERC-1497)
interface IArbitrable {
    event Ruling(address indexed _arbitrator, uint256 indexed _disputeID, uint256 _ruling);
    event MetaEvidence(uint256 indexed _metaEvidenceID, string _evidence);
    event Dispute(
        address indexed _arbitrator, uint256 indexed _disputeID, uint256 _metaEvidenceID, uint256 _evidenceGroupID
    );
    event Evidence(
        address indexed _arbitrator, uint256 indexed _evidenceGroupID, address indexed _party, string _evidence
    );

    /// @notice Gives a ruling; only the dispute's arbitrator may.
    function rule(uint256 disputeId, uint256 ruling) external;
}
