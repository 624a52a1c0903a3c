"""Wire to wire: what a client sees, over loopback TCP, between processes on cores of their own.

Variants, all measured in one run, side by side:

    echo, file store      bench/echo.py: QuickFIX alone, polled, its messages in its file store
    echo, memory store    the same with the memory store
    engine, process       the engine, answered by its paper venue; the journal survives the death of the
    process engine, machine       the same; the journal survives power loss: fdatasync before anything leaves
    engine, broker        the engine and, in a process of its own behind another FIX session, the broker
    simulator

Modes: *spin*, nobody sleeps: the server looks again as soon as a turn found nothing (`spin_ms`), and so does
the client; *sleep*, both sleep in the kernel as soon as there is nothing to do (`spin_ms = 0`). A wake-up
costs about as much as an order, so the modes are never compared with each other; the echo spins or sleeps as
the engine does.

The server has the first core, the client the last. With fewer than three cores the broker simulator shares
the client's, and then there is no spinning variant of it: two spinning processes on one core only measure the
scheduler.

A machine's speed drifts, most of all a shared one's. So every round runs all variants one after the other,
each with new processes and empty journals, and what is reported are medians over the rounds of ratios within
a round.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bench.cases import REPOSITORY, VENUE, write_config
from bench.figures import Figure
from oms.config import load
from oms.fix.door import free_port
from oms.operator import ask

BASELINE: Final = "echo, file store"
ROUND_TRIP_TARGET: Final = 2.0
"""The engine's first report, at most so many times the baseline's."""

START_S: Final = 30.0
SPIN_MS: Final = 1_000.0

Samples = dict[str, npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    rounds: int
    ping: int
    fill: int
    saturated: int
    window: int = 64


FULL: Final = Sizes(rounds=9, ping=3_000, fill=1_000, saturated=6_000)
QUICK: Final = Sizes(rounds=2, ping=400, fill=100, saturated=1_000)


@dataclass(frozen=True)
class Variant:
    """One server to be measured, in one mode."""

    name: str
    spin: bool

    @property
    def mode(self) -> str:
        return "spin" if self.spin else "sleep"

    @property
    def is_echo(self) -> bool:
        return self.name.startswith("echo")


NAMES: Final = (BASELINE, "echo, memory store", "engine, process", "engine, machine", "engine, broker")


@dataclass(frozen=True)
class Result:
    """What one variant did in one round."""

    round: int
    variant: Variant
    samples: Samples

    def median_us(self, name: str) -> float:
        return float(np.median(self.samples[name])) / 1e3

    def percentile_us(self, name: str, percent: float) -> float:
        return float(np.percentile(self.samples[name], percent)) / 1e3

    @property
    def orders_per_s(self) -> float:
        elapsed_ns, number = self.samples["saturated"]
        return float(number) * 1e9 / float(elapsed_ns)

    def cpu_us(self, phase: str, process: int = 0) -> float:
        """Processor time per order: 0 the server, -1 the client."""
        return float(self.samples[f"cpu_{phase}"][process]) / 1e3


def cores() -> tuple[int, int]:
    """The server's and the client's core: the same if there is only one."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]


def placement() -> str:
    """In words, where everything runs, and what that keeps from being measured."""
    number = len(os.sched_getaffinity(0))
    core, other_core = cores()
    if number == 1:
        return "1; server and client share it: nothing here can be fast"
    if number == 2:
        return (
            f"2; server on {core}, client on {other_core}, where the broker simulator is too and never spins"
        )
    return f"{number}; server on {core}, client on {other_core}, the broker simulator on {other_core - 1}"


def variants() -> list[Variant]:
    """What can be measured here, in the order of a round."""
    spinning = len(os.sched_getaffinity(0)) > 2
    return [
        Variant(name, spin)
        for spin in (True, False)
        for name in NAMES
        if name != NAMES[-1] or not spin or spinning
    ]


# -- processes -----------------------------------------------------------------------------------------------


class ServerFailed(Exception):
    """A process did not do its part. The message has the end of its log."""


@contextmanager
def process(arguments: Sequence[str], log: Path, core: int) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m ARGUMENTS` on one core, ended by SIGTERM at the end of the block."""
    with log.open("ab") as file:
        started = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=REPOSITORY,
        )
    # Before it has a second thread: those to come inherit it.
    os.sched_setaffinity(started.pid, {core})
    try:
        yield started
        if started.poll() not in (None, 0):
            raise ServerFailed(f"{' '.join(arguments[:2])} ended\n{log.read_text(errors='replace')[-2000:]}")
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
            try:
                started.wait(START_S)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def wait_until(condition: Callable[[], bool], server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for something that a server does at its start. Raises ServerFailed."""
    deadline = time.monotonic() + START_S
    while not condition():
        if server.poll() is not None or time.monotonic() > deadline:
            raise ServerFailed(f"a server did not start\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.02)


@contextmanager
def server(variant: Variant, directory: Path, core: int, other_core: int) -> Iterator[tuple[int, list[int]]]:
    """A variant's processes, ready for a client. Yields the port and their pids, the server's first."""
    port, log = free_port(), directory / "log"
    if variant.is_echo:
        store = "file" if "file" in variant.name else "memory"
        arguments = ["bench.echo", "--port", str(port), "--store", store, "--directory", str(directory)]
        with process([*arguments, *(["--spin"] if variant.spin else [])], log, core) as echo:
            wait_until(lambda: "ready" in log.read_text(), echo, log)
            yield port, [echo.pid]
        return
    broker = variant.name == "engine, broker"
    venue_port = free_port()
    path = write_config(
        directory,
        venue=VENUE if broker else "paper",
        durability="machine" if "machine" in variant.name else "process",
        spin_ms=SPIN_MS if variant.spin else 0.0,
        port=port,
        venue_port=venue_port,
    )
    with ExitStack() as stack:
        pids = []
        if broker:
            spin = ["--spin"] if variant.spin else []
            sim = stack.enter_context(
                process(["oms", "sim", str(path), *spin], directory / "sim.log", other_core)
            )
            pids.append(sim.pid)
        engine = stack.enter_context(process(["oms", "run", str(path)], log, core))
        wait_until(_ready(Path(load(path).files.operator_socket), broker), engine, log)
        yield port, [engine.pid, *pids]


def _ready(operator_socket: Path, broker: bool) -> Callable[[], bool]:
    """Whether the engine answers; with a broker, whether that is logged on and has sent all its prices."""
    seen = [-1]

    def ready() -> bool:
        try:
            status = ask(operator_socket, {"do": "status"})
        except OSError:
            return False
        if not broker:
            return True
        if VENUE not in status["sessions_up"]:
            return False
        seen.append(status["last_seq"])
        time.sleep(0.2)
        # Prices go on moving, a few in a fifth of a second; at first there are hundreds.
        return seen[-1] - seen[-2] < 100

    return ready


def measure(variant: Variant, sizes: Sizes) -> Samples:
    """One variant, once: start it, load it, stop it. Raises ServerFailed."""
    core, other_core = cores()
    with TemporaryDirectory(prefix="oms-bench-") as name:
        directory = Path(name)
        with server(variant, directory, core, other_core) as (port, pids):
            out, log = directory / "samples.npz", directory / "client.log"
            arguments = ["bench.load", "--port", str(port), "--out", str(out)]
            arguments += ["--server-pid", *map(str, pids)]
            arguments += ["--ping", str(sizes.ping), "--fill", str(0 if variant.is_echo else sizes.fill)]
            arguments += ["--saturated", str(sizes.saturated), "--window", str(sizes.window)]
            arguments += ["--spin"] if variant.spin else []
            with process(arguments, log, other_core) as client:
                client.wait()
        with np.load(out) as samples:
            return {name: samples[name] for name in samples.files}


def run(sizes: Sizes, done: Callable[[Variant], None] = lambda variant: None) -> list[Result]:
    """All rounds of all variants, interleaved. `done` is told after each. Raises ServerFailed."""
    results = []
    for number in range(sizes.rounds):
        for variant in variants():
            results.append(Result(number, variant, measure(variant, sizes)))
            done(variant)
    return results


# -- figures -------------------------------------------------------------------------------------------------


def figures(results: Sequence[Result]) -> list[Figure]:
    """Medians over the rounds, with ratios to the baseline of the same mode and round."""
    found = []
    for spin in (True, False):
        of_mode = [result for result in results if result.variant.spin == spin]
        found += [figure for kind in _KINDS for figure in _figures(of_mode, *kind)]
    return found


Read = Callable[[Result], float]

_KINDS: Final[tuple[tuple[str, str, str, Read], ...]] = (
    ("first report, median", "us", "new", lambda r: r.median_us("new")),
    ("complete fill, median", "us", "fill", lambda r: r.median_us("fill")),
    ("64 outstanding", "orders/s", "saturated", lambda r: r.orders_per_s),
    ("processor time per order", "us", "cpu_saturated", lambda r: r.cpu_us("saturated")),
)
"""What is said of each variant: its name, unit, the samples it needs, and how it is read from a round.

The echo fills nothing: a complete fill is compared with its first report. Percentiles beyond the median are
in the rounds and the plot, not among the figures: on a shared machine they say more about the neighbours.
"""


def _figures(results: Sequence[Result], what: str, unit: str, needs: str, read: Read) -> Iterator[Figure]:
    baseline = {
        r.round: read(r) if needs in r.samples else r.median_us("new")
        for r in results
        if r.variant.name == BASELINE
    }
    for name in NAMES:
        mine = [r for r in results if r.variant.name == name and needs in r.samples]
        if not mine:
            continue
        values = [read(r) for r in mine]
        ratio = median(read(r) / baseline[r.round] for r in mine)
        is_target = name == "engine, process" and what == _KINDS[0][0]
        yield Figure(
            f"{mine[0].variant.mode}: {name}: {what}",
            unit,
            median(values),
            min(values),
            max(values),
            None if name == BASELINE else ratio,
            "" if name == BASELINE else BASELINE,
            f"<= {ROUND_TRIP_TARGET:g} x" if is_target else "",
            ratio <= ROUND_TRIP_TARGET if is_target else None,
        )


def as_rounds(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Every round's own numbers, for results.json."""
    return [
        {
            "round": r.round,
            "variant": r.variant.name,
            "mode": r.variant.mode,
            "first_report_us": {f"p{p:g}": round(r.percentile_us("new", p), 2) for p in (50, 90, 99, 99.9)},
            "fill_us_p50": round(r.median_us("fill"), 2) if "fill" in r.samples else None,
            "orders_per_s": round(r.orders_per_s),
            "cpu_us_per_order": {p: round(r.cpu_us(p), 2) for p in ("new", "saturated")},
            "client_cpu_us_per_order": {p: round(r.cpu_us(p, -1), 2) for p in ("new", "saturated")},
        }
        for r in results
    ]


def pooled(results: Sequence[Result]) -> dict[str, npt.NDArray[np.int64]]:
    """All round trips to the first report, of all rounds, by mode and variant, for the plot."""
    found: dict[str, list[npt.NDArray[np.int64]]] = {}
    for result in results:
        found.setdefault(f"{result.variant.mode}: {result.variant.name}", []).append(result.samples["new"])
    return {name: np.concatenate(parts) for name, parts in found.items()}
