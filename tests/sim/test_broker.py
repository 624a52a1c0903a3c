"""The simulated venue without its session: what it answers, as lists of brief reports."""

import pytest

from oms.core.types import SCALE, Px, Qty, Side, TimeInForce
from oms.sim.instruments import SimInstrument
from oms.sim.reports import Execution
from tests.sim.broker_kit import (
    NOW_NS,
    X,
    ask,
    brief,
    cancel,
    empty_broker,
    new,
    replace,
    status,
)

BUY, SELL = Side.BUY, Side.SELL
IOC, FOK = TimeInForce.IOC, TimeInForce.FOK


# -- matching ------------------------------------------------------------------------------------------------


def test_passive_order_rests() -> None:
    assert brief(ask(empty_broker(), new("A", BUY, 10, 100))) == ["A 0/0 0+10"]


def test_every_field_of_an_execution() -> None:
    broker = empty_broker(id_prefix="P-")
    reports = ask(broker, new("A", SELL, 10, 100), new("B", BUY, 4, 101, **{"1": "ACC"}))
    assert reports[-1] == {
        "35": "8",
        "37": "P-O2",
        "11": "B",
        "17": "P-E4",
        "150": "F",
        "39": "2",
        "55": "X",
        "54": "1",
        "38": "4",
        "40": "2",
        "44": "101",
        "59": "0",
        "1": "ACC",
        "151": "0",
        "14": "4",
        "6": "100",
        "32": "4",
        "31": "100",
        "60": "20231114-22:13:20.000",
    }


def test_taker_meets_makers_by_price_then_time_at_their_prices() -> None:
    broker = empty_broker()
    ask(broker, new("late", SELL, 5, 101), new("dear", SELL, 5, 102), new("later", SELL, 5, 101))
    assert brief(ask(broker, new("B", BUY, 13, 102))) == [
        "B 0/0 0+13",
        "late F/2 5+0 5@101",
        "B F/1 5+8 5@101",
        "later F/2 5+0 5@101",
        "B F/1 10+3 5@101",
        "dear F/1 3+2 3@102",
        "B F/2 13+0 3@102",
    ]


def test_average_price_over_several_makers() -> None:
    broker = empty_broker()
    reports = ask(broker, new("S", SELL, 1, 100), new("T", SELL, 2, 101), new("B", BUY, 3, 101))
    assert reports[-1]["6"] == "100.66666667"


def test_remainder_of_a_marketable_limit_rests() -> None:
    broker = empty_broker()
    assert brief(ask(broker, new("S", SELL, 3, 100), new("B", BUY, 5, 100)))[-1] == "B F/1 3+2 3@100"
    assert brief(ask(broker, new("S2", SELL, 2, 99)))[1:] == ["B F/2 5+0 2@100", "S2 F/2 2+0 2@100"]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (new("B", BUY, 5, 100, IOC), ["B 0/0 0+5", "S F/2 3+0 3@100", "B F/1 3+2 3@100", "B 4/4 3+0"]),
        (new("B", BUY, 5, 100, FOK), ["B 0/0 0+5", "B 4/4 0+0"]),
        (new("B", BUY, 3, 100, FOK), ["B 0/0 0+3", "S F/2 3+0 3@100", "B F/2 3+0 3@100"]),
        (new("B", BUY, 5, 99, IOC), ["B 0/0 0+5", "B 4/4 0+0"]),
        (new("B", BUY, 5), ["B 0/0 0+5", "S F/2 3+0 3@100", "B F/1 3+2 3@100", "B 4/4 3+0"]),
    ],
    ids=["ioc", "fok not fillable", "fok fillable", "ioc away", "market"],
)
def test_what_may_not_rest_is_canceled(order: dict[str, str], expected: list[str]) -> None:
    broker = empty_broker()
    ask(broker, new("S", SELL, 3, 100))
    reports = ask(broker, order)
    assert brief(reports) == expected
    if expected[-1].startswith("B 4"):
        assert reports[-1]["58"]
        assert "41" not in reports[-1], "nobody asked for this cancel"


def test_executions_are_told_before_they_are_reported() -> None:
    told: list[Execution] = []
    broker = empty_broker(on_execution=told.append)
    ask(broker, new("S", SELL, 3, 100), replace("S2", "S", 4, 100, SELL), new("B", BUY, 4, 100))
    assert [(e.cl_ord_id, e.side, e.last_qty, e.last_px, e.transact_time_ns) for e in told] == [
        ("S2", SELL, 4 * SCALE, 100 * SCALE, NOW_NS),
        ("B", BUY, 4 * SCALE, 100 * SCALE, NOW_NS),
    ]
    assert len({e.exec_id for e in told}) == 2


# -- refusals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "ord_rej_reason"),
    [
        (new("A", BUY, 1, 100, **{"55": "Y"}), "1"),
        (new("A", BUY, 0, 100), "13"),
        ({**new("A", BUY, 1, 100), "38": "1.5"}, "13"),
        ({**new("A", BUY, 1, 100), "44": "100.5"}, "99"),
        ({**new("A", BUY, 1, 100), "44": "0"}, "99"),
        ({**new("A", BUY, 1, 100), "44": "1.123456789"}, "13"),
        (new("A", "5", 1, 100), "11"),
        (new("A", BUY, 1, 100, "6"), "11"),
        ({**new("A", BUY, 1, 100), "40": "3"}, "11"),
    ],
    ids=["symbol", "no quantity", "lot", "tick", "price 0", "decimals", "side", "time in force", "type"],
)
def test_refused_order(order: dict[str, str], ord_rej_reason: str) -> None:
    broker = empty_broker()
    [report] = ask(broker, order)
    assert (report["150"], report["39"], report["151"], report["103"]) == ("8", "8", "0", ord_rej_reason)
    assert broker.stats["rejected"] == 1
    # A refused id is not known to a status request, and is spent.
    assert brief(ask(broker, status("A"))) == ["A I/8 0+0"]
    assert ask(broker, new("A", BUY, 1, 100))[0]["103"] == "6"


def test_duplicate_cl_ord_id_is_refused_and_counted() -> None:
    """*Source:* FIX order state matrix F.1.a: the rejection describes the first order."""
    broker = empty_broker()
    ask(broker, new("A", BUY, 10, 100), new("S", SELL, 4, 100))
    [report] = ask(broker, new("A", BUY, 15, 100))
    assert brief([report]) == ["A 8/1 4+6"]
    assert (report["103"], report["37"], report["38"]) == ("6", "O1", "10")
    assert broker.stats["duplicate_orders"] == 1
    assert brief(ask(broker, status("A"))) == ["A I/1 4+6"], "the first one lives on"


def test_poss_resend_of_a_known_order_is_answered_with_its_status() -> None:
    broker = empty_broker()
    ask(broker, new("A", BUY, 10, 100))
    assert brief(ask(broker, new("A", BUY, 10, 100, **{"97": "Y"}))) == ["A I/0 0+10"]
    assert broker.stats["duplicate_orders"] == 0


def test_unsupported_message() -> None:
    [report] = ask(empty_broker(), {"35": "q", "34": "7"})
    assert (report["35"], report["45"], report["372"], report["380"]) == ("j", "7", "q", "3")


# -- cancels -------------------------------------------------------------------------------------------------


def test_cancel() -> None:
    broker = empty_broker()
    [report] = ask(broker, new("A", BUY, 10, 100), cancel("C", "A"))[1:]
    assert brief([report]) == ["C 4/4 0+0"]
    assert report["41"] == "A"
    assert brief(ask(broker, new("S", SELL, 1, 100))) == ["S 0/0 0+1"], "nothing is left in the book"


def test_cancel_of_a_partly_filled_order_keeps_what_was_executed() -> None:
    broker = empty_broker()
    ask(broker, new("A", BUY, 10, 100), new("S", SELL, 4, 100))
    assert brief(ask(broker, cancel("C", "A"))) == ["C 4/4 4+0"]


def test_cancel_that_crosses_a_fill_is_too_late() -> None:
    broker = empty_broker()
    ask(broker, new("A", BUY, 4, 100), new("S", SELL, 4, 100))
    assert brief(ask(broker, cancel("C", "A"))) == ["C refused 1/0 2"]


def test_cancel_that_crosses_an_accepted_replace_finds_its_order() -> None:
    broker = empty_broker()
    ask(broker, new("A", BUY, 10, 100), replace("R", "A", 12, 100))
    [report] = ask(broker, cancel("C", "A"))
    assert brief([report]) == ["C 4/4 0+0"]
    assert report["41"] == "R"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (cancel("C", "no"), "C refused 1/1 8"),
        (replace("C", "no", 1, 100), "C refused 2/1 8"),
        (cancel("A", "A"), "A refused 1/6 0"),
        (cancel("C", "A", SELL), "C refused 1/99 0"),
        ({**replace("C", "A", 1, 100), "40": "1"}, "C refused 2/99 0"),
        (replace("C", "A", 0, 100), "C refused 2/99 0"),
        ({**replace("C", "A", 5, 100), "44": "100.5"}, "C refused 2/99 0"),
    ],
    ids=["unknown", "replace unknown", "duplicate", "side", "type", "quantity", "tick"],
)
def test_refused_request(request_: dict[str, str], expected: str) -> None:
    broker = empty_broker()
    ask(broker, new("A", BUY, 10, 100))
    [report] = ask(broker, request_)
    assert brief([report]) == [expected]
    assert report["37"] == ("NONE" if expected.endswith("8") else "O1")


def test_nothing_can_be_asked_of_a_canceled_order() -> None:
    broker = empty_broker()
    ask(broker, new("A", BUY, 10, 100), cancel("C", "A"))
    assert brief(ask(broker, cancel("C2", "C"), replace("R", "A", 20, 100))) == [
        "C2 refused 1/0 4",
        "R refused 2/0 4",
    ]


# -- replaces ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("qty", "price", "first"),
    [(6, 100, "R"), (10, 100, "R"), (11, 100, "C"), (10, 99, "C")],
    ids=["smaller keeps its place", "same keeps its place", "larger goes last", "another price leaves"],
)
def test_replace_and_priority(qty: int, price: int, first: str) -> None:
    broker = empty_broker()
    ask(broker, new("B", BUY, 10, 100), new("C", BUY, 10, 100))
    assert brief(ask(broker, replace("R", "B", qty, price))) == [f"R 5/0 0+{qty}"]
    assert brief(ask(broker, new("S", SELL, 1, 100)))[1].split()[0] == first


def test_replace_up_of_a_partly_filled_order_gives_the_total() -> None:
    broker = empty_broker()
    ask(broker, new("A", BUY, 10, 100), new("S", SELL, 4, 100))
    assert brief(ask(broker, replace("R", "A", 15, 100))) == ["R 5/1 4+11"]
    assert brief(ask(broker, new("T", SELL, 20, 100)))[1:] == ["R F/2 15+0 11@100", "T F/1 11+9 11@100"]


@pytest.mark.parametrize("qty", [4, 2])
def test_replace_to_or_below_cum_qty_stops_executing(qty: int) -> None:
    broker = empty_broker()
    ask(broker, new("A", BUY, 10, 100), new("S", SELL, 4, 100))
    [report] = ask(broker, replace("R", "A", qty, 100))
    assert brief([report]) == ["R 5/2 4+0"]
    assert report["38"] == "4"
    assert brief(ask(broker, new("T", SELL, 1, 100))) == ["T 0/0 0+1"]


def test_replace_to_a_marketable_price_executes() -> None:
    broker = empty_broker()
    ask(broker, new("S", SELL, 3, 105), new("A", BUY, 10, 100))
    assert brief(ask(broker, replace("R", "A", 10, 105))) == [
        "R 5/0 0+10",
        "S F/2 3+0 3@105",
        "R F/1 3+7 3@105",
    ]


def test_filled_order_may_grow_at_its_price() -> None:
    broker = empty_broker()
    ask(broker, new("A", BUY, 4, 100), new("S", SELL, 4, 100))
    assert brief(ask(broker, replace("R1", "A", 6, 101))) == ["R1 refused 2/0 2"]
    assert brief(ask(broker, replace("R2", "A", 6, 100))) == ["R2 5/1 4+2"]
    assert brief(ask(broker, new("T", SELL, 2, 100)))[1] == "R2 F/2 6+0 2@100"


def test_chain_of_replaces_that_were_sent_without_waiting() -> None:
    broker = empty_broker()
    reports = ask(
        broker,
        new("A", BUY, 4, 100),
        replace("R1", "A", 5, 100),
        replace("R2", "R1", 6, 100),
        cancel("C", "R2"),
    )
    assert brief(reports) == ["A 0/0 0+4", "R1 5/0 0+5", "R2 5/0 0+6", "C 4/4 0+0"]
    assert [r.get("41") for r in reports] == [None, "A", "R1", "R2"]


# -- status --------------------------------------------------------------------------------------------------


def test_status_for_any_accepted_id_of_the_chain() -> None:
    broker = empty_broker()
    ask(broker, new("A", BUY, 10, 100), replace("R", "A", 12, 100), new("S", SELL, 5, 100))
    for cl_ord_id in ("A", "R"):
        [report] = ask(broker, status(cl_ord_id, **{"790": "Q7"}))
        assert brief([report]) == [f"{cl_ord_id} I/1 5+7"]
        assert (report["38"], report["790"], report["17"], report["37"]) == ("12", "Q7", "0", "O1")


def test_status_of_an_accepted_cancel() -> None:
    broker = empty_broker()
    ask(broker, new("A", BUY, 10, 100), cancel("C", "A"))
    assert brief(ask(broker, status("C"), status("A"))) == ["C I/4 0+0", "A I/4 0+0"]


def test_status_of_what_never_came_or_was_refused_is_unknown() -> None:
    broker = empty_broker()
    ask(broker, new("A", BUY, 4, 100), new("S", SELL, 4, 100), cancel("C", "A"))
    for cl_ord_id in ("never", "C"):
        [report] = ask(broker, status(cl_ord_id))
        assert (report["150"], report["39"], report["37"], report["58"]) == (
            "I",
            "8",
            "NONE",
            "unknown order",
        )


# -- looking, listing ----------------------------------------------------------------------------------------


def test_dump() -> None:
    broker = empty_broker()
    ask(broker, new("A", BUY, 10, 100), replace("R", "A", 12, 100), new("S", SELL, 5, 100))
    dump = broker.dump()
    assert dump["stats"] == {"executions": 2, "messages": 3, "orders": 2, "replaces": 1}
    first = dump["orders"][0]
    assert first == {
        "order_id": "O1",
        "cl_ord_ids": ["A", "R"],
        "account": "",
        "symbol": "X",
        "side": "1",
        "ord_type": "2",
        "time_in_force": "0",
        "order_qty": "12",
        "price": "100",
        "cum_qty": "5",
        "leaves_qty": "7",
        "avg_px": "100",
        "ord_status": "1",
        "exec_ids": ["E4"],
    }


def test_move_walks_over_bands_and_back() -> None:
    y = SimInstrument("Y", ((Px(0), Px(SCALE // 100)), (Px(SCALE), Px(SCALE // 10))), Qty(SCALE))
    assert y.move(98 * SCALE // 100, 4) == 12 * SCALE // 10
    assert y.move(12 * SCALE // 10, -4) == 98 * SCALE // 100
    assert y.move(2 * SCALE // 100, -5) == SCALE // 100
    assert X.round_down(SCALE // 2) == SCALE
