// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What the escrow's books hold
/// @notice Types, events and errors of the Piecework escrow, which holds the money of many jobs, pays workers for slots, and lets
/// nobody take what another earned.
///
/// A job is a reward per slot and a number of funded slots, under fixed terms. A slot pays for one answer of one
/// worker. The job's coordinator signs who answered which slots (a batch), the requester signs that it approves (an
/// approval), and anyone carries both here: the slots that are still free are taken and paid. A slot is one bit that
/// never goes back, so it pays once.
///
/// What must always hold is listed in contracts/README.md. Amounts are base units of the token named beside them;
/// `address(0)` is the native coin; instants are Unix seconds.
interface IBooks {
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

    /// @notice An ERC-2612 permit that the caller signed for exactly the money of the call.
    struct Permit {
        uint256 deadline;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    /// @notice An EIP-3009 authorization that the requester signed for exactly the money of the call.
    struct Authorization {
        uint256 validAfter;
        uint256 validBefore;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    /// @notice A batch as it is opened: with the coordinator's signature alone.
    struct OpenedBatch {
        uint32 firstSlot;
        address[] workers;
        bytes places;
        bytes32 answerRoot;
        bytes32 r;
        bytes32 vs;
        /// where in `workers` stands the worker who opens it; nothing if the coordinator does
        uint8 place;
    }

    /// @notice An opening as later calls hand it in: the batch's digest and the slots that it took (`places` with 0 where a
    /// slot wasn't free). Its hash with the job is the opening's id.
    struct Opening {
        bytes32 batch;
        uint32 firstSlot;
        address[] workers;
        bytes places;
    }

    /// @notice An appeal as later calls hand it in; its hash with the job is the appeal's id.
    struct Appeal {
        address worker;
        /// who staked, and gets the stake back where the worker wins
        address sponsor;
        uint32 slots;
        uint64 appealedAt;
        /// struct hash of the `AppealRequest`: the openings, and the worker's places in their tables
        bytes32 request;
    }

    /// @notice pending → defended → ruled → done; an appeal that isn't defended or ruled on in time goes straight to done.
    enum Phase {
        None,
        Pending,
        Defended,
        Ruled,
        Done
    }

    /// @notice An allowance that a requester gives an operator, signed and relayed.
    struct OperatorGrant {
        address requester;
        address operator;
        address token;
        /// base units that the operator may lock, contest and tip with from now on
        uint192 allowance;
        /// the allowance ends then
        uint64 expiresAt;
        /// the requester's next nonce for this token
        uint64 nonce;
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
    /// @notice Closes a run of `BatchSettled` of one job, or an `OpeningFinalized`: the table that their bytes point into. Bit i of
    /// `credited` says that the worker at place i was credited in the ledger; else the money went to its wallet. Where the
    /// worker is the requester, zero or the escrow, the slots were cancelled: the requester was credited, with their fee.
    event WorkersPaid(bytes32 indexed job, uint256 credited, address[] workers);
    event FeePaid(bytes32 indexed job, address indexed treasury, address indexed token, uint256 amount);
    event JobClosed(bytes32 indexed job, uint32 slotsRefunded);
    event OperatorSet(
        address indexed requester, address indexed operator, address indexed token, uint192 allowance, uint64 expiresAt
    );
    event OperatorSpent(address indexed requester, address indexed operator, address indexed token, uint256 amount);
    event Tipped(address indexed from, address indexed token, bytes32 indexed note, address[] receivers, uint256[] amounts);
    /// @notice A batch was opened; `places` holds what it took. From this block on these slots are these workers'.
    event BatchOpened(
        bytes32 indexed job,
        bytes32 indexed opening,
        bytes32 indexed batch,
        uint32 firstSlot,
        address[] workers,
        bytes32 answerRoot,
        bytes places
    );
    /// @notice The slots of an opening that nobody contested were paid; `places` holds them. `WorkersPaid` follows.
    event OpeningFinalized(bytes32 indexed job, bytes32 indexed opening, bytes places);
    event SlotsContested(
        bytes32 indexed job, bytes32 indexed opening, address indexed by, bytes32 reason, bytes places
    );
    /// @notice A worker appealed the contested slots that it holds in these openings; `places` are they, opening by opening. With the
    /// block's time and `request` (the places alone don't tell it where an opening holds none) this is all of the `Appeal`.
    event Appealed(
        bytes32 indexed job,
        bytes32 indexed appeal,
        address indexed worker,
        address sponsor,
        uint32 slots,
        bytes32 request,
        bytes32[] openings,
        bytes[] places
    );
    event SlotsReclaimed(bytes32 indexed job, bytes32 indexed opening, uint32 slots, bytes places);
    /// @notice The requester gave in, or had approved: `places` are credited, each with its deposit. `WorkersPaid` follows.
    event ContestConceded(bytes32 indexed job, bytes32 indexed opening, bytes places);
    event Defended(
        bytes32 indexed job, bytes32 indexed appeal, address indexed arbitrator, uint256 disputeId, uint256 cost
    );
    event AppealEnded(bytes32 indexed job, bytes32 indexed appeal, bool workerWon, uint32 slots);
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
    /// @notice The terms travel with every call, so what they carry for the arbitrator is bounded.
    error ExtraDataTooLong(uint256 most);
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

    /// @notice Neither the requester nor an operator with this much allowance left until now.
    error CallerNotAuthorized(address requester, uint256 allowance);
    error LengthsDiffer();
    error OpeningUnknown(bytes32 opening);
    error OpeningFinal(bytes32 opening);
    /// @notice The call's turn is from `from` on and ends before `until`.
    error NotNow(uint256 from, uint256 until);
    error CallerNotNamed();
    error ArbitratorZero();
    error PhaseWrong(Phase phase);
    error DisputeUsed(uint256 disputeId);
    error BatchTooLarge(uint256 slots, uint256 workers);
    /// @notice A byte of the batch points past its worker table.
    error PlaceUnknown();
    error WorkerInvalid(address worker);
    error NothingFree(bytes32 job);
    error GasTooLow(uint256 needed);
}
