"""What every bench prints."""

import json
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; `target` is the most that it may be (or the least, where `at_least`), None for a figure without one."""

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


def print_rows(bench: str, rows: list[Row], as_json: bool) -> None:
    """As one JSON object, or as a table."""
    if as_json:
        results = [
            {"name": row.name, "value": row.value, "unit": row.unit, "target": row.target, "met": row.met} for row in rows
        ]
        print(json.dumps({"bench": bench, "results": results}))
        return
    table = Table(title=bench, title_justify="left")
    for heading in ("figure", "value", "unit", "target", "met"):
        table.add_column(heading, justify="left" if heading in ("figure", "unit") else "right")
    for row in rows:
        met = {True: "yes", False: "NO", None: ""}[row.met]
        sign = "≥" if row.at_least else "≤"
        table.add_row(row.name, f"{row.value:,.4g}" if row.value < 100 else f"{row.value:,.0f}", row.unit,
                      "" if row.target is None else f"{sign} {row.target:,g}", met)
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)

