"""Requesters' own pages, filled in with a unit: MTurk's `${name}` and Liquid as Ground Truth speaks it, within limits.

Liquid is read where the page names `task`; other pages may hold script with braces of its own. Whatever comes from the unit is
escaped, except through `skip_autoescape`. The page runs in a sandbox of another origin all the same.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from liquid import Environment
from liquid.exceptions import LiquidError
from markupsafe import Markup, escape

from piecework.domain.errors import Invalid

LOOPS = 10_000
MOST_CHARACTERS = 2_000_000
"""Of a page, filled in."""
_LIQUID = re.compile(r"\{[{%][^}]*\btask\b")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][\w.\-]{0,99})\}")


class _Limited(Environment):
    """Liquid that ends: no page can loop, nest or write without bound. It reads no files."""

    loop_iteration_limit = LOOPS
    output_stream_limit = MOST_CHARACTERS
    local_namespace_limit = 100_000
    context_depth_limit = 20


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _trusted(value: Any) -> Markup:
    return Markup(value if isinstance(value, str) else _to_json(value))


def _environment() -> Environment:
    environment = _Limited(autoescape=True)
    environment.add_filter("to_json", _to_json)
    environment.add_filter("grant_read_access", lambda value: value)  # whatever a unit names is readable by its worker already
    environment.add_filter("skip_autoescape", _trusted)
    return environment


_LIQUID_HERE = _environment()


def render(page: str, unit: Any, labels: list[str] | None = None) -> str:
    """A page with a unit's values in it.

    Args:
        page: HTML with `${name}` or `{{ task.input.name }}`.
        unit: the unit's content; where it isn't an object it is `${source}` and `task.input.source`.
        labels: the job's, as `task.input.labels`.

    Raises:
        Invalid: the page isn't Liquid, or goes over a limit; the sentence says where.
    """
    values = unit if isinstance(unit, Mapping) else {"source": unit}
    if not _LIQUID.search(page):
        filled = _VARIABLE.sub(lambda found: _shown(values, found), page)
        if len(filled) > MOST_CHARACTERS:
            raise Invalid("The page doesn't work: filled in, it is too long.")
        return filled
    whole = {"taskObject": values.get("source-ref", values.get("source"))} | ({"labels": labels} if labels else {}) | dict(values)
    try:
        return _LIQUID_HERE.from_string(_as_liquid(page, whole)).render(task={"input": whole})
    except (LiquidError, RecursionError, ArithmeticError, TypeError, ValueError) as error:
        raise Invalid(f"The page's Liquid doesn't work: {str(error).splitlines()[0] if str(error) else type(error).__name__}.") from None


def _shown(values: Mapping[str, Any], found: re.Match[str]) -> str:
    """A variable's value, or the text as it stands where the unit has none: script uses the same signs."""
    if found[1] not in values:
        return found[0]
    value = values[found[1]]
    return str(escape(value if isinstance(value, str) else _to_json(value)))


def _as_liquid(page: str, values: Mapping[str, Any]) -> str:
    """`${name}` as Liquid, so that what a value says is never read as a template."""
    return _VARIABLE.sub(lambda found: f"{{{{ task.input['{found[1]}'] }}}}" if found[1] in values else found[0], page)
