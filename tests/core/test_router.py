"""The compiled table against the table read rule by rule; and each condition by itself."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms.core import events as ev
from oms.core.router import DAY_S, NO_END, Router, joined
from oms.core.types import SCALE
from oms.sim.routes import Reader
from tests.core.desk import scaled
from tests.core.tables import (
    CLOCKS,
    INSTRUMENTS,
    LISTS,
    MONDAY_NS,
    VOLUMES,
    Order,
    facts,
    of_instrument,
    orders,
    router,
    tables,
)

HOUR_NS = 3_600_000_000_000


@settings(max_examples=120, deadline=None)
@given(tables(), st.lists(orders(), min_size=1, max_size=12))
def test_a_router_finds_what_a_reader_finds(table: ev.RoutingDefined, asked: list[Order]) -> None:
    compiled, reader = router(table), Reader(table)
    for order in asked:
        compiled.look_at(order["up"])
        expected = list(reader.matches(order))
        assert compiled.names(compiled.holding(facts(order))) == [rule.name for rule in expected]
        choice = compiled.choose(facts(order))
        if not expected:
            assert choice is None
            continue
        assert choice is not None
        assert (choice.rule, choice.to) == (expected[0].name, expected[0].to)


ORDER: Order = {
    **of_instrument(INSTRUMENTS[0]),
    "account": "ACC",
    "client": "ALPHA",
    "side": "1",
    "ord_type": "2",
    "time_in_force": "0",
    "urgency": "high",
    "market_state": "open",
    "order_qty": scaled("100"),
    "notional": scaled("100") * scaled("12.5"),
    "at_ns": MONDAY_NS + 12 * HOUR_NS + 5 * 10**9,
    "up": {"SIM"},
}
"""100 IBM at 12.5 on a Monday at noon: seven o'clock in New York."""


def table_of(*conditions: tuple[Any, ...]) -> ev.RoutingDefined:
    """A table of one rule."""
    words = tuple(c for c in conditions if isinstance(c[1], tuple))
    ranges = tuple(c for c in conditions if not isinstance(c[1], tuple))
    return ev.RoutingDefined(0, "", (ev.RoutingRule("r", "SIM", words, ranges),), LISTS, VOLUMES, CLOCKS)


def chosen(table: ev.RoutingDefined, **changes: object) -> str | None:
    """What is said of the order, so changed; None if the rule does not hold."""
    order = {**ORDER, **changes}
    compiled = router(table)
    compiled.look_at(order["up"])
    choice = compiled.choose(facts(order))
    return choice.facts if choice is not None else None


HOLDS = (
    # conditions                                                        what is said of the order
    ([],                                                               ""),
    ([("symbol", ("IBM",))],                                           "symbol=IBM"),
    ([("symbol", ("IBM", "VOD"))],                                     "symbol=IBM"),
    ([("list", ("large",))],                                           "list=large; symbol=IBM"),
    ([("list", ("large", "funds")), ("symbol", ("IBM",))],             "list=large|funds; symbol=IBM"),
    ([("market", ("XLON", "XNYS")), ("currency", ("USD",))],           "market=XNYS; currency=USD"),
    ([("asset_class", ("equity",))],                                   "asset_class=equity"),
    ([("account", ("ACC",)), ("client", ("ALPHA", "BRAVO"))],          "account=ACC; client=ALPHA"),
    ([("side", ("1",)), ("ord_type", ("2",)), ("time_in_force", ("0", "3"))],
                                                       "side=1; ord_type=2; time_in_force=0"),
    ([("urgency", ("high",)), ("market_state", ("open",))],            "urgency=high; market_state=open"),
    ([("up", ("SIM",)), ("down", ("LSE",))],                           "SIM=up; LSE=down"),
    ([("order_qty", scaled("100"), NO_END)],                           "order_qty=100"),
    ([("notional", scaled("1250"), scaled("1250.00000001"))],          "notional=1250 USD"),
    ([("adv_percent", scaled("10"), scaled("10.00000001"))],           "adv_percent=10"),
    ([("zone", ("UTC",)), ("time", 12 * 3600, 13 * 3600)],             "time=mon 12:00:05 UTC"),
    ([("zone", ("market",)), ("time", 7 * 3600, 8 * 3600)],            "time=mon 07:00:05 XNYS"),
    ([("zone", ("market",)), ("weekday", ("mon",))],                   "time=mon 07:00:05 XNYS"),
    ([("side", ("1",)), ("order_qty", 1, NO_END), ("notional", 1, NO_END)],
                                                       "side=1; order_qty=100; notional=1250 USD"),
)  # fmt: skip


@pytest.mark.parametrize(("conditions", "said"), HOLDS, ids=[said or "nothing" for _, said in HOLDS])
def test_a_rule_that_holds_says_what_it_looked_at(conditions: list[tuple[Any, ...]], said: str) -> None:
    assert chosen(table_of(*conditions)) == said


DOES_NOT = (
    # conditions                                    the order, but for
    ([("symbol", ("VOD",))],                       {}),
    ([("list", ("funds",))],                       {}),
    ([("list", ("large",)), ("symbol", ("SPY",))], of_instrument(INSTRUMENTS[1])),
    ([("asset_class", ("fund",))],                 {}),
    ([("asset_class", ("equity",))],               of_instrument(INSTRUMENTS[4])),
    ([("account", ("BLOCK",))],                    {}),
    ([("client", ("BRAVO",))],                     {}),
    ([("side", ("2",))],                           {}),
    ([("ord_type", ("1",))],                       {}),
    ([("time_in_force", ("3",))],                  {}),
    ([("urgency", ("low",))],                      {}),
    ([("urgency", ("low",))],                      {"urgency": ""}),
    ([("market_state", ("open",))],                {"market_state": ""}),
    ([("up", ("SIM", "LSE"))],                     {}),
    ([("down", ("SIM", "LSE"))],                   {}),
    ([("order_qty", 0, scaled("100"))],            {}),
    ([("order_qty", scaled("100") + 1, NO_END)],   {}),
    ([("notional", 0, scaled("1250"))],            {}),
    ([("notional", 0, NO_END)],                    {"notional": 0}),
    ([("adv_percent", scaled("10"), NO_END)],      {"order_qty": scaled("100") - 1}),
    ([("adv_percent", 0, NO_END)],                 of_instrument(INSTRUMENTS[1])),
    ([("zone", ("UTC",)), ("time", 0, 12 * 3600)], {}),
    ([("zone", ("market",)), ("time", 12 * 3600, 13 * 3600)], {}),
    ([("zone", ("UTC",)), ("weekday", ("tue", "sun"))],       {}),
    ([("zone", ("market",)), ("time", 0, DAY_S)],  of_instrument(INSTRUMENTS[4])),
)  # fmt: skip


@pytest.mark.parametrize(("conditions", "changes"), DOES_NOT)
def test_a_rule_of_which_one_condition_does_not_hold_does_not(
    conditions: list[tuple[Any, ...]], changes: dict[str, Any]
) -> None:
    assert chosen(table_of(*conditions), **changes) is None


def test_a_range_over_midnight_goes_on_in_the_next_day() -> None:
    table = table_of(("zone", ("UTC",)), ("time", 22 * 3600, DAY_S), ("time", 0, 2 * 3600))
    told = [chosen(table, at_ns=MONDAY_NS + hour * HOUR_NS) is not None for hour in (21, 22, 23, 24, 25, 26)]
    assert told == [False, True, True, True, True, False]


def test_local_time_follows_the_clock_when_it_is_moved() -> None:
    """The table has New York's put forward 50,000 seconds after that Monday's midnight."""
    table = table_of(("zone", ("market",)), ("time", 0, DAY_S))
    told = [chosen(table, at_ns=MONDAY_NS + second * 10**9) for second in (49_999, 50_000, 49_999)]
    assert told == ["time=mon 08:53:19 XNYS", "time=mon 09:53:20 XNYS", "time=mon 08:53:19 XNYS"]


def test_a_router_that_was_asked_about_one_time_answers_about_another() -> None:
    """It remembers until when what it found holds."""
    table = table_of(("zone", ("market",)), ("time", 9 * 3600, 17 * 3600), ("weekday", ("mon", "tue")))
    compiled, reader = router(table), Reader(table)
    for hour in (30, 3, 13, 14, 21, 22, 38, 45, 46, 62, 13, 0, 200):
        for item in INSTRUMENTS:
            order = {**ORDER, **of_instrument(item), "at_ns": MONDAY_NS + hour * HOUR_NS}
            assert bool(compiled.holding(facts(order))) == (reader.first_match(order) is not None)


def test_the_first_rule_that_holds_decides() -> None:
    rules = tuple(ev.RoutingRule(f"r{n}", "SIM", (), (("order_qty", n, NO_END),)) for n in (50, 30, 30, 10))
    compiled = Router(ev.RoutingDefined(0, "", rules), INSTRUMENTS)
    for qty, names in (
        (60, ["r50", "r30", "r30", "r10"]),
        (40, ["r30", "r30", "r10"]),
        (10, ["r10"]),
        (9, []),
    ):
        order = facts({**ORDER, "order_qty": qty})
        assert compiled.names(compiled.holding(order)) == names
        choice = compiled.choose(order)
        assert (choice.rule if choice is not None else "") == (names[0] if names else "")


def test_a_table_without_rules_holds_for_nothing() -> None:
    assert Router(ev.RoutingDefined(0, "", ()), INSTRUMENTS).choose(facts(ORDER)) is None


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)).map(lambda p: (p[0], p[0] + p[1]))))
def test_joined_ranges_hold_the_same_numbers_and_do_not_touch(pieces: list[tuple[int, int]]) -> None:
    found = joined(pieces)
    numbers = {n for low, high in pieces for n in range(low, high)}
    assert {n for low, high in found for n in range(low, high)} == numbers
    assert all(high < low for (_, high), (low, _) in pairwise(found))


def test_exactness_at_the_bounds_of_a_percentage() -> None:
    """33.33333333 percent of 333 is not a whole number of units: the bound is met from the next unit on."""
    table = table_of(("adv_percent", scaled("33.33333333"), NO_END))
    bound = scaled("33.33333333") * 333 * SCALE
    least = -(-bound // (100 * SCALE))
    vodafone = of_instrument(INSTRUMENTS[2])
    assert chosen(table, **vodafone, order_qty=least) is not None
    assert chosen(table, **vodafone, order_qty=least - 1) is None
