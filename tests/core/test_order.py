"""OrdStatus(39) by precedence, and the quantities of orders and routes."""

import pytest

from oms.core.order import Order, Request, Route, RouteRequest, Version, ord_status, settled_status
from oms.core.types import CxlRejResponseTo, Px, Qty, Side
from tests.core.desk import ALPHA, STATUS_NAMES, scaled

WORKING = {name: value for value, name in STATUS_NAMES.items()}
KINDS = {"cancel": CxlRejResponseTo.CANCEL, "replace": CxlRejResponseTo.REPLACE}


def make_order(working: str = "new", cum: str = "0", *requests: str, qty: str = "100") -> Order:
    return Order(
        order_id=1,
        session_id=ALPHA,
        account="BLOCK",
        symbol="IBM",
        side=Side.BUY,
        ord_type="2",
        time_in_force="0",
        received_ns=1,
        place=1,
        versions=[Version("A", Qty(scaled(qty)), Px(1), Px(1), 1)],
        working=WORKING[working],
        cum_qty=scaled(cum),
        requests=[
            Request(KINDS[kind], f"R{n}", "A", Qty(0), Px(0), Px(0)) for n, kind in enumerate(requests)
        ],
    )


# Precedence, highest first: pending cancel, pending replace, done for day, filled, canceled and expired,
# partially filled, then new, rejected and pending new.
PRECEDENCE = (
    # working         CumQty of 100   open requests           OrdStatus(39)
    ("pending_new",    "0",           (),                     "pending_new"),
    ("new",            "0",           (),                     "new"),
    ("rejected",       "0",           (),                     "rejected"),
    ("canceled",       "0",           (),                     "canceled"),
    ("expired",        "0",           (),                     "expired"),
    ("done_for_day",   "0",           (),                     "done_for_day"),
    ("new",            "40",          (),                     "partially_filled"),
    ("pending_new",    "40",          (),                     "partially_filled"),
    ("rejected",       "40",          (),                     "partially_filled"),
    ("canceled",       "40",          (),                     "canceled"),
    ("expired",        "40",          (),                     "expired"),
    ("done_for_day",   "40",          (),                     "done_for_day"),
    ("new",            "100",         (),                     "filled"),
    ("new",            "110",         (),                     "filled"),
    ("rejected",       "100",         (),                     "filled"),
    ("canceled",       "100",         (),                     "filled"),
    ("expired",        "100",         (),                     "filled"),
    ("done_for_day",   "100",         (),                     "done_for_day"),
    ("pending_new",    "0",           ("replace",),           "pending_replace"),
    ("new",            "0",           ("replace",),           "pending_replace"),
    ("new",            "40",          ("replace",),           "pending_replace"),
    ("new",            "100",         ("replace",),           "pending_replace"),
    ("canceled",       "40",          ("replace",),           "pending_replace"),
    ("done_for_day",   "40",          ("replace",),           "pending_replace"),
    ("pending_new",    "0",           ("cancel",),            "pending_cancel"),
    ("new",            "40",          ("cancel",),            "pending_cancel"),
    ("new",            "100",         ("cancel",),            "pending_cancel"),
    ("rejected",       "0",           ("cancel",),            "pending_cancel"),
    ("expired",        "0",           ("cancel",),            "pending_cancel"),
    ("new",            "40",          ("replace", "cancel"),  "pending_cancel"),
    ("new",            "40",          ("cancel", "replace"),  "pending_cancel"),
)  # fmt: skip


@pytest.mark.parametrize(("working", "cum", "requests", "wanted"), PRECEDENCE)
def test_the_status_of_highest_precedence_is_reported(
    working: str, cum: str, requests: tuple[str, ...], wanted: str
) -> None:
    assert STATUS_NAMES[ord_status(make_order(working, cum, *requests))] == wanted


@pytest.mark.parametrize(("working", "cum", "requests", "wanted"), [row for row in PRECEDENCE if not row[2]])
def test_settled_status_looks_past_open_requests(
    working: str, cum: str, requests: tuple[str, ...], wanted: str
) -> None:
    for kind in KINDS:
        assert STATUS_NAMES[settled_status(make_order(working, cum, kind))] == wanted


LEAVES = (
    # working         CumQty of 100   LeavesQty(151)   ended
    ("pending_new",    "0",           "100",           False),
    ("new",            "0",           "100",           False),
    ("new",            "40",          "60",            False),
    ("new",            "100",         "0",             True),
    ("new",            "110",         "0",             True),
    ("rejected",       "0",           "0",             True),
    ("canceled",       "40",          "0",             True),
    ("expired",        "40",          "0",             True),
    ("done_for_day",   "40",          "0",             True),
)  # fmt: skip


@pytest.mark.parametrize(("working", "cum", "leaves", "ended"), LEAVES)
def test_what_is_open_of_an_order_and_of_a_route(working: str, cum: str, leaves: str, ended: bool) -> None:
    order = make_order(working, cum)
    route = Route(
        1, "SIM", "e-1-1-1", Qty(scaled("100")), Px(1), working=WORKING[working], cum_qty=scaled(cum)
    )
    assert (order.leaves_qty, order.ended) == (scaled(leaves), ended)
    assert (route.leaves_qty, route.ended) == (scaled(leaves), ended)


def test_the_newest_version_speaks_for_the_order() -> None:
    order = make_order(cum="40")
    order.versions.append(Version("B", Qty(scaled("60")), Px(2), Px(2), 2))
    assert (order.cl_ord_id, order.order_qty, order.price) == ("B", scaled("60"), 2)
    assert order.leaves_qty == scaled("20")


IN_DOUBT = (
    # working         open requests   in doubt
    ("pending_new",    (),            True),
    ("pending_new",    ("cancel",),   True),
    ("new",            (),            False),
    ("new",            ("cancel",),   True),
    ("canceled",       ("replace",),  True),
    ("canceled",       (),            False),
)  # fmt: skip


@pytest.mark.parametrize(("working", "requests", "in_doubt"), IN_DOUBT)
def test_a_route_is_in_doubt_while_anything_is_unanswered(
    working: str, requests: tuple[str, ...], in_doubt: bool
) -> None:
    route = Route(1, "SIM", "e-1-1-1", Qty(100), Px(1), working=WORKING[working])
    route.requests = [RouteRequest(KINDS[kind], "e-1-1-2", "R", Qty(0), Px(0)) for kind in requests]
    assert route.in_doubt == in_doubt


def test_requests_are_found_by_their_id_only() -> None:
    order = make_order("new", "0", "cancel", "replace")
    found = order.request("R1")
    assert found is not None
    assert found.response_to == CxlRejResponseTo.REPLACE
    assert order.request("A") is None
