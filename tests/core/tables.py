"""A small world to route in, random tables over it, and orders: for the tests of the routing table."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from oms.core import events as ev
from oms.core.router import DAY_S, MARKET, NO_END, UTC, WEEKDAYS, Facts, Router
from oms.core.types import SCALE, Qty
from oms.sim.routes import Reader
from tests.core.desk import account, instrument, scaled

Order = dict[str, Any]

INSTRUMENTS = tuple(
    msgspec.structs.replace(instrument(symbol, market, currency, lot), asset_class=asset_class)
    for symbol, market, currency, lot, asset_class in (
        ("IBM", "XNYS", "USD", "1", "equity"),
        ("SPY", "XNYS", "USD", "1", "fund"),
        ("VOD", "XLON", "GBP", "1", "equity"),
        ("TOY", "XTKS", "JPY", "100", "equity"),
        ("NES", "XSWX", "CHF", "1", ""),
    )
)
SPREADS = tuple(msgspec.structs.replace(item, symbol="", lot_size=Qty(SCALE)) for item in INSTRUMENTS)
"""What multileg orders are of: each is of its first leg's market, currency and asset class."""

ACCOUNTS = (
    account("ACC", ("ALPHA",), (), "0"),
    account("BLOCK", ("ALPHA", "BRAVO"), (), "0"),
    account("OWN", ("BRAVO",), (), "0"),
)
VENUES = ("SIM", "LSE")
LISTS = (("large", ("IBM", "TOY")), ("funds", ("SPY",)))
VOLUMES = (("IBM", Qty(1000 * SCALE)), ("TOY", Qty(50_000 * SCALE)), ("VOD", Qty(333 * SCALE)))
MONDAY_NS = 1_795_392_000_000_000_000
"""2026-11-23 00:00:00 UTC."""

# New York's clock is put forward in the middle of that Monday; Zurich's is not known.
CLOCKS = (
    ("XLON", ((0, 0),)),
    ("XNYS", ((0, -18_000), (MONDAY_NS // 10**9 + 50_000, -14_400))),
    ("XTKS", ((0, 32_400),)),
)

VALUES: dict[str, Sequence[str]] = {
    "symbol": [i.symbol for i in INSTRUMENTS],
    "list": [name for name, _ in LISTS],
    "asset_class": ["equity", "fund"],
    "market": ["XNYS", "XLON", "XTKS", "XSWX"],
    "currency": ["USD", "GBP", "JPY", "CHF"],
    "account": [a.account for a in ACCOUNTS],
    "client": ["ALPHA", "BRAVO"],
    "side": "12B",
    "ord_type": "123",
    "time_in_force": "013",
    "urgency": ["high", "low"],
    "market_state": ["open", "auction"],
    "up": VENUES,
    "down": VENUES,
    "weekday": WEEKDAYS,
    "zone": [MARKET, UTC],
}
BOUNDS: dict[str, Sequence[int]] = {
    "order_qty": [scaled(n) for n in ("1", "2", "100", "150", "333.5")],
    "notional": [scaled(n) for n in ("0.01", "100", "5000.5")],
    "adv_percent": [scaled(n) for n in ("0.2", "10", "33.33333333", "100")],
    "time": [8 * 3600, 9 * 3600 + 1800, 16 * 3600, 22 * 3600],
}
KINDS = (*VALUES, *BOUNDS)


def pieces(low: int, high: int, name: str) -> list[tuple[str, int, int]]:
    """A range; a time of day may go over midnight."""
    if low < high:
        return [(name, low, high)]
    return [(name, low, DAY_S), (name, 0, high)] if name == "time" else [(name, low, NO_END)]


@st.composite
def rules(draw: st.DrawFn, number: int, kinds: Sequence[str]) -> ev.RoutingRule:
    """A rule with some of the conditions; it may contradict itself."""
    chosen = draw(st.lists(st.sampled_from(kinds), max_size=4, unique=True))
    words: list[tuple[str, tuple[str, ...]]] = []
    ranges: list[tuple[str, int, int]] = []
    if {"time", "weekday"} & {*chosen}:
        words.append(("zone", (draw(st.sampled_from((MARKET, UTC))),)))
    for name in chosen:
        if name in BOUNDS:
            low, high = (draw(st.sampled_from(BOUNDS[name])) for _ in "ab")
            if low != high:
                ranges += pieces(low, high, name)
        elif name != "zone":
            most = 2 if name != "weekday" else 6
            values = draw(st.lists(st.sampled_from(VALUES[name]), min_size=1, max_size=most, unique=True))
            words.append((name, tuple(values)))
    to = draw(st.sampled_from(VENUES))
    return ev.RoutingRule(f"rule {number}", to, tuple(words), tuple(ranges))


@st.composite
def tables(draw: st.DrawFn, most: int = 8, kinds: Sequence[str] = KINDS) -> ev.RoutingDefined:
    """A table of some rules."""
    count = draw(st.integers(1, most))
    found = tuple(draw(rules(number, kinds)) for number in range(count))
    return ev.RoutingDefined(0, "", found, LISTS, VOLUMES, CLOCKS)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """What is known of an order; not all of it is what a rule may name."""
    item = draw(st.sampled_from((*INSTRUMENTS, SPREADS[0])))
    near = {name: [bound + off for bound in bounds for off in (-1, 0, 1)] for name, bounds in BOUNDS.items()}
    # The least quantities that are so many percent of a volume, and those just below.
    near["order_qty"] += [
        bound * volume // (100 * SCALE) + off
        for bound in BOUNDS["adv_percent"]
        for _, volume in VOLUMES
        for off in (0, 1)
    ]
    worth = [bound * SCALE + off for bound in BOUNDS["notional"] for off in (-1, 0, 1)]
    second = draw(st.integers(0, 13)) * DAY_S + draw(
        st.one_of(st.integers(0, DAY_S - 1), st.sampled_from([t % DAY_S for t in near["time"]]))
    )
    return {
        **of_instrument(item),
        "account": draw(st.sampled_from(("ACC", "BLOCK", "OTHER"))),
        "client": draw(st.sampled_from(("ALPHA", "BRAVO", "CHARLIE"))),
        "side": draw(st.sampled_from("12BC")),
        "ord_type": draw(st.sampled_from("1234JP")),
        "time_in_force": draw(st.sampled_from("01234567")),
        "urgency": draw(st.sampled_from(("", "high", "low", "other"))),
        "market_state": draw(st.sampled_from(("", "open", "auction", "closed"))),
        "order_qty": draw(st.one_of(st.integers(1, 10**14), st.sampled_from(near["order_qty"]))),
        "notional": draw(st.one_of(st.just(0), st.integers(1, 10**21), st.sampled_from(worth))),
        "at_ns": MONDAY_NS + second * 10**9 + draw(st.integers(0, 10**9 - 1)),
        "up": draw(st.sets(st.sampled_from(VENUES))),
    }


def of_instrument(item: ev.InstrumentDefined) -> Order:
    names = ("symbol", "market", "currency", "asset_class")
    return {"item": item, **{name: getattr(item, name) for name in names}}


def facts(order: Order) -> Facts:
    """The same for a router."""
    names = ("account", "client", "side", "ord_type", "time_in_force", "urgency", "market_state")
    numbers = ("order_qty", "notional", "at_ns")
    return Facts(order["item"], *(order[name] for name in names), *(order[name] for name in numbers))


def router(table: ev.RoutingDefined) -> Router:
    return Router(table, INSTRUMENTS)


def every_order(table: ev.RoutingDefined) -> Iterator[Order]:
    """One order at least of every class that the table can tell apart: by trying all that it names.

    For tables that ask for little: the product of all of it is what comes out.
    """
    reader = Reader(table)
    named = {name for rule in table.rules for name, _ in rule.words}
    ranged = {name for rule in table.rules for name, _, _ in rule.ranges}
    bounds = {
        name: {bound for rule in table.rules for of, *both in rule.ranges if of == name for bound in both}
        for name in BOUNDS
    }
    volumes = {volume for _, volume in VOLUMES} if "adv_percent" in ranged else set()
    quantities = bounds["order_qty"] | {
        -(-bound * volume // (100 * SCALE)) for bound in bounds["adv_percent"] for volume in volumes
    }
    seconds = [0]
    if "time" in ranged or "weekday" in named:
        seconds = list(range(0, 14 * DAY_S, 1800))
    axes: dict[str, list[Any]] = {
        "item": [*INSTRUMENTS, *SPREADS],
        "holder": [("ACC", "ALPHA")],
        "side": list("12BC") if "side" in named else ["1"],
        "ord_type": list("1234JP") if "ord_type" in named else ["1"],
        "time_in_force": list("01234567") if "time_in_force" in named else ["0"],
        "urgency": ["", "high", "low", "x"] if "urgency" in named else [""],
        "market_state": ["", "open", "auction"] if "market_state" in named else [""],
        "notional": [1, *(bound * SCALE for bound in bounds["notional"] - {NO_END})],
        "up": [set(), {"SIM"}, {"LSE"}, {"SIM", "LSE"}] if named & {"up", "down"} else [set()],
        "second": seconds,
    }
    if named & {"account", "client"}:
        axes["holder"] = [(a.account, session) for a in ACCOUNTS for session in a.sessions]
    assert reader.rules
    for values in itertools.product(*axes.values()):
        order = dict(zip(axes, values, strict=True))
        has_legs = not order["item"].symbol
        if (order["side"] in "BC" and not has_legs) or (order["ord_type"] not in "12" and has_legs):
            continue
        lot = order["item"].lot_size
        least = {-(-max(qty, 1) // lot) * lot for qty in {lot, *quantities} - {NO_END}}
        for qty in least:
            yield {
                **of_instrument(order["item"]),
                **order,
                "account": order["holder"][0],
                "client": order["holder"][1],
                "order_qty": qty,
                "at_ns": MONDAY_NS + order["second"] * 10**9,
            }
