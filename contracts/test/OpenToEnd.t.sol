// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IDollar} from "./Base.sol";
import {Disputes} from "./Disputes.sol";

/// @dev Two openings of one table from their first second to the last coin, drawn at random in everything: amounts, windows, token,
/// where the slots begin, holes, slots settled before, what is contested, conceded and appealed, how each appeal ends, who is paid
/// in the wallet, and the order of the calls. A model walks the slots one by one and says what each account has in the end, exactly.
contract OpenToEndTest is Disputes {
    enum Outcome {
        NotAppealed,
        NotDefended,
        NotRuled,
        ForWorker,
        ForRequester
    }

    struct Case {
        IBooks.Appeal entry;
        Outcome outcome;
        bool done;
    }

    bytes32 private seed;
    uint256 private salt;
    IBooks.Terms private terms;
    bytes32 private job;
    uint256 private funded;
    address[] private workers;
    IBooks.Opening[] private openings;
    mapping(uint256 opening => bool) private paid;
    mapping(uint256 opening => bool) private reclaimedOnce;
    mapping(uint256 place => Outcome) private outcomeOf;
    mapping(uint256 slot => bool) private lost;
    mapping(uint256 slot => bool) private gaveIn;
    Case[] private cases;

    address[] private known;
    mapping(address account => bool) private isKnown;
    mapping(address account => uint256) private owed;

    /// forge-config: default.fuzz.runs = 256
    function testFuzz_every_coin_ends_where_it_belongs(bytes32 seed_) public {
        seed = seed_;
        drawJob();
        drawOpenings();
        for (uint256 i; i < 2; ++i) {
            contestSome(i);
        }
        vm.warp(reviewEnd(terms, openings[0]) + dice(terms.appealWindow));
        for (uint256 i; i < 2; ++i) {
            if (dice(2) == 0) pay(i);
            if (dice(6) == 0) concede(i);
        }
        for (uint256 i; i < 4; ++i) {
            appealSome(1 + dice(workers.length));
        }
        for (uint256 i; i < 2; ++i) {
            if (dice(6) == 0) concede(i);
        }
        vm.warp(appealEnd(terms, openings[0]));
        endInAnyOrder();
        vm.warp(block.timestamp + 180 days + terms.appealWindow);
        endInAnyOrder();
        if (!escrow.jobOf(job).closed) close();
        check();
    }

    // ------------------------------------------------------------------------------------------------ what is drawn

    function drawJob() private {
        setFee(dice(3) == 0 ? 0 : uint16(dice(201)));
        terms = contestableIn(dice(2) == 0 ? address(0) : address(dollar));
        terms.reward = uint128(1 + dice(dice(2) == 0 ? 1e6 : 1 << 96));
        terms.fee = uint128(uint256(terms.reward) * escrow.feeBps() / 10_000);
        terms.contestDeposit = uint128(dice(3) == 0 ? 0 : dice(1 << 96));
        terms.appealStake = uint128(dice(3) == 0 ? 0 : dice(1 << 96));
        terms.reviewWindow = uint32(1 + dice(90 days));
        terms.appealWindow = uint32(1 days + dice(89 days + 1));
        terms.closesAt = uint64(block.timestamp + 1 + dice(300 days));
        job = escrow.jobId(terms);
        know(requester, PURSE);
        know(stranger, PURSE);
        know(alice, PURSE);
        know(bob, PURSE);
        know(governor, 0);
    }

    /// @dev A table in which some are nobody, and two batches side by side whose first slot lies anywhere, often at the border of
    /// a word; some of their slots are settled already, and some aren't funded.
    function drawOpenings() private {
        workers = workersFrom(0x5000, 1 + (dice(3) == 0 ? dice(255) : dice(6)));
        address[4] memory odd = [requester, address(0), address(escrow), workers[0]];
        for (uint256 i; i < 4; ++i) {
            if (dice(3) == 0) workers[dice(workers.length)] = odd[i];
        }
        for (uint256 i; i < workers.length; ++i) {
            if (!isKnown[workers[i]]) know(workers[i], 0);
        }
        uint16[7] memory borders = [0, 96, 128, 224, 256, 384, 640];
        uint256 first = dice(2) == 0 ? dice(1_100) : borders[dice(7)] + dice(3);
        if (first != 0 && dice(2) == 0) --first;
        uint256[2] memory lengths = [1 + dice(dice(4) == 0 ? 1_024 : 130), 1 + dice(200)];
        funded = first + 1 + dice(lengths[0] + lengths[1] + 20);
        fundJob();
        settleSome(uint32(first + dice(50)));
        bytes memory places = drawn(lengths[0]);
        places[0] = 0x01; // something is free, unless it was settled
        openSome(uint32(first), places, drawn(lengths[1]));
    }

    function fundJob() private {
        uint256 amount = price(terms, funded);
        if (terms.token == address(0)) vm.deal(requester, amount);
        else dollar.mint(requester, amount);
        post(terms, uint32(funded));
    }

    function settleSome(uint32 firstSlot) private {
        bytes memory places = freeOf(terms, firstSlot, drawn(1 + dice(60)));
        uint256 slots;
        for (uint256 i; i < places.length; ++i) {
            if (places[i] == 0) continue;
            places[i] = 0x01;
            ++slots;
        }
        if (slots == 0) return;
        escrow.settle(terms, table(stranger), one(batchOf(terms, table(stranger), firstSlot, places)), crediting());
        owed[stranger] += slots * terms.reward;
        owed[governor] += slots * terms.fee;
    }

    function openSome(uint32 firstSlot, bytes memory left, bytes memory right) private {
        IBooks.OpenedBatch[] memory batches = new IBooks.OpenedBatch[](2);
        batches[0] = openable(terms, workers, firstSlot, left);
        batches[1] = openable(terms, workers, firstSlot + uint32(left.length), right);
        for (uint256 i; i < 2; ++i) {
            openings.push(openingOf(terms, batches[i]));
        }
        uint256[2] memory took = [named(openings[0].places), named(openings[1].places)];
        vm.assume(took[0] != 0); // the first opening's instants are everybody's
        vm.prank(coordinator);
        bytes32[] memory ids = escrow.open(terms, batches, "");
        assertEq(ids[0], idOf(terms, openings[0]), "first opening");
        assertEq(ids[1], took[1] == 0 ? bytes32(0) : idOf(terms, openings[1]), "second opening");
        if (took[1] == 0) paid[1] = reclaimedOnce[1] = true; // it is none
    }

    function drawn(uint256 length) private returns (bytes memory places) {
        places = new bytes(length);
        (uint256 holes, uint256 few) = (dice(3), dice(2) == 0 ? workers.length : 1 + dice(workers.length));
        for (uint256 i; i < length; ++i) {
            uint256 word = dice(1 << 64);
            if (word % 8 < holes * 3) continue;
            places[i] = bytes1(uint8(1 + (word >> 8) % few));
        }
    }

    // ------------------------------------------------------------------------------------------------ the calls

    /// @dev In none, one or two calls, before or after an early payment.
    function contestSome(uint256 i) private {
        if (paid[i]) return;
        if (dice(6) == 0) return pay(i);
        uint256 calls = dice(3);
        for (uint256 j; j < calls; ++j) {
            vm.warp(block.timestamp + dice(reviewEnd(terms, openings[i]) - block.timestamp));
            bytes memory places = openings[i].places;
            uint256 odds = 1 + dice(4);
            uint256 more;
            for (uint256 k; k < places.length; ++k) {
                if (dice(4) >= odds) places[k] = 0;
                if (places[k] == 0 || lost[openings[i].firstSlot + k]) continue;
                lost[openings[i].firstSlot + k] = true;
                ++more;
            }
            if (more == 0) continue;
            uint256 deposits = more * terms.contestDeposit;
            if (deposits != 0) enrich(requester, terms.token, deposits);
            contested(terms, openings[i], places);
        }
        if (dice(4) == 0) pay(i);
        if (dice(9) == 0) concede(i);
    }

    /// @dev Early at the operator's word, or by anyone.
    function pay(uint256 i) private {
        if (paid[i]) return;
        paid[i] = true;
        vm.prank(operator);
        escrow.finalize(terms, openings[i], type(uint256).max, "", dice(2) == 0 ? pushing() : crediting());
    }

    /// @dev Gives in where nothing was appealed yet; the operator's word is worth the requester's.
    function concede(uint256 i) private {
        if (reclaimedOnce[i]) return;
        bytes memory places = openings[i].places;
        uint256 slots;
        for (uint256 k; k < places.length; ++k) {
            uint256 slot = openings[i].firstSlot + k;
            if (!isLost(i, k) || outcomeOf[uint8(places[k])] != Outcome.NotAppealed) continue;
            gaveIn[slot] = true;
            ++slots;
        }
        vm.prank(dice(2) == 0 ? requester : operator);
        if (slots == 0) vm.expectRevert(abi.encodeWithSelector(IBooks.NothingFree.selector, job));
        escrow.concede(terms, openings[i], type(uint256).max, "");
    }

    function appealSome(uint256 place) private {
        address worker = workers[place - 1];
        if (outcomeOf[place] != Outcome.NotAppealed || worker == address(0) || worker == address(escrow)) return;
        bool both = openings[1].places.length != 0 && !reclaimedOnce[1];
        IBooks.Opening[] memory named_ = new IBooks.Opening[](both ? 2 : 1);
        uint256[] memory placeOf = new uint256[](named_.length);
        uint256 slots;
        for (uint256 i; i < named_.length; ++i) {
            (named_[i], placeOf[i]) = (openings[i], place);
            slots += lostOf(i, place);
        }
        if (terms.appealStake != 0) enrich(worker, terms.token, terms.appealStake);
        owed[worker] += terms.appealStake;
        if (slots == 0) return refuseAppeal(worker, named_, placeOf);
        cases.push(Case(appealedBy(worker, terms, named_, placeOf, ""), Outcome(1 + dice(4)), false));
        Case storage last = cases[cases.length - 1];
        assertEq(last.entry.slots, slots, "appealed");
        outcomeOf[place] = last.outcome;
        if (last.outcome == Outcome.NotDefended) return;
        vm.deal(requester, COURT_PRICE);
        uint256 disputeId = defended(terms, last.entry);
        if (last.outcome == Outcome.ForWorker) court.rule(disputeId, dice(2));
        if (last.outcome == Outcome.ForRequester) court.rule(disputeId, FOR_REQUESTER);
    }

    function refuseAppeal(address worker, IBooks.Opening[] memory named_, uint256[] memory placeOf) private {
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(IBooks.NothingFree.selector, job));
        escrow.appeal(terms, named_, placeOf, "");
    }

    function endInAnyOrder() private {
        uint256 calls = 5 + cases.length;
        uint256 start = dice(calls);
        uint256 step = dice(2) == 0 ? 1 : calls - 1;
        for (uint256 i; i < calls; ++i) {
            end((start + i * step) % calls);
        }
    }

    function end(uint256 what) private {
        if (what < 2) return pay(what);
        if (what < 4) return reclaim(what - 2);
        if (what < 4 + cases.length) return conclude(cases[what - 4]);
        if (block.timestamp >= terms.closesAt && !escrow.jobOf(job).closed) close();
    }

    function reclaim(uint256 i) private {
        if (reclaimedOnce[i]) return;
        reclaimedOnce[i] = true;
        uint256 slots;
        for (uint256 place = 1; place <= workers.length; ++place) {
            if (outcomeOf[place] == Outcome.NotAppealed) slots += lostOf(i, place);
        }
        if (slots == 0) vm.expectRevert(abi.encodeWithSelector(IBooks.NothingFree.selector, job));
        escrow.reclaim(terms, openings[i]);
    }

    function conclude(Case storage entry) private {
        bool due = entry.outcome == Outcome.ForWorker || entry.outcome == Outcome.ForRequester;
        (, uint64 since,) = escrow.appealOf(idOf(terms, entry.entry));
        due = due || block.timestamp >= since + (entry.outcome == Outcome.NotDefended ? terms.appealWindow : 180 days);
        if (entry.done || !due && dice(4) != 0) return;
        entry.done = true;
        if (due) return concluded(terms, entry.entry);
        vm.prank(dice(2) == 0 ? requester : operator); // gives in
        escrow.conclude(terms, entry.entry);
    }

    function close() private {
        if (block.timestamp < terms.closesAt) vm.warp(terms.closesAt);
        owed[requester] += price(terms, funded - escrow.jobOf(job).taken);
        escrow.close(terms);
    }

    // ------------------------------------------------------------------------------------------------ the model

    function check() private {
        for (uint256 i; i < 2; ++i) {
            bytes memory places = openings[i].places;
            for (uint256 k; k < places.length; ++k) {
                uint256 slot = openings[i].firstSlot + k;
                if (places[k] != 0) settleInModel(uint8(places[k]), lost[slot], gaveIn[slot]);
            }
        }
        for (uint256 i; i < cases.length; ++i) {
            if (cases[i].outcome != Outcome.ForRequester) continue;
            owed[cases[i].entry.worker] -= terms.appealStake;
            owed[requester] += terms.appealStake;
        }
        uint256 inLedgers;
        for (uint256 i; i < known.length; ++i) {
            uint256 ledger = escrow.balanceOf(known[i], terms.token);
            inLedgers += ledger;
            assertEq(ledger + pushedTo(known[i]), owed[known[i]], "an account's");
        }
        uint256 held = terms.token == address(0) ? address(escrow).balance : dollar.balanceOf(address(escrow));
        assertEq(held, inLedgers, "what the ledgers owe");
        assertJob(job, funded, funded, funded, true);
    }

    /// @dev One slot: paid, cancelled, given back, or as its appeal ended. What a contest locked was the requester's.
    function settleInModel(uint256 place, bool wasLost, bool wasConceded) private {
        address worker = workers[place - 1];
        Outcome outcome = outcomeOf[place];
        bool toRequester = wasLost && !wasConceded
            ? outcome == Outcome.NotAppealed || outcome == Outcome.ForRequester
            : worker == requester || worker == address(0) || worker == address(escrow);
        uint256 deposit = wasLost ? terms.contestDeposit : 0;
        owed[toRequester ? requester : worker] += terms.reward + deposit;
        owed[toRequester ? requester : governor] += terms.fee;
    }

    function lostOf(uint256 i, uint256 place) private view returns (uint256 slots) {
        bytes memory places = openings[i].places;
        for (uint256 k; k < places.length; ++k) {
            if (uint8(places[k]) == place && isLost(i, k)) ++slots;
        }
    }

    /// @dev Whether a byte's slot was contested, and not conceded.
    function isLost(uint256 i, uint256 k) private view returns (bool) {
        uint256 slot = openings[i].firstSlot + k;
        return openings[i].places[k] != 0 && lost[slot] && !gaveIn[slot];
    }

    /// @dev What a worker got in its wallet: the drawn ones had nothing there before.
    function pushedTo(address account) private view returns (uint256) {
        if (uint160(account) < 0x5000 || uint160(account) >= 0x5100) return 0;
        return terms.token == address(0) ? account.balance : IDollar(terms.token).balanceOf(account);
    }

    function know(address account, uint256 purse) private {
        isKnown[account] = true;
        known.push(account);
        owed[account] = purse;
    }

    function dice(uint256 sides) private returns (uint256) {
        return uint256(keccak256(abi.encode(seed, ++salt))) % sides;
    }
}
