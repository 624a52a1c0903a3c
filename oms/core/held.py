"""Orders that the OMS holds until a price is reached, for venues that know no stop orders.

Such an order is accepted, risk-checked and held like any other, but nobody has it. When the reference price
of its instrument touches its stop price it is triggered, and goes to its venue as the order it turns into: a
stop as a market order, a stop limit as a limit order. The price is the one that collars are measured by:
whoever publishes it decides how good the emulation is.

A stop to buy and a sell if touched wait for a rising price, the other two for a falling one. Both kinds are
kept sorted by price: a new price costs O(log held) and what it triggers.
"""

from typing import Final

from sortedcontainers import SortedList

from oms.core.types import OrdType, Side

TURNS_INTO: Final = {
    OrdType.STOP: OrdType.MARKET,
    OrdType.STOP_LIMIT: OrdType.LIMIT,
    OrdType.MARKET_IF_TOUCHED: OrdType.MARKET,
    OrdType.PEGGED: OrdType.MARKET,  # a trailing stop: the others are not held
}
"""What a triggered order is."""


def waits_for_rise(ord_type: str, side: str) -> bool:
    """Whether the order is triggered at or above its stop price, not at or below."""
    return (ord_type == OrdType.MARKET_IF_TOUCHED) != (side == Side.BUY)


def is_reached(ord_type: str, side: str, stop_px: int, px: int) -> bool:
    """Whether a price triggers it."""
    return px >= stop_px if waits_for_rise(ord_type, side) else px <= stop_px


class HeldOrders:
    """Those of one instrument, by stop price and then by age.

    >>> held = HeldOrders()
    >>> held.add(1, OrdType.STOP, Side.BUY, 105); held.add(2, OrdType.STOP, Side.SELL, 95)
    >>> held.reached(100), held.reached(105), held.reached(90)
    ([], [1], [2])
    """

    __slots__ = ("_falling", "_kept", "_rising")

    def __init__(self) -> None:
        self._rising: SortedList = SortedList()
        self._falling: SortedList = SortedList()  # negated: the highest comes first
        self._kept: dict[int, tuple[bool, tuple[int, int]]] = {}

    def add(self, order_id: int, ord_type: str, side: str, stop_px: int) -> None:
        """Hold an order; one that is held already gets this price."""
        self.remove(order_id)
        rising = waits_for_rise(ord_type, side)
        key = (stop_px if rising else -stop_px, order_id)
        (self._rising if rising else self._falling).add(key)
        self._kept[order_id] = (rising, key)

    def remove(self, order_id: int) -> None:
        """Hold it no more."""
        kept = self._kept.pop(order_id, None)
        if kept is not None:
            (self._rising if kept[0] else self._falling).remove(kept[1])

    def reached(self, px: int) -> list[int]:
        """The orders that a price triggers, first those it passed first."""
        rising = self._rising.irange(maximum=(px, 1 << 62))
        falling = self._falling.irange(maximum=(-px, 1 << 62))
        return [order_id for _, order_id in (*rising, *falling)]
