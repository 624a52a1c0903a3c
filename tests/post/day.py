"""What the post-trade tests share: a trading day written into a real journal, event by event.

`Day` plays the engine: it gives orders their ids and writes the events that the engine would. Quantities and
prices are texts or ints in whole units; the journal gets them scaled.
"""

import random
from pathlib import Path
from types import TracebackType

from oms.core import events as ev
from oms.core.types import SCALE, Leg, Px, Qty, Side, Terms, TimeInForce, parse_scaled
from oms.journal.writer import JournalWriter

NOON_NS = 1_767_960_000_000_000_000
"""2026-01-09 12:00 UTC, a Friday."""

DAY_NS = 86_400 * 10**9

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
        self.executions: dict[tuple[int, str], tuple[int, int, int]] = {}
        """(order, ExecID) -> (route, quantity, price), scaled, of those that stand."""
        self.symbol_of: dict[int, str] = {}
        self.leg_executions: dict[tuple[int, int, str], tuple[int, int]] = {}
        """(order, leg, ExecID) -> (quantity, price), scaled, of those that stand."""
        self.legs_of: dict[int, tuple[Leg, ...]] = {}
        self.routes: dict[int, list[int]] = {}
        self.numbered: set[tuple[int, str]] = set()
        self.numbered_legs: set[tuple[int, int, str]] = set()

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
        time_in_force: str = TimeInForce.DAY,
        is_by_phone: bool = False,
        legs: tuple[Leg, ...] = (),
    ) -> int:
        """A new order, routed to one venue; its id."""
        self.orders += 1
        order_id = self.orders
        self.symbol_of[order_id] = symbol
        order_qty = Qty(scaled(qty))
        self.append(
            ev.OrderReceived(
                self.at_ns, order_id, "CLIENT1", "" if is_by_phone else f"C{order_id}", account, symbol, side,
                order_qty, "2", Px(scaled(100)), time_in_force, Px(scaled(100)), Terms(legs=legs) if legs else None,
            )
        )  # fmt: skip
        if legs:
            self.legs_of[order_id] = legs
        self.route(order_id, 1, venue, qty)
        return order_id

    def venue_id(self, order_id: int, route_id: int = 1, n: int = 1) -> str:
        return f"{self.writer.epoch}-{order_id}-{route_id}-{n}"

    def route(self, order_id: int, route_id: int, venue: str, qty: str | int) -> None:
        self.routes.setdefault(order_id, []).append(route_id)
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
        exec_id = exec_id or self._exec_id()
        last_qty, last_px = Qty(scaled(qty)), Px(scaled(px))
        self.append(
            ev.OrderFilled(self.at_ns, order_id, route_id, exec_id, last_qty, last_px, at_ns or self.at_ns)
        )
        self.executions.setdefault((order_id, exec_id), (route_id, last_qty, last_px))
        return exec_id

    def _exec_id(self) -> str:
        self.execs += 1
        return f"X{self.execs}"

    def bust(self, order_id: int, exec_ref_id: str, exec_id: str = "") -> str:
        """An execution is taken back; the ExecID of that."""
        route_id, qty, px = self.executions.pop((order_id, exec_ref_id))
        exec_id = exec_id or self._exec_id()
        self.append(
            ev.ExecutionBusted(
                self.at_ns, order_id, route_id, exec_id, exec_ref_id, Qty(qty), Px(px), self.at_ns, "error"
            )
        )
        return exec_id

    def correct(
        self, order_id: int, exec_ref_id: str, qty: str | int, px: str | int, exec_id: str = ""
    ) -> str:
        """An execution is corrected; the ExecID that stands for it from now on."""
        route_id, was_qty, was_px = self.executions.pop((order_id, exec_ref_id))
        exec_id = exec_id or self._exec_id()
        last_qty, last_px = Qty(scaled(qty)), Px(scaled(px))
        self.append(
            ev.ExecutionCorrected(
                self.at_ns, order_id, route_id, exec_id, exec_ref_id, last_qty, last_px, Qty(was_qty),
                Px(was_px), self.at_ns,
            )
        )  # fmt: skip
        self.executions[order_id, exec_id] = (route_id, last_qty, last_px)
        return exec_id

    def leg_fill(self, order_id: int, leg: int, qty: str | int, px: str | int, exec_id: str = "") -> str:
        """An execution of a leg, counted from 1, of an order that buys what its legs say; its ExecID."""
        exec_id = exec_id or self._exec_id()
        what, last_qty, last_px = self.legs_of[order_id][leg - 1], Qty(scaled(qty)), Px(scaled(px))
        self.append(
            ev.LegFilled(
                self.at_ns, order_id, 1, leg, what.symbol, what.side, exec_id, last_qty, last_px, self.at_ns
            )
        )
        self.leg_executions[order_id, leg, exec_id] = (last_qty, last_px)
        return exec_id

    def leg_bust(self, order_id: int, leg: int, exec_ref_id: str, exec_id: str = "") -> str:
        """An execution of a leg is taken back; the ExecID of that."""
        qty, px = self.leg_executions.pop((order_id, leg, exec_ref_id))
        exec_id = exec_id or self._exec_id()
        self.append(
            ev.LegBusted(self.at_ns, order_id, 1, leg, exec_id, exec_ref_id, Qty(qty), Px(px), self.at_ns)
        )
        return exec_id

    def leg_correct(
        self, order_id: int, leg: int, exec_ref_id: str, qty: str | int, px: str | int, exec_id: str = ""
    ) -> str:
        """An execution of a leg is corrected; the ExecID that stands for it from now on."""
        was_qty, was_px = self.leg_executions.pop((order_id, leg, exec_ref_id))
        exec_id = exec_id or self._exec_id()
        last_qty, last_px = Qty(scaled(qty)), Px(scaled(px))
        was = (Qty(was_qty), Px(was_px))
        self.append(
            ev.LegCorrected(
                self.at_ns, order_id, 1, leg, exec_id, exec_ref_id, last_qty, last_px, *was, self.at_ns
            )
        )
        self.leg_executions[order_id, leg, exec_id] = (last_qty, last_px)
        return exec_id

    def executed(self, order_id: int) -> int:
        """What stands of an order, in whole units, rounded up."""
        return -(-sum(qty for (o, _), (_, qty, _) in self.executions.items() if o == order_id) // SCALE)

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

    def restate(self, order_id: int, qty: str | int) -> None:
        """The venue gives the order another quantity, unasked."""
        order_qty = Qty(scaled(qty))
        self.append(ev.OrderRestated(self.at_ns, order_id, 1, "5", order_qty, Px(scaled(100)), order_qty))

    def split(self, order_id: int, qty: str | int, was: str | int, cum: str | int) -> None:
        """A corporate action: the order is of `qty` now, and what it has executed is `cum` and not `was`."""
        order_qty, cum_qty, was_qty = (Qty(scaled(n)) for n in (qty, cum, was))
        price = Px(scaled(50))
        self.append(
            ev.OrderRestated(
                self.at_ns, order_id, 1, "0", order_qty, price, order_qty, "", "", cum_qty, was_qty
            )
        )
        for (of, exec_id), (route_id, last_qty, px) in self.executions.items():
            if of == order_id:
                changed = (route_id, last_qty * cum_qty // was_qty, px * was_qty // cum_qty)
                self.executions[of, exec_id] = changed

    def calculate(self, order_id: int, for_day: bool = False) -> None:
        self.append(ev.OrderCalculated(self.at_ns, order_id, 1, for_day=for_day))

    def end_day(self) -> None:
        """The day is over; what follows is of the next."""
        self.append(ev.DayEnded(self.at_ns, "calendar"))
        self.at_ns += DAY_NS

    def message(self) -> None:
        """What most of a journal is."""
        self.append(ev.MessageIn(self.at_ns, "CLIENT1", 7, "8=FIX.4.4|35=D|..."))


def random_day(day: Day, seed: int, orders: int) -> None:
    """Orders of all kinds, their events mixed, over several days:

    fills, late ones too, busts and corrections of any execution there ever was, replaces and restatements up
    and down, every sort of end. In the end every order has ended.
    """
    rng = random.Random(seed)
    accounts = ["ACC-ALPHA", "ACC-BETA", "BLOCK1", "BLOCK1"]
    symbols = ["IBM", "VOD.L", "7203.T", "SAP.DE"]
    open_orders: list[int] = []
    ended: list[int] = []
    requests: dict[int, int] = {}
    good_till: set[int] = set()
    made = 0
    while made < orders or open_orders:
        for _ in range(rng.randrange(4)):
            day.message()
        if rng.random() < 0.2:
            _random_combination(day, rng)
        if made < orders and rng.random() < 0.4:
            symbol = rng.choice(symbols)
            side = rng.choice((Side.BUY, Side.SELL))
            qty = rng.randrange(1, 40) * 100
            venue = rng.choice((VENUE, "OTHER"))
            tif = rng.choice((TimeInForce.DAY, TimeInForce.DAY, TimeInForce.GTC, TimeInForce.GTD))
            is_by_phone = rng.random() < 0.1
            order_id = day.order(rng.choice(accounts), symbol, side, qty, venue, tif, is_by_phone)
            if rng.random() < 0.2:
                day.route(order_id, 2, rng.choice(("AAA", "ZZZ")), qty)
            if tif != TimeInForce.DAY:
                good_till.add(order_id)
            open_orders.append(order_id)
            made += 1
        if open_orders:
            order_id = rng.choice(open_orders)
            what = rng.random()
            if what < 0.65:
                _random_fill(day, rng, order_id, 1500)
            elif what < 0.75:
                requests[order_id] = requests.get(order_id, 1) + 1
                day.replace(order_id, rng.randrange(1, 60) * 100, requests[order_id])
            elif what < 0.8:
                day.restate(order_id, day.executed(order_id) + rng.choice((0, 100, 700)))
            elif what < 0.85 and order_id in good_till:
                day.done_for_day(order_id)
            else:
                ends = [day.cancel, day.expire, day.calculate]
                rng.choice(ends if order_id in good_till else [*ends, day.done_for_day])(order_id)
                open_orders.remove(order_id)
                ended.append(order_id)
        if ended and rng.random() < 0.1:
            _random_fill(day, rng, rng.choice(ended), 50)
        while day.executions and rng.random() < 0.2:
            order_id, exec_id = rng.choice(list(day.executions))
            _, last_qty, _ = day.executions[order_id, exec_id]
            number = str(rng.randrange(10, 10**6)) if rng.random() < 0.3 else ""
            if (order_id, number) in day.executions or rng.random() < 0.4:
                day.bust(order_id, exec_id)
            else:
                qty = rng.choice((last_qty // SCALE, rng.randrange(1, 1500)))
                day.correct(order_id, exec_id, qty, _random_px(rng), number)
        if rng.random() < 0.02:
            day.end_day()
    for order_id in day.legs_of:
        day.cancel(order_id)


def spread(ratio: int = 1) -> tuple[Leg, ...]:
    """So many times a hundred IBM bought, and half of that SAP sold."""
    legs = (("IBM", Side.BUY, 100 * ratio), ("SAP.DE", Side.SELL, 50 * ratio))
    return tuple(Leg(symbol, side, Qty(qty * SCALE), symbol) for symbol, side, qty in legs)


def _random_combination(day: Day, rng: random.Random) -> None:
    """A new multileg order, or something of one there is: its combination, or one of its legs."""
    known = list(day.legs_of)
    if not known or rng.random() < 0.3:
        day.order(
            rng.choice(("ACC-ALPHA", "BLOCK1")), "[N/A]", rng.choice((Side.BUY, Side.AS_DEFINED)), rng.randrange(1, 4),
            rng.choice((VENUE, "OTHER")), legs=spread(rng.randrange(1, 4)),
        )  # fmt: skip
        return
    order_id = rng.choice(known)
    whole = [exec_id for o, exec_id in day.executions if o == order_id]
    what = rng.random()
    if what < 0.2:
        day.fill(order_id, 1, rng.choice(("-3", "0", "12.5")))
    elif what < 0.25 and whole:
        day.bust(order_id, rng.choice(whole))
    elif what < 0.3 and whole:
        day.correct(order_id, rng.choice(whole), 2, "-4")
    elif what < 0.35:
        day.cancel(order_id)
    elif what < 0.8:
        # A report that executes two legs has one ExecID for both.
        exec_id = rng.choice(("", f"L{day.execs // 2}"))
        leg = rng.randrange(1, 3)
        if (order_id, leg, exec_id) not in day.numbered_legs:
            day.numbered_legs.add(
                (order_id, leg, day.leg_fill(order_id, leg, rng.randrange(1, 200), _random_px(rng), exec_id))
            )
    else:
        of_order = [(leg, exec_id) for o, leg, exec_id in day.leg_executions if o == order_id]
        if of_order and what < 0.9:
            day.leg_bust(order_id, *rng.choice(of_order))
        elif of_order:
            day.leg_correct(order_id, *rng.choice(of_order), rng.randrange(1, 300), _random_px(rng))


def _random_px(rng: random.Random) -> str:
    return f"{rng.randrange(1, 300)}.{rng.randrange(10_000):04d}"


def _random_fill(day: Day, rng: random.Random, order_id: int, most: int) -> None:
    """Of any of the order's routes; every third with an ExecID that other orders have too."""
    routes = day.routes[order_id]
    number = f"{sum(o == order_id for o, _ in day.executions) + 1}"
    exec_id = number if rng.random() < 0.3 and (order_id, number) not in day.numbered else ""
    day.numbered.add((order_id, number))
    day.fill(order_id, rng.randrange(1, most), _random_px(rng), exec_id, rng.choice(routes))
