"""Market data of a venue, snapshots (W) and changes (X), as updates of its books. Pure.

Bids, offers and trades are read, by price level; other kinds of entries say nothing that is used here. An
entry of X may leave its Symbol out: then it is that of the entry before. *Source:* FIX 4.4 volume 3,
MarketDataIncrementalRefresh: MDUpdateAction 0 new, 1 change, 2 delete.
"""

from typing import Final

from oms.core import commands as cmd
from oms.core.market import BID, OFFER, TRADE
from oms.core.types import parse_scaled
from oms.fix import tags
from oms.fix.malformed import Malformed
from oms.fix.tags import MsgType
from oms.fix.wire import pairs

_KINDS: Final = (BID, OFFER, TRADE)
_DELETE: Final = "2"  # MDUpdateAction(279)


def market_data(venue: str, text: str) -> cmd.UpdateBooks:
    """What a venue says of its books. Raises Malformed."""
    found = pairs(text)
    if next(value for tag, value in found if tag == tags.MSG_TYPE) == MsgType.MARKET_DATA_SNAPSHOT:
        return _snapshot(venue, found)
    return _changes(venue, found)


def _snapshot(venue: str, found: list[tuple[str, str]]) -> cmd.UpdateBooks:
    symbol = next((value for tag, value in found if tag == tags.SYMBOL), "")
    if not symbol:
        raise Malformed(Malformed.MISSING, tags.SYMBOL, "market data of which symbol?")
    entries = []
    for entry in _entries(found, tags.MD_ENTRY_TYPE):
        if entry[tags.MD_ENTRY_TYPE] in _KINDS:
            entries += _entry(entry, entry[tags.MD_ENTRY_TYPE])
    return cmd.UpdateBooks(venue, (cmd.BookUpdate(symbol, True, tuple(entries)),))


def _changes(venue: str, found: list[tuple[str, str]]) -> cmd.UpdateBooks:
    changes: dict[str, list[tuple[str, int, int]]] = {}
    symbol = ""
    for entry in _entries(found, tags.MD_UPDATE_ACTION):
        symbol = entry.get(tags.SYMBOL, symbol)
        if not symbol:
            raise Malformed(Malformed.CONDITIONALLY_MISSING, tags.SYMBOL, "a change of which symbol?")
        kind = entry.get(tags.MD_ENTRY_TYPE, "")
        if kind not in _KINDS:
            continue
        if entry[tags.MD_UPDATE_ACTION] == _DELETE:
            if kind != TRADE:
                changes.setdefault(symbol, []).append((kind, _price(entry), 0))
            continue
        changes.setdefault(symbol, []).extend(_entry(entry, kind))
    return cmd.UpdateBooks(
        venue, tuple(cmd.BookUpdate(symbol, False, tuple(entries)) for symbol, entries in changes.items())
    )


def _entries(found: list[tuple[str, str]], first: str) -> list[dict[str, str]]:
    """The entries of the repeating group: each begins with the field `first`."""
    entries: list[dict[str, str]] = []
    for tag, value in found:
        if tag == first:
            entries.append({})
        if entries:
            entries[-1].setdefault(tag, value)
    return entries


def _entry(entry: dict[str, str], kind: str) -> list[tuple[str, int, int]]:
    """A price without a quantity is good for a trade only: of a level it says nothing that can be had."""
    qty = _number(entry, tags.MD_ENTRY_SIZE) if entry.get(tags.MD_ENTRY_SIZE) else 0
    return [(kind, _price(entry), qty)] if qty > 0 or kind == TRADE else []


def _price(entry: dict[str, str]) -> int:
    if not entry.get(tags.MD_ENTRY_PX):
        raise Malformed(Malformed.CONDITIONALLY_MISSING, tags.MD_ENTRY_PX, "an entry without a price")
    px = _number(entry, tags.MD_ENTRY_PX)
    if px <= 0:
        raise Malformed(
            Malformed.BAD_VALUE, tags.MD_ENTRY_PX, f"tag {tags.MD_ENTRY_PX} must be greater than 0"
        )
    return px


def _number(entry: dict[str, str], tag: str) -> int:
    try:
        return parse_scaled(entry[tag])
    except ValueError as error:
        raise Malformed(Malformed.BAD_VALUE, tag, f"tag {tag}: {error}") from None
