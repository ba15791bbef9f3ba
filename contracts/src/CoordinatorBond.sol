// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeTransferLib} from "solady/src/utils/SafeTransferLib.sol";

import {IBooks} from "./interfaces/IBooks.sol";
import {IPiecework} from "./interfaces/IPiecework.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title What stands behind a coordinator's word
/// @notice A coordinator locks money until a date that it can only move forward. Two batches that it signed and that give one slot
/// to two accounts prove that it gave its word twice: each worker named gets the reward once per slot from the bond, and as much
/// again is burnt, so that a coordinator that empties its bond to its own puppets loses half. First come, first served: a
/// deterrent, not an insurance.
/// @dev Only reads the escrow. Tokens that take a fee on transfer are refused at the door.
contract CoordinatorBond {
    struct Bond {
        uint192 amount;
        uint64 lockedUntil;
    }

    /// @notice A batch as its coordinator signed it.
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
    /// @dev Names the token, because the job need not be on the chain: whoever reads logs alone must know which bond shrank.
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

    /// @notice Where what is burnt goes: nobody has its key, and tokens that refuse the zero address accept it.
    address public constant FURNACE = 0x000000000000000000000000000000000000dEaD;

    IPiecework public immutable escrow;

    mapping(address coordinator => mapping(address token => Bond)) public bondOf;
    mapping(bytes32 claim => bool) public claimed;
    bool private entered;

    modifier lock() {
        if (entered) revert Reentered();
        entered = true;
        _;
        entered = false;
    }

    constructor(IPiecework escrow_) {
        escrow = escrow_;
    }

    /// @notice Adds to a coordinator's bond, from the caller's wallet; for the native coin (zero) send it along.
    function bond(address coordinator, address token, uint256 amount) external payable lock {
        if (amount == 0) revert AmountZero();
        if (token == address(0)) {
            if (msg.value != amount) revert ValueWrong(amount, msg.value);
        } else {
            if (msg.value != 0) revert ValueWrong(0, msg.value);
            uint256 before = IERC20(token).balanceOf(address(this));
            SafeTransferLib.safeTransferFrom(token, msg.sender, address(this), amount);
            uint256 arrived = IERC20(token).balanceOf(address(this)) - before;
            if (arrived != amount) revert ArrivalWrong(amount, arrived);
        }
        uint256 total = bondOf[coordinator][token].amount + amount;
        if (total > type(uint192).max) revert BondTooHigh(type(uint192).max);
        bondOf[coordinator][token].amount = uint192(total);
        emit Bonded(coordinator, token, msg.sender, amount);
    }

    /// @notice Moves the caller's own lock forward.
    function moveLock(address token, uint64 lockedUntil) external {
        Bond storage entry = bondOf[msg.sender][token];
        if (lockedUntil <= entry.lockedUntil) revert LockOnlyForward(entry.lockedUntil);
        entry.lockedUntil = lockedUntil;
        emit LockMoved(msg.sender, token, lockedUntil);
    }

    /// @notice Takes the caller's own bond out once its lock is over.
    function withdraw(address token, uint256 amount, address receiver) external lock {
        Bond storage entry = bondOf[msg.sender][token];
        if (block.timestamp < entry.lockedUntil) revert LockedUntil(entry.lockedUntil);
        if (amount == 0) revert AmountZero();
        if (amount > entry.amount) revert BondTooLow(entry.amount);
        entry.amount -= uint192(amount);
        emit Withdrawn(msg.sender, token, receiver, amount);
        send(token, receiver, amount);
    }

    /// @notice Pays a worker named for a slot that its coordinator gave twice. Anyone may carry the proof.
    /// @param terms the job's terms, which name coordinator, token and reward
    /// @param slot the slot that both batches give away
    /// @param one a batch that names `worker` for the slot
    /// @param other a batch that names somebody else (the requester too: a cancellation)
    /// @return paid base units to the worker; as much again is burnt
    function claim(
        IBooks.Terms calldata terms,
        uint32 slot,
        SignedWord calldata one,
        SignedWord calldata other
    ) external lock returns (uint256 paid) {
        bytes32 job = escrow.jobId(terms);
        address worker = holder(job, terms.coordinator, slot, one);
        if (worker == holder(job, terms.coordinator, slot, other)) revert SameHolder();
        if (worker == terms.requester || worker == address(0) || worker == address(escrow)) revert NotNamed(worker);
        bytes32 id = keccak256(abi.encode(job, slot, worker));
        if (claimed[id]) revert ClaimedAlready(job, slot, worker);
        claimed[id] = true;

        Bond storage entry = bondOf[terms.coordinator][terms.token];
        paid = terms.reward <= entry.amount / 2 ? terms.reward : entry.amount / 2;
        if (paid == 0) revert BondTooLow(entry.amount);
        entry.amount -= uint192(2 * paid);
        emit EquivocationPaid(job, terms.coordinator, worker, terms.token, slot, paid, paid);
        send(terms.token, FURNACE, paid);
        send(terms.token, worker, paid);
    }

    /// @dev Whom a batch of the coordinator gives a slot to.
    function holder(bytes32 job, address coordinator, uint32 slot, SignedWord calldata word)
        private
        view
        returns (address)
    {
        bytes32 digest = escrow.batchDigest(job, word.firstSlot, word.workers, word.places, word.answerRoot);
        if (!Signatures.signedByKey(coordinator, digest, word.r, word.vs)) revert NotSignedByCoordinator();
        if (slot < word.firstSlot || slot - word.firstSlot >= word.places.length) revert NotNamed(address(0));
        uint256 place = uint8(word.places[slot - word.firstSlot]);
        if (place == 0 || place > word.workers.length) revert NotNamed(address(0));
        return word.workers[place - 1];
    }

    function send(address token, address receiver, uint256 amount) private {
        if (token == address(0)) SafeTransferLib.safeTransferETH(receiver, amount);
        else SafeTransferLib.safeTransfer(token, receiver, amount);
    }
}
