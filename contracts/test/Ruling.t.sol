// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IArbitrable} from "../src/interfaces/IArbitrator.sol";
import {Disputes} from "./Disputes.sol";
import {Court} from "./harness/Court.sol";

// rule
// ├── the caller has no such dispute                    PhaseWrong(None)
// ├── ruled or done before                              PhaseWrong(that)
// ├── defendedAt + 180 days reached                     NotNow(defendedAt, that)
// └── else                                              Ruling; written down, and no money moves
// conclude, whoever calls
// ├── no such appeal                                    PhaseWrong(None)
// ├── pending
// │   ├── before appealedAt + appealWindow              NotNow(that, for ever)
// │   └── from then on                                  the worker wins
// ├── defended
// │   ├── before defendedAt + 180 days                  NotNow(that, for ever)
// │   └── from then on                                  the worker wins
// ├── ruled 2                                           the requester wins
// ├── ruled anything else                               the worker wins
// └── done                                              PhaseWrong(Done)
// the worker wins: reward and deposit of each slot to it, stake to the sponsor, fee to the treasury; AppealEnded, FeePaid
// the requester wins: reward, fee and deposit of each slot, and the stake, to it; AppealEnded
contract RulingTest is Disputes {
    IBooks.Terms private terms;
    IBooks.Appeal private entry;

    function setUp() public override {
        super.setUp();
        setFee(200);
        begin(contestableIn(address(dollar)));
    }

    // ------------------------------------------------------------------------------------------------ rule

    function test_only_the_disputes_arbitrator_rules() public {
        uint256 disputeId = defended(terms, entry);
        bytes memory none = abi.encodeWithSelector(IBooks.PhaseWrong.selector, IBooks.Phase.None);
        address[4] memory others = [stranger, requester, alice, address(0xC0)];
        for (uint256 i; i < others.length; ++i) {
            refuseRule(others[i], disputeId, none);
        }
        refuseRule(address(court), disputeId + 1, none);
        Court another = new Court();
        refuseRule(address(another), disputeId, none);
        assertPhase(terms, entry, IBooks.Phase.Defended);
    }

    function test_a_ruling_is_given_once() public {
        uint256 disputeId = defended(terms, entry);
        court.rule(disputeId, FOR_WORKER);
        refuseRule(address(court), disputeId, abi.encodeWithSelector(IBooks.PhaseWrong.selector, IBooks.Phase.Ruled));
        concluded(terms, entry);
        uint256 before = escrow.balanceOf(requester, address(dollar));
        court.rule(disputeId, FOR_REQUESTER); // closes the court's own case, and changes nothing here
        assertPhase(terms, entry, IBooks.Phase.Done);
        assertLedger(requester, address(dollar), before, "nothing");
    }

    function test_a_ruling_is_given_until_the_second_before_its_limit() public {
        uint256 disputeId = defended(terms, entry);
        uint256 defendedAt = block.timestamp;
        uint256 end = defendedAt + 180 days;
        assertEq(rulingEnd(terms, entry), end, "the limit");
        bytes memory late = abi.encodeWithSelector(IBooks.NotNow.selector, defendedAt, end);
        vm.warp(end);
        refuseRule(address(court), disputeId, late);
        vm.warp(end + 1);
        refuseRule(address(court), disputeId, late);
        vm.warp(end - 1);
        court.rule(disputeId, FOR_REQUESTER);
        vm.warp(end + 1000 days);
        concluded(terms, entry);
        assertLedger(bob, address(dollar), PURSE - STAKE, "a ruling has no end");
    }

    function test_a_ruling_is_only_written_down() public {
        uint256[5] memory rulings = [uint256(0), 1, 2, 3, type(uint256).max];
        for (uint256 i; i < rulings.length; ++i) {
            terms.salt = bytes32(i);
            begin(terms);
            uint256 disputeId = defended(terms, entry);
            uint64 defendedAt = uint64(block.timestamp);
            vm.warp(block.timestamp + 5);
            uint256 before = escrow.balanceOf(alice, address(dollar));
            vm.expectEmit(address(escrow));
            emit IArbitrable.Ruling(address(court), disputeId, rulings[i]);
            vm.recordLogs();
            court.rule(disputeId, rulings[i]);
            assertEq(vm.getRecordedLogs().length, 1, "logs");
            (IBooks.Phase phase, uint64 since, uint8 ruling) = escrow.appealOf(idOf(terms, entry));
            assertTrue(phase == IBooks.Phase.Ruled && since == defendedAt, "ruled");
            assertEq(ruling, rulings[i] == 2 ? 2 : 0, "for whom");
            assertLedger(alice, address(dollar), before, "alice");
            assertJob(escrow.jobId(terms), 4, 2, 0, false);
        }
    }

    // ------------------------------------------------------------------------------------------------ conclude: when

    function test_an_appeal_as_it_was_not_made_does_not_end() public {
        bytes memory none = abi.encodeWithSelector(IBooks.PhaseWrong.selector, IBooks.Phase.None);
        vm.warp(defenceEnd(terms, entry));
        IBooks.Appeal memory good = entry;
        for (uint256 i; i < 4; ++i) {
            entry = good;
            if (i == 0) entry.worker = stranger;
            if (i == 1) entry.sponsor = stranger;
            if (i == 2) entry.slots = 4;
            if (i == 3) terms.contestDeposit += 1;
            refuseEnd(none);
        }
    }

    function test_an_appeal_that_nobody_defends_ends_with_its_window() public {
        uint256 end = defenceEnd(terms, entry);
        bytes memory early = abi.encodeWithSelector(IBooks.NotNow.selector, end, type(uint256).max);
        refuseEnd(early);
        vm.warp(end - 1);
        refuseEnd(early);
        vm.warp(end);
        workerWins();
    }

    function test_a_dispute_without_a_ruling_ends_with_the_limit() public {
        vm.warp(defenceEnd(terms, entry) - 1);
        defended(terms, entry);
        uint256 end = block.timestamp + 180 days;
        bytes memory early = abi.encodeWithSelector(IBooks.NotNow.selector, end, type(uint256).max);
        vm.warp(defenceEnd(terms, entry) + 1);
        refuseEnd(early);
        vm.warp(end - 1);
        refuseEnd(early);
        vm.warp(end);
        workerWins();
    }

    function test_an_appeal_ends_once() public {
        vm.warp(defenceEnd(terms, entry));
        concluded(terms, entry);
        bytes memory done = abi.encodeWithSelector(IBooks.PhaseWrong.selector, IBooks.Phase.Done);
        refuseEnd(done);
        vm.warp(block.timestamp + 1000 days);
        refuseEnd(done);
        assertJob(escrow.jobId(terms), 4, 2, 2, false);
    }

    // ------------------------------------------------------------------------------------------------ conclude: who wins

    function test_only_ruling_2_is_for_the_requester() public {
        uint256[5] memory rulings = [uint256(0), 1, 3, 255, uint256(1) << 8 | 2];
        for (uint256 i; i < rulings.length; ++i) {
            terms.salt = bytes32(i);
            begin(terms);
            court.rule(defended(terms, entry), rulings[i]);
            workerWins();
        }
        terms.salt = "2";
        begin(terms);
        court.rule(defended(terms, entry), 2);
        requesterWins();
    }

    function test_a_job_without_a_fee_owes_the_treasury_nothing() public {
        setFee(0);
        terms = contestableIn(address(dollar));
        begin(terms);
        vm.warp(defenceEnd(terms, entry));
        workerWins();
        terms.salt = "again";
        begin(terms);
        court.rule(defended(terms, entry), 2);
        requesterWins();
    }

    function test_a_job_in_coins_ends_in_coins() public {
        begin(contestableIn(address(0)));
        vm.warp(terms.closesAt);
        escrow.close(terms);
        workerWins();
        terms.salt = "again";
        terms.closesAt += 30 days;
        begin(terms);
        court.rule(defended(terms, entry), 2);
        requesterWins();
    }

    function test_without_deposit_and_stake_only_the_price_is_at_stake() public {
        (terms.contestDeposit, terms.appealStake) = (0, 0);
        begin(terms);
        vm.warp(defenceEnd(terms, entry));
        workerWins();
    }

    // ------------------------------------------------------------------------------------------------ pieces

    /// @dev A job of four slots, two of them alice's, opened, contested, and appealed at bob's stake.
    function begin(IBooks.Terms memory terms_) private {
        terms = terms_;
        post(terms, 4);
        IBooks.Opening memory opening = opened(terms, table(alice), 1, hex"0101");
        contested(terms, opening, hex"0101");
        vm.warp(reviewEnd(terms, opening));
        bytes memory signature = signAppeal(terms, one(opening), one(uint256(1)), ALICE_KEY);
        entry = appealedBy(bob, terms, one(opening), one(uint256(1)), signature);
    }

    function workerWins() private {
        uint256[4] memory before = balances();
        bool owesFee = terms.fee != 0;
        expectEnd(true);
        if (owesFee) vm.expectEmit(address(escrow));
        if (owesFee) emit IBooks.FeePaid(escrow.jobId(terms), governor, terms.token, 2 * terms.fee);
        conclude(owesFee ? 2 : 1);
        uint256[4] memory later = balances();
        assertEq(later[0] - before[0], 2 * (uint256(REWARD) + terms.contestDeposit), "worker");
        assertEq(later[1] - before[1], terms.appealStake, "sponsor");
        assertEq(later[2], before[2], "requester");
        assertEq(later[3] - before[3], 2 * terms.fee, "treasury");
    }

    function requesterWins() private {
        uint256[4] memory before = balances();
        expectEnd(false);
        conclude(1);
        uint256[4] memory later = balances();
        assertEq(later[0], before[0], "worker");
        assertEq(later[1], before[1], "sponsor");
        uint256 won = price(terms, 2) + 2 * uint256(terms.contestDeposit) + terms.appealStake;
        assertEq(later[2] - before[2], won, "requester");
        assertEq(later[3], before[3], "treasury");
    }

    function conclude(uint256 logs) private {
        uint256 resolved = escrow.jobOf(escrow.jobId(terms)).resolved;
        vm.recordLogs();
        concluded(terms, entry);
        assertEq(vm.getRecordedLogs().length, logs, "logs");
        assertPhase(terms, entry, IBooks.Phase.Done);
        assertEq(escrow.jobOf(escrow.jobId(terms)).resolved - resolved, 2, "resolved");
    }

    function expectEnd(bool workerWon) private {
        (bytes32 job, bytes32 id) = (escrow.jobId(terms), idOf(terms, entry));
        vm.expectEmit(address(escrow));
        emit IBooks.AppealEnded(job, id, workerWon, 2);
    }

    function balances() private view returns (uint256[4] memory) {
        address token = terms.token;
        return [
            escrow.balanceOf(alice, token),
            escrow.balanceOf(bob, token),
            escrow.balanceOf(requester, token),
            escrow.balanceOf(governor, token)
        ];
    }

    function refuseRule(address caller, uint256 disputeId, bytes memory reason) private {
        vm.prank(caller);
        vm.expectRevert(reason);
        escrow.rule(disputeId, FOR_REQUESTER);
    }

    function refuseEnd(bytes memory reason) private {
        vm.prank(alice);
        vm.expectRevert(reason);
        escrow.conclude(terms, entry);
    }
}
