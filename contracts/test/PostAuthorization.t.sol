// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {Everyday} from "./harness/Everyday.sol";
import {PlainToken} from "./harness/PermitTokens.sol";
import {PermissiveToken} from "./hostile/Tokens.sol";

// postWithAuthorization, fundWithAuthorization
// ├── in coins                                      ValueWrong
// ├── token without code or authorizations          refused
// ├── token that only pretends                      ArrivalWrong
// ├── signed by another, for other terms, slots, content,
// │   first slot, escrow; for a post in place of a
// │   funding and the reverse                       refused by the token
// ├── not yet valid / expired, by the second        refused by the token
// ├── carried twice                                 JobExists / FirstSlotMoved
// ├── posted or funded another way meanwhile        JobExists / FirstSlotMoved; the wallet keeps its money
// ├── taken to the token past the escrow            refused by the token
// ├── job unknown or closed                         JobUnknown / JobIsClosed
// └── else                                          posted or funded, whoever carries it
contract PostAuthorizationTest is Everyday {
    uint256 private constant AMOUNT = 3 * uint256(REWARD);

    IBooks.Terms private terms;
    bytes32 private job;

    function setUp() public override {
        super.setUp();
        terms = termsIn(address(dollar));
        job = escrow.jobId(terms);
    }

    // ------------------------------------------------------------------------------------------------ good

    function test_anyone_carries_an_authorized_post_once() public {
        IBooks.Authorization memory authorization = authorizationOf(REQUESTER_KEY, AMOUNT, job);
        allow(requester, 0);
        vm.prank(stranger);
        vm.expectEmit(address(escrow));
        emit IBooks.JobPosted(job, requester, terms, 3, IBooks.Source.Wallet);
        assertEq(escrow.postWithAuthorization(terms, 3, authorization), job, "id");
        assertJob(job, 3, 0, 0, false);
        assertEq(dollar.balanceOf(address(escrow)), AMOUNT, "locked");
        assertTrue(dollar.authorizationState(requester, job), "nonce used");
        vm.expectRevert(abi.encodeWithSelector(IBooks.JobExists.selector, job));
        escrow.postWithAuthorization(terms, 3, authorization);
    }

    function test_anyone_carries_an_authorized_funding_once() public {
        posted(3);
        IBooks.Authorization memory authorization = funding(3, 3, ROOT);
        allow(requester, 0);
        vm.prank(stranger);
        vm.expectEmit(address(escrow));
        emit IBooks.JobFunded(job, 3, 3, ROOT, IBooks.Source.Wallet);
        escrow.fundWithAuthorization(terms, 3, 3, ROOT, authorization);
        assertJob(job, 6, 0, 0, false);
        assertEq(dollar.balanceOf(address(escrow)), 2 * AMOUNT, "locked");
        vm.expectRevert(abi.encodeWithSelector(IBooks.FirstSlotMoved.selector, 6, 3));
        escrow.fundWithAuthorization(terms, 3, 3, ROOT, authorization);
        refuseFund(6, 3, ROOT, authorization);
    }

    function test_the_nonce_of_a_funding_is_typed_data() public view {
        bytes32 kind = keccak256("Funding(bytes32 job,uint32 firstSlot,uint32 slots,bytes32 contentHash)");
        bytes32 message = keccak256(abi.encode(kind, job, 3, 2, ROOT));
        bytes32 expected = keccak256(abi.encodePacked(hex"1901", domainSeparator(), message));
        assertEq(escrow.fundingNonce(job, 3, 2, ROOT), expected, "nonce");
    }

    // ------------------------------------------------------------------------------------------------ for something else

    function test_an_authorized_post_is_for_its_own_terms_slots_and_key() public {
        IBooks.Authorization memory authorization = authorizationOf(REQUESTER_KEY, AMOUNT, job);
        refusePost(2, authorization);
        refusePost(4, authorization);
        terms.coordinator = stranger;
        refusePost(3, authorization);
        terms.coordinator = coordinator;
        refusePost(3, authorizationOf(STRANGER_KEY, AMOUNT, job));
        // three slots of one reward cost what one slot of three rewards does
        terms.reward = uint128(AMOUNT);
        refusePost(1, authorization);
        assertEq(dollar.balanceOf(requester), 1e15, "untouched");
    }

    function test_an_authorized_funding_is_for_its_own_slots_content_and_key() public {
        posted(3);
        IBooks.Authorization memory authorization = funding(3, 3, ROOT);
        refuseFund(3, 2, ROOT, authorization);
        refuseFund(3, 3, keccak256("junk"), authorization);
        refuseFund(3, 3, ROOT, funding(2, 3, ROOT));
        refuseFund(3, 3, ROOT, authorizationOf(STRANGER_KEY, AMOUNT, escrow.fundingNonce(job, 3, 3, ROOT)));
        refuseFund(3, 3, ROOT, authorizationOf(REQUESTER_KEY, AMOUNT, escrow.fundingNonce(ROOT, 3, 3, ROOT)));
        assertEq(dollar.balanceOf(requester), 1e15 - AMOUNT, "untouched");
    }

    function test_an_authorized_post_funds_nothing_and_the_reverse() public {
        refusePost(3, funding(0, 3, terms.contentHash));
        posted(3);
        refuseFund(3, 3, ROOT, authorizationOf(REQUESTER_KEY, AMOUNT, job));
    }

    function test_an_authorization_is_for_one_escrow() public {
        IBooks.Authorization memory authorization = authorizationOf(REQUESTER_KEY, AMOUNT, job);
        IPiecework other = IPiecework(vm.deployCode("Piecework.sol:Piecework", abi.encode(governor)));
        vm.expectRevert();
        other.postWithAuthorization(terms, 3, authorization);
    }

    function test_an_authorization_is_no_use_past_the_escrow() public {
        IBooks.Authorization memory a = authorizationOf(REQUESTER_KEY, AMOUNT, job);
        vm.expectRevert(abi.encodeWithSignature("CallerNotPayee(address)", escrow));
        dollar.receiveWithAuthorization(requester, address(escrow), AMOUNT, 0, a.validBefore, job, a.v, a.r, a.s);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSignature("AuthorizationSignatureInvalid(address)", requester));
        dollar.receiveWithAuthorization(requester, stranger, AMOUNT, 0, a.validBefore, job, a.v, a.r, a.s);
    }

    // ------------------------------------------------------------------------------------------------ when

    function test_an_authorization_has_its_time_by_the_second() public {
        (uint256 from, uint256 until) = (block.timestamp + 10, block.timestamp + 20);
        IBooks.Authorization memory a = authorizationOf(REQUESTER_KEY, AMOUNT, job, from, until);
        vm.warp(from);
        vm.expectRevert(abi.encodeWithSignature("AuthorizationNotYetValid(uint256)", from));
        escrow.postWithAuthorization(terms, 3, a);
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSignature("AuthorizationExpired(uint256)", until));
        escrow.postWithAuthorization(terms, 3, a);
        vm.warp(until - 1);
        escrow.postWithAuthorization(terms, 3, a);
        a = authorizationOf(REQUESTER_KEY, AMOUNT, escrow.fundingNonce(job, 3, 3, ROOT), until, until + 10);
        refuseFund(3, 3, ROOT, a);
        vm.warp(until + 10);
        refuseFund(3, 3, ROOT, a);
        vm.warp(until + 1);
        escrow.fundWithAuthorization(terms, 3, 3, ROOT, a);
        assertJob(job, 6, 0, 0, false);
    }

    function test_a_job_posted_another_way_meanwhile_is_not_paid_twice() public {
        IBooks.Authorization memory authorization = authorizationOf(REQUESTER_KEY, AMOUNT, job);
        posted(3);
        vm.expectRevert(abi.encodeWithSelector(IBooks.JobExists.selector, job));
        escrow.postWithAuthorization(terms, 3, authorization);
        assertEq(dollar.balanceOf(requester), 1e15 - AMOUNT, "paid once");
    }

    function test_of_two_fundings_for_one_first_slot_one_comes_first_and_the_other_is_not_paid() public {
        posted(3);
        (IBooks.Authorization memory one, IBooks.Authorization memory other) = (funding(3, 3, ROOT), funding(3, 1, 0));
        escrow.fundWithAuthorization(terms, 3, 1, 0, other);
        vm.expectRevert(abi.encodeWithSelector(IBooks.FirstSlotMoved.selector, 4, 3));
        escrow.fundWithAuthorization(terms, 3, 3, ROOT, one);
        refuseFund(4, 3, ROOT, one);
        assertEq(dollar.balanceOf(address(escrow)), AMOUNT + REWARD, "locked");
    }

    function test_a_funding_is_for_a_job_that_is_there_and_open() public {
        IBooks.Authorization memory authorization = funding(3, 3, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IBooks.JobUnknown.selector, job));
        escrow.fundWithAuthorization(terms, 3, 3, ROOT, authorization);
        posted(3);
        vm.warp(terms.closesAt);
        escrow.close(terms);
        vm.expectRevert(abi.encodeWithSelector(IBooks.JobIsClosed.selector, job));
        escrow.fundWithAuthorization(terms, 3, 3, ROOT, authorization);
    }

    // ------------------------------------------------------------------------------------------------ tokens

    function test_coins_have_no_authorization() public {
        IBooks.Authorization memory none;
        IBooks.Terms memory inCoin = postedInCoin(1);
        vm.expectRevert(abi.encodeWithSelector(IBooks.ValueWrong.selector, AMOUNT, 0));
        escrow.fundWithAuthorization(inCoin, 1, 3, ROOT, none);
        inCoin.salt = 0;
        vm.expectRevert(abi.encodeWithSelector(IBooks.ValueWrong.selector, AMOUNT, 0));
        escrow.postWithAuthorization(inCoin, 3, none);
    }

    function test_a_token_that_only_pretends_to_authorize_is_refused() public {
        terms.token = address(new PermissiveToken());
        IBooks.Authorization memory none;
        vm.expectRevert(abi.encodeWithSelector(IBooks.ArrivalWrong.selector, AMOUNT, 0));
        escrow.postWithAuthorization(terms, 3, none);
    }

    function test_a_token_without_authorizations_is_refused() public {
        IBooks.Authorization memory none;
        terms.token = address(new PlainToken());
        refusePost(3, none);
        terms.token = address(0xdead);
        refusePost(3, none);
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function funding(uint32 first, uint32 slots, bytes32 content) private view returns (IBooks.Authorization memory) {
        bytes32 nonce = escrow.fundingNonce(job, first, slots, content);
        return authorizationOf(REQUESTER_KEY, slots * uint256(REWARD), nonce);
    }

    function refusePost(uint32 slots, IBooks.Authorization memory authorization) private {
        vm.expectRevert();
        escrow.postWithAuthorization(terms, slots, authorization);
        assertJob(escrow.jobId(terms), 0, 0, 0, false);
    }

    function refuseFund(uint32 first, uint32 slots, bytes32 content, IBooks.Authorization memory authorization)
        private
    {
        vm.expectRevert();
        escrow.fundWithAuthorization(terms, first, slots, content, authorization);
        assertTrue(escrow.jobOf(job).funded == first, "nothing funded");
    }
}
