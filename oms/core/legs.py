"""The legs of a multileg order: what each does, how much of it, and how the whole is reckoned from them.

A multileg order buys or sells a *combination*: so and so much of each of its legs at a time, at one net
price. Its own quantities (`Order.cum_qty` and so on) count combinations. Its legs are what is owned and paid
for: they hold risk, and their executions move positions and money. An execution of the combination moves
neither.

Buying the combination does to each leg what its LegSide(624) says; selling it does the opposite. AS_DEFINED
and OPPOSITE are other words for the two. A net price is what buying costs: the prices of the legs that are
bought less those of the legs that are sold, each as often as its ratio says. It may be zero or negative.
Selling at a net price is being paid it.

Executions of the combination and of its legs are separate reports, in any order. Until both have come, they
do not agree; `open_leg_qty` is then what either side of the story still leaves open, so that no position can
come as a surprise. *Source:* MultiLegReportingType(442); FIX 4.4 volume 4, NewOrderMultileg(AB).
"""

from collections.abc import Iterable, Sequence
from typing import Final

from oms.core.order import ENDED, Order, OrderLeg, ord_status
from oms.core.types import SCALE, Leg, OrdStatus, Side

TURNED: Final = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}
SELLING: Final = (Side.SELL, Side.OPPOSITE)
"""Side(54) of a multileg order that turns its legs round."""


def leg_side(order_side: str, leg: Leg) -> str:
    """What a leg does, 1 or 2, when the order has that side."""
    return TURNED[leg.side] if order_side in SELLING else leg.side


def leg_qty(order_qty: int, ratio_qty: int) -> int:
    """How much of a leg goes into so many of the order."""
    return order_qty * ratio_qty // SCALE


def new_legs(side: str, legs: Sequence[Leg]) -> list[OrderLeg]:
    """The legs of an order that was just received."""
    return [OrderLeg(leg.symbol, leg_side(side, leg), leg.ratio_qty, leg.leg_ref_id) for leg in legs]


def legs_of(order: Order) -> tuple[Leg, ...]:
    """The legs of the newest version, as its client defines them."""
    terms = order.versions[-1].terms
    assert terms is not None
    return terms.legs


def open_leg_qty(order: Order, leg: OrderLeg, order_qty: int) -> int:
    """What a leg may still execute if the order is for that quantity.

    Its part of the whole order, or, once that has ended, its part of what the combination has executed: what
    is missing of that will be reported yet.
    """
    cum_qty = order.cum_qty
    wanted = cum_qty if order.working in ENDED or cum_qty > order_qty else order_qty
    return max(leg_qty(wanted, leg.ratio_qty) - leg.cum_qty, 0)


def leg_status(order: Order, leg: OrderLeg) -> str:
    """OrdStatus(39) of a report about a leg: the order's, but for how much of the leg is executed."""
    status = ord_status(order)
    if status not in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED, OrdStatus.FILLED):
        return status
    if not leg.cum_qty:
        return OrdStatus.NEW
    done = leg.cum_qty >= leg_qty(order.order_qty, leg.ratio_qty)
    return OrdStatus.FILLED if done else OrdStatus.PARTIALLY_FILLED


def find_leg(order: Order, leg_ref_id: str, symbol: str) -> int:
    """The number of a leg, from 1 on, by LegRefID(654) or by its symbol, which no two legs share.

    0 if there is none, or if the two name different legs.
    """
    found = 0
    for number, leg in enumerate(order.legs or (), 1):
        if (leg_ref_id and leg.leg_ref_id == leg_ref_id) or (symbol and leg.symbol == symbol):
            if found:
                return 0
            found = number
    return found


def agree(order: Order) -> bool:
    """Whether the legs have executed just what the combination has."""
    return all(leg_qty(order.cum_qty, leg.ratio_qty) == leg.cum_qty for leg in order.legs or ())


def complete_qty(legs: Iterable[tuple[int, int]]) -> int:
    """How many whole combinations the quantities of legs make, from (quantity, ratio) of each; units of 1e-8.

    >>> complete_qty([(250 * SCALE, 100 * SCALE), (300 * SCALE, 100 * SCALE)]) // SCALE
    2
    """
    return min(qty * SCALE // ratio for qty, ratio in legs) // SCALE * SCALE
