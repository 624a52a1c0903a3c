"""All that the engine knows, as the fold of its events.

`State.apply(event)` is the only thing that changes state. It decides nothing, reads no clock and no
configuration, draws no random number, and never refuses: an event has happened. Applying a journal from its
first record, or from a snapshot on, gives the same state to the last bit; `digest()` is a hash over all of it
and shows so.

What is kept twice (the index of routes, the books of open orders, limits as look-ups) is derived: a snapshot
leaves it out and `load` builds it again.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from oms.core import events as ev
from oms.core.held import HeldOrders
from oms.core.order import Execution, Order, Queued, Request, Route, RouteRequest, Version
from oms.core.price_book import PriceBook, Resting
from oms.core.risk import AccountRisk, fill, money, rehold
from oms.core.types import PRICED, SCALE, CxlRejResponseTo, OrdStatus, Px, Qty

Key = tuple[str, str]


class Snapshot(Struct):
    """All of a state that is not derived, as JSON: sums of notionals exceed 64 bits."""

    epoch: str
    next_order_id: int
    next_place: int
    instruments: list[ev.InstrumentDefined]
    accounts: list[ev.AccountDefined]
    firm: ev.FirmDefined | None
    groups: list[ev.AllocationGroupDefined]
    orders: list[Order]
    cl_ord_ids: list[tuple[str, str, int]]
    risk: dict[str, AccountRisk]
    sessions_up: list[str]
    reference_px: dict[str, int]
    halts: list[tuple[str, str, str, str]]
    counts: dict[str, int] = field(default_factory=dict)
    day: int = 1
    day_ended_ns: int = 0
    profiles: list[ev.ProfileDefined] = field(default_factory=list)
    venues: list[ev.VenueDefined] = field(default_factory=list)


class State:
    """Orders, reference data, risk counters and which sessions are up."""

    __slots__ = (
        "_live",
        "accounts",
        "books",
        "buying_power",
        "cl_ord_ids",
        "counts",
        "day",
        "day_ended_ns",
        "due",
        "epoch",
        "firm",
        "groups",
        "halts",
        "held",
        "instruments",
        "next_order_id",
        "next_place",
        "order_notional",
        "orders",
        "profiles",
        "reference_px",
        "risk",
        "routes",
        "sessions_up",
        "venue_of",
        "venues",
    )

    def __init__(self) -> None:
        self.epoch = ""
        self.next_order_id = 1
        self.next_place = 1
        self.instruments: dict[str, ev.InstrumentDefined] = {}
        self.accounts: dict[str, ev.AccountDefined] = {}
        self.firm: ev.FirmDefined | None = None
        self.groups: dict[str, ev.AllocationGroupDefined] = {}
        self.orders: dict[int, Order] = {}
        # All that is open is among these: what has ended leaves when somebody looks.
        self._live: dict[int, Order] = {}
        # (session, ClOrdID) -> order id: every id a client ever used, also refused ones; 0: no order meant.
        self.cl_ord_ids: dict[Key, int] = {}
        # Our ClOrdID at a venue -> the route it was used for.
        self.routes: dict[str, tuple[Order, Route]] = {}
        self.profiles: dict[str, ev.ProfileDefined] = {}
        self.venues: dict[str, ev.VenueDefined] = {}
        # Trading days are counted, from 1 on: what is asked of one is whether it is the same.
        self.day = 1
        self.day_ended_ns = 0
        # Orders whose next request has its turn: see `commands.TakeQueued`.
        self.due: dict[int, None] = {}
        self.risk: dict[str, AccountRisk] = {}
        self.books: dict[str, PriceBook] = {}
        # Orders that wait for a price with us, by symbol.
        self.held: dict[str, HeldOrders] = {}
        self.sessions_up: set[str] = set()
        self.reference_px: dict[str, Px] = {}
        self.halts: dict[Key, tuple[str, str]] = {}
        # How often each kind of order event happened: the desk's numbers of the day.
        self.counts: dict[str, int] = {}
        # Limits as the controls look them up, in units of 1e-16: account -> currency, and currency.
        self.buying_power: dict[str, dict[str, int]] = {}
        self.order_notional: dict[str, int] = {}
        # Market -> venue, where it differs from the default.
        self.venue_of: dict[str, str] = {}

    # -- reading ---------------------------------------------------------------------------------------------

    def find(self, session_id: str, cl_ord_id: str) -> Order | None:
        """The order that a client's ClOrdID was used for, whichever version or request it named."""
        return self.orders.get(self.cl_ord_ids.get((session_id, cl_ord_id), 0))

    def open_orders(self) -> list[Order]:
        """Orders that may still execute or have something unanswered, the oldest first.

        O(those, and what has ended since this was asked last).
        """
        found = sorted((o for o in self._live.values() if not o.settled), key=lambda o: o.order_id)
        self._live = {order.order_id: order for order in found}
        return found

    def digest(self) -> str:
        """A hash over all of the state: equal digests mean equal states. O(everything)."""
        return hashlib.sha256(self.dump()).hexdigest()

    # -- folding ---------------------------------------------------------------------------------------------

    def apply(self, event: ev.Event) -> None:
        """Fold one event into the state. Events that are not about state change nothing."""
        handler = _APPLY.get(type(event))
        if handler is not None:
            handler(self, event)

    # -- snapshots -------------------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """The state as canonical JSON: the same state always gives the same bytes."""
        return _ENCODER.encode(
            Snapshot(
                epoch=self.epoch,
                next_order_id=self.next_order_id,
                next_place=self.next_place,
                instruments=[self.instruments[k] for k in sorted(self.instruments)],
                accounts=[self.accounts[k] for k in sorted(self.accounts)],
                firm=self.firm,
                groups=[self.groups[k] for k in sorted(self.groups)],
                orders=[self.orders[k] for k in sorted(self.orders)],
                cl_ord_ids=sorted((s, c, o) for (s, c), o in self.cl_ord_ids.items()),
                risk=self.risk,
                sessions_up=sorted(self.sessions_up),
                reference_px=dict(self.reference_px),
                halts=sorted((s, v, who, why) for (s, v), (who, why) in self.halts.items()),
                counts=self.counts,
                day=self.day,
                day_ended_ns=self.day_ended_ns,
                profiles=[self.profiles[k] for k in sorted(self.profiles)],
                venues=[self.venues[k] for k in sorted(self.venues)],
            )
        )

    @classmethod
    def load(cls, data: bytes) -> "State":
        """A state from `dump`'s bytes. Raises msgspec.ValidationError if they are not one."""
        snapshot = _DECODER.decode(data)
        state = cls()
        state.epoch = snapshot.epoch
        state.next_order_id = snapshot.next_order_id
        state.next_place = snapshot.next_place
        state.instruments = {i.symbol: i for i in snapshot.instruments}
        for account in snapshot.accounts:
            _account_defined(state, account)
        if snapshot.firm is not None:
            _firm_defined(state, snapshot.firm)
        state.groups = {g.account: g for g in snapshot.groups}
        state.orders = {o.order_id: o for o in snapshot.orders}
        state.cl_ord_ids = {(s, c): o for s, c, o in snapshot.cl_ord_ids}
        state.risk = snapshot.risk
        state.sessions_up = set(snapshot.sessions_up)
        state.reference_px = {s: Px(px) for s, px in snapshot.reference_px.items()}
        state.halts = {(s, v): (who, why) for s, v, who, why in snapshot.halts}
        state.counts = snapshot.counts
        state.day = snapshot.day
        state.day_ended_ns = snapshot.day_ended_ns
        state.profiles = {p.session_id: p for p in snapshot.profiles}
        state.venues = {v.venue: v for v in snapshot.venues}
        state._live = {o.order_id: o for o in snapshot.orders if not o.settled}
        for order in state.orders.values():
            state._look_at_queue(order)
            if order.held_for:
                state._hold(order)
            for route in order.routes:
                for n in range(1, route.sent_ids + 1):
                    state.routes[route_cl_ord_id(state.epoch, order.order_id, route.route_id, n)] = (
                        order,
                        route,
                    )
        resting = [o for o in state.orders.values() if not o.ended and o.price]
        for order in sorted(resting, key=lambda o: o.place):
            state._book(order.symbol).add(Resting(order.order_id, order.side, order.price, order.leaves_qty))
        return state

    # -- helpers ---------------------------------------------------------------------------------------------

    def _book(self, symbol: str) -> PriceBook:
        book = self.books.get(symbol)
        if book is None:
            book = self.books[symbol] = PriceBook()
        return book

    def _rehold(self, order: Order) -> None:
        instrument = self.instruments[order.symbol]
        rehold(self.risk[order.account], order, instrument.currency, instrument.price_unit)

    def _end(self, order: Order, working: str, reason: str) -> None:
        order.working = working
        order.reason = reason
        order.stopped = order.suspended = order.done_for_day = False
        self._rehold(order)
        self._book(order.symbol).remove(order.order_id)
        if order.held_for:
            self._release(order)
        if order.queued:
            self._look_at_queue(order)

    def _hold(self, order: Order) -> None:
        """Wait for the stop price of the order's newest version."""
        terms = order.versions[-1].terms
        held = self.held.get(order.symbol)
        if held is None:
            held = self.held[order.symbol] = HeldOrders()
        held.add(order.order_id, order.ord_type, order.side, terms.stop_px if terms is not None else 0)

    def _release(self, order: Order) -> None:
        order.held_for = ""
        self.held[order.symbol].remove(order.order_id)

    def _look_at_queue(self, order: Order) -> None:
        """Whether the order's next request has its turn."""
        if order.queued and not order.requests:
            self.due[order.order_id] = None
        else:
            self.due.pop(order.order_id, None)

    def _rest(self, order: Order, price: int, leaves_qty: int) -> None:
        """What is open of an order goes into the book, or stays there.

        Before, that was `leaves_qty` at `price`.
        """
        leaves = order.leaves_qty
        if order.price and (order.price != price or leaves > leaves_qty):
            order.place = self._take_place()
        if leaves > 0:
            self._live[order.order_id] = order
        book = self._book(order.symbol)
        if order.order_id in book:
            # A market order that the venue had given a price may have lost it again.
            book.amend(order.order_id, order.price, leaves if order.price else 0)
        elif leaves > 0 and order.price:
            book.add(Resting(order.order_id, order.side, order.price, leaves))

    def _take_place(self) -> int:
        """The last place in the queue."""
        self.next_place += 1
        return self.next_place - 1

    def _count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1


_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_DECODER: Final = msgspec.json.Decoder(Snapshot)


def route_cl_ord_id(epoch: str, order_id: int, route_id: int, n: int) -> str:
    """Our ClOrdID at a venue:

    unique for all time, and it names the order, the route and the request in it.
    """
    return f"{epoch}-{order_id}-{route_id}-{n}"


# -- one function per event ----------------------------------------------------------------------------------


def _engine_started(state: State, event: ev.EngineStarted) -> None:
    state.epoch = event.epoch
    state.sessions_up.clear()


def _instrument_defined(state: State, event: ev.InstrumentDefined) -> None:
    state.instruments[event.symbol] = event


def _account_defined(state: State, event: ev.AccountDefined) -> None:
    state.accounts[event.account] = event
    state.buying_power[event.account] = {currency: most * SCALE for currency, most in event.buying_power}
    state.risk.setdefault(event.account, AccountRisk())


def _firm_defined(state: State, event: ev.FirmDefined) -> None:
    state.firm = event
    state.order_notional = {currency: most * SCALE for currency, most in event.max_order_notional}
    state.venue_of = dict(event.market_venues)


def _allocation_group_defined(state: State, event: ev.AllocationGroupDefined) -> None:
    state.groups[event.account] = event


def _session_logged_on(state: State, event: ev.SessionLoggedOn) -> None:
    state.sessions_up.add(event.session_id)


def _session_logged_out(state: State, event: ev.SessionLoggedOut) -> None:
    state.sessions_up.discard(event.session_id)


def _reference_price_changed(state: State, event: ev.ReferencePriceChanged) -> None:
    state.reference_px[event.symbol] = event.px


def _trading_halted(state: State, event: ev.TradingHalted) -> None:
    state.halts[event.scope, event.value] = (event.who, event.why)


def _trading_resumed(state: State, event: ev.TradingResumed) -> None:
    state.halts.pop((event.scope, event.value), None)


def _order_received(state: State, event: ev.OrderReceived) -> None:
    order_id, symbol, price, side = event.order_id, event.symbol, event.price, event.side
    place = state.next_place
    state.next_place = place + 1
    order = Order(
        order_id,
        event.session_id,
        event.account,
        symbol,
        side,
        event.ord_type,
        event.time_in_force,
        event.at_ns,
        place,
        [Version(event.cl_ord_id, event.order_qty, price, event.hold_px, event.at_ns, event.terms)],
    )
    state.orders[order_id] = state._live[order_id] = order
    if event.cl_ord_id:
        state.cl_ord_ids[event.session_id, event.cl_ord_id] = order_id
    state.next_order_id = order_id + 1
    instrument = state.instruments[symbol]
    rehold(state.risk[event.account], order, instrument.currency, instrument.price_unit)
    if price:
        state._book(symbol).add(Resting(order_id, side, price, event.order_qty))
    state._count("orders")


def _order_denied(state: State, event: ev.OrderDenied) -> None:
    state.orders[event.order_id] = Order(
        order_id=event.order_id,
        session_id=event.session_id,
        account=event.account,
        symbol=event.symbol,
        side=event.side,
        ord_type=event.ord_type,
        time_in_force=event.time_in_force,
        received_ns=event.at_ns,
        place=0,
        versions=[Version(event.cl_ord_id, event.order_qty, event.price, Px(0), event.at_ns)],
        working=OrdStatus.REJECTED,
        reason=event.reason,
    )
    if event.cl_ord_id:
        # A duplicate must not take over the id of the order that used it first.
        state.cl_ord_ids.setdefault((event.session_id, event.cl_ord_id), event.order_id)
    state.next_order_id = event.order_id + 1
    state._count("denied")


def _order_accepted(state: State, event: ev.OrderAccepted) -> None:
    order = state.orders[event.order_id]
    if order.working == OrdStatus.PENDING_NEW:
        order.working = OrdStatus.NEW


def _order_rejected(state: State, event: ev.OrderRejected) -> None:
    state._end(state.orders[event.order_id], OrdStatus.REJECTED, event.text)
    state._count("rejected")


def _order_filled(state: State, event: ev.OrderFilled) -> None:
    order = state.orders[event.order_id]
    qty, px = event.last_qty, event.last_px
    route = order.routes[event.route_id - 1]
    route.executions[event.exec_id] = Execution(len(route.executions) + 1, qty, px, state.day)
    _executed(state, order, route, qty, px, px * qty, state.day)
    book = state.books.get(order.symbol)
    if book is not None and order.order_id in book:
        book.reduce(order.order_id, qty)
    state._count("fills")


def _executed(state: State, order: Order, route: Route, qty: int, px: int, notional: int, day: int) -> None:
    """Count an execution of that day, or take it back where `qty` and `notional` are negative."""
    route.cum_qty += qty
    route.cum_notional += notional
    order.cum_qty += qty
    order.cum_notional += notional
    if order.day != state.day:
        order.day = state.day
        order.day_cum_qty = order.day_cum_notional = 0
    if day == state.day:
        order.day_cum_qty += qty
        order.day_cum_notional += notional
    instrument = state.instruments[order.symbol]
    risk = state.risk[order.account]
    unit = instrument.price_unit
    if unit == SCALE:
        worth = notional
    else:
        # Rounded as it was counted, also where it is taken back.
        worth = money(px, qty, unit) if qty > 0 else -money(px, -qty, unit)
    fill(risk, order, instrument.currency, qty, worth)
    rehold(risk, order, instrument.currency, unit)


def _execution_busted(state: State, event: ev.ExecutionBusted) -> None:
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    busted = route.executions[event.exec_ref_id]
    busted.stands = False
    leaves = order.leaves_qty
    route.executions[event.exec_id] = Execution(len(route.executions) + 1, 0, 0, state.day, stands=False)
    _executed(state, order, route, -busted.qty, busted.px, -busted.px * busted.qty, busted.day)
    state._rest(order, order.price, leaves)
    state._count("busts")


def _execution_corrected(state: State, event: ev.ExecutionCorrected) -> None:
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    before = route.executions[event.exec_ref_id]
    before.stands = False
    before.successor = event.exec_id
    leaves = order.leaves_qty
    qty, px = event.last_qty, event.last_px
    # Of the day of what it corrects.
    route.executions[event.exec_id] = Execution(len(route.executions) + 1, qty, px, before.day)
    _executed(state, order, route, -before.qty, before.px, -before.px * before.qty, before.day)
    _executed(state, order, route, qty, px, px * qty, before.day)
    state._rest(order, order.price, leaves)
    state._count("corrections")


def _cancel_requested(state: State, event: ev.CancelRequested) -> None:
    order = state.orders[event.order_id]
    order.requests.append(
        Request(CxlRejResponseTo.CANCEL, event.cl_ord_id, event.orig_cl_ord_id, Qty(0), Px(0), Px(0))
    )
    if event.cl_ord_id:
        state.cl_ord_ids[event.session_id, event.cl_ord_id] = event.order_id
    if order.queued:
        state._look_at_queue(order)


def _replace_requested(state: State, event: ev.ReplaceRequested) -> None:
    order = state.orders[event.order_id]
    order.requests.append(
        Request(
            CxlRejResponseTo.REPLACE,
            event.cl_ord_id,
            event.orig_cl_ord_id,
            event.order_qty,
            event.price,
            event.hold_px,
            event.terms,
        )
    )
    state.cl_ord_ids[event.session_id, event.cl_ord_id] = event.order_id
    state._rehold(order)
    if order.queued:
        _leave_queue(state, order, event.cl_ord_id)


def _request_denied(state: State, event: ev.RequestDenied) -> None:
    if event.cl_ord_id:
        state.cl_ord_ids.setdefault((event.session_id, event.cl_ord_id), event.order_id)
    state._count("requests_denied")
    order = state.orders.get(event.order_id)
    # A repetition that is refused is not the one that waits under the same id.
    if order is not None and order.queued and event.reason != "duplicate_cl_ord_id":
        _leave_queue(state, order, event.cl_ord_id)


def _request_queued(state: State, event: ev.RequestQueued) -> None:
    order = state.orders[event.order_id]
    order.queued.append(
        Queued(event.session_id, event.cl_ord_id, event.ord_type, event.order_qty, event.price, event.terms)
    )
    state.cl_ord_ids[event.session_id, event.cl_ord_id] = event.order_id


def _leave_queue(state: State, order: Order, cl_ord_id: str) -> None:
    order.queued = [q for q in order.queued if q.cl_ord_id != cl_ord_id]
    state._look_at_queue(order)


def _request_rejected(state: State, event: ev.RequestRejected) -> None:
    order = state.orders[event.order_id]
    order.requests = [r for r in order.requests if r.cl_ord_id != event.cl_ord_id]
    state._rehold(order)
    if order.queued:
        state._look_at_queue(order)
    state._count("requests_rejected")


def _order_canceled(state: State, event: ev.OrderCanceled) -> None:
    order = state.orders[event.order_id]
    order.requests = [r for r in order.requests if r.cl_ord_id != event.cl_ord_id]
    if order.working != OrdStatus.CANCELED:
        # Otherwise a second request is answered by the same end.
        state._count("canceled")
        order.canceled_by = event.cl_ord_id
    state._end(order, OrdStatus.CANCELED, event.text)


def _order_replaced(state: State, event: ev.OrderReplaced) -> None:
    order = state.orders[event.order_id]
    request = order.request(event.cl_ord_id)
    if request is None:
        return
    order.requests.remove(request)
    before = order.versions[-1]
    open_before = max(before.order_qty - order.cum_qty, 0)
    # Below what has executed means: stop there. *Source:* FIX order state matrix C.3.
    order_qty = Qty(max(request.order_qty, order.cum_qty))
    order.versions.append(
        Version(request.cl_ord_id, order_qty, request.price, request.hold_px, event.at_ns, request.terms)
    )
    state._rehold(order)
    state._rest(order, before.price, open_before)
    if order.held_for:
        state._hold(order)
    if order.queued:
        state._look_at_queue(order)
    state._count("replaced")


def _order_expired(state: State, event: ev.OrderExpired) -> None:
    state._end(state.orders[event.order_id], OrdStatus.EXPIRED, event.text)
    state._count("expired")


def _order_done_for_day(state: State, event: ev.OrderDoneForDay) -> None:
    order = state.orders[event.order_id]
    if order.good_till:
        order.done_for_day = True
    else:
        state._end(order, OrdStatus.DONE_FOR_DAY, event.text)


def _day_ended(state: State, event: ev.DayEnded) -> None:
    state.day += 1
    state.day_ended_ns = event.at_ns
    # Those that were filled after they were done for the day as well.
    for order in state.orders.values():
        order.done_for_day = False


def _told(route: Route, exec_id: str) -> None:
    """A copy of what a venue reported unasked changes nothing."""
    if exec_id:
        route.told.append(exec_id)


def _order_restated(state: State, event: ev.OrderRestated) -> None:
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    route.order_qty = event.route_qty
    route.price = event.price
    _told(route, event.exec_id)
    order.done_for_day = order.suspended = False
    before = order.versions[-1]
    if (event.order_qty, event.price) == (before.order_qty, before.price):
        return
    leaves = order.leaves_qty
    hold_px = event.price if order.ord_type in PRICED else before.hold_px
    order.versions.append(
        Version(before.cl_ord_id, event.order_qty, event.price, hold_px, event.at_ns, before.terms)
    )
    state._rehold(order)
    state._rest(order, before.price, leaves)


def _order_stopped(state: State, event: ev.OrderStopped) -> None:
    order = state.orders[event.order_id]
    order.stopped = True
    _told(order.route(event.route_id), event.exec_id)


def _order_suspended(state: State, event: ev.OrderSuspended) -> None:
    order = state.orders[event.order_id]
    order.suspended = True
    _told(order.route(event.route_id), event.exec_id)


def _order_triggered(state: State, event: ev.OrderTriggered) -> None:
    order = state.orders[event.order_id]
    order.suspended = False
    if order.held_for:
        state._release(order)
    elif event.route_id:
        _told(order.route(event.route_id), event.exec_id)


def _order_held(state: State, event: ev.OrderHeld) -> None:
    order = state.orders[event.order_id]
    order.working = OrdStatus.NEW
    order.held_for = event.venue
    state._hold(order)


def _order_calculated(state: State, event: ev.OrderCalculated) -> None:
    order = state.orders[event.order_id]
    order.route(event.route_id).working = OrdStatus.CALCULATED
    state._end(order, OrdStatus.CALCULATED, event.text)


def _profile_defined(state: State, event: ev.ProfileDefined) -> None:
    state.profiles[event.session_id] = event


def _mass_cancel_requested(state: State, event: ev.MassCancelRequested) -> None:
    state.cl_ord_ids.setdefault((event.session_id, event.cl_ord_id), 0)


def _venue_defined(state: State, event: ev.VenueDefined) -> None:
    state.venues[event.venue] = event


def _order_routed(state: State, event: ev.OrderRouted) -> None:
    order = state.orders[event.order_id]
    route = Route(event.route_id, event.venue, event.cl_ord_id, event.order_qty, event.price, event.ord_type)
    order.routes.append(route)
    state.routes[event.cl_ord_id] = (order, route)


def _route_accepted(state: State, event: ev.RouteAccepted) -> None:
    route = state.orders[event.order_id].route(event.route_id)
    if route.working == OrdStatus.PENDING_NEW:
        route.working = OrdStatus.NEW
    route.venue_order_id = event.venue_order_id


def _route_rejected(state: State, event: ev.RouteRejected) -> None:
    state.orders[event.order_id].route(event.route_id).working = OrdStatus.REJECTED


def _cancel_routed(state: State, event: ev.CancelRouted) -> None:
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    route.sent_ids += 1
    route.requests.append(
        RouteRequest(CxlRejResponseTo.CANCEL, event.cl_ord_id, event.request_cl_ord_id, Qty(0), Px(0))
    )
    state.routes[event.cl_ord_id] = (order, route)
    state._live[order.order_id] = order


def _replace_routed(state: State, event: ev.ReplaceRouted) -> None:
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    route.sent_ids += 1
    route.requests.append(
        RouteRequest(
            CxlRejResponseTo.REPLACE, event.cl_ord_id, event.request_cl_ord_id, event.order_qty, event.price
        )
    )
    state.routes[event.cl_ord_id] = (order, route)
    state._live[order.order_id] = order


def _route_canceled(state: State, event: ev.RouteCanceled) -> None:
    route = state.orders[event.order_id].route(event.route_id)
    route.requests = [r for r in route.requests if r.cl_ord_id != event.cl_ord_id]
    route.working = OrdStatus.CANCELED


def _route_replaced(state: State, event: ev.RouteReplaced) -> None:
    route = state.orders[event.order_id].route(event.route_id)
    request = route.request(event.cl_ord_id)
    if request is None:
        return
    route.requests.remove(request)
    route.past_ids.append(route.cl_ord_id)
    route.cl_ord_id = request.cl_ord_id
    route.order_qty = Qty(max(request.order_qty, route.cum_qty))
    route.price = request.price
    if event.venue_order_id:
        route.venue_order_id = event.venue_order_id


def _route_request_rejected(state: State, event: ev.RouteRequestRejected) -> None:
    route = state.orders[event.order_id].route(event.route_id)
    route.requests = [r for r in route.requests if r.cl_ord_id != event.cl_ord_id]


def _route_expired(state: State, event: ev.RouteExpired) -> None:
    order = state.orders[event.order_id]
    _told(order.route(event.route_id), event.exec_id)
    if event.done_for_day and order.good_till:
        return
    order.route(event.route_id).working = OrdStatus.DONE_FOR_DAY if event.done_for_day else OrdStatus.EXPIRED


def _report_questioned(state: State, event: ev.ReportQuestioned) -> None:
    state._count("questioned")


_APPLY: Final[dict[type, Callable[[State, Any], None]]] = {
    ev.EngineStarted: _engine_started,
    ev.InstrumentDefined: _instrument_defined,
    ev.AccountDefined: _account_defined,
    ev.FirmDefined: _firm_defined,
    ev.AllocationGroupDefined: _allocation_group_defined,
    ev.SessionLoggedOn: _session_logged_on,
    ev.SessionLoggedOut: _session_logged_out,
    ev.ReferencePriceChanged: _reference_price_changed,
    ev.TradingHalted: _trading_halted,
    ev.TradingResumed: _trading_resumed,
    ev.OrderReceived: _order_received,
    ev.OrderDenied: _order_denied,
    ev.OrderAccepted: _order_accepted,
    ev.OrderRejected: _order_rejected,
    ev.OrderFilled: _order_filled,
    ev.CancelRequested: _cancel_requested,
    ev.ReplaceRequested: _replace_requested,
    ev.RequestDenied: _request_denied,
    ev.RequestRejected: _request_rejected,
    ev.OrderCanceled: _order_canceled,
    ev.OrderReplaced: _order_replaced,
    ev.OrderExpired: _order_expired,
    ev.OrderDoneForDay: _order_done_for_day,
    ev.OrderRouted: _order_routed,
    ev.RouteAccepted: _route_accepted,
    ev.RouteRejected: _route_rejected,
    ev.CancelRouted: _cancel_routed,
    ev.ReplaceRouted: _replace_routed,
    ev.RouteCanceled: _route_canceled,
    ev.RouteReplaced: _route_replaced,
    ev.RouteRequestRejected: _route_request_rejected,
    ev.RouteExpired: _route_expired,
    ev.ReportQuestioned: _report_questioned,
    ev.ExecutionBusted: _execution_busted,
    ev.ExecutionCorrected: _execution_corrected,
    ev.OrderRestated: _order_restated,
    ev.OrderStopped: _order_stopped,
    ev.OrderSuspended: _order_suspended,
    ev.OrderTriggered: _order_triggered,
    ev.OrderHeld: _order_held,
    ev.OrderCalculated: _order_calculated,
    ev.RequestQueued: _request_queued,
    ev.DayEnded: _day_ended,
    ev.ProfileDefined: _profile_defined,
    ev.VenueDefined: _venue_defined,
    ev.MassCancelRequested: _mass_cancel_requested,
}
