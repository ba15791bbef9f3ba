// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {Base, IDollar, IEscrow, Vm} from "./Base.sol";
import {GasBurner, Reentrant, Reverter} from "./hostile/Receivers.sol";

/// @title Actors that do what they like, and a ghost that remembers what must have come of it
/// @dev Every call goes through `attempt`: it may revert, but it must not take from anybody who neither made nor signed it.
contract Actors is Base {
    uint256 private constant PEOPLE = 4;
    uint256 private constant FIRST_KEY = 0x1000;

    IPiecework.Terms[] private jobs;
    address[] public accounts; // everybody who can own something in the ledger
    address[2] public tokens; // dollars and coins
    mapping(bytes32 job => mapping(uint256 slot => bool)) private paid;
    mapping(bytes32 job => uint256) public slotsPaid;
    mapping(address token => uint256) public gifts;
    uint256 public succeeded;
    /// @notice The first promise that was broken, if any.
    string public broken;

    constructor(IEscrow escrow_, IDollar dollar_, address governor_) {
        (escrow, dollar, governor) = (escrow_, dollar_, governor_);
        tokens = [address(dollar_), address(0)];
        for (uint256 i; i < PEOPLE; ++i) {
            accounts.push(vm.addr(FIRST_KEY + i));
            dollar.mint(accounts[i], 1e30);
            vm.deal(accounts[i], 1e30);
            vm.prank(accounts[i]);
            dollar.approve(address(escrow), type(uint256).max);
        }
        Reentrant thief = new Reentrant();
        thief.plan(address(escrow), abi.encodeCall(IPiecework.withdraw, (address(0), 1, address(thief))), 0);
        accounts.push(address(thief));
        accounts.push(address(new Reverter()));
        accounts.push(address(new GasBurner()));
        accounts.push(governor);
    }

    /// @dev The test's own set-up is not for the fuzzer to call here.
    function setUp() public override {}

    // ------------------------------------------------------------------------------------------------ moves

    function deposit(uint256 who, uint256 what, uint96 amount) external {
        address token = tokens[what % 2];
        uint256 value = token == address(0) ? amount : 0;
        attempt(person(who), value, abi.encodeCall(IPiecework.deposit, (token, amount)), person(who));
    }

    function withdraw(uint256 who, uint256 what, uint96 amount, uint256 to) external {
        address owner = person(who);
        uint256 most = escrow.balanceOf(owner, tokens[what % 2]) + 1;
        bytes memory call =
            abi.encodeCall(IPiecework.withdraw, (tokens[what % 2], amount % most, accounts[to % accounts.length]));
        attempt(owner, 0, call, owner);
    }

    /// @param signer usually the owner, sometimes not
    function relay(uint256 who, uint256 what, uint96 amount, uint96 fee, uint256 carrier, uint256 signer, bool late)
        external
    {
        IPiecework.Withdrawal memory w;
        w.owner = person(who);
        w.token = tokens[what % 2];
        w.receiver = person(carrier + 1);
        w.amount = amount % (escrow.balanceOf(w.owner, w.token) + 1);
        w.maxFee = fee % 1000;
        w.nonce = escrow.nonceOf(w.owner, w.token);
        w.deadline = uint64(late ? block.timestamp - 1 : block.timestamp);
        uint256 key = FIRST_KEY + (signer % 8 < 6 ? who : signer) % PEOPLE;
        bytes memory signature = sign(key, escrow.withdrawalDigest(w));
        address allowed = vm.addr(key) == w.owner && !late ? w.owner : address(0);
        attempt(person(carrier), 0, abi.encodeCall(IPiecework.withdrawWithSignature, (w, w.maxFee, signature)), allowed);
    }

    function post(uint256 who, uint256 what, uint32 slots, uint96 reward, bool fromLedger, uint256 salt) external {
        if (jobs.length >= 6) return fund(salt, slots, fromLedger);
        IPiecework.Terms memory terms = termsIn(tokens[what % 2]);
        terms.requester = person(who);
        terms.operator = person(salt);
        terms.coordinator = person(salt >> 8);
        terms.reward = uint128(reward) + 1;
        terms.fee = uint128(uint256(terms.reward) * escrow.feeBps() / 10_000);
        terms.salt = bytes32(salt);
        slots = slots % 400 + 1;
        if (pay(terms, fromLedger, slots, abi.encodeCall(IPiecework.post, (terms, slots, source(fromLedger))))) {
            jobs.push(terms);
        }
    }

    function fund(uint256 which, uint32 slots, bool fromLedger) public {
        if (jobs.length == 0) return;
        IPiecework.Terms memory terms = jobs[which % jobs.length];
        uint32 first = escrow.jobOf(escrow.jobId(terms)).funded;
        slots = slots % 100 + 1;
        pay(terms, fromLedger, slots, abi.encodeCall(IPiecework.fund, (terms, first, slots, ROOT, source(fromLedger))));
    }

    struct Plan {
        uint256 which;
        uint256 first;
        uint256 length;
        uint256 holes;
        bytes32 seed;
        uint256 mask;
        bool push;
        uint8 forged; // usually nothing is
    }

    /// @dev One or two batches over a common table, anywhere in the job and past its end.
    function settle(Plan memory plan) external {
        if (jobs.length == 0) return;
        IPiecework.Terms memory terms = jobs[plan.which % jobs.length];
        IPiecework.SignedBatch[] memory batches = new IPiecework.SignedBatch[](plan.forged % 2 + 1);
        for (uint256 i; i < batches.length; ++i) {
            batches[i] = batchFor(terms, plan, i);
        }
        vm.recordLogs();
        bytes memory call = abi.encodeCall(
            IPiecework.settle, (terms, accounts, batches, IPiecework.Payout(plan.mask, plan.push ? 60_000 : 0))
        );
        uint256 before = wealth(terms);
        if (attempt(person(plan.mask), 0, call, address(0))) record(terms, before, plan.forged > 250);
    }

    function close(uint256 which, uint256 who) external {
        if (jobs.length == 0) return;
        IPiecework.Terms memory terms = jobs[which % jobs.length];
        bytes32 job = escrow.jobId(terms);
        uint256 free = escrow.jobOf(job).funded - slotsPaid[job];
        uint256 before = escrow.balanceOf(terms.requester, terms.token);
        if (!attempt(person(who), 0, abi.encodeCall(IPiecework.close, (terms)), address(0))) return;
        uint256 back = escrow.balanceOf(terms.requester, terms.token) - before;
        if (back != price(terms, free)) broken = "a close gives back exactly the free slots";
        if (block.timestamp < terms.closesAt) broken = "nobody closes early";
    }

    function pass(uint32 time) external {
        vm.warp(block.timestamp + time % 5 days);
    }

    function setFee(uint256 who, uint16 bps) external {
        bool may = who % 4 != 0;
        address caller = may ? governor : person(who);
        bytes memory call = abi.encodeWithSignature("setProtocolFee(uint16,address)", bps % 250, governor);
        if (attempt(caller, 0, call, address(0)) && !may) broken = "only the governor sets the fee";
    }

    function give(uint256 what, uint96 amount) external {
        address token = tokens[what % 2];
        if (token == address(0)) vm.deal(address(escrow), address(escrow).balance + amount);
        else dollar.mint(address(escrow), amount);
        gifts[token] += amount;
    }

    // ------------------------------------------------------------------------------------------------ the ghost

    /// @notice What the escrow owes in a token: every ledger balance and every job's unresolved slots.
    function owed(address token) external view returns (uint256 sum) {
        for (uint256 i; i < accounts.length; ++i) {
            sum += escrow.balanceOf(accounts[i], token);
        }
        for (uint256 i; i < jobs.length; ++i) {
            IPiecework.Job memory state = escrow.jobOf(escrow.jobId(jobs[i]));
            if (jobs[i].token == token) sum += price(jobs[i], state.funded - state.resolved);
        }
    }

    /// @dev Calls the escrow as `caller`, and sees that no ledger fell but `spender`'s.
    function attempt(address caller, uint256 value, bytes memory call, address spender) private returns (bool ok) {
        uint256[2][] memory before = new uint256[2][](accounts.length);
        for (uint256 i; i < accounts.length; ++i) {
            (before[i][0], before[i][1]) = ledgersOf(accounts[i]);
        }
        vm.prank(caller);
        (ok,) = address(escrow).call{value: value}(call);
        if (ok) ++succeeded;
        for (uint256 i; i < accounts.length; ++i) {
            if (accounts[i] == spender) continue;
            (uint256 dollars, uint256 coins) = ledgersOf(accounts[i]);
            if (dollars < before[i][0] || coins < before[i][1]) broken = "no call lowers another's ledger";
        }
    }

    function ledgersOf(address account) private view returns (uint256, uint256) {
        return (escrow.balanceOf(account, tokens[0]), escrow.balanceOf(account, tokens[1]));
    }

    /// @dev Reads who was paid for which slot out of the logs, as the mirror does.
    function record(IPiecework.Terms memory terms, uint256 before, bool forged) private {
        if (forged) broken = "nothing settles without both signatures";
        bytes32 job = escrow.jobId(terms);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 took;
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != IPiecework.BatchSettled.selector) continue;
            (uint32 first,,, bytes memory places) = abi.decode(logs[i].data, (uint32, uint8, bytes32, bytes));
            for (uint256 j; j < places.length; ++j) {
                if (places[j] == 0) continue;
                if (paid[job][first + j]) broken = "a slot pays once";
                paid[job][first + j] = true;
                ++took;
            }
        }
        slotsPaid[job] += took;
        if (wealth(terms) - before != price(terms, took)) broken = "what is paid is what the log says";
    }

    /// @dev What everybody owns of a job's token, in wallets and in the ledger.
    function wealth(IPiecework.Terms memory terms) private view returns (uint256 sum) {
        for (uint256 i; i < accounts.length; ++i) {
            sum += escrow.balanceOf(accounts[i], terms.token);
            sum += terms.token == address(0) ? accounts[i].balance : dollar.balanceOf(accounts[i]);
        }
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function batchFor(IPiecework.Terms memory terms, Plan memory plan, uint256 i)
        private
        view
        returns (IPiecework.SignedBatch memory batch)
    {
        bytes memory places = new bytes(plan.length % 70 + 1);
        for (uint256 j; j < places.length; ++j) {
            uint256 dice = uint256(keccak256(abi.encode(plan.seed, i, j)));
            if (dice % (plan.holes % 4 + 2) != 0) places[j] = bytes1(uint8(1 + (dice >> 128) % (accounts.length - 1)));
        }
        uint32 first = uint32((plan.first + i * 20) % 420);
        bytes32 digest = escrow.batchDigest(escrow.jobId(terms), first, accounts, places, ROOT);
        batch.firstSlot = first;
        batch.workerCount = uint8(accounts.length);
        batch.places = places;
        batch.answerRoot = ROOT;
        (batch.r, batch.vs) = signCompact(plan.forged > 253 ? STRANGER_KEY : keyOf(terms.coordinator), digest);
        uint256 approver = plan.forged > 250 && plan.forged <= 253 ? STRANGER_KEY : keyOf(terms.requester);
        batch.approval = approve(terms, digest, named(places), approver);
    }

    function pay(IPiecework.Terms memory terms, bool fromLedger, uint32 slots, bytes memory call) private returns (bool) {
        uint256 value = terms.token == address(0) && !fromLedger ? price(terms, slots) : 0;
        return attempt(terms.requester, value, call, fromLedger ? terms.requester : address(0));
    }

    function source(bool fromLedger) private pure returns (IPiecework.Source) {
        return fromLedger ? IPiecework.Source.Ledger : IPiecework.Source.Wallet;
    }

    function person(uint256 who) private view returns (address) {
        return accounts[who % PEOPLE];
    }

    function keyOf(address someone) private view returns (uint256) {
        for (uint256 i; i < PEOPLE; ++i) {
            if (accounts[i] == someone) return FIRST_KEY + i;
        }
        revert("nobody");
    }
}

contract InvariantTest is Base {
    Actors private actors;
    address[] private targets;

    function setUp() public override {
        super.setUp();
        actors = new Actors(escrow, dollar, governor);
        targets.push(address(actors));
    }

    function targetContracts() external view returns (address[] memory) {
        return targets;
    }

    /// @dev 1: conservation, to the base unit, whatever happened. 2, 4 and 6, as the ghost saw each call: a slot pays once,
    /// nobody else's money, nothing unsigned. One function, because each one costs a campaign.
    function invariant_every_promise_holds_after_every_call() external view {
        assertTrue(bytes(actors.broken()).length == 0, actors.broken());
        assertEq(
            dollar.balanceOf(address(escrow)), actors.owed(address(dollar)) + actors.gifts(address(dollar)), "dollars"
        );
        assertEq(address(escrow).balance, actors.owed(address(0)) + actors.gifts(address(0)), "coins");
    }

    /// @dev Random lives in which no call ever succeeds would prove nothing: each move can.
    function test_every_move_of_the_actors_can_succeed() external {
        Actors.Plan memory plan;
        (plan.length, plan.push) = (20, true);
        uint256 done = actors.succeeded();
        actors.deposit(1, 1, 1000);
        actors.withdraw(1, 1, 10, 2);
        actors.relay(1, 1, 10, 5, 2, 1, false);
        actors.post(1, 0, 50, 7, false, 3);
        actors.fund(0, 5, false);
        actors.settle(plan);
        actors.setFee(1, 100);
        for (uint256 i; i < 7; ++i) {
            actors.pass(1 days); // seven of them, until the job closes
        }
        actors.close(0, 2);
        assertEq(actors.succeeded(), done + 8, "succeeded");
        this.invariant_every_promise_holds_after_every_call();
    }
}
