// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Everyday} from "./harness/Everyday.sol";

// post
// ├── caller not the requester                     CallerNotRequester (the operator neither)
// ├── requester: nobody or the escrow              AddressInvalid
// ├── coordinator nobody / reward 0 / slots 0      CoordinatorZero / RewardZero / SlotsZero
// ├── fee not today's                              FeeNotToday
// ├── closes now, before, or past two years        ClosesAtWrong
// ├── review or appeal window out of bounds        WindowWrong
// ├── over 256 bytes for the arbitrator            ExtraDataTooLong
// ├── the same terms again, open or closed         JobExists
// ├── from the wallet: coin value wrong            ValueWrong
// ├── from the ledger: coin sent along, or too low ValueWrong, BalanceTooLow
// ├── from neither                                 refused
// └── else                                         the job's word, the money, JobPosted
contract PostTest is Everyday {
    IBooks.Source private constant WALLET = IBooks.Source.Wallet;
    IBooks.Source private constant LEDGER = IBooks.Source.Ledger;

    function test_only_the_requester_posts() public {
        IBooks.Terms memory terms = termsIn(address(dollar));
        address[3] memory others = [operator, coordinator, stranger];
        for (uint256 i; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(IBooks.CallerNotRequester.selector, requester));
            escrow.post(terms, 1, WALLET);
        }
    }

    function test_the_requester_is_somebody() public {
        IBooks.Terms memory terms = termsIn(address(0));
        address[2] memory nobodies = [address(0), address(escrow)];
        for (uint256 i; i < nobodies.length; ++i) {
            terms.requester = nobodies[i];
            vm.prank(nobodies[i]);
            vm.expectRevert(abi.encodeWithSelector(IBooks.AddressInvalid.selector, nobodies[i]));
            escrow.post(terms, 1, WALLET);
        }
    }

    function test_terms_without_coordinator_reward_or_slots_are_refused() public {
        IBooks.Terms memory terms = termsIn(address(dollar));
        refusePost(terms, 0, abi.encodePacked(IBooks.SlotsZero.selector));
        terms.coordinator = address(0);
        refusePost(terms, 1, abi.encodePacked(IBooks.CoordinatorZero.selector));
        terms.coordinator = coordinator;
        (terms.reward, terms.fee) = (0, 0);
        refusePost(terms, 1, abi.encodePacked(IBooks.RewardZero.selector));
    }

    function test_the_fee_is_the_days_rate_on_the_reward_rounded_down() public {
        vm.prank(governor);
        escrow.setProtocolFee(123, governor);
        IBooks.Terms memory terms = termsIn(address(dollar));
        terms.reward = 99_999; // 1.23 % of it is 1,229.9877
        terms.fee = 1230;
        refusePost(terms, 1, abi.encodeWithSelector(IBooks.FeeNotToday.selector, 1229, 1230));
        terms.fee = 0;
        refusePost(terms, 1, abi.encodeWithSelector(IBooks.FeeNotToday.selector, 1229, 0));
        terms.fee = 1229;
        vm.prank(requester);
        escrow.post(terms, 1, WALLET);
        assertEq(dollar.balanceOf(address(escrow)), 101_228, "locked");
    }

    function test_the_largest_reward_has_a_fee_and_a_price() public {
        vm.prank(governor);
        escrow.setProtocolFee(200, governor);
        IBooks.Terms memory terms = termsIn(address(dollar));
        terms.reward = type(uint128).max;
        terms.fee = uint128(uint256(terms.reward) * 200 / 10_000);
        dollar.mint(requester, price(terms, type(uint32).max));
        vm.prank(requester);
        escrow.post(terms, type(uint32).max, WALLET);
        vm.warp(terms.closesAt);
        escrow.close(terms);
        assertEq(escrow.balanceOf(requester, address(dollar)), price(terms, type(uint32).max), "back");
    }

    function test_the_closing_time_is_in_the_future_and_within_two_years() public {
        IBooks.Terms memory terms = termsIn(address(dollar));
        uint64 current = uint64(block.timestamp);
        uint64[3] memory wrong = [current, current - 1, current + 730 days + 1];
        for (uint256 i; i < wrong.length; ++i) {
            terms.closesAt = wrong[i];
            refusePost(
                terms,
                1,
                abi.encodeWithSelector(IBooks.ClosesAtWrong.selector, current + 1, current + 730 days, wrong[i])
            );
        }
        terms.closesAt = current + 1;
        vm.prank(requester);
        escrow.post(terms, 1, WALLET);
        terms.closesAt = current + 730 days;
        vm.prank(requester);
        escrow.post(terms, 1, WALLET);
    }

    function test_windows_are_at_most_ninety_days_and_an_appeal_has_at_least_one() public {
        refuseWindows(90 days + 1, 1 days);
        refuseWindows(0, 90 days + 1);
        refuseWindows(0, 1 days - 1);
        IBooks.Terms memory terms = termsIn(address(dollar));
        (terms.reviewWindow, terms.appealWindow) = (90 days, 90 days);
        vm.prank(requester);
        escrow.post(terms, 1, WALLET);
        (terms.reviewWindow, terms.appealWindow) = (0, 1 days);
        vm.prank(requester);
        escrow.post(terms, 1, WALLET);
    }

    function test_terms_carry_at_most_256_bytes_for_the_arbitrator() public {
        IBooks.Terms memory terms = termsIn(address(dollar));
        terms.arbitratorExtraData = new bytes(257);
        refusePost(terms, 1, abi.encodeWithSelector(IBooks.ExtraDataTooLong.selector, 256));
        terms.arbitratorExtraData = new bytes(256);
        vm.prank(requester);
        assertJob(escrow.post(terms, 1, WALLET), 1, 0, 0, false);
    }

    function test_terms_are_posted_once_even_after_their_job_closed() public {
        IBooks.Terms memory terms = posted(1);
        bytes memory exists = abi.encodeWithSelector(IBooks.JobExists.selector, escrow.jobId(terms));
        refusePost(terms, 2, exists);
        vm.warp(terms.closesAt - 1);
        refusePost(terms, 2, exists);
        vm.warp(terms.closesAt);
        escrow.close(terms);
        vm.warp(terms.closesAt - 1); // as after a reorg to another clock
        refusePost(terms, 2, exists);
    }

    function test_posting_from_the_wallet_takes_exactly_the_price() public {
        IBooks.Terms memory terms = termsIn(address(dollar));
        bytes32 job = escrow.jobId(terms);
        uint256 before = dollar.balanceOf(requester);
        vm.prank(requester);
        vm.expectEmit(address(escrow));
        emit IBooks.JobPosted(job, requester, terms, 3, WALLET);
        assertEq(escrow.post(terms, 3, WALLET), job, "id");
        assertJob(job, 3, 0, 0, false);
        assertEq(dollar.balanceOf(address(escrow)), 150_000, "locked");
        assertEq(before - dollar.balanceOf(requester), 150_000, "paid");
    }

    function test_posting_in_coins_takes_exactly_the_price() public {
        IBooks.Terms memory terms = termsIn(address(0));
        for (uint256 value = 149_999; value <= 150_001; value += 2) {
            vm.prank(requester);
            vm.expectRevert(abi.encodeWithSelector(IBooks.ValueWrong.selector, 150_000, value));
            escrow.post{value: value}(terms, 3, WALLET);
        }
        vm.prank(requester);
        escrow.post{value: 150_000}(terms, 3, WALLET);
        assertEq(address(escrow).balance, 150_000, "locked");
    }

    function test_posting_from_the_ledger_takes_the_callers_balance_and_no_coins() public {
        IBooks.Terms memory terms = termsIn(address(dollar));
        vm.prank(requester);
        escrow.deposit(address(dollar), 149_999);
        vm.prank(requester);
        vm.expectRevert(
            abi.encodeWithSelector(IBooks.BalanceTooLow.selector, requester, dollar, 149_999, 150_000)
        );
        escrow.post(terms, 3, LEDGER);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.ValueWrong.selector, 0, 1));
        escrow.post{value: 1}(terms, 2, LEDGER);
        vm.prank(requester);
        escrow.post(terms, 2, LEDGER);
        assertEq(escrow.balanceOf(requester, address(dollar)), 49_999, "left");
        assertJob(escrow.jobId(terms), 2, 0, 0, false);
    }

    function test_money_comes_from_the_wallet_or_the_ledger_and_from_nowhere_else() public {
        bytes memory call = abi.encodeCall(escrow.post, (termsIn(address(dollar)), 1, WALLET));
        assertTrue(call[99] == 0x01, "the source ends the third word");
        call[99] = 0x02;
        vm.prank(requester);
        (bool ok,) = address(escrow).call(call);
        assertTrue(!ok, "refused");
    }

    function testFuzz_posting_locks_slots_times_reward_and_fee(uint128 reward, uint32 slots, uint16 bps, bool coins)
        public
    {
        vm.assume(reward != 0 && slots != 0);
        vm.prank(governor);
        escrow.setProtocolFee(bps % 201, governor);
        address token = coins ? address(0) : address(dollar);
        IBooks.Terms memory terms = termsIn(token);
        (terms.reward, terms.fee) = (reward, uint128(uint256(reward) * (bps % 201) / 10_000));
        uint256 locked = uint256(slots) * (uint256(terms.reward) + terms.fee);
        deposited(requester, token, locked + 7);
        vm.prank(requester);
        escrow.post(terms, slots, LEDGER);
        assertEq(escrow.balanceOf(requester, token), 7, "left");
        vm.warp(terms.closesAt);
        escrow.close(terms);
        assertEq(escrow.balanceOf(requester, token), locked + 7, "back");
    }

    function refusePost(IBooks.Terms memory terms, uint32 slots, bytes memory reason) private {
        vm.prank(requester);
        vm.expectRevert(reason);
        escrow.post(terms, slots, WALLET);
    }

    function refuseWindows(uint32 review, uint32 appeal) private {
        IBooks.Terms memory terms = termsIn(address(dollar));
        (terms.reviewWindow, terms.appealWindow) = (review, appeal);
        refusePost(terms, 1, abi.encodeWithSelector(IBooks.WindowWrong.selector, review, appeal));
    }
}
