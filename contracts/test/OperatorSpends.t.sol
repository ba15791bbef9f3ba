// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Everyday} from "./harness/Everyday.sol";

// an operator that posts, funds, contests or tips from the requester's balance
// ├── no leave, or for another operator, token, requester   CallerNotAuthorized(requester, 0)
// ├── one unit over what is left                            CallerNotAuthorized(requester, what is left)
// ├── from the second of its expiry on                      CallerNotAuthorized(requester, 0)
// ├── revoked or lowered                                    at once
// ├── the requester's balance is too low                    BalanceTooLow, and the allowance stays
// ├── from the requester's wallet                           CallerNotRequester
// ├── what comes back to the requester                      refills nothing
// ├── to withdraw, or to set operators                      never
// └── else                                                  balance and allowance less, OperatorSpent
// (contest: the operator that the terms name; without a deposit it spends nothing and needs no allowance)
contract OperatorSpendsTest is Everyday {
    IBooks.Source private constant WALLET = IBooks.Source.Wallet;
    IBooks.Source private constant LEDGER = IBooks.Source.Ledger;

    IBooks.Terms private terms;
    address[] private workers = [address(0xA1), address(0xB0)];

    function setUp() public override {
        super.setUp();
        terms = termsIn(address(dollar));
        (terms.arbitrator, terms.contestDeposit) = (address(0xA4B), 1_000);
        deposited(requester, address(dollar), 1_000_000);
    }

    // ------------------------------------------------------------------------------------------------ spends

    function test_an_operator_posts_from_the_requesters_balance() public {
        granted(150_001);
        bytes32 job = escrow.jobId(terms);
        vm.expectEmit(address(escrow));
        emit IBooks.JobPosted(job, requester, terms, 3, LEDGER);
        vm.expectEmit(address(escrow));
        emit IBooks.OperatorSpent(requester, operator, address(dollar), 150_000);
        vm.prank(operator);
        assertEq(escrow.post(terms, 3, LEDGER), job, "id");
        assertJob(job, 3, 0, 0, false);
        assertSpent(150_000, 1);
    }

    function test_an_operator_funds_from_the_requesters_balance() public {
        granted(150_000);
        vm.prank(requester);
        bytes32 job = escrow.post(terms, 1, LEDGER);
        vm.expectEmit(address(escrow));
        emit IBooks.OperatorSpent(requester, operator, address(dollar), 100_000);
        vm.prank(operator);
        escrow.fund(terms, 1, 2, ROOT, LEDGER);
        assertJob(job, 3, 0, 0, false);
        assertSpent(150_000, 50_000);
    }

    function test_an_operator_contests_from_the_requesters_balance() public {
        IBooks.Opening memory opening = opened(hex"010201");
        granted(2_500);
        vm.expectEmit(address(escrow));
        emit IBooks.OperatorSpent(requester, operator, address(dollar), 2_000);
        vm.prank(operator);
        escrow.contest(terms, opening, hex"010001", ROOT);
        assertSpent(152_000, 500);
        vm.prank(operator);
        vm.expectRevert(notAuthorized(500));
        escrow.contest(terms, opening, hex"000200", ROOT);
        granted(1_000);
        vm.prank(operator);
        escrow.contest(terms, opening, hex"000200", ROOT);
        assertSpent(153_000, 0);
    }

    function test_an_operator_tips_from_the_requesters_balance() public {
        granted(700);
        vm.expectEmit(address(escrow));
        emit IBooks.OperatorSpent(requester, operator, address(dollar), 700);
        tip(700);
        assertSpent(700, 0);
        assertEq(escrow.balanceOf(workers[0], address(dollar)), 700, "tipped");
    }

    function test_one_allowance_serves_all_that_an_operator_does() public {
        IBooks.Opening memory opening = opened(hex"010201");
        terms.salt = 0;
        granted(103_000);
        vm.prank(operator);
        escrow.post(terms, 1, LEDGER);
        vm.prank(operator);
        escrow.fund(terms, 1, 1, ROOT, LEDGER);
        tip(500);
        assertAllowance(2_500, "before the contest");
        terms.salt = keccak256("salt");
        vm.prank(operator);
        escrow.contest(terms, opening, hex"010001", ROOT);
        assertAllowance(500, "after it");
    }

    function test_a_contest_without_a_deposit_needs_no_allowance() public {
        terms.contestDeposit = 0;
        IBooks.Opening memory opening = opened(hex"0102");
        vm.prank(operator);
        escrow.contest(terms, opening, hex"0102", ROOT);
        assertSpent(100_000, 0);
    }

    // ------------------------------------------------------------------------------------------------ refused

    function test_without_leave_an_operator_spends_nothing() public {
        refuseAll();
    }

    function test_leave_for_another_operator_token_or_requester_is_none() public {
        uint64 later = uint64(block.timestamp + 1 days);
        vm.prank(requester);
        escrow.setOperator(stranger, address(dollar), 1e12, later);
        vm.prank(requester);
        escrow.setOperator(operator, address(0), 1e12, later);
        vm.prank(stranger);
        escrow.setOperator(operator, address(dollar), 1e12, later);
        vm.prank(operator);
        escrow.setOperator(operator, address(dollar), 1e12, later);
        vm.prank(operator);
        escrow.setOperator(requester, address(dollar), 1e12, later);
        refuseAll();
    }

    function test_one_unit_over_what_is_left_is_refused() public {
        granted(49_999);
        vm.prank(operator);
        vm.expectRevert(notAuthorized(49_999));
        escrow.post(terms, 1, LEDGER);
        granted(50_000);
        vm.prank(operator);
        escrow.post(terms, 1, LEDGER);
        refuseAll();
    }

    function test_leave_ends_with_its_second() public {
        granted(1e12);
        vm.warp(block.timestamp + 1 days);
        refuseAll();
        vm.warp(block.timestamp - 1);
        vm.prank(operator);
        escrow.post(terms, 1, LEDGER);
    }

    function test_a_revocation_works_at_once() public {
        granted(1e12);
        tip(1);
        granted(0);
        refuseAll();
        granted(1e12);
        vm.prank(requester);
        escrow.setOperator(operator, address(dollar), 1e12, uint64(block.timestamp));
        refuseAll();
    }

    function test_a_grant_beyond_the_balance_is_no_more_than_the_balance() public {
        granted(1e12);
        bytes memory reason =
            abi.encodeWithSelector(IBooks.BalanceTooLow.selector, requester, dollar, 1_000_000, 1_050_000);
        vm.prank(operator);
        vm.expectRevert(reason);
        escrow.post(terms, 21, LEDGER);
        assertAllowance(1e12, "as before");
    }

    function test_an_operator_never_touches_the_requesters_wallet() public {
        granted(1e12);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IBooks.CallerNotRequester.selector, requester));
        escrow.post(terms, 1, WALLET);
        vm.prank(requester);
        escrow.post(terms, 1, LEDGER);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IBooks.CallerNotRequester.selector, requester));
        escrow.fund(terms, 1, 1, ROOT, WALLET);
    }

    function test_what_comes_back_refills_no_allowance() public {
        granted(100_000);
        vm.prank(operator);
        escrow.post(terms, 2, LEDGER);
        vm.warp(terms.closesAt);
        escrow.close(terms);
        assertEq(escrow.balanceOf(requester, address(dollar)), 1_000_000, "back");
        assertAllowance(0, "spent all the same");
    }

    function test_an_operator_never_withdraws_or_grants() public {
        granted(1e12);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IBooks.BalanceTooLow.selector, operator, dollar, 0, 1));
        escrow.withdraw(address(dollar), 1, operator);
        IBooks.Withdrawal memory w = withdrawal();
        bytes memory signature = signed(w, OPERATOR_KEY);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IBooks.SignatureInvalid.selector, requester));
        escrow.withdrawWithSignature(w, 0, signature);
        IBooks.OperatorGrant memory grant = grantOf(type(uint192).max);
        signature = signed(grant, OPERATOR_KEY);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IBooks.SignatureInvalid.selector, requester));
        escrow.setOperatorWithSignature(grant, signature);
    }

    /// @dev Whatever an operator posts and tips, in any order: the balance falls by what the allowance falls by, and no more.
    function testFuzz_an_operator_spends_what_it_was_given_and_no_more(uint192 allowance, uint24[6] memory spends)
        public
    {
        allowance = allowance % 2_000_000;
        granted(allowance);
        (terms.reward, terms.fee) = (1, 0);
        uint256 left = allowance;
        for (uint256 i; i < spends.length; ++i) {
            terms.salt = bytes32(i);
            bool fits = spends[i] != 0 && spends[i] <= left && spends[i] <= 1_000_000 - (allowance - left);
            if (!fits) vm.expectRevert();
            if (i % 2 == 0) tip(spends[i]);
            else postAs(operator, spends[i]);
            if (fits) left -= spends[i];
        }
        assertAllowance(left, "left");
        assertEq(escrow.balanceOf(requester, address(dollar)), 1_000_000 - (allowance - left), "balance");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    /// @dev A job of three slots, posted by its requester, and an opening by its coordinator.
    function opened(bytes memory places) private returns (IBooks.Opening memory) {
        postAs(requester, uint32(places.length));
        (IBooks.SignedBatch memory batch, bytes32 digest) = unapproved(terms, workers, 0, places);
        IBooks.OpenedBatch[] memory batches = new IBooks.OpenedBatch[](1);
        batches[0] = IBooks.OpenedBatch(0, workers, places, ROOT, batch.r, batch.vs, 0);
        vm.prank(coordinator);
        escrow.open(terms, batches, "");
        return IBooks.Opening(digest, 0, workers, places);
    }

    function postAs(address caller, uint32 slots) private {
        vm.prank(caller);
        escrow.post(terms, slots, LEDGER);
    }

    function tip(uint256 amount) private {
        uint256[] memory amounts = new uint256[](1);
        amounts[0] = amount;
        vm.prank(operator);
        escrow.tip(requester, address(dollar), table(workers[0]), amounts, ROOT);
    }

    /// @dev Each way to spend is refused alike; the terms are those of another job before and after.
    function refuseAll() private {
        (terms.salt, terms.closesAt) = (keccak256(abi.encode(terms.salt)), uint64(block.timestamp + 7 days));
        vm.expectRevert(notAuthorized(0));
        postAs(operator, 1);
        vm.expectRevert(notAuthorized(0));
        tip(1);
        IBooks.Opening memory opening = opened(hex"01");
        vm.prank(operator);
        vm.expectRevert(notAuthorized(0));
        escrow.contest(terms, opening, hex"01", ROOT);
        vm.prank(operator);
        vm.expectRevert(notAuthorized(0));
        escrow.fund(terms, 1, 1, ROOT, LEDGER);
        terms.salt = keccak256(abi.encode(terms.salt));
    }

    function assertSpent(uint256 amount, uint256 left) private view {
        assertEq(escrow.balanceOf(requester, address(dollar)), 1_000_000 - amount, "balance");
        assertAllowance(left, "allowance");
    }
}
