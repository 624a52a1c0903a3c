"""The auditor on lists of orders: each rule broken once, and nothing said about a sound life of one."""

import json
from collections.abc import Sequence

import pytest

from oms.core import events as ev
from oms.core.types import SCALE, ListMember, OrdType, Px, Qty, Side, TimeInForce
from oms.sim.auditor import Auditor
from tests.sim.test_auditor import PX, UP, T, audit, filled, received, routed
from tests.sim.world import World

S, L = "CLIENT1", "L"


def a_member(number: int, cl_ord_id: str, qty: int = 100) -> ListMember:
    qty *= SCALE
    return ListMember(
        number, cl_ord_id, "BIG", "AAA", Side.BUY, Qty(qty), OrdType.LIMIT, Px(PX), TimeInForce.DAY
    )


def came(*members: ListMember, total: int = 2, kind: str = "2") -> ev.ListReceived:
    return ev.ListReceived(T, S, L, total, kind, members)


def due(kind: str) -> ev.ListStatusDue:
    return ev.ListStatusDue(T, S, L, kind, "")


def told(
    kind: str, status: str, first: int = 0, number: int = 2, rpt_seq: int = 1, no_rpts: int = 1
) -> ev.ListStatusReported:
    return ev.ListStatusReported(T, S, L, kind, status, "", 2, first, number, rpt_seq, no_rpts)


A, B = a_member(1, "A"), a_member(2, "B")
WHOLE = came(A, B)
AT_ONCE = came(A, B, kind="1")
ORDERS = (received(list_id=L), received(2, "B", list_id=L))
EXECUTED, CANCELED = ev.ListExecuted(T, S, L), ev.ListCanceled(T, S, L)
REFUSED = ev.ListDenied(T, S, L, 99, "no", 2, 1, 1, ("A", "B"))
ENDED = (ev.OrderCanceled(T, 1, "", ""), ev.OrderCanceled(T, 2, "", ""))


def worked(up_to: int) -> ev.ListWorked:
    return ev.ListWorked(T, S, L, up_to, 0, "")


WRONG = (
    # events                                                       what is said of them
    ([WHOLE, WHOLE],                                               "is received twice"),
    ([REFUSED, WHOLE],                                             "is received twice"),
    ([came(A), came(B, total=3)],                                  "the fragments of list L of CLIENT1 do not agree"),
    ([came(A), came(a_member(1, "B"))],                            "1 or B comes twice"),
    ([came(A), came(a_member(2, "A"))],                            "2 or A comes twice"),
    ([came(A, a_member(3, "B"))],                                  "number 3 of 2"),
    ([came(A), EXECUTED],                                          "which is not there as a whole"),
    ([CANCELED],                                                   "which is not there as a whole"),
    ([received(list_id=L)],                                        "which was never received"),
    ([came(A), received(list_id=L)],                               "which is not there as a whole"),
    ([WHOLE, received(1, "B", list_id=L)],                         "is not number 1 of"),
    ([WHOLE, received(1, "A", 90, list_id=L)],                     "is not number 1 of"),
    ([WHOLE, *ORDERS, received(3, "C", list_id=L)],                "which is not there as a whole"),
    ([WHOLE, *ORDERS, REFUSED],                                    "is refused though some of it are orders"),
    ([WHOLE, *ORDERS, routed()],                                   "goes before list L of CLIENT1 may"),
    ([WHOLE, *ORDERS, ev.OrderHeld(T, 1, "SIM")],                  "goes before list L of CLIENT1 may"),
    ([AT_ONCE, *ORDERS, CANCELED, routed()],                       "or after it was canceled"),
    ([WHOLE, *ORDERS, CANCELED, EXECUTED],                         "is executed after it was canceled"),
    ([WHOLE, *ORDERS, EXECUTED, worked(3)],                        "is worked up to 3, after 0"),
    ([WHOLE, *ORDERS, EXECUTED, worked(1), worked(1)],             "is worked up to 1, after 1"),
    ([due("2")],                                                   "is to be told of, and is not known"),
    ([WHOLE, *ORDERS, told("2", "2")],                             "is told of and nothing is due"),
    ([WHOLE, *ORDERS, due("1"), told("2", "2")],                   "is told of from 0 on, after 0"),
    ([WHOLE, *ORDERS, due("2"), told("2", "2", 1, 1)],             "is told of from 1 on, after 0"),
    ([WHOLE, *ORDERS, due("2"), told("2", "2", 0, 3)],             "is told of from 0 on, after 0"),
    ([WHOLE, *ORDERS, due("2"), told("2", "2", 0, 1)],             "message 1 of 1 is not the last"),
    ([WHOLE, *ORDERS, due("2"), told("2", "2", 0, 2, 1, 2)],       "message 1 of 2 is not the last"),
    ([WHOLE, *ORDERS, due("2"), told("2", "6")],                   "is told of as 6, done or not"),
    ([WHOLE, *ORDERS, *ENDED, due("2"), told("2", "3")],           "is told of as 3, done or not"),
    ([WHOLE, *ORDERS, CANCELED, due("2"), told("2", "2")],         "is told of as 2, canceled or not"),
    ([WHOLE, *ORDERS, due("2"), told("2", "4")],                   "is told of as 4, canceled or not"),
    ([WHOLE, *ORDERS, due("5")],                                   "is said to be done, and is not"),
    ([WHOLE, *ORDERS, *ENDED, due("5"), due("5")],                 "is said to be done, and is not or was before"),
)  # fmt: skip


@pytest.mark.parametrize(("events", "expected"), WRONG)
def test_what_must_not_be_is_noticed(events: Sequence[ev.Event], expected: str) -> None:
    violations = audit(UP, *events).violations
    assert any(expected in violation for violation in violations), violations


def test_a_sound_life_of_a_list() -> None:
    auditor = audit(
        UP,
        came(B),
        came(A),
        ORDERS[0],
        due("2"),
        told("2", "2", 0, 1, 1, 2),
        told("2", "2", 1, 1, 2, 2),
        ORDERS[1],
        due("1"),
        told("1", "2"),
        EXECUTED,
        routed(),
        worked(1),
        routed(2, "V2"),
        worked(2),
        due("4"),
        told("4", "3"),
        filled("X", 100),
        filled("Y", 100, order_id=2),
        due("5"),
        told("5", "6"),
        ev.ExecutionBusted(T, 1, 1, "B", "X", Qty(100 * SCALE), Px(PX), 0),
        due("2"),
        told("2", "3"),
        filled("Z", 100),
        due("5"),
        told("5", "6"),
    )
    assert auditor.violations == []
    assert auditor.lists.is_done(auditor.lists.lists[S, L])


@pytest.fixture(scope="module")
def world() -> World:
    world = World(2)
    while not world.state.lists or world.state.lists[min(world.state.lists)].total < 2:
        world.step()
    assert world.problems() == world.check_state() == []
    return world


SPOILT = (
    ("order_ids", [99], "orders"),
    ("refused", "why", "refused"),
    ("canceled", "?", "canceled"),
    ("worked", 99, "worked"),
    ("told_done", "?", "said to be done"),
    ("telling", [{"list_status_type": "9", "told": 0}], "due"),
    ("members", [1, 2, 3], "members"),
)


@pytest.mark.parametrize(("name", "by", "expected"), SPOILT, ids=[row[0] for row in SPOILT])
def test_compare_finds_what_differs(world: World, name: str, by: object, expected: str) -> None:
    state = json.loads(world.state.dump())
    state["lists"][0][name] = by
    differences = world.auditor.compare(json.dumps(state).encode())
    assert len(differences) == 1 and f" {expected}: " in differences[0], differences


def test_an_order_that_waits_by_the_state_alone_is_noticed(world: World) -> None:
    state = json.loads(world.state.dump())
    state["orders"][0]["waits"] = not state["orders"][0]["waits"]
    assert any("order 1 waits" in d for d in world.auditor.compare(json.dumps(state).encode()))


def test_a_list_that_was_left_out_is_noticed(world: World) -> None:
    auditor = Auditor()
    state = json.loads(world.state.dump())
    assert any(d.startswith("lists: ") for d in auditor.compare(json.dumps(state).encode()))
