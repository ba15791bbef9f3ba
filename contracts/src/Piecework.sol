// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {EIP712} from "solady/src/utils/EIP712.sol";
import {SafeTransferLib} from "solady/src/utils/SafeTransferLib.sol";

import {IERC3009} from "./interfaces/IERC3009.sol";
import {IPiecework} from "./interfaces/IPiecework.sol";
import {Push} from "./libraries/Push.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Slots} from "./libraries/Slots.sol";
import {TypedData} from "./libraries/TypedData.sol";

/// @title Piecework
/// @dev Every action has one shape: check, effect, event, and interactions last. The order alone is safe; the one lock
/// stands behind it, because a token's hook inside a measured arrival would count the same coins twice.
contract Piecework is IPiecework, EIP712 {
    using TypedData for *;

    /// @notice Most slots of one batch and workers of one table, so that any batch fits a block.
    uint256 public constant MAX_SLOTS = 16_384;
    uint256 public constant MAX_WORKERS = 255;
    uint256 public constant MAX_WINDOW = 90 days;
    uint256 public constant MIN_APPEAL_WINDOW = 1 days;
    uint256 public constant MAX_DURATION = 730 days;
    /// @notice The highest protocol fee there can ever be: 2 % of the reward.
    uint16 public constant MAX_FEE_BPS = 200;

    /// @notice May set the fee of new jobs and nothing else.
    address public immutable governor;

    /// @notice Who receives fees, and the fee of jobs posted now, in basis points of the reward.
    address public treasury;
    uint16 public feeBps;
    /// @dev In the word that posting reads anyway.
    bool private locked;

    /// @dev A balance and its withdrawal nonce share a word, so that a relayed withdrawal creates no state.
    struct Account {
        uint192 balance;
        uint64 nonce;
    }

    mapping(address account => mapping(address token => Account)) private accounts;
    mapping(bytes32 job => Job) private jobs;
    mapping(bytes32 job => mapping(uint256 index => uint256)) private taken;

    /// @dev One lock for everything that moves money.
    modifier lock() {
        if (locked) revert Locked();
        locked = true;
        _;
        locked = false;
    }

    constructor(address governor_) {
        governor = governor_;
        treasury = governor_;
    }

    // ------------------------------------------------------------------------------------------------ ledger

    /// @inheritdoc IPiecework
    function balanceOf(address account, address token) external view returns (uint256) {
        return accounts[account][token].balance;
    }

    /// @inheritdoc IPiecework
    function nonceOf(address account, address token) external view returns (uint64) {
        return accounts[account][token].nonce;
    }

    /// @inheritdoc IPiecework
    function deposit(address token, uint256 amount) external payable lock {
        if (amount == 0) revert AmountZero();
        takeFromWallet(token, amount);
        credit(msg.sender, token, amount);
        emit Deposited(msg.sender, token, amount);
    }

    /// @inheritdoc IPiecework
    function withdraw(address token, uint256 amount, address receiver) external lock {
        debit(msg.sender, token, amount);
        emit Withdrawn(msg.sender, token, receiver, amount, msg.sender, 0);
        send(token, receiver, amount);
    }

    /// @inheritdoc IPiecework
    function withdrawWithSignature(Withdrawal calldata withdrawal, uint256 fee, bytes calldata signature) external lock {
        if (block.timestamp > withdrawal.deadline) revert DeadlinePassed(withdrawal.deadline);
        if (fee > withdrawal.maxFee) revert FeeTooHigh(withdrawal.maxFee, fee);
        Account storage account = accounts[withdrawal.owner][withdrawal.token];
        if (withdrawal.nonce != account.nonce) revert NonceWrong(account.nonce, withdrawal.nonce);
        requireSignedBy(withdrawal.owner, _hashTypedData(withdrawal.hash()), signature);

        account.nonce++;
        debit(withdrawal.owner, withdrawal.token, withdrawal.amount + fee);
        if (fee != 0) credit(msg.sender, withdrawal.token, fee);
        emit Withdrawn(withdrawal.owner, withdrawal.token, withdrawal.receiver, withdrawal.amount, msg.sender, fee);
        send(withdrawal.token, withdrawal.receiver, withdrawal.amount);
    }

    // ------------------------------------------------------------------------------------------------ jobs

    /// @inheritdoc IPiecework
    function post(Terms calldata terms, uint32 slots, Source source) external payable lock returns (bytes32 job) {
        if (msg.sender != terms.requester) revert CallerNotRequester(terms.requester);
        job = create(terms, slots, source);
        takeFrom(source, terms, slots);
    }

    /// @inheritdoc IPiecework
    function postWithPermit(Terms calldata terms, uint32 slots, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        lock
        returns (bytes32 job)
    {
        if (msg.sender != terms.requester) revert CallerNotRequester(terms.requester);
        job = create(terms, slots, Source.Wallet);
        uint256 amount = priceOf(terms, slots);
        requireToken(terms.token, amount);
        // Somebody may have carried the permit first; then the allowance is there and the transfer works.
        try IERC20Permit(terms.token).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        takeFromWallet(terms.token, amount);
    }

    /// @inheritdoc IPiecework
    function postWithAuthorization(
        Terms calldata terms,
        uint32 slots,
        uint256 validAfter,
        uint256 validBefore,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external lock returns (bytes32 job) {
        job = create(terms, slots, Source.Wallet);
        uint256 amount = priceOf(terms, slots);
        requireToken(terms.token, amount);
        uint256 before = IERC20(terms.token).balanceOf(address(this));
        IERC3009(terms.token).receiveWithAuthorization(
            terms.requester, address(this), amount, validAfter, validBefore, job, v, r, s
        );
        requireArrived(terms.token, before, amount);
    }

    /// @inheritdoc IPiecework
    function fund(Terms calldata terms, uint32 firstSlot, uint32 slots, bytes32 contentHash, Source source)
        external
        payable
        lock
    {
        if (msg.sender != terms.requester) revert CallerNotRequester(terms.requester);
        if (slots == 0) revert SlotsZero();
        bytes32 job = _hashTypedData(terms.hash());
        Job storage state = openJob(job);
        if (firstSlot != state.funded) revert FirstSlotMoved(state.funded, firstSlot);
        if (slots > type(uint32).max - firstSlot) revert SlotsTooMany(type(uint32).max);
        state.funded = firstSlot + slots;
        emit JobFunded(job, firstSlot, slots, contentHash, source);
        takeFrom(source, terms, slots);
    }

    /// @inheritdoc IPiecework
    function close(Terms calldata terms) external lock {
        if (block.timestamp < terms.closesAt) revert ClosesLater(terms.closesAt);
        bytes32 job = _hashTypedData(terms.hash());
        Job storage state = openJob(job);
        uint32 free = state.funded - state.taken;
        state.taken = state.funded;
        state.resolved += free;
        state.closed = true;
        credit(terms.requester, terms.token, priceOf(terms, free));
        emit JobClosed(job, free);
    }

    /// @dev Checks the terms, writes the job's word and says so; the caller brings the money.
    function create(Terms calldata terms, uint32 slots, Source source) private returns (bytes32 job) {
        checkTerms(terms);
        if (slots == 0) revert SlotsZero();
        job = _hashTypedData(terms.hash());
        if (jobs[job].funded != 0) revert JobExists(job);
        jobs[job].funded = slots;
        emit JobPosted(job, terms.requester, terms, slots, source);
    }

    function checkTerms(Terms calldata terms) private view {
        if (terms.requester == address(0) || terms.requester == address(this)) revert AddressInvalid(terms.requester);
        if (terms.coordinator == address(0)) revert CoordinatorZero();
        if (terms.reward == 0) revert RewardZero();
        // uint128 times a uint16 over 10,000 fits uint128 for every rate up to 100 %.
        uint128 fee = uint128(uint256(terms.reward) * feeBps / 10_000);
        if (terms.fee != fee) revert FeeNotToday(fee, terms.fee);
        uint256 latest = block.timestamp + MAX_DURATION;
        if (terms.closesAt <= block.timestamp || terms.closesAt > latest) {
            revert ClosesAtWrong(uint64(block.timestamp + 1), uint64(latest), terms.closesAt);
        }
        if (
            terms.reviewWindow > MAX_WINDOW || terms.appealWindow > MAX_WINDOW
                || terms.appealWindow < MIN_APPEAL_WINDOW
        ) revert WindowWrong(terms.reviewWindow, terms.appealWindow);
    }

    function openJob(bytes32 job) private view returns (Job storage state) {
        state = jobs[job];
        if (state.funded == 0) revert JobUnknown(job);
        if (state.closed) revert JobIsClosed(job);
    }

    /// @dev What `slots` slots lock: at most 2^32 * 2^129, so it can't overflow.
    function priceOf(Terms calldata terms, uint256 slots) private pure returns (uint256) {
        return slots * (uint256(terms.reward) + terms.fee);
    }

    // ------------------------------------------------------------------------------------------------ settlement

    /// @inheritdoc IPiecework
    function settle(
        Terms calldata terms,
        address[] calldata workers,
        SignedBatch[] calldata batches,
        Payout calldata payout
    ) external lock {
        bytes32 job = _hashTypedData(terms.hash());
        Job storage state = openJob(job);
        if (workers.length > MAX_WORKERS) revert BatchTooLarge(0, workers.length);

        uint256[256] memory counts;
        uint256 took;
        uint256 funded = state.funded;
        for (uint256 i; i < batches.length; ++i) {
            took += takeBatch(job, terms, workers, batches[i], funded, counts);
            // A byte may point into its own batch's table only. Where the next table is the same one, one check does both.
            if (i + 1 == batches.length || batches[i + 1].workerCount != batches[i].workerCount) {
                requireCounted(counts, batches[i].workerCount, took);
            }
        }
        if (took == 0) revert NothingFree(job);

        state.taken += uint32(took);
        state.resolved += uint32(took);
        pay(job, terms, workers, counts, payout);
    }

    /// @dev Verifies one batch with both signatures and takes its free slots.
    function takeBatch(
        bytes32 job,
        Terms calldata terms,
        address[] calldata workers,
        SignedBatch calldata batch,
        uint256 funded,
        uint256[256] memory counts
    ) private returns (uint256 took) {
        bytes memory places = batch.places;
        if (places.length > MAX_SLOTS || batch.workerCount > workers.length) {
            revert BatchTooLarge(places.length, batch.workerCount);
        }
        bytes32 digest = _hashTypedData(
            TypedData.hashBatch(
                job, batch.firstSlot, workers.hashTable(batch.workerCount), keccak256(places), batch.answerRoot
            )
        );
        if (!Signatures.signedByKey(terms.coordinator, digest, batch.r, batch.vs)) {
            revert SignatureInvalid(terms.coordinator);
        }
        uint256 named;
        (named, took) = Slots.take(taken[job], batch.firstSlot, funded, places, counts);
        requireApproved(terms, digest, named, batch.approval);
        emit BatchSettled(job, digest, batch.firstSlot, batch.workerCount, batch.answerRoot, places);
    }

    function requireCounted(uint256[256] memory counts, uint256 workerCount, uint256 took) private pure {
        unchecked {
            uint256 counted;
            for (uint256 place = 1; place <= workerCount; ++place) counted += counts[place];
            if (counted != took) revert PlaceUnknown();
        }
    }

    /// @dev The requester or the operator approved `slots` slots of the batch, here as the caller or by signature.
    function requireApproved(Terms calldata terms, bytes32 batch, uint256 slots, bytes calldata approval) private view {
        if (approval.length == 0) {
            if (msg.sender != terms.requester && msg.sender != terms.operator) revert SignatureInvalid(terms.requester);
            return;
        }
        bytes32 digest = _hashTypedData(TypedData.hashApproval(batch, slots, priceOf(terms, slots)));
        if (Signatures.signedBy(terms.requester, digest, approval)) return;
        if (!Signatures.signedBy(terms.operator, digest, approval)) revert SignatureInvalid(terms.requester);
    }

    /// @dev Each worker once, to its wallet or as a credit; the requester's own slots back with their fee.
    function pay(
        bytes32 job,
        Terms calldata terms,
        address[] calldata workers,
        uint256[256] memory counts,
        Payout calldata payout
    ) private {
        uint256 credited;
        uint256 paid;
        for (uint256 place = 1; place <= workers.length; ++place) {
            uint256 slots = counts[place];
            if (slots == 0) continue;
            address worker = workers[place - 1];
            if (worker == address(0) || worker == address(this)) revert WorkerInvalid(worker);
            if (worker == terms.requester) {
                credit(worker, terms.token, priceOf(terms, slots));
                credited |= 1 << place;
                continue;
            }
            paid += slots;
            uint256 amount = slots * terms.reward;
            bool pushed = payout.pushGas != 0 && payout.creditMask & (1 << place) == 0
                && Push.tryPush(terms.token, worker, amount, payout.pushGas);
            if (!pushed) {
                credit(worker, terms.token, amount);
                credited |= 1 << place;
            }
        }
        emit WorkersPaid(job, credited, workers);
        if (terms.fee != 0 && paid != 0) {
            credit(treasury, terms.token, paid * terms.fee);
            emit FeePaid(job, treasury, terms.token, paid * terms.fee);
        }
    }

    // ------------------------------------------------------------------------------------------------ protocol fee

    /// @inheritdoc IPiecework
    function setProtocolFee(uint16 feeBps_, address treasury_) external lock {
        if (msg.sender != governor) revert CallerNotGovernor(governor);
        if (feeBps_ > MAX_FEE_BPS) revert FeeTooHigh(MAX_FEE_BPS, feeBps_);
        if (treasury_ == address(0) || treasury_ == address(this)) revert AddressInvalid(treasury_);
        (feeBps, treasury) = (feeBps_, treasury_);
        emit ProtocolFeeSet(feeBps_, treasury_);
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @inheritdoc IPiecework
    function jobId(Terms calldata terms) external view returns (bytes32) {
        return _hashTypedData(terms.hash());
    }

    /// @inheritdoc IPiecework
    function jobOf(bytes32 job) external view returns (Job memory) {
        return jobs[job];
    }

    /// @inheritdoc IPiecework
    function takenWord(bytes32 job, uint256 word) external view returns (uint256) {
        return taken[job][word];
    }

    /// @inheritdoc IPiecework
    function batchDigest(
        bytes32 job,
        uint256 firstSlot,
        address[] calldata workers,
        bytes calldata places,
        bytes32 answerRoot
    ) external view returns (bytes32) {
        return _hashTypedData(
            TypedData.hashBatch(job, firstSlot, workers.hashTable(workers.length), keccak256(places), answerRoot)
        );
    }

    /// @inheritdoc IPiecework
    function approvalDigest(bytes32 batch, uint256 slots, uint256 amount) external view returns (bytes32) {
        return _hashTypedData(TypedData.hashApproval(batch, slots, amount));
    }

    /// @inheritdoc IPiecework
    function withdrawalDigest(Withdrawal calldata withdrawal) external view returns (bytes32) {
        return _hashTypedData(withdrawal.hash());
    }

    // ------------------------------------------------------------------------------------------------ money

    function credit(address account, address token, uint256 amount) private {
        uint256 balance = accounts[account][token].balance + amount;
        if (balance > type(uint192).max) revert BalanceTooHigh(account, token);
        accounts[account][token].balance = uint192(balance);
    }

    function debit(address account, address token, uint256 amount) private {
        if (amount == 0) revert AmountZero();
        uint256 balance = accounts[account][token].balance;
        if (balance < amount) revert BalanceTooLow(account, token, balance, amount);
        // Warning: the check above makes the cast exact.
        accounts[account][token].balance = uint192(balance - amount);
    }

    /// @dev The money of `slots` slots, from the caller's balance or wallet.
    function takeFrom(Source source, Terms calldata terms, uint256 slots) private {
        if (source == Source.Wallet) return takeFromWallet(terms.token, priceOf(terms, slots));
        if (msg.value != 0) revert ValueWrong(0, msg.value);
        debit(msg.sender, terms.token, priceOf(terms, slots));
    }

    /// @dev `amount` from the caller's wallet, arrived in full or not at all.
    function takeFromWallet(address token, uint256 amount) private {
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

    /// @dev The native coin knows no permits or authorizations: it must be sent along, to `post`.
    function requireToken(address token, uint256 amount) private pure {
        if (token == address(0)) revert ValueWrong(amount, 0);
    }

    function requireArrived(address token, uint256 before, uint256 amount) private view {
        uint256 balance = IERC20(token).balanceOf(address(this));
        if (balance != before + amount) revert ArrivalWrong(amount, balance > before ? balance - before : 0);
    }

    /// @dev A withdrawal's own transfer: all the gas there is, and a failure undoes the withdrawal.
    function send(address token, address receiver, uint256 amount) private {
        if (receiver == address(0) || receiver == address(this)) revert AddressInvalid(receiver);
        if (!Push.trySend(token, receiver, amount, gasleft())) revert TransferFailed(token, receiver, amount);
    }

    function requireSignedBy(address signer, bytes32 digest, bytes calldata signature) private view {
        if (!Signatures.signedBy(signer, digest, signature)) revert SignatureInvalid(signer);
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return ("Piecework", "1");
    }
}
