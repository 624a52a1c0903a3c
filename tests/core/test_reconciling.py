"""A venue that comes back is asked about its orders, and gets no new ones before it has answered."""

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.state import State
from oms.core.types import ExecType, OrdStatus
from tests.core.desk import SIM, START_NS, Desk

ALL = ev.ReconcileDefined(START_NS, SIM, True)


def back(*more: ev.Event, accepted: bool = False) -> Desk:
    """Order A is at SIM, which has been away."""
    found = Desk(*more)
    found.new("A")
    if accepted:
        found.ack("A")
    found.down()
    found.up()
    return found


def test_order_in_doubt_is_asked_about_and_new_ones_wait_for_the_answer() -> None:
    found = back()
    assert found.new("B") == ["OrderDenied B venue_reconciling 2"]
    assert found.replace("C", "A", "50") == ["RequestDenied C venue_reconciling 99"]
    found.stands("A", OrdStatus.NEW)
    assert found.new("D")[-1].startswith("OrderRouted SIM")


def test_cancel_does_not_wait() -> None:
    found = back()
    assert any(e.startswith("CancelRouted") for e in found.cancel("C", "A"))


def test_working_order_is_asked_about_only_where_the_configuration_says_so() -> None:
    assert not back(accepted=True).state.questions
    assert back(ALL, accepted=True).state.questions == {SIM: {"e-1-1-1": 1}}


def test_working_order_that_the_venue_forgot_is_a_named_break() -> None:
    found = back(ALL, accepted=True)
    assert found.stands("A", OrdStatus.REJECTED) == ["ReportQuestioned 1 working_order_unknown_to_venue"]
    assert found.now() == "new 0 of 100, 100 open, as A"


def test_fill_that_was_lost_is_a_named_break() -> None:
    found = back(ALL, accepted=True)
    assert found.stands("A", OrdStatus.PARTIALLY_FILLED, "40") == [
        "ReportQuestioned 1 executed_quantity_differs"
    ]


def test_any_word_of_the_venue_about_the_order_is_an_answer() -> None:
    found = back()
    found.report("A", ExecType.PENDING_NEW)
    assert not found.state.questions


def test_refused_question_is_an_answer() -> None:
    found = back()
    found.not_taken("A", "H")
    assert not found.state.questions


def test_venue_that_does_not_answer_is_given_up_and_each_question_named() -> None:
    found = back()
    assert found.do(cmd.StopAsking(SIM)) == ["ReportQuestioned 1 status_unanswered", "AskingStopped"]
    assert found.new("B")[-1].startswith("OrderRouted SIM")
    assert found.do(cmd.StopAsking(SIM)) == []


def test_parked_order_goes_when_the_venue_has_answered() -> None:
    found = back(ev.DestinationDefined(START_NS, SIM, SIM, "park"))
    assert found.new("B")[-1] == "OrderWorked"
    assert "OrderRouted SIM e-2-1-1" in found.stands("A", OrdStatus.NEW)


def test_questions_end_with_the_session_and_survive_a_snapshot() -> None:
    found = back()
    assert State.load(found.state.dump()).questions == found.state.questions == {SIM: {"e-1-1-1": 1}}
    found.down()
    assert not found.state.questions
