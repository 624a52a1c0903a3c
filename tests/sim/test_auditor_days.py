"""The auditor notices what is wrong with trading days and with what is done because a venue cannot."""

from collections.abc import Sequence

import pytest

from oms.core import events as ev
from oms.core.types import SCALE, OrdType, Px, Qty, Side, Terms, TimeInForce
from tests.sim.test_auditor import GOOD_TILL_CANCEL, PX, UP, VENUE, T, audit, filled, received, routed

SECOND = 1_000_000_000
HOUR = 3_600
NOW = T // SECOND


def table(market: str, date: int, opens: int, closes: int) -> ev.CalendarDefined:
    """Two sessions a day apart; hours from now on."""
    first = (date, NOW + opens * HOUR, NOW + closes * HOUR)
    second = (date + 1, first[1] + 24 * HOUR, first[2] + 24 * HOUR)
    return ev.CalendarDefined(T, market, 0, HOUR, (first, second), "made up")


MARKET = "XTST"
ON = table(MARKET, 20260921, -2, 4)  # open now
CLOSED = table(MARKET, 20260921, 2, 8)


def ended(hours: float, date: int = 20260921) -> ev.DayEnded:
    return ev.DayEnded(T + int(hours * HOUR) * SECOND, "calendar", MARKET, date)


def begun(hours: float, date: int = 20260921) -> ev.DayStarted:
    return ev.DayStarted(T + int(hours * HOUR) * SECOND, MARKET, date)


PLAIN = ev.VenueDefined(T, VENUE, ("1", "2"), ("0",), ())
GTC_HERE = ev.OrderEmulated(T, 1, VENUE, ("good_till",))
SLICED = ev.OrderEmulated(T, 1, VENUE, ("iceberg",))
TRAILS = ev.OrderEmulated(T, 1, VENUE, ("trailing_stop",))
HELD = ev.OrderHeld(T, 1, VENUE)


def shown(qty: int) -> ev.OrderReceived:
    return received(terms=Terms(max_floor=Qty(qty * SCALE)))


def trailing(**more: object) -> ev.OrderReceived:
    """To sell, 2 below the reference price, which is 100."""
    terms = Terms(stop_px=Px(98 * SCALE), exec_inst="a", peg_offset=Px(2 * SCALE))
    what = {"ord_type": OrdType.PEGGED, "side": Side.SELL, "price": Px(0), "hold_px": Px(110 * SCALE)}
    return received(terms=terms, **{**what, **more})


def priced(px: int) -> ev.ReferencePriceChanged:
    return ev.ReferencePriceChanged(T, "AAA", Px(px * SCALE), VENUE)


def moved(px: int) -> ev.StopPxMoved:
    return ev.StopPxMoved(T, 1, Px(px * SCALE))


WRONG: tuple[tuple[list[ev.Event], str], ...] = (
    # days
    ([ON, ended(4.5)], "XTST ends 20260921 before its time"),
    ([ON, ended(5), ended(6)], "XTST ends 20260921 again"),
    ([ON, begun(-3)], "XTST begins 20260921, which is not on"),
    ([ON, begun(1), begun(2)], "XTST begins 20260921 again"),
    ([ON, ev.DayEnded(T, "jane"), begun(1)], "begins 20260921 again, or after it has ended"),
    ([ON, received(), routed(), ended(5)], "is for the day and outlives it"),
    (
        [ON, received(time_in_force=TimeInForce.GTD, terms=Terms(expire_date="20260921")), ended(5)],
        "is good until 20260921 and outlives it",
    ),
    ([received(), ev.OrderRestated(T, 1, 0, "1", Qty(100 * SCALE), Px(PX), Qty(0))], "is not what is carried"),
    (
        [ON, received(**GOOD_TILL_CANCEL), ev.OrderRestated(T, 1, 0, "1", Qty(100 * SCALE), Px(PX), Qty(0))],
        "is carried into no day",
    ),
    # what is done here though it need not be, or said to the venue all the same
    ([received(**GOOD_TILL_CANCEL), GTC_HERE], "at a venue that is taken to do everything"),
    ([PLAIN, received(), SLICED], "iceberg is emulated, which SIM can"),
    ([PLAIN, shown(50), routed()], "does not know {'max_floor'}"),
    ([PLAIN, received(**GOOD_TILL_CANCEL), routed()], "does not work such orders"),
    # slices
    ([PLAIN, shown(50), SLICED, routed(qty=60)], "6000000000 is sent of 10000000000, 5000000000 is to be shown"),
    (
        [PLAIN, shown(50), SLICED, routed(qty=50), routed(cl_ord_id="V2", qty=50, route_id=2)],
        "is sent again while somebody may execute it",
    ),
    (
        [
            PLAIN, shown(50), SLICED, routed(qty=50), ev.CancelRequested(T, 1, "CLIENT1", "C", "A"),
            filled("X", 50), routed(cl_ord_id="V2", qty=50, route_id=2),
        ],
        "is sent again while something is asked of it",
    ),
    ([PLAIN, shown(50), SLICED, routed(qty=50), ev.OrderWaits(T, 1, "halt", "")], "waits though somebody has it"),
    ([PLAIN, received(), routed(), ev.OrderWaits(T, 1, "halt", "")], "waits and is not ours to send"),
    # days that are made of routes
    ([PLAIN, CLOSED, received(**GOOD_TILL_CANCEL), GTC_HERE, routed()], "while its market takes no orders"),
    (
        [PLAIN, ON, received(**GOOD_TILL_CANCEL), GTC_HERE, ev.DayEnded(T, "jane", MARKET), routed()],
        "while its market takes no orders",
    ),
    (
        [PLAIN, ON, received(**GOOD_TILL_CANCEL), GTC_HERE, routed(), ended(5)],
        "has a route for the day that outlives it",
    ),
    # what trails
    ([PLAIN, trailing(), TRAILS, HELD, priced(103), UP], "does not follow the reference price"),
    ([PLAIN, trailing(), TRAILS, HELD, priced(103), moved(100)], "its stop price moves to 10000000000"),
    ([PLAIN, trailing(), TRAILS, HELD, priced(99), moved(97)], "moves the worse way"),
    ([PLAIN, received(), routed(), moved(97)], "does not trail, and its stop price moves"),
)  # fmt: skip


@pytest.mark.parametrize(("events", "expected"), WRONG, ids=[expected for _, expected in WRONG])
def test_what_must_not_be_is_noticed(events: Sequence[ev.Event], expected: str) -> None:
    violations = audit(UP, *events).violations
    assert any(expected in violation for violation in violations), violations


SOUND: tuple[list[ev.Event], ...] = (
    [ON, begun(0), received(), ev.OrderExpired(T, 1, ""), ended(5), begun(22, 20260922)],
    [PLAIN, shown(50), SLICED, routed(qty=50), filled("X", 50), routed(cl_ord_id="V2", qty=50, route_id=2)],
    [PLAIN, shown(60), SLICED, routed(qty=60), filled("X", 60), routed(cl_ord_id="V2", qty=40, route_id=2)],
    [
        PLAIN, ON, received(**GOOD_TILL_CANCEL), GTC_HERE, routed(), ev.RouteExpired(T, 1, 1, False, ""),
        ended(5), ev.OrderWaits(T, 1, f"market:{MARKET}", ""), begun(22, 20260922),
        ev.OrderRouted(T + 23 * HOUR * SECOND, 1, 2, VENUE, "V2", Qty(100 * SCALE), Px(PX)),
    ],
    [PLAIN, trailing(), TRAILS, HELD, priced(103), moved(101), priced(102), priced(104), moved(102), UP],
)  # fmt: skip


@pytest.mark.parametrize("events", SOUND)
def test_nothing_is_said_of_what_is_sound(events: Sequence[ev.Event]) -> None:
    assert audit(UP, *events).violations == []


def test_days_are_numbered_by_the_ends_that_concern_a_market() -> None:
    other = ev.DayEnded(T, "jane", "XLON")
    auditor = audit(UP, ON, received(**GOOD_TILL_CANCEL), other, other)
    assert auditor.day(auditor.orders[1]) == 1
    auditor.feed(ev.DayEnded(T, "jane", MARKET))
    auditor.feed(other)
    assert auditor.day(auditor.orders[1]) == 4
    auditor.feed(ev.DayEnded(T, "jane"))
    assert auditor.day(auditor.orders[1]) == 6
