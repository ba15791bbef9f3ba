// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {Base} from "./Base.sol";
import {GasBurner} from "./hostile/Receivers.sol";

/// @dev What settling costs, in `.gas-snapshot` and under a bound each. Everything is signed and encoded in `setUp` and laid
/// down as code, so that a test is little more than the call; workers never held the token, the caller is a stranger.
/// The figures leave out what every transaction pays: 21,000 and its calldata (about 16 gas a slot).
contract GasTest is Base {
    /// @dev What EIP-7825 leaves the escrow of 2^24 gas.
    uint256 private left;

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
        left = 2 ** 24 - 21_000 - calldataGas(address(uint160(8) << 100).code);
    }

    function test_settle_1_slot_of_1_worker() public {
        settle(1, 103_000);
    }

    function test_settle_10_slots_of_10_workers() public {
        settle(2, 347_000);
    }

    function test_settle_100_slots_of_100_workers() public {
        settle(3, 2_790_000);
    }

    function test_settle_1000_slots_of_100_workers() public {
        settle(4, 2_920_000);
    }

    function test_settle_10000_slots_of_100_workers() public {
        settle(5, 4_410_000);
    }

    function test_settle_10000_slots_of_100_workers_in_100_batches() public {
        settle(6, 6_320_000);
    }

    function test_settle_1000_slots_of_100_workers_in_10_batches() public {
        settle(7, 3_100_000);
    }

    /// @dev Each burns its whole push, and is credited in a new word: the dearest table there is fits one transaction.
    function test_settle_1024_slots_of_255_gas_burners() public {
        settle(8, left);
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function settle(uint160 id, uint256 most) private {
        bytes memory call = address(id << 100).code;
        uint256 before = gasleft();
        (bool ok,) = address(escrow).call(call);
        uint256 used = before - gasleft();
        assertTrue(ok, "settled");
        if (used > most) assertEq(used, most, "gas used and allowed");
    }

    function calldataGas(bytes memory data) private pure returns (uint256 gas_) {
        for (uint256 i; i < data.length; ++i) {
            gas_ += data[i] == 0 ? 4 : 16;
        }
    }

    /// @dev A job of `slots` slots, worker after worker in turn, cut into `parts` batches over one table.
    function prepare(uint160 id, uint256 slots, uint256 count, uint256 parts) private {
        IPiecework.Terms memory terms = termsIn(address(dollar));
        terms.salt = bytes32(uint256(id));
        vm.prank(requester);
        escrow.post(terms, uint32(slots), IPiecework.Source.Wallet);
        address[] memory workers = workersFrom((id << 100) + 0x100, count);
        keep(id, terms, workers, cut(terms, workers, slots, parts), 60_000);
    }

    function prepareBurners(uint160 id) private {
        IPiecework.Terms memory terms = postedInCoin(1024);
        address[] memory workers = workersFrom((id << 100) + 0x100, 255);
        bytes memory code = address(new GasBurner()).code;
        for (uint256 i; i < 255; ++i) {
            vm.etch(workers[i], code);
        }
        keep(id, terms, workers, cut(terms, workers, 1024, 1), 30_000);
    }

    function cut(IPiecework.Terms memory terms, address[] memory workers, uint256 slots, uint256 parts)
        private
        view
        returns (IPiecework.SignedBatch[] memory batches)
    {
        batches = new IPiecework.SignedBatch[](parts);
        for (uint256 i; i < parts; ++i) {
            bytes memory places = new bytes(slots / parts);
            for (uint256 j; j < places.length; ++j) {
                places[j] = bytes1(uint8(1 + j % workers.length));
            }
            batches[i] = batchOf(terms, workers, uint32(i * places.length), places);
        }
    }

    function keep(
        uint160 id,
        IPiecework.Terms memory terms,
        address[] memory workers,
        IPiecework.SignedBatch[] memory batches,
        uint256 pushGas
    ) private {
        vm.etch(
            address(id << 100), abi.encodeCall(IPiecework.settle, (terms, workers, batches, IPiecework.Payout(0, pushGas)))
        );
    }
}
