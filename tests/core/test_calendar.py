"""What a market does at a time, and when its days end and begin: early closes, holidays, breaks, odd clocks."""

import random

import pytest

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.calendar import Calendar, Phase
from oms.core.days import due, market_state, takes_orders
from oms.core.engine import decide
from oms.core.state import State
from oms.core.types import utc_ns
from tests.core import combinations
from tests.core.days import NEW_YORK, TOKYO, at, calendar
from tests.core.desk import Desk, terms

GTC, GTD = "1", "6"


def ns(time: str) -> int:
    return utc_ns(f"202611{time}:00")


PHASES = (
    # market   at          what it does       trading date   until
    ("XNYS", "22-14:30", Phase.CLOSED,      20261123, "23-14:00"),
    ("XNYS", "23-13:59", Phase.CLOSED,      20261123, "23-14:00"),
    ("XNYS", "23-14:00", Phase.PRE_OPEN,    20261123, "23-14:30"),
    ("XNYS", "23-14:30", Phase.OPEN,        20261123, "23-21:00"),
    ("XNYS", "23-20:59", Phase.OPEN,        20261123, "23-21:00"),
    ("XNYS", "23-21:00", Phase.CLOSING,     20261123, "23-21:15"),
    ("XNYS", "23-21:15", Phase.CLOSED,      20261124, "24-14:00"),
    ("XNYS", "26-16:00", Phase.CLOSED,      20261127, "27-14:00"),  # Thanksgiving
    ("XNYS", "27-17:59", Phase.OPEN,        20261127, "27-18:00"),
    ("XNYS", "27-18:00", Phase.CLOSING,     20261127, "27-18:15"),  # an early close
    ("XNYS", "27-18:15", Phase.CLOSED,      20261130, "30-14:00"),
    ("XNYS", "01-12:00", Phase.CLOSED,      20261120, "20-14:00"),  # before all that is known
    ("XTKS", "23-23:29", Phase.CLOSED,      20261124, "23-23:30"),
    ("XTKS", "23-23:30", Phase.PRE_OPEN,    20261124, "24-00:00"),  # the evening before, in UTC
    ("XTKS", "24-02:29", Phase.OPEN,        20261124, "24-02:30"),
    ("XTKS", "24-02:30", Phase.BREAK,       20261124, "24-03:30"),
    ("XTKS", "24-03:30", Phase.OPEN,        20261124, "24-06:30"),
    ("XTKS", "24-06:30", Phase.CLOSING,     20261124, "24-06:45"),
    ("XTKS", "24-06:45", Phase.CLOSED,      20261125, "24-23:30"),
)  # fmt: skip


@pytest.mark.parametrize(("market", "time", "phase", "date", "until"), PHASES)
def test_what_a_market_does(market: str, time: str, phase: str, date: int, until: str) -> None:
    found = market_state(Desk(NEW_YORK, TOKYO).state, market, ns(time))
    assert (found.phase, found.date, found.until_ns) == (phase, date, ns(until))


@pytest.mark.parametrize(
    ("market", "time"), [("XLON", "23-12:00"), ("XNYS", "30-21:15"), ("XTKS", "29-12:00")]
)
def test_nothing_is_known_of_a_market_without_a_calendar_or_after_its_end(market: str, time: str) -> None:
    found = market_state(Desk(NEW_YORK, TOKYO).state, market, ns(time))
    assert (found.phase, found.date, found.until_ns) == (Phase.UNKNOWN, 0, 0)


def test_a_calendar_agrees_with_a_search_through_all_of_it() -> None:
    """Sessions of any length, over midnight too, with days between them; times at every edge and in between."""
    rng = random.Random(7)
    for _ in range(50):
        now_s, rows = rng.randrange(1 << 30, 1 << 31), []
        before_s, after_s = rng.randrange(0, 7_200), rng.randrange(0, 7_200)
        for date in range(20260101, 20260101 + rng.randrange(1, 20)):
            now_s += rng.choice((14_400, 20_000, 90_000, 400_000))
            bounds = [now_s]
            for _ in range(rng.choice((1, 1, 3))):
                bounds.append(bounds[-1] + rng.randrange(60, 60_000))
            rows.append((date, *bounds))
            now_s = bounds[-1]
        found = Calendar(ev.CalendarDefined(0, "X", before_s, after_s, tuple(rows), ""))
        edges = [t for _, *b in rows for t in (b[0] - before_s, *b, b[-1] + after_s)]
        for second in [
            *edges,
            *(e - 1 for e in edges),
            *(rng.randrange(edges[0], edges[-1]) for _ in range(200)),
        ]:
            on = [r for r in rows if r[1] - before_s <= second < r[-1] + after_s]
            coming = [r for r in rows if second < r[-1] + after_s]
            over = [r[0] for r in rows if r[-1] + after_s <= second]
            state, now_ns = found.state(second * 10**9), second * 10**9
            assert state.date == (coming[0][0] if coming else 0)
            assert (state.phase in (Phase.CLOSED, Phase.UNKNOWN)) == (not on)
            assert (found.on(now_ns) is not None) == bool(on)
            assert found.over(now_ns) == max(over, default=0)
            if on:
                passed = [b for b in on[0][1:] if b <= second]
                is_last = len(passed) == len(on[0]) - 1
                is_open = len(passed) % 2 == 1
                assert (state.phase == Phase.OPEN) == is_open
                assert (state.phase == Phase.CLOSING) == is_last
                assert (state.phase == Phase.PRE_OPEN) == (not passed)


def test_a_session_that_is_told_by_its_date_and_begins_the_evening_before() -> None:
    night = calendar("XFUT", ("20261124", "20261123-23:00", "20261124-22:00"), day_end_min=30)
    state = Desk(night).state
    assert market_state(state, "XFUT", ns("24-00:30")).date == 20261124
    assert market_state(state, "XFUT", ns("23-22:30")).phase == Phase.PRE_OPEN
    assert market_state(state, "XFUT", ns("24-22:29")).phase == Phase.CLOSING


# -- days end and begin --------------------------------------------------------------------------------------


def opened(*others: ev.Event, **more: object) -> Desk:
    """New York's 23rd has begun; order A is acknowledged."""
    desk = Desk(NEW_YORK, *others)
    at(desk, "23-14:00")
    desk.new("A", **more)  # type: ignore[arg-type]
    desk.ack()
    return desk


def test_a_day_begins_before_the_open_and_ends_after_the_close() -> None:
    desk = opened()
    assert at(desk, "23-21:14") == []
    assert at(desk, "23-21:15") == ["RouteExpired False", "OrderExpired", "DayEnded XNYS 20261123"]
    assert at(desk, "23-22:00") == []
    assert at(desk, "24-13:59") == []
    assert at(desk, "24-14:00") == ["DayStarted XNYS 20261124"]


def test_the_end_of_one_market_is_nothing_to_another() -> None:
    desk = Desk(NEW_YORK, TOKYO)
    at(desk, "23-23:30")
    desk.new("A")
    desk.new("T", "100", "2000", symbol="TOY", account="HUGE")
    for of in "AT":
        desk.ack(of)
        desk.fill(of, f"x{of}", "40", "10" if of == "A" else "2000")
    assert at(desk, "24-06:45") == ["RouteExpired False", "OrderExpired", "DayEnded XTKS 20261124"]
    assert desk.now("A").startswith("partially_filled 40 of 100, 60 open")
    assert desk.now("T").startswith("expired 40 of 100, 0 open")
    assert (desk.today("A"), desk.today("T")) == ("40 of 100 at 10", "0 of 60 at 0")


def test_an_early_close_ends_the_day_early() -> None:
    desk = opened(tif=GTC)
    at(desk, "27-14:00")
    desk.new("B")
    desk.ack("B")
    assert at(desk, "27-18:14") == []
    assert at(desk, "27-18:15") == ["RouteExpired False", "OrderExpired", "DayEnded XNYS 20261127"]


def test_a_holiday_has_no_day_to_end() -> None:
    desk = opened(tif=GTC)
    at(desk, "25-21:15")
    assert [at(desk, f"26-{hour:02}:00") for hour in range(24)] == [[]] * 24


def test_an_order_of_the_evening_is_for_the_next_day() -> None:
    desk = opened()
    at(desk, "23-21:15")
    desk.new("B")
    desk.ack("B")
    assert at(desk, "24-14:00")[-1] == "DayStarted XNYS 20261124"
    assert desk.now("B") == "new 0 of 100, 100 open, as B"
    assert at(desk, "24-21:15") == ["RouteExpired False", "OrderExpired", "DayEnded XNYS 20261124"]


def test_a_clock_that_steps_back_over_the_end_does_not_end_the_day_twice() -> None:
    desk = opened()
    at(desk, "23-21:15")
    assert at(desk, "23-20:30") == []
    desk.new("B")
    desk.ack("B")
    assert [at(desk, time) for time in ("23-21:14", "23-21:15", "23-23:00", "23-15:00")] == [[]] * 4
    assert desk.now("B") == "new 0 of 100, 100 open, as B"
    assert not takes_orders(desk.state, "XNYS", desk.now_ns), "by the clock it is open, but its day has ended"


def test_a_command_to_end_a_date_that_has_ended_changes_nothing() -> None:
    desk = opened()
    at(desk, "23-21:15")
    assert decide(desk.state, cmd.EndDay("calendar", "XNYS", 20261123), desk.now_ns) == []
    assert decide(desk.state, cmd.EndDay("calendar", "XNYS", 20261120), desk.now_ns) == []
    assert decide(desk.state, cmd.StartDay("XNYS", 20261123), desk.now_ns) == []


def test_an_engine_that_was_down_over_several_closes_ends_one_day() -> None:
    desk = opened(TOKYO, tif=GTD, terms=terms(until="20261124"))
    desk.new("B")
    desk.ack("B")
    assert at(desk, "27-14:15") == [
        *["RouteExpired False", "OrderExpired"] * 2,
        "DayEnded XNYS 20261125",
        "DayStarted XNYS 20261127",
        "DayEnded XTKS 20261126",
    ]


def test_a_calendar_ends_nothing_that_was_over_before_it_came() -> None:
    desk = Desk()
    desk.now_ns = ns("24-12:00")
    desk._take(NEW_YORK)
    assert due(desk.state, desk.now_ns) == [cmd.EndDay("calendar", "XNYS", 20261123)]
    late = Desk(calendar("XNYS", ("20261119", "14:30", "21:00"), ("20261123", "14:30", "21:00")))
    assert due(late.state, late.now_ns) == []


def test_a_table_that_is_made_anew_does_not_end_days_again() -> None:
    desk = opened()
    at(desk, "23-21:15")
    desk._take(NEW_YORK)
    assert due(desk.state, ns("23-22:00")) == []


# -- a person ------------------------------------------------------------------------------------------------


def test_a_person_ends_one_market() -> None:
    desk = opened(TOKYO)
    desk.new("T", "100", "2000", symbol="TOY", account="HUGE")
    assert desk.do(cmd.EndDay("jane", "XNYS")) == ["RouteExpired False", "OrderExpired", "DayEnded XNYS"]
    assert desk.now("T") == "pending_new 0 of 100, 100 open, as T"


def test_what_a_person_has_ended_the_calendar_does_not_end_again() -> None:
    """An unscheduled close: what comes after it is for the next day."""
    desk = opened()
    at(desk, "23-17:00")
    assert desk.do(cmd.EndDay("jane"))[-1] == "DayEnded"
    desk.new("B")
    desk.ack("B")
    assert at(desk, "23-21:15") == []
    assert desk.now("B") == "new 0 of 100, 100 open, as B"
    assert at(desk, "24-14:00")[-1] == "DayStarted XNYS 20261124"
    assert at(desk, "24-21:15") == ["RouteExpired False", "OrderExpired", "DayEnded XNYS 20261124"]


def test_a_person_may_end_the_day_of_a_market_that_has_no_calendar() -> None:
    desk = Desk(TOKYO)
    desk.new("A")
    desk.ack()
    assert desk.do(cmd.EndDay("jane", "XNYS"))[-1] == "DayEnded XNYS"
    assert desk.do(cmd.EndDay("jane", "XNYS")) == ["DayEnded XNYS"]


# -- good till -----------------------------------------------------------------------------------------------

GOOD_UNTIL = (
    # ExpireDate or ExpireTime (UTC)             the trading date that it ends with
    ({"until": "20261122"},                      20261123),
    ({"until": "20261123"},                      20261123),
    ({"until": "20261125"},                      20261125),
    ({"until": "20261126"},                      20261125),  # a holiday: no later day is left
    ({"until": "20261127"},                      20261127),
    ({"until": "20261129"},                      20261127),  # a Sunday
    ({"expire_time": "20261125-21:00:00"},       20261125),
    ({"expire_time": "20261126-10:00:00"},       20261125),  # before the next open
    ({"expire_time": "20261127-14:30:00"},       20261125),  # just when it opens
    ({"expire_time": "20261127-14:30:01"},       20261127),
)  # fmt: skip


@pytest.mark.parametrize(("until", "date"), GOOD_UNTIL, ids=[str(until) for until, _ in GOOD_UNTIL])
def test_a_good_till_date_order_ends_with_the_last_day_that_its_date_leaves(
    until: dict[str, str], date: int
) -> None:
    desk = opened(tif=GTD, terms=terms(**until))
    for day in (23, 24, 25, 27):
        at(desk, f"{day}-14:00")
        assert desk.order().leaves_qty, f"ended before {day}"
        assert at(desk, f"{day}-{'18:15' if day == 27 else '21:15'}")[-1] == f"DayEnded XNYS 202611{day}"
        if not desk.order().leaves_qty:
            assert 20261100 + day == date
            return
    raise AssertionError("never ended")


def test_the_date_is_the_markets_own() -> None:
    """Tokyo's 24th of November begins and ends before New York's 23rd is a day old."""
    desk = opened(TOKYO, tif=GTD, terms=terms(until="20261124"))
    desk.new("T", "100", "2000", symbol="TOY", account="HUGE", tif=GTD, terms=terms(until="20261124"))
    desk.ack("T")
    at(desk, "24-06:45")
    assert (desk.order("A").leaves_qty > 0, desk.order("T").leaves_qty) == (True, 0)


def test_what_outlived_the_day_is_restated_when_the_next_begins() -> None:
    desk = opened(tif=GTC)
    desk.fill("A", "x1", "40")
    at(desk, "23-21:15")
    desk.new("B", tif=GTC)
    desk.ack("B")
    desk.new("C", tif=GTC)  # not acknowledged
    assert at(desk, "24-14:00") == [
        "DayStarted XNYS 20261124",
        "OrderRestated 1 100 10",
    ]
    assert desk.now() == "partially_filled 40 of 100, 60 open, as A"
    assert desk.today() == "0 of 60 at 0"
    assert desk.order().versions[0] is desk.order().versions[-1]


def test_an_order_that_has_ended_is_not_carried() -> None:
    desk = opened(tif=GTC)
    desk.fill("A", "x1", "100")
    at(desk, "23-21:15")
    assert at(desk, "24-14:00")[-1] == "DayStarted XNYS 20261124"


def test_a_bust_is_of_the_day_of_its_market() -> None:
    """New York's day goes on over the ends of Tokyo's, in which the numbers of days go up."""
    desk = opened(TOKYO, tif=GTC)
    desk.fill("A", "x1", "40")
    at(desk, "23-23:30")
    at(desk, "24-06:45")  # Tokyo ends 24: an end that is not New York's
    desk.fill("A", "x2", "10")
    assert desk.today() == "10 of 60 at 10"
    at(desk, "24-23:30")
    at(desk, "25-06:45")
    desk.bust("A", "b1", "x1")
    assert desk.today() == "0 of 90 at 0"
    at(desk, "25-14:00")
    desk.fill("A", "x3", "5")
    desk.correct("A", "c1", "x2", "20")
    desk.correct("A", "c2", "x3", "6")
    assert desk.today() == "6 of 80 at 10"


def test_ids_stay_unique_over_days() -> None:
    desk = opened()
    at(desk, "24-14:00")
    assert desk.new("A") == ["OrderDenied A duplicate_cl_ord_id 6"]
    desk.new("B")
    assert [desk.sent(of) for of in ("#1", "B")] == ["e-1-1-1", "e-3-1-1"]


def test_a_combination_has_the_days_of_its_legs() -> None:
    """Its own name is that of no instrument."""
    desk = combinations.combination_desk("both", NEW_YORK, TOKYO)
    at(desk, "24-05:00")
    combinations.new(desk, "A")
    desk.ack()
    combinations.leg_fill(desk, "A", "IBM", "l1", "10", "90")
    assert not desk.order("A").ended and at(desk, "24-06:45") == ["DayEnded XTKS 20261124"]
    at(desk, "24-14:00")
    questioned = "ReportQuestioned 1 legs_and_combination_differ"
    ended = ["RouteExpired False", "OrderExpired", questioned, "DayEnded XNYS 20261124"]
    assert at(desk, "24-21:15") == ended


# -- folding -------------------------------------------------------------------------------------------------


def test_days_survive_a_snapshot_and_are_the_same_when_folded_again() -> None:
    desk = opened(TOKYO, tif=GTC)
    desk.fill("A", "x1", "40")
    for time in ("23-21:15", "23-23:30", "24-06:45", "24-14:00"):
        at(desk, time)
        for copy in (State.load(desk.state.dump()), desk.refold()):
            assert copy.digest() == desk.state.digest()
            later = ns("25-12:00")
            assert due(copy, later) == due(desk.state, later)
            assert market_state(copy, "XTKS", later) == market_state(desk.state, "XTKS", later)
            for order, same in zip(copy.orders.values(), desk.state.orders.values(), strict=True):
                assert copy.day_of(order) == desk.state.day_of(same)


def test_a_snapshot_of_before_there_were_calendars_is_on_the_day_that_it_says() -> None:
    desk = Desk()
    desk.end_day()
    old = desk.state.dump().decode().partition(',"days":')[0] + "}"
    assert State.load(old.encode()).day_at("XNYS").number == 2
