// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token with allowances, and neither permits nor authorizations
contract PlainToken is ERC20 {
    constructor() ERC20("Plain", "PLAIN") {}

    function mint(address receiver, uint256 amount) external {
        _mint(receiver, amount);
    }
}

/// @title A token whose permit does something else first
contract PlayfulToken is ERC20 {
    enum Play {
        Nothing, // says yes and allows nothing
        Moves, // moves the money at once
        Calls // makes a call of its own
    }

    Play public play;
    address public target;
    bytes public call;
    bool public succeeded;
    bytes public answer;

    constructor(Play play_) ERC20("Playful", "PLAY") {
        play = play_;
    }

    function mint(address receiver, uint256 amount) external {
        _mint(receiver, amount);
    }

    function plan(address target_, bytes calldata call_) external {
        (target, call) = (target_, call_);
    }

    function permit(address owner, address spender, uint256 value, uint256, uint8, bytes32, bytes32) external {
        if (play == Play.Moves) _transfer(owner, spender, value);
        if (play == Play.Calls) (succeeded, answer) = target.call(call);
    }
}
