// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SafeTransferLib} from "solady/src/utils/SafeTransferLib.sol";

import {IArbitrable, IArbitrator} from "./interfaces/IArbitrator.sol";

/// @title A council that rules by majority
/// @notice An ERC-792 arbitrator of named members and a fixed fee, so that appeals work out of the box. The ruling that more than
/// half of the members vote for is given to the arbitrable at once; where all have voted and none has that many, ruling 0. The
/// fee is shared by those who voted for the ruling.
/// @dev Members and fee never change: a job's terms name this address, so a new council is a new contract.
contract CouncilArbitrator is IArbitrator {
    struct Case {
        IArbitrable arbitrable;
        uint96 fee;
        uint8 choices;
        uint8 votes;
        uint8 ruling;
        bool solved;
    }

    event DisputeCreation(uint256 indexed _disputeID, address indexed _arbitrable);
    event Voted(uint256 indexed disputeId, address indexed member, uint256 ruling, string reason);
    event Ruled(uint256 indexed disputeId, uint256 ruling);
    event FeeWithdrawn(address indexed member, uint256 amount);

    error MembersWrong();
    error FeeTooLow(uint256 fee);
    error FeeTooHigh(uint256 most);
    error ChoicesWrong(uint256 choices);
    error CallerNotMember();
    error DisputeUnknown(uint256 disputeId);
    error DisputeSolved(uint256 disputeId);
    error VotedAlready(address member);
    error AppealsEndHere();

    uint96 public immutable fee;
    address[] public members;
    mapping(address member => bool) public isMember;
    Case[] public cases;
    mapping(uint256 disputeId => mapping(address member => uint256 vote)) private voted;
    mapping(uint256 disputeId => mapping(uint256 ruling => uint256)) public votesFor;
    mapping(address member => uint256) public earned;

    /// @param members_ one to 255 different accounts
    /// @param fee_ wei a dispute
    constructor(address[] memory members_, uint96 fee_) {
        if (members_.length == 0 || members_.length > 255) revert MembersWrong();
        for (uint256 i; i < members_.length; ++i) {
            if (members_[i] == address(0) || isMember[members_[i]]) revert MembersWrong();
            isMember[members_[i]] = true;
        }
        (members, fee) = (members_, fee_);
    }

    /// @inheritdoc IArbitrator
    function arbitrationCost(bytes calldata) external view returns (uint256) {
        return fee;
    }

    /// @inheritdoc IArbitrator
    function createDispute(uint256 choices, bytes calldata) external payable returns (uint256 disputeId) {
        if (msg.value < fee) revert FeeTooLow(fee);
        if (msg.value > type(uint96).max) revert FeeTooHigh(type(uint96).max);
        if (choices == 0 || choices > 200) revert ChoicesWrong(choices);
        disputeId = cases.length;
        cases.push(Case(IArbitrable(msg.sender), uint96(msg.value), uint8(choices), 0, 0, false));
        emit DisputeCreation(disputeId, msg.sender);
    }

    /// @notice A member's vote, final; 0 refuses to rule. The vote that makes a majority carries the ruling.
    function vote(uint256 disputeId, uint256 ruling, string calldata reason) external {
        if (!isMember[msg.sender]) revert CallerNotMember();
        if (disputeId >= cases.length) revert DisputeUnknown(disputeId);
        Case storage entry = cases[disputeId];
        if (entry.solved) revert DisputeSolved(disputeId);
        if (ruling > entry.choices) revert ChoicesWrong(ruling);
        if (voted[disputeId][msg.sender] != 0) revert VotedAlready(msg.sender);
        voted[disputeId][msg.sender] = ruling + 1;
        ++entry.votes;
        uint256 agreeing = ++votesFor[disputeId][ruling];
        emit Voted(disputeId, msg.sender, ruling, reason);
        if (2 * agreeing > members.length) solve(disputeId, entry, ruling);
        else if (entry.votes == members.length) solve(disputeId, entry, 0);
    }

    /// @notice Sends a member what its votes earned.
    function withdraw() external {
        uint256 amount = earned[msg.sender];
        earned[msg.sender] = 0;
        emit FeeWithdrawn(msg.sender, amount);
        SafeTransferLib.safeTransferETH(msg.sender, amount);
    }

    /// @notice What ERC-792 readers ask: 0 waiting, 2 solved.
    function disputeStatus(uint256 disputeId) external view returns (uint8) {
        return cases[disputeId].solved ? 2 : 0;
    }

    /// @notice The ruling given, or the one with a majority so far.
    function currentRuling(uint256 disputeId) external view returns (uint256) {
        return cases[disputeId].ruling;
    }

    /// @notice There is no higher court.
    function appeal(uint256, bytes calldata) external payable {
        revert AppealsEndHere();
    }

    function appealCost(uint256, bytes calldata) external pure returns (uint256) {
        return type(uint256).max;
    }

    function appealPeriod(uint256) external pure returns (uint256, uint256) {
        return (0, 0);
    }

    /// @dev Writes the ruling down first; a revert of the arbitrable goes through, so that no ruling is lost.
    function solve(uint256 disputeId, Case storage entry, uint256 ruling) private {
        (entry.solved, entry.ruling) = (true, uint8(ruling));
        share(disputeId, entry, ruling);
        emit Ruled(disputeId, ruling);
        entry.arbitrable.rule(disputeId, ruling);
    }

    /// @dev The fee to those who voted for the ruling, or to all who voted where nobody did; what doesn't divide goes to the first.
    function share(uint256 disputeId, Case storage entry, uint256 ruling) private {
        uint256 agreeing = votesFor[disputeId][ruling];
        uint256 sharers = agreeing == 0 ? entry.votes : agreeing;
        uint256 each = entry.fee / sharers;
        uint256 rest = entry.fee - each * sharers;
        for (uint256 i; i < members.length; ++i) {
            uint256 ballot = voted[disputeId][members[i]];
            if (ballot == 0 || (agreeing != 0 && ballot != ruling + 1)) continue;
            earned[members[i]] += each + rest;
            rest = 0;
        }
    }
}
