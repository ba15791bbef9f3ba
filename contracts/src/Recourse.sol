// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Appeals} from "./Appeals.sol";
import {IRecourse} from "./interfaces/IRecourse.sol";
import {Push} from "./libraries/Push.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {TypedData} from "./libraries/TypedData.sol";

/// @title Recourse: openings, contests, appeals; operators, tips, withdrawals of many
/// @notice Code that `Piecework` runs on its own state; called directly it has no money and no jobs.
contract Recourse is Appeals {
    using TypedData for *;

    // ------------------------------------------------------------------------------------------------ operators and tips

    /// @inheritdoc IRecourse
    function setOperator(address operator, address token, uint192 allowance, uint64 expiresAt) external lock {
        writeOperator(msg.sender, operator, token, allowance, expiresAt);
    }

    /// @inheritdoc IRecourse
    function setOperatorWithSignature(OperatorGrant calldata grant, bytes calldata signature) external lock {
        if (block.timestamp > grant.deadline) revert DeadlinePassed(grant.deadline);
        useNonce(grant.requester, grant.token, grant.nonce);
        requireSignedBy(grant.requester, _hashTypedData(grant.hash()), signature);
        writeOperator(grant.requester, grant.operator, grant.token, grant.allowance, grant.expiresAt);
    }

    /// @inheritdoc IRecourse
    function operatorOf(address requester, address operator, address token) external view returns (uint192, uint64) {
        Operator storage entry = operators[requester][operator][token];
        return (entry.allowance, entry.expiresAt);
    }

    function writeOperator(address requester, address operator, address token, uint192 allowance, uint64 expiresAt)
        private
    {
        operators[requester][operator][token] = Operator(allowance, expiresAt);
        emit OperatorSet(requester, operator, token, allowance, expiresAt);
    }

    /// @inheritdoc IRecourse
    function operatorDigest(OperatorGrant calldata grant) external view returns (bytes32) {
        return _hashTypedData(grant.hash());
    }

    /// @inheritdoc IRecourse
    function tip(address from, address token, address[] calldata receivers, uint256[] calldata amounts, bytes32 note)
        external
        lock
    {
        if (receivers.length != amounts.length) revert LengthsDiffer();
        uint256 total;
        for (uint256 i; i < receivers.length; ++i) total += amounts[i];
        if (from != msg.sender) spendAllowance(from, token, total);
        debit(from, token, total);
        for (uint256 i; i < receivers.length; ++i) {
            if (receivers[i] == address(0) || receivers[i] == address(this)) revert AddressInvalid(receivers[i]);
            credit(receivers[i], token, amounts[i]);
        }
        emit Tipped(from, token, note, receivers, amounts);
    }

    // ------------------------------------------------------------------------------------------------ withdrawals of many

    /// @inheritdoc IRecourse
    function withdrawMany(
        Withdrawal[] calldata withdrawals,
        uint256[] calldata fees,
        bytes[] calldata signatures,
        uint256 pushGas
    ) external lock returns (uint256 carried) {
        if (fees.length != withdrawals.length || signatures.length != withdrawals.length) revert LengthsDiffer();
        uint256 needed = Push.gasFor(pushGas);
        for (uint256 i; i < withdrawals.length; ++i) {
            if (gasleft() < needed) revert GasTooLow(needed);
            if (!isDue(withdrawals[i], fees[i], signatures[i], pushGas)) continue;
            if (carry(withdrawals[i], fees[i], pushGas, needed)) ++carried;
        }
    }

    /// @dev An owner with code gets no more gas to confirm than a push: it would burn what the others need.
    function isDue(Withdrawal calldata withdrawal, uint256 fee, bytes calldata signature, uint256 gasLimit)
        private
        view
        returns (bool)
    {
        Account storage account = accounts[withdrawal.owner][withdrawal.token];
        return block.timestamp <= withdrawal.deadline && fee <= withdrawal.maxFee && withdrawal.nonce == account.nonce
            && withdrawal.amount != 0 && withdrawal.amount <= account.balance
            && fee <= account.balance - withdrawal.amount && withdrawal.receiver != address(0)
            && withdrawal.receiver != address(this)
            && fee <= type(uint192).max - accounts[msg.sender][withdrawal.token].balance
            && Signatures.signedBy(withdrawal.owner, _hashTypedData(withdrawal.hash()), signature, gasLimit);
    }

    /// @dev Sends one withdrawal, or leaves it as valid as it was.
    function carry(Withdrawal calldata withdrawal, uint256 fee, uint256 pushGas, uint256 needed)
        private
        returns (bool sent)
    {
        Account storage account = accounts[withdrawal.owner][withdrawal.token];
        ++account.nonce;
        takeOut(withdrawal, fee);
        sent = Push.tryPush(withdrawal.token, withdrawal.receiver, withdrawal.amount, pushGas, needed);
        if (sent) {
            emit Withdrawn(withdrawal.owner, withdrawal.token, withdrawal.receiver, withdrawal.amount, msg.sender, fee);
        } else {
            --account.nonce;
            if (fee != 0) debit(msg.sender, withdrawal.token, fee);
            credit(withdrawal.owner, withdrawal.token, withdrawal.amount + fee);
        }
    }
}
