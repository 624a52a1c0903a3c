"""What the profiles and the ends of orders mean for orders in parts, in legs and in lists."""

import pytest

from oms.core.types import ExecType, Qty, Terms
from oms.sim.auditor import Auditor
from tests.core import combinations
from tests.core.desk import START_NS, Desk, member, scaled
from tests.core.test_working import HALVES
from tests.core.test_working import desk as desk_with


def agree(desk: Desk) -> None:
    auditor = Auditor()
    assert auditor.feed_all(desk.events) == []
    assert auditor.compare(desk.state.dump()) == []


# -- parts ---------------------------------------------------------------------------------------------------


@pytest.fixture
def halves() -> Desk:
    found = desk_with(HALVES)
    found.new("A", "100")
    found.ack("A", 1)
    found.ack("A", 2)
    return found


def test_a_mass_cancel_that_one_part_cannot_follow_is_told_once_all_have_answered(halves: Desk) -> None:
    halves.cancel_all("M")
    assert not [e for e in halves.refused("A/", route=1) if e.startswith("MassCancelRejected")]
    found = halves.canceled("A/", route=2)
    assert "MassCancelRejected M 99 a part of the order could not be changed" in found
    agree(halves)


def test_a_part_that_its_venue_ended_when_it_looked_filled_is_given_to_nobody_else_by_a_bust(
    halves: Desk,
) -> None:
    halves.fill("A", "x1", "60", route=1)
    halves.canceled("A", route=1)
    halves.fill("A", "x1", "40", route=2)
    halves.bust("A", "b1", "x1", route=1)
    assert halves.now() == "partially_filled 40 of 100, 60 open, as A"
    agree(halves)


def test_a_correction_of_a_part_that_has_ended_may_be_more_than_is_left_for_it(halves: Desk) -> None:
    halves.fill("A", "x1", "20", route=1)
    halves.canceled("A", route=1)
    assert [r.order_qty // 10**8 for r in halves.order("A").routes] == [60, 40, 40], "others have the rest"
    found = halves.correct("A", "c1", "x1", "50", route=1)
    assert found[:2] == ["ExecutionCorrected c1 x1 50 10 20 10", "ReportQuestioned 1 overfill"]
    assert halves.correct("A", "c2", "c1", "20", route=1)[0] == "ExecutionCorrected c2 c1 20 10 50 10"
    agree(halves)


def test_a_mass_cancel_of_an_order_in_parts_is_answered_by_its_end(halves: Desk) -> None:
    halves.cancel_all("M")
    halves.canceled("A/", route=1)
    assert "OrderCanceled" in halves.canceled("A/", route=2)
    agree(halves)


def test_the_last_part_is_followed_by_what_the_client_wants_then(halves: Desk) -> None:
    halves.profile(final_fill="done_for_day")
    assert "OrderDoneForDay" not in halves.fill("A", "x1", "60", route=1)
    assert halves.fill("A", "x1", "40", route=2) == ["OrderFilled x1 40 10", "OrderDoneForDay"]
    agree(halves)


def test_a_corporate_action_on_a_part_is_for_a_person() -> None:
    found = desk_with(HALVES)
    found.new("A", "100")
    found.fill("A", "x1", "20", route=1)
    facts = {"order_qty": Qty(scaled("120")), "cum_qty": Qty(scaled("40")), "exec_restatement_reason": "0"}
    assert found.report("A", ExecType.RESTATED, **facts) == [
        "ReportQuestioned 1 corporate_action_on_an_order_in_parts"
    ]


# -- legs ----------------------------------------------------------------------------------------------------


def test_an_order_that_its_legs_have_filled_is_followed_by_what_the_client_wants_then() -> None:
    desk = combinations.combination_desk("legs")
    desk.profile(final_fill="done_for_day")
    combinations.new(desk, "A", "1")
    combinations.leg_fill(desk, "A", "IBM", "x1", "10", "90")
    found = combinations.leg_fill(desk, "A", "GE", "x2", "20", "50")
    assert [event.split()[0] for event in found] == ["LegFilled", "OrderFilled", "OrderDoneForDay"]
    agree(desk)


def test_a_leg_s_bust_opens_no_order_that_its_venue_had_ended() -> None:
    desk = combinations.combination_desk("legs")
    combinations.new(desk, "A", "1")
    combinations.leg_fill(desk, "A", "IBM", "x1", "10", "90")
    combinations.leg_fill(desk, "A", "GE", "x2", "20", "50")
    desk.canceled("A")
    found = combinations.leg_bust(desk, "A", "GE", "b1", "x2")
    assert [event.split()[0] for event in found] == ["LegBusted", "ExecutionBusted", "OrderCanceled"]
    agree(desk)


def test_a_venue_of_combinations_takes_one_back_by_restating_the_order_and_its_legs_with_it() -> None:
    desk = combinations.combination_desk("multileg")
    desk.profile(of="SIM", busts="restate")
    combinations.new(desk, "A", "5")
    combinations.fill(desk, "A", "x1", "2", **combinations.priced(IBM="90", GE="50"))
    facts = {"cum_qty": Qty(0), "exec_restatement_reason": "99", "exec_id": "r1"}
    found = desk.report("A", ExecType.RESTATED, **facts)
    assert [event.split()[0] for event in found] == ["ExecutionBusted", "LegBusted", "LegBusted"]
    agree(desk)


def test_a_combination_under_an_exec_id_of_an_earlier_day_is_another_one_in_its_legs_as_well() -> None:
    desk = combinations.combination_desk("multileg")
    desk.profile(of="SIM", exec_ids="day")
    combinations.new(desk, "A", "5", tif="1")
    prices = combinations.priced(IBM="90", GE="50")
    combinations.fill(desk, "A", "1", "2", transact_time_ns=START_NS, **prices)
    desk.end_day(1)
    found = combinations.fill(desk, "A", "1", "2", transact_time_ns=desk.now_ns, **prices)
    assert [event.split()[0] for event in found] == ["OrderFilled", "LegFilled", "LegFilled"]
    assert set(desk.order("A").legs[0].executions) == {"1", "1~2"}  # type: ignore[index]
    agree(desk)


# -- lists ---------------------------------------------------------------------------------------------------


def test_an_order_of_a_list_may_be_for_an_amount_of_money() -> None:
    desk = Desk()
    desk.new_list("L", member(1, "A", "0", terms=Terms(cash_order_qty=Qty(scaled("1000")))))
    assert desk.now("A").endswith("of 100, 100 open, as A")
    agree(desk)
