// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {Everyday} from "./harness/Everyday.sol";
import {PlainToken, PlayfulToken} from "./harness/PermitTokens.sol";
import {PermissiveToken} from "./hostile/Tokens.sol";

// depositWithPermit, postWithPermit, fundWithPermit
// ├── nothing                                      AmountZero / SlotsZero
// ├── caller not the requester                     CallerNotRequester, whoever signed the permit
// ├── in coins                                     ValueWrong; and no coins come along
// ├── token without code                           refused
// ├── permit good                                  used up
// ├── permit good, and carried by somebody first   no obstacle
// ├── permit bad: another's, other amount, late,
// │   or the token has none
// │   ├── allowance from before                    the caller's own money moves
// │   └── no allowance                             TransferFailed
// ├── permit of somebody else                      moves nobody's money
// ├── the permit moves money itself                TransferFailed, or not counted
// └── the permit comes back in                     Locked, inside
contract LedgerPermitTest is Everyday {
    uint256 private constant AMOUNT = 3 * uint256(REWARD);

    IBooks.Terms private terms;

    function setUp() public override {
        super.setUp();
        allow(requester, 0);
        terms = termsIn(address(dollar));
    }

    // ------------------------------------------------------------------------------------------------ good

    function test_a_permit_deposits_for_its_caller_and_is_used_up() public {
        IBooks.Permit memory permit = permitOf(REQUESTER_KEY, AMOUNT, block.timestamp);
        vm.prank(requester);
        vm.expectEmit(address(escrow));
        emit IBooks.Deposited(requester, address(dollar), AMOUNT);
        escrow.depositWithPermit(address(dollar), AMOUNT, permit);
        assertEq(escrow.balanceOf(requester, address(dollar)), AMOUNT, "balance");
        assertLocked(AMOUNT);
    }

    function test_a_permit_posts_and_funds_for_its_caller() public {
        IBooks.Permit memory permit = permitOf(REQUESTER_KEY, AMOUNT, block.timestamp);
        bytes32 job = escrow.jobId(terms);
        vm.prank(requester);
        vm.expectEmit(address(escrow));
        emit IBooks.JobPosted(job, requester, terms, 3, IBooks.Source.Wallet);
        assertEq(escrow.postWithPermit(terms, 3, permit), job, "id");
        permit = permitOf(REQUESTER_KEY, 2 * uint256(REWARD), block.timestamp);
        vm.prank(requester);
        vm.expectEmit(address(escrow));
        emit IBooks.JobFunded(job, 3, 2, ROOT, IBooks.Source.Wallet);
        escrow.fundWithPermit(terms, 3, 2, ROOT, permit);
        assertJob(job, 5, 0, 0, false);
        assertLocked(5 * uint256(REWARD));
    }

    function test_a_permit_that_somebody_used_first_is_no_obstacle() public {
        IBooks.Permit memory permit = permitOf(REQUESTER_KEY, AMOUNT, block.timestamp);
        carry(permit);
        vm.prank(requester);
        escrow.postWithPermit(terms, 3, permit);
        permit = permitOf(REQUESTER_KEY, AMOUNT, block.timestamp);
        carry(permit);
        vm.prank(requester);
        escrow.fundWithPermit(terms, 3, 3, ROOT, permit);
        permit = permitOf(REQUESTER_KEY, AMOUNT, block.timestamp);
        carry(permit);
        vm.prank(requester);
        escrow.depositWithPermit(address(dollar), AMOUNT, permit);
        assertLocked(3 * AMOUNT);
    }

    // ------------------------------------------------------------------------------------------------ bad

    function test_a_bad_permit_without_allowance_is_refused() public {
        refuseDeposit(permitOf(STRANGER_KEY, AMOUNT, block.timestamp));
        refuseDeposit(permitOf(REQUESTER_KEY, AMOUNT - 1, block.timestamp));
        refuseDeposit(permitOf(REQUESTER_KEY, AMOUNT, block.timestamp - 1));
        IBooks.Permit memory permit = permitOf(STRANGER_KEY, AMOUNT, block.timestamp);
        vm.prank(requester);
        vm.expectRevert(failed());
        escrow.postWithPermit(terms, 3, permit);
        allow(requester, AMOUNT);
        vm.prank(requester);
        escrow.post(terms, 3, IBooks.Source.Wallet);
        vm.prank(requester);
        vm.expectRevert(failed());
        escrow.fundWithPermit(terms, 3, 3, ROOT, permit);
        assertLocked(AMOUNT);
    }

    function test_a_bad_permit_beside_an_allowance_from_before_moves_the_callers_own_money() public {
        allow(requester, 3 * AMOUNT);
        IBooks.Permit memory permit = permitOf(STRANGER_KEY, AMOUNT, block.timestamp);
        vm.prank(requester);
        escrow.depositWithPermit(address(dollar), AMOUNT, permit);
        vm.prank(requester);
        escrow.postWithPermit(terms, 3, permit);
        vm.prank(requester);
        escrow.fundWithPermit(terms, 3, 3, ROOT, permit);
        assertLocked(3 * AMOUNT);
        assertEq(dollar.nonces(requester), 0, "no permit was used");
    }

    function test_a_permit_is_no_use_to_anybody_else() public {
        IBooks.Permit memory permit = permitOf(REQUESTER_KEY, AMOUNT, block.timestamp);
        bytes memory reason = abi.encodeWithSelector(IBooks.CallerNotRequester.selector, requester);
        vm.prank(operator);
        vm.expectRevert(reason);
        escrow.postWithPermit(terms, 3, permit);
        allow(requester, REWARD);
        vm.prank(requester);
        escrow.post(terms, 1, IBooks.Source.Wallet);
        vm.prank(operator);
        vm.expectRevert(reason);
        escrow.fundWithPermit(terms, 1, 3, ROOT, permit);
        terms.requester = stranger;
        vm.prank(stranger);
        vm.expectRevert(failed());
        escrow.postWithPermit(terms, 3, permit);
        vm.prank(stranger);
        vm.expectRevert(failed());
        escrow.depositWithPermit(address(dollar), AMOUNT, permit);
        assertEq(dollar.balanceOf(requester), 1e15 - REWARD, "untouched");
    }

    /// @dev Somebody's own money may follow somebody else's permit: what the permit allowed stays its owner's.
    function test_a_permit_of_somebody_else_never_moves_that_ones_money() public {
        IBooks.Permit memory permit = permitOf(REQUESTER_KEY, AMOUNT, block.timestamp);
        carry(permit);
        dollar.mint(stranger, AMOUNT);
        allow(stranger, AMOUNT);
        vm.prank(stranger);
        escrow.depositWithPermit(address(dollar), AMOUNT, permit);
        assertEq(dollar.balanceOf(requester), 1e15, "the requester's");
        assertEq(dollar.balanceOf(stranger), 0, "the stranger's");
        assertEq(escrow.balanceOf(stranger, address(dollar)), AMOUNT, "balance");
    }

    function testFuzz_a_deposit_goes_on_where_the_permit_or_the_allowance_covers_it(
        uint64 amount,
        uint64 permitted,
        uint64 before,
        bool same
    ) public {
        vm.assume(amount != 0);
        if (same) permitted = amount;
        dollar.mint(requester, amount);
        allow(requester, before);
        IBooks.Permit memory permit = permitOf(REQUESTER_KEY, permitted, block.timestamp);
        bool covered = permitted == amount || before >= amount;
        if (!covered) vm.expectRevert(abi.encodeWithSelector(IBooks.TransferFailed.selector, dollar, escrow, amount));
        vm.prank(requester);
        escrow.depositWithPermit(address(dollar), amount, permit);
        assertEq(escrow.balanceOf(requester, address(dollar)), covered ? amount : 0, "balance");
        assertEq(dollar.balanceOf(address(escrow)), covered ? amount : 0, "arrived");
    }

    // ------------------------------------------------------------------------------------------------ nothing, coins, tokens

    function test_nothing_needs_no_permit() public {
        IBooks.Permit memory permit;
        refuse(IBooks.AmountZero.selector);
        escrow.depositWithPermit(address(dollar), 0, permit);
        vm.prank(requester);
        refuse(IBooks.SlotsZero.selector);
        escrow.postWithPermit(terms, 0, permit);
    }

    function test_coins_have_no_permit() public {
        IBooks.Permit memory permit;
        bytes memory reason = abi.encodeWithSelector(IBooks.ValueWrong.selector, AMOUNT, 0);
        vm.expectRevert(reason);
        escrow.depositWithPermit(address(0), AMOUNT, permit);
        IBooks.Terms memory inCoin = postedInCoin(1);
        vm.prank(requester);
        vm.expectRevert(reason);
        escrow.fundWithPermit(inCoin, 1, 3, ROOT, permit);
        inCoin.salt = 0;
        vm.prank(requester);
        vm.expectRevert(reason);
        escrow.postWithPermit(inCoin, 3, permit);
    }

    function test_no_coins_come_along_with_a_permit() public {
        IBooks.Permit memory permit = permitOf(REQUESTER_KEY, AMOUNT, block.timestamp);
        bytes[3] memory calls = [
            abi.encodeCall(IPiecework.depositWithPermit, (address(dollar), AMOUNT, permit)),
            abi.encodeCall(IPiecework.postWithPermit, (terms, 3, permit)),
            abi.encodeCall(IPiecework.fundWithPermit, (terms, 0, 3, ROOT, permit))
        ];
        for (uint256 i; i < calls.length; ++i) {
            vm.prank(requester);
            (bool ok,) = address(escrow).call{value: 1}(calls[i]);
            assertTrue(!ok, "refused");
        }
    }

    function test_a_token_without_code_is_refused() public {
        IBooks.Permit memory permit;
        vm.expectRevert();
        escrow.depositWithPermit(address(0xdead), AMOUNT, permit);
    }

    function test_a_token_without_permits_needs_an_allowance() public {
        PlainToken plain = new PlainToken();
        plain.mint(requester, AMOUNT);
        IBooks.Permit memory permit;
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.TransferFailed.selector, plain, escrow, AMOUNT));
        escrow.depositWithPermit(address(plain), AMOUNT, permit);
        vm.prank(requester);
        plain.approve(address(escrow), AMOUNT);
        vm.prank(requester);
        escrow.depositWithPermit(address(plain), AMOUNT, permit);
        assertEq(escrow.balanceOf(requester, address(plain)), AMOUNT, "balance");
    }

    function test_a_token_that_says_yes_to_everything_brings_nothing() public {
        IBooks.Permit memory permit;
        PermissiveToken yes = new PermissiveToken();
        vm.expectRevert(abi.encodeWithSelector(IBooks.ArrivalWrong.selector, AMOUNT, 0));
        escrow.depositWithPermit(address(yes), AMOUNT, permit);
        PlayfulToken nothing = new PlayfulToken(PlayfulToken.Play.Nothing);
        nothing.mint(address(this), AMOUNT);
        vm.expectRevert(abi.encodeWithSelector(IBooks.TransferFailed.selector, nothing, escrow, AMOUNT));
        escrow.depositWithPermit(address(nothing), AMOUNT, permit);
    }

    function test_what_a_permit_moves_itself_is_not_counted() public {
        PlayfulToken mover = new PlayfulToken(PlayfulToken.Play.Moves);
        mover.mint(requester, 2 * AMOUNT);
        vm.prank(requester);
        mover.approve(address(escrow), AMOUNT);
        IBooks.Permit memory permit;
        vm.prank(requester);
        escrow.depositWithPermit(address(mover), AMOUNT, permit);
        assertEq(escrow.balanceOf(requester, address(mover)), AMOUNT, "balance");
        assertEq(mover.balanceOf(address(escrow)), 2 * AMOUNT, "and a gift");
    }

    function test_a_permit_that_comes_back_in_finds_the_door_locked() public {
        PlayfulToken caller = new PlayfulToken(PlayfulToken.Play.Calls);
        caller.mint(requester, AMOUNT);
        caller.plan(address(escrow), abi.encodeCall(IPiecework.deposit, (address(caller), 1)));
        vm.prank(requester);
        caller.approve(address(escrow), AMOUNT);
        IBooks.Permit memory permit;
        vm.prank(requester);
        escrow.depositWithPermit(address(caller), AMOUNT, permit);
        assertTrue(!caller.succeeded() && bytes4(caller.answer()) == IBooks.Locked.selector, "locked");
        assertEq(escrow.balanceOf(requester, address(caller)), AMOUNT, "balance");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function carry(IBooks.Permit memory permit) private {
        dollar.permit(requester, address(escrow), AMOUNT, permit.deadline, permit.v, permit.r, permit.s);
    }

    function failed() private view returns (bytes memory) {
        return abi.encodeWithSelector(IBooks.TransferFailed.selector, dollar, escrow, AMOUNT);
    }

    function refuseDeposit(IBooks.Permit memory permit) private {
        vm.prank(requester);
        vm.expectRevert(failed());
        escrow.depositWithPermit(address(dollar), AMOUNT, permit);
    }

    function assertLocked(uint256 amount) private view {
        assertEq(dollar.balanceOf(address(escrow)), amount, "in the escrow");
        assertEq(dollar.allowance(requester, address(escrow)), 0, "allowance left");
    }
}
