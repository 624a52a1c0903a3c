"""One instrument's market: a book, and what a plain book does not know.

`special` says whether there is anything of that kind. While it is not set, orders go straight into
`MatchingBook.enter`; else through `enter_odd`, which knows

- icebergs: an order with MaxFloor(111) shows so much of itself; when that is gone the next part is shown,
  behind whoever waits at the price. The hidden part is not in the depth, but it counts for FOK and MinQty;
- MinQty(110): if not so much can be executed at once, the order is canceled whole. What is left after that
  is an order like others;
- stop orders: they wait beside the book for the price of a trade, or for the published reference price;
- an auction or a halt: `collecting` says which. Orders are taken and not matched, those without a limit
  beside the book, and `interests` gives all of them to `auction.py`. Orders for the close that come before
  it begins are parked.

`seq` counts what comes to rest: the smaller number was there first. Quotes of the ladder have none: at a
price they come after everybody.
"""

from collections.abc import Iterator

from oms.core.matching import MatchingBook, Outcome, Trade
from oms.core.price_book import Resting
from oms.core.types import OrdType, Side, Terms, TimeInForce
from oms.sim.auction import Interest
from oms.sim.instruments import SimInstrument
from oms.sim.reports import VenueOrder

OPENING, CLOSING, HALT = "opening", "closing", "halt"
"""Why orders are collected."""


class Market(MatchingBook):
    """One instrument. `orders` are those of the whole exchange, by key."""

    __slots__ = (
        "at_market", "collecting", "instrument", "orders", "parked", "reserves", "seq", "special", "stops",
        "triggering", "watched",
    )  # fmt: skip

    def __init__(self, instrument: SimInstrument, orders: dict[str, VenueOrder]) -> None:
        super().__init__()
        self.instrument = instrument
        self.orders = orders
        self.seq = 0
        self.special = False
        self.watched = 0  # how many want to know what changes here
        self.triggering = False  # stop orders are going into the book
        self.collecting = ""
        self.reserves: dict[int | str, int] = {}  # what is hidden of an iceberg, by key
        self.stops: dict[str, VenueOrder] = {}
        self.parked: dict[str, VenueOrder] = {}
        self.at_market: dict[str, int] = {}  # open quantity of an order without a limit, while collecting

    def check_special(self) -> None:
        """Set `special` anew. After anything that may have changed it."""
        self.special = bool(self.watched or self.collecting or self.reserves or self.stops)

    # -- orders come and go ----------------------------------------------------------------------------------

    def enter_odd(self, order: VenueOrder, qty: int) -> Outcome:
        """Match an order and rest or cancel what is left of it. Not while collecting."""
        limit = order.limit
        terms = order.terms or _NO_TERMS
        needed = 0 if order.seq else min(terms.min_qty, qty)  # What has rested has had it.
        if order.time_in_force == TimeInForce.FOK:
            needed = qty
        if needed and self.available(order.side, limit, needed) < needed:
            return Outcome([], 0, qty)
        trades = self._take(order.key, order.side, limit, qty)
        qty -= sum(trade.qty for trade in trades)
        if not qty:
            return Outcome(trades, 0, 0)
        if limit is None or order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
            return Outcome(trades, 0, qty)
        self.rest(order, qty)
        return Outcome(trades, qty, 0)

    def quote(self, id: int, side: str, price: int, qty: int) -> Outcome:
        """Enter a quote of the ladder's, which may meet icebergs."""
        if not self.reserves:
            return self.enter(id, side, OrdType.LIMIT, price, qty)
        trades = self._take(id, side, price, qty)
        qty -= sum(trade.qty for trade in trades)
        if qty:
            self.book.add(Resting(id, side, price, qty))
        return Outcome(trades, qty, 0)

    def rest(self, order: VenueOrder, qty: int) -> None:
        """Put an order at the end of its level, unmatched; an iceberg shows a part of itself."""
        assert order.limit is not None, order
        self.seq = order.seq = self.seq + 1
        shown = qty
        if order.terms is not None and 0 < order.terms.max_floor < qty:
            shown = order.terms.max_floor
            self.reserves[order.key] = qty - shown
            self.special = True
        self.book.add(Resting(order.key, order.side, order.limit, shown, order.account))

    def collect(self, order: VenueOrder, qty: int) -> None:
        """Take an order while collecting."""
        if order.limit is None:
            self.seq = order.seq = self.seq + 1
            self.at_market[order.key] = qty
        else:
            self.rest(order, qty)

    def park(self, order: VenueOrder) -> None:
        """Keep an order for the close."""
        self.seq = order.seq = self.seq + 1
        self.parked[order.key] = order

    def put_back(self, order: VenueOrder) -> None:
        """Have an order of an earlier time where it was, with its place in time."""
        seq = order.seq
        if order.waits:
            self.stops[order.key] = order
        elif order.time_in_force == TimeInForce.AT_CLOSE:
            self.park(order)
        elif order.limit is not None:
            self.rest(order, order.leaves_qty)
        order.seq = seq
        self.seq = max(self.seq, seq)
        self.check_special()

    def withdraw(self, key: str) -> None:
        """Take an order out, wherever it is."""
        self.cancel(key)
        for held in (self.reserves, self.stops, self.parked, self.at_market):
            held.pop(key, None)
        self.check_special()

    def cut(self, order: VenueOrder, qty: int) -> bool:
        """Leave an order no more open than `qty`, where it stands, and keep its time. Whether it is in a
        place where that can be: else it has to come again."""
        if order.key in self.stops or order.key in self.parked:
            return True
        if order.key in self.at_market:
            kept = qty <= self.at_market[order.key]
            self.at_market[order.key] = min(qty, self.at_market[order.key])
            return kept
        resting = self.book.get(order.key)
        hidden = self.reserves.get(order.key, 0)
        if resting is None or order.limit != resting.price or qty > resting.qty + hidden:
            return False
        # What is hidden goes first.
        hidden = max(qty - resting.qty, 0)
        self.book.amend(order.key, resting.price, min(qty, resting.qty))
        if order.key in self.reserves:
            self.reserves[order.key] = hidden
            if not hidden:
                del self.reserves[order.key]
        return True

    # -- matching with what is hidden ------------------------------------------------------------------------

    def _take(self, id: int | str, side: str, limit: int | None, qty: int) -> list[Trade]:
        """The trades of an incoming order: as `MatchingBook.enter`, and icebergs show their next part."""
        trades: list[Trade] = []
        opposite = Side.SELL if side == Side.BUY else Side.BUY
        while qty:
            maker = self.book.best(opposite)
            if maker is None or not crosses(side, limit, maker.price):
                break
            traded = min(qty, maker.qty)
            trades.append(Trade(maker.id, id, maker.price, traded))
            self.last_px = maker.price
            qty -= traded
            self.reduce(maker, traded)
        return trades

    def reduce(self, resting: Resting, qty: int) -> None:
        """Take an executed quantity off; an iceberg whose shown part is gone shows the next."""
        key = resting.id
        self.book.reduce(key, qty)
        if key in self.reserves and key not in self.book:
            order = self.orders[str(key)]
            hidden = self.reserves.pop(key)
            self.rest(order, hidden)

    def available(self, side: str, limit: int | None, wanted: int) -> int:
        """How much an incoming order could execute at once, hidden or not, counted up to `wanted`."""
        if not self.reserves:
            return super().available(side, limit, wanted)
        total = 0
        for maker in self.book.orders(Side.SELL if side == Side.BUY else Side.BUY):
            if total >= wanted or not crosses(side, limit, maker.price):
                break
            total += maker.qty + self.reserves.get(maker.id, 0)
        return total

    # -- auctions --------------------------------------------------------------------------------------------

    def begin_collecting(self, why: str) -> None:
        """From now on nothing is matched. What is parked for the close comes into it."""
        self.collecting = why
        if why == CLOSING:
            for order in self.parked.values():
                # It keeps the time at which it came.
                seq = order.seq
                self.collect(order, order.leaves_qty)
                order.seq = seq
            self.parked.clear()
        self.check_special()

    def interests(self) -> Iterator[Interest]:
        """All that takes part in an auction."""
        for side in (Side.BUY, Side.SELL):
            for resting in self.book.orders(side):
                id = resting.id
                rank = (1, id) if isinstance(id, int) else (0, self.orders[id].seq)
                yield Interest(id, side, resting.price, resting.qty + self.reserves.get(id, 0), rank)
        for key, qty in self.at_market.items():
            order = self.orders[key]
            yield Interest(key, order.side, None, qty, (0, order.seq))

    def consume(self, id: int | str, qty: int) -> None:
        """Take off what an auction has executed."""
        if id in self.at_market:
            key = str(id)
            self.at_market[key] -= qty
            if not self.at_market[key]:
                del self.at_market[key]
            return
        while qty:
            resting = self.book.get(id)
            assert resting is not None, id
            taken = min(qty, resting.qty)
            self.reduce(resting, taken)
            qty -= taken

    # -- stop orders -----------------------------------------------------------------------------------------

    def reached(self, px: int) -> list[VenueOrder]:
        """Take out the stop orders that a price triggers, in the order in which they came."""
        found = [order for order in self.stops.values() if is_reached(order, px)]
        for order in found:
            del self.stops[order.key]
        return found


_NO_TERMS = Terms()


def is_reached(order: VenueOrder, px: int) -> bool:
    """Whether a price triggers a stop order: a buy at or above its StopPx(99), a sell at or below."""
    assert order.terms is not None
    return px >= order.terms.stop_px if order.side == Side.BUY else px <= order.terms.stop_px


def crosses(side: str, limit: int | None, price: int) -> bool:
    """Whether an incoming order may trade at a price."""
    if limit is None:
        return True
    return price <= limit if side == Side.BUY else price >= limit
