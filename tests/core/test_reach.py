"""Rules that no order can come to: found by the search, and by trying an order of every class there is."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oms.core import events as ev
from oms.core.reach import Covered, find_unreachable
from oms.core.router import NO_END, Router
from oms.sim.routes import Reader
from tests.core.desk import scaled
from tests.core.tables import (
    ACCOUNTS,
    CLOCKS,
    INSTRUMENTS,
    KINDS,
    LISTS,
    VOLUMES,
    every_order,
    router,
    tables,
)

STATES = ("open", "auction")


@st.composite
def small_tables(draw: st.DrawFn) -> ev.RoutingDefined:
    """Many rules that ask for few things, so that they meet."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True))
    if "time" in kinds or "weekday" in kinds:
        kinds = kinds[:2]
    return draw(tables(8, kinds))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(small_tables())
def test_the_search_finds_what_trying_everything_finds(table: ev.RoutingDefined) -> None:
    found = find_unreachable(router(table), INSTRUMENTS, ACCOUNTS, STATES)
    assert found.undecided == []
    covered = {c.rule: set(c.by) for c in found.covered}
    reader = Reader(table)
    reached: set[int] = set()
    # Of each covered rule: the earlier ones that its orders go to; and those that alone take one of them.
    needed: dict[int, set[int]] = {n: set() for n in covered}
    seen: set[tuple[int, ...]] = set()
    places = {rule.name: n for n, rule in enumerate(table.rules)}
    for order in every_order(table):
        seen.add(tuple(places[rule.name] for rule in reader.matches(order)))
    for holding in seen:
        if holding:
            reached.add(holding[0])
        for n in covered.keys() & set(holding):
            before = covered[n] & {m for m in holding if m < n}
            assert before, f"an order of rule {n} is not taken by {covered[n]}"
            if len(before) == 1:
                needed[n] |= before
    assert covered.keys() == set(range(len(table.rules))) - reached
    assert needed == covered


def a_table(*rules: dict[str, object]) -> ev.RoutingDefined:
    """Rules from short words: {"side": "1 2", "order_qty": (low, high)}."""
    made = []
    for n, conditions in enumerate(rules):
        words = tuple((k, tuple(v.split())) for k, v in conditions.items() if isinstance(v, str))
        ranges = tuple((k, *v) for k, v in conditions.items() if isinstance(v, tuple))
        made.append(ev.RoutingRule(f"r{n}", "SIM", words, ranges))
    return ev.RoutingDefined(0, "", tuple(made), LISTS, VOLUMES, CLOCKS)


def covered(*rules: dict[str, object]) -> list[Covered]:
    return find_unreachable(router(a_table(*rules)), INSTRUMENTS, ACCOUNTS, STATES).covered


HOUR = 3600
SHARES_10, SHARES_50 = scaled("10"), scaled("50")

TABLES: tuple[tuple[str, Sequence[dict[str, object]], list[Covered]], ...] = (
    ("one before it takes all", [{}, {"side": "1"}], [Covered(1, (0,))]),
    ("the same again", [{"side": "1"}, {"side": "1"}, {}], [Covered(1, (0,))]),
    ("two between them", [{"side": "1"}, {"side": "2"}, {"symbol": "IBM"}], [Covered(2, (0, 1))]),
    ("a side that only orders with legs have", [{"side": "1"}, {"side": "2"}, {}, {"side": "B", "symbol": "IBM"}], [Covered(3, ())]),
    ("ranges that meet", [{"order_qty": (0, SHARES_10)}, {"order_qty": (SHARES_10, NO_END)}, {}], [Covered(2, (0, 1))]),
    ("ranges that leave a gap", [{"order_qty": (0, SHARES_10)}, {"order_qty": (SHARES_50, NO_END)}, {}], []),
    (
        "ranges with a gap that is no whole lot",
        [{"order_qty": (0, scaled("10"))}, {"order_qty": (scaled("10.5"), NO_END), "currency": "USD GBP CHF"}, {"market": "XLON"}],
        [],
    ),
    ("a gap between lots", [{"symbol": "TOY", "order_qty": (0, scaled("150"))}, {"symbol": "TOY", "order_qty": (scaled("160"), NO_END)}, {"symbol": "TOY"}], [Covered(2, (0, 1))]),
    ("no whole lot in it", [{"symbol": "TOY", "order_qty": (scaled("101"), scaled("200"))}, {}], [Covered(0, ())]),
    ("all markets, one by one", [{"market": "XNYS"}, {"market": "XLON XTKS"}, {"currency": "CHF"}, {}], [Covered(3, (0, 1, 2))]),
    ("lists and what is left", [{"list": "large funds"}, {"symbol": "IBM SPY"}], [Covered(1, (0,))]),
    ("lists do not cover what has no symbol", [{"list": "large funds"}, {"market": "XNYS"}], []),
    ("up or down", [{"up": "SIM"}, {"down": "SIM"}, {}], [Covered(2, (0, 1))]),
    ("both up, or one down", [{"up": "SIM LSE"}, {"down": "SIM"}, {"down": "LSE"}, {}], [Covered(3, (0, 1, 2))]),
    ("a venue may be up while another is down", [{"up": "SIM LSE"}, {"down": "SIM LSE"}, {}], []),
    ("who may trade it", [{"account": "ACC"}, {"client": "BRAVO"}, {"account": "BLOCK OWN"}], []),
    ("nobody else may trade it", [{"client": "ALPHA"}, {"account": "ACC"}, {}], [Covered(1, (0,))]),
    ("two that may not meet", [{"account": "OWN", "client": "ALPHA"}, {}], [Covered(0, ())]),
    ("an hour in two halves", [{"zone": "UTC", "time": (8 * HOUR, 9 * HOUR)}, {"zone": "UTC", "time": (9 * HOUR, 10 * HOUR)}, {"zone": "UTC", "time": (8 * HOUR, 10 * HOUR)}], [Covered(2, (0, 1))]),
    ("days of the week", [{"zone": "UTC", "weekday": "mon tue wed thu fri"}, {"zone": "UTC", "weekday": "sat sun"}, {}], [Covered(2, (0, 1))]),
    ("London keeps UTC", [{"zone": "UTC", "time": (8 * HOUR, 10 * HOUR)}, {"market": "XLON", "zone": "market", "time": (8 * HOUR, 9 * HOUR)}], [Covered(1, (0,))]),
    ("Tokyo is nine hours ahead", [{"zone": "UTC", "weekday": "mon", "time": (0, 2 * HOUR)}, {"market": "XTKS", "zone": "market", "weekday": "mon", "time": (9 * HOUR, 11 * HOUR)}], [Covered(1, (0,))]),
    ("New York may be four or five hours behind", [{"zone": "UTC", "time": (14 * HOUR, 15 * HOUR)}, {"market": "XNYS", "zone": "market", "time": (9 * HOUR, 10 * HOUR)}], []),
    ("a market whose clock is not known", [{"zone": "market", "market": "XSWX", "time": (0, HOUR)}, {}], [Covered(0, ())]),
    ("a part of the volume", [{"symbol": "IBM", "adv_percent": (scaled("1"), NO_END)}, {"symbol": "IBM", "order_qty": (SHARES_10, NO_END)}], [Covered(1, (0,))]),
    ("a part of the volume that is more", [{"symbol": "IBM", "adv_percent": (scaled("1.1"), NO_END)}, {"symbol": "IBM", "order_qty": (SHARES_10, NO_END)}], []),
    ("a volume that is not known", [{"symbol": "SPY NES", "adv_percent": (0, NO_END)}, {}], [Covered(0, ())]),
    ("words that nobody names may be said", [{"urgency": "high"}, {"urgency": "low"}, {}], []),
    ("the state of a market may be unknown", [{"market_state": "open auction"}, {}], []),
    ("every value", [{"notional": (0, SHARES_10)}, {"notional": (SHARES_10, NO_END)}, {}], [Covered(2, (0, 1))]),
    ("three attributes at once", [{"side": "1", "up": "SIM"}, {"side": "2", "order_qty": (0, SHARES_10)}, {"up": "SIM", "order_qty": (SHARES_10, NO_END)}, {"up": "SIM", "symbol": "IBM"}], [Covered(3, (0, 1, 2))]),
)  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "expected"), [case[1:] for case in TABLES], ids=[case[0] for case in TABLES]
)
def test_what_is_covered_and_by_which(rules: Sequence[dict[str, object]], expected: list[Covered]) -> None:
    assert covered(*rules) == expected


def puzzle(places: int) -> ev.RoutingDefined:
    """One pigeon more than there are holes: rules that leave no way to seat them, hard to see one by one.

    A venue stands for "this pigeon sits in this hole".
    """
    rules = []
    for pigeon in range(places + 1):
        rules.append({"down": " ".join(f"p{pigeon}.{hole}" for hole in range(places))})
    for hole in range(places):
        for one in range(places + 1):
            rules += [{"up": f"p{one}.{hole} p{two}.{hole}"} for two in range(one)]
    return a_table(*rules, {})


def test_a_search_that_is_given_up_is_said() -> None:
    table = puzzle(5)
    found = find_unreachable(Router(table, INSTRUMENTS), INSTRUMENTS, ACCOUNTS, STATES, most_steps=50)
    assert found.undecided == [len(table.rules) - 1]
    assert found.covered == []


def test_a_search_that_is_not_given_up_solves_the_puzzle() -> None:
    table = puzzle(4)
    found = find_unreachable(Router(table, INSTRUMENTS), INSTRUMENTS, ACCOUNTS, STATES)
    assert found.undecided == []
    last = len(table.rules) - 1
    assert [c.rule for c in found.covered] == [last]
    assert set(found.covered[0].by) == set(range(last))


def test_a_table_of_a_thousand_rules_is_searched_through() -> None:
    """Every pair of 25 lists of symbols and 40 ranges of quantities, and what is left."""
    rules = [
        {
            "symbol": INSTRUMENTS[n % 5].symbol,
            "side": "12"[n % 2],
            "order_qty": (m * SHARES_10, (m + 1) * SHARES_10),
        }
        for n in range(10)
        for m in range(0, 200, 2)
    ]
    assert [c for c in covered(*rules, {}) if c.rule == len(rules)] == []
