"""Event to FIX 4.4 text. Pure: an event, its place in the journal and the state just after it give the
message, always the same one.

That is what makes a crash harmless: a message that was decided but not sent is written again, to the last
character, from the journal. So everything in it comes from the event and the state: TransactTime(60) is the
event's time, and ExecID(17) is made of the journal's epoch and the event's sequence, which also tells a
person where to look it up. That of an execution is made of its order, route and number in it instead, since a
bust or a correction, perhaps days later, has to name it again.

A text starts with MsgType(35) and carries body fields only; the session adds header and trailer.

A multileg order goes to its venue as NewOrderMultileg(AB) and is reported to its client as the client asked
(MultiLegRptTypeReq(563)): executions by combination, by leg, or, where it did not say, both. What is no
execution is about the order as a whole and always told. The quantities in the report of a leg are the leg's.

What goes to the client follows the order's precedence of states (`order.ord_status`): a fill while a cancel
is pending reports OrdStatus pending cancel, under the ClOrdID that was in force.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from oms.core import events as ev
from oms.core.emulated import sent_terms, sent_time_in_force
from oms.core.legs import leg_qty, leg_status, open_leg_qty
from oms.core.order import Order, OrderLeg, day_quantities, ord_status, settled_status
from oms.core.state import State
from oms.core.types import (
    GOOD_TILL,
    PRICED,
    CxlRejResponseTo,
    MultiLegRptTypeReq,
    OrdStatus,
    Terms,
    average_px,
)
from oms.core.types import format_scaled as dec
from oms.fix.list_status import list_denied, list_status_reported
from oms.fix.wire import SOH, utc_timestamp

REPRICING: Final = "3"  # ExecRestatementReason(378)

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
    exec_id: str = "",
    status: str = "",
    more: str = "",
) -> Outgoing:
    """ExecutionReport(8) on an order as it stands."""
    version = order.versions[-1]
    orig = f"41={orig_cl_ord_id}\x01" if orig_cl_ord_id else ""
    price = f"44={dec(version.price)}\x01" if version.price else ""
    id = cl_ord_id or version.cl_ord_id
    exec_id = exec_id or f"{state.epoch}-E{seq}"
    # An order by phone has no id of the client's.
    ids = f"11={id}\x01{orig}" if id else ""
    if order.list_id:
        ids += f"66={order.list_id}\x01"
    if version.terms is not None:
        cash = version.terms.cash_order_qty
        more = terms_text(version.terms) + (f"152={dec(cash)}\x01" if cash else "") + more
        if version.terms.legs:
            # A net price of nothing is one, too.
            price = f"44={dec(version.price)}\x01" if order.ord_type in PRICED else ""
            more = "442=3\x01" + more
    if order.time_in_force in GOOD_TILL:
        more = _day_text(order, state) + more
    return order.session_id, (
        f"35=8\x0137={state.epoch}-{order.order_id}\x01{ids}"
        f"17={exec_id}\x01150={exec_type}\x0139={status or ord_status(order)}\x011={order.account}\x01"
        f"55={order.symbol}\x0154={order.side}\x0138={dec(version.order_qty)}\x0140={order.ord_type}\x01{price}"
        f"59={order.time_in_force}\x01151={dec(order.leaves_qty)}\x0114={dec(order.cum_qty)}\x01"
        f"6={dec(average_px(order.cum_notional, order.cum_qty))}\x0160={utc_timestamp(event.at_ns)}\x01{more}"
    )


def terms_text(terms: Terms) -> str:
    """The fields that `Terms` stands for; CashOrderQty is the client's: a venue is told the quantity."""
    numbers = (
        (99, terms.stop_px),
        (110, terms.min_qty),
        (111, terms.max_floor),
        (210, terms.max_show),
        (211, terms.peg_offset),
    )
    words = (
        (18, terms.exec_inst),
        (126, terms.expire_time),
        (432, terms.expire_date),
        (835, terms.peg_move_type),
        (836, terms.peg_offset_type),
        (837, terms.peg_limit_type),
        (838, terms.peg_round_direction),
        (840, terms.peg_scope),
        (847, terms.target_strategy),
        (848, terms.strategy_parameters),
        (849, terms.participation_rate),
    )
    found = [f"{tag}={dec(value)}\x01" for tag, value in numbers if value]
    found += [f"{tag}={word}\x01" for tag, word in words if word]
    return "".join(found)


def _day_text(order: Order, state: State) -> str:
    """DayOrderQty(424), DayCumQty(425), DayAvgPx(426): of orders that outlive the day."""
    day_order_qty, day_cum_qty, notional = day_quantities(order, state.day_of(order))
    day_avg_px = average_px(notional, day_cum_qty)
    return f"424={dec(day_order_qty)}\x01425={dec(day_cum_qty)}\x01426={dec(day_avg_px)}\x01"


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
    order = state.orders[event.order_id]
    if event.working_indicator:
        return _report(state, order, event, seq, "0", more=f"636={event.working_indicator}\x01")
    return _report(state, order, event, seq, "0")


def _order_held(event: ev.OrderHeld, seq: int, state: State) -> Outgoing:
    return _report(state, state.orders[event.order_id], event, seq, "0", more="636=N\x01")


def _order_rejected(event: ev.OrderRejected, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    return _report(state, order, event, seq, "8", more=f"103={event.ord_rej_reason}\x01{_text(event.text)}")


def _order_filled(event: ev.OrderFilled, seq: int, state: State) -> Outgoing | None:
    order = state.orders[event.order_id]
    if order.legs is not None and not _is_told(order, MultiLegRptTypeReq.MULTILEG_ONLY):
        return None
    return _report(
        state,
        order,
        event,
        seq,
        "F",
        exec_id=_our_exec_id(state, order, event.route_id, event.exec_id),
        status=settled_status(order) if order.requests and _fill_answers(state, order) else "",
        more=f"32={dec(event.last_qty)}\x0131={dec(event.last_px)}\x01",
    )


def _our_exec_id(state: State, order: Order, route_id: int, exec_id: str) -> str:
    """The ExecID(17) under which we report what the venue calls `exec_id`."""
    number = order.route(route_id).executions[exec_id].number
    return f"{state.epoch}-{order.order_id}-{route_id}-X{number}"


def _fill_answers(state: State, order: Order) -> bool:
    """Whether the last fill is all that the client wants to hear of a request that it came before."""
    profile = state.profiles.get(order.session_id)
    if profile is None or profile.late_cancel != "silent":
        return False
    return order.cum_qty >= order.order_qty


def _is_told_of_pending(state: State, order: Order) -> bool:
    profile = state.profiles.get(order.session_id)
    return profile is None or profile.pending_reports


def _cancel_requested(event: ev.CancelRequested, seq: int, state: State) -> Outgoing | None:
    order = state.orders[event.order_id]
    if not _is_told_of_pending(state, order):
        return None
    # The last id that was accepted, whatever the request names. *Source:* FIX order state matrix D.2.b.
    return _report(state, order, event, seq, "6", cl_ord_id=event.cl_ord_id, orig_cl_ord_id=order.cl_ord_id)


def _replace_requested(event: ev.ReplaceRequested, seq: int, state: State) -> Outgoing | None:
    order = state.orders[event.order_id]
    if not _is_told_of_pending(state, order):
        return None
    return _report(state, order, event, seq, "E", cl_ord_id=event.cl_ord_id, orig_cl_ord_id=order.cl_ord_id)


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
        more=_reason(event.exec_restatement_reason) + _text(event.text),
    )


def _reason(exec_restatement_reason: str) -> str:
    return f"378={exec_restatement_reason}\x01" if exec_restatement_reason else ""


def _order_replaced(event: ev.OrderReplaced, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    return _report(state, order, event, seq, "5", orig_cl_ord_id=order.versions[-2].cl_ord_id)


def _order_expired(event: ev.OrderExpired, seq: int, state: State) -> Outgoing:
    return _report(state, state.orders[event.order_id], event, seq, "C", more=_text(event.text))


def _order_done_for_day(event: ev.OrderDoneForDay, seq: int, state: State) -> Outgoing:
    return _report(state, state.orders[event.order_id], event, seq, "3", more=_text(event.text))


def _execution_busted(event: ev.ExecutionBusted, seq: int, state: State) -> Outgoing | None:
    return _changed_execution(event, seq, state, "H", "32=0\x0131=0\x01")


def _execution_corrected(event: ev.ExecutionCorrected, seq: int, state: State) -> Outgoing | None:
    what = f"32={dec(event.last_qty)}\x0131={dec(event.last_px)}\x01"
    return _changed_execution(event, seq, state, "G", what)


def _changed_execution(
    event: ev.ExecutionBusted | ev.ExecutionCorrected, seq: int, state: State, exec_type: str, what: str
) -> Outgoing | None:
    order = state.orders[event.order_id]
    if order.legs is not None and not _is_told(order, MultiLegRptTypeReq.MULTILEG_ONLY):
        return None
    ref = _our_exec_id(state, order, event.route_id, event.exec_ref_id)
    profile = state.profiles.get(order.session_id)
    if profile is not None and profile.busts == "restate":
        said = f"{ref} was {dec(event.qty)} at {dec(event.px)}"
        own_id = _our_exec_id(state, order, event.route_id, event.exec_id)
        more = _reason("99") + _text(f"{said}: {event.text}" if event.text else said)
        return _report(state, order, event, seq, "D", exec_id=own_id, more=more)
    return _report(
        state,
        order,
        event,
        seq,
        exec_type,
        exec_id=_our_exec_id(state, order, event.route_id, event.exec_id),
        more=f"19={ref}\x01{what}{_text(event.text)}",
    )


def _order_restated(event: ev.OrderRestated, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    return _report(
        state, order, event, seq, "D", more=_reason(event.exec_restatement_reason) + _text(event.text)
    )


def _stop_px_moved(event: ev.StopPxMoved, seq: int, state: State) -> Outgoing | None:
    order = state.orders[event.order_id]
    profile = state.profiles.get(order.session_id)
    if profile is None or not profile.stop_px_reports:
        return None
    return _report(state, order, event, seq, "D", more=_reason(REPRICING))


def _order_stopped(event: ev.OrderStopped, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    what = f"32={dec(event.last_qty)}\x0131={dec(event.last_px)}\x01"
    return _report(state, order, event, seq, "7", more=what + _text(event.text))


def _order_suspended(event: ev.OrderSuspended, seq: int, state: State) -> Outgoing:
    return _report(state, state.orders[event.order_id], event, seq, "9", more=_text(event.text))


def _order_triggered(event: ev.OrderTriggered, seq: int, state: State) -> Outgoing:
    return _report(state, state.orders[event.order_id], event, seq, "L", more=f"636=Y\x01{_text(event.text)}")


def _order_calculated(event: ev.OrderCalculated, seq: int, state: State) -> Outgoing:
    return _report(state, state.orders[event.order_id], event, seq, "B", more=_text(event.text))


def _is_told(order: Order, kind: str) -> bool:
    """Whether the client wants executions of that kind: MULTILEG_ONLY or LEGS_ONLY."""
    terms = order.versions[-1].terms
    asked = terms.multi_leg_rpt_type_req if terms is not None else ""
    return asked in ("", MultiLegRptTypeReq.BOTH, kind)


def _leg_filled(event: ev.LegFilled, seq: int, state: State) -> Outgoing | None:
    return _leg_report(event, state, "F", f"32={dec(event.last_qty)}\x0131={dec(event.last_px)}\x01")


def _leg_busted(event: ev.LegBusted, seq: int, state: State) -> Outgoing | None:
    return _leg_report(event, state, "H", f"32=0\x0131=0\x01{_text(event.text)}", event.exec_ref_id)


def _leg_corrected(event: ev.LegCorrected, seq: int, state: State) -> Outgoing | None:
    what = f"32={dec(event.last_qty)}\x0131={dec(event.last_px)}\x01{_text(event.text)}"
    return _leg_report(event, state, "G", what, event.exec_ref_id)


def _leg_report(
    event: ev.LegFilled | ev.LegBusted | ev.LegCorrected,
    state: State,
    exec_type: str,
    what: str,
    exec_ref_id: str = "",
) -> Outgoing | None:
    """ExecutionReport(8) on a leg of an order as it stands.

    MultiLegReportingType(442) comes first and the leg last: see `sessions.fill`.
    """
    order = state.orders[event.order_id]
    if not _is_told(order, MultiLegRptTypeReq.LEGS_ONLY):
        return None
    assert order.legs is not None
    leg = order.legs[event.leg - 1]
    version = order.versions[-1]
    ids = f"11={version.cl_ord_id}\x01" if version.cl_ord_id else ""
    ref = f"19={_our_leg_exec_id(state, event, leg, exec_ref_id)}\x01" if exec_ref_id else ""
    return order.session_id, (
        f"35=8\x01442=2\x0137={state.epoch}-{order.order_id}\x01{ids}"
        f"17={_our_leg_exec_id(state, event, leg, event.exec_id)}\x01150={exec_type}\x01"
        f"39={leg_status(order, leg)}\x011={order.account}\x0155={leg.symbol}\x0154={leg.side}\x01"
        f"38={dec(leg_qty(version.order_qty, leg.ratio_qty))}\x0140={order.ord_type}\x01"
        f"59={order.time_in_force}\x01151={dec(open_leg_qty(order, leg, version.order_qty))}\x01"
        f"14={dec(leg.cum_qty)}\x016={dec(average_px(leg.cum_notional, leg.cum_qty))}\x01"
        f"60={utc_timestamp(event.at_ns)}\x01{ref}{what}"
        f"555=1\x01600={leg.symbol}\x01654={leg.leg_ref_id}\x01"
    )


def _our_leg_exec_id(
    state: State, event: ev.LegFilled | ev.LegBusted | ev.LegCorrected, leg: OrderLeg, exec_id: str
) -> str:
    """The ExecID(17) under which we report what the venue calls `exec_id` of a leg."""
    number = leg.executions[exec_id].number
    return f"{state.epoch}-{event.order_id}-{event.route_id}-L{event.leg}X{number}"


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
    """OrderCancelReject(9). An order that is not known is NONE and rejected, as the standard has it.

    OrigClOrdID(41) of one that is known is the last id that was accepted, whatever the request named.
    *Source:* FIX order state matrices D.2.c and D.2.d.
    """
    if order is not None and order.cl_ord_id:
        orig_cl_ord_id = order.cl_ord_id
    order_id = f"{state.epoch}-{order.order_id}" if order is not None else "NONE"
    status = ord_status(order) if order is not None else "8"
    of_list = f"66={order.list_id}\x01" if order is not None and order.list_id else ""
    return session_id, (
        f"35=9\x0137={order_id}\x0111={cl_ord_id}\x0141={orig_cl_ord_id}\x01{of_list}39={status}\x01"
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


def _request_rejected(event: ev.RequestRejected, seq: int, state: State) -> Outgoing | None:
    order = state.orders[event.order_id]
    if not event.cl_ord_id:
        return None  # it was our own wish
    if event.cxl_rej_response_to == CxlRejResponseTo.CANCEL and _fill_answers(state, order):
        return None
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


def _mass_cancel_rejected(event: ev.MassCancelRejected, seq: int, state: State) -> Outgoing:
    """The order that stays is OrigClOrdID(41); ClOrdID(11) is the request, as in any other refusal of it.

    An order by phone has no id of the client's.
    """
    order = state.orders[event.order_id]
    return _cancel_reject(
        state,
        order.session_id,
        order,
        event.cl_ord_id,
        order.cl_ord_id or "NONE",
        CxlRejResponseTo.CANCEL,
        event.cxl_rej_reason,
        event.text,
    )


def _status_requested(event: ev.StatusRequested, seq: int, state: State) -> Outgoing:
    order = state.orders.get(event.order_id)
    asked = f"790={event.ord_status_req_id}\x01" if event.ord_status_req_id else ""
    if order is not None:
        # Asked under an older id: both are named.
        older = event.cl_ord_id if event.cl_ord_id in (v.cl_ord_id for v in order.versions[:-1]) else ""
        # *Source:* FIX order state matrix G.1.b.
        done = "" if ord_status(order) != OrdStatus.NEW else "58=Nothing Done\x01"
        return _report(state, order, event, seq, "I", orig_cl_ord_id=older, more=asked + done)
    symbol = f"55={event.symbol}\x01" if event.symbol else ""
    side = f"54={event.side}\x01" if event.side else ""
    return event.session_id, (
        f"35=8\x0137=NONE\x0111={event.cl_ord_id}\x0117={state.epoch}-E{seq}\x01150=I\x0139=8\x01{symbol}{side}"
        f"38=0\x01151=0\x0114=0\x016=0\x01103=5\x0160={utc_timestamp(event.at_ns)}\x01{asked}"
        f"58=unknown order\x01"
    )


def _mass_cancel_requested(event: ev.MassCancelRequested, seq: int, state: State) -> Outgoing:
    refused = event.affected < 0
    symbol = f"55={event.symbol}\x01" if event.symbol else ""
    side = f"54={event.side}\x01" if event.side else ""
    result = "531=0\x01532=99\x01" if refused else f"531={event.request_type}\x01533={event.affected}\x01"
    return event.session_id, (
        f"35=r\x0137={state.epoch}-E{seq}\x0111={event.cl_ord_id}\x01530={event.request_type}\x01{result}"
        f"{symbol}{side}60={utc_timestamp(event.at_ns)}\x01{_text(event.text)}"
    )


def _mass_status_requested(event: ev.MassStatusRequested, seq: int, state: State) -> Outgoing:
    last = "Y" if event.is_last else "N"
    asked = f"584={event.mass_status_req_id}\x01911={event.total}\x01912={last}\x01"
    order = state.orders.get(event.order_id)
    if order is not None:
        return _report(state, order, event, seq, "I", more=asked)
    return event.session_id, (
        f"35=8\x0137=NONE\x0117={state.epoch}-E{seq}\x01150=I\x0139=8\x0155=NONE\x0154=1\x0138=0\x01151=0\x01"
        f"14=0\x016=0\x0160={utc_timestamp(event.at_ns)}\x01{asked}58=no open order\x01"
    )


# -- to venues -----------------------------------------------------------------------------------------------


def _order_routed(event: ev.OrderRouted, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    price = f"44={dec(event.price)}\x01" if event.price else ""
    terms = event.terms or order.versions[-1].terms
    if order.legs is not None and terms is not None:
        return event.venue, (
            f"35=AB\x0111={event.cl_ord_id}\x01"
            f"{_combination(order, event.order_qty, event.price, event.at_ns, terms)}"
        )
    if terms is not None:
        terms = sent_terms(order, terms, bool(event.ord_type), event.order_qty)
    more = terms_text(terms) if terms is not None else ""
    ord_type = event.ord_type or order.ord_type
    time_in_force = order.time_in_force if order.emulation is None else sent_time_in_force(order)
    return event.venue, (
        f"35=D\x0111={event.cl_ord_id}\x011={order.account}\x0121=1\x0155={order.symbol}\x0154={order.side}\x01"
        f"60={utc_timestamp(event.at_ns)}\x0138={dec(event.order_qty)}\x0140={ord_type}\x01{price}"
        f"59={event.time_in_force or time_in_force}\x01{more}"
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
    price = f"44={dec(event.price)}\x01" if event.price else ""
    request = order.request(event.request_cl_ord_id)
    # A wish of our own is about the order as it is.
    terms = request.terms if request is not None else order.versions[-1].terms
    if route.terms is not None:
        terms = _with_algorithm(terms, route.terms)
    if order.legs is not None and terms is not None:
        return route.venue, (
            f"35=AC\x0111={event.cl_ord_id}\x0141={event.orig_cl_ord_id}\x01"
            f"{_venue_order_id(route.venue_order_id)}"
            f"{_combination(order, event.order_qty, event.price, event.at_ns, terms)}"
        )
    if terms is not None:
        terms = sent_terms(order, terms, bool(route.ord_type), event.order_qty)
    more = terms_text(terms) if terms is not None else ""
    time_in_force = order.time_in_force if order.emulation is None else sent_time_in_force(order)
    return route.venue, (
        f"35=G\x0111={event.cl_ord_id}\x0141={event.orig_cl_ord_id}\x01{_venue_order_id(route.venue_order_id)}"
        f"1={order.account}\x0121=1\x0155={order.symbol}\x0154={order.side}\x0138={dec(event.order_qty)}\x01"
        f"40={route.ord_type or order.ord_type}\x01{price}59={time_in_force}\x01"
        f"60={utc_timestamp(event.at_ns)}\x01{more}"
    )


def _with_algorithm(terms: Terms | None, of_route: Terms) -> Terms:
    """A replace names the broker's algorithm again."""
    return msgspec.structs.replace(
        terms or Terms(),
        target_strategy=of_route.target_strategy,
        strategy_parameters=of_route.strategy_parameters,
        participation_rate=of_route.participation_rate,
    )


def _combination(order: Order, order_qty: int, price: int, at_ns: int, terms: Terms) -> str:
    """What NewOrderMultileg(AB) and MultilegOrderCancelReplace(AC) say alike. The venue is asked for both
    kinds of execution, whatever the client wants: positions are moved by legs, the order by the combination.
    """
    net_price = f"44={dec(price)}\x01" if order.ord_type in PRICED else ""
    legs = "".join(
        f"600={leg.symbol}\x01623={dec(leg.ratio_qty)}\x01624={leg.side}\x01"
        + (f"564={leg.position_effect}\x01" if leg.position_effect else "")
        + f"654={leg.leg_ref_id}\x01"
        + (f"566={dec(leg.price)}\x01" if leg.price is not None else "")
        for leg in terms.legs
    )
    return (
        f"1={order.account}\x0121=1\x0155={order.symbol}\x01167=MLEG\x0154={order.side}\x01"
        f"60={utc_timestamp(at_ns)}\x0138={dec(order_qty)}\x0140={order.ord_type}\x01{net_price}"
        f"59={order.time_in_force}\x01{terms_text(terms)}563={MultiLegRptTypeReq.BOTH}\x01"
        f"555={len(terms.legs)}\x01{legs}"
    )


def _status_asked(event: ev.StatusAsked, seq: int, state: State) -> Outgoing:
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    return route.venue, (
        f"35=H\x0111={event.cl_ord_id}\x01{_venue_order_id(route.venue_order_id)}"
        f"55={order.symbol}\x0154={order.side}\x01"
    )


def _trade_unknown(event: ev.TradeUnknown, seq: int, state: State) -> Outgoing:
    return event.venue, (
        f"35=Q\x0137={event.venue_order_id or 'NONE'}\x0117={event.exec_id}\x01127={event.dk_reason}\x01"
        f"55={event.symbol or 'NONE'}\x0154={event.side or '1'}\x0132={dec(event.last_qty)}\x01"
        f"31={dec(event.last_px)}\x01{_text(event.text)}"
    )


def _venue_order_id(order_id: str) -> str:
    return f"37={order_id}\x01" if order_id else ""


_WRITERS: Final[dict[type, Callable[[Any, int, State], Outgoing | None]]] = {
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
    ev.ExecutionBusted: _execution_busted,
    ev.ExecutionCorrected: _execution_corrected,
    ev.OrderRestated: _order_restated,
    ev.OrderStopped: _order_stopped,
    ev.OrderSuspended: _order_suspended,
    ev.OrderTriggered: _order_triggered,
    ev.OrderHeld: _order_held,
    ev.StopPxMoved: _stop_px_moved,
    ev.OrderCalculated: _order_calculated,
    ev.TradeUnknown: _trade_unknown,
    ev.MassCancelRequested: _mass_cancel_requested,
    ev.MassCancelRejected: _mass_cancel_rejected,
    ev.MassStatusRequested: _mass_status_requested,
    ev.ListStatusReported: list_status_reported,
    ev.ListDenied: list_denied,
    ev.ListRequestDenied: list_denied,
    ev.LegFilled: _leg_filled,
    ev.LegBusted: _leg_busted,
    ev.LegCorrected: _leg_corrected,
}
