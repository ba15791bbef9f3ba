// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Base, IDollar, IEscrow} from "../Base.sol";
import {GasBurner, ReturnBomb, Reverter} from "../hostile/Receivers.sol";
import {FickleToken, HookedToken} from "../hostile/Tokens.sol";
import {Judge, Thief} from "./Hostile.sol";

/// @title What each account must have, and what each slot's money waits for
/// @dev Kept from the protocol's text alone, never from the contract's own counters. A move draws what it does, says beforehand
/// whether the escrow must let it, makes its one call, and writes down here what must have changed. `check` then holds every
/// ledger, every wallet and the escrow's own money to this, so whatever a call does beyond its move is seen: another's ledger that
/// fell, a slot that paid twice, a coin too few.
abstract contract Ghost is Base {
    uint256 internal constant PEOPLE = 5; // those with keys, who take every part; the others only receive
    uint256 internal constant FIRST_KEY = 0x1000;
    uint256 internal constant ACCOUNTS = 10;
    uint256 internal constant THIEF = 5;
    uint256 internal constant REVERTER = 6;
    uint256 internal constant BURNER = 7;
    uint256 internal constant BOMB = 8;
    uint256 internal constant TREASURY = 9;
    /// @dev What a move asks for where nobody could say beforehand.
    uint256 internal constant NOBODY = type(uint256).max;

    uint256 internal constant TOKENS = 4;
    uint256 internal constant DOLLAR = 0;
    uint256 internal constant COIN = 1;
    uint256 internal constant HOOKED = 2;
    uint256 internal constant FICKLE = 3;

    /// @dev What EIP-7825 lets one transaction use.
    uint256 internal constant MOST_GAS = 2 ** 24;
    uint256 internal constant ENOUGH_TO_PUSH = 60_000;

    address[ACCOUNTS] internal accounts;
    address[TOKENS] internal tokens;
    Thief internal thief;
    Judge internal judge;
    /// @dev Another escrow on the same chain, with the same people and their money.
    address internal twin;

    uint256[ACCOUNTS][TOKENS] internal ledger;
    uint256[ACCOUNTS][TOKENS] internal wallet; // not kept for the fickle token
    uint256[TOKENS] internal locked; // in jobs, deposits and stakes
    uint256[TOKENS] internal gifts; // what somebody sent unasked
    uint256 internal feeBps;
    uint256 internal treasuryIndex = TREASURY;

    /// @notice The first promise that was broken, if any.
    string public broken;
    mapping(bytes4 selector => uint256) public tried;
    mapping(bytes4 selector => uint256) public succeeded;

    uint256 private dice;

    /// @dev A move: its draws come from the seed alone, and everything is looked at behind it.
    modifier move(uint256 seed) {
        dice = seed;
        _;
        check();
    }

    constructor(IEscrow escrow_, IDollar dollar_, address governor_, address twin_) {
        (escrow, dollar, governor, twin) = (escrow_, dollar_, governor_, twin_);
        (thief, judge) = (new Thief(address(escrow_)), new Judge());
        tokens = [address(dollar_), address(0), address(new HookedToken()), address(new FickleToken())];
        for (uint256 i; i < PEOPLE; ++i) {
            accounts[i] = vm.addr(FIRST_KEY + i);
        }
        accounts[THIEF] = address(thief);
        accounts[REVERTER] = address(new Reverter());
        accounts[BURNER] = address(new GasBurner());
        accounts[BOMB] = address(new ReturnBomb());
        accounts[TREASURY] = governor_;
        for (uint256 i; i < PEOPLE; ++i) {
            endow(i);
        }
    }

    /// @dev The actors are set up by their constructor, once.
    function setUp() public override {}

    /// @dev Wealth in every token, half of it in the ledger, and some in the twin's, so that a replay there could take it.
    function endow(uint256 who) private {
        address person = accounts[who];
        vm.deal(person, 3e24);
        for (uint256 t; t < TOKENS; ++t) {
            if (t != COIN) mint(t, person, 3e24);
            if (t == DOLLAR) {
                vm.prank(person);
                dollar.approve(address(escrow), type(uint256).max);
                vm.prank(person);
                dollar.approve(twin, type(uint256).max);
            }
            vm.prank(person);
            escrow.deposit{value: t == COIN ? 1e24 : 0}(tokens[t], 1e24);
            vm.prank(person);
            IEscrow(twin).deposit{value: t == COIN ? 1e24 : 0}(tokens[t], 1e24);
            (ledger[t][who], wallet[t][who]) = (1e24, 1e24);
        }
    }

    // ------------------------------------------------------------------------------------------------ the look

    function check() private {
        for (uint256 t; t < TOKENS; ++t) {
            uint256 sum = locked[t] + gifts[t];
            for (uint256 i; i < ACCOUNTS; ++i) {
                uint256 due = ledger[t][i];
                sum += due;
                if (escrow.balanceOf(accounts[i], tokens[t]) != due) breaks("a ledger holds what it must");
                if (t != FICKLE && realBalance(t, accounts[i]) != wallet[t][i]) breaks("a wallet holds what it must");
            }
            // The fickle token lies, so only its ledgers mean anything.
            if (t != FICKLE && realBalance(t, address(escrow)) != sum) breaks("conservation");
        }
        if (thief.successes() != 0 || judge.rushed()) breaks("nobody calls back in");
    }

    function realBalance(uint256 t, address account) internal view returns (uint256) {
        return t == COIN ? account.balance : HookedToken(tokens[t]).balanceOf(account);
    }

    function breaks(string memory what) internal {
        if (bytes(broken).length == 0) broken = what;
    }

    /// @dev What must work works, and nothing else does.
    function must(bool ok, bool should, string memory what) internal {
        if (ok != should) breaks(string.concat(what, should ? ": must work" : ": must not work"));
    }

    // ------------------------------------------------------------------------------------------------ calling

    /// @dev One call of the escrow, in one transaction's gas.
    function attempt(address from, uint256 value, bytes memory call) internal returns (bool ok) {
        vm.prank(from);
        (ok,) = address(escrow).call{value: value, gas: MOST_GAS}(call);
        bytes4 selector = bytes4(call);
        ++tried[selector];
        if (ok) ++succeeded[selector];
    }

    /// @dev A call that must not work twice.
    function attemptOnce(address from, uint256 value, bytes memory call) internal returns (bool ok) {
        ok = attempt(from, value, call);
        if (ok && once(2)) repeat(address(escrow), from, value, call, "again");
    }

    /// @dev A call on somebody's signature.
    function attemptSigned(address from, uint256 value, bytes memory call) internal returns (bool ok) {
        elsewhere(from, value, call);
        return attemptOnce(from, value, call);
    }

    /// @dev Before it is carried here, a signature must do nothing on a fork or on another escrow.
    function elsewhere(address from, uint256 value, bytes memory call) internal {
        if (!once(4)) return;
        uint256 chain = block.chainid;
        vm.chainId(chain + 1);
        repeat(address(escrow), from, value, call, "on a fork");
        vm.chainId(chain);
        repeat(twin, from, value, call, "on another escrow");
    }

    function repeat(address to, address from, uint256 value, bytes memory call, string memory where) private {
        vm.prank(from);
        (bool ok, bytes memory answer) = to.call{value: value, gas: MOST_GAS}(call);
        // `withdrawMany` skips what is void and says that it carried nothing.
        bool nothing = answer.length == 32 && abi.decode(answer, (uint256)) == 0;
        if (ok && !nothing) breaks(string.concat("a call worked ", where));
    }

    // ------------------------------------------------------------------------------------------------ draws

    function draw(uint256 below) internal returns (uint256) {
        dice = uint256(keccak256(abi.encode(dice)));
        return (dice >> 8) % below;
    }

    function drawWord() internal returns (uint256) {
        dice = uint256(keccak256(abi.encode(dice)));
        return uint256(keccak256(abi.encode(dice, "word")));
    }

    function once(uint256 in_) internal returns (bool) {
        return draw(in_) == 0;
    }

    function keyOf(uint256 who) internal pure returns (uint256) {
        return FIRST_KEY + who;
    }

    /// @dev The key of the one who must sign; now and then another's.
    function drawKey(uint256 who) internal returns (uint256 key, bool good) {
        good = !once(24);
        key = good ? keyOf(who) : STRANGER_KEY;
    }

    /// @dev A signature of 65 or 64 bytes, now and then with a high `s` or another's.
    function drawSignature(uint256 who, bytes32 digest) internal returns (bytes memory signature, bool good) {
        uint256 key;
        (key, good) = drawKey(who);
        if (once(32)) return (signHigh(key, digest), false);
        signature = once(2) ? sign(key, digest) : signShort(key, digest);
    }

    function mint(uint256 t, address account, uint256 amount) internal {
        if (t == COIN) vm.deal(account, account.balance + amount);
        else HookedToken(tokens[t]).mint(account, amount);
    }

    /// @dev Where the account stands, of those that the ghost keeps.
    function indexOf(address account) internal view returns (uint256) {
        for (uint256 i; i < ACCOUNTS; ++i) {
            if (accounts[i] == account) return i;
        }
        return NOBODY;
    }
}
