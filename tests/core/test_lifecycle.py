"""Ends, refusals and contradictions that are easily lost: each a case that was once passed over in silence.

Order A is to buy 100 at 10.
"""

import pytest

from oms.core import events as ev
from oms.core.types import ExecType, OrdStatus, Qty, TimeInForce
from oms.sim.auditor import Auditor
from tests.core.desk import ALPHA, SIM, Desk, scaled
from tests.core.office import Office
from tests.core.test_profiles import CANCEL, NEW, last, office, said

REPLACE = "G|11={}|41={}|55=IBM|54=1|38={}|40=2|44=10|60=20261122-14:30:00.000|"


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.new("A")
    desk.ack("A")
    return desk


def agree(desk: Desk) -> None:
    auditor = Auditor()
    assert auditor.feed_all(desk.events) == []
    assert auditor.compare(desk.state.dump()) == []


# -- a mass cancel that the venue refuses --------------------------------------------------------------------


def test_a_client_is_told_which_order_of_a_mass_cancel_the_venue_will_not_cancel() -> None:
    desk = office()
    desk.say(ALPHA, "q|11=M|530=7|60=20261122-14:30:00.000|")
    assert desk.say(SIM, "9|11=e-1-1-2|37=V|41=e-1-1-1|39=0|434=1|102=2|58=not now|") == [
        "ALPHA 35=9 39=0 11=M 41=A 434=1 102=2 58=not now"
    ]
    assert last(desk)["37"] == "e-1"
    assert desk.say(SIM, "9|11=e-1-1-2|37=V|41=e-1-1-1|39=0|434=1|102=2|58=not now|") == []


def test_a_venue_that_cannot_read_a_mass_cancel_has_refused_it(desk: Desk) -> None:
    desk.cancel_all("M")
    own = desk.order("A").routes[0].requests[0].cl_ord_id
    assert own == "e-1-1-2"
    found = desk.mass_refused("A", 99, "what?")
    assert found == ["RouteRequestRejected e-1-1-2 99", "MassCancelRejected M 99 what?"]
    assert desk.now() == "new 0 of 100, 100 open, as A"
    assert desk.cancel_all("M2") == ["MassCancelRequested M2 1", "CancelRouted e-1-1-3 e-1-1-1"]
    agree(desk)


def test_an_order_by_phone_has_no_id_to_name_in_the_refusal() -> None:
    desk = Office()
    desk.all_up()
    desk.say(ALPHA, NEW)
    order = Desk()
    order.new("")
    phone = order.commands[-1]
    desk.command(phone, "operator")
    desk.flush()
    desk.say(ALPHA, "q|11=M|530=7|60=20261122-14:30:00.000|")
    assert desk.say(SIM, "9|11=e-2-1-2|37=V|41=e-2-1-1|39=0|434=1|102=0|") == [
        "ALPHA 35=9 39=A 11=M 41=NONE 434=1 102=0"
    ]


# -- calculated after done for the day -----------------------------------------------------------------------


def test_calculated_after_done_for_the_day_is_told_and_done_for_the_day_comes_first(desk: Desk) -> None:
    desk.fill("A", "x1", "40")
    desk.done_for_day("A")
    assert desk.report("A", ExecType.CALCULATED) == ["OrderCalculated"]
    assert desk.now() == "done_for_day 40 of 100, 0 open, as A"
    assert desk.report("A", ExecType.CALCULATED) == [], "it is known"
    agree(desk)


def test_an_order_that_outlives_the_day_is_calculated_for_the_day_only() -> None:
    desk = Desk()
    desk.new("A", tif=TimeInForce.GTC)
    desk.ack("A")
    desk.fill("A", "x1", "40")
    desk.done_for_day("A")
    assert desk.report("A", ExecType.CALCULATED, exec_id="b1") == ["OrderCalculated"]
    assert desk.report("A", ExecType.CALCULATED, exec_id="b1") == [], "a copy"
    assert desk.now() == "done_for_day 40 of 100, 60 open, as A"
    desk.end_day()
    desk.fill("A", "x2", "60")
    assert desk.now() == "filled 100 of 100, 0 open, as A"
    assert desk.report("A", ExecType.CALCULATED, exec_id="b2") == ["OrderCalculated"]
    assert desk.now() == "calculated 100 of 100, 0 open, as A"
    agree(desk)


# -- an end that comes while an order looks filled -----------------------------------------------------------

ENDS = (
    # the venue says       what an order is when the overfill is taken back
    ("canceled",           "canceled 60 of 100, 0 open, as A"),
    ("expired",            "expired 60 of 100, 0 open, as A"),
    ("done_for_day",       "done_for_day 60 of 100, 0 open, as A"),
    ("rejected",           "canceled 60 of 100, 0 open, as A"),
)  # fmt: skip


@pytest.mark.parametrize(("said_by_venue", "wanted"), ENDS)
def test_an_end_during_an_overfill_is_kept_for_when_the_overfill_is_busted(
    desk: Desk, said_by_venue: str, wanted: str
) -> None:
    desk.fill("A", "x1", "60")
    assert desk.fill("A", "x2", "60")[-1] == "ReportQuestioned 1 overfill"
    report = getattr(desk, said_by_venue)
    assert report("A")[0].startswith("Route")
    assert desk.now() == "filled 120 of 100, 0 open, as A", "that is what the client knows"
    assert report("A") == []
    assert len(desk.bust("A", "b1", "x2")) == 2
    assert desk.now() == wanted
    assert desk.risk() == "held 0, spent 600, position 60, open 0/0"
    agree(desk)


def test_an_end_during_an_overfill_is_kept_for_a_correction_too(desk: Desk) -> None:
    desk.fill("A", "x1", "120")
    desk.canceled("A")
    assert desk.correct("A", "c1", "x1", "110") == [
        "ExecutionCorrected c1 x1 110 10 120 10",
        "ReportQuestioned 1 overfill",
    ]
    assert desk.correct("A", "c2", "x1", "90") == ["ExecutionCorrected c2 c1 90 10 110 10", "OrderCanceled"]
    assert desk.now() == "canceled 90 of 100, 0 open, as A"
    agree(desk)


def test_a_filled_order_that_its_venue_has_ended_does_not_grow(desk: Desk) -> None:
    desk.fill("A", "x1", "100")
    desk.canceled("A")
    assert desk.replace("B", "A", "150") == ["RequestDenied B too_late 0"]
    agree(desk)


def test_what_a_filled_order_grows_by_after_its_end_is_nobodys(desk: Desk) -> None:
    """The increase was on its way when the venue ended the order; then it says that it has taken it."""
    desk.fill("A", "x1", "100")
    desk.replace("B", "A", "150")
    desk.report("A", ExecType.CANCELED, OrdStatus.CANCELED)
    assert desk.replaced("B") == [
        "RouteReplaced e-1-1-2",
        "OrderReplaced B",
        "ReportQuestioned 1 replaced_after_its_end",
        "OrderCanceled",
    ]
    assert desk.now() == "canceled 100 of 150, 0 open, as B"
    agree(desk)


# -- ExecRestatementReason of a cancel that nobody asked for -------------------------------------------------

UNASKED = (
    # order                              the venue's reason   what the client is told
    ("59=0|",                            "",                  "99"),
    ("59=0|",                            "378=8|",            "8"),
    ("59=3|",                            "",                  None),  # how such an order ends
    ("59=4|",                            "",                  None),
    ("59=3|",                            "378=6|",            "6"),
)  # fmt: skip


@pytest.mark.parametrize(("tif", "reason", "wanted"), UNASKED)
def test_a_cancel_that_nobody_asked_for_has_a_restatement_reason(
    tif: str, reason: str, wanted: str | None
) -> None:
    desk = Office()
    desk.all_up()
    desk.say(ALPHA, NEW.replace("59=0|", tif))
    desk.say(SIM, said("e-1-1-1", "v1", "0", "0"))
    assert desk.say(SIM, said("e-1-1-1", "v2", "4", "4", reason)) == [
        "ALPHA 35=8 150=4 39=4 11=A 38=100 14=0 151=0"
    ]
    assert last(desk).get("378") == wanted


def test_a_cancel_that_was_asked_for_has_none() -> None:
    desk = office()
    desk.say(ALPHA, CANCEL)
    desk.say(SIM, said("e-1-1-2", "v2", "4", "4", "41=e-1-1-1|"))
    assert (last(desk)["11"], last(desk).get("378")) == ("B", None)
    desk = office()
    desk.say(ALPHA, "q|11=M|530=7|60=20261122-14:30:00.000|")
    desk.say(SIM, said("e-1-1-2", "v2", "4", "4", "41=e-1-1-1|"))
    assert (last(desk)["11"], last(desk).get("378")) == ("A", None)


def test_the_rest_of_an_order_that_the_venue_rejects_after_a_fill_is_canceled_unasked(desk: Desk) -> None:
    desk.fill("A", "x1", "40")
    desk.rejected("A")
    canceled = desk.events[-1]
    assert isinstance(canceled, ev.OrderCanceled)
    assert canceled.exec_restatement_reason == "99"


# -- OrigClOrdID of a refusal, and of what is pending --------------------------------------------------------


def test_a_refused_request_names_the_last_accepted_id_and_not_what_it_named() -> None:
    """D.2.d: Y is not accepted yet when Z, which names it, is refused."""
    desk = office(of="BRAVO")
    desk.record(ev.ProfileDefined(1, ALPHA, True, "status", "refuse"))
    assert desk.say(ALPHA, REPLACE.format("Y", "A", 80))[0].startswith("ALPHA 35=8 150=E 39=E 11=Y 41=A")
    assert desk.say(ALPHA, REPLACE.format("Z", "Y", 70)) == [
        "ALPHA 35=9 39=E 11=Z 41=A 434=2 102=3 58=already_pending: an earlier request is not answered yet"
    ]


def test_a_request_for_an_order_that_nobody_knows_is_refused_under_the_id_that_it_named() -> None:
    desk = office()
    assert desk.say(ALPHA, CANCEL.replace("41=A", "41=NOT MINE"))[0].startswith(
        "ALPHA 35=9 39=8 11=B 41=NOT MINE 434=1 102=1"
    )


def test_a_second_pending_request_names_the_last_accepted_id() -> None:
    """D.2.b: Y is pending when Z, which names it, becomes pending too."""
    desk = office()
    desk.say(ALPHA, REPLACE.format("Y", "A", 80))
    assert desk.say(ALPHA, REPLACE.format("Z", "Y", 70))[0].startswith("ALPHA 35=8 150=E 39=E 11=Z 41=A")
    assert desk.say(ALPHA, CANCEL.replace("41=A", "41=Z"))[0].startswith("ALPHA 35=8 150=6 39=6 11=B 41=A")


# -- an early fill into an increase that the venue then refuses ----------------------------------------------


def test_a_fill_into_an_increase_is_questioned_when_the_increase_is_refused(desk: Desk) -> None:
    desk.replace("B", "A", "150")
    assert desk.fill("A", "x1", "120") == ["OrderFilled x1 120 10"], "the increase may have been taken"
    assert desk.refused("B") == [
        "RouteRequestRejected e-1-1-2 0",
        "ReportQuestioned 1 overfill",
        "RequestRejected B 0 too late",
    ]
    agree(desk)


def test_a_fill_within_the_order_is_not_questioned_when_the_increase_is_refused(desk: Desk) -> None:
    desk.replace("B", "A", "150")
    desk.fill("A", "x1", "100")
    assert desk.refused("B") == ["RouteRequestRejected e-1-1-2 0", "RequestRejected B 0 too late"]


def test_a_fill_beyond_both_is_questioned_once(desk: Desk) -> None:
    desk.replace("B", "A", "150")
    assert desk.fill("A", "x1", "160")[-1] == "ReportQuestioned 1 overfill"
    assert "ReportQuestioned 1 overfill" not in desk.refused("B")


def test_of_two_increases_the_last_refusal_questions_the_fill(desk: Desk) -> None:
    desk.replace("B", "A", "150")
    desk.replace("C", "B", "140")
    desk.fill("A", "x1", "130")
    assert "ReportQuestioned 1 overfill" not in desk.refused("B")
    assert "ReportQuestioned 1 overfill" in desk.refused("C")
    agree(desk)


# -- one execution, one key ----------------------------------------------------------------------------------


def test_an_exec_id_on_two_orders_of_a_venue_is_two_executions(desk: Desk) -> None:
    desk.new("B")
    desk.fill("A", "x1", "40")
    assert desk.fill("B", "x1", "30", cum_qty=Qty(scaled("30")))[-1] == "OrderFilled x1 30 10"
    agree(desk)
