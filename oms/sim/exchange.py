"""The simulated venue without its session: fields in, message texts out. No socket, no clock, no QuickFIX.

One matching book per symbol, made when the symbol is first used, with background liquidity around a synthetic
reference price. Everything that happens follows from the seed, the messages and the steps taken, in their
order: two exchanges fed the same way say the same.

What the venue promises its counterparty, and the engine is tested against:

- reports say what is true when they are written: New, then a fill per maker met, then the cancel of what may
  not rest;
- an ExecID is used once, across restarts too (`id_prefix` differs from start to start);
- a ClOrdID is taken once. A second order with it is refused, by a report that describes the first, and
  counted as `duplicate_orders`: that is how an order that was sent twice would be noticed;
- a request may name any accepted ClOrdID of the order's chain, as many brokers allow: a cancel that crosses
  an accepted replace still finds its order;
- a replace gives the total quantity. At or below what has executed it means stop executing, and the report
  says OrderQty = CumQty. A filled order may grow at its price.
- an order status request is answered for every ClOrdID that was taken. One that never came or was refused is
  unknown.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec import Struct

from oms.core.matching import MatchingBook, Trade
from oms.core.types import (
    CxlRejResponseTo,
    ExecType,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
    average_px,
    format_scaled,
    parse_scaled,
)
from oms.fix.tags import MsgType
from oms.sim.instruments import SimInstrument
from oms.sim.liquidity import Ladder
from oms.sim.prices import ReferencePrices
from oms.sim.reports import (
    ENDED,
    VenueOrder,
    business_reject,
    cancel_reject,
    execution_report,
    price_snapshot,
    unknown_status,
)

ACTIVE_SHARE: Final = 0.75
"""How many steps of the walk go to instruments that are traded; the others are spread over all."""

TOO_LATE: Final = 0  # CxlRejReason(102)
UNKNOWN_ORDER: Final = 1
DUPLICATE_REQUEST: Final = 6
OTHER: Final = 99

UNKNOWN_SYMBOL: Final = 1  # OrdRejReason(103)
DUPLICATE_ORDER: Final = 6
UNSUPPORTED: Final = 11
INCORRECT_QUANTITY: Final = 13


class Execution(Struct, frozen=True):
    """One fill of one of the counterparty's orders, as it is reported."""

    exec_id: str
    cl_ord_id: str  # the order's at the time of the fill
    order_id: str
    symbol: str
    side: str
    last_qty: int
    last_px: int
    transact_time_ns: int


class _Market(Struct):
    """One symbol's book and the liquidity in it."""

    instrument: SimInstrument
    book: MatchingBook
    ladder: Ladder


class SimulatedExchange:
    """A venue for one counterparty.

    >>> exchange = SimulatedExchange([SimInstrument("X", ((0, 100),), 100_000_000)], liquidity_levels=0)
    >>> fields = {"35": "D", "11": "A", "55": "X", "54": "1", "38": "5", "40": "2", "44": "1", "59": "0"}
    >>> [report.split("\\x01")[4] for report in exchange.handle(fields, 0)]
    ['150=0']
    """

    def __init__(
        self,
        instruments: Iterable[SimInstrument],
        *,
        seed: int = 1,
        id_prefix: str = "",
        liquidity_levels: int = 5,
        on_execution: Callable[[Execution], None] | None = None,
    ) -> None:
        listed = list(instruments)
        self.instruments = {i.symbol: i for i in listed}
        self.prices = ReferencePrices(listed, seed)
        self.stats: Counter[str] = Counter()
        self._seed = seed
        self._levels = liquidity_levels
        self._id_prefix = id_prefix
        self._on_execution = on_execution
        self._rng = random.Random(f"{seed}:steps")
        self._symbols = [i.symbol for i in listed]
        self._markets: dict[str, _Market] = {}
        self._active: list[str] = []  # symbols with a market, in the order they were first used
        self._orders: dict[str, VenueOrder] = {}  # by OrderID
        self._by_cl_ord_id: dict[str, VenueOrder] = {}  # every accepted ClOrdID
        self._refused_ids: set[str] = set()
        self._next_exec = 1
        self._next_order = 1
        self._moved: dict[str, None] = {}  # symbols to publish, in the order they moved
        self._handlers: dict[str, Callable[[dict[str, str], int], list[str]]] = {
            MsgType.NEW_ORDER_SINGLE: self._new_order,
            MsgType.ORDER_CANCEL_REQUEST: self._cancel,
            MsgType.ORDER_CANCEL_REPLACE_REQUEST: self._replace,
            MsgType.ORDER_STATUS_REQUEST: self._status,
        }

    # -- what comes in ---------------------------------------------------------------------------------------

    def handle(self, message: dict[str, str], now_ns: int) -> list[str]:
        """Work one application message. The reports it causes, in order. Raises KeyError if a required field
        lacks."""
        handler = self._handlers.get(message["35"])
        self.stats["messages"] += 1
        if handler is None:
            return [business_reject(message, "message type not supported")]
        return handler(message, now_ns)

    def step(self, now_ns: int) -> list[str]:
        """One step of time: one instrument's price moves and its ladder with it. The fills this causes."""
        if not self._symbols:
            return []
        busy = self._active and self._rng.random() < ACTIVE_SHARE
        symbol = self._rng.choice(self._active if busy else self._symbols)
        return self.move_price(symbol, now_ns)

    def move_price(self, symbol: str, now_ns: int) -> list[str]:
        """Move one instrument's reference price. The fills this causes."""
        px = self.prices.step(symbol)
        self._moved[symbol] = None
        market = self._markets.get(symbol)
        if market is None:
            return []
        reports: list[str] = []
        for trade in market.ladder.requote(px):
            self._fill(trade.maker_id, trade, now_ns, reports)
        return reports

    # -- prices ----------------------------------------------------------------------------------------------

    def publish_all(self) -> None:
        """Have every instrument's price published again: somebody has just logged on."""
        self._moved = dict.fromkeys(self._symbols)

    @property
    def unpublished(self) -> int:
        """How many instruments have a price that has not been published."""
        return len(self._moved)

    def take_prices(self, limit: int) -> list[str]:
        """Messages with the present price of at most that many instruments, longest waiting first.

        An instrument that moved several times meanwhile is published once.
        """
        symbols = [symbol for symbol, _ in zip(self._moved, range(limit), strict=False)]
        for symbol in symbols:
            del self._moved[symbol]
        return [price_snapshot(symbol, self.prices.px[symbol]) for symbol in symbols]

    # -- looking ---------------------------------------------------------------------------------------------

    def order(self, cl_ord_id: str) -> VenueOrder | None:
        """The order that an accepted ClOrdID was used for."""
        return self._by_cl_ord_id.get(cl_ord_id)

    def market(self, symbol: str) -> MatchingBook:
        """The book of a symbol, for those who look on. Raises KeyError if the symbol is not listed."""
        return self._market(self.instruments[symbol]).book

    def dump(self) -> dict[str, Any]:
        """Every order as the venue sees it, and the counters, ready for JSON. Numbers are decimal text."""
        return {
            "stats": dict(sorted(self.stats.items())),
            "orders": [
                {
                    "order_id": order.order_id,
                    "cl_ord_ids": order.cl_ord_ids,
                    "account": order.account,
                    "symbol": order.symbol,
                    "side": order.side,
                    "ord_type": order.ord_type,
                    "time_in_force": order.time_in_force,
                    "order_qty": format_scaled(order.order_qty),
                    "price": format_scaled(order.price),
                    "cum_qty": format_scaled(order.cum_qty),
                    "leaves_qty": format_scaled(order.leaves_qty),
                    "avg_px": format_scaled(average_px(order.cum_notional, order.cum_qty)),
                    "ord_status": order.ord_status,
                    "exec_ids": order.exec_ids,
                }
                for order in self._orders.values()
            ],
        }

    # -- new orders ------------------------------------------------------------------------------------------

    def _new_order(self, message: dict[str, str], now_ns: int) -> list[str]:
        self.stats["orders"] += 1
        order = VenueOrder(
            order_id=self._new_order_id(),
            cl_ord_ids=[message["11"]],
            symbol=message["55"],
            side=message["54"],
            ord_type=message["40"],
            time_in_force=message.get("59", TimeInForce.DAY),
            order_qty=0,
            price=0,
            account=message.get("1", ""),
        )
        known = self._by_cl_ord_id.get(order.cl_ord_id)
        if known is not None and message.get("97") == "Y":
            # PossResend: "if you have not had it yet". It has come, so its state is told and nothing is done.
            self.stats["poss_resends"] += 1
            return [self._status_report(known, message, now_ns)]
        if known is not None or order.cl_ord_id in self._refused_ids:
            self.stats["duplicate_orders"] += 1
            return self._rejected_duplicate(known or order, order.cl_ord_id, now_ns)
        instrument = self.instruments.get(order.symbol)
        if instrument is None:
            return self._rejected(order, UNKNOWN_SYMBOL, "unknown symbol", now_ns)
        try:
            order.order_qty = parse_scaled(message["38"])
            order.price = parse_scaled(message["44"]) if order.ord_type == OrdType.LIMIT else 0
        except (KeyError, ValueError) as error:
            return self._rejected(order, INCORRECT_QUANTITY, f"quantity or price: {error}", now_ns)
        wrong = _wrong_terms(instrument, order)
        if wrong is not None:
            return self._rejected(order, *wrong, now_ns)

        self._orders[order.order_id] = order
        self._by_cl_ord_id[order.cl_ord_id] = order
        reports = [execution_report(order, self._new_exec_id(), ExecType.NEW, now_ns)]
        market = self._market(instrument)
        outcome = market.book.enter(
            order.order_id,
            order.side,
            order.ord_type,
            order.price,
            order.order_qty,
            order.time_in_force,
            order.account,
        )
        self._trades(market, outcome.trades, now_ns, reports)
        if outcome.canceled_qty:
            self._end(
                order,
                _REMAINDER.get(order.time_in_force, "no liquidity for the rest of a market order"),
                now_ns,
                reports,
            )
        return reports

    def _rejected(self, order: VenueOrder, ord_rej_reason: int, text: str, now_ns: int) -> list[str]:
        self.stats["rejected"] += 1
        order.ord_status = OrdStatus.REJECTED
        self._refused_ids.add(order.cl_ord_id)
        return [
            execution_report(
                order,
                self._new_exec_id(),
                ExecType.REJECTED,
                now_ns,
                ord_rej_reason=ord_rej_reason,
                text=text,
            )
        ]

    def _rejected_duplicate(self, order: VenueOrder, cl_ord_id: str, now_ns: int) -> list[str]:
        """The rejection describes the order that has the id, as it stands. *Source:* FIX matrix F.1.a."""
        self.stats["rejected"] += 1
        if cl_ord_id in self._refused_ids:
            order.ord_status = OrdStatus.REJECTED
        return [
            execution_report(
                order,
                self._new_exec_id(),
                ExecType.REJECTED,
                now_ns,
                cl_ord_id=cl_ord_id,
                ord_rej_reason=DUPLICATE_ORDER,
                text="duplicate ClOrdID",
            )
        ]

    # -- requests --------------------------------------------------------------------------------------------

    def _cancel(self, message: dict[str, str], now_ns: int) -> list[str]:
        self.stats["cancels"] += 1
        order, refusal = self._requested(message, CxlRejResponseTo.CANCEL, now_ns)
        if order is None:
            return refusal
        if not order.leaves_qty:
            return self._refused(
                message, order, CxlRejResponseTo.CANCEL, TOO_LATE, "too late to cancel", now_ns
            )
        orig_cl_ord_id = self._accept_request(order, message)
        reports: list[str] = []
        self._end(order, "", now_ns, reports, orig_cl_ord_id)
        return reports

    def _replace(self, message: dict[str, str], now_ns: int) -> list[str]:
        self.stats["replaces"] += 1
        response_to = CxlRejResponseTo.REPLACE
        order, refusal = self._requested(message, response_to, now_ns)
        if order is None:
            return refusal
        instrument = self.instruments[order.symbol]
        try:
            order_qty = parse_scaled(message["38"])
            price = parse_scaled(message["44"]) if message["40"] == OrdType.LIMIT else 0
        except (KeyError, ValueError) as error:
            return self._refused(message, order, response_to, OTHER, f"quantity or price: {error}", now_ns)
        if order.ord_status in ENDED:
            return self._refused(message, order, response_to, TOO_LATE, "too late to replace", now_ns)
        if message["40"] != order.ord_type:
            return self._refused(message, order, response_to, OTHER, "OrdType cannot be changed", now_ns)
        if order_qty <= 0 or order_qty % instrument.lot_size:
            return self._refused(
                message, order, response_to, OTHER, "quantity is not a positive multiple of the lot", now_ns
            )
        if order.ord_type == OrdType.LIMIT and not instrument.on_tick(price):
            return self._refused(message, order, response_to, OTHER, "price is not on a tick", now_ns)
        filled = not order.leaves_qty
        # A filled order may grow, but only as what it was: a resting order at its price.
        rests = order.ord_type == OrdType.LIMIT and order.time_in_force == TimeInForce.DAY
        if filled and not (rests and order_qty > order.cum_qty and price == order.price):
            return self._refused(message, order, response_to, TOO_LATE, "too late to replace: filled", now_ns)

        orig_cl_ord_id = self._accept_request(order, message)
        open_qty = max(order_qty - order.cum_qty, 0)
        order.order_qty = order.cum_qty + open_qty
        order.price = price
        order.ord_status = _status_of(order)
        reports = [
            execution_report(
                order, self._new_exec_id(), ExecType.REPLACED, now_ns, orig_cl_ord_id=orig_cl_ord_id
            )
        ]
        market = self._market(instrument)
        if filled:
            outcome = market.book.enter(
                order.order_id, order.side, order.ord_type, price, open_qty, owner=order.account
            )
            self._trades(market, outcome.trades, now_ns, reports)
        elif open_qty:
            replaced = market.book.replace(order.order_id, price, open_qty)
            assert replaced is not None, order
            self._trades(market, replaced.trades, now_ns, reports)
        else:
            market.book.cancel(order.order_id)
        return reports

    def _requested(
        self, message: dict[str, str], response_to: str, now_ns: int
    ) -> tuple[VenueOrder | None, list[str]]:
        """The order a request means, or the refusal."""
        order = self._by_cl_ord_id.get(message["41"])
        cl_ord_id = message["11"]
        if cl_ord_id in self._by_cl_ord_id or cl_ord_id in self._refused_ids:
            self.stats["duplicate_requests"] += 1
            return None, [
                cancel_reject(message, order, response_to, DUPLICATE_REQUEST, "duplicate ClOrdID", now_ns)
            ]
        if order is None:
            return None, self._refused(message, None, response_to, UNKNOWN_ORDER, "unknown order", now_ns)
        if message["55"] != order.symbol or message["54"] != order.side:
            return None, self._refused(
                message, order, response_to, OTHER, "Symbol or Side is not that of the order", now_ns
            )
        return order, []

    def _refused(
        self,
        message: dict[str, str],
        order: VenueOrder | None,
        response_to: str,
        cxl_rej_reason: int,
        text: str,
        now_ns: int,
    ) -> list[str]:
        self.stats["requests_rejected"] += 1
        self._refused_ids.add(message["11"])
        return [cancel_reject(message, order, response_to, cxl_rej_reason, text, now_ns)]

    def _accept_request(self, order: VenueOrder, message: dict[str, str]) -> str:
        """Make the request's ClOrdID the order's. Returns the one it had."""
        orig_cl_ord_id = order.cl_ord_id
        order.cl_ord_ids.append(message["11"])
        self._by_cl_ord_id[message["11"]] = order
        return orig_cl_ord_id

    def _status(self, message: dict[str, str], now_ns: int) -> list[str]:
        self.stats["status_requests"] += 1
        order = self._by_cl_ord_id.get(message["11"])
        if order is None:
            self.stats["status_unknown"] += 1
            return [unknown_status(message, now_ns)]
        return [self._status_report(order, message, now_ns)]

    def _status_report(self, order: VenueOrder, message: dict[str, str], now_ns: int) -> str:
        # The answer carries the id that was asked about. ExecID(17) is 0: nothing was executed.
        return execution_report(
            order,
            "0",
            ExecType.ORDER_STATUS,
            now_ns,
            cl_ord_id=message["11"],
            ord_status_req_id=message.get("790", ""),
        )

    # -- executions ------------------------------------------------------------------------------------------

    def _trades(self, market: _Market, trades: list[Trade], now_ns: int, reports: list[str]) -> None:
        consumed = False
        resting = market.book.book
        for trade in trades:
            self._fill(trade.maker_id, trade, now_ns, reports)
            self._fill(trade.taker_id, trade, now_ns, reports)
            consumed = consumed or trade.maker_id not in resting
        if consumed:
            market.ladder.restock()

    def _fill(self, id: int | str, trade: Trade, now_ns: int, reports: list[str]) -> None:
        """Book one side of a trade and report it, if that side is the counterparty's and not a quote's."""
        if isinstance(id, int):
            return
        order = self._orders[id]
        order.cum_qty += trade.qty
        order.cum_notional += trade.qty * trade.price
        order.ord_status = _status_of(order)
        exec_id = self._new_exec_id()
        order.exec_ids.append(exec_id)
        self.stats["executions"] += 1
        if self._on_execution is not None:
            self._on_execution(
                Execution(
                    exec_id, order.cl_ord_id, id, order.symbol, order.side, trade.qty, trade.price, now_ns
                )
            )
        reports.append(
            execution_report(order, exec_id, ExecType.TRADE, now_ns, last_qty=trade.qty, last_px=trade.price)
        )

    def _end(
        self, order: VenueOrder, text: str, now_ns: int, reports: list[str], orig_cl_ord_id: str = ""
    ) -> None:
        """Cancel what is left of an order, asked for or not."""
        self._markets[order.symbol].book.cancel(order.order_id)
        order.ord_status = OrdStatus.CANCELED
        self.stats["canceled"] += 1
        reports.append(
            execution_report(
                order,
                self._new_exec_id(),
                ExecType.CANCELED,
                now_ns,
                orig_cl_ord_id=orig_cl_ord_id,
                text=text,
            )
        )

    # -- helpers ---------------------------------------------------------------------------------------------

    def _market(self, instrument: SimInstrument) -> _Market:
        symbol = instrument.symbol
        market = self._markets.get(symbol)
        if market is None:
            book = MatchingBook()
            market = _Market(instrument, book, Ladder(instrument, book, self._seed, self._levels))
            market.ladder.requote(self.prices.px[symbol])
            self._markets[symbol] = market
            self._active.append(symbol)
        return market

    def _new_exec_id(self) -> str:
        n = self._next_exec
        self._next_exec = n + 1
        return f"{self._id_prefix}E{n}"

    def _new_order_id(self) -> str:
        n = self._next_order
        self._next_order = n + 1
        return f"{self._id_prefix}O{n}"


_REMAINDER: Final = {
    TimeInForce.IOC: "immediate or cancel: the rest is canceled",
    TimeInForce.FOK: "fill or kill: not fillable whole",
}


def _wrong_terms(instrument: SimInstrument, order: VenueOrder) -> tuple[int, str] | None:
    """Why an order's terms are not those of this market, as (OrdRejReason, text)."""
    if order.side not in (Side.BUY, Side.SELL):
        return UNSUPPORTED, "Side is not supported"
    if order.ord_type not in (OrdType.MARKET, OrdType.LIMIT):
        return UNSUPPORTED, "OrdType is not supported"
    if order.time_in_force not in (TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK):
        return UNSUPPORTED, "TimeInForce is not supported"
    if order.order_qty <= 0 or order.order_qty % instrument.lot_size:
        return (
            INCORRECT_QUANTITY,
            f"quantity is not a positive multiple of {format_scaled(instrument.lot_size)}",
        )
    if order.ord_type == OrdType.LIMIT and not instrument.on_tick(order.price):
        return OTHER, "price is not on a tick"
    return None


def _status_of(order: VenueOrder) -> str:
    """OrdStatus(39) of an order that was not ended by anything but its quantity."""
    if order.cum_qty >= order.order_qty:
        return OrdStatus.FILLED
    return OrdStatus.PARTIALLY_FILLED if order.cum_qty else OrdStatus.NEW
