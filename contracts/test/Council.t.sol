// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Councils, ICouncil, Plaintiff} from "./harness/Councils.sol";
import {Reverter} from "./hostile/Receivers.sol";

// constructor
// ├── nobody, more than 255, somebody twice, the zero address     MembersWrong
// └── else                                                        members and fee, for ever
// createDispute
// ├── under the fee                                               FeeTooLow
// ├── more than can be shared                                     FeeTooHigh
// ├── no choices, or over 200                                     ChoicesWrong
// └── else                                                        ids from 0 up, DisputeCreation
// vote
// ├── caller not a member                                         CallerNotMember
// ├── dispute unknown / solved                                    DisputeUnknown / DisputeSolved
// ├── ruling past the choices                                     ChoicesWrong
// ├── voted already                                               VotedAlready
// ├── more than half agree, on 0 too                              ruled at once
// ├── all have voted, no majority                                 ruling 0
// ├── the arbitrable reverts                                      the vote didn't happen, and can again
// ├── the arbitrable comes back in                                DisputeSolved, inside
// └── else                                                        counted, Voted
// the fee
// ├── with a ruling that somebody voted for                       among those, to the last wei
// └── with none                                                   among all who voted
// withdraw
// ├── the member refuses its coins                                undone
// └── else                                                        all that the caller earned, FeeWithdrawn
// appeal
// └── always                                                      AppealsEndHere: there is no higher court
contract CouncilTest is Councils {
    Plaintiff private plaintiff;

    function setUp() public override {
        super.setUp();
        (council, plaintiff) = (councilOf(3, FEE), new Plaintiff());
        vm.deal(address(this), 1 ether);
    }

    // ------------------------------------------------------------------------------------------------ members and fee

    function test_a_council_has_one_to_255_different_members() public {
        address[] memory none = new address[](0);
        refuseMembers(none);
        refuseMembers(workersFrom(0x1000, 256));
        refuseMembers(table(address(0xA1), address(0xA1)));
        refuseMembers(table(address(0xA1), address(0)));
        assertTrue(councilOf(1, 0).isMember(member(0)), "one");
        assertTrue(councilOf(255, 0).isMember(member(254)), "255");
    }

    function test_members_and_fee_are_as_deployed() public view {
        for (uint256 i; i < 3; ++i) {
            assertTrue(council.members(i) == member(i) && council.isMember(member(i)), "member");
        }
        assertTrue(!council.isMember(stranger), "stranger");
        assertEq(council.fee(), FEE, "fee");
        assertEq(council.arbitrationCost("whatever"), FEE, "cost");
    }

    // ------------------------------------------------------------------------------------------------ createDispute

    function test_a_dispute_costs_at_least_the_fee_and_no_more_than_can_be_shared() public {
        vm.expectRevert(abi.encodeWithSelector(ICouncil.FeeTooLow.selector, FEE));
        plaintiff.dispute{value: FEE - 1}(council, 2);
        vm.deal(address(this), 1 << 97);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.FeeTooHigh.selector, type(uint96).max));
        plaintiff.dispute{value: 1 << 96}(council, 2);
        plaintiff.dispute{value: type(uint96).max}(council, 2);
    }

    function test_a_dispute_has_one_to_200_choices() public {
        uint256[3] memory wrong = [uint256(0), 201, 258];
        for (uint256 i; i < wrong.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ICouncil.ChoicesWrong.selector, wrong[i]));
            plaintiff.dispute{value: FEE}(council, wrong[i]);
        }
        plaintiff.dispute{value: FEE}(council, 1);
        plaintiff.dispute{value: FEE}(council, 200);
    }

    function test_disputes_are_numbered_from_zero_up() public {
        for (uint256 i; i < 3; ++i) {
            vm.expectEmit(address(council));
            emit ICouncil.DisputeCreation(i, address(plaintiff));
            assertEq(plaintiff.dispute{value: FEE}(council, 2), i, "id");
        }
        assertEq(council.disputeStatus(2), 0, "waiting");
    }

    function test_there_is_no_higher_court() public {
        disputed();
        refuse(ICouncil.AppealsEndHere.selector);
        council.appeal{value: 1}(0, "");
        assertEq(council.appealCost(0, ""), type(uint256).max, "cost");
        (uint256 from, uint256 until) = council.appealPeriod(0);
        assertEq(from + until, 0, "period");
    }

    // ------------------------------------------------------------------------------------------------ vote

    function test_only_members_vote() public {
        disputed();
        vm.prank(stranger);
        refuse(ICouncil.CallerNotMember.selector);
        council.vote(0, 1, "");
    }

    function test_a_vote_is_for_a_dispute_and_a_choice_that_are_there() public {
        vm.expectRevert(abi.encodeWithSelector(ICouncil.DisputeUnknown.selector, 0));
        voteAs(0, 0, 1);
        disputed();
        vm.expectRevert(abi.encodeWithSelector(ICouncil.DisputeUnknown.selector, 1));
        voteAs(0, 1, 1);
        uint256[3] memory wrong = [uint256(3), 256, type(uint256).max];
        for (uint256 i; i < wrong.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ICouncil.ChoicesWrong.selector, wrong[i]));
            voteAs(0, 0, wrong[i]);
        }
    }

    function test_a_vote_is_final() public {
        disputed();
        for (uint256 i; i < 2; ++i) {
            uint256 id = i == 0 ? 0 : disputed();
            voteAs(0, id, i); // refusing to rule is a vote too
            for (uint256 ruling; ruling < 3; ++ruling) {
                vm.expectRevert(abi.encodeWithSelector(ICouncil.VotedAlready.selector, member(0)));
                voteAs(0, id, ruling);
            }
        }
    }

    function test_a_majority_rules_at_once() public {
        disputed();
        vm.expectEmit(address(council));
        emit ICouncil.Voted(0, member(0), 2, "because");
        voteAs(0, 0, 2);
        assertEq(plaintiff.rulings(), 0, "not yet");
        assertEq(council.votesFor(0, 2), 1, "votes");
        vm.expectEmit(address(council));
        emit ICouncil.Ruled(0, 2);
        voteAs(1, 0, 2);
        assertRuled(0, 2);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.DisputeSolved.selector, 0));
        voteAs(2, 0, 1);
    }

    function test_a_majority_may_refuse_to_rule() public {
        disputed();
        voteAs(0, 0, 0);
        voteAs(1, 0, 1);
        voteAs(2, 0, 0);
        assertRuled(0, 0);
        assertEarned(0, 500);
        assertEarned(1, 0);
        assertEarned(2, 500);
    }

    function test_half_is_no_majority() public {
        council = councilOf(4, FEE);
        disputed();
        voteAs(0, 0, 1);
        voteAs(1, 0, 1);
        assertEq(council.disputeStatus(0), 0, "two of four");
        voteAs(2, 0, 2);
        voteAs(3, 0, 1);
        assertRuled(0, 1);
        assertEarned(0, 334);
        assertEarned(1, 333);
        assertEarned(2, 0);
        assertEarned(3, 333);
    }

    function test_a_tie_is_ruling_zero_and_all_who_voted_share() public {
        council = councilOf(2, FEE + 1);
        disputed();
        voteAs(1, 0, 2);
        assertEq(plaintiff.rulings(), 0, "one of two");
        voteAs(0, 0, 1);
        assertRuled(0, 0);
        assertEarned(0, 501);
        assertEarned(1, 500);
    }

    function test_a_tie_in_which_somebody_refused_pays_who_did() public {
        disputed();
        voteAs(0, 0, 1);
        voteAs(1, 0, 0);
        voteAs(2, 0, 2);
        assertRuled(0, 0);
        assertEarned(1, FEE);
    }

    function test_one_member_rules_alone() public {
        council = councilOf(1, FEE);
        disputed();
        voteAs(0, 0, 2);
        assertRuled(0, 2);
        assertEarned(0, FEE);
    }

    function test_a_council_of_255_rules_within_one_transaction() public {
        council = councilOf(255, FEE);
        disputed();
        for (uint256 i; i < 127; ++i) {
            voteAs(i, 0, 2);
        }
        vm.prank(member(254));
        council.vote{gas: 2 ** 24 - 50_000}(0, 2, "because");
        assertRuled(0, 2);
        uint256 sum;
        for (uint256 i; i < 255; ++i) {
            sum += council.earned(member(i));
        }
        assertEq(sum, FEE, "shared");
        assertEarned(0, FEE - 127 * (FEE / 128));
    }

    // ------------------------------------------------------------------------------------------------ arbitrables

    function test_a_vote_that_the_arbitrable_refuses_did_not_happen_and_can_again() public {
        disputed();
        voteAs(0, 0, 1);
        plaintiff.set(true);
        vm.expectRevert(abi.encodeWithSignature("Error(string)", "no"));
        voteAs(1, 0, 1);
        assertEq(council.votesFor(0, 1), 1, "votes");
        assertEarned(0, 0);
        plaintiff.set(false);
        voteAs(1, 0, 1);
        assertRuled(0, 1);
    }

    function test_an_arbitrable_that_comes_back_in_finds_its_dispute_solved() public {
        bytes memory arguments = abi.encode(table(address(plaintiff)), FEE);
        council = ICouncil(vm.deployCode("CouncilArbitrator.sol:CouncilArbitrator", arguments));
        disputed();
        plaintiff.plan(address(council), abi.encodeCall(ICouncil.vote, (0, 1, "")));
        vm.prank(address(plaintiff));
        council.vote(0, 2, "");
        assertRuled(0, 2);
        assertTrue(!plaintiff.succeeded() && bytes4(plaintiff.answer()) == ICouncil.DisputeSolved.selector, "solved");
        assertEq(council.earned(address(plaintiff)), FEE, "once");
    }

    // ------------------------------------------------------------------------------------------------ fees

    function test_a_member_withdraws_what_all_its_votes_earned() public {
        for (uint256 id; id < 2; ++id) {
            disputed();
            voteAs(0, id, 2);
            voteAs(1, id, 2);
        }
        vm.prank(member(0));
        vm.expectEmit(address(council));
        emit ICouncil.FeeWithdrawn(member(0), FEE);
        council.withdraw();
        assertEq(member(0).balance, FEE, "received");
        assertEarned(0, 0);
        vm.prank(member(0));
        council.withdraw();
        assertEq(member(0).balance, FEE, "once");
        assertEq(address(council).balance, FEE, "the other's");
    }

    function test_a_member_that_refuses_its_coins_keeps_them_earned() public {
        council = councilOf(1, FEE);
        disputed();
        voteAs(0, 0, 1);
        vm.etch(member(0), address(new Reverter()).code);
        vm.prank(member(0));
        vm.expectRevert(abi.encodeWithSignature("ETHTransferFailed()"));
        council.withdraw();
        assertEarned(0, FEE);
    }

    /// @dev Against a count of its own: who has a majority, and that what is earned is what was paid.
    function testFuzz_the_ruling_is_the_majoritys_and_the_fee_is_shared(bytes32 seed, uint8 size, uint96 paid) public {
        uint256 count = 1 + size % 12;
        council = councilOf(count, 0);
        vm.deal(address(this), paid);
        plaintiff.dispute{value: paid}(council, 3);
        uint256[4] memory tally;
        (uint256 voted, uint256 ruling, bool solved) = (0, 0, false);
        for (; voted < count && !solved; ++voted) {
            ruling = uint8(seed[voted]) % 4;
            voteAs(voted, 0, ruling);
            solved = 2 * ++tally[ruling] > count;
        }
        if (!solved) ruling = 0;
        assertRuled(0, ruling);
        (uint256 sum, uint256 sharers) = (0, tally[ruling] == 0 ? voted : tally[ruling]);
        for (uint256 i; i < count; ++i) {
            uint256 earned = council.earned(member(i));
            sum += earned;
            bool shares = i < voted && (tally[ruling] == 0 || uint8(seed[i]) % 4 == ruling);
            assertTrue(shares ? earned >= paid / sharers : earned == 0, "share");
        }
        assertEq(sum, paid, "to the last wei");
    }

    // ------------------------------------------------------------------------------------------------ pieces

    function disputed() private returns (uint256) {
        return plaintiff.dispute{value: council.fee()}(council, 2);
    }

    function refuseMembers(address[] memory members) private {
        refuse(ICouncil.MembersWrong.selector);
        vm.deployCode("CouncilArbitrator.sol:CouncilArbitrator", abi.encode(members, FEE));
    }

    function assertRuled(uint256 id, uint256 ruling) private view {
        assertEq(council.disputeStatus(id), 2, "status");
        assertEq(council.currentRuling(id), ruling, "ruling");
        assertEq(plaintiff.ruling(), ruling, "as told");
        assertEq(plaintiff.disputeId(), id, "of which");
    }
}
