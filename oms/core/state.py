"""All that the engine knows, as the fold of its events.

`State.apply(event)` is the only thing that changes state. It decides nothing, reads no clock and no
configuration, draws no random number, and never refuses: an event has happened. Applying a journal from its
first record, or from a snapshot on, gives the same state to the last bit; `digest()` is a hash over all of it
and shows so.

What is kept twice (the index of routes, the books of open orders, limits as look-ups) is derived: a snapshot
leaves it out and `load` builds it again.
"""

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, field

from oms.core import events as ev
from oms.core.calendar import Calendar, MarketDay
from oms.core.emulated import TRAILING_STOP, Emulated
from oms.core.fold import HANDLERS
from oms.core.held import HeldOrders
from oms.core.market import Level, Market
from oms.core.order import Order, Route
from oms.core.order_list import OrderList
from oms.core.price_book import PriceBook, Resting
from oms.core.risk import AccountRisk, rehold, required_hold, required_leg_hold
from oms.core.types import Px
from oms.core.waiting import Waiting

if TYPE_CHECKING:
    from oms.core.router import Router

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
    profiles: list[ev.ProfileDefined] = field(default_factory=list)
    venues: list[ev.VenueDefined] = field(default_factory=list)
    resets_due: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    days: dict[str, MarketDay] = field(default_factory=dict)
    calendars: list[ev.CalendarDefined] = field(default_factory=list)
    destinations: list[ev.DestinationDefined] = field(default_factory=list)
    strategies: list[ev.StrategyDefined] = field(default_factory=list)
    rates: list[ev.VenueRateDefined] = field(default_factory=list)
    sent_until_ns: dict[str, int] = field(default_factory=dict)
    rounds: dict[str, int] = field(default_factory=dict)
    to_work: list[int] = field(default_factory=list)
    depth: list[tuple[str, str, int, list[Level], list[Level]]] = field(default_factory=list)
    volume: dict[str, int] = field(default_factory=dict)
    reconciles: list[ev.ReconcileDefined] = field(default_factory=list)
    questions: dict[str, dict[str, int]] = field(default_factory=dict)
    lists: list[OrderList] = field(default_factory=list)
    routing: ev.RoutingDefined | None = None


class State:
    """Orders, reference data, risk counters and which sessions are up."""

    __slots__ = (
        "accounts",
        "books",
        "buying_power",
        "calendars",
        "cl_ord_ids",
        "counts",
        "day",
        "days",
        "destinations",
        "due",
        "emulated",
        "epoch",
        "firm",
        "groups",
        "halts",
        "held",
        "instruments",
        "lists",
        "lists_due",
        "live",
        "market",
        "next_order_id",
        "next_place",
        "open_members",
        "order_notional",
        "orders",
        "profiles",
        "questions",
        "reconciles",
        "reference_px",
        "resets_due",
        "restarted",
        "risk",
        "router",
        "routes",
        "routing",
        "sessions_up",
        "strategies",
        "venue_of",
        "venues",
        "waiting",
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
        self.live: dict[int, Order] = {}
        # (session, ClOrdID) -> order id: every id that a client has used and may not use again, also refused
        # ones; 0: no order meant.
        self.cl_ord_ids: dict[Key, int] = {}
        # Our ClOrdID at a venue -> the route it was used for.
        self.routes: dict[str, tuple[Order, Route]] = {}
        self.profiles: dict[str, ev.ProfileDefined] = {}
        self.venues: dict[str, ev.VenueDefined] = {}
        # Venues that are to be asked for new sequence numbers, and sessions that got such since they were up.
        self.resets_due: set[str] = set()
        self.restarted: set[str] = set()
        # Trading days are counted, from 1 on: what is asked of one is whether it is the same. Every end of a
        # day makes a number; the markets that it ended are on that day from then on.
        self.day = 1
        # Market -> its day; "": that of markets of which no day has ended by itself.
        self.days: dict[str, MarketDay] = {"": MarketDay()}
        self.calendars: dict[str, Calendar] = {}
        # Orders whose next request has its turn: see `commands.TakeQueued`.
        self.due: dict[int, None] = {}
        # Lists of orders; which of each one's orders may still execute; and those that have a next step: see
        # `commands.WorkList`.
        self.lists: dict[Key, OrderList] = {}
        self.open_members: dict[Key, set[int]] = {}
        self.lists_due: dict[Key, None] = {}
        self.risk: dict[str, AccountRisk] = {}
        self.books: dict[str, PriceBook] = {}
        # Orders that wait for a price with us, by symbol.
        self.held: dict[str, HeldOrders] = {}
        # Orders of which we do part of the work.
        self.emulated = Emulated()
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
        self.destinations: dict[str, ev.DestinationDefined] = {}
        self.strategies: dict[str, ev.StrategyDefined] = {}
        self.market = Market()
        self.reconciles: dict[str, ev.ReconcileDefined] = {}
        # Venue -> our ClOrdIDs that it was asked about and has not answered, and their orders. Nothing new
        # goes there meanwhile.
        self.questions: dict[str, dict[str, int]] = {}
        # Orders that are worked in parts or cannot go yet.
        self.waiting = Waiting()
        # The routing table, if there is one; and as orders are chosen for by it, once one has been.
        self.routing: ev.RoutingDefined | None = None
        self.router: Router | None = None

    # -- reading ---------------------------------------------------------------------------------------------

    def find(self, session_id: str, cl_ord_id: str) -> Order | None:
        """The order that a client's ClOrdID was used for, whichever version or request it named."""
        return self.orders.get(self.cl_ord_ids.get((session_id, cl_ord_id), 0))

    def venues_up(self) -> set[str]:
        """Sessions that take orders: logged on, not halted by a person, and with nothing to answer first."""
        return {
            name
            for name in self.sessions_up
            if ("venue", name) not in self.halts and name not in self.questions
        }

    def is_free(self, session_id: str, cl_ord_id: str) -> bool:
        """Whether a client may use a ClOrdID: nobody has it, or its order has ended and that is enough."""
        order_id = self.cl_ord_ids.get((session_id, cl_ord_id))
        if order_id is None:
            return True
        profile = self.profiles.get(session_id)
        if profile is None or profile.cl_ord_ids != "open":
            return False
        order = self.orders.get(order_id)
        return order is None or order.settled

    def open_orders(self) -> list[Order]:
        """Orders that may still execute or have something unanswered, the oldest first.

        O(those, and what has ended since this was asked last).
        """
        found = sorted((o for o in self.live.values() if not o.settled), key=lambda o: o.order_id)
        self.live = {order.order_id: order for order in found}
        return found

    def market_of(self, order: Order) -> str:
        """The market whose days an order has: its instrument's, or its first leg's. Empty if not known."""
        instrument = self.instruments.get(order.symbol if order.legs is None else order.legs[0].symbol)
        return instrument.market if instrument is not None else ""

    def day_at(self, market: str) -> MarketDay:
        """Where a market is in its days."""
        return self.days.get(market) or self.days[""]

    def day_of(self, order: Order) -> int:
        """The number of the day that an order's market is on."""
        return self.day_at(self.market_of(order)).number

    def digest(self) -> str:
        """A hash over all of the state: equal digests mean equal states. O(everything)."""
        return hashlib.sha256(self.dump()).hexdigest()

    # -- folding ---------------------------------------------------------------------------------------------

    def apply(self, event: ev.Event) -> None:
        """Fold one event into the state. Events that are not about state change nothing."""
        handler = HANDLERS.get(type(event))
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
                profiles=[self.profiles[k] for k in sorted(self.profiles)],
                venues=[self.venues[k] for k in sorted(self.venues)],
                resets_due=sorted(self.resets_due),
                restarted=sorted(self.restarted),
                days=self.days,
                calendars=[self.calendars[k].event for k in sorted(self.calendars)],
                destinations=[self.destinations[k] for k in sorted(self.destinations)],
                strategies=[self.strategies[k] for k in sorted(self.strategies)],
                rates=[self.waiting.rates[k] for k in sorted(self.waiting.rates)],
                sent_until_ns=self.waiting.sent_until_ns,
                rounds=self.waiting.rounds(),
                to_work=list(self.waiting.to_work),
                depth=self.market.rows(),
                volume=self.market.volume,
                reconciles=[self.reconciles[k] for k in sorted(self.reconciles)],
                questions=self.questions,
                lists=[self.lists[k] for k in sorted(self.lists)],
                routing=self.routing,
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
            state.apply(account)
        if snapshot.firm is not None:
            state.apply(snapshot.firm)
        state.groups = {g.account: g for g in snapshot.groups}
        state.orders = {o.order_id: o for o in snapshot.orders}
        state.cl_ord_ids = {(s, c): o for s, c, o in snapshot.cl_ord_ids}
        state.risk = snapshot.risk
        state.sessions_up = set(snapshot.sessions_up)
        state.reference_px = {s: Px(px) for s, px in snapshot.reference_px.items()}
        state.halts = {(s, v): (who, why) for s, v, who, why in snapshot.halts}
        state.counts = snapshot.counts
        state.day = snapshot.day
        state.days = snapshot.days or {"": MarketDay(snapshot.day)}
        state.calendars = {c.market: Calendar(c) for c in snapshot.calendars}
        state.profiles = {p.session_id: p for p in snapshot.profiles}
        state.venues = {v.venue: v for v in snapshot.venues}
        state.resets_due = set(snapshot.resets_due)
        state.restarted = set(snapshot.restarted)
        state.destinations = {d.name: d for d in snapshot.destinations}
        state.strategies = {s.name: s for s in snapshot.strategies}
        state.waiting.restore(
            snapshot.rates,
            snapshot.sent_until_ns,
            snapshot.rounds,
            (order for order in snapshot.orders if order.plan is not None),
            snapshot.to_work,
        )
        state.reconciles = {r.venue: r for r in snapshot.reconciles}
        state.questions = snapshot.questions
        state.market.restore(snapshot.depth, snapshot.volume)
        state.routing = snapshot.routing
        state.live = {o.order_id: o for o in snapshot.orders if not o.settled}
        state.lists = {found.key: found for found in snapshot.lists}
        state.open_members = {
            found.key: {order_id for order_id in found.order_ids if not state.orders[order_id].ended}
            for found in snapshot.lists
        }
        for found in snapshot.lists:
            state.look_at_list(found)
        for order in state.orders.values():
            state.look_at_queue(order)
            if order.held_for:
                state.hold_back(order)
            if order.emulation is not None:
                state.emulated.look_at(order)
            for route in order.routes:
                for n in range(1, route.sent_ids + 1):
                    state.routes[route_cl_ord_id(state.epoch, order.order_id, route.route_id, n)] = (
                        order,
                        route,
                    )
        state.make_books()
        return state

    def make_books(self) -> None:
        """The books anew, from what is open of every order, by its place in the queue."""
        self.books = {}
        resting = [o for o in self.orders.values() if not o.ended and o.price and o.legs is None]
        for order in sorted(resting, key=lambda order: order.place):
            self.book(order.symbol).add(Resting(order.order_id, order.side, order.price, order.leaves_qty))

    # -- helpers ---------------------------------------------------------------------------------------------

    def venues_moved(self) -> None:
        """A session takes orders that did not, or the other way round; or may."""
        if self.router is not None:
            self.router.look_at(self.venues_up())

    def book(self, symbol: str) -> PriceBook:
        book = self.books.get(symbol)
        if book is None:
            book = self.books[symbol] = PriceBook()
        return book

    def rehold(self, order: Order) -> None:
        risk = self.risk[order.account]
        if order.legs is not None:
            for number, leg in enumerate(order.legs, 1):
                instrument = self.instruments[leg.symbol]
                qty, held = required_leg_hold(order, number, instrument.price_unit)
                rehold(risk, leg, instrument.currency, qty, held)
            return
        instrument = self.instruments[order.symbol]
        qty, held = required_hold(order, instrument.price_unit)
        rehold(risk, order, instrument.currency, qty, held)

    def end(self, order: Order, working: str, reason: str) -> None:
        order.working = working
        order.reason = reason
        order.stopped = order.suspended = order.done_for_day = order.waits = False
        self.rehold(order)
        if order.legs is None:
            self.book(order.symbol).remove(order.order_id)
        if order.held_for:
            self.let_go(order)
        if order.emulation is not None:
            order.emulation.waits_for = ""
            self.emulated.forget(order)
        if order.queued:
            self.look_at_queue(order)
        if order.plan is not None:
            self.waiting.leave(order)
        if order.list_id:
            self.look_at_member(order)

    def hold_back(self, order: Order) -> None:
        """Wait for the stop price of the order's newest version."""
        terms = order.versions[-1].terms
        held = self.held.get(order.symbol)
        if held is None:
            held = self.held[order.symbol] = HeldOrders()
        held.add(order.order_id, order.ord_type, order.side, terms.stop_px if terms is not None else 0)
        self.emulated.watch(order)
        if order.emulation is not None and TRAILING_STOP in order.emulation.what:
            self.emulated.trail(order)

    def let_go(self, order: Order) -> None:
        order.held_for = ""
        self.held[order.symbol].remove(order.order_id)
        self.emulated.let_go(order)

    def look_at_queue(self, order: Order) -> None:
        """Whether the order's next request has its turn."""
        if order.queued and not order.requests:
            self.due[order.order_id] = None
        else:
            self.due.pop(order.order_id, None)

    def look_at_list(self, found: OrderList) -> None:
        """Whether a list has a next step."""
        if found.has_work(not self.open_members[found.key]):
            self.lists_due[found.key] = None
        else:
            self.lists_due.pop(found.key, None)

    def look_at_member(self, order: Order) -> None:
        """Whether an order of a list may still execute, and what that means for the list."""
        found = self.lists[order.session_id, order.list_id]
        still_open = self.open_members[found.key]
        if (order.order_id in still_open) != order.ended:
            return
        if order.ended:
            still_open.discard(order.order_id)
        else:
            still_open.add(order.order_id)
            found.told_done = False
        self.look_at_list(found)

    def rest(self, order: Order, price: int, leaves_qty: int) -> None:
        """What is open of an order goes into the book, or stays there.

        Before, that was `leaves_qty` at `price`.
        """
        leaves = order.leaves_qty
        if order.legs is not None:
            # It is in no book: its price is not that of an instrument.
            if leaves > 0:
                self.live[order.order_id] = order
            return
        if order.price and (order.price != price or leaves > leaves_qty):
            order.place = self.take_place()
        if leaves > 0:
            self.live[order.order_id] = order
        book = self.book(order.symbol)
        if order.order_id in book:
            # A market order that the venue had given a price may have lost it again.
            book.amend(order.order_id, order.price, leaves if order.price else 0)
        elif leaves > 0 and order.price:
            book.add(Resting(order.order_id, order.side, order.price, leaves))

    def take_place(self) -> int:
        """The last place in the queue."""
        self.next_place += 1
        return self.next_place - 1

    def count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1


_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_DECODER: Final = msgspec.json.Decoder(Snapshot)


def route_cl_ord_id(epoch: str, order_id: int, route_id: int, n: int) -> str:
    """Our ClOrdID at a venue:

    unique for all time, and it names the order, the route and the request in it.
    """
    return f"{epoch}-{order_id}-{route_id}-{n}"
