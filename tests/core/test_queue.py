"""Replaces that wait for the one before them, or are refused at once: as the client's profile has it.

Order A is to buy 100 at 10 and acknowledged. *Source of the cases:* FIX 4.4 volume 4, order state change
matrices D.2.
"""

import pytest

from oms.core import commands as cmd
from oms.core.engine import decide
from oms.core.requests import MOST_REQUESTS
from oms.core.state import State
from oms.core.types import OrdStatus
from tests.core.desk import Desk, book_lines


@pytest.fixture
def live() -> Desk:
    desk = Desk()
    desk.profile("queue")
    desk.new("A")
    desk.ack()
    return desk


@pytest.fixture
def waiting(live: Desk) -> Desk:
    """Replace B is at the venue; C, to 70, waits for it."""
    live.replace("B", "A", "80")
    assert live.replace("C", "B", "70") == ["RequestQueued C 70 10"]
    return live


# -- a turn --------------------------------------------------------------------------------------------------


def test_the_first_request_does_not_wait(live: Desk) -> None:
    assert live.replace("B", "A", "80")[0] == "ReplaceRequested B A 80 10"


def test_what_waits_has_its_turn_when_the_one_before_is_accepted(waiting: Desk) -> None:
    assert waiting.now() == "pending_replace 0 of 100, 100 open, as A"
    assert waiting.replaced("B") == [
        "RouteReplaced e-1-1-2",
        "OrderReplaced B",
        "ReplaceRequested C B 70 10",
        "ReplaceRouted e-1-1-3 e-1-1-2 70 10",
    ]
    waiting.replaced("C")
    assert waiting.now() == "new 0 of 70, 70 open, as C"


def test_what_waits_has_its_turn_when_the_one_before_is_refused(waiting: Desk) -> None:
    """It was written for the order as B would have made it; it is about the order as it stands."""
    assert waiting.refused("B") == [
        "RouteRequestRejected e-1-1-2 0",
        "RequestRejected B 0 too late",
        "ReplaceRequested C A 70 10",
        "ReplaceRouted e-1-1-3 e-1-1-1 70 10",
    ]


def test_several_wait_in_the_order_they_came(waiting: Desk) -> None:
    assert waiting.replace("D", "C", "60") == ["RequestQueued D 60 10"]
    assert waiting.replace("E", "A", "50") == ["RequestQueued E 50 10"]
    assert waiting.replaced("B")[2] == "ReplaceRequested C B 70 10"
    assert waiting.replaced("C")[2] == "ReplaceRequested D C 60 10"
    assert waiting.refused("D")[2] == "ReplaceRequested E C 50 10"
    waiting.replaced("E")
    assert waiting.now() == "new 0 of 50, 50 open, as E"


def test_what_waits_holds_nothing_until_its_turn(live: Desk) -> None:
    live.replace("B", "A", "80")
    live.replace("C", "B", "300")
    assert live.risk() == "held 1000, spent 0, position 0, open 100/0"
    live.replaced("B")
    assert live.risk() == "held 3000, spent 0, position 0, open 300/0"


def test_the_controls_are_asked_when_the_turn_comes(live: Desk) -> None:
    live.replace("B", "A", "80")
    assert live.replace("C", "B", "70", "10.005") == ["RequestQueued C 70 10.005"]
    live.halt("all")
    assert live.replace("D", "B", "60") == ["RequestQueued D 60 10"]
    assert live.replaced("B")[2:] == [
        "RequestDenied C trading_halted 99",
        "RequestDenied D trading_halted 99",
    ]
    assert live.now() == "new 0 of 80, 80 open, as B"


def test_one_that_is_denied_makes_way_for_the_next(live: Desk) -> None:
    live.replace("B", "A", "80")
    live.replace("C", "B", "70", "10.005")
    live.replace("D", "C", "60")
    assert live.replaced("B")[2:] == [
        "RequestDenied C tick_size 99",
        "ReplaceRequested D B 60 10",
        "ReplaceRouted e-1-1-3 e-1-1-2 60 10",
    ]


def test_a_fill_may_make_a_turn_too_late(waiting: Desk) -> None:
    waiting.fill("A", "x1", "80")
    assert waiting.replaced("B")[2:] == ["RequestDenied C too_late 0"]
    assert waiting.now() == "filled 80 of 80, 0 open, as B"


def test_a_turn_that_nobody_waits_for_changes_nothing(live: Desk) -> None:
    for order_id in (1, 9):
        assert decide(live.state, cmd.TakeQueued(order_id), 5) == []
    live.replace("B", "A", "80")
    live.replace("C", "B", "70")
    assert decide(live.state, cmd.TakeQueued(1), 5) == []  # B is not answered


# -- cancels do not wait -------------------------------------------------------------------------------------


@pytest.mark.parametrize("orig", ["A", "B", "C"])
def test_a_cancel_passes_while_replaces_wait(waiting: Desk, orig: str) -> None:
    n = "2" if orig == "B" else "1"
    assert waiting.cancel("X", orig) == [f"CancelRequested X {orig}", f"CancelRouted e-1-1-3 e-1-1-{n}"]
    assert waiting.now() == "pending_cancel 0 of 100, 100 open, as A"


def test_what_waits_is_refused_once_the_order_is_canceled(waiting: Desk) -> None:
    waiting.cancel("X", "A")
    assert waiting.canceled("X") == ["RouteCanceled e-1-1-3", "OrderCanceled X"]
    assert waiting.refused("B")[2:] == ["RequestDenied C too_late 0"]
    assert waiting.order().queued == []


def test_what_waits_goes_on_once_the_cancel_is_refused(waiting: Desk) -> None:
    waiting.cancel("X", "A")
    assert waiting.replaced("B") == ["RouteReplaced e-1-1-2", "OrderReplaced B"]  # X is unanswered
    assert waiting.refused("X")[2:] == ["ReplaceRequested C B 70 10", "ReplaceRouted e-1-1-4 e-1-1-2 70 10"]


def test_nothing_is_queued_behind_a_cancel(live: Desk) -> None:
    live.cancel("X", "A")
    assert live.replace("B", "A", "80") == ["RequestDenied B already_pending 3"]


@pytest.mark.parametrize("how", ["canceled", "expired", "done_for_day", "rejected"])
def test_an_order_that_ends_refuses_what_waits_after_what_was_asked(waiting: Desk, how: str) -> None:
    getattr(waiting, how)("A")
    assert len(waiting.order().queued) == 1
    assert waiting.refused("B")[2:] == ["RequestDenied C too_late 0"]
    assert waiting.order().queued == []


def test_the_end_of_the_day_refuses_what_waits(waiting: Desk) -> None:
    waiting.end_day()
    assert waiting.now() == "pending_replace 0 of 100, 0 open, as A"
    waiting.refused("B")
    assert waiting.now() == "expired 0 of 100, 0 open, as A"
    assert waiting.order().queued == []


# -- ids -----------------------------------------------------------------------------------------------------


def test_what_waits_uses_its_id_up(waiting: Desk) -> None:
    assert waiting.new("C") == ["OrderDenied C duplicate_cl_ord_id 6"]
    assert waiting.cancel("C", "A") == ["RequestDenied C duplicate_cl_ord_id 6"]
    assert waiting.ask_status("C") == ["StatusRequested 1 C"]


def test_a_repeated_request_does_not_take_the_first_out_of_the_queue(waiting: Desk) -> None:
    assert waiting.replace("C", "B", "70") == ["RequestDenied C duplicate_cl_ord_id 6"]
    assert [queued.cl_ord_id for queued in waiting.order().queued] == ["C"]
    assert waiting.replaced("B")[2] == "ReplaceRequested C B 70 10"


def test_a_denied_request_of_another_id_leaves_the_queue_alone(waiting: Desk) -> None:
    assert waiting.replace("D", "NO", "60") == ["RequestDenied D unknown_order 1"]
    assert waiting.cancel("E", "A") != []
    assert waiting.cancel("F", "A") == ["RequestDenied F already_pending 3"]
    assert [queued.cl_ord_id for queued in waiting.order().queued] == ["C"]


# -- limits --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("how", "first"), [("queue", "RequestQueued"), ("pass", "ReplaceRequested")])
def test_no_more_than_so_many_requests_are_open_or_wait(how: str, first: str) -> None:
    desk = Desk()
    desk.profile(how)
    desk.new("A")
    desk.ack()
    for n in range(MOST_REQUESTS):
        found = desk.replace(f"B{n}", "A" if n == 0 else f"B{n - 1}", "90")
        assert found[0].startswith(first if n else "ReplaceRequested")
    assert desk.replace("C", "A", "80") == ["RequestDenied C already_pending 3"]
    assert desk.cancel("X", "A")[0] == "CancelRequested X A"
    assert desk.replace("D", "A", "80") == ["RequestDenied D already_pending 3"]


def test_a_second_request_is_refused_where_the_profile_says_so() -> None:
    desk = Desk()
    desk.profile("refuse")
    desk.new("A")
    desk.ack()
    desk.replace("B", "A", "80")
    assert desk.replace("C", "B", "70") == ["RequestDenied C already_pending 3"]
    desk.replaced("B")
    assert desk.replace("D", "B", "70")[0] == "ReplaceRequested D B 70 10"


def test_a_profile_that_changes_leaves_nobody_waiting(waiting: Desk) -> None:
    waiting.profile("pass")
    assert waiting.replace("D", "B", "60")[0] == "ReplaceRequested D B 60 10"
    waiting.replaced("B")
    assert waiting.replaced("D")[2] == "ReplaceRequested C D 70 10"


# -- folding -------------------------------------------------------------------------------------------------


def test_a_queue_survives_a_snapshot(waiting: Desk) -> None:
    copy = State.load(waiting.state.dump())
    assert copy.digest() == waiting.state.digest()
    assert list(copy.due) == []
    report = cmd.VenueReport("SIM", "e-1-1-2", "5", OrdStatus.NEW, "v9")
    for state in (copy, waiting.state):
        for event in decide(state, report, 5):
            state.apply(event)
        assert list(state.due) == [1]
    assert list(State.load(copy.dump()).due) == [1]
    assert book_lines(copy) == book_lines(waiting.state)


def test_a_request_that_comes_before_a_turn_is_taken_makes_it_wait_again(waiting: Desk) -> None:
    """After a crash a turn may still be due when the next message comes."""
    state = waiting.state
    for command in (
        cmd.VenueReport("SIM", "e-1-1-2", "5", OrdStatus.NEW, "v9"),
        cmd.CancelOrder("ALPHA", "X", "B", "IBM", "1"),
    ):
        for event in decide(state, command, 5):
            state.apply(event)
    assert list(state.due) == list(State.load(state.dump()).due) == []
    assert decide(state, cmd.TakeQueued(1), 5) == []
