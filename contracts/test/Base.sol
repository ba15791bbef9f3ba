// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

import {IERC3009} from "../src/interfaces/IERC3009.sol";
import {IBooks} from "../src/interfaces/IBooks.sol";
import {IArbitrable} from "../src/interfaces/IArbitrator.sol";
import {IRecourse} from "../src/interfaces/IRecourse.sol";
import {IPiecework} from "../src/interfaces/IPiecework.sol";

/// @dev The cheat codes that these tests use; forge-std isn't on any registry that we can pin.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function addr(uint256 key) external pure returns (address);
    function assume(bool condition) external pure;
    function chainId(uint256 id) external;
    function deal(address account, uint256 amount) external;
    function deployCode(string calldata artifact) external returns (address);
    function deployCode(string calldata artifact, bytes calldata arguments) external returns (address);
    function etch(address account, bytes calldata code) external;
    function expectEmit(address emitter) external;
    function expectRevert(bytes calldata reason) external;
    function expectRevert() external;
    function getRecordedLogs() external returns (Log[] memory);
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonAddressArray(string calldata json, string calldata key) external pure returns (address[] memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
    function parseJsonBytes32Array(string calldata json, string calldata key) external pure returns (bytes32[] memory);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function prank(address caller) external;
    function readFile(string calldata path) external view returns (string memory);
    function recordLogs() external;
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function toString(uint256 value) external pure returns (string memory);
    function warp(uint256 timestamp) external;
    function parseJsonKeys(string calldata json, string calldata key) external pure returns (string[] memory);
    function setEvmVersion(string calldata version) external;
    function snapshotState() external returns (uint256 id);
    function revertToState(uint256 id) external returns (bool);
    function startPrank(address caller) external;
    function stopPrank() external;
    function parseJsonUintArray(string calldata json, string calldata key) external pure returns (uint256[] memory);
}

interface IEscrow is IPiecework, IRecourse, IArbitrable {
    function eip712Domain()
        external
        view
        returns (bytes1, string memory, string memory, uint256, address, bytes32, uint256[] memory);
    function recourse() external view returns (address);
    function feeBps() external view returns (uint16);
    function treasury() external view returns (address);
    function governor() external view returns (address);
}

interface IDollar is IERC20, IERC20Permit, IERC3009 {
    error CallerNotPayee(address payee);
    error AuthorizationSignatureInvalid(address authorizer);

    function mint(address receiver, uint256 amount) external;
    function authorizationState(address authorizer, bytes32 nonce) external view returns (bool);
}

/// @title What every test stands on: an escrow, a dollar, the actors, and their signatures
/// @dev The contracts under test are deployed from their artifacts, not imported, so they are compiled as they ship (via
/// IR, optimised) while the tests are compiled the quick way.
abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint256 internal constant REQUESTER_KEY = 0xA11CE;
    uint256 internal constant OPERATOR_KEY = 0x0B0B;
    uint256 internal constant COORDINATOR_KEY = 0xC00D;
    uint256 internal constant STRANGER_KEY = 0x57A;
    uint128 internal constant REWARD = 50_000;
    bytes32 internal constant ROOT = keccak256("answers");
    uint256 private constant CURVE = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    address internal requester = vm.addr(REQUESTER_KEY);
    address internal operator = vm.addr(OPERATOR_KEY);
    address internal coordinator = vm.addr(COORDINATOR_KEY);
    address internal stranger = vm.addr(STRANGER_KEY);
    address internal governor = address(0x60);
    IEscrow internal escrow;
    IDollar internal dollar;

    error Unequal(string what, uint256 left, uint256 right);
    error Untrue(string what);

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        escrow = IEscrow(vm.deployCode("Piecework.sol:Piecework", abi.encode(governor)));
        dollar = IDollar(vm.deployCode("DevnetDollar.sol:DevnetDollar"));
        dollar.mint(requester, 1e15);
        vm.deal(requester, 1e24);
        vm.prank(requester);
        dollar.approve(address(escrow), type(uint256).max);
    }

    // ------------------------------------------------------------------------------------------------ jobs

    function termsIn(address token) internal view returns (IBooks.Terms memory terms) {
        terms.requester = requester;
        terms.operator = operator;
        terms.token = token;
        terms.reward = REWARD;
        terms.fee = uint128(uint256(REWARD) * escrow.feeBps() / 10_000);
        terms.coordinator = coordinator;
        terms.closesAt = uint64(block.timestamp + 7 days);
        terms.reviewWindow = 1 days;
        terms.appealWindow = 1 days;
        terms.contentHash = keccak256("content");
        terms.salt = keccak256("salt");
    }

    /// @dev A job in dollars, paid from the requester's wallet.
    function posted(uint32 slots) internal returns (IBooks.Terms memory terms) {
        terms = termsIn(address(dollar));
        vm.prank(requester);
        escrow.post(terms, slots, IBooks.Source.Wallet);
    }

    /// @dev A job in the native coin, paid from the requester's wallet.
    function postedInCoin(uint32 slots) internal returns (IBooks.Terms memory terms) {
        terms = termsIn(address(0));
        vm.prank(requester);
        escrow.post{value: price(terms, slots)}(terms, slots, IBooks.Source.Wallet);
    }

    function price(IBooks.Terms memory terms, uint256 slots) internal pure returns (uint256) {
        return slots * (uint256(terms.reward) + terms.fee);
    }

    // ------------------------------------------------------------------------------------------------ signatures

    /// @dev 65 bytes: r, s, v.
    function sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev EIP-2098's 64 bytes.
    function signShort(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (bytes32 r, bytes32 vs) = signCompact(key, digest);
        return abi.encodePacked(r, vs);
    }

    function signCompact(uint256 key, bytes32 digest) internal pure returns (bytes32 r, bytes32 vs) {
        uint8 v;
        (v, r, vs) = vm.sign(key, digest);
        if (v == 28) vs |= bytes32(uint256(1) << 255);
    }

    /// @dev The other signature that recovers to the same key, with the high s that must be refused.
    function signHigh(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, bytes32(CURVE - uint256(s)), v == 27 ? uint8(28) : uint8(27));
    }

    function domainSeparator() internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Piecework"), keccak256("1"), block.chainid, address(escrow)
            )
        );
    }

    // ------------------------------------------------------------------------------------------------ batches

    /// @dev A batch over the whole table, signed by coordinator and requester.
    function batchOf(IBooks.Terms memory terms, address[] memory workers, uint32 firstSlot, bytes memory places)
        internal
        view
        returns (IBooks.SignedBatch memory batch)
    {
        bytes32 digest;
        (batch, digest) = unapproved(terms, workers, firstSlot, places);
        batch.approval = approve(terms, digest, named(places), REQUESTER_KEY);
    }

    function unapproved(IBooks.Terms memory terms, address[] memory workers, uint32 firstSlot, bytes memory places)
        internal
        view
        returns (IBooks.SignedBatch memory batch, bytes32 digest)
    {
        digest = escrow.batchDigest(escrow.jobId(terms), firstSlot, workers, places, ROOT);
        batch.firstSlot = firstSlot;
        batch.workerCount = uint8(workers.length);
        batch.places = places;
        batch.answerRoot = ROOT;
        (batch.r, batch.vs) = signCompact(COORDINATOR_KEY, digest);
    }

    function approve(IBooks.Terms memory terms, bytes32 digest, uint256 slots, uint256 key)
        internal
        view
        returns (bytes memory)
    {
        return sign(key, escrow.approvalDigest(digest, slots, price(terms, slots)));
    }

    function named(bytes memory places) internal pure returns (uint256 slots) {
        for (uint256 i; i < places.length; ++i) {
            if (places[i] != 0) ++slots;
        }
    }

    function settleOne(IBooks.Terms memory terms, address[] memory workers, IBooks.SignedBatch memory batch) internal {
        escrow.settle(terms, workers, one(batch), pushing());
    }

    function one(IBooks.SignedBatch memory batch) internal pure returns (IBooks.SignedBatch[] memory batches) {
        batches = new IBooks.SignedBatch[](1);
        batches[0] = batch;
    }

    function pushing() internal pure returns (IBooks.Payout memory) {
        return IBooks.Payout(0, 60_000);
    }

    function crediting() internal pure returns (IBooks.Payout memory) {
        return IBooks.Payout(0, 0);
    }

    /// @dev `count` workers from an address on that nothing else uses.
    function workersFrom(uint160 first, uint256 count) internal pure returns (address[] memory workers) {
        workers = new address[](count);
        for (uint160 i; i < count; ++i) {
            workers[i] = address(first + i);
        }
    }

    function table(address a) internal pure returns (address[] memory workers) {
        workers = new address[](1);
        workers[0] = a;
    }

    function table(address a, address b) internal pure returns (address[] memory workers) {
        workers = new address[](2);
        (workers[0], workers[1]) = (a, b);
    }

    // ------------------------------------------------------------------------------------------------ assertions

    function assertEq(uint256 left, uint256 right, string memory what) internal pure {
        if (left != right) revert Unequal(what, left, right);
    }

    function assertEq(bytes32 left, bytes32 right, string memory what) internal pure {
        if (left != right) revert Unequal(what, uint256(left), uint256(right));
    }

    function assertTrue(bool condition, string memory what) internal pure {
        if (!condition) revert Untrue(what);
    }

    function assertJob(bytes32 job, uint256 funded, uint256 taken, uint256 resolved, bool closed) internal view {
        IBooks.Job memory state = escrow.jobOf(job);
        assertEq(state.funded, funded, "funded");
        assertEq(state.taken, taken, "taken");
        assertEq(state.resolved, resolved, "resolved");
        assertTrue(state.closed == closed, "closed");
    }

    function refuse(bytes4 error_) internal {
        vm.expectRevert(abi.encodePacked(error_));
    }
}
