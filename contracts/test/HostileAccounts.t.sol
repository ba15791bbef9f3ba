// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {ContractAccount} from "./hostile/Accounts.sol";
import {Gallery} from "./hostile/Gallery.sol";

// an account that is a contract (EIP-1271)
// ├── as requester: flips its mind         its approval is worth the day's answer; its silence pays as everybody's
// ├── as worker: says no, garbage, burns   nobody opens or appeals for it; it can do so by calling
// ├── says yes to everything               whoever asks spends its ledger, and nobody else's
// ├── comes in while it is asked           Locked
// └── as owner in `withdrawMany`           skipped within the push's gas; the others are carried
contract HostileAccountsTest is Gallery {
    ContractAccount private account;

    function setUp() public override {
        super.setUp();
        account = new ContractAccount();
        enrich(address(account), address(0), PURSE);
        vm.deal(address(this), 1e18);
    }

    // ------------------------------------------------------------------------------------------------ as requester

    function test_a_requester_that_flips_its_mind_pays_by_its_silence() public {
        IBooks.Terms memory terms = postedByAccount(3);
        IBooks.SignedBatch memory batch = approvedByAccount(terms, 0);
        account.set(ContractAccount.Answer.No);
        refuse(terms, batch);
        IBooks.Opening memory opening = opened(terms, table(alice), 0, hex"01");
        account.set(ContractAccount.Answer.Reverts);
        vm.warp(reviewEnd(terms, opening));
        finalized(terms, opening);
        assertLedger(alice, address(0), PURSE + REWARD, "paid");
        account.set(ContractAccount.Answer.Yes);
        settleOne(terms, table(bob), approvedBatch(terms, table(bob), 1));
        assertEq(bob.balance, REWARD, "approved that day");
        assertElsewhere();
    }

    function test_a_requesters_bad_answer_is_no() public {
        IBooks.Terms memory terms = postedByAccount(1);
        for (uint8 i = 1; i <= uint8(ContractAccount.Answer.Burns); ++i) {
            account.set(ContractAccount.Answer(i));
            refuse(terms, approvedByAccount(terms, 0));
        }
        account.set(ContractAccount.Answer.Mountain); // a long yes is a yes
        settleOne(terms, table(alice), approvedByAccount(terms, 0));
        assertElsewhere();
    }

    function test_an_account_does_not_come_in_while_it_is_asked() public {
        IBooks.Terms memory terms = postedByAccount(2);
        IBooks.SignedBatch memory next = batchOf(terms, table(alice), 1, hex"01");
        next.approval = approve(terms, digestOfSlot(terms, 1), 1, OPERATOR_KEY);
        bytes memory call = abi.encodeCall(IPiecework.settle, (terms, table(alice), one(next), crediting()));
        account.plan(address(escrow), call);
        account.set(ContractAccount.Answer.ComesIn);
        refuse(terms, approvedByAccount(terms, 0));
        account.plan(address(escrow), abi.encodeCall(IPiecework.jobOf, (escrow.jobId(terms))));
        settleOne(terms, table(alice), approvedByAccount(terms, 0)); // to read is no harm
        assertJob(escrow.jobId(terms), 2, 1, 1, false);
        assertElsewhere();
    }

    // ------------------------------------------------------------------------------------------------ as worker

    function test_a_worker_that_answers_badly_acts_by_calling() public {
        IBooks.Terms memory terms = contestableIn(address(0));
        post(terms, 2);
        IBooks.OpenedBatch memory batch = openable(terms, table(address(account)), 0, hex"0101");
        batch.place = 1;
        IBooks.Opening memory opening = openingOf(terms, batch);
        bytes memory invalid = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, account);
        for (uint8 i = 1; i <= uint8(ContractAccount.Answer.Burns); ++i) {
            account.set(ContractAccount.Answer(i));
            vm.expectRevert(invalid);
            escrow.open{gas: 5_000_000}(terms, one(batch), "x");
        }
        account.act(address(escrow), abi.encodeCall(escrow.open, (terms, one(batch), "")));
        contested(terms, opening, hex"0101");
        vm.warp(reviewEnd(terms, opening));
        for (uint8 i = 1; i <= uint8(ContractAccount.Answer.Burns); ++i) {
            account.set(ContractAccount.Answer(i));
            vm.prank(stranger);
            vm.expectRevert(invalid);
            escrow.appeal{gas: 5_000_000}(terms, one(opening), one(uint256(1)), "x");
        }
        assertLedger(stranger, address(0), PURSE, "no stake was taken");
        account.act(address(escrow), abi.encodeCall(escrow.appeal, (terms, one(opening), one(uint256(1)), "")));
        assertElsewhere();
    }

    // ------------------------------------------------------------------------------------------------ as owner

    function test_an_account_that_says_yes_to_everything_loses_its_own_ledger_alone() public {
        IBooks.Withdrawal memory w = withdrawalOf(address(account), address(0), 0);
        w.amount = PURSE;
        vm.prank(bob);
        escrow.withdrawWithSignature(w, 0, "whatever");
        assertLedger(address(account), address(0), 0, "gone");
        w = withdrawalOf(alice, address(0), 0);
        vm.expectRevert(abi.encodeWithSelector(IBooks.SignatureInvalid.selector, alice));
        escrow.withdrawWithSignature(w, 0, "whatever");
        assertEq(address(escrow).balance, 4 * PURSE, "the others'");
        assertElsewhere();
    }

    function test_an_owner_that_burns_its_gas_holds_up_no_other_withdrawal() public {
        ContractAccount.Answer[4] memory bad = [
            ContractAccount.Answer.Burns,
            ContractAccount.Answer.Reverts,
            ContractAccount.Answer.No,
            ContractAccount.Answer.Nothing
        ];
        uint256 before = alice.balance;
        for (uint64 i; i < bad.length; ++i) {
            account.set(bad[i]);
            assertEq(carriedBesideAccount(i), 1, "alice's");
        }
        account.set(ContractAccount.Answer.Mountain);
        assertEq(carriedBesideAccount(4), 2, "both");
        assertEq(alice.balance, before + 50, "alice");
        assertLedger(address(account), address(0), PURSE - 10, "account");
        assertElsewhere();
    }

    /// @dev The account's withdrawal first, with gas for a dozen pushes.
    function carriedBesideAccount(uint64 nonce) private returns (uint256) {
        IBooks.Withdrawal[] memory withdrawals = new IBooks.Withdrawal[](2);
        withdrawals[0] = withdrawalOf(address(account), address(0), 0);
        withdrawals[1] = withdrawalOf(alice, address(0), nonce);
        bytes[] memory signatures = new bytes[](2);
        signatures[0] = "whatever";
        signatures[1] = sign(ALICE_KEY, escrow.withdrawalDigest(withdrawals[1]));
        return escrow.withdrawMany{gas: 1_000_000}(withdrawals, new uint256[](2), signatures, 60_000);
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function postedByAccount(uint32 slots) private returns (IBooks.Terms memory terms) {
        terms = contestableIn(address(0));
        terms.requester = address(account);
        bytes memory call = abi.encodeCall(IPiecework.post, (terms, slots, IBooks.Source.Ledger));
        account.act(address(escrow), call);
    }

    function approvedByAccount(IBooks.Terms memory terms, uint32 slot)
        private
        view
        returns (IBooks.SignedBatch memory)
    {
        return approvedBatch(terms, table(alice), slot);
    }

    function approvedBatch(IBooks.Terms memory terms, address[] memory workers, uint32 slot)
        private
        view
        returns (IBooks.SignedBatch memory batch)
    {
        (batch,) = unapproved(terms, workers, slot, hex"01");
        batch.approval = "whatever";
    }

    function digestOfSlot(IBooks.Terms memory terms, uint32 slot) private view returns (bytes32 digest) {
        (, digest) = unapproved(terms, table(alice), slot, hex"01");
    }

    function withdrawalOf(address owner, address token, uint64 nonce) private pure returns (IBooks.Withdrawal memory) {
        return IBooks.Withdrawal(owner, token, owner, 10, 0, nonce, type(uint64).max);
    }

    function refuse(IBooks.Terms memory terms, IBooks.SignedBatch memory batch) private {
        vm.expectRevert(abi.encodeWithSelector(IBooks.SignatureInvalid.selector, terms.requester));
        escrow.settle{gas: 5_000_000}(terms, table(alice), one(batch), crediting());
    }
}
