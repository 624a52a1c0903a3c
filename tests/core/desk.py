"""What the core's tests share: one small firm, and short words for what is asked and what happened.

`Desk` is the core without edges: a command goes in, its events come out as short lines and are applied at
once. Around every command it checks what must always hold: `decide` changes nothing, every event survives its
encoding, and risk counters and books are what an auditor finds by adding up orders and executions.

Quantities and prices are written as text in whole units ("100", "10.25"); `scaled` makes them ints.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.engine import decide
from oms.core.order import Order, ord_status
from oms.core.state import State
from oms.core.types import (
    SCALE,
    CxlRejResponseTo,
    ExecType,
    OrdStatus,
    OrdType,
    Px,
    Qty,
    Side,
    TimeInForce,
    format_scaled,
    parse_scaled,
)

EPOCH = "e"
START_NS = 1_795_357_800_000_000_000
"""2026-11-22 14:30:00 UTC."""

ALPHA, BRAVO = "ALPHA", "BRAVO"
"""Client sessions."""

SIM, LSE = "SIM", "LSE"
"""Venues: LSE takes what is listed in London, SIM everything else."""

ONE_TICK = ((Px(0), Px(SCALE // 100)),)
TWO_TICKS = ((Px(0), Px(SCALE // 100)), (Px(100 * SCALE), Px(SCALE // 2)))

STATUS_NAMES = {value: name.lower() for name, value in vars(OrdStatus).items() if name.isupper()}


def scaled(number: str | int) -> int:
    return parse_scaled(str(number))


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
}


def brief(event: ev.Event) -> str:
    """An event's type and key fields: "OrderFilled x1 40 10.5". Empty text is left out."""
    words = [type(event).__name__]
    for name in KEY_FIELDS.get(type(event), ()):
        value = getattr(event, name)
        if name in ("last_qty", "last_px", "order_qty", "price", "px"):
            value = format_scaled(value)
        if value != "":
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
        self._execs = 0
        for event in (*REFERENCE_DATA, *up, *more):
            self._take(event)

    def do(self, command: cmd.Command) -> list[str]:
        """Decide a command and apply what it led to."""
        self.now_ns += self.tick_ns
        before = self.state.dump()
        events = decide(self.state, command, self.now_ns)
        assert self.state.dump() == before, f"decide changed the state: {command}"
        for event in events:
            self._take(event)
        audit(self.state, self.events)
        return [brief(event) for event in events]

    def _take(self, event: ev.Event) -> None:
        assert ev.decode(ev.encode(event)) == event
        self.events.append(event)
        self.state.apply(event)

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
    ) -> list[str]:
        """A limit order; a market order if `px` is empty."""
        kind = ord_type or (OrdType.LIMIT if px else OrdType.MARKET)
        price = Px(scaled(px)) if px else Px(0)
        return self.do(
            cmd.NewOrder(session, cl_ord_id, account, symbol, side, Qty(scaled(qty)), kind, price, tif)
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
    ) -> list[str]:
        order = self.state.find(session, orig)
        symbol, side = (order.symbol, order.side) if order is not None else ("IBM", Side.BUY)
        return self.do(
            cmd.ReplaceOrder(
                session, cl_ord_id, orig, symbol, side, Qty(scaled(qty)), ord_type, Px(scaled(px))
            )
        )

    def ask_status(self, cl_ord_id: str, *, session: str = ALPHA) -> list[str]:
        return self.do(cmd.RequestStatus(session, cl_ord_id, "IBM", Side.BUY))

    # -- the venue: `of` is the client's ClOrdID, of an order or of a request --------------------------------

    def report(self, of: str, exec_type: str, status: str = "", *, venue: str = "", **more: Any) -> list[str]:
        """ExecutionReport(8) under our id at the venue for what the client calls `of`."""
        order = self.order(of)
        return self.do(
            cmd.VenueReport(
                venue or order.routes[0].venue,
                self.sent(of),
                exec_type,
                status or ord_status(order),
                **{"exec_id": self._exec_id(), "venue_order_id": f"V{order.order_id}"} | more,
            )
        )

    def ack(self, of: str = "A") -> list[str]:
        return self.report(of, ExecType.NEW)

    def fill(self, of: str, exec_id: str, qty: str, px: str = "10", **more: Any) -> list[str]:
        return self.report(
            of, ExecType.TRADE, exec_id=exec_id, last_qty=Qty(scaled(qty)), last_px=Px(scaled(px)), **more
        )

    def canceled(self, of: str, text: str = "") -> list[str]:
        return self.report(of, ExecType.CANCELED, OrdStatus.CANCELED, text=text)

    def replaced(self, of: str) -> list[str]:
        return self.report(of, ExecType.REPLACED, OrdStatus.NEW)

    def rejected(self, of: str, text: str = "no") -> list[str]:
        return self.report(of, ExecType.REJECTED, OrdStatus.REJECTED, ord_rej_reason=99, text=text)

    def refused(self, of: str, reason: int = 0, text: str = "too late") -> list[str]:
        """OrderCancelReject(9) to the request that the client calls `of`."""
        order = self.order(of)
        return self.do(
            cmd.VenueCancelReject(order.routes[0].venue, self.sent(of), cxl_rej_reason=reason, text=text)
        )

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

    def price(self, symbol: str, px: str) -> list[str]:
        return self.do(cmd.PublishPrice(symbol, Px(scaled(px)), SIM))

    # -- looking ---------------------------------------------------------------------------------------------

    def order(self, cl_ord_id: str = "A", session: str = ALPHA) -> Order:
        order = self.state.find(session, cl_ord_id) or self.state.find(BRAVO, cl_ord_id)
        assert order is not None, f"no order {cl_ord_id}"
        return order

    def sent(self, of: str) -> str:
        """Our id at the venue for what the client calls `of`: its order's first, or the request's."""
        order_id = self.order(of).order_id
        for event in self.events:
            if not isinstance(event, ev.CancelRouted | ev.ReplaceRouted) or event.order_id != order_id:
                continue
            if event.request_cl_ord_id == of:
                return event.cl_ord_id
        return f"{EPOCH}-{order_id}-1-1"

    def now(self, of: str = "A") -> str:
        """How the order stands: "partially_filled 40 of 100, 60 open, as A"."""
        order = self.order(of)
        cum, qty, leaves = (format_scaled(n) for n in (order.cum_qty, order.order_qty, order.leaves_qty))
        return f"{STATUS_NAMES[ord_status(order)]} {cum} of {qty}, {leaves} open, as {order.cl_ord_id}"

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


def audit(state: State, events: Iterable[ev.Event]) -> None:
    """Add up every counter from the orders and the executions, and compare. Raises AssertionError."""
    wanted: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for event in events:
        if isinstance(event, ev.OrderFilled):
            order = state.orders[event.order_id]
            item = state.instruments[order.symbol]
            sign = 1 if order.side == Side.BUY else -1
            wanted[order.account, "position"][order.symbol] += sign * event.last_qty
            worth = event.last_px * event.last_qty * item.price_unit // SCALE
            wanted[order.account, "spent"][item.currency] += sign * worth
    for order in state.orders.values():
        if order.working in (
            OrdStatus.CANCELED,
            OrdStatus.REJECTED,
            OrdStatus.EXPIRED,
            OrdStatus.DONE_FOR_DAY,
        ):
            continue
        item = state.instruments[order.symbol]
        terms = [(order.versions[-1].order_qty, order.versions[-1].hold_px)]
        terms += [
            (r.order_qty, r.hold_px) for r in order.requests if r.response_to == CxlRejResponseTo.REPLACE
        ]
        open_terms = [(max(qty - order.cum_qty, 0), px) for qty, px in terms]
        side = "open_buy" if order.side == Side.BUY else "open_sell"
        wanted[order.account, side][order.symbol] += max(qty for qty, _ in open_terms)
        if order.side == Side.BUY:
            worths = [qty * px * item.price_unit // SCALE for qty, px in open_terms]
            wanted[order.account, "held"][item.currency] += max(worths)
    for name, risk in state.risk.items():
        for counter in ("held", "spent", "position", "open_buy", "open_sell"):
            found = {key: n for key, n in getattr(risk, counter).items() if n}
            assert found == {key: n for key, n in wanted[name, counter].items() if n}, (name, counter)
    audit_books(state)


def audit_books(state: State) -> None:
    """The books hold exactly the open limit orders, each with what is left of it."""
    for symbol, book in state.books.items():
        book.check()
        resting = {
            r.id: (r.side, r.price, r.qty) for side in (Side.BUY, Side.SELL) for r in book.orders(side)
        }
        assert resting == {
            o.order_id: (o.side, o.price, o.leaves_qty)
            for o in state.orders.values()
            if o.symbol == symbol and o.leaves_qty and o.price
        }, symbol


def book_lines(state: State) -> dict[str, list[tuple[Any, ...]]]:
    """Every book as lists in priority: what two equal states must agree on."""
    return {
        symbol: [(r.side, r.price, r.id, r.qty) for side in (Side.BUY, Side.SELL) for r in book.orders(side)]
        for symbol, book in sorted(state.books.items())
        if len(book)
    }
