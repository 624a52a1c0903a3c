"""How an order is worked in parts: strategies, and what becomes of orders whose destination cannot take them.

An order with a `Plan` is looked at (`commands.WorkOrder`) whenever something has changed for it. A look reads
the order and its routes as they are and says what is missing: which routes to make, which to take back, what
to wait for. It remembers nothing of the look before but the step it has come to, so that a fill that crosses,
a refusal, a crash or a bust in between needs no case of its own: the next look sees what is.

- Quantities come from the ledger (`ledger.available`): the routes never add up to more than the order.
- While a request of the client is unanswered nothing new is routed.
- A destination that is down, or whose rate is used up, is waited for, passed over, or a reason to end, as
  the destination says (`when_down`). Nothing is handed to a session that would keep it for later.
- What no destination takes goes back to the desk (`stuck`) or ends the order, as the strategy says.

The strategies themselves are in `strategies`. A plan without a strategy is an order that is parked for one
destination; once there, it is like any other.
"""

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.controls import Ask, Denial
from oms.core.decision import TOO_LATE, Events
from oms.core.endings import why_canceled
from oms.core.ledger import committed, exposed
from oms.core.order import ENDED, Order, Plan, Request, Route
from oms.core.routing import venue_down, venue_lacks
from oms.core.state import State, route_cl_ord_id
from oms.core.strategies import AT_ONCE, STRATEGIES, Look, Looking, Part, merged, with_terms
from oms.core.types import PRICED, CxlRejResponseTo, OrdStatus, OrdType, Px, Qty
from oms.core.waiting import DOWN, RATE

# -- the decision --------------------------------------------------------------------------------------------


def work_order(state: State, command: cmd.WorkOrder, now_ns: int) -> Events:
    """One look at a planned order. It is always followed by what the order waits for from then on."""
    order = state.orders.get(command.order_id)
    if order is None or order.plan is None:
        return []
    plan = order.plan
    if order.requests:
        return _while_asked(state, order, plan, now_ns)
    if order.ended:
        return [ev.OrderWorked(now_ns, order.order_id, step=plan.step)]
    follow = _take_back(state, order, now_ns) or _follow_price(state, order, now_ns)
    looking = Looking(state, order, plan, now_ns)
    strategy = state.strategies.get(plan.to)
    if strategy is None:
        looking.give(plan.to, looking.left)
    else:
        STRATEGIES[strategy.kind](looking, strategy)
    look = looking.look
    nobody = not (look.parts or look.waits or look.idle or look.wake_ns)
    alive = any(not route.ended for route in order.routes)
    if nobody and not alive and looking.left:
        return [*follow, *_nobody_takes_it(order, strategy, look, now_ns)]
    if strategy is None and look.parts:
        # It was parked, and is like any other from now on.
        return _made(state, order, look.parts, now_ns)
    stuck = "; ".join(dict.fromkeys(look.refusals)) if nobody and looking.left else ""
    waits = tuple(dict.fromkeys(look.waits + (look.away if stuck else [])))
    rate = next((what.removeprefix(RATE) for what in waits if what.startswith(RATE)), "")
    return [
        *follow,
        *_made(state, order, look.parts, now_ns),
        *(_canceled(state, order, route, "", now_ns) for route in look.cancels),
        ev.OrderWorked(
            now_ns,
            order.order_id,
            look.wake_ns,
            waits,
            look.step,
            state.waiting.round_for(rate, order.session_id) if rate else 0,
            stuck,
        ),
    ]


def _nobody_takes_it(order: Order, strategy: ev.StrategyDefined | None, look: Look, now_ns: int) -> Events:
    """What no destination takes goes back to the desk, or ends."""
    text = "; ".join(dict.fromkeys(look.refusals)) or "every destination has had its turn"
    to_desk = strategy is not None and strategy.when_refused == "desk"
    if to_desk and order.time_in_force not in AT_ONCE:
        waits = tuple(dict.fromkeys(look.away))
        return [ev.OrderWorked(now_ns, order.order_id, waits=waits, step=look.step, stuck=text)]
    if order.cum_qty or order.time_in_force in AT_ONCE:
        return [ev.OrderCanceled(now_ns, order.order_id, "", text, why_canceled(order, ""))]
    return [ev.OrderRejected(now_ns, order.order_id, 99, text)]


def _made(state: State, order: Order, parts: list[Part], now_ns: int) -> Events:
    """The routes of a look."""
    events: Events = []
    terms = order.versions[-1].terms
    for route_id, part in enumerate(parts, len(order.routes) + 1):
        destination = state.destinations.get(part.destination)
        more = destination.terms if destination is not None else None
        events.append(
            ev.OrderRouted(
                now_ns,
                order.order_id,
                route_id,
                part.venue,
                route_cl_ord_id(state.epoch, order.order_id, route_id, 1),
                Qty(part.order_qty),
                Px(order.price if part.price < 0 else part.price),
                OrdType.LIMIT if part.price >= 0 and order.ord_type not in PRICED else "",
                destination=part.leg,
                terms=merged(terms, more) if more is not None else None,
                time_in_force=part.time_in_force,
            )
        )
    return events


def _canceled(
    state: State, order: Order, route: Route, request_cl_ord_id: str, now_ns: int
) -> ev.CancelRouted:
    return ev.CancelRouted(
        now_ns,
        order.order_id,
        route.route_id,
        route_cl_ord_id(state.epoch, order.order_id, route.route_id, route.sent_ids + 1),
        route.cl_ord_id,
        request_cl_ord_id,
    )


def _replaced(
    state: State, order: Order, route: Route, request_cl_ord_id: str, qty: int, px: int, now_ns: int
) -> ev.ReplaceRouted:
    return ev.ReplaceRouted(
        now_ns,
        order.order_id,
        route.route_id,
        route_cl_ord_id(state.epoch, order.order_id, route.route_id, route.sent_ids + 1),
        route.cl_ord_id,
        request_cl_ord_id,
        Qty(qty),
        Px(px),
    )


def _take_back(state: State, order: Order, now_ns: int) -> Events:
    """A venue executed more than it had: what others have still open of that is too much."""
    excess = committed(order) - order.order_qty
    if excess <= 0:
        return []
    return [
        event
        for event in _lessened(state, order, "", excess, order.price, now_ns)
        if not order.routes[event.route_id - 1].requests and is_up(state, order, event.route_id)
    ]


def is_up(state: State, order: Order, route_id: int) -> bool:
    """Whether the venue of a route can be reached."""
    return order.routes[route_id - 1].venue in state.sessions_up


def _follow_price(state: State, order: Order, now_ns: int) -> Events:
    """Routes whose price is not the order's, since a replace of it failed at another of them."""
    return [
        _replaced(state, order, route, "", route.order_qty, order.price, now_ns)
        for route in order.routes
        if not route.ended
        and route.price != order.price
        and not route.time_in_force
        and not route.requests
        and venue_down(state, route.venue) is None
    ]


# -- what the client asks of an order in parts ---------------------------------------------------------------


def cancel_parts(state: State, order: Order, request_cl_ord_id: str, now_ns: int) -> Events:
    """Every route that is open and can be reached; none of them may be, then the order is canceled at once.

    A route whose venue is down is asked when it is back: until then the request is pending.
    """
    working = [route for route in order.routes if not route.ended]
    if not working:
        return [ev.OrderCanceled(now_ns, order.order_id, request_cl_ord_id, "")]
    return [
        _canceled(state, order, route, request_cl_ord_id, now_ns)
        for route in working
        if route.venue in state.sessions_up and not _has_cancel(route, request_cl_ord_id)
    ]


def _has_cancel(route: Route, request_cl_ord_id: str) -> bool:
    return any(
        r.response_to == CxlRejResponseTo.CANCEL and r.request_cl_ord_id == request_cl_ord_id
        for r in route.requests
    )


def replace_parts(state: State, order: Order, request: ev.ReplaceRequested, now_ns: int) -> Events:
    """What a replace of the order asks of its routes: a new price of all, less of the last ones.

    More than before is for the next look. None of them may have to be asked: then it is replaced at once.
    """
    left = max(request.order_qty - order.cum_qty, 0)
    excess = max(sum(exposed(r) - r.cum_qty for r in order.routes if not r.ended) - left, 0)
    events = _lessened(state, order, request.cl_ord_id, excess, request.price, now_ns)
    return [*events] or [ev.OrderReplaced(now_ns, order.order_id, request.cl_ord_id)]


def _lessened(
    state: State, order: Order, request_cl_ord_id: str, excess: int, price: int, now_ns: int
) -> list[ev.CancelRouted | ev.ReplaceRouted]:
    """So much less of what routes have open, of the last ones first, and another price for all."""
    events: list[ev.CancelRouted | ev.ReplaceRouted] = []
    for route in reversed([route for route in order.routes if not route.ended]):
        less = min(excess, route.order_qty - route.cum_qty)
        excess -= less
        qty = route.order_qty - less
        if less and qty == route.cum_qty:
            events.append(_canceled(state, order, route, request_cl_ord_id, now_ns))
        elif less or (route.price != price and not route.time_in_force):
            events.append(_replaced(state, order, route, request_cl_ord_id, qty, price, now_ns))
    return events


def cannot_replace(state: State, order: Order, ask: Ask) -> Denial | None:
    """Why an open route could not be asked for what the order is to be: its venue is down, or lacks it."""
    for route in order.routes:
        if route.ended:
            continue
        denial = venue_down(state, route.venue)
        denial = denial or venue_lacks(
            state, route.venue, with_terms(ask, state.destinations.get(route.destination))
        )
        if denial is not None:
            return denial
    return None


def _while_asked(state: State, order: Order, plan: Plan, now_ns: int) -> Events:
    """Nothing new is routed while a request is unanswered; what could not be asked before is asked now."""
    asked = order.requests[-1]
    events: Events = []
    waits: list[str] = []
    if order.ended and not _unanswered(order, asked.cl_ord_id):
        # Nobody could be asked before the last of it was filled.
        return _refused(order, asked, TOO_LATE, "the order is filled", now_ns)
    if asked.response_to == CxlRejResponseTo.CANCEL:
        working = [route for route in order.routes if not route.ended]
        if not working and not _unanswered(order, asked.cl_ord_id) and not order.ended:
            return [
                ev.OrderCanceled(now_ns, order.order_id, asked.cl_ord_id, ""),
                ev.OrderWorked(now_ns, order.order_id, step=plan.step),
            ]
        if not asked.refused and working:
            events = [
                e
                for e in cancel_parts(state, order, asked.cl_ord_id, now_ns)
                if isinstance(e, ev.CancelRouted)
            ]
            waits = [DOWN + r.venue for r in working if r.venue not in state.sessions_up]
    return [
        *events,
        ev.OrderWorked(now_ns, order.order_id, waits=tuple(dict.fromkeys(waits)), step=plan.step),
    ]


def _unanswered(order: Order, request_cl_ord_id: str) -> bool:
    return any(q.request_cl_ord_id == request_cl_ord_id for r in order.routes for q in r.requests)


def parts_answered(
    order: Order, route: Route, request_cl_ord_id: str, refused: bool, reason: int, text: str, now_ns: int
) -> Events:
    """What the client is told when a route has answered: nothing while another one still has to.

    `route` is the one that has answered, before its answer is applied.
    """
    asked = order.request(request_cl_ord_id)
    if asked is None:
        return []
    for other in order.routes:
        if other is not route and any(q.request_cl_ord_id == request_cl_ord_id for q in other.requests):
            return []
    alive = any(not r.ended for r in order.routes if refused or r is not route)
    refused = refused or asked.refused
    if order.working in ENDED and order.working != OrdStatus.CANCELED:
        # It had come to another end before.
        refused = True
    elif asked.response_to == CxlRejResponseTo.CANCEL:
        if not alive and order.cum_qty < order.order_qty:
            return [ev.OrderCanceled(now_ns, order.order_id, request_cl_ord_id, text)]
        if alive and not refused:
            # One whose venue was down has not been asked yet.
            return []
        refused = True
    if refused:
        return _refused(order, asked, reason, text or "a part of the order could not be changed", now_ns)
    return [ev.OrderReplaced(now_ns, order.order_id, request_cl_ord_id)]


def _refused(order: Order, asked: Request, reason: int, text: str, now_ns: int) -> Events:
    """To the client. What was part of a mass cancel was answered by its report: that is corrected."""
    mass = asked.mass_cl_ord_id
    return [
        *([ev.MassCancelRejected(now_ns, order.order_id, mass, reason, text)] if mass else []),
        ev.RequestRejected(
            now_ns, order.order_id, asked.cl_ord_id, asked.orig_cl_ord_id, asked.response_to, reason, text
        ),
    ]
