"""Multileg orders: what is decided about the combination and about its legs, and what either holds, owns and pays.

Ten IBM bought and twenty GE sold, at prices of 90 and 50 and held 10 percent above: 99 for each IBM bought.
"""

from typing import Any

import msgspec
import pytest

from oms.core import events as ev
from oms.core.state import State
from oms.core.types import OrdStatus, Px, Qty, Side, Terms, TimeInForce
from tests.core import combinations
from tests.core.combinations import (
    SPREAD,
    combination_desk,
    fill,
    leg,
    leg_bust,
    leg_correct,
    leg_fill,
    leg_report,
    new,
    priced,
    replace,
)
from tests.core.desk import FIRM, LSE, SIM, START_NS, Desk, scaled

TAKEN = ["OrderReceived A", "OrderRouted SIM e-1-1-1"]


@pytest.fixture
def desk() -> Desk:
    return combination_desk()


def ibm(desk: Desk) -> str:
    return desk.risk("BLOCK", "IBM")


def ge(desk: Desk) -> str:
    return desk.risk("BLOCK", "GE")


# -- new orders ----------------------------------------------------------------------------------------------


def test_the_legs_hold_what_the_combination_does_not(desk: Desk) -> None:
    assert new(desk) == TAKEN
    # 5 combinations: 50 IBM bought, held at 99; 100 GE sold, which holds no money.
    assert ibm(desk) == "held 4950, spent 0, position 0, open 50/0"
    assert ge(desk) == "held 4950, spent 0, position 0, open 0/100"
    assert desk.risk("BLOCK", combinations.NAME).endswith("position 0, open 0/0")
    assert desk.now() == "pending_new 0 of 5, 5 open, as A"


@pytest.mark.parametrize(
    ("side", "ibm_is", "ge_is"),
    [
        (Side.BUY, "50/0", "0/100"),
        (Side.AS_DEFINED, "50/0", "0/100"),
        (Side.SELL, "0/50", "100/0"),
        (Side.OPPOSITE, "0/50", "100/0"),
    ],
)
def test_selling_a_combination_turns_its_legs_round(desk: Desk, side: str, ibm_is: str, ge_is: str) -> None:
    assert new(desk, side=side) == TAKEN
    assert (ibm(desk)[-len(ibm_is) :], ge(desk)[-len(ge_is) :]) == (ibm_is, ge_is)


def test_a_market_order_is_held_alike(desk: Desk) -> None:
    assert new(desk, px="") == TAKEN
    assert ibm(desk) == "held 4950, spent 0, position 0, open 50/0"


def test_a_combination_is_in_no_book(desk: Desk) -> None:
    new(desk, px="-100")
    new(desk, "B", px="5", symbol="IBM")  # even if it is called like an instrument
    assert not any(len(book) for book in desk.state.books.values())
    assert State.load(desk.state.dump()).books == {}


def test_a_rejected_or_canceled_order_holds_nothing(desk: Desk) -> None:
    new(desk)
    desk.rejected("A")
    new(desk, "B")
    desk.ack("B")
    desk.cancel("C", "B")
    assert desk.canceled("C") == ["RouteCanceled e-2-1-2", "OrderCanceled C"]
    assert ibm(desk) == ge(desk) == "held 0, spent 0, position 0, open 0/0"


def test_a_venue_without_legs_gets_none(desk: Desk) -> None:
    desk = combination_desk("both", combinations.venue(terms=()))
    assert new(desk) == ["OrderDenied A venue_lacks 11"]
    desk = Desk(combinations.GE, combinations.GE_PRICE)  # nothing is known of the venue: it can do everything
    assert new(desk) == TAKEN


def test_mass_cancel_and_the_end_of_the_day_are_for_combinations_too(desk: Desk) -> None:
    new(desk)
    new(desk, "B", tif=TimeInForce.GTC)
    assert desk.cancel_all("C", combinations.NAME)[0] == "MassCancelRequested C 2"
    desk.end_day()
    assert desk.now().startswith("expired")
    assert desk.now("B") == "pending_new 0 of 5, 5 open, as B"
    assert ibm(desk) == "held 4950, spent 0, position 0, open 50/0"


# -- a venue that reports both -------------------------------------------------------------------------------


def test_legs_move_positions_and_money_the_combination_moves_the_order(desk: Desk) -> None:
    new(desk)
    desk.ack()
    assert leg_fill(desk, "A", "IBM", "l1", "20", "89") == ["LegFilled IBM l1 20 89"]
    assert ibm(desk) == "held 2970, spent 1780, position 20, open 30/0"
    assert desk.now() == "new 0 of 5, 5 open, as A"
    assert leg_fill(desk, "A", "GE", "l2", "40", "50.5") == ["LegFilled GE l2 40 50.5"]
    assert ge(desk) == "held 2970, spent -240, position -40, open 0/60"
    assert fill(desk, "A", "s1", "2", "-120") == ["OrderFilled s1 2 -120"]
    assert ibm(desk) == "held 2970, spent -240, position 20, open 30/0"
    assert desk.now() == "partially_filled 2 of 5, 3 open, as A"
    assert desk.today() == "2 of 5 at -120"


@pytest.mark.parametrize("first", ["legs", "combination"])
def test_it_does_not_matter_what_comes_first(desk: Desk, first: str) -> None:
    new(desk)
    told = [
        lambda: leg_fill(desk, "A", "IBM", "x1", "50", "90"),
        lambda: leg_fill(desk, "A", "GE", "x1", "100", "50"),  # the same ExecID, of another leg
        lambda: fill(desk, "A", "x1", "5"),
    ]
    for tell in told if first == "legs" else told[::-1]:
        assert tell()
    assert ibm(desk) == "held 0, spent -500, position 50, open 0/0"
    assert ge(desk) == "held 0, spent -500, position -100, open 0/0"
    assert desk.now() == "filled 5 of 5, 0 open, as A"
    for tell in told:
        assert tell() == []


def test_an_execution_of_a_leg_acknowledges(desk: Desk) -> None:
    new(desk)
    assert leg_fill(desk, "A", "IBM", "l1", "20", "89") == [
        "RouteAccepted", "OrderAccepted", "LegFilled IBM l1 20 89",
    ]  # fmt: skip


def test_what_the_legs_owe_of_a_filled_order_stays_held(desk: Desk) -> None:
    """Only the combination was reported: that the legs have executed is certain, at what price is not."""
    new(desk)
    fill(desk, "A", "s1", "5")
    assert desk.now() == "filled 5 of 5, 0 open, as A"
    assert ibm(desk) == "held 4950, spent 0, position 0, open 50/0"
    assert ge(desk) == "held 4950, spent 0, position 0, open 0/100"
    assert "ReportQuestioned 1 legs_and_combination_differ" in desk.end_day()
    leg_fill(desk, "A", "IBM", "l1", "50", "90")
    leg_fill(desk, "A", "GE", "l2", "100", "50")
    assert ibm(desk) == "held 0, spent -500, position 50, open 0/0"
    assert desk.end_day() == ["DayEnded"]


def test_what_the_legs_owe_of_a_canceled_order_stays_held(desk: Desk) -> None:
    new(desk)
    fill(desk, "A", "s1", "2")
    desk.cancel("C", "A")
    desk.canceled("C")
    assert ibm(desk) == "held 1980, spent 0, position 0, open 20/0"
    leg_fill(desk, "A", "IBM", "l1", "20", "90")
    assert ibm(desk) == "held 0, spent 1800, position 20, open 0/0"


def test_an_order_of_which_only_legs_were_reported_stays_open(desk: Desk) -> None:
    new(desk, tif=TimeInForce.GTC)
    leg_fill(desk, "A", "IBM", "l1", "50", "90")
    leg_fill(desk, "A", "GE", "l2", "100", "50")
    assert desk.now() == "new 0 of 5, 5 open, as A"
    assert ibm(desk) == "held 0, spent -500, position 50, open 0/0"
    assert desk.end_day() == ["ReportQuestioned 1 legs_and_combination_differ", "DayEnded"]
    assert fill(desk, "A", "s1", "5") == ["OrderFilled s1 5 -100"]
    assert desk.end_day() == ["DayEnded"]


def test_busts_of_legs_and_of_the_combination_put_everything_back(desk: Desk) -> None:
    new(desk)
    desk.ack()
    before = (ibm(desk), ge(desk), desk.now())
    leg_fill(desk, "A", "IBM", "l1", "20", "89")
    leg_fill(desk, "A", "GE", "l2", "40", "50.5")
    fill(desk, "A", "s1", "2", "-120")
    assert leg_bust(desk, "A", "IBM", "b1", "l1") == ["LegBusted 1 b1 l1 20 89"]
    assert ibm(desk) == "held 4950, spent -2020, position 0, open 50/0"
    assert leg_bust(desk, "A", "GE", "b2", "l2") == ["LegBusted 2 b2 l2 40 50.5"]
    assert desk.bust("A", "b3", "s1") == ["ExecutionBusted b3 s1 2 -120"]
    assert (ibm(desk), ge(desk), desk.now()) == before
    for again in (
        leg_bust(desk, "A", "IBM", "b1", "l1"),
        leg_fill(desk, "A", "IBM", "l1", "20", "89"),
        desk.bust("A", "b3", "s1"),
    ):
        assert again == []


def test_a_bust_of_a_filled_order_s_combination_opens_it_again(desk: Desk) -> None:
    new(desk)
    fill(desk, "A", "s1", "5")
    leg_fill(desk, "A", "IBM", "l1", "50", "90")
    desk.bust("A", "b1", "s1")
    assert desk.now() == "new 0 of 5, 5 open, as A"
    leg_bust(desk, "A", "IBM", "b2", "l1")
    assert ibm(desk) == "held 4950, spent 0, position 0, open 50/0"


def test_corrections_of_legs_and_of_the_combination(desk: Desk) -> None:
    new(desk)
    desk.ack()
    leg_fill(desk, "A", "IBM", "l1", "20", "89")
    fill(desk, "A", "s1", "2", "-120")
    assert leg_correct(desk, "A", "IBM", "c1", "l1", "10", "91") == ["LegCorrected 1 c1 l1 10 91 20 89"]
    assert ibm(desk) == "held 3960, spent 910, position 10, open 40/0"
    assert desk.correct("A", "c2", "s1", "1", "0") == ["ExecutionCorrected c2 s1 1 0 2 -120"]
    assert desk.now() == "partially_filled 1 of 5, 4 open, as A"
    # By the id that it had first, and by that of the correction.
    assert leg_bust(desk, "A", "IBM", "b1", "l1") == ["LegBusted 1 b1 c1 10 91"]
    assert leg_bust(desk, "A", "IBM", "b2", "c1") == ["ReportQuestioned 1 bust_of_no_execution"]
    assert ibm(desk) == "held 4950, spent 0, position 0, open 50/0"


def test_more_of_a_leg_than_its_part_is_booked_and_questioned(desk: Desk) -> None:
    new(desk)
    desk.ack()
    assert leg_fill(desk, "A", "IBM", "l1", "51", "90") == [
        "LegFilled IBM l1 51 90", "ReportQuestioned 1 overfill",
    ]  # fmt: skip
    assert leg_correct(desk, "A", "IBM", "l2", "l1", "50", "90") == ["LegCorrected 1 l2 l1 50 90 51 90"]
    assert ibm(desk) == "held 0, spent 4500, position 50, open 0/0"
    replace(desk, "B", "A", "6")
    assert leg_fill(desk, "A", "IBM", "l3", "10", "90") == ["LegFilled IBM l3 10 90"]  # of the increase


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        ({"symbol": "VOD"}, "unknown_leg"),
        ({"symbol": combinations.NAME}, "unknown_leg"),
        ({"symbol": "GE", "leg_ref_id": "IBM"}, "unknown_leg"),  # two legs at once
        ({"side": Side.SELL}, "leg_side_differs"),
        ({"qty": "0"}, "execution_without_quantity_price_or_id"),
        ({"px": "0"}, "execution_without_quantity_price_or_id"),
        ({"px": "-1"}, "execution_without_quantity_price_or_id"),
        ({"exec_id": ""}, "execution_without_quantity_price_or_id"),
        ({"exec_type": "G", "ref": "l9"}, "correction_of_no_execution"),
        ({"exec_type": "H", "ref": "l9"}, "bust_of_no_execution"),
    ],
)
def test_a_report_of_a_leg_that_makes_no_sense_is_questioned(
    desk: Desk, report: dict[str, Any], reason: str
) -> None:
    new(desk)
    desk.ack()
    said = {"exec_type": "F", "symbol": "IBM", "exec_id": "l1", "qty": "20", "px": "89"} | report
    assert leg_report(desk, "A", **said) == [f"ReportQuestioned 1 {reason}"]
    assert ibm(desk) == "held 4950, spent 0, position 0, open 50/0"


def test_a_leg_is_known_by_its_reference_whatever_it_is_called(desk: Desk) -> None:
    new(desk, "A", "5", "-100", leg("IBM", ratio="10", ref="first"), leg("GE", Side.SELL, "20", ref="second"))
    desk.ack()
    assert leg_report(desk, "A", "F", combinations.NAME, "l1", "20", "50", leg_ref_id="second") == [
        "LegFilled GE l1 20 50"
    ]


def test_a_leg_s_new_or_canceled_says_nothing_of_the_order(desk: Desk) -> None:
    new(desk)
    for exec_type in "048CI":
        assert leg_report(desk, "A", exec_type, "IBM", f"l{exec_type}") == []
    assert desk.now() == "pending_new 0 of 5, 5 open, as A"


def test_a_leg_of_an_order_that_has_none_is_questioned(desk: Desk) -> None:
    desk.new("A")
    assert leg_fill(desk, "A", "IBM", "l1", "20", "10") == ["ReportQuestioned 1 leg_of_an_order_without_legs"]
    assert desk.risk() == "held 1000, spent 0, position 0, open 100/0"


def test_a_leg_of_an_order_that_is_not_ours_is_answered(desk: Desk) -> None:
    new(desk)
    assert leg_fill(desk, "A", "IBM", "l1", "20", "89", orig_cl_ord_id="") != []
    found = combinations.cmd.VenueReport(SIM, "nobody", "F", "1", "x", symbol="IBM")
    assert desk.do(combinations.cmd.VenueLegReport(found)) == [
        "ReportQuestioned 0 unknown_order", f"TradeUnknown {SIM} x D",
    ]  # fmt: skip


def test_an_execution_that_does_not_say_whether_it_is_of_a_leg_is_questioned(desk: Desk) -> None:
    new(desk)
    desk.ack()
    unsaid = {"multi_leg_reporting_type": ""}
    assert fill(desk, "A", "x1", "10", "90", symbol="IBM", **unsaid) == [
        "ReportQuestioned 1 leg_or_combination"
    ]
    # About the combination: it is named, or nothing is, or it is said.
    assert fill(desk, "A", "x2", "1", symbol=combinations.NAME, **unsaid) == ["OrderFilled x2 1 -100"]
    assert fill(desk, "A", "x3", "1", **unsaid) == ["OrderFilled x3 1 -100"]
    assert fill(desk, "A", "x4", "1", symbol="IBM") == ["OrderFilled x4 1 -100"]


def test_a_late_fill_of_a_leg_after_the_reject_is_booked_and_questioned(desk: Desk) -> None:
    new(desk)
    desk.rejected("A")
    assert leg_fill(desk, "A", "IBM", "l1", "20", "89") == [
        "LegFilled IBM l1 20 89", "ReportQuestioned 1 execution_after_reject",
    ]  # fmt: skip
    assert ibm(desk) == "held 0, spent 1780, position 20, open 0/0"


# -- a venue that reports legs only --------------------------------------------------------------------------


@pytest.fixture
def by_legs() -> Desk:
    return combination_desk("legs")


def test_whole_combinations_are_executed_when_all_legs_have_their_part(by_legs: Desk) -> None:
    desk = by_legs
    new(desk)
    assert leg_report(desk, "A", "0", "IBM", "n1") == ["RouteAccepted", "OrderAccepted"]
    assert leg_report(desk, "A", "0", "GE", "n2") == []
    assert leg_fill(desk, "A", "IBM", "l1", "25", "89") == ["LegFilled IBM l1 25 89"]
    # Two of each, and half a combination of IBM: 890 less 1010.
    assert leg_fill(desk, "A", "GE", "l2", "40", "50.5") == [
        "LegFilled GE l2 40 50.5", "OrderFilled 2:l2 2 -120",
    ]  # fmt: skip
    assert desk.now() == "partially_filled 2 of 5, 3 open, as A"
    assert leg_fill(desk, "A", "GE", "l3", "60", "50.5") == ["LegFilled GE l3 60 50.5"]
    # All of them at 25 * 89 + 25 * 90 for IBM: 895 less 1010, of which two were at -120.
    assert leg_fill(desk, "A", "IBM", "l4", "25", "90") == [
        "LegFilled IBM l4 25 90", "OrderFilled 1:l4 3 -111.66666667",
    ]  # fmt: skip
    assert desk.now() == "filled 5 of 5, 0 open, as A"
    assert ibm(desk) == "held 0, spent -575, position 50, open 0/0"


def test_a_bust_of_a_leg_takes_back_the_combinations_that_it_leaves_incomplete(by_legs: Desk) -> None:
    desk = by_legs
    new(desk)
    desk.ack()
    leg_fill(desk, "A", "GE", "l1", "100", "50")
    leg_fill(desk, "A", "IBM", "l2", "20", "90")
    leg_fill(desk, "A", "IBM", "l3", "30", "90")
    assert desk.now() == "filled 5 of 5, 0 open, as A"
    assert leg_bust(desk, "A", "IBM", "b1", "l2") == [
        "LegBusted 1 b1 l2 20 90", "ExecutionBusted 1.2:b1 1:l3 3 -100", "OrderFilled 1:b1 1 -100",
    ]  # fmt: skip
    assert desk.now() == "partially_filled 3 of 5, 2 open, as A"
    assert leg_bust(desk, "A", "GE", "b2", "l1") == [
        "LegBusted 2 b2 l1 100 50", "ExecutionBusted 2.2:b2 1:b1 1 -100", "ExecutionBusted 2.1:b2 1:l2 2 -100",
    ]  # fmt: skip
    leg_bust(desk, "A", "IBM", "b3", "l3")
    assert desk.now() == "new 0 of 5, 5 open, as A"
    assert ibm(desk) == "held 4950, spent 0, position 0, open 50/0"


def test_the_newest_combination_is_taken_back_first_also_after_a_snapshot(by_legs: Desk) -> None:
    """A snapshot keeps executions by ExecID, not in the order of their coming."""
    desk = by_legs
    new(desk)
    desk.ack()
    leg_fill(desk, "A", "GE", "l1", "100", "50")
    leg_fill(desk, "A", "IBM", "l9", "20", "90")
    leg_fill(desk, "A", "IBM", "l2", "30", "90")
    desk.state = State.load(desk.state.dump())
    assert leg_correct(desk, "A", "IBM", "c1", "l2", "10", "90") == [
        "LegCorrected 1 c1 l2 10 90 30 90", "ExecutionBusted 1.2:c1 1:l2 3 -100", "OrderFilled 1:c1 1 -100",
    ]  # fmt: skip


def test_another_price_of_a_leg_is_another_price_of_the_combination(by_legs: Desk) -> None:
    desk = by_legs
    new(desk, side=Side.OPPOSITE)
    desk.ack()
    leg_fill(desk, "A", "GE", "l1", "100", "50")
    leg_fill(desk, "A", "IBM", "l2", "50", "90")
    assert leg_correct(desk, "A", "IBM", "c1", "l2", "50", "91") == [
        "LegCorrected 1 c1 l2 50 91 50 90", "ExecutionCorrected 1:c1 1:l2 5 -90 5 -100",
    ]  # fmt: skip
    assert desk.today() == "5 of 5 at -90"


def test_legs_that_make_more_combinations_than_ordered_are_questioned_as_both(by_legs: Desk) -> None:
    desk = by_legs
    new(desk)
    desk.ack()
    leg_fill(desk, "A", "GE", "l1", "120", "50")
    assert leg_fill(desk, "A", "IBM", "l2", "60", "90") == [
        "LegFilled IBM l2 60 90", "ReportQuestioned 1 overfill", "OrderFilled 1:l2 6 -100",
        "ReportQuestioned 1 overfill",
    ]  # fmt: skip


def test_a_combination_s_report_of_a_venue_that_has_none_books_nothing(by_legs: Desk) -> None:
    desk = by_legs
    new(desk)
    assert desk.ack() == ["RouteAccepted", "OrderAccepted"]
    assert fill(desk, "A", "s1", "5") == ["ReportQuestioned 1 combination_report_not_expected"]
    assert desk.now() == "new 0 of 5, 5 open, as A"


def test_the_end_of_a_leg_is_the_order_s_where_a_venue_says_no_other(by_legs: Desk) -> None:
    desk = by_legs
    new(desk)
    desk.ack()
    desk.cancel("C", "A")
    assert leg_report(desk, "C", "4", "IBM", "e1", status=OrdStatus.CANCELED) == [
        "RouteCanceled e-1-1-2", "OrderCanceled C",
    ]  # fmt: skip
    assert leg_report(desk, "C", "4", "GE", "e2", status=OrdStatus.CANCELED) == []


# -- a venue that reports combinations only --------------------------------------------------------------------


@pytest.fixture
def by_combination() -> Desk:
    return combination_desk("multileg")


def test_the_combination_s_report_executes_every_leg_at_its_price(by_combination: Desk) -> None:
    desk = by_combination
    new(desk)
    desk.ack()
    assert fill(desk, "A", "s1", "2", "-120", **priced(IBM="89", GE="50.5")) == [
        "OrderFilled s1 2 -120", "LegFilled IBM s1 20 89", "LegFilled GE s1 40 50.5",
    ]  # fmt: skip
    assert ibm(desk) == "held 2970, spent -240, position 20, open 30/0"
    assert fill(desk, "A", "s1", "2", "-120", **priced(IBM="89", GE="50.5")) == []
    assert desk.correct("A", "c1", "s1", "1", "-100", **priced(IBM="90", GE="50")) == [
        "ExecutionCorrected c1 s1 1 -100 2 -120", "LegCorrected 1 c1 s1 10 90 20 89",
        "LegCorrected 2 c1 s1 20 50 40 50.5",
    ]  # fmt: skip
    assert desk.bust("A", "b1", "s1") == [
        "ExecutionBusted b1 c1 1 -100", "LegBusted 1 b1 c1 10 90", "LegBusted 2 b1 c1 20 50",
    ]  # fmt: skip
    assert ibm(desk) == "held 4950, spent 0, position 0, open 50/0"
    assert ge(desk) == "held 4950, spent 0, position 0, open 0/100"


def test_without_a_price_for_every_leg_none_is_executed_and_all_stay_held(by_combination: Desk) -> None:
    desk = by_combination
    new(desk)
    desk.ack()
    assert fill(desk, "A", "s1", "2", "-120", **priced(IBM="89")) == [
        "OrderFilled s1 2 -120", "ReportQuestioned 1 legs_without_quantity_or_price",
    ]  # fmt: skip
    assert ibm(desk) == "held 4950, spent 0, position 0, open 50/0"
    # The correction has them.
    assert desk.correct("A", "c1", "s1", "2", "-120", **priced(IBM="89", GE="50.5")) == [
        "ExecutionCorrected c1 s1 2 -120 2 -120", "LegFilled IBM c1 20 89", "LegFilled GE c1 40 50.5",
    ]  # fmt: skip


@pytest.mark.parametrize(("ibm", "qty"), [("-1", "20"), ("0", "20"), ("90", "-20")])
def test_a_leg_s_price_or_quantity_that_makes_no_sense_is_none(
    by_combination: Desk, ibm: str, qty: str
) -> None:
    desk = by_combination
    new(desk)
    desk.ack()
    legs = (
        combinations.cmd.LegExecution("", "IBM", Px(scaled(ibm)), Qty(scaled(qty))),
        combinations.cmd.LegExecution("GE", "", Px(scaled("50"))),
    )
    assert fill(desk, "A", "s1", "2", legs=legs)[-1] == "ReportQuestioned 1 legs_without_quantity_or_price"
    assert desk.risk("BLOCK", "IBM") == "held 4950, spent 0, position 0, open 50/0"


def test_a_bust_finds_the_legs_that_a_correction_without_prices_left(by_combination: Desk) -> None:
    desk = by_combination
    new(desk)
    desk.ack()
    fill(desk, "A", "s1", "2", "-120", **priced(IBM="89", GE="50.5"))
    assert desk.correct("A", "c1", "s1", "2", "-119") == [
        "ExecutionCorrected c1 s1 2 -119 2 -120", "ReportQuestioned 1 legs_without_quantity_or_price",
    ]  # fmt: skip
    assert desk.bust("A", "b1", "c1") == [
        "ExecutionBusted b1 c1 2 -119", "LegBusted 1 b1 s1 20 89", "LegBusted 2 b1 s1 40 50.5",
    ]  # fmt: skip
    assert ibm(desk) == "held 4950, spent 0, position 0, open 50/0"


def test_a_leg_s_report_of_a_venue_that_has_none_books_nothing(by_combination: Desk) -> None:
    desk = by_combination
    new(desk)
    desk.ack()
    assert leg_fill(desk, "A", "IBM", "l1", "20", "89") == ["ReportQuestioned 1 leg_report_not_expected"]
    assert ibm(desk) == "held 4950, spent 0, position 0, open 50/0"


# -- requests ------------------------------------------------------------------------------------------------


def test_the_larger_of_old_and_new_is_held_by_each_leg_until_the_answer(desk: Desk) -> None:
    new(desk)
    desk.ack()
    leg_fill(desk, "A", "IBM", "l1", "10", "90")
    assert replace(desk, "B", "A", "8", "-95") == [
        "ReplaceRequested B A 8 -95", "ReplaceRouted e-1-1-2 e-1-1-1 8 -95",
    ]  # fmt: skip
    assert ibm(desk) == "held 6930, spent 900, position 10, open 70/0"
    assert ge(desk).endswith("open 0/160")
    desk.refused("B")
    assert ibm(desk) == "held 3960, spent 900, position 10, open 40/0"
    replace(desk, "C", "A", "2", "0")
    assert ibm(desk) == "held 3960, spent 900, position 10, open 40/0"
    assert desk.replaced("C") == ["RouteReplaced e-1-1-3", "OrderReplaced C"]
    assert ibm(desk) == "held 990, spent 900, position 10, open 10/0"
    assert desk.now() == "new 0 of 2, 2 open, as C"


def test_a_replace_is_held_at_the_prices_of_its_time(desk: Desk) -> None:
    new(desk)
    desk.ack()
    desk.price("IBM", "95")
    replace(desk, "B", "A", "5", "-50")
    assert ibm(desk) == "held 5225, spent 0, position 0, open 50/0"  # 104.5 each
    desk.replaced("B")
    assert ibm(desk) == "held 5225, spent 0, position 0, open 50/0"


def test_what_is_asked_of_a_leg_may_change_the_legs_themselves_may_not(desk: Desk) -> None:
    new(desk)
    desk.ack()
    turned = (leg("GE", Side.SELL, "20", px="51"), leg("IBM", Side.BUY, "10", effect="C", ref="other"))
    replace(desk, "B", "A", "5", "-100", *turned, reports="0")
    desk.replaced("B")
    terms = desk.order().versions[-1].terms
    assert terms is not None
    assert [(x.symbol, x.leg_ref_id, x.price, x.position_effect) for x in terms.legs] == [
        ("IBM", "IBM", None, "C"),
        ("GE", "GE", scaled("51"), ""),
    ]
    assert terms.multi_leg_rpt_type_req == "0"
    replace(desk, "C", "B", "6", "-100")
    desk.replaced("C")
    terms = desk.order().versions[-1].terms
    assert terms is not None
    assert (terms.legs[0].position_effect, terms.multi_leg_rpt_type_req) == ("C", "0")
    for legs in (
        (leg("IBM", Side.BUY, "10"),),
        (leg("IBM", Side.BUY, "10"), leg("GE", Side.SELL, "30")),
        (leg("IBM", Side.SELL, "10"), leg("GE", Side.SELL, "20")),
        (*SPREAD, leg("NEW")),
        (leg("IBM", Side.BUY, "10"), leg("GE", Side.SELL, "20"), leg("GE", Side.SELL, "20")),
    ):
        id = f"R{len(desk.commands)}"
        assert replace(desk, id, "C", "5", "-100", *legs) == [f"RequestDenied {id} legs_changed 99"]


def test_each_kind_of_order_has_its_own_replace(desk: Desk) -> None:
    new(desk)
    desk.new("P", "10", "80")
    assert desk.replace("B", "A", "6", "80") == ["RequestDenied B order_mismatch 99"]
    assert replace(desk, "C", "P", "6", "80") == ["RequestDenied C order_mismatch 99"]
    assert replace(desk, "D", "A", "6", "80", ord_type="1") == ["RequestDenied D ord_type_changed 99"]


def test_a_replace_that_waits_is_still_one_of_legs(desk: Desk) -> None:
    desk.profile("queue")
    new(desk)
    desk.ack()
    replace(desk, "B", "A", "6")
    assert replace(desk, "C", "A", "7", "-90", *SPREAD, reports="2") == ["RequestQueued C 7 -90"]
    assert desk.replaced("B") == [
        "RouteReplaced e-1-1-2", "OrderReplaced B",
        "ReplaceRequested C B 7 -90", "ReplaceRouted e-1-1-3 e-1-1-2 7 -90",
    ]  # fmt: skip


def test_a_replace_below_what_has_executed_stops_there(desk: Desk) -> None:
    new(desk)
    fill(desk, "A", "s1", "3")
    replace(desk, "B", "A", "2")
    desk.replaced("B")
    assert desk.now() == "filled 3 of 3, 0 open, as B"
    assert ibm(desk) == "held 2970, spent 0, position 0, open 30/0"  # its legs are reported yet


def test_a_venue_may_restate_a_combination(desk: Desk) -> None:
    new(desk)
    desk.ack()
    assert desk.restated("A", "3") == ["OrderRestated 5 3 -100"]
    assert ibm(desk) == "held 2970, spent 0, position 0, open 30/0"


# -- the fold ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["both", "legs", "multileg"])
def test_a_state_with_legs_comes_back_from_its_bytes_and_from_its_events(kind: str) -> None:
    desk = combination_desk(kind)
    for name in ("A", "B"):
        new(desk, name, tif=TimeInForce.GTC)
        desk.ack(name)
        leg_fill(desk, name, "IBM", "l1", "20", "89")
        leg_fill(desk, name, "GE", "l2", "40", "50")
        fill(desk, name, "s1", "2", "-110", **priced(IBM="89", GE="50"))
        leg_correct(desk, name, "GE", "l3", "l2", "20", "50")
        replace(desk, f"{name}2", name, "8", "-90", *SPREAD)
    desk.replaced("B2")
    copy = State.load(desk.state.dump())
    assert copy.digest() == desk.state.digest() == desk.refold().digest()
    assert [order.legs for order in copy.orders.values()] == [o.legs for o in desk.state.orders.values()]


# -- where it goes -------------------------------------------------------------------------------------------


def routed_to(name: str, *more: ev.Event) -> Desk:
    """A desk whose orders go to a strategy or a destination by that name."""
    firm = msgspec.structs.replace(FIRM, market_venues=(("XNYS", name),))
    return combination_desk("both", firm, *more)


def test_it_is_not_worked_in_parts() -> None:
    halves = ev.StrategyDefined(START_NS, "HALVES", "split", ((SIM, 1), (LSE, 1)), "desk")
    desk = routed_to("HALVES", halves)
    assert new(desk) == ["OrderDenied A cannot_be_split 11"]


def test_it_waits_for_its_destination_whole() -> None:
    desk = routed_to("PATIENT", ev.DestinationDefined(START_NS, "PATIENT", SIM, "park"))
    desk.down(SIM)
    assert new(desk)[:1] == ["OrderReceived A"]
    assert desk.now() == "new 0 of 5, 5 open, as A"
    assert replace(desk, "B", "A", "4", "-90") == [
        "ReplaceRequested B A 4 -90",
        "OrderReplaced B",
        "OrderWorked",
    ]
    assert ibm(desk) == "held 3960, spent 0, position 0, open 40/0"
    assert "OrderRouted SIM e-1-1-1" in desk.up(SIM)
    desk.ack()
    assert leg_fill(desk, "A", "IBM", "l1", "40", "90") == ["LegFilled IBM l1 40 90"]
    assert fill(desk, "A", "s1", "4") == ["OrderFilled s1 4 -100"]
    assert desk.now() == "filled 4 of 4, 0 open, as B"
    assert desk.order().plan is None


def test_what_a_destination_adds_goes_beside_the_legs() -> None:
    more = Terms(target_strategy="1001")
    terms = ("legs", "target_strategy")
    algo = ev.DestinationDefined(START_NS, "ALGO", SIM, "deny", terms=more)
    desk = routed_to("ALGO", algo, combinations.venue(terms=terms))
    assert new(desk)[0] == "OrderReceived A"
    routed = desk.events[-1]
    assert isinstance(routed, ev.OrderRouted)
    assert routed.terms is not None
    assert (routed.terms.target_strategy, len(routed.terms.legs)) == ("1001", 2)
