"""Execution quality: what orders cost against the market they met. A fold of the journal, nothing stored.

Every order, and every part of one at a destination, is measured by what it executed against three prices:

- *arrival*: the middle of what its venue displayed when the order came, or else the reference price then;
- *VWAP*: the average price of all that venues said was traded from the order's arrival to its last fill;
- *last*: the last reference price at its last fill.

Slippage is in basis points of that price, positive where the order did worse: bought dearer, sold cheaper. A
price that nobody published gives no slippage, not zero. Sums are exact integers; only a ratio is rounded, at
the end, half up to a hundredth of a basis point.

A bust takes its execution out, a correction changes it, whatever day it is.
"""

from collections.abc import Iterable, Iterator
from statistics import median
from typing import Final

from msgspec import Struct, field

from oms.core import events as ev
from oms.core.types import Side, format_scaled

BY: Final = ("order", "destination", "venue", "strategy", "algorithm", "symbol", "account", "session_id")
"""What rows can be grouped by."""

_NONE: Final = "-"


class Part(Struct):
    """An order's part at one destination."""

    order_id: int
    route_id: int
    session_id: str
    account: str
    symbol: str
    side: str
    strategy: str
    destination: str
    venue: str
    algorithm: str
    order_qty: int
    at_ns: int
    arrival_px: int  # 0: nobody had published a price
    executions: dict[str, tuple[int, int]] = field(default_factory=dict)  # ExecID -> (quantity, price)
    first_fill_ns: int = 0
    last_fill_ns: int = 0
    last_px: int = 0
    traded_from: tuple[int, int] = (0, 0)  # (quantity, notional) that was traded before it came
    traded_to: tuple[int, int] = (0, 0)  # and up to its last fill

    @property
    def cum_qty(self) -> int:
        """What was executed and stands, in units of 1e-8."""
        return sum(qty for qty, _ in self.executions.values())

    @property
    def notional(self) -> int:
        """What that was worth, in units of 1e-16."""
        return sum(qty * px for qty, px in self.executions.values())


class Row(Struct):
    """One line of the table. Prices are averages; slippages in basis points, None where there is no price."""

    name: str
    orders: int
    parts: int
    order_qty: str
    cum_qty: str
    filled_percent: float
    arrival_bps: float | None
    vwap_bps: float | None
    last_bps: float | None
    first_fill_ms: float | None  # median
    last_fill_ms: float | None  # median


class Quality:
    """Feed it the journal's events in order; then look at `rows`."""

    def __init__(self) -> None:
        self.parts: dict[tuple[int, int], Part] = {}
        self._orders: dict[int, ev.OrderReceived] = {}
        self._strategies: dict[int, str] = {}
        self._arrival: dict[int, tuple[int, tuple[int, int]]] = {}  # order -> (price, traded before)
        self._reference: dict[str, int] = {}
        self._best: dict[tuple[str, str], dict[str, dict[int, int]]] = {}  # (symbol, venue) -> side -> levels
        self._traded: dict[str, tuple[int, int]] = {}

    def feed(self, event: ev.Event) -> None:
        """Take in the next event."""
        if isinstance(event, ev.ReferencePriceChanged):
            self._reference[event.symbol] = event.px
        elif isinstance(event, ev.BookChanged):
            self._displayed(event)
        elif isinstance(event, ev.SessionLoggedOut):
            self._best = {key: book for key, book in self._best.items() if key[1] != event.session_id}
        elif isinstance(event, ev.OrderReceived):
            self._orders[event.order_id] = event
            traded = self._traded.get(event.symbol, (0, 0))
            self._arrival[event.order_id] = (self._middle(event.symbol), traded)
        elif isinstance(event, ev.OrderPlanned):
            self._strategies[event.order_id] = event.to
        elif isinstance(event, ev.OrderRouted):
            self._routed(event)
        elif isinstance(event, ev.OrderFilled):
            self._filled(event)
        elif isinstance(event, ev.ExecutionBusted):
            self.parts[event.order_id, event.route_id].executions.pop(event.exec_ref_id, None)
        elif isinstance(event, ev.ExecutionCorrected):
            executions = self.parts[event.order_id, event.route_id].executions
            executions.pop(event.exec_ref_id, None)
            executions[event.exec_id] = (event.last_qty, event.last_px)

    def feed_all(self, events: Iterable[ev.Event]) -> "Quality":
        """Take in many."""
        for event in events:
            self.feed(event)
        return self

    # -- the market ------------------------------------------------------------------------------------------

    def _displayed(self, event: ev.BookChanged) -> None:
        book = self._best.setdefault((event.symbol, event.venue), {"0": {}, "1": {}})
        if event.full:
            book["0"].clear()
            book["1"].clear()
        for kind, px, qty in event.entries:
            if kind == "2":
                before = self._traded.get(event.symbol, (0, 0))
                self._traded[event.symbol] = (before[0] + qty, before[1] + qty * px)
            elif qty:
                book[kind][px] = qty
            else:
                book[kind].pop(px, None)

    def _middle(self, symbol: str) -> int:
        """Half way between the best bid and the best offer anywhere; else the reference price; else 0."""
        books = [book for (of, _), book in self._best.items() if of == symbol]
        bids = [px for book in books for px in book["0"]]
        offers = [px for book in books for px in book["1"]]
        if bids and offers:
            return (max(bids) + min(offers)) // 2
        return self._reference.get(symbol, 0)

    # -- orders ----------------------------------------------------------------------------------------------

    def _routed(self, event: ev.OrderRouted) -> None:
        order = self._orders[event.order_id]
        arrival_px, traded = self._arrival[event.order_id]
        terms = event.terms or order.terms
        self.parts[event.order_id, event.route_id] = Part(
            event.order_id,
            event.route_id,
            order.session_id,
            order.account,
            order.symbol,
            order.side,
            self._strategies.get(event.order_id, _NONE),
            event.destination or event.venue,
            event.venue,
            (terms.target_strategy if terms is not None else "") or _NONE,
            event.order_qty,
            order.at_ns,
            arrival_px,
            traded_from=traded,
        )

    def _filled(self, event: ev.OrderFilled) -> None:
        part = self.parts[event.order_id, event.route_id]
        part.executions[event.exec_id] = (event.last_qty, event.last_px)
        part.first_fill_ns = part.first_fill_ns or event.at_ns
        part.last_fill_ns = event.at_ns
        part.last_px = self._reference.get(part.symbol, 0)
        part.traded_to = self._traded.get(part.symbol, (0, 0))

    # -- the table -------------------------------------------------------------------------------------------

    def rows(self, by: str) -> list[Row]:
        """One row per order, destination, ...: see `BY`. Raises KeyError for anything else."""
        names = {"order": "order_id"}
        groups: dict[str, list[Part]] = {}
        for part in self.parts.values():
            groups.setdefault(str(getattr(part, names.get(by, by))), []).append(part)
        key = (lambda item: int(item[0])) if by == "order" else (lambda item: item[0])
        return [_row(name, parts) for name, parts in sorted(groups.items(), key=key)]

    def slippages(self, by: str) -> Iterator[tuple[str, list[float]]]:
        """(name, arrival slippage of every part that executed), for a plot."""
        groups: dict[str, list[float]] = {}
        for part in self.parts.values():
            bps = _slippage([part], [part.arrival_px])
            if bps is not None:
                groups.setdefault(str(getattr(part, by)), []).append(bps)
        yield from sorted(groups.items())


def _row(name: str, parts: list[Part]) -> Row:
    order_qty = sum(part.order_qty for part in parts)
    cum_qty = sum(part.cum_qty for part in parts)
    filled = [part for part in parts if part.executions]
    return Row(
        name,
        len({part.order_id for part in parts}),
        len(parts),
        format_scaled(order_qty),
        format_scaled(cum_qty),
        round(100 * cum_qty / order_qty, 1) if order_qty else 0.0,
        _slippage(filled, [part.arrival_px for part in filled]),
        _slippage(filled, [_vwap(part) for part in filled]),
        _slippage(filled, [part.last_px for part in filled]),
        _milliseconds([part.first_fill_ns - part.at_ns for part in filled]),
        _milliseconds([part.last_fill_ns - part.at_ns for part in filled]),
    )


def _vwap(part: Part) -> int:
    """Average price of what was traded while the part was worked; 0 if nothing was published."""
    qty = part.traded_to[0] - part.traded_from[0]
    notional = part.traded_to[1] - part.traded_from[1]
    return (2 * notional + qty) // (2 * qty) if qty > 0 else 0


def _slippage(parts: list[Part], prices: list[int]) -> float | None:
    """Basis points of the benchmark's worth that the executions cost more; of those with a benchmark."""
    cost = worth = 0
    for part, px in zip(parts, prices, strict=True):
        if px and part.executions:
            sign = 1 if part.side == Side.BUY else -1
            cost += sign * (part.notional - px * part.cum_qty)
            worth += px * part.cum_qty
    return round(cost * 1_000_000 / worth) / 100 if worth else None


def _milliseconds(times_ns: list[int]) -> float | None:
    return round(median(times_ns) / 1e6, 3) if times_ns else None


def draw(quality: Quality, by: str, path: str) -> None:
    """A picture: how arrival slippage is spread, a box per destination, strategy, ... Needs matplotlib."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    found = list(quality.slippages(by))
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.6 * max(len(found), 1)))
    axes.boxplot([values for _, values in found], orientation="horizontal", whis=(5, 95), showfliers=False)
    axes.set_yticks(range(1, len(found) + 1), [f"{name} ({len(values)})" for name, values in found])
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set_xlabel("slippage against arrival, basis points: right of 0 is worse")
    axes.set_title(f"Execution quality by {by}")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
