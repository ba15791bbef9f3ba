// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {EIP712} from "solady/src/utils/EIP712.sol";
import {SafeTransferLib} from "solady/src/utils/SafeTransferLib.sol";

import {IBooks} from "./interfaces/IBooks.sol";
import {Push} from "./libraries/Push.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {TypedData} from "./libraries/TypedData.sol";

/// @title Books: the state of the escrow, and how money moves in it
/// @dev The escrow's code is in two contracts, because one would be larger than a contract may be: `Piecework` holds the money and
/// `Recourse` is code that it calls on its own state. Whatever both need is here; neither declares state of its own.
abstract contract Books is IBooks, EIP712 {
    using TypedData for *;

    /// @dev A balance and its nonce share a word, so that a relayed withdrawal creates no state.
    struct Account {
        uint192 balance;
        uint64 nonce;
    }

    /// @dev A job's counts in the upper half of its word; the lower half belongs to `Slots`.
    struct JobWord {
        uint128 slots;
        uint32 funded;
        uint32 taken;
        uint32 resolved;
        bool closed;
    }

    struct Operator {
        uint192 allowance;
        uint64 expiresAt;
    }

    struct OpeningState {
        uint64 openedAt;
        bool finalized;
    }

    struct AppealState {
        Phase phase;
        uint8 ruling;
        uint64 since;
        address arbitrator;
    }

    /// @notice Most slots of one batch, of one opening, and workers of one table, so that any of them fits a block.
    uint256 public constant MAX_SLOTS = 16_384;
    uint256 public constant MAX_OPENED = 1_024;
    uint256 public constant MAX_WORKERS = 255;
    /// @dev Where a job's slots begin in its map of taken bits.
    uint256 internal constant FIRST_BIT = 128;

    /// @notice Who receives fees, and the fee of jobs posted now, in basis points of the reward.
    address public treasury;
    uint16 public feeBps;
    /// @dev In the word that posting reads anyway.
    bool private locked;

    mapping(address account => mapping(address token => Account)) internal accounts;
    mapping(address requester => mapping(address operator => mapping(address token => Operator))) internal operators;
    /// @dev One bit a slot in each of the three. Bits are set once and never cleared. The first word of `taken` is the job's own:
    /// the job's counts, and the bits of its first 128 slots, so that slot s is bit s + 128 of the map and a small job creates no
    /// other word.
    mapping(bytes32 job => mapping(uint256 index => uint256)) internal taken;
    mapping(bytes32 job => mapping(uint256 index => uint256)) internal contested;
    mapping(bytes32 job => mapping(uint256 index => uint256)) internal answered;
    mapping(bytes32 opening => OpeningState) internal openings;
    mapping(bytes32 appeal => AppealState) internal appeals;
    mapping(address arbitrator => mapping(uint256 disputeId => bytes32 appeal)) internal disputes;

    /// @dev One lock for everything that moves money, because a token's hook inside a measured arrival would count the same
    /// coins twice.
    modifier lock() {
        if (locked) revert Locked();
        locked = true;
        _;
        locked = false;
    }

    // ------------------------------------------------------------------------------------------------ jobs

    function wordOf(bytes32 job) internal view returns (JobWord storage word) {
        mapping(uint256 => uint256) storage words = taken[job];
        assembly ("memory-safe") {
            mstore(0x00, 0)
            mstore(0x20, words.slot)
            word.slot := keccak256(0x00, 0x40)
        }
    }

    function openJob(bytes32 job) internal view returns (JobWord storage state) {
        state = wordOf(job);
        if (state.funded == 0) revert JobUnknown(job);
        if (state.closed) revert JobIsClosed(job);
    }

    function idOf(Terms calldata terms) internal view returns (bytes32) {
        return _hashTypedData(terms.hash());
    }

    /// @dev What `slots` slots lock: at most 2^32 * 2^129, so it can't overflow.
    function priceOf(Terms calldata terms, uint256 slots) internal pure returns (uint256) {
        return slots * (uint256(terms.reward) + terms.fee);
    }

    // ------------------------------------------------------------------------------------------------ who signed

    function requireCoordinator(Terms calldata terms, bytes32 digest, bytes32 r, bytes32 vs) internal pure {
        if (!Signatures.signedByKey(terms.coordinator, digest, r, vs)) revert SignatureInvalid(terms.coordinator);
    }

    /// @dev The requester or the operator approved `slots` slots of the batch, here as the caller or by signature.
    function requireApproved(Terms calldata terms, bytes32 batch, uint256 slots, bytes calldata approval)
        internal
        view
    {
        if (approval.length == 0) {
            if (msg.sender != terms.requester && msg.sender != terms.operator) revert SignatureInvalid(terms.requester);
            return;
        }
        bytes32 digest = _hashTypedData(TypedData.hashApproval(batch, slots, priceOf(terms, slots)));
        if (Signatures.signedBy(terms.requester, digest, approval)) return;
        if (!Signatures.signedBy(terms.operator, digest, approval)) revert SignatureInvalid(terms.requester);
    }

    /// @dev The caller is the requester or the operator that the terms name.
    function requireOwner(Terms calldata terms) internal view {
        if (msg.sender != terms.requester && msg.sender != terms.operator) revert CallerNotRequester(terms.requester);
    }

    function requireSignedBy(address signer, bytes32 digest, bytes calldata signature) internal view {
        if (!Signatures.signedBy(signer, digest, signature)) revert SignatureInvalid(signer);
    }

    function useNonce(address account, address token, uint64 nonce) internal {
        uint64 expected = accounts[account][token].nonce;
        if (nonce != expected) revert NonceWrong(expected, nonce);
        accounts[account][token].nonce = expected + 1;
    }

    /// @dev Counted gross: what comes back to the requester doesn't refill an allowance.
    function spendAllowance(address requester, address token, uint256 amount) internal {
        Operator storage entry = operators[requester][msg.sender][token];
        if (block.timestamp >= entry.expiresAt || entry.allowance < amount) {
            revert CallerNotAuthorized(requester, block.timestamp < entry.expiresAt ? entry.allowance : 0);
        }
        entry.allowance -= uint192(amount);
        emit OperatorSpent(requester, msg.sender, token, amount);
    }

    // ------------------------------------------------------------------------------------------------ paying

    /// @dev A byte may point into its own batch's table only.
    function requireCounted(uint256[256] memory counts, uint256 workerCount, uint256 took) internal pure {
        uint256 counted;
        assembly ("memory-safe") {
            for { let place := 1 } iszero(gt(place, workerCount)) { place := add(place, 1) } {
                counted := add(counted, mload(add(counts, shl(5, place))))
            }
        }
        if (counted != took) revert PlaceUnknown();
    }

    /// @dev Pays `took` slots: each worker once, to its wallet or as a credit. Slots of the requester's own, of the zero address and
    /// of the escrow are cancelled: they go back to the requester with their fee.
    /// @param workerCount how many of the table were signed; it is checked here that they hold all that was counted
    function pay(
        bytes32 job,
        Terms calldata terms,
        address[] calldata workers,
        uint256 workerCount,
        uint256[256] memory counts,
        uint256 took,
        Payout calldata payout
    ) internal {
        uint256 pushGas = payout.pushGas;
        Push.Common memory common = Push.Common(
            terms.token,
            terms.requester,
            terms.reward,
            terms.token == address(0) ? Push.withoutStipend(pushGas) : pushGas,
            Push.gasFor(pushGas)
        );
        uint256 skip = pushGas == 0 ? type(uint256).max : payout.creditMask;
        (uint256 credited, uint256 counted) = Push.pushAll(common, workers, workerCount, counts, skip);
        if (counted != took) revert PlaceUnknown();
        emitWorkersPaid(job, credited, workers, workerCount);
        uint256 cancelled = credited == 0 ? 0 : creditAll(terms, workers, workerCount, counts, credited, 0);
        payFee(job, terms, took - cancelled);
    }

    /// @dev Credits those who were sent nothing, with `deposit` more for each slot.
    /// @return cancelled slots that went back to the requester
    function creditAll(
        Terms calldata terms,
        address[] calldata workers,
        uint256 workerCount,
        uint256[256] memory counts,
        uint256 credited,
        uint256 deposit
    ) internal returns (uint256 cancelled) {
        for (uint256 place = 1; place <= workerCount; ++place) {
            if ((credited >> place) & 1 == 0) continue;
            address worker = workers[place - 1];
            if (worker == terms.requester || worker == address(0) || worker == address(this)) {
                cancelled += counts[place];
            } else {
                credit(worker, terms.token, counts[place] * (terms.reward + deposit));
            }
        }
        if (cancelled != 0) credit(terms.requester, terms.token, priceOf(terms, cancelled) + cancelled * deposit);
    }

    /// @dev `emit WorkersPaid` without a walk over the table.
    function emitWorkersPaid(bytes32 job, uint256 credited, address[] calldata workers, uint256 workerCount) internal {
        bytes32 topic = WorkersPaid.selector;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, credited)
            mstore(add(data, 0x20), 0x40)
            mstore(add(data, 0x40), workerCount)
            calldatacopy(add(data, 0x60), workers.offset, shl(5, workerCount))
            log2(data, add(0x60, shl(5, workerCount)), topic, job)
        }
    }

    function payFee(bytes32 job, Terms calldata terms, uint256 slots) internal {
        if (terms.fee == 0 || slots == 0) return;
        credit(treasury, terms.token, slots * terms.fee);
        emit FeePaid(job, treasury, terms.token, slots * terms.fee);
    }

    // ------------------------------------------------------------------------------------------------ money

    function credit(address account, address token, uint256 amount) internal {
        uint256 balance = accounts[account][token].balance + amount;
        if (balance > type(uint192).max) revert BalanceTooHigh(account, token);
        accounts[account][token].balance = uint192(balance);
    }

    function debit(address account, address token, uint256 amount) internal {
        if (amount == 0) revert AmountZero();
        uint256 balance = accounts[account][token].balance;
        if (balance < amount) revert BalanceTooLow(account, token, balance, amount);
        accounts[account][token].balance = uint192(balance - amount);
    }

    /// @dev `amount` from the caller's wallet, arrived in full or not at all.
    function takeFromWallet(address token, uint256 amount) internal {
        if (token == address(0)) {
            if (msg.value != amount) revert ValueWrong(amount, msg.value);
            return;
        }
        if (msg.value != 0) revert ValueWrong(0, msg.value);
        uint256 before = IERC20(token).balanceOf(address(this));
        if (!SafeTransferLib.trySafeTransferFrom(token, msg.sender, address(this), amount)) {
            revert TransferFailed(token, address(this), amount);
        }
        requireArrived(token, before, amount);
    }

    function requireArrived(address token, uint256 before, uint256 amount) internal view {
        uint256 balance = IERC20(token).balanceOf(address(this));
        if (balance != before + amount) revert ArrivalWrong(amount, balance > before ? balance - before : 0);
    }

    function takeOut(Withdrawal calldata withdrawal, uint256 fee) internal {
        debit(withdrawal.owner, withdrawal.token, withdrawal.amount + fee);
        if (fee != 0) credit(msg.sender, withdrawal.token, fee);
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return ("Piecework", "1");
    }
}
