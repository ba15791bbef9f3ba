// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../../src/interfaces/IBooks.sol";
import {Base, IDollar} from "../Base.sol";

/// @title What the tests of everyday money share: balances, and what people sign about them
abstract contract Everyday is Base {
    address internal receiver = address(0xEEE);

    /// @dev Money from outside, in the account's ledger balance.
    function deposited(address account, address token, uint256 amount) internal {
        if (token == address(0)) {
            vm.deal(account, account.balance + amount);
            vm.prank(account);
            return escrow.deposit{value: amount}(token, amount);
        }
        IDollar(token).mint(account, amount);
        if (token == address(dollar) && dollar.allowance(account, address(escrow)) < amount) allow(account, amount);
        vm.prank(account);
        escrow.deposit(token, amount);
    }

    /// @dev What the escrow may take from the account's wallet from now on.
    function allow(address account, uint256 amount) internal {
        vm.prank(account);
        dollar.approve(address(escrow), amount);
    }

    // ------------------------------------------------------------------------------------------------ signed for the token

    /// @dev A permit of the requester's dollars for the escrow, signed by any key.
    function permitOf(uint256 key, uint256 value, uint256 deadline) internal view returns (IBooks.Permit memory) {
        bytes32 kind = keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 message = keccak256(
            abi.encode(kind, requester, address(escrow), value, dollar.nonces(requester), deadline)
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, inDollars(message));
        return IBooks.Permit(deadline, v, r, s);
    }

    /// @dev An authorization of the requester's dollars for the escrow, for all times, signed by any key.
    function authorizationOf(uint256 key, uint256 value, bytes32 nonce)
        internal
        view
        returns (IBooks.Authorization memory)
    {
        return authorizationOf(key, value, nonce, 0, type(uint256).max);
    }

    function authorizationOf(uint256 key, uint256 value, bytes32 nonce, uint256 validAfter, uint256 validBefore)
        internal
        view
        returns (IBooks.Authorization memory)
    {
        bytes32 kind = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        bytes32 message =
            keccak256(abi.encode(kind, requester, address(escrow), value, validAfter, validBefore, nonce));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, inDollars(message));
        return IBooks.Authorization(validAfter, validBefore, v, r, s);
    }

    function inDollars(bytes32 message) private view returns (bytes32) {
        return keccak256(abi.encodePacked("\x19\x01", dollar.DOMAIN_SEPARATOR(), message));
    }

    // ------------------------------------------------------------------------------------------------ signed for the escrow

    /// @dev 60 of the requester's dollars for the receiver, and at most 5 for who carries it.
    function withdrawal() internal view returns (IBooks.Withdrawal memory) {
        return IBooks.Withdrawal(requester, address(dollar), receiver, 60, 5, 0, uint64(block.timestamp + 1 hours));
    }

    function signed(IBooks.Withdrawal memory w, uint256 key) internal view returns (bytes memory) {
        return sign(key, escrow.withdrawalDigest(w));
    }

    /// @dev The operator's leave to spend some of the requester's dollars for a day.
    function grantOf(uint192 allowance) internal view returns (IBooks.OperatorGrant memory) {
        (uint64 expiresAt, uint64 deadline) = (uint64(block.timestamp + 1 days), uint64(block.timestamp + 1 hours));
        return IBooks.OperatorGrant(requester, operator, address(dollar), allowance, expiresAt, 0, deadline);
    }

    function signed(IBooks.OperatorGrant memory grant, uint256 key) internal view returns (bytes memory) {
        return sign(key, escrow.operatorDigest(grant));
    }

    /// @dev The operator's leave, given by the requester itself.
    function granted(uint192 allowance) internal {
        vm.prank(requester);
        escrow.setOperator(operator, address(dollar), allowance, uint64(block.timestamp + 1 days));
    }

    function assertAllowance(uint256 allowance, string memory what) internal view {
        (uint192 left,) = escrow.operatorOf(requester, operator, address(dollar));
        assertEq(left, allowance, what);
    }

    function notAuthorized(uint256 allowance) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IBooks.CallerNotAuthorized.selector, requester, allowance);
    }
}
