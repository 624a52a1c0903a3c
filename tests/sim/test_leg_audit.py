"""The auditor notices what is wrong about legs: each rule broken once, and nothing said about a sound journal.

The last test is the other way round: many random lives with multileg orders, in which nothing is wrong.
"""

import json
from typing import Any

import msgspec
import pytest

from oms.core import events as ev
from oms.core.types import Px, Qty, Side, Terms
from oms.sim.auditor import Auditor
from tests.core import combinations
from tests.core.combinations import SPREAD, combination_desk, leg
from tests.core.desk import ALPHA, REFERENCE_DATA, SESSIONS_UP, SIM, START_NS, Desk, scaled
from tests.core.life import Life

T = START_NS


def q(number: str | int) -> Any:
    return Qty(scaled(number))


def held(ibm: str = "99", ge: str = "55", *more: Any) -> Terms:
    """The terms of a spread, its legs held at the collar's far end: 90 and 50, and 10 percent."""
    prices = (ibm, ge)
    legs = [msgspec.structs.replace(x, hold_px=q(px)) for x, px in zip(SPREAD, prices, strict=True)]
    return Terms(legs=(*legs, *more))


def received(**change: Any) -> ev.OrderReceived:
    said = {
        "session_id": ALPHA, "cl_ord_id": "A", "account": "HUGE", "symbol": combinations.NAME, "side": Side.BUY,
        "order_qty": q(5), "ord_type": "2", "price": q(-100), "time_in_force": "0", "hold_px": Px(0), "terms": held(),
    }  # fmt: skip
    return ev.OrderReceived(T, 1, **(said | change))


def filled(
    number: int = 1, qty: str = "10", exec_id: str = "l1", symbol: str = "", side: str = ""
) -> ev.LegFilled:
    of = ("IBM", Side.BUY) if number == 1 else ("GE", Side.SELL)
    return ev.LegFilled(T, 1, 1, number, symbol or of[0], side or of[1], exec_id, q(qty), q(90), T)


def busted(ref: str = "l1", qty: str = "10", exec_id: str = "b1") -> ev.LegBusted:
    return ev.LegBusted(T, 1, 1, 1, exec_id, ref, q(qty), q(90), T)


def corrected(ref: str = "l1", was: str = "10") -> ev.LegCorrected:
    return ev.LegCorrected(T, 1, 1, 1, "c1", ref, q(5), q(91), q(was), q(90), T)


ROUTED = ev.OrderRouted(T, 1, 1, SIM, "V1", q(5), q(-100))
REPLACE = ev.ReplaceRequested(T, 1, ALPHA, "B", "A", q(6), q(-90), Px(0), held())
OVERFILL = ev.ReportQuestioned(T, 1, SIM, "overfill", "x", "")


def audit(*events: ev.Event) -> Auditor:
    auditor = Auditor()
    auditor.feed_all((*REFERENCE_DATA, *SESSIONS_UP, combinations.GE, combinations.GE_PRICE, *events))
    return auditor


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([received(terms=held("98"))], "IBM is held at 9800000000"),
        ([received(terms=held("99", "54"))], "GE is held at 5400000000"),
        ([received(terms=Terms(legs=held().legs[:1]))], "has legs ['IBM']"),
        ([received(terms=held("99", "55", leg("IBM")))], "has legs ['IBM', 'GE', 'IBM']"),
        ([received(terms=held("99", "55", leg("XXX")))], "a leg of an unknown symbol"),
        ([received(terms=held("99", "55", leg("VOD")))], "not of one currency"),
        ([received(account="NOBODY")], "of an unknown account"),
        ([received(session_id="BRAVO")], "BRAVO may not trade HUGE"),
        ([received(order_qty=q("0.5"))], "not a positive whole number"),
        (
            [received(terms=Terms(legs=(held().legs[0], leg("GE", Side.SELL, "1"))))],
            "not a positive number of lots",
        ),
        ([received(price=q("-99.995"))], "no prices of its legs make a net price of -9999500000"),
        ([received(order_qty=q(600))], "are more than the firm allows in one order"),
        ([received(order_qty=q(240))], "its legs are worth more than the firm allows"),
        ([received(order_qty=q(200), account="BLOCK", side=Side.SELL)], "takes BLOCK to"),
        ([ev.TradingHalted(T, "symbol", "GE", "ops", ""), received()], "halted by ('symbol', 'GE')"),
        ([received(), ROUTED, filled(3)], "has no leg 3"),
        ([received(), ROUTED, filled(2, symbol="IBM")], "leg 2 is IBM, side 2"),
        ([received(), ROUTED, filled(1, side=Side.SELL)], "leg 1 is IBM, side 2"),
        ([received(side=Side.OPPOSITE), ROUTED, filled(1)], "leg 1 is IBM, side 1"),
        ([received(), ROUTED, filled(1, "0")], "without quantity, price or id"),
        ([received(), ROUTED, filled(), filled()], "execution l1 of leg 1 is booked twice"),
        ([received(), ROUTED, filled(1, "51"), ev.OrderAccepted(T, 1)], "exceed 5000000000, nobody asks why"),
        ([received(), ROUTED, busted()], "b1 is about l1, no execution of its leg that stands"),
        ([received(), ROUTED, filled(), busted(qty="9")], "says l1 was another execution"),
        ([received(), ROUTED, filled(), busted(), busted(exec_id="b2")], "b2 is about l1, no execution"),
        ([received(), ROUTED, filled(), corrected(was="9")], "says l1 was another execution"),
        ([received(), filled()], "has no route 1"),
        (
            [received(), ROUTED, msgspec.structs.replace(REPLACE, terms=Terms(legs=held().legs[::-1]))],
            "a replace changes its legs to ['GE', 'IBM']",
        ),
    ],
)
def test_notices(events: list[ev.Event], expected: str) -> None:
    assert any(expected in violation for violation in audit(*events).violations), audit(*events).violations


@pytest.mark.parametrize(
    "events",
    [
        [received(), ROUTED, filled(), filled(2, "20"), busted(), filled(1, "10", "l9")],
        [received(), ROUTED, filled(), corrected(), filled(1, "45", "l9")],
        [received(), ROUTED, filled(1, "51"), OVERFILL],
        [received(), ROUTED, REPLACE, filled(1, "60")],
        [received(side=Side.OPPOSITE), ROUTED, filled(1, side=Side.SELL)],
    ],
)
def test_says_nothing_about_a_sound_journal(events: list[ev.Event]) -> None:
    assert audit(*events).violations == []


def changed(state: dict[str, Any], *path: Any) -> bytes:
    """A dump of a state with one number off by one."""
    at = state
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] += 1
    return json.dumps(state).encode()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("orders", 0, "legs", 0, "cum_qty"), "order 1 leg 1"),
        (("orders", 0, "legs", 1, "held_qty"), "order 1 leg 2"),
        (("orders", 0, "legs", 0, "executions", "l1", 1), "order 1 leg 1 executions"),
        (("risk", "BLOCK", "position", "GE"), "BLOCK position"),
        (("risk", "BLOCK", "open_buy", "IBM"), "BLOCK open_buy"),
        (("risk", "BLOCK", "held", "USD"), "BLOCK held"),
        (("risk", "BLOCK", "spent", "USD"), "BLOCK spent"),
    ],
)
def test_a_state_that_differs_is_noticed(path: tuple[Any, ...], expected: str) -> None:
    desk = combination_desk()
    combinations.new(desk)
    combinations.leg_fill(desk, "A", "IBM", "l1", "20", "89")
    combinations.leg_fill(desk, "A", "GE", "l2", "20", "50")
    auditor = Auditor()
    auditor.feed_all(desk.events)
    assert auditor.compare(desk.state.dump()) == []
    found = auditor.compare(changed(json.loads(desk.state.dump()), *path))
    assert any(line.startswith(expected) for line in found), found


def test_a_combination_that_is_not_what_its_legs_make_up_is_noticed() -> None:
    desk = combination_desk("legs")
    combinations.new(desk)
    combinations.leg_fill(desk, "A", "IBM", "l1", "20", "89")
    combinations.leg_fill(desk, "A", "GE", "l2", "40", "50")
    for left_out, expected in ((ev.OrderFilled, "of its legs"), (None, "")):
        auditor = Auditor()
        auditor.feed_all(event for event in desk.events if left_out is None or type(event) is not left_out)
        found = auditor.compare(desk.state.dump())
        assert any(expected in line for line in found) if expected else found == []


def test_the_legs_are_what_a_venue_s_trade_file_has() -> None:
    desk = combination_desk()
    combinations.new(desk)
    combinations.leg_fill(desk, "A", "IBM", "l1", "20", "89")
    combinations.fill(desk, "A", "s1", "2")
    auditor = Auditor()
    auditor.feed_all(desk.events)
    row = {
        "exec_id": "l1",
        "cl_ord_id": "e-1-1-1",
        "symbol": "IBM",
        "side": "1",
        "last_qty": "20",
        "last_px": "89",
    }
    assert auditor.compare_trades([row], SIM) == []
    assert auditor.compare_trades([], SIM) == ["l1 is in the journal but not in the trade file"]


@pytest.mark.parametrize("seed", range(40))
def test_a_random_life_with_legs_is_what_the_auditor_finds(seed: int) -> None:
    """Combinations and legs filled, busted and corrected in any order and by every kind of venue, replaced,
    canceled, ended by the day, sensibly or not.
    """
    desk = Desk()
    life = Life(desk, seed)
    auditor, told = Auditor(), 0
    try:
        for n in range(160):
            (life.new_combination if n % 8 == 0 else life.combination_report if n % 2 else life.step)()
            auditor.feed_all(desk.events[told:])
            told = len(desk.events)
            assert auditor.violations == []
            if n % 40 == 39:
                assert auditor.compare(desk.state.dump()) == []
    except BaseException:
        print(f"seed {seed}: the last of {len(desk.commands)} commands:")
        print("\n".join(repr(command) for command in desk.commands[-20:]))
        raise


def test_the_lives_are_worth_looking_at() -> None:
    kinds: set[str] = set()
    for seed in range(8):
        desk = Desk()
        life = Life(desk, seed)
        for n in range(160):
            (life.new_combination if n % 8 == 0 else life.combination_report if n % 2 else life.step)()
        with_legs = {o.order_id for o in desk.state.orders.values() if o.legs is not None}
        kinds |= {type(event).__name__ for event in desk.events if getattr(event, "order_id", 0) in with_legs}
    assert kinds >= {
        "OrderFilled", "ExecutionBusted", "ExecutionCorrected", "LegFilled", "LegBusted", "LegCorrected",
        "ReplaceRequested", "OrderReplaced", "RequestRejected", "OrderCanceled", "OrderRejected", "OrderExpired",
        "OrderRestated", "ReportQuestioned", "RequestDenied",
    }  # fmt: skip
