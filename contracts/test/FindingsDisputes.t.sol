// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IArbitrable} from "../src/interfaces/IArbitrator.sol";
import {Disputes} from "./Disputes.sol";
import {Court} from "./harness/Court.sol";
import {RogueArbitrator} from "./hostile/Arbitrators.sol";

/// @dev The review's findings about contests and appeals: each attack as it was found, and what comes of it here.
contract FindingsDisputesTest is Disputes {
    /// @dev Requester, operator, coordinator, workers and court fall silent; a stranger ends it all.
    function test_finding_07_everything_ends_by_a_strangers_calls() public {
        IBooks.Terms memory terms = contestable(5);
        IBooks.Opening memory opening = opened(terms, table(alice, bob), 0, hex"01020102");
        contested(terms, opening, hex"00020102");
        vm.warp(reviewEnd(terms, opening));
        IBooks.Appeal memory undefended = appealed(terms, opening, 1);
        vm.warp(appealEnd(terms, opening));
        vm.startPrank(stranger);
        escrow.finalize(terms, opening, 0, "", crediting());
        escrow.reclaim(terms, opening);
        escrow.conclude(terms, undefended);
        vm.warp(terms.closesAt);
        escrow.close(terms);
        vm.stopPrank();
        assertJob(escrow.jobId(terms), 5, 5, 5, true);
        assertEq(dollar.balanceOf(address(escrow)), ledgers(), "all of it in the ledgers");
    }

    function test_finding_07_no_terms_make_anybody_wait_for_ever() public {
        IBooks.Terms memory terms = contestableIn(address(dollar));
        terms.closesAt = type(uint64).max;
        refusePost(terms, IBooks.ClosesAtWrong.selector);
        terms.closesAt = uint64(block.timestamp + 1 days);
        terms.reviewWindow = 90 days + 1;
        refusePost(terms, IBooks.WindowWrong.selector);
        (terms.reviewWindow, terms.appealWindow) = (0, 90 days + 1);
        refusePost(terms, IBooks.WindowWrong.selector);
    }

    function test_finding_08_no_price_and_no_arbitrator_stands_between_a_worker_and_its_appeal() public {
        IBooks.Terms memory terms = contestable(1);
        IBooks.Opening memory opening = opened(terms, table(alice), 0, hex"01");
        contested(terms, opening, hex"01");
        vm.warp(reviewEnd(terms, opening));
        court.setPrice(type(uint256).max);
        court.set(Court.Way.NoPrice);
        IBooks.Appeal memory entry = appealed(terms, opening, 1); // nobody asks the court
        assertLedger(alice, address(dollar), PURSE - STAKE, "the stake of the terms");
        vm.prank(requester);
        vm.expectRevert();
        escrow.defend{value: 1e18}(terms, entry, "");
        vm.warp(defenceEnd(terms, entry));
        concluded(terms, entry);
        assertLedger(alice, address(dollar), PURSE + REWARD + DEPOSIT, "won");
    }

    function test_finding_09_contesting_garbage_costs_a_deposit_a_slot_and_no_winner_goes_unpaid() public {
        IBooks.Terms memory terms = contestable(1_000);
        bytes memory places = new bytes(1_000);
        for (uint256 i; i < 1_000; ++i) {
            places[i] = bytes1(uint8(1 + i % 10));
        }
        address[] memory socks = workersFrom(0x50C5, 10);
        IBooks.Opening memory opening = opened(terms, socks, 0, places);
        contested(terms, opening, places);
        assertLedger(requester, address(dollar), PURSE - 1_000 * DEPOSIT, "bounded, whatever a court costs");
        vm.warp(reviewEnd(terms, opening));
        IBooks.Appeal[] memory appeals = new IBooks.Appeal[](10);
        for (uint256 i; i < 10; ++i) {
            enrich(socks[i], address(dollar), STAKE);
            appeals[i] = appealed(terms, opening, i + 1);
        }
        vm.warp(defenceEnd(terms, appeals[0]));
        for (uint256 i; i < 10; ++i) {
            concluded(terms, appeals[i]);
            assertLedger(socks[i], address(dollar), STAKE + 100 * (REWARD + DEPOSIT), "each winner in full");
        }
    }

    /// @dev With a deposit of four rewards one appeal in five makes it worth nothing, and any more a loss.
    function test_finding_10_contesting_everything_gains_nothing_once_one_in_five_appeals() public {
        assertEq(uint256(gainOfContestingFive(1) + 1e18), 1e18, "one in five: nothing");
        assertTrue(gainOfContestingFive(2) < 0, "two in five: a loss");
    }

    /// @return what the requester has more, for five answers, than one that contested none
    function gainOfContestingFive(uint256 appealing) private returns (int256) {
        IBooks.Terms memory terms = contestableIn(address(dollar));
        terms.contestDeposit = 4 * REWARD;
        terms.salt = bytes32(appealing);
        uint256 before = escrow.balanceOf(requester, address(dollar));
        post(terms, 5);
        address[] memory workers = workersFrom(uint160(0x5000 + 16 * appealing), 5);
        IBooks.Opening memory opening = opened(terms, workers, 0, hex"0102030405");
        contested(terms, opening, hex"0102030405");
        vm.warp(reviewEnd(terms, opening));
        IBooks.Appeal[] memory appeals = new IBooks.Appeal[](appealing);
        for (uint256 i; i < appealing; ++i) {
            enrich(workers[i], address(dollar), STAKE);
            appeals[i] = appealed(terms, opening, i + 1);
        }
        vm.warp(appealEnd(terms, opening));
        reclaimed(terms, opening);
        for (uint256 i; i < appealing; ++i) {
            concluded(terms, appeals[i]); // no court is worth five cents: it concedes
        }
        // The job was paid from the wallet; whoever contests nothing pays all five and gets nothing back.
        return int256(escrow.balanceOf(requester, address(dollar))) - int256(before);
    }

    function test_finding_11_no_trickle_of_contests_makes_a_worker_stake_twice() public {
        IBooks.Terms memory terms = contestable(3);
        IBooks.Opening memory opening = opened(terms, table(alice), 0, hex"010101");
        contested(terms, opening, hex"010000");
        uint256 end = reviewEnd(terms, opening);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IBooks.NotNow.selector, end, end + terms.appealWindow));
        escrow.appeal(terms, one(opening), one(uint256(1)), ""); // nobody may be lured into appealing early
        vm.warp(end - 1);
        contested(terms, opening, hex"010100"); // in the last second
        vm.warp(end);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.NotNow.selector, end - terms.reviewWindow, end));
        escrow.contest(terms, opening, hex"000001", 0);
        IBooks.Appeal memory entry = appealed(terms, opening, 1);
        assertEq(entry.slots, 2, "both at one stake");
        assertLedger(alice, address(dollar), PURSE - STAKE, "one stake");
    }

    /// @dev The contract can't see that an answer is missing, and takes no evidence for one: whoever rules looks at it.
    function test_finding_28_an_answer_said_not_to_be_revealed_is_revealed_in_the_appeal() public {
        (IBooks.Terms memory terms, IBooks.Appeal memory entry) = appealedSlot();
        bytes32 id = idOf(terms, entry);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IBooks.PhaseWrong.selector, IBooks.Phase.Pending));
        escrow.submitEvidence(id, "answer and salt"); // nobody listens yet
        uint256 disputeId = defended(terms, entry);
        vm.expectEmit(address(escrow));
        emit IArbitrable.Evidence(address(court), uint256(id), alice, "answer and salt");
        vm.prank(alice);
        escrow.submitEvidence(id, "answer and salt");
        court.rule(disputeId, FOR_WORKER);
        concluded(terms, entry);
        assertLedger(alice, address(dollar), PURSE + REWARD + DEPOSIT, "paid");
    }

    function test_finding_31_a_refusal_to_rule_pays_the_worker() public {
        (IBooks.Terms memory terms, IBooks.Appeal memory entry) = appealedSlot();
        court.rule(defended(terms, entry), 0);
        concluded(terms, entry);
        assertLedger(alice, address(dollar), PURSE + REWARD + DEPOSIT, "won");
    }

    function test_finding_31_a_used_dispute_id_and_a_ruling_from_within_are_no_defence() public {
        (IBooks.Terms memory terms, IBooks.Appeal memory entry) = appealedSlot();
        defended(terms, entry);
        court.set(Court.Way.SameDispute);
        (terms, entry) = appealedSlot();
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.DisputeUsed.selector, 0));
        escrow.defend{value: COURT_PRICE}(terms, entry, "");

        RogueArbitrator rogue = new RogueArbitrator();
        rogue.set(RogueArbitrator.Way.RulesInside);
        (terms, entry) = appealedSlotAt(address(rogue));
        vm.prank(requester);
        escrow.defend{value: 3e15}(terms, entry, "");
        assertTrue(!rogue.succeeded(), "ruled");
        assertPhase(terms, entry, IBooks.Phase.Defended);
    }

    function test_finding_32_each_instant_is_one_sides_and_an_appeal_has_at_least_a_day() public {
        IBooks.Terms memory terms = contestable(1);
        IBooks.Opening memory opening = opened(terms, table(alice), 0, hex"01");
        uint256 end = reviewEnd(terms, opening);
        vm.warp(end - 1);
        uint256 snapshot = vm.snapshotState();
        contested(terms, opening, hex"01"); // the last second is the requester's
        vm.warp(end);
        refuseContest(terms, opening); // the next one is not
        appealed(terms, opening, 1);
        vm.revertToState(snapshot);
        vm.warp(end);
        finalized(terms, opening);
        terms.salt = "short";
        terms.appealWindow = 1 days - 1;
        terms.closesAt += 30 days;
        refusePost(terms, IBooks.WindowWrong.selector);
    }

    /// @dev A ruling that didn't get in is given again: it costs the same for a slot as for a thousand, and moves no money.
    function test_finding_36_a_ruling_costs_the_same_for_one_slot_as_for_a_thousand() public {
        uint256[2] memory used;
        for (uint256 i; i < 2; ++i) {
            IBooks.Terms memory terms = contestable(i == 0 ? 1 : 1_000, bytes32(i));
            bytes memory places = new bytes(i == 0 ? 1 : 1_000);
            for (uint256 j; j < places.length; ++j) {
                places[j] = 0x01;
            }
            IBooks.Opening memory opening = opened(terms, table(alice), 0, places);
            contested(terms, opening, places);
            vm.warp(reviewEnd(terms, opening));
            IBooks.Appeal memory entry = appealed(terms, opening, 1);
            uint256 disputeId = defended(terms, entry);
            uint256 balance = escrow.balanceOf(alice, address(dollar));
            (bool ruled,) = address(court).call{gas: 6_000}(abi.encodeCall(Court.rule, (disputeId, FOR_WORKER)));
            assertTrue(!ruled, "too little gas is said, not swallowed");
            uint256 before = gasleft();
            court.rule(disputeId, FOR_WORKER);
            used[i] = before - gasleft();
            assertLedger(alice, address(dollar), balance, "a ruling moves nothing");
        }
        assertTrue(used[0] < used[1] + 500 && used[1] < used[0] + 500, "the same gas, to a few hundred");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    uint256 private jobs;

    function contestable(uint32 slots, bytes32 salt) private returns (IBooks.Terms memory terms) {
        terms = contestableIn(address(dollar));
        terms.salt = salt;
        post(terms, slots);
    }

    function appealedSlot() private returns (IBooks.Terms memory, IBooks.Appeal memory) {
        return appealedSlotAt(address(court));
    }

    function appealedSlotAt(address arbitrator)
        private
        returns (IBooks.Terms memory terms, IBooks.Appeal memory entry)
    {
        terms = contestableIn(address(dollar));
        (terms.arbitrator, terms.salt) = (arbitrator, bytes32(++jobs));
        post(terms, 1);
        IBooks.Opening memory opening = opened(terms, table(alice), 0, hex"01");
        contested(terms, opening, hex"01");
        vm.warp(reviewEnd(terms, opening));
        entry = appealed(terms, opening, 1);
    }

    function refuseContest(IBooks.Terms memory terms, IBooks.Opening memory opening) private {
        uint256 end = reviewEnd(terms, opening);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.NotNow.selector, end - terms.reviewWindow, end));
        escrow.contest(terms, opening, opening.places, 0);
    }

    function refusePost(IBooks.Terms memory terms, bytes4 why) private {
        vm.prank(requester);
        (bool ok, bytes memory said) =
            address(escrow).call(abi.encodeCall(escrow.post, (terms, 1, IBooks.Source.Wallet)));
        assertTrue(!ok && bytes4(said) == why, "refused");
    }

    function ledgers() private view returns (uint256 sum) {
        address[5] memory people = [requester, alice, bob, stranger, governor];
        for (uint256 i; i < people.length; ++i) {
            sum += escrow.balanceOf(people[i], address(dollar));
        }
    }
}
