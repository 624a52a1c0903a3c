"""From timings to figures, and from figures to tables.

A `Figure` is one line of the results: a number with a unit, where it has one its ratio to a named baseline of
the same run, and where one is set a target. A missed target is written down as missed.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from rich.table import Table


@dataclass(frozen=True)
class Counted:
    """What one round of a benchmark case counts: `count` things. `unit` says how the figure is told.

    "us" is the time for one of them, "ms" that of the whole round, and "things/s" how many there are in a
    second. A figure that the case has measured itself, in `unit`, stands in `value`.
    """

    name: str
    unit: str
    count: int = 1
    value: float | None = None
    baseline: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Figure:
    """One line of the results. `low` and `high` span the rounds."""

    name: str
    unit: str
    value: float
    low: float = 0.0
    high: float = 0.0
    ratio: float | None = None
    baseline: str = ""  # what the ratio is to
    target: str = ""
    met: bool | None = None


TARGETS: Final = {
    "core": 150_000.0,
    "recovery, events": 200_000.0,
    "routing: 1,000 rules": 333_333.0,
}
"""Name -> what a rate must reach at least. The wire's target is a ratio: see `wire.py`."""


def of_seconds(counted: Counted, seconds: float) -> float:
    """A round's time as the figure that was counted.

    >>> of_seconds(Counted("x", "us", 1000), 0.002)
    2.0
    >>> of_seconds(Counted("x", "records/s", 1000), 0.002)
    500000.0
    """
    if counted.value is not None:
        return counted.value
    if counted.unit.endswith("/s"):
        return counted.count / seconds
    if counted.unit == "ms":
        return seconds * 1e3
    return seconds * 1e6 / counted.count


def from_benchmarks(report: dict[str, Any]) -> list[Figure]:
    """The figures in what `pytest --benchmark-json` wrote: medians over the rounds, and their quartiles."""
    figures = []
    for case in report["benchmarks"]:
        stats = case["stats"]
        for described in case["extra_info"].get("figures", []):
            counted = Counted(**described)
            value, *span = (of_seconds(counted, stats[name]) for name in ("median", "q1", "q3"))
            figure = Figure(
                counted.name, counted.unit, value, min(span), max(span), baseline=counted.baseline
            )
            figures.append(with_target(figure))
    return with_ratios(figures)


def with_ratios(figures: Sequence[Figure]) -> list[Figure]:
    """The figures, those that name a baseline with their ratio to it.

    >>> [f.ratio for f in with_ratios([Figure("a", "us", 6.0, baseline="b"), Figure("b", "us", 2.0)])]
    [3.0, None]
    """
    values = {figure.name: figure.value for figure in figures}
    return [
        replace(figure, ratio=figure.value / values[figure.baseline]) if figure.baseline in values else figure
        for figure in figures
    ]


def with_target(figure: Figure) -> Figure:
    """The figure, measured against its target if it has one."""
    target = TARGETS.get(figure.name)
    if target is None:
        return figure
    return replace(figure, target=f">= {target:,.0f}", met=figure.value >= target)


def number(value: float) -> str:
    """Three significant digits, thousands apart.

    >>> [number(x) for x in (0.1234, 12.34, 1234.5, 1234567)]
    ['0.123', '12.3', '1,235', '1,234,567']
    """
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


COLUMNS: Final = ("figure", "unit", "value", "low .. high", "ratio", "to", "target", "met")


def cells(figure: Figure) -> tuple[str, ...]:
    """A figure as the columns of a table."""
    return (
        figure.name,
        figure.unit,
        number(figure.value),
        f"{number(figure.low)} .. {number(figure.high)}" if figure.high else "",
        f"{figure.ratio:.2f}" if figure.ratio is not None else "",
        figure.baseline,
        figure.target,
        "" if figure.met is None else "yes" if figure.met else "MISSED",
    )


def as_table(figures: Iterable[Figure]) -> Table:
    """For a terminal."""
    table = Table(title="benchmarks", title_justify="left")
    for name in COLUMNS:
        table.add_column(
            name, justify="right" if name in ("value", "low .. high", "ratio", "target") else "left"
        )
    for figure in figures:
        style = "bold red" if figure.met is False else ""
        table.add_row(*cells(figure), style=style)
    return table


def as_markdown(figures: Iterable[Figure]) -> str:
    """For a page."""
    right = {"value", "low .. high", "ratio", "target"}
    rows = [COLUMNS, tuple("---:" if name in right else "---" for name in COLUMNS), *map(cells, figures)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def as_json(facts: dict[str, str], figures: Sequence[Figure], rounds: Sequence[dict[str, Any]]) -> str:
    """For a program: the figures, what they were measured on, and the wire's rounds one by one."""
    return json.dumps(
        {"facts": facts, "figures": [asdict(f) for f in figures], "wire_rounds": rounds}, indent=1
    )
