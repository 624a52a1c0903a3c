"""Recovery from a journal on disk, made by the real writer from a day of real traffic.

*Records* are all that the journal holds; *events* are those among them that state is the fold of. The others
keep the messages and commands as they came and went, and recovery reads, checks and decodes them as well:
about half of a day.
"""

from pathlib import Path

import pytest

from bench import cases
from bench.conftest import Measure, Scaled
from bench.figures import Counted
from oms.core import events as ev
from oms.core.state import State
from oms.journal.reader import scan
from oms.kernel import Kernel, Ledger
from oms.recovery import Timed, recover_directory, take_snapshot


@pytest.fixture
def written(scaled: Scaled, tmp_path: Path) -> tuple[cases.Day, Path]:
    """A day, and its journal on disk."""
    day = cases.day(scaled(100, 20_000))
    cases.write_journal(tmp_path, day.bodies)
    return day, tmp_path


def test_recovery(measure: Measure, written: tuple[cases.Day, Path]) -> None:
    day, directory = written
    events = day.transitions + len(day.facts)
    timed = measure(
        lambda: _recover(directory, len(day.bodies)),
        Counted("recovery, records", "records/s", len(day.bodies)),
        Counted("recovery, events", "events/s", events),
        Counted(f"recovery of {len(day.bodies):,} records", "ms"),
    )
    assert timed.recovered.records == len(day.bodies)
    assert not timed.recovered.missing
    assert timed.recovered.state.digest() == day.digest


def test_recovery_from_snapshot(measure: Measure, written: tuple[cases.Day, Path]) -> None:
    """With a snapshot after nine tenths of the day."""
    day, directory = written
    at = len(day.bodies) * 9 // 10
    take_snapshot(directory, _folded(day.bodies[:at]), at)
    name = f"recovery of {len(day.bodies):,} records"
    timed = measure(
        lambda: _recover(directory, len(day.bodies)),
        Counted(f"{name}, a snapshot at nine tenths", "ms", baseline=name),
    )
    assert timed.from_snapshot == at
    assert timed.recovered.state.digest() == day.digest


def test_snapshot(measure: Measure, scaled: Scaled, tmp_path: Path) -> None:
    """What the engine's idle turn stands still for."""
    day = cases.day(scaled(100, 20_000))
    kernel = _folded(day.bodies)
    path = measure(
        lambda: take_snapshot(tmp_path, kernel, len(day.bodies)),
        Counted(f"take a snapshot after {len(day.bodies):,} records", "ms"),
    )
    assert path.stat().st_size > len(kernel.state.dump())


def test_scan(measure: Measure, written: tuple[cases.Day, Path]) -> None:
    """Reading and checking alone."""
    day, directory = written
    bodies = measure(
        lambda: [body for _, bodies in scan(directory) for body in bodies],
        Counted("recovery: scan the journal", "records/s", len(day.bodies)),
    )
    assert bodies == day.bodies


def test_decode(measure: Measure, scaled: Scaled) -> None:
    """Decoding alone."""
    day = cases.day(scaled(100, 20_000))
    events = measure(
        lambda: [ev.decode(body) for body in day.bodies],
        Counted("recovery: decode", "records/s", len(day.bodies)),
    )
    assert [ev.encode(event) for event in events] == day.bodies


def test_apply(measure: Measure, scaled: Scaled) -> None:
    """Applying alone."""
    day = cases.day(scaled(100, 20_000))
    events = [ev.decode(body) for body in day.bodies if cases.is_transition(body)]

    def run() -> State:
        state = State()
        for event in events:
            state.apply(event)
        return state

    assert measure(run, Counted("recovery: apply", "events/s", len(events))).digest() == day.digest


def _recover(directory: Path, last_seq: int) -> Timed:
    return recover_directory(directory, [cases.VENUE], [], last_seq)


def _folded(bodies: list[bytes]) -> Kernel:
    """A kernel that stands where these records end."""
    state, ledger = State(), Ledger()
    for seq, body in enumerate(bodies, 1):
        event = ev.decode(body)
        state.apply(event)
        ledger.apply(event, seq)
    return Kernel(state, ledger, cases.Tape(), [cases.VENUE])
