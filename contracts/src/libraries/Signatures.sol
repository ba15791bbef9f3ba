// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureCheckerLib} from "solady/src/utils/SignatureCheckerLib.sol";

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
        if (signer == address(0)) return false;
        if (signature.length == 64) {
            if (signedByKey(signer, digest, bytes32(signature[:32]), bytes32(signature[32:]))) return true;
        } else if (signature.length == 65) {
            (address recovered, ECDSA.RecoverError err,) = ECDSA.tryRecover(
                digest, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64])
            );
            if (err == ECDSA.RecoverError.NoError && recovered == signer) return true;
        }
        if (signer.code.length == 0) return false;
        return SignatureCheckerLib.isValidERC1271SignatureNowCalldata(signer, digest, signature);
    }
}
