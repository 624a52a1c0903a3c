"""Emulated orders and trading days behind a kernel: crashes after any record, the paper venue, many at an open."""

import pytest

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.state import State
from oms.core.types import Px, Terms
from oms.kernel import MOST_EMULATED, decide_or_question
from oms.paper import DEFINITION
from oms.paper import NAME as PAPER
from oms.replay import recover
from tests.core.days import NEW_YORK, at
from tests.core.desk import ALPHA, BRAVO, LSE, SIM, Desk, account, scaled, terms
from tests.core.office import VENUES, KernelDesk, Office
from tests.core.test_emulation import GTC, PLAIN
from tests.core.test_kernel import PAPER_FIRM, check_recovery, new
from tests.core.test_replay import in_batches


def a_day_of_all_of_them() -> KernelDesk:
    """Slices, orders for several days, a trailing stop; a venue that was down, a late fill, a crossing cancel."""
    desk = KernelDesk(3)
    for event in (PLAIN, NEW_YORK):
        desk._take(event)
    at(desk, "23-15:00")
    desk.new("I", "500", tif=GTC, terms=terms(max_floor="200"))
    desk.new("D", "100", terms=terms(max_floor="40"))
    peg = Terms(exec_inst="a", peg_offset=Px(scaled("2")))
    desk.new("T", "100", "", side="2", ord_type="P", tif=GTC, terms=peg)
    desk.ack("I")
    desk.fill("I", "x1", "200")
    desk.fill("D", "x1", "40")
    desk.cancel("C", "D")
    desk.fill("D/2", "x1", "40")
    desk.refused("C")
    desk.price("IBM", "92")
    desk.price("IBM", "91")
    desk.fill("I/2", "x1", "50")
    at(desk, "23-21:15")
    desk.down()
    at(desk, "24-14:00")
    desk.up()
    desk.ack("I/3")
    desk.fill("I/2", "x2", "30")
    report = next(e for e in reversed(desk.events) if isinstance(e, ev.ReplaceRouted | ev.CancelRouted))
    desk.do(cmd.VenueReport(SIM, report.cl_ord_id, "5", "0", "r1"))
    desk.halt("all")
    desk.fill("I/3", "x1", "200")
    desk.resume("all")
    desk.price("IBM", "90")
    desk.fill("T", "x1", "100", "90")
    desk.replace("J", "I", "600", terms=terms(max_floor="200"))
    at(desk, "24-21:15")
    at(desk, "25-14:00")
    desk.cancel("K", "J")
    desk.canceled("K", route=len(desk.order("I").routes))
    desk.flush()
    return desk


DAY = a_day_of_all_of_them()


def test_the_day_has_what_it_is_for() -> None:
    kinds = [type(event).__name__ for event in DAY.events]
    for kind, times in (("OrderEmulated", 3), ("OrderWaits", 4), ("StopPxMoved", 1), ("DayStarted", 3)):
        assert kinds.count(kind) >= times, kind
    assert [order.leaves_qty for order in DAY.state.orders.values()] == [0, 0, 0]


@pytest.mark.parametrize("size", [1, 1000])
def test_a_crash_after_any_record_is_completed_as_it_went_on(size: int) -> None:
    records = DAY.journal.records
    for cut in range(len(records) + 1):
        check_recovery(DAY, cut, recover(in_batches(records[:cut], size), (SIM, LSE)))


def test_a_snapshot_after_any_record_gives_the_same_from_there_on() -> None:
    records = DAY.journal.records
    for taken in range(1, len(records), 5):
        state = State()
        for body in records[:taken]:
            state.apply(ev.decode(body))
        copy = State.load(state.dump())
        assert list(copy.emulated.due) == list(state.emulated.due)
        for body in records[taken:]:
            copy.apply(ev.decode(body))
        assert copy.digest() == DAY.state.digest()


def test_at_an_open_they_are_seen_to_some_at_a_time() -> None:
    desk = KernelDesk(1)
    for event in (PLAIN, NEW_YORK):
        desk._take(event)
    at(desk, "23-10:00")
    count = 2 * MOST_EMULATED + 10
    for n in range(count):
        desk.new(f"A{n}", "1", tif=GTC)
    desk.now_ns += 4 * 3_600_000_000_000
    desk.kernel.on_command(cmd.StartDay("XNYS", 20261123), "calendar")
    left = [len(desk.state.emulated.due)]
    while desk.kernel.emulate():
        left.append(len(desk.state.emulated.due))
    assert left == [count - MOST_EMULATED, 10, 0]
    assert all(len(order.routes) == 1 for order in desk.state.orders.values())


def test_a_defect_in_the_work_stops_nobody_and_does_not_come_again() -> None:
    """An order that cannot be decided about waits for a person."""
    desk = Desk(PLAIN)
    desk.new("A", "1000", terms=terms(max_floor="300"))
    desk.order().versions.clear()
    found = [event for event, _ in decide_or_question(desk.state, cmd.Emulate(1), 5)]
    assert [type(event) for event in found] == [ev.ReportQuestioned, ev.OrderWaits]
    assert isinstance(found[1], ev.OrderWaits)
    assert found[1].waits_for == "person"


# -- the paper venue -----------------------------------------------------------------------------------------


def paper() -> Office:
    office = Office(paper=True)
    office.record(PAPER_FIRM)
    office.record(DEFINITION)
    office.record(account("HUGE", (ALPHA, BRAVO), (("USD", "9000000"),), "90000"))
    office.all_up()
    office.flush()
    return office


def test_slices_trade_one_after_the_other_at_the_paper_venue() -> None:
    """It quotes 200 at each of three ticks; what was traded away stands again."""
    office = paper()
    office.say(ALPHA, "D|11=A|1=HUGE|55=IBM|54=1|38=700|40=2|44=90.03|59=0|111=300")
    order = office.kernel.state.orders[1]
    assert [route.order_qty // 10**8 for route in order.routes] == [300, 300, 100]
    assert (order.leaves_qty, order.cum_qty // 10**8) == (0, 700)
    assert (
        recover([(1, office.journal.records)], VENUES, (PAPER,)).state.digest()
        == office.kernel.state.digest()
    )


def test_what_has_ended_with_its_day_trades_no_more_at_the_paper_venue() -> None:
    office = paper()
    office.say(ALPHA, new("A", "HUGE", px="89"))
    office.say(ALPHA, "D|11=G|1=HUGE|55=IBM|54=1|38=100|40=2|44=88|59=1")
    office.command(cmd.EndDay("jane"))
    office.flush()
    office.say(BRAVO, "D|11=B|1=HUGE|55=IBM|54=2|38=900|40=2|44=88|59=3")
    orders = office.kernel.state.orders
    assert (orders[1].working, orders[1].cum_qty) == ("C", 0)
    assert orders[2].cum_qty // 10**8 == 100, "good till canceled"
