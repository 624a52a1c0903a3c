"""An auction: at which price a book of crossing orders trades most, and who trades with whom there. Pure.

The price, in this order:

1. the one at which most is executed;
2. of these, the one that leaves the smallest surplus: the difference of what could be bought and sold there;
3. of these, the nearest to the reference price. They lie side by side, so there is only one.

Every price on a tick counts, not only those that somebody has named. Demand and supply change at the limits
of orders only, so it is enough to look at these, at the ticks beside them, and at the reference price.

Who trades: on each side first what came without a limit, then the better limit, then the lower rank, which
stands for the time of entry; the last one is filled in part. Both sides are then paired from the top.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate

from msgspec import Struct

from oms.core.types import Side

Rank = tuple[int, int]
"""Lower goes first: (group, number in it)."""


class Interest(Struct, frozen=True):
    """An order in an auction, with all its open quantity. Units of 1e-8; no limit is at any price."""

    id: int | str
    side: str
    limit: int | None
    qty: int
    rank: Rank


class Clearing(Struct, frozen=True):
    """Where an auction clears. A positive surplus is left to buy, a negative one to sell."""

    price: int
    volume: int
    surplus: int


class Pair(Struct, frozen=True):
    """A trade of an auction."""

    buy: int | str
    sell: int | str
    qty: int


def clearing(
    interests: Iterable[Interest], reference_px: int, move: Callable[[int, int], int]
) -> Clearing | None:
    """The price of an auction, None if nothing can be executed at any.

    `move(price, ticks)` gives the valid price so many ticks away; the reference price is one. O(n log n).
    """
    buys, sells = _sides(interests)
    limits = {i.limit for i in (*buys, *sells) if i.limit is not None}
    prices = {reference_px, *limits}
    prices.update(move(limit, ticks) for limit in limits for ticks in (-1, 1))
    demand, supply = _Demand(buys), _Supply(sells)
    best: tuple[int, int, int] | None = None
    found: Clearing | None = None
    for price in prices:
        bought, sold = demand.at(price), supply.at(price)
        volume, surplus = min(bought, sold), bought - sold
        key = (-volume, abs(surplus), abs(price - reference_px))
        if volume and (best is None or key < best):
            best, found = key, Clearing(price, volume, surplus)
    return found


def pairs(interests: Iterable[Interest], cleared: Clearing) -> Iterator[Pair]:
    """The trades, in the order of priority. Their quantities add up to the clearing's volume."""
    buys, sells = _sides(interests)
    buyers = _Queue(sorted((i for i in buys if _buys_at(i, cleared.price)), key=_buy_priority))
    sellers = _Queue(sorted((i for i in sells if _sells_at(i, cleared.price)), key=_sell_priority))
    left = cleared.volume
    while left:
        qty = min(buyers.qty, sellers.qty, left)
        yield Pair(buyers.id, sellers.id, qty)
        buyers.take(qty)
        sellers.take(qty)
        left -= qty


def _sides(interests: Iterable[Interest]) -> tuple[list[Interest], list[Interest]]:
    buys: list[Interest] = []
    sells: list[Interest] = []
    for interest in interests:
        (buys if interest.side == Side.BUY else sells).append(interest)
    return buys, sells


def _buys_at(interest: Interest, price: int) -> bool:
    return interest.limit is None or interest.limit >= price


def _sells_at(interest: Interest, price: int) -> bool:
    return interest.limit is None or interest.limit <= price


def _buy_priority(interest: Interest) -> tuple[int, int, Rank]:
    return (0, 0, interest.rank) if interest.limit is None else (1, -interest.limit, interest.rank)


def _sell_priority(interest: Interest) -> tuple[int, int, Rank]:
    return (0, 0, interest.rank) if interest.limit is None else (1, interest.limit, interest.rank)


class _Cumulated:
    """One side's quantities by limit, in ascending order, and their sums."""

    def __init__(self, interests: Sequence[Interest]) -> None:
        priced = sorted((i.limit, i.qty) for i in interests if i.limit is not None)
        self.at_any_price = sum(i.qty for i in interests if i.limit is None)
        self.limits = [limit for limit, _ in priced]
        self.sums = [0, *accumulate(qty for _, qty in priced)]


class _Demand(_Cumulated):
    def at(self, price: int) -> int:
        """How much would be bought at a price."""
        return self.at_any_price + self.sums[-1] - self.sums[bisect_left(self.limits, price)]


class _Supply(_Cumulated):
    def at(self, price: int) -> int:
        """How much would be sold at a price."""
        return self.at_any_price + self.sums[bisect_right(self.limits, price)]


class _Queue:
    """Interests in priority; the first one may have been filled in part."""

    def __init__(self, interests: list[Interest]) -> None:
        self._rest = iter(interests)
        self.id: int | str = ""
        self.qty = 0
        self._next()

    def take(self, qty: int) -> None:
        self.qty -= qty
        if not self.qty:
            self._next()

    def _next(self) -> None:
        interest = next(self._rest, None)
        if interest is not None:
            self.id, self.qty = interest.id, interest.qty
