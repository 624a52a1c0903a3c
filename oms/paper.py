"""The paper venue: a venue inside the engine, so that the engine alone answers a FIX client.

It takes the same events that a venue gets as messages (`OrderRouted`, `CancelRouted`, `ReplaceRouted`) and
answers with the same commands that a venue's messages become, so that nothing in the core knows it from a
real one. It matches on the same book as the broker simulator (`core/matching.py`), against the other orders
it was given and against quotes of its own.

The same venue without quotes is the internal cross (`CROSS`): orders that are sent to it trade with each
other or wait. Only those do: who sends them there allows it, as the first leg of a sequence, say.

Prices of the paper venue are made up: every instrument has a reference price derived from its symbol, and
quotes a few ticks either side of it that stand again as soon as they are traded away. Nothing here is market
data.

It keeps nothing on disk. After a restart `restore` puts the open orders back from the engine's state, and
takes up again what was routed but not answered: a report of this venue is journaled before it is known to
anybody, so what is not in the journal has not happened.
"""

import zlib
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Final

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.controls import tick_at
from oms.core.emulated import sent_time_in_force
from oms.core.matching import MatchingBook, Outcome
from oms.core.order import Order, Route
from oms.core.price_book import Resting
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
)

NAME: Final = "paper"
CROSS: Final = "cross"

DEFINITION: Final = ev.VenueDefined(
    0,
    NAME,
    (OrdType.MARKET, OrdType.LIMIT),
    (TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK),
    (),
)
"""What it can do."""

_LEVELS: Final = 3
_LOTS: Final = 200
_MAKER: Final = "maker"


class PaperVenue:
    """Answers routes of `state` to the venue `name` through `submit(command)`.

    `run_id` keeps the ExecIDs of one start from those of every other. Without `quotes` it has no liquidity of
    its own.
    """

    def __init__(
        self,
        state: State,
        submit: Callable[[cmd.Command], None],
        run_id: str,
        name: str = NAME,
        *,
        quotes: bool = True,
    ) -> None:
        self.name = name
        self._quotes = quotes
        self._state = state
        self._submit = submit
        self._run_id = run_id
        self._exec_ids = count(1)
        self._books: dict[str, MatchingBook] = {}
        self._arrived: deque[tuple[Order, Route]] = deque()  # accepted, not matched yet
        self._day = state.day

    # -- what the engine sends -------------------------------------------------------------------------------

    def deliver(self, event: ev.Event) -> None:
        """Take one route event and answer it. What an order does in its book is for `work`."""
        if self._day != self._state.day:
            self._end_day()
        if isinstance(event, ev.OrderRouted):
            order = self._state.orders[event.order_id]
            route = order.route(event.route_id)
            self._report(order, route, ExecType.NEW, OrdStatus.NEW)
            self._arrived.append((order, route))
            return
        self.work()
        if isinstance(event, ev.CancelRouted):
            order = self._state.orders[event.order_id]
            self._cancel(order, order.route(event.route_id), event.cl_ord_id)
        elif isinstance(event, ev.ReplaceRouted):
            order = self._state.orders[event.order_id]
            self._replace(order, order.route(event.route_id), event)

    def work(self) -> None:
        """Match what has arrived, in the order of its arrival."""
        while self._arrived:
            self._enter(*self._arrived.popleft())

    def publish_prices(self) -> None:
        """Give every instrument that has none a reference price."""
        for symbol in self._state.instruments:
            if symbol not in self._state.reference_px:
                self._submit(cmd.PublishPrice(symbol, self._reference(symbol), self.name))

    def restore(self) -> None:
        """Put back what was open before a restart, in the order of its arrival, and take up what was
        unanswered.
        """
        routes = [
            (order, route)
            for order in self._state.orders.values()
            for route in order.routes
            if route.venue == self.name and (not route.ended or route.requests)
        ]
        routes.sort(key=lambda found: found[0].place)
        for order, route in routes:
            if route.working == OrdStatus.NEW and not route.ended and _can_rest(order, route):
                # It rested: put back as it lay, before there are quotes that it could trade with.
                book = self._books.setdefault(order.symbol, MatchingBook()).book
                book.add(
                    Resting(self._id(order, route), order.side, route.price, route.leaves_qty, order.account)
                )
        for symbol in self._books:
            self._quote(symbol)
        for order, route in routes:
            if route.working == OrdStatus.PENDING_NEW:
                self._report(order, route, ExecType.NEW, OrdStatus.NEW)
                self._enter(order, route)
            elif not route.ended and not _can_rest(order, route):
                self._enter(order, route)
        for order, route in routes:
            for request in list(route.requests):
                if request.response_to == CxlRejResponseTo.CANCEL:
                    self._cancel(order, route, request.cl_ord_id)
                else:
                    asked = ev.ReplaceRouted(
                        0,
                        order.order_id,
                        route.route_id,
                        request.cl_ord_id,
                        route.cl_ord_id,
                        request.request_cl_ord_id,
                        request.order_qty,
                        request.price,
                    )
                    self._replace(order, route, asked)

    def _end_day(self) -> None:
        """What has ended with a trading day rests no more."""
        self._day = self._state.day
        for book in self._books.values():
            for side in (Side.BUY, Side.SELL):
                for resting in list(book.book.orders(side)):
                    found = self._state.routes.get(str(resting.id))
                    if found is not None and found[1].ended:
                        book.cancel(resting.id)

    # -- matching --------------------------------------------------------------------------------------------

    def _enter(self, order: Order, route: Route) -> None:
        book = self._book(order.symbol)
        outcome = book.enter(
            self._id(order, route),
            order.side,
            route.ord_type or order.ord_type,
            route.price,
            route.leaves_qty,
            sent_time_in_force(order),
            order.account,
        )
        self._settle(order, route, outcome)

    def _settle(self, order: Order, route: Route, outcome: Outcome) -> None:
        """Report an incoming order's trades to both sides, then what became of its remainder."""
        for trade in outcome.trades:
            reports = [self._fill(order, route, trade.price, trade.qty)]
            maker = self._state.routes.get(str(trade.maker_id))
            if maker is None:
                self._submit(reports[0])
            else:
                reports.append(self._fill(*maker, trade.price, trade.qty))
                self._submit(cmd.VenueTrade(tuple(reports)))
        if outcome.canceled_qty:
            why = {
                TimeInForce.IOC: "immediate or cancel: remainder canceled",
                TimeInForce.FOK: "fill or kill: not filled",
            }.get(order.time_in_force, "no more liquidity")
            self._report(order, route, ExecType.CANCELED, OrdStatus.CANCELED, text=why)
        if outcome.trades:
            self._quote(order.symbol)

    def _cancel(self, order: Order, route: Route, cl_ord_id: str) -> None:
        if self._book(order.symbol).cancel(self._id(order, route)):
            self._report(order, route, ExecType.CANCELED, OrdStatus.CANCELED, cl_ord_id=cl_ord_id)
        else:
            self._refuse(route, cl_ord_id, "too late: nothing is open")

    def _replace(self, order: Order, route: Route, event: ev.ReplaceRouted) -> None:
        book = self._book(order.symbol)
        id = self._id(order, route)
        if id not in book.book:
            self._refuse(route, event.cl_ord_id, "too late: nothing is open")
            return
        leaves = event.order_qty - route.cum_qty
        self._report(order, route, ExecType.REPLACED, OrdStatus.NEW, cl_ord_id=event.cl_ord_id)
        if leaves <= 0:
            book.cancel(id)
            return
        outcome = book.replace(id, event.price, leaves)
        assert outcome is not None
        self._settle(order, route, outcome)

    # -- reports ---------------------------------------------------------------------------------------------

    def _fill(self, order: Order, route: Route, price: int, qty: int) -> cmd.VenueReport:
        return cmd.VenueReport(
            self.name,
            route.cl_ord_id,
            ExecType.TRADE,
            OrdStatus.FILLED if route.cum_qty + qty >= route.order_qty else OrdStatus.PARTIALLY_FILLED,
            exec_id=f"{self._run_id}.{next(self._exec_ids)}",
            venue_order_id=route.venue_order_id,
            last_qty=Qty(qty),
            last_px=Px(price),
        )

    def _report(
        self, order: Order, route: Route, exec_type: str, status: str, *, cl_ord_id: str = "", text: str = ""
    ) -> None:
        self._submit(
            cmd.VenueReport(
                self.name,
                cl_ord_id or route.cl_ord_id,
                exec_type,
                status,
                exec_id=f"{self._run_id}.{next(self._exec_ids)}",
                venue_order_id=self._id(order, route),
                text=text,
            )
        )

    def _refuse(self, route: Route, cl_ord_id: str, text: str) -> None:
        self._submit(
            cmd.VenueCancelReject(
                self.name, cl_ord_id, route.cl_ord_id, route.working, cxl_rej_reason=0, text=text
            )
        )

    def _id(self, order: Order, route: Route) -> str:
        """An order's id in the book: the ClOrdID it first came under, which the state finds the route by."""
        return f"{self._state.epoch}-{order.order_id}-{route.route_id}-1"

    # -- made-up liquidity -----------------------------------------------------------------------------------

    def _book(self, symbol: str) -> MatchingBook:
        book = self._books.get(symbol)
        if book is None:
            book = self._books[symbol] = MatchingBook()
            self._quote(symbol)
        return book

    def _quote(self, symbol: str) -> None:
        """Let the quotes stand again at their full size, where no order of a client is in their way."""
        if not self._quotes:
            return
        book = self._books[symbol].book
        instrument = self._state.instruments[symbol]
        reference = self._state.reference_px.get(symbol) or self._reference(symbol)
        size = instrument.lot_size * _LOTS
        tick = tick_at(instrument, Px(reference))
        for level in range(1, _LEVELS + 1):
            for side, price in ((Side.BUY, reference - level * tick), (Side.SELL, reference + level * tick)):
                id = f"{_MAKER}{side}{level}"
                quote = book.get(id)
                if quote is not None:
                    if quote.price == price and quote.qty == size:
                        continue
                    book.remove(id)
                opposite = book.best(Side.SELL if side == Side.BUY else Side.BUY)
                crossed = opposite is not None and (
                    price >= opposite.price if side == Side.BUY else price <= opposite.price
                )
                if price > 0 and not crossed:
                    book.add(Resting(id, side, price, size, _MAKER))

    def _reference(self, symbol: str) -> Px:
        """A price between 10 and 500, on the tick, that the symbol alone decides."""
        px = Px((10 + zlib.crc32(symbol.encode()) % 49_000 // 100) * SCALE)
        tick = tick_at(self._state.instruments[symbol], px)
        return Px(px - px % tick)


def _can_rest(order: Order, route: Route) -> bool:
    """Whether what is not executed at once stays open."""
    return (route.ord_type or order.ord_type) == OrdType.LIMIT and sent_time_in_force(order) in (
        TimeInForce.DAY,
        TimeInForce.GTC,
    )
