"""Confirmations: one per account, replaced when something changes, with dates, ISIN and exact money."""

from sqlalchemy import select

from oms.core.types import SCALE, Side, format_notional, format_scaled
from oms.post import store
from oms.post.confirmation import CANCEL, NEW, REPLACE
from oms.post.runner import Runner
from tests.post.day import Day


def _confirmations(runner: Runner) -> list[store.Row]:
    table = store.confirmation
    with store.reading(runner.engine) as connection:
        rows = connection.execute(select(table).order_by(table.c.seq, table.c.confirm_id))
        return [dict(row._mapping) for row in rows]


def test_one_for_each_account_with_its_part_and_its_dates(day: Day, runner: Runner) -> None:
    order = day.order("BLOCK1", qty=10)
    day.fill(order, 10, "100.25")
    runner.catch_up()
    found = _confirmations(runner)
    assert [(c["account"], format_scaled(c["qty"]), format_notional(c["gross_money"])) for c in found] == [
        ("FUND-A", "5", "501.25"),
        ("FUND-B", "3", "300.75"),
        ("FUND-C", "2", "200.5"),
    ]
    first = found[0]
    assert first["trans_type"] == NEW
    assert first["ref_confirm_id"] == ""
    assert (first["trade_date"], first["settlement_date"], first["calendar"]) == (
        "2026-01-09",
        "2026-01-12",
        "US",
    )
    assert (first["isin"], first["isin_valid"], first["side"], first["currency"]) == (
        "US4592001014",
        1,
        Side.BUY,
        "USD",
    )
    assert (first["commission"], first["fees"], first["net_money"]) == (0, 0, first["gross_money"])
    assert len({c["confirm_id"] for c in found}) == 3


def test_gross_over_the_accounts_is_the_notional_of_the_block(day: Day, runner: Runner) -> None:
    order = day.order("BLOCK1", qty="10.5")
    day.fill(order, "3.3333", "0.00012345")
    day.fill(order, "7.1667", "99.87654321")
    runner.catch_up()
    gross = sum(c["gross_money"] for c in _confirmations(runner))
    assert gross == 333330000 * 12345 + 716670000 * 9987654321


def test_an_account_without_a_part_is_told_nothing(day: Day, runner: Runner) -> None:
    day.fill(day.order("BLOCK1", qty=1), 1, "10")
    runner.catch_up()
    assert [c["account"] for c in _confirmations(runner)] == ["FUND-A"]


def test_a_late_fill_replaces_and_names_the_one_before(day: Day, runner: Runner) -> None:
    order = day.order("ACC-ALPHA", qty=100)
    day.fill(order, 10, "10")
    day.cancel(order)
    day.fill(order, 10, "20")
    runner.catch_up()
    before, after = _confirmations(runner)
    assert (before["trans_type"], after["trans_type"]) == (NEW, REPLACE)
    assert after["ref_confirm_id"] == before["confirm_id"]
    assert (format_scaled(after["qty"]), format_scaled(after["avg_px"])) == ("20", "15")
    assert format_notional(after["gross_money"]) == "300"


def test_a_part_that_comes_to_nothing_is_canceled_and_may_come_again(day: Day, runner: Runner) -> None:
    day.group("PAIR", (("A", 3), ("B", 3), ("C", 1)))  # 3 are shared 1 1 1, and 4 are shared 2 2 0
    order = day.order("PAIR", qty=3)
    day.fill(order, 3, "1")
    day.fill(order, 1, "1")
    day.fill(order, 3, "1")
    runner.catch_up()
    found = [c for c in _confirmations(runner) if c["account"] == "C"]
    assert [(c["trans_type"], c["qty"] // SCALE) for c in found] == [(NEW, 1), (CANCEL, 0), (NEW, 1)]
    assert found[1]["ref_confirm_id"] == found[0]["confirm_id"]
    assert found[2]["ref_confirm_id"] == ""


def test_who_is_not_concerned_by_a_new_version_is_not_told_again(day: Day, runner: Runner) -> None:
    order = day.order("BLOCK1", qty=100)
    day.fill(order, 100, "10")
    day.fill(order, 1, "10")  # at the same price; A gets it
    runner.catch_up()
    again = [c["account"] for c in _confirmations(runner) if c["trans_type"] == REPLACE]
    assert again == ["FUND-A"]


def test_the_trade_date_is_that_of_the_exchange_and_settlement_follows_from_it(
    day: Day, runner: Runner, tmp_path: object
) -> None:
    friday_2026_10_09 = 1_791_572_400_000_000_000  # 19:00 UTC
    order = day.order(qty=100)
    day.fill(order, 100, "10", at_ns=friday_2026_10_09)
    runner.catch_up()
    (found,) = _confirmations(runner)
    assert (found["trade_date"], found["settlement_date"]) == ("2026-10-09", "2026-10-13")


def test_an_invalid_isin_is_marked(day: Day, runner: Runner) -> None:
    day.instrument("BAD", "XNYS", "USD", isin="US4592001015")
    day.fill(day.order(symbol="BAD", qty=1), 1, "10")
    runner.catch_up()
    (found,) = _confirmations(runner)
    assert (found["isin"], found["isin_valid"]) == ("US4592001015", 0)
