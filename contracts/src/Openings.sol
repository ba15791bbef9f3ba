// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Books} from "./Books.sol";
import {IRecourse} from "./interfaces/IRecourse.sol";
import {Slots} from "./libraries/Slots.sol";
import {TypedData} from "./libraries/TypedData.sol";

/// @title Openings, and what becomes of their slots without a court
/// @dev Part of `Recourse`. An opening is a time under the hash of what it took. At each instant one side may act: the requester
/// contests before `openedAt + reviewWindow`, workers appeal from there to `+ appealWindow`, and from there on anyone reclaims.
abstract contract Openings is Books, IRecourse {
    using TypedData for *;

    /// @inheritdoc IRecourse
    function open(Terms calldata terms, OpenedBatch[] calldata batches, bytes calldata signature)
        external
        lock
        returns (bytes32[] memory ids)
    {
        bytes32 job = idOf(terms);
        openJob(job);
        if (block.timestamp >= terms.closesAt) revert NotNow(0, terms.closesAt);
        address by = msg.sender == terms.coordinator ? terms.coordinator : opener(batches);
        ids = new bytes32[](batches.length);
        bytes32[] memory digests = new bytes32[](batches.length);
        bool any;
        for (uint256 i; i < batches.length; ++i) {
            digests[i] = digestOf(job, batches[i]);
            if (by != terms.coordinator && !givesFree(job, batches[i], by)) continue;
            ids[i] = openOne(job, terms, batches[i], digests[i]);
            if (ids[i] != 0) any = true;
        }
        if (!any) revert NothingFree(job);
        if (msg.sender != by) requireSignedBy(by, openRequestDigest(keccak256(abi.encodePacked(digests))), signature);
    }

    /// @dev Opening somebody else's receipt would put it under a contest, so only those whom it concerns may.
    function opener(OpenedBatch[] calldata batches) private pure returns (address) {
        if (batches.length == 0) revert CallerNotNamed();
        return workerAt(batches[0].workers, batches[0].place);
    }

    function digestOf(bytes32 job, OpenedBatch calldata batch) private view returns (bytes32) {
        bytes32 table = batch.workers.hashTable(batch.workers.length);
        return _hashTypedData(
            TypedData.hashBatch(job, batch.firstSlot, table, keccak256(batch.places), batch.answerRoot)
        );
    }

    /// @dev Takes what is free of one batch; a batch of which nothing is free is left out (id 0).
    function openOne(bytes32 job, Terms calldata terms, OpenedBatch calldata batch, bytes32 digest)
        private
        returns (bytes32 id)
    {
        bytes memory places = batch.places;
        if (places.length > MAX_OPENED || batch.workers.length > MAX_WORKERS) {
            revert BatchTooLarge(places.length, batch.workers.length);
        }
        requireCoordinator(terms, digest, batch.r, batch.vs);

        uint256[256] memory counts;
        Slots.Cursor memory cursor = Slots.begin();
        uint256 end = FIRST_BIT + wordOf(job).funded;
        (, uint256 took) = Slots.take(taken[job], cursor, FIRST_BIT + batch.firstSlot, end, places, counts);
        if (took == 0) return 0;
        requireCounted(counts, batch.workers.length, took);
        Slots.finish(taken[job], cursor);
        wordOf(job).taken += uint32(took);

        id = TypedData.openingId(job, digest, batch.firstSlot, batch.workers, places);
        openings[id].openedAt = uint64(block.timestamp);
        emit BatchOpened(job, id, digest, batch.firstSlot, batch.workers, batch.answerRoot, places);
    }

    /// @dev Whether the batch gives the worker who opens it a slot that is free: looked at first, because taking writes.
    function givesFree(bytes32 job, OpenedBatch calldata batch, address worker) private view returns (bool) {
        if (workerAt(batch.workers, batch.place) != worker) revert CallerNotNamed();
        (uint256 first, uint256 funded) = (batch.firstSlot, wordOf(job).funded);
        if (first >= funded) return false;
        uint256 length = funded - first < batch.places.length ? funded - first : batch.places.length;
        bytes memory own = batch.places[:length];
        Slots.keepPlace(own, batch.place);
        Slots.keepWhere(taken[job], FIRST_BIT + first, own, false);
        return !Slots.isWithin(own, new bytes(length));
    }

    /// @inheritdoc IRecourse
    function finalize(
        Terms calldata terms,
        Opening calldata opening,
        uint256 slots,
        bytes calldata approval,
        Payout calldata payout
    ) external lock {
        (bytes32 job, bytes32 id, bytes memory places) = read(terms, opening);
        OpeningState storage state = openings[id];
        if (state.finalized) revert OpeningFinal(id);
        state.finalized = true;

        Slots.keepWhere(contested[job], opening.firstSlot, places, false);
        uint256[256] memory counts;
        uint256 paid = Slots.tally(places, counts);
        if (block.timestamp < uint256(state.openedAt) + terms.reviewWindow) {
            // What a wallet showed when it approved bounds what is paid by it.
            if (slots < paid) revert SlotsTooMany(slots);
            requireApproved(terms, opening.batch, slots, approval);
        }
        wordOf(job).resolved += uint32(paid);
        emit OpeningFinalized(job, id, places);
        pay(job, terms, opening.workers, opening.workers.length, counts, paid, payout);
    }

    /// @inheritdoc IRecourse
    function contest(Terms calldata terms, Opening calldata opening, bytes calldata places, bytes32 reason)
        external
        lock
    {
        requireOwner(terms);
        if (terms.arbitrator == address(0)) revert ArbitratorZero();
        (bytes32 job, bytes32 id, bytes memory opened) = read(terms, opening);
        OpeningState storage state = openings[id];
        if (state.finalized) revert OpeningFinal(id);
        uint256 until = uint256(state.openedAt) + terms.reviewWindow;
        if (block.timestamp >= until) revert NotNow(state.openedAt, until);
        bytes memory chosen = places;
        if (!Slots.isWithin(chosen, opened)) revert PlaceUnknown();

        uint256[256] memory counts;
        uint256 took = takeAll(contested[job], opening.firstSlot, chosen, counts);
        if (took == 0) revert NothingFree(job);
        uint256 deposits = took * terms.contestDeposit;
        if (deposits != 0) {
            if (msg.sender != terms.requester) spendAllowance(terms.requester, terms.token, deposits);
            debit(terms.requester, terms.token, deposits);
        }
        emit SlotsContested(job, id, msg.sender, reason, chosen);
    }

    /// @inheritdoc IRecourse
    function reclaim(Terms calldata terms, Opening calldata opening) external lock {
        (bytes32 job, bytes32 id, bytes memory places) = read(terms, opening);
        uint256 from = uint256(openings[id].openedAt) + terms.reviewWindow + terms.appealWindow;
        if (block.timestamp < from) revert NotNow(from, type(uint256).max);
        Slots.keepWhere(contested[job], opening.firstSlot, places, true);
        uint256[256] memory counts;
        uint256 took = takeAll(answered[job], opening.firstSlot, places, counts);
        if (took == 0) revert NothingFree(job);
        wordOf(job).resolved += uint32(took);
        credit(terms.requester, terms.token, priceOf(terms, took) + took * terms.contestDeposit);
        emit SlotsReclaimed(job, id, uint32(took), places);
    }

    /// @inheritdoc IRecourse
    function concede(Terms calldata terms, Opening calldata opening, uint256 slots, bytes calldata approval)
        external
        lock
    {
        (bytes32 job, bytes32 id, bytes memory places) = read(terms, opening);
        uint256[256] memory opened;
        // Fewer may have been approved so that those that weren't contested are paid early.
        if (slots < Slots.tally(places, opened)) revert SlotsTooMany(slots);
        Slots.keepWhere(contested[job], opening.firstSlot, places, true);
        uint256[256] memory counts;
        uint256 took = takeAll(answered[job], opening.firstSlot, places, counts);
        if (took == 0) revert NothingFree(job);
        requireApproved(terms, opening.batch, slots, approval);
        wordOf(job).resolved += uint32(took);
        emit ContestConceded(job, id, places);
        uint256 credited;
        for (uint256 place = 1; place <= opening.workers.length; ++place) {
            if (counts[place] != 0) credited |= 1 << place;
        }
        emitWorkersPaid(job, credited, opening.workers, opening.workers.length);
        uint256 cancelled =
            creditAll(terms, opening.workers, opening.workers.length, counts, credited, terms.contestDeposit);
        payFee(job, terms, took - cancelled);
    }

    /// @inheritdoc IRecourse
    function openingOf(bytes32 opening) external view returns (uint64, bool) {
        return (openings[opening].openedAt, openings[opening].finalized);
    }

    /// @inheritdoc IRecourse
    function openingId(bytes32 job, Opening calldata opening) public pure returns (bytes32) {
        return TypedData.openingId(job, opening.batch, opening.firstSlot, opening.workers, opening.places);
    }

    /// @inheritdoc IRecourse
    function openRequestDigest(bytes32 batches) public view returns (bytes32) {
        return _hashTypedData(keccak256(abi.encode(TypedData.OPEN_REQUEST, batches)));
    }

    /// @dev The opening that a caller hands in, if it is one.
    function read(Terms calldata terms, Opening calldata opening)
        internal
        view
        returns (bytes32 job, bytes32 id, bytes memory places)
    {
        job = idOf(terms);
        places = opening.places;
        id = TypedData.openingId(job, opening.batch, opening.firstSlot, opening.workers, places);
        if (openings[id].openedAt == 0) revert OpeningUnknown(id);
    }

    /// @dev Sets the bits of the slots that `places` names; writes 0 over the byte of a slot whose bit was set.
    function takeAll(
        mapping(uint256 => uint256) storage bits,
        uint256 first,
        bytes memory places,
        uint256[256] memory counts
    ) internal returns (uint256 took) {
        Slots.Cursor memory cursor = Slots.begin();
        (, took) = Slots.take(bits, cursor, first, type(uint256).max, places, counts);
        Slots.finish(bits, cursor);
    }

    /// @dev The account at a place of a table, counted from 1.
    function workerAt(address[] calldata workers, uint256 place) internal pure returns (address) {
        if (place == 0 || place > workers.length) revert CallerNotNamed();
        return workers[place - 1];
    }
}
