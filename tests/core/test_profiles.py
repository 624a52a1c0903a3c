"""What a counterparty's profile changes in decisions, and in what it is told.

Order A is to buy 100 at 10. Numbers of the cases are those of the FIX order state matrices.
"""

from typing import Any

import pytest

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.state import State
from oms.core.types import ExecType, OrdStatus, Px, Qty, TimeInForce
from oms.sim.auditor import Auditor
from tests.core.days import LONDON, NEW_YORK, at
from tests.core.desk import ALPHA, SIM, START_NS, Desk, scaled
from tests.core.office import Office


def opened(**more: Any) -> Desk:
    desk = Desk()
    desk.new("A", **more)
    desk.ack("A")
    return desk


def agree(desk: Desk) -> None:
    """The auditor has nothing to say, and a snapshot brings everything back."""
    auditor = Auditor()
    assert auditor.feed_all(desk.events) == []
    assert auditor.compare(desk.state.dump()) == []
    assert State.load(desk.state.dump()).dump() == desk.state.dump()


# -- cl_ord_ids: for how long a ClOrdID may not be used again ------------------------------------------------

DENIED = ["OrderDenied A duplicate_cl_ord_id 6"]


def test_an_id_is_used_for_ever_where_nothing_is_said() -> None:
    desk = opened()
    desk.canceled("A")
    desk.end_day()
    assert desk.new("A") == DENIED
    agree(desk)


def test_an_id_of_an_earlier_day_may_be_used_again() -> None:
    desk = Desk()
    desk.profile(cl_ord_ids="day")
    desk.new("A")
    desk.ack("A")
    desk.canceled("A")
    assert desk.new("A") == DENIED, "the day is not over"
    desk.end_day()
    assert desk.new("A")[0] == "OrderReceived A"
    assert desk.order("A").order_id == 3
    agree(desk)


def test_an_order_that_outlives_the_day_keeps_its_ids() -> None:
    desk = Desk()
    desk.profile(cl_ord_ids="day")
    desk.new("A", tif=TimeInForce.GTC)
    desk.ack("A")
    desk.replace("B", "A", "80")
    desk.replaced("B")
    desk.end_day()
    assert desk.new("A") == DENIED
    assert desk.cancel("B", "B") == ["RequestDenied B duplicate_cl_ord_id 6"]
    assert desk.cancel("C", "B")[0] == "CancelRequested C B"
    desk.canceled("C")
    assert desk.new("A") == DENIED, "it was in use today"
    desk.end_day()
    assert desk.new("A")[0] == "OrderReceived A"
    agree(desk)


def test_the_days_ids_of_requests_mass_cancels_and_refused_orders_are_free_on_the_next() -> None:
    desk = Desk()
    desk.profile(cl_ord_ids="day")
    desk.new("A", "0")
    desk.cancel("B", "NO SUCH ORDER")
    desk.cancel_all("C")
    desk.end_day()
    assert desk.state.cl_ord_ids == {}
    agree(desk)


def test_the_ids_of_other_sessions_stay() -> None:
    desk = opened()
    desk.canceled("A")
    desk.profile(cl_ord_ids="day", of="BRAVO")
    desk.end_day()
    assert desk.new("A") == DENIED
    agree(desk)


def test_a_late_fill_of_an_order_whose_id_was_used_again_is_its_own() -> None:
    desk = Desk()
    desk.profile(cl_ord_ids="day")
    desk.new("A")
    desk.end_day()
    desk.new("A")
    assert desk.fill("#1", "x1", "40") == ["OrderFilled x1 40 10"]
    assert desk.now("#1") == "expired 40 of 100, 0 open, as A"
    assert desk.now("A") == "pending_new 0 of 100, 100 open, as A"
    agree(desk)


def test_an_id_may_be_used_again_once_its_order_has_ended() -> None:
    desk = Desk()
    desk.profile(cl_ord_ids="open")
    desk.new("A")
    desk.ack("A")
    assert desk.new("A") == DENIED
    assert desk.cancel("A", "A") == ["RequestDenied A duplicate_cl_ord_id 6"]
    desk.cancel("B", "A")
    assert desk.new("B") == ["OrderDenied B duplicate_cl_ord_id 6"], "the cancel is not answered"
    desk.canceled("B")
    assert desk.new("A")[0] == "OrderReceived A"
    assert desk.new("B")[0] == "OrderReceived B"
    agree(desk)


def test_an_order_denied_under_an_id_that_is_free_again_is_reported_for_itself() -> None:
    desk = Desk()
    desk.profile(cl_ord_ids="open")
    desk.new("A")
    desk.ack("A")
    desk.canceled("A")
    assert desk.new("A", "0") == ["OrderDenied A lot_size 13"]
    assert desk.now("A") == "rejected 0 of 0, 0 open, as A"
    agree(desk)


def test_an_id_is_free_when_the_day_of_its_market_has_ended() -> None:
    """One that names no order of a market is, once no market is on its day any more."""
    desk = Desk(NEW_YORK, LONDON)
    at(desk, "24-15:00")
    desk.profile(cl_ord_ids="day")
    desk.cancel_all("C")
    desk.new("A")
    desk.new("B", px="80", symbol="VOD", account="ACC")
    desk.new("D", "0")
    at(desk, "24-16:45")
    assert [id for _, id in desk.state.cl_ord_ids] == ["C", "A", "D"]
    assert desk.new("B")[0] == "OrderReceived B"
    at(desk, "24-21:15")
    assert desk.state.cl_ord_ids == {}
    agree(desk)


# -- exec_ids: for how long a venue's ExecID stays that execution's ------------------------------------------


def by_day() -> Desk:
    """40 were executed yesterday, under ExecID 1."""
    desk = opened(tif=TimeInForce.GTC)
    desk.profile(of=SIM, exec_ids="day")
    desk.fill("A", "1", "40", transact_time_ns=START_NS)
    desk.end_day(1)
    return desk


def test_a_known_exec_id_is_a_copy_on_any_day_where_nothing_is_said() -> None:
    desk = opened(tif=TimeInForce.GTC)
    desk.fill("A", "1", "40")
    desk.end_day()
    assert desk.fill("A", "1", "30") == []


def test_an_exec_id_of_an_earlier_day_is_another_execution_today() -> None:
    desk = by_day()
    assert desk.fill("A", "1", "30", transact_time_ns=desk.now_ns) == ["OrderFilled 1~2 30 10"]
    assert desk.fill("A", "1", "30", transact_time_ns=desk.now_ns) == []
    assert desk.now() == "partially_filled 70 of 100, 30 open, as A"
    assert desk.today() == "30 of 60 at 10"
    agree(desk)


def test_the_day_of_an_exec_id_is_its_markets() -> None:
    desk = Desk(NEW_YORK, LONDON)
    desk.profile(of=SIM, exec_ids="day")
    at(desk, "24-15:00")
    desk.new("A", tif=TimeInForce.GTC)
    desk.fill("A", "1", "40", transact_time_ns=desk.now_ns)
    at(desk, "24-16:45")
    assert desk.fill("A", "1", "30", transact_time_ns=desk.now_ns) == [], "London's end is not New York's"
    at(desk, "24-21:15")
    at(desk, "25-15:00")
    assert desk.fill("A", "1", "30", transact_time_ns=desk.now_ns) == ["OrderFilled 1~5 30 10"]
    agree(desk)


def test_a_late_copy_of_an_earlier_days_execution_is_none_today() -> None:
    desk = by_day()
    assert desk.fill("A", "1", "40", transact_time_ns=START_NS) == []
    assert desk.now() == "partially_filled 40 of 100, 60 open, as A"


def test_cum_qty_tells_where_there_is_no_time() -> None:
    desk = by_day()
    assert desk.fill("A", "1", "40", cum_qty=Qty(scaled("40"))) == []
    assert desk.fill("A", "1", "40", cum_qty=Qty(scaled("80"))) == ["OrderFilled 1~2 40 10"]


def test_a_bust_names_the_youngest_execution_of_its_id() -> None:
    desk = by_day()
    desk.fill("A", "1", "30", transact_time_ns=desk.now_ns)
    assert desk.bust("A", "2", "1") == ["ExecutionBusted 2 1~2 30 10"]
    assert desk.bust("A", "3", "1") == ["ReportQuestioned 1 bust_of_no_execution"]
    agree(desk)


def test_a_bust_of_yesterdays_execution_while_today_has_none_of_its_id() -> None:
    desk = by_day()
    assert desk.bust("A", "1", "1", transact_time_ns=desk.now_ns) == ["ExecutionBusted 1~2 1 40 10"]
    assert desk.now() == "new 0 of 100, 100 open, as A"
    agree(desk)


# -- busts: how an execution is taken back -------------------------------------------------------------------


def restating(*fills: tuple[str, str, str]) -> Desk:
    desk = opened()
    desk.profile(of=SIM, busts="restate")
    for exec_id, qty, px in fills:
        desk.fill("A", exec_id, qty, px)
    return desk


def less(desk: Desk, cum: str, **more: Any) -> list[str]:
    """The venue restates CumQty."""
    facts = {"cum_qty": Qty(scaled(cum)), "exec_restatement_reason": "99", "exec_id": "r1"}
    return desk.report("A", ExecType.RESTATED, **facts | more)


def test_a_venue_takes_an_execution_back_by_restating_the_order() -> None:
    desk = restating(("x1", "40", "10"), ("x2", "20", "9"))
    assert less(desk, "40") == ["ExecutionBusted r1 x2 20 9"]
    assert desk.now() == "partially_filled 40 of 100, 60 open, as A"
    assert less(desk, "40") == [], "a copy"
    agree(desk)


def test_a_restatement_that_names_an_execution_may_make_it_smaller() -> None:
    desk = restating(("x1", "40", "10"), ("x2", "20", "9"))
    assert less(desk, "50", exec_ref_id="x1") == ["ExecutionCorrected r1 x1 30 10 40 10"]
    assert less(desk, "20", exec_ref_id="x1", exec_id="r2") == ["ExecutionBusted r2 r1 30 10"]
    agree(desk)


def test_of_executions_of_one_size_the_average_price_tells() -> None:
    desk = restating(("x1", "20", "10"), ("x2", "20", "9"), ("x3", "10", "8"))
    # 20 at 10 and 10 at 8 are left, on average at 9.33333333.
    assert less(desk, "30", avg_px=Px(scaled("9.33333333"))) == ["ExecutionBusted r1 x2 20 9"]
    agree(desk)


def test_of_executions_that_are_all_alike_the_youngest_is_taken_back() -> None:
    desk = restating(("x1", "20", "10"), ("x2", "20", "10"))
    assert less(desk, "20") == ["ExecutionBusted r1 x2 20 10"]


@pytest.mark.parametrize(
    ("cum", "more"),
    [
        ("45", {}),  # no execution of 15
        ("40", {}),  # two of 20, at different prices, and nothing tells which
        ("40", {"avg_px": Px(scaled("1"))}),
        ("40", {"exec_ref_id": "x9"}),
        ("30", {"exec_ref_id": "x1"}),  # it was of 20
    ],
)
def test_a_restated_quantity_that_names_no_execution_is_questioned(cum: str, more: dict[str, Any]) -> None:
    desk = restating(("x1", "20", "10"), ("x2", "20", "9"), ("x3", "20", "10"))
    assert less(desk, cum, **more) == ["ReportQuestioned 1 restated_quantity_names_no_execution"]
    assert desk.now() == "partially_filled 60 of 100, 40 open, as A"


def test_a_venue_of_which_nothing_is_said_is_asked_what_it_means() -> None:
    desk = opened()
    desk.fill("A", "x1", "40")
    assert less(desk, "10") == ["OrderRestated 99 100 10", "ReportQuestioned 1 executed_quantity_differs"]
    assert desk.now() == "partially_filled 40 of 100, 60 open, as A"


# -- as messages ---------------------------------------------------------------------------------------------

NEW = "D|11=A|1=BLOCK|55=IBM|54=1|38=100|40=2|44=10|59=0|60=20261122-14:30:00.000|"
CANCEL = "F|11=B|41=A|55=IBM|54=1|60=20261122-14:30:00.000|"


def said(cl_ord_id: str, exec_id: str, exec_type: str, status: str, more: str = "") -> str:
    return f"8|11={cl_ord_id}|37=V|17={exec_id}|150={exec_type}|39={status}|{more}"


def office(of: str = ALPHA, **profile: Any) -> Office:
    office = Office()
    office.all_up()
    office.record(ev.ProfileDefined(START_NS, of, True, "status", "pass", **profile))
    office.say(ALPHA, NEW)
    office.say(SIM, said("e-1-1-1", "v1", "0", "0"))
    return office


def last(office: Office) -> dict[str, str]:
    """The fields of the last message that went out."""
    return dict(field.split("=", 1) for field in office.sent[-1][2].split("\x01") if field)


def test_a_client_is_told_of_a_bust_by_quantities() -> None:
    desk = office(busts="restate")
    desk.say(SIM, said("e-1-1-1", "x1", "F", "1", "32=40|31=10|"))
    desk.say(SIM, said("e-1-1-1", "x2", "F", "1", "32=20|31=9|"))
    assert desk.say(SIM, said("e-1-1-1", "b1", "H", "1", "19=x1|58=wrong side|")) == [
        "ALPHA 35=8 150=D 39=1 11=A 38=100 14=20 151=80 58=e-1-1-X1 was 40 at 10: wrong side"
    ]
    found = last(desk)
    assert (found["17"], found["378"], found["6"]) == ("e-1-1-X3", "99", "9")
    assert not {"19", "31", "32"} & found.keys()


def test_a_client_is_told_of_a_correction_by_quantities() -> None:
    desk = office(busts="restate")
    desk.say(SIM, said("e-1-1-1", "x1", "F", "1", "32=40|31=10|"))
    assert desk.say(SIM, said("e-1-1-1", "c1", "G", "1", "19=x1|32=30|31=11|")) == [
        "ALPHA 35=8 150=D 39=1 11=A 38=100 14=30 151=70 58=e-1-1-X1 was 40 at 10"
    ]
    assert last(desk)["6"] == "11"


FILLED = "ALPHA 35=8 150=F 39=2 11=A 38=100 14=100 151=0 32=100"


@pytest.mark.parametrize(
    ("style", "wanted"),
    [
        ("pass", [FILLED]),
        ("trade", [FILLED]),
        ("done_for_day", [FILLED, "ALPHA 35=8 150=3 39=3 11=A 38=100 14=100 151=0"]),
        ("calculated", [FILLED, "ALPHA 35=8 150=B 39=B 11=A 38=100 14=100 151=0"]),
    ],
)
def test_what_follows_the_fill_that_completes_an_order(style: str, wanted: list[str]) -> None:
    desk = office(final_fill=style)
    assert desk.say(SIM, said("e-1-1-1", "x1", "F", "2", "32=100|31=10|")) == wanted
    assert desk.say(SIM, said("e-1-1-1", "x1", "F", "2", "32=100|31=10|")) == []


def test_a_part_fill_is_followed_by_nothing() -> None:
    desk = office(final_fill="done_for_day")
    assert len(desk.say(SIM, said("e-1-1-1", "x1", "F", "1", "32=40|31=10|"))) == 1


def test_the_last_report_waits_for_the_answer_to_what_is_asked() -> None:
    """B.1.c: the cancel that the fill came before is refused first."""
    desk = office(final_fill="done_for_day")
    desk.say(ALPHA, CANCEL)
    assert desk.say(SIM, said("e-1-1-1", "x1", "F", "2", "32=100|31=10|")) == [
        "ALPHA 35=8 150=F 39=6 11=A 38=100 14=100 151=0 32=100"
    ]
    assert desk.say(SIM, "9|11=e-1-1-2|37=V|41=e-1-1-1|39=2|434=1|102=0|") == [
        "ALPHA 35=9 39=2 11=B 41=A 434=1 102=0",
        "ALPHA 35=8 150=3 39=3 11=A 38=100 14=100 151=0",
    ]


def test_a_bust_after_the_last_report_is_reported_as_after_any_end() -> None:
    """J.1.d: done for the day comes first, and nothing is open."""
    desk = office(final_fill="done_for_day")
    desk.say(SIM, said("e-1-1-1", "x1", "F", "2", "32=100|31=10|"))
    assert desk.say(SIM, said("e-1-1-1", "b1", "H", "0", "19=x1|")) == [
        "ALPHA 35=8 150=H 39=3 11=A 38=100 14=0 151=0 32=0"
    ]


VENUE_SAYS = (
    # the venue's style   the client's   its report after the last fill   what the client hears
    ("pass",              "pass",        "B",                             ["150=B 39=B"]),
    ("pass",              "trade",       "B",                             []),
    ("pass",              "done_for_day", "B",                            []),
    ("calculated",        "pass",        "B",                             ["150=B 39=B"]),
    ("trade",             "pass",        "B",                             []),
    ("pass",              "pass",        "3",                             []),
    ("done_for_day",      "pass",        "3",                             ["150=3 39=3"]),
    ("done_for_day",      "trade",       "3",                             []),
)  # fmt: skip


@pytest.mark.parametrize(("venue", "client", "kind", "wanted"), VENUE_SAYS)
def test_what_a_venue_says_after_the_last_fill(venue: str, client: str, kind: str, wanted: list[str]) -> None:
    desk = office(final_fill=client)
    desk.record(ev.ProfileDefined(START_NS, SIM, True, "status", "pass", final_fill=venue))
    desk.say(SIM, said("e-1-1-1", "x1", "F", "2", "32=100|31=10|"))
    heard = desk.say(SIM, said("e-1-1-1", "v9", kind, kind))
    assert heard == [f"ALPHA 35=8 {what} 11=A 38=100 14=100 151=0" for what in wanted]
    assert desk.say(SIM, said("e-1-1-1", "v9", kind, kind)) == [], "a copy"


def test_a_venue_that_leaves_a_late_cancel_to_the_fill_leaves_no_request_open() -> None:
    desk = office(of=SIM, late_cancel="silent")
    desk.say(ALPHA, CANCEL)
    assert desk.say(SIM, said("e-1-1-1", "x1", "F", "2", "32=100|31=10|")) == [
        "ALPHA 35=8 150=F 39=6 11=A 38=100 14=100 151=0 32=100",
        "ALPHA 35=9 39=2 11=B 41=A 434=1 102=0 58=the fill came first",
    ]
    order = desk.kernel.state.orders[1]
    assert (order.requests, order.routes[0].requests, order.settled) == ([], [], True)
    # It answers all the same: that is too late, too.
    assert desk.say(SIM, "9|11=e-1-1-2|37=V|41=e-1-1-1|39=2|434=1|102=0|") == []


def test_a_part_fill_leaves_the_cancel_open_at_a_silent_venue() -> None:
    desk = office(of=SIM, late_cancel="silent")
    desk.say(ALPHA, CANCEL)
    assert len(desk.say(SIM, said("e-1-1-1", "x1", "F", "1", "32=40|31=10|"))) == 1
    assert len(desk.kernel.state.orders[1].requests) == 1


def test_an_increase_stays_open_at_a_silent_venue_since_a_filled_order_may_grow() -> None:
    """C.1.c."""
    desk = office(of=SIM, late_cancel="silent")
    desk.say(ALPHA, "G|11=B|41=A|55=IBM|54=1|38=150|40=2|44=10|60=20261122-14:30:00.000|")
    assert len(desk.say(SIM, said("e-1-1-1", "x1", "F", "2", "32=100|31=10|"))) == 1
    assert desk.say(SIM, said("e-1-1-2", "v2", "5", "1", "41=e-1-1-1|")) == [
        "ALPHA 35=8 150=5 39=1 11=B 41=A 38=150 14=100 151=50"
    ]


def test_a_client_that_takes_the_fill_for_the_answer_is_sent_no_cancel_reject() -> None:
    desk = office(late_cancel="silent")
    desk.say(ALPHA, CANCEL)
    assert desk.say(SIM, said("e-1-1-1", "x1", "F", "2", "32=100|31=10|")) == [FILLED]
    assert desk.say(SIM, "9|11=e-1-1-2|37=V|41=e-1-1-1|39=2|434=1|102=0|") == []
    assert desk.kernel.state.orders[1].settled


def test_a_client_that_takes_the_fill_for_the_answer_is_told_of_every_other_refusal() -> None:
    desk = office(late_cancel="silent")
    desk.say(ALPHA, CANCEL)
    assert desk.say(SIM, said("e-1-1-1", "x1", "F", "1", "32=40|31=10|")) == [
        "ALPHA 35=8 150=F 39=6 11=A 38=100 14=40 151=60 32=40"
    ]
    assert desk.say(SIM, "9|11=e-1-1-2|37=V|41=e-1-1-1|39=1|434=1|102=2|") == [
        "ALPHA 35=9 39=1 11=B 41=A 434=1 102=2"
    ]
    desk.say(SIM, said("e-1-1-1", "x2", "F", "2", "32=60|31=10|"))
    assert desk.say(ALPHA, CANCEL.replace("11=B", "11=C"))[0].startswith("ALPHA 35=9 39=2 11=C")


# -- reset: of sequence numbers ------------------------------------------------------------------------------


def test_a_venue_is_due_for_new_numbers_once_the_day_has_ended() -> None:
    desk = opened()
    desk.profile(of=SIM, reset="day")
    assert desk.state.resets_due == set()
    desk.end_day()
    assert desk.state.resets_due == {SIM}
    assert State.load(desk.state.dump()).resets_due == {SIM}
    desk.down(SIM)
    desk._take(ev.SessionReset(desk.now_ns, SIM))
    assert desk.state.resets_due == {SIM}, "the Logon may reach nobody"
    desk.up(SIM)
    assert desk.state.resets_due == set()
    agree(desk)


def test_numbers_begin_again_when_the_last_market_has_ended_its_day() -> None:
    desk = Desk(NEW_YORK, LONDON)
    at(desk, "24-15:00")
    desk.profile(of=SIM, reset="day")
    at(desk, "24-16:45")
    assert desk.state.resets_due == set(), "New York is open"
    at(desk, "24-21:15")
    assert desk.state.resets_due == {SIM}
    agree(desk)


def test_after_a_reset_all_that_is_open_at_a_venue_is_asked_about() -> None:
    """What the venue had still to say cannot be asked for again."""
    desk = opened()
    desk.new("B")
    desk.fill("B", "x1", "100")
    desk.new("V", symbol="VOD", account="ACC")
    desk.ack("V")
    desk.down(SIM)
    assert desk.up(SIM) == ["SessionLoggedOn SIM"], "nothing is in doubt"
    desk.down(SIM)
    desk._take(ev.SessionReset(desk.now_ns, SIM))
    assert desk.up(SIM) == ["SessionLoggedOn SIM", "StatusAsked e-1-1-1"]
    desk.down(SIM)
    assert desk.up(SIM) == ["SessionLoggedOn SIM"]
    agree(desk)


def test_what_was_lost_in_a_reset_shows_in_the_answer() -> None:
    desk = opened()
    desk._take(ev.SessionReset(desk.now_ns, SIM))
    desk.do(cmd.LogOn(SIM))
    assert desk.stands("A", OrdStatus.PARTIALLY_FILLED, "40") == [
        "ReportQuestioned 1 executed_quantity_differs"
    ]
