"""Multileg orders after the trade: their legs are booked, allocated, confirmed and reconciled; what the
combination has executed says no more than that the order has ended.
"""

from pathlib import Path

from sqlalchemy import select

from oms.core.types import SCALE, Leg, Qty, Side, format_notional, format_scaled
from oms.post import booking, store
from oms.post.booking import UNALLOCATED
from oms.post.reconciliation import COLUMNS, DUPLICATE_AT_BROKER, MISSING_AT_BROKER, reconcile
from oms.post.runner import Runner
from tests.post import model
from tests.post.day import NOON_NS, Day

PAIR = (Leg("IBM", Side.BUY, Qty(100 * SCALE), "1"), Leg("7203.T", Side.SELL, Qty(50 * SCALE), "2"))
"""A hundred IBM bought, and fifty sold of what comes in lots of a hundred."""


def positions(runner: Runner) -> dict[tuple[str, str], tuple[str, str]]:
    """(owner, symbol) -> (quantity, money)."""
    return {
        (p.owner, p.symbol): (format_scaled(p.qty), format_notional(p.money))
        for p in booking.positions(runner.engine)
    }


def allocations(runner: Runner) -> list[tuple[str, str, int, str, str]]:
    """(symbol, side, version, quantity, average price), in their order."""
    with runner.engine.connect() as connection:
        rows = connection.execute(select(store.allocation).order_by(store.allocation.c.alloc_id))
        return [(r.symbol, r.side, r.version, format_scaled(r.qty), format_scaled(r.avg_px)) for r in rows]


def test_legs_are_booked_and_the_combination_is_not(day: Day, runner: Runner) -> None:
    order = day.order("ACC-ALPHA", "[N/A]", qty=2, legs=PAIR)
    day.leg_fill(order, 1, 200, "10")
    day.fill(order, 2, "-3")
    runner.catch_up()
    # The order has ended: what there is of its legs is allocated, the rest when it comes.
    assert positions(runner) == {("ACC-ALPHA", "IBM"): ("200", "2000")}
    day.leg_fill(order, 2, 100, "2000")
    runner.catch_up()
    assert positions(runner) == {
        ("ACC-ALPHA", "IBM"): ("200", "2000"),
        ("ACC-ALPHA", "7203.T"): ("-100", "-200000"),
    }
    assert allocations(runner) == [("IBM", "1", 1, "200", "10"), ("7203.T", "2", 1, "100", "2000")]
    assert runner.progress.fills == 2
    assert booking.trial_balance(runner.engine).is_ok
    model.check(runner.engine, day.directory, day.writer.last_seq)


def test_nothing_is_allocated_before_the_order_has_ended(day: Day, runner: Runner) -> None:
    order = day.order("ACC-ALPHA", "[N/A]", qty=2, legs=PAIR)
    day.leg_fill(order, 1, 200, "10")
    day.leg_fill(order, 2, 100, "2000")
    day.fill(order, 1, "-3")
    runner.catch_up()
    assert allocations(runner) == []
    assert set(positions(runner)) == {(UNALLOCATED, "IBM"), (UNALLOCATED, "7203.T")}
    day.cancel(order)
    runner.catch_up()
    assert [row[0] for row in allocations(runner)] == ["7203.T", "IBM"]


def test_every_leg_is_shared_out_in_its_own_lots(day: Day, runner: Runner) -> None:
    order = day.order("BLOCK1", "[N/A]", qty=6, legs=PAIR)
    day.leg_fill(order, 1, 601, "10")
    day.leg_fill(order, 2, 300, "2000")
    day.fill(order, 6, "0")
    runner.catch_up()
    found = positions(runner)
    quantities = {
        symbol: [found[f"FUND-{x}", symbol][0] for x in "ABC" if (f"FUND-{x}", symbol) in found]
        for symbol in ("IBM", "7203.T")
    }
    # 50 30 20: of IBM to the share, of 7203.T in hundreds.
    assert quantities == {"IBM": ["301", "180", "120"], "7203.T": ["-100", "-100", "-100"]}
    model.check(runner.engine, day.directory, day.writer.last_seq)


def test_a_bust_of_a_leg_restates_that_leg_alone(day: Day, runner: Runner) -> None:
    order = day.order("ACC-ALPHA", "[N/A]", qty=2, legs=PAIR)
    one = day.leg_fill(order, 1, 120, "10")
    two = day.leg_fill(order, 1, 80, "20")
    day.leg_fill(order, 2, 100, "2000")
    whole = day.fill(order, 2, "-3")
    runner.catch_up()
    day.leg_bust(order, 1, one)
    day.leg_correct(order, 1, two, 70, "21")
    day.bust(order, whole)
    runner.catch_up()
    assert positions(runner) == {
        ("ACC-ALPHA", "IBM"): ("70", "1470"),
        ("ACC-ALPHA", "7203.T"): ("-100", "-200000"),
    }
    # The order is open again, which takes nothing back that was told.
    assert [row[:4] for row in sorted(allocations(runner))] == [
        ("7203.T", "2", 1, "100"),
        ("IBM", "1", 1, "200"),
        ("IBM", "1", 2, "80"),
        ("IBM", "1", 3, "70"),
    ]
    assert booking.trial_balance(runner.engine).is_ok
    model.check(runner.engine, day.directory, day.writer.last_seq)


def test_an_order_that_was_put_away_is_read_back_with_its_legs(day: Day, tmp_path: Path) -> None:
    with Runner(day.directory, tmp_path / "post.db") as first:
        order = day.order("ACC-ALPHA", "[N/A]", qty=2, legs=PAIR)
        one = day.leg_fill(order, 1, 200, "10", "X")
        day.leg_fill(order, 2, 100, "2000", "X")
        whole = day.fill(order, 2, "-3", "X")
        first.catch_up()
    with Runner(day.directory, tmp_path / "post.db") as second:
        day.leg_bust(order, 1, one)
        day.correct(order, whole, 2, "-4")
        day.leg_fill(order, 1, 150, "11")
        second.catch_up()
        assert positions(second) == {
            ("ACC-ALPHA", "IBM"): ("150", "1650"),
            ("ACC-ALPHA", "7203.T"): ("-100", "-200000"),
        }
        model.check(second.engine, day.directory, day.writer.last_seq)


def test_legs_with_one_exec_id_are_reconciled_one_by_one(day: Day, runner: Runner, tmp_path: Path) -> None:
    order = day.order("ACC-ALPHA", "[N/A]", qty=2, legs=PAIR)
    day.leg_fill(order, 1, 200, "10", "X")
    day.leg_fill(order, 2, 100, "2000", "X")
    day.leg_correct(order, 2, "X", 100, "2001", "Y")
    runner.catch_up()
    rows = [f"X,{day.venue_id(order)},B,IBM,1,200,10,t", f"X,{day.venue_id(order)},B,7203.T,2,100,2001,t"]

    def breaks(*lines: str) -> tuple[int, list[tuple[str, str]]]:
        path = tmp_path / "trades.csv"
        path.write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")
        found = reconcile(runner.engine, "SIM", path, now_ns=NOON_NS)
        return found.matched, [(b.kind, b.exec_id) for b in found.breaks]

    assert breaks(*rows) == breaks(*rows[::-1]) == (2, [])
    assert breaks(rows[1]) == (1, [(MISSING_AT_BROKER, "X")])
    assert breaks(*rows, rows[0]) == (2, [(DUPLICATE_AT_BROKER, "X")])
