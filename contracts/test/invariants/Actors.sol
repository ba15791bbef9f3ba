// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../../src/interfaces/IBooks.sol";
import {IPiecework} from "../../src/interfaces/IPiecework.sol";
import {IRecourse} from "../../src/interfaces/IRecourse.sol";
import {IDollar, IEscrow} from "../Base.sol";
import {FickleToken} from "../hostile/Tokens.sol";
import {AppealMoves} from "./AppealMoves.sol";
import {Ghost} from "./Ghost.sol";

/// @title Actors that do what they like with the whole escrow
/// @notice What is left of their moves: the world's own (time, the fee, gifts, moods), and the end of everything.
contract Actors is AppealMoves {
    uint256 private constant YEAR = 365 days;

    constructor(IEscrow escrow_, IDollar dollar_, address governor_, address twin_)
        Ghost(escrow_, dollar_, governor_, twin_)
    {}

    // ------------------------------------------------------------------------------------------------ the world

    /// @dev Minutes or days; or to the instant at which a window of an opening, of a dispute or of a job ends, or next to it.
    function pass(uint256 seed) external move(seed) {
        uint256 kind = draw(8);
        uint256 to = block.timestamp + draw(kind == 0 ? 3 days : 1 hours);
        if (kind > 2 && opened.length != 0) {
            Opened storage o = opened[draw(opened.length)];
            IBooks.Terms storage terms = works[o.work].terms;
            to = o.openedAt + terms.reviewWindow + draw(2) * terms.appealWindow + draw(2) - 1;
        }
        if (kind == 6 && works.length != 0) to = works[draw(works.length)].terms.closesAt + draw(2) - 1;
        if (kind == 7 && disputes.length != 0) to = concludesFrom(disputes[draw(disputes.length)]) + draw(2);
        // Half a year for a ruling would close every job at once, so it passes rarely.
        if (to > block.timestamp + 10 days && !once(8)) return;
        if (to > block.timestamp) vm.warp(to);
    }

    function setFee(uint256 seed) external move(seed) {
        (uint256 bps, uint256 who) = (draw(220), draw(ACCOUNTS));
        address caller = once(8) ? accounts[draw(PEOPLE)] : governor;
        bytes memory call = abi.encodeCall(IPiecework.setProtocolFee, (uint16(bps), accounts[who]));
        bool ok = attempt(caller, 0, call);
        must(ok, bps <= 200 && caller == governor, "setProtocolFee");
        if (ok) (feeBps, treasuryIndex) = (bps, who);
    }

    /// @dev Money that nobody asked for is nobody's.
    function give(uint256 seed) external move(seed) {
        (uint256 t, uint256 amount) = (draw(TOKENS), draw(1e12));
        mint(t, address(escrow), amount);
        gifts[t] += amount;
    }

    /// @dev How the fickle token behaves, and what the thief tries when money reaches it.
    function turn(uint256 seed) external move(seed) {
        FickleToken(tokens[FICKLE]).set(once(2) ? FickleToken.Way.Honest : FickleToken.Way(draw(11)));
        (uint256 t, address loot) = (draw(TOKENS), address(thief));
        uint256 kind = draw(4);
        if (kind == 0) thief.set(abi.encodeCall(IPiecework.withdraw, (tokens[t], 1, loot)));
        else if (kind == 1) thief.set(abi.encodeCall(IRecourse.setOperator, (loot, tokens[t], 1, type(uint64).max)));
        else if (kind == 2) thief.set(abi.encodeCall(IPiecework.deposit, (tokens[FICKLE], 1)));
        else if (works.length != 0) thief.set(abi.encodeCall(IPiecework.close, (works[draw(works.length)].terms)));
    }

    // ------------------------------------------------------------------------------------------------ the end

    /// @notice Ends everything: a stranger alone, with calls that are open to anyone and fit one transaction each, and time.
    /// Afterwards every base unit that a job, a deposit or a stake held is in a ledger.
    function end() external move(0) {
        uint256 began = block.timestamp;
        finalizeAll();
        reclaimAll();
        concludeAll();
        for (uint256 i; i < works.length; ++i) {
            waitUntil(works[i].terms.closesAt);
            if (!works[i].closed) closeAs(stranger, i);
        }
        for (uint256 t; t < TOKENS; ++t) {
            if (locked[t] != 0) breaks("everything ends");
        }
        // Three windows of at most 90 days each and 180 days for a ruling; a job closes within two years.
        if (block.timestamp > began + 2 * YEAR + RULING_LIMIT + 270 days) breaks("everything ends in time");
    }

    function waitUntil(uint256 instant) private {
        if (instant > block.timestamp) vm.warp(instant);
    }

    function finalizeAll() private {
        for (uint256 i = opened.length; i > 0; --i) {
            Opened memory o = opened[i - 1];
            if (o.finalized) continue;
            waitUntil(o.openedAt + works[o.work].terms.reviewWindow);
            (bytes memory places,) = slotsIn(o, Slot.Opened);
            vm.recordLogs();
            bool ok = attempt(
                stranger,
                0,
                abi.encodeCall(IRecourse.finalize, (works[o.work].terms, openingAt(o), 0, "", crediting()))
            );
            must(ok, true, "finalize by anyone");
            if (ok) finalized(i - 1, places, crediting());
        }
    }

    function reclaimAll() private {
        for (uint256 i = opened.length; i > 0; --i) {
            Opened memory o = opened[i - 1];
            IBooks.Terms memory terms = works[o.work].terms;
            waitUntil(o.openedAt + terms.reviewWindow + terms.appealWindow);
            reclaimAs(stranger, i - 1, o, openingAt(o), true);
        }
        if (opened.length != 0) breaks("every opening ends");
    }

    function concludeAll() private {
        for (uint256 i = disputes.length; i > 0; --i) {
            waitUntil(concludesFrom(disputes[i - 1]));
            concludeAs(NOBODY, i - 1, disputes[i - 1].appeal, true);
        }
        if (disputes.length != 0) breaks("every dispute ends");
    }
}
