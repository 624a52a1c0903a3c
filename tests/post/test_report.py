"""The day in numbers."""

from pathlib import Path

import msgspec

from oms.core.types import Side
from oms.post.reconciliation import reconcile
from oms.post.report import CurrencyTotal, ReconciliationSummary, report
from oms.post.runner import Runner
from tests.post.day import NOON_NS, Day


def test_an_empty_database(runner: Runner) -> None:
    found = report(runner.engine)
    assert (found.epoch, found.last_seq, found.orders, found.fills, found.executed) == ("", 0, 0, 0, [])
    assert found.trial_balance_ok


def test_a_small_day(day: Day, runner: Runner, tmp_path: Path) -> None:
    filled = day.order("BLOCK1", qty=100)
    day.fill(filled, 100, "10.25")
    day.fill(day.order("ACC-ALPHA", side=Side.SELL, qty=50), 50, "11")
    canceled = day.order("ACC-BETA", "VOD.L", qty=100)
    day.fill(canceled, 40, "75.5")
    day.cancel(canceled)
    day.fill(canceled, 10, "75.5")
    day.order("ACC-ALPHA", qty=5)
    day.expire(day.order("ACC-ALPHA", qty=5))
    runner.catch_up()
    (tmp_path / "trades.csv").write_text("")
    reconcile(runner.engine, "SIM", tmp_path / "trades.csv", now_ns=NOON_NS)

    found = report(runner.engine)
    assert found.epoch == day.writer.epoch
    assert found.last_seq == day.writer.last_seq
    assert found.orders == 5
    assert found.orders_by_status == {"canceled": 1, "expired": 1, "filled": 2, "open": 1}
    assert found.fills == 4
    assert found.executed == [
        CurrencyTotal("GBP", 2, "50", "37.75", "0", "37.75"),
        CurrencyTotal("USD", 2, "150", "1025", "550", "1575"),
    ]
    assert (found.allocations, found.reallocations) == (4, 1)
    assert (found.confirmations, found.invalid_isins) == (6, 0)
    assert found.reconciliations == [
        ReconciliationSummary("SIM", NOON_NS, found.last_seq, 0, 4, 0, {"missing_at_broker": 4})
    ]
    assert found.breaks == 4
    assert found.trial_balance_ok


def test_busts_and_corrections(day: Day, runner: Runner) -> None:
    order = day.order("ACC-ALPHA", qty=100)
    one, two, _ = (day.fill(order, 10, px) for px in ("10", "11", "12"))
    day.end_day()
    day.bust(order, one)
    day.correct(order, two, 20, "11")
    runner.catch_up()
    found = report(runner.engine, "2026-01-09")
    assert (found.fills, found.busts, found.corrections) == (3, 1, 1)
    assert found.executed == [CurrencyTotal("USD", 2, "30", "340", "0", "340")]
    assert (found.allocations, found.reallocations) == (3, 2)
    assert report(runner.engine, "2026-01-10").fills == 0, "they are of the day of what they are about"


def test_one_trade_date(day: Day, runner: Runner) -> None:
    day.fill(day.order(qty=10), 10, "10")
    day.fill(day.order(qty=10), 10, "10", at_ns=NOON_NS + 86_400 * 10**9)
    runner.catch_up()
    found = report(runner.engine, "2026-01-10")
    assert (found.fills, found.allocations, found.confirmations) == (1, 1, 1)
    assert report(runner.engine).fills == 2


def test_as_json_it_has_no_float(day: Day, runner: Runner) -> None:
    day.fill(day.order(qty=10), 10, "10.5")
    runner.catch_up()

    def refuse(text: str) -> object:
        raise AssertionError(f"a float: {text}")

    import json

    found = json.loads(msgspec.json.encode(report(runner.engine)), parse_float=refuse)
    assert found["executed"][0]["notional"] == "105"
