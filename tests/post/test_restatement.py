"""Busts and corrections: whatever stood on an execution is reversed, never overwritten, and made anew."""

import random
from pathlib import Path

import pytest
from sqlalchemy import select

from oms.core import events as ev
from oms.core.types import SCALE, Px, Qty, format_notional, format_scaled
from oms.post import booking, store
from oms.post.allocation import CHANGED, INCOMPLETE
from oms.post.booking import UNALLOCATED
from oms.post.confirmation import CANCEL, NEW, REPLACE
from oms.post.runner import FoldError, Runner
from tests.post import model
from tests.post.day import NOON_NS, Day, random_day


def _rows(runner: Runner, table: object, *order_by: str) -> list[store.Row]:
    columns = table.c  # type: ignore[attr-defined]
    with store.reading(runner.engine) as connection:
        found = connection.execute(select(table).order_by(*(columns[name] for name in order_by)))  # type: ignore[call-overload]
        return [dict(row._mapping) for row in found]


def _allocations(runner: Runner) -> list[tuple[int, str, str, str, str]]:
    """(version, AllocTransType, reason, quantity, average price)."""
    return [
        (a["version"], a["trans_type"], a["reason"], format_scaled(a["qty"]), format_scaled(a["avg_px"]))
        for a in _rows(runner, store.allocation, "seq", "alloc_id")
    ]


def _told(runner: Runner, account: str = "ACC-ALPHA") -> list[tuple[str, str, str]]:
    """(ConfirmTransType, quantity, gross) of an account's confirmations; each names the one before it."""
    found = [c for c in _rows(runner, store.confirmation, "seq") if c["account"] == account]
    before = ""
    for row in found:
        assert row["ref_confirm_id"] == before
        before = "" if row["trans_type"] == CANCEL else row["confirm_id"]
    return [(c["trans_type"], format_scaled(c["qty"]), format_notional(c["gross_money"])) for c in found]


def _books(runner: Runner) -> dict[tuple[str, str], tuple[str, str]]:
    """(owner, account) -> (quantity, money), without those that are nothing."""
    assert booking.trial_balance(runner.engine).is_ok
    return {
        (b.owner, b.account): (format_scaled(b.qty), format_notional(b.money))
        for b in booking.balances(runner.engine)
        if b.qty or b.money
    }


def _kinds(runner: Runner, seq: int) -> list[tuple[str, str, str, str]]:
    """(kind, owner, quantity, money) of the positions that one journal sequence posted to."""
    return [
        (p["kind"], p["owner"], format_scaled(p["qty"]), format_notional(p["money"]))
        for p in _rows(runner, store.posting, "seq", "line")
        if p["seq"] == seq and p["account"] == "position"
    ]


# -- before anything is allocated ----------------------------------------------------------------------------


def test_a_bust_before_the_end_leaves_what_stands(day: Day, runner: Runner) -> None:
    order = day.order(qty=100)
    one = day.fill(order, 60, "10")
    day.fill(order, 20, "11")
    day.bust(order, one)
    runner.catch_up()
    assert _allocations(runner) == []
    assert _books(runner)[UNALLOCATED, "position"] == ("20", "220")
    assert _kinds(runner, day.writer.last_seq) == [("fill_reversal", UNALLOCATED, "-60", "-600")]
    day.cancel(order)
    runner.catch_up()
    assert _allocations(runner) == [(1, NEW, "", "20", "11")]
    assert _told(runner) == [(NEW, "20", "220")]


def test_an_order_of_which_nothing_stands_is_not_allocated(day: Day, runner: Runner) -> None:
    order = day.order(qty=100)
    day.bust(order, day.fill(order, 60, "10"))
    day.cancel(order)
    runner.catch_up()
    assert _allocations(runner) == []
    assert _books(runner) == {}


def test_a_correction_up_to_the_order_ends_it(day: Day, runner: Runner) -> None:
    order = day.order(qty=100)
    one = day.fill(order, 60, "10")
    day.correct(order, one, 100, "10")
    runner.catch_up()
    assert _allocations(runner) == [(1, NEW, "", "100", "10")]


# -- after allocation and confirmation -----------------------------------------------------------------------


def test_a_bust_restates_allocation_books_and_confirmations(day: Day, runner: Runner) -> None:
    order = day.order("BLOCK1", qty=100)
    one = day.fill(order, 7, "10")
    day.fill(order, 10, "20")
    day.cancel(order)
    runner.catch_up()
    told_before = model.dump(runner.engine)
    day.bust(order, one)
    runner.catch_up()
    assert _allocations(runner) == [(1, NEW, "", "17", "15.88235294"), (2, REPLACE, CHANGED, "10", "20")]
    # 17 were shared 9 5 3 by 50 30 20; 8.5 5.1 3.4: the one that is left to the largest fraction.
    assert _told(runner, "FUND-A")[0][1] == "9"
    assert _told(runner, "FUND-A")[1] == (REPLACE, "5", "100")
    assert _told(runner, "FUND-B")[1] == (REPLACE, "3", "60")
    assert _told(runner, "FUND-C")[1] == (REPLACE, "2", "40")
    assert _kinds(runner, day.writer.last_seq) == [
        ("fill_reversal", UNALLOCATED, "-7", "-70"),
        ("allocation_reversal", "FUND-A", "-9", "-142.94"),
        ("allocation_reversal", "FUND-B", "-5", "-79.41"),
        ("allocation_reversal", "FUND-C", "-3", "-47.65"),
        ("allocation_reversal", UNALLOCATED, "17", "270"),
        ("allocation", "FUND-A", "5", "100"),
        ("allocation", "FUND-B", "3", "60"),
        ("allocation", "FUND-C", "2", "40"),
        ("allocation", UNALLOCATED, "-10", "-200"),
    ]
    assert _books(runner)["FUND-A", "position"] == ("5", "100")
    after = model.dump(runner.engine)
    for table in model.ADDED_ONLY:
        assert set(told_before[table]) <= set(after[table]), "nothing that was told is rewritten"


def test_a_bust_of_a_filled_order_restates_it_although_it_is_open_again(day: Day, runner: Runner) -> None:
    order = day.order(qty=100)
    day.fill(order, 60, "10")
    two = day.fill(order, 40, "20")
    runner.catch_up()
    day.bust(order, two)
    runner.catch_up()
    assert _allocations(runner)[1:] == [(2, REPLACE, CHANGED, "60", "10")]
    assert [o["status"] for o in _rows(runner, store.orders, "order_id")] == ["open"]
    day.fill(order, 30, "20")
    runner.catch_up()
    assert len(_allocations(runner)) == 2, "it has not ended again"
    assert _books(runner)[UNALLOCATED, "position"] == ("30", "600")
    day.fill(order, 10, "20")
    runner.catch_up()
    assert _allocations(runner)[2:] == [(3, REPLACE, INCOMPLETE, "100", "14")]
    assert _told(runner) == [(NEW, "100", "1400"), (REPLACE, "60", "600"), (REPLACE, "100", "1400")]


def test_if_nothing_is_left_all_is_canceled_and_may_come_again(day: Day, runner: Runner) -> None:
    order = day.order("BLOCK1", qty=10)
    one = day.fill(order, 10, "10")
    day.bust(order, one)
    runner.catch_up()
    assert _allocations(runner) == [(1, NEW, "", "10", "10"), (2, CANCEL, CHANGED, "0", "0")]
    assert _told(runner, "FUND-A") == [(NEW, "5", "50"), (CANCEL, "0", "0")]
    assert _books(runner) == {}
    day.fill(order, 10, "11")
    runner.catch_up()
    assert _allocations(runner)[2:] == [(3, NEW, INCOMPLETE, "10", "11")]
    assert _told(runner, "FUND-A")[2:] == [(NEW, "5", "55")]


def test_a_corrected_price_changes_money_and_no_quantity(day: Day, runner: Runner) -> None:
    order = day.order("BLOCK1", qty=10)
    one = day.fill(order, 10, "10")
    day.correct(order, one, 10, "10.01")
    runner.catch_up()
    assert _allocations(runner)[1:] == [(2, REPLACE, CHANGED, "10", "10.01")]
    assert _told(runner, "FUND-C") == [(NEW, "2", "20"), (REPLACE, "2", "20.02")]
    assert _books(runner)["FUND-C", "broker:SIM"] == ("-2", "-20.02")


def test_a_correction_of_nothing_reverses_and_tells_nobody(day: Day, runner: Runner) -> None:
    """Of its time, or its text: quantity and price are what they were."""
    order = day.order(qty=10)
    one = day.fill(order, 10, "10")
    day.correct(order, one, 10, "10")
    runner.catch_up()
    assert len(_allocations(runner)) == 1
    assert _kinds(runner, day.writer.last_seq) == [
        ("fill_reversal", UNALLOCATED, "-10", "-100"),
        ("fill", UNALLOCATED, "10", "100"),
    ]


def test_a_late_fill_reverses_and_books_anew(day: Day, runner: Runner) -> None:
    order = day.order(qty=100)
    day.fill(order, 10, "10")
    day.cancel(order)
    day.fill(order, 10, "20")
    runner.catch_up()
    assert _allocations(runner)[1:] == [(2, REPLACE, INCOMPLETE, "20", "15")]
    assert _kinds(runner, day.writer.last_seq) == [
        ("fill", UNALLOCATED, "10", "200"),
        ("allocation_reversal", "ACC-ALPHA", "-10", "-100"),
        ("allocation_reversal", UNALLOCATED, "10", "100"),
        ("allocation", "ACC-ALPHA", "20", "300"),
        ("allocation", UNALLOCATED, "-20", "-300"),
    ]


def test_only_the_block_of_the_execution_is_restated(day: Day, runner: Runner) -> None:
    order = day.order(qty=20, venue="ONE")
    day.route(order, 2, "TWO", 10)
    one = day.fill(order, 10, "10")
    day.fill(order, 10, "12", route_id=2)
    day.bust(order, one)
    runner.catch_up()
    found = _rows(runner, store.allocation, "seq", "alloc_id")
    assert [(a["venue"], a["version"]) for a in found] == [("ONE", 1), ("TWO", 1), ("ONE", 2)]


# -- on a later day ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 10_000])
def test_on_a_later_day_the_dates_are_those_of_the_trade(day: Day, tmp_path: Path, batch: int) -> None:
    order = day.order(qty=100)
    one = day.fill(order, 100, "10")
    day.end_day()
    day.end_day()
    two = day.correct(order, one, 90, "10")
    day.end_day()
    day.bust(order, two)
    with Runner(day.directory, tmp_path / "post.db", batch=batch) as runner:
        runner.catch_up()
        assert _told(runner) == [(NEW, "100", "1000"), (REPLACE, "90", "900"), (CANCEL, "0", "0")]
        for table in (store.allocation, store.confirmation, store.posting, store.fill):
            assert {row["trade_date"] for row in _rows(runner, table, "seq")} == {"2026-01-09"}
        assert {c["settlement_date"] for c in _rows(runner, store.confirmation, "seq")} == {"2026-01-12"}
        assert _books(runner) == {}


def test_money_is_taken_back_as_it_was_counted(day: Day, runner: Runner) -> None:
    """Finer than a unit it was cut; and the instrument may have been defined anew since."""
    order = day.order(symbol="VOD.L", qty=1)
    one = day.fill(order, "0.00000001", "0.00000199")
    two = day.fill(order, "0.00000003", "0.00000001")
    day.instrument("VOD.L", "XLON", "GBP", unit=SCALE)
    day.bust(order, one)
    day.bust(order, two)
    runner.catch_up()
    assert _books(runner) == {}


# -- which execution is meant --------------------------------------------------------------------------------


def test_a_correction_stands_for_what_it_corrects(day: Day, tmp_path: Path) -> None:
    """With a new runner for every step: the chain is in the database."""

    def catch_up() -> list[tuple[str, str, str]]:
        with Runner(day.directory, tmp_path / "post.db") as runner:
            runner.catch_up()
            return _told(runner)

    order = day.order(qty=100)
    day.fill(order, 100, "10", "E1")
    catch_up()
    day.correct(order, "E1", 100, "11", "K1")
    catch_up()
    day.correct(order, "K1", 100, "12", "K2")
    catch_up()
    day.bust(order, "K2", "B1")
    assert catch_up() == [
        (NEW, "100", "1000"),
        (REPLACE, "100", "1100"),
        (REPLACE, "100", "1200"),
        (CANCEL, "0", "0"),
    ]


def _bust(exec_id: str, exec_ref_id: str, qty: int = 100) -> ev.ExecutionBusted:
    return ev.ExecutionBusted(NOON_NS, 1, 1, exec_id, exec_ref_id, Qty(qty * SCALE), Px(10 * SCALE), 0)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (_bust("B2", "E9"), "'E9'"),
        (_bust("B2", "E1"), "E1 does not stand any more"),
        (_bust("B2", "B1"), "B1 does not stand any more"),
        (_bust("B2", "E2", qty=99), "execution E2 was 10000000000 at 1000000000"),
    ],
    ids=["unknown", "busted", "a bust", "another quantity"],
)
@pytest.mark.parametrize("in_one_batch", [False, True])
def test_a_bust_that_fits_nothing_stops_at_its_sequence(
    day: Day, runner: Runner, event: ev.Event, reason: str, in_one_batch: bool
) -> None:
    order = day.order(qty=200)
    day.fill(order, 100, "10", "E1")
    day.fill(order, 100, "10", "E2")
    day.bust(order, "E1", "B1")
    if not in_one_batch:
        runner.catch_up()
    before = model.dump(runner.engine)
    seq = day.append(event)
    with pytest.raises(FoldError, match=f"journal sequence {seq}: ExecutionBusted does not fit.*{reason}"):
        runner.catch_up()
    after = model.dump(runner.engine)
    if in_one_batch:
        del before["cursor"], after["cursor"]  # it is bound to the journal now
    assert after == before


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_report_that_comes_twice_counts_once(day: Day, tmp_path: Path, is_restarted: bool) -> None:
    order = day.order(qty=100)
    day.fill(order, 60, "10", "E1")
    day.fill(order, 40, "10", "E2")
    day.bust(order, "E1", "B1")
    day.correct(order, "E2", 41, "10", "K1")
    if is_restarted:
        with Runner(day.directory, tmp_path / "post.db") as runner:
            runner.catch_up()
    day.append(_bust("B1", "E1", 60))
    day.append(
        ev.ExecutionCorrected(
            NOON_NS, order, 1, "K1", "E2", Qty(41 * SCALE), Px(10 * SCALE), Qty(40 * SCALE), Px(10 * SCALE), 0
        )
    )
    day.fill(order, 60, "10", "E1")
    with Runner(day.directory, tmp_path / "post.db") as runner:
        runner.catch_up()
        assert runner.progress.duplicate_fills == 3
        assert _books(runner)["ACC-ALPHA", "position"] == ("41", "410")


def test_the_same_exec_id_on_another_order_is_another_execution(day: Day, runner: Runner) -> None:
    for _ in range(2):
        day.fill(day.order(qty=10), 10, "10", "1")
    day.bust(1, "1", "2")
    day.correct(2, "1", 10, "11", "2")
    runner.catch_up()
    assert runner.progress.duplicate_fills == 0
    assert _books(runner)["ACC-ALPHA", "position"] == ("10", "110")


def test_a_replace_below_what_was_executed_stops_there(day: Day, runner: Runner) -> None:
    """So an order that was cut to 50 with 60 executed is open again when 5 of these are busted."""
    order = day.order(qty=100)
    day.fill(order, 55, "10")
    five = day.fill(order, 5, "10")
    day.replace(order, 50)
    day.bust(order, five)
    day.fill(order, 1, "10")
    runner.catch_up()
    assert [(a[0], a[3]) for a in _allocations(runner)] == [(1, "60"), (2, "55")]
    day.fill(order, 4, "10")
    runner.catch_up()
    assert [(a[0], a[3]) for a in _allocations(runner)] == [(1, "60"), (2, "55"), (3, "60")]


# -- whole days ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_after_every_step_everything_is_what_the_journal_says(tmp_path: Path, seed: int) -> None:
    """A new runner for every batch, of random size; what was added before stays as it was."""
    rng = random.Random(seed)
    with Day(tmp_path / "journal") as day:
        day.define()
        random_day(day, seed, orders=12)
    seen: model.Dump = {}
    seq = 0
    while True:
        with Runner(day.directory, tmp_path / "post.db", batch=rng.randrange(20, 70)) as runner:
            applied = runner.run_once()
            if not applied:
                break
            seq += applied
            model.check(runner.engine, day.directory, seq)
            assert booking.trial_balance(runner.engine).is_ok
            rows = model.dump(runner.engine)
        for table in model.ADDED_ONLY if seen else ():
            assert set(seen[table]) <= set(rows[table])
        seen = rows
    with Runner(day.directory, tmp_path / "at-once.db") as runner:
        runner.catch_up()
        assert model.dump(runner.engine) == seen
        progress = runner.progress
        assert progress.busts
        assert progress.corrections


@pytest.mark.parametrize("last_seq_off", [1, 40])
def test_the_model_would_notice(tmp_path: Path, last_seq_off: int) -> None:
    """Books of a shorter journal are not those of the whole."""
    with Day(tmp_path / "journal") as day:
        day.define()
        random_day(day, seed=1, orders=5)
        order = day.order(qty=10)
        one = day.fill(order, 10, "10")
        day.bust(order, one)
    with Runner(day.directory, tmp_path / "post.db") as runner:
        runner.catch_up()
        last_seq = runner.progress.last_seq
        model.check(runner.engine, day.directory, last_seq)
        with pytest.raises(AssertionError):
            model.check(runner.engine, day.directory, last_seq - last_seq_off)


# -- as the engine has it ------------------------------------------------------------------------------------


def test_an_exec_id_on_two_routes_of_an_order_at_one_venue_is_two_executions(
    day: Day, runner: Runner
) -> None:
    order_id = day.order(qty=100)
    day.route(order_id, 2, "SIM", 40)
    day.fill(order_id, 60, 10, "1")
    day.fill(order_id, 40, 11, "1", route_id=2)
    runner.catch_up()
    assert [(f["route_id"], format_scaled(f["last_qty"])) for f in _rows(runner, store.fill, "seq")] == [
        (1, "60"),
        (2, "40"),
    ]
    assert _allocations(runner) == [(1, "0", "", "100", "10.4")]
    day.executions[order_id, "1"] = (2, 40 * SCALE, 11 * SCALE)
    day.bust(order_id, "1")
    runner.catch_up()
    assert _allocations(runner)[-1] == (2, "1", CHANGED, "60", "10")


def test_an_execution_is_known_by_its_route_after_it_was_written(day: Day, runner: Runner) -> None:
    """The order is read back from the database, and the second report of it is still none."""
    order_id = day.order(qty=100)
    day.route(order_id, 2, "SIM", 40)
    day.fill(order_id, 60, 10, "1")
    runner.catch_up()
    database = Path(str(runner.engine.url.database))
    runner.close()
    day.fill(order_id, 60, 10, "1")
    day.fill(order_id, 40, 11, "1", route_id=2)
    with Runner(day.directory, database) as again:
        again.catch_up()
        assert again.progress.duplicate_fills == 1
        assert _allocations(again) == [(1, "0", "", "100", "10.4")]


def test_a_split_changes_what_is_open_and_not_what_was_traded(day: Day, runner: Runner) -> None:
    order_id = day.order(qty=100, time_in_force="1")
    first = day.fill(order_id, 40, 10)
    day.end_day()
    runner.catch_up()
    day.split(order_id, 200, 40, 80)
    runner.catch_up()
    assert _allocations(runner) == [(1, "0", "", "40", "10")], "it settles as it was traded"
    day.fill(order_id, 120, 5)
    runner.catch_up()
    assert [(o["status"], format_scaled(o["cum_qty"])) for o in _rows(runner, store.orders, "order_id")] == [
        ("filled", "200")
    ]
    day.bust(order_id, first)
    runner.catch_up()
    assert format_scaled(_rows(runner, store.orders, "order_id")[0]["cum_qty"]) == "120"
    assert _kinds(runner, day.writer.next_seq - 1)[0][2:] == ("-40", "-400")


def test_what_is_calculated_for_the_day_goes_on(day: Day, runner: Runner) -> None:
    order_id = day.order(qty=100, time_in_force="1")
    day.fill(order_id, 40, 10)
    day.done_for_day(order_id)
    day.calculate(order_id, for_day=True)
    runner.catch_up()
    assert _rows(runner, store.orders, "order_id")[0]["status"] == "open"


def test_done_for_the_day_comes_before_calculated(day: Day, runner: Runner) -> None:
    order_id = day.order(qty=100)
    day.fill(order_id, 40, 10)
    day.done_for_day(order_id)
    day.calculate(order_id)
    runner.catch_up()
    assert _rows(runner, store.orders, "order_id")[0]["status"] == "done_for_day"
