"""What came of scenarios: a table for people, and data for machines."""

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oms.sim.scenario import FAILED, NOT_REACHED, PASSED, Run

STYLES: Final = {PASSED: "green", FAILED: "bold red", NOT_REACHED: "dim"}


def good(runs: Sequence[Run]) -> bool:
    """Whether all of them passed, and there was any."""
    return bool(runs) and all(run.passed for run in runs)


def as_data(runs: Sequence[Run]) -> dict[str, Any]:
    """For JSON."""
    return {
        "passed": good(runs),
        "scenarios": [
            {
                "title": run.scenario.title,
                "broker": run.broker.name,
                "passed": run.passed,
                "besides": run.besides,
                "steps": run.verdicts,
            }
            for run in runs
        ],
    }


def show(out: Console, runs: Sequence[Run]) -> None:
    """A table a scenario, and the sum of it."""
    for run in runs:
        out.print(_table(run))
        if run.besides:
            messages = "message" if run.besides == 1 else "messages"
            out.print(f"{run.besides} {messages} besides, worked as the profile has it")
    passed = sum(run.passed for run in runs)
    style = "green" if good(runs) else "bold red"
    out.print(f"[{style}]{passed} of {len(runs)} scenarios passed[/]")


def _table(run: Run) -> Table:
    mark = f"[{STYLES[PASSED if run.passed else FAILED]}]{'passed' if run.passed else 'failed'}[/]"
    table = Table(title=f"{escape(run.scenario.title)}: {mark}", title_justify="left", title_style="bold")
    table.add_column("step", justify="right")
    table.add_column("what", overflow="fold", ratio=3)
    table.add_column("verdict", no_wrap=True)
    table.add_column("s", justify="right")
    table.add_column("what came", overflow="fold", ratio=4)
    for verdict in run.verdicts:
        table.add_row(
            str(verdict.number),
            escape(verdict.what),
            f"[{STYLES[verdict.outcome]}]{verdict.outcome}[/]",
            f"{verdict.seconds:.3f}" if verdict.outcome != NOT_REACHED else "",
            escape(verdict.detail),
        )
    return table
