// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {Base} from "./Base.sol";
import {ContractAccount} from "./hostile/Accounts.sol";
import {Reentrant, ReturnBomb, Reverter} from "./hostile/Receivers.sol";
import {FickleToken, HookedToken} from "./hostile/Tokens.sol";

// deposit
// ├── nothing                                    AmountZero
// ├── coin: value unlike the amount              ValueWrong
// ├── token: coin sent along                     ValueWrong
// ├── token moves more, less or nothing          ArrivalWrong; or refuses: TransferFailed
// ├── token without code                         refused
// ├── token hook comes back in                   Locked
// ├── over 2^192 - 1                             BalanceTooHigh
// └── else                                       the caller's balance grows, Deposited
// withdraw
// ├── nothing / more than there is               AmountZero / BalanceTooLow
// ├── to nobody or to the escrow                 AddressInvalid
// ├── coin: receiver refuses                     TransferFailed
// ├── token: reverts, or answers other than true TransferFailed
// ├── receiver comes back in                     Locked, inside; the withdrawal stands
// └── else                                       it arrives, Withdrawn
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
// setProtocolFee
// ├── caller not the governor                    CallerNotGovernor
// ├── over 2 %                                   FeeTooHigh
// ├── treasury nobody or the escrow              AddressInvalid
// └── else                                       ProtocolFeeSet
contract LedgerTest is Base {
    FickleToken private fickle;
    address private receiver = address(0xEEE);

    function setUp() public override {
        super.setUp();
        fickle = new FickleToken();
        fickle.mint(requester, 1e9);
        fickle.mint(address(escrow), 1e9); // somebody else's, which no liar may claim
    }

    // ------------------------------------------------------------------------------------------------ deposit

    function test_deposit_of_nothing_is_refused() public {
        refuse(IPiecework.AmountZero.selector);
        escrow.deposit(address(0), 0);
    }

    function test_deposit_of_coins_must_bring_exactly_the_amount() public {
        vm.expectRevert(abi.encodeWithSelector(IPiecework.ValueWrong.selector, 5, 4));
        escrow.deposit{value: 4}(address(0), 5);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.ValueWrong.selector, 5, 6));
        escrow.deposit{value: 6}(address(0), 5);
    }

    function test_deposit_of_tokens_takes_no_coins() public {
        vm.deal(requester, 1);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.ValueWrong.selector, 0, 1));
        escrow.deposit{value: 1}(address(dollar), 5);
    }

    function test_deposit_is_the_callers_and_nobody_elses() public {
        vm.prank(requester);
        vm.expectEmit(address(escrow));
        emit IPiecework.Deposited(requester, address(dollar), 7);
        escrow.deposit(address(dollar), 7);
        assertEq(escrow.balanceOf(requester, address(dollar)), 7, "dollars");
        assertEq(escrow.balanceOf(requester, address(0)), 0, "coins");
        assertEq(escrow.balanceOf(stranger, address(dollar)), 0, "stranger");
        vm.prank(requester);
        escrow.deposit{value: 3}(address(0), 3);
        assertEq(escrow.balanceOf(requester, address(0)), 3, "coins");
    }

    function test_deposit_without_allowance_is_refused() public {
        dollar.mint(stranger, 5);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.TransferFailed.selector, dollar, escrow, 5));
        escrow.deposit(address(dollar), 5);
    }

    function test_deposit_of_a_token_that_moves_another_amount_is_refused() public {
        refuseDeposit(FickleToken.Way.Fee, abi.encodeWithSelector(IPiecework.ArrivalWrong.selector, 100, 99));
        refuseDeposit(FickleToken.Way.Bonus, abi.encodeWithSelector(IPiecework.ArrivalWrong.selector, 100, 101));
        refuseDeposit(FickleToken.Way.Liar, abi.encodeWithSelector(IPiecework.ArrivalWrong.selector, 100, 0));
        bytes memory failed = abi.encodeWithSelector(IPiecework.TransferFailed.selector, fickle, escrow, 100);
        refuseDeposit(FickleToken.Way.False, failed);
        refuseDeposit(FickleToken.Way.Reverts, failed);
    }

    function refuseDeposit(FickleToken.Way way, bytes memory reason) private {
        fickle.set(way);
        vm.prank(requester);
        vm.expectRevert(reason);
        escrow.deposit(address(fickle), 100);
        assertEq(escrow.balanceOf(requester, address(fickle)), 0, "balance");
    }

    function test_deposit_of_a_token_that_returns_nothing_works() public {
        fickle.set(FickleToken.Way.Silent);
        vm.prank(requester);
        escrow.deposit(address(fickle), 100);
        assertEq(escrow.balanceOf(requester, address(fickle)), 100, "balance");
    }

    function test_deposit_of_a_token_without_code_is_refused() public {
        vm.expectRevert();
        escrow.deposit(address(0xdead), 5);
    }

    function test_deposit_over_what_the_ledger_counts_is_refused() public {
        uint256 most = type(uint192).max;
        fickle = new FickleToken();
        fickle.mint(requester, most + 1);
        vm.prank(requester);
        escrow.deposit(address(fickle), most);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.BalanceTooHigh.selector, requester, fickle));
        escrow.deposit(address(fickle), 1);
    }

    function test_deposit_counts_the_same_coins_once_when_a_hook_comes_back_in() public {
        HookedToken hooked = new HookedToken();
        Reentrant thief = new Reentrant();
        hooked.mint(address(thief), 100);
        bytes memory call = abi.encodeCall(IPiecework.deposit, (address(hooked), 50));
        thief.plan(address(escrow), call, 0);
        thief.act(address(escrow), call, 0);
        assertTrue(thief.tried() && !thief.succeeded(), "came back");
        assertEq(bytes32(thief.answer()), bytes32(IPiecework.Locked.selector), "why");
        assertEq(escrow.balanceOf(address(thief), address(hooked)), 50, "balance");
    }

    function test_deposit_with_a_gift_inside_the_hook_is_refused() public {
        HookedToken hooked = new HookedToken();
        Reentrant giver = new Reentrant();
        hooked.mint(address(giver), 100);
        giver.plan(address(hooked), abi.encodeCall(HookedToken.mint, (address(escrow), 10)), 0);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.ArrivalWrong.selector, 50, 60));
        giver.act(address(escrow), abi.encodeCall(IPiecework.deposit, (address(hooked), 50)), 0);
    }

    // ------------------------------------------------------------------------------------------------ withdraw

    function test_withdraw_of_nothing_is_refused() public {
        refuse(IPiecework.AmountZero.selector);
        escrow.withdraw(address(0), 0, receiver);
    }

    function test_withdraw_of_more_than_there_is_is_refused() public {
        deposited(address(dollar), 10);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.BalanceTooLow.selector, requester, dollar, 10, 11));
        escrow.withdraw(address(dollar), 11, receiver);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.BalanceTooLow.selector, stranger, dollar, 0, 1));
        escrow.withdraw(address(dollar), 1, receiver);
    }

    function test_withdraw_to_nobody_or_to_the_escrow_is_refused() public {
        deposited(address(dollar), 10);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.AddressInvalid.selector, 0));
        escrow.withdraw(address(dollar), 1, address(0));
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.AddressInvalid.selector, escrow));
        escrow.withdraw(address(dollar), 1, address(escrow));
    }

    function test_withdraw_sends_tokens_and_coins_to_the_receiver() public {
        deposited(address(dollar), 10);
        deposited(address(0), 10);
        vm.prank(requester);
        vm.expectEmit(address(escrow));
        emit IPiecework.Withdrawn(requester, address(dollar), receiver, 4, requester, 0);
        escrow.withdraw(address(dollar), 4, receiver);
        vm.prank(requester);
        escrow.withdraw(address(0), 10, receiver);
        assertEq(dollar.balanceOf(receiver), 4, "dollars");
        assertEq(receiver.balance, 10, "coins");
        assertEq(escrow.balanceOf(requester, address(dollar)), 6, "left");
        assertEq(escrow.balanceOf(requester, address(0)), 0, "coins left");
    }

    function test_withdraw_that_the_receiver_refuses_is_undone() public {
        deposited(address(0), 10);
        address reverter = address(new Reverter());
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.TransferFailed.selector, address(0), reverter, 10));
        escrow.withdraw(address(0), 10, reverter);
        assertEq(escrow.balanceOf(requester, address(0)), 10, "left");
    }

    function test_withdraw_of_a_token_that_does_not_say_true_is_undone() public {
        deposited(address(fickle), 100);
        FickleToken.Way[4] memory ways =
            [FickleToken.Way.False, FickleToken.Way.Reverts, FickleToken.Way.Two, FickleToken.Way.Short];
        for (uint256 i; i < ways.length; ++i) {
            fickle.set(ways[i]);
            vm.prank(requester);
            vm.expectRevert(abi.encodeWithSelector(IPiecework.TransferFailed.selector, fickle, receiver, 10));
            escrow.withdraw(address(fickle), 10, receiver);
        }
        assertEq(escrow.balanceOf(requester, address(fickle)), 100, "left");
    }

    function test_withdraw_of_a_token_whose_code_is_gone_is_undone() public {
        deposited(address(fickle), 100);
        vm.etch(address(fickle), "");
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.TransferFailed.selector, fickle, receiver, 10));
        escrow.withdraw(address(fickle), 10, receiver);
    }

    function test_withdraw_survives_silence_and_mountains_of_bytes() public {
        deposited(address(fickle), 100);
        deposited(address(0), 10);
        fickle.set(FickleToken.Way.Silent);
        vm.prank(requester);
        escrow.withdraw(address(fickle), 10, receiver);
        fickle.set(FickleToken.Way.Bomb);
        vm.prank(requester);
        escrow.withdraw(address(fickle), 10, receiver);
        assertEq(fickle.balanceOf(receiver), 20, "received");
        address bomb = address(new ReturnBomb());
        vm.prank(requester);
        escrow.withdraw(address(0), 10, bomb);
        assertEq(bomb.balance, 10, "bomb");
    }

    function test_withdraw_pays_once_though_the_receiver_comes_back_in() public {
        Reentrant thief = new Reentrant();
        vm.deal(address(thief), 10);
        thief.act(address(escrow), abi.encodeCall(IPiecework.deposit, (address(0), 10)), 10);
        deposited(address(0), 90);
        bytes memory call = abi.encodeCall(IPiecework.withdraw, (address(0), 5, address(thief)));
        thief.plan(address(escrow), call, 0);
        thief.act(address(escrow), call, 0);
        assertTrue(thief.tried() && !thief.succeeded(), "came back");
        assertEq(address(thief).balance, 5, "received");
        assertEq(escrow.balanceOf(address(thief), address(0)), 5, "left");
    }

    // ------------------------------------------------------------------------------------------------ relayed

    function test_relayed_withdrawal_pays_the_receiver_and_the_relayer() public {
        deposited(address(dollar), 100);
        IPiecework.Withdrawal memory w = withdrawal();
        bytes memory signature = sign(REQUESTER_KEY, escrow.withdrawalDigest(w));
        vm.prank(stranger);
        vm.expectEmit(address(escrow));
        emit IPiecework.Withdrawn(requester, address(dollar), receiver, 60, stranger, 3);
        escrow.withdrawWithSignature(w, 3, signature);
        assertEq(dollar.balanceOf(receiver), 60, "received");
        assertEq(escrow.balanceOf(stranger, address(dollar)), 3, "fee");
        assertEq(escrow.balanceOf(requester, address(dollar)), 37, "left");
        assertEq(escrow.nonceOf(requester, address(dollar)), 1, "nonce");
        assertEq(escrow.nonceOf(requester, address(0)), 0, "nonce of another token");
    }

    function test_relayed_withdrawal_works_in_its_last_second_and_not_after() public {
        deposited(address(dollar), 100);
        IPiecework.Withdrawal memory w = withdrawal();
        bytes memory signature = signShort(REQUESTER_KEY, escrow.withdrawalDigest(w));
        vm.warp(w.deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.DeadlinePassed.selector, w.deadline));
        escrow.withdrawWithSignature(w, 0, signature);
        vm.warp(w.deadline);
        escrow.withdrawWithSignature(w, 0, signature);
        assertEq(dollar.balanceOf(receiver), 60, "received");
    }

    function test_relayed_withdrawal_costs_no_more_than_was_signed() public {
        deposited(address(dollar), 100);
        IPiecework.Withdrawal memory w = withdrawal();
        bytes memory signature = sign(REQUESTER_KEY, escrow.withdrawalDigest(w));
        vm.expectRevert(abi.encodeWithSelector(IPiecework.FeeTooHigh.selector, 5, 6));
        escrow.withdrawWithSignature(w, 6, signature);
    }

    function test_relayed_withdrawal_works_once_and_in_order() public {
        deposited(address(dollar), 200);
        IPiecework.Withdrawal memory w = withdrawal();
        bytes memory signature = sign(REQUESTER_KEY, escrow.withdrawalDigest(w));
        escrow.withdrawWithSignature(w, 0, signature);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.NonceWrong.selector, 1, 0));
        escrow.withdrawWithSignature(w, 0, signature);
        w.nonce = 2;
        signature = sign(REQUESTER_KEY, escrow.withdrawalDigest(w));
        vm.expectRevert(abi.encodeWithSelector(IPiecework.NonceWrong.selector, 1, 2));
        escrow.withdrawWithSignature(w, 0, signature);
    }

    function test_relayed_withdrawal_needs_the_owners_low_s_signature() public {
        deposited(address(dollar), 100);
        IPiecework.Withdrawal memory w = withdrawal();
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
        deposited(address(dollar), 100);
        IPiecework.Withdrawal memory w = withdrawal();
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
        IPiecework.Withdrawal memory w = withdrawal();
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
        deposited(address(dollar), 62);
        IPiecework.Withdrawal memory w = withdrawal();
        bytes memory signature = sign(REQUESTER_KEY, escrow.withdrawalDigest(w));
        vm.expectRevert(abi.encodeWithSelector(IPiecework.BalanceTooLow.selector, requester, dollar, 62, 63));
        escrow.withdrawWithSignature(w, 3, signature);
        w.maxFee = type(uint256).max;
        signature = sign(REQUESTER_KEY, escrow.withdrawalDigest(w));
        vm.expectRevert();
        escrow.withdrawWithSignature(w, type(uint256).max - 20, signature);
    }

    function test_relayed_withdrawal_that_fails_keeps_its_nonce() public {
        deposited(address(0), 100);
        IPiecework.Withdrawal memory w = withdrawal();
        (w.token, w.receiver) = (address(0), address(new Reverter()));
        bytes memory signature = sign(REQUESTER_KEY, escrow.withdrawalDigest(w));
        vm.expectRevert(abi.encodeWithSelector(IPiecework.TransferFailed.selector, address(0), w.receiver, 60));
        escrow.withdrawWithSignature(w, 0, signature);
        assertEq(escrow.nonceOf(requester, address(0)), 0, "nonce");
    }

    function testFuzz_relayed_withdrawal_adds_up(uint96 held, uint96 amount, uint96 fee) public {
        vm.assume(held != 0 && uint256(amount) + fee != 0);
        dollar.mint(requester, held);
        deposited(address(dollar), held);
        IPiecework.Withdrawal memory w = withdrawal();
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

    // ------------------------------------------------------------------------------------------------ protocol fee

    function test_only_the_governor_sets_the_fee() public {
        vm.expectRevert(abi.encodeWithSelector(IPiecework.CallerNotGovernor.selector, governor));
        escrow.setProtocolFee(1, stranger);
    }

    function test_the_fee_is_at_most_two_percent() public {
        vm.prank(governor);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.FeeTooHigh.selector, 200, 201));
        escrow.setProtocolFee(201, stranger);
    }

    function test_the_treasury_is_somebody_else() public {
        vm.prank(governor);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.AddressInvalid.selector, 0));
        escrow.setProtocolFee(1, address(0));
        vm.prank(governor);
        vm.expectRevert(abi.encodeWithSelector(IPiecework.AddressInvalid.selector, escrow));
        escrow.setProtocolFee(1, address(escrow));
    }

    function test_the_governor_sets_fee_and_treasury() public {
        assertTrue(escrow.governor() == governor && escrow.treasury() == governor && escrow.feeBps() == 0, "at first");
        vm.prank(governor);
        vm.expectEmit(address(escrow));
        emit IPiecework.ProtocolFeeSet(200, stranger);
        escrow.setProtocolFee(200, stranger);
        assertTrue(escrow.treasury() == stranger && escrow.feeBps() == 200, "then");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function deposited(address token, uint256 amount) private {
        vm.prank(requester);
        if (token == address(0)) escrow.deposit{value: amount}(token, amount);
        else escrow.deposit(token, amount);
    }

    function withdrawal() private view returns (IPiecework.Withdrawal memory) {
        return IPiecework.Withdrawal(requester, address(dollar), receiver, 60, 5, 0, uint64(block.timestamp + 1 hours));
    }

    function refuseSignature(IPiecework.Withdrawal memory w, bytes memory signature) private {
        vm.expectRevert(abi.encodeWithSelector(IPiecework.SignatureInvalid.selector, w.owner));
        escrow.withdrawWithSignature(w, 0, signature);
    }
}
