"""Event to FIX 4.4 text. Pure: an event, its place in the journal and the state just after it give the
message, always the same one.

That is what makes a crash harmless: a message that was decided but not sent is written again, to the last
character, from the journal. So everything in it comes from the event and the state: TransactTime(60) is the
event's time, and ExecID(17) is made of the journal's epoch and the event's sequence, which also tells a
person where to look an execution up.

A text starts with MsgType(35) and carries body fields only; the session adds header and trailer.

What goes to the client follows the order's precedence of states (`order.ord_status`): a fill while a cancel
is pending reports OrdStatus pending cancel, under the ClOrdID that was in force.
"""

from collections.abc import Callable
from typing import Any, Final

from oms.core import events as ev
from oms.core.order import Order, ord_status
from oms.core.state import State
from oms.core.types import OrdType, average_px
from oms.core.types import format_scaled as dec
from oms.fix.wire import SOH, utc_timestamp

Outgoing = tuple[str, str]
"""The name of the session, and the text."""


def render(event: ev.Event, seq: int, state: State) -> Outgoing | None:
    """The message that an event sends, or None. `state` is the state just after the event."""
    writer = _WRITERS.get(type(event))
    return writer(event, seq, state) if writer is not None else None


# -- to clients ----------------------------------------------------------------------------------------------


def _report(
    state: State,
    order: Order,
    event: ev.OrderEvent,
    seq: int,
    exec_type: str,
    *,
    cl_ord_id: str = "",
    orig_cl_ord_id: str = "",
    more: str = "",
) -> Outgoing:
    """ExecutionReport(8) on an order as it stands."""
    version = order.versions[-1]
    orig = f"41={orig_cl_ord_id}\x01" if orig_cl_ord_id else ""
    price = f"44={dec(version.price)}\x01" if version.price else ""
    return order.session_id, (
        f"35=8\x0137={state.epoch}-{order.order_id}\x0111={cl_ord_id or version.cl_ord_id}\x01{orig}"
        f"17={state.epoch}-E{seq}\x01150={exec_type}\x0139={ord_status(order)}\x011={order.account}\x01"
        f"55={order.symbol}\x0154={order.side}\x0138={dec(version.order_qty)}\x0140={order.ord_type}\x01{price}"
        f"59={order.time_in_force}\x01151={dec(order.leaves_qty)}\x0114={dec(order.cum_qty)}\x01"
        f"6={dec(average_px(order.cum_notional, order.cum_qty))}\x0160={utc_timestamp(event.at_ns)}\x01{more}"
    )


def _text(text: str) -> str:
    return f"58={text.replace(SOH, ' ')}\x01" if text else ""


def _order_denied(event: ev.OrderDenied, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    # Reported on the order that has the id, as it stands, whichever control refused the second: "rejected"
    # would say that the first has ended. *Source:* FIX order state matrix F.1.a.
    order = state.find(event.session_id, event.cl_ord_id) or order
    return _report(
        state,
        order,
        event,
        seq,
        "8",
        cl_ord_id=event.cl_ord_id,
        more=f"103={event.ord_rej_reason}\x01{_text(f'{event.reason}: {event.text}')}",
    )


def _order_accepted(event: ev.OrderAccepted, seq: int, state: State) -> Outgoing:
    return _report(state, state.orders[event.order_id], event, seq, "0")


def _order_rejected(event: ev.OrderRejected, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    return _report(state, order, event, seq, "8", more=f"103={event.ord_rej_reason}\x01{_text(event.text)}")


def _order_filled(event: ev.OrderFilled, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    return _report(
        state, order, event, seq, "F", more=f"32={dec(event.last_qty)}\x0131={dec(event.last_px)}\x01"
    )


def _cancel_requested(event: ev.CancelRequested, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    return _report(
        state, order, event, seq, "6", cl_ord_id=event.cl_ord_id, orig_cl_ord_id=event.orig_cl_ord_id
    )


def _replace_requested(event: ev.ReplaceRequested, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    return _report(
        state, order, event, seq, "E", cl_ord_id=event.cl_ord_id, orig_cl_ord_id=event.orig_cl_ord_id
    )


def _order_canceled(event: ev.OrderCanceled, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    return _report(
        state,
        order,
        event,
        seq,
        "4",
        cl_ord_id=event.cl_ord_id,
        orig_cl_ord_id=order.cl_ord_id if event.cl_ord_id else "",
        more=_text(event.text),
    )


def _order_replaced(event: ev.OrderReplaced, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    return _report(state, order, event, seq, "5", orig_cl_ord_id=order.versions[-2].cl_ord_id)


def _order_expired(event: ev.OrderExpired, seq: int, state: State) -> Outgoing:
    return _report(state, state.orders[event.order_id], event, seq, "C", more=_text(event.text))


def _order_done_for_day(event: ev.OrderDoneForDay, seq: int, state: State) -> Outgoing:
    return _report(state, state.orders[event.order_id], event, seq, "3", more=_text(event.text))


def _cancel_reject(
    state: State,
    session_id: str,
    order: Order | None,
    cl_ord_id: str,
    orig_cl_ord_id: str,
    response_to: str,
    reason: int,
    text: str,
) -> Outgoing:
    """OrderCancelReject(9). An order that is not known is NONE and rejected, as the standard has it."""
    order_id = f"{state.epoch}-{order.order_id}" if order is not None else "NONE"
    status = ord_status(order) if order is not None else "8"
    return session_id, (
        f"35=9\x0137={order_id}\x0111={cl_ord_id}\x0141={orig_cl_ord_id}\x0139={status}\x01"
        f"434={response_to}\x01102={reason}\x01{_text(text)}"
    )


def _request_denied(event: ev.RequestDenied, seq: int, state: State) -> Outgoing:
    return _cancel_reject(
        state,
        event.session_id,
        state.orders.get(event.order_id),
        event.cl_ord_id,
        event.orig_cl_ord_id,
        event.cxl_rej_response_to,
        event.cxl_rej_reason,
        f"{event.reason}: {event.text}",
    )


def _request_rejected(event: ev.RequestRejected, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    return _cancel_reject(
        state,
        order.session_id,
        order,
        event.cl_ord_id,
        order.cl_ord_id,
        event.cxl_rej_response_to,
        event.cxl_rej_reason,
        event.text,
    )


def _status_requested(event: ev.StatusRequested, seq: int, state: State) -> Outgoing:
    order = state.orders.get(event.order_id)
    asked = f"790={event.ord_status_req_id}\x01" if event.ord_status_req_id else ""
    if order is not None:
        # Asked under an older id: both are named.
        older = event.cl_ord_id if event.cl_ord_id in (v.cl_ord_id for v in order.versions[:-1]) else ""
        return _report(state, order, event, seq, "I", orig_cl_ord_id=older, more=asked)
    symbol = f"55={event.symbol}\x01" if event.symbol else ""
    side = f"54={event.side}\x01" if event.side else ""
    return event.session_id, (
        f"35=8\x0137=NONE\x0111={event.cl_ord_id}\x0117={state.epoch}-E{seq}\x01150=I\x0139=8\x01{symbol}{side}"
        f"151=0\x0114=0\x016=0\x01103=5\x0160={utc_timestamp(event.at_ns)}\x01{asked}58=unknown order\x01"
    )


# -- to venues -----------------------------------------------------------------------------------------------


def _order_routed(event: ev.OrderRouted, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    price = f"44={dec(event.price)}\x01" if order.ord_type != OrdType.MARKET else ""
    return event.venue, (
        f"35=D\x0111={event.cl_ord_id}\x011={order.account}\x0121=1\x0155={order.symbol}\x0154={order.side}\x01"
        f"60={utc_timestamp(event.at_ns)}\x0138={dec(event.order_qty)}\x0140={order.ord_type}\x01{price}"
        f"59={order.time_in_force}\x01"
    )


def _cancel_routed(event: ev.CancelRouted, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    return route.venue, (
        f"35=F\x0111={event.cl_ord_id}\x0141={event.orig_cl_ord_id}\x01{_venue_order_id(route.venue_order_id)}"
        f"1={order.account}\x0155={order.symbol}\x0154={order.side}\x0138={dec(route.order_qty)}\x01"
        f"60={utc_timestamp(event.at_ns)}\x01"
    )


def _replace_routed(event: ev.ReplaceRouted, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    price = f"44={dec(event.price)}\x01" if order.ord_type != OrdType.MARKET else ""
    return route.venue, (
        f"35=G\x0111={event.cl_ord_id}\x0141={event.orig_cl_ord_id}\x01{_venue_order_id(route.venue_order_id)}"
        f"1={order.account}\x0121=1\x0155={order.symbol}\x0154={order.side}\x0138={dec(event.order_qty)}\x01"
        f"40={order.ord_type}\x01{price}59={order.time_in_force}\x0160={utc_timestamp(event.at_ns)}\x01"
    )


def _status_asked(event: ev.StatusAsked, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    return route.venue, (
        f"35=H\x0111={event.cl_ord_id}\x01{_venue_order_id(route.venue_order_id)}"
        f"55={order.symbol}\x0154={order.side}\x01"
    )


def _venue_order_id(order_id: str) -> str:
    return f"37={order_id}\x01" if order_id else ""


_WRITERS: Final[dict[type, Callable[[Any, int, State], Outgoing]]] = {
    ev.OrderDenied: _order_denied,
    ev.OrderAccepted: _order_accepted,
    ev.OrderRejected: _order_rejected,
    ev.OrderFilled: _order_filled,
    ev.CancelRequested: _cancel_requested,
    ev.ReplaceRequested: _replace_requested,
    ev.OrderCanceled: _order_canceled,
    ev.OrderReplaced: _order_replaced,
    ev.OrderExpired: _order_expired,
    ev.OrderDoneForDay: _order_done_for_day,
    ev.RequestDenied: _request_denied,
    ev.RequestRejected: _request_rejected,
    ev.StatusRequested: _status_requested,
    ev.OrderRouted: _order_routed,
    ev.CancelRouted: _cancel_routed,
    ev.ReplaceRouted: _replace_routed,
    ev.StatusAsked: _status_asked,
}
