"""An independent second opinion on what the journal says, in plain dicts.

The auditor is fed the journal's events in their order and works out for itself what must be true: quantities
and status of every order, money and quantities held, spent and owned by every account. It shares no code with
the engine: it knows the schema of the events and the scaled integers, nothing of state, risk, orders or
decisions, so that a rule that is wrong there is not wrong here as well. `compare` then holds the engine's own
state against it.

Rules, each checked at the event that could break it and reported as a sentence in `violations`:

- no event is about an order that was never received; ids of orders are counted without a gap;
- no second order or request under the same (session, ClOrdID); no id of ours is used twice at a venue;
- an order goes only to a venue that is logged on, and its live routes do not add up to more than its
  quantity;
- every fill is of a route; within it one execution counts once per ExecID;
- a bust or correction is of an execution that stands, and says what that was;
- CumQty never exceeds the largest quantity that was asked for, unless the next event of an order questions
  the overfill;
- an order is ended once, is not rejected after it executed, and nothing is asked of it once it has ended;
- only orders that are good till a date or till they are canceled outlive the day, and not their date;
- a trading date of a market ends once, not before its time by the calendar, and begins once, while it is on;
- an answer to a request answers one that is open; what waits has its turn in order, and when nothing is open;
- an order that waits here for its stop price goes out when that is reached, not before;
- a venue gets no order before it has answered, or been given up, what it was asked about others;
- a venue is sent nothing that it does not declare, if it declares anything;
- an order in parts gets no new part while a request is unanswered, and its parts go where its strategy or
  destination says; no venue gets new orders faster than its rate;
- lists of orders: see `list_auditor`;
- the legs of a multileg order, which hold, own and pay in its place: see `leg_audit`;
- what is done here because a venue cannot is as `audit_emulation` has it;
- with a routing table, an order goes where its first rule sends it, and is denied for want of a rule only if
  there is none;
- nothing is taken on that the account's or the firm's limits, as journaled, forbid.

What an order holds, from the rules of the risk counters: its leaves at its hold price; while a replace is
unanswered the larger of old and new; nothing once it has ended. Only buys hold money. A fill moves what it
executed to spent, at its price; a bust takes it back. What is executed belongs to the day it was executed on,
also if it is corrected on a later one.

Quantities and prices are in units of 1e-8, money in units of 1e-16. Cost: about 5 us an event; `compare` is
O(everything).
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, Final

import msgspec

from oms.core import events as ev
from oms.core.types import SCALE, Leg, OrdStatus, OrdType, Side, Terms, TimeInForce, parse_scaled
from oms.sim import audit_emulation
from oms.sim.audit_days import Days
from oms.sim.leg_audit import LegAudit
from oms.sim.list_auditor import ListAuditor
from oms.sim.routes import Reader, urgency

Record = dict[str, Any]
Placed = ev.OrderRouted | ev.OrderHeld | ev.OrderPlanned | ev.OrderEmulated

END: Final[dict[type, str]] = {
    ev.OrderRejected: OrdStatus.REJECTED,
    ev.OrderCanceled: OrdStatus.CANCELED,
    ev.OrderExpired: OrdStatus.EXPIRED,
    ev.OrderDoneForDay: OrdStatus.DONE_FOR_DAY,
    ev.OrderCalculated: OrdStatus.CALCULATED,
}

COUNTED: Final[dict[type, str]] = {
    ev.OrderReceived: "orders",
    ev.OrderDenied: "denied",
    ev.OrderRejected: "rejected",
    ev.OrderFilled: "fills",
    ev.RequestDenied: "requests_denied",
    ev.RequestRejected: "requests_rejected",
    ev.OrderCanceled: "canceled",
    ev.OrderReplaced: "replaced",
    ev.OrderExpired: "expired",
    ev.ReportQuestioned: "questioned",
    ev.ExecutionBusted: "busts",
    ev.ExecutionCorrected: "corrections",
    ev.LegFilled: "leg_fills",
    ev.LegBusted: "leg_busts",
    ev.LegCorrected: "leg_corrections",
}

COMPARED: Final = (
    "session_id",
    "account",
    "symbol",
    "side",
    "ord_type",
    "time_in_force",
    "cum_qty",
    "cum_notional",
    "stopped",
    "suspended",
    "held_for",
    "list_id",
    "waits",
    "held_qty",
    "held_money",
)
"""What an order is called by the same name for in the state's dump."""

CANCEL: Final = "cancel"
REPLACE: Final = "replace"

MOST_REQUESTS: Final = 16  # of one order, unanswered or waiting

WITH_LIMIT: Final = (OrdType.LIMIT, OrdType.STOP_LIMIT)
WITH_STOP: Final = (OrdType.STOP, OrdType.STOP_LIMIT, OrdType.MARKET_IF_TOUCHED)
OUTLIVES_THE_DAY: Final = (TimeInForce.GTC, TimeInForce.GTD)
NO_TERMS: Final = Terms()


class Auditor:
    """Feed it events; look at `violations`, `orders`, `accounts`, `executions`."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.orders: dict[int, Record] = {}
        self.accounts: dict[str, Record] = {}
        self.executions: dict[tuple[int, int, str], Record] = {}  # (order, route, ExecID) -> what was said
        self._days = Days()
        self.counts: Counter[str] = Counter()
        self.events = 0
        self._instruments: dict[str, Record] = {}
        self._firm: Record = {}
        self._client_ids: dict[tuple[str, str], int] = {}  # (session, ClOrdID) -> order id, 0 if none
        self._venue_ids: set[str] = set()  # our ClOrdIDs at venues
        self._up: set[str] = set()
        self._reference_px: dict[str, int] = {}
        self._trailing: list[Record] = []
        self._waiting: list[Record] = []
        self._priced: set[str] = set()  # symbols that have a new price since the last look at what trails
        self._profiles: dict[str, ev.ProfileDefined] = {}
        self._venues: dict[str, ev.VenueDefined] = {}
        self.reports_since: dict[str, int] = {}  # venue -> the event since which it tells of legs as it does
        self._halts: dict[tuple[str, str], tuple[str, str]] = {}
        self._destinations: dict[str, ev.DestinationDefined] = {}
        self._strategies: dict[str, ev.StrategyDefined] = {}
        self._rates: dict[str, ev.VenueRateDefined] = {}
        self._levels: dict[tuple[str, str, str, int], int] = {}  # (symbol, venue, side, price) -> displayed
        self._volume: Counter[str] = Counter()
        self._questions: dict[str, dict[str, int]] = defaultdict(dict)  # venue -> what it is asked about
        self._sent_ns: dict[str, list[int]] = defaultdict(list)  # of venues with a rate: when, the last ones
        self._table: Reader | None = None
        self._last_order_id = 0
        self.lists = ListAuditor(self._wrong, lambda order: bool(self.leaves_qty(order)))
        self._to_be_questioned: tuple[int, str] | None = None  # an overfill: the next event must ask
        self.legs = LegAudit(self)

    # -- feeding ---------------------------------------------------------------------------------------------

    def feed(self, event: ev.Event) -> list[str]:
        """Take in the next event. The violations it brought, in words."""
        before = len(self.violations)
        self.events += 1
        kind = type(event)
        if self._priced and kind is not ev.StopPxMoved:
            self._look_at_trailing()
        if kind in COUNTED:
            self.counts[COUNTED[kind]] += 1
        if self._to_be_questioned is not None and isinstance(event, ev.OrderEvent):
            order_id, text = self._to_be_questioned
            self._to_be_questioned = None
            if not (isinstance(event, ev.ReportQuestioned) and event.order_id == order_id):
                self._wrong(text)
        if isinstance(event, ev.OrderEvent):
            self._order_event(event)
        else:
            handler = _OTHER.get(kind)
            if handler is not None:
                handler(self, event)
            else:
                self.lists.feed(event)
        return self.violations[before:]

    def feed_all(self, events: Iterable[ev.Event]) -> list[str]:
        """Take in many. All violations so far."""
        for event in events:
            self.feed(event)
        return self.violations

    def _wrong(self, text: str) -> None:
        self.violations.append(f"event {self.events}: {text}")

    def _order_event(self, event: ev.OrderEvent) -> None:
        handler = _ORDER.get(type(event))
        if isinstance(event, (ev.OrderReceived, ev.OrderDenied)):
            assert handler is not None
            handler(self, event, None)
            return
        order = self.orders.get(event.order_id)
        if order is None:
            # A request, a question or a report may be about an order that nobody knows; then it says so with
            # 0.
            may_be_unknown = isinstance(
                event, (ev.RequestDenied, ev.StatusRequested, ev.MassStatusRequested, ev.ReportQuestioned)
            )
            if event.order_id or not may_be_unknown:
                self._wrong(
                    f"{type(event).__name__} is about order {event.order_id}, which was never received"
                )
            elif isinstance(event, ev.RequestDenied):
                self._use(event.session_id, event.cl_ord_id, 0)
            return
        if handler is not None:
            handler(self, event, order)
            if order["waits_for"] and not audit_emulation.may_wait(order, self.leaves_qty(order)):
                order["waits_for"] = ""
            self._recount(order)
            self._check_quantities(event, order)
            if order["list_id"]:
                self.lists.look_at(order)

    # -- reference data and sessions -------------------------------------------------------------------------

    def _started(self, event: ev.EngineStarted) -> None:
        self._up.clear()
        self._levels.clear()
        self._questions.clear()

    def _instrument(self, event: ev.InstrumentDefined) -> None:
        self._instruments[event.symbol] = {
            "currency": event.currency,
            "price_unit": event.price_unit,
            "market": event.market,
            "lot_size": event.lot_size,
            "ticks": event.ticks,
            "asset_class": event.asset_class,
        }

    def _account(self, event: ev.AccountDefined) -> None:
        account = self.accounts.setdefault(
            event.account,
            {name: defaultdict(int) for name in ("held", "spent", "position", "open_buy", "open_sell")},
        )
        account["sessions"] = event.sessions
        account["buying_power"] = dict(event.buying_power)
        account["position_limit"] = event.position_limit

    def _firm_defined(self, event: ev.FirmDefined) -> None:
        self._firm = {
            "max_order_qty": event.max_order_qty,
            "max_order_notional": dict(event.max_order_notional),
            "price_collar_bps": event.price_collar_bps,
        }

    def _logged_on(self, event: ev.SessionLoggedOn) -> None:
        self._up.add(event.session_id)
        self._wake(f"venue:{event.session_id}")

    def _logged_out(self, event: ev.SessionLoggedOut) -> None:
        self._up.discard(event.session_id)
        self._questions.pop(event.session_id, None)
        self._levels = {key: qty for key, qty in self._levels.items() if key[1] != event.session_id}

    def _price(self, event: ev.ReferencePriceChanged) -> None:
        self._reference_px[event.symbol] = event.px
        self._priced.add(event.symbol)

    def _book_changed(self, event: ev.BookChanged) -> None:
        of = (event.symbol, event.venue)
        if event.full:
            self._levels = {key: qty for key, qty in self._levels.items() if key[:2] != of}
        for kind, px, qty in event.entries:
            if kind == "2" and qty:
                self._volume[event.symbol] += qty
            elif kind != "2" and qty:
                self._levels[*of, kind, px] = qty
            else:
                self._levels.pop((*of, kind, px), None)

    def _halted(self, event: ev.TradingHalted) -> None:
        self._halts[event.scope, event.value] = (event.who, event.why)

    def _resumed(self, event: ev.TradingResumed) -> None:
        self._halts.pop((event.scope, event.value), None)
        self._wake("halt")
        self._wake(f"venue:{event.value}")

    def _profile(self, event: ev.ProfileDefined) -> None:
        self._profiles[event.session_id] = event

    def _venue(self, event: ev.VenueDefined) -> None:
        before = self._venues.get(event.venue)
        if before is None or before.multileg_reports != event.multileg_reports:
            self.reports_since[event.venue] = self.events
        self._venues[event.venue] = event

    def _asking_stopped(self, event: ev.AskingStopped) -> None:
        if len(self._questions.pop(event.venue, ())) != event.unanswered:
            self._wrong(f"{event.venue} is said to have left {event.unanswered} questions unanswered")

    def _status_asked(self, event: ev.StatusAsked, order: Record) -> None:
        route = self._route(event, order)
        if route is not None:
            if event.cl_ord_id not in route["ids"]:
                self._wrong(f"{route['venue']} is asked about {event.cl_ord_id}, which it never got")
            self._questions[route["venue"]][event.cl_ord_id] = event.order_id

    def _status_answered(self, event: ev.StatusAnswered, order: Record) -> None:
        route = self._route(event, order)
        if route is None:
            return
        if self._questions[route["venue"]].pop(event.cl_ord_id, None) is None:
            self._wrong(f"{route['venue']} answers about {event.cl_ord_id}, which it was not asked")
        if not self._questions[route["venue"]]:
            del self._questions[route["venue"]]

    def _destination(self, event: ev.DestinationDefined) -> None:
        self._destinations[event.name] = event

    def _strategy(self, event: ev.StrategyDefined) -> None:
        self._strategies[event.name] = event

    def _rate(self, event: ev.VenueRateDefined) -> None:
        self._rates[event.venue] = event
        self._sent_ns[event.venue].clear()

    def _routing(self, event: ev.RoutingDefined) -> None:
        self._table = Reader(event) if event.rules else None

    def _mass_cancel(self, event: ev.MassCancelRequested) -> None:
        if event.affected >= 0 and not self._may_use(event.session_id, event.cl_ord_id):
            self._wrong(
                f"a request of {event.session_id} under ClOrdID {event.cl_ord_id}, which was used before"
            )
        self._use(event.session_id, event.cl_ord_id, 0)

    # -- trading days ----------------------------------------------------------------------------------------

    def _market(self, order: Record) -> str:
        """The market whose days the order has: its instrument's, or its first leg's."""
        instrument = self._instruments.get(order["legs"][0]["symbol"] if order["legs"] else order["symbol"])
        return str(instrument["market"]) if instrument is not None else ""

    def day(self, order: Record) -> int:
        """The number of the day that the order's market is on."""
        return self._days.number(self._market(order))

    def _calendar(self, event: ev.CalendarDefined) -> None:
        self._days.defined(event)

    def _day_started(self, event: ev.DayStarted) -> None:
        self._all_wrong(self._days.started(event))
        self._wake(f"market:{event.market}")

    def _day_ended(self, event: ev.DayEnded) -> None:
        for order in self.orders.values():
            market = self._market(order)
            if event.market not in ("", market):
                continue
            order["done_for_day"] = False
            if not self.leaves_qty(order):
                continue
            terms = order["versions"][-1]["terms"]
            until = terms.expire_date or terms.expire_time
            name = f"order {order['order_id']}"
            if order["time_in_force"] not in OUTLIVES_THE_DAY:
                self._wrong(f"{name} is for the day and outlives it")
            elif until and self._days.is_last(market, until, event):
                self._wrong(f"{name} is good until {until} and outlives it")
            if "good_till" in order["emulated"] and audit_emulation.open_qty(order):
                self._wrong(f"{name} has a route for the day that outlives it")
        self._all_wrong(self._days.end(event))
        by_day = {name for name, profile in self._profiles.items() if profile.cl_ord_ids == "day"}
        self._client_ids = {
            key: order_id
            for key, order_id in self._client_ids.items()
            if key[0] not in by_day or not self._is_of_the_past(order_id, event.market)
        }

    def _is_of_the_past(self, order_id: int, market: str) -> bool:
        """Whether an id that was used for that order, or for none, was used for a day that has ended."""
        order = self.orders.get(order_id)
        of = self._market(order) if order is not None else ""
        if self._is_alive(order_id):
            return False
        return of == market if of and market else not market or not self._days.is_any_on()

    # -- what is done for an order because its venue cannot --------------------------------------------------

    def _emulated(self, event: ev.OrderEmulated, order: Record) -> None:
        order["emulated"], order["emulated_at"] = event.what, event.venue
        if "trailing_stop" in event.what:
            self._trailing.append(order)
        self._all_wrong(audit_emulation.unneeded(order, self._venues.get(event.venue)))
        self._goes(order)
        self._check_rule(event, order)

    def _waits(self, event: ev.OrderWaits, order: Record) -> None:
        self._all_wrong(audit_emulation.bad_wait(order, self.leaves_qty(order)))
        order["waits_for"] = event.waits_for
        self._waiting.append(order)

    def _wake(self, what: str) -> None:
        for order in self._waiting:
            if order["waits_for"] == what:
                order["waits_for"] = ""
        self._waiting = [order for order in self._waiting if order["waits_for"]]

    def _stop_px_moved(self, event: ev.StopPxMoved, order: Record) -> None:
        symbol = order["symbol"]
        reference = self._reference_px.get(symbol, 0)
        self._all_wrong(audit_emulation.bad_move(order, self._instruments[symbol], reference, event.stop_px))
        newest = order["versions"][-1]
        newest["terms"] = msgspec.structs.replace(newest["terms"], stop_px=event.stop_px)

    def _look_at_trailing(self) -> None:
        """Every held trailing stop of what has a new price has followed it by now."""
        for order in self._trailing:
            if order["symbol"] in self._priced:
                symbol = order["symbol"]
                reference = self._reference_px[symbol]
                if audit_emulation.left_behind(order, self._instruments[symbol], reference):
                    self._wrong(f"order {order['order_id']} does not follow the reference price {reference}")
        self._priced.clear()

    def _all_wrong(self, texts: Iterable[str]) -> None:
        for text in texts:
            self._wrong(text)

    # -- the client's order ----------------------------------------------------------------------------------

    def _use(self, session_id: str, cl_ord_id: str, order_id: int) -> None:
        """A ClOrdID belongs to what used it first, unless it is free again. What comes by phone has none."""
        if cl_ord_id and self._may_use(session_id, cl_ord_id):
            self._client_ids[session_id, cl_ord_id] = order_id

    def _may_use(self, session_id: str, cl_ord_id: str) -> bool:
        """Whether nobody has the ClOrdID; or nobody any more, for a client to whom that is enough."""
        key = (session_id, cl_ord_id)
        if key not in self._client_ids:
            return True
        profile = self._profiles.get(session_id)
        if profile is None or profile.cl_ord_ids != "open":
            return False
        return not self._is_alive(self._client_ids[key])

    def _is_alive(self, order_id: int) -> bool:
        """Whether anything of the order is open, or unanswered."""
        order = self.orders.get(order_id)
        if order is None:
            return False
        unanswered = order["requests"] or any(r["requests"] for r in order["routes"].values())
        new = any(not (r["accepted"] or r["ended"]) for r in order["routes"].values())
        return bool(self.leaves_qty(order) or unanswered or new)

    def _new_record(
        self, event: ev.OrderReceived | ev.OrderDenied, hold_px: int, terms: Terms | None = None
    ) -> Record:
        if event.order_id != self._last_order_id + 1:
            self._wrong(f"order {event.order_id} follows order {self._last_order_id}")
        self._last_order_id = event.order_id
        order: Record = {
            "order_id": event.order_id,
            "session_id": event.session_id,
            "account": event.account,
            "symbol": event.symbol,
            "side": event.side,
            "ord_type": event.ord_type,
            "time_in_force": event.time_in_force,
            "versions": [
                {
                    "cl_ord_id": event.cl_ord_id,
                    "order_qty": event.order_qty,
                    "price": event.price,
                    "hold_px": hold_px,
                    "terms": terms or NO_TERMS,
                }
            ],
            "since": self.events,
            "accepted": False,
            "ended": "",
            "stopped": False,
            "suspended": False,
            "done_for_day": False,  # of one that outlives the day: nothing more today
            "held_for": "",  # the venue that it goes to when its stop price is reached
            "mass": set(),  # the client's mass cancels that ask for it where it is worked in parts
            "plan": "",  # the strategy that works it, or the destination that it waits for
            "list_id": event.list_id,
            "waits": False,  # with its list: nobody else has it
            "emulated": (),  # what is done here because its venue cannot
            "emulated_at": "",
            "waits_for": "",
            "queue": [],  # ClOrdIDs of replaces that wait until what is asked is answered
            "cum_qty": 0,
            "cum_notional": 0,
            "requests": {},  # the client's ClOrdID -> what is asked, unanswered
            "routes": {},
            "is_placed": False,  # it was chosen where it goes
            "overfill_questioned": False,
            "held_qty": 0,
            "held_money": 0,
            "legs": self.legs.begin(event.side, terms) if terms is not None else [],
        }
        self.orders[event.order_id] = order
        return order

    def _received(self, event: ev.OrderReceived, _: None) -> None:
        if not self._may_use(event.session_id, event.cl_ord_id):
            self._wrong(f"a second order of {event.session_id} under ClOrdID {event.cl_ord_id}")
        order = self._new_record(event, event.hold_px, event.terms)
        order["waits"] = bool(event.list_id)
        self.lists.becomes(order, event)
        self._use(event.session_id, event.cl_ord_id, event.order_id)
        if order["legs"]:
            self.legs.taken_on(order, event)
            return
        before = self._exposure(order)
        self._recount(order)
        self._check_terms(order, event)
        self._check_limits(order, before)

    def _denied(self, event: ev.OrderDenied, _: None) -> None:
        order = self._new_record(event, 0)
        order["ended"] = OrdStatus.REJECTED
        self.lists.becomes(order, event)
        self._use(event.session_id, event.cl_ord_id, event.order_id)
        if event.reason == "no_route":
            self._check_no_route(event, order)

    def _accepted(self, event: ev.OrderAccepted, order: Record) -> None:
        if order["accepted"]:
            self._wrong(f"order {event.order_id} is accepted twice")
        order["accepted"] = True

    def _held(self, event: ev.OrderHeld, order: Record) -> None:
        if order["routes"] or order["accepted"]:
            self._wrong(f"order {event.order_id} is held after somebody had it")
        self._goes(order)
        order["accepted"] = True
        order["held_for"] = event.venue
        self._check_rule(event, order)

    def _planned(self, event: ev.OrderPlanned, order: Record) -> None:
        if order["routes"] or event.to not in {*self._strategies, *self._destinations, *self._rates}:
            self._wrong(f"order {event.order_id} is planned for {event.to}")
        self._goes(order)
        order["plan"] = event.to
        self._check_rule(event, order)

    def _worked(self, event: ev.OrderWorked, order: Record) -> None:
        if not order["plan"]:
            self._wrong(f"order {event.order_id} is worked without a plan")

    def _goes(self, order: Record) -> None:
        if order["waits"]:
            self.lists.goes(order)
            order["waits"] = False

    def _triggered(self, event: ev.OrderTriggered, order: Record) -> None:
        order["suspended"] = False
        if event.route_id:
            return
        stop_px = order["versions"][-1]["terms"].stop_px
        px = self._reference_px.get(order["symbol"], 0)
        rising = (order["side"] == Side.BUY) != (order["ord_type"] == OrdType.MARKET_IF_TOUCHED)
        if not order["held_for"] or (px < stop_px if rising else px > stop_px):
            self._wrong(f"order {event.order_id} is triggered at {px}, its stop price is {stop_px}")
        order["held_for"] = ""

    def _stopped(self, event: ev.OrderStopped, order: Record) -> None:
        if not self.leaves_qty(order):
            self._wrong(f"order {event.order_id} is stopped though nothing of it is open")
        order["stopped"] = True

    def _suspended(self, event: ev.OrderSuspended, order: Record) -> None:
        order["suspended"] = True

    def _restated(self, event: ev.OrderRestated, order: Record) -> None:
        if not event.route_id:
            self._carried(event, order)
            return
        route = self._route(event, order)
        if route is None:
            return
        before = order["versions"][-1]
        name = f"order {event.order_id}"
        if order["ended"]:
            self._wrong(f"{name} is restated after it ended")
        if event.cum_qty:
            self._split(event, order, route)
        if event.route_qty < route["cum_qty"]:
            self._wrong(f"{name} is restated to {event.route_qty}, {route['cum_qty']} has executed")
        if order["plan"]:
            if (event.order_qty, event.price) != (before["order_qty"], before["price"]):
                self._wrong(f"{name} is restated, though only a part of it is")
        elif event.order_qty - before["order_qty"] != event.route_qty - route["order_qty"]:
            self._wrong(f"{name} is restated to {event.order_qty}, its route to {event.route_qty}")
        route["order_qty"] = event.route_qty
        order["suspended"] = order["done_for_day"] = False
        changed = {"order_qty": event.order_qty, "price": event.price}
        if order["ord_type"] in WITH_LIMIT:
            changed["hold_px"] = event.price
        if before["order_qty"] != event.order_qty or before["price"] != event.price:
            order["versions"].append({**before, **changed})

    def _split(self, event: ev.OrderRestated, order: Record, route: Record) -> None:
        """A corporate action: every execution is of more, or less, at prices that keep its worth."""
        name = f"order {event.order_id}"
        if event.was_cum_qty != route["cum_qty"]:
            self._wrong(f"{name} says {event.was_cum_qty} had executed, it was {route['cum_qty']}")
            return
        for (order_id, route_id, _), execution in self.executions.items():
            if (order_id, route_id) != (event.order_id, event.route_id) or not execution["stands"]:
                continue
            self._add(order, route, execution, -1)
            whole, rest = divmod(execution["last_qty"] * event.cum_qty, event.was_cum_qty)
            if rest:
                self._wrong(f"{name}: {execution['exec_id']} is no whole quantity after it is restated")
            px = Fraction(execution["last_px"] * event.was_cum_qty, event.cum_qty)
            execution["last_qty"], execution["last_px"] = whole, math.floor(px + Fraction(1, 2))
            self._add(order, route, execution, 1)
        if route["cum_qty"] != event.cum_qty:
            self._wrong(
                f"{name} is restated to {event.cum_qty} executed, its executions to {route['cum_qty']}"
            )

    def _carried(self, event: ev.OrderRestated, order: Record) -> None:
        """We restate an order of an earlier day, as it is."""
        newest = order["versions"][-1]
        as_it_is = (event.order_qty, event.price) == (newest["order_qty"], newest["price"])
        market = self._market(order)
        begun = self._days.begun.get(market, 0)
        if not as_it_is or order["time_in_force"] not in OUTLIVES_THE_DAY or not self.leaves_qty(order):
            self._wrong(f"order {event.order_id} is not what is carried into another day")
        if begun <= self._days.ended.get(market, 0):
            self._wrong(f"order {event.order_id} is carried into no day")

    def _done_for_day(self, event: ev.OrderDoneForDay, order: Record) -> None:
        if order["time_in_force"] not in OUTLIVES_THE_DAY:
            self._ended(event, order)
            return
        if order["ended"]:
            self._wrong(f"order {event.order_id} is done for the day after it ended")
        order["done_for_day"] = True

    def _ended(self, event: ev.OrderEvent, order: Record) -> None:
        status = END[type(event)]
        if isinstance(event, ev.OrderCalculated):
            if event.for_day:
                if not order["done_for_day"]:
                    self._wrong(f"order {event.order_id} is calculated for a day that is not done")
                return
            self._route_ended(event, order)
            if order["ended"] == OrdStatus.DONE_FOR_DAY:
                return  # which comes first
        order["stopped"] = order["suspended"] = order["done_for_day"] = False
        order["held_for"] = ""
        order["waits"] = False
        if isinstance(event, ev.OrderCanceled) and event.cl_ord_id and order["ended"] == status:
            # It ended of the venue's accord while the client asked for it: the request is answered by the
            # same end.
            self.counts["canceled"] -= 1
        elif order["ended"]:
            self._wrong(f"order {event.order_id} is ended twice, by {order['ended']} and {status}")
        if status == OrdStatus.REJECTED and order["cum_qty"]:
            self._wrong(f"order {event.order_id} is rejected after it executed")
        order["ended"] = status
        if isinstance(event, ev.OrderCanceled) and (event.cl_ord_id or "" in order["requests"]):
            self._answer(order, event.cl_ord_id, CANCEL)

    def _request(self, event: ev.CancelRequested | ev.ReplaceRequested, order: Record) -> None:
        if isinstance(event, ev.ReplaceRequested) and event.cl_ord_id in order["queue"]:
            self._take_turn(event, order)
        else:
            self._check_request(event, order)
        if order["ended"]:
            self._wrong(f"{event.cl_ord_id} asks for something of order {event.order_id}, which has ended")
        if not isinstance(event, ev.ReplaceRequested):
            order["requests"][event.cl_ord_id] = {"kind": CANCEL}
            if event.mass_cl_ord_id:
                order["mass"].add(event.mass_cl_ord_id)
            return
        profile = self._profiles.get(event.session_id)
        if order["requests"] and profile is not None and profile.second_request != "pass":
            self._wrong(
                f"{event.cl_ord_id} does not wait until what was asked of order {event.order_id} is answered"
            )
        order["requests"][event.cl_ord_id] = {
            "kind": REPLACE,
            "order_qty": event.order_qty,
            "price": event.price,
            "hold_px": event.hold_px,
            "terms": event.terms or NO_TERMS,
        }
        if order["legs"]:
            self.legs.taken_on(order, event)
            return
        before = self._exposure(order)
        self._recount(order)
        self._check_terms(order, event)
        self._check_limits(order, before)

    def _check_request(
        self, event: ev.CancelRequested | ev.ReplaceRequested | ev.RequestQueued, order: Record
    ) -> None:
        """A request that is new: its id is, and there are not too many before it."""
        key = (event.session_id, event.cl_ord_id)
        if not self._may_use(*key):
            self._wrong(
                f"a request of {event.session_id} under ClOrdID {event.cl_ord_id}, which was used before"
            )
        self._use(*key, event.order_id)
        before = len(order["requests"]) + len(order["queue"])
        if before >= MOST_REQUESTS and not isinstance(event, ev.CancelRequested):
            self._wrong(f"order {event.order_id}: {event.cl_ord_id} is one request too many")

    def _queued(self, event: ev.RequestQueued, order: Record) -> None:
        self._check_request(event, order)
        if not order["requests"]:
            self._wrong(f"order {event.order_id}: {event.cl_ord_id} waits for nothing")
        order["queue"].append(event.cl_ord_id)

    def _take_turn(self, event: ev.ReplaceRequested | ev.RequestDenied, order: Record) -> None:
        """What waited waits no more: the first one, once nothing before it is unanswered."""
        if order["requests"] or order["queue"][0] != event.cl_ord_id:
            self._wrong(f"order {event.order_id}: {event.cl_ord_id} has its turn too early")
        order["queue"].remove(event.cl_ord_id)

    def _request_denied(self, event: ev.RequestDenied, order: Record) -> None:
        self._use(event.session_id, event.cl_ord_id, event.order_id)
        if event.cl_ord_id in order["queue"] and event.reason != "duplicate_cl_ord_id":
            self._take_turn(event, order)

    def _request_rejected(self, event: ev.RequestRejected, order: Record) -> None:
        self._answer(order, event.cl_ord_id, None)

    def _replaced(self, event: ev.OrderReplaced, order: Record) -> None:
        request = self._answer(order, event.cl_ord_id, REPLACE)
        if request is not None:
            order["versions"].append(
                {
                    "cl_ord_id": event.cl_ord_id,
                    # Below what has executed means: stop there. *Source:* FIX 4.4 volume 4, ExecutionReport.
                    "order_qty": max(request["order_qty"], order["cum_qty"]),
                    "price": request["price"],
                    "hold_px": request["hold_px"],
                    "terms": request["terms"],
                }
            )

    def _answer(self, order: Record, cl_ord_id: str, kind: str | None) -> Record | None:
        """The open request that is answered, which is then no longer open."""
        request: Record | None = order["requests"].get(cl_ord_id)
        if request is None or (kind is not None and request["kind"] != kind):
            self._wrong(f"order {order['order_id']}: {cl_ord_id!r} is answered but was not asked")
            return None
        del order["requests"][cl_ord_id]
        return request

    # -- routes ----------------------------------------------------------------------------------------------

    def _routed(self, event: ev.OrderRouted, order: Record) -> None:
        if event.route_id != len(order["routes"]) + 1:
            self._wrong(
                f"order {event.order_id}: route {event.route_id} follows {len(order['routes'])} routes"
            )
        if event.venue not in self._up:
            self._wrong(f"order {event.order_id} goes to {event.venue}, which is not logged on")
        if self._questions.get(event.venue):
            self._wrong(f"order {event.order_id} goes to {event.venue}, which has questions to answer")
        if order["ended"]:
            self._wrong(f"order {event.order_id} is routed after it ended")
        if order["held_for"]:
            self._wrong(f"order {event.order_id} goes out before its stop price is reached")
        self._goes(order)
        self._check_rule(event, order)
        self._new_venue_id(event.cl_ord_id)
        version = order["versions"][-1]
        self._check_venue(
            event.venue, order, event.ord_type, event.terms or version["terms"], event.time_in_force
        )
        if event.time_in_force and order["ord_type"] in WITH_LIMIT:
            worse = event.price - version["price"]
            if (worse if order["side"] == Side.BUY else -worse) > 0:
                self._wrong(f"order {event.order_id} goes out at {event.price}, beyond its limit")
        self._check_destination(event, order)
        if order["emulated"]:
            market = self._market(order)
            takes = "good_till" not in order["emulated"] or self._days.takes_orders(market, event.at_ns)
            left = self.leaves_qty(order)
            self._all_wrong(audit_emulation.bad_route(order, event.order_qty, left, takes))
            order["waits_for"] = ""
        order["routes"][event.route_id] = {
            "venue": event.venue,
            "ord_type": event.ord_type,  # where it is not the order's
            "ids": {event.cl_ord_id},
            "order_qty": event.order_qty,
            "cum_qty": 0,
            "executed": 0,  # how many executions, busts and corrections were booked
            "accepted": False,
            "ended": False,
            "requests": {},
            "mass": set(),  # the client's mass cancels that it is part of
        }
        routed = sum(
            r["cum_qty"] if r["ended"] else max(r["order_qty"], r["cum_qty"], *r["requests"].values(), 0)
            for r in order["routes"].values()
        )
        if routed > order["versions"][-1]["order_qty"]:
            self._wrong(
                f"order {event.order_id}: its routes are for {routed} of {order['versions'][-1]['order_qty']}"
            )

    def _check_destination(self, event: ev.OrderRouted, order: Record) -> None:
        """That it goes where the plan says, when the venue takes more, and while nothing is asked."""
        self._sending(event.venue, event.at_ns, may_wait=True)
        if not event.destination:
            if order["plan"]:
                self._wrong(f"order {event.order_id} is planned for {order['plan']} and goes anywhere")
            return
        strategy = self._strategies.get(order["plan"])
        legs = (
            {name for name, _ in strategy.legs}
            if strategy is not None
            else {order["plan"] or event.destination}
        )
        if event.destination not in legs:
            self._wrong(f"order {event.order_id} goes to {event.destination}, no part of {order['plan']}")
        venues, name = set(), event.destination
        while name and name not in venues:
            found = self._destinations.get(name)
            venues.add(found.venue if found is not None else name)
            name = found.reroute_to if found is not None else ""
        if event.venue not in venues:
            self._wrong(f"order {event.order_id} goes to {event.venue} for {event.destination}")
        if order["plan"] and order["requests"]:
            self._wrong(f"order {event.order_id} gets a new part while a request is unanswered")
        if strategy is None:
            order["plan"] = ""

    def _sending(self, venue: str, at_ns: int, *, may_wait: bool) -> None:
        """Count a message to a venue with a rate. *Rate*: in no second more than that, and a burst."""
        rate = self._rates.get(venue)
        if rate is None or not rate.per_s:
            return
        times = self._sent_ns[venue]
        times[:] = [t for t in times if t > at_ns - 1_000_000_000]
        if may_wait and len(times) >= rate.per_s + rate.burst:
            self._wrong(f"{venue} gets more than {rate.per_s} orders a second")
        times.append(at_ns)

    def _check_rule(self, event: Placed, order: Record) -> None:
        """That it goes where the table says. Once: an order that waited here was given its venue then."""
        if order["is_placed"]:
            return
        order["is_placed"] = True
        goes = event.to if isinstance(event, ev.OrderPlanned) else event.venue
        if isinstance(event, ev.OrderRouted | ev.OrderEmulated) and event.destination:
            goes = event.destination
        # An order of a list may have waited here: it is measured when it goes.
        rule = self._first_rule(order, event.at_ns)
        name, to = (rule.name, rule.to) if rule is not None else ("", goes)
        if isinstance(event, ev.OrderHeld) and to in self._destinations:
            to = self._destinations[to].venue
        if (event.rule, goes) != (name, to):
            self._wrong(
                f"order {event.order_id} goes to {goes} by rule {event.rule!r},"
                f" the table says {to} by rule {name!r}"
            )
        if self._table is not None and rule is None:
            self._wrong(f"order {event.order_id} goes to {goes}, and no rule is for it")

    def _check_no_route(self, event: ev.OrderDenied, order: Record) -> None:
        """That no rule is for it. A denial does not say all that a rule may ask: only for plain orders."""
        if self._table is None:
            self._wrong(f"order {event.order_id} is denied for want of a rule without a table")
        elif event.ord_type in (OrdType.MARKET, OrdType.LIMIT) and not self._table.asks("urgency"):
            rule = self._first_rule(order, event.at_ns)
            if rule is not None:
                self._wrong(f"order {event.order_id} is denied for want of a rule, there is {rule.name!r}")

    def _first_rule(self, order: Record, at_ns: int) -> ev.RoutingRule | None:
        """The rule that is for an order as it stands. One with legs has the market of its first."""
        version = order["versions"][-1]
        legs = version["terms"].legs
        instrument = self._instruments.get(legs[0].symbol if legs else order["symbol"])
        if self._table is None or instrument is None:
            return None
        hold_px = self._hold_px(order, version["price"], version["terms"])
        worth = self._worth(order, hold_px, version["order_qty"])
        if legs:
            worth = sum(self._worth_of_leg(leg, version["order_qty"]) for leg in legs)
        names = ("account", "side", "ord_type", "time_in_force")
        return self._table.first_match(
            {
                **{name: order[name] for name in names},
                **{name: instrument[name] for name in ("market", "currency", "asset_class")},
                "symbol": "" if legs else order["symbol"],
                "client": order["session_id"],
                "urgency": urgency(version["terms"]),
                "market_state": "",
                "order_qty": version["order_qty"],
                "notional": worth,
                "at_ns": at_ns,
                "up": {
                    name
                    for name in self._up
                    if ("venue", name) not in self._halts and not self._questions.get(name)
                },
            }
        )

    def _worth_of_leg(self, leg: Leg, order_qty: int) -> int:
        """Its part of the order at the collar's far end, in units of 1e-16 of its currency."""
        start = self._reference_px.get(leg.symbol, 0)
        px = start - (-start * int(self._firm["price_collar_bps"]) // 10_000)
        qty = order_qty * leg.ratio_qty // SCALE
        return px * qty * int(self._instruments[leg.symbol]["price_unit"]) // SCALE

    def _route_request(self, event: ev.CancelRouted | ev.ReplaceRouted, order: Record) -> None:
        route = self._route(event, order)
        if route is None:
            return
        self._new_venue_id(event.cl_ord_id)
        self._sending(route["venue"], event.at_ns, may_wait=False)
        if event.orig_cl_ord_id not in route["ids"]:
            self._wrong(
                f"order {event.order_id}: {event.cl_ord_id} names {event.orig_cl_ord_id}, no id of its route"
            )
        route["ids"].add(event.cl_ord_id)
        if isinstance(event, ev.CancelRouted) and event.mass_cl_ord_id:
            route["mass"].add(event.mass_cl_ord_id)
        qty = event.order_qty if isinstance(event, ev.ReplaceRouted) else 0
        route["requests"][event.cl_ord_id] = qty
        request = order["requests"].get(event.request_cl_ord_id)
        if request is not None and request["kind"] == REPLACE:
            self._check_venue(route["venue"], order, route["ord_type"], request["terms"])

    def _check_venue(
        self, venue: str, order: Record, ord_type: str, terms: Terms, time_in_force: str = ""
    ) -> None:
        """That a venue gets nothing it does not declare. An order that waited here goes as another type."""
        known = self._venues.get(venue)
        if known is None:
            return
        said, asked_tif, codes = audit_emulation.as_sent(order, terms, ord_type)
        said -= {"multi_leg_rpt_type_req", "cash_order_qty"}
        name = f"order {order['order_id']}"
        ord_type = ord_type or order["ord_type"]
        if ord_type not in known.ord_types or (time_in_force or asked_tif) not in known.times_in_force:
            self._wrong(f"{name} goes to {venue}, which does not work such orders")
        if not said <= set(known.terms):
            self._wrong(f"{name} goes to {venue}, which does not know {said - set(known.terms)}")
        if known.exec_insts and not codes <= set(known.exec_insts):
            self._wrong(f"{name} goes to {venue}, which does not know ExecInst {codes}")
        if known.at_close and (time_in_force or asked_tif) == "7" and ord_type not in known.at_close:
            self._wrong(f"{name} goes to {venue}, which has no such order at the close")

    def _new_venue_id(self, cl_ord_id: str) -> None:
        if cl_ord_id in self._venue_ids:
            self._wrong(f"our ClOrdID {cl_ord_id} is used twice")
        self._venue_ids.add(cl_ord_id)

    def _route(self, event: Any, order: Record) -> Record | None:
        route: Record | None = order["routes"].get(event.route_id)
        if route is None:
            self._wrong(f"{type(event).__name__}: order {event.order_id} has no route {event.route_id}")
        return route

    def _route_ended(self, event: Any, order: Record) -> None:
        route = self._route(event, order)
        if route is None:
            return
        outlives = order["time_in_force"] in OUTLIVES_THE_DAY and "good_till" not in order["emulated"]
        if isinstance(event, ev.RouteExpired) and event.done_for_day and outlives:
            return
        route["ended"] = True
        route["requests"].pop(getattr(event, "cl_ord_id", ""), None)

    def _route_replaced(self, event: ev.RouteReplaced, order: Record) -> None:
        route = self._route(event, order)
        if route is None:
            return
        if event.cl_ord_id not in route["requests"]:
            self._wrong(
                f"order {event.order_id}: route request {event.cl_ord_id} is answered but was not asked"
            )
            return
        route["order_qty"] = max(route["requests"].pop(event.cl_ord_id), route["cum_qty"])

    def _route_request_rejected(self, event: ev.RouteRequestRejected, order: Record) -> None:
        route = self._route(event, order)
        if route is not None and route["requests"].pop(event.cl_ord_id, None) is None:
            self._wrong(
                f"order {event.order_id}: route request {event.cl_ord_id} is rejected but was not asked"
            )

    def _route_accepted(self, event: ev.RouteAccepted, order: Record) -> None:
        route = self._route(event, order)
        if route is not None:
            route["accepted"] = True

    def _mass_cancel_rejected(self, event: ev.MassCancelRejected, order: Record) -> None:
        if event.cl_ord_id not in order["mass"] and not any(
            event.cl_ord_id in route["mass"] for route in order["routes"].values()
        ):
            self._wrong(f"order {event.order_id} is not part of mass cancel {event.cl_ord_id}")

    def _filled(self, event: ev.OrderFilled, order: Record) -> None:
        if event.last_qty <= 0 or not event.exec_id:
            self._wrong(f"order {event.order_id}: an execution without quantity or id")
        self._book(event, order, event.last_qty, event.last_px, self.day(order), "trade")

    def _busted(self, event: ev.ExecutionBusted, order: Record) -> None:
        if self._take_back(event, order) is not None:
            self._book(event, order, 0, 0, self.day(order), "bust")

    def _corrected(self, event: ev.ExecutionCorrected, order: Record) -> None:
        before = self._take_back(event, order)
        if before is not None:
            before["successor"] = event.exec_id
            self._book(event, order, event.last_qty, event.last_px, before["day"], "correction")

    def _take_back(self, event: ev.ExecutionBusted | ev.ExecutionCorrected, order: Record) -> Record | None:
        """The execution that stands no more."""
        name = f"order {event.order_id}: {event.exec_id}"
        before = self.executions.get((event.order_id, event.route_id, event.exec_ref_id))
        route = self._route(event, order)
        if route is None or before is None or not before["stands"]:
            self._wrong(f"{name} is about {event.exec_ref_id}, no execution that stands")
            return None
        if (event.qty, event.px) != (before["last_qty"], before["last_px"]):
            self._wrong(f"{name} says {event.exec_ref_id} was another execution")
        before["stands"] = False
        self._add(order, route, before, -1)
        return before

    def _book(
        self,
        event: ev.OrderFilled | ev.ExecutionBusted | ev.ExecutionCorrected,
        order: Record,
        qty: int,
        px: int,
        day: int,
        kind: str,
    ) -> None:
        route = self._route(event, order)
        if route is None:
            return
        key = (event.order_id, event.route_id, event.exec_id)
        if key in self.executions:
            self._wrong(f"execution {event.exec_id} of {route['venue']} is booked twice")
        route["executed"] += 1
        booked = self.executions[key] = {
            "order_id": event.order_id,
            "route_id": event.route_id,
            "exec_id": event.exec_id,
            "venue": route["venue"],
            "ids": route["ids"],
            "symbol": order["symbol"],
            "side": order["side"],
            "number": route["executed"],
            "last_qty": qty,
            "last_px": px,
            "traded": (qty, px),  # as it was said: a corporate action changes the two before
            "day": day,
            "kind": kind,
            "stands": kind != "bust",
            "successor": "",
        }
        if booked["stands"]:
            self._add(order, route, booked, 1)

    def _add(self, order: Record, route: Record, execution: Record, sign: int) -> None:
        """Count an execution, or take it back."""
        qty, px = sign * execution["last_qty"], execution["last_px"]
        route["cum_qty"] += qty
        order["cum_qty"] += qty
        order["cum_notional"] += qty * px
        if order["legs"]:
            return
        account = self.accounts[order["account"]]
        sign *= 1 if order["side"] == Side.BUY else -1
        account["position"][order["symbol"]] += sign * execution["last_qty"]
        account["spent"][self._currency(order)] += sign * self._worth(order, px, execution["last_qty"])

    def _questioned(self, event: ev.ReportQuestioned, order: Record) -> None:
        if event.reason == "overfill":
            order["overfill_questioned"] = True

    # -- quantities and money --------------------------------------------------------------------------------

    def _check_quantities(self, event: ev.OrderEvent, order: Record) -> None:
        """CumQty against what was asked for, after an event that may have changed either."""
        executed = isinstance(event, (ev.OrderFilled, ev.ExecutionCorrected))
        if not executed or order["overfill_questioned"]:
            return
        asked = max(
            [
                *(v["order_qty"] for v in order["versions"][-1:]),
                *(r["order_qty"] for r in order["requests"].values() if r["kind"] == REPLACE),
            ]
        )
        if order["cum_qty"] > asked:
            text = f"order {order['order_id']}: CumQty {order['cum_qty']} exceeds {asked} and nobody asks why"
            self._to_be_questioned = (event.order_id, text)

    def leaves_qty(self, order: Record) -> int:
        """What may still execute."""
        return 0 if order["ended"] else max(order["versions"][-1]["order_qty"] - order["cum_qty"], 0)

    def status(self, order: Record) -> str:
        """OrdStatus(39) by FIX's precedence. *Source:* FIX 4.4 volume 4, ExecutionReport."""
        kinds = {r["kind"] for r in order["requests"].values()}
        ended, cum_qty = order["ended"], order["cum_qty"]
        for holds, status in (
            (CANCEL in kinds, OrdStatus.PENDING_CANCEL),
            (REPLACE in kinds, OrdStatus.PENDING_REPLACE),
            (ended == OrdStatus.DONE_FOR_DAY or order["done_for_day"], OrdStatus.DONE_FOR_DAY),
            (ended == OrdStatus.CALCULATED, OrdStatus.CALCULATED),
            (cum_qty > 0 and cum_qty >= order["versions"][-1]["order_qty"], OrdStatus.FILLED),
            (order["stopped"], OrdStatus.STOPPED),
            (order["suspended"], OrdStatus.SUSPENDED),
            (ended in (OrdStatus.CANCELED, OrdStatus.EXPIRED), ended),
            (cum_qty > 0, OrdStatus.PARTIALLY_FILLED),
            (bool(ended), ended),
            (order["accepted"], OrdStatus.NEW),
        ):
            if holds:
                return str(status)
        return OrdStatus.PENDING_NEW

    def _must_hold(self, order: Record) -> tuple[int, int]:
        """(quantity, money) that the order must hold."""
        if order["ended"]:
            return 0, 0
        wanted = [order["versions"][-1], *(r for r in order["requests"].values() if r["kind"] == REPLACE)]
        open_qty = [max(w["order_qty"] - order["cum_qty"], 0) for w in wanted]
        money = [self._worth(order, w["hold_px"], qty) for w, qty in zip(wanted, open_qty, strict=True)]
        return max(open_qty), max(money) if order["side"] == Side.BUY else 0

    def _recount(self, order: Record) -> None:
        """Move the account's counters to what the order must hold."""
        if order["legs"]:
            self.legs.recount(order)
            return
        qty, money = self._must_hold(order)
        account = self.accounts.get(order["account"])
        if account is None:
            return
        account["held"][self._currency(order)] += money - order["held_money"]
        name = "open_buy" if order["side"] == Side.BUY else "open_sell"
        account[name][order["symbol"]] += qty - order["held_qty"]
        order["held_qty"], order["held_money"] = qty, money

    def _worth(self, order: Record, px: int, qty: int) -> int:
        """Money in units of 1e-16 of the instrument's currency."""
        instrument = self._instruments.get(order["symbol"])
        return px * qty * (instrument["price_unit"] if instrument is not None else SCALE) // SCALE

    def _currency(self, order: Record) -> str:
        instrument = self._instruments.get(order["symbol"])
        return str(instrument["currency"]) if instrument is not None else ""

    # -- limits ----------------------------------------------------------------------------------------------

    def _exposure(self, order: Record) -> tuple[int, int]:
        """(money used, position reached) of the order's account, in its currency and on its side."""
        account = self.accounts.get(order["account"])
        if account is None:
            return 0, 0
        currency, symbol = self._currency(order), order["symbol"]
        used = account["held"][currency] + account["spent"][currency]
        if order["side"] == Side.BUY:
            return used, account["position"][symbol] + account["open_buy"][symbol]
        return used, account["open_sell"][symbol] - account["position"][symbol]

    def _check_terms(self, order: Record, event: ev.OrderReceived | ev.ReplaceRequested) -> None:
        """That what was taken on may be traded at all, by that session, in that size, at that price."""
        name = f"order {order['order_id']}"
        self._check_who(order, [order["symbol"]])
        account = self.accounts.get(order["account"])
        instrument = self._instruments.get(order["symbol"])
        if account is None or instrument is None:
            self._wrong(f"{name} is of an unknown account or symbol")
            return
        order_qty, hold_px, terms = event.order_qty, event.hold_px, event.terms or NO_TERMS
        if order_qty <= 0 or order_qty % instrument["lot_size"]:
            self._wrong(f"{name}: {order_qty} is not a positive number of lots")
        for qty in (terms.min_qty, terms.max_floor):
            if not 0 <= qty <= order_qty or qty % instrument["lot_size"]:
                self._wrong(f"{name}: {qty} is not a number of lots within the order")
        prices = [event.price] if order["ord_type"] in WITH_LIMIT else []
        for price in [*prices, *([terms.stop_px] if order["ord_type"] in WITH_STOP else [])]:
            tick = next(t for from_px, t in reversed(instrument["ticks"]) if from_px <= max(price, 0))
            if price <= 0 or price % tick:
                self._wrong(f"{name}: {price} is not on a tick")
        if hold_px != self._hold_px(order, event.price, terms):
            self._wrong(f"{name} is held at {hold_px}")
        if order_qty > self._firm["max_order_qty"]:
            self._wrong(f"{name}: {order_qty} is more than the firm allows in one order")
        most = self._firm["max_order_notional"].get(instrument["currency"], 0) * SCALE
        if self._worth(order, hold_px, order_qty) > most:
            self._wrong(f"{name}: its value is more than the firm allows in one order")

    def _check_who(self, order: Record, symbols: list[str]) -> None:
        """That the session may trade the account, and nobody has halted either, or one of the symbols."""
        name = f"order {order['order_id']}"
        account = self.accounts.get(order["account"])
        if account is not None and order["session_id"] not in account["sessions"]:
            self._wrong(f"{name}: {order['session_id']} may not trade {order['account']}")
        for scope in (
            ("all", ""),
            ("session", order["session_id"]),
            ("account", order["account"]),
            *(("symbol", symbol) for symbol in symbols),
        ):
            if scope in self._halts:
                self._wrong(f"{name} was taken while halted by {scope}")

    def _hold_px(self, order: Record, price: int, terms: Terms) -> int:
        """Its limit; or the collar's far end from where it will be worked, rounded up."""
        if order["ord_type"] in WITH_LIMIT:
            return price
        start = max(self._reference_px.get(order["symbol"], 0), terms.stop_px)
        return start - (-start * int(self._firm["price_collar_bps"]) // 10_000)

    def _check_limits(self, order: Record, before: tuple[int, int]) -> None:
        """That it did not take the account beyond its limits, or further beyond."""
        account = self.accounts.get(order["account"])
        if account is None:
            return
        used, reached = self._exposure(order)
        limit = account["buying_power"].get(self._currency(order), 0) * SCALE
        if order["side"] == Side.BUY and used > limit and used > before[0]:
            self._wrong(
                f"order {order['order_id']} takes {order['account']} to {used} of {limit} buying power"
            )
        if reached > account["position_limit"] and reached > before[1]:
            self._wrong(f"order {order['order_id']} takes {order['account']} to a position of {reached}")

    # -- comparing -------------------------------------------------------------------------------------------

    def compare(self, state_snapshot_json: bytes) -> list[str]:
        """Where the engine's state, as it dumps it, differs from what the events say. In words; empty if
        nowhere."""
        state = json.loads(state_snapshot_json)
        differences: list[str] = []

        def same(what: str, theirs: Any, ours: Any) -> None:
            if theirs != ours:
                differences.append(f"{what}: the state says {theirs!r}, the events say {ours!r}")

        same("next order id", state["next_order_id"], self._last_order_id + 1)
        same("sessions up", state["sessions_up"], sorted(self._up))
        same("reference prices", state["reference_px"], self._reference_px)
        same("halts", [tuple(h) for h in state["halts"]], sorted((*k, *v) for k, v in self._halts.items()))
        same("ClOrdIDs", {(s, c): o for s, c, o in state["cl_ord_ids"]}, self._client_ids)
        same("day", state["day"], len(self._days.ends) + 1)
        for market in self._days.tables:
            dates = (state["days"][market]["ended_date"], state["days"][market]["started_date"])
            same(f"{market} dates", dates, (self._days.ended[market], self._days.begun.get(market, 0)))
        same("profiles", [p[2] for p in state["profiles"]], sorted(self._profiles))
        same("venues", [v[2] for v in state["venues"]], sorted(self._venues))
        shown = {
            (symbol, venue, side, px): qty
            for symbol, venue, _, *sides in state["depth"]
            for side, levels in zip("01", sides, strict=True)
            for px, qty in levels
        }
        same("displayed", shown, self._levels)
        same("volumes", state["volume"], dict(self._volume))
        same("questions", state["questions"], {v: asked for v, asked in self._questions.items() if asked})
        for name, ours in (("destinations", self._destinations), ("strategies", self._strategies)):
            same(name, [row[2] for row in state[name]], sorted(ours))
        self.lists.compare(state["lists"], same)
        for name in COUNTED.values():
            same(f"count of {name}", state["counts"].get(name, 0), self.counts[name])
        theirs = {order["order_id"]: order for order in state["orders"]}
        same("orders", sorted(theirs), sorted(self.orders))
        executed: dict[int, list[Record]] = defaultdict(list)
        for execution in self.executions.values():
            executed[execution["order_id"]].append(execution)
        for order_id in theirs.keys() & self.orders.keys():
            self._compare_order(theirs[order_id], self.orders[order_id], executed[order_id], same)
        totals = self._recomputed()
        for name in state["risk"].keys() | self.accounts.keys():
            for counter in ("held", "spent", "position", "open_buy", "open_sell"):
                said = {k: v for k, v in state["risk"].get(name, {}).get(counter, {}).items() if v}
                same(f"{name} {counter}", said, totals[name, counter])
        return differences

    def _compare_order(
        self, theirs: Record, ours: Record, executed: list[Record], same: Callable[[str, Any, Any], None]
    ) -> None:
        name = f"order {ours['order_id']}"
        for key in COMPARED:
            same(f"{name} {key}", theirs[key], ours[key])
        keys = ("cl_ord_id", "order_qty", "price", "hold_px")
        versions = [{k: v[k] for k in keys} for v in theirs["versions"]]
        same(f"{name} versions", versions, [{k: v[k] for k in keys} for v in ours["versions"]])
        stops = [v["terms"][0] if v["terms"] else 0 for v in theirs["versions"]]
        same(f"{name} stop prices", stops, [v["terms"].stop_px for v in ours["versions"]])
        same(f"{name} plan", (theirs["plan"] or {"to": ""})["to"], ours["plan"])
        self.legs.compare(theirs, ours, same)
        same(f"{name} queue", [q["cl_ord_id"] for q in theirs["queued"]], ours["queue"])
        same(f"{name} done for the day", theirs["done_for_day"], ours["done_for_day"])
        day = self.day(ours)
        is_of_today = theirs["day"] == day
        standing = [x for x in executed if x["stands"] and x["day"] == day]
        today = (sum(x["last_qty"] for x in standing), sum(x["last_qty"] * x["last_px"] for x in standing))
        same(
            f"{name} today",
            (theirs["day_cum_qty"], theirs["day_cum_notional"]) if is_of_today else (0, 0),
            today,
        )
        booked: dict[int, dict[str, list[Any]]] = defaultdict(dict)
        for x in executed:
            row = [x["number"], x["last_qty"], x["last_px"], x["day"], x["stands"], x["successor"]]
            booked[x["route_id"]][x["exec_id"]] = row
        same(
            f"{name} executions",
            {r["route_id"]: r["executions"] for r in theirs["routes"] if r["executions"]},
            booked,
        )
        emulation = theirs["emulation"] or {"venue": "", "what": [], "waits_for": ""}
        same(
            f"{name} emulation",
            (emulation["venue"], tuple(emulation["what"]), emulation["waits_for"]),
            (ours["emulated_at"], ours["emulated"], ours["waits_for"]),
        )
        same(f"{name} requests", [r["cl_ord_id"] for r in theirs["requests"]], list(ours["requests"]))
        working = ours["ended"] or (OrdStatus.NEW if ours["accepted"] else OrdStatus.PENDING_NEW)
        same(f"{name} working", theirs["working"], working)
        routes = {r["route_id"]: (r["venue"], r["order_qty"], r["cum_qty"]) for r in theirs["routes"]}
        same(f"{name} routes", routes,
             {i: (r["venue"], r["order_qty"], r["cum_qty"]) for i, r in ours["routes"].items()})  # fmt: skip

    def _recomputed(self) -> dict[tuple[str, str], dict[str, int]]:
        """Every counter of every account again, from the orders alone; zeros left out."""
        totals: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for order in self.orders.values():
            account = order["account"]
            if account not in self.accounts:
                continue
            if order["legs"]:
                self.legs.add_up(order, totals)
                continue
            qty, money = self._must_hold(order)
            totals[account, "held"][self._currency(order)] += money
            name = "open_buy" if order["side"] == Side.BUY else "open_sell"
            totals[account, name][order["symbol"]] += qty
        for fill in self.executions.values():
            order = self.orders[fill["order_id"]]
            if not fill["stands"] or order["legs"]:
                continue
            sign = 1 if order["side"] == Side.BUY else -1
            worth = self._worth(order, fill["last_px"], fill["last_qty"])
            totals[order["account"], "spent"][self._currency(order)] += sign * worth
            totals[order["account"], "position"][order["symbol"]] += sign * fill["last_qty"]
        return defaultdict(dict, {key: {k: v for k, v in t.items() if v} for key, t in totals.items()})

    def compare_trades(self, rows: Iterable[Mapping[str, str]], venue: str) -> list[str]:
        """Where a venue's trade file (see `trade_file`) and the fills in the journal differ. In words.

        Such a file is only appended to: a fill that was busted or corrected later is in it all the same.
        """
        ours: dict[str, list[Record]] = defaultdict(list)
        of_instruments = [f for f in self.executions.values() if not self.orders[f["order_id"]]["legs"]]
        for fill in (*of_instruments, *self.legs.executions.values()):
            if fill["venue"] == venue and fill["kind"] == "trade":
                ours[fill["exec_id"]].append(fill)
        differences: list[str] = []
        seen: set[tuple[str, int]] = set()
        for row in rows:
            exec_id = row["exec_id"]
            fills = ours.get(exec_id)
            if fills is None:
                differences.append(
                    f"{exec_id} of {row['cl_ord_id']} is in the trade file but not in the journal"
                )
                continue
            # An ExecID may come again for another order.
            fill = next((fill for fill in fills if row["cl_ord_id"] in fill["ids"]), fills[0])
            if (exec_id, fill["order_id"]) in seen:
                differences.append(f"{exec_id} is twice in the trade file")
            seen.add((exec_id, fill["order_id"]))
            qty, px = fill.get("traded") or (fill["last_qty"], fill["last_px"])  # a leg's are as they were
            for name, value, ours_is in (
                ("symbol", row["symbol"], fill["symbol"]),
                ("side", row["side"], fill["side"]),
                ("last_qty", parse_scaled(row["last_qty"]), qty),
                ("last_px", parse_scaled(row["last_px"]), px),
            ):
                if ours_is != value:
                    differences.append(
                        f"{exec_id} {name}: the trade file says {value}, the journal {ours_is}"
                    )
            if row["cl_ord_id"] not in fill["ids"]:
                differences.append(f"{exec_id} is of {row['cl_ord_id']}, which is not an id of its route")
        for exec_id, fills in ours.items():
            missing = (fill for fill in fills if (exec_id, fill["order_id"]) not in seen)
            differences += [f"{exec_id} is in the journal but not in the trade file" for _ in missing]
        return differences


_OTHER: Final[dict[type, Callable[[Auditor, Any], None]]] = {
    ev.EngineStarted: Auditor._started,
    ev.InstrumentDefined: Auditor._instrument,
    ev.AccountDefined: Auditor._account,
    ev.FirmDefined: Auditor._firm_defined,
    ev.SessionLoggedOn: Auditor._logged_on,
    ev.SessionLoggedOut: Auditor._logged_out,
    ev.ReferencePriceChanged: Auditor._price,
    ev.TradingHalted: Auditor._halted,
    ev.TradingResumed: Auditor._resumed,
    ev.ProfileDefined: Auditor._profile,
    ev.VenueDefined: Auditor._venue,
    ev.RoutingDefined: Auditor._routing,
    ev.MassCancelRequested: Auditor._mass_cancel,
    ev.BookChanged: Auditor._book_changed,
    ev.AskingStopped: Auditor._asking_stopped,
    ev.DestinationDefined: Auditor._destination,
    ev.StrategyDefined: Auditor._strategy,
    ev.VenueRateDefined: Auditor._rate,
    ev.DayEnded: Auditor._day_ended,
    ev.DayStarted: Auditor._day_started,
    ev.CalendarDefined: Auditor._calendar,
}

_ORDER: Final[dict[type, Callable[[Auditor, Any, Any], None]]] = {
    ev.OrderReceived: Auditor._received,
    ev.OrderDenied: Auditor._denied,
    ev.OrderAccepted: Auditor._accepted,
    ev.OrderRejected: Auditor._ended,
    ev.OrderCanceled: Auditor._ended,
    ev.OrderExpired: Auditor._ended,
    ev.OrderDoneForDay: Auditor._done_for_day,
    ev.OrderCalculated: Auditor._ended,
    ev.OrderStopped: Auditor._stopped,
    ev.OrderSuspended: Auditor._suspended,
    ev.OrderTriggered: Auditor._triggered,
    ev.OrderHeld: Auditor._held,
    ev.StatusAsked: Auditor._status_asked,
    ev.StatusAnswered: Auditor._status_answered,
    ev.OrderPlanned: Auditor._planned,
    ev.OrderWorked: Auditor._worked,
    ev.OrderEmulated: Auditor._emulated,
    ev.OrderWaits: Auditor._waits,
    ev.StopPxMoved: Auditor._stop_px_moved,
    ev.OrderRestated: Auditor._restated,
    ev.ExecutionBusted: Auditor._busted,
    ev.ExecutionCorrected: Auditor._corrected,
    ev.RequestQueued: Auditor._queued,
    ev.CancelRequested: Auditor._request,
    ev.ReplaceRequested: Auditor._request,
    ev.RequestDenied: Auditor._request_denied,
    ev.RequestRejected: Auditor._request_rejected,
    ev.OrderReplaced: Auditor._replaced,
    ev.OrderFilled: Auditor._filled,
    ev.OrderRouted: Auditor._routed,
    ev.CancelRouted: Auditor._route_request,
    ev.ReplaceRouted: Auditor._route_request,
    ev.RouteAccepted: Auditor._route_accepted,
    ev.MassCancelRejected: Auditor._mass_cancel_rejected,
    ev.RouteRejected: Auditor._route_ended,
    ev.RouteCanceled: Auditor._route_ended,
    ev.RouteExpired: Auditor._route_ended,
    ev.RouteReplaced: Auditor._route_replaced,
    ev.RouteRequestRejected: Auditor._route_request_rejected,
    ev.ReportQuestioned: Auditor._questioned,
    ev.LegFilled: lambda auditor, event, order: auditor.legs.filled(event, order),
    ev.LegBusted: lambda auditor, event, order: auditor.legs.busted(event, order),
    ev.LegCorrected: lambda auditor, event, order: auditor.legs.corrected(event, order),
}
