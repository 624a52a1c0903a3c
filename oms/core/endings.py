"""When an order has come to its end, and what is said of that. Part of `decide`; reads only.

What a venue has ended stays ended, also where nobody needed to be told, since the order was filled. What
follows the last fill is a matter of taste: the profiles of the venue and of the client say it.
"""

from typing import Final

from oms.core import events as ev
from oms.core.decision import Events
from oms.core.order import ENDED, Order, Route
from oms.core.state import State
from oms.core.types import OrdStatus, TimeInForce

UNSAID: Final = "99"
"""ExecRestatementReason(378), other: of a cancel that nobody asked for and of which no more is said."""

AFTER_LAST_FILL: Final = ("done_for_day", "calculated")
"""`ProfileDefined.final_fill` of who wants another report once an order is filled."""


def end_remembered(order: Order, route: Route, change: int, now_ns: int) -> Events:
    """An order that looked filled is open again by `change`: but its venue had ended it by then."""
    if route.working not in ENDED or order_ended(order) or order.cum_qty + change >= order.order_qty:
        return []
    if order.plan is not None:
        return []  # its plan looks for others
    if order.good_till and not order.routes_outlive_day:
        return []  # it was for the day, and the order is not
    if order.emulation is not None and (route.cum_qty < route.order_qty or route is not order.routes[-1]):
        return []  # what that route did not execute was sent again
    if not all(r.ended for r in order.routes):
        return []
    text = "its venue had ended it before"
    if route.working == OrdStatus.CANCELED:
        return [ev.OrderCanceled(now_ns, order.order_id, "", text, UNSAID)]
    if route.working == OrdStatus.DONE_FOR_DAY:
        return [ev.OrderDoneForDay(now_ns, order.order_id, text)]
    return [ev.OrderExpired(now_ns, order.order_id, text)]


def after_last_fill(state: State, order: Order, route: Route, events: Events, now_ns: int) -> Events:
    """The report that a client wants once its order is filled and nothing asked of it is open any more."""
    profile = state.profiles.get(order.session_id)
    if profile is None or profile.final_fill not in AFTER_LAST_FILL or order_ended(order):
        return []
    answered = [event.cl_ord_id for event in events if isinstance(event, ev.RequestRejected)]
    if order.done_for_day or any(request.cl_ord_id not in answered for request in order.requests):
        return []
    if profile.final_fill == "done_for_day":
        return [ev.OrderDoneForDay(now_ns, order.order_id, "")]
    return [ev.OrderCalculated(now_ns, order.order_id, route.route_id)]


def passed_on(state: State, order: Order, route: Route, *venue_styles: str) -> bool:
    """Whether a client hears what a venue says after the last fill, by the profiles of both."""
    venue = state.profiles.get(route.venue)
    client = state.profiles.get(order.session_id)
    return (venue.final_fill if venue is not None else "pass") in venue_styles and (
        client is None or client.final_fill == "pass"
    )


def why_canceled(order: Order, restatement: str) -> str:
    """ExecRestatementReason(378) of a cancel that nobody asked for.

    None where that is how such an order ends.
    """
    killed = order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    return restatement or ("" if killed else UNSAID)


def last_alive(order: Order, route: Route) -> bool:
    """Whether the order ends with this route. One that is worked in parts ends when its plan does."""
    if order_ended(order) or order.plan is not None:
        return False
    routes = order.routes
    return len(routes) == 1 or all(r.ended for r in routes if r is not route)


def order_ended(order: Order) -> bool:
    """Whether the order itself has been ended by an event: a full fill may still be followed by an answer."""
    return order.working in ENDED
