// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../../src/interfaces/IBooks.sol";
import {IPiecework} from "../../src/interfaces/IPiecework.sol";
import {Vm} from "../Base.sol";
import {JobMoves} from "./JobMoves.sol";

/// @title Moves of a batch: drawing, signing, settling, and who was paid
abstract contract BatchMoves is JobMoves {
    /// @dev The worker table: every account, nobody, the escrow, and the first account once more.
    uint256 internal constant TABLE = ACCOUNTS + 3;

    /// @dev A batch as it is drawn.
    struct Draft {
        uint32 first;
        uint256 count; // of the table
        bytes places;
        bytes32 digest;
        bytes32 r;
        bytes32 vs;
        bool good;
    }

    function tableOf(uint256 count) internal view returns (address[] memory workers) {
        workers = new address[](count);
        for (uint256 i; i < count; ++i) {
            workers[i] = i < ACCOUNTS
                ? accounts[i]
                : i == ACCOUNTS ? address(0) : i == ACCOUNTS + 1 ? address(escrow) : accounts[0];
        }
    }

    /// @dev Whose the money at a place is; NOBODY where the slot is cancelled.
    function holderAt(Work memory work, uint256 place) internal pure returns (uint256 who) {
        who = place <= ACCOUNTS ? place - 1 : place == TABLE ? 0 : NOBODY;
        if (who == work.requester) who = NOBODY;
    }

    /// @dev Anywhere in the job and a little past its end: one receipt, some slots, or many.
    function drawBatch(Work memory work, uint256 count) internal returns (Draft memory draft) {
        uint256 size = draw(8);
        draft.places = new bytes(size < 3 ? 1 : size < 7 ? 1 + draw(40) : 1 + draw(300));
        draft.first = uint32(once(2) ? firstFree(work) : draw(work.funded + 3));
        draft.count = count;
        uint256 word;
        uint256 holes = draw(3);
        for (uint256 i; i < draft.places.length; ++i) {
            if (i % 32 == 0) word = drawWord();
            uint256 place = uint8(word) % ((1 + holes) * count);
            word >>= 8;
            if (place < count) draft.places[i] = bytes1(uint8(place + 1));
        }
        (uint256 key, bool good) = drawKey(work.coordinator);
        draft.digest = escrow.batchDigest(work.id, draft.first, tableOf(count), draft.places, ROOT);
        (draft.r, draft.vs) = signCompact(key, draft.digest);
        draft.good = good;
    }

    function firstFree(Work memory work) private view returns (uint256 slot) {
        while (slot < work.funded && slots[work.id][slot] != Slot.Free) ++slot;
    }

    function isFree(Work memory work, uint256 slot) internal view returns (bool) {
        return slot < work.funded && slots[work.id][slot] == Slot.Free;
    }

    /// @dev What each batch takes, where one comes behind the other: its bytes, with 0 for slots that aren't free any more.
    function takenBy(Work memory work, Draft[] memory drafts) internal view returns (bytes[] memory took, uint256 total) {
        took = new bytes[](drafts.length);
        for (uint256 i; i < drafts.length; ++i) {
            took[i] = new bytes(drafts[i].places.length);
            for (uint256 j; j < took[i].length; ++j) {
                uint256 slot = drafts[i].first + j;
                if (drafts[i].places[j] == 0 || !isFree(work, slot) || namedBefore(drafts, i, slot)) continue;
                took[i][j] = drafts[i].places[j];
                ++total;
            }
        }
    }

    function namedBefore(Draft[] memory drafts, uint256 end, uint256 slot) private pure returns (bool) {
        for (uint256 i; i < end; ++i) {
            if (slot < drafts[i].first || slot - drafts[i].first >= drafts[i].places.length) continue;
            if (drafts[i].places[slot - drafts[i].first] != 0) return true;
        }
        return false;
    }

    /// @dev Where one of these slots is already in this state, its money would leave the job twice.
    function moveSlots(Work storage work, uint256 first, bytes memory places, Slot from, Slot to)
        internal
        returns (uint256 count)
    {
        for (uint256 i; i < places.length; ++i) {
            if (places[i] == 0) continue;
            if (slots[work.id][first + i] != from) breaks("a slot pays once");
            slots[work.id][first + i] = to;
            ++count;
        }
        if (from == Slot.Free) work.taken += count;
    }

    // ------------------------------------------------------------------------------------------------ settling

    function settle(uint256 seed) external move(seed) {
        if (works.length == 0) return;
        uint256 which = draw(works.length);
        Work memory work = works[which];
        (uint256 count, uint256 caller, bool good) = (1 + draw(TABLE), draw(PEOPLE), !work.closed);
        Draft[] memory drafts = new Draft[](1 + draw(3));
        IBooks.SignedBatch[] memory batches = new IBooks.SignedBatch[](drafts.length);
        for (uint256 i; i < drafts.length; ++i) {
            if (once(2)) count += draw(TABLE - count + 1); // shortest table first
            drafts[i] = drawBatch(work, count);
            if (i == 0 && once(24)) good = outgrow(work, drafts[i]) && good;
            bool approved;
            (batches[i], approved) = approveDraft(work, drafts[i], caller);
            good = good && drafts[i].good && approved;
        }
        (bytes[] memory took, uint256 total) = takenBy(work, drafts);
        IBooks.Payout memory payout = drawPayout();
        vm.recordLogs();
        bytes memory call = abi.encodeCall(IPiecework.settle, (work.terms, tableOf(count), batches, payout));
        bool ok = attemptSigned(accounts[caller], 0, call);
        must(ok, good && total != 0, "settle");
        if (ok) settled(works[which], drafts, took, payout);
    }

    /// @dev A byte that points past its batch's own table: no good where the slot is free.
    function outgrow(Work memory work, Draft memory draft) private returns (bool) {
        uint256 i = draw(draft.places.length);
        draft.places[i] = bytes1(uint8(draft.count + 1));
        // Signed as well as any other.
        draft.digest = escrow.batchDigest(work.id, draft.first, tableOf(draft.count), draft.places, ROOT);
        (draft.r, draft.vs) = signCompact(keyOf(work.coordinator), draft.digest);
        draft.good = true;
        return !isFree(work, draft.first + i);
    }

    function approveDraft(Work memory work, Draft memory draft, uint256 caller)
        private
        returns (IBooks.SignedBatch memory batch, bool good)
    {
        (batch.firstSlot, batch.workerCount, batch.places) = (draft.first, uint8(draft.count), draft.places);
        (batch.answerRoot, batch.r, batch.vs) = (ROOT, draft.r, draft.vs);
        (batch.approval, good) = drawApproval(work, draft.digest, named(draft.places), caller);
    }

    /// @dev By requester or operator, signed, or as the caller; now and then for another amount, or by somebody else.
    function drawApproval(Work memory work, bytes32 digest, uint256 count, uint256 caller)
        internal
        returns (bytes memory approval, bool good)
    {
        if (once(6)) return ("", caller == work.requester || caller == work.operator);
        uint256 who = work.operator == NOBODY || once(2) ? work.requester : work.operator;
        uint256 amount = price(work.terms, count);
        bool other = once(24);
        (approval, good) = drawSignature(who, escrow.approvalDigest(digest, count, other ? amount + 1 : amount));
        good = good && !other;
    }

    /// @dev Everybody's push or credit, a mask's, or with too little gas for some.
    function drawPayout() internal returns (IBooks.Payout memory payout) {
        payout.creditMask = once(2) ? 0 : drawWord();
        payout.pushGas = once(3) ? 0 : once(4) ? draw(40_000) : ENOUGH_TO_PUSH;
    }

    /// @dev Every slot that was free is now taken, once, for the worker that its first batch named.
    function settled(Work storage work, Draft[] memory drafts, bytes[] memory took, IBooks.Payout memory payout) private {
        uint256[] memory shares = new uint256[](TABLE + 1);
        for (uint256 i; i < drafts.length; ++i) {
            moveSlots(work, drafts[i].first, took[i], Slot.Free, Slot.Resolved);
            share(took[i], shares);
        }
        paid(work, shares, 0, payout);
    }

    /// @dev One more for the place of each byte.
    function share(bytes memory places, uint256[] memory shares) internal pure {
        for (uint256 i; i < places.length; ++i) {
            if (places[i] != 0) ++shares[uint8(places[i])];
        }
    }

    // ------------------------------------------------------------------------------------------------ paying

    /// @dev The slots of each place were paid: into a wallet or a ledger, as the log says, and as far as anybody can know, as they
    /// had to be. `deposit` is what each slot's contest had locked.
    function paid(Work storage work, uint256[] memory shares, uint256 deposit, IBooks.Payout memory payout) internal {
        uint256 credited = creditedIn(vm.getRecordedLogs());
        uint256 total;
        uint256 cancelled;
        for (uint256 place = 1; place < shares.length; ++place) {
            if (shares[place] == 0) continue;
            total += shares[place];
            uint256 who = holderAt(work, place);
            uint256 amount = shares[place] * (work.terms.reward + deposit);
            bool credit = (credited >> place) & 1 != 0;
            if (who == NOBODY) cancelled += shares[place];
            else if (credit) ledger[work.t][who] += amount;
            else wallet[work.t][who] += amount;
            bool asked = who == NOBODY || payout.pushGas == 0 || (payout.creditMask >> place) & 1 != 0;
            if (asked && !credit) breaks("credited where it was asked for");
            if (!asked && credit && reached(work.t, who, payout.pushGas)) breaks("pushed where it was asked for");
        }
        ledger[work.t][work.requester] += price(work.terms, cancelled) + cancelled * deposit;
        ledger[work.t][treasuryIndex] += (total - cancelled) * work.terms.fee;
        release(work, total);
        look(work);
    }

    /// @dev Whether a push with this gas can't fail.
    function reached(uint256 t, uint256 who, uint256 pushGas) private pure returns (bool) {
        return t != FICKLE && pushGas == ENOUGH_TO_PUSH && (t == DOLLAR || who < PEOPLE || who == TREASURY);
    }

    function creditedIn(Vm.Log[] memory logs) private returns (uint256) {
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics.length != 0 && logs[i].topics[0] == IBooks.WorkersPaid.selector) {
                return abi.decode(logs[i].data, (uint256));
            }
        }
        breaks("a payment says who was credited");
        return 0;
    }
}
