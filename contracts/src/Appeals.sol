// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Openings} from "./Openings.sol";
import {IArbitrable, IArbitrator} from "./interfaces/IArbitrator.sol";
import {IRecourse} from "./interfaces/IRecourse.sol";
import {Slots} from "./libraries/Slots.sol";
import {TypedData} from "./libraries/TypedData.sol";

/// @title Appeals of contested slots, before any ERC-792 arbitrator
/// @dev Part of `Recourse`. A worker that appeals never calls the arbitrator: the requester must get the dispute begun, or the slots
/// pay. A ruling is only written down, at constant gas; `conclude` moves the money, and anyone may call it.
abstract contract Appeals is Openings, IArbitrable {
    using TypedData for *;

    /// @notice How long an arbitrator may take before the worker wins.
    uint256 public constant RULING_LIMIT = 180 days;
    /// @notice The ruling for the requester; any other is for the worker.
    uint256 public constant FOR_REQUESTER = 2;
    uint256 private constant CHOICES = 2;

    /// @inheritdoc IRecourse
    function appeal(
        Terms calldata terms,
        Opening[] calldata opened,
        uint256[] calldata placeOf,
        bytes calldata signature
    ) external lock returns (bytes32 id) {
        if (opened.length != placeOf.length) revert LengthsDiffer();
        bytes32 job = idOf(terms);
        bytes32[] memory ids = new bytes32[](opened.length);
        bytes[] memory slots = new bytes[](opened.length);
        address worker;
        uint256 took;
        for (uint256 i; i < opened.length; ++i) {
            address holder = workerAt(opened[i].workers, placeOf[i]);
            if (i == 0) worker = holder;
            if (holder != worker) revert WorkerInvalid(holder);
            uint256 more;
            (ids[i], slots[i], more) = answer(terms, opened[i], placeOf[i]);
            took += more;
        }
        if (took == 0) revert NothingFree(job);
        bytes32 request = TypedData.hashAppealRequest(ids, placeOf);
        if (msg.sender != worker) requireSignedBy(worker, _hashTypedData(request), signature);

        if (terms.appealStake != 0) debit(msg.sender, terms.token, terms.appealStake);
        Appeal memory entry = Appeal(worker, msg.sender, uint32(took), uint64(block.timestamp), request);
        id = TypedData.appealId(job, entry);
        appeals[id] = AppealState(Phase.Pending, 0, uint64(block.timestamp), address(0));
        emit Appealed(job, id, worker, msg.sender, uint32(took), request, ids, slots);
    }

    /// @dev Marks what the worker at `place` holds and lost by contest in one opening as appealed.
    function answer(Terms calldata terms, Opening calldata opened, uint256 place)
        private
        returns (bytes32 id, bytes memory places, uint256 took)
    {
        bytes32 job;
        (job, id, places) = read(terms, opened);
        uint256 from = uint256(openings[id].openedAt) + terms.reviewWindow;
        uint256 until = from + terms.appealWindow;
        if (block.timestamp < from || block.timestamp >= until) revert NotNow(from, until);
        Slots.keepPlace(places, place);
        Slots.keepWhere(contested[job], opened.firstSlot, places, true);
        uint256[256] memory counts;
        took = takeAll(answered[job], opened.firstSlot, places, counts);
    }

    /// @inheritdoc IRecourse
    function defend(Terms calldata terms, Appeal calldata appeal_, string calldata metaEvidence) external payable lock {
        requireOwner(terms);
        (bytes32 job, bytes32 id, AppealState storage state) = readAppeal(terms, appeal_);
        if (state.phase != Phase.Pending) revert PhaseWrong(state.phase);
        uint256 until = uint256(state.since) + terms.appealWindow;
        if (block.timestamp >= until) revert NotNow(state.since, until);
        (state.phase, state.since, state.arbitrator) = (Phase.Defended, uint64(block.timestamp), terms.arbitrator);

        uint256 cost = IArbitrator(terms.arbitrator).arbitrationCost(terms.arbitratorExtraData);
        if (msg.value < cost) revert ValueWrong(cost, msg.value);
        if (msg.value != cost) {
            credit(msg.sender, address(0), msg.value - cost);
            emit Deposited(msg.sender, address(0), msg.value - cost);
        }
        uint256 disputeId =
            IArbitrator(terms.arbitrator).createDispute{value: cost}(CHOICES, terms.arbitratorExtraData);
        if (disputes[terms.arbitrator][disputeId] != 0) revert DisputeUsed(disputeId);
        disputes[terms.arbitrator][disputeId] = id;
        emit Defended(job, id, terms.arbitrator, disputeId, cost);
        emit MetaEvidence(uint256(id), metaEvidence);
        emit Dispute(terms.arbitrator, disputeId, uint256(id), uint256(id));
    }

    /// @inheritdoc IArbitrable
    function rule(uint256 disputeId, uint256 ruling) external lock {
        AppealState storage state = appeals[disputes[msg.sender][disputeId]];
        // Ended before, given in or too late: nothing changes here, and the arbitrator can close its own case.
        if (state.phase == Phase.Done) return;
        if (state.phase != Phase.Defended) revert PhaseWrong(state.phase);
        uint256 until = uint256(state.since) + RULING_LIMIT;
        if (block.timestamp >= until) revert NotNow(state.since, until);
        state.phase = Phase.Ruled;
        state.ruling = ruling == FOR_REQUESTER ? uint8(FOR_REQUESTER) : 0;
        emit Ruling(msg.sender, disputeId, ruling);
    }

    /// @inheritdoc IRecourse
    function conclude(Terms calldata terms, Appeal calldata appeal_) external lock {
        (bytes32 job, bytes32 id, AppealState storage state) = readAppeal(terms, appeal_);
        bool workerWon = workerWins(terms, state);
        state.phase = Phase.Done;
        uint256 slots = appeal_.slots;
        wordOf(job).resolved += uint32(slots);

        uint256 deposits = slots * terms.contestDeposit;
        if (workerWon) {
            credit(appeal_.worker, terms.token, slots * terms.reward + deposits);
            credit(appeal_.sponsor, terms.token, terms.appealStake);
        } else {
            credit(terms.requester, terms.token, priceOf(terms, slots) + deposits + terms.appealStake);
        }
        emit AppealEnded(job, id, workerWon, uint32(slots));
        if (workerWon) payFee(job, terms, slots);
    }

    /// @inheritdoc IRecourse
    function submitEvidence(bytes32 appeal_, string calldata evidence) external {
        AppealState storage state = appeals[appeal_];
        if (state.phase != Phase.Defended) revert PhaseWrong(state.phase);
        emit Evidence(state.arbitrator, uint256(appeal_), msg.sender, evidence);
    }

    /// @inheritdoc IRecourse
    function appealOf(bytes32 appeal_) external view returns (Phase, uint64, uint8) {
        AppealState storage state = appeals[appeal_];
        return (state.phase, state.since, state.ruling);
    }

    /// @inheritdoc IRecourse
    function appealId(bytes32 job, Appeal calldata appeal_) external pure returns (bytes32) {
        return TypedData.appealId(job, appeal_);
    }

    /// @inheritdoc IRecourse
    function appealRequestDigest(bytes32[] calldata opened, uint256[] calldata placeOf)
        external
        view
        returns (bytes32)
    {
        return _hashTypedData(TypedData.hashAppealRequest(opened, placeOf));
    }

    function readAppeal(Terms calldata terms, Appeal calldata appeal_)
        private
        view
        returns (bytes32 job, bytes32 id, AppealState storage state)
    {
        job = idOf(terms);
        id = TypedData.appealId(job, appeal_);
        state = appeals[id];
        if (state.phase == Phase.None) revert PhaseWrong(Phase.None);
    }

    /// @dev As ruled; without a defence or a ruling in time, or where the requester gives in, yes; before that, nobody yet.
    function workerWins(Terms calldata terms, AppealState storage state) private view returns (bool) {
        if (state.phase == Phase.Ruled) return state.ruling != FOR_REQUESTER;
        if (state.phase == Phase.Done) revert PhaseWrong(Phase.Done);
        if (msg.sender == terms.requester || msg.sender == terms.operator) return true;
        uint256 from = uint256(state.since) + (state.phase == Phase.Pending ? terms.appealWindow : RULING_LIMIT);
        if (block.timestamp < from) revert NotNow(from, type(uint256).max);
        return true;
    }
}
