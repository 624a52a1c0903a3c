"""Run the benchmarks, print one table, keep it.

    python -m bench                  everything, about ten minutes; writes results.{md,json} and latency.png
    python -m bench --quick          the same small, about a minute; numbers to look at, not to keep
    python -m bench --only wire      one part: core, codec, journal, book, recovery, routing or wire

Only a full run of everything writes beside this file. Others write to var/bench, so that the results which
are kept are always those of one whole run.

The parts but wire are pytest-benchmark cases, run in a process of their own; their timings come back as JSON.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import figures, plot, wire
from bench.cases import REPOSITORY
from bench.figures import Figure

PARTS: Final = ("core", "codec", "journal", "book", "recovery", "routing")
PACKAGES: Final = (
    "quickfix",
    "msgspec",
    "uvloop",
    "sortedcontainers",
    "numpy",
    "simplefix",
    "pytest-benchmark",
)

YARDSTICK_ADDITIONS: Final = 100_000

out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)


class Failed(Exception):
    """A benchmark did not run to its end, or a case's assertion does not hold."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Run the benchmarks.")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds")
    parser.add_argument("--only", choices=(*PARTS, "wire"), help="one part alone")
    arguments = parser.parse_args()
    parts = [arguments.only] if arguments.only else [*PARTS, "wire"]
    whole = not arguments.quick and not arguments.only
    directory = REPOSITORY / ("bench" if whole else "var/bench")
    directory.mkdir(parents=True, exist_ok=True)
    facts = machine_facts()
    found: list[Figure] = []
    results: list[wire.Result] = []
    # Drawn between the measurements only: a progress bar that draws itself takes time from what is measured.
    columns = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=out, auto_refresh=False) as progress:
            for part in parts:
                if part == "wire":
                    results = run_wire(progress, wire.QUICK if arguments.quick else wire.FULL)
                    found += wire.figures(results)
                else:
                    found += run_cases(progress, part, "quick" if arguments.quick else "full")
    except (Failed, wire.ServerFailed) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    facts["at the end"] = speed()
    out.print(figures.as_table(found))
    write(directory, facts, found, results)
    missed = [figure.name for figure in found if figure.met is False]
    out.print(f"targets missed: {'; '.join(missed)}" if missed else "no target missed")
    out.print(f"written: {directory.relative_to(REPOSITORY)}/results.md, results.json, latency.png")
    return 0


def run_cases(progress: Progress, part: str, size: str) -> list[Figure]:
    """One file of pytest-benchmark cases. Raises Failed."""
    task = progress.add_task(part, total=None)
    advance = _advance(progress, task)
    with TemporaryDirectory() as name:
        report = Path(name) / "report.json"
        command = [sys.executable, "-m", "pytest", f"bench/test_{part}.py", "-v", "--size", size]
        command += [f"--benchmark-json={report}", "-p", "no:cacheprovider", "--timeout", "0"]
        lines: list[str] = []
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            for line in running.stdout:
                lines.append(line)
                if line.startswith("collecting") or "collected" in line:
                    count = next((int(word) for word in line.split() if word.isdigit()), None)
                    progress.update(task, total=count)
                elif "PASSED" in line or "SKIPPED" in line:
                    advance()
        if running.returncode:
            raise Failed("".join(lines[-40:]))
        return figures.from_benchmarks(json.loads(report.read_text()))


def run_wire(progress: Progress, sizes: wire.Sizes) -> list[wire.Result]:
    """All rounds of all variants. Raises wire.ServerFailed."""
    task = progress.add_task("wire", total=sizes.rounds * len(wire.variants()))
    advance = _advance(progress, task)
    return wire.run(sizes, lambda variant: advance())


def _advance(progress: Progress, task: Any) -> Callable[[], None]:
    def advance() -> None:
        progress.advance(task)
        progress.refresh()

    progress.refresh()
    return advance


# -- what is kept --------------------------------------------------------------------------------------------


def machine_facts() -> dict[str, str]:
    """What the figures were measured on."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "command": " ".join(["python", "-m", "bench", *sys.argv[1:]]),
        "processor": _processor(),
        "cores": wire.placement(),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}, {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES),
        "at the start": speed(),
    }


def speed() -> str:
    """How busy the machine is, and how fast just now: what else tells a slow hour from a slow program."""
    loads = " ".join(f"{load:.2f}" for load in os.getloadavg())
    best_s = min(timeit.repeat(_yardstick, number=1, repeat=20))
    return f"load average {loads}; {YARDSTICK_ADDITIONS:,} integer additions in {best_s * 1e3:.1f} ms"


def _yardstick() -> int:
    total = 0
    for n in range(YARDSTICK_ADDITIONS):
        total += n
    return total


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def write(directory: Path, facts: dict[str, str], found: list[Figure], results: list[wire.Result]) -> None:
    """results.md, results.json, and with the wire latency.png."""
    (directory / "results.json").write_text(figures.as_json(facts, found, wire.as_rounds(results)) + "\n")
    (directory / "results.md").write_text(page(facts, found, bool(results)))
    if results:
        plot.draw(wire.pooled(results), directory / "latency.png")


def page(facts: dict[str, str], found: list[Figure], has_wire: bool) -> str:
    """The results as a page."""
    lines = ["# Benchmark results", ""]
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    lines += [
        "",
        "Cases: the median over the rounds, and their quartiles. Wire: the median over the rounds, their"
        " lowest and highest; a ratio is the median of the ratios within each round, to the baseline in the",
        " same mode. What is measured, and how, is said at the top of each file in bench/.",
        "",
        figures.as_markdown(found),
        "",
    ]
    if has_wire:
        lines += ["![round trips by percentile](latency.png)", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
