"""The parent and child ledger: what the routes of an order may execute together is never more than the order.

A route is *exposed* for what it has executed and what its venue may still execute of it: its quantity, or the
largest quantity that an unanswered request of ours asks for. The sum over the routes is *committed*; what is
left of the order is *available* for another route. Every decision that makes or grows a route takes its
quantity from there, so the sum can exceed the order only where a venue executes more than it was given, which
is questioned.

Nothing here is stored: the numbers follow from the routes, whatever came of them. O(routes).
"""

from oms.core.order import ENDED, Order, Route, RouteRequest
from oms.core.types import CxlRejResponseTo


def exposed(route: Route) -> int:
    """What a route has executed or may still execute, in units of 1e-8."""
    most = route.cum_qty
    if route.working not in ENDED:
        most = max(most, route.order_qty)
        for request in route.requests:
            most = max(most, request.order_qty)
    return most


def committed(order: Order) -> int:
    """What all routes of an order have executed or may still execute."""
    return sum(map(exposed, order.routes))


def available(order: Order) -> int:
    """What of the order no route has: what may be given to one."""
    return max(order.order_qty - committed(order), 0)


def share_out(total: int, weights: list[int], lot: int) -> list[int]:
    """A quantity by weights, in whole lots, exact: the parts add up to `total`.

    What rounding leaves goes, lot by lot, to those who lost most by it, the first among equals; what is less
    than a lot to the first of all.

    >>> share_out(100, [1, 1, 1], 1), share_out(1000, [70, 30], 100), share_out(250, [1, 1], 100)
    ([34, 33, 33], [700, 300], [150, 100])
    """
    weight = sum(weights)
    lots = total // lot
    parts = [lots * w // weight for w in weights]
    lost = sorted(range(len(weights)), key=lambda i: (-(lots * weights[i] % weight), i))
    for i in lost[: lots - sum(parts)]:
        parts[i] += 1
    shared = [part * lot for part in parts]
    shared[0] += total - lots * lot
    return shared


def counts_as_refused(route: Route, request: RouteRequest) -> bool:
    """Whether a venue's no to one of several routes is a no to the client.

    What has executed whole in the meantime can be neither changed nor canceled, and need not be: only where
    the client wanted less of it has it come too late.
    """
    if not route.ended:
        return True
    return request.response_to == CxlRejResponseTo.REPLACE and request.order_qty < route.order_qty
