// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../../src/interfaces/IBooks.sol";
import {IArbitrable} from "../../src/interfaces/IArbitrator.sol";
import {IPiecework} from "../../src/interfaces/IPiecework.sol";
import {IRecourse} from "../../src/interfaces/IRecourse.sol";

/// @title Every call of the escrow that writes, so that a thief may try them all on its way in
library Calls {
    function locked(IBooks.Terms memory terms) internal pure returns (bytes[26] memory calls) {
        (bytes[13] memory everyday, bytes[13] memory recourse) = (ofPiecework(terms), ofRecourse(terms));
        for (uint256 i; i < 26; ++i) {
            calls[i] = i < 13 ? everyday[i] : recourse[i - 13];
        }
    }

    function ofPiecework(IBooks.Terms memory terms) private pure returns (bytes[13] memory calls) {
        IBooks.Permit memory permit;
        IBooks.Authorization memory authorization;
        IBooks.Withdrawal memory withdrawal;
        IBooks.Payout memory payout;
        calls[0] = abi.encodeCall(IPiecework.deposit, (address(0), 1));
        calls[1] = abi.encodeCall(IPiecework.depositWithPermit, (terms.token, 1, permit));
        calls[2] = abi.encodeCall(IPiecework.withdraw, (address(0), 1, terms.requester));
        calls[3] = abi.encodeCall(IPiecework.withdrawWithSignature, (withdrawal, 0, ""));
        calls[4] = abi.encodeCall(IPiecework.post, (terms, 1, IBooks.Source.Ledger));
        calls[5] = abi.encodeCall(IPiecework.postWithPermit, (terms, 1, permit));
        calls[6] = abi.encodeCall(IPiecework.postWithAuthorization, (terms, 1, authorization));
        calls[7] = abi.encodeCall(IPiecework.fund, (terms, 0, 1, 0, IBooks.Source.Ledger));
        calls[8] = abi.encodeCall(IPiecework.fundWithPermit, (terms, 0, 1, 0, permit));
        calls[9] = abi.encodeCall(IPiecework.fundWithAuthorization, (terms, 0, 1, 0, authorization));
        calls[10] = abi.encodeCall(IPiecework.close, (terms));
        calls[11] = abi.encodeCall(IPiecework.settle, (terms, new address[](0), new IBooks.SignedBatch[](0), payout));
        calls[12] = abi.encodeCall(IPiecework.setProtocolFee, (0, terms.requester));
    }

    function ofRecourse(IBooks.Terms memory terms) private pure returns (bytes[13] memory calls) {
        IBooks.Opening memory opening;
        IBooks.Appeal memory entry;
        IBooks.Payout memory payout;
        IBooks.OperatorGrant memory grant;
        uint256[] memory none = new uint256[](0);
        calls[0] = abi.encodeCall(IRecourse.open, (terms, new IBooks.OpenedBatch[](0), ""));
        calls[1] = abi.encodeCall(IRecourse.finalize, (terms, opening, 0, "", payout));
        calls[2] = abi.encodeCall(IRecourse.contest, (terms, opening, "", 0));
        calls[3] = abi.encodeCall(IRecourse.reclaim, (terms, opening));
        calls[4] = abi.encodeCall(IRecourse.appeal, (terms, new IBooks.Opening[](0), none, ""));
        calls[5] = abi.encodeCall(IRecourse.defend, (terms, entry, ""));
        calls[6] = abi.encodeCall(IArbitrable.rule, (0, 0));
        calls[7] = abi.encodeCall(IRecourse.conclude, (terms, entry));
        calls[8] = abi.encodeCall(IRecourse.setOperator, (terms.requester, address(0), 1, 1));
        calls[9] = abi.encodeCall(IRecourse.setOperatorWithSignature, (grant, ""));
        calls[10] = abi.encodeCall(IRecourse.tip, (terms.requester, address(0), new address[](0), none, 0));
        calls[11] =
            abi.encodeCall(IRecourse.withdrawMany, (new IBooks.Withdrawal[](0), none, new bytes[](0), 0));
        calls[12] = abi.encodeCall(IRecourse.concede, (terms, opening, 0, ""));
    }
}
