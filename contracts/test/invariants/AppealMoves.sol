// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IArbitrable} from "../../src/interfaces/IArbitrator.sol";
import {IBooks} from "../../src/interfaces/IBooks.sol";
import {IRecourse} from "../../src/interfaces/IRecourse.sol";
import {Judge} from "./Hostile.sol";
import {ContestMoves} from "./ContestMoves.sol";

/// @title Moves of an appeal: appealed, defended, ruled, concluded
abstract contract AppealMoves is ContestMoves {
    uint256 internal constant RULING_LIMIT = 180 days;

    struct Dispute {
        uint256 work;
        uint256 worker;
        uint256 sponsor;
        IBooks.Appeal appeal;
        bytes32 id;
        IBooks.Phase phase;
        uint256 since;
        bool lost;
        uint256 disputeId;
    }

    Dispute[] internal disputes;
    mapping(bytes32 appeal => uint256[]) private slotsOf;

    // ------------------------------------------------------------------------------------------------ appeal

    /// @dev A worker's contested slots of up to three openings of one job, at its own stake or another's.
    function appeal(uint256 seed) external move(seed) {
        if (opened.length == 0) return;
        uint256[] memory which = drawOpenings();
        Work memory work = works[opened[which[0]].work];
        (IBooks.Opening[] memory openings, uint256[] memory placeOf, bytes32[] memory ids) = drawAppeal(work, which);
        (bool good, address worker) = mayAppeal(work, which, placeOf);
        bytes32 request = requestHash(ids, placeOf);
        (uint256 caller, bytes memory signature, bool signed) =
            drawAppellant(worker, escrow.appealRequestDigest(ids, placeOf));
        good = good && signed && work.terms.appealStake <= ledger[work.t][caller];
        bytes memory call = abi.encodeCall(IRecourse.appeal, (work.terms, openings, placeOf, signature));
        bool ok = attemptSigned(accounts[caller], 0, call);
        must(ok, good, "appeal");
        if (ok) appealed(which, placeOf, indexOf(worker), caller, request);
    }

    /// @dev One to three openings of one job, in whatever order.
    function drawOpenings() private returns (uint256[] memory which) {
        which = new uint256[](1 + draw(3));
        uint256 start = drawInTurn(Turn.Appeal);
        uint256 count;
        for (uint256 i; i < opened.length && count < which.length; ++i) {
            uint256 next = (start + i) % opened.length;
            if (count != 0 && opened[next].work != opened[which[0]].work) continue;
            if (count != 0 && !inAppealWindow(opened[next]) && !once(16)) continue;
            which[count++] = next;
        }
        assembly ("memory-safe") {
            mstore(which, count)
        }
    }

    function inAppealWindow(Opened storage o) private view returns (bool) {
        IBooks.Terms storage terms = works[o.work].terms;
        uint256 from = o.openedAt + terms.reviewWindow;
        return block.timestamp >= from && block.timestamp < from + terms.appealWindow;
    }

    /// @dev The worker is the holder of the first contested slot of the first opening.
    function drawAppeal(Work memory work, uint256[] memory which)
        private
        returns (IBooks.Opening[] memory openings, uint256[] memory placeOf, bytes32[] memory ids)
    {
        (openings, placeOf) = (new IBooks.Opening[](which.length), new uint256[](which.length));
        ids = new bytes32[](which.length);
        uint256 place = 1 + draw(TABLE);
        (bytes memory places,) = slotsIn(opened[which[0]], Slot.Contested);
        for (uint256 i; i < places.length; ++i) {
            if (places[i] != 0) place = uint8(places[i]);
        }
        for (uint256 i; i < which.length; ++i) {
            openings[i] = openingAt(opened[which[i]]);
            placeOf[i] = once(24) ? draw(TABLE + 2) : place;
            ids[i] = escrow.openingId(work.id, openings[i]);
        }
    }

    /// @dev Whether each opening's appeal window runs, all the places are one worker's, and any slot there is contested.
    function mayAppeal(Work memory work, uint256[] memory which, uint256[] memory placeOf)
        private
        view
        returns (bool good, address worker)
    {
        address[] memory workers = tableOf(TABLE);
        for (uint256 i; i < which.length; ++i) {
            if (placeOf[i] == 0 || placeOf[i] > opened[which[i]].count) return (false, worker);
            if (i == 0) worker = workers[placeOf[0] - 1];
            if (workers[placeOf[i] - 1] != worker || !inAppealWindow(opened[which[i]])) return (false, worker);
            if (contestedAt(work, opened[which[i]], placeOf[i]).length != 0) good = true;
        }
        if (indexOf(worker) == NOBODY) good = false;
    }

    function contestedAt(Work memory work, Opened memory o, uint256 place) private view returns (uint256[] memory found) {
        found = new uint256[](o.places.length);
        uint256 count;
        for (uint256 i; i < o.places.length; ++i) {
            if (uint8(o.places[i]) != place || slots[work.id][o.first + i] != Slot.Contested) continue;
            found[count++] = o.first + i;
        }
        assembly ("memory-safe") {
            mstore(found, count)
        }
    }

    /// @dev The worker itself, or anyone with its signature; those without keys must come themselves.
    function drawAppellant(address worker, bytes32 digest)
        private
        returns (uint256 caller, bytes memory signature, bool good)
    {
        uint256 who = indexOf(worker);
        caller = once(2) && who != NOBODY ? who : draw(PEOPLE);
        (signature, good) = drawSignature(who < PEOPLE ? who : 0, digest);
        good = (good && who < PEOPLE) || caller == who;
    }

    function requestHash(bytes32[] memory ids, uint256[] memory placeOf) private pure returns (bytes32) {
        bytes32 kind = keccak256("AppealRequest(bytes32[] openings,uint256[] places)");
        return keccak256(abi.encode(kind, keccak256(abi.encodePacked(ids)), keccak256(abi.encodePacked(placeOf))));
    }

    function appealed(uint256[] memory which, uint256[] memory placeOf, uint256 worker, uint256 sponsor, bytes32 request)
        private
    {
        Work memory work = works[opened[which[0]].work];
        uint256[][] memory found = new uint256[][](which.length);
        uint256 count;
        for (uint256 i; i < which.length; ++i) {
            found[i] = contestedAt(work, opened[which[i]], placeOf[i]);
            for (uint256 j; j < found[i].length; ++j) {
                slots[work.id][found[i][j]] = Slot.Appealed;
            }
            opened[which[i]].left -= found[i].length;
            count += found[i].length;
        }
        IBooks.Appeal memory entry = IBooks.Appeal(
            accounts[worker], accounts[sponsor], uint32(count), uint64(block.timestamp), request
        );
        bytes32 id = escrow.appealId(work.id, entry);
        disputes.push(
            Dispute(
                opened[which[0]].work, worker, sponsor, entry, id, IBooks.Phase.Pending, block.timestamp, false, 0
            )
        );
        for (uint256 i; i < found.length; ++i) {
            for (uint256 j; j < found[i].length; ++j) {
                slotsOf[id].push(found[i][j]);
            }
        }
        ledger[work.t][sponsor] -= work.terms.appealStake;
        locked[work.t] += work.terms.appealStake;
        forget();
    }

    // ------------------------------------------------------------------------------------------------ defend and rule

    /// @dev Mostly a dispute in that phase, if there is one.
    function drawDispute(IBooks.Phase phase) private returns (uint256 which) {
        which = draw(disputes.length);
        for (uint256 i; i < disputes.length && disputes[which].phase != phase; ++i) {
            which = (which + 1) % disputes.length;
        }
        if (once(8)) which = draw(disputes.length);
    }

    /// @dev Requester or operator, with the price of the day or a little more. What an arbitrator does can only hurt the defence.
    function defend(uint256 seed) external move(seed) {
        if (disputes.length == 0) return;
        Dispute storage d = disputes[drawDispute(IBooks.Phase.Pending)];
        (uint256 expected, bool good) = drawMood();
        uint256 price_ = judge.price();
        uint256 value = once(16) && price_ != 0 ? price_ - 1 : price_ + draw(2) * draw(1e9);
        (uint256 caller, bool may) = drawOwner(works[d.work]);
        good = good && may && value >= price_ && d.phase == IBooks.Phase.Pending
            && block.timestamp < d.since + works[d.work].terms.appealWindow;
        IBooks.Appeal memory entry = d.appeal;
        if (once(24)) (entry.slots, good) = (entry.slots + 1, false);
        bytes memory call = abi.encodeCall(IRecourse.defend, (works[d.work].terms, entry, "evidence"));
        bool ok = attemptSigned(accounts[caller], value, call);
        must(ok, good, "defend");
        if (ok) defended(d, caller, value, expected);
    }

    function defended(Dispute storage d, uint256 caller, uint256 value, uint256 disputeId) private {
        (d.phase, d.since, d.disputeId) = (IBooks.Phase.Defended, block.timestamp, disputeId);
        wallet[COIN][caller] -= value;
        ledger[COIN][caller] += value - judge.price();
    }

    /// @return next the id that a new dispute gets
    /// @return served whether the arbitrator takes it
    function drawMood() private returns (uint256 next, bool served) {
        uint256 dice = draw(16);
        Judge.Mood mood = dice < 4 ? Judge.Mood(dice + 1) : Judge.Mood.Fair;
        judge.set(mood, once(4) ? 0 : draw(1e12));
        next = judge.disputes();
        served = mood == Judge.Mood.Fair || mood == Judge.Mood.Rushes || (mood == Judge.Mood.Repeats && next == 0);
    }

    /// @dev Any ruling, of any dispute of the arbitrator's, by it or by somebody else.
    function rule(uint256 seed) external move(seed) {
        uint256 ruling = once(16) ? type(uint256).max : draw(4);
        if (once(8) && judge.disputes() != 0) return ruleById(draw(judge.disputes() + 2), ruling);
        if (disputes.length == 0) return;
        Dispute storage d = disputes[drawDispute(IBooks.Phase.Defended)];
        if (d.phase == IBooks.Phase.Pending) return;
        address caller = once(12) ? accounts[draw(PEOPLE)] : address(judge);
        bool good = caller == address(judge) && d.phase == IBooks.Phase.Defended
            && block.timestamp < d.since + RULING_LIMIT;
        bool ok = attemptOnce(caller, 0, abi.encodeCall(IArbitrable.rule, (d.disputeId, ruling)));
        must(ok, good, "rule");
        if (ok) (d.phase, d.lost) = (IBooks.Phase.Ruled, ruling == 2);
    }

    /// @dev What has ended already can be ruled on, so that its arbitrator is rid of it, but changes nothing; what never was can't.
    function ruleById(uint256 disputeId, uint256 ruling) private {
        for (uint256 i; i < disputes.length; ++i) {
            if (disputes[i].phase != IBooks.Phase.Pending && disputes[i].disputeId == disputeId) return;
        }
        bool ok = attempt(address(judge), 0, abi.encodeCall(IArbitrable.rule, (disputeId, ruling)));
        must(ok, disputeId < judge.disputes(), "rule on what is over");
    }

    function submitEvidence(uint256 seed) external move(seed) {
        if (disputes.length == 0) return;
        Dispute storage d = disputes[drawDispute(IBooks.Phase.Defended)];
        bytes memory call = abi.encodeCall(IRecourse.submitEvidence, (d.id, "see here"));
        must(attempt(accounts[draw(ACCOUNTS)], 0, call), d.phase == IBooks.Phase.Defended, "submitEvidence");
    }

    // ------------------------------------------------------------------------------------------------ conclude

    function conclude(uint256 seed) external move(seed) {
        if (disputes.length == 0) return;
        uint256 which = draw(disputes.length);
        IBooks.Appeal memory entry = disputes[which].appeal;
        bool good = !once(24);
        if (!good) entry.sponsor = accounts[(disputes[which].sponsor + 1) % PEOPLE];
        concludeAs(once(8) ? draw(PEOPLE) : NOBODY, which, entry, good);
    }

    /// @dev When a dispute can be concluded by anyone.
    function concludesFrom(Dispute memory d) internal view returns (uint256) {
        if (d.phase == IBooks.Phase.Ruled) return 0;
        return d.since + (d.phase == IBooks.Phase.Pending ? works[d.work].terms.appealWindow : RULING_LIMIT);
    }

    /// @dev Lost only by ruling 2 after a paid defence; else the worker has slots and deposits, and its sponsor the stake.
    /// Requester and operator may give in before. NOBODY as the caller is a stranger.
    function concludeAs(uint256 caller, uint256 which, IBooks.Appeal memory entry, bool good) internal {
        Dispute memory d = disputes[which];
        Work storage work = works[d.work];
        bool givesIn = caller != NOBODY && (caller == work.requester || caller == work.operator);
        good = good && (givesIn || block.timestamp >= concludesFrom(d));
        address from = caller == NOBODY ? stranger : accounts[caller];
        bool ok = attemptOnce(from, 0, abi.encodeCall(IRecourse.conclude, (work.terms, entry)));
        must(ok, good, "conclude");
        if (!ok) return;
        uint256 count = slotsOf[d.id].length;
        for (uint256 i; i < count; ++i) {
            if (slots[work.id][slotsOf[d.id][i]] != Slot.Appealed) breaks("a slot pays once");
            slots[work.id][slotsOf[d.id][i]] = Slot.Resolved;
        }
        release(work, count);
        divide(work, d, count);
        disputes[which] = disputes[disputes.length - 1];
        disputes.pop();
        look(work);
    }

    function divide(Work storage work, Dispute memory d, uint256 count) private {
        (uint256 deposits, uint256 stake) = (count * work.terms.contestDeposit, work.terms.appealStake);
        locked[work.t] -= deposits + stake;
        if (d.lost) {
            ledger[work.t][work.requester] += price(work.terms, count) + deposits + stake;
            return;
        }
        ledger[work.t][d.worker] += count * work.terms.reward + deposits;
        ledger[work.t][d.sponsor] += stake;
        ledger[work.t][treasuryIndex] += count * work.terms.fee;
    }
}
