"""What clients ask: new orders, cancels, replaces, questions; and what we hold for them. Part of `decide`.

A control that says no *denies*; nothing has left then. What passes is routed in the same decision. An order
for a venue that cannot wait for a stop price is held here (`held`), and `trigger` sends it when a price has
come. A replace that comes while another request is unanswered goes on to the venue, waits its turn
(`take_queued`), or is refused, as the client's profile says. A cancel always passes.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from oms.core import commands as cmd
from oms.core import emulation
from oms.core import events as ev
from oms.core.controls import Ask, Denial, check, is_halted
from oms.core.decision import (
    ALREADY_PENDING,
    DUPLICATE_CL_ORD_ID,
    OTHER,
    TOO_LATE,
    UNKNOWN_ORDER,
    Events,
)
from oms.core.emulated import RATE, TRAILING_STOP, is_unanswered, open_routes
from oms.core.held import TURNS_INTO
from oms.core.order import ENDED, Order, Route
from oms.core.routing import NO_ROUTE, choose_venue, venue_down, venue_lacks
from oms.core.rules import choose
from oms.core.state import State, route_cl_ord_id
from oms.core.strategies import gate, merged, takes_any, with_terms
from oms.core.types import (
    MAX_SCALED,
    SCALE,
    CxlRejResponseTo,
    Leg,
    Px,
    Qty,
    Terms,
    TimeInForce,
    format_scaled,
)
from oms.core.working import cancel_parts, cannot_replace, replace_parts

MOST_REQUESTS: Final = 16
"""How many requests of one order may be unanswered at once."""


def new_order(state: State, command: cmd.NewOrder, now_ns: int) -> Events:
    order_id = state.next_order_id
    if command.poss_resend and (command.session_id, command.cl_ord_id) in state.cl_ord_ids:
        profile = state.profiles.get(command.session_id)
        if profile is not None and profile.poss_resend == "ignore":
            return []
        # *Source:* FIX order state matrix F.1.b.
        question = cmd.RequestStatus(command.session_id, command.cl_ord_id, command.symbol, command.side)
        return request_status(state, question, now_ns)
    ask = asked(state, command)
    routed = first_route(state, ask, order_id, now_ns)
    if isinstance(routed, Denial):
        return [denied(ask, order_id, routed, now_ns)]
    return [received(ask, order_id, now_ns), *routed]


def asked(state: State, command: cmd.NewOrder) -> Ask:
    """What a new order asks of the controls."""
    if not command.order_qty:
        command = _of_cash(state, command)
    return Ask(
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


def first_route(state: State, ask: Ask, order_id: int, now_ns: int) -> Events | Denial:
    """Where a new order goes, once every control has let it pass: to its venue, or nowhere yet.

    An order whose stop price is reached already is held all the same, and goes at the next price.
    """
    denial = check(state, ask)
    if denial is not None:
        return denial
    rule = facts = ""
    if state.routing is None:
        venue = choose_venue(state, ask.instrument)
    else:
        choice = choose(state, ask, now_ns)
        if choice is None:
            return NO_ROUTE
        venue, rule, facts = choice.to, choice.rule, choice.facts
    if state.destinations or state.strategies or state.waiting.rates:
        return _route_by_name(state, ask, order_id, venue, rule, facts, now_ns)
    if venue_lacks(state, venue, ask) is not None:
        return emulation.take_on(state, ask, order_id, venue, rule, facts, now_ns)
    denial = venue_down(state, venue)
    if denial is not None:
        return denial
    cl_ord_id = route_cl_ord_id(state.epoch, order_id, 1, 1)
    return [ev.OrderRouted(now_ns, order_id, 1, venue, cl_ord_id, ask.order_qty, ask.price, "", rule, facts)]


def _of_cash(state: State, command: cmd.NewOrder) -> cmd.NewOrder:
    """How much an amount of money is, in whole lots, at the order's own price or else the reference price.

    Nothing if there is none. *Source:* FIX 5.0 SP2 volume 4, NewOrderSingle: who takes CashOrderQty works out
    OrderQty and says it in its reports.
    """
    terms, instrument = command.terms, state.instruments.get(command.symbol)
    if terms is None or instrument is None:
        return command
    px = command.price or terms.stop_px or state.reference_px.get(command.symbol, Px(0))
    if px <= 0:
        return command
    qty = terms.cash_order_qty * SCALE * SCALE // (px * instrument.price_unit)
    qty = min(qty, MAX_SCALED)
    return msgspec.structs.replace(command, order_qty=Qty(qty - qty % instrument.lot_size))


def _route_by_name(
    state: State, ask: Ask, order_id: int, to: str, rule: str, facts: str, now_ns: int
) -> Events | Denial:
    """An order for a strategy, or for a destination that may have to be waited for."""
    strategy = state.strategies.get(to)
    if strategy is not None:
        lacks = takes_any(state, strategy, ask)
        if lacks:
            return Denial("venue_lacks", 11, lacks)
        if ask.time_in_force == TimeInForce.FOK or ask.legs:
            what = "an order with legs" if ask.legs else "fill or kill"
            return Denial("cannot_be_split", 11, f"{what} cannot be worked by strategy {to}")
        return _planned(order_id, to, rule, facts, now_ns)
    destination = state.destinations.get(to)
    venue = destination.venue if destination is not None else to
    if venue_lacks(state, venue, with_terms(ask, destination)):
        return emulation.take_on(state, ask, order_id, to, rule, facts, now_ns)
    found = gate(state, to, ask, now_ns, {})
    if found.refusal is not None:
        return found.refusal
    if found.wait or state.waiting.queues.get(found.venue):
        return _planned(order_id, to, rule, facts, now_ns)
    taker = state.destinations.get(found.destination)
    more = taker.terms if taker is not None else None
    return [
        ev.OrderRouted(
            now_ns,
            order_id,
            1,
            found.venue,
            route_cl_ord_id(state.epoch, order_id, 1, 1),
            ask.order_qty,
            ask.price,
            "",
            rule,
            facts,
            to,
            merged(ask.terms, more) if more is not None else None,
        )
    ]


def _planned(order_id: int, to: str, rule: str, facts: str, now_ns: int) -> Events:
    """The order is ours to work, and the client is told so: nobody else has it yet."""
    return [ev.OrderPlanned(now_ns, order_id, to, rule, facts), ev.OrderAccepted(now_ns, order_id)]


def received(ask: Ask, order_id: int, now_ns: int, list_id: str = "") -> ev.OrderReceived:
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
        list_id,
    )


def denied(ask: Ask, order_id: int, denial: Denial, now_ns: int, list_id: str = "") -> ev.OrderDenied:
    return ev.OrderDenied(
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
        denial.reason,
        denial.ord_rej_reason,
        denial.text,
        list_id,
    )


def trigger(state: State, symbol: str, px: Px, now_ns: int) -> Events:
    """Send what a price has triggered. What cannot go now, as its venue is down, goes at a later price."""
    held = state.held.get(symbol)
    events: Events = []
    for order_id in held.reached(px) if held is not None else ():
        order = state.orders[order_id]
        reason = None
        if order.emulation is not None:
            reason = emulation.blocked(state, order, now_ns)
            if reason is not None and not reason[0].startswith(RATE):
                continue
        elif venue_down(state, order.held_for) is not None or is_halted(state, order):
            continue
        route_id = len(order.routes) + 1
        terms = order.versions[-1].terms
        stop_px = terms.stop_px if terms is not None else 0
        text = f"{format_scaled(px)} has reached the stop price {format_scaled(stop_px)}"
        events.append(ev.OrderTriggered(now_ns, order_id, 0, text))
        if order.emulation is not None:
            # Where it is only too many at once, it is triggered and waits for its turn.
            events += [] if reason is not None else [emulation.next_route(state, order, now_ns)]
            continue
        events.append(
            ev.OrderRouted(
                now_ns,
                order_id,
                route_id,
                order.held_for,
                route_cl_ord_id(state.epoch, order_id, route_id, 1),
                Qty(order.order_qty),
                Px(order.price),
                TURNS_INTO[order.ord_type],
            )
        )
    return events


def cancel_order(state: State, command: cmd.CancelOrder, now_ns: int) -> Events:
    order, denial = _requested(state, command, CxlRejResponseTo.CANCEL)
    if order is None or denial is not None:
        return [_request_denied(command, order, CxlRejResponseTo.CANCEL, denial, now_ns)]
    events: Events = [
        ev.CancelRequested(
            now_ns, order.order_id, command.session_id, command.cl_ord_id, command.orig_cl_ord_id
        )
    ]
    if order.plan is not None:
        return events + cancel_parts(state, order, command.cl_ord_id, now_ns)
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
    if order.with_us or (order.emulation is not None and len(events) == 1):
        # Only we have it: nobody else has to be asked.
        events.append(ev.OrderCanceled(now_ns, order.order_id, command.cl_ord_id, ""))
    return events


def replace_order(state: State, command: cmd.ReplaceOrder, now_ns: int) -> Events:
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
                    command.is_multileg,
                )
            ]
    return _replace(state, order, command, now_ns)


def take_queued(state: State, command: cmd.TakeQueued, now_ns: int) -> Events:
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
        waiting.is_multileg,
    )
    denial = _too_late(order, asked)
    if denial is not None:
        return [_request_denied(asked, order, CxlRejResponseTo.REPLACE, denial, now_ns)]
    return _replace(state, order, asked, now_ns, is_new=False)


def _replace(
    state: State, order: Order, command: cmd.ReplaceOrder, now_ns: int, *, is_new: bool = True
) -> Events:
    """Ask the controls, and the venue, for an order as the command wants it. One that waited is not new."""
    command = _still_until(order, command)
    if order.held_for and order.emulation is not None and TRAILING_STOP in order.emulation.what:
        terms = emulation.still_trailing(state, order, command.terms)
        command = msgspec.structs.replace(command, terms=terms)
    denial = None
    if order.legs is not None or command.is_multileg:
        command, denial = _with_its_legs(order, command)
    if denial is None and command.ord_type != order.ord_type:
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
    in_parts = order.plan is not None
    route = None if order.with_us or in_parts else _route_to_change(order)
    if denial is None and order.emulation is not None and route is None and is_unanswered(order):
        denial = Denial("already_pending", ALREADY_PENDING, "an earlier request is not answered yet")
    if denial is None:
        refused = check(state, ask)
        if refused is None and in_parts:
            refused = cannot_replace(state, order, ask)
        if refused is None and route is not None:
            refused = venue_down(state, route.venue)
        if refused is None and not in_parts and not order.waits:
            refused = emulation.beyond(state, order, route, ask)
        # A control's OrdRejReason(103) is no CxlRejReason(102).
        denial = Denial(refused.reason, OTHER, refused.text) if refused is not None else None
    if denial is not None:
        return [_request_denied(command, order, CxlRejResponseTo.REPLACE, denial, now_ns)]
    requested = ev.ReplaceRequested(
        now_ns,
        order.order_id,
        command.session_id,
        command.cl_ord_id,
        command.orig_cl_ord_id,
        command.order_qty,
        command.price,
        ask.hold_px,
        ask.terms,
    )
    if in_parts:
        return [requested, *replace_parts(state, order, requested, now_ns)]
    if order.with_us:
        # Only we have it: nobody else has to be asked.
        return [requested, ev.OrderReplaced(now_ns, order.order_id, command.cl_ord_id)]
    orig_cl_ord_id = _venue_side_id(route, command.orig_cl_ord_id) if route is not None else ""
    if order.emulation is not None:
        return [requested, emulation.replace(state, order, requested, route, orig_cl_ord_id, now_ns)]
    assert route is not None
    elsewhere = order.cum_qty - route.cum_qty
    return [
        requested,
        ev.ReplaceRouted(
            now_ns,
            order.order_id,
            route.route_id,
            route_cl_ord_id(state.epoch, order.order_id, route.route_id, route.sent_ids + 1),
            orig_cl_ord_id,
            command.cl_ord_id,
            Qty(command.order_qty - elsewhere),
            command.price,
        ),
    ]


def _route_to_change(order: Order) -> Route | None:
    """The first that is open. A filled order may still grow: its last route is asked, as the one that can.

    What is open of an emulated order may be ours alone: then there is none, and it grows without asking.
    """
    if order.emulation is not None:
        working = open_routes(order)
        return working[-1] if working else None
    for route in order.routes:
        if not route.ended:
            return route
    return order.routes[-1]


def _still_until(order: Order, command: cmd.ReplaceOrder) -> cmd.ReplaceOrder:
    """A replace that says nothing of the date leaves it: an order good till a date always has one."""
    before = order.versions[-1].terms
    if order.time_in_force != TimeInForce.GTD or before is None:
        return command
    terms = command.terms or Terms()
    if terms.expire_date or terms.expire_time:
        return command
    terms = msgspec.structs.replace(terms, expire_date=before.expire_date, expire_time=before.expire_time)
    return msgspec.structs.replace(command, terms=terms)


def _with_its_legs(order: Order, command: cmd.ReplaceOrder) -> tuple[cmd.ReplaceOrder, Denial | None]:
    """A replace of an order with legs: by its own message, of the same legs; without any it leaves them.

    Only what is asked of a leg (LegPrice, LegPositionEffect) may be another; they stay in the order's order.
    """
    if order.legs is None or not command.is_multileg:
        what = "by MultilegOrderCancelReplace" if order.legs is not None else "without legs"
        return command, Denial("order_mismatch", OTHER, f"the order is replaced {what}")
    before = order.versions[-1].terms
    assert before is not None
    asked = command.terms or Terms()
    legs = {leg.symbol: leg for leg in asked.legs}
    if legs:
        same = len(legs) == len(asked.legs) and {_leg_key(leg) for leg in asked.legs} == {
            _leg_key(leg) for leg in before.legs
        }
        if not same:
            return command, Denial("legs_changed", OTHER, "legs cannot be changed by a replace")
    kept = [
        msgspec.structs.replace(
            leg, price=legs[leg.symbol].price, position_effect=legs[leg.symbol].position_effect
        )
        if legs
        else leg
        for leg in before.legs
    ]
    req = asked.multi_leg_rpt_type_req or before.multi_leg_rpt_type_req
    terms = msgspec.structs.replace(asked, legs=tuple(kept), multi_leg_rpt_type_req=req)
    return msgspec.structs.replace(command, terms=terms), None


def _leg_key(leg: Leg) -> tuple[str, str, int]:
    return leg.symbol, leg.side, leg.ratio_qty


def request_status(state: State, command: cmd.RequestStatus, now_ns: int) -> Events:
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


def cancel_all(state: State, command: cmd.CancelAll, now_ns: int) -> Events:
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

    if not state.is_free(command.session_id, command.cl_ord_id):
        return [answered(-1, f"ClOrdID {command.cl_ord_id} has been used")]
    if command.request_type not in (BY_SYMBOL, ALL):
        return [answered(-1, f"MassCancelRequestType {command.request_type} is not supported: 1, 7")]
    if command.request_type == BY_SYMBOL and not command.symbol:
        return [answered(-1, "which symbol?")]
    events: Events = []
    affected = 0
    for order in _of_session(state, command.session_id, command.symbol, command.side):
        routed = cancels(state, order, now_ns, "canceled by mass request", command.cl_ord_id)
        affected += bool(routed)
        events += routed
    return [answered(affected), *events]


def _of_session(state: State, session_id: str, symbol: str, side: str) -> Iterator[Order]:
    """A session's open orders, of the symbol and side if they are given."""
    for order in state.open_orders():
        mine = order.session_id == session_id and not order.ended
        if mine and symbol in ("", order.symbol) and side in ("", order.side):
            yield order


def cancels(state: State, order: Order, now_ns: int, text: str, mass_cl_ord_id: str = "") -> Events:
    """Our own wish to cancel an order: every route that can be reached and has no cancel on its way.

    `text` is what the client is told where nobody else has to be asked. The wish is the client's where it
    asked for a mass cancel: then it is told if the venue refuses.
    """
    if order.plan is not None:
        if any(r.response_to == CxlRejResponseTo.CANCEL for r in order.requests):
            return []
        if all(route.ended for route in order.routes):
            return [ev.OrderCanceled(now_ns, order.order_id, "", text)]
        wish = ev.CancelRequested(now_ns, order.order_id, order.session_id, "", "", mass_cl_ord_id)
        return [wish, *cancel_parts(state, order, "", now_ns)]
    working = [route for route in order.routes if not route.ended]
    if order.with_us or (order.emulation is not None and not working):
        return [ev.OrderCanceled(now_ns, order.order_id, "", text)]
    wishes: Events = [
        ev.CancelRouted(
            now_ns,
            order.order_id,
            route.route_id,
            route_cl_ord_id(state.epoch, order.order_id, route.route_id, route.sent_ids + 1),
            route.cl_ord_id,
            "",
            mass_cl_ord_id,
        )
        for route in working
        if venue_unreachable(state, route.venue) is None
        and all(r.response_to != CxlRejResponseTo.CANCEL for r in route.requests)
    ]
    if order.emulation is not None and wishes:
        # Kept with the order: what is asked of one slice is meant for the whole.
        return [ev.CancelRequested(now_ns, order.order_id, order.session_id, "", ""), *wishes]
    return wishes


def request_all_status(state: State, command: cmd.RequestAllStatus, now_ns: int) -> Events:
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
    if not state.is_free(command.session_id, command.cl_ord_id):
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
    if order.routes and all(route.working in ENDED for route in order.routes):
        return Denial("too_late", TOO_LATE, "the order is filled, and its venue has ended it")
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
