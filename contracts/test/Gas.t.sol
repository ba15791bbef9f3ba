// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IArbitrable} from "../src/interfaces/IArbitrator.sol";
import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {IRecourse} from "../src/interfaces/IRecourse.sol";
import {Disputes} from "./Disputes.sol";
import {GasBurner} from "./hostile/Receivers.sol";

/// @dev What calls cost, in `.gas-snapshot` and under a bound each. Everything is signed and encoded in `setUp` and laid
/// down as code, so that a test is little more than the call; workers never held the token, the caller is a stranger.
/// The figures leave out what every transaction pays: 21,000 and its calldata (about 16 gas a slot).
abstract contract GasBench is Disputes {
    function keep(uint160 id, bytes memory call) internal {
        vm.etch(address(id << 100), call);
    }

    /// @dev Makes the call that was kept, as `caller`, with `value`, within `most` gas.
    function measure(uint160 id, address caller, uint256 value, uint256 most) internal {
        bytes memory call = address(id << 100).code;
        vm.prank(caller);
        uint256 before = gasleft();
        (bool ok,) = address(escrow).call{value: value}(call);
        uint256 used = before - gasleft();
        assertTrue(ok, "done");
        if (used > most) assertEq(used, most, "gas used and allowed");
    }

    /// @dev What EIP-7825 leaves the escrow of 2^24 gas, after the transaction's own and the calldata of the call that was kept.
    function leftOfBlock(uint160 id) internal view returns (uint256 left) {
        bytes memory call = address(id << 100).code;
        left = 2 ** 24 - 21_000;
        for (uint256 i; i < call.length; ++i) {
            left -= call[i] == 0 ? 4 : 16;
        }
    }

    /// @dev Worker after worker in turn.
    function inTurn(uint256 slots, uint256 count) internal pure returns (bytes memory places) {
        places = new bytes(slots);
        for (uint256 i; i < slots; ++i) {
            places[i] = bytes1(uint8(1 + i % count));
        }
    }

    /// @dev 255 wallets that burn every bit of gas they get.
    function burners(uint160 id) internal returns (address[] memory workers) {
        workers = workersFrom((id << 100) + 0x100, 255);
        bytes memory code = address(new GasBurner()).code;
        for (uint256 i; i < 255; ++i) {
            vm.etch(workers[i], code);
        }
    }
}

contract GasTest is GasBench {
    uint256 private left;
    uint256 private leftOfLargest;

    function setUp() public override {
        super.setUp();
        prepare(1, 1, 1, 1);
        prepare(2, 10, 10, 1);
        prepare(3, 100, 100, 1);
        prepare(4, 1_000, 100, 1);
        prepare(5, 10_000, 100, 1);
        prepare(6, 10_000, 100, 100);
        prepare(7, 1_000, 100, 10);
        prepareBurners(8);
        left = leftOfBlock(8);
        prepareHoles(9);
        leftOfLargest = leftOfBlock(9);
    }

    function test_settle_1_slot_of_1_worker() public {
        settle(1, 84_900);
    }

    function test_settle_10_slots_of_10_workers() public {
        settle(2, 333_000);
    }

    function test_settle_100_slots_of_100_workers() public {
        settle(3, 2_820_000);
    }

    function test_settle_1000_slots_of_100_workers() public {
        settle(4, 2_950_000);
    }

    function test_settle_10000_slots_of_100_workers() public {
        settle(5, 3_780_000);
    }

    function test_settle_10000_slots_of_100_workers_in_100_batches() public {
        settle(6, 5_570_000);
    }

    function test_settle_1000_slots_of_100_workers_in_10_batches() public {
        settle(7, 3_110_000);
    }

    /// @dev Each burns its whole push, and is credited in a new word: the dearest table there is fits one transaction.
    function test_settle_1024_slots_of_255_gas_burners() public {
        settle(8, left);
    }

    /// @dev The largest batch there is, in the dearest state that openings can bring its job into, all credited.
    function test_settle_16384_slots_of_255_workers_where_every_second_was_taken() public {
        settle(9, leftOfLargest);
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function settle(uint160 id, uint256 most) private {
        measure(id, stranger, 0, most);
    }

    /// @dev A job of `slots` slots, worker after worker in turn, cut into `parts` batches over one table.
    function prepare(uint160 id, uint256 slots, uint256 count, uint256 parts) private {
        IBooks.Terms memory terms = termsIn(address(dollar));
        terms.salt = bytes32(uint256(id));
        vm.prank(requester);
        escrow.post(terms, uint32(slots), IBooks.Source.Wallet);
        address[] memory workers = workersFrom((id << 100) + 0x100, count);
        keep(id, terms, workers, cut(terms, workers, slots, parts), 60_000);
    }

    function prepareBurners(uint160 id) private {
        IBooks.Terms memory terms = postedInCoin(1024);
        address[] memory workers = burners(id);
        keep(id, terms, workers, cut(terms, workers, 1024, 1), 30_000);
    }

    /// @dev One slot free, one taken, so that no 32 of them can be taken as one.
    function prepareHoles(uint160 id) private {
        IBooks.Terms memory terms = contestableIn(address(dollar));
        terms.salt = "holes";
        post(terms, 16_384);
        bytes memory holes = new bytes(1_024);
        for (uint256 i; i < 1_024; i += 2) {
            holes[i] = 0x01;
        }
        for (uint32 i; i < 16; ++i) {
            IBooks.OpenedBatch memory batch = openable(terms, table(alice), i * 1_024, holes);
            vm.prank(coordinator);
            escrow.open(terms, one(batch), "");
        }
        address[] memory workers = workersFrom((id << 100) + 0x100, 255);
        keep(id, terms, workers, cut(terms, workers, 16_384, 1), 0);
    }

    function cut(IBooks.Terms memory terms, address[] memory workers, uint256 slots, uint256 parts)
        private
        view
        returns (IBooks.SignedBatch[] memory batches)
    {
        batches = new IBooks.SignedBatch[](parts);
        for (uint256 i; i < parts; ++i) {
            bytes memory places = inTurn(slots / parts, workers.length);
            batches[i] = batchOf(terms, workers, uint32(i * places.length), places);
        }
    }

    function keep(
        uint160 id,
        IBooks.Terms memory terms,
        address[] memory workers,
        IBooks.SignedBatch[] memory batches,
        uint256 pushGas
    ) private {
        keep(id, abi.encodeCall(IPiecework.settle, (terms, workers, batches, IBooks.Payout(0, pushGas))));
    }
}

/// @dev The largest opening there is, 1,024 slots of 255 workers, at each of its steps; and the calls of many.
contract RecourseGasTest is GasBench {
    uint256 private afterReview;
    uint256 private afterAppeals;
    uint256 private left;

    function setUp() public override {
        super.setUp();
        afterReview = block.timestamp + 1 days;
        afterAppeals = afterReview + 1 days;
        prepareOpen(1);
        IBooks.Opening memory opening;
        IBooks.Terms memory terms = prepare(2);
        opening = openedFor(2, terms);
        keep(2, abi.encodeCall(IRecourse.contest, (terms, opening, opening.places, 0)));
        prepareFinalize(3);
        prepareDisputes();
        terms = prepare(8);
        opening = contestedFor(8, terms);
        keep(8, abi.encodeCall(IRecourse.reclaim, (terms, opening)));
        prepareBurners(9);
        left = leftOfBlock(9);
        prepareTip(10);
        prepareWithdrawals(11);
    }

    function test_open_1024_slots_of_255_workers() public {
        measure(1, coordinator, 0, 370_000);
    }

    function test_contest_1024_slots_of_255_workers() public {
        measure(2, requester, 0, 190_000);
    }

    function test_finalize_1024_slots_of_255_workers() public {
        vm.warp(afterReview);
        measure(3, stranger, 0, 7_140_000);
    }

    function test_appeal_in_an_opening_of_255_workers() public {
        vm.warp(afterReview);
        measure(4, alice, 0, 336_000);
    }

    function test_defend() public {
        vm.warp(afterReview);
        measure(5, requester, COURT_PRICE, 182_000);
    }

    function test_rule() public {
        vm.warp(afterReview);
        measure(6, address(court), 0, 24_900);
    }

    function test_conclude() public {
        vm.warp(afterReview);
        measure(7, stranger, 0, 43_800);
    }

    function test_reclaim_1024_slots_of_255_workers() public {
        vm.warp(afterAppeals);
        measure(8, stranger, 0, 213_000);
    }

    /// @dev Each burns its whole push, and is credited in a new word: the dearest opening there is fits one transaction.
    function test_finalize_1024_slots_of_255_gas_burners() public {
        vm.warp(afterReview);
        measure(9, stranger, 0, left);
    }

    function test_tip_100() public {
        measure(10, requester, 0, 2_550_000);
    }

    function test_withdraw_many_of_100() public {
        measure(11, stranger, 0, 4_720_000);
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function prepare(uint160 id) private returns (IBooks.Terms memory terms) {
        terms = contestableIn(address(dollar));
        terms.salt = bytes32(uint256(id));
        post(terms, 1_024);
    }

    /// @dev Alice is the first of 255.
    function workersOf(uint160 id) private view returns (address[] memory workers) {
        workers = workersFrom((id << 100) + 0x100, 255);
        workers[0] = alice;
    }

    function openedFor(uint160 id, IBooks.Terms memory terms) private returns (IBooks.Opening memory) {
        return opened(terms, workersOf(id), 0, inTurn(1_024, 255));
    }

    function contestedFor(uint160 id, IBooks.Terms memory terms) private returns (IBooks.Opening memory opening) {
        opening = openedFor(id, terms);
        contested(terms, opening, opening.places);
    }

    function prepareOpen(uint160 id) private {
        IBooks.Terms memory terms = prepare(id);
        IBooks.OpenedBatch memory batch = openable(terms, workersOf(id), 0, inTurn(1_024, 255));
        keep(id, abi.encodeCall(IRecourse.open, (terms, one(batch), "")));
    }

    function prepareFinalize(uint160 id) private {
        IBooks.Terms memory terms = prepare(id);
        IBooks.Opening memory opening = openedFor(id, terms);
        keep(id, abi.encodeCall(IRecourse.finalize, (terms, opening, 0, "", pushing())));
    }

    /// @dev Four jobs, each brought to its step in time, and the clock set back.
    function prepareDisputes() private {
        uint256 start = block.timestamp;
        for (uint160 id = 4; id <= 7; ++id) {
            vm.warp(start);
            prepareDispute(id);
        }
        vm.warp(start);
    }

    function prepareDispute(uint160 id) private {
        IBooks.Terms memory terms = prepare(id);
        IBooks.Opening memory opening = contestedFor(id, terms);
        vm.warp(afterReview);
        if (id == 4) return keep(id, abi.encodeCall(IRecourse.appeal, (terms, one(opening), one(uint256(1)), "")));
        IBooks.Appeal memory entry = appealed(terms, opening, 1);
        if (id == 5) return keep(id, abi.encodeCall(IRecourse.defend, (terms, entry, "meta")));
        uint256 disputeId = defended(terms, entry);
        if (id == 6) return keep(id, abi.encodeCall(IArbitrable.rule, (disputeId, FOR_WORKER)));
        court.rule(disputeId, FOR_WORKER);
        keep(id, abi.encodeCall(IRecourse.conclude, (terms, entry)));
    }

    function prepareBurners(uint160 id) private {
        IBooks.Terms memory terms = contestableIn(address(0));
        post(terms, 1_024);
        IBooks.Opening memory opening = opened(terms, burners(id), 0, inTurn(1_024, 255));
        keep(id, abi.encodeCall(IRecourse.finalize, (terms, opening, 0, "", IBooks.Payout(0, 30_000))));
    }

    function prepareTip(uint160 id) private {
        uint256[] memory amounts = new uint256[](100);
        for (uint256 i; i < 100; ++i) {
            amounts[i] = 1_000 + i;
        }
        address[] memory receivers = workersFrom((id << 100) + 0x100, 100);
        keep(id, abi.encodeCall(IRecourse.tip, (requester, address(dollar), receivers, amounts, "well done")));
    }

    /// @dev Of a hundred owners, each to its own wallet, with a fee for the relayer.
    function prepareWithdrawals(uint160 id) private {
        IBooks.Withdrawal[] memory withdrawals = new IBooks.Withdrawal[](100);
        uint256[] memory fees = new uint256[](100);
        bytes[] memory signatures = new bytes[](100);
        address[] memory owners = new address[](100);
        for (uint256 i; i < 100; ++i) {
            owners[i] = vm.addr(0xF000 + i);
            fees[i] = REWARD;
            withdrawals[i] =
                IBooks.Withdrawal(owners[i], address(dollar), owners[i], REWARD - 1_000, 1_000, 0, type(uint64).max);
        }
        vm.prank(requester);
        escrow.tip(requester, address(dollar), owners, fees, 0);
        for (uint256 i; i < 100; ++i) {
            fees[i] = 1_000;
            signatures[i] = sign(0xF000 + i, escrow.withdrawalDigest(withdrawals[i]));
        }
        keep(id, abi.encodeCall(IRecourse.withdrawMany, (withdrawals, fees, signatures, 60_000)));
    }
}
