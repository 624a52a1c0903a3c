"""Orders that outlive the day, those that do not, and what the venue does to an order of its own accord.

Order A is to buy 100 at 10. *Source of the cases:* FIX 4.4 volume 4, order state change matrices H, E and L.
"""

from typing import Any

import pytest

from oms.core.state import State
from oms.core.types import ExecType, OrdStatus, Px, Qty, Terms
from oms.fix.encode import render
from tests.core.desk import Desk, book_lines, scaled, terms

GTC, GTD = "1", "6"


def opened(**more: Any) -> Desk:
    """A desk with order A, acknowledged."""
    desk = Desk()
    desk.new("A", **more)
    desk.ack()
    return desk


@pytest.fixture
def gtc() -> Desk:
    return opened(tif=GTC)


@pytest.fixture
def live() -> Desk:
    return opened()


# -- the end of the day --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tif", ["0", "2", "3", "4", "5", "7"])
def test_what_does_not_outlive_the_day_expires_with_it(tif: str) -> None:
    desk = opened(tif=tif)
    desk.fill("A", "x1", "40")
    assert desk.end_day() == ["RouteExpired False", "OrderExpired", "DayEnded"]
    assert desk.now() == "expired 40 of 100, 0 open, as A"
    assert desk.risk() == "held 0, spent 400, position 40, open 0/0"
    assert desk.end_day() == ["DayEnded"]


def test_a_good_till_cancel_order_goes_on(gtc: Desk) -> None:
    gtc.fill("A", "x1", "40")
    assert gtc.end_day() == ["DayEnded"]
    assert gtc.now() == "partially_filled 40 of 100, 60 open, as A"
    assert gtc.risk() == "held 600, spent 400, position 40, open 60/0"


UNTIL = (
    # good until   ends on the day of 2026-11-22, 23, 24
    ("20261121",   1),
    ("20261122",   1),
    ("20261123",   2),
    ("20261124",   3),
)  # fmt: skip


@pytest.mark.parametrize(("until", "day"), UNTIL)
def test_a_good_till_date_order_expires_on_its_date(until: str, day: int) -> None:
    desk = opened(tif=GTD, terms=terms(until=until))
    ended = [desk.end_day() for _ in range(3)]
    assert [len(found) for found in ended] == [3 if n == day else 1 for n in (1, 2, 3)]
    assert desk.order().reason == f"good until {until}"


def test_a_good_till_date_order_may_be_given_a_time() -> None:
    desk = opened(tif=GTD, terms=terms(expire_time="20261123-15:00:00"))
    assert desk.end_day() == ["DayEnded"]
    assert desk.end_day() == ["RouteExpired False", "OrderExpired", "DayEnded"]


def test_a_replace_moves_the_date() -> None:
    desk = opened(tif=GTD, terms=terms(until="20261122"))
    desk.replace("B", "A", "100", terms=terms(until="20261123"))
    desk.replaced("B")
    assert desk.end_day() == ["DayEnded"]
    assert desk.end_day() == ["RouteExpired False", "OrderExpired", "DayEnded"]


def test_the_day_ends_only_what_is_open(live: Desk) -> None:
    live.new("B")
    live.canceled("B")
    live.new("C")
    live.fill("C", "x1", "100")
    live.new("D", "0")
    live.new("E", tif=GTC)
    live.new("F")
    found = live.end_day()
    assert found == [*["RouteExpired False", "OrderExpired"] * 2, "DayEnded"]
    assert [live.now(of).split()[0] for of in "ABCDEF"] == [
        "expired", "canceled", "filled", "rejected", "pending_new", "expired",
    ]  # fmt: skip


def test_reports_that_are_late_are_taken_all_the_same(live: Desk) -> None:
    live.end_day()
    assert live.fill("A", "x1", "40") == ["OrderFilled x1 40 10"]
    assert live.expired("A") == []
    assert live.ack() == []
    assert live.now() == "expired 40 of 100, 0 open, as A"


def test_a_request_that_is_open_at_the_end_of_the_day_is_still_answered(live: Desk) -> None:
    live.cancel("B", "A")
    live.end_day()
    assert live.now() == "pending_cancel 0 of 100, 0 open, as A"
    assert [line.split()[0] for line in live.canceled("B")] == ["RouteRequestRejected", "RequestRejected"]
    assert live.now() == "expired 0 of 100, 0 open, as A"


# -- done for the day ----------------------------------------------------------------------------------------


def test_a_good_till_order_that_is_done_for_the_day_is_open_the_next(gtc: Desk) -> None:
    assert gtc.done_for_day("A") == ["RouteExpired True", "OrderDoneForDay"]
    assert gtc.now() == "done_for_day 0 of 100, 100 open, as A"
    assert gtc.done_for_day("A") == []
    assert gtc.risk() == "held 1000, spent 0, position 0, open 100/0"
    gtc.end_day()
    assert gtc.now() == "new 0 of 100, 100 open, as A"
    assert gtc.done_for_day("A") == ["RouteExpired True", "OrderDoneForDay"]


@pytest.mark.parametrize(("how", "then"), [("canceled", "canceled"), ("expired", "expired")])
def test_a_good_till_order_that_is_done_for_the_day_can_still_end(gtc: Desk, how: str, then: str) -> None:
    gtc.done_for_day("A")
    assert len(getattr(gtc, how)("A")) == 2
    assert gtc.now() == f"{then} 0 of 100, 0 open, as A"


def test_a_good_till_order_that_is_done_for_the_day_can_be_replaced_and_canceled(gtc: Desk) -> None:
    gtc.done_for_day("A")
    gtc.replace("B", "A", "80")
    gtc.replaced("B")
    assert gtc.now() == "done_for_day 0 of 80, 80 open, as B"
    gtc.cancel("C", "B")
    gtc.canceled("C")
    assert gtc.now() == "canceled 0 of 80, 0 open, as B"


def test_a_fill_after_done_for_the_day_is_booked(gtc: Desk) -> None:
    gtc.done_for_day("A")
    gtc.fill("A", "x1", "40")
    assert gtc.now() == "done_for_day 40 of 100, 60 open, as A"


def test_what_was_filled_after_it_was_done_for_the_day_is_filled_the_next(gtc: Desk) -> None:
    gtc.done_for_day("A")
    gtc.fill("A", "x1", "100")
    assert gtc.now() == "done_for_day 100 of 100, 0 open, as A"
    gtc.end_day()
    assert gtc.now() == "filled 100 of 100, 0 open, as A"
    gtc.bust("A", "b1", "x1")
    assert gtc.now() == "new 0 of 100, 100 open, as A"
    assert gtc.done_for_day("A") == ["RouteExpired True", "OrderDoneForDay"]


# -- the day's quantities ------------------------------------------------------------------------------------


def test_quantities_of_the_day_start_from_0(gtc: Desk) -> None:
    gtc.fill("A", "x1", "40", "9")
    assert gtc.today() == "40 of 100 at 9"
    gtc.end_day()
    assert gtc.today() == "0 of 60 at 0"
    gtc.fill("A", "x2", "10", "10")
    gtc.fill("A", "x3", "10", "11")
    assert gtc.today() == "20 of 60 at 10.5"
    gtc.end_day()
    gtc.end_day()
    assert gtc.today() == "0 of 40 at 0"


def test_a_replace_changes_what_is_open_today(gtc: Desk) -> None:
    gtc.fill("A", "x1", "40")
    gtc.end_day()
    gtc.replace("B", "A", "150")
    gtc.replaced("B")
    assert gtc.today("B") == "0 of 110 at 0"


def test_a_bust_of_an_earlier_day_is_not_of_today(gtc: Desk) -> None:
    gtc.fill("A", "x1", "40")
    gtc.end_day()
    gtc.fill("A", "x2", "10")
    gtc.bust("A", "b1", "x1")
    assert gtc.today() == "10 of 100 at 10"
    gtc.bust("A", "b2", "x2")
    assert gtc.today() == "0 of 100 at 0"


def test_a_correction_is_of_the_day_of_what_it_corrects(gtc: Desk) -> None:
    gtc.fill("A", "x1", "40")
    gtc.end_day()
    gtc.correct("A", "c1", "x1", "30")
    assert gtc.today() == "0 of 70 at 0"
    gtc.fill("A", "x2", "10")
    gtc.correct("A", "c2", "c1", "20")
    gtc.correct("A", "c3", "x2", "15", "11")
    assert gtc.today() == "15 of 80 at 11"
    gtc.end_day()
    gtc.bust("A", "b1", "c2")
    assert gtc.today() == "0 of 85 at 0"


def test_only_reports_of_orders_that_outlive_the_day_name_its_quantities(gtc: Desk) -> None:
    gtc.fill("A", "x1", "40", "9")
    message = render(gtc.events[-1], 1, gtc.state)
    assert message is not None and "\x01424=100\x01425=40\x01426=9\x01" in message[1]
    gtc.new("B")
    gtc.fill("B", "x1", "40")
    message = render(gtc.events[-1], 1, gtc.state)
    assert message is not None and "\x01424=" not in message[1]


def test_the_day_survives_a_snapshot(gtc: Desk) -> None:
    gtc.fill("A", "x1", "40")
    gtc.end_day()
    gtc.done_for_day("A")
    copy = State.load(gtc.state.dump())
    assert (copy.day, copy.digest()) == (2, gtc.state.digest())
    assert book_lines(copy) == book_lines(gtc.state)


# -- restated ------------------------------------------------------------------------------------------------


def test_a_venue_may_cut_the_quantity_and_change_the_price(live: Desk) -> None:
    live.fill("A", "x1", "40")
    assert live.restated("A", "90", "11") == ["OrderRestated 5 90 11"]
    assert live.now() == "partially_filled 40 of 90, 50 open, as A"
    assert live.risk() == "held 550, spent 400, position 40, open 50/0"


def test_what_is_not_restated_stays(live: Desk) -> None:
    assert live.restated("A", reason="") == ["OrderRestated 99 100 10"]
    assert live.restated("A", px="11") == ["OrderRestated 5 100 11"]
    assert live.restated("A", "80") == ["OrderRestated 5 80 11"]
    assert live.now() == "new 0 of 80, 80 open, as A"


def test_a_cut_to_what_has_executed_fills_the_order(live: Desk) -> None:
    live.fill("A", "x1", "40")
    live.restated("A", "40")
    assert live.now() == "filled 40 of 40, 0 open, as A"
    assert live.restated("A", "39") == ["ReportQuestioned 1 restated_below_executed_quantity"]
    live.restated("A", "50")
    assert live.now() == "partially_filled 40 of 50, 10 open, as A"


def test_a_restatement_before_the_acknowledgement_acknowledges() -> None:
    desk = Desk()
    desk.new("A")
    assert desk.restated("A", "90") == ["RouteAccepted", "OrderAccepted", "OrderRestated 5 90 10"]


def test_what_has_ended_is_not_restated(live: Desk) -> None:
    live.canceled("A")
    assert live.restated("A", "90") == ["ReportQuestioned 1 restated_after_its_end"]


def test_a_pending_replace_is_measured_by_the_restated_order(live: Desk) -> None:
    live.replace("B", "A", "80")
    live.restated("A", "120")
    assert live.now() == "pending_replace 0 of 120, 120 open, as A"
    assert live.risk() == "held 1200, spent 0, position 0, open 120/0"
    live.replaced("B")
    assert live.now() == "new 0 of 80, 80 open, as B"


def test_a_market_order_that_is_given_a_price_rests_at_it_until_it_is_replaced() -> None:
    desk = opened(px="")
    assert book_lines(desk.state) == {}
    desk.restated("A", px="95")
    assert book_lines(desk.state) == {"IBM": [("1", scaled("95"), 1, scaled("100"))]}
    assert desk.risk() == "held 9900, spent 0, position 0, open 100/0"
    desk.replace("B", "A", "120", "", ord_type="1")
    desk.replaced("B")
    assert book_lines(desk.state) == book_lines(State.load(desk.state.dump())) == {}


def test_a_restatement_resumes_what_was_done_for_the_day(gtc: Desk) -> None:
    gtc.done_for_day("A")
    gtc.restated("A", reason="1")
    assert gtc.now() == "new 0 of 100, 100 open, as A"


# -- stopped, suspended, triggered, calculated ---------------------------------------------------------------


def test_a_price_that_is_guaranteed_is_no_execution(live: Desk) -> None:
    guaranteed = {"last_qty": Qty(scaled("100")), "last_px": Px(scaled("10"))}
    assert live.report("A", ExecType.STOPPED, **guaranteed) == ["OrderStopped 100 10"]
    assert live.now() == "stopped 0 of 100, 100 open, as A"
    assert live.risk() == "held 1000, spent 0, position 0, open 100/0"
    live.fill("A", "x1", "40")
    assert live.now() == "stopped 40 of 100, 60 open, as A"
    live.fill("A", "x2", "60")
    assert live.now() == "filled 100 of 100, 0 open, as A"
    assert live.report("A", ExecType.STOPPED) == ["ReportQuestioned 1 stopped_after_its_end"]


def test_a_suspended_order_still_holds_what_it_may_execute(live: Desk) -> None:
    assert live.report("A", ExecType.SUSPENDED) == ["OrderSuspended"]
    assert live.report("A", ExecType.SUSPENDED) == []
    assert live.now() == "suspended 0 of 100, 100 open, as A"
    assert live.risk() == "held 1000, spent 0, position 0, open 100/0"
    live.cancel("B", "A")
    assert live.now() == "pending_cancel 0 of 100, 100 open, as A"
    live.canceled("B")
    assert live.now() == "canceled 0 of 100, 0 open, as A"
    assert live.report("A", ExecType.SUSPENDED) == []


@pytest.mark.parametrize("how", [ExecType.TRIGGERED, ExecType.NEW])
def test_a_suspended_order_is_resumed(live: Desk, how: str) -> None:
    live.report("A", ExecType.SUSPENDED)
    assert live.report("A", how) == ["OrderTriggered"]
    assert live.now() == "new 0 of 100, 100 open, as A"


def test_stopped_comes_before_suspended_and_neither_before_done_for_day(gtc: Desk) -> None:
    gtc.report("A", ExecType.SUSPENDED)
    gtc.report("A", ExecType.STOPPED)
    assert gtc.now().startswith("stopped")
    gtc.done_for_day("A")
    assert gtc.now().startswith("done_for_day")


@pytest.mark.parametrize("exec_type", [ExecType.STOPPED, ExecType.SUSPENDED, ExecType.TRIGGERED])
def test_each_of_them_acknowledges(exec_type: str) -> None:
    desk = Desk()
    desk.new("A")
    assert desk.report("A", exec_type)[:2] == ["RouteAccepted", "OrderAccepted"]


def test_a_stop_order_that_is_held_back_and_triggered() -> None:
    desk = Desk()
    desk.new("A", "100", "", ord_type="3", terms=terms(stop="95"))
    desk.report("A", ExecType.NEW, working_indicator="N")
    message = render(desk.events[-1], 1, desk.state)
    assert message is not None
    assert "\x0199=95\x01" in message[1] and "\x01636=N\x01" in message[1]
    assert desk.report("A", ExecType.TRIGGERED) == ["OrderTriggered"]
    message = render(desk.events[-1], 1, desk.state)
    assert message is not None and "\x01636=Y\x01" in message[1]
    assert desk.now() == "new 0 of 100, 100 open, as A"


@pytest.mark.parametrize("filled", ["0", "40", "100"])
def test_an_order_that_is_calculated_is_done_with(live: Desk, filled: str) -> None:
    if filled != "0":
        live.fill("A", "x1", filled)
    assert live.report("A", ExecType.CALCULATED) == ["OrderCalculated"]
    assert live.report("A", ExecType.CALCULATED) == []
    assert live.now() == f"calculated {filled} of 100, 0 open, as A"
    assert live.cancel("B", "A") == ["RequestDenied B too_late 0"]
    assert live.risk() == f"held 0, spent {10 * int(filled)}, position {filled}, open 0/0"


def test_a_request_that_is_open_when_the_order_is_calculated_is_still_answered(live: Desk) -> None:
    live.cancel("B", "A")
    live.report("A", ExecType.CALCULATED)
    live.canceled("B")
    assert live.now() == "calculated 0 of 100, 0 open, as A"


def test_the_reason_of_an_unsolicited_cancel_reaches_the_client(live: Desk) -> None:
    live.report("A", ExecType.CANCELED, OrdStatus.CANCELED, exec_restatement_reason="8")
    message = render(live.events[-1], 1, live.state)
    assert message is not None and "\x01378=8\x01" in message[1]


# -- copies --------------------------------------------------------------------------------------------------


def test_a_copy_of_a_restatement_changes_nothing(live: Desk) -> None:
    restated = {"exec_id": "r1", "order_qty": Qty(scaled("90")), "exec_restatement_reason": "5"}
    assert live.report("A", ExecType.RESTATED, **restated) != []
    live.replace("B", "A", "150")
    live.replaced("B")
    assert live.report("A", ExecType.RESTATED, **restated) == []
    assert live.now() == "new 0 of 150, 150 open, as B"


@pytest.mark.parametrize("exec_type", [ExecType.STOPPED, ExecType.SUSPENDED, ExecType.TRIGGERED])
def test_a_copy_of_what_a_venue_said_unasked_changes_nothing(live: Desk, exec_type: str) -> None:
    assert live.report("A", exec_type, exec_id="u1") != []
    assert live.report("A", exec_type, exec_id="u1") == []


def test_a_copy_of_yesterdays_done_for_day_does_not_end_today(gtc: Desk) -> None:
    gtc.report("A", ExecType.DONE_FOR_DAY, exec_id="d1")
    gtc.end_day()
    assert gtc.report("A", ExecType.DONE_FOR_DAY, exec_id="d1") == []
    assert gtc.now() == "new 0 of 100, 100 open, as A"


def test_a_replace_that_says_nothing_of_the_date_leaves_it() -> None:
    desk = opened(tif=GTD, terms=Terms(expire_date="20261123"))
    desk.replace("B", "A", "120")
    desk.replaced("B")
    assert desk.order().versions[-1].terms == Terms(expire_date="20261123")


def test_a_status_answer_that_a_good_till_order_is_done_for_the_day_refuses_no_request(gtc: Desk) -> None:
    """Pending replace comes before done for day: what is not pending under its own id is accepted."""
    gtc.replace("B", "A", "120")
    assert gtc.stands("A", OrdStatus.DONE_FOR_DAY) == ["RouteExpired True", "OrderDoneForDay"]
    assert gtc.stands("B", OrdStatus.DONE_FOR_DAY) == ["RouteReplaced e-1-1-2", "OrderReplaced B"]
    assert gtc.order().order_qty == scaled("120")


def test_a_mass_status_is_about_what_is_open(live: Desk) -> None:
    live.cancel("C", "A")
    live.fill("A", "x1", "100")
    assert [line.split()[0] for line in live.ask_all()] == ["MassStatusRequested"]
    assert live.state.orders[1].requests, "the cancel is unanswered, yet the order is not open"
