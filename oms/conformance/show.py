"""Results for people: a table, scenario by scenario, with every reason not to pass; and for machines."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oms.conformance.kit import FAILED, NOT_COMPARABLE, PASSED, SKIPPED, Result

STYLES: Final = {PASSED: "green", FAILED: "bold red", NOT_COMPARABLE: "cyan", SKIPPED: "yellow"}
FAMILY_TITLES: Final = {
    "fix44": "FIX 4.4, and 5.0 SP2, order state change matrices",
    "fix42": "FIX 4.2 order state change matrices",
    "more": "what the standard says elsewhere",
}


def counts(results: Sequence[Result]) -> dict[str, int]:
    """How many runs ended how."""
    found = Counter(result.outcome for result in results)
    return {outcome: found[outcome] for outcome in STYLES}


def good(results: Sequence[Result]) -> bool:
    """Whether something was run, and all of it passed."""
    found = counts(results)
    return found[FAILED] == 0 and found[PASSED] > 0


def as_data(results: Sequence[Result]) -> dict[str, Any]:
    """For JSON."""
    return {**counts(results), "conforms": good(results), "runs": list(results)}


def show(out: Console, results: Sequence[Result], seconds: float, verbose: bool = False) -> None:
    """The table, what went wrong, and the sum of it."""
    for family in dict.fromkeys(result.family for result in results):
        out.print(_table(FAMILY_TITLES.get(family, family), [r for r in results if r.family == family]))
    failed = [result for result in results if result.outcome == FAILED]
    if verbose:
        for result in failed:
            out.print(f"\n{escape(result.detail)}", soft_wrap=True)
    elif failed:
        out.print("--verbose shows for each failure what was expected and what came")
    found = counts(results)
    shown = ", ".join(
        f"[{STYLES[name] if count else 'dim'}]{count} {name}[/]" for name, count in found.items()
    )
    out.print(f"{len(results)} runs: {shown}, in {seconds:.1f} s")
    if not found[PASSED] and not found[FAILED]:
        out.print("nothing could be run: that says nothing of the OMS")


def _table(title: str, results: Sequence[Result]) -> Table | str:
    """One row a scenario; a line where nothing of all this could be run, for one reason."""
    reasons = {(result.outcome, result.why) for result in results}
    if len(reasons) == 1 and results[0].outcome == SKIPPED:
        style = STYLES[SKIPPED]
        return f"[bold]{title}[/]: {len(results)} runs [{style}]skipped[/]: {escape(results[0].why)}"
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("scenario", overflow="fold", ratio=2)
    table.add_column("ways", no_wrap=True)
    table.add_column("what happens, and what did not", overflow="fold", ratio=5)
    for scenario in dict.fromkeys(result.scenario for result in results):
        ways = [result for result in results if result.scenario == scenario]
        lines = [escape(ways[0].title.partition("; ")[0]), *_reasons(ways)]
        table.add_row(escape(scenario), _marks(ways), "\n".join(lines))
    return table


def _reasons(ways: Sequence[Result]) -> Iterator[str]:
    """A line for every reason not to have passed, and the ways that have it."""
    for outcome, why in dict.fromkeys((way.outcome, way.why) for way in ways if way.outcome != PASSED):
        having = [_way(way) for way in ways if (way.outcome, way.why) == (outcome, why)]
        names = f"{', '.join(having)} " if len(ways) > 1 and len(having) < len(ways) else ""
        yield f"[{STYLES[outcome]}]{escape(names)}{outcome}[/]: {escape(why)}"


def _way(result: Result) -> str:
    """Which way through the scenario."""
    name = result.run.removeprefix(f"{result.family}-{result.scenario}").lstrip("-")
    return name.replace("-", " ") or "the main way"


def _marks(ways: Sequence[Result]) -> str:
    signs = {PASSED: "✓", FAILED: "✗", NOT_COMPARABLE: "≠", SKIPPED: "-"}
    return "".join(f"[{STYLES[way.outcome]}]{signs[way.outcome]}[/]" for way in ways)
