"""`decide`: from a state and a command to events. It reads state and changes nothing.

A decision is a list of events that hold together: the caller journals and applies all of them, in order,
before anything else is decided. Time is an argument; ids come from the state; so a recorded day decides again
exactly as it did.

Who says no: a control of ours *denies* (`OrderDenied`, `RequestDenied`), a venue *rejects* (`OrderRejected`,
`RequestRejected`). A counterparty that contradicts itself or us is answered by `ReportQuestioned`, which is
data as well: journaled and shown.

Reports from venues may be repeated, late, or out of order:

- an execution whose ExecID is known changes nothing, whatever flags it carries;
- a fill before its acknowledgement acknowledges;
- a fill after a cancel is a fill: the order stays canceled with a larger CumQty;
- an overfill is booked, since it happened, and questioned;
- an answer to a question that is not open any more changes nothing.

In doubt: what was sent and not answered when a venue logs on again is asked about (OrderStatusRequest) and
never sent again. The answer either confirms it or says that the venue has never heard of it, and then it has
not happened.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.controls import Ask, Denial, check, is_halted
from oms.core.held import TURNS_INTO
from oms.core.order import ENDED, Order, Route, RouteRequest
from oms.core.routing import can_be_held, choose_venue, venue_down, venue_lacks
from oms.core.state import State, route_cl_ord_id
from oms.core.types import CxlRejResponseTo, ExecType, OrdStatus, Px, Qty, format_scaled, utc_date

Events = list[ev.Event]

TOO_LATE: Final = 0  # CxlRejReason(102)
UNKNOWN_ORDER: Final = 1
ALREADY_PENDING: Final = 3
DUPLICATE_CL_ORD_ID: Final = 6
OTHER: Final = 99

MOST_REQUESTS: Final = 16
"""How many requests of one order may be unanswered at once."""

STATUS_REQUEST: Final = "H"  # MsgType(35)


def decide(state: State, command: cmd.Command, now_ns: int) -> Events:
    """The events that a command leads to; [] if it changes nothing.

    Raises KeyError for a command that is not known.
    """
    return _DECIDE[type(command)](state, command, now_ns)


# -- the client's side ---------------------------------------------------------------------------------------


def _new_order(state: State, command: cmd.NewOrder, now_ns: int) -> Events:
    order_id = state.next_order_id
    if command.poss_resend and (command.session_id, command.cl_ord_id) in state.cl_ord_ids:
        profile = state.profiles.get(command.session_id)
        if profile is not None and profile.poss_resend == "ignore":
            return []
        # *Source:* FIX order state matrix F.1.b.
        asked = cmd.RequestStatus(command.session_id, command.cl_ord_id, command.symbol, command.side)
        return _request_status(state, asked, now_ns)
    ask = Ask(
        command.session_id,
        command.cl_ord_id,
        command.account,
        command.symbol,
        command.side,
        command.order_qty,
        command.ord_type,
        command.price,
        command.time_in_force,
        None,
        command.terms,
    )
    denial = check(state, ask)
    venue = ""
    if denial is None:
        venue = choose_venue(state, ask.instrument)
        denial = venue_lacks(state, venue, ask)
        if denial is not None and can_be_held(state, venue, ask):
            return _hold(state, ask, venue, now_ns)
        denial = denial or venue_down(state, venue)
    if denial is not None:
        return [
            ev.OrderDenied(
                now_ns,
                order_id,
                command.session_id,
                command.cl_ord_id,
                command.account,
                command.symbol,
                command.side,
                command.order_qty,
                command.ord_type,
                command.price,
                command.time_in_force,
                denial.reason,
                denial.ord_rej_reason,
                denial.text,
            )
        ]
    return [
        _received(ask, order_id, now_ns),
        ev.OrderRouted(
            now_ns,
            order_id,
            1,
            venue,
            route_cl_ord_id(state.epoch, order_id, 1, 1),
            command.order_qty,
            command.price,
        ),
    ]


def _received(ask: Ask, order_id: int, now_ns: int) -> ev.OrderReceived:
    return ev.OrderReceived(
        now_ns,
        order_id,
        ask.session_id,
        ask.cl_ord_id,
        ask.account,
        ask.symbol,
        ask.side,
        ask.order_qty,
        ask.ord_type,
        ask.price,
        ask.time_in_force,
        ask.hold_px,
        ask.terms,
    )


def _hold(state: State, ask: Ask, venue: str, now_ns: int) -> Events:
    """Keep an order until its stop price is reached; one that is reached already goes at the next price."""
    order_id = state.next_order_id
    return [_received(ask, order_id, now_ns), ev.OrderHeld(now_ns, order_id, venue)]


def _trigger(state: State, symbol: str, px: Px, now_ns: int) -> Events:
    """Send what a price has triggered. What cannot go now, as its venue is down, goes at a later price."""
    held = state.held.get(symbol)
    events: Events = []
    for order_id in held.reached(px) if held is not None else ():
        order = state.orders[order_id]
        if venue_down(state, order.held_for) is not None or is_halted(state, order):
            continue
        route_id = len(order.routes) + 1
        terms = order.versions[-1].terms
        stop_px = terms.stop_px if terms is not None else 0
        text = f"{format_scaled(px)} has reached the stop price {format_scaled(stop_px)}"
        events += [
            ev.OrderTriggered(now_ns, order_id, 0, text),
            ev.OrderRouted(
                now_ns,
                order_id,
                route_id,
                order.held_for,
                route_cl_ord_id(state.epoch, order_id, route_id, 1),
                Qty(order.order_qty),
                Px(order.price),
                TURNS_INTO[order.ord_type],
            ),
        ]
    return events


def _cancel_order(state: State, command: cmd.CancelOrder, now_ns: int) -> Events:
    order, denial = _requested(state, command, CxlRejResponseTo.CANCEL)
    if order is None or denial is not None:
        return [_request_denied(command, order, CxlRejResponseTo.CANCEL, denial, now_ns)]
    events: Events = [
        ev.CancelRequested(
            now_ns, order.order_id, command.session_id, command.cl_ord_id, command.orig_cl_ord_id
        )
    ]
    for route in order.routes:
        if route.ended:
            continue
        down = venue_unreachable(state, route.venue)
        if down is not None:
            return [_request_denied(command, order, CxlRejResponseTo.CANCEL, down, now_ns)]
        events.append(
            ev.CancelRouted(
                now_ns,
                order.order_id,
                route.route_id,
                route_cl_ord_id(state.epoch, order.order_id, route.route_id, route.sent_ids + 1),
                _venue_side_id(route, command.orig_cl_ord_id),
                command.cl_ord_id,
            )
        )
    if order.held_for:
        events.append(ev.OrderCanceled(now_ns, order.order_id, command.cl_ord_id, ""))
    return events


def _replace_order(state: State, command: cmd.ReplaceOrder, now_ns: int) -> Events:
    order, denial = _requested(state, command, CxlRejResponseTo.REPLACE)
    if order is None or denial is not None:
        return [_request_denied(command, order, CxlRejResponseTo.REPLACE, denial, now_ns)]
    if order.requests or order.queued:
        profile = state.profiles.get(command.session_id)
        how = profile.second_request if profile is not None else "pass"
        if how == "refuse" or len(order.requests) + len(order.queued) >= MOST_REQUESTS:
            # *Source:* FIX order state matrix D.2.d.
            denial = Denial("already_pending", ALREADY_PENDING, "an earlier request is not answered yet")
            return [_request_denied(command, order, CxlRejResponseTo.REPLACE, denial, now_ns)]
        if how == "queue":
            return [
                ev.RequestQueued(
                    now_ns,
                    order.order_id,
                    command.session_id,
                    command.cl_ord_id,
                    command.orig_cl_ord_id,
                    command.ord_type,
                    command.order_qty,
                    command.price,
                    command.terms,
                )
            ]
    return _replace(state, order, command, now_ns)


def _take_queued(state: State, command: cmd.TakeQueued, now_ns: int) -> Events:
    """The next of the requests that wait: it is about the order as it stands by now.

    *Source:* FIX order state matrices D.2.a and D.2.c.
    """
    order = state.orders.get(command.order_id)
    if order is None or not order.queued or order.requests:
        return []
    waiting = order.queued[0]
    asked = cmd.ReplaceOrder(
        waiting.session_id,
        waiting.cl_ord_id,
        order.cl_ord_id,
        order.symbol,
        order.side,
        waiting.order_qty,
        waiting.ord_type,
        waiting.price,
        waiting.terms,
    )
    denial = _too_late(order, asked)
    if denial is not None:
        return [_request_denied(asked, order, CxlRejResponseTo.REPLACE, denial, now_ns)]
    return _replace(state, order, asked, now_ns, is_new=False)


def _replace(
    state: State, order: Order, command: cmd.ReplaceOrder, now_ns: int, *, is_new: bool = True
) -> Events:
    """Ask the controls, and the venue, for an order as the command wants it. One that waited is not new."""
    denial = None
    if command.ord_type != order.ord_type:
        denial = Denial("ord_type_changed", OTHER, "OrdType cannot be changed by a replace")
    ask = Ask(
        command.session_id,
        command.cl_ord_id if is_new else "",
        order.account,
        order.symbol,
        order.side,
        command.order_qty,
        command.ord_type,
        command.price,
        order.time_in_force,
        order,
        command.terms,
    )
    if order.held_for:
        return _replace_held(state, order, command, ask, denial, now_ns)
    # A filled order may still grow: its last route is asked, as the one that can.
    route = order.routes[-1]
    for candidate in order.routes:
        if not candidate.ended:
            route = candidate
            break
    if denial is None:
        refused = check(state, ask) or venue_down(state, route.venue)
        if refused is None and not route.ord_type:
            refused = venue_lacks(state, route.venue, ask)
        # A control's OrdRejReason(103) is no CxlRejReason(102).
        denial = Denial(refused.reason, OTHER, refused.text) if refused is not None else None
    if denial is not None:
        return [_request_denied(command, order, CxlRejResponseTo.REPLACE, denial, now_ns)]
    elsewhere = order.cum_qty - route.cum_qty
    return [
        ev.ReplaceRequested(
            now_ns,
            order.order_id,
            command.session_id,
            command.cl_ord_id,
            command.orig_cl_ord_id,
            command.order_qty,
            command.price,
            ask.hold_px,
            command.terms,
        ),
        ev.ReplaceRouted(
            now_ns,
            order.order_id,
            route.route_id,
            route_cl_ord_id(state.epoch, order.order_id, route.route_id, route.sent_ids + 1),
            _venue_side_id(route, command.orig_cl_ord_id),
            command.cl_ord_id,
            Qty(command.order_qty - elsewhere),
            command.price,
        ),
    ]


def _replace_held(
    state: State, order: Order, command: cmd.ReplaceOrder, ask: Ask, denial: Denial | None, now_ns: int
) -> Events:
    """Change what only we have: nobody else has to be asked."""
    if denial is None:
        refused = check(state, ask)
        denial = Denial(refused.reason, OTHER, refused.text) if refused is not None else None
    if denial is not None:
        return [_request_denied(command, order, CxlRejResponseTo.REPLACE, denial, now_ns)]
    return [
        ev.ReplaceRequested(
            now_ns,
            order.order_id,
            command.session_id,
            command.cl_ord_id,
            command.orig_cl_ord_id,
            command.order_qty,
            command.price,
            ask.hold_px,
            command.terms,
        ),
        ev.OrderReplaced(now_ns, order.order_id, command.cl_ord_id),
    ]


def _request_status(state: State, command: cmd.RequestStatus, now_ns: int) -> Events:
    order = state.find(command.session_id, command.cl_ord_id)
    return [
        ev.StatusRequested(
            now_ns,
            order.order_id if order is not None else 0,
            command.session_id,
            command.cl_ord_id,
            command.ord_status_req_id,
            command.symbol,
            command.side,
        )
    ]


BY_SYMBOL: Final = "1"  # MassCancelRequestType(530), MassStatusReqType(585)
ALL: Final = "7"


def _cancel_all(state: State, command: cmd.CancelAll, now_ns: int) -> Events:
    """Everything a session has open, or that of one instrument or side.

    Every order is canceled on its own and reported so; the answer to the request counts them. What cannot be
    reached, or has a cancel on its way, is not among them.
    """

    def answered(affected: int, text: str = "") -> ev.MassCancelRequested:
        return ev.MassCancelRequested(
            now_ns,
            command.session_id,
            command.cl_ord_id,
            command.request_type,
            command.symbol,
            command.side,
            affected,
            text,
        )

    if (command.session_id, command.cl_ord_id) in state.cl_ord_ids:
        return [answered(-1, f"ClOrdID {command.cl_ord_id} has been used")]
    if command.request_type not in (BY_SYMBOL, ALL):
        return [answered(-1, f"MassCancelRequestType {command.request_type} is not supported: 1, 7")]
    if command.request_type == BY_SYMBOL and not command.symbol:
        return [answered(-1, "which symbol?")]
    events: Events = []
    affected = 0
    for order in _of_session(state, command.session_id, command.symbol, command.side):
        if order.ended:
            continue
        routed = _cancels(state, order, now_ns)
        affected += bool(routed)
        events += routed
    return [answered(affected), *events]


def _of_session(state: State, session_id: str, symbol: str, side: str) -> Iterator[Order]:
    """A session's open orders, of the symbol and side if they are given."""
    for order in state.open_orders():
        if order.session_id == session_id and symbol in ("", order.symbol) and side in ("", order.side):
            yield order


def _cancels(state: State, order: Order, now_ns: int) -> Events:
    """Our own wish to cancel an order: every route that can be reached and has no cancel on its way."""
    if order.held_for:
        return [ev.OrderCanceled(now_ns, order.order_id, "", "canceled by mass request")]
    return [
        ev.CancelRouted(
            now_ns,
            order.order_id,
            route.route_id,
            route_cl_ord_id(state.epoch, order.order_id, route.route_id, route.sent_ids + 1),
            route.cl_ord_id,
            "",
        )
        for route in order.routes
        if not route.ended
        and venue_unreachable(state, route.venue) is None
        and all(r.response_to != CxlRejResponseTo.CANCEL for r in route.requests)
    ]


def _request_all_status(state: State, command: cmd.RequestAllStatus, now_ns: int) -> Events:
    """One report for each open order of the session; one that says so if there is none."""
    symbol = command.symbol if command.request_type == BY_SYMBOL else ""
    found = [o.order_id for o in _of_session(state, command.session_id, symbol, command.side)] or [0]
    return [
        ev.MassStatusRequested(
            now_ns,
            order_id,
            command.session_id,
            command.mass_status_req_id,
            len(found) if found[0] else 0,
            n == len(found),
        )
        for n, order_id in enumerate(found, 1)
    ]


def venue_unreachable(state: State, venue: str) -> Denial | None:
    """A cancel needs a venue that is logged on. A halt does not stop it."""
    if venue not in state.sessions_up:
        return Denial("venue_down", OTHER, f"venue {venue} is not logged on")
    return None


def _requested(
    state: State, command: cmd.CancelOrder | cmd.ReplaceOrder, response_to: str
) -> tuple[Order | None, Denial | None]:
    """The order a request means, and why it may not be asked of it."""
    if (command.session_id, command.cl_ord_id) in state.cl_ord_ids:
        # Reported against the order that OrigClOrdID names, if there is one.
        order = state.find(command.session_id, command.orig_cl_ord_id)
        return order, Denial(
            "duplicate_cl_ord_id", DUPLICATE_CL_ORD_ID, f"ClOrdID {command.cl_ord_id} has been used"
        )
    order = state.find(command.session_id, command.orig_cl_ord_id)
    if order is None:
        return None, Denial("unknown_order", UNKNOWN_ORDER, f"no order with ClOrdID {command.orig_cl_ord_id}")
    if command.symbol != order.symbol or command.side != order.side:
        return order, Denial("order_mismatch", OTHER, "Symbol or Side is not that of the order")
    late = _too_late(order, command)
    if late is not None:
        return order, late
    if order.requests and any(r.response_to == CxlRejResponseTo.CANCEL for r in order.requests):
        return order, Denial("already_pending", ALREADY_PENDING, "a cancel of the order is pending")
    orig = command.orig_cl_ord_id
    known = orig == order.cl_ord_id or order.request(orig) is not None
    if not known and all(queued.cl_ord_id != orig for queued in order.queued):
        return order, Denial(
            "superseded_orig_cl_ord_id",
            UNKNOWN_ORDER,
            f"OrigClOrdID {orig} is not the order's last accepted ClOrdID, {order.cl_ord_id}",
        )
    return order, None


def _too_late(order: Order, command: cmd.CancelOrder | cmd.ReplaceOrder) -> Denial | None:
    """Nothing can be asked of an order that has ended, but that a filled one grows.

    *Source:* FIX order state matrices C.1.c and C.2.a.
    """
    if order.working in ENDED:
        return Denial("too_late", TOO_LATE, "the order has ended")
    if not order.ended:
        return None
    if isinstance(command, cmd.ReplaceOrder) and command.order_qty > order.order_qty:
        return None
    return Denial("too_late", TOO_LATE, "the order is filled")


def _request_denied(
    command: cmd.CancelOrder | cmd.ReplaceOrder,
    order: Order | None,
    response_to: str,
    denial: Denial | None,
    now_ns: int,
) -> ev.RequestDenied:
    assert denial is not None
    return ev.RequestDenied(
        now_ns,
        order.order_id if order is not None else 0,
        command.session_id,
        command.cl_ord_id,
        command.orig_cl_ord_id,
        response_to,
        denial.ord_rej_reason,
        denial.reason,
        denial.text,
    )


def _venue_side_id(route: Route, orig_cl_ord_id: str) -> str:
    """Our id at the venue for what the client calls `orig_cl_ord_id`:

    an open request's, or the accepted one.
    """
    for request in route.requests:
        if request.request_cl_ord_id == orig_cl_ord_id:
            return request.cl_ord_id
    return route.cl_ord_id


# -- the venue's side ----------------------------------------------------------------------------------------


def _venue_report(state: State, command: cmd.VenueReport, now_ns: int) -> Events:
    found = state.routes.get(command.cl_ord_id) or state.routes.get(command.orig_cl_ord_id)
    if found is None or found[1].venue != command.venue:
        return [_questioned(now_ns, 0, command, "unknown_order"), *_unknown_trade(command, now_ns)]
    order, route = found
    handler = _REPORTS.get(command.exec_type)
    if handler is None:
        return [_questioned(now_ns, order.order_id, command, "unsupported_exec_type")]
    return handler(state, order, route, command, now_ns)


def _unknown_trade(command: cmd.VenueReport, now_ns: int) -> Events:
    """An execution of what is not ours is answered: the venue has to know that nobody books it.

    *Source:* FIX 4.4 volume 4, DontKnowTrade: D is "no matching order".
    """
    if command.exec_type != ExecType.TRADE:
        return []
    return [
        ev.TradeUnknown(
            now_ns,
            command.venue,
            command.venue_order_id,
            command.exec_id,
            "D",
            command.symbol,
            command.side,
            command.last_qty,
            command.last_px,
            f"no order with ClOrdID {command.cl_ord_id}",
        )
    ]


def _reported_new(state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int) -> Events:
    if route.working == OrdStatus.REJECTED:
        # It may be live where nothing holds risk for it any more.
        return [_questioned(now_ns, order.order_id, command, "accepted_after_reject")]
    if route.working != OrdStatus.PENDING_NEW:
        return _reported_triggered(state, order, route, command, now_ns) if order.suspended else []
    return _accepted(order, route, command, now_ns)


def _accepted(order: Order, route: Route, command: cmd.VenueReport, now_ns: int) -> Events:
    events: Events = [ev.RouteAccepted(now_ns, order.order_id, route.route_id, command.venue_order_id)]
    if order.working == OrdStatus.PENDING_NEW:
        events.append(ev.OrderAccepted(now_ns, order.order_id, command.working_indicator))
    return events


def _reported_trade(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    if command.exec_id in route.executions:
        return []
    if command.last_qty <= 0 or command.last_px <= 0 or not command.exec_id:
        return [_questioned(now_ns, order.order_id, command, "execution_without_quantity_price_or_id")]
    events: Events = []
    if route.working == OrdStatus.PENDING_NEW:
        events += _accepted(order, route, command, now_ns)
    events.append(
        ev.OrderFilled(
            now_ns,
            order.order_id,
            route.route_id,
            command.exec_id,
            command.last_qty,
            command.last_px,
            command.transact_time_ns,
        )
    )
    if route.working == OrdStatus.REJECTED:
        events.append(_questioned(now_ns, order.order_id, command, "execution_after_reject"))
    # An unanswered increase may have been filled already: the largest quantity asked for counts.
    asked = route.order_qty
    for request in route.requests:
        asked = max(asked, request.order_qty)
    if route.cum_qty + command.last_qty > asked:
        events.append(_questioned(now_ns, order.order_id, command, "overfill"))
    return events


def _reported_bust(state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int) -> Events:
    """An execution is taken back, whatever has become of the order since."""
    if command.exec_id in route.executions:
        return []
    exec_ref_id = _standing(route, command.exec_ref_id)
    if not exec_ref_id or not command.exec_id:
        return [_questioned(now_ns, order.order_id, command, "bust_of_no_execution")]
    busted = route.executions[exec_ref_id]
    return [
        ev.ExecutionBusted(
            now_ns,
            order.order_id,
            route.route_id,
            command.exec_id,
            exec_ref_id,
            Qty(busted.qty),
            Px(busted.px),
            command.transact_time_ns,
            command.text,
        )
    ]


def _reported_correction(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    """An execution has another quantity or price than was said."""
    if command.exec_id in route.executions:
        return []
    exec_ref_id = _standing(route, command.exec_ref_id)
    if not exec_ref_id or not command.exec_id:
        return [_questioned(now_ns, order.order_id, command, "correction_of_no_execution")]
    if command.last_qty <= 0 or command.last_px <= 0:
        return [_questioned(now_ns, order.order_id, command, "execution_without_quantity_price_or_id")]
    before = route.executions[exec_ref_id]
    events: Events = [
        ev.ExecutionCorrected(
            now_ns,
            order.order_id,
            route.route_id,
            command.exec_id,
            exec_ref_id,
            command.last_qty,
            command.last_px,
            Qty(before.qty),
            Px(before.px),
            command.transact_time_ns,
            command.text,
        )
    ]
    if route.cum_qty - before.qty + command.last_qty > max(
        route.order_qty, *(r.order_qty for r in route.requests), 0
    ):
        events.append(_questioned(now_ns, order.order_id, command, "overfill"))
    return events


def _standing(route: Route, exec_ref_id: str) -> str:
    """The execution that a bust or correction is about; empty if there is none.

    A venue may name one that it has corrected already: then the correction is meant.
    """
    found = route.executions.get(exec_ref_id)
    while found is not None and found.successor:
        exec_ref_id = found.successor
        found = route.executions.get(exec_ref_id)
    return exec_ref_id if found is not None and found.stands else ""


def _reported_restated(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    """The venue carries the order on, cuts its quantity or changes its price, unasked."""
    if route.working in ENDED:
        return [_questioned(now_ns, order.order_id, command, "restated_after_its_end")]
    route_qty = command.order_qty or route.order_qty
    if route_qty < route.cum_qty:
        return [_questioned(now_ns, order.order_id, command, "restated_below_executed_quantity")]
    return [
        *(_accepted(order, route, command, now_ns) if route.working == OrdStatus.PENDING_NEW else []),
        ev.OrderRestated(
            now_ns,
            order.order_id,
            route.route_id,
            command.exec_restatement_reason or "99",
            Qty(order.order_qty + route_qty - route.order_qty),
            Px(command.price or order.price),
            Qty(route_qty),
            command.text,
        ),
    ]


def _reported_stopped(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    """A price is guaranteed. *Source:* FIX order state matrix L.1.a."""
    if order.ended:
        return [_questioned(now_ns, order.order_id, command, "stopped_after_its_end")]
    return [
        *(_accepted(order, route, command, now_ns) if route.working == OrdStatus.PENDING_NEW else []),
        ev.OrderStopped(
            now_ns, order.order_id, route.route_id, command.last_qty, command.last_px, command.text
        ),
    ]


def _reported_suspended(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    """The venue does not trade it for the time being."""
    if order.ended or order.suspended:
        return []
    return [
        *(_accepted(order, route, command, now_ns) if route.working == OrdStatus.PENDING_NEW else []),
        ev.OrderSuspended(now_ns, order.order_id, route.route_id, command.text),
    ]


def _reported_triggered(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    """What was held back works now."""
    if order.ended:
        return []
    return [
        *(_accepted(order, route, command, now_ns) if route.working == OrdStatus.PENDING_NEW else []),
        ev.OrderTriggered(now_ns, order.order_id, route.route_id, command.text),
    ]


def _reported_calculated(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    """The venue has done with it."""
    if order.working in ENDED or len([r for r in order.routes if r.working not in ENDED]) > 1:
        return []
    return [ev.OrderCalculated(now_ns, order.order_id, route.route_id, command.text)]


def _reported_canceled(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    request = route.request(command.cl_ord_id)
    if request is None and route.ended:
        return []
    return _canceled(order, route, request, command.text, now_ns, command.exec_restatement_reason)


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
    asked = order.request(request.request_cl_ord_id) if request is not None else None
    # With several routes the client's one request is answered when the last of them has ended. One that came
    # to an end already canceled is answered by that same end.
    if _last_alive(order, route) or (asked is not None and order.working == OrdStatus.CANCELED):
        events.append(
            ev.OrderCanceled(
                now_ns,
                order.order_id,
                asked.cl_ord_id if asked is not None else "",
                text,
                restatement if asked is None else "",
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
        return [] if known else [_questioned(now_ns, order.order_id, command, "replaced_without_request")]
    if request.response_to != CxlRejResponseTo.REPLACE:
        return [_questioned(now_ns, order.order_id, command, "cancel_answered_by_replaced")]
    return _replaced(order, route, request, command, now_ns)


def _replaced(
    order: Order, route: Route, request: RouteRequest, command: cmd.VenueReport, now_ns: int
) -> Events:
    # What can be changed is live: a replace before the acknowledgement acknowledges.
    events = _accepted(order, route, command, now_ns) if route.working == OrdStatus.PENDING_NEW else []
    return [
        *events,
        ev.RouteReplaced(now_ns, order.order_id, route.route_id, request.cl_ord_id, command.venue_order_id),
        ev.OrderReplaced(now_ns, order.order_id, request.request_cl_ord_id),
    ]


def _reported_rejected(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    request = route.request(command.cl_ord_id)
    if request is not None:
        # Some venues refuse a request so, where OrderCancelReject is meant.
        return _request_rejected(order, route, request, OTHER, command.text, now_ns)
    if route.ended or (command.cl_ord_id != route.cl_ord_id and command.cl_ord_id not in route.past_ids):
        # A request that is closed says nothing of its order any more.
        return []
    if command.ord_rej_reason == DUPLICATE_CL_ORD_ID and route.working != OrdStatus.PENDING_NEW:
        # A second copy was refused; the first is what the venue works.
        return [_questioned(now_ns, order.order_id, command, "repetition_refused")]
    return _rejected(order, route, command.ord_rej_reason, command.text, now_ns)


def _rejected(order: Order, route: Route, ord_rej_reason: int, text: str, now_ns: int) -> Events:
    events: Events = [ev.RouteRejected(now_ns, order.order_id, route.route_id, ord_rej_reason, text)]
    if _last_alive(order, route):
        if order.cum_qty:
            # An order that has executed cannot be rejected any more: its remainder is canceled.
            events.append(ev.OrderCanceled(now_ns, order.order_id, "", text))
        else:
            events.append(ev.OrderRejected(now_ns, order.order_id, ord_rej_reason, text))
    return events


def _reported_ended(
    state: State, order: Order, route: Route, command: cmd.VenueReport, now_ns: int
) -> Events:
    """Expired, or done for the day; what is done for the day may still expire."""
    if route.ended or (order.done_for_day and command.exec_type == ExecType.DONE_FOR_DAY):
        return []
    return _ended(order, route, command.exec_type, command.text, now_ns)


def _ended(order: Order, route: Route, how: str, text: str, now_ns: int) -> Events:
    """`how` is ExecType(150), or OrdStatus(39), which has the same letters: 3 done for day, C expired."""
    done_for_day = how == ExecType.DONE_FOR_DAY
    events: Events = [ev.RouteExpired(now_ns, order.order_id, route.route_id, done_for_day, text)]
    if _last_alive(order, route):
        kind = ev.OrderDoneForDay if done_for_day else ev.OrderExpired
        events.append(kind(now_ns, order.order_id, text))
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
    if route.ended or not about_order or command.ord_status == OrdStatus.PENDING_NEW:
        # A request that is closed says nothing of its order any more; pending new settles nothing.
        return []
    if command.ord_status == OrdStatus.REJECTED:
        if route.working != OrdStatus.PENDING_NEW:
            return [_questioned(now_ns, order.order_id, command, "working_order_unknown_to_venue")]
        return _rejected(order, route, 99, command.text or "not received by the venue", now_ns)
    events = _accepted(order, route, command, now_ns) if route.working == OrdStatus.PENDING_NEW else []
    if command.cum_qty != route.cum_qty:
        # The executions themselves come, or came, by the session's own recovery: none is invented here.
        events.append(_questioned(now_ns, order.order_id, command, "executed_quantity_differs"))
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
    events: Events = []
    if request is not None:
        events += _request_rejected(order, route, request, TOO_LATE, "the order has ended", now_ns)
    if not route.ended:
        events += _ended(order, route, command.ord_status, command.text, now_ns)
    return events


def _venue_trade(state: State, command: cmd.VenueTrade, now_ns: int) -> Events:
    """Two orders of ours, decided about together: each report concerns an order of its own."""
    return [event for report in command.reports for event in _venue_report(state, report, now_ns)]


def _venue_cancel_reject(state: State, command: cmd.VenueCancelReject, now_ns: int) -> Events:
    found = state.routes.get(command.cl_ord_id)
    if found is None or found[1].venue != command.venue:
        return [_questioned(now_ns, 0, command, "unknown_order")]
    order, route = found
    request = route.request(command.cl_ord_id)
    if request is None:
        return []
    return _request_rejected(order, route, request, command.cxl_rej_reason, command.text, now_ns)


def _request_rejected(
    order: Order, route: Route, request: RouteRequest, cxl_rej_reason: int, text: str, now_ns: int
) -> Events:
    events: Events = [
        ev.RouteRequestRejected(
            now_ns, order.order_id, route.route_id, request.cl_ord_id, cxl_rej_reason, text
        )
    ]
    others = [r for r in order.routes if r is not route for q in r.requests
              if q.request_cl_ord_id == request.request_cl_ord_id]  # fmt: skip
    asked = order.request(request.request_cl_ord_id)
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


def _venue_refusal(state: State, command: cmd.VenueRefusal, now_ns: int) -> Events:
    found = state.routes.get(command.cl_ord_id)
    if found is None or found[1].venue != command.venue:
        return [_questioned(now_ns, 0, command, "refused_message")]
    order, route = found
    if command.msg_type == STATUS_REQUEST:
        # The venue does not answer questions: what is in doubt stays so, which says nothing of the order.
        return [_questioned(now_ns, order.order_id, command, "status_request_refused")]
    request = route.request(command.cl_ord_id)
    if request is not None:
        return _request_rejected(order, route, request, OTHER, command.text, now_ns)
    if command.cl_ord_id == route.cl_ord_id and route.working == OrdStatus.PENDING_NEW:
        return _rejected(order, route, 99, command.text, now_ns)
    return [_questioned(now_ns, order.order_id, command, "refused_message")]


def _last_alive(order: Order, route: Route) -> bool:
    """Whether the order ends with this route."""
    if order_ended(order):
        return False
    routes = order.routes
    return len(routes) == 1 or all(r.ended for r in routes if r is not route)


def order_ended(order: Order) -> bool:
    """Whether the order itself has been ended by an event: a full fill may still be followed by an answer."""
    return order.working in ENDED


def _questioned(now_ns: int, order_id: int, command: Any, reason: str) -> ev.ReportQuestioned:
    facts = [f"ClOrdID {command.cl_ord_id}"]
    if isinstance(command, cmd.VenueReport):
        facts.append(f"ExecType {command.exec_type} OrdStatus {command.ord_status}")
        if command.last_qty:
            facts.append(f"{format_scaled(command.last_qty)} at {format_scaled(command.last_px)}")
    if command.text:
        facts.append(command.text)
    exec_id = command.exec_id if isinstance(command, cmd.VenueReport) else ""
    return ev.ReportQuestioned(now_ns, order_id, command.venue, reason, exec_id, ", ".join(facts))


# -- sessions, prices, people --------------------------------------------------------------------------------


def _log_on(state: State, command: cmd.LogOn, now_ns: int) -> Events:
    events: Events = [ev.SessionLoggedOn(now_ns, command.session_id)]
    for order in state.open_orders():
        for route in order.routes:
            if route.venue != command.session_id or not route.in_doubt:
                continue
            if route.working == OrdStatus.PENDING_NEW:
                events.append(ev.StatusAsked(now_ns, order.order_id, route.route_id, route.cl_ord_id))
            for request in route.requests:
                events.append(ev.StatusAsked(now_ns, order.order_id, route.route_id, request.cl_ord_id))
    return events


def _log_out(state: State, command: cmd.LogOut, now_ns: int) -> Events:
    if command.session_id not in state.sessions_up:
        return []
    return [ev.SessionLoggedOut(now_ns, command.session_id)]


def _publish_price(state: State, command: cmd.PublishPrice, now_ns: int) -> Events:
    if command.px <= 0 or state.reference_px.get(command.symbol) == command.px:
        return []
    if command.symbol not in state.instruments:
        return []
    changed = ev.ReferencePriceChanged(now_ns, command.symbol, command.px, command.source)
    return [changed, *_trigger(state, command.symbol, command.px, now_ns)]


def _dont_know(state: State, command: cmd.DontKnow, now_ns: int) -> Events:
    """A client does not accept what we reported: people have to look at it."""
    number = command.order_id.removeprefix(f"{state.epoch}-")
    order = state.orders.get(int(number)) if number.isdigit() else None
    order_id = order.order_id if order is not None and order.session_id == command.session_id else 0
    text = f"DKReason {command.dk_reason}" + (f", {command.text}" if command.text else "")
    return [ev.ReportQuestioned(now_ns, order_id, command.session_id, "client_dk", command.exec_id, text)]


def _end_day(state: State, command: cmd.EndDay, now_ns: int) -> Events:
    """Orders that do not outlive the day end with it; a late report of the venue is taken all the same."""
    today = utc_date(now_ns)
    events: Events = []
    for order in state.open_orders():
        if order.ended or order_ended(order):
            continue
        terms = order.versions[-1].terms
        expires = (terms.expire_date or terms.expire_time[:8]) if terms is not None else ""
        if order.good_till and not (expires and expires <= today):
            continue
        text = f"good until {expires}" if order.good_till else "the day has ended"
        for route in order.routes:
            if not route.ended:
                events.append(ev.RouteExpired(now_ns, order.order_id, route.route_id, False, text))
        events.append(ev.OrderExpired(now_ns, order.order_id, text))
    events.append(ev.DayEnded(now_ns, command.who))
    return events


def _halt(state: State, command: cmd.Halt, now_ns: int) -> Events:
    return [ev.TradingHalted(now_ns, command.scope, command.value, command.who, command.why)]


def _resume(state: State, command: cmd.Resume, now_ns: int) -> Events:
    if (command.scope, command.value) not in state.halts:
        return []
    return [ev.TradingResumed(now_ns, command.scope, command.value, command.who, command.why)]


_DECIDE: Final[dict[type, Callable[[State, Any, int], Events]]] = {
    cmd.NewOrder: _new_order,
    cmd.CancelOrder: _cancel_order,
    cmd.ReplaceOrder: _replace_order,
    cmd.RequestStatus: _request_status,
    cmd.VenueReport: _venue_report,
    cmd.VenueTrade: _venue_trade,
    cmd.VenueCancelReject: _venue_cancel_reject,
    cmd.VenueRefusal: _venue_refusal,
    cmd.PublishPrice: _publish_price,
    cmd.LogOn: _log_on,
    cmd.LogOut: _log_out,
    cmd.TakeQueued: _take_queued,
    cmd.CancelAll: _cancel_all,
    cmd.RequestAllStatus: _request_all_status,
    cmd.DontKnow: _dont_know,
    cmd.EndDay: _end_day,
    cmd.Halt: _halt,
    cmd.Resume: _resume,
}

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
