"""The journal alone: append, commit at both levels, and readers in this process and in another one.

Bodies of 100 bytes are like events, those of 250 like messages. Pages are faulted in before, as the engine's
idle turns do it. A commit at level machine is an fdatasync: its figure is the disk's.
"""

import multiprocessing
import os
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from bench import cases
from bench.conftest import Measure, OpenJournal, Scaled
from bench.figures import Counted
from oms.journal.reader import JournalReader
from oms.journal.writer import Durability, JournalWriter

PACE_NS = 50_000
"""How far apart records are while a reader's lag is measured: nothing queues up."""


@pytest.mark.parametrize("size", [100, 250])
def test_append(measure: Measure, scaled: Scaled, open_journal: OpenJournal, size: int) -> None:
    bodies = cases.sized_bodies(scaled(500, 40_000), size)

    def run(journal: JournalWriter) -> int:
        append = journal.append
        for body in bodies:
            append(body)
        return journal.last_seq

    figure = Counted(f"journal: append {size} bytes", "us", len(bodies))
    assert measure(run, figure, setup=lambda: (open_journal("process"),)) == len(bodies)


@pytest.mark.parametrize(("durability", "full"), [("process", 40_000), ("machine", 400)])
def test_append_and_commit(
    measure: Measure, scaled: Scaled, open_journal: OpenJournal, durability: Durability, full: int
) -> None:
    bodies = cases.sized_bodies(scaled(20, full), 250)

    def run(journal: JournalWriter) -> int:
        for body in bodies:
            journal.append(body)
            journal.commit()
        return journal.synced_seq

    name = "journal: append 250 bytes and commit,"
    baseline = "" if durability == "process" else f"{name} process"
    figure = Counted(f"{name} {durability}", "us", len(bodies), baseline=baseline)
    assert measure(run, figure, setup=lambda: (open_journal(durability),)) == len(bodies)


def test_read_in_this_process(measure: Measure, scaled: Scaled, open_journal: OpenJournal) -> None:
    bodies = cases.sized_bodies(scaled(500, 40_000), 100)
    journal = open_journal("process")
    for body in bodies:
        journal.append(body)
    journal.commit()

    def run(reader: JournalReader) -> list[bytes]:
        found: list[bytes] = []
        while records := reader.read(1000):
            found += [body for _, body in records]
        reader.close()
        return found

    figure = Counted("journal: tail, same process", "records/s", len(bodies))
    assert measure(run, figure, setup=lambda: (JournalReader(journal.directory),)) == bodies


def test_read_in_another_process(measure: Measure, scaled: Scaled, open_journal: OpenJournal) -> None:
    """From the first append here until the other process has read the last record."""
    bodies = cases.sized_bodies(scaled(500, 40_000), 100)
    with _Readers(len(bodies)) as readers:

        def run(journal: JournalWriter, reader: Connection) -> int:
            append, commit = journal.append, journal.commit
            for n, body in enumerate(bodies):
                append(body)
                if n % 8 == 7:
                    commit()
            commit()
            return int(reader.recv())

        def setup() -> tuple[JournalWriter, Connection]:
            journal = open_journal("process")
            return journal, readers.start(journal.directory)

        figure = Counted("journal: write here, tail in another process", "records/s", len(bodies))
        assert measure(run, figure, setup=setup) == cases.checksum(bodies)


def test_lag_of_another_process(measure: Measure, scaled: Scaled, open_journal: OpenJournal) -> None:
    """From a record's commit until a spinning reader in another process has it; paced, so that none waits."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores")
    number = scaled(50, 10_000)
    journal = open_journal("process")
    with _Readers(number, lag=True) as readers:
        reader = readers.start(journal.directory)

        def run() -> float:
            due_ns = time.monotonic_ns()
            for _ in range(number):
                while time.monotonic_ns() < due_ns:
                    pass
                due_ns = time.monotonic_ns() + PACE_NS
                journal.append(time.monotonic_ns().to_bytes(8, "little").ljust(100, b"\0"))
                journal.commit()
            return float(reader.recv())

        lag_us = measure(run, rounds=1)
        name = "journal: commit to a reader in another process, median"
        measure.told(Counted(name, "us", value=lag_us))
    assert 0 < lag_us < 1e6


class _Readers:
    """Reading processes, one per round; leaving the context ends them."""

    def __init__(self, number: int, *, lag: bool = False) -> None:
        self._number = number
        self._lag = lag
        self._context = multiprocessing.get_context("spawn")
        self._processes: list[multiprocessing.process.BaseProcess] = []

    def __enter__(self) -> "_Readers":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
            process.join()

    def start(self, directory: Path) -> Connection:
        """Start a reader of `number` records and wait until it tails."""
        here, there = self._context.Pipe()
        target = cases.lag_of_records if self._lag else cases.read_records
        process = self._context.Process(target=target, args=(directory, self._number, there))
        process.start()
        self._processes.append(process)
        assert here.recv() == "ready"
        return here
