// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Everyday} from "./harness/Everyday.sol";
import {ContractAccount} from "./hostile/Accounts.sol";

// setOperator
// └── anybody, for its own balance                   overwrites what was there, OperatorSet
// setOperatorWithSignature
// ├── a second too late                              DeadlinePassed
// ├── nonce not the next                             NonceWrong
// │   ├── carried before                             so a grant works once
// │   └── a withdrawal had it, and the reverse       one row of nonces for both, one row a token
// ├── signer: another, nobody, high s, cut short     SignatureInvalid
// ├── another field, chain or escrow                 SignatureInvalid
// ├── contract account: no, junk, revert             SignatureInvalid
// └── else                                           as signed, whoever carries it; no money moves
// (what an operator may spend: OperatorSpends.t.sol)
contract OperatorTest is Everyday {
    // ------------------------------------------------------------------------------------------------ by call

    function test_an_operator_is_set_for_the_callers_own_balance_in_one_token() public {
        (uint64 soon, uint64 later) = (uint64(block.timestamp + 1), uint64(block.timestamp + 2));
        vm.prank(requester);
        vm.expectEmit(address(escrow));
        emit IBooks.OperatorSet(requester, operator, address(dollar), 100, soon);
        escrow.setOperator(operator, address(dollar), 100, soon);
        assertOperator(address(dollar), 100, soon);
        assertOperator(address(0), 0, 0);
        vm.prank(requester);
        escrow.setOperator(operator, address(0), type(uint192).max, later);
        assertOperator(address(0), type(uint192).max, later);
        assertOperator(address(dollar), 100, soon);
        (uint192 back,) = escrow.operatorOf(operator, requester, address(dollar));
        assertEq(back, 0, "the other way round");
    }

    function test_an_allowance_is_overwritten_and_not_added_to() public {
        granted(100);
        vm.prank(requester);
        escrow.setOperator(operator, address(dollar), 7, 1);
        assertOperator(address(dollar), 7, 1);
        vm.prank(requester);
        vm.expectEmit(address(escrow));
        emit IBooks.OperatorSet(requester, operator, address(dollar), 0, 0);
        escrow.setOperator(operator, address(dollar), 0, 0);
        assertOperator(address(dollar), 0, 0);
    }

    function test_an_operator_set_by_call_uses_no_nonce() public {
        granted(100);
        assertEq(escrow.nonceOf(requester, address(dollar)), 0, "nonce");
    }

    function testFuzz_what_is_set_reads_back(address by, address whom, address token, uint192 allowance, uint64 until)
        public
    {
        vm.prank(by);
        escrow.setOperator(whom, token, allowance, until);
        (uint192 left, uint64 expiresAt) = escrow.operatorOf(by, whom, token);
        assertTrue(left == allowance && expiresAt == until, "as set");
    }

    // ------------------------------------------------------------------------------------------------ by signature

    function test_a_signed_grant_sets_the_operator_whoever_carries_it() public {
        deposited(requester, address(dollar), 50);
        IBooks.OperatorGrant memory grant = grantOf(100);
        bytes memory signature = signed(grant, REQUESTER_KEY);
        vm.prank(stranger);
        vm.expectEmit(address(escrow));
        emit IBooks.OperatorSet(requester, operator, address(dollar), 100, grant.expiresAt);
        escrow.setOperatorWithSignature(grant, signature);
        assertOperator(address(dollar), 100, grant.expiresAt);
        assertEq(escrow.nonceOf(requester, address(dollar)), 1, "nonce");
        assertEq(escrow.balanceOf(requester, address(dollar)), 50, "balance");
    }

    function test_a_signed_grant_has_a_last_second() public {
        IBooks.OperatorGrant memory grant = grantOf(100);
        bytes memory signature = signShort(REQUESTER_KEY, escrow.operatorDigest(grant));
        vm.warp(grant.deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IBooks.DeadlinePassed.selector, grant.deadline));
        escrow.setOperatorWithSignature(grant, signature);
        vm.warp(grant.deadline);
        escrow.setOperatorWithSignature(grant, signature);
        assertAllowance(100, "granted");
    }

    function test_a_signed_grant_works_once_and_in_order() public {
        IBooks.OperatorGrant memory grant = grantOf(100);
        bytes memory signature = signed(grant, REQUESTER_KEY);
        escrow.setOperatorWithSignature(grant, signature);
        granted(0);
        vm.expectRevert(abi.encodeWithSelector(IBooks.NonceWrong.selector, 1, 0));
        escrow.setOperatorWithSignature(grant, signature);
        grant.nonce = 2;
        signature = signed(grant, REQUESTER_KEY);
        vm.expectRevert(abi.encodeWithSelector(IBooks.NonceWrong.selector, 1, 2));
        escrow.setOperatorWithSignature(grant, signature);
        assertAllowance(0, "as revoked");
    }

    function test_grants_and_withdrawals_share_one_row_of_nonces_a_token() public {
        deposited(requester, address(dollar), 100);
        (IBooks.OperatorGrant memory grant, IBooks.Withdrawal memory w) = (grantOf(100), withdrawal());
        bytes memory grantSignature = signed(grant, REQUESTER_KEY);
        escrow.withdrawWithSignature(w, 0, signed(w, REQUESTER_KEY));
        vm.expectRevert(abi.encodeWithSelector(IBooks.NonceWrong.selector, 1, 0));
        escrow.setOperatorWithSignature(grant, grantSignature);
        (w.nonce, grant.nonce) = (1, 1);
        bytes memory signature = signed(w, REQUESTER_KEY);
        escrow.setOperatorWithSignature(grant, signed(grant, REQUESTER_KEY));
        vm.expectRevert(abi.encodeWithSelector(IBooks.NonceWrong.selector, 2, 1));
        escrow.withdrawWithSignature(w, 0, signature);
        (grant.token, grant.nonce) = (address(0), 0);
        escrow.setOperatorWithSignature(grant, signed(grant, REQUESTER_KEY));
        assertOperator(address(0), 100, grant.expiresAt);
    }

    /// @dev A grant that nobody carried yet is ended by its nonce, not by a call that overwrites what it would set.
    function test_a_grant_not_carried_yet_ends_with_its_nonce() public {
        IBooks.OperatorGrant memory grant = grantOf(100);
        bytes memory signature = signed(grant, REQUESTER_KEY);
        IBooks.OperatorGrant memory none = grantOf(0);
        escrow.setOperatorWithSignature(none, signed(none, REQUESTER_KEY));
        vm.expectRevert(abi.encodeWithSelector(IBooks.NonceWrong.selector, 1, 0));
        escrow.setOperatorWithSignature(grant, signature);
        assertAllowance(0, "ended");
    }

    function test_a_grant_needs_the_requesters_low_s_signature() public {
        IBooks.OperatorGrant memory grant = grantOf(100);
        bytes32 digest = escrow.operatorDigest(grant);
        refuseGrant(grant, sign(OPERATOR_KEY, digest));
        refuseGrant(grant, signHigh(REQUESTER_KEY, digest));
        refuseGrant(grant, "");
        bytes memory cut = sign(REQUESTER_KEY, digest);
        assembly {
            mstore(cut, 63)
        }
        refuseGrant(grant, cut);
        grant.requester = address(0);
        refuseGrant(grant, new bytes(64));
        refuseGrant(grant, new bytes(65));
    }

    function test_a_grant_is_bound_to_its_every_field_chain_and_escrow() public {
        bytes memory signature = signed(grantOf(100), REQUESTER_KEY);
        IBooks.OperatorGrant memory grant = grantOf(101);
        refuseGrant(grant, signature);
        grant = grantOf(100);
        grant.operator = stranger;
        refuseGrant(grant, signature);
        grant = grantOf(100);
        grant.token = address(0);
        refuseGrant(grant, signature);
        grant = grantOf(100);
        ++grant.expiresAt;
        refuseGrant(grant, signature);
        grant = grantOf(100);
        ++grant.deadline;
        refuseGrant(grant, signature);
        grant = grantOf(100);
        grant.requester = stranger;
        refuseGrant(grant, signature);
        grant = grantOf(100);
        vm.chainId(99);
        refuseGrant(grant, signature);
        vm.chainId(31337);
        refuseGrant(grant, sign(REQUESTER_KEY, elsewhere(grant)));
        escrow.setOperatorWithSignature(grant, signature);
        assertAllowance(100, "granted");
    }

    function test_a_withdrawals_signature_is_no_grant() public {
        refuseGrant(grantOf(100), signed(withdrawal(), REQUESTER_KEY));
    }

    function test_a_contract_account_grants_as_it_answers() public {
        ContractAccount account = new ContractAccount();
        IBooks.OperatorGrant memory grant = grantOf(100);
        grant.requester = address(account);
        for (uint8 i = 1; i <= uint8(ContractAccount.Answer.Reverts); ++i) {
            account.set(ContractAccount.Answer(i));
            refuseGrant(grant, "whatever");
        }
        account.set(ContractAccount.Answer.Yes);
        escrow.setOperatorWithSignature(grant, "whatever");
        (uint192 left,) = escrow.operatorOf(address(account), operator, address(dollar));
        assertEq(left, 100, "granted");
    }

    function test_the_digest_of_a_grant_is_typed_data() public view {
        IBooks.OperatorGrant memory grant = grantOf(100);
        bytes32 kind = keccak256(
            "OperatorGrant(address requester,address operator,address token,uint192 allowance,uint64 expiresAt,uint64 nonce,uint64 deadline)"
        );
        bytes32 message = keccak256(abi.encode(kind, grant));
        bytes32 expected = keccak256(abi.encodePacked(hex"1901", domainSeparator(), message));
        assertEq(escrow.operatorDigest(grant), expected, "digest");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    /// @dev The grant's digest at the contract that lends the escrow half of its code.
    function elsewhere(IBooks.OperatorGrant memory grant) private view returns (bytes32) {
        (bool ok, bytes memory digest) = escrow.recourse().staticcall(abi.encodeCall(escrow.operatorDigest, (grant)));
        assertTrue(ok && digest.length == 32, "a digest");
        return bytes32(digest);
    }

    function refuseGrant(IBooks.OperatorGrant memory grant, bytes memory signature) private {
        vm.expectRevert(abi.encodeWithSelector(IBooks.SignatureInvalid.selector, grant.requester));
        escrow.setOperatorWithSignature(grant, signature);
    }

    function assertOperator(address token, uint192 allowance, uint64 expiresAt) private view {
        (uint192 left, uint64 until) = escrow.operatorOf(requester, operator, token);
        assertEq(left, allowance, "allowance");
        assertEq(until, expiresAt, "expires at");
    }
}
