// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IDollar} from "./Base.sol";
import {Gallery} from "./hostile/Gallery.sol";
import {FirstEntry, ManagedToken, RebasingToken, SecondEntry, TetherToken} from "./hostile/Stablecoins.sol";
import {FickleToken} from "./hostile/Tokens.sol";

// a token
// ├── bad at the door (fee, false, reverts, lies, more)   deposit and post revert, nothing is written
// ├── bad afterwards, a push fails                        the whole job runs on in the ledger; a withdrawal waits
// ├── bad afterwards, a push lies                         its receiver has what the token gave it; nobody else lacks anything
// ├── freezes one account                                 that account's pay is credited, and leaves to another wallet
// ├── freezes the escrow, pauses, loses its code          as if every push failed, until it is undone
// ├── rebases or is seized                                what is missing is missing for that token's holders
// └── any decimals                                        never read
contract HostileTokensTest is Gallery {
    address private spare = address(0x5FA4E);

    // ------------------------------------------------------------------------------------------------ at the door

    function test_a_token_that_moves_another_amount_is_refused_at_the_door() public {
        FickleToken token = new FickleToken();
        token.mint(requester, PURSE);
        FickleToken.Way[5] memory ways = [
            FickleToken.Way.Fee,
            FickleToken.Way.Bonus,
            FickleToken.Way.Liar,
            FickleToken.Way.False,
            FickleToken.Way.Reverts
        ];
        for (uint256 i; i < ways.length; ++i) {
            token.set(ways[i]);
            refuseDoor(address(token), i < 3 ? IBooks.ArrivalWrong.selector : IBooks.TransferFailed.selector);
        }
        assertEq(token.balanceOf(requester), PURSE, "still the requester's");
        assertElsewhere();
    }

    function test_a_token_with_a_fee_since_yesterday_is_refused_and_its_holders_pay_the_fee() public {
        TetherToken token = new TetherToken();
        IBooks.Terms memory terms = begun(address(token));
        token.setFee(100);
        token.mint(requester, PURSE);
        refuseDoor(address(token), IBooks.ArrivalWrong.selector);
        lived(terms);
        assertLived(address(token), false);
        assertEq(token.balanceOf(alice), 2 * (REWARD - REWARD / 100), "alice pays the fee");
        assertElsewhere();
    }

    function refuseDoor(address token, bytes4 why) private {
        IBooks.Terms memory terms = contestableIn(token);
        terms.salt = "at the door";
        uint256 before = escrow.balanceOf(requester, token);
        vm.prank(requester);
        (bool ok, bytes memory said) = address(escrow).call(abi.encodeCall(escrow.deposit, (token, 1_000)));
        assertTrue(!ok && bytes4(said) == why, "deposit");
        vm.prank(requester);
        (ok, said) = address(escrow).call(abi.encodeCall(escrow.post, (terms, 1, IBooks.Source.Wallet)));
        assertTrue(!ok && bytes4(said) == why, "post");
        assertLedger(requester, token, before, "nothing is credited");
        assertJob(escrow.jobId(terms), 0, 0, 0, false);
    }

    // ------------------------------------------------------------------------------------------------ bad afterwards

    function test_a_token_that_stops_moving_leaves_everything_in_the_ledger() public {
        FickleToken.Way[5] memory ways = [
            FickleToken.Way.False,
            FickleToken.Way.Reverts,
            FickleToken.Way.Two,
            FickleToken.Way.Short,
            FickleToken.Way.Burns
        ];
        for (uint256 i; i < ways.length; ++i) {
            FickleToken token = new FickleToken();
            IBooks.Terms memory terms = begun(address(token));
            token.set(ways[i]);
            lived(terms);
            assertLived(address(token), true);
            refuseWithdrawal(alice, address(token), 1);
            token.set(FickleToken.Way.Honest);
            bool movedUnseen = ways[i] == FickleToken.Way.Two || ways[i] == FickleToken.Way.Short;
            if (!movedUnseen) assertEveryoneLeaves(address(token));
        }
        assertElsewhere();
    }

    function test_a_token_that_answers_nothing_or_a_mountain_pays_into_the_wallets() public {
        FickleToken.Way[2] memory ways = [FickleToken.Way.Silent, FickleToken.Way.Bomb];
        for (uint256 i; i < ways.length; ++i) {
            FickleToken token = new FickleToken();
            IBooks.Terms memory terms = begun(address(token));
            token.set(ways[i]);
            lived(terms);
            assertLived(address(token), false);
            assertEq(token.balanceOf(alice), 2 * REWARD, "alice's wallet");
            assertEveryoneLeaves(address(token));
        }
        assertElsewhere();
    }

    function test_a_token_that_lies_about_a_transfer_cheats_its_receivers_alone() public {
        FickleToken token = new FickleToken();
        IBooks.Terms memory terms = begun(address(token));
        token.set(FickleToken.Way.Liar);
        lived(terms);
        assertLived(address(token), false);
        assertEq(token.balanceOf(alice), 0, "alice has a lie");
        token.set(FickleToken.Way.Honest);
        assertEveryoneLeaves(address(token));
        assertEq(token.balanceOf(address(escrow)), 3 * REWARD, "what it kept lies here for nobody");
        assertElsewhere();
    }

    function test_a_token_that_moves_and_says_no_robs_its_own_holders_alone() public {
        FickleToken token = new FickleToken();
        IBooks.Terms memory terms = begun(address(token));
        token.set(FickleToken.Way.Two);
        lived(terms);
        assertEq(token.balanceOf(alice), 2 * REWARD, "alice has it");
        assertLived(address(token), true); // and is credited with it
        token.set(FickleToken.Way.Honest);
        withdrawn(alice, address(token), escrow.balanceOf(alice, address(token)));
        withdrawn(bob, address(token), REWARD);
        refuseWithdrawal(requester, address(token), escrow.balanceOf(requester, address(token)));
        withdrawn(requester, address(token), escrow.balanceOf(requester, address(token)) - 3 * REWARD);
        assertElsewhere();
    }

    function test_a_token_whose_code_is_gone_is_owed_and_never_taken_for_paid() public {
        ManagedToken token = new ManagedToken(6);
        IBooks.Terms memory terms = begun(address(token));
        bytes memory code = address(token).code;
        vm.etch(address(token), "");
        lived(terms);
        assertLived(address(token), true);
        refuseWithdrawal(alice, address(token), 1);
        vm.prank(requester);
        vm.expectRevert();
        escrow.deposit(address(token), 1);
        vm.etch(address(token), code);
        assertEveryoneLeaves(address(token));
        assertElsewhere();
    }

    // ------------------------------------------------------------------------------------------------ a master

    function test_a_frozen_worker_is_credited_and_leaves_by_another_wallet() public {
        ManagedToken token = new ManagedToken(6);
        IBooks.Terms memory terms = begun(address(token));
        token.freeze(alice, true);
        lived(terms);
        assertLedger(alice, address(token), 3 * REWARD + DEPOSIT + STAKE, "alice");
        assertEq(token.balanceOf(bob), REWARD, "bob isn't held up");
        refuseWithdrawal(alice, address(token), 1);
        vm.prank(alice);
        escrow.withdraw(address(token), 3 * REWARD, spare);
        assertEq(token.balanceOf(spare), 3 * REWARD, "another wallet");
        assertElsewhere();
    }

    function test_a_frozen_requester_can_bring_nothing_and_holds_up_nobody() public {
        ManagedToken token = new ManagedToken(6);
        IBooks.Terms memory terms = begun(address(token));
        token.mint(requester, PURSE);
        approveIn(address(token), requester);
        token.freeze(requester, true);
        refuseDoor(address(token), IBooks.TransferFailed.selector);
        lived(terms);
        assertLived(address(token), false);
        refuseWithdrawal(requester, address(token), 1);
        assertElsewhere();
    }

    function test_a_frozen_escrow_or_a_pause_stops_transfers_and_no_book() public {
        for (uint256 i; i < 2; ++i) {
            ManagedToken token = new ManagedToken(6);
            IBooks.Terms memory terms = begun(address(token));
            i == 0 ? token.freeze(address(escrow), true) : token.pause(true);
            lived(terms);
            assertLived(address(token), true);
            refuseWithdrawal(alice, address(token), 1);
            i == 0 ? token.freeze(address(escrow), false) : token.pause(false);
            assertEveryoneLeaves(address(token));
        }
        assertElsewhere();
    }

    function test_what_a_master_seizes_is_missing_for_that_tokens_holders_alone() public {
        ManagedToken token = new ManagedToken(6);
        IBooks.Terms memory terms = begun(address(token));
        token.seize(address(escrow), PURSE / 2);
        lived(terms);
        assertLived(address(token), false);
        withdrawn(alice, address(token), escrow.balanceOf(alice, address(token)));
        refuseWithdrawal(requester, address(token), escrow.balanceOf(requester, address(token)));
        assertElsewhere();
    }

    // ------------------------------------------------------------------------------------------------ rebases

    function test_a_rebase_upwards_is_a_gift_that_nobody_can_take() public {
        RebasingToken token = new RebasingToken();
        IBooks.Terms memory terms = begun(address(token));
        token.rebase(200);
        lived(terms);
        assertLived(address(token), false);
        assertEveryoneLeaves(address(token));
        assertEq(token.balanceOf(address(escrow)), PURSE + STAKE, "the gift lies there");
        assertElsewhere();
    }

    function test_a_rebase_downwards_is_missing_for_that_tokens_holders_alone() public {
        RebasingToken token = new RebasingToken();
        IBooks.Terms memory terms = begun(address(token));
        token.rebase(50);
        lived(terms);
        assertLived(address(token), false);
        withdrawn(alice, address(token), escrow.balanceOf(alice, address(token)));
        refuseWithdrawal(requester, address(token), escrow.balanceOf(requester, address(token)));
        assertElsewhere();
    }

    function test_a_share_token_that_rounds_on_the_way_in_is_refused() public {
        RebasingToken token = new RebasingToken();
        token.mint(requester, PURSE);
        token.rebase(107);
        refuseDoor(address(token), IBooks.ArrivalWrong.selector);
        assertElsewhere();
    }

    // ------------------------------------------------------------------------------------------------ allowances, addresses, decimals

    function test_a_token_that_refuses_to_change_an_allowance_works_with_exact_ones() public {
        TetherToken token = new TetherToken();
        token.mint(requester, 3_000);
        vm.prank(requester);
        token.approve(address(escrow), 1_000);
        vm.prank(requester);
        vm.expectRevert();
        token.approve(address(escrow), 2_000); // which is why the escrow never asks for it
        vm.prank(requester);
        escrow.deposit(address(token), 1_000);
        vm.prank(requester);
        token.approve(address(escrow), 2_000);
        vm.prank(requester);
        escrow.deposit(address(token), 2_000);
        assertLedger(requester, address(token), 3_000, "both arrived");
        assertEq(token.allowance(requester, address(escrow)), 0, "nothing is left standing");
        lived(begun(address(token)));
        assertElsewhere();
    }

    function test_two_addresses_of_the_same_balances_are_two_ledgers_within_them() public {
        FirstEntry first = new FirstEntry();
        SecondEntry second = new SecondEntry(first);
        IBooks.Terms memory terms = begun(address(first));
        brought(bob, address(second), 1_000);
        refuseWithdrawal(bob, address(second), 1_001);
        withdrawn(bob, address(second), 1_000);
        lived(terms);
        assertLived(address(first), false);
        assertEveryoneLeaves(address(first));
        assertElsewhere();
    }

    function test_any_decimals_are_exact() public {
        uint8[3] memory decimals = [0, 18, 24];
        for (uint256 i; i < decimals.length; ++i) {
            ManagedToken token = new ManagedToken(decimals[i]);
            IBooks.Terms memory terms = contestableIn(address(token));
            terms.reward = uint128(3 * 10 ** decimals[i]);
            terms.contestDeposit = 1;
            token.mint(requester, price(terms, 3));
            approveIn(address(token), requester);
            post(terms, 3);
            settleOne(terms, table(alice, bob), batchOf(terms, table(alice, bob), 0, hex"0102"));
            assertEq(token.balanceOf(alice), terms.reward, "alice");
            assertEq(token.balanceOf(bob), terms.reward, "bob");
            assertEq(token.balanceOf(address(escrow)), terms.reward, "left");
        }
        assertElsewhere();
    }

    // ------------------------------------------------------------------------------------------------ a job's life

    /// @dev While the token is good: six slots from the requester's ledger, and alice's stake.
    function begun(address token) private returns (IBooks.Terms memory terms) {
        brought(requester, token, PURSE);
        brought(alice, token, STAKE);
        terms = contestableIn(token);
        vm.prank(requester);
        escrow.post(terms, 6, IBooks.Source.Ledger);
    }

    /// @dev Everything that a job can meet, in whatever state the token is: two slots settled, three opened, of which one is
    /// finalized, one reclaimed from bob, one won by alice's appeal, and one that the close gives back.
    function lived(IBooks.Terms memory terms) private {
        address[] memory workers = table(alice, bob);
        settleOne(terms, workers, batchOf(terms, workers, 0, hex"0102"));
        IBooks.Opening memory opening = opened(terms, workers, 2, hex"010201");
        contested(terms, opening, hex"000201");
        vm.warp(reviewEnd(terms, opening));
        vm.prank(stranger);
        escrow.finalize(terms, opening, 0, "", pushing());
        IBooks.Appeal memory entry = appealed(terms, opening, 1);
        vm.warp(appealEnd(terms, opening));
        reclaimed(terms, opening);
        vm.warp(defenceEnd(terms, entry));
        concluded(terms, entry);
        vm.warp(terms.closesAt);
        escrow.close(terms);
        assertJob(escrow.jobId(terms), 6, 6, 6, true);
    }

    /// @param credited whether the three pushes ended in the ledger
    function assertLived(address token, bool credited) private view {
        uint256 ofAlice = REWARD + DEPOSIT + STAKE + (credited ? 2 * REWARD : 0);
        assertLedger(alice, token, ofAlice, "alice");
        assertLedger(bob, token, credited ? REWARD : 0, "bob");
        assertLedger(requester, token, PURSE - 4 * REWARD - DEPOSIT, "requester");
    }

    function assertEveryoneLeaves(address token) private {
        address[3] memory owners = [alice, bob, requester];
        for (uint256 i; i < owners.length; ++i) {
            uint256 balance = escrow.balanceOf(owners[i], token);
            if (balance != 0) withdrawn(owners[i], token, balance);
            assertLedger(owners[i], token, 0, "left");
        }
    }

    function refuseWithdrawal(address owner, address token, uint256 amount) private {
        uint256 before = escrow.balanceOf(owner, token);
        vm.prank(owner);
        vm.expectRevert();
        escrow.withdraw{gas: 1_000_000}(token, amount, owner);
        assertLedger(owner, token, before, "still owed");
    }

    /// @dev `enrich`, for tokens that don't say whether they approved.
    function brought(address account, address token, uint256 amount) private {
        IDollar(token).mint(account, amount);
        approveIn(token, account);
        vm.prank(account);
        escrow.deposit(token, amount);
    }

    function approveIn(address token, address owner) private {
        vm.prank(owner);
        (bool ok,) = token.call(abi.encodeCall(IERC20.approve, (address(escrow), type(uint256).max)));
        assertTrue(ok, "approved");
    }
}
