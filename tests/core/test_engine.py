"""Orders' lives as short scripts: what is asked or reported, and the events it leads to.

Client ids are letters; ours at the venue are "e-ORDER-ROUTE-N". `Desk` checks after every step that `decide`
changed nothing and that the risk counters and books are right. *Source of the cases:* FIX 4.4 volume 4, order
state change matrices; their letters and numbers stand in the docstrings.
"""

import pytest

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.engine import decide
from oms.core.order import ENDED as ENDED_FOR_GOOD
from oms.core.types import ExecType, OrdStatus, Px, Qty, Side
from oms.fix.encode import render
from tests.core.desk import ALPHA, BRAVO, LSE, SIM, START_NS, Desk, brief, scaled
from tests.core.life import live_on

ACCEPTED = ["RouteAccepted", "OrderAccepted"]


@pytest.fixture
def desk() -> Desk:
    """A desk without orders."""
    return Desk()


@pytest.fixture
def live() -> Desk:
    """A desk with order A, to buy 100 at 10, acknowledged."""
    desk = Desk()
    desk.new("A")
    desk.ack()
    return desk


@pytest.fixture
def part() -> Desk:
    """A desk with order A, to buy 100 at 10, of which 40 are filled."""
    desk = Desk()
    desk.new("A")
    desk.ack()
    desk.fill("A", "x1", "40")
    return desk


# -- from new to filled --------------------------------------------------------------------------------------


def test_new_acknowledged_filled_in_parts(desk: Desk) -> None:
    """A.1.a"""
    assert desk.new("A") == ["OrderReceived A", "OrderRouted SIM e-1-1-1"]
    assert desk.now() == "pending_new 0 of 100, 100 open, as A"
    assert desk.ack() == ["RouteAccepted", "OrderAccepted"]
    assert desk.now() == "new 0 of 100, 100 open, as A"
    assert desk.fill("A", "x1", "20", "10") == ["OrderFilled x1 20 10"]
    assert desk.fill("A", "x2", "10", "9.99") == ["OrderFilled x2 10 9.99"]
    assert desk.now() == "partially_filled 30 of 100, 70 open, as A"
    assert desk.fill("A", "x3", "70", "10") == ["OrderFilled x3 70 10"]
    assert desk.now() == "filled 100 of 100, 0 open, as A"


def test_a_fill_before_the_acknowledgement_acknowledges(desk: Desk) -> None:
    desk.new("A")
    assert desk.fill("A", "x1", "40") == [*ACCEPTED, "OrderFilled x1 40 10"]
    assert desk.ack() == []
    assert desk.now() == "partially_filled 40 of 100, 60 open, as A"


def test_a_repeated_acknowledgement_changes_nothing(live: Desk) -> None:
    assert live.ack() == []


def test_a_duplicate_execution_changes_nothing(part: Desk) -> None:
    assert part.fill("A", "x1", "40") == []
    assert part.now() == "partially_filled 40 of 100, 60 open, as A"
    assert part.fill("A", "x2", "60") == ["OrderFilled x2 60 10"]
    assert part.fill("A", "x1", "40") == []
    assert part.fill("A", "x2", "60") == []
    assert part.now() == "filled 100 of 100, 0 open, as A"


def test_exec_ids_of_two_venues_have_nothing_to_do_with_each_other(desk: Desk) -> None:
    desk.new("A")
    desk.new("B", "10", "80", symbol="VOD", account="ACC")
    desk.fill("A", "x1", "40")
    assert desk.fill("B", "x1", "5", "80") == [*ACCEPTED, "OrderFilled x1 5 80"]


def test_an_exec_id_that_comes_again_for_another_order_is_not_lost(part: Desk) -> None:
    """Many venues keep ExecIDs unique within a day only: it may be booked or questioned, but not ignored."""
    part.new("B")
    assert part.fill("B", "x1", "40") != []


def test_an_overfill_is_booked_and_questioned(part: Desk) -> None:
    assert part.fill("A", "x2", "70") == ["OrderFilled x2 70 10", "ReportQuestioned 1 overfill"]
    assert part.now() == "filled 110 of 100, 0 open, as A"


def test_a_fill_of_a_filled_order_is_an_overfill(part: Desk) -> None:
    part.fill("A", "x2", "60")
    assert part.fill("A", "x3", "1") == ["OrderFilled x3 1 10", "ReportQuestioned 1 overfill"]


NO_EXECUTIONS = (
    # exec id   quantity   price    why it cannot be booked
    ("x1",      "0",       "10",    "no quantity"),
    ("x1",      "-5",      "10",    "a negative quantity"),
    ("",        "5",       "10",    "no ExecID"),
    ("x1",      "5",       "0",     "no price: LastPx(31) is required for a trade"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("exec_id", "qty", "px", "why"), NO_EXECUTIONS, ids=[row[3] for row in NO_EXECUTIONS]
)
def test_an_execution_that_says_too_little_is_questioned(
    live: Desk, exec_id: str, qty: str, px: str, why: str
) -> None:
    found = live.fill("A", exec_id, qty, px)
    assert [line.split()[0] for line in found] == ["ReportQuestioned"]
    assert live.now() == "new 0 of 100, 100 open, as A"


# -- denied and rejected -------------------------------------------------------------------------------------


def test_a_denied_order_has_ended_and_used_up_its_id(desk: Desk) -> None:
    assert desk.new("A", symbol="XXX") == ["OrderDenied A unknown_symbol 1"]
    assert desk.now() == "rejected 0 of 100, 0 open, as A"
    assert desk.cancel("B", "A") == ["RequestDenied B too_late 0"]
    assert desk.new("A") == ["OrderDenied A duplicate_cl_ord_id 6"]


def test_an_order_denied_for_want_of_a_quantity_is_rejected_not_filled(desk: Desk) -> None:
    assert desk.new("A", "0") == ["OrderDenied A lot_size 13"]
    assert desk.now() == "rejected 0 of 0, 0 open, as A"


def test_the_venue_rejects(desk: Desk) -> None:
    """A.1.a, alternative at 2"""
    desk.new("A")
    assert desk.rejected("A") == ["RouteRejected 99 no", "OrderRejected 99 no"]
    assert desk.now() == "rejected 0 of 100, 0 open, as A"
    assert desk.rejected("A") == []


def test_a_reject_after_the_acknowledgement(live: Desk) -> None:
    """A.1.a, alternative at 3"""
    assert live.rejected("A") == ["RouteRejected 99 no", "OrderRejected 99 no"]
    assert live.now() == "rejected 0 of 100, 0 open, as A"


def test_a_reject_after_a_fill_cancels_the_rest(part: Desk) -> None:
    assert part.rejected("A") == ["RouteRejected 99 no", "OrderCanceled"]
    assert part.now() == "canceled 40 of 100, 0 open, as A"


def test_an_order_that_was_rejected_and_then_acknowledged_is_questioned(desk: Desk) -> None:
    """It may be live at the venue, where nothing holds risk for it."""
    desk.new("A")
    desk.rejected("A")
    assert [line.split()[0] for line in desk.ack()] == ["ReportQuestioned"]


def test_a_fill_after_a_reject_is_booked_and_questioned(desk: Desk) -> None:
    desk.new("A")
    desk.rejected("A")
    found = desk.fill("A", "x1", "40")
    assert [line.split()[0] for line in found] == ["OrderFilled", "ReportQuestioned"]


def test_a_refusal_by_the_venues_session_rejects_the_order_it_named(desk: Desk) -> None:
    desk.new("A")
    assert desk.not_taken("A", "D", "no such tag") == [
        "RouteRejected 99 no such tag",
        "OrderRejected 99 no such tag",
    ]
    assert desk.not_taken("A", "D") == ["ReportQuestioned 1 refused_message"]


def test_a_refusal_by_the_venues_session_of_a_working_order_is_questioned(live: Desk) -> None:
    assert live.not_taken("A", "D") == ["ReportQuestioned 1 refused_message"]
    assert live.now() == "new 0 of 100, 100 open, as A"


@pytest.mark.parametrize("kind", ["cancel", "replace"])
def test_a_refusal_by_the_venues_session_refuses_the_request_it_named(live: Desk, kind: str) -> None:
    live.cancel("B", "A") if kind == "cancel" else live.replace("B", "A", "50")
    assert live.not_taken("B", "F" if kind == "cancel" else "G") == [
        "RouteRequestRejected e-1-1-2 99",
        "RequestRejected B 99 not supported",
    ]
    assert live.now() == "new 0 of 100, 100 open, as A"


@pytest.mark.parametrize("about", ["order", "cancel", "replace"])
def test_a_venue_that_refuses_our_question_has_not_refused_what_it_was_about(desk: Desk, about: str) -> None:
    """A venue without OrderStatusRequest(H): the order, or the request, may well be there."""
    desk.new("A")
    if about != "order":
        desk.ack()
        desk.cancel("B", "A") if about == "cancel" else desk.replace("B", "A", "50")
    before = desk.now()
    desk.down(), desk.up()
    assert [line.split()[0] for line in desk.not_taken("A" if about == "order" else "B", "H")] == [
        "ReportQuestioned"
    ]
    assert desk.now() == before


# -- cancels -------------------------------------------------------------------------------------------------


def test_cancel_of_an_unfilled_order(live: Desk) -> None:
    """B.1.a"""
    assert live.cancel("B", "A") == ["CancelRequested B A", "CancelRouted e-1-1-2 e-1-1-1"]
    assert live.now() == "pending_cancel 0 of 100, 100 open, as A"
    assert live.canceled("B") == ["RouteCanceled e-1-1-2", "OrderCanceled B"]
    assert live.now() == "canceled 0 of 100, 0 open, as A"


def test_cancel_of_a_part_filled_order_with_a_fill_meanwhile(part: Desk) -> None:
    """B.1.b"""
    part.cancel("B", "A")
    assert part.fill("A", "x2", "10") == ["OrderFilled x2 10 10"]
    assert part.now() == "pending_cancel 50 of 100, 50 open, as A"
    assert part.canceled("B") == ["RouteCanceled e-1-1-2", "OrderCanceled B"]
    assert part.now() == "canceled 50 of 100, 0 open, as A"


def test_a_cancel_that_loses_the_race_is_rejected_after_the_last_fill(part: Desk) -> None:
    """B.1.c: the fill that completes the order still says pending cancel; the reject then says filled."""
    part.cancel("B", "A")
    assert part.fill("A", "x2", "60") == ["OrderFilled x2 60 10"]
    assert part.now() == "pending_cancel 100 of 100, 0 open, as A"
    assert part.refused("B") == ["RouteRequestRejected e-1-1-2 0", "RequestRejected B 0 too late"]
    assert part.now() == "filled 100 of 100, 0 open, as A"


def test_a_refused_cancel_leaves_the_order_as_it_was(part: Desk) -> None:
    part.cancel("B", "A")
    assert part.refused("B", 99, "no") == ["RouteRequestRejected e-1-1-2 99", "RequestRejected B 99 no"]
    assert part.now() == "partially_filled 40 of 100, 60 open, as A"
    assert part.refused("B", 99, "no") == []


def test_cancel_while_the_order_is_pending_new(desk: Desk) -> None:
    """B.1.e: request and acknowledgement cross."""
    desk.new("A")
    assert desk.cancel("B", "A") == ["CancelRequested B A", "CancelRouted e-1-1-2 e-1-1-1"]
    assert desk.ack() == ACCEPTED
    assert desk.now() == "pending_cancel 0 of 100, 100 open, as A"
    assert desk.canceled("B") == ["RouteCanceled e-1-1-2", "OrderCanceled B"]


def test_cancel_of_an_order_that_the_venue_then_rejects(desk: Desk) -> None:
    desk.new("A")
    desk.cancel("B", "A")
    assert desk.rejected("A") == ["RouteRejected 99 no", "OrderRejected 99 no"]
    assert desk.refused("B", 1) == ["RouteRequestRejected e-1-1-2 1", "RequestRejected B 1 too late"]
    assert desk.now() == "rejected 0 of 100, 0 open, as A"


def test_cancel_of_an_unknown_order_uses_up_its_own_id_only(desk: Desk) -> None:
    """B.1.f"""
    assert desk.cancel("B", "A") == ["RequestDenied B unknown_order 1"]
    assert desk.new("A") == ["OrderReceived A", "OrderRouted SIM e-1-1-1"]
    assert desk.new("B") == ["OrderDenied B duplicate_cl_ord_id 6"]


def test_a_fill_after_the_cancel_is_booked_and_the_order_stays_canceled(live: Desk) -> None:
    live.cancel("B", "A")
    live.canceled("B")
    assert live.fill("A", "x1", "40") == ["OrderFilled x1 40 10"]
    assert live.now() == "canceled 40 of 100, 0 open, as A"


def test_a_second_cancel_while_one_is_pending_is_denied(live: Desk) -> None:
    live.cancel("B", "A")
    assert live.cancel("C", "A") == ["RequestDenied C already_pending 3"]
    assert live.replace("D", "A", "50") == ["RequestDenied D already_pending 3"]
    live.refused("B")
    assert live.cancel("E", "A") == ["CancelRequested E A", "CancelRouted e-1-1-3 e-1-1-1"]


def test_an_unsolicited_cancel(part: Desk) -> None:
    """E.1.b"""
    assert part.canceled("A", "halted") == ["RouteCanceled", "OrderCanceled"]
    assert part.now() == "canceled 40 of 100, 0 open, as A"
    assert part.order().reason == "halted"
    assert part.canceled("A") == []


def test_an_unsolicited_cancel_that_crosses_a_request(live: Desk) -> None:
    live.cancel("B", "A")
    assert live.canceled("A") == ["RouteCanceled", "OrderCanceled"]
    assert live.refused("B") == ["RouteRequestRejected e-1-1-2 0", "RequestRejected B 0 too late"]
    assert live.now() == "canceled 0 of 100, 0 open, as A"


@pytest.mark.parametrize("how", [ExecType.EXPIRED, ExecType.DONE_FOR_DAY, ExecType.REJECTED])
def test_a_cancel_that_is_confirmed_after_another_end_is_answered(live: Desk, how: str) -> None:
    """Whatever ended the order first, the client's request must not stay open."""
    live.cancel("B", "A")
    live.report("A", how, how)
    live.canceled("B")
    assert live.order().requests == []


def test_an_immediate_or_cancel_order_ends_canceled(desk: Desk) -> None:
    """I.1.b"""
    desk.new("A", tif="3")
    desk.ack()
    desk.fill("A", "x1", "40")
    assert desk.canceled("A") == ["RouteCanceled", "OrderCanceled"]
    assert desk.now() == "canceled 40 of 100, 0 open, as A"


ENDED = (
    # the venue says   order's events                                         then it is
    ("expired",        ["RouteExpired False", "OrderExpired"],                "expired"),
    ("done_for_day",   ["RouteExpired True", "OrderDoneForDay"],              "done_for_day"),
)  # fmt: skip


@pytest.mark.parametrize(("how", "events", "status"), ENDED)
def test_an_order_that_the_venue_ends(part: Desk, how: str, events: list[str], status: str) -> None:
    """A.1.b"""
    exec_type = ExecType.EXPIRED if how == "expired" else ExecType.DONE_FOR_DAY
    assert part.report("A", exec_type, exec_type) == events
    assert part.now() == f"{status} 40 of 100, 0 open, as A"
    assert part.report("A", exec_type, exec_type) == []
    assert part.cancel("B", "A") == ["RequestDenied B too_late 0"]
    assert part.replace("C", "A", "200") == ["RequestDenied C too_late 0"]


TOO_LATE = (
    # how it ended   cancel                             replace
    ("canceled",     "RequestDenied B too_late 0",      "RequestDenied C too_late 0"),
    ("rejected",     "RequestDenied B too_late 0",      "RequestDenied C too_late 0"),
    ("filled",       "RequestDenied B too_late 0",      "ReplaceRequested C A 200 10"),
)  # fmt: skip


@pytest.mark.parametrize(("how", "cancel", "replace"), TOO_LATE)
def test_requests_after_the_end(live: Desk, how: str, cancel: str, replace: str) -> None:
    {"canceled": live.canceled, "rejected": live.rejected, "filled": lambda a: live.fill(a, "x", "100")}[how](
        "A"
    )
    assert live.cancel("B", "A") == [cancel]
    assert live.replace("C", "A", "200")[0] == replace


# -- replaces ------------------------------------------------------------------------------------------------


def test_a_replace_takes_effect_when_it_is_accepted(live: Desk) -> None:
    """C.1.a"""
    assert live.replace("B", "A", "110", "11") == [
        "ReplaceRequested B A 110 11",
        "ReplaceRouted e-1-1-2 e-1-1-1 110 11",
    ]
    assert live.now() == "pending_replace 0 of 100, 100 open, as A"
    assert live.replaced("B") == ["RouteReplaced e-1-1-2", "OrderReplaced B"]
    assert live.now() == "new 0 of 110, 110 open, as B"
    assert live.order().price == scaled("11")
    assert live.fill("B", "x1", "10") == ["OrderFilled x1 10 10"]
    assert live.now() == "partially_filled 10 of 110, 100 open, as B"


def test_a_refused_replace_leaves_no_version(live: Desk) -> None:
    live.replace("B", "A", "110")
    assert live.refused("B") == ["RouteRequestRejected e-1-1-2 0", "RequestRejected B 0 too late"]
    assert live.now() == "new 0 of 100, 100 open, as A"
    assert live.replace("C", "B", "110") == ["RequestDenied C superseded_orig_cl_ord_id 1"]
    assert live.replace("D", "A", "110")[1] == "ReplaceRouted e-1-1-3 e-1-1-1 110 10"


def test_fills_while_a_replace_is_pending_keep_the_old_id_and_quantity(part: Desk) -> None:
    """C.3.a"""
    part.replace("B", "A", "80")
    assert part.fill("A", "x2", "10") == ["OrderFilled x2 10 10"]
    assert part.now() == "pending_replace 50 of 100, 50 open, as A"
    assert part.replaced("B") == ["RouteReplaced e-1-1-2", "OrderReplaced B"]
    assert part.now() == "partially_filled 50 of 80, 30 open, as B"
    part.fill("B", "x3", "30")
    assert part.now() == "filled 80 of 80, 0 open, as B"


def test_a_fill_in_excess_of_a_pending_increase_is_no_overfill(part: Desk) -> None:
    """The venue may have taken the increase, and filled it, before its report comes."""
    part.replace("B", "A", "150")
    assert part.fill("A", "x2", "110") == ["OrderFilled x2 110 10"]
    assert part.fill("A", "x3", "1") == ["OrderFilled x3 1 10", "ReportQuestioned 1 overfill"]


def test_a_replace_down_to_what_has_executed_fills_the_order(live: Desk) -> None:
    """C.3.b"""
    live.replace("B", "A", "70")
    live.fill("A", "x1", "70")
    assert live.replaced("B") == ["RouteReplaced e-1-1-2", "OrderReplaced B"]
    assert live.now() == "filled 70 of 70, 0 open, as B"


def test_a_replace_below_what_has_executed_stops_the_order_at_what_has_executed(live: Desk) -> None:
    """C.3.c: OrderQty is always CumQty plus LeavesQty, so the venue's 70 becomes 80."""
    live.replace("B", "A", "70")
    live.fill("A", "x1", "80")
    assert live.replaced("B") == ["RouteReplaced e-1-1-2", "OrderReplaced B"]
    assert live.now() == "filled 80 of 80, 0 open, as B"


def test_a_filled_order_can_grow(live: Desk) -> None:
    """C.1.c"""
    live.fill("A", "x1", "100")
    assert live.replace("B", "A", "120") == [
        "ReplaceRequested B A 120 10",
        "ReplaceRouted e-1-1-2 e-1-1-1 120 10",
    ]
    assert live.now() == "pending_replace 100 of 100, 0 open, as A"
    assert live.replaced("B") == ["RouteReplaced e-1-1-2", "OrderReplaced B"]
    assert live.now() == "partially_filled 100 of 120, 20 open, as B"
    assert live.fill("B", "x2", "20") == ["OrderFilled x2 20 10"]
    assert live.now() == "filled 120 of 120, 0 open, as B"


@pytest.mark.parametrize(("qty", "px"), [("100", "11"), ("100", "10"), ("90", "10")])
def test_a_filled_order_cannot_be_changed_otherwise(live: Desk, qty: str, px: str) -> None:
    """C.2.a: there is nothing left of it that a price could be of."""
    live.fill("A", "x1", "100")
    assert live.replace("B", "A", qty, px) == ["RequestDenied B too_late 0"]


def test_a_filled_order_whose_growth_is_refused_stays_filled(live: Desk) -> None:
    """C.2.a"""
    live.fill("A", "x1", "100")
    live.replace("B", "A", "120")
    live.refused("B")
    assert live.now() == "filled 100 of 100, 0 open, as A"


def test_two_replaces_one_after_the_other(live: Desk) -> None:
    """D.1.a"""
    live.replace("B", "A", "80")
    live.replaced("B")
    assert live.replace("C", "B", "60") == [
        "ReplaceRequested C B 60 10",
        "ReplaceRouted e-1-1-3 e-1-1-2 60 10",
    ]
    live.replaced("C")
    assert live.now() == "new 0 of 60, 60 open, as C"
    assert live.replace("D", "B", "50") == ["RequestDenied D superseded_orig_cl_ord_id 1"]


def test_stacked_replaces_are_answered_one_by_one(live: Desk) -> None:
    """D.2.a: the second names the first, which is not answered yet."""
    live.replace("B", "A", "80")
    assert live.replace("C", "B", "70") == [
        "ReplaceRequested C B 70 10",
        "ReplaceRouted e-1-1-3 e-1-1-2 70 10",
    ]
    assert live.replaced("B") == ["RouteReplaced e-1-1-2", "OrderReplaced B"]
    assert live.now() == "pending_replace 0 of 80, 80 open, as B"
    assert live.replaced("C") == ["RouteReplaced e-1-1-3", "OrderReplaced C"]
    assert live.now() == "new 0 of 70, 70 open, as C"


def test_stacked_replaces_both_refused(live: Desk) -> None:
    """D.2.c"""
    live.replace("B", "A", "80")
    live.replace("C", "B", "70")
    assert live.refused("B") == ["RouteRequestRejected e-1-1-2 0", "RequestRejected B 0 too late"]
    assert live.now() == "pending_replace 0 of 100, 100 open, as A"
    assert live.refused("C") == ["RouteRequestRejected e-1-1-3 0", "RequestRejected C 0 too late"]
    assert live.now() == "new 0 of 100, 100 open, as A"


def test_the_second_of_two_stacked_replaces_refused_at_once(live: Desk) -> None:
    """D.2.d"""
    live.replace("B", "A", "80")
    live.replace("C", "B", "70")
    assert live.refused("C", 3) == ["RouteRequestRejected e-1-1-3 3", "RequestRejected C 3 too late"]
    assert live.now() == "pending_replace 0 of 100, 100 open, as A"
    live.replaced("B")
    assert live.now() == "new 0 of 80, 80 open, as B"


def test_cancel_during_a_pending_replace_that_is_accepted(live: Desk) -> None:
    live.replace("B", "A", "80")
    assert live.cancel("C", "B") == ["CancelRequested C B", "CancelRouted e-1-1-3 e-1-1-2"]
    assert live.now() == "pending_cancel 0 of 100, 100 open, as A"
    assert live.replaced("B") == ["RouteReplaced e-1-1-2", "OrderReplaced B"]
    assert live.now() == "pending_cancel 0 of 80, 80 open, as B"
    assert live.canceled("C") == ["RouteCanceled e-1-1-3", "OrderCanceled C"]
    assert live.now() == "canceled 0 of 80, 0 open, as B"


def test_cancel_that_overtakes_a_pending_replace(live: Desk) -> None:
    live.replace("B", "A", "80")
    assert live.cancel("C", "A") == ["CancelRequested C A", "CancelRouted e-1-1-3 e-1-1-1"]
    assert live.canceled("C") == ["RouteCanceled e-1-1-3", "OrderCanceled C"]
    assert live.refused("B") == ["RouteRequestRejected e-1-1-2 0", "RequestRejected B 0 too late"]
    assert live.now() == "canceled 0 of 100, 0 open, as A"


def test_replace_of_an_order_that_is_pending_new(desk: Desk) -> None:
    desk.new("A")
    assert desk.replace("B", "A", "50") == [
        "ReplaceRequested B A 50 10",
        "ReplaceRouted e-1-1-2 e-1-1-1 50 10",
    ]
    assert desk.ack() == ACCEPTED
    assert desk.replaced("B") == ["RouteReplaced e-1-1-2", "OrderReplaced B"]
    assert desk.now() == "new 0 of 50, 50 open, as B"


def test_a_replace_accepted_before_the_acknowledgement_acknowledges(desk: Desk) -> None:
    desk.new("A")
    desk.replace("B", "A", "50")
    assert desk.replaced("B") == [*ACCEPTED, "RouteReplaced e-1-1-2", "OrderReplaced B"]
    assert desk.now() == "new 0 of 50, 50 open, as B"
    assert desk.ack() == []


NOT_REPLACED = (
    # change                    answer
    ({"qty": "0.5"},           "RequestDenied B lot_size 99"),
    ({"px": "10.005"},         "RequestDenied B tick_size 99"),
    ({"px": "100"},            "RequestDenied B price_collar 99"),
    ({"qty": "10001"},         "RequestDenied B max_order_qty 99"),
    ({"ord_type": "1"},        "RequestDenied B ord_type_changed 99"),
)  # fmt: skip


@pytest.mark.parametrize(("change", "answer"), NOT_REPLACED)
def test_a_replace_passes_the_controls_as_the_order_it_would_make(
    live: Desk, change: dict[str, str], answer: str
) -> None:
    assert live.replace("B", "A", **{"qty": "100"} | change) == [answer]
    assert live.now() == "new 0 of 100, 100 open, as A"


def test_a_repeated_replaced_report_changes_nothing(live: Desk) -> None:
    live.replace("B", "A", "80")
    live.replaced("B")
    assert live.replaced("B") == []


def test_a_repeated_replaced_report_of_an_older_version_changes_nothing(live: Desk) -> None:
    live.replace("B", "A", "80")
    live.replaced("B")
    live.replace("C", "B", "70")
    live.replaced("C")
    assert live.replaced("B") == []
    assert live.now() == "new 0 of 70, 70 open, as C"


def test_replaced_without_a_request_is_questioned(live: Desk) -> None:
    live.replace("B", "A", "80")
    live.refused("B")
    assert live.replaced("B") == ["ReportQuestioned 1 replaced_without_request"]


def test_a_cancel_answered_by_replaced_is_questioned(live: Desk) -> None:
    live.cancel("B", "A")
    assert live.replaced("B") == ["ReportQuestioned 1 cancel_answered_by_replaced"]
    assert live.now() == "pending_cancel 0 of 100, 100 open, as A"


def test_a_cancel_reported_under_the_id_of_a_replace_answers_both(live: Desk) -> None:
    """The venue canceled the order instead of changing it: the client's replace must not stay open."""
    live.replace("B", "A", "80")
    live.canceled("B")
    assert live.order().requests == []
    assert live.now() == "canceled 0 of 100, 0 open, as A"


@pytest.mark.parametrize("kind", ["cancel", "replace"])
def test_a_reject_under_the_id_of_a_request_refuses_the_request_only(live: Desk, kind: str) -> None:
    """Some venues answer a request with ExecType(150)=8 where OrderCancelReject(9) is meant."""
    live.cancel("B", "A") if kind == "cancel" else live.replace("B", "A", "80")
    live.rejected("B")
    assert live.now() == "new 0 of 100, 100 open, as A"


# -- ids -----------------------------------------------------------------------------------------------------


def test_a_duplicate_new_order_does_not_steal_the_id(live: Desk) -> None:
    """F.1.a"""
    assert live.new("A", "150") == ["OrderDenied A duplicate_cl_ord_id 6"]
    assert live.order("A").order_id == 1
    assert live.cancel("B", "A") == ["CancelRequested B A", "CancelRouted e-1-1-2 e-1-1-1"]
    assert live.new("B") == ["OrderDenied B duplicate_cl_ord_id 6"]
    assert live.canceled("B") == ["RouteCanceled e-1-1-2", "OrderCanceled B"]


@pytest.mark.parametrize("kind", ["cancel", "replace"])
def test_a_duplicate_request_does_not_steal_the_id(live: Desk, kind: str) -> None:
    live.new("Z")
    request = live.cancel if kind == "cancel" else lambda new, orig: live.replace(new, orig, "50")
    assert request("Z", "A") == ["RequestDenied Z duplicate_cl_ord_id 6"]
    assert request("A", "A") == ["RequestDenied A duplicate_cl_ord_id 6"]
    assert (live.order("A").order_id, live.order("Z").order_id) == (1, 2)
    assert live.now() == "new 0 of 100, 100 open, as A"


def test_a_repeated_request_does_not_answer_the_first(live: Desk) -> None:
    live.replace("B", "A", "80")
    assert live.replace("B", "A", "80") == ["RequestDenied B duplicate_cl_ord_id 6"]
    assert live.now() == "pending_replace 0 of 100, 100 open, as A"
    assert live.replaced("B") == ["RouteReplaced e-1-1-2", "OrderReplaced B"]


def test_sessions_have_ids_of_their_own(live: Desk) -> None:
    assert live.new("A", session=BRAVO) == ["OrderReceived A", "OrderRouted SIM e-2-1-1"]
    assert live.cancel("B", "A", session=BRAVO) == ["CancelRequested B A", "CancelRouted e-2-1-2 e-2-1-1"]
    assert live.now() == "new 0 of 100, 100 open, as A"


def test_a_session_cannot_reach_the_order_of_another(live: Desk) -> None:
    assert live.cancel("B", "A", session=BRAVO) == ["RequestDenied B unknown_order 1"]
    assert live.replace("C", "A", "50", session=BRAVO) == ["RequestDenied C unknown_order 1"]
    assert live.ask_status("A", session=BRAVO) == ["StatusRequested 0 A"]


MISMATCHES = (
    # symbol   side         answer
    ("VOD",    Side.BUY,    "RequestDenied B order_mismatch 99"),
    ("IBM",    Side.SELL,   "RequestDenied B order_mismatch 99"),
)  # fmt: skip


@pytest.mark.parametrize(("symbol", "side", "answer"), MISMATCHES)
def test_a_request_must_name_the_orders_symbol_and_side(
    live: Desk, symbol: str, side: str, answer: str
) -> None:
    assert live.do(cmd.CancelOrder(ALPHA, "B", "A", symbol, side)) == [answer]


def test_our_ids_at_venues_are_never_used_twice(live: Desk) -> None:
    live.new("Z")
    live.replace("B", "A", "80")
    live.refused("B")
    live.cancel("C", "A")
    live.refused("C")
    live.cancel("D", "A")
    sent = [
        e.cl_ord_id for e in live.events if isinstance(e, ev.OrderRouted | ev.CancelRouted | ev.ReplaceRouted)
    ]
    assert sent == ["e-1-1-1", "e-2-1-1", "e-1-1-2", "e-1-1-3", "e-1-1-4"]


# -- the client asks -----------------------------------------------------------------------------------------


def test_a_status_request_finds_the_order_by_any_of_its_ids(live: Desk) -> None:
    """G.1.c"""
    live.replace("B", "A", "80")
    live.replaced("B")
    live.cancel("C", "B")
    for id in "ABC":
        assert live.ask_status(id) == [f"StatusRequested 1 {id}"]
    assert live.ask_status("NO") == ["StatusRequested 0 NO"]


def test_an_order_sent_again_in_doubt_is_answered_by_how_the_first_stands(part: Desk) -> None:
    """F.1.b"""
    assert part.new("A", poss_resend=True) == ["StatusRequested 1 A"]
    assert part.new("B", poss_resend=True) == ["OrderReceived B", "OrderRouted SIM e-2-1-1"]
    assert part.new("B") == ["OrderDenied B duplicate_cl_ord_id 6"]


def test_an_order_sent_again_in_doubt_is_ignored_where_the_profile_says_so(part: Desk) -> None:
    part.profile(poss_resend="ignore")
    assert part.new("A", poss_resend=True) == []
    assert part.new("A") == ["OrderDenied A duplicate_cl_ord_id 6"]
    assert part.new("B", poss_resend=True) == ["OrderReceived B", "OrderRouted SIM e-3-1-1"]


def test_the_id_of_a_request_sent_again_as_an_order_in_doubt_is_answered_by_its_order(part: Desk) -> None:
    part.cancel("B", "A")
    assert part.new("B", poss_resend=True) == ["StatusRequested 1 B"]
    part.cancel("C", "NO")
    assert part.new("C", poss_resend=True) == ["StatusRequested 0 C"]


UNACCEPTED = (
    # OrderID(37)  session   whose it is
    ("e-1",        ALPHA,    1),
    ("e-1",        BRAVO,    0),
    ("e-9",        ALPHA,    0),
    ("1",          ALPHA,    1),
    ("NONE",       ALPHA,    0),
    ("",           ALPHA,    0),
    ("e-x",        ALPHA,    0),
)  # fmt: skip


@pytest.mark.parametrize(("order_id", "session", "whose"), UNACCEPTED)
def test_an_execution_that_a_client_does_not_accept_is_shown_to_people(
    part: Desk, order_id: str, session: str, whose: int
) -> None:
    found = part.do(cmd.DontKnow(session, order_id, "e-1-1-X1", "D", "not mine"))
    assert found == [f"ReportQuestioned {whose} client_dk"]
    question = part.events[-1]
    assert isinstance(question, ev.ReportQuestioned)
    assert (question.session_id, question.exec_id) == (session, "e-1-1-X1")
    assert question.text == "DKReason D, not mine"
    assert part.now() == "partially_filled 40 of 100, 60 open, as A"


# -- by phone ------------------------------------------------------------------------------------------------


def test_an_order_by_phone_has_no_id_of_the_clients(desk: Desk) -> None:
    """E.1.a"""
    assert desk.new("") == ["OrderReceived", "OrderRouted SIM e-1-1-1"]
    assert desk.new("") == ["OrderReceived", "OrderRouted SIM e-2-1-1"]
    assert desk.ack("#1") == ACCEPTED
    desk.fill("#1", "x1", "100")
    assert desk.now("#1") == "filled 100 of 100, 0 open, as "
    assert desk.state.cl_ord_ids == {}
    message = render(desk.events[-1], 1, desk.state)
    assert message is not None and message[0] == ALPHA and "\x0111=" not in message[1]


def test_an_order_by_phone_that_is_denied_is_not_in_the_way_of_the_next(desk: Desk) -> None:
    assert desk.new("", "0") == ["OrderDenied lot_size 13"]
    assert desk.new("") == ["OrderReceived", "OrderRouted SIM e-2-1-1"]
    assert desk.cancel("", "NO") == ["RequestDenied unknown_order 1"]
    assert desk.new("") == ["OrderReceived", "OrderRouted SIM e-3-1-1"]


# -- all at once ---------------------------------------------------------------------------------------------


def confirmed(desk: Desk, ours: str) -> list[str]:
    """The venue confirms a cancel of our own."""
    return desk.do(cmd.VenueReport(SIM, ours, ExecType.CANCELED, OrdStatus.CANCELED, "v"))


def test_all_open_orders_of_a_session_are_canceled_each_on_its_own(desk: Desk) -> None:
    for letter in "ABCDE":
        desk.new(letter)
    desk.new("V", "10", "80", symbol="VOD", account="ACC")
    desk.new("X", session=BRAVO)
    desk.fill("B", "x1", "100")
    desk.canceled("C")
    desk.cancel("D2", "D")
    desk.replace("E2", "E", "50")
    found = desk.cancel_all("M", "IBM")
    assert found == [
        "MassCancelRequested M 2",
        "CancelRouted e-1-1-2 e-1-1-1",
        "CancelRouted e-5-1-3 e-5-1-1",
    ]
    assert desk.now("A") == "pending_new 0 of 100, 100 open, as A"  # the client asked nothing of it
    assert confirmed(desk, "e-1-1-2") == ["RouteCanceled e-1-1-2", "OrderCanceled"]
    assert desk.now("A") == "canceled 0 of 100, 0 open, as A"
    assert desk.cancel_all("M2") == ["MassCancelRequested M2 1", "CancelRouted e-6-1-2 e-6-1-1"]
    assert desk.cancel_all("M3") == ["MassCancelRequested M3 0"]


REFUSED = (
    # ClOrdID  type   symbol   why
    ("A",      "7",   "",      "ClOrdID A has been used"),
    ("M",      "9",   "",      "MassCancelRequestType 9 is not supported: 1, 7"),
    ("M",      "1",   "",      "which symbol?"),
)  # fmt: skip


@pytest.mark.parametrize(("cl_ord_id", "kind", "symbol", "why"), REFUSED)
def test_a_request_to_cancel_all_may_be_refused(
    live: Desk, cl_ord_id: str, kind: str, symbol: str, why: str
) -> None:
    found = live.do(cmd.CancelAll(ALPHA, cl_ord_id, kind, symbol))
    assert found == [f"MassCancelRequested {cl_ord_id} -1 {why}"]
    assert live.order("A").order_id == 1
    if cl_ord_id == "M":
        assert live.new("M") == ["OrderDenied M duplicate_cl_ord_id 6"]


def test_what_is_out_of_reach_is_not_among_what_is_canceled(live: Desk) -> None:
    live.new("V", "10", "80", symbol="VOD", account="ACC")
    live.down(LSE)
    assert live.cancel_all("M") == ["MassCancelRequested M 1", "CancelRouted e-1-1-2 e-1-1-1"]


def test_a_clients_cancel_beside_our_own_is_answered_on_its_own(live: Desk) -> None:
    live.cancel_all("M")
    assert live.cancel("B", "A") == ["CancelRequested B A", "CancelRouted e-1-1-3 e-1-1-1"]
    confirmed(live, "e-1-1-2")
    assert live.now() == "pending_cancel 0 of 100, 0 open, as A"
    live.refused("B")
    assert live.now() == "canceled 0 of 100, 0 open, as A"


def test_all_open_orders_are_reported_one_by_one(desk: Desk) -> None:
    assert desk.ask_all() == ["MassStatusRequested 0 0 True"]
    for letter in "ABC":
        desk.new(letter)
    desk.new("V", "10", "80", symbol="VOD", account="ACC")
    desk.new("X", session=BRAVO)
    desk.canceled("B")
    assert desk.ask_all() == [
        "MassStatusRequested 1 3 False",
        "MassStatusRequested 3 3 False",
        "MassStatusRequested 4 3 True",
    ]
    assert desk.ask_all("VOD") == ["MassStatusRequested 4 1 True"]
    assert desk.ask_all("TOY") == ["MassStatusRequested 0 0 True"]


# -- what makes no sense -------------------------------------------------------------------------------------


def test_a_report_about_an_unknown_order_is_questioned(live: Desk) -> None:
    report = cmd.VenueReport(
        SIM, "e-9-1-1", ExecType.TRADE, OrdStatus.FILLED, "x1", last_qty=Qty(1), last_px=Px(1)
    )
    assert live.do(report) == ["ReportQuestioned 0 unknown_order", "TradeUnknown SIM x1 D"]
    assert live.do(cmd.VenueReport(SIM, "", ExecType.NEW, OrdStatus.NEW)) == [
        "ReportQuestioned 0 unknown_order"
    ]
    assert live.do(cmd.VenueCancelReject(SIM, "e-9-1-1")) == ["ReportQuestioned 0 unknown_order"]
    assert live.do(cmd.VenueRefusal(SIM, "D", "e-9-1-1")) == ["ReportQuestioned 0 refused_message"]


def test_a_venue_cannot_report_about_the_order_of_another(live: Desk) -> None:
    assert live.report("A", ExecType.CANCELED, venue=LSE) == ["ReportQuestioned 0 unknown_order"]
    assert live.do(cmd.VenueCancelReject(LSE, "e-1-1-1")) == ["ReportQuestioned 0 unknown_order"]
    assert live.now() == "new 0 of 100, 100 open, as A"


def test_a_report_may_name_the_order_by_its_original_id(live: Desk) -> None:
    found = live.do(
        cmd.VenueReport(SIM, "THEIRS", ExecType.CANCELED, OrdStatus.CANCELED, orig_cl_ord_id="e-1-1-1")
    )
    assert found == ["RouteCanceled", "OrderCanceled"]


@pytest.mark.parametrize("exec_type", ["1", "J", "K", "?"])
def test_a_kind_of_report_that_is_not_worked_is_questioned(live: Desk, exec_type: str) -> None:
    assert live.report("A", exec_type) == ["ReportQuestioned 1 unsupported_exec_type"]


@pytest.mark.parametrize(
    "exec_type", [ExecType.PENDING_NEW, ExecType.PENDING_CANCEL, ExecType.PENDING_REPLACE]
)
def test_pending_reports_of_the_venue_change_nothing(live: Desk, exec_type: str) -> None:
    assert live.report("A", exec_type) == []


def test_a_question_says_what_was_reported(live: Desk) -> None:
    live.fill("A", "x1", "130", "10.5", text="oops")
    question = live.events[-1]
    assert isinstance(question, ev.ReportQuestioned)
    assert (question.session_id, question.exec_id) == (SIM, "x1")
    assert question.text == "ClOrdID e-1-1-1, ExecType F OrdStatus 0, 130 at 10.5, oops"


def test_a_command_that_is_not_known_is_an_error(desk: Desk) -> None:
    with pytest.raises(KeyError):
        decide(desk.state, object(), START_NS)  # type: ignore[arg-type]


# -- in doubt ------------------------------------------------------------------------------------------------


def reconnect(desk: Desk) -> list[str]:
    desk.down()
    return desk.up()


def test_a_logon_of_the_venue_asks_about_exactly_what_is_in_doubt(desk: Desk) -> None:
    for letter in "ABCDEFG":
        desk.new(letter, "10")
    desk.new("V", "10", "80", symbol="VOD", account="ACC")  # at the other venue
    for letter in "BCDEG":
        desk.ack(letter)
    desk.cancel("C2", "C")
    desk.replace("D2", "D", "20")
    desk.replace("D3", "D2", "30")
    desk.fill("E", "x1", "10")
    desk.rejected("F")
    desk.cancel("G2", "G")
    desk.refused("G2")
    assert reconnect(desk) == [
        "SessionLoggedOn SIM",
        "StatusAsked e-1-1-1",  # A: sent, no answer
        "StatusAsked e-3-1-2",  # C: its cancel
        "StatusAsked e-4-1-2",  # D: both its replaces
        "StatusAsked e-4-1-3",
    ]
    assert desk.up(LSE) == ["SessionLoggedOn LSE", "StatusAsked e-8-1-1"]
    assert desk.up(ALPHA) == ["SessionLoggedOn ALPHA"]


def test_a_logon_asks_about_an_order_and_its_cancel(desk: Desk) -> None:
    desk.new("A")
    desk.cancel("B", "A")
    assert reconnect(desk) == ["SessionLoggedOn SIM", "StatusAsked e-1-1-1", "StatusAsked e-1-1-2"]


def test_an_order_the_venue_never_heard_of_is_rejected(desk: Desk) -> None:
    desk.new("A")
    reconnect(desk)
    assert desk.stands("A", OrdStatus.REJECTED) == [
        "RouteRejected 99 not received by the venue",
        "OrderRejected 99 not received by the venue",
    ]
    assert desk.now() == "rejected 0 of 100, 0 open, as A"
    assert reconnect(desk) == ["SessionLoggedOn SIM"]


def test_an_order_the_venue_knows_is_accepted(desk: Desk) -> None:
    desk.new("A")
    reconnect(desk)
    assert desk.stands("A", OrdStatus.NEW) == ACCEPTED
    assert desk.now() == "new 0 of 100, 100 open, as A"
    assert reconnect(desk) == ["SessionLoggedOn SIM"]


def test_an_answer_invents_no_executions(desk: Desk) -> None:
    """They come by the session's own recovery, with ExecIDs; until then the difference is shown."""
    desk.new("A")
    reconnect(desk)
    assert desk.stands("A", OrdStatus.PARTIALLY_FILLED, "40") == [
        *ACCEPTED,
        "ReportQuestioned 1 executed_quantity_differs",
    ]
    assert desk.now() == "new 0 of 100, 100 open, as A"
    assert desk.fill("A", "x1", "40") == ["OrderFilled x1 40 10"]


ENDED_MEANWHILE = (
    # OrdStatus(39) of the answer   events after the acknowledgement
    (OrdStatus.CANCELED,           ["RouteCanceled", "OrderCanceled"]),
    (OrdStatus.EXPIRED,            ["RouteExpired False", "OrderExpired"]),
    (OrdStatus.DONE_FOR_DAY,       ["RouteExpired True", "OrderDoneForDay"]),
)  # fmt: skip


@pytest.mark.parametrize(("status", "events"), ENDED_MEANWHILE)
def test_an_order_that_ended_while_it_was_in_doubt_ends(desk: Desk, status: str, events: list[str]) -> None:
    desk.new("A")
    reconnect(desk)
    assert desk.stands("A", status) == [*ACCEPTED, *events]


@pytest.mark.parametrize("status", [OrdStatus.EXPIRED, OrdStatus.DONE_FOR_DAY, OrdStatus.CANCELED])
def test_an_order_that_ended_while_its_replace_was_in_doubt_ends(live: Desk, status: str) -> None:
    live.replace("B", "A", "80")
    reconnect(live)
    live.stands("B", status)
    assert live.order().working == status
    assert live.order().requests == []
    assert live.risk() == "held 0, spent 0, position 0, open 0/0"


def test_a_pending_cancel_the_venue_never_heard_of_is_rejected(live: Desk) -> None:
    live.cancel("B", "A")
    reconnect(live)
    assert live.stands("B", OrdStatus.REJECTED) == [
        "RouteRequestRejected e-1-1-2 1",
        "RequestRejected B 1 not received by the venue",
    ]
    assert live.now() == "new 0 of 100, 100 open, as A"


def test_a_pending_cancel_that_the_venue_worked_is_done(part: Desk) -> None:
    part.cancel("B", "A")
    reconnect(part)
    assert part.stands("B", OrdStatus.CANCELED, "40") == ["RouteCanceled e-1-1-2", "OrderCanceled B"]
    assert part.now() == "canceled 40 of 100, 0 open, as A"


@pytest.mark.parametrize("status", [OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED, OrdStatus.PENDING_CANCEL])
def test_a_pending_cancel_that_the_venue_has_not_decided_stays_pending(part: Desk, status: str) -> None:
    part.cancel("B", "A")
    reconnect(part)
    assert part.stands("B", status, "40") == []
    assert part.now() == "pending_cancel 40 of 100, 60 open, as A"
    assert reconnect(part) == ["SessionLoggedOn SIM", "StatusAsked e-1-1-2"]


def test_a_pending_cancel_is_answered_where_the_cancel_came_under_the_orders_own_id(live: Desk) -> None:
    """The client hears of its request as well, once the venue says that the request came to the same."""
    live.cancel("B", "A")
    live.canceled("A")
    reconnect(live)
    live.stands("B", OrdStatus.CANCELED)
    assert live.order().requests == []
    assert live.now() == "canceled 0 of 100, 0 open, as A"


def test_a_pending_replace_the_venue_never_heard_of_is_rejected(live: Desk) -> None:
    live.replace("B", "A", "80")
    reconnect(live)
    assert live.stands("B", OrdStatus.REJECTED) == [
        "RouteRequestRejected e-1-1-2 1",
        "RequestRejected B 1 not received by the venue",
    ]
    assert live.now() == "new 0 of 100, 100 open, as A"


@pytest.mark.parametrize("status", [OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED])
def test_a_pending_replace_that_the_venue_worked_is_done(part: Desk, status: str) -> None:
    part.replace("B", "A", "80")
    reconnect(part)
    assert part.stands("B", status, "40") == ["RouteReplaced e-1-1-2", "OrderReplaced B"]
    assert part.now() == "partially_filled 40 of 80, 40 open, as B"


def test_a_pending_replace_that_the_venue_has_not_decided_stays_pending(live: Desk) -> None:
    live.replace("B", "A", "80")
    reconnect(live)
    assert live.stands("B", OrdStatus.PENDING_REPLACE) == []
    assert live.now() == "pending_replace 0 of 100, 100 open, as A"


def test_a_working_order_that_its_venue_has_forgotten_is_questioned(live: Desk) -> None:
    assert live.stands("A", OrdStatus.REJECTED) == ["ReportQuestioned 1 working_order_unknown_to_venue"]
    assert live.now() == "new 0 of 100, 100 open, as A"


def test_an_answer_about_what_has_ended_changes_nothing(live: Desk) -> None:
    live.canceled("A")
    assert live.stands("A", OrdStatus.CANCELED) == []


def test_an_answer_about_a_request_that_is_closed_says_nothing_of_the_order(desk: Desk) -> None:
    """The venue refused the cancel, and has no such id any more: the order itself may be live there."""
    desk.new("A")
    desk.cancel("B", "A")
    desk.refused("B")
    assert desk.stands("B", OrdStatus.REJECTED) == []
    assert desk.now() == "pending_new 0 of 100, 100 open, as A"


def test_an_answer_that_the_order_is_pending_new_acknowledges_nothing(desk: Desk) -> None:
    desk.new("A")
    assert desk.stands("A", OrdStatus.PENDING_NEW) == []
    assert desk.now() == "pending_new 0 of 100, 100 open, as A"


def test_a_refused_repetition_does_not_end_the_order_it_repeats(live: Desk) -> None:
    """OrdRejReason(103)=6 for an order that the venue works: it has refused a second copy."""
    again = {"exec_id": "v", "ord_rej_reason": 6, "text": "duplicate"}
    assert [line.split()[0] for line in live.report("A", ExecType.REJECTED, OrdStatus.REJECTED, **again)] == [
        "ReportQuestioned"
    ]
    assert live.now() == "new 0 of 100, 100 open, as A"


def test_a_late_answer_to_a_settled_question_changes_nothing(desk: Desk) -> None:
    desk.new("A")
    reconnect(desk)
    desk.stands("A", OrdStatus.NEW)
    assert desk.stands("A", OrdStatus.NEW) == []


# -- the time ------------------------------------------------------------------------------------------------


def test_all_events_of_a_decision_bear_the_time_they_were_decided_at(desk: Desk) -> None:
    command = cmd.NewOrder(ALPHA, "A", "BLOCK", "IBM", "1", Qty(scaled("1")), "2", Px(scaled("1")), "0")
    found = [(brief(event), event.at_ns) for event in decide(desk.state, command, 77)]
    assert found == [("OrderReceived A", 77), ("OrderRouted SIM e-1-1-1", 77)]


# -- any order of events -------------------------------------------------------------------------------------


def loose_ends(desk: Desk) -> list[str]:
    """Where an order and its routes tell different stories, or nobody has anything to do for it."""
    found = []
    for order in desk.state.orders.values():
        name, routes, plan = f"order {order.order_id}", order.routes, order.plan
        if not routes and plan is None:
            continue
        # What nobody asked for is our own wish.
        asked = [r.cl_ord_id for r in order.requests]
        to_answer = [r.request_cl_ord_id for route in routes for r in route.requests if r.request_cl_ord_id]
        if set(asked) - {""} != set(to_answer) and not (plan is not None and plan.waits):
            found.append(f"{name}: nobody will answer {asked}")
        over = [route.ended or route.working in ENDED_FOR_GOOD for route in routes]
        if order.working in ENDED_FOR_GOOD and not all(over):
            found.append(f"{name} is {order.working}, a route of it works")
        if order.working not in ENDED_FOR_GOOD and all(over):
            cared_for = asked or (plan is not None and (plan.waits or plan.wake_ns or plan.stuck))
            cared_for = cared_for or (order.emulation is not None and order.emulation.waits_for)
            if order.leaves_qty and not cared_for:
                found.append(f"{name} is {order.working}, nobody has it")
        sums = (sum(r.cum_qty for r in routes), sum(r.cum_notional for r in routes))
        if (order.cum_qty, order.cum_notional) != sums:
            found.append(f"{name} and its routes have executed differently")
    return found


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_every_request_that_waits_has_one_before_it(seed: int) -> None:
    desk = Desk()
    live_on(desk, seed, 200)
    assert [
        order.order_id for order in desk.state.orders.values() if order.queued and not order.requests
    ] == []


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_every_open_request_has_somebody_to_answer_it(seed: int) -> None:
    desk = Desk()
    live_on(desk, seed, 200)
    assert loose_ends(desk) == []
