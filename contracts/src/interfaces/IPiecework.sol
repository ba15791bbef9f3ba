// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The Piecework escrow
/// @notice Holds the money of many jobs, pays workers for slots, and lets nobody take what another earned.
///
/// A job is a reward per slot and a number of funded slots, under fixed terms. A slot pays for one answer of one
/// worker. The job's coordinator signs who answered which slots (a batch), the requester signs that it approves (an
/// approval), and anyone carries both here: the slots that are still free are taken and paid. A slot is one bit that
/// never goes back, so it pays once.
///
/// What must always hold is listed in contracts/README.md. Amounts are base units of the token named beside them;
/// `address(0)` is the native coin; instants are Unix seconds.
interface IPiecework {
    // ------------------------------------------------------------------------------------------------ types

    /// @notice What a job promises, fixed when it is posted. Its EIP-712 digest is the job's id: the contract keeps
    /// one word a job, callers hand the terms in, and a worker's file proves itself.
    struct Terms {
        /// who funds the job and gets back what isn't earned
        address requester;
        /// may approve in the requester's place; zero for nobody
        address operator;
        /// what the job pays in
        address token;
        /// base units of the token that one slot pays its worker; never zero
        uint128 reward;
        /// base units a paid slot owes the protocol: the day's rate on the reward, rounded down once
        uint128 fee;
        /// the key that signs batches and receipts; ECDSA only
        address coordinator;
        /// the ERC-792 contract that rules on appeals; zero means that no slot can be contested
        address arbitrator;
        /// what the arbitrator wants to know of the job, opaque here
        bytes arbitratorExtraData;
        /// base units that a contest locks per slot, lost to the worker with the slot
        uint128 contestDeposit;
        /// base units that an appeal locks
        uint128 appealStake;
        /// from then on anyone may close the job
        uint64 closesAt;
        /// how long after an opening its slots may be contested, in seconds
        uint32 reviewWindow;
        /// how long after the review window an appeal may come, in seconds
        uint32 appealWindow;
        /// hash of what the first funding pays for: instructions and units
        bytes32 contentHash;
        /// makes two jobs of equal terms differ
        bytes32 salt;
    }

    /// @notice A batch with the signatures that settle it. Its worker table is the first `workerCount` entries of the
    /// table given beside it, so that batches which grew from one roster share it and pay each worker once.
    struct SignedBatch {
        uint32 firstSlot;
        uint8 workerCount;
        /// one byte a slot: the worker's place in the table, from 1; 0 for nobody
        bytes places;
        /// Merkle root over the answers' commitments, opaque here
        bytes32 answerRoot;
        /// the coordinator's signature of the batch (EIP-2098)
        bytes32 r;
        bytes32 vs;
        /// the requester's or the operator's signature of the approval; empty if the caller is that account
        bytes approval;
    }

    /// @notice How the caller wants workers paid. Neither choice can lose a worker money: what isn't pushed is credited.
    struct Payout {
        /// bit i set: the worker at place i gets a credit in the ledger instead of a push
        uint256 creditMask;
        /// gas each push may use; 0 credits everybody
        uint256 pushGas;
    }

    /// @notice Where the money of a funding comes from.
    enum Source {
        Ledger,
        Wallet
    }

    /// @notice A withdrawal that its owner signs and anyone relays.
    struct Withdrawal {
        address owner;
        address token;
        address receiver;
        /// base units sent to the receiver
        uint256 amount;
        /// the most base units that the relayer may add for itself
        uint256 maxFee;
        /// the owner's next nonce for this token
        uint64 nonce;
        /// the last second in which it can be relayed
        uint64 deadline;
    }

    /// @notice A job's one word.
    struct Job {
        /// slots that money was locked for
        uint32 funded;
        /// slots that are not free any more
        uint32 taken;
        /// slots whose money has left the job
        uint32 resolved;
        bool closed;
    }

    // ------------------------------------------------------------------------------------------------ events

    event Deposited(address indexed account, address indexed token, uint256 amount);
    event Withdrawn(
        address indexed owner, address indexed token, address receiver, uint256 amount, address relayer, uint256 fee
    );
    event JobPosted(bytes32 indexed job, address indexed requester, Terms terms, uint32 slots, Source source);
    event JobFunded(bytes32 indexed job, uint32 firstSlot, uint32 slots, bytes32 contentHash, Source source);
    /// @notice A batch was settled. `places` is what was paid: a slot that wasn't free any more reads 0.
    /// The workers follow in the `WorkersPaid` that ends the same call.
    event BatchSettled(
        bytes32 indexed job, bytes32 indexed batch, uint32 firstSlot, uint8 workerCount, bytes32 answerRoot, bytes places
    );
    /// @notice Closes a run of `BatchSettled` of one job: the table that their bytes point into. Bit i of `credited` says
    /// that the worker at place i was credited in the ledger; else the money went to its wallet.
    event WorkersPaid(bytes32 indexed job, uint256 credited, address[] workers);
    event FeePaid(bytes32 indexed job, address indexed treasury, address indexed token, uint256 amount);
    event JobClosed(bytes32 indexed job, uint32 slotsRefunded);
    event ProtocolFeeSet(uint16 feeBps, address treasury);

    // ------------------------------------------------------------------------------------------------ errors

    error Locked();
    error AmountZero();
    error AddressInvalid(address account);
    /// @notice The token moved another amount than announced; such tokens can't be held exactly.
    error ArrivalWrong(uint256 announced, uint256 arrived);
    error ValueWrong(uint256 expected, uint256 sent);
    error TransferFailed(address token, address receiver, uint256 amount);
    /// @notice The ledger holds at most 2^192 - 1 base units an account.
    error BalanceTooHigh(address account, address token);
    error BalanceTooLow(address account, address token, uint256 balance, uint256 needed);
    error SignatureInvalid(address signer);
    error NonceWrong(uint64 expected, uint64 given);
    error DeadlinePassed(uint64 deadline);
    error FeeTooHigh(uint256 most, uint256 asked);

    error CallerNotRequester(address requester);
    error CallerNotGovernor(address governor);
    error RewardZero();
    error SlotsZero();
    error CoordinatorZero();
    /// @notice The terms name another fee than today's; post again with this one.
    error FeeNotToday(uint128 today, uint128 given);
    error ClosesAtWrong(uint64 earliest, uint64 latest, uint64 given);
    error WindowWrong(uint32 reviewWindow, uint32 appealWindow);
    error JobExists(bytes32 job);
    error JobUnknown(bytes32 job);
    error JobIsClosed(bytes32 job);
    error ClosesLater(uint64 closesAt);
    /// @notice Another funding came first; the caller meant its slots to begin elsewhere.
    error FirstSlotMoved(uint32 expected, uint32 given);
    error SlotsTooMany(uint256 most);

    error BatchTooLarge(uint256 slots, uint256 workers);
    /// @notice A byte of the batch points past its worker table.
    error PlaceUnknown();
    error WorkerInvalid(address worker);
    error NothingFree(bytes32 job);
    error GasTooLow(uint256 needed);

    // ------------------------------------------------------------------------------------------------ ledger

    /// @notice Base units of `token` that `account` can withdraw or fund jobs with.
    function balanceOf(address account, address token) external view returns (uint256);

    /// @notice The nonce that the next relayed withdrawal of `account` in `token` must carry.
    function nonceOf(address account, address token) external view returns (uint64);

    /// @notice Moves `amount` from the caller's wallet into its ledger balance. For the native coin send it along.
    function deposit(address token, uint256 amount) external payable;

    /// @notice Sends `amount` of the caller's balance to `receiver`.
    function withdraw(address token, uint256 amount, address receiver) external;

    /// @notice Carries a withdrawal that its owner signed. `fee` (at most the signed `maxFee`) comes on top of the amount
    /// from the owner's balance and is credited to the caller.
    function withdrawWithSignature(Withdrawal calldata withdrawal, uint256 fee, bytes calldata signature) external;

    // ------------------------------------------------------------------------------------------------ jobs

    /// @notice Posts a job of `slots` slots and locks their money, from the caller's wallet or its ledger balance.
    function post(Terms calldata terms, uint32 slots, Source source) external payable returns (bytes32 job);

    /// @notice Like `post` from the wallet, after using an ERC-2612 permit of exactly the money. A permit that somebody
    /// used already is no obstacle.
    function postWithPermit(Terms calldata terms, uint32 slots, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        returns (bytes32 job);

    /// @notice Posts a job for its requester, who signed an EIP-3009 `ReceiveWithAuthorization` of exactly the money with
    /// the job id as nonce. Anyone may carry it.
    function postWithAuthorization(
        Terms calldata terms,
        uint32 slots,
        uint256 validAfter,
        uint256 validBefore,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (bytes32 job);

    /// @notice Locks money for more slots of an open job. They follow the last ones; `firstSlot` names the first, so that a
    /// reorg can't swap two fundings. `contentHash` is the hash of what they pay for.
    function fund(Terms calldata terms, uint32 firstSlot, uint32 slots, bytes32 contentHash, Source source)
        external
        payable;

    /// @notice From `closesAt` on, gives the money of every free slot back to the requester's balance and ends the job.
    function close(Terms calldata terms) external;

    /// @notice Pays the free slots of one or many approved batches of one job, each worker once. Slots that aren't free are
    /// skipped. Slots that a batch gives to the requester are cancelled: reward and fee return to its balance. Batches whose
    /// tables differ in length come shortest first (`PlaceUnknown` otherwise).
    function settle(
        Terms calldata terms,
        address[] calldata workers,
        SignedBatch[] calldata batches,
        Payout calldata payout
    ) external;

    // ------------------------------------------------------------------------------------------------ protocol fee

    /// @notice Sets the fee of jobs posted from now on, in basis points of the reward, and who receives it.
    function setProtocolFee(uint16 feeBps, address treasury) external;

    // ------------------------------------------------------------------------------------------------ views

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

    /// @notice The digest that the owner of a withdrawal signs.
    function withdrawalDigest(Withdrawal calldata withdrawal) external view returns (bytes32);
}
