"""Market data on request: snapshots and increments of one exchange's books, for one session. FIX 4.4 terms.

A MarketDataRequest(V) is answered by a MarketDataSnapshotFullRefresh(W) per symbol, or refused whole by a
MarketDataRequestReject(Y). A subscription then gets what has changed, at most once a turn: as
MarketDataIncrementalRefresh(X), or as another snapshot if that was asked for. It ends with its unsubscription
or with the session.

Entries, by MDEntryType(269):

    0, 1   a level of the book: price, what is shown there, position. Its MDEntryID(278) is made of its price
    2      the last trade's price, or the reference price if there was none
    4, 5   the auction's price and volume: while orders are collected the indicative one, marked as expected
           (286=3); afterwards what it cleared at. 4 is the opening's, or that of a halt; 5 the closing's

*Source:* FIX 4.4 volume 3, market data.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct, field

from oms.core.types import Side, format_scaled
from oms.fix.wire import SOH
from oms.sim.exchange import Exchange
from oms.sim.market import CLOSING

SNAPSHOT, SUBSCRIBE, UNSUBSCRIBE = "0", "1", "2"  # SubscriptionRequestType(263)
FULL_REFRESH, INCREMENTAL = "0", "1"  # MDUpdateType(265)
NEW, CHANGE, DELETE = "0", "1", "2"  # MDUpdateAction(279)
BID, OFFER, TRADE, OPENING_PRICE, CLOSING_PRICE = "0", "1", "2", "4", "5"
TYPES: Final = frozenset((BID, OFFER, TRADE, OPENING_PRICE, CLOSING_PRICE))

UNKNOWN_SYMBOL: Final = "0"  # MDReqRejReason(281)
DUPLICATE_ID: Final = "1"
BAD_REQUEST_TYPE: Final = "4"
BAD_DEPTH: Final = "5"
BAD_UPDATE_TYPE: Final = "6"
BAD_ENTRY_TYPE: Final = "8"

ALL_LEVELS: Final = 1 << 30

Pairs = list[tuple[str, str]]
Entries = dict[str, str]
"""MDEntryID -> the entry's fields from its price on, as text."""


class Subscription(Struct):
    """What one MarketDataRequest has asked for."""

    md_req_id: str
    symbols: tuple[str, ...]
    types: frozenset[str]
    levels: int
    incremental: bool
    shown: dict[str, Entries] = field(default_factory=dict)  # by symbol: as it was told last


class MarketData:
    """The subscriptions of one session."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._subscriptions: dict[str, Subscription] = {}

    def request(self, message: Pairs) -> list[str]:
        """Answer a MarketDataRequest(V), given with its groups, field by field. Raises KeyError if a required
        field lacks."""
        found = dict(message)
        md_req_id, kind = found["262"], found["263"]
        if kind == UNSUBSCRIBE:
            self._end(md_req_id)
            return []
        symbols = tuple(dict.fromkeys(value for tag, value in message if tag == "55"))
        types = frozenset(value for tag, value in message if tag == "269")
        refusal = self._refusal(found, symbols, types)
        if refusal is not None:
            reason, text = refusal
            return [f"35=Y{SOH}262={md_req_id}{SOH}281={reason}{SOH}58={text}{SOH}"]
        subscription = Subscription(
            md_req_id,
            symbols,
            types or TYPES,
            int(found["264"]) or ALL_LEVELS,
            found.get("265", FULL_REFRESH) == INCREMENTAL,
        )
        if kind == SUBSCRIBE:
            self._subscriptions[md_req_id] = subscription
            for symbol in symbols:
                self._exchange.watch(symbol)
        return [self._snapshot(subscription, symbol) for symbol in symbols]

    def updates(self, symbols: Iterable[str]) -> list[str]:
        """What the subscriptions are told of markets that have changed."""
        texts: list[str] = []
        for symbol in symbols:
            for subscription in self._subscriptions.values():
                if symbol in subscription.symbols:
                    texts += self._update(subscription, symbol)
        return texts

    def end_all(self) -> None:
        """The session has ended."""
        for md_req_id in list(self._subscriptions):
            self._end(md_req_id)

    # -- inside ----------------------------------------------------------------------------------------------

    def _refusal(
        self, found: dict[str, str], symbols: tuple[str, ...], types: frozenset[str]
    ) -> tuple[str, str] | None:
        if found["263"] not in (SNAPSHOT, SUBSCRIBE):
            return BAD_REQUEST_TYPE, "SubscriptionRequestType is not supported"
        if found["262"] in self._subscriptions:
            return DUPLICATE_ID, "MDReqID is in use"
        if not found["264"].isdigit():
            return BAD_DEPTH, "MarketDepth is not supported"
        if found.get("265", FULL_REFRESH) not in (FULL_REFRESH, INCREMENTAL):
            return BAD_UPDATE_TYPE, "MDUpdateType is not supported"
        if not types <= TYPES:
            return BAD_ENTRY_TYPE, f"MDEntryType is not one of {' '.join(sorted(TYPES))}"
        for symbol in symbols:
            if symbol not in self._exchange.instruments:
                return UNKNOWN_SYMBOL, f"unknown symbol {symbol}"
        return None if symbols else (UNKNOWN_SYMBOL, "no symbol")

    def _end(self, md_req_id: str) -> None:
        subscription = self._subscriptions.pop(md_req_id, None)
        if subscription is not None:
            for symbol in subscription.symbols:
                self._exchange.unwatch(symbol)

    def _snapshot(self, subscription: Subscription, symbol: str) -> str:
        entries = subscription.shown[symbol] = self._entries(subscription, symbol)
        told = "".join(f"269={id[0]}{SOH}{entry}" for id, entry in entries.items())
        return f"35=W{SOH}262={subscription.md_req_id}{SOH}55={symbol}{SOH}268={len(entries)}{SOH}{told}"

    def _update(self, subscription: Subscription, symbol: str) -> list[str]:
        before = subscription.shown[symbol]
        if not subscription.incremental:
            text = self._snapshot(subscription, symbol)
            return [text] if subscription.shown[symbol] != before else []
        after = subscription.shown[symbol] = self._entries(subscription, symbol)
        changes = [(DELETE, id, before[id]) for id in before if id not in after]
        changes += [
            (CHANGE if id in before else NEW, id, entry)
            for id, entry in after.items()
            if before.get(id) != entry
        ]
        if not changes:
            return []
        told = "".join(
            f"279={action}{SOH}269={id[0]}{SOH}278={id}{SOH}55={symbol}{SOH}{entry}"
            for action, id, entry in changes
        )
        return [f"35=X{SOH}262={subscription.md_req_id}{SOH}268={len(changes)}{SOH}{told}"]

    def _entries(self, subscription: Subscription, symbol: str) -> Entries:
        market = self._exchange.market(symbol)
        found: Entries = {}
        for kind, side in ((BID, Side.BUY), (OFFER, Side.SELL)):
            if kind not in subscription.types:
                continue
            for n, (px, qty) in enumerate(market.book.depth(side, subscription.levels), start=1):
                found[f"{kind}-{format_scaled(px)}"] = _entry(px, qty) + f"290={n}{SOH}"
        if TRADE in subscription.types:
            found[TRADE] = _entry(market.last_px or self._exchange.prices.px[symbol], 0)
        auction = CLOSING_PRICE if market.collecting == CLOSING else OPENING_PRICE
        if market.collecting and auction in subscription.types:
            indicative = self._exchange.indicative(symbol)
            if indicative is not None:
                found[auction] = _entry(indicative.price, indicative.volume) + f"286=3{SOH}"
        for why, cleared in self._exchange.cleared.get(symbol, {}).items():
            kind = CLOSING_PRICE if why == CLOSING else OPENING_PRICE
            if kind in subscription.types and kind not in found:
                found[kind] = _entry(cleared.price, cleared.volume)
        return found


def _entry(px: int, qty: int) -> str:
    size = f"271={format_scaled(qty)}{SOH}" if qty else ""
    return f"270={format_scaled(px)}{SOH}{size}"
