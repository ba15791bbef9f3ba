"""Amounts of money, exact at any size.

Amounts are base units of a token as `int`, exact at any size. Addresses are lower-case hex with 0x (checksummed only where a
person reads them); hashes and job ids are `bytes` of 32. Instants on the chain are Unix seconds.
"""

from typing import NewType

from piecework.domain.errors import Invalid

BaseUnits = NewType("BaseUnits", int)

NATIVE = "0x" + "00" * 20
"""The token address that stands for the chain's own coin."""

UINT256_MAX = 2**256 - 1
UINT256_DIGITS = 78


def base_units(text: str, decimals: int) -> BaseUnits:
    """Reads a decimal amount such as "0.05" exactly.

    Args:
        text: digits with at most one point; no sign, exponent or separators.
        decimals: how many decimals the token has (6 for most dollars).

    Raises:
        Invalid: not such a number, more decimals than the token has, or over uint256.
    """
    cleaned = text.strip()
    if not cleaned.replace(".", "", 1).isdigit() or not cleaned.isascii():
        raise Invalid(f"'{text}' is not an amount; write it like 0.05.")
    whole, _, part = cleaned.partition(".")
    whole, part = whole.lstrip("0"), part.rstrip("0")
    if len(part) > decimals:
        raise Invalid(f"{text} has more than {decimals} decimals, which is all the token has.")
    # The length first: Python refuses to read thousands of digits.
    units = int(whole + part.ljust(decimals, "0") or "0") if len(whole) + decimals <= UINT256_DIGITS else UINT256_MAX + 1
    if units > UINT256_MAX:
        raise Invalid(f"{text} is more than a token can count.")
    return BaseUnits(units)


def decimal_text(amount: int, decimals: int) -> str:
    """Writes base units as an exact decimal, at least two places where the token has them: 50000 → "0.05"."""
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    whole, part = divmod(amount, 10**decimals)
    if decimals == 0:
        return f"{sign}{whole}"
    digits = f"{part:0{decimals}d}".rstrip("0").ljust(min(2, decimals), "0")
    return f"{sign}{whole}.{digits}"
