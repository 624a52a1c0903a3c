"""Which venue takes an order, and what a venue that is down means."""

from typing import Any

import pytest

from oms.core import events as ev
from oms.core.routing import choose_venue, venue_down
from tests.core.desk import ALPHA, INSTRUMENTS, LSE, REFERENCE_DATA, SIM, Desk, terms

VENUES = (
    # symbol   market    venue
    ("IBM",    "XNYS",   SIM),
    ("VOD",    "XLON",   LSE),
    ("TOY",    "XTKS",   SIM),
)  # fmt: skip


@pytest.mark.parametrize(("symbol", "market", "venue"), VENUES)
def test_the_market_names_the_venue_or_the_default_takes_it(symbol: str, market: str, venue: str) -> None:
    instrument = {i.symbol: i for i in INSTRUMENTS}[symbol]
    assert instrument.market == market
    assert choose_venue(Desk().state, instrument) == venue


def test_an_order_goes_to_the_venue_of_its_market() -> None:
    assert Desk().new("A", "10", "80", symbol="VOD", account="ACC") == [
        "OrderReceived A",
        "OrderRouted LSE e-1-1-1",
    ]


def test_a_venue_that_never_logged_on_takes_nothing() -> None:
    desk = Desk(up=())
    assert desk.new("A") == ["OrderDenied A venue_down 2"]
    assert desk.up(SIM) == ["SessionLoggedOn SIM"]
    assert desk.new("B") == ["OrderReceived B", "OrderRouted SIM e-2-1-1"]


def test_a_venue_that_logged_out_takes_no_order_no_cancel_and_no_replace() -> None:
    desk = Desk()
    desk.new("A")
    desk.ack()
    assert desk.down(SIM) == ["SessionLoggedOut SIM"]
    assert desk.new("B") == ["OrderDenied B venue_down 2"]
    assert desk.cancel("C", "A") == ["RequestDenied C venue_down 99"]
    assert desk.replace("D", "A", "50") == ["RequestDenied D venue_down 99"]
    assert desk.now() == "new 0 of 100, 100 open, as A"
    assert desk.new("E", "10", "80", symbol="VOD", account="ACC") == [
        "OrderReceived E",
        "OrderRouted LSE e-3-1-1",
    ]


def test_a_start_of_the_engine_finds_every_session_down() -> None:
    desk = Desk(REFERENCE_DATA[0])
    assert desk.state.sessions_up == set()
    assert desk.new("A") == ["OrderDenied A venue_down 2"]


def test_a_client_that_is_down_has_no_say_in_where_orders_go() -> None:
    desk = Desk()
    desk.down(ALPHA)
    assert venue_down(desk.state, SIM) is None


def test_logging_out_twice_is_said_once() -> None:
    desk = Desk()
    assert desk.down(SIM) == ["SessionLoggedOut SIM"]
    assert desk.down(SIM) == []


# -- what a venue can do -------------------------------------------------------------------------------------

PLAIN = ev.VenueDefined(0, SIM, ("1", "2"), ("0", "3"), ("exec_inst", "min_qty"))

ASKED: tuple[tuple[dict[str, Any], str], ...] = (
    # what is asked                                                 what the venue lacks
    ({},                                                           ""),
    ({"tif": "3"},                                                 ""),
    ({"terms": terms(exec_inst="G", min_qty="10")},                ""),
    ({"px": "", "ord_type": "P"},                                  "OrdType P"),
    ({"tif": "4"},                                                 "TimeInForce 4"),
    ({"tif": "2"},                                                 "TimeInForce 2"),
    ({"terms": terms(exec_inst="1", target_strategy="2")},         "target_strategy"),
    ({"terms": terms(min_qty="10", participation_rate="0.1")},     "participation_rate"),
)  # fmt: skip


@pytest.mark.parametrize(("asked", "lacking"), ASKED, ids=[f"{asked}" for asked, _ in ASKED])
def test_what_a_venue_lacks_is_denied_before_it_leaves(asked: dict[str, Any], lacking: str) -> None:
    desk = Desk(PLAIN)
    found = desk.new("A", **asked)
    if not lacking:
        assert found == ["OrderReceived A", "OrderRouted SIM e-1-1-1"]
        return
    assert found == ["OrderDenied A venue_lacks 11"]
    denied = desk.events[-1]
    assert isinstance(denied, ev.OrderDenied)
    assert denied.text == f"venue SIM does not support {lacking}"


def test_a_venue_of_which_nothing_is_known_does_everything() -> None:
    desk = Desk(PLAIN)
    for n, (asked, _) in enumerate(ASKED):
        more = asked if asked.get("px") == "" else {"px": "80", **asked}
        assert desk.new(f"V{n}", "10", symbol="VOD", account="ACC", **more)[0].startswith("OrderReceived")


def test_a_control_of_ours_answers_before_the_venue() -> None:
    assert Desk(PLAIN).new("A", "0.5", tif="4") == ["OrderDenied A lot_size 13"]


def test_a_replace_to_what_a_venue_lacks_is_denied() -> None:
    desk = Desk(PLAIN)
    desk.new("A")
    desk.ack()
    assert desk.replace("B", "A", "90", terms=terms(max_floor="10")) == ["RequestDenied B venue_lacks 99"]
    assert desk.replace("C", "A", "90", terms=terms(min_qty="10"))[0] == "ReplaceRequested C A 90 10"


def test_an_order_that_is_held_cannot_be_replaced_by_what_its_venue_lacks() -> None:
    """It would be sent when its stop price is reached, and nobody could refuse it any more."""
    desk = Desk(PLAIN)
    assert desk.new("A", px="", ord_type="3", terms=terms(stop="95"))[1] == "OrderHeld"
    replaced = desk.replace("B", "A", "90", "", ord_type="3", terms=terms(stop="95", max_floor="10"))
    assert replaced == ["RequestDenied B venue_lacks 99"]
    replaced = desk.replace("C", "A", "90", "", ord_type="3", terms=terms(stop="96", min_qty="10"))
    assert replaced[-1] == "OrderReplaced C"


def test_the_last_definition_of_a_venue_holds() -> None:
    desk = Desk(PLAIN, ev.VenueDefined(0, SIM, ("1", "2"), ("0", "4"), ()))
    assert desk.new("A", tif="4") == ["OrderReceived A", "OrderRouted SIM e-1-1-1"]
    assert desk.new("B", tif="3") == ["OrderDenied B venue_lacks 11"]
