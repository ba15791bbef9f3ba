// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IBooks} from "../src/interfaces/IBooks.sol";
import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {IRecourse} from "../src/interfaces/IRecourse.sol";
import {Base, IEscrow} from "./Base.sol";

/// @dev The escrow against tests/vectors/typed_data.json, which eth-account and eth-abi made. Each vector has a chain and an escrow of
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
            IBooks.Terms memory terms = readTerms(where);
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
            IBooks.Withdrawal memory w;
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

    function test_funding_nonces() public {
        uint256 i;
        for (; has("fundings", i); ++i) {
            (string memory where, IEscrow there) = open("fundings", i);
            bytes32 found = there.fundingNonce(
                vm.parseJsonBytes32(json, join(where, "job")),
                uint32(vm.parseJsonUint(json, join(where, "firstSlot"))),
                uint32(vm.parseJsonUint(json, join(where, "slots"))),
                vm.parseJsonBytes32(json, join(where, "contentHash"))
            );
            assertEq(found, digest("fundings", i), where);
        }
        assertTrue(i != 0, "there are some");
    }

    function test_requests_to_open_and_to_appeal() public {
        uint256 i;
        for (; has("openRequests", i); ++i) {
            (string memory where, IEscrow there) = open("openRequests", i);
            bytes32[] memory batches = vm.parseJsonBytes32Array(json, join(where, "batches"));
            bytes32 found = there.openRequestDigest(keccak256(abi.encodePacked(batches)));
            assertEq(found, digest("openRequests", i), where);
        }
        assertTrue(i != 0, "there are some");
        for (i = 0; has("appealRequests", i); ++i) {
            (string memory where, IEscrow there) = open("appealRequests", i);
            bytes32[] memory openings = vm.parseJsonBytes32Array(json, join(where, "openings"));
            uint256[] memory places = vm.parseJsonUintArray(json, join(where, "places"));
            assertEq(there.appealRequestDigest(openings, places), digest("appealRequests", i), where);
        }
        assertTrue(i != 0, "there are some");
    }

    function test_operator_digests() public {
        uint256 i;
        for (; has("operatorGrants", i); ++i) {
            (string memory where, IEscrow there) = open("operatorGrants", i);
            IBooks.OperatorGrant memory grant;
            grant.requester = vm.parseJsonAddress(json, join(where, "requester"));
            grant.operator = vm.parseJsonAddress(json, join(where, "operator"));
            grant.token = vm.parseJsonAddress(json, join(where, "token"));
            grant.allowance = uint192(vm.parseJsonUint(json, join(where, "allowance")));
            grant.expiresAt = uint64(vm.parseJsonUint(json, join(where, "expiresAt")));
            grant.nonce = uint64(vm.parseJsonUint(json, join(where, "nonce")));
            grant.deadline = uint64(vm.parseJsonUint(json, join(where, "deadline")));
            assertEq(there.operatorDigest(grant), digest("operatorGrants", i), where);
        }
        assertTrue(i != 0, "there are some");
    }

    function test_ids_of_openings_and_appeals() public view {
        uint256 i;
        for (; has("openings", i); ++i) {
            string memory where = path("openings", i);
            bytes32 job = vm.parseJsonBytes32(json, join(where, "job"));
            bytes32 found = escrow.openingId(job, readOpening(join(where, "opening")));
            assertEq(found, vm.parseJsonBytes32(json, join(where, "id")), where);
        }
        assertTrue(i != 0, "there are some");
        for (i = 0; has("appeals", i); ++i) {
            string memory where = path("appeals", i);
            bytes32 job = vm.parseJsonBytes32(json, join(where, "job"));
            bytes32 found = escrow.appealId(job, readAppeal(join(where, "appeal")));
            assertEq(found, vm.parseJsonBytes32(json, join(where, "id")), where);
        }
        assertTrue(i != 0, "there are some");
    }

    function test_calldata_of_settlements() public view {
        uint256 i;
        for (; has("settleCalls", i); ++i) {
            string memory where = join(path("settleCalls", i), "arguments");
            IBooks.SignedBatch[] memory batches = new IBooks.SignedBatch[](countIn(where, "batches"));
            for (uint256 j; j < batches.length; ++j) {
                batches[j] = readSignedBatch(path(join(where, "batches"), j));
            }
            IBooks.Payout memory payout = IBooks.Payout(
                vm.parseJsonUint(json, join(where, "payout.creditMask")),
                vm.parseJsonUint(json, join(where, "payout.pushGas"))
            );
            address[] memory workers = vm.parseJsonAddressArray(json, join(where, "workers"));
            IBooks.Terms memory terms = readTerms(join(where, "terms"));
            bytes memory found = abi.encodeCall(IPiecework.settle, (terms, workers, batches, payout));
            assertEq(keccak256(found), calldataHash("settleCalls", i), where);
        }
        assertTrue(i != 0, "there are some");
    }

    function test_calldata_of_openings() public view {
        uint256 i;
        for (; has("openCalls", i); ++i) {
            string memory where = join(path("openCalls", i), "arguments");
            IBooks.OpenedBatch[] memory batches = new IBooks.OpenedBatch[](countIn(where, "batches"));
            for (uint256 j; j < batches.length; ++j) {
                batches[j] = readOpenedBatch(path(join(where, "batches"), j));
            }
            bytes memory signature = vm.parseJsonBytes(json, join(where, "signature"));
            IBooks.Terms memory terms = readTerms(join(where, "terms"));
            bytes memory found = abi.encodeCall(IRecourse.open, (terms, batches, signature));
            assertEq(keccak256(found), calldataHash("openCalls", i), where);
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

    /// @dev Of a family, or of an array within a vector, which has its dot already.
    function path(string memory family, uint256 i) private pure returns (string memory) {
        string memory dot = bytes(family)[0] == "." ? "" : ".";
        return string.concat(dot, family, "[", vm.toString(i), "]");
    }

    function countIn(string memory where, string memory array) private view returns (uint256 count) {
        while (has(join(where, array), count)) ++count;
    }

    function calldataHash(string memory family, uint256 i) private view returns (bytes32) {
        return keccak256(vm.parseJsonBytes(json, join(path(family, i), "calldata")));
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

    function readTerms(string memory where) private view returns (IBooks.Terms memory terms) {
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

    function readOpening(string memory where) private view returns (IBooks.Opening memory opening) {
        opening.batch = vm.parseJsonBytes32(json, join(where, "batch"));
        opening.firstSlot = uint32(vm.parseJsonUint(json, join(where, "firstSlot")));
        opening.workers = vm.parseJsonAddressArray(json, join(where, "workers"));
        opening.places = vm.parseJsonBytes(json, join(where, "places"));
    }

    function readAppeal(string memory where) private view returns (IBooks.Appeal memory appeal) {
        appeal.worker = vm.parseJsonAddress(json, join(where, "worker"));
        appeal.sponsor = vm.parseJsonAddress(json, join(where, "sponsor"));
        appeal.slots = uint32(vm.parseJsonUint(json, join(where, "slots")));
        appeal.appealedAt = uint64(vm.parseJsonUint(json, join(where, "appealedAt")));
        appeal.request = vm.parseJsonBytes32(json, join(where, "request"));
    }

    function readSignedBatch(string memory where) private view returns (IBooks.SignedBatch memory batch) {
        batch.firstSlot = uint32(vm.parseJsonUint(json, join(where, "firstSlot")));
        batch.workerCount = uint8(vm.parseJsonUint(json, join(where, "workerCount")));
        batch.places = vm.parseJsonBytes(json, join(where, "places"));
        batch.answerRoot = vm.parseJsonBytes32(json, join(where, "answerRoot"));
        batch.r = vm.parseJsonBytes32(json, join(where, "r"));
        batch.vs = vm.parseJsonBytes32(json, join(where, "vs"));
        batch.approval = vm.parseJsonBytes(json, join(where, "approval"));
    }

    function readOpenedBatch(string memory where) private view returns (IBooks.OpenedBatch memory batch) {
        batch.firstSlot = uint32(vm.parseJsonUint(json, join(where, "firstSlot")));
        batch.workers = vm.parseJsonAddressArray(json, join(where, "workers"));
        batch.places = vm.parseJsonBytes(json, join(where, "places"));
        batch.answerRoot = vm.parseJsonBytes32(json, join(where, "answerRoot"));
        batch.r = vm.parseJsonBytes32(json, join(where, "r"));
        batch.vs = vm.parseJsonBytes32(json, join(where, "vs"));
        batch.place = uint8(vm.parseJsonUint(json, join(where, "place")));
    }
}
