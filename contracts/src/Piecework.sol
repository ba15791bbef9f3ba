// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

import {Recourse} from "./Recourse.sol";
import {Settlements} from "./Settlements.sol";
import {IERC3009} from "./interfaces/IERC3009.sol";
import {IPiecework} from "./interfaces/IPiecework.sol";
import {Push} from "./libraries/Push.sol";
import {TypedData} from "./libraries/TypedData.sol";

/// @title Piecework
/// @notice The escrow: money in, jobs, settlement, money out. What happens when somebody stays silent or disagrees, and what few
/// people need every day, is in `Recourse`, which this contract creates, can never change, and calls on its own state.
/// @dev Every action has one shape: check, effect, event, and interactions last. The order alone is safe; the one lock stands
/// behind it.
contract Piecework is Settlements {
    using TypedData for *;

    uint256 public constant MAX_WINDOW = 90 days;
    uint256 public constant MIN_APPEAL_WINDOW = 1 days;
    uint256 public constant MAX_DURATION = 730 days;
    uint256 public constant MAX_EXTRA_DATA = 256;
    /// @notice The highest protocol fee there can ever be: 2 % of the reward.
    uint16 public constant MAX_FEE_BPS = 200;

    /// @notice May set the fee of new jobs and nothing else.
    address public immutable governor;
    /// @notice The other half of the code.
    address public immutable recourse;

    constructor(address governor_) {
        governor = governor_;
        treasury = governor_;
        recourse = address(new Recourse());
    }

    /// @dev Coins that nobody asked for stay out; a deposit says what it is.
    receive() external payable {
        revert ValueWrong(0, msg.value);
    }

    /// @dev Whatever isn't here is `Recourse`'s, run on this contract's state.
    fallback() external payable {
        address code = recourse;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, 0, calldatasize())
            let ok := delegatecall(gas(), code, free, calldatasize(), 0, 0)
            returndatacopy(free, 0, returndatasize())
            if iszero(ok) { revert(free, returndatasize()) }
            return(free, returndatasize())
        }
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
    function depositWithPermit(address token, uint256 amount, Permit calldata permit) external lock {
        if (amount == 0) revert AmountZero();
        takeWithPermit(token, amount, permit);
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
    function withdrawWithSignature(Withdrawal calldata withdrawal, uint256 fee, bytes calldata signature)
        external
        lock
    {
        if (block.timestamp > withdrawal.deadline) revert DeadlinePassed(withdrawal.deadline);
        if (fee > withdrawal.maxFee) revert FeeTooHigh(withdrawal.maxFee, fee);
        useNonce(withdrawal.owner, withdrawal.token, withdrawal.nonce);
        requireSignedBy(withdrawal.owner, _hashTypedData(withdrawal.hash()), signature);
        takeOut(withdrawal, fee);
        emit Withdrawn(withdrawal.owner, withdrawal.token, withdrawal.receiver, withdrawal.amount, msg.sender, fee);
        send(withdrawal.token, withdrawal.receiver, withdrawal.amount);
    }

    /// @dev A withdrawal's own transfer: all the gas there is, and a failure undoes the withdrawal.
    function send(address token, address receiver, uint256 amount) private {
        if (receiver == address(0) || receiver == address(this)) revert AddressInvalid(receiver);
        if (!Push.trySend(token, receiver, amount, gasleft())) revert TransferFailed(token, receiver, amount);
    }

    // ------------------------------------------------------------------------------------------------ jobs

    /// @inheritdoc IPiecework
    function post(Terms calldata terms, uint32 slots, Source source) external payable lock returns (bytes32 job) {
        job = create(terms, slots, source);
        takeFrom(source, terms, slots);
    }

    /// @inheritdoc IPiecework
    function postWithPermit(Terms calldata terms, uint32 slots, Permit calldata permit)
        external
        lock
        returns (bytes32 job)
    {
        job = create(terms, slots, Source.Wallet);
        requireRequester(terms);
        takeWithPermit(terms.token, priceOf(terms, slots), permit);
    }

    /// @inheritdoc IPiecework
    function postWithAuthorization(
        Terms calldata terms,
        uint32 slots,
        Authorization calldata authorization
    ) external lock returns (bytes32 job) {
        job = create(terms, slots, Source.Wallet);
        takeAuthorized(terms, slots, job, authorization);
    }

    /// @inheritdoc IPiecework
    function fund(Terms calldata terms, uint32 firstSlot, uint32 slots, bytes32 contentHash, Source source)
        external
        payable
        lock
    {
        extend(terms, firstSlot, slots, contentHash, source);
        takeFrom(source, terms, slots);
    }

    /// @inheritdoc IPiecework
    function fundWithPermit(
        Terms calldata terms,
        uint32 firstSlot,
        uint32 slots,
        bytes32 contentHash,
        Permit calldata permit
    ) external lock {
        extend(terms, firstSlot, slots, contentHash, Source.Wallet);
        requireRequester(terms);
        takeWithPermit(terms.token, priceOf(terms, slots), permit);
    }

    /// @inheritdoc IPiecework
    function fundWithAuthorization(
        Terms calldata terms,
        uint32 firstSlot,
        uint32 slots,
        bytes32 contentHash,
        Authorization calldata authorization
    ) external lock {
        bytes32 job = extend(terms, firstSlot, slots, contentHash, Source.Wallet);
        bytes32 nonce = fundingNonce(job, firstSlot, slots, contentHash);
        takeAuthorized(terms, slots, nonce, authorization);
    }

    /// @inheritdoc IPiecework
    function close(Terms calldata terms) external lock {
        if (block.timestamp < terms.closesAt) revert ClosesLater(terms.closesAt);
        bytes32 job = idOf(terms);
        JobWord storage state = openJob(job);
        uint32 free = state.funded - state.taken;
        state.taken = state.funded;
        state.resolved += free;
        state.closed = true;
        credit(terms.requester, terms.token, priceOf(terms, free));
        emit JobClosed(job, free);
    }

    /// @inheritdoc IPiecework
    function jobOf(bytes32 job) external view returns (Job memory) {
        JobWord storage state = wordOf(job);
        return Job(state.funded, state.taken, state.resolved, state.closed);
    }

    /// @inheritdoc IPiecework
    function fundingNonce(bytes32 job, uint32 firstSlot, uint32 slots, bytes32 contentHash)
        public
        view
        returns (bytes32)
    {
        return _hashTypedData(keccak256(abi.encode(TypedData.FUNDING, job, firstSlot, slots, contentHash)));
    }

    /// @dev Checks the terms, writes the job's word and says so; the caller brings the money.
    function create(Terms calldata terms, uint32 slots, Source source) private returns (bytes32 job) {
        checkTerms(terms);
        if (slots == 0) revert SlotsZero();
        job = idOf(terms);
        JobWord storage state = wordOf(job);
        if (state.funded != 0) revert JobExists(job);
        state.funded = slots;
        emit JobPosted(job, terms.requester, terms, slots, source);
    }

    function extend(Terms calldata terms, uint32 firstSlot, uint32 slots, bytes32 contentHash, Source source)
        private
        returns (bytes32 job)
    {
        if (slots == 0) revert SlotsZero();
        job = idOf(terms);
        JobWord storage state = openJob(job);
        if (firstSlot != state.funded) revert FirstSlotMoved(state.funded, firstSlot);
        if (slots > type(uint32).max - firstSlot) revert SlotsTooMany(type(uint32).max);
        state.funded = firstSlot + slots;
        emit JobFunded(job, firstSlot, slots, contentHash, source);
    }

    function checkTerms(Terms calldata terms) private view {
        if (terms.requester == address(0) || terms.requester == address(this)) revert AddressInvalid(terms.requester);
        if (terms.coordinator == address(0)) revert CoordinatorZero();
        if (terms.reward == 0) revert RewardZero();
        if (terms.arbitratorExtraData.length > MAX_EXTRA_DATA) revert ExtraDataTooLong(MAX_EXTRA_DATA);
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

    /// @dev The money of `slots` slots: from the requester's own wallet, or its balance (by its operator too).
    function takeFrom(Source source, Terms calldata terms, uint256 slots) private {
        uint256 amount = priceOf(terms, slots);
        if (source == Source.Wallet) {
            requireRequester(terms);
            return takeFromWallet(terms.token, amount);
        }
        if (msg.value != 0) revert ValueWrong(0, msg.value);
        if (msg.sender != terms.requester) spendAllowance(terms.requester, terms.token, amount);
        debit(terms.requester, terms.token, amount);
    }

    /// @dev Somebody may have carried the permit first; then the allowance is there and the transfer works.
    function takeWithPermit(address token, uint256 amount, Permit calldata permit) private {
        requireToken(token, amount);
        try IERC20Permit(token).permit(
            msg.sender, address(this), amount, permit.deadline, permit.v, permit.r, permit.s
        ) {} catch {}
        takeFromWallet(token, amount);
    }

    function requireRequester(Terms calldata terms) private view {
        if (msg.sender != terms.requester) revert CallerNotRequester(terms.requester);
    }

    function takeAuthorized(
        Terms calldata terms,
        uint256 slots,
        bytes32 nonce,
        Authorization calldata authorization
    ) private {
        uint256 amount = priceOf(terms, slots);
        requireToken(terms.token, amount);
        uint256 before = IERC20(terms.token).balanceOf(address(this));
        IERC3009(terms.token).receiveWithAuthorization(
            terms.requester,
            address(this),
            amount,
            authorization.validAfter,
            authorization.validBefore,
            nonce,
            authorization.v,
            authorization.r,
            authorization.s
        );
        requireArrived(terms.token, before, amount);
    }

    /// @dev The native coin knows no permits or authorizations: it must be sent along, to `post`.
    function requireToken(address token, uint256 amount) private pure {
        if (token == address(0)) revert ValueWrong(amount, 0);
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

    // ------------------------------------------------------------------------------------------------ digests

    /// @inheritdoc IPiecework
    function jobId(Terms calldata terms) external view returns (bytes32) {
        return idOf(terms);
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
}
