// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {Base, IEscrow} from "./Base.sol";

/// @dev The escrow against tests/vectors/typed_data.json, which eth-account made. Each vector has a chain and an escrow of
/// its own: the escrow's code is laid down there, so whole digests are compared, domain included, as after a fork.
contract VectorsTest is Base {
    string private json;
    bytes private code;

    function setUp() public override {
        super.setUp();
        json = vm.readFile("tests/vectors/typed_data.json");
        code = address(escrow).code;
    }

    function test_job_ids() public {
        uint256 i;
        for (; has("terms", i); ++i) {
            (string memory where, IEscrow there) = open("terms", i);
            IPiecework.Terms memory terms = readTerms(where);
            assertEq(there.jobId(terms), digest("terms", i), where);
        }
        assertTrue(i != 0, "there are some");
    }

    function test_batch_digests() public {
        uint256 i;
        for (; has("batches", i); ++i) {
            (string memory where, IEscrow there) = open("batches", i);
            bytes32 found = there.batchDigest(
                vm.parseJsonBytes32(json, join(where, "job")),
                vm.parseJsonUint(json, join(where, "firstSlot")),
                vm.parseJsonAddressArray(json, join(where, "workers")),
                vm.parseJsonBytes(json, join(where, "places")),
                vm.parseJsonBytes32(json, join(where, "answerRoot"))
            );
            assertEq(found, digest("batches", i), where);
        }
        assertTrue(i != 0, "there are some");
    }

    function test_approval_digests() public {
        uint256 i;
        for (; has("approvals", i); ++i) {
            (string memory where, IEscrow there) = open("approvals", i);
            bytes32 found = there.approvalDigest(
                vm.parseJsonBytes32(json, join(where, "batch")),
                vm.parseJsonUint(json, join(where, "slots")),
                vm.parseJsonUint(json, join(where, "amount"))
            );
            assertEq(found, digest("approvals", i), where);
        }
        assertTrue(i != 0, "there are some");
    }

    function test_withdrawal_digests() public {
        uint256 i;
        for (; has("withdrawals", i); ++i) {
            (string memory where, IEscrow there) = open("withdrawals", i);
            IPiecework.Withdrawal memory w;
            w.owner = vm.parseJsonAddress(json, join(where, "owner"));
            w.token = vm.parseJsonAddress(json, join(where, "token"));
            w.receiver = vm.parseJsonAddress(json, join(where, "receiver"));
            w.amount = vm.parseJsonUint(json, join(where, "amount"));
            w.maxFee = vm.parseJsonUint(json, join(where, "maxFee"));
            w.nonce = uint64(vm.parseJsonUint(json, join(where, "nonce")));
            w.deadline = uint64(vm.parseJsonUint(json, join(where, "deadline")));
            assertEq(there.withdrawalDigest(w), digest("withdrawals", i), where);
        }
        assertTrue(i != 0, "there are some");
    }

    function test_commitments() public view {
        uint256 i;
        for (; has("commitments", i); ++i) {
            string memory where = path("commitments", i);
            bytes memory packed = abi.encodePacked(
                vm.parseJsonBytes32(json, join(where, "job")),
                vm.parseJsonUint(json, join(where, "slot")),
                vm.parseJsonAddress(json, join(where, "worker")),
                vm.parseJsonBytes32(json, join(where, "salt")),
                vm.parseJsonBytes(json, join(where, "canonical"))
            );
            assertEq(keccak256(packed), vm.parseJsonBytes32(json, join(where, "commitment")), where);
        }
        assertTrue(i != 0, "there are some");
    }

    function test_merkle_proofs_and_unit_leaves() public view {
        uint256 i;
        for (; has("merkle", i); ++i) {
            string memory where = path("merkle", i);
            bytes32[] memory leaves = vm.parseJsonBytes32Array(json, join(where, "leaves"));
            bytes32 leaf = leaves[vm.parseJsonUint(json, join(where, "index"))];
            bytes32[] memory proof = vm.parseJsonBytes32Array(json, join(where, "proof"));
            assertTrue(MerkleProof.verify(proof, vm.parseJsonBytes32(json, join(where, "root")), leaf), where);
        }
        assertTrue(i != 0, "there are some");
        for (i = 0; has("contents", i); ++i) {
            string memory where = path("contents", i);
            bytes memory text = vm.parseJsonBytes(json, join(where, "canonical"));
            assertEq(keccak256(text), vm.parseJsonBytes32(json, join(where, "contentHash")), where);
            bytes32 inner = keccak256(abi.encodePacked(vm.parseJsonUint(json, join(where, "slots")), text));
            assertEq(keccak256(abi.encode(inner)), vm.parseJsonBytes32(json, join(where, "unitLeaf")), where);
        }
        assertTrue(i != 0, "there are some");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function path(string memory family, uint256 i) private pure returns (string memory) {
        return string.concat(".", family, "[", vm.toString(i), "]");
    }

    function join(string memory where, string memory field) private pure returns (string memory) {
        return string.concat(where, ".", field);
    }

    function has(string memory family, uint256 i) private view returns (bool) {
        return vm.keyExistsJson(json, path(family, i));
    }

    function digest(string memory family, uint256 i) private view returns (bytes32) {
        return vm.parseJsonBytes32(json, join(path(family, i), "digest"));
    }

    /// @dev Goes to the vector's chain and puts the escrow where the vector says.
    function open(string memory family, uint256 i) private returns (string memory message, IEscrow there) {
        string memory domain = join(path(family, i), "domain");
        there = IEscrow(vm.parseJsonAddress(json, join(domain, "escrow")));
        vm.chainId(vm.parseJsonUint(json, join(domain, "chainId")));
        vm.etch(address(there), code);
        return (join(path(family, i), "message"), there);
    }

    function readTerms(string memory where) private view returns (IPiecework.Terms memory terms) {
        terms.requester = vm.parseJsonAddress(json, join(where, "requester"));
        terms.operator = vm.parseJsonAddress(json, join(where, "operator"));
        terms.token = vm.parseJsonAddress(json, join(where, "token"));
        terms.reward = uint128(vm.parseJsonUint(json, join(where, "reward")));
        terms.fee = uint128(vm.parseJsonUint(json, join(where, "fee")));
        terms.coordinator = vm.parseJsonAddress(json, join(where, "coordinator"));
        terms.arbitrator = vm.parseJsonAddress(json, join(where, "arbitrator"));
        terms.arbitratorExtraData = vm.parseJsonBytes(json, join(where, "arbitratorExtraData"));
        terms.contestDeposit = uint128(vm.parseJsonUint(json, join(where, "contestDeposit")));
        terms.appealStake = uint128(vm.parseJsonUint(json, join(where, "appealStake")));
        terms.closesAt = uint64(vm.parseJsonUint(json, join(where, "closesAt")));
        terms.reviewWindow = uint32(vm.parseJsonUint(json, join(where, "reviewWindow")));
        terms.appealWindow = uint32(vm.parseJsonUint(json, join(where, "appealWindow")));
        terms.contentHash = vm.parseJsonBytes32(json, join(where, "contentHash"));
        terms.salt = vm.parseJsonBytes32(json, join(where, "salt"));
    }
}
