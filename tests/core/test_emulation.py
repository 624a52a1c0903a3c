"""What is done here for an order because its venue cannot: slices, days, trailing stops; and what is refused.

PLAIN takes market and limit orders for the day and nothing else. The auditor looks at every life, every state
is loaded from its own snapshot and folded again.
"""

from typing import Any

import pytest

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.emulated import sent_terms
from oms.core.emulation import MOST_SLICES, next_due, to_expire
from oms.core.engine import decide
from oms.core.state import State
from oms.core.types import ExecType, OrdStatus, Px, Qty, Side, Terms
from oms.fix.encode import render
from oms.sim.auditor import Auditor
from tests.core.days import NEW_YORK, at
from tests.core.desk import FIRM, SIM, Desk, scaled, terms

GTC, GTD = "1", "6"
PLAIN = ev.VenueDefined(0, SIM, ("1", "2"), ("0", "3"), ())
"""A venue that knows markets and limits, for the day or at once."""


class Emulating(Desk):
    """A desk whose every state survives a snapshot, and whose every event the auditor approves of."""

    def __init__(self, *more: ev.Event) -> None:
        super().__init__(*more)
        self.auditor = Auditor()
        self.audited = 0

    def do(self, command: cmd.Command) -> list[str]:
        found = super().do(command)
        copy = State.load(self.state.dump())
        assert copy.digest() == self.state.digest()
        assert self.refold().digest() == self.state.digest()
        for name in ("due", "_waiting", "_expiry_of"):
            held, again = getattr(self.state.emulated, name), getattr(copy.emulated, name)
            assert _tidy(held) == _tidy(again), name
        for event in self.events[self.audited :]:
            assert self.auditor.feed(event) == [], event
        self.audited = len(self.events)
        assert self.auditor.compare(self.state.dump()) == []
        return found

    def sends(self) -> str:
        """The last message to a venue, without what says nothing of the order."""
        for event in reversed(self.events):
            message = render(event, 1, self.state)
            if message is not None and message[0] == SIM:
                fields = [f for f in message[1].split("\x01") if f]
                return "|".join(
                    f for f in fields if f.split("=")[0] not in ("1", "21", "54", "55", "60", "37")
                )
        return ""

    def tells(self) -> list[str]:
        """ExecType(150), OrdStatus(39), CumQty(14) and LeavesQty(151) of what the last command told the client."""
        start = max(n for n, e in enumerate(self.events) if n < self.before)
        found = []
        for event in self.events[start + 1 :]:
            message = render(event, 1, self.state)
            if message is not None and message[0] != SIM:
                fields = dict(f.split("=", 1) for f in message[1].split("\x01") if f)
                found.append(" ".join(fields.get(tag, "-") for tag in ("150", "39", "14", "151")))
        return found

    before = 0

    def _carry_out(self, command: cmd.Command) -> list[ev.Event]:
        self.before = len(self.events)
        return super()._carry_out(command)


def _tidy(found: Any) -> Any:
    return {k: v for k, v in found.items() if v} if isinstance(found, dict) else list(found)


def routes(desk: Desk, of: str = "A") -> list[str]:
    """The order's routes: what each is for, and what has executed of it."""
    names = {OrdStatus.PENDING_NEW: "sent", OrdStatus.NEW: "open"}
    return [
        f"{names.get(r.working, 'over') if not r.ended or r.working not in names else 'filled'}"
        f" {r.cum_qty // 10**8}/{r.order_qty // 10**8}"
        for r in desk.order(of).routes
    ]


@pytest.fixture
def iceberg() -> Emulating:
    """A, to buy 1000 at 10, shows 300; the first slice is acknowledged."""
    desk = Emulating(PLAIN)
    desk.new("A", "1000", terms=terms(max_floor="300"))
    desk.ack()
    return desk


# -- slices --------------------------------------------------------------------------------------------------


def test_an_iceberg_is_sent_in_slices_and_the_client_sees_one_order() -> None:
    desk = Emulating(PLAIN)
    assert desk.new("A", "1000", terms=terms(max_floor="300")) == [
        "OrderReceived A",
        "OrderEmulated SIM iceberg",
        "OrderRouted SIM e-1-1-1",
    ]
    assert desk.sends() == "35=D|11=e-1-1-1|38=300|40=2|44=10|59=0"
    assert desk.ack() == ["RouteAccepted", "OrderAccepted"]
    assert desk.fill("A/1", "x1", "100") == ["OrderFilled x1 100 10"]
    assert desk.tells() == ["F 1 100 900"]
    assert desk.fill("A/1", "x2", "200") == ["OrderFilled x2 200 10", "OrderRouted SIM e-1-2-1"]
    assert desk.tells() == ["F 1 300 700"]
    assert desk.ack("A/2") == ["RouteAccepted"]
    assert desk.tells() == []
    desk.fill("A/2", "x1", "300")
    desk.fill("A/3", "x1", "300")
    assert desk.sends() == "35=D|11=e-1-4-1|38=100|40=2|44=10|59=0"
    assert desk.fill("A/4", "x1", "100") == ["RouteAccepted", "OrderFilled x1 100 10"]
    assert desk.tells() == ["F 2 1000 0"]
    assert routes(desk) == ["filled 300/300", "filled 300/300", "filled 300/300", "filled 100/100"]
    assert desk.risk() == "held 0, spent 10000, position 1000, open 0/0"


def test_risk_holds_the_whole_order_and_the_book_shows_it(iceberg: Emulating) -> None:
    assert iceberg.risk() == "held 10000, spent 0, position 0, open 1000/0"
    iceberg.fill("A", "x1", "300")
    assert iceberg.risk() == "held 7000, spent 3000, position 300, open 700/0"


def test_a_cancel_during_a_slice_ends_the_whole(iceberg: Emulating) -> None:
    iceberg.fill("A", "x1", "100")
    assert iceberg.cancel("C", "A") == ["CancelRequested C A", "CancelRouted e-1-1-2 e-1-1-1"]
    assert iceberg.canceled("C") == ["RouteCanceled e-1-1-2", "OrderCanceled C"]
    assert iceberg.now() == "canceled 100 of 1000, 0 open, as A"
    assert iceberg.risk() == "held 0, spent 1000, position 100, open 0/0"


def test_a_cancel_that_crosses_the_end_of_a_slice_ends_the_rest(iceberg: Emulating) -> None:
    """The venue refuses it, since nothing is open there; what is left is ours, and no slice follows."""
    iceberg.cancel("C", "A")
    assert iceberg.fill("A", "x1", "300") == ["OrderFilled x1 300 10"]
    assert iceberg.refused("C") == ["RouteRequestRejected e-1-1-2 0", "OrderCanceled C"]
    assert iceberg.now() == "canceled 300 of 1000, 0 open, as A"
    assert len(iceberg.order().routes) == 1


def test_a_cancel_that_is_refused_while_the_slice_is_open_is_refused(iceberg: Emulating) -> None:
    iceberg.cancel("C", "A")
    assert iceberg.refused("C", reason=2)[1] == "RequestRejected C 2 too late"
    assert iceberg.now() == "new 0 of 1000, 1000 open, as A"
    iceberg.fill("A", "x1", "300")
    assert routes(iceberg) == ["filled 300/300", "sent 0/300"]


def test_a_replace_of_the_price_changes_the_slice_that_is_open(iceberg: Emulating) -> None:
    iceberg.fill("A", "x1", "100")
    assert iceberg.replace("B", "A", "1000", "11", terms=terms(max_floor="300")) == [
        "ReplaceRequested B A 1000 11",
        "ReplaceRouted e-1-1-2 e-1-1-1 300 11",
    ]
    assert iceberg.sends() == "35=G|11=e-1-1-2|41=e-1-1-1|38=300|40=2|44=11|59=0"
    assert iceberg.replaced("B") == ["RouteReplaced e-1-1-2", "OrderReplaced B"]
    assert iceberg.fill("A/1", "x2", "200", "11")[1] == "OrderRouted SIM e-1-2-1"
    assert iceberg.sends() == "35=D|11=e-1-2-1|38=300|40=2|44=11|59=0"


def test_a_replace_of_the_quantity_that_leaves_the_slice_asks_nobody(iceberg: Emulating) -> None:
    assert iceberg.replace("B", "A", "500", terms=terms(max_floor="300")) == [
        "ReplaceRequested B A 500 10",
        "OrderReplaced B",
    ]
    assert iceberg.now() == "new 0 of 500, 500 open, as B"
    iceberg.fill("A", "x1", "300")
    assert iceberg.sends() == "35=D|11=e-1-2-1|38=200|40=2|44=10|59=0"


def test_a_replace_to_less_than_the_slice_cuts_it(iceberg: Emulating) -> None:
    iceberg.fill("A", "x1", "100")
    iceberg.replace("B", "A", "200", terms=terms(max_floor="200"))
    assert iceberg.sends() == "35=G|11=e-1-1-2|41=e-1-1-1|38=200|40=2|44=10|59=0"
    iceberg.replaced("B")
    assert iceberg.fill("A", "x2", "100") == ["OrderFilled x2 100 10"]
    assert iceberg.now() == "filled 200 of 200, 0 open, as B"


def test_a_replace_to_what_has_executed_stops_there(iceberg: Emulating) -> None:
    iceberg.fill("A", "x1", "300")
    iceberg.ack("A/2")
    assert iceberg.replace("B", "A", "300", terms=terms(max_floor="300")) == [
        "ReplaceRequested B A 300 10",
        "CancelRouted e-1-2-2 e-1-2-1",
    ]
    report = cmd.VenueReport(SIM, "e-1-2-2", ExecType.CANCELED, OrdStatus.CANCELED, "v")
    assert iceberg.do(report) == ["RouteCanceled e-1-2-2", "OrderReplaced B"]
    assert iceberg.now() == "filled 300 of 300, 0 open, as B"


def test_a_replace_that_crosses_the_end_of_a_slice_is_for_the_next(iceberg: Emulating) -> None:
    iceberg.replace("B", "A", "1000", "11", terms=terms(max_floor="200"))
    iceberg.fill("A", "x1", "300")
    assert len(iceberg.order().routes) == 1, "the venue may have taken the replace before the fill"
    assert iceberg.refused("B") == [
        "RouteRequestRejected e-1-1-2 0",
        "OrderReplaced B",
        "OrderRouted SIM e-1-2-1",
    ]
    assert iceberg.sends() == "35=D|11=e-1-2-1|38=200|40=2|44=11|59=0"


def test_a_filled_iceberg_grows_without_asking_anybody(iceberg: Emulating) -> None:
    iceberg.replace("B", "A", "300", terms=terms(max_floor="300"))
    iceberg.fill("A", "x1", "300")
    assert iceberg.now() == "filled 300 of 300, 0 open, as B"
    assert iceberg.replace("C", "B", "400", terms=terms(max_floor="300")) == [
        "ReplaceRequested C B 400 10",
        "OrderReplaced C",
        "OrderRouted SIM e-1-2-1",
    ]
    assert iceberg.sends() == "35=D|11=e-1-2-1|38=100|40=2|44=10|59=0"


def test_a_slice_that_the_venue_ends_ends_the_order(iceberg: Emulating) -> None:
    iceberg.fill("A", "x1", "300")
    iceberg.ack("A/2")
    assert iceberg.canceled("A/2") == ["RouteCanceled", "OrderCanceled"]


def test_a_slice_that_the_venue_rejects_cancels_what_had_been_accepted(iceberg: Emulating) -> None:
    iceberg.bust("A", "b0", "no")
    iceberg.fill("A", "x1", "300")
    assert [line.split()[0] for line in iceberg.rejected("A/2")] == ["RouteRejected", "OrderCanceled"]
    fresh = Emulating(PLAIN)
    fresh.new("A", "1000", terms=terms(max_floor="300"))
    assert [line.split()[0] for line in fresh.rejected("A")] == ["RouteRejected", "OrderRejected"]


def test_a_slice_waits_while_the_venue_is_down_and_goes_when_it_is_back(iceberg: Emulating) -> None:
    iceberg.cancel("C", "A")
    iceberg.refused("C", reason=2)
    iceberg.down()
    report = cmd.VenueReport(
        SIM, "e-1-1-1", ExecType.TRADE, "2", "x1", last_qty=Qty(scaled("300")), last_px=Px(5)
    )
    assert iceberg.do(report) == ["OrderFilled x1 300 0.00000005", "OrderWaits venue:SIM"]
    assert iceberg.up() == ["SessionLoggedOn SIM", "OrderRouted SIM e-1-2-1"]


def test_a_slice_waits_while_trading_is_halted(iceberg: Emulating) -> None:
    iceberg.halt("symbol", "IBM")
    assert iceberg.fill("A", "x1", "300")[1] == "OrderWaits halt"
    assert iceberg.now() == "partially_filled 300 of 1000, 700 open, as A"
    assert iceberg.resume("symbol", "IBM")[1] == "OrderRouted SIM e-1-2-1"


@pytest.mark.parametrize("scope", [("venue", SIM), ("all", "")])
def test_a_halt_of_the_venue_or_of_all_is_waited_for(iceberg: Emulating, scope: tuple[str, str]) -> None:
    iceberg.halt(*scope)
    assert iceberg.fill("A", "x1", "300")[1].startswith("OrderWaits")
    assert iceberg.resume(*scope)[1] == "OrderRouted SIM e-1-2-1"


def test_what_waits_can_be_canceled_and_replaced(iceberg: Emulating) -> None:
    iceberg.halt("all")
    iceberg.fill("A", "x1", "300")
    assert iceberg.resume("symbol", "IBM") == []
    assert iceberg.cancel("C", "A") == ["CancelRequested C A", "OrderCanceled C"]
    assert iceberg.resume("all") == ["TradingResumed all"]
    assert iceberg.now() == "canceled 300 of 1000, 0 open, as A"


def test_a_slice_that_the_venue_never_received_is_sent_again(iceberg: Emulating) -> None:
    iceberg.fill("A", "x1", "300")
    iceberg.down()
    assert iceberg.up() == ["SessionLoggedOn SIM", "StatusAsked e-1-2-1"]
    assert [line.split()[0] for line in iceberg.stands("A/2", OrdStatus.REJECTED)] == [
        "RouteRejected",
        "OrderRouted",
    ]
    assert iceberg.sends() == "35=D|11=e-1-3-1|38=300|40=2|44=10|59=0"


def test_a_bust_opens_the_slice_that_it_is_of_and_sends_nothing_twice(iceberg: Emulating) -> None:
    iceberg.fill("A", "x1", "300")
    iceberg.ack("A/2")
    assert iceberg.bust("A/1", "b1", "x1") == ["ExecutionBusted b1 x1 300 10"]
    assert routes(iceberg) == ["open 0/300", "open 0/300"]
    iceberg.fill("A/2", "x1", "300")
    assert len(iceberg.order().routes) == 2, "the first is open again"
    iceberg.fill("A/1", "x3", "300")
    assert routes(iceberg)[2] == "sent 0/300"


def test_a_mass_cancel_ends_the_whole_though_the_slice_was_just_filled(iceberg: Emulating) -> None:
    assert iceberg.cancel_all("M") == [
        "MassCancelRequested M 1",
        "CancelRequested",
        "CancelRouted e-1-1-2 e-1-1-1",
    ]
    iceberg.fill("A", "x1", "300")
    refused = cmd.VenueCancelReject(SIM, "e-1-1-2", cxl_rej_reason=0, text="too late")
    assert iceberg.do(refused) == ["RouteRequestRejected e-1-1-2 0", "OrderCanceled"]
    assert iceberg.now() == "canceled 300 of 1000, 0 open, as A"


def test_a_mass_cancel_that_is_refused_while_the_slice_is_open_is_refused(iceberg: Emulating) -> None:
    iceberg.cancel_all("M")
    refused = cmd.VenueCancelReject(SIM, "e-1-1-2", cxl_rej_reason=0, text="no")
    said = ["RouteRequestRejected e-1-1-2 0", "MassCancelRejected M 0 no", "RequestRejected 0 no"]
    assert iceberg.do(refused) == said
    assert iceberg.fill("A", "x1", "300")[-1] == "OrderRouted SIM e-1-2-1"


@pytest.mark.parametrize("by", ["cancel", "mass"])
def test_a_venue_that_answers_a_late_cancel_by_the_fill_alone_ends_the_whole(
    iceberg: Emulating, by: str
) -> None:
    iceberg.profile(of=SIM, late_cancel="silent")
    if by == "mass":
        iceberg.cancel_all("M")
    else:
        iceberg.cancel("B", "A")
    assert iceberg.fill("A/1", "x1", "100") == ["OrderFilled x1 100 10"], "it may be canceled still"
    found = iceberg.fill("A/1", "x2", "200")
    assert found[:2] == ["OrderFilled x2 200 10", "RouteRequestRejected e-1-1-2 0"]
    assert found[2].startswith("OrderCanceled") and len(found) == 3
    assert iceberg.now().startswith("canceled 300 of 1000, 0 open")


def test_a_correction_to_more_than_the_whole_is_questioned_and_cuts_the_slice(iceberg: Emulating) -> None:
    iceberg.fill("A/1", "x1", "300")
    iceberg.ack("A/2")
    for n in (2, 3):
        iceberg.fill(f"A/{n}", "x1", "300")
    assert iceberg.correct("A/1", "c1", "x1", "350")[1] == "ReportQuestioned 1 overfill"
    assert iceberg.sends() == "35=G|11=e-1-4-2|41=e-1-4-1|38=50|40=2|44=10|59=0"


def test_a_venue_that_ends_a_slice_after_its_last_fill_ends_no_order(iceberg: Emulating) -> None:
    """What is taken back of an earlier slice is sent again; of the last one it has ended."""
    for n in (1, 2, 3):
        iceberg.fill(f"A/{n}", "x1", "300")
    iceberg.fill("A/4", "x1", "100")
    iceberg.report("A", ExecType.CANCELED, OrdStatus.CANCELED, route=1)
    iceberg.bust("A/1", "b1", "x1")
    assert iceberg.sends() == "35=D|11=e-1-5-1|38=300|40=2|44=10|59=0"


def test_the_last_slice_stays_ended_if_its_venue_had_ended_it(iceberg: Emulating) -> None:
    for n in (1, 2, 3):
        iceberg.fill(f"A/{n}", "x1", "300")
    iceberg.fill("A/4", "x1", "100")
    iceberg.report("A", ExecType.CANCELED, OrdStatus.CANCELED, route=4)
    iceberg.bust("A/4", "b1", "x1")
    assert iceberg.now() == "canceled 900 of 1000, 0 open, as A"


def test_a_corporate_action_is_left_to_people(iceberg: Emulating) -> None:
    iceberg.fill("A", "x1", "100")
    found = iceberg.report("A", ExecType.RESTATED, cum_qty=Qty(scaled("200")), exec_restatement_reason="0",
                           order_qty=Qty(scaled("600")))  # fmt: skip
    assert found == ["ReportQuestioned 1 corporate_action_on_an_order_in_parts"]


def test_the_day_ends_an_iceberg_for_the_day(iceberg: Emulating) -> None:
    iceberg.fill("A", "x1", "300")
    assert iceberg.end_day() == ["RouteExpired False", "OrderExpired", "DayEnded"]
    assert iceberg.risk() == "held 0, spent 3000, position 300, open 0/0"


def test_an_overfill_of_a_slice_is_questioned(iceberg: Emulating) -> None:
    assert iceberg.fill("A", "x1", "400")[1:] == ["ReportQuestioned 1 overfill", "OrderRouted SIM e-1-2-1"]
    iceberg.fill("A/2", "x1", "300")
    assert iceberg.sends().split("|")[2] == "38=300"


def test_quantities_that_are_no_multiple_of_the_slice_come_out_exact() -> None:
    desk = Emulating(PLAIN)
    desk.new("A", "1000", terms=terms(max_floor="33"))
    for n in range(1, 32):
        desk.fill(f"A/{n}", "x", str(min(33, 1000 - 33 * (n - 1))))
    assert desk.now() == "filled 1000 of 1000, 0 open, as A"
    assert sum(r.order_qty for r in desk.order().routes) == scaled("1000")


# -- days ----------------------------------------------------------------------------------------------------


@pytest.fixture
def carried() -> Emulating:
    """A, good till canceled, has been sent for New York's 23rd and acknowledged."""
    desk = Emulating(PLAIN, NEW_YORK)
    at(desk, "23-15:00")
    desk.new("A", tif=GTC)
    desk.ack()
    return desk


def test_a_good_till_order_is_sent_for_the_day_every_morning(carried: Emulating) -> None:
    assert carried.sends() == "35=D|11=e-1-1-1|38=100|40=2|44=10|59=0"
    carried.fill("A", "x1", "40")
    assert at(carried, "23-21:15") == [
        "RouteExpired False",
        "DayEnded XNYS 20261123",
        "OrderWaits market:XNYS",
    ]
    assert carried.tells() == []
    assert carried.now() == "partially_filled 40 of 100, 60 open, as A"
    assert carried.risk() == "held 600, spent 400, position 40, open 60/0"
    assert at(carried, "24-14:00") == [
        "DayStarted XNYS 20261124",
        "OrderRestated 1 100 10",
        "OrderRouted SIM e-1-2-1",
    ]
    assert carried.tells() == ["D 1 40 60"]
    assert carried.sends() == "35=D|11=e-1-2-1|38=60|40=2|44=10|59=0"
    assert carried.ack("A/2") == ["RouteAccepted"]
    assert carried.today() == "0 of 60 at 0"
    carried.fill("A/2", "x1", "60")
    assert carried.now() == "filled 100 of 100, 0 open, as A"


def test_an_order_that_comes_while_the_market_is_closed_waits_for_it() -> None:
    desk = Emulating(PLAIN, NEW_YORK)
    at(desk, "26-12:00")
    desk.down()
    assert desk.new("A", tif=GTC) == [
        "OrderReceived A",
        "OrderEmulated SIM good_till",
        "OrderAccepted",
        "OrderWaits market:XNYS",
    ]
    assert desk.tells() == ["0 0 0 100"]
    desk.up()
    assert desk.order().routes == []
    assert at(desk, "27-14:00") == ["DayStarted XNYS 20261127", "OrderRouted SIM e-1-1-1"]


@pytest.mark.parametrize("time", ["23-21:00", "23-21:10", "23-13:00"])
def test_nothing_is_sent_between_the_close_and_the_next_day(time: str) -> None:
    desk = Emulating(PLAIN, NEW_YORK)
    at(desk, time)
    assert desk.new("A", tif=GTC)[-1] == "OrderWaits market:XNYS"


def test_a_venue_that_is_down_in_the_morning_gets_it_when_it_is_there(carried: Emulating) -> None:
    at(carried, "23-21:15")
    carried.down()
    assert at(carried, "24-14:00")[-1] == "OrderWaits venue:SIM"
    assert carried.up()[-1] == "OrderRouted SIM e-1-2-1"


def test_the_venues_own_report_of_the_end_comes_before_ours(carried: Emulating) -> None:
    assert carried.expired("A") == ["RouteExpired False", "OrderDoneForDay", "OrderWaits market:XNYS"]
    assert carried.now() == "done_for_day 0 of 100, 100 open, as A"
    assert at(carried, "23-21:15") == ["DayEnded XNYS 20261123"]
    assert carried.now() == "new 0 of 100, 100 open, as A"
    assert at(carried, "24-14:00")[-1] == "OrderRouted SIM e-1-2-1"


def test_done_for_day_ends_the_route_and_not_the_order(carried: Emulating) -> None:
    assert carried.done_for_day("A") == ["RouteExpired True", "OrderDoneForDay", "OrderWaits market:XNYS"]
    assert carried.order().routes[0].ended
    at(carried, "23-21:15")
    assert at(carried, "24-14:00")[-1] == "OrderRouted SIM e-1-2-1"


def test_a_venue_that_calls_it_canceled_after_its_close_means_expired(carried: Emulating) -> None:
    at(carried, "23-21:01")
    assert carried.canceled("A") == ["RouteExpired True", "OrderDoneForDay", "OrderWaits market:XNYS"]


def test_a_cancel_of_the_venues_own_during_the_day_ends_the_order(carried: Emulating) -> None:
    assert carried.canceled("A") == ["RouteCanceled", "OrderCanceled"]


def test_a_report_of_the_end_that_is_late_changes_nothing(carried: Emulating) -> None:
    at(carried, "23-21:15")
    assert carried.expired("A") == []
    at(carried, "24-14:00")
    assert carried.expired("A/1") == []
    assert routes(carried) == ["over 0/100", "sent 0/100"]


def test_a_late_fill_of_yesterday_cuts_what_was_sent_today(carried: Emulating) -> None:
    at(carried, "23-21:15")
    at(carried, "24-14:00")
    carried.ack("A/2")
    assert carried.fill("A/1", "x1", "30") == [
        "OrderFilled x1 30 10",
        "ReportQuestioned 1 overfill",
        "ReplaceRouted e-1-2-2 e-1-2-1 70 10",
    ]
    report = cmd.VenueReport(SIM, "e-1-2-2", ExecType.REPLACED, OrdStatus.NEW, "r1")
    assert carried.do(report) == ["RouteReplaced e-1-2-2"]
    assert routes(carried) == ["over 30/100", "open 0/70"]
    carried.fill("A/2", "x1", "70")
    assert carried.now() == "filled 100 of 100, 0 open, as A"


def test_a_late_fill_of_all_of_it_takes_todays_back(carried: Emulating) -> None:
    at(carried, "23-21:15")
    at(carried, "24-14:00")
    carried.ack("A/2")
    assert carried.fill("A/1", "x1", "100")[2] == "CancelRouted e-1-2-2 e-1-2-1"
    report = cmd.VenueReport(SIM, "e-1-2-2", ExecType.CANCELED, OrdStatus.CANCELED, "r1")
    assert carried.do(report) == ["RouteCanceled e-1-2-2"]
    assert carried.now() == "filled 100 of 100, 0 open, as A"


def test_a_late_fill_while_todays_executes_as_well_is_questioned(carried: Emulating) -> None:
    at(carried, "23-21:15")
    at(carried, "24-14:00")
    carried.fill("A/2", "x1", "100")
    assert carried.fill("A/1", "x1", "30") == ["OrderFilled x1 30 10", "ReportQuestioned 1 overfill"]
    assert carried.now() == "filled 130 of 100, 0 open, as A"


def test_overnight_a_cancel_is_at_once_and_a_replace_asks_nobody(carried: Emulating) -> None:
    at(carried, "23-21:15")
    assert carried.replace("B", "A", "150", "11") == ["ReplaceRequested B A 150 11", "OrderReplaced B"]
    at(carried, "24-14:00")
    assert carried.sends() == "35=D|11=e-1-2-1|38=150|40=2|44=11|59=0"
    at(carried, "24-21:15")
    assert carried.cancel("C", "B") == ["CancelRequested C B", "OrderCanceled C"]
    assert at(carried, "25-14:00") == ["DayStarted XNYS 20261125"]


def test_a_cancel_that_is_open_at_the_end_of_the_day_ends_the_order(carried: Emulating) -> None:
    carried.cancel("C", "A")
    at(carried, "23-21:15")
    assert at(carried, "24-14:00") == ["DayStarted XNYS 20261124", "OrderRestated 1 100 10"], (
        "not answered yet"
    )
    assert carried.refused("C") == ["RouteRequestRejected e-1-1-2 0", "OrderCanceled C"]


def test_a_cancel_that_the_venue_confirms_after_the_end_of_the_day(carried: Emulating) -> None:
    carried.cancel("C", "A")
    at(carried, "23-21:15")
    assert carried.canceled("C") == ["RouteCanceled e-1-1-2", "OrderCanceled C"]


def test_a_second_request_while_a_route_of_yesterday_owes_an_answer(carried: Emulating) -> None:
    carried.replace("B", "A", "150", "11")
    at(carried, "23-21:15")
    assert carried.replace("D", "B", "160", "11") == ["RequestDenied D already_pending 3"]
    assert carried.cancel("C", "A") == ["CancelRequested C A", "OrderCanceled C"]
    assert carried.refused("B")[1] == "RequestRejected B 0 too late"


def test_a_persons_end_of_the_day_is_the_end_of_it(carried: Emulating) -> None:
    """What the venue does until its own close is not known: nothing is sent before the next day."""
    assert carried.do(cmd.EndDay("jane", "XNYS"))[-1] == "OrderWaits market:XNYS"
    assert at(carried, "23-21:15") == []
    assert at(carried, "24-14:00")[-1] == "OrderRouted SIM e-1-2-1"


def test_good_till_date_ends_with_its_date(carried: Emulating) -> None:
    carried.new("B", tif=GTD, terms=terms(until="20261124"))
    assert carried.sends() == "35=D|11=e-2-1-1|38=100|40=2|44=10|59=0"
    at(carried, "23-21:15")
    at(carried, "24-14:00")
    assert at(carried, "24-21:15")[:4] == [
        "RouteExpired False",
        "RouteExpired False",
        "OrderExpired",
        "DayEnded XNYS 20261124",
    ]
    assert carried.now("B") == "expired 0 of 100, 0 open, as B"


@pytest.fixture
def timed(carried: Emulating) -> Emulating:
    """B is good until 17:00 of the 24th, and has been sent on that day."""
    carried.cancel("C", "A")
    carried.canceled("C")
    carried.new("B", tif=GTD, terms=terms(expire_time="20261124-17:00:00"))
    carried.ack("B")
    at(carried, "23-21:15")
    at(carried, "24-16:00")
    carried.ack("B/2")
    return carried


def expire(desk: Desk) -> list[str]:
    """What the engine does once a second."""
    return [
        line for order_id in to_expire(desk.state, desk.now_ns) for line in desk.do(cmd.Emulate(order_id))
    ]


def test_an_order_ends_at_its_time_of_day(timed: Emulating) -> None:
    at(timed, "24-16:59")
    assert expire(timed) == []
    at(timed, "24-17:00")
    assert expire(timed) == ["CancelRouted e-2-2-2 e-2-2-1"]
    assert expire(timed) == [], "it is asked once"
    report = cmd.VenueReport(SIM, "e-2-2-2", ExecType.CANCELED, OrdStatus.CANCELED, "r1")
    assert timed.do(report) == ["RouteCanceled e-2-2-2", "OrderExpired"]
    assert expire(timed) == []


def test_an_order_whose_time_comes_while_nobody_has_it_just_ends(timed: Emulating) -> None:
    at(timed, "24-16:30")
    timed.halt("all")
    timed.done_for_day("B/2")
    at(timed, "24-17:00")
    assert expire(timed) == ["OrderExpired"]


def test_the_time_of_an_order_at_a_venue_that_is_down_comes_when_it_is_back(timed: Emulating) -> None:
    timed.down()
    at(timed, "24-17:00")
    assert expire(timed) == []
    timed.up()
    assert expire(timed) == ["CancelRouted e-2-2-2 e-2-2-1"]


def test_an_iceberg_that_is_good_till_canceled_is_both() -> None:
    desk = Emulating(PLAIN, NEW_YORK)
    at(desk, "23-15:00")
    assert (
        desk.new("A", "500", tif=GTC, terms=terms(max_floor="200"))[1]
        == "OrderEmulated SIM iceberg+good_till"
    )
    desk.fill("A", "x1", "200")
    desk.fill("A/2", "x1", "50")
    at(desk, "23-21:15")
    at(desk, "24-14:00")
    assert routes(desk) == ["filled 200/200", "over 50/200", "sent 0/200"]
    desk.fill("A/3", "x1", "200")
    desk.fill("A/4", "x1", "50")
    assert desk.now() == "filled 500 of 500, 0 open, as A"


def test_a_market_order_may_be_good_till_canceled() -> None:
    desk = Emulating(PLAIN, NEW_YORK)
    at(desk, "23-15:00")
    desk.new("A", px="", tif=GTC)
    assert desk.sends() == "35=D|11=e-1-1-1|38=100|40=1|59=0"


def test_a_minimum_is_of_the_whole_order() -> None:
    """It goes with every route until so much has executed."""
    knows_minimum = ev.VenueDefined(0, SIM, ("1", "2"), ("0",), ("min_qty", "max_floor"))
    desk = Emulating(knows_minimum, NEW_YORK)
    at(desk, "23-15:00")
    desk.new("A", tif=GTC, terms=terms(min_qty="50", max_floor="80"))
    assert desk.sends() == "35=D|11=e-1-1-1|38=100|40=2|44=10|59=0|110=50|111=80"
    desk.fill("A", "x1", "60")
    at(desk, "23-21:15")
    at(desk, "24-14:00")
    assert desk.sends() == "35=D|11=e-1-2-1|38=40|40=2|44=10|59=0|111=40"


# -- trailing stops ------------------------------------------------------------------------------------------


def trailing(side: str = Side.SELL, ord_type: str = "P", px: str = "", **more: Any) -> Emulating:
    """A, held, trails 2 behind the reference price, which is 90."""
    desk = Emulating(PLAIN, NEW_YORK)
    at(desk, "23-15:00")
    peg = {"exec_inst": "a", "peg_offset": Px(scaled("2"))} | more
    found = desk.new("A", "100", px, side=side, ord_type=ord_type, terms=Terms(**peg))
    assert found == ["OrderReceived A", "OrderEmulated SIM trailing_stop", "OrderHeld"]
    return desk


def stop_px(desk: Desk) -> str:
    found = desk.order().versions[-1].terms
    assert found is not None
    return f"{found.stop_px / 10**8:g}"


PRICES: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    # side      starts at   (price, stop price then)
    (Side.SELL, "88",       (("89", "88"), ("91", "89"), ("90", "89"), ("91.5", "89.5"), ("89.51", "89.5"))),
    (Side.BUY,  "92",       (("91", "92"), ("89", "91"), ("90", "91"), ("88.5", "90.5"), ("90.49", "90.5"))),
)  # fmt: skip


@pytest.mark.parametrize(("side", "start", "prices"), PRICES)
def test_the_stop_price_follows_and_never_goes_back(
    side: str, start: str, prices: tuple[tuple[str, str], ...]
) -> None:
    desk = trailing(side)
    assert stop_px(desk) == start
    for px, then in prices:
        before = stop_px(desk)
        moved = [f"StopPxMoved {then}"] if then != before else []
        assert desk.price("IBM", px) == [f"ReferencePriceChanged IBM {px}", *moved]
        assert stop_px(desk) == then


@pytest.mark.parametrize(("side", "to", "reached"), [(Side.SELL, "91", "89"), (Side.BUY, "89", "91")])
def test_it_is_triggered_where_it_has_come_to(side: str, to: str, reached: str) -> None:
    desk = trailing(side)
    desk.price("IBM", to)
    assert desk.price("IBM", reached)[1:] == ["OrderTriggered", "OrderRouted SIM e-1-1-1"]
    assert desk.sends() == "35=D|11=e-1-1-1|38=100|40=1|59=0"
    desk.fill("A", "x1", "100", reached)
    assert desk.now() == "filled 100 of 100, 0 open, as A"
    assert desk.price("IBM", "95") == ["ReferencePriceChanged IBM 95"]


def test_a_stop_limit_keeps_its_limit() -> None:
    desk = trailing(ord_type="4", px="85", stop_px=Px(scaled("87")))
    assert stop_px(desk) == "87", "its own, until the price has gone beyond the distance"
    desk.price("IBM", "89.5")
    assert stop_px(desk) == "87.5"
    desk.price("IBM", "87.5")
    assert desk.sends() == "35=D|11=e-1-1-1|38=100|40=2|44=85|59=0"


DISTANCES = (
    # PegOffsetType, PegOffsetValue   side        price    stop price
    ("",  "2",                        Side.SELL,  "90",    "88"),
    ("0", "-2",                       Side.SELL,  "90",    "88"),
    ("0", "-2",                       Side.BUY,   "90",    "92"),
    ("1", "100",                      Side.SELL,  "90",    "89.1"),     # 1 percent
    ("1", "33",                       Side.SELL,  "90",    "89.7"),     # 89.703, away from the price
    ("1", "33",                       Side.BUY,   "90",    "90.3"),     # 90.297
    ("2", "5",                        Side.SELL,  "90",    "89.95"),
    ("0", "20",                       Side.BUY,   "90",    "110"),
    ("0", "20.3",                     Side.BUY,   "90",    "110.5"),    # ticks of 0.5 from 100 on
)  # fmt: skip


@pytest.mark.parametrize(("kind", "offset", "side", "px", "stop"), DISTANCES)
def test_the_distance(kind: str, offset: str, side: str, px: str, stop: str) -> None:
    desk = trailing(side, peg_offset=Px(scaled(offset)), peg_offset_type=kind)
    assert stop_px(desk) == stop
    assert desk.state.reference_px["IBM"] == scaled(px)


def test_a_price_that_moves_less_than_a_tick_moves_nothing() -> None:
    desk = trailing()
    assert desk.price("IBM", "90.009") == ["ReferencePriceChanged IBM 90.009"]
    assert desk.price("IBM", "90.011")[1:] == ["StopPxMoved 88.01"]


def test_the_money_is_held_from_where_it_will_be_worked() -> None:
    desk = trailing(Side.BUY)
    assert desk.risk() == "held 10120, spent 0, position 0, open 100/0", "92 and a tenth"


def test_the_client_is_told_if_its_profile_says_so() -> None:
    desk = trailing()
    desk.price("IBM", "91")
    assert desk.tells() == []
    desk._take(ev.ProfileDefined(0, "ALPHA", True, "status", "pass", stop_px_reports=True))
    desk.price("IBM", "92")
    assert desk.tells() == ["D 0 0 100"]
    message = render(desk.events[-1], 1, desk.state)
    assert message is not None and "\x0199=90\x01" in message[1] and "\x01378=3\x01" in message[1]


def test_a_status_shows_where_it_has_come_to() -> None:
    desk = trailing()
    desk.price("IBM", "95")
    desk.ask_status("A")
    message = render(desk.events[-1], 1, desk.state)
    assert message is not None and "\x0199=93\x01" in message[1]


def test_a_replace_keeps_the_stop_price_unless_the_distance_is_another() -> None:
    desk = trailing()
    desk.price("IBM", "91")
    desk.price("IBM", "90")
    same = Terms(exec_inst="a", peg_offset=Px(scaled("2")))
    assert desk.replace("B", "A", "80", "", ord_type="P", terms=same)[-1] == "OrderReplaced B"
    assert stop_px(desk) == "89"
    wider = Terms(exec_inst="a", peg_offset=Px(scaled("3")))
    desk.replace("C", "B", "80", "", ord_type="P", terms=wider)
    assert stop_px(desk) == "87"
    desk.price("IBM", "90.5")
    assert stop_px(desk) == "87.5"
    assert desk.cancel("D", "C") == ["CancelRequested D C", "OrderCanceled D"]


def test_a_trailing_stop_over_days() -> None:
    desk = Emulating(PLAIN, NEW_YORK)
    at(desk, "23-15:00")
    desk.new(
        "A",
        px="",
        side=Side.SELL,
        ord_type="P",
        tif=GTC,
        terms=Terms(exec_inst="a", peg_offset=Px(scaled("2"))),
    )
    assert desk.price("IBM", "91")[1:] == ["StopPxMoved 89"]
    assert at(desk, "23-21:15") == ["DayEnded XNYS 20261123"]
    assert desk.price("IBM", "89") == ["ReferencePriceChanged IBM 89"], "the market is closed"
    assert at(desk, "24-14:00") == ["DayStarted XNYS 20261124", "OrderRestated 1 100 0"]
    assert desk.price("IBM", "88")[1:] == ["OrderTriggered", "OrderRouted SIM e-1-1-1"]
    assert desk.sends() == "35=D|11=e-1-1-1|38=100|40=1|59=0"
    at(desk, "24-21:15")
    assert at(desk, "25-14:00")[-1] == "OrderRouted SIM e-1-2-1"
    assert desk.sends() == "35=D|11=e-1-2-1|38=100|40=1|59=0"


def test_a_stop_iceberg_over_days_is_all_of_them() -> None:
    desk = Emulating(PLAIN, NEW_YORK)
    at(desk, "23-15:00")
    found = desk.new("A", "500", "95", ord_type="4", tif=GTC, terms=terms(stop="92", max_floor="200"))
    assert found[1:] == ["OrderEmulated SIM stop+iceberg+good_till", "OrderHeld"]
    desk.price("IBM", "92")
    assert desk.sends() == "35=D|11=e-1-1-1|38=200|40=2|44=95|59=0"
    desk.fill("A", "x1", "200", "92")
    assert desk.sends() == "35=D|11=e-1-2-1|38=200|40=2|44=95|59=0"
    at(desk, "23-21:15")
    at(desk, "24-14:00")
    assert desk.sends() == "35=D|11=e-1-3-1|38=200|40=2|44=95|59=0"


# -- what a venue can do is not done here --------------------------------------------------------------------

KNOWS = ev.VenueDefined(
    0, SIM, ("1", "2", "3", "4", "P"), ("0", "1", "2", "6", "7"),
    ("stop_px", "exec_inst", "min_qty", "max_floor", "expire_date", "peg_offset"),
    exec_insts=("1", "6", "G", "a"),
)  # fmt: skip

PASSES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"terms": terms(max_floor="50")}, "59=0|111=50"),
    ({"tif": GTC}, "59=1"),
    ({"tif": GTD, "terms": terms(until="20261124")}, "59=6|432=20261124"),
    ({"tif": "2"}, "59=2"),
    ({"tif": "7"}, "59=7"),
    ({"tif": "7", "px": ""}, "59=7"),
    ({"terms": terms(min_qty="50")}, "59=0|110=50"),
    ({"terms": terms(exec_inst="G")}, "59=0|18=G"),
    ({"terms": terms(exec_inst="6")}, "59=0|18=6"),
    ({"terms": terms(exec_inst="1")}, "59=0|18=1"),
    ({"terms": terms(exec_inst="1 6")}, "59=0|18=1 6"),
    ({"px": "", "ord_type": "3", "terms": terms(stop="95")}, "59=0|99=95"),
    ({"px": "", "ord_type": "P", "terms": Terms(exec_inst="a", peg_offset=Px(scaled("2")))}, "59=0|211=2|18=a"),
)  # fmt: skip


@pytest.mark.parametrize(("asked", "sent"), PASSES, ids=[sent for _, sent in PASSES])
def test_what_a_venue_declares_passes_as_it_is(asked: dict[str, Any], sent: str) -> None:
    desk = Emulating(KNOWS)
    assert desk.new("A", **asked) == ["OrderReceived A", "OrderRouted SIM e-1-1-1"]
    assert desk.sends().endswith(sent)


LACKS = "venue SIM does not support"
REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    # what is asked of PLAIN                                          why not
    ({"tif": "2"},                                                    f"{LACKS} TimeInForce 2"),
    ({"tif": "7"},                                                    f"{LACKS} TimeInForce 7"),
    ({"tif": "7", "px": ""},                                          f"{LACKS} TimeInForce 7"),
    ({"tif": "4"},                                                    f"{LACKS} TimeInForce 4"),
    ({"terms": terms(min_qty="50")},                                  f"{LACKS} min_qty"),
    ({"terms": terms(exec_inst="G")},                                 f"{LACKS} exec_inst"),
    ({"terms": terms(exec_inst="6")},                                 f"{LACKS} exec_inst"),
    ({"terms": terms(exec_inst="1")},                                 f"{LACKS} exec_inst"),
    ({"terms": terms(max_floor="50", min_qty="10")},
     f"{LACKS} min_qty: slices cannot keep a minimum of the whole order"),
    ({"terms": terms(max_floor="50", exec_inst="G")},
     f"{LACKS} exec_inst: slices cannot keep a minimum of the whole order"),
    ({"px": "", "terms": terms(max_floor="50")},
     f"{LACKS} max_floor: only a limit order for the day or longer can be sent in slices"),
    ({"tif": "3", "terms": terms(max_floor="50")},
     f"{LACKS} max_floor: only a limit order for the day or longer can be sent in slices"),
    ({"qty": "5000", "terms": terms(max_floor="4")},
     f"{LACKS} max_floor: it would be more than {MOST_SLICES} slices"),
    ({"terms": Terms(max_show=Qty(scaled("50")))},                    f"{LACKS} max_show"),
    ({"tif": "3", "px": "", "ord_type": "3", "terms": terms(stop="95")},
     f"{LACKS} OrdType 3: only an order for the day or longer can be held here"),
    ({"px": "", "ord_type": "P"},                                     f"{LACKS} OrdType P"),
    ({"px": "", "ord_type": "P", "terms": terms(exec_inst="R")},      f"{LACKS} OrdType P"),
    ({"px": "", "ord_type": "P", "terms": terms(exec_inst="a")},
     f"{LACKS} OrdType P: a trailing stop needs PegOffsetValue"),
    ({"px": "", "ord_type": "P", "terms": Terms(exec_inst="a", peg_offset=Px(5), peg_offset_type="3")},
     f"{LACKS} OrdType P: PegOffsetType 3 is not worked here"),
    ({"px": "", "ord_type": "P", "terms": Terms(exec_inst="a", peg_offset=Px(5), peg_move_type="1")},
     f"{LACKS} OrdType P: a stop that does not move does not trail"),
    ({"px": "", "ord_type": "P", "terms": Terms(exec_inst="a", peg_offset=Px(5), peg_scope="1")},
     f"{LACKS} peg_scope"),
    ({"px": "", "ord_type": "P", "terms": Terms(exec_inst="a", peg_offset=Px(5), stop_px=Px(7))},
     f"{LACKS} OrdType P: its StopPx is not on a tick"),
    ({"px": "", "ord_type": "P", "side": "2", "terms": Terms(exec_inst="a", peg_offset=Px(scaled("90")))},
     f"{LACKS} OrdType P: its stop price would not be above 0"),
    ({"px": "", "ord_type": "P", "tif": "3", "terms": Terms(exec_inst="a", peg_offset=Px(5))},
     f"{LACKS} OrdType P: only an order for the day or longer can be held here"),
    ({"terms": Terms(unread="168=20261124-10:00:00")},                "tag 168=20261124-10:00:00 is not supported"),
)  # fmt: skip


@pytest.mark.parametrize(("asked", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_what_can_be_done_neither_there_nor_here_is_refused_with_the_reason(
    asked: dict[str, Any], why: str
) -> None:
    desk = Emulating(PLAIN, NEW_YORK)
    at(desk, "23-15:00")
    assert desk.new("A", **asked)[0].startswith("OrderDenied A ")
    denied = desk.events[-1]
    assert isinstance(denied, ev.OrderDenied)
    assert (denied.text, denied.ord_rej_reason) == (why, 11)


def test_a_good_till_order_needs_a_calendar() -> None:
    desk = Emulating(PLAIN)
    desk.new("A", tif=GTC)
    denied = desk.events[-1]
    assert isinstance(denied, ev.OrderDenied)
    assert denied.text == f"{LACKS} TimeInForce 1: no calendar says when market XNYS takes orders"


def test_codes_of_exec_inst_are_declared_one_by_one() -> None:
    desk = Emulating(ev.VenueDefined(0, SIM, ("1", "2"), ("0",), ("exec_inst",), exec_insts=("1", "6")))
    desk.new("A", terms=terms(exec_inst="1 G"))
    denied = desk.events[-1]
    assert isinstance(denied, ev.OrderDenied)
    assert denied.text == f"{LACKS} ExecInst G"


def test_a_venue_that_is_down_gets_no_slice_of_a_new_order() -> None:
    desk = Emulating(PLAIN)
    desk.down()
    assert desk.new("A", "500", terms=terms(max_floor="100")) == ["OrderDenied A venue_down 2"]


def test_a_trailing_stop_beyond_the_buying_power_is_refused_at_its_own_price() -> None:
    desk = Emulating(PLAIN)
    peg = Terms(exec_inst="a", peg_offset=Px(scaled("60")))
    assert desk.new("A", "700", "", ord_type="P", terms=peg) == ["OrderDenied A buying_power 3"]
    assert desk.new("B", "600", "", ord_type="P", terms=peg)[0] == "OrderReceived B"


def test_a_replace_cannot_ask_for_what_is_not_done_for_the_order(iceberg: Emulating) -> None:
    iceberg.new("B")
    iceberg.ack("B")
    assert iceberg.replace("C", "B", "90", terms=terms(max_floor="10")) == ["RequestDenied C venue_lacks 99"]
    assert iceberg.replace("D", "A", "900", terms=terms(max_floor="10", min_qty="5")) == [
        "RequestDenied D venue_lacks 99"
    ]
    held = Emulating(PLAIN)
    held.new("A", px="", ord_type="3", terms=terms(stop="95"))
    assert held.replace("B", "A", "90", "", ord_type="3", terms=terms(stop="95", min_qty="10")) == [
        "RequestDenied B venue_lacks 99"
    ]
    assert held.replace("C", "A", "90", "", ord_type="3", terms=terms(stop="94"))[-1] == "OrderReplaced C"


def test_a_replace_may_show_all_of_it(iceberg: Emulating) -> None:
    assert iceberg.replace("B", "A", "1000")[-1] == "OrderReplaced B"
    iceberg.fill("A", "x1", "300")
    assert iceberg.sends() == "35=D|11=e-1-2-1|38=700|40=2|44=10|59=0"


# -- the work ------------------------------------------------------------------------------------------------


def test_a_look_that_finds_nothing_to_be_done_changes_nothing(iceberg: Emulating) -> None:
    iceberg.new("B", "10")
    for order_id in (1, 2, 99):
        assert decide(iceberg.state, cmd.Emulate(order_id), 5) == []
    iceberg.cancel("C", "A")
    iceberg.canceled("C")
    assert decide(iceberg.state, cmd.Emulate(1), 5) == []


def test_an_order_that_is_not_emulated_says_what_it_says(iceberg: Emulating) -> None:
    iceberg.new("B")
    said = Terms(min_qty=Qty(5), max_floor=Qty(6), expire_date="20261124")
    assert sent_terms(iceberg.order("B"), said, False, 100) == said


# -- destinations, rates and questions -----------------------------------------------------------------------

ALGO = ev.DestinationDefined(0, "ALGO", SIM, "deny", terms=Terms(target_strategy="1001"))
PATIENT = ev.DestinationDefined(0, "PATIENT", SIM, "park")
KNOWS_ALGO = ev.VenueDefined(0, SIM, ("1", "2"), ("0",), ("target_strategy",))


def going_to(name: str, *more: ev.Event) -> Emulating:
    """A desk whose orders in IBM go to that destination."""
    firm = ev.FirmDefined(**{n: getattr(FIRM, n) for n in FIRM.__struct_fields__} | {"default_venue": name})
    return Emulating(*more, ALGO, PATIENT, firm)


def test_slices_for_a_brokers_algorithm_name_it_each() -> None:
    desk = going_to("ALGO", KNOWS_ALGO)
    assert desk.new("A", "200", terms=terms(max_floor="100"))[1:] == [
        "OrderEmulated SIM iceberg",
        "OrderRouted SIM e-1-1-1",
    ]
    assert desk.sends() == "35=D|11=e-1-1-1|38=100|40=2|44=10|59=0|847=1001"
    desk.fill("A", "x1", "100")
    assert desk.sends() == "35=D|11=e-1-2-1|38=100|40=2|44=10|59=0|847=1001"
    desk.replace("B", "A", "200", "11", terms=terms(max_floor="100"))
    assert desk.sends() == "35=G|11=e-1-2-2|41=e-1-2-1|38=100|40=2|44=11|59=0|847=1001"


def test_a_stop_for_a_brokers_algorithm_names_it_when_it_goes() -> None:
    desk = going_to("ALGO", KNOWS_ALGO)
    assert desk.new("A", px="", ord_type="3", terms=terms(stop="95"))[1:] == [
        "OrderEmulated SIM stop",
        "OrderHeld",
    ]
    desk.price("IBM", "95")
    assert desk.sends() == "35=D|11=e-1-1-1|38=100|40=1|59=0|847=1001"


def test_an_algorithm_that_the_venue_does_not_know_is_refused() -> None:
    desk = going_to("ALGO", PLAIN)
    assert desk.new("A", "200", terms=terms(max_floor="100")) == ["OrderDenied A venue_lacks 11"]


def test_a_destination_that_may_be_waited_for_is_waited_for() -> None:
    desk = going_to("PATIENT", PLAIN)
    desk.down()
    assert desk.new("A", "200", terms=terms(max_floor="100"))[1:] == [
        "OrderEmulated SIM iceberg",
        "OrderAccepted",
        "OrderWaits venue:SIM",
    ]
    assert desk.up() == ["SessionLoggedOn SIM", "OrderRouted SIM e-1-1-1"]


def test_slices_wait_for_the_rate_of_their_venue() -> None:
    desk = Emulating(PLAIN, ev.VenueRateDefined(0, SIM, 1, 1))
    desk.new("A", "200", terms=terms(max_floor="100"))
    assert desk.fill("A", "x1", "100")[-1] == "OrderWaits rate:SIM"
    assert next_due(desk.state, desk.now_ns) == 0
    assert list(desk.state.emulated.slowed) == list(State.load(desk.state.dump()).emulated.slowed) == [1]
    desk.now_ns += 1_000_000_000
    assert next_due(desk.state, desk.now_ns) == 1
    assert desk.do(cmd.Emulate(1)) == ["OrderRouted SIM e-1-2-1"]
    assert not desk.state.emulated.any


def test_a_new_order_waits_for_the_rate_as_well() -> None:
    desk = Emulating(PLAIN, ev.VenueRateDefined(0, SIM, 1, 1))
    desk.new("A", "200", terms=terms(max_floor="100"))
    assert desk.new("B", "200", terms=terms(max_floor="100"))[-1] == "OrderWaits rate:SIM"
    assert desk.cancel("C", "B")[-1] == "OrderCanceled C"


def test_what_is_triggered_waits_for_the_rate_and_is_not_forgotten() -> None:
    desk = trailing()
    desk._take(ev.VenueRateDefined(0, SIM, 1, 1))
    desk.new("B")
    assert desk.price("IBM", "88")[1:] == ["OrderTriggered", "OrderWaits rate:SIM"]
    desk.now_ns += 1_000_000_000
    assert desk.do(cmd.Emulate(next_due(desk.state, desk.now_ns))) == ["OrderRouted SIM e-1-1-1"]


def test_nothing_is_sent_while_a_venue_is_being_asked(iceberg: Emulating) -> None:
    """It may have another order that nobody has heard of."""
    iceberg.new("B")
    iceberg.halt("symbol", "IBM")
    iceberg.fill("A", "x1", "300")
    iceberg.down()
    iceberg.up()
    assert iceberg.resume("symbol", "IBM") == ["TradingResumed symbol IBM", "OrderWaits venue:SIM"]
    assert iceberg.stands("B", OrdStatus.NEW)[-1] == "OrderRouted SIM e-1-2-1"
