// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IArbitrator} from "../../src/interfaces/IArbitrator.sol";
import {Base} from "../Base.sol";

/// @dev The council as others see it, so that tests deploy what ships.
interface ICouncil is IArbitrator {
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

    function fee() external view returns (uint96);
    function members(uint256 index) external view returns (address);
    function isMember(address account) external view returns (bool);
    function votesFor(uint256 disputeId, uint256 ruling) external view returns (uint256);
    function earned(address member) external view returns (uint256);
    function vote(uint256 disputeId, uint256 ruling, string calldata reason) external;
    function withdraw() external;
    function disputeStatus(uint256 disputeId) external view returns (uint8);
    function currentRuling(uint256 disputeId) external view returns (uint256);
    function appeal(uint256 disputeId, bytes calldata extraData) external payable;
    function appealCost(uint256 disputeId, bytes calldata extraData) external view returns (uint256);
    function appealPeriod(uint256 disputeId) external view returns (uint256, uint256);
}

/// @title Who brings disputes, and is told how they end
contract Plaintiff {
    bool public refuses;
    address public target;
    bytes public call;
    uint256 public disputeId;
    uint256 public ruling;
    uint256 public rulings;
    bool public succeeded;
    bytes public answer;

    function set(bool refuses_) external {
        refuses = refuses_;
    }

    /// @notice Makes one call of its own while it is told.
    function plan(address target_, bytes calldata call_) external {
        (target, call) = (target_, call_);
    }

    function dispute(ICouncil council, uint256 choices) external payable returns (uint256) {
        return council.createDispute{value: msg.value}(choices, "");
    }

    function rule(uint256 disputeId_, uint256 ruling_) external {
        if (refuses) revert("no");
        (disputeId, ruling, rulings) = (disputeId_, ruling_, rulings + 1);
        if (target != address(0)) (succeeded, answer) = target.call(call);
    }
}

/// @title What the tests of councils share
abstract contract Councils is Base {
    uint160 private constant FIRST_MEMBER = 0xC0_0000;
    uint96 internal constant FEE = 1_000;

    ICouncil internal council;

    function member(uint256 index) internal pure returns (address) {
        return address(uint160(FIRST_MEMBER + index));
    }

    function councilOf(uint256 size, uint96 fee) internal returns (ICouncil) {
        bytes memory arguments = abi.encode(workersFrom(FIRST_MEMBER, size), fee);
        return ICouncil(vm.deployCode("CouncilArbitrator.sol:CouncilArbitrator", arguments));
    }

    function voteAs(uint256 index, uint256 disputeId, uint256 ruling) internal {
        vm.prank(member(index));
        council.vote(disputeId, ruling, "because");
    }

    function assertEarned(uint256 index, uint256 amount) internal view {
        assertEq(council.earned(member(index)), amount, "earned");
    }
}
