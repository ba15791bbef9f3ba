// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../../src/interfaces/IBooks.sol";
import {Everyday} from "./Everyday.sol";

/// @dev The bond contract as others see it, so that tests deploy what ships.
interface IBond {
    struct SignedWord {
        uint32 firstSlot;
        address[] workers;
        bytes places;
        bytes32 answerRoot;
        bytes32 r;
        bytes32 vs;
    }

    event Bonded(address indexed coordinator, address indexed token, address from, uint256 amount);
    event LockMoved(address indexed coordinator, address indexed token, uint64 lockedUntil);
    event Withdrawn(address indexed coordinator, address indexed token, address receiver, uint256 amount);
    event EquivocationPaid(
        bytes32 indexed job,
        address indexed coordinator,
        address indexed worker,
        address token,
        uint32 slot,
        uint256 paid,
        uint256 burnt
    );

    error AmountZero();
    error ArrivalWrong(uint256 announced, uint256 arrived);
    error ValueWrong(uint256 expected, uint256 sent);
    error LockedUntil(uint64 lockedUntil);
    error LockOnlyForward(uint64 lockedUntil);
    error BondTooLow(uint256 amount);
    error BondTooHigh(uint256 most);
    error NotSignedByCoordinator();
    error SameHolder();
    error NotNamed(address worker);
    error ClaimedAlready(bytes32 job, uint32 slot, address worker);
    error Reentered();

    function FURNACE() external view returns (address);
    function escrow() external view returns (address);
    function bondOf(address coordinator, address token) external view returns (uint192 amount, uint64 lockedUntil);
    function bond(address coordinator, address token, uint256 amount) external payable;
    function moveLock(address token, uint64 lockedUntil) external;
    function withdraw(address token, uint256 amount, address receiver) external;
    function claim(IBooks.Terms calldata terms, uint32 slot, SignedWord calldata one, SignedWord calldata other)
        external
        returns (uint256 paid);
}

/// @title What the tests of bonds share
abstract contract Bonds is Everyday {
    IBond internal bonds;
    address internal furnace;

    function setUp() public virtual override {
        super.setUp();
        bonds = IBond(vm.deployCode("CoordinatorBond.sol:CoordinatorBond", abi.encode(escrow)));
        furnace = bonds.FURNACE();
        vm.prank(requester);
        dollar.approve(address(bonds), type(uint256).max);
    }

    /// @dev The requester bonds dollars or coins for the coordinator.
    function bonded(address token, uint256 amount) internal {
        vm.prank(requester);
        bonds.bond{value: token == address(0) ? amount : 0}(coordinator, token, amount);
    }

    function assertBond(address token, uint256 amount, string memory what) internal view {
        (uint192 held,) = bonds.bondOf(coordinator, token);
        assertEq(held, amount, what);
    }
}
