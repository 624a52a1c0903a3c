"""The routing table: a choice among many rules, compiled and rule by rule, and what compiling costs.

A choice includes gathering what the rules look at, and saying what the chosen one looked at. The table asks
for every attribute that there is; its first match lies anywhere in it.
"""

import random
from functools import cache

from bench import cases
from bench.conftest import Measure, Scaled
from bench.figures import Counted
from oms.core import events as ev
from oms.core.controls import Ask
from oms.core.reach import find_unreachable
from oms.core.router import MARKET, NO_END, UTC, WEEKDAYS, Router
from oms.core.rules import choose, router_of
from oms.core.state import State
from oms.core.types import SCALE, Px, Qty, Terms
from oms.sim.routes import Reader, urgency

RULES, DESTINATIONS = 1_000, 64
CLIENTS = tuple(f"CLIENT{n}" for n in range(20))
ACCOUNTS = tuple(f"ACCOUNT{n}" for n in range(200))
STEP_NS = 250_000


def test_choose(measure: Measure, scaled: Scaled) -> None:
    """A destination for each order, from the state and the order to the words in the journal."""
    state, asks = _state(scaled(50, RULES)), _asks(scaled(50, 5_000))

    def run() -> list[str]:
        found = []
        for n, ask in enumerate(asks):
            choice = choose(state, ask, cases.START_NS + n * STEP_NS)
            found.append(choice.rule if choice is not None else "")
        return found

    count = Counted("routing: 1,000 rules", "choices/s", len(asks), baseline="routing: rule by rule")
    assert measure(run, count) == _expected(state, asks)


def test_choose_rule_by_rule(measure: Measure, scaled: Scaled) -> None:
    """The same by a scan of the table, the order's facts at hand."""
    state, asks = _state(scaled(50, RULES)), _asks(scaled(50, 200))
    assert measure(lambda: _expected(state, asks), Counted("routing: rule by rule", "choices/s", len(asks)))


def test_choose_of_few(measure: Measure, scaled: Scaled) -> None:
    """What a choice costs does not depend on how many rules there are: a hundredth of them."""
    state, asks = _state(10), _asks(scaled(50, 5_000))

    def run() -> int:
        return sum(choose(state, ask, cases.START_NS) is not None for ask in asks)

    assert measure(run, Counted("routing: 10 rules", "choices/s", len(asks))) == len(asks)


def test_compile(measure: Measure, scaled: Scaled) -> None:
    """The table made ready for choices: at the start, and when it is read again."""
    state = _state(scaled(50, RULES))
    table, instruments = state.routing, list(state.instruments.values())
    assert table is not None
    made = measure(lambda: Router(table, instruments), Counted("routing: compile 1,000 rules", "ms"))
    assert len(made.rules) == len(table.rules)


def test_find_idle_rules(measure: Measure, scaled: Scaled) -> None:
    """The search for rules that no order can come to: when a table is read."""
    state = _state(scaled(50, RULES))
    instruments, accounts = list(state.instruments.values()), _accounts()
    router = router_of(state)
    found = measure(
        lambda: find_unreachable(router, instruments, accounts, ()),
        Counted("routing: search 1,000 rules for idle ones", "ms"),
        rounds=3,
    )
    assert found.covered == []
    assert found.undecided == []


def _expected(state: State, asks: list[Ask]) -> list[str]:
    assert state.routing is not None
    reader = Reader(state.routing)
    found = []
    for n, ask in enumerate(asks):
        instrument = ask.instrument
        rule = reader.first_match(
            {
                "symbol": ask.symbol,
                "market": instrument.market,
                "currency": instrument.currency,
                "asset_class": instrument.asset_class,
                "account": ask.account,
                "client": ask.session_id,
                "side": ask.side,
                "ord_type": ask.ord_type,
                "time_in_force": ask.time_in_force,
                "urgency": urgency(ask.terms),
                "market_state": "",
                "order_qty": ask.order_qty,
                "notional": ask.hold_px * ask.order_qty,
                "at_ns": cases.START_NS + n * STEP_NS,
                "up": state.sessions_up,
            }
        )
        found.append(rule.name if rule is not None else "")
    return found


def _accounts() -> list[ev.AccountDefined]:
    return [ev.AccountDefined(0, name, "", CLIENTS, (), Qty(0)) for name in ACCOUNTS]


@cache
def _state(rules: int) -> State:
    state = cases.opened()
    for account in _accounts():
        state.apply(account)
    for n in range(0, DESTINATIONS, 3):
        state.apply(ev.SessionLoggedOn(cases.START_NS, f"D{n}"))
    state.apply(_table(rules, list(state.instruments.values())))
    router_of(state)
    return state


def _table(rules: int, instruments: list[ev.InstrumentDefined]) -> ev.RoutingDefined:
    """Rules that are for few accounts each, and under many more conditions; at the end, one without any."""
    rng = random.Random(1)
    symbols = [instrument.symbol for instrument in instruments]
    markets = sorted({instrument.market for instrument in instruments})
    lists = tuple((f"list {n}", tuple(rng.sample(symbols, 60))) for n in range(20))
    made = [_rule(rng, n, symbols, markets) for n in range(rules - 1)]
    made.append(ev.RoutingRule("rest", "D0", (), ()))
    volumes = tuple((symbol, Qty(rng.randrange(10**5, 10**7) * SCALE)) for symbol in symbols)
    clocks = tuple((market, ((0, 3600), (1_790_000_000, 7200), (1_793_000_000, 3600))) for market in markets)
    return ev.RoutingDefined(0, "", tuple(made), lists, volumes, clocks)


def _rule(rng: random.Random, n: int, symbols: list[str], markets: list[str]) -> ev.RoutingRule:
    words: list[tuple[str, tuple[str, ...]]] = [
        ("account", tuple(rng.sample(ACCOUNTS, 4))),
        (
            ("market", tuple(rng.sample(markets, 5))),
            ("list", (f"list {rng.randrange(20)}",)),
            ("symbol", tuple(rng.sample(symbols, 20))),
            ("currency", ("EUR", "USD")),
        )[n % 4],
    ]
    ranges: list[tuple[str, int, int]] = []
    if rng.random() < 0.3:
        words.append(("client", tuple(rng.sample(CLIENTS, 8))))
    if rng.random() < 0.3:
        words.append(("side", (rng.choice("12"),)))
    if rng.random() < 0.3:
        words.append(("ord_type", (rng.choice("12"),)))
    if rng.random() < 0.2:
        words.append(("time_in_force", ("0", "1")))
    if rng.random() < 0.1:
        words.append(("urgency", (rng.choice(("high", "low")),)))
    if rng.random() < 0.3:
        words.append((rng.choice(("up", "down")), (f"D{rng.randrange(DESTINATIONS)}",)))
    if rng.random() < 0.3:
        low = rng.randrange(1, 5_000)
        ranges.append(("order_qty", low * SCALE, (low + rng.randrange(1_000, 5_000)) * SCALE))
    if rng.random() < 0.3:
        ranges.append(("notional", rng.randrange(1, 200_000) * SCALE, NO_END))
    if rng.random() < 0.2:
        ranges.append(("adv_percent", 0, rng.randrange(1, 400) * SCALE // 100))
    if rng.random() < 0.3:
        words.append(("zone", (rng.choice((MARKET, UTC)),)))
        low = rng.randrange(0, 60_000)
        ranges.append(("time", low, low + 7_200))
        words.append(("weekday", WEEKDAYS[:5]))
    return ev.RoutingRule(f"rule {n}", f"D{n % DESTINATIONS}", tuple(words), tuple(ranges))


@cache
def _asks(number: int) -> list[Ask]:
    rng = random.Random(2)
    instruments = [d for d in cases.definitions() if isinstance(d, ev.InstrumentDefined)]
    terms = Terms(strategy_parameters="high")
    asks = []
    for n in range(number):
        instrument = rng.choice(instruments)
        ask = Ask(
            rng.choice(CLIENTS),
            f"C{n}",
            rng.choice(ACCOUNTS),
            instrument.symbol,
            rng.choice("12"),
            Qty(rng.randrange(1, 8_000) * SCALE),
            rng.choice("12"),
            Px(0),
            rng.choice("013"),
            None,
            terms if rng.random() < 0.1 else None,
        )
        # As the controls leave it.
        ask.instrument = instrument
        ask.hold_px = Px(rng.randrange(1, 200) * SCALE)
        asks.append(ask)
    return asks
