"""What venues display: the best prices and the depth behind them, per instrument and venue, and volumes.

A venue's market data is kept level by level, sorted by price. It is as good as the venue's last word: it
carries the time of that, and is forgotten when the venue's session ends, so that nobody routes by prices of
an hour ago. A level that is displayed is no promise: what routes by it sends orders that execute at once or
not at all.

>>> depth = VenueDepth()
>>> depth.change(True, ((BID, 99, 5), (BID, 98, 7), (OFFER, 101, 3)), 1)
>>> depth.change(False, ((BID, 99, 0), (OFFER, 100, 2)), 2)
>>> depth.best(BID), depth.levels(OFFER), depth.mid()
((98, 7), [(100, 2), (101, 3)], 99)
"""

from collections.abc import Iterable
from typing import Final

from sortedcontainers import SortedDict

from oms.core.types import Side

BID: Final = "0"  # MDEntryType(269)
OFFER: Final = "1"
TRADE: Final = "2"

Entry = tuple[str, int, int]
"""(MDEntryType, price, quantity): of a level what it shows now, 0 if it is gone; of a trade its size."""

Level = tuple[int, int]


class VenueDepth:
    """What one venue displays of one instrument. Prices and quantities in units of 1e-8."""

    __slots__ = ("_asks", "_bids", "at_ns")

    def __init__(self) -> None:
        self._bids: SortedDict = SortedDict()  # negated price -> quantity: the highest comes first
        self._asks: SortedDict = SortedDict()
        self.at_ns = 0

    def change(self, full: bool, entries: Iterable[Entry], at_ns: int) -> None:
        """Take in what the venue says; all of it anew if `full`. O(entries x log levels)."""
        if full:
            self._bids.clear()
            self._asks.clear()
        for kind, px, qty in entries:
            if kind == TRADE:
                continue
            side, key = (self._bids, -px) if kind == BID else (self._asks, px)
            if qty:
                side[key] = qty
            else:
                side.pop(key, None)
        self.at_ns = at_ns

    def levels(self, kind: str) -> list[Level]:
        """(price, quantity), the best first."""
        if kind == BID:
            return [(-key, qty) for key, qty in self._bids.items()]
        return list(self._asks.items())

    def best(self, kind: str) -> Level | None:
        """The best price and what is shown there."""
        side = self._bids if kind == BID else self._asks
        if not side:
            return None
        key, qty = side.peekitem(0)
        return abs(key), qty

    def mid(self) -> int:
        """Half way between the best prices; 0 unless there are both."""
        if not self._bids or not self._asks:
            return 0
        mid: int = (self._asks.peekitem(0)[0] - self._bids.peekitem(0)[0]) // 2
        return mid


def against(side: str) -> str:
    """The entries that an order trades with."""
    return OFFER if side == Side.BUY else BID


class Market:
    """All that all venues display."""

    __slots__ = ("depth", "volume")

    def __init__(self) -> None:
        self.depth: dict[str, dict[str, VenueDepth]] = {}  # symbol -> venue
        self.volume: dict[str, int] = {}  # symbol -> what was traded, as venues said, since the journal began

    def change(self, symbol: str, venue: str, full: bool, entries: tuple[Entry, ...], at_ns: int) -> None:
        """Take in what a venue says of an instrument."""
        venues = self.depth.setdefault(symbol, {})
        depth = venues.get(venue)
        if depth is None:
            depth = venues[venue] = VenueDepth()
        depth.change(full, entries, at_ns)
        traded = sum(qty for kind, _, qty in entries if kind == TRADE)
        if traded:
            self.volume[symbol] = self.volume.get(symbol, 0) + traded

    def forget(self, venue: str) -> None:
        """A venue is gone, and what it displayed."""
        for venues in self.depth.values():
            venues.pop(venue, None)

    def of(self, symbol: str, venue: str) -> VenueDepth | None:
        """What a venue displays of an instrument; None if nothing is known."""
        return self.depth.get(symbol, {}).get(venue)

    # -- snapshots -------------------------------------------------------------------------------------------

    def rows(self) -> list[tuple[str, str, int, list[Level], list[Level]]]:
        """(symbol, venue, time, bids, offers), sorted."""
        return [
            (symbol, venue, depth.at_ns, depth.levels(BID), depth.levels(OFFER))
            for symbol, venues in sorted(self.depth.items())
            for venue, depth in sorted(venues.items())
        ]

    def restore(
        self, rows: Iterable[tuple[str, str, int, list[Level], list[Level]]], volume: dict[str, int]
    ) -> None:
        """Everything as a snapshot has it."""
        for symbol, venue, at_ns, bids, offers in rows:
            entries = (*((BID, *level) for level in bids), *((OFFER, *level) for level in offers))
            self.change(symbol, venue, True, entries, at_ns)
        self.volume = volume
