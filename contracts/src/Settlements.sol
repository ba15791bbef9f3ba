// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Books} from "./Books.sol";
import {IPiecework} from "./interfaces/IPiecework.sol";
import {Slots} from "./libraries/Slots.sol";
import {TypedData} from "./libraries/TypedData.sol";

/// @title Settlement of approved batches
/// @dev Part of `Piecework`, and where nearly all of its gas goes.
abstract contract Settlements is Books, IPiecework {
    using TypedData for *;

    /// @dev What settling carries from one batch to the next.
    struct Settlement {
        bytes32 job;
        /// the bit behind the last funded slot's
        uint256 end;
        Slots.Cursor cursor;
        /// slots taken so far, all of them by places in the table below
        uint256 took;
        /// the table of the last batch: its length, and the hash of its words
        uint256 workerCount;
        bytes32 table;
    }

    /// @inheritdoc IPiecework
    function settle(
        Terms calldata terms,
        address[] calldata workers,
        SignedBatch[] calldata batches,
        Payout calldata payout
    ) external lock {
        Settlement memory run;
        run.job = idOf(terms);
        JobWord storage state = openJob(run.job);
        if (workers.length > MAX_WORKERS) revert BatchTooLarge(0, workers.length);
        run.end = FIRST_BIT + state.funded;
        (run.cursor, run.table) = (Slots.begin(), workers.hashTable(0));

        uint256[256] memory counts;
        for (uint256 i; i < batches.length; ++i) {
            takeBatch(run, terms, workers, batches[i], counts);
        }
        if (run.took == 0) revert NothingFree(run.job);
        Slots.finish(taken[run.job], run.cursor);
        state.taken += uint32(run.took);
        state.resolved += uint32(run.took);
        pay(run.job, terms, workers, run.workerCount, counts, run.took, payout);
    }

    /// @inheritdoc IPiecework
    function takenWord(bytes32 job, uint256 word) external view returns (uint256) {
        return (Slots.read(taken[job], word) << FIRST_BIT) | (Slots.read(taken[job], word + 1) >> FIRST_BIT);
    }

    /// @dev Verifies one batch with both signatures and takes its free slots.
    function takeBatch(
        Settlement memory run,
        Terms calldata terms,
        address[] calldata workers,
        SignedBatch calldata batch,
        uint256[256] memory counts
    ) private {
        bytes memory places = batch.places;
        uint256 workerCount = batch.workerCount;
        if (places.length > MAX_SLOTS || workerCount > workers.length) revert BatchTooLarge(places.length, workerCount);
        if (workerCount != run.workerCount) {
            // Only the slots taken until now have been counted, and they are the table's before this one.
            requireCounted(counts, run.workerCount, run.took);
            (run.workerCount, run.table) = (workerCount, workers.hashTable(workerCount));
        }
        bytes32 digest = _hashTypedData(
            TypedData.hashBatch(run.job, batch.firstSlot, run.table, keccak256(places), batch.answerRoot)
        );
        requireCoordinator(terms, digest, batch.r, batch.vs);
        (uint256 named, uint256 took) = Slots.take(
            taken[run.job], run.cursor, FIRST_BIT + batch.firstSlot, run.end, places, counts
        );
        run.took += took;
        requireApproved(terms, digest, named, batch.approval);
        emit BatchSettled(run.job, digest, batch.firstSlot, batch.workerCount, batch.answerRoot, places);
    }
}
