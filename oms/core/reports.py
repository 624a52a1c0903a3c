"""What venues report, in whatever order it comes and however often. Part of `decide`.

- an execution whose ExecID is known on its route changes nothing, whatever flags it carries;
- a fill before its acknowledgement acknowledges;
- a fill after a cancel is a fill: the order stays canceled with a larger CumQty;
- an overfill is booked, since it happened, and questioned;
- a bust or a correction is of one execution, on any day, whatever became of the order;
- what a venue has ended stays ended: also where it said so of an order that looked filled, and an execution
  of that is taken back;
- an answer to a question that is not open any more changes nothing.

What contradicts itself or us is questioned: journaled, counted and shown, and an execution of an order that
is not ours is answered as well. Nothing is guessed.
"""

from collections.abc import Callable
from typing import Final

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core import multileg
from oms.core.decision import (
    DUPLICATE_CL_ORD_ID,
    OTHER,
    TOO_LATE,
    UNKNOWN_ORDER,
    Events,
    accepted,
    questioned,
    unknown_trade,
)
from oms.core.emulated import expires_ns
from oms.core.emulation import answered, outlives
from oms.core.endings import (
    after_last_fill,
    end_remembered,
    last_alive,
    order_ended,
    passed_on,
    why_canceled,
)
from oms.core.executions import (
    CORPORATE_ACTION,
    asked_qty,
    is_said_to_be_more,
    named,
    referred,
    split_to,
    taken_back,
)
from oms.core.ledger import available, committed, counts_as_refused
from oms.core.order import ENDED, Execution, Order, Route, RouteRequest
from oms.core.state import State
from oms.core.types import (
    CxlRejResponseTo,
    ExecType,
    OrdStatus,
    Px,
    Qty,
    format_scaled,
)
from oms.core.working import parts_answered

STATUS_REQUEST: Final = "H"  # MsgType(35)


def venue_report(state: State, command: cmd.VenueReport, now_ns: int) -> Events:
    found = state.routes.get(command.cl_ord_id) or state.routes.get(command.orig_cl_ord_id)
    if found is None or found[1].venue != command.venue:
        return [questioned(now_ns, 0, command, "unknown_order"), *unknown_trade(command, now_ns)]
    order, route = found
    answered = _answered(state, order, route, command, command.ord_status, command.cum_qty, now_ns)
    if route.told and command.exec_id in route.told:
        return answered
    handler = _REPORTS.get(command.exec_type)
    if handler is None:
        return [*answered, questioned(now_ns, order.order_id, command, "unsupported_exec_type")]
    if order.legs is not None:
        events = multileg.whole_report(state, order, route, command, handler, now_ns)
    else:
        events = handler(state, order, route, command, now_ns)
    if order.requests:
        events = _last_word(state, order, route, events, now_ns)
    return answered + events if answered else events


def _last_word(state: State, order: Order, route: Route, events: Events, now_ns: int) -> Events:
    """The refusal of a request may be the last that there is to say of an order that was filled meanwhile."""
    refused = events and isinstance(events[-1], ev.RequestRejected)
    if refused and order.cum_qty >= order.order_qty:
        return events + after_last_fill(state, order, route, events, now_ns)
    return events


def _answered(
    state: State,
    order: Order,
    route: Route,
    command: cmd.VenueReport | cmd.VenueCancelReject | cmd.VenueRefusal,
    ord_status: str,
    cum_qty: Qty,
    now_ns: int,
) -> Events:
    """That a question is open no more: whatever a venue says under an id answers the question about it."""
    if command.cl_ord_id not in state.questions.get(command.venue, ()):
        return []
    return [ev.StatusAnswered(now_ns, order.order_id, route.route_id, command.cl_ord_id, ord_status, cum_qty)]


def venue_leg_report(state: State, command: cmd.VenueLegReport, now_ns: int) -> Events:
    report = command.report
    found = state.routes.get(report.cl_ord_id) or state.routes.get(report.orig_cl_ord_id)
    if found is None or found[1].venue != report.venue:
        return [questioned(now_ns, 0, report, "unknown_order"), *unknown_trade(report, now_ns)]
    order, route = found
    if order.legs is None:
        return [questioned(now_ns, order.order_id, report, "leg_of_an_order_without_legs")]
    if multileg.reports_of(state, route) == multileg.LEGS and report.exec_type not in multileg.EXECUTIONS:
        # It has no other way of saying it: a leg's is the order's.
        return venue_report(state, report, now_ns)
    events = multileg.leg_report(state, order, route, command, now_ns)
    less = sum(event.qty for event in events if isinstance(event, ev.ExecutionBusted))
    if less:
        return events + end_remembered(order, route, -less, now_ns)
    if any(isinstance(event, ev.OrderFilled) for event in events):
        return _with_last_fill(state, order, route, events, now_ns)
    return events


def _reported_new(state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int) -> Events:
    if route.working == OrdStatus.REJECTED:
        # It may be live where nothing holds risk for it any more.
        return [questioned(now_ns, order.order_id, command, "accepted_after_reject")]
    if route.working != OrdStatus.PENDING_NEW:
        return _reported_triggered(state, order, route, command, now_ns) if order.suspended else []
    return accepted(order, route, command, now_ns)


def _reported_trade(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    exec_id = command.exec_id
    if exec_id in route.executions:
        exec_id, known = named(state, order, route, command)
        if known is not None:
            return _known_again(order, route, command, known, now_ns)
    if command.last_qty <= 0 or not exec_id or (command.last_px <= 0 and order.legs is None):
        return [questioned(now_ns, order.order_id, command, "execution_without_quantity_price_or_id")]
    events: Events = []
    if route.working == OrdStatus.PENDING_NEW:
        events += accepted(order, route, command, now_ns)
    events.append(
        ev.OrderFilled(
            now_ns,
            order.order_id,
            route.route_id,
            exec_id,
            command.last_qty,
            command.last_px,
            command.transact_time_ns,
        )
    )
    if route.working == OrdStatus.REJECTED:
        events.append(questioned(now_ns, order.order_id, command, "execution_after_reject"))
    cum_qty = route.cum_qty + command.last_qty
    if cum_qty < route.order_qty and order.plan is None and order.emulation is None:
        return events
    if _is_too_much(order, route, command.last_qty):
        events.append(questioned(now_ns, order.order_id, command, "overfill"))
    if cum_qty < route.order_qty:
        return events
    return _with_last_fill(state, order, route, events, now_ns)


def _is_too_much(order: Order, route: Route, more: int) -> bool:
    """Whether a route that executes so much more has executed more than it, or the order, was to."""
    # An unanswered increase may have been filled already: the largest quantity asked for counts.
    if route.cum_qty + more > asked_qty(route):
        return True
    if order.emulation is not None:
        wanted = max(order.order_qty, *(r.order_qty for r in order.requests), 0)
        if order.cum_qty + more > wanted:
            return True
    # What came after its end may have been given to another route since.
    in_parts = order.plan is not None or order.emulation is not None
    return in_parts and route.working in ENDED and committed(order) + more > order.order_qty


def _known_again(
    order: Order, route: Route, command: cmd.VenueReport, known: Execution, now_ns: int
) -> Events:
    """A copy says nothing new. One under a bust's id, or one that CumQty counts again, is none."""
    if known.is_bust:
        return [questioned(now_ns, order.order_id, command, "execution_under_the_id_of_a_bust")]
    if all(x.stands for x in route.executions.values()) and is_said_to_be_more(route, command):
        return [questioned(now_ns, order.order_id, command, "exec_id_used_again")]
    return []


def _with_last_fill(state: State, order: Order, route: Route, events: Events, now_ns: int) -> Events:
    """What follows the fill that completes a route, by the profiles of its venue and its client."""
    filled = sum(event.last_qty for event in events if isinstance(event, ev.OrderFilled))
    if route.requests:
        profile = state.profiles.get(route.venue)
        if profile is not None and profile.late_cancel == "silent":
            # This venue says no more: the fill is its answer to what it could not do any more.
            for request in route.requests:
                if request.order_qty <= route.cum_qty + filled:
                    text = "the fill came first"
                    events += _request_rejected(order, route, request, TOO_LATE, text, now_ns, filled)
    if order.cum_qty + filled >= order.order_qty:
        events += after_last_fill(state, order, route, events, now_ns)
    return events


def _reported_bust(state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int) -> Events:
    """An execution is taken back, whatever has become of the order since."""
    exec_id = command.exec_id
    if exec_id in route.executions:
        exec_id, known = named(state, order, route, command)
        if known is not None:
            copy = known.is_bust
            reason = "bust_under_the_id_of_an_execution"
            return [] if copy else [questioned(now_ns, order.order_id, command, reason)]
    exec_ref_id = referred(state, order, route, command.exec_ref_id)
    if not exec_ref_id or not exec_id:
        return [questioned(now_ns, order.order_id, command, "bust_of_no_execution")]
    return _busted(order, route, command, exec_id, exec_ref_id, now_ns)


def _busted(
    order: Order, route: Route, command: cmd.VenueReport, exec_id: str, exec_ref_id: str, now_ns: int
) -> Events:
    busted = route.executions[exec_ref_id]
    return [
        ev.ExecutionBusted(
            now_ns,
            order.order_id,
            route.route_id,
            exec_id,
            exec_ref_id,
            Qty(busted.qty),
            Px(busted.px),
            command.transact_time_ns,
            command.text,
        ),
        *end_remembered(order, route, -busted.qty, now_ns),
    ]


def _reported_correction(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    """An execution has another quantity or price than was said."""
    exec_id = command.exec_id
    if exec_id in route.executions:
        exec_id, known = named(state, order, route, command)
        if known is not None:
            copy = any(x.successor == exec_id for x in route.executions.values())
            reason = "correction_under_the_id_of_an_execution"
            return [] if copy else [questioned(now_ns, order.order_id, command, reason)]
    exec_ref_id = referred(state, order, route, command.exec_ref_id)
    if not exec_ref_id or not exec_id:
        return [questioned(now_ns, order.order_id, command, "correction_of_no_execution")]
    if command.last_qty <= 0 or (command.last_px <= 0 and order.legs is None):
        return [questioned(now_ns, order.order_id, command, "execution_without_quantity_price_or_id")]
    to = command.last_qty, command.last_px
    return _corrected(order, route, command, exec_id, exec_ref_id, to, now_ns)


def _corrected(
    order: Order,
    route: Route,
    command: cmd.VenueReport,
    exec_id: str,
    exec_ref_id: str,
    to: tuple[int, int],
    now_ns: int,
) -> Events:
    """To another quantity and price."""
    last_qty, last_px = to
    before = route.executions[exec_ref_id]
    events: Events = [
        ev.ExecutionCorrected(
            now_ns,
            order.order_id,
            route.route_id,
            exec_id,
            exec_ref_id,
            Qty(last_qty),
            Px(last_px),
            Qty(before.qty),
            Px(before.px),
            command.transact_time_ns,
            command.text,
        )
    ]
    if _is_too_much(order, route, last_qty - before.qty):
        events.append(questioned(now_ns, order.order_id, command, "overfill"))
    return events + end_remembered(order, route, last_qty - before.qty, now_ns)


def _reported_restated(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    """The venue carries the order on, cuts its quantity or changes its price, unasked.

    A corporate action changes what has executed as well. *Source:* FIX order state matrix H.1.b.
    """
    if command.exec_id in route.executions:
        return []
    taken_back = _restated_execution(state, order, route, command, now_ns)
    if taken_back:
        return taken_back
    if route.working in ENDED or order_ended(order):
        return [questioned(now_ns, order.order_id, command, "restated_after_its_end")]
    cum_qty = split_to(route, command)
    route_qty = command.order_qty or route.order_qty
    if route_qty < (cum_qty or route.cum_qty):
        return [questioned(now_ns, order.order_id, command, "restated_below_executed_quantity")]
    in_parts = order.plan is not None or order.emulation is not None
    if cum_qty and (in_parts or order.legs is not None):
        # Its parts may be at venues that do this at different times; and of its legs it says nothing.
        return [questioned(now_ns, order.order_id, command, "corporate_action_on_an_order_in_parts")]
    if order.plan is not None and route_qty - route.order_qty > available(order):
        # The others have the rest.
        return [questioned(now_ns, order.order_id, command, "restated_beyond_the_order")]
    events: Events = [
        *(accepted(order, route, command, now_ns) if route.working == OrdStatus.PENDING_NEW else []),
        ev.OrderRestated(
            now_ns,
            order.order_id,
            route.route_id,
            command.exec_restatement_reason or "99",
            Qty(order.order_qty + (route_qty - route.order_qty if order.plan is None else 0)),
            Px((command.price if order.plan is None else 0) or order.price),
            Qty(route_qty),
            command.text,
            command.exec_id,
            Qty(cum_qty),
            Qty(route.cum_qty if cum_qty else 0),
        ),
    ]
    if command.cum_qty and command.cum_qty != (cum_qty or route.cum_qty):
        events.append(questioned(now_ns, order.order_id, command, "executed_quantity_differs"))
    return events


def _restated_execution(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    """The bust or the correction that a restatement with a smaller CumQty is, if its venue does it so."""
    profile = state.profiles.get(route.venue)
    less = route.cum_qty - command.cum_qty
    if profile is None or profile.busts != "restate" or less <= 0 or not route.cum_qty:
        return []
    if command.exec_restatement_reason == CORPORATE_ACTION:
        return []
    exec_ref_id = taken_back(state, order, route, command, less)
    if not exec_ref_id:
        return [questioned(now_ns, order.order_id, command, "restated_quantity_names_no_execution")]
    left = route.executions[exec_ref_id].qty - less
    exec_id = command.exec_id
    if left:
        px = command.last_px or route.executions[exec_ref_id].px
        events = _corrected(order, route, command, exec_id, exec_ref_id, (left, px), now_ns)
    else:
        events = _busted(order, route, command, exec_id, exec_ref_id, now_ns)
    if command.order_qty not in (0, route.order_qty):
        events.append(questioned(now_ns, order.order_id, command, "restated_order_quantity_as_well"))
    return events


def _reported_stopped(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    """A price is guaranteed. *Source:* FIX order state matrix L.1.a."""
    if order.ended:
        return [questioned(now_ns, order.order_id, command, "stopped_after_its_end")]
    return [
        *(accepted(order, route, command, now_ns) if route.working == OrdStatus.PENDING_NEW else []),
        ev.OrderStopped(
            now_ns,
            order.order_id,
            route.route_id,
            command.last_qty,
            command.last_px,
            command.text,
            command.exec_id,
        ),
    ]


def _reported_suspended(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    """The venue does not trade it for the time being."""
    if order.ended or order.suspended:
        return []
    return [
        *(accepted(order, route, command, now_ns) if route.working == OrdStatus.PENDING_NEW else []),
        ev.OrderSuspended(now_ns, order.order_id, route.route_id, command.text, command.exec_id),
    ]


def _reported_triggered(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    """What was held back works now."""
    if order.ended:
        return []
    return [
        *(accepted(order, route, command, now_ns) if route.working == OrdStatus.PENDING_NEW else []),
        ev.OrderTriggered(now_ns, order.order_id, route.route_id, command.text, command.exec_id),
    ]


def _reported_calculated(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    """The venue has done with it; perhaps after it was done for the day, or filled.

    Where it has a part of the order, only that has ended.
    """
    if order.plan is not None and order.cum_qty < order.order_qty:
        if order_ended(order) or route.ended:
            return []
        return [ev.RouteCanceled(now_ns, order.order_id, route.route_id, "", command.text or "calculated")]
    if route.working == OrdStatus.CALCULATED or order.working in ENDED - {OrdStatus.DONE_FOR_DAY}:
        return []
    if len([r for r in order.routes if r.working not in ENDED]) > 1:
        return []
    filled = order.cum_qty >= order.order_qty
    if filled and not passed_on(state, order, route, "pass", "calculated"):
        return []
    for_day = order.done_for_day and not filled
    return [
        ev.OrderCalculated(now_ns, order.order_id, route.route_id, command.text, command.exec_id, for_day)
    ]


def _reported_canceled(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    request = route.request(command.cl_ord_id)
    if request is None and route.ended:
        return _remembered(order, route, command, now_ns)
    if request is None and outlives(state, order, now_ns):
        return _ended(order, route, ExecType.DONE_FOR_DAY, command.text, now_ns, command.exec_id)
    return _canceled(order, route, request, command.text, now_ns, command.exec_restatement_reason)


def _remembered(order: Order, route: Route, command: cmd.VenueReport, now_ns: int) -> Events:
    """Of what looks filled: should an execution be taken back, the rest has ended all the same."""
    if route.working in ENDED:
        return []
    return [ev.RouteCanceled(now_ns, order.order_id, route.route_id, "", command.text)]


def _canceled(
    order: Order, route: Route, request: RouteRequest | None, text: str, now_ns: int, restatement: str = ""
) -> Events:
    """The venue has ended a route, in answer to a request of ours or of its own accord."""
    events: Events = []
    if request is not None and request.response_to == CxlRejResponseTo.REPLACE:
        # Asked to change it, the venue canceled it instead: that is refused, the cancel nobody asked for.
        events += _request_rejected(order, route, request, TOO_LATE, text or "canceled instead", now_ns)
        request = None
    if request is not None and order_ended(order) and order.working != OrdStatus.CANCELED:
        # It had come to another end before: the request was too late, whatever the venue calls it.
        return _request_rejected(order, route, request, TOO_LATE, text or "the order has ended", now_ns)
    events.append(
        ev.RouteCanceled(
            now_ns, order.order_id, route.route_id, request.cl_ord_id if request is not None else "", text
        )
    )
    if order.plan is not None:
        if request is not None:
            ids = request.request_cl_ord_id
            events += parts_answered(order, route, ids, False, OTHER, text, now_ns)
        return events
    if order.emulation is not None and request is not None and not request.request_cl_ord_id:
        if not order.leaves_qty:
            return events  # it was cut to what is left, which is nothing
        if 0 < expires_ns(order) <= now_ns and last_alive(order, route):
            return [*events, ev.OrderExpired(now_ns, order.order_id, text)]
    asked = order.request(request.request_cl_ord_id) if request is not None else None
    if asked is not None and asked.response_to == CxlRejResponseTo.REPLACE:
        # A replace to what has executed already, which left nothing to be changed.
        return [*events, ev.OrderReplaced(now_ns, order.order_id, asked.cl_ord_id)]
    # With several routes the client's one request is answered when the last of them has ended. One that came
    # to an end already canceled is answered by that same end.
    if last_alive(order, route) or (asked is not None and order.working == OrdStatus.CANCELED):
        events.append(
            ev.OrderCanceled(
                now_ns,
                order.order_id,
                asked.cl_ord_id if asked is not None else "",
                text,
                why_canceled(order, restatement) if request is None else "",
            )
        )
    return events


def _reported_replaced(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    request = route.request(command.cl_ord_id)
    if request is None:
        # Known already, or nobody asked.
        known = command.cl_ord_id == route.cl_ord_id or command.cl_ord_id in route.past_ids
        return [] if known else [questioned(now_ns, order.order_id, command, "replaced_without_request")]
    if request.response_to != CxlRejResponseTo.REPLACE:
        return [questioned(now_ns, order.order_id, command, "cancel_answered_by_replaced")]
    return _replaced(order, route, request, command, now_ns)


def _replaced(
    order: Order, route: Route, request: RouteRequest, command: cmd.VenueReport, now_ns: int
) -> Events:
    # What can be changed is live: a replace before the acknowledgement acknowledges.
    events = accepted(order, route, command, now_ns) if route.working == OrdStatus.PENDING_NEW else []
    events.append(
        ev.RouteReplaced(now_ns, order.order_id, route.route_id, request.cl_ord_id, command.venue_order_id)
    )
    if order.plan is not None:
        events += parts_answered(order, route, request.request_cl_ord_id, False, OTHER, "", now_ns)
    elif request.request_cl_ord_id or order.emulation is None:
        events.append(ev.OrderReplaced(now_ns, order.order_id, request.request_cl_ord_id))
    if route.working in ENDED and not order_ended(order):
        # It was filled and ended when it grew: what it grew by is nobody's.
        events.append(questioned(now_ns, order.order_id, command, "replaced_after_its_end"))
        events += end_remembered(order, route, route.order_qty - request.order_qty, now_ns)
    return events


def _reported_rejected(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    request = route.request(command.cl_ord_id)
    if request is not None:
        # Some venues refuse a request so, where OrderCancelReject is meant.
        return _request_rejected(order, route, request, OTHER, command.text, now_ns)
    if command.cl_ord_id != route.cl_ord_id and command.cl_ord_id not in route.past_ids:
        # A request that is closed says nothing of its order any more.
        return []
    if route.ended:
        return _remembered(order, route, command, now_ns)
    if command.ord_rej_reason == DUPLICATE_CL_ORD_ID and route.working != OrdStatus.PENDING_NEW:
        # A second copy was refused; the first is what the venue works.
        return [questioned(now_ns, order.order_id, command, "repetition_refused")]
    return _rejected(order, route, command.ord_rej_reason, command.text, now_ns)


def _rejected(order: Order, route: Route, ord_rej_reason: int, text: str, now_ns: int) -> Events:
    events: Events = [ev.RouteRejected(now_ns, order.order_id, route.route_id, ord_rej_reason, text)]
    if last_alive(order, route):
        if order.cum_qty or (order.emulation is not None and order.working == OrdStatus.NEW):
            # An order that has executed cannot be rejected any more: its remainder is canceled.
            events.append(ev.OrderCanceled(now_ns, order.order_id, "", text, why_canceled(order, "")))
        else:
            events.append(ev.OrderRejected(now_ns, order.order_id, ord_rej_reason, text))
    return events


def _reported_ended(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    """Expired, or done for the day; what is done for the day may still expire."""
    done_for_day = command.exec_type == ExecType.DONE_FOR_DAY
    if route.working in ENDED or (order.done_for_day and done_for_day):
        return []
    if not route.ended:
        return _ended(order, route, command.exec_type, command.text, now_ns, command.exec_id)
    if done_for_day and order.good_till:
        return []
    # It looks filled. Should an execution be taken back, the rest has ended all the same.
    events: Events = [
        ev.RouteExpired(now_ns, order.order_id, route.route_id, done_for_day, command.text, command.exec_id)
    ]
    if done_for_day and last_alive(order, route) and passed_on(state, order, route, "done_for_day"):
        events.append(ev.OrderDoneForDay(now_ns, order.order_id, command.text))
    return events


def _ended(order: Order, route: Route, how: str, text: str, now_ns: int, exec_id: str = "") -> Events:
    """`how` is ExecType(150), or OrdStatus(39), which has the same letters: 3 done for day, C expired."""
    done_for_day = how == ExecType.DONE_FOR_DAY
    events: Events = [ev.RouteExpired(now_ns, order.order_id, route.route_id, done_for_day, text, exec_id)]
    if last_alive(order, route):
        # What is sent for the day, every day, is done for this one.
        carried = order.good_till and not order.routes_outlive_day
        if not carried:
            kind = ev.OrderDoneForDay if done_for_day else ev.OrderExpired
            events.append(kind(now_ns, order.order_id, text))
        elif not order.done_for_day:
            events.append(ev.OrderDoneForDay(now_ns, order.order_id, text))
    return events


def _reported_pending(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    """Pending new, cancel or replace: we have told the client ourselves."""
    return []


def _reported_status(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    """The answer to a question of ours settles what was in doubt; it brings no executions."""
    request = route.request(command.cl_ord_id)
    if request is not None:
        return _request_settled(order, route, request, command, now_ns)
    about_order = command.cl_ord_id == route.cl_ord_id or command.cl_ord_id in route.past_ids
    if route.ended and about_order and command.ord_status in (OrdStatus.CANCELED, OrdStatus.EXPIRED):
        return _remembered(order, route, command, now_ns)
    if route.ended or not about_order or command.ord_status == OrdStatus.PENDING_NEW:
        # A request that is closed says nothing of its order any more; pending new settles nothing.
        return []
    if command.ord_status == OrdStatus.REJECTED:
        if route.working != OrdStatus.PENDING_NEW:
            return [questioned(now_ns, order.order_id, command, "working_order_unknown_to_venue")]
        if order.emulation is not None:
            # Nobody has it: it is sent again, as another route.
            text = command.text or "not received by the venue"
            return [ev.RouteRejected(now_ns, order.order_id, route.route_id, 99, text)]
        return _rejected(order, route, 99, command.text or "not received by the venue", now_ns)
    events = accepted(order, route, command, now_ns) if route.working == OrdStatus.PENDING_NEW else []
    if command.cum_qty != route.cum_qty:
        # The executions themselves come, or came, by the session's own recovery: none is invented here.
        events.append(questioned(now_ns, order.order_id, command, "executed_quantity_differs"))
    return events + _ended_by_status(order, route, None, command, now_ns)


def _request_settled(
    order: Order, route: Route, request: RouteRequest, command: cmd.VenueReport, now_ns: int
) -> Events:
    """What the venue's word on a request of ours means for it."""
    if command.ord_status == OrdStatus.REJECTED:
        return _request_rejected(order, route, request, UNKNOWN_ORDER, "not received by the venue", now_ns)
    ended = _ended_by_status(order, route, request, command, now_ns)
    if ended:
        return ended
    pending = (OrdStatus.PENDING_REPLACE, OrdStatus.PENDING_CANCEL)
    if request.response_to == CxlRejResponseTo.REPLACE and command.ord_status not in pending:
        return _replaced(order, route, request, command, now_ns)
    return []


def _ended_by_status(
    order: Order, route: Route, request: RouteRequest | None, command: cmd.VenueReport, now_ns: int
) -> Events:
    """The route has ended at the venue: end it here, and answer the request that was asked about."""
    if command.ord_status == OrdStatus.CANCELED:
        return _canceled(order, route, request, command.text, now_ns)
    if command.ord_status not in (OrdStatus.EXPIRED, OrdStatus.DONE_FOR_DAY):
        return []
    if command.ord_status == OrdStatus.DONE_FOR_DAY and order.routes_outlive_day:
        # Not its end: what was asked of it may still be answered.
        return [] if order.done_for_day else _ended(order, route, command.ord_status, command.text, now_ns)
    events: Events = []
    if request is not None:
        events += _request_rejected(order, route, request, TOO_LATE, "the order has ended", now_ns)
    if not route.ended:
        events += _ended(order, route, command.ord_status, command.text, now_ns)
    return events


def venue_trade(state: State, command: cmd.VenueTrade, now_ns: int) -> Events:
    """Two orders of ours, decided about together: each report concerns an order of its own."""
    return [event for report in command.reports for event in venue_report(state, report, now_ns)]


def venue_cancel_reject(state: State, command: cmd.VenueCancelReject, now_ns: int) -> Events:
    found = state.routes.get(command.cl_ord_id)
    if found is None or found[1].venue != command.venue:
        return [questioned(now_ns, 0, command, "unknown_order")]
    order, route = found
    answered = _answered(state, order, route, command, command.ord_status, Qty(route.cum_qty), now_ns)
    request = route.request(command.cl_ord_id)
    if request is None:
        return answered
    events = _request_rejected(order, route, request, command.cxl_rej_reason, command.text, now_ns)
    return answered + _last_word(state, order, route, events, now_ns)


def _request_rejected(
    order: Order,
    route: Route,
    request: RouteRequest,
    cxl_rej_reason: int,
    text: str,
    now_ns: int,
    filled: int = 0,
) -> Events:
    """`filled` has just executed on the route, and completes it."""
    events: Events = [
        ev.RouteRequestRejected(
            now_ns, order.order_id, route.route_id, request.cl_ord_id, cxl_rej_reason, text
        )
    ]
    if route.order_qty < route.cum_qty <= request.order_qty and route.cum_qty > max(
        (q.order_qty for q in route.requests if q is not request), default=0
    ):
        # It was filled beyond its quantity since it was asked to grow, and it does not grow.
        facts = f"ClOrdID {request.cl_ord_id}, {format_scaled(route.cum_qty)} executed"
        events.append(ev.ReportQuestioned(now_ns, order.order_id, route.venue, "overfill", "", facts))
    if order.plan is not None:
        refused = counts_as_refused(route, request)
        ids = request.request_cl_ord_id
        return events + parts_answered(order, route, ids, refused, cxl_rej_reason, text, now_ns)
    others = [r for r in order.routes if r is not route for q in r.requests
              if q.request_cl_ord_id == request.request_cl_ord_id
              and q.mass_cl_ord_id == request.mass_cl_ord_id]  # fmt: skip
    asked = order.request(request.request_cl_ord_id)
    if order.emulation is not None and not others:
        ours = answered(order, route, request, filled, now_ns)
        if ours is not None:
            return [*events, ours]
    if request.mass_cl_ord_id and not others:
        events.append(
            ev.MassCancelRejected(now_ns, order.order_id, request.mass_cl_ord_id, cxl_rej_reason, text)
        )
    if asked is not None and not others:
        events.append(
            ev.RequestRejected(
                now_ns,
                order.order_id,
                asked.cl_ord_id,
                asked.orig_cl_ord_id,
                asked.response_to,
                cxl_rej_reason,
                text,
            )
        )
    return events


def venue_refusal(state: State, command: cmd.VenueRefusal, now_ns: int) -> Events:
    found = state.routes.get(command.cl_ord_id)
    if found is None or found[1].venue != command.venue:
        return [questioned(now_ns, 0, command, "refused_message")]
    order, route = found
    answered = _answered(state, order, route, command, "", Qty(route.cum_qty), now_ns)
    if command.msg_type == STATUS_REQUEST:
        # The venue does not answer questions: what is in doubt stays so, which says nothing of the order.
        return [*answered, questioned(now_ns, order.order_id, command, "status_request_refused")]
    request = route.request(command.cl_ord_id)
    if request is not None:
        events = _request_rejected(order, route, request, OTHER, command.text, now_ns)
        return answered + _last_word(state, order, route, events, now_ns)
    if command.cl_ord_id == route.cl_ord_id and route.working == OrdStatus.PENDING_NEW:
        return answered + _rejected(order, route, 99, command.text, now_ns)
    return [*answered, questioned(now_ns, order.order_id, command, "refused_message")]


_REPORTS: Final[dict[str, Callable[[State, Order, Route, cmd.VenueReport, int], Events]]] = {
    ExecType.NEW: _reported_new,
    ExecType.TRADE: _reported_trade,
    ExecType.CANCELED: _reported_canceled,
    ExecType.REPLACED: _reported_replaced,
    ExecType.REJECTED: _reported_rejected,
    ExecType.EXPIRED: _reported_ended,
    ExecType.DONE_FOR_DAY: _reported_ended,
    ExecType.PENDING_NEW: _reported_pending,
    ExecType.PENDING_CANCEL: _reported_pending,
    ExecType.PENDING_REPLACE: _reported_pending,
    ExecType.ORDER_STATUS: _reported_status,
    ExecType.TRADE_CANCEL: _reported_bust,
    ExecType.TRADE_CORRECT: _reported_correction,
    ExecType.RESTATED: _reported_restated,
    ExecType.STOPPED: _reported_stopped,
    ExecType.SUSPENDED: _reported_suspended,
    ExecType.TRIGGERED: _reported_triggered,
    ExecType.CALCULATED: _reported_calculated,
}
