"""Orders of which we do part of the work, and how such an order looks at its venue.

`Emulated` is an index of a state, derived from its orders: which of them have something to be done, which
wait and for what, which trailing stops a price moves, which expire at a time of day. `emulation` decides what
is done about them.

An order is *idle* when nobody has any of it: no route of it is open, and no request of ours is unanswered
that could open one again. Idle, with something left and no reason to wait, it has something to be done. So
has one whose routes may execute more than is left of it, since a late execution came on an earlier route.
"""

from typing import Any, Final

import msgspec
from sortedcontainers import SortedList, SortedSet

from oms.core.order import ENDED, GOOD_TILL_EMULATED, Order, Route
from oms.core.types import ExecInst, Px, Qty, Side, Terms, TimeInForce, utc_ns

STOP: Final = "stop"
TRAILING_STOP: Final = "trailing_stop"
ICEBERG: Final = "iceberg"
GOOD_TILL: Final = GOOD_TILL_EMULATED

RATE: Final = "rate:"  # see `events.OrderWaits`

NO_TERMS: Final = Terms()
FAR: Final = 1 << 62


# -- an order as its venue sees it ---------------------------------------------------------------------------


def sent_time_in_force(order: Order) -> str:
    """TimeInForce(59) of the order's routes."""
    return order.time_in_force if order.routes_outlive_day or not order.good_till else TimeInForce.DAY


def sent_terms(order: Order, terms: Terms | None, turned: bool, qty: int) -> Terms | None:
    """What a route of that quantity says, of what the order says. `turned`: it is a stop order no more."""
    if terms is None:
        return None
    changes: dict[str, Any] = {"stop_px": Px(0)} if turned else {}
    emulation = order.emulation
    if emulation is not None:
        if turned and TRAILING_STOP in emulation.what:
            changes |= NO_PEG | {"exec_inst": without(terms.exec_inst, ExecInst.TRAILING_STOP_PEG)}
        changes["max_floor"] = Qty(0 if ICEBERG in emulation.what else min(terms.max_floor, qty))
        if GOOD_TILL in emulation.what:
            changes |= NO_DATE
        if order.cum_qty >= terms.min_qty:
            changes["min_qty"] = Qty(0)  # it is of the whole order, and that much has executed
    sent = msgspec.structs.replace(terms, **changes)
    return sent if sent != NO_TERMS else None


NO_DATE: Final[dict[str, Any]] = {"expire_date": "", "expire_time": ""}
NO_PEG: Final[dict[str, Any]] = {"peg_offset": Px(0), "peg_offset_type": "", "peg_move_type": ""}


def without(codes: str, code: str) -> str:
    """ExecInst(18) without one of its codes."""
    return " ".join(c for c in codes.split() if c != code)


# -- what is open of it --------------------------------------------------------------------------------------


def open_routes(order: Order) -> list[Route]:
    """Those that may still execute. O(routes)."""
    return [route for route in order.routes if not route.ended]


def is_unanswered(order: Order) -> bool:
    """Whether a request of ours to a venue is."""
    return any(route.requests for route in order.routes)


def excess(order: Order) -> int:
    """How much more its routes may execute than is left of it."""
    return sum(route.leaves_qty for route in order.routes) - order.leaves_qty


def expires_ns(order: Order) -> int:
    """ExpireTime(126) of an order that is good till a date and has no ExpireDate(432); 0 if there is none."""
    terms = order.versions[-1].terms
    if order.time_in_force != TimeInForce.GTD or terms is None or terms.expire_date:
        return 0
    try:
        return utc_ns(terms.expire_time)
    except ValueError:
        return 0


class Emulated:
    """Of one state. Kept up by `apply`; built again when a snapshot is loaded."""

    __slots__ = ("_expiries", "_expiry_of", "_trailing", "_waiting", "_waits_for", "due", "slowed")

    def __init__(self) -> None:
        self.due: SortedSet = SortedSet()  # the oldest first, so that a loaded state goes on as the live one
        self.slowed: SortedSet = SortedSet()  # those that wait for the rate of their venue
        self._waiting: dict[str, set[int]] = {}  # what is waited for -> orders
        self._waits_for: dict[int, str] = {}
        self._trailing: dict[str, _Trailing] = {}  # by symbol
        self._expiries: SortedList = SortedList()  # (time, order)
        self._expiry_of: dict[int, int] = {}

    @property
    def any(self) -> bool:
        """Whether there may be something to be done."""
        return bool(self.due or self.slowed)

    def look_at(self, order: Order) -> None:
        """Something of an emulated order has changed."""
        emulation = order.emulation
        assert emulation is not None
        id = order.order_id
        self._leave(id)
        self.watch(order)
        ours = not order.held_for and order.working not in ENDED and not is_unanswered(order)
        idle = ours and not order.ended and not open_routes(order)
        if not idle and not (ours and excess(order) > 0):
            # Whatever it waited for: what comes next is another matter.
            emulation.waits_for = ""
        elif emulation.waits_for:
            self._waiting.setdefault(emulation.waits_for, set()).add(id)
            self._waits_for[id] = emulation.waits_for
            if emulation.waits_for.startswith(RATE):
                self.slowed.add(id)
        else:
            self.due.add(id)

    def waiting_for(self, what: str) -> list[int]:
        """The orders that wait for it, the oldest first."""
        return sorted(self._waiting.get(what, ()))

    def _leave(self, order_id: int) -> None:
        self.due.discard(order_id)
        self.slowed.discard(order_id)
        waits_for = self._waits_for.pop(order_id, None)
        if waits_for is not None:
            self._waiting[waits_for].discard(order_id)

    # -- trailing stops --------------------------------------------------------------------------------------

    def trail(self, order: Order) -> None:
        """Follow the reference price with this order, which is held."""
        assert order.emulation is not None
        trailing = self._trailing.setdefault(order.symbol, _Trailing())
        trailing.add(order.order_id, order.side, order.emulation.mark_px)

    def moved_by(self, symbol: str, px: int) -> list[int]:
        """The orders whose stop price such a reference price may move."""
        trailing = self._trailing.get(symbol)
        return trailing.moved_by(px) if trailing is not None else []

    # -- times of day ----------------------------------------------------------------------------------------

    def watch(self, order: Order) -> None:
        """End an order that we have at its ExpireTime(126), if it has one."""
        self._forget_expiry(order.order_id)
        at_ns = expires_ns(order)
        if at_ns and not order.ended:
            self._expiry_of[order.order_id] = at_ns
            self._expiries.add((at_ns, order.order_id))

    def expired(self, now_ns: int) -> list[int]:
        """The orders whose time has come. O(log n + those)."""
        return [order_id for _, order_id in self._expiries.irange(maximum=(now_ns, FAR))]

    def _forget_expiry(self, order_id: int) -> None:
        at_ns = self._expiry_of.pop(order_id, None)
        if at_ns is not None:
            self._expiries.remove((at_ns, order_id))

    def let_go(self, order: Order) -> None:
        """It is held no more."""
        trailing = self._trailing.get(order.symbol)
        if trailing is not None:
            trailing.remove(order.order_id)
        if order.emulation is None:
            self._forget_expiry(order.order_id)

    def forget(self, order: Order) -> None:
        """It has ended."""
        self._leave(order.order_id)
        self.let_go(order)
        self._forget_expiry(order.order_id)


class _Trailing:
    """Trailing stops of one instrument, by the price that moved them last: only a better one moves them.

    Those to sell follow a rising price, those to buy a falling one.
    """

    __slots__ = ("_buys", "_kept", "_sells")

    def __init__(self) -> None:
        self._sells: SortedList = SortedList()
        self._buys: SortedList = SortedList()  # negated: the highest comes first
        self._kept: dict[int, tuple[bool, tuple[int, int]]] = {}

    def add(self, order_id: int, side: str, mark_px: int) -> None:
        self.remove(order_id)
        buys = side == Side.BUY
        key = (-(mark_px or FAR) if buys else mark_px, order_id)
        (self._buys if buys else self._sells).add(key)
        self._kept[order_id] = (buys, key)

    def remove(self, order_id: int) -> None:
        kept = self._kept.pop(order_id, None)
        if kept is not None:
            (self._buys if kept[0] else self._sells).remove(kept[1])

    def moved_by(self, px: int) -> list[int]:
        sells = self._sells.irange(maximum=(px, 0))
        buys = self._buys.irange(maximum=(-px, 0))
        return sorted(order_id for _, order_id in (*sells, *buys))
