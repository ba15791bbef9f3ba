"""What a transaction offers for its gas (EIP-1559), and how much more a second version of it must offer."""

from dataclasses import dataclass

USUAL_TIP = 10**9
"""Wei a gas; enough wherever blocks aren't full."""
BUMP_EIGHTHS = 9
"""A version replaces another if it offers at least an eighth more of both; some nodes are content with a tenth."""


@dataclass(frozen=True, slots=True)
class Fees:
    """Wei a gas: at most `max_fee` in all, of it at most `max_tip` for whoever includes the transaction."""

    max_fee: int
    max_tip: int


def quote(base_fee: int, most: int | None = None) -> Fees:
    """What to offer when a block's gas costs `base_fee` wei: enough for six full blocks to come, and never more than `most`."""
    wanted = 2 * base_fee + USUAL_TIP
    max_fee = wanted if most is None else min(wanted, most)
    return Fees(max_fee, min(USUAL_TIP, max_fee))


def raised(old: Fees, base_fee: int, most: int) -> Fees | None:
    """What a version must offer that takes the place of one with `old`; None if that would be more than `most`."""
    today = quote(base_fee, most)
    max_fee, max_tip = max(_an_eighth_more(old.max_fee), today.max_fee), max(_an_eighth_more(old.max_tip), today.max_tip)
    return None if max_fee > most else Fees(max_fee, min(max_tip, max_fee))


def _an_eighth_more(wei: int) -> int:
    return -(-wei * BUMP_EIGHTHS // 8)
