// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {Everyday} from "./harness/Everyday.sol";
import {ContractAccount} from "./hostile/Accounts.sol";
import {Reverter} from "./hostile/Receivers.sol";

// withdrawWithSignature
// ├── a second too late                          DeadlinePassed
// ├── more fee than signed                       FeeTooHigh
// ├── nonce not the next                         NonceWrong (a replay too)
// ├── signer: another, nobody, high s, cut short SignatureInvalid
// ├── signed for another chain, contract, amount SignatureInvalid
// ├── contract account: no, junk, revert         SignatureInvalid
// ├── amount and fee more than there is          BalanceTooLow
// ├── the transfer fails                         TransferFailed, and the nonce stays
// └── else                                       amount to the receiver, fee to the caller, nonce one up
contract WithdrawSignedTest is Everyday {
    function test_relayed_withdrawal_pays_the_receiver_and_the_relayer() public {
        deposited(requester, address(dollar), 100);
        IBooks.Withdrawal memory w = withdrawal();
        bytes memory signature = sign(REQUESTER_KEY, escrow.withdrawalDigest(w));
        vm.prank(stranger);
        vm.expectEmit(address(escrow));
        emit IBooks.Withdrawn(requester, address(dollar), receiver, 60, stranger, 3);
        escrow.withdrawWithSignature(w, 3, signature);
        assertEq(dollar.balanceOf(receiver), 60, "received");
        assertEq(escrow.balanceOf(stranger, address(dollar)), 3, "fee");
        assertEq(escrow.balanceOf(requester, address(dollar)), 37, "left");
        assertEq(escrow.nonceOf(requester, address(dollar)), 1, "nonce");
        assertEq(escrow.nonceOf(requester, address(0)), 0, "nonce of another token");
    }

    function test_relayed_withdrawal_works_in_its_last_second_and_not_after() public {
        deposited(requester, address(dollar), 100);
        IBooks.Withdrawal memory w = withdrawal();
        bytes memory signature = signShort(REQUESTER_KEY, escrow.withdrawalDigest(w));
        vm.warp(w.deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IBooks.DeadlinePassed.selector, w.deadline));
        escrow.withdrawWithSignature(w, 0, signature);
        vm.warp(w.deadline);
        escrow.withdrawWithSignature(w, 0, signature);
        assertEq(dollar.balanceOf(receiver), 60, "received");
    }

    function test_relayed_withdrawal_costs_no_more_than_was_signed() public {
        deposited(requester, address(dollar), 100);
        IBooks.Withdrawal memory w = withdrawal();
        bytes memory signature = sign(REQUESTER_KEY, escrow.withdrawalDigest(w));
        vm.expectRevert(abi.encodeWithSelector(IBooks.FeeTooHigh.selector, 5, 6));
        escrow.withdrawWithSignature(w, 6, signature);
    }

    function test_relayed_withdrawal_works_once_and_in_order() public {
        deposited(requester, address(dollar), 200);
        IBooks.Withdrawal memory w = withdrawal();
        bytes memory signature = sign(REQUESTER_KEY, escrow.withdrawalDigest(w));
        escrow.withdrawWithSignature(w, 0, signature);
        vm.expectRevert(abi.encodeWithSelector(IBooks.NonceWrong.selector, 1, 0));
        escrow.withdrawWithSignature(w, 0, signature);
        w.nonce = 2;
        signature = sign(REQUESTER_KEY, escrow.withdrawalDigest(w));
        vm.expectRevert(abi.encodeWithSelector(IBooks.NonceWrong.selector, 1, 2));
        escrow.withdrawWithSignature(w, 0, signature);
    }

    function test_relayed_withdrawal_needs_the_owners_low_s_signature() public {
        deposited(requester, address(dollar), 100);
        IBooks.Withdrawal memory w = withdrawal();
        bytes32 digest = escrow.withdrawalDigest(w);
        refuseSignature(w, sign(STRANGER_KEY, digest));
        refuseSignature(w, signHigh(REQUESTER_KEY, digest));
        refuseSignature(w, "");
        bytes memory cut = sign(REQUESTER_KEY, digest);
        assembly {
            mstore(cut, 63)
        }
        refuseSignature(w, cut);
        w.owner = address(0);
        refuseSignature(w, new bytes(65));
        refuseSignature(w, new bytes(64));
    }

    function test_relayed_withdrawal_is_bound_to_its_every_field_chain_and_escrow() public {
        deposited(requester, address(dollar), 100);
        IBooks.Withdrawal memory w = withdrawal();
        bytes memory signature = sign(REQUESTER_KEY, escrow.withdrawalDigest(w));
        w.amount = 61;
        refuseSignature(w, signature);
        w.amount = 60;
        w.receiver = stranger;
        refuseSignature(w, signature);
        w.receiver = receiver;
        w.maxFee = 6;
        refuseSignature(w, signature);
        w.maxFee = 5;
        vm.chainId(99);
        refuseSignature(w, signature);
        vm.chainId(31337);
        IPiecework other = IPiecework(vm.deployCode("Piecework.sol:Piecework", abi.encode(governor)));
        assertTrue(other.withdrawalDigest(w) != escrow.withdrawalDigest(w), "another escrow's digest");
        escrow.withdrawWithSignature(w, 0, signature);
    }

    function test_relayed_withdrawal_of_a_contract_account_goes_as_it_answers() public {
        ContractAccount account = new ContractAccount();
        vm.prank(requester);
        dollar.transfer(address(account), 100);
        account.act(address(dollar), abi.encodeCall(dollar.approve, (address(escrow), 100)));
        account.act(address(escrow), abi.encodeCall(IPiecework.deposit, (address(dollar), 100)));
        IBooks.Withdrawal memory w = withdrawal();
        w.owner = address(account);
        for (uint8 i = 1; i <= uint8(ContractAccount.Answer.Reverts); ++i) {
            account.set(ContractAccount.Answer(i));
            refuseSignature(w, "whatever");
        }
        account.set(ContractAccount.Answer.Yes);
        escrow.withdrawWithSignature(w, 0, "whatever");
        assertEq(dollar.balanceOf(receiver), 60, "received");
    }

    function test_relayed_withdrawal_of_more_than_there_is_is_refused() public {
        deposited(requester, address(dollar), 62);
        IBooks.Withdrawal memory w = withdrawal();
        bytes memory signature = sign(REQUESTER_KEY, escrow.withdrawalDigest(w));
        vm.expectRevert(abi.encodeWithSelector(IBooks.BalanceTooLow.selector, requester, dollar, 62, 63));
        escrow.withdrawWithSignature(w, 3, signature);
        w.maxFee = type(uint256).max;
        signature = sign(REQUESTER_KEY, escrow.withdrawalDigest(w));
        vm.expectRevert();
        escrow.withdrawWithSignature(w, type(uint256).max - 20, signature);
    }

    function test_relayed_withdrawal_that_fails_keeps_its_nonce() public {
        deposited(requester, address(0), 100);
        IBooks.Withdrawal memory w = withdrawal();
        (w.token, w.receiver) = (address(0), address(new Reverter()));
        bytes memory signature = sign(REQUESTER_KEY, escrow.withdrawalDigest(w));
        vm.expectRevert(abi.encodeWithSelector(IBooks.TransferFailed.selector, address(0), w.receiver, 60));
        escrow.withdrawWithSignature(w, 0, signature);
        assertEq(escrow.nonceOf(requester, address(0)), 0, "nonce");
    }

    function testFuzz_relayed_withdrawal_adds_up(uint96 held, uint96 amount, uint96 fee) public {
        vm.assume(held != 0 && uint256(amount) + fee != 0);
        dollar.mint(requester, held);
        deposited(requester, address(dollar), held);
        IBooks.Withdrawal memory w = withdrawal();
        (w.amount, w.maxFee) = (amount, fee);
        bytes memory signature = sign(REQUESTER_KEY, escrow.withdrawalDigest(w));
        bool enough = uint256(amount) + fee <= held;
        if (!enough) vm.expectRevert();
        vm.prank(stranger);
        escrow.withdrawWithSignature(w, fee, signature);
        assertEq(escrow.balanceOf(requester, address(dollar)), enough ? held - amount - fee : held, "left");
        assertEq(escrow.balanceOf(stranger, address(dollar)), enough ? fee : 0, "fee");
        assertEq(dollar.balanceOf(receiver), enough ? amount : 0, "received");
    }

    function refuseSignature(IBooks.Withdrawal memory w, bytes memory signature) private {
        vm.expectRevert(abi.encodeWithSelector(IBooks.SignatureInvalid.selector, w.owner));
        escrow.withdrawWithSignature(w, 0, signature);
    }
}
