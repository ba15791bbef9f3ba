"""The flaws that a review of the protocol planted into its model, as changes of the contracts' source."""

from scripts.mutation.mutant import Mutant

BOOKS, PIECEWORK, SETTLEMENTS = "Books.sol", "Piecework.sol", "Settlements.sol"
OPENINGS, APPEALS = "Openings.sol", "Appeals.sol"
SLOTS, PUSH = "libraries/Slots.sol", "libraries/Push.sol"


def planted() -> list[Mutant]:
    """Three of the review's flaws can't be planted: there is no cancelling call, no contested bit is ever cleared by design of
    `Slots`, and the promise that was found impossible is not made."""
    return [Mutant(name, file, old, new) for name, file, old, new in _PLANTED]


_PLANTED = (
    ("opened is not taken", OPENINGS, "        Slots.finish(taken[job], cursor);\n        wordOf(job).taken", "        wordOf(job).taken"),
    ("what isn't free is kept", SLOTS, "if (free != marks) {", "if (false) {"),
    ("a slot past the funding", SLOTS, "slot + 32 > end ?", "slot > type(uint128).max ?"),
    ("close ignores openings", PIECEWORK, "state.funded - state.taken;", "state.funded - state.resolved;"),
    ("only the requester closes", PIECEWORK, "        uint32 free = ", "        requireRequester(terms);\n        uint32 free = "),
    ("an opening is final more than once", OPENINGS, "        state.finalized = true;\n", ""),
    ("a contest has no end", OPENINGS, "        if (block.timestamp >= until) revert NotNow(state.openedAt, until);\n", ""),
    (
        "an appeal asks the arbitrator's price",
        APPEALS,
        "        if (terms.appealStake != 0) debit",
        "        IArbitrator(terms.arbitrator).arbitrationCost(terms.arbitratorExtraData);\n"
        "        if (terms.appealStake != 0) debit",
    ),
    ("no limit for a ruling", APPEALS, "terms.appealWindow : RULING_LIMIT)", "terms.appealWindow : 3650 days)"),
    (
        "a coordinator's code is asked",
        BOOKS,
        "internal pure {\n        if (!Signatures.signedByKey(terms.coordinator, digest, r, vs))",
        "internal view {\n        if (terms.coordinator.code.length != 0 || !Signatures.signedByKey(terms.coordinator, digest, r, vs))",
    ),
    (
        "an operator is checked at settlement",
        BOOKS,
        "        if (!Signatures.signedBy(terms.operator, digest, approval)) revert",
        "        if (operators[terms.requester][terms.operator][terms.token].expiresAt <= block.timestamp) revert Locked();\n"
        "        if (!Signatures.signedBy(terms.operator, digest, approval)) revert",
    ),
    (
        "a receipt is an approval",
        BOOKS,
        "        if (Signatures.signedBy(terms.requester, digest, approval)) return;",
        "        if (Signatures.signedBy(terms.requester, batch, approval)) return;\n"
        "        if (Signatures.signedBy(terms.requester, digest, approval)) return;",
    ),
    ("a failed push reverts", PUSH, "if iszero(sent) { unsent", "if iszero(sent) { revert(0, 0) unsent"),
    (
        "bits after the push",
        SETTLEMENTS,
        "        Slots.finish(taken[run.job], run.cursor);\n        state.taken += uint32(run.took);",
        "        state.taken += uint32(run.took);",
    ),
    ("a fee is rounded up", BOOKS, "credit(treasury, terms.token, slots * terms.fee);", "credit(treasury, terms.token, slots * terms.fee + 1);"),
    ("a withdrawal without a nonce", PIECEWORK, "        useNonce(withdrawal.owner, withdrawal.token, withdrawal.nonce);\n", ""),
    ("a relayer names its fee", PIECEWORK, "        if (fee > withdrawal.maxFee) revert FeeTooHigh(withdrawal.maxFee, fee);\n", ""),
    ("an opening too large for a block", BOOKS, "MAX_OPENED = 1_024;", "MAX_OPENED = 16_384;"),
    ("an appeal before contests end", APPEALS, "if (block.timestamp < from || block.timestamp >= until) revert NotNow(from, until);\n        Slots.keepPlace", "if (block.timestamp >= until) revert NotNow(from, until);\n        Slots.keepPlace"),
    ("a deposit is forgotten", OPENINGS, "priceOf(terms, took) + took * terms.contestDeposit", "priceOf(terms, took)"),
)
