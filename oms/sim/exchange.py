"""Where orders meet: one market per instrument, made when it is first used, with background liquidity around
a synthetic reference price. Brokers bring the orders; one exchange may serve several.

Everything that happens follows from the seed, the orders and the steps taken, in their sequence: two
exchanges fed the same way do the same. What happens to an order is told to its broker (`execute`, `end`,
`trigger`, ...), which reports it.

Phases. An exchange is open unless it is told otherwise, by its day or by a person (`set_phase`):

    opening      orders are collected; the ones good for the opening only (OPG) are taken now and only now
    continuous   the opening auction is held, then orders meet as they come
    closing      orders are collected, those at the close that came before join them
    closed       the closing auction is held, orders of the day expire, and nothing is taken

An auction trades at one price, see `auction.py`; it becomes the reference price. What was for an auction only
and is left over is canceled, and so is an order without a limit. A halt of an instrument collects its orders,
too, and ends with an auction.
"""

import random
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from oms.core.matching import Trade
from oms.core.types import Side, TimeInForce, utc_date
from oms.sim.auction import Clearing, clearing, pairs
from oms.sim.instruments import SimInstrument
from oms.sim.liquidity import Ladder
from oms.sim.market import CLOSING, HALT, OPENING, Market, is_reached
from oms.sim.prices import PriceFeed, ReferencePrices
from oms.sim.reports import VenueOrder
from oms.sim.terms import EXCHANGE_CLOSED, TOO_LATE_TO_ENTER, Wrong, expires_by

ACTIVE_SHARE: Final = 0.75
"""How many steps of the walk go to instruments that are traded; the others are spread over all."""

CONTINUOUS, CLOSED = "continuous", "closed"
PHASES: Final = (OPENING, CONTINUOUS, CLOSING, CLOSED)

_REMAINDER: Final = {
    TimeInForce.IOC: "immediate or cancel: the rest is canceled",
    TimeInForce.FOK: "fill or kill: not fillable whole",
}


class Exchange:
    """The markets of some instruments.

    >>> exchange = Exchange([SimInstrument("X", ((0, 100),), 100_000_000)], liquidity_levels=0)
    >>> exchange.phase
    'continuous'
    """

    def __init__(
        self, instruments: Iterable[SimInstrument], *, seed: int = 1, liquidity_levels: int = 5
    ) -> None:
        listed = list(instruments)
        self.instruments = {i.symbol: i for i in listed}
        self.prices = ReferencePrices(listed, seed)
        self.orders: dict[str, VenueOrder] = {}  # by key: all of all brokers
        self.feeds: list[PriceFeed] = []
        self.touched: dict[str, None] = {}  # symbols whose watched markets have changed
        self.cleared: dict[str, dict[str, Clearing]] = {}  # by symbol and kind: the last auctions
        self.phase = CONTINUOUS
        self.date = ""  # of its day, YYYYMMDD; whoever knows the time says so
        self._seed = seed
        self._levels = liquidity_levels
        self._rng = random.Random(f"{seed}:steps")
        self._symbols = [i.symbol for i in listed]
        self._markets: dict[str, Market] = {}
        self._ladders: dict[str, Ladder] = {}
        self._active: list[str] = []  # symbols with a market, in the order they were first used

    # -- time ------------------------------------------------------------------------------------------------

    def step(self, now_ns: int) -> None:
        """One step of time: one instrument's price moves and its ladder with it."""
        if not self._symbols or self.phase == CLOSED:
            return
        busy = self._active and self._rng.random() < ACTIVE_SHARE
        symbol = self._rng.choice(self._active if busy else self._symbols)
        self.move_price(symbol, now_ns)

    def move_price(self, symbol: str, now_ns: int) -> None:
        """Move one instrument's reference price by its walk."""
        self.prices.step(symbol)
        self._moved(symbol, now_ns)

    def set_price(self, symbol: str, px: int, now_ns: int) -> None:
        """Have one instrument's reference price be another. Raises KeyError, ValueError."""
        if not self.instruments[symbol].on_tick(px):
            raise ValueError(f"{symbol}: the price is not on a tick")
        self.prices.set(symbol, px)
        self._moved(symbol, now_ns)

    def _moved(self, symbol: str, now_ns: int) -> None:
        self._tell_price(symbol)
        market = self._markets.get(symbol)
        if market is None or market.collecting:
            return
        px = self.prices.px[symbol]
        for trade in self._ladders[symbol].requote(px):
            self._execute(trade.maker_id, trade.qty, trade.price, now_ns)
        market.last_px = px
        if market.special:
            self._changed(market, now_ns)

    def _tell_price(self, symbol: str) -> None:
        for feed in self.feeds:
            feed.moved[symbol] = None

    # -- looking ---------------------------------------------------------------------------------------------

    def market(self, symbol: str) -> Market:
        """The market of a symbol. Raises KeyError if the symbol is not listed."""
        market = self._markets.get(symbol)
        return market if market is not None else self._open(self.instruments[symbol])

    def open_orders(self) -> Iterator[VenueOrder]:
        """Those that may still execute."""
        return (order for order in list(self.orders.values()) if order.leaves_qty)

    def indicative(self, symbol: str) -> Clearing | None:
        """At which price an auction would clear now; None if it would not, or none is to come."""
        market = self.market(symbol)
        if not market.collecting:
            return None
        return clearing(market.interests(), self.prices.px[symbol], market.instrument.move)

    # -- orders ----------------------------------------------------------------------------------------------

    def refusal(self, order: VenueOrder) -> Wrong | None:
        """Why a new order cannot be taken now, if it cannot."""
        if self.phase == CLOSED:
            return EXCHANGE_CLOSED, "the exchange is closed"
        if order.time_in_force == TimeInForce.OPG and self.phase != OPENING:
            return TOO_LATE_TO_ENTER, "the opening auction is not on"
        return None

    def enter(self, order: VenueOrder, now_ns: int) -> None:
        """Match what is open of an order, and rest, hold or cancel what is left of it."""
        market = self._markets.get(order.symbol) or self._open(self.instruments[order.symbol])
        if market.special or order.odd:
            self._enter_odd(market, order, now_ns)
            return
        market.seq = order.seq = market.seq + 1
        outcome = market.enter(
            order.key,
            order.side,
            order.ord_type,
            order.price,
            order.order_qty - order.cum_qty,
            order.time_in_force,
            order.account,
        )
        if outcome.trades:
            self._trades(market, outcome.trades, now_ns)
        if outcome.canceled_qty:
            self._cancel_rest(order, now_ns)

    def replace(self, order: VenueOrder, now_ns: int) -> None:
        """An order has other terms: work what is open of it. It keeps its place only if the price is the same
        and no more is open than was."""
        market = self.market(order.symbol)
        open_qty = order.order_qty - order.cum_qty
        if not open_qty:
            market.withdraw(order.key)
            self._touch(market)
        elif not market.cut(order, open_qty):
            market.withdraw(order.key)
            self.enter(order, now_ns)
        elif market.special:
            self._changed(market, now_ns)  # It may have another StopPx.

    def withdraw(self, order: VenueOrder) -> None:
        """Take an order out, if it is anywhere."""
        market = self._markets.get(order.symbol)
        if market is None:
            return
        if not (market.special or market.parked):
            market.cancel(order.key)
            return
        market.withdraw(order.key)
        self._touch(market)

    def watch(self, symbol: str) -> None:
        """Have `touched` say when a market changes, until as many do not want to know. Raises KeyError."""
        market = self.market(symbol)
        market.watched += 1
        market.check_special()

    def unwatch(self, symbol: str) -> None:
        """The opposite of `watch`."""
        market = self.market(symbol)
        market.watched -= 1
        market.check_special()

    # -- phases ----------------------------------------------------------------------------------------------

    def set_phase(self, phase: str, now_ns: int) -> None:
        """Go over to a phase, from whichever. Raises ValueError for an unknown one."""
        if phase not in PHASES:
            raise ValueError(f"no phase {phase!r}: it is one of {', '.join(PHASES)}")
        collects = phase in (OPENING, CLOSING)
        before, self.phase = self.phase, phase
        if before in (OPENING, CLOSING):
            for market in list(self._markets.values()):
                if market.collecting == before:
                    self.uncross(market.instrument.symbol, now_ns)
        if collects:
            for market in self._markets.values():
                if market.collecting != HALT:
                    market.begin_collecting(phase)
                    self._touch(market)
        if phase == CLOSED:
            self.end_day(now_ns)

    def halt(self, symbol: str, now_ns: int) -> None:
        """Collect the orders of an instrument. Raises KeyError."""
        market = self.market(symbol)
        if market.collecting:
            return
        market.begin_collecting(HALT)
        for order in self.open_orders():
            if order.symbol == symbol and order.broker is not None and not order.off_book:
                order.broker.halted(order, now_ns)
        self._touch(market)

    def resume(self, symbol: str, now_ns: int) -> None:
        """End a halt by an auction, or go over to the phase of the exchange. Raises KeyError."""
        market = self.market(symbol)
        if market.collecting != HALT:
            return
        for order in self.open_orders():
            if order.symbol == symbol and order.broker is not None and not order.off_book:
                order.broker.resumed(order, now_ns)
        if self.phase in (OPENING, CLOSING):
            market.begin_collecting(self.phase)
            self._touch(market)
        else:
            self.uncross(symbol, now_ns)

    def uncross(self, symbol: str, now_ns: int) -> Clearing | None:
        """Hold an instrument's auction and stop collecting. What it cleared at. Raises KeyError."""
        market = self.market(symbol)
        why = market.collecting
        interests = list(market.interests())
        cleared = clearing(interests, self.prices.px[symbol], market.instrument.move)
        trades = list(pairs(interests, cleared)) if cleared is not None else []
        if cleared is not None:
            market.last_px = cleared.price
            self.prices.set(symbol, cleared.price)
            self.cleared.setdefault(symbol, {})[CLOSING if why == CLOSING else OPENING] = cleared
            for trade in trades:
                for id in (trade.buy, trade.sell):
                    market.consume(id, trade.qty)
        market.collecting = ""
        market.check_special()
        if cleared is not None:
            for trade in trades:
                for id in (trade.buy, trade.sell):
                    self._execute(id, trade.qty, cleared.price, now_ns)
        for order in self._left(market, {OPENING: TimeInForce.OPG, CLOSING: TimeInForce.AT_CLOSE}.get(why)):
            order.broker.end(order, "the auction has left it", now_ns)
        if self.phase != CLOSED:
            self._moved(symbol, now_ns)
        elif cleared is not None:
            self._tell_price(symbol)
        self._touch(market)
        return cleared

    def _left(self, market: Market, only: str | None) -> list[VenueOrder]:
        """What an auction has left and may not stay: orders without a limit, and for this auction only."""
        keys = list(market.at_market)
        for side in (Side.BUY, Side.SELL):
            keys += [r.id for r in market.book.orders(side) if isinstance(r.id, str)]
        orders = [self.orders[key] for key in keys]
        return [order for order in orders if order.limit is None or order.time_in_force == only]

    def end_day(self, now_ns: int, date: str = "") -> None:
        """Orders of the day expire, and those good until that day or before; today, if none is given."""
        date = date or utc_date(now_ns)
        for order in self.open_orders():
            if order.broker is not None and expires_by(order, date):
                order.broker.expire(order, now_ns)

    def restore(self, orders: Iterable[VenueOrder], prices: Mapping[str, int]) -> None:
        """Have open orders of an earlier time rest again, unmatched and in the sequence of `seq`. Prices are
        what they were then, but not beyond an order that they would have met."""
        for symbol, px in prices.items():
            if symbol in self.instruments:
                self.prices.set(symbol, px)
        resting: dict[str, list[VenueOrder]] = {}
        for order in sorted(orders, key=lambda order: order.seq):
            if order.symbol in self.instruments and order.leaves_qty:
                resting.setdefault(order.symbol, []).append(order)
        for symbol, found in resting.items():
            market = self._make(self.instruments[symbol])
            for order in found:
                market.put_back(order)
            bid, ask = market.book.best(Side.BUY), market.book.best(Side.SELL)
            px = max(self.prices.px[symbol], bid.price if bid is not None else 0)
            self.prices.set(symbol, min(px, ask.price) if ask is not None else px)
            self._ladders[symbol].requote(self.prices.px[symbol])

    # -- inside ----------------------------------------------------------------------------------------------

    def _open(self, instrument: SimInstrument) -> Market:
        symbol = instrument.symbol
        market = self._make(instrument)
        self._ladders[symbol].requote(self.prices.px[symbol])
        if self.phase in (OPENING, CLOSING):
            market.begin_collecting(self.phase)
        return market

    def _make(self, instrument: SimInstrument) -> Market:
        """A market without quotes."""
        symbol = instrument.symbol
        market = self._markets[symbol] = Market(instrument, self.orders)
        self._ladders[symbol] = Ladder(instrument, market, self._seed, self._levels)
        self._active.append(symbol)
        return market

    def _enter_odd(self, market: Market, order: VenueOrder, now_ns: int) -> None:
        open_qty = order.order_qty - order.cum_qty
        if order.waits and (market.collecting or not is_reached(order, self._last_px(market))):
            market.stops[order.key] = order
            market.check_special()
            return
        if order.waits:
            order.broker.trigger(order, now_ns)
        if order.time_in_force == TimeInForce.AT_CLOSE and market.collecting != CLOSING:
            market.park(order)
        elif not market.collecting:
            outcome = market.enter_odd(order, open_qty)
            self._trades(market, outcome.trades, now_ns)
            if outcome.canceled_qty:
                self._cancel_rest(order, now_ns)
        elif order.time_in_force in _REMAINDER:
            order.broker.end(order, "nothing is executed at once while orders are collected", now_ns)
        else:
            market.collect(order, open_qty)
        if market.special:
            self._changed(market, now_ns)

    def _trades(self, market: Market, trades: list[Trade], now_ns: int) -> None:
        consumed = False
        resting = market.book
        for trade in trades:
            self._execute(trade.maker_id, trade.qty, trade.price, now_ns)
            self._execute(trade.taker_id, trade.qty, trade.price, now_ns)
            consumed = consumed or trade.maker_id not in resting
        if consumed:
            self._ladders[market.instrument.symbol].restock()

    def _execute(self, id: int | str, qty: int, px: int, now_ns: int) -> None:
        """One side of a trade, if that is an order and not a quote."""
        if id.__class__ is str:
            order = self.orders[id]
            order.broker.execute(order, qty, px, now_ns)

    def _cancel_rest(self, order: VenueOrder, now_ns: int) -> None:
        why = _REMAINDER.get(order.time_in_force, "no liquidity for the rest of a market order")
        if order.terms is not None and order.terms.min_qty and not order.cum_qty:
            why = "not so much as MinQty to be had at once"
        order.broker.end(order, why, now_ns)

    def _changed(self, market: Market, now_ns: int) -> None:
        """Something has happened in a special market: stop orders may be reached, some may want to know.

        Those that a price reaches go on in the order in which they came; what their trades reach comes after
        them.
        """
        if market.stops and not market.collecting and not market.triggering:
            market.triggering = True
            reached = deque(market.reached(self._last_px(market)))
            while reached:
                order = reached.popleft()
                order.broker.trigger(order, now_ns)
                self.enter(order, now_ns)
                reached += market.reached(self._last_px(market))
            market.triggering = False
        market.check_special()
        self._touch(market)

    def _last_px(self, market: Market) -> int:
        """The price of the last trade, or the reference price if that moved since."""
        return market.last_px or self.prices.px[market.instrument.symbol]

    def _touch(self, market: Market) -> None:
        if market.watched:
            self.touched[market.instrument.symbol] = None
