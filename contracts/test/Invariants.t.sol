// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IArbitrable} from "../src/interfaces/IArbitrator.sol";
import {IPiecework} from "../src/interfaces/IPiecework.sol";
import {IRecourse} from "../src/interfaces/IRecourse.sol";
import {Base} from "./Base.sol";
import {Actors} from "./invariants/Actors.sol";

/// @dev The seven promises over random lives: `invariants/Ghost.sol` says how each call is held to them.
abstract contract Lives is Base {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Actors internal actors;

    function setUp() public override {
        super.setUp();
        address twin = vm.deployCode("Piecework.sol:Piecework", abi.encode(governor));
        actors = new Actors(escrow, dollar, governor, twin);
    }

    function targetContracts() external view returns (address[] memory) {
        return table(address(actors));
    }

    /// @dev The end is no move.
    function excludeSelectors() external view returns (FuzzSelector[] memory excluded) {
        excluded = new FuzzSelector[](1);
        excluded[0] = FuzzSelector(address(actors), new bytes4[](2));
        (excluded[0].selectors[0], excluded[0].selectors[1]) = (Actors.end.selector, Base.setUp.selector);
    }

    function assertUnbroken() internal view {
        assertTrue(bytes(actors.broken()).length == 0, actors.broken());
    }
}

contract InvariantTest is Lives {
    function invariant_every_promise_holds_after_every_call() external view {
        assertUnbroken();
    }

    /// @dev Promise 5, from wherever a life has come to.
    function afterInvariant() external {
        actors.end();
        assertUnbroken();
    }
}

/// @dev Lives in which no call ever succeeds would prove nothing: in one long life every function of the escrow that changes anything
/// succeeds.
contract LongLifeTest is Lives {
    uint256 private constant MANY = 1;

    event Succeeded(bytes4 indexed selector, uint256 succeeded, uint256 tried);

    /// forge-config: default.invariant.runs = 1
    /// forge-config: default.invariant.depth = 10000
    /// forge-config: default.invariant.shrink_run_limit = 0
    function invariant_every_promise_holds_in_a_long_life() external view {
        assertUnbroken();
    }

    function afterInvariant() external {
        assertUnbroken();
        bytes4[27] memory functions = [
            IPiecework.deposit.selector,
            IPiecework.depositWithPermit.selector,
            IPiecework.withdraw.selector,
            IPiecework.withdrawWithSignature.selector,
            IPiecework.post.selector,
            IPiecework.postWithPermit.selector,
            IPiecework.postWithAuthorization.selector,
            IPiecework.fund.selector,
            IPiecework.fundWithPermit.selector,
            IPiecework.fundWithAuthorization.selector,
            IPiecework.settle.selector,
            IPiecework.close.selector,
            IPiecework.setProtocolFee.selector,
            IRecourse.open.selector,
            IRecourse.finalize.selector,
            IRecourse.contest.selector,
            IRecourse.concede.selector,
            IRecourse.reclaim.selector,
            IRecourse.appeal.selector,
            IRecourse.defend.selector,
            IRecourse.conclude.selector,
            IRecourse.submitEvidence.selector,
            IRecourse.setOperator.selector,
            IRecourse.setOperatorWithSignature.selector,
            IRecourse.tip.selector,
            IRecourse.withdrawMany.selector,
            IArbitrable.rule.selector
        ];
        for (uint256 i; i < functions.length; ++i) {
            uint256 succeeded = actors.succeeded(functions[i]);
            emit Succeeded(functions[i], succeeded, actors.tried(functions[i]));
            assertTrue(succeeded >= MANY, "a function of the escrow hardly ever succeeds");
        }
    }
}
