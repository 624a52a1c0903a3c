"""Resting orders of one instrument in price-time priority.

Two sides, each a sorted map from price to a level; a level is an insertion-ordered map from id to the resting
order, so that time priority is the order of insertion. Bids are keyed by the negated price: on both sides the
best level is the first. The engine keeps one such book per symbol of the orders it works; the paper venue and
the broker simulator match on it (`matching.py`).

A level that its last order has left stays, empty: prices come again, and opening a level costs ten times what
joining one does. Empty levels go when they would be the best, or when they outnumber the orders.

Invariants, stated by `check()`: every entry is found by its id, quantities are positive, empty levels are
counted. Costs are per operation: O(log levels) to open a level, O(1) within one. An unmoved resting order
keeps its time; a larger quantity or another price loses it.
"""

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from typing import Final

from msgspec import Struct
from sortedcontainers import SortedDict

from oms.core.types import Side

_SPARE_LEVELS: Final = 64
"""How many empty levels a book may keep whatever the number of its orders."""


class Resting(Struct, gc=False):
    """One resting order: price and quantity in units of 1e-8."""

    id: int | str
    side: str
    price: int
    qty: int
    owner: str = ""


class PriceBook:
    """Both sides of one instrument.

    >>> book = PriceBook()
    >>> book.add(Resting("a", Side.BUY, 100, 5)); book.add(Resting("b", Side.BUY, 101, 7))
    >>> book.best(Side.BUY).id
    'b'
    >>> book.depth(Side.BUY, 2)
    [(101, 7), (100, 5)]
    """

    __slots__ = ("_asks", "_bids", "_by_id", "_empty")

    def __init__(self) -> None:
        self._bids: SortedDict = SortedDict()
        self._asks: SortedDict = SortedDict()
        self._by_id: dict[int | str, Resting] = {}
        self._empty = 0  # levels without an order

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, id: int | str) -> bool:
        return id in self._by_id

    def get(self, id: int | str) -> Resting | None:
        """The resting order with that id. O(1)."""
        return self._by_id.get(id)

    def add(self, resting: Resting) -> None:
        """Put an order at the end of its level.

        Raises ValueError if the id rests already or the quantity is not positive.
        """
        id = resting.id
        if id in self._by_id:
            raise ValueError(f"{id} rests already")
        if resting.qty <= 0:
            raise ValueError(f"{id}: a resting quantity must be positive, not {resting.qty}")
        if resting.side == Side.BUY:
            levels, key = self._bids, -resting.price
        else:
            levels, key = self._asks, resting.price
        level = levels.get(key)
        if level is None:
            # Not a plain dict: finding the first of many after removals would walk over what was removed.
            levels[key] = OrderedDict({id: resting})
        else:
            if not level:
                self._empty -= 1
            level[id] = resting
        self._by_id[id] = resting

    def remove(self, id: int | str) -> Resting | None:
        """Take an order out. Returns it, or None if it does not rest."""
        resting = self._by_id.pop(id, None)
        if resting is None:
            return None
        level = self._bids[-resting.price] if resting.side == Side.BUY else self._asks[resting.price]
        del level[id]
        if not level:
            self._empty += 1
            if self._empty > _SPARE_LEVELS and self._empty > len(self._by_id):
                self._drop_empty()
        return resting

    def amend(self, id: int | str, price: int, qty: int) -> None:
        """Change price or quantity.

        Keeps its time only where the price stays and the quantity does not grow.
        """
        resting = self._by_id[id]
        if price == resting.price and qty <= resting.qty:
            if qty > 0:
                resting.qty = qty
            else:
                self.remove(id)
            return
        self.remove(id)
        if qty > 0:
            self.add(Resting(id, resting.side, price, qty, resting.owner))

    def reduce(self, id: int | str, qty: int) -> None:
        """Take an executed quantity off; the order leaves the book at zero."""
        resting = self._by_id[id]
        resting.qty -= qty
        if resting.qty <= 0:
            self.remove(id)

    def best(self, side: str) -> Resting | None:
        """The first order of the best level."""
        levels = self._bids if side == Side.BUY else self._asks
        while levels:
            key = next(iter(levels))
            for resting in levels[key].values():
                return resting  # type: ignore[no-any-return]
            del levels[key]
            self._empty -= 1
        return None

    def orders(self, side: str) -> Iterator[Resting]:
        """All orders of a side, in priority. The book must not change meanwhile."""
        for level in (self._bids if side == Side.BUY else self._asks).values():
            yield from level.values()

    def depth(self, side: str, levels: int) -> list[tuple[int, int]]:
        """The best levels as (price, total quantity)."""
        book = self._bids if side == Side.BUY else self._asks
        sign = -1 if side == Side.BUY else 1
        held = ((key, level) for key, level in book.items() if level)
        return [
            (sign * key, sum(resting.qty for resting in level.values()))
            for key, level in islice(held, levels)
        ]

    def check(self) -> None:
        """State the invariants. Raises AssertionError."""
        seen = empty = 0
        for side, levels, sign in ((Side.BUY, self._bids, -1), (Side.SELL, self._asks, 1)):
            for key, level in levels.items():
                empty += not level
                for id, resting in level.items():
                    assert (resting.id, resting.side) == (id, side), resting
                    assert resting.price == sign * key, resting
                    assert resting.qty > 0, resting
                    assert self._by_id[id] is resting, resting
                    seen += 1
        assert seen == len(self._by_id)
        assert empty == self._empty

    def _drop_empty(self) -> None:
        for levels in (self._bids, self._asks):
            for key in [key for key, level in levels.items() if not level]:
                del levels[key]
        self._empty = 0
