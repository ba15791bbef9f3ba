// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Base} from "./Base.sol";
import {Disputes} from "./Disputes.sol";
import {Councils} from "./harness/Councils.sol";

// a council that rules for the escrow (in time: RulingOfCouncil.t.sol)
// ├── in the last second of its 180 days             ruled
// ├── a second later                                 the vote is refused, its fee stays unearned, the worker has won
// └── nobody agrees                                  ruling 0, the worker has won
contract CouncilEscrowTest is Councils, Disputes {
    IBooks.Terms private terms;
    IBooks.Appeal private entry;

    function setUp() public override(Base, Disputes) {
        super.setUp();
        council = councilOf(3, FEE);
        terms = contestableIn(address(dollar));
        terms.arbitrator = address(council);
        post(terms, 1);
        IBooks.Opening memory opening = opened(terms, table(alice), 0, hex"01");
        contested(terms, opening, hex"01");
        vm.warp(reviewEnd(terms, opening));
        entry = appealed(terms, opening, 1);
        vm.prank(requester);
        escrow.defend{value: FEE}(terms, entry, "what happened");
        voteAs(0, 0, 2);
    }

    function test_a_majority_in_the_last_second_rules() public {
        vm.warp(rulingEnd(terms, entry) - 1);
        voteAs(1, 0, 2);
        concluded(terms, entry);
        assertLedger(alice, address(dollar), PURSE - STAKE, "the worker's");
        assertEarned(1, FEE / 2);
    }

    function test_a_majority_after_180_days_is_too_late() public {
        uint256 until = rulingEnd(terms, entry);
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IBooks.NotNow.selector, until - 180 days, until));
        voteAs(1, 0, 2);
        assertWorkerWon();
        assertEq(council.disputeStatus(0), 0, "never solved");
        assertEq(address(council).balance, FEE, "the fee that nobody earned");
    }

    function test_a_council_that_does_not_agree_leaves_the_worker_its_pay() public {
        voteAs(1, 0, 1);
        voteAs(2, 0, 0);
        assertWorkerWon();
    }

    function assertWorkerWon() private {
        concluded(terms, entry);
        assertLedger(alice, address(dollar), PURSE + REWARD + DEPOSIT, "the worker's");
    }
}
