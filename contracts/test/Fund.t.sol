// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Everyday} from "./harness/Everyday.sol";

// fund
// ├── a wallet not the requester's / slots 0       CallerNotRequester / SlotsZero
// ├── job unknown or closed                        JobUnknown / JobIsClosed
// ├── first slot not the next                      FirstSlotMoved: two fundings can't change places
// ├── over 2^32 - 1 slots                          SlotsTooMany
// ├── past its time, until somebody closes         as before, and the close gives it back
// └── else                                         more slots, the money, JobFunded
contract FundTest is Everyday {
    IBooks.Source private constant WALLET = IBooks.Source.Wallet;
    IBooks.Source private constant LEDGER = IBooks.Source.Ledger;

    function test_only_the_requester_funds() public {
        IBooks.Terms memory terms = posted(3);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IBooks.CallerNotRequester.selector, requester));
        escrow.fund(terms, 3, 1, ROOT, WALLET);
    }

    function test_funding_names_an_open_job_some_slots_and_the_first_of_them() public {
        IBooks.Terms memory terms = posted(3);
        refuseFund(terms, 3, 0, abi.encodePacked(IBooks.SlotsZero.selector));
        refuseFund(terms, 2, 1, abi.encodeWithSelector(IBooks.FirstSlotMoved.selector, 3, 2));
        refuseFund(terms, 4, 1, abi.encodeWithSelector(IBooks.FirstSlotMoved.selector, 3, 4));
        uint32 most = type(uint32).max;
        refuseFund(terms, 3, most - 2, abi.encodeWithSelector(IBooks.SlotsTooMany.selector, most));
        vm.warp(terms.closesAt);
        escrow.close(terms);
        refuseFund(terms, 3, 1, abi.encodeWithSelector(IBooks.JobIsClosed.selector, escrow.jobId(terms)));
        terms.salt = 0;
        refuseFund(terms, 0, 1, abi.encodeWithSelector(IBooks.JobUnknown.selector, escrow.jobId(terms)));
    }

    function test_funding_adds_slots_on_the_same_terms() public {
        IBooks.Terms memory terms = posted(3);
        bytes32 job = escrow.jobId(terms);
        vm.prank(requester);
        vm.expectEmit(address(escrow));
        emit IBooks.JobFunded(job, 3, 2, ROOT, WALLET);
        escrow.fund(terms, 3, 2, ROOT, WALLET);
        assertJob(job, 5, 0, 0, false);
        assertEq(dollar.balanceOf(address(escrow)), 250_000, "locked");
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.BalanceTooLow.selector, requester, dollar, 0, 50_000));
        escrow.fund(terms, 5, 1, ROOT, LEDGER);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.ValueWrong.selector, 0, 9));
        escrow.fund{value: 9}(terms, 5, 1, ROOT, WALLET);
        assertJob(job, 5, 0, 0, false);
    }

    function test_funding_in_coins_takes_exactly_the_price() public {
        IBooks.Terms memory terms = postedInCoin(1);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.ValueWrong.selector, 100_000, 50_000));
        escrow.fund{value: 50_000}(terms, 1, 2, ROOT, WALLET);
        vm.prank(requester);
        escrow.fund{value: 100_000}(terms, 1, 2, ROOT, WALLET);
        assertEq(address(escrow).balance, 150_000, "locked");
    }

    /// @dev A reorg brings the second funding first: it isn't paid, and the first still fits.
    function test_two_fundings_do_not_change_places() public {
        IBooks.Terms memory terms = posted(3);
        refuseFund(terms, 5, 4, abi.encodeWithSelector(IBooks.FirstSlotMoved.selector, 3, 5));
        vm.prank(requester);
        escrow.fund(terms, 3, 2, keccak256("first"), WALLET);
        vm.prank(requester);
        escrow.fund(terms, 5, 4, keccak256("second"), WALLET);
        assertJob(escrow.jobId(terms), 9, 0, 0, false);
    }

    function test_funding_from_the_ledger_takes_the_requesters_balance_and_no_coins() public {
        IBooks.Terms memory terms = posted(3);
        deposited(requester, address(dollar), 100_007);
        bytes32 job = escrow.jobId(terms);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.ValueWrong.selector, 0, 1));
        escrow.fund{value: 1}(terms, 3, 2, ROOT, LEDGER);
        vm.prank(requester);
        vm.expectEmit(address(escrow));
        emit IBooks.JobFunded(job, 3, 2, ROOT, LEDGER);
        escrow.fund(terms, 3, 2, ROOT, LEDGER);
        assertEq(escrow.balanceOf(requester, address(dollar)), 7, "left");
        assertJob(job, 5, 0, 0, false);
    }

    function test_more_slots_than_words_can_count_are_refused_even_where_they_would_wrap() public {
        IBooks.Terms memory terms = termsIn(address(dollar));
        (terms.reward, terms.fee) = (1, 0);
        vm.prank(requester);
        escrow.post(terms, type(uint32).max, WALLET);
        refuseFund(terms, type(uint32).max, 1, abi.encodeWithSelector(IBooks.SlotsTooMany.selector, type(uint32).max));
        assertJob(escrow.jobId(terms), type(uint32).max, 0, 0, false);
    }

    function test_a_job_past_its_time_is_funded_until_somebody_closes_it() public {
        IBooks.Terms memory terms = posted(3);
        vm.warp(terms.closesAt + 1 days);
        vm.prank(requester);
        escrow.fund(terms, 3, 1, ROOT, WALLET);
        escrow.close(terms);
        assertEq(escrow.balanceOf(requester, address(dollar)), 4 * uint256(REWARD), "back");
        refuseFund(terms, 4, 1, abi.encodeWithSelector(IBooks.JobIsClosed.selector, escrow.jobId(terms)));
    }

    function testFuzz_a_job_holds_what_all_its_fundings_brought(uint16 first, uint16[5] memory more, bool ledger)
        public
    {
        vm.assume(first != 0);
        IBooks.Terms memory terms = posted(first);
        uint32 funded = first;
        for (uint256 i; i < more.length; ++i) {
            if (more[i] == 0) continue;
            if (ledger) deposited(requester, address(dollar), price(terms, more[i]));
            vm.prank(requester);
            escrow.fund(terms, funded, more[i], bytes32(i), ledger ? LEDGER : WALLET);
            funded += more[i];
        }
        assertJob(escrow.jobId(terms), funded, 0, 0, false);
        assertEq(dollar.balanceOf(address(escrow)), price(terms, funded), "locked");
        assertEq(escrow.balanceOf(requester, address(dollar)), 0, "in the ledger");
    }

    function refuseFund(IBooks.Terms memory terms, uint32 first, uint32 slots, bytes memory reason) private {
        vm.prank(requester);
        vm.expectRevert(reason);
        escrow.fund(terms, first, slots, ROOT, WALLET);
    }
}
