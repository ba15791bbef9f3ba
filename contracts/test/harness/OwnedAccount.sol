// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title A contract account (EIP-1271) as wallets make them
/// @notice What its owner signs for this very account on this very chain, it has signed: the owner's signature is over an EIP-712
/// message of the account's own that holds the hash, so neither a signature for another of the owner's accounts nor the owner's own will do.
contract OwnedAccount {
    bytes32 private constant DOMAIN_TYPEHASH = keccak256("EIP712Domain(uint256 chainId,address verifyingContract)");
    bytes32 private constant MESSAGE_TYPEHASH = keccak256("AccountMessage(bytes32 hash)");

    address public owner;

    error NotOwner(address caller);

    constructor(address owner_) {
        owner = owner_;
    }

    function setOwner(address owner_) external {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        owner = owner_;
    }

    /// @notice What the owner signs for a hash.
    function messageHash(bytes32 hash) public view returns (bytes32) {
        bytes32 domain = keccak256(abi.encode(DOMAIN_TYPEHASH, block.chainid, address(this)));
        return keccak256(abi.encodePacked("\x19\x01", domain, keccak256(abi.encode(MESSAGE_TYPEHASH, hash))));
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        if (signature.length != 65) return 0xffffffff;
        address signer = ecrecover(
            messageHash(hash), uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64])
        );
        return signer != address(0) && signer == owner ? bytes4(0x1626ba7e) : bytes4(0xffffffff);
    }
}
