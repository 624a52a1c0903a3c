"""What the post-trade tests share: a trading day written into a real journal, event by event.

`Day` plays the engine: it gives orders their ids and writes the events that the engine would. Quantities and
prices are texts or ints in whole units; the journal gets them scaled.
"""

import random
from pathlib import Path
from types import TracebackType

from oms.core import events as ev
from oms.core.types import SCALE, Px, Qty, Side, parse_scaled
from oms.journal.writer import JournalWriter

NOON_NS = 1_767_960_000_000_000_000
"""2026-01-09 12:00 UTC, a Friday."""

SEGMENT_BYTES = 1 << 20
VENUE = "SIM"

ISIN = {"IBM": "US4592001014", "VOD.L": "GB00BH4HKS39", "7203.T": "JP3633400001", "SAP.DE": "DE0007164600"}

FUNDS = (("FUND-A", 50 * SCALE), ("FUND-B", 30 * SCALE), ("FUND-C", 20 * SCALE))


def scaled(number: str | int) -> int:
    return parse_scaled(str(number))


class Day:
    """Writes a journal. Every method commits what it wrote, so that readers may have it."""

    def __init__(self, directory: Path, at_ns: int = NOON_NS) -> None:
        self.directory = directory
        self.writer = JournalWriter.open(directory, segment_bytes=SEGMENT_BYTES, durability="process")
        self.at_ns = at_ns
        self.orders = 0
        self.execs = 0
        self.symbol_of: dict[int, str] = {}

    def __enter__(self) -> "Day":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.writer.close()

    def append(self, event: ev.Event) -> int:
        seq = self.writer.append(ev.encode(event))
        self.writer.commit()
        return seq

    def define(self) -> None:
        """Four instruments, three accounts, one of them a block of three funds."""
        for symbol, market, currency, lot, unit, days in (
            ("IBM", "XNYS", "USD", 1, SCALE, 1),
            ("VOD.L", "XLON", "GBP", 1, SCALE // 100, 2),  # quoted in pence
            ("7203.T", "XTKS", "JPY", 100, SCALE, 2),
            ("SAP.DE", "XETR", "EUR", 1, SCALE, 2),
        ):
            self.instrument(symbol, market, currency, lot, unit, days)
        for account in ("ACC-ALPHA", "ACC-BETA", "BLOCK1"):
            self.append(ev.AccountDefined(self.at_ns, account, account, ("CLIENT1",), (), Qty(0)))
        self.group("BLOCK1", FUNDS)

    def instrument(
        self,
        symbol: str,
        market: str,
        currency: str,
        lot: int = 1,
        unit: int = SCALE,
        days: int = 1,
        isin: str = "",
    ) -> None:
        self.append(
            ev.InstrumentDefined(
                self.at_ns,
                symbol,
                market,
                currency,
                isin or ISIN.get(symbol, ""),
                symbol,
                Qty(lot * SCALE),
                ((Px(0), Px(1)),),
                Px(unit),
                days,
            )
        )

    def group(self, account: str, members: tuple[tuple[str, int], ...]) -> None:
        self.append(ev.AllocationGroupDefined(self.at_ns, account, members))

    def order(
        self,
        account: str = "ACC-ALPHA",
        symbol: str = "IBM",
        side: str = Side.BUY,
        qty: str | int = 100,
        venue: str = VENUE,
    ) -> int:
        """A new order, routed to one venue; its id."""
        self.orders += 1
        order_id = self.orders
        self.symbol_of[order_id] = symbol
        order_qty = Qty(scaled(qty))
        self.append(
            ev.OrderReceived(
                self.at_ns, order_id, "CLIENT1", f"C{order_id}", account, symbol, side, order_qty, "2",
                Px(scaled(100)), "0", Px(scaled(100)),
            )
        )  # fmt: skip
        self.route(order_id, 1, venue, qty)
        return order_id

    def venue_id(self, order_id: int, route_id: int = 1, n: int = 1) -> str:
        return f"{self.writer.epoch}-{order_id}-{route_id}-{n}"

    def route(self, order_id: int, route_id: int, venue: str, qty: str | int) -> None:
        self.append(
            ev.OrderRouted(
                self.at_ns,
                order_id,
                route_id,
                venue,
                self.venue_id(order_id, route_id),
                Qty(scaled(qty)),
                Px(0),
            )
        )

    def fill(
        self,
        order_id: int,
        qty: str | int,
        px: str | int,
        exec_id: str = "",
        route_id: int = 1,
        at_ns: int = 0,
    ) -> str:
        """An execution; its ExecID."""
        self.execs += 1
        exec_id = exec_id or f"X{self.execs}"
        self.append(
            ev.OrderFilled(
                self.at_ns, order_id, route_id, exec_id, Qty(scaled(qty)), Px(scaled(px)), at_ns or self.at_ns
            )
        )
        return exec_id

    def cancel(self, order_id: int) -> None:
        self.append(ev.OrderCanceled(self.at_ns, order_id, "", ""))

    def expire(self, order_id: int) -> None:
        self.append(ev.OrderExpired(self.at_ns, order_id, ""))

    def done_for_day(self, order_id: int) -> None:
        self.append(ev.OrderDoneForDay(self.at_ns, order_id, ""))

    def replace(self, order_id: int, qty: str | int, n: int = 2) -> None:
        """A replace, asked for and accepted. `n` numbers the order's requests."""
        request, order_qty = f"C{order_id}R{n}", Qty(scaled(qty))
        was, now = self.venue_id(order_id, 1, n - 1), self.venue_id(order_id, 1, n)
        at_ns = self.at_ns
        self.append(ev.ReplaceRequested(at_ns, order_id, "CLIENT1", request, "", order_qty, Px(0), Px(0)))
        self.append(ev.ReplaceRouted(at_ns, order_id, 1, now, was, request, order_qty, Px(0)))
        self.append(ev.RouteReplaced(at_ns, order_id, 1, now, ""))
        self.append(ev.OrderReplaced(at_ns, order_id, request))

    def message(self) -> None:
        """What most of a journal is."""
        self.append(ev.MessageIn(self.at_ns, "CLIENT1", 7, "8=FIX.4.4|35=D|..."))


def random_day(day: Day, seed: int, orders: int) -> None:
    """Orders of all kinds, their events mixed:

    fills, late ones too, replaces up and down, every sort of end.
    """
    rng = random.Random(seed)
    accounts = ["ACC-ALPHA", "ACC-BETA", "BLOCK1", "BLOCK1"]
    symbols = ["IBM", "VOD.L", "7203.T", "SAP.DE"]
    open_orders: list[int] = []
    ended: list[int] = []
    requests: dict[int, int] = {}
    made = 0
    while made < orders or open_orders:
        for _ in range(rng.randrange(4)):
            day.message()
        if made < orders and rng.random() < 0.4:
            symbol = rng.choice(symbols)
            side = rng.choice((Side.BUY, Side.SELL))
            qty = rng.randrange(1, 40) * 100
            open_orders.append(
                day.order(rng.choice(accounts), symbol, side, qty, rng.choice((VENUE, "OTHER")))
            )
            made += 1
        if open_orders:
            order_id = rng.choice(open_orders)
            what = rng.random()
            if what < 0.7:
                day.fill(
                    order_id, rng.randrange(1, 1500), f"{rng.randrange(1, 300)}.{rng.randrange(10_000):04d}"
                )
            elif what < 0.8:
                requests[order_id] = requests.get(order_id, 1) + 1
                day.replace(order_id, rng.randrange(1, 60) * 100, requests[order_id])
            else:
                rng.choice((day.cancel, day.expire, day.done_for_day))(order_id)
                open_orders.remove(order_id)
                ended.append(order_id)
        if ended and rng.random() < 0.1:
            day.fill(rng.choice(ended), rng.randrange(1, 50), rng.randrange(1, 300))
