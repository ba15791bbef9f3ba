// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBooks} from "../../src/interfaces/IBooks.sol";
import {IPiecework} from "../../src/interfaces/IPiecework.sol";
import {LedgerMoves} from "./LedgerMoves.sol";

/// @title Moves of a job's two ends: posting, funding, closing
abstract contract JobMoves is LedgerMoves {
    uint256 internal constant MOST_JOBS = 8;

    enum Slot {
        Free, // where it is funded
        Opened,
        Contested,
        Appealed,
        Resolved // its money has left the job
    }

    struct Work {
        IBooks.Terms terms;
        bytes32 id;
        uint256 t;
        uint256 requester;
        uint256 operator; // NOBODY where there is none
        uint256 coordinator;
        uint256 funded;
        uint256 taken;
        uint256 resolved;
        bool closed;
    }

    enum Way {
        Wallet,
        Ledger,
        Operator,
        Permit,
        Authorization
    }

    Work[] internal works;
    mapping(bytes32 job => mapping(uint256 slot => Slot)) internal slots;
    uint256 private salt;

    // ------------------------------------------------------------------------------------------------ posting and funding

    function post(uint256 seed) external move(seed) {
        (uint256 place, bool room) = roomForAJob();
        if (!room) return addSlots(draw(works.length));
        bool known = place != 0 && once(32);
        Work memory work = known ? works[draw(place)] : drawWork();
        bool good = !known && drawFault(work.terms);
        work.id = escrow.jobId(work.terms);
        work.funded = once(8) ? 1 + draw(600) : 1 + draw(30);
        if (!bring(work, drawWay(work.t), 0, uint32(work.funded), 0, good)) return;
        if (place == works.length) works.push(work);
        else works[place] = work;
        look(work);
    }

    function fund(uint256 seed) external move(seed) {
        if (works.length != 0) addSlots(draw(works.length));
    }

    function addSlots(uint256 place) private {
        Work memory work = works[place];
        (uint256 first, uint256 more) = (work.funded, once(16) ? 0 : 1 + draw(60));
        if (once(16)) first = first + 1 - draw(3);
        bool good = !work.closed && more != 0 && first == work.funded;
        if (!bring(work, drawWay(work.t), uint32(first), uint32(more), keccak256(abi.encode(first)), good)) return;
        works[place].funded += more;
        look(works[place]);
    }

    /// @dev One call that posts (`content` 0) or funds, with the money brought in one of five ways.
    function bring(Work memory work, Way way, uint32 first, uint32 more, bytes32 content, bool good)
        private
        returns (bool ok)
    {
        uint256 amount = price(work.terms, more);
        uint256 caller = drawCaller(work.requester, way);
        (bytes memory call, bool signed) = encode(work, way, first, more, content);
        uint256 value = work.t == COIN && way == Way.Wallet ? amount : 0;
        if (way == Way.Ledger || way == Way.Operator) {
            good = good && maySpend(work.requester, caller, work.t, amount) && amount <= ledger[work.t][work.requester];
        } else if (way == Way.Authorization) {
            good = good && signed && amount <= wallet[work.t][work.requester];
        } else {
            bool pullable = mayPull(work.requester, work.t, amount) || (way == Way.Permit && signed);
            good = good && caller == work.requester && pullable;
        }
        ok = way == Way.Authorization
            ? attemptSigned(accounts[caller], value, call)
            : attemptOnce(accounts[caller], value, call);
        if (work.t != FICKLE || way != Way.Wallet) must(ok, good, content == 0 ? "post" : "fund");
        if (!ok) return false;
        locked[work.t] += amount;
        if (way == Way.Ledger || way == Way.Operator) spend(work.requester, caller, work.t, amount);
        else wallet[work.t][work.requester] -= amount;
    }

    function encode(Work memory work, Way way, uint32 first, uint32 more, bytes32 content)
        private
        returns (bytes memory call, bool signed)
    {
        (IBooks.Terms memory terms, uint256 amount) = (work.terms, price(work.terms, more));
        if (way == Way.Permit) {
            IBooks.Permit memory permit;
            (permit, signed) = drawPermit(work.requester, amount);
            call = content == 0
                ? abi.encodeCall(IPiecework.postWithPermit, (terms, more, permit))
                : abi.encodeCall(IPiecework.fundWithPermit, (terms, first, more, content, permit));
        } else if (way == Way.Authorization) {
            IBooks.Authorization memory given;
            bytes32 nonce = content == 0 ? work.id : escrow.fundingNonce(work.id, first, more, content);
            (given, signed) = drawAuthorization(work.requester, amount, nonce);
            call = content == 0
                ? abi.encodeCall(IPiecework.postWithAuthorization, (terms, more, given))
                : abi.encodeCall(IPiecework.fundWithAuthorization, (terms, first, more, content, given));
        } else {
            IBooks.Source source = way == Way.Wallet ? IBooks.Source.Wallet : IBooks.Source.Ledger;
            call = content == 0
                ? abi.encodeCall(IPiecework.post, (terms, more, source))
                : abi.encodeCall(IPiecework.fund, (terms, first, more, content, source));
        }
    }

    /// @dev Permits and authorizations are the dollar's.
    function drawWay(uint256 t) private returns (Way) {
        return Way(t == DOLLAR && once(2) ? 3 + draw(2) : draw(3));
    }

    /// @dev The requester, or whoever may stand in for it; now and then somebody who may not.
    function drawCaller(uint256 requester, Way way) private returns (uint256) {
        if (way == Way.Operator || way == Way.Authorization || once(16)) return draw(PEOPLE);
        return requester;
    }

    function drawAuthorization(uint256 who, uint256 amount, bytes32 nonce)
        private
        returns (IBooks.Authorization memory given, bool good)
    {
        uint256 key;
        (key, good) = drawKey(who);
        given.validBefore = block.timestamp + draw(100);
        if (given.validBefore == block.timestamp) good = false;
        bytes32 kind = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        bytes32 message =
            keccak256(abi.encode(kind, accounts[who], address(escrow), amount, 0, given.validBefore, nonce));
        (given.v, given.r, given.s) = vm.sign(key, inDollars(message));
    }

    function drawWork() private returns (Work memory work) {
        IBooks.Terms memory terms = work.terms;
        (work.t, work.requester, work.coordinator) = (once(3) ? DOLLAR : draw(TOKENS), draw(PEOPLE), draw(PEOPLE));
        work.operator = once(4) ? NOBODY : draw(PEOPLE);
        (terms.requester, terms.coordinator) = (accounts[work.requester], accounts[work.coordinator]);
        terms.operator = work.operator == NOBODY ? address(0) : accounts[work.operator];
        (terms.token, terms.reward) = (tokens[work.t], uint128(1 + draw(1e9)));
        terms.fee = uint128(uint256(terms.reward) * feeBps / 10_000);
        terms.arbitrator = once(6) ? address(0) : address(judge);
        terms.arbitratorExtraData = new bytes(draw(3));
        terms.contestDeposit = uint128(draw(3) * terms.reward / 2);
        terms.appealStake = uint128(once(3) ? 0 : draw(1e10));
        terms.closesAt = uint64(block.timestamp + 1 + draw(20 days));
        terms.reviewWindow = uint32(once(8) ? 0 : 1 + draw(3 days));
        terms.appealWindow = uint32(1 days + draw(3 days));
        terms.salt = bytes32(++salt);
    }

    /// @dev Now and then terms that nobody may post.
    function drawFault(IBooks.Terms memory terms) private returns (bool) {
        uint256 fault = draw(64);
        if (fault == 0) ++terms.fee;
        else if (fault == 1) terms.reward = 0;
        else if (fault == 2) terms.closesAt = uint64(once(2) ? block.timestamp : block.timestamp + 730 days + 1);
        else if (fault == 3) terms.appealWindow = uint32(once(2) ? 1 days - 1 : 90 days + 1);
        else if (fault == 4) terms.reviewWindow = 90 days + 1;
        else if (fault == 5) terms.arbitratorExtraData = new bytes(257);
        else if (fault == 6) terms.coordinator = address(0);
        return fault > 6;
    }

    /// @dev A place for a new job: at the end, or where a job has ended.
    function roomForAJob() private view returns (uint256, bool) {
        if (works.length < MOST_JOBS) return (works.length, true);
        for (uint256 i; i < works.length; ++i) {
            if (works[i].closed && works[i].resolved == works[i].funded) return (i, true);
        }
        return (0, false);
    }

    /// @dev Requester or operator; now and then somebody who is neither.
    function drawOwner(Work memory work) internal returns (uint256 caller, bool good) {
        caller = once(8) ? draw(PEOPLE) : once(2) && work.operator != NOBODY ? work.operator : work.requester;
        good = caller == work.requester || caller == work.operator;
    }

    // ------------------------------------------------------------------------------------------------ closing

    function close(uint256 seed) external move(seed) {
        if (works.length == 0) return;
        closeAs(accounts[draw(PEOPLE)], draw(works.length));
    }

    /// @dev Anyone's from the closing time on, once; what is free goes back to the requester and nothing else does.
    function closeAs(address caller, uint256 place) internal {
        Work storage work = works[place];
        bool ok = attemptOnce(caller, 0, abi.encodeCall(IPiecework.close, (work.terms)));
        must(ok, !work.closed && block.timestamp >= work.terms.closesAt, "close");
        if (!ok) return;
        uint256 free;
        for (uint256 slot; slot < work.funded; ++slot) {
            if (slots[work.id][slot] != Slot.Free) continue;
            slots[work.id][slot] = Slot.Resolved;
            ++free;
        }
        work.closed = true;
        work.taken += free;
        release(work, free);
        ledger[work.t][work.requester] += price(work.terms, free);
        look(work);
    }

    // ------------------------------------------------------------------------------------------------ what a job holds

    /// @dev The money of some slots leaves the job, never more than was funded.
    function release(Work storage work, uint256 count) internal {
        work.resolved += count;
        if (work.resolved > work.taken || work.taken > work.funded) breaks("a job pays no more than it was funded");
        locked[work.t] -= price(work.terms, count);
    }

    /// @dev The job's own word says what the ghost says.
    function look(Work memory work) internal {
        IBooks.Job memory job = escrow.jobOf(work.id);
        if (
            job.funded != work.funded || job.taken != work.taken || job.resolved != work.resolved
                || job.closed != work.closed
        ) breaks("a job's word");
    }
}
