// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IArbitrable, IArbitrator} from "../../src/interfaces/IArbitrator.sol";

/// @title An arbitrator that does as it is told, so that each test picks one way of being bad
contract RogueArbitrator is IArbitrator {
    enum Way {
        Honest,
        Reverts, // when asked for its price
        Doubles, // asks for the price, and then for twice as much
        Dearest, // asks for more than there is
        Burns, // uses all gas
        Bomb, // answers its price with a mountain behind it
        RefusesDisputes,
        Reuses, // answers with the id of an earlier dispute
        RulesInside, // rules while the dispute begins
        CallsInside // makes the planned call while the dispute begins
    }

    uint256 public constant PRICE = 3e15;

    Way public way;
    uint256 public disputes;
    bytes public planned;
    /// @notice How the call made inside `createDispute` went.
    bool public succeeded;
    bytes public answer;

    function set(Way way_) external {
        way = way_;
    }

    function plan(bytes calldata call_) external {
        planned = call_;
    }

    function rule(IArbitrable arbitrable, uint256 disputeId, uint256 ruling) external {
        arbitrable.rule(disputeId, ruling);
    }

    /// @inheritdoc IArbitrator
    function arbitrationCost(bytes calldata) external view returns (uint256) {
        if (way == Way.Reverts) revert("no price");
        if (way == Way.Burns) while (true) {}
        if (way == Way.Dearest) return type(uint256).max;
        if (way == Way.Bomb) {
            assembly {
                mstore(0, PRICE)
                return(0, 1000000)
            }
        }
        return PRICE;
    }

    /// @inheritdoc IArbitrator
    function createDispute(uint256, bytes calldata) external payable returns (uint256 disputeId) {
        if (way == Way.RefusesDisputes) revert("no dispute");
        require(msg.value >= (way == Way.Doubles ? 2 * PRICE : PRICE), "too little");
        if (way == Way.Reuses) return disputes - 1;
        disputeId = disputes++;
        if (way == Way.RulesInside) call(abi.encodeCall(IArbitrable.rule, (disputeId, 2)));
        if (way == Way.CallsInside) call(planned);
    }

    function call(bytes memory data) private {
        (succeeded, answer) = msg.sender.call(data);
    }
}
