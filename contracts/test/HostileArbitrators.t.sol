// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICouncil} from "./harness/Councils.sol";
import {IBooks} from "../src/interfaces/IBooks.sol";
import {IArbitrable} from "../src/interfaces/IArbitrator.sol";
import {IRecourse} from "../src/interfaces/IRecourse.sol";
import {RogueArbitrator} from "./hostile/Arbitrators.sol";
import {Gallery} from "./hostile/Gallery.sol";

// an arbitrator that the requester named
// ├── can't or won't begin the dispute (reverts, doubles its price, asks for everything, burns gas, reuses an id, is no
// │   contract)                                no defence: the worker has slot, deposit and stake
// ├── rules inside createDispute, calls in      Locked, and the dispute begins or not as if it hadn't
// ├── rules twice, or after 180 days            PhaseWrong / NotNow
// ├── rules when the appeal has ended           nothing, so that it can close its own case
// ├── never rules                               the worker wins after 180 days
// ├── rules 0, 1, 3 or a huge number            the worker wins
// └── rules another's dispute                   PhaseWrong
contract HostileArbitratorsTest is Gallery {
    RogueArbitrator private rogue;
    IBooks.Terms private rogues;
    IBooks.Appeal private entry;
    uint256 private coinsHeld;

    function setUp() public override {
        super.setUp();
        rogue = new RogueArbitrator();
        IBooks.Terms memory terms = contestableIn(address(0));
        terms.arbitrator = address(rogue);
        rogues = terms;
        vm.deal(alice, 1e18);
    }

    // ------------------------------------------------------------------------------------------------ no defence

    function test_an_arbitrator_that_begins_no_dispute_loses_its_requesters_case() public {
        RogueArbitrator.Way[5] memory ways = [
            RogueArbitrator.Way.Reverts,
            RogueArbitrator.Way.Doubles,
            RogueArbitrator.Way.Dearest,
            RogueArbitrator.Way.Burns,
            RogueArbitrator.Way.RefusesDisputes
        ];
        for (uint256 i; i < ways.length; ++i) {
            IBooks.Terms memory terms = appealedSlot(i);
            rogue.set(ways[i]);
            refuseDefence(terms, rogue.PRICE());
            assertWorkerWinsByDefault(terms);
        }
        assertCoinsAndElsewhere();
    }

    function test_an_arbitrator_without_code_is_no_defence() public {
        rogues.arbitrator = address(0xDEAD);
        IBooks.Terms memory terms = appealedSlot(0);
        refuseDefence(terms, 1e18);
        assertWorkerWinsByDefault(terms);
        assertCoinsAndElsewhere();
    }

    function test_the_escrow_as_its_own_arbitrator_is_no_defence() public {
        rogues.arbitrator = address(escrow);
        IBooks.Terms memory terms = appealedSlot(0);
        refuseDefence(terms, 1e18);
        assertWorkerWinsByDefault(terms);
        assertCoinsAndElsewhere();
    }

    function test_a_dispute_id_that_was_used_is_no_defence() public {
        IBooks.Terms memory first = appealedSlot(0);
        IBooks.Appeal memory firstEntry = entry;
        defendedAtPrice(first);
        IBooks.Terms memory second = appealedSlot(1);
        rogue.set(RogueArbitrator.Way.Reuses);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.DisputeUsed.selector, 0));
        escrow.defend{value: 3e15}(second, entry, "");
        rogue.rule(IArbitrable(address(escrow)), 0, 2);
        assertWorkerWinsByDefault(second);
        concluded(first, firstEntry);
        assertPhase(first, firstEntry, IBooks.Phase.Done);
    }

    function test_a_price_with_a_mountain_behind_it_is_a_price() public {
        IBooks.Terms memory terms = appealedSlot(0);
        rogue.set(RogueArbitrator.Way.Bomb);
        defendedAtPrice(terms);
        rogue.rule(IArbitrable(address(escrow)), 0, 1);
        assertWorkerWins(terms);
    }

    // ------------------------------------------------------------------------------------------------ rulings

    function test_a_ruling_inside_the_beginning_of_a_dispute_is_locked_out() public {
        IBooks.Terms memory terms = appealedSlot(0);
        rogue.set(RogueArbitrator.Way.RulesInside);
        defendedAtPrice(terms);
        assertLockedOut();
        assertPhase(terms, entry, IBooks.Phase.Defended);
        rogue.rule(IArbitrable(address(escrow)), 0, 1);
        assertWorkerWins(terms);
        assertCoinsAndElsewhere();
    }

    function test_no_call_comes_in_while_a_dispute_begins() public {
        IBooks.Terms memory terms = appealedSlot(0);
        bytes[3] memory calls = [
            abi.encodeCall(IRecourse.conclude, (terms, entry)),
            abi.encodeCall(IRecourse.defend, (terms, entry, "")),
            abi.encodeCall(escrow.close, (terms))
        ];
        rogue.set(RogueArbitrator.Way.CallsInside);
        for (uint256 i; i < calls.length; ++i) {
            terms = appealedSlot(i + 1);
            rogue.plan(calls[i]);
            defendedAtPrice(terms);
            assertLockedOut();
            vm.warp(rulingEnd(terms, entry));
            assertWorkerWins(terms);
        }
    }

    function test_a_second_ruling_changes_nothing() public {
        IBooks.Terms memory terms = appealedSlot(0);
        defendedAtPrice(terms);
        rogue.rule(IArbitrable(address(escrow)), 0, 1);
        vm.expectRevert(abi.encodeWithSelector(IBooks.PhaseWrong.selector, IBooks.Phase.Ruled));
        rogue.rule(IArbitrable(address(escrow)), 0, 2);
        assertWorkerWins(terms);
        rogue.rule(IArbitrable(address(escrow)), 0, 2); // when all is done
        assertPhase(terms, entry, IBooks.Phase.Done);
        assertCoinsAndElsewhere();
    }

    function test_only_a_ruling_of_two_takes_pay() public {
        uint256[4] memory rulings = [uint256(0), 1, 258, type(uint256).max];
        for (uint256 i; i < rulings.length; ++i) {
            IBooks.Terms memory terms = appealedSlot(i);
            defendedAtPrice(terms);
            rogue.rule(IArbitrable(address(escrow)), i, rulings[i]);
            assertWorkerWins(terms);
        }
        assertCoinsAndElsewhere();
    }

    function test_an_arbitrator_that_never_rules_leaves_the_worker_its_pay() public {
        IBooks.Terms memory terms = appealedSlot(0);
        defendedAtPrice(terms);
        uint256 end = rulingEnd(terms, entry);
        vm.warp(end - 1);
        vm.expectRevert(abi.encodeWithSelector(IBooks.NotNow.selector, end, type(uint256).max));
        escrow.conclude(terms, entry);
        vm.warp(end);
        vm.expectRevert(abi.encodeWithSelector(IBooks.NotNow.selector, end - RULING_LIMIT, end));
        rogue.rule(IArbitrable(address(escrow)), 0, 2);
        assertWorkerWins(terms);
        assertCoinsAndElsewhere();
    }

    function test_an_arbitrator_rules_on_nobody_elses_dispute() public {
        IBooks.Terms memory terms = appealedSlot(0);
        defendedAtPrice(terms);
        RogueArbitrator other = new RogueArbitrator();
        for (uint256 id; id < 2; ++id) {
            vm.expectRevert(abi.encodeWithSelector(IBooks.PhaseWrong.selector, IBooks.Phase.None));
            other.rule(IArbitrable(address(escrow)), id, 2);
        }
        rogue.rule(IArbitrable(address(escrow)), 0, 1);
        assertWorkerWins(terms);
        assertCoinsAndElsewhere();
    }

    /// @dev Or else a requester that gives in would leave the members of an honest council without their fee for ever.
    function test_a_council_is_paid_for_a_case_that_ended_without_its_ruling() public {
        address member = address(0xC0);
        ICouncil council =
            ICouncil(vm.deployCode("CouncilArbitrator.sol:CouncilArbitrator", abi.encode(table(member), 3e15)));
        rogues.arbitrator = address(council);
        IBooks.Terms memory terms = appealedSlot(0);
        defendedAtPrice(terms);
        vm.prank(requester);
        escrow.conclude(terms, entry); // gives in
        vm.startPrank(member);
        council.vote(0, 2, "too late");
        council.withdraw();
        vm.stopPrank();
        assertEq(member.balance, 3e15, "the fee");
        assertLedger(alice, address(0), PURSE + REWARD + DEPOSIT, "and alice keeps what she won");
        assertCoinsAndElsewhere();
    }

    // ------------------------------------------------------------------------------------------------ pieces

    /// @dev A job of one slot in coins, opened for alice, contested and appealed by her.
    function appealedSlot(uint256 salt) private returns (IBooks.Terms memory terms) {
        terms = rogues;
        terms.salt = bytes32(salt);
        terms.closesAt = uint64(block.timestamp + 7 days);
        post(terms, 1);
        IBooks.Opening memory opening = opened(terms, table(alice), 0, hex"01");
        contested(terms, opening, hex"01");
        vm.warp(reviewEnd(terms, opening));
        entry = appealed(terms, opening, 1);
        coinsHeld = address(escrow).balance;
    }

    /// @dev With as little gas as a block has, so that a burner ends.
    function refuseDefence(IBooks.Terms memory terms, uint256 value) private {
        vm.prank(requester);
        vm.expectRevert();
        escrow.defend{value: value, gas: 10_000_000}(terms, entry, "");
        assertPhase(terms, entry, IBooks.Phase.Pending);
        assertEq(address(escrow).balance, coinsHeld, "nothing was taken for it");
    }

    function defendedAtPrice(IBooks.Terms memory terms) private {
        vm.prank(requester);
        escrow.defend{value: 3e15}(terms, entry, "");
        assertEq(address(escrow).balance, coinsHeld, "the price went to the arbitrator");
    }

    function assertLockedOut() private view {
        assertTrue(!rogue.succeeded(), "came in");
        assertEq(bytes32(rogue.answer()), bytes32(IBooks.Locked.selector), "why");
    }

    function assertWorkerWinsByDefault(IBooks.Terms memory terms) private {
        vm.warp(defenceEnd(terms, entry));
        assertWorkerWins(terms);
    }

    function assertWorkerWins(IBooks.Terms memory terms) private {
        uint256 before = escrow.balanceOf(alice, address(0));
        concluded(terms, entry);
        assertLedger(alice, address(0), before + REWARD + DEPOSIT + STAKE, "slot, deposit and stake");
        assertJob(escrow.jobId(terms), 1, 1, 1, false);
    }

    function assertCoinsAndElsewhere() private {
        uint256 owed = PURSE; // the stranger's
        owed += escrow.balanceOf(alice, address(0)) + escrow.balanceOf(bob, address(0));
        assertEq(address(escrow).balance, owed + escrow.balanceOf(requester, address(0)), "coins");
        assertElsewhere();
    }
}
