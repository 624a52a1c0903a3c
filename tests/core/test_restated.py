"""What a venue restates unasked: corporate actions.

*Source:* FIX order state matrix H.1.b; ExecRestatementReason(378) 0.
"""

import pytest

from oms.core import commands as cmd
from oms.core.types import ExecType, Px, Qty, TimeInForce
from oms.sim.auditor import Auditor
from tests.core.desk import Desk, scaled


@pytest.fixture
def desk() -> Desk:
    """A good-till-canceled order for 100 at 10, of which 30 and 10 were executed."""
    desk = Desk()
    desk.new("A", "100", "10", tif=TimeInForce.GTC)
    desk.ack("A")
    desk.fill("A", "x1", "30", "10")
    desk.fill("A", "x2", "10", "9")
    desk.do(cmd.EndDay("jane"))
    return desk


def split(desk: Desk, qty: str, cum: str, px: str, reason: str = "0", of: str = "A") -> list[str]:
    return desk.report(
        of,
        ExecType.RESTATED,
        order_qty=Qty(scaled(qty)),
        cum_qty=Qty(scaled(cum)),
        price=Px(scaled(px)),
        exec_restatement_reason=reason,
    )


def agree(desk: Desk) -> None:
    auditor = Auditor()
    assert auditor.feed_all(desk.events) == []
    assert auditor.compare(desk.state.dump()) == []


def test_a_split_doubles_what_was_executed_and_what_is_open(desk: Desk) -> None:
    spent = desk.risk().split(",")[1]
    assert split(desk, "200", "80", "5") == ["OrderRestated 0 200 5"]
    assert desk.now() == "partially_filled 80 of 200, 120 open, as A"
    assert desk.risk() == f"held 600,{spent}, position 80, open 120/0"
    desk.fill("A", "x3", "120", "5")
    assert desk.now() == "filled 200 of 200, 0 open, as A"
    agree(desk)


def test_a_reverse_split(desk: Desk) -> None:
    split(desk, "50", "20", "20")
    assert desk.now() == "partially_filled 20 of 50, 30 open, as A"
    agree(desk)


def test_a_bust_after_a_split_takes_back_what_the_execution_has_become(desk: Desk) -> None:
    split(desk, "200", "80", "5")
    assert desk.bust("A", "b1", "x1") == ["ExecutionBusted b1 x1 60 5"]
    assert desk.now() == "partially_filled 20 of 200, 180 open, as A"
    agree(desk)


def test_a_price_that_does_not_divide_is_rounded_and_the_sums_follow(desk: Desk) -> None:
    split(desk, "150", "60", "6.67")
    assert desk.now() == "partially_filled 60 of 150, 90 open, as A"
    desk.bust("A", "b1", "x1")
    desk.bust("A", "b2", "x2")
    assert desk.order().cum_notional == 0
    agree(desk)


def test_a_split_that_leaves_an_execution_in_parts_is_questioned(desk: Desk) -> None:
    """41 of 40, in units of 1e-8: no ratio of whole executions. The quantity it states is taken, no more."""
    odd = desk.report(
        "A",
        ExecType.RESTATED,
        order_qty=Qty(scaled("200")),
        cum_qty=Qty(scaled("40") + 1),
        exec_restatement_reason="0",
    )
    assert odd == ["OrderRestated 0 200 10", "ReportQuestioned 1 executed_quantity_differs"]
    assert desk.now() == "partially_filled 40 of 200, 160 open, as A"
    agree(desk)


def test_another_cum_qty_for_another_reason_is_questioned(desk: Desk) -> None:
    assert split(desk, "100", "30", "10", reason="1") == [
        "OrderRestated 1 100 10",
        "ReportQuestioned 1 executed_quantity_differs",
    ]
    agree(desk)


def test_a_copy_of_a_split_changes_nothing(desk: Desk) -> None:
    facts = {
        "exec_id": "s1",
        "order_qty": Qty(scaled("200")),
        "cum_qty": Qty(scaled("80")),
        "price": Px(scaled("5")),
        "exec_restatement_reason": "0",
    }
    assert desk.report("A", ExecType.RESTATED, **facts) == ["OrderRestated 0 200 5"]
    assert desk.report("A", ExecType.RESTATED, **facts) == []
    agree(desk)
