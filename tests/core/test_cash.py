"""Orders for an amount of money: how many that is, and who is told what.

*Source:* FIX order state matrix L.1.b; NewOrderSingle, CashOrderQty(152).
"""

import pytest

from oms.core import events as ev
from oms.core.types import SCALE
from oms.fix.encode import render
from oms.fix.wire import fields
from tests.core.desk import Desk, terms

BY_PRICE = (
    # order, and what its venue can do     amount      quantity
    ({"px": "10"},                         "1000",     "100"),
    ({"px": "10"},                         "1009.99",  "100"),   # whole lots, rounded down
    ({"px": ""},                           "900",      "10"),    # at the reference price, 90
    ({"px": "", "ord_type": "3", "stop": "100"}, "1000", "10"),  # at its stop price
    ({"px": "80", "symbol": "VOD", "account": "HUGE"}, "800", "1000"),  # quoted in pence: 80 is 0.80
    ({"px": "", "symbol": "TOY", "account": "HUGE"}, "500000", "200"),  # lots of 100 at 2000: 250 is 200
)  # fmt: skip


@pytest.mark.parametrize(("order", "amount", "qty"), BY_PRICE)
def test_an_amount_is_worked_out_into_whole_lots(order: dict[str, str], amount: str, qty: str) -> None:
    desk = Desk()
    stop = order.pop("stop", "") if "stop" in order else ""
    desk.new("A", "0", terms=terms(stop=stop, cash=amount), **order)
    assert desk.order().order_qty == int(qty) * SCALE
    assert desk.order().versions[-1].terms.cash_order_qty > 0


def test_an_amount_that_is_worth_no_lot_is_denied() -> None:
    desk = Desk()
    assert desk.new("A", "0", "10", terms=terms(cash="9.99")) == ["OrderDenied A cash_order_qty 13"]


def test_an_amount_without_a_price_to_measure_by_is_denied() -> None:
    desk = Desk()
    assert desk.new("A", "0", "", symbol="NEW", terms=terms(cash="1000")) == [
        "OrderDenied A cash_order_qty 13"
    ]


def test_an_amount_beyond_all_numbers_is_denied_like_any_other_quantity() -> None:
    desk = Desk()
    assert desk.new("A", "0", "0.01", terms=terms(cash="90000000000")) == ["OrderDenied A max_order_qty 3"]


def test_the_venue_is_told_the_quantity_and_the_client_both() -> None:
    desk = Desk(ev.VenueDefined(0, "SIM", ("2",), ("0",), ()))  # it knows no terms at all
    desk.new("A", "0", "10", terms=terms(cash="1000"))
    routed = next(e for e in desk.events if isinstance(e, ev.OrderRouted))
    message = render(routed, 1, desk.state)
    assert message is not None
    found = fields(message[1])
    assert (found["38"], found.get("152")) == ("100", None)
    desk.ack("A")
    told = render(desk.events[-1], 2, desk.state)
    assert told is not None
    assert (fields(told[1])["38"], fields(told[1])["152"]) == ("100", "1000")


def test_a_replace_says_a_quantity_and_ends_the_amount() -> None:
    desk = Desk()
    desk.new("A", "0", "10", terms=terms(cash="1000"))
    desk.ack("A")
    desk.replace("B", "A", "50")
    desk.replaced("B")
    told = render(desk.events[-1], 9, desk.state)
    assert told is not None
    assert "152" not in fields(told[1])
