// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "./IBooks.sol";

/// @title The Piecework escrow when somebody stays silent or disagrees
/// @notice Openings, contests and appeals; operators, tips, withdrawals of many. The same address answers to `IPiecework` too.
interface IRecourse is IBooks {
    /// @notice Before `closesAt`, puts batches signed by the coordinator on the chain: their free slots are taken for their
    /// workers, and the review window begins. The caller is the coordinator; or one worker, whom `place` of each batch names; or
    /// carries that worker's signature of `openRequestDigest`. A batch of which nothing is free any more, or nothing of the
    /// worker's that opens it, is left out.
    /// @return ids of the openings, 0 for a batch that was left out
    function open(Terms calldata terms, OpenedBatch[] calldata batches, bytes calldata signature)
        external
        returns (bytes32[] memory ids);

    /// @notice After the review window pays every slot of an opening that isn't contested; before it, with an approval of the
    /// batch over `slots` slots (at least as many as are paid now; where a batch was opened in several pieces, of each).
    function finalize(
        Terms calldata terms,
        Opening calldata opening,
        uint256 slots,
        bytes calldata approval,
        Payout calldata payout
    ) external;

    /// @notice Within the review window, contests the slots that `places` names (a copy of the opening's with 0 elsewhere), at
    /// the deposit of the terms for each, from the requester's balance. The caller is the requester or the terms' operator.
    function contest(Terms calldata terms, Opening calldata opening, bytes calldata places, bytes32 reason) external;

    /// @notice After the review window and within the appeal window, appeals every contested slot that the worker at
    /// `placeOf[i]` of `openings[i]` holds, for one stake from the caller's balance. The caller is the worker, or carries its
    /// signature of `appealRequestDigest`.
    /// @return appeal the id of the appeal
    function appeal(
        Terms calldata terms,
        Opening[] calldata openings,
        uint256[] calldata placeOf,
        bytes calldata signature
    ) external returns (bytes32 appeal);

    /// @notice After the appeal window, gives contested slots that nobody appealed back to the requester, with their deposits.
    function reclaim(Terms calldata terms, Opening calldata opening) external;

    /// @notice Gives in: credits the contested slots of an opening that nobody appealed or reclaimed to their workers, with their
    /// deposits. The caller is the requester or the terms' operator, or carries an approval of the batch over `slots` slots (at
    /// least as many as the opening took): an approval is worth as much after a contest as before it, and one of only those slots
    /// that aren't contested is no word for the others.
    function concede(Terms calldata terms, Opening calldata opening, uint256 slots, bytes calldata approval) external;

    /// @notice Within one more appeal window, pays the arbitrator's price of the day and begins the dispute. The caller is the
    /// requester or the terms' operator; what it sends over the price is credited to it. `metaEvidence` (ERC-1497) is the address of
    /// what the arbitrator's people should read first; the terms bind, whatever it says.
    function defend(Terms calldata terms, Appeal calldata appeal_, string calldata metaEvidence) external payable;

    /// @notice Ends an appeal: as ruled; or for the worker, where the requester didn't defend it, the arbitrator didn't rule
    /// within 180 days, or the caller is the requester or the terms' operator, who may give in until there is a ruling.
    function conclude(Terms calldata terms, Appeal calldata appeal_) external;

    /// @notice Shows evidence in a defended appeal (ERC-1497), as an address of its content.
    function submitEvidence(bytes32 appeal_, string calldata evidence) external;

    /// @notice When an opening was made (0: never), and whether it was finalized.
    function openingOf(bytes32 opening) external view returns (uint64 openedAt, bool finalized);

    /// @notice Where an appeal stands, since when, and how it was ruled.
    function appealOf(bytes32 appeal_) external view returns (Phase phase, uint64 since, uint8 ruling);

    function openingId(bytes32 job, Opening calldata opening) external view returns (bytes32);

    function appealId(bytes32 job, Appeal calldata appeal_) external view returns (bytes32);

    /// @notice The digest that a worker signs to have batches opened by somebody else.
    /// @param batches keccak256 of the batches' digests, one behind the other
    function openRequestDigest(bytes32 batches) external view returns (bytes32);

    /// @notice The digest that a worker signs to have its slots of some openings appealed at somebody else's stake.
    function appealRequestDigest(bytes32[] calldata openings, uint256[] calldata placeOf)
        external
        view
        returns (bytes32);

    /// @notice Sets what `operator` may lock, contest and tip with from the caller's balance, in all, until `expiresAt`.
    /// Zero ends it at once. A grant that the caller signed and nobody carried yet is not ended by this, but by its nonce: by carrying
    /// another one, of zero.
    function setOperator(address operator, address token, uint192 allowance, uint64 expiresAt) external;

    /// @notice `setOperator` as its requester signed it, carried by anyone.
    function setOperatorWithSignature(OperatorGrant calldata grant, bytes calldata signature) external;

    /// @notice What `operator` may still spend of the requester's balance, and until when.
    function operatorOf(address requester, address operator, address token)
        external
        view
        returns (uint192 allowance, uint64 expiresAt);

    /// @notice The digest that a requester signs to set an operator.
    function operatorDigest(OperatorGrant calldata grant) external view returns (bytes32);

    /// @notice Moves amounts from one ledger balance to others, without a fee. `from` is the caller, or has given the caller
    /// an allowance. `note` says what for.
    function tip(
        address from,
        address token,
        address[] calldata receivers,
        uint256[] calldata amounts,
        bytes32 note
    ) external;

    /// @notice Carries many signed withdrawals. One that is out of date, used, or not covered is skipped, and so is one whose
    /// transfer fails with `pushGas` gas, or whose owner has code and doesn't confirm with as much; it stays valid.
    /// @return carried how many were sent
    function withdrawMany(
        Withdrawal[] calldata withdrawals,
        uint256[] calldata fees,
        bytes[] calldata signatures,
        uint256 pushGas
    ) external returns (uint256 carried);
}
