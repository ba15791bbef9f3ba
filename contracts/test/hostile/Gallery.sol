// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../../src/interfaces/IBooks.sol";
import {Disputes} from "../Disputes.sol";

/// @title What every room of the gallery stands on: an honest job in dollars beside the hostile one, and everybody's dollars
/// @dev `assertElsewhere` ends each test: nothing in dollars has moved, and the honest job still does everything.
abstract contract Gallery is Disputes {
    uint256 internal constant CAROL_KEY = 0xCA401;
    address internal carol = vm.addr(CAROL_KEY);

    IBooks.Terms private honest;
    address[] private people;
    uint256 private dollarsHeld;
    bytes32 private ledgers;

    function setUp() public virtual override {
        super.setUp();
        enrich(carol, address(dollar), STAKE);
        IBooks.Terms memory terms = contestableIn(address(dollar));
        terms.closesAt = uint64(block.timestamp + 700 days);
        terms.salt = "honest";
        post(terms, 4);
        honest = terms;
        people = [requester, operator, coordinator, stranger, governor, alice, bob, carol];
        dollarsHeld = dollar.balanceOf(address(escrow));
        ledgers = dollarLedgers();
    }

    /// @dev Carol earns a slot by approval, one by silence and one by an appeal that nobody defends, and the last is cancelled.
    function assertElsewhere() internal {
        assertEq(dollar.balanceOf(address(escrow)), dollarsHeld, "dollars held");
        assertEq(dollarLedgers(), ledgers, "dollar ledgers");
        IBooks.Terms memory terms = honest;
        address[] memory workers = table(carol, requester);
        settleOne(terms, workers, batchOf(terms, workers, 0, hex"01000002"));
        IBooks.Opening memory opening = opened(terms, workers, 1, hex"0101");
        contested(terms, opening, hex"0001");
        vm.warp(reviewEnd(terms, opening));
        finalized(terms, opening);
        IBooks.Appeal memory entry = appealed(terms, opening, 1);
        vm.warp(defenceEnd(terms, entry));
        concluded(terms, entry);
        withdrawn(carol, address(dollar), 2 * REWARD + DEPOSIT + STAKE);
        assertEq(dollar.balanceOf(carol), 3 * REWARD + DEPOSIT + STAKE, "carol");
        assertLedger(carol, address(dollar), 0, "carol's ledger");
        assertLedger(requester, address(dollar), PURSE + REWARD - DEPOSIT, "requester");
        assertEq(dollar.balanceOf(address(escrow)), dollarsHeld - 3 * REWARD - DEPOSIT - STAKE, "dollars left");
    }

    function withdrawn(address owner, address token, uint256 amount) internal {
        vm.prank(owner);
        escrow.withdraw(token, amount, owner);
    }

    function dollarLedgers() private view returns (bytes32) {
        uint256[] memory balances = new uint256[](people.length);
        for (uint256 i; i < people.length; ++i) {
            balances[i] = escrow.balanceOf(people[i], address(dollar));
        }
        return keccak256(abi.encodePacked(balances));
    }
}
