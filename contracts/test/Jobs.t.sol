// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {Base} from "./Base.sol";
import {PermissiveToken} from "./hostile/Tokens.sol";

// post
// ├── caller not the requester                     CallerNotRequester (the operator neither)
// ├── requester: nobody or the escrow              AddressInvalid
// ├── coordinator nobody / reward 0 / slots 0      CoordinatorZero / RewardZero / SlotsZero
// ├── fee not today's                              FeeNotToday
// ├── closes now, before, or past two years        ClosesAtWrong
// ├── review or appeal window out of bounds        WindowWrong
// ├── the same terms again, open or closed         JobExists
// ├── from the wallet: coin value wrong            ValueWrong
// ├── from the ledger: coin sent along, or too low ValueWrong, BalanceTooLow
// └── else                                         the job's word, the money, JobPosted
// postWithPermit
// ├── caller not the requester                     CallerNotRequester, whoever signed the permit
// ├── permit good, or used already                 posted
// ├── permit bad and no allowance                  refused
// └── in coins                                     refused
// postWithAuthorization
// ├── authorization for other money or another id  refused
// ├── token that only pretends                     ArrivalWrong
// ├── in coins                                     refused
// └── else                                         posted, whoever carries it; once
// fund
// ├── caller not the requester / slots 0           CallerNotRequester / SlotsZero
// ├── job unknown or closed                        JobUnknown / JobIsClosed
// ├── first slot not the next                      FirstSlotMoved
// ├── over 2^32 - 1 slots                          SlotsTooMany
// └── else                                         more slots, the money, JobFunded
// close
// ├── too early                                    ClosesLater
// ├── job unknown or closed                        JobUnknown / JobIsClosed
// └── else, by anyone                              what is free goes back with its fee, JobClosed
contract JobsTest is Base {
    IPiecework.Source private constant WALLET = IPiecework.Source.Wallet;
    IPiecework.Source private constant LEDGER = IPiecework.Source.Ledger;

    // ------------------------------------------------------------------------------------------------ post

    function test_only_the_requester_posts() public {
        IPiecework.Terms memory terms = termsIn(address(dollar));
        address[3] memory others = [operator, coordinator, stranger];
        for (uint256 i; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(IPiecework.CallerNotRequester.selector, requester));
            escrow.post(terms, 1, WALLET);
        }
    }

    function test_the_requester_is_somebody() public {
        IPiecework.Terms memory terms = termsIn(address(0));
        address[2] memory nobodies = [address(0), address(escrow)];
        for (uint256 i; i < nobodies.length; ++i) {
            terms.requester = nobodies[i];
            vm.prank(nobodies[i]);
            vm.expectRevert(abi.encodeWithSelector(IPiecework.AddressInvalid.selector, nobodies[i]));
            escrow.post(terms, 1, WALLET);
        }
    }

    function test_terms_without_coordinator_reward_or_slots_are_refused() public {
        IPiecework.Terms memory terms = termsIn(address(dollar));
        refusePost(terms, 0, abi.encodePacked(IPiecework.SlotsZero.selector));
        terms.coordinator = address(0);
        refusePost(terms, 1, abi.encodePacked(IPiecework.CoordinatorZero.selector));
        terms.coordinator = coordinator;
        (terms.reward, terms.fee) = (0, 0);
        refusePost(terms, 1, abi.encodePacked(IPiecework.RewardZero.selector));
    }

    function test_the_fee_is_the_days_rate_on_the_reward_rounded_down() public {
        vm.prank(governor);
        escrow.setProtocolFee(123, governor);
        IPiecework.Terms memory terms = termsIn(address(dollar));
        terms.reward = 99_999; // 1.23 % of it is 1,229.9877
        terms.fee = 1230;
        refusePost(terms, 1, abi.encodeWithSelector(IPiecework.FeeNotToday.selector, 1229, 1230));
        terms.fee = 0;
        refusePost(terms, 1, abi.encodeWithSelector(IPiecework.FeeNotToday.selector, 1229, 0));
        terms.fee = 1229;
        vm.prank(requester);
        escrow.post(terms, 1, WALLET);
        assertEq(dollar.balanceOf(address(escrow)), 101_228, "locked");
    }

    function test_the_largest_reward_has_a_fee_and_a_price() public {
        vm.prank(governor);
        escrow.setProtocolFee(200, governor);
        IPiecework.Terms memory terms = termsIn(address(dollar));
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
        IPiecework.Terms memory terms = termsIn(address(dollar));
        uint64 current = uint64(block.timestamp);
        uint64[3] memory wrong = [current, current - 1, current + 730 days + 1];
        for (uint256 i; i < wrong.length; ++i) {
            terms.closesAt = wrong[i];
            refusePost(
                terms,
                1,
                abi.encodeWithSelector(IPiecework.ClosesAtWrong.selector, current + 1, current + 730 days, wrong[i])
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
        IPiecework.Terms memory terms = termsIn(address(dollar));
        (terms.reviewWindow, terms.appealWindow) = (90 days, 90 days);
        vm.prank(requester);
        escrow.post(terms, 1, WALLET);
        (terms.reviewWindow, terms.appealWindow) = (0, 1 days);
        vm.prank(requester);
        escrow.post(terms, 1, WALLET);
    }

    function test_terms_are_posted_once_even_after_their_job_closed() public {
        IPiecework.Terms memory terms = posted(1);
        bytes memory exists = abi.encodeWithSelector(IPiecework.JobExists.selector, escrow.jobId(terms));
        refusePost(terms, 2, exists);
        vm.warp(terms.closesAt - 1);
        refusePost(terms, 2, exists);
        vm.warp(terms.closesAt);
        escrow.close(terms);
        vm.warp(terms.closesAt - 1); // as after a reorg to another clock
        refusePost(terms, 2, exists);
    }

    function test_posting_from_the_wallet_takes_exactly_the_price() public {
        IPiecework.Terms memory terms = termsIn(address(dollar));
        bytes32 job = escrow.jobId(terms);
        uint256 before = dollar.balanceOf(requester);
        vm.prank(requester);
        vm.expectEmit(address(escrow));
        emit IPiecework.JobPosted(job, requester, terms, 3, WALLET);
        assertEq(escrow.post(terms, 3, WALLET), job, "id");
        assertJob(job, 3, 0, 0, false);
        assertEq(dollar.balanceOf(address(escrow)), 150_000, "locked");
        assertEq(before - dollar.balanceOf(requester), 150_000, "paid");
    }

    function test_posting_in_coins_takes_exactly_the_price() public {
        IPiecework.Terms memory terms = termsIn(address(0));
        for (uint256 value = 149_999; value <= 150_001; value += 2) {
            vm.prank(requester);
            vm.expectRevert(abi.encodeWithSelector(IPiecework.ValueWrong.selector, 150_000, value));
            escrow.post{value: value}(terms, 3, WALLET);
        }
        vm.prank(requester);
        escrow.post{value: 150_000}(terms, 3, WALLET);
        assertEq(address(escrow).balance, 150_000, "locked");
    }

    function test_posting_from_the_ledger_takes_the_callers_balance_and_no_coins() public {
        IPiecework.Terms memory terms = termsIn(address(dollar));
        vm.prank(requester);
        escrow.deposit(address(dollar), 149_999);
        vm.prank(requester);
        vm.expectRevert(
            abi.encodeWithSelector(IPiecework.BalanceTooLow.selector, requester, dollar, 149_999, 150_000)
        );
        escrow.post(terms, 3, LEDGER);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.ValueWrong.selector, 0, 1));
        escrow.post{value: 1}(terms, 2, LEDGER);
        vm.prank(requester);
        escrow.post(terms, 2, LEDGER);
        assertEq(escrow.balanceOf(requester, address(dollar)), 49_999, "left");
        assertJob(escrow.jobId(terms), 2, 0, 0, false);
    }

    // ------------------------------------------------------------------------------------------------ permit

    function test_a_permit_posts_for_its_own_caller() public {
        (IPiecework.Terms memory terms, uint8 v, bytes32 r, bytes32 s) = permitted(REQUESTER_KEY);
        vm.prank(requester);
        bytes32 job = escrow.postWithPermit(terms, 3, block.timestamp, v, r, s);
        assertJob(job, 3, 0, 0, false);
        assertEq(dollar.balanceOf(address(escrow)), 150_000, "locked");
        assertEq(dollar.allowance(requester, address(escrow)), 0, "allowance left");
    }

    function test_a_permit_that_somebody_used_first_is_no_obstacle() public {
        (IPiecework.Terms memory terms, uint8 v, bytes32 r, bytes32 s) = permitted(REQUESTER_KEY);
        dollar.permit(requester, address(escrow), 150_000, block.timestamp, v, r, s);
        vm.prank(requester);
        escrow.postWithPermit(terms, 3, block.timestamp, v, r, s);
        assertEq(dollar.balanceOf(address(escrow)), 150_000, "locked");
    }

    function test_a_permit_is_no_use_to_anybody_else() public {
        (IPiecework.Terms memory terms, uint8 v, bytes32 r, bytes32 s) = permitted(REQUESTER_KEY);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.CallerNotRequester.selector, requester));
        escrow.postWithPermit(terms, 3, block.timestamp, v, r, s);
        terms.requester = stranger;
        vm.prank(stranger);
        vm.expectRevert();
        escrow.postWithPermit(terms, 3, block.timestamp, v, r, s);
        assertEq(dollar.balanceOf(requester), 1e15, "untouched");
    }

    function test_a_bad_permit_without_allowance_is_refused() public {
        (IPiecework.Terms memory terms, uint8 v, bytes32 r, bytes32 s) = permitted(STRANGER_KEY);
        vm.prank(requester);
        vm.expectRevert();
        escrow.postWithPermit(terms, 3, block.timestamp, v, r, s);
    }

    function test_coins_have_no_permit() public {
        IPiecework.Terms memory terms = termsIn(address(0));
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.ValueWrong.selector, 150_000, 0));
        escrow.postWithPermit(terms, 3, block.timestamp, 27, bytes32(0), bytes32(0));
    }

    // ------------------------------------------------------------------------------------------------ authorization

    function test_anyone_carries_an_authorized_post_once() public {
        IPiecework.Terms memory terms = termsIn(address(dollar));
        bytes32 job = escrow.jobId(terms);
        (uint8 v, bytes32 r, bytes32 s) = authorized(REQUESTER_KEY, 150_000, job);
        vm.prank(stranger);
        assertEq(escrow.postWithAuthorization(terms, 3, 0, type(uint256).max, v, r, s), job, "id");
        assertJob(job, 3, 0, 0, false);
        assertEq(dollar.balanceOf(address(escrow)), 150_000, "locked");
        assertTrue(dollar.authorizationState(requester, job), "nonce used");
        vm.expectRevert(abi.encodeWithSelector(IPiecework.JobExists.selector, job));
        escrow.postWithAuthorization(terms, 3, 0, type(uint256).max, v, r, s);
    }

    function test_an_authorization_pays_for_its_own_terms_and_slots_only() public {
        IPiecework.Terms memory terms = termsIn(address(dollar));
        (uint8 v, bytes32 r, bytes32 s) = authorized(REQUESTER_KEY, 150_000, escrow.jobId(terms));
        vm.expectRevert();
        escrow.postWithAuthorization(terms, 2, 0, type(uint256).max, v, r, s);
        terms.coordinator = stranger;
        vm.expectRevert();
        escrow.postWithAuthorization(terms, 3, 0, type(uint256).max, v, r, s);
        (v, r, s) = authorized(STRANGER_KEY, 150_000, escrow.jobId(terms));
        vm.expectRevert();
        escrow.postWithAuthorization(terms, 3, 0, type(uint256).max, v, r, s);
    }

    function test_a_token_that_only_pretends_to_authorize_is_refused() public {
        IPiecework.Terms memory terms = termsIn(address(new PermissiveToken()));
        vm.expectRevert(abi.encodeWithSelector(IPiecework.ArrivalWrong.selector, 150_000, 0));
        escrow.postWithAuthorization(terms, 3, 0, type(uint256).max, 27, bytes32(0), bytes32(0));
    }

    function test_coins_have_no_authorization() public {
        IPiecework.Terms memory terms = termsIn(address(0));
        vm.expectRevert(abi.encodeWithSelector(IPiecework.ValueWrong.selector, 150_000, 0));
        escrow.postWithAuthorization(terms, 3, 0, type(uint256).max, 27, bytes32(0), bytes32(0));
    }

    // ------------------------------------------------------------------------------------------------ fund

    function test_only_the_requester_funds() public {
        IPiecework.Terms memory terms = posted(3);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.CallerNotRequester.selector, requester));
        escrow.fund(terms, 3, 1, ROOT, WALLET);
    }

    function test_funding_names_an_open_job_some_slots_and_the_first_of_them() public {
        IPiecework.Terms memory terms = posted(3);
        refuseFund(terms, 3, 0, abi.encodePacked(IPiecework.SlotsZero.selector));
        refuseFund(terms, 2, 1, abi.encodeWithSelector(IPiecework.FirstSlotMoved.selector, 3, 2));
        refuseFund(terms, 4, 1, abi.encodeWithSelector(IPiecework.FirstSlotMoved.selector, 3, 4));
        uint32 most = type(uint32).max;
        refuseFund(terms, 3, most - 2, abi.encodeWithSelector(IPiecework.SlotsTooMany.selector, most));
        vm.warp(terms.closesAt);
        escrow.close(terms);
        refuseFund(terms, 3, 1, abi.encodeWithSelector(IPiecework.JobIsClosed.selector, escrow.jobId(terms)));
        terms.salt = 0;
        refuseFund(terms, 0, 1, abi.encodeWithSelector(IPiecework.JobUnknown.selector, escrow.jobId(terms)));
    }

    function test_funding_adds_slots_on_the_same_terms() public {
        IPiecework.Terms memory terms = posted(3);
        bytes32 job = escrow.jobId(terms);
        vm.prank(requester);
        vm.expectEmit(address(escrow));
        emit IPiecework.JobFunded(job, 3, 2, ROOT, WALLET);
        escrow.fund(terms, 3, 2, ROOT, WALLET);
        assertJob(job, 5, 0, 0, false);
        assertEq(dollar.balanceOf(address(escrow)), 250_000, "locked");
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.BalanceTooLow.selector, requester, dollar, 0, 50_000));
        escrow.fund(terms, 5, 1, ROOT, LEDGER);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.ValueWrong.selector, 0, 9));
        escrow.fund{value: 9}(terms, 5, 1, ROOT, WALLET);
        assertJob(job, 5, 0, 0, false);
    }

    function test_funding_in_coins_takes_exactly_the_price() public {
        IPiecework.Terms memory terms = postedInCoin(1);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.ValueWrong.selector, 100_000, 50_000));
        escrow.fund{value: 50_000}(terms, 1, 2, ROOT, WALLET);
        vm.prank(requester);
        escrow.fund{value: 100_000}(terms, 1, 2, ROOT, WALLET);
        assertEq(address(escrow).balance, 150_000, "locked");
    }

    // ------------------------------------------------------------------------------------------------ close

    function test_a_job_closes_at_its_time_and_not_before() public {
        IPiecework.Terms memory terms = posted(3);
        vm.warp(terms.closesAt - 1);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.ClosesLater.selector, terms.closesAt));
        escrow.close(terms);
        vm.warp(terms.closesAt);
        bytes32 job = escrow.jobId(terms);
        vm.prank(stranger);
        vm.expectEmit(address(escrow));
        emit IPiecework.JobClosed(job, 3);
        escrow.close(terms);
        assertJob(job, 3, 3, 3, true);
        assertEq(escrow.balanceOf(requester, address(dollar)), 150_000, "back");
        vm.expectRevert(abi.encodeWithSelector(IPiecework.JobIsClosed.selector, job));
        escrow.close(terms);
    }

    function test_a_job_that_nobody_posted_does_not_close() public {
        IPiecework.Terms memory terms = termsIn(address(dollar));
        vm.warp(terms.closesAt);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.JobUnknown.selector, escrow.jobId(terms)));
        escrow.close(terms);
    }

    function test_a_close_gives_back_the_free_slots_with_their_fee_and_no_more() public {
        vm.prank(governor);
        escrow.setProtocolFee(200, governor);
        IPiecework.Terms memory terms = posted(5);
        address[] memory workers = table(address(0xAAA));
        settleOne(terms, workers, batchOf(terms, workers, 1, hex"010001"));
        vm.warp(terms.closesAt);
        escrow.close(terms);
        assertJob(escrow.jobId(terms), 5, 5, 5, true);
        assertEq(escrow.balanceOf(requester, address(dollar)), 3 * 51_000, "back");
        assertEq(escrow.balanceOf(governor, address(dollar)), 2 * 1_000, "fee");
        assertEq(dollar.balanceOf(address(0xAAA)), 100_000, "earned");
        assertEq(dollar.balanceOf(address(escrow)), 155_000, "what the ledger owes");
    }

    function test_a_close_of_a_job_without_free_slots_gives_nothing_back() public {
        IPiecework.Terms memory terms = posted(1);
        address[] memory workers = table(address(0xAAA));
        settleOne(terms, workers, batchOf(terms, workers, 0, hex"01"));
        vm.warp(terms.closesAt);
        escrow.close(terms);
        assertEq(escrow.balanceOf(requester, address(dollar)), 0, "back");
        assertJob(escrow.jobId(terms), 1, 1, 1, true);
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function refusePost(IPiecework.Terms memory terms, uint32 slots, bytes memory reason) private {
        vm.prank(requester);
        vm.expectRevert(reason);
        escrow.post(terms, slots, WALLET);
    }

    function refuseWindows(uint32 review, uint32 appeal) private {
        IPiecework.Terms memory terms = termsIn(address(dollar));
        (terms.reviewWindow, terms.appealWindow) = (review, appeal);
        refusePost(terms, 1, abi.encodeWithSelector(IPiecework.WindowWrong.selector, review, appeal));
    }

    function refuseFund(IPiecework.Terms memory terms, uint32 first, uint32 slots, bytes memory reason) private {
        vm.prank(requester);
        vm.expectRevert(reason);
        escrow.fund(terms, first, slots, ROOT, WALLET);
    }

    /// @dev Terms of three slots and a permit for their money; the requester's allowance is taken back first.
    function permitted(uint256 key) private returns (IPiecework.Terms memory terms, uint8 v, bytes32 r, bytes32 s) {
        terms = termsIn(address(dollar));
        vm.prank(requester);
        dollar.approve(address(escrow), 0);
        bytes32 kind = keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 permit = keccak256(abi.encode(kind, requester, address(escrow), 150_000, 0, block.timestamp));
        (v, r, s) = vm.sign(key, keccak256(abi.encodePacked("\x19\x01", dollar.DOMAIN_SEPARATOR(), permit)));
    }

    function authorized(uint256 key, uint256 value, bytes32 nonce) private view returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 kind = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        bytes32 message =
            keccak256(abi.encode(kind, requester, address(escrow), value, uint256(0), type(uint256).max, nonce));
        return vm.sign(key, keccak256(abi.encodePacked("\x19\x01", dollar.DOMAIN_SEPARATOR(), message)));
    }
}
