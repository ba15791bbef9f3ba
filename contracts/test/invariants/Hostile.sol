// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title A worker that calls the escrow back whenever coins or tokens reach it
/// @dev Whatever it calls, it never succeeds: one lock guards everything that moves money.
contract Thief {
    address private immutable escrow;
    bytes public plan;
    uint256 public successes;

    constructor(address escrow_) {
        escrow = escrow_;
    }

    function set(bytes calldata plan_) external {
        plan = plan_;
    }

    receive() external payable {
        again();
    }

    function tokensReceived() external {
        again();
    }

    function again() private {
        if (plan.length == 0) return;
        (bool ok,) = escrow.call(plan);
        if (ok) ++successes;
    }
}

/// @title An arbitrator that does what the fuzzer likes
/// @dev Its rulings are calls in its name, so that it may rule at any time, twice, or never.
contract Judge {
    enum Mood {
        Fair,
        NoPrice, // can't say what it costs
        Refuses, // takes no disputes
        Repeats, // gives an id that it gave before
        Rushes // rules while the dispute is being created
    }

    Mood public mood;
    uint256 public price;
    uint256 public disputes;
    /// @notice Whether a ruling went through while the dispute was being created.
    bool public rushed;

    function set(Mood mood_, uint256 price_) external {
        (mood, price) = (mood_, price_);
    }

    function arbitrationCost(bytes calldata) external view returns (uint256) {
        if (mood == Mood.NoPrice) revert("no price");
        return price;
    }

    function createDispute(uint256, bytes calldata) external payable returns (uint256 id) {
        require(msg.value == price, "the price");
        if (mood == Mood.Refuses) revert("no");
        if (mood == Mood.Repeats && disputes != 0) return disputes - 1;
        id = disputes++;
        if (mood != Mood.Rushes) return id;
        (bool ok,) = msg.sender.call(abi.encodeWithSignature("rule(uint256,uint256)", id, 2));
        if (ok) rushed = true;
    }
}
