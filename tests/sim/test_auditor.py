"""The auditor notices: each rule broken once, in a short journal, and nothing said about a sound one."""

import ast
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from oms.core import events as ev
from oms.core.state import State
from oms.core.types import SCALE, CxlRejResponseTo, OrdStatus, OrdType, Px, Qty, Side, Terms, TimeInForce
from oms.sim import audit_days, audit_emulation, leg_audit
from oms.sim import auditor as auditor_module
from oms.sim import list_auditor as list_auditor_module
from oms.sim import routes as routes_module
from oms.sim.auditor import Auditor
from tests.sim.world import START_NS, VENUE, World, definitions

T = START_NS
PX = 100 * SCALE


def received(order_id: int = 1, cl_ord_id: str = "A", qty: int = 100, **more: object) -> ev.OrderReceived:
    terms: dict[str, object] = {
        "session_id": "CLIENT1",
        "cl_ord_id": cl_ord_id,
        "account": "BIG",
        "symbol": "AAA",
        "side": Side.BUY,
        "order_qty": Qty(qty * SCALE),
        "ord_type": OrdType.LIMIT,
        "price": Px(PX),
        "time_in_force": TimeInForce.DAY,
        "hold_px": Px(PX),
    }
    return ev.OrderReceived(T, order_id, **{**terms, **more})  # type: ignore[arg-type]


def routed(order_id: int = 1, cl_ord_id: str = "V1", qty: int = 100, route_id: int = 1) -> ev.OrderRouted:
    return ev.OrderRouted(T, order_id, route_id, VENUE, cl_ord_id, Qty(qty * SCALE), Px(PX))


def filled(exec_id: str, qty: int, order_id: int = 1, route_id: int = 1, px: int = PX) -> ev.OrderFilled:
    return ev.OrderFilled(T, order_id, route_id, exec_id, Qty(qty * SCALE), Px(px), T)


def asked_to_replace(cl_ord_id: str, qty: int, px: int = PX) -> ev.ReplaceRequested:
    return ev.ReplaceRequested(T, 1, "CLIENT1", cl_ord_id, "A", Qty(qty * SCALE), Px(px), Px(px))


def busted(ref: str, qty: int, exec_id: str = "B", px: int = PX) -> ev.ExecutionBusted:
    return ev.ExecutionBusted(T, 1, 1, exec_id, ref, Qty(qty * SCALE), Px(px), 0)


def corrected(ref: str, was: int, qty: int, exec_id: str = "C", px: int = PX) -> ev.ExecutionCorrected:
    return ev.ExecutionCorrected(T, 1, 1, exec_id, ref, Qty(qty * SCALE), Px(px), Qty(was * SCALE), Px(PX), 0)


def restated(qty: int, px: int = PX, route_qty: int = 0) -> ev.OrderRestated:
    return ev.OrderRestated(T, 1, 1, "5", Qty(qty * SCALE), Px(px), Qty((route_qty or qty) * SCALE))


def waits(cl_ord_id: str) -> ev.RequestQueued:
    return ev.RequestQueued(T, 1, "CLIENT1", cl_ord_id, "A", OrdType.LIMIT, Qty(100 * SCALE), Px(PX))


def stop_order(stop: int = 110, hold: int = 121, **more: object) -> ev.OrderReceived:
    """A stop order to buy; the reference price is 100, the collar 10 percent."""
    terms = Terms(stop_px=Px(stop * SCALE))
    return received(ord_type=OrdType.STOP, price=Px(0), hold_px=Px(hold * SCALE), terms=terms, **more)


GOOD_TILL_CANCEL = {"time_in_force": TimeInForce.GTC}
QUEUE = ev.ProfileDefined(T, "CLIENT1", True, "status", "queue")
NO_STOPS = ev.VenueDefined(T, VENUE, ("1", "2"), ("0", "1"), ("exec_inst",))
HELD = ev.OrderHeld(T, 1, VENUE)
TRIGGERED = ev.OrderTriggered(T, 1, 0)
RISEN = ev.ReferencePriceChanged(T, "AAA", Px(110 * SCALE), VENUE)
DAY_ENDED = ev.DayEnded(T, "calendar")

UP = ev.SessionLoggedOn(T, VENUE)
OVERFILL = ev.ReportQuestioned(T, 1, VENUE, "overfill", "X", "")


SMALL_BUYS = ev.RoutingRule("small buys", VENUE, (("side", ("1",)),), (("order_qty", 0, 50 * SCALE),))
LARGE = ev.RoutingRule("large", "ALT", (("market", ("XTST",)),), (("notional", 10_000 * SCALE, 2**63 - 1),))
URGENT = ev.RoutingRule("urgent", VENUE, (("urgency", ("high",)),), ())
ALT_UP = ev.SessionLoggedOn(T, "ALT")


def table(*rules: ev.RoutingRule) -> ev.RoutingDefined:
    return ev.RoutingDefined(T, "", rules)


def routed_by(rule: str, venue: str = VENUE, qty: int = 100) -> ev.OrderRouted:
    return ev.OrderRouted(T, 1, 1, venue, "V1", Qty(qty * SCALE), Px(PX), "", rule)


def no_route(qty: int, reason: str = "no_route") -> ev.OrderDenied:
    terms = ("CLIENT1", "A", "BIG", "AAA", Side.BUY, Qty(qty * SCALE), OrdType.LIMIT, Px(PX), TimeInForce.DAY)
    return ev.OrderDenied(T, 1, *terms, reason, 99, "")


def audit(*events: ev.Event) -> Auditor:
    auditor = Auditor()
    auditor.feed_all((*definitions(), *events))
    return auditor


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([ev.OrderAccepted(T, 7)], "order 7, which was never received"),
        ([filled("X", 1)], "order 1, which was never received"),
        ([received(2)], "order 2 follows order 0"),
        ([received(), received(2)], "a second order of CLIENT1 under ClOrdID A"),
        ([received(), filled("X", 1)], "order 1 has no route 1"),
        ([received(), ev.SessionLoggedOut(T, VENUE), routed()], "which is not logged on"),
        ([received(), routed(), routed(cl_ord_id="V2", route_id=2)], "its routes are for"),
        ([received(), routed(), routed(cl_ord_id="V2", route_id=3)], "route 3 follows 1 routes"),
        ([received(), routed(), received(2, "B"), routed(2)], "our ClOrdID V1 is used twice"),
        (
            [received(), routed(), ev.CancelRouted(T, 1, 1, "V2", "V0", "C")],
            "V2 names V0, no id of its route",
        ),
        ([received(), routed(), filled("X", 10), filled("X", 10)], "execution X of SIM is booked twice"),
        ([received(), routed(), filled("", 10)], "an execution without quantity or id"),
        ([received(), routed(), filled("X", 101), ev.OrderAccepted(T, 1)], "exceeds 10000000000"),
        ([received(), ev.OrderAccepted(T, 1), ev.OrderAccepted(T, 1)], "accepted twice"),
        ([received(), ev.OrderCanceled(T, 1, "", ""), ev.OrderExpired(T, 1, "")], "ended twice, by 4 and C"),
        ([received(), routed(), filled("X", 1), ev.OrderRejected(T, 1, 0, "")], "rejected after it executed"),
        ([received(), ev.OrderCanceled(T, 1, "C", "")], "'C' is answered but was not asked"),
        ([received(), ev.OrderReplaced(T, 1, "R")], "'R' is answered but was not asked"),
        (
            [received(), ev.RequestRejected(T, 1, "C", "A", CxlRejResponseTo.CANCEL, 0, "")],
            "'C' is answered but was not asked",
        ),
        (
            [received(), ev.CancelRequested(T, 1, "CLIENT1", "A", "A")],
            "under ClOrdID A, which was used before",
        ),
        (
            [received(), ev.OrderCanceled(T, 1, "", ""), asked_to_replace("R", 200)],
            "asks for something of order 1, which has ended",
        ),
        (
            [received(), routed(), ev.RouteReplaced(T, 1, 1, "V2", "")],
            "route request V2 is answered but was not asked",
        ),
        (
            [received(), routed(), ev.RouteRequestRejected(T, 1, 1, "V2", 0, "")],
            "route request V2 is rejected but was not asked",
        ),
        ([received(account="NONE")], "of an unknown account or symbol"),
        ([received(account="SMALL", qty=1)], "CLIENT1 may not trade SMALL"),
        ([received(order_qty=Qty(SCALE // 2))], "not a positive number of lots"),
        ([received(price=Px(PX + 1))], "is not on a tick"),
        ([received(qty=10_001)], "more than the firm allows in one order"),
        ([received(qty=5_001)], "its value is more than the firm allows"),
        (
            [
                received(account="SMALL", session_id="CLIENT2", qty=599),
                received(2, "B", account="SMALL", session_id="CLIENT2", qty=2),
            ],
            "601000000000000000000 of 600000000000000000000 buying power",
        ),
        (
            [received(account="SMALL", session_id="CLIENT2", qty=601, side=Side.SELL)],
            "to a position of 60100000000",
        ),
        ([ev.TradingHalted(T, "all", "", "me", "test"), received()], "was taken while halted by ('all', '')"),
        ([received(hold_px=Px(PX + SCALE))], "is held at"),
        ([stop_order(hold=120)], "is held at"),
        ([stop_order(hold=110)], "is held at"),
        ([stop_order(stop=0, hold=110)], "0 is not on a tick"),
        ([received(terms=Terms(min_qty=Qty(101 * SCALE)))], "is not a number of lots within the order"),
        ([received(terms=Terms(max_floor=Qty(SCALE // 2)))], "is not a number of lots within the order"),
        # executions
        ([received(), routed(), busted("X", 10)], "B is about X, no execution that stands"),
        ([received(), routed(), corrected("X", 10, 20)], "C is about X, no execution that stands"),
        (
            [received(), routed(), filled("X", 10), busted("X", 10), busted("X", 10, "B2")],
            "B2 is about X, no execution that stands",
        ),
        (
            [received(), routed(), filled("X", 10), corrected("X", 10, 20), corrected("X", 10, 30, "C2")],
            "C2 is about X, no execution that stands",
        ),
        ([received(), routed(), filled("X", 10), busted("X", 9)], "says X was another execution"),
        ([received(), routed(), filled("X", 10), busted("X", 10, px=1)], "says X was another execution"),
        ([received(), routed(), filled("X", 10), busted("X", 10, "X")], "execution X of SIM is booked twice"),
        (
            [received(), routed(), filled("X", 10), corrected("X", 10, 101), ev.OrderAccepted(T, 1)],
            "exceeds 10000000000",
        ),
        # what a venue does of its own accord
        ([received(), routed(), filled("X", 10), restated(9)], "is restated to 900000000, 1000000000"),
        (
            [received(), routed(), restated(90, route_qty=80)],
            "is restated to 9000000000, its route to 8000000000",
        ),
        ([received(), routed(), ev.OrderCanceled(T, 1, "", ""), restated(90)], "is restated after it ended"),
        (
            [received(), routed(), filled("X", 100), ev.OrderStopped(T, 1, 1, Qty(1), Px(1))],
            "nothing of it is open",
        ),
        (
            [received(), routed(), ev.OrderCalculated(T, 1, 1), ev.OrderExpired(T, 1, "")],
            "ended twice, by B and C",
        ),
        # days
        ([received(), routed(), DAY_ENDED], "is for the day and outlives it"),
        (
            [received(time_in_force=TimeInForce.GTD, terms=Terms(expire_date="20260921")), DAY_ENDED],
            "is good until 20260921 and outlives it",
        ),
        (
            [
                received(**GOOD_TILL_CANCEL),
                routed(),
                ev.OrderCanceled(T, 1, "", ""),
                ev.OrderDoneForDay(T, 1, ""),
            ],
            "is done for the day after it ended",
        ),
        # the queue
        ([received(), routed(), waits("Q")], "Q waits for nothing"),
        (
            [received(), routed(), asked_to_replace("Q", 90), waits("Q")],
            "under ClOrdID Q, which was used before",
        ),
        (
            [received(), routed(), asked_to_replace("R", 90), waits("Q"), asked_to_replace("Q", 80)],
            "Q has its turn too early",
        ),
        (
            [
                received(),
                routed(),
                asked_to_replace("R", 90),
                waits("Q"),
                waits("S"),
                ev.OrderReplaced(T, 1, "R"),
                asked_to_replace("S", 80),
            ],
            "S has its turn too early",
        ),
        (
            [QUEUE, received(), routed(), asked_to_replace("R", 90), asked_to_replace("S", 80)],
            "S does not wait until what was asked of order 1 is answered",
        ),
        (
            [received(), routed(), *(asked_to_replace(f"R{n}", 90) for n in range(17))],
            "R16 is one request too many",
        ),
        # what we hold, and what a venue can do
        ([NO_STOPS, stop_order(), routed()], "which does not work such orders"),
        ([NO_STOPS, received(terms=Terms(min_qty=Qty(SCALE))), routed()], "does not know {'min_qty'}"),
        ([NO_STOPS, stop_order(), HELD, routed()], "goes out before its stop price is reached"),
        (
            [NO_STOPS, stop_order(), HELD, TRIGGERED],
            "is triggered at 10000000000, its stop price is 11000000000",
        ),
        ([NO_STOPS, received(), routed(), HELD], "is held after somebody had it"),
        # the routing table
        ([received(), routed_by("any")], "goes to SIM by rule 'any', the table says SIM by rule ''"),
        (
            [ALT_UP, table(SMALL_BUYS, LARGE), received(), routed_by("small buys")],
            "goes to SIM by rule 'small buys', the table says ALT by rule 'large'",
        ),
        (
            [ALT_UP, table(SMALL_BUYS, LARGE), received(qty=49), routed_by("large", "ALT", 49)],
            "goes to ALT by rule 'large', the table says SIM by rule 'small buys'",
        ),
        ([table(SMALL_BUYS), received(), routed()], "goes to SIM, and no rule is for it"),
        (
            [NO_STOPS, table(URGENT), stop_order(), HELD],
            "goes to SIM, and no rule is for it",
        ),
        ([no_route(10)], "is denied for want of a rule without a table"),
        ([table(SMALL_BUYS), no_route(10)], "is denied for want of a rule, there is 'small buys'"),
        (
            [received(), ev.MassCancelRequested(T, "CLIENT1", "A", "7", "", "", 1)],
            "under ClOrdID A, which was used before",
        ),
    ],
)
def test_what_must_not_be_is_noticed(events: Sequence[ev.Event], expected: str) -> None:
    violations = audit(UP, *events).violations
    assert any(expected in violation for violation in violations), violations


def test_a_sound_journal() -> None:
    auditor = audit(
        UP,
        received(),
        routed(),
        ev.RouteAccepted(T, 1, 1, "O1"),
        ev.OrderAccepted(T, 1),
        filled("X1", 30, px=PX - SCALE),
        asked_to_replace("R", 200),
        ev.ReplaceRouted(T, 1, 1, "V2", "V1", "R", Qty(200 * SCALE), Px(PX)),
        ev.RouteReplaced(T, 1, 1, "V2", ""),
        ev.OrderReplaced(T, 1, "R"),
        ev.CancelRequested(T, 1, "CLIENT1", "C", "R"),
        ev.CancelRouted(T, 1, 1, "V3", "V2", "C"),
        ev.RouteCanceled(T, 1, 1, "V3", ""),
        ev.OrderCanceled(T, 1, "C", ""),
    )
    assert auditor.violations == []
    order = auditor.orders[1]
    assert auditor.status(order) == OrdStatus.CANCELED
    assert (order["cum_qty"], auditor.leaves_qty(order)) == (30 * SCALE, 0)
    assert order["cum_notional"] == 30 * 99 * SCALE * SCALE
    account = auditor.accounts["BIG"]
    assert account["spent"] == {"EUR": 30 * 99 * SCALE * SCALE}
    assert account["held"] == {"EUR": 0}
    assert account["position"] == {"AAA": 30 * SCALE}


@pytest.mark.parametrize(
    "events",
    [
        [table(SMALL_BUYS, LARGE), received(), routed_by("large", "ALT")],
        [table(SMALL_BUYS, LARGE), received(qty=49), routed_by("small buys", qty=49)],
        [table(SMALL_BUYS), table(), received(), routed()],
        [table(SMALL_BUYS), no_route(50)],
        [table(SMALL_BUYS), no_route(49, "lot_size")],
        # A denial does not say how urgent the order was.
        [table(URGENT), no_route(10)],
        [table(URGENT), received(terms=Terms(strategy_parameters="HIGH")), routed_by("urgent")],
    ],
)
def test_a_sound_journal_with_a_routing_table(events: Sequence[ev.Event]) -> None:
    assert audit(UP, ALT_UP, *events).violations == []


def test_busts_and_corrections_of_a_sound_journal() -> None:
    auditor = audit(
        UP,
        received(**GOOD_TILL_CANCEL),
        routed(),
        filled("X1", 30),
        filled("X2", 20),
        DAY_ENDED,
        corrected("X1", 30, 25, px=PX - SCALE),
        busted("X2", 20),
        filled("X3", 10),
        restated(90, PX - SCALE),
        ev.OrderDoneForDay(T, 1, ""),
    )
    assert auditor.violations == []
    order = auditor.orders[1]
    assert (order["cum_qty"], auditor.leaves_qty(order)) == (35 * SCALE, 55 * SCALE)
    assert order["cum_notional"] == (25 * 99 + 10 * 100) * SCALE * SCALE
    assert auditor.status(order) == OrdStatus.DONE_FOR_DAY
    account = auditor.accounts["BIG"]
    assert account["spent"] == {"EUR": (25 * 99 + 10 * 100) * SCALE * SCALE}
    assert account["held"] == {"EUR": 55 * 99 * SCALE * SCALE}
    assert account["position"] == {"AAA": 35 * SCALE}
    booked = [(x["number"], x["exec_id"], x["day"], x["stands"]) for x in auditor.executions.values()]
    assert booked == [
        (1, "X1", 1, False),
        (2, "X2", 1, False),
        (3, "C", 1, True),
        (4, "B", 2, False),
        (5, "X3", 2, True),
    ]


def test_the_same_exec_id_of_another_order_is_another_execution() -> None:
    auditor = audit(
        UP,
        received(),
        routed(),
        received(2, "B"),
        routed(2, "V2"),
        filled("X", 10),
        filled("X", 20, order_id=2),
    )
    assert auditor.violations == []
    assert [x["last_qty"] for x in auditor.executions.values()] == [10 * SCALE, 20 * SCALE]


def test_orders_by_phone_have_no_id_to_use_up() -> None:
    assert audit(UP, received(cl_ord_id=""), received(2, cl_ord_id="")).violations == []


def test_a_request_has_its_turn_and_a_refused_repetition_leaves_it_alone() -> None:
    denied = ev.RequestDenied(T, 1, "CLIENT1", "Q", "A", "2", 6, "duplicate_cl_ord_id", "")
    auditor = audit(
        UP, QUEUE, received(), routed(), asked_to_replace("R", 90), waits("Q"), waits("S"), denied
    )
    assert auditor.orders[1]["queue"] == ["Q", "S"]
    auditor.feed_all(
        [
            ev.OrderReplaced(T, 1, "R"),
            asked_to_replace("Q", 80),
            ev.OrderReplaced(T, 1, "Q"),
            ev.RequestDenied(T, 1, "CLIENT1", "S", "Q", "2", 0, "too_late", ""),
        ]
    )
    assert auditor.violations == []
    assert auditor.orders[1]["queue"] == []


def test_a_stop_order_that_is_held_until_its_price_is_reached() -> None:
    goes = ev.OrderRouted(T, 1, 1, VENUE, "V1", Qty(100 * SCALE), Px(0), OrdType.MARKET)
    auditor = audit(UP, NO_STOPS, stop_order(), HELD, RISEN, TRIGGERED, goes)
    assert auditor.violations == []
    assert auditor.status(auditor.orders[1]) == OrdStatus.NEW


def test_an_overfill_that_is_questioned_is_not_ours() -> None:
    assert audit(UP, received(), routed(), filled("X", 101), OVERFILL).violations == []


def test_an_early_fill_of_an_increase_is_no_overfill() -> None:
    assert audit(UP, received(), routed(), asked_to_replace("R", 200), filled("X", 150)).violations == []


def test_the_larger_of_old_and_new_is_held_while_a_replace_is_unanswered() -> None:
    up = audit(UP, received(), routed(), asked_to_replace("R", 300))
    assert up.accounts["BIG"]["held"]["EUR"] == 300 * 100 * SCALE * SCALE
    assert up.accounts["BIG"]["open_buy"]["AAA"] == 300 * SCALE
    up.feed(ev.RequestRejected(T, 1, "R", "A", CxlRejResponseTo.REPLACE, 0, ""))
    assert up.accounts["BIG"]["held"]["EUR"] == 100 * 100 * SCALE * SCALE
    down = audit(UP, received(), routed(), asked_to_replace("R", 10))
    assert down.accounts["BIG"]["held"]["EUR"] == 100 * 100 * SCALE * SCALE
    down.feed(ev.OrderReplaced(T, 1, "R"))
    assert down.accounts["BIG"]["held"]["EUR"] == 10 * 100 * SCALE * SCALE


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([], OrdStatus.PENDING_NEW),
        ([ev.OrderAccepted(T, 1)], OrdStatus.NEW),
        ([filled("X", 1)], OrdStatus.PARTIALLY_FILLED),
        ([filled("X", 1), ev.OrderCanceled(T, 1, "", "")], OrdStatus.CANCELED),
        ([filled("X", 1), ev.OrderDoneForDay(T, 1, ""), filled("Y", 99)], OrdStatus.DONE_FOR_DAY),
        ([filled("X", 100)], OrdStatus.FILLED),
        ([ev.OrderCanceled(T, 1, "", ""), filled("X", 100)], OrdStatus.FILLED),
        ([filled("X", 100), busted("X", 100)], OrdStatus.PENDING_NEW),
        ([filled("X", 100), corrected("X", 100, 40)], OrdStatus.PARTIALLY_FILLED),
        ([filled("X", 100), ev.OrderCalculated(T, 1, 1)], OrdStatus.CALCULATED),
        ([filled("X", 1), ev.OrderSuspended(T, 1, 1)], OrdStatus.SUSPENDED),
        ([ev.OrderSuspended(T, 1, 1), ev.OrderStopped(T, 1, 1, Qty(1), Px(1))], OrdStatus.STOPPED),
        ([ev.OrderSuspended(T, 1, 1), ev.OrderTriggered(T, 1, 1)], OrdStatus.PENDING_NEW),
        ([ev.OrderSuspended(T, 1, 1), ev.OrderCanceled(T, 1, "", "")], OrdStatus.CANCELED),
        ([filled("X", 1), asked_to_replace("R", 200)], OrdStatus.PENDING_REPLACE),
        (
            [asked_to_replace("R", 200), ev.CancelRequested(T, 1, "CLIENT1", "C", "A")],
            OrdStatus.PENDING_CANCEL,
        ),
    ],
)
def test_status_by_precedence(events: Sequence[ev.Event], status: str) -> None:
    auditor = audit(UP, received(), routed(), *events)
    assert auditor.violations == []
    assert auditor.status(auditor.orders[1]) == status


# -- comparing -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world() -> World:
    world = World(4)
    for _ in range(300):
        world.step()
    assert world.problems() == []
    return world


def test_compare_finds_nothing_in_a_true_state(world: World) -> None:
    assert world.auditor.compare(world.state.dump()) == []


def _executed(state: dict[str, Any]) -> dict[str, Any]:
    """The first route that has executed."""
    routes = (route for order in state["orders"] for route in order["routes"])
    return next(route for route in routes if route["executions"])


Spoil = Callable[[dict[str, object]], None]


def _spoil(*path: object, by: object) -> Spoil:
    def spoil(state: dict[str, object]) -> None:
        inner: object = state
        for key in path[:-1]:
            inner = inner[key]  # type: ignore[index]
        inner[path[-1]] = by  # type: ignore[index]

    return spoil


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_spoil("orders", 0, "cum_qty", by=1), "order 1 cum_qty"),
        (_spoil("orders", 0, "held_money", by=1), "order 1 held_money"),
        (_spoil("orders", 0, "working", by="Z"), "order 1 working"),
        (_spoil("orders", 0, "versions", 0, "price", by=1), "order 1 versions"),
        (_spoil("risk", "BIG", "held", "EUR", by=1), "BIG held"),
        (_spoil("risk", "BIG", "position", "AAA", by=1), "BIG position"),
        (_spoil("next_order_id", by=1), "next order id"),
        (_spoil("counts", "fills", by=0), "count of fills"),
        (_spoil("reference_px", "AAA", by=1), "reference prices"),
        (lambda state: state["orders"].pop(), "orders:"),  # type: ignore[attr-defined]
        (_spoil("day", by=9), "day:"),
        (_spoil("orders", 0, "stopped", by=5), "order 1 stopped"),
        (_spoil("orders", 0, "done_for_day", by=5), "order 1 done for the day"),
        (_spoil("orders", 0, "queued", by=[{"cl_ord_id": "Q"}]), "order 1 queue"),
        (_spoil("orders", 0, "versions", 0, "terms", by=[5]), "order 1 stop prices"),
        (lambda state: _executed(state)["executions"].popitem(), "order"),
        (lambda state: next(iter(_executed(state)["executions"].values())).__setitem__(1, 5), "order"),
        (lambda state: state["cl_ord_ids"].pop(), "ClOrdIDs:"),  # type: ignore[attr-defined]
    ],
)
def test_compare_finds_what_differs(world: World, spoil: Spoil, expected: str) -> None:
    state = json.loads(world.state.dump())
    spoil(state)
    differences = world.auditor.compare(json.dumps(state).encode())
    assert any(d.startswith(expected) for d in differences), differences


def test_compare_trades() -> None:
    auditor = audit(UP, received(), routed(), filled("X1", 10), filled("X2", 20))
    row = {
        "exec_id": "X1",
        "cl_ord_id": "V1",
        "symbol": "AAA",
        "side": "1",
        "last_qty": "10",
        "last_px": "100",
    }
    second = {**row, "exec_id": "X2", "last_qty": "20"}
    assert auditor.compare_trades([row, second], VENUE) == []
    assert auditor.compare_trades([row], VENUE) == ["X2 is in the journal but not in the trade file"]
    assert auditor.compare_trades([row, second, row], VENUE) == ["X1 is twice in the trade file"]
    assert (
        "is in the trade file but not in the journal"
        in auditor.compare_trades([row, second, {**row, "exec_id": "X3"}], VENUE)[0]
    )
    assert auditor.compare_trades([{**row, "last_px": "100.5"}, second], VENUE) == [
        "X1 last_px: the trade file says 10050000000, the journal 10000000000"
    ]
    assert auditor.compare_trades([{**row, "cl_ord_id": "V9"}, second], VENUE) == [
        "X1 is of V9, which is not an id of its route"
    ]
    auditor.feed_all([busted("X1", 10), corrected("X2", 20, 15)])
    assert auditor.compare_trades([row, second], VENUE) == []


def test_compare_trades_of_two_orders_under_the_same_exec_id() -> None:
    auditor = audit(
        UP,
        received(),
        routed(),
        received(2, "B"),
        routed(2, "V2"),
        filled("X", 10),
        filled("X", 20, order_id=2),
    )
    row = {
        "exec_id": "X",
        "cl_ord_id": "V1",
        "symbol": "AAA",
        "side": "1",
        "last_qty": "10",
        "last_px": "100",
    }
    second = {**row, "cl_ord_id": "V2", "last_qty": "20"}
    assert auditor.compare_trades([second, row], VENUE) == []
    assert auditor.compare_trades([row], VENUE) == ["X is in the journal but not in the trade file"]


@pytest.mark.parametrize(
    "module",
    [auditor_module, list_auditor_module, leg_audit, audit_days, audit_emulation, routes_module],
    ids=lambda module: module.__name__,
)
def test_shares_no_code_with_the_engine(module: ModuleType) -> None:
    """It may know the events' schema and the scaled integers, nothing else of the engine."""
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text())
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            imported |= {f"{node.module}.{name.name}" for name in node.names} | {node.module}
        elif isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
    own = ("oms.sim.auditor", "oms.sim.leg_audit", "oms.sim.list_auditor", "oms.sim.audit_")
    ours = {name for name in imported if name.startswith("oms.") and not name.startswith(own)}
    assert all(
        name.startswith(("oms.core.events", "oms.core.types", "oms.sim.list_auditor", "oms.sim.routes"))
        or name in ("oms.core", "oms.sim")
        for name in ours
    ), ours


def test_a_state_that_was_folded_wrongly_is_noticed() -> None:
    """The same journal, one event left out on the way to the state."""
    events = [*definitions(), UP, received(), routed(), filled("X1", 10), filled("X2", 20)]
    auditor = Auditor()
    auditor.feed_all(events)
    state = State()
    for event in events[:-1]:
        state.apply(event)
    assert auditor.compare(state.dump())
    state.apply(events[-1])
    assert auditor.compare(state.dump()) == []
