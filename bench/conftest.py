"""What the benchmark cases share: how large they are, and how a timing becomes a figure.

A case has two sizes, small and full. With `--benchmark-disable` (as in `make check`) it runs once and small;
otherwise full, or a quarter of that with `--size quick`. It says what one round counts, as `Figure`s in the
benchmark's `extra_info`; `python -m bench` reads them back from the JSON that pytest-benchmark writes and
makes the table of them.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.figures import Counted
from oms.journal.writer import Durability, JournalWriter
from oms.loop import settle_heap

SEGMENT_BYTES = 16 << 20

Scaled = Callable[[int, int], int]
OpenJournal = Callable[[Durability], JournalWriter]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--size", choices=("quick", "full"), default="full", help="how large the benchmarks are")


@pytest.fixture
def scaled(request: pytest.FixtureRequest) -> Scaled:
    """`scaled(small, full)`: the number that goes with how the benchmarks are run."""
    config = request.config

    def pick(small: int, full: int) -> int:
        if config.getoption("benchmark_disable"):
            return small
        return full if config.getoption("size") == "full" else max(full // 4, small)

    return pick


class Measure:
    """`measure(function, counted, ..., setup=make_arguments)`: time rounds of `function(*make_arguments())`.

    Returns what the last round returned. Garbage of the round before is collected outside the timing; inside
    it the collector runs as it does in the engine, after its start.
    """

    def __init__(self, benchmark: BenchmarkFixture, scaled: Scaled) -> None:
        self._benchmark = benchmark
        self._scaled = scaled

    def __call__(
        self,
        function: Callable[..., Any],
        *counted: Counted,
        setup: Callable[[], tuple[Any, ...]] = tuple,
        rounds: int = 12,
    ) -> Any:
        def prepare() -> tuple[tuple[Any, ...], dict[str, Any]]:
            arguments = setup()
            settle_heap()
            return arguments, {}

        self.told(*counted)
        rounds = self._scaled(1, rounds)
        return self._benchmark.pedantic(
            function, setup=prepare, rounds=rounds, warmup_rounds=min(rounds - 1, 1)
        )

    def told(self, *counted: Counted) -> None:
        """Keep what a round counts, or what the case has measured itself."""
        self._benchmark.extra_info["figures"] = [figure.as_dict() for figure in counted]


@pytest.fixture
def measure(benchmark: BenchmarkFixture, scaled: Scaled) -> Measure:
    """Times a case and keeps what its figures are."""
    return Measure(benchmark, scaled)


@pytest.fixture
def open_journal(tmp_path: Path) -> Iterator[OpenJournal]:
    """`open_journal(durability)`: a new journal in a directory of its own; the one opened before is closed.

    Its pages are faulted in, as the engine's idle turns do it.
    """
    opened: list[JournalWriter] = []

    def new(durability: Durability) -> JournalWriter:
        if opened:
            opened[-1].close()
            _remove(opened[-1].directory)
        directory = tmp_path / f"journal-{len(opened)}"
        writer = JournalWriter.open(directory, segment_bytes=SEGMENT_BYTES, durability=durability)
        while writer.prepare_next():
            pass
        opened.append(writer)
        return writer

    yield new
    if opened:
        opened[-1].close()


def _remove(directory: Path) -> None:
    """A round's journal, so that the disk does not fill up."""
    for path in directory.rglob("*"):
        if path.is_file():
            path.unlink()


@pytest.fixture(autouse=True)
def pinned(request: pytest.FixtureRequest) -> Iterator[None]:
    """While something is timed, stay on one core."""
    if request.config.getoption("benchmark_disable"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)
