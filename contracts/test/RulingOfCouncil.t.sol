// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IArbitrable} from "../src/interfaces/IArbitrator.sol";
import {Disputes} from "./Disputes.sol";

interface ICouncil {
    function vote(uint256 disputeId, uint256 ruling, string calldata reason) external;
    function withdraw() external;
}

/// @dev The whole way from the opening to the last coin, before the council that ships.
contract RulingOfCouncilTest is Disputes {
    uint96 private constant FEE = 9e15;
    ICouncil private council;
    address[] private members;
    IBooks.Terms private terms;

    function setUp() public override {
        super.setUp();
        members = workersFrom(0xC0, 3);
        council = ICouncil(vm.deployCode("CouncilArbitrator.sol:CouncilArbitrator", abi.encode(members, FEE)));
        setFee(200);
        terms = contestableIn(address(dollar));
        terms.arbitrator = address(council);
        post(terms, 5);
    }

    function test_the_council_gives_the_worker_its_slots() public {
        runTo(FOR_WORKER);
        assertLedger(alice, address(dollar), PURSE + 2 * REWARD + 2 * DEPOSIT, "alice");
        assertLedger(bob, address(dollar), PURSE + REWARD, "bob");
        assertLedger(requester, address(dollar), PURSE - 2 * DEPOSIT + REWARD + terms.fee, "requester");
        assertLedger(governor, address(dollar), 3 * terms.fee, "treasury");
    }

    function test_the_council_gives_the_requester_slots_and_stake() public {
        runTo(FOR_REQUESTER);
        assertLedger(alice, address(dollar), PURSE - STAKE, "alice");
        assertLedger(bob, address(dollar), PURSE + REWARD, "bob");
        assertLedger(requester, address(dollar), PURSE + STAKE + 3 * (REWARD + terms.fee), "requester");
        assertLedger(governor, address(dollar), terms.fee, "treasury");
    }

    function test_a_council_that_refuses_to_rule_leaves_the_slots_to_the_worker() public {
        runTo(0);
        assertLedger(alice, address(dollar), PURSE + 2 * REWARD + 2 * DEPOSIT, "alice");
    }

    /// @dev Alice's two slots are contested, appealed and defended, and two votes of three rule. Bob's first is paid, his second
    /// is contested and not appealed, and the fifth is never used.
    function runTo(uint256 ruling) private {
        IBooks.Opening memory opening = opened(terms, table(alice, bob), 0, hex"010102");
        contested(terms, opening, hex"010100");
        IBooks.Opening memory garbage = opened(terms, table(bob), 3, hex"01");
        contested(terms, garbage, hex"01");
        vm.warp(reviewEnd(terms, opening));
        finalized(terms, opening);
        IBooks.Appeal memory entry = appealed(terms, opening, 1);
        vm.prank(requester);
        escrow.defend{value: FEE + 5}(terms, entry, "meta");
        assertLedger(requester, address(0), PURSE + 5, "what was too much");
        vm.warp(appealEnd(terms, garbage));
        reclaimed(terms, garbage);
        vote(entry, ruling);
        concluded(terms, entry);
        // One slot is left free.
        vm.warp(terms.closesAt);
        escrow.close(terms);
        assertJob(escrow.jobId(terms), 5, 5, 5, true);
        closeBooks();
    }

    function vote(IBooks.Appeal memory entry, uint256 ruling) private {
        vm.prank(members[0]);
        council.vote(0, ruling, "seen");
        assertPhase(terms, entry, IBooks.Phase.Defended);
        vm.expectEmit(address(escrow));
        emit IArbitrable.Ruling(address(council), 0, ruling);
        vm.prank(members[2]);
        council.vote(0, ruling, "seen");
        assertPhase(terms, entry, IBooks.Phase.Ruled);
        vm.prank(members[2]);
        council.withdraw();
        assertEq(members[2].balance, FEE / 2, "what the vote earned");
    }

    /// @dev What the free slot gave back is set aside, so that each test speaks of the dispute alone.
    function closeBooks() private {
        vm.prank(requester);
        escrow.withdraw(address(dollar), REWARD + terms.fee, requester);
        uint256 owed = escrow.balanceOf(requester, address(dollar)) + escrow.balanceOf(alice, address(dollar))
            + escrow.balanceOf(bob, address(dollar)) + escrow.balanceOf(stranger, address(dollar))
            + escrow.balanceOf(governor, address(dollar));
        assertEq(dollar.balanceOf(address(escrow)), owed, "what the ledgers owe");
    }
}
