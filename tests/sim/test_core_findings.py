"""What the random histories found in the core, each as its shortest history.

Those that still fail carry a mark; it goes when the core is better.
"""

from collections.abc import Callable

import pytest

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.engine import decide
from oms.core.state import State
from oms.core.types import SCALE, ExecType, OrdStatus, OrdType, Px, Qty, Side, TimeInForce
from oms.fix.encode import render
from oms.fix.wire import fields
from tests.sim.world import START_NS, VENUE, definitions

Do = Callable[[cmd.Command], list[ev.Event]]


@pytest.fixture
def state() -> State:
    state = State()
    for event in definitions():
        state.apply(event)
    return state


@pytest.fixture
def do(state: State) -> Do:
    """Decide and apply; the clock moves a second at a time."""
    now_ns = START_NS

    def do(command: cmd.Command) -> list[ev.Event]:
        nonlocal now_ns
        now_ns += 1_000_000_000
        events = decide(state, command, now_ns)
        for event in events:
            state.apply(event)
        return events

    do(cmd.LogOn(VENUE))
    return do


def new(cl_ord_id: str, qty: int = 100) -> cmd.NewOrder:
    return cmd.NewOrder(
        "CLIENT1",
        cl_ord_id,
        "BIG",
        "AAA",
        Side.BUY,
        Qty(qty * SCALE),
        OrdType.LIMIT,
        Px(100 * SCALE),
        TimeInForce.DAY,
    )


def replace(cl_ord_id: str, orig: str, qty: int) -> cmd.ReplaceOrder:
    return cmd.ReplaceOrder(
        "CLIENT1", cl_ord_id, orig, "AAA", Side.BUY, Qty(qty * SCALE), OrdType.LIMIT, Px(100 * SCALE)
    )


def report(cl_ord_id: str, exec_type: str, ord_status: str, exec_id: str, **more: object) -> cmd.VenueReport:
    return cmd.VenueReport(VENUE, cl_ord_id, exec_type, ord_status, exec_id, **more)  # type: ignore[arg-type]


def test_a_repeated_replaced_report_of_an_older_version_changes_nothing(do: Do) -> None:
    do(new("A"))
    do(report("E1-1-1-1", ExecType.NEW, OrdStatus.NEW, "X1"))
    do(replace("R1", "A", 110))
    first = report("E1-1-1-2", ExecType.REPLACED, OrdStatus.NEW, "X2", orig_cl_ord_id="E1-1-1-1")
    do(first)
    do(replace("R2", "R1", 120))
    do(report("E1-1-1-3", ExecType.REPLACED, OrdStatus.NEW, "X3", orig_cl_ord_id="E1-1-1-2"))
    assert do(first) == []


def test_a_replace_below_what_has_executed_leaves_order_qty_at_cum_qty(do: Do, state: State) -> None:
    """*Source:* FIX 4.4 volume 4: OrderQty = CumQty + LeavesQty; below CumQty means stop executing."""
    do(new("A"))
    do(report("E1-1-1-1", ExecType.NEW, OrdStatus.NEW, "X1"))
    do(replace("R1", "A", 50))
    do(
        report(
            "E1-1-1-1",
            ExecType.TRADE,
            OrdStatus.PARTIALLY_FILLED,
            "X2",
            last_qty=Qty(70 * SCALE),
            last_px=Px(100 * SCALE),
        )
    )
    replaced = report(
        "E1-1-1-2",
        ExecType.REPLACED,
        OrdStatus.FILLED,
        "X3",
        orig_cl_ord_id="E1-1-1-1",
        order_qty=Qty(70 * SCALE),
        cum_qty=Qty(70 * SCALE),
    )
    event = do(replaced)[-1]
    message = render(event, 1, state)
    assert message is not None
    sent = fields(message[1])
    assert (sent["150"], sent["38"], sent["14"], sent["151"]) == ("5", "70", "70", "0")


def test_a_late_status_answer_about_a_closed_request_is_not_about_the_order(do: Do) -> None:
    """The request was refused meanwhile: that it is unknown to the venue says nothing about the order."""
    do(new("A"))
    do(report("E1-1-1-1", ExecType.NEW, OrdStatus.NEW, "X1"))
    do(cmd.CancelOrder("CLIENT1", "C", "A", "AAA", Side.BUY))
    do(cmd.LogOut(VENUE))
    asked = [e for e in do(cmd.LogOn(VENUE)) if isinstance(e, ev.StatusAsked)]
    assert [e.cl_ord_id for e in asked] == ["E1-1-1-2"]
    do(cmd.VenueCancelReject(VENUE, "E1-1-1-2", "E1-1-1-1", OrdStatus.NEW, 99, "not now"))
    assert do(report("E1-1-1-2", ExecType.ORDER_STATUS, OrdStatus.REJECTED, "0")) == []


def test_the_same_before_the_order_was_acknowledged_does_not_end_it(do: Do, state: State) -> None:
    do(new("A"))
    do(cmd.CancelOrder("CLIENT1", "C", "A", "AAA", Side.BUY))
    do(cmd.VenueCancelReject(VENUE, "E1-1-1-2", "E1-1-1-1", OrdStatus.PENDING_NEW, 99, "not now"))
    do(report("E1-1-1-2", ExecType.ORDER_STATUS, OrdStatus.REJECTED, "0"))
    assert state.orders[1].working != OrdStatus.REJECTED, "the order may be live at the venue"


def test_a_refused_second_copy_does_not_end_the_first(do: Do, state: State) -> None:
    """OrdRejReason(103)=6 on an acknowledged order: the venue refused a repetition, the order lives."""
    do(new("A"))
    do(report("E1-1-1-1", ExecType.NEW, OrdStatus.NEW, "X1"))
    do(report("E1-1-1-1", ExecType.REJECTED, OrdStatus.REJECTED, "X2", ord_rej_reason=6))
    assert state.orders[1].working == OrdStatus.NEW


def test_a_cancel_answered_after_an_unsolicited_cancel_is_answered_to_the_client(
    do: Do, state: State
) -> None:
    do(new("A"))
    do(report("E1-1-1-1", ExecType.NEW, OrdStatus.NEW, "X1"))
    do(cmd.CancelOrder("CLIENT1", "C", "A", "AAA", Side.BUY))
    do(report("E1-1-1-1", ExecType.CANCELED, OrdStatus.CANCELED, "X2", text="unsolicited"))
    do(report("E1-1-1-2", ExecType.CANCELED, OrdStatus.CANCELED, "X3", orig_cl_ord_id="E1-1-1-1"))
    assert state.orders[1].requests == [], "the client's cancel is pending for ever"


def test_pending_new_is_no_acceptance(do: Do, state: State) -> None:
    """*Source:* FIX order state matrix: pending new is said only in answer to a status request."""
    do(new("A"))
    do(report("E1-1-1-1", ExecType.ORDER_STATUS, OrdStatus.PENDING_NEW, "0"))
    assert state.orders[1].working == OrdStatus.PENDING_NEW


def test_a_repeated_refusal_of_a_request_does_not_end_the_order(do: Do, state: State) -> None:
    """ExecType(150)=8 under a request's ClOrdID refuses the request; said again, it still means the request."""
    do(new("A"))
    do(report("E1-1-1-1", ExecType.NEW, OrdStatus.NEW, "X1"))
    do(cmd.CancelOrder("CLIENT1", "C", "A", "AAA", Side.BUY))
    refusal = report("E1-1-1-2", ExecType.REJECTED, OrdStatus.NEW, "X2", text="no")
    assert [type(e) for e in do(refusal)] == [ev.RouteRequestRejected, ev.RequestRejected]
    assert do(refusal) == []
    assert state.orders[1].working == OrdStatus.NEW
