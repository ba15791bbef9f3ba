// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {Proof} from "./Proof.sol";

/// @dev Conservation, authority and replay of what moves one account's money, on the shipped code and from any state at all: every
/// word of the escrow's storage is any number when the call comes. What is proved of one call thus holds after every history.
contract LedgerProof is Proof {
    address private constant COIN = address(0);
    address private constant RECEIVER = address(0xCAFE);
    IPiecework private escrow;

    function setUp() public {
        escrow = IPiecework(create("Piecework.sol:Piecework", abi.encode(address(0x60))));
    }

    /// @dev Any state, caller, other account and amount.
    function check_deposit(address caller, address other, uint256 amount, uint96 held) external {
        start(caller, held);
        vm.assume(other != caller);
        (uint256 mine, uint256 theirs) = (escrow.balanceOf(caller, COIN), escrow.balanceOf(other, COIN));
        vm.deal(caller, amount);
        vm.prank(caller);
        escrow.deposit{value: amount}(COIN, amount);
        assert(escrow.balanceOf(caller, COIN) == mine + amount);
        assert(escrow.balanceOf(other, COIN) == theirs);
        assert(address(escrow).balance == uint256(held) + amount);
    }

    /// @dev Any state, caller, other account, amount and token of the other account's.
    function check_withdraw(address caller, address other, address token, uint256 amount, uint96 held) external {
        start(caller, held);
        vm.assume(other != caller || token != COIN);
        (uint256 mine, uint256 theirs) = (escrow.balanceOf(caller, COIN), escrow.balanceOf(other, token));
        vm.prank(caller);
        escrow.withdraw(COIN, amount, RECEIVER);
        assert(amount <= mine && amount != 0);
        assert(escrow.balanceOf(caller, COIN) == mine - amount);
        assert(escrow.balanceOf(other, token) == theirs);
        assert(address(escrow).balance == held - amount && RECEIVER.balance == amount);
    }

    /// @dev Any state, relayer, withdrawal, fee and 65 bytes of signature: money moves only if these bytes are the owner's signature of
    /// just this withdrawal, by its nonce, and in time; then the owner has amount and fee less, the relayer the fee more, and
    /// nobody else anything else.
    function check_relayed_withdrawal(
        IBooks.Withdrawal memory w,
        address relayer,
        address other,
        uint256 fee,
        bytes32 r,
        bytes32 s,
        uint8 v,
        uint96 held
    ) external {
        start(relayer, held);
        (w.token, w.receiver) = (COIN, RECEIVER);
        vm.assume(w.owner.code.length == 0 && w.owner != relayer && other != w.owner && other != relayer);
        uint256[3] memory before = balances(w.owner, relayer, other);
        uint64 nonce = escrow.nonceOf(w.owner, COIN);
        bytes32 digest = escrow.withdrawalDigest(w);
        vm.prank(relayer);
        escrow.withdrawWithSignature(w, fee, abi.encodePacked(r, s, v));
        assert(ecrecover(digest, v, r, s) == w.owner && w.owner != address(0));
        assert(w.nonce == nonce && escrow.nonceOf(w.owner, COIN) == nonce + 1);
        assert(block.timestamp <= w.deadline && fee <= w.maxFee);
        uint256[3] memory now_ = balances(w.owner, relayer, other);
        assert(now_[0] == before[0] - w.amount - fee && now_[1] == before[1] + fee && now_[2] == before[2]);
        assert(address(escrow).balance == held - w.amount);
    }

    /// @dev Any state, withdrawal and signature: what was relayed once is refused the second time, whoever brings it.
    function check_a_withdrawal_is_relayed_once(
        IBooks.Withdrawal memory w,
        address relayer,
        address again,
        bytes32 r,
        bytes32 s,
        uint8 v,
        uint96 held
    ) external {
        start(relayer, held);
        (w.token, w.receiver) = (COIN, RECEIVER);
        vm.assume(w.owner.code.length == 0 && again != address(escrow));
        bytes memory signature = abi.encodePacked(r, s, v);
        vm.prank(relayer);
        escrow.withdrawWithSignature(w, 0, signature);
        vm.prank(again);
        try escrow.withdrawWithSignature(w, 0, signature) {
            assert(false);
        } catch {}
    }

    /// @dev Any storage; `held` coins at the escrow; a caller that isn't one of the contracts here.
    function start(address caller, uint256 held) private {
        vm.setArbitraryStorage(address(escrow));
        vm.deal(address(escrow), held);
        vm.assume(caller != address(escrow) && caller != address(this) && caller != address(vm) && caller != RECEIVER);
    }

    function balances(address a, address b, address c) private view returns (uint256[3] memory) {
        return [escrow.balanceOf(a, COIN), escrow.balanceOf(b, COIN), escrow.balanceOf(c, COIN)];
    }
}
