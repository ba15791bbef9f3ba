// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../../src/interfaces/IBooks.sol";
import {IRecourse} from "../../src/interfaces/IRecourse.sol";
import {OpeningMoves} from "./OpeningMoves.sol";

/// @title Moves of a contest: contested, conceded, reclaimed
abstract contract ContestMoves is OpeningMoves {
    function contest(uint256 seed) external move(seed) {
        if (opened.length == 0) return;
        (uint256 which, Opened memory o, IBooks.Opening memory opening, bool good) = drawOpening(Turn.Contest);
        Work memory work = works[o.work];
        bytes memory chosen = drawChoice(o);
        if (once(24)) good = falsify(o, chosen) && good;
        (bytes memory took, uint256 count) = stillOpened(o, work.id, chosen);
        uint256 deposit = count * work.terms.contestDeposit;
        (uint256 caller, bool may) = drawOwner(work);
        good = good && may && work.terms.arbitrator != address(0)
            && !o.finalized && block.timestamp < o.openedAt + work.terms.reviewWindow && count != 0
            && deposit <= ledger[work.t][work.requester]
            && (deposit == 0 || maySpend(work.requester, caller, work.t, deposit));
        bytes memory call = abi.encodeCall(IRecourse.contest, (work.terms, opening, chosen, "no answer"));
        bool ok = attemptSigned(accounts[caller], 0, call);
        must(ok, good, "contest");
        if (!ok) return;
        moveSlots(works[opened[which].work], o.first, took, Slot.Opened, Slot.Contested);
        if (deposit != 0) spend(work.requester, caller, work.t, deposit);
        locked[work.t] += deposit;
    }

    /// @dev Some of an opening's slots, or all of them.
    function drawChoice(Opened memory o) private returns (bytes memory chosen) {
        (uint256 word, bool all) = (drawWord(), once(4));
        chosen = new bytes(o.places.length);
        for (uint256 i; i < chosen.length; ++i) {
            if (all || (word >> (i % 256)) & 1 != 0) chosen[i] = o.places[i];
        }
    }

    /// @dev A slot for somebody else, or one that isn't the opening's.
    function falsify(Opened memory o, bytes memory chosen) private returns (bool) {
        uint256 i = draw(chosen.length);
        chosen[i] = bytes1(uint8(o.places[i]) + 1);
        return false;
    }

    function stillOpened(Opened memory o, bytes32 id, bytes memory chosen)
        private
        view
        returns (bytes memory took, uint256 count)
    {
        took = new bytes(chosen.length);
        for (uint256 i; i < took.length; ++i) {
            if (chosen[i] == 0 || slots[id][o.first + i] != Slot.Opened) continue;
            took[i] = chosen[i];
            ++count;
        }
    }

    /// @dev Requester or operator, or their approval of all that the opening took, give the contested slots up with their deposits.
    function concede(uint256 seed) external move(seed) {
        if (opened.length == 0 || !once(4)) return;
        (uint256 which, Opened memory o, IBooks.Opening memory opening, bool good) = drawOpening(Turn(draw(4)));
        Work memory work = works[o.work];
        (bytes memory places, uint256 count) = slotsIn(o, Slot.Contested);
        uint256 approved = named(o.places) + draw(3);
        if (once(16)) approved = draw(approved + 1);
        uint256 caller = draw(PEOPLE);
        (bytes memory approval, bool signed) = drawApproval(work, o.batch, approved, caller);
        good = good && signed && count != 0 && approved >= named(o.places);
        vm.recordLogs();
        bytes memory call = abi.encodeCall(IRecourse.concede, (work.terms, opening, approved, approval));
        bool ok = attemptSigned(accounts[caller], 0, call);
        must(ok, good, "concede");
        if (ok) conceded(which, places, count);
    }

    function conceded(uint256 which, bytes memory places, uint256 count) private {
        Opened storage o = opened[which];
        Work storage work = works[o.work];
        uint256[] memory shares = new uint256[](TABLE + 1);
        share(places, shares);
        o.left -= moveSlots(work, o.first, places, Slot.Contested, Slot.Resolved);
        locked[work.t] -= count * work.terms.contestDeposit;
        paid(work, shares, work.terms.contestDeposit, crediting());
        forget();
    }

    function reclaim(uint256 seed) external move(seed) {
        if (opened.length == 0) return;
        (uint256 which, Opened memory o, IBooks.Opening memory opening, bool good) = drawOpening(Turn.Reclaim);
        reclaimAs(accounts[draw(PEOPLE)], which, o, opening, good);
    }

    /// @dev Anyone's, once the appeal window is over: what was contested and not appealed is the requester's, with its deposits.
    function reclaimAs(address caller, uint256 which, Opened memory o, IBooks.Opening memory opening, bool good) internal {
        Work storage work = works[o.work];
        (bytes memory places, uint256 count) = slotsIn(o, Slot.Contested);
        good = good && count != 0 && block.timestamp >= o.openedAt + work.terms.reviewWindow + work.terms.appealWindow;
        bool ok = attemptOnce(caller, 0, abi.encodeCall(IRecourse.reclaim, (work.terms, opening)));
        must(ok, good, "reclaim");
        if (!ok) return;
        moveSlots(work, o.first, places, Slot.Contested, Slot.Resolved);
        release(work, count);
        uint256 deposits = count * work.terms.contestDeposit;
        locked[work.t] -= deposits;
        ledger[work.t][work.requester] += price(work.terms, count) + deposits;
        opened[which].left -= count;
        forget();
        look(work);
    }
}
