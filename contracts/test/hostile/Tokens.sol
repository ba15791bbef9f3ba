// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title A token that does as it is told, so that each test picks one way of being bad
/// @dev Plain storage, no checks that a test doesn't need: anyone may mint and switch.
contract FickleToken {
    enum Way {
        Honest, // returns true
        Silent, // returns nothing, like USDT
        False, // moves nothing and returns false
        Reverts,
        Fee, // one unit less arrives
        Bonus, // one unit more arrives
        Liar, // returns true and moves nothing
        Two, // returns 2
        Short, // returns one byte
        Bomb, // returns 100,000 bytes after moving
        Burns // uses all gas
    }

    Way public way;
    mapping(address account => uint256) public balanceOf;

    function set(Way way_) external {
        way = way_;
    }

    function mint(address receiver, uint256 amount) external {
        balanceOf[receiver] += amount;
    }

    function approve(address, uint256) external pure returns (bool) {
        return true;
    }

    function transfer(address receiver, uint256 amount) external {
        move(msg.sender, receiver, amount);
    }

    function transferFrom(address owner, address receiver, uint256 amount) external {
        move(owner, receiver, amount);
    }

    function move(address owner, address receiver, uint256 amount) private {
        if (way == Way.Reverts) revert("no");
        if (way == Way.Burns) while (true) {}
        if (way != Way.False && way != Way.Liar) {
            balanceOf[owner] -= amount;
            balanceOf[receiver] += way == Way.Fee ? amount - 1 : way == Way.Bonus ? amount + 1 : amount;
        }
        answer();
    }

    function answer() private view {
        uint256 size = way == Way.Silent ? 0 : way == Way.Short ? 1 : way == Way.Bomb ? 100_000 : 32;
        uint256 value = way == Way.False ? 0 : way == Way.Two ? 2 : 1;
        assembly {
            mstore(0, value)
            return(0, size)
        }
    }
}

/// @title A token with hooks, like ERC-777: sender and receiver are called around each transfer, with all the gas
/// @dev An account with code is its own hook; any other may register one.
contract HookedToken {
    mapping(address account => uint256) public balanceOf;
    mapping(address account => address) private registered;

    function register(address hook) external {
        registered[msg.sender] = hook;
    }

    function approve(address, uint256) external pure returns (bool) {
        return true;
    }

    function mint(address receiver, uint256 amount) external {
        balanceOf[receiver] += amount;
    }

    function transfer(address receiver, uint256 amount) external returns (bool) {
        return move(msg.sender, receiver, amount);
    }

    function transferFrom(address owner, address receiver, uint256 amount) external returns (bool) {
        return move(owner, receiver, amount);
    }

    function move(address owner, address receiver, uint256 amount) private returns (bool) {
        address hook = hookOf(owner);
        if (hook != address(0)) IHooks(hook).tokensToSend();
        balanceOf[owner] -= amount;
        balanceOf[receiver] += amount;
        hook = hookOf(receiver);
        if (hook != address(0)) IHooks(hook).tokensReceived();
        return true;
    }

    function hookOf(address account) private view returns (address) {
        if (registered[account] != address(0)) return registered[account];
        return account.code.length != 0 && account != msg.sender ? account : address(0);
    }
}

interface IHooks {
    function tokensToSend() external;
    function tokensReceived() external;
}

/// @title A token that answers every function that it doesn't know with success, as wrapped coins do
contract PermissiveToken {
    mapping(address account => uint256) public balanceOf;

    fallback() external {}
}
