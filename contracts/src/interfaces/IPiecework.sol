// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "./IBooks.sol";

/// @title The Piecework escrow, every day
/// @notice Money in, jobs, settlement, money out. The same address answers to `IRecourse` too.
interface IPiecework is IBooks {
    /// @notice Base units of `token` that `account` can withdraw or fund jobs with.
    function balanceOf(address account, address token) external view returns (uint256);

    /// @notice The nonce that the next relayed withdrawal of `account` in `token` must carry.
    function nonceOf(address account, address token) external view returns (uint64);

    /// @notice Moves `amount` from the caller's wallet into its ledger balance. For the native coin send it along.
    function deposit(address token, uint256 amount) external payable;

    /// @notice Like `deposit`, after using an ERC-2612 permit of exactly `amount`.
    function depositWithPermit(address token, uint256 amount, Permit calldata permit) external;

    /// @notice Sends `amount` of the caller's balance to `receiver`.
    function withdraw(address token, uint256 amount, address receiver) external;

    /// @notice Carries a withdrawal that its owner signed. `fee` (at most the signed `maxFee`) comes on top of the amount
    /// from the owner's balance and is credited to the caller.
    function withdrawWithSignature(Withdrawal calldata withdrawal, uint256 fee, bytes calldata signature) external;

    /// @notice Posts a job of `slots` slots and locks their money, from the caller's wallet or its ledger balance.
    function post(Terms calldata terms, uint32 slots, Source source) external payable returns (bytes32 job);

    /// @notice Like `post` from the wallet, after using an ERC-2612 permit of exactly the money. A permit that somebody
    /// used already is no obstacle.
    function postWithPermit(Terms calldata terms, uint32 slots, Permit calldata permit) external returns (bytes32 job);

    /// @notice Posts a job for its requester, who signed an EIP-3009 `ReceiveWithAuthorization` of exactly the money with
    /// the job id as nonce. Anyone may carry it.
    function postWithAuthorization(
        Terms calldata terms,
        uint32 slots,
        Authorization calldata authorization
    ) external returns (bytes32 job);

    /// @notice Locks money for more slots of an open job. They follow the last ones; `firstSlot` names the first, so that a
    /// reorg can't swap two fundings. `contentHash` is the hash of what they pay for.
    function fund(Terms calldata terms, uint32 firstSlot, uint32 slots, bytes32 contentHash, Source source)
        external
        payable;

    /// @notice Like `fund` from the wallet, after using an ERC-2612 permit of exactly the money.
    function fundWithPermit(
        Terms calldata terms,
        uint32 firstSlot,
        uint32 slots,
        bytes32 contentHash,
        Permit calldata permit
    ) external;

    /// @notice Like `fund` from the wallet of the requester, who signed an EIP-3009 `ReceiveWithAuthorization` whose nonce is
    /// `fundingNonce` of these arguments. Anyone may carry it.
    function fundWithAuthorization(
        Terms calldata terms,
        uint32 firstSlot,
        uint32 slots,
        bytes32 contentHash,
        Authorization calldata authorization
    ) external;

    /// @notice From `closesAt` on, gives the money of every free slot back to the requester's balance and ends the job.
    function close(Terms calldata terms) external;

    /// @notice Pays the free slots of one or many approved batches of one job, each worker once. Slots that aren't free are
    /// skipped. Slots that a batch gives to the requester, to the zero address or to the escrow are cancelled: reward and fee return
    /// to the requester's balance. Batches whose
    /// tables differ in length come shortest first (`PlaceUnknown` otherwise).
    function settle(
        Terms calldata terms,
        address[] calldata workers,
        SignedBatch[] calldata batches,
        Payout calldata payout
    ) external;

    /// @notice Sets the fee of jobs posted from now on, in basis points of the reward, and who receives it.
    function setProtocolFee(uint16 feeBps, address treasury) external;

    /// @notice The EIP-712 digest of the terms.
    function jobId(Terms calldata terms) external view returns (bytes32);

    function jobOf(bytes32 job) external view returns (Job memory);

    /// @notice 256 taken bits of a job: slot s is bit 255 - s % 256 of word s / 256.
    function takenWord(bytes32 job, uint256 word) external view returns (uint256);

    /// @notice The digest that the coordinator signs for these slots.
    function batchDigest(
        bytes32 job,
        uint256 firstSlot,
        address[] calldata workers,
        bytes calldata places,
        bytes32 answerRoot
    ) external view returns (bytes32);

    /// @notice The digest that the requester signs to approve a batch of `slots` named slots; `amount` is the most that
    /// leaves the job by it, slots times reward plus fee.
    function approvalDigest(bytes32 batch, uint256 slots, uint256 amount) external view returns (bytes32);

    /// @notice The EIP-3009 nonce that pays for a top-up.
    function fundingNonce(bytes32 job, uint32 firstSlot, uint32 slots, bytes32 contentHash)
        external
        view
        returns (bytes32);

    /// @notice The digest that the owner of a withdrawal signs.
    function withdrawalDigest(Withdrawal calldata withdrawal) external view returns (bytes32);
}
