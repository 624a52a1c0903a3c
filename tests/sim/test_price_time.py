"""Price-time priority against a second implementation: a list of orders that is searched for every share.

Random days of two brokers on one exchange: limit and market orders, for the day, IOC and FOK, icebergs, orders
with a minimum quantity, stop orders, cancels and replaces. Both have to report the same, message by message.
"""

import random
from collections import deque
from dataclasses import dataclass, field

import pytest

from oms.core.types import SCALE, OrdType, Side, TimeInForce
from oms.fix.wire import fields
from oms.sim.broker import Broker
from oms.sim.exchange import Exchange
from oms.sim.profile import BrokerProfile
from tests.sim.broker_kit import NOW_NS, Fields, X, cancel, new, replace

BUY, SELL = Side.BUY, Side.SELL
PROFILE = BrokerProfile(
    ord_types=("1", "2", "3", "4"), terms=("max_floor", "min_qty"), prices=False, market_data=False
)
REFERENCE = 100


@dataclass
class Naive:
    """An order as the second implementation has it. Whole units."""

    name: str
    broker: int
    side: str
    limit: int | None
    open: int
    tif: str = TimeInForce.DAY
    floor: int = 0
    min_qty: int = 0
    stop: int = 0  # until it is reached
    came_as_stop: bool = False
    cum: int = 0
    shown: int = 0  # of what is open, while it rests; 0 while it does not
    time: int = 0


@dataclass
class Book:
    """The second implementation: no levels, no sorting, no ids; every question is a search through all."""

    orders: list[Naive] = field(default_factory=list)
    last: int = REFERENCE
    time: int = 0
    said: list[tuple[int, str]] = field(default_factory=list)

    def say(self, order: Naive, what: str) -> None:
        self.said.append((order.broker, f"{order.name} {what} {order.cum}+{order.open}"))

    def enter(self, order: Naive) -> None:
        self.say(order, "new")
        self.orders.append(order)
        self.time += 1
        if order.stop:
            order.time = self.time
            self.trigger()
        else:
            self.work(order, fresh=True)
            self.trigger()

    def trigger(self) -> None:
        going = deque(self.reached())
        while going:
            order = going.popleft()
            order.stop = 0
            self.say(order, "triggered")
            self.work(order, fresh=True)
            going += [o for o in self.reached() if o not in going]

    def reached(self) -> list[Naive]:
        found = [
            o
            for o in self.orders
            if o.stop and o.open and (self.last >= o.stop if o.side == BUY else self.last <= o.stop)
        ]
        return sorted(found, key=lambda o: o.time)

    def work(self, order: Naive, fresh: bool) -> None:
        needed = order.open if order.tif == TimeInForce.FOK else order.min_qty if fresh else 0
        if needed > sum(maker.open for maker in self.makers(order)):
            self.end(order)
            return
        while order.open and (makers := self.makers(order)):
            maker = makers[0]
            qty = min(order.open, maker.shown)
            self.last = maker.limit or 0
            for one in (maker, order):
                one.open -= qty
                one.cum += qty
                self.say(one, f"{qty}@{self.last}")
            maker.shown -= qty
            if maker.open and not maker.shown:
                self.show(maker)
        if order.open and (order.limit is None or order.tif in (TimeInForce.IOC, TimeInForce.FOK)):
            self.end(order)
        elif order.open:
            self.show(order)

    def makers(self, order: Naive) -> list[Naive]:
        """Whoever it may meet, the first first."""
        found = [
            o
            for o in self.orders
            if o.side != order.side
            and o.shown
            and o.limit is not None
            and (
                order.limit is None
                or (o.limit <= order.limit if order.side == BUY else o.limit >= order.limit)
            )
        ]
        return sorted(found, key=lambda o: ((o.limit or 0) * (1 if order.side == BUY else -1), o.time))

    def show(self, order: Naive) -> None:
        self.time += 1
        order.time = self.time
        order.shown = min(order.floor or order.open, order.open)

    def end(self, order: Naive) -> None:
        order.open = order.shown = 0
        self.say(order, "canceled")

    def replace(self, order: Naive, name: str, qty: int, limit: int) -> None:
        order.name = name
        left = max(qty - order.cum, 0)
        kept = bool(order.stop) or (limit == order.limit and left <= order.open)
        order.open, order.limit = left, limit
        order.floor = min(order.floor, max(qty, order.cum))
        self.say(order, "replaced")
        if order.stop:
            return
        if kept:
            order.shown = min(order.shown, left)
        else:
            order.shown = 0
            if left:
                self.work(order, fresh=False)
        self.trigger()


def brief(report: Fields) -> str:
    kind = {"0": "new", "4": "canceled", "5": "replaced", "D": "triggered"}.get(report["150"])
    what = kind or f"{report['32']}@{report['31']}"
    return f"{report['11']} {what} {report['14']}+{report['151']}"


class Day:
    """Both implementations, given the same."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.book = Book()
        self.exchange = Exchange([X], liquidity_levels=0)
        self.exchange.set_price("X", REFERENCE * SCALE, NOW_NS)
        self.brokers = [Broker(self.exchange, PROFILE, name=n, id_prefix=f"{n}-") for n in "AB"]
        self.count = 0

    def step(self) -> None:
        rng, working = self.rng, [o for o in self.book.orders if o.open]
        self.count += 1
        if working and rng.random() < 0.3:
            order = rng.choice(working)
            name, was = f"R{self.count}", order.name
            broker = self.brokers[order.broker]
            if rng.random() < 0.5:
                order.name = name
                self.book.end(order)
                self.check(broker.handle(cancel(name, was, order.side), NOW_NS), order.broker)
            elif order.limit is not None:
                qty = order.cum + rng.randint(1, 30)
                limit = rng.choice((order.limit, REFERENCE + rng.randint(-4, 4)))
                more = {"40": OrdType.STOP_LIMIT} if order.came_as_stop else {}
                self.book.replace(order, name, qty, limit)
                message = replace(name, was, qty, limit, order.side, **more)
                self.check(broker.handle(message, NOW_NS), order.broker)
        else:
            self.enter(f"O{self.count}")

    def enter(self, name: str) -> None:
        rng = self.rng
        n = rng.randrange(2)
        side, qty = rng.choice((BUY, SELL)), rng.randint(1, 30)
        limit = None if rng.random() < 0.15 else REFERENCE + rng.randint(-4, 4)
        order = Naive(name, n, side, limit, qty)
        more: dict[str, str] = {}
        kind = rng.random()
        if kind < 0.15:
            order.tif = TimeInForce.IOC
        elif kind < 0.25:
            order.tif = TimeInForce.FOK
        elif kind < 0.45 and limit is not None:
            order.floor = rng.randint(1, qty)
            more["111"] = str(order.floor)
        elif kind < 0.6:
            order.min_qty = rng.randint(1, qty)
            more["110"] = str(order.min_qty)
        elif kind < 0.75:
            order.stop = REFERENCE + rng.randint(-6, 6)
            more |= {"99": str(order.stop), "40": OrdType.STOP if limit is None else OrdType.STOP_LIMIT}
            order.came_as_stop = True
        self.book.enter(order)
        message = new(name, side, qty, limit, order.tif) | more
        self.check(self.brokers[n].handle(message, NOW_NS), n)

    def check(self, own: list[str], n: int) -> None:
        """What both brokers have said, each for itself, is what the second implementation has said."""
        for other, broker in enumerate(self.brokers):
            said = [brief(fields(text)) for text in (own if other == n else broker.take())]
            assert said == [what for who, what in self.book.said if who == other], self.book.said
        self.book.said.clear()


@pytest.mark.parametrize("seed", range(150))
def test_same_reports_as_the_second_implementation(seed: int) -> None:
    day = Day(seed)
    for _ in range(120):
        day.step()
    market = day.exchange.market("X")
    market.book.check()
    resting = {o.name: o for o in day.book.orders if o.shown}
    for side in (BUY, SELL):
        found = [(day.exchange.orders[str(r.id)], r) for r in market.book.orders(side)]
        sign = -1 if side == BUY else 1
        mine = sorted(
            (o for o in resting.values() if o.side == side), key=lambda o: (sign * (o.limit or 0), o.time)
        )
        assert [(o.cl_ord_id, r.qty) for o, r in found] == [(o.name, o.shown * SCALE) for o in mine]


def test_days_are_worth_looking_at() -> None:
    """That the generator reaches what it is for."""
    days = [Day(seed) for seed in range(20)]
    refilled = 0
    for day in days:
        for _ in range(120):
            before = {id(o): o.time for o in day.book.orders if o.floor and o.shown}
            day.step()
            refilled += sum(o.time > before.get(id(o), o.time) for o in day.book.orders)
    orders = [o for day in days for o in day.book.orders]
    assert refilled > 20
    assert sum(o.came_as_stop and not o.stop and o.cum > 0 for o in orders) > 20
    assert sum(o.min_qty > 0 and o.cum > 0 for o in orders) > 20
    assert {o.tif for o in orders if o.cum} == {TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK}
