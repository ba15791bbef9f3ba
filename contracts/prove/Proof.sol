// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @dev The cheat codes of the prover that these proofs use.
interface Vm {
    function assume(bool condition) external pure;
    function getCode(string calldata artifact) external returns (bytes memory);
    function prank(address caller) external;
    function deal(address account, uint256 amount) external;
    function setArbitraryStorage(address account) external;
    function warp(uint256 timestamp) external;
}

/// @title What every proof stands on
/// @dev A proof is a function that begins with `check_`; its arguments are any values at all. What it proves is that no `assert`
/// in it can fail on any path. A path that reverts proves nothing, so each proof of a call that must succeed says so.
abstract contract Proof {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @dev The shipped code (via IR, optimised), not a compilation of the proof's own.
    function create(string memory artifact, bytes memory arguments) internal returns (address made) {
        bytes memory code = bytes.concat(vm.getCode(artifact), arguments);
        assembly ("memory-safe") {
            made := create(0, add(code, 0x20), mload(code))
        }
        require(made != address(0), "not created");
    }

    /// @dev Memory can't be written at a place that is any number, so the paths part here.
    function place(uint8 any) internal pure returns (bytes1) {
        if (any == 0) return 0x00;
        if (any == 1) return 0x01;
        vm.assume(any == 2);
        return 0x02;
    }
}
