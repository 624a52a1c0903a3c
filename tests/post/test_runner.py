"""The tail: every journal sequence applied once, whatever kills it, and nothing that does not belong."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest

from oms.core import events as ev
from oms.core.state import State
from oms.core.types import SCALE, Px, Qty, Terms
from oms.journal.reader import scan
from oms.journal.writer import JournalWriter
from oms.post import booking
from oms.post import runner as runner_module
from oms.post.report import report
from oms.post.runner import FoldError, JournalMismatch, Runner
from tests.post import model
from tests.post.day import NOON_NS, SEGMENT_BYTES, Day, random_day

ROOT = Path(__file__).parents[2]


def _books(runner: Runner) -> model.Books:
    return {
        (b.owner, b.account, b.symbol, b.currency): (b.qty, b.money)
        for b in booking.balances(runner.engine)
        if b.qty or b.money
    }


# -- tailing -------------------------------------------------------------------------------------------------


def test_it_waits_for_a_journal(tmp_path: Path) -> None:
    with Runner(tmp_path / "journal", tmp_path / "post.db") as runner:
        assert runner.run_once() == 0
        with Day(tmp_path / "journal") as day:
            day.define()
            assert runner.run_once() == day.writer.last_seq
            assert runner.run_once() == 0
            day.fill(day.order(qty=10), 10, "10")
            assert runner.run_once() == 3
        assert runner.progress.fills == 1


def test_progress(day: Day, runner: Runner) -> None:
    for _ in range(5):
        day.message()
    day.at_ns += 7
    day.fill(day.order(qty=10), 10, "10")
    for _ in range(5):
        day.message()
    assert runner.catch_up() == day.writer.last_seq
    progress = runner.progress
    assert progress.epoch == day.writer.epoch
    assert progress.last_seq == progress.applied == day.writer.last_seq
    assert progress.skipped == 13, "ten messages and three accounts"
    assert progress.last_event_ns == NOON_NS + 7
    assert (progress.fills, progress.allocations, progress.confirmations) == (1, 1, 1)
    assert progress.is_caught_up


def test_run_until_stopped(day: Day, runner: Runner) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=runner.run, args=(stop, 0.005))
    thread.start()
    order = day.order(qty=10)
    day.fill(order, 10, "10")
    deadline = time.monotonic() + 10
    while runner.progress.last_seq < day.writer.last_seq and time.monotonic() < deadline:
        time.sleep(0.005)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert runner.progress.fills == 1


@pytest.mark.parametrize("batch", [1, 7, 10_000])
def test_the_books_are_those_of_the_model_whatever_the_batch(tmp_path: Path, batch: int) -> None:
    with Day(tmp_path / "journal") as day:
        day.define()
        random_day(day, seed=batch, orders=25)
        with Runner(day.directory, tmp_path / "post.db", batch=batch) as runner:
            runner.catch_up()
            assert _books(runner) == model.books(day.directory)
            assert booking.trial_balance(runner.engine).is_ok
            model.check(runner.engine, day.directory, day.writer.last_seq)


def test_the_books_are_what_the_engine_counts(tmp_path: Path) -> None:
    """The engine's risk counters and our positions come from the same fills by different ways."""
    with Day(tmp_path / "journal") as day:
        day.define()
        random_day(day, seed=5, orders=25)
    state = State()
    for _, bodies in scan(tmp_path / "journal"):
        for body in bodies:
            state.apply(ev.decode(body))
    position: dict[tuple[str, str], int] = {}
    spent: dict[tuple[str, str], int] = {}
    with Runner(tmp_path / "journal", tmp_path / "post.db") as runner:
        runner.catch_up()
        for balance in booking.positions(runner.engine):
            account = "BLOCK1" if balance.owner.startswith("FUND-") else balance.owner
            position[account, balance.symbol] = position.get((account, balance.symbol), 0) + balance.qty
            spent[account, balance.currency] = spent.get((account, balance.currency), 0) + balance.money
    counted = {(account, s): n for account, risk in state.risk.items() for s, n in risk.position.items() if n}
    assert {key: n for key, n in position.items() if n} == counted
    counted = {(account, c): n for account, risk in state.risk.items() for c, n in risk.spent.items() if n}
    assert {key: n for key, n in spent.items() if n} == counted


def test_a_second_run_of_the_same_journal_changes_nothing(tmp_path: Path) -> None:
    with Day(tmp_path / "journal") as day:
        day.define()
        random_day(day, seed=3, orders=20)
    database = tmp_path / "post.db"
    with Runner(tmp_path / "journal", database) as runner:
        assert runner.catch_up() > 0
        first = model.dump(runner.engine)
    with Runner(tmp_path / "journal", database) as runner:
        assert runner.catch_up() == 0
        assert model.dump(runner.engine) == first


def test_a_restart_after_every_batch_makes_no_difference(tmp_path: Path) -> None:
    with Day(tmp_path / "journal") as day:
        day.define()
        random_day(day, seed=4, orders=12)
    with Runner(tmp_path / "journal", tmp_path / "whole.db") as runner:
        runner.catch_up()
        whole = model.dump(runner.engine)
    applied = 1
    while applied:
        with Runner(tmp_path / "journal", tmp_path / "pieces.db", batch=9) as runner:
            applied = runner.run_once()
            pieces = model.dump(runner.engine)
    assert pieces == whole


def test_an_execution_that_comes_twice_is_booked_once(day: Day, tmp_path: Path) -> None:
    """The engine does not journal one twice; the books do not rely on it, within a batch or across two."""
    order = day.order(qty=100)
    day.fill(order, 10, "10", "SAME")
    day.fill(order, 10, "10", "SAME")
    with Runner(day.directory, tmp_path / "post.db") as runner:
        runner.catch_up()
        day.fill(order, 10, "10", "SAME")
        day.fill(day.order(venue="OTHER", qty=5), 5, "10", "SAME")  # another order's is another execution
        day.fill(day.order(qty=3), 3, "10", "SAME")
        day.route(order, 2, "OTHER", 50)
        day.fill(order, 2, "10", "SAME", route_id=2)  # and so is another venue's
        runner.catch_up()
        assert (runner.progress.fills, runner.progress.duplicate_fills) == (4, 2)
        assert report(runner.engine).executed[0].qty == "20"


# -- killed --------------------------------------------------------------------------------------------------

CHILD = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from oms.post.runner import Runner

journal, database, batch, point, number = sys.argv[1:]
runner = Runner(Path(journal), database, batch=int(batch))
number = int(number)
commits = 0

def die():
    os.kill(os.getpid(), signal.SIGKILL)

@event.listens_for(runner.engine, "commit")
def before_commit(connection):
    global commits
    commits += 1
    if point == "before" and commits == number:
        die()

print("ready", flush=True)
batches = 0
while True:
    if runner.run_once():
        batches += 1
    if point == "after" and batches == number:
        die()
"""


def test_killed_again_and_again_every_sequence_is_applied_once(tmp_path: Path) -> None:
    """SIGKILL before a commit, after one, and at any moment; then the books are those of the model."""
    journal, database = tmp_path / "journal", tmp_path / "post.db"
    with Day(journal) as day:
        day.define()
        random_day(day, seed=11, orders=500)
        last_seq = day.writer.last_seq
    rng = random.Random(11)
    killed = 0
    for point in ["before", "after", "before", "after", "any", "any", "any", "any"]:
        command = [
            sys.executable,
            "-c",
            CHILD,
            str(journal),
            str(database),
            "90",
            point,
            str(rng.randrange(1, 4)),
        ]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            if point == "any":
                time.sleep(rng.random() * 0.15)
                child.send_signal(signal.SIGKILL)
        killed += child.returncode == -signal.SIGKILL
    with Runner(journal, database, batch=1000) as runner:
        left = runner.catch_up()
        assert runner.progress.last_seq == last_seq
        assert killed == 8
        assert left < last_seq
        assert _books(runner) == model.books(journal)
        assert booking.trial_balance(runner.engine).is_ok
        model.check(runner.engine, journal, last_seq)
        after_kills = model.dump(runner.engine)
    with Runner(journal, tmp_path / "never-killed.db") as runner:
        runner.catch_up()
        assert model.dump(runner.engine) == after_kills


# -- refused -------------------------------------------------------------------------------------------------


def test_another_journal_is_refused(tmp_path: Path) -> None:
    database = tmp_path / "post.db"
    with Day(tmp_path / "one") as day:
        day.define()
        epoch = day.writer.epoch
    with Runner(tmp_path / "one", database) as runner:
        runner.catch_up()
        before = model.dump(runner.engine)
    time.sleep(0.01)  # an epoch is a creation time
    with Day(tmp_path / "two") as day:
        day.define()
        with (
            Runner(tmp_path / "two", database) as runner,
            pytest.raises(
                JournalMismatch, match=rf"belongs to journal {epoch}, but .* is journal {day.writer.epoch}"
            ),
        ):
            runner.run_once()
    with Runner(tmp_path / "one", database) as runner:
        assert runner.run_once() == 0
        assert model.dump(runner.engine) == before


def _journal(directory: Path, prices: list[int]) -> None:
    """A journal of a fixed epoch."""
    options: dict[str, Any] = {
        "segment_bytes": SEGMENT_BYTES,
        "durability": "process",
        "now_ns": lambda: NOON_NS,
    }
    with JournalWriter.open(directory, **options) as writer:
        for px in prices:
            writer.append(ev.encode(ev.ReferencePriceChanged(NOON_NS, "IBM", Px(px), "test")))


def test_a_journal_that_lost_its_end_and_went_on_is_refused(tmp_path: Path) -> None:
    database = tmp_path / "post.db"
    _journal(tmp_path / "before", [1, 2, 3])
    _journal(tmp_path / "short", [1, 2])
    _journal(tmp_path / "after", [1, 2, 4, 5])
    with Runner(tmp_path / "before", database) as runner:
        assert runner.catch_up() == 3
    with Runner(tmp_path / "short", database) as runner:
        assert runner.run_once() == 0, "it may still reach the cursor again"
    with Runner(tmp_path / "after", database) as runner, pytest.raises(JournalMismatch, match="sequence 3"):
        runner.run_once()


def test_two_runners_share_the_work_and_apply_nothing_twice(tmp_path: Path) -> None:
    """As when a report catches up while the worker runs."""
    database = tmp_path / "post.db"
    with Day(tmp_path / "journal") as day:
        day.define()
        random_day(day, seed=6, orders=25)
        with (
            Runner(day.directory, database, batch=20) as one,
            Runner(day.directory, database, batch=33) as two,
        ):
            assert one.run_once() == 20
            assert two.run_once() == 33
            threads = [threading.Thread(target=runner.catch_up) for runner in (one, two)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            assert one.progress.applied + two.progress.applied == day.writer.last_seq
            assert max(one.progress.last_seq, two.progress.last_seq) == day.writer.last_seq
            assert _books(one) == model.books(day.directory)
            assert booking.trial_balance(one.engine).is_ok


def test_an_unknown_tag_stops_at_its_sequence(day: Day, runner: Runner) -> None:
    before = runner.catch_up()
    day.fill(day.order(qty=10), 10, "10")
    seq = day.writer.append(msgspec.msgpack.encode([127, NOON_NS]))
    day.writer.commit()
    for _ in range(2):
        with pytest.raises(FoldError, match=f"journal sequence {seq}: not an event"):
            runner.run_once()
    assert runner.progress.last_seq == before
    assert report(runner.engine).orders == 0, "nothing of its batch is in the books"


def test_a_fill_of_an_unknown_order_stops_at_its_sequence(day: Day, runner: Runner) -> None:
    event = ev.OrderFilled(NOON_NS, 99, 1, "X", Qty(SCALE), Px(SCALE), 0)
    seq = day.append(event)
    with pytest.raises(FoldError, match=f"journal sequence {seq}: OrderFilled does not fit") as info:
        runner.run_once()
    assert info.value.seq == seq


# -- skipping ------------------------------------------------------------------------------------------------


def _sample(event_type: type[ev.Event]) -> ev.Event:
    values: dict[str, Any] = {}
    for name, kind in get_type_hints(event_type).items():
        kind = getattr(kind, "__supertype__", kind)
        values[name] = {int: 1 << 40, str: "text", bool: True, Terms | None: Terms(Px(1 << 40))}.get(kind, ())
    return event_type(**values)


ALL_TYPES: list[type[ev.Event]] = list(ev.AnyEvent.__args__)


@pytest.mark.parametrize("event_type", ALL_TYPES, ids=lambda t: t.__name__)
def test_a_record_is_skipped_exactly_if_its_event_has_no_fold(event_type: type[ev.Event]) -> None:
    event = _sample(event_type)
    body = ev.encode(event)
    expected = [(5, event)] if event_type in runner_module._FOLDS else []
    assert runner_module._decode_wanted([(5, body)]) == expected


def test_the_commonest_records_are_skipped_without_being_decoded() -> None:
    message = ev.encode(_sample(ev.MessageIn))
    assert runner_module._decode_wanted([(5, message[:2] + b"\xc1")]) == []


def test_a_record_in_another_encoding_is_decoded_in_full() -> None:
    """An array of more than 15 elements has its length in front of the tag, which is not the second byte
    then.
    """
    body = b"\xdc\x00\x04" + ev.encode(_sample(ev.SessionReset))[1:]
    with pytest.raises(FoldError):
        runner_module._decode_wanted([(5, body)])
    good = b"\xdc\x00\x03" + ev.encode(_sample(ev.SessionReset))[1:]
    assert runner_module._decode_wanted([(5, good)]) == []


def test_it_keeps_up(day: Day, runner: Runner) -> None:
    """Far below what it does, so that only a change for the worse by a factor fails."""
    writer = day.writer
    message = ev.encode(ev.MessageIn(NOON_NS, "SIM", 7, "35=8|" + "x" * 200))
    for _ in range(1000):
        for _ in range(7):
            writer.append(message)
        day.fill(day.order("BLOCK1", qty=100), 100, "10.25")
    began = time.process_time()
    applied = runner.catch_up()
    assert applied / (time.process_time() - began) > 2_000
    assert os.path.getsize(runner.engine.url.database or "") > 0
