// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IDollar} from "./Base.sol";
import {Disputes} from "./Disputes.sol";
import {GasBurner, GasMeter, Reentrant} from "./hostile/Receivers.sol";
import {HookedToken} from "./hostile/Tokens.sol";

/// @dev The review's findings about approvals, operators and money: each attack as it was found, and what comes of it here.
contract FindingsMoneyTest is Disputes {
    GasMeter private meter = new GasMeter(); // made before the test, so that it is cold

    function test_finding_13_no_revocation_undoes_an_operators_approval() public {
        IBooks.Terms memory terms = contestable(1);
        vm.prank(requester);
        escrow.setOperator(operator, address(dollar), 1e9, uint64(block.timestamp + 1 days));
        (IBooks.SignedBatch memory batch, bytes32 digest) = unapproved(terms, table(alice), 0, hex"01");
        batch.approval = approve(terms, digest, 1, OPERATOR_KEY);
        vm.prank(requester);
        escrow.setOperator(operator, address(dollar), 0, 0);
        vm.warp(block.timestamp + 2 days);
        settleOne(terms, table(alice), batch);
        assertEq(dollar.balanceOf(alice), REWARD, "paid");
    }

    /// @dev What is true of an approval: it must reach the chain before the close. What doesn't depend on it: an opening.
    function test_finding_14_an_approval_that_nobody_carries_can_lull_no_worker_that_opens_in_time() public {
        IBooks.Terms memory terms = contestable(2);
        IBooks.SignedBatch memory lulling = batchOf(terms, table(bob), 1, hex"01");
        IBooks.OpenedBatch memory batch = openable(terms, table(alice), 0, hex"01");
        batch.place = 1;
        IBooks.Opening memory opening = openingOf(terms, batch);
        vm.prank(alice);
        escrow.open(terms, one(batch), "");
        vm.warp(terms.closesAt);
        escrow.close(terms);
        vm.expectRevert(abi.encodeWithSelector(IBooks.JobIsClosed.selector, escrow.jobId(terms)));
        settleOne(terms, table(bob), lulling);
        vm.warp(reviewEnd(terms, opening));
        finalized(terms, opening);
        assertLedger(alice, address(dollar), PURSE + REWARD, "silence paid");
    }

    function test_finding_18_a_push_is_given_its_gas_or_nothing_happens_at_all() public {
        IBooks.Terms memory terms = contestableIn(address(0));
        post(terms, 1);
        IBooks.SignedBatch[] memory batches = one(batchOf(terms, table(address(meter)), 0, hex"01"));
        bytes memory call =
            abi.encodeCall(escrow.settle, (terms, table(address(meter)), batches, IBooks.Payout(0, 60_000)));
        uint256 refusals;
        for (uint256 gas_ = 100_000; gas_ < 260_000; gas_ += 2_000) {
            (bool ok,) = address(escrow).call{gas: gas_}(call);
            assertLedger(address(meter), address(0), 0, "never starved into a credit");
            if (ok) break;
            ++refusals;
        }
        assertTrue(refusals > 0, "some had too little gas");
        assertTrue(meter.got() > 59_800, "and then all that was promised");
    }

    function test_finding_18_a_caller_can_have_everybody_credited_whatever_they_are() public {
        IBooks.Terms memory terms = contestableIn(address(0));
        post(terms, 255);
        address[] memory workers = workersFrom(0x1000, 255);
        bytes memory places = new bytes(255);
        bytes memory burner = address(new GasBurner()).code;
        for (uint256 i; i < 255; ++i) {
            vm.etch(workers[i], burner);
            places[i] = bytes1(uint8(i + 1));
        }
        escrow.settle(terms, workers, one(batchOf(terms, workers, 0, places)), crediting());
        assertLedger(workers[254], address(0), REWARD, "the last");
    }

    function test_finding_19_coins_and_tokens_that_nobody_asked_for_are_nobodys() public {
        uint256 held = dollar.balanceOf(address(escrow));
        dollar.mint(address(escrow), 777);
        vm.deal(address(escrow), address(escrow).balance + 777); // as a dying contract forces them in
        (bool ok,) = address(escrow).call{value: 1}("");
        assertTrue(!ok, "coins without a deposit are refused");
        enrich(carol, address(dollar), 10);
        assertLedger(carol, address(dollar), 10, "what came before counts for nobody");
        vm.prank(carol);
        vm.expectRevert(abi.encodeWithSelector(IBooks.BalanceTooLow.selector, carol, dollar, 10, 11));
        escrow.withdraw(address(dollar), 11, carol);
        assertEq(dollar.balanceOf(address(escrow)), held + 777 + 10, "dollars");
    }

    function test_finding_20_no_hook_has_its_tokens_counted_twice() public {
        HookedToken token = new HookedToken();
        Reentrant thief = new Reentrant();
        token.mint(address(thief), 100);
        thief.plan(address(escrow), abi.encodeCall(escrow.deposit, (address(token), 50)), 0);
        thief.act(address(escrow), abi.encodeCall(escrow.deposit, (address(token), 50)), 0);
        assertTrue(thief.tried() && !thief.succeeded(), "the second deposit inside the first");
        assertLedger(address(thief), address(token), 50, "once");
        assertEq(token.balanceOf(address(escrow)), 50, "held");

        thief = new Reentrant(); // another has more arrive than it announced
        token.mint(address(thief), 100);
        thief.plan(address(token), abi.encodeCall(token.mint, (address(escrow), 50)), 0);
        vm.expectRevert(abi.encodeWithSelector(IBooks.ArrivalWrong.selector, 50, 100));
        thief.act(address(escrow), abi.encodeCall(escrow.deposit, (address(token), 50)), 0);
    }

    function test_finding_20_no_multicall_spends_a_value_twice() public {
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(escrow.deposit, (address(0), 1));
        calls[1] = calls[0];
        vm.deal(address(this), 1);
        (bool ok,) = address(escrow).call{value: 1}(abi.encodeWithSignature("multicall(bytes[])", calls));
        assertTrue(!ok, "there is none");
    }

    function test_finding_21_nobody_uses_anothers_allowance_or_permit() public {
        IBooks.Terms memory terms = contestableIn(address(dollar)); // the requester's standing allowance is unlimited
        uint256 held = dollar.balanceOf(requester);
        vm.startPrank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IBooks.CallerNotRequester.selector, requester));
        escrow.post(terms, 1, IBooks.Source.Wallet);
        IBooks.Permit memory permit = permitted(9 * REWARD);
        vm.expectRevert(abi.encodeWithSelector(IBooks.CallerNotRequester.selector, requester));
        escrow.postWithPermit(terms, 9, permit);
        dollar.approve(address(escrow), 0);
        vm.expectRevert(abi.encodeWithSelector(IBooks.TransferFailed.selector, dollar, escrow, 9 * REWARD));
        escrow.depositWithPermit(address(dollar), 9 * REWARD, permit);
        dollar.permit(requester, address(escrow), 9 * REWARD, permit.deadline, permit.v, permit.r, permit.s);
        vm.stopPrank();
        assertEq(dollar.balanceOf(requester), held, "untouched");
        vm.prank(requester);
        escrow.postWithPermit(terms, 9, permit); // carried by somebody before: the allowance is there
        assertEq(dollar.balanceOf(requester), held - 9 * REWARD, "its own");
    }

    function test_finding_21_an_authorization_pays_for_the_job_it_names_and_no_other() public {
        IBooks.Terms memory terms = contestableIn(address(dollar));
        bytes32 job = escrow.jobId(terms);
        IBooks.Authorization memory signed = authorized(job, 2 * REWARD);
        vm.startPrank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IDollar.CallerNotPayee.selector, escrow));
        dollar.receiveWithAuthorization(
            requester, address(escrow), 2 * REWARD, 0, signed.validBefore, job, signed.v, signed.r, signed.s
        );
        IBooks.Terms memory other = terms;
        other.coordinator = stranger;
        bytes memory invalid = abi.encodeWithSelector(IDollar.AuthorizationSignatureInvalid.selector, requester);
        vm.expectRevert(invalid);
        escrow.postWithAuthorization(other, 2, signed);
        terms = contestableIn(address(dollar));
        vm.expectRevert(invalid);
        escrow.postWithAuthorization(terms, 3, signed);
        escrow.postWithAuthorization(terms, 2, signed); // carried by anyone, it is the requester's job
        vm.stopPrank();
        assertJob(job, 2, 0, 0, false);
    }

    /// @dev Said honestly: inside its allowance an operator is trusted like the requester. Outside, it can do nothing.
    function test_finding_22_an_operator_that_hires_itself_gets_its_allowance_and_no_more() public {
        vm.prank(requester);
        escrow.setOperator(operator, address(dollar), uint192(2 * REWARD), uint64(block.timestamp + 1 days));
        IBooks.Terms memory terms = contestableIn(address(dollar));
        terms.coordinator = operator;
        vm.startPrank(operator);
        escrow.post(terms, 2, IBooks.Source.Ledger);
        (IBooks.SignedBatch memory batch, bytes32 digest) = unapproved(terms, table(operator), 0, hex"0101");
        (batch.r, batch.vs) = signCompact(OPERATOR_KEY, digest);
        settleOne(terms, table(operator), batch);
        assertEq(dollar.balanceOf(operator), 2 * REWARD, "its allowance");
        terms.salt = "again";
        vm.expectRevert(abi.encodeWithSelector(IBooks.CallerNotAuthorized.selector, requester, 0));
        escrow.post(terms, 1, IBooks.Source.Ledger);
        vm.expectRevert(abi.encodeWithSelector(IBooks.BalanceTooLow.selector, operator, dollar, 0, 1));
        escrow.withdraw(address(dollar), 1, operator);
        vm.stopPrank();
        assertLedger(requester, address(dollar), PURSE - 2 * REWARD, "the rest is there");
    }

    function test_finding_23_no_stranger_tops_up_no_reorg_swaps_and_nothing_follows_the_close() public {
        IBooks.Terms memory terms = contestable(2);
        IBooks.SignedBatch memory beyond = batchOf(terms, table(alice), 0, hex"010101");
        settleOne(terms, table(alice), beyond);
        assertEq(dollar.balanceOf(alice), 2 * REWARD, "the slot that isn't funded is skipped");
        enrich(stranger, address(dollar), REWARD);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IBooks.CallerNotAuthorized.selector, requester, 0));
        escrow.fund(terms, 2, 1, "junk", IBooks.Source.Ledger);
        vm.startPrank(requester);
        escrow.fund(terms, 2, 1, "second content", IBooks.Source.Ledger); // the reorg put it first
        vm.expectRevert(abi.encodeWithSelector(IBooks.FirstSlotMoved.selector, 3, 2));
        escrow.fund(terms, 2, 5, "first content", IBooks.Source.Ledger);
        settleOne(terms, table(alice), beyond);
        vm.warp(terms.closesAt);
        escrow.close(terms);
        vm.expectRevert(abi.encodeWithSelector(IBooks.JobIsClosed.selector, escrow.jobId(terms)));
        escrow.fund(terms, 3, 1, "late", IBooks.Source.Ledger);
        vm.stopPrank();
        assertEq(dollar.balanceOf(alice), 3 * REWARD, "and paid once it is funded");
    }

    function test_finding_24_a_reorg_posts_the_same_job_and_every_signature_still_fits() public {
        IBooks.Terms memory terms = contestableIn(address(dollar));
        uint256 snapshot = vm.snapshotState();
        post(terms, 1);
        bytes32 job = escrow.jobId(terms);
        IBooks.SignedBatch memory batch = batchOf(terms, table(alice), 0, hex"01");
        vm.revertToState(snapshot); // the chain forgets the job, and another comes first
        IBooks.Terms memory other = contestableIn(address(dollar));
        other.salt = "another";
        post(other, 1);
        vm.warp(block.timestamp + 12);
        post(terms, 1);
        assertEq(escrow.jobId(terms), job, "the same id");
        settleOne(terms, table(alice), batch);
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.JobExists.selector, job));
        escrow.post(terms, 1, IBooks.Source.Wallet);
    }

    function test_finding_30_the_fee_a_slot_is_one_number_however_slots_are_settled() public {
        setFee(199);
        IBooks.Terms memory terms = contestableIn(address(dollar));
        (terms.reward, terms.fee) = (99, 1); // 1.97 rounded down, once
        post(terms, 7);
        setFee(0);
        for (uint32 i; i < 3; ++i) {
            settleOne(terms, table(alice), batchOf(terms, table(alice), i, hex"01"));
        }
        settleOne(terms, table(alice), batchOf(terms, table(alice), 3, hex"010101"));
        vm.warp(terms.closesAt);
        escrow.close(terms);
        assertLedger(governor, address(dollar), 6, "one a slot, one by one or together");
        assertLedger(requester, address(dollar), PURSE + 100, "a free slot's reward and fee");
        assertEq(dollar.balanceOf(address(escrow)), 4 * PURSE + 106, "not one base unit is left over");
    }

    function test_finding_33_a_signed_withdrawal_is_carried_once_as_it_was_signed_on_this_chain() public {
        IBooks.Withdrawal memory w =
            IBooks.Withdrawal(alice, address(dollar), alice, 100, 5, 0, uint64(block.timestamp + 1 hours));
        bytes32 digest = escrow.withdrawalDigest(w);
        bytes memory invalid = abi.encodeWithSelector(IBooks.SignatureInvalid.selector, alice);
        vm.expectRevert(abi.encodeWithSelector(IBooks.FeeTooHigh.selector, 5, 6));
        escrow.withdrawWithSignature(w, 6, sign(ALICE_KEY, digest));
        vm.expectRevert(invalid);
        escrow.withdrawWithSignature(w, 5, signHigh(ALICE_KEY, digest));
        vm.chainId(99); // a fork
        vm.expectRevert(invalid);
        escrow.withdrawWithSignature(w, 5, sign(ALICE_KEY, digest));
        vm.chainId(31337);
        w.receiver = stranger;
        vm.expectRevert(invalid);
        escrow.withdrawWithSignature(w, 5, sign(ALICE_KEY, digest));
        w.receiver = alice;
        escrow.withdrawWithSignature(w, 5, sign(ALICE_KEY, digest));
        vm.expectRevert(abi.encodeWithSelector(IBooks.NonceWrong.selector, 1, 0));
        escrow.withdrawWithSignature(w, 5, sign(ALICE_KEY, digest));
        vm.warp(w.deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IBooks.DeadlinePassed.selector, w.deadline));
        escrow.withdrawWithSignature(w, 5, sign(ALICE_KEY, digest));
        assertLedger(alice, address(dollar), PURSE - 105, "alice");
    }

    /// @dev Somebody must carry it, but it need be nobody in particular: several receipts in one call, an appeal at a sponsor's stake.
    function test_finding_40_a_worker_without_gas_money_opens_appeals_and_withdraws_by_signature() public {
        IBooks.Terms memory terms = contestable(2);
        IBooks.OpenedBatch[] memory batches = new IBooks.OpenedBatch[](2);
        for (uint32 i; i < 2; ++i) {
            batches[i] = openable(terms, table(carol), i, hex"01");
            batches[i].place = 1;
        }
        vm.prank(stranger);
        escrow.open(terms, batches, signOpening(terms, batches, CAROL_KEY));
        IBooks.Opening[] memory opening = one(IBooks.Opening(digestOf(terms, batches[0]), 0, table(carol), hex"01"));
        contested(terms, opening[0], hex"01");
        vm.warp(reviewEnd(terms, opening[0]));
        bytes memory request = signAppeal(terms, opening, one(uint256(1)), CAROL_KEY);
        IBooks.Appeal memory entry = appealedBy(stranger, terms, opening, one(uint256(1)), request);
        vm.warp(defenceEnd(terms, entry));
        concluded(terms, entry);
        assertLedger(stranger, address(dollar), PURSE, "the sponsor has its stake back");
        IBooks.Withdrawal memory w =
            IBooks.Withdrawal(carol, address(dollar), carol, REWARD, DEPOSIT, 0, type(uint64).max);
        bytes memory signature = sign(CAROL_KEY, escrow.withdrawalDigest(w));
        vm.prank(stranger);
        escrow.withdrawWithSignature(w, 10, signature);
        assertEq(dollar.balanceOf(carol), REWARD, "in her wallet");
        assertEq(carol.balance, 0, "who never had a coin");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    uint256 private constant CAROL_KEY = 0xCA401;
    address private carol = vm.addr(CAROL_KEY);

    function permitted(uint256 amount) private view returns (IBooks.Permit memory permit) {
        bytes32 kind = keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        permit.deadline = block.timestamp;
        bytes32 digest =
            keccak256(abi.encode(kind, requester, escrow, amount, dollar.nonces(requester), permit.deadline));
        (permit.v, permit.r, permit.s) = vm.sign(REQUESTER_KEY, inDollars(digest));
    }

    function authorized(bytes32 nonce, uint256 amount) private view returns (IBooks.Authorization memory signed) {
        bytes32 kind = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        signed.validBefore = block.timestamp + 1;
        bytes32 digest = keccak256(abi.encode(kind, requester, escrow, amount, 0, signed.validBefore, nonce));
        (signed.v, signed.r, signed.s) = vm.sign(REQUESTER_KEY, inDollars(digest));
    }

    function inDollars(bytes32 digest) private view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", dollar.DOMAIN_SEPARATOR(), digest));
    }
}
