"""Breaks: one planted of each kind, and found as that kind and nothing else."""

from pathlib import Path

import pytest
from sqlalchemy import select

from oms.core.types import Side
from oms.post import store
from oms.post.reconciliation import (
    BUST_MISSING_AT_BROKER,
    BUST_MISSING_HERE,
    COLUMNS,
    CORRECTION_MISSING_AT_BROKER,
    CORRECTION_MISSING_HERE,
    DUPLICATE_AT_BROKER,
    MALFORMED,
    MISSING_AT_BROKER,
    MISSING_HERE,
    ORDER,
    PRICE,
    QUANTITY,
    SIDE,
    SYMBOL,
    Break,
    Reconciliation,
    read_trade_file,
    reconcile,
)
from oms.post.runner import Runner
from tests.post.day import NOON_NS, Day

HEADER = ",".join(COLUMNS)


class Broker:
    """The broker's file of a small day:

    five fills of three orders, one of them replaced, and one elsewhere.
    """

    def __init__(self, day: Day, runner: Runner, path: Path) -> None:
        self._runner = runner
        self._path = path
        self.lines = [HEADER]
        one = day.order("ACC-ALPHA", qty=100)
        day.fill(one, 60, "10.25", "E1")
        day.fill(one, 40, "10.5", "E2")
        two = day.order("BLOCK1", "VOD.L", Side.SELL, 500)
        day.fill(two, 200, "75.5", "E3")
        day.replace(two, 600)
        day.fill(two, 400, "75.25", "E4")
        three = day.order("ACC-BETA", qty=10)
        day.fill(three, 10, "11", "E5")
        day.fill(day.order(venue="OTHER", qty=1), 1, "10", "E1")  # the same ExecID at another venue
        runner.catch_up()
        self.ids = {
            "E1": day.venue_id(one),
            "E2": day.venue_id(one),
            "E3": day.venue_id(two),
            "E4": day.venue_id(two, 1, 2),
            "E5": day.venue_id(three),
        }
        self.trade("E1", "IBM", "1", "60", "10.25")
        self.trade("E2", "IBM", "1", "40", "10.50")
        self.trade("E3", "VOD.L", "2", "200", "75.5")
        self.trade("E4", "VOD.L", "2", "400", "75.25")
        self.trade("E5", "IBM", "1", "10", "11")

    def line(self, exec_id: str, symbol: str, side: str, qty: str, px: str, cl_ord_id: str = "") -> str:
        cl_ord_id = cl_ord_id or self.ids.get(exec_id, "nobody-1-1-1")
        return f"{exec_id},{cl_ord_id},B-{exec_id},{symbol},{side},{qty},{px},20260109-12:00:00.000"

    def trade(self, exec_id: str, symbol: str, side: str, qty: str, px: str) -> None:
        self.lines.append(self.line(exec_id, symbol, side, qty, px))

    def reconcile(self, unfinished: str = "") -> Reconciliation:
        self._path.write_text("".join(f"{line}\n" for line in self.lines) + unfinished)
        return reconcile(self._runner.engine, "SIM", self._path, now_ns=NOON_NS)


@pytest.fixture
def broker(day: Day, runner: Runner, tmp_path: Path) -> Broker:
    return Broker(day, runner, tmp_path / "trades.csv")


def test_nothing_to_find(broker: Broker) -> None:
    result = broker.reconcile()
    assert result.breaks == ()
    assert result.summary == "none"
    assert (result.lines, result.fills, result.matched) == (5, 5, 5)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        (("E2", "IBM", "1", "41", "10.5"), Break(QUANTITY, "E2", 3, 1, "40", "41")),
        (("E2", "IBM", "1", "40", "10.51"), Break(PRICE, "E2", 3, 1, "10.5", "10.51")),
        (("E2", "IBM", "2", "40", "10.5"), Break(SIDE, "E2", 3, 1, "1", "2")),
        (("E2", "IBMX", "1", "40", "10.5"), Break(SYMBOL, "E2", 3, 1, "IBM", "IBMX")),
        (("E2", "IBM", "1", "40", "10.5", "other-1-1-1"), Break(ORDER, "E2", 3, 1, "1", "other-1-1-1")),
    ],
    ids=["quantity", "price", "side", "symbol", "order"],
)
def test_a_difference_is_found_and_nothing_else(
    broker: Broker, fields: tuple[str, ...], found: Break
) -> None:
    broker.lines[2] = broker.line(*fields)
    result = broker.reconcile()
    assert result.breaks == (found,)
    assert result.matched == 4


def test_a_fill_that_the_broker_does_not_have(broker: Broker) -> None:
    del broker.lines[3]
    assert broker.reconcile().breaks == (Break(MISSING_AT_BROKER, "E3", 0, 2, "sell 200 VOD.L at 75.5", ""),)


def test_a_trade_that_we_do_not_have(broker: Broker) -> None:
    broker.trade("E9", "IBM", "1", "7", "10")
    assert broker.reconcile().breaks == (
        Break(MISSING_HERE, "E9", 7, 0, "", "buy 7 IBM at 10 for nobody-1-1-1"),
    )


def test_a_trade_that_we_do_not_have_names_the_order_it_belongs_to(broker: Broker) -> None:
    broker.lines.append(broker.line("E9", "IBM", "1", "7", "10", broker.ids["E5"]))
    (found,) = broker.reconcile().breaks
    assert (found.kind, found.order_id) == (MISSING_HERE, 3)


def test_a_line_that_stands_twice(broker: Broker) -> None:
    broker.lines.append(broker.lines[2])
    there = f"buy 40 IBM at 10.5 for {broker.ids['E2']} (first on line 3)"
    assert broker.reconcile().breaks == (Break(DUPLICATE_AT_BROKER, "E2", 7, 1, "buy 40 IBM at 10.5", there),)


def test_several_differences_of_one_trade_are_several_breaks(broker: Broker) -> None:
    broker.lines[2] = broker.line("E2", "IBM", "2", "41", "10.51")
    result = broker.reconcile()
    assert [found.kind for found in result.breaks] == [SIDE, QUANTITY, PRICE]
    assert result.summary == "price 1, quantity 1, side 1"


def test_a_malformed_line_that_was_written_again_is_compared(broker: Broker) -> None:
    broker.lines.insert(2, "E2,C,B,IBM,1,40")
    result = broker.reconcile()
    assert [(found.kind, found.line_number) for found in result.breaks] == [(MALFORMED, 3)]
    assert result.matched == 5


# -- busts and corrections -----------------------------------------------------------------------------------

E2 = "buy 40 IBM at 10.5"


def _typed(broker: Broker, exec_type: str, exec_id: str, exec_ref_id: str, qty: str, px: str) -> None:
    """A line about E2, in a file that says of each line what it is."""
    if not broker.lines[0].endswith("exec_ref_id"):
        broker.lines = [
            f"{broker.lines[0]},exec_type,exec_ref_id",
            *(f"{line},F," for line in broker.lines[1:]),
        ]
        broker.lines[1] = broker.lines[1].removesuffix("F,") + ","  # to say nothing is to say F
    line = broker.line(exec_id, "IBM", "1", qty, px, broker.ids["E2"])
    broker.lines.append(f"{line},{exec_type},{exec_ref_id}")


def _follow(runner: Runner, broker: Broker) -> Reconciliation:
    runner.catch_up()
    return broker.reconcile()


def test_a_bust_that_both_have(broker: Broker, day: Day, runner: Runner) -> None:
    day.bust(1, "E2", "B1")
    _typed(broker, "H", "B1", "E2", "40", "10.5")
    result = _follow(runner, broker)
    assert result.breaks == ()
    assert (result.lines, result.fills, result.matched) == (6, 4, 4)


def test_a_bust_after_which_the_file_lacks_the_trade(broker: Broker, day: Day, runner: Runner) -> None:
    day.bust(1, "E2")
    del broker.lines[2]
    result = _follow(runner, broker)
    assert result.breaks == ()
    assert (result.fills, result.matched) == (4, 4)


def test_a_bust_that_the_broker_does_not_have(broker: Broker, day: Day, runner: Runner) -> None:
    day.bust(1, "E2", "B1")
    result = _follow(runner, broker)
    there = f"{E2} for {broker.ids['E2']}"
    assert result.breaks == (Break(BUST_MISSING_AT_BROKER, "E2", 3, 1, f"busted by B1: {E2}", there),)
    assert (result.fills, result.matched) == (4, 4)


@pytest.mark.parametrize(("exec_id", "exec_ref_id"), [("B1", "E2"), ("E2", "")])
def test_a_bust_that_we_do_not_have(broker: Broker, exec_id: str, exec_ref_id: str) -> None:
    _typed(broker, "H", exec_id, exec_ref_id, "40", "10.5")
    result = broker.reconcile()
    there = f"busted by {exec_id}: {E2} for {broker.ids['E2']}"
    assert result.breaks == (Break(BUST_MISSING_HERE, "E2", 7, 1, E2, there),)
    assert (result.fills, result.matched) == (5, 4)


def test_a_correction_that_both_have(broker: Broker, day: Day, runner: Runner) -> None:
    day.correct(1, "E2", 41, "10.6", "K1")
    _typed(broker, "G", "K1", "E2", "41", "10.6")
    result = _follow(runner, broker)
    assert result.breaks == ()
    assert (result.lines, result.fills, result.matched) == (6, 5, 5)


@pytest.mark.parametrize("exec_id", ["E2", "K1", "K2"])
def test_a_file_that_gives_the_trade_as_corrected(
    broker: Broker, day: Day, runner: Runner, exec_id: str
) -> None:
    day.correct(1, "E2", 42, "10.6", "K1")
    day.correct(1, "K1", 41, "10.6", "K2")
    broker.lines[2] = broker.line(exec_id, "IBM", "1", "41", "10.6", broker.ids["E2"])
    result = _follow(runner, broker)
    assert result.breaks == ()
    assert (result.fills, result.matched) == (5, 5)


def test_a_correction_that_the_broker_does_not_have(broker: Broker, day: Day, runner: Runner) -> None:
    day.correct(1, "E2", 41, "10.6", "K1")
    result = _follow(runner, broker)
    here = "corrected by K1: buy 41 IBM at 10.6"
    there = f"{E2} for {broker.ids['E2']}"
    assert result.breaks == (Break(CORRECTION_MISSING_AT_BROKER, "E2", 3, 1, here, there),)
    assert (result.fills, result.matched) == (5, 4)


def test_a_correction_that_we_do_not_have(broker: Broker) -> None:
    _typed(broker, "G", "K1", "E2", "41", "10.6")
    there = f"corrected by K1: buy 41 IBM at 10.6 for {broker.ids['E2']}"
    assert broker.reconcile().breaks == (Break(CORRECTION_MISSING_HERE, "E2", 7, 1, E2, there),)


def test_corrections_that_differ_are_compared(broker: Broker, day: Day, runner: Runner) -> None:
    day.correct(1, "E2", 41, "10.6", "K1")
    _typed(broker, "G", "K1", "E2", "41", "10.7")
    assert _follow(runner, broker).breaks == (Break(PRICE, "E2", 7, 1, "10.6", "10.7"),)


def test_a_bust_of_a_correction(broker: Broker, day: Day, runner: Runner) -> None:
    day.correct(1, "E2", 41, "10.6", "K1")
    day.bust(1, "K1", "B1")
    _typed(broker, "G", "K1", "E2", "41", "10.6")
    missing = _follow(runner, broker)
    assert [(found.kind, found.exec_id) for found in missing.breaks] == [(BUST_MISSING_AT_BROKER, "E2")]
    _typed(broker, "H", "B1", "K1", "41", "10.6")
    assert broker.reconcile().breaks == ()


def test_a_bust_may_stand_before_its_trade(broker: Broker, day: Day, runner: Runner) -> None:
    day.bust(1, "E2", "B1")
    _typed(broker, "H", "B1", "E2", "40", "10.5")
    broker.lines.insert(1, broker.lines.pop())
    assert _follow(runner, broker).breaks == ()


def test_a_bust_of_a_trade_that_nobody_has(broker: Broker) -> None:
    _typed(broker, "H", "B9", "E9", "40", "10.5")
    there = f"busted by B9: {E2} for {broker.ids['E2']}"
    assert broker.reconcile().breaks == (Break(MISSING_HERE, "E9", 7, 1, "", there),)


def test_a_bust_that_stands_twice(broker: Broker, day: Day, runner: Runner) -> None:
    day.bust(1, "E2", "B1")
    for _ in range(2):
        _typed(broker, "H", "B1", "E2", "40", "10.5")
    assert [found.kind for found in _follow(runner, broker).breaks] == [DUPLICATE_AT_BROKER]


def test_another_exec_type_is_malformed(broker: Broker) -> None:
    _typed(broker, "4", "E9", "", "40", "10.5")
    (found,) = broker.reconcile().breaks
    assert found.kind == MALFORMED
    assert found.there.endswith("(exec_type is '4', not F, G or H)")


def test_the_same_exec_id_of_two_orders_is_two_executions(broker: Broker, day: Day, runner: Runner) -> None:
    four = day.order("ACC-BETA", qty=7)
    assert four == 5
    day.fill(four, 7, "10.5", "E2")
    broker.lines.append(broker.line("E2", "IBM", "1", "7", "10.5", day.venue_id(four)))
    result = _follow(runner, broker)
    assert result.breaks == ()
    assert (result.fills, result.matched) == (6, 6)
    day.bust(four, "E2", "B1")
    result = _follow(runner, broker)
    assert [(found.kind, found.line_number, found.order_id) for found in result.breaks] == [
        (BUST_MISSING_AT_BROKER, 7, four)
    ]


# -- lines that cannot be read -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("E2,C,B,IBM,1,forty,10.5,T", "not a decimal number: 'forty'"),
        ("E2,C,B,IBM,1,40,1e3,T", "not a decimal number: '1e3'"),
        ("E2,C,B,IBM,1,40,10.123456789,T", "more than 8 decimal places: '10.123456789'"),
        ("E2,C,B,IBM,1,99999999999999999999,10.5,T", "number too large: '99999999999999999999'"),
        ("E2,C,B,IBM,BUY,40,10.5,T", "side is 'BUY', not 1 or 2"),
        ("E2,C,B,IBM,1,40", "6 fields instead of 8"),
        ("E2,C,B,IBM,1,40,10.5,T,more", "9 fields instead of 8"),
        ("E2,C,B,,1,40,,T", "symbol, last_px is empty"),
    ],
)
def test_a_malformed_line_of_a_known_trade_is_one_break(broker: Broker, line: str, reason: str) -> None:
    broker.lines[2] = line
    result = broker.reconcile()
    assert result.breaks == (Break(MALFORMED, "E2", 3, 1, "buy 40 IBM at 10.5", f"{line} ({reason})"),)
    assert (result.lines, result.matched) == (5, 4)


@pytest.mark.parametrize("line", ["", "garbage", '"E2,C,B,IBM,1,40,10.5,T', "\x00\x00"])
def test_a_line_that_names_no_trade_loses_none(broker: Broker, line: str) -> None:
    broker.lines[2] = line
    kinds = [(found.kind, found.line_number) for found in broker.reconcile().breaks]
    assert kinds == [(MALFORMED, 3), (MISSING_AT_BROKER, 0)]


def test_bytes_that_are_not_text_are_shown(tmp_path: Path) -> None:
    (line,) = read_trade_file(b"E\xff1,C,B,IBM,1,1,1\n").lines
    assert line.trade is None
    assert line.text == "E\\xff1,C,B,IBM,1,1,1"


def test_a_last_line_without_a_newline_is_still_being_written(broker: Broker) -> None:
    result = broker.reconcile(unfinished="E6,x,B,IB")
    assert result.breaks == ()
    assert result.incomplete_bytes == 9


def test_an_empty_file_is_no_trades(broker: Broker) -> None:
    broker.lines = []
    assert [found.kind for found in broker.reconcile().breaks] == [MISSING_AT_BROKER] * 5
    assert broker.reconcile(unfinished=HEADER[:10]).incomplete_bytes == 10


def test_a_file_without_a_header_is_read_in_the_usual_order(broker: Broker) -> None:
    del broker.lines[0]
    assert broker.reconcile().summary == "none"


def test_columns_may_stand_in_another_order_and_be_more(broker: Broker) -> None:
    rows = [line.split(",") for line in broker.lines]
    broker.lines = [",".join([*reversed(row), "more"]) for row in rows]
    assert broker.reconcile().summary == "none"


def test_windows_line_ends_and_a_byte_order_mark(broker: Broker) -> None:
    broker.lines = [f"{line}\r" for line in broker.lines]
    broker.lines[0] = "\ufeff" + broker.lines[0]
    assert broker.reconcile().summary == "none"


def test_a_header_without_a_column_is_refused(broker: Broker) -> None:
    broker.lines[0] = "exec_id,symbol,side,last_qty,last_px"
    with pytest.raises(ValueError, match="line 1 of the trade file has no column cl_ord_id"):
        broker.reconcile()


# -- what is stored ------------------------------------------------------------------------------------------


def test_runs_are_stored_with_their_breaks(broker: Broker, runner: Runner) -> None:
    del broker.lines[3]
    broker.reconcile()
    broker.lines.append(broker.line("E3", "VOD.L", "2", "200", "75.5"))
    second = broker.reconcile()
    run, found = store.reconciliation, store.reconciliation_break
    with store.reading(runner.engine) as connection:
        runs = connection.execute(select(run.c.run_id, run.c.breaks, run.c.seq).order_by(run.c.run_id)).all()
        breaks = connection.execute(select(found.c.run_id, found.c.kind, found.c.exec_id, found.c.here)).all()
    assert second.summary == "none"
    assert [tuple(row) for row in runs] == [(1, 1, second.seq), (2, 0, second.seq)]
    assert second.seq == runner.progress.last_seq
    assert [tuple(row) for row in breaks] == [(1, MISSING_AT_BROKER, "E3", "sell 200 VOD.L at 75.5")]


def test_a_venue_sees_only_its_own_fills(broker: Broker, runner: Runner, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text(f"{HEADER}\n")
    result = reconcile(runner.engine, "OTHER", other, now_ns=NOON_NS)
    assert [(found.kind, found.exec_id) for found in result.breaks] == [(MISSING_AT_BROKER, "E1")]


# -- ids that come again -------------------------------------------------------------------------------------


def test_one_exec_id_on_two_routes_of_an_order(day: Day, runner: Runner, tmp_path: Path) -> None:
    order_id = day.order(qty=100)
    day.route(order_id, 2, "SIM", 40)
    day.fill(order_id, 60, "10", "1")
    day.fill(order_id, 40, "11", "1", route_id=2)
    runner.catch_up()
    lines = [
        HEADER,
        f"1,{day.venue_id(order_id, 2)},B,IBM,1,40,11,",
        f"1,{day.venue_id(order_id, 1)},B,IBM,1,60,10,",
    ]
    path = tmp_path / "trades.csv"
    path.write_text("".join(f"{line}\n" for line in lines))
    found = reconcile(runner.engine, "SIM", path, now_ns=NOON_NS)
    assert (found.matched, found.breaks) == (2, ())


def test_an_exec_id_that_a_broker_uses_again_on_a_later_day(day: Day, runner: Runner, tmp_path: Path) -> None:
    order_id = day.order(qty=100, time_in_force="1")
    day.fill(order_id, 60, "10", "1")
    day.end_day()
    day.end_day()
    day.fill(order_id, 40, "11", "1~3")
    runner.catch_up()
    line = f"1,{day.venue_id(order_id)},B,IBM,1,{{}},{{}},"
    path = tmp_path / "trades.csv"
    path.write_text("\n".join([HEADER, line.format(60, 10), line.format(40, 11), ""]))
    found = reconcile(runner.engine, "SIM", path, now_ns=NOON_NS)
    assert (found.matched, found.breaks) == (2, ())
    path.write_text("\n".join([HEADER, line.format(60, 10), line.format(40, 11), line.format(40, 11), ""]))
    third = reconcile(runner.engine, "SIM", path, now_ns=NOON_NS)
    assert [b.kind for b in third.breaks] == [DUPLICATE_AT_BROKER]
    path.write_text("\n".join([HEADER, line.format(60, 10), ""]))
    first = reconcile(runner.engine, "SIM", path, now_ns=NOON_NS)
    assert [(b.kind, b.exec_id) for b in first.breaks] == [(MISSING_AT_BROKER, "1~2")]
