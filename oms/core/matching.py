"""A matching engine for one instrument: price-time priority on a `PriceBook`.

Used by the paper venue and by the broker simulator. It knows prices, quantities and ids; who sent an order,
which ids a report carries and how it travels is the venue's business.

Rules: a trade happens at the resting order's price; an incoming order takes the best price first and the
oldest order first within it. A market order's remainder is canceled, never rests. IOC fills what it can at
once and the rest is canceled; FOK fills whole or not at all, and both end as canceled, not expired. A replace
keeps its time only if the price stays and the quantity does not grow; otherwise it is taken out and matched
again as new.
"""

from msgspec import Struct

from oms.core.price_book import PriceBook, Resting
from oms.core.types import OrdType, Side, TimeInForce


class Trade(Struct, frozen=True, gc=False):
    """An incoming order met a resting one, at the resting price."""

    maker_id: int | str
    taker_id: int | str
    price: int
    qty: int


class Outcome(Struct, gc=False):
    """What became of an incoming order: its trades, and its remainder either resting or canceled."""

    trades: list[Trade]
    resting_qty: int
    canceled_qty: int


class MatchingBook:
    """One instrument. All quantities and prices in units of 1e-8."""

    __slots__ = ("book", "last_px")

    def __init__(self) -> None:
        self.book = PriceBook()
        self.last_px = 0

    def enter(
        self,
        id: int | str,
        side: str,
        ord_type: str,
        price: int,
        qty: int,
        time_in_force: str = TimeInForce.DAY,
        owner: str = "",
    ) -> Outcome:
        """Match an incoming order and rest or cancel what is left of it."""
        limit = None if ord_type == OrdType.MARKET else price
        if time_in_force == TimeInForce.FOK and self.available(side, limit, qty) < qty:
            return Outcome([], 0, qty)
        trades: list[Trade] = []
        opposite = Side.SELL if side == Side.BUY else Side.BUY
        book = self.book
        while qty:
            maker = book.best(opposite)
            if maker is None or not _crosses(side, limit, maker.price):
                break
            traded = min(qty, maker.qty)
            trades.append(Trade(maker.id, id, maker.price, traded))
            self.last_px = maker.price
            qty -= traded
            book.reduce(maker.id, traded)
        if not qty:
            return Outcome(trades, 0, 0)
        if limit is None or time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
            return Outcome(trades, 0, qty)
        book.add(Resting(id, side, limit, qty, owner))
        return Outcome(trades, qty, 0)

    def available(self, side: str, limit: int | None, wanted: int) -> int:
        """How much an incoming order could execute at once, counted up to `wanted`."""
        total = 0
        for maker in self.book.orders(Side.SELL if side == Side.BUY else Side.BUY):
            if total >= wanted or not _crosses(side, limit, maker.price):
                break
            total += maker.qty
        return total

    def cancel(self, id: int | str) -> int:
        """Take an order out. Returns the quantity that was still resting, 0 if it does not rest."""
        resting = self.book.remove(id)
        return resting.qty if resting is not None else 0

    def replace(self, id: int | str, price: int, qty: int) -> Outcome | None:
        """Give a resting order another price or open quantity. None if it does not rest."""
        resting = self.book.get(id)
        if resting is None:
            return None
        if qty <= 0:
            self.book.remove(id)
            return Outcome([], 0, 0)
        if price == resting.price and qty <= resting.qty:
            self.book.amend(id, price, qty)
            return Outcome([], qty, 0)
        self.book.remove(id)
        return self.enter(id, resting.side, OrdType.LIMIT, price, qty, owner=resting.owner)


def _crosses(side: str, limit: int | None, price: int) -> bool:
    if limit is None:
        return True
    return price <= limit if side == Side.BUY else price >= limit
