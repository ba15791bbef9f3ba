// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {IRecourse} from "../src/interfaces/IRecourse.sol";
import {IArbitrable} from "../src/interfaces/IArbitrator.sol";
import {IEscrow} from "./Base.sol";
import {Everyday} from "./harness/Everyday.sol";
import {Reentrant} from "./hostile/Receivers.sol";
import {HookedToken} from "./hostile/Tokens.sol";

// receive
// └── always                                        ValueWrong(0, what was sent)
// fallback
// ├── a selector that neither half has, cut short   refused, with and without coins
// ├── a function of the other half
// │   ├── that takes no coins, with some            refused
// │   ├── that reverts                              what it says comes through
// │   └── else                                      what it returns comes through, on the escrow's state and domain
// └── the other half called directly                has no money, no jobs, another domain; moves nothing of the escrow's
contract FallbackTest is Everyday {
    IEscrow private half; // the other half, called directly

    function setUp() public override {
        super.setUp();
        half = IEscrow(escrow.recourse());
        deposited(requester, address(dollar), 1_000);
        deposited(requester, address(0), 1_000);
    }

    // ------------------------------------------------------------------------------------------------ coins

    function test_plain_coins_are_refused() public {
        for (uint256 value; value < 3; ++value) {
            vm.prank(requester);
            (bool ok, bytes memory why) = address(escrow).call{value: value}("");
            bytes memory reason = abi.encodeWithSelector(IBooks.ValueWrong.selector, 0, value);
            assertTrue(!ok && keccak256(why) == keccak256(reason), "refused");
        }
        assertEq(address(escrow).balance, 1_000, "held");
    }

    function test_plain_coins_are_no_use_to_a_sender_with_2300_gas() public {
        vm.prank(requester);
        assertTrue(!payable(address(escrow)).send(1), "refused");
    }

    /// @dev Coins go with `deposit`, `post`, `fund` and `defend`, and with nothing else.
    function test_no_function_that_takes_no_coins_keeps_some() public {
        bytes4[24] memory all = selectors();
        for (uint256 i; i < all.length; ++i) {
            bytes memory call = abi.encodePacked(all[i], new bytes(1_600));
            vm.prank(requester);
            (bool ok, bytes memory why) = address(escrow).call{value: 1}(call);
            assertTrue(!ok && why.length == 0, "refused");
        }
        assertEq(address(escrow).balance, 1_000, "held");
    }

    // ------------------------------------------------------------------------------------------------ unknown

    function test_what_neither_half_knows_is_refused() public {
        bytes[6] memory unknown = [
            abi.encodeWithSignature("sweep(address)", requester),
            abi.encodeWithSignature("upgradeTo(address)", requester),
            abi.encodeWithSignature("owner()"),
            bytes(hex"00"),
            hex"0011",
            hex"001122"
        ];
        for (uint256 i; i < unknown.length; ++i) {
            for (uint256 value; value < 2; ++value) {
                vm.prank(requester);
                (bool ok, bytes memory why) = address(escrow).call{value: value}(unknown[i]);
                assertTrue(!ok && why.length == 0, "refused");
            }
        }
    }

    function testFuzz_no_junk_moves_money(bytes calldata junk, bytes4 selector, uint8 which, uint64 value) public {
        bytes4[24] memory all = selectors();
        if (which % 2 == 0) selector = all[which % 24];
        poke(stranger, address(escrow), value, abi.encodePacked(selector, junk));
        assertMoney();
        assertEq(address(escrow).balance, 1_000, "coins held");
    }

    // ------------------------------------------------------------------------------------------------ through

    function test_what_the_other_half_says_comes_through() public {
        (address[] memory receivers, uint256[] memory amounts) = (table(receiver), new uint256[](1));
        amounts[0] = 1_001;
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.BalanceTooLow.selector, requester, dollar, 1_000, 1_001));
        escrow.tip(requester, address(dollar), receivers, amounts, ROOT);
        refuse(IBooks.LengthsDiffer.selector);
        escrow.tip(requester, address(dollar), receivers, new uint256[](0), ROOT);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        escrow.withdrawMany(
            new IBooks.Withdrawal[](0), new uint256[](0), new bytes[](0), type(uint256).max
        );
    }

    function test_what_the_other_half_returns_comes_through() public {
        IBooks.Terms memory terms = posted(3);
        address[] memory workers = table(address(0xA1));
        IBooks.OpenedBatch[] memory batches = new IBooks.OpenedBatch[](3);
        bytes32[] memory ids = new bytes32[](3);
        for (uint32 i; i < 3; ++i) {
            (IBooks.SignedBatch memory batch, bytes32 digest) = unapproved(terms, workers, i, hex"01");
            batches[i] = IBooks.OpenedBatch(i, workers, hex"01", ROOT, batch.r, batch.vs, 1);
            ids[i] = escrow.openingId(escrow.jobId(terms), IBooks.Opening(digest, i, workers, hex"01"));
        }
        vm.prank(coordinator);
        bytes32[] memory opened = escrow.open(terms, batches, "");
        assertEq(keccak256(abi.encode(opened)), keccak256(abi.encode(ids)), "ids");
        assertJob(escrow.jobId(terms), 3, 3, 0, false);
    }

    function test_both_halves_speak_of_one_escrow() public view {
        bytes32 message = keccak256(abi.encode(keccak256("OpenRequest(bytes32[] batches)"), ROOT));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domainSeparator(), message));
        assertEq(escrow.openRequestDigest(ROOT), digest, "the escrow's domain");
        assertTrue(half.openRequestDigest(ROOT) != digest, "another domain");
    }

    function test_both_halves_go_behind_one_lock() public {
        (HookedToken hooked, Reentrant thief) = (new HookedToken(), new Reentrant());
        deposited(requester, address(hooked), 10);
        bytes memory call = abi.encodeCall(IRecourse.setOperator, (operator, address(dollar), 1, 1));
        thief.plan(address(escrow), call, 0);
        vm.prank(requester);
        escrow.withdraw(address(hooked), 10, address(thief));
        assertEq(bytes32(thief.answer()), bytes32(IBooks.Locked.selector), "why");
    }

    // ------------------------------------------------------------------------------------------------ directly

    function test_the_other_half_alone_has_no_money_and_no_jobs() public {
        IBooks.Terms memory terms = posted(3);
        (IBooks.SignedBatch memory batch,) = unapproved(terms, table(receiver), 0, hex"01");
        IBooks.OpenedBatch[] memory batches = new IBooks.OpenedBatch[](1);
        batches[0] = IBooks.OpenedBatch(0, table(receiver), hex"01", ROOT, batch.r, batch.vs, 1);
        vm.prank(coordinator);
        vm.expectRevert();
        half.open(terms, batches, "");
        uint256[] memory amounts = new uint256[](1);
        amounts[0] = 1;
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IBooks.BalanceTooLow.selector, requester, dollar, 0, 1));
        half.tip(requester, address(dollar), table(receiver), amounts, ROOT);
        vm.prank(requester);
        (bool ok,) = address(half).call{value: 1}("");
        assertTrue(!ok, "no coins");
        assertMoney();
    }

    function test_what_is_set_at_the_other_half_alone_means_nothing() public {
        vm.prank(requester);
        half.setOperator(operator, address(dollar), 1_000, type(uint64).max);
        assertAllowance(0, "at the escrow");
        uint256[] memory amounts = new uint256[](1);
        amounts[0] = 1;
        vm.prank(operator);
        vm.expectRevert(notAuthorized(0));
        escrow.tip(requester, address(dollar), table(operator), amounts, ROOT);
    }

    function test_a_withdrawal_is_not_carried_by_the_other_half_alone() public {
        IBooks.Withdrawal[] memory ws = new IBooks.Withdrawal[](1);
        ws[0] = withdrawal();
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = signed(ws[0], REQUESTER_KEY);
        assertEq(half.withdrawMany(ws, new uint256[](1), signatures, 60_000), 0, "carried");
        assertMoney();
        assertEq(escrow.withdrawMany(ws, new uint256[](1), signatures, 60_000), 1, "carried by the escrow");
    }

    function testFuzz_nothing_called_at_the_other_half_moves_money(bytes calldata junk, uint8 which, uint64 value)
        public
     {
        bytes4[24] memory all = selectors();
        poke(which % 2 == 0 ? requester : stranger, address(half), value, abi.encodePacked(all[which % 24], junk));
        assertMoney();
        assertEq(address(half).balance, 0, "coins at the other half");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    /// @dev Calls, and doesn't mind how it ends.
    function poke(address caller, address to, uint256 value, bytes memory data) private {
        vm.deal(caller, caller.balance + value);
        vm.prank(caller);
        assembly ("memory-safe") {
            pop(call(gas(), to, value, add(data, 0x20), mload(data), 0, 0))
        }
    }

    /// @dev Functions of both halves that take no coins: all that write, and two that read.
    function selectors() private pure returns (bytes4[24] memory) {
        return [
            IPiecework.depositWithPermit.selector,
            IPiecework.withdraw.selector,
            IPiecework.withdrawWithSignature.selector,
            IPiecework.postWithPermit.selector,
            IPiecework.postWithAuthorization.selector,
            IPiecework.fundWithPermit.selector,
            IPiecework.fundWithAuthorization.selector,
            IPiecework.close.selector,
            IPiecework.settle.selector,
            IPiecework.setProtocolFee.selector,
            IRecourse.open.selector,
            IRecourse.finalize.selector,
            IRecourse.contest.selector,
            IRecourse.appeal.selector,
            IRecourse.reclaim.selector,
            IRecourse.conclude.selector,
            IRecourse.submitEvidence.selector,
            IRecourse.setOperator.selector,
            IRecourse.setOperatorWithSignature.selector,
            IRecourse.tip.selector,
            IRecourse.withdrawMany.selector,
            IArbitrable.rule.selector,
            IRecourse.operatorOf.selector,
            IRecourse.openRequestDigest.selector
        ];
    }

    function assertMoney() private view {
        assertEq(escrow.balanceOf(requester, address(0)), 1_000, "the requester's coins");
        assertEq(escrow.balanceOf(requester, address(dollar)), 1_000, "the requester's dollars");
        assertEq(escrow.balanceOf(stranger, address(dollar)), 0, "the stranger's dollars");
        assertTrue(dollar.balanceOf(address(escrow)) >= 1_000, "dollars held");
        assertTrue(address(escrow).balance >= 1_000, "coins held");
    }
}
