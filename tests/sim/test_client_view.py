"""A client's view: what it believes, what it doubts, what it counts once."""

from typing import Any

import pytest

from oms.core.types import SCALE, OrdType, TimeInForce
from oms.sim.client_view import ClientView

Fields = dict[str, str]


@pytest.fixture
def view() -> ClientView:
    view = ClientView()
    terms: dict[str, Any] = {
        "account": "ACC",
        "symbol": "X",
        "side": "1",
        "order_qty": 100 * SCALE,
        "ord_type": OrdType.LIMIT,
        "price": 10 * SCALE,
        "time_in_force": TimeInForce.DAY,
    }
    view.sent_new("A", 1_000, **terms)
    view.sent_new("B", 2_000, **terms)
    return view


def report(
    exec_id: str, cl_ord_id: str, exec_type: str, ord_status: str, cum: str, leaves: str, **tags: str
) -> Fields:
    """An ExecutionReport(8); keyword t38 is tag 38."""
    more = {tag[1:]: value for tag, value in tags.items()}
    return {
        "35": "8",
        "37": f"O-{cl_ord_id}",
        "17": exec_id,
        "11": cl_ord_id,
        "150": exec_type,
        "39": ord_status,
        "14": cum,
        "151": leaves,
        "6": "10" if cum != "0" else "0",
        **more,
    }


def fill(
    exec_id: str, cl_ord_id: str, status: str, cum: str, leaves: str, qty: str, px: str = "10"
) -> Fields:
    return report(exec_id, cl_ord_id, "F", status, cum, leaves, t32=qty, t31=px)


def test_life_of_an_order(view: ClientView) -> None:
    assert view.unanswered == 2
    assert view.received(report("1", "A", "0", "0", "0", "100")) == 1_000, "when it was sent"
    assert view.received(fill("2", "A", "1", "40", "60", "40")) == 0
    order = view.orders["A"]
    assert (order["status"], order["cum"], order["leaves"], order["avg"]) == (
        "1",
        40 * SCALE,
        60 * SCALE,
        10 * SCALE,
    )
    view.sent_request("R", "A", "replace", 3_000)
    assert view.received(report("3", "R", "E", "E", "40", "60", t41="A")) == 3_000
    assert order["requests"] == {"R": "replace"}
    view.received(report("4", "R", "5", "1", "40", "160", t41="A", t38="200", t44="11"))
    assert (order["cl_ord_id"], order["order_qty"], order["price"]) == ("R", 200 * SCALE, 11 * SCALE)
    assert view.by_id["A"] is view.by_id["R"] is order
    view.sent_request("C", "R", "cancel", 4_000)
    view.received(report("5", "C", "4", "4", "40", "0", t41="R"))
    assert (order["status"], order["requests"]) == ("4", {})
    assert list(view.open) == ["B"]
    assert view.unanswered == 1
    assert view.violations == []


def test_the_same_execution_counts_once(view: ClientView) -> None:
    first = fill("2", "A", "1", "40", "60", "40")
    view.received(first)
    view.received({**first, "43": "Y"})
    assert (view.orders["A"]["cum"], view.duplicates, view.violations) == (40 * SCALE, 1, [])


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        (
            [fill("2", "A", "1", "40", "60", "40"), fill("2", "A", "1", "50", "50", "10")],
            "two different reports",
        ),
        (
            [fill("2", "A", "1", "50", "50", "40")],
            "says CumQty 5000000000, the executions of A say 4000000000",
        ),
        (
            [fill("2", "A", "1", "40", "60", "40", "11")],
            "says AvgPx 1000000000, the executions say 1100000000",
        ),
        ([report("2", "A", "0", "0", "40", "60")], "the executions of A say 0"),
        ([report("2", "Z", "0", "0", "0", "1")], "about an unknown order, ClOrdID Z"),
        ([report("2", "A", "4", "4", "0", "60")], "says OrdStatus 4 and LeavesQty 6000000000"),
        ([report("2", "A", "0", "0", "0", "200", t38="100")], "> OrderQty 10000000000"),
        ([report("0", "A", "I", "1", "40", "60")], "status of A says CumQty 40"),
    ],
)
def test_what_does_not_add_up_is_written_down(view: ClientView, reports: list[Fields], expected: str) -> None:
    for message in reports:
        view.received(message)
    assert any(expected in violation for violation in view.violations), view.violations


def test_refused_request(view: ClientView) -> None:
    view.received(report("1", "A", "0", "0", "0", "100"))
    view.sent_request("C", "A", "cancel", 3_000)
    reject = {"35": "9", "37": "O-A", "11": "C", "41": "A", "39": "0", "434": "1", "102": "0"}
    assert view.received(reject) == 3_000
    assert (view.orders["A"]["requests"], view.orders["A"]["status"]) == ({}, "0")
    assert view.counts["cancel reject"] == 1
    assert "A" in view.open


def test_refused_second_use_of_an_id_is_not_about_the_first(view: ClientView) -> None:
    view.sent_new("A", 3_000, symbol="X")
    assert view.unanswered == 3
    # Before the first use is acknowledged only the reason tells.
    view.received(report("1", "A", "8", "8", "0", "0", t103="6", t37="O-2"))
    assert (view.unanswered, view.orders["A"]["status"]) == (2, "")
    view.received(report("2", "A", "0", "0", "0", "100"))
    # After it the OrderID does.
    view.sent_new("A", 3_000, symbol="X")
    view.received(report("3", "A", "8", "8", "0", "0", t103="1", t37="O-3"))
    assert (view.unanswered, view.orders["A"]["status"]) == (1, "0")


def test_a_filled_order_that_grows_is_open_again(view: ClientView) -> None:
    view.received(fill("1", "A", "2", "100", "0", "100"))
    assert "A" not in view.open
    view.sent_request("R", "A", "replace", 1)
    view.received(report("2", "R", "5", "1", "100", "50", t41="A", t38="150", t44="10"))
    assert "A" in view.open
