"""What the core's tests share: one small firm, and short words for what is asked and what happened.

`Desk` is the core without edges: a command goes in, its events come out as short lines and are applied at
once. Requests whose turn has come are taken up after every command, as the kernel does it. Around every
command it checks what must always hold: `decide` changes nothing, every event survives its encoding, and the
state is what `Recount`, which knows nothing but the events, finds by adding up.

Quantities and prices are written as text in whole units ("100", "10.25"); `scaled` makes them ints.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.engine import decide
from oms.core.order import Order, day_quantities, ord_status
from oms.core.price_book import PriceBook
from oms.core.state import State
from oms.core.types import (
    SCALE,
    ExecType,
    ListMember,
    OrdStatus,
    OrdType,
    Px,
    Qty,
    Side,
    Terms,
    TimeInForce,
    average_px,
    format_scaled,
    parse_scaled,
)

EPOCH = "e"
START_NS = 1_795_357_800_000_000_000
"""2026-11-22 14:30:00 UTC."""
DAY_NS = 86_400_000_000_000

ALPHA, BRAVO = "ALPHA", "BRAVO"
"""Client sessions."""

SIM, LSE = "SIM", "LSE"
"""Venues: LSE takes what is listed in London, SIM everything else."""

ONE_TICK = ((Px(0), Px(SCALE // 100)),)
TWO_TICKS = ((Px(0), Px(SCALE // 100)), (Px(100 * SCALE), Px(SCALE // 2)))

STATUS_NAMES = {value: name.lower() for name, value in vars(OrdStatus).items() if name.isupper()}


def scaled(number: str | int) -> int:
    return parse_scaled(str(number))


def terms(
    stop: str = "",
    min_qty: str = "",
    max_floor: str = "",
    exec_inst: str = "",
    until: str = "",
    cash: str = "",
    **more: str,
) -> Terms | None:
    """What few orders say; None if nothing is."""
    found = Terms(
        stop_px=Px(scaled(stop or 0)),
        exec_inst=exec_inst,
        min_qty=Qty(scaled(min_qty or 0)),
        max_floor=Qty(scaled(max_floor or 0)),
        expire_date=until,
        cash_order_qty=Qty(scaled(cash or 0)),
        **more,
    )
    return found if found != Terms() else None


def member(
    seq: int,
    id: str,
    qty: str = "100",
    px: str = "10",
    *,
    side: str = Side.BUY,
    symbol: str = "IBM",
    account: str = "BLOCK",
    tif: str = TimeInForce.DAY,
    ord_type: str = "",
    terms: Terms | None = None,
) -> ListMember:
    """One order of a list: a limit order; a market order if `px` is empty."""
    kind = ord_type or (OrdType.LIMIT if px else OrdType.MARKET)
    price = Px(scaled(px or 0))
    return ListMember(seq, id, account, symbol, side, Qty(scaled(qty)), kind, price, tif, terms)


def instrument(
    symbol: str, market: str, currency: str, lot: str, price_unit: int = SCALE, ticks: Any = ONE_TICK
) -> ev.InstrumentDefined:
    return ev.InstrumentDefined(
        START_NS, symbol, market, currency, "", symbol, Qty(scaled(lot)), ticks, Px(price_unit), 2
    )


def account(
    name: str, sessions: Iterable[str], buying_power: Iterable[tuple[str, str]], position_limit: str
) -> ev.AccountDefined:
    limits = tuple((currency, scaled(amount)) for currency, amount in buying_power)
    return ev.AccountDefined(START_NS, name, name, tuple(sessions), limits, Qty(scaled(position_limit)))


FIRM = ev.FirmDefined(
    START_NS,
    max_order_qty=Qty(scaled("10000")),
    max_order_notional=tuple(
        (c, scaled(a)) for c, a in (("USD", "500000"), ("GBP", "5000"), ("JPY", "9000000"))
    ),
    price_collar_bps=1000,  # 10 percent
    default_venue=SIM,
    market_venues=(("XLON", LSE),),
)

INSTRUMENTS = (
    instrument("IBM", "XNYS", "USD", "1", ticks=TWO_TICKS),  # ticks of 0.01, from 100 on of 0.5
    instrument("VOD", "XLON", "GBP", "1", SCALE // 100),  # quoted in pence
    instrument("TOY", "XTKS", "JPY", "100"),  # only HUGE has yen to buy with
    instrument("NES", "XSWX", "CHF", "1"),  # the firm has no limit for francs
    instrument("NEW", "XNYS", "USD", "1"),  # never had a price
)

ACCOUNTS = (
    account("ACC", (ALPHA,), (("USD", "100000"), ("GBP", "1600")), "2000"),
    account("BLOCK", (ALPHA, BRAVO), (("USD", "100000"),), "5000"),
    account("HUGE", (ALPHA,), (("USD", "9000000"), ("GBP", "9000000"), ("JPY", "900000000")), "90000"),
)

PRICES = (("IBM", "90"), ("VOD", "80"), ("TOY", "2000"), ("NES", "100"))

REFERENCE_DATA: tuple[ev.Event, ...] = (
    ev.EngineStarted(START_NS, "test", 1, EPOCH),
    *INSTRUMENTS,
    FIRM,
    *ACCOUNTS,
    ev.AllocationGroupDefined(START_NS, "BLOCK", (("ACC", SCALE),)),
    *(ev.ReferencePriceChanged(START_NS, symbol, Px(scaled(px)), SIM) for symbol, px in PRICES),
)

SESSIONS_UP = tuple(ev.SessionLoggedOn(START_NS, name) for name in (ALPHA, BRAVO, SIM, LSE))

# -- events in a line ----------------------------------------------------------------------------------------

KEY_FIELDS: dict[type, tuple[str, ...]] = {
    ev.SessionLoggedOn: ("session_id",),
    ev.SessionLoggedOut: ("session_id",),
    ev.ReferencePriceChanged: ("symbol", "px"),
    ev.TradingHalted: ("scope", "value"),
    ev.TradingResumed: ("scope", "value"),
    ev.OrderReceived: ("cl_ord_id",),
    ev.OrderDenied: ("cl_ord_id", "reason", "ord_rej_reason"),
    ev.OrderRejected: ("ord_rej_reason", "text"),
    ev.OrderFilled: ("exec_id", "last_qty", "last_px"),
    ev.CancelRequested: ("cl_ord_id", "orig_cl_ord_id"),
    ev.ReplaceRequested: ("cl_ord_id", "orig_cl_ord_id", "order_qty", "price"),
    ev.RequestDenied: ("cl_ord_id", "reason", "cxl_rej_reason"),
    ev.RequestRejected: ("cl_ord_id", "cxl_rej_reason", "text"),
    ev.OrderCanceled: ("cl_ord_id",),
    ev.OrderReplaced: ("cl_ord_id",),
    ev.StatusRequested: ("order_id", "cl_ord_id"),
    ev.OrderRouted: ("venue", "cl_ord_id"),
    ev.RouteRejected: ("ord_rej_reason", "text"),
    ev.CancelRouted: ("cl_ord_id", "orig_cl_ord_id"),
    ev.ReplaceRouted: ("cl_ord_id", "orig_cl_ord_id", "order_qty", "price"),
    ev.RouteCanceled: ("cl_ord_id",),
    ev.RouteReplaced: ("cl_ord_id",),
    ev.RouteRequestRejected: ("cl_ord_id", "cxl_rej_reason"),
    ev.RouteExpired: ("done_for_day",),
    ev.StatusAsked: ("cl_ord_id",),
    ev.ReportQuestioned: ("order_id", "reason"),
    ev.ExecutionBusted: ("exec_id", "exec_ref_id", "qty", "px"),
    ev.ExecutionCorrected: ("exec_id", "exec_ref_id", "last_qty", "last_px", "qty", "px"),
    ev.OrderRestated: ("exec_restatement_reason", "order_qty", "price"),
    ev.OrderStopped: ("last_qty", "last_px"),
    ev.RequestQueued: ("cl_ord_id", "order_qty", "price"),
    ev.TradeUnknown: ("venue", "exec_id", "dk_reason"),
    ev.MassCancelRequested: ("cl_ord_id", "affected", "text"),
    ev.MassCancelRejected: ("cl_ord_id", "cxl_rej_reason", "text"),
    ev.MassStatusRequested: ("order_id", "total", "is_last"),
    ev.ListReceived: ("list_id", "total"),
    ev.ListDenied: ("list_id", "list_reject_reason", "text"),
    ev.ListRequestDenied: ("list_id", "list_reject_reason", "text"),
    ev.ListExecuted: ("list_id",),
    ev.ListCanceled: ("list_id",),
    ev.ListStatusDue: ("list_id", "list_status_type", "text"),
    ev.ListStatusReported: ("list_id", "list_status_type", "list_order_status", "total"),
    ev.ListWorked: ("list_id", "up_to", "kept"),
    ev.LegFilled: ("symbol", "exec_id", "last_qty", "last_px"),
    ev.LegBusted: ("leg", "exec_id", "exec_ref_id", "qty", "px"),
    ev.LegCorrected: ("leg", "exec_id", "exec_ref_id", "last_qty", "last_px", "qty", "px"),
    ev.DayEnded: ("market", "date"),
    ev.DayStarted: ("market", "date"),
    ev.OrderEmulated: ("venue", "what"),
    ev.OrderWaits: ("waits_for",),
    ev.StopPxMoved: ("stop_px",),
}


def brief(event: ev.Event) -> str:
    """An event's type and key fields: "OrderFilled x1 40 10.5". Empty text is left out."""
    words = [type(event).__name__]
    for name in KEY_FIELDS.get(type(event), ()):
        value = getattr(event, name)
        if name in ("last_qty", "last_px", "order_qty", "price", "qty", "px", "stop_px"):
            value = format_scaled(value)
        if name == "what":
            value = "+".join(value)
        if value != "" and not (isinstance(event, ev.DayEnded) and value == 0):
            words.append(str(value))
    return " ".join(words)


# -- the desk ------------------------------------------------------------------------------------------------


class Desk:
    """One engine's core. Every method that asks something answers with the events it led to, in brief."""

    def __init__(self, *more: ev.Event, up: Iterable[ev.Event] = SESSIONS_UP) -> None:
        self.state = State()
        self.events: list[ev.Event] = []
        self.now_ns = START_NS
        self.tick_ns = 1_000_000  # how far the clock moves from one command to the next
        self.recount = Recount()
        self.commands: list[cmd.Command] = []
        self._execs = 0
        for event in (*REFERENCE_DATA, *up, *more):
            self._take(event)

    def do(self, command: cmd.Command) -> list[str]:
        """Decide a command and apply what it led to; then let lists of orders go on."""
        self.commands.append(command)
        events = self._carry_out(command)
        while self.state.lists_due:
            taken = self._carry_out(cmd.WorkList(*next(iter(self.state.lists_due))))
            assert taken, "a list has a step and nothing comes of it"
            events += taken
        self.recount.check(self.state)
        # That a question is answered goes without saying.
        return [brief(event) for event in events if not isinstance(event, ev.StatusAnswered)]

    def _look(self, order_id: int) -> list[ev.Event]:
        looked = self._carry_out(cmd.WorkOrder(order_id))
        assert looked, "an order is looked at and nothing comes of it"
        return looked

    def wait(self, seconds: float) -> list[str]:
        """Let so much time pass, and what is due by then happen, as the kernel does it."""
        events: list[ev.Event] = []
        until_ns = self.now_ns + int(seconds * 1e9)
        while True:
            order_id = self.state.waiting.next(self.now_ns)
            if order_id:
                events += self._look(order_id)
            elif self.now_ns >= until_ns:
                self.recount.check(self.state)
                return [brief(event) for event in events]
            else:
                self.now_ns = min(self.now_ns + 10_000_000, until_ns)

    def _carry_out(self, command: cmd.Command) -> list[ev.Event]:
        """Decide a command; then let requests that wait, and orders in parts, have their turn, as the kernel
        does it.
        """
        self.now_ns += self.tick_ns
        events = self._decide(command)
        while turn := self._next_turn():
            taken = self._decide(turn)
            assert taken, f"{turn} has its turn and nothing comes of it"
            events += taken
        return events

    def _next_turn(self) -> cmd.Command | None:
        if self.state.due:
            return cmd.TakeQueued(next(iter(self.state.due)))
        if self.state.waiting.to_work:
            return cmd.WorkOrder(next(iter(self.state.waiting.to_work)))
        if self.state.emulated.due:
            return cmd.Emulate(self.state.emulated.due[0])
        return None

    def _decide(self, command: cmd.Command) -> list[ev.Event]:
        before = self.state.dump()
        events = decide(self.state, command, self.now_ns)
        assert self.state.dump() == before, f"decide changed the state: {command}"
        for event in events:
            self._take(event)
        return events

    def _take(self, event: ev.Event) -> None:
        assert ev.decode(ev.encode(event)) == event
        self.events.append(event)
        self.state.apply(event)
        self.recount.feed(event)

    def refold(self) -> State:
        """The fold of all events so far, as a second state."""
        state = State()
        for event in self.events:
            state.apply(ev.decode(ev.encode(event)))
        return state

    # -- the client ------------------------------------------------------------------------------------------

    def new(
        self,
        cl_ord_id: str = "A",
        qty: str = "100",
        px: str = "10",
        *,
        side: str = Side.BUY,
        symbol: str = "IBM",
        account: str = "BLOCK",
        session: str = ALPHA,
        tif: str = TimeInForce.DAY,
        ord_type: str = "",
        terms: Terms | None = None,
        poss_resend: bool = False,
    ) -> list[str]:
        """A limit order; a market order if `px` is empty. An order by phone has no `cl_ord_id`."""
        kind = ord_type or (OrdType.LIMIT if px else OrdType.MARKET)
        price = Px(scaled(px)) if px else Px(0)
        return self.do(
            cmd.NewOrder(
                session,
                cl_ord_id,
                account,
                symbol,
                side,
                Qty(scaled(qty)),
                kind,
                price,
                tif,
                poss_resend,
                terms,
            )
        )

    def cancel(self, cl_ord_id: str, orig: str, *, session: str = ALPHA) -> list[str]:
        order = self.state.find(session, orig)
        symbol, side = (order.symbol, order.side) if order is not None else ("IBM", Side.BUY)
        return self.do(cmd.CancelOrder(session, cl_ord_id, orig, symbol, side))

    def replace(
        self,
        cl_ord_id: str,
        orig: str,
        qty: str,
        px: str = "10",
        *,
        session: str = ALPHA,
        ord_type: str = "2",
        terms: Terms | None = None,
    ) -> list[str]:
        order = self.state.find(session, orig)
        symbol, side = (order.symbol, order.side) if order is not None else ("IBM", Side.BUY)
        return self.do(
            cmd.ReplaceOrder(
                session,
                cl_ord_id,
                orig,
                symbol,
                side,
                Qty(scaled(qty)),
                ord_type,
                Px(scaled(px or 0)),
                terms,
            )
        )

    def ask_status(self, cl_ord_id: str, *, session: str = ALPHA) -> list[str]:
        return self.do(cmd.RequestStatus(session, cl_ord_id, "IBM", Side.BUY))

    def cancel_all(self, cl_ord_id: str, symbol: str = "", side: str = "") -> list[str]:
        return self.do(cmd.CancelAll(ALPHA, cl_ord_id, "1" if symbol else "7", symbol, side))

    def ask_all(self, symbol: str = "") -> list[str]:
        return self.do(cmd.RequestAllStatus(ALPHA, "M", "1" if symbol else "7", symbol))

    def new_list(
        self,
        list_id: str,
        *members: ListMember,
        kind: str = "1",
        total: int = 0,
        bid_type: str = "3",
        last: str = "",
        poss_resend: bool = False,
        unsupported: str = "",
    ) -> list[str]:
        """A list, or a fragment of one: at once, unless `kind` says that it waits."""
        return self.do(
            cmd.NewList(
                ALPHA, list_id, bid_type, kind, total or len(members), members, last, poss_resend, unsupported
            )
        )

    def execute_list(self, list_id: str) -> list[str]:
        return self.do(cmd.ExecuteList(ALPHA, list_id))

    def cancel_list(self, list_id: str) -> list[str]:
        return self.do(cmd.CancelList(ALPHA, list_id))

    def ask_list(self, list_id: str) -> list[str]:
        return self.do(cmd.RequestListStatus(ALPHA, list_id))

    def profile(
        self, second_request: str = "pass", poss_resend: str = "status", *, of: str = ALPHA, **more: Any
    ) -> None:
        """How ALPHA, or somebody else, wants to be talked to."""
        self._take(ev.ProfileDefined(self.now_ns, of, True, poss_resend, second_request, **more))

    # -- the venue: `of` is the client's ClOrdID, of an order or a request; "#1" is order 1, "A/2" a route ---------

    def report(
        self, of: str, exec_type: str, status: str = "", *, venue: str = "", route: int = 1, **more: Any
    ) -> list[str]:
        """ExecutionReport(8) under our id at the venue for what the client calls `of`."""
        order = self.order(of)
        return self.do(
            cmd.VenueReport(
                venue or order.routes[route - 1].venue,
                self.sent(of, route),
                exec_type,
                status or ord_status(order),
                **{"exec_id": self._exec_id(), "venue_order_id": f"V{order.order_id}"} | more,
            )
        )

    def ack(self, of: str = "A", route: int = 1) -> list[str]:
        return self.report(of, ExecType.NEW, route=route)

    def fill(self, of: str, exec_id: str, qty: str, px: str = "10", **more: Any) -> list[str]:
        return self.report(
            of, ExecType.TRADE, exec_id=exec_id, last_qty=Qty(scaled(qty)), last_px=Px(scaled(px)), **more
        )

    def bust(self, of: str, exec_id: str, ref: str, **more: Any) -> list[str]:
        return self.report(of, ExecType.TRADE_CANCEL, exec_id=exec_id, exec_ref_id=ref, **more)

    def correct(self, of: str, exec_id: str, ref: str, qty: str, px: str = "10", **more: Any) -> list[str]:
        return self.report(
            of,
            ExecType.TRADE_CORRECT,
            exec_id=exec_id,
            exec_ref_id=ref,
            last_qty=Qty(scaled(qty)),
            last_px=Px(scaled(px)),
            **more,
        )

    def restated(self, of: str, qty: str = "0", px: str = "0", reason: str = "5") -> list[str]:
        return self.report(
            of,
            ExecType.RESTATED,
            order_qty=Qty(scaled(qty)),
            price=Px(scaled(px)),
            exec_restatement_reason=reason,
        )

    def done_for_day(self, of: str, route: int = 1) -> list[str]:
        return self.report(of, ExecType.DONE_FOR_DAY, OrdStatus.DONE_FOR_DAY, route=route)

    def expired(self, of: str, route: int = 1) -> list[str]:
        return self.report(of, ExecType.EXPIRED, OrdStatus.EXPIRED, route=route)

    def canceled(self, of: str, text: str = "", route: int = 1) -> list[str]:
        return self.report(of, ExecType.CANCELED, OrdStatus.CANCELED, text=text, route=route)

    def replaced(self, of: str, route: int = 1) -> list[str]:
        return self.report(of, ExecType.REPLACED, OrdStatus.NEW, route=route)

    def rejected(self, of: str, text: str = "no", route: int = 1) -> list[str]:
        return self.report(
            of, ExecType.REJECTED, OrdStatus.REJECTED, ord_rej_reason=99, text=text, route=route
        )

    def mass_refused(self, of: str, reason: int = 0, text: str = "too late") -> list[str]:
        """OrderCancelReject(9) to the newest cancel of an order that was our own wish."""
        order = self.order(of)
        own = [r.cl_ord_id for route in order.routes for r in route.requests if not r.request_cl_ord_id]
        cl_ord_id = own[-1] if own else "e-0"
        return self.do(
            cmd.VenueCancelReject(order.routes[0].venue, cl_ord_id, cxl_rej_reason=reason, text=text)
        )

    def refused(self, of: str, reason: int = 0, text: str = "too late", route: int = 1) -> list[str]:
        """OrderCancelReject(9) to the request that the client calls `of`."""
        venue = self.order(of).routes[route - 1].venue
        return self.do(cmd.VenueCancelReject(venue, self.sent(of, route), cxl_rej_reason=reason, text=text))

    def stands(self, of: str, status: str, cum: str = "0") -> list[str]:
        """The venue's answer to our question about `of`: ExecType(150)=I."""
        return self.report(of, ExecType.ORDER_STATUS, status, exec_id="0", cum_qty=Qty(scaled(cum)))

    def not_taken(self, of: str, msg_type: str, text: str = "not supported") -> list[str]:
        """The venue's session refused our message about `of`, without working it."""
        order = self.order(of)
        return self.do(cmd.VenueRefusal(order.routes[0].venue, msg_type, self.sent(of), text))

    def _exec_id(self) -> str:
        self._execs += 1
        return f"v{self._execs}"

    # -- sessions and people ---------------------------------------------------------------------------------

    def up(self, session: str = SIM) -> list[str]:
        return self.do(cmd.LogOn(session))

    def down(self, session: str = SIM) -> list[str]:
        return self.do(cmd.LogOut(session))

    def halt(self, scope: str, value: str = "") -> list[str]:
        return self.do(cmd.Halt(scope, value, "jane", "review"))

    def resume(self, scope: str, value: str = "") -> list[str]:
        return self.do(cmd.Resume(scope, value, "jane", "done"))

    def end_day(self, days: int = 1) -> list[str]:
        """The day ends now; what comes next comes that many days later."""
        found = self.do(cmd.EndDay("jane"))
        self.now_ns += days * DAY_NS
        return found

    def show(
        self,
        venue: str,
        symbol: str = "IBM",
        *,
        bids: Iterable[str] = (),
        offers: Iterable[str] = (),
        trades: Iterable[str] = (),
        full: bool = True,
    ) -> list[str]:
        """What a venue displays, as "price quantity"."""
        entries = tuple(
            (kind, *map(scaled, line.split()))
            for kind, lines in (("0", bids), ("1", offers), ("2", trades))
            for line in lines
        )
        return self.do(cmd.UpdateBooks(venue, (cmd.BookUpdate(symbol, full, entries),)))  # type: ignore[arg-type]

    def price(self, symbol: str, px: str) -> list[str]:
        return self.do(cmd.PublishPrice(symbol, Px(scaled(px)), SIM))

    # -- looking ---------------------------------------------------------------------------------------------

    def order(self, cl_ord_id: str = "A", session: str = ALPHA) -> Order:
        cl_ord_id = cl_ord_id.partition("/")[0]
        if cl_ord_id.startswith("#"):
            return self.state.orders[int(cl_ord_id[1:])]
        order = self.state.find(session, cl_ord_id) or self.state.find(BRAVO, cl_ord_id)
        assert order is not None, f"no order {cl_ord_id}"
        return order

    def sent(self, of: str, route: int = 1) -> str:
        """Our id at the venue of a route for what the client calls `of`: its order's first, or the request's.

        "A/" is the last wish of our own about A, "A/2" its second route.
        """
        own = of.endswith("/")
        of, _, number = of.partition("/")
        route = int(number or route)
        order_id = self.order(of).order_id
        first = f"{EPOCH}-{order_id}-{route}-1"
        if of.startswith("#"):
            return first
        asked = [
            event
            for event in self.events
            if isinstance(event, ev.CancelRouted | ev.ReplaceRouted)
            and (event.order_id, event.route_id) == (order_id, route)
            and event.request_cl_ord_id == ("" if own else of)
        ]
        return asked[-1 if own else 0].cl_ord_id if asked else first

    def now(self, of: str = "A") -> str:
        """How the order stands: "partially_filled 40 of 100, 60 open, as A"."""
        order = self.order(of)
        cum, qty, leaves = (format_scaled(n) for n in (order.cum_qty, order.order_qty, order.leaves_qty))
        return f"{STATUS_NAMES[ord_status(order)]} {cum} of {qty}, {leaves} open, as {order.cl_ord_id}"

    def today(self, of: str = "A") -> str:
        """What is the day's of an order: "40 of 100 at 10"."""
        order = self.order(of)
        qty, cum, notional = day_quantities(order, self.state.day_of(order))
        return f"{format_scaled(cum)} of {format_scaled(qty)} at {format_scaled(average_px(notional, cum))}"

    def risk(self, account: str = "BLOCK", symbol: str = "IBM", currency: str = "USD") -> str:
        """An account's counters: "held 1000, spent 0, position 0, open 100/0"."""
        risk = self.state.risk[account]
        money = [risk.held.get(currency, 0) // SCALE, risk.spent.get(currency, 0) // SCALE]
        numbers = [
            *money,
            risk.position.get(symbol, 0),
            risk.open_buy.get(symbol, 0),
            risk.open_sell.get(symbol, 0),
        ]
        held, spent, position, buys, sells = (format_scaled(n) for n in numbers)
        return f"held {held}, spent {spent}, position {position}, open {buys}/{sells}"


# -- the auditor ---------------------------------------------------------------------------------------------

ENDS: dict[type, str] = {
    ev.OrderRejected: OrdStatus.REJECTED,
    ev.OrderCanceled: OrdStatus.CANCELED,
    ev.OrderExpired: OrdStatus.EXPIRED,
    ev.OrderCalculated: OrdStatus.CALCULATED,
}
FLAGS: dict[type, tuple[str, bool]] = {
    ev.OrderStopped: ("stopped", True),
    ev.OrderSuspended: ("suspended", True),
    ev.OrderTriggered: ("suspended", False),
}
COUNTERS = ("held", "spent", "position", "open_buy", "open_sell")


class Recount:
    """What the events say, in plain dicts; every sum is made anew from the executions when it is looked at.

    An execution is one row of its route: [number, quantity, price, day, whether it stands]. A bust is a row as
    well, of nothing, and a correction a row of the day of what it corrects. The legs of a multileg order have
    rows of their own: they are what is owned, paid for and held.
    """

    def __init__(self) -> None:
        self.orders: dict[int, dict[str, Any]] = {}
        self.items: dict[str, ev.InstrumentDefined] = {}
        self.ends: list[str] = []  # the market of every day that has ended; "" for all

    def day(self, order: dict[str, Any]) -> int:
        """The day that the order's market is on: numbered by the last end that was its own."""
        item = self.items.get(order["legs"][0]["symbol"] if order["legs"] else order["symbol"])
        own = {"", item.market if item is not None else ""}
        return max((n for n, market in enumerate(self.ends, 2) if market in own), default=1)

    def feed(self, event: ev.Event) -> None:
        if isinstance(event, ev.InstrumentDefined):
            self.items[event.symbol] = event
        elif isinstance(event, ev.DayEnded):
            self.ends.append(event.market)
            for order in self.orders.values():
                if self.day(order) == len(self.ends) + 1:
                    order["done today"] = False
        elif isinstance(event, ev.OrderReceived | ev.OrderDenied):
            taken = isinstance(event, ev.OrderReceived)
            self.orders[event.order_id] = {
                "account": event.account,
                "symbol": event.symbol,
                "buys": event.side == Side.BUY,
                "outlives the day": event.time_in_force in "16",
                "limit": event.ord_type in "24",
                "qty": event.order_qty,
                "px": event.price,
                "hold": event.hold_px if isinstance(event, ev.OrderReceived) else 0,
                "as": event.cl_ord_id,
                "live": False,
                "ended": "" if taken else OrdStatus.REJECTED,
                "stopped": False,
                "suspended": False,
                "done today": False,
                "asked": {},
                "waiting": [],
                "overfilled": False,
                "executions": defaultdict(dict),
                "legs": _legs(event) if isinstance(event, ev.OrderReceived) else [],
                "leg holds": _leg_holds(event) if isinstance(event, ev.OrderReceived) else [],
            }
        elif isinstance(event, ev.OrderEvent) and event.order_id in self.orders:
            self._about(event, self.orders[event.order_id])

    def _about(self, event: ev.OrderEvent, order: dict[str, Any]) -> None:
        if isinstance(event, ev.OrderAccepted | ev.OrderHeld):
            order["live"] = True
        elif isinstance(event, ev.ReportQuestioned):
            order["overfilled"] |= event.reason == "overfill"
        elif isinstance(event, ev.OrderFilled):
            rows = order["executions"][event.route_id]
            rows[event.exec_id] = [len(rows) + 1, event.last_qty, event.last_px, self.day(order), True]
        elif isinstance(event, ev.LegFilled):
            leg = order["legs"][event.leg - 1]
            assert (event.symbol, event.side == Side.BUY) == (leg["symbol"], leg["buys"])
            rows = leg["executions"]
            rows[event.exec_id] = [len(rows) + 1, event.last_qty, event.last_px, self.day(order), True]
        elif isinstance(event, ev.ExecutionBusted | ev.ExecutionCorrected | ev.LegBusted | ev.LegCorrected):
            is_leg = isinstance(event, ev.LegBusted | ev.LegCorrected)
            rows = (
                order["legs"][event.leg - 1]["executions"] if is_leg else order["executions"][event.route_id]
            )
            before = rows[event.exec_ref_id]
            assert before[4], f"{event.exec_ref_id} did not stand any more"
            assert (event.qty, event.px) == (before[1], before[2]), "it was another execution"
            before[4] = False
            rows[event.exec_id] = [len(rows) + 1, 0, 0, self.day(order), False]
            if isinstance(event, ev.ExecutionCorrected | ev.LegCorrected):
                rows[event.exec_id] = [len(rows), event.last_qty, event.last_px, before[3], True]
        elif isinstance(event, ev.OrderRestated) and event.route_id:
            for row in order["executions"][event.route_id].values() if event.cum_qty else ():
                if row[4]:
                    row[1] = row[1] * event.cum_qty // event.was_cum_qty
                    row[2] = (2 * row[2] * event.was_cum_qty + event.cum_qty) // (2 * event.cum_qty)
            order["qty"], order["px"] = event.order_qty, event.price
            order["hold"] = event.price if order["limit"] else order["hold"]
            order["suspended"] = order["done today"] = False
        elif isinstance(event, ev.CancelRequested):
            order["asked"][event.cl_ord_id] = None
        elif isinstance(event, ev.ReplaceRequested):
            order["asked"][event.cl_ord_id] = (
                event.order_qty, event.hold_px, event.price, _leg_holds(event)
            )  # fmt: skip
            self._waits_no_more(order, event.cl_ord_id)
        elif isinstance(event, ev.RequestQueued):
            order["waiting"].append(event.cl_ord_id)
        elif isinstance(event, ev.RequestDenied):
            if event.reason != "duplicate_cl_ord_id":
                self._waits_no_more(order, event.cl_ord_id)
        elif isinstance(event, ev.RequestRejected):
            del order["asked"][event.cl_ord_id]
        elif isinstance(event, ev.OrderReplaced):
            qty, hold, px, leg_holds = order["asked"].pop(event.cl_ord_id)
            qty = max(qty, self._executed(order)[0])
            order.update({"qty": qty, "hold": hold, "px": px, "as": event.cl_ord_id, "leg holds": leg_holds})
        elif isinstance(event, ev.OrderDoneForDay) and order["outlives the day"]:
            order["done today"] = True
        elif type(event) in FLAGS:
            name, value = FLAGS[type(event)]
            order[name] = value
        elif isinstance(event, ev.OrderCalculated) and (event.for_day or order["ended"] == "3"):
            pass
        elif type(event) in ENDS or isinstance(event, ev.OrderDoneForDay):
            order["ended"] = ENDS.get(type(event), OrdStatus.DONE_FOR_DAY)
            order["stopped"] = order["suspended"] = order["done today"] = False
            if isinstance(event, ev.OrderCanceled):
                order["asked"].pop(event.cl_ord_id, None)

    def _waits_no_more(self, order: dict[str, Any], cl_ord_id: str) -> None:
        order["waiting"] = [waiting for waiting in order["waiting"] if waiting != cl_ord_id]

    # -- sums ------------------------------------------------------------------------------------------------

    def _executed(self, order: dict[str, Any], day: int = 0) -> tuple[int, int]:
        """(quantity, notional) of what stands; of one day if it is given."""
        rows = [row for route in order["executions"].values() for row in route.values() if row[4]]
        rows = [row for row in rows if day in (0, row[3])]
        return sum(row[1] for row in rows), sum(row[1] * row[2] for row in rows)

    def _status(self, order: dict[str, Any], cum: int) -> str:
        asked, ended = order["asked"].values(), order["ended"]
        story = (
            (None in asked, OrdStatus.PENDING_CANCEL),
            (len(asked) > 0, OrdStatus.PENDING_REPLACE),
            (ended == OrdStatus.DONE_FOR_DAY or order["done today"], OrdStatus.DONE_FOR_DAY),
            (ended == OrdStatus.CALCULATED, OrdStatus.CALCULATED),
            (0 < cum >= order["qty"], OrdStatus.FILLED),
            (order["stopped"], OrdStatus.STOPPED),
            (order["suspended"], OrdStatus.SUSPENDED),
            (ended in (OrdStatus.CANCELED, OrdStatus.EXPIRED), ended),
            (cum > 0, OrdStatus.PARTIALLY_FILLED),
            (ended == OrdStatus.REJECTED, OrdStatus.REJECTED),
            (order["live"], OrdStatus.NEW),
            (True, OrdStatus.PENDING_NEW),
        )
        return next(status for holds, status in story if holds)

    def check(self, state: State) -> None:
        """Compare all of it with a state. Raises AssertionError."""
        assert state.day == len(self.ends) + 1
        assert list(state.orders) == list(self.orders)
        assert state.open_orders() == [order for order in state.orders.values() if not order.settled]
        risk: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for order_id, order in self.orders.items():
            theirs = state.orders[order_id]
            cum, notional = self._executed(order)
            day_cum, day_notional = self._executed(order, self.day(order))
            leaves = 0 if order["ended"] else max(order["qty"] - cum, 0)
            assert self._facts(order, cum, notional, leaves) == {
                "as": theirs.cl_ord_id,
                "qty": theirs.order_qty,
                "px": theirs.price,
                "cum": theirs.cum_qty,
                "notional": theirs.cum_notional,
                "leaves": theirs.leaves_qty,
                "status": ord_status(theirs),
                "asked": [r.cl_ord_id for r in theirs.requests],
                "waiting": [q.cl_ord_id for q in theirs.queued],
                "executions": {
                    route.route_id: {
                        id: [x.number, x.qty, x.px, x.day, x.stands] for id, x in route.executions.items()
                    }
                    for route in theirs.routes
                    if route.executions
                },
            }, f"order {order_id}"
            day = (order["qty"] - cum + day_cum, day_cum, day_notional)
            assert day_quantities(theirs, state.day_of(theirs)) == day, f"order {order_id}"
            assert theirs.ended == (leaves == 0), f"order {order_id}"
            assert (order_id in state.due) == bool(order["waiting"] and not order["asked"]), (
                f"order {order_id}"
            )
            for route in theirs.routes:
                standing = [row for row in order["executions"][route.route_id].values() if row[4]]
                sums = (sum(row[1] for row in standing), sum(row[1] * row[2] for row in standing))
                assert (route.cum_qty, route.cum_notional) == sums, f"order {order_id}"
            self._check_legs(order, theirs)
            self._add_risk(risk, order, cum)
            if not order["overfilled"]:
                self._check_ledger(theirs)
        for name, counters in state.risk.items():
            for counter in COUNTERS:
                found = {key: n for key, n in getattr(counters, counter).items() if n}
                assert found == {key: n for key, n in risk[name, counter].items() if n}, (name, counter)
        self._check_books(state)

    def _facts(self, order: dict[str, Any], cum: int, notional: int, leaves: int) -> dict[str, Any]:
        return {
            "as": order["as"],
            "qty": order["qty"],
            "px": order["px"],
            "cum": cum,
            "notional": notional,
            "leaves": leaves,
            "status": self._status(order, cum),
            "asked": list(order["asked"]),
            "waiting": order["waiting"],
            "executions": {route_id: rows for route_id, rows in order["executions"].items() if rows},
        }

    def _add_risk(self, risk: Any, order: dict[str, Any], cum: int) -> None:
        account, symbol = order["account"], order["symbol"]
        if order["legs"]:
            self._add_risk_of_legs(risk, order, cum)
            return
        item = self.items.get(symbol)
        if item is None:
            return
        sign = 1 if order["buys"] else -1
        for rows in order["executions"].values():
            for _, qty, px, _, stands in rows.values():
                if stands:
                    risk[account, "spent"][item.currency] += sign * (qty * px * item.price_unit // SCALE)
                    risk[account, "position"][symbol] += sign * qty
        if order["ended"]:
            return
        asked = [(qty, hold) for qty, hold, *_ in filter(None, order["asked"].values())]
        holds = [(max(qty - cum, 0), hold) for qty, hold in [(order["qty"], order["hold"]), *asked]]
        risk[account, "open_buy" if order["buys"] else "open_sell"][symbol] += max(qty for qty, _ in holds)
        if order["buys"]:
            worths = [qty * hold * item.price_unit // SCALE for qty, hold in holds]
            risk[account, "held"][item.currency] += max(worths)

    def _check_ledger(self, order: Order) -> None:
        """What the routes have and may still get is never more than the order, unless a venue overfilled."""
        total = 0
        for route in order.routes:
            is_open = route.working not in (*ENDS.values(), OrdStatus.DONE_FOR_DAY)
            asked = [route.order_qty, *(r.order_qty for r in route.requests)] if is_open else []
            total += max([route.cum_qty, *asked])
        most = max([order.order_qty, *(r.order_qty for r in order.requests)])
        assert len(order.routes) < 2 or total <= most, f"order {order.order_id}: routes for {total} of {most}"

    def _check_legs(self, order: dict[str, Any], theirs: Order) -> None:
        assert (theirs.legs is None) == (not order["legs"])
        for leg, their_leg in zip(order["legs"], theirs.legs or (), strict=True):
            assert (their_leg.symbol, their_leg.side == Side.BUY) == (leg["symbol"], leg["buys"])
            rows = {id: [x.number, x.qty, x.px, x.day, x.stands] for id, x in their_leg.executions.items()}
            assert rows == leg["executions"]
            standing = [row for row in rows.values() if row[4]]
            sums = (sum(row[1] for row in standing), sum(row[1] * row[2] for row in standing))
            assert (their_leg.cum_qty, their_leg.cum_notional) == sums

    def _add_risk_of_legs(self, risk: Any, order: dict[str, Any], cum: int) -> None:
        """A leg holds its part of what the order is for; of one that has ended, of what it has executed."""
        account = order["account"]
        asked = [(qty, holds) for qty, _, _, holds in filter(None, order["asked"].values())]
        wanted = [(order["qty"], order["leg holds"]), *asked]
        for place, leg in enumerate(order["legs"]):
            item, sign = self.items[leg["symbol"]], 1 if leg["buys"] else -1
            executed = 0
            for _, qty, px, _, stands in leg["executions"].values():
                if stands:
                    executed += qty
                    risk[account, "spent"][item.currency] += sign * (qty * px * item.price_unit // SCALE)
                    risk[account, "position"][leg["symbol"]] += sign * qty
            parts = [(cum if order["ended"] else max(qty, cum), holds) for qty, holds in wanted]
            parts = [(max(qty * leg["ratio"] // SCALE - executed, 0), holds[place]) for qty, holds in parts]
            name = "open_buy" if leg["buys"] else "open_sell"
            risk[account, name][leg["symbol"]] += max(qty for qty, _ in parts)
            if leg["buys"]:
                worths = [qty * hold * item.price_unit // SCALE for qty, hold in parts]
                risk[account, "held"][item.currency] += max(worths)

    def _check_books(self, state: State) -> None:
        for symbol in self.items:
            wanted = {}
            for order_id, order in self.orders.items():
                leaves = order["qty"] - self._executed(order)[0]
                if (
                    order["symbol"] == symbol
                    and not order["legs"]
                    and not order["ended"]
                    and leaves > 0
                    and order["px"]
                ):
                    wanted[order_id] = (Side.BUY if order["buys"] else Side.SELL, order["px"], leaves)
            book = state.books.get(symbol)
            assert (resting(book) if book is not None else {}) == wanted, symbol


def _legs(event: ev.OrderReceived) -> list[dict[str, Any]]:
    turned = event.side in (Side.SELL, Side.OPPOSITE)
    return [
        {
            "symbol": leg.symbol,
            "buys": (leg.side == Side.BUY) != turned,
            "ratio": leg.ratio_qty,
            "executions": {},
        }
        for leg in (event.terms.legs if event.terms is not None else ())
    ]


def _leg_holds(event: ev.OrderReceived | ev.ReplaceRequested) -> list[int]:
    return [leg.hold_px for leg in (event.terms.legs if event.terms is not None else ())]


def resting(book: PriceBook) -> dict[Any, tuple[str, int, int]]:
    """All that a book holds, after it has stated its invariants."""
    book.check()
    return {r.id: (r.side, r.price, r.qty) for side in (Side.BUY, Side.SELL) for r in book.orders(side)}


def audit_books(state: State) -> None:
    """The books hold exactly the open limit orders, each with what is left of it."""
    for symbol, book in state.books.items():
        assert resting(book) == {
            o.order_id: (o.side, o.price, o.leaves_qty)
            for o in state.orders.values()
            if o.symbol == symbol and o.leaves_qty and o.price and o.legs is None
        }, symbol


def book_lines(state: State) -> dict[str, list[tuple[Any, ...]]]:
    """Every book as lists in priority: what two equal states must agree on."""
    return {
        symbol: [(r.side, r.price, r.id, r.qty) for side in (Side.BUY, Side.SELL) for r in book.orders(side)]
        for symbol, book in sorted(state.books.items())
        if len(book)
    }
