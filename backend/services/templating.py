"""Requesters' own pages, filled in with a unit: MTurk's `${name}` and Liquid as Ground Truth speaks it, within limits.

Liquid is read where the page names `task`; other pages may hold script with braces of its own. Whatever comes from the unit is
escaped, except through `skip_autoescape`. The page runs in a sandbox of another origin all the same.
"""

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import escape

from backend.services.cell import PAGES, Cell, TooLong
from backend.services.filling import MOST_CHARACTERS, filled, to_json
from piecework.domain.errors import Invalid

_LIQUID = re.compile(r"\{[{%][^{}]*\btask\b")
"""No brace in between: a page of a million braces would be looked through a million times."""
_VARIABLE = re.compile(r"\$\{([A-Za-z_][\w.\-]{0,99})\}")


def is_liquid(page: str) -> bool:
    """Whether it is read as Liquid, and so may take seconds."""
    return _LIQUID.search(page) is not None


def render(page: str, unit: Any, labels: list[str] | None = None, cell: Cell = PAGES) -> str:
    """A page with a unit's values in it. It may take seconds, so not on an event loop.

    Args:
        page: HTML with `${name}` or `{{ task.input.name }}`.
        unit: the unit's content; where it isn't an object it is `${source}` and `task.input.source`.
        labels: the job's, as `task.input.labels`.
        cell: where it is filled in, if it is Liquid.

    Raises:
        Invalid: the page isn't Liquid, or goes over a limit; the sentence says where.
        Unavailable: too many pages are being filled in.
    """
    values = unit if isinstance(unit, Mapping) else {"source": unit}
    if not is_liquid(page):
        plain = filled(_VARIABLE, lambda found: _shown(values, found), page, MOST_CHARACTERS)
        if plain is None:
            raise Invalid("The page doesn't work: filled in, it is too long.")
        return plain
    whole = {"taskObject": values.get("source-ref", values.get("source"))} | ({"labels": labels} if labels else {}) | dict(values)
    try:
        answer = cell.ask("page", _as_liquid(page, whole), {"task": {"input": whole}})
    except TooLong:
        answer = {"wrong": "it takes too long"}
    if "wrong" in answer:
        raise Invalid(f"The page's Liquid doesn't work: {answer['wrong']}.")
    return answer["page"]


def _shown(values: Mapping[str, Any], found: re.Match[str]) -> str:
    """A variable's value, or the text as it stands where the unit has none: script uses the same signs."""
    if found[1] not in values:
        return found[0]
    value = values[found[1]]
    return str(escape(value if isinstance(value, str) else to_json(value)))


def _as_liquid(page: str, values: Mapping[str, Any]) -> str:
    """`${name}` as Liquid, so that what a value says is never read as a template."""
    return _VARIABLE.sub(lambda found: f"{{{{ task.input['{found[1]}'] }}}}" if found[1] in values else found[0], page)
