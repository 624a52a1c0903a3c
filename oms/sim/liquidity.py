"""Background liquidity of one instrument: a ladder of seeded quotes on either side of the reference price.

Somebody has to be on the other side. The ladder has a quote on each of the first `levels` ticks above and
below the reference price. A quote that was consumed is replaced at once by one of another seeded size, but
never where it would cross a resting order: so an order that takes the whole ladder up to its limit rests with
what is left, as it would in a market. When the reference price moves, the ladder is taken out and entered
again through the matching book: then it does trade with the resting orders that it meets, and passive orders
get their fills.

Sizes depend on the seed, the symbol and how many quotes were made before, on nothing else. Quotes rest under
int ids, orders under str ids.
"""

import random
from typing import Final

from oms.core.matching import Trade
from oms.core.price_book import Resting
from oms.core.types import SCALE, Side
from oms.sim.instruments import SimInstrument
from oms.sim.market import Market

SHARES: Final = (100, 1_500)
"""The range of a quote's size, in shares; rounded to lots, at least one."""


class Ladder:
    """The background quotes of one instrument."""

    __slots__ = ("_book", "_instrument", "_levels", "_made", "_quotes", "_rng", "_rungs")

    def __init__(self, instrument: SimInstrument, book: Market, seed: int, levels: int) -> None:
        self._instrument = instrument
        self._book = book
        self._levels = levels
        self._rng = random.Random(f"{seed}:quotes:{instrument.symbol}")
        self._made = 0
        self._quotes: dict[tuple[str, int], int] = {}  # (side, price) -> id
        self._rungs: list[tuple[str, int]] = []  # (side, price) of every quote, the best first

    def restock(self) -> None:
        """Replace the quotes that were consumed, where they cross nothing. O(levels)."""
        resting = self._book.book
        best_bid, best_ask = resting.best(Side.BUY), resting.best(Side.SELL)
        for side, price in self._rungs:
            quote = self._quotes.get((side, price))
            if quote is not None and quote in resting:
                continue
            if side == Side.BUY:
                crosses = best_ask is not None and price >= best_ask.price
            else:
                crosses = best_bid is not None and price <= best_bid.price
            if not crosses:
                id, qty = self._draw()
                resting.add(Resting(id, side, price, qty))
                self._quotes[side, price] = id

    def requote(self, reference_px: int) -> list[Trade]:
        """Move the ladder to another reference price. The trades it makes with resting orders, which are the
        makers."""
        for id in self._quotes.values():
            self._book.cancel(id)
        self._quotes.clear()
        trades: list[Trade] = []
        self._rungs = self._around(reference_px)
        for side, price in self._rungs:
            id, qty = self._draw()
            outcome = self._book.quote(id, side, price, qty)
            trades += outcome.trades
            if outcome.resting_qty:
                self._quotes[side, price] = id
        return trades

    def _around(self, reference_px: int) -> list[tuple[str, int]]:
        """Where the quotes belong: on the first ticks below and above the reference price."""
        instrument = self._instrument
        rungs: list[tuple[str, int]] = []
        bid = ask = reference_px
        for _ in range(self._levels):
            lower = instrument.move(bid, -1)
            if lower < bid:
                rungs.append((Side.BUY, lower))
                bid = lower
            ask = instrument.move(ask, 1)
            rungs.append((Side.SELL, ask))
        return rungs

    def _draw(self) -> tuple[int, int]:
        """Another quote's id and size."""
        self._made += 1
        lot = self._instrument.lot_size
        qty = self._rng.randint(*SHARES) * SCALE
        return self._made, max(qty - qty % lot, lot)
