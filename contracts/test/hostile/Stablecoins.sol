// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What the tokens here share: balances, allowances, and a mint for everybody
abstract contract Coin {
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    error Refused();

    function mint(address receiver, uint256 amount) external {
        balanceOf[receiver] += amount;
    }

    function spend(address owner, uint256 amount) internal {
        allowance[owner][msg.sender] -= amount;
    }

    function move(address owner, address receiver, uint256 amount) internal virtual {
        balanceOf[owner] -= amount;
        balanceOf[receiver] += amount;
    }
}

/// @title A dollar with a master, who freezes accounts, pauses everything and seizes balances, like USDC
contract ManagedToken is Coin {
    uint8 public immutable decimals;
    bool public paused;
    mapping(address account => bool) public frozen;

    constructor(uint8 decimals_) {
        decimals = decimals_;
    }

    function pause(bool paused_) external {
        paused = paused_;
    }

    function freeze(address account, bool frozen_) external {
        frozen[account] = frozen_;
    }

    function seize(address account, uint256 amount) external {
        balanceOf[account] -= amount;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address receiver, uint256 amount) external returns (bool) {
        move(msg.sender, receiver, amount);
        return true;
    }

    function transferFrom(address owner, address receiver, uint256 amount) external returns (bool) {
        spend(owner, amount);
        move(owner, receiver, amount);
        return true;
    }

    function move(address owner, address receiver, uint256 amount) internal override {
        if (paused || frozen[msg.sender] || frozen[owner] || frozen[receiver]) revert Refused();
        super.move(owner, receiver, amount);
    }
}

/// @title A token that returns nothing, refuses to change an allowance that isn't zero, and may begin to take a fee, like USDT
contract TetherToken is Coin {
    uint256 public feeBps;

    function setFee(uint256 feeBps_) external {
        feeBps = feeBps_;
    }

    function approve(address spender, uint256 amount) external {
        if (amount != 0 && allowance[msg.sender][spender] != 0) revert Refused();
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address receiver, uint256 amount) external {
        move(msg.sender, receiver, amount);
    }

    function transferFrom(address owner, address receiver, uint256 amount) external {
        spend(owner, amount);
        move(owner, receiver, amount);
    }

    function move(address owner, address receiver, uint256 amount) internal override {
        super.move(owner, receiver, amount);
        balanceOf[receiver] -= amount * feeBps / 10_000;
    }
}

/// @title A token of shares, whose balances grow and shrink by themselves
contract RebasingToken {
    uint256 public percent = 100;
    mapping(address account => uint256) private shares;

    function rebase(uint256 percent_) external {
        percent = percent_;
    }

    function mint(address receiver, uint256 amount) external {
        shares[receiver] += amount * 100;
    }

    function approve(address, uint256) external pure returns (bool) {
        return true;
    }

    function balanceOf(address account) public view returns (uint256) {
        return shares[account] * percent / 10_000;
    }

    function transfer(address receiver, uint256 amount) external returns (bool) {
        return move(msg.sender, receiver, amount);
    }

    function transferFrom(address owner, address receiver, uint256 amount) external returns (bool) {
        return move(owner, receiver, amount);
    }

    /// @dev Rounded down, so that now and then a base unit less arrives than was announced.
    function move(address owner, address receiver, uint256 amount) private returns (bool) {
        uint256 moved = amount * 10_000 / percent;
        shares[owner] -= moved;
        shares[receiver] += moved;
        return true;
    }
}

/// @title Another address for the same balances, as some tokens have had
contract SecondEntry {
    FirstEntry private immutable first;

    constructor(FirstEntry first_) {
        first = first_;
    }

    function balanceOf(address account) external view returns (uint256) {
        return first.balanceOf(account);
    }

    function transfer(address receiver, uint256 amount) external returns (bool) {
        return first.moveFor(msg.sender, receiver, amount);
    }

    function transferFrom(address owner, address receiver, uint256 amount) external returns (bool) {
        return first.moveFor(owner, receiver, amount);
    }

    function mint(address receiver, uint256 amount) external {
        first.mint(receiver, amount);
    }

    function approve(address, uint256) external pure returns (bool) {
        return true;
    }
}

contract FirstEntry is Coin {
    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address receiver, uint256 amount) external returns (bool) {
        move(msg.sender, receiver, amount);
        return true;
    }

    function transferFrom(address owner, address receiver, uint256 amount) external returns (bool) {
        spend(owner, amount);
        move(owner, receiver, amount);
        return true;
    }

    function moveFor(address owner, address receiver, uint256 amount) external returns (bool) {
        move(owner, receiver, amount);
        return true;
    }
}
