// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IArbitrable, IArbitrator} from "../../src/interfaces/IArbitrator.sol";

/// @title A court that does as it is told: the least that ERC-792 asks of an arbitrator, and three ways of failing
/// @dev Plain storage, no checks that a test doesn't need: anyone may set the price, switch, and have a ruling given.
contract Court is IArbitrator {
    enum Way {
        Honest,
        NoPrice, // reverts when asked what it costs
        NoDispute, // reverts when a dispute should begin
        SameDispute // answers with the id of its last dispute
    }

    struct Case {
        IArbitrable arbitrable;
        uint256 choices;
        bytes extraData;
        uint256 paid;
    }

    Way public way;
    uint256 public price;
    Case[] public cases;

    function set(Way way_) external {
        way = way_;
    }

    function setPrice(uint256 price_) external {
        price = price_;
    }

    /// @inheritdoc IArbitrator
    function arbitrationCost(bytes calldata) external view returns (uint256) {
        if (way == Way.NoPrice) revert("no price");
        return price;
    }

    /// @inheritdoc IArbitrator
    function createDispute(uint256 choices, bytes calldata extraData) external payable returns (uint256 disputeId) {
        if (way == Way.NoDispute) revert("no dispute");
        require(msg.value >= price, "too little");
        if (way == Way.SameDispute) return cases.length - 1;
        disputeId = cases.length;
        cases.push(Case(IArbitrable(msg.sender), choices, extraData, msg.value));
    }

    function rule(uint256 disputeId, uint256 ruling) external {
        cases[disputeId].arbitrable.rule(disputeId, ruling);
    }

    function count() external view returns (uint256) {
        return cases.length;
    }
}
