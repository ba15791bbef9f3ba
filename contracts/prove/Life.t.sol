// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {Proof} from "./Proof.sol";

/// @dev Conservation and single payment over the life of a job of two slots and two workers, on the shipped code: any reward and
/// funds below 2^96, any signatures, each slot anybody's or nobody's, pushed or credited. After every call the escrow's coins are
/// the sum of all ledgers and of what the job still locks; the same batch once more is refused; each worker has its reward once a
/// slot; and at the end nothing is locked.
contract LifeProof is Proof {
    address private constant COIN = address(0);
    address private constant REQUESTER = address(0xA1);
    address private constant COORDINATOR = address(0xC0);
    address private constant TREASURY = address(0x60);
    address private constant STRANGER = address(0x57A);
    address private constant ONE = address(0xB1);
    address private constant TWO = address(0xB2);

    IPiecework private escrow;
    IBooks.Terms private job;

    function setUp() public {
        vm.warp(1_700_000_000);
        escrow = IPiecework(create("Piecework.sol:Piecework", abi.encode(TREASURY)));
    }

    // ------------------------------------------------------------------------------------------------ lives

    /// @dev No protocol fee, because a division of what is any number is more than the prover carries.
    function check_settle_twice_and_close(uint96 reward, uint96 funds, uint8 a, uint8 b, bytes32 r, bytes32 vs, bool push)
        external
    {
        begin(reward, funds);
        settleTwice(reward, a, b, r, vs, push);
        end();
    }

    function settleTwice(uint256 reward, uint8 a, uint8 b, bytes32 r, bytes32 vs, bool push) private {
        IBooks.SignedBatch[] memory batches = new IBooks.SignedBatch[](1);
        batches[0] = IBooks.SignedBatch(0, 2, bytes.concat(place(a), place(b)), "", r, vs, "");
        IBooks.Payout memory payout = IBooks.Payout(0, push ? 60_000 : 0);
        vm.prank(REQUESTER);
        escrow.settle(job, workers(), batches, payout);
        conserved();
        vm.prank(REQUESTER);
        try escrow.settle(job, workers(), batches, payout) {
            assert(false);
        } catch {}
        assert(worth(ONE) == shares(a, b, 1) * reward && worth(TWO) == shares(a, b, 2) * reward);
    }

    // ------------------------------------------------------------------------------------------------ steps

    /// @dev A job of two slots, paid from what the requester has deposited.
    function begin(uint96 reward, uint96 funds) private {
        vm.deal(REQUESTER, funds);
        vm.prank(REQUESTER);
        escrow.deposit{value: funds}(COIN, funds);
        job.requester = REQUESTER;
        job.reward = reward;
        job.coordinator = COORDINATOR;
        (job.closesAt, job.reviewWindow, job.appealWindow) = (uint64(block.timestamp + 7 days), 1 days, 2 days);
        vm.prank(REQUESTER);
        escrow.post(job, 2, IBooks.Source.Ledger);
        conserved();
    }

    /// @dev Everything ends in ledgers and wallets, whatever happened.
    function end() private {
        vm.warp(job.closesAt);
        escrow.close(job);
        conserved();
        IBooks.Job memory state = escrow.jobOf(escrow.jobId(job));
        assert(state.taken == state.funded && state.resolved == state.funded);
    }

    // ------------------------------------------------------------------------------------------------ what must hold

    function conserved() private view {
        IBooks.Job memory state = escrow.jobOf(escrow.jobId(job));
        assert(state.resolved <= state.taken && state.taken <= state.funded);
        uint256 locked = uint256(state.funded - state.resolved) * (uint256(job.reward) + job.fee);
        uint256 ledgers = ledger(REQUESTER) + ledger(TREASURY) + ledger(ONE) + ledger(TWO) + ledger(STRANGER);
        assert(address(escrow).balance == ledgers + locked);
    }

    function ledger(address account) private view returns (uint256) {
        return escrow.balanceOf(account, COIN);
    }

    /// @dev What somebody has, in its wallet or in its ledger.
    function worth(address account) private view returns (uint256) {
        return account.balance + ledger(account);
    }

    function shares(uint8 a, uint8 b, uint8 worker) private pure returns (uint256) {
        return (a == worker ? 1 : 0) + (b == worker ? 1 : 0);
    }

    function workers() private pure returns (address[] memory table) {
        table = new address[](2);
        (table[0], table[1]) = (ONE, TWO);
    }
}
