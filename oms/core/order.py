"""The client's order, its versions and open requests, and its routes to venues.

What an order *is* and what has been *asked* of it are kept apart. `working` says how far the order itself has
come (pending new, live, or ended in one of six ways); `requests` are the cancels and replaces that are still
unanswered. OrdStatus(39) is derived from both and from the quantities, by the precedence that FIX gives, so
that an order can be part-filled and pending cancel at once without either fact being lost.

Versions: an accepted replace appends a `Version`; nothing is overwritten. Quantities (`cum_qty`,
`cum_notional`) run over all versions. A refused request leaves no version: its ClOrdID can be neither used
again nor named as OrigClOrdID.

Executions are kept one by one with their route: a venue may correct or bust each of them, on a later day too,
and a report of one that is known changes nothing. `day_cum_qty` is what was executed on `day`, for
orders that outlive it.

A `Route` is one child of an order at one venue, with ids, quantities and requests of its own. Fills of routes
are fills of the order; everything else about a route reaches the order only through an event that says so.

An order of several instruments has `legs`, each with executions and held risk of its own, beside what the
venue reports of the order as a whole: see `legs`.

Structs are mutable and belong to `state.State`: only `apply` changes them. None refers back to what holds it,
so the garbage collector need not look at them.
"""

from typing import Final

from msgspec import Struct, field

from oms.core.types import GOOD_TILL, CxlRejResponseTo, OrdStatus, Px, Qty, Terms

ENDED: Final = frozenset(
    (
        OrdStatus.DONE_FOR_DAY,
        OrdStatus.CANCELED,
        OrdStatus.REJECTED,
        OrdStatus.EXPIRED,
        OrdStatus.CALCULATED,
    )
)
"""Values of `working` from which an order executes no more. A full fill is not among them: it is derived."""


GOOD_TILL_EMULATED: Final = "good_till"
"""The emulation by which a good-till order is sent for the day, every day."""


class Version(Struct, gc=False):
    """What the order was from one accepted request on."""

    cl_ord_id: str
    order_qty: Qty
    price: Px  # 0 for a market order
    hold_px: Px
    at_ns: int
    terms: Terms | None = None


class Request(Struct, gc=False):
    """An unanswered cancel or replace of the client."""

    response_to: str  # CxlRejResponseTo(434): 1 cancel, 2 replace
    cl_ord_id: str
    orig_cl_ord_id: str
    order_qty: Qty
    price: Px
    hold_px: Px
    terms: Terms | None = None
    refused: bool = False  # by one of the routes that were asked
    mass_cl_ord_id: str = ""  # the client's mass cancel it is part of


class Queued(Struct, gc=False):
    """A replace that waits until an earlier request is answered: see `Profile.second_request`."""

    session_id: str
    cl_ord_id: str
    ord_type: str
    order_qty: Qty
    price: Px
    terms: Terms | None = None
    is_multileg: bool = False


class Execution(Struct, array_like=True, gc=False):
    """One execution as the venue last said it; or a bust, which is of no quantity and does not stand."""

    number: int  # within its route, from 1 on: our own ExecID(17) is made of it
    qty: int
    px: int
    day: int  # the day it was executed on
    stands: bool = True  # not busted, and not replaced by a correction
    successor: str = ""  # the ExecID of the correction that replaced it

    @property
    def is_bust(self) -> bool:
        """Whether it is the bust of another one."""
        return not self.qty


class OrderLeg(Struct, gc=False):
    """What has become of one leg of a multileg order."""

    symbol: str
    side: str  # 1 or 2: what it does, the order's own Side taken into account
    ratio_qty: int
    leg_ref_id: str
    cum_qty: int = 0
    cum_notional: int = 0  # units of 1e-16, in quoted prices
    held_qty: int = 0  # what risk holds for it: see risk.py
    held_money: int = 0
    executions: dict[str, Execution] = field(default_factory=dict)  # by the venue's ExecID(17)


class Emulation(Struct, gc=False):
    """What we do for an order because its venue cannot: see `emulation`."""

    venue: str
    what: tuple[str, ...]
    destination: str = ""  # its name, where that is not the venue's
    waits_for: str = ""  # why the rest of it is not sent: see `events.OrderWaits`
    mark_px: int = 0  # the reference price that its trailing stop price was last moved by; 0: never


class RouteRequest(Struct, gc=False):
    """An unanswered cancel or replace of a route, ours to the venue."""

    response_to: str
    cl_ord_id: str  # ours
    request_cl_ord_id: str  # the client's request it serves; empty for our own wish
    order_qty: Qty
    price: Px
    mass_cl_ord_id: str = ""  # the client's mass cancel it is part of


class Plan(Struct, gc=False):
    """How an order is worked in parts, or what it waits for: see `working`."""

    to: str  # a strategy, or a destination that could not take the order yet
    started_ns: int
    since_ns: int = 0  # when `step` became what it is
    step: int = 0
    wake_ns: int = 0
    waits: tuple[str, ...] = ()
    round: int = 0
    place: int = 0  # its age among those who wait
    stuck: str = ""
    volume: int = 0  # what had been traded when the order came


class Route(Struct, gc=False):
    """One child of an order at one venue."""

    route_id: int
    venue: str
    cl_ord_id: str  # ours: the accepted one
    order_qty: Qty
    price: Px
    ord_type: str = ""  # where it is not the order's: see `held`
    sent_ids: int = 1  # how many ClOrdIDs we have used for it: the next is numbered so
    venue_order_id: str = ""
    past_ids: list[str] = field(default_factory=list)  # accepted ids that a replace has put aside
    working: str = OrdStatus.PENDING_NEW
    cum_qty: int = 0
    cum_notional: int = 0
    requests: list[RouteRequest] = field(default_factory=list)
    executions: dict[str, Execution] = field(default_factory=dict)  # by the venue's ExecID(17)
    told: list[str] = field(default_factory=list)  # ExecIDs of what it reported unasked beside executions
    destination: str = ""  # its name, where that is not the venue's
    terms: Terms | None = None  # where they are not the order's
    time_in_force: str = ""  # where it is not the order's
    dropped: bool = False  # the venue canceled it unasked

    @property
    def ended(self) -> bool:
        """Whether it executes no more."""
        return self.working in ENDED or self.cum_qty >= self.order_qty

    @property
    def leaves_qty(self) -> int:
        """What is still open at the venue, in units of 1e-8."""
        return 0 if self.working in ENDED else max(self.order_qty - self.cum_qty, 0)

    @property
    def in_doubt(self) -> bool:
        """Whether something we sent is unanswered."""
        return self.working == OrdStatus.PENDING_NEW or bool(self.requests)

    def request(self, cl_ord_id: str) -> RouteRequest | None:
        """The unanswered request with that ClOrdID of ours."""
        for request in self.requests:
            if request.cl_ord_id == cl_ord_id:
                return request
        return None


class Order(Struct, gc=False):
    """A client's order over its whole life."""

    order_id: int
    session_id: str
    account: str
    symbol: str
    side: str
    ord_type: str
    time_in_force: str
    received_ns: int
    place: int  # its place in the queue of open orders: a count, since a clock may stand still or step back
    versions: list[Version]
    working: str = OrdStatus.PENDING_NEW
    cum_qty: int = 0
    cum_notional: int = 0  # units of 1e-16, in quoted prices
    requests: list[Request] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    held_qty: int = 0  # what risk holds for it: see risk.py
    held_money: int = 0
    reason: str = ""  # why it ended, where that was not asked for
    stopped: bool = False  # a price is guaranteed
    suspended: bool = False  # the venue does not trade it for the time being
    done_for_day: bool = False  # of an order that outlives the day: nothing more today
    day: int = 0  # the day that the next two are of
    day_cum_qty: int = 0
    day_cum_notional: int = 0
    queued: list[Queued] = field(default_factory=list)
    held_for: str = ""  # the venue it goes to when its stop price is reached; empty if we do not hold it
    canceled_by: str = ""  # ClOrdID(11) of the request that canceled it
    plan: Plan | None = None  # of one that is worked in parts, or waits for its destination
    list_id: str = ""  # ListID(66) of the list that it is of
    waits: bool = False  # with its list, for the client's word to execute it: see `order_list`
    ord_rej_reason: int = 0  # OrdRejReason(103) of one that was denied or rejected
    legs: list[OrderLeg] | None = None  # of a multileg order
    emulation: Emulation | None = None

    @property
    def cl_ord_id(self) -> str:
        """ClOrdID(11) of the newest version."""
        return self.versions[-1].cl_ord_id

    @property
    def order_qty(self) -> int:
        """OrderQty(38) of the newest version."""
        return self.versions[-1].order_qty

    @property
    def price(self) -> int:
        """Price(44) of the newest version."""
        return self.versions[-1].price

    @property
    def leaves_qty(self) -> int:
        """LeavesQty(151)."""
        return 0 if self.working in ENDED else max(self.versions[-1].order_qty - self.cum_qty, 0)

    @property
    def ended(self) -> bool:
        """Whether it executes no more."""
        return self.working in ENDED or self.cum_qty >= self.versions[-1].order_qty

    @property
    def settled(self) -> bool:
        """Whether it has ended and nothing of it is unanswered."""
        if not self.ended or self.requests:
            return False
        return not any(route.in_doubt for route in self.routes)

    @property
    def with_us(self) -> bool:
        """Whether nobody else has it yet: it waits for its stop price, or with its list."""
        return self.waits or bool(self.held_for)

    @property
    def good_till(self) -> bool:
        """Whether it outlives the day."""
        return self.time_in_force in GOOD_TILL

    @property
    def routes_outlive_day(self) -> bool:
        """Whether its routes do as well, or are for the day and sent again on the next."""
        emulation = self.emulation
        return self.good_till and (emulation is None or GOOD_TILL_EMULATED not in emulation.what)

    def request(self, cl_ord_id: str) -> Request | None:
        """The unanswered request with that ClOrdID."""
        for request in self.requests:
            if request.cl_ord_id == cl_ord_id:
                return request
        return None

    def route(self, route_id: int) -> Route:
        """The route with that id. Routes are numbered from 1 in the order they were made."""
        return self.routes[route_id - 1]


def ord_status(order: Order) -> str:
    """OrdStatus(39), chosen by precedence among all that is true of the order.

    *Source:* FIX 5.0 SP2 volume 4, ExecutionReport: pending cancel, pending replace, done for day,
    calculated, filled, stopped, suspended, canceled and expired, partially filled, new and rejected and
    pending new.
    """
    if order.requests:
        if any(r.response_to == CxlRejResponseTo.CANCEL for r in order.requests):
            return OrdStatus.PENDING_CANCEL
        return OrdStatus.PENDING_REPLACE
    return settled_status(order)


def settled_status(order: Order) -> str:
    """OrdStatus(39) as it would be without the unanswered requests."""
    working = order.working
    if working == OrdStatus.DONE_FOR_DAY or order.done_for_day:
        return OrdStatus.DONE_FOR_DAY
    if working == OrdStatus.CALCULATED:
        return working
    if order.cum_qty and order.cum_qty >= order.versions[-1].order_qty:
        return OrdStatus.FILLED
    if order.stopped:
        return OrdStatus.STOPPED
    if order.suspended:
        return OrdStatus.SUSPENDED
    if working in (OrdStatus.CANCELED, OrdStatus.EXPIRED):
        return working
    if order.cum_qty:
        return OrdStatus.PARTIALLY_FILLED
    return working


def day_quantities(order: Order, day: int) -> tuple[int, int, int]:
    """DayOrderQty(424), DayCumQty(425), and the notional behind DayAvgPx(426), on that day.

    *Source:* FIX 5.0 SP2 volume 4: DayOrderQty is OrderQty less what was executed before the day.
    """
    if order.day != day:
        return order.order_qty - order.cum_qty, 0, 0
    return order.order_qty - (order.cum_qty - order.day_cum_qty), order.day_cum_qty, order.day_cum_notional
