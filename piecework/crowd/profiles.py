"""How a simulated worker answers.

    random          whatever the task allows
    spam            always the first choice, without looking
    rule:TEXT       TEXT, with {column} filled in from the unit
    column:NAME     what the unit's column NAME says

`@SHARE` behind a profile says how many of the workers have it, beside the others' shares: `column:truth@8` and `spam@2`.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from piecework.domain.errors import Invalid

KINDS = ("random", "spam", "rule", "column")
_SHARE = re.compile(r"(.*)@([0-9]{1,6}(?:\.[0-9]{1,6})?)", re.DOTALL)
_COLUMN = re.compile(r"\{([^{}]{1,200})\}")


@dataclass(frozen=True, slots=True)
class Profile:
    """One way to answer, and how many of the workers have it.

    Attributes:
        kind: see above.
        text: the rule's text or the column's name.
        share: its weight among the others.
    """

    kind: str
    text: str = ""
    share: float = 1.0

    def __str__(self) -> str:
        return f"{self.kind}:{self.text}" if self.text else self.kind

    def said(self, unit: Mapping[str, Any]) -> Any:
        """What it wants to say of a unit with these columns; None where it has nothing to say, and chance or sloth decides."""
        if self.kind == "rule":
            return _COLUMN.sub(lambda found: str(unit.get(found[1], found[0])), self.text)
        return unit.get(self.text) if self.kind == "column" else None


def read_profile(text: str) -> Profile:
    """A profile as it is typed.

    Raises:
        Invalid: there is none such.
    """
    found = _SHARE.fullmatch(text)
    body, share = (found[1], float(found[2])) if found else (text, 1.0)
    kind, _, rest = body.partition(":")
    if kind not in KINDS or (kind in ("rule", "column")) != bool(rest) or share <= 0:
        raise Invalid(f"'{text}' is no profile: random, spam, rule:TEXT or column:NAME, with @SHARE behind it if you like.")
    return Profile(kind, rest, share)


def dealt(profiles: Sequence[Profile], count: int, chance: random.Random) -> list[Profile]:
    """A profile for each of `count` workers, in the shares that were asked for as nearly as whole workers can, shuffled."""
    total = sum(profile.share for profile in profiles)
    bounds = [sum(one.share for one in profiles[: at + 1]) / total * count for at in range(len(profiles))]
    hands = [next(profile for profile, bound in zip(profiles, bounds, strict=True) if number + 0.5 <= bound + 1e-9) for number in range(count)]
    chance.shuffle(hands)
    return hands
