// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/IBooks.sol";
import {Base, IDollar, Vm} from "./Base.sol";
import {Court} from "./harness/Court.sol";

/// @title What tests of openings and disputes stand on: a court, workers with keys, and one function a step
/// @dev A step that is a past participle makes the call as the account whose turn it is, and returns what later steps hand in.
abstract contract Disputes is Base {
    uint256 internal constant ALICE_KEY = 0xA1;
    uint256 internal constant BOB_KEY = 0xB0;
    uint128 internal constant DEPOSIT = 20_000;
    uint128 internal constant STAKE = 700_000;
    uint256 internal constant COURT_PRICE = 3e15;
    /// @dev What requester, workers and stranger hold in the ledger before a test, in dollars and in wei.
    uint256 internal constant PURSE = 1e12;
    uint256 internal constant FOR_WORKER = 1;
    uint256 internal constant FOR_REQUESTER = 2;
    uint256 internal constant RULING_LIMIT = 180 days;

    address internal alice = vm.addr(ALICE_KEY);
    address internal bob = vm.addr(BOB_KEY);
    Court internal court;

    function setUp() public virtual override {
        super.setUp();
        court = new Court();
        court.setPrice(COURT_PRICE);
        address[4] memory rich = [requester, alice, bob, stranger];
        for (uint256 i; i < rich.length; ++i) {
            enrich(rich[i], address(dollar), PURSE);
            enrich(rich[i], address(0), PURSE);
        }
        vm.deal(operator, 1e24);
    }

    /// @dev Puts `amount` into an account's ledger balance, from nowhere.
    function enrich(address account, address token, uint256 amount) internal {
        if (token == address(0)) {
            vm.deal(account, account.balance + amount);
            vm.prank(account);
            return escrow.deposit{value: amount}(token, amount);
        }
        IDollar(token).mint(account, amount);
        vm.prank(account);
        IDollar(token).approve(address(escrow), type(uint256).max);
        vm.prank(account);
        escrow.deposit(token, amount);
    }

    // ------------------------------------------------------------------------------------------------ jobs

    /// @dev Terms with a court, a deposit and a stake.
    function contestableIn(address token) internal view returns (IBooks.Terms memory terms) {
        terms = termsIn(token);
        terms.arbitrator = address(court);
        terms.arbitratorExtraData = "court's own";
        terms.contestDeposit = DEPOSIT;
        terms.appealStake = STAKE;
    }

    /// @dev A job in dollars whose slots can be contested, paid from the requester's wallet.
    function contestable(uint32 slots) internal returns (IBooks.Terms memory terms) {
        terms = contestableIn(address(dollar));
        post(terms, slots);
    }

    function post(IBooks.Terms memory terms, uint32 slots) internal {
        uint256 value = terms.token == address(0) ? price(terms, slots) : 0;
        vm.prank(terms.requester);
        escrow.post{value: value}(terms, slots, IBooks.Source.Wallet);
    }

    function setFee(uint16 feeBps) internal {
        vm.prank(governor);
        escrow.setProtocolFee(feeBps, governor);
    }

    // ------------------------------------------------------------------------------------------------ openings

    /// @dev A batch with the coordinator's signature, to be opened by the coordinator (or, with a place, by a worker).
    function openable(IBooks.Terms memory terms, address[] memory workers, uint32 firstSlot, bytes memory places)
        internal
        view
        returns (IBooks.OpenedBatch memory batch)
    {
        (batch.firstSlot, batch.workers, batch.places, batch.answerRoot) = (firstSlot, workers, places, ROOT);
        (batch.r, batch.vs) = signCompact(COORDINATOR_KEY, digestOf(terms, batch));
    }

    function digestOf(IBooks.Terms memory terms, IBooks.OpenedBatch memory batch) internal view returns (bytes32) {
        return
            escrow.batchDigest(escrow.jobId(terms), batch.firstSlot, batch.workers, batch.places, batch.answerRoot);
    }

    /// @dev What opening the batch now would take: its bytes, 0 where the slot isn't free.
    function openingOf(IBooks.Terms memory terms, IBooks.OpenedBatch memory batch)
        internal
        view
        returns (IBooks.Opening memory)
    {
        bytes memory free = freeOf(terms, batch.firstSlot, batch.places);
        return IBooks.Opening(digestOf(terms, batch), batch.firstSlot, batch.workers, free);
    }

    function freeOf(IBooks.Terms memory terms, uint256 firstSlot, bytes memory places)
        internal
        view
        returns (bytes memory free)
    {
        bytes32 job = escrow.jobId(terms);
        uint256 funded = escrow.jobOf(job).funded;
        free = new bytes(places.length);
        for (uint256 i; i < places.length; ++i) {
            uint256 slot = firstSlot + i;
            if (slot < funded && !isTaken(job, slot)) free[i] = places[i];
        }
    }

    function isTaken(bytes32 job, uint256 slot) internal view returns (bool) {
        return (escrow.takenWord(job, slot / 256) >> (255 - slot % 256)) & 1 != 0;
    }

    /// @dev Opened by the coordinator.
    function opened(IBooks.Terms memory terms, address[] memory workers, uint32 firstSlot, bytes memory places)
        internal
        returns (IBooks.Opening memory opening)
    {
        IBooks.OpenedBatch memory batch = openable(terms, workers, firstSlot, places);
        opening = openingOf(terms, batch);
        vm.prank(terms.coordinator);
        bytes32[] memory ids = escrow.open(terms, one(batch), "");
        assertEq(ids[0], idOf(terms, opening), "the opening's id");
    }

    function idOf(IBooks.Terms memory terms, IBooks.Opening memory opening) internal view returns (bytes32) {
        return escrow.openingId(escrow.jobId(terms), opening);
    }

    /// @dev A worker's signature that others may open these batches for it.
    function signOpening(IBooks.Terms memory terms, IBooks.OpenedBatch[] memory batches, uint256 key)
        internal
        view
        returns (bytes memory)
    {
        return sign(key, openRequest(terms, batches));
    }

    /// @dev What a worker signs to have these batches opened.
    function openRequest(IBooks.Terms memory terms, IBooks.OpenedBatch[] memory batches)
        internal
        view
        returns (bytes32)
    {
        bytes32[] memory digests = new bytes32[](batches.length);
        for (uint256 i; i < batches.length; ++i) {
            digests[i] = digestOf(terms, batches[i]);
        }
        return escrow.openRequestDigest(keccak256(abi.encodePacked(digests)));
    }

    /// @dev Finalized by a stranger, all workers credited.
    function finalized(IBooks.Terms memory terms, IBooks.Opening memory opening) internal {
        vm.prank(stranger);
        escrow.finalize(terms, opening, 0, "", crediting());
    }

    function reclaimed(IBooks.Terms memory terms, IBooks.Opening memory opening) internal {
        vm.prank(stranger);
        escrow.reclaim(terms, opening);
    }

    // ------------------------------------------------------------------------------------------------ disputes

    /// @dev Contested by the requester, for no reason.
    function contested(IBooks.Terms memory terms, IBooks.Opening memory opening, bytes memory places) internal {
        vm.prank(terms.requester);
        escrow.contest(terms, opening, places, 0);
    }

    /// @dev Appealed by the worker at `place`, at its own stake.
    function appealed(IBooks.Terms memory terms, IBooks.Opening memory opening, uint256 place)
        internal
        returns (IBooks.Appeal memory)
    {
        return appealedBy(opening.workers[place - 1], terms, one(opening), one(place), "");
    }

    /// @dev Appealed at the stake of `sponsor`, with the worker's signature where they differ.
    function appealedBy(
        address sponsor,
        IBooks.Terms memory terms,
        IBooks.Opening[] memory openings,
        uint256[] memory placeOf,
        bytes memory signature
    ) internal returns (IBooks.Appeal memory entry) {
        entry.worker = openings[0].workers[placeOf[0] - 1];
        (entry.sponsor, entry.appealedAt) = (sponsor, uint64(block.timestamp));
        entry.request = requestHash(terms, openings, placeOf);
        vm.recordLogs();
        vm.prank(sponsor);
        bytes32 id = escrow.appeal(terms, openings, placeOf, signature);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        (, entry.slots,,,) = abi.decode(logs[logs.length - 1].data, (address, uint32, bytes32, bytes32[], bytes[]));
        assertEq(id, idOf(terms, entry), "the appeal's id");
    }

    function requestHash(IBooks.Terms memory terms, IBooks.Opening[] memory openings, uint256[] memory placeOf)
        internal
        view
        returns (bytes32)
    {
        bytes32 ids = keccak256(abi.encodePacked(idsOf(terms, openings)));
        bytes32 kind = keccak256("AppealRequest(bytes32[] openings,uint256[] places)");
        return keccak256(abi.encode(kind, ids, keccak256(abi.encodePacked(placeOf))));
    }

    /// @dev A worker's signature that others may appeal for it.
    function signAppeal(
        IBooks.Terms memory terms,
        IBooks.Opening[] memory openings,
        uint256[] memory placeOf,
        uint256 key
    ) internal view returns (bytes memory) {
        return sign(key, escrow.appealRequestDigest(idsOf(terms, openings), placeOf));
    }

    function idsOf(IBooks.Terms memory terms, IBooks.Opening[] memory openings)
        internal
        view
        returns (bytes32[] memory ids)
    {
        ids = new bytes32[](openings.length);
        for (uint256 i; i < openings.length; ++i) {
            ids[i] = idOf(terms, openings[i]);
        }
    }

    function idOf(IBooks.Terms memory terms, IBooks.Appeal memory entry) internal view returns (bytes32) {
        return escrow.appealId(escrow.jobId(terms), entry);
    }

    /// @dev Defended by the requester, at the court's price.
    function defended(IBooks.Terms memory terms, IBooks.Appeal memory entry) internal returns (uint256 disputeId) {
        disputeId = court.count();
        uint256 cost = court.price();
        vm.prank(terms.requester);
        escrow.defend{value: cost}(terms, entry, "meta");
    }

    function concluded(IBooks.Terms memory terms, IBooks.Appeal memory entry) internal {
        vm.prank(stranger);
        escrow.conclude(terms, entry);
    }

    // ------------------------------------------------------------------------------------------------ instants

    /// @dev From this second on no contest, and appeals.
    function reviewEnd(IBooks.Terms memory terms, IBooks.Opening memory opening) internal view returns (uint256) {
        (uint64 openedAt,) = escrow.openingOf(idOf(terms, opening));
        return uint256(openedAt) + terms.reviewWindow;
    }

    /// @dev From this second on no appeal, and reclaims.
    function appealEnd(IBooks.Terms memory terms, IBooks.Opening memory opening) internal view returns (uint256) {
        return reviewEnd(terms, opening) + terms.appealWindow;
    }

    /// @dev From this second on no defence, and the worker has won an appeal that was not defended.
    function defenceEnd(IBooks.Terms memory terms, IBooks.Appeal memory entry) internal pure returns (uint256) {
        return uint256(entry.appealedAt) + terms.appealWindow;
    }

    /// @dev From this second on no ruling, and the worker has won a defended appeal without one.
    function rulingEnd(IBooks.Terms memory terms, IBooks.Appeal memory entry) internal view returns (uint256) {
        (, uint64 since,) = escrow.appealOf(idOf(terms, entry));
        return uint256(since) + RULING_LIMIT;
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function one(IBooks.OpenedBatch memory batch) internal pure returns (IBooks.OpenedBatch[] memory batches) {
        batches = new IBooks.OpenedBatch[](1);
        batches[0] = batch;
    }

    function one(IBooks.Opening memory opening) internal pure returns (IBooks.Opening[] memory openings) {
        openings = new IBooks.Opening[](1);
        openings[0] = opening;
    }

    function one(uint256 place) internal pure returns (uint256[] memory placeOf) {
        placeOf = new uint256[](1);
        placeOf[0] = place;
    }

    function assertPhase(IBooks.Terms memory terms, IBooks.Appeal memory entry, IBooks.Phase expected) internal view {
        (IBooks.Phase phase,,) = escrow.appealOf(idOf(terms, entry));
        assertEq(uint256(phase), uint256(expected), "phase");
    }

    function assertLedger(address account, address token, uint256 expected, string memory whose) internal view {
        assertEq(escrow.balanceOf(account, token), expected, whose);
    }
}
