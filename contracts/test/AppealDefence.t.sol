// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IArbitrable} from "../src/interfaces/IArbitrator.sol";
import {Disputes} from "./Disputes.sol";
import {Court} from "./harness/Court.sol";

// defend
// ├── the caller is neither requester nor operator      CallerNotRequester(requester)
// ├── no such appeal                                    PhaseWrong(None)
// ├── defended, ruled or done before                    PhaseWrong(that)
// ├── appealedAt + appealWindow reached                 NotNow(appealedAt, that)
// ├── less sent than the price of the day               ValueWrong(price, sent)
// ├── the arbitrator refuses price or dispute           its own reason
// ├── the arbitrator has no code                        nothing to say
// ├── the arbitrator gives a dispute id again           DisputeUsed(id)
// │   (after each of these the appeal is still pending, and the worker wins it)
// └── else: the dispute begins, at its price            Defended, MetaEvidence, Dispute; defended since now
//     ├── more sent than the price                      Deposited: the caller's, in the ledger
//     ├── the price is zero                             nothing needs to be sent
//     ├── by the operator                               with its own coins, and no allowance
//     └── another arbitrator's dispute has that id      both stand
// submitEvidence
// ├── the appeal is not defended                        PhaseWrong(phase)
// └── else, whoever calls                               Evidence
contract AppealDefenceTest is Disputes {
    IBooks.Terms private terms;
    IBooks.Appeal private entry;

    function setUp() public override {
        super.setUp();
        terms = contestable(8);
        entry = appealOf(terms);
    }

    // ------------------------------------------------------------------------------------------------ who and when

    function test_only_requester_and_operator_defend() public {
        address[4] memory others = [stranger, alice, coordinator, address(court)];
        for (uint256 i; i < others.length; ++i) {
            vm.deal(others[i], COURT_PRICE);
            refuse(others[i], COURT_PRICE, abi.encodeWithSelector(IBooks.CallerNotRequester.selector, requester));
        }
    }

    function test_only_an_appeal_as_it_was_made_is_defended() public {
        bytes memory reason = abi.encodeWithSelector(IBooks.PhaseWrong.selector, IBooks.Phase.None);
        IBooks.Appeal memory good = entry;
        for (uint256 i; i < 6; ++i) {
            entry = good;
            if (i == 0) entry.worker = bob;
            if (i == 1) entry.sponsor = bob;
            if (i == 2) entry.slots = 3;
            if (i == 3) entry.appealedAt += 1;
            if (i == 4) entry.request = keccak256("another");
            if (i == 5) terms.salt = keccak256("another job");
            refuse(requester, COURT_PRICE, reason);
        }
    }

    function test_an_appeal_is_defended_until_the_second_before_the_window_ends() public {
        uint256 end = defenceEnd(terms, entry);
        bytes memory late = abi.encodeWithSelector(IBooks.NotNow.selector, entry.appealedAt, end);
        vm.warp(end);
        refuse(requester, COURT_PRICE, late);
        vm.warp(end + 1);
        refuse(requester, COURT_PRICE, late);
        vm.warp(end - 1);
        defended(terms, entry);
    }

    function test_an_appeal_is_defended_once() public {
        uint256 disputeId = defended(terms, entry);
        refuse(requester, COURT_PRICE, abi.encodeWithSelector(IBooks.PhaseWrong.selector, IBooks.Phase.Defended));
        court.rule(disputeId, FOR_REQUESTER);
        refuse(operator, COURT_PRICE, abi.encodeWithSelector(IBooks.PhaseWrong.selector, IBooks.Phase.Ruled));
        concluded(terms, entry);
        refuse(requester, COURT_PRICE, abi.encodeWithSelector(IBooks.PhaseWrong.selector, IBooks.Phase.Done));
    }

    // ------------------------------------------------------------------------------------------------ the dispute

    function test_the_dispute_begins_at_its_price() public {
        bytes32 id = idOf(terms, entry);
        expectDefended(id, 0, COURT_PRICE);
        vm.recordLogs();
        vm.prank(requester);
        escrow.defend{value: COURT_PRICE}(terms, entry, "meta");
        assertEq(vm.getRecordedLogs().length, 3, "logs");
        (IBooks.Phase phase, uint64 since, uint8 ruling) = escrow.appealOf(id);
        assertTrue(phase == IBooks.Phase.Defended && ruling == 0, "defended");
        assertEq(since, block.timestamp, "since");
        (, uint256 choices, bytes memory extraData, uint256 paid) = court.cases(0);
        assertEq(choices, 2, "choices");
        assertEq(keccak256(extraData), keccak256("court's own"), "extra data");
        assertEq(paid, COURT_PRICE, "paid");
        assertEq(address(court).balance, COURT_PRICE, "the court's");
        assertLedger(requester, address(0), PURSE, "requester's ledger");
        assertEq(address(escrow).balance, 4 * PURSE, "nobody else's coins");
    }

    function test_what_is_sent_over_the_price_is_the_callers() public {
        vm.expectEmit(address(escrow));
        emit IBooks.Deposited(operator, address(0), 7);
        expectDefended(idOf(terms, entry), 0, COURT_PRICE);
        vm.prank(operator);
        escrow.defend{value: COURT_PRICE + 7}(terms, entry, "meta");
        assertLedger(operator, address(0), 7, "operator");
        assertEq(operator.balance, 1e24 - COURT_PRICE - 7, "operator's wallet");
        assertEq(address(escrow).balance, 4 * PURSE + 7, "the escrow's");
    }

    function test_the_price_is_the_days() public {
        court.setPrice(COURT_PRICE + 1);
        refuse(
            requester,
            COURT_PRICE,
            abi.encodeWithSelector(IBooks.ValueWrong.selector, COURT_PRICE + 1, COURT_PRICE)
        );
        refuse(requester, 0, abi.encodeWithSelector(IBooks.ValueWrong.selector, COURT_PRICE + 1, 0));
        court.setPrice(0);
        defended(terms, entry);
        assertEq(address(court).balance, 0, "for nothing");
    }

    // ------------------------------------------------------------------------------------------------ arbitrators that fail

    function test_an_arbitrator_that_refuses_leaves_the_slots_to_the_worker() public {
        court.set(Court.Way.NoPrice);
        refuse(requester, COURT_PRICE, abi.encodeWithSignature("Error(string)", "no price"));
        court.set(Court.Way.NoDispute);
        refuse(requester, COURT_PRICE, abi.encodeWithSignature("Error(string)", "no dispute"));
        workerWinsByDefault();
    }

    function test_an_arbitrator_without_code_leaves_the_slots_to_the_worker() public {
        terms.arbitrator = address(0xDEAD);
        post(terms, 8);
        entry = appealOf(terms);
        refuse(requester, COURT_PRICE, "");
        workerWinsByDefault();
    }

    function test_the_escrow_itself_is_no_arbitrator() public {
        terms.arbitrator = address(escrow);
        post(terms, 8);
        entry = appealOf(terms);
        refuse(requester, COURT_PRICE, "");
        workerWinsByDefault();
    }

    function test_a_dispute_id_given_again_is_no_defence() public {
        IBooks.Opening memory opening = opened(terms, table(bob), 4, hex"01");
        contested(terms, opening, hex"01");
        uint256 disputeId = defended(terms, entry);
        court.rule(disputeId, FOR_REQUESTER);
        concluded(terms, entry);
        vm.warp(reviewEnd(terms, opening));
        entry = appealed(terms, opening, 1);
        court.set(Court.Way.SameDispute);
        refuse(requester, COURT_PRICE, abi.encodeWithSelector(IBooks.DisputeUsed.selector, disputeId));
        assertEq(address(court).balance, COURT_PRICE, "the first alone");
        vm.warp(defenceEnd(terms, entry));
        concluded(terms, entry);
        assertLedger(bob, address(dollar), PURSE + REWARD + DEPOSIT, "bob");
    }

    function test_two_arbitrators_may_give_one_id() public {
        assertEq(defended(terms, entry), 0, "the court's first");
        Court second = new Court();
        IBooks.Terms memory other = contestableIn(address(dollar));
        other.arbitrator = address(second);
        post(other, 8);
        IBooks.Appeal memory others = appealOf(other);
        vm.prank(requester);
        escrow.defend(other, others, "meta");
        court.rule(0, FOR_REQUESTER);
        second.rule(0, FOR_WORKER);
        concluded(terms, entry);
        concluded(other, others);
        assertLedger(alice, address(dollar), PURSE - STAKE + 2 * REWARD + 2 * DEPOSIT, "alice");
        assertLedger(requester, address(dollar), PURSE + STAKE + 2 * REWARD - 2 * DEPOSIT, "requester");
    }

    // ------------------------------------------------------------------------------------------------ evidence

    function test_evidence_is_shown_in_a_defended_appeal_by_anyone() public {
        bytes32 id = idOf(terms, entry);
        refuseEvidence(keccak256("none"), IBooks.Phase.None);
        refuseEvidence(id, IBooks.Phase.Pending);
        uint256 disputeId = defended(terms, entry);
        vm.expectEmit(address(escrow));
        emit IArbitrable.Evidence(address(court), uint256(id), stranger, "look here");
        vm.prank(stranger);
        escrow.submitEvidence(id, "look here");
        court.rule(disputeId, FOR_WORKER);
        refuseEvidence(id, IBooks.Phase.Ruled);
        concluded(terms, entry);
        refuseEvidence(id, IBooks.Phase.Done);
    }

    // ------------------------------------------------------------------------------------------------ pieces

    /// @dev Two of alice's slots, opened, contested and appealed.
    function appealOf(IBooks.Terms memory job) private returns (IBooks.Appeal memory) {
        IBooks.Opening memory opening = opened(job, table(alice), 0, hex"0101");
        contested(job, opening, hex"0101");
        vm.warp(reviewEnd(job, opening));
        return appealed(job, opening, 1);
    }

    function expectDefended(bytes32 id, uint256 disputeId, uint256 cost) private {
        bytes32 job = escrow.jobId(terms);
        vm.expectEmit(address(escrow));
        emit IBooks.Defended(job, id, address(court), disputeId, cost);
        vm.expectEmit(address(escrow));
        emit IArbitrable.MetaEvidence(uint256(id), "meta");
        vm.expectEmit(address(escrow));
        emit IArbitrable.Dispute(address(court), disputeId, uint256(id), uint256(id));
    }

    function workerWinsByDefault() private {
        assertPhase(terms, entry, IBooks.Phase.Pending);
        uint256 before = escrow.balanceOf(alice, address(dollar));
        vm.warp(defenceEnd(terms, entry));
        concluded(terms, entry);
        assertLedger(alice, address(dollar), before + 2 * REWARD + 2 * DEPOSIT + STAKE, "alice");
    }

    function refuseEvidence(bytes32 id, IBooks.Phase phase) private {
        vm.expectRevert(abi.encodeWithSelector(IBooks.PhaseWrong.selector, phase));
        escrow.submitEvidence(id, "too soon or too late");
    }

    function refuse(address caller, uint256 value, bytes memory reason) private {
        vm.prank(caller);
        vm.expectRevert(reason);
        escrow.defend{value: value}(terms, entry, "meta");
    }
}
