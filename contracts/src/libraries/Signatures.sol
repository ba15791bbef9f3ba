// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title Who signed a digest
/// @dev High `s` is refused by OpenZeppelin's ECDSA, and a failed recovery is never the zero address's signature.
library Signatures {
    /// @notice Whether `signer`'s key signed, whatever code its account has: a coordinator that delegates by EIP-7702
    /// can't take a receipt back.
    function signedByKey(address signer, bytes32 digest, bytes32 r, bytes32 vs) internal pure returns (bool) {
        (address recovered, ECDSA.RecoverError err,) = ECDSA.tryRecover(digest, r, vs);
        return err == ECDSA.RecoverError.NoError && recovered == signer && signer != address(0);
    }

    /// @notice Whether `signer` signed, by its key (64 or 65 bytes) or, where it has code, as EIP-1271 says today.
    function signedBy(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        return signedBy(signer, digest, signature, gasleft());
    }

    /// @notice `signedBy`, where a signer with code gets at most `gasLimit` gas to say so.
    function signedBy(address signer, bytes32 digest, bytes calldata signature, uint256 gasLimit)
        internal
        view
        returns (bool)
    {
        if (signer == address(0)) return false;
        if (signature.length == 64) {
            if (signedByKey(signer, digest, bytes32(signature[:32]), bytes32(signature[32:]))) return true;
        } else if (signature.length == 65) {
            (address recovered, ECDSA.RecoverError err,) = ECDSA.tryRecover(
                digest, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64])
            );
            if (err == ECDSA.RecoverError.NoError && recovered == signer) return true;
        }
        return signer.code.length != 0 && confirmedBy(signer, digest, signature, gasLimit);
    }

    /// @dev Whether a contract answers EIP-1271's magic value, a whole word of it; no more of its answer is copied.
    function confirmedBy(address signer, bytes32 digest, bytes calldata signature, uint256 gasLimit)
        private
        view
        returns (bool confirmed)
    {
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bytes32 yes = IERC1271.isValidSignature.selector;
        assembly ("memory-safe") {
            confirmed := staticcall(gasLimit, signer, add(question, 0x20), mload(question), 0x00, 0x20)
            confirmed := and(confirmed, and(gt(returndatasize(), 0x1f), eq(mload(0x00), yes)))
        }
    }
}
