// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Base} from "./Base.sol";

/// @dev Several overlapping batches, with growing tables, holes, unfunded ends and cancelled slots, in one call and in
/// several, against a model that walks them slot by slot: the first batch that names a free slot has it.
contract OverlapTest is Base {
    uint256 private constant WORKERS = 6;
    uint256 private constant WIDEST = 600;

    IBooks.Terms private terms;
    address[] private workers;
    mapping(uint256 slot => uint256 place) private holder;
    uint256[WORKERS + 1] private owed; // slots by place

    /// forge-config: default.fuzz.runs = 160
    function testFuzz_each_slot_goes_to_the_first_batch_that_names_it(
        bytes32 seed,
        uint16 funded,
        uint8 fee,
        bool together,
        bool push
    ) public {
        prepare(uint32(1 + funded % WIDEST), fee % 201);
        IBooks.SignedBatch[] memory batches = new IBooks.SignedBatch[](4);
        for (uint256 i; i < 4; ++i) {
            batches[i] = drawn(seed, i);
        }
        uint256 settled;
        IBooks.Payout memory payout = push ? pushing() : crediting();
        if (together) {
            settled = model(batches, 0, 4);
            if (settled == 0) vm.expectRevert();
            escrow.settle(terms, workers, batches, payout);
        } else {
            for (uint256 i; i < 4; ++i) {
                uint256 more = model(batches, i, i + 1);
                if (more == 0) vm.expectRevert();
                escrow.settle(terms, workers, one(batches[i]), payout);
                settled += more;
            }
        }
        check(settled);
    }

    /// @dev A job that some coordinator batches in any order; the table's third worker is the requester itself.
    function prepare(uint32 funded, uint256 feeBps) private {
        vm.prank(governor);
        escrow.setProtocolFee(uint16(feeBps), governor);
        terms = posted(funded);
        workers = workersFrom(0x9000, WORKERS);
        workers[2] = requester;
    }

    /// @dev Batch i has the first 3 + i workers; all lie within the first 600 slots, many over the edge of a word.
    function drawn(bytes32 seed, uint256 i) private view returns (IBooks.SignedBatch memory) {
        uint256 word = uint256(keccak256(abi.encode(seed, i)));
        address[] memory roster = new address[](i + 3 < WORKERS ? i + 3 : WORKERS);
        for (uint256 place; place < roster.length; ++place) {
            roster[place] = workers[place];
        }
        bytes memory places = new bytes(word % 150);
        for (uint256 j; j < places.length; ++j) {
            uint256 dice = uint256(keccak256(abi.encode(word, j / 2)));
            if (dice % 4 != 0) places[j] = bytes1(uint8(1 + (dice >> 8) % roster.length));
        }
        return batchOf(terms, roster, uint32((word >> 16) % 450), places);
    }

    function model(IBooks.SignedBatch[] memory batches, uint256 from, uint256 to) private returns (uint256 took) {
        uint256 funded = escrow.jobOf(escrow.jobId(terms)).funded;
        for (uint256 i = from; i < to; ++i) {
            for (uint256 j; j < batches[i].places.length; ++j) {
                uint256 slot = batches[i].firstSlot + j;
                uint256 place = uint8(batches[i].places[j]);
                if (place == 0 || slot >= funded || holder[slot] != 0) continue;
                holder[slot] = place;
                ++owed[place];
                ++took;
            }
        }
    }

    function check(uint256 settled) private view {
        uint256 paid;
        for (uint256 place = 1; place <= WORKERS; ++place) {
            address worker = workers[place - 1];
            uint256 earned = dollar.balanceOf(worker) + escrow.balanceOf(worker, address(dollar));
            if (worker == requester) {
                assertEq(escrow.balanceOf(worker, address(dollar)), price(terms, owed[place]), "cancelled");
            } else {
                assertEq(earned, owed[place] * terms.reward, "earned");
                paid += owed[place];
            }
        }
        assertEq(escrow.balanceOf(governor, address(dollar)), paid * terms.fee, "fee");
        bytes32 job = escrow.jobId(terms);
        IBooks.Job memory state = escrow.jobOf(job);
        assertEq(state.taken, settled, "taken");
        assertEq(state.resolved, settled, "resolved");
        for (uint256 slot; slot < WIDEST; ++slot) {
            bool taken = escrow.takenWord(job, slot / 256) >> (255 - slot % 256) & 1 != 0;
            if (taken != (holder[slot] != 0)) assertTrue(false, "bit");
        }
    }
}
