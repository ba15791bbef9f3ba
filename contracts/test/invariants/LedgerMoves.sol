// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../../src/interfaces/IBooks.sol";
import {IPiecework} from "../../src/interfaces/IPiecework.sol";
import {IRecourse} from "../../src/interfaces/IRecourse.sol";
import {Vm} from "../Base.sol";
import {Ghost} from "./Ghost.sol";

/// @title Moves of the ledger: deposits, withdrawals, tips, operators
abstract contract LedgerMoves is Ghost {
    struct Grant {
        uint256 allowance;
        uint256 expiresAt;
    }

    mapping(uint256 who => mapping(uint256 t => uint64)) private nonces;
    mapping(uint256 who => mapping(uint256 operator => mapping(uint256 t => Grant))) private grants;

    // ------------------------------------------------------------------------------------------------ in

    function deposit(uint256 seed) external move(seed) {
        (uint256 who, uint256 t, uint256 amount) = (draw(PEOPLE), draw(TOKENS), once(12) ? 0 : draw(1e18));
        uint256 value = t == COIN ? amount : 0;
        bool good = mayPull(who, t, amount) && amount != 0;
        bytes memory call;
        if (t == DOLLAR && once(2)) {
            (IBooks.Permit memory permit, bool signed) = drawPermit(who, amount);
            good = (good || signed) && amount != 0;
            call = abi.encodeCall(IPiecework.depositWithPermit, (tokens[t], amount, permit));
        } else {
            if (once(16)) (value, good) = (value + 1, false);
            call = abi.encodeCall(IPiecework.deposit, (tokens[t], amount));
        }
        bool ok = attempt(accounts[who], value, call);
        if (t != FICKLE) must(ok, good, "deposit");
        if (!ok) return;
        ledger[t][who] += amount;
        wallet[t][who] -= amount;
    }

    /// @dev Whether the escrow may take this much from a wallet without another permit. Looked at before the call.
    function mayPull(uint256 who, uint256 t, uint256 amount) internal returns (bool) {
        if (t == DOLLAR) {
            bool none = once(8);
            vm.prank(accounts[who]);
            dollar.approve(address(escrow), none ? 0 : type(uint256).max);
            if (none && amount != 0) return false;
        }
        return amount <= wallet[t][who];
    }

    function drawPermit(uint256 who, uint256 amount) internal returns (IBooks.Permit memory permit, bool good) {
        uint256 key;
        (key, good) = drawKey(who);
        permit.deadline = block.timestamp + draw(100);
        bytes32 kind = keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 message = keccak256(
            abi.encode(kind, accounts[who], address(escrow), amount, dollar.nonces(accounts[who]), permit.deadline)
        );
        (permit.v, permit.r, permit.s) = vm.sign(key, inDollars(message));
    }

    function inDollars(bytes32 message) internal view returns (bytes32) {
        return keccak256(abi.encodePacked("\x19\x01", dollar.DOMAIN_SEPARATOR(), message));
    }

    // ------------------------------------------------------------------------------------------------ out

    function withdraw(uint256 seed) external move(seed) {
        (uint256 who, uint256 t) = (draw(ACCOUNTS), draw(TOKENS));
        uint256 amount = drawOf(ledger[t][who]);
        (address to, uint256 receiver) = drawReceiver();
        bytes memory call = abi.encodeCall(IPiecework.withdraw, (tokens[t], amount, to));
        bool ok = attempt(accounts[who], 0, call);
        bool good = amount != 0 && amount <= ledger[t][who] && receiver != NOBODY && takes(t, receiver);
        if (t != FICKLE) must(ok, good, "withdraw");
        if (!ok) return;
        ledger[t][who] -= amount;
        wallet[t][receiver] += amount;
    }

    function relay(uint256 seed) external move(seed) {
        IBooks.Withdrawal[] memory due = new IBooks.Withdrawal[](1);
        (uint256[] memory fees, bytes[] memory signatures) = (new uint256[](1), new bytes[](1));
        bool good;
        (due[0], fees[0], signatures[0], good) = drawWithdrawal(0);
        (uint256 t, uint256 receiver) = (tokenIndex(due[0].token), indexOf(due[0].receiver));
        uint256 carrier = draw(PEOPLE);
        bytes memory call = abi.encodeCall(IPiecework.withdrawWithSignature, (due[0], fees[0], signatures[0]));
        bool ok = attemptSigned(accounts[carrier], 0, call);
        if (t != FICKLE) {
            good = good && due[0].amount + fees[0] != 0 && isDue(due[0], fees[0]) && takes(t, receiver);
            must(ok, good, "withdrawWithSignature");
        }
        if (ok) carriedOut(due[0], fees[0], carrier);
    }

    /// @dev Up to three in one call, now and then one of them twice: what is void is skipped, and harms no other.
    function relayMany(uint256 seed) external move(seed) {
        uint256 count = draw(3) + 1;
        IBooks.Withdrawal[] memory due = new IBooks.Withdrawal[](count);
        (uint256[] memory fees, bytes[] memory signatures) = (new uint256[](count), new bytes[](count));
        bool[] memory good = new bool[](count);
        for (uint256 i; i < count; ++i) {
            (due[i], fees[i], signatures[i], good[i]) = drawWithdrawal(i);
            if (i != 0 && once(4)) (due[i], fees[i], signatures[i], good[i]) = (due[0], fees[0], signatures[0], good[0]);
        }
        carryMany(due, fees, signatures, good);
        // A second time, what was carried is void; what came too early for its nonce may have its turn.
        if (once(2)) carryMany(due, fees, signatures, good);
    }

    function carryMany(
        IBooks.Withdrawal[] memory due,
        uint256[] memory fees,
        bytes[] memory signatures,
        bool[] memory signed
    ) private {
        uint256 carrier = draw(PEOPLE);
        bytes memory call = abi.encodeCall(IRecourse.withdrawMany, (due, fees, signatures, ENOUGH_TO_PUSH));
        elsewhere(accounts[carrier], 0, call);
        vm.recordLogs();
        must(attempt(accounts[carrier], 0, call), true, "withdrawMany");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < due.length; ++i) {
            bool ok = withdrawnIn(logs, due[i], fees[i]);
            bool good = signed[i] && due[i].amount != 0 && isDue(due[i], fees[i]);
            (uint256 t, uint256 receiver) = (tokenIndex(due[i].token), indexOf(due[i].receiver));
            // What a receiver does with 60,000 gas, and a fickle token, is theirs; they must only not harm the others.
            if (t == FICKLE || (good && receiver >= PEOPLE && receiver != TREASURY)) good = good && ok;
            must(ok, good, "one of withdrawMany");
            if (good) carriedOut(due[i], fees[i], carrier);
        }
    }

    function isDue(IBooks.Withdrawal memory w, uint256 fee) private view returns (bool) {
        (uint256 who, uint256 t) = (indexOf(w.owner), tokenIndex(w.token));
        return indexOf(w.receiver) != NOBODY && w.nonce == nonces[who][t] && w.amount + fee <= ledger[t][who];
    }

    /// @dev Whether the call said that it sent this one next: of two that are alike, the first may have come too early for its nonce,
    /// and only the order of the logs tells which was sent. What is said is used up.
    function withdrawnIn(Vm.Log[] memory logs, IBooks.Withdrawal memory w, uint256 fee) private pure returns (bool) {
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics.length != 3 || logs[i].topics[0] != IBooks.Withdrawn.selector) continue;
            if (logs[i].topics[1] != bytes32(uint256(uint160(w.owner)))) return false;
            if (logs[i].topics[2] != bytes32(uint256(uint160(w.token)))) return false;
            (address to, uint256 amount,, uint256 took) = abi.decode(logs[i].data, (address, uint256, address, uint256));
            if (to != w.receiver || amount != w.amount || took != fee) return false;
            logs[i].topics[0] = 0;
            return true;
        }
        return false;
    }

    function carriedOut(IBooks.Withdrawal memory w, uint256 fee, uint256 carrier) private {
        (uint256 who, uint256 t) = (indexOf(w.owner), tokenIndex(w.token));
        ++nonces[who][t];
        ledger[t][who] -= w.amount + fee;
        ledger[t][carrier] += fee;
        wallet[t][indexOf(w.receiver)] += w.amount;
    }

    /// @dev Good where signature, time and fee are as they must be; nonce and balance may change until it is carried.
    /// @param number tells the fee, and so the log, from those of the others in a call
    function drawWithdrawal(uint256 number)
        private
        returns (IBooks.Withdrawal memory w, uint256 fee, bytes memory signature, bool good)
    {
        (uint256 who, uint256 t) = (draw(PEOPLE), draw(TOKENS));
        (w.owner, w.token, w.amount, w.maxFee) = (accounts[who], tokens[t], drawOf(ledger[t][who]), draw(1000));
        (w.receiver,) = drawReceiver();
        (w.nonce, w.deadline) = (nonces[who][t], uint64(block.timestamp + draw(1000)));
        w.maxFee |= 3;
        fee = once(16) ? w.maxFee + 1 : draw(w.maxFee + 1) / 4 * 4 + number;
        if (once(16)) w.nonce = once(2) ? w.nonce + 1 : w.nonce / 2;
        if (once(16)) w.deadline = uint64(block.timestamp - 1);
        (signature, good) = drawSignature(who, escrow.withdrawalDigest(w));
        if (once(16)) (w.amount, good) = (w.amount + 1, false);
        good = good && fee <= w.maxFee && w.deadline >= block.timestamp;
    }

    /// @dev Usually a part, now and then nothing, everything, or a unit too many.
    function drawOf(uint256 balance) internal returns (uint256) {
        uint256 kind = draw(16);
        return kind == 0 ? 0 : kind == 1 ? balance : kind == 2 ? balance + 1 : draw(balance / 8 + 2);
    }

    /// @dev Usually one of the accounts; else nobody, or the escrow, to which nothing is sent.
    function drawReceiver() internal returns (address to, uint256 index) {
        if (once(16)) return (once(2) ? address(0) : address(escrow), NOBODY);
        index = once(2) ? draw(PEOPLE) : draw(ACCOUNTS);
        to = accounts[index];
    }

    /// @dev Whether an account takes what it is sent with all the gas there is. The thief calls back, and then takes it.
    function takes(uint256 t, uint256 receiver) private pure returns (bool) {
        if (t == COIN) return receiver != REVERTER && receiver != BURNER;
        return t != HOOKED || (receiver != REVERTER && receiver != BURNER && receiver != BOMB);
    }

    function tokenIndex(address token) private view returns (uint256 t) {
        while (tokens[t] != token) ++t;
    }

    // ------------------------------------------------------------------------------------------------ tips and operators

    function tip(uint256 seed) external move(seed) {
        (uint256 who, uint256 t, uint256 count) = (draw(PEOPLE), draw(TOKENS), draw(3) + 1);
        (address[] memory to, uint256[] memory receivers) = (new address[](count), new uint256[](count));
        uint256[] memory amounts = new uint256[](count);
        uint256 total;
        bool good = true;
        for (uint256 i; i < count; ++i) {
            (to[i], receivers[i]) = drawReceiver();
            amounts[i] = once(8) ? 0 : drawOf(ledger[t][who] / 4);
            (total, good) = (total + amounts[i], good && receivers[i] != NOBODY);
        }
        uint256 caller = once(3) ? draw(PEOPLE) : who;
        good = good && total != 0 && total <= ledger[t][who] && maySpend(who, caller, t, total);
        bytes memory call = abi.encodeCall(IRecourse.tip, (accounts[who], tokens[t], to, amounts, "thanks"));
        bool ok = attempt(accounts[caller], 0, call);
        must(ok, good, "tip");
        if (!ok) return;
        spend(who, caller, t, total);
        for (uint256 i; i < count; ++i) {
            ledger[t][receivers[i]] += amounts[i];
        }
    }

    function setOperator(uint256 seed) external move(seed) {
        IBooks.OperatorGrant memory grant = drawGrant();
        bytes memory call =
            abi.encodeCall(IRecourse.setOperator, (grant.operator, grant.token, grant.allowance, grant.expiresAt));
        must(attempt(grant.requester, 0, call), true, "setOperator");
        granted(grant);
    }

    function setOperatorSigned(uint256 seed) external move(seed) {
        IBooks.OperatorGrant memory grant = drawGrant();
        (uint256 who, uint256 t) = (indexOf(grant.requester), tokenIndex(grant.token));
        if (once(16)) grant.nonce = nonces[who][t] + 1;
        if (once(16)) grant.deadline = uint64(block.timestamp - 1);
        (bytes memory signature, bool good) = drawSignature(who, escrow.operatorDigest(grant));
        if (once(16)) (grant.allowance, good) = (grant.allowance + 1, false);
        good = good && grant.nonce == nonces[who][t] && grant.deadline >= block.timestamp;
        bytes memory call = abi.encodeCall(IRecourse.setOperatorWithSignature, (grant, signature));
        bool ok = attemptSigned(accounts[draw(PEOPLE)], 0, call);
        must(ok, good, "setOperatorWithSignature");
        if (!ok) return;
        ++nonces[who][t];
        granted(grant);
    }

    /// @dev Mostly a broad allowance; else a narrow, a short or an ended one.
    function drawGrant() private returns (IBooks.OperatorGrant memory grant) {
        (uint256 who, uint256 t) = (draw(PEOPLE), draw(TOKENS));
        (grant.requester, grant.operator, grant.token) = (accounts[who], accounts[draw(PEOPLE)], tokens[t]);
        grant.allowance = uint192(once(4) ? draw(1e12) : draw(1e22));
        grant.expiresAt = uint64(block.timestamp + draw(once(4) ? 1 days : 90 days));
        if (once(8)) (grant.allowance, grant.expiresAt) = (0, 0);
        (grant.nonce, grant.deadline) = (nonces[who][t], uint64(block.timestamp + draw(1000)));
    }

    function granted(IBooks.OperatorGrant memory grant) private {
        grants[indexOf(grant.requester)][indexOf(grant.operator)][tokenIndex(grant.token)] =
            Grant(grant.allowance, grant.expiresAt);
    }

    /// @dev Whether a caller may spend this of an account's ledger: its own, or what it was granted, until then.
    function maySpend(uint256 who, uint256 caller, uint256 t, uint256 amount) internal view returns (bool) {
        Grant storage grant = grants[who][caller][t];
        return who == caller || (block.timestamp < grant.expiresAt && amount <= grant.allowance);
    }

    function spend(uint256 who, uint256 caller, uint256 t, uint256 amount) internal {
        if (who != caller) grants[who][caller][t].allowance -= amount;
        ledger[t][who] -= amount;
    }
}
