// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../../src/interfaces/IBooks.sol";
import {IRecourse} from "../../src/interfaces/IRecourse.sol";
import {BatchMoves} from "./BatchMoves.sol";

/// @title Moves of an opening: opened, contested, finalized, reclaimed
abstract contract OpeningMoves is BatchMoves {
    struct Opened {
        uint256 work;
        bytes32 batch;
        uint32 first;
        uint256 count; // of the table
        bytes places; // what it took
        uint256 openedAt;
        bool finalized;
        uint256 left; // slots that are neither paid nor reclaimed nor appealed
    }

    /// @dev Which move does most with an opening.
    enum Turn {
        Contest,
        Finalize,
        Appeal,
        Reclaim
    }

    Opened[] internal opened;

    // ------------------------------------------------------------------------------------------------ open

    /// @dev One or two batches, by the coordinator, by a worker in them, or with that worker's signature.
    function open(uint256 seed) external move(seed) {
        if (works.length == 0) return;
        uint256 which = draw(works.length);
        Work memory work = works[which];
        Draft[] memory drafts = new Draft[](1 + draw(2));
        IBooks.OpenedBatch[] memory batches = new IBooks.OpenedBatch[](drafts.length);
        bytes32[] memory digests = new bytes32[](drafts.length);
        uint256 place = 1 + draw(TABLE);
        for (uint256 i; i < drafts.length; ++i) {
            drafts[i] = drawBatch(work, place + draw(TABLE + 1 - place));
            batches[i] = openedBatch(drafts[i], once(16) ? draw(TABLE + 2) : place);
            digests[i] = drafts[i].digest;
        }
        (address caller, bytes memory signature, address by, bool good) = drawOpener(work, batches, digests);
        if (by != work.terms.coordinator) good = leaveOut(work, drafts, batches) && good;
        (bytes[] memory took, uint256 total) = takenBy(work, drafts);
        good = good && allGood(drafts) && total != 0 && !work.closed && block.timestamp < work.terms.closesAt;
        bool ok = attemptSigned(caller, 0, abi.encodeCall(IRecourse.open, (work.terms, batches, signature)));
        must(ok, good, "open");
        for (uint256 i; ok && i < drafts.length; ++i) {
            wasOpened(which, drafts[i], took[i]);
        }
        look(works[which]);
    }

    function openedBatch(Draft memory draft, uint256 place) private view returns (IBooks.OpenedBatch memory) {
        return IBooks.OpenedBatch(
            draft.first, tableOf(draft.count), draft.places, ROOT, draft.r, draft.vs, uint8(place)
        );
    }

    /// @dev The coordinator, itself; else the worker of the first batch, itself or by signature. Those without keys can't sign, and
    /// nobody else's signature does.
    function drawOpener(Work memory work, IBooks.OpenedBatch[] memory batches, bytes32[] memory digests)
        private
        returns (address caller, bytes memory signature, address by, bool good)
    {
        (by, good) = openerOf(work, batches);
        uint256 who = indexOf(by);
        caller = once(3) ? work.terms.coordinator : once(2) && who != NOBODY ? by : accounts[draw(PEOPLE)];
        bool signed;
        (signature, signed) =
            drawSignature(who < PEOPLE ? who : 0, escrow.openRequestDigest(keccak256(abi.encodePacked(digests))));
        if (caller == work.terms.coordinator) return (caller, signature, caller, true);
        good = good && ((signed && who < PEOPLE) || caller == by);
    }

    /// @dev One worker, whom the place of each batch names. The coordinator may stand in a table, too.
    function openerOf(Work memory work, IBooks.OpenedBatch[] memory batches) private pure returns (address by, bool named) {
        for (uint256 i; i < batches.length; ++i) {
            uint256 place = batches[i].place;
            if (place == 0 || place > batches[i].workers.length) return (by, false);
            if (i == 0) by = batches[i].workers[place - 1];
            if (by == work.terms.coordinator) return (by, true);
            if (by != batches[i].workers[place - 1]) return (by, false);
        }
        return (by, by != address(0));
    }

    /// @dev A batch that gives its worker no free slot is left out, however it is signed.
    function leaveOut(Work memory work, Draft[] memory drafts, IBooks.OpenedBatch[] memory batches)
        private
        view
        returns (bool any)
    {
        for (uint256 i; i < drafts.length; ++i) {
            (bytes[] memory took,) = takenBy(work, drafts);
            bool mine;
            for (uint256 j; j < took[i].length && !mine; ++j) {
                mine = took[i][j] != 0 && uint8(took[i][j]) == batches[i].place;
            }
            any = any || mine;
            if (!mine) (drafts[i].places, drafts[i].good) = ("", true);
        }
    }

    function allGood(Draft[] memory drafts) private pure returns (bool good) {
        good = true;
        for (uint256 i; i < drafts.length; ++i) {
            good = good && drafts[i].good;
        }
    }

    function wasOpened(uint256 which, Draft memory draft, bytes memory took) private {
        Work storage work = works[which];
        uint256 count = moveSlots(work, draft.first, took, Slot.Free, Slot.Opened);
        if (count == 0) return;
        opened.push(Opened(which, draft.digest, draft.first, draft.count, took, block.timestamp, false, count));
    }

    // ------------------------------------------------------------------------------------------------ what was opened

    function openingAt(Opened memory o) internal view returns (IBooks.Opening memory) {
        return IBooks.Opening(o.batch, o.first, tableOf(o.count), o.places);
    }

    /// @dev The slots of an opening that are in a state: its bytes, with 0 for the others.
    function slotsIn(Opened memory o, Slot state) internal view returns (bytes memory places, uint256 count) {
        bytes32 id = works[o.work].id;
        places = new bytes(o.places.length);
        for (uint256 i; i < places.length; ++i) {
            if (o.places[i] == 0 || slots[id][o.first + i] != state) continue;
            places[i] = o.places[i];
            ++count;
        }
    }

    /// @dev Openings of which nothing is left are forgotten.
    function forget() internal {
        for (uint256 i = opened.length; i > 0; --i) {
            if (opened[i - 1].left != 0) continue;
            opened[i - 1] = opened[opened.length - 1];
            opened.pop();
        }
    }

    /// @dev Mostly an opening whose turn it is, if there is one.
    function drawInTurn(Turn turn_) internal returns (uint256 which) {
        which = draw(opened.length);
        for (uint256 i; i < opened.length && turnOf(opened[which]) != turn_; ++i) {
            which = (which + 1) % opened.length;
        }
        if (once(8)) which = draw(opened.length);
    }

    /// @dev At each instant one side may act.
    function turnOf(Opened storage o) internal view returns (Turn) {
        IBooks.Terms storage terms = works[o.work].terms;
        uint256 from = o.openedAt + terms.reviewWindow;
        if (block.timestamp < from) return Turn.Contest;
        if (!o.finalized) return Turn.Finalize;
        return block.timestamp < from + terms.appealWindow ? Turn.Appeal : Turn.Reclaim;
    }

    /// @dev An opening, and what the caller hands in: now and then not quite that.
    function drawOpening(Turn turn_) internal returns (uint256 which, Opened memory o, IBooks.Opening memory opening, bool good) {
        which = drawInTurn(turn_);
        o = opened[which];
        opening = openingAt(o);
        good = !once(24);
        if (good) return (which, o, opening, good);
        uint256 what = draw(4);
        if (what == 0) ++opening.firstSlot;
        else if (what == 1) opening.batch = keccak256("another");
        else if (what == 2) opening.workers = tableOf(o.count == 1 ? 2 : o.count - 1);
        else opening.places = bytes.concat(opening.places, hex"01");
    }

    // ------------------------------------------------------------------------------------------------ finalize

    function finalize(uint256 seed) external move(seed) {
        if (opened.length == 0) return;
        (uint256 which, Opened memory o, IBooks.Opening memory opening, bool good) = drawOpening(Turn.Finalize);
        Work memory work = works[o.work];
        (bytes memory places, uint256 count) = slotsIn(o, Slot.Opened);
        (uint256 caller, uint256 approved, bytes memory approval) = (draw(PEOPLE), 0, bytes(""));
        if (block.timestamp < o.openedAt + work.terms.reviewWindow) {
            bool signed;
            approved = count + draw(3);
            if (approved != 0 && once(16)) --approved;
            (approval, signed) = drawApproval(work, o.batch, approved, caller);
            good = good && signed && approved >= count;
        }
        IBooks.Payout memory payout = drawPayout();
        bytes memory call = abi.encodeCall(IRecourse.finalize, (work.terms, opening, approved, approval, payout));
        vm.recordLogs();
        bool ok = attemptSigned(accounts[caller], 0, call);
        must(ok, good && !o.finalized, "finalize");
        if (ok) finalized(which, places, payout);
    }

    /// @dev Whatever wasn't contested is paid to exactly the workers that it was opened for.
    function finalized(uint256 which, bytes memory places, IBooks.Payout memory payout) internal {
        Opened storage o = opened[which];
        Work storage work = works[o.work];
        uint256[] memory shares = new uint256[](TABLE + 1);
        share(places, shares);
        o.finalized = true;
        o.left -= moveSlots(work, o.first, places, Slot.Opened, Slot.Resolved);
        paid(work, shares, 0, payout);
        forget();
    }
}
