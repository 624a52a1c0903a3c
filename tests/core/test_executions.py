"""Executions one by one: what a venue may say of them later. Order A is to buy 100 at 10.

*Source of the cases:* FIX 4.4 volume 4, order state change matrices J. What the transcripts of those show is
not shown again here.
"""

import pytest

from oms.core.types import ExecType, OrdStatus, Qty, Side
from oms.fix.encode import render
from tests.core.desk import SIM, Desk, scaled

NO_BUST = ["ReportQuestioned 1 bust_of_no_execution"]
NO_CORRECTION = ["ReportQuestioned 1 correction_of_no_execution"]


@pytest.fixture
def part() -> Desk:
    """40 at 10 and 20 at 9 are executed."""
    desk = Desk()
    desk.new("A")
    desk.ack()
    desk.fill("A", "x1", "40", "10")
    desk.fill("A", "x2", "20", "9")
    return desk


def sent(desk: Desk, of_last: int = 1) -> dict[str, str]:
    """The fields of the report that the last event sends."""
    message = render(desk.events[-of_last], len(desk.events), desk.state)
    assert message is not None
    return dict(field.split("=", 1) for field in message[1].split("\x01") if field)


# -- busts ---------------------------------------------------------------------------------------------------


def test_a_bust_takes_one_execution_back(part: Desk) -> None:
    assert part.bust("A", "b1", "x1") == ["ExecutionBusted b1 x1 40 10"]
    assert part.now() == "partially_filled 20 of 100, 80 open, as A"
    assert part.risk() == "held 800, spent 180, position 20, open 80/0"


def test_a_bust_of_all_leaves_an_order_that_is_new(part: Desk) -> None:
    part.bust("A", "b1", "x1")
    part.bust("A", "b2", "x2")
    assert part.now() == "new 0 of 100, 100 open, as A"
    assert part.risk() == "held 1000, spent 0, position 0, open 100/0"
    assert sent(part)["6"] == "0"


def test_a_filled_order_is_open_again_behind_those_that_came_meanwhile(part: Desk) -> None:
    part.new("B", "10", "10")
    part.fill("A", "x3", "40")
    assert part.now() == "filled 100 of 100, 0 open, as A"
    part.bust("A", "b1", "x3")
    assert part.now() == "partially_filled 60 of 100, 40 open, as A"
    assert [r.id for r in part.state.books["IBM"].orders(Side.BUY)] == [2, 1]


def test_a_bust_that_comes_again_changes_nothing(part: Desk) -> None:
    part.bust("A", "b1", "x1")
    assert part.bust("A", "b1", "x1") == []
    assert part.now() == "partially_filled 20 of 100, 80 open, as A"


def test_a_bust_under_a_known_fills_exec_id_is_questioned(part: Desk) -> None:
    assert part.bust("A", "x2", "x1") == ["ReportQuestioned 1 bust_under_the_id_of_an_execution"]
    assert part.bust("A", "x1", "x1") == ["ReportQuestioned 1 bust_under_the_id_of_an_execution"]
    assert part.now() == "partially_filled 60 of 100, 40 open, as A"


def test_a_correction_that_comes_again_changes_nothing_and_one_under_another_id_is_questioned(
    part: Desk,
) -> None:
    part.correct("A", "c1", "x1", "30")
    assert part.correct("A", "c1", "x1", "30") == []
    assert part.correct("A", "x2", "x1", "20") == [
        "ReportQuestioned 1 correction_under_the_id_of_an_execution"
    ]
    assert part.now() == "partially_filled 50 of 100, 50 open, as A"


def test_a_fill_under_a_known_exec_id_that_cum_qty_counts_again_is_questioned(part: Desk) -> None:
    """Silence would lose it. A copy has the CumQty of its time."""
    assert part.fill("A", "x2", "20", cum_qty=Qty(scaled("60"))) == []
    assert part.fill("A", "x2", "20", cum_qty=Qty(scaled("80"))) == ["ReportQuestioned 1 exec_id_used_again"]
    assert part.now() == "partially_filled 60 of 100, 40 open, as A"


def test_what_is_busted_cannot_be_busted_or_corrected_again(part: Desk) -> None:
    part.bust("A", "b1", "x1")
    assert part.bust("A", "b2", "x1") == NO_BUST
    assert part.bust("A", "b3", "b1") == NO_BUST
    assert part.correct("A", "c1", "x1", "30") == NO_CORRECTION
    assert part.correct("A", "c2", "b1", "30") == NO_CORRECTION
    assert part.now() == "partially_filled 20 of 100, 80 open, as A"


@pytest.mark.parametrize("ref", ["", "x9"])
def test_a_bust_or_correction_of_what_is_not_known_is_questioned(part: Desk, ref: str) -> None:
    assert part.bust("A", "b1", ref) == NO_BUST
    assert part.correct("A", "c1", ref, "30") == NO_CORRECTION


def test_a_bust_or_correction_without_an_id_is_questioned(part: Desk) -> None:
    assert part.bust("A", "", "x1") == NO_BUST
    assert part.correct("A", "", "x1", "30") == NO_CORRECTION


def test_an_execution_of_another_order_is_not_meant(part: Desk) -> None:
    part.new("B")
    part.fill("B", "x1", "10")
    assert part.bust("B", "b1", "x2") == ["ReportQuestioned 2 bust_of_no_execution"]
    assert part.bust("B", "b1", "x1") == ["ExecutionBusted b1 x1 10 10"]
    assert part.now() == "partially_filled 60 of 100, 40 open, as A"


ENDS = (
    # how               then it is      with nothing of it executed
    ("canceled",        "canceled",     "canceled"),
    ("expired",         "expired",      "expired"),
    ("done_for_day",    "done_for_day", "done_for_day"),
    ("calculated",      "calculated",   "calculated"),
)  # fmt: skip


@pytest.mark.parametrize(("how", "then", "empty"), ENDS, ids=[row[0] for row in ENDS])
def test_a_bust_after_the_end_does_not_open_the_order_again(
    part: Desk, how: str, then: str, empty: str
) -> None:
    if how == "calculated":
        part.report("A", ExecType.CALCULATED)
    else:
        getattr(part, how)("A")
    part.bust("A", "b1", "x1")
    assert part.now() == f"{then} 20 of 100, 0 open, as A"
    part.bust("A", "b2", "x2")
    assert part.now() == f"{empty} 0 of 100, 0 open, as A"
    assert part.risk() == "held 0, spent 0, position 0, open 0/0"


def test_a_bust_while_a_cancel_is_pending(part: Desk) -> None:
    part.cancel("B", "A")
    part.bust("A", "b1", "x1")
    assert part.now() == "pending_cancel 20 of 100, 80 open, as A"
    part.canceled("B")
    assert part.now() == "canceled 20 of 100, 0 open, as A"


def test_a_bust_while_a_replace_is_pending_holds_for_both(part: Desk) -> None:
    part.replace("B", "A", "150", "12")
    assert part.risk() == "held 1080, spent 580, position 60, open 90/0"
    part.bust("A", "b1", "x1")
    assert part.risk() == "held 1560, spent 180, position 20, open 130/0"
    part.replaced("B")
    assert part.now() == "partially_filled 20 of 150, 130 open, as B"


def test_a_bust_of_a_sell_gives_the_proceeds_back() -> None:
    desk = Desk()
    desk.new("A", "100", "90", side=Side.SELL)
    desk.fill("A", "x1", "40", "91")
    assert desk.risk() == "held 0, spent -3640, position -40, open 0/60"
    desk.bust("A", "b1", "x1")
    assert desk.risk() == "held 0, spent 0, position 0, open 0/100"


@pytest.mark.parametrize("qty", ["1", "1.00000003"])
def test_a_bust_takes_back_to_the_last_unit_what_was_spent(qty: str) -> None:
    """Prices in pence: a hundredth of an odd product is rounded, the same way there and back."""
    desk = Desk()
    desk.new("A", "10", "80", symbol="VOD", account="ACC")
    desk.fill("A", "x1", qty, "79.00000007")
    assert desk.state.risk["ACC"].spent["GBP"] > 0
    desk.bust("A", "b1", "x1")
    assert desk.state.risk["ACC"].spent["GBP"] == 0


def test_an_overfill_that_is_busted_fills_the_order_no_more(part: Desk) -> None:
    part.fill("A", "x3", "50")
    assert part.now() == "filled 110 of 100, 0 open, as A"
    part.bust("A", "b1", "x2")
    assert part.now() == "partially_filled 90 of 100, 10 open, as A"


# -- corrections ---------------------------------------------------------------------------------------------


def test_a_correction_stands_for_what_it_corrects(part: Desk) -> None:
    assert part.correct("A", "c1", "x1", "30", "9.5") == ["ExecutionCorrected c1 x1 30 9.5 40 10"]
    assert part.now() == "partially_filled 50 of 100, 50 open, as A"
    assert part.risk() == "held 500, spent 465, position 50, open 50/0"
    assert part.correct("A", "c1", "x1", "30", "9.5") == []


def test_a_chain_of_corrections_is_followed_from_any_of_its_ids(part: Desk) -> None:
    part.correct("A", "c1", "x1", "30")
    assert part.correct("A", "c2", "x1", "35") == ["ExecutionCorrected c2 c1 35 10 30 10"]
    assert part.correct("A", "c3", "c1", "36") == ["ExecutionCorrected c3 c2 36 10 35 10"]
    assert part.correct("A", "c4", "c3", "37") == ["ExecutionCorrected c4 c3 37 10 36 10"]
    assert part.bust("A", "b1", "x1") == ["ExecutionBusted b1 c4 37 10"]
    for ref in ("x1", "c1", "c2", "c3", "c4", "b1"):
        assert part.bust("A", "b2", ref) == NO_BUST
    assert part.now() == "partially_filled 20 of 100, 80 open, as A"


def test_a_correction_cannot_name_itself(part: Desk) -> None:
    assert part.correct("A", "c1", "c1", "30") == NO_CORRECTION


@pytest.mark.parametrize(("qty", "px"), [("0", "10"), ("-5", "10"), ("30", "0")])
def test_a_correction_that_says_too_little_is_questioned(part: Desk, qty: str, px: str) -> None:
    wanted = ["ReportQuestioned 1 execution_without_quantity_price_or_id"]
    assert part.correct("A", "c1", "x1", qty, px) == wanted
    assert part.now() == "partially_filled 60 of 100, 40 open, as A"


def test_a_correction_to_more_than_the_order_is_booked_and_questioned(part: Desk) -> None:
    found = part.correct("A", "c1", "x1", "90")
    assert found == ["ExecutionCorrected c1 x1 90 10 40 10", "ReportQuestioned 1 overfill"]
    assert part.now() == "filled 110 of 100, 0 open, as A"


def test_a_correction_to_more_within_a_pending_increase_is_no_overfill(part: Desk) -> None:
    part.replace("B", "A", "150")
    assert part.correct("A", "c1", "x1", "90") == ["ExecutionCorrected c1 x1 90 10 40 10"]


def test_a_correction_of_a_filled_order_downwards_opens_it(part: Desk) -> None:
    part.fill("A", "x3", "40")
    part.correct("A", "c1", "x3", "10")
    assert part.now() == "partially_filled 70 of 100, 30 open, as A"


def test_the_price_alone_can_be_corrected(part: Desk) -> None:
    part.correct("A", "c1", "x1", "40", "11")
    assert part.now() == "partially_filled 60 of 100, 40 open, as A"
    assert part.risk() == "held 400, spent 620, position 60, open 40/0"


def test_a_late_copy_of_what_was_corrected_or_busted_is_not_executed_again(part: Desk) -> None:
    part.correct("A", "c1", "x1", "30")
    part.bust("A", "b1", "x2")
    assert part.fill("A", "x1", "40") == []
    assert part.fill("A", "x2", "20") == []
    assert part.fill("A", "b1", "20") == ["ReportQuestioned 1 execution_under_the_id_of_a_bust"]
    assert part.now() == "partially_filled 30 of 100, 70 open, as A"


# -- as the client sees it -----------------------------------------------------------------------------------


def test_our_exec_ids_are_numbered_within_the_route_and_named_again(part: Desk) -> None:
    assert sent(part)["17"] == "e-1-1-X2"
    part.correct("A", "c1", "x1", "30", "9.5", text="typing error")
    report = sent(part)
    assert (report["17"], report["19"], report["150"]) == ("e-1-1-X3", "e-1-1-X1", "G")
    assert (report["32"], report["31"], report["14"], report["58"]) == ("30", "9.5", "50", "typing error")
    part.bust("A", "b1", "x1")
    report = sent(part)
    assert (report["17"], report["19"], report["150"]) == ("e-1-1-X4", "e-1-1-X3", "H")
    assert (report["32"], report["31"], report["14"]) == ("0", "0", "20")


def test_the_same_exec_id_of_two_orders_is_two_executions_of_ours(part: Desk) -> None:
    part.new("B")
    assert part.fill("B", "x1", "10") == ["RouteAccepted", "OrderAccepted", "OrderFilled x1 10 10"]
    assert sent(part)["17"] == "e-2-1-X1"
    assert part.fill("B", "x1", "10") == []


def test_a_bust_while_a_cancel_is_pending_says_pending_cancel(part: Desk) -> None:
    part.cancel("B", "A")
    part.bust("A", "b1", "x1")
    assert (sent(part)["39"], sent(part)["11"]) == (OrdStatus.PENDING_CANCEL, "A")


# -- executions that nobody knows ----------------------------------------------------------------------------


def test_an_execution_of_an_unknown_order_is_answered_that_nobody_knows_it(part: Desk) -> None:
    unknown = part.commands[-1].__class__(
        SIM,
        "e-9-1-1",
        ExecType.TRADE,
        OrdStatus.FILLED,
        "x7",
        venue_order_id="V9",
        last_qty=part.commands[-1].last_qty,
        last_px=part.commands[-1].last_px,
        symbol="IBM",
        side="2",
    )
    wanted = ["ReportQuestioned 0 unknown_order", "TradeUnknown SIM x7 D"]
    assert part.do(unknown) == wanted
    report = sent(part)
    assert {tag: report[tag] for tag in ("35", "37", "17", "127", "55", "54", "32", "31")} == {
        "35": "Q", "37": "V9", "17": "x7", "127": "D", "55": "IBM", "54": "2", "32": "20", "31": "9",
    }  # fmt: skip
    assert part.do(unknown) == wanted


def test_an_execution_of_another_venues_order_is_not_booked(part: Desk) -> None:
    found = part.fill("A", "x7", "10", venue="LSE")
    assert found == ["ReportQuestioned 0 unknown_order", "TradeUnknown LSE x7 D"]
    assert part.now() == "partially_filled 60 of 100, 40 open, as A"


@pytest.mark.parametrize("exec_type", [ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT, ExecType.NEW])
def test_other_reports_of_an_unknown_order_are_only_questioned(part: Desk, exec_type: str) -> None:
    assert part.report("A", exec_type, venue="LSE") == ["ReportQuestioned 0 unknown_order"]
